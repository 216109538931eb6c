//! Who is measured: demarche by its command line, the peers, and the limits.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::Result;
use crate::process::{Sample, Server, disk_use, measure, measure_output, remove, settle};

/// What a row stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Demarche,
    Peer,
    Limit,
}

/// A row of the table: one contender at one task, all runs of it.
pub(crate) struct Row {
    pub(crate) task: String,
    pub(crate) who: &'static str,
    pub(crate) role: Role,
    pub(crate) events: u64,
    /// The bytes of the JSON lines, where the disk is compared with them.
    pub(crate) input: u64,
    pub(crate) runs: Vec<Sample>,
}

impl Row {
    fn median<T: Copy + PartialOrd>(&self, of: impl Fn(&Sample) -> T) -> Option<T> {
        let mut values: Vec<_> = self.runs.iter().map(of).collect();
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        values.get(values.len() / 2).copied()
    }

    pub(crate) fn wall(&self) -> f64 {
        self.median(|run| run.wall).unwrap_or(f64::NAN)
    }

    pub(crate) fn cpu(&self) -> f64 {
        self.median(|run| run.cpu).unwrap_or(f64::NAN)
    }

    pub(crate) fn memory(&self) -> u64 {
        self.runs.iter().map(|run| run.memory).max().unwrap_or(0)
    }

    pub(crate) fn disk(&self) -> u64 {
        self.median(|run| run.disk).unwrap_or(0)
    }
}

/// One who takes part in a task.
pub(crate) struct Contender<'a> {
    pub(crate) who: &'static str,
    pub(crate) role: Role,
    pub(crate) run: Box<dyn FnMut() -> Result<Sample> + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(
        who: &'static str,
        role: Role,
        run: impl FnMut() -> Result<Sample> + 'a,
    ) -> Self {
        Self { who, role, run: Box::new(run) }
    }
}

/// Lets everybody run in turn, so many times, so that what disturbs the machine disturbs all alike.
pub(crate) fn in_turns(
    task: &str,
    events: u64,
    input: u64,
    runs: usize,
    contenders: &mut [Contender<'_>],
) -> Result<Vec<Row>> {
    let row = |contender: &Contender<'_>| Row {
        task: task.to_owned(),
        who: contender.who,
        role: contender.role,
        events,
        input,
        runs: Vec::new(),
    };
    let mut rows: Vec<_> = contenders.iter().map(row).collect();
    for _ in 0..runs {
        for (row, contender) in rows.iter_mut().zip(contenders.iter_mut()) {
            let sample = (contender.run)()?;
            if events > 1 {
                eprintln!("{task}, {events} events: {}: {:.3} s", row.who, sample.wall);
            }
            row.runs.push(sample);
        }
    }
    Ok(rows)
}

/// demarche with a log.
pub(crate) fn demarche(log: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demarche"));
    command.arg("--log").arg(log);
    for name in ["DEMARCHE_LOG", "DEMARCHE_JOURNAL", "DEMARCHE_KEY"] {
        command.env_remove(name);
    }
    command
}

/// Appends a file of events to a new log, of which making it is not measured.
pub(crate) fn append(log: &Path, file: &Path) -> Result<Sample> {
    remove(log)?;
    measure(demarche(log).args(["init", "--origin", "bench.example/scale"]))?;
    settle()?;
    measure(demarche(log).arg("append").arg(file))?.with_disk(log)
}

/// This program as a peer.
pub(crate) fn peer(name: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["peer", name]);
    Ok(command)
}

/// Has a file of events written into one new file, by a command that takes both.
pub(crate) fn append_to(new: &Path, file: &Path, mut command: Command) -> Result<Sample> {
    for suffix in ["", "-wal", "-shm"] {
        remove(&with_suffix(new, suffix))?;
    }
    settle()?;
    let sample = measure(command.arg(file).arg(new))?;
    let disk = ["", "-wal"]
        .into_iter()
        .map(|suffix| with_suffix(new, suffix))
        .filter(|file| file.exists());
    Ok(Sample { disk: disk.map(|file| disk_use(&file)).sum::<Result<u64>>()?, ..sample })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Runs a peer that times itself and prints the seconds.
pub(crate) fn self_timed(command: &mut Command) -> Result<Sample> {
    let (sample, printed) = measure_output(command)?;
    Ok(Sample { wall: printed.trim().parse()?, ..sample })
}

const UMADB: &str = "umadb==0.7.8";

/// A Python of its own, with the peer that is a package of Python.
pub(crate) struct Python {
    dir: PathBuf,
    pub(crate) has_umadb: bool,
}

impl Python {
    /// Makes it, or takes the one that an earlier run made.
    pub(crate) fn new() -> Result<Self> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scale-python");
        if !dir.join("bin/python").exists() {
            let made = Command::new("python3").args(["-m", "venv"]).arg(&dir).status()?;
            if !made.success() {
                return Err("python3 -m venv failed; the peers in Python need it".into());
            }
        }
        let has_umadb = Command::new(dir.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", UMADB])
            .status()
            .is_ok_and(|status| status.success());
        if !has_umadb {
            eprintln!("!!!! {UMADB} cannot be installed: its row is left out");
        }
        Ok(Self { dir, has_umadb })
    }

    /// A script with its arguments.
    pub(crate) fn script(&self, text: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.dir.join("bin/python"));
        command.arg("-c").arg(text).args(arguments);
        command
    }

    /// Appends a file of events to a new server of the event store, of which the start is not measured.
    pub(crate) fn umadb_append(&self, db: &Path, file: &Path) -> Result<Sample> {
        remove(db)?;
        settle()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(self.dir.join("bin/umadb"));
        command.arg("--listen").arg(address.to_string()).arg("--db-path").arg(db);
        let server = Server::start(&mut command)?;
        for attempt in 0.. {
            match TcpStream::connect(address) {
                Ok(_) => break,
                Err(error) if attempt == 200 => return Err(error.into()),
                Err(_) => sleep(Duration::from_millis(50)),
            }
        }
        let mut client =
            self.script(include_str!("uma_client.py"), &[&format!("http://{address}")]);
        let sample = measure(client.arg(file))?;
        sample.and_server(&server.end()?).with_disk(db)
    }
}
