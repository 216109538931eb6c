//! Power cuts: a log on an image of its own is appended to; at moments of chance the program is stopped where it stands and
//! the image is copied. Each copy is mounted, and must hold everything that was acknowledged before.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::chance::Chance;
use crate::check::check;
use crate::failure::Failure;
use crate::image::{Image, tool};
use crate::output::Acknowledged;
use crate::process::Program;
use crate::promised::{Attempt, Promised};
use crate::report::Counts;
use crate::work::{BUNDLE, Work};

/// How many cuts an image is put through.
const CUTS: u64 = 4;
/// The longest time between two cuts, in milliseconds.
const APART_MS: u64 = 500;
const IMAGE_MIB: u64 = 256;
/// The most events of a log here, so that it stays within its image.
const EVENTS_MOST: u64 = 20_000;

/// What the one who appends and the one who cuts both know.
#[derive(Default)]
struct Shared {
    promised: Promised,
    /// Whether `init` has ended.
    is_there: bool,
    running: Option<Step>,
    ended: bool,
}

/// A command under way.
#[derive(Clone)]
struct Step {
    process: u32,
    name: &'static str,
    output: PathBuf,
    attempt: Attempt,
}

/// What a cut left, and what must be in it.
struct Cut {
    image: PathBuf,
    during: &'static str,
    is_there: bool,
    promised: Promised,
    attempt: Attempt,
}

/// One image, and its cuts.
pub(crate) fn round(
    program: &Program,
    seed: u64,
    place: &Path,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let image = Image::make(&place.join("image"), IMAGE_MIB, &place.join("mounted"))?;
    let shared = Mutex::new(Shared::default());
    let cuts = std::thread::scope(|scope| {
        let appending = scope.spawn(|| {
            let appended = Appending::new(program, seed, &image, place, &shared)?.run();
            locked(&shared).ended = true;
            appended
        });
        let cuts = cut(&image, seed, place, &shared);
        locked(&shared).ended = true;
        let appended = appending.join();
        let cuts = cuts?;
        appended.map_err(|_| Failure::Machine("the appending thread panicked".to_owned()))??;
        Ok::<_, Failure>(cuts)
    })?;
    drop(image);
    let mut worst = None;
    for (cut, number) in cuts.iter().zip(0_u64..) {
        counts.stopped(cut.during);
        counts.events += cut.promised.size;
        counts.notes += u64::try_from(cut.promised.notes.len()).unwrap_or(0);
        match look_at(program, seed + number, cut, place) {
            Ok(()) => fs::remove_file(&cut.image)?,
            Err(failure) => {
                println!("power {seed}: cut {number}, during {}:", cut.during);
                // Every cut that lost something is counted; the round reports the last.
                if let Some(before) = worst.replace(failure) {
                    counts.failed(&before);
                }
            }
        }
    }
    fs::remove_file(place.join("image"))?;
    worst.map_or(Ok(()), Err)
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops whatever runs, copies the image, and lets it go on.
fn cut(
    image: &Image,
    seed: u64,
    place: &Path,
    shared: &Mutex<Shared>,
) -> Result<Vec<Cut>, Failure> {
    let mut chance = Chance::of(seed, "cuts");
    let mut cuts = Vec::new();
    for number in 0..CUTS {
        // Most cuts are to meet a log, not its making.
        if chance.percent(90) {
            while !locked(shared).is_there && !locked(shared).ended {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        std::thread::sleep(Duration::from_millis(chance.between(1, APART_MS)));
        // Nothing is started, and nothing taken in, until the lock is let go.
        let held = locked(shared);
        if held.ended {
            break;
        }
        let step = held.running.clone();
        if let Some(step) = &step {
            signal("-STOP", step.process)?;
            wait_until_stopped(step.process);
        }
        let mut promised = held.promised.clone();
        if let Some(step) = &step {
            promised.take(&Acknowledged::read(&fs::read_to_string(&step.output)?));
        }
        let copy = place.join(format!("cut-{number}"));
        let copied = image.cut(&copy);
        if let Some(step) = &step {
            signal("-CONT", step.process)?;
        }
        if copied?.is_some() {
            cuts.push(Cut {
                image: copy,
                during: step.as_ref().map_or("nothing", |step| step.name),
                is_there: held.is_there,
                promised,
                attempt: step.map(|step| step.attempt).unwrap_or_default(),
            });
        }
    }
    Ok(cuts)
}

/// Sends a signal; a process that has ended meanwhile needs none.
fn signal(signal: &str, process: u32) -> Result<(), Failure> {
    match tool("kill", &[signal, &process.to_string()]) {
        Err(Failure::Machine(said)) if said.contains("No such process") => Ok(()),
        sent => sent.map(drop),
    }
}

/// Waits until a process stands still: one within a call to the system ends that first.
fn wait_until_stopped(process: u32) {
    let threads = PathBuf::from(format!("/proc/{process}/task"));
    for _ in 0..2_000 {
        let all = fs::read_dir(&threads).map(|all| {
            all.flatten().all(|thread| {
                let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                // The state stands behind the name, which is in parentheses.
                let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
                matches!(state, Some('T' | 'Z' | 'X') | None)
            })
        });
        if all.unwrap_or(true) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Mounts what a cut left, and looks whether everything is there; then appends once more.
fn look_at(program: &Program, seed: u64, cut: &Cut, place: &Path) -> Result<(), Failure> {
    let image = Image::mount(&cut.image, &place.join("looked-at"))?;
    let scratch = place.join("look");
    fs::create_dir_all(&scratch)?;
    let log = image.path().join("log");
    let mut work = Work::new(Chance::of(seed, "work after the cut"));
    if cut.is_there {
        let contents = check(program, &log, &cut.promised, &cut.attempt, &scratch)?;
        if contents.ids.contains_key("topic") {
            let (single, _) = work.single();
            let single: Vec<&str> =
                single.iter().map(String::as_str).filter(|word| *word != "text").collect();
            program.must(&log, &without_citation(&single), &scratch)?;
        }
        let mut promised = cut.promised.clone();
        promised.take_read(&contents);
        check(program, &log, &promised, &Attempt::default(), &scratch)?;
        return Ok(());
    }
    // Nothing was acknowledged yet: a log is there, or can be made.
    let made = program.run(&log, &["init", "--origin", "example.org/soak"], &scratch)?;
    let verified = program.run(&log, &["verify"], &scratch)?;
    if verified.succeeded() {
        return Ok(());
    }
    Err(Failure::Wrong(format!("{}\n{}", made.told(), verified.told())))
}

/// A single append that rests on nothing that may be missing yet.
fn without_citation<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let end = arguments.iter().position(|word| *word == "--cite").unwrap_or(arguments.len());
    arguments[..end].to_vec()
}

/// Who appends, until the cuts are done.
struct Appending<'r> {
    program: &'r Program,
    log: PathBuf,
    scratch: PathBuf,
    shared: &'r Mutex<Shared>,
    chance: Chance,
    work: Work,
}

impl<'r> Appending<'r> {
    fn new(
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
            log: image.path().join("log"),
            scratch,
            shared,
            chance: Chance::of(seed, "power"),
            work: Work::new(Chance::of(seed, "work of power")),
        })
    }

    fn run(mut self) -> Result<(), Failure> {
        let none = Attempt::default;
        self.step("init", &["init", "--origin", "example.org/soak"], none())?;
        locked(self.shared).is_there = true;
        let first = self.work.first(&self.scratch)?;
        let attempt = Attempt { ids: first.ids, ..Attempt::default() };
        self.step("long appends", &["append", &first.file.to_string_lossy()], attempt)?;
        while !locked(self.shared).ended {
            let size = locked(self.shared).promised.size;
            match self.chance.between(0, 99) {
                _ if size > EVENTS_MOST => self.single("single appends")?,
                0..=24 => self.single("single appends")?,
                25..=54 => self.group()?,
                55..=69 => {
                    let count = self.chance.between(100, 2_000);
                    self.batch("long appends", count)?;
                }
                70..=79 => {
                    let missing = BUNDLE - size % BUNDLE;
                    self.batch("long appends", missing.saturating_sub(3).max(1))?;
                    for _ in 0..6 {
                        self.single("appends that seal")?;
                    }
                }
                80..=87 => self.step("checkpoints", &["checkpoint"], none())?,
                88..=95 => self.erase()?,
                96..=97 => self.step("snapshots", &["snapshot"], none())?,
                _ => self.step("snapshots anew", &["snapshot", "--anew"], none())?,
            }
        }
        Ok(())
    }

    fn single(&mut self, name: &'static str) -> Result<(), Failure> {
        let (arguments, id) = self.work.single();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.step(name, &arguments, Attempt { ids: vec![id], ..Attempt::default() })
    }

    /// A process that appends one event after another.
    fn group(&mut self) -> Result<(), Failure> {
        let (seed, threads) = (self.chance.next() >> 1, self.chance.between(1, 4));
        let events = self.chance.between(50, 600);
        let arguments =
            ["--appender", &seed.to_string(), &events.to_string(), &threads.to_string()];
        let attempt = Attempt { many: true, ..Attempt::default() };
        self.step("appends of one process", &arguments, attempt)
    }

    fn batch(&mut self, name: &'static str, count: u64) -> Result<(), Failure> {
        let batch = self.work.batch(count, &self.scratch)?;
        let file = batch.file.to_string_lossy().into_owned();
        let attempt = Attempt { ids: batch.ids, ..Attempt::default() };
        self.step(name, &["append", &file, "--json"], attempt)
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
        self.step("erasures", &["erase", &id, "--why", "soak"], attempt)
    }

    /// Runs one command where the other can stop it, and takes in what it acknowledged.
    fn step(
        &mut self,
        name: &'static str,
        arguments: &[&str],
        attempt: Attempt,
    ) -> Result<(), Failure> {
        let running = {
            let mut shared = locked(self.shared);
            let running = if attempt.many {
                self.program.start_appender(&self.log, arguments, &self.scratch)?
            } else {
                self.program.start(&self.log, arguments, &self.scratch)?
            };
            let (process, output) = (running.id(), running.output().to_owned());
            shared.running = Some(Step { process, name, output, attempt });
            running
        };
        let ended = running.end()?;
        let mut shared = locked(self.shared);
        shared.running = None;
        shared.promised.take(&Acknowledged::read(&ended.out));
        if ended.succeeded() { Ok(()) } else { Err(Failure::Wrong(ended.told())) }
    }
}
