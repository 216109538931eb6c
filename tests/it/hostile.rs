//! Hostile input, through the program itself: nothing panics, nothing hangs, nothing is half written, and nothing that
//! drives a terminal reaches one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use demarche::model::text::is_hidden;
use demarche::record::export::{HeadLine, Line, decode, encode};
use demarche::record::link::Link;
use demarche::record::tree::{Frontier, leaf_hash};
use demarche::store::sled::SledStore;
use demarche::store::{Part, StoredEvent};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::forger;

/// Controls, an override of the direction of writing, a line separator, and what looks like another line of output.
const EVIL: &str =
    "\u{1b}[31m\u{202e}live\u{7}\u{9b}2J\r\nerror: \u{2028}\u{0}all is well\t\u{feff}\u{7f}";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk
}

/// The program's output; a run that does not end is ended, and fails the test.
#[track_caller]
fn run(desk: &Desk, args: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    let program = desk.command(args);
    command.arg("120").arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.current_dir(desk.path()).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(124), "{args:?} does not end");
    assert!(matches!(output.status.code(), Some(0..=2)), "{args:?}: {:?}: {said}", output.status);
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    output
}

/// A command is refused, says why, and leaves the log as it was.
#[track_caller]
fn refused(desk: &Desk, args: &[&str], why: &str) -> String {
    let before = head(desk);
    let output = run(desk, args);
    let said = String::from_utf8(output.stderr).expect("what is said is text");
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.starts_with("error: ") && said.contains(why), "{args:?}: {why} in {said}");
    is_clean(&said);
    assert_eq!(head(desk), before, "{args:?} wrote something");
    said
}

fn head(desk: &Desk) -> Value {
    desk.json(&["replay", "--json"])["head"].clone()
}

/// Nothing in it drives a terminal.
#[track_caller]
fn is_clean(said: &str) {
    let hidden = said.chars().find(|c| *c != '\n' && is_hidden(*c));
    assert_eq!(hidden, None, "{said:?}");
}

/// Both outputs of a command are text in which nothing is hidden.
#[track_caller]
fn clean(desk: &Desk, args: &[&str]) -> String {
    let output = run(desk, args);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("what is said is text");
    is_clean(&said);
    said
}

#[test]
fn shapes_that_grow_without_end() {
    let desk = desk();
    let nested = |open: &str, close: &str, depth| open.repeat(depth) + &close.repeat(depth);
    let laughs = {
        // Each level holds the one below ten times over, as far as a line goes.
        let mut text = "[\"lol\"]".to_owned();
        while text.len() * 10 < 1_000_000 {
            text = format!("[{}]", [text.as_str(); 10].join(","));
        }
        text
    };
    let sealed = |value: &str| format!("{{\"kind\":\"note\",\"text\":\"t\",\"sealed\":{value}}}");
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).rev().map(|at| format!("\"k{at:06}\":0")).collect();
        format!("{{{}}}", keys.join(","))
    };
    for (line, why) in [
        (nested("[", "]", 400_000), "nested deeper than 32 levels"),
        ("[".repeat(1_000_000), "nested deeper than 32 levels"),
        (nested("{\"a\":", "}", 100_000), "nested deeper than 32 levels"),
        (sealed(&nested("[", "]", 400_000)), "nested deeper than 32 levels"),
        (laughs, "an event is a JSON object"),
        (sealed(&keys(80_000)), "an object has more than 1024 keys"),
        (keys(80_000), "an object has more than 1024 keys"),
        (format!("{{{}}}", "\"a\":0,".repeat(1000) + "\"b\":0"), "the key \"a\" is given twice"),
    ] {
        assert!(line.len() <= 1024 * 1024, "it is looked at, not only measured");
        desk.write("bad.jsonl", &format!("{line}\n"));
        refused(&desk, &["append", "bad.jsonl"], why);
    }
    // A list of a hundred thousand schemes, each looked for among those before it.
    let ids: Vec<String> = (0..100_000).map(|at| format!("{at:x}:1")).collect();
    let actor = json!({"kind":"actor","id":"a","name":"A","type":"person","ids":ids});
    desk.write("bad.jsonl", &format!("{actor}\n"));
    refused(&desk, &["append", "bad.jsonl"], "a list has at most 1024 items");
}

#[test]
fn numbers_and_dates_beyond_all_bounds() {
    let desk = desk();
    let digits = "9".repeat(100_000);
    for (number, why) in [
        ("1e999999999".to_owned(), "number out of range"),
        ("-1e400".to_owned(), "number out of range"),
        ("1e-400".to_owned(), "has a fraction or an exponent"),
        ("18446744073709551616".to_owned(), "is beyond ±9007199254740991"),
        ("-9223372036854775809".to_owned(), "is beyond ±9007199254740991"),
        (digits, "number out of range"),
        ("00".to_owned(), "not JSON"),
        ("0x10".to_owned(), "not JSON"),
        ("Infinity".to_owned(), "not JSON"),
    ] {
        let line = format!("{{\"kind\":\"incident\",\"confidence\":{number}}}\n");
        desk.write("bad.jsonl", &line);
        refused(&desk, &["append", "bad.jsonl"], why);
    }
    for date in ["Y999999999999", "Y-999999999999999999999", "9999-99-99", "2025-04-23T99:99:99Z"] {
        let line = json!({"kind":"incident","when":date});
        desk.write("bad.jsonl", &format!("{line}\n"));
        refused(&desk, &["append", "bad.jsonl"], "is not a date we can take");
        refused(&desk, &["replay", "--to", date], date);
    }
    for id in ["@18446744073709551616", "@-1", "@+1", "@"] {
        refused(&desk, &["show", id], id);
    }
}

#[test]
fn bytes_that_are_no_text_and_text_that_is_not_as_it_seems() {
    let desk = desk();
    for (bytes, why) in [
        (b"{\"kind\":\"note\",\"text\":\"\xff\"}\n".to_vec(), "not UTF-8 text from byte 23 on"),
        (b"{\"kind\":\"note\",\"text\":\"\xed\xa0\x80\"}\n".to_vec(), "not UTF-8"),
        (b"{\"kind\":\"note\",\"text\":\"\xc0\x80\"}\n".to_vec(), "not UTF-8"),
        (b"{\"kind\":\"note\",\"text\":\"a\x00b\"}\n".to_vec(), "not JSON: control character"),
        (b"\x00\x00\x00\x00\n".to_vec(), "not JSON"),
        (b"{\"kind\":\"note\",\"text\":\"\\ud800\"}\n".to_vec(), "not JSON"),
        (b"{\"kind\":\"note\",\"text\":\"\\udc00\\ud800\"}\n".to_vec(), "not JSON"),
        ("\u{feff}\u{feff}{\"kind\":\"note\",\"text\":\"t\"}\n".into(), "not JSON"),
        (
            "{\"kind\":\"note\",\"text\":\"t\"}\n\u{feff}{\"kind\":\"note\",\"text\":\"u\"}\n"
                .into(),
            "not JSON",
        ),
        ("{\"kind\":\"note\",\u{a0}\"text\":\"t\"}\n".into(), "not JSON"),
        (
            "{\"kind\":\"note\",\"text\":\"t\"}\r{\"kind\":\"note\",\"text\":\"u\"}\n".into(),
            "not JSON",
        ),
    ] {
        fs::write(desk.path().join("bad.jsonl"), bytes).unwrap();
        refused(&desk, &["append", "bad.jsonl"], why);
    }
    // UTF-16, as another program may have saved it.
    let wide: Vec<u8> =
        "\u{feff}{\"kind\":\"note\"}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(desk.path().join("bad.jsonl"), wide).unwrap();
    refused(&desk, &["append", "bad.jsonl"], "not UTF-8");
    // A byte order mark before the first line, line ends of two bytes and none after the last are no harm.
    let good = "\u{feff}{\"kind\":\"note\",\"text\":\"t\"}\r\n\r\n \t\r\n{\"kind\":\"note\",\"text\":\"\\u0000\"}";
    desk.write("good.jsonl", good);
    assert!(desk.ok(&["append", "good.jsonl"]).contains("appended 2 events"));
    desk.write("empty.jsonl", "");
    assert!(desk.ok(&["append", "empty.jsonl"]).contains("nothing new"));
}

/// A log in which every field that can hold any text holds what drives a terminal.
fn evil() -> Desk {
    let desk = desk();
    fs::write(desk.path().join("evil.txt"), format!("so {EVIL} they said")).unwrap();
    let cites = json!([{"source":"s","quote":EVIL,"at":EVIL}]);
    let lines = [
        json!({"kind":"source","id":"s","title":EVIL,"publisher":EVIL,"published":"2025-05-01","url":EVIL,"lang":EVIL,"file":"evil.txt"}),
        json!({"kind":"actor","id":"a","name":EVIL,"type":"country","country":"IN","aliases":[EVIL],"ids":{EVIL:EVIL}}),
        json!({"kind":"actor","id":"b","name":format!("B{EVIL}"),"type":"person","part_of":"a"}),
        json!({"kind":"topic","id":"t","name":EVIL}),
        json!({"kind":"contact","id":"c","form":"meeting","participants":["a","b"],"when":"2025-04-24","summary":EVIL}),
        json!({"kind":"statement","id":"st","by":["b"],"to":["a"],"topic":"t","stance":"rejects","contact":"c","when":"2025-04-24","summary":EVIL,"cites":cites,"lang":EVIL,"confidence":EVIL,"according_to":[{"by":"a","how":"readout"}],"sealed":{EVIL:EVIL}}),
        json!({"kind":"statement","id":"st2","by":["a"],"topic":"t","stance":"supports","when":"2025-04-24","summary":EVIL,"cites":cites}),
        json!({"kind":"measure","id":"m1","measure":"m","op":"impose","by":"a","against":"b","type":"treaty_suspension","scope":EVIL,"legal_basis":EVIL,"announced":"2025-04-23","summary":EVIL,"cites":cites}),
        json!({"kind":"measure","id":"m2","measure":"m","op":"lift","effective":"2025-04-24/2025-04-30","summary":EVIL}),
        json!({"kind":"correction","id":"k","of":"st","field":"summary","to":format!("{EVIL}!"),"why":EVIL}),
        json!({"kind":"retraction","id":"r","of":"st2","by":"recorder","why":EVIL}),
        json!({"kind":"note","id":"n","of":"st","text":EVIL}),
        json!({"kind":"incident","id":"i","when":"2025-04-22","summary":EVIL,"topic":"t","cites":cites}),
        json!({"kind":"mention","id":"me","of":"m1","cites":cites,"summary":EVIL}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    desk.write("evil.jsonl", &text);
    let output = run(&desk, &["append", "evil.jsonl"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    is_clean(&said);
    desk
}

/// What would break, besides: what `--json` prints would drive a terminal, or lack what no terminal is given.
#[test]
fn nothing_that_is_shown_drives_a_terminal() {
    let desk = evil();
    let taken = desk.json(&["replay", "--json"])["head"]["size"].as_u64().unwrap();
    assert_eq!(taken, 15, "all of it was taken");
    for args in [
        &["list"][..],
        &["replay"],
        &["measures"],
        &["measures", "--gantt", "--from", "2025-04-20", "--to", "2025-05-03"],
        &["positions"],
        &["positions", "--by", "country"],
        &["contacts"],
        &["timeline"],
        &["diff", "--from", "2025-04-20", "--to", "2025-05-03"],
        &["diff", "--recorded-from", "2020-01-01", "--recorded-to", "2090-01-01"],
        &["explain", "m"],
        &["explain", "b", "t"],
        &["revisions"],
        &["lag"],
        &["verify"],
        &["show", "@1", "--sealed"],
        &["replay", "--history"],
        &["timeline", "--text", EVIL],
        &["prove", "@1"],
    ] {
        if args.iter().any(|arg| arg.contains('\0')) {
            continue;
        }
        clean(&desk, args);
    }
    for seq in 0..taken {
        let said = clean(&desk, &["show", &format!("@{seq}"), "--sealed"]);
        assert!(!said.contains("\nerror: "), "no line of it is made by the report: {said}");
    }
    for name in ["s", "a", "b", "t", "m", "c"] {
        clean(&desk, &["show", name]);
    }
    let shown = clean(&desk, &["show", "i"]);
    assert!(shown.contains("\\u{1b}[31m\\u{202e}live"), "it is shown, escaped: {shown}");
    run(&desk, &["replay", "--to", "2025-05-01", "--proof", "p.jsonl"]);
    clean(&desk, &["check", "p.jsonl"]);
    let json = |args: &[&str]| serde_json::from_str::<Value>(&clean(&desk, args)).unwrap();
    let shown = &json(&["show", "st", "--sealed", "--json"])["events"][0];
    assert_eq!(
        (&shown["payload"]["summary"], &shown["sealed"][EVIL]),
        (&EVIL.into(), &EVIL.into())
    );
    assert_eq!(json(&["list", "--json"])["events"][5]["summary"], EVIL);
    assert_eq!(json(&["check", "p.jsonl", "--json"])["ok"], true);
}

#[test]
fn nothing_in_an_error_drives_a_terminal() {
    let desk = desk();
    let event = |key: &str, value: &str| {
        let mut event = json!({"kind":"statement","by":[],"topic":"t"});
        event[key] = json!(value);
        event
    };
    let mut lines: Vec<Value> = ["kind", "id", "by", "topic", "stance", "when", "contact", EVIL]
        .iter()
        .map(|key| event(key, EVIL))
        .collect();
    lines.push(json!({"kind":"source","id":"x","file":EVIL.replace('\0', "")}));
    lines.push(json!({"kind":"source","id":"x","blake3":EVIL}));
    lines.push(json!({"kind":"actor","name":"x","type":EVIL,"country":EVIL}));
    lines.push(json!({"kind":"actor","name":"x","type":"person","ids":[format!("{EVIL}:1"),format!("{EVIL}:2")]}));
    lines.push(json!({"kind":"correction","of":EVIL,"field":EVIL,"to":EVIL,"why":EVIL}));
    lines.push(json!({"kind":"incident","cites":{"source":EVIL,"quote":EVIL}}));
    for line in &lines {
        desk.write("bad.jsonl", &format!("{line}\n"));
        let said = refused(&desk, &["append", "bad.jsonl"], "1 line is refused");
        assert!(said.lines().all(|line| !line.starts_with("error: \\u{2028}")), "{said}");
        let all = run(&desk, &["append", "bad.jsonl", "--keep-going"]);
        is_clean(&String::from_utf8(all.stderr).unwrap());
    }
    // A line that is no JSON is not shown, and neither is what a reader makes of it.
    desk.write("bad.jsonl", &format!("{{\"{}\" 1}}\n", "\\u001b[2J"));
    refused(&desk, &["append", "bad.jsonl"], "not JSON");
    // What a user gives is shown escaped as well.
    let given = EVIL.replace('\0', "");
    for args in [
        ["show", given.as_str()],
        ["explain", &given],
        ["append", &given],
        ["verify", &given],
        ["restore", &given],
        ["check", &given],
        ["vocab", &given],
        ["schema", &given],
        ["erase", &given],
    ] {
        let output = run(&desk, &args);
        assert_ne!(output.status.code(), Some(0), "{args:?}");
        is_clean(&String::from_utf8(output.stderr).unwrap());
    }
}

#[test]
fn names_that_lead_elsewhere() {
    let desk = desk();
    let (inside, outside) = (desk.path().join("in"), desk.path().join("out"));
    fs::create_dir_all(inside.join("deep")).unwrap();
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("secret"), "a secret").unwrap();
    fs::write(inside.join("deep/open"), "open").unwrap();
    symlink(outside.join("secret"), inside.join("link")).unwrap();
    symlink(&outside, inside.join("tree")).unwrap();
    symlink("link-to-itself", inside.join("link-to-itself")).unwrap();
    symlink("open", inside.join("deep/link")).unwrap();
    assert!(Command::new("mkfifo").arg(inside.join("pipe")).status().unwrap().success());
    let absolute = outside.join("secret");
    // The working directory is one that is searched, so the program runs within the other.
    let append = |name: &str| {
        let line = json!({"kind":"source","id":"s","file":name});
        fs::write(inside.join("in.jsonl"), format!("{line}\n")).unwrap();
        let log = desk.path().join("log");
        let mut command = desk.command(&["append", "in.jsonl", "--log", log.to_str().unwrap()]);
        let output = command.current_dir(&inside).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (name, why) in [
        (absolute.to_str().unwrap(), "leads out of the directory"),
        ("../out/secret", "leads out of the directory"),
        ("deep/../../out/secret", "leads out of the directory"),
        ("link", "leads out of the directory"),
        ("tree/secret", "leads out of the directory"),
        ("/etc/passwd", "leads out of the directory"),
        ("/proc/self/environ", "leads out of the directory"),
        ("/dev/zero", "leads out of the directory"),
        ("link-to-itself", "there is no file"),
        ("deep", "is not a regular file"),
        (".", "is not a regular file"),
        ("pipe", "is not a regular file"),
        ("nothing", "there is no file"),
        ("deep/open/", "there is no file"),
        ("a\u{0}b", "there is no file"),
        ("", "nothing"),
    ] {
        let before = head(&desk);
        let (status, said) = append(name);
        if name.is_empty() {
            // An empty text is none: a source without a file.
            assert_eq!(status, Some(0), "{said}");
            continue;
        }
        assert_eq!(status, Some(2), "{name:?}: {said}");
        assert!(said.contains(why), "{name:?}: {why} in {said}");
        assert_eq!(head(&desk), before);
    }
    let line = json!({"kind":"source","id":"s2","file":"deep/link"});
    fs::write(inside.join("in.jsonl"), format!("{line}\n")).unwrap();
    assert!(desk.ok(&["append", "in/in.jsonl"]).contains("appended"), "a link that stays within");
    // A flag is the user's own; a device is no file all the same, and /proc says no true length.
    desk.ok(&["append", "source", "--id", "own", "--file", absolute.to_str().unwrap()]);
    for (name, why) in [
        ("/dev/zero", "is not a regular file"),
        ("/proc/self/environ", "changed while it was read"),
        ("/proc", "is not a regular file"),
        ("in/pipe", "is not a regular file"),
    ] {
        refused(&desk, &["append", "source", "--id", "no", "--file", name], why);
    }
}

/// What would break: the log's key, captured by a line of somebody else's, is in every export and backup.
#[test]
fn the_logs_own_files_are_no_sources() {
    let desk = desk();
    desk.ok(&["checkpoint"]);
    desk.ok(&["init", "--origin", "example.org/keyed", "--log", "keyed", "--key", "its.key"]);
    fs::hard_link(desk.path().join("log/key"), desk.path().join("second-name")).unwrap();
    fs::hard_link(desk.path().join("log/store/db"), desk.path().join("of-the-store")).unwrap();
    symlink("log/key", desk.path().join("link")).unwrap();
    fs::copy(desk.path().join("log/key"), desk.path().join("log/key.bak")).unwrap();
    desk.write("log/policy", "quorum none\n");
    let journal = fs::read_dir(desk.path().join("log/journal")).unwrap().next().unwrap().unwrap();
    let journal = format!("log/journal/{}", journal.file_name().display());
    for name in [
        "log/key",
        "./log/../log/key",
        "log/key.bak",
        "link",
        "second-name",
        "of-the-store",
        "log/head",
        "log/lock",
        "log/policy",
        "log/store/conf",
        &journal,
    ] {
        let why = "is one of the log's own files";
        for field in ["file", "text_file"] {
            let mut line = json!({"kind":"source","id":"s","file":"own.txt"});
            line[field] = json!(name);
            desk.write("own.txt", "a text");
            desk.write("in.jsonl", &format!("{line}\n"));
            refused(&desk, &["append", "in.jsonl"], why);
        }
        refused(&desk, &["append", "source", "--id", "s", "--file", name], why);
    }
    // A key that lies elsewhere; and what lies beside the log, and is none of it, is taken.
    fs::write(desk.path().join("its.key.demarche-begun"), "half of a ke").unwrap();
    for name in ["its.key", "its.key.demarche-begun"] {
        let keyed = ["append", "source", "--id", "s", "--file", name, "--log", "keyed"];
        let (status, said) = desk.refused(&[&keyed[..], &["--key", "its.key"]].concat());
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("is one of the log's own files"), "{said}");
    }
    for (id, name) in
        [("a", "log/keynote.txt"), ("b", "log/key.findings.txt"), ("c", "log/store.html")]
    {
        desk.write(name, "a text");
        desk.ok(&["append", "source", "--id", id, "--file", name]);
    }
    assert!(!desk.ok(&["export"]).contains("PRIVATE"));
}

#[test]
fn inputs_that_are_no_files() {
    let desk = desk();
    assert!(Command::new("mkfifo").arg(desk.path().join("pipe")).status().unwrap().success());
    refused(&desk, &["append", "/dev/zero"], "no line ends within");
    refused(&desk, &["append", "."], "cannot be read");
    for device in ["/dev/zero", "pipe", "/dev/null"] {
        refused(&desk, &["verify", device], "is not a regular file");
        refused(&desk, &["restore", device, "--log", "new"], "is not a regular file");
        assert!(!desk.path().join("new").exists(), "nothing is made");
    }
    let sealed = ["append", "note", "--text", "t", "--sealed"];
    for device in ["/dev/zero", "pipe"] {
        for args in [
            &["verify", "--checkpoint", device][..],
            &["verify", "--policy", device],
            &["check", device],
            &["anchor", "add", device],
            &["checkpoint", "--key", device],
            &["init", "--origin", "example.org/new", "--log", "new", "--key", device],
            &[&sealed[..], &[device]].concat(),
        ] {
            refused(&desk, args, "is not a regular file");
        }
    }
    // What the program was given open it reads, so far.
    refused(&desk, &["verify", "--policy", "/dev/stdin"], "is no policy");
    let vkey = desk.ok(&["key", "--vkey"]);
    desk.write("policy", &format!("log {vkey}quorum none\n"));
    desk.ok(&["checkpoint", "--out", "note"]);
    desk.ok(&["prove", "@0", "--out", "proof"]);
    for (args, name) in [
        (&["verify", "--policy", "/dev/stdin"][..], "policy"),
        (&["verify", "--checkpoint", "/dev/stdin"], "note"),
        (&["check", "/dev/stdin"], "proof"),
    ] {
        let mut cat = Command::new("cat");
        let mut cat = cat.arg(desk.path().join(name)).stdout(Stdio::piped()).spawn().unwrap();
        let output = desk.command(args).stdin(cat.stdout.take().unwrap()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        cat.wait().unwrap();
    }
}

/// What would break: a command waits for ever on a pipe that somebody laid beside a log, in a backup or where tiles go.
#[test]
fn pipes_in_place_of_what_lies_beside_a_log() {
    let desk = desk();
    desk.ok(&["checkpoint"]);
    desk.ok(&["backup", "kept"]);
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    let journal = fs::read_dir(desk.path().join("log/journal")).unwrap().next().unwrap().unwrap();
    let journal = format!("log/journal/{}", journal.file_name().display());
    let tiles = &["export", "--format", "tiles", "--out", "tiles"][..];
    for (name, args) in [
        ("log/lock", &["verify"][..]),
        ("log/head", &["verify"]),
        ("log/policy", &["verify"]),
        ("log/store/db", &["verify"]),
        (&journal, &["verify"]),
        (&journal, &["checkpoint"]),
        ("log/key", &["checkpoint"]),
        ("kept/backup.json", &["restore", "kept", "--log", "new"]),
        ("kept/head", &["restore", "kept", "--log", "new"]),
        ("tiles/checkpoint", tiles),
        ("tiles/tile/0/000.p/1", tiles),
    ] {
        let path = desk.path().join(name);
        let kept = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(run(&desk, args).status.code(), Some(2), "{name}");
        run(&desk, &["doctor"]);
        fs::remove_file(&path).unwrap();
        if let Some(kept) = kept {
            fs::write(&path, kept).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&path, mode).unwrap();
        }
    }
    desk.ok(&["verify"]);
}

/// What would break: the log is kept from others for as long as a pipe brings nothing.
#[test]
fn a_pipe_is_read_before_the_log_is_opened() {
    let desk = desk();
    assert!(Command::new("mkfifo").arg(desk.path().join("pipe")).status().unwrap().success());
    let other = SledStore::open(&desk.path().join("log"), "another").unwrap();
    let mut append = desk.command(&["append", "pipe", "--wait", "0"]);
    let append = append.stderr(Stdio::piped()).spawn().unwrap();
    // More than a pipe holds: it goes in because somebody reads it.
    let lines = "{\"kind\":\"note\",\"text\":\"t\"}\n".repeat(10_000);
    fs::write(desk.path().join("pipe"), lines).expect("all of it is read");
    let output = append.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is open in another process: another"), "{said}");
    drop(other);
}

#[test]
fn a_source_that_changes_while_it_is_captured() {
    let desk = desk();
    let path = desk.path().join("moving");
    fs::write(&path, vec![b'a'; 4 << 20]).unwrap();
    let done = AtomicBool::new(false);
    let mut refusals = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut length = 4_usize << 20;
            while !done.load(Ordering::Relaxed) {
                length = if length > 3 << 20 { 2 << 20 } else { 4 << 20 };
                fs::write(&path, vec![b'a' + u8::try_from(length >> 20).unwrap(); length]).unwrap();
            }
        });
        for at in 0..8 {
            let id = format!("s{at}");
            let output = run(&desk, &["append", "source", "--id", &id, "--file", "moving"]);
            let said = String::from_utf8(output.stderr).unwrap();
            if output.status.code() == Some(2) {
                assert!(said.contains("changed while it was read"), "{said}");
                refusals += 1;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    // Whatever was captured has the hash that its event says.
    assert!(desk.ok(&["verify"]).contains("the log verifies"));
    let size = head(&desk)["size"].as_u64().unwrap();
    assert_eq!(size, 1 + 8 - refusals, "each was captured whole or not at all");
}

/// An export of these events, as whoever keeps the machine could write it.
fn export(events: &mut [StoredEvent], sources: &[String]) -> String {
    forger::rehash(events);
    let mut frontier = Frontier::default();
    let mut lines = String::new();
    let mut push = |line: &Line| {
        lines.push_str(std::str::from_utf8(&encode(line)).unwrap());
        lines.push('\n');
    };
    let mut chain = Link::ZERO;
    for (at, event) in events.iter().enumerate() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let open = |part: &Part| match part {
            Part::Present { salt, bytes } => Some((*salt, text(bytes))),
            Part::Absent => None,
        };
        push(&Line::Event(demarche::record::export::EventLine {
            header: text(&event.header),
            payload: open(&event.payload),
            sealed: event.sealed.as_ref().map(open),
        }));
        if at == 1 {
            for source in sources {
                push(&decode(source.as_bytes()).unwrap());
            }
        }
        frontier.push(leaf_hash(&event.header));
        chain = Link::of(&event.header);
    }
    let size = u64::try_from(events.len()).unwrap();
    push(&Line::Head(HeadLine { size, chain, root: frontier.root() }));
    lines
}

fn everything_below(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything_below(&path, found);
        }
        found.push(path.display().to_string());
    }
}

#[test]
fn an_export_leads_nowhere_but_into_the_new_log() {
    let desk = desk();
    desk.write("file.txt", "a text");
    desk.ok(&["append", "source", "--id", "s", "--file", "file.txt", "--title", "T"]);
    desk.ok(&["export", "--out", "e.jsonl"]);
    let exported = fs::read_to_string(desk.path().join("e.jsonl")).unwrap();
    let sources: Vec<String> =
        exported.lines().filter(|line| line.contains("\"parts\"")).map(str::to_owned).collect();
    let events = forger::events(&desk);
    // Names that would lead outside if they were the names of files.
    for (from, to) in [
        ("\"name\":\"file.txt\"", "\"name\":\"../../../evil.txt\""),
        ("\"name\":\"file.txt\"", "\"name\":\"/var/evil.txt\""),
        ("\"id\":\"s\"", "\"id\":\"../../evil\""),
    ] {
        let mut changed = events.clone();
        let Part::Present { bytes, .. } = &changed[1].payload else { panic!("it has one") };
        if !String::from_utf8_lossy(bytes).contains(from) {
            continue;
        }
        forger::edit(&mut changed[1], from, to);
        desk.write("evil.jsonl", &export(&mut changed, &sources));
        let nest = desk.path().join("nest/deep");
        fs::create_dir_all(&nest).unwrap();
        let mut before = Vec::new();
        everything_below(desk.path(), &mut before);
        let target = nest.join("log");
        run(&desk, &["restore", "evil.jsonl", "--log", target.to_str().unwrap()]);
        let mut after = Vec::new();
        everything_below(desk.path(), &mut after);
        let below = target.display().to_string();
        after.retain(|path| !path.starts_with(&below));
        before.sort();
        after.sort();
        assert_eq!(after, before, "{to}: something was written outside the new log");
        fs::remove_dir_all(desk.path().join("nest")).unwrap();
    }
    // A part of a source says which it is by hash alone.
    let escape = exported.replacen("\"source\":\"", "\"source\":\"../../", 1);
    desk.write("evil.jsonl", &escape);
    let output = run(&desk, &["restore", "evil.jsonl", "--log", "new"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!desk.path().join("new").exists(), "nothing is left of it");
}

#[test]
fn a_log_whose_name_is_a_path_keeps_its_files_to_itself() {
    let place = Desk::new();
    let target = place.path().join("a/b/log");
    let log = target.to_str().unwrap();
    place.ok(&["init", "--origin", "../../../evil", "--log", log]);
    place.ok(&["append", "note", "--text", "t", "--log", log]);
    place.ok(&["checkpoint", "--log", log]);
    let mut found = Vec::new();
    everything_below(place.path(), &mut found);
    found.retain(|path| !path.starts_with(log) && !log.starts_with(path.as_str()));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_forged_export_drives_no_terminal() {
    let desk = desk();
    for line in ["one", "two"] {
        desk.ok(&["append", "note", "--text", line]);
    }
    desk.ok(&["append", "measure", "--measure", "m", "--op", "impose", "--id", "i"]);
    let events = forger::events(&desk);
    let evil = serde_json::to_string(EVIL).unwrap();
    for (at, from) in
        [(1, "\"one\""), (2, "\"note\""), (3, "\"m\""), (3, "\"i\""), (3, "\"impose\"")]
    {
        let mut changed = events.clone();
        forger::edit(&mut changed[at], from, &canonical(&evil));
        desk.write("evil.jsonl", &export(&mut changed, &[]));
        clean(&desk, &["verify", "evil.jsonl"]);
        let output = run(&desk, &["restore", "evil.jsonl", "--log", "new"]);
        is_clean(&String::from_utf8([output.stdout, output.stderr].concat()).unwrap());
        if output.status.code() == Some(0) {
            for args in [
                &["list", "--log", "new"][..],
                &["replay", "--log", "new"],
                &["measures", "--log", "new"],
                &["timeline", "--log", "new"],
                &["show", "@3", "--log", "new"],
                &["show", "@1", "--log", "new"],
                &["verify", "--log", "new"],
            ] {
                clean(&desk, args);
            }
            fs::remove_dir_all(desk.path().join("new")).unwrap();
        }
    }
    // Headers are anybody's, too.
    for key in ["kind", "log"] {
        let mut changed = events.clone();
        let mut header: Value = serde_json::from_slice(&changed[1].header).unwrap();
        header[key] = json!(EVIL);
        changed[1].header = serde_json_canonicalizer::to_vec(&header).unwrap();
        desk.write("evil.jsonl", &export(&mut changed, &[]));
        clean(&desk, &["verify", "evil.jsonl"]);
    }
    // And so is all of a file that is no export.
    desk.write("evil.jsonl", &format!("{{\"header\":{evil}}}\n{{{evil}:1}}\n{EVIL}\n"));
    clean(&desk, &["verify", "evil.jsonl"]);
    clean(&desk, &["restore", "evil.jsonl", "--log", "new"]);
    clean(&desk, &["check", "evil.jsonl"]);
    clean(&desk, &["verify", "--checkpoint", "evil.jsonl"]);
    clean(&desk, &["verify", "--policy", "evil.jsonl"]);
}

/// A text as canonical JSON writes it.
fn canonical(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap();
    String::from_utf8(serde_json_canonicalizer::to_vec(&value).unwrap()).unwrap()
}

#[test]
fn a_quick_look_at_an_export_finds_no_fault_with_its_sources() {
    let desk = Desk::demo();
    desk.ok(&["export", "--out", "e.jsonl"]);
    let said = desk.ok(&["verify", "e.jsonl", "--quick"]);
    assert!(said.contains("the log verifies"), "{said}");
}
