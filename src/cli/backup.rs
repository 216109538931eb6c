//! `demarche backup`: a copy of the log that verifies, in a directory of its own.
//!
//! It is made beside its place, under a name that ends in `.partial`, verified there as `verify` would, synced, and then
//! moved into its place; whatever fails before that leaves nothing. `docs/decisions/0028-what-a-backup-holds.md` says
//! what is in it. It does not show that it can be read back later: that is for `verify --log BACKUP_DIR`, now and then.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::beside::{Held, KEYS, private_and_synced};
use super::error::CliError;
use super::hints::quoted;
use super::log_args::LogArgs;
use super::manifest::Manifest;
use super::shapes::VERSION;
use super::surroundings::now;
use super::terminal::Terminal;
use super::{Outcome, Status, files, hints, key};
use crate::event_log::EventLog;
use crate::event_log::copy::{Copied, copy};
use crate::event_log::report::Report;
use crate::event_log::verify::verify_store;
use crate::record::journal::Journal;
use crate::record::link::Link;
use crate::record::note::{NoteSigner, VerifierKey};
use crate::store::durable::{
    claim_private_directory, make_private_directory, sync_name, sync_name_of_another,
};
use crate::store::regular;
use crate::store::sled::SledStore;
use crate::store::sled::names::LOCK;

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The directory to make, which must not be there, or be empty
    #[arg(value_name = "DIR")]
    target: PathBuf,
    /// Take the signing key in: whoever reads the backup can then sign in the log's name
    #[arg(long)]
    with_key: bool,
    /// Take sealed parts in: whoever reads the backup can then read them
    #[arg(long)]
    sealed: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// What `backup` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BackupShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    directory: String,
    origin: String,
    events: u64,
    chain: String,
    root: String,
    sources: u64,
    source_bytes: u64,
    /// How many sealed parts it holds.
    sealed: u64,
    /// How many sealed parts are in the log, and were left out.
    sealed_left_out: u64,
    /// Whether it holds the signing key.
    key: bool,
    /// How many checkpoints its journal has; `null` if there is none where it was looked for.
    checkpoints: Option<u64>,
    /// Whether it holds a policy.
    policy: bool,
    /// What was left out, and what that means, in words.
    left_out: Vec<String>,
}

impl BackupArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let target = place(&self.target, args)?;
        let log = args.open("demarche backup", terminal)?;
        let keys = self.keys(args, &log)?;
        let partial = Partial::make(&target)?;
        let made = fill(&partial, args, &log, self.sealed, terminal)?;
        for (held, key) in &keys {
            partial.log.keep_key(*held, key)?;
        }
        // The log is free again while its copy is verified.
        let (origin, head, root) = (log.origin().to_owned(), log.head(), log.root());
        drop(log);
        let report = verified(&partial, terminal)?;
        let mut manifest =
            Manifest::new(&origin, head.size, Link(head.link).to_string(), now().to_string());
        manifest.sealed = made.copied.sealed;
        manifest.sealed_left_out = made.copied.sealed_left_out;
        manifest.key = !keys.is_empty();
        manifest.checkpoints = made.checkpoints;
        partial.finish(&target, &manifest)?;
        let shape = self.shape(args, &manifest, &made, &report);
        self.print(&shape, terminal)?;
        // A log has a journal from its beginning.
        if made.checkpoints.is_none() && head.size > 1 {
            let looked_in = args.journal_directory();
            terminal.warn(format!(
                "there is no journal in {}, so the backup has none: if it lies elsewhere, --journal DIR",
                looked_in.display()
            ));
        }
        if report.root == Some(root) {
            return Ok(Status::Done);
        }
        // The tree of the copy was made from the headers.
        terminal.warn("the backup is whole, but the tree in the log is not what its headers lead to: demarche verify");
        Ok(Status::Failed)
    }

    /// The files of keys to take in.
    fn keys(
        &self,
        args: &LogArgs,
        log: &EventLog<SledStore>,
    ) -> Result<Vec<(Held, NoteSigner)>, CliError> {
        if !self.with_key {
            return Ok(Vec::new());
        }
        // What others can read, is no key, or signs nothing is refused.
        key::endorser(args, log)?;
        let is_retired =
            |key: &VerifierKey| log.keys().find(key).is_some_and(|known| known.retired.is_some());
        let mut keys = Vec::new();
        for held in KEYS {
            // The file of one that the log retired is only still there because a retirement was cut off.
            if let Some(signer) = args.signer(held)?.filter(|key| !is_retired(&key.verifier())) {
                keys.push((held, signer));
            }
        }
        Ok(keys)
    }

    fn shape(&self, args: &LogArgs, of: &Manifest, made: &Made, report: &Report) -> BackupShape {
        let mut left_out = Vec::new();
        if !of.key && args.key_path(Held::Current).exists() {
            left_out.push(
                "the signing key: a log restored from this backup can be read and verified, and signs nothing before \
                 the key is put back from a copy of your own (--with-key takes it in)"
                    .to_owned(),
            );
        }
        if of.sealed_left_out > 0 {
            left_out.push(format!(
                "{} sealed parts: a log restored from this backup lacks them for good, if no other copy has them \
                 (--sealed takes them in)",
                of.sealed_left_out
            ));
        }
        BackupShape {
            v: VERSION,
            directory: self.target.display().to_string(),
            origin: of.origin.clone(),
            events: of.events,
            chain: of.chain.clone(),
            root: report.root.map(|root| root.base64()).unwrap_or_default(),
            sources: made.copied.sources,
            source_bytes: made.copied.source_bytes,
            sealed: of.sealed,
            sealed_left_out: of.sealed_left_out,
            key: of.key,
            checkpoints: made.checkpoints,
            policy: made.policy,
            left_out,
        }
    }

    fn print(&self, shape: &BackupShape, terminal: &mut Terminal) -> Result<(), CliError> {
        if self.json {
            return terminal.json(shape);
        }
        terminal.line(format!(
            "backed up {} events and {} captured sources into {}; the copy verifies",
            shape.events, shape.sources, shape.directory
        ))?;
        terminal.faint(format!("head: {} events, link {}", shape.events, shape.chain))?;
        match shape.checkpoints {
            Some(count) => terminal.line(format!("with its journal, checkpoints: {count}"))?,
            None if shape.events > 1 => {}
            None => terminal.line("the log has no journal, so the backup has none")?,
        }
        if shape.key {
            terminal.line("with the signing key: keep it where only you can read it")?;
        }
        if shape.sealed > 0 {
            terminal.line(format!(
                "with {} sealed parts: keep it where only you can read it",
                shape.sealed
            ))?;
        }
        for what in &shape.left_out {
            terminal.line(format!("left out: {what}"))?;
        }
        terminal.faint(format!(
            "read it while the log is busy: any reading command with --log {}",
            quoted(&self.target)
        ))?;
        terminal.faint(format!(
            "if the log is lost: demarche restore {} --log NEW_DIR",
            quoted(&self.target)
        ))?;
        Ok(())
    }
}

/// What was copied.
struct Made {
    copied: Copied,
    checkpoints: Option<u64>,
    policy: bool,
}

/// Copies the log, its journal and its policy. While the log is open nobody adds to either.
fn fill(
    partial: &Partial,
    args: &LogArgs,
    log: &EventLog<SledStore>,
    sealed: bool,
    terminal: &Terminal,
) -> Result<Made, CliError> {
    let mut store = SledStore::create(&partial.path, "demarche backup")?;
    let progress = terminal.progress("copying", Some(log.head().size));
    let copied = copy(log.store(), &mut store, sealed, &mut |done| progress.set(done))?;
    drop(progress);
    drop(store);
    let mut checkpoints = None;
    if let Some(bytes) = args.journal_bytes(log.origin())? {
        // A journal that was edited is not one to keep.
        let journal = args.journal(log)?;
        let to = partial.log.journal_path(log.origin());
        if let Some(directory) = to.parent() {
            make_private_directory(directory)?;
        }
        write(&to, whole_lines(&bytes, &journal))?;
        checkpoints = Some(u64::try_from(journal.entries.len()).unwrap_or(u64::MAX));
    }
    let policy = args.policy(None)?;
    if let Some(policy) = &policy {
        write(&partial.log.policy_path(), policy.to_string().as_bytes())?;
    }
    Ok(Made { copied, checkpoints, policy: policy.is_some() })
}

/// The lines of a journal that end; what stands after them was never acknowledged.
pub(crate) fn whole_lines<'b>(bytes: &'b [u8], journal: &Journal) -> &'b [u8] {
    let whole = usize::try_from(journal.bytes()).unwrap_or(usize::MAX);
    bytes.get(..whole).unwrap_or(bytes)
}

/// Has the copy verified as it lies on disk.
fn verified(partial: &Partial, terminal: &Terminal) -> Result<Report, CliError> {
    let store = partial.log.store("demarche backup")?;
    let report = verify_copy(&store, &partial.log, None, terminal)?;
    if report.is_ok() {
        return Ok(report);
    }
    Err(findings("the log does not verify, so its copy was not kept", &report)
        .hint("see what is wrong with the log: demarche verify; and demarche doctor")
        .hint("keep the backups that you have: none of them is touched"))
}

/// Verifies a copy as `verify` would, against the journal that lies with it, or another.
pub(crate) fn verify_copy(
    store: &SledStore,
    copy: &LogArgs,
    journal: Option<Vec<u8>>,
    terminal: &Terminal,
) -> Result<Report, CliError> {
    let mut against = super::verify::against_journal_of(store, copy)?;
    if journal.is_some() {
        against.journal = journal;
    }
    let progress = terminal.progress("verifying", None);
    Ok(verify_store(store, &against, &mut |done| progress.set(done))?)
}

/// A failure with what was found.
pub(crate) fn findings(message: &str, report: &Report) -> CliError {
    const SHOWN: usize = 10;
    let shown = report.findings.iter().take(SHOWN);
    let error = shown.fold(CliError::failed(message), |error, (_, finding)| {
        error.detail(format!("found: {finding}"))
    });
    match report.findings.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => error.detail(format!("and {more} more findings")),
        _ => error,
    }
}

/// A directory in which a backup is made; it is taken away again if it does not become one.
struct Partial {
    path: PathBuf,
    log: LogArgs,
    kept: bool,
}

impl Partial {
    fn make(target: &Path) -> Result<Self, CliError> {
        let path = super::files::partial(target);
        let cannot = |error: io::Error| cannot_make(&path, target, &error);
        if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            make_private_directory(parent)
                .and_then(|()| sync_name_of_another(parent))
                .map_err(cannot)?;
        }
        match claim_private_directory(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let (shown, place) = (path.display(), target.display());
                let refused = CliError::refused(format!(
                    "there is {shown} already: a backup that was cut off, or one under way"
                ));
                return Err(refused.hint(if LogArgs::at(&path).is_backup() {
                    format!("if no backup is under way, it is whole: rename it to {place}, or remove it")
                } else {
                    format!("if no backup is under way, remove {shown}; it is not whole, and nothing reads it")
                }));
            }
            Err(error) => return Err(cannot(error)),
        }
        let log = LogArgs::at(&path);
        Ok(Self { path, log, kept: false })
    }

    /// Moves what is whole into its place.
    fn finish(mut self, target: &Path, manifest: &Manifest) -> Result<(), CliError> {
        // Whoever opens the backup makes one of their own.
        fs::remove_file(self.path.join(LOCK))?;
        manifest.write(&self.path)?;
        private_and_synced(&self.path)?;
        fs::rename(&self.path, target).map_err(|error| cannot_make(target, target, &error))?;
        self.kept = true;
        sync_name(target)?;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// What is said of a directory that cannot be made for a backup.
fn cannot_make(path: &Path, target: &Path, error: &io::Error) -> CliError {
    let mut refused = CliError::refused(format!("{} cannot be made: {error}", path.display()));
    refused.hints.extend(match error.kind() {
        // It may be writable where what it lies in is not.
        ErrorKind::ResourceBusy | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            if target.is_dir() =>
        {
            Some(within(target))
        }
        kind => hints::for_writing(kind),
    });
    refused
}

/// Where else a backup can be made.
fn within(target: &Path) -> String {
    format!("name a directory within it: demarche backup {}/NAME", target.display())
}

/// Whether a disk is mounted in a directory, which then cannot be moved, nor another into its place.
fn is_mount_point(directory: &Path) -> bool {
    let disk = |path: &Path| regular::identity(&fs::metadata(path).ok()?).map(|(disk, _)| disk);
    disk(directory) != disk(&directory.join(".."))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    files::write_private(path, bytes).map_err(|error| {
        CliError::refused(format!("{} cannot be written: {error}", path.display()))
    })
}

/// The directory that is to be made. A backup takes the place of nothing, and does not lie in the log that it is to
/// outlive.
fn place(named: &Path, args: &LogArgs) -> Result<PathBuf, CliError> {
    // Without a stroke at its end, so that what is made beside it is not made in it.
    let target: PathBuf = named.components().collect();
    if target.file_name().is_none() {
        return Err(CliError::refused(format!("{} is no new directory", named.display()))
            .hint("name the directory itself: demarche backup DIR"));
    }
    let shown = target.display();
    if target.is_symlink() {
        return Err(CliError::refused(format!("{shown} is no new directory"))
            .hint("it is a link: name the directory that it leads to, or another"));
    }
    match fs::read_dir(&target) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(CliError::refused(format!("{shown} is there already, and not empty"))
                    .hint("name a new directory: a backup is never written over another"));
            }
            if is_mount_point(&target) {
                return Err(CliError::refused(format!(
                    "{shown} is where a disk is mounted: a backup cannot take its place"
                ))
                .hint(within(&target)));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(CliError::refused(format!("{shown} cannot be a new directory: {error}")));
        }
    }
    let existing = target.ancestors().find(|ancestor| ancestor.exists());
    let existing = existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let (Ok(log), Ok(place)) = (fs::canonicalize(args.directory()), fs::canonicalize(existing))
        && place.starts_with(&log)
    {
        return Err(CliError::refused(format!("{shown} lies in the directory of the log itself"))
            .hint("what takes the log away would take its backup, too; name a place elsewhere, best on another disk"));
    }
    Ok(target)
}
