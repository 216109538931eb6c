//! `demarche restore`: rebuild a log from an export, or from a backup.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;

use super::backup::findings;
use super::beside;
use super::error::CliError;
use super::files::open_regular;
use super::log_args::LogArgs;
use super::restore_backup::rolled_back;
use super::terminal::Terminal;
use super::{Outcome, Status, restore_backup, verify};
use crate::event_log::portable::{PortableError, Verified, verify_export};
use crate::event_log::report::Against;

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
        compare_journal(&mut export, &verified, log)?;
        let mut store = log.make_store("demarche restore", verified.head())?;
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
                let _ = store.take_away();
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

/// The journal that may lie where the log's is to lie must not know more than the export, or something else.
fn compare_journal(export: &mut File, verified: &Verified, log: &LogArgs) -> Result<(), CliError> {
    let Some(origin) = verified.origin() else { return Ok(()) };
    // Of one without a whole line nothing was acknowledged.
    let Some(bytes) = log.journal_bytes(origin)?.filter(|bytes| bytes.contains(&b'\n')) else {
        return Ok(());
    };
    let path = log.journal_path(origin);
    let journal = beside::parse(&bytes, &path)?;
    let events = verified.events();
    if let Some(last) = journal.last().filter(|last| last.checkpoint.size > events) {
        return Err(rolled_back("export", &path, last.checkpoint.size)
            .detail(format!("the export ends with {events} events")));
    }
    let against = Against { journal: Some(bytes), quick: true, ..Against::default() };
    let report = verify_export(export, &against, &mut |_| {})?;
    if report.is_ok() {
        return Ok(());
    }
    let path = path.display();
    Err(findings(&format!("the export contradicts the journal in {path}; nothing was restored"), &report)
        .hint("two logs of one name went on apart, or one of both was edited; compare them with what others hold"))
}

/// A log takes the place of none, or of what a restore that was cut off has left.
fn refuse_log(log: &LogArgs) -> Result<(), CliError> {
    log.refuse_to_make_in_backup()?;
    if !log.is_free("demarche restore")? {
        return Err(CliError::refused(format!("there is a log in {} already", log.shown()))
            .hint("a log is restored into a new directory: --log NEW_DIR"));
    }
    Ok(())
}
