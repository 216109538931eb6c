//! The grammar of EDTF level 1, read by hand.
//!
//! A text is one date, or two ends around a slash; a date is a day, month, year or season with a qualifier or none, or a
//! date-time. What is refused is looked at once more to tell level 2 from nonsense. Bounds are days here; zones come later.

use super::{DATE_BYTES_MAX, DateReason, Dated, Meaning, Time};
use crate::model::calendar::{DAY_MICROS, Day, Instant, days_in_month};
use crate::model::clock::{self, digits, fields};

/// ISO 8601-2 knows no offset beyond this.
const SHIFT_MINUTES_MAX: i64 = 14 * 60;

/// What the whole text says.
pub(super) fn meaning(text: &str) -> Result<Meaning, DateReason> {
    if text.is_empty() {
        return Err(DateReason::Empty);
    }
    if text.len() > DATE_BYTES_MAX {
        return Err(DateReason::TooLong);
    }
    if let Some(day) = plain_day(text) {
        let time = Time::Days { first: day, last: day };
        return Ok(Meaning::One(Dated { time, uncertain: false, approximate: false }));
    }
    let read = match text.split_once('/') {
        Some((start, end)) => interval(start, end),
        None => dated(text).map(Meaning::One),
    };
    read.map_err(|reason| match reason {
        DateReason::NotEdtf | DateReason::NoSuchDay if is_level_two(text) => DateReason::LevelTwo,
        reason => reason,
    })
}

/// `2025-04-23`, as nearly all dates are written.
fn plain_day(text: &str) -> Option<Day> {
    let [year, month, day] = fields(text, '-', [4, 2, 2])?;
    Day::from_ymd(i32::try_from(year).ok()?, month, day)
}

fn interval(start: &str, end: &str) -> Result<Meaning, DateReason> {
    let (start, end) = (interval_end(start)?, interval_end(end)?);
    match (start, end) {
        (None, None) => Err(DateReason::BoundsNothing),
        (Some(start), Some(end)) if is_backwards(start.time, end.time) => {
            Err(DateReason::Backwards)
        }
        _ => Ok(Meaning::Interval(start, end)),
    }
}

/// `None` is open (`..`) or unknown (nothing).
fn interval_end(text: &str) -> Result<Option<Dated>, DateReason> {
    match text {
        "" | ".." => Ok(None),
        // Unspecified digits inside an interval are level 2.
        _ if text.contains('X') => Err(DateReason::NotEdtf),
        _ => dated(text).map(Some),
    }
}

/// The end lies before the start whatever the zone.
fn is_backwards(start: Time, end: Time) -> bool {
    let (start, starts_floating) = match start {
        Time::Days { first, .. } => (first.wall_micros(), true),
        Time::Local(micros) => (micros, true),
        Time::At(instant) => (instant.micros(), false),
    };
    let (end, ends_floating) = match end {
        Time::Days { last, .. } => (last.wall_micros().saturating_add(DAY_MICROS - 1), true),
        Time::Local(micros) => (micros, true),
        Time::At(instant) => (instant.micros(), false),
    };
    // No zone is a day or more from UTC.
    let leeway = if starts_floating == ends_floating { 0 } else { DAY_MICROS };
    start.saturating_sub(leeway) > end
}

fn dated(text: &str) -> Result<Dated, DateReason> {
    if text.contains('T') && text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        let time = date_time(text)?;
        return Ok(Dated { time, uncertain: false, approximate: false });
    }
    let bare = text.strip_suffix(['?', '~', '%']).unwrap_or(text);
    let (first, last) = days(bare)?;
    Ok(Dated {
        time: Time::Days { first, last },
        uncertain: text.ends_with(['?', '%']),
        approximate: text.ends_with(['~', '%']),
    })
}

fn date_time(text: &str) -> Result<Time, DateReason> {
    let wall = clock::read(text).ok_or(DateReason::NoSuchTime)?;
    match wall.shift {
        None => Ok(Time::Local(wall.micros)),
        // ISO 8601 has no negative zero.
        Some(shift) if shift.placeless || shift.minutes.abs() > SHIFT_MINUTES_MAX => {
            Err(DateReason::NoSuchTime)
        }
        Some(shift) => {
            Ok(Time::At(Instant::from_micros(wall.micros.saturating_sub(shift.micros()))))
        }
    }
}

/// The first and the last day of a date without its qualifier.
fn days(text: &str) -> Result<(Day, Day), DateReason> {
    if let Some(year) = text.strip_prefix('Y') {
        return prefixed_year(year);
    }
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut parts = unsigned.split('-');
    let year = parts.next().unwrap_or_default();
    let rest = (parts.next(), parts.next(), parts.next());
    if sign > 0 && rest.0.is_none() && year.ends_with('X') {
        return masked_years(year);
    }
    let year = sign * whole(year, 4)?;
    if sign < 0 && year == 0 {
        return Err(DateReason::NotEdtf);
    }
    match rest {
        (None, ..) | (Some("XX"), None | Some("XX"), None) => days_of_years(year, year),
        (Some(month), None | Some("XX"), None)
            if digits(month, 2).is_some_and(|month| month <= 12) =>
        {
            days_of_month(year, digits(month, 2))
        }
        (Some(season), None, None) => days_of_season(year, season),
        (Some(month), Some(day), None) => {
            let (month, day) = (digits(month, 2), digits(day, 2));
            let (month, day) = month.zip(day).ok_or(DateReason::NotEdtf)?;
            let day = Day::from_ymd(year, month, day).ok_or(DateReason::NoSuchDay)?;
            Ok((day, day))
        }
        _ => Err(DateReason::NotEdtf),
    }
}

/// `Y` and a year of more than four digits, without leading zeros.
fn prefixed_year(text: &str) -> Result<(Day, Day), DateReason> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let plain = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || unsigned.len() < 5 || unsigned.starts_with('0') {
        return Err(DateReason::NotEdtf);
    }
    let year = text.parse().map_err(|_| DateReason::OutOfRange)?;
    days_of_years(year, year)
}

/// `201X` and `20XX`.
fn masked_years(text: &str) -> Result<(Day, Day), DateReason> {
    let known = text.trim_end_matches('X');
    if text.len() != 4 || digits(known, 2).or(digits(known, 3)).is_none() {
        return Err(DateReason::NotEdtf);
    }
    let with = |digit| whole(&text.replace('X', digit), 4);
    days_of_years(with("0")?, with("9")?)
}

fn days_of_years(first: i32, last: i32) -> Result<(Day, Day), DateReason> {
    let (first, last) = (Day::from_ymd(first, 1, 1), Day::from_ymd(last, 12, 31));
    first.zip(last).ok_or(DateReason::OutOfRange)
}

fn days_of_month(year: i32, month: Option<u32>) -> Result<(Day, Day), DateReason> {
    let bounds = || {
        let month = month?;
        let last = days_in_month(year, month)?;
        Day::from_ymd(year, month, 1).zip(Day::from_ymd(year, month, last))
    };
    bounds().ok_or(DateReason::NoSuchDay)
}

/// Seasons name neither hemisphere nor calendar. Spring and autumn are taken as some time of the year; summer and winter
/// may also lie around either turn of it.
fn days_of_season(year: i32, season: &str) -> Result<(Day, Day), DateReason> {
    let around = || {
        let first = Day::from_ymd(year.checked_sub(1)?, 12, 1);
        first.zip(Day::from_ymd(year.checked_add(1)?, 3, 31))
    };
    match digits(season, 2).ok_or(DateReason::NotEdtf)? {
        21 | 23 => days_of_years(year, year),
        22 | 24 => around().ok_or(DateReason::OutOfRange),
        _ => Err(DateReason::NoSuchDay),
    }
}

/// The number that exactly `width` digits write.
fn whole(text: &str, width: usize) -> Result<i32, DateReason> {
    digits(text, width).and_then(|number| i32::try_from(number).ok()).ok_or(DateReason::NotEdtf)
}

/// A refused text that has the marks of level 2: it need not be right in itself.
fn is_level_two(text: &str) -> bool {
    let alphabet = |c: char| c.is_ascii_digit() || "XYES?~%-./{}[],".contains(c);
    if !text.chars().all(alphabet) || !text.contains(|c: char| c == 'X' || c.is_ascii_digit()) {
        return false;
    }
    let (set, ends) = (text.contains(['{', '[']), text.split('/'));
    let sub_year = |end: &str| {
        let bare = end.trim_start_matches('-').trim_end_matches(['?', '~', '%']);
        let parts = bare.split_once('-').filter(|(year, _)| year.len() >= 4);
        let code = parts.and_then(|(_, code)| digits(code, 2));
        code.is_some_and(|code| (25..=41).contains(&code))
    };
    let glued = |end: &str| end != ".." && (end.starts_with("..") || end.ends_with(".."));
    let marked_inside = |end: &str| {
        let inside = end.trim_end_matches(['?', '~', '%']);
        inside.contains(['?', '~', '%', 'X', 'S', 'E'])
    };
    set || ends.into_iter().any(|end| sub_year(end) || glued(end) || marked_inside(end))
}
