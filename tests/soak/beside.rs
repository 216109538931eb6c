//! Kills of what writes beside the log: exports, notes, backups, and logs that are restored from them. What is there after
//! is whole, or the command can be given again; and the log is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::check::check;
use crate::failure::Failure;
use crate::kills::UnderTest;
use crate::op::Op;
use crate::output::Acknowledged;
use crate::process::Ended;
use crate::promised::Attempt;

impl UnderTest<'_> {
    /// Stops one, and looks at what it left; says whether it was stopped before its end.
    pub(crate) fn kill_beside(&mut self, op: Op) -> Result<bool, Failure> {
        // Of a log that was signed as it is, no further note would be written.
        self.append_single()?;
        self.read(&Attempt::default())?;
        let place = self.scratch.join("beside");
        let killed = match op {
            Op::Restore => self.kill_restore(op, Op::Export, &place)?,
            Op::RestoreBackup => self.kill_restore(op, Op::Backup, &place)?,
            _ => self.kill_writing(op, &place)?,
        };
        remove(&place)?;
        self.append_single()?;
        self.read(&Attempt::default())?;
        Ok(killed)
    }

    /// What writes leaves nothing, or all, and can be given again.
    fn kill_writing(&mut self, op: Op, place: &Path) -> Result<bool, Failure> {
        let name = place.to_string_lossy().into_owned();
        let arguments = [op.beside(), &[&name]].concat();
        let log = self.log.clone();
        let killed = self.stopped(op, &log, &arguments)?;
        self.promised.take(&Acknowledged::read(&killed.out));
        // The checkpoint of tiles comes last.
        let is_there = if op == Op::Tiles { place.join("checkpoint") } else { place.to_owned() };
        if !is_there.exists() {
            if op.said(&killed.out, &killed.err) {
                return Err(Failure::Lost(format!("what was written: {}", killed.told())));
            }
            if op == Op::Backup {
                self.half_a_backup(&arguments, &partial(place))?;
            }
            self.acknowledge(&arguments)?;
        }
        self.is_whole(op, place, &name)?;
        Ok(!killed.succeeded())
    }

    /// What a backup leaves that was cut off: what says that it is a backup is one, all else is refused; and it is in the
    /// way of the next until it is removed, as that says.
    fn half_a_backup(&mut self, arguments: &[&str], partial: &Path) -> Result<(), Failure> {
        if !partial.exists() {
            return Ok(());
        }
        let finished = partial.join("backup.json").exists();
        let again = self.scratch.join("again");
        if finished {
            self.restores(partial, &again)?;
        } else {
            let name = partial.to_string_lossy();
            let restored = self.program.run(&again, &["restore", &name], &self.scratch)?;
            if restored.succeeded() || again.exists() {
                return Err(Failure::Wrong(format!("half a backup: {}", restored.told())));
            }
        }
        let refused = self.program.run(&self.log, arguments, &self.scratch)?;
        if refused.succeeded() || !refused.err.contains("a backup that was cut off") {
            return Err(Failure::Wrong(refused.told()));
        }
        Ok(fs::remove_dir_all(partial)?)
    }

    /// That a backup restores to the log as it is known, which can be appended to.
    fn restores(&mut self, backup: &Path, to: &Path) -> Result<(), Failure> {
        let restored =
            self.program.must(to, &["restore", &backup.to_string_lossy()], &self.scratch)?;
        self.is_restored(Op::RestoreBackup, to, &restored)
    }

    fn is_restored(&mut self, op: Op, copy: &Path, said: &Ended) -> Result<(), Failure> {
        let (mut promised, none) = (self.promised.clone(), Attempt::default());
        if op == Op::Restore {
            // An export has no journal.
            promised.notes.clear();
        }
        let restored = check(self.program, copy, &promised, &none, &self.scratch)
            .map_err(|failure| Failure::Wrong(format!("{failure}\nafter {}", said.told())))?;
        let known: Vec<String> = self.promised.links.values().cloned().collect();
        if restored.links != known {
            return Err(Failure::Wrong("the restored log is another one".to_owned()));
        }
        let (single, _) = self.work.single();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        self.program.must(copy, &single, &self.scratch)?;
        self.program.must(copy, &["verify"], &self.scratch)?;
        Ok(fs::remove_dir_all(copy)?)
    }

    /// That what was written is whole.
    fn is_whole(&mut self, op: Op, place: &Path, name: &str) -> Result<(), Failure> {
        match op {
            Op::Export => self.run(&["verify", name]).map(drop),
            Op::Note => {
                // Whoever finds it may rely on it, whether or not it was printed.
                self.promised.take(&Acknowledged::read(&fs::read_to_string(place)?));
                self.run(&["verify", "--checkpoint", name]).map(drop)
            }
            Op::Tiles => {
                let fresh = self.scratch.join("fresh");
                let name = fresh.to_string_lossy().into_owned();
                self.run(&[op.beside(), &[&name]].concat())?;
                if files(place)? != files(&fresh)? {
                    return Err(Failure::Wrong("tiles that were cut off are not whole".to_owned()));
                }
                Ok(fs::remove_dir_all(fresh)?)
            }
            _ => self.restores(place, &self.scratch.join("again")),
        }
    }

    /// A restore that is killed leaves a whole log, or can be given again.
    fn kill_restore(&mut self, op: Op, from: Op, place: &Path) -> Result<bool, Failure> {
        let name = place.to_string_lossy().into_owned();
        let mut arguments = [from.beside(), &[&name]].concat();
        let with_key = op == Op::RestoreBackup && self.chance.percent(50);
        if with_key {
            arguments.push("--with-key");
        }
        self.run(&arguments)?;
        let copy = self.scratch.join("copy");
        let killed = self.stopped(op, &copy, &["restore", &name])?;
        let again = self.program.run(&copy, &["restore", &name], &self.scratch)?;
        // Without one more restore, the log must be there; and where it was said to be, it must.
        if op.said(&killed.out, &killed.err) && again.succeeded() {
            return Err(Failure::Lost("a log that was restored".to_owned()));
        }
        if with_key {
            self.program.must(&copy, &["checkpoint"], &self.scratch)?;
        }
        self.is_restored(op, &copy, &again)?;
        Ok(!killed.succeeded())
    }
}

/// Where a backup is made before it is moved into its place.
fn partial(place: &Path) -> PathBuf {
    let mut partial = place.as_os_str().to_owned();
    partial.push(".partial");
    partial.into()
}

/// Takes away what may have been written to a place.
pub(crate) fn remove(place: &Path) -> Result<(), Failure> {
    if place.is_dir() {
        fs::remove_dir_all(place)?;
    } else if place.exists() {
        fs::remove_file(place)?;
    }
    Ok(())
}

/// The hash of every file in a directory, or of a file alone, by its path.
pub(crate) fn files(at: &Path) -> Result<BTreeMap<PathBuf, blake3::Hash>, Failure> {
    let mut found = BTreeMap::new();
    let mut left = if at.exists() { vec![at.to_owned()] } else { Vec::new() };
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else {
            let within = path.strip_prefix(at).unwrap_or(&path).to_owned();
            found.insert(within, blake3::hash(&fs::read(&path)?));
        }
    }
    Ok(found)
}
