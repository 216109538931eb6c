//! The real program, run to its end, or stopped on its way; and the appender, which uses it as a library.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// No command here takes this long, unless it hangs.
const HANGS_AFTER: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_micros(300);

/// The program under test.
pub(crate) struct Program {
    binary: PathBuf,
    /// This program itself, which appends many events as a process that lives longer would.
    appender: PathBuf,
    environment: Vec<(String, String)>,
    /// What runs it, if it does not run by itself.
    under: Vec<String>,
}

impl Program {
    /// A copy of what was built, so that a build meanwhile changes nothing under test.
    pub(crate) fn copied(dir: &Path, control: bool) -> Result<Self, Failure> {
        let binary = dir.join("demarche");
        fs::copy(env!("CARGO_BIN_EXE_demarche"), &binary)?;
        let appender = dir.join("appender");
        fs::copy(std::env::current_exe()?, &appender)?;
        let leave_out = ("DEMARCHE_SOAK_CONTROL".to_owned(), "1".to_owned());
        let environment = if control { vec![leave_out] } else { Vec::new() };
        Ok(Self { binary, appender, environment, under: Vec::new() })
    }

    /// The same, told something by its environment.
    pub(crate) fn with(&self, environment: Vec<(String, String)>) -> Self {
        let (binary, appender) = (self.binary.clone(), self.appender.clone());
        Self { binary, appender, environment, under: Vec::new() }
    }

    /// The same, run by another program.
    pub(crate) fn under(&self, under: Vec<String>) -> Self {
        Self { under, ..self.with(self.environment.clone()) }
    }

    /// Starts a command on a log; what it prints goes to files in `scratch`.
    pub(crate) fn start(
        &self,
        log: &Path,
        arguments: &[&str],
        scratch: &Path,
    ) -> Result<Running, Failure> {
        self.start_of(&self.binary, log, arguments, scratch)
    }

    /// Starts a process that appends events one by one; see `appender`.
    pub(crate) fn start_appender(
        &self,
        log: &Path,
        arguments: &[&str],
        scratch: &Path,
    ) -> Result<Running, Failure> {
        self.start_of(&self.appender, log, arguments, scratch)
    }

    fn start_of(
        &self,
        program: &Path,
        log: &Path,
        arguments: &[&str],
        scratch: &Path,
    ) -> Result<Running, Failure> {
        let (out, err) = (scratch.join("out"), scratch.join("err"));
        let program = program.as_os_str();
        let words: Vec<&OsStr> = self.under.iter().map(OsStr::new).chain([program]).collect();
        let child = Command::new(words[0])
            .args(&words[1..])
            .args(arguments)
            .arg("--log")
            .arg(log)
            .env_remove("DEMARCHE_LOG")
            .env_remove("DEMARCHE_JOURNAL")
            .env_remove("DEMARCHE_KEY")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(&err)?)
            .spawn()?;
        let command = arguments.join(" ");
        Ok(Running { child, out, err, command, start: Instant::now() })
    }

    /// Runs a command on a log to its end.
    pub(crate) fn run(
        &self,
        log: &Path,
        arguments: &[&str],
        scratch: &Path,
    ) -> Result<Ended, Failure> {
        self.start(log, arguments, scratch)?.end()
    }

    /// The same, for a command that must succeed.
    pub(crate) fn must(
        &self,
        log: &Path,
        arguments: &[&str],
        scratch: &Path,
    ) -> Result<Ended, Failure> {
        let ended = self.run(log, arguments, scratch)?;
        if ended.succeeded() { Ok(ended) } else { Err(Failure::Wrong(ended.told())) }
    }
}

/// A command under way.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    command: String,
    start: Instant,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    pub(crate) fn output(&self) -> &Path {
        &self.out
    }

    /// Where its remarks go.
    pub(crate) fn remarks(&self) -> &Path {
        &self.err
    }

    /// Waits for it to end.
    pub(crate) fn end(mut self) -> Result<Ended, Failure> {
        while self.start.elapsed() < HANGS_AFTER {
            if let Some(status) = self.child.try_wait()? {
                return self.ended(status);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.child.kill()?;
        self.child.wait()?;
        Err(Failure::Wrong(format!("demarche {} does not end", self.command)))
    }

    /// Kills it once it has run for so long, if it has not ended by then.
    pub(crate) fn kill_after(mut self, delay: Duration) -> Result<Ended, Failure> {
        while let Some(left) =
            delay.checked_sub(self.start.elapsed()).filter(|left| !left.is_zero())
        {
            if let Some(status) = self.child.try_wait()? {
                return self.ended(status);
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
        self.child.kill()?;
        let status = self.child.wait()?;
        self.ended(status)
    }

    fn ended(self, status: ExitStatus) -> Result<Ended, Failure> {
        let out = String::from_utf8_lossy(&fs::read(&self.out)?).into_owned();
        let err = String::from_utf8_lossy(&fs::read(&self.err)?).into_owned();
        let ended = Ended { status, out, err, command: self.command, took: self.start.elapsed() };
        // 101 is what a panic ends with; whatever else a signal ended was not killed by us.
        let killed = status.signal().is_some_and(|signal| signal != 9);
        if ended.err.contains("panicked at") || status.code() == Some(101) || killed {
            return Err(Failure::Wrong(format!("a panic or a crash: {}", ended.told())));
        }
        Ok(ended)
    }
}

/// A command that ended.
pub(crate) struct Ended {
    status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
    command: String,
    pub(crate) took: Duration,
}

impl Ended {
    pub(crate) fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// Whether the kill came before its end.
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// What came of it, for a message.
    pub(crate) fn told(&self) -> String {
        let Self { command, status, out, err, .. } = self;
        let end: Vec<&str> = out.lines().rev().take(8).collect();
        let end: Vec<&str> = end.into_iter().rev().collect();
        format!("demarche {command}: {status}\n{}\n{err}", end.join("\n"))
    }
}
