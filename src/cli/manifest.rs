//! What a backup says of itself: `backup.json` in its directory, written last. A directory without it is no backup that
//! was finished; one with it is read, and not appended to.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::beside::read_file;
use super::error::CliError;
use super::files::write_private;
use super::hints::quoted;
use super::log_args::LogArgs;

pub(crate) const MANIFEST: &str = "backup.json";
/// The longest manifest, in bytes.
const MANIFEST_BYTES_MAX: usize = 64 * 1024;
/// The version of its keys.
const VERSION: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    v: u32,
    /// Who keeps the log.
    pub(crate) origin: String,
    /// How many events it holds.
    pub(crate) events: u64,
    /// The link of the last.
    pub(crate) chain: String,
    /// When it was made, by the clock of the machine; RFC 3339.
    pub(crate) made_at: String,
    /// How many sealed parts it holds.
    pub(crate) sealed: u64,
    /// How many were left out.
    pub(crate) sealed_left_out: u64,
    /// Whether it holds the signing key.
    pub(crate) key: bool,
    /// How many checkpoints its journal has; `None` if it has none, or was made before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoints: Option<u64>,
}

impl Manifest {
    pub(crate) fn new(origin: &str, events: u64, chain: String, made_at: String) -> Self {
        let origin = origin.to_owned();
        let (sealed, sealed_left_out, key, checkpoints) = (0, 0, false, None);
        Self {
            v: VERSION,
            origin,
            events,
            chain,
            made_at,
            sealed,
            sealed_left_out,
            key,
            checkpoints,
        }
    }

    /// What the backup in a directory says of itself.
    pub(crate) fn read(directory: &Path) -> Result<Self, CliError> {
        let (path, shown) = (path(directory), directory.display());
        if !path.exists() {
            return Err(CliError::refused(format!("{shown} is no finished backup: it has no {MANIFEST}"))
                .hint(format!("if it is a log, or a copy of one: demarche backup NEW_DIR --log {}, and restore that", quoted(directory))));
        }
        let unknown = |why: String| {
            CliError::refused(format!("{} cannot be read: {why}", path.display()))
                .hint("use another backup, or an export; or the version of the program that made this one")
        };
        let bytes = read_file(&path, MANIFEST_BYTES_MAX)?;
        let read: Self =
            serde_json::from_slice(&bytes).map_err(|error| unknown(error.to_string()))?;
        if read.v == VERSION {
            Ok(read)
        } else {
            Err(unknown(format!("it has version {}, this program knows {VERSION}", read.v)))
        }
    }

    /// Makes a directory a backup.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), CliError> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(write_private(&path(directory), &bytes)?)
    }
}

/// Sees that a backup is whole in its directory: it may be anybody's, and a link in it would have us write where it leads.
pub(crate) fn refuse_links(directory: &Path) -> Result<(), CliError> {
    let cannot = |error: std::io::Error| super::files::cannot_read(directory, &error);
    for entry in fs::read_dir(directory).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(cannot)?);
        if kind.is_dir() {
            refuse_links(&path)?;
        } else if !kind.is_file() {
            let shown = path.display();
            return Err(CliError::refused(format!("{shown} is a link, or no file: a backup has none"))
                .hint("use another backup, or an export; or a copy of this one in which it is replaced by what it leads to"));
        }
    }
    Ok(())
}

fn path(directory: &Path) -> PathBuf {
    directory.join(MANIFEST)
}

impl LogArgs {
    /// Whether the log is a backup.
    pub(crate) fn is_backup(&self) -> bool {
        path(self.directory()).exists()
    }

    /// Nothing is made in a backup, be it without its store: what came of that would be taken for the backup.
    pub(crate) fn refuse_to_make_in_backup(&self) -> Result<(), CliError> {
        if !self.is_backup() {
            return Ok(());
        }
        let shown = self.shown();
        Err(CliError::refused(format!(
            "{shown} has a {MANIFEST} in it: it is a backup, or was, and no log is made there"
        ))
        .hint("name a new directory: --log NEW_DIR")
        .hint(format!("if it is none, and you mean this directory: move {shown}/{MANIFEST} away")))
    }

    /// A backup is read. One that is appended to, or signs, is a second log that contradicts the first.
    pub(crate) fn refuse_backup(&self) -> Result<(), CliError> {
        if !self.is_backup() {
            return Ok(());
        }
        let shown = self.shown();
        Err(CliError::refused(format!(
            "{shown} is a backup: it is read, and nothing is added to it"
        ))
        .hint("go on in the log that it was made from: --log DIR")
        .hint(format!(
            "if that one is lost: demarche restore {} --log NEW_DIR, and go on there",
            self.quoted()
        )))
    }
}
