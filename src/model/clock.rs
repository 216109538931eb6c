//! Reads a date with a time of day, the lexical form that RFC 3339 and EDTF level 0 share.
//!
//! `YYYY-MM-DDThh:mm:ss`, a fraction of a second or none, then `Z`, `±hh:mm`, `±hh` or nothing. Which of the ends and
//! offsets is welcome is for the caller to say. A leap second is held at the last microsecond before it. The tests of
//! `calendar` and `date` show it.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

use crate::model::calendar::Day;

/// A time as a clock on some wall shows it, and how far that clock is from UTC if the text says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wall {
    /// Microseconds since 1970-01-01T00:00:00 on the same clock.
    pub(crate) micros: i64,
    /// Ahead of UTC; `None` if the text names no offset.
    pub(crate) shift: Option<Shift>,
}

/// How far a clock is ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    /// Minutes ahead of UTC, between -1439 and 1439.
    pub(crate) minutes: i64,
    /// Written `±hh`, which EDTF knows and RFC 3339 does not.
    pub(crate) hours_only: bool,
    /// Written `-00:00`, by which RFC 3339 means that the place is not known; ISO 8601 has no such offset.
    pub(crate) placeless: bool,
}

impl Shift {
    /// Microseconds ahead of UTC.
    pub(crate) fn micros(self) -> i64 {
        self.minutes.saturating_mul(60_000_000)
    }
}

/// `None` if the text has another form, or the calendar or the clock has no such day or time.
pub(crate) fn read(text: &str) -> Option<Wall> {
    let (date, time) = text.split_once('T')?;
    let (clock, rest) = time.split_at_checked(8)?;
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, shift) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("0", rest),
    };
    let shift = if shift.is_empty() { None } else { Some(read_shift(shift)?) };
    let fraction = micros(fraction)?;
    let micros = if second == 60 { 999_999 } else { fraction };
    let seconds = u32::min(second, 59)
        .saturating_add(minute.saturating_mul(60))
        .saturating_add(hour.saturating_mul(3600));
    let midnight = Day::from_ymd(i32::try_from(year).ok()?, month, day)?.wall_micros();
    let since_midnight = i64::from(seconds).saturating_mul(1_000_000).saturating_add(micros);
    Some(Wall { micros: midnight.saturating_add(since_midnight), shift })
}

/// `Z`, `±hh:mm` or `±hh`.
fn read_shift(text: &str) -> Option<Shift> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("Z", "") => {
            return Some(Shift { minutes: 0, hours_only: false, placeless: false });
        }
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let hours_only = rest.len() == 2;
    let [hours, minutes] =
        if hours_only { [digits(rest, 2)?, 0] } else { fields(rest, ':', [2, 2])? };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let minutes = i64::from(hours.saturating_mul(60).saturating_add(minutes));
    let placeless = sign < 0 && minutes == 0;
    Some(Shift { minutes: minutes.saturating_mul(sign), hours_only, placeless })
}

/// The microseconds of a decimal fraction of a second, finer digits cut off; `None` if it has no digit.
fn micros(fraction: &str) -> Option<i64> {
    let known: String = fraction.chars().chain(std::iter::repeat_n('0', 6)).take(6).collect();
    (!fraction.is_empty()).then(|| digits(&known, 6).map(i64::from)).flatten()
}

/// Numbers of fixed widths between separators.
pub(crate) fn fields<const N: usize>(
    text: &str,
    separator: char,
    widths: [usize; N],
) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        *number = digits(parts.next()?, width)?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The number that exactly `width` ASCII digits write.
pub(crate) fn digits(text: &str, width: usize) -> Option<u32> {
    let plain = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
