//! A store that does not give back what was kept in it: what is said of each loss, through the program. `rot.rs` flips bits
//! of the files; here a value is taken away or changed beneath everything that sled itself would notice.

use std::fs;
use std::path::PathBuf;

use demarche::event_log::FoldedLog;
use demarche::store::{Store, StoreError};

use crate::desk::Desk;
use crate::forger::{raw, store};
use crate::support::Counting;

/// A desk with the shipped chronicle, and whatever sled holds of it changed.
fn damaged(change: impl FnOnce(&sled::Db)) -> Desk {
    let desk = Desk::demo();
    changed(&desk, change);
    desk
}

fn changed(desk: &Desk, change: impl FnOnce(&sled::Db)) {
    let db = raw(&desk.path().join("log"));
    change(&db);
    db.flush().unwrap();
}

/// The key of the first piece of an event that is in no full bundle.
fn key_of(event: u64) -> Vec<u8> {
    [&event.to_be_bytes()[..], &[0; 4]].concat()
}

/// `verify` goes on beyond what cannot be read, and says what that is; whoever needs it is refused.
#[track_caller]
fn is_found(desk: &Desk, finding: &str) {
    let output = desk.run(&["verify"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(finding), "{finding} in {said}");
}

#[track_caller]
fn is_refused(desk: &Desk, args: &[&str], said: &str, hint: &str) {
    desk.is_refused(args, 2, said, hint);
}

#[test]
fn an_event_that_is_lost_or_cut_short_is_named() {
    let lost = damaged(|db| {
        assert!(db.open_tree("tail").unwrap().remove(key_of(5)).unwrap().is_some());
    });
    let said = "the store is damaged: event 5 is not there";
    is_found(&lost, &format!("event 5: the store cannot read it: {said}"));
    is_refused(&lost, &["timeline"], said, "demarche restore");
    let cut = damaged(|db| {
        let tail = db.open_tree("tail").unwrap();
        let whole = tail.get(key_of(5)).unwrap().unwrap();
        tail.insert(key_of(5), &whole[..whole.len() / 2]).unwrap();
    });
    let said = "the store is damaged: event 5 cannot be decoded";
    is_found(&cut, &format!("event 5: the store cannot read it: {said}"));
    is_refused(&cut, &["timeline"], said, "demarche restore");
}

/// The last event is read before any other, and what was not read is not said to be sound.
#[test]
fn events_that_were_not_read_are_not_said_to_fit() {
    let desk = Desk::demo();
    desk.ok(&["snapshot"]);
    changed(&desk, |db| {
        let tail = db.open_tree("tail").unwrap();
        let other = tail.get(key_of(40)).unwrap().unwrap();
        for event in [5, 63] {
            tail.insert(key_of(event), &other).unwrap();
        }
    });
    let (status, error) = desk.refused(&["replay"]);
    assert_eq!(status, Some(1), "{error}");
    assert!(error.contains("event 63: it says that it is number 40"), "{error}");
    assert!(!error.contains("event 5") && !error.contains(" fit\n"), "{error}");
}

#[test]
fn a_head_that_is_none_is_no_empty_log() {
    for damage in [&b"half a head"[..], b""] {
        let desk = damaged(|db| drop(db.open_tree("meta").unwrap().insert("head", damage)));
        for args in [&["verify"][..], &["replay"], &["init", "--origin", "example.org/new"]] {
            is_refused(&desk, args, "the head cannot be decoded", "demarche restore");
        }
    }
}

#[test]
fn a_piece_of_the_tree_that_is_lost_is_named() {
    let desk = Desk::demo();
    let topic = |at| format!("{{\"kind\":\"topic\",\"id\":\"t{at}\",\"name\":\"x\"}}\n");
    desk.write("topics.jsonl", &(0..300).map(topic).collect::<String>());
    desk.ok(&["append", "topics.jsonl"]);
    changed(&desk, |db| {
        let first = [&[1_u8][..], &[0; 8]].concat();
        assert!(db.open_tree("tree").unwrap().remove(first).unwrap().is_some());
    });
    let said = "the tree lacks hashes of level 1, piece 0";
    is_refused(&desk, &["prove", "t1"], said, "demarche restore");
}

#[test]
fn a_block_of_a_table_that_is_lost_is_derived_anew() {
    let desk = Desk::demo();
    desk.ok(&["snapshot"]);
    changed(&desk, |db| {
        let blocks = db.open_tree("blocks").unwrap();
        // Of the table of names; run 0 is its manifest.
        let of_runs = blocks.iter().keys().map(Result::unwrap);
        let of_runs: Vec<_> = of_runs.filter(|key| key[0] == 0 && key[1..9] != [0; 8]).collect();
        assert!(!of_runs.is_empty());
        for key in of_runs {
            blocks.remove(key).unwrap();
        }
    });
    let said = "a table beside the events lacks block 0 of run";
    is_refused(
        &desk,
        &["explain", "indus-waters-treaty-suspension"],
        said,
        "demarche snapshot --anew",
    );
    desk.ok(&["snapshot", "--anew"]);
    desk.ok(&["verify"]);
}

#[test]
fn captured_bytes_that_are_cut_short_are_no_other_bytes() {
    let desk = Desk::demo();
    desk.write("long.txt", &"Said at length. ".repeat(1000));
    desk.ok(&["append", "source", "--id", "long", "--file", "long.txt"]);
    changed(&desk, |db| {
        let blobs = db.open_tree("blobs").unwrap();
        let hash = blake3::hash(&fs::read(desk.path().join("long.txt")).unwrap()).to_hex();
        let name = blake3::hash(format!("source/{hash}").as_bytes());
        let second = [&name.as_bytes()[..], &1_u32.to_be_bytes()].concat();
        assert!(blobs.remove(second).unwrap().is_some());
    });
    is_found(&desk, "the store cannot read it: the store is damaged: the blob \"source/");
    is_found(&desk, "is cut short");
    let quoting = ["append", "incident", "--cite", "long", "--quote", "at length"];
    is_refused(&desk, &quoting, "is cut short", "demarche restore");
}

#[test]
fn captured_bytes_that_are_lost_cannot_be_quoted() {
    let desk = Desk::demo();
    desk.write("short.txt", "Said in short.");
    desk.ok(&["append", "source", "--id", "short", "--file", "short.txt"]);
    changed(&desk, |db| drop(db.open_tree("blobs").unwrap().clear()));
    is_found(&desk, "are not there");
    let quoting = ["append", "incident", "--cite", "short", "--quote", "in short"];
    let said = "the source \"short\" has no text to quote from: its captured bytes are not there";
    is_refused(&desk, &quoting, said, "demarche verify");
}

fn file_of_store(desk: &Desk, name: &str) -> PathBuf {
    desk.path().join("log/store").join(name)
}

#[test]
fn what_the_library_refuses_is_said_in_its_words() {
    let desk = Desk::demo();
    let conf = file_of_store(&desk, "conf");
    let mut bytes = fs::read(&conf).unwrap();
    bytes[0] ^= 1;
    fs::write(&conf, bytes).unwrap();
    is_refused(&desk, &["verify"], "the store cannot be used: ", "demarche restore");
}

/// A disk that gives one block for another: sled panics, which is an error here, and not shown as a panic.
#[test]
fn what_the_library_stops_on_is_an_error() {
    let desk = Desk::demo();
    let db = file_of_store(&desk, "db");
    let mut segment = fs::read(&db).unwrap();
    segment.resize(512 * 1024, 0);
    fs::write(&db, segment.repeat(2)).unwrap();
    for entry in fs::read_dir(desk.path().join("log/store")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
            fs::remove_file(path).unwrap();
        }
    }
    let said = "the store is damaged: its library stopped with";
    is_refused(&desk, &["verify"], said, "demarche restore");
    assert!(!desk.refused(&["verify"]).1.contains("panicked"));
}

/// What stands in the way came while the log was open. Nothing is lost, and the process that removed goes on with nothing.
#[test]
fn a_removal_that_fails_half_way_closes_the_store() {
    let desk = Desk::demo();
    let id = desk.json(&["list", "--json"])["events"][40]["id"].as_str().unwrap().to_owned();
    let mut log = FoldedLog::open(store(&desk)).unwrap();
    let in_the_way = desk.path().join("log/store.removal-old/theirs");
    fs::create_dir_all(&in_the_way).unwrap();
    let clock = &mut Counting::from("2027-01-01T00:00:00Z");
    let erased = log.erase(&[40].into(), "asked", None, clock);
    assert!(erased.is_err(), "there is no place for the old store");
    let error = log.store().head().unwrap_err();
    assert!(matches!(error, StoreError::Closed));
    assert_eq!(
        error.to_string(),
        "the store is closed: a removal was cut off; opening the log again ends it"
    );
    drop(log);
    desk.ok(&["verify"]);
    desk.ok(&["erase", &id, "--why", "asked"]);
    desk.ok(&["verify"]);
    assert!(!in_the_way.exists());
}
