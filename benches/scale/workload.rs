//! The events: made from a seed, or taken from a file of ICEWS.
//!
//! Actors, topics and sources first, then statements of about 470 bytes, whose days rise over ten years with some
//! disorder. The words of summaries are made up, and compress no better than English; ids look like chance: neither is
//! to flatter whoever compresses. The same seed and number give the same bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::Result;

const SEED: u64 = 0x0020_2611_25de_a5c4;
const ACTORS: u64 = 50;
const TOPICS: u64 = 13;
const SOURCES: u64 = 20;
const WORDS: usize = 6_000;
const DAYS: u64 = 3_652;
/// The captured text from which quotations are taken.
const TEXT_BYTES: usize = 20_000;
/// The mean length of a statement's line, and how far from it lines go.
const LINE_BYTES: u64 = 473;
const LINE_SPREAD: u64 = 120;

const COUNTRIES: [&str; 10] = ["IN", "PK", "US", "CN", "FR", "DE", "BR", "JP", "TR", "KE"];
const STANCES: [&str; 14] = [
    "supports",
    "opposes",
    "urges",
    "demands",
    "offers",
    "commits",
    "accepts",
    "rejects",
    "accuses",
    "denies",
    "threatens",
    "warns",
    "condoles",
    "announces",
];
const CHANNELS: [&str; 10] = [
    "phone_call",
    "meeting",
    "social_post",
    "spokesperson",
    "press_briefing",
    "readout",
    "written_statement",
    "official_journal",
    "interview",
    "not_stated",
];
const MODALITIES: [&str; 4] = ["conditional", "hypothetical", "future", "negated"];
const ACCOUNTS: [&str; 4] = ["verbatim", "paraphrase", "readout", "unnamed_sources"];

/// A file of events, and what is known about it.
pub(crate) struct Workload {
    pub(crate) file: PathBuf,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// The day to which a replay goes: the middle of the dates.
    pub(crate) middle: String,
}

/// splitmix64, by Sebastiano Vigna, who put it in the public domain.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn of<'a>(&mut self, terms: &[&'a str]) -> &'a str {
        terms[self.index(terms.len())]
    }

    #[allow(clippy::cast_possible_truncation, reason = "below a length")]
    fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }
}

/// Made-up words of one to three syllables; those that come first are used more, as in any language.
struct Words(Vec<String>);

impl Words {
    fn new(chance: &mut Chance) -> Self {
        const ONSETS: [&str; 20] = [
            "b", "br", "c", "d", "f", "g", "gr", "h", "l", "m", "n", "p", "pr", "r", "s", "st",
            "t", "tr", "v", "w",
        ];
        const NUCLEI: [&str; 9] = ["a", "e", "i", "o", "u", "ea", "ou", "io", "ai"];
        const CODAS: [&str; 12] = ["", "", "", "n", "r", "s", "t", "l", "nd", "st", "ng", "ck"];
        let mut words = std::collections::BTreeSet::new();
        let mut order = Vec::new();
        while order.len() < WORDS {
            let word: String = (0..=chance.below(3).min(chance.below(3)))
                .map(|_| [chance.of(&ONSETS), chance.of(&NUCLEI), chance.of(&CODAS)].concat())
                .collect();
            if words.insert(word.clone()) {
                order.push(word);
            }
        }
        Self(order)
    }

    fn any(&self, chance: &mut Chance) -> &str {
        let end = chance.index(self.0.len()) + 1;
        &self.0[chance.index(end)]
    }

    /// Words with a space between them, no longer than so many bytes where one word is not.
    fn text(&self, chance: &mut Chance, bytes: usize) -> String {
        let mut text = self.any(chance).to_owned();
        loop {
            let word = self.any(chance);
            if text.len() + 1 + word.len() > bytes {
                return text;
            }
            text.push(' ');
            text.push_str(word);
        }
    }
}

fn actor(number: u64) -> String {
    format!("actor-{number:02}")
}

fn topic(number: u64) -> String {
    format!("topic-{number:02}")
}

fn source(number: u64) -> String {
    format!("report-{number:02}")
}

fn day(number: u64) -> String {
    let first = NaiveDate::from_ymd_opt(2015, 1, 1).unwrap_or_default();
    (first + Days::new(number)).to_string()
}

/// Writes so many events into `events.jsonl` in the directory, and beside it the text that one source captures.
pub(crate) fn make(dir: &Path, events: u64) -> Result<Workload> {
    fs::create_dir_all(dir)?;
    let mut chance = Chance(SEED);
    let words = Words::new(&mut chance);
    let mut captured = String::new();
    while captured.len() < TEXT_BYTES {
        captured.push_str(&words.text(&mut chance, 90));
        captured.push_str(".\n");
    }
    fs::write(dir.join("captured.txt"), &captured)?;

    let file = dir.join("events.jsonl");
    let mut out =
        Counted { out: BufWriter::with_capacity(1 << 20, File::create(&file)?), bytes: 0 };
    let declared = declare(&mut out, &words, &mut chance)?;
    let before = out.bytes;
    for number in declared..events {
        let line = statement(number, events, &words, &captured, &mut chance);
        out.line(&line)?;
    }
    out.out.flush()?;
    let mean = (out.bytes - before) / (events - declared);
    assert!((460..=480).contains(&mean), "the mean length of a statement is {mean} bytes");
    Ok(Workload { file, events, bytes: out.bytes, middle: day(DAYS / 2) })
}

struct Counted {
    out: BufWriter<File>,
    bytes: u64,
}

impl Counted {
    fn line(&mut self, line: &str) -> Result<()> {
        self.bytes += line.len() as u64 + 1;
        self.out.write_all(line.as_bytes())?;
        Ok(self.out.write_all(b"\n")?)
    }
}

/// Writes the declarations and says how many they are.
fn declare(out: &mut Counted, words: &Words, chance: &mut Chance) -> Result<u64> {
    let countries = COUNTRIES.len() as u64;
    for number in 0..ACTORS {
        let mut event =
            json!({"kind": "actor", "id": actor(number), "name": words.text(chance, 24)});
        if number < countries {
            event["type"] = "country".into();
            event["country"] = COUNTRIES[usize::try_from(number)?].into();
        } else if number < 2 * countries {
            event["type"] = "government".into();
            event["part_of"] = json!([actor(number - countries)]);
        } else {
            event["type"] = if number < 3 * countries { "office" } else { "person" }.into();
            event["part_of"] = json!([actor(number - countries)]);
        }
        out.line(&event.to_string())?;
    }
    for number in 0..TOPICS {
        let event = json!({"kind": "topic", "id": topic(number), "name": words.text(chance, 30)});
        out.line(&event.to_string())?;
    }
    for number in 0..SOURCES {
        let mut event = json!({
            "kind": "source", "id": source(number), "title": words.text(chance, 50),
            "publisher": words.text(chance, 20), "published": day(number * DAYS / SOURCES),
        });
        if number == 0 {
            event["file"] = "captured.txt".into();
        }
        out.line(&event.to_string())?;
    }
    Ok(ACTORS + TOPICS + SOURCES)
}

fn statement(
    number: u64,
    events: u64,
    words: &Words,
    captured: &str,
    chance: &mut Chance,
) -> String {
    // An odd factor takes every number to another one of 48 bits.
    let id = number.wrapping_mul(0x9e37_79b9_7f4b) & 0xffff_ffff_ffff;
    let mut by = vec![actor(chance.below(ACTORS))];
    if chance.one_in(32) {
        by.push(actor(chance.below(ACTORS)));
        by.dedup();
    }
    let modality = if chance.one_in(12) { chance.of(&MODALITIES) } else { "asserted" };
    let mut event = json!({
        "kind": "statement", "id": format!("st-{id:012x}"), "by": by,
        "to": [actor(chance.below(ACTORS))], "topic": topic(chance.below(TOPICS)),
        "stance": chance.of(&STANCES), "modality": modality, "channel": chance.of(&CHANNELS),
    });
    let when = (number * DAYS / events).saturating_sub(chance.below(30));
    if chance.one_in(256) {
        let until = when + 1 + chance.below(9);
        event["when"] = format!("{}/{}", day(when), day(until)).into();
    } else if !chance.one_in(20_000) {
        event["when"] = day(when).into();
    }
    let at = match chance.below(3) {
        0 => json!(format!("page {}", 1 + chance.below(300))),
        1 => json!(format!("paragraph {}", 1 + chance.below(60))),
        _ => json!(1 + chance.below(5_000)),
    };
    let mut cite = json!({"source": source(chance.below(SOURCES)), "form": "paraphrase", "at": at});
    if chance.one_in(16) {
        cite["source"] = source(0).into();
        cite["form"] = "direct".into();
        cite["quote"] = passage(captured, chance).into();
    }
    event["cites"] = json!([cite]);
    if chance.one_in(3) {
        event["according_to"] =
            json!([{"by": actor(chance.below(ACTORS)), "how": chance.of(&ACCOUNTS)}]);
    }
    event["summary"] = "".into();
    let target = LINE_BYTES - LINE_SPREAD + chance.below(2 * LINE_SPREAD + 1);
    let room = usize::try_from(target).unwrap_or(0).saturating_sub(event.to_string().len() + 1);
    event["summary"] = words.text(chance, room.max(20)).into();
    event.to_string()
}

/// A slice of the text from one word's beginning to another's end.
fn passage<'a>(text: &'a str, chance: &mut Chance) -> &'a str {
    let start = chance.index(text.len() - 200);
    let start = start + text[start..].find(' ').unwrap_or(0) + 1;
    let end = start + 30 + chance.index(90);
    let end = end + text[end..].find([' ', '.']).unwrap_or(0);
    &text[start..end]
}

/// Turns events of ICEWS (actor, CAMEO action, target, date, with tabs between) into statements, actors and topics
/// first.
pub(crate) fn from_icews(dir: &Path, icews: &Path) -> Result<Workload> {
    fs::create_dir_all(dir)?;
    let text = fs::read_to_string(icews)?;
    let events: Vec<[&str; 4]> = text
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>().try_into())
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| "a line of ICEWS has four fields")?;
    let (mut actors, mut topics, mut dates) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for [actor, action, target, date] in &events {
        for name in [actor, target] {
            let next = actors.len();
            actors.entry(*name).or_insert_with(|| format!("actor-{next}"));
        }
        let next = topics.len();
        topics.entry(*action).or_insert_with(|| format!("action-{next}"));
        dates.push(*date);
    }
    dates.sort_unstable();

    let file = dir.join("icews.jsonl");
    let mut out = Counted { out: BufWriter::new(File::create(&file)?), bytes: 0 };
    let declarations = (actors.iter().map(|(name, id)| ("actor", name, id)))
        .chain(topics.iter().map(|(name, id)| ("topic", name, id)));
    for (kind, name, id) in declarations {
        out.line(&json!({"kind": kind, "id": id, "name": name}).to_string())?;
    }
    for (number, [actor, action, target, date]) in events.iter().enumerate() {
        let event: Value = json!({
            "kind": "statement", "id": format!("icews-{number}"), "by": [actors[actor]], "to": [actors[target]],
            "topic": topics[action], "stance": "announces", "when": date,
            "summary": format!("{actor}: {action}, towards {target}"),
        });
        out.line(&event.to_string())?;
    }
    out.out.flush()?;
    let count = (events.len() + actors.len() + topics.len()) as u64;
    let middle = dates.get(dates.len() / 2).copied().unwrap_or_default().to_owned();
    Ok(Workload { file, events: count, bytes: out.bytes, middle })
}
