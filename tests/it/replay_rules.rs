//! The rules of `docs/replay.md`: a line of history, a line of expectation.
//!
//! History is written in steps `OP WHEN [key=value ...]` separated by `;`, all of one measure; the expectation is
//! `DATE: STATUS` separated by `;`, where several outcomes are joined by `|` (`none` is not yet begun).

use demarche::model::calendar::Zone;
use demarche::model::date::Edtf;
use demarche::replay::measures::Status;
use demarche::replay::{Clocks, MeasureAnswer, View, anomalies, disputes, measures, positions};

use crate::support::{self, Counting, MemoryLog, append, append_with};

fn view(log: &MemoryLog, to: &str) -> Clocks {
    let _ = log;
    Clocks::at(Edtf::parse(to).expect("a date").span(Zone::UTC).latest, Zone::UTC)
}

/// One step as a line of input. A date is `when`, unless it is given by key.
fn line(step: &str, number: usize) -> String {
    let mut words = step.split_whitespace();
    let op = words.next().expect("an op");
    let mut fields = vec![
        r#""kind":"measure","measure":"m","by":["in"],"against":["pk"]"#.to_owned(),
        format!(r#""id":"e{number}""#),
        format!(r#""op":"{op}""#),
    ];
    for word in words {
        match word.split_once('=') {
            Some((key, value)) => fields.push(format!(r#""{key}":"{value}""#)),
            None => fields.push(format!(r#""when":"{word}""#)),
        }
    }
    format!("{{{}}}", fields.join(","))
}

fn history(steps: &str) -> MemoryLog {
    let mut log = support::log();
    let lines: Vec<_> = steps
        .split(';')
        .map(str::trim)
        .filter(|step| !step.is_empty())
        .enumerate()
        .map(
            |(number, step)| {
                if step.starts_with('{') { step.to_owned() } else { line(step, number) }
            },
        )
        .collect();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{steps}: {error:?}"));
    log
}

fn answer(log: &MemoryLog, to: &str) -> Option<MeasureAnswer> {
    let view = View::of(log.history(), view(log, to));
    measures(&view).into_iter().find(|answer| answer.measure == "m")
}

fn status(answer: Option<&MeasureAnswer>) -> String {
    match answer {
        None => "none".to_owned(),
        Some(answer) if answer.status == Status::Unknown => {
            answer.outcomes.iter().map(|status| status.as_str()).collect::<Vec<_>>().join("|")
        }
        Some(answer) => answer.status.as_str().to_owned(),
    }
}

#[track_caller]
fn check(steps: &str, expected: &str) {
    let log = history(steps);
    let found: Vec<_> = expected
        .split("; ")
        .map(|expectation| {
            let (date, _) = expectation.split_once(": ").expect("DATE: STATUS");
            format!("{date}: {}", status(answer(&log, date).as_ref()))
        })
        .collect();
    assert_eq!(found.join("; "), expected, "{steps}");
}

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
            ..view(&log, "2025-04-24")
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
    let view = View::of(log.history(), view(&log, "2025-05-01"));
    let codes: Vec<_> = anomalies(&view).into_iter().map(|anomaly| anomaly.code.as_str()).collect();
    assert_eq!(codes, ["end_of_nothing"]);
}

#[test]
fn a_duplicate_is_one_more_report_of_its_original() {
    let duplicate = r#"{"kind":"retraction","of":"e1","by":"duplicate","duplicate_of":"e0"}"#;
    check(&format!("impose 2025-04-23; impose 2025-04-25; {duplicate}"), "2025-04-23: in_force");
    let log = history(&format!("impose 2025-04-23; impose 2025-04-25; {duplicate}"));
    let view = View::of(log.history(), view(&log, "2025-05-01"));
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

/// Positions as `ACTOR STANCE [flags]`, current ones first marked `*`.
#[track_caller]
fn check_positions(lines: &str, to: &str, expected: &[&str]) {
    let mut log = support::log();
    append(&mut log, lines).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), view(&log, to));
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
    let view = View::of(log.history(), view(&log, "2025-05-01"));
    let found = disputes(&view, &positions(&view));
    let sides: Vec<_> =
        found.iter().flat_map(|dispute| &dispute.sides).map(|side| side.event.as_str()).collect();
    assert_eq!(sides, ["a", "b"]);
}

mod laws {
    //! The possible worlds, compared with naive enumeration.

    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    struct Step {
        op: &'static str,
        from: i64,
        to: i64,
    }

    fn any_steps() -> impl Strategy<Value = Vec<Step>> {
        let op = prop::sample::select(vec![
            "threaten", "announce", "impose", "amend", "suspend", "resume", "lift", "deny",
        ]);
        let step = (op, 1_i64..8, 0_i64..4).prop_map(|(op, from, width)| Step {
            op,
            from,
            to: from + width,
        });
        prop::collection::vec(step, 0..6)
    }

    /// Where a sequence of steps leaves a measure; written apart from the program's own machine.
    fn run(sequence: &[&Step]) -> &'static str {
        let (mut stage, mut suspended) = ("none", false);
        for step in sequence {
            match (step.op, stage) {
                ("threaten", "none" | "ended") => stage = "threatened",
                ("announce", "none" | "threatened" | "ended") => {
                    (stage, suspended) = ("announced", false);
                }
                ("impose", _) => (stage, suspended) = ("in_force", false),
                ("suspend", "in_force" | "announced") => suspended = true,
                ("resume", _) => suspended = false,
                ("lift", stage_now) if stage_now != "none" => (stage, suspended) = ("ended", false),
                _ => {}
            }
        }
        if suspended { "suspended" } else { stage }
    }

    fn permutations<'s>(
        left: &[(usize, &'s Step)],
        so_far: &mut Vec<(usize, &'s Step)>,
        all: &mut Vec<Vec<(usize, &'s Step)>>,
    ) {
        if left.is_empty() {
            all.push(so_far.clone());
        }
        for index in 0..left.len() {
            let mut rest = left.to_vec();
            so_far.push(rest.remove(index));
            permutations(&rest, so_far, all);
            so_far.pop();
        }
    }

    fn brute_force(steps: &[Step], day: i64) -> Vec<&'static str> {
        let numbered: Vec<(usize, &Step)> = steps.iter().enumerate().collect();
        let mut outcomes = Vec::new();
        for chosen in 0..1_u32 << steps.len() {
            let happened: Vec<_> =
                numbered.iter().copied().filter(|(index, _)| chosen >> index & 1 == 1).collect();
            let consistent = numbered.iter().all(|(index, step)| {
                let is = chosen >> index & 1 == 1;
                if step.to <= day { is } else { step.from <= day || !is }
            });
            if !consistent {
                continue;
            }
            let mut orders = Vec::new();
            permutations(&happened, &mut Vec::new(), &mut orders);
            for order in orders {
                let fits = order.iter().enumerate().all(|(place, (index, step))| {
                    order[..place].iter().all(|(earlier, before)| {
                        let must_follow = step.to < before.from
                            || (step.from == step.to
                                && before.from == before.to
                                && step.from == before.from
                                && index < earlier);
                        !must_follow
                    })
                });
                if fits {
                    let sequence: Vec<_> = order.iter().map(|(_, step)| *step).collect();
                    outcomes.push(run(&sequence));
                }
            }
        }
        outcomes.sort_unstable();
        outcomes.dedup();
        outcomes
    }

    proptest! {
        #[test]
        fn worlds_agree_with_brute_force(steps in any_steps(), day in 1_i64..12) {
            let lines: Vec<_> = steps.iter()
                .map(|step| format!("{} 2025-01-{:02}/2025-01-{:02}", step.op, step.from, step.to))
                .collect();
            let log = history(&lines.join("; "));
            let found = answer(&log, &format!("2025-01-{day:02}"));
            let mut found: Vec<_> = match &found {
                None => vec!["none"],
                Some(answer) => answer.outcomes.iter().map(|status| status.as_str()).collect(),
            };
            found.sort_unstable();
            prop_assert_eq!(found, brute_force(&steps, day), "{:?} on {}", steps, day);
        }
    }
}
