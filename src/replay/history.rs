//! The fold: events as they were recorded, in log order; all of a log, or those of it that bear on an answer.

use std::collections::{BTreeMap, BTreeSet};

use super::view::LeftOut;
use crate::model::calendar::Instant;
use crate::model::event::{Body, Event};
use crate::model::id;

/// What the log holds, as read so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// In log order; where events were passed over, their numbers are missing.
    entries: Vec<Entry>,
    size: u64,
    passed_over: LeftOut,
    by_id: BTreeMap<String, u64>,
    /// Events that name each measure, so that a measure is known by its id.
    measures: BTreeMap<String, Vec<u64>>,
}

/// One recorded event.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number in the log.
    pub seq: u64,
    /// When the log took it in.
    pub recorded_at: Instant,
    /// What it says.
    pub content: Content,
}

/// What a recorded event says, where that can still be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// It can be read.
    Readable(Box<Event>),
    /// It was erased, or is withheld from this copy of the log.
    Absent,
    /// Its bytes are there, but this version cannot read them.
    Unreadable,
}

impl Entry {
    /// The event, if it can be read.
    pub fn event(&self) -> Option<&Event> {
        self.content.event()
    }
}

impl Content {
    /// The event, if it can be read.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Readable(event) => Some(event),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

impl History {
    /// A history of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events the log has, as far as it was read; the number of the next one.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Folds the next event in.
    pub fn push(&mut self, recorded_at: Instant, content: Content) {
        let seq = self.size;
        if let Content::Readable(event) = &content {
            if let Some(id) = &event.id {
                self.by_id.entry(id.clone()).or_insert(seq);
            }
            if let Body::Measure(step) = &event.body {
                self.measures.entry(step.measure.clone()).or_default().push(seq);
            }
        }
        self.entries.push(Entry { seq, recorded_at, content });
        self.size = seq.saturating_add(1);
    }

    /// Passes over the events up to this number: they were looked at, and are not held.
    pub fn pass_over(&mut self, up_to: u64) {
        self.size = self.size.max(up_to);
    }

    /// Of the events that were passed over, those that count as left out under the clocks that they were looked at by.
    pub fn count_passed_over(&mut self, left_out: LeftOut) {
        self.passed_over = left_out;
    }

    /// What was last given to [`History::count_passed_over`].
    pub const fn passed_over(&self) -> LeftOut {
        self.passed_over
    }

    /// Forgets every event from number `size` on.
    pub fn truncate(&mut self, size: u64) {
        self.entries.truncate(self.entries.partition_point(|entry| entry.seq < size));
        self.size = self.size.min(size);
        self.by_id.retain(|_, seq| *seq < size);
        for steps in self.measures.values_mut() {
            steps.retain(|seq| *seq < size);
        }
        self.measures.retain(|_, steps| !steps.is_empty());
    }

    /// Takes away what these events say: they were erased.
    pub fn forget(&mut self, of: &BTreeSet<u64>) {
        for entry in self.entries.iter_mut().filter(|entry| of.contains(&entry.seq)) {
            entry.content = Content::Absent;
        }
        self.by_id.retain(|_, seq| !of.contains(seq));
        for steps in self.measures.values_mut() {
            steps.retain(|seq| !of.contains(seq));
        }
        self.measures.retain(|_, steps| !steps.is_empty());
    }

    /// Every event that it holds, in log order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The same, taken out of it.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The event of this number, if it is held.
    pub fn entry(&self, seq: u64) -> Option<&Entry> {
        // Where nothing was passed over, an event stands at its number.
        let straight = self.entries.get(usize::try_from(seq).ok()?);
        straight.filter(|entry| entry.seq == seq).or_else(|| {
            let at = self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()?;
            self.entries.get(at)
        })
    }

    /// The number of the event with this id (or of the form `@17`), if it is held.
    pub fn seq_of(&self, id: &str) -> Option<u64> {
        match id::seq_of(id) {
            Some(seq) => self.entry(seq).map(|entry| entry.seq),
            None => self.by_id.get(id).copied(),
        }
    }

    /// The id by which an event is known: its own, or `@17`.
    pub fn id_of(&self, seq: u64) -> String {
        let own = self.entry(seq).and_then(Entry::event).and_then(|event| event.id.clone());
        own.unwrap_or_else(|| id::of_seq(seq))
    }

    /// Is there any step of a measure of this id?
    pub fn has_measure(&self, measure: &str) -> bool {
        self.measures.contains_key(measure)
    }

    /// The numbers of the events that are steps of a measure, in log order.
    pub fn steps_of(&self, measure: &str) -> &[u64] {
        self.measures.get(measure).map_or(&[], Vec::as_slice)
    }

    /// Every id given to an event, in alphabetical order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }

    /// Every id of a measure, in alphabetical order.
    pub fn measure_ids(&self) -> impl Iterator<Item = &str> {
        self.measures.keys().map(String::as_str)
    }
}
