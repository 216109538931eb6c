//! `demarche replay`: the world on a date.

use std::path::{Path, PathBuf};

use clap::Args;

use super::check::{self, to_value};
use super::checkpoint::sign_first;
use super::clock_args::{Asked, ClockArgs};
use super::error::CliError;
use super::hints::quoted;
use super::log_args::LogArgs;
use super::shapes::{AnswerShape, Question, ReplayShape};
use super::terminal::Terminal;
use super::words::counted;
use super::{Outcome, Status, files, measures, positions};
use crate::event_log::{EventLog, answer_proof};
use crate::record::note::Note;
use crate::replay::{View, anomalies, rests_on};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    /// List the positions whose place later statements have taken, too
    #[arg(long)]
    history: bool,
    /// Answer from every event, rather than look up what was derived from them
    #[arg(long)]
    recompute: bool,
    /// Write the proof of the answer to this file, for `demarche check`
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl ReplayArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        // What was once held, and what an answer rests on, is known of the whole history alone.
        if self.history || self.proof.is_some() {
            let log = args.open_folded("demarche replay", terminal)?;
            let view = View::of(log.history(), asked.clocks);
            return self.answer(args, &asked, &log, &view, terminal);
        }
        let mut log = args.open("demarche replay", terminal)?;
        let history = {
            let progress = terminal.progress("replaying", None);
            let progress = &mut |done| progress.set(done);
            if self.recompute {
                log.world_from_events(asked.clocks, progress)?
            } else {
                log.world(asked.clocks, progress)?
            }
        };
        self.answer(args, &asked, &log, &View::of(&history, asked.clocks), terminal)
    }

    fn answer(
        &self,
        args: &LogArgs,
        asked: &Asked,
        log: &EventLog<impl Store>,
        view: &View<'_>,
        terminal: &mut Terminal,
    ) -> Outcome {
        if self.proof.is_some() || self.json {
            let answer = AnswerShape::of(view, self.history);
            if let Some(path) = &self.proof {
                let journal = args.journal(log)?;
                let newest =
                    journal.last().filter(|last| last.note.text() == log.checkpoint().to_string());
                let note = newest.map(|newest| &newest.note);
                prove(path, asked, log, view, &answer, note, terminal)?;
                if note.is_none() {
                    let size = log.head().size;
                    terminal.warn(format!(
                        "no signed checkpoint is of these {size} events, so nobody stands by it; {}",
                        sign_first(args)
                    ));
                }
            }
            if self.json {
                let question = Question::new(asked, log, view.left_out());
                terminal.json(&ReplayShape { question, answer })?;
                return Ok(Status::Done);
            }
        }
        introduce(asked, log, view, terminal)?;
        terminal.heading("Measures")?;
        measures::print_with_flags(view, terminal)?;
        terminal.line("")?;
        terminal.heading("Positions")?;
        positions::print_with(view, self.history, terminal)?;
        print_anomalies(view, terminal)?;
        Ok(Status::Done)
    }
}

/// Writes the proof of an answer, then checks it as anybody would, so that none is handed out that does not hold.
fn prove(
    path: &Path,
    asked: &Asked,
    log: &EventLog<impl Store>,
    view: &View<'_>,
    answer: &AnswerShape,
    note: Option<&Note>,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    let (question, answer) = (asked.as_object(), to_value(answer)?);
    let mut proof = Vec::new();
    answer_proof::write(log, &question, &answer, &rests_on(view), note, &mut proof)?;
    let (checked, _) = check::check_answer(&mut proof.as_slice())?;
    files::write_new(path, &proof)?;
    let (open, size, quoted, path) =
        (checked.open, checked.head.size, quoted(path), path.display());
    terminal.note(format!(
        "wrote {path}: {open} of {size} events open; check it without the log: demarche check {quoted}"
    ));
    if !check::is_complete(&checked, asked) {
        terminal.note(
            "events are withheld that could bear on the answer, by their kind or because others name them; check says so, too",
        );
    }
    Ok(())
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
            "{} left out, citing nothing whose date of publication is known",
            counted(left_out.no_reported_time, "event")
        ))?;
    }
    if left_out.reported_later > 0 {
        let count = counted(left_out.reported_later, "event");
        terminal.faint(format!("{count} left out: reported later"))?;
    }
    if left_out.corrections_reported_later > 0 {
        let count = match left_out.corrections_reported_later {
            1 => "1 correction or retraction".to_owned(),
            many => format!("{many} corrections and retractions"),
        };
        terminal.faint(format!("{count} left out: reported later"))?;
    }
    if left_out.recorded_later > 0 {
        let first = view.history().entry(0).map(|first| first.recorded_at.to_string());
        let count = counted(left_out.recorded_later, "event");
        let mut words = format!("{count} left out: recorded later");
        if left_out.recorded_later == head.size {
            words.push_str(&format!("; the log begins at {}", first.unwrap_or_default()));
        }
        terminal.faint(words)?;
    }
    say_absent(left_out.absent, terminal)?;
    terminal.line("")
}

/// That the content of events is not there, and may be missed.
pub(crate) fn say_absent(absent: u64, terminal: &mut Terminal) -> std::io::Result<()> {
    if absent == 0 {
        return Ok(());
    }
    let (have, they) = if absent == 1 { ("has", "it") } else { ("have", "they") };
    let events = counted(absent, "event");
    terminal.faint(format!(
        "{events} {have} no content: it was erased, or is withheld; what {they} said may have borne on this"
    ))
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
