//! The program as a user runs it: what it prints, where, and how it ends.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::desk::Desk;

fn statuses(answer: &Value) -> Vec<(&str, &str)> {
    let measures = answer["measures"].as_array().unwrap();
    measures
        .iter()
        .map(|m| (m["measure"].as_str().unwrap(), m["status"].as_str().unwrap()))
        .collect()
}

#[test]
fn the_shipped_log_answers_differently_on_four_days() {
    let desk = Desk::demo();
    let on = |day: &str| desk.json(&["replay", "--to", day, "--json"]);
    assert_eq!(statuses(&on("2025-04-22")), []);
    let india = [
        "attari-crossing-closure",
        "indian-diplomatic-downgrade",
        "indus-waters-treaty-suspension",
    ];
    let pakistan = ["pakistani-airspace-closure", "pakistani-trade-suspension"];
    for (day, later) in
        [("2025-04-23", "unknown"), ("2025-04-24", "unknown"), ("2025-05-01", "in_force")]
    {
        let expected: Vec<_> = india
            .iter()
            .map(|measure| (*measure, "in_force"))
            .chain(pakistan.iter().map(|measure| (*measure, later)))
            .collect();
        assert_eq!(statuses(&on(day)), expected, "{day}");
    }
    assert!(desk.ok(&["demo"]).contains("nothing new"), "a second tour appends nothing");
}

/// What would break: two questions with other answers would stand under one heading.
#[test]
fn a_question_is_shown_with_its_zone() {
    let desk = Desk::demo();
    let heading = |to: &str, tz: &str| {
        let answer = desk.ok(&["measures", "--to", to, "--tz", tz]);
        answer.lines().next().unwrap().to_owned()
    };
    for (to, tz, expected) in [
        ("2025-04-22", "UTC", "The world at the end of 2025-04-22 (UTC)"),
        ("2025-04-22T20:00:00Z", "UTC", "The world at 2025-04-22T20:00:00Z (dates in UTC)"),
        (
            "2025-04-22T20:00:00Z",
            "Asia/Kolkata",
            "The world at 2025-04-22T20:00:00Z (dates in Asia/Kolkata)",
        ),
        ("2025-04-22T20:00:00", "Asia/Kolkata", "The world at 2025-04-22T20:00:00 (Asia/Kolkata)"),
    ] {
        assert_eq!(heading(to, tz), expected);
    }
}

#[test]
fn the_shipped_positions_say_on_whose_word_they_rest() {
    let desk = Desk::demo();
    let answer = desk.json(&["positions", "--on", "2025-05-01", "--json"]);
    let positions = answer["positions"].as_array().unwrap();
    let of = |actor: &str, event: &str| {
        positions
            .iter()
            .find(|p| p["actor"] == actor && p["event"] == event)
            .unwrap_or(&Value::Null)
    };
    let flags = |position: &Value| position["flags"].to_string();
    let joint = "rubio-sharif-accountability";
    assert!(flags(of("shehbaz-sharif", joint)).contains("attributed_by_counterpart"));
    assert!(!flags(of("marco-rubio", joint)).contains("attributed_by_counterpart"));
    assert!(positions.iter().all(|p| p["event"] != "speculation-of-strikes"), "nobody said it");
    // The two readouts of one call: one rests on the American, one on the Pakistani account.
    let word = |position: &Value| position["according_to"][0][0]["by"].as_str().unwrap().to_owned();
    assert_eq!(word(of("marco-rubio", "rubio-urges-investigation")), "tammy-bruce");
    assert_eq!(word(of("shehbaz-sharif", "sharif-rejects-link")), "pakistani-government");
    assert!(
        !flags(of("shehbaz-sharif", "sharif-rejects-link")).contains("attributed_by_counterpart")
    );
    assert!(flags(of("pete-hegseth", "hegseth-right-to-defend")).contains("unattributed"));
}

#[test]
fn a_bad_line_refuses_the_whole_file_and_nothing_is_written() {
    let desk = Desk::demo();
    let before = desk.json(&["replay", "--json"])["head"].clone();
    desk.write("bad.jsonl", concat!(
        "{\"kind\":\"incident\",\"id\":\"good\"}\n",
        "{\"kind\":\"incident\",\"id\":\"bad\",\"cites\":[{\"source\":\"digest-2025-05-01\",\"quote\":\"full operational freedom\"}]}\n"
    ));
    let (status, said) = desk.refused(&["append", "bad.jsonl"]);
    assert_eq!(status, Some(2));
    for expected in [
        "line 2 (bad)",
        "nearest",
        "complete operational freedom",
        "nothing was appended",
        "--keep-going",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    assert_eq!(desk.json(&["replay", "--json"])["head"], before);
    let output = desk.run(&["append", "bad.jsonl", "--keep-going"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("left out: line 2 (bad)"));
}

#[test]
fn the_chronicle_appended_again_changes_nothing() {
    let desk = Desk::demo();
    let chronicle = Path::new(env!("CARGO_MANIFEST_DIR")).join("log/chronicle.jsonl");
    let said = desk.ok(&["append", chronicle.to_str().unwrap()]);
    assert!(said.contains("nothing new: the log is unchanged; 63 events already there"), "{said}");
    for line in desk.ok(&["append", chronicle.to_str().unwrap(), "--json"]).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["id"].is_string() && line["seq"].is_u64() && line["already_there"] == true);
        assert_eq!(line["link"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn export_verify_restore() {
    let desk = Desk::demo();
    desk.ok(&["export", "--format", "jsonl", "--out", "e.jsonl"]);
    assert!(desk.ok(&["verify", "e.jsonl"]).contains("the log verifies"));
    desk.ok(&["restore", "e.jsonl", "--log", "copy"]);
    let head = |log: &str| desk.json(&["replay", "--json", "--log", log])["head"].clone();
    assert_eq!(head("log"), head("copy"));
    assert_eq!(desk.refused(&["restore", "e.jsonl", "--log", "copy"]).0, Some(2));
    let mut changed = fs::read(desk.path().join("e.jsonl")).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(desk.path().join("e.jsonl"), changed).unwrap();
    let output = desk.run(&["verify", "e.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("found: event "));
    assert_eq!(desk.refused(&["restore", "e.jsonl", "--log", "other"]).0, Some(1));
    assert!(!desk.path().join("other").exists(), "nothing was made");
}

#[test]
fn one_event_from_flags_of_each_sort() {
    let desk = Desk::new();
    desk.write("report.txt", "He said: \"no\". They agreed.");
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk.ok(&[
        "append",
        "source",
        "--title",
        "The Report",
        "--published",
        "2025-05-01",
        "--file",
        "report.txt",
    ]);
    desk.ok(&[
        "append",
        "actor",
        "--id",
        "in",
        "--name",
        "India",
        "--type",
        "country",
        "--country",
        "ind",
        "--ids",
        "wikidata=Q668",
    ]);
    desk.ok(&[
        "append",
        "statement",
        "--id",
        "s",
        "--by",
        "in",
        "--topic",
        "talks",
        "--declare",
        "--stance",
        "rejects",
        "--when",
        "2025-04-30",
        "--cite",
        "the-report",
        "--quote",
        "\"no\"",
        "--form",
        "partial",
        "--according-to",
        "in",
        "--how",
        "readout",
        "--how",
        "unattributed",
    ]);
    let shown = desk.json(&["show", "s", "--json"]);
    let payload = &shown["events"][0]["payload"];
    assert_eq!(payload["cites"][0]["quote"], "\"no\"");
    assert_eq!(
        payload["according_to"],
        serde_json::json!([{"by":"in","how":"readout"},{"how":"unattributed"}])
    );
    desk.ok(&[
        "append",
        "correction",
        "--of",
        "s",
        "--field",
        "when",
        "--to",
        "2025-05-01",
        "--why",
        "a misprint",
    ]);
    let shown = desk.ok(&["show", "s"]);
    assert!(shown.contains("when from \"2025-04-30\" to \"2025-05-01\" (a misprint)"), "{shown}");
    let listed = desk.json(&["list", "--kind", "correction", "--json"]);
    assert_eq!(listed["events"].as_array().unwrap().len(), 1);
    let (status, said) = desk.refused(&["append", "statement", "--quote", "x"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("belongs to no --cite"), "{said}");
}

#[test]
fn a_tenure_from_a_flag() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk.ok(&["append", "actor", "--id", "a=b/c", "--type", "office"]);
    let person = ["append", "actor", "--id", "p", "--declare"];
    let flags = [
        "--part-of",
        "senate=2011-01-03/2025-01-20",
        "--part-of",
        "a=b/c=2025-01-21/..",
        "--part-of",
        "un",
    ];
    desk.ok(&[&person[..], &flags].concat());
    let shown = desk.json(&["show", "p", "--json"]);
    assert_eq!(
        shown["events"][0]["payload"]["part_of"],
        serde_json::json!([
            {"actor": "senate", "from": "2011-01-03", "until": "2025-01-20"},
            {"actor": "a=b/c", "from": "2025-01-21"},
            "un"
        ])
    );
}

#[test]
fn errors_say_what_to_do() {
    let desk = Desk::new();
    let cases: &[(&[&str], &str)] = &[
        (&["replay"], "demarche init --origin"),
        (&["append", "x.jsonl"], "cannot be read"),
        (&["verify", "gone.jsonl"], "cannot be read"),
        (&["init", "--origin", "two words"], "an origin looks like example.org/desk"),
        (&["vocab", "stances"], "did you mean stance?"),
        (&["nonsense"], "Usage"),
    ];
    for (args, expected) in cases {
        let (status, said) = desk.refused(args);
        assert_eq!(status, Some(2), "{args:?}");
        assert!(said.contains(expected), "{args:?}: {said}");
        assert!(!desk.path().join("log").exists(), "{args:?} makes nothing");
    }
    desk.ok(&["init", "--origin", "example.org/desk"]);
    let cases: &[(&[&str], &str)] = &[
        (&["init", "--origin", "example.org/desk"], "already"),
        (&["replay", "--to", "24.04.2025"], "did you mean 2025-04-24?"),
        (&["replay", "--to", "2025-04"], "one day"),
        (&["replay", "--tz", "Asia/Kolkatta"], "Asia/Kolkata"),
        (&["show", "nothing"], "demarche list"),
        (&["demo"], "not the demonstration's"),
        (&["append"], "demarche append statement --help"),
    ];
    for (args, expected) in cases {
        let (status, said) = desk.refused(args);
        assert_eq!(status, Some(2), "{args:?}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn text_from_the_log_never_drives_the_terminal() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_demarche"))
        .current_dir(desk.path())
        .args(["append", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let line = "\u{feff}{\"kind\":\"incident\",\"id\":\"x\",\"when\":\"2025-01-01\",\"summary\":\"\\u001b[2Jgone \\u202egnorw\"}\r\n\r\n";
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    for args in [&["list"][..], &["show", "x"], &["timeline"]] {
        let printed = desk.ok(args);
        assert!(!printed.contains(['\u{1b}', '\u{202e}']), "{args:?}: {printed:?}");
        assert!(printed.contains("\\u{1b}[2Jgone"), "{args:?}: {printed}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let desk = Desk::demo();
    let mut child = Command::new(env!("CARGO_BIN_EXE_demarche"))
        .current_dir(desk.path())
        .args(["replay", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What would break: who looks at a measure does not learn of the note that says why its report is in doubt.
#[test]
fn a_measure_is_shown_with_what_names_it_and_an_event_of_its_name() {
    let desk = Desk::with_lines(
        r#"{"kind":"measure","id":"i","measure":"halt","op":"impose","effective":"2025-04-24"}
           {"kind":"measure","id":"r","measure":"reply","op":"impose","responds_to":"halt"}
           {"kind":"note","id":"doubt","of":"reply","text":"one report alone"}
           {"kind":"relation","id":"about","from":"i","to":"reply","type":"about"}
           {"kind":"note","id":"of-the-step","of":"r","text":"t"}"#,
    );
    // What answers the measure does not answer an event that came later.
    desk.ok(&["append", "incident", "--id", "halt", "--when", "2025-04-22"]);
    desk.ok(&["append", "note", "--of", "halt", "--text", "of the event"]);
    let shown = |id: &str| desk.json(&["show", id, "--json"]);
    let ids = |shown: &Value| -> Vec<String> {
        let events = shown["events"].as_array().unwrap().iter();
        events.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&shown("halt")), ["halt", "i"]);
    assert_eq!(shown("halt")["about_measure"], json!(["r"]));
    assert_eq!(ids(&shown("reply")), ["r"]);
    assert_eq!(shown("reply")["about_measure"], json!(["doubt", "about"]));
    let text = desk.ok(&["show", "reply"]);
    assert!(text.contains("measure reply\n  see also doubt, about\n"), "{text}");
    assert!(text.contains("\n  see also of-the-step\n"), "{text}");
    assert!(!desk.ok(&["show", "i"]).contains("measure reply"));
}

/// What would break: where nothing was summed up, people would read a list of names with nothing said of them.
#[test]
fn what_has_no_summary_is_told_by_what_it_says() {
    let desk = Desk::with_lines(
        r#"{"kind":"actor","id":"in","name":"India"}
           {"kind":"source","id":"report","title":"A report"}
           {"kind":"topic","id":"treaty","name":"The treaty"}
           {"kind":"statement","id":"s","by":"in","topic":"treaty","stance":"opposes","when":"2025-04-23"}
           {"kind":"measure","id":"i","measure":"halt","op":"impose","by":"in","effective":"2025-04-24"}"#,
    );
    desk.ok(&[
        "append",
        "contact",
        "--id",
        "call",
        "--form",
        "phone_call",
        "--participants",
        "in",
        "--when",
        "2025-04-25",
        "--cite",
        "report",
        "--cite-form",
        "paraphrase",
    ]);
    let timeline = desk.ok(&["timeline"]);
    for said in ["opposes treaty (s)", "impose halt (i)", "phone call of in (call)"] {
        assert!(timeline.contains(said), "{said} in {timeline}");
    }
    assert!(desk.ok(&["measures"]).contains("i: impose halt"));
    assert!(desk.ok(&["explain", "halt"]).contains("i: impose halt"));
    assert!(desk.ok(&["show", "call"]).contains("paraphrase"));
}

/// What would break: a warning that nobody reads ends the command before it signs, and with success.
#[test]
fn remarks_that_nobody_reads_keep_nothing_from_being_done() {
    let desk = Desk::demo();
    fs::remove_dir_all(desk.path().join("log/journal")).unwrap();
    let (reader, nobody_reads) = std::io::pipe().unwrap();
    drop(reader);
    let mut checkpoint = desk.command(&["checkpoint", "--out", "note"]);
    let status = checkpoint.stdout(Stdio::null()).stderr(nobody_reads).status().unwrap();
    assert_eq!(status.code(), Some(0));
    desk.ok(&["verify", "--checkpoint", "note"]);
}

/// An export in which a word was changed.
fn unsound(desk: &Desk) -> &'static str {
    desk.ok(&["export", "--out", "e.jsonl"]);
    let export = fs::read_to_string(desk.path().join("e.jsonl")).unwrap();
    desk.write("e.jsonl", &export.replacen("India", "Indra", 1));
    "e.jsonl"
}

#[test]
fn output_that_nobody_reads_changes_no_status() {
    let desk = Desk::demo();
    let unsound = unsound(&desk);
    for (args, expected) in [
        (&["verify", unsound][..], 1),
        (&["verify", unsound, "--json"], 1),
        (&["verify"], 0),
        (&["list"], 0),
        (&["export"], 0),
    ] {
        let (reader, nobody_reads) = std::io::pipe().unwrap();
        drop(reader);
        let output = desk.command(args).stdout(nobody_reads).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "{args:?}: {said}");
        assert!(!said.contains("error:"), "{args:?}: {said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_has_no_room_is_said_and_undoes_nothing() {
    let desk = Desk::demo();
    let unsound = unsound(&desk);
    for (args, expected) in [
        (&["append", "note", "--id", "n", "--text", "t"][..], 2),
        (&["export"], 2),
        (&["verify", unsound], 1),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = desk.command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "{args:?}: {said}");
        let cannot = "error: standard output cannot be written: No space left on device";
        assert!(said.contains(cannot), "{args:?}: {said}");
        assert!(said.contains("is done: what it appended"), "{args:?}: {said}");
    }
    desk.ok(&["show", "n"]);
}

/// What would break: one name stands in two lines of a cell, and is taken for two.
#[test]
fn a_line_break_in_what_is_reported_is_none_of_a_table() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk.write(
        "in.jsonl",
        concat!(
            r#"{"kind":"actor","id":"eve","name":"Ev\nRubio","type":"person"}"#,
            "\n",
            r#"{"kind":"topic","id":"treaty","name":"Tr\neaty"}"#,
            "\n",
            r#"{"kind":"contact","id":"call","participants":["eve"]}"#,
            "\n",
            r#"{"kind":"statement","id":"s","by":["eve"],"topic":"treaty","contact":"call","stance":"rejects","when":"2025-01-01","according_to":[{"by":"eve"}]}"#,
            "\n",
            r#"{"kind":"measure","id":"m","measure":"ban","op":"impose","by":["eve"],"when":"2025-01-01"}"#,
            "\n",
        ),
    );
    desk.ok(&["append", "in.jsonl"]);
    desk.ok(&["replay", "--to", "2025-01-02", "--proof", "p"]);
    for args in
        [&["measures"][..], &["timeline"], &["list"], &["replay"], &["check", "p"], &["contacts"]]
    {
        let printed = desk.ok(args);
        assert!(printed.contains("Ev Rubio"), "{args:?}: {printed}");
        let torn = printed.lines().any(|line| line.contains("Rubio") && !line.contains("Ev Rubio"));
        assert!(!torn, "{args:?}: {printed}");
    }
    let contacts = desk.ok(&["contacts"]);
    assert!(contacts.contains("Tr eaty"), "{contacts}");
}
