//! What makes files and directories durable. Every sync of our own is made here, so that the control of the soak test can leave them all
//! out, and lose something: else that test would show nothing.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

/// Makes the bytes of an open file durable.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    if left_out() { Ok(()) } else { file.sync_data() }
}

/// Makes an open file durable, with all that is known of it.
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    if left_out() { Ok(()) } else { file.sync_all() }
}

/// Makes a file, or a directory's entries, durable.
pub(crate) fn sync_path(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    sync_file(&File::open(path)?)
}

/// Makes the name of a file or a directory durable, or that it is gone.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_path)
}

/// The same, of a directory that may have been made by somebody who was cut off. Who may not read what holds it did not
/// make it.
pub(crate) fn sync_name_of_another(directory: &Path) -> io::Result<()> {
    match sync_name(directory) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Makes a directory, with those that lead to it; their names are on disk. One that is there is left as it is: others may
/// own what leads to it, and keep us from reading that.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    make(DirBuilder::new(), path)
}

/// The same, so that its owner alone can read it.
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    make(private(), path)
}

/// Makes a directory that its owner alone can read, where there is nothing yet; nothing is synced.
pub(crate) fn claim_private_directory(path: &Path) -> io::Result<()> {
    private().create(path)
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn make(mut builder: DirBuilder, path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parents = missing_ancestors(path);
    builder.recursive(true).create(path)?;
    parents.iter().try_for_each(|parent| sync_path(parent))
}

/// The parents of directories that do not exist yet: each must be synced once they do.
fn missing_ancestors(dir: &Path) -> Vec<PathBuf> {
    let mut parents = Vec::new();
    let mut at = Some(dir);
    while let Some(directory) = at {
        let parent = match directory.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => break,
        };
        parents.push(parent.to_owned());
        if parent.exists() {
            break;
        }
        at = Some(parent);
    }
    parents
}

/// Whether syncs are left out: never, but in the control.
#[cfg(not(feature = "soak-control"))]
const fn left_out() -> bool {
    false
}

#[cfg(feature = "soak-control")]
fn left_out() -> bool {
    std::env::var_os("DEMARCHE_SOAK_CONTROL").is_some()
}
