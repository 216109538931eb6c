//! `demarche measures`: what was in force on a date, and on what evidence.

use std::io;

use clap::Args;

use super::clock_args::ClockArgs;
use super::log_args::LogArgs;
use super::replay::{introduce, print_anomalies};
use super::shapes::{Answer, Parts};
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::replay::measures::{EffectDate, MeasureAnswer, Status as Stands};
use crate::replay::{View, measures};

#[derive(Debug, Args)]
pub(crate) struct MeasuresArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl MeasuresArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open("demarche measures", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        if self.json {
            terminal.json(&Answer::new(&asked, &log, &view, Parts::Measures))?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        print(&view, terminal)?;
        for answer in measures(&view) {
            print_evidence(&view, &answer, terminal)?;
        }
        print_anomalies(&view, terminal)?;
        Ok(Status::Done)
    }
}

/// The measures as a table.
pub(crate) fn print(view: &View<'_>, terminal: &mut Terminal) -> io::Result<()> {
    let answers = measures(view);
    if answers.is_empty() {
        return terminal.faint("  no measure: nothing has been threatened, announced or imposed");
    }
    let rows: Vec<_> = answers.iter().map(|answer| row(view, answer)).collect();
    terminal.table(&["measure", "status", "since", "by → against", "type"], &[0, 2], &rows)
}

fn row(view: &View<'_>, answer: &MeasureAnswer) -> Vec<String> {
    let status = match answer.status {
        Stands::Unknown => {
            let outcomes = answer.outcomes.iter().map(|outcome| match outcome {
                Stands::None => "not yet".to_owned(),
                other => words(other.as_str()),
            });
            format!("unknown: {}", outcomes.collect::<Vec<_>>().join(" or "))
        }
        known => words(known.as_str()),
    };
    let names = |actors: &[String]| {
        actors.iter().map(|actor| name_of(view, actor)).collect::<Vec<_>>().join(", ")
    };
    let parties = match (answer.by.is_empty(), answer.against.is_empty()) {
        (true, true) => String::new(),
        (_, true) => names(&answer.by),
        _ => format!("{} → {}", names(&answer.by), names(&answer.against)),
    };
    let kind = answer.kind.as_ref().map(|kind| words(kind.as_str())).unwrap_or_default();
    let since = answer.since.clone().unwrap_or_else(|| "?".to_owned());
    vec![answer.measure.clone(), status, since, parties, kind]
}

fn print_evidence(
    view: &View<'_>,
    answer: &MeasureAnswer,
    terminal: &mut Terminal,
) -> io::Result<()> {
    terminal.line("")?;
    terminal.heading(&answer.measure)?;
    if let Some(scope) = &answer.scope {
        terminal.line(format!("  scope: {}", shown(scope)))?;
    }
    match &answer.effect_date {
        Some(EffectDate::NotStated) => {
            terminal.line("  takes effect: not stated; it counts from its announcement")?;
        }
        Some(EffectDate::Stated(date)) => terminal.line(format!("  takes effect: {date}"))?,
        None => {}
    }
    if let Some(until) = &answer.until {
        terminal.line(format!("  stated end: {until}"))?;
    }
    if let Some(reason) = answer.reason {
        terminal.line(format!("  unknown because: {}", words(reason.as_str())))?;
    }
    if !answer.flags.is_empty() {
        let flags: Vec<_> = answer.flags.iter().map(|flag| words(flag.as_str())).collect();
        terminal.line(format!("  note: {}", flags.join(", ")))?;
    }
    for evidence in &answer.evidence {
        let summary = view.fact_by_id(&evidence.event).and_then(|fact| fact.event.summary.clone());
        terminal.line(format!("  {}: {}", evidence.event, shown(&summary.unwrap_or_default())))?;
        for cite in &evidence.cites {
            match &cite.quote {
                Some(quote) => {
                    terminal.faint(format!("      {}: “{}”", cite.source, shown(quote)))?;
                }
                None => terminal.faint(format!("      {}", cite.source))?,
            }
        }
    }
    Ok(())
}

/// The name of an actor, or its id.
pub(crate) fn name_of(view: &View<'_>, actor: &str) -> String {
    use crate::model::event::Body;
    match view.fact_by_id(actor).map(|fact| &fact.event.body) {
        Some(Body::Actor(known)) => known.name.clone().unwrap_or_else(|| actor.to_owned()),
        Some(Body::Source(source)) => source.title.clone().unwrap_or_else(|| actor.to_owned()),
        _ => actor.to_owned(),
    }
}

/// A term as words.
pub(crate) fn words(term: &str) -> String {
    term.replace('_', " ")
}

/// Text from the log, fit to be shown.
pub(crate) fn shown(text: &str) -> String {
    crate::model::text::visible(text).into_owned()
}
