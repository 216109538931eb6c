//! The program, run as a process of its own, with a limit of time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What whoever runs this may have set.
const OF_THE_USER: [&str; 3] = ["DEMARCHE_LOG", "DEMARCHE_JOURNAL", "DEMARCHE_KEY"];
/// How often it is looked whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The program, in a directory of its own.
pub(crate) struct Program {
    directory: PathBuf,
    binary: PathBuf,
    limit: Duration,
}

/// Starts a copy of the program, once no other thread starts something while it still has the copy open to write it: until
/// then the system calls it busy.
pub(crate) fn once_written<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match start() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(LOOK_EVERY),
            done => return done,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// Its exit status; `None` if a signal ended it, or the limit of time.
    pub(crate) status: Option<i32>,
    /// Whether it ran for too long, and was killed for that.
    pub(crate) hung: bool,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Program {
    /// A copy of it is run, so that it stays the same whatever is built meanwhile.
    pub(crate) fn new(directory: &Path, limit: Duration) -> Self {
        let binary = directory.join("demarche");
        fs::copy(env!("CARGO_BIN_EXE_demarche"), &binary).expect("the program can be copied");
        Self { directory: directory.to_owned(), binary, limit }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs it to its end, or to the limit of time. What it prints goes through files, which never make it wait.
    pub(crate) fn run(&self, args: &[&str]) -> End {
        let (out, error) = (self.directory.join("out.txt"), self.directory.join("error.txt"));
        let file = |path: &Path| Stdio::from(File::create(path).expect("a scratch file"));
        let mut command = Command::new(&self.binary);
        for variable in OF_THE_USER {
            command.env_remove(variable);
        }
        command.current_dir(&self.directory).args(args).stdin(Stdio::null());
        command.stdout(file(&out)).stderr(file(&error));
        let mut child = once_written(|| command.spawn()).expect("the program starts");
        let started = Instant::now();
        let mut hung = false;
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                break status.code();
            }
            if started.elapsed() > self.limit {
                hung = true;
                child.kill().expect("a child can be killed");
                child.wait().expect("a child can be waited for");
                break None;
            }
            sleep(LOOK_EVERY);
        };
        let read = |path: &Path| {
            String::from_utf8_lossy(&fs::read(path).expect("a scratch file")).into_owned()
        };
        End { status, hung, out: read(&out), error: read(&error) }
    }
}

/// An end that must be good.
#[track_caller]
pub(crate) fn done(end: End) -> End {
    assert_eq!(end.status, Some(0), "{}{}", end.out, end.error);
    end
}
