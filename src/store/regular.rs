//! Regular files alone: opening a pipe would wait for its other end, and a device has no end. Each is looked at before it is
//! opened.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file to read it; a link to one is followed.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let found = fs::metadata(path)?;
    if found.is_file() { File::open(path) } else { Err(other_than_regular(&found)) }
}

/// Opens a file that a log has made, and that is no link: what that leads to may be anybody's.
pub(crate) fn open_own(path: &Path) -> io::Result<File> {
    open_in_place(path, File::options().read(true))
}

/// The same, to write to it; it is made where it is not there, for its owner alone.
pub(crate) fn open_or_make_own(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    loop {
        match open_in_place(path, &options) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        match options.clone().create_new(true).open(path) {
            // Somebody else made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
}

fn open_in_place(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() {
        return Err(other_than_regular(&found));
    }
    let file = options.open(path)?;
    // Another may have been put in its place meanwhile.
    if identity(&file.metadata()?) == identity(&found) { Ok(file) } else { Err(not_regular()) }
}

/// What tells a file from every other, whatever its names; `None` where the system does not say.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
pub(crate) fn identity(file: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((file.dev(), file.ino()))
}

/// The same, where the system does not say.
#[cfg(not(unix))]
pub(crate) fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

fn other_than_regular(found: &Metadata) -> io::Error {
    if found.is_dir() { io::ErrorKind::IsADirectory.into() } else { not_regular() }
}

/// Whether an error is that of [`open`] about what is no regular file.
pub(crate) fn is_not_regular(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory)
}

/// What is said of anything else.
pub(crate) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is a link, or is not a regular file")
}
