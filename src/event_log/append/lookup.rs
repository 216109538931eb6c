//! What an append knows of the log and of its own events before the head moves.

use std::collections::BTreeSet;

use super::Appending;
use crate::event_log::gates::{Knows, Spelling, leads_to, spellings_of};
use crate::event_log::names::{Name, is_listed};
use crate::event_log::read_payload;
use crate::model::event::{Body, Event};
use crate::model::id;
use crate::model::limits::SIMILAR_SEARCHES_MAX;
use crate::model::schema::{KINDS, Kind, Target};
use crate::record::header::Header;
use crate::replay::Content;
use crate::store::{Part, Store, StoreError, StoredEvent};

/// So many kinds of events by id are remembered.
const KINDS_REMEMBERED: usize = 1 << 16;
/// In logs of at most so many events every id is looked at for one that was meant; in longer ones those of the kinds of
/// which there are few.
const SEARCHED_EVENTS_MAX: u64 = 1 << 16;

impl<S: Store> Appending<'_, S> {
    /// The stored bytes of an event, whether of the log or of this append.
    pub(super) fn stored(&mut self, seq: u64) -> Result<Option<StoredEvent>, StoreError> {
        match self.staging.stored(seq) {
            Some(event) => Ok(Some(event)),
            None if seq < self.staging.head().size => self.at_hand.stored(seq, &self.log.store),
            None => Ok(None),
        }
    }

    /// The numbers of a measure's steps, up to the first that will do.
    pub(super) fn step_seqs(
        &mut self,
        measure: &str,
        will_do: &dyn Fn(u64) -> bool,
    ) -> Result<Vec<u64>, StoreError> {
        let mut steps = Vec::new();
        for seq in self.log.names.find(Name::Measure(measure).key(), &self.log.store)? {
            if self.event(seq)?.is_some_and(|event| is_step_of(&event, measure)) {
                steps.push(seq);
                if will_do(seq) {
                    break;
                }
            }
        }
        Ok(steps)
    }
}

impl<S: Store> Knows for Appending<'_, S> {
    fn seq_of(&mut self, id: &str) -> Result<Option<u64>, StoreError> {
        if let Some(seq) = id::seq_of(id) {
            return Ok((seq < self.staging.head().size).then_some(seq));
        }
        for seq in self.log.names.find(Name::Id(id).key(), &self.log.store)? {
            if self.event(seq)?.is_some_and(|event| event.id.as_deref() == Some(id)) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    fn event(&mut self, seq: u64) -> Result<Option<Event>, StoreError> {
        Ok(self.stored(seq)?.and_then(|stored| event_of(&stored)))
    }

    fn kind_of(&mut self, id: &str) -> Result<Option<Kind>, StoreError> {
        if let Some(kind) = self.log.kinds.get(id) {
            return Ok(Some(*kind));
        }
        let event = match self.seq_of(id)? {
            Some(seq) => self.event(seq)?,
            None => None,
        };
        let kind = event.map(|event| event.kind());
        if let Some(kind) = kind {
            if self.log.kinds.len() >= KINDS_REMEMBERED {
                self.log.kinds.clear();
            }
            self.log.kinds.insert(id.to_owned(), kind);
        }
        Ok(kind)
    }

    fn has_measure(&mut self, id: &str) -> Result<bool, StoreError> {
        Ok(!self.step_seqs(id, &|_| true)?.is_empty())
    }

    fn steps_of(&mut self, measure: &str) -> Result<Vec<String>, StoreError> {
        let mut steps = Vec::new();
        for seq in self.step_seqs(measure, &|_| false)? {
            let own = self.event(seq)?.and_then(|event| event.id);
            steps.push(own.unwrap_or_else(|| id::of_seq(seq)));
        }
        Ok(steps)
    }

    fn is_refused(&self, id: &str) -> bool {
        self.refused_ids.contains(id)
    }

    fn spellings(&mut self, target: Target) -> Result<Vec<Spelling>, StoreError> {
        if self.searches == SIMILAR_SEARCHES_MAX {
            return Ok(Vec::new());
        }
        self.searches = self.searches.saturating_add(1);
        let mut seqs = BTreeSet::new();
        if self.staging.head().size <= SEARCHED_EVENTS_MAX {
            seqs.extend(0..self.staging.head().size);
        } else {
            for kind in KINDS.iter().map(|spec| spec.kind).filter(|kind| is_listed(*kind)) {
                seqs.extend(self.log.names.find(Name::Kind(kind).key(), &self.log.store)?);
            }
        }
        let (mut measures, mut spellings) = (BTreeSet::new(), Vec::new());
        for seq in seqs {
            let Some(event) = self.event(seq)? else { continue };
            if let Body::Measure(step) = &event.body {
                measures.insert(step.measure.clone());
            }
            if leads_to(event.kind(), target) {
                spellings_of(&event, &mut spellings);
            }
        }
        spellings.sort_by(|(_, a, _), (_, b, _)| a.cmp(b));
        if matches!(target, Target::Measure | Target::EventOrMeasure) {
            let ids = measures.into_iter().map(|id| (id.clone(), id, None));
            spellings = ids.chain(spellings).collect();
        }
        Ok(spellings)
    }
}

fn is_step_of(event: &Event, measure: &str) -> bool {
    matches!(&event.body, Body::Measure(step) if step.measure == measure)
}

/// What a stored event says, if it can be read.
pub(in crate::event_log) fn event_of(stored: &StoredEvent) -> Option<Event> {
    let header = Header::from_bytes(&stored.header).ok()?;
    match read_payload(open_bytes(&stored.payload)?, &header.kind) {
        Content::Readable(event) => Some(*event),
        _ => None,
    }
}

pub(super) fn open_bytes(part: &Part) -> Option<&[u8]> {
    match part {
        Part::Present { bytes, .. } => Some(bytes),
        Part::Absent => None,
    }
}
