//! The rules of `docs/replay.md` about positions.

use demarche::replay::{View, disputes, positions};

use crate::histories::clocks_at;
use crate::support::{self, append};

/// Positions as `ACTOR STANCE [flags]`, current ones first marked `*`.
#[track_caller]
fn check_positions(lines: &str, to: &str, expected: &[&str]) {
    let mut log = support::log();
    append(&mut log, lines).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at(to));
    let found: Vec<_> = positions(&view)
        .iter()
        .map(|position| {
            let current = if position.current { "*" } else { "" };
            let stance = position.stance.as_ref().map(ToString::to_string).unwrap_or_default();
            let flags: Vec<_> = position.flags.iter().map(|flag| flag.as_str()).collect();
            format!("{current}{} {stance} [{}]", position.actor, flags.join(","))
        })
        .collect();
    assert_eq!(found, expected, "{lines}");
}

#[test]
fn the_newest_statement_is_current_and_overlapping_ones_stay() {
    let said = |stance: &str, when: &str| {
        format!(
            r#"{{"kind":"statement","by":["in"],"topic":"treaty","stance":"{stance}","when":"{when}"}}"#
        )
    };
    let lines = [said("opposes", "2025-04-01"), said("supports", "2025-04-10")].join("\n");
    check_positions(&lines, "2025-04-05", &["*in opposes []"]);
    check_positions(&lines, "2025-04-10", &["*in supports []", "in opposes []"]);
    let lines =
        [said("opposes", "2025-04-01"), said("supports", "2025-04-01/2025-04-10")].join("\n");
    check_positions(&lines, "2025-04-10", &["*in supports []", "*in opposes []"]);
    let lines =
        [said("opposes", "2025-04-01"), said("supports", "2025-04-05/2025-04-10")].join("\n");
    check_positions(
        &lines,
        "2025-04-07",
        &["*in supports [may_not_have_been_said]", "*in opposes [may_be_superseded]"],
    );
}

#[test]
fn nobody_has_no_position_and_conditional_words_never_beat_asserted_ones() {
    check_positions(
        r#"{"kind":"statement","by":[],"topic":"treaty","stance":"warns","when":"2025-04-01","modality":"hypothetical"}
           {"kind":"statement","topic":"treaty","when":"2025-04-01"}"#,
        "2025-05-01",
        &[],
    );
    check_positions(
        r#"{"kind":"statement","by":["in"],"topic":"treaty","stance":"supports","when":"2025-04-01"}
           {"kind":"statement","by":["in"],"topic":"treaty","stance":"threatens","when":"2025-04-01","modality":"conditional"}"#,
        "2025-05-01",
        &["*in supports []", "*in threatens []"],
    );
}

#[test]
fn a_joint_statement_known_from_one_side_is_flagged_for_the_other() {
    let lines = r#"{"kind":"contact","id":"call","participants":["rubio","sharif"],"when":"2025-04-30"}
        {"kind":"statement","by":["rubio","sharif"],"topic":"treaty","stance":"commits","when":"2025-04-30","contact":"call","according_to":[{"by":"us","how":"readout"}]}"#;
    check_positions(
        lines,
        "2025-05-01",
        &["*rubio commits [joint]", "*sharif commits [attributed_by_counterpart,joint]"],
    );
    // A second account, from the speaker's own side, takes the flag away.
    let mention = r#"{"kind":"statement","id":"s","by":["sharif"],"to":["us"],"topic":"treaty","stance":"commits","when":"2025-04-30","according_to":[{"by":"us"}]}
        {"kind":"mention","of":"s","according_to":[{"by":"pk"}]}"#;
    check_positions(mention, "2025-05-01", &["*sharif commits []"]);
    // Somebody who was no party to it is no counterpart, and nobody named is nobody.
    for chain in [r#"[{"by":"in"}]"#, r#"[{"how":"unnamed_sources"}]"#, "[]"] {
        let lines = format!(
            r#"{{"kind":"statement","by":["sharif"],"to":["us"],"topic":"treaty","when":"2025-04-30","according_to":{chain}}}"#
        );
        let flags = if chain.contains("unnamed") { "unattributed" } else { "" };
        check_positions(&lines, "2025-05-01", &[&format!("*sharif  [{flags}]")]);
    }
}

#[test]
fn opposite_stances_are_disputes() {
    let mut log = support::log();
    append(&mut log, r#"{"kind":"statement","id":"a","by":["in"],"topic":"treaty","stance":"accuses","when":"2025-04-23"}
        {"kind":"statement","id":"b","by":["pk"],"topic":"treaty","stance":"rejects","when":"2025-04-30"}
        {"kind":"statement","id":"c","by":["us"],"topic":"treaty","stance":"urges","when":"2025-04-30"}"#).unwrap();
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    let found = disputes(&view, &positions(&view));
    let sides: Vec<_> =
        found.iter().flat_map(|dispute| &dispute.sides).map(|side| side.event.as_str()).collect();
    assert_eq!(sides, ["a", "b"]);
}
