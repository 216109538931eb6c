//! The calendar and the clocks: days, instants and time zones.
//!
//! A [`Day`] is a date of the proleptic Gregorian calendar (ISO 8601-1), an [`Instant`] a microsecond of UTC (RFC 3339),
//! and a [`Zone`] one of the IANA time zone database, as `chrono-tz` carries it. This is the only file that uses `chrono`
//! and `chrono-tz`; both could be replaced without another file noticing.
//!
//! It reads no clock: the present is always an argument. It knows no leap seconds: `23:59:60` is held at the last
//! microsecond of `23:59:59`, so that it stays in its own day. The rules of a zone end where the database ends (about the
//! year 2100); later days keep the last offset. Another edition of the database may move the bounds of a day in a zone
//! other than UTC. `tests::zones_with_gaps_folds_and_a_lost_day` shows the hard cases.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

use std::fmt;

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, Offset, TimeZone};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

use crate::model::{clock, near};

/// The microseconds of a day of 24 hours.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// A day of the proleptic Gregorian calendar, counted from 1970-01-01; it belongs to no zone.
///
/// Year 0 is the year before year 1, as in ISO 8601. The years reach from [`Day::YEAR_MIN`] to [`Day::YEAR_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The first year that can be held: a little inside the range of `chrono`, so that no offset leads out of it.
    pub const YEAR_MIN: i32 = -262_000;
    /// The last year that can be held.
    pub const YEAR_MAX: i32 = 262_000;
    /// 1 January of [`Day::YEAR_MIN`].
    pub const MIN: Day = Day(-96_413_063);
    /// 31 December of [`Day::YEAR_MAX`].
    pub const MAX: Day = Day(94_974_372);

    /// The day, or `None` if the calendar has no such day or the year cannot be held.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Day> {
        let held = (Day::YEAR_MIN..=Day::YEAR_MAX).contains(&year);
        let date = held.then(|| NaiveDate::from_ymd_opt(year, month, day)).flatten()?;
        Some(Day(date.to_epoch_days()))
    }

    /// Year, month 1 to 12, day of the month 1 to 31.
    pub fn ymd(self) -> (i32, u32, u32) {
        let date = NaiveDate::from_epoch_days(self.0).unwrap_or_default();
        (date.year(), date.month(), date.day())
    }

    /// The day after; [`Day::MAX`] stays.
    #[must_use]
    pub fn next(self) -> Day {
        Day(self.0.saturating_add(1)).min(Day::MAX)
    }

    /// The day before; [`Day::MIN`] stays.
    #[must_use]
    pub fn previous(self) -> Day {
        Day(self.0.saturating_sub(1)).max(Day::MIN)
    }

    /// Microseconds from 1970-01-01 to this day's midnight, both on the same wall clock.
    pub(crate) fn wall_micros(self) -> i64 {
        i64::from(self.0).saturating_mul(DAY_MICROS)
    }

    /// The day that a wall clock shows, given as microseconds since the epoch as if in UTC; held in range.
    fn of_wall_micros(micros: i64) -> Day {
        let days = i32::try_from(micros.div_euclid(DAY_MICROS)).unwrap_or_default();
        Day(days).clamp(Day::MIN, Day::MAX)
    }
}

/// ISO 8601: `2025-04-23`; years outside 0 to 9999 are shown with their sign, `-0044-03-15`, `+12025-01-01`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ymd() {
            (year @ 0..=9999, month, day) => write!(f, "{year:04}-{month:02}-{day:02}"),
            (year, month, day) => write!(f, "{year:+05}-{month:02}-{day:02}"),
        }
    }
}

/// The number of days of a month, 28 to 31; `None` if there is no such month.
pub fn days_in_month(year: i32, month: u32) -> Option<u32> {
    (28..=31).rev().find(|day| Day::from_ymd(year, month, *day).is_some())
}

/// The form of a recorded instant.
const RECORDED: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";

/// A point in time: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// Before every instant; as a bound: open towards the past.
    pub const MIN: Instant = Instant(i64::MIN);
    /// After every instant; as a bound: open towards the future.
    pub const MAX: Instant = Instant(i64::MAX);

    /// The instant so many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Instant {
        Instant(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 date-time with any offset; digits finer than microseconds are cut off. `None` if it is not one.
    pub fn parse_rfc3339(text: &str) -> Option<Instant> {
        // RFC 3339, section 5.6: the letters may be in lower case.
        let wall = clock::read(&text.to_ascii_uppercase())?;
        match wall.shift? {
            shift if shift.hours_only => None,
            shift => Some(Instant(wall.micros.saturating_sub(shift.micros()))),
        }
    }

    /// Reads only what [`Display`](fmt::Display) writes for the years 0 to 9999: `2026-11-24T03:04:05.123456Z`.
    pub fn parse_recorded(text: &str) -> Option<Instant> {
        // In so many bytes there is room for six digits of a fraction, and for no offset but `Z`.
        let (whole, second) = (text.len() == RECORDED.len(), text.get(17..19)?);
        let wall = (whole && text.ends_with('Z') && second != "60").then(|| clock::read(text));
        wall.flatten().map(|wall| Instant(wall.micros))
    }

    /// The characters of [`Display`](fmt::Display) for the years 0 to 9999; `None` outside them.
    pub(crate) fn recorded(self) -> Option<[u8; 27]> {
        let day = Day::of_wall_micros(self.0);
        let micros = self.0.saturating_sub(day.wall_micros());
        let (year, month, date) = day.ymd();
        let micros = u64::try_from(micros).ok()?;
        let year = u64::try_from(year).ok().filter(|year| *year <= 9999)?;
        let (seconds, minutes) = (micros / 1_000_000, micros / 60_000_000);
        // The fields from the last to the first, each with as many digits as the form has zeros for it.
        let fields = [
            (micros % 1_000_000, 6),
            (seconds % 60, 2),
            (minutes % 60, 2),
            (minutes / 60, 2),
            (date.into(), 2),
            (month.into(), 2),
            (year, 4),
        ];
        let mut written = *RECORDED;
        let mut places = written.iter_mut().rev().filter(|place| **place == b'0');
        for (mut number, width) in fields {
            for place in places.by_ref().take(width) {
                *place = b'0'.wrapping_add(u8::try_from(number % 10).unwrap_or_default());
                number /= 10;
            }
        }
        Some(written)
    }

    /// The instant just before; [`Instant::MIN`] stays.
    pub(crate) fn just_before(self) -> Instant {
        Instant(self.0.saturating_sub(1))
    }
}

/// RFC 3339 in UTC with six fraction digits: `2026-11-24T03:04:05.123456Z`.
///
/// Years outside 0 to 9999 carry a sign, as in [`Day`]. What lies outside the calendar shows as `..`, the mark of EDTF for
/// an open end; so do [`Instant::MIN`] and [`Instant::MAX`].
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = Day::of_wall_micros(self.0);
        let micros = self.0.saturating_sub(day.wall_micros());
        if !(0..DAY_MICROS).contains(&micros) {
            return f.write_str("..");
        }
        let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let (minutes, second) = (seconds.div_euclid(60), seconds.rem_euclid(60));
        let (hour, minute) = (minutes.div_euclid(60), minutes.rem_euclid(60));
        write!(f, "{day}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
    }
}

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

/// A name that is not in the time zone database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no time zone is named {name:?}")]
#[non_exhaustive]
pub struct UnknownZone {
    /// The name as given.
    pub name: String,
    /// Names that look like it, best first; at most three.
    pub near: Vec<String>,
}

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Zone = Zone(Tz::UTC);

    /// The zone of an IANA name such as `Asia/Kolkata`, exactly as the database spells it.
    pub fn from_name(name: &str) -> Result<Zone, UnknownZone> {
        name.parse().map(Zone).map_err(|_| {
            let near = near::nearest(name, TZ_VARIANTS.iter().map(|zone| zone.name()), 3);
            UnknownZone {
                name: name.to_owned(),
                near: near.into_iter().map(str::to_owned).collect(),
            }
        })
    }

    /// The name in the database.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The first instant of the day. Where the clocks skipped midnight, or the whole day, it is the instant they went on.
    pub fn start_of(self, day: Day) -> Instant {
        self.earliest_of_local(day.wall_micros())
    }

    /// The last microsecond of the day. A day that the zone skipped altogether is the single instant [`Zone::start_of`].
    pub fn end_of(self, day: Day) -> Instant {
        let midnight_after = day.wall_micros().saturating_add(DAY_MICROS);
        self.earliest_of_local(midnight_after).just_before().max(self.start_of(day))
    }

    /// The day that a calendar on the wall shows at this instant; instants outside the calendar give its first or last day.
    pub fn day_of(self, instant: Instant) -> Day {
        let held = Day::of_wall_micros(instant.0);
        let offset = DateTime::from_timestamp_micros(instant.0)
            .filter(|_| held != Day::MIN && held != Day::MAX)
            .map_or(0, |utc| {
                self.0.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()
            });
        Day::of_wall_micros(instant.0.saturating_add(seconds(offset)))
    }

    /// The first instant at which a clock on the wall shows this time, given as microseconds since the epoch as if in UTC.
    ///
    /// A time that the clocks skipped becomes the instant just past the gap, so a later wall-clock time is never an earlier
    /// instant.
    pub fn earliest_of_local(self, micros: i64) -> Instant {
        self.of_local(micros, LocalResult::earliest)
    }

    /// The last instant at which a clock on the wall shows this time; a skipped time as in [`Zone::earliest_of_local`].
    pub fn latest_of_local(self, micros: i64) -> Instant {
        self.of_local(micros, LocalResult::latest)
    }

    fn of_local(
        self,
        micros: i64,
        choose: fn(LocalResult<chrono_tz::TzOffset>) -> Option<chrono_tz::TzOffset>,
    ) -> Instant {
        let Some(wall) = DateTime::from_timestamp_micros(micros) else {
            return Instant(micros);
        };
        let wall = wall.naive_utc();
        if let Some(offset) = choose(self.0.offset_from_local_datetime(&wall)) {
            return Instant(micros.saturating_sub(seconds(offset.fix().local_minus_utc())));
        }
        let past = GapInfo::new(&wall, &self.0).and_then(|gap| gap.end);
        Instant(past.map_or(micros, |instant| instant.timestamp_micros()))
    }
}

/// The microseconds of so many seconds.
fn seconds(count: i32) -> i64 {
    i64::from(count).saturating_mul(1_000_000)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]
mod tests;
