//! The gates: what is refused, with what evidence, and that nothing of it is written.

use demarche::event_log::checkpoints::{SignError, keep_note};
use demarche::event_log::passage::Difference;
use demarche::event_log::{
    AppendError, AppendOptions, Appended, Cause, EraseError, EventLog, OpenError, Refusal,
    Submission,
};
use demarche::model::check::Wrong;
use demarche::model::event::{Body, Event, RetractedBy};
use demarche::model::value::Value;
use demarche::record::journal::Journal;
use demarche::record::json;
use demarche::record::note::NoteSigner;
use demarche::record::system::{KeyEvent, KeyOp, SystemEvent};
use demarche::store::memory::MemoryStore;
use demarche::store::{Part, Store};

use crate::faulty::Faulty;
use crate::support::{self, Counting, Files, append, append_with};

/// The refusals of lines; the log must be as it was.
#[track_caller]
fn refusals(lines: &str) -> Vec<Refusal> {
    let mut log = support::log();
    let (head, history) = (log.head(), log.history().clone());
    let refused = match append(&mut log, lines) {
        Err(AppendError::Refused(refusals)) => refusals,
        other => panic!("{lines}: {other:?}"),
    };
    assert_eq!(log.head(), head, "nothing was written");
    assert_eq!(log.history(), &history, "nothing was folded");
    refused
}

/// The causes, as texts, of the refusal of one line.
#[track_caller]
fn check(line: &str, expected: &str) {
    let refused = refusals(line);
    let causes: Vec<_> = refused.iter().flat_map(|r| &r.causes).map(ToString::to_string).collect();
    assert_eq!(causes.join(" | "), expected, "{line}");
}

#[test]
fn a_quotation_that_is_not_verbatim_is_refused_with_the_nearest_passage() {
    let good = r#"{"kind":"incident","id":"good","summary":"good"}"#;
    let bad = r#"{"kind":"incident","id":"bad","cites":[{"source":"article","quote":"The treaty was held in abeyance."}]}"#;
    let refused = refusals(&format!("{good}\n{bad}"));
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].line, Some(2));
    let Cause::NotVerbatim { nearest: Some(passage), .. } = &refused[0].causes[0] else {
        panic!("{:?}", refused[0].causes)
    };
    assert_eq!(passage.text, "The treaty is held in abeyance.");
    assert_eq!(passage.difference, Difference::Words);
}

/// What would break: each blank cell of a table that was made into lines would be refused.
#[test]
fn an_empty_text_is_as_if_it_were_not_given() {
    let mut log = support::log();
    let line = r#"{"according_to":[{"by":"","how":"readout"}],"by":["in",""],"cites":"","contact":"","id":"s","kind":"statement","lang":"","stance":"","topic":"","when":""}"#;
    append(&mut log, line).unwrap();
    let event = log.store().read(log.head().size - 1, 1).unwrap().remove(0);
    let Part::Present { bytes, .. } = event.payload else { panic!("it is there") };
    let kept = r#"{"according_to":[{"how":"readout"}],"by":["in"],"id":"s","kind":"statement"}"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), kept);
    check(
        r#"{"kind":"measure","measure":"","op":"impose"}"#,
        "measure: measure is missing (the name of the measure, which lives on)",
    );
}

#[test]
fn shapes_terms_dates_and_references_are_held_to() {
    check(r#"{"kind":"statment"}"#, r#"kind: there is no kind of event "statment""#);
    check(r#"{"kind":"genesis"}"#, "kind: events of kind genesis are written by the program alone");
    check(r#"{"by":[]}"#, "kind: kind is missing (what sort of event it is)");
    check("[]", "event: an event is a JSON object, this is another value");
    check(r#"{"kind":"incident","wen":"2025"}"#, r#"wen: incident has no field "wen""#);
    check(r#"{"kind":"measure","measure":"m"}"#, "op: op is missing (which step it is)");
    check(
        r#"{"kind":"measure","measure":"m","op":"imposed"}"#,
        r#"op: "imposed" is not in the list op"#,
    );
    check(
        r#"{"kind":"incident","when":"23 April"}"#,
        "when: \"23 April\" is not a date we can take: it has none of the forms of EDTF level 1, such as 2025-04-23, 2025-04 or 2025-04-23/2025-05-01",
    );
    check(
        r#"{"kind":"actor","id":"x","country":"ZZZ"}"#,
        r#"country: "ZZZ" is no ISO 3166-1 country code"#,
    );
    check(
        r#"{"kind":"incident","id":"a b"}"#,
        r#"id: "a b" is no id: an id cannot hold the character U+0020"#,
    );
    check(r#"{"kind":"statement","by":["india"]}"#, r#"by[0]: there is no actor "india""#);
    check(
        r#"{"kind":"statement","by":["treaty"]}"#,
        r#"by[0]: "treaty" is of kind topic; this must be: actor"#,
    );
    check(
        r#"{"kind":"mention","of":"nothing"}"#,
        r#"of: there is no statement, measure step, incident or contact "nothing""#,
    );
    check(
        r#"{"kind":"incident","confidence":0.9}"#,
        "the number 0.9 has a fraction or an exponent",
    );
    check(r#"{"kind":"incident","id":"a","id":"b"}"#, r#"the key "id" is given twice"#);
    check(
        r#"{"kind":"incident","cites":[{"source":"article","quote":" "}]}"#,
        "cites[0].quote: the quotation is empty",
    );
    check(
        r#"{"kind":"source","id":"s","file":"gone.txt"}"#,
        r#"file: there is no file "gone.txt" (looked in the test)"#,
    );
    check(
        r#"{"kind":"retraction","of":"in","by":"duplicate"}"#,
        "duplicate_of: duplicate_of is missing (the event it doubles)",
    );
    check(
        r#"{"kind":"correction","of":"in","field":"id","to":"x"}"#,
        r#""in" cannot be corrected in "id": this field says which event it is, of which measure it is a step, or what was captured; retract the event instead"#,
    );
    check(
        r#"{"kind":"correction","of":"in","field":"country","to":"QQQ"}"#,
        r#"to (country): "QQQ" is no ISO 3166-1 country code"#,
    );
}

/// What would break: a retraction would say that an event is doubled, and every answer would forget it.
#[test]
fn a_retraction_that_is_of_no_duplicate_names_none() {
    let line = r#"{"by":"recorder","duplicate_of":"pk","kind":"retraction","of":"in"}"#;
    check(line, "duplicate_of: it belongs to a retraction by duplicate alone");
    // One that an earlier version took is read.
    let Ok(Value::Object(stored)) = json::parse(line.as_bytes()) else { panic!("{line}") };
    let read = Event::read(&stored).unwrap();
    assert!(
        matches!(read.body, Body::Retraction(retraction) if retraction.by == RetractedBy::Recorder)
    );
}

#[test]
fn memberships_are_ids_or_ids_with_a_time() {
    let actor = |part_of: &str| format!(r#"{{"kind":"actor","id":"x","part_of":{part_of}}}"#);
    check(&actor(r#"[{"actor":"gone"}]"#), r#"part_of[0]: there is no actor "gone""#);
    check(
        &actor(r#"[{"actor":"gone","from":"2025"}]"#),
        r#"part_of[0].actor: there is no actor "gone""#,
    );
    check(
        &actor(r#"[{"from":"2025"}]"#),
        "part_of[0].actor: actor is missing (what it belongs to or speaks for)",
    );
    check(
        &actor(r#"[{"actor":"us","since":"2025"}]"#),
        r#"part_of[0].since: this list has no field "since""#,
    );
    check(&actor(r#"[{"actor":"us","from":7}]"#), "part_of[0].from: expected text, found a number");
    // A time that is not said makes an object the id alone, so both forms are one content.
    let mut log = support::log();
    append(&mut log, &actor(r#"[{"actor":"us","from":null},"in"]"#)).expect("a good actor");
    let again = append(&mut log, &actor(r#"["us","in"]"#)).expect("the same actor");
    assert!(again.outcomes[0].already_there);
}

#[test]
fn all_that_is_wrong_is_said_not_only_the_first() {
    let refused = refusals(
        r#"{"kind":"statement","stance":"loves","when":"soon","wat":1}
        {"kind":"statement","by":["nobody"]}"#,
    );
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0].causes.len(), 3);
    let Cause::Shape(problem) = &refused[0].causes[0] else { panic!() };
    assert!(matches!(problem.wrong, Wrong::Term { .. }));
}

#[test]
fn the_same_again_changes_nothing_and_other_content_is_refused() {
    let mut log = support::log();
    let lines = r#"{"kind":"incident","id":"a","summary":"x"}
        {"kind":"incident","summary":"no id"}
        {"kind":"statement","by":["in"],"topic":"treaty","sealed":{"k":1}}"#;
    let first = append(&mut log, lines).expect("good lines");
    assert!(first.outcomes.iter().all(|outcome| !outcome.already_there));
    assert_eq!(first.outcomes[1].id, format!("@{}", first.outcomes[1].seq));
    let head = log.head();
    // Another order of keys and an empty list say the same.
    for again in [lines, r#"{"summary":"x","cites":[],"id":"a","kind":"incident","topic":null}"#] {
        let again = append(&mut log, again).expect("it is there already");
        assert!(again.outcomes.iter().all(|outcome| outcome.already_there));
        assert_eq!(log.head(), head);
    }
    assert_eq!(append(&mut log, lines).unwrap().outcomes[1].link, first.outcomes[1].link);
    let Err(AppendError::Refused(refused)) =
        append(&mut log, r#"{"kind":"incident","id":"a","summary":"y"}"#)
    else {
        panic!("the id is taken")
    };
    assert_eq!(
        refused[0].causes[0].to_string(),
        format!(
            "the id \"a\" is taken by event {}, which differs in summary",
            first.outcomes[0].seq
        )
    );
    assert_eq!(log.head(), head);
}

/// What would break: whether a file is recognised would depend on what else of its names there is by now.
#[test]
fn a_number_that_may_name_a_measure_stays_and_is_recognised() {
    let mut log = support::log();
    let lines = r#"
        {"kind":"incident","id":"x"}
        {"kind":"measure","id":"a","measure":"a","op":"impose","responds_to":["@9"]}
        {"kind":"measure","id":"b","measure":"x","op":"impose"}
    "#;
    append(&mut log, lines).expect("good lines");
    let size = log.head().size;
    append(&mut log, lines).expect("they are there already");
    assert_eq!(log.head().size, size);
}

/// What would break: one actor would be two, and a source that is cited by its number would have no date.
#[test]
fn an_id_is_kept_in_one_spelling() {
    let mut log = support::log();
    let earlier = r#"{"kind":"contact","participants":["in"]}
        {"kind":"measure","id":"a","measure":"a","op":"impose"}
        {"kind":"statement","id":"said","by":["pk"]}"#;
    append(&mut log, earlier).expect("good lines");
    for (given, kept) in [
        (
            r#"{"kind":"statement","by":["@2","in","@3"],"to":"@4","on_behalf_of":["pk","pk"],
                "topic":"@8","contact":"@9","cites":[{"source":"@1","quote":"shut its airspace"}],
                "according_to":[{"by":"@1"},{"by":"@3"}]}"#,
            r#"{"kind":"statement","by":["in","pk"],"to":"us","on_behalf_of":["pk"],
                "topic":"treaty","contact":"@9","cites":[{"source":"article","quote":"shut its airspace"}],
                "according_to":[{"by":"article"},{"by":"pk"}]}"#,
        ),
        (
            r#"{"kind":"actor","id":"x","part_of":["@2","in",{"actor":"@3","from":"2025"}]}"#,
            r#"{"kind":"actor","id":"x","part_of":["in",{"actor":"pk","from":"2025"}]}"#,
        ),
        (
            r#"{"kind":"correction","of":"@11","field":"by","to":["@3","pk","@2"]}"#,
            r#"{"kind":"correction","of":"said","field":"by","to":["pk","in"]}"#,
        ),
        (r#"{"kind":"mention","of":"@11"}"#, r#"{"kind":"mention","of":"said"}"#),
        (
            r#"{"kind":"retraction","of":"@11","by":"source"}"#,
            r#"{"kind":"retraction","of":"said","by":"source"}"#,
        ),
    ] {
        let line = |text: &str| text.replace('\n', " ");
        let first = append(&mut log, &line(given)).expect("a good line");
        let again = append(&mut log, &line(kept)).expect("the same");
        assert!(!first.outcomes[0].already_there && again.outcomes[0].already_there, "{given}");
        assert_eq!(again.outcomes[0].seq, first.outcomes[0].seq);
        assert!(append(&mut log, &line(given)).expect("again").outcomes[0].already_there);
    }
    // Here the id would be that of the measure.
    let related =
        |from: &str| format!(r#"{{"kind":"relation","from":"{from}","to":"said","type":"about"}}"#);
    append(&mut log, &related("@10")).expect("a good line");
    let measure = append(&mut log, &related("a")).expect("a good line");
    assert!(!measure.outcomes[0].already_there);
    check(
        r#"{"kind":"statement","by":["in"],"contact":"@99"}"#,
        r#"contact: there is no contact "@99""#,
    );
}

/// What would break: a measure would be known by its new name in some answers, and in others there would be none.
#[test]
fn a_step_is_not_corrected_into_one_of_another_measure() {
    let refused = refusals(
        r#"{"kind":"measure","id":"step","measure":"m","op":"impose"}
        {"kind":"correction","of":"step","field":"measure","to":"n"}"#,
    );
    let causes: Vec<_> = refused.iter().flat_map(|r| &r.causes).map(ToString::to_string).collect();
    let [cause] = causes.as_slice() else { panic!("{causes:?}") };
    assert!(cause.contains("of which measure it is a step"), "{cause}");
}

#[test]
fn keep_going_leaves_out_what_is_refused_and_what_depends_on_it() {
    let mut log = support::log();
    let lines = r#"{"kind":"actor","id":"x","country":"QQQ"}
        {"kind":"statement","id":"s1","by":["x"]}
        {"kind":"statement","id":"s2","contact":"call","by":["in"]}
        {"kind":"statement","id":"s3","by":["in"]}
        {"kind":"contact","id":"call","form":"pigeon"}"#;
    let keep_going = AppendOptions { keep_going: true, ..Default::default() };
    let appended =
        append_with(&mut log, lines, keep_going, &mut Counting::default()).expect("s3 is good");
    let ids: Vec<_> = appended.outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
    assert_eq!(ids, ["s3"]);
    let left: Vec<_> = appended.left_out.iter().map(|refusal| refusal.line).collect();
    assert_eq!(left, [Some(1), Some(2), Some(3), Some(5)]);
}

/// Which lines are left out, and why.
fn left_out(appended: &Appended) -> Vec<(u64, String)> {
    let why = |one: &Refusal| one.causes.iter().map(ToString::to_string).collect();
    appended.left_out.iter().map(|one| (one.line.unwrap(), why(one))).collect()
}

/// Checks which lines are left out with `keep_going`, and why.
#[track_caller]
fn check_left_out(lines: &str, expected: &[(u64, &str)]) {
    let mut log = support::log();
    let keep_going = AppendOptions { keep_going: true, ..Default::default() };
    let appended = append_with(&mut log, lines, keep_going, &mut Counting::default()).unwrap();
    let left = left_out(&appended);
    let left: Vec<(u64, &str)> = left.iter().map(|(line, why)| (*line, why.as_str())).collect();
    assert_eq!(left, expected, "{lines}");
}

/// What would break: a file that gives every line one id would be gone over once for each line.
#[test]
fn what_is_refused_is_judged_anew_a_few_times() {
    for (copies, is_taken) in [(7, true), (8, false), (200, false)] {
        let astray = |number| {
            format!(r#"{{"kind":"relation","id":"x","type":"about","from":"z","to":"z{number}"}}"#)
        };
        let mut lines: Vec<String> = (0..copies).map(astray).collect();
        lines.push(r#"{"kind":"incident","id":"x"}"#.to_owned());
        lines.push(r#"{"kind":"incident","id":"y"}"#.to_owned());
        let mut log = support::log();
        let options = AppendOptions { keep_going: true, ..AppendOptions::default() };
        append_with(&mut log, &lines.join("\n"), options, &mut Counting::default()).unwrap();
        assert_eq!(log.history().seq_of("x").is_some(), is_taken, "{copies}");
        assert!(log.history().seq_of("y").is_some());
    }
}

/// What would break: a line that is right would be left out, for an event that is not in the log after all.
#[test]
fn nothing_is_left_out_for_what_was_left_out_itself() {
    let no_such = r#"of: there is no event or measure "missing""#;
    check_left_out(
        r#"{"kind":"note","id":"x","of":"missing","text":"first"}
        {"kind":"incident","id":"x"}
        {"kind":"incident","id":"y"}"#,
        &[(1, no_such)],
    );
    // Nor what waits for such a line, nor what waits for that.
    check_left_out(
        r#"{"kind":"note","id":"q","of":"p","text":"of the next"}
        {"kind":"note","id":"p","of":"x","text":"of what comes in the end"}
        {"kind":"note","id":"x","of":"missing","text":"first"}
        {"kind":"incident","id":"x"}
        {"kind":"incident","id":"missing","no":1}"#,
        &[(3, r#"of: "missing" is refused itself"#), (5, r#"no: incident has no field "no""#)],
    );
    // Nor is it a reason where there is another.
    check_left_out(
        r#"{"kind":"relation","id":"r","type":"about","from":"x","to":"gone"}
        {"kind":"note","id":"x","of":"missing","text":"first"}
        {"kind":"incident","id":"x"}"#,
        &[(1, r#"to: there is no event or measure "gone""#), (2, no_such)],
    );
    // Its id is made from its name.
    check_left_out(
        r#"{"kind":"note","id":"q","of":"the-wire","text":"of what comes last"}
        {"kind":"note","id":"the-wire","of":"missing","text":"first"}
        {"kind":"actor","name":"The Wire"}"#,
        &[(2, no_such)],
    );
    // A step of a measure that no other line makes.
    check_left_out(
        r#"{"kind":"note","of":"ban","text":"of the measure"}
        {"kind":"measure","id":"x","measure":"other","op":"impose","responds_to":["missing"]}
        {"kind":"measure","id":"x","measure":"ban","op":"impose"}"#,
        &[(2, r#"responds_to[0]: there is no event or measure "missing""#)],
    );
}

/// What would break: of what refers to one another ahead, only the last would be left out.
#[test]
fn what_waits_for_what_waits_for_nothing_is_left_out_with_it() {
    check_left_out(
        r#"{"kind":"note","id":"a","of":"b","text":"first"}
        {"kind":"note","id":"b","of":"m","text":"second"}
        {"kind":"measure","id":"c","measure":"m","op":"impose","responds_to":["missing"]}
        {"kind":"incident","id":"good"}"#,
        &[
            (1, r#"of: "b" is refused itself"#),
            (2, r#"of: there is no event or measure "m""#),
            (3, r#"responds_to[0]: there is no event or measure "missing""#),
        ],
    );
}

#[test]
fn declare_makes_actors_and_topics_that_are_missing() {
    let mut log = support::log();
    let declare = AppendOptions { declare: true, ..Default::default() };
    let line =
        r#"{"kind":"statement","by":["ndtv"],"topic":"trade","according_to":[{"by":"pti"}]}"#;
    let appended =
        append_with(&mut log, line, declare, &mut Counting::default()).expect("declared");
    let made: Vec<_> = appended
        .outcomes
        .iter()
        .filter(|o| o.declared)
        .map(|o| (o.kind.name(), o.id.as_str()))
        .collect();
    assert_eq!(made.len(), 3);
    assert!(made.contains(&("topic", "trade")) && made.contains(&("actor", "pti")));
}

/// What would break: the log would hold actors that only a line that is not in it names.
#[test]
fn nothing_is_declared_for_a_line_that_is_refused() {
    let mut log = support::log();
    let options = AppendOptions { declare: true, keep_going: true };
    let lines = r#"{"kind":"statement","by":["ndtv"],"topic":"trade","cites":[{"source":"never"}]}
        {"kind":"statement","id":"own","by":["own"]}
        {"kind":"statement","by":["both"],"topic":"both"}
        {"kind":"statement","id":"good","by":["pti"]}"#;
    let appended = append_with(&mut log, lines, options, &mut Counting::default()).unwrap();
    let ids: Vec<_> = appended.outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
    assert_eq!(ids, ["pti", "good"]);
    let left = left_out(&appended);
    let expected = [
        (1, r#"cites[0].source: there is no source "never""#),
        (2, r#"by[0]: there is no actor "own""#),
        (3, r#"topic: "both" is of kind actor; this must be: topic"#),
    ];
    assert_eq!(left, expected.map(|(line, why)| (line, why.to_owned())));
}

#[test]
fn what_follows_in_the_same_file_can_be_referred_to() {
    let mut log = support::log();
    append(
        &mut log,
        r#"{"kind":"statement","by":["in"],"contact":"call"}
        {"kind":"measure","id":"b1","measure":"b","op":"impose","responds_to":["a"]}
        {"kind":"measure","id":"a1","measure":"a","op":"impose"}
        {"kind":"contact","id":"call"}"#,
    )
    .expect("all of it is in the file");
    check(
        r#"{"kind":"statement","by":["in"],"contact":"y"}
        {"kind":"incident","id":"y"}"#,
        r#"contact: "y" is of kind incident; this must be: contact"#,
    );
    check(
        r#"{"kind":"statement","by":["in"],"contact":"cal"}"#,
        r#"contact: there is no contact "cal""#,
    );
}

#[test]
fn a_clock_that_goes_back_is_clamped_and_said() {
    let mut log = support::log();
    let line = |id: &str| format!(r#"{{"kind":"incident","id":"{id}"}}"#);
    append_with(
        &mut log,
        &line("a"),
        AppendOptions::default(),
        &mut Counting::from("2026-06-01T00:00:00Z"),
    )
    .unwrap();
    let back = append_with(
        &mut log,
        &line("b"),
        AppendOptions::default(),
        &mut Counting::from("2026-05-01T00:00:00Z"),
    )
    .unwrap();
    let (clock, used) = back.clock_went_back.expect("it is said");
    assert!(clock < used);
    let entries = log.history().entries();
    assert!(entries.windows(2).all(|pair| pair[0].recorded_at <= pair[1].recorded_at));
}

/// What would break: an event is acknowledged, and the log can never be opened again.
#[test]
fn a_time_that_could_not_be_read_back_is_not_recorded() {
    let far = || Counting { now: i64::MAX / 2, salt: 0 };
    let made = EventLog::create(MemoryStore::new(), "example.org/desk", None, &mut far());
    assert!(matches!(made, Err(OpenError::Clock(_))), "{made:?}");
    let mut log = support::log();
    append(&mut log, r#"{"kind":"incident","id":"a"}"#).unwrap();
    let before = log.head();
    let line = r#"{"kind":"incident","id":"b"}"#;
    let refused = append_with(&mut log, line, AppendOptions::default(), &mut far()).unwrap_err();
    assert!(matches!(refused, AppendError::Clock(_)), "{refused}");
    let refused = log.erase(&[1].into(), "as asked", None, &mut far()).unwrap_err();
    assert!(matches!(refused, EraseError::Clock(_)), "{refused}");
    let signer = NoteSigner::from_seed(log.origin(), &[1; 32]).unwrap();
    let key = KeyEvent::endorsed(KeyOp::New, log.origin(), signer.verifier(), &[&signer]).unwrap();
    let event = SystemEvent::Key(key);
    let refused = log.append_system(&event, &mut far()).unwrap_err();
    assert!(refused.to_string().contains("the years 0 to 9999 alone"), "{refused}");
    log.append_system(&event, &mut Counting::default()).unwrap();
    let (mut journal, _) = Journal::begin(log.origin(), log.genesis().unwrap());
    let refused = log.sign_checkpoint(&mut journal, &[&signer], &mut far()).unwrap_err();
    assert!(matches!(refused, SignError::Clock(_)), "{refused}");
    let note = log.checkpoint().sign(&[&signer]).unwrap();
    let refused = keep_note(&mut journal, note, &mut far()).unwrap_err();
    assert!(matches!(refused, SignError::Clock(_)), "{refused}");
    assert_eq!((log.head().size, journal.entries.len()), (before.size + 1, 0));
}

#[test]
fn what_the_program_records_says_it_when_the_clock_went_back() {
    let mut log = support::log();
    let mut late = Counting::from("2026-06-01T00:00:00Z");
    let line = r#"{"kind":"incident","id":"a"}"#;
    append_with(&mut log, line, AppendOptions::default(), &mut late).unwrap();
    let mut early = Counting::from("2026-05-01T00:00:00Z");
    let signer = NoteSigner::from_seed(log.origin(), &[1; 32]).unwrap();
    let key = KeyEvent::endorsed(KeyOp::New, log.origin(), signer.verifier(), &[&signer]).unwrap();
    let recorded = log.append_system(&SystemEvent::Key(key), &mut early).unwrap();
    let erased = log.erase(&[1].into(), "as asked", None, &mut early).unwrap();
    for went_back in [recorded.clock_went_back, erased.clock_went_back] {
        let (clock, used) = went_back.expect("it is said");
        assert_eq!(used, log.last_recorded());
        assert!(clock < used, "{clock}, {used}");
    }
}

#[test]
fn sources_are_captured_and_hashed_and_kept() {
    let mut log = support::log();
    append(
        &mut log,
        r#"{"kind":"source","id":"scan","file":"scan.pdf","text_file":"scan.txt"}
        {"kind":"incident","cites":[{"source":"scan","quote":"read from the scan"}]}"#,
    )
    .expect("quoted from its text");
    let report = demarche::event_log::verify::verify_store(
        log.store(),
        &demarche::event_log::report::Against::default(),
        &mut |_| {},
    )
    .unwrap();
    assert!(report.is_ok());
    assert_eq!((report.sources, report.quotes), (3, 1));
    let mut bare = support::log();
    append(
        &mut bare,
        r#"{"kind":"source","id":"link","url":"https://example.org"}
        {"kind":"source","id":"pdf","file":"scan.pdf"}"#,
    )
    .expect("a source need not be captured");
    for (source, why) in [
        ("link", "no file was captured with it"),
        ("pdf", "its bytes are not UTF-8 text (at byte 9)"),
    ] {
        let line =
            format!(r#"{{"kind":"incident","cites":[{{"source":"{source}","quote":"x"}}]}}"#);
        let Err(AppendError::Refused(refused)) = append(&mut bare, &line) else {
            panic!("{source}")
        };
        assert!(refused[0].causes[0].to_string().ends_with(why), "{}", refused[0].causes[0]);
    }
    let wrong =
        format!(r#"{{"kind":"source","id":"s","file":"scan.txt","blake3":"{}"}}"#, "0".repeat(64));
    assert!(matches!(refusals(&wrong)[0].causes[0], Cause::CaptureDiffers { .. }));
}

/// What would break: a document that was not taken in would stay in the store, and on a full disk every other append fail;
/// and all documents of an input would be held in memory.
#[test]
fn of_sources_that_are_not_taken_nothing_is_kept() {
    let store = Faulty::counting(support::log().into_log().store().clone());
    let mut log = EventLog::open(store).unwrap();
    let document = |byte: u8, mebibytes: usize| vec![byte; mebibytes * 1024 * 1024];
    let documents = [
        ("a", document(1, 40)),
        ("b", document(2, 25)),
        ("c", document(3, 1)),
        ("wrong", document(4, 1)),
    ];
    let names = documents.each_ref().map(|(_, bytes)| format!("source/{}", blake3::hash(bytes)));
    let mut files = Files(documents.to_vec());
    let mut append = |log: &mut EventLog<_>, keep_going: bool| {
        let source = |name: &str, more: &str| {
            let line = format!(r#"{{"kind":"source","id":"s{name}","file":"{name}"{more}}}"#);
            Submission::read(1, line.as_bytes())
        };
        let wrong = source("wrong", r#","bytes":5"#);
        let lines = vec![source("a", ""), source("b", ""), source("c", ""), wrong];
        let options = AppendOptions { keep_going, ..AppendOptions::default() };
        log.append(lines, options, &mut files, &mut Counting::default())
    };
    let kept = |log: &EventLog<Faulty<MemoryStore>>| {
        names.each_ref().map(|name| log.store().blob(name).unwrap().is_some())
    };
    let refused = append(&mut log, false);
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
    assert_eq!(kept(&log), [false; 4]);
    let staged = log.store().names.iter().filter(|name| **name == "stage_blob").count();
    assert_eq!(staged, 2, "what passed 64 MiB was written before the end: {:?}", log.store().names);
    assert_eq!(append(&mut log, true).unwrap().written(), 3);
    assert_eq!(kept(&log), [true, true, true, false]);
}

mod laws {
    use super::*;
    use demarche::replay::{Content, Entry, History};
    use proptest::prelude::*;

    proptest! {
        /// Folding a prefix and then the rest is folding all; and what was staged and taken back leaves no trace.
        #[test]
        fn a_prefix_and_then_the_rest_is_all(cut in 0_usize..30, ops in prop::collection::vec(0..4_usize, 1..20)) {
            let mut log = support::log();
            let lines: Vec<String> = ops.iter().enumerate().map(|(n, op)| match op {
                0 => format!(r#"{{"kind":"incident","id":"i{n}"}}"#),
                1 => format!(r#"{{"kind":"measure","measure":"m{}","op":"impose","when":"2025-01-{:02}"}}"#, n % 3, n + 1),
                2 => format!(r#"{{"kind":"statement","by":["in"],"topic":"treaty","when":"2025-01-{:02}"}}"#, n + 1),
                _ => r#"{"kind":"correction","of":"in","field":"name","to":"Bharat"}"#.to_owned(),
            }).collect();
            append(&mut log, &lines.join("\n")).unwrap();
            let all = log.history().clone();
            let push = |history: &mut History, entries: &[Entry]| {
                for entry in entries {
                    let content = match &entry.content {
                        Content::Readable(event) => Content::Readable(event.clone()),
                        Content::Absent => Content::Absent,
                        Content::Unreadable => Content::Unreadable,
                    };
                    history.push(entry.recorded_at, content);
                }
            };
            let cut = cut.min(all.entries().len());
            let (prefix, rest) = all.entries().split_at(cut);
            let mut folded = History::new();
            push(&mut folded, prefix);
            let before = folded.clone();
            push(&mut folded, rest);
            prop_assert_eq!(&folded, &all);
            folded.truncate(u64::try_from(cut).unwrap());
            prop_assert_eq!(folded, before);
        }
    }
}
