//! The directory of a log, who can read what in it, and who has it open.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::hints;
use super::super::log_args::LogArgs;
use super::super::manifest::Manifest;
use super::Findings;
use super::store_copy::{STORES, StoreCopy};
use crate::store::StoreError;
use crate::store::sled::SledStore;
use crate::store::sled::names::{HEAD, LOCK};

/// What a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It holds a log.
    Log,
    /// It holds none.
    NoLog,
    /// It cannot be looked into.
    Closed,
}

/// Is there a log at all?
pub(super) fn directory(args: &LogArgs, found: &mut Findings) -> Place {
    if let Err(error) = fs::read_dir(args.directory())
        && error.kind() == io::ErrorKind::PermissionDenied
    {
        let advice = hints::for_system(error.kind()).unwrap_or_default();
        let about = format!("{} cannot be looked into: {error}", args.shown());
        found.wrong("directory", about, &[&advice]);
        return Place::Closed;
    }
    if !args.exists() {
        found.wrong(
            "directory",
            format!("there is no log in {}", args.shown()),
            &[
                "name another directory: --log DIR, or DEMARCHE_LOG",
                &args.how_to_make(),
                "if it was lost: demarche restore BACKUP_DIR --log NEW_DIR",
            ],
        );
        return Place::NoLog;
    }
    if args.is_backup() {
        match Manifest::read(args.directory()) {
            Ok(manifest) => found.ok(
                "directory",
                format!(
                    "{} is a backup of {}, of {}: it is read, and nothing is added to it",
                    args.shown(),
                    manifest.origin,
                    manifest.made_at
                ),
            ),
            Err(error) => found.refused("directory", &error),
        }
    } else {
        erasure(args, found);
    }
    Place::Log
}

/// Was an erasure cut off, and before or after the store that is without what it takes away became the log?
fn erasure(args: &LogArgs, found: &mut Findings) {
    let [store, new, old] = STORES.map(|name| args.directory().join(name).is_dir());
    if !new && !old {
        return found.ok("directory", args.shown());
    }
    let about = format!("an erasure in {} was cut off", args.shown());
    // The old store is moved aside first, then the new one into its place.
    if store == new {
        let next = "give the erasure again: demarche erase ID --why WHY";
        return found.attention("directory", format!("{about}, and did not happen"), &[next]);
    }
    let next = "the next command that opens the log ends it: demarche verify";
    found.attention("directory", about, &[next]);
}

/// Who can read, or write, what a log keeps to its owner. The key has a check of its own.
#[cfg(unix)]
pub(super) fn modes(args: &LogArgs, found: &mut Findings) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).ok().map(|of| of.permissions().mode() & 0o777);
    let mut open = Vec::new();
    let mut advice = Vec::new();
    let mut closed = None;
    for file in [LOCK, HEAD].map(|name| args.directory().join(name)) {
        closed = closed.or(unusable(&file, &mut open, &mut advice));
    }
    // Whoever can write into the directory can put another log in the place of this one.
    if let Some(mode) = mode(args.directory()).filter(|mode| mode & 0o022 != 0) {
        open.push(format!("{} has mode {mode:03o}, so others can write in it", args.shown()));
        advice.push(format!("chmod go-w {}", args.quoted()));
    }
    let journals = args.journal_directory();
    let private = STORES.iter().map(|name| args.directory().join(name)).chain([journals]);
    for directory in private.filter(|path| path.is_dir()) {
        let to_others = mode(&directory).filter(|mode| mode & 0o077 != 0);
        if let Some(mode) = to_others {
            let shown = directory.display();
            open.push(format!("{shown} has mode {mode:03o}, so others can look into it"));
            advice.push(format!("chmod 700 {}", hints::quoted(&directory)));
        }
        for file in entries(&directory).into_iter().filter(|path| path.is_file()) {
            closed = closed.or(unusable(&file, &mut open, &mut advice));
            // sled makes its snapshots as the process's mask has it; whoever opens the store next mends that.
            if to_others.is_none() && is_snapshot(&file) {
                continue;
            }
            if let Some(mode) = mode(&file).filter(|mode| mode & 0o077 != 0) {
                let shown = file.display();
                open.push(format!("{shown} has mode {mode:03o}, so others can read it"));
                advice.push(format!("chmod 600 {}", hints::quoted(&file)));
            }
        }
    }
    advice.extend(closed.and_then(hints::for_system));
    if open.is_empty() {
        found.ok("modes", "store and journal are their owner's alone");
    } else {
        let advice: Vec<&str> = advice.iter().map(String::as_str).collect();
        found.wrong("modes", open.join("; "), &advice);
    }
}

/// Whether a file of a store is a snapshot of sled's, or is becoming one.
#[cfg(unix)]
fn is_snapshot(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap."))
}

/// What to do about what stands in the place of a file that the log has made, and is not opened. Of a lock or a head another is
/// made where there is none.
fn out_of_the_way(path: &Path) -> String {
    if path.is_file() {
        format!("move what it leads to into its place: {}", hints::to_its_place(path))
    } else {
        "move it away: the next command makes another".to_owned()
    }
}

/// Whether whoever runs this cannot read and write a file, as every command must, and why.
#[cfg(unix)]
fn unusable(
    file: &Path,
    wrong: &mut Vec<String>,
    advice: &mut Vec<String>,
) -> Option<io::ErrorKind> {
    let shown = file.display();
    if fs::symlink_metadata(file).is_ok_and(|found| !found.is_file()) {
        wrong.push(format!("{shown} is a link, or is not a regular file, so it is not opened"));
        advice.push(out_of_the_way(file));
        return None;
    }
    let error = fs::File::options().read(true).write(true).open(file).err()?;
    match error.kind() {
        io::ErrorKind::NotFound => return None,
        io::ErrorKind::PermissionDenied => {
            advice.push(format!("chmod u+rw {}", hints::quoted(file)));
        }
        _ => {}
    }
    wrong.push(format!("{shown} cannot be opened by who runs this: {error}"));
    Some(error.kind())
}

/// Who can read what is not known here.
#[cfg(not(unix))]
pub(super) fn modes(_: &LogArgs, found: &mut Findings) {
    found.not_checked("modes", "this system has none");
}

#[cfg(unix)]
fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Says who has the log open and, if nobody has, copies the files of its store.
pub(super) fn copied(args: &LogArgs, found: &mut Findings) -> Option<StoreCopy> {
    let still = match SledStore::hold_still(args.directory(), args.wait()) {
        Ok(still) => still,
        Err(StoreError::Locked { holder, .. }) => {
            let holder = holder.unwrap_or_else(|| "another process".to_owned());
            found.attention(
                "lock",
                format!("{holder} has the log open"),
                &[
                    "wait for it to end, and run demarche doctor again to have the store looked at",
                    "meanwhile read a backup: --log BACKUP_DIR, made by demarche backup",
                ],
            );
            found.not_checked("store", "another process has it open");
            return None;
        }
        Err(error) => {
            let lock = args.directory().join(LOCK);
            let is_regular = fs::symlink_metadata(&lock).is_ok_and(|found| found.is_file());
            let advice = match error.refused_by_system() {
                Some(io::ErrorKind::PermissionDenied) => {
                    vec!["who owns the log's directory must be who runs this".to_owned()]
                }
                _ if !is_regular => vec![out_of_the_way(&lock)],
                _ => hints::for_store(&error),
            };
            let advice: Vec<&str> = advice.iter().map(String::as_str).collect();
            found.wrong("lock", error.to_string(), &advice);
            found.not_checked("store", "the lock cannot be taken");
            return None;
        }
    };
    found.ok("lock", "nobody has the log open");
    let copied = StoreCopy::of(args.directory());
    drop(still);
    match copied {
        Ok(copy) => Some(copy),
        Err((path, error)) => {
            const NO_ROOM: &str = "if there is no room for temporary files, name a place with room: TMPDIR=DIR demarche doctor";
            let of_log = Some(error.kind()).filter(|_| path.starts_with(args.directory()));
            let advice = of_log.and_then(hints::for_system);
            found.wrong(
                "store",
                format!("its files cannot be copied, to be looked at: {}: {error}", path.display()),
                &[advice.as_deref().unwrap_or(NO_ROOM)],
            );
            None
        }
    }
}
