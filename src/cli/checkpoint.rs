//! `demarche checkpoint`: sign the size and root of the log.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::beside::{Held, JournalFile};
use super::error::CliError;
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::surroundings::{Machine, now};
use super::terminal::Terminal;
use super::{Outcome, Status, files, key};
use crate::event_log::EventLog;
use crate::event_log::checkpoints::{Rollback, SignError};
use crate::record::checkpoint::Checkpoint;
use crate::record::note::{Note, NoteSigner};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    /// Write the note to this file, too
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// What `checkpoint` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CheckpointShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    origin: String,
    size: u64,
    /// The RFC 6962 root over all headers, base64.
    root: String,
    /// The signed note, byte for byte.
    note: String,
}

impl CheckpointArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        args.refuse_backup()?;
        if let Some(path) = &self.out {
            files::must_be_new(path)?;
        }
        let log = args.open_checked("demarche checkpoint", terminal)?;
        let signers = signers(args, &log)?;
        let mut journal = journal_to_sign(args, &log, terminal)?;
        let note = sign(args, &log, &signers, &mut journal)?;
        if let Some(path) = &self.out {
            files::write_new(path, note.to_string().as_bytes()).map_err(|error| {
                error
                    .detail("it was signed, and is kept in the journal")
                    .hint("have it printed again: demarche checkpoint")
            })?;
        }
        if self.json {
            let Checkpoint { origin, size, root } = log.checkpoint();
            let (root, note) = (root.base64(), note.to_string());
            terminal.json(&CheckpointShape { v: VERSION, origin, size, root, note })?;
        } else {
            terminal.artefact(&note.to_string())?;
        }
        Ok(Status::Done)
    }
}

/// The keys that sign: those of the log's that are held. They are looked for before a journal is begun, which would hide that
/// there was none.
pub(crate) fn signers(
    args: &LogArgs,
    log: &EventLog<impl Store>,
) -> Result<Vec<NoteSigner>, CliError> {
    key::settle(args, log)?;
    let (former, current) = (args.signer(Held::Former)?, args.current_signer(log)?);
    let key = current.verifier();
    if !log.keys().is_in_use(&key) {
        return Err(refused(args, log, SignError::ForeignKey(Box::new(key))));
    }
    // During a rotation both sign.
    let former = former.filter(|signer| log.keys().is_in_use(&signer.verifier()));
    Ok(former.into_iter().chain([current]).collect())
}

/// The journal, to which the log must lead on before anything is signed, or a key is changed.
pub(crate) fn journal_to_sign(
    args: &LogArgs,
    log: &EventLog<impl Store>,
    terminal: &mut Terminal,
) -> Result<JournalFile, CliError> {
    let journal = JournalFile::open(args, log)?;
    journal.warn_if_it_begins(log.head().size, terminal);
    log.check_journal(&journal.journal).map_err(|error| refused(args, log, error))?;
    Ok(journal)
}

/// Signs a checkpoint, and keeps it in the journal.
pub(crate) fn sign(
    args: &LogArgs,
    log: &EventLog<impl Store>,
    signers: &[NoteSigner],
    journal: &mut JournalFile,
) -> Result<Note, CliError> {
    let signers: Vec<_> = signers.iter().collect();
    let signed = log.sign_checkpoint(&mut journal.journal, &signers, &mut Machine);
    let (note, line) = signed.map_err(|error| refused(args, log, error))?;
    if let Some(line) = line {
        journal.append(&line)?;
    }
    Ok(note)
}

/// What to do about a checkpoint that was not signed, or kept.
pub(crate) fn refused(args: &LogArgs, log: &EventLog<impl Store>, error: SignError) -> CliError {
    match error {
        SignError::Store(error) => error.into(),
        SignError::Clock(error) => error.into(),
        SignError::DoesNotExtend(rollback) => rolled_back(args, &rollback),
        SignError::OtherJournal { .. } => CliError::failed(error.to_string())
            .hint("event 0 was swapped, or the journal lies in the wrong place: compare with your own copies"),
        SignError::ForeignKey(_) => {
            args.advise_on_foreign(CliError::refused(error.to_string()), log)
        }
        other => CliError::refused(other.to_string()),
    }
}

/// Says what does not fit, and keeps the evidence.
fn rolled_back(args: &LogArgs, rollback: &Rollback) -> CliError {
    let Rollback { signed, now: found, root_then } = rollback;
    let kept = &signed.checkpoint;
    let what = match root_then {
        None => {
            format!("its end was cut off: {} events were signed, it has {}", kept.size, found.size)
        }
        Some(root) if *root == kept.root => format!(
            "it was rewritten: its stored tree has the root that was signed of its first {} events, and does not lead \
             from there to its headers",
            kept.size
        ),
        Some(root) => format!(
            "it was rewritten, or an old copy was restored and appended to: of its first {} events the root was {}, it \
             is {root}",
            kept.size, kept.root
        ),
    };
    let evidence = format!(
        "The log {} does not extend a checkpoint that it signed.\n{what}\n\nSigned, and kept in line {} of the \
         journal at {}:\n\n{}\nFound, not signed:\n\n{found}",
        kept.origin, signed.line, signed.at, signed.note
    );
    let error = CliError::failed(
        "the log does not extend the checkpoint that was signed last; nothing was signed",
    )
    .detail(what);
    let instant = now().to_string().replace(':', "").replace('.', "-");
    let path = args.journal_directory().join(format!("evidence-{instant}.txt"));
    let error = match files::write_private(&path, evidence.as_bytes()) {
        Ok(()) => error.detail(format!("evidence, with both: {}", path.display())),
        Err(failed) => {
            error.detail(format!("no evidence could be written to {}: {failed}", path.display()))
        }
    };
    error
        .hint("do not delete anything: find out who changed the log, and when (demarche verify)")
        .hint("if you restored an old copy yourself, restore the newest one in its place")
}

/// That there is no checkpoint, for commands that need one: `what` says which.
pub(crate) fn none_yet(args: &LogArgs, what: &str) -> CliError {
    CliError::refused(format!("no checkpoint {what}")).hint(sign_first(args))
}

/// How a checkpoint is had that there is none of. A backup signs nothing.
pub(crate) fn sign_first(args: &LogArgs) -> &'static str {
    if args.is_backup() {
        "a backup signs nothing: sign one in the log that it was made from (demarche checkpoint), and back that up again"
    } else {
        "sign one first: demarche checkpoint"
    }
}
