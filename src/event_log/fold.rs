//! A log with everything that it holds in memory: what questions about the whole of it are asked of.

use std::ops::{Deref, DerefMut};

use super::parallel::scan;
use super::{
    AppendError, AppendOptions, Appended, DoesNotFit, EventLog, OpenError, SourceFiles, Submission,
    Surroundings, content_of, fitting_hashed, hashes, read_fitting, tree,
};
use crate::record::header::Header;
use crate::record::link::Link;
use crate::record::note::VerifierKey;
use crate::record::tile::Tiles;
use crate::record::tree::{Frontier, NodeHash, leaf_hash};
use crate::replay::{Content, History};
use crate::store::{Damage, EventRef, Events, Head, Store, StoreError};

/// A log, and its history folded from every event.
#[derive(Debug)]
pub struct FoldedLog<S> {
    log: EventLog<S>,
    history: History,
}

impl<S> Deref for FoldedLog<S> {
    type Target = EventLog<S>;

    fn deref(&self) -> &EventLog<S> {
        &self.log
    }
}

impl<S> DerefMut for FoldedLog<S> {
    fn deref_mut(&mut self) -> &mut EventLog<S> {
        &mut self.log
    }
}

impl<S: Store> FoldedLog<S> {
    /// Makes a log, as [`EventLog::create`] does.
    pub fn create(
        store: S,
        origin: &str,
        key: Option<&VerifierKey>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Self, OpenError> {
        Self::of(EventLog::create(store, origin, key, surroundings)?, &mut |_| {})
    }

    /// Opens the log in a store, and folds and checks all of it.
    pub fn open(store: S) -> Result<Self, OpenError> {
        Self::open_with(store, &mut |_| {})
    }

    /// The same; `progress` is told how many events have been folded.
    pub fn open_with(store: S, progress: &mut dyn FnMut(u64)) -> Result<Self, OpenError> {
        let head = store.head()?;
        if head.size == 0 {
            return Err(OpenError::Empty);
        }
        let history = fold(&store, head, progress)?;
        Ok(Self { log: EventLog::open(store)?, history })
    }

    /// Folds and checks all of a log.
    pub fn of(log: EventLog<S>, progress: &mut dyn FnMut(u64)) -> Result<Self, OpenError> {
        let history = fold(&log.store, log.head, progress)?;
        Ok(Self { log, history })
    }

    /// What the log holds.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The log without its history.
    pub fn into_log(self) -> EventLog<S> {
        self.log
    }

    pub(super) fn parts(&mut self) -> (&mut EventLog<S>, &mut History) {
        (&mut self.log, &mut self.history)
    }

    /// Appends events, as [`EventLog::append`] does, and folds them in.
    pub fn append(
        &mut self,
        submissions: Vec<Submission>,
        options: AppendOptions,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Appended, AppendError> {
        let appended = self.log.append(submissions, options, files, surroundings)?;
        self.catch_up();
        Ok(appended)
    }

    /// Folds in what was appended to the log since.
    pub(super) fn catch_up(&mut self) {
        let mut seq = self.history.size();
        while seq < self.log.head.size {
            // They were written a moment ago by this program, and are in the log. What cannot be read back all the same, or
            // does not fit, stands as unreadable here; whoever folds the log anew is told.
            let events = self.log.store.events(seq).unwrap_or_default();
            let read = events.iter().map(Some).chain(events.is_empty().then_some(None));
            for event in read {
                let fitting = event.and_then(|event| read_fitting(event, seq).ok());
                let unreadable = || (self.log.last_recorded, Content::Unreadable);
                let (recorded_at, content) = fitting
                    .map_or_else(unreadable, |(header, content)| (header.recorded_at, content));
                self.history.push(recorded_at, content);
                seq = seq.saturating_add(1);
            }
        }
    }
}

/// Folds all of a store's events, having checked that they fit.
fn fold(
    store: &impl Store,
    head: Head,
    progress: &mut dyn FnMut(u64),
) -> Result<History, OpenError> {
    let mut history = History::new();
    check(
        store,
        head,
        &|event, header| (header.recorded_at, content_of(event, header)),
        &mut |_, (recorded_at, content)| history.push(recorded_at, content),
        progress,
    )?;
    Ok(history)
}

/// What the check of one event hands on, in order.
struct Checked<T> {
    prev: Link,
    link: Link,
    leaf: NodeHash,
    read: T,
}

/// Checks that all of a store's events fit together and lead to its head and tree. `read` is called for each of them, on
/// any thread, and `take` in order with its number and what was read.
pub(super) fn check<T: Send>(
    store: &impl Store,
    head: Head,
    read: &(impl Fn(EventRef<'_>, &Header) -> T + Sync),
    take: &mut dyn FnMut(u64, T),
    progress: &mut dyn FnMut(u64),
) -> Result<(), OpenError> {
    let (mut at, mut frontier) = (Head::EMPTY, Frontier::default());
    let check_some = |(): &mut (), first: u64, events: Result<Events, StoreError>| {
        let events = events?;
        let mut checked = Vec::with_capacity(events.len());
        let hashes = hashes::payloads(&events).into_iter().zip(hashes::links(&events));
        for ((seq, event), (payload, link)) in (first..).zip(events.iter()).zip(hashes) {
            let header = match fitting_hashed(event, seq, payload) {
                Ok(header) => header,
                Err(wrong) => return Err(OpenError::DoesNotVerify { seq, wrong }),
            };
            checked.push(Checked {
                prev: header.prev,
                link,
                leaf: leaf_hash(event.header),
                read: read(event, &header),
            });
        }
        Ok(checked)
    };
    scan(
        store,
        (0, head.size),
        || (),
        check_some,
        |checked| {
            for Checked { prev, link, leaf, read } in checked? {
                if prev != Link(at.link) {
                    let wrong = DoesNotFit::Link { expected: Link(at.link), found: prev };
                    return Err(OpenError::DoesNotVerify { seq: at.size, wrong });
                }
                take(at.size, read);
                frontier.push(leaf);
                at = Head { size: at.size.saturating_add(1), link: link.0 };
            }
            progress(at.size);
            Ok(())
        },
    )?;
    let seq = head.size.saturating_sub(1);
    let wrong = |seq, wrong| Err(OpenError::DoesNotVerify { seq, wrong });
    if at.size != head.size {
        return Err(StoreError::Damaged { what: Damage::EventMissing(at.size) }.into());
    }
    if at.link != head.link {
        let (expected, found) = (Link(head.link), Link(at.link));
        return wrong(seq, DoesNotFit::Head { expected, found });
    }
    let stored = Frontier::read(head.size, &Tiles(&tree::StoredTree(store)));
    if stored.map_err(tree::as_store_error)? != frontier {
        return wrong(seq, DoesNotFit::Tree);
    }
    Ok(())
}
