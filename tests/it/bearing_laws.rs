//! What bears on an answer gives it: random histories of all kinds of event, asked whole; asked of what a scan gathers,
//! in several threads' shares; and asked of what is looked up in kept rows.

use std::collections::{BTreeMap, BTreeSet};

use demarche::event_log::AppendOptions;
use demarche::model::calendar::{Instant, Zone};
use demarche::model::event::Event;
use demarche::model::schema::Kind;
use demarche::model::value::Value;
use demarche::record::header::Header;
use demarche::record::json::parse_canonical;
use demarche::replay::bearing::{Block, Gathering, Row, Rows, Run, Stored, current};
use demarche::replay::{
    Clocks, Content, Entry, History, LeftOut, View, anomalies, current_positions, dangling,
    disputes, measures, positions, rests_on,
};
use demarche::store::{Part, Store};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::histories::clocks;
use crate::support::{self, Counting, MemoryLog, append_with};

/// An event as a store gives it.
#[derive(Debug, Clone)]
struct Kept {
    seq: u64,
    recorded_at: Instant,
    kind: String,
    payload: Option<Vec<u8>>,
}

impl Kept {
    fn stored(&self) -> Stored<'_> {
        Stored {
            seq: self.seq,
            recorded_at: self.recorded_at,
            kind: &self.kind,
            payload: self.payload.as_deref(),
        }
    }

    fn entry(&self) -> Entry {
        let content = match &self.payload {
            Some(payload) => read(payload, &self.kind),
            None => Content::Absent,
        };
        Entry { seq: self.seq, recorded_at: self.recorded_at, content }
    }
}

fn read(payload: &[u8], kind: &str) -> Content {
    let Ok(Value::Object(payload)) = parse_canonical(payload) else {
        return Content::Unreadable;
    };
    match Event::read(&payload) {
        Ok(event) if event.kind().name() == kind => Content::Readable(Box::new(event)),
        _ => Content::Unreadable,
    }
}

/// Small numbers from which one event is made.
pub(crate) type Draw = (u8, [usize; 8]);

pub(crate) fn any_draws() -> impl Strategy<Value = Vec<Draw>> {
    let draw = (0_u8..42, prop::array::uniform8(0_usize..24));
    prop::collection::vec(draw, 0..40)
}

const ACTORS: [&str; 5] = ["in", "pk", "us", "modi", "sharif"];
const CONTACTS: [&str; 4] = ["call", "talk", "@16", "@14"];
const SOURCES: [&str; 4] = ["early", "late", "undated", "article"];

fn pick<T: Copy>(from: &[T], number: usize) -> T {
    from[number % from.len()]
}

fn date(number: usize, width: usize) -> Option<String> {
    let (day, last) = (number % 12 + 1, number % 12 + 1 + width % 4);
    match (number + width) % 9 {
        0 => None,
        1 => Some(format!("2025-01-{day:02}/2025-01-{last:02}")),
        2 => Some(format!("2025-01-{day:02}T0{}:00:00Z", width % 10)),
        3 => Some(format!("2025-01-{day:02}?")),
        4 if width.is_multiple_of(3) => Some("2025-01".to_owned()),
        5 if width.is_multiple_of(3) => Some(format!("../2025-01-{day:02}")),
        _ => Some(format!("2025-01-{day:02}")),
    }
}

/// An event as it is made from what was drawn.
struct Line<'d> {
    drawn: [usize; 8],
    /// The names of the events so far.
    names: &'d [String],
    /// Those of them that are mentions or relations.
    naming: &'d [(String, &'static str)],
    fields: serde_json::Map<String, Json>,
}

/// An event as a line of input.
fn line(
    number: usize,
    (kind, drawn): Draw,
    names: &[String],
    naming: &[(String, &'static str)],
) -> (String, &'static str) {
    let mut line = Line { drawn, names, naming, fields: serde_json::Map::new() };
    let kind = match kind {
        0..18 => line.statement(),
        18..20 => line.mention(),
        20..23 => line.relation(),
        23..28 => line.correction(),
        28..33 => line.retraction(),
        33..36 => line.measure(),
        36..39 => "incident",
        39 => line.note(),
        40 => line.contact(),
        _ => line.source(number),
    };
    line.set("kind", kind);
    if line.at(7) == 8 && names.iter().all(|name| name != "n") && kind != "source" {
        // A measure may have the same name.
        line.set("id", "n");
    } else if !line.at(7).is_multiple_of(3) && kind != "source" {
        line.set("id", format!("e{number}"));
    }
    if !matches!(kind, "source" | "correction" | "retraction" | "note") {
        line.set("when", date(line.at(2), line.at(3)));
    }
    let two = [line.at(6), line.at(4)];
    let cited = match line.at(6) % 6 {
        0..4 => &two[..1],
        4 => &two[..],
        _ => &[],
    };
    if kind != "source" && !cited.is_empty() {
        let cite = |source: &usize| json!({"source": pick(&SOURCES, *source)});
        line.set("cites", cited.iter().map(cite).collect::<Vec<Json>>());
    }
    (Json::Object(line.fields).to_string(), kind)
}

impl Line<'_> {
    fn at(&self, place: usize) -> usize {
        self.drawn[place]
    }

    fn set(&mut self, key: &str, value: impl Into<Json>) {
        let value = value.into();
        if !value.is_null() || key == "to" {
            self.fields.insert(key.to_owned(), value);
        }
    }

    /// An event so far back.
    fn named(&self, place: usize) -> String {
        let back = self.at(place) % self.names.len() + 1;
        self.names[self.names.len() - back].clone()
    }

    fn topic(&self) -> Option<&'static str> {
        pick(&[Some("treaty"), Some("water"), Some("treaty"), None], self.at(1))
    }

    fn statement(&mut self) -> &'static str {
        let by = pick(&ACTORS[..3], self.at(0));
        match (self.at(4) % 7, self.at(5) % 5) {
            (0, _) => self.set("by", json!([by, pick(&ACTORS, self.at(5))])),
            (1, 0) => {}
            _ => self.set("by", by),
        }
        self.set("topic", self.topic());
        let stances = ["supports", "opposes", "rejects", "x-own"];
        self.set("stance", pick(&stances, self.at(4) + self.at(5)));
        if self.at(6).is_multiple_of(5) {
            let modalities = ["conditional", "future", "hypothetical", "asserted"];
            self.set("modality", pick(&modalities, self.at(5)));
        }
        if self.at(3).is_multiple_of(3) {
            self.set("contact", pick(&CONTACTS, self.at(5)));
        }
        if self.at(5).is_multiple_of(4) {
            self.set("according_to", json!({"by": pick(&ACTORS, self.at(2)), "how": "readout"}));
        }
        if self.at(6).is_multiple_of(4) {
            self.set("summary", "so they \"said\",\n at least");
        }
        "statement"
    }

    fn mention(&mut self) -> &'static str {
        self.set("of", self.named(0));
        "mention"
    }

    fn relation(&mut self) -> &'static str {
        for (key, place) in [("from", 0), ("to", 1)] {
            let to_measure = self.at(place).is_multiple_of(11);
            let end = if to_measure { "m".to_owned() } else { self.named(place) };
            self.set(key, end);
        }
        let types = ["same_act", "contradicts", "responds_to", "supersedes", "retaliates"];
        self.set("type", pick(&types, self.at(2)));
        "relation"
    }

    /// Of a mention or relation: it names another event.
    fn correction_of_name(&mut self) -> Option<&'static str> {
        let (of, field) = self.naming.get(self.at(3) % self.naming.len().max(1))?;
        self.set("of", of.as_str());
        self.set("field", *field);
        self.set("to", self.named(4));
        Some("correction")
    }

    fn correction(&mut self) -> &'static str {
        if self.at(2) % 9 == 7
            && let Some(kind) = self.correction_of_name()
        {
            return kind;
        }
        let (field, to): (&str, Json) = match self.at(2) % 9 {
            0..3 => ("when", date(self.at(3), self.at(4)).into()),
            3 => ("topic", self.topic().into()),
            4 => ("by", json!([pick(&ACTORS, self.at(4))])),
            5 => ("contact", pick(&CONTACTS, self.at(4)).into()),
            6 => ("published", "2025-01-02".into()),
            _ => ("cites", json!([{"source": pick(&SOURCES, self.at(4))}])),
        };
        let of_source = field == "published";
        let of = if of_source { pick(&SOURCES, self.at(4)).to_owned() } else { self.named(0) };
        self.set("of", of);
        self.set("field", field);
        self.set("to", to);
        "correction"
    }

    fn retraction(&mut self) -> &'static str {
        let known = ["call", "talk", "@16", "late", "@13"];
        // One that the log has twice.
        if self.at(2) % 3 == 2 && self.at(5).is_multiple_of(3) {
            let twice = [
                ("modi", "in"),
                ("pk", "in"),
                ("in", "us"),
                ("sharif", "modi"),
                ("water", "treaty"),
                ("early", "late"),
                ("late", "undated"),
                ("undated", "early"),
                ("us", "in"),
                ("call", "talk"),
            ];
            let (of, original) = pick(&twice, self.at(1));
            self.set("of", of);
            self.set("by", "duplicate");
            self.set("duplicate_of", original);
            return "retraction";
        }
        let of_known = self.at(0).is_multiple_of(7);
        let of = if of_known { pick(&known, self.at(1)).to_owned() } else { self.named(0) };
        self.set("of", of);
        self.set("by", pick(&["source", "recorder", "duplicate"], self.at(2)));
        if self.at(2) % 3 == 2 {
            self.set("duplicate_of", self.named(3));
        }
        "retraction"
    }

    fn measure(&mut self) -> &'static str {
        self.set("measure", pick(&["m", "n"], self.at(0)));
        let ops = ["announce", "impose", "suspend", "lift", "supersede"];
        self.set("op", pick(&ops, self.at(1)));
        self.set("by", "in");
        self.set("effective", date(self.at(2), self.at(3)));
        if self.at(4).is_multiple_of(2) {
            let answers = [self.named(5), pick(&["m", "n"], self.at(3)).to_owned()];
            self.set("responds_to", answers[self.at(6) % 2].as_str());
        }
        if self.at(5).is_multiple_of(4) {
            self.set("superseded_by", "n");
        }
        "measure"
    }

    fn note(&mut self) -> &'static str {
        self.set("of", self.named(0));
        "note"
    }

    fn contact(&mut self) -> &'static str {
        self.set("participants", json!([pick(&ACTORS, self.at(0)), pick(&ACTORS, self.at(1))]));
        "contact"
    }

    fn source(&mut self, number: usize) -> &'static str {
        self.set("id", format!("s{number}"));
        self.set("published", date(self.at(0), 1));
        "source"
    }
}

/// A log that holds these events, as a store gives them.
fn kept(lines: &str) -> Vec<Kept> {
    let mut log = support::log();
    support::append(&mut log, lines).expect("they are good");
    let stored = log.store().read(0, usize::MAX).expect("memory can be read");
    let kept = (0..).zip(stored).map(|(seq, event)| {
        let header = Header::from_bytes(&event.header).expect("a header");
        let Part::Present { bytes, .. } = event.payload else { panic!("nothing was erased") };
        let (recorded_at, kind) = (header.recorded_at, header.kind);
        Kept { seq, recorded_at, kind, payload: Some(bytes) }
    });
    kept.collect()
}

/// The ids of the statements in a history, in order.
fn statements_in(history: &History) -> Vec<String> {
    let events = history.entries().iter().filter_map(Entry::event);
    let said = events.filter(|event| event.kind() == Kind::Statement);
    said.filter_map(|event| event.id.clone()).collect()
}

/// A log of what could be appended of the events that are drawn; `after` is shown it after each of them.
pub(crate) fn reported(draws: &[Draw], after: &mut dyn FnMut(usize, &mut MemoryLog)) -> MemoryLog {
    let mut log = support::log();
    // They have the numbers 9 to 16, and the last has no other name.
    let known = r#"
        {"kind":"source","id":"early","published":"2025-01-03"}
        {"kind":"source","id":"late","published":"2025-01-08"}
        {"kind":"source","id":"undated"}
        {"kind":"topic","id":"water","broader":["treaty"]}
        {"kind":"contact","id":"call","participants":["in","pk"]}
        {"kind":"contact","id":"talk","participants":["us"]}
        {"kind":"incident","id":"flood"}
        {"kind":"contact","participants":["pk","us"]}
    "#;
    support::append(&mut log, known).expect("they are good");
    assert_eq!(log.head().size, BASE);
    let mut names = vec!["flood".to_owned(), "call".to_owned()];
    let mut naming: Vec<(String, &str)> = Vec::new();
    for (number, draw) in draws.iter().enumerate() {
        let (line, kind) = line(number, *draw, &names, &naming);
        let seq = log.head().size;
        let mut clock = Counting::from(&format!("2026-01-{:02}T00:00:00Z", number / 3 + 2));
        let appended = append_with(&mut log, &line, AppendOptions::default(), &mut clock);
        if appended.is_ok() && log.head().size > seq {
            let event = log.history().entry(seq).and_then(Entry::event);
            let id = event.and_then(|event| event.id.clone());
            let by_number = format!("@{seq}");
            let name = if number.is_multiple_of(4) { by_number } else { id.unwrap_or(by_number) };
            match kind {
                "mention" => naming.push((name.clone(), "of")),
                "relation" => naming.push((name.clone(), pick(&["from", "to"], number))),
                _ => {}
            }
            names.push(name);
        }
        after(number, &mut log);
    }
    log
}

/// How many events there are before those that are drawn.
const BASE: u64 = 17;

/// The same; of those at `spoiled` the content is not there, or of every other one cannot be read.
fn log(draws: &[Draw], spoiled: &[usize]) -> Vec<Kept> {
    let log = reported(draws, &mut |_, _| {});
    let stored = log.store().read(0, usize::MAX).expect("memory can be read");
    let kept = (0..).zip(stored).map(|(seq, event)| {
        let header = Header::from_bytes(&event.header).expect("a header");
        let mut payload = match event.payload {
            Part::Present { bytes, .. } => Some(bytes),
            Part::Absent => None,
        };
        // The last of them are what the others name.
        let of = |at: usize| match at {
            0..40 => BASE + at as u64,
            _ => at as u64 - 39,
        };
        if let Some(at) = spoiled.iter().position(|at| of(*at) == seq) {
            let unknown = |bytes: Vec<u8>| [&bytes[..bytes.len() - 1], b",\"zoom\":1}"].concat();
            payload = payload.filter(|_| at.is_multiple_of(2)).map(unknown);
        }
        Kept { seq, recorded_at: header.recorded_at, kind: header.kind, payload }
    });
    let mut kept: Vec<Kept> = kept.collect();
    // What the program writes itself is no report, and left out of no answer.
    let (seq, recorded_at) = (kept.len() as u64, kept[kept.len() - 1].recorded_at);
    let payload = Some(br#"{"kind":"key"}"#.to_vec());
    kept.push(Kept { seq, recorded_at, kind: "key".to_owned(), payload });
    kept
}

fn whole(log: &[Kept]) -> History {
    let mut history = History::new();
    for kept in log {
        history.push(kept.recorded_at, kept.entry().content);
    }
    history
}

fn load(log: &[Kept], wanted: &[u64]) -> Vec<Entry> {
    let of = |seq: &u64| log[usize::try_from(*seq).expect("it is small")].entry();
    wanted.iter().map(of).collect()
}

const THREADS: usize = 3;

/// What a scan gathers, in shares: each event goes to the thread of its place.
fn scanned(log: &[Kept], clocks: Clocks, shares: &[usize]) -> (History, bool) {
    let share = |mut gathering: Gathering, thread: usize| {
        for (at, kept) in log.iter().enumerate().rev() {
            if shares[at % shares.len()] % THREADS == thread {
                gathering.look(kept.stored());
            }
        }
        gathering
    };
    let scan = |begin: &(dyn Fn() -> Gathering + Sync)| {
        std::thread::scope(|scope| {
            let run = |thread| scope.spawn(move || share(begin(), thread));
            let threads: Vec<_> = (0..THREADS).map(run).collect();
            let done = threads.into_iter().map(|thread| thread.join().expect("it ends"));
            done.reduce(|mut all, one| {
                all.merge(one);
                all
            })
        })
        .expect("there are some")
    };
    let held = scan(&|| Gathering::new(clocks, read)).held();
    let again = held.needs_another_pass();
    let bearing = if again {
        let again = scan(&|| held.again());
        held.after(again)
    } else {
        held.bearing()
    };
    let read = load(log, bearing.wanted());
    (bearing.history(read), again)
}

/// Rows in memory, a few to a block.
struct MemoryRun {
    blocks: Vec<Block>,
    rows: Vec<Vec<Row>>,
}

impl MemoryRun {
    fn of(mut rows: Vec<Row>, width: usize) -> Self {
        rows.sort_unstable();
        let rows: Vec<Vec<Row>> = rows.chunks(width).map(<[Row]>::to_vec).collect();
        let block = |rows: &Vec<Row>| Block {
            first: rows[0],
            earliest: rows.iter().map(|row| row.earliest).min().expect("no block is empty"),
            seq: rows.iter().map(|row| row.seq).min().expect("no block is empty"),
        };
        Self { blocks: rows.iter().map(block).collect(), rows }
    }
}

impl Run for MemoryRun {
    type Error = std::convert::Infallible;

    fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    fn read(&self, block: usize) -> Result<Vec<Row>, Self::Error> {
        Ok(self.rows[block].clone())
    }
}

/// What would break: a statement with an escape in a name would be in no table, and in no answer that is looked up.
#[test]
fn a_statement_that_takes_a_full_reading_has_its_rows() {
    let payload = |id: &str| {
        format!(
            r#"{{"by":["in","pk"],"id":"{id}","kind":"statement","topic":"treaty","when":"2025-04-23"}}"#
        )
    };
    let (plain, escaped) = (payload("s"), payload(r#"s\"s"#));
    let mut make = Rows::new(read);
    assert!(make.plain(plain.as_bytes()).is_some() && make.plain(escaped.as_bytes()).is_none());
    let mut rows_of = |payload: &str| {
        let mut rows = Vec::new();
        make.add(5, payload.as_bytes(), &mut rows);
        rows
    };
    let rows = rows_of(&plain);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows_of(&escaped), rows);
}

#[test]
fn what_is_said_at_the_very_moment_is_current_and_nothing_from_the_limit_on() {
    let row = |micros, seq| {
        let at = Instant::from_micros(micros);
        Row { pair: [1; 16], latest: at, earliest: at, seq }
    };
    for width in [1, 4] {
        let found = |rows: &[Row], limit| {
            let runs = [MemoryRun::of(rows.to_vec(), width)];
            current(&runs, [1; 16], Instant::from_micros(1000), limit, &|_| false).unwrap()
        };
        assert_eq!(found(&[row(500, 1), row(1000, 2)], 10), [2]);
        assert_eq!(found(&[row(500, 1), row(1001, 2)], 10), [1]);
        assert_eq!(found(&[row(500, 1), row(1000, 2)], 2), [1]);
        let mut of_one_moment = found(&[row(500, 1), row(700, 2), row(700, 3), row(700, 4)], 10);
        of_one_moment.sort_unstable();
        assert_eq!(of_one_moment, [2, 3, 4], "in blocks of {width}");
    }
}

/// What would break: a log with a single retraction would be held nearly whole, and a replay of it take all memory.
#[test]
fn what_is_taken_back_has_no_more_held_than_bears_on_it() {
    let mut lines = vec![
        r#"{"kind":"topic","id":"water"}"#.to_owned(),
        r#"{"kind":"contact","id":"call","participants":["in","pk"]}"#.to_owned(),
        r#"{"kind":"contact","id":"talk","participants":["us"]}"#.to_owned(),
    ];
    for day in 1..=9 {
        for (id, contact) in
            [("plain", ""), ("call", r#","contact":"call""#), ("talk", r#","contact":"talk""#)]
        {
            lines.push(format!(
                r#"{{"kind":"statement","id":"{id}-{day}","by":"in","topic":"water","when":"2025-01-{day:02}"{contact}}}"#
            ));
        }
    }
    let all = |more: &str| {
        let log = kept(&format!("{}\n{more}", lines.join("\n")));
        let clocks = clocks("2025-01-31");
        let (gathered, again) = scanned(&log, clocks, &[0, 1, 2]);
        same_answers(&gathered, &whole(&log), clocks).expect("they are the same");
        assert_eq!(again, !more.is_empty());
        statements_in(&gathered)
    };
    let last = ["plain-9", "call-9", "talk-9"];
    assert_eq!(all(""), last);
    let one = all(r#"{"kind":"retraction","of":"plain-3","by":"source"}"#);
    assert_eq!(one, [&["plain-3"], &last[..]].concat());
    let talk = all(r#"{"kind":"retraction","of":"talk","by":"source"}"#);
    let said_there: Vec<String> = (1..=9).map(|day| format!("talk-{day}")).collect();
    let in_talk = talk.iter().filter(|id| id.starts_with("talk")).cloned().collect::<Vec<_>>();
    assert_eq!(in_talk, said_there);
    assert_eq!(talk.len(), said_there.len() + 2, "{talk:?}");
}

/// What would break: of two statements of one moment only the first would be held, and current.
#[test]
fn of_what_is_said_at_the_same_moment_all_is_held() {
    let said = |id: &str, when: &str| {
        format!(r#"{{"kind":"statement","id":"{id}","by":"in","topic":"water","when":"{when}"}}"#)
    };
    let log = kept(
        &[
            r#"{"kind":"topic","id":"water"}"#.to_owned(),
            said("before", "2025-01-03T09:59:59Z"),
            said("one", "2025-01-03T10:00:00Z"),
            said("two", "2025-01-03T10:00:00Z"),
        ]
        .join("\n"),
    );
    for shares in [&[0][..], &[0, 1, 2]] {
        let (gathered, _) = scanned(&log, clocks("2025-01-31"), shares);
        assert_eq!(statements_in(&gathered), ["one", "two"]);
    }
}

/// What would break: an event that names a number which the log does not have, as none is appended and any may be stored,
/// would have that number read.
#[test]
fn a_number_past_the_end_is_not_wanted() {
    let log = kept(r#"{"kind":"topic","id":"water"}"#);
    let size = log.len() as u64 + 1;
    for of in [size, size + 1] {
        let payload = format!(r#"{{"by":"source","kind":"retraction","of":"@{of}"}}"#);
        let mut log = log.clone();
        log.push(Kept {
            seq: size - 1,
            recorded_at: log[0].recorded_at,
            kind: "retraction".to_owned(),
            payload: Some(payload.into_bytes()),
        });
        let mut gathering = Gathering::new(clocks("2025-01-31"), read);
        for kept in &log {
            gathering.look(kept.stored());
        }
        assert!(gathering.held().bearing().wanted().is_empty(), "{of} of {size}");
    }
}

/// What is looked up in rows and names, in UTC and without the reported clock.
fn looked_up(log: &[Kept], clocks: Clocks, shares: &[usize]) -> History {
    let plain = |kept: &&Kept| matches!(kept.kind.as_str(), "statement" | "incident" | "note");
    let mut rows = vec![Vec::new(), Vec::new()];
    let mut make = Rows::new(read);
    let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_contact: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut left_out = LeftOut::default();
    let is_later = |kept: &Kept| clocks.recorded_by.is_some_and(|by| kept.recorded_at > by);
    for (at, kept) in log.iter().enumerate().filter(|(_, kept)| plain(kept)) {
        match &kept.payload {
            _ if is_later(kept) => left_out.recorded_later += 1,
            None => left_out.absent += 1,
            Some(_) => {}
        }
        let Some(payload) = &kept.payload else { continue };
        if kept.kind == "statement" {
            make.add(kept.seq, payload, &mut rows[shares[at % shares.len()] % 2]);
        }
        let entry = kept.entry();
        let Some(event) = entry.event() else { continue };
        by_name.extend(event.id.clone().map(|id| (id, kept.seq)));
        if let demarche::model::event::Body::Statement(said) = &event.body
            && let Some(contact) = &said.contact
        {
            by_contact.entry(contact.clone()).or_default().push(kept.seq);
        }
    }
    let pairs: BTreeSet<_> = rows.iter().flatten().map(|row| row.pair).collect();
    let runs: Vec<MemoryRun> =
        rows.into_iter().map(|rows| MemoryRun::of(rows, shares[0] % 4 + 1)).collect();

    let mut gathering = Gathering::new(clocks, read);
    log.iter().filter(|kept| !plain(kept)).for_each(|kept| gathering.look(kept.stored()));
    gathering.pass_over(log.len() as u64);
    let held = gathering.held();
    let mut touched: BTreeSet<u64> = held.known().seqs().collect();
    touched.extend(held.known().ids().filter_map(|id| by_name.get(id)));
    for name in held.known().taken_back() {
        let seq = by_name.get(name).copied().or_else(|| demarche::model::id::seq_of(name));
        let own =
            seq.and_then(|seq| log.get(usize::try_from(seq).ok()?)?.entry().event()?.id.clone());
        let names = [Some(name.to_owned()), seq.map(demarche::model::id::of_seq), own];
        let contacts = names.iter().flatten().filter_map(|name| by_contact.get(name));
        touched.extend(contacts.flatten());
    }
    let limit = log.iter().take_while(|kept| !is_later(kept)).count() as u64;
    let mut wanted = touched.clone();
    for pair in pairs {
        let found = current(&runs, pair, clocks.to, limit, &|seq| touched.contains(&seq));
        wanted.extend(found.expect("memory can be read"));
    }
    let bearing = held.bearing_with(wanted, left_out);
    let read = load(log, bearing.wanted());
    bearing.history(read)
}

pub(crate) fn same_answers(
    found: &History,
    expected: &History,
    clocks: Clocks,
) -> Result<(), TestCaseError> {
    let (found, expected) = (View::of(found, clocks), View::of(expected, clocks));
    prop_assert_eq!(found.history().size(), expected.history().size());
    prop_assert!(found.history().entry(0).is_some(), "it says when the log began");
    // Else the proof of an answer would say that something is withheld.
    let named = |view: &View<'_>| {
        let (open, mut history) = (rests_on(view), view.history().clone());
        let rest = history.entries().iter().map(|entry| entry.seq);
        let rest: BTreeSet<u64> = rest.filter(|seq| !open.contains(seq)).collect();
        history.forget(&rest);
        dangling(&View::of(&history, *view.clocks()))
    };
    let lost: Vec<String> = named(&found).difference(&named(&expected)).cloned().collect();
    prop_assert!(lost.is_empty(), "named and not held: {:?}", lost);
    let mut held = positions(&expected);
    prop_assert_eq!(disputes(&found, &current_positions(&found)), disputes(&expected, &held));
    held.retain(|position| position.current);
    prop_assert_eq!(&current_positions(&expected), &held, "the current of all");
    prop_assert_eq!(current_positions(&found), held);
    prop_assert_eq!(measures(&found), measures(&expected));
    prop_assert_eq!(anomalies(&found), anomalies(&expected));
    prop_assert_eq!(found.left_out(), expected.left_out());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_bears_on_an_answer_gives_it(
        draws in any_draws(),
        spoiled in prop::collection::vec(0_usize..56, 0..4),
        shares in prop::collection::vec(0_usize..12, 1..9),
        to in 1_u32..15,
        recorded in prop::option::of(1_u32..16),
        reported in prop::option::of(1_u32..12),
        zone in prop::sample::select(vec!["UTC", "Asia/Kolkata", "America/New_York"]),
    ) {
        let log = log(&draws, &spoiled);
        let mut question = format!("2025-01-{to:02} tz={zone}");
        if let Some(day) = recorded {
            question.push_str(&format!(" recorded=2026-01-{day:02}"));
        }
        if let Some(day) = reported.filter(|day| *day < 9 || recorded.is_none()) {
            question.push_str(&format!(" reported=2025-01-{day:02}"));
        }
        let clocks = clocks(&question);
        let whole = whole(&log);
        let (gathered, _) = scanned(&log, clocks, &shares);
        same_answers(&gathered, &whole, clocks)?;
        if clocks.reported_by.is_none() && clocks.zone == Zone::UTC {
            same_answers(&looked_up(&log, clocks, &shares), &whole, clocks)?;
        }
    }

    #[test]
    fn of_plain_statements_few_are_held_after_one_pass(
        said in prop::collection::vec((0_usize..3, 0_usize..2, 1_u32..13), 0..60),
        to in 1_u32..15,
    ) {
        let lines = said.iter().enumerate().map(|(number, (who, topic, day))| {
            let (who, topic) = (ACTORS[*who], ["treaty", "water"][*topic]);
            format!(
                r#"{{"kind":"statement","id":"s{number}","by":"{who}","topic":"{topic}","when":"2025-01-{day:02}"}}"#
            )
        });
        let lines: Vec<String> = std::iter::once(r#"{"kind":"topic","id":"water"}"#.to_owned()).chain(lines).collect();
        let kept = kept(&lines.join("\n"));
        let clocks = clocks(&format!("2025-01-{to:02}"));
        let (gathered, again) = scanned(&kept, clocks, &[0, 1, 2]);
        prop_assert!(!again);
        let held = statements_in(&gathered).len();
        let found = looked_up(&kept, clocks, &[0, 1, 2]);
        prop_assert_eq!(statements_in(&found).len(), held);
        // One day, the last with a word, of each actor on each topic.
        let days: BTreeSet<(usize, usize, u32)> = said.iter().filter(|(.., day)| *day <= to).copied().collect();
        let last: BTreeMap<(usize, usize), u32> = days.into_iter().map(|(who, topic, day)| ((who, topic), day)).collect();
        let expected = said.iter().filter(|(who, topic, day)| last.get(&(*who, *topic)) == Some(day)).count();
        prop_assert_eq!(held, expected);
        same_answers(&gathered, &whole(&kept), clocks)?;
    }
}
