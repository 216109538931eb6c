//! `demarche init`: make a log.

use std::fs;

use clap::Args;

use super::beside::{Held, JournalFile};
use super::error::CliError;
use super::log_args::LogArgs;
use super::surroundings::{Machine, random};
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::EventLog;
use crate::record::note::NoteSigner;
use crate::store::sled::SledStore;
use crate::store::{Head, StoreError};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Who keeps the log, as example.org/desk; it stands in every event
    #[arg(long, value_name = "NAME")]
    origin: String,
    /// Make no signing key; one can be added later, but no earlier key will endorse it
    #[arg(long)]
    no_key: bool,
}

impl InitArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let made = make(log, &self.origin, !self.no_key)?;
        terminal.line(format!("made the log {} in {}", self.origin, log.shown()))?;
        if let Some(known) = made.keys().in_use().next() {
            terminal.line(format!("its checkpoints are signed by {}", known.key))?;
            terminal.faint("publish that key, so that others can check what you hand out")?;
            let path = log.key_path(Held::Current);
            terminal
                .faint(format!("keep a copy of {} where only you can read it", path.display()))?;
        }
        terminal.faint(format!("next: demarche append FILE.jsonl --log {}", log.quoted()))?;
        Ok(Status::Done)
    }
}

/// Makes a log with its genesis, its journal, and a key if it is to have one.
pub(crate) fn make(
    log: &LogArgs,
    origin: &str,
    with_key: bool,
) -> Result<EventLog<SledStore>, CliError> {
    // An origin that cannot be is refused before anything is made.
    crate::event_log::check_origin(origin)?;
    log.refuse_to_make_in_backup()?;
    if !log.is_free("demarche init")? {
        return Err(StoreError::AlreadyThere { path: log.directory().to_owned() }.into());
    }
    // An empty one is what an init left that could not write it.
    if let Some(bytes) = log.journal_bytes(origin)?.filter(|bytes| !bytes.is_empty()) {
        let kept = String::from_utf8_lossy(&bytes).lines().count();
        let path = log.journal_path(origin);
        return Err(CliError::refused(format!(
            "there is a journal of {origin} in {}",
            path.display()
        ))
        .detail(format!("it has {kept} lines; another log of that name was kept there"))
        .hint("give the new log another origin, or another --journal DIR"));
    }
    let held = if with_key { held_key(log, origin)? } else { None };
    let mut new_key = if with_key && held.is_none() { Some(new_key(origin)?) } else { None };
    let verifier = held.as_ref().or(new_key.as_ref()).map(NoteSigner::verifier);
    // The key is kept before anything names it; one that lies elsewhere, before anything is made.
    if let Some(key) = new_key.take_if(|_| log.key_file().is_some()) {
        log.keep_key(Held::Current, &key)?;
    }
    let store = log.make_store("demarche init", Head::EMPTY)?;
    if let Some(key) = new_key {
        log.keep_key(Held::Current, &key)?;
    }
    let made = EventLog::create(store, origin, verifier.as_ref(), &mut Machine)?;
    if let Err(error) = JournalFile::open(log, &made) {
        // A log without its journal is half a log, and half a log is none: the same command can be given again.
        let _ = made.into_store().take_away();
        let _ = fs::remove_file(log.journal_path(origin));
        return Err(error);
    }
    Ok(made)
}

/// The key that lies where this log's is to lie.
fn held_key(log: &LogArgs, origin: &str) -> Result<Option<NoteSigner>, CliError> {
    let path = log.key_path(Held::Current);
    match log.signer(Held::Current)? {
        Some(signer) if signer.verifier().name() == origin => Ok(Some(signer)),
        Some(signer) => Err(CliError::refused(format!(
            "the key in {} is for {}, not for {origin}",
            path.display(),
            signer.verifier().name()
        ))
        .hint("name another file with --key FILE; a new key is made where there is none")),
        None => Ok(None),
    }
}

/// A new key for a log.
pub(crate) fn new_key(origin: &str) -> Result<NoteSigner, CliError> {
    // What can be an origin can be the name of a key.
    NoteSigner::from_seed(origin, &random()).map_err(|error| CliError::refused(error.to_string()))
}
