//! `demarche timeline`: what happened, in the order of its dates.

use clap::Args;
use serde::Serialize;

use super::clock_args::ClockArgs;
use super::log_args::LogArgs;
use super::measures::name_of;
use super::replay::introduce;
use super::shapes::{CiteShape, Question};
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::model::event::Body;
use crate::replay::{TimelineItem, View, timeline};

#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct TimelineShape {
    #[serde(flatten)]
    question: Question,
    timeline: Vec<ItemShape>,
}

#[derive(Serialize)]
struct ItemShape {
    event: String,
    seq: u64,
    kind: &'static str,
    when: Option<String>,
    may_not_have_happened: bool,
    actors: Vec<String>,
    topic: Option<String>,
    summary: Option<String>,
    cites: Vec<CiteShape>,
}

impl TimelineArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open("demarche timeline", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        let items = timeline(&view);
        if self.json {
            let shape = TimelineShape {
                question: Question::new(&asked, &log, view.left_out()),
                timeline: items.iter().map(|item| shape(&view, item)).collect(),
            };
            terminal.json(&shape)?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        let rows: Vec<_> = items.iter().map(|item| row(&view, item)).collect();
        terminal.table(&["when", "kind", "who", "what"], &[0, 1], &rows)?;
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
        topic: event.topic.clone(),
        summary: event.summary.clone(),
        cites: view.cites(item.fact).iter().map(CiteShape::from).collect(),
    }
}

fn row(view: &View<'_>, item: &TimelineItem<'_>) -> Vec<String> {
    let event = &item.fact.event;
    let when = item.when.clone().unwrap_or_else(|| "?".to_owned());
    let kind = match &event.body {
        Body::Measure(step) => step.op.to_string(),
        _ => event.kind().name().to_owned(),
    };
    let who = actors(&event.body).iter().map(|actor| name_of(view, actor));
    let id = view.history().id_of(item.fact.seq);
    let what = format!("{} ({id})", event.summary.clone().unwrap_or_default());
    let may = if item.may { "\n(may be later)" } else { "" };
    vec![format!("{when}{may}"), kind, who.collect::<Vec<_>>().join(", "), what]
}

fn actors(body: &Body) -> &[String] {
    match body {
        Body::Statement(statement) => &statement.by,
        Body::Measure(step) => &step.by,
        Body::Contact(contact) => &contact.participants,
        _ => &[],
    }
}
