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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::model::calendar::days_in_month;

    #[test]
    fn more_dates_than_places_are_told_apart() {
        let mut dates = Dates::new(Zone::UTC);
        let of_month = |year, month| {
            let days = 1..=days_in_month(year, month).unwrap();
            days.map(move |day| format!("{year}-{month:02}-{day:02}"))
        };
        let days = (1980..2020).flat_map(|year| (1..13).map(move |month| (year, month)));
        let mut texts: Vec<String> = days.flat_map(|(y, month)| of_month(y, month)).collect();
        texts.extend(
            [
                "2025-04-23/2025-05-01",
                "2025-04-23T10:00:00Z/2025-05-01T10:00:00Z",
                "2025-04-24T10:00:00Z/2025-05-02T10:00:00Z",
                "2025-04",
                "2025-04?",
            ]
            .map(Into::into),
        );
        assert!(texts.len() > 3 * PLACES);
        for text in texts.iter().chain(&texts).chain(texts.iter().rev()) {
            let span = Edtf::parse(text).unwrap().span(Zone::UTC);
            assert_eq!(dates.span(Some(text.as_bytes())), Some(span), "{text}");
        }
        for no_date in ["", "2025-13", "2025-04\0", "soon"] {
            assert_eq!(dates.span(Some(no_date.as_bytes())), None, "{no_date:?}");
        }
        let open = Span { earliest: Instant::MIN, latest: Instant::MAX };
        assert_eq!(dates.span(None), Some(open));
    }
}
