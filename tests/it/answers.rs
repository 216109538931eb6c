//! What analysts ask of the shipped log, and of one that learns later: the commands as users run them.

use std::fs;

use demarche::model::calendar::Instant;
use demarche::record::export::{self, HeadLine, Line};
use demarche::record::header::Header;
use demarche::record::link::Link;
use demarche::record::tree::{Frontier, leaf_hash};
use serde_json::Value;

use crate::desk::Desk;

/// A desk with the shipped log, and the moment at which the last of it was recorded.
fn before_more() -> (Desk, String) {
    let desk = Desk::demo();
    let listed = desk.json(&["list", "--json"]);
    let last = listed["events"].as_array().unwrap().last().unwrap();
    let then = last["recorded_at"].as_str().unwrap().to_owned();
    (desk, then)
}

fn status<'v>(answer: &'v Value, measure: &str) -> &'v str {
    let measures = answer["measures"].as_array().unwrap();
    let found = measures.iter().find(|known| known["measure"] == measure);
    found.map_or("none", |found| found["status"].as_str().unwrap())
}

fn learn_the_day(desk: &Desk) {
    desk.write(
        "later.jsonl",
        r#"{"kind":"source","id":"later","title":"A later report","published":"2025-05-10"}
{"kind":"correction","id":"the-day","of":"pakistan-closes-airspace","field":"effective","to":"2025-04-24","why":"a later report gives the day","cites":[{"source":"later"}]}
"#,
    );
    desk.ok(&["append", "later.jsonl"]);
}

const AIRSPACE: &str = "pakistani-airspace-closure";
const TREATY: &str = "indus-waters-treaty-suspension";

#[test]
fn a_later_source_turns_unknown_to_in_force_on_its_own_clocks_only() {
    let (desk, then) = before_more();
    learn_the_day(&desk);
    let on = |more: &[&str]| {
        let args = [&["measures", "--to", "2025-04-24", "--json"], more].concat();
        status(&desk.json(&args), AIRSPACE).to_owned()
    };
    assert_eq!(on(&[]), "in_force");
    assert_eq!(on(&["--recorded-by", &then]), "unknown");
    assert_eq!(on(&["--reported-by", "2025-05-09"]), "unknown");
    assert_eq!(on(&["--reported-by", "2025-05-10"]), "in_force");

    let shown = desk.ok(&["show", "pakistan-closes-airspace"]);
    for part in [
        "the-day: effective from nothing to \"2025-04-24\"",
        "a later report gives the day",
        "A later report",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let diff =
        desk.json(&["diff", "--recorded-from", &then, "--recorded-to", "2100-01-01", "--json"]);
    let changes: Vec<String> = diff["measures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!(
                "{} {} {} {} {}",
                change["measure"].as_str().unwrap(),
                change["days"]["first"],
                change["days"]["last"],
                change["after"]["status"],
                change["because"]
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            r#"pakistani-airspace-closure "2025-04-23" "2025-04-23" "unknown" ["the-day"]"#,
            r#"pakistani-airspace-closure "2025-04-24" "2025-04-30" "in_force" ["the-day"]"#,
            r#"pakistani-airspace-closure "2025-05-01" null "in_force" ["the-day"]"#,
        ]
    );
    let revisions = desk.json(&["revisions", "--json"]);
    assert_eq!(revisions["revisions"].as_array().unwrap().len(), 1);
    assert_eq!(revisions["revisions"][0]["measures"][0]["because"][0], "the-day");
}

/// What would break: it would be said that a word changed, and neither what it was nor what it is.
#[test]
fn a_change_is_told_with_both_values() {
    let desk = Desk::with_lines(
        r#"{"kind":"actor","id":"in","name":"India"}
           {"kind":"actor","id":"pk","name":"Pakistan"}
           {"kind":"source","id":"report","title":"A report"}
           {"kind":"topic","id":"treaty","name":"The treaty"}
           {"kind":"measure","id":"i","measure":"halt","op":"impose","by":"in","type":"travel_ban","effective":"2025-04-24"}
           {"kind":"statement","id":"s","by":"in","topic":"treaty","stance":"opposes","when":"2025-04-23"}"#,
    );
    desk.write(
        "later.jsonl",
        r#"{"kind":"correction","of":"i","field":"type","to":"visa_restriction"}
           {"kind":"correction","of":"i","field":"by","to":["in","pk"]}
           {"kind":"correction","of":"i","field":"against","to":"pk"}
           {"kind":"correction","of":"s","field":"according_to","to":{"by":"pk","how":"readout"}}
           {"kind":"correction","of":"s","field":"cites","to":{"source":"report"}}"#,
    );
    desk.ok(&["append", "later.jsonl"]);
    let revisions = desk.ok(&["revisions"]);
    for told in [
        "type: travel ban → visa restriction\n",
        "by: in → in, pk\n",
        "against: nothing → pk\n",
        "according to: on their own word → on the word of Pakistan (readout)\n",
        "cites: nothing → A report\n",
    ] {
        assert!(revisions.contains(told), "{told} in {revisions}");
    }
}

#[test]
fn a_retraction_removes_a_measure_from_then_on_and_is_no_failure() {
    let (desk, then) = before_more();
    desk.ok(&[
        "append",
        "retraction",
        "--of",
        "india-suspends-treaty",
        "--by",
        "recorder",
        "--why",
        "a test",
    ]);
    let on =
        |more: &[&str]| desk.json(&[&["replay", "--to", "2025-05-01", "--json"], more].concat());
    let (after, before) = (on(&[]), on(&["--recorded-by", &then]));
    assert_eq!((status(&after, TREATY), status(&before, TREATY)), ("none", "in_force"));
    let codes = |answer: &Value| {
        let all = answer["anomalies"].as_array().unwrap();
        all.iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(codes(&after).contains(&"nothing_left".to_owned()), "{:?}", codes(&after));
    assert_eq!(codes(&before), Vec::<String>::new());
    assert!(desk.ok(&["verify"]).contains("the log verifies"));
    let explained = desk.ok(&["explain", TREATY, "--to", "2025-05-01"]);
    assert!(explained.contains("taken back by the keeper of this log"), "{explained}");
    assert!(desk.ok(&["timeline", "--history"]).contains("Taken back"));
}

#[test]
fn a_diff_of_two_days_lists_measures_and_positions_each_with_its_event() {
    let desk = Desk::demo();
    let diff = desk.json(&["diff", "--from", "2025-04-22", "--to", "2025-05-01", "--json"]);
    let measures = diff["measures"].as_array().unwrap();
    assert_eq!(measures.len(), 5);
    let because = |change: &Value| change["because"].as_array().unwrap().len();
    assert!(measures.iter().all(|change| change["change"] == "appeared" && because(change) == 1));
    let positions = diff["positions"].as_array().unwrap();
    assert!(positions.iter().any(|change| change["event"] == "sharif-rejects-link"));
    assert!(positions.iter().all(|change| because(change) == 1));
    let printed = desk.ok(&["diff", "--from", "2025-04-22", "--to", "2025-05-01"]);
    assert!(printed.contains("because of india-suspends-treaty"), "{printed}");
    for (args, expected) in [
        (&["diff"][..], "between two dates of one clock"),
        (&["diff", "--from", "2025-05-01", "--to", "2025-04-01"], "the earlier date comes first"),
        (&["diff", "--from", "2025-05-01"], "--to"),
    ] {
        let (code, said) = desk.refused(args);
        assert_eq!(code, Some(2));
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn a_country_holds_what_each_of_its_offices_does_side_by_side() {
    let desk = Desk::demo();
    let args = ["positions", "--by", "country", "--to", "2025-05-01"];
    let answer = desk.json(&[&args[..], &["--json"]].concat());
    let of = |event: &str| {
        let positions = answer["positions"].as_array().unwrap();
        let found =
            positions.iter().filter(|p| p["event"] == event && p["actor"] == "united-states");
        found.cloned().collect::<Vec<_>>()
    };
    let right = &of("hegseth-right-to-defend")[0];
    assert_eq!(right["held"]["offices"], serde_json::json!(["us-defense-department"]));
    assert!(right["flags"].to_string().contains("unattributed"));
    assert_eq!(of("rubio-cooperation-with-india")[0]["current"], true, "not overruled by Hegseth");
    let holding = answer["holdings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["topic"] == "indian-response" && one["holder"] == "united-states")
        .unwrap();
    assert_eq!(holding["offices"].as_array().unwrap().len(), 1);
    assert_eq!(holding["unattributed"], true);
    let printed = desk.ok(&args);
    assert!(
        printed.contains(
            "supports, held by one office, US Department of Defense, on nobody's stated word"
        ),
        "{printed}"
    );
    assert!(printed.contains("warns (conditional), by Pakistan"), "{printed}");
}

#[test]
fn the_two_accounts_of_a_call_stand_in_columns() {
    let desk = Desk::demo();
    let answer = desk.json(&["contacts", "rubio-sharif-call", "--json"]);
    let call = &answer["contacts"][0];
    let tellers: Vec<&Value> =
        call["accounts"].as_array().unwrap().iter().map(|a| &a["by"]).collect();
    assert_eq!(tellers, ["pakistani-government", "tammy-bruce"]);
    let both: Vec<&str> = call["topics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|topic| topic["given_by_all"] == true)
        .map(|topic| topic["topic"].as_str().unwrap())
        .collect();
    assert_eq!(both, ["pahalgam-investigation"]);
    assert!(desk.ok(&["contacts", "hegseth-singh-call"]).contains("no account from the side of"));
    assert!(
        desk.refused(&["contacts", "rubio-sharif"]).1.contains("did you mean rubio-sharif-call")
    );
}

#[test]
fn timeline_and_list_share_their_filters() {
    let desk = Desk::demo();
    let ids = |args: &[&str]| -> Vec<String> {
        let answer = desk.json(&[args, &["--json"]].concat());
        let events = answer.get("timeline").or(answer.get("events")).unwrap().as_array().unwrap();
        let id = |event: &Value| {
            event.get("event").or(event.get("id")).unwrap().as_str().unwrap().to_owned()
        };
        events.iter().map(id).collect()
    };
    for command in ["timeline", "list"] {
        let of =
            |filter: &[&str]| ids(&[&[command][..], filter, &["--kind", "statement"]].concat());
        assert_eq!(of(&["--topic", "indian-response"]).len(), 3, "{command}");
        // A country stands for those who are part of it, a topic for narrower ones.
        assert!(of(&["--actor", "united-states"]).contains(&"rubio-condolence".to_owned()));
        assert!(of(&["--topic", "pahalgam-attack"]).contains(&"sharif-rejects-link".to_owned()));
        assert_eq!(of(&["--text", "ROGUE", "--actor", "rajnath-singh"]), ["singh-rogue-state"]);
        let late = of(&["--from", "2025-05-01"]);
        assert!(
            late.contains(&"jaishankar-on-x".to_owned())
                && !late.contains(&"modi-resolve".to_owned())
        );
        assert!(!of(&["--to", "2025-04-29"]).contains(&"jaishankar-on-x".to_owned()));
        let (code, said) = desk.refused(&[command, "--actor", "marco-rubi"]);
        assert!(code == Some(2) && said.contains("did you mean marco-rubio?"), "{said}");
    }
    assert_eq!(
        ids(&["list", "--measure", TREATY, "--kind", "relation"]),
        ["rejection-answers-suspension"]
    );
}

#[test]
fn a_gantt_draws_bounds_as_bounds() {
    let desk = Desk::demo();
    let args = ["measures", "--gantt", "--from", "2025-04-22", "--to", "2025-05-02"];
    let printed = desk.ok(&args);
    let row = printed.lines().find(|line| line.contains(AIRSPACE)).unwrap();
    let marks: Vec<char> = row.chars().filter(|c| ['░', '█'].contains(c)).collect();
    assert_eq!(
        marks.iter().filter(|mark| **mark == '░').count() % 8,
        0,
        "eight days unknown: {row}"
    );
    assert_eq!((marks.first(), marks.last()), (Some(&'░'), Some(&'█')));
    let answer = desk.json(&[&args[..], &["--json"]].concat());
    let life =
        answer["lives"].as_array().unwrap().iter().find(|l| l["measure"] == AIRSPACE).unwrap();
    let segments: Vec<String> = life["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| format!("{} {} {}", s["first"], s["last"], s["status"]))
        .collect();
    assert_eq!(
        segments,
        [
            r#""2025-04-22" "2025-04-22" "none""#,
            r#""2025-04-23" "2025-04-30" "unknown""#,
            r#""2025-05-01" "2025-05-02" "in_force""#,
        ]
    );
    assert_eq!(
        desk.refused(&["measures", "--gantt", "--from", "2025-05-03", "--to", "2025-05-02"]).0,
        Some(2)
    );
}

#[test]
fn an_answer_follows_from_what_it_rests_on() {
    let (desk, then) = before_more();
    learn_the_day(&desk);
    desk.ok(&["append", "retraction", "--of", "singh-blind-eye", "--by", "source"]);
    for (number, more) in [
        &[][..],
        &["--recorded-by", &then],
        &["--reported-by", "2025-05-05", "--tz", "Asia/Kolkata"],
    ]
    .iter()
    .enumerate()
    {
        let file = format!("proof-{number}.jsonl");
        let args =
            [&["replay", "--to", "2025-05-01", "--json", "--proof", &file][..], more].concat();
        let answer = desk.json(&args);
        // Whoever checks it has no log.
        let elsewhere = Desk::new();
        fs::copy(desk.path().join(&file), elsewhere.path().join("p.jsonl")).unwrap();
        let checked = elsewhere.json(&["check", "p.jsonl", "--json"]);
        assert_eq!(checked["head"], answer["head"]);
        assert_eq!((&checked["ok"], &checked["complete"]), (&true.into(), &true.into()));
        assert_eq!(checked["withheld"]["incident"], 1, "what it does not rest on stays closed");
        assert!(elsewhere.ok(&["check", "p.jsonl"]).contains("the hashes fit together"));
    }
}

/// What would break: the proof would say that something is withheld that could bear on the answer, since the note is in it
/// and the incident is not.
#[test]
fn a_note_that_was_corrected_leaves_the_proof_of_an_answer_complete() {
    let desk = Desk::demo();
    desk.ok(&["append", "incident", "--id", "flood", "--when", "2025-04-20"]);
    desk.ok(&["append", "note", "--id", "aside", "--of", "flood", "--text", "seen from afar"]);
    desk.ok(&["append", "correction", "--of", "aside", "--field", "text", "--to", "seen"]);
    desk.ok(&["replay", "--to", "2025-05-01", "--proof", "p.jsonl"]);
    assert_eq!(desk.json(&["check", "p.jsonl", "--json"])["complete"], true);
}

/// What would break: after a rotation of keys, or the erasure of a note that nothing names, no answer of a log would be
/// complete again; and one would be that names a contact by its number which is gone.
#[test]
fn what_bears_on_no_answer_may_be_withheld_and_what_is_named_may_not() {
    let desk = Desk::demo();
    let check = |proof: &str| {
        desk.ok(&["replay", "--to", "2025-05-01", "--proof", proof]);
        desk.json(&["check", proof, "--json"])
    };
    desk.write(
        "more.jsonl",
        r#"{"kind":"contact","form":"meeting","participants":["india"]}
{"kind":"statement","id":"met","by":["india"],"contact":"@64"}
{"kind":"note","id":"aside","text":"x"}
"#,
    );
    desk.ok(&["append", "more.jsonl"]);
    desk.ok(&["key", "rotate"]);
    desk.ok(&["erase", "aside", "--why", "asked"]);
    let whole = check("p.jsonl");
    let withheld = &whole["withheld"];
    assert_eq!((&withheld["key"], &withheld["erasure"]), (&1.into(), &1.into()), "{withheld}");
    assert_eq!(whole["complete"], true, "{}", whole["not_established"]);
    desk.ok(&["erase", "@64", "--why", "asked"]);
    let part = check("q.jsonl");
    assert_eq!(part["complete"], false);
    let open = part["not_established"].to_string();
    assert!(open.contains("because others name them"), "{open}");
}

#[test]
fn an_answer_is_proved_with_and_without_the_history_of_its_positions() {
    let desk = Desk::demo();
    let said = |id: &str, when: &str| {
        format!(
            r#"{{"kind":"statement","id":"{id}","by":["pakistan"],"topic":"indian-response","when":"{when}"}}"#
        )
    };
    let words = [said("earlier-word", "2025-05-02"), said("later-word", "2025-05-03")];
    desk.write("later.jsonl", &words.join("\n"));
    desk.ok(&["append", "later.jsonl"]);
    for (history, file) in [(&["--history"][..], "h.jsonl"), (&[], "c.jsonl")] {
        let args = [&["replay", "--to", "2025-05-03", "--json", "--proof", file][..], history];
        let answer = desk.json(&args.concat());
        let positions = answer["positions"].as_array().unwrap();
        let gone = positions.iter().filter(|position| position["current"] == false).count();
        assert_eq!(gone > 0, !history.is_empty(), "{gone} positions whose place was taken");
        let checked = desk.json(&["check", file, "--json"]);
        assert_eq!(checked["positions"], answer["positions"]);
    }
    let args = ["replay", "--to", "2025-05-03"];
    let shown = desk.ok(&[&args[..], &["--history"]].concat());
    assert!(shown.contains("no longer current, after later-word"), "{shown}");
    assert!(!desk.ok(&args).contains("no longer current"));
    let proof = fs::read_to_string(desk.path().join("h.jsonl")).unwrap();
    let spoiled = proof.replacen(r#""current":false"#, r#""current":true"#, 1);
    desk.write("s.jsonl", &spoiled);
    let (code, said) = desk.refused(&["check", "s.jsonl"]);
    assert_eq!(code, Some(1), "{said}");
}

/// What would break: the proof of an answer that an earlier version gave would not check, though it is an honest one; or any answer
/// with less evidence would.
#[test]
fn a_proof_by_the_former_rules_checks_and_it_is_said() {
    let desk = Desk::with_lines(
        r#"{"kind":"actor","id":"pk","type":"country"}
{"kind":"measure","id":"shut","measure":"air","op":"impose","by":"pk","effective":"2025-04-24","until":"2025-05-23"}
{"kind":"measure","id":"longer","measure":"air","op":"extend","by":"pk","effective":"2025-05-20","until":"2025-06-24"}
"#,
    );
    desk.ok(&["replay", "--to", "2025-05-31", "--proof", "p.jsonl"]);
    assert!(!desk.ok(&["check", "p.jsonl"]).contains("earlier one"));
    let proof = fs::read_to_string(desk.path().join("p.jsonl")).unwrap();
    let without = |of: &str, event: &str| {
        assert!(of.contains(event), "{event} in {of}");
        of.replacen(event, "", 1)
    };
    let fewer = without(&proof, r#","longer"],"effect_date""#).replacen(
        r#""deciding":["shut""#,
        r#""deciding":["shut"],"effect_date""#,
        1,
    );
    desk.write("half.jsonl", &fewer);
    let (code, said) = desk.refused(&["check", "half.jsonl"]);
    assert_eq!(code, Some(1), "{said}");
    let former = without(&fewer, r#",{"according_to":[],"cites":[],"event":"longer"}"#);
    desk.write("former.jsonl", &former);
    assert!(desk.ok(&["check", "former.jsonl"]).contains("the rules of an earlier one"));
    let checked = desk.json(&["check", "former.jsonl", "--json"]);
    assert_eq!(checked["measures"][0]["deciding"], serde_json::json!(["shut", "longer"]));
}

/// What would break: people would not be shown what `--json` says: who took a step, what it covers, what it is corrected by, what
/// each report of it quotes, what each account of a call says, or what to know about a measure.
#[test]
fn what_is_printed_for_people_says_as_much() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk", "--no-key"]);
    desk.write("words.txt", "Alpha quote, Beta quote");
    desk.write(
        "x.jsonl",
        r#"{"kind":"source","id":"paper","title":"Paper","published":"2025-05-01","file":"words.txt"}
{"kind":"actor","id":"pk","name":"Pakistan","type":"country","country":"PK"}
{"kind":"actor","id":"us","name":"United States","type":"country","country":"US"}
{"kind":"topic","id":"strike","name":"Strike"}
{"kind":"measure","id":"s1","measure":"air","op":"impose","by":"pk","effective":"2025-04-24","until":"2025-05-23","cites":[{"source":"paper","quote":"Alpha quote"}]}
{"kind":"measure","id":"s2","measure":"air","op":"impose","by":"pk","effective":"2025-04-24","until":"2025-05-30","cites":[{"source":"paper","quote":"Beta quote"}]}
{"kind":"relation","from":"s2","type":"same_act","to":"s1"}
{"kind":"measure","id":"part","measure":"air","op":"narrow","by":"us","effective":"2025-05-02/2025-05-04","scope":"transit"}
{"kind":"measure","measure":"sea","op":"impose","by":"pk","effective":"2025-04-24","until":"2025-05-23"}
{"kind":"measure","measure":"sea","op":"extend","by":"pk","effective":"2025-05-20/2025-05-26","until":"2025-06-24"}
{"kind":"statement","id":"said","by":"pk","topic":"strike","stance":"denies","when":"2025-05-02"}
{"kind":"correction","id":"cor","of":"said","field":"when","to":"2025-05-03"}
{"kind":"contact","id":"call","participants":["us","pk"],"when":"2025-05-01"}
{"kind":"statement","id":"ours","by":"us","topic":"strike","stance":"urges","when":"2025-05-01","contact":"call","according_to":[{"by":"us"}],"cites":[{"source":"paper","quote":"Alpha quote"}]}
{"kind":"statement","id":"theirs","by":"us","topic":"strike","stance":"demands","when":"2025-05-01","contact":"call","according_to":[{"by":"pk"}],"cites":[{"source":"paper","quote":"Beta quote"}]}
{"kind":"relation","from":"theirs","type":"same_act","to":"ours"}
"#,
    );
    desk.ok(&["append", "x.jsonl"]);
    let has = |args: &[&str], expected: &[&str]| {
        let said = desk.ok(args);
        for one in expected {
            assert!(said.contains(one), "{one:?} in {said}");
        }
    };
    has(
        &["explain", "air", "--to", "2025-05-03"],
        &[
            "scope not known, it may be: transit",
            "      by: United States\n      scope: transit\n",
            "Paper: “Alpha quote”\n      Paper: “Beta quote”\n",
        ],
    );
    has(&["explain", "sea", "--to", "2025-05-24"], &["leave it in 2 ways:"]);
    has(&["explain", "said"], &["      with cor: "]);
    desk.ok(&["append", "retraction", "--id", "gone", "--of", "paper", "--by", "source"]);
    let withdrawn = "      Paper: “Alpha quote”\n        withdrawn by its source (gone)\n";
    has(&["explain", "air", "--to", "2025-05-03"], &[withdrawn]);
    let anew = ["append", "retraction", "--of", "gone", "--by", "recorder"];
    desk.ok(&anew);
    has(&["replay", "--to", "2025-05-03"], &["\n  contradicted: air\n"]);
    let told = desk.ok(&["contacts"]);
    let row = |words: &str| told.lines().find(|line| line.contains(words)).unwrap_or_default();
    assert!(row("demands").contains("urges"), "each in its own column: {told}");
    assert!(row("Beta quote").contains("Alpha quote"), "{told}");
    assert!(told.contains("accounts differ in the stance of ours"), "{told}");
}

#[test]
fn a_spoiled_proof_does_not_hold() {
    let desk = Desk::demo();
    desk.ok(&["replay", "--to", "2025-04-24", "--proof", "p.jsonl"]);
    let proof = fs::read_to_string(desk.path().join("p.jsonl")).unwrap();
    let lines: Vec<&str> = proof.lines().collect();
    let spoiled = |what: &str, text: String, expected: &str| {
        desk.write("spoiled.jsonl", &text);
        let (code, said) = desk.refused(&["check", "spoiled.jsonl"]);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains(expected), "{what}: {said}");
    };
    let replaced = |from: &str, to: &str| {
        assert!(proof.contains(from), "{from}");
        proof.replacen(from, to, 1)
    };
    spoiled(
        "another answer",
        replaced(r#""status":"in_force""#, r#""status":"suspended""#),
        "measures[0]",
    );
    spoiled(
        "another question",
        replaced(r#""to":"2025-04-24""#, r#""to":"2025-04-22""#),
        "give another answer",
    );
    let payload = replaced("India announces that it suspends", "India announces that it ends");
    spoiled("a payload", payload, "its payload is not the one its header commits to");
    spoiled("cut short", lines[..lines.len() - 1].join("\n") + "\n", "the head is missing");
    spoiled("no line end", proof.trim_end().to_owned(), "the line does not end");
    spoiled("a line gone", [&lines[..20], &lines[21..]].concat().join("\n") + "\n", "event 19");
    spoiled("a line after the head", proof.clone() + lines[1] + "\n", "after the events");
    spoiled("no claim", "{}\n".to_owned() + &lines[1..].join("\n") + "\n", "no claim");
    desk.write("export.jsonl", &(lines[1..].join("\n") + "\n"));
    let (code, said) = desk.refused(&["check", "export.jsonl"]);
    assert_eq!(code, Some(2), "the wrong file is no failed check: {said}");
    assert!(said.contains("that is an export, not a proof"), "{said}");
}

/// A proof without the content of the event of this id; no hash changes.
fn withholding(proof: &str, id: &str) -> String {
    let payload = format!(r#","payload":"{{\"id\":\"{id}\""#);
    let withheld = |line: &str| match line.split_once(&payload) {
        Some((header, _)) => format!("{header},\"payload\":null}}\n"),
        None => format!("{line}\n"),
    };
    proof.lines().map(withheld).collect()
}

/// A proof in which a forger changed headers, and computed every hash anew.
fn rechained(proof: &str, change: impl Fn(&mut Header)) -> String {
    let (claim, lines) = proof.split_once('\n').unwrap();
    let mut text = claim.to_owned();
    let (mut prev, mut frontier) = (Link::ZERO, Frontier::default());
    for line in lines.lines() {
        let line = if let Line::Event(mut event) = export::decode(line.as_bytes()).unwrap() {
            let mut header = Header::from_bytes(event.header.as_bytes()).unwrap();
            change(&mut header);
            header.prev = prev;
            event.header = String::from_utf8(header.to_bytes()).unwrap();
            prev = Link::of(event.header.as_bytes());
            frontier.push(leaf_hash(event.header.as_bytes()));
            Line::Event(event)
        } else {
            let (size, root) = (frontier.size(), frontier.root());
            Line::Head(HeadLine { size, chain: prev, root })
        };
        text.push('\n');
        text.push_str(std::str::from_utf8(&export::encode(&line)).unwrap());
    }
    text + "\n"
}

/// What would break: whoever keeps the log could hide a lift behind a time that is too late to count, between events that were
/// recorded before it.
#[test]
fn headers_that_no_log_has_prove_no_answer() {
    let desk = Desk::demo();
    desk.ok(&["replay", "--to", "2025-04-24", "--proof", "p.jsonl"]);
    let proof = fs::read_to_string(desk.path().join("p.jsonl")).unwrap();
    assert_eq!(rechained(&proof, |_| {}), proof);
    let is_spoiled = |text: &str, expected: &str| {
        desk.write("spoiled.jsonl", text);
        desk.is_refused(&["check", "spoiled.jsonl"], 1, expected, "any change of it");
    };
    let late = Instant::parse_recorded("2099-01-01T00:00:00.000000Z").unwrap();
    let later = |header: &mut Header| {
        if header.seq == 60 {
            header.recorded_at = late;
        }
    };
    is_spoiled(&rechained(&proof, later), "event 61: it was recorded at ");
    let another = |header: &mut Header| {
        if header.seq == 60 {
            header.log = "example.org/other".to_owned();
        }
    };
    is_spoiled(
        &rechained(&proof, another),
        "event 60: it belongs to the log \"example.org/other\"",
    );
    let twice = |header: &mut Header| {
        if header.seq == 60 {
            header.kind = "genesis".to_owned();
        }
    };
    is_spoiled(&rechained(&proof, twice), "event 60: a log begins with its genesis");
    // What is not in the header, and nobody reads.
    let at = proof.find(",\"salt\":\"").unwrap() + ",\"salt\":\"".len() + 65;
    let (before, after) = proof.split_at(at);
    is_spoiled(&format!("{before},\"sealed\":null{after}"), "event 0: its sealed part");
    let empty = HeadLine { size: 0, chain: Link::ZERO, root: Frontier::default().root() };
    let claim = proof.lines().next().unwrap();
    let head = String::from_utf8(export::encode(&Line::Head(empty))).unwrap();
    is_spoiled(&format!("{claim}\n{head}\n"), "the head is ");
    // The question is written in one way.
    for (from, to, expected) in [
        (
            "\"recorded_by\":null",
            "\"recorded_by\":5",
            "the proof does not hold: its question has more than is asked",
        ),
        (
            "\"recorded_by\"",
            "\"actor\":\"x\",\"recorded_by\"",
            "the proof does not hold: its question has more than is asked",
        ),
        (
            "\"to\":\"2025-04-24\"",
            "\"to\":\"2025-13-45\"",
            "the proof does not hold: its question makes no sense",
        ),
        (
            "\"tz\":\"UTC\"",
            "\"tz\":\"Mars\"",
            "the proof does not hold: its question makes no sense",
        ),
    ] {
        let changed = proof.replacen(from, to, 1);
        assert_ne!(changed, proof, "{from}");
        is_spoiled(&changed, expected);
    }
}

/// What would break: the source on which an answer rests could be withheld, and the answer emptied, where a measure has the
/// source's id.
#[test]
fn a_measure_of_the_same_name_is_no_event_that_is_withheld() {
    let desk = Desk::demo();
    desk.write(
        "more.jsonl",
        r#"{"kind":"source","id":"treaty","title":"A report","published":"2025-05-01"}
{"kind":"measure","measure":"treaty","op":"impose","by":["india"],"announced":"2025-04-23","cites":[{"source":"treaty"}]}
"#,
    );
    desk.ok(&["append", "more.jsonl"]);
    desk.ok(&["replay", "--to", "2025-05-02", "--proof", "p.jsonl"]);
    assert_eq!(desk.json(&["check", "p.jsonl", "--json"])["complete"], true);
    let proof = fs::read_to_string(desk.path().join("p.jsonl")).unwrap();
    let hidden = withholding(&proof, "treaty");
    assert_ne!(hidden, proof);
    desk.write("hidden.jsonl", &hidden);
    assert_eq!(desk.json(&["check", "hidden.jsonl", "--json"])["complete"], false);
}

#[test]
fn what_a_proof_withholds_shows_its_kind() {
    let desk = Desk::demo();
    desk.write(
        "lift.jsonl",
        r#"{"kind":"measure","id":"lift","measure":"indus-waters-treaty-suspension","op":"lift","when":"2025-06-01"}"#,
    );
    desk.ok(&["append", "lift.jsonl"]);
    desk.ok(&["replay", "--to", "2025-05-01", "--proof", "p.jsonl"]);
    let proof = fs::read_to_string(desk.path().join("p.jsonl")).unwrap();
    // Whoever hides the lift changes neither the answer about 1 May nor any hash.
    let hidden = withholding(&proof, "lift");
    desk.write("hidden.jsonl", &hidden);
    let checked = desk.json(&["check", "hidden.jsonl", "--json"]);
    assert_eq!(checked["withheld"]["measure"], 1);
    assert_eq!(checked["complete"], false);
    let printed = desk.ok(&["check", "hidden.jsonl"]);
    assert!(printed.contains("events are withheld that could"), "{printed}");
}

/// What would break: words would be printed under the title of a source that does not hold them.
#[test]
fn a_passage_is_shown_with_the_source_in_which_it_was_found() {
    let desk = Desk::demo();
    let lines = r#"{"kind":"source","id":"wire","title":"The wire","published":"2025-05-01"}
{"kind":"source","id":"copy","title":"A copy of the wire","published":"2025-05-01","file":"copy.txt"}
{"kind":"measure","id":"ban","measure":"ban","op":"impose","by":["india"],"effective":"2025-05-01","cites":[{"source":"copy","quote":"all is banned"}]}
{"kind":"correction","of":"ban","field":"scope","to":"all","cites":[{"source":"copy","quote":"all is banned"}]}
{"kind":"retraction","of":"copy","by":"duplicate","duplicate_of":"wire"}
"#;
    desk.write("copy.txt", "From then on all is banned.");
    desk.write("more.jsonl", lines);
    desk.ok(&["append", "more.jsonl"]);
    for args in [&["measures"][..], &["explain", "ban"], &["show", "ban"]] {
        let printed = desk.ok(args);
        assert!(printed.contains("A copy of the wire"), "{args:?}: {printed}");
        assert!(!printed.contains("The wire"), "{args:?}: {printed}");
    }
    // It has no passages of its own that could be added.
    let shown = desk.ok(&["show", "copy"]);
    assert!(shown.contains("a duplicate of wire ("), "{shown}");
}

/// What would break: `explain` would deny what `positions` tells, of an actor or a statement under the name first recorded.
#[test]
fn explain_finds_positions_by_every_name() {
    let desk = Desk::demo();
    let lines = r#"{"kind":"actor","id":"bharat","name":"Bharat","type":"country"}
{"kind":"topic","id":"dam"}
{"kind":"statement","id":"said","by":["bharat"],"topic":"dam","stance":"supports","when":"2025-04-20"}
{"kind":"retraction","of":"bharat","by":"duplicate","duplicate_of":"india"}
"#;
    desk.write("more.jsonl", lines);
    desk.ok(&["append", "more.jsonl"]);
    for args in [&["explain", "said"][..], &["explain", "bharat"], &["explain", "india", "dam"]] {
        let found = desk.json(&[args, &["--json"]].concat());
        let all = found["positions"].as_array().unwrap();
        let of_dam = all.iter().find(|one| one["topic"] == "dam").unwrap();
        assert_eq!(of_dam["actor"], "india", "{args:?}");
        assert_eq!(of_dam["said"][0]["event"], "said", "{args:?}");
    }
}

/// What would break: what is said about an event under the id of its duplicate would be shown beside neither.
#[test]
fn what_is_about_a_duplicate_is_shown_beside_its_original() {
    let desk = Desk::demo();
    let add = |lines: &str| {
        desk.write("more.jsonl", lines);
        desk.ok(&["append", "more.jsonl"]);
    };
    add(r#"{"kind":"incident","id":"twin","when":"2025-04-22"}
{"kind":"note","id":"on-twin","of":"twin","text":"x"}
"#);
    add(r#"{"kind":"incident","id":"first","when":"2025-04-22"}
{"kind":"retraction","of":"twin","by":"duplicate","duplicate_of":"first"}
{"kind":"correction","id":"moved","of":"twin","field":"when","to":"2025-04-23"}
"#);
    let shown = |id: &str| desk.json(&["show", id, "--json"])["events"][0].clone();
    for id in ["first", "twin"] {
        assert_eq!(shown(id)["about_it"], serde_json::json!(["on-twin"]), "{id}");
    }
    assert_eq!(shown("twin")["corrected_by"][0]["in_effect"], true);
}

/// What would break: what is gone would be said of whom it was joined with since.
#[test]
fn what_is_gone_is_called_by_the_name_that_it_had() {
    let desk = Desk::demo();
    let add = |lines: &str| {
        desk.write("more.jsonl", lines);
        desk.ok(&["append", "more.jsonl"]);
    };
    add(r#"{"kind":"actor","id":"bharat","name":"Bharat","type":"country"}
{"kind":"topic","id":"dam","name":"The dam"}
{"kind":"statement","id":"said","by":["bharat"],"topic":"dam","stance":"supports","when":"2025-04-20"}
"#);
    let known = desk.json(&["show", "said", "--json"])["events"][0]["recorded_at"].clone();
    add(r#"{"kind":"retraction","of":"bharat","by":"duplicate","duplicate_of":"india"}"#);
    let learnt = [
        "diff",
        "--recorded-from",
        known.as_str().unwrap(),
        "--recorded-to",
        "2100-01-01",
        "--to",
        "2025-05-01",
    ];
    for args in [&["revisions"][..], &learnt] {
        let printed = desk.ok(args);
        assert!(printed.contains("- Bharat supports: The dam"), "{args:?}: {printed}");
        assert!(printed.contains("+ India supports: The dam"), "{args:?}: {printed}");
    }
}

/// What would break: of a country, what it no longer holds and what was taken back would be shown without `--by` alone.
#[test]
fn history_is_shown_of_holders_too() {
    let desk = Desk::demo();
    let lines = r#"{"kind":"topic","id":"dam","name":"The dam"}
{"kind":"actor","id":"envoy","name":"The envoy","type":"person","part_of":["india"]}
{"kind":"statement","id":"first","by":["envoy"],"topic":"dam","stance":"supports","when":"2025-04-20"}
{"kind":"statement","id":"second","by":["envoy"],"topic":"dam","stance":"opposes","when":"2025-04-21"}
{"kind":"statement","id":"wrong","by":["envoy"],"topic":"dam","stance":"denies","when":"2025-04-22","summary":"so it was misheard"}
{"kind":"retraction","of":"wrong","by":"recorder"}
"#;
    desk.write("more.jsonl", lines);
    desk.ok(&["append", "more.jsonl"]);
    let india = ["positions", "--by", "country", "--actor", "india", "--topic", "dam"];
    let now = desk.ok(&india);
    assert!(now.contains("second") && !now.contains("first"), "{now}");
    assert!(!now.contains("misheard"), "{now}");
    let all = desk.ok(&[&india[..], &["--history"]].concat());
    assert!(all.contains("supports, no longer current, after second"), "{all}");
    assert!(all.contains("The envoy · 2025-04-20 · first"), "{all}");
    assert!(all.contains("misheard"), "{all}");
    let found = desk.json(&[&india[..], &["--json"]].concat());
    assert_eq!(found["taken_back"][0]["event"], "wrong");
    let other = ["positions", "--by", "country", "--actor", "pakistan", "--topic", "dam", "--json"];
    assert_eq!(desk.json(&other)["taken_back"], serde_json::json!([]));
}
