//! `demarche list`: the log's events, in the order in which they were recorded.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::{Bound, read_bound, read_zone};
use super::filter_args::{FilterArgs, unknown};
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::terminal::Terminal;
use super::words::words;
use super::{Outcome, Status};
use crate::event_log::EventLog;
use crate::model::calendar::Instant;
use crate::record::header::Header;
use crate::replay::{Clocks, Content, Entry, View};
use crate::store::{Store, StoreError};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Only what may have happened by this day
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// The time zone in which dates, and times without an offset, are read
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// What `list` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ListShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    events: Vec<EntryShape>,
}

#[derive(Serialize, JsonSchema)]
struct EntryShape {
    seq: u64,
    id: String,
    /// As its header has it.
    kind: String,
    recorded_at: String,
    content: &'static str,
    summary: Option<String>,
    /// The retraction that takes it back, if one does.
    retracted_by: Option<String>,
}

impl ListArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let zone = read_zone(&self.tz)?;
        let to = self.to.as_deref();
        let latest = to.map(|to| read_bound("--to", to, zone, Bound::Last)).transpose()?;
        let mut filter = self.filter.filter(zone, latest.zip(to))?;
        filter.to = latest;
        let log = log.open_folded("demarche list", terminal)?;
        let history = log.history();
        let view = View::of(history, Clocks::at(Instant::MAX, zone));
        let sieve = filter.on(&view).map_err(|error| unknown(&error, history))?;
        let entries = history.entries().iter().filter(|entry| sieve.wants(entry));
        if self.json {
            let events =
                entries.map(|entry| shape(&log, &view, entry)).collect::<Result<_, _>>()?;
            terminal.json(&ListShape { v: VERSION, events })?;
            return Ok(Status::Done);
        }
        let mut rows = Vec::new();
        for entry in entries {
            let entry = shape(&log, &view, entry)?;
            let mut what = entry.summary.unwrap_or_else(|| match entry.content {
                "open" => String::new(),
                other => format!("({other})"),
            });
            if let Some(by) = entry.retracted_by {
                what.push_str(&format!(" [taken back by {by}]"));
            }
            rows.push(vec![entry.seq.to_string(), entry.recorded_at, entry.kind, entry.id, what]);
        }
        terminal.table(&["#", "recorded", "kind", "id", "what"], &[0, 1, 2, 3], &rows)?;
        Ok(Status::Done)
    }
}

fn shape(
    log: &EventLog<impl Store>,
    view: &View<'_>,
    entry: &Entry,
) -> Result<EntryShape, StoreError> {
    let history = view.history();
    let kind = if let Some(event) = entry.event() {
        event.kind().name().to_owned()
    } else {
        let header = log.stored(entry.seq)?.map(|event| Header::from_bytes(&event.header));
        header.and_then(Result::ok).map_or_else(|| "?".to_owned(), |header| header.kind)
    };
    let summary = match log.erasure_of(entry.seq)? {
        Some((by, _)) => Some(format!("(erased by event {by})")),
        None => entry.event().and_then(summary),
    };
    Ok(EntryShape {
        seq: entry.seq,
        id: history.id_of(entry.seq),
        kind,
        recorded_at: entry.recorded_at.to_string(),
        content: match entry.content {
            Content::Readable(_) => "open",
            Content::Absent => "absent",
            Content::Unreadable => "unreadable",
        },
        summary,
        retracted_by: view.struck().get(&entry.seq).map(|by| history.id_of(*by)),
    })
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
        Body::Statement(said) => match (&said.stance, &event.topic) {
            (Some(stance), Some(topic)) => Some(format!("{stance} {topic}")),
            (Some(stance), None) => Some(stance.to_string()),
            (None, topic) => topic.as_ref().map(|topic| format!("on {topic}")),
        },
        Body::Contact(contact) => {
            let form =
                contact.form.as_ref().map_or("contact".to_owned(), |form| words(form.as_str()));
            Some(format!("{form} of {}", contact.participants.join(", ")))
        }
        Body::Note(note) => note.text.clone(),
        Body::Incident | Body::System(_) => None,
    };
    event.summary.clone().or(of)
}
