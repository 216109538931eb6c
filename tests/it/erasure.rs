//! Erasure: the bytes are gone from every file, and everything that was proved before still holds.

use std::fs;
use std::path::{Path, PathBuf};

use demarche::store::sled::SledStore;
use demarche::store::{Change, Head, Part, Removal, Store, StoredEvent};
use tempfile::TempDir;

use crate::desk::Desk;
use crate::forger::{copy, events, put_blob};

/// What must never be found again: in a payload, in a sealed part, in a captured document.
const SECRETS: &[&str] = &["zwanzigerstrasse", "Quellenschutz", "Geheimniskraemer"];

/// A log with a secret in each of the three, and a proof and an export of before.
fn desk() -> Desk {
    let desk = Desk::demo();
    desk.write("doc.txt", "A memo by Geheimniskraemer about the crossing.\n");
    desk.write(
        "secret.jsonl",
        r#"{"kind":"source","id":"memo","title":"Memo","published":"2025-05-02","file":"doc.txt"}
{"kind":"statement","id":"secret","by":["india"],"topic":"pahalgam-attack","summary":"Says so at zwanzigerstrasse.","stance":"x-zwanzigerstrasse","sealed":{"informant":"Quellenschutz"},"cites":[{"source":"memo","quote":"about the crossing"}]}
"#,
    );
    desk.ok(&["append", "secret.jsonl", "--declare"]);
    // Enough after it that the bytes lie deep in the store's file.
    let notes: String =
        (0..300).map(|n| format!("{{\"kind\":\"note\",\"text\":\"filler {n}\"}}\n")).collect();
    desk.write("notes.jsonl", &notes);
    desk.ok(&["append", "notes.jsonl"]);
    desk.ok(&["checkpoint"]);
    desk.ok(&["snapshot"]);
    desk
}

/// Every file under a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn holding(directory: &Path, secret: &[u8]) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        fs::read(path).unwrap().windows(secret.len()).any(|window| window == secret)
    };
    files(directory).into_iter().filter(holds).collect()
}

#[test]
fn what_was_erased_is_in_no_file() {
    let desk = desk();
    let log = desk.path().join("log");
    let before = events(&desk);
    let of = |id: &str| {
        let shown = desk.json(&["show", id, "--json"]);
        usize::try_from(shown["events"][0]["seq"].as_u64().unwrap()).unwrap()
    };
    let (memo, secret) = (of("memo"), of("secret"));
    let salts: Vec<[u8; 32]> =
        [&before[memo].payload, &before[secret].payload, before[secret].sealed.as_ref().unwrap()]
            .into_iter()
            .map(|part| match part {
                Part::Present { salt, .. } => *salt,
                Part::Absent => panic!("it is there"),
            })
            .collect();
    for text in SECRETS {
        assert!(!holding(&log, text.as_bytes()).is_empty(), "{text} is there before");
    }
    for salt in &salts {
        assert!(!holding(&log, salt).is_empty(), "the salt is there before");
    }

    let said =
        desk.ok(&["erase", "memo", "secret", "--why", "a court ordered it", "--by", "the desk"]);
    assert!(said.contains("1 captured documents went with it"), "{said}");

    desk.ok(&["snapshot"]);
    desk.ok(&["export", "--out", "after.jsonl"]);
    desk.ok(&["export", "--include-sealed", "--out", "after-sealed.jsonl"]);
    desk.ok(&["checkpoint"]);
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    desk.ok(&["prove", &format!("@{secret}"), "--out", "after.tlog-proof"]);
    desk.ok(&["replay", "--to", "2025-05-03", "--proof", "answer.jsonl"]);
    desk.ok(&["restore", "after.jsonl", "--log", "restored"]);
    for inner in ["doc.txt", "secret.jsonl", "notes.jsonl"] {
        fs::remove_file(desk.path().join(inner)).unwrap();
    }
    for text in SECRETS {
        assert_eq!(holding(desk.path(), text.as_bytes()), Vec::<PathBuf>::new(), "{text}");
    }
    for salt in &salts {
        assert_eq!(
            holding(desk.path(), salt),
            Vec::<PathBuf>::new(),
            "a salt would let it be guessed"
        );
        let hex: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(holding(desk.path(), hex.as_bytes()), Vec::<PathBuf>::new());
    }
}

/// What would break, besides: a quick look would find that an event with a sealed part was not erased, and so its export would
/// not be restored where its journal lies.
#[test]
fn after_an_erasure_everything_else_holds() {
    let desk = desk();
    let vkey = desk.json(&["key", "--json"])["vkey"].as_str().unwrap().to_owned();
    desk.ok(&["prove", "secret", "--out", "open.tlog-proof"]);
    desk.ok(&["disclose", "secret", "--out", "sealed.tlog-proof"]);
    desk.ok(&["prove", "sharif-rejects-link", "--out", "other.tlog-proof"]);
    let before = desk.json(&["verify", "--json"]);
    assert_eq!(before["erased"], 0);
    desk.ok(&["erase", "secret", "--why", "a court ordered it"]);

    let report = desk.ok(&["verify"]);
    assert!(report.contains("erased: 1"), "{report}");
    assert!(report.contains("the log verifies"), "{report}");
    let after = desk.json(&["verify", "--json"]);
    assert_eq!((&after["ok"], &after["erased"]), (&true.into(), &1.into()));
    let size = before["events"].as_u64().unwrap();
    assert_eq!(after["events"], size + 1, "the erasure is an event");

    // Proofs that were handed out before still hold, with what they opened; ones made now open nothing.
    for proof in ["open.tlog-proof", "sealed.tlog-proof", "other.tlog-proof"] {
        desk.ok(&["check", proof, "--vkey", &vkey]);
    }
    let seq = size - 301;
    desk.ok(&["prove", &format!("@{seq}"), "--out", "now.tlog-proof"]);
    let now = desk.json(&["check", "now.tlog-proof", "--vkey", &vkey, "--json"]);
    assert_eq!((&now["seq"], &now["payload"]), (&seq.into(), &serde_json::Value::Null));

    // It is out of every answer, and says so itself.
    let (code, _) = desk.refused(&["show", "secret"]);
    assert_eq!(code, Some(2));
    assert!(desk.ok(&["show", &format!("@{seq}")]).contains("a court ordered it"));
    assert!(desk.ok(&["show", &format!("@{size}")]).contains("a court ordered it"));

    // A copy from an export is the same log, erased and all.
    desk.ok(&["export", "--out", "e.jsonl"]);
    assert!(desk.ok(&["verify", "e.jsonl"]).contains("erased: 1"));
    desk.ok(&["restore", "e.jsonl", "--log", "copy"]);
    let head = |log: &str| desk.json(&["replay", "--json", "--log", log])["head"].clone();
    assert_eq!(head("copy"), head("log"));
    assert!(desk.ok(&["verify", "--log", "copy"]).contains("erased: 1"));
    assert!(desk.ok(&["verify", "--quick"]).contains("the log verifies"));
    fs::remove_dir_all(desk.path().join("log/store")).unwrap();
    desk.ok(&["restore", "e.jsonl"]);
    // And the log goes on.
    desk.write("more.jsonl", "{\"kind\":\"topic\",\"id\":\"later\",\"name\":\"x\"}");
    desk.ok(&["append", "more.jsonl"]);
    desk.ok(&["checkpoint"]);
    desk.ok(&["verify"]);
}

#[test]
fn a_document_that_another_source_names_too_stays() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk.write("doc.txt", "One text, captured twice.");
    desk.write(
        "e.jsonl",
        "{\"kind\":\"source\",\"id\":\"a\",\"file\":\"doc.txt\"}\n{\"kind\":\"source\",\"id\":\"b\",\"file\":\"doc.txt\"}\n\
         {\"kind\":\"note\",\"id\":\"n\",\"text\":\"x\",\"cites\":[{\"source\":\"a\",\"quote\":\"captured twice\"}]}\n",
    );
    desk.ok(&["append", "e.jsonl"]);
    let erased = desk.json(&["erase", "a", "--why", "asked", "--json"]);
    assert_eq!((&erased["sources"], &erased["quoted_by"][0]), (&0.into(), &"n".into()));
    assert_eq!(desk.json(&["verify", "--json"])["sources"], 1);
    let erased = desk.json(&["erase", "b", "--why", "asked", "--json"]);
    assert_eq!(erased["sources"], 1);
    desk.ok(&["verify"]);
    assert_eq!(
        holding(&desk.path().join("log"), b"captured twice").len(),
        1,
        "the quotation stays, and is said to"
    );
}

#[test]
fn what_cannot_be_erased_is_refused_and_nothing_changes() {
    let desk = desk();
    desk.ok(&["erase", "secret", "--why", "asked"]);
    let events = desk.json(&["verify", "--json"])["events"].clone();
    let seq = events.as_u64().unwrap() - 302;
    let last = format!("@{}", events.as_u64().unwrap() - 1);
    for (args, words) in [
        (["erase", "@0", "--why", "x"], "which the log itself needs"),
        (["erase", &last, "--why", "x"], "which the log itself needs"),
        (["erase", &format!("@{seq}"), "--why", "x"], "erased already"),
        (["erase", "nobody", "--why", "x"], "there is no event"),
        (["erase", "memo", "--why", " "], "--why is empty"),
    ] {
        let (code, said) = desk.refused(&args);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    assert_eq!(desk.json(&["verify", "--json"])["events"], events);
}

#[test]
fn what_an_append_left_that_was_cut_off_goes_with_the_next_erasure() {
    let desk = desk();
    let log = desk.path().join("log");
    // Captured bytes are kept before the events that name them: here those never came.
    put_blob(&desk, "source/abandoned", b"Geheimniskraemer, abandoned");
    assert!(!holding(&log, b"Geheimniskraemer, abandoned").is_empty());
    desk.ok(&["erase", "secret", "--why", "asked"]);
    assert_eq!(holding(&log, b"Geheimniskraemer, abandoned"), Vec::<PathBuf>::new());
    assert!(!holding(&log, b"A memo by Geheimniskraemer").is_empty(), "what an event names stays");
    desk.ok(&["verify"]);
    let said = desk.ok(&["replay", "--to", "2025-05-03"]);
    assert!(said.contains("1 event has no content"), "{said}");
}

fn event(number: u64) -> StoredEvent {
    StoredEvent {
        header: format!("header {number}").into_bytes(),
        payload: Part::Present { salt: [7; 32], bytes: format!("payload {number}").into_bytes() },
        sealed: None,
    }
}

fn head(size: u64) -> Head {
    Head { size, link: [u8::try_from(size).unwrap(); 32] }
}

/// The states in which a crash can leave a removal, each led forward to one whole store.
#[test]
fn a_removal_that_was_cut_off_is_ended_at_the_next_open() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let events: Vec<StoredEvent> = (0..5).map(event).collect();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    {
        let mut store = SledStore::create(&log, "test").unwrap();
        let change = Change { expected: Head::EMPTY, events: &events, tree: &[], next: head(5) };
        store.append(change).unwrap();
    }
    copy(&log.join("store"), &old);
    {
        let mut store = SledStore::open(&log, "test").unwrap();
        let removal = Removal { parts_of: &[2].into(), kept_blobs: &[].into() };
        let change = Change { expected: head(5), events: &[event(5)], tree: &[], next: head(6) };
        store.remove(removal, change).unwrap();
        assert_eq!(store.read(2, 1).unwrap()[0].payload, Part::Absent, "at once");
        assert_eq!(store.head().unwrap(), head(6));
    }
    copy(&log.join("store"), &new);
    let opened = |state: &[(&Path, &str)]| {
        for name in ["store", "store.removal-new", "store.removal-old"] {
            let _ = fs::remove_dir_all(log.join(name));
        }
        for (from, name) in state {
            copy(from, &log.join(name));
        }
        // It is written once the removal is over, which it never was here.
        let _ = fs::remove_file(log.join("head"));
        let store = SledStore::open(&log, "test").unwrap();
        let left: Vec<_> =
            fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains('.')), "{left:?}");
        (store.head().unwrap(), store.read(2, 1).unwrap()[0].payload == Part::Absent)
    };
    let (before, after) = ((head(5), false), (head(6), true));
    assert_eq!(
        opened(&[(&old, "store"), (&new, "store.removal-new")]),
        before,
        "not yet in place: as if never begun"
    );
    assert_eq!(
        opened(&[(&old, "store.removal-old"), (&new, "store.removal-new")]),
        after,
        "between the two moves"
    );
    assert_eq!(
        opened(&[(&old, "store.removal-old"), (&new, "store")]),
        after,
        "all but the old one taken away"
    );
    assert_eq!(opened(&[(&new, "store")]), after);
}

#[test]
#[cfg(unix)]
fn a_store_elsewhere_is_not_left_behind() {
    let desk = desk();
    let (link, elsewhere) = (desk.path().join("log/store"), desk.path().join("elsewhere"));
    fs::rename(&link, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    let (code, said) = desk.refused(&["erase", "memo", "secret", "--why", "asked"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is a symbolic link"), "{said}");
    assert!(said.contains("hint: move what it leads to into its place, then erase\n"), "{said}");
    desk.ok(&["show", "secret"]);
    desk.ok(&["verify"]);
    fs::remove_file(&link).unwrap();
    fs::rename(&elsewhere, &link).unwrap();
    desk.ok(&["erase", "memo", "secret", "--why", "asked"]);
}

#[test]
fn what_was_taken_back_does_not_come_back() {
    let desk = desk();
    let add = |line: &str| {
        desk.write("more.jsonl", line);
        desk.ok(&["append", "more.jsonl"]);
    };
    let erase = |ids: &[&str]| desk.run(&[&["erase"], ids, &["--why", "asked"]].concat());
    let refused = |ids: &[&str]| {
        let output = erase(ids);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("would stand again"), "{said}");
    };
    let done = |ids: &[&str]| assert_eq!(erase(ids).status.code(), Some(0), "{ids:?}");
    add(r#"{"kind":"incident","id":"a","summary":"first"}"#);
    add(r#"{"kind":"retraction","id":"r1","of":"a","by":"source","why":"names somebody"}"#);
    refused(&["r1"]);
    // Taken back once more, in other words, it stays taken back.
    add(r#"{"kind":"retraction","id":"r2","of":"a","by":"source","why":"names nobody"}"#);
    done(&["r1"]);
    refused(&["r2"]);
    done(&["r2", "a"]);
    // Nor does it come to be the duplicate of another, or to have been withdrawn by another.
    add(r#"{"kind":"incident","id":"d","summary":"first"}"#);
    add(r#"{"kind":"retraction","id":"d1","of":"d","by":"recorder"}"#);
    add(r#"{"kind":"retraction","id":"d2","of":"d","by":"source"}"#);
    refused(&["d1"]);
    done(&["d"]);
    add(r#"{"kind":"incident","id":"original"}"#);
    add(r#"{"kind":"incident","id":"e","summary":"first"}"#);
    add(r#"{"kind":"retraction","id":"e1","of":"e","by":"duplicate","duplicate_of":"original"}"#);
    add(r#"{"kind":"incident","id":"another"}"#);
    add(r#"{"kind":"retraction","id":"e2","of":"e","by":"duplicate","duplicate_of":"another"}"#);
    refused(&["e1"]);
    add(r#"{"kind":"retraction","id":"e3","of":"e","by":"duplicate","duplicate_of":"another"}"#);
    done(&["e2"]);
    add(r#"{"kind":"incident","id":"b","summary":"first"}"#);
    add(r#"{"kind":"correction","id":"c1","of":"b","field":"summary","to":"second"}"#);
    refused(&["c1"]);
    add(r#"{"kind":"correction","id":"c2","of":"b","field":"lang","to":"en"}"#);
    refused(&["c1"]);
    add(r#"{"kind":"correction","id":"c3","of":"b","field":"summary","to":"third"}"#);
    done(&["c1"]);
    // What was itself taken back changes nothing any more.
    add(r#"{"kind":"retraction","id":"r3","of":"c2","by":"recorder"}"#);
    done(&["c2"]);
    // A retraction of what is gone takes back nothing else of its id.
    add(r#"{"kind":"correction","id":"c2","of":"b","field":"lang","to":"de"}"#);
    refused(&["c2"]);
    desk.ok(&["verify"]);
}

/// What would break: what was said of an erased event would be said of another that took its id.
#[test]
fn what_was_said_of_an_erased_event_is_not_said_of_another() {
    let desk = Desk::demo();
    let add = |lines: &str| {
        desk.write("more.jsonl", lines);
        desk.ok(&["append", "more.jsonl"]);
    };
    add(r#"{"kind":"topic","id":"dam"}
{"kind":"statement","id":"said","by":["india"],"topic":"dam","stance":"supports","when":"2025-04-20"}
{"kind":"statement","id":"twin","by":["india"],"topic":"dam","stance":"supports","when":"2025-04-20"}
"#);
    add(r#"{"kind":"correction","id":"turned","of":"said","field":"stance","to":"opposes"}
{"kind":"mention","id":"further","of":"said","when":"2025-03-01"}
{"kind":"retraction","of":"twin","by":"duplicate","duplicate_of":"said"}
{"kind":"note","of":"said","text":"x"}
"#);
    let of_it = |id: &str| {
        let shown = &desk.json(&["show", id, "--json"])["events"][0];
        ["corrected_by", "mentions", "about_it"].map(|key| shown[key].as_array().unwrap().len())
    };
    assert_eq!(of_it("said"), [1, 2, 1]);
    let printed = desk.ok(&["erase", "said", "--why", "asked"]);
    assert!(printed.contains("take it in anew"), "{printed}");
    add(
        r#"{"kind":"statement","id":"said","by":["pakistan"],"topic":"dam","stance":"supports","when":"2025-04-20"}"#,
    );
    assert_eq!(of_it("said"), [0, 0, 0]);
    let positions = |more: &[&str]| {
        let args = [&["replay", "--to", "2025-05-01", "--json"], more].concat();
        desk.json(&args)["positions"].as_array().unwrap().clone()
    };
    let all = positions(&[]);
    let held = all.iter().find(|position| position["event"] == "said").unwrap();
    assert_eq!((&held["stance"], &held["as_of"]), (&"supports".into(), &"2025-04-20".into()));
    assert_eq!(positions(&["--recompute"]), all);
    // A mention that is corrected to name what came after it does name it.
    desk.ok(&["append", "correction", "--of", "further", "--field", "of", "--to", "said"]);
    assert_eq!(of_it("said"), [0, 1, 0]);
    // Without the correction nothing stands again.
    desk.ok(&["erase", "turned", "--why", "asked"]);
    desk.ok(&["verify"]);
}
