//! `demarche append`: one event from flags, or many from JSON lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::CliError;
use super::event_args::submission;
use super::files::DiskFiles;
use super::hints;
use super::log_args::LogArgs;
use super::surroundings::Machine;
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::{AppendError, AppendOptions, Appended, InputError, Refusal, Submission};
use crate::model::limits::LINE_BYTES_MAX;

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

impl AppendArgs {
    pub(crate) fn run(
        self,
        log: &LogArgs,
        of_kind: Option<(&str, &ArgMatches)>,
        terminal: &mut Terminal,
    ) -> Outcome {
        let (submissions, mut files) = match (of_kind, &self.file) {
            (Some((kind, matches)), None) => (vec![submission(kind, matches)?], DiskFiles::here()),
            (None, Some(file)) if file == Path::new("-") => {
                (read_lines(&mut io::stdin().lock())?, DiskFiles::here())
            }
            (None, Some(file)) => {
                let open = File::open(file).map_err(|error| cannot_read(file, &error))?;
                if open.metadata()?.is_dir() {
                    let error = io::Error::from(io::ErrorKind::IsADirectory);
                    return Err(cannot_read(file, &error));
                }
                (read_lines(&mut BufReader::new(open))?, DiskFiles::beside(file))
            }
            (Some(_), Some(_)) => {
                return Err(CliError::refused("both a file and a kind of event are given"));
            }
            (None, None) => {
                return Err(CliError::refused("there is nothing to append")
                    .hint("name a file of JSON lines, or -, or a kind of event: demarche append statement --help"));
            }
        };
        let mut log = log.open("demarche append", terminal)?;
        let options = AppendOptions { declare: self.declare, keep_going: self.keep_going };
        let appended = log
            .append(submissions, options, &mut files, &mut Machine)
            .map_err(|error| refused(error, options))?;
        self.report(&appended, terminal)
    }

    fn report(&self, appended: &Appended, terminal: &mut Terminal) -> Outcome {
        if let Some((clock, used)) = &appended.clock_went_back {
            terminal.warn(format!(
                "the clock says {clock}, but the log's last event was recorded at {used}; that time was recorded"
            ))?;
        }
        for refusal in &appended.left_out {
            for line in hints::describe(refusal) {
                terminal.warn(format!("left out: {line}"))?;
            }
        }
        if self.json {
            for outcome in &appended.outcomes {
                terminal.json_line(&AppendedShape {
                    id: &outcome.id,
                    seq: outcome.seq,
                    link: outcome.link.to_string(),
                    already_there: outcome.already_there,
                })?;
            }
            return Ok(Status::Done);
        }
        print(appended, terminal)?;
        Ok(Status::Done)
    }
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
pub(crate) fn print(appended: &Appended, terminal: &mut Terminal) -> io::Result<()> {
    let new: Vec<_> = appended.outcomes.iter().filter(|outcome| !outcome.already_there).collect();
    let there = appended.outcomes.len() - new.len();
    if let [only] = appended.outcomes.as_slice() {
        let verb = if only.already_there { "already there:" } else { "appended" };
        terminal.line(format!("{verb} {} {} as event {}", only.kind, only.id, only.seq))?;
    } else {
        for made in new.iter().filter(|outcome| outcome.declared) {
            terminal.line(format!("declared {} {}", made.kind, made.id))?;
        }
        let events = |count: usize| {
            if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
        };
        let mut line = match (new.first(), new.last()) {
            (Some(first), Some(last)) => {
                format!("appended {}, numbers {} to {}", events(new.len()), first.seq, last.seq)
            }
            _ => "nothing new: the log is unchanged".to_owned(),
        };
        if there > 0 {
            line.push_str(&format!("; {} already there", events(there)));
        }
        if !appended.left_out.is_empty() {
            line.push_str(&format!("; {} left out", events(appended.left_out.len())));
        }
        terminal.line(line)?;
    }
    let link = crate::record::link::Link(appended.head.link);
    terminal.faint(format!("head: {} events, link {link}", appended.head.size))
}

/// The lines of an input, blank ones left out; a byte order mark before the first is none of it.
pub(crate) fn read_lines(input: &mut dyn BufRead) -> Result<Vec<Submission>, CliError> {
    let mut submissions = Vec::new();
    let mut number = 0;
    loop {
        let mut line = Vec::new();
        let most = LINE_BYTES_MAX as u64 + 2;
        if (&mut *input).take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(submissions);
        }
        number += 1;
        if line.len() as u64 == most && line.last() != Some(&b'\n') {
            skip_line(input)?;
        }
        let mut text = line.strip_suffix(b"\n").unwrap_or(&line);
        text = text.strip_suffix(b"\r").unwrap_or(text);
        if number == 1 {
            text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        }
        if text.len() > LINE_BYTES_MAX {
            let event = Err(InputError::LineTooLong { most: LINE_BYTES_MAX });
            submissions.push(Submission { line: Some(number), event });
        } else if !text.trim_ascii().is_empty() {
            submissions.push(Submission::read(number, text));
        }
    }
}

fn skip_line(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(used);
        if ended {
            return Ok(());
        }
    }
}

fn cannot_read(file: &Path, error: &io::Error) -> CliError {
    let refused = CliError::refused(format!("{} cannot be read: {error}", file.display()));
    let name = file.to_string_lossy();
    let kinds = crate::model::schema::KINDS.iter().map(|spec| spec.name);
    match crate::model::near::nearest(&name, kinds, 1).first() {
        Some(kind) => refused.hint(format!("did you mean the kind of event {kind}?")),
        None => refused,
    }
}

/// What was refused, as an error.
pub(crate) fn refused(error: AppendError, options: AppendOptions) -> CliError {
    let refusals = match error {
        AppendError::Refused(refusals) => refusals,
        AppendError::Store(error) => return error.into(),
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
    error.hints.extend(hints::for_refusals(&refusals));
    if refusals.iter().any(|refusal: &Refusal| refusal.line.is_some()) && !options.keep_going {
        error.hints.push(
            "one file is all or nothing; to append the rest and leave these out: --keep-going"
                .to_owned(),
        );
    }
    error
}
