//! The matrix of crashes: every write of every operation is lost, or kept and reported as failed, and what follows works or
//! fails, too. Then the log is opened anew from its files alone, and looked at from outside: what was acknowledged is
//! there, what was refused is not there in part, an export of it verifies, and going on works.
//!
//! Writes are those of the port (`store`), so this is about the order in which a log writes, not about what a disk does
//! within one of them: for that there are the power cuts. The journal and the keys are files of the terminal program with
//! no seam between; of them, what each cut leaves is put there and the next command must go on from it. For keys that is
//! in `keys.rs`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use demarche::event_log::portable::{Verified, export, verify_export};
use demarche::event_log::report::Against;
use demarche::event_log::verify::verify_store;
use demarche::event_log::{self, AppendOptions, EventLog, FoldedLog, OpenError, Submission};
use demarche::store::sled::SledStore;
use demarche::store::{Head, Part, Store, StoredEvent};
use tempfile::TempDir;

use crate::desk::Desk;
use crate::faulty::{Fault, Faulty};
use crate::forger::copy;
use crate::support::{ARTICLE, Counting, Files};

/// A way for a write to go wrong, and whether all that follows fails.
const FAULTS: [(Fault, bool); 4] =
    [(Fault::Lost, false), (Fault::Lost, true), (Fault::Kept, false), (Fault::Kept, true)];
/// Of them, for long operations.
const TELLING: [(Fault, bool); 2] = [(Fault::Lost, true), (Fault::Kept, false)];

type Failing = Faulty<SledStore>;

/// Something that writes to a log, and what it must come to.
struct Operation<'o> {
    name: &'static str,
    /// The directory of the log before.
    before: &'o Path,
    /// Does it.
    run: &'o dyn Fn(Failing) -> Result<(), String>,
    /// Looks at the store after it: whether it was done wholly. That it was done in part fails.
    done: &'o dyn Fn(&SledStore) -> bool,
    /// How many steps of one name are tried, from either end; all, for short operations.
    of_each: usize,
    /// How they go wrong; two ways are enough for long ones, whose every case takes a second.
    faults: &'o [(Fault, bool)],
}

impl Operation<'_> {
    /// Tries every step and every fault. Returns how many were tried.
    fn check(&self) -> usize {
        let names = self.steps();
        // An operation without any write would make this a test of nothing.
        assert!(!names.is_empty(), "{}", self.name);
        let moves = names.iter().position(|name| matches!(*name, "append" | "remove"));
        let mut tried = 0;
        for (step, name) in names.iter().enumerate() {
            if !self.is_chosen(&names, step) {
                continue;
            }
            for (fault, for_good) in self.faults.iter().copied() {
                let case =
                    format!("{}: step {step}, {name}, {fault:?}, for good: {for_good}", self.name);
                self.check_one((step, fault, for_good), moves, &case);
                tried += 1;
            }
        }
        tried
    }

    /// The writes of the operation, where nothing goes wrong.
    fn steps(&self) -> Vec<&'static str> {
        let here = TempDir::new().unwrap();
        copy(self.before, here.path());
        COUNTED.with(|counted| counted.replace(Some(Vec::new())));
        (self.run)(Faulty::counting(open(here.path()))).unwrap();
        let names = COUNTED.with(|counted| counted.replace(None)).unwrap();
        assert!((self.done)(&open(here.path())), "{}", self.name);
        names
    }

    fn is_chosen(&self, names: &[&'static str], step: usize) -> bool {
        let same = |of: &[&'static str]| of.iter().filter(|name| **name == names[step]).count();
        same(&names[..step]) < self.of_each || same(&names[step + 1..]) < self.of_each
    }

    fn check_one(
        &self,
        (step, fault, for_good): (usize, Fault, bool),
        moves: Option<usize>,
        case: &str,
    ) {
        let here = TempDir::new().unwrap();
        copy(self.before, here.path());
        let was = everything(&open(here.path()));
        let ended = (self.run)(Faulty::new(open(here.path()), step, fault, for_good));

        let store = open(here.path());
        let done = (self.done)(&store);
        // What was acknowledged is there.
        assert!(ended.is_err() || done, "{case}: it was acknowledged and is not there");
        match moves {
            // The write that moves the head was kept, though the caller was told otherwise.
            Some(moves) if step == moves && fault == Fault::Kept => {
                assert!(ended.is_err() && done, "{case}: {ended:?}");
            }
            Some(moves) if step <= moves => {
                assert!(ended.is_err() && !done, "{case}: {ended:?}");
            }
            // Once the head has moved nothing can make the operation fail.
            Some(_) => assert!(ended.is_ok() && done, "{case}: {ended:?}"),
            None => {}
        }
        if !done || moves.is_none() {
            assert_eq!(everything(&store), was, "{case}: something of it is there");
        }
        let head = store.head().unwrap();
        if head.size > 0 {
            assert!(store.events(head.size).unwrap().is_empty(), "{case}: something is staged");
            verifies(&store, case);
        }
        drop(store);
        // Going on works: the same once more, where it was not done, and an event in any case.
        if !done {
            let again = (self.run)(Faulty::counting(open(here.path())));
            assert!(again.is_ok(), "{case}: {again:?}");
        }
        let mut log = EventLog::open(open(here.path())).unwrap();
        let size = log.head().size;
        append(&mut log, r#"{"kind":"incident","id":"afterwards"}"#).unwrap();
        assert_eq!(log.head().size, size + 1, "{case}");
        log.keep_snapshot(&mut |_| {}).unwrap();
        verifies(log.store(), case);
    }
}

std::thread_local! {
    /// Where the writes are noted of an operation that is only counted.
    static COUNTED: RefCell<Option<Vec<&'static str>>> = const { RefCell::new(None) };
}

/// Notes the writes of a store that is done with.
fn note(store: &Failing) {
    COUNTED.with(|counted| {
        if let Some(names) = counted.borrow_mut().as_mut() {
            names.clone_from(&store.names);
        }
    });
}

fn open(dir: &Path) -> SledStore {
    SledStore::open(dir, "test").unwrap()
}

/// The head and all events.
fn everything(store: &SledStore) -> (Head, Vec<StoredEvent>) {
    (store.head().unwrap(), store.read(0, usize::MAX).unwrap())
}

/// The log verifies, and so does an export of it, of as many events.
#[track_caller]
fn verifies(store: &impl Store, case: &str) {
    let report = verify_store(store, &Against::default(), &mut |_| {}).unwrap();
    assert!(report.is_ok(), "{case}: {:?}", report.findings);
    let mut exported = Vec::new();
    export(store, true, &mut exported, &mut |_| {}).unwrap();
    let outside = verify_export(&mut Cursor::new(exported), &Against::default(), &mut |_| {});
    let outside = outside.unwrap();
    assert!(outside.is_ok(), "{case}: {:?}", outside.findings);
    assert_eq!((outside.events, outside.chain), (report.events, report.chain), "{case}");
}

fn files() -> Files {
    let second = b"A second document, which is captured, too.".to_vec();
    Files(vec![("article.txt", ARTICLE.into()), ("second.txt", second)])
}

fn append(log: &mut EventLog<impl Store>, lines: &str) -> Result<(), String> {
    let submissions =
        (1..).zip(lines.lines()).map(|(number, line)| Submission::read(number, line.as_bytes()));
    let (submissions, clock) = (submissions.collect(), &mut Counting::default());
    let appended = log.append(submissions, AppendOptions::default(), &mut files(), clock);
    appended.map(drop).map_err(|error| error.to_string())
}

/// Opens a log in the store and does something to it.
fn with_log(
    store: Failing,
    action: impl FnOnce(&mut EventLog<Failing>) -> Result<(), String>,
) -> Result<(), String> {
    let mut log = EventLog::open(store).map_err(|error: OpenError| error.to_string())?;
    let ended = action(&mut log);
    note(log.store());
    ended
}

/// The lines of so many statements, some of which have sealed parts.
fn statements(prefix: &str, count: usize) -> String {
    let long = "x".repeat(200);
    let line = |number: usize| {
        let sealed = if number.is_multiple_of(9) { r#","sealed":{"n":1}"# } else { "" };
        let day = number % 28 + 1;
        format!(
            r#"{{"kind":"statement","id":"{prefix}{number}","by":["in"],"topic":"treaty","when":"2025-02-{day:02}","summary":"{long}"{sealed}}}"#
        ) + "\n"
    };
    (0..count).map(line).collect()
}

/// A log of so many events, with a source, in a directory; its tables reach all of them if `tables`.
fn log(size: usize, tables: bool) -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = SledStore::create(dir.path(), "test").unwrap();
    let clock = &mut Counting::default();
    let mut log = EventLog::create(store, "example.org/test", None, clock).unwrap();
    let first = concat!(
        r#"{"kind":"source","id":"article","published":"2025-05-01","file":"article.txt"}"#,
        "\n",
        r#"{"kind":"actor","id":"in","name":"India","type":"country","country":"IN"}"#,
        "\n",
        r#"{"kind":"topic","id":"treaty","name":"The treaty"}"#,
        "\n",
    );
    append(&mut log, &format!("{first}{}", statements("b", size - 4))).unwrap();
    assert_eq!(log.head().size, u64::try_from(size).unwrap());
    if tables {
        log.keep_snapshot(&mut |_| {}).unwrap();
    }
    dir
}

/// Tries an append of these lines to a log of so many events.
fn check_append(name: &'static str, size: usize, lines: &str, of_each: usize) -> usize {
    let (dir, count) = (log(size, true), lines.lines().count());
    let operation = Operation {
        name,
        before: dir.path(),
        run: &|store| with_log(store, |log| append(log, lines)),
        done: &|store| {
            let found = usize::try_from(store.head().unwrap().size).unwrap();
            assert!(found == size || found == size + count, "{name}: {found} events");
            found > size
        },
        of_each,
        faults: &FAULTS,
    };
    operation.check()
}

#[test]
fn a_small_append_is_there_or_not() {
    let lines = concat!(
        r#"{"kind":"source","id":"second","published":"2025-05-02","file":"second.txt"}"#,
        "\n",
        r#"{"kind":"incident","id":"i","cites":[{"source":"second","quote":"is captured"}],"sealed":{"n":2}}"#,
    );
    let tried = check_append("a small append", 300, lines, usize::MAX);
    assert!(tried >= 8, "a blob and the append, with four faults each: {tried}");
}

#[test]
fn an_append_that_seals_a_bundle_is_there_or_not() {
    // From the last event of one bundle into the next but one: the tail is cleared, and names are kept.
    let tried = check_append("a sealing append", 500, &statements("s", 300), 2);
    assert!(tried >= 12, "the append, and what is kept of the names: {tried}");
}

#[test]
fn a_long_append_is_there_or_not() {
    struct Lines(Vec<String>, usize);
    impl demarche::event_log::Input for Lines {
        fn next_line(&mut self) -> std::io::Result<Option<demarche::event_log::InputLine<'_>>> {
            let Some(line) = self.0.get(self.1) else { return Ok(None) };
            self.1 += 1;
            Ok(Some((u64::try_from(self.1).unwrap(), Ok(line.as_bytes()))))
        }
        fn rewind(&mut self) -> std::io::Result<()> {
            self.1 = 0;
            Ok(())
        }
    }
    let (dir, count) = (log(300, true), 4200);
    let lines: Vec<String> = statements("l", count).lines().map(str::to_owned).collect();
    let operation = Operation {
        name: "a long append",
        before: dir.path(),
        run: &|store| {
            with_log(store, |log| {
                let (input, clock) = (&mut Lines(lines.clone(), 0), &mut Counting::default());
                let options = AppendOptions::default();
                let appended = log.append_lines(input, options, &mut files(), clock);
                appended.map(drop).map_err(|error| error.to_string())
            })
        },
        done: &|store| {
            let found = usize::try_from(store.head().unwrap().size).unwrap();
            assert!(found == 300 || found == 300 + count, "{found} events");
            found > 300
        },
        of_each: 1,
        faults: &TELLING,
    };
    assert!(operation.steps().iter().filter(|name| **name == "stage").count() > 10);
    operation.check();
}

#[test]
fn an_erasure_is_done_or_not() {
    let dir = log(300, true);
    // The document, and a statement with a sealed part in the first bundle.
    let of = BTreeSet::from([1, 4]);
    let blob = format!("source/{}", blake3::hash(ARTICLE.as_bytes()).to_hex());
    assert!(open(dir.path()).blob(&blob).unwrap().is_some(), "the document is captured");
    let operation = Operation {
        name: "an erasure",
        before: dir.path(),
        run: &|store| {
            let mut log = FoldedLog::open(store).map_err(|error| error.to_string())?;
            let clock = &mut Counting::default();
            let ended = log.erase(&of, "a court ordered it", None, clock);
            note(log.store());
            ended.map(drop).map_err(|error| error.to_string())
        },
        done: &|store| {
            let events = store.read(0, usize::MAX).unwrap();
            let gone = of.iter().map(|seq| {
                let event = &events[usize::try_from(*seq).unwrap()];
                let sealed = event.sealed.as_ref().is_none_or(|part| *part == Part::Absent);
                assert!(event.payload != Part::Absent || sealed, "a sealed part is left");
                event.payload == Part::Absent
            });
            let mut gone: Vec<bool> = gone.collect();
            gone.push(store.blob(&blob).unwrap().is_none());
            gone.push(events.len() == 301);
            assert!(gone.iter().all(|one| *one == gone[0]), "in part: {gone:?}");
            gone[0]
        },
        of_each: usize::MAX,
        faults: &FAULTS,
    };
    assert!(operation.check() >= 8);
}

#[test]
fn a_snapshot_changes_no_event_whatever_comes_of_it() {
    let dir = log(300, false);
    let operation = Operation {
        name: "a snapshot",
        before: dir.path(),
        run: &|store| {
            with_log(store, |log| {
                let kept = log.keep_snapshot(&mut |_| {});
                kept.map(drop).map_err(|error| error.to_string())
            })
        },
        // Tables are no part of a log: only that it is the same log is asked for, which `verifies` compares them with.
        done: &|_| true,
        of_each: usize::MAX,
        faults: &FAULTS,
    };
    assert!(operation.check() >= 12);
}

#[test]
fn a_log_that_is_restored_or_copied_is_there_or_not() {
    type Fill<'f> = &'f dyn Fn(&mut Failing) -> Result<(), String>;
    for (size, of_each, faults) in [(30, usize::MAX, &FAULTS[..]), (1500, 1, &TELLING)] {
        let (from, mut exported) = (log(size, false), Vec::new());
        export(&open(from.path()), true, &mut exported, &mut |_| {}).unwrap();
        let restore: Fill<'_> = &|store| {
            let mut export = Cursor::new(&exported);
            let verified = Verified::of(&mut export, &mut |_| {}).unwrap();
            let ended = verified.restore(&mut export, store, &mut |_| {});
            ended.map(drop).map_err(|error| error.to_string())
        };
        // As a backup is made, and restored.
        let copied: Fill<'_> = &|store| {
            let ended = event_log::copy::copy(&open(from.path()), store, true, &mut |_| {});
            ended.map(drop).map_err(|error| error.to_string())
        };
        let empty = TempDir::new().unwrap();
        drop(SledStore::create(empty.path(), "test").unwrap());
        for (name, fill) in [("a restore", restore), ("a copy", copied)] {
            let operation = Operation {
                name,
                before: empty.path(),
                run: &|mut store| {
                    let ended = fill(&mut store);
                    note(&store);
                    ended
                },
                done: &|store| {
                    let found = usize::try_from(store.head().unwrap().size).unwrap();
                    assert!(found == 0 || found == size, "{found} of {size} events");
                    found > 0
                },
                of_each,
                faults,
            };
            assert!(operation.check() >= 8);
        }
    }
}

/// An append that was kept and reported as failed, in a process that goes on: it never forks the log.
#[test]
fn a_log_whose_append_was_kept_and_reported_as_failed_takes_nothing_in_before_it_is_opened_anew() {
    let dir = log(300, true);
    let counted = Faulty::counting(open(dir.path()));
    let opening = EventLog::open(counted).unwrap().store().names.len();
    let mut log =
        EventLog::open(Faulty::new(open(dir.path()), opening, Fault::Kept, false)).unwrap();
    let one = r#"{"kind":"incident","id":"one"}"#;
    assert!(append(&mut log, one).is_err());
    assert_eq!(log.store().names[opening], "append");
    let refused = append(&mut log, r#"{"kind":"incident","id":"two"}"#);
    assert!(refused.unwrap_err().contains("another writer appended"));
    drop(log);
    let mut log = EventLog::open(open(dir.path())).unwrap();
    assert_eq!(log.head().size, 301);
    append(&mut log, one).unwrap();
    assert_eq!(log.head().size, 301, "it is there already");
    verifies(log.store(), "afterwards");
}

/// The journal: its last line is cut off, as a write is that was torn.
#[test]
fn a_checkpoint_whose_line_was_torn_is_signed_again() {
    let desk = Desk::demo();
    let path = desk.path().join("log/journal");
    let first = desk.ok(&["checkpoint"]);
    let path = fs::read_dir(path).unwrap().next().unwrap().unwrap().path();
    let before = fs::read(&path).unwrap();
    desk.write("more.jsonl", "{\"kind\":\"topic\",\"id\":\"later\",\"name\":\"x\"}");
    desk.ok(&["append", "more.jsonl"]);
    let second = desk.ok(&["checkpoint"]);
    assert_ne!(first, second);
    let after = fs::read(&path).unwrap();
    assert!(after.starts_with(&before) && after.len() > before.len() + 100);
    // Nothing of the line, its first byte, its middle, all but its line feed; and all of it, with nothing said.
    let middle = usize::midpoint(before.len(), after.len());
    for cut in [before.len(), before.len() + 1, middle, after.len() - 1, after.len()] {
        fs::write(&path, &after[..cut]).unwrap();
        let report = desk.json(&["verify", "--json"]);
        let kept = 1 + u64::from(cut == after.len());
        assert_eq!((&report["ok"], &report["checkpoints"]["kept"]), (&true.into(), &kept.into()));
        assert_eq!(desk.ok(&["checkpoint"]), second, "cut at byte {cut}");
        let report = desk.json(&["verify", "--json"]);
        assert_eq!((&report["ok"], &report["checkpoints"]["kept"]), (&true.into(), &2.into()));
    }
    // A journal whose beginning was cut off is begun again.
    let begins = before.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [0, 1, begins / 2, begins - 1, begins] {
        fs::write(&path, &before[..cut]).unwrap();
        assert_eq!(desk.ok(&["checkpoint"]), second, "cut at byte {cut}");
        assert!(desk.ok(&["verify"]).contains("checkpoints: 1"), "cut at byte {cut}");
    }
}
