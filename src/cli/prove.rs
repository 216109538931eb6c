//! `demarche prove` and `demarche disclose`: the proof of an event, or of all events behind an answer, for somebody who
//! has not the log.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::checkpoint::none_yet;
use super::clock_args::ClockArgs;
use super::error::CliError;
use super::log_args::LogArgs;
use super::terminal::Terminal;
use super::{Outcome, Status, check, files, show};
use crate::event_log::prove::{self, ProveError};
use crate::event_log::{EventLog, answer_proof};
use crate::record::journal::{Entry, Journal};
use crate::record::policy::Policy;
use crate::replay::{View, rests_on};
use crate::store::Store;
use crate::store::sled::SledStore;

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// The id of an event, or @ and its number
    #[arg(required_unless_present = "for_answer", conflicts_with = "for_answer")]
    id: Option<String>,
    /// Prove every event behind the answer of a replay, each by its place under the checkpoint
    #[arg(long)]
    for_answer: bool,
    #[command(flatten)]
    clocks: ClockArgs,
    /// The file to write; standard output if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Whom the reader will trust, so that a checkpoint is chosen which suffices [default: policy, in the log's directory]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DiscloseArgs {
    /// The id of an event, or @ and its number
    id: String,
    /// The file to write; it holds the sealed part, so hand it to its reader alone
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Whom the reader will trust, so that a checkpoint is chosen which suffices [default: policy, in the log's directory]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl ProveArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let log = args.open("demarche prove", terminal)?;
        let policy = args.policy(self.policy.as_deref())?;
        let text = match &self.id {
            Some(id) => {
                let seq = show::event_of(&log, id)?;
                prove_event(args, &log, seq, policy.as_ref(), false)?
            }
            None => self.prove_answer(args, &log, policy.as_ref())?,
        };
        match &self.out {
            Some(path) => write(path, &text, terminal)?,
            None => terminal.line(text.trim_end_matches('\n'))?,
        }
        Ok(Status::Done)
    }

    fn prove_answer(
        &self,
        args: &LogArgs,
        log: &EventLog<SledStore>,
        policy: Option<&Policy>,
    ) -> Result<String, CliError> {
        let asked = self.clocks.asked()?;
        let view = View::of(log.history(), asked.clocks);
        let open = rests_on(&view);
        let journal = args.journal(log.origin(), log.genesis()?)?;
        let least = open.last().map_or(1, |last| last.saturating_add(1));
        let under = choose(log, &journal, least, policy)?
            .ok_or_else(|| none_yet("holds all the events that the answer rests on"))?;
        let (question, answer) =
            (asked.as_object(), check::to_value(&super::shapes::AnswerShape::of(&view))?);
        let mut proof = Vec::new();
        let note = (&under.note, &under.checkpoint);
        answer_proof::write_by_inclusion(log, &question, &answer, &open, note, &mut proof)?;
        // None is handed out that does not hold.
        check::check_answer(&mut proof.as_slice())?;
        String::from_utf8(proof).map_err(|_| CliError::refused("the proof is no text"))
    }
}

impl DiscloseArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let log = args.open("demarche disclose", terminal)?;
        let policy = args.policy(self.policy.as_deref())?;
        let seq = show::event_of(&log, &self.id)?;
        let sealed = log.stored(seq)?.and_then(|event| event.sealed);
        match sealed {
            Some(crate::store::Part::Present { .. }) => {}
            Some(crate::store::Part::Absent) => {
                return Err(CliError::refused(format!(
                    "the sealed part of {} is not there",
                    self.id
                ))
                .hint(
                    "it was erased, or this copy was restored from an export without sealed parts",
                ));
            }
            None => {
                return Err(CliError::refused(format!("{} has no sealed part", self.id))
                    .hint(format!("prove it as it is: demarche prove {}", self.id)));
            }
        }
        let text = prove_event(args, &log, seq, policy.as_ref(), true)?;
        write(&self.out, &text, terminal)?;
        terminal.note("it holds the sealed part: hand it to its reader alone")?;
        Ok(Status::Done)
    }
}

fn prove_event(
    args: &LogArgs,
    log: &EventLog<SledStore>,
    seq: u64,
    policy: Option<&Policy>,
    sealed: bool,
) -> Result<String, CliError> {
    let journal = args.journal(log.origin(), log.genesis()?)?;
    let under = choose(log, &journal, seq.saturating_add(1), policy)?
        .ok_or_else(|| none_yet("holds that event yet"))?;
    let bracket = policy.map(|policy| log.bracket(seq, &journal, policy)).transpose()?;
    let before = bracket
        .and_then(|bracket| bracket.after)
        .and_then(|seen| journal.entries.iter().find(|entry| entry.line == seen.line));
    let note = |entry: &'_ Entry| (entry.note.clone(), entry.checkpoint.clone());
    let before = before.map(note);
    let before = before.as_ref().map(|(note, checkpoint)| (note, checkpoint));
    let proof = log.prove(seq, (&under.note, &under.checkpoint), before, sealed)?;
    let text = proof.to_string();
    // None is handed out that does not hold.
    prove::check(&text, policy)
        .map_err(|error| CliError::failed(format!("no proof of event {seq} holds: {error}")))?;
    Ok(text)
}

/// The checkpoint to prove under, of at least so many events: the first that the policy trusts, or else the newest.
pub(crate) fn choose<'j>(
    log: &EventLog<impl Store>,
    journal: &'j Journal,
    least: u64,
    policy: Option<&Policy>,
) -> Result<Option<&'j Entry>, CliError> {
    let mut newest = None;
    for entry in journal.entries.iter().filter(|entry| entry.checkpoint.size >= least) {
        if !log.extends(&entry.checkpoint)? {
            let line = entry.line;
            return Err(CliError::failed(format!(
                "the log does not extend line {line} of its journal"
            ))
            .hint("see what was found: demarche verify"));
        }
        if policy.is_some_and(|policy| {
            policy.asks_for_witnesses() && policy.judge(&entry.note).is_trusted()
        }) {
            return Ok(Some(entry));
        }
        newest = Some(entry);
    }
    Ok(newest)
}

fn write(path: &Path, text: &str, terminal: &mut Terminal) -> Result<(), CliError> {
    files::write_new(path, |out| Ok(out.write_all(text.as_bytes())?))?;
    let path = path.display();
    terminal.note(format!(
        "wrote {path}; checked without the log by: demarche check {path} --policy FILE"
    ))?;
    Ok(())
}

impl From<ProveError> for CliError {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Store(error) => error.into(),
            other => Self::refused(other.to_string()),
        }
    }
}
