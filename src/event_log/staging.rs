//! Events on their way into the log: they have their headers, and wait for the head to move.
//!
//! A few are held in memory and written with the head. Of many, full bundles are packed, on other threads if there are
//! any, and staged in the store as they fill up, in order.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::Scope;

use super::parallel::cores;
use super::prepare::{Lines, Prepared};
use super::tree::{grown_by, pieces};
use crate::record::link::Link;
use crate::record::tile::Pieces;
use crate::record::tree::{Frontier, NodeHash, leaf_hash};
use crate::store::bundle::{self, BUNDLE_EVENTS};
use crate::store::{Change, EventRef, Events, Head, Store, StoreError, StoredEvent};

/// So many events are held before bundles of them are staged.
const HELD_EVENTS: usize = 4096;
/// How many bundles are packed ahead of the one that is staged next.
const PACKS_AHEAD: usize = 16;

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
}

impl Packed {
    /// Packs a bundle; of its first events, so many are in the tree already.
    fn of(events: &Events, in_tree: usize) -> Self {
        let leaves = events.iter().skip(in_tree).map(|event| leaf_hash(event.header)).collect();
        Self { bytes: bundle::encode(events), leaves }
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
        if !self.staged && self.held.len() >= HELD_EVENTS {
            self.staged = true;
            // The first bundle begins with what follows the last full one already.
            let tail = self.held_from % BUNDLE_EVENTS;
            if tail > 0 {
                let mut events = store.events(self.held_from.saturating_sub(tail))?;
                self.held.iter().for_each(|event| events.push(event));
                self.held = events;
                self.held_from = self.held_from.saturating_sub(tail);
            }
            while self.held.len() >= whole {
                let rest = self.held.without_first(whole);
                self.held.truncate(whole);
                let full = std::mem::replace(&mut self.held, rest);
                self.pack(full, store)?;
            }
        } else if self.staged && self.held.len() >= whole {
            let full = std::mem::take(&mut self.held);
            self.pack(full, store)?;
        }
        Ok(())
    }

    fn pack(&mut self, events: Events, store: &mut impl Store) -> Result<(), StoreError> {
        let from = self.held_from;
        let in_tree = usize::try_from(self.base.size.saturating_sub(from)).unwrap_or(0);
        let in_tree = in_tree.min(events.len());
        self.held_from = from.saturating_add(BUNDLE_EVENTS);
        let events = Arc::new(events);
        let packed = match &self.workers {
            Some(workers) => workers.pack(Arc::clone(&events), in_tree),
            None => Reply::now(Packed::of(&events, in_tree)),
        };
        self.packs.push_back(Pack { from, events, packed });
        self.stage_packed(PACKS_AHEAD, store)
    }

    /// Stages what was packed, until only so many packs are left.
    fn stage_packed(&mut self, left: usize, store: &mut impl Store) -> Result<(), StoreError> {
        while self.packs.len() > left {
            let Some(pack) = self.packs.pop_front() else { break };
            let Packed { bytes, leaves } = pack.packed.wait()?;
            let tree = grown_by(&mut self.frontier, leaves, &mut self.open, store)?;
            store.stage(bytes, tree)?;
        }
        Ok(())
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

    /// Makes everything part of the log; returns its head and frontier.
    pub(super) fn finish(mut self, store: &mut impl Store) -> Result<(Head, Frontier), StoreError> {
        self.stage_packed(0, store)?;
        let events = self.held.to_stored();
        let in_tree = usize::try_from(self.base.size.saturating_sub(self.held_from)).unwrap_or(0);
        let last = events.get(in_tree..).unwrap_or_default();
        let leaves = last.iter().map(|event| leaf_hash(&event.header)).collect();
        let mut tree = grown_by(&mut self.frontier, leaves, &mut self.open, store)?;
        tree.extend(pieces(std::mem::take(&mut self.open)));
        let change = Change { expected: self.base, events: &events, tree: &tree, next: self.head };
        store.append(change)?;
        Ok((self.head, self.frontier))
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

/// Threads that make lines ready and pack bundles, as many as there are cores. They end when nobody has work for them.
#[derive(Debug, Clone)]
pub(super) struct Workers(Sender<Job>);

#[derive(Debug)]
enum Job {
    Prepare(Lines, SyncSender<Prepared>),
    Pack(Arc<Events>, usize, SyncSender<Packed>),
}

impl Workers {
    /// Starts them.
    pub(super) fn start<'s>(scope: &'s Scope<'s, '_>) -> Self {
        let (sender, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..cores() {
            let jobs = Arc::clone(&jobs);
            scope.spawn(move || {
                loop {
                    let next = match jobs.lock() {
                        Ok(jobs) => jobs.recv(),
                        Err(_) => break,
                    };
                    match next {
                        Ok(Job::Prepare(lines, reply)) => drop(reply.send(Prepared::of(lines))),
                        Ok(Job::Pack(events, in_tree, reply)) => {
                            drop(reply.send(Packed::of(&events, in_tree)));
                        }
                        Err(_) => break,
                    }
                }
            });
        }
        Self(sender)
    }

    /// Makes lines ready.
    pub(super) fn prepare(&self, lines: Lines) -> Reply<Prepared> {
        let (reply, receiver) = sync_channel(1);
        let _ = self.0.send(Job::Prepare(lines, reply));
        Reply(receiver)
    }

    fn pack(&self, events: Arc<Events>, in_tree: usize) -> Reply<Packed> {
        let (reply, receiver) = sync_channel(1);
        let _ = self.0.send(Job::Pack(events, in_tree, reply));
        Reply(receiver)
    }
}
