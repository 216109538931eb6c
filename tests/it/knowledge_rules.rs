//! The rules of `docs/replay.md` about what was known when: clocks, corrections, retractions; and what changed.

use std::collections::BTreeSet;

use demarche::model::calendar::{Day, Zone};
use demarche::model::date::Edtf;
use demarche::replay::diff::{Change, Days, MeasureChange};
use demarche::replay::explain::{speakers_and_topic, topics_of};
use demarche::replay::lag::{Bounds, Lags};
use demarche::replay::{
    Clocks, View, dangling, diff, explain_measure, explain_position, lag, measures, revised_days,
    revisions, timeline,
};

use crate::histories::{answer, check, check_key, clocks, clocks_at, history, status};
use crate::support::MemoryLog;

#[test]
fn a_correction_acts_on_its_own_clocks() {
    let told =
        "source early published=2025-05-01; impose announced=2025-04-23/2025-05-01 cites=early";
    let later = "[2026-06-01] source later published=2025-05-10; correct e1 effective=2025-04-24 cites=later";
    check(
        &format!("{told}; {later}"),
        "2025-04-24: in_force; \
         2025-04-24 recorded=2026-05-31: none|in_force; \
         2025-04-24 recorded=2026-06-01: in_force; \
         2025-04-24 reported=2025-05-09: none|in_force; \
         2025-04-24 reported=2025-05-10: in_force; \
         2025-04-24 recorded=2026-05-31 reported=2025-05-10: none|in_force; \
         2025-04-24 reported=2025-04-30: none",
    );
    // One that cites nothing acts from the day on which it was recorded.
    check(
        &format!("{told}; [2026-06-01] correct e1 effective=2025-04-24"),
        "2025-04-24 reported=2026-05-31: none|in_force; 2025-04-24 reported=2026-06-01: in_force",
    );
}

#[test]
fn of_several_corrections_the_last_recorded_counts_and_a_retracted_one_restores() {
    let one = "impose 2025-04-23; correct e0 when=2025-05-10";
    check(one, "2025-04-23: none; 2025-05-10: in_force");
    check(&format!("{one}; correct e0 when=2025-05-20"), "2025-05-10: none; 2025-05-20: in_force");
    check(&format!("{one}; retract e1 by=recorder"), "2025-04-23: in_force");
    check(
        &format!("{one}; retract e1 by=recorder; retract e2 by=recorder"),
        "2025-04-23: none; 2025-05-10: in_force",
    );
    check(
        &format!("{one}; correct e0 when=2025-05-20; retract e2 by=source"),
        "2025-05-09: none; 2025-05-10: in_force",
    );
    check("impose 2025-04-23 scope=all; correct e0 op=announce", "2025-04-23: announced");
}

#[test]
fn a_retraction_by_source_or_recorder_takes_an_event_out_from_then_on() {
    for by in ["source", "recorder"] {
        let history = format!("impose 2025-04-23; [2026-06-01] retract e0 by={by}");
        check(&history, "2025-05-01: none; 2025-05-01 recorded=2026-05-31: in_force");
        check_key(
            "anomalies",
            &history,
            "2025-05-01: nothing_left; 2025-05-01 recorded=2026-05-31: -",
        );
    }
    let lifted = "impose 2025-04-23; lift 2025-04-25; [2026-06-01] retract e0 by=source";
    check(lifted, "2025-05-01: none; 2025-05-01 recorded=2026-05-31: ended");
    check_key("anomalies", lifted, "2025-05-01: end_of_nothing");
}

#[test]
fn a_retraction_acts_from_its_own_reported_time() {
    let history = "source a published=2025-05-01; impose 2025-04-23 cites=a; \
        [2026-06-01] source b published=2025-06-01; retract e1 by=source cites=b";
    check(
        history,
        "2025-05-01 reported=2025-05-31: in_force; 2025-05-01 reported=2025-06-01: none",
    );
}

#[test]
fn a_duplicate_is_one_more_report_of_its_original() {
    let history = "impose 2025-04-23; impose 2025-04-25; retract e1 by=duplicate duplicate_of=e0";
    check(history, "2025-04-23: in_force");
    check_key("anomalies", history, "2025-05-01: -");
    // Its passages become those of the original, which therefore counts from its reported time.
    let history = "source a published=2025-05-01; impose 2025-04-23; impose 2025-04-23 cites=a; \
        retract e2 by=duplicate duplicate_of=e1";
    check(
        history,
        "2025-05-01 reported=2025-05-01: in_force; 2025-05-01 reported=2025-04-30: none",
    );
}

/// What would break: relations, answers and statements that name a duplicate would be lost with it.
#[test]
fn what_names_a_duplicate_names_its_original() {
    let double = "retract b by=duplicate duplicate_of=a";
    // The same step with a wider date, and a narrower one that is said to be the same as its duplicate.
    let joined = "impose 2025-04-01/2025-04-10 id=a; impose 2025-04-01/2025-04-10 id=b; \
        impose 2025-04-05 id=c; relate b same_act c";
    check(&format!("{joined}; {double}"), "2025-04-04: none; 2025-04-05: in_force");
    let answered = "impose 2025-04-01 id=a; impose 2025-04-01 id=b; \
        impose 2025-04-06 measure=n responds_to=b; \
        impose 2025-04-07 measure=o id=c; relate c retaliates b; relate b responds_to c";
    check_key("answered_by", &format!("{answered}; {double}"), "2025-05-01: n|o");
    check_key("responds_to", &format!("{answered}; {double}"), "2025-05-01: o");
    // One of a duplicate, and to an event that is no step.
    let incidents =
        r#"impose 2025-04-08 responds_to=b; {"kind":"incident","id":"a","when":"2025-04-07"}"#;
    let twice = format!("{incidents}; {}", r#"{"kind":"incident","id":"b","when":"2025-04-07"}"#);
    check_key("responds_to", &twice, "2025-05-01: b");
    check_key("responds_to", &format!("{twice}; {double}"), "2025-05-01: a");
}

/// What would break: what cites a source that was entered twice would count as reported by nobody whose day is known.
#[test]
fn a_source_entered_twice_was_published_when_its_original_was() {
    let history = "source a published=2025-05-01; source b; impose 2025-04-23 cites=b; \
        retract b by=duplicate duplicate_of=a cites=a";
    check(
        history,
        "2025-05-01 reported=2025-05-01: in_force; 2025-05-01 reported=2025-04-30: none",
    );
    let log = self::history(history);
    let answer = answer(&log, "2025-05-01").expect("a measure");
    // The passage stands where it was found.
    assert_eq!(answer.evidence[0].cites[0].source, "b");
}

/// What would break: a correction that cites such a source would count later than a statement that cites it.
#[test]
fn a_correction_acts_from_when_the_original_of_its_source_was_published() {
    let sources = "source a published=2025-05-10; source b; impose 2025-04-20 cites=a";
    let double = "retract b by=duplicate duplicate_of=a";
    for by in ["", " cites=a"] {
        check(
            &format!("{sources}; {double}{by}; [2026-06-01] correct e2 when=2025-04-25 cites=b"),
            "2025-04-20 reported=2025-05-09: none; 2025-04-24 reported=2025-05-10: none; \
             2025-04-25 reported=2025-05-10: in_force",
        );
    }
    // The same of a retraction; and what a duplicate itself was first said to be of does not count.
    let early =
        "source a published=2025-05-10; source b published=2025-05-30; impose 2025-04-20 cites=a";
    check(
        &format!("{early}; {double}; [2026-06-01] retract e2 by=source cites=b"),
        "2025-04-20 reported=2025-05-10: none; 2025-04-20 reported=2025-06-10: none",
    );
}

/// What would break: a duplicate would give its passages, its teller and its day as first recorded, whatever was corrected.
#[test]
fn a_duplicate_is_a_report_as_corrected() {
    let history = "source early published=2025-05-01; source late published=2025-06-01; \
        impose 2025-04-23 cites=late id=a; impose 2025-04-23 cites=late id=b; \
        retract b by=duplicate duplicate_of=a";
    let cites = r#"{"kind":"correction","id":"c","of":"b","field":"cites","to":[{"source":"early"}],"cites":[{"source":"early"}]}"#;
    let told =
        r#"{"kind":"correction","id":"d","of":"b","field":"according_to","to":[{"by":"pk"}]}"#;
    check(history, "2025-05-01 reported=2025-05-31: none");
    let history = format!("{history}; {cites}; {told}");
    check(
        &history,
        "2025-05-01 reported=2025-05-31: in_force; 2025-05-01 reported=2025-04-30: none",
    );
    let log = self::history(&history);
    let answer = answer(&log, "2025-05-01").expect("a measure");
    let passages: Vec<&str> =
        answer.evidence[0].cites.iter().map(|cite| cite.source.as_str()).collect();
    assert_eq!(passages, ["late", "early"]);
    assert_eq!(answer.evidence[0].according_to[0][0].by.as_deref(), Some("pk"));
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    for id in ["c", "d"] {
        assert!(view.heeds(log.history().seq_of(id).expect("it is there")), "{id}");
    }
}

/// What would break: what its source withdrew would go on being called a duplicate.
#[test]
fn what_is_taken_back_for_good_is_no_duplicate_any_more() {
    let history = "impose 2025-04-23 id=a; impose 2025-04-23 id=b; \
        retract b by=duplicate duplicate_of=a id=one; retract b by=source id=two";
    let check_back = |history: &str, by: &str, unheeded: &str| {
        let log = self::history(history);
        let view = View::of(log.history(), clocks_at("2025-05-01"));
        let seq = |id: &str| log.history().seq_of(id).expect("it is there");
        assert_eq!(view.struck().get(&seq("b")), Some(&seq(by)));
        assert!(view.heeds(seq(by)) && !view.heeds(seq(unheeded)));
    };
    check_back(history, "two", "one");
    check_back(&format!("{history}; retract two by=recorder"), "one", "two");
    let first = "impose 2025-04-23 id=a; impose 2025-04-23 id=b; \
        retract b by=source id=two; retract b by=duplicate duplicate_of=a id=one";
    check_back(first, "two", "one");
    // A later retraction says of what it is a duplicate.
    let log = self::history(
        "impose 2025-04-20 id=a; impose 2025-04-21 id=b; impose 2025-04-22 id=c cites=article; \
        retract c by=duplicate duplicate_of=a; retract c by=duplicate duplicate_of=b",
    );
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    assert_eq!(view.fact_by_id("c").map(|fact| fact.seq), log.history().seq_of("b"));
}

#[test]
fn a_further_report_counts_from_its_own_reported_time() {
    let sources = "source early published=2025-05-01; source late published=2025-06-01; \
        impose 2025-04-23/2025-05-01 cites=early id=a";
    let expected =
        "2025-04-23 reported=2025-05-31: none|in_force; 2025-04-23 reported=2025-06-01: in_force";
    check(&format!("{sources}; mention a effective=2025-04-23 cites=late"), expected);
    // The same of a duplicate: its passage is one of the original's from then on.
    let log = history(&format!(
        "{sources}; impose 2025-04-24 cites=late id=b; retract b by=duplicate duplicate_of=a cites=early"
    ));
    let cited = |reported: &str| {
        let answer = answer(&log, &format!("2025-05-01 reported={reported}")).expect("a measure");
        let cites = answer.evidence.into_iter().flat_map(|evidence| evidence.cites);
        cites.map(|cite| cite.source).collect::<Vec<_>>()
    };
    assert_eq!(cited("2025-05-31"), ["early"]);
    assert_eq!(cited("2025-06-01"), ["early", "late"]);
    // What was taken back for good is no report any more.
    let log = history(&format!(
        "{sources}; impose 2025-04-24 cites=late id=b; retract b by=duplicate duplicate_of=a; \
         retract b by=source"
    ));
    let answer = answer(&log, "2025-05-01").expect("a measure");
    assert_eq!(answer.evidence.iter().map(|evidence| evidence.cites.len()).sum::<usize>(), 1);
}

#[test]
fn an_event_is_reported_when_the_earliest_of_its_sources_was_published() {
    let history = "source a published=2025-05-10; source b published=2025-05-01; \
        impose 2025-04-23 cites=a; [2026-06-01] mention e2 cites=b";
    check(
        history,
        "2025-05-01 reported=2025-04-30: none; 2025-05-01 reported=2025-05-01: in_force; \
         2025-05-01 reported=2025-05-01 recorded=2026-05-31: none; \
         2025-05-01 reported=2025-05-10 recorded=2026-05-31: in_force",
    );
}

#[test]
fn what_has_no_reported_time_is_left_out_and_counted() {
    let log = history("source a; impose 2025-04-23; lift 2025-04-24 cites=a");
    let view = View::of(log.history(), clocks("2025-05-01 reported=2026-01-01"));
    assert_eq!(measures(&view), []);
    assert_eq!(view.left_out().no_reported_time, 2);
    assert_eq!(view.left_out().reported_later, 0);
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

/// The days of a change, `FIRST/LAST`.
fn days(change: &MeasureChange) -> String {
    let Days { first, last } = change.days.expect("days");
    let day = |day: Option<Day>| day.map_or_else(|| "..".to_owned(), |day| day.to_string());
    format!("{}/{}", day(first), day(last))
}

/// The days about which two states of knowledge differ, and how: `DAYS: BEFORE -> AFTER (BECAUSE)`.
#[track_caller]
fn check_learnt(entries: &str, before: &str, after: &str, expected: &[&str]) {
    let log = history(entries);
    let view = |recorded: &str| {
        View::of(log.history(), clocks(&format!("2026-12-31 recorded={recorded}")))
    };
    let found: Vec<String> = revised_days(&view(before), &view(after))
        .iter()
        .map(|change| {
            format!(
                "{}: {} -> {} ({})",
                days(change),
                status(change.before.as_ref()),
                status(change.after.as_ref()),
                change.because.join(",")
            )
        })
        .collect();
    assert_eq!(found, expected, "{entries}");
}

#[test]
fn what_was_learnt_is_told_for_every_day_with_its_reason() {
    check_learnt(
        "impose announced=2025-04-23/2025-05-01; [2026-06-01] correct e0 effective=2025-04-24",
        "2026-05-31",
        "2026-06-01",
        &[
            "2025-04-23/2025-04-23: none|in_force -> none|announced (e1)",
            "2025-04-24/2025-04-30: none|in_force -> in_force (e1)",
            "2025-05-01/..: in_force -> in_force (e1)",
        ],
    );
    check_learnt(
        "impose 2025-04-23; [2026-06-01] retract e0 by=recorder",
        "2026-05-31",
        "2026-06-01",
        &["2025-04-23/..: in_force -> none (e1)"],
    );
    check_learnt(
        "impose 2025-04-23; [2026-06-01] retract e0 by=recorder; [2026-07-01] retract e1 by=recorder",
        "2026-06-30",
        "2026-07-01",
        &["2025-04-23/..: none -> in_force (e2)"],
    );
    check_learnt(
        "impose ../2025-05-01; [2026-06-01] mention e0 effective=2025-04-20",
        "2026-05-31",
        "2026-06-01",
        &[
            "../2025-04-19: none|in_force -> none (e1)",
            "2025-04-20/2025-04-30: none|in_force -> in_force (e1)",
            "2025-05-01/..: in_force -> in_force (e1)",
        ],
    );
    check_learnt(
        "impose 2025-04-23; deny 2025-04-24; [2026-06-01] correct e0 when=2025-04-20",
        "2026-05-31",
        "2026-06-01",
        &[
            "2025-04-20/2025-04-22: none -> in_force (e2)",
            "2025-04-23/..: in_force -> in_force (e2)",
        ],
    );
    check_learnt(
        "impose 2025-04-23; [2026-06-01] deny 2025-04-24",
        "2026-05-31",
        "2026-06-01",
        &["2025-04-24/..: in_force -> in_force (e1)"],
    );
    // What would break: of days on which it was announced and days on which it was in force one of both would be said.
    check_learnt(
        "impose announced=2025-05-01 effective=2025-05-03 until=2025-06-01; [2026-06-01] correct e0 legal_basis=order",
        "2026-05-31",
        "2026-06-01",
        &[
            "2025-05-01/2025-05-02: announced -> announced (e1)",
            "2025-05-03/2025-06-01: in_force -> in_force (e1)",
            "2025-06-02/..: in_force|ended -> in_force|ended (e1)",
        ],
    );
    // What answers it from some day on, before as after, tells no days apart.
    check_learnt(
        "impose 2025-04-23; impose 2025-05-01 measure=n responds_to=m; [2026-06-01] correct e0 when=2025-04-20",
        "2026-05-31",
        "2026-06-01",
        &[
            "2025-04-20/2025-04-22: none -> in_force (e2)",
            "2025-04-23/..: in_force -> in_force (e2)",
        ],
    );
    check_learnt(
        r#"{"kind":"incident","id":"y"}; {"kind":"incident","id":"dup"}; impose 2025-04-23 responds_to=dup;
           [2026-06-01] retract dup by=duplicate duplicate_of=y"#,
        "2026-05-31",
        "2026-06-01",
        &["2025-04-23/..: in_force -> in_force (e3)"],
    );
    // The end that was put off is no turn of the answer: the days around it are one stretch.
    check_learnt(
        "source s; [2026-06-01] impose 2025-04-23 until=2025-05-10; extend 2025-04-30 until=2025-06-10",
        "2026-05-31",
        "2026-06-01",
        &[
            "2025-04-23/2025-04-29: none -> in_force (e1)",
            "2025-04-30/2025-06-10: none -> in_force (e1,e2)",
            "2025-06-11/..: none -> in_force|ended (e1,e2)",
        ],
    );
}

#[test]
fn the_evidence_of_a_correction_is_on_whose_word_it_was_made() {
    let told = |according_to: &str| {
        let log = history(&format!(
            r#"impose 2025-04-23; {{"kind":"correction","of":"e0","field":"effective","to":"2025-04-24"{according_to}}}"#
        ));
        let answer = answer(&log, "2025-05-01").expect("there is a measure");
        let of_correction =
            answer.evidence.iter().find(|one| one.event == "@10").expect("it decides");
        of_correction.according_to.iter().map(|chain| chain[0].by.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(""), Vec::new());
    assert_eq!(told(r#","according_to":{"by":"in","how":"readout"}"#), [Some("in".to_owned())]);
}

#[test]
fn revisions_are_what_changed_a_past_answer_and_not_what_was_news() {
    let log = history(
        "impose 2025-04-23; [2026-02-01] impose 2025-04-24 measure=n; \
         [2026-03-01] correct e0 when=2025-04-25; [2026-04-01] lift 2026-04-01",
    );
    let told = |log: &MemoryLog| -> Vec<String> {
        let found = revisions(log.history(), Zone::UTC);
        let changes = found.iter().flat_map(|revision| {
            let at = revision.recorded_at.to_string();
            revision.measures.iter().map(move |change| {
                format!(
                    "{} {} {} {}",
                    &at[..10],
                    change.measure,
                    days(change),
                    change.because.join(",")
                )
            })
        });
        changes.collect()
    };
    // The lift of 1 April says nothing about the days before it, the second measure was not known before.
    assert_eq!(
        told(&log),
        ["2026-03-01 m 2025-04-23/2025-04-24 e2", "2026-03-01 m 2025-04-25/2026-02-01 e2"]
    );
    // What was known a day ago can only be revised for that day, and is.
    let log = history("[2026-01-02] impose 2026-01-02; [2026-01-03] correct e0 when=2026-01-05");
    assert_eq!(told(&log), ["2026-01-03 m 2026-01-02/2026-01-02 e1"]);
}

/// What would break: who denied a measure, answers it or cites more for it would be learnt, and no change be shown.
#[test]
fn whatever_an_answer_says_otherwise_is_a_change() {
    let fields = |entries: &str| -> Vec<String> {
        let log = history(&format!("source s published=2025-04-23; impose 2025-04-23; {entries}"));
        let view = |recorded: &str| {
            View::of(log.history(), clocks(&format!("2026-12-31 recorded={recorded}")))
        };
        let changes = revised_days(&view("2026-05-31"), &view("2026-06-01"));
        let of_m = changes.iter().filter(|change| change.measure == "m");
        let told = of_m.map(|change| {
            let (fields, because) = (change.fields.join(","), change.because.join(","));
            format!("{} {fields} ({because})", days(change))
        });
        told.collect()
    };
    assert_eq!(fields("[2026-06-01] deny 2025-04-25"), ["2025-04-25/.. flags (e2)"]);
    assert_eq!(fields("[2026-06-01] mention e1 cites=s"), ["2025-04-23/.. evidence (e2)"]);
    // From the day on which the answer can have been given, though no step of the measure is of that day.
    let answered = "[2026-06-01] impose 2025-05-01 measure=n responds_to=m";
    assert_eq!(fields(answered), ["2025-05-01/.. answered_by (e2)"]);
    let answers = "impose 2025-03-01 measure=n; [2026-06-01] relate e1 retaliates n";
    assert_eq!(fields(answers), ["2025-04-23/.. responds_to (e3)"]);
    let gone = r#"{"kind":"incident","id":"i","when":"2025-05-02"}; relate i responds_to m;
        [2026-06-01] retract i by=recorder"#;
    assert_eq!(fields(gone), ["2025-05-02/.. answered_by (e4)"]);
    let reason = "extend 2025-04-23 until=2025-06-10/2025-06-20; \
        [2026-06-01] correct e2 until=2025-06-10";
    assert_eq!(
        fields(reason),
        [
            "2025-04-23/2025-06-10 until,evidence (e3)",
            "2025-06-11/2025-06-20 until,reason,evidence (e3)",
            "2025-06-21/.. until,evidence (e3)",
        ]
    );
    assert_eq!(fields("[2026-06-01] relate e1 about s"), Vec::<String>::new());
}

/// What would break: a position that is held again would be in the answer, and in no revision.
#[test]
fn what_was_taken_back_and_is_restored_is_revised_and_what_is_new_is_not() {
    let said = |id: &str, when: &str| {
        format!(r#"{{"kind":"statement","id":"{id}","by":"in","topic":"treaty","when":"{when}"}}"#)
    };
    let log = history(&format!(
        "[2026-01-01] {}; [2026-02-01] retract s by=recorder id=x; [2026-03-01] retract x by=recorder; \
         [2026-04-01] {}",
        said("s", "2025-04-20"),
        said("new", "2025-04-20")
    ));
    let found = revisions(log.history(), Zone::UTC);
    let told: Vec<String> = found
        .iter()
        .flat_map(|revision| &revision.positions)
        .map(|change| {
            format!("{} {} {}", change.change.as_str(), change.event, change.because.join(","))
        })
        .collect();
    assert_eq!(told, ["removed s x", "appeared s e2"]);
}

#[test]
fn a_diff_of_two_dates_names_the_event_behind_each_change() {
    let log = history(
        "impose 2025-04-23 until=2025-05-10; lift 2025-05-05 measure=n; impose 2025-04-20 measure=n; \
         {\"kind\":\"statement\",\"id\":\"s1\",\"by\":\"in\",\"topic\":\"treaty\",\"stance\":\"opposes\",\"when\":\"2025-04-20\"}; \
         {\"kind\":\"statement\",\"id\":\"s2\",\"by\":\"in\",\"topic\":\"treaty\",\"stance\":\"supports\",\"when\":\"2025-05-01\"}",
    );
    let view = |to: &str| View::of(log.history(), clocks_at(to));
    let told = |from: &str, to: &str| -> Vec<String> {
        let diff = diff(&view(from), &view(to));
        let measures = diff.measures.iter().map(|change| {
            format!("{} {} {}", change.change.as_str(), change.measure, change.because.join(","))
        });
        let positions = diff.positions.iter().map(|change| {
            format!("{} {} {}", change.change.as_str(), change.event, change.because.join(","))
        });
        measures.chain(positions).collect()
    };
    assert_eq!(
        told("2025-04-22", "2025-05-06"),
        ["appeared m e0", "ended n e1", "ended s1 s2", "appeared s2 s2",]
    );
    assert_eq!(told("2025-05-06", "2025-05-11"), ["changed m e0"]);
    assert_eq!(told("2025-05-06", "2025-05-06"), Vec::<String>::new());
}

#[test]
fn a_position_that_was_corrected_and_is_still_held_has_not_ended() {
    let log = history(
        "{\"kind\":\"statement\",\"id\":\"s\",\"by\":\"in\",\"topic\":\"treaty\",\"stance\":\"opposes\",\"when\":\"2025-04-20\"}; \
         [2026-06-01] correct s stance=supports",
    );
    let view = |question: &str| View::of(log.history(), clocks(question));
    let diff = diff(&view("2025-05-06 recorded=2026-05-31"), &view("2025-05-06"));
    let told = diff.positions.iter().map(|change| (change.change, change.because.join(",")));
    assert_eq!(told.collect::<Vec<_>>(), [(Change::Changed, "e1".to_owned())]);
}

/// What would break: a change would be laid to what the log had long known, where something further from it was learnt.
#[test]
fn the_reason_for_a_change_is_what_was_learnt_however_far_it_is() {
    let twice =
        "impose 2025-04-23 id=a; impose 2025-04-23 id=b; retract b by=duplicate duplicate_of=a";
    let told =
        r#"{"kind":"correction","id":"c","of":"b","field":"according_to","to":[{"by":"pk"}]}"#;
    let expected = ["2025-04-23/..: in_force -> in_force (c)"];
    check_learnt(&format!("{twice}; [2026-06-01] {told}"), "2026-05-31", "2026-06-01", &expected);
    let expected = ["2025-04-23/..: in_force -> in_force (d)"];
    check_learnt(
        &format!("{twice}; {told}; [2026-06-01] retract c by=recorder id=d"),
        "2026-05-31",
        "2026-06-01",
        &expected,
    );
    // What was a duplicate, and is now withdrawn.
    let cited = "impose 2025-04-23 id=a; impose 2025-04-23 id=b cites=article; \
        retract b by=duplicate duplicate_of=a; [2026-06-01] retract b by=source id=c";
    let expected = ["2025-04-23/..: in_force -> in_force (c)"];
    check_learnt(cited, "2026-05-31", "2026-06-01", &expected);
    // What may have been said later, and was not known.
    let said = |id: &str, when: &str| {
        format!(
            r#"{{"kind":"statement","id":"{id}","by":"in","topic":"treaty","stance":"opposes","when":"{when}"}}"#
        )
    };
    let (first, later) = (said("one", "2025-04-20"), said("two", "2025-05-01/2025-06-01"));
    let log = history(&format!("{first}; [2026-06-01] {later}"));
    let view = |question: &str| View::of(log.history(), clocks(question));
    let because = |before: &str, after: &str| {
        let diff = diff(&view(before), &view(after));
        diff.positions.into_iter().map(|change| (change.event, change.because)).collect::<Vec<_>>()
    };
    let both = ["one", "two"].map(|id| (id.to_owned(), vec!["two".to_owned()]));
    assert_eq!(because("2025-05-06 recorded=2026-05-31", "2025-05-06"), both);
    assert_eq!(because("2025-04-30", "2025-05-06"), both);
}

#[test]
fn an_explanation_lists_every_step_and_what_became_of_it() {
    let log = history(
        "impose 2025-04-23/2025-05-01; lift 2025-06-01; suspend 2025-04-20; \
         [2026-06-01] retract e2 by=recorder; amend 2025-04-10; [2026-07-01] narrow 2025-04-25",
    );
    let view = View::of(log.history(), clocks("2025-04-24 recorded=2026-06-30"));
    let found = explain_measure(&view, "m").expect("there is a measure");
    let steps: Vec<String> = found
        .steps
        .iter()
        .map(|step| {
            let decides = if step.decides { " decides" } else { "" };
            format!("{} {} {}{decides}", step.event, step.act, step.happened.as_str())
        })
        .collect();
    assert_eq!(
        steps,
        ["e4 amend happened", "e0 impose may_have_happened decides", "e1 lift had_not_happened",]
    );
    let ids: Vec<String> =
        found.not_counted.iter().map(|one| log.history().id_of(one.seq)).collect();
    assert_eq!(ids, ["e2", "e5"]);
    let log = history("impose announced=2025-04-02 effective=2025-04-09");
    let view = View::of(log.history(), clocks("2025-04-10"));
    let steps = explain_measure(&view, "m").expect("there is a measure").steps;
    let acts: Vec<&str> = steps.iter().map(|step| step.act.as_str()).collect();
    assert_eq!(acts, ["announce", "take_effect"]);
    assert_eq!(explain_measure(&view, "nothing"), None);
}

/// What would break: a date of effect that is to come would be said to decide, and one that came to nothing to have happened.
#[test]
fn what_was_announced_is_explained_step_by_step() {
    let explained = |entries: &str, to: &str| -> Vec<String> {
        let log = history(entries);
        let view = View::of(log.history(), clocks(to));
        let steps = explain_measure(&view, "m").expect("there is a measure").steps;
        let told = steps.iter().map(|step| {
            let decides = if step.decides { " decides" } else { "" };
            format!("{} {}{decides}", step.act, step.happened.as_str())
        });
        told.collect()
    };
    let announced = "announce 2025-05-01 effective=2025-05-20";
    assert_eq!(
        explained(announced, "2025-05-04"),
        ["announce happened decides", "take_effect had_not_happened"]
    );
    assert_eq!(
        explained(&format!("{announced}; lift 2025-05-10"), "2025-05-25"),
        ["announce happened", "lift happened decides", "take_effect did_not_happen"]
    );
    assert_eq!(
        explained(&format!("{announced}; lift 2025-05-10/2025-05-30"), "2025-05-25")[2],
        "take_effect happened decides"
    );
}

/// What would break: what was withdrawn by its source would go on backing an answer, and `--reported-by` would quote what nobody
/// could read by then.
#[test]
fn passages_are_given_of_sources_that_stand_and_could_be_read() {
    let cited = |entries: &str, question: &str| -> Vec<String> {
        let log = history(entries);
        let evidence = answer(&log, question).expect("a measure").evidence;
        evidence.iter().flat_map(|one| &one.cites).map(|cite| cite.source.clone()).collect()
    };
    let told = "source early published=2025-05-01; source late published=2025-05-09; source undated; \
        impose 2025-04-23 cites=early; mention e3 cites=late; mention e3 cites=undated; \
        [2026-06-01] retract early by=source";
    let before = "2025-05-01 recorded=2026-05-31";
    assert_eq!(cited(told, before), ["early", "late", "undated"]);
    assert_eq!(cited(told, "2025-05-01"), ["late", "undated"]);
    assert_eq!(cited(told, &format!("{before} reported=2025-05-02")), ["early"]);
    let first_late = "source late published=2025-05-09; source early published=2025-05-01; \
        impose 2025-04-23 cites=late; mention e2 cites=early when=2025-04-23";
    assert_eq!(cited(first_late, "2025-05-01 reported=2025-05-02"), ["early", "early"]);
    let learnt = ["2025-04-23/..: in_force -> in_force (e6)"];
    check_learnt(told, "2026-05-31", "2026-06-01", &learnt);
    // A duplicate goes with its original, though its own words stand elsewhere.
    let double =
        "source a; source b; impose 2025-04-23 cites=b; retract b by=duplicate duplicate_of=a";
    assert_eq!(cited(double, "2025-05-01"), ["b"]);
    assert_eq!(
        cited(&format!("{double}; retract a by=source"), "2025-05-01"),
        Vec::<String>::new()
    );
}

/// What would break: nobody would see that a correction bears on an answer and is only not yet to be read.
#[test]
fn what_corrects_and_is_not_reported_yet_is_counted() {
    let log = history(
        "source a published=2025-05-01; source b published=2025-06-01; impose 2025-04-23 cites=a; \
         correct e2 effective=2025-04-24 cites=b; retract e2 by=source cites=b",
    );
    let told = |question: &str| {
        let view = View::of(log.history(), clocks(question));
        let (left_out, explained) = (view.left_out(), explain_measure(&view, "m").unwrap());
        let ignored = explained.not_counted.iter().map(|one| log.history().id_of(one.seq));
        (left_out.corrections_reported_later, left_out.reported_later, ignored.collect::<Vec<_>>())
    };
    let ids = |all: &[&str]| all.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(told("2025-05-01 reported=2025-05-31"), (2, 0, ids(&["e3", "e4"])));
    assert_eq!(told("2025-05-01 reported=2025-06-01"), (0, 0, ids(&["e2"])));
}

#[test]
fn an_explanation_of_a_position_lists_what_was_said_what_was_not_yet_and_what_does_not_count() {
    let said = |id: &str, by: &str, topic: &str, when: &str| {
        format!(
            r#"{{"kind":"statement","id":"{id}","by":["{by}"],"topic":"{topic}","stance":"supports","when":"{when}"}}"#
        )
    };
    let entries = [
        said("made", "in", "treaty", "2025-04-01"),
        said("later", "in", "treaty", "2025-06-01"),
        said("gone", "in", "treaty", "2025-04-02"),
        said("other", "pk", "treaty", "2025-04-01"),
        r#"{"kind":"topic","id":"visas"}"#.to_owned(),
        said("elsewhere", "in", "visas", "2025-04-03"),
        "retract gone by=recorder".to_owned(),
    ];
    let log = history(&entries.join("; "));
    let view = View::of(log.history(), clocks("2025-05-01"));
    let found = explain_position(&view, "in", "treaty").expect("something was said");
    let made: Vec<&[String]> = found.said.iter().map(|one| one.rests_on.as_slice()).collect();
    assert_eq!(made, [["made"]]);
    assert_eq!(found.not_yet, ["later"]);
    let ids: Vec<String> =
        found.not_counted.iter().map(|one| log.history().id_of(one.seq)).collect();
    assert_eq!(ids, ["gone"]);
    assert_eq!(explain_position(&view, "pk", "visas"), None);
}

/// What would break: an explanation would deny a position that `positions` gives, or explain one that nobody holds.
#[test]
fn a_position_is_explained_by_the_names_that_stand() {
    let entries = r#"{"kind":"topic","id":"visas"}; {"kind":"topic","id":"visa"};
        {"kind":"actor","id":"pak"}; source a published=2025-05-01; source b published=2025-06-01;
        {"kind":"statement","id":"one","by":["pak"],"topic":"visa","when":"2025-04-01","cites":[{"source":"a"}]};
        {"kind":"statement","id":"two","by":["in"],"topic":"treaty","when":"2025-04-02","cites":[{"source":"a"}]};
        {"kind":"statement","id":"late","by":["pak"],"topic":"visa","when":"2025-04-03","cites":[{"source":"b"}]};
        {"kind":"statement","id":"gone","by":["pak"],"topic":"visa","when":"2025-04-04"};
        {"kind":"correction","of":"two","field":"by","to":["pak"],"cites":[{"source":"a"}]};
        {"kind":"correction","of":"two","field":"topic","to":"visa","cites":[{"source":"a"}]};
        retract gone by=source cites=a; retract pak by=duplicate duplicate_of=pk cites=a;
        retract visa by=duplicate duplicate_of=visas cites=a"#;
    let log = history(entries);
    let view = View::of(log.history(), clocks("2025-05-01 reported=2025-05-10"));
    for (actor, topic) in [("pk", "visas"), ("pak", "visa")] {
        let found = explain_position(&view, actor, topic).expect("something was said");
        assert_eq!((&*found.actor, &*found.topic), ("pk", "visas"));
        let said: Vec<&str> = found.said.iter().map(|one| one.event.as_str()).collect();
        assert_eq!(said, ["two", "one"]);
        let not: Vec<String> =
            found.not_counted.iter().map(|one| log.history().id_of(one.seq)).collect();
        assert_eq!(not, ["late", "gone"]);
        assert_eq!(topics_of(&view, actor), ["visas".to_owned()].into());
    }
    assert_eq!(explain_position(&view, "in", "treaty"), None);
    let of = |id: &str| {
        let seq = log.history().seq_of(id).expect("it is there");
        speakers_and_topic(&view, log.history().entry(seq).expect("it is held"))
    };
    for id in ["one", "two", "late", "gone"] {
        assert_eq!(of(id), Some((vec!["pk".to_owned()], "visas".to_owned())), "{id}");
    }
}

/// What would break: what a source told first would leave no trace in its lag once it was found to be a further report.
#[test]
fn the_lag_of_a_source_is_over_duplicates_too() {
    let log = history(
        "[2026-01-10] source s published=2026-01-03; source copy; source t published=2026-01-05; \
         impose 2026-01-01 cites=t; impose 2026-01-01 cites=copy; \
         {\"kind\":\"incident\",\"when\":\"2026-01-02\",\"cites\":[{\"source\":\"s\"},{\"source\":\"copy\"}]}; \
         retract e4 by=duplicate duplicate_of=e3; retract copy by=duplicate duplicate_of=s",
    );
    let lags = lag(&View::of(log.history(), clocks("2026-02-01")));
    let found: Vec<_> = lags.iter().map(|one| (one.source.as_str(), one.acts)).collect();
    assert_eq!(found, [("s", 2), ("t", 1)]);
    let bounds = |days| Some(Bounds { low: days, high: days });
    let lag = &lags[0].reported_minus_valid;
    assert_eq!((lag.least, lag.most), (bounds(1), bounds(2)));
}

#[test]
fn the_lag_of_a_source_is_over_every_act_that_cites_it() {
    let twice = r#"{"kind":"statement","by":["in"],"topic":"treaty","when":"2025-05-01","cites":[{"source":"s"},{"source":"s"}]}"#;
    let note = r#"{"kind":"note","text":"x","when":"2026-01-01","cites":[{"source":"s"}]}"#;
    let more = note.replace(r#""x""#, r#""y""#);
    let log = history(&format!(
        "[2026-01-10] source s published=2026-01-03; source open published=2026-01-03/..; source never; \
         impose 2026-01-01 cites=s; mention e3 cites=s; {twice}; {note}; {more}; \
         lift 2026-01-02 cites=open; lift 2026-01-03 cites=never"
    ));
    let found = lag(&View::of(log.history(), clocks("2026-02-01")));
    let exact = |days| Some(Bounds { low: days, high: days });
    let no_lag = |unknown| Lags { unknown, ..Lags::default() };
    let of = |source: &str| found.iter().find(|lag| lag.source == source).expect("it is cited");
    let s = of("s");
    assert_eq!((s.published.as_deref(), s.acts), (Some("2026-01-03"), 3));
    assert_eq!((s.reported_minus_valid.count, s.reported_minus_valid.unknown), (2, 1));
    assert_eq!((s.reported_minus_valid.least, s.reported_minus_valid.most), (exact(2), exact(247)));
    let seven = Lags { count: 3, unknown: 0, least: exact(7), median: exact(7), most: exact(7) };
    assert_eq!(s.recorded_minus_reported, seven);
    for source in ["open", "never"] {
        assert_eq!(of(source).reported_minus_valid, no_lag(1), "{source}");
        assert_eq!(of(source).recorded_minus_reported, no_lag(1), "{source}");
    }
    assert_eq!(found.len(), 3);
}

#[test]
fn a_timeline_is_in_the_order_of_bounds_and_says_what_may_be_later() {
    let log = history(
        r#"impose id=undated; impose 2025-04-23 effective=2025-04-20 id=effective; lift 2025-05-02 id=later;
           lift 2025-04-23 announced=2025-04-21 id=announced; lift 2025-04-30/2025-05-05 id=may;
           lift 2025-04-22/2025-04-25 id=placed; mention placed 2025-04-24;
           lift ../2025-04-01 id=open; mention open 2025-04-28; lift 2025-04 id=apart; mention apart effective=2025-05-03; source s;
           {"kind":"statement","id":"said","by":["in"],"topic":"treaty","when":"2025-03"}"#,
    );
    let view = View::of(log.history(), clocks("2025-05-01"));
    let shown: Vec<String> = timeline(&view)
        .iter()
        .map(|item| {
            let (id, may) = (log.history().id_of(item.fact.seq), if item.may { "?" } else { "" });
            format!("{id}{may} {}", item.when.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "open ../2025-04-28",
            "said 2025-03",
            "apart? 2025-04-01/2025-05-03",
            "effective 2025-04-20",
            "announced 2025-04-21",
            "placed 2025-04-24",
            "may? 2025-04-30/2025-05-05",
            "undated? -",
        ]
    );
}

/// What would break: the timeline would show a step when replay says that it had not happened, or the other way round.
#[test]
fn a_timeline_places_acts_as_replay_does() {
    let shown = |entries: &str, to: &str| -> Vec<String> {
        let log = history(entries);
        let view = View::of(log.history(), clocks(to));
        let items = timeline(&view);
        let told = items.iter().map(|item| {
            let may = if item.may { "?" } else { "" };
            let when = item.when.as_deref().unwrap_or("-");
            format!("{}{may} {when}", log.history().id_of(item.fact.seq))
        });
        told.collect()
    };
    // Where a date of effect is stated, when it was reported places nothing.
    let dated = "impose effective=2025-05-01; mention e0 2025-04-20";
    check(dated, "2025-04-25: none; 2025-05-01: in_force");
    assert_eq!(shown(dated, "2025-04-25"), Vec::<String>::new());
    assert_eq!(shown(dated, "2025-05-01"), ["e0 2025-05-01"]);
    let announced = "announce 2025-04-10 effective=2025-06-01";
    check(announced, "2025-04-25: announced; 2025-06-01: in_force");
    assert_eq!(shown(announced, "2025-04-25"), ["e0 2025-04-10"]);
    assert_eq!(shown(announced, "2025-06-01"), ["e0 2025-06-01"]);
    // Ended before its date, it never took effect; what may have been ended before may have.
    let ended = format!("{announced}; lift 2025-05-01");
    assert_eq!(shown(&ended, "2025-06-01"), ["e0 2025-04-10", "e1 2025-05-01"]);
    let perhaps = format!("{announced}; lift 2025-05-01/2025-06-10");
    assert_eq!(shown(&perhaps, "2025-06-01"), ["e1? 2025-05-01/2025-06-10", "e0 2025-06-01"]);
    let joined = "impose 2025-04-01/2025-04-10; impose 2025-04-05; relate e1 same_act e0";
    check(joined, "2025-04-04: none; 2025-04-05: in_force");
    assert_eq!(shown(joined, "2025-04-04"), Vec::<String>::new());
    assert_eq!(shown(joined, "2025-04-05"), ["e0 2025-04-05", "e1 2025-04-05"]);
    // Nothing but a measure takes effect.
    let said = r#"{"kind":"statement","id":"s","by":["in"],"topic":"treaty","when":"2025-04-20"};
        mention s effective=2025-04-10"#;
    assert_eq!(shown(said, "2025-04-15"), Vec::<String>::new());
    assert_eq!(shown(said, "2025-04-25"), ["s 2025-04-20"]);
}

/// What would break: what is to take effect would be late before it has.
#[test]
fn the_lag_of_what_was_announced_is_from_its_announcement() {
    let log = history(
        "[2026-01-10] source s published=2026-01-03; announce 2026-01-02 effective=2026-06-01 cites=s",
    );
    let found = lag(&View::of(log.history(), clocks("2026-02-01")));
    let day = Some(Bounds { low: 1, high: 1 });
    assert_eq!((found[0].reported_minus_valid.least, found[0].acts), (day, 1));
}

/// What would break: an answer from a part of a log would pass for complete while something that it names is withheld.
#[test]
fn what_is_named_and_withheld_is_dangling() {
    let log = history(
        "source s; impose 2025-04-23 cites=s; impose 2025-04-24 measure=n; relate e2 responds_to m",
    );
    let lost_of = |part| dangling(&View::of(&part, clocks("2025-05-01")));
    assert_eq!(lost_of(log.history().clone()), BTreeSet::new());
    for (withheld, lost) in [("s", vec!["s"]), ("pk", vec!["pk"]), ("e1", vec!["m"])] {
        let mut part = log.history().clone();
        let of: BTreeSet<u64> = part.seq_of(withheld).into_iter().collect();
        part.forget(&of);
        let lost: BTreeSet<String> = lost.into_iter().map(str::to_owned).collect();
        assert_eq!(lost_of(part), lost, "{withheld}");
    }
    // By its number, and as a correction names it.
    let log = history(
        r#"{"kind":"contact","participants":["in"]}; {"kind":"statement","by":["in"],"contact":"@9"};
           {"kind":"contact","id":"call"}; {"kind":"statement","id":"said","by":["in"]};
           correct said contact=call"#,
    );
    assert_eq!(lost_of(log.history().clone()), BTreeSet::new());
    for withheld in ["@9", "call"] {
        let mut part = log.history().clone();
        let of: BTreeSet<u64> = part.seq_of(withheld).into_iter().collect();
        part.forget(&of);
        assert_eq!(lost_of(part), BTreeSet::from([withheld.to_owned()]));
    }
}

#[test]
fn what_is_not_reported_yet_is_no_measure_of_which_nothing_is_left() {
    let history = "source early published=2025-05-01; source late published=2025-06-01; \
        impose 2025-04-23 cites=early; lift 2025-04-25 cites=late; retract e2 by=source cites=early";
    check_key("anomalies", history, "2025-05-01 reported=2025-05-31: -");
    check_key("anomalies", history, "2025-05-01 reported=2025-06-01: end_of_nothing");
}
