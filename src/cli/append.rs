//! `demarche append`: one event from flags, or many from JSON lines.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::CliError;
use super::event_args::submission;
use super::files::{self, DiskFiles};
use super::hints;
use super::input::{FileLines, InputLines, NotSpooled, spooled};
use super::log_args::LogArgs;
use super::surroundings::{Machine, warn_of_clock};
use super::terminal::Terminal;
use super::words::retracted;
use super::{Outcome, Status};
use crate::event_log::{
    AppendError, AppendOptions, Appended, EventLog, Input, Refusal, Submission,
};
use crate::model::calendar::{Instant, Zone};
use crate::model::limits::REFUSED_LINES_MAX;
use crate::replay::{Clocks, View};
use crate::store::Store;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = false,
    subcommand_value_name = "KIND",
    subcommand_help_heading = "Kinds of event, each with its own flags",
    override_usage = "demarche append FILE.jsonl\n       demarche append -\n       demarche append KIND --FIELD VALUE ..."
)]
pub(crate) struct AppendArgs {
    /// A file with one JSON object a line; - for standard input
    file: Option<PathBuf>,
    /// Make actors and topics that are referred to and do not exist
    #[arg(long, global = true)]
    declare: bool,
    /// Append what can be appended and say what was left out, rather than nothing
    #[arg(long, global = true)]
    keep_going: bool,
    /// Print one JSON object an event: id, seq, link
    #[arg(long, global = true)]
    json: bool,
}

/// How many refusals are shown before the rest are only counted.
const REFUSALS_SHOWN: usize = 20;
/// The same of events that are there already and were taken back.
const TAKEN_BACK_SHOWN: usize = 20;

impl AppendArgs {
    pub(crate) fn run(
        self,
        args: &LogArgs,
        of_kind: Option<(&str, &ArgMatches)>,
        terminal: &mut Terminal,
    ) -> Outcome {
        args.refuse_backup()?;
        let options = AppendOptions { declare: self.declare, keep_going: self.keep_going };
        let (appended, mut log) = match (of_kind, &self.file) {
            (Some((kind, matches)), None) => {
                let submissions = vec![submission(kind, matches)?];
                let mut log = args.open("demarche append", terminal)?;
                let files = &mut DiskFiles::of_flags().without(args.own_paths(log.origin()));
                (log.append(submissions, options, files, &mut Machine), log)
            }
            (None, Some(file)) if file == Path::new("-") => {
                let mut input =
                    InputLines::new(spooled(&mut io::stdin().lock()).map_err(not_spooled)?);
                let mut log = args.open("demarche append", terminal)?;
                let files = &mut DiskFiles::here().without(args.own_paths(log.origin()));
                (log.append_lines(&mut input, options, files, &mut Machine), log)
            }
            (None, Some(file)) => {
                let open = File::open(file).map_err(|error| cannot_read(file, &error))?;
                if open.metadata()?.is_dir() {
                    let error = io::Error::from(io::ErrorKind::IsADirectory);
                    return Err(cannot_read(file, &error));
                }
                // A pipe is read once, as standard input is, and before the log is kept from others.
                let mut input: Box<dyn Input> = if open.metadata()?.is_file() {
                    Box::new(FileLines::new(open)?)
                } else {
                    let spool = spooled(&mut BufReader::new(open)).map_err(not_spooled)?;
                    Box::new(InputLines::new(spool))
                };
                let mut log = args.open("demarche append", terminal)?;
                let files = &mut DiskFiles::beside(file).without(args.own_paths(log.origin()));
                (log.append_lines(&mut *input, options, files, &mut Machine), log)
            }
            (Some(_), Some(_)) => {
                return Err(CliError::refused("both a file and a kind of event are given"));
            }
            (None, None) => {
                return Err(CliError::refused("there is nothing to append")
                    .hint("name a file of JSON lines, or -, or a kind of event: demarche append statement --help"));
            }
        };
        let appended = appended.map_err(|error| refused(error, options))?;
        self.report(&appended, &mut log, terminal)
    }

    fn report(
        &self,
        appended: &Appended,
        log: &mut EventLog<impl Store>,
        terminal: &mut Terminal,
    ) -> Outcome {
        warn_of_clock(appended.clock_went_back, terminal);
        for refusal in &appended.left_out {
            for line in hints::describe(refusal) {
                terminal.warn(format!("left out: {line}"));
            }
        }
        warn_of_taken_back(appended, log, terminal)?;
        if self.json {
            let mut result = Ok(());
            log.outcomes(appended, &mut |outcome| {
                if result.is_ok() {
                    result = terminal.json_line(&AppendedShape {
                        id: &outcome.id,
                        seq: outcome.seq,
                        link: outcome.link.to_string(),
                        already_there: outcome.already_there,
                    });
                }
            })?;
            result?;
            return Ok(Status::Done);
        }
        print(appended, log, terminal)?;
        Ok(Status::Done)
    }
}

/// Says which of the events that are there already were taken back: whoever appends them again means them to count.
fn warn_of_taken_back(
    appended: &Appended,
    log: &mut EventLog<impl Store>,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    if appended.already_there() == 0 {
        return Ok(());
    }
    let history = log.taken_back()?;
    let view = View::of(&history, Clocks::at(Instant::MAX, Zone::UTC));
    let there = appended.stretches.iter().filter(|stretch| stretch.already_there);
    let taken_back: BTreeMap<u64, u64> = there
        .flat_map(|stretch| view.struck().range(stretch.seq..stretch.seq + stretch.count))
        .map(|(of, by)| (*of, *by))
        .collect();
    for (of, by) in taken_back.iter().take(TAKEN_BACK_SHOWN) {
        let (id, why) = (history.id_of(*of), retracted(&view, *by));
        terminal.warn(format!("{id} is already there, and counts in no answer: {why}"));
    }
    if let Some(more) = taken_back.len().checked_sub(TAKEN_BACK_SHOWN).filter(|more| *more > 0) {
        terminal.warn(format!("and {more} more are already there, and count in no answer"));
    }
    if let Some(by) = taken_back.values().next() {
        let by = history.id_of(*by);
        terminal.hint(format!(
            "if it is to count, append it under another id, or retract the retraction: append retraction --of {by} --by recorder"
        ));
    }
    Ok(())
}

/// What `append` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AppendedShape<'a> {
    id: &'a str,
    seq: u64,
    link: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    already_there: bool,
}

/// Prints what came of an append, for people.
pub(crate) fn print(
    appended: &Appended,
    log: &EventLog<impl Store>,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    let (new, there) = (appended.written(), appended.already_there());
    if new + there == 1 {
        let mut lines = Vec::new();
        log.outcomes(appended, &mut |only| {
            let verb = if only.already_there { "already there:" } else { "appended" };
            lines.push(format!("{verb} {} {} as event {}", only.kind, only.id, only.seq));
        })?;
        for line in lines {
            terminal.line(line)?;
        }
    } else {
        let mut declared = Vec::new();
        let made = appended.stretches.iter().filter(|stretch| stretch.declared);
        let made = Appended { stretches: made.copied().collect(), ..appended.nothing_else() };
        log.outcomes(&made, &mut |one| declared.push(format!("declared {} {}", one.kind, one.id)))?;
        for line in declared {
            terminal.line(line)?;
        }
        let events = |count: u64| {
            if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
        };
        let written = || appended.stretches.iter().filter(|stretch| !stretch.already_there);
        let mut line = match (written().next(), written().next_back()) {
            (Some(first), Some(last)) => {
                let last = last.seq + last.count - 1;
                format!("appended {}, numbers {} to {last}", events(new), first.seq)
            }
            _ => "nothing new: the log is unchanged".to_owned(),
        };
        if there > 0 {
            line.push_str(&format!("; {} already there", events(there)));
        }
        if !appended.left_out.is_empty() {
            line.push_str(&format!("; {} left out", events(appended.left_out.len() as u64)));
        }
        terminal.line(line)?;
    }
    let link = crate::record::link::Link(appended.head.link);
    Ok(terminal.faint(format!("head: {} events, link {link}", appended.head.size))?)
}

/// The events of an input that is at hand.
pub(crate) fn submissions(input: &[u8]) -> Result<Vec<Submission>, CliError> {
    let mut lines = InputLines::new(io::Cursor::new(input));
    let mut submissions = Vec::new();
    while let Some((number, line)) = lines.next_line()? {
        submissions.push(match line {
            Ok(line) => Submission::read(number, line),
            Err(error) => Submission { line: Some(number), event: Err(error) },
        });
    }
    Ok(submissions)
}

/// The kind of event that was meant where a flag is unknown because its kind is misspelt, and was taken for a file.
pub(crate) fn kind_meant(
    wrong: clap::error::ErrorKind,
    mut args: impl Iterator<Item = OsString>,
) -> Option<&'static str> {
    let name = args.find(|arg| arg == "append").and_then(|_| args.next())?;
    let is_of_a_flag = wrong == clap::error::ErrorKind::UnknownArgument;
    nearest_kind(name.to_str()?).filter(|_| is_of_a_flag)
}

/// A kind of event that is named nearly so; none if one is named so.
fn nearest_kind(name: &str) -> Option<&'static str> {
    let kinds = || crate::model::schema::KINDS.iter().map(|spec| spec.name);
    if kinds().any(|kind| kind == name) {
        return None;
    }
    crate::model::near::nearest(name, kinds(), 1).first().copied()
}

fn cannot_read(file: &Path, error: &io::Error) -> CliError {
    let refused = files::cannot_read(file, error);
    match nearest_kind(&file.to_string_lossy()) {
        Some(kind) => refused.hint(format!("did you mean the kind of event {kind}?")),
        None => refused,
    }
}

/// What is said of an input that is read once, and was not read to its end.
fn not_spooled(error: NotSpooled) -> CliError {
    match error {
        NotSpooled::Input(error) => unreadable(&error),
        NotSpooled::Spool(error) => CliError::refused(format!(
            "the input cannot be kept in {} while it is read: {error}; nothing was appended",
            std::env::temp_dir().display()
        ))
        .hint("name a place with room for temporary files: TMPDIR=DIR demarche append -"),
    }
}

fn unreadable(error: &io::Error) -> CliError {
    CliError::refused(format!("the input cannot be read: {error}; nothing was appended"))
        .hint("it is a file of JSON lines, one event a line: see docs/input.md")
}

/// What was refused, as an error.
pub(crate) fn refused(error: AppendError, options: AppendOptions) -> CliError {
    let refusals = match error {
        AppendError::Refused(refusals) => refusals,
        AppendError::Store(error) => return error.into(),
        AppendError::Clock(error) => return error.into(),
        AppendError::Input(error) => return unreadable(&error),
    };
    let count = refusals.len();
    let message = match refusals.as_slice() {
        [one] if one.line.is_none() => "the event is refused; nothing was appended".to_owned(),
        [_] => "1 line is refused; nothing was appended".to_owned(),
        _ => format!("{count} lines are refused; nothing was appended"),
    };
    let mut error = CliError::refused(message);
    for refusal in refusals.iter().take(REFUSALS_SHOWN) {
        error.details.extend(hints::describe(refusal));
    }
    if count > REFUSALS_SHOWN {
        error.details.push(format!("and {} more", count - REFUSALS_SHOWN));
    }
    if count >= REFUSED_LINES_MAX {
        let told = format!("after {REFUSED_LINES_MAX} refused lines the rest was not looked at");
        error.details.push(told);
    }
    error.hints.extend(hints::for_refusals(&refusals));
    if refusals.iter().any(|refusal: &Refusal| refusal.line.is_some()) && !options.keep_going {
        error.hints.push(
            "one file is all or nothing; to append the rest and leave these out: --keep-going"
                .to_owned(),
        );
    }
    error
}
