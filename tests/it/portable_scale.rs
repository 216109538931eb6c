//! What is durable stays so, whatever comes of the tables; long exports, and copies restored from them.

use std::collections::BTreeSet;
use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use demarche::event_log::portable::{PortableError, Verified, export, restore, verify_export};
use demarche::event_log::report::{Against, Report};
use demarche::event_log::verify::verify_store;
use demarche::event_log::{
    AppendError, AppendOptions, Appended, EventLog, FoldedLog, Input, InputLine, Submission,
    Surroundings,
};
use demarche::model::calendar::{Instant, Zone};
use demarche::record::export::{EventLine, HeadLine, Line, encode, split_source};
use demarche::record::link::Link;
use demarche::record::system::{Erasure, SystemEvent};
use demarche::replay::Clocks;
use demarche::store::memory::MemoryStore;
use demarche::store::{
    BlockKey, Change, Events, Head, Part, Removal, Store, StoreError, TreePiece,
};

use crate::faulty::{Fault, Faulty};
use crate::forger::{NAMES, STATEMENTS, Table};
use crate::support::{ARTICLE, Counting, Files};

/// A store whose disk is full from the moment on when the head has moved, until there is room again: no block is written
/// any more, and nothing synced.
#[derive(Debug, Clone)]
struct FullAfterwards {
    store: MemoryStore,
    fills_up: Arc<AtomicBool>,
    full: bool,
}

impl FullAfterwards {
    fn new() -> (Self, Arc<AtomicBool>) {
        let fills_up = Arc::new(AtomicBool::new(false));
        let store =
            Self { store: MemoryStore::new(), fills_up: Arc::clone(&fills_up), full: false };
        (store, fills_up)
    }

    fn room(&mut self) -> Result<&mut MemoryStore, StoreError> {
        if self.full && self.fills_up.load(Ordering::SeqCst) {
            let (path, error) = ("the disk".into(), io::Error::other("it is full"));
            return Err(StoreError::Io { path, error });
        }
        Ok(&mut self.store)
    }
}

impl Store for FullAfterwards {
    fn head(&self) -> Result<Head, StoreError> {
        self.store.head()
    }
    fn append(&mut self, change: Change<'_>) -> Result<(), StoreError> {
        self.store.append(change)?;
        self.full = self.fills_up.load(Ordering::SeqCst);
        Ok(())
    }
    fn stage(&mut self, bundle: Vec<u8>, tree: Vec<TreePiece>) -> Result<(), StoreError> {
        self.room()?.stage(bundle, tree)
    }
    fn stage_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.room()?.stage_blob(name, bytes)
    }
    fn unstage(&mut self) -> Result<(), StoreError> {
        self.store.unstage()
    }
    fn remove(&mut self, removal: Removal<'_>, change: Change<'_>) -> Result<(), StoreError> {
        self.store.remove(removal, change)?;
        self.full = self.fills_up.load(Ordering::SeqCst);
        Ok(())
    }
    fn tree_piece(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.tree_piece(level, index)
    }
    fn events(&self, from: u64) -> Result<Events, StoreError> {
        self.store.events(from)
    }
    fn put_block(&mut self, key: BlockKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.room()?.put_block(key, bytes)
    }
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.block(key)
    }
    fn remove_blocks(&mut self, table: u8, run: u64) -> Result<(), StoreError> {
        self.store.remove_blocks(table, run)
    }
    fn put_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.room()?.put_blob(name, bytes)
    }
    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.blob(name)
    }
    fn sync(&mut self) -> Result<(), StoreError> {
        self.room()?.sync()
    }
}

/// Lines in memory.
struct Lines(Vec<String>, usize);

impl Input for Lines {
    fn next_line(&mut self) -> io::Result<Option<InputLine<'_>>> {
        let Some(line) = self.0.get(self.1) else { return Ok(None) };
        self.1 += 1;
        Ok(Some((u64::try_from(self.1).unwrap(), Ok(line.as_bytes()))))
    }
    fn rewind(&mut self) -> io::Result<()> {
        self.1 = 0;
        Ok(())
    }
}

/// Lines that are all good: statements and incidents, of two actors on one topic, which come first.
fn lines(count: usize) -> Vec<String> {
    let first = [
        r#"{"kind":"actor","id":"in","name":"India"}"#,
        r#"{"kind":"actor","id":"pk","name":"Pakistan"}"#,
        r#"{"kind":"topic","id":"treaty","name":"The treaty"}"#,
    ];
    let long = "x".repeat(180);
    let rest = (0..count).map(|number| {
        let (who, day) = (["in", "pk"][number % 2], number % 28 + 1);
        match number % 3 {
            0 => format!(r#"{{"kind":"incident","id":"i{number}","summary":"{long}"}}"#),
            _ => format!(
                r#"{{"kind":"statement","id":"s{number}","by":["{who}"],"topic":"treaty","stance":"rejects","when":"2025-02-{day:02}"}}"#
            ),
        }
    });
    first.into_iter().map(str::to_owned).chain(rest).collect()
}

fn in_bulk<S: Store>(log: &mut EventLog<S>, lines: &[String]) -> Result<Appended, AppendError> {
    let (options, clock) = (AppendOptions::default(), &mut Counting::default());
    log.append_lines(&mut Lines(lines.to_vec(), 0), options, &mut Files::default(), clock)
}

fn as_submissions(lines: &[String]) -> Vec<Submission> {
    (1..).zip(lines).map(|(line, text)| Submission::read(line, text.as_bytes())).collect()
}

#[track_caller]
fn verifies(store: &impl Store) {
    let report = verify_store(store, &Against::default(), &mut |_| {}).unwrap();
    assert!(report.is_ok(), "{:?}", report.findings);
}

/// The log has all that its store has, and finds all of these lines in it.
#[track_caller]
fn goes_on<S: Store>(log: &mut EventLog<S>, lines: &[String]) {
    assert_eq!(log.head(), log.store().head().unwrap());
    assert_eq!(Some(log.root()), log.root_at(log.head().size).unwrap());
    let again = in_bulk(log, lines).unwrap();
    assert_eq!((again.written(), again.already_there()), (0, lines.len() as u64));
    log.keep_snapshot(&mut |_| {}).unwrap();
    verifies(log.store());
    let clocks = Clocks::at(Instant::MAX, Zone::UTC);
    let looked_up = log.world(clocks, &mut |_| {}).unwrap();
    let from_events = log.world_from_events(clocks, &mut |_| {}).unwrap();
    assert_eq!(looked_up.entries(), from_events.entries());
}

#[test]
fn events_whose_tables_cannot_be_kept_are_appended_all_the_same() {
    for count in [300, 4700] {
        let (store, fills_up) = FullAfterwards::new();
        let mut clock = Counting::default();
        let mut log = EventLog::create(store, "example.org/desk", None, &mut clock).unwrap();
        fills_up.store(true, Ordering::SeqCst);
        let lines = lines(count);
        let appended = in_bulk(&mut log, &lines).unwrap();
        assert_eq!(appended.written(), lines.len() as u64);
        assert_eq!(log.head(), log.store().head().unwrap());
        assert_eq!(appended.head, log.head());
        // What cannot be appended now leaves the log as it is.
        let (before, next) = (log.head(), r#"{"kind":"incident","id":"next"}"#.to_owned());
        let failed = in_bulk(&mut log, std::slice::from_ref(&next));
        assert!(matches!(failed, Err(AppendError::Store(_))), "{failed:?}");
        assert_eq!((log.head(), log.store().head().unwrap()), (before, before));
        fills_up.store(false, Ordering::SeqCst);
        assert_eq!(in_bulk(&mut log, std::slice::from_ref(&next)).unwrap().written(), 1);
        goes_on(&mut log, &lines);
        let mut opened = EventLog::open(log.store().store.clone()).unwrap();
        goes_on(&mut opened, &lines);
    }
}

#[test]
fn single_events_and_those_of_the_program_are_appended_whatever_comes_of_the_names() {
    let (store, fills_up) = FullAfterwards::new();
    let mut clock = Counting::default();
    let mut log = EventLog::create(store, "example.org/desk", None, &mut clock).unwrap();
    let lines = lines(400);
    for some in as_submissions(&lines[..254]).into_iter().map(|one| vec![one]) {
        log.append(some, AppendOptions::default(), &mut Files::default(), &mut clock).unwrap();
    }
    fills_up.store(true, Ordering::SeqCst);
    let erasure = Erasure { of: Vec::new(), why: "nothing".to_owned(), by: None };
    let (seq, link) = log.append_system(&SystemEvent::Erasure(erasure), &mut clock).unwrap();
    assert_eq!((seq, log.head().link), (255, link.0));
    assert_eq!(log.head(), log.store().head().unwrap());
    fills_up.store(false, Ordering::SeqCst);
    goes_on(&mut log, &lines[..254]);
    let rest = as_submissions(&lines[254..]);
    let options = AppendOptions::default();
    let done = log.append(rest, options, &mut Files::default(), &mut clock).unwrap();
    assert_eq!(done.outcomes.len(), lines.len() - 254);
    goes_on(&mut log, &lines);
}

#[test]
fn what_was_erased_is_gone_whatever_comes_of_the_names() {
    let (store, fills_up) = FullAfterwards::new();
    let mut clock = Counting::default();
    let mut log = EventLog::create(store, "example.org/desk", None, &mut clock).unwrap();
    let lines = lines(600);
    in_bulk(&mut log, &lines).unwrap();
    let mut log = FoldedLog::of(log, &mut |_| {}).unwrap();
    fills_up.store(true, Ordering::SeqCst);
    let of = BTreeSet::from([4]);
    let erased = log.erase(&of, "asked to", None, &mut clock).unwrap();
    assert_eq!(erased.seq, 604);
    assert_eq!(log.head(), log.store().head().unwrap());
    assert_eq!(log.history().size(), 605);
    fills_up.store(false, Ordering::SeqCst);
    let mut log = log.into_log();
    // The erased event has no name any more, so it is taken in once more.
    let again = in_bulk(&mut log, &lines).unwrap();
    assert_eq!((again.written(), again.already_there()), (1, lines.len() as u64 - 1));
    goes_on(&mut log, &lines);
    let mut opened = EventLog::open(log.store().store.clone()).unwrap();
    goes_on(&mut opened, &lines);
}

/// A clock as others, and salts that end after some.
struct Ends(Counting, usize);

impl Surroundings for Ends {
    fn now(&mut self) -> Instant {
        self.0.now()
    }
    fn salt(&mut self) -> [u8; 32] {
        self.1 = self.1.checked_sub(1).expect("there is one more salt");
        self.0.salt()
    }
}

#[test]
fn a_panic_in_a_long_append_passes_on_and_the_log_goes_on() {
    for salts in [0, 2, 3] {
        let (done, wait) = channel();
        std::thread::spawn(move || {
            let lines = lines(9000);
            let (store, mut clock) = (MemoryStore::new(), Counting::default());
            let mut log = EventLog::create(store, "example.org/desk", None, &mut clock).unwrap();
            let before = log.head();
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let (options, clock) = (AppendOptions::default(), &mut Ends(clock, salts));
                let input = &mut Lines(lines.clone(), 0);
                log.append_lines(input, options, &mut Files::default(), clock).is_ok()
            }));
            assert!(panicked.is_err(), "{panicked:?}");
            assert_eq!((log.head(), log.store().head().unwrap()), (before, before));
            assert_eq!(in_bulk(&mut log, &lines).unwrap().written(), lines.len() as u64);
            goes_on(&mut log, &lines);
            done.send(()).unwrap();
        });
        let ended = wait.recv_timeout(Duration::from_mins(1));
        assert!(ended.is_ok(), "after {salts} salts: {ended:?}");
    }
}

/// A log of so many lines, with a source that is captured in the middle of it, and quoted at the end.
fn long_log(count: usize) -> EventLog<MemoryStore> {
    let mut clock = Counting::default();
    let store = MemoryStore::new();
    let mut log = EventLog::create(store, "example.org/desk", None, &mut clock).unwrap();
    let mut lines = lines(count);
    let source = r#"{"kind":"source","id":"article","file":"article.txt"}"#;
    lines.insert(count / 2, source.to_owned());
    let quoting = r#"{"kind":"incident","id":"quoting","cites":[{"source":"article","quote":"its airspace"}],"sealed":{"from":"somebody"}}"#;
    lines.push(quoting.to_owned());
    let mut files = Files(vec![("article.txt", ARTICLE.into())]);
    let options = AppendOptions::default();
    log.append_lines(&mut Lines(lines, 0), options, &mut files, &mut clock).unwrap();
    log
}

fn exported(store: &impl Store) -> Vec<u8> {
    let mut out = Vec::new();
    export(store, true, &mut out, &mut |_| {}).unwrap();
    out
}

fn verified(bytes: &[u8]) -> Report {
    verify_export(&mut Cursor::new(bytes), &Against::default(), &mut |_| {}).unwrap()
}

/// An export as it was made line by line.
fn line_by_line(log: &EventLog<MemoryStore>) -> Vec<u8> {
    let text = |part: Part| match part {
        Part::Present { salt, bytes } => Some((salt, String::from_utf8(bytes).unwrap())),
        Part::Absent => None,
    };
    let mut all = Vec::new();
    let mut write = |line: &Line| all.extend([encode(line), b"\n".to_vec()].concat());
    for event in log.store().read(0, usize::MAX).unwrap() {
        let is_source = event.header.starts_with(br#"{"kind":"source""#);
        write(&Line::Event(EventLine {
            header: String::from_utf8(event.header).unwrap(),
            payload: text(event.payload),
            sealed: event.sealed.map(text),
        }));
        if is_source {
            for part in split_source(ARTICLE.as_bytes()) {
                write(&Line::Source(part));
            }
        }
    }
    let (size, chain) = (log.head().size, Link(log.head().link));
    write(&Line::Head(HeadLine { size, chain, root: log.root() }));
    all
}

#[test]
fn a_long_export_has_the_same_bytes_and_restores_with_its_tables() {
    let log = long_log(6000);
    let bytes = exported(log.store());
    assert!(bytes.len() > 4 * 512 * 1024, "it takes several lots");
    assert_eq!(bytes, line_by_line(&log));
    let mut store = MemoryStore::new();
    let report = restore(&mut Cursor::new(&bytes), &mut store, &mut |_| {}).unwrap();
    assert!(report.is_ok());
    assert_eq!((report.events, report.sources, report.quotes), (log.head().size, 1, 1));
    assert_eq!(exported(&store), bytes);
    // Both tables are there before the log is opened.
    for of in [NAMES, STATEMENTS] {
        assert!(Table::read(&store, of).size >= log.head().size - 256);
    }
    verifies(&store);
    let again = EventLog::open(store).unwrap();
    assert_eq!((again.head(), again.root()), (log.head(), log.root()));
    again.check(&mut |_| {}).unwrap();
}

#[test]
fn what_is_wrong_with_a_long_export_is_found_as_in_a_short_one() {
    let bytes = exported(long_log(6000).store());
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    assert!(verified(&bytes).is_ok());
    for at in [0, 1, 2500, 3001, 3002, 3003, 6000, lines.len() - 2, lines.len() - 1] {
        let number = u64::try_from(at).unwrap() + 1;
        let changes = |line: &[u8]| {
            let mut changed = line.to_vec();
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
            [changed, Vec::new(), [line, line].concat()]
        };
        for changed in changes(lines[at]) {
            let altered = [lines[..at].concat(), changed, lines[at + 1..].concat()].concat();
            let report = verified(&altered);
            let found = report.findings.iter().any(|(_, finding)| {
                finding.seq.is_some() && finding.line.is_none_or(|line| line.abs_diff(number) <= 1)
            });
            assert!(found, "line {number}: {:?}", report.findings);
            let mut store = MemoryStore::new();
            let refused = restore(&mut Cursor::new(&altered), &mut store, &mut |_| {});
            assert!(matches!(refused, Err(PortableError::DoesNotVerify(_))));
            assert_eq!(store.head().unwrap(), Head::EMPTY);
        }
    }
}

#[test]
fn a_restore_that_fails_leaves_nothing_and_one_that_is_there_is_whole() {
    for count in [30, 5000] {
        let log = long_log(count);
        let bytes = exported(log.store());
        let verified = || Verified::of(&mut Cursor::new(&bytes), &mut |_| {}).unwrap();
        let restored = |step: usize| {
            let mut store = Faulty::new(MemoryStore::new(), step, Fault::Lost, false);
            let done = verified().restore(&mut Cursor::new(&bytes), &mut store, &mut |_| {});
            (store, done.is_ok())
        };
        let (all, _) = restored(usize::MAX);
        let steps = all.names.len();
        let chosen = (0..steps).filter(|step| steps < 10 || step % 13 == 0 || step + 5 > steps);
        let (mut failed, mut whole) = (0, 0);
        for step in chosen {
            let (mut store, done) = restored(step);
            if done {
                whole += 1;
            } else {
                failed += 1;
                assert_eq!(store.store.head().unwrap(), Head::EMPTY, "step {step}");
                assert!(store.store.events(0).unwrap().is_empty(), "step {step}");
                store.mend();
                verified().restore(&mut Cursor::new(&bytes), &mut store, &mut |_| {}).unwrap();
            }
            assert_eq!(store.head().unwrap(), log.head(), "step {step}");
            verifies(&store);
        }
        assert!(failed > 0 && (whole > 0 || count < 4096), "{failed} failed, {whole} whole");
    }
}

#[test]
fn an_export_that_changes_while_it_is_restored_leaves_nothing() {
    for count in [30, 5000] {
        let bytes = exported(long_log(count).store());
        let other = exported(long_log(count + 1).store());
        for changed in [&other[..], &bytes[..bytes.len() - 2], &bytes[..bytes.len() / 2], b""] {
            let verified = Verified::of(&mut Cursor::new(&bytes), &mut |_| {}).unwrap();
            let mut store = MemoryStore::new();
            let restored = verified.restore(&mut Cursor::new(changed), &mut store, &mut |_| {});
            assert!(matches!(restored, Err(PortableError::Changed)), "{restored:?}");
            assert_eq!(store.head().unwrap(), Head::EMPTY);
            assert!(store.events(0).unwrap().is_empty());
        }
    }
}
