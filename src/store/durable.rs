//! What makes files durable. Every sync of our own is made here, so that the control of the soak test can leave them all
//! out, and lose something: else that test would show nothing.

use std::fs::File;
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

/// The parents of directories that do not exist yet: each must be synced once they do.
pub(crate) fn missing_ancestors(dir: &Path) -> Vec<PathBuf> {
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
