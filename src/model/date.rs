//! Imprecise dates: EDTF level 1 (ISO 8601-2:2019, annex A; Library of Congress EDTF) with earliest and latest bounds.
//!
//! Accepted: days, months, years; date-times, also with a fraction of a second (RFC 3339); intervals, of date-times too,
//! with open and unknown ends; `?`, `~`, `%` after a date; `201X`, `20XX`, `2004-XX`, `1985-04-XX`, `1985-XX-XX`; negative
//! years and `Y`-years; seasons. Level 2 is refused, and named as such.
//!
//! Nothing is filled in: a date stands for all the time it may mean, and `?` and `~` do not widen it. A season names
//! neither hemisphere nor calendar, so its bounds are wide. The text is kept as written; two texts that mean the same are
//! not equal. Why the parser is our own: `docs/decisions/0003-edtf-own-parser.md`. `tests` has the tables, and `oracle`
//! compares with `edtf-core` on random input, every difference named.

use std::fmt;

use crate::model::calendar::{DAY_MICROS, Day, Instant, Zone};

mod parse;
mod span;
mod suggest;

pub use span::Span;
pub use suggest::suggestion;

/// A longer text is refused unread. The longest sensible one, an interval of two precise date-times, has 65 bytes.
pub const DATE_BYTES_MAX: usize = 100;

/// A date, date-time or interval as its writer gave it: EDTF level 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edtf {
    text: String,
    meaning: Meaning,
}

/// A text that is not an EDTF level 1 date, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a date we can take: {reason}")]
#[non_exhaustive]
pub struct DateError {
    /// The text as given, cut after [`DATE_BYTES_MAX`] bytes.
    pub text: String,
    /// What is wrong with it.
    pub reason: DateReason,
}

/// Why a text is not an EDTF level 1 date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DateReason {
    /// The text is empty.
    #[error("it is empty")]
    Empty,
    /// The text has none of the accepted forms.
    #[error(
        "it has none of the forms of EDTF level 1, such as 2025-04-23, 2025-04 or 2025-04-23/2025-05-01"
    )]
    NotEdtf,
    /// The form is right, but the calendar lacks the month or the day.
    #[error("the calendar has no such month or day")]
    NoSuchDay,
    /// The form of a date-time, but no such time of day or offset, or one that EDTF does not know.
    #[error("it is no date and time of the form 2025-04-23T10:00:00, then Z, +05:30 or nothing")]
    NoSuchTime,
    /// Sets, qualified or unspecified parts, exponents, quarters and the like.
    #[error(
        "it uses EDTF level 2 (sets, marks inside a date, quarters, ...), and only level 1 is taken"
    )]
    LevelTwo,
    /// The interval cannot but end before it begins.
    #[error("the interval ends before it begins")]
    Backwards,
    /// The year is beyond the calendar.
    #[error("the year is not between {} and {}", Day::YEAR_MIN, Day::YEAR_MAX)]
    OutOfRange,
    /// An interval without a single date.
    #[error("an interval that is open or unknown at both ends says nothing")]
    BoundsNothing,
    /// More than [`DATE_BYTES_MAX`] bytes.
    #[error("it is longer than {DATE_BYTES_MAX} bytes")]
    TooLong,
}

/// What a text says, before a zone is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    One(Dated),
    /// From a start to an end; `None` is open or unknown, and there is a date on one side at least.
    Interval(Option<Dated>, Option<Dated>),
}

/// One date with its qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dated {
    time: Time,
    uncertain: bool,
    approximate: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    /// Some time from the start of the first to the end of the last of these days.
    Days { first: Day, last: Day },
    /// Microseconds since the epoch on the wall clock of a zone not yet chosen.
    Local(i64),
    /// A time with its offset.
    At(Instant),
}

impl Edtf {
    /// Reads an EDTF level 1 text exactly; nothing is trimmed or guessed. For a guess see [`suggestion`].
    pub fn parse(text: &str) -> Result<Edtf, DateError> {
        let meaning = Edtf::meaning(text)?;
        Ok(Edtf { text: text.to_owned(), meaning })
    }

    /// Whether the text can be read, and why not.
    pub fn check(text: &str) -> Result<(), DateError> {
        Edtf::meaning(text).map(|_| ())
    }

    fn meaning(text: &str) -> Result<Meaning, DateError> {
        parse::meaning(text).map_err(|reason| {
            let kept = text.get(..text.floor_char_boundary(DATE_BYTES_MAX)).unwrap_or_default();
            DateError { text: kept.to_owned(), reason }
        })
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Some date in it is marked `?` or `%`.
    pub fn is_uncertain(&self) -> bool {
        self.dates().any(|date| date.uncertain)
    }

    /// Some date in it is marked `~` or `%`.
    pub fn is_approximate(&self) -> bool {
        self.dates().any(|date| date.approximate)
    }

    /// The first and the last instant it may mean, floating days and times read in the zone.
    ///
    /// An interval is taken as "some time between": an open or unknown end is [`Instant::MIN`] or [`Instant::MAX`].
    pub fn span(&self, zone: Zone) -> Span {
        let (start, end) = self.start_and_end();
        Span::between(
            start.map_or(Instant::MIN, |date| date.time.earliest(zone)),
            end.map_or(Instant::MAX, |date| date.time.latest(zone)),
        )
    }

    /// The same for an end ("until 23 April" lasts through that day): the first and last instant at which it may be over.
    pub fn ends(&self, zone: Zone) -> Span {
        let (start, end) = self.start_and_end();
        Span::between(
            start.map_or(Instant::MIN, |date| date.time.earliest_end(zone)),
            end.map_or(Instant::MAX, |date| date.time.latest(zone)),
        )
    }

    /// The day, if it means one whole day and no other, in whatever zone.
    pub fn single_day(&self) -> Option<Day> {
        match self.start_and_end() {
            (
                Some(Dated { time: Time::Days { first, .. }, .. }),
                Some(Dated { time: Time::Days { last, .. }, .. }),
            ) => (first == last).then_some(first),
            _ => None,
        }
    }

    /// The bounds are wider than one day: it says when in the sense of "between" rather than "on" or "at".
    pub fn is_bounded(&self) -> bool {
        let Span { earliest, latest } = self.span(Zone::UTC);
        latest.micros().saturating_sub(earliest.micros()) >= DAY_MICROS
    }

    fn start_and_end(&self) -> (Option<Dated>, Option<Dated>) {
        match self.meaning {
            Meaning::One(date) => (Some(date), Some(date)),
            Meaning::Interval(start, end) => (start, end),
        }
    }

    fn dates(&self) -> impl Iterator<Item = Dated> {
        let (start, end) = self.start_and_end();
        start.into_iter().chain(end)
    }
}

/// The text as it was written.
impl fmt::Display for Edtf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Time {
    fn earliest(self, zone: Zone) -> Instant {
        match self {
            Time::Days { first, .. } => zone.start_of(first),
            Time::Local(micros) => zone.earliest_of_local(micros),
            Time::At(instant) => instant,
        }
    }

    fn latest(self, zone: Zone) -> Instant {
        match self {
            Time::Days { last, .. } => zone.end_of(last),
            Time::Local(micros) => zone.latest_of_local(micros),
            Time::At(instant) => instant,
        }
    }

    /// Something that lasts through a day is not over before that day is.
    fn earliest_end(self, zone: Zone) -> Instant {
        match self {
            Time::Days { first, .. } => zone.end_of(first),
            Time::Local(_) | Time::At(_) => self.earliest(zone),
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
mod oracle;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests;
