//! The rules of `docs/replay.md` about measures: a line of history, a line of expectation; see [`crate::histories`].

use demarche::model::calendar::Zone;
use demarche::model::date::Edtf;
use demarche::replay::measures::{InForce, Status};
use demarche::replay::{View, anomalies, explain_measure, lives, revisions};

use crate::histories::{answer, check, check_key, clocks, history, status};

#[test]
fn a_step_has_happened_once_its_latest_bound_is_past() {
    check("impose 2025-04-23", "2025-04-22: none; 2025-04-23: in_force; 2026-01-01: in_force");
    check(
        "impose 2025-04-23/2025-05-01",
        "2025-04-22: none; 2025-04-23: none|in_force; 2025-04-30: none|in_force; 2025-05-01: in_force",
    );
    check("impose ../2025-05-01", "2020-01-01: none|in_force; 2025-05-01: in_force");
    check("impose 2025-04", "2025-03-31: none; 2025-04-01: none|in_force; 2025-04-30: in_force");
    check("impose 2025-04-23?", "2025-04-22: none; 2025-04-23: in_force");
}

#[test]
fn effective_places_a_step_before_announced_before_when() {
    check("impose 2025-04-20 effective=2025-04-25", "2025-04-24: none; 2025-04-25: in_force");
    check("impose 2025-04-20 announced=2025-04-22", "2025-04-21: none; 2025-04-22: in_force");
    check(
        "lift 2025-04-20; impose 2025-04-21; lift 2025-04-22 effective=2025-05-01",
        "2025-04-30: in_force; 2025-05-01: ended",
    );
}

#[test]
fn an_announcement_takes_effect_on_its_date_and_not_without_one() {
    check("announce 2025-04-02", "2025-04-01: none; 2025-04-02: announced; 2030-01-01: announced");
    check(
        "announce 2025-04-02 effective=2025-04-09",
        "2025-04-01: none; 2025-04-02: announced; 2025-04-08: announced; 2025-04-09: in_force",
    );
    check(
        "impose announced=2025-04-02 effective=2025-04-09",
        "2025-04-02: announced; 2025-04-09: in_force",
    );
    check(
        "announce 2025-04-02 effective=2025-04-09; annul 2025-04-05",
        "2025-04-04: announced; 2025-04-05: ended; 2025-04-09: ended",
    );
    check(
        "announce 2025-04-02 effective=2025-04-09; suspend 2025-04-05; resume 2025-04-20",
        "2025-04-05: suspended; 2025-04-09: suspended; 2025-04-20: in_force",
    );
}

#[test]
fn suspension_and_end_and_a_new_beginning() {
    check(
        "impose 2025-01-01; suspend 2025-02-01; resume 2025-03-01; lift 2025-04-01; impose 2025-05-01",
        "2025-01-31: in_force; 2025-02-01: suspended; 2025-03-01: in_force; 2025-04-01: ended; 2025-05-01: in_force",
    );
    for end in ["lift", "expire", "annul", "supersede"] {
        check(
            &format!("impose 2025-01-01; {end} 2025-02-01"),
            "2025-01-31: in_force; 2025-02-01: ended",
        );
    }
    for change in ["amend", "extend", "narrow"] {
        check(&format!("impose 2025-01-01; {change} 2025-02-01"), "2025-02-01: in_force");
        check(
            &format!("impose 2025-01-01; suspend 2025-01-02; {change} 2025-02-01"),
            "2025-02-01: suspended",
        );
    }
}

#[test]
fn threats_denials_and_own_terms_change_nothing_in_force() {
    check("threaten 2025-01-01; impose 2025-02-01", "2025-01-01: threatened; 2025-02-01: in_force");
    check(
        "impose 2025-01-01; threaten 2025-02-01; deny 2025-02-02; x-review 2025-02-03",
        "2025-02-03: in_force",
    );
}

#[test]
fn a_rejection_by_the_target_ends_nothing() {
    let log = history(
        r#"impose 2025-04-23; {"kind":"statement","by":["pk"],"topic":"treaty","stance":"rejects","when":"2025-04-24"}"#,
    );
    assert_eq!(status(answer(&log, "2025-05-01").as_ref()), "in_force");
}

#[test]
fn a_stated_end_that_has_passed_is_unknown_and_never_imputed() {
    check("impose 2025-01-01 until=2025-02-01", "2025-02-01: in_force; 2025-02-02: in_force|ended");
    check(
        "impose 2025-01-01 until=2025-02-01; extend 2025-01-20 until=2025-03-01",
        "2025-02-15: in_force; 2025-03-02: in_force|ended",
    );
    check(
        "impose 2025-01-01 until=2025-02-01; extend 2025-02-03 until=2025-03-01",
        "2025-02-02: in_force|ended; 2025-02-03: in_force; 2025-03-02: in_force|ended",
    );
    check("impose 2025-01-01 until=2025-02-01; amend 2025-02-10", "2025-02-11: in_force");
    check("impose 2025-01-01 until=2025-02-01; expire 2025-02-01", "2025-02-02: ended");
    check(
        "impose 2025-01-01 until=2025-02-01/2025-02-10",
        "2025-02-01: in_force; 2025-02-02: in_force|ended; 2025-02-11: in_force|ended",
    );
    check(
        "impose 2025-01-01; suspend 2025-11-10 until=2026-11-10",
        "2025-11-09: in_force; 2025-12-01: suspended; 2026-11-20: in_force|suspended",
    );
    let log = history("impose 2025-01-01; suspend 2025-11-10 until=2026-11-10");
    let reason = answer(&log, "2026-11-20").and_then(|answer| answer.reason);
    assert_eq!(reason.map(|reason| reason.as_str()), Some("scheduled_end_passed"));
}

#[test]
fn overlapping_bounds_allow_either_order_and_a_single_day_is_in_log_order() {
    check("impose 2025-04-23; lift 2025-04-23", "2025-04-23: ended");
    check("lift 2025-04-23; impose 2025-04-23", "2025-04-23: in_force");
    check("impose 2025-04-23/2025-05-01; lift 2025-04-25", "2025-05-01: in_force|ended");
    check(
        "impose 2025-04-01; lift 2025-04-10/2025-04-20; impose 2025-04-15",
        "2025-04-20: in_force|ended",
    );
    check(
        "impose 2025-04-01; suspend 2025-04-10/2025-04-20; lift 2025-04-25",
        "2025-04-15: in_force|suspended; 2025-04-20: suspended; 2025-04-25: ended",
    );
    let log = history("impose 2025-04-01; lift 2025-04-10/2025-04-20; impose 2025-04-15");
    let reason = answer(&log, "2025-04-20").and_then(|answer| answer.reason);
    assert_eq!(reason.map(|reason| reason.as_str()), Some("order_unknown"));
}

#[test]
fn too_many_worlds_are_unknown_and_not_guessed() {
    let steps: Vec<_> = (0..40)
        .map(|i| {
            format!(
                "{} 2025-01-{:02}/2025-03-01",
                if i % 2 == 0 { "suspend" } else { "resume" },
                i % 28 + 1
            )
        })
        .collect();
    let log = history(&format!("impose 2024-01-01; {}", steps.join("; ")));
    let view = View::of(log.history(), clocks("2025-02-15"));
    let explained = explain_measure(&view, "m").expect("there is a measure").steps;
    let happened: Vec<&str> = explained.iter().map(|step| step.happened.as_str()).collect();
    assert_eq!(happened, [&["happened"][..], &["may_have_happened"; 40]].concat());
    let answer = answer(&log, "2025-03-01").expect("there is a measure");
    assert_eq!(answer.status, Status::Unknown);
    assert_eq!(answer.in_force, InForce::Unknown);
    assert_eq!(answer.reason.map(|reason| reason.as_str()), Some("too_many_worlds"));
}

#[test]
fn many_steps_on_days_of_their_own_are_no_trouble() {
    let steps: Vec<_> = (0..600)
        .map(|i| format!("amend {}-{:02}-{:02}", 2000 + i / 28 / 12, i / 28 % 12 + 1, i % 28 + 1))
        .collect();
    check(&format!("impose 1999-01-01; {}", steps.join("; ")), "2025-01-01: in_force");
}

#[test]
fn reports_of_one_step_are_intersected_or_contradict() {
    let mention = |date| format!(r#"{{"kind":"mention","of":"e0","effective":"{date}"}}"#);
    check(
        &format!("impose 2025-04-23/2025-05-01; {}", mention("2025-04-24")),
        "2025-04-23: none; 2025-04-24: in_force",
    );
    let contradicting = format!("impose effective=2025-04-23; {}", mention("2025-04-25"));
    check(&contradicting, "2025-04-22: none; 2025-04-24: none|in_force; 2025-04-25: in_force");
    let found = answer(&history(&contradicting), "2025-04-24").expect("there is a measure");
    assert!(found.flags.iter().any(|flag| flag.as_str() == "contradicted"));
    assert_eq!(found.reason.map(|reason| reason.as_str()), Some("contradicted"));
    let same = r#"{"kind":"relation","from":"e1","to":"e0","type":"same_act"}"#;
    check(
        &format!("impose 2025-04-20/2025-04-24; impose 2025-04-23/2025-05-01; {same}"),
        "2025-04-22: none; 2025-04-23: none|in_force; 2025-04-24: in_force",
    );
    // So do the ends that they state.
    let ends = |one: &str, other: &str| {
        format!("impose 2025-04-24 until={one}; impose 2025-04-24 until={other}; {same}")
    };
    let apart = "2025-05-26: contradicted|effect_date_not_stated";
    check_key("flags", &ends("2025-05-23", "2025-05-30"), apart);
    check_key("flags", &ends("2025-05", "2025-05-30"), "2025-05-26: effect_date_not_stated");
    // Without the relation they are two steps, and the second is nonsense once the first has happened.
    check("impose 2025-04-20/2025-04-24; impose 2025-04-23/2025-05-01", "2025-04-24: in_force");
}

#[test]
fn a_further_suspension_without_an_end_has_none() {
    check(
        "impose 2025-01-01; suspend 2025-01-10 until=2025-01-20; suspend 2025-02-01",
        "2025-01-15: suspended; 2025-01-21: in_force|suspended; 2025-02-01: suspended",
    );
}

#[test]
fn suspended_for_a_year_is_unknown_once_the_year_is_over() {
    let history = "impose 2025-04-02; suspend effective=2025-11-10 until=2026-11-10";
    check(history, "2025-11-09: in_force; 2025-12-01: suspended; 2026-11-20: in_force|suspended");
    check_key(
        "reason",
        history,
        "2025-11-09: -; 2025-12-01: -; 2026-11-10: -; 2026-11-20: scheduled_end_passed",
    );
    check_key(
        "possible",
        history,
        "2025-12-01: suspended (e0,e1); 2026-11-20: in_force by end (e0,e1)|suspended (e0,e1)",
    );
}

#[test]
fn an_unknown_status_names_the_events_behind_each_outcome() {
    check_key(
        "possible",
        "impose 2025-04-23/2025-05-01; lift 2025-04-25/2025-05-10",
        "2025-04-24: none (e0)|in_force (e0); 2025-05-05: in_force (e0)|ended (e1)",
    );
    check_key("deciding", "impose 2025-04-23; amend 2025-04-25", "2025-05-01: e0");
    check_key("reason", "impose 2025-04-23/2025-05-01", "2025-04-24: may_have_happened");
    check_key("in_force", "announce 2025-04-23/2025-05-01", "2025-04-24: no");
    check_key(
        "reason",
        "impose 2025-01-01 until=2025-02-01/2025-02-10",
        "2025-02-05: scheduled_end_may_have_passed; 2025-02-11: scheduled_end_passed",
    );
}

#[test]
fn an_imposition_without_a_date_of_effect_counts_from_its_announcement_and_says_so() {
    check_key("effect_date", "impose announced=2025-04-23", "2025-04-23: not_stated");
    check_key("flags", "impose announced=2025-04-23", "2025-04-23: effect_date_not_stated");
    check_key("effect_date", "impose 2025-04-23", "2025-04-23: not_stated");
    check_key("effect_date", "impose effective=2025-04-23", "2025-04-23: 2025-04-23");
    check_key(
        "effect_date",
        "announce 2025-04-02 effective=2025-04-09",
        "2025-04-02: 2025-04-09; 2025-04-09: 2025-04-09",
    );
}

#[test]
fn scope_follows_the_steps_in_the_order_in_which_they_happen() {
    let said = |op: &str, when: &str, scope: &str| format!("{op} {when} scope={scope}");
    let history = [
        said("impose", "2025-01-01", "all-goods"),
        said("narrow", "2025-03-01", "oil"),
        said("amend", "2025-02-01", "food-and-oil"),
    ];
    check_key(
        "scope",
        &history.join("; "),
        "2025-01-01: all-goods; 2025-02-15: food-and-oil; 2025-03-01: oil",
    );
    check_key(
        "scope",
        "impose 2025-01-01 scope=all; narrow 2025-02-01/2025-02-10 scope=oil",
        "2025-01-31: all; 2025-02-05: all|oil; 2025-02-10: oil",
    );
    check(
        "impose 2025-01-01 scope=all; narrow 2025-02-01/2025-02-10 scope=oil",
        "2025-02-05: in_force",
    );
    check_key("scope", "impose 2025-01-01 scope=all; lift 2025-02-01", "2025-02-01: all");
    check_key(
        "scope",
        "announce 2025-01-01 effective=2025-03-01 scope=all; narrow 2025-02-01 scope=oil",
        "2025-01-15: all; 2025-02-15: oil; 2025-03-01: oil",
    );
}

#[test]
fn a_suspension_of_a_part_says_which_and_leaves_the_scope() {
    let history =
        "impose 2025-04-02 scope=tariff-34; suspend 2025-05-14 scope=24-points; resume 2025-08-12";
    check(history, "2025-05-13: in_force; 2025-05-14: suspended; 2025-08-12: in_force");
    check_key("suspended_scope", history, "2025-05-13: -; 2025-05-14: 24-points; 2025-08-12: -");
    check_key("scope", history, "2025-05-14: tariff-34");
    check_key(
        "flags",
        history,
        "2025-05-14: effect_date_not_stated|partly_suspended; 2025-08-12: effect_date_not_stated",
    );
}

#[test]
fn a_new_end_replaces_the_old_and_what_is_announced_can_be_extended() {
    check_key(
        "until",
        "impose 2025-01-01 until=2025-02-01; extend 2025-01-20 until=2025-03-01",
        "2025-01-10: 2025-02-01; 2025-01-20: 2025-03-01",
    );
    check_key(
        "until",
        "announce 2025-01-01 effective=2025-01-10 until=2025-02-01; extend 2025-01-05 until=2025-03-01",
        "2025-01-02: 2025-02-01; 2025-01-10: 2025-03-01",
    );
    check("impose 2025-01-01 until=2025-02-01; lift 2025-01-15", "2025-02-02: ended");
    // What may not have been extended has no known end; what may be over has, as long as it is not.
    check_key(
        "until",
        "impose 2025-01-01; extend 2025-03/2025-05 until=2025-12-31",
        "2025-02-28: -; 2025-04-15: -; 2025-06-01: 2025-12-31",
    );
    check_key(
        "until",
        "impose 2025-01-01 until=2025-12-31; lift 2025-03/2025-05",
        "2025-04-15: 2025-12-31; 2025-06-01: -",
    );
}

#[test]
fn what_supersedes_it_is_named() {
    let history =
        "impose 2025-01-01; supersede 2025-02-01 superseded_by=n; impose 2025-02-01 measure=n";
    check(history, "2025-01-31: in_force; 2025-02-01: ended");
    check_key("superseded_by", history, "2025-01-31: -; 2025-02-01: n");
    // What began again, or may not have ended, has nothing in its place.
    let again = format!("{history}; impose 2025-03-01; lift 2025-04-01");
    check_key("superseded_by", &again, "2025-02-28: n; 2025-03-01: -; 2025-04-01: -");
    let perhaps = "impose 2025-01-01; supersede 2025-02-01/2025-02-10 superseded_by=n; \
        impose 2025-01-01 measure=n";
    check_key("superseded_by", perhaps, "2025-02-05: -; 2025-02-10: n");
}

#[test]
fn answers_are_linked_both_ways_once_they_can_have_been_given() {
    let history = "impose 2025-04-23; impose 2025-04-24/2025-05-01 measure=n responds_to=m";
    check_key("answered_by", history, "2025-04-23: -; 2025-04-24: n");
    let by_relation = "impose 2025-04-23; impose 2025-04-24 measure=n id=x; relate e0 retaliates x";
    check_key("responds_to", by_relation, "2025-05-01: n");
    let other_way = "impose 2025-04-23; impose 2025-04-24 measure=n id=x; relate x retaliates m";
    check_key("answered_by", other_way, "2025-04-23: -; 2025-04-24: n");
}

/// What would break: what was taken back, and a measure that is to come, would pass for an answer given.
#[test]
fn only_what_counts_and_can_have_happened_is_an_answer() {
    let by_measure = "impose 2025-04-23; announce 2025-05-01 effective=2025-06-01 measure=n; \
        lift 2025-07-01 measure=n; relate n retaliates m";
    check_key("answered_by", by_measure, "2025-04-30: -; 2025-05-01: n");
    let announced = "impose 2025-04-23; \
        announce 2025-05-01 effective=2025-06-01 measure=n responds_to=m";
    check_key("answered_by", announced, "2025-04-30: -; 2025-05-01: n");
    let incident = r#"impose 2025-04-23; {"kind":"incident","id":"i","when":"2025-04-24"};
        relate i responds_to m"#;
    check_key("answered_by", incident, "2025-04-23: -; 2025-04-24: i");
    let gone = format!("{incident}; retract i by=recorder");
    check_key("answered_by", &gone, "2025-05-01: -");
    let step = "impose 2025-04-23; impose 2025-04-24 measure=n id=x; relate x retaliates m";
    check_key("answered_by", &format!("{step}; retract x by=source"), "2025-05-01: -");
}

/// What would break: a measure would be answered by what answers an event of the same name.
#[test]
fn what_answers_an_event_of_its_name_answers_no_measure() {
    let history = r#"{"kind":"incident","id":"m"}; {"kind":"incident","id":"dup"}; impose 2025-04-23;
        retract dup by=duplicate duplicate_of=m; impose 2025-04-24 measure=n responds_to=dup"#;
    check_key("answered_by", history, "2025-05-01: -");
}

#[test]
fn only_relations_that_say_so_are_answers() {
    let history = |kind: &str| {
        format!(
            "impose 2025-04-23; impose 2025-04-24 measure=n by=pk against=in; relate n {kind} m"
        )
    };
    for kind in ["responds_to", "retaliates"] {
        check_key("answered_by", &history(kind), "2025-04-24: n");
    }
    check_key("answered_by", &history("about"), "2025-04-24: -");
}

#[test]
fn a_denial_is_shown_and_changes_nothing() {
    check_key(
        "flags",
        "impose effective=2025-01-01; deny 2025-02-01",
        "2025-01-31: -; 2025-02-01: denied",
    );
    check("impose effective=2025-01-01; deny 2025-02-01", "2025-02-01: in_force");
}

#[test]
fn nonsense_is_listed_where_no_world_makes_sense_of_it() {
    let cases = [
        ("lift 2025-01-01", "end_of_nothing"),
        ("impose 2025-01-01; lift 2025-01-02; lift 2025-01-03", "ended_twice"),
        ("amend 2025-01-01", "change_of_nothing"),
        ("impose 2025-01-01; lift 2025-01-02; amend 2025-01-03", "change_after_end"),
        ("suspend 2025-01-01", "suspension_of_nothing"),
        ("impose 2025-01-01; resume 2025-01-02", "resumed_without_suspension"),
        ("impose 2025-01-01; impose 2025-01-02", "imposed_twice"),
        ("impose 2025-01-01; lift 2025-01-02; relate e1 same_act e0", "same_act_mismatch"),
        ("impose", "undated"),
        ("impose 2025-01-01; mention e0; retract e0 by=recorder", "report_of_nothing|nothing_left"),
        (
            "impose 2025-01-01; impose 2025-01-02 measure=n responds_to=m; retract e0 by=source",
            "nothing_left|bears_on_nothing",
        ),
        (
            "impose 2025-01-01; impose 2025-01-02 measure=n; relate n responds_to e0; retract e0 by=source",
            "nothing_left|bears_on_nothing",
        ),
        (
            r#"{"kind":"contact","id":"c"}; {"kind":"statement","by":["in"],"contact":"c"}; retract c by=source"#,
            "bears_on_nothing",
        ),
        (
            "impose 2025-01-01; impose 2025-01-01 measure=n; supersede 2025-02-01 superseded_by=n; retract e1 by=source",
            "nothing_left|bears_on_nothing",
        ),
        // A measure has nothing to do with an event of its name.
        (
            r#"impose 2025-01-01; impose 2025-01-01 measure=n; supersede 2025-02-01 superseded_by=n;
               {"kind":"statement","id":"n","by":["in"]}; retract n by=source"#,
            "-",
        ),
        // In one order it is no nonsense.
        ("impose 2025-05-05; lift 2025-05~", "-"),
        ("impose 2025-01-01/2025-01-05; lift 2025-01-03", "-"),
    ];
    for (history, expected) in cases {
        check_key("anomalies", history, &format!("2025-06-01: {expected}"));
    }
    // What may not have happened is no nonsense yet.
    check_key("anomalies", "impose 2025-05-05; lift 2025-05~", "2025-05-03: -");
    check_key("anomalies", "lift 2025-05~", "2025-05-03: -; 2025-05-31: end_of_nothing");
}

/// What would break: the passage that shows until when a measure stands, or what it covers, would not be among its evidence, and
/// nobody would be told that the date of it is uncertain.
#[test]
fn what_states_the_end_and_the_scope_decides_too() {
    let extended = "impose 2025-04-24 until=2025-05-23; extend 2025-05-20? until=2025-06-24";
    check_key("deciding", extended, "2025-05-19: e0; 2025-05-31: e0|e1");
    check_key("flags", extended, "2025-05-31: effect_date_not_stated|uncertain_date");
    let narrowed = "impose 2025-04-24 scope=all; narrow 2025-05-01 scope=cotton; lift 2025-06-01";
    check_key("deciding", narrowed, "2025-05-31: e0|e1; 2025-06-01: e2");
    let outlived = "impose 2025-04-24 until=2025-05-23; amend 2025-05-25; amend 2025-05-26";
    check_key("deciding", outlived, "2025-05-31: e0|e1");
    check_key(
        "deciding",
        &format!("{outlived}; extend 2025-05-27 until=2025-06-30"),
        "2025-05-31: e0|e3",
    );
    // What began again owes nothing to what came before.
    let again = format!("{outlived}; lift 2025-06-01; impose 2025-07-01");
    check_key("deciding", &again, "2025-07-31: e4");
    let suspended = "impose 2025-04-24; suspend 2025-05-01; suspend 2025-05-05 until=2025-09-01";
    check_key("deciding", suspended, "2025-05-31: e0|e1|e2");
}

#[test]
fn an_answer_says_since_when_it_stands_so() {
    check_key(
        "since",
        "threaten 2025-01-01; announce 2025-02-01; impose 2025-03-01; amend 2025-03-15; suspend 2025-04-01; \
         extend 2025-04-15; resume 2025-05-01; impose 2025-05-15; lift 2025-06-01; threaten 2025-07-01",
        "2025-01-15: 2025-01-01; 2025-02-15: 2025-02-01; 2025-03-20: 2025-03-01; 2025-04-20: 2025-04-01; \
         2025-05-20: 2025-05-01; 2025-06-15: 2025-06-01; 2025-07-15: 2025-07-01",
    );
    check_key(
        "since",
        "impose 2025-01-01; suspend 2025-02-01; impose 2025-03-01",
        "2025-03-02: 2025-03-01",
    );
    // As it was reported; of several days, from the first to the last.
    check_key("since", "impose 2025-03", "2025-04-01: 2025-03");
    check_key(
        "since",
        "impose 2025-03-01; lift 2025-03-10/2025-03-14; lift 2025-03-12/2025-03-20",
        "2025-04-01: 2025-03-10/2025-03-14",
    );
}

/// What would break: it would be said to stand since a later day than one on which it stood for certain.
#[test]
fn it_stands_since_the_first_certain_step_at_the_latest() {
    let twice = "impose 2025-04-01/2025-04-30; impose 2025-04-10";
    check(twice, "2025-04-10: in_force; 2025-04-15: in_force");
    check_key(
        "since",
        twice,
        "2025-04-09: -; 2025-04-10: 2025-04-01/2025-04-10; 2025-05-01: 2025-04-01/2025-04-10",
    );
    check_key(
        "since",
        "impose 2025-04-01/..; impose 2025-04-10",
        "2025-04-15: 2025-04-01/2025-04-10",
    );
    // Another step since then leaves the day that is asked about, or a later beginning.
    let resumed = format!("{twice}; resume 2025-04-20");
    check_key(
        "since",
        &resumed,
        "2025-04-25: 2025-04-01/2025-04-25; 2025-05-01: 2025-04-01/2025-04-30",
    );
    check_key(
        "since",
        "impose 2025-04-10; lift 2025-04-15; impose 2025-04-20/2025-04-30",
        "2025-05-01: 2025-04-20/2025-04-30",
    );
}

#[test]
fn what_takes_effect_before_it_is_announced_says_its_own_terms() {
    let history = "impose 2025-01-01; lift 2025-02-01; \
        impose announced=2025-06-01 effective=2025-04-01 until=2025-12-31";
    check(history, "2025-03-01: ended; 2025-04-10: in_force");
    check_key("until", history, "2025-04-10: 2025-12-31");
}

#[test]
fn an_imposition_ends_a_suspension() {
    check("impose 2025-01-01; suspend 2025-02-01; impose 2025-03-01", "2025-03-02: in_force");
}

#[test]
fn a_further_suspension_has_its_own_end_or_keeps_one_that_is_to_come() {
    check(
        "impose 2025-01-01; suspend 2025-02-01 until=2025-03-01; suspend 2025-03-10 until=2025-04-01",
        "2025-03-05: in_force|suspended; 2025-03-15: suspended; 2025-04-02: in_force|suspended",
    );
    check_key(
        "until",
        "impose 2025-01-01; suspend 2025-02-01 until=2025-06-01; suspend 2025-03-01",
        "2025-03-15: 2025-06-01",
    );
    check_key(
        "until",
        "impose 2025-01-01; suspend 2025-02-01 until=2025-03-01; suspend 2025-03-10",
        "2025-03-15: -",
    );
}

#[test]
fn only_what_shows_that_it_was_outlived_voids_a_stated_end() {
    check_key(
        "until",
        "impose 2025-01-01 until=2025-02-01; amend 2025-02-10",
        "2025-01-15: 2025-02-01; 2025-02-11: -",
    );
    for nothing in ["threaten", "announce", "deny"] {
        check(
            &format!("impose 2025-01-01 until=2025-02-01; {nothing} 2025-02-10"),
            "2025-02-11: in_force|ended",
        );
    }
}

#[test]
fn an_end_known_within_bounds_may_have_passed_until_the_last_of_them_has() {
    check_key(
        "reason",
        "impose 2025-01-01 until=2025-02-01/2025-02-10",
        "2025-02-05: scheduled_end_may_have_passed; 2025-02-10: scheduled_end_may_have_passed; \
         2025-02-11: scheduled_end_passed",
    );
    check_key(
        "reason",
        "impose 2025-01-01/2025-02-08 until=2025-02-01/2025-02-10",
        "2025-02-05: may_have_happened",
    );
}

#[test]
fn it_is_in_force_for_certain_only_where_nothing_else_is_possible() {
    check_key(
        "in_force",
        "impose 2025-01-01; lift 2025-02-01/2025-02-10",
        "2025-01-01: yes; 2025-02-05: unknown; 2025-02-10: no",
    );
}

#[test]
fn what_reports_leave_is_a_day_of_its_own_only_if_it_is_one_day() {
    // On one day the order is that of the log; within several it is open.
    let report = |id: &str, when: &str| format!("mention {id} effective={when}");
    let imposed = |by_reports: &str| {
        format!("impose 2025-04-20/2025-04-24 id=a; {}; lift", report("a", by_reports))
    };
    check(
        &format!("{} 2025-04-24", imposed("2025-04-24/2025-04-28")),
        "2025-04-23: none; 2025-04-24: ended",
    );
    check(
        &format!(
            "{} 2025-04-20/2025-04-24 id=b; {}",
            imposed("2025-04-22/2025-04-28"),
            report("b", "2025-04-22/2025-04-28")
        ),
        "2025-04-21: none; 2025-04-24: in_force|ended",
    );
    check("impose 2025-04-23/2025-04-25; lift 2025-04-23/2025-04-25", "2025-04-25: in_force|ended");
}

#[test]
fn the_events_behind_an_answer_are_all_reports_and_what_joins_them() {
    let twice = "impose 2025-04-23; impose 2025-04-23; relate e1 same_act e0";
    check_key("deciding", twice, "2025-05-01: e0|e1|e2");
    for dated in ["effective=2025-04-23", "2025-04-23"] {
        let told = format!("impose 2025-04-23; mention e0 {dated}");
        check_key("deciding", &told, "2025-05-01: e0|e1");
    }
    check_key("deciding", "impose 2025-04-23; mention e0", "2025-05-01: e0");
    check_key(
        "events",
        "impose 2025-04-23; amend 2025-04-25; lift 2025-05-02",
        "2025-05-01: e0|e1",
    );
    // Joined in whatever order, they are one act.
    let five = "impose 2025-04-23; impose 2025-04-23; impose 2025-04-23; impose 2025-04-23; impose 2025-04-23; \
        relate e2 same_act e3; relate e2 same_act e4; relate e0 same_act e1; relate e1 same_act e3";
    check_key("anomalies", five, "2025-05-01: -");
}

#[test]
fn an_announcement_may_be_undated_or_have_no_date_but_that_of_effect() {
    check("announce", "2025-05-01: none|announced");
    check_key(
        "until",
        "announce 2025-01-01; announce effective=2025-04-01 until=2025-12-31",
        "2025-05-01: 2025-12-31",
    );
}

#[test]
fn a_life_is_told_in_days_that_are_alike_and_no_others() {
    let log = history(
        "impose 2025-04-23 until=2025-06-01; deny 2025-04-25; suspend 2025-05-01; lift 2025-05-20",
    );
    let view = View::of(log.history(), clocks("2025-12-31"));
    let day = |text: &str| Edtf::parse(text).expect("a date").single_day().expect("a day");
    let told = |first: &str, last: &str| -> Vec<String> {
        let found = lives(&view, day(first), day(last));
        let segments = found.iter().flat_map(|life| &life.segments);
        segments
            .map(|one| format!("{}/{} {}", one.first, one.last, status(one.answer.as_ref())))
            .collect()
    };
    assert_eq!(
        told("2025-04-22", "2025-05-21"),
        [
            "2025-04-22/2025-04-22 none",
            "2025-04-23/2025-04-30 in_force",
            "2025-05-01/2025-05-19 suspended",
            "2025-05-20/2025-05-21 ended",
        ]
    );
    assert_eq!(told("2025-04-24", "2025-04-26"), ["2025-04-24/2025-04-26 in_force"]);
    assert_eq!(told("2025-04-01", "2025-04-22"), Vec::<String>::new());
}

/// What would break: an event that takes the name of a measure would come to be what others answer, even on days long past.
#[test]
fn a_name_means_what_had_it_when_it_was_recorded() {
    let entries = "impose 2025-05-01 id=a1; impose 2025-05-02 id=b1 measure=n responds_to=m; \
        impose 2025-05-02 id=c1 measure=o; relate c1 retaliates m; \
        [2026-06-01] impose 2025-05-20 id=m measure=z";
    check_key("answered_by", entries, "2025-05-01: -; 2025-06-01: n|o");
    let log = history(entries);
    assert_eq!(revisions(log.history(), Zone::UTC), []);
    // What is recorded from then on means the event.
    let later = format!("{entries}; impose 2025-05-21 measure=p responds_to=m");
    check_key("answered_by", &later, "2025-06-01: n|o");
    // So it does where the event was there first, which is not the measure.
    let first = r#"{"kind":"incident","id":"m","when":"2025-04-22"};
        impose 2025-05-02 measure=n responds_to=m; [2026-06-01] impose 2025-05-01"#;
    check_key("answered_by", first, "2025-06-01: -");
    // What takes the event back makes nothing an answer to the measure.
    check_key("answered_by", &format!("{first}; retract m by=source"), "2025-06-01: -");
    let log = history(&format!("{first}; retract e2 by=recorder"));
    assert_eq!(anomalies(&View::of(log.history(), clocks("2025-06-01"))).len(), 1);
    // And what takes back an event of the name takes back nothing of the measure.
    let taken_back = format!(
        "impose 2025-05-01; impose 2025-05-02 measure=n responds_to=m; [2026-06-01] {}; retract m by=recorder",
        r#"{"kind":"incident","id":"m"}"#
    );
    check_key("anomalies", &taken_back, "2025-06-01: -");
}
