//! What is appended: made up from chance, with captured sources, and quotations of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::chance::Chance;
use crate::failure::Failure;

const STANCES: [&str; 5] = ["supports", "opposes", "urges", "offers", "warns"];
const ACTORS: [(&str, &str); 3] = [("in", "IN"), ("pk", "PK"), ("ke", "KE")];
/// How many events a bundle has.
pub(crate) const BUNDLE: u64 = demarche::store::bundle::BUNDLE_EVENTS;
/// How many words the source has that everything quotes.
const WORDS: u64 = 600;

/// Makes events; no two have the same id.
pub(crate) struct Work {
    chance: Chance,
    made: u64,
    text: Vec<String>,
}

/// Events of one append.
pub(crate) struct Batch {
    pub(crate) file: PathBuf,
    pub(crate) ids: Vec<String>,
}

impl Work {
    pub(crate) fn new(mut chance: Chance) -> Self {
        let text = words(&mut chance, WORDS);
        Self { chance, made: 0, text }
    }

    /// What a new log gets first: actors, a topic, and the source.
    pub(crate) fn first(&self, scratch: &Path) -> Result<Batch, Failure> {
        fs::write(scratch.join("text.txt"), self.text.join(" "))?;
        let mut lines = vec![
            json!({"kind": "topic", "id": "topic", "name": "The topic"}),
            json!({"kind": "source", "id": "text", "published": "2025-04-01", "file": "text.txt"}),
        ];
        for (id, country) in ACTORS {
            let actor = json!({"kind": "actor", "id": id, "name": id, "type": "country", "country": country});
            lines.push(actor);
        }
        write(scratch, "first.jsonl", &lines)
    }

    /// So many events for one append, in a file; one of them may bring a captured source.
    pub(crate) fn batch(&mut self, count: u64, scratch: &Path) -> Result<Batch, Failure> {
        let mut lines = Vec::new();
        for _ in 0..count {
            lines.push(self.statement());
        }
        if self.chance.percent(30) {
            let (id, length) = (self.id(), self.chance.between(1, 5_000));
            let captured = format!("{id}.txt");
            fs::write(scratch.join(&captured), words(&mut self.chance, length).join(" "))?;
            lines.push(
                json!({"kind": "source", "id": id, "published": "2025-04-02", "file": captured}),
            );
        }
        write(scratch, "batch.jsonl", &lines)
    }

    /// The arguments that append a single event, and its id.
    pub(crate) fn single(&mut self) -> (Vec<String>, String) {
        let event = self.statement();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = text(&event["id"]);
        let mut arguments = vec!["append".to_owned(), "statement".to_owned()];
        for field in ["id", "topic", "when", "stance", "summary"] {
            arguments.extend([format!("--{field}"), text(&event[field])]);
        }
        arguments.extend(["--by".to_owned(), text(&event["by"][0])]);
        if let Some(cite) = event["cites"].get(0) {
            arguments.extend(["--cite".to_owned(), text(&cite["source"])]);
            arguments.extend(["--quote".to_owned(), text(&cite["quote"])]);
            arguments.extend(["--form".to_owned(), text(&cite["form"])]);
        }
        (arguments, id)
    }

    /// A statement that cites nothing.
    pub(crate) fn plain(&mut self) -> Value {
        let mut event = self.statement();
        if let Some(fields) = event.as_object_mut() {
            fields.remove("cites");
        }
        event
    }

    fn statement(&mut self) -> Value {
        let id = self.id();
        let chance = &mut self.chance;
        let (by, _) = chance.one(&ACTORS);
        let length = chance.between(5, 60);
        let mut event = json!({
            "kind": "statement", "id": id, "by": [by], "topic": "topic",
            "when": format!("2025-{:02}-{:02}", chance.between(1, 12), chance.between(1, 28)),
            "stance": chance.one(&STANCES), "summary": words(chance, length).join(" "),
        });
        if chance.percent(40) {
            let from = usize::try_from(chance.between(0, WORDS - 10)).unwrap_or(0);
            let quote = self.text[from..from + 8].join(" ");
            event["cites"] = json!([{"source": "text", "quote": quote, "form": "direct"}]);
        }
        event
    }

    fn id(&mut self) -> String {
        self.made += 1;
        format!("e{}-{:08x}", self.made, self.chance.next() >> 32)
    }
}

fn words(chance: &mut Chance, count: u64) -> Vec<String> {
    (0..count).map(|_| format!("{:x}", chance.next() >> chance.between(20, 52))).collect()
}

fn write(scratch: &Path, name: &str, lines: &[Value]) -> Result<Batch, Failure> {
    let file = scratch.join(name);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&file, text)?;
    let ids = lines.iter().filter_map(|line| line["id"].as_str()).map(str::to_owned).collect();
    Ok(Batch { file, ids })
}
