//! Bit rot in small: a flipped bit in every sort of file of a log is found, or changes nothing; and no damage shows a panic
//! of the store's library. The large run is `cargo test --release --test rot`, whose parts these are.

#![allow(dead_code, reason = "some of its parts are for the large run alone")]

#[path = "../rot/files.rs"]
mod files;
#[path = "../rot/log.rs"]
mod log;
#[path = "../rot/random.rs"]
mod random;
#[path = "../rot/run.rs"]
pub(crate) mod run;
#[path = "../rot/table.rs"]
mod table;
#[path = "../rot/trial.rs"]
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use files::Sort;
use random::Random;
use run::Program;
use trial::{Class, Subject};

/// A process that takes longer hangs.
const LIMIT: Duration = Duration::from_mins(2);

/// So many flips of each sort of file.
const FLIPS: [(Sort, usize); 7] = [
    (Sort::Db, 26),
    (Sort::Snap, 8),
    (Sort::Conf, 6),
    (Sort::Journal, 12),
    (Sort::Key, 6),
    (Sort::Head, 4),
    (Sort::Lock, 2),
];

fn subject(scratch: &TempDir, events: usize) -> Subject {
    let program = Program::new(scratch.path(), LIMIT);
    log::make(&program, events, 7);
    Subject::new(program)
}

#[test]
fn a_flipped_bit_is_found_or_changes_nothing() {
    let scratch = TempDir::new().unwrap();
    let subject = subject(&scratch, 500);
    let random = &mut Random::new(7);
    let mut classes = BTreeSet::new();
    for (sort, flips) in FLIPS {
        for number in 0..flips {
            let trial = subject.flip_of(number, sort, random).expect("there is such a file");
            assert!(!trial.class.is_bad(), "{}", table::describe(&trial));
            classes.insert(trial.class);
        }
    }
    assert!(subject.flip_of(0, Sort::Blob, random).is_none(), "no value is large enough for one");
    // Of a key, a journal and a snapshot every bit counts; the lock's text is for people.
    assert_eq!(classes, [Class::Found, Class::Harmless].into());
}

/// Whatever of sled's files is damaged: what refuses it writes nothing, so that what follows the damage is not lost, too.
#[test]
fn a_refused_opening_changes_nothing() {
    let desk = crate::desk::Desk::demo();
    let words = |number: u32| blake3::hash(&number.to_be_bytes()).to_hex().repeat(2);
    let note = |number| format!("{{\"kind\":\"note\",\"text\":\"{}\"}}\n", words(number));
    desk.write("notes.jsonl", &(0..2000).map(note).collect::<String>());
    desk.ok(&["append", "notes.jsonl"]);
    let store = desk.path().join("log/store");
    let as_written = contents(&store);
    let whole = std::fs::read(store.join("db")).unwrap();
    let written: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let segment = 512 * 1024;
    assert!(written.len() > 2 * segment, "{}", written.len());
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut damaged: Vec<Vec<u8>> =
        (1..8).map(|part| flipped(written[written.len() * part / 8])).collect();
    // The last message; the header of a segment; a file that ends early, between segments and within one; a page that is lost.
    damaged.push(flipped(*written.last().unwrap()));
    damaged.push(flipped(segment + 5));
    damaged.push(whole[..2 * segment].to_vec());
    damaged.push(whole[..segment + segment / 2].to_vec());
    damaged.push([&whole[..segment], &[0; 4096], &whole[segment + 4096..]].concat());
    let mut refused = 0;
    for damaged in damaged {
        for entry in contents(&store).keys() {
            std::fs::remove_file(entry).unwrap();
        }
        for (path, bytes) in &as_written {
            std::fs::write(path, bytes).unwrap();
        }
        std::fs::write(store.join("db"), &damaged).unwrap();
        let before = contents(&store);
        let examined = desk.run(&["doctor"]);
        assert!(contents(&store) == before, "doctor changed files");
        let (status, said) = desk.refused(&["verify"]);
        if !said.starts_with("error: the store") {
            // It is harmless, or found by what was read.
            assert!(matches!(status, Some(0 | 1)), "{said}");
            continue;
        }
        refused += 1;
        assert_eq!(examined.status.code(), Some(1), "doctor says so, too: {said}");
        for args in [&["append", "notes.jsonl"][..], &["init", "--origin", "example.org/b"]] {
            let (status, said) = desk.refused(args);
            assert_eq!(status, Some(2), "{args:?}: {said}");
        }
        assert!(contents(&store) == before, "files changed: {said}");
        // So whoever mends it has all of it.
        std::fs::write(store.join("db"), &whole).unwrap();
        desk.ok(&["verify"]);
    }
    assert!(refused >= 8, "{refused}");
}

/// Every file of a directory, and what is in it.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// sled takes a file that ends too early, or is damaged near its end, for a write that was torn, and goes on from before
/// it. No checkpoint is of these events, so the journal knows nothing of them.
#[test]
fn a_store_that_lost_its_end_is_not_taken_for_a_shorter_log() {
    let desk = crate::desk::Desk::demo();
    let note =
        |number| format!("{{\"kind\":\"note\",\"text\":\"filler {number} of a longer text\"}}\n");
    desk.write("notes.jsonl", &(0..3000).map(note).collect::<String>());
    desk.ok(&["append", "notes.jsonl"]);
    // No command comes between, which would have sled note how far its file goes.
    let size = 64 + 3000;
    let db = desk.path().join("log/store/db");
    let whole = std::fs::read(&db).unwrap();
    std::fs::write(&db, &whole[..whole.len() / 2]).unwrap();
    for args in [&["verify"][..], &["replay"], &["checkpoint"], &["append", "notes.jsonl"]] {
        let (status, said) = desk.refused(args);
        assert_eq!(status, Some(2), "{args:?}: {said}");
        assert!(said.contains(&format!("and {size} were acknowledged")), "{args:?}: {said}");
        assert!(said.contains("demarche restore"), "{args:?}: {said}");
    }
    // Without the file nothing tells it from the log that it was before: this is what the file is for.
    std::fs::remove_file(desk.path().join("log/head")).unwrap();
    desk.ok(&["verify"]);
    assert_eq!(desk.json(&["replay", "--json"])["head"]["size"], 64);
}
