//! `demarche restore`: rebuild a log from an export, or from a backup.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::error::CliError;
use super::files::open_regular;
use super::log_args::LogArgs;
use super::terminal::Terminal;
use super::{Outcome, Status, restore_backup, verify};
use crate::event_log::portable::{PortableError, Verified};
use crate::store::sled::SledStore;

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The export, or the directory of a backup
    #[arg(value_name = "EXPORT|BACKUP_DIR")]
    export: PathBuf,
}

impl RestoreArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        if !self.export.is_dir() {
            return self.rebuild(log, terminal);
        }
        refuse_log(log)?;
        restore_backup::run(&self.export, log, terminal)
    }

    fn rebuild(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let mut export = open_regular(&self.export)?;
        refuse_log(log)?;
        // What does not verify is refused before anything is made.
        let checking = terminal.progress("verifying", None);
        let verified = Verified::of(&mut export, &mut |done| checking.set(done));
        drop(checking);
        let verified = match verified {
            Err(PortableError::DoesNotVerify(report)) => {
                verify::print(&report, terminal, false)?;
                return Err(CliError::failed("the export does not verify; nothing was restored")
                    .hint("use another copy of the export"));
            }
            other => other?,
        };
        let mut store = SledStore::create(log.directory(), "demarche restore")?;
        let progress = terminal.progress("restoring", Some(verified.events()));
        let restored = verified.restore(&mut export, &mut store, &mut |done| progress.set(done));
        drop(progress);
        match restored {
            Ok(report) => {
                terminal.line(format!(
                    "restored {} events and {} captured sources into {}",
                    report.events,
                    report.sources,
                    log.shown()
                ))?;
                terminal.faint(format!("head: {} events, link {}", report.events, report.chain))?;
                if report.sealed_absent > 0 {
                    let count = report.sealed_absent;
                    terminal.faint(format!(
                        "{count} sealed parts are not in it: erased, or left out of the export"
                    ))?;
                }
                terminal.note("not in an export: the signing key, the journal of checkpoints, the policy; copy them over (key, journal, policy)");
                terminal.note("append to one copy of a log alone: two that go on apart contradict each other for ever");
                Ok(Status::Done)
            }
            Err(error) => {
                // Half a log is none.
                drop(store);
                let _ = fs::remove_dir_all(log.directory().join("store"));
                Err(match error {
                    changed @ PortableError::Changed => {
                        CliError::failed(changed.to_string()).detail("nothing was kept")
                    }
                    other => other.into(),
                })
            }
        }
    }
}

/// A log takes the place of none, or of what a restore that was cut off has left.
fn refuse_log(log: &LogArgs) -> Result<(), CliError> {
    if !log.is_free("demarche restore")? {
        return Err(CliError::refused(format!("there is a log in {} already", log.shown()))
            .hint("a log is restored into a new directory: --log NEW_DIR"));
    }
    Ok(())
}
