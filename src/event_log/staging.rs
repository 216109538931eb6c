//! Events on their way into the log: they have their headers, and wait for the head to move.
//!
//! A few are held in memory and written with the head. Of many, full bundles are packed, on other threads if there are
//! any, and staged in the store as they fill up, in order; and the table of statements grows with them.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::Scope;

use super::names::Names;
use super::parallel::cores;
use super::runs::Runs;
use super::statements::{self, StatementTable, add_rows};
use super::tree::{grown_by, pieces};
use super::{OpenError, read_payload};
use crate::record::link::Link;
use crate::record::tile::Pieces;
use crate::record::tree::{Frontier, NodeHash, leaf_hash};
use crate::replay::bearing::{ROW_BYTES, Row, Rows};
use crate::store::bundle::{self, BUNDLE_EVENTS};
use crate::store::{Change, EventRef, Events, Head, Store, StoreError, StoredEvent};

/// So many events are held before bundles of them are staged, or so many bytes of them, if they fill a bundle.
const HELD_EVENTS: usize = 4096;
const HELD_BYTES: usize = 8 * 1024 * 1024;
/// The same, as a number of events of a log.
pub(super) const STAGED_EVENTS: u64 = HELD_EVENTS as u64;
/// Rows of statements in memory before they become a run.
const ROWS_HELD: usize = 1 << 18;
/// How many bundles are packed ahead of the one that is staged next, and of how many bytes of events.
const PACKS_AHEAD: usize = 64;
const PACKS_BYTES: usize = 32 * 1024 * 1024;

/// Events on their way into the log.
#[derive(Debug)]
pub(super) struct Staging {
    base: Head,
    head: Head,
    frontier: Frontier,
    /// Events that are not packed yet, and the number of the first.
    held: Events,
    held_from: u64,
    staged: bool,
    /// Pieces of the tree that are not full yet.
    open: Pieces,
    packs: VecDeque<Pack>,
    workers: Option<Workers>,
    statements: Option<Statements>,
}

/// The table of statements, and rows for it.
#[derive(Debug)]
struct Statements {
    table: Runs<StatementTable>,
    made: Vec<[u8; ROW_BYTES]>,
    /// How many events the rows are derived from.
    size: u64,
    /// Makes rows where there is no other thread.
    rows: Rows,
}

/// A bundle that is being packed.
#[derive(Debug)]
struct Pack {
    from: u64,
    events: Arc<Events>,
    packed: Reply<Packed>,
}

/// A packed bundle.
#[derive(Debug)]
struct Packed {
    bytes: Vec<u8>,
    leaves: Vec<NodeHash>,
    rows: Vec<[u8; ROW_BYTES]>,
}

impl Packed {
    /// Packs the events from number `from` on; those before number `new` are in the tree already.
    fn of(events: &Events, from: u64, new: u64, rows: &mut Rows) -> Self {
        let mut packed =
            Self { bytes: bundle::encode(events), leaves: Vec::new(), rows: Vec::new() };
        let mut made = Vec::new();
        for (seq, event) in (from..).zip(events.iter()).filter(|(seq, _)| *seq >= new) {
            packed.leaves.push(leaf_hash(event.header));
            add_rows(event, seq, rows, &mut made);
        }
        packed.rows = made.iter().map(Row::to_bytes).collect();
        packed
    }
}

impl Staging {
    /// Nothing yet, after this head.
    pub(super) fn new(head: Head, frontier: Frontier) -> Self {
        Self {
            base: head,
            head,
            frontier,
            held: Events::default(),
            held_from: head.size,
            staged: false,
            open: Pieces::new(),
            packs: VecDeque::new(),
            workers: None,
            statements: None,
        }
    }

    /// The head with what is under way.
    pub(super) const fn head(&self) -> Head {
        self.head
    }

    /// Packs bundles on these threads from now on.
    pub(super) fn use_workers(&mut self, workers: Workers) {
        self.workers = Some(workers);
    }

    /// Waits for what is being packed, and packs the rest here.
    pub(super) fn stop_workers(&mut self, store: &mut impl Store) -> Result<(), StoreError> {
        let staged = self.stage_packed(0, store);
        self.packs.clear();
        self.workers = None;
        staged
    }

    /// Takes an event that has its header, of this link.
    pub(super) fn push(
        &mut self,
        event: EventRef<'_>,
        link: Link,
        store: &mut impl Store,
    ) -> Result<(), StoreError> {
        self.held.push(event);
        self.head = Head { size: self.head.size.saturating_add(1), link: link.0 };
        let whole = usize::try_from(BUNDLE_EVENTS).unwrap_or(usize::MAX);
        let is_much = self.held.len() >= HELD_EVENTS
            || (self.held.len() >= whole && self.held.bytes_held() >= HELD_BYTES);
        if !self.staged && is_much {
            self.staged = true;
            self.statements = Statements::up_to(self.base.size, store)?;
            // The first bundle begins with what follows the last full one already.
            let tail = self.held_from % BUNDLE_EVENTS;
            if tail > 0 {
                let mut events = store.events(self.held_from.saturating_sub(tail))?;
                self.held.iter().for_each(|event| events.push(event));
                self.held = events;
                self.held_from = self.held_from.saturating_sub(tail);
            }
            // Each bundle gets room for its own events alone: those that are packed may be many.
            for event in std::mem::take(&mut self.held).iter() {
                self.held.push(event);
                if self.held.len() >= whole {
                    let full = std::mem::take(&mut self.held);
                    self.pack(full, store)?;
                }
            }
        } else if self.staged && self.held.len() >= whole {
            let full = std::mem::take(&mut self.held);
            self.pack(full, store)?;
        }
        Ok(())
    }

    fn pack(&mut self, events: Events, store: &mut impl Store) -> Result<(), StoreError> {
        let from = self.held_from;
        let new = self.base.size;
        self.held_from = from.saturating_add(BUNDLE_EVENTS);
        let events = Arc::new(events);
        let packed = match (&self.workers, &mut self.statements) {
            (Some(workers), _) => workers.pack(Arc::clone(&events), from, new),
            (None, Some(statements)) => {
                Reply::now(Packed::of(&events, from, new, &mut statements.rows))
            }
            (None, None) => {
                Reply::now(Packed::of(&events, from, new, &mut Rows::new(read_payload)))
            }
        };
        self.packs.push_back(Pack { from, events, packed });
        self.stage_packed(PACKS_AHEAD, store)
    }

    /// Stages what was packed, until only so many packs are left, of not too many bytes.
    fn stage_packed(&mut self, left: usize, store: &mut impl Store) -> Result<(), StoreError> {
        while self.packs.len() > left || self.packed_bytes() > PACKS_BYTES {
            let Some(Pack { from, events, packed }) = self.packs.pop_front() else { break };
            let Packed { bytes, leaves, rows } = packed.wait()?;
            // They are not held while they are written.
            drop(events);
            let tree = grown_by(&mut self.frontier, leaves, &mut self.open, store)?;
            store.stage(bytes, tree)?;
            if let Some(statements) = &mut self.statements {
                statements.made.extend(rows);
                statements.size = from.saturating_add(BUNDLE_EVENTS);
                statements.make_room(ROWS_HELD, store)?;
            }
        }
        Ok(())
    }

    /// How many bytes of events are being packed.
    fn packed_bytes(&self) -> usize {
        self.packs.iter().map(|pack| pack.events.bytes_held()).sum()
    }

    /// An event that is under way and not staged yet.
    pub(super) fn stored(&self, seq: u64) -> Option<StoredEvent> {
        let (from, events) = if seq >= self.held_from {
            (self.held_from, &self.held)
        } else {
            let pack = self.packs.iter().rev().find(|pack| pack.from <= seq)?;
            (pack.from, &*pack.events)
        };
        let index = usize::try_from(seq.checked_sub(from)?).ok()?;
        events.get(index).map(EventRef::to_stored)
    }

    /// Makes everything part of the log; returns its head and frontier, and the table of statements, if it has grown and
    /// is to be kept.
    pub(super) fn finish(
        mut self,
        store: &mut impl Store,
    ) -> Result<(Head, Frontier, Option<Runs<StatementTable>>), StoreError> {
        self.stage_packed(0, store)?;
        let events = self.held.to_stored();
        let in_tree = usize::try_from(self.base.size.saturating_sub(self.held_from)).unwrap_or(0);
        let last = events.get(in_tree..).unwrap_or_default();
        let leaves = last.iter().map(|event| leaf_hash(&event.header)).collect();
        let mut tree = grown_by(&mut self.frontier, leaves, &mut self.open, store)?;
        tree.extend(pieces(std::mem::take(&mut self.open)));
        let change = Change { expected: self.base, events: &events, tree: &tree, next: self.head };
        if let Some(statements) = &mut self.statements {
            statements.make_room(0, store)?;
        }
        store.append(change)?;
        Ok((self.head, self.frontier, self.statements.map(|statements| statements.table)))
    }

    /// The same of a log copied whole into a store that was empty; its tables are kept with it.
    pub(super) fn finish_copy(self, store: &mut impl Store) -> Result<(), StoreError> {
        let (head, _, statements) = self.finish(store)?;
        // The log is there from here on. Tables are derived from it again where they cannot be kept.
        let _ = statements.map_or(Ok(()), |mut table| table.keep(store));
        if let Ok(mut names) = Names::read(store, head.size) {
            let _ = names.catch_up(store, head.size, &mut |_| {});
        }
        Ok(())
    }
}

/// Lets go of what a copy wrote that failed: it is no part of a log; where it cannot be let go of now, opening the store
/// does it.
pub(super) fn abandon(store: &mut impl Store) {
    let _ = store.unstage();
    let _ = statements::remove_unkept(store, 0);
}

impl Statements {
    /// The table up to this number of events; `None` if it cannot be carried on so far.
    fn up_to(size: u64, store: &mut impl Store) -> Result<Option<Self>, StoreError> {
        let mut table = Runs::read(store, size)?;
        match statements::catch_up(&mut table, store, size, &mut |_| {}) {
            Ok(()) => {
                let rows = Rows::new(read_payload);
                Ok(Some(Self { table, made: Vec::new(), size, rows }))
            }
            Err(OpenError::Store(error)) => Err(error),
            // Events that do not fit are for verification to find.
            Err(_) => Ok(None),
        }
    }

    /// Writes the rows, if there are more.
    fn make_room(&mut self, most: usize, store: &mut impl Store) -> Result<(), StoreError> {
        if self.made.len() > most {
            let made = std::mem::take(&mut self.made);
            statements::add(&mut self.table, made, self.size, store)?;
        }
        Ok(())
    }
}

/// What another thread will hand over.
#[derive(Debug)]
pub(super) struct Reply<T>(Receiver<T>);

impl<T> Reply<T> {
    fn now(value: T) -> Self {
        let (sender, receiver) = sync_channel(1);
        let _ = sender.send(value);
        Self(receiver)
    }

    /// Waits for it.
    pub(super) fn wait(self) -> Result<T, StoreError> {
        // Its thread can only have panicked; the scope of the threads passes that on.
        let stopped = || StoreError::Panicked { message: "a thread has stopped".to_owned() };
        self.0.recv().map_err(|_| stopped())
    }
}

/// Threads that read lines and pack bundles, as many as there are cores.
#[derive(Debug, Clone)]
pub(super) struct Workers(Sender<Job>);

#[derive(Debug)]
enum Job {
    Pack { events: Arc<Events>, from: u64, new: u64, reply: SyncSender<Packed> },
    Other(Other),
    End,
}

/// Work of which the threads know nothing.
struct Other(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Other").finish_non_exhaustive()
    }
}

/// Ends the threads when it is dropped, whoever may still have work for them; also while a panic passes.
struct Ending(Workers);

impl Drop for Ending {
    fn drop(&mut self) {
        for _ in 0..cores() {
            let _ = self.0.0.send(Job::End);
        }
    }
}

impl Workers {
    /// Has them work while something is done.
    pub(super) fn during<T>(something: impl FnOnce(&Self) -> T) -> T {
        std::thread::scope(|scope| {
            let ending = Ending(Self::start(scope));
            something(&ending.0)
        })
    }

    fn start<'s>(scope: &'s Scope<'s, '_>) -> Self {
        let (sender, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..cores() {
            let jobs = Arc::clone(&jobs);
            scope.spawn(move || {
                let mut rows = Rows::new(read_payload);
                loop {
                    let next = match jobs.lock() {
                        Ok(jobs) => jobs.recv(),
                        Err(_) => break,
                    };
                    match next {
                        Ok(Job::Other(Other(work))) => work(),
                        Ok(Job::Pack { events, from, new, reply }) => {
                            drop(reply.send(Packed::of(&events, from, new, &mut rows)));
                        }
                        Ok(Job::End) | Err(_) => break,
                    }
                }
            });
        }
        Self(sender)
    }

    /// Does some work on one of them.
    pub(super) fn give<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Reply<T> {
        let (reply, receiver) = sync_channel(1);
        let work = move || drop(reply.send(work()));
        let _ = self.0.send(Job::Other(Other(Box::new(work))));
        Reply(receiver)
    }

    fn pack(&self, events: Arc<Events>, from: u64, new: u64) -> Reply<Packed> {
        let (reply, receiver) = sync_channel(1);
        let _ = self.0.send(Job::Pack { events, from, new, reply });
        Reply(receiver)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::PartRef;
    use crate::store::memory::MemoryStore;

    /// Pushes so many events of so many bytes; the most that was held in memory of them, and of those being packed.
    fn most_held(count: usize, bytes: usize) -> usize {
        let (mut store, mut most) = (MemoryStore::new(), 0);
        let mut staging = Staging::new(Head::EMPTY, Frontier::default());
        let text = vec![b'x'; bytes];
        let payload = PartRef::Present { salt: &[7; 32], bytes: &text };
        let event = EventRef { header: b"header", payload, sealed: None };
        for _ in 0..count {
            staging.push(event, Link::ZERO, &mut store).unwrap();
            most = most.max(staging.held.bytes_held() + staging.packed_bytes());
        }
        most
    }

    /// What would break: each of the first bundles would take the room of all.
    #[test]
    fn a_bundle_has_room_for_its_own_events_alone() {
        let (count, bytes) = (HELD_EVENTS + 256, 2000);
        let most = most_held(count, bytes);
        assert!(most <= 3 * count * bytes, "{most} bytes for {}", count * bytes);
    }

    /// What would break: a few thousand long events would all be held.
    #[test]
    fn of_long_events_few_are_held() {
        let (count, bytes) = (2400, 64 * 1024);
        let bundle = 256 * bytes;
        let most = most_held(count, bytes);
        assert!(most <= 2 * HELD_BYTES.max(bundle) + PACKS_BYTES, "{most} bytes");
        assert!(count * bytes > 2 * HELD_BYTES.max(bundle) + PACKS_BYTES, "more than that came");
    }
}
