//! `doctor`: each kind of trouble is named, with what to do, and nothing on disk is changed by looking.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use demarche::store::Store as _;
use demarche::store::sled::{SledStore, WAIT_MIN};
use serde_json::Value;

use crate::desk::Desk;
use crate::forger::{copy, events, put};

/// A log with a checkpoint of all its events, of which nothing is wrong.
fn desk() -> Desk {
    let desk = Desk::demo();
    desk.ok(&["checkpoint"]);
    desk
}

/// Every file and directory under a directory: name, mode, time of its last change, bytes.
fn state(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::metadata(&path).unwrap();
        let (mode, changed) = (about.permissions(), about.modified().unwrap());
        if path.is_dir() {
            found.push(format!("{} {mode:?} {changed:?}", path.display()));
            found.extend(state(&path));
        } else {
            let hash = blake3::hash(&fs::read(&path).unwrap());
            found.push(format!("{} {mode:?} {changed:?} {hash}", path.display()));
        }
    }
    found.sort();
    found
}

/// What it says of a desk's log, and how it ends. It must be as its schema says, and must have changed nothing.
#[track_caller]
fn examined(desk: &Desk, args: &[&str]) -> (Value, Option<i32>) {
    let before = state(desk.path());
    let output = desk.run(&[&["doctor", "--json"], args].concat());
    assert_eq!(state(desk.path()), before, "it changes nothing on disk");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    crate::schemas::check("doctor", &said);
    let wrong = said["checks"].as_array().unwrap().iter().any(|one| one["verdict"] == "wrong");
    assert_eq!(said["ok"], !wrong);
    // Where there is no log it ends as every command does.
    let no_log = of(&said, "directory")["about"].as_str().unwrap().starts_with("there is no log");
    let expected = if no_log { 2 } else { i32::from(wrong) };
    assert_eq!(output.status.code(), Some(expected));
    (said, output.status.code())
}

#[track_caller]
fn of<'s>(said: &'s Value, check: &str) -> &'s Value {
    let mut checks = said["checks"].as_array().unwrap().iter();
    checks.find(|one| one["check"] == check).unwrap_or_else(|| panic!("{check} in {said:#}"))
}

/// One check has this verdict, says this, and advises that; all others that were made are well.
#[track_caller]
fn only(said: &Value, check: &str, verdict: &str, about: &str, next: &str) {
    let found = of(said, check);
    assert_eq!(found["verdict"], verdict, "{said:#}");
    assert!(found["about"].as_str().unwrap().contains(about), "{about} in {found:#}");
    assert!(found["next"].to_string().contains(next), "{next} in {found:#}");
    for other in said["checks"].as_array().unwrap().iter().filter(|one| one["check"] != check) {
        let well = other["verdict"] == "ok" || other["verdict"] == "not_checked";
        assert!(well, "{other:#}");
    }
}

#[test]
fn of_a_sound_log_nothing_is_wrong() {
    let desk = desk();
    let (said, code) = examined(&desk, &[]);
    assert_eq!(code, Some(0));
    for check in said["checks"].as_array().unwrap() {
        assert_eq!(check["verdict"], "ok", "{check:#}");
        assert_eq!(check["next"], serde_json::json!([]));
    }
    let text = desk.ok(&["doctor"]);
    assert!(text.contains("nothing is wrong") && text.contains("demarche verify"), "{text}");
    // Nor of what it becomes by work, though sled's own files change at each opening.
    desk.ok(&["list"]);
    desk.ok(&["append", "note", "--text", "more"]);
    let (said, _) = examined(&desk, &[]);
    assert!(of(&said, "checkpoints")["about"].as_str().unwrap().contains("1 event came after it"));
    assert_eq!(of(&said, "modes")["verdict"], "ok", "{said:#}");
}

#[test]
fn where_there_is_no_log_it_says_so() {
    let desk = Desk::new();
    let (said, code) = examined(&desk, &[]);
    assert_eq!(code, Some(2));
    only(&said, "directory", "wrong", "there is no log in log", "demarche init");
    // An empty directory may be anybody's, unless it was a log's.
    let store = desk.path().join("log/store");
    fs::create_dir_all(&store).unwrap();
    let (said, _) = examined(&desk, &[]);
    only(&said, "directory", "wrong", "there is no log in log", "if it was one, keep it");
    desk.is_refused(&["list"], 2, "there is no log in log", "if it was one, keep it");
    fs::remove_dir(&store).unwrap();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    fs::remove_dir_all(&store).unwrap();
    fs::create_dir(&store).unwrap();
    let (said, code) = examined(&desk, &[]);
    assert_eq!(code, Some(1), "{said:#}");
    let about = of(&said, "store")["about"].to_string();
    assert!(about.contains("holds none of its files"), "{about}");
    // What would break: whoever lost a store is told to make another log in its place.
    fs::remove_dir(&store).unwrap();
    let next = "put back all that was acknowledged (events: 1): demarche restore";
    let (said, _) = examined(&desk, &[]);
    only(&said, "directory", "wrong", "there is no log in log", next);
    desk.is_refused(&["list"], 2, "there is no log in log", next);
}

#[test]
#[cfg(unix)]
fn what_others_can_read_or_write_is_named_with_the_mode_it_must_have() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk();
    let journal = "log/journal/demarche.example%2Fdemo.jsonl";
    for (path, bad, good, check) in [
        ("log", 0o770, 0o700, "modes"),
        ("log/store", 0o755, 0o700, "modes"),
        ("log/store/db", 0o640, 0o600, "modes"),
        ("log/journal", 0o711, 0o700, "modes"),
        (journal, 0o644, 0o600, "modes"),
        ("log/key", 0o644, 0o600, "key"),
    ] {
        let set = |mode| {
            fs::set_permissions(desk.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        set(bad);
        let (said, _) = examined(&desk, &[]);
        only(&said, check, "wrong", &format!("{bad:03o}"), "chmod");
        assert!(of(&said, check)["next"].to_string().contains(path), "{said:#}");
        set(good);
    }
    // A kill while the store was opened leaves this, which the next command takes away, to which the directory lets nobody.
    let left = desk.path().join("log/store/snap.0000000000000001.generating");
    fs::write(&left, "half of a snapshot").unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
    let (_, code) = examined(&desk, &[]);
    assert_eq!(code, Some(0));
    fs::set_permissions(desk.path().join("log/store"), fs::Permissions::from_mode(0o755)).unwrap();
    let (said, _) = examined(&desk, &[]);
    only(&said, "modes", "wrong", "generating has mode 644", "chmod 600");
}

/// What would break: what is advised, given to a shell as it stands, is of other files.
#[test]
#[cfg(unix)]
fn paths_are_advised_as_a_shell_takes_them() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let log = ["--log", "my log's"];
    desk.ok(&[&["init", "--origin", "example.org/desk"], &log[..]].concat());
    let shared = |name: &str| {
        let path = desk.path().join("my log's").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    shared("store");
    let (said, _) = examined(&desk, &log);
    only(&said, "modes", "wrong", "my log's/store has mode", r"chmod 700 'my log'\\''s/store'");
    shared("key");
    let (said, _) = examined(&desk, &log);
    assert!(of(&said, "key")["next"].to_string().contains(r"chmod 600 'my log'\\''s/key'"));
}

/// What would break: what is advised cannot be done, or leaves what is in the way where it is.
#[test]
#[cfg(unix)]
fn what_stands_in_the_place_of_a_lock_or_a_head_is_to_be_moved_away() {
    let desk = desk();
    for name in ["lock", "head"] {
        let path = desk.path().join("log").join(name);
        for is_link in [true, false] {
            let _ = fs::remove_file(&path);
            if is_link {
                std::os::unix::fs::symlink("nowhere", &path).unwrap();
            } else {
                fs::create_dir(&path).unwrap();
            }
            let said = desk.run(&["doctor", "--json"]).stdout;
            let said: Value = serde_json::from_slice(&said).unwrap();
            for check in if name == "lock" { &["modes", "lock"][..] } else { &["modes"] } {
                let found = of(&said, check);
                assert_eq!(found["verdict"], "wrong", "{said:#}");
                let next = serde_json::json!(["move it away: the next command makes another"]);
                assert_eq!(found["next"], next, "{said:#}");
            }
            desk.is_refused(&["list"], 2, name, "demarche doctor");
            fs::rename(&path, desk.path().join(format!("{name} {is_link}"))).unwrap();
            desk.ok(&["list"]);
        }
    }
}

#[test]
fn who_has_the_log_open_is_named_and_the_rest_looked_at() {
    let desk = desk();
    let busy = SledStore::open(&desk.path().join("log"), "demarche append").unwrap();
    let (said, code) = examined(&desk, &["--wait", "0"]);
    assert_eq!(code, Some(0), "busy is not wrong");
    let holder = format!("demarche append, process {}", std::process::id());
    only(&said, "lock", "attention", &holder, "wait");
    for check in ["store", "head", "tables"] {
        assert_eq!(of(&said, check)["verdict"], "not_checked");
    }
    assert_eq!(of(&said, "journal")["verdict"], "ok");
    // It waits as others do.
    let waiting =
        desk.command(&["doctor", "--json", "--wait", "30"]).stdout(Stdio::piped()).spawn();
    std::thread::sleep(WAIT_MIN * 2);
    drop(busy);
    let said = waiting.unwrap().wait_with_output().unwrap().stdout;
    assert_eq!(of(&serde_json::from_slice(&said).unwrap(), "lock")["verdict"], "ok");
}

#[test]
fn of_a_damaged_store_everything_else_is_reported() {
    let desk = desk();
    let db = desk.path().join("log/store/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes[200..20_000].fill(0x5a);
    fs::write(&db, bytes).unwrap();
    let (said, code) = examined(&desk, &[]);
    assert_eq!(code, Some(1));
    only(&said, "store", "wrong", "", "demarche restore BACKUP_DIR --log NEW_DIR");
    assert!(of(&said, "store")["next"].to_string().contains("demarche backup"));
    for check in ["key", "journal", "checkpoints", "policy", "clock", "modes", "lock"] {
        assert_eq!(of(&said, check)["verdict"], "ok", "{check}");
    }
    // And every command says what comes next.
    let append = &["append", "note", "--text", "t"];
    for args in [&["list"][..], &["verify"], append, &["replay"], &["backup", "b"]] {
        let (code, said) = desk.refused(args);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        for expected in ["demarche doctor", "demarche backup", "demarche restore BACKUP_DIR"] {
            assert!(said.contains(expected), "{args:?}: {expected} in {said}");
        }
    }
}

#[test]
fn a_store_of_another_layout_is_named() {
    let desk = desk();
    {
        let db = sled::open(desk.path().join("log/store")).unwrap();
        db.open_tree("meta").unwrap().insert("layout", "2").unwrap();
        db.flush().unwrap();
    }
    private(&desk.path().join("log/store"));
    let (said, _) = examined(&desk, &[]);
    only(&said, "store", "wrong", "layout \"2\"", "version of the program that wrote it");
}

#[test]
fn a_last_event_that_does_not_fit_is_named() {
    let desk = desk();
    let mut all = events(&desk);
    let last = all.len() - 1;
    let header = String::from_utf8(all[last].header.clone()).unwrap();
    put(&desk, &all, &[]);
    // The same event, with another time: it is not the one that the head names.
    all[last].header = header.replacen("2026-", "2025-", 1).into_bytes();
    assert_ne!(all[last].header, header.as_bytes());
    let forged = SledStore::open(&desk.path().join("log"), "test").unwrap();
    let head = demarche::store::Store::head(&forged).unwrap();
    drop(forged);
    fs::remove_dir_all(desk.path().join("log/store")).unwrap();
    let mut store = SledStore::create_for(&desk.path().join("log"), "test", head).unwrap();
    let change = crate::support::change(demarche::store::Head::EMPTY, &all, head);
    demarche::store::Store::append(&mut store, change).unwrap();
    drop(store);
    let (said, code) = examined(&desk, &[]);
    assert_eq!(code, Some(1));
    only(&said, "head", "wrong", &format!("event {last}"), "demarche restore");
}

#[test]
fn a_rollback_and_a_lost_journal_are_named() {
    let desk = desk();
    copy(&desk.path().join("log/store"), &desk.path().join("old"));
    desk.ok(&["append", "note", "--text", "later"]);
    desk.ok(&["checkpoint"]);
    fs::remove_dir_all(desk.path().join("log/store")).unwrap();
    fs::rename(desk.path().join("old"), desk.path().join("log/store")).unwrap();
    private(&desk.path().join("log/store"));
    let (said, code) = examined(&desk, &[]);
    assert_eq!(code, Some(1));
    let journal = of(&said, "journal");
    assert_eq!(journal["verdict"], "wrong");
    assert!(journal["about"].as_str().unwrap().contains("65 events were signed"), "{journal:#}");
    assert!(journal["next"].to_string().contains("put the newest one in its place"), "{journal:#}");
    let store = of(&said, "store");
    assert_eq!(store["verdict"], "wrong");
    let about = "64 events, and 65 were acknowledged";
    assert!(store["about"].as_str().unwrap().contains(about), "{store:#}");
    assert!(store["next"].to_string().contains("demarche restore"), "{store:#}");

    let sound = self::desk();
    fs::rename(sound.path().join("log/journal"), sound.path().join("elsewhere")).unwrap();
    let (said, code) = examined(&sound, &[]);
    assert_eq!(code, Some(0));
    only(&said, "journal", "attention", "there is none", "--journal DIR");
    assert_eq!(of(&examined(&sound, &["--journal", "elsewhere"]).0, "journal")["verdict"], "ok");
}

/// A copy that a test made has modes of its own.
fn private(directory: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        set(directory, 0o700);
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            set(&path, if path.is_dir() { 0o700 } else { 0o600 });
        }
    }
}

#[test]
fn a_rewritten_log_and_an_edited_journal_are_named() {
    let desk = desk();
    let mut all = events(&desk);
    crate::forger::edit(&mut all[20], "{", "{ ");
    crate::forger::rehash(&mut all);
    put(&desk, &all, &[]);
    let (said, _) = examined(&desk, &[]);
    only(&said, "journal", "wrong", "not the one that was signed", "do not delete anything");

    let edited = self::desk();
    edited.ok(&["append", "note", "--text", "more"]);
    edited.ok(&["checkpoint"]);
    let path = edited.path().join("log/journal/demarche.example%2Fdemo.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let without: Vec<&str> =
        text.split_inclusive('\n').enumerate().filter(|(n, _)| *n != 1).map(|(_, l)| l).collect();
    fs::write(&path, without.concat()).unwrap();
    let (said, _) = examined(&edited, &[]);
    only(&said, "journal", "wrong", "it was edited", "put it back");
}

#[test]
fn keys_that_are_lost_foreign_retired_or_rotating_are_named() {
    let desk = desk();
    let key = desk.path().join("log/key");
    let first = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    only(&examined(&desk, &[]).0, "key", "attention", "there is none", "put it back");
    let other = Desk::demo();
    fs::copy(other.path().join("log/key"), &key).unwrap();
    only(&examined(&desk, &[]).0, "key", "wrong", "does not name", "--key FILE");
    fs::write(&key, "no key at all\n").unwrap();
    only(&examined(&desk, &[]).0, "key", "wrong", "holds no signing key", "your own copy");
    fs::write(&key, &first).unwrap();
    desk.ok(&["key", "rotate"]);
    only(
        &examined(&desk, &[]).0,
        "key",
        "attention",
        "rotation is under way",
        "demarche key retire",
    );
    desk.ok(&["key", "retire"]);
    assert_eq!(of(&examined(&desk, &[]).0, "key")["verdict"], "ok");
    // What a retirement left that was cut off, and what keeps a key from being replaced.
    let former = desk.path().join("log/key.former");
    let foreign = other.path().join("log/key");
    fs::copy(&foreign, &former).unwrap();
    for (held, about, next) in [
        (fs::read(&key).unwrap(), "holds no former key of this log", "move it away"),
        (fs::read(&foreign).unwrap(), "holds no former key of this log", "move it away"),
        (first.clone(), "its file is still there", "have it removed: demarche key retire"),
    ] {
        fs::write(&former, held).unwrap();
        only(&examined(&desk, &[]).0, "key", "attention", about, next);
    }
    desk.ok(&["key", "retire"]);
    assert!(!former.exists());
    fs::write(&key, &first).unwrap();
    only(&examined(&desk, &[]).0, "key", "wrong", "retired the key", "in use");
    // No key is ever shown.
    let secret = String::from_utf8(first).unwrap();
    let secret = secret.trim().splitn(5, '+').nth(4).unwrap().to_owned();
    assert!(!String::from_utf8(desk.run(&["doctor"]).stdout).unwrap().contains(&secret));
}

#[test]
fn a_log_without_key_or_checkpoint_asks_for_them() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk", "--no-key"]);
    only(&examined(&desk, &[]).0, "key", "attention", "the log names none", "demarche key new");
    let unsigned = Desk::demo();
    only(
        &examined(&unsigned, &[]).0,
        "checkpoints",
        "attention",
        "none was ever signed",
        "demarche checkpoint",
    );
}

#[test]
fn a_policy_that_cannot_be_read_is_named() {
    let desk = desk();
    desk.write("log/policy", "witness of nothing\n");
    only(&examined(&desk, &[]).0, "policy", "wrong", "is no policy", "quorum");
}

#[test]
fn an_event_of_the_future_is_seen_by_the_clock() {
    let desk = Desk::new();
    let key = None;
    let clock = &mut crate::support::Counting::from("2095-01-01T00:00:00Z");
    let store = SledStore::create(&desk.path().join("log"), "test").unwrap();
    drop(demarche::event_log::EventLog::create(store, "example.org/desk", key, clock).unwrap());
    let (said, code) = examined(&desk, &[]);
    assert_eq!(code, Some(1));
    let found = of(&said, "clock");
    assert_eq!(found["verdict"], "wrong");
    assert!(found["about"].as_str().unwrap().contains("2095-01-01"), "{found:#}");
    assert!(found["next"].to_string().contains("set the machine's clock"), "{found:#}");
}

#[test]
fn an_old_checkpoint_asks_for_a_newer_one() {
    let desk = Desk::new();
    let signer = crate::support::signer();
    let clock = &mut crate::support::Counting::from("2026-01-01T00:00:00Z");
    let store = SledStore::create(&desk.path().join("log"), "test").unwrap();
    let key = signer.verifier();
    let log = demarche::event_log::EventLog::create(store, "example.org/test", Some(&key), clock)
        .unwrap();
    let genesis = log.genesis().unwrap();
    let (mut journal, mut bytes) =
        demarche::record::journal::Journal::begin("example.org/test", genesis);
    let (_, line) = log.sign_checkpoint(&mut journal, &[&signer], clock).unwrap();
    bytes.extend(line.unwrap());
    drop(log);
    fs::create_dir(desk.path().join("log/journal")).unwrap();
    desk.write("log/journal/example.org%2Ftest.jsonl", std::str::from_utf8(&bytes).unwrap());
    desk.write("log/key", &format!("{}\n", signer.secret_text()));
    private(&desk.path().join("log/journal"));
    private(&desk.path().join("log"));
    assert_eq!(of(&examined(&desk, &[]).0, "checkpoints")["verdict"], "ok", "it covers all");
    desk.ok(&["append", "note", "--text", "later"]);
    let (said, _) = examined(&desk, &[]);
    only(
        &said,
        "checkpoints",
        "attention",
        "days ago; 1 event came after it",
        "demarche checkpoint",
    );
}

/// What would break: whoever erased is told that the next command ends it, and that command throws away what was made.
#[test]
fn an_erasure_that_was_cut_off_is_named() {
    let desk = desk();
    let log = desk.path().join("log");
    let kept = desk.path().join("kept");
    fs::rename(log.join("store"), &kept).unwrap();
    let ends = ("an erasure in log was cut off", "the next command that opens the log ends it");
    let again = ("was cut off, and did not happen", "give the erasure again: demarche erase");
    // In the order of the steps; the last is what no crash leaves.
    for (there, (about, next)) in [
        (&["store", "store.removal-new"][..], again),
        (&["store.removal-old", "store.removal-new"], ends),
        (&["store", "store.removal-old"], ends),
        (&["store.removal-old"], again),
    ] {
        for name in there {
            copy(&kept, &log.join(name));
            private(&log.join(name));
        }
        let (said, code) = examined(&desk, &[]);
        assert_eq!(code, Some(0));
        only(&said, "directory", "attention", about, next);
        assert_eq!(of(&said, "store")["verdict"], "ok", "{said:#}");
        desk.ok(&["list"]);
        fs::remove_dir_all(log.join("store")).unwrap();
    }
}

#[test]
fn a_damaged_table_can_be_derived_again() {
    let desk = desk();
    desk.ok(&["snapshot"]);
    {
        let mut store = SledStore::open(&desk.path().join("log"), "test").unwrap();
        let manifest = demarche::store::BlockKey { table: 0, run: 0, index: 0 };
        let block = demarche::store::Store::block(&store, manifest).unwrap().unwrap();
        let first = u64::from_be_bytes(block[24..32].try_into().unwrap());
        demarche::store::Store::remove_blocks(&mut store, 0, first).unwrap();
        demarche::store::Store::sync(&mut store).unwrap();
    }
    let (said, code) = examined(&desk, &[]);
    assert_eq!(code, Some(1));
    only(&said, "tables", "wrong", "a table beside the events lacks", "demarche snapshot --anew");
    desk.ok(&["snapshot", "--anew"]);
    assert_eq!(of(&examined(&desk, &[]).0, "tables")["verdict"], "ok");
}

#[test]
fn a_backup_is_known_as_one() {
    let desk = desk();
    desk.ok(&["backup", "kept"]);
    let (said, code) = examined(&desk, &["--log", "kept"]);
    assert_eq!(code, Some(0));
    assert!(of(&said, "directory")["about"].as_str().unwrap().contains("is a backup of"));
    assert_eq!(of(&said, "key")["verdict"], "ok", "a backup without its key is as it should be");
    desk.ok(&["backup", "keyed", "--with-key"]);
    fs::remove_file(desk.path().join("keyed/key")).unwrap();
    let (said, _) = examined(&desk, &["--log", "keyed"]);
    only(&said, "key", "wrong", "was made with the signing key, and it is gone", "another backup");
}

/// What would break: what is only closed to whoever runs this is called damage, or nothing is found at all.
#[test]
#[cfg(unix)]
fn what_cannot_be_opened_is_told_from_damage_and_has_advice() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk();
    for (path, bad, good, check, next) in [
        ("log/store/db", 0o400, 0o600, "modes", "chmod u+rw log/store/db"),
        ("log/store/db", 0, 0o600, "modes", "chmod u+rw log/store/db"),
        ("log/store/db", 0, 0o600, "store", "run as its owner"),
        ("log/lock", 0o400, 0o600, "modes", "chmod u+rw log/lock"),
        ("log/head", 0, 0o600, "modes", "chmod u+rw log/head"),
        ("log/journal/demarche.example%2Fdemo.jsonl", 0, 0o600, "journal", "chmod u+r log/journal"),
        ("log/key", 0, 0o600, "key", "chmod u+r log/key"),
        ("log", 0, 0o700, "directory", "run as its owner"),
    ] {
        let set = |mode| {
            fs::set_permissions(desk.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        set(bad);
        let looked = desk.run_without_rights(&["doctor", "--json"]);
        let listed = desk.run_without_rights(&["list"]);
        set(good);
        let (Some(looked), Some(listed)) = (looked, listed) else { return };
        let said: Value = serde_json::from_slice(&looked.stdout).unwrap();
        assert_eq!(looked.status.code(), Some(1), "{path} {bad:o}: {said:#}");
        let found = of(&said, check);
        assert_eq!(found["verdict"], "wrong", "{path} {bad:o}: {said:#}");
        assert!(found["next"].to_string().contains(next), "{path} {bad:o}: {next} in {said:#}");
        assert!(!said.to_string().contains("damaged"), "{path} {bad:o}: {said:#}");
        assert!(!String::from_utf8_lossy(&listed.stderr).contains("there is no log"), "{path}");
    }
    let head = desk.path().join("log/head");
    fs::rename(&head, desk.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", &head).unwrap();
    let (said, _) = examined(&desk, &[]);
    only(&said, "modes", "wrong", "log/head is a link", "move what it leads to into its place");
    fs::rename(desk.path().join("elsewhere"), &head).unwrap();
    let journal = desk.path().join("log/journal/demarche.example%2Fdemo.jsonl");
    fs::remove_file(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    let (said, _) = examined(&desk, &[]);
    only(&said, "journal", "wrong", "cannot be read", "put the journal there");
}

#[test]
fn a_restore_that_was_cut_off_is_to_be_given_again() {
    let desk = desk();
    desk.ok(&["backup", "kept", "--with-key"]);
    drop(SledStore::create(&desk.path().join("again"), "test").unwrap());
    let (said, code) = examined(&desk, &["--log", "again"]);
    assert_eq!(code, Some(1));
    let found = of(&said, "store");
    assert!(found["about"].as_str().unwrap().contains("it holds no log"), "{said:#}");
    assert!(found["next"].to_string().contains("nothing is to be removed"), "{said:#}");
    desk.ok(&["restore", "kept", "--log", "again"]);
    desk.ok(&["verify", "--log", "again"]);
    // The same where there were events before.
    let again = desk.path().join("again");
    let head = SledStore::open(&again, "test").unwrap().head().unwrap();
    fs::remove_dir_all(again.join("store")).unwrap();
    drop(SledStore::create_for(&again, "test", head).unwrap());
    let expected = "was cut off";
    desk.is_refused(&["list", "--log", "again"], 2, expected, "give the restore again");
    let (said, _) = examined(&desk, &["--log", "again"]);
    let found = of(&said, "store");
    assert!(found["about"].as_str().unwrap().contains(expected), "{said:#}");
    assert!(found["next"].to_string().contains("give the restore again"), "{said:#}");
    desk.ok(&["restore", "kept", "--log", "again"]);
    desk.ok(&["verify", "--log", "again"]);
}

/// What would break: a log that lost all of its events is taken for one that was never made.
#[test]
fn a_store_that_lost_every_event_was_not_cut_off() {
    let desk = desk();
    let log = desk.path().join("log");
    drop(SledStore::create(&desk.path().join("empty"), "test").unwrap());
    fs::remove_dir_all(log.join("store")).unwrap();
    fs::rename(desk.path().join("empty/store"), log.join("store")).unwrap();
    let (said, _) = examined(&desk, &[]);
    let found = of(&said, "store");
    assert!(found["about"].as_str().unwrap().contains("its end was lost"), "{said:#}");
    assert!(found["next"].to_string().contains("keep it as it is"), "{said:#}");
}
