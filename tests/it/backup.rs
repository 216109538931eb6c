//! Backups: what is in one and what is not, that it can be read while the log is busy, and that restoring one turns
//! nothing back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use demarche::event_log::copy::{Copied, CopyError, copy};
use demarche::event_log::report::Against;
use demarche::event_log::verify::verify_store;
use demarche::event_log::{EventLog, FoldedLog};
use demarche::store::memory::MemoryStore;
use demarche::store::sled::SledStore;
use demarche::store::{Change, Part, Store, TreePiece};
use serde_json::Value;
use tempfile::TempDir;

use crate::desk::Desk;
use crate::forger::{self, edit, events, put, put_blob};
use crate::support::{self, MemoryLog, append};

/// What stands in a sealed part alone.
const SEALED: &str = "Vertrauensperson";

/// A log with a sealed part, a captured source, and a checkpoint.
fn desk() -> Desk {
    let desk = Desk::demo();
    desk.write("doc.txt", "A memo about the crossing.\n");
    desk.write(
        "more.jsonl",
        r#"{"kind":"source","id":"memo","published":"2025-05-02","file":"doc.txt"}
{"kind":"statement","id":"said","by":["india"],"topic":"pahalgam-attack","stance":"urges","sealed":{"informant":"Vertrauensperson"},"cites":[{"source":"memo","quote":"about the crossing"}]}
"#,
    );
    desk.ok(&["append", "more.jsonl", "--declare"]);
    desk.ok(&["checkpoint"]);
    desk
}

fn head(desk: &Desk, log: &str) -> Value {
    desk.json(&["replay", "--json", "--log", log])["head"].clone()
}

/// Every file and directory under a directory.
fn all(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all(&path)) } else { found.push(path) }
    }
    found
}

/// The files under a directory that hold some bytes.
fn holding(directory: &Path, bytes: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        path.is_file()
            && fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes.as_bytes())
    };
    all(directory).into_iter().filter(holds).collect()
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = fs::read_dir(directory).unwrap().map(name).collect();
    names.sort();
    names
}

/// The secret half of a desk's key, as its file has it.
fn secret(desk: &Desk) -> String {
    let key = fs::read_to_string(desk.path().join("log/key")).unwrap();
    key.trim().splitn(5, '+').nth(4).unwrap().to_owned()
}

#[test]
fn a_backup_is_a_log_without_key_and_sealed_parts_and_says_so() {
    let desk = desk();
    let (log, backup) = (desk.path().join("log"), desk.path().join("kept/first"));
    assert!(!holding(&log, SEALED).is_empty() && !holding(&log, &secret(&desk)).is_empty());
    let said = desk.ok(&["backup", "kept/first"]);
    for expected in ["the copy verifies", "left out: the signing key", "left out: 1 sealed parts"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(holding(&backup, SEALED), Vec::<PathBuf>::new());
    assert_eq!(holding(&backup, &secret(&desk)), Vec::<PathBuf>::new());
    assert_eq!(names(&backup), ["backup.json", "head", "journal", "store"]);
    assert_eq!(names(&desk.path().join("kept")), ["first"], "nothing is left beside it");
    assert_eq!(head(&desk, "kept/first"), head(&desk, "log"));
    let report = desk.json(&["verify", "--json", "--log", "kept/first"]);
    let of = |key: &str| &report[key];
    assert_eq!(
        (of("ok"), of("sealed_open"), of("sealed_absent")),
        (&true.into(), &0.into(), &1.into())
    );
    assert_eq!(report["checkpoints"]["kept"], 1, "the journal came with it");
    assert_eq!(report["sources"], 2);
    let shown = desk.json(&["show", "said", "--json", "--log", "kept/first"]);
    assert_eq!(shown["events"][0]["payload"]["cites"][0]["quote"], "about the crossing");
}

#[test]
fn key_and_sealed_parts_are_in_it_when_asked_for() {
    let desk = desk();
    let printed = desk.json(&["backup", "whole", "--with-key", "--sealed", "--json"]);
    crate::schemas::check("backup", &printed);
    let of = |key: &str| &printed[key];
    assert_eq!(
        (of("key"), of("sealed"), of("sealed_left_out")),
        (&true.into(), &1.into(), &0.into())
    );
    assert_eq!(of("left_out"), &serde_json::json!([]));
    let backup = desk.path().join("whole");
    assert!(!holding(&backup, SEALED).is_empty());
    assert!(!holding(&backup, &secret(&desk)).is_empty());

    desk.ok(&["restore", "whole", "--log", "again"]);
    assert_eq!(head(&desk, "again"), head(&desk, "log"));
    let sealed = desk.json(&["show", "said", "--sealed", "--json", "--log", "again"]);
    assert!(sealed.to_string().contains(SEALED), "{sealed}");
    // It signs, and goes on from the journal: the same note, kept once.
    assert_eq!(desk.ok(&["checkpoint", "--log", "again"]), desk.ok(&["checkpoint"]));
    assert!(!desk.path().join("again/backup.json").exists(), "a restored log is a log");
    desk.ok(&["append", "note", "--text", "goes on", "--log", "again"]);
}

#[test]
fn what_was_left_out_is_named_when_it_is_restored() {
    let desk = desk();
    desk.ok(&["backup", "kept"]);
    let said = desk.ok(&["restore", "kept", "--log", "again"]);
    for expected in ["without the signing key", "without 1 sealed parts", "lacks them for good"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(head(&desk, "again"), head(&desk, "log"));
    // Also where the backup's own word for it was changed; and a key that it does not speak of is not taken for the log's.
    let manifest = fs::read_to_string(desk.path().join("kept/backup.json")).unwrap();
    let changed = manifest.replace("\"sealed_left_out\": 1", "\"sealed_left_out\": 0");
    assert_ne!(changed, manifest);
    desk.write("kept/backup.json", &changed);
    let said = desk.ok(&["restore", "kept", "--log", "anew"]);
    assert!(said.contains("without 1 sealed parts"), "{said}");
    fs::copy(desk.path().join("log/key"), desk.path().join("kept/key")).unwrap();
    let planted =
        "the backup was changed after it was made: it was made without a key, and holds one";
    desk.is_refused(&["restore", "kept", "--log", "third"], 1, planted, "use another backup");
    let (code, said) = desk.refused(&["checkpoint", "--log", "again"]);
    assert_eq!(code, Some(2), "{said}");
    fs::copy(desk.path().join("log/key"), desk.path().join("again/key")).unwrap();
    desk.ok(&["checkpoint", "--log", "again"]);
    // What is not there is not said to differ.
    let unknown = "whose sealed part is not here to be compared";
    desk.is_refused(&["append", "more.jsonl", "--log", "again"], 2, unknown, "--keep-going");
    let text = fs::read_to_string(desk.path().join("more.jsonl")).unwrap();
    desk.write("more.jsonl", &text.replace("urges", "rejects"));
    let differs = "which differs in stance\n";
    desk.is_refused(&["append", "more.jsonl", "--log", "again"], 2, differs, "correction");
}

#[test]
#[cfg(unix)]
fn a_backup_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk();
    desk.ok(&["backup", "kept", "--with-key"]);
    for path in all(&desk.path().join("kept")) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{}: {mode:o}", path.display());
    }
}

#[test]
fn nothing_is_written_over() {
    let desk = desk();
    fs::create_dir(desk.path().join("empty")).unwrap();
    desk.ok(&["backup", "empty"]);
    desk.ok(&["append", "note", "--text", "later"]);
    let before = fs::read(desk.path().join("empty/store/db")).unwrap();
    let (code, said) = desk.refused(&["backup", "empty"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("not empty") && said.contains("name a new directory"), "{said}");
    assert_eq!(fs::read(desk.path().join("empty/store/db")).unwrap(), before);
    desk.write("file", "x");
    assert_eq!(desk.refused(&["backup", "file"]).0, Some(2));
    // Nor beside one that was cut off, or is under way.
    fs::create_dir(desk.path().join("next.partial")).unwrap();
    let (code, said) = desk.refused(&["backup", "next"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("next.partial"), "{said}");
    let (code, said) = desk.refused(&["restore", "next.partial", "--log", "again"]);
    assert_eq!(code, Some(2), "and nobody takes that for a backup");
    assert!(said.contains("no finished backup"), "{said}");
    let (code, said) = desk.refused(&["backup", "log/within"]);
    assert_eq!(code, Some(2), "it would go with the log: {said}");
    let (code, said) = desk.refused(&["restore", "empty"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("there is a log in log already"), "{said}");
}

#[test]
fn a_name_with_a_stroke_at_its_end_is_the_same_directory() {
    let desk = desk();
    desk.ok(&["backup", "kept/"]);
    assert_eq!(names(&desk.path().join("kept")), ["backup.json", "head", "journal", "store"]);
    for no_name in [".", "..", "/"] {
        assert_eq!(desk.refused(&["backup", no_name]).0, Some(2), "{no_name}");
    }
}

#[test]
fn a_backup_that_is_killed_is_none() {
    let desk = desk();
    let (kept, partial) = (desk.path().join("kept"), desk.path().join("kept.partial"));
    let mut killed = 0;
    for millis in (0..200).step_by(10) {
        let mut backup = desk.command(&["backup", "kept"]);
        let backup = backup.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut backup = backup.unwrap();
        while !partial.exists() && backup.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(millis));
        let _ = backup.kill();
        backup.wait().unwrap();
        if kept.exists() {
            break;
        }
        if partial.exists() {
            killed += 1;
            let (code, said) = desk.refused(&["restore", "kept.partial", "--log", "again"]);
            // Only in the last moment, before it is renamed, is it whole.
            assert!(code == Some(2) || partial.join("backup.json").exists(), "{said}");
            let _ = fs::remove_dir_all(desk.path().join("again"));
            fs::remove_dir_all(&partial).unwrap();
        }
    }
    assert!(killed > 0, "none was cut off");
    if !kept.exists() {
        desk.ok(&["backup", "kept"]);
    }
    desk.ok(&["verify", "--log", "kept"]);
    assert_eq!(head(&desk, "kept"), head(&desk, "log"), "and the log is as it was");
}

#[test]
fn a_log_that_does_not_verify_leaves_no_backup() {
    let desk = desk();
    // An event in the middle says something else than its header commits to.
    let mut all = events(&desk);
    edit(&mut all[40], "\"kind\"", "\"kjnd\"");
    put(&desk, &all, &[]);
    let (code, said) = desk.refused(&["backup", "kept"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("does not verify") && said.contains("event 40"), "{said}");
    assert!(!names(desk.path()).iter().any(|name| name.starts_with("kept")));
}

#[test]
fn what_opening_does_not_see_is_seen_in_the_copy() {
    let desk = desk();
    let hash = blake3::hash(b"A memo about the crossing.\n").to_hex().to_string();
    put_blob(&desk, &format!("source/{hash}"), b"A memo about another matter.\n");
    desk.ok(&["list"]);
    let (code, said) = desk.refused(&["backup", "kept"]);
    assert_eq!(code, Some(1), "{said}");
    for expected in ["its copy was not kept", "found: event", &hash, "demarche doctor"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!names(desk.path()).iter().any(|name| name.starts_with("kept")));
}

#[test]
fn a_wrong_tree_is_said_and_the_copy_has_a_right_one() {
    // Without a journal: with one, the copy would have to extend what was signed of the tree.
    let desk = Desk::demo();
    let notes = (0..300).map(|n| format!("{{\"kind\":\"note\",\"text\":\"filler {n}\"}}\n"));
    desk.write("notes.jsonl", &notes.collect::<String>());
    desk.ok(&["append", "notes.jsonl"]);
    {
        let mut store = SledStore::open(&desk.path().join("log"), "test").unwrap();
        let (head, right) = (store.head().unwrap(), store.tree_piece(1, 0).unwrap().unwrap());
        let hashes = right.iter().map(|byte| byte ^ 1).collect();
        let piece = TreePiece { level: 1, index: 0, hashes };
        let change = Change { expected: head, events: &[], tree: &[piece], next: head };
        store.append(change).unwrap();
    }
    assert_eq!(desk.run(&["verify"]).status.code(), Some(1));
    let (code, said) = desk.refused(&["backup", "kept"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the backup is whole, but the tree in the log is not"), "{said}");
    desk.ok(&["verify", "--log", "kept"]);
    desk.ok(&["restore", "kept", "--log", "mended"]);
    desk.ok(&["checkpoint", "--log", "mended", "--key", "log/key"]);
}

#[test]
fn a_rolled_back_log_leaves_no_backup() {
    let desk = desk();
    let all = events(&desk);
    put(&desk, &all[..all.len() - 1], &[]);
    let (code, said) = desk.refused(&["backup", "kept"]);
    assert_eq!(code, Some(1), "the journal that would go with it knows more: {said}");
    assert!(!desk.path().join("kept").exists());
}

#[test]
fn a_changed_backup_is_found() {
    // A captured source, of which neither head nor chain says anything.
    let desk = desk();
    desk.ok(&["backup", "kept"]);
    let hash = blake3::hash(b"A memo about the crossing.\n").to_hex().to_string();
    {
        let mut store = SledStore::open(&desk.path().join("kept"), "test").unwrap();
        store.put_blob(&format!("source/{hash}"), b"A memo about another matter.\n").unwrap();
        store.sync().unwrap();
    }
    assert_eq!(desk.run(&["verify", "--log", "kept"]).status.code(), Some(1));
    let (code, said) = desk.refused(&["restore", "kept", "--log", "again"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the backup does not verify; nothing was restored"), "{said}");
    assert!(!desk.path().join("again/store").exists());

    // Bytes of the file itself.
    desk.ok(&["backup", "second"]);
    let db = desk.path().join("second/store/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes[1000..40_000].fill(0x5a);
    fs::write(&db, bytes).unwrap();
    let (code, said) = desk.refused(&["restore", "second", "--log", "again"]);
    assert!(matches!(code, Some(1 | 2)), "{said}");
    assert!(!desk.path().join("again/store").exists());

    // Its journal.
    desk.ok(&["backup", "third"]);
    let journal =
        fs::read_dir(desk.path().join("third/journal")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("genesis\":\"", "genesis\":\"0", 1)).unwrap();
    let (code, said) = desk.refused(&["restore", "third", "--log", "again"]);
    assert_eq!(code, Some(1), "{said}");

    // What it says of itself.
    desk.ok(&["backup", "fourth"]);
    let manifest = desk.path().join("fourth/backup.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"events\": 6", "\"events\": 7", 1)).unwrap();
    let (code, said) = desk.refused(&["restore", "fourth", "--log", "again"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("was changed after it was made"), "{said}");
}

#[test]
fn a_backup_is_not_written_to() {
    let desk = desk();
    desk.ok(&["backup", "kept", "--with-key"]);
    let before = head(&desk, "kept");
    let attempts: [&[&str]; 6] = [
        &["append", "note", "--text", "x"],
        &["erase", "said", "--why", "x"],
        &["checkpoint"],
        &["key", "rotate"],
        &["witness", "ask"],
        &["demo"],
    ];
    for args in attempts {
        let (code, said) = desk.refused(&[args, &["--log", "kept"]].concat());
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains("kept is a backup") && said.contains("demarche restore"), "{said}");
    }
    assert_eq!(head(&desk, "kept"), before);
    for args in [&["list"][..], &["key"], &["verify"], &["witness", "list"], &["positions"]] {
        desk.ok(&[args, &["--log", "kept"]].concat());
    }
}

fn journal(desk: &Desk, log: &str) -> PathBuf {
    desk.path().join(log).join("journal/demarche.example%2Fdemo.jsonl")
}

#[test]
fn a_journal_that_knows_more_is_not_turned_back() {
    let desk = desk();
    desk.ok(&["backup", "kept"]);
    desk.ok(&["append", "note", "--text", "after the backup"]);
    desk.ok(&["checkpoint"]);
    let knows = fs::read(journal(&desk, "log")).unwrap();
    fs::remove_dir_all(desk.path().join("log/store")).unwrap();
    let (code, said) = desk.refused(&["restore", "kept"]);
    assert_eq!(code, Some(1), "{said}");
    for expected in
        ["would be a rollback", "67 events", "66 events", "--journal NEW_DIR", "newer backup"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!desk.path().join("log/store").exists());
    assert_eq!(fs::read(journal(&desk, "log")).unwrap(), knows);
    // With the old journal kept as evidence it can be done, by whoever means it.
    let fresh = ["restore", "kept", "--journal", "fresh"];
    desk.is_refused(&fresh, 2, "67 events were acknowledged here", "remove log/head");
    fs::remove_file(desk.path().join("log/head")).unwrap();
    desk.ok(&fresh);
    assert_eq!(fs::read(journal(&desk, "log")).unwrap(), knows);
    let (code, said) = desk.refused(&["checkpoint"]);
    assert_eq!(code, Some(1), "the old one still says so: {said}");
}

#[test]
fn a_journal_is_carried_on_or_kept_as_it_is() {
    let desk = desk();
    let early = fs::read(journal(&desk, "log")).unwrap();
    desk.ok(&["append", "note", "--text", "before the backup"]);
    desk.ok(&["checkpoint"]);
    let late = fs::read(journal(&desk, "log")).unwrap();
    assert!(late.starts_with(&early) && late.len() > early.len());
    desk.ok(&["backup", "kept"]);
    // One that knows less is carried on; so is one whose last line was cut off.
    for torn in [&b""[..], &late[early.len()..early.len() + 9]] {
        fs::remove_dir_all(desk.path().join("log/store")).unwrap();
        fs::write(journal(&desk, "log"), [&early, torn].concat()).unwrap();
        desk.ok(&["restore", "kept"]);
        assert_eq!(fs::read(journal(&desk, "log")).unwrap(), late);
    }
    // One that knows as much stays.
    fs::remove_dir_all(desk.path().join("log/store")).unwrap();
    let said = desk.ok(&["restore", "kept"]);
    assert!(said.contains("is kept"), "{said}");
    assert_eq!(fs::read(journal(&desk, "log")).unwrap(), late);
    assert_eq!(names(&desk.path().join("log/journal")).len(), 1, "nothing is left beside it");
    assert_eq!(desk.json(&["verify", "--json"])["checkpoints"]["kept"], 2);
}

#[test]
fn a_journal_of_another_log_of_that_name_is_not_written_over() {
    let desk = desk();
    desk.ok(&["backup", "kept"]);
    let other = Desk::demo();
    other.ok(&["checkpoint"]);
    fs::create_dir_all(desk.path().join("elsewhere/journal")).unwrap();
    fs::copy(journal(&other, "log"), journal(&desk, "elsewhere")).unwrap();
    let before = fs::read(journal(&desk, "elsewhere")).unwrap();
    let (code, said) = desk.refused(&["restore", "kept", "--log", "elsewhere"]);
    assert_eq!(code, Some(1), "{said}");
    let at = desk.path().join("elsewhere/journal");
    let name = names(&at).remove(0);
    let why = format!(
        "the journal in elsewhere/journal/{name} is not that of the backup: neither carries on the other"
    );
    assert!(said.contains(&why), "{said}");
    assert_eq!(fs::read(journal(&desk, "elsewhere")).unwrap(), before);
    assert!(!desk.path().join("elsewhere/store").exists());
}

#[test]
fn another_key_is_not_written_over() {
    let desk = desk();
    desk.ok(&["backup", "kept", "--with-key"]);
    let other = Desk::demo();
    fs::create_dir(desk.path().join("again")).unwrap();
    fs::copy(other.path().join("log/key"), desk.path().join("again/key")).unwrap();
    let (code, said) = desk.refused(&["restore", "kept", "--log", "again"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("another key"), "{said}");
    assert_eq!(
        fs::read(desk.path().join("again/key")).unwrap(),
        fs::read(other.path().join("log/key")).unwrap()
    );
}

/// What would break: a log would be said to be restored with the key that signs for it, and would have one that cannot.
#[test]
fn a_key_that_is_none_of_the_logs_is_not_restored() {
    let desk = desk();
    desk.ok(&["backup", "kept", "--with-key"]);
    let other = Desk::demo();
    fs::copy(other.path().join("log/key"), desk.path().join("kept/key")).unwrap();
    let said = "the key in kept/key is none of this log's";
    desk.is_refused(&["restore", "kept", "--log", "again"], 1, said, "use another backup");
    assert!(!desk.path().join("again").exists(), "nothing was made");
}

#[test]
fn journal_key_and_policy_are_found_wherever_they_lie() {
    let desk = Desk::new();
    let apart = ["--journal", "apart/journal", "--key", "apart.key"];
    desk.ok(&[&["init", "--origin", "example.org/desk"], &apart[..]].concat());
    desk.ok(&[&["checkpoint"], &apart[..]].concat());
    let public = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key().to_bytes();
    let cosigner = demarche::record::note::Algorithm::Cosignature;
    let witness =
        demarche::record::note::VerifierKey::new("w.example/1", cosigner, &public).unwrap();
    desk.ok(
        &[&["witness", "add", &witness.to_string(), "http://127.0.0.1:9/"], &apart[..]].concat()
    );
    let printed = desk.json(&[&["backup", "kept", "--with-key", "--json"], &apart[..]].concat());
    assert_eq!((&printed["checkpoints"], &printed["policy"]), (&1.into(), &true.into()));
    assert_eq!(
        names(&desk.path().join("kept")),
        ["backup.json", "head", "journal", "key", "policy", "store"]
    );
    desk.ok(&["restore", "kept", "--log", "again", "--key", "second.key"]);
    assert_eq!(names(&desk.path().join("again")), ["head", "journal", "lock", "policy", "store"]);
    assert_eq!(
        fs::read(desk.path().join("second.key")).unwrap(),
        fs::read(desk.path().join("apart.key")).unwrap()
    );
}

#[test]
fn while_the_log_is_busy_a_second_waits_and_readers_work_from_a_backup() {
    let desk = desk();
    desk.ok(&["backup", "kept"]);
    let busy = SledStore::open(&desk.path().join("log"), "demarche append").unwrap();
    for args in [["backup", "next", "--wait", "0"], ["list", "--json", "--wait", "0"]] {
        let (code, said) = desk.refused(&args);
        assert_eq!(code, Some(2), "{said}");
        let holder = format!("demarche append, process {}", std::process::id());
        for expected in [holder.as_str(), "one process at a time", "--log BACKUP_DIR"] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }
    assert!(!names(desk.path()).iter().any(|name| name.starts_with("next")));
    desk.ok(&["replay", "--to", "2025-05-01", "--log", "kept"]);
    desk.ok(&["verify", "--log", "kept"]);
    // Whoever waits gets it in time.
    let mut waits = desk.command(&["backup", "next", "--wait", "60"]);
    let waits = waits.stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(busy);
    assert!(waits.wait_with_output().unwrap().status.success());
    assert_eq!(head(&desk, "next"), head(&desk, "log"));
}

/// A log of some thousand events, with sealed parts, sources and an erasure.
fn long_log() -> MemoryLog {
    let mut log = support::log();
    let mut lines = String::new();
    for number in 0..5_000 {
        lines.push_str(&match number % 50 {
            7 => format!("{{\"kind\":\"note\",\"id\":\"n{number}\",\"text\":\"t\",\"sealed\":{{\"s\":{number}}}}}\n"),
            _ => format!("{{\"kind\":\"statement\",\"id\":\"n{number}\",\"by\":[\"in\"],\"topic\":\"treaty\",\"when\":\"2025-04-23\",\"stance\":\"rejects\"}}\n"),
        });
    }
    append(&mut log, &lines).expect("they are good");
    let source =
        "{\"kind\":\"source\",\"id\":\"scan\",\"file\":\"scan.pdf\",\"text_file\":\"scan.txt\"}";
    append(&mut log, source).expect("it is good");
    let of = [100, 4_900].into();
    let clock = &mut support::Counting::from("2027-01-01T00:00:00Z");
    log.erase(&of, "asked for", None, clock).expect("they can be erased");
    log
}

/// Everything that a copy must have, but for sealed parts where they were left out.
fn check_copy(from: &MemoryLog, to: &impl Store, copied: Copied, sealed: bool) {
    let (expected, found) =
        (from.store().read(0, usize::MAX).unwrap(), to.read(0, usize::MAX).unwrap());
    assert_eq!(to.head().unwrap(), from.store().head().unwrap());
    assert_eq!((copied.events, found.len()), (from.head().size, expected.len()));
    let is_there = |part: &Option<Part>| matches!(part, Some(Part::Present { .. }));
    let mut withheld = 0;
    for (seq, (mut expected, found)) in expected.into_iter().zip(found).enumerate() {
        if !sealed && is_there(&expected.sealed) {
            expected.sealed = Some(Part::Absent);
            withheld += 1;
        }
        assert_eq!(found, expected, "event {seq}");
    }
    assert_eq!(copied.sealed_left_out, withheld);
    assert_eq!((copied.sources, copied.sealed + copied.sealed_left_out), (3, 100));
    let report = verify_store(to, &Against::default(), &mut |_| {}).unwrap();
    assert!(report.is_ok(), "{:?}", report.findings);
    assert_eq!(report.root, Some(from.root()));
}

#[test]
fn a_long_log_is_copied_whole_by_every_store() {
    let log = long_log();
    for sealed in [false, true] {
        let mut memory = MemoryStore::new();
        let mut progress = 0;
        let copied = copy(log.store(), &mut memory, sealed, &mut |done| progress = done).unwrap();
        assert_eq!(progress, log.head().size);
        check_copy(&log, &memory, copied, sealed);

        let directory = TempDir::new().unwrap();
        let mut store = SledStore::create(directory.path(), "test").unwrap();
        let copied = copy(&memory, &mut store, sealed, &mut |_| {}).unwrap();
        drop(store);
        let store = SledStore::open(directory.path(), "test").unwrap();
        let copied = Copied { sealed_left_out: if sealed { 0 } else { 100 }, ..copied };
        check_copy(&log, &store, copied, sealed);
        // The tables came with it, and it goes on.
        let reach = demarche::event_log::snapshot::reach(&store).unwrap();
        assert!(reach.names >= 4_864 && reach.statements >= 4_864, "{reach:?}");
        assert_eq!(EventLog::open(store).unwrap().root(), log.root());

        let refused = copy(log.store(), &mut memory, sealed, &mut |_| {});
        assert!(matches!(refused, Err(CopyError::NotEmpty(size)) if size == log.head().size));
    }
}

#[test]
fn a_log_whose_head_is_not_its_last_event_is_not_copied() {
    let log = support::log();
    let events = log.store().read(0, usize::MAX).unwrap();
    let mut from = MemoryStore::new();
    let mut next = log.store().head().unwrap();
    next.link[0] ^= 1;
    from.append(support::change(demarche::store::Head::EMPTY, &events, next)).unwrap();
    let mut to = MemoryStore::new();
    let refused = copy(&from, &mut to, true, &mut |_| {});
    assert!(matches!(refused, Err(CopyError::Head { .. })), "{refused:?}");
    assert_eq!(to.head().unwrap(), demarche::store::Head::EMPTY, "nothing is left of it");
    assert!(FoldedLog::open(to).is_err());
}

#[test]
fn a_plain_copy_of_a_log_is_backed_up_before_it_is_restored() {
    let desk = desk();
    forger::copy(&desk.path().join("log"), &desk.path().join("plain"));
    let (code, said) = desk.refused(&["restore", "plain", "--log", "again"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("demarche backup NEW_DIR --log plain"), "{said}");
    desk.ok(&["backup", "kept", "--log", "plain", "--sealed"]);
    desk.ok(&["restore", "kept", "--log", "again"]);
    assert_eq!(head(&desk, "again"), head(&desk, "log"));
}

#[test]
fn a_log_is_not_restored_over_what_was_acknowledged_beyond_it() {
    let desk = desk();
    desk.ok(&["init", "--origin", "example.org/b", "--log", "b", "--no-key"]);
    let append = |id: &str| {
        let args = ["append", "incident", "--id", id, "--summary", id, "--log", "b"];
        desk.ok(&args);
    };
    append("i1");
    desk.ok(&["export", "--out", "e.jsonl", "--log", "b"]);
    desk.ok(&["backup", "kept", "--log", "b"]);
    append("i2");
    let noted = desk.path().join("b/head");
    let before = fs::read(&noted).unwrap();
    fs::rename(desk.path().join("b/store"), desk.path().join("lost")).unwrap();
    let init = ["init", "--origin", "example.org/c", "--log", "b", "--no-key"];
    for args in
        [&["restore", "e.jsonl", "--log", "b"][..], &["restore", "kept", "--log", "b"], &init]
    {
        let said = "b/head says that 3 events were acknowledged here";
        desk.is_refused(args, 2, said, "remove b/head");
        assert_eq!(fs::read(&noted).unwrap(), before);
        assert!(!desk.path().join("b/store").exists());
    }
    // Who removes it, means it.
    fs::remove_file(&noted).unwrap();
    desk.ok(&["restore", "e.jsonl", "--log", "b"]);
}

#[cfg(unix)]
#[test]
fn an_init_that_cannot_write_its_journal_leaves_nothing() {
    let desk = Desk::new();
    std::os::unix::fs::symlink("nowhere/at/all", desk.path().join("journals")).unwrap();
    let init = ["init", "--origin", "example.org/b", "--log", "b", "--no-key"];
    let (status, said) = desk.refused(&[&init[..], &["--journal", "journals"]].concat());
    assert_eq!(status, Some(2), "{said}");
    assert_eq!(names(&desk.path().join("b")), ["lock"]);
    desk.ok(&init);
}

/// Runs a command that has to wait for the lock of a journal, and in that time does something else.
fn while_it_waits(
    desk: &Desk,
    journal: &Path,
    args: &[&str],
    meanwhile: impl FnOnce(),
) -> std::process::Output {
    let lock = fs::File::open(journal).unwrap();
    lock.lock().unwrap();
    let mut command = desk.command(&[args, &["--wait", "60"]].concat());
    let waits = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Until it waits.
    std::thread::sleep(Duration::from_millis(700));
    meanwhile();
    drop(lock);
    waits.wait_with_output().unwrap()
}

/// What would break: a checkpoint that was shown as signed is in no journal, so that the log can sign another of as many events.
#[test]
fn what_a_journal_is_given_while_a_backup_is_restored_stays() {
    let desk = desk();
    let early = fs::read(journal(&desk, "log")).unwrap();
    desk.ok(&["append", "note", "--text", "before the backup"]);
    desk.ok(&["checkpoint"]);
    desk.ok(&["backup", "kept"]);
    desk.ok(&["append", "note", "--text", "after the backup"]);
    desk.ok(&["checkpoint"]);
    let late = fs::read(journal(&desk, "log")).unwrap();
    let restore = ["restore", "kept", "--log", "again", "--journal", "log/journal"];
    fs::write(journal(&desk, "log"), &early).unwrap();
    let output = while_it_waits(&desk, &journal(&desk, "log"), &restore, || {
        fs::write(journal(&desk, "log"), &late).unwrap();
    });
    assert_eq!(fs::read(journal(&desk, "log")).unwrap(), late);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let expected = "the journal log/journal/demarche.example%2Fdemo.jsonl was added to while the backup was looked at; nothing was restored";
    assert!(said.contains(expected) && said.contains("give the same command again"), "{said}");
    assert!(!desk.path().join("again/store").exists());
    desk.is_refused(&restore, 1, "would be a rollback", "newer backup");
}

/// What would break: a checkpoint is shown as signed that is in a journal without a name.
#[test]
fn a_checkpoint_is_kept_in_the_journal_that_took_the_place_of_another() {
    let desk = desk();
    let early = fs::read(journal(&desk, "log")).unwrap();
    desk.ok(&["append", "note", "--text", "more"]);
    desk.ok(&["checkpoint"]);
    let late = fs::read(journal(&desk, "log")).unwrap();
    desk.ok(&["append", "note", "--text", "still more"]);
    fs::write(journal(&desk, "log"), &early).unwrap();
    let output = while_it_waits(&desk, &journal(&desk, "log"), &["checkpoint"], || {
        let restored = desk.path().join("restored");
        fs::write(&restored, &late).unwrap();
        fs::rename(restored, journal(&desk, "log")).unwrap();
    });
    assert!(output.status.success(), "{output:?}");
    let kept = fs::read(journal(&desk, "log")).unwrap();
    assert!(kept.starts_with(&late) && kept.len() > late.len());
    desk.ok(&["verify"]);
}

/// What would break: whoever took the key, or what was signed, out of a backup goes unnoticed, and a log without its journal
/// signs again what it signed before.
#[test]
fn what_was_taken_out_of_a_backup_is_missed() {
    let desk = desk();
    desk.ok(&["backup", "kept", "--with-key"]);
    fs::remove_file(desk.path().join("kept/key")).unwrap();
    let output = desk.run(&["restore", "kept", "--log", "again"]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    for expected in ["without the signing key", "made with the signing key, and holds it no more"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let whole = fs::read_to_string(journal(&desk, "kept")).unwrap();
    let (first, _) = whole.split_once('\n').unwrap();
    let cut = "the backup was changed after it was made: its journal had 1 checkpoints, it has 0";
    let restore = ["restore", "kept", "--log", "anew"];
    fs::write(journal(&desk, "kept"), format!("{first}\n")).unwrap();
    desk.is_refused(&restore, 1, cut, "--journal DIR");
    fs::remove_file(journal(&desk, "kept")).unwrap();
    desk.is_refused(&restore, 1, cut, "demarche export --out FILE.jsonl --log kept");
    desk.ok(&["export", "--out", "e.jsonl", "--log", "kept"]);
    desk.ok(&["restore", "e.jsonl", "--log", "from-export"]);
    // Where the log's own journal has them none is missed, and none in a backup that does not say how many it had.
    desk.ok(&[&restore[..], &["--journal", "log/journal"]].concat());
    let manifest = fs::read_to_string(desk.path().join("kept/backup.json")).unwrap();
    let older = manifest.replace(",\n  \"checkpoints\": 1", "");
    assert_ne!(older, manifest);
    desk.write("kept/backup.json", &older);
    desk.ok(&["restore", "kept", "--log", "older"]);
}

/// What would break: a secret key lies where no log is, and nobody knows.
#[test]
fn a_restore_that_fails_leaves_no_key() {
    let desk = desk();
    let vkey = desk.ok(&["key", "show", "--vkey"]);
    desk.write("log/policy", &format!("log {vkey}quorum none\n"));
    desk.ok(&["backup", "kept", "--with-key"]);
    fs::create_dir_all(desk.path().join("again/policy.demarche-begun")).unwrap();
    let restore = ["restore", "kept", "--log", "again"];
    let stays = "the journal of the backup stays in again/journal/";
    desk.is_refused(&restore, 2, "the policy again/policy cannot be written: ", stays);
    assert!(!desk.path().join("again/key").exists());
    assert_eq!(holding(&desk.path().join("again"), &secret(&desk)), Vec::<PathBuf>::new());
    fs::remove_dir(desk.path().join("again/policy.demarche-begun")).unwrap();
    desk.ok(&restore);
    desk.ok(&["checkpoint", "--log", "again"]);
}

/// What would break: a backup without the log's journal is taken for a whole one.
#[test]
fn a_journal_that_is_not_found_is_missed_in_a_backup() {
    let desk = desk();
    fs::rename(desk.path().join("log/journal"), desk.path().join("journals")).unwrap();
    let missed = "there is no journal in log/journal, so the backup has none: if it lies elsewhere, --journal DIR";
    for args in [&["backup", "one"][..], &["backup", "two", "--json"]] {
        let output = desk.run(args);
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&format!("warning: {missed}")), "{said}");
    }
    let output = desk.run(&["backup", "three", "--journal", "journals"]);
    assert!(!String::from_utf8(output.stderr).unwrap().contains("no journal"));
}
