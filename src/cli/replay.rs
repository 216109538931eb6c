//! `demarche replay`: the world on a date.

use clap::Args;

use super::clock_args::{Asked, ClockArgs};
use super::log_args::LogArgs;
use super::shapes::{Answer, Parts};
use super::terminal::Terminal;
use super::{Outcome, Status, measures, positions};
use crate::event_log::EventLog;
use crate::replay::{View, anomalies};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl ReplayArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open("demarche replay", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        if self.json {
            terminal.json(&Answer::new(&asked, &log, &view, Parts::All))?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        terminal.heading("Measures")?;
        measures::print(&view, terminal)?;
        terminal.line("")?;
        terminal.heading("Positions")?;
        positions::print(&view, false, terminal)?;
        print_anomalies(&view, terminal)?;
        Ok(Status::Done)
    }
}

/// What was asked, of which log, and what the question leaves out.
pub(crate) fn introduce(
    asked: &Asked,
    log: &EventLog<impl Store>,
    view: &View<'_>,
    terminal: &mut Terminal,
) -> std::io::Result<()> {
    terminal.heading(asked.in_words())?;
    let head = log.head();
    let link = crate::record::link::Link(head.link).short();
    terminal.faint(format!("{} · {} events · link {link}", log.origin(), head.size))?;
    let left_out = view.left_out();
    if left_out.no_reported_time > 0 {
        terminal.faint(format!(
            "{} events left out: they cite nothing whose date of publication is known",
            left_out.no_reported_time
        ))?;
    }
    if left_out.reported_later > 0 {
        terminal.faint(format!("{} events left out: reported later", left_out.reported_later))?;
    }
    terminal.line("")
}

/// What cannot be right in history; nothing if there is nothing.
pub(crate) fn print_anomalies(view: &View<'_>, terminal: &mut Terminal) -> std::io::Result<()> {
    let found = anomalies(view);
    if found.is_empty() {
        return Ok(());
    }
    terminal.line("")?;
    terminal.heading("Anomalies")?;
    let rows: Vec<_> = found
        .into_iter()
        .map(|anomaly| {
            let measure = anomaly.measure.unwrap_or_default();
            vec![anomaly.code.about().to_owned(), measure, anomaly.events.join(", ")]
        })
        .collect();
    terminal.table(&["what", "measure", "events"], &[1], &rows)
}
