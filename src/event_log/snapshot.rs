//! Snapshots: what the log meant when it had so many events, kept beside them and checked by `verify`.
//!
//! A snapshot is the projections of [`crate::replay::snapshot`], stamped with the size and link of the log and with the
//! version of the rules. One is kept, the newest. It may hold words of the events, so an erasure takes it away.
//! It is derived: a reader must not believe it before it was compared with a fresh replay, which `verify` makes.

use super::finding::Wrong;
use super::{EventLog, READ_EVENTS, read_payload};
use crate::model::value::{Object, Value};
use crate::record::header::Header;
use crate::record::json;
use crate::record::link::Link;
use crate::replay::snapshot::{REDUCER_VERSION, projections};
use crate::replay::{Content, History};
use crate::store::{Change, Part, Store, StoreError, StoredEvent};

/// The name of the blob that says which place the newest snapshot lies in. It is one chunk, so it changes at once.
const CURRENT: &str = "snapshot";
/// The places. The one that is not current is written over, so that a crash leaves the current one whole.
const PLACES: [&str; 2] = ["snapshot/a", "snapshot/b"];

/// The place of the newest snapshot, if there is one.
fn current(store: &impl Store) -> Result<Option<&'static str>, StoreError> {
    let name = store.blob(CURRENT)?;
    Ok(PLACES.into_iter().find(|place| name.as_deref() == Some(place.as_bytes())))
}

/// A snapshot that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// How many events the log had.
    pub size: u64,
    /// The link of the last of them.
    pub link: Link,
    /// The version of the rules.
    pub reducer: i64,
    /// Its bytes, canonical JSON.
    pub bytes: Vec<u8>,
}

impl Snapshot {
    /// What a history means, of which the last event has this link.
    fn of(history: &History, link: Link) -> Self {
        let size = history.size();
        let mut stamped = Object::new();
        stamped.insert("link".into(), Value::Text(link.to_string().into()));
        stamped.insert("projections".into(), Value::Object(projections(history)));
        stamped.insert("reducer".into(), Value::Integer(REDUCER_VERSION));
        stamped.insert("size".into(), Value::Integer(i64::try_from(size).unwrap_or(i64::MAX)));
        let bytes = json::canonical(&Value::Object(stamped));
        Self { size, link, reducer: REDUCER_VERSION, bytes }
    }

    /// Reads the stamp of a snapshot; what it says is compared, not believed.
    fn read(bytes: Vec<u8>) -> Option<Self> {
        let stamp = match json::parse_canonical(&bytes) {
            Ok(Value::Object(stamped)) => {
                match (stamped.get("size"), stamped.get("link"), stamped.get("reducer")) {
                    (
                        Some(Value::Integer(size)),
                        Some(Value::Text(link)),
                        Some(Value::Integer(reducer)),
                    ) => Some((u64::try_from(*size).ok()?, Link::from_hex(link)?, *reducer)),
                    _ => None,
                }
            }
            _ => None,
        };
        stamp.map(|(size, link, reducer)| Self { size, link, reducer, bytes })
    }
}

impl<S: Store> EventLog<S> {
    /// What the log means as it stands.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.history, Link(self.head.link))
    }

    /// Keeps a snapshot of the log as it stands, in place of the one before.
    pub fn keep_snapshot(&mut self) -> Result<Snapshot, StoreError> {
        let snapshot = self.snapshot();
        let [first, second] = PLACES;
        let place = if current(&self.store)? == Some(first) { second } else { first };
        self.store.put_blob(place, &snapshot.bytes)?;
        self.store.put_blob(CURRENT, place.as_bytes())?;
        // What was put is durable with the next append, of nothing.
        let head = self.head;
        self.store.append(Change { expected: head, events: &[], tree: &[], next: head })?;
        Ok(snapshot)
    }
}

/// What came of comparing a snapshot.
#[derive(Debug)]
pub(super) enum Compared {
    /// There is none, or it was made by other rules, so there is nothing to compare with.
    Nothing {
        /// The version of those other rules.
        other_reducer: Option<i64>,
    },
    /// It is what a fresh replay gives.
    Same(u64),
    /// It is not.
    Wrong(Wrong),
}

/// Compares the kept snapshot with a fresh replay of the stored events.
pub(super) fn compare(store: &impl Store, size: u64) -> Result<Compared, StoreError> {
    let Some(place) = current(store)? else {
        let wrong = Compared::Wrong(Wrong::SnapshotUnreadable);
        let nothing = Compared::Nothing { other_reducer: None };
        return Ok(if store.blob(CURRENT)?.is_some() { wrong } else { nothing });
    };
    let Some(kept) = store.blob(place)?.and_then(Snapshot::read) else {
        return Ok(Compared::Wrong(Wrong::SnapshotUnreadable));
    };
    if kept.reducer != REDUCER_VERSION {
        return Ok(Compared::Nothing { other_reducer: Some(kept.reducer) });
    }
    if kept.size == 0 || kept.size > size {
        return Ok(Compared::Wrong(Wrong::SnapshotDiffers { size: kept.size }));
    }
    let mut history = History::new();
    let mut link = Link::ZERO;
    while history.size() < kept.size {
        let left = usize::try_from(kept.size - history.size()).unwrap_or(READ_EVENTS);
        let events = store.read(history.size(), left.min(READ_EVENTS))?;
        if events.is_empty() {
            break;
        }
        for event in &events {
            link = Link::of(&event.header);
            fold(event, &mut history);
        }
    }
    let fresh = Snapshot::of(&history, link);
    if fresh == kept {
        return Ok(Compared::Same(kept.size));
    }
    Ok(Compared::Wrong(Wrong::SnapshotDiffers { size: kept.size }))
}

fn fold(event: &StoredEvent, history: &mut History) {
    // What cannot be read has its own finding; here it only must not be counted as something else.
    let Ok(header) = Header::from_bytes(&event.header) else {
        return history.push(crate::model::calendar::Instant::MIN, Content::Unreadable);
    };
    let content = match &event.payload {
        Part::Absent => Content::Absent,
        Part::Present { bytes, .. } => read_payload(bytes, &header.kind),
    };
    history.push(header.recorded_at, content);
}
