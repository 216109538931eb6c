//! Retractions: what they take out, and what they say is a duplicate of what.
//!
//! An event is out if a retraction that is itself in takes it out. One taken back for good, by its source or by the
//! keeper of the log, is no duplicate of anything. Of several retractions that call one event a duplicate the last
//! recorded counts; and one by which events would be duplicates of each other in a circle is not heeded, so that the
//! later ones say which of them is kept (`of_a_circle_of_duplicates_the_later_word_says_which_is_kept`).

use std::collections::{BTreeMap, BTreeSet};

use super::history::{Entry, History};
use crate::model::event::{Body, RetractedBy};

/// What retractions take out of a history.
#[derive(Debug, Default)]
pub(super) struct Retractions<'h> {
    /// The events taken out, each with the number of its retraction.
    out: BTreeMap<u64, u64>,
    /// The duplicates, each with what it doubles and the number of the retraction that says so.
    doubles: BTreeMap<Named<'h>, (Named<'h>, u64)>,
    /// What stands for them, which doubles nothing itself.
    originals: Originals<'h>,
}

/// How far the way from a duplicate is known, so that no stretch of it is gone twice.
#[derive(Debug, Default)]
struct Originals<'h>(BTreeMap<Named<'h>, Named<'h>>);

/// What an id names: an event that was erased goes on being named by what stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named<'h> {
    /// The event of this number.
    Event(u64),
    /// No event that can be read has this id any more.
    Erased(&'h str),
}

impl<'h> Named<'h> {
    pub(super) fn by(history: &History, id: &'h str) -> Self {
        history.seq_of(id).map_or(Self::Erased(id), Self::Event)
    }

    pub(super) const fn seq(self) -> Option<u64> {
        match self {
            Self::Event(seq) => Some(seq),
            Self::Erased(_) => None,
        }
    }

    pub(super) fn id(self, history: &History) -> String {
        match self {
            Self::Event(seq) => history.id_of(seq),
            Self::Erased(id) => id.to_owned(),
        }
    }
}

impl<'h> Originals<'h> {
    /// Where the way from here ends, along what doubles what.
    fn find(
        &mut self,
        from: Named<'h>,
        doubles: &BTreeMap<Named<'h>, (Named<'h>, u64)>,
    ) -> Named<'h> {
        let (mut end, mut passed) = (from, Vec::new());
        while let Some(next) = self.0.get(&end).or(doubles.get(&end).map(|(next, _)| next)) {
            passed.push(end);
            end = *next;
        }
        self.0.extend(passed.into_iter().map(|one| (one, end)));
        end
    }
}

impl<'h> Retractions<'h> {
    /// What those retractions of a history that act take out.
    pub(super) fn of(history: &'h History, acting: impl Fn(&&Entry) -> bool) -> Self {
        // What is taken back for good makes no circle, wherever that stands.
        let (mut found, for_good) = Self::beside(history, &acting, &BTreeSet::new());
        if !for_good.is_empty() {
            found = Self::beside(history, &acting, &for_good).0;
        }
        for duplicate in found.doubles.keys() {
            found.originals.find(*duplicate, &found.doubles);
        }
        found
    }

    /// The same, and what is taken back for good; of some events that is known.
    fn beside(
        history: &'h History,
        acting: &impl Fn(&&Entry) -> bool,
        known_for_good: &BTreeSet<Named<'h>>,
    ) -> (Self, BTreeSet<Named<'h>>) {
        let mut found = Self::default();
        let (mut taken, mut for_good) = (BTreeSet::new(), BTreeSet::new());
        for entry in history.entries().iter().rev().filter(acting) {
            let Some(Body::Retraction(retraction)) = entry.event().map(|event| &event.body) else {
                continue;
            };
            // What came later under the same id is another event.
            let named = |id: &'h str| {
                let named = Named::by(history, id);
                named.seq().is_none_or(|seq| seq < entry.seq).then_some(named)
            };
            let Some(of) = named(&retraction.of).filter(|_| !found.out.contains_key(&entry.seq))
            else {
                continue;
            };
            match &retraction.by {
                RetractedBy::Source | RetractedBy::Recorder => {
                    taken.insert(of);
                    for_good.insert(of);
                    if found.doubles.remove(&of).is_some() {
                        found.originals.0.clear();
                    }
                }
                RetractedBy::Duplicate(double_of) => {
                    let double_of = named(double_of).filter(|double_of| *double_of != of);
                    let circle = double_of
                        .is_some_and(|named| found.originals.find(named, &found.doubles) == of);
                    if circle || known_for_good.contains(&of) || !taken.insert(of) {
                        continue;
                    }
                    if let Some(double_of) = double_of {
                        found.doubles.insert(of, (double_of, entry.seq));
                    }
                }
            }
            if let Named::Event(of) = of {
                found.out.insert(of, entry.seq);
            }
        }
        (found, for_good)
    }

    /// The events taken out, each with the number of its retraction.
    pub(super) const fn out(&self) -> &BTreeMap<u64, u64> {
        &self.out
    }

    /// Everything that is a duplicate.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = Named<'h>> {
        self.doubles.keys().copied()
    }

    pub(super) fn is_duplicate(&self, seq: u64) -> bool {
        self.doubles.contains_key(&Named::Event(seq))
    }

    /// What stands for this: of a duplicate its original.
    pub(super) fn original<'n>(&self, named: Named<'n>) -> Named<'n>
    where
        'h: 'n,
    {
        let originals: &BTreeMap<Named<'n>, Named<'n>> = &self.originals.0;
        originals.get(&named).copied().unwrap_or(named)
    }

    /// From a duplicate to its original: what is doubled at each step, and the number of the retraction that says so.
    pub(super) fn way<'n>(&self, mut from: Named<'n>) -> impl Iterator<Item = (Named<'n>, u64)>
    where
        'h: 'n,
    {
        std::iter::from_fn(move || {
            let (doubled, by) = *self.doubles.get(&from)?;
            from = doubled;
            Some((doubled, by))
        })
    }
}
