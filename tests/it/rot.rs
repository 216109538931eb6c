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
mod run;
#[path = "../rot/table.rs"]
mod table;
#[path = "../rot/trial.rs"]
mod trial;

use std::collections::BTreeSet;
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
