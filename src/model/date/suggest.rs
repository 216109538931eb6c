//! What the writer of a refused date probably meant.
//!
//! Only where there is one reading: `23/04/2025` can be but one day, `03/04/2025` may be two and gets no suggestion. No
//! part is ever added: a date without a year stays refused. What is suggested always parses;
//! `tests::suggestions_are_dates` shows it on random text.

use super::{DATE_BYTES_MAX, Edtf};

/// Eight digits in a row are taken for a date only if their year is one of these; they may be any number.
const BARE_YEARS: std::ops::RangeInclusive<u32> = 1800..=2199;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A date of EDTF level 1 that the text most probably means; `None` if it is one already, or may mean several things.
///
/// Shapes: `2025-4-3`, `2025/04/23`, `20250423`, `23.04.2025`, `4/23/2025`, `23 April 2025`, `Apr 23rd, 2025`,
/// `April 2025`, and two of them around a slash; a date-time with a space or small letters.
pub fn suggestion(text: &str) -> Option<String> {
    if text.len() > DATE_BYTES_MAX || Edtf::parse(text).is_ok() {
        return None;
    }
    let text = text.trim();
    let meant = [as_is(text), date_time(text), date(text), interval(text)];
    meant.into_iter().flatten().find(|meant| Edtf::parse(meant).is_ok())
}

fn as_is(text: &str) -> Option<String> {
    Edtf::parse(text).is_ok().then(|| text.to_owned())
}

/// `2025-04-23 10:00:00z` has all the parts of a date-time.
fn date_time(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let (date, time) = upper.split_once([' ', 'T'])?;
    time.contains(':').then(|| format!("{date}T{}", time.replace(' ', "")))
}

fn interval(text: &str) -> Option<String> {
    let (start, end) = text.split_once('/')?;
    let meant = |text: &str| as_is(text.trim()).or_else(|| date(text));
    Some(format!("{}/{}", meant(start)?, meant(end)?))
}

/// A word of a written date.
#[derive(Clone, Copy)]
enum Word {
    /// Four digits.
    Year(u32),
    /// One or two digits.
    Number(u32),
    /// The name of a month, as its number.
    Month(u32),
}

fn date(text: &str) -> Option<String> {
    if let Some(date) = bare(text) {
        return Some(date);
    }
    let separator = |c: char| c.is_whitespace() || matches!(c, '-' | '/' | '.' | ',');
    if text.starts_with(separator) {
        return None;
    }
    let words = text.split(separator).filter(|part| !part.is_empty()).map(word);
    let words = words.collect::<Option<Vec<Word>>>()?;
    let (year, month, day) = match *words.as_slice() {
        [Word::Year(year), Word::Number(month) | Word::Month(month), Word::Number(day)]
        | [Word::Number(day), Word::Month(month), Word::Year(year)]
        | [Word::Month(month), Word::Number(day), Word::Year(year)] => (year, month, day),
        [Word::Number(one), Word::Number(other), Word::Year(year)] => {
            let (month, day) = month_and_day(one, other)?;
            (year, month, day)
        }
        [Word::Month(month), Word::Year(year)] | [Word::Year(year), Word::Month(month)] => {
            return Some(format!("{year:04}-{month:02}"));
        }
        _ => return None,
    };
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// `20250423`.
fn bare(text: &str) -> Option<String> {
    let number = text.parse::<u32>().ok().filter(|_| text.len() == 8)?;
    let (year, rest) = (number.div_euclid(10_000), number.rem_euclid(10_000));
    let (month, day) = (rest.div_euclid(100), rest.rem_euclid(100));
    BARE_YEARS.contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// Some write the day first and some the month: it is known only if one of the two cannot be a month, or both are equal.
fn month_and_day(one: u32, other: u32) -> Option<(u32, u32)> {
    match (one <= 12, other <= 12) {
        (true, false) => Some((one, other)),
        (false, true) => Some((other, one)),
        _ => (one == other).then_some((one, other)),
    }
}

fn word(text: &str) -> Option<Word> {
    let text = text.to_lowercase();
    let number = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|ordinal| text.strip_suffix(ordinal).filter(|rest| rest.parse::<u32>().is_ok()))
        .unwrap_or(&text);
    if number.bytes().all(|byte| byte.is_ascii_digit()) {
        return match number.len() {
            1 | 2 => number.parse().ok().map(Word::Number),
            4 if number == text => number.parse().ok().map(Word::Year),
            _ => None,
        };
    }
    let named = |name: &str| {
        name == text || name.get(..3) == Some(&text) || text == "sept" && name == "september"
    };
    (1..).zip(MONTHS).find(|(_, name)| named(name)).map(|(month, _)| Word::Month(month))
}
