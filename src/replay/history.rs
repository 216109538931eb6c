//! The fold: every event as it was recorded, in log order.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::calendar::Instant;
use crate::model::event::{Body, Event};
use crate::model::id;

/// What the log holds, as read so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    entries: Vec<Entry>,
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
        match &self.content {
            Content::Readable(event) => Some(event),
            Content::Absent | Content::Unreadable => None,
        }
    }
}

impl History {
    /// A history of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events it holds; the number of the next one.
    pub fn size(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Folds the next event in.
    pub fn push(&mut self, recorded_at: Instant, content: Content) {
        let seq = self.size();
        if let Content::Readable(event) = &content {
            if let Some(id) = &event.id {
                self.by_id.entry(id.clone()).or_insert(seq);
            }
            if let Body::Measure(step) = &event.body {
                self.measures.entry(step.measure.clone()).or_default().push(seq);
            }
        }
        self.entries.push(Entry { seq, recorded_at, content });
    }

    /// Forgets every event from number `size` on.
    pub fn truncate(&mut self, size: u64) {
        self.entries.truncate(usize::try_from(size).unwrap_or(usize::MAX));
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

    /// Every event, in log order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The event of this number.
    pub fn entry(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(seq).ok()?)
    }

    /// The number of the event with this id (or of the form `@17`).
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
