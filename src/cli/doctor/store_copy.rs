//! A copy of a log's store, among temporary files: whoever opens a store writes to it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::beside::make_private;
use crate::store::durable::claim_private_directory;
use crate::store::regular;
use crate::store::sled::names::{STORE, STORE_NEW, STORE_OLD};

/// The directories that a store lies in; the latter two only while a removal is under way, or was cut off.
pub(super) const STORES: [&str; 3] = [STORE, STORE_NEW, STORE_OLD];

/// How the names of copies begin.
const PREFIX: &str = "demarche-doctor-";
/// The file in a copy that is locked while somebody looks at it.
const IN_USE: &str = "in-use";

/// A copy of a store, which is taken away with it.
pub(super) struct StoreCopy {
    directory: TempDir,
    _in_use: File,
}

impl StoreCopy {
    /// Copies the store of a log, and takes away what of copies was left by who was killed.
    pub(super) fn of(log: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let mut begun = tempfile::Builder::new();
        begun.prefix(PREFIX);
        // Sealed parts are in it, and a kill leaves it there.
        #[cfg(unix)]
        begun.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let directory = begun.tempdir().map_err(|error| (std::env::temp_dir(), error))?;
        let in_use = lock(directory.path()).map_err(at(directory.path()))?;
        remove_left(directory.path());
        for name in STORES.iter().filter(|name| log.join(name).is_dir()) {
            copy_directory(&log.join(name), &directory.path().join(name))?;
        }
        Ok(Self { directory, _in_use: in_use })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Marks a copy as in use.
fn lock(copy: &Path) -> io::Result<File> {
    let file = File::create_new(copy.join(IN_USE))?;
    file.lock()?;
    Ok(file)
}

/// Takes away copies beside this one, of the same owner, that nobody looks at any more. What cannot be taken away stays for
/// the next.
fn remove_left(own: &Path) {
    let beside = own.parent().and_then(|directory| fs::read_dir(directory).ok());
    for entry in beside.into_iter().flatten().flatten() {
        let path = entry.path();
        let is_copy = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // One without the file holds nothing yet.
        if is_copy
            && has_same_owner(&path, own)
            && let Ok(in_use) = regular::open_own(&path.join(IN_USE))
            && in_use.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Whether both are directories of one owner.
fn has_same_owner(one: &Path, other: &Path) -> bool {
    let found = [one, other].map(fs::symlink_metadata);
    let [Ok(one), Ok(other)] = found else { return false };
    #[cfg(unix)]
    let is_same =
        std::os::unix::fs::MetadataExt::uid(&one) == std::os::unix::fs::MetadataExt::uid(&other);
    #[cfg(not(unix))]
    let is_same = true;
    is_same && one.is_dir() && other.is_dir()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> (PathBuf, io::Error) + use<> {
    let path = path.to_owned();
    move |error| (path, error)
}

fn copy_directory(from: &Path, to: &Path) -> Result<(), (PathBuf, io::Error)> {
    claim_private_directory(to).map_err(at(to))?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let entry = entry.map_err(at(from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(at(&path))?;
        if kind.is_dir() {
            copy_directory(&path, &target)?;
        } else if kind.is_file() {
            fs::copy(&path, &target).map_err(at(&path))?;
            make_private(&target, 0o600).map_err(at(&target))?;
        } else {
            // A pipe or a device would be read without end.
            return Err(at(&path)(regular::not_regular()));
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Whatever the modes of the store are: its copy is its owner's alone, and can be opened.
    #[test]
    fn the_copy_of_a_store_is_its_owners_alone() {
        let log = TempDir::new().unwrap();
        let within = log.path().join("store/blobs");
        fs::create_dir_all(&within).unwrap();
        for (name, mode) in [("a", 0o400), ("b", 0o666)] {
            fs::write(within.join(name), "x").unwrap();
            fs::set_permissions(within.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let copy = StoreCopy::of(log.path()).unwrap();
        for (path, expected) in [
            ("", 0o700),
            ("store", 0o700),
            ("store/blobs", 0o700),
            ("store/blobs/a", 0o600),
            ("store/blobs/b", 0o600),
        ] {
            let mode = fs::metadata(copy.path().join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected, "{path}");
        }
    }

    /// What would break: what was erased from a log would stay among temporary files for good, where `doctor` was killed.
    #[test]
    fn a_copy_that_was_left_is_taken_away_by_the_next_unless_it_is_in_use() {
        let log = TempDir::new().unwrap();
        fs::create_dir(log.path().join("store")).unwrap();
        let in_use = StoreCopy::of(log.path()).unwrap();
        let left = StoreCopy::of(log.path()).unwrap();
        let left_at = left.path().to_owned();
        let StoreCopy { mut directory, _in_use: in_use_no_more } = left;
        directory.disable_cleanup(true);
        drop((directory, in_use_no_more));
        assert!(left_at.join("store").is_dir());
        let foreign = in_use.path().with_file_name(format!("{PREFIX}of-somebody-else"));
        fs::create_dir(&foreign).unwrap();
        drop(StoreCopy::of(log.path()).unwrap());
        assert!(!left_at.exists());
        assert!(in_use.path().join("store").is_dir() && foreign.is_dir());
        fs::remove_dir(&foreign).unwrap();
    }
}
