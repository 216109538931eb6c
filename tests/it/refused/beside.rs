//! The same of what lies beside a log: keys, policy and witnesses, the journal; and backups.

use std::fs;
use std::path::Path;

use demarche::record::note::{Algorithm, NoteSigner, VerifierKey};

use super::{desk, read, refused};
use crate::desk::Desk;

#[test]
fn keys_that_are_not_where_or_what_they_must_be() {
    let desk = desk("example.org/desk");
    refused(
        &desk,
        &[
            (&["key", "new"], 2, "there is a key in log/key already", "demarche key rotate"),
            (&["key", "retire"], 2, "no former key signs for this log", "demarche key rotate"),
            (
                &["init", "--origin", "example.org/other", "--log", "o", "--key", "log/key"],
                2,
                "the key in log/key is for example.org/desk, not for example.org/other",
                "name another file",
            ),
            (
                &["init", "--origin", "example.org/other", "--log", "o", "--key", "no/key"],
                2,
                "the key cannot be kept in no/key: ",
                "",
            ),
        ],
    );
    desk.ok(&["init", "--origin", "example.org/plain", "--log", "plain", "--no-key"]);
    desk.ok(&["init", "--origin", "example.org/desk", "--log", "twin"]);
    let plain = ["key", "--vkey", "--log", "plain"];
    let foreign = ["key", "rotate", "--key", "twin/key"];
    desk.ok(&["key", "rotate"]);
    refused(
        &desk,
        &[
            (&plain, 2, "this log names no key", "demarche key new"),
            (
                &foreign,
                2,
                "the key that is held is not one that this log names",
                "move twin/key away, then demarche key new",
            ),
            (&["checkpoint", "--key", "log"], 2, "log is not a regular file", "--key FILE"),
            (&["checkpoint", "--key", "/dev/null"], 2, "/dev/null is not a regular file", ""),
            (&["checkpoint", "--log", "plain"], 2, "this log names no key", "demarche key new"),
            (
                &["key", "rotate"],
                2,
                "a rotation is under way: two keys are held",
                "demarche key retire",
            ),
        ],
    );
    desk.write("log/key", "x\n");
    refused(&desk, &[(&["checkpoint"], 2, "log/key holds no signing key", "your own copy")]);
    fs::remove_file(desk.path().join("log/key")).unwrap();
    refused(&desk, &[(&["checkpoint"], 2, "there is no signing key in log/key", "--key FILE")]);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk("example.org/desk");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(desk.path().join("log/key"), mode).unwrap();
    let said = "the key log/key can be read by others: its mode is 644, it must be 600";
    let replace = "replace it: demarche key rotate, then key retire";
    refused(
        &desk,
        &[
            (&["checkpoint"], 2, said, "chmod 600 log/key"),
            (&["checkpoint"], 2, said, &format!("the same, and then {replace}")),
        ],
    );
    // While a rotation is under way no other is begun; and of what is about to be added another can be made.
    let set = |name: &str, mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(desk.path().join("log").join(name), mode).unwrap();
    };
    set("key", 0o600);
    desk.ok(&["key", "rotate"]);
    fs::copy(desk.path().join("log/key"), desk.path().join("log/key.new")).unwrap();
    for (name, then) in [
        ("key", "end the rotation that is under way, and replace it: demarche key retire"),
        ("key.former", "have it sign no more: demarche key retire"),
        ("key.new", "if not, remove it, and the next rotation makes another"),
    ] {
        set(name, 0o644);
        let said = format!("the key log/{name} can be read by others");
        refused(&desk, &[(&["key"], 2, &said, then)]);
        set(name, 0o600);
    }
}

fn signer(name: &str) -> NoteSigner {
    NoteSigner::from_seed(name, &[7; 32]).unwrap()
}

fn witness_key() -> String {
    let key = signer("example.org/w").verifier();
    VerifierKey::new("example.org/w", Algorithm::Cosignature, key.bytes()).unwrap().to_string()
}

#[test]
fn keys_that_are_named() {
    let desk = desk("example.org/desk");
    desk.ok(&["checkpoint"]);
    desk.ok(&["prove", "n", "--out", "p"]);
    // A key of type 0x02: no such signatures are known here.
    let unknown = "example.org/desk+00000000+AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let of_type = "--vkey cannot be read: it is of type 0x02; known are 0x01 (Ed25519) and 0x04";
    refused(
        &desk,
        &[
            (&["check", "p", "--vkey", "x"], 2, "--vkey cannot be read: ", "demarche key --vkey"),
            (
                &["check", "p", "--vkey", "p"],
                2,
                "--vkey cannot be read: ",
                "the key itself is meant",
            ),
            (&["check", "p", "--vkey", unknown], 2, of_type, "demarche key --vkey"),
            (
                &["check", "p", "--vkey", &witness_key()],
                2,
                "--vkey names the key of a witness, not of a log",
                "--policy FILE",
            ),
        ],
    );
}

#[test]
fn witnesses_that_cannot_be_added_or_asked() {
    let desk = desk("example.org/desk");
    let key = witness_key();
    let of_log = signer("example.org/w").verifier().to_string();
    let add = |key, url| ["witness", "add", key, url];
    let url = "http://127.0.0.1:1";
    desk.ok(&["init", "--origin", "example.org/plain", "--log", "plain", "--no-key"]);
    let plain = [&add(&key, url)[..], &["--log", "plain"]].concat();
    refused(
        &desk,
        &[
            (&["witness", "ask"], 2, "no witness is known", "demarche witness add"),
            (&add("x", url), 2, "the key cannot be read: ", "NAME+ID+BASE64"),
            (&add(&key, "http://"), 2, "\"http://\" is no address", "https://witness.example"),
            (&add(&key, "http://[::1"), 2, "\"http://[::1\" is no address", ""),
            (&add(&of_log, url), 2, "that is the key of a log, not of a witness", "0x04"),
            (&add(&key, "ftp://x"), 2, "\"ftp://x\" is no address", "https://witness.example"),
            (&plain, 2, "this log names no key, so there is nothing to cosign", "demarche key new"),
        ],
    );
    desk.ok(&["checkpoint"]);
    let stamp = ["anchor", "ask", url];
    let cannot = format!("{url} cannot be asked: ");
    refused(&desk, &[(&stamp, 2, &cannot, "")]);
    fs::create_dir_all(desk.path().join("log/policy.demarche-begun/theirs")).unwrap();
    refused(&desk, &[(&add(&key, url), 2, "the policy log/policy cannot be written: ", "")]);
    fs::remove_dir_all(desk.path().join("log/policy.demarche-begun")).unwrap();
    desk.ok(&add(&key, url));
    let again = "that witness, or its name, is in the policy already, or cannot be";
    refused(&desk, &[(&add(&key, url), 2, again, "demarche witness list")]);
    let own = desk.ok(&["key", "--vkey"]);
    let grouped = format!(
        "log {}\nwitness w {key} {url}\ngroup g any w\ngroup h any g\nquorum h\n",
        own.trim()
    );
    desk.write("log/policy", &grouped);
    let groups = "log/policy has groups of its own";
    refused(&desk, &[(&add(&key, url), 2, groups, "by hand")]);
}

#[test]
fn journals_that_cannot_be_used() {
    let desk = desk("example.org/desk");
    desk.ok(&["checkpoint"]);
    desk.write("file", "x");
    let elsewhere = ["checkpoint", "--journal", "file"];
    let cannot = "the journal file/example.org%2Fdesk.jsonl cannot be written: ";
    refused(&desk, &[(&elsewhere, 2, cannot, "")]);
    let init = ["init", "--origin", "example.org/desk", "--log", "new", "--journal", "log/journal"];
    let there = "there is a journal of example.org/desk in log/journal/example.org%2Fdesk.jsonl";
    refused(&desk, &[(&init, 2, there, "give the new log another origin")]);
    let journal = "log/journal/example.org%2Fdesk.jsonl";
    let kept = read(&desk, journal);
    for changed in [kept.replacen("prev\":\"", "prev\":\"0", 1), "x\n".to_owned()] {
        desk.write(journal, &changed);
        let edited = format!("the checkpoint journal {journal} was edited: line ");
        refused(&desk, &[(&["checkpoint"], 1, &edited, "put the journal back")]);
    }
}

/// What would break: who names a journal is told that a log, or an export, verifies which that journal contradicts.
#[test]
fn a_journal_that_was_named_is_compared() {
    let desk = desk("example.org/desk");
    desk.ok(&["checkpoint"]);
    // Another log of that name, as long, and its export.
    desk.ok(&["init", "--origin", "example.org/desk", "--log", "other"]);
    desk.ok(&["append", "note", "--text", "t", "--log", "other"]);
    desk.ok(&["export", "--out", "other.jsonl", "--log", "other"]);
    desk.ok(&["export", "--out", "own.jsonl"]);
    let verify = |args: &[&'static str]| [&["verify"], args].concat();
    let report = desk.ok(&verify(&["own.jsonl", "--journal", "log/journal"]));
    assert!(report.contains("whole, and of this log, checkpoints: 1"), "{report}");
    let other = desk.run(&verify(&["other.jsonl", "--journal", "log/journal"]));
    assert_eq!(other.status.code(), Some(1));
    let mut of_the_environment = desk.command(&verify(&["other.jsonl"]));
    of_the_environment.env("DEMARCHE_JOURNAL", "log/journal");
    assert_eq!(of_the_environment.output().unwrap().status.code(), Some(1));
    // It may hold none of that log, as where it is named in the environment for another one; but it must be there.
    std::fs::create_dir(desk.path().join("empty")).unwrap();
    let report = desk.ok(&verify(&["own.jsonl", "--journal", "empty"]));
    assert!(report.contains("there is none to compare with"), "{report}");
    let none = "there is no directory gone with journals";
    for args in [&[][..], &["own.jsonl"]] {
        let args = [&verify(args)[..], &["--journal", "gone"]].concat();
        refused(&desk, &[(&args, 2, none, "--journal DIR")]);
    }
}

/// What would break: it would be advised to sign a backup, which is refused.
#[test]
fn a_backup_without_a_checkpoint_is_not_to_be_signed() {
    let desk = desk("example.org/desk");
    desk.ok(&["backup", "kept"]);
    let advice = "sign one in the log that it was made from";
    for args in [
        &["prove", "n"][..],
        &["anchor", "request", "--out", "r.tsq"],
        &["export", "--format", "tiles", "--out", "tiles"],
    ] {
        desk.is_refused(&[args, &["--log", "kept"]].concat(), 2, "no checkpoint ", advice);
        desk.is_refused(args, 2, "no checkpoint ", "sign one first: demarche checkpoint");
    }
    assert!(desk.ok(&["doctor", "--log", "kept"]).contains(advice));
    assert!(desk.ok(&["doctor"]).contains("sign one: demarche checkpoint"));
    let (_, said) = desk.refused(&["replay", "--proof", "p", "--log", "kept"]);
    assert!(said.contains(advice), "{said}");
}

#[test]
fn backups_that_are_none_or_have_no_place() {
    let desk = desk("example.org/desk");
    desk.ok(&["backup", "kept"]);
    desk.write("file", "x");
    for made in ["full/theirs", "cut.partial"] {
        fs::create_dir_all(desk.path().join(made)).unwrap();
    }
    refused(
        &desk,
        &[
            (
                &["append", "file", "--log", "kept"],
                2,
                "kept is a backup: it is read, and nothing is added to it",
                "--log DIR",
            ),
            (
                &["backup", "full"],
                2,
                "full is there already, and not empty",
                "name a new directory",
            ),
            (&["backup", "file"], 2, "file cannot be a new directory: ", ""),
            (&["backup", "file/b"], 2, "file/b cannot be a new directory: ", ""),
            (&["backup", ".."], 2, ".. is no new directory", "demarche backup DIR"),
            (
                &["backup", "log/within"],
                2,
                "log/within lies in the directory of the log itself",
                "another disk",
            ),
            (
                &["backup", "cut"],
                2,
                "there is cut.partial already: a backup that was cut off, or one under way",
                "remove cut.partial",
            ),
            (
                &["restore", "full", "--log", "new"],
                2,
                "full is no finished backup: it has no backup.json",
                "demarche backup NEW_DIR",
            ),
        ],
    );
    #[cfg(unix)]
    {
        fs::create_dir(desk.path().join("empty")).unwrap();
        std::os::unix::fs::symlink("empty", desk.path().join("link")).unwrap();
        refused(&desk, &[(&["backup", "link"], 2, "link is no new directory", "it leads to")]);
        desk.ok(&["backup", "empty"]);
    }
    // Cut off, or under way, before its last step: what is there is whole.
    desk.write("cut.partial/backup.json", "{}");
    let cut = "there is cut.partial already: a backup that was cut off, or one under way";
    refused(&desk, &[(&["backup", "cut"], 2, cut, "it is whole: rename it to cut, or remove it")]);
    // A name that is too long once `.partial` stands behind it.
    let long = "b".repeat(250);
    let cannot = format!("{long}.partial cannot be made: ");
    refused(&desk, &[(&["backup", &long], 2, &cannot, "")]);
}

/// What would break: what is made in the place of a backup can neither be appended to, nor restored.
#[test]
fn no_log_is_made_in_a_backup() {
    let desk = desk("example.org/desk");
    desk.ok(&["export", "--out", "e.jsonl"]);
    for made in ["kept", "lost"] {
        desk.ok(&["backup", made]);
    }
    fs::remove_dir_all(desk.path().join("lost/store")).unwrap();
    for made in ["kept", "lost"] {
        let said = format!(
            "{made} has a backup.json in it: it is a backup, or was, and no log is made there"
        );
        let init = ["init", "--origin", "example.org/desk", "--log", made];
        refused(
            &desk,
            &[
                (&["restore", "e.jsonl", "--log", made], 2, &said, "--log NEW_DIR"),
                (&["restore", "kept", "--log", made], 2, &said, "--log NEW_DIR"),
                (&init, 2, &said, "--log NEW_DIR"),
            ],
        );
    }
    let (_, said) = desk.refused(&["list", "--log", "lost"]);
    assert!(said.contains("it is a backup that has lost its store"), "{said}");
    assert!(!said.contains("--log lost"), "{said}");
}

/// What would break: all of a log is copied, and then there is no place for it, nor advice.
#[test]
#[cfg(unix)]
fn where_a_backup_cannot_be_moved_to_another_place_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk("example.org/desk");
    fs::create_dir(desk.path().join("disk")).unwrap();
    let mount = "mount -t tmpfs tmpfs disk || exit 77; exec \"$0\" backup disk";
    let program = env!("CARGO_BIN_EXE_demarche");
    let args = ["--map-root-user", "--mount", "sh", "-c", mount, program];
    let output = desk.command_of(Path::new("unshare"), &args).output();
    // Any other status is that of what is to mount it.
    if let Some(output) = output.ok().filter(|output| output.status.code() == Some(2)) {
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = "disk is where a disk is mounted: a backup cannot take its place";
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("demarche backup disk/NAME"), "{said}");
    } else {
        println!("skipped: nothing can be mounted here");
    }
    fs::create_dir_all(desk.path().join("theirs/mine")).unwrap();
    let mode = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(desk.path().join("theirs"), mode).unwrap();
    };
    mode(0o500);
    let outputs = ["theirs/mine", "theirs/new"].map(|at| desk.run_without_rights(&["backup", at]));
    mode(0o700);
    let [Some(mine), Some(new)] = outputs else { return };
    let [mine, new] = [mine, new].map(|output| String::from_utf8(output.stderr).unwrap());
    assert!(mine.contains("theirs/mine.partial cannot be made: "), "{mine}");
    assert!(mine.contains("demarche backup theirs/mine/NAME"), "{mine}");
    assert!(new.contains("name a place where you may write"), "{new}");
}

/// What would break: an old export restored where the log was signs again over numbers that others hold signatures of.
#[test]
fn an_export_that_knows_less_than_the_journal_is_not_restored() {
    let desk = desk("example.org/desk");
    let note = |text| desk.ok(&["append", "note", "--text", text]);
    desk.ok(&["export", "--out", "older.jsonl"]);
    desk.ok(&["checkpoint"]);
    desk.ok(&["export", "--out", "signed.jsonl"]);
    // Another log of that name, as long.
    desk.ok(&["init", "--origin", "example.org/desk", "--log", "other"]);
    desk.ok(&["append", "note", "--text", "t", "--log", "other"]);
    desk.ok(&["export", "--out", "other.jsonl", "--log", "other"]);
    note("later");
    desk.ok(&["export", "--out", "newer.jsonl"]);
    fs::remove_dir_all(desk.path().join("log/store")).unwrap();
    // Whoever means to have less than was acknowledged there says so.
    fs::remove_file(desk.path().join("log/head")).unwrap();
    let restore = |export| ["restore", export];
    let apart = "the export contradicts the journal in log/journal/example.org%2Fdesk.jsonl; nothing was restored";
    refused(&desk, &[(&restore("other.jsonl"), 1, apart, "went on apart")]);
    desk.ok(&restore("older.jsonl"));
    desk.ok(&["verify"]);
    note("later");
    desk.ok(&["checkpoint"]);
    let elsewhere = ["restore", "signed.jsonl", "--log", "again", "--journal", "log/journal"];
    let older =
        "the export is older than what this log has signed: restoring it would be a rollback";
    let ends = "the export ends with 2 events";
    refused(&desk, &[(&elsewhere, 1, older, ends), (&elsewhere, 1, older, "--journal NEW_DIR")]);
    assert!(!desk.path().join("again").exists());
    fs::remove_dir_all(desk.path().join("log/store")).unwrap();
    refused(&desk, &[(&restore("signed.jsonl"), 1, older, ends)]);
    assert!(!desk.path().join("log/store").exists());
    // Of a journal without a whole line nothing was acknowledged.
    let journal = "log/journal/example.org%2Fdesk.jsonl";
    let begun = fs::read_to_string(desk.path().join(journal)).unwrap()[..40].to_owned();
    desk.write(journal, &begun);
    fs::remove_file(desk.path().join("log/head")).unwrap();
    desk.ok(&restore("signed.jsonl"));
}

#[test]
fn backups_that_know_less_than_what_lies_there() {
    let desk = desk("example.org/desk");
    desk.ok(&["checkpoint"]);
    desk.ok(&["backup", "kept", "--with-key"]);
    let restore = |log| ["restore", "kept", "--log", log];
    // Another key; then the journal of a log that went on.
    desk.ok(&["init", "--origin", "example.org/other", "--log", "other"]);
    fs::create_dir(desk.path().join("keyed")).unwrap();
    fs::copy(desk.path().join("other/key"), desk.path().join("keyed/key")).unwrap();
    refused(&desk, &[(&restore("keyed"), 2, "there is another key in keyed/key", "--key FILE")]);
    desk.ok(&["append", "note", "--text", "later"]);
    desk.ok(&["checkpoint"]);
    let onto = [&restore("new")[..], &["--journal", "log/journal"]].concat();
    let older =
        "the backup is older than what this log has signed: restoring it would be a rollback";
    let knows = |log: &str| {
        format!("the journal {log}/journal/example.org%2Fdesk.jsonl has a checkpoint of ")
    };
    refused(&desk, &[(&onto, 1, older, "use a newer backup"), (&onto, 1, older, &knows("log"))]);
    let manifest = read(&desk, "kept/backup.json");
    // Under another name its journal is not found, and would be lost.
    desk.write("kept/backup.json", &manifest.replacen("org/desk", "org/other", 1));
    let other = "the backup was changed after it was made: it says that it is of example.org/other, its first event of example.org/desk";
    refused(&desk, &[(&restore("new"), 1, other, "use another backup")]);
    assert!(!desk.path().join("new").exists(), "nothing is made");
    // The manifest says less, or more, than there is.
    let says = |events: &str| {
        desk.write("kept/backup.json", &manifest.replacen("\"events\": 2", events, 1));
    };
    says("\"events\": 1");
    refused(&desk, &[(&restore("new"), 1, older, &knows("kept"))]);
    says("\"events\": 3");
    let changed = "the backup was changed after it was made: it had 3 events, it has 2";
    refused(&desk, &[(&restore("new"), 1, changed, "use another backup")]);
}

/// What a command says that is run where the directory of keys cannot be written; `None` where that cannot be had.
#[cfg(unix)]
fn refused_without_rights(desk: &Desk, args: &[&str]) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = |mode| {
        let keys = desk.path().join("keys");
        fs::set_permissions(keys, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o500);
    let output = desk.run_without_rights(args);
    mode(0o700);
    output.map(|output| String::from_utf8(output.stderr).unwrap())
}

/// A rotation that was cut off is ended by the next command, where the keys can be moved.
#[cfg(unix)]
#[test]
fn keys_that_cannot_be_moved_or_removed() {
    let desk = desk("example.org/desk");
    fs::create_dir(desk.path().join("keys")).unwrap();
    fs::rename(desk.path().join("log/key"), desk.path().join("keys/key")).unwrap();
    let keyed = |args: &[&'static str]| [args, &["--key", "keys/key"]].concat();
    let rotate = keyed(&["key", "rotate"]);
    desk.ok(&rotate);
    // As it is before the keys are moved.
    let place = |name: &str| desk.path().join("keys").join(name);
    fs::rename(place("key"), place("key.new")).unwrap();
    fs::rename(place("key.former"), place("key")).unwrap();
    let Some(said) = refused_without_rights(&desk, &keyed(&["checkpoint"])) else { return };
    assert!(said.starts_with("error: the key keys/key cannot be moved: "), "{said}");
    desk.ok(&keyed(&["checkpoint"]));
    let said = refused_without_rights(&desk, &keyed(&["key", "retire"])).unwrap();
    assert!(
        said.starts_with("error: the key keys/key.former cannot be removed for good: "),
        "{said}"
    );
    desk.ok(&keyed(&["key", "retire"]));
    assert!(!place("key.former").exists());
}
