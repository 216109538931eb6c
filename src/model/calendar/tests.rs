use proptest::prelude::*;

use super::{DAY_MICROS, Day, Instant, Zone, days_in_month};

/// Texts that look like `2026-11-24T03:04:05.123456Z`.
const RECORDED_OR_LIKE_IT: &str = "[-+]?[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{0,8})?([Zz]|[-+]00:00|[-+]0[0-9])";

fn zone(name: &str) -> Zone {
    Zone::from_name(name).unwrap()
}

fn instant(text: &str) -> Instant {
    Instant::parse_rfc3339(text).unwrap_or_else(|| panic!("{text}"))
}

/// A wall-clock time, as microseconds.
fn wall(text: &str) -> i64 {
    instant(&format!("{text}Z")).micros()
}

#[test]
fn days_of_the_calendar() {
    assert_eq!(Day::from_ymd(Day::YEAR_MIN, 1, 1), Some(Day::MIN));
    assert_eq!(Day::from_ymd(Day::YEAR_MAX, 12, 31), Some(Day::MAX));
    assert_eq!((Day::MIN.previous(), Day::MAX.next()), (Day::MIN, Day::MAX));
    assert_eq!(Day::from_ymd(1970, 1, 1), Some(Day(0)));
    assert_eq!(Day::from_ymd(1900, 2, 29), None);
    for (year, month, day) in
        [(2025, 0, 1), (2025, 13, 1), (2025, 4, 31), (Day::YEAR_MAX + 1, 1, 1)]
    {
        assert_eq!(Day::from_ymd(year, month, day), None);
    }
    for (month, days) in [(0, None), (1, Some(31)), (2, Some(29)), (4, Some(30)), (13, None)] {
        assert_eq!(days_in_month(2024, month), days);
    }
    for (year, shown) in [(2025, "2025-03-15"), (-44, "-0044-03-15"), (12025, "+12025-03-15")] {
        assert_eq!(Day::from_ymd(year, 3, 15).unwrap().to_string(), shown);
    }
}

#[test]
fn instants_are_read_as_rfc_3339_says() {
    for (text, recorded) in [
        ("2026-11-24T03:04:05.123456Z", "2026-11-24T03:04:05.123456Z"),
        ("2026-11-24t03:04:05z", "2026-11-24T03:04:05.000000Z"),
        ("2026-11-24T03:04:05.1234569+05:30", "2026-11-23T21:34:05.123456Z"),
        ("2026-11-24T03:04:05.1-00:00", "2026-11-24T03:04:05.100000Z"),
        ("2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
    ] {
        assert_eq!(instant(text).to_string(), recorded, "{text}");
    }
    for text in [
        "",
        "T",
        "2026-11-24",
        "2026-11-24T03:04:05",
        "2026-11-24 03:04:05Z",
        "2026-11-24T03:04Z",
        "2026-11-24T03:04:05.Z",
        "2026-11-24T03:04:05,1Z",
        "2026-11-24T24:00:00Z",
        "2026-02-29T03:04:05Z",
        "2026-11-24T03:60:05Z",
        "2026-11-24T03:04:61Z",
        "2026-11-24T03:04:05+24:00",
        "2026-11-24T03:04:05+05",
        "2026-11-24T03:04:05+0530",
        "2026-11-24T03:04:05Zé",
        "2026-11-24T03:04:05é",
        "+2026-11-24T03:04:05Z",
        "-026-11-24T03:04:05Z",
        "2026-11-24T03:04:05Z ",
        "2026-11-24T+3:04:05Z",
        "2026-11-24T03:04:05\u{2212}01:00",
    ] {
        assert_eq!(Instant::parse_rfc3339(text), None, "{text}");
    }
}

#[test]
fn only_the_recorded_form_is_recorded() {
    let text = "2026-11-24T03:04:05.123456Z";
    assert_eq!(Instant::parse_recorded(text).unwrap().to_string(), text);
    for text in [
        "2026-11-24t03:04:05.123456Z",
        "2026-11-24T03:04:05.123456z",
        "2026-11-24T03:04:05.12345Z",
        "2026-11-24T03:04:05.1234560Z",
        "2026-11-24T03:04:05Z",
        "2026-11-24T03:04:05.123456+00:00",
        "2016-12-31T23:59:60.000000Z",
        "..",
    ] {
        assert_eq!(Instant::parse_recorded(text), None, "{text}");
    }
    assert_eq!((Instant::MIN.to_string(), Instant::MAX.to_string()), ("..".into(), "..".into()));
}

#[test]
fn zones_with_gaps_folds_and_a_lost_day() {
    let check_day = |name: &str, day: (i32, u32, u32), start: &str, end: &str| {
        let (zone, day) = (zone(name), Day::from_ymd(day.0, day.1, day.2).unwrap());
        assert_eq!(
            (zone.start_of(day), zone.end_of(day)),
            (instant(start), instant(end)),
            "{name} {day}"
        );
    };
    check_day("UTC", (2025, 4, 23), "2025-04-23T00:00:00Z", "2025-04-23T23:59:59.999999Z");
    check_day("Asia/Kolkata", (2025, 4, 23), "2025-04-22T18:30:00Z", "2025-04-23T18:29:59.999999Z");
    // 23 and 25 hours.
    check_day("Europe/Paris", (2025, 3, 30), "2025-03-29T23:00:00Z", "2025-03-30T21:59:59.999999Z");
    check_day(
        "Europe/Paris",
        (2025, 10, 26),
        "2025-10-25T22:00:00Z",
        "2025-10-26T22:59:59.999999Z",
    );
    // Midnight itself is skipped; midnight comes twice.
    check_day(
        "America/Sao_Paulo",
        (2018, 11, 4),
        "2018-11-04T03:00:00Z",
        "2018-11-05T01:59:59.999999Z",
    );
    check_day(
        "America/Havana",
        (2024, 11, 3),
        "2024-11-03T04:00:00Z",
        "2024-11-04T04:59:59.999999Z",
    );
    // Samoa went from 29 to 31 December 2011.
    check_day(
        "Pacific/Apia",
        (2011, 12, 29),
        "2011-12-29T10:00:00Z",
        "2011-12-30T09:59:59.999999Z",
    );
    check_day("Pacific/Apia", (2011, 12, 30), "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z");
    check_day(
        "Pacific/Apia",
        (2011, 12, 31),
        "2011-12-30T10:00:00Z",
        "2011-12-31T09:59:59.999999Z",
    );

    let paris = zone("Europe/Paris");
    let check_wall = |text: &str, earliest: &str, latest: &str| {
        let found = (paris.earliest_of_local(wall(text)), paris.latest_of_local(wall(text)));
        assert_eq!(found, (instant(earliest), instant(latest)), "{text}");
    };
    check_wall("2025-10-26T02:30:00", "2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z");
    check_wall("2025-03-30T02:30:00", "2025-03-30T01:00:00Z", "2025-03-30T01:00:00Z");
    check_wall("2025-03-30T03:00:00", "2025-03-30T01:00:00Z", "2025-03-30T01:00:00Z");
    check_wall(
        "2025-07-01T12:00:00.000001",
        "2025-07-01T10:00:00.000001Z",
        "2025-07-01T10:00:00.000001Z",
    );
}

#[test]
fn the_ends_of_time_are_safe() {
    for name in ["UTC", "Asia/Kolkata", "Pacific/Apia", "America/New_York"] {
        let zone = zone(name);
        assert!(zone.start_of(Day::MIN) < zone.end_of(Day::MIN));
        assert!(zone.start_of(Day::MAX) < zone.end_of(Day::MAX));
        assert_eq!((zone.day_of(Instant::MIN), zone.day_of(Instant::MAX)), (Day::MIN, Day::MAX));
        for micros in [i64::MIN, i64::MAX] {
            assert_eq!(zone.earliest_of_local(micros).micros(), micros);
            assert_eq!(zone.latest_of_local(micros).micros(), micros);
        }
    }
}

#[test]
fn an_unknown_zone_says_what_is_near() {
    let error = Zone::from_name("asia/kolkata").unwrap_err();
    assert_eq!(error.to_string(), "no time zone is named \"asia/kolkata\"");
    assert_eq!(error.near.first().map(String::as_str), Some("Asia/Kolkata"));
    assert!(error.near.len() <= 3);
    assert!(Zone::from_name("Atlantis/Sunken_City").unwrap_err().near.is_empty());
    assert_eq!(zone("Asia/Kolkata").name(), "Asia/Kolkata");
}

proptest! {
    #[test]
    fn days_and_their_parts_agree(number in Day::MIN.0..=Day::MAX.0) {
        let day = Day(number);
        let (year, month, of_month) = day.ymd();
        prop_assert_eq!(Day::from_ymd(year, month, of_month), Some(day));
        prop_assert!(of_month <= days_in_month(year, month).unwrap());
        prop_assert_eq!(Zone::UTC.start_of(day).micros(), i64::from(number) * DAY_MICROS);
    }

    #[test]
    fn recorded_instants_round_trip(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
        let instant = Instant::from_micros(micros);
        prop_assert_eq!(Instant::parse_recorded(&instant.to_string()), Some(instant));
        prop_assert_eq!(instant.recorded().map(Vec::from), Some(instant.to_string().into_bytes()));
    }

    #[test]
    fn nothing_else_is_recorded(micros: i64, text in RECORDED_OR_LIKE_IT) {
        let shown = Instant::from_micros(micros).to_string();
        let recorded = Instant::from_micros(micros).recorded();
        let short = shown.len() == 27;
        prop_assert_eq!(recorded.map(Vec::from), short.then(|| shown.clone().into_bytes()));
        for text in [shown, text] {
            let read = Instant::parse_rfc3339(&text).filter(|read| read.to_string() == text);
            prop_assert_eq!(Instant::parse_recorded(&text), read);
        }
    }

    #[test]
    fn every_instant_is_within_its_day(
        micros in -4_000_000_000_000_000_i64..4_200_000_000_000_000,
        zone in proptest::sample::select(&chrono_tz::TZ_VARIANTS[..]),
    ) {
        let (zone, instant) = (Zone(zone), Instant::from_micros(micros));
        let day = zone.day_of(instant);
        prop_assert!(zone.start_of(day) <= instant && instant <= zone.end_of(day), "{:?} {}", zone, instant);
    }

    #[test]
    fn a_later_wall_clock_is_never_an_earlier_instant(
        micros in -4_000_000_000_000_000_i64..4_200_000_000_000_000,
        later in 0..2 * DAY_MICROS,
        zone in proptest::sample::select(&chrono_tz::TZ_VARIANTS[..]),
    ) {
        let zone = Zone(zone);
        prop_assert!(zone.earliest_of_local(micros) <= zone.earliest_of_local(micros + later));
        prop_assert!(zone.latest_of_local(micros) <= zone.latest_of_local(micros + later));
        prop_assert!(zone.earliest_of_local(micros) <= zone.latest_of_local(micros));
    }
}
