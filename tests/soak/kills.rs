//! Kills: a command is ended by SIGKILL at a moment of chance. What it wrote is in the system's memory and stays, so this
//! looks for half-done work; what a power cut takes, `power` looks for.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chance::Chance;
use crate::check::{check, grew_by_attempt, look};
use crate::failure::Failure;
use crate::output::Acknowledged;
use crate::process::{Ended, Program};
use crate::promised::{Attempt, Promised};
use crate::report::Counts;
use crate::tuning::Durations;
use crate::work::{BUNDLE, Work};

/// How many kills a log is put through.
const KILLS: u64 = 12;
/// The fewest and most events of a long append.
const BULK_LEAST: u64 = 1_000;
pub(crate) const BULK_MOST: u64 = 4_000;

/// What is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Single,
    Group,
    Bulk,
    Seal,
    Erase,
    Snapshot,
    SnapshotAnew,
    Checkpoint,
    Restore,
    Export,
}

impl Op {
    const ALL: [Self; 10] = [
        Self::Single,
        Self::Group,
        Self::Bulk,
        Self::Seal,
        Self::Erase,
        Self::Snapshot,
        Self::SnapshotAnew,
        Self::Checkpoint,
        Self::Restore,
        Self::Export,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Single => "single appends",
            Self::Group => "appends of one process",
            Self::Bulk => "long appends",
            Self::Seal => "appends that seal",
            Self::Erase => "erasures",
            Self::Snapshot => "snapshots",
            Self::SnapshotAnew => "snapshots anew",
            Self::Checkpoint => "checkpoints",
            Self::Restore => "restores",
            Self::Export => "exports",
        }
    }
}

/// A log, and what it must hold.
struct UnderTest<'p> {
    program: &'p Program,
    durations: &'p Durations,
    log: PathBuf,
    scratch: PathBuf,
    chance: Chance,
    work: Work,
    promised: Promised,
    erasable: Vec<String>,
}

/// One log, and its kills.
pub(crate) fn round(
    program: &Program,
    durations: &Durations,
    seed: u64,
    place: &Path,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let mut under = UnderTest {
        program,
        durations,
        log: place.join("log"),
        scratch: place.to_owned(),
        chance: Chance::of(seed, "kills"),
        work: Work::new(Chance::of(seed, "work of kills")),
        promised: Promised::default(),
        erasable: Vec::new(),
    };
    under.begin()?;
    for _ in 0..KILLS {
        let op = *under.chance.one(&Op::ALL);
        match under.kill(op) {
            Ok(true) => counts.stopped(op.name()),
            Ok(false) => counts.early += 1,
            Err(failure) => {
                counts.stopped(op.name());
                println!("kills {seed}: while killing {}:", op.name());
                return Err(failure);
            }
        }
    }
    counts.events += under.promised.size;
    counts.notes += u64::try_from(under.promised.notes.len()).unwrap_or(0);
    Ok(())
}

impl UnderTest<'_> {
    fn run(&self, arguments: &[&str]) -> Result<Ended, Failure> {
        self.program.must(&self.log, arguments, &self.scratch)
    }

    /// Runs a command that must succeed, and takes in what it acknowledged.
    fn acknowledge(&mut self, arguments: &[&str]) -> Result<(), Failure> {
        let ended = self.run(arguments)?;
        self.promised.take(&Acknowledged::read(&ended.out));
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.run(&["init", "--origin", "example.org/soak"])?;
        let first = self.work.first(&self.scratch)?;
        self.acknowledge(&["append", &first.file.to_string_lossy()])?;
        let count = self.chance.between(1, 1_500);
        self.append(count)?;
        self.acknowledge(&["checkpoint"])?;
        self.read(&Attempt::default())
    }

    fn append(&mut self, count: u64) -> Result<(), Failure> {
        let batch = self.work.batch(count, &self.scratch)?;
        self.acknowledge(&["append", &batch.file.to_string_lossy()])
    }

    fn append_single(&mut self) -> Result<(), Failure> {
        let (arguments, _) = self.work.single();
        self.acknowledge(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Checks the log, and takes in what it holds.
    fn read(&mut self, attempt: &Attempt) -> Result<(), Failure> {
        let contents = check(self.program, &self.log, &self.promised, attempt, &self.scratch)?;
        grew_by_attempt(&contents, self.promised.size, attempt)?;
        self.promised.take_read(&contents);
        self.erasable = contents.erasable.into_iter().map(|(id, _)| id).collect();
        Ok(())
    }

    /// Kills one command, and looks at what it left; says whether the kill came before the end.
    fn kill(&mut self, op: Op) -> Result<bool, Failure> {
        match op {
            Op::Restore => return self.kill_restore(),
            Op::Export => return self.kill_export(),
            _ => {}
        }
        let (arguments, attempt) = self.prepare(op)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let delay = self.durations.delay(op, &mut self.chance);
        let running = if op == Op::Group {
            self.program.start_appender(&self.log, &arguments, &self.scratch)?
        } else {
            self.program.start(&self.log, &arguments, &self.scratch)?
        };
        let ended = running.kill_after(delay)?;
        if !ended.was_killed() && !ended.succeeded() {
            return Err(Failure::Wrong(ended.told()));
        }
        let before = self.promised.size;
        let acknowledged = Acknowledged::read(&ended.out);
        self.promised.take(&acknowledged);
        let contents = check(self.program, &self.log, &self.promised, &attempt, &self.scratch)?;
        grew_by_attempt(&contents, before, &attempt)?;
        // An erasure and the event that says so stand or fall together.
        if let Some(seq) = attempt.erasing
            && contents.absent.contains(&seq) != (contents.size() > before)
        {
            return Err(Failure::Wrong(format!("event {seq} was erased in part")));
        }
        self.promised.take_read(&contents);
        self.erasable = contents.erasable.into_iter().map(|(id, _)| id).collect();
        // It goes on, and still verifies.
        self.append_single()?;
        self.read(&Attempt::default())?;
        Ok(ended.was_killed())
    }

    /// What is run, and what it attempts.
    fn prepare(&mut self, op: Op) -> Result<(Vec<String>, Attempt), Failure> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let none = Attempt::default();
        Ok(match op {
            Op::Single => {
                for _ in 0..self.chance.between(0, 3) {
                    self.append_single()?;
                }
                let (arguments, id) = self.work.single();
                (arguments, Attempt { ids: vec![id], ..Attempt::default() })
            }
            Op::Group => {
                let (seed, threads) = (self.chance.next() >> 1, self.chance.between(1, 4));
                let arguments = ["--appender", &seed.to_string(), "100000", &threads.to_string()];
                (words(&arguments), Attempt { many: true, ..none })
            }
            Op::Bulk => {
                let count = self.chance.between(BULK_LEAST, BULK_MOST);
                self.file(count)?
            }
            Op::Seal => {
                // Up to just below a full bundle, so that what comes next seals it.
                let missing = BUNDLE - self.promised.size % BUNDLE;
                let more = self.chance.between(1, 8);
                if missing > more {
                    self.append(missing - more)?;
                }
                let count = self.chance.between(more + 1, more + 12);
                self.file(count)?
            }
            Op::Erase => {
                let id = self.chance.one(&self.erasable).clone();
                let erasing = self.promised.ids.get(&id).copied();
                (words(&["erase", &id, "--why", "soak"]), Attempt { erasing, ..Attempt::default() })
            }
            Op::SnapshotAnew => (words(&["snapshot", "--anew"]), none),
            Op::Checkpoint => (words(&["checkpoint"]), none),
            Op::Snapshot | Op::Restore | Op::Export => (words(&["snapshot"]), none),
        })
    }

    fn file(&mut self, count: u64) -> Result<(Vec<String>, Attempt), Failure> {
        let batch = self.work.batch(count, &self.scratch)?;
        let mut arguments = vec!["append".to_owned(), batch.file.to_string_lossy().into_owned()];
        if self.chance.percent(50) {
            arguments.push("--json".to_owned());
        }
        Ok((arguments, Attempt { ids: batch.ids, ..Attempt::default() }))
    }

    /// A restore that is killed leaves a whole log, or can be repeated.
    fn kill_restore(&mut self) -> Result<bool, Failure> {
        let (export, copy) = (self.scratch.join("export"), self.scratch.join("copy"));
        let file = export.to_string_lossy().into_owned();
        self.run(&["export", "--out", &file])?;
        let delay = self.durations.delay(Op::Restore, &mut self.chance);
        let running = self.program.start(&copy, &["restore", &file], &self.scratch)?;
        let killed = running.kill_after(delay)?;
        let again = self.program.run(&copy, &["restore", &file], &self.scratch)?;
        // Without one more restore, the log must be there; and where it was said to be, it must.
        if killed.out.contains("head:") && again.succeeded() {
            return Err(Failure::Lost("a log that was restored".to_owned()));
        }
        let restored = look(self.program, &copy, &self.scratch)
            .map_err(|failure| Failure::Wrong(format!("{failure}\nafter {}", again.told())))?;
        let known: Vec<String> = self.promised.links.values().cloned().collect();
        if restored.links != known {
            return Err(Failure::Wrong("the restored log is another one".to_owned()));
        }
        fs::remove_dir_all(copy)?;
        fs::remove_file(export)?;
        Ok(killed.was_killed())
    }

    /// An export that is killed leaves no file, or a whole one, and can be repeated.
    fn kill_export(&mut self) -> Result<bool, Failure> {
        let export = self.scratch.join("export");
        let file = export.to_string_lossy().into_owned();
        let delay = self.durations.delay(Op::Export, &mut self.chance);
        let running = self.program.start(&self.log, &["export", "--out", &file], &self.scratch)?;
        let killed = running.kill_after(delay)?;
        if !export.exists() {
            if killed.err.contains("exported") {
                return Err(Failure::Lost("an export".to_owned()));
            }
            self.run(&["export", "--out", &file])?;
        }
        self.run(&["verify", &file])?;
        self.read(&Attempt::default())?;
        fs::remove_file(export)?;
        Ok(killed.was_killed())
    }
}
