//! The tasks, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;
use crate::contenders::{
    Contender, Python, Role, Row, append, append_to, demarche, in_turns, peer, self_timed,
};
use crate::options::Options;
use crate::process::{Sample, disk_use, measure, remove, settle};
use crate::workload::{self, Workload};

const SQLITE: &str = include_str!("sqlite.py");
/// How many single appends are measured, within the time.
const SINGLES: usize = 41;
const SINGLES_MIN: usize = 5;
const SINGLES_TIME: Duration = Duration::from_mins(1);
/// The sizes at which growth is measured.
const SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

/// Runs what is asked for.
pub(crate) fn run(options: &Options, dir: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    if ["append", "verify", "replay", "single"].iter().any(|stage| options.wants(stage)) {
        let compared = Compared::new(options, dir)?;
        if options.wants("append") {
            rows.extend(compared.append()?);
        } else {
            compared.prepare()?;
        }
        if options.wants("verify") {
            rows.extend(compared.verify()?);
        }
        if options.wants("replay") {
            rows.extend(compared.replay()?);
        }
        if options.wants("single") {
            rows.extend(compared.single()?);
        }
        remove(&compared.dir)?;
    }
    if options.wants("icews") {
        match &options.icews {
            Some(file) => rows.extend(icews(options, dir, file)?),
            None => {
                eprintln!("!!!! no file of ICEWS: its rows are left out; name one with --icews");
            }
        }
    }
    if let Some(to) = options.growth_to.filter(|_| options.wants("growth")) {
        for size in SIZES.into_iter().filter(|size| *size <= to) {
            rows.extend(growth(size, options.runs, dir)?);
        }
    }
    Ok(rows)
}

/// The tasks that all contenders do with the same events.
struct Compared {
    dir: PathBuf,
    runs: usize,
    python: Python,
    made: Workload,
    log: PathBuf,
    rust_db: String,
    python_db: String,
}

impl Compared {
    fn new(options: &Options, dir: &Path) -> Result<Self> {
        let python = Python::new()?;
        let dir = dir.join("compared");
        eprintln!("making {} events", options.events);
        let made = workload::make(&dir, options.events)?;
        let path = |name: &str| dir.join(name).display().to_string();
        let (rust_db, python_db) = (path("rust.db"), path("python.db"));
        let log = dir.join("log");
        Ok(Self { dir, runs: options.runs, python, made, log, rust_db, python_db })
    }

    fn sqlite(&self, arguments: &[&str]) -> Command {
        self.python.script(SQLITE, arguments)
    }

    fn in_turns(&self, task: &str, contenders: &mut [Contender<'_>]) -> Result<Vec<Row>> {
        in_turns(task, self.made.events, self.made.bytes, self.runs, contenders)
    }

    /// The stores that the later tasks need, where appending is not measured.
    fn prepare(&self) -> Result<()> {
        append(&self.log, &self.made.file)?;
        append_to(self.rust_db.as_ref(), &self.made.file, peer("sqlite-append")?)?;
        append_to(self.python_db.as_ref(), &self.made.file, self.sqlite(&["append"]))?;
        Ok(())
    }

    fn append(&self) -> Result<Vec<Row>> {
        let file = &self.made.file;
        let plain = self.dir.join("plain");
        let uma = self.dir.join("uma.db");
        let mut contenders = vec![
            Contender::new("demarche", Role::Demarche, || append(&self.log, file)),
            Contender::new("SQLite (rusqlite)", Role::Peer, || {
                append_to(self.rust_db.as_ref(), file, peer("sqlite-append")?)
            }),
            Contender::new("SQLite (Python)", Role::Peer, || {
                append_to(self.python_db.as_ref(), file, self.sqlite(&["append"]))
            }),
            Contender::new("file, synced each 1,000", Role::Limit, || {
                append_to(&plain, file, peer("plain-append")?)
            }),
        ];
        if self.python.has_umadb {
            let run = || self.python.umadb_append(&uma, file);
            contenders.insert(1, Contender::new("UmaDB", Role::Peer, run));
        }
        let rows = self.in_turns("append", &mut contenders)?;
        drop(contenders);
        remove(&plain)?;
        remove(&uma)?;
        Ok(rows)
    }

    fn verify(&self) -> Result<Vec<Row>> {
        settle()?;
        let export = self.dir.join("export.jsonl");
        let mut rows = self.in_turns(
            "export",
            &mut [Contender::new("demarche", Role::Demarche, || export_to(&self.log, &export))],
        )?;
        rows.extend(self.in_turns(
            "verify",
            &mut [
                Contender::new("demarche", Role::Demarche, || {
                    measure(demarche(&self.log).arg("verify"))
                }),
                Contender::new("SQLite (rusqlite)", Role::Peer, || {
                    measure(peer("sqlite-verify")?.arg(&self.rust_db))
                }),
                Contender::new("SQLite (Python)", Role::Peer, || {
                    measure(&mut self.sqlite(&["verify", &self.python_db]))
                }),
                Contender::new("the hashes alone, all cores", Role::Limit, || {
                    self_timed(peer("hashes")?.arg(&export))
                }),
            ],
        )?);
        remove(&export)?;
        Ok(rows)
    }

    fn replay(&self) -> Result<Vec<Row>> {
        settle()?;
        let date = &self.made.middle;
        let mut rows = self.in_turns(
            "replay",
            &mut [
                Contender::new("demarche, cold", Role::Demarche, || replay_cold(&self.log, date)),
                Contender::new("SQLite (rusqlite)", Role::Peer, || {
                    measure(peer("sqlite-fold")?.arg(&self.rust_db).arg(date))
                }),
                Contender::new("SQLite (Python)", Role::Peer, || {
                    measure(&mut self.sqlite(&["fold", &self.python_db, date]))
                }),
            ],
        )?;
        measure(demarche(&self.log).arg("snapshot"))?;
        rows.extend(self.in_turns(
            "replay",
            &mut [Contender::new("demarche, warm", Role::Demarche, || replay(&self.log, date))],
        )?);
        Ok(rows)
    }

    fn single(&self) -> Result<Vec<Row>> {
        let commit = |name: &str, settings: &'static [&'static str]| -> Result<_> {
            let repository = self.dir.join(name);
            remove(&repository)?;
            measure(Command::new("git").args(["init", "--quiet"]).arg(&repository))?;
            Ok(move || {
                let mut git = Command::new("git");
                git.arg("-C").arg(&repository).args(["-c", "user.name=x", "-c", "user.email=x"]);
                measure(git.args(settings).args(["commit", "--quiet", "--allow-empty", "-m", "x"]))
            })
        };
        let plain = self.dir.join("plain-single");
        let mut number = 0;
        let mut contenders = [
            Contender::new("demarche", Role::Demarche, || {
                number += 1;
                append_single(&self.log, number)
            }),
            Contender::new("git commit", Role::Peer, commit("git", &[])?),
            Contender::new(
                "git commit, core.fsync=all",
                Role::Peer,
                commit("git-synced", &["-c", "core.fsync=all"])?,
            ),
            Contender::new("write and fdatasync", Role::Limit, || {
                measure(peer("plain-single")?.arg(&plain))
            }),
        ];
        let mut rows: Vec<Row> = Vec::new();
        let start = Instant::now();
        for round in 0..SINGLES {
            if round >= SINGLES_MIN && start.elapsed() > SINGLES_TIME {
                break;
            }
            let turn = in_turns("single append", 1, 0, 1, &mut contenders)?;
            if rows.is_empty() {
                rows = turn;
            } else {
                for (row, turn) in rows.iter_mut().zip(turn) {
                    row.runs.extend(turn.runs);
                }
            }
        }
        drop(contenders);
        rows.extend(self.group(&plain)?);
        Ok(rows)
    }

    /// Single events in one process, through the library, one after the other and from many threads at once; the time is
    /// that of one.
    fn group(&self, plain: &Path) -> Result<Vec<Row>> {
        const EVENTS: &str = "200";
        const SHARED_EVENTS: &str = "6400";
        const THREADS: &str = "64";
        let mut rows = in_turns(
            "single append, in one process",
            1,
            0,
            self.runs,
            &mut [
                Contender::new("demarche (library)", Role::Demarche, || {
                    self_timed(peer("group-append")?.arg(&self.log).arg(EVENTS))
                }),
                Contender::new("write and fdatasync", Role::Limit, || {
                    self_timed(peer("group-write")?.arg(plain).args([EVENTS, "1"]))
                }),
            ],
        )?;
        rows.extend(in_turns(
            "group append, 64 threads",
            1,
            0,
            self.runs,
            &mut [
                Contender::new("demarche (library)", Role::Demarche, || {
                    let arguments = [SHARED_EVENTS, THREADS];
                    self_timed(peer("group-append")?.arg(&self.log).args(arguments))
                }),
                Contender::new("write and fdatasync", Role::Limit, || {
                    self_timed(peer("group-write")?.arg(plain).args([SHARED_EVENTS, THREADS]))
                }),
            ],
        )?);
        Ok(rows)
    }
}

fn replay(log: &Path, date: &str) -> Result<Sample> {
    measure(demarche(log).args(["replay", "--to", date]))
}

/// From every event, without what was derived from them before.
fn replay_cold(log: &Path, date: &str) -> Result<Sample> {
    measure(demarche(log).args(["replay", "--recompute", "--to", date]))
}

fn export_to(log: &Path, export: &Path) -> Result<Sample> {
    remove(export)?;
    let sample = measure(demarche(log).args(["export", "--out"]).arg(export))?;
    Ok(Sample { disk: disk_use(export)?, ..sample })
}

fn append_single(log: &Path, number: u64) -> Result<Sample> {
    measure(
        demarche(log)
            .args(["append", "statement", "--id", &format!("one-{number}"), "--by", "actor-07"])
            .args(["--topic", "topic-03", "--stance", "urges", "--channel", "press_briefing"])
            .args(["--when", "2024-12-30", "--cite", "report-02", "--at", "page 1"])
            .args(["--summary", &"a word or two of what was said ".repeat(8)]),
    )
}

/// The events of ICEWS, as users would bring them in.
fn icews(options: &Options, dir: &Path, file: &Path) -> Result<Vec<Row>> {
    let dir = dir.join("icews");
    let made = workload::from_icews(&dir, file)?;
    let rows = alone(&made, &dir.join("log"), options.runs, "ICEWS")?;
    remove(&dir)?;
    Ok(rows)
}

/// What demarche alone is measured at, with the events of a name.
fn alone(made: &Workload, log: &Path, runs: usize, name: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut task = |task: &str, run: &mut dyn FnMut() -> Result<Sample>| -> Result<()> {
        let task = format!("{name}: {task}");
        let mut contenders = [Contender::new("demarche", Role::Demarche, run)];
        rows.extend(in_turns(&task, made.events, made.bytes, runs, &mut contenders)?);
        Ok(())
    };
    task("append", &mut || append(log, &made.file))?;
    settle()?;
    task("verify", &mut || measure(demarche(log).arg("verify")))?;
    task("replay, cold", &mut || replay_cold(log, &made.middle))?;
    Ok(rows)
}

/// One size of many: what each task costs there.
fn growth(size: u64, runs: usize, dir: &Path) -> Result<Vec<Row>> {
    let dir = dir.join("growth");
    eprintln!("making {size} events");
    let made = workload::make(&dir, size)?;
    let log = dir.join("log");
    let mut rows = alone(&made, &log, runs, "growth")?;
    // Nobody needs the events any more, and an export is large.
    fs::remove_file(&made.file)?;
    let mut task = |task: &str, events, runs, run: &mut dyn FnMut() -> Result<Sample>| {
        let task = format!("growth: {task}");
        let mut contenders = [Contender::new("demarche", Role::Demarche, run)];
        rows.extend(in_turns(&task, events, made.bytes, runs, &mut contenders)?);
        Result::Ok(())
    };
    let export = dir.join("export.jsonl");
    task("export", size, runs, &mut || {
        let sample = export_to(&log, &export)?;
        remove(&export)?;
        Ok(sample)
    })?;
    measure(demarche(&log).arg("snapshot"))?;
    task("replay, warm", size, runs, &mut || replay(&log, &made.middle))?;
    let mut number = 0;
    task("single append", size, SINGLES_MIN.max(runs), &mut || {
        number += 1;
        append_single(&log, number)
    })?;
    remove(&dir)?;
    Ok(rows)
}
