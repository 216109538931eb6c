//! What a filter of `timeline` and `list` lets through: each condition by every field that it looks at.

use std::collections::BTreeSet;

use demarche::model::calendar::Zone;
use demarche::model::date::Edtf;
use demarche::model::schema::Kind;
use demarche::replay::{Filter, View};

use crate::histories::clocks_at;
use crate::support::{self, Counting, MemoryLog, append};

/// A log in which every kind of event names actors, topics, measures, times or texts. A note without any is in it, too.
fn log() -> MemoryLog {
    let mut log = support::log();
    append(
        &mut log,
        r#"
        {"kind":"source","id":"gazette","title":"The Gazette","publisher":"Press Office","published":"2025-03-01"}
        {"kind":"actor","id":"ministry","name":"Foreign Ministry","type":"office","part_of":"pk"}
        {"kind":"actor","id":"spokesman","name":"The Spokesman","type":"person","part_of":"ministry","aliases":["Mr X"]}
        {"kind":"topic","id":"water","name":"Sharing of water","broader":"treaty"}
        {"kind":"topic","id":"canal","name":"The canal","broader":"water"}
        {"kind":"topic","id":"visas","name":"Visas"}
        {"kind":"contact","id":"call","participants":["rubio","spokesman"],"when":"2025-04-01"}
        {"kind":"statement","id":"spoke","by":"modi","to":"sharif","on_behalf_of":"us","topic":"canal","when":"2025-04-02","cites":[{"source":"article","quote":"The treaty is held in abeyance."}]}
        {"kind":"statement","id":"told","topic":"visas","according_to":[{"by":"spokesman"}],"summary":"Somebody Said so"}
        {"kind":"measure","id":"step","measure":"closure","op":"impose","by":"pk","against":"in","announced":"2025-04-03","scope":"All Airspace","legal_basis":"Order 7"}
        {"kind":"measure","id":"answer","measure":"ban","op":"impose","by":"us","responds_to":"step"}
        {"kind":"measure","id":"instead","measure":"levy","op":"lift","by":"us","superseded_by":"closure"}
        {"kind":"mention","id":"again","of":"step"}
        {"kind":"relation","id":"from-step","from":"step","type":"responds_to","to":"spoke"}
        {"kind":"relation","id":"to-closure","from":"spoke","type":"responds_to","to":"closure"}
        {"kind":"note","id":"on-step","of":"step","text":"See the Annex"}
        {"kind":"note","id":"on-nothing","text":"empty"}
        "#,
    )
    .unwrap_or_else(|error| panic!("{error:?}"));
    append(
        &mut log,
        r#"
        {"kind":"correction","id":"moved","of":"step","field":"announced","to":"2025-04-09","why":"Misread"}
        {"kind":"retraction","id":"gone","of":"instead","by":"recorder","why":"Invented"}
        "#,
    )
    .unwrap_or_else(|error| panic!("{error:?}"));
    log
}

/// Checks which events with an id are let through, in the order of the log. A filter is `KEY=VALUE`, joined by `, `.
#[track_caller]
fn check(log: &MemoryLog, filter: &str, expected: &str) {
    let mut wanted = Filter::default();
    for (key, value) in filter.split(", ").filter_map(|condition| condition.split_once('=')) {
        let day = || Edtf::parse(value).expect("a date").span(Zone::UTC);
        match key {
            "actor" => wanted.actors.push(value.to_owned()),
            "topic" => wanted.topics.push(value.to_owned()),
            "kind" => wanted.kinds.push(Kind::parse(value).expect("a kind")),
            "measure" => wanted.measures.push(value.to_owned()),
            "from" => wanted.from = Some(day().earliest),
            "to" => wanted.to = Some(day().latest),
            "text" => wanted.text = Some(value.to_owned()),
            other => panic!("no condition {other}"),
        }
    }
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    let sieve = wanted.on(&view).unwrap_or_else(|unknown| panic!("{unknown}"));
    let found = log.history().entries().iter().filter(|entry| sieve.wants(entry));
    let ids: Vec<&str> = found.filter_map(|entry| entry.event()?.id.as_deref()).collect();
    assert_eq!(ids.join(" "), expected, "{filter}");
}

#[test]
fn an_actor_stands_for_all_its_members_in_every_part() {
    let log = log();
    check(&log, "actor=rubio", "rubio call");
    check(&log, "actor=modi", "modi spoke");
    check(&log, "actor=sharif", "sharif spoke");
    check(&log, "actor=us", "us rubio call spoke answer instead");
    check(&log, "actor=in", "in modi spoke step");
    // Also those who are part of a part, and those on whose word something is told.
    check(&log, "actor=pk", "pk sharif ministry spokesman call spoke told step");
    check(&log, "actor=rubio, actor=modi", "modi rubio call spoke");
}

#[test]
fn a_topic_stands_for_all_narrower_ones() {
    let log = log();
    check(&log, "topic=treaty", "treaty water canal spoke");
    check(&log, "topic=water", "water canal spoke");
    check(&log, "topic=visas", "visas told");
}

/// What would break: what was recorded of one who was entered twice would be found under one of the ids alone.
#[test]
fn a_duplicate_stands_for_its_original_and_that_for_it() {
    let mut log = log();
    let twice = r#"
        {"kind":"actor","id":"premier"}
        {"kind":"topic","id":"channel"}
        {"kind":"statement","id":"new","by":"premier","topic":"channel"}
        {"kind":"statement","id":"wrong","by":"premier","topic":"channel"}
        {"kind":"retraction","of":"premier","by":"duplicate","duplicate_of":"sharif"}
        {"kind":"retraction","of":"channel","by":"duplicate","duplicate_of":"canal"}
        {"kind":"retraction","of":"wrong","by":"recorder"}"#;
    append(&mut log, twice).unwrap_or_else(|error| panic!("{error:?}"));
    check(&log, "actor=premier", "sharif spoke premier new wrong");
    check(&log, "actor=sharif", "sharif spoke premier new wrong");
    check(&log, "topic=channel", "canal spoke channel new wrong");
    check(&log, "topic=treaty", "treaty water canal spoke channel new wrong");
}

#[test]
fn a_measure_stands_for_its_steps_and_what_refers_to_them() {
    let log = log();
    check(&log, "measure=closure", "step answer instead again from-step to-closure on-step moved");
    check(&log, "measure=levy", "instead gone");
    check(&log, "measure=ban", "answer");
}

/// What would break: what names a step that was entered twice would be missing from the list of its measure.
#[test]
fn a_measure_stands_for_what_names_duplicates_of_its_steps() {
    let mut log = log();
    let twice = r#"
        {"kind":"measure","id":"twin","measure":"airspace","op":"impose","by":"pk"}
        {"kind":"measure","id":"reply","measure":"visa-stop","op":"impose","by":"in","responds_to":"twin"}
        {"kind":"note","id":"on-twin","of":"twin","text":"x"}
        {"kind":"retraction","id":"same","of":"twin","by":"duplicate","duplicate_of":"step"}"#;
    append(&mut log, twice).unwrap_or_else(|error| panic!("{error:?}"));
    let of_step = "step answer instead again from-step to-closure on-step moved";
    check(&log, "measure=closure", &format!("{of_step} reply on-twin same"));
    check(&log, "measure=airspace", "twin reply on-twin same");
}

/// What would break: who told an act would be missing beside it once their report was found to be a duplicate of another.
#[test]
fn an_actor_stands_for_what_is_told_on_their_word_in_further_reports() {
    let mut log = log();
    let twice = r#"
        {"kind":"statement","id":"twin","by":"modi","topic":"canal","according_to":[{"by":"rubio"}]}
        {"kind":"retraction","of":"twin","by":"duplicate","duplicate_of":"spoke"}
        {"kind":"mention","id":"further","of":"spoke","according_to":[{"by":"ministry"}]}"#;
    append(&mut log, twice).unwrap_or_else(|error| panic!("{error:?}"));
    check(&log, "actor=rubio", "rubio call spoke twin");
    check(&log, "actor=ministry", "ministry spokesman call spoke told further");
}

#[test]
fn what_may_have_happened_in_the_time_is_let_through() {
    let log = log();
    // As corrected; of a source when it was published; what has no date is at no time.
    check(&log, "from=2025-04-02, to=2025-04-02", "spoke");
    check(&log, "from=2025-04-09", "article step");
    check(&log, "to=2025-04-01", "gazette call");
    check(&log, "to=2025-04-08, kind=measure", "");
    // What was announced with its date of effect is of both dates, and of none between.
    let announced = r#"{"kind":"measure","id":"later","measure":"ban","op":"announce","by":"us","when":"2025-06-01","effective":"2025-08-01"}"#;
    let mut log = log;
    append(&mut log, announced).unwrap_or_else(|error| panic!("{error:?}"));
    check(&log, "from=2025-06-01, to=2025-06-01", "later");
    check(&log, "from=2025-08-01", "later");
    check(&log, "from=2025-06-02, to=2025-07-31", "");
}

#[test]
fn a_text_is_looked_for_in_every_field_that_holds_one() {
    let log = log();
    for (text, expected) in [
        ("ABEYANCE", "spoke"),
        ("spok", "spokesman spoke"),
        ("somebody said", "told"),
        ("gazette", "gazette"),
        ("press office", "gazette"),
        ("foreign ministry", "ministry"),
        ("mr x", "spokesman"),
        ("sharing of", "water"),
        ("closure", "step to-closure"),
        ("all airspace", "step"),
        ("order 7", "step"),
        ("misread", "moved"),
        ("invented", "gone"),
        ("annex", "on-step"),
        ("nowhere", ""),
    ] {
        check(&log, &format!("text={text}"), expected);
    }
}

#[test]
fn every_condition_must_hold_and_none_is_no_condition() {
    let log = log();
    check(&log, "kind=statement", "spoke told");
    check(&log, "kind=statement, kind=contact", "call spoke told");
    check(&log, "kind=statement, actor=pk, topic=visas", "told");
    check(&log, "kind=statement, actor=pk, text=somebody", "told");
    check(&log, "kind=statement, measure=closure", "");
    let view = View::of(log.history(), clocks_at("2025-05-01"));
    let everything = Filter::default();
    let sieve = everything.on(&view).expect("it names nothing");
    assert!(log.history().entries().iter().all(|entry| sieve.wants(entry)));
    // Of an event that was erased nothing is known but that it is there.
    let mut erased = self::log();
    let of = erased.history().seq_of("told").expect("it is there");
    erased.erase(&BTreeSet::from([of]), "a test", None, &mut Counting::default()).unwrap();
    let view = View::of(erased.history(), clocks_at("2025-05-01"));
    let told = erased.history().entry(of).expect("it is there");
    assert!(told.event().is_none() && everything.on(&view).unwrap().wants(told));
    let said = Filter { kinds: vec![Kind::Statement], ..Filter::default() };
    assert!(!said.on(&view).unwrap().wants(told));
    for (filter, what) in [
        (Filter { actors: vec!["treaty".to_owned()], ..Filter::default() }, "actor"),
        (Filter { topics: vec!["in".to_owned()], ..Filter::default() }, "topic"),
        (Filter { measures: vec!["step".to_owned()], ..Filter::default() }, "measure"),
    ] {
        assert_eq!(filter.on(&view).err().map(|unknown| unknown.what), Some(what));
    }
}

/// What would break: nothing near would be named for an id that was misspelt.
#[test]
fn every_id_and_measure_can_be_meant() {
    let log = log();
    let measures: Vec<&str> = log.history().measure_ids().collect();
    assert_eq!(measures, ["ban", "closure", "levy"]);
    let ids: BTreeSet<&str> = log.history().ids().collect();
    let all = log.history().entries().iter().filter_map(|entry| entry.event()?.id.as_deref());
    assert_eq!(ids, all.collect());
}
