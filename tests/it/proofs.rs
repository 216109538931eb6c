//! Proofs of events and of answers, checked by somebody who has not the log.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use demarche::record::event_proof::EventProof;
use serde_json::Value;

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::demo();
    desk.write(
        "sealed.jsonl",
        r#"{"kind":"incident","id":"hidden","summary":"Seen at night.","sealed":{"informant":"N. N."}}"#,
    );
    desk.ok(&["append", "sealed.jsonl"]);
    desk.ok(&["checkpoint"]);
    desk
}

fn vkey(desk: &Desk) -> String {
    desk.json(&["key", "--json"])["vkey"].as_str().unwrap().to_owned()
}

#[test]
fn every_event_can_be_proved_under_every_later_checkpoint() {
    let desk = desk();
    for size in 0..3 {
        let line = format!("{{\"kind\":\"topic\",\"id\":\"t{size}\",\"name\":\"x\"}}");
        desk.write("more.jsonl", &line);
        desk.ok(&["append", "more.jsonl"]);
        desk.ok(&["checkpoint"]);
    }
    let (key, elsewhere) = (vkey(&desk), Desk::new());
    for seq in [0, 1, 33, 64, 65, 67] {
        let text = desk.ok(&["prove", &format!("@{seq}")]);
        elsewhere.write("p.tlog-proof", &text);
        let checked = elsewhere.json(&["check", "p.tlog-proof", "--vkey", &key, "--json"]);
        assert_eq!((&checked["ok"], &checked["seq"]), (&true.into(), &seq.into()));
        assert_eq!(checked["signatures"]["trusted"], true);
        assert_eq!(checked["checkpoint"]["size"], 68, "the newest, where no witness sees any");
    }
    let (code, said) = desk.refused(&["prove", "@68"]);
    assert_eq!(code, Some(2), "{said}");
}

/// What would break: a proof that was printed and saved would hold no more, since what joins the letters of a Persian word
/// was shown escaped in it, or what no terminal is given was left out.
#[test]
fn what_is_printed_to_be_saved_is_what_was_made() {
    let (desk, summary) = (desk(), "\u{645}\u{6cc}\u{200c}\u{631}\u{648}\u{62f}\u{7f}");
    let said = serde_json::json!({"kind":"statement","by":"india","topic":"pahalgam-attack","summary":summary});
    desk.write("said.jsonl", &said.to_string());
    desk.ok(&["append", "said.jsonl"]);
    desk.ok(&["checkpoint"]);
    let prove = ["prove", "--for-answer", "--to", "2025-05-01"];
    let printed = desk.ok(&prove);
    assert!(printed.contains(summary));
    desk.write("p.jsonl", &printed);
    desk.ok(&["check", "p.jsonl", "--vkey", &vkey(&desk)]);
    desk.ok(&[&prove[..], &["--out", "written.jsonl"]].concat());
    assert_eq!(fs::read_to_string(desk.path().join("written.jsonl")).unwrap(), printed);
}

#[test]
fn every_flipped_bit_of_a_proof_is_refused() {
    let desk = desk();
    let (key, text) = (vkey(&desk), desk.ok(&["prove", "hidden"]));
    let key = demarche::record::note::VerifierKey::parse(&key).unwrap();
    let policy = demarche::record::policy::Policy::of_logs(vec![key]);
    let trusted = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok()?;
        let checked = demarche::event_log::prove::check(text, Some(&policy)).ok()?;
        checked.judgement.filter(|judgement| judgement.is_trusted())
    };
    assert!(trusted(text.as_bytes()).is_some());
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1 << bit;
            assert!(trusted(&changed).is_none(), "byte {at} bit {bit}");
        }
    }
    for cut in 0..text.len() {
        assert!(trusted(&text.as_bytes()[..cut]).is_none(), "cut at {cut}");
    }
}

/// A proof with its extra data changed, everything else as it was.
fn with_extra(text: &str, change: impl Fn(&mut Value)) -> String {
    let mut proof = EventProof::parse(text).unwrap();
    let mut extra: Value = serde_json::from_slice(proof.extra.as_ref().unwrap()).unwrap();
    change(&mut extra);
    let canonical = demarche::record::json::parse(&serde_json::to_vec(&extra).unwrap())
        .map(|value| demarche::record::json::canonical(&value))
        .unwrap();
    proof.extra = Some(canonical);
    proof.to_string()
}

#[test]
fn what_a_proof_opens_is_held_against_its_header() {
    let desk = desk();
    let (open, other) = (desk.ok(&["prove", "hidden"]), desk.ok(&["prove", "@40"]));
    desk.ok(&["disclose", "hidden", "--out", "sealed.tlog-proof"]);
    let sealed = fs::read_to_string(desk.path().join("sealed.tlog-proof")).unwrap();
    let refused = |what: &str, text: &str, words: &str| {
        desk.write("bad.tlog-proof", text);
        let (code, said) = desk.refused(&["check", "bad.tlog-proof"]);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains(words), "{what}: {said}");
    };
    let payload = |text: &'static str| {
        move |extra: &mut Value| {
            let old = extra["event"]["payload"].as_str().unwrap();
            extra["event"]["payload"] = old.replace("Seen at night.", text).into();
        }
    };
    refused(
        "another payload",
        &with_extra(&open, payload("Seen by day.")),
        "not the one its header commits to",
    );
    let salt = |extra: &mut Value| extra["event"]["salt"] = "00".repeat(32).into();
    refused("another salt", &with_extra(&open, salt), "not the one its header commits to");
    let informant =
        |extra: &mut Value| extra["event"]["sealed"] = r#"{"informant":"M. M."}"#.into();
    refused("another sealed part", &with_extra(&sealed, informant), "sealed part is not the one");
    let theirs: Value =
        serde_json::from_slice(&EventProof::parse(&other).unwrap().extra.unwrap()).unwrap();
    let swapped = |extra: &mut Value| extra["event"] = theirs["event"].clone();
    refused("another event", &with_extra(&open, swapped), "it says that it is number 40");
    refused(
        "an unknown key",
        &with_extra(&open, |extra| extra["more"] = 1.into()),
        "a key that is not known",
    );
    refused(
        "no event",
        &with_extra(&open, |extra| *extra = serde_json::json!({})),
        "it has no event",
    );
    refused(
        "no extra data",
        &open
            .lines()
            .filter(|line| !line.starts_with("extra"))
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
        "holds no event",
    );
    // Taken away, it is withheld, not altered: nothing false is said.
    let bare = with_extra(&open, |extra| {
        extra["event"]["payload"] = Value::Null;
        extra["event"].as_object_mut().unwrap().remove("salt");
    });
    desk.write("bare.tlog-proof", &bare);
    assert!(desk.ok(&["check", "bare.tlog-proof"]).contains("its content is not in the proof"));
}

#[test]
fn a_sealed_part_is_opened_to_nobody_unless_it_is_disclosed() {
    let desk = desk();
    desk.ok(&["prove", "hidden", "--out", "p.tlog-proof"]);
    desk.ok(&["replay", "--to", "2025-05-03", "--proof", "full.jsonl"]);
    desk.ok(&["prove", "--for-answer", "--to", "2025-05-03", "--out", "short.jsonl"]);
    desk.ok(&["export", "--out", "e.jsonl"]);
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    let says = |name: &str| {
        let text = fs::read_to_string(desk.path().join(name)).unwrap();
        let extra = text.lines().find_map(|line| line.strip_prefix("extra ")).unwrap_or_default();
        let extra = STANDARD.decode(extra).unwrap();
        text.contains("N. N.") || String::from_utf8_lossy(&extra).contains("N. N.")
    };
    for name in ["p.tlog-proof", "full.jsonl", "short.jsonl", "e.jsonl"] {
        assert!(!says(name), "{name}");
    }
    desk.ok(&["disclose", "hidden", "--out", "one.tlog-proof"]);
    assert!(says("one.tlog-proof"));
    let checked = desk.json(&["check", "one.tlog-proof", "--vkey", &vkey(&desk), "--json"]);
    assert_eq!(checked["sealed"]["informant"], "N. N.");
    assert!(
        desk.ok(&["check", "p.tlog-proof"])
            .contains("it has a sealed part, which is not disclosed")
    );
    let (code, said) = desk.refused(&["disclose", "@40", "--out", "x"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("has no sealed part"), "{said}");
}

#[test]
fn a_policy_decides_whom_to_trust() {
    let desk = desk();
    let key = vkey(&desk);
    desk.ok(&["prove", "@40", "--out", "p.tlog-proof"]);
    desk.ok(&["prove", "--for-answer", "--to", "2025-05-01", "--out", "short.jsonl"]);
    desk.ok(&["replay", "--to", "2025-05-01", "--proof", "full.jsonl"]);
    let stranger = Desk::demo();
    let public = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key().to_bytes();
    let cosigner = demarche::record::note::Algorithm::Cosignature;
    let witness =
        demarche::record::note::VerifierKey::new("witness.example/w", cosigner, &public).unwrap();
    desk.write("good", &format!("log {key}\nquorum none\n"));
    desk.write("other", &format!("log {}\nquorum none\n", vkey(&stranger)));
    desk.write("strict", &format!("log {key}\nwitness w {witness}\nquorum w\n"));
    desk.write("broken", "log\n");
    for proof in ["p.tlog-proof", "short.jsonl", "full.jsonl"] {
        assert!(desk.ok(&["check", proof, "--policy", "good"]).contains("signed by"), "{proof}");
        assert!(desk.ok(&["check", proof]).contains("NOT CHECKED"), "{proof}");
        for (policy, words) in
            [("other", "no key of the log that is trusted"), ("strict", "quorum is not met")]
        {
            let (code, said) = desk.refused(&["check", proof, "--policy", policy]);
            assert_eq!(code, Some(1), "{proof} {policy}: {said}");
            assert!(said.contains(words), "{proof} {policy}: {said}");
        }
        let (code, said) = desk.refused(&["check", proof, "--policy", "broken"]);
        assert_eq!(code, Some(2), "{said}");
    }
}

#[test]
fn the_short_proof_of_an_answer_holds_and_says_less() {
    let desk = desk();
    let key = vkey(&desk);
    desk.ok(&["prove", "--for-answer", "--to", "2025-04-24", "--out", "short.jsonl"]);
    desk.ok(&["replay", "--to", "2025-04-24", "--proof", "full.jsonl"]);
    let elsewhere = Desk::new();
    for name in ["short.jsonl", "full.jsonl"] {
        elsewhere.write(name, &fs::read_to_string(desk.path().join(name)).unwrap());
    }
    let check = |name: &str| elsewhere.json(&["check", name, "--vkey", &key, "--json"]);
    let (short, full) = (check("short.jsonl"), check("full.jsonl"));
    crate::schemas::check("check", &short);
    assert_eq!(short["head"]["root"], full["head"]["root"]);
    // The long form opens the genesis, too.
    let open = |checked: &Value| checked["open"].as_u64().unwrap();
    assert_eq!((open(&short), &short["complete"]), (open(&full) - 1, &false.into()));
    assert_eq!(full["complete"], true);

    let text = fs::read_to_string(desk.path().join("short.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let refused = |what: &str, text: String| {
        elsewhere.write("bad.jsonl", &text);
        let (code, said) = elsewhere.refused(&["check", "bad.jsonl", "--vkey", &key]);
        assert_eq!(code, Some(1), "{what}: {said}");
    };
    let claim: Value = serde_json::from_str(lines[0]).unwrap();
    let all = |list: &str| claim["answer"][list].as_array().unwrap().clone();
    let measures =
        all("measures").into_iter().flat_map(|one| one["deciding"].as_array().unwrap().clone());
    let positions = all("positions").into_iter().map(|one| one["event"].clone());
    let deciding: Vec<String> =
        measures.chain(positions).map(|id| id.as_str().unwrap().to_owned()).collect();
    assert!(deciding.len() >= 9, "{deciding:?}");
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        // A source or an actor may change no answer; what decides a measure does, and what a position rests on.
        let decides =
            deciding.iter().any(|id| lines[at].contains(&format!("\\\"id\\\":\\\"{id}\\\"")));
        if decides || at == 0 || at + 1 == lines.len() {
            refused(&format!("without line {at}"), without.join("\n") + "\n");
        }
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        refused(&format!("line {at} twice"), twice.join("\n") + "\n");
    }
    refused("its end cut off", text.trim_end().to_owned());
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    refused("two events swapped", swapped.join("\n") + "\n");
    refused("another answer", text.replacen("\"status\":\"in_force\"", "\"status\":\"ended\"", 1));
    refused("another question", text.replacen("\"to\":\"2025-04-24\"", "\"to\":\"2025-04-22\"", 1));
    for at in (0..text.len()).step_by(211) {
        let mut flipped = text.clone().into_bytes();
        flipped[at] ^= 1;
        if let Ok(flipped) = String::from_utf8(flipped) {
            refused(&format!("byte {at} flipped"), flipped);
        }
    }
}

#[test]
fn what_says_two_things_is_not_shown_as_one() {
    for (what, from, to) in [
        ("a key twice", "{\"", "{\"id\":\"x\",\""),
        ("another kind", "\"kind\":\"", "\"kind\":\"x-"),
        ("no JSON", "}", ""),
    ] {
        let desk = Desk::demo();
        let mut all = crate::forger::events(&desk);
        crate::forger::edit(&mut all[40], from, to);
        crate::forger::rehash(&mut all);
        crate::forger::put(&desk, &all, &[]);
        desk.ok(&["checkpoint"]);
        let (code, said) = desk.refused(&["prove", "@40"]);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains("no log takes it in"), "{what}: {said}");
    }
}

#[test]
fn a_proof_does_not_drive_the_terminal() {
    // An answer that rests on nothing names no log but the checkpoint's.
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk.ok(&["checkpoint"]);
    let key = demarche::record::note::NoteSigner::from_seed("x", &[1; 32]).unwrap();
    let root = demarche::record::tree::Root([1; 32]);
    let origin = "\u{9b}2Jdesk\u{202e}".to_owned();
    let checkpoint = demarche::record::checkpoint::Checkpoint { origin, size: 1, root };
    let note = checkpoint.sign(&[&key]).unwrap().to_string();
    desk.ok(&["prove", "--for-answer", "--to", "1900-01-01", "--out", "short.jsonl"]);
    let text = fs::read_to_string(desk.path().join("short.jsonl")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let forged = serde_json::json!({ "checkpoint": note }).to_string();
    *lines.last_mut().unwrap() = &forged;
    desk.write("forged.jsonl", &(lines.join("\n") + "\n"));
    let said = desk.ok(&["check", "forged.jsonl"]);
    assert!(!said.contains(['\u{9b}', '\u{202e}']), "{said:?}");
    assert!(said.contains("\\u{9b}2Jdesk\\u{202e}"), "{said:?}");
}

#[test]
#[cfg(unix)]
fn what_holds_more_than_a_proof_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = desk();
    desk.ok(&["disclose", "hidden", "--out", "sealed.tlog-proof"]);
    desk.ok(&["export", "--include-sealed", "--out", "all.jsonl"]);
    for name in ["sealed.tlog-proof", "all.jsonl"] {
        let mode = fs::metadata(desk.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_key_of_a_witness_is_not_that_of_a_log() {
    let desk = desk();
    desk.ok(&["prove", "hidden", "--out", "p.tlog-proof"]);
    let key = demarche::record::note::VerifierKey::parse(&vkey(&desk)).unwrap();
    let cosigner = demarche::record::note::Algorithm::Cosignature;
    let other =
        demarche::record::note::VerifierKey::new(key.name(), cosigner, key.bytes()).unwrap();
    let (code, said) = desk.refused(&["check", "p.tlog-proof", "--vkey", &other.to_string()]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the key of a witness"), "{said}");
}

#[test]
fn a_policy_without_witnesses_chooses_the_checkpoint_that_meets_it() {
    let desk = desk();
    let old = vkey(&desk);
    desk.ok(&["key", "rotate"]);
    desk.ok(&["checkpoint"]);
    desk.ok(&["key", "retire"]);
    desk.ok(&["checkpoint"]);
    let new = vkey(&desk);
    for (name, key) in [("old", &old), ("new", &new)] {
        desk.write(name, &format!("log {key}\nquorum none\n"));
        let (proof, answer) = (format!("{name}.proof"), format!("{name}.answer"));
        desk.ok(&["prove", "@40", "--policy", name, "--out", &proof]);
        desk.ok(&[
            "prove",
            "--for-answer",
            "--to",
            "2025-05-01",
            "--policy",
            name,
            "--out",
            &answer,
        ]);
        for file in [&proof, &answer] {
            desk.ok(&["check", file, "--policy", name]);
        }
    }
    // The retirement itself is covered by no checkpoint that the old key signed.
    let retired = format!("@{}", desk.json(&["key", "--json"])["keys"][0]["retired"]);
    let (code, said) = desk.refused(&["prove", &retired, "--policy", "old", "--out", "x"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no checkpoint that covers it is signed as the policy asks"), "{said}");
    assert!(!desk.path().join("x").exists());
    // Whoever trusts the old key is told of the new one by the log, or by an export of it.
    desk.ok(&["export", "--out", "e.jsonl"]);
    desk.ok(&["checkpoint", "--out", "last.note"]);
    for args in [&["verify"][..], &["verify", "e.jsonl"]] {
        let report = desk.ok(&[args, &["--vkey", &old, "--checkpoint", "last.note"]].concat());
        assert!(
            report.contains(&format!("trusts {old}, and the log says that it endorsed {new}")),
            "{report}"
        );
    }
    let stranger = vkey(&Desk::demo());
    let (code, _) =
        desk.refused(&["verify", "e.jsonl", "--vkey", &stranger, "--checkpoint", "last.note"]);
    assert_eq!(code, Some(1));
    // An export brings no checkpoint of its own, which is what to do about it.
    let unmet = "no checkpoint of this log is signed as the policy asks";
    for (args, hint) in
        [(&["verify", "e.jsonl"][..], "--checkpoint FILE"), (&["verify"], "demarche witness ask")]
    {
        let output = desk.run(&[args, &["--vkey", &stranger]].concat());
        assert!(String::from_utf8(output.stdout).unwrap().contains(unmet));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn the_wrong_file_and_the_wrong_key_are_named() {
    let desk = desk();
    let key = vkey(&desk);
    desk.ok(&["checkpoint", "--out", "c.note"]);
    desk.ok(&["export", "--out", "e.jsonl"]);
    desk.ok(&["prove", "@40", "--out", "p"]);
    desk.ok(&["replay", "--to", "2025-05-01", "--proof", "a.jsonl"]);
    desk.write("key.txt", &key);
    let stranger = vkey(&Desk::demo());
    let (name, id) = (key.split('+').next().unwrap(), key.split('+').nth(1).unwrap());
    for (args, expected, words) in [
        (&["check", "c.note"][..], 2, "that is a checkpoint, not a proof"),
        (&["check", "e.jsonl"], 2, "that is an export, not a proof"),
        (&["verify", "c.note"], 2, "is no export"),
        (&["verify", "p"], 2, "is no export"),
        (&["verify", "a.jsonl"], 2, "is no export"),
        (&["verify", "log"], 2, "demarche verify --log"),
        (&["verify", "--checkpoint", "e.jsonl"], 2, "is no checkpoint"),
        (&["check", "p", "--vkey", "key.txt"], 2, "the key itself is meant"),
        (&["check", "p", "--vkey", &stranger], 1, &format!("signed by {name}+{id}")),
        (&["prove", "@40", "--to", "2025-05-01", "--out", "x"], 2, "at no date"),
        (&["erase", "indus-waters-treaty-suspension", "--why", "x"], 2, ""),
    ] {
        let (code, said) = desk.refused(args);
        assert_eq!(code, Some(expected), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    assert_eq!(desk.ok(&["key", "--vkey"]).trim(), key);
    assert!(desk.ok(&["show", "hidden", "--sealed"]).contains("N. N."));
    assert!(!desk.ok(&["show", "hidden", "--json"]).contains("N. N."));
}
