//! Kills: a command is ended by SIGKILL at a moment of chance. What it wrote is in the system's memory and stays, so this
//! looks for half-done work; what a power cut takes, `power` looks for.

use std::path::{Path, PathBuf};

use crate::chance::Chance;
use crate::check::{check, grew_by_attempt};
use crate::failure::Failure;
use crate::op::Op;
use crate::output::Acknowledged;
use crate::process::{Ended, Program};
use crate::promised::{Attempt, Promised};
use crate::report::Counts;
use crate::steps::Step;
use crate::tuning::Durations;
use crate::work::{BUNDLE, Work};

/// How many kills a log is put through.
const KILLS: u64 = 12;
/// The fewest and most events of a long append.
const BULK_LEAST: u64 = 1_000;
pub(crate) const BULK_MOST: u64 = 4_000;

/// How a command is stopped.
pub(crate) enum Stop<'p> {
    /// By a kill, within what it takes.
    Kill(&'p Durations),
    /// At one of its calls of the system.
    At(Step),
}

/// A log, and what it must hold.
pub(crate) struct UnderTest<'p> {
    pub(crate) program: &'p Program,
    stop: Stop<'p>,
    pub(crate) log: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) chance: Chance,
    pub(crate) work: Work,
    pub(crate) promised: Promised,
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
    let mut under = UnderTest::begin(program, Stop::Kill(durations), seed, place)?;
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

impl<'p> UnderTest<'p> {
    /// A log of its own, that holds something.
    pub(crate) fn begin(
        program: &'p Program,
        stop: Stop<'p>,
        seed: u64,
        place: &Path,
    ) -> Result<Self, Failure> {
        let mut under = Self {
            program,
            stop,
            log: place.join("log"),
            scratch: place.to_owned(),
            chance: Chance::of(seed, "kills"),
            work: Work::new(Chance::of(seed, "work of kills")),
            promised: Promised::default(),
            erasable: Vec::new(),
        };
        under.run(&["init", "--origin", "example.org/soak"])?;
        let first = under.work.first(&under.scratch)?;
        under.acknowledge(&["append", &first.file.to_string_lossy()])?;
        let count = under.chance.between(1, 1_500);
        under.append(count)?;
        under.acknowledge(&["checkpoint"])?;
        under.read(&Attempt::default())?;
        Ok(under)
    }

    /// From now on it is stopped otherwise.
    pub(crate) fn stop_at(&mut self, step: Step) {
        self.stop = Stop::At(step);
    }

    /// Runs a command that is stopped on its way.
    pub(crate) fn stopped(
        &mut self,
        op: Op,
        log: &Path,
        arguments: &[&str],
    ) -> Result<Ended, Failure> {
        let (program, scratch) = (self.program, &self.scratch);
        let ended = match &self.stop {
            Stop::Kill(durations) => {
                let delay = durations.delay(op, &mut self.chance);
                let running = if op == Op::Group {
                    program.start_appender(log, arguments, scratch)?
                } else {
                    program.start(log, arguments, scratch)?
                };
                running.kill_after(delay)?
            }
            Stop::At(step) => {
                program.under(step.tracer(scratch)).start(log, arguments, scratch)?.end()?
            }
        };
        let may_fail = match &self.stop {
            Stop::Kill(_) => ended.was_killed(),
            Stop::At(step) => !matches!(step, Step::Watched),
        };
        if ended.succeeded() || may_fail { Ok(ended) } else { Err(Failure::Wrong(ended.told())) }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Ended, Failure> {
        self.program.must(&self.log, arguments, &self.scratch)
    }

    /// Runs a command that must succeed, and takes in what it acknowledged.
    pub(crate) fn acknowledge(&mut self, arguments: &[&str]) -> Result<(), Failure> {
        let ended = self.run(arguments)?;
        self.promised.take(&Acknowledged::read(&ended.out));
        Ok(())
    }

    fn append(&mut self, count: u64) -> Result<(), Failure> {
        let batch = self.work.batch(count, &self.scratch)?;
        self.acknowledge(&["append", &batch.file.to_string_lossy()])
    }

    pub(crate) fn append_single(&mut self) -> Result<(), Failure> {
        let (arguments, _) = self.work.single();
        self.acknowledge(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Checks the log, and takes in what it holds.
    pub(crate) fn read(&mut self, attempt: &Attempt) -> Result<(), Failure> {
        let contents = check(self.program, &self.log, &self.promised, attempt, &self.scratch)?;
        grew_by_attempt(&contents, self.promised.size, attempt)?;
        self.promised.take_read(&contents);
        self.erasable = contents.erasable.into_iter().map(|(id, _)| id).collect();
        Ok(())
    }

    /// Stops one command, and looks at what it left; says whether it was stopped before its end.
    pub(crate) fn kill(&mut self, op: Op) -> Result<bool, Failure> {
        if !op.beside().is_empty() {
            return self.kill_beside(op);
        }
        let (arguments, attempt) = self.prepare(op)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let log = self.log.clone();
        let ended = self.stopped(op, &log, &arguments)?;
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
        if matches!(op, Op::Rotate | Op::Retire) {
            self.signs()?;
        }
        self.read(&Attempt::default())?;
        Ok(!ended.succeeded())
    }

    fn is_rotating(&self) -> bool {
        self.log.join("key.former").exists()
    }

    /// Runs a command that writes an event of the program's own.
    fn record(&mut self, arguments: &[&str]) -> Result<(), Failure> {
        self.run(arguments)?;
        self.read(&Attempt { recording: true, ..Attempt::default() })
    }

    /// Whatever became of a rotation: the log signs, with each key that it names. One that it never came to name lies in `key.new`
    /// until the next rotation, which adds it.
    fn signs(&mut self) -> Result<(), Failure> {
        self.acknowledge(&["checkpoint"])?;
        let held = |name: &str| self.log.join(name).exists();
        let signatures = self
            .promised
            .notes
            .last()
            .map_or(0, |note| note.lines().filter(|line| line.starts_with('\u{2014}')).count());
        let keys = self.run(&["key"])?.out.matches("; signs, and is held here").count();
        if signatures == keys && held("key") {
            return Ok(());
        }
        Err(Failure::Wrong(format!("{signatures} keys sign of {keys}")))
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
            Op::Rotate => {
                if self.is_rotating() {
                    self.record(&["key", "retire"])?;
                }
                (words(&["key", "rotate"]), Attempt { recording: true, ..none })
            }
            Op::Retire => {
                if !self.is_rotating() {
                    self.record(&["key", "rotate"])?;
                }
                (words(&["key", "retire"]), Attempt { recording: true, ..none })
            }
            _ => (words(&["snapshot"]), none),
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
}
