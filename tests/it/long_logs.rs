//! Logs of several bundles, and what can be done to them: every check holds of a good one, and what is wrong is found,
//! wherever it lies.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::process::Stdio;
use std::time::Duration;

use demarche::event_log::finding::{Check, Verdict};
use demarche::event_log::portable::{export, verify_export};
use demarche::event_log::report::{Against, Report};
use demarche::event_log::verify::verify_store;
use demarche::event_log::{AppendOptions, EventLog};
use demarche::store::memory::MemoryStore;
use demarche::store::sled::SledStore;
use demarche::store::{Change, Part, Store, StoredEvent, TreePiece};
use serde_json::Value;
use tempfile::TempDir;

use crate::desk::Desk;
use crate::forger::{self, copied, copy, edit, put, raw, rehash};
use crate::support::{self, Counting, MemoryLog, append_with, head_of, tree_of};

/// A log of so many events; every hundredth quotes, every fiftieth has a sealed part.
fn log(size: u64) -> MemoryLog {
    let mut log = support::log();
    let lines: Vec<String> = (log.head().size..size).map(line).collect();
    let clock = &mut Counting::default();
    append_with(&mut log, &lines.join("\n"), AppendOptions::default(), clock).unwrap();
    assert_eq!(log.head().size, size);
    log
}

fn line(number: u64) -> String {
    let (month, day) = (number / 28 % 12 + 1, number % 28 + 1);
    let more = match number % 100 {
        0 => r#","cites":[{"source":"article","quote":"an act of war"}]"#,
        50 => r#","sealed":{"k":1}"#,
        _ => "",
    };
    let who = ["in", "pk", "us"][usize::try_from(number % 3).unwrap()];
    format!(
        r#"{{"kind":"statement","id":"s{number}","by":["{who}"],"topic":"treaty","when":"2025-{month:02}-{day:02}"{more}}}"#
    )
}

fn verified(store: &impl Store) -> Report {
    verify_store(store, &Against::default(), &mut |_| {}).unwrap()
}

fn verified_export(store: &impl Store) -> Report {
    let mut bytes = Vec::new();
    export(store, true, &mut bytes, &mut |_| {}).unwrap();
    verify_export(&mut Cursor::new(&bytes), &Against::default(), &mut |_| {}).unwrap()
}

/// What a report finds: the check, the event and the words.
fn found(report: &Report) -> Vec<(Check, Option<u64>, String)> {
    report.findings.iter().map(|(check, one)| (*check, one.seq, one.what.to_string())).collect()
}

/// A store of these events, with a tree that fits; its tables reach the first so many.
fn forged(events: &[StoredEvent], reach: usize) -> MemoryStore {
    let tree = tree_of(events);
    let head = |size: usize| head_of(&events[..size]);
    let mut store = MemoryStore::new();
    store.put_blob(&article(), support::ARTICLE.as_bytes()).unwrap();
    let add = |store: &mut MemoryStore, from: usize, to: usize| {
        let (expected, next) = (head(from), head(to));
        let change = Change { expected, events: &events[from..to], tree: &tree, next };
        store.append(change).unwrap();
    };
    add(&mut store, 0, reach);
    if reach > 0 {
        let mut log = EventLog::open(store).unwrap();
        log.keep_snapshot(&mut |_| {}).unwrap();
        store = log.store().clone();
    }
    add(&mut store, reach, events.len());
    store
}

fn article() -> String {
    format!("source/{}", blake3::hash(support::ARTICLE.as_bytes()).to_hex())
}

#[test]
fn of_a_long_log_every_check_holds_and_an_export_says_the_same() {
    let mut log = log(2600);
    for kept in [false, true] {
        if kept {
            log.keep_snapshot(&mut |_| {}).unwrap();
        }
        let dir = TempDir::new().unwrap();
        let on_sled = copied(log.store(), dir.path());
        let (here, there) = (verified(log.store()), verified(&on_sled));
        let exported = verified_export(log.store());
        for report in [&here, &there, &exported] {
            assert_eq!(found(report), []);
            assert_eq!((report.events, report.open, report.quotes), (2600, 2600, 25));
            assert_eq!((report.event_bytes, report.root), (here.event_bytes, here.root));
            assert_eq!((report.sealed_open, report.sources), (26, 1));
            for check in [Check::Bytes, Check::Chain, Check::Commitments, Check::Tree, Check::Ids] {
                assert_eq!(report.verdicts[&check], Verdict::Ok, "{check:?}");
            }
        }
        // A long append keeps the names at once; a copy has no table.
        assert_eq!(here.verdicts[&Check::Snapshots], Verdict::Ok);
        assert_eq!(there.verdicts[&Check::Snapshots], Verdict::NotChecked);
    }
}

#[test]
fn an_id_of_two_events_is_found_wherever_they_lie() {
    let all = log(800).store().read(0, usize::MAX).unwrap();
    for reach in [0, 600, 800] {
        for (first, second) in [(100, 110), (255, 256), (700, 750), (599, 600), (20, 799)] {
            let mut events = all.clone();
            edit(&mut events[second], &format!("\"s{second}\""), &format!("\"s{first}\""));
            rehash(&mut events);
            let store = forged(&events, reach);
            let expected = (Check::Ids, Some(u64::try_from(second).unwrap()), format!("s{first}"));
            for report in [verified(&store), verified_export(&store)] {
                let found = found(&report);
                let named = |(check, seq, what): &(Check, Option<u64>, String)| {
                    (*check, *seq) == (expected.0, expected.1) && what.contains(&expected.2)
                };
                assert!(
                    found.len() == 1 && named(&found[0]),
                    "{reach}, {first}, {second}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn an_id_of_three_events_is_found_twice() {
    let mut events = log(700).store().read(0, usize::MAX).unwrap();
    for second in [300, 650] {
        edit(&mut events[second], &format!("\"s{second}\""), "\"s10\"");
    }
    rehash(&mut events);
    for reach in [0, 200, 400, 700] {
        let store = forged(&events, reach);
        let seqs: BTreeSet<Option<u64>> = found(&verified(&store))
            .into_iter()
            .filter(|one| one.0 == Check::Ids)
            .map(|one| one.1)
            .collect();
        assert_eq!(seqs, BTreeSet::from([Some(300), Some(650)]), "{reach}");
    }
}

/// The key of an event of the tail.
fn key(seq: u64) -> Vec<u8> {
    [&seq.to_be_bytes()[..], &[0; 4]].concat()
}

/// The key of a bundle.
fn bundle_key(bundle: u64) -> Vec<u8> {
    [&bundle.to_be_bytes()[..], &[0; 5]].concat()
}

#[test]
fn any_byte_of_a_bundle_that_is_changed_is_found() {
    let log = log(600);
    let dir = TempDir::new().unwrap();
    drop(copied(log.store(), dir.path()));
    let bundle = || -> Vec<u8> {
        let db = raw(dir.path());
        db.open_tree("bundles").unwrap().get(bundle_key(1)).unwrap().unwrap().to_vec()
    };
    let put = |bytes: &[u8]| {
        let db = raw(dir.path());
        db.open_tree("bundles").unwrap().insert(bundle_key(1), bytes).unwrap();
        db.flush().unwrap();
    };
    let good = bundle();
    for at in [0, 3, 7, 8, 9, 12, 40, 1000].into_iter().chain((1500..good.len()).step_by(1300)) {
        let mut spoiled = good.clone();
        spoiled[at] ^= 0x10;
        put(&spoiled);
        let store = SledStore::open(dir.path(), "test").unwrap();
        let report = verified(&store);
        let found = found(&report);
        assert!(!report.is_ok(), "byte {at}");
        assert_eq!(report.events, 600, "every event is accounted for");
        let of_others =
            found.iter().filter(|one| one.1.is_some_and(|seq| !(256..512).contains(&seq)));
        // The event that follows no longer follows; nothing else is wrong with any other.
        assert!(of_others.clone().count() <= 1, "byte {at}: {:?}", of_others.collect::<Vec<_>>());
        assert!(store.events(0).is_ok() && store.events(512).is_ok());
    }
    for cut in [0, 1, 8, 9, good.len() / 2, good.len() - 1] {
        put(&good[..cut]);
        let report = verified(&SledStore::open(dir.path(), "test").unwrap());
        let unreadable = found(&report).iter().filter(|one| one.0 == Check::Bytes).count();
        assert_eq!((report.events, unreadable), (600, 256), "cut to {cut}");
    }
    put(&good);
    assert!(verified(&SledStore::open(dir.path(), "test").unwrap()).is_ok());
}

#[test]
fn behind_a_bundle_that_cannot_be_read_everything_is_still_looked_at() {
    let desk = long_desk();
    let (source, mut all) = (source(&desk), forger::events(&desk));
    edit(&mut all[200], "\"topic\"", "\"Topic\"");
    edit(&mut all[600], "\"topic\"", "\"Topic\"");
    put(&desk, &all, &[&source]);
    {
        let db = raw(&desk.path().join("log"));
        let bundles = db.open_tree("bundles").unwrap();
        assert_eq!(
            bundles.remove(bundle_key(1)).unwrap().map(|bytes| bytes.is_empty()),
            Some(false)
        );
        let tail = db.open_tree("tail").unwrap();
        assert!(tail.remove(key(700)).unwrap().is_some());
        db.flush().unwrap();
    }
    let output = desk.run(&["verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["events"], all.len());
    let seqs = |check: &str| -> BTreeSet<u64> {
        let findings = report["findings"].as_array().unwrap();
        let of = findings.iter().filter(|one| one["check"] == check);
        of.filter_map(|one| one["seq"].as_u64()).collect()
    };
    let missing: BTreeSet<u64> = (256..512).chain([700]).collect();
    assert_eq!(
        seqs("bytes").difference(&BTreeSet::from([200, 600])).copied().collect::<BTreeSet<_>>(),
        missing
    );
    assert_eq!(seqs("commitments"), BTreeSet::from([200, 600]));
    for command in [&["replay", "--to", "2025-05-01", "--recompute"][..], &["checkpoint"]] {
        let (code, said) = desk.refused(command);
        assert!(matches!(code, Some(1 | 2)), "{command:?}: {said}");
    }
}

/// A desk with the chronicle and some bundles of statements after it, and a signed checkpoint.
fn long_desk() -> Desk {
    let desk = Desk::demo();
    let statement = |number: usize| {
        format!(
            "{{\"kind\":\"statement\",\"id\":\"s{number}\",\"by\":[\"india\"],\"topic\":\"pahalgam-attack\",\"when\":\"2025-05-{:02}\"}}\n",
            number % 28 + 1
        )
    };
    desk.write("more.jsonl", &(64..740).map(statement).collect::<String>());
    desk.ok(&["append", "more.jsonl"]);
    desk.ok(&["checkpoint"]);
    desk
}

fn source(desk: &Desk) -> String {
    let shown = desk.json(&["show", "digest-2025-05-01", "--json"]);
    shown["events"][0]["payload"]["blake3"].as_str().unwrap().to_owned()
}

/// The checks that find something, with the numbers of events.
fn findings(desk: &Desk) -> BTreeSet<(String, Option<u64>)> {
    let output = desk.run(&["verify", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|one| (one["check"].as_str().unwrap().to_owned(), one["seq"].as_u64())).collect()
}

#[test]
fn a_bundle_written_anew_with_every_hash_is_caught_by_the_journal() {
    let desk = long_desk();
    let (source, mut all) = (source(&desk), forger::events(&desk));
    edit(&mut all[300], "\"2025-05-", "\"2025-04-");
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    let found = findings(&desk);
    assert!(found.iter().all(|(check, _)| check == "checkpoints"), "{found:?}");
    let (code, said) = desk.refused(&["checkpoint"]);
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn a_change_of_the_tree_is_found() {
    let desk = long_desk();
    let piece = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let mut store = forger::store(&desk);
        let (head, good) = (store.head().unwrap(), store.tree_piece(1, 0).unwrap().unwrap());
        let tree = [TreePiece { level: 1, index: 0, hashes: change(good.clone()) }];
        store.append(Change { expected: head, events: &[], tree: &tree, next: head }).unwrap();
        good
    };
    let good = piece(&|good| good);
    assert_eq!(good.len(), 64, "two bundles are full");
    for at in [0, 31, 32, 63] {
        piece(&|mut good| {
            good[at] ^= 1;
            good
        });
        assert_eq!(findings(&desk), BTreeSet::from([("tree".to_owned(), Some(0))]), "byte {at}");
        let (code, said) = desk.refused(&["checkpoint"]);
        assert!(code == Some(1) || code == Some(2), "nothing is signed over it: {said}");
        piece(&|_| good.clone());
    }
    for cut in [0, 32, 63] {
        piece(&|good| good[..cut].to_vec());
        assert_eq!(findings(&desk), BTreeSet::from([("tree".to_owned(), Some(0))]), "cut to {cut}");
        piece(&|_| good.clone());
    }
    // What an abandoned append left of the tree is no part of it.
    piece(&|good| [&good[..], &[7; 320]].concat());
    desk.ok(&["verify"]);
    desk.write("one.jsonl", "{\"kind\":\"topic\",\"id\":\"one\"}");
    desk.ok(&["append", "one.jsonl"]);
    desk.ok(&["verify"]);
    desk.ok(&["checkpoint"]);
}

/// Appending is refused, and the store's events and head are as they were.
#[track_caller]
fn not_appended_to(desk: &Desk, words: &str) {
    let raw_head = || {
        let store = forger::store(desk);
        store.head().unwrap()
    };
    let head = raw_head();
    let line = r#"{"kind":"topic","id":"one-more"}"#;
    desk.write("one.jsonl", line);
    let (code, said) = desk.refused(&["append", "one.jsonl"]);
    assert!(matches!(code, Some(1 | 2)), "{code:?}: {said}");
    assert!(said.contains(words), "{words:?} is not said: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(raw_head(), head);
    let (code, _) = desk.refused(&["verify"]);
    assert_eq!(code, Some(1));
}

#[test]
fn a_damaged_end_is_not_appended_to() {
    for size in [740_usize, 768] {
        let desk = long_desk();
        let (source, mut all) = (source(&desk), forger::events(&desk));
        all.truncate(size);
        if size > all.len() {
            let more = |n: usize| format!("{{\"kind\":\"note\",\"id\":\"n{n}\",\"text\":\"x\"}}\n");
            desk.write("more.jsonl", &(all.len()..size).map(more).collect::<String>());
            desk.ok(&["append", "more.jsonl"]);
            all = forger::events(&desk);
        }
        assert_eq!(all.len(), size);
        let last = size - 1;
        // The last event says something else than its header.
        let mut events = all.clone();
        let Part::Present { bytes, .. } = &mut events[last].payload else { panic!("it is there") };
        bytes[10] ^= 1;
        put(&desk, &events, &[&source]);
        not_appended_to(&desk, &format!("event {last}"));
        // The head names another link.
        put(&desk, &all, &[&source]);
        {
            let db = raw(&desk.path().join("log"));
            let meta = db.open_tree("meta").unwrap();
            let mut head = meta.get("head").unwrap().unwrap().to_vec();
            *head.last_mut().unwrap() ^= 1;
            meta.insert("head", head).unwrap();
            db.flush().unwrap();
        }
        not_appended_to(&desk, "while the head is");
        // It is followed by nothing that follows it.
        put(&desk, &all, &[&source]);
        {
            let db = raw(&desk.path().join("log"));
            let meta = db.open_tree("meta").unwrap();
            let mut head = meta.get("head").unwrap().unwrap().to_vec();
            head[7] += 1;
            meta.insert("head", head).unwrap();
            db.flush().unwrap();
        }
        not_appended_to(&desk, "event");
        // The last event is not there, or is rot.
        for rot in [None, Some("rot")] {
            put(&desk, &all, &[&source]);
            {
                let db = raw(&desk.path().join("log"));
                let (tree, key) = match size % 256 {
                    0 => ("bundles", bundle_key(u64::try_from(last / 256).unwrap())),
                    _ => ("tail", key(u64::try_from(last).unwrap())),
                };
                let tree = db.open_tree(tree).unwrap();
                match rot {
                    Some(rot) => drop(tree.insert(key, rot).unwrap().unwrap()),
                    None => drop(tree.remove(key).unwrap().unwrap()),
                }
                db.flush().unwrap();
            }
            not_appended_to(&desk, "damaged");
        }
        put(&desk, &all, &[&source]);
        desk.ok(&["append", "one.jsonl"]);
        desk.ok(&["verify"]);
    }
}

#[test]
fn an_event_that_has_no_name_yet_is_checked_before_anything_follows_it() {
    let desk = long_desk();
    let (source, mut all) = (source(&desk), forger::events(&desk));
    edit(&mut all[735], "india", "pakistan");
    put(&desk, &all, &[&source]);
    not_appended_to(&desk, "event 735: its payload is not the one its header commits to");
}

/// Runs the program with these bytes on its standard input.
fn piped(desk: &Desk, args: &[&str], input: &str) -> std::process::Output {
    let mut command = desk.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

fn statements(from: usize, to: usize) -> String {
    let long = "x".repeat(150);
    let statement = |number: usize| {
        format!(
            "{{\"kind\":\"statement\",\"id\":\"s{number}\",\"by\":[\"india\"],\"topic\":\"pahalgam-attack\",\"when\":\"2025-05-{:02}\",\"summary\":\"{long}\"}}\n",
            number % 28 + 1
        )
    };
    (from..to).map(statement).collect()
}

fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn what_a_pipe_brings_is_said_line_by_line_as_it_is_in_the_log() {
    let desk = Desk::demo();
    let input = statements(0, 5000).replace("\"s7\"", "\"s6\"");
    // Two lines have one id, and differ.
    let refused = piped(&desk, &["append", "-", "--json"], &input);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
    let input: String = statements(0, 5000)
        .split_inclusive('\n')
        .enumerate()
        // Blank lines count as lines.
        .map(|(number, line)| if number % 3 == 0 { format!("\n{line}") } else { line.to_owned() })
        .collect();
    let appended = piped(&desk, &["append", "-", "--json"], &input);
    assert_eq!(appended.status.code(), Some(0), "{}", String::from_utf8_lossy(&appended.stderr));
    let said = json_lines(&appended.stdout);
    assert_eq!(said.len(), 5000);
    for (number, one) in said.iter().enumerate() {
        assert_eq!(
            (one["id"].as_str(), one["seq"].as_u64()),
            (Some(&*format!("s{number}")), Some(64 + number as u64))
        );
    }
    let listed = desk.json(&["list", "--json"]);
    let listed = listed["events"].as_array().unwrap();
    assert_eq!(listed.len(), 5064);
    for (one, event) in said.iter().zip(&listed[64..]) {
        assert_eq!((&one["id"], &one["seq"]), (&event["id"], &event["seq"]));
    }
    let report = desk.json(&["verify", "--json"]);
    assert_eq!((&report["ok"], &report["events"]), (&Value::from(true), &Value::from(5064)));
    assert_eq!(said[4999]["link"], report["chain"]);
    // Once more: all of it is there already, and nothing is written.
    let again = piped(&desk, &["append", "-", "--json"], &input);
    let there = json_lines(&again.stdout);
    assert_eq!(there.len(), 5000);
    for (one, before) in there.iter().zip(&said) {
        assert_eq!(one["already_there"], true);
        assert_eq!((&one["seq"], &one["link"]), (&before["seq"], &before["link"]));
    }
    assert_eq!(desk.json(&["verify", "--json"])["chain"], report["chain"]);
    // The line that is refused is named as it stands in the input.
    let late = format!("{input}\n\n{{\"kind\":\"topic\"}}\n");
    let refused = piped(&desk, &["append", "-"], &late);
    let words = String::from_utf8(refused.stderr).unwrap();
    let line = late.lines().count();
    assert!(words.contains(&format!("line {line}")), "line {line}: {words}");
}

#[test]
fn an_append_that_is_killed_leaves_nothing_or_all() {
    let desk = Desk::demo();
    desk.ok(&["snapshot"]);
    desk.write("more.jsonl", &statements(0, 5000));
    let before = desk.json(&["verify", "--json"]);
    let mut cut_off = 0;
    // The first comes before it can have ended anywhere; where the others come depends on the machine.
    for millis in [20, 150, 350, 600] {
        let here = Desk::new();
        copy(desk.path(), here.path());
        let mut child =
            here.command(&["append", "more.jsonl"]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
        let report = here.json(&["verify", "--json"]);
        assert_eq!(report["ok"], true, "killed after {millis} ms");
        if report["events"] == 64 {
            cut_off += 1;
            assert_eq!(report["chain"], before["chain"]);
        } else {
            assert_eq!(report["events"], 5064);
        }
        here.ok(&["append", "more.jsonl"]);
        let report = here.json(&["verify", "--json"]);
        assert_eq!((&report["ok"], &report["events"]), (&Value::from(true), &Value::from(5064)));
    }
    assert!(cut_off > 0, "none was killed before it ended");
}

#[test]
fn a_long_log_is_restored_as_it_was_and_goes_on() {
    let desk = long_desk();
    desk.write("one.jsonl", "{\"kind\":\"topic\",\"id\":\"one\"}");
    desk.ok(&["erase", "s300", "--why", "a test"]);
    desk.ok(&["export", "--out", "e.jsonl"]);
    desk.ok(&["restore", "e.jsonl", "--log", "copy"]);
    let head = |log: &str| {
        let report = desk.json(&["verify", "--json", "--log", log]);
        (
            report["events"].clone(),
            report["chain"].clone(),
            report["root"].clone(),
            report["erased"].clone(),
        )
    };
    assert_eq!(head("copy"), head("log"));
    assert_eq!(head("copy").3, 1);
    let replay = |log: &str| desk.json(&["replay", "--to", "2025-05-20", "--json", "--log", log]);
    assert_eq!(replay("copy"), replay("log"));
    desk.ok(&["snapshot", "--log", "copy"]);
    assert_eq!(replay("copy"), replay("log"));
    desk.ok(&["append", "one.jsonl", "--log", "copy"]);
    desk.ok(&["verify", "--log", "copy"]);
}

#[test]
fn behind_a_damaged_bundle_a_log_goes_on_but_nothing_is_taken_on_trust_from_it() {
    let desk = long_desk();
    {
        let db = raw(&desk.path().join("log"));
        db.open_tree("bundles").unwrap().insert(bundle_key(1), "rot").unwrap();
        db.flush().unwrap();
    }
    for line in [
        r#"{"kind":"mention","of":"s300"}"#,
        r#"{"kind":"incident","id":"s300","summary":"a second one"}"#,
        r#"{"kind":"mention","of":"@300"}"#,
    ] {
        desk.write("one.jsonl", line);
        let (code, said) = desk.refused(&["append", "one.jsonl"]);
        assert_eq!(code, Some(2), "{line}: {said}");
        assert!(said.contains("damaged"), "{line}: {said}");
    }
    assert_eq!(forger::store(&desk).head().unwrap().size, 740);
}
