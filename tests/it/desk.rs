//! A directory with a log in it, and the program run there as a user runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// What whoever runs the tests may have set: a log elsewhere, or a proxy, which knows nothing of servers of the tests.
const OF_THE_USER: [&str; 9] = [
    "DEMARCHE_LOG",
    "DEMARCHE_JOURNAL",
    "DEMARCHE_KEY",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// A directory of its own, with a log in `log`.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A desk whose log holds the shipped chronicle.
    pub(crate) fn demo() -> Self {
        let desk = Self::new();
        desk.ok(&["demo"]);
        desk
    }

    /// A desk whose log has no key, and holds these lines.
    pub(crate) fn with_lines(lines: &str) -> Self {
        let desk = Self::new();
        desk.ok(&["init", "--origin", "example.org/desk", "--no-key"]);
        desk.write("x.jsonl", lines);
        desk.ok(&["append", "x.jsonl"]);
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The program with these arguments, ready to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_demarche")), args)
    }

    /// The same, with a copy of the program.
    pub(crate) fn command_of(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        for variable in OF_THE_USER {
            command.env_remove(variable);
        }
        command.current_dir(self.path()).args(args);
        command
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// How it ends, and what it says on standard error.
    pub(crate) fn refused(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.run(args);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// Runs a command that is refused, and says and advises this.
    #[track_caller]
    pub(crate) fn is_refused(&self, args: &[&str], status: i32, said: &str, hint: &str) {
        let (code, error) = self.refused(args);
        assert_eq!(code, Some(status), "{args:?}: {error}");
        assert!(error.contains(said), "{said} in {error}");
        assert!(error.contains(hint), "{hint} in {error}");
    }

    /// Runs a command as a user who may write only what its modes let their owner, whoever runs the tests; `None` where that
    /// cannot be had.
    #[cfg(unix)]
    pub(crate) fn run_without_rights(&self, args: &[&str]) -> Option<Output> {
        use std::os::unix::fs::MetadataExt;
        use std::os::unix::process::CommandExt;
        const NOBODY: u32 = 65534;
        let may_do_all = fs::metadata("/proc/self").is_ok_and(|of| of.uid() == 0);
        let mut command = self.command(args);
        if may_do_all {
            // Nobody else may be able to reach the program where it was built.
            let program = self.path().join("demarche");
            fs::copy(command.get_program(), &program).unwrap();
            command = self.command_of(&program, args);
            let mut chown = Command::new("chown");
            chown.args(["-R", &NOBODY.to_string()]).arg(self.path());
            assert!(chown.status().unwrap().success());
            command.uid(NOBODY);
        }
        let output = crate::rot::run::once_written(|| command.output());
        let reached = output.as_ref().is_ok_and(|output| output.status.code().is_some());
        let what = "a user without rights who may run the program";
        crate::support::required(what, reached).then(|| output.unwrap())
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }
}
