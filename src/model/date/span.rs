//! Spans: when something may have happened, as two instants; and what can be said of two of them.
//!
//! Both bounds are inclusive. Nothing is known of likelihood inside: two spans either are apart, or may be in either order.
//! `tests::spans_compare` shows it.

use crate::model::calendar::Instant;

/// The first and the last instant at which something may have happened, both included.
///
/// Spans are ordered by their earliest bound, then by their latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Not before this; [`Instant::MIN`] if nothing is known.
    pub earliest: Instant,
    /// Not after this; [`Instant::MAX`] if nothing is known.
    pub latest: Instant,
}

impl Span {
    /// The span of two instants, whichever is first. Only an interval that mixes times with an offset and times without
    /// can have them the other way round, in some zone.
    pub(super) fn between(one: Instant, other: Instant) -> Span {
        Span { earliest: one.min(other), latest: one.max(other) }
    }

    /// It has happened by then for sure.
    pub fn happened_by(self, cut: Instant) -> bool {
        self.latest <= cut
    }

    /// It has not happened by then for sure.
    pub fn not_yet(self, cut: Instant) -> bool {
        self.earliest > cut
    }

    /// It was over before the other began, for sure.
    pub fn precedes(self, other: Span) -> bool {
        self.latest < other.earliest
    }

    /// The two share an instant, so their order is open.
    pub fn overlaps(self, other: Span) -> bool {
        !self.precedes(other) && !other.precedes(self)
    }

    /// What both allow; `None` if they contradict one another.
    pub fn intersect(self, other: Span) -> Option<Span> {
        self.overlaps(other).then(|| Span {
            earliest: self.earliest.max(other.earliest),
            latest: self.latest.min(other.latest),
        })
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn hull(self, other: Span) -> Span {
        Span { earliest: self.earliest.min(other.earliest), latest: self.latest.max(other.latest) }
    }
}
