//! `demarche init`: make a log.

use clap::Args;

use super::log_args::LogArgs;
use super::surroundings::Machine;
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::EventLog;
use crate::store::sled::SledStore;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Who keeps the log, as example.org/desk; it stands in every event
    #[arg(long, value_name = "NAME")]
    origin: String,
}

impl InitArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        make(log, &self.origin)?;
        terminal.line(format!("made the log {} in {}", self.origin, log.shown()))?;
        terminal.faint(format!("next: demarche append FILE.jsonl --log {}", log.shown()))?;
        Ok(Status::Done)
    }
}

/// Makes a log with its genesis.
pub(crate) fn make(
    log: &LogArgs,
    origin: &str,
) -> Result<EventLog<SledStore>, super::error::CliError> {
    // An origin that cannot be is refused before anything is made.
    crate::event_log::check_origin(origin)?;
    let store = SledStore::create(log.directory(), "demarche init")?;
    Ok(EventLog::create(store, origin, &mut Machine)?)
}
