//! `demarche prove` and `demarche disclose`: the proof of an event, or of all events behind an answer, for somebody who
//! has not the log.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::checkpoint::none_yet;
use super::clock_args::ClockArgs;
use super::error::CliError;
use super::hints::quoted;
use super::log_args::LogArgs;
use super::terminal::Terminal;
use super::{Outcome, Status, check, files, show};
use crate::event_log::prove::{self, ProveError};
use crate::event_log::{EventLog, FoldedLog, answer_proof};
use crate::record::journal::{Entry, Journal};
use crate::record::note::{Signed, VerifierKey};
use crate::record::policy::Policy;
use crate::replay::{View, rests_on};
use crate::store::Store;
use crate::store::sled::SledStore;

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// The id of an event, or @ and its number
    #[arg(required_unless_present = "for_answer", conflicts_with = "for_answer")]
    id: Option<String>,
    /// Prove every event behind the answer of a replay, each by its place under the checkpoint; shorter than
    /// `replay --proof`, and not a proof that nothing else bears on the answer
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
        let log = args.open_folded("demarche prove", terminal)?;
        let reader = Reader::new(args, self.policy.as_deref())?;
        let proof = match &self.id {
            Some(_) if !self.clocks.are_default() => {
                return Err(CliError::refused("an event is proved as it stands, at no date").hint(
                    "dates belong to the proof of an answer: demarche prove --for-answer --to DATE",
                ));
            }
            Some(id) => {
                let seq = show::event_of(&log, id)?;
                prove_event(args, &log, seq, &reader, false, terminal)?
            }
            None => self.prove_answer(args, &log, &reader, terminal)?,
        };
        match &self.out {
            Some(path) => {
                files::write_new(path, proof.text.as_bytes())?;
                wrote(path, &proof, terminal);
            }
            None => terminal.artefact(&proof.text)?,
        }
        Ok(Status::Done)
    }

    fn prove_answer(
        &self,
        args: &LogArgs,
        log: &FoldedLog<SledStore>,
        reader: &Reader<'_>,
        terminal: &mut Terminal,
    ) -> Result<Proof, CliError> {
        let asked = self.clocks.asked()?;
        let view = View::of(log.history(), asked.clocks);
        let open = rests_on(&view);
        let journal = args.journal(log)?;
        let least = open.last().map_or(1, |last| last.saturating_add(1));
        let what = "holds all the events that the answer rests on";
        let under = reader.choose(log, &journal, least, what, terminal)?;
        let (question, answer) =
            (asked.as_object(), check::to_value(&super::shapes::AnswerShape::of(&view, false))?);
        let mut proof = Vec::new();
        let note = (&under.note, &under.checkpoint);
        answer_proof::write_by_inclusion(log, &question, &answer, &open, note, &mut proof)?;
        // None is handed out that does not hold.
        check::check_answer(&mut proof.as_slice())?;
        let text = String::from_utf8(proof).map_err(io::Error::other)?;
        Ok(Proof { text, key: signer_of(log, under) })
    }
}

impl DiscloseArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let log = args.open_folded("demarche disclose", terminal)?;
        let reader = Reader::new(args, self.policy.as_deref())?;
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
        let proof = prove_event(args, &log, seq, &reader, true, terminal)?;
        files::write_new_private(&self.out, proof.text.as_bytes())?;
        wrote(&self.out, &proof, terminal);
        terminal.note("it holds the sealed part: hand it to its reader alone");
        Ok(Status::Done)
    }
}

/// A proof as a file, and the key by which it can be checked.
struct Proof {
    text: String,
    key: String,
}

/// The last of the log's keys that signed a checkpoint: of two that did so during a rotation the one that stays.
fn signer_of(log: &EventLog<impl Store>, entry: &Entry) -> String {
    let keys = log.keys().at(entry.checkpoint.size).map(|known| &known.key);
    let signed = |key: &&VerifierKey| matches!(entry.note.signed_by(key), Signed::Yes { .. });
    keys.filter(signed).last().map(ToString::to_string).unwrap_or_default()
}

fn prove_event(
    args: &LogArgs,
    log: &EventLog<SledStore>,
    seq: u64,
    reader: &Reader<'_>,
    sealed: bool,
    terminal: &mut Terminal,
) -> Result<Proof, CliError> {
    let journal = args.journal(log)?;
    let least = seq.saturating_add(1);
    let under = reader.choose(log, &journal, least, "holds that event yet", terminal)?;
    let policy = reader.policy.as_ref();
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
    Ok(Proof { text, key: signer_of(log, under) })
}

/// The checkpoint to prove under, of at least so many events: of those that the policy trusts the first, if it asks for
/// witnesses, since that tells the time best, or else the newest; where none is trusted, the newest of all.
pub(crate) fn choose<'j>(
    log: &EventLog<impl Store>,
    journal: &'j Journal,
    least: u64,
    policy: Option<&Policy>,
) -> Result<Option<Chosen<'j>>, CliError> {
    let (mut newest, mut trusted) = (None, None);
    for entry in journal.entries.iter().filter(|entry| entry.checkpoint.size >= least) {
        if !log.extends(&entry.checkpoint)? {
            let line = entry.line;
            let error =
                CliError::failed(format!("the log does not extend line {line} of its journal"));
            return Err(error.hint("see what was found: demarche verify"));
        }
        newest = Some(Chosen { entry, is_trusted: false });
        if let Some(policy) = policy.filter(|policy| policy.judge(&entry.note).is_trusted())
            && (trusted.is_none() || !policy.asks_for_witnesses())
        {
            trusted = Some(Chosen { entry, is_trusted: true });
        }
    }
    Ok(trusted.or(newest))
}

/// A checkpoint, and whether the policy trusts it.
pub(crate) struct Chosen<'j> {
    pub(crate) entry: &'j Entry,
    is_trusted: bool,
}

/// Whom the reader of a proof will trust: as was said, or as the log's own policy says.
struct Reader<'a> {
    args: &'a LogArgs,
    policy: Option<Policy>,
    /// Whether it was said, so that a proof which does not meet it is none.
    must_meet: bool,
}

impl<'a> Reader<'a> {
    fn new(args: &'a LogArgs, named: Option<&Path>) -> Result<Self, CliError> {
        Ok(Self { args, policy: args.policy(named)?, must_meet: named.is_some() })
    }

    /// The checkpoint to prove under, if there is one that will do.
    fn choose<'j>(
        &self,
        log: &EventLog<SledStore>,
        journal: &'j Journal,
        least: u64,
        what: &str,
        terminal: &mut Terminal,
    ) -> Result<&'j Entry, CliError> {
        let policy = self.policy.as_ref();
        let chosen =
            choose(log, journal, least, policy)?.ok_or_else(|| none_yet(self.args, what))?;
        if policy.is_some() && !chosen.is_trusted {
            let what = "no checkpoint that covers it is signed as the policy asks";
            if self.must_meet {
                return Err(CliError::refused(what)
                    .hint("have it cosigned: demarche witness ask")
                    .hint("a key that the policy names may have been retired: see demarche key"));
            }
            terminal.warn(format!("{what}; have it cosigned: demarche witness ask"));
        }
        Ok(chosen.entry)
    }
}

/// Says how the file is checked by whoever gets it.
fn wrote(path: &Path, proof: &Proof, terminal: &mut Terminal) {
    let (quoted, path, key) = (quoted(path), path.display(), &proof.key);
    terminal
        .note(format!("wrote {path}; whoever trusts this log's key checks it without the log:"));
    terminal.note(format!("  demarche check {quoted} --vkey {key}"));
}

impl From<ProveError> for CliError {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Store(error) => error.into(),
            other @ ProveError::NotText { .. } => {
                Self::refused(other.to_string()).hint("see what was found: demarche verify")
            }
            other => Self::refused(other.to_string()),
        }
    }
}
