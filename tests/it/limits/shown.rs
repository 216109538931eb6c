//! Limits past which less is looked at, shown or read, and nothing is refused.

use std::fs;

use demarche::event_log::{AppendError, Cause, answer_proof};
use demarche::model::near::nearest;
use demarche::model::value::{Object, Value};
use demarche::record::checkpoint::Checkpoint;
use demarche::record::header::Header;
use demarche::record::tree::{Root, leaf_hash, node_hash};
use demarche::replay::measures::MeasureAnswer;
use serde_json::json;

use crate::desk::Desk;
use crate::histories::{answer, history};
use crate::support::{self, MemoryLog, append};

fn desk() -> Desk {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk
}

/// How many ids are offered in place of each that names nothing.
fn offered(log: &mut MemoryLog, lines: &str) -> Vec<usize> {
    let near = |cause: &Cause| match cause {
        Cause::NoSuch { near, .. } => near.len(),
        other => panic!("{other}"),
    };
    match append(log, lines) {
        Err(AppendError::Refused(refusals)) => {
            refusals.iter().flat_map(|one| &one.causes).map(near).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn in_long_logs_similar_ids_are_looked_for_among_few() {
    const SEARCHED_EVENTS_MAX: u64 = 65_536;
    let mut log = support::log();
    let incident = |at: u64| json!({"kind":"incident","id":format!("clash-{at}")}).to_string();
    // The last is the one that is asked with.
    let lines: Vec<String> = (log.head().size + 1..SEARCHED_EVENTS_MAX).map(incident).collect();
    append(&mut log, &lines.join("\n")).unwrap();
    assert_eq!(log.head().size + 1, SEARCHED_EVENTS_MAX);
    // An incident that is not there, and an actor.
    let lines = "{\"kind\":\"note\",\"text\":\"t\",\"of\":\"clsh-9999\"}\n\
                 {\"kind\":\"statement\",\"by\":\"sharf\"}";
    let at = offered(&mut log, lines);
    assert!(at.len() == 2 && at[0] > 0 && at[1] > 0, "{at:?}");
    append(&mut log, &incident(SEARCHED_EVENTS_MAX)).unwrap();
    let past = offered(&mut log, lines);
    assert!(past.len() == 2 && past[0] == 0 && past[1] > 0, "{past:?}");
}

#[test]
fn a_word_that_nothing_short_resembles_is_not_looked_up() {
    let word = |chars: usize| "é".repeat(chars);
    let candidate = word(99) + "b";
    assert_eq!(nearest(&word(100), [candidate.as_str()], 1), [candidate.as_str()]);
    assert!(nearest(&word(101), [candidate.as_str()], 1).is_empty());
}

#[test]
fn a_line_that_is_said_has_so_many_characters() {
    let desk = desk();
    let said = |chars: usize| {
        let around = "there is no event or measure \"\"".len();
        desk.refused(&["show", &"x".repeat(chars - around)]).1
    };
    let (at, past) = (said(4000), said(4001));
    assert!(!at.contains("characters more"), "{at}");
    assert!(past.contains("… (1 characters more)"), "{past}");
}

fn is_too_many(answer: &MeasureAnswer) -> bool {
    answer.reason.is_some_and(|reason| reason.as_str() == "too_many_worlds")
}

#[test]
fn so_many_states_of_a_measure_are_followed() {
    let asked = |steps: usize| {
        let steps: Vec<_> = (0..steps)
            .map(|at| format!("{} 2025-01-01/2025-03-01", ["suspend", "resume"][at % 2]))
            .collect();
        let log = history(&format!("impose 2024-01-01; {}", steps.join("; ")));
        is_too_many(&answer(&log, "2025-02-01").expect("there is a measure"))
    };
    // Each step on the same days makes them more than twice as many: ten steps fewer than STATES_MAX, eleven more.
    assert!(!asked(10));
    assert!(asked(11));
}

/// Two dates for each of eight steps are 256 choices; a third date for one of them makes more.
#[test]
fn so_many_choices_between_reports_are_made() {
    let asked = |third: &str| {
        let steps: Vec<_> = (0..8)
            .map(|at| {
                let mention = |day| {
                    format!(
                        r#"{{"kind":"mention","of":"e{}","effective":"2025-0{}-{day}"}}"#,
                        2 * at + 1,
                        at + 1
                    )
                };
                format!("amend effective=2025-0{}-01; {}", at + 1, mention("10"))
            })
            .collect();
        let log = history(&format!("impose 2024-01-01; {}{third}", steps.join("; ")));
        is_too_many(&answer(&log, "2025-12-01").expect("there is a measure"))
    };
    assert!(!asked(""), "256 choices");
    assert!(asked(r#"; {"kind":"mention","of":"e1","effective":"2025-01-20"}"#), "384 choices");
}

#[test]
fn the_name_of_a_journal_has_so_many_bytes() {
    // A stroke in it is three bytes.
    let named = |bytes: usize| {
        let desk = Desk::new();
        let origin = format!("example.org/{}", "x".repeat(bytes - 14));
        desk.ok(&["init", "--origin", &origin]);
        let made = fs::read_dir(desk.path().join("log/journal")).unwrap().next().unwrap();
        let name = made.unwrap().file_name().into_string().unwrap();
        (name, blake3::hash(origin.as_bytes()).to_string())
    };
    let (at, _) = named(200);
    assert_eq!(at.len(), 200 + ".jsonl".len());
    assert!(at.starts_with("example.org%2Fxxx"), "{at}");
    let (past, hash) = named(201);
    assert_eq!(past, format!("{hash}.jsonl"));
}

#[test]
fn the_manifest_of_a_backup_is_read_so_far() {
    let desk = desk();
    desk.ok(&["backup", "kept"]);
    let path = desk.path().join("kept/backup.json");
    let whole = fs::read_to_string(&path).unwrap();
    let padded =
        |bytes: usize| fs::write(&path, whole.clone() + &" ".repeat(bytes - whole.len())).unwrap();
    padded(65_536);
    desk.ok(&["restore", "kept", "--log", "at"]);
    padded(65_537);
    let (status, said) = desk.refused(&["restore", "kept", "--log", "past"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("kept/backup.json has more than 65536 bytes"), "{said}");
}

#[test]
fn the_file_of_a_key_is_read_so_far() {
    let desk = desk();
    let whole = fs::read_to_string(desk.path().join("log/key")).unwrap();
    let padded = |to: usize| desk.write("log/key", &format!("{:to$}", whole.trim_end()));
    padded(4096);
    desk.ok(&["checkpoint"]);
    padded(4097);
    let (status, said) = desk.refused(&["checkpoint"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("log/key holds no signing key"), "{said}");
}

#[test]
fn the_file_of_a_sealed_part_is_read_so_far() {
    let desk = desk();
    let append = ["append", "note", "--text", "t", "--sealed", "sealed.json"];
    let part = r#"{"a":"b"}"#;
    let padded =
        |to: usize| desk.write("sealed.json", &(part.to_owned() + &" ".repeat(to - part.len())));
    padded(1_048_576);
    desk.ok(&append);
    padded(1_048_577);
    desk.is_refused(&append, 2, "sealed.json has more than 1048576 bytes", "");
}

#[test]
fn the_file_of_the_head_is_read_so_far() {
    let desk = desk();
    let head = desk.path().join("log/head");
    let whole = fs::metadata(&head).unwrap().len();
    // One without end would fill the memory; of this a few are read.
    fs::File::options().write(true).open(&head).unwrap().set_len(1 << 40).unwrap();
    desk.ok(&["append", "note", "--text", "t"]);
    assert!(whole < 200 && desk.json(&["replay", "--json"])["head"]["size"] == 2);
}

/// A proof that says a number beyond is refused before its path is looked at. What would break, besides: of every event before
/// one that is opened something would be held, half a gigabyte for a proof of a few lines.
#[test]
fn a_short_proof_reaches_so_far() {
    let log = support::log();
    let (question, answer) = (Object::new(), Value::Object(Object::new()));
    let checkpoint = log.checkpoint();
    let note = checkpoint.sign(&[&support::signer()]).unwrap();
    let mut proof = Vec::new();
    let open = [2].into();
    answer_proof::write_by_inclusion(
        &log,
        &question,
        &answer,
        &open,
        (&note, &checkpoint),
        &mut proof,
    )
    .unwrap();
    let proof = String::from_utf8(proof).unwrap();
    assert!(proof.contains("\\\"seq\\\":2,"), "{proof}");
    let said = |seq: u64| {
        let far = proof.replace("\\\"seq\\\":2,", &format!("\\\"seq\\\":{seq},"));
        answer_proof::check(&mut far.as_bytes()).unwrap_err().to_string()
    };
    let most = answer_proof::INCLUDED_SEQ_MAX;
    assert_eq!(said(most), format!("event {most}: there is no leaf {most} in a tree of 9 leaves"));
    assert!(said(most + 1).ends_with("it says that it is number 16777217"), "{}", said(most + 1));
    // The last event of a log of so many and one: its path is the root over the others.
    let mut event = log.stored(2).unwrap().unwrap();
    let mut header = Header::from_bytes(&event.header).unwrap();
    header.seq = most;
    event.header = header.to_bytes();
    let others = [7; 32];
    let root = Root(node_hash(&others, &leaf_hash(&event.header)));
    let checkpoint = Checkpoint { origin: checkpoint.origin, size: most + 1, root };
    let note = checkpoint.sign(&[&support::signer()]).unwrap();
    let header = String::from_utf8(event.header).unwrap();
    let lines = [
        proof.lines().next().unwrap().to_owned(),
        json!({"event":{"header":header,"payload":null},"path":[Root(others).base64()]})
            .to_string(),
        json!({"checkpoint":note.to_string()}).to_string(),
    ];
    let far = lines.map(|line| line + "\n").concat();
    let checked = answer_proof::check(&mut far.as_bytes()).unwrap();
    assert_eq!((checked.history.size(), checked.history.entries().len()), (most + 1, 1));
}
