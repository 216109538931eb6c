//! Histories and expectations in one line each, for the tests of the rules.
//!
//! A history is entries separated by `;`. An entry is a step of the measure `m`, `OP [WHEN] [key=value ...]`; or one of
//! `source ID [key=value]`, `correct ID FIELD=VALUE [key=value]`, `retract ID by=TERM [key=value]`, `mention ID [key=value]`,
//! `relate FROM TYPE TO`; or an event as JSON. `cites=ID` cites a source. `[DATE]` before an entry says when it, and all
//! after it, are recorded. An entry without `id=` is known as `e` and its number, counted from 0.
//!
//! An expectation is `DATE [recorded=DATE] [reported=DATE] [tz=ZONE]: TEXT`, separated by `; `. Of a status, several
//! outcomes are joined by `|`; `none` is not yet begun.

use std::fmt::Write;

use demarche::event_log::AppendOptions;
use demarche::model::calendar::Zone;
use demarche::model::date::Edtf;
use demarche::replay::measures::{EffectDate, Status};
use demarche::replay::{Clocks, MeasureAnswer, View, anomalies, measures};

use crate::support::{self, Counting, MemoryLog, append_with};

/// The clocks of a question about the end of a day.
pub(crate) fn clocks_at(to: &str) -> Clocks {
    clocks(to)
}

/// The clocks of `DATE [recorded=DATE] [reported=DATE] [tz=ZONE]`.
pub(crate) fn clocks(question: &str) -> Clocks {
    let mut words = question.split_whitespace();
    let to = words.next().expect("a date");
    let given: Vec<(&str, &str)> =
        words.map(|word| word.split_once('=').expect("key=value")).collect();
    let of = |key: &str| given.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
    let zone = of("tz").map_or(Zone::UTC, |name| Zone::from_name(name).expect("a zone"));
    let cut = |date: &str| Edtf::parse(date).expect("a date").span(zone).latest;
    Clocks {
        recorded_by: of("recorded").map(cut),
        reported_by: of("reported").map(cut),
        ..Clocks::at(cut(to), zone)
    }
}

/// One entry as a line of input.
fn line(entry: &str, number: usize) -> String {
    if entry.starts_with('{') {
        return entry.to_owned();
    }
    let mut words = entry.split_whitespace();
    let first = words.next().expect("an entry");
    let mut named = |what: &str| words.next().expect(what).to_owned();
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut field = |key: &str, value: &str| fields.push((key.to_owned(), format!("{value:?}")));
    match first {
        "source" => {
            field("kind", "source");
            field("id", &named("an id"));
        }
        "correct" => {
            field("kind", "correction");
            field("of", &named("an id"));
            let change = named("FIELD=VALUE");
            let (name, value) = change.split_once('=').expect("FIELD=VALUE");
            field("field", name);
            field("to", value);
        }
        "retract" | "mention" => {
            field("kind", if first == "retract" { "retraction" } else { "mention" });
            field("of", &named("an id"));
        }
        "relate" => {
            field("kind", "relation");
            for key in ["from", "type", "to"] {
                field(key, &named(key));
            }
        }
        op => {
            field("kind", "measure");
            field("op", op);
        }
    }
    let is_step = !["source", "correct", "retract", "mention", "relate"].contains(&first);
    for word in words {
        match word.split_once('=') {
            Some(("cites", source)) => {
                fields.push(("cites".to_owned(), format!(r#"[{{"source":"{source}"}}]"#)));
            }
            Some((key, value)) => fields.push((key.to_owned(), format!("{value:?}"))),
            None => fields.push(("when".to_owned(), format!("{word:?}"))),
        }
    }
    let mut default = |key: &str, value: String| {
        if !fields.iter().any(|(known, _)| known == key) {
            fields.push((key.to_owned(), value));
        }
    };
    default("id", format!(r#""e{number}""#));
    if is_step {
        default("measure", r#""m""#.to_owned());
        default("by", r#"["in"]"#.to_owned());
        default("against", r#"["pk"]"#.to_owned());
    }
    let mut text = String::new();
    for (key, value) in &fields {
        let comma = if text.is_empty() { "" } else { "," };
        write!(text, "{comma}{key:?}:{value}").expect("a text takes all");
    }
    format!("{{{text}}}")
}

/// A log that holds a history.
pub(crate) fn history(entries: &str) -> MemoryLog {
    let mut log = support::log();
    let mut batches: Vec<(Counting, Vec<String>)> = vec![(Counting::default(), Vec::new())];
    let entries = entries.split(';').map(str::trim).filter(|entry| !entry.is_empty());
    for (number, entry) in entries.enumerate() {
        let dated = entry.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let entry = match dated {
            Some((date, entry)) => {
                let clock = Counting::from(&format!("{date}T00:00:00Z"));
                batches.push((clock, Vec::new()));
                entry.trim()
            }
            None => entry,
        };
        batches.last_mut().expect("there is one").1.push(line(entry, number));
    }
    for (mut clock, lines) in batches {
        append_with(&mut log, &lines.join("\n"), AppendOptions::default(), &mut clock)
            .unwrap_or_else(|error| panic!("{lines:?}: {error:?}"));
    }
    log
}

/// What is answered about the measure `m`.
pub(crate) fn answer(log: &MemoryLog, question: &str) -> Option<MeasureAnswer> {
    let view = View::of(log.history(), clocks(question));
    measures(&view).into_iter().find(|answer| answer.measure == "m")
}

pub(crate) fn status(answer: Option<&MeasureAnswer>) -> String {
    match answer {
        None => "none".to_owned(),
        Some(answer) if answer.status == Status::Unknown => {
            answer.outcomes.iter().map(|status| status.as_str()).collect::<Vec<_>>().join("|")
        }
        Some(answer) => answer.status.as_str().to_owned(),
    }
}

/// Checks the status of `m` on some dates.
#[track_caller]
pub(crate) fn check(entries: &str, expected: &str) {
    check_key("status", entries, expected);
}

/// Checks one key of the answer about `m` on some dates; lists are joined by `|`, nothing is `-`.
#[track_caller]
pub(crate) fn check_key(key: &str, entries: &str, expected: &str) {
    let log = history(entries);
    let found: Vec<_> = expected
        .split("; ")
        .map(|expectation| {
            let (question, _) = expectation.split_once(": ").expect("DATE: TEXT");
            format!("{question}: {}", value(&log, key, question))
        })
        .collect();
    assert_eq!(found.join("; "), expected, "{key} of {entries}");
}

fn value(log: &MemoryLog, key: &str, question: &str) -> String {
    let answer = answer(log, question);
    if key == "status" {
        return status(answer.as_ref());
    }
    if key == "anomalies" {
        let view = View::of(log.history(), clocks(question));
        let codes: Vec<_> = anomalies(&view).iter().map(|found| found.code.as_str()).collect();
        return if codes.is_empty() { "-".to_owned() } else { codes.join("|") };
    }
    let Some(answer) = answer else { return "-".to_owned() };
    let list = |items: &[String]| Some(items.join("|")).filter(|text| !text.is_empty());
    let value = match key {
        "scope" => answer.scope.or_else(|| list(&answer.scope_outcomes)),
        "suspended_scope" => answer.suspended_scope,
        "until" => answer.until,
        "since" => answer.since,
        "superseded_by" => answer.superseded_by,
        "reason" => answer.reason.map(|reason| reason.as_str().to_owned()),
        "effect_date" => answer.effect_date.as_ref().map(EffectDate::as_str).map(str::to_owned),
        "in_force" => Some(answer.in_force.as_str().to_owned()),
        "flags" => {
            list(&answer.flags.iter().map(|flag| flag.as_str().to_owned()).collect::<Vec<_>>())
        }
        "deciding" => list(&answer.deciding),
        "events" => list(&answer.events),
        "responds_to" => list(&answer.responds_to),
        "answered_by" => list(&answer.answered_by),
        "possible" => {
            let way = |way: &demarche::replay::measures::Possibility| {
                let end = if way.by_stated_end { " by end" } else { "" };
                format!("{}{end} ({})", way.status.as_str(), way.because.join(","))
            };
            list(&answer.possible.iter().map(way).collect::<Vec<_>>())
        }
        other => panic!("no key {other}"),
    };
    value.unwrap_or_else(|| "-".to_owned())
}
