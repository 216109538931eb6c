//! Erasure: the content of events is taken away, and an event says so.
//!
//! Erasing leaves the header, so chain, tree and every proof made before stay valid; payload, sealed part, salts and
//! captured bytes that no other event names are gone from the store ([`crate::store::Store::remove`]); so are the tables
//! beside the events, which hold hashes of what can be guessed, and are derived anew. It reaches
//! neither copies elsewhere nor what other events quote of the erased one. `tests/it/erasure.rs` looks for the bytes.

use std::collections::BTreeSet;

use super::sources::blob_name;
use super::system::Prepared;
use super::{ClockError, FoldedLog, Surroundings, WentBack};
use crate::model::event::{Body, Event, RetractedBy, Source};
use crate::model::limits::PAYLOAD_BYTES_MAX;
use crate::model::schema::with_article;
use crate::record::commitment::Salt;
use crate::record::header::Header;
use crate::record::link::Link;
use crate::record::system::{Erasure, SystemEvent};
use crate::replay::{Content, Entry};
use crate::store::{Change, Removal, Store, StoreError};

/// Events cannot be erased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The time cannot be recorded.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// There is no such event.
    #[error("there is no event {0}")]
    NoSuchEvent(u64),
    /// Nothing was named.
    #[error("no event is named")]
    Nothing,
    /// The program made it, and what it says of keys, erasures and time must stay.
    #[error("event {seq} is {}, which the log itself needs", with_article(kind))]
    System {
        /// The event.
        seq: u64,
        /// The name of its kind.
        kind: &'static str,
    },
    /// It takes back, or corrects, an event that would stand again as it was first reported.
    #[error(
        "event {seq} is {} of event {of}, which would stand again as if there had been none",
        with_article(kind)
    )]
    Restores {
        /// The event.
        seq: u64,
        /// The name of its kind.
        kind: &'static str,
        /// What it takes back or corrects.
        of: u64,
    },
    /// An event cannot be read, so what it names, and must be kept, is not known.
    #[error("event {0} cannot be read by this version, so what it needs cannot be kept")]
    Unreadable(u64),
    /// The erasure itself would be too long.
    #[error("the erasure would have {found} bytes, an event has at most {PAYLOAD_BYTES_MAX}")]
    TooLong {
        /// How many it would have.
        found: usize,
    },
    /// Its content is gone already.
    #[error("the content of event {0} is not there: it was erased already")]
    Absent(u64),
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The number of the erasure.
    pub seq: u64,
    /// Its link.
    pub link: Link,
    /// How many captured documents went with the events.
    pub sources: u64,
    /// The events that still quote an erased source.
    pub quoted_by: BTreeSet<u64>,
    /// The time that the clock gave, and the later one that was recorded, if the clock had gone back.
    pub clock_went_back: Option<WentBack>,
}

impl<S: Store> FoldedLog<S> {
    /// Takes away the content of events, and appends the erasure that says so.
    pub fn erase(
        &mut self,
        of: &BTreeSet<u64>,
        why: &str,
        by: Option<&str>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Erased, EraseError> {
        if of.is_empty() {
            return Err(EraseError::Nothing);
        }
        for seq in of {
            let entry = self.history().entry(*seq).ok_or(EraseError::NoSuchEvent(*seq))?;
            match &entry.content {
                Content::Absent => return Err(EraseError::Absent(*seq)),
                Content::Readable(event) if matches!(event.body, Body::System(_)) => {
                    return Err(EraseError::System { seq: *seq, kind: event.kind().name() });
                }
                // What cannot be read is known by its header alone.
                Content::Unreadable => self.is_no_system_event(*seq)?,
                Content::Readable(event) => {
                    if let Some(restored) = self.restored_without(*seq, event, of) {
                        let kind = event.kind().name();
                        return Err(EraseError::Restores { seq: *seq, kind, of: restored });
                    }
                }
            }
        }
        self.can_read_sources_but(of)?;
        let kept_blobs = self.blobs_of(|seq| !of.contains(&seq));
        let of_erased = self.blobs_of(|seq| of.contains(&seq));
        let sources = of_erased.difference(&kept_blobs).count();
        let sources = u64::try_from(sources).unwrap_or(u64::MAX);
        let quoted_by = self.quoted_by(of);
        let erasure = SystemEvent::Erasure(Erasure {
            of: of.iter().copied().collect(),
            why: why.to_owned(),
            by: by.map(str::to_owned),
        });
        self.parts().0.settle()?;
        let (recorded_at, clock_went_back) = self.next_time(surroundings)?;
        let prepared = self.prepare(&erasure, recorded_at, Salt(surroundings.salt()))?;
        if prepared.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(EraseError::TooLong { found: prepared.payload.len() });
        }
        let events = std::slice::from_ref(&prepared.event);
        let Prepared { tree, next, .. } = &prepared;
        let change = Change { expected: self.head, events, tree, next: *next };
        let (log, history) = self.parts();
        log.store.remove(Removal { parts_of: of, kept_blobs: &kept_blobs }, change)?;
        history.forget(of);
        // What was derived from the events went with them. It is derived anew; where that fails now, before it is needed.
        log.unsettled = true;
        let (seq, link) = log.take_prepared(erasure.kind(), prepared);
        let _ = log.settle();
        self.catch_up();
        Ok(Erased { seq, link, sources, quoted_by, clock_went_back })
    }

    /// What a source names that cannot be read would be lost.
    fn can_read_sources_but(&self, of: &BTreeSet<u64>) -> Result<(), EraseError> {
        for entry in self.history().entries().iter().filter(|entry| !of.contains(&entry.seq)) {
            if entry.content != Content::Unreadable {
                continue;
            }
            let stored = self.stored(entry.seq)?.ok_or(EraseError::NoSuchEvent(entry.seq))?;
            let header = Header::from_bytes(&stored.header).ok();
            if header.is_none_or(|header| header.kind == "source") {
                return Err(EraseError::Unreadable(entry.seq));
            }
        }
        Ok(())
    }

    fn is_no_system_event(&self, seq: u64) -> Result<(), EraseError> {
        let stored = self.stored(seq)?.ok_or(EraseError::NoSuchEvent(seq))?;
        let header = Header::from_bytes(&stored.header).ok();
        match header.and_then(|header| super::system_kind(&header.kind)) {
            Some(kind) => Err(EraseError::System { seq, kind: kind.name() }),
            None => Ok(()),
        }
    }

    /// The event that a correction or retraction changes, if nothing else will once these are gone: neither is it among
    /// them, nor does a later event do the same.
    fn restored_without(&self, seq: u64, event: &Event, of: &BTreeSet<u64>) -> Option<u64> {
        // What came later under the same id is another event.
        let changed = self.history().seq_of(changes(event)?.0).filter(|of| *of < seq)?;
        // What was erased comes back no more.
        if of.contains(&changed) || self.history().entry(changed)?.event().is_none() {
            return None;
        }
        let stays = |entry: &Entry| !of.contains(&entry.seq);
        let taken_back = |seq: u64| {
            let later = |entry: &&Entry| stays(entry) && entry.seq > seq;
            let mut entries = self.history().entries().iter().filter(later);
            entries.any(|entry| match entry.event().map(|event| &event.body) {
                Some(Body::Retraction(retraction)) => {
                    self.history().seq_of(&retraction.of) == Some(seq)
                }
                _ => false,
            })
        };
        let mut later = self.history().entries().iter().filter(|entry| entry.seq > seq);
        let again = later.any(|entry| {
            let same =
                |other: &Event| other.kind() == event.kind() && changes(other) == changes(event);
            stays(entry) && entry.event().is_some_and(same) && !taken_back(entry.seq)
        });
        (!again && !taken_back(seq)).then_some(changed)
    }

    /// The names of the captured bytes that chosen events name.
    fn blobs_of(&self, chosen: impl Fn(u64) -> bool) -> BTreeSet<String> {
        let entries = self.history().entries().iter().filter(|entry| chosen(entry.seq));
        let sources = entries.filter_map(|entry| match &entry.event()?.body {
            Body::Source(source) => Some(source),
            _ => None,
        });
        sources.flat_map(Source::hashes).map(blob_name).collect()
    }

    /// The other events that quote one of these.
    fn quoted_by(&self, of: &BTreeSet<u64>) -> BTreeSet<u64> {
        let ids: BTreeSet<String> = of.iter().map(|seq| self.history().id_of(*seq)).collect();
        let entries = self.history().entries().iter().filter(|entry| !of.contains(&entry.seq));
        let quoting = entries.filter(|entry| {
            let cites = entry.event().map(|event| event.cites.as_slice()).unwrap_or_default();
            cites.iter().any(|cite| cite.quote.is_some() && ids.contains(&cite.source))
        });
        quoting.map(|entry| entry.seq).collect()
    }
}

/// What a correction or retraction changes: an event, and its field, or on whose word it is taken back.
fn changes(event: &Event) -> Option<(&str, Option<&str>, Option<&RetractedBy>)> {
    match &event.body {
        Body::Correction(correction) => Some((&correction.of, Some(&correction.field), None)),
        Body::Retraction(retraction) => Some((&retraction.of, None, Some(&retraction.by))),
        _ => None,
    }
}
