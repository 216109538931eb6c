//! Comparison with `edtf-core`, an implementation by another hand, on random text made of EDTF-like pieces.
//!
//! Every difference is meant, and has its name in [`difference`].

use edtf_core::Bound;
use proptest::prelude::*;

use super::{DateReason, Edtf};
use crate::model::calendar::{Day, Instant, Zone};

/// Where we part ways with `edtf-core`, and why.
#[derive(Debug, PartialEq, Eq)]
enum Difference {
    /// It computes with years beyond our calendar.
    YearOutOfRange,
    /// It takes `?2004-?06` for another spelling of the level 1 `2004-06?`; we want the one spelling.
    QualifierNotAtTheEnd,
    /// It follows the letter of EDTF, where an interval is one of dates; we take date-times too.
    TimeInInterval,
    /// Its seasons are months of the northern year, so it may find an interval backwards which with our wide bounds is not.
    SeasonInInterval,
}

/// Fractions of a second, which RFC 3339 has and EDTF has not, are the one difference that is taken out beforehand.
fn without_fractions(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('.') {
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let after_time = kept.len() + at >= 8 && digits > 0 && rest[..at].contains(':');
        kept.push_str(&rest[..at + usize::from(!after_time)]);
        rest = &rest[at + 1 + if after_time { digits } else { 0 }..];
    }
    kept + rest
}

fn difference(text: &str, ours: Result<&Edtf, DateReason>) -> Option<Difference> {
    let mut ends = text.split('/');
    match ours {
        Err(DateReason::OutOfRange) if text.contains('Y') => Some(Difference::YearOutOfRange),
        Err(DateReason::LevelTwo) => ends
            .any(|end| end.trim_end_matches(['?', '~', '%']).contains(['?', '~', '%']))
            .then_some(Difference::QualifierNotAtTheEnd),
        Ok(_) if text.contains('/') && text.contains('T') => Some(Difference::TimeInInterval),
        Ok(_) if text.contains('/') && has_season(text) => Some(Difference::SeasonInInterval),
        _ => None,
    }
}

fn has_season(text: &str) -> bool {
    let bare = |end: &str| end.trim_end_matches(['?', '~', '%']).to_owned();
    text.split('/').map(bare).any(|end| {
        ["-21", "-22", "-23", "-24"].iter().any(|season| end.ends_with(season))
            && end.trim_start_matches('-').matches('-').count() == 1
    })
}

/// The day of our bound, `None` where it is open.
fn day(bound: Instant) -> Option<Day> {
    let open = bound == Instant::MIN || bound == Instant::MAX;
    (!open).then(|| Zone::UTC.day_of(bound))
}

/// The day of its bound, `None` where it is open or unknown.
fn its_day(bound: Bound) -> Option<Day> {
    match bound {
        Bound::Date(date) => {
            let year = i32::try_from(date.year).unwrap();
            Some(Day::from_ymd(year, date.month.into(), date.day.into()).unwrap())
        }
        Bound::NegativeInfinity | Bound::PositiveInfinity | Bound::Unknown => None,
    }
}

fn compare(text: &str) -> Result<(), TestCaseError> {
    let ours = Edtf::parse(text).map_err(|error| error.reason);
    let any_level = edtf_core::Edtf::parse(&without_fractions(text)).ok();
    let theirs = any_level.as_ref().filter(|date| date.level() <= 1);
    match (&ours, theirs) {
        (Ok(ours), Some(theirs)) => {
            prop_assert_eq!(ours.is_uncertain(), theirs.is_uncertain(), "{}", text);
            prop_assert_eq!(ours.is_approximate(), theirs.is_approximate(), "{}", text);
            // Its bounds are days as written: those of a time with an offset need not be the days of UTC.
            let shifted =
                text.contains('T') && !ours.as_str().ends_with('Z') && text.contains(['+', '-']);
            if !has_season(text) && !shifted {
                let (span, bounds) = (ours.span(Zone::UTC), theirs.bounds());
                prop_assert_eq!(day(span.earliest), its_day(bounds.earliest), "{}", text);
                prop_assert_eq!(day(span.latest), its_day(bounds.latest), "{}", text);
            }
        }
        (Err(DateReason::LevelTwo), None) => {}
        (Err(reason), None) => {
            let told = any_level.is_none() || *reason == DateReason::OutOfRange;
            prop_assert!(told, "{text} is level 2, not {reason:?}");
        }
        (ours, theirs) => {
            let difference = difference(text, ours.as_ref().map_err(|reason| *reason));
            prop_assert!(difference.is_some(), "{text:?}: ours {ours:?}, theirs {theirs:?}");
        }
    }
    Ok(())
}

fn one_of(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(pieces).prop_map(str::to_owned)
}

fn date() -> impl Strategy<Value = String> {
    let year = prop_oneof![
        8 => "[0-9]{4}",
        4 => "(19|20)[0-9][0-9]",
        3 => "-?[0-9X]{4}",
        2 => "Y-?[0-9]{1,7}",
        1 => one_of(&["Y1E5", "1985S2", "0000", "-0000", "?1985", "Y262000", "Y262001", "Y-262000"]),
    ];
    let part = prop_oneof![4 => "-[0-3][0-9]", 1 => "-[0-9X]{2}", 1 => one_of(&["-XX", "-02", "-29", "-04~", "-?06"])];
    let mark = prop_oneof![3 => Just(String::new()), 1 => one_of(&["?", "~", "%", "??"])];
    (year, proptest::collection::vec(part, 0..=2), mark)
        .prop_map(|(year, parts, mark)| format!("{year}{}{mark}", parts.concat()))
}

fn date_time() -> impl Strategy<Value = String> {
    let time = "T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]";
    let fraction = prop_oneof![3 => Just(String::new()), 1 => "\\.[0-9]{0,9}"];
    let shift = prop_oneof![
        one_of(&["", "", "Z", "z", "-00:00", "+14:00", "+14:01", "-05", "+0530", "?"]),
        "[+-][01][0-9]:[0-6][0-9]",
    ];
    (date(), time, fraction, shift)
        .prop_map(|(date, time, fraction, shift)| format!("{date}{time}{fraction}{shift}"))
}

fn end() -> impl Strategy<Value = String> {
    prop_oneof![6 => date(), 1 => date_time(), 1 => one_of(&["", "..", "...", "..2004"])]
}

fn soup() -> impl Strategy<Value = String> {
    let piece = one_of(&[
        "1985", "-0044", "201X", "20XX", "Y12025", "04", "13", "21", "25", "XX", "1X", "-", "-",
        "/", "..", ".", "?", "~", "%", "T", "10:00:00", "23:59:60", "Z", "+05:30", "{", "}", "[",
        "]", ",", "S2", "E3", "0", " ", "é",
    ]);
    proptest::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn dates_agree_with_edtf_core(text in date()) {
        compare(&text)?;
    }

    #[test]
    fn date_times_agree_with_edtf_core(text in date_time()) {
        compare(&text)?;
    }

    #[test]
    fn intervals_agree_with_edtf_core(start in end(), end in end()) {
        compare(&format!("{start}/{end}"))?;
    }

    #[test]
    fn anything_agrees_with_edtf_core(text in soup()) {
        compare(&text)?;
    }
}

#[test]
fn each_difference_is_real() {
    let check = |text: &str, expected: Difference| {
        let ours = Edtf::parse(text).map_err(|error| error.reason);
        let theirs = edtf_core::Edtf::parse(text).is_ok_and(|date| date.level() <= 1);
        assert_ne!(ours.is_ok(), theirs, "{text}");
        assert_eq!(
            difference(text, ours.as_ref().map_err(|reason| *reason)),
            Some(expected),
            "{text}"
        );
    };
    check("Y300000", Difference::YearOutOfRange);
    check("?2004-?06-?11", Difference::QualifierNotAtTheEnd);
    check("2025-04-23T10:00:00Z/2025-05-01", Difference::TimeInInterval);
    check("2004-23/2004-03", Difference::SeasonInInterval);
    assert!(Edtf::parse("2025-04-23T10:00:00.5Z").is_ok());
    assert!(edtf_core::Edtf::parse("2025-04-23T10:00:00.5Z").is_err());
}
