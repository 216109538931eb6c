//! Dates that were read a moment ago: a log has millions of statements and few days.

use super::glance;
use super::pairs::{mix, place};
use crate::model::calendar::{Instant, Zone};
use crate::model::date::{Edtf, Span};

/// How many dates are remembered at most.
const PLACES: usize = 4096;
/// A longer date is read anew each time.
const TEXT_BYTES: usize = 24;

/// Reads dates in one zone, and remembers the last at each place.
#[derive(Debug, Clone)]
pub(super) struct Dates {
    zone: Zone,
    known: Vec<Option<Known>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    text: [u8; TEXT_BYTES],
    span: Span,
}

impl Dates {
    pub(super) fn new(zone: Zone) -> Self {
        Self { zone, known: vec![None; PLACES] }
    }

    /// The bounds of a date, open if there is none; `None` if it is no date.
    pub(super) fn span(&mut self, text: Option<&[u8]>) -> Option<Span> {
        let Some(text) = text else {
            return Some(Span { earliest: Instant::MIN, latest: Instant::MAX });
        };
        let mut padded = [0; TEXT_BYTES];
        // No date holds a zero byte, so the padding makes no two the same.
        if let Some(start) = padded.get_mut(..text.len()) {
            start.copy_from_slice(text);
        }
        let fits = text.len() <= TEXT_BYTES && !text.contains(&0);
        let place = self.known.get_mut(place(mix(&padded), PLACES)).filter(|_| fits);
        if let Some(Some(known)) = &place
            && known.text == padded
        {
            return Some(known.span);
        }
        let span = Edtf::parse(glance::text(text)).ok()?.span(self.zone);
        if let Some(place) = place {
            *place = Some(Known { text: padded, span });
        }
        Some(span)
    }
}
