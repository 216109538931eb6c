//! `demarche export --format tiles`: a directory that any web server can serve (c2sp.org/tlog-tiles).
//!
//! It is of the newest checkpoint that was signed, and can be written again into the same directory as the log grows:
//! files are never changed, the checkpoint aside, which is moved into place last, when all that it stands for is on disk.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::beside::read_file;
use super::checkpoint::none_yet;
use super::error::CliError;
use super::files::cannot_write;
use super::log_args::LogArgs;
use super::prove::choose;
use super::terminal::Terminal;
use super::{Outcome, Status, files};
use crate::event_log::tiles::tiles;
use crate::record::checkpoint::Checkpoint;
use crate::record::note::NOTE_BYTES_MAX;
use crate::store::durable::{make_directory, sync_name_of_another, sync_path};
use crate::store::regular;

pub(crate) fn export(args: &LogArgs, out: Option<&Path>, terminal: &mut Terminal) -> Outcome {
    let out = out.ok_or_else(|| {
        CliError::refused("tiles are many files, so they need a directory")
            .hint("name it: --out DIR")
    })?;
    let log = args.open_checked("demarche export", terminal)?;
    let journal = args.journal(&log)?;
    // The newest, with the cosignatures that it has.
    let newest =
        choose(&log, &journal, 1, None)?.ok_or_else(|| none_yet(args, "was signed"))?.entry;
    let checkpoint = &newest.checkpoint;
    check_earlier(out, checkpoint)?;
    let size = checkpoint.size;
    let progress = terminal.progress("exporting", None);
    let mut done = 0;
    let mut directories = BTreeSet::new();
    if !out.join("checkpoint").exists() {
        // Whoever made it may have been cut off before its name was on disk.
        make_directory(out)
            .and_then(|()| sync_name_of_another(out))
            .map_err(|error| cannot_write(out, &error))?;
    }
    let count = tiles(log.store(), size, &mut |path, bytes| {
        done += 1;
        progress.set(done);
        let place = out.join(path);
        let within = place.ancestors().skip(1).take_while(|directory| directory.starts_with(out));
        directories.extend(within.map(Path::to_path_buf));
        refuse_links(out, &place)?;
        put(&place, bytes)
    })?;
    drop(progress);
    for directory in &directories {
        sync_path(directory).map_err(|error| cannot_write(directory, &error))?;
    }
    let place = out.join("checkpoint");
    files::replace(&place, newest.note.to_string().as_bytes())
        .and_then(|()| sync_path(out))
        .map_err(|error| cannot_write(&place, &error))?;
    terminal.note(format!(
        "exported {size} headers in {count} files, and their checkpoint, to {}",
        out.display()
    ));
    terminal.note(
        "left out: what was reported, captured sources, sealed parts; a tile holds headers alone",
    );
    let later = log.head().size.saturating_sub(size);
    if later > 0 {
        terminal.note(format!(
            "{later} events after that checkpoint are left out; sign them: demarche checkpoint"
        ));
    }
    Ok(Status::Done)
}

/// An export that is there already must be of this log, and no longer than what replaces it.
fn check_earlier(out: &Path, next: &Checkpoint) -> Result<(), CliError> {
    let place = out.join("checkpoint");
    // The checkpoint comes last, so an export that was cut off has none; what it wrote is compared as it is met.
    let unfinished = [files::begun, files::partial].map(|name| name(Path::new("checkpoint")));
    let ours =
        |name: &OsStr| name == "tile" || unfinished.iter().any(|path| path.as_os_str() == name);
    let fresh = fs::read_dir(out).map_or(true, |mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| ours(&entry.file_name())))
    });
    let Ok(bytes) = read_file(&place, NOTE_BYTES_MAX) else {
        if fresh {
            return Ok(());
        }
        return Err(CliError::refused(format!(
            "{} holds something else than an export",
            out.display()
        ))
        .hint("name an empty directory, or one that tiles of this log were exported to"));
    };
    match Checkpoint::parse_note(&bytes) {
        Ok((_, earlier)) if earlier.origin == next.origin && earlier.size <= next.size => Ok(()),
        Ok((_, earlier)) => Err(CliError::failed(format!(
            "{} holds {} events of {}, this log has a checkpoint of {} of {}",
            place.display(),
            earlier.size,
            earlier.origin,
            next.size,
            next.origin
        ))
        .hint("see whether this log was cut: demarche verify --checkpoint FILE")),
        Err(error) => {
            Err(CliError::refused(format!("{} is no checkpoint: {error}", place.display())))
        }
    }
}

/// Refuses a link where a file of an export, or a directory between, is to be: what that leads to may be anybody's.
fn refuse_links(out: &Path, place: &Path) -> Result<(), CliError> {
    let is_link = |path: &&Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    match place.ancestors().take_while(|path| *path != out).find(is_link) {
        None => Ok(()),
        Some(link) => Err(CliError::refused(format!("{} is a link", link.display())).hint(
            "an export lies in its directory itself: take the link away, or name another directory",
        )),
    }
}

/// Writes a file, or compares it with the one that is there: what was published never changes.
fn put(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let known = regular::open(path).and_then(|file| {
        let (mut known, most) = (Vec::new(), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        file.take(most.saturating_add(1)).read_to_end(&mut known)?;
        Ok(known)
    });
    match known {
        Ok(known) if known == bytes => return Ok(()),
        Ok(_) => {
            return Err(CliError::failed(format!("{} was published with other bytes", path.display()))
                .hint("this log forks from the one that was exported, or the file was changed: demarche verify"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot_write(path, &error)),
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|error| cannot_write(directory, &error))?;
    }
    files::replace(path, bytes).map_err(|error| cannot_write(path, &error))
}
