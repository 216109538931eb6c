//! `demarche restore` of a backup: copied back, verified, and its journal carried on, never turned back.

use std::path::Path;

use super::backup::{findings, verify_copy, whole_lines};
use super::beside::{Held, KEYS};
use super::error::CliError;
use super::log_args::LogArgs;
use super::manifest::{Manifest, refuse_links};
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::copy::{Copied, copy};
use crate::record::journal::Journal;
use crate::record::link::Link;
use crate::record::note::NoteSigner;
use crate::record::system::KeyRing;
use crate::store::Store;

/// Who has the logs open.
const HOLDER: &str = "demarche restore";

/// Restores the backup in a directory. What does not verify is refused before anything is made; the journal is there before
/// the log is, so that no log is ever without the one it had. A journal that was cut in the backup is refused, since what is
/// signed without it may contradict what it has; where the key was taken out the log is put back without it, and says so.
pub(crate) fn run(directory: &Path, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
    let manifest = Manifest::read(directory)?;
    refuse_links(directory)?;
    let from = LogArgs::at(directory).waiting(log);
    let journal = journal_after(&from, log, &manifest)?;
    if !manifest.key && KEYS.iter().any(|held| from.key_path(*held).exists()) {
        return Err(CliError::failed(
            "the backup was changed after it was made: it was made without a key, and holds one",
        )
        .hint("use another backup; or, if you put your own key there: move it away, and put it beside the restored log"));
    }
    let keys = keys_after(&from, log)?;
    let store = from.store(HOLDER)?;
    let report = verify_copy(&store, &from, journal.compared.clone(), terminal)?;
    if !report.is_ok() {
        return Err(findings("the backup does not verify; nothing was restored", &report)
            .hint("use another backup, or an export"));
    }
    // By its name the journal is found.
    let origin = report.origin.unwrap_or_default();
    if origin != manifest.origin {
        return Err(CliError::failed(format!(
            "the backup was changed after it was made: it says that it is of {}, its first event of {origin}",
            manifest.origin
        ))
        .hint("use another backup, or an export"));
    }
    must_be_of_the_log(&keys, &report.compared.keys, &from)?;
    let sealed_absent = report.sealed_absent;
    let head = store.head()?;
    if (head.size, Link(head.link).to_string()) != (manifest.events, manifest.chain.clone()) {
        return Err(CliError::failed(format!(
            "the backup was changed after it was made: it had {} events, it has {}",
            manifest.events, head.size
        ))
        .hint("use another backup, or an export"));
    }
    refuse_cut_journal(&journal, directory, &manifest)?;
    let mut target = log.make_store(HOLDER, head)?;
    let mut beside = Beside::default();
    let restored = beside.put(&from, log, &manifest, &journal, &keys).and_then(|()| {
        let progress = terminal.progress("restoring", Some(head.size));
        let copied = copy(&store, &mut target, true, &mut |done| progress.set(done))?;
        drop(progress);
        target.reopen()?;
        let report = verify_copy(&target, log, journal.compared.clone(), terminal)?;
        if report.is_ok() {
            return Ok(copied);
        }
        Err(findings("the restored log does not verify; it was taken away again", &report)
            .hint("look at the disk it was written to, and restore elsewhere: --log NEW_DIR"))
    });
    match restored {
        Ok(copied) => {
            Said { manifest: &manifest, copied, sealed_absent, journal: &journal, beside: &beside }
                .print(log, terminal)?;
            if manifest.key && !from.key_path(Held::Current).exists() {
                terminal.warn(
                    "the backup was made with the signing key, and holds it no more: if somebody may have taken it, replace it \
                     (demarche key rotate, then key retire)",
                );
            }
            Ok(Status::Done)
        }
        Err(error) => {
            // Half a log is none. As long as it is locked nobody makes one with these keys.
            let error = beside.take_away(log, &manifest, error);
            let _ = target.take_away();
            Err(error)
        }
    }
}

/// What was put beside the store, as far as it came.
#[derive(Default)]
struct Beside {
    journal: bool,
    keys: Vec<Held>,
    policy: bool,
}

impl Beside {
    /// Puts the journal, the keys and the policy into their places.
    fn put(
        &mut self,
        from: &LogArgs,
        log: &LogArgs,
        manifest: &Manifest,
        journal: &AfterJournal,
        keys: &[(Held, NoteSigner)],
    ) -> Result<(), CliError> {
        if let Some(bytes) = &journal.written {
            log.carry_journal_on(&manifest.origin, bytes)?;
            self.journal = true;
        }
        for (held, key) in keys {
            log.keep_key(*held, key)?;
            self.keys.push(*held);
        }
        if let (Some(policy), false) = (from.policy(None)?, log.policy_path().exists()) {
            log.write_policy(&policy)?;
            self.policy = true;
        }
        Ok(())
    }

    /// Takes the keys away again where no log came to be. The journal stays: another log may have been compared with it.
    fn take_away(&self, log: &LogArgs, of: &Manifest, error: CliError) -> CliError {
        let mut error = error;
        for held in &self.keys {
            if let Err(left) = log.drop_key(*held) {
                error = error.detail(left.message);
            }
        }
        if self.journal {
            let path = log.journal_path(&of.origin);
            error = error.detail(format!("the journal of the backup stays in {}", path.display()));
        }
        error
    }
}

/// What becomes of the journal.
struct AfterJournal {
    /// What the restored log is compared with.
    compared: Option<Vec<u8>>,
    /// What is written, if there is more than lies there already.
    written: Option<Vec<u8>>,
    /// How many checkpoints it then has.
    checkpoints: usize,
}

/// Compares the journal that may lie where the log's is to lie with the one in the backup. One of them must carry on the
/// other; one that knows of more events than the backup has is never turned back.
fn journal_after(
    from: &LogArgs,
    log: &LogArgs,
    manifest: &Manifest,
) -> Result<AfterJournal, CliError> {
    let (there, ours) = (whole(log, manifest)?, whole(from, manifest)?);
    let (bytes, journal, is_there) = match (there, ours) {
        (None, None) => {
            return Ok(AfterJournal { compared: None, written: None, checkpoints: 0 });
        }
        (None, Some((bytes, journal))) => (bytes, journal, false),
        (Some((bytes, journal)), None) => (bytes, journal, true),
        (Some((there, of_there)), Some((ours, of_ours))) => {
            if there.starts_with(&ours) {
                (there, of_there, true)
            } else if ours.starts_with(&there) {
                (ours, of_ours, false)
            } else {
                let path = log.journal_path(&manifest.origin);
                return Err(CliError::failed(format!(
                    "the journal in {} is not that of the backup: neither carries on the other",
                    path.display()
                ))
                .hint("two logs of one name went on apart, or one of the journals was edited; compare both with what others hold")
                .hint("to look at the backup: any reading command with --log BACKUP_DIR"));
            }
        }
    };
    if let Some(last) = journal.last().filter(|last| last.checkpoint.size > manifest.events) {
        let knows = if is_there { log } else { from };
        let path = knows.journal_path(&manifest.origin);
        let Manifest { made_at, events, .. } = manifest;
        return Err(rolled_back("backup", &path, last.checkpoint.size)
            .detail(format!("the backup, of {made_at}, ends with {events} events")));
    }
    let (checkpoints, compared) = (journal.entries.len(), bytes.clone());
    Ok(AfterJournal {
        compared: Some(compared),
        written: (!is_there).then_some(bytes),
        checkpoints,
    })
}

/// Refuses a journal that has fewer checkpoints than the backup was made with.
fn refuse_cut_journal(
    journal: &AfterJournal,
    backup: &Path,
    manifest: &Manifest,
) -> Result<(), CliError> {
    let (made_with, checkpoints) = (manifest.checkpoints.unwrap_or(0), journal.checkpoints);
    if u64::try_from(checkpoints).is_ok_and(|found| found >= made_with) {
        return Ok(());
    }
    Err(CliError::failed(format!(
        "the backup was changed after it was made: its journal had {made_with} checkpoints, it has {checkpoints}"
    ))
    .hint("use another backup; or say where the log's own journal lies, if you have it: --journal DIR")
    .hint(format!(
        "if there is neither: demarche export --out FILE.jsonl --log {}, and restore that; what is signed then may contradict \
         what was signed before",
        backup.display()
    )))
}

/// The whole lines of a log's journal.
fn whole(args: &LogArgs, of: &Manifest) -> Result<Option<(Vec<u8>, Journal)>, CliError> {
    let Some(bytes) = args.journal_bytes(&of.origin)? else { return Ok(None) };
    let journal = super::beside::parse(&bytes, &args.journal_path(&of.origin))?;
    Ok(Some((whole_lines(&bytes, &journal).to_vec(), journal)))
}

/// What is said where a journal has a checkpoint of more events than what would be restored.
pub(crate) fn rolled_back(what: &str, journal: &Path, signed: u64) -> CliError {
    let path = journal.display();
    CliError::failed(format!("the {what} is older than what this log has signed: restoring it would be a rollback"))
        .detail(format!("the journal {path} has a checkpoint of {signed} events"))
        .hint("use a newer backup, or an export, that has these events")
        .hint("if there is none: keep that journal as evidence, restore with another one (--journal NEW_DIR) and without the file head, and tell \
            whoever holds a checkpoint of more events that the log will contradict it")
}

/// The keys in the backup that are not there yet. Another one that lies there is not written over.
fn keys_after(from: &LogArgs, log: &LogArgs) -> Result<Vec<(Held, NoteSigner)>, CliError> {
    let mut keys = Vec::new();
    for held in KEYS {
        let Some(ours) = from.signer(held)? else { continue };
        match log.signer(held)? {
            Some(there) if there.verifier() == ours.verifier() => {}
            Some(_) => {
                let path = log.key_path(held);
                return Err(CliError::refused(format!("there is another key in {}", path.display()))
                    .hint("move it away, or name another place for the key of the restored log: --key FILE"));
            }
            None => keys.push((held, ours)),
        }
    }
    Ok(keys)
}

/// Refuses a key that is none of the log's, which would sign for it in vain. One that a rotation which was cut off was to add
/// is not in the log yet.
fn must_be_of_the_log(
    keys: &[(Held, NoteSigner)],
    ring: &KeyRing,
    from: &LogArgs,
) -> Result<(), CliError> {
    let mut named = keys.iter().filter(|(held, _)| *held != Held::New);
    let Some((held, _)) = named.find(|(_, key)| ring.find(&key.verifier()).is_none()) else {
        return Ok(());
    };
    let path = from.key_path(*held);
    Err(CliError::failed(format!("the key in {} is none of this log's", path.display()))
        .detail("nothing was restored")
        .hint("use another backup; or move that key away, and put the log's own beside the restored log"))
}

/// What is said of a restored log.
struct Said<'r> {
    manifest: &'r Manifest,
    copied: Copied,
    /// How many sealed parts are not there.
    sealed_absent: u64,
    journal: &'r AfterJournal,
    beside: &'r Beside,
}

impl Said<'_> {
    fn print(&self, log: &LogArgs, terminal: &mut Terminal) -> Result<(), CliError> {
        let Manifest { events, chain, made_at, .. } = self.manifest;
        terminal.line(format!(
            "restored {events} events and {} captured sources into {}, from the backup of {made_at}; they verify",
            self.copied.sources,
            log.shown()
        ))?;
        terminal.faint(format!("head: {events} events, link {chain}"))?;
        let checkpoints = self.journal.checkpoints;
        terminal.line(match (&self.journal.written, &self.journal.compared) {
            (Some(_), _) => format!("with the journal, checkpoints: {checkpoints}"),
            (None, Some(_)) => {
                "the journal that was there already is kept: it knows as much".to_owned()
            }
            (None, None) => {
                "the backup has no journal, so nothing here shows what the log signed before"
                    .to_owned()
            }
        })?;
        if self.beside.policy {
            terminal.line("with the policy")?;
        }
        match (self.beside.keys.len(), log.key_path(Held::Current).exists()) {
            (_, false) => terminal.line(
                "without the signing key, which the backup does not hold: put it back from a copy of your own before signing",
            )?,
            (0, true) => {}
            (_, true) => terminal.line("with the signing key")?,
        }
        if self.sealed_absent > 0 {
            terminal.line(format!(
                "without {} sealed parts, which were erased, or left out of the backup: this log lacks them for good",
                self.sealed_absent
            ))?;
        }
        terminal.note("append to one copy of a log alone: two that go on apart contradict each other for ever");
        Ok(())
    }
}
