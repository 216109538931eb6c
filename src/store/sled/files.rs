//! Files and directories around sled's own: the lock, private modes, and what must be synced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::{StoreError, durable};

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

/// Takes the lock of a log, or says who has it.
pub(super) fn lock(dir: &Path, holder: &str) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let io = |error| StoreError::Io { path: path.clone(), error };
    let mut options = File::options();
    options.create(true).read(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).map_err(io)?;
    take(&file, dir, &path)?;
    file.set_len(0).map_err(io)?;
    writeln!(file, "{holder}, process {}", std::process::id()).map_err(io)?;
    Ok(file)
}

fn take(file: &File, dir: &Path, path: &Path) -> Result<(), StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(fs::TryLockError::WouldBlock) => {
            let said = fs::read_to_string(path).ok().map(|said| said.trim().to_owned());
            let holder = said.filter(|said| !said.is_empty());
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
    let path = dir.join("lock");
    match File::open(&path) {
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

/// Lets nobody but the owner read what sled made. It makes its files as the process's mask has it, and its snapshots
/// anew at times of its own; until then it is the store's directory that keeps others out.
pub(super) fn restrict_files(store: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let io = |error: io::Error| StoreError::Io { path: store.to_owned(), error };
        for entry in fs::read_dir(store).map_err(io)? {
            let path = entry.map_err(io)?.path();
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
