//! What is durable stays so, whatever comes of the tables.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use demarche::event_log::report::Against;
use demarche::event_log::verify::verify_store;
use demarche::event_log::{
    AppendError, AppendOptions, Appended, EventLog, FoldedLog, Input, InputLine, Submission,
};
use demarche::model::calendar::{Instant, Zone};
use demarche::record::system::{Erasure, SystemEvent};
use demarche::replay::Clocks;
use demarche::store::memory::MemoryStore;
use demarche::store::{BlockKey, Change, Events, Head, Removal, Store, StoreError, TreePiece};

use crate::support::{Counting, Files};

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
