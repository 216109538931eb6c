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
    let known = fraction.get(..6).unwrap_or(fraction);
    let missing = u32::try_from(6_usize.saturating_sub(known.len())).ok()?;
    let number = (!known.is_empty()).then(|| digits(known, known.len())).flatten()?;
    Some(i64::from(number).saturating_mul(10_i64.saturating_pow(missing)))
}

/// Numbers of fixed widths between separators.
pub(crate) fn fields<const N: usize>(
    text: &str,
    separator: char,
    widths: [usize; N],
) -> Option<[u32; N]> {
    let mut rest = text;
    let mut numbers = [0; N];
    for (at, (number, width)) in numbers.iter_mut().zip(widths).enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(separator)?;
        }
        let (field, after) = rest.split_at_checked(width)?;
        (*number, rest) = (digits(field, width)?, after);
    }
    rest.is_empty().then_some(numbers)
}

/// The number that exactly `width` ASCII digits write.
pub(crate) fn digits(text: &str, width: usize) -> Option<u32> {
    let mut number = 0_u32;
    for byte in text.bytes() {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte.wrapping_sub(b'0')))?;
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    (text.len() == width && width > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same fields, found by splitting.
    fn split(text: &str) -> Option<[u32; 3]> {
        let parts: Vec<&str> = text.split('-').collect();
        let wide = parts.iter().map(|part| part.len()).eq([4, 2, 2]);
        let plain = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        let numbers = parts.iter().map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
        (wide && plain).then(|| numbers.try_into().ok()).flatten()
    }

    proptest! {
        #[test]
        fn fields_are_what_separators_part(
            text in "[0-9]{3,5}-[0-9]{1,3}-[0-9]{1,3}|[-+0-9é]{0,11}|[0-9]{4}[-:][0-9é]{2}-[0-9]{2}-?",
        ) {
            prop_assert_eq!(fields(&text, '-', [4, 2, 2]), split(&text));
        }

        #[test]
        fn a_fraction_is_cut_off_after_microseconds(fraction in "[0-9]{0,30}") {
            let padded: String = fraction.chars().chain("000000".chars()).take(6).collect();
            let expected = (!fraction.is_empty()).then(|| padded.parse().ok()).flatten();
            prop_assert_eq!(micros(&fraction), expected);
        }
    }
}
