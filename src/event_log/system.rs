//! Appending what the program itself records: keys, erasures, time stamps. What such events say is in
//! [`crate::record::system`].

use super::names::Name;
use super::{ClockError, EventLog, Surroundings, WentBack, system_kind};
use crate::model::calendar::Instant;
use crate::model::value::Value;
use crate::record::commitment::{Salt, commit_payload};
use crate::record::header::Header;
use crate::record::json;
use crate::record::link::Link;
use crate::record::system::SystemEvent;
use crate::record::tree::Frontier;
use crate::store::{Change, Head, Part, Store, StoreError, StoredEvent, TreePiece};

/// An event that is ready to be written, and all that goes with it.
pub(super) struct Prepared {
    pub(super) event: StoredEvent,
    pub(super) payload: Vec<u8>,
    pub(super) recorded_at: Instant,
    pub(super) next: Head,
    pub(super) frontier: Frontier,
    pub(super) tree: Vec<TreePiece>,
}

/// What the program itself records was not appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The store cannot be read or written. If it failed while the head moved, opening the log again shows whether it did.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The time cannot be recorded.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// What the program itself recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// The number of the event.
    pub seq: u64,
    /// Its link.
    pub link: Link,
    /// The time that the clock gave, and the later one that was recorded, if the clock had gone back.
    pub clock_went_back: Option<WentBack>,
}

impl<S: Store> EventLog<S> {
    /// Appends what the program itself records. It returns once that is durable; an error of the store says that it may
    /// not be.
    pub fn append_system(
        &mut self,
        event: &SystemEvent,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Recorded, RecordError> {
        let (recorded_at, clock_went_back) = self.next_time(surroundings)?;
        let salt = Salt(surroundings.salt());
        let (seq, link) = self.append_system_at(event, recorded_at, salt)?;
        Ok(Recorded { seq, link, clock_went_back })
    }

    /// The same, at a time that does not go back.
    pub(super) fn append_system_at(
        &mut self,
        event: &SystemEvent,
        recorded_at: Instant,
        salt: Salt,
    ) -> Result<(u64, Link), StoreError> {
        self.settle()?;
        let prepared = self.prepare(event, recorded_at, salt)?;
        let events = std::slice::from_ref(&prepared.event);
        let Prepared { tree, next, .. } = &prepared;
        self.store.append(Change { expected: self.head, events, tree, next: *next })?;
        Ok(self.take_prepared(event.kind(), prepared))
    }

    /// Makes the event, and all that must be written with it.
    pub(super) fn prepare(
        &self,
        event: &SystemEvent,
        recorded_at: Instant,
        salt: Salt,
    ) -> Result<Prepared, StoreError> {
        let payload = json::canonical(&Value::Object(event.to_payload()));
        let header = Header {
            kind: event.kind().to_owned(),
            log: self.origin.clone(),
            payload: commit_payload(&salt, &payload),
            sealed: None,
            prev: Link(self.head.link),
            recorded_at,
            seq: self.head.size,
        };
        let header = header.to_bytes();
        let next = Head { size: self.head.size + 1, link: Link::of(&header).0 };
        let part = Part::Present { salt: salt.0, bytes: payload.clone() };
        let event = StoredEvent { header, payload: part, sealed: None };
        let mut frontier = self.frontier.clone();
        let tree = super::tree::grown(&mut frontier, std::slice::from_ref(&event), &self.store)?;
        Ok(Prepared { event, payload, recorded_at, next, frontier, tree })
    }

    /// Goes on from what was written.
    pub(super) fn take_prepared(&mut self, kind: &str, prepared: Prepared) -> (u64, Link) {
        let seq = self.head.size;
        self.take_system(seq, kind, &prepared.payload);
        self.last_recorded = prepared.recorded_at;
        self.frontier = prepared.frontier;
        self.head = prepared.next;
        if let Some(kind) = system_kind(kind) {
            self.names.push(Name::Kind(kind).key(), seq);
        }
        self.keep_names();
        (seq, Link(prepared.next.link))
    }
}
