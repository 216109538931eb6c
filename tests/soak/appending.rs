//! Who works on a log, until the power cuts are done.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use crate::after_cut::files_of;
use crate::beside::remove;
use crate::chance::Chance;
use crate::failure::Failure;
use crate::image::Image;
use crate::op::Op;
use crate::output::Acknowledged;
use crate::power::{Shared, Step, locked};
use crate::process::Program;
use crate::promised::{Attempt, Kept, Promised};
use crate::work::{BUNDLE, Work};

/// The most events of a log here, so that it stays within its image.
const EVENTS_MOST: u64 = 20_000;
/// The most events that a log is begun with.
const BEGUN_WITH_MOST: u64 = 4_000;
/// The longest time that nothing follows on what was written beside the log, in milliseconds: what follows syncs, too.
const QUIET_MS: u64 = 400;

/// Who appends, until the cuts are done.
pub(crate) struct Appending<'r> {
    program: &'r Program,
    image: PathBuf,
    log: PathBuf,
    scratch: PathBuf,
    shared: &'r Mutex<Shared>,
    chance: Chance,
    work: Work,
}

impl<'r> Appending<'r> {
    pub(crate) fn new(
        program: &'r Program,
        seed: u64,
        image: &Image,
        place: &Path,
        shared: &'r Mutex<Shared>,
    ) -> Result<Self, Failure> {
        let scratch = place.join("scratch");
        fs::create_dir_all(&scratch)?;
        Ok(Self {
            program,
            image: image.path().to_owned(),
            log: image.path().join("log"),
            scratch,
            shared,
            chance: Chance::of(seed, "power"),
            work: Work::new(Chance::of(seed, "work of power")),
        })
    }

    pub(crate) fn run(mut self) -> Result<(), Failure> {
        self.step(Op::Init, &["init", "--origin", "example.org/soak"], Attempt::default())?;
        locked(self.shared).is_there = true;
        let first = self.work.first(&self.scratch)?;
        let attempt = Attempt { ids: first.ids, ..Attempt::default() };
        self.step(Op::Bulk, &["append", &first.file.to_string_lossy()], attempt)?;
        let count = self.chance.between(1, BEGUN_WITH_MOST);
        self.batch(count)?;
        while !locked(self.shared).ended {
            let wanted = {
                let mut shared = locked(self.shared);
                shared.worked_on = shared.wanted;
                shared.wanted.unwrap_or(Op::Group)
            };
            // What comes between bears on what a cut finds.
            let op = if self.chance.percent(20) { *self.chance.one(&Op::ALL) } else { wanted };
            self.work_on(op)?;
        }
        Ok(())
    }

    fn work_on(&mut self, op: Op) -> Result<(), Failure> {
        let none = Attempt::default;
        let size = locked(self.shared).promised.size;
        match op {
            Op::Group | Op::Bulk | Op::Seal if size > EVENTS_MOST => self.single(Op::Single),
            Op::Init | Op::Single => self.single(Op::Single),
            Op::Group => self.group(),
            Op::Bulk => {
                let count = self.chance.between(100, 2_000);
                self.batch(count)
            }
            Op::Seal => {
                let missing = BUNDLE - size % BUNDLE;
                self.batch(missing.saturating_sub(3).max(1))?;
                (0..6).try_for_each(|_| self.single(Op::Seal))
            }
            Op::Erase => self.erase(),
            // Each has something to do.
            Op::Checkpoint => {
                self.single(Op::Single)?;
                self.step(op, &["checkpoint"], none())
            }
            Op::Snapshot => {
                self.single(Op::Single)?;
                self.step(op, &["snapshot"], none())
            }
            Op::SnapshotAnew => self.step(op, &["snapshot", "--anew"], none()),
            Op::Rotate | Op::Retire => self.rotate(),
            Op::Note => {
                self.single(Op::Single)?;
                self.write(op)
            }
            Op::Tiles => {
                self.step(Op::Checkpoint, &["checkpoint"], none())?;
                self.write(op)
            }
            Op::Export | Op::Backup => self.write(op),
            Op::Restore => self.restore(op, Op::Export),
            Op::RestoreBackup => self.restore(op, Op::Backup),
        }
    }

    /// Writes something beside the log, in place of what was written there before.
    fn write(&mut self, op: Op) -> Result<(), Failure> {
        let promised = locked(self.shared).promised.clone();
        let keeps = self.anew(op, promised)?;
        let place = self.image.join(&keeps.name);
        let (log, name) = (self.log.clone(), place.to_string_lossy().into_owned());
        self.step_on(op, &log, &[op.beside(), &[&name]].concat(), Attempt::default(), Some(keeps))?;
        self.keep_files(op, &place)
    }

    /// Restores what was written last, in place of what was restored before.
    fn restore(&mut self, op: Op, from: Op) -> Result<(), Failure> {
        if !locked(self.shared).kept.contains_key(&from) {
            self.write(from)?;
        }
        let (name, mut promised) = {
            let mut shared = locked(self.shared);
            let Some(source) = shared.kept.get_mut(&from) else { return Ok(()) };
            // A backup that is read is opened as a log is.
            source.files = None;
            (self.image.join(&source.name), source.promised.clone())
        };
        if from == Op::Export {
            // An export has no journal.
            promised.notes.clear();
        }
        let keeps = self.anew(op, promised)?;
        let log = self.image.join(&keeps.name);
        let arguments = ["restore", &name.to_string_lossy()];
        self.step_on(op, &log, &arguments, Attempt::default(), Some(keeps))?;
        self.quiet();
        Ok(())
    }

    /// Takes away what was written before; from here on nobody looks for it.
    fn anew(&self, op: Op, promised: Promised) -> Result<Kept, Failure> {
        locked(self.shared).kept.remove(&op);
        let name = op.name().replace(' ', "-");
        remove(&self.image.join(&name))?;
        Ok(Kept { name, promised, files: None })
    }

    /// Begins a rotation of keys, or ends the one that is under way.
    fn rotate(&mut self) -> Result<(), Failure> {
        let promised = {
            let mut shared = locked(self.shared);
            shared.kept.remove(&Op::Rotate);
            shared.promised.clone()
        };
        let keeps = Kept { name: "log".to_owned(), promised, files: None };
        let what = if self.log.join("key.former").exists() { "retire" } else { "rotate" };
        let (log, attempt) = (self.log.clone(), Attempt { recording: true, ..Attempt::default() });
        self.step_on(Op::Rotate, &log, &["key", what], attempt, Some(keeps))?;
        self.keep_files(Op::Rotate, &log)
    }

    /// Notes how the files of what was written are now.
    fn keep_files(&mut self, op: Op, place: &Path) -> Result<(), Failure> {
        let files = files_of(op, place)?;
        if let Some(kept) = locked(self.shared).kept.get_mut(&op) {
            kept.files = Some(files);
        }
        self.quiet();
        Ok(())
    }

    /// Does nothing for a while: whatever is done next makes durable what should have been before.
    fn quiet(&mut self) {
        std::thread::sleep(Duration::from_millis(self.chance.between(0, QUIET_MS)));
    }

    fn single(&mut self, op: Op) -> Result<(), Failure> {
        let (arguments, id) = self.work.single();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.step(op, &arguments, Attempt { ids: vec![id], ..Attempt::default() })
    }

    /// A process that appends one event after another.
    fn group(&mut self) -> Result<(), Failure> {
        let (seed, threads) = (self.chance.next() >> 1, self.chance.between(1, 4));
        let events = self.chance.between(50, 600);
        let arguments =
            ["--appender", &seed.to_string(), &events.to_string(), &threads.to_string()];
        let attempt = Attempt { many: true, ..Attempt::default() };
        self.step(Op::Group, &arguments, attempt)
    }

    fn batch(&mut self, count: u64) -> Result<(), Failure> {
        let batch = self.work.batch(count, &self.scratch)?;
        let file = batch.file.to_string_lossy().into_owned();
        let attempt = Attempt { ids: batch.ids, ..Attempt::default() };
        self.step(Op::Bulk, &["append", &file, "--json"], attempt)
    }

    /// Erases a statement that was acknowledged.
    fn erase(&mut self) -> Result<(), Failure> {
        let known: Vec<(String, u64)> = {
            let shared = locked(self.shared);
            let there = |(id, seq): &(&String, &u64)| {
                id.starts_with('e') && !shared.promised.erased.contains(*seq)
            };
            let known = shared.promised.ids.iter().filter(there);
            known.map(|(id, seq)| (id.clone(), *seq)).collect()
        };
        if known.is_empty() {
            return Ok(());
        }
        let (id, seq) = self.chance.one(&known).clone();
        let attempt = Attempt { erasing: Some(seq), ..Attempt::default() };
        self.step(Op::Erase, &["erase", &id, "--why", "soak"], attempt)
    }

    fn step(&mut self, op: Op, arguments: &[&str], attempt: Attempt) -> Result<(), Failure> {
        let log = self.log.clone();
        self.step_on(op, &log, arguments, attempt, None)
    }

    /// Runs one command where the other can stop it, and takes in what it acknowledged.
    fn step_on(
        &mut self,
        op: Op,
        log: &Path,
        arguments: &[&str],
        attempt: Attempt,
        keeps: Option<Kept>,
    ) -> Result<(), Failure> {
        let running = {
            let mut shared = locked(self.shared);
            let running = if attempt.many {
                self.program.start_appender(log, arguments, &self.scratch)?
            } else {
                self.program.start(log, arguments, &self.scratch)?
            };
            let (output, remarks) = (running.output().to_owned(), running.remarks().to_owned());
            let (process, keeps) = (running.id(), keeps.clone());
            shared.running = Some(Step { process, op, output, remarks, attempt, keeps });
            running
        };
        let ended = running.end()?;
        let mut shared = locked(self.shared);
        shared.running = None;
        shared.last = Some(op);
        if !ended.succeeded() {
            return Err(Failure::Wrong(ended.told()));
        }
        shared.promised.take(&Acknowledged::read(&ended.out));
        shared.kept.extend(keeps.map(|keeps| (op, keeps)));
        Ok(())
    }
}
