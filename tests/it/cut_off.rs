//! What commands leave that were cut off, and that they can be given again. `tests/soak` kills them at moments of chance;
//! here is what was found so, made by hand.

use std::fs::{self, File};
use std::io::{Error, ErrorKind};

use demarche::store::sled::SledStore;
use demarche::store::{Store, StoreError};

use crate::desk::Desk;

#[test]
fn an_export_that_was_cut_off_can_be_repeated() {
    let desk = Desk::demo();
    let begun = desk.path().join("log.jsonl.demarche-begun");
    fs::write(&begun, "{\"header\":\"ha").unwrap();
    desk.ok(&["export", "--out", "log.jsonl"]);
    assert!(!begun.exists());
    desk.ok(&["verify", "log.jsonl"]);
}

/// What would break: a file that happens to have the name of what is being written is taken away.
#[test]
fn a_file_of_another_name_is_left_alone() {
    let desk = Desk::demo();
    desk.ok(&["checkpoint"]);
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    for theirs in ["log.jsonl.partial", "tiles/checkpoint.partial"] {
        desk.write(theirs, "theirs");
    }
    desk.ok(&["export", "--out", "log.jsonl"]);
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    for theirs in ["log.jsonl.partial", "tiles/checkpoint.partial"] {
        assert_eq!(fs::read_to_string(desk.path().join(theirs)).unwrap(), "theirs");
    }
}

#[test]
fn an_export_that_another_command_is_writing_is_left_alone() {
    let desk = Desk::demo();
    let begun = desk.path().join("log.jsonl.demarche-begun");
    fs::write(&begun, "theirs").unwrap();
    let theirs = File::open(&begun).unwrap();
    theirs.lock().unwrap();
    let (status, said) = desk.refused(&["export", "--out", "log.jsonl"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("another command is writing it"), "{said}");
    assert_eq!(fs::read_to_string(&begun).unwrap(), "theirs");
    assert!(!desk.path().join("log.jsonl").exists());
}

/// Whatever part of a file a write has left beside its place when it was cut off, the command is given again, and another
/// finds the file whole.
#[test]
fn what_was_left_beside_the_place_of_any_file_is_in_nobodys_way() {
    let desk = Desk::demo();
    let vkey = desk.ok(&["key", "show", "--vkey"]);
    desk.write("log/policy", &format!("log {vkey}quorum none\n"));
    desk.ok(&["checkpoint"]);
    desk.ok(&["backup", "kept", "--with-key"]);
    let journal = fs::read_dir(desk.path().join("kept/journal")).unwrap().next().unwrap().unwrap();
    let journal = format!("again/journal/{}", journal.file_name().display());
    let export = &["export", "--out", "log.jsonl"][..];
    let tiles = &["export", "--format", "tiles", "--out", "tiles"][..];
    let restore = &["restore", "kept", "--log", "again"][..];
    let (verify, rotate, retire) =
        (&["verify"][..], &["key", "rotate"][..], &["key", "retire"][..]);
    let files = [
        ("log.jsonl", export, &["verify", "log.jsonl"][..]),
        ("note", &["checkpoint", "--out", "note"], &["verify", "--checkpoint", "note"]),
        ("tiles/checkpoint", tiles, tiles),
        ("tiles/tile/0/000.p/64", tiles, tiles),
        ("log/key.new", rotate, retire),
        ("log/policy", rotate, retire),
        (&journal, restore, &["verify", "--log", "again"]),
        ("again/key", restore, &["checkpoint", "--log", "again"]),
        ("again/policy", restore, &["verify", "--log", "again"]),
    ];
    for (file, write, read) in files {
        // Less than what is written, and more.
        for left in [0, 1, 1 << 20] {
            let begun = desk.path().join(format!("{file}.demarche-begun"));
            fs::create_dir_all(begun.parent().unwrap()).unwrap();
            fs::write(&begun, vec![b'x'; left]).unwrap();
            desk.ok(write);
            desk.ok(read);
            desk.ok(verify);
            assert!(!begun.exists(), "{file}, {left}");
            for made in ["log.jsonl", "note"] {
                let _ = fs::remove_file(desk.path().join(made));
            }
            for made in ["tiles", "again"] {
                let _ = fs::remove_dir_all(desk.path().join(made));
            }
        }
    }
}

/// The head beside the store is written after the store and synced by nothing: it may be any part of itself, or be older.
#[test]
fn a_head_that_is_older_or_torn_is_in_nobodys_way() {
    let desk = Desk::demo();
    let head = desk.path().join("log/head");
    let older = fs::read(&head).unwrap();
    let append = |id: &str| {
        desk.ok(&["append", "topic", "--id", id, "--name", "x"]);
        fs::read(&head).unwrap()
    };
    let newer = append("one");
    assert_ne!(older, newer);
    let torn = [&newer[..40], &older[40..]].concat();
    for (state, id) in [(&older[..], "two"), (&torn, "three"), (&newer[..9], "four"), (&[], "five")]
    {
        fs::write(&head, state).unwrap();
        let noted = append(id);
        desk.ok(&["verify"]);
        assert_eq!(noted.len(), newer.len(), "{id}");
        assert!(noted > newer, "it is noted again, whole");
    }
    fs::remove_file(&head).unwrap();
    append("six");
    desk.ok(&["verify"]);
}

#[cfg(unix)]
#[test]
fn an_export_does_not_write_where_a_link_leads() {
    let desk = Desk::demo();
    fs::write(desk.path().join("other"), "theirs").unwrap();
    std::os::unix::fs::symlink(
        desk.path().join("other"),
        desk.path().join("log.jsonl.demarche-begun"),
    )
    .unwrap();
    assert_eq!(desk.refused(&["export", "--out", "log.jsonl"]).0, Some(2));
    assert_eq!(fs::read_to_string(desk.path().join("other")).unwrap(), "theirs");
}

#[test]
fn a_restore_or_an_init_that_was_cut_off_can_be_repeated() {
    let desk = Desk::demo();
    desk.ok(&["export", "--out", "log.jsonl"]);
    // What a kill leaves before the head has moved: a store without events, whatever else is in it.
    for name in ["restored", "made"] {
        let mut store = SledStore::create(&desk.path().join(name), "test").unwrap();
        store.put_blob("a blob that nobody names", b"bytes").unwrap();
        store.sync().unwrap();
    }
    desk.ok(&["restore", "log.jsonl", "--log", "restored"]);
    desk.ok(&["verify", "--log", "restored"]);
    desk.ok(&["init", "--origin", "example.org/made", "--log", "made"]);
    desk.ok(&["verify", "--log", "made"]);
    // A log with events is never taken for one.
    let head = || SledStore::open(&desk.path().join("made"), "test").unwrap().head().unwrap();
    let before = head();
    for again in [&["restore", "log.jsonl"][..], &["init", "--origin", "example.org/made"]] {
        let (status, said) = desk.refused(&[again, &["--log", "made"]].concat());
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("already"), "{said}");
    }
    assert_eq!(head(), before);
}

#[test]
fn what_the_system_refuses_is_told_from_damage() {
    let full =
        StoreError::from(sled::Error::Io(Error::new(ErrorKind::StorageFull, "Os { code: 28 }")));
    assert_eq!(full.refused_by_system(), Some(ErrorKind::StorageFull));
    assert!(!full.to_string().contains("Os {"), "{full}");
    let damaged = StoreError::from(sled::Error::Corruption { at: None, bt: () });
    assert_eq!(damaged.refused_by_system(), None);
}
