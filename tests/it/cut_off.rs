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

#[test]
fn an_export_of_tiles_that_an_earlier_build_left_is_carried_on() {
    let desk = Desk::demo();
    desk.ok(&["checkpoint"]);
    fs::create_dir_all(desk.path().join("tiles/tile")).unwrap();
    desk.write("tiles/checkpoint.partial", "half of a chec");
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
}

/// What would break: of two `init` at once with one file of a key both are done, and the key that one log names is lost.
#[test]
fn a_key_that_another_command_is_writing_is_left_alone() {
    let desk = Desk::new();
    let theirs = File::create(desk.path().join("its.key.demarche-begun")).unwrap();
    theirs.lock().unwrap();
    let init = ["init", "--origin", "example.org/desk", "--key", "its.key"];
    desk.is_refused(
        &init,
        2,
        "the key cannot be kept in its.key: another command is writing it",
        "",
    );
    assert!(desk.path().join("its.key.demarche-begun").exists());
    assert!(!desk.path().join("log").exists() && !desk.path().join("its.key").exists());
    drop(theirs);
    desk.ok(&init);
    desk.ok(&["checkpoint", "--key", "its.key"]);
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

/// What would break: a wrong `--log` makes sled's files of somebody else's, and keeps others from reading them.
#[cfg(unix)]
#[test]
fn a_store_of_somebody_elses_is_neither_opened_nor_written_over() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::demo();
    desk.ok(&["export", "--out", "log.jsonl"]);
    let init = &["init", "--origin", "example.org/app", "--key", "app.key"][..];
    let restore = &["restore", "log.jsonl"][..];
    for (name, text) in [
        ("store/db", "my data"),
        ("store/conf", "port: 80"),
        ("store", "x"),
        ("lock", "lock"),
        ("head", "ref: main"),
    ] {
        let app = desk.path().join("app");
        let file = app.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        let shared = fs::Permissions::from_mode(0o644);
        fs::set_permissions(&file, shared.clone()).unwrap();
        let below = || {
            let count = |at| fs::read_dir(at).map_or(0, Iterator::count);
            (count(&app), count(&app.join("store")))
        };
        let before = below();
        for args in [&["list"][..], &["verify"], &["doctor"], &["append", "note", "--text", "t"]] {
            let output = desk.run(&[args, &["--log", "app"]].concat());
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert!(said.contains("there is no log in app"), "{name}: {said}");
        }
        for args in [init, restore] {
            let said = format!("app/{} is no part of a log", name.split('/').next().unwrap());
            desk.is_refused(&[args, &["--log", "app"]].concat(), 2, &said, "--log DIR");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, below()), (0o644, before), "{name}");
        assert!(!desk.path().join("app.key").exists(), "nothing is made");
        fs::remove_dir_all(&app).unwrap();
    }
    // Another program's database of the same library.
    let theirs = desk.path().join("app/store");
    fs::create_dir(desk.path().join("app")).unwrap();
    let names = || sled::open(&theirs).unwrap().tree_names();
    drop(sled::open(&theirs).unwrap().open_tree("theirs").unwrap());
    let before = names();
    fs::set_permissions(theirs.join("db"), fs::Permissions::from_mode(0o644)).unwrap();
    for args in [&["list"][..], init, restore] {
        let args = [args, &["--log", "app"]].concat();
        desk.is_refused(&args, 2, "the head cannot be decoded", "demarche restore");
    }
    let mode = fs::metadata(theirs.join("db")).unwrap().permissions().mode();
    assert_eq!((mode & 0o777, names()), (0o644, before));
    // Of a store of ours what is somebody else's is left alone, too.
    let theirs = desk.path().join("log/store/theirs");
    fs::write(&theirs, "x").unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o644)).unwrap();
    desk.ok(&["verify"]);
    assert_eq!(fs::metadata(&theirs).unwrap().permissions().mode() & 0o777, 0o644);
}

/// What would break: opening a log, or a backup, that somebody crafted empties a file elsewhere, and closes it to others.
#[cfg(unix)]
#[test]
fn links_in_a_log_or_a_backup_lead_nowhere() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = Desk::demo();
    desk.ok(&["backup", "kept"]);
    let victim = desk.path().join("victim");
    fs::write(&victim, "theirs").unwrap();
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o644)).unwrap();
    let untouched = |name: &str| {
        assert_eq!(fs::read_to_string(&victim).unwrap(), "theirs", "{name}");
        let mode = fs::metadata(&victim).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "{name}");
    };
    let snapshot = fs::read_dir(desk.path().join("log/store")).unwrap();
    let snapshot = snapshot.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let snapshot =
        format!("store/{}", snapshot.into_iter().find(|name| name.starts_with("snap.")).unwrap());
    for name in ["lock", "head", "store/db", &snapshot, "store/snap.0000000000000001"] {
        let path = desk.path().join("log").join(name);
        let kept = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        symlink(&victim, &path).unwrap();
        let said = format!("log/{name}: it is a link, or is not a regular file");
        desk.is_refused(&["verify"], 2, &said, "demarche doctor");
        untouched(name);
        desk.run(&["doctor"]);
        untouched(name);
        fs::remove_file(&path).unwrap();
        if let Some(kept) = kept {
            fs::write(&path, kept).unwrap();
        }
        desk.ok(&["verify"]);
    }
    // Of a name that is none of sled's nothing is made.
    let other = desk.path().join("log/store/zz");
    symlink("/dev/zero", &other).unwrap();
    desk.ok(&["verify"]);
    let examined = String::from_utf8(desk.run(&["doctor"]).stdout).unwrap();
    assert!(examined.contains("cannot be copied"), "{examined}");
    fs::remove_file(&other).unwrap();
    for name in ["lock", "head", "journal/theirs.jsonl", "store/zz"] {
        let path = desk.path().join("kept").join(name);
        let kept = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        symlink(&victim, &path).unwrap();
        let said = format!("kept/{name} is a link, or no file: a backup has none");
        for args in [["verify", "--log", "kept"].as_slice(), &["restore", "kept", "--log", "new"]] {
            desk.is_refused(args, 2, &said, "use another backup");
        }
        untouched(name);
        fs::remove_file(&path).unwrap();
        if let Some(kept) = kept {
            fs::write(&path, kept).unwrap();
        }
    }
    fs::rename(desk.path().join("kept/store"), desk.path().join("elsewhere")).unwrap();
    symlink("../elsewhere", desk.path().join("kept/store")).unwrap();
    let restore = ["restore", "kept", "--log", "new"];
    desk.is_refused(&restore, 2, "kept/store is a link", "use another backup");
    assert!(!desk.path().join("new").exists());
}

/// What would break: a store that has lost its configuration, its snapshots or the note of its head is not known any more.
#[test]
fn a_damaged_store_is_known_as_one() {
    for lost in [&["conf"][..], &["snap."], &["head"], &["head", "conf"], &["head", "snap."]] {
        let desk = Desk::demo();
        let log = desk.path().join("log");
        for directory in [log.clone(), log.join("store")] {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                if lost.iter().any(|lost| name.starts_with(lost)) {
                    fs::remove_file(path).unwrap();
                }
            }
        }
        assert!(SledStore::exists(&log), "{lost:?}");
        let (_, said) = desk.refused(&["verify"]);
        assert!(!said.contains("there is no log"), "{lost:?}: {said}");
    }
}

/// What would break: the log of an `init` that could not begin its journal stands in the way of the same command.
#[cfg(unix)]
#[test]
fn an_init_that_cannot_begin_its_journal_leaves_no_log() {
    let desk = Desk::new();
    let init = ["init", "--origin", "example.org/desk", "--journal", "journals"];
    // Whatever the user may do, no directory is made where a link leads nowhere.
    let link = desk.path().join("journals");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let cannot = "the journal journals/example.org%2Fdesk.jsonl cannot be written: ";
    desk.is_refused(&init, 2, cannot, "");
    assert!(!desk.path().join("log/store").exists());
    // The key is kept: it is used for the log that is made now. An empty journal is none.
    let key = fs::read(desk.path().join("log/key")).unwrap();
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    fs::write(link.join("example.org%2Fdesk.jsonl"), "").unwrap();
    desk.ok(&init);
    assert_eq!(fs::read(desk.path().join("log/key")).unwrap(), key);
    desk.ok(&["checkpoint", "--journal", "journals"]);
    desk.ok(&["verify", "--journal", "journals"]);
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
