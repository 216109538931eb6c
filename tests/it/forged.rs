//! Bytes that fit every hash, and that no program of ours writes: what whoever keeps the machine, or a later version, can
//! put into a log. Each is met by the command that has to understand it.

use std::fs;
use std::path::Path;

use demarche::event_log::EventLog;
use demarche::record::note::NoteSigner;
use demarche::store::{Part, Store, StoredEvent};

use crate::attacks::{is_found, source, without_journal};
use crate::desk::Desk;
use crate::forger::{NAMES, Table, copy, edit, events, put, rehash, store};

/// A desk with the shipped chronicle and a sealed part, whose events a forger changed, every hash with them.
fn forged(change: impl FnOnce(&mut Vec<StoredEvent>)) -> Desk {
    forged_after("", change)
}

/// The same, with more events after the one with the sealed part.
fn forged_after(more: &str, change: impl FnOnce(&mut Vec<StoredEvent>)) -> Desk {
    let desk = Desk::demo();
    let sealed = r#"{"kind":"incident","id":"hidden","summary":"x","sealed":{"by":"N. N."}}"#;
    desk.write("sealed.jsonl", &format!("{sealed}\n{more}"));
    desk.ok(&["append", "sealed.jsonl"]);
    desk.ok(&["key", "rotate"]);
    let source = source(&desk);
    let mut all = events(&desk);
    change(&mut all);
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    without_journal(&desk);
    desk
}

/// Where the event with the sealed part, and the rotation of keys, stand.
const HIDDEN: usize = 64;
const ROTATION: usize = 65;

#[test]
fn a_part_that_is_no_text_is_in_no_proof() {
    let desk = forged(|all| {
        let Part::Present { bytes, .. } = &mut all[40].payload else { panic!("it has a payload") };
        let end = bytes.len() - 3;
        bytes[end] = 0xff;
    });
    desk.ok(&["checkpoint"]);
    let said = "the payload of event 40 is not UTF-8 text";
    desk.is_refused(&["prove", "@40"], 2, said, "demarche verify");
    is_found(&desk, &[], "bytes", "its payload is not canonical JSON");
}

/// Whoever is shown a sealed part with two values of one key could be shown either.
#[test]
fn a_sealed_part_that_says_two_things_is_disclosed_to_nobody() {
    let desk = forged(|all| {
        let Some(Part::Present { bytes, .. }) = &mut all[HIDDEN].sealed else {
            panic!("it has a sealed part")
        };
        *bytes = br#"{"by":"N. N.","by":"M. M."}"#.to_vec();
    });
    desk.ok(&["checkpoint"]);
    let said =
        "its sealed part fits its header, but no log takes it in: the key \"by\" is given twice";
    let refused = format!("no proof of event {HIDDEN} holds: {said}");
    desk.is_refused(&["disclose", "hidden", "--out", "p"], 1, &refused, "");
    // With a program of the keeper's own it is made, and whoever gets it is told.
    let secret = fs::read_to_string(desk.path().join("log/key")).unwrap();
    let signer = NoteSigner::parse(secret.trim()).unwrap();
    let log = EventLog::open(store(&desk)).unwrap();
    let checkpoint = log.checkpoint();
    let note = checkpoint.sign(&[&signer]).unwrap();
    let proof = log.prove(HIDDEN as u64, (&note, &checkpoint), None, true).unwrap();
    desk.write("made.tlog-proof", &proof.to_string());
    let refused = format!("the proof does not hold: {said}");
    desk.is_refused(&["check", "made.tlog-proof"], 1, &refused, "ask its author");
}

#[test]
fn what_a_later_version_wrote_keeps_its_captured_bytes() {
    let desk = forged(|all| {
        let is_source = |event: &StoredEvent| {
            String::from_utf8_lossy(&event.header).contains("\"kind\":\"source\"")
        };
        let source = all.iter_mut().find(|event| is_source(event)).unwrap();
        edit(source, "\"kind\":\"source\"", "\"kind\":\"source\",\"kindred\":1");
    });
    let before = store(&desk).head().unwrap();
    let said = "event 1 cannot be read by this version, so what it needs cannot be kept";
    desk.is_refused(&["erase", "hidden", "--why", "asked"], 2, said, "erase with the version");
    assert_eq!(store(&desk).head().unwrap(), before);
}

/// What would break: an answer would pass for complete over an open event that says what this version cannot read; and what its
/// fields are called would be shown as if this version said so.
#[test]
fn an_answer_over_events_of_a_later_version_is_not_complete() {
    let desk = forged(|all| edit(&mut all[HIDDEN], "\"kind\"", "\"jurisdiction\":1,\"kind\""));
    desk.ok(&["replay", "--to", "2025-05-01", "--proof", "closed.jsonl"]);
    desk.ok(&["export", "--out", "export.jsonl"]);
    let read = |name: &str| fs::read_to_string(desk.path().join(name)).unwrap();
    let (closed, export) = (read("closed.jsonl"), read("export.jsonl"));
    let is_hidden = |line: &&str| line.contains(&format!("\\\"seq\\\":{HIDDEN},"));
    let line = |of: &str| of.lines().find(is_hidden).unwrap().to_owned();
    let open = closed.replace(&line(&closed), &line(&export));
    desk.write("open.jsonl", &open);
    let complete = |name: &str| desk.json(&["check", name, "--json"])["complete"].clone();
    assert_eq!((complete("closed.jsonl"), complete("open.jsonl")), (true.into(), false.into()));
    let printed = desk.ok(&["check", "open.jsonl"]);
    assert!(printed.contains("cannot read 1 of the open events"), "{printed}");
    // Where the answer is another, that may be why.
    let other = open.replacen("\"in_force\":\"yes\"", "\"in_force\":\"no\"", 1);
    assert_ne!(other, open);
    desk.write("other.jsonl", &other);
    let said = "this version cannot read 1 of its open events";
    desk.is_refused(&["check", "other.jsonl"], 1, said, "or a later one");
    desk.ok(&["checkpoint"]);
    desk.ok(&["prove", &format!("@{HIDDEN}"), "--out", "p"]);
    let printed = desk.ok(&["check", "p"]);
    assert!(printed.contains("  {\"jurisdiction\":1}\n"), "{printed}");
    assert!(
        printed.contains("this version cannot read it as an event of kind \"incident\""),
        "{printed}"
    );
}

/// What would break: an event could pass for another by its number, or by an id that looks like that one's; or one whose id an
/// earlier version took in could no longer be read.
#[test]
fn an_event_under_an_id_that_no_log_takes_in_cannot_be_read() {
    let more = r#"{"kind":"incident","id":"second","summary":"x"}
{"kind":"measure","id":"third","measure":"m9","op":"impose"}
{"kind":"incident","id":"fourth","summary":"x"}"#;
    let desk = forged_after(more, |all| {
        edit(&mut all[HIDDEN], "\"hidden\"", "\"@2\"");
        edit(&mut all[HIDDEN + 1], "\"second\"", "\"second\u{202e}\"");
        edit(&mut all[HIDDEN + 2], "\"m9\"", "\"@2\"");
        edit(&mut all[HIDDEN + 3], "\"fourth\"", "\"fourth\u{fe0f}\"");
    });
    is_found(&desk, &[], "bytes", "its payload cannot be read as the incident event");
    let listed = desk.json(&["list", "--json"]);
    let content = |seq: usize| listed["events"][seq]["content"].as_str().unwrap();
    assert_eq!([0, 1, 2].map(|at| content(HIDDEN + at)), ["unreadable"; 3]);
    assert_eq!(content(HIDDEN + 3), "open");
    assert_eq!(desk.json(&["show", "fourth\u{fe0f}", "--json"])["events"][0]["seq"], HIDDEN + 3);
}

/// What would break: a log of another format would be read as if it were of this one, and what the program never writes would
/// pass for its own.
#[test]
fn what_the_program_records_is_what_it_would_write() {
    let desk = forged(|all| edit(&mut all[0], "\"format\":1", "\"format\":2"));
    let said = "it says that the log is of format 2; this program knows format 1";
    desk.is_refused(&["replay"], 2, &format!("event 0: {said}"), "the version that wrote it");
    is_found(&desk, &[], "bytes", said);
    let desk = forged(|all| {
        edit(&mut all[0], "\"format\":1,", "");
        edit(&mut all[ROTATION], "\"kind\"", "\"jurisdiction\":1,\"kind\"");
    });
    is_found(&desk, &[], "bytes", "its payload cannot be read as the genesis event");
    is_found(&desk, &[], "bytes", "its payload cannot be read as the key event");
}

/// What would break: lines that an earlier version took in would be refused, or taken in once more.
#[test]
fn what_an_earlier_version_took_in_as_it_was_given_is_recognised() {
    let desk = forged(|all| {
        let topics = "\"summary\":\"x\",\"topic\":\"@21\"";
        edit(&mut all[HIDDEN], "\"summary\":\"x\"", topics);
    });
    let as_given =
        r#"{"kind":"incident","id":"hidden","summary":"x","sealed":{"by":"N. N."},"topic":"@21"}"#;
    desk.write("given.jsonl", as_given);
    let before = store(&desk).head().unwrap();
    desk.ok(&["append", "given.jsonl"]);
    assert_eq!(store(&desk).head().unwrap(), before);
}

/// What would break: a log could no longer take in its own lines again, after the step of a measure was corrected into one
/// of another when that was allowed.
#[test]
fn a_step_that_was_corrected_into_one_of_another_measure_stays_so() {
    let desk = forged_after(
        r#"{"kind":"correction","id":"moved","of":"hidden","field":"summary","to":"m9"}"#,
        |all| {
            let step = "\"field\":\"measure\"";
            edit(&mut all[HIDDEN + 1], "\"field\":\"summary\"", step);
            edit(&mut all[HIDDEN + 1], "\"of\":\"hidden\"", "\"of\":\"india-suspends-treaty\"");
        },
    );
    let correction = r#"{"kind":"correction","id":"moved","of":"india-suspends-treaty","field":"measure","to":"m9"}"#;
    desk.write("given.jsonl", correction);
    let before = store(&desk).head().unwrap();
    desk.ok(&["append", "given.jsonl"]);
    assert_eq!(store(&desk).head().unwrap(), before);
    assert!(desk.ok(&["replay", "--to", "2025-05-01"]).contains("m9"));
}

#[test]
fn a_key_that_was_endorsed_for_another_step_is_not_taken() {
    let desk = forged(|all| edit(&mut all[ROTATION], "\"op\":\"rotate\"", "\"op\":\"new\""));
    is_found(&desk, &[], "keys", "its endorsement is for another key, log or step");
}

#[test]
fn a_time_stamp_is_of_the_checkpoint_and_time_beside_it() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    let kind = "\"kind\":\"anchor\"";
    for (from, to, said) in [
        ("\"response\":\"M", "\"response\":\"N", "its time stamp cannot be read: "),
        ("\"time\":\"2026", "\"time\":\"2025", "its time stamp is not of the checkpoint beside it"),
        ("\\n261\\n", "\\n260\\n", "its time stamp is not of the checkpoint beside it"),
    ] {
        let desk = Desk::new();
        copy(&fixture, desk.path());
        let mut all = events(&desk);
        let is_anchor = |event: &StoredEvent| String::from_utf8_lossy(&event.header).contains(kind);
        edit(all.iter_mut().find(|event| is_anchor(event)).unwrap(), from, to);
        rehash(&mut all);
        put(&desk, &all, &[]);
        is_found(&desk, &[], "anchors", said);
    }
}

#[test]
fn a_table_that_names_an_event_past_the_end_is_not_followed() {
    let desk = Desk::demo();
    let listed = desk.json(&["list", "--kind", "statement", "--json"]);
    let of = listed["events"][0]["id"].as_str().unwrap();
    desk.ok(&["append", "retraction", "--of", of, "--by", "recorder", "--why", "misread"]);
    desk.ok(&["snapshot"]);
    let before = desk.ok(&["replay"]);
    let mut open = store(&desk);
    let mut table = Table::read(&open, NAMES);
    let is_of = |row: &&mut Vec<u8>| {
        row.ends_with(&listed["events"][0]["seq"].as_u64().unwrap().to_be_bytes()[3..])
    };
    for row in table.rows.iter_mut().filter(is_of) {
        let number = row.len() - 5;
        row[number..].copy_from_slice(&1000_u64.to_be_bytes()[3..]);
    }
    table.put(&mut open);
    drop(open);
    let said = "a table beside the events names event 1000, which is not there";
    desk.is_refused(&["replay"], 2, said, "demarche verify");
    desk.ok(&["snapshot", "--anew"]);
    assert_eq!(desk.ok(&["replay"]), before);
}
