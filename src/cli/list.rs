//! `demarche list`: the log's events, in the order in which they were recorded.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::{Bound, read_bound, read_zone};
use super::filter_args::{FilterArgs, unknown};
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::model::calendar::Instant;
use crate::replay::{Clocks, Content, Entry, View};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Only what may have happened by this day
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// The time zone in which dates without a time are read
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
    kind: Option<&'static str>,
    recorded_at: String,
    content: &'static str,
    summary: Option<String>,
    /// The retraction that takes it back, if one does.
    retracted_by: Option<String>,
}

impl ListArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let zone = read_zone(&self.tz)?;
        let mut filter = self.filter.filter(zone)?;
        let to = self.to.as_ref();
        filter.to = to.map(|to| read_bound("--to", to, zone, Bound::Last)).transpose()?;
        let log = log.open("demarche list", terminal)?;
        let history = log.history();
        let view = View::of(history, Clocks::at(Instant::MAX, zone));
        let sieve = filter.on(&view).map_err(|error| unknown(&error, history))?;
        let entries = history.entries().iter().filter(|entry| sieve.wants(entry));
        if self.json {
            let events = entries.map(|entry| shape(&view, entry)).collect();
            terminal.json(&ListShape { v: VERSION, events })?;
            return Ok(Status::Done);
        }
        let rows: Vec<_> = entries
            .map(|entry| {
                let entry = shape(&view, entry);
                let mut what = entry.summary.unwrap_or_else(|| match entry.content {
                    "open" => String::new(),
                    other => format!("({other})"),
                });
                if let Some(by) = entry.retracted_by {
                    what.push_str(&format!(" [taken back by {by}]"));
                }
                let kind = entry.kind.unwrap_or("?").to_owned();
                vec![entry.seq.to_string(), entry.recorded_at, kind, entry.id, what]
            })
            .collect();
        terminal.table(&["#", "recorded", "kind", "id", "what"], &[0, 1, 2, 3], &rows)?;
        Ok(Status::Done)
    }
}

fn shape(view: &View<'_>, entry: &Entry) -> EntryShape {
    let history = view.history();
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
        retracted_by: view.struck().get(&entry.seq).map(|by| history.id_of(*by)),
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
