//! The log that bits are flipped in: made by the program itself, from content of our own that a seed decides.
//!
//! Salts, times and the key are the machine's, so two logs of one seed have other bytes. The log that a flip was found
//! bad in is kept for that reason.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::random::Random;
use super::run::{Program, done};

/// The day that is asked about.
pub(crate) const DAY: &str = "2025-06-30";
/// An event that is asked about, of which there is one in every log.
pub(crate) const EVENT: &str = "s7";
/// How many events are appended one by one at the end, so that some lie outside bundles.
const SINGLE: usize = 5;

const ACTORS: usize = 40;
const TOPICS: usize = 60;
const MEASURES: usize = 200;
const SOURCES: usize = 20;

const STANCES: [&str; 8] =
    ["supports", "opposes", "urges", "demands", "offers", "rejects", "warns", "accepts"];
const OPS: [&str; 5] = ["announce", "impose", "suspend", "resume", "lift"];

/// The text of a captured document.
fn document(number: usize) -> String {
    let mut text = format!("Bulletin {number} of the office of made-up affairs.\n");
    for line in 0..40 {
        let _ = writeln!(text, "Point {line}: the office of bulletin {number} notes item {line}.");
    }
    text
}

/// A line of input.
fn line(number: usize, random: &mut Random) -> String {
    let actor = random.below(ACTORS);
    let (month, day) = (random.below(12) + 1, random.below(28) + 1);
    let year = 2024 + random.below(2);
    let when = format!("{year}-{month:02}-{day:02}");
    match number % 100 {
        3 | 53 => {
            let (measure, op) = (random.below(MEASURES), OPS[random.below(OPS.len())]);
            format!(
                r#"{{"kind":"measure","id":"s{number}","measure":"m{measure}","op":"{op}","by":["a{actor}"],"type":"trade_suspension","announced":"{when}"}}"#
            )
        }
        11 => format!(
            r#"{{"kind":"statement","id":"s{number}","by":["a{actor}"],"topic":"t{}","when":"{when}","sealed":{{"heard":"from contact {number}"}}}}"#,
            random.below(TOPICS)
        ),
        17 | 67 => {
            let (source, point) = (random.below(SOURCES), random.below(40));
            format!(
                r#"{{"kind":"statement","id":"s{number}","by":["a{actor}"],"topic":"t{}","stance":"warns","when":"{when}","cites":[{{"source":"d{source}","quote":"Point {point}: the office of bulletin {source}","form":"direct"}}]}}"#,
                random.below(TOPICS)
            )
        }
        23 if number > 200 => format!(
            r#"{{"kind":"correction","id":"s{number}","of":"s{}","field":"when","to":"{when}","why":"misread"}}"#,
            // One that is a plain statement.
            number - 22
        ),
        29 if number > 200 => {
            format!(
                r#"{{"kind":"retraction","id":"s{number}","of":"s{}","by":"recorder"}}"#,
                number - 24
            )
        }
        31 => format!(r#"{{"kind":"note","text":"remark {number} on item {}"}}"#, random.next()),
        _ => format!(
            r#"{{"kind":"statement","id":"s{number}","by":["a{actor}"],"topic":"t{}","stance":"{}","when":"{when}","summary":"Item {number}: view {:016x} on the matter of paragraph {}."}}"#,
            random.below(TOPICS),
            STANCES[random.below(STANCES.len())],
            random.next(),
            random.below(1000)
        ),
    }
}

/// Makes a log in `log` under the program's directory, of about so many events: a key, captured documents, sealed parts,
/// a journal of three checkpoints, tables up to the last event, some events outside bundles.
pub(crate) fn make(program: &Program, events: usize, seed: u64) {
    let directory = program.directory();
    let random = &mut Random::new(seed);
    done(program.run(&["init", "--origin", "example.org/rot"]));
    let mut first = String::new();
    for number in 0..SOURCES {
        write(directory, &format!("d{number}.txt"), &document(number));
        let _ = writeln!(
            first,
            r#"{{"kind":"source","id":"d{number}","title":"Bulletin {number}","published":"2025-01-{:02}","file":"d{number}.txt"}}"#,
            number + 1
        );
    }
    for number in 0..ACTORS {
        let _ = writeln!(
            first,
            r#"{{"kind":"actor","id":"a{number}","name":"Office {number}","type":"government"}}"#
        );
    }
    for number in 0..TOPICS {
        let _ = writeln!(first, r#"{{"kind":"topic","id":"t{number}","name":"Matter {number}"}}"#);
    }
    let before = 1 + SOURCES + ACTORS + TOPICS;
    let rest = events.saturating_sub(before + SINGLE).max(250);
    let half = rest / 2;
    let append = |text: &str| {
        write(directory, "lines.jsonl", text);
        done(program.run(&["append", "lines.jsonl"]));
    };
    let mut lines = |from: usize, to: usize| {
        let lines = (from..to).map(|number| line(number, random) + "\n");
        lines.collect::<String>()
    };
    append(&(first + &lines(0, half)));
    done(program.run(&["checkpoint"]));
    append(&lines(half, rest));
    done(program.run(&["checkpoint"]));
    done(program.run(&["snapshot"]));
    for number in rest..rest + SINGLE {
        append(&lines(number, number + 1));
    }
    done(program.run(&["checkpoint"]));
    done(program.run(&["verify"]));
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).expect("a scratch file can be written");
}
