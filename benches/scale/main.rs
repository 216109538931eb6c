//! demarche at scale, beside its peers and the limits, in one run: `cargo bench --bench scale`.
//!
//! It makes a workload from a seed, runs every contender as a whole process, in turns, and prints the medians, how
//! demarche compares with each, and which of the requirements are met. What each row is, and what it is not, stands in
//! `docs/performance.md`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

mod contenders;
mod group;
mod options;
mod peers;
mod process;
mod requirements;
mod stages;
mod table;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use options::Options;
use process::remove;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let ran = match arguments.split_first() {
        Some((first, rest)) if first == "peer" => peers::run(rest),
        _ => compare(&arguments),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &[String]) -> Result<()> {
    let options = Options::read(arguments)?;
    let scratch = Scratch::new(&options)?;
    let rows = stages::run(&options, &scratch.dir)?;
    let requirements = requirements::check(&rows);
    print!("{}", table::print(&rows, &requirements));
    if let Some(file) = &options.json {
        fs::write(file, table::json(&rows, &requirements, &options))?;
    }
    Ok(())
}

/// The directory in which everything is made; removed at the end, unless it was named.
struct Scratch {
    dir: PathBuf,
    named: bool,
}

impl Scratch {
    fn new(options: &Options) -> Result<Self> {
        let fresh =
            || Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scale-{}", std::process::id()));
        let dir = options.dir.clone().unwrap_or_else(fresh);
        fs::create_dir_all(&dir)?;
        // What a source captures is looked for beside its file, whatever the working directory is.
        Ok(Self { dir: dir.canonicalize()?, named: options.dir.is_some() })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.named {
            let _ = remove(&self.dir);
        }
    }
}
