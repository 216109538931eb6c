//! `demarche demo`: the shipped log, through the same path as anybody's.

use clap::Args;

use super::clock_args::Asked;
use super::error::CliError;
use super::log_args::LogArgs;
use super::surroundings::Machine;
use super::terminal::Terminal;
use super::{Outcome, append, init, measures, positions, verify};
use crate::event_log::{AppendOptions, FileError, FoldedLog, SourceFiles};
use crate::replay::View;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {}

/// The origin of the demonstration's log.
const ORIGIN: &str = "demarche.example/demo";
/// The shipped chronicle and the files that it names; they travel within the program.
const CHRONICLE: &str = include_str!("../../log/chronicle.jsonl");
const SOURCES: &[(&str, &str)] =
    &[("sources/2025-05-01-digest.txt", include_str!("../../log/sources/2025-05-01-digest.txt"))];
/// The days that the tour asks about, and what to see on each.
const DAYS: &[(&str, &str)] = &[
    ("2025-04-22", "the day of the attack: nothing is in force yet"),
    ("2025-04-23", "India has announced three measures; Pakistan's two bear no date in the report"),
    ("2025-04-24", "so a day later they are still unknown, not guessed"),
    ("2025-05-01", "by the day of the report all five are in force"),
];

impl DemoArgs {
    #[expect(clippy::unused_self, reason = "every subcommand runs the same way")]
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        args.refuse_backup()?;
        terminal.heading(format!("1. Append the shipped chronicle to {}", args.shown()))?;
        let mut log = if args.exists() {
            let log = args.open_folded("demarche demo", terminal)?;
            if log.origin() != ORIGIN {
                return Err(CliError::refused(format!(
                    "the log in {} is {}, not the demonstration's",
                    args.shown(),
                    log.origin()
                ))
                .hint("keep the tour apart from your own log: demarche demo --log DIR"));
            }
            log
        } else {
            FoldedLog::of(init::make(args, ORIGIN, true)?, &mut |_| {})?
        };
        let submissions = append::submissions(CHRONICLE.as_bytes())?;
        let options = AppendOptions::default();
        let appended = log
            .append(submissions, options, &mut Shipped, &mut Machine)
            .map_err(|error| append::refused(error, options))?;
        append::print(&appended, &log, terminal)?;

        terminal.line("")?;
        terminal.heading("2. Verify it, from the stored bytes")?;
        let against = verify::against_journal(args, log.origin())?;
        let status = verify::report_on_store(log.store(), &against, terminal, false)?;

        terminal.line("")?;
        terminal.heading("3. Replay it to four days")?;
        for (day, what) in DAYS {
            let asked = Asked::on(day)?;
            let view = View::of(log.history(), asked.clocks);
            terminal.line("")?;
            terminal.line(format!("{day}: {what}"))?;
            measures::print(&view, terminal)?;
        }
        let (last, _) = DAYS[DAYS.len() - 1];
        let asked = Asked::on(last)?;
        let view = View::of(log.history(), asked.clocks);
        terminal.line("")?;
        terminal.heading(format!("4. Who held which position on {last}, and on whose word"))?;
        positions::print(&view, terminal)?;

        terminal.line("")?;
        terminal.heading("Go on")?;
        let flag =
            if args.shown() == "log" { String::new() } else { format!(" --log {}", args.quoted()) };
        for (command, what) in [
            ("measures --to 2025-04-24", "the evidence behind each answer"),
            ("show sharif-rejects-link", "one event, whole"),
            ("timeline --to 2025-05-01", "what happened, in order"),
            ("checkpoint", "sign what the log holds, for others to keep"),
            ("append statement --help", "record something yourself"),
        ] {
            terminal.line(format!("  demarche {command}{flag}"))?;
            terminal.faint(format!("      {what}"))?;
        }
        Ok(status)
    }
}

/// The files within the program.
struct Shipped;

impl SourceFiles for Shipped {
    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        let found = SOURCES.iter().find(|(known, _)| *known == name);
        match found {
            Some((_, text)) => Ok(text.as_bytes().to_vec()),
            None => Err(FileError::NotFound {
                name: name.to_owned(),
                looked_in: "the program itself".to_owned(),
            }),
        }
    }
}
