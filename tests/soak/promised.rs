//! What a log must hold from now on: everything it acknowledged, and everything that was once read of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::check::Contents;
use crate::output::Acknowledged;

/// What must be there.
#[derive(Default, Clone)]
pub(crate) struct Promised {
    /// The link of an event, by its number.
    pub(crate) links: BTreeMap<u64, String>,
    /// The number of an event, by its id.
    pub(crate) ids: BTreeMap<String, u64>,
    /// The events whose content is gone.
    pub(crate) erased: BTreeSet<u64>,
    /// Every note that was signed.
    pub(crate) notes: Vec<String>,
    /// How many events there are at least.
    pub(crate) size: u64,
}

impl Promised {
    /// Takes in what a command acknowledged.
    pub(crate) fn take(&mut self, acknowledged: &Acknowledged) {
        for (id, seq, link) in &acknowledged.events {
            self.ids.insert(id.clone(), *seq);
            self.size = self.size.max(seq + 1);
            if let Some(link) = link {
                self.links.insert(*seq, link.clone());
            }
        }
        for (size, link) in &acknowledged.heads {
            self.links.insert(size - 1, link.clone());
            self.size = self.size.max(*size);
        }
        if let Some(last) = acknowledged.last {
            self.size = self.size.max(last + 1);
        }
        self.erased.extend(&acknowledged.erased);
        if let Some(note) = &acknowledged.note
            && !self.notes.contains(note)
        {
            self.notes.push(note.clone());
        }
    }

    /// Takes in what was read of the log: whoever could read it may rely on it.
    pub(crate) fn take_read(&mut self, contents: &Contents) {
        self.links.extend((0..).zip(contents.links.iter().cloned()));
        self.ids.extend(contents.ids.iter().map(|(id, seq)| (id.clone(), *seq)));
        self.erased.extend(&contents.absent);
        self.size = self.size.max(contents.size());
    }
}

/// What was being done when the program was stopped.
#[derive(Default, Clone)]
pub(crate) struct Attempt {
    /// The ids of the events of one append: all of them are there, or none.
    pub(crate) ids: Vec<String>,
    /// The event that was to be erased.
    pub(crate) erasing: Option<u64>,
    /// Whether the program may record one event of its own.
    pub(crate) recording: bool,
    /// Whether any number of further events may be there: a process appended one after the other.
    pub(crate) many: bool,
}

/// What was written beside a log.
#[derive(Clone)]
pub(crate) struct Kept {
    /// Where it is, on the image.
    pub(crate) name: String,
    /// What the log held when it was begun.
    pub(crate) promised: Promised,
    /// The hash of every file, as it was when that was done; `None` where files may change.
    pub(crate) files: Option<BTreeMap<PathBuf, blake3::Hash>>,
}
