//! `demarche timeline`: what happened, in the order of its dates.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::ClockArgs;
use super::filter_args::{FilterArgs, unknown};
use super::log_args::LogArgs;
use super::replay::introduce;
use super::shapes::{CiteShape, Question};
use super::taken_back::TakenBackShape;
use super::terminal::{Cell, Terminal};
use super::words::names_of;
use super::{Outcome, Status, taken_back};
use crate::model::event::{Body, MeasureStep};
use crate::replay::{Entry, TimelineItem, View, timeline};

#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Show what was taken back, too
    #[arg(long)]
    history: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// What `timeline` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TimelineShape {
    #[serde(flatten)]
    question: Question,
    timeline: Vec<ItemShape>,
    /// The acts that were taken back.
    taken_back: Vec<TakenBackShape>,
}

#[derive(Serialize, JsonSchema)]
struct ItemShape {
    event: String,
    seq: u64,
    kind: &'static str,
    when: Option<String>,
    may_not_have_happened: bool,
    actors: Vec<String>,
    /// The measure, if it is a step of one.
    measure: Option<String>,
    /// What the step does, if it is a step of a measure.
    op: Option<String>,
    topic: Option<String>,
    summary: Option<String>,
    cites: Vec<CiteShape>,
}

impl TimelineArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let filter = self.filter.filter(asked.clocks.zone, Some((asked.clocks.to, &asked.to)))?;
        let log = log.open_folded("demarche timeline", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        let sieve = filter.on(&view).map_err(|error| unknown(&error, log.history()))?;
        let mut items = timeline(&view);
        items.retain(|item| {
            let entry = log.history().entry(item.fact.seq);
            entry.is_some_and(|entry| sieve.wants(entry))
        });
        let wants_taken_back = |entry: &Entry| {
            let is_act = entry.event().is_some_and(|event| event.kind().is_act());
            is_act && sieve.wants(entry)
        };
        if self.json {
            let shape = TimelineShape {
                question: Question::new(&asked, &log, view.left_out()),
                timeline: items.iter().map(|item| shape(&view, item)).collect(),
                taken_back: taken_back::shapes(&view, wants_taken_back),
            };
            terminal.json(&shape)?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        if items.is_empty() {
            terminal.faint("  nothing that was asked for has happened by then")?;
        }
        let rows: Vec<_> = items.iter().map(|item| row(&view, item)).collect();
        if !rows.is_empty() {
            terminal.table_of_lines(&["when", "kind", "who", "what"], &[0, 1], &rows)?;
        }
        if self.history {
            taken_back::print(&view, wants_taken_back, terminal)?;
        }
        Ok(Status::Done)
    }
}

fn shape(view: &View<'_>, item: &TimelineItem<'_>) -> ItemShape {
    let event = &item.fact.event;
    ItemShape {
        event: view.history().id_of(item.fact.seq),
        seq: item.fact.seq,
        kind: event.kind().name(),
        when: item.when.clone(),
        may_not_have_happened: item.may,
        actors: actors(&event.body).to_vec(),
        measure: step(&event.body).map(|step| step.measure.clone()),
        op: step(&event.body).map(|step| step.op.to_string()),
        topic: event.topic.clone(),
        summary: event.summary.clone(),
        cites: view.cites(item.fact).iter().map(CiteShape::from).collect(),
    }
}

fn row(view: &View<'_>, item: &TimelineItem<'_>) -> Vec<Cell> {
    let event = &item.fact.event;
    let mut when = vec![item.when.clone().unwrap_or_else(|| "?".to_owned())];
    if item.may {
        when.push("(may be later)".to_owned());
    }
    let kind = match step(&event.body) {
        Some(step) => step.op.to_string(),
        None => event.kind().name().to_owned(),
    };
    let id = view.history().id_of(item.fact.seq);
    let what = format!("{} ({id})", super::list::summary(event).unwrap_or_default());
    vec![when, vec![kind], vec![names_of(view, actors(&event.body))], vec![what]]
}

fn step(body: &Body) -> Option<&MeasureStep> {
    match body {
        Body::Measure(step) => Some(step),
        _ => None,
    }
}

fn actors(body: &Body) -> &[String] {
    match body {
        Body::Statement(statement) => &statement.by,
        Body::Measure(step) => &step.by,
        Body::Contact(contact) => &contact.participants,
        _ => &[],
    }
}
