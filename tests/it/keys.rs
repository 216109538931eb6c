//! Signing keys: who can read them, what follows from a rotation, what a checker makes of it.

use std::fs;

use demarche::record::note::{Note, NoteSigner};

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk
}

fn vkey(desk: &Desk) -> String {
    desk.json(&["key", "--json"])["vkey"].as_str().unwrap().to_owned()
}

fn lines_of(note: &str) -> usize {
    note.lines().filter(|line| line.starts_with('—')).count()
}

#[test]
fn a_key_is_named_by_the_genesis_and_signs() {
    let desk = desk();
    let note = desk.ok(&["checkpoint"]);
    assert_eq!(lines_of(&note), 1);
    assert_eq!(desk.ok(&["checkpoint"]), note, "the same log gives the same note");
    let journal = desk.path().join("log/journal/example.org%2Fdesk.jsonl");
    assert_eq!(fs::read_to_string(journal).unwrap().lines().count(), 2, "and it is kept once");
    let shown = desk.ok(&["show", "@0"]);
    assert!(shown.contains(&vkey(&desk)), "{shown}");
}

#[test]
#[cfg(unix)]
fn a_key_that_others_can_read_is_refused_and_none_is_ever_shown() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk();
    let path = desk.path().join("log/key");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&desk.path().join("log/journal")), 0o700);
    assert_eq!(mode(&desk.path().join("log/journal/example.org%2Fdesk.jsonl")), 0o600);
    let secret = fs::read_to_string(&path).unwrap();
    // The secret itself may hold a plus sign.
    let secret = secret.trim().splitn(5, '+').nth(4).unwrap();
    assert!(secret.len() > 40, "{secret}");
    for bad in [0o640, 0o604, 0o660, 0o666, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(bad)).unwrap();
        let (code, said) = desk.refused(&["checkpoint"]);
        assert_eq!(code, Some(2), "{bad:o}: {said}");
        assert!(said.contains("can be read by others") && said.contains("chmod 600"), "{said}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    // A file that is no key is refused without showing what it holds.
    fs::write(&path, format!("PRIVATE+KEY+example.org/desk+00000000+{secret}\n")).unwrap();
    for args in [&["checkpoint"][..], &["key"], &["key", "--json"], &["key", "rotate"]] {
        let output = desk.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        for printed in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(printed).contains(secret), "{args:?}");
        }
    }
}

#[test]
fn during_a_rotation_both_keys_sign_and_afterwards_the_new_one_alone() {
    let desk = desk();
    let old = vkey(&desk);
    desk.ok(&["checkpoint", "--out", "before.note"]);
    desk.ok(&["key", "rotate"]);
    let new = vkey(&desk);
    assert_ne!(old, new);
    // No checkpoint was signed since.
    let said = desk.run(&["prove", "@0", "--out", "before.tlog-proof"]);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains(&format!("demarche check before.tlog-proof --vkey {old}")), "{said}");
    desk.ok(&["check", "before.tlog-proof", "--vkey", &old]);
    let (code, said) = desk.refused(&["key", "rotate"]);
    assert_eq!(code, Some(2), "one rotation at a time: {said}");
    let both = desk.ok(&["checkpoint", "--out", "both.note"]);
    assert_eq!(lines_of(&both), 2, "{both}");
    desk.ok(&["prove", "@1", "--out", "p.tlog-proof"]);
    for key in [&old, &new] {
        desk.ok(&["check", "p.tlog-proof", "--vkey", key]);
    }
    desk.ok(&["key", "retire"]);
    assert!(!desk.path().join("log/key.former").exists());
    let (code, said) = desk.refused(&["key", "retire"]);
    assert_eq!(code, Some(2), "there is no other key: {said}");
    let after = desk.ok(&["checkpoint"]);
    assert_eq!(lines_of(&after), 1);
    desk.ok(&["prove", "@2", "--out", "q.tlog-proof"]);
    desk.ok(&["check", "q.tlog-proof", "--vkey", &new]);
    let (code, said) = desk.refused(&["check", "q.tlog-proof", "--vkey", &old]);
    assert_eq!(code, Some(1), "the old key says nothing of what came after it: {said}");
    // Every checkpoint stands, each signed by the keys of its time.
    let given = ["--checkpoint", "before.note", "--checkpoint", "both.note"];
    let report = desk.json(&[&["verify", "--json"], &given[..]].concat());
    assert_eq!(report["ok"], true, "{report:#}");
    let keys = desk.json(&["key", "--json"]);
    assert_eq!(keys["keys"][0]["retired"], 2);
    assert_eq!(keys["keys"][1]["endorsed"], true);
}

#[test]
fn the_policy_beside_the_log_follows_its_keys() {
    let desk = desk();
    let public = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key().to_bytes();
    let cosigner = demarche::record::note::Algorithm::Cosignature;
    let key = |name: &str, public: &[u8; 32]| {
        demarche::record::note::VerifierKey::new(name, cosigner, public).unwrap().to_string()
    };
    assert_eq!(desk.ok(&["witness", "list"]), format!("log {}\nquorum none\n", vkey(&desk)));
    desk.ok(&["witness", "add", &key("w.example/1", &public), "http://127.0.0.1:9/"]);
    let logs = || {
        let policy = desk.ok(&["witness", "list"]);
        let logs = policy.lines().filter_map(|line| line.strip_prefix("log "));
        logs.map(str::to_owned).collect::<Vec<_>>()
    };
    let old = vkey(&desk);
    assert_eq!(logs(), std::slice::from_ref(&old));
    desk.ok(&["key", "rotate"]);
    assert_eq!(logs(), [old.clone(), vkey(&desk)]);
    desk.ok(&["key", "retire"]);
    let new = vkey(&desk);
    assert_eq!(logs(), std::slice::from_ref(&new));
    // As it is left by what changed the keys, and was cut off before the policy followed.
    let policy = desk.ok(&["witness", "list"]);
    for (args, code) in [(&["key"][..], 0), (&["witness", "ask"], 2)] {
        desk.write("log/policy", &policy.replace(&new, &old));
        let examined = desk.ok(&["doctor"]);
        assert!(examined.contains("it names other keys of this log than those that sign"));
        let output = desk.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        assert_eq!(logs(), std::slice::from_ref(&new), "{args:?}");
    }
    // A second witness of the same key or name is refused, and so is adding to a policy that was written by hand.
    for args in [
        ["witness", "add", &key("w.example/1", &public), "http://127.0.0.1:9/"],
        ["witness", "add", &vkey(&desk), "http://127.0.0.1:9/"],
        ["witness", "add", "nonsense", "http://127.0.0.1:9/"],
        ["witness", "add", &key("w.example/2", &[9; 32]), "ftp://127.0.0.1:9/"],
    ] {
        let (code, said) = desk.refused(&args);
        assert_eq!(code, Some(2), "{args:?}: {said}");
    }
    let policy = desk.ok(&["witness", "list"]);
    let grouped = policy
        .replace("quorum ", "group own 1 w.example/1\nquorum own #")
        .replace(" #w.example/1", "");
    desk.write("log/policy", &grouped);
    let other = ed25519_dalek::SigningKey::from_bytes(&[6; 32]).verifying_key().to_bytes();
    let (code, said) =
        desk.refused(&["witness", "add", &key("w.example/2", &other), "http://127.0.0.1:9/"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("groups of its own"), "{said}");
}

#[test]
fn a_retired_key_signs_no_more() {
    let desk = desk();
    fs::copy(desk.path().join("log/key"), desk.path().join("stolen")).unwrap();
    desk.ok(&["key", "rotate"]);
    desk.ok(&["key", "retire"]);
    desk.ok(&["checkpoint"]);
    let (code, said) = desk.refused(&["checkpoint", "--key", "stolen"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is not one that signs for this log"), "{said}");
    // Signed with it all the same, by another program, it is named.
    let text = fs::read_to_string(desk.path().join("stolen")).unwrap();
    let stolen = demarche::record::note::NoteSigner::parse(text.trim()).unwrap();
    let printed = desk.ok(&["checkpoint"]);
    let (_, checkpoint) =
        demarche::record::checkpoint::Checkpoint::parse_note(printed.as_bytes()).unwrap();
    desk.write("forged.note", &checkpoint.sign(&[&stolen]).unwrap().to_string());
    let output = desk.run(&["verify", "--checkpoint", "forged.note"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("signed by no key that this log had at 3 events"), "{said}");
}

#[test]
fn a_lost_key_is_replaced_and_that_it_is_not_endorsed_is_said() {
    let desk = desk();
    desk.ok(&["checkpoint"]);
    fs::remove_file(desk.path().join("log/key")).unwrap();
    let (code, said) = desk.refused(&["checkpoint"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("there is no signing key") && said.contains("demarche key new"),
        "{said}"
    );
    let (code, _) = desk.refused(&["key", "rotate"]);
    assert_eq!(code, Some(2), "nothing endorses without the key");
    desk.ok(&["key", "new"]);
    let (code, said) = desk.refused(&["key", "new"]);
    assert_eq!(code, Some(2), "{said}");
    desk.ok(&["checkpoint"]);
    let report = desk.ok(&["verify"]);
    assert!(report.contains("No earlier key endorsed"), "{report}");
    // A log without a key can have one later, too.
    let other = Desk::new();
    other.ok(&["init", "--origin", "example.org/other", "--no-key"]);
    assert_eq!(other.json(&["key", "--json"])["vkey"], serde_json::Value::Null);
    other.ok(&["verify"]);
    other.ok(&["key", "new"]);
    other.ok(&["checkpoint"]);
}

#[test]
fn a_rotation_that_cannot_be_recorded_leaves_the_key_as_it_was() {
    let desk = desk();
    let before = fs::read_to_string(desk.path().join("log/key")).unwrap();
    // A store whose last event is gone: nothing can be appended.
    let all = crate::forger::events(&desk);
    let mut broken = all.clone();
    broken[0].payload = demarche::store::Part::Present { salt: [0; 32], bytes: b"{}".to_vec() };
    crate::forger::put(&desk, &broken, &[]);
    let (code, _) = desk.refused(&["key", "rotate"]);
    assert_eq!(code, Some(1));
    assert_eq!(fs::read_to_string(desk.path().join("log/key")).unwrap(), before);
    assert!(!desk.path().join("log/key.former").exists());
    // What the log never came to name is what the next rotation adds.
    crate::forger::put(&desk, &all, &[]);
    let left = desk.path().join("log/key.new");
    fs::copy(desk.path().join("log/key"), &left).unwrap();
    let new = NoteSigner::from_seed("example.org/desk", &[7; 32]).unwrap();
    fs::write(&left, new.secret_text()).unwrap();
    let left = new.secret_text();
    assert_eq!(lines_of(&desk.ok(&["checkpoint"])), 1);
    assert_eq!(fs::read_to_string(desk.path().join("log/key.new")).unwrap(), left);
    desk.ok(&["key", "rotate"]);
    assert!(!desk.path().join("log/key.new").exists());
    assert_eq!(fs::read_to_string(desk.path().join("log/key")).unwrap(), left);
    assert_eq!(lines_of(&desk.ok(&["checkpoint"])), 2);
}

/// What would break: a command on an older copy of a log would take away the only copy of the key that the log itself names.
#[test]
fn a_key_that_this_copy_does_not_name_is_left_alone() {
    let desk = Desk::new();
    fs::create_dir(desk.path().join("safe")).unwrap();
    let run = |args: &[&str]| desk.ok(&[args, &["--key", "safe/key"]].concat());
    run(&["init", "--origin", "example.org/desk"]);
    run(&["backup", "kept"]);
    crate::forger::copy(&desk.path().join("log"), &desk.path().join("older"));
    run(&["key", "rotate"]);
    // As a crash between the event and the names of the files leaves it.
    let name = |name: &str| desk.path().join("safe").join(name);
    fs::rename(name("key"), name("key.new")).unwrap();
    fs::rename(name("key.former"), name("key")).unwrap();
    let new = fs::read_to_string(name("key.new")).unwrap();
    run(&["key", "--log", "kept"]);
    run(&["key", "--log", "older"]);
    run(&["checkpoint", "--log", "older"]);
    assert_eq!(fs::read_to_string(name("key.new")).unwrap(), new);
    run(&["key"]);
    assert_eq!(fs::read_to_string(name("key")).unwrap(), new);
    // One that cannot be added is named.
    desk.ok(&["init", "--origin", "example.org/other", "--log", "other"]);
    fs::copy(desk.path().join("other/key"), name("key.new")).unwrap();
    let said = "the key in safe/key.new cannot be added to this log";
    run(&["key", "retire"]);
    desk.is_refused(&["key", "rotate", "--key", "safe/key"], 2, said, "move it away");
}

/// What would break: on an old copy that was put in the log's place a key is added that the true log never had, and the only
/// copy of the true log's key is taken away.
#[test]
fn no_key_is_changed_where_the_journal_contradicts_the_log() {
    let desk = desk();
    let place = |name: &str| desk.path().join("log").join(name);
    desk.ok(&["key", "rotate"]);
    crate::forger::copy(&place("store"), &desk.path().join("old"));
    desk.ok(&["append", "note", "--text", "later"]);
    desk.ok(&["checkpoint"]);
    let newer = desk.path().join("newer");
    fs::rename(place("store"), &newer).unwrap();
    fs::rename(desk.path().join("old"), place("store")).unwrap();
    fs::remove_file(place("head")).unwrap();
    let keys = || ["key", "key.former", "key.new"].map(|name| fs::read(place(name)).ok());
    let before = keys();
    let changes = ["rotate", "retire", "new"];
    for change in changes {
        let said = "the log does not extend the checkpoint that was signed last";
        desk.is_refused(&["key", change], 1, said, "find out who changed the log");
        assert_eq!(keys(), before, "{change}");
    }
    // They are shown all the same; and what would be refused is not advised.
    desk.ok(&["key"]);
    let advised = String::from_utf8(desk.run(&["doctor"]).stdout).unwrap();
    assert!(advised.contains("a rotation is under way"), "{advised}");
    assert!(advised.contains("see to the journal first"), "{advised}");
    assert!(!advised.contains("demarche key retire"), "{advised}");
    fs::remove_dir_all(place("store")).unwrap();
    fs::rename(newer, place("store")).unwrap();
    let journal = place("journal/example.org%2Fdesk.jsonl");
    let whole = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, whole.replacen("prev\":\"", "prev\":\"0", 1)).unwrap();
    for change in changes {
        desk.is_refused(&["key", change], 1, "was edited", "put the journal back");
        assert_eq!(keys(), before, "{change}");
    }
    // Whoever has lost it is told, as by whatever signs.
    fs::remove_file(&journal).unwrap();
    let output = desk.run(&["key", "retire"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("there was no journal in"), "{said}");
}

/// The states in which a crash can leave a rotation that the log has recorded, and the last of them once a copy of the former key
/// was put back, as whoever finds none may do.
#[test]
fn a_rotation_that_was_cut_off_is_ended_by_the_next_command() {
    let desk = desk();
    let file = |name: &str| desk.path().join("log").join(name);
    let old = fs::read_to_string(file("key")).unwrap();
    desk.ok(&["key", "rotate"]);
    let new = fs::read_to_string(file("key")).unwrap();
    let private = |name: &str, text: &str| {
        use std::io::Write;
        let mut options = fs::File::options();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file(name)).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let foreign = NoteSigner::from_seed("example.org/desk", &[7; 32]).unwrap().secret_text();
    let beside = [("key.former", &old), ("key.new", &new)];
    for state in [
        &[("key", &old), ("key.new", &new)][..],
        &beside,
        &[&[("key", &old)][..], &beside].concat(),
        &[&[("key", &new)][..], &beside].concat(),
    ] {
        for name in ["key", "key.former", "key.new"] {
            let _ = fs::remove_file(file(name));
        }
        for (name, text) in state {
            private(name, text);
        }
        let cut_off = "a change of keys was cut off: the newest key is still in log/key.new";
        let examined = desk.ok(&["doctor"]);
        assert!(examined.contains(cut_off), "{state:?}: {examined}");
        if !file("key").exists() {
            let hint = "the next look at the keys ends it: demarche key";
            desk.is_refused(&["backup", "kept", "--with-key"], 2, cut_off, hint);
        }
        assert_eq!(lines_of(&desk.ok(&["checkpoint"])), 2, "{state:?}");
        assert_eq!(fs::read_to_string(file("key")).unwrap(), new);
        assert_eq!(fs::read_to_string(file("key.former")).unwrap(), old);
        assert!(!file("key.new").exists());
    }
    // Another key in the place of the former one is nobody's to write over.
    fs::rename(file("key"), file("key.new")).unwrap();
    fs::rename(file("key.former"), file("key")).unwrap();
    private("key.former", &foreign);
    let there = "there is a key in log/key.former already";
    desk.is_refused(&["checkpoint"], 2, there, "move it away, and give the command again");
    fs::rename(file("key.former"), desk.path().join("away")).unwrap();
    assert_eq!(lines_of(&desk.ok(&["checkpoint"])), 2);
}

#[test]
fn the_journal_and_the_key_may_lie_elsewhere() {
    let desk = Desk::new();
    let elsewhere = ["--journal", "safe/journal", "--key", "safe/key"];
    fs::create_dir(desk.path().join("safe")).unwrap();
    let run = |args: &[&str]| desk.ok(&[args, &elsewhere[..]].concat());
    run(&["init", "--origin", "example.org/desk"]);
    run(&["checkpoint"]);
    assert!(!desk.path().join("log/journal").exists() && !desk.path().join("log/key").exists());
    assert!(run(&["verify"]).contains("checkpoints: 1"));
    run(&["key", "rotate"]);
    assert!(desk.path().join("safe/key.former").exists());
    run(&["checkpoint"]);
    run(&["key", "retire"]);
    // A log that is thrown away and begun anew under the same name meets the journal of the first.
    fs::remove_dir_all(desk.path().join("log")).unwrap();
    let (code, said) =
        desk.refused(&[&["init", "--origin", "example.org/desk"], &elsewhere[..]].concat());
    assert_eq!(code, Some(2));
    assert!(said.contains("there is a journal of example.org/desk"), "{said}");
}

#[test]
fn the_policy_of_the_log_follows_its_keys() {
    let desk = desk();
    let first = vkey(&desk);
    let public = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key().to_bytes();
    let cosigner = demarche::record::note::Algorithm::Cosignature;
    let witness =
        demarche::record::note::VerifierKey::new("witness.example/w", cosigner, &public).unwrap();
    desk.ok(&["witness", "add", &witness.to_string(), "https://witness.example"]);
    let witnesses = |policy: &str| -> Vec<String> {
        policy.lines().filter(|line| !line.starts_with("log ")).map(str::to_owned).collect()
    };
    let before = desk.ok(&["witness", "list"]);
    assert!(before.contains(&first), "{before}");
    desk.ok(&["key", "rotate"]);
    let second = vkey(&desk);
    let during = desk.ok(&["witness", "list"]);
    assert!(during.contains(&first) && during.contains(&second), "{during}");
    desk.ok(&["key", "retire"]);
    let after = desk.ok(&["witness", "list"]);
    assert!(!after.contains(&first) && after.contains(&second), "{after}");
    assert_eq!(witnesses(&before), witnesses(&after));
}

/// The log says that the former key is retired, and the policy cannot be written: the file of the key stays, so that the
/// command can be given again.
#[test]
fn a_retirement_that_was_cut_off_is_ended_by_the_same_command() {
    let desk = desk();
    let file = |name: &str| desk.path().join("log").join(name);
    let first = vkey(&desk);
    desk.write("log/policy", &format!("log {first}\nquorum none\n"));
    desk.ok(&["key", "rotate"]);
    fs::create_dir(file("policy.demarche-begun")).unwrap();
    assert_eq!(desk.refused(&["key", "retire"]).0, Some(2));
    assert!(file("key.former").exists());
    assert_eq!(lines_of(&desk.ok(&["checkpoint"])), 1, "the log retired it");
    fs::remove_dir(file("policy.demarche-begun")).unwrap();
    desk.ok(&["key", "retire"]);
    assert!(!file("key.former").exists());
    let policy = fs::read_to_string(file("policy")).unwrap();
    assert_eq!(policy.lines().next().unwrap(), format!("log {}", vkey(&desk)));
    // Nothing is left to retire, and the policy still names the former key.
    desk.write("log/policy", &policy.replacen("log ", &format!("log {first}\nlog "), 1));
    assert_eq!(desk.refused(&["key", "retire"]).0, Some(2));
    assert_eq!(fs::read_to_string(file("policy")).unwrap(), policy);
}

#[test]
fn no_policy_brings_a_retired_key_back() {
    let desk = desk();
    let secret = fs::read_to_string(desk.path().join("log/key")).unwrap();
    let stolen = NoteSigner::parse(secret.trim_end()).unwrap();
    desk.write("policy", &format!("log {}\nquorum none\n", stolen.verifier()));
    desk.ok(&["key", "rotate"]);
    desk.ok(&["key", "retire"]);
    let signed = desk.ok(&["checkpoint"]);
    let text = signed.split_inclusive("\n\n").next().unwrap().strip_suffix('\n').unwrap();
    let note = Note::new(text.to_owned(), vec![stolen.sign(text)]).unwrap();
    desk.write("stolen.note", &note.to_string());
    let args = ["verify", "--json", "--checkpoint", "stolen.note", "--policy", "policy"];
    let output = desk.run(&args);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("stolen.note is signed by no key that this log had"), "{said}");
    // Nor does one of the thief's own beside it, which no key of the log endorsed.
    fs::remove_file(desk.path().join("log/key")).unwrap();
    desk.ok(&["key", "new"]);
    desk.ok(&["export", "--out", "e.jsonl"]);
    let secret = fs::read_to_string(desk.path().join("log/key")).unwrap();
    let own = NoteSigner::parse(secret.trim_end()).unwrap();
    let signed = desk.ok(&["checkpoint", "--out", "own.note"]);
    let text = signed.split_inclusive("\n\n").next().unwrap().strip_suffix('\n').unwrap();
    let both = vec![own.sign(text), stolen.sign(text)];
    desk.write("both.note", &Note::new(text.to_owned(), both).unwrap().to_string());
    for note in ["both.note", "own.note"] {
        let args = ["verify", "e.jsonl", "--json", "--checkpoint", note, "--policy", "policy"];
        let output = desk.run(&args);
        assert_eq!(output.status.code(), Some(1), "{note}");
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut findings = said["findings"].as_array().unwrap().iter();
        assert!(findings.any(|finding| finding["check"] == "quorum"), "{said:#}");
        // Whom the policy does not trust holds the log to nothing.
        assert_eq!(said["outside_size"], 0, "{said:#}");
    }
}

/// What would break: the advice is to make a key, and making one is refused with the same advice.
#[test]
fn advice_on_a_key_that_is_none_of_the_logs_works_when_it_is_followed() {
    let other = desk();
    let foreign = fs::read_to_string(other.path().join("log/key")).unwrap();
    for held in ["x\n", &foreign] {
        let desk = desk();
        desk.write("log/key", held);
        for args in [&["checkpoint"][..], &["key", "new"], &["key", "rotate"]] {
            desk.is_refused(args, 2, "log/key", "move log/key away, then demarche key new");
        }
        fs::rename(desk.path().join("log/key"), desk.path().join("away")).unwrap();
        desk.ok(&["key", "new"]);
        desk.ok(&["checkpoint"]);
    }
    let plain = Desk::new();
    plain.ok(&["init", "--origin", "example.org/plain", "--no-key"]);
    fs::copy(other.path().join("log/key"), plain.path().join("log/key")).unwrap();
    for args in [&["checkpoint"][..], &["key", "new"]] {
        plain.is_refused(args, 2, "key", "move log/key away, and make one: demarche key new");
    }
    fs::rename(plain.path().join("log/key"), plain.path().join("away")).unwrap();
    plain.ok(&["key", "new"]);
    plain.ok(&["checkpoint"]);
}

/// What would break: the file that is removed is a link, and the secret stays; or it is somebody else's key.
#[test]
#[cfg(unix)]
fn a_retirement_leaves_no_secret_behind_and_takes_no_other_away() {
    let desk = desk();
    let (key, former) = (desk.path().join("log/key"), desk.path().join("log/key.former"));
    let real = desk.path().join("real");
    let retired = || -> Vec<bool> {
        let shown = desk.json(&["key", "--json"]);
        shown["keys"].as_array().unwrap().iter().map(|key| !key["retired"].is_null()).collect()
    };
    let retire = ["key", "retire"];
    fs::rename(&key, &real).unwrap();
    std::os::unix::fs::symlink(&real, &key).unwrap();
    desk.ok(&["key", "rotate"]);
    let link = "log/key.former is a link: removing it would leave the key that it leads to";
    desk.is_refused(&retire, 2, link, "mv \"$(readlink -f log/key.former)\" log/key.former");
    assert_eq!(retired(), [false, false]);
    fs::rename(&real, &former).unwrap();
    assert!(desk.ok(&retire).contains("its file is gone"));
    assert!(!former.exists() && retired()[0]);

    let old = fs::read(&key).unwrap();
    desk.ok(&["key", "rotate"]);
    let other = self::desk();
    let none = "the key in log/key.former is no former key of this log";
    for wrong in [other.path().join("log/key"), key.clone()] {
        fs::copy(&wrong, &former).unwrap();
        desk.is_refused(&retire, 2, none, "move it away");
        assert!(former.exists());
        assert_eq!(retired(), [true, false, false]);
    }
    fs::remove_file(&former).unwrap();
    let said = desk.ok(&retire);
    assert!(said.contains("no file of it was found beside log/key"), "{said}");
    assert_eq!(retired(), [true, true, false]);
    // Cut off with the file still there, it has that alone to take away, whatever other key is still in use.
    let lost = self::desk();
    fs::remove_file(lost.path().join("log/key")).unwrap();
    lost.ok(&["key", "new"]);
    lost.ok(&["key", "rotate"]);
    let left = lost.path().join("left");
    fs::copy(lost.path().join("log/key.former"), &left).unwrap();
    lost.ok(&retire);
    let keys = lost.json(&["key", "--json"])["keys"].clone();
    fs::copy(&left, lost.path().join("log/key.former")).unwrap();
    lost.ok(&["backup", "kept", "--with-key"]);
    assert!(lost.path().join("kept/key").exists(), "no secret of a key that was retired");
    assert!(!lost.path().join("kept/key.former").exists());
    lost.ok(&retire);
    assert!(!lost.path().join("log/key.former").exists());
    assert_eq!(lost.json(&["key", "--json"])["keys"], keys);
    // One that was retired before is no sign that nothing is left to retire.
    desk.ok(&["key", "rotate"]);
    fs::write(&former, old).unwrap();
    desk.ok(&retire);
    assert_eq!(retired(), [true, true, true, false]);
    assert!(!former.exists());
}
