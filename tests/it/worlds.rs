//! The world on a date, looked up or found among all events, is the one that a fold of all of them gives; whatever was
//! derived, erased or appended before.

use std::collections::BTreeSet;

use demarche::event_log::{AppendOptions, EventLog, FoldedLog};
use demarche::store::Store;
use demarche::store::sled::SledStore;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::bearing_laws::{any_draws, reported, same_answers};
use crate::desk::Desk;
use crate::forger::copied;
use crate::histories::clocks;
use crate::support::{self, Counting, MemoryLog, append_with};

/// What is done to a log while events are reported, after the event of a number.
#[derive(Debug, Clone)]
enum Done {
    Snapshot(usize),
    Erasure(usize, Vec<Index>),
    Reopening(usize),
}

fn any_done() -> impl Strategy<Value = Vec<Done>> {
    let erased = prop::collection::vec(any::<Index>(), 1..4);
    let done = prop_oneof![
        3 => (0_usize..40).prop_map(Done::Snapshot),
        2 => (0_usize..40, erased).prop_map(|(at, of)| Done::Erasure(at, of)),
        1 => (0_usize..40).prop_map(Done::Reopening),
    ];
    prop::collection::vec(done, 0..6)
}

fn act(done: &Done, at: usize, log: &mut MemoryLog) {
    match done {
        Done::Snapshot(after) if *after == at => {
            log.keep_snapshot(&mut |_| {}).expect("it fits");
        }
        Done::Erasure(after, of) if *after == at => {
            let size = usize::try_from(log.head().size).expect("it is small");
            let of: BTreeSet<u64> = of.iter().map(|one| one.index(size) as u64).collect();
            // What the log needs is refused, and one by one some are not.
            if log.erase(&of, "a test", None, &mut Counting::default()).is_err() {
                for one in of {
                    let one = BTreeSet::from([one]);
                    let _ = log.erase(&one, "a test", None, &mut Counting::default());
                }
            }
        }
        Done::Reopening(after) if *after == at => {
            *log = FoldedLog::open(log.store().clone()).expect("it fits");
        }
        _ => {}
    }
}

fn questions() -> impl Strategy<Value = Vec<String>> {
    let zones = prop::sample::select(vec!["UTC", "UTC", "UTC", "Asia/Kolkata", "America/New_York"]);
    let question =
        (1_u32..15, prop::option::of(1_u32..16), prop::option::of(1_u32..9), zones, 0..3_u8);
    let question = question.prop_map(|(to, recorded, reported, zone, plain)| {
        let mut question = format!("2025-01-{to:02}");
        if plain == 0 {
            return question;
        }
        question.push_str(&format!(" tz={zone}"));
        if let Some(day) = recorded {
            question.push_str(&format!(" recorded=2026-01-{day:02}"));
        }
        if let Some(day) = reported.filter(|_| plain == 2) {
            question.push_str(&format!(" reported=2025-01-{day:02}"));
        }
        question
    });
    prop::collection::vec(question, 1..6)
}

/// The world answers as the whole history, looked up as well as recomputed.
fn answers<S: Store>(
    store: S,
    whole: &MemoryLog,
    questions: &[String],
) -> Result<(), TestCaseError> {
    let mut log = EventLog::open(store).expect("it fits");
    for question in questions {
        let clocks = clocks(question);
        let found = log.world(clocks, &mut |_| {}).expect("it fits");
        same_answers(&found, whole.history(), clocks)?;
        let found = log.world_from_events(clocks, &mut |_| {}).expect("it fits");
        same_answers(&found, whole.history(), clocks)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_world_is_what_the_whole_history_gives(
        draws in any_draws(),
        done in any_done(),
        questions in questions(),
    ) {
        let log = reported(&draws, &mut |at, log| done.iter().for_each(|one| act(one, at, log)));
        answers(log.store().clone(), &log, &questions)?;
        let fresh = FoldedLog::open(log.store().clone()).expect("it fits");
        answers(log.store().clone(), &fresh, &questions)?;
        // Once more with all of it in the tables.
        let mut kept = EventLog::open(log.store().clone()).expect("it fits");
        kept.keep_snapshot(&mut |_| {}).expect("it fits");
        answers(kept.store().clone(), &fresh, &questions)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn so_it_is_on_sled(draws in any_draws(), done in any_done(), questions in questions()) {
        let log = reported(&draws, &mut |at, log| done.iter().for_each(|one| act(one, at, log)));
        let dir = TempDir::new().unwrap();
        drop(copied(log.store(), dir.path()));
        answers(SledStore::open(dir.path(), "test").unwrap(), &log, &questions)?;
        let mut kept = EventLog::open(SledStore::open(dir.path(), "test").unwrap()).unwrap();
        kept.keep_snapshot(&mut |_| {}).unwrap();
        drop(kept);
        answers(SledStore::open(dir.path(), "test").unwrap(), &log, &questions)?;
    }
}

/// Statements by five actors on two topics, on days in no order, with now and then one that bears on another.
fn long(count: usize) -> Vec<String> {
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut drawn = || {
        let mut bytes = [0; 8];
        noise.fill(&mut bytes);
        bytes.map(usize::from)
    };
    let line = |number: usize| {
        let [who, b, day, of, sort, ..] = drawn();
        let who = ["in", "pk", "us", "modi", "sharif"][who % 5];
        let (month, day) = (b % 12 + 1, day % 28 + 1);
        let of = of * 13 % (number + 1);
        match sort % 40 {
            0 => format!(r#"{{"kind":"retraction","of":"s{of}","by":"source"}}"#),
            1 => format!(
                r#"{{"kind":"correction","of":"s{of}","field":"when","to":"2025-{month:02}-{day:02}"}}"#
            ),
            2 => format!(r#"{{"kind":"mention","of":"s{of}","by":"{who}"}}"#),
            3 => format!(
                r#"{{"kind":"statement","id":"s{number}","by":["{who}"],"contact":"call{}","topic":"treaty","when":"2025-{month:02}"}}"#,
                number % 9
            ),
            4 => format!(
                r#"{{"kind":"contact","id":"call{}","participants":["in","pk"]}}"#,
                number % 9
            ),
            5 => format!(r#"{{"kind":"retraction","of":"call{}","by":"source"}}"#, number % 9),
            6 => format!(
                r#"{{"kind":"measure","measure":"m{}","op":"impose","by":["{who}"],"effective":"2025-{month:02}-{day:02}"}}"#,
                b % 4
            ),
            _ => format!(
                r#"{{"kind":"statement","id":"s{number}","by":["{who}"],"topic":"{}","when":"2025-{month:02}-{day:02}"}}"#,
                ["treaty", "water"][b % 2]
            ),
        }
    };
    (0..count).map(line).collect()
}

#[test]
fn a_world_of_many_blocks_and_runs_is_what_the_whole_history_gives() {
    let mut log = support::log();
    support::append(&mut log, r#"{"kind":"topic","id":"water"}"#).unwrap();
    let lines = long(900);
    let keep_going = AppendOptions { keep_going: true, ..AppendOptions::default() };
    for (number, lines) in lines.chunks(150).enumerate() {
        let mut clock = Counting::from(&format!("2026-01-{:02}T00:00:00Z", number + 2));
        append_with(&mut log, &lines.join("\n"), keep_going, &mut clock).unwrap();
        // The last are in no table.
        if number < 5 {
            log.keep_snapshot(&mut |_| {}).unwrap();
        }
    }
    assert!(log.head().size > 700);
    let questions: Vec<String> = (1..=6)
        .map(|month| format!("2025-{:02}-15", month * 2))
        .chain([1, 3, 6, 7].into_iter().map(|day| format!("2025-06-20 recorded=2026-01-{day:02}")))
        .chain(["2024-12-31", "2026-02-01", "2025-06-20 tz=Asia/Kolkata"].map(str::to_owned))
        .collect();
    answers(log.store().clone(), &log, &questions).unwrap();
    let mut clock = Counting::from("2026-02-01T00:00:00Z");
    log.erase(&(300..330).filter(|seq| erasable(&log, *seq)).collect(), "a test", None, &mut clock)
        .unwrap();
    answers(log.store().clone(), &log, &questions).unwrap();
    log.keep_snapshot(&mut |_| {}).unwrap();
    answers(log.store().clone(), &log, &questions).unwrap();
}

fn erasable(log: &MemoryLog, seq: u64) -> bool {
    let event = log.history().entry(seq).and_then(demarche::replay::Entry::event);
    event.is_some_and(|event| event.kind() == demarche::model::schema::Kind::Statement)
}

/// What `replay` says; the same when every event is read, and when the past of every position is asked for, too.
#[track_caller]
fn replayed(desk: &Desk, args: &[&str]) -> Json {
    let args = [&["replay", "--json"], args].concat();
    let found = desk.json(&args);
    assert_eq!(desk.json(&[&args[..], &["--recompute"]].concat()), found, "{args:?}");
    let mut whole = desk.json(&[&args[..], &["--history"]].concat());
    let positions = whole["positions"].as_array_mut().unwrap();
    let all = positions.len();
    positions.retain(|position| position["current"] == true);
    assert!(all > 0 && !positions.is_empty(), "{args:?}: it has positions");
    assert_eq!(whole, found, "{args:?}");
    found
}

#[test]
fn replay_says_the_same_before_and_after_whatever_does_not_bear_on_it() {
    let desk = Desk::demo();
    let asked: [&[&str]; 2] =
        [&["--to", "2025-05-10"], &["--to", "2025-05-10", "--reported-by", "2025-05-02"]];
    let all = || -> Vec<Json> { asked.iter().map(|args| replayed(&desk, args)).collect() };
    let without_head = |mut answers: Vec<Json>| {
        for answer in &mut answers {
            let answer = answer.as_object_mut().unwrap();
            answer.retain(|key, _| {
                ["measures", "positions", "disputes", "anomalies"].contains(&&**key)
            });
            assert!(answer.len() >= 3);
        }
        answers
    };
    let first = all();
    desk.ok(&["snapshot"]);
    assert_eq!(all(), first);
    desk.write(
        "more.jsonl",
        r#"{"kind":"topic","id":"nobody-speaks-of-it"}
{"kind":"statement","id":"later","by":["india"],"topic":"nobody-speaks-of-it","when":"2025-06-01"}
{"kind":"note","id":"aside","text":"to be erased"}"#,
    );
    desk.ok(&["append", "more.jsonl"]);
    let appended = all();
    assert_eq!(without_head(appended.clone()), without_head(first.clone()));
    desk.ok(&["snapshot"]);
    assert_eq!(all(), appended);
    desk.ok(&["erase", "aside", "--why", "a test"]);
    let erased = all();
    assert_eq!(without_head(erased.clone()), without_head(first));
    desk.ok(&["snapshot"]);
    assert_eq!(all(), erased);
    // One statement more is one that is seen, whether the tables have it or not.
    desk.write(
        "one.jsonl",
        r#"{"kind":"statement","id":"one","by":["india"],"topic":"nobody-speaks-of-it","when":"2025-05-09"}"#,
    );
    desk.ok(&["append", "one.jsonl"]);
    let seen = all();
    assert_ne!(without_head(seen.clone()), without_head(erased));
    desk.ok(&["snapshot"]);
    assert_eq!(all(), seen);
}
