//! Tables that a forger wrote: whatever stands in them, no question is answered otherwise without `verify` finding it,
//! nothing stops the program, and nothing false is taken into the log.

use std::sync::mpsc::channel;
use std::time::Duration;

use demarche::event_log::finding::{Check, Verdict};
use demarche::event_log::report::{Against, Report};
use demarche::event_log::verify::verify_store;
use demarche::event_log::{AppendOptions, EventLog, FoldedLog};
use demarche::replay::{View, anomalies, current_positions, measures};
use demarche::store::Store;
use demarche::store::memory::MemoryStore;

use crate::forger::{NAMES, STATEMENTS, Table};
use crate::histories::clocks;
use crate::support::{self, Counting, Files, MemoryLog, append, append_with};

/// A log of some blocks of rows, in which everything is named and looked up.
fn log() -> MemoryLog {
    let mut log = support::log();
    let line = |number: usize| {
        let who = ["in", "pk", "us", "modi", "sharif"][number % 5];
        let (month, day) = (number / 28 % 12 + 1, number % 28 + 1);
        match number % 50 {
            7 => format!(
                r#"{{"kind":"measure","id":"s{number}","measure":"m{}","op":"impose","effective":"2025-{month:02}-{day:02}"}}"#,
                number % 3
            ),
            9 => format!(r#"{{"kind":"retraction","of":"s{}","by":"source"}}"#, number - 1),
            _ => format!(
                r#"{{"kind":"statement","id":"s{number}","by":["{who}"],"topic":"treaty","when":"2025-{month:02}-{day:02}"}}"#
            ),
        }
    };
    let lines: Vec<String> = (0..340).map(line).collect();
    append(&mut log, &lines.join("\n")).unwrap();
    log.keep_snapshot(&mut |_| {}).unwrap();
    log
}

fn verified(store: &impl Store) -> Report {
    verify_store(store, &Against::default(), &mut |_| {}).unwrap()
}

fn finds_the_tables(report: &Report) -> bool {
    report.findings.iter().any(|(check, _)| *check == Check::Snapshots)
}

/// What is done to rows, or to entries of a directory.
type Change<'c> = &'c dyn Fn(&mut Vec<Vec<u8>>);

/// What a log answers on some days; none if it cannot be opened.
fn answers(store: &MemoryStore) -> Option<Vec<String>> {
    let mut log = EventLog::open(store.clone()).ok()?;
    let mut answers = Vec::new();
    for question in ["2025-02-10", "2025-06-15", "2025-12-31"] {
        let clocks = clocks(question);
        let history = log.world(clocks, &mut |_| {}).ok()?;
        let view = View::of(&history, clocks);
        answers.push(format!(
            "{:?}{:?}{:?}",
            current_positions(&view),
            measures(&view),
            anomalies(&view)
        ));
    }
    Some(answers)
}

/// A forged table: found by verification, or the log answers as it did.
#[track_caller]
fn found_or_harmless(store: &MemoryStore, truth: &[String], what: &str) {
    let found = finds_the_tables(&verified(store));
    let answers = answers(store);
    let same = answers.as_deref().is_none_or(|answers| answers == truth);
    assert!(found || same, "{what}: the log answers otherwise, and verify finds nothing");
}

#[test]
fn rows_in_another_order_are_found() {
    let log = log();
    let truth = answers(log.store()).unwrap();
    for of in [NAMES, STATEMENTS] {
        let kept = Table::read(log.store(), of);
        assert!(kept.rows.len() > 250, "it has several blocks");
        let orders: [(&str, Change<'_>); 4] = [
            ("from the last to the first", &|rows| rows.reverse()),
            ("two blocks exchanged", &|rows| rows.rotate_left(100)),
            ("two neighbours exchanged", &|rows| rows.swap(50, 51)),
            ("two far ones exchanged", &|rows| rows.swap(3, 240)),
        ];
        for (what, order) in orders {
            let mut store = log.store().clone();
            let mut forged = kept.clone();
            order(&mut forged.rows);
            forged.put(&mut store);
            assert!(finds_the_tables(&verified(&store)), "{of:?}, {what}");
            found_or_harmless(&store, &truth, what);
        }
    }
}

#[test]
fn a_directory_that_leads_elsewhere_is_found() {
    let log = log();
    let truth = answers(log.store()).unwrap();
    for of in [NAMES, STATEMENTS] {
        let kept = Table::read(log.store(), of);
        let directories: [(&str, Change<'_>); 6] = [
            ("all begin late", &|entries| {
                for entry in entries {
                    entry[..8].fill(255);
                }
            }),
            ("all begin early", &|entries| {
                for entry in entries {
                    entry[..8].fill(0);
                }
            }),
            ("nothing is early in any", &|entries| {
                for entry in entries {
                    let least = entry.len() - 8;
                    entry[least..].fill(255);
                }
            }),
            ("all is early in each", &|entries| {
                for entry in entries {
                    let least = entry.len() - 8;
                    entry[least..].fill(0);
                }
            }),
            ("it ends early", &|entries| entries.truncate(1)),
            ("from the last to the first", &|entries| entries.reverse()),
        ];
        for (what, change) in directories {
            let mut store = log.store().clone();
            kept.put_with(&mut store, change, &|_| {});
            found_or_harmless(&store, &truth, &format!("{of:?}, {what}"));
        }
    }
}

#[test]
fn a_manifest_with_any_numbers_stops_nothing() {
    let (done, wait) = channel();
    std::thread::spawn(move || {
        let log = log();
        let truth = answers(log.store()).unwrap();
        for of in [NAMES, STATEMENTS] {
            let kept = Table::read(log.store(), of);
            for place in 0..7 {
                for number in [0, u64::MAX / 2, u64::MAX] {
                    let mut store = log.store().clone();
                    kept.put_with(&mut store, &|_| {}, &|numbers| numbers[place] = number);
                    let what = format!("{of:?}, number {place} is {number}");
                    done.send((what.clone(), false)).unwrap();
                    found_or_harmless(&store, &truth, &what);
                    if of == NAMES
                        && let Ok(mut log) = EventLog::open(store)
                    {
                        let more: Vec<String> = (0..if number > 7 { 1200 } else { 20 })
                            .map(|n| format!(r#"{{"kind":"note","id":"n{n}","text":"x"}}"#))
                            .collect();
                        let _ = log.append(
                            (1..)
                                .zip(&more)
                                .map(|(n, line)| {
                                    demarche::event_log::Submission::read(n, line.as_bytes())
                                })
                                .collect(),
                            AppendOptions::default(),
                            &mut Files::default(),
                            &mut Counting::default(),
                        );
                        let _ = log.keep_snapshot(&mut |_| {});
                        verified(log.store());
                    }
                    done.send((what, true)).unwrap();
                }
            }
        }
    });
    let mut last = ("nothing".to_owned(), true);
    loop {
        match wait.recv_timeout(Duration::from_secs(20)) {
            Ok(next) => last = next,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("{}: it never ends", last.0),
        }
    }
    assert_eq!(last, (format!("{STATEMENTS:?}, number 6 is {}", u64::MAX), true));
}

/// The key of an id in the table of names.
fn key_of(id: &str) -> Vec<u8> {
    let mut key = blake3::hash(format!("i{id}").as_bytes()).as_bytes()[..8].to_vec();
    key[7] |= 1;
    key
}

fn row(id: &str, seq: u64) -> Vec<u8> {
    [&key_of(id)[..], &seq.to_be_bytes()[3..]].concat()
}

fn with_names(log: &MemoryLog, change: Change<'_>) -> MemoryStore {
    let mut store = log.store().clone();
    let mut names = Table::read(&store, NAMES);
    change(&mut names.rows);
    names.rows.sort();
    names.put(&mut store);
    store
}

#[test]
fn an_id_that_meets_another_in_its_key_is_its_own() {
    let log = log();
    // Rows as they would be if "fresh" had the key of the actor "in", or of an event that is not there.
    let seq_of_in = log
        .history()
        .entries()
        .iter()
        .find(|entry| entry.event().is_some_and(|event| event.id.as_deref() == Some("in")));
    let seq_of_in = seq_of_in.unwrap().seq;
    for seq in [seq_of_in, log.head().size + 5, (1 << 40) - 1] {
        let store = with_names(&log, &|rows| rows.push(row("fresh", seq)));
        assert!(finds_the_tables(&verified(&store)), "a row more");
        let mut log = FoldedLog::open(store).unwrap();
        let refused = append(&mut log, r#"{"kind":"statement","by":["fresh"]}"#);
        assert!(refused.is_err(), "it is not the other");
        let appended = append(&mut log, r#"{"kind":"actor","id":"fresh","name":"x"}"#).unwrap();
        assert_eq!((appended.outcomes[0].seq, appended.outcomes[0].already_there), (349, false));
        append(&mut log, r#"{"kind":"statement","by":["fresh","in"],"topic":"treaty"}"#).unwrap();
        let again = append(&mut log, r#"{"kind":"actor","id":"fresh","name":"x"}"#).unwrap();
        assert!(again.outcomes[0].already_there);
        let report = verified(log.store());
        assert!(
            report.findings.iter().all(|(check, _)| *check == Check::Snapshots),
            "{:?}",
            report.findings
        );
    }
}

#[test]
fn an_id_that_was_taken_out_of_the_names_is_not_said_to_name_one_event() {
    let log = log();
    let store = with_names(&log, &|rows| rows.retain(|row| !row.starts_with(&key_of("s100"))));
    let mut log = FoldedLog::open(store).unwrap();
    // Nobody can know it here: the names are trusted until they are verified.
    append(&mut log, r#"{"kind":"incident","id":"s100","summary":"a second one"}"#).unwrap();
    let report = verified(log.store());
    assert!(finds_the_tables(&report));
    assert_ne!(report.verdicts[&Check::Ids], Verdict::Ok, "two events have the id s100");
}

#[test]
fn many_names_of_one_kind_are_all_found() {
    let mut log = support::log();
    let lines: Vec<String> = (0..1500)
        .map(|n| {
            format!(
                r#"{{"kind":"measure","measure":"m{}","op":"impose","effective":"2025-01-{:02}"}}"#,
                n % 700,
                n % 27 + 1
            )
        })
        .collect();
    let appended = append_with(
        &mut log,
        &lines.join("\n"),
        AppendOptions::default(),
        &mut Counting::default(),
    )
    .unwrap();
    assert_eq!(appended.written(), 1500);
    log.keep_snapshot(&mut |_| {}).unwrap();
    let mut opened = EventLog::open(log.store().clone()).unwrap();
    let asked = clocks("2025-06-01");
    let history = opened.world(asked, &mut |_| {}).unwrap();
    let (found, all) = (View::of(&history, asked), View::of(log.history(), asked));
    assert_eq!(measures(&found), measures(&all));
    assert_eq!(measures(&all).len(), 700);
}
