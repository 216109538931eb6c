use proptest::prelude::*;

use super::{DATE_BYTES_MAX, DateReason, Edtf, Span, suggestion};
use crate::model::calendar::{Instant, Zone};

fn edtf(text: &str) -> Edtf {
    Edtf::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A bound as a test writes it: `..`, an RFC 3339 instant, or a day, whose first or last microsecond is meant.
fn bound(text: &str, rest_of_day: &str) -> String {
    match text {
        ".." => text.to_owned(),
        _ if text.contains('T') => Instant::parse_rfc3339(text).unwrap().to_string(),
        day => format!("{day}T{rest_of_day}Z"),
    }
}

#[track_caller]
fn check_span(text: &str, found: Span, earliest: &str, latest: &str) {
    let expected = (bound(earliest, "00:00:00.000000"), bound(latest, "23:59:59.999999"));
    assert_eq!((found.earliest.to_string(), found.latest.to_string()), expected, "{text}");
}

/// Bounds in UTC.
#[track_caller]
fn check(text: &str, earliest: &str, latest: &str) {
    let date = edtf(text);
    assert_eq!((date.as_str(), date.to_string().as_str()), (text, text));
    check_span(text, date.span(Zone::UTC), earliest, latest);
}

#[track_caller]
fn check_refused<'a>(texts: impl IntoIterator<Item = &'a str>, reason: DateReason) {
    for text in texts {
        assert_eq!(Edtf::parse(text).map_err(|error| error.reason), Err(reason), "{text:?}");
    }
}

#[test]
fn level_0() {
    check("2025-04-23", "2025-04-23", "2025-04-23");
    check("2025-04", "2025-04-01", "2025-04-30");
    check("2024-02", "2024-02-01", "2024-02-29");
    check("2025", "2025-01-01", "2025-12-31");
    check("0000", "0000-01-01", "0000-12-31");
    check("2025-04-23T10:20:30", "2025-04-23T10:20:30Z", "2025-04-23T10:20:30Z");
    check("2025-04-23T10:20:30Z", "2025-04-23T10:20:30Z", "2025-04-23T10:20:30Z");
    check("2025-04-23T10:20:30+05:30", "2025-04-23T04:50:30Z", "2025-04-23T04:50:30Z");
    check("2025-04-23T23:20:30-04", "2025-04-24T03:20:30Z", "2025-04-24T03:20:30Z");
    check("2025-04-23T10:20:30.25Z", "2025-04-23T10:20:30.25Z", "2025-04-23T10:20:30.25Z");
    check("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z", "2016-12-31T23:59:59.999999Z");
}

#[test]
fn intervals() {
    check("2025-04-23/2025-05-01", "2025-04-23", "2025-05-01");
    check("2025-04/2025", "2025-04-01", "2025-12-31");
    check("2025/2025-04", "2025-01-01", "2025-04-30");
    check("2025-04-23/2025-04-23", "2025-04-23", "2025-04-23");
    check("../2025-05-01", "..", "2025-05-01");
    check("/2025-05-01", "..", "2025-05-01");
    check("2025-05-01/..", "2025-05-01", "..");
    check("2025-05-01/", "2025-05-01", "..");
    check("2025-04-23T10:00:00Z/2025-05-01", "2025-04-23T10:00:00Z", "2025-05-01");
    check("2025-04-23/2025-04-23T10:00:00.5", "2025-04-23", "2025-04-23T10:00:00.5Z");
    check("-0044-03-15~/0014?", "-0044-03-15", "0014-12-31");
}

#[test]
fn unspecified_digits_and_far_years() {
    check("201X", "2010-01-01", "2019-12-31");
    check("20XX", "2000-01-01", "2099-12-31");
    check("2004-XX", "2004-01-01", "2004-12-31");
    check("1985-04-XX", "1985-04-01", "1985-04-30");
    check("1985-XX-XX", "1985-01-01", "1985-12-31");
    check("-0044", "-0044-01-01", "-0044-12-31");
    check("-0044-03-15", "-0044-03-15", "-0044-03-15");
    check("Y12025", "+12025-01-01", "+12025-12-31");
    check("Y-12025", "-12025-01-01", "-12025-12-31");
    check("Y262000", "+262000-01-01", "+262000-12-31");
}

#[test]
fn seasons_are_wide() {
    check("2025-21", "2025-01-01", "2025-12-31");
    check("2025-22", "2024-12-01", "2026-03-31");
    check("2025-23~", "2025-01-01", "2025-12-31");
    check("2025-24", "2024-12-01", "2026-03-31");
    check("2025-22/2025-24?", "2024-12-01", "2026-03-31");
}

#[test]
fn qualifiers_are_kept_and_move_nothing() {
    for (text, uncertain, approximate) in [
        ("2025-04-30", false, false),
        ("2025-04-30?", true, false),
        ("2025-04-30~", false, true),
        ("2025-04-30%", true, true),
        ("2025-04-01/2025-04-30?", true, false),
        ("2025-04-01~/2025-04-30?", true, true),
        ("../2025-04-30~", false, true),
    ] {
        let date = edtf(text);
        assert_eq!(
            (date.is_uncertain(), date.is_approximate()),
            (uncertain, approximate),
            "{text}"
        );
    }
    check("2025-04-30?", "2025-04-30", "2025-04-30");
    check("2025-04~", "2025-04-01", "2025-04-30");
    check("201X%", "2010-01-01", "2019-12-31");
}

#[test]
fn floating_dates_are_read_in_the_zone() {
    let check = |text: &str, zone: &str, earliest: &str, latest: &str| {
        check_span(text, edtf(text).span(Zone::from_name(zone).unwrap()), earliest, latest);
    };
    check("2025-04-23", "Asia/Kolkata", "2025-04-22T18:30:00Z", "2025-04-23T18:29:59.999999Z");
    check("2025-04-23T10:00:00", "Asia/Kolkata", "2025-04-23T04:30:00Z", "2025-04-23T04:30:00Z");
    check("2025-04-23T10:00:00Z", "Asia/Kolkata", "2025-04-23T10:00:00Z", "2025-04-23T10:00:00Z");
    check("2025-10-26T02:30:00", "Europe/Paris", "2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z");
    check("2025-03-30T02:30:00", "Europe/Paris", "2025-03-30T01:00:00Z", "2025-03-30T01:00:00Z");
    // The day Samoa left out is the instant between its neighbours.
    check("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z");
    // Forwards in one zone, backwards in another: the span is the time between, never a negative one.
    let mixed = "2025-04-23T10:00:00/2025-04-23T09:00:00Z";
    check(mixed, "Asia/Kolkata", "2025-04-23T04:30:00Z", "2025-04-23T09:00:00Z");
    check(mixed, "UTC", "2025-04-23T09:00:00Z", "2025-04-23T10:00:00Z");
}

#[test]
fn an_end_is_the_end_of_its_day() {
    let check = |text: &str, earliest: &str, latest: &str| {
        check_span(text, edtf(text).ends(Zone::UTC), earliest, latest);
    };
    let last = |day: &str| format!("{day}T23:59:59.999999Z");
    check("2025-04-23", &last("2025-04-23"), "2025-04-23");
    check("2025-04", &last("2025-04-01"), "2025-04-30");
    check("2025-04-23/2025-05-01", &last("2025-04-23"), "2025-05-01");
    check("2025-04-23T10:00:00Z", "2025-04-23T10:00:00Z", "2025-04-23T10:00:00Z");
    check("../2025-05-01", "..", "2025-05-01");
    check("2025-05-01/..", &last("2025-05-01"), "..");
}

#[test]
fn single_days_and_wider_bounds() {
    for (text, day, bounded) in [
        ("2025-04-23", Some("2025-04-23"), false),
        ("2025-04-23?", Some("2025-04-23"), false),
        ("2025-04-23/2025-04-23", Some("2025-04-23"), false),
        ("2025-04-23/2025-04-24", None, true),
        ("2025-04", None, true),
        ("../2025-04-23", None, true),
        ("2025-04-23T10:00:00Z", None, false),
        ("2025-04-23T10:00:00Z/2025-04-23T12:00:00Z", None, false),
        ("2025-04-23T10:00:00Z/2025-04-24T10:00:00Z", None, true),
    ] {
        let date = edtf(text);
        let found = (date.single_day().map(|day| day.to_string()), date.is_bounded());
        assert_eq!(found, (day.map(str::to_owned), bounded), "{text}");
    }
}

#[test]
fn spans_compare() {
    let span = |text: &str| edtf(text).span(Zone::UTC);
    let (april, day, may) = (span("2025-04"), span("2025-04-23"), span("2025-05"));
    assert!(april.precedes(may) && !may.precedes(april) && !april.precedes(day));
    assert!(april.overlaps(day) && day.overlaps(april) && !day.overlaps(may));
    assert_eq!((april.intersect(day), day.intersect(may)), (Some(day), None));
    assert_eq!(april.hull(may), span("2025-04/2025-05"));
    assert!(april.happened_by(april.latest) && !april.happened_by(day.latest));
    assert!(day.not_yet(april.earliest) && !day.not_yet(day.earliest));
    let open = span("../2025-04-30");
    assert!(open.happened_by(april.latest) && !open.not_yet(Instant::MIN));
}

#[test]
fn what_has_no_form_of_level_1_is_refused() {
    check_refused([""], DateReason::Empty);
    check_refused(
        "2025-4-3 2025/04/23 20250423 2025- - 25 02025 +2025 -0000 -0000-01-01 2025-04-2 \
         2025-04-23- 2025-04-23-01 2025?? Y2025 Y012025 Y Y- Y+12025 २०२५ \
         2025-04-23/2025-04-24/2025-04-25 unknown Today YES . --2025"
            .split(' '),
        DateReason::NotEdtf,
    );
    check_refused(
        [" ", "23 April 2025", " 2025", "2025 ", "2025\u{2013}04", "2025-04-23\n", "2025-04-23\0"],
        DateReason::NotEdtf,
    );
    check_refused("/ ../.. ../ /..".split(' '), DateReason::BoundsNothing);
    check_refused(
        ["2".repeat(DATE_BYTES_MAX + 1).as_str(), &"é".repeat(1000)],
        DateReason::TooLong,
    );
}

#[test]
fn what_no_calendar_and_no_clock_has_is_refused() {
    check_refused(
        "2025-02-29 2025-04-31 2025-13 2025-00 2025-01-00 2025-20 2025-42 1900-02-29".split(' '),
        DateReason::NoSuchDay,
    );
    check_refused(
        "2025-04-23T 2025-04-23T10 2025-04-23T10:00 2025-04-23T24:00:00 2025-04-23T10:60:00 \
         2025-04-23T10:00:61 2025-02-29T10:00:00 2025-04-23T10:00:00z \
         2025-04-23T10:00:00+14:01 2025-04-23T10:00:00-00:00 2025-04-23T10:00:00+0530 \
         2025-04-23T10:00:00? 2025-04T10:00:00 -0044-03-15T10:00:00 2025-04-23T10:00:00.Z \
         2025-04-23T10:00:60. 2025-04-23T10:00:00+é"
            .split(' '),
        DateReason::NoSuchTime,
    );
}

#[test]
fn level_2_backwards_and_far_away_is_refused() {
    check_refused(
        "{1960,1961} [1667..1672] ?2004-06 2004?-06-11 2004-06~-11 156X-12 15XX-12-25 1XXX \
         XX1X XXXX X00X XXXX-12 2004-1X 1985-XX-12 Y17E7 1950S2 2001-25 2001-41? \
         2004-XX/2005 ..2004/2005 2004/2005.."
            .split(' '),
        DateReason::LevelTwo,
    );
    check_refused(
        "2025-05-01/2025-04-23 2026/2025 2025-05/2025-04-30 \
         2025-04-23T10:00:00/2025-04-23T09:59:59 \
         2025-04-23T10:00:00Z/2025-04-23T12:00:00+05:30 2025-04-25T10:00:00Z/2025-04-23"
            .split(' '),
        DateReason::Backwards,
    );
    check_refused(
        "Y262001 Y-262001 Y99999999999999999999 Y-170000002~".split(' '),
        DateReason::OutOfRange,
    );
}

#[test]
fn an_error_shows_text_and_reason() {
    let error = Edtf::parse("2025-02-30").unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"2025-02-30\" is not a date we can take: the calendar has no such month or day"
    );
    assert!(Edtf::parse(&"é".repeat(1000)).unwrap_err().text.len() <= DATE_BYTES_MAX);
}

#[test]
fn suggests_what_was_meant() {
    for (text, meant) in [
        ("2025-4-3", "2025-04-03"),
        ("2025/04/23", "2025-04-23"),
        ("2025.4.23", "2025-04-23"),
        ("20250423", "2025-04-23"),
        ("23 April 2025", "2025-04-23"),
        ("April 23, 2025", "2025-04-23"),
        ("Apr. 23rd, 2025", "2025-04-23"),
        ("23-APR-2025", "2025-04-23"),
        ("2025 Sept 3", "2025-09-03"),
        ("23.04.2025", "2025-04-23"),
        ("4/23/2025", "2025-04-23"),
        ("04.04.2025", "2025-04-04"),
        ("april 2025", "2025-04"),
        (" 2025-04-23\n", "2025-04-23"),
        ("2025-04-23 10:00:00Z", "2025-04-23T10:00:00Z"),
        ("2025-04-23t10:00:00z", "2025-04-23T10:00:00Z"),
        ("2025-4-3/2025-5-1", "2025-04-03/2025-05-01"),
    ] {
        assert_eq!(suggestion(text).as_deref(), Some(meant), "{text}");
    }
}

#[test]
fn suggests_nothing_where_it_would_be_a_guess() {
    for text in [
        "",
        "2025-04-23",
        "03/04/2025",
        "03.04.2025",
        "23 April",
        "2025-02-30",
        "31 April 2025",
        "23.04.25",
        "2024-5",
        "99990423",
        "12345678",
        "23042025",
        "tomorrow",
        "2025-04-23T10:00",
        "May",
        "é",
        "1 2 3",
        "-2025-4-3",
    ] {
        assert_eq!(suggestion(text), None, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        prop_assert_eq!(Edtf::check(&text), Edtf::parse(&text).map(|_| ()));
        if let Ok(date) = Edtf::parse(&text) {
            prop_assert_eq!(date.as_str(), text);
        }
    }

    #[test]
    fn suggestions_are_dates(
        text in "[ 0-9]{1,4}[-/. ,]([0-9]{1,2}|May|june|\\PC)[-/. ,]{1,2}([0-9]{1,4}|[0-9]{2}th)( ?[Tt]?[0-9:]{0,8}z?)"
    ) {
        if let Some(meant) = suggestion(&text) {
            prop_assert!(Edtf::parse(&meant).is_ok(), "{} for {}", meant, text);
            prop_assert!(Edtf::parse(&text).is_err());
        }
    }
}
