//! Dates that were read a moment ago: a log has millions of statements and few days.

use crate::model::calendar::{Instant, Zone};
use crate::model::date::{Edtf, Span};

/// How many dates are remembered; a power of two, so that some bits of a text say where.
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
    pub(super) fn span(&mut self, text: Option<&str>) -> Option<Span> {
        let Some(text) = text else {
            return Some(Span { earliest: Instant::MIN, latest: Instant::MAX });
        };
        let mut padded = [0; TEXT_BYTES];
        // No date holds a zero byte, so the padding makes no two the same.
        if let Some(start) = padded.get_mut(..text.len()) {
            start.copy_from_slice(text.as_bytes());
        }
        let place = usize::try_from(mix(&padded)).unwrap_or(0) % PLACES;
        let fits = text.len() <= TEXT_BYTES && !text.contains('\0');
        let place = self.known.get_mut(place).filter(|_| fits);
        if let Some(Some(known)) = &place
            && known.text == padded
        {
            return Some(known.span);
        }
        let span = Edtf::parse(text).ok()?.span(self.zone);
        if let Some(place) = place {
            *place = Some(Known { text: padded, span });
        }
        Some(span)
    }
}

/// Twelve bits or more of a text that differ where texts do.
fn mix(text: &[u8; TEXT_BYTES]) -> u64 {
    let words = text.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let mixed = words.fold(0, |mixed: u64, word| {
        (mixed.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    mixed >> 48
}
