//! `demarche list`: the log's events, in the order in which they were recorded.

use clap::Args;
use serde::Serialize;

use super::error::CliError;
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::model::near::nearest;
use crate::model::schema::{KINDS, Kind, SYSTEM_KINDS};
use crate::replay::{Content, Entry, History};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only events of this kind; may be given more than once
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ListShape {
    v: u32,
    events: Vec<EntryShape>,
}

#[derive(Serialize)]
struct EntryShape {
    seq: u64,
    id: String,
    kind: Option<&'static str>,
    recorded_at: String,
    content: &'static str,
    summary: Option<String>,
}

impl ListArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let kinds = self.kind.iter().map(|name| kind(name)).collect::<Result<Vec<_>, _>>()?;
        let log = log.open("demarche list", terminal)?;
        let history = log.history();
        let wanted = |entry: &&Entry| {
            kinds.is_empty() || entry.event().is_some_and(|event| kinds.contains(&event.kind()))
        };
        let entries = history.entries().iter().filter(wanted);
        if self.json {
            let events = entries.map(|entry| shape(history, entry)).collect();
            terminal.json(&ListShape { v: VERSION, events })?;
            return Ok(Status::Done);
        }
        let rows: Vec<_> = entries
            .map(|entry| {
                let entry = shape(history, entry);
                let what = entry.summary.unwrap_or_else(|| match entry.content {
                    "open" => String::new(),
                    other => format!("({other})"),
                });
                let kind = entry.kind.unwrap_or("?").to_owned();
                vec![entry.seq.to_string(), entry.recorded_at, kind, entry.id, what]
            })
            .collect();
        terminal.table(&["#", "recorded", "kind", "id", "what"], &[0, 1, 2, 3], &rows)?;
        Ok(Status::Done)
    }
}

fn kind(name: &str) -> Result<Kind, CliError> {
    Kind::parse(name).ok_or_else(|| {
        let error = CliError::refused(format!("there is no kind of event {name:?}"));
        let names = KINDS.iter().map(|spec| spec.name).chain(SYSTEM_KINDS.iter().map(|(_, n)| *n));
        match nearest(name, names.clone(), 2).as_slice() {
            [] => error.hint(format!("the kinds are {}", names.collect::<Vec<_>>().join(", "))),
            near => error.hint(format!("did you mean {}?", near.join(" or "))),
        }
    })
}

fn shape(history: &History, entry: &Entry) -> EntryShape {
    EntryShape {
        seq: entry.seq,
        id: history.id_of(entry.seq),
        kind: entry.event().map(|event| event.kind().name()),
        recorded_at: entry.recorded_at.to_string(),
        content: match entry.content {
            Content::Readable(_) => "open",
            Content::Absent => "absent",
            Content::Unreadable => "unreadable",
        },
        summary: entry.event().and_then(summary),
    }
}

/// What an event is about, in few words.
pub(crate) fn summary(event: &crate::model::event::Event) -> Option<String> {
    use crate::model::event::Body;
    let of = match &event.body {
        Body::Source(source) => source.title.clone(),
        Body::Actor(actor) => actor.name.clone(),
        Body::Topic(topic) => topic.name.clone(),
        Body::Measure(step) => Some(format!("{} {}", step.op, step.measure)),
        Body::Mention(mention) => Some(format!("of {}", mention.of)),
        Body::Relation(relation) => {
            Some(format!("{} {} {}", relation.from, relation.kind, relation.to))
        }
        Body::Correction(correction) => Some(format!("{} of {}", correction.field, correction.of)),
        Body::Retraction(retraction) => {
            Some(format!("of {}, by {}", retraction.of, retraction.by.as_str()))
        }
        Body::Note(note) => note.text.clone(),
        _ => None,
    };
    event.summary.clone().or(of)
}
