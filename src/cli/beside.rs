//! What lies beside the store: the signing key, the journal of checkpoints, the policy.
//!
//! The key is in `DIR/key`, or where `--key` says; beside it, one that a rotation is replacing, `key.former`, and one that
//! the log is about to name, `key.new`. Each is refused if anybody but its owner may read it. The journal is in
//! `DIR/journal`, or where `--journal` says, in a file named by the log's origin: a copy of the store alone, or of an
//! older one, then meets a journal that knows better. The policy is `DIR/policy`.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::CliError;
use super::files::{self, cannot_read};
use super::hints;
use super::log_args::LogArgs;
use super::manifest::MANIFEST;
use super::terminal::Terminal;
use crate::event_log::EventLog;
use crate::record::journal::Journal;
use crate::record::note::NoteSigner;
use crate::record::policy::{POLICY_BYTES_MAX, Policy};
use crate::store::Store;
use crate::store::durable::{
    make_private_directory, sync_file, sync_name, sync_name_of_another, sync_path,
};
use crate::store::regular;
use crate::store::sled::names;

const KEY: &str = "key";
const POLICY: &str = "policy";
const JOURNAL: &str = "journal";
/// The longest file of a key, in bytes.
const KEY_BYTES_MAX: u64 = 4096;
/// The longest name of a journal; one of a longer origin is named by its hash.
const JOURNAL_NAME_MAX: usize = 200;
/// The largest journal that is read, in bytes.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Which of a log's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The one in use.
    Current,
    /// The one that it replaces, while both sign.
    Former,
    /// The one that the log is about to name.
    New,
}

/// All of them.
pub(crate) const KEYS: [Held; 3] = [Held::Current, Held::Former, Held::New];

impl Held {
    /// What its file is called beyond the name of the current one's.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Current => "",
            Self::Former => ".former",
            Self::New => ".new",
        }
    }
}

/// What to do where another key is held than the one that the log names.
const PUT_BACK: &str = "put the key there that this log names (demarche key), or say where it is: --key FILE, DEMARCHE_KEY";

/// What to do about a file that stands where a key is to be that is lost.
fn if_lost(path: &Path) -> String {
    format!(
        "only if it is lost: move {} away, then demarche key new; no earlier key endorses that one, so readers must be told",
        path.display()
    )
}

/// That there is nothing to sign with, nor was.
pub(crate) fn names_no_key() -> CliError {
    CliError::refused("this log names no key").hint("make one: demarche key new")
}

impl LogArgs {
    pub(crate) fn key_path(&self, held: Held) -> PathBuf {
        let path = self.key_file().unwrap_or_else(|| self.directory().join(KEY));
        let mut name = path.into_os_string();
        name.push(held.suffix());
        PathBuf::from(name)
    }

    /// A key of the log's; `None` if there is no such file.
    pub(crate) fn signer(&self, held: Held) -> Result<Option<NoteSigner>, CliError> {
        let path = self.key_path(held);
        let cannot = |error: io::Error| cannot_read(&path, &error);
        let file = match files::open_named(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if regular::is_not_regular(&error) => {
                let refused =
                    CliError::refused(format!("{} is not a regular file", path.display()))
                        .hint("a key lies in a file of its own: move away what is there");
                return Err(match held {
                    Held::Current => refused.hint("or say where the key is: --key FILE"),
                    Held::Former | Held::New => refused,
                });
            }
            Err(error) => return Err(cannot(error)),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().map_err(cannot)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(CliError::refused(format!(
                    "the key {} can be read by others: its mode is {mode:03o}, it must be 600",
                    path.display()
                ))
                .hint(format!("if nobody has copied it: chmod 600 {}", super::hints::quoted(&path)))
                .hint(format!(
                    "if somebody may have: the same, and then {}",
                    self.if_copied(held)
                )));
            }
        }
        let mut bytes = Vec::new();
        file.take(KEY_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > KEY_BYTES_MAX {
            bytes.clear();
        }
        // What is wrong with a key is said without showing any of it.
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        NoteSigner::parse(text.trim_end()).map(Some).map_err(|_| {
            let shown = path.display();
            let refused = CliError::refused(format!("{shown} holds no signing key"))
                .hint("put the key there from your own copy, or say where it is: --key FILE, DEMARCHE_KEY");
            match held {
                Held::Current => refused.hint(if_lost(&path)),
                Held::Former | Held::New => refused.hint(format!("or go on without it: move {shown} away")),
            }
        })
    }

    /// What to do about a key that somebody may have copied, once nobody else can.
    #[cfg(unix)]
    fn if_copied(&self, held: Held) -> &'static str {
        match held {
            Held::Current if self.key_path(Held::Former).exists() => {
                "end the rotation that is under way, and replace it: demarche key retire, then key rotate, then key retire"
            }
            Held::Current => "replace it: demarche key rotate, then key retire",
            Held::Former => "have it sign no more: demarche key retire",
            Held::New => {
                "see whether the log names it (demarche doctor): if not, remove it, and the next rotation makes another; if so, \
                 end the rotation, and replace it: demarche key retire, then key rotate, then key retire"
            }
        }
    }

    /// The key in use of a log, or advice on how to have one.
    pub(crate) fn current_signer(
        &self,
        log: &EventLog<impl Store>,
    ) -> Result<NoteSigner, CliError> {
        if let Some(signer) = self.signer(Held::Current)? {
            return Ok(signer);
        }
        if log.keys().in_use().next().is_none() {
            return Err(names_no_key());
        }
        if self.signer(Held::New)?.is_some_and(|new| log.keys().is_in_use(&new.verifier())) {
            let path = self.key_path(Held::New);
            return Err(CliError::refused(format!(
                "a change of keys was cut off: the newest key is still in {}",
                path.display()
            ))
            .hint("the next look at the keys ends it: demarche key"));
        }
        let path = self.key_path(Held::Current);
        Err(CliError::refused(format!("there is no signing key in {}", path.display()))
            .hint(PUT_BACK)
            .hint("only if it is lost: demarche key new; no earlier key endorses that one, so readers must be told"))
    }

    /// Advice on a held key that the log does not name, or has retired.
    pub(crate) fn advise_on_foreign(
        &self,
        refused: CliError,
        log: &EventLog<impl Store>,
    ) -> CliError {
        let path = self.key_path(Held::Current);
        if log.keys().in_use().next().is_some() {
            return refused.hint(PUT_BACK).hint(if_lost(&path));
        }
        refused.hint(format!(
            "this log names none: move {} away, and make one: demarche key new",
            path.display()
        ))
    }

    /// Keeps a key in a new file that its owner alone can read.
    pub(crate) fn keep_key(&self, held: Held, signer: &NoteSigner) -> Result<(), CliError> {
        let path = self.key_path(held);
        let text = format!("{}\n", signer.secret_text());
        files::write_private(&path, text.as_bytes()).map_err(|error| {
            CliError::refused(format!("the key cannot be kept in {}: {error}", path.display()))
        })
    }

    /// Gives a key another part to play.
    pub(crate) fn move_key(&self, from: Held, to: Held) -> Result<(), CliError> {
        let (from, to) = (self.key_path(from), self.key_path(to));
        if to.exists() {
            return Err(CliError::refused(format!("there is a key in {} already", to.display()))
                .hint("it is none that takes part in this change of keys: move it away, and give the command again"));
        }
        let moved = fs::rename(&from, &to).and_then(|()| sync_name(&from));
        moved.map_err(|error| {
            CliError::refused(format!("the key {} cannot be moved: {error}", from.display()))
        })
    }

    /// Takes the file of a key away, so that no power cut brings it back.
    pub(crate) fn drop_key(&self, held: Held) -> Result<(), CliError> {
        let path = self.key_path(held);
        let dropped = fs::remove_file(&path).and_then(|()| sync_name(&path));
        dropped.map_err(|error| {
            CliError::refused(format!(
                "the key {} cannot be removed for good: {error}",
                path.display()
            ))
        })
    }

    /// What is the log's own, in its directory and wherever else its keys and journal lie: nothing of it is captured.
    pub(crate) fn own_paths(&self, origin: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory()).into_iter().flatten().flatten();
        let own = entries.filter(|entry| is_own(&entry.file_name().to_string_lossy()));
        let mut paths: Vec<PathBuf> = own.map(|entry| entry.path()).collect();
        paths.push(self.journal_path(origin));
        let keys = KEYS.map(|held| self.key_path(held));
        paths.extend(keys.iter().flat_map(|key| [files::partial(key), files::begun(key)]));
        paths.extend(keys);
        paths
    }

    /// The policy beside the log, or the one in a file that was named.
    pub(crate) fn policy(&self, named: Option<&Path>) -> Result<Option<Policy>, CliError> {
        let path = named.map_or_else(|| self.policy_path(), Path::to_path_buf);
        // One that cannot be looked at is not one that is not there.
        if named.is_none() && !path.try_exists().map_err(|error| cannot_read(&path, &error))? {
            return Ok(None);
        }
        read_policy(&path).map(Some)
    }

    /// Writes the policy beside the log.
    pub(crate) fn write_policy(&self, policy: &Policy) -> Result<(), CliError> {
        let path = self.policy_path();
        files::replace_private(&path, policy.to_string().as_bytes()).map_err(|error| {
            CliError::refused(format!("the policy {} cannot be written: {error}", path.display()))
        })
    }

    pub(crate) fn policy_path(&self) -> PathBuf {
        self.directory().join(POLICY)
    }

    /// The file of a log's journal.
    pub(crate) fn journal_path(&self, origin: &str) -> PathBuf {
        let mut name = String::new();
        for byte in origin.bytes() {
            // Whatever could lead elsewhere is written as its number.
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
                name.push(char::from(byte));
            } else {
                name.push_str(&format!("%{byte:02X}"));
            }
        }
        // File systems end at 255 bytes.
        if name.len() > JOURNAL_NAME_MAX {
            name = blake3::hash(origin.as_bytes()).to_string();
        }
        self.journal_directory().join(format!("{name}.jsonl"))
    }

    pub(crate) fn journal_directory(&self) -> PathBuf {
        self.journal_named().unwrap_or_else(|| self.directory().join(JOURNAL))
    }

    /// The bytes of a log's journal; `None` if it has none.
    pub(crate) fn journal_bytes(&self, origin: &str) -> Result<Option<Vec<u8>>, CliError> {
        let path = self.journal_path(origin);
        match regular::open(&path) {
            Ok(mut file) => read_journal(&mut file, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot_read_journal(&path, &error)),
        }
    }

    /// The bytes of the journal that a log is compared with. The log's own directory holds no journal but its own: one
    /// under another origin there is of the log that stood in its place.
    pub(crate) fn journal_to_compare(
        &self,
        origin: Option<&str>,
    ) -> Result<Option<Vec<u8>>, CliError> {
        if let Some(bytes) = origin.map(|origin| self.journal_bytes(origin)).transpose()?.flatten()
        {
            return Ok(Some(bytes));
        }
        let directory = self.journal_directory();
        if self.journal_named().is_some() || !directory.is_dir() {
            return Ok(None);
        }
        let cannot = |error: io::Error| cannot_read(&directory, &error);
        for entry in fs::read_dir(&directory).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let mut file =
                    regular::open(&path).map_err(|error| cannot_read_journal(&path, &error))?;
                return read_journal(&mut file, &path).map(Some);
            }
        }
        Ok(None)
    }

    /// The bytes of a log's journal where its directory was named: that must be there, since whoever names one wants it
    /// compared. `None` if none was named, if it holds none of that log, or if it cannot be known which log's is meant.
    pub(crate) fn journal_as_named(
        &self,
        origin: Option<&str>,
    ) -> Result<Option<Vec<u8>>, CliError> {
        let Some(directory) = self.journal_named() else { return Ok(None) };
        if !directory.is_dir() {
            let shown = directory.display();
            return Err(CliError::refused(format!("there is no directory {shown} with journals"))
                .hint("name the one in which it lies (--journal DIR, DEMARCHE_JOURNAL), or none"));
        }
        origin.map_or(Ok(None), |origin| self.journal_bytes(origin))
    }

    /// Writes the journal of a log that is restored, in place of one that it carries on. Its bytes are on disk before it is
    /// moved into its place. Until then the one that lies there is locked, and it is looked at once more: what was added
    /// since it was compared is shown as signed.
    pub(crate) fn carry_journal_on(&self, origin: &str, bytes: &[u8]) -> Result<(), CliError> {
        let path = self.journal_path(origin);
        let cannot = |error: io::Error| {
            let mut refused = cannot_write_journal(&path, &error);
            refused.hints.extend(hints::for_writing(error.kind()));
            refused
        };
        let added_to = || {
            CliError::refused(format!(
                "the journal {} was added to while the backup was looked at; nothing was restored",
                path.display()
            ))
            .hint("give the same command again: it compares the two anew")
        };
        make_private_directory(&self.journal_directory()).map_err(cannot)?;
        let mut there = match open_locked(&path, regular::open_own, self.wait()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return files::write_private(&path, bytes).map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => added_to(),
                    _ => cannot(error),
                });
            }
            opened => opened.map_err(cannot)?,
        };
        let found = read_journal(&mut there, &path)?;
        // What stands after the last whole line was never acknowledged.
        let whole = found.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if !found.get(..whole).is_some_and(|found| bytes.starts_with(found)) {
            return Err(added_to());
        }
        files::replace_private(&path, bytes).map_err(cannot)
    }

    /// What a log's journal holds, of which every signature was checked; an empty one if there is none.
    pub(crate) fn journal(&self, log: &EventLog<impl Store>) -> Result<Journal, CliError> {
        let journal = self.journal_as_it_is(log)?;
        let path = self.journal_path(log.origin());
        log.check_signatures(&journal).map_err(|error| edited(&path, &error))?;
        Ok(journal)
    }

    /// The same, for whoever hands nothing of it on, and believes only what a policy makes of its signatures.
    pub(crate) fn journal_as_it_is(&self, log: &EventLog<impl Store>) -> Result<Journal, CliError> {
        let origin = log.origin();
        match self.journal_bytes(origin)? {
            Some(bytes) => parse(&bytes, &self.journal_path(origin)),
            None => Ok(Journal::begin(origin, log.genesis()?).0),
        }
    }
}

/// Whether a name in a log's directory is of the program's giving. Others may be a user's, whose sources can lie there, too.
fn is_own(name: &str) -> bool {
    let name = files::finished(name);
    let of_key = |held: &Held| name.strip_prefix(KEY) == Some(held.suffix());
    KEYS.iter().any(of_key)
        || names::NAMES.contains(&name)
        || [POLICY, JOURNAL, MANIFEST].contains(&name)
}

/// A policy in a file.
pub(crate) fn read_policy(path: &Path) -> Result<Policy, CliError> {
    let bytes = read_file(path, POLICY_BYTES_MAX)?;
    Policy::parse(&bytes).map_err(|error| {
        CliError::refused(format!("{} is no policy: {error}", path.display()))
            .hint("a policy has lines as: log VKEY, witness NAME VKEY URL, quorum NAME (c2sp.org/tlog-policy)")
    })
}

/// The bytes of a file of bounded length.
pub(crate) fn read_file(path: &Path, bytes_max: usize) -> Result<Vec<u8>, CliError> {
    let mut file = files::open_named(path).map_err(|error| cannot_read(path, &error))?;
    read_so_far(&mut file, path, bytes_max)
}

/// The rest of an open file, if it is of bounded length; `path` is its name.
pub(crate) fn read_so_far(
    file: &mut impl Read,
    path: &Path,
    bytes_max: usize,
) -> Result<Vec<u8>, CliError> {
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| cannot_read(path, &error))?;
    if bytes.len() > bytes_max {
        let shown = path.display();
        return Err(CliError::refused(format!("{shown} has more than {bytes_max} bytes"))
            .hint("no file of that kind is so long (docs/limits.md): is it the right one?"));
    }
    Ok(bytes)
}

/// A journal, locked, to be added to.
pub(crate) struct JournalFile {
    file: File,
    path: PathBuf,
    pub(crate) journal: Journal,
    /// Whether there was none: then nothing shows what was signed before.
    begins: bool,
}

impl JournalFile {
    /// Opens the journal of a log, or begins one; another process that has it is waited for.
    pub(crate) fn open(args: &LogArgs, log: &EventLog<impl Store>) -> Result<Self, CliError> {
        let origin = log.origin();
        let path = args.journal_path(origin);
        let cannot = |error: io::Error| cannot_write_journal(&path, &error).advised(&error);
        let directory = args.journal_directory();
        make_private_directory(&directory).map_err(cannot)?;
        let mut file =
            open_locked(&path, regular::open_or_make_own, args.wait()).map_err(cannot)?;
        let bytes = read_journal(&mut file, &path)?;
        let (journal, first) = Journal::begin(origin, log.genesis()?);
        // Only what a beginning that was cut off leaves is written over.
        let begins = bytes.len() < first.len() && first.starts_with(&bytes);
        let journal = if begins { journal } else { parse(&bytes, &path)? };
        // A line that is chained to a bad one could not stay once that is put right.
        log.check_signatures(&journal).map_err(|error| edited(&path, &error))?;
        let mut open = Self { file, path: path.clone(), journal, begins };
        if begins {
            open.file.set_len(0).map_err(cannot)?;
            open.write_at(0, &first)?;
        } else {
            // Whoever wrote its last line may have been cut off before that was on disk, and it is shown as signed from here on.
            sync_file(&open.file).map_err(cannot)?;
        }
        // Whoever began it, or made its directory, may have been cut off before the name was on disk.
        if open.journal.entries.is_empty() {
            sync_path(&directory)
                .and_then(|()| sync_name_of_another(&directory))
                .map_err(cannot)?;
        }
        Ok(open)
    }

    /// Says so if a log that is not new had no journal: an old copy, restored, may be about to fork.
    pub(crate) fn warn_if_it_begins(&self, size: u64, terminal: &mut Terminal) {
        if !self.begins || size <= 1 {
            return;
        }
        let path = self.path.display();
        terminal.warn(format!(
            "there was no journal in {path}, so nothing here shows what this log signed before; if it was restored \
             from an old copy, or its journal lies elsewhere (--journal DIR), what is signed now may contradict that"
        ));
    }

    /// Keeps a line that the journal has taken in; it returns once the line is durable.
    pub(crate) fn append(&mut self, line: &[u8]) -> Result<(), CliError> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        // What stands after the last whole line was never acknowledged.
        self.write_at(self.journal.bytes().saturating_sub(length), line)
    }

    fn write_at(&mut self, start: u64, line: &[u8]) -> Result<(), CliError> {
        let written = self
            .file
            .seek(SeekFrom::Start(start))
            .and_then(|_| self.file.write_all(line))
            .and_then(|()| {
                let end = start.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
                self.file.set_len(end)
            })
            .and_then(|()| sync_file(&self.file));
        written.map_err(|error| cannot_write_journal(&self.path, &error).advised(&error))
    }
}

pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Journal, CliError> {
    Journal::parse(bytes).map_err(|damaged| edited(path, &damaged))
}

fn edited(path: &Path, why: &dyn std::fmt::Display) -> CliError {
    CliError::failed(format!("the checkpoint journal {} was edited: {why}", path.display()))
        .hint("see what else was found: demarche verify")
        .hint("put the journal back from your own copy; nothing is signed before it is whole")
}

fn cannot_read_journal(path: &Path, error: &io::Error) -> CliError {
    cannot_read(path, error).hint("put the journal there from your own copy")
}

fn cannot_write_journal(path: &Path, error: &io::Error) -> CliError {
    CliError::refused(format!("the journal {} cannot be written: {error}", path.display()))
}

fn read_journal(file: &mut File, path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = file.take(JOURNAL_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes);
    let read = read.map_err(|error| cannot_read_journal(path, &error))?;
    // A journal is never read in part: what is added would be written over the rest.
    if u64::try_from(read).is_ok_and(|read| read <= JOURNAL_BYTES_MAX) {
        return Ok(bytes);
    }
    Err(CliError::refused(format!(
        "the journal {} has more than {JOURNAL_BYTES_MAX} bytes",
        path.display()
    ))
    .hint("no journal is so long (docs/limits.md): put it back from your own copy"))
}

/// Opens a journal and locks it. While its lock is waited for, a restore may move another into its place.
fn open_locked(
    path: &Path,
    open: fn(&Path) -> io::Result<File>,
    wait: Duration,
) -> io::Result<File> {
    loop {
        let file = open(path)?;
        lock(&file, wait)?;
        if files::lies_at(&file, path)? {
            return Ok(file);
        }
    }
}

fn lock(file: &File, wait: Duration) -> io::Result<()> {
    let mut left = wait.max(Duration::from_millis(500));
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if !left.is_zero() => {
                let pause = left.min(Duration::from_millis(10));
                std::thread::sleep(pause);
                left -= pause;
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "another process has it open",
                ));
            }
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Lets nobody but the owner read a directory and all that is in it, and has all of it on disk.
pub(crate) fn private_and_synced(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            private_and_synced(&path)?;
        } else {
            make_private(&path, 0o600)?;
            sync_path(&path)?;
        }
    }
    make_private(directory, 0o700)?;
    sync_path(directory)
}

#[cfg(unix)]
pub(crate) fn make_private(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(crate) fn make_private(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
