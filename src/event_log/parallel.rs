//! A store read on every core: pieces of it are worked on by several threads, and what comes of them is taken in order.
//!
//! Worker `w` of `n` takes pieces `w`, `w + n`, `w + 2n` and so on, and hands each on through a short channel of its
//! own, so that order costs nothing and only a few pieces are ever held.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::store::bundle::BUNDLE_EVENTS;
use crate::store::{Events, Store, StoreError};

/// How many events make a piece.
const PIECE_EVENTS: u64 = 4 * BUNDLE_EVENTS;
/// How many pieces of one worker wait to be taken.
const WAITING: usize = 2;

/// How many threads there is work for.
pub(crate) fn cores() -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u64::try_from(cores).unwrap_or(1)
}

/// Reads the events from number `from` up to `to` (not included). `work` is called by several threads, each with a state
/// of its own made by `start`, with the number of the first event and the events, which are kept together or cannot be
/// read; `take` is called by this thread, in order. Returns the states.
pub(crate) fn scan<S: Store, A: Send, T: Send, E>(
    store: &S,
    (from, to): (u64, u64),
    start: impl Fn() -> A + Sync,
    work: impl Fn(&mut A, u64, Result<Events, StoreError>) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<Vec<A>, E> {
    let workers = cores().min(to.saturating_sub(from).div_ceil(PIECE_EVENTS)).max(1);
    if workers == 1 {
        let mut state = start();
        for piece in (Pieces { next: from, end: to, step: 1 }) {
            read(store, piece, |at, events| take(work(&mut state, at, events)))?;
        }
        return Ok(vec![state]);
    }
    std::thread::scope(|scope| {
        let mut receivers: Vec<Receiver<Vec<T>>> = Vec::new();
        let mut threads = Vec::new();
        for worker in 0..workers {
            let (sender, receiver): (SyncSender<Vec<T>>, _) = sync_channel(WAITING);
            receivers.push(receiver);
            let (start, work) = (&start, &work);
            let first = piece_start(from, worker);
            threads.push(scope.spawn(move || {
                let mut state = start();
                for piece in (Pieces { next: first, end: to, step: workers }) {
                    let mut done = Vec::new();
                    let _ = read(store, piece, |at, events| {
                        done.push(work(&mut state, at, events));
                        Ok::<(), ()>(())
                    });
                    // Nobody takes it any more: something else failed.
                    if sender.send(done).is_err() {
                        break;
                    }
                }
                state
            }));
        }
        let mut result = Ok(());
        'taking: for receiver in (0..receivers.len()).cycle() {
            let Some(done) = receivers.get(receiver).and_then(|receiver| receiver.recv().ok())
            else {
                break;
            };
            for one in done {
                if let Err(error) = take(one) {
                    result = Err(error);
                    break 'taking;
                }
            }
        }
        drop(receivers);
        let states = threads.into_iter().map(|thread| match thread.join() {
            Ok(state) => state,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let states = states.collect();
        result.map(|()| states)
    })
}

/// Does some work on every core, each on a share of the items; what came of it, in their order.
pub(crate) fn on_every_core<I: Sync, T: Send, E: Send>(
    items: &[I],
    work: &(impl Fn(&[I]) -> Result<Vec<T>, E> + Sync),
) -> Result<Vec<T>, E> {
    let share = items.len().div_ceil(usize::try_from(cores()).unwrap_or(1)).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            items.chunks(share).map(|items| scope.spawn(move || work(items))).collect();
        let mut all = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(done) => all.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

/// Where the piece after so many others begins; all but the first begin with a bundle.
const fn piece_start(from: u64, pieces: u64) -> u64 {
    if pieces == 0 {
        return from;
    }
    (from / PIECE_EVENTS).saturating_add(pieces).saturating_mul(PIECE_EVENTS)
}

/// Pieces as ranges of numbers; every `step`-th.
struct Pieces {
    next: u64,
    end: u64,
    step: u64,
}

impl Iterator for Pieces {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        if self.next >= self.end {
            return None;
        }
        let piece = (self.next, piece_start(self.next, 1).min(self.end));
        self.next = piece_start(self.next, self.step);
        Some(piece)
    }
}

/// Reads a piece, as much at a time as is kept together. After something that cannot be read it goes on with the next
/// bundle.
fn read<E>(
    store: &impl Store,
    (from, to): (u64, u64),
    mut each: impl FnMut(u64, Result<Events, StoreError>) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = from;
    while at < to {
        let (events, count) = match store.events_before(at, to) {
            Ok(events) => {
                let count = events.len();
                (Ok(events), u64::try_from(count).unwrap_or(u64::MAX))
            }
            Err(error) => (Err(error), next_bundle(at).min(to).saturating_sub(at)),
        };
        each(at, events)?;
        if count == 0 {
            break;
        }
        at = at.saturating_add(count);
    }
    Ok(())
}

const fn next_bundle(at: u64) -> u64 {
    (at / BUNDLE_EVENTS).saturating_add(1).saturating_mul(BUNDLE_EVENTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;
    use crate::store::{Change, Head, Part, StoredEvent};

    #[test]
    fn every_event_comes_once_and_in_order() {
        let mut store = MemoryStore::new();
        let event = |seq: u64| StoredEvent {
            header: seq.to_be_bytes().to_vec(),
            payload: Part::Absent,
            sealed: None,
        };
        let events: Vec<_> = (0..10_000).map(event).collect();
        let next = Head { size: 10_000, link: [1; 32] };
        let change = Change { expected: Head::EMPTY, events: &events, tree: &[], next };
        assert!(store.append(change).is_ok());
        for (from, to) in [(0, 10_000), (0, 1), (700, 9_000), (5, 5), (1023, 1025), (0, 2048)] {
            let mut seen = Vec::new();
            let headers = |(): &mut (), _, events: Result<Events, StoreError>| {
                let events = events.unwrap_or_default();
                events.iter().map(|event| event.header.to_vec()).collect::<Vec<_>>()
            };
            let taken = scan(
                &store,
                (from, to),
                || (),
                headers,
                |piece| {
                    seen.extend(piece);
                    Ok::<(), ()>(())
                },
            );
            assert!(taken.is_ok());
            let expected: Vec<_> = (from..to).map(|seq| seq.to_be_bytes().to_vec()).collect();
            assert_eq!(seen, expected, "{from}..{to}");
        }
    }

    #[test]
    fn whoever_takes_can_stop() {
        let mut store = MemoryStore::new();
        let event = StoredEvent { header: Vec::new(), payload: Part::Absent, sealed: None };
        let events = vec![event; 50_000];
        let next = Head { size: 50_000, link: [1; 32] };
        let change = Change { expected: Head::EMPTY, events: &events, tree: &[], next };
        assert!(store.append(change).is_ok());
        let mut left = 3;
        let stopped = scan(
            &store,
            (0, 50_000),
            || (),
            |(), at, _| at,
            |_| {
                left -= 1;
                if left == 0 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!(stopped.map(|states| states.len()), Err("enough"));
    }
}
