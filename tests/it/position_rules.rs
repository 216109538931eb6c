//! The rules of `docs/replay.md` about positions.

use demarche::replay::contacts::Teller;
use demarche::replay::positions::Side;
use demarche::replay::{
    AnomalyCode, Dispute, History, Level, View, anomalies, contacts, disputes, holdings, positions,
    roll_up,
};

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
fn reports_that_cannot_both_be_right_are_flagged() {
    check_positions(
        r#"{"kind":"statement","id":"s","by":["in"],"topic":"treaty","stance":"supports","when":"2025-04-01"}
           {"kind":"mention","of":"s","when":"2025-04-05"}"#,
        "2025-05-01",
        &["*in supports [contradicted]"],
    );
}

/// What would break: the position of one speaker, or on one topic, would vanish into that of another.
#[test]
fn only_one_topic_and_the_same_speakers_can_make_one_statement() {
    let check = |by: &str, topic: &str, expected: &[&str], mismatch: bool| {
        let lines = [
            r#"{"kind":"topic","id":"visas"}"#.to_owned(),
            r#"{"kind":"statement","id":"a","by":["in","us"],"topic":"treaty","stance":"supports","when":"2025-04-01"}"#.to_owned(),
            format!(r#"{{"kind":"statement","id":"b","by":[{by}],"topic":"{topic}","stance":"rejects","when":"2025-04-01"}}"#),
            r#"{"kind":"relation","from":"b","to":"a","type":"same_act"}"#.to_owned(),
        ]
        .join("\n");
        let mut log = support::log();
        append(&mut log, &lines).unwrap_or_else(|error| panic!("{error:?}"));
        let view = View::of(log.history(), clocks_at("2025-05-01"));
        let found = positions(&view);
        let held: Vec<String> =
            found.iter().map(|one| format!("{} {} {}", one.actor, one.topic, one.event)).collect();
        assert_eq!(held, expected, "{by} on {topic}");
        let codes: Vec<AnomalyCode> = anomalies(&view).iter().map(|one| one.code).collect();
        let expected = mismatch.then_some(AnomalyCode::SameActMismatch);
        assert_eq!(codes, Vec::from_iter(expected), "{by} on {topic}");
    };
    let one = ["in treaty a", "us treaty a"];
    check(r#""us","in""#, "treaty", &one, false);
    check(r#""pk""#, "treaty", &["in treaty a", "pk treaty b", "us treaty a"], true);
    check(r#""in""#, "visas", &["in treaty a", "in visas b", "us treaty a"], true);
    check("", "treaty", &one, true);
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
    // So does a report that rests on nobody's word.
    let mention = r#"{"kind":"statement","id":"s","by":["sharif"],"to":["us"],"topic":"treaty","stance":"commits","when":"2025-04-30","according_to":[{"by":"us"}]}
        {"kind":"mention","of":"s"}"#;
    check_positions(mention, "2025-05-01", &["*sharif commits []"]);
    let mention = r#"{"kind":"statement","id":"s","by":["sharif"],"to":["us"],"topic":"treaty","stance":"commits","when":"2025-04-30"}
        {"kind":"mention","of":"s","according_to":[{"by":"us"}]}"#;
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

#[test]
fn a_dispute_is_between_two_who_mean_it_or_where_a_relation_says_so() {
    let said = |id: &str, by: &str, stance: &str, more: &str| {
        format!(
            r#"{{"kind":"statement","id":"{id}","by":["{by}"],"topic":"treaty","stance":"{stance}","when":"2025-04-23"{more}}}"#
        )
    };
    let check = |lines: &[String], expected: &[&[&str]]| {
        let mut log = support::log();
        append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
        let view = View::of(log.history(), clocks_at("2025-05-01"));
        let found = disputes(&view, &positions(&view));
        let side = |side: &Side| {
            let actor = side.actor.as_deref().unwrap_or("-");
            format!("{} {actor}", side.event)
        };
        let told = |dispute: &Dispute| {
            let topic = dispute.topic.iter().cloned();
            topic.chain(dispute.sides.iter().map(side)).collect::<Vec<_>>()
        };
        let found: Vec<Vec<String>> = found.iter().map(told).collect();
        assert_eq!(found, expected, "{lines:?}");
    };
    let (a, b) = (said("a", "in", "supports", ""), said("b", "pk", "opposes", ""));
    check(&[a.clone(), b.clone()], &[&["treaty", "a in", "b pk"]]);
    check(&[said("a", "in", "urges", ""), b.clone()], &[]);
    // Whoever says both is in no dispute with themselves, and what is only supposed opposes nobody.
    check(&[a.clone(), said("b", "in", "opposes", "")], &[]);
    check(&[a.clone(), said("b", "pk", "opposes", r#","modality":"hypothetical""#)], &[]);
    check(&[a.clone(), said("b", "pk", "urges", "")], &[]);
    let relation =
        |kind: &str| format!(r#"{{"kind":"relation","from":"near","type":"{kind}","to":"a"}}"#);
    let near = r#"{"kind":"incident","id":"near","when":"2025-04-28"}"#.to_owned();
    check(&[a.clone(), near.clone(), relation("contradicts")], &[&["near -", "a in"]]);
    let same = r#"{"kind":"incident","id":"near","topic":"treaty","when":"2025-04-28"}"#.to_owned();
    check(&[a.clone(), same, relation("contradicts")], &[&["treaty", "near -", "a in"]]);
    // All who made a statement together are on its side.
    let joint = said("near", "us", "urges", "").replace(r#"["us"]"#, r#"["us","in"]"#);
    let sides: &[&[&str]] = &[&["treaty", "near us", "near in", "a in"]];
    check(&[a.clone(), joint, relation("contradicts")], sides);
    // What is to come contradicts nothing yet, nor does anything contradict it.
    let later = r#"{"kind":"incident","id":"near","when":"2025-05-02"}"#.to_owned();
    check(&[a.clone(), later.clone(), relation("contradicts")], &[]);
    let other_way = r#"{"kind":"relation","from":"a","type":"contradicts","to":"near"}"#.to_owned();
    check(&[a.clone(), later, other_way], &[]);
    check(&[a, near, relation("about")], &[]);
}

/// Rolled-up positions as `HOLDER <- SPEAKER EVENT [flags]`, current ones marked `*`, not reached ones `!`.
#[track_caller]
fn check_roll_up(lines: &str, level: Level, expected: &[&str]) {
    let mut log = support::log();
    append(&mut log, lines).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2026-01-01"));
    let found: Vec<_> = roll_up(&view, level)
        .iter()
        .map(|one| {
            let current = if one.position.current { "*" } else { "" };
            let reached = if one.seat.reached { "" } else { "!" };
            let flags: Vec<_> = one.position.flags.iter().map(|flag| flag.as_str()).collect();
            let (holder, position) = (&one.seat.holder, &one.position);
            format!("{current}{reached}{holder} <- {} {} {flags:?}", position.actor, position.event)
        })
        .collect();
    assert_eq!(found, expected, "{lines}");
}

fn said(id: &str, by: &str, when: &str, more: &str) -> String {
    format!(
        r#"{{"kind":"statement","id":"{id}","by":"{by}","topic":"treaty","stance":"supports","when":"{when}"{more}}}"#
    )
}

const OFFICES: &str = r#"
    {"kind":"actor","id":"gov","type":"government","part_of":"us"}
    {"kind":"actor","id":"state","type":"office","part_of":"gov"}
    {"kind":"actor","id":"defence","type":"office","part_of":"gov"}
    {"kind":"actor","id":"old","type":"person","part_of":[{"actor":"state","from":"2021-01-20","until":"2025-01-20"}]}
    {"kind":"actor","id":"new","type":"person","part_of":[{"actor":"state","from":"2025-01-21"}]}
    {"kind":"actor","id":"chief","type":"person","part_of":"defence"}
    {"kind":"actor","id":"coded","type":"office","country":"US"}
    {"kind":"actor","id":"citizen","type":"person","country":"US"}
"#;

#[test]
fn membership_is_read_at_the_time_of_the_statement() {
    let lines = [
        OFFICES.to_owned(),
        said("a", "old", "2025-01-20", ""),
        said("b", "old", "2025-03-01", ""),
        said("c", "new", "2025-03-01", ""),
        said("d", "new", "2025-01", ""),
    ];
    check_roll_up(
        &lines.join("\n"),
        Level::Office,
        &[
            "*!old <- old b []",
            "*state <- new c []",
            r#"state <- new d ["tenure_uncertain"]"#,
            "state <- old a []",
        ],
    );
}

#[test]
fn an_office_holds_what_was_said_last_and_no_office_overrules_another() {
    let lines = [
        OFFICES.to_owned(),
        said("a", "old", "2024-05-01", ""),
        said("b", "new", "2025-05-01", ""),
        said("c", "chief", "2025-06-01", ""),
    ];
    let lines = lines.join("\n");
    check_roll_up(
        &lines,
        Level::Office,
        &["*defence <- chief c []", "*state <- new b []", "state <- old a []"],
    );
    for (level, holder) in [(Level::Government, "gov"), (Level::Country, "us")] {
        let expected = [
            format!("*{holder} <- chief c []"),
            format!("*{holder} <- new b []"),
            format!("{holder} <- old a []"),
        ];
        check_roll_up(&lines, level, &[&expected[0], &expected[1], &expected[2]]);
    }
    check_roll_up(
        &lines,
        Level::Person,
        &["*chief <- chief c []", "*new <- new b []", "*old <- old a []"],
    );
    let mut log = support::log();
    append(&mut log, &lines).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2026-01-01"));
    let held = holdings(&roll_up(&view, Level::Country));
    assert_eq!(held.len(), 1, "one stance on one topic");
    assert_eq!(held[0].offices, ["defence", "state"]);
    assert_eq!(held[0].events, ["b", "c"]);
}

/// What would break: a country would be credited with the office of another, of which the speaker may have been then.
#[test]
fn a_holder_is_credited_with_its_own_offices_alone() {
    let moved = r#"{"kind":"actor","id":"moved","type":"person","part_of":[{"actor":"state","until":"2025-04-20"},{"actor":"defence","until":"2025-04-20"},{"actor":"pk","from":"2025-04-21"}]}"#;
    let lines =
        [OFFICES.to_owned(), moved.to_owned(), said("a", "moved", "2025-04-20/2025-04-21", "")];
    let mut log = support::log();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2026-01-01"));
    let offices = |level| -> Vec<String> {
        let held = roll_up(&view, level);
        held.iter().map(|one| format!("{}: {}", one.seat.holder, one.offices.join(" "))).collect()
    };
    assert_eq!(offices(Level::Country), ["pk: ", "us: defence state"]);
    assert_eq!(offices(Level::Office), ["defence: defence", "state: state"]);
    assert_eq!(offices(Level::Person), ["moved: defence state"]);
}

#[test]
fn who_speaks_for_others_counts_for_their_country_and_nationality_makes_no_spokesman() {
    let lines = [
        OFFICES.to_owned(),
        said("a", "citizen", "2025-05-01", ""),
        said("b", "citizen", "2025-05-01", r#","on_behalf_of":["pk"]"#),
        said("c", "coded", "2025-05-01", ""),
        said("d", "us", "2025-05-01", ""),
    ];
    let lines = lines.join("\n");
    check_roll_up(
        &lines,
        Level::Country,
        &[
            "*!citizen <- citizen a []",
            "*pk <- citizen b []",
            "*us <- us d []",
            "*us <- coded c []",
        ],
    );
    check_roll_up(
        &lines,
        Level::Office,
        &[
            "*!citizen <- citizen b []",
            "*!citizen <- citizen a []",
            "*coded <- coded c []",
            "*!us <- us d []",
        ],
    );
}

/// The accounts of the contact `call`: `TELLER: STATEMENTS`, then what all give, touch, and who is silent.
#[track_caller]
fn check_contact(lines: &str, expected: &[&str]) {
    let mut log = support::log();
    let call =
        r#"{"kind":"contact","id":"call","participants":["rubio","sharif"],"when":"2025-04-30"}"#;
    append(&mut log, &format!("{call}\n{lines}")).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    let found = contacts(&view);
    assert_eq!(found.len(), 1);
    let teller = |teller: &Teller| match teller {
        Teller::Named(id) => id.clone(),
        Teller::Speaker => "own word".to_owned(),
        Teller::Nobody(_) => "nobody".to_owned(),
    };
    let accounts = found[0].accounts.iter();
    let mut lines: Vec<String> = accounts
        .map(|account| format!("{}: {}", teller(&account.teller), account.statements.join(" ")))
        .collect();
    let all = found[0].statements.iter().filter(|told| told.given_by_all);
    lines.push(format!(
        "all: {}",
        all.map(|told| told.event.as_str()).collect::<Vec<_>>().join(" ")
    ));
    let topics = found[0].topics.iter().filter(|topic| topic.given_by_all);
    lines.push(format!(
        "topics: {}",
        topics.map(|t| t.topic.as_str()).collect::<Vec<_>>().join(" ")
    ));
    lines.push(format!("silent: {}", found[0].silent.join(" ")));
    assert_eq!(lines, expected);
}

#[test]
fn the_accounts_of_a_contact_stand_side_by_side() {
    let told = |id: &str, by: &str, teller: &str| {
        said(id, by, "2025-04-30", &format!(r#","contact":"call","according_to":[{teller}]"#))
    };
    let (ours, theirs) = (r#"{"by":"us","how":"readout"}"#, r#"{"by":"pk"}"#);
    check_contact(
        &[told("a", "rubio", ours), told("b", "sharif", ours)].join("\n"),
        &["us: a b", "all: ", "topics: ", "silent: sharif"],
    );
    check_contact(
        &[told("a", "rubio", ours), told("b", "sharif", theirs)].join("\n"),
        &["pk: b", "us: a", "all: ", "topics: treaty", "silent: "],
    );
    // One act that both tell: by a mention, or as two events that are one act.
    let mention = r#"{"kind":"mention","of":"a","according_to":[{"by":"pk"}]}"#;
    check_contact(
        &[&told("a", "rubio", ours), mention].join("\n"),
        &["pk: a", "us: a", "all: a", "topics: treaty", "silent: "],
    );
    let same = r#"{"kind":"relation","from":"b","to":"a","type":"same_act"}"#;
    check_contact(
        &[told("a", "rubio", ours), told("b", "rubio", theirs), same.to_owned()].join("\n"),
        &["pk: a", "us: a", "all: a", "topics: treaty", "silent: "],
    );
    check_contact(
        &[told("a", "rubio", r#"{"how":"unattributed"}"#), told("b", "sharif", "")].join("\n"),
        &["nobody: a", "own word: b", "all: ", "topics: treaty", "silent: rubio"],
    );
    // What is told after the day that is asked about was not told by then.
    let later = told("b", "sharif", theirs).replace("2025-04-30", "2025-05-02");
    check_contact(
        &[told("a", "rubio", ours), later].join("\n"),
        &["us: a", "all: ", "topics: ", "silent: sharif"],
    );
}

/// What would break: an account of a contact that was entered twice would be lost with the duplicate, and so would what is
/// about it or contradicts it.
#[test]
fn what_names_a_duplicate_of_a_contact_or_statement_names_its_original() {
    let told = r#","contact":"again","according_to":[{"by":"us"}]"#;
    let lines = [
        r#"{"kind":"contact","id":"again","participants":["rubio","sharif"],"when":"2025-04-30"}"#,
        &*said("a", "sharif", "2025-04-30", told),
        &*said("b", "sharif", "2025-04-30", r#","contact":"call","according_to":[{"by":"us"}]"#),
        r#"{"kind":"incident","id":"near","when":"2025-04-28"}"#,
        r#"{"kind":"relation","from":"near","type":"about","to":"again"}"#,
        r#"{"kind":"relation","from":"near","type":"about","to":"call"}"#,
        r#"{"kind":"relation","from":"near","type":"contradicts","to":"b"}"#,
        r#"{"kind":"relation","from":"a","type":"contradicts","to":"b"}"#,
        r#"{"kind":"retraction","of":"again","by":"duplicate","duplicate_of":"call"}"#,
        r#"{"kind":"retraction","of":"b","by":"duplicate","duplicate_of":"a"}"#,
    ]
    .join("\n");
    check_contact(&lines, &["us: a", "all: ", "topics: ", "silent: sharif"]);
    let call =
        r#"{"kind":"contact","id":"call","participants":["rubio","sharif"],"when":"2025-04-30"}"#;
    let lines = format!("{call}\n{lines}");
    check_positions(&lines, "2025-05-01", &["*sharif supports [attributed_by_counterpart]"]);
    let mut log = support::log();
    append(&mut log, &lines).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    assert_eq!(contacts(&view)[0].about_it, ["near"]);
    let disputes = disputes(&view, &positions(&view));
    let sides: Vec<&str> =
        disputes.iter().flat_map(|one| &one.sides).map(|side| side.event.as_str()).collect();
    assert_eq!(sides, ["near", "a"]);
}

/// What would break: who was entered twice would hold two sets of positions, one of them by nobody who is known.
#[test]
fn what_names_a_duplicate_of_an_actor_or_topic_names_its_original() {
    let twice = r#"{"kind":"actor","id":"premier","name":"S. Sharif","type":"person"}
        {"kind":"actor","id":"state","name":"A copy of the premier"}
        {"kind":"topic","id":"waters"}
        {"kind":"retraction","id":"one","of":"state","by":"duplicate","duplicate_of":"premier"}
        {"kind":"retraction","id":"two","of":"premier","by":"duplicate","duplicate_of":"sharif"}
        {"kind":"retraction","id":"three","of":"waters","by":"duplicate","duplicate_of":"treaty"}"#;
    let earlier = said("a", "sharif", "2025-04-30", "");
    let later = r#"{"kind":"statement","id":"b","by":["state","sharif"],"topic":"waters","stance":"rejects","when":"2025-05-02","according_to":[{"by":"premier"}],"cites":[{"source":"article"}]}"#;
    let lines = format!("{twice}\n{earlier}\n{later}");
    check_positions(&lines, "2025-05-03", &["*sharif rejects []", "sharif supports []"]);
    check_roll_up(&lines, Level::Country, &["*pk <- sharif b []", "pk <- sharif a []"]);
    let mut log = support::log();
    append(&mut log, &lines).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2025-05-03"));
    let held = positions(&view);
    assert_eq!(held[0].topic, "treaty");
    // It rests on what says that they are one.
    assert_eq!(held[0].rests_on, ["one", "two", "three", "b"]);
    assert_eq!(held[1].rests_on, ["a"]);
    assert_eq!(held[0].according_to[0][0].by.as_deref(), Some("sharif"));
    // Those who are part of it are part of the original.
    let office = r#"{"kind":"actor","id":"pak","type":"country"}
        {"kind":"actor","id":"speaker","type":"person","part_of":"pak"}
        {"kind":"retraction","of":"pak","by":"duplicate","duplicate_of":"pk"}"#;
    let lines = format!("{office}\n{}", said("a", "speaker", "2025-04-30", ""));
    check_roll_up(&lines, Level::Country, &["*pk <- speaker a []"]);
}

/// What would break: of an actor entered twice who was said to double each other in turn, each would hold the other's positions.
#[test]
fn of_a_circle_of_duplicates_the_later_word_says_which_is_kept() {
    let actors = r#"{"kind":"actor","id":"premier","type":"person"}
        {"kind":"actor","id":"prime","type":"person"}"#;
    let of = |id: &str, of: &str, original: &str| {
        format!(
            r#"{{"kind":"retraction","id":"{id}","of":"{of}","by":"duplicate","duplicate_of":"{original}"}}"#
        )
    };
    let lines = [
        actors.to_owned(),
        said("a", "premier", "2025-04-30", ""),
        said("b", "sharif", "2025-04-30", ""),
        of("one", "premier", "sharif"),
        of("two", "prime", "premier"),
        of("three", "sharif", "prime"),
    ];
    let mut log = support::log();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    let held: Vec<_> =
        positions(&view).into_iter().map(|one| (one.actor, one.event, one.rests_on)).collect();
    let rests_on = |id: &str, more: &[&str]| {
        [&[id], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let premier = || "premier".to_owned();
    assert_eq!(
        held,
        [
            (premier(), "b".to_owned(), rests_on("b", &["two", "three"])),
            (premier(), "a".to_owned(), rests_on("a", &[])),
        ]
    );
    let seq = |id: &str| log.history().seq_of(id).expect("it is there");
    assert!(view.heeds(seq("two")) && view.heeds(seq("three")) && !view.heeds(seq("one")));
    assert!(view.fact(seq("premier")).is_some(), "the one that is kept counts");
    // What is taken back for good makes no circle, whether that was said before or after.
    let withdrawn = r#"{"kind":"retraction","id":"w","of":"prime","by":"source"}"#;
    for first in [true, false] {
        let mut all = vec![of("x", "premier", "prime"), of("y", "prime", "premier")];
        all.insert(if first { 0 } else { 2 }, withdrawn.to_owned());
        let lines = [&[actors.to_owned()], &all[..]].concat().join("\n");
        let mut log = support::log();
        append(&mut log, &lines).unwrap_or_else(|error| panic!("{error:?}"));
        let view = View::of(log.history(), clocks_at("2025-05-01"));
        let out = ["premier", "prime"].map(|id| log.history().seq_of(id).unwrap());
        assert!(out.iter().all(|seq| view.struck().contains_key(seq)), "first: {first}");
    }
}

/// What would break: an erasure of what was entered by mistake would part what it says has one meaning.
#[test]
fn what_names_a_duplicate_that_was_erased_names_its_original() {
    let lines = [
        r#"{"kind":"actor","id":"premier","type":"person"}"#,
        r#"{"kind":"actor","id":"prime","type":"person"}"#,
        &*said("a", "prime", "2025-04-30", ""),
        &*said("b", "sharif", "2025-05-02", ""),
        r#"{"kind":"retraction","id":"one","of":"prime","by":"duplicate","duplicate_of":"premier"}"#,
        r#"{"kind":"retraction","id":"two","of":"premier","by":"duplicate","duplicate_of":"sharif"}"#,
    ];
    let mut log = support::log();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
    let held = |history: &History| {
        let view = View::of(history, clocks_at("2025-05-03"));
        positions(&view).into_iter().map(|one| (one.actor, one.rests_on)).collect::<Vec<_>>()
    };
    let whole = held(log.history());
    assert_eq!(whole[1], ("sharif".to_owned(), ["a", "one", "two"].map(str::to_owned).to_vec()));
    let mut erased = log.history().clone();
    erased.forget(&["premier", "prime"].map(|id| erased.seq_of(id).expect("it is there")).into());
    assert_eq!(held(&erased), whole);
}

/// What would break: a position would name a contact that the log does not have, beside the one that it is of.
#[test]
fn a_position_names_the_contact_that_stands_for_a_duplicate() {
    let lines = [
        r#"{"kind":"contact","id":"call","participants":["rubio","sharif"],"when":"2025-04-30"}"#,
        r#"{"kind":"contact","id":"again","participants":["rubio","sharif"],"when":"2025-04-30"}"#,
        &*said("a", "sharif", "2025-04-30", r#","contact":"again""#),
        r#"{"kind":"retraction","id":"one","of":"again","by":"duplicate","duplicate_of":"call"}"#,
    ];
    let mut log = support::log();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
    let held = positions(&View::of(log.history(), clocks_at("2025-05-01")));
    assert_eq!(held[0].contact.as_deref(), Some("call"));
    assert_eq!(held[0].rests_on, ["a", "one"]);
}

/// What would break: one who told it twice, under two ids of which one was found to double the other, would give two accounts.
#[test]
fn the_accounts_of_a_teller_entered_twice_are_one() {
    let ours = r#","contact":"call","according_to":[{"by":"usa"}]"#;
    let lines = [
        r#"{"kind":"contact","id":"call","participants":["rubio","sharif"],"when":"2025-04-30"}"#,
        r#"{"kind":"actor","id":"usa","country":"US"}"#,
        &*said("a", "sharif", "2025-04-30", ours),
        &*said("b", "sharif", "2025-04-30", r#","contact":"call","according_to":[{"by":"us"}]"#),
        &*said("c", "sharif", "2025-04-30", ours),
        r#"{"kind":"retraction","of":"usa","by":"duplicate","duplicate_of":"us"}"#,
        // The report that is retracted itself names the duplicate, too.
        r#"{"kind":"retraction","of":"c","by":"duplicate","duplicate_of":"b"}"#,
    ];
    let lines = lines.join("\n");
    check_contact(&lines, &["us: a b", "all: ", "topics: ", "silent: sharif"]);
}

/// What would break: whether a tenure is certain would depend on the order in which memberships are written.
#[test]
fn who_is_reached_by_a_certain_way_is_certain() {
    let (sure, unsure) = (r#""state""#, r#"{"actor":"gov","from":"2025-05"}"#);
    for part_of in [[sure, unsure], [unsure, sure]] {
        let lines = [
            OFFICES.to_owned(),
            format!(
                r#"{{"kind":"actor","id":"two","type":"person","part_of":[{}]}}"#,
                part_of.join(",")
            ),
            said("a", "two", "2025-05-10", ""),
        ];
        check_roll_up(&lines.join("\n"), Level::Government, &["*gov <- two a []"]);
    }
}

/// What would break: the proof that a country holds a position would lack what says that the speaker's is the same country.
#[test]
fn a_rolled_up_position_rests_on_what_makes_those_on_the_way_one() {
    let lines = [
        r#"{"kind":"actor","id":"pak","type":"country"}"#,
        r#"{"kind":"actor","id":"speaker","type":"person","part_of":"pak"}"#,
        r#"{"kind":"retraction","id":"one","of":"pak","by":"duplicate","duplicate_of":"pk"}"#,
        &*said("a", "speaker", "2025-04-30", ""),
    ];
    let mut log = support::log();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    assert_eq!(roll_up(&view, Level::Country)[0].position.rests_on, ["one", "a"]);
    assert_eq!(roll_up(&view, Level::Person)[0].position.rests_on, ["a"]);
}

/// What would break: an office would be said to hold what was said by somebody who may have left it, and no longer what it does;
/// and one who held one office or another would count as two offices.
#[test]
fn who_may_have_held_an_office_takes_no_place_in_it_and_counts_as_one() {
    let lines = [
        OFFICES.to_owned(),
        r#"{"kind":"actor","id":"moves","type":"person","part_of":[{"actor":"state","until":"2025-06-30"},{"actor":"defence","from":"2025-07-01"}]}"#
            .to_owned(),
        said("a", "state", "2025-05-01", ""),
        said("b", "moves", "2025-06/2025-07", ""),
        said("c", "moves", "2025-06-15", r#","modality":"conditional""#),
    ]
    .join("\n");
    check_roll_up(
        &lines,
        Level::Office,
        &[
            "*defence <- moves b [\"tenure_uncertain\"]",
            "*state <- moves b [\"tenure_uncertain\"]",
            "*state <- moves c []",
            "state <- state a []",
        ],
    );
    let lines = lines.replace(r#""id":"c","by":"moves""#, r#""id":"c","by":"chief""#);
    check_roll_up(
        &lines,
        Level::Country,
        &[
            "*us <- moves b [\"tenure_uncertain\"]",
            "*us <- chief c []",
            "*us <- state a [\"may_be_superseded\"]",
        ],
    );
    let mut log = support::log();
    append(&mut log, &lines).unwrap_or_else(|error| panic!("{error:?}"));
    let found =
        holdings(&roll_up(&View::of(log.history(), clocks_at("2026-01-01")), Level::Country));
    let of = |event: &str| {
        let holding = found.iter().find(|holding| holding.events.iter().any(|id| id == event));
        let holding = holding.expect("it is held");
        (holding.offices.join(" "), holding.possible_offices.join(" "))
    };
    // What one of the offices holds for certain, too, is not only possible there.
    assert_eq!(of("b"), ("defence state".to_owned(), "defence".to_owned()));
    assert_eq!(of("c"), ("defence".to_owned(), String::new()));
}

#[test]
fn who_holds_two_offices_is_heard_once_and_as_long_as_for_either() {
    let both = r#"{"kind":"actor","id":"both","type":"person","part_of":["state","defence"]}"#;
    for (later, by) in [("b", "new"), ("b", "chief")] {
        let lines = [
            OFFICES.to_owned(),
            both.to_owned(),
            said("a", "both", "2025-05-01", ""),
            said(later, by, "2025-06-01", ""),
        ];
        check_roll_up(
            &lines.join("\n"),
            Level::Country,
            &[&format!("*us <- {by} b []"), "*us <- both a []"],
        );
    }
}

/// What would break: what a second report of a statement quotes would be missing beside the contact.
#[test]
fn what_is_told_in_a_contact_has_the_passages_of_all_its_reports() {
    let told = |id: &str, at: &str| {
        let more = r#","contact":"call","cites":[{"source":"article","at":"AT"}]"#;
        said(id, "rubio", "2025-04-30", &more.replace("AT", at))
    };
    let lines = [
        r#"{"kind":"contact","id":"call","participants":["rubio","sharif"],"when":"2025-04-30"}"#
            .to_owned(),
        told("a", "1"),
        told("b", "2"),
        told("c", "1"),
        r#"{"kind":"relation","from":"a","to":"b","type":"same_act"}"#.to_owned(),
        r#"{"kind":"relation","from":"c","to":"b","type":"same_act"}"#.to_owned(),
    ];
    let mut log = support::log();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
    let found = contacts(&View::of(log.history(), clocks_at("2025-05-01")));
    let cites = found[0].statements.iter().flat_map(|told| &told.cites);
    assert_eq!(cites.filter_map(|cite| cite.at.as_deref()).collect::<Vec<_>>(), ["1", "2"]);
}

/// What would break: each account would be shown with the words and the stance of the others.
#[test]
fn each_account_has_the_stance_and_the_passages_of_its_own_reports() {
    let told = |id: &str, stance: &str, by: &str, at: &str| {
        format!(
            r#"{{"kind":"statement","id":"{id}","by":"rubio","topic":"treaty","stance":"{stance}","when":"2025-04-30","summary":"{id}","contact":"call","according_to":[{{"by":"{by}"}}],"cites":[{{"source":"article","at":"{at}"}}]}}"#
        )
    };
    let lines = [
        r#"{"kind":"contact","id":"call","participants":["rubio","sharif"],"when":"2025-04-30"}"#
            .to_owned(),
        told("a", "urges", "us", "1"),
        told("b", "demands", "pk", "2"),
        r#"{"kind":"relation","from":"a","to":"b","type":"same_act"}"#.to_owned(),
        r#"{"kind":"mention","of":"a","cites":[{"source":"article","at":"3"}]}"#.to_owned(),
        r#"{"kind":"mention","of":"a","according_to":[{"by":"pk"}],"cites":[{"source":"article","at":"4"}]}"#.to_owned(),
    ];
    let mut log = support::log();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
    let found = contacts(&View::of(log.history(), clocks_at("2025-05-01")));
    let [said] = found[0].statements.as_slice() else { panic!("{found:?}") };
    let tellings = said.accounts.iter().map(|telling| {
        let teller = &found[0].accounts[telling.account].teller;
        let Teller::Named(teller) = teller else { panic!("{teller:?}") };
        let stance = telling.stance.as_ref().expect("a stance");
        let at: Vec<&str> = telling.cites.iter().filter_map(|cite| cite.at.as_deref()).collect();
        let summary = telling.summary.as_deref().expect("a summary");
        format!("{teller}: {} {stance} {summary} {}", telling.event, at.join(","))
    });
    assert_eq!(
        tellings.collect::<Vec<_>>(),
        ["us: a urges a 1,3", "pk: a urges a 4", "pk: b demands b 2"]
    );
    assert_eq!(said.differing, ["stance"]);
}

/// What would break: a country would be called silent whose minister told it.
#[test]
fn an_account_is_from_the_side_of_its_tellers_and_of_who_spoke_for_themselves() {
    let silent = |according_to: &str| -> Vec<String> {
        let lines = [
            r#"{"kind":"contact","id":"call","participants":["us","pk"],"when":"2025-04-30"}"#,
            &said("a", "sharif", "2025-04-30", &format!(r#","contact":"call"{according_to}"#)),
        ];
        let mut log = support::log();
        append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
        contacts(&View::of(log.history(), clocks_at("2025-05-01"))).remove(0).silent
    };
    assert_eq!(silent(""), ["us"]);
    assert_eq!(silent(r#","according_to":[{"by":"rubio"}]"#), ["pk"]);
}

#[test]
fn what_is_about_a_contact_is_named_with_it() {
    let mut log = support::log();
    append(
        &mut log,
        r#"
        {"kind":"contact","id":"call","participants":["rubio","sharif"],"when":"2025-04-30"}
        {"kind":"contact","id":"visit","participants":["rubio","modi"],"when":"2025-04-29"}
        {"kind":"contact","id":"summit","participants":["rubio","modi"],"when":"2025-05-02"}
        {"kind":"incident","id":"near","when":"2025-04-28"}
        {"kind":"incident","id":"far","when":"2025-04-28"}
        {"kind":"incident","id":"gone","when":"2025-04-28"}
        {"kind":"incident","id":"later","when":"2025-05-02"}
        {"kind":"relation","from":"later","type":"about","to":"call"}
        {"kind":"relation","from":"near","type":"about","to":"call"}
        {"kind":"relation","from":"gone","type":"about","to":"call"}
        {"kind":"relation","from":"far","type":"about","to":"visit"}
        {"kind":"relation","from":"far","type":"contradicts","to":"call"}
        {"kind":"retraction","of":"gone","by":"recorder"}
        "#,
    )
    .unwrap_or_else(|error| panic!("{error:?}"));
    let found = contacts(&View::of(log.history(), clocks_at("2025-05-01")));
    assert_eq!(found.len(), 2, "one is still to come");
    let about = |id: &str| &found.iter().find(|one| one.contact == id).unwrap().about_it;
    assert_eq!(
        (about("call"), about("visit")),
        (&vec!["near".to_owned()], &vec!["far".to_owned()])
    );
}

#[test]
fn who_speaks_for_two_governments_gives_both_their_word_once() {
    let lines = [
        OFFICES.to_owned(),
        said("a", "chief", "2025-05-01", r#","on_behalf_of":["gov","state","pk"]"#),
    ];
    check_roll_up(&lines.join("\n"), Level::Country, &["*pk <- chief a []", "*us <- chief a []"]);
}

#[test]
fn a_position_has_each_passage_once_and_a_holding_all_that_say_it() {
    let cited = r#","cites":[{"source":"article"}]"#;
    let lines = [
        OFFICES.to_owned(),
        said("a", "chief", "2025-05-01", cited),
        said("b", "new", "2025-05-02", cited),
        r#"{"kind":"mention","of":"a","cites":[{"source":"article"},{"source":"article","at":"2"}]}"#
            .to_owned(),
        r#"{"kind":"statement","id":"c","by":"new","topic":"treaty","stance":"opposes","when":"2025-05-02"}"#
            .to_owned(),
    ];
    let mut log = support::log();
    append(&mut log, &lines.join("\n")).unwrap_or_else(|error| panic!("{error:?}"));
    let view = View::of(log.history(), clocks_at("2026-01-01"));
    let passages: Vec<usize> = positions(&view)
        .iter()
        .filter(|position| position.event == "a")
        .map(|position| position.cites.len())
        .collect();
    assert_eq!(passages, [2]);
    let held = roll_up(&view, Level::Country);
    let summed: Vec<Vec<&str>> = holdings(&held)
        .iter()
        .map(|holding| {
            let one = held.iter().filter(|one| holding.sums_up(one));
            one.map(|one| one.position.event.as_str()).collect()
        })
        .collect();
    assert_eq!(summed, [vec!["b", "a"], vec!["c"]]);
}
