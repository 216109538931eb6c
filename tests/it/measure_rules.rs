//! The rules of `docs/replay.md` about measures: a line of history, a line of expectation; see [`crate::histories`].

use demarche::replay::measures::Status;

use crate::histories::{answer, check, check_key, history, status};

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
    let answer = answer(&log, "2025-03-01").expect("there is a measure");
    assert_eq!(answer.status, Status::Unknown);
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
    // Without the relation they are two steps, and the second is nonsense once the first has happened.
    check("impose 2025-04-20/2025-04-24; impose 2025-04-23/2025-05-01", "2025-04-24: in_force");
}
