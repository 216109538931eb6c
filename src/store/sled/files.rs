//! Files and directories around sled's own: the lock, private modes, and what must be synced.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::names::LOCK;
use super::{StoreError, durable};
use crate::store::regular;

/// What stands in a lock between who holds it and the number of the process.
const PROCESS: &str = ", process ";
/// More bytes than a lock has.
const LOCK_BYTES_READ: u64 = 1024;
/// More bytes than sled's configuration has.
const CONF_BYTES_READ: u64 = 1024;

/// How long a lock is waited for at least. A process that starts another holds its locks twice for a moment, so one
/// that was just let go may look taken.
pub const WAIT_MIN: Duration = Duration::from_millis(500);

/// Tries again for some time while something is locked.
pub(super) fn waiting<T>(
    wait: Duration,
    mut attempt: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut left = wait.max(WAIT_MIN);
    loop {
        match attempt() {
            Err(StoreError::Locked { .. }) if !left.is_zero() => {
                let pause = left.min(Duration::from_millis(10));
                std::thread::sleep(pause);
                left -= pause;
            }
            done => return done,
        }
    }
}

pub(super) fn lock_path(dir: &Path) -> PathBuf {
    dir.join(LOCK)
}

/// Takes the lock of a log, or says who has it.
pub(super) fn lock(dir: &Path, holder: &str) -> Result<File, StoreError> {
    let path = lock_path(dir);
    let io = |error| StoreError::Io { path: path.clone(), error };
    let mut file = regular::open_or_make_own(&path).map_err(io)?;
    take(&file, dir, &path)?;
    file.set_len(0).map_err(io)?;
    // In one piece, so that it is never half there.
    let said = format!("{holder}{PROCESS}{}\n", std::process::id());
    file.write_all(said.as_bytes()).map_err(io)?;
    Ok(file)
}

/// What a lock says.
fn said(file: &File) -> String {
    let mut bytes = Vec::new();
    // What could not be read says nothing.
    let _ = file.take(LOCK_BYTES_READ).read_to_end(&mut bytes);
    // A power cut may leave zeros.
    String::from_utf8_lossy(&bytes).trim_matches(['\0', '\n']).to_owned()
}

/// Whether there is no lock, or one that this program wrote.
pub(super) fn may_be_lock(path: &Path) -> bool {
    match regular::open_own(path) {
        Ok(file) => Some(said(&file)).is_some_and(|said| said.is_empty() || said.contains(PROCESS)),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn take(file: &File, dir: &Path, path: &Path) -> Result<(), StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(fs::TryLockError::WouldBlock) => {
            let holder = Some(said(file)).filter(|said| !said.is_empty());
            Err(StoreError::Locked { path: dir.to_owned(), holder })
        }
        Err(fs::TryLockError::Error(error)) => Err(StoreError::Io { path: path.to_owned(), error }),
    }
}

/// Keeps other processes from opening a log, until it is dropped.
#[derive(Debug)]
pub struct Still(#[expect(dead_code, reason = "it is let go of when it is dropped")] Option<File>);

/// Takes the lock of a log as it lies. Where there is none yet, nobody ever had the log open.
pub(super) fn hold_still(dir: &Path) -> Result<Still, StoreError> {
    let path = lock_path(dir);
    match regular::open_own(&path) {
        Ok(file) => take(&file, dir, &path).map(|()| Still(Some(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Still(None)),
        Err(error) => Err(StoreError::Io { path, error }),
    }
}

/// Makes a directory that its owner alone can read, or has one of that name on disk: whoever made it may have been cut off
/// before it was.
pub(super) fn make_directory(path: &Path) -> Result<(), StoreError> {
    durable::make_private_directory(path)
        .and_then(|()| durable::sync_name_of_another(path))
        .map_err(|error| StoreError::Io { path: path.to_owned(), error })
}

/// Whether a file is of sled's making, by its name.
fn is_name_of_sled(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["conf", "db", "blobs"].contains(&&*name) || name.starts_with("snap.")
}

/// Whether a directory is a database of sled's, whole or damaged: by what its configuration says, or by a snapshot beside its
/// file. One line of the former is enough, since bits of it may have gone bad.
pub(super) fn is_of_sled(store: &Path) -> bool {
    let mut conf = Vec::new();
    let read = regular::open(&store.join("conf"))
        .and_then(|file| file.take(CONF_BYTES_READ).read_to_end(&mut conf));
    // What may not be looked at is for whoever opens it to say.
    if read.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        return true;
    }
    let conf = String::from_utf8_lossy(&conf);
    let says = |line: &str| conf.lines().any(|found| found.starts_with(line));
    if ["segment_size: ", "use_compression: "].into_iter().any(says) {
        return true;
    }
    let is_snapshot = |name: &OsStr| {
        let name = name.to_string_lossy();
        let number = name.strip_prefix("snap.");
        number.is_some_and(|n| n.len() == 16 && n.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let mut entries = fs::read_dir(store).into_iter().flatten().flatten();
    store.join("db").is_file() && entries.any(|entry| is_snapshot(&entry.file_name()))
}

/// Sees that what sled is about to open is where it seems to be: it writes where links lead, and waits for what is no file.
pub(super) fn refuse_links(store: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| StoreError::Io { path: store.to_owned(), error };
    for entry in fs::read_dir(store).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (name, kind) = (entry.file_name(), entry.file_type().map_err(io)?);
        let is_right = if name == "blobs" { kind.is_dir() } else { kind.is_file() };
        if is_name_of_sled(&name) && !is_right {
            return Err(StoreError::Io { path: entry.path(), error: regular::not_regular() });
        }
    }
    Ok(())
}

/// Lets nobody but the owner read what sled made. It makes its files as the process's mask has it, and its snapshots
/// anew at times of its own; until then it is the store's directory that keeps others out.
pub(super) fn restrict_files(store: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let io = |error: io::Error| StoreError::Io { path: store.to_owned(), error };
        for entry in fs::read_dir(store).map_err(io)? {
            let entry = entry.map_err(io)?;
            // Nobody else's, and nothing that a link leads to.
            if !is_name_of_sled(&entry.file_name()) || entry.file_type().map_err(io)?.is_symlink() {
                continue;
            }
            let path = entry.path();
            let found = match fs::metadata(&path) {
                Ok(found) => found,
                // sled takes the snapshot before the last one away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io(error)),
            };
            let mode = if found.is_dir() { 0o700 } else { 0o600 };
            if found.permissions().mode() & 0o777 != mode {
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(io)?;
            }
        }
    }
    Ok(())
}

/// Takes away what sled was writing when it was cut off while it opened the store: `snap.N.generating`, which it would take for
/// the newest file of its kind, and the store for damaged. Only whoever holds the lock may.
pub(super) fn remove_unfinished(store: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| StoreError::Io { path: store.to_owned(), error };
    if !store.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(store).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(io)?;
        }
    }
    Ok(())
}

/// Makes a file, or a directory's entries, durable.
pub(super) fn sync_path(path: &Path) -> Result<(), StoreError> {
    durable::sync_path(path).map_err(|error| StoreError::Io { path: path.to_owned(), error })
}

/// Makes the bytes of an open file durable; `path` is its name.
pub(super) fn sync_data(file: &File, path: &Path) -> Result<(), StoreError> {
    durable::sync_data(file).map_err(|error| StoreError::Io { path: path.to_owned(), error })
}
