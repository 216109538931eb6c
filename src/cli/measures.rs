//! `demarche measures`: what was in force on a date, and on what evidence.

use std::collections::BTreeMap;
use std::io;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::ClockArgs;
use super::gantt;
use super::log_args::LogArgs;
use super::replay::{introduce, print_anomalies};
use super::shapes::{AnomalyShape, MeasureShape, Question, anomaly_shapes, measure_shapes};
use super::terminal::Terminal;
use super::words::{names_of, outcome_words, shown, standing, title_of, words};
use super::{Outcome, Status};
use crate::replay::measures::{EffectDate, Flag, MeasureAnswer, Possibility, Status as Stands};
use crate::replay::{View, measures};

#[derive(Debug, Args)]
pub(crate) struct MeasuresArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    /// Draw the life of every measure from --from to --to, a row each
    #[arg(long, requires = "from")]
    gantt: bool,
    /// The first day of the drawing
    #[arg(long, value_name = "DATE", requires = "gantt")]
    from: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// What `measures` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MeasuresShape {
    #[serde(flatten)]
    question: Question,
    measures: Vec<MeasureShape>,
    anomalies: Vec<AnomalyShape>,
}

impl MeasuresArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open_folded("demarche measures", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        if let Some(from) = &self.from {
            return gantt::run(from, &asked, &log, &view, self.json, terminal);
        }
        if self.json {
            terminal.json(&MeasuresShape {
                question: Question::new(&asked, &log, view.left_out()),
                measures: measure_shapes(&view),
                anomalies: anomaly_shapes(&view),
            })?;
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
    print_table(view, &measures(view), terminal)
}

/// The same, and below it each flag with the measures that have it.
pub(crate) fn print_with_flags(view: &View<'_>, terminal: &mut Terminal) -> io::Result<()> {
    let answers = measures(view);
    print_table(view, &answers, terminal)?;
    let mut flagged: BTreeMap<Flag, Vec<&str>> = BTreeMap::new();
    for answer in &answers {
        for flag in &answer.flags {
            flagged.entry(*flag).or_default().push(&answer.measure);
        }
    }
    for (flag, measures) in flagged {
        let line = format!("  {}: {}", words(flag.as_str()), measures.join(", "));
        terminal.faint(shown(&line))?;
    }
    Ok(())
}

fn print_table(
    view: &View<'_>,
    answers: &[MeasureAnswer],
    terminal: &mut Terminal,
) -> io::Result<()> {
    if answers.is_empty() {
        return terminal.faint("  no measure: nothing has been threatened, announced or imposed");
    }
    let rows: Vec<_> = answers.iter().map(|answer| row(view, answer)).collect();
    terminal.table(&["measure", "status", "since", "by → against", "type"], &[0, 2], &rows)
}

fn row(view: &View<'_>, answer: &MeasureAnswer) -> Vec<String> {
    let parties = match (answer.by.is_empty(), answer.against.is_empty()) {
        (true, true) => String::new(),
        (_, true) => names_of(view, &answer.by),
        _ => format!("{} → {}", names_of(view, &answer.by), names_of(view, &answer.against)),
    };
    let kind = answer.kind.as_ref().map(|kind| words(kind.as_str())).unwrap_or_default();
    let since = answer.since.clone().unwrap_or_else(|| "?".to_owned());
    vec![answer.measure.clone(), standing(Some(answer)), since, parties, kind]
}

fn print_evidence(
    view: &View<'_>,
    answer: &MeasureAnswer,
    terminal: &mut Terminal,
) -> io::Result<()> {
    terminal.line("")?;
    terminal.heading(&answer.measure)?;
    print_terms(answer, terminal)?;
    print_reason(answer, terminal)?;
    for evidence in &answer.evidence {
        let history = view.history();
        let event = history.seq_of(&evidence.event).and_then(|seq| history.entry(seq)?.event());
        let summary = event.and_then(super::list::summary).unwrap_or_default();
        terminal.line(format!("  {}: {}", evidence.event, shown(&summary)))?;
        for cite in &evidence.cites {
            let source = title_of(view, &cite.source);
            match &cite.quote {
                Some(quote) => {
                    terminal.faint(format!("      {}: “{}”", shown(&source), shown(quote)))?;
                }
                None => terminal.faint(format!("      {}", shown(&source)))?,
            }
        }
    }
    Ok(())
}

/// What the measure covers, when it takes effect and ends, what it answers.
pub(crate) fn print_terms(answer: &MeasureAnswer, terminal: &mut Terminal) -> io::Result<()> {
    let mut line = |name: &str, value: &str| terminal.line(format!("  {name}: {}", shown(value)));
    if let Some(scope) = &answer.scope {
        line("scope", scope)?;
    }
    match answer.scope_outcomes.as_slice() {
        [] => {}
        [only] => line("scope not known, it may be", only)?,
        several => line("scope not known, one of", &several.join(" / "))?,
    }
    if let Some(scope) = &answer.suspended_scope {
        line("suspended as to", scope)?;
    }
    match &answer.effect_date {
        Some(EffectDate::NotStated) => {
            line("takes effect", "not stated; it counts from its announcement")?;
        }
        Some(EffectDate::Stated(date)) => line("takes effect", date)?,
        None => {}
    }
    if let Some(until) = &answer.until {
        line("stated end", until)?;
    }
    if let Some(by) = &answer.superseded_by {
        line("superseded by", by)?;
    }
    if !answer.responds_to.is_empty() {
        line("answers", &answer.responds_to.join(", "))?;
    }
    if !answer.answered_by.is_empty() {
        line("answered by", &answer.answered_by.join(", "))?;
    }
    if !answer.flags.is_empty() {
        let flags: Vec<_> = answer.flags.iter().map(|flag| words(flag.as_str())).collect();
        line("note", &flags.join(", "))?;
    }
    Ok(())
}

/// Why the status is unknown, with the events behind each outcome; nothing if it is known.
pub(crate) fn print_reason(answer: &MeasureAnswer, terminal: &mut Terminal) -> io::Result<()> {
    let Some(reason) = answer.reason else { return Ok(()) };
    terminal.line(format!("  unknown because: {}", words(reason.as_str())))?;
    for way in &answer.possible {
        terminal.line(format!("    {}", outcome(way)))?;
    }
    Ok(())
}

/// One possible outcome, and by what.
fn outcome(way: &Possibility) -> String {
    let events = way.because.join(", ");
    match (way.status, way.by_stated_end) {
        (Stands::None, _) => format!("not yet, if none of these has happened: {events}"),
        (status, true) => {
            format!("{}, if the stated end was kept: {events}", outcome_words(status))
        }
        (status, false) => format!("{}, by {events}", outcome_words(status)),
    }
}
