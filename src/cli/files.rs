//! Files: those that `source` events name, and those that commands write.
//!
//! A name is looked for beside the file of JSON lines that gives it, then in the working directory. Lines may be anybody's,
//! so a name in them must not lead out of these directories: whoever appends them would capture, and perhaps hand out, what
//! they never meant to. A name in a flag is the user's own and may lead anywhere. Neither leads to what is the log's own:
//! its key would be in every export. Only regular files are read, and one that changes while it is read is refused.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::error::CliError;
use super::hints;
use crate::event_log::{FileError, SourceFiles};
use crate::model::limits::SOURCE_BYTES_MAX;
use crate::record::note::SIGNING_KEY_START;
use crate::store::durable::{sync_file, sync_name};
use crate::store::regular::{self, identity};

/// Files on disk, looked for in these directories in turn.
pub(crate) struct DiskFiles {
    directories: Vec<PathBuf>,
    /// Whether a name may lead out of them.
    anywhere: bool,
    /// The names of what is a log's own.
    own_paths: Vec<PathBuf>,
    /// The same, looked up for the first source.
    own: OnceCell<Own>,
}

/// The files and directories that are a log's own.
struct Own {
    /// With every link followed.
    paths: Vec<PathBuf>,
    /// What tells these files, and those in these directories, from others, whatever their names.
    identities: BTreeSet<(u64, u64)>,
}

impl DiskFiles {
    /// For names given in a file of JSON lines.
    pub(crate) fn beside(input: &Path) -> Self {
        let beside = input.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut directories = vec![beside, PathBuf::new()];
        directories.dedup();
        Self { directories, ..Self::here() }
    }

    /// For names given on standard input.
    pub(crate) fn here() -> Self {
        Self {
            directories: vec![PathBuf::new()],
            anywhere: false,
            own_paths: Vec::new(),
            own: OnceCell::new(),
        }
    }

    /// For names given on the command line.
    pub(crate) fn of_flags() -> Self {
        Self { anywhere: true, ..Self::here() }
    }

    /// The same, without what is a log's own.
    pub(crate) fn without(self, own_paths: Vec<PathBuf>) -> Self {
        Self { own_paths, ..self }
    }

    fn find(&self, name: &str) -> Result<PathBuf, FileError> {
        for directory in &self.directories {
            let path = directory.join(name);
            if path.exists() {
                if !self.anywhere && !is_within(directory, &path) {
                    return Err(FileError::Outside { name: name.to_owned() });
                }
                return Ok(path);
            }
        }
        let shown = |directory: &PathBuf| {
            if directory.as_os_str().is_empty() {
                "the working directory".to_owned()
            } else {
                directory.display().to_string()
            }
        };
        let looked_in = self.directories.iter().map(shown).collect::<Vec<_>>().join(", then ");
        Err(FileError::NotFound { name: name.to_owned(), looked_in })
    }
}

/// Whether a path, with every link followed, leads to something in a directory.
fn is_within(directory: &Path, path: &Path) -> bool {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    match (fs::canonicalize(directory), fs::canonicalize(path)) {
        (Ok(directory), Ok(path)) => path.starts_with(directory),
        _ => false,
    }
}

impl Own {
    fn of(own: &[PathBuf]) -> Self {
        let within = own.iter().filter_map(|path| fs::read_dir(path).ok()).flatten().flatten();
        let files = own.iter().cloned().chain(within.map(|entry| entry.path()));
        let identities = files.filter_map(|path| identity(&fs::metadata(path).ok()?)).collect();
        let paths = own.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
        Self { paths, identities }
    }

    /// Whether an open file is one of these, or lies in one, by whatever link or name it was found.
    fn holds(&self, path: &Path, file: &Metadata) -> bool {
        let leads_there = fs::canonicalize(path)
            .is_ok_and(|path| self.paths.iter().any(|own| path.starts_with(own)));
        leads_there || identity(file).is_some_and(|file| self.identities.contains(&file))
    }
}

impl SourceFiles for DiskFiles {
    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        let path = self.find(name)?;
        let name = || name.to_owned();
        let io_error = |error: io::Error| FileError::Io { name: name(), error };
        let mut file = match regular::open(&path) {
            Err(error) if regular::is_not_regular(&error) => {
                return Err(FileError::NotAFile { name: name() });
            }
            opened => opened.map_err(io_error)?,
        };
        let before = file.metadata().map_err(io_error)?;
        if self.own.get_or_init(|| Own::of(&self.own_paths)).holds(&path, &before) {
            return Err(FileError::OfTheLog { name: name() });
        }
        if before.len() > SOURCE_BYTES_MAX {
            let (found, most) = (before.len(), SOURCE_BYTES_MAX);
            return Err(FileError::TooLarge { name: name(), found, most });
        }
        let mut bytes = Vec::new();
        (&mut file).take(SOURCE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(io_error)?;
        let after = file.metadata().map_err(io_error)?;
        let same_time = before.modified().ok() == after.modified().ok();
        if after.len() != before.len() || bytes.len() as u64 != before.len() || !same_time {
            return Err(FileError::Changed { name: name() });
        }
        // A copy of a key, under whatever name.
        if bytes.starts_with(SIGNING_KEY_START.as_bytes()) {
            return Err(FileError::OfTheLog { name: name() });
        }
        Ok(bytes)
    }
}

/// Opens a file that is read once, from its beginning: a regular one, or what this process was given open, as a shell gives it
/// for `<(...)`. Opening any other pipe would wait for its other end, maybe for ever.
pub(crate) fn open_named(path: &Path) -> io::Result<File> {
    let given = ["/dev/fd", "/dev/stdin", "/proc/self/fd"];
    if given.iter().any(|given| path.starts_with(given)) {
        return File::open(path);
    }
    regular::open(path)
}

/// Opens a file that is read more than once, or from the middle: a directory, a pipe or a device cannot be.
pub(crate) fn open_regular(path: &Path) -> Result<File, CliError> {
    regular::open(path).map_err(|error| {
        if !regular::is_not_regular(&error) {
            return cannot_read(path, &error);
        }
        CliError::refused(format!("{} is not a regular file", path.display()))
            .hint("it is read more than once: save what comes from a pipe into a file")
    })
}

/// Writes a file that must not be there yet. It is written beside its place and moved there whole, so that nobody finds
/// half of it.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_new_for(Readers::All, path, write_all(path, bytes))
}

/// The same, for what a log keeps to its owner: nobody else can read the file, at no moment.
pub(crate) fn write_new_private(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_new_private_by(path, write_all(path, bytes))
}

/// The same, of bytes that are not at hand together. What writes them says of an error that it is of this file.
pub(crate) fn write_new_private_by<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    write_new_for(Readers::Owner, path, write)
}

fn write_all(
    path: &Path,
    bytes: &[u8],
) -> impl FnOnce(&mut BufWriter<File>) -> Result<(), CliError> {
    move |out| out.write_all(bytes).map_err(|error| cannot_write(path, &error))
}

/// Refuses a place where there is a file.
pub(crate) fn must_be_new(path: &Path) -> Result<(), CliError> {
    if !path.exists() {
        return Ok(());
    }
    Err(CliError::refused(format!("{} exists already", path.display()))
        .hint("name another file, or remove that one"))
}

/// What is said of a file that was to be read.
pub(crate) fn cannot_read(path: &Path, error: &io::Error) -> CliError {
    let mut refused = CliError::refused(format!("{} cannot be read: {error}", path.display()));
    refused.hints.extend(hints::for_reading(path, error.kind()));
    refused
}

/// The same of one that was to be written.
pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    let mut refused = CliError::refused(format!("{} cannot be written: {error}", path.display()));
    refused.hints.extend(hints::for_writing(error.kind()));
    refused
}

const BEGUN: &str = ".demarche-begun";
const PARTIAL: &str = ".partial";

/// Who can read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    Owner,
    All,
}

fn write_new_for<T>(
    readers: Readers,
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    must_be_new(path)?;
    write_in_place(readers, path, write, |error| cannot_write(path, &error))
}

/// Writes a new file that its owner alone can read, durably: it is there whole, or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_in_place(Readers::Owner, path, |out| out.write_all(bytes), |error| error)
}

fn write_in_place<T, E>(
    readers: Readers,
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
    cannot: impl Fn(io::Error) -> E + Copy,
) -> Result<T, E> {
    let begun = begun(path);
    let mut out = BufWriter::new(begin_new(path, &begun, readers).map_err(cannot)?);
    let written = write(&mut out).and_then(|result| {
        let file = out.into_inner().map_err(|error| cannot(error.into_error()))?;
        sync_file(&file).map_err(cannot)?;
        put_new(&begun, path).map_err(cannot)?;
        sync_name(path).map_err(cannot)?;
        Ok(result)
    });
    if written.is_err() {
        let _ = fs::remove_file(&begun);
    }
    written
}

/// Gives a file its name, in one step, unless somebody made another of that name while it was written.
fn put_new(begun: &Path, path: &Path) -> io::Result<()> {
    match TempPath::try_from_path(begun)?.persist_noclobber(path) {
        Ok(()) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(failed.error),
        // The file system knows neither such a step nor a second name for a file: then it is as it was looked for at the beginning.
        Err(failed) => fs::rename(failed.path.keep()?, path),
    }
}

/// Makes the file that a new one is written into. Of two commands that write it at once only one has the lock, until the new
/// one is in its place; so that is looked for once the lock is held.
fn begin_new(path: &Path, begun: &Path, readers: Readers) -> io::Result<File> {
    let file = begin(begun, readers)?;
    if path.try_exists()? {
        fs::remove_file(begun)?;
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    Ok(file)
}

/// Makes the file that something is written into before it is moved into its place. One that is there was left by a
/// command that was cut off, unless somebody holds its lock.
fn begin(begun: &Path, readers: Readers) -> io::Result<File> {
    loop {
        let file = match new_file(readers, begun) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !fs::symlink_metadata(begun)?.is_file() {
                    return Err(error);
                }
                let left = File::options().write(true).open(begun)?;
                if held(&left, begun)? {
                    fs::remove_file(begun)?;
                }
                continue;
            }
            opened => opened?,
        };
        // Somebody may have taken it for one that was left before it was locked.
        if held(&file, begun)? {
            return Ok(file);
        }
    }
}

/// Locks a file; says whether it still lies where it was found.
fn held(file: &File, path: &Path) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let message = "another command is writing it";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, message));
        }
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    lies_at(file, path)
}

/// Whether a file that was opened still has the name by which it was found.
pub(crate) fn lies_at(file: &File, path: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    Ok(identity(&file.metadata()?) == identity(&found))
}

/// Writes a file, in place of one that may be there. Its bytes are on disk before it is moved into its place, so that
/// nobody finds half of it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_for(Readers::All, path, bytes).map(drop)
}

/// The same, for what a log keeps to its owner; its name is on disk, too. Nobody else gets its lock before that.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let _locked = replace_for(Readers::Owner, path, bytes)?;
    sync_name(path)
}

fn replace_for(readers: Readers, path: &Path, bytes: &[u8]) -> io::Result<File> {
    let begun = begun(path);
    // What was left by a write that was cut off has the mode of then.
    match fs::remove_file(&begun) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = new_file(readers, &begun)?;
    if readers == Readers::Owner {
        file.lock()?;
    }
    file.write_all(bytes)?;
    sync_file(&file)?;
    fs::rename(&begun, path)?;
    Ok(file)
}

fn new_file(readers: Readers, path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    options.open(path)
}

/// Where a file is written before it is moved into its place. Nobody else gives a file such a name: one that is found is
/// taken away.
pub(crate) fn begun(path: &Path) -> PathBuf {
    beside(path, BEGUN)
}

/// Where a directory is filled before it is moved into its place. It may be anybody's, so one that is found is left alone.
pub(crate) fn partial(path: &Path) -> PathBuf {
    beside(path, PARTIAL)
}

/// The name that what is written under a name is to have in its place.
pub(crate) fn finished(name: &str) -> &str {
    [BEGUN, PARTIAL].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would break: a file that somebody makes while an export is written is gone once that is whole.
    #[test]
    fn what_was_made_while_a_file_was_written_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.jsonl");
        let written = write_new_private_by(&path, |out| {
            fs::write(&path, "theirs")?;
            Ok(out.write_all(b"ours")?)
        });
        let refused = written.unwrap_err();
        assert!(refused.message.contains("x.jsonl cannot be written: "), "{refused:?}");
        assert!(refused.hints.iter().any(|hint| hint.contains("name another")), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert!(!begun(&path).exists());
    }
}
