//! What nobody else may read: the modes of all that every command makes, and that keys and sealed parts are in nothing
//! that is printed or handed out, unless they are asked for.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use demarche::record::note::{Algorithm, VerifierKey};

use crate::desk::Desk;

/// In a sealed part, and nowhere else.
const SEALED: &str = "Quellenschutz-9417";
/// In the sealed part of an event that is refused.
const REFUSED: &str = "Quellenschutz-2203";

/// The program, run by somebody whose mask lets everybody read and write what they make.
fn run(desk: &Desk, args: &[&str]) -> Output {
    let command = desk.command(args);
    let mut open = Command::new("sh");
    open.args(["-c", r#"umask 000; exec "$0" "$@""#]).arg(command.get_program()).args(args);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => open.env(name, value),
            None => open.env_remove(name),
        };
    }
    open.current_dir(desk.path()).output().unwrap()
}

/// Every file and directory under a directory, itself included, with its mode.
fn modes(root: &Path) -> BTreeMap<PathBuf, u32> {
    let mut found = BTreeMap::new();
    let about = fs::symlink_metadata(root).unwrap();
    found.insert(root.to_owned(), about.permissions().mode() & 0o7777);
    if about.is_dir() {
        for entry in fs::read_dir(root).unwrap() {
            found.extend(modes(&entry.unwrap().path()));
        }
    }
    found
}

#[track_caller]
fn is_private(root: &Path, after: &[&str]) {
    for (path, mode) in modes(root) {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{} after {after:?}: {mode:o}", path.display());
    }
}

/// Stands for the key of a witness.
const WITNESS: &str = "WITNESS";
/// Stands for the key of the log.
const VKEY: &str = "VKEY";

/// Commands of every sort, in an order in which each has something to do. A witness and an authority are not asked: what
/// they are sent is a checkpoint, or a hash of one.
const COMMANDS: &[&[&str]] = &[
    &["init", "--origin", "example.org/desk"],
    &["append", "events.jsonl", "--declare"],
    &["append", "events.jsonl", "--json"],
    &["append", "topic", "--id", "from-flags", "--name", "x"],
    &["append", "many.jsonl"],
    &["append", "refused.jsonl"],
    &["append", "refused.jsonl", "--keep-going"],
    &["checkpoint"],
    &["checkpoint", "--out", "first.note"],
    &["snapshot"],
    &["snapshot", "--anew", "--json"],
    &["anchor", "request", "--out", "stamp.tsq"],
    &["key"],
    &["key", "--json"],
    &["key", "--vkey"],
    &["key", "rotate"],
    &["key", "retire"],
    &["checkpoint", "--json"],
    &["verify"],
    &["verify", "--json"],
    &["verify", "--quick"],
    &["replay"],
    &["replay", "--json"],
    &["replay", "--recompute", "--json"],
    &["replay", "--history", "--json"],
    &["replay", "--proof", "answer.jsonl"],
    &["measures"],
    &["measures", "--json"],
    &["measures", "--gantt", "--from", "2025-01-01", "--to", "2025-12-01"],
    &["positions"],
    &["positions", "--json"],
    &["contacts"],
    &["contacts", "--json"],
    &["diff", "--from", "2025-01-01", "--to", "2025-12-01"],
    &["diff", "--from", "2025-01-01", "--to", "2025-12-01", "--json"],
    &["explain", "m", "--to", "2025-12-01"],
    &["timeline"],
    &["timeline", "--json"],
    &["show", "sealed"],
    &["show", "sealed", "--json"],
    &["list"],
    &["list", "--json"],
    &["revisions"],
    &["lag"],
    &["prove", "sealed", "--out", "p.tlog-proof"],
    &["prove", "sealed"],
    &["prove", "--for-answer", "--out", "answer.tlog-proof"],
    &["check", "p.tlog-proof", "--vkey", VKEY],
    &["check", "p.tlog-proof", "--vkey", VKEY, "--json"],
    &["check", "answer.jsonl"],
    &["export"],
    &["export", "--out", "e.jsonl"],
    &["export", "--format", "tiles", "--out", "tiles"],
    &["verify", "e.jsonl"],
    &["restore", "e.jsonl", "--log", "restored"],
    &["verify", "--log", "restored"],
    &["disclose", "sealed", "--out", "disclosed.tlog-proof"],
    &["export", "--include-sealed", "--out", "sealed.jsonl"],
    &["witness", "add", WITNESS, "http://127.0.0.1:9/"],
    &["witness", "list"],
    &["erase", "sealed", "--why", "a court ordered it"],
    &["verify"],
];

/// What must be asked for to have sealed parts.
const ASKED_FOR: [&str; 2] = ["disclosed.tlog-proof", "sealed.jsonl"];
/// Commands of the list that are refused, as they should be.
const ENDS_REFUSED: [&[&str]; 2] =
    [&["append", "refused.jsonl"], &["append", "refused.jsonl", "--keep-going"]];

/// A directory with the inputs, and no log yet.
fn desk() -> Desk {
    let desk = Desk::new();
    let events = format!(
        r#"{{"kind":"source","id":"memo","title":"Memo","published":"2025-05-02","file":"doc.txt"}}
{{"kind":"statement","id":"sealed","by":["in"],"topic":"treaty","when":"2025-05-01","stance":"rejects","sealed":{{"informant":"{SEALED}"}},"cites":[{{"source":"memo","quote":"about the crossing"}}]}}
{{"kind":"measure","id":"m1","measure":"m","op":"impose","by":["in"],"type":"trade_suspension","announced":"2025-05-01","sealed":{{"informant":"{SEALED}"}}}}
{{"kind":"contact","id":"call","form":"phone_call","when":"2025-05-01","participants":["in"],"sealed":{{"informant":"{SEALED}"}}}}
"#
    );
    desk.write("doc.txt", "A memo about the crossing.\n");
    desk.write("events.jsonl", &events);
    let note = |number| format!("{{\"kind\":\"note\",\"text\":\"filler {number}\"}}\n");
    desk.write("many.jsonl", &(0..600).map(note).collect::<String>());
    // Refused for the one line that stands beside a sealed part, and for the sealed part itself.
    let refused = format!(
        r#"{{"kind":"statement","id":"bad","by":["nobody-at-all"],"topic":"treaty","sealed":{{"informant":"{REFUSED}"}}}}
{{"kind":"statement","id":"worse","by":["in"],"topic":"treaty","sealed":{{"informant":"{REFUSED}","weight":0.5}}}}
{{"kind":"statement","id":"sealed","by":["in"],"topic":"treaty","sealed":{{"informant":"{REFUSED}"}}}}
{{"kind":"statement","id":"cut","by":["in"],"sealed":{{"informant":"{REFUSED}"
"#
    );
    desk.write("refused.jsonl", &refused);
    desk
}

/// Every secret that a desk holds now: the sealed parts, and the private halves of keys in each form that they have.
fn secrets(desk: &Desk) -> Vec<String> {
    let mut secrets = vec![SEALED.to_owned(), REFUSED.to_owned()];
    for name in ["key", "key.former", "key.new"] {
        if let Ok(text) = fs::read_to_string(desk.path().join("log").join(name)) {
            // The secret itself may hold a plus sign.
            let secret = text.trim().splitn(5, '+').nth(4).unwrap().to_owned();
            assert!(secret.len() > 40);
            secrets.push(secret);
        }
    }
    secrets
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[test]
fn every_command_keeps_what_it_makes_to_its_owner_and_secrets_to_itself() {
    let desk = desk();
    let log = desk.path().join("log");
    let mut known = secrets(&desk);
    let public = ed25519_dalek::SigningKey::from_bytes(&[5; 32]).verifying_key().to_bytes();
    let witness = VerifierKey::new("w.example/1", Algorithm::Cosignature, &public).unwrap();
    let (witness, mut vkey) = (witness.to_string(), String::new());
    for args in COMMANDS {
        let meant = |arg: &&'static str| match *arg {
            WITNESS => witness.clone(),
            VKEY => vkey.clone(),
            other => other.to_owned(),
        };
        let meant: Vec<String> = args.iter().map(meant).collect();
        let output = run(&desk, &meant.iter().map(String::as_str).collect::<Vec<_>>());
        if *args == ["key", "--vkey"] || *args == ["key", "retire"] {
            vkey = desk.ok(&["key", "--vkey"]).trim().to_owned();
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let status = if ENDS_REFUSED.contains(args) { 2 } else { 0 };
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        known.extend(secrets(&desk));
        for (place, bytes) in [("output", &output.stdout), ("error", &output.stderr)] {
            let shown = known.iter().find(|secret| holds(bytes, secret));
            assert_eq!(shown, None, "on standard {place} of {args:?}");
        }
        is_private(&log, args);
        let restored = desk.path().join("restored");
        if restored.exists() {
            is_private(&restored, args);
        }
    }
    // What is asked for does hold the sealed part, and is for its owner alone.
    for name in ASKED_FOR {
        let path = desk.path().join(name);
        let bytes = fs::read(&path).unwrap();
        assert!(name.ends_with("proof") || holds(&bytes, SEALED), "{name}");
        assert_eq!(modes(&path)[&path], 0o600, "{name}");
    }
    // Of an export it is decided by what the log keeps to its owner.
    assert_eq!(modes(&desk.path().join("e.jsonl")).into_values().next(), Some(0o600));
    // Nothing else that was made, the journal and what is handed out included, has any of them; the store and the key
    // files have what they are for.
    for path in modes(desk.path()).into_keys().filter(|path| path.is_file()) {
        let name = path.strip_prefix(desk.path()).unwrap().to_string_lossy().into_owned();
        let is_own = name.starts_with("log/store/") || name == "log/key";
        if is_own
            || name == "events.jsonl"
            || name == "refused.jsonl"
            || ASKED_FOR.contains(&&*name)
        {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let held = known.iter().find(|secret| holds(&bytes, secret));
        assert_eq!(held, None, "in {name}");
    }
}

#[test]
fn sealed_parts_are_shown_to_whoever_asks() {
    let desk = desk();
    run(&desk, &["init", "--origin", "example.org/desk"]);
    run(&desk, &["append", "events.jsonl", "--declare"]);
    assert!(desk.ok(&["show", "sealed", "--sealed"]).contains(SEALED));
    assert!(!desk.ok(&["show", "sealed"]).contains(SEALED));
    // A disclosure is a proof with the sealed part in it, whoever reads it.
    desk.ok(&["checkpoint"]);
    desk.ok(&["disclose", "sealed", "--out", "d.tlog-proof"]);
    assert!(desk.ok(&["check", "d.tlog-proof"]).contains(SEALED));
}

#[test]
fn a_bad_key_is_refused_without_showing_any_of_it() {
    let desk = desk();
    run(&desk, &["init", "--origin", "example.org/desk"]);
    let path = desk.path().join("log/key");
    let whole = fs::read_to_string(&path).unwrap();
    let secret = whole.trim().splitn(5, '+').nth(4).unwrap();
    let bad: &[Vec<u8>] = &[
        Vec::new(),
        secret.as_bytes().to_vec(),
        [whole.trim().as_bytes(), b"A\n"].concat(),
        [b"\xff", whole.as_bytes()].concat(),
        whole.replacen("PRIVATE", "PUBLIC", 1).into_bytes(),
        whole.replacen("example.org/desk", "example.org/other", 1).into_bytes(),
        whole.as_bytes()[..whole.len() - 8].to_vec(),
        format!("{whole}{whole}").into_bytes(),
        [whole.as_bytes(), &[b'x'; 5000]].concat(),
    ];
    for bytes in bad {
        fs::write(&path, bytes).unwrap();
        for args in [
            &["checkpoint"][..],
            &["key"],
            &["key", "rotate"],
            &["key", "retire", "--json"],
            // Given in the place of a policy.
            &["verify", "--policy", "log/key"],
        ] {
            let output = run(&desk, args);
            let said = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&said);
            assert_eq!(output.status.code(), Some(2), "{args:?} with {bytes:?}: {text}");
            assert!(text.contains("hint:"), "{args:?}: {text}");
            // Not even a part of it.
            for part in [&secret[..16], &secret[12..28], &secret[secret.len() - 16..]] {
                assert!(!holds(&said, part), "{args:?}: {text}");
            }
        }
    }
}

/// sled makes its files as the mask of the process has it, and is held to the owner's modes each time it is opened or let
/// go: also where a copy was made with other modes.
#[test]
fn a_store_that_was_copied_with_other_modes_is_private_again_once_it_is_opened() {
    let desk = Desk::demo();
    let store = desk.path().join("log/store");
    for (path, _) in modes(&store) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    desk.ok(&["replay"]);
    for (path, mode) in modes(&store).into_iter().filter(|(path, _)| *path != store) {
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}
