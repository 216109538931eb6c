//! Which log: `--log`, or the environment, or `./log`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::error::CliError;
use super::hints::{self, quoted};
use super::manifest::refuse_links;
use super::terminal::Terminal;
use crate::event_log::{EventLog, FoldedLog};
use crate::store::sled::SledStore;
use crate::store::sled::names::STORE;
use crate::store::{Head, StoreError};

/// What is said where there is a directory like a store's, but nothing in it or beside it is like a store.
const NOT_LIKE_A_STORE: &str = "there is a directory named store, and it is not like a log's: if it was one, \
    keep it, and go on from a backup or an export: demarche restore BACKUP_DIR --log NEW_DIR";

/// What is said where a backup has no store.
const OF_A_BACKUP: &str = "it is a backup that has lost its store, and nothing is made in its place: use another backup, \
    or an export: demarche restore BACKUP_DIR --log NEW_DIR";

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The log's directory
    #[arg(
        long = "log",
        value_name = "DIR",
        env = "DEMARCHE_LOG",
        default_value = "log",
        global = true
    )]
    directory: PathBuf,
    /// How long to wait, in seconds, while another process has the log open
    #[arg(long, value_name = "SECONDS", default_value_t = WAIT, global = true)]
    wait: u16,
    /// The directory of the checkpoint journal [default: journal, in the log's directory]
    #[arg(long, value_name = "DIR", env = "DEMARCHE_JOURNAL", global = true)]
    journal: Option<PathBuf>,
    /// The file of the signing key [default: key, in the log's directory]
    #[arg(long, value_name = "FILE", env = "DEMARCHE_KEY", global = true)]
    key: Option<PathBuf>,
}

/// How long another process is waited for, in seconds, if nothing else is said.
const WAIT: u16 = 5;

impl LogArgs {
    /// The log in a directory, with all that is its own in there.
    pub(crate) fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), wait: WAIT, journal: None, key: None }
    }

    /// The same, waiting for other processes as long as another.
    pub(crate) fn waiting(self, other: &Self) -> Self {
        Self { wait: other.wait, ..self }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Is there a log in the directory?
    pub(crate) fn exists(&self) -> bool {
        SledStore::exists(&self.directory)
    }

    /// Is there no log in the directory, or only what is left of making one?
    pub(crate) fn is_free(&self, holder: &str) -> Result<bool, CliError> {
        self.refuse_no_directory()?;
        SledStore::is_unused(&self.directory, holder).map_err(cannot_make)
    }

    /// Makes the store of a log that is to be there, with all that this head has.
    pub(crate) fn make_store(&self, holder: &str, head: Head) -> Result<SledStore, CliError> {
        SledStore::create_for(&self.directory, holder, head).map_err(cannot_make)
    }

    /// Refuses what is no directory, and cannot become one: nothing in it would be at fault.
    fn refuse_no_directory(&self) -> Result<(), CliError> {
        let mut leading = self.directory.ancestors();
        let is_there = |at: &&Path| at.is_symlink() || at.exists();
        let Some(at) = leading.find(is_there).filter(|at| !at.is_dir()) else { return Ok(()) };
        let shown = at.display();
        Err(if at.exists() {
            CliError::refused(format!("{shown} is a file, not a directory"))
                .hint("a log is a directory: name that, or a new one, with --log DIR")
        } else {
            CliError::refused(format!("{shown} is a link that leads nowhere"))
                .hint("if it leads to a disk that is not mounted, mount that")
                .hint("else remove the link, or name another directory with --log DIR")
        })
    }

    /// How long to wait for another process.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.wait.into())
    }

    /// The directory that was named for the journal.
    pub(crate) fn journal_named(&self) -> Option<PathBuf> {
        self.journal.clone()
    }

    /// The file that was named for the key.
    pub(crate) fn key_file(&self) -> Option<PathBuf> {
        self.key.clone()
    }

    /// What to do where there is no log, or none any more.
    pub(crate) fn how_to_make(&self) -> String {
        let acknowledged = SledStore::acknowledged_in(&self.directory).filter(|count| *count > 0);
        if self.is_backup() {
            OF_A_BACKUP.to_owned()
        } else if self.directory.join(STORE).exists() {
            NOT_LIKE_A_STORE.to_owned()
        } else if let Some(count) = acknowledged {
            let log = self.quoted();
            format!(
                "its store is gone; put back all that was acknowledged (events: {count}): demarche restore EXPORT.jsonl --log {log}"
            )
        } else {
            format!("make one: demarche init --origin example.org/desk --log {}", self.quoted())
        }
    }

    /// Opens the store of the log.
    pub(crate) fn store(&self, holder: &str) -> Result<SledStore, CliError> {
        if !self.exists() {
            self.refuse_no_directory()?;
            let refused = CliError::refused(format!("there is no log in {}", self.shown()));
            let refused = refused.hint(self.how_to_make());
            return Err(refused.hint(
                "or name another directory with --log DIR, or take the tour: demarche demo",
            ));
        }
        if self.is_backup() {
            refuse_links(&self.directory)?;
        }
        Ok(SledStore::open_waiting(&self.directory, holder, self.wait())?)
    }

    /// Opens the log, to append to it or to read single events.
    pub(crate) fn open(
        &self,
        holder: &str,
        terminal: &Terminal,
    ) -> Result<EventLog<SledStore>, CliError> {
        let store = self.store(holder)?;
        let progress = terminal.progress("reading names", None);
        Ok(EventLog::open_with(store, &mut |done| progress.set(done))?)
    }

    /// Opens the log and checks all of it, to sign or to prove something of it.
    pub(crate) fn open_checked(
        &self,
        holder: &str,
        terminal: &Terminal,
    ) -> Result<EventLog<SledStore>, CliError> {
        let log = self.open(holder, terminal)?;
        let progress = terminal.progress("checking", None);
        log.check(&mut |done| progress.set(done))?;
        Ok(log)
    }

    /// Opens the log with everything that it holds, to ask about the whole of it.
    pub(crate) fn open_folded(
        &self,
        holder: &str,
        terminal: &Terminal,
    ) -> Result<FoldedLog<SledStore>, CliError> {
        let store = self.store(holder)?;
        let progress = terminal.progress("replaying", None);
        Ok(FoldedLog::open_with(store, &mut |done| progress.set(done))?)
    }

    pub(crate) fn shown(&self) -> String {
        self.directory.display().to_string()
    }

    /// The log's directory in a command that is advised.
    pub(crate) fn quoted(&self) -> String {
        quoted(&self.directory)
    }
}

/// What is said where a log cannot be made. There is none yet to be copied to another place.
fn cannot_make(error: StoreError) -> CliError {
    match error.refused_by_system().and_then(hints::for_making) {
        Some(advice) => CliError::refused(error.to_string()).hint(advice),
        None => error.into(),
    }
}
