//! The rules of `docs/replay.md` about what was known when: clocks, corrections, retractions.

use demarche::model::calendar::Zone;
use demarche::model::date::Edtf;
use demarche::replay::{Clocks, View, anomalies, measures};

use crate::histories::{answer, check, clocks_at, history, status};
use crate::support::{Counting, append_with};

#[test]
fn corrections_and_retractions_act_on_their_own_clock() {
    let mut log = history("impose announced=2025-04-23/2025-05-01");
    let later = &mut Counting::from("2026-06-01T00:00:00Z");
    let correction = r#"{"kind":"source","id":"later","published":"2025-05-10"}
        {"kind":"correction","id":"c","of":"e0","field":"effective","to":"2025-04-24","cites":[{"source":"later"}]}"#;
    append_with(&mut log, correction, demarche::event_log::AppendOptions::default(), later)
        .expect("a good correction");
    assert_eq!(status(answer(&log, "2025-04-24").as_ref()), "in_force");
    let before = |recorded: Option<&str>, reported: Option<&str>| {
        let cut = |date: &str| Edtf::parse(date).unwrap().span(Zone::UTC).latest;
        let clocks = Clocks {
            recorded_by: recorded.map(cut),
            reported_by: reported.map(cut),
            ..clocks_at("2025-04-24")
        };
        let view = View::of(log.history(), clocks);
        let found = status(measures(&view).first());
        (found, view.left_out().no_reported_time)
    };
    assert_eq!(before(Some("2026-05-31"), None).0, "none|in_force");
    assert_eq!(before(Some("2026-06-01"), None).0, "in_force");
    // The imposition itself cites nothing, so the reported clock leaves it out and counts it.
    assert_eq!(before(None, Some("2025-05-10")), ("none".to_owned(), 1));
}

#[test]
fn a_retracted_correction_restores_and_a_retracted_event_leaves_every_answer() {
    let correction = r#"{"kind":"correction","id":"c","of":"e0","field":"when","to":"2025-05-10"}"#;
    let undo = r#"{"kind":"retraction","id":"r","of":"c","by":"recorder"}"#;
    check(&format!("impose 2025-04-23; {correction}"), "2025-04-23: none; 2025-05-10: in_force");
    check(&format!("impose 2025-04-23; {correction}; {undo}"), "2025-04-23: in_force");
    let redo = r#"{"kind":"retraction","of":"r","by":"recorder"}"#;
    check(
        &format!("impose 2025-04-23; {correction}; {undo}; {redo}"),
        "2025-04-23: none; 2025-05-10: in_force",
    );
    let gone = r#"{"kind":"retraction","of":"e0","by":"source"}"#;
    check(&format!("impose 2025-04-23; {gone}"), "2025-05-01: none");
    let log = history(&format!("impose 2025-04-23; lift 2025-04-25; {gone}"));
    assert_eq!(answer(&log, "2025-05-01"), None);
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    let codes: Vec<_> = anomalies(&view).into_iter().map(|anomaly| anomaly.code.as_str()).collect();
    assert_eq!(codes, ["end_of_nothing"]);
}

#[test]
fn a_duplicate_is_one_more_report_of_its_original() {
    let duplicate = r#"{"kind":"retraction","of":"e1","by":"duplicate","duplicate_of":"e0"}"#;
    check(&format!("impose 2025-04-23; impose 2025-04-25; {duplicate}"), "2025-04-23: in_force");
    let log = history(&format!("impose 2025-04-23; impose 2025-04-25; {duplicate}"));
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    assert_eq!(anomalies(&view), []);
}

#[test]
fn the_zone_reads_dates_of_events_and_of_the_question_alike() {
    let log = history("impose effective=2025-04-23T20:00:00Z");
    let in_zone = |name: &str, date: &str| {
        let zone = Zone::from_name(name).expect("a zone");
        let clocks = Clocks::at(Edtf::parse(date).expect("a date").span(zone).latest, zone);
        status(measures(&View::of(log.history(), clocks)).first())
    };
    assert_eq!(in_zone("UTC", "2025-04-23"), "in_force");
    assert_eq!(in_zone("Asia/Kolkata", "2025-04-23"), "none");
    assert_eq!(in_zone("Asia/Kolkata", "2025-04-24"), "in_force");
    let log = history("impose 2025-04-23");
    let clocks = |name: &str| {
        let zone = Zone::from_name(name).expect("a zone");
        Clocks::at(
            zone.end_of(demarche::model::calendar::Day::from_ymd(2025, 4, 23).unwrap()),
            zone,
        )
    };
    for zone in ["UTC", "Asia/Kolkata", "Pacific/Kiritimati", "America/Los_Angeles"] {
        assert_eq!(
            status(measures(&View::of(log.history(), clocks(zone))).first()),
            "in_force",
            "{zone}"
        );
    }
}
