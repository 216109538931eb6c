//! Bit rot: one bit of one file of a log is flipped, thousands of times, and the program must notice or answer as before.
//!
//! `cargo test --release --test rot -- --flips 10000 --events 100000 --seed 1` makes a log, flips, runs the program's own
//! binary on the damaged log, puts every byte back, and prints how many flips came to which end. Options: `--dir DIR`
//! where it works (a directory of its own; by default a temporary one), `--keep DIR` where the first logs that came to a
//! bad end are kept, `--limit SECONDS` after which a process counts as hanging, `--minutes N` after which no further flip is
//! begun. It ends with 1 if any end was bad.
//!
//! It shows what a single flipped bit does, not what lost writes or larger damage do: for those there are
//! `tests/it/crashes.rs` and the power cuts. A small part of it is in `tests/it/rot.rs`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::needless_raw_string_hashes,
    reason = "a program for a terminal, which may stop where it stands"
)]

mod files;
mod log;
mod random;
mod run;
mod table;
mod trial;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use random::Random;
use run::Program;
use table::Table;
use trial::{Subject, Trial};

/// How many logs that came to a bad end are kept.
const KEPT_MAX: usize = 12;
/// After how many flips it is said how far it is.
const SAY_EVERY: usize = 500;

struct Options {
    flips: usize,
    events: usize,
    seed: u64,
    limit: Duration,
    minutes: u64,
    dir: Option<PathBuf>,
    keep: Option<PathBuf>,
}

impl Options {
    fn read() -> Result<Self, String> {
        let mut options = Self {
            flips: 1000,
            events: 100_000,
            seed: 1,
            limit: Duration::from_mins(1),
            minutes: u64::MAX,
            dir: None,
            keep: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{value} is no number"));
            let count = || number().map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            match name.as_str() {
                "--flips" => options.flips = count()?,
                "--events" => options.events = count()?,
                "--seed" => options.seed = number()?,
                "--limit" => options.limit = Duration::from_secs(number()?),
                "--minutes" => options.minutes = number()?,
                "--dir" => options.dir = Some(value.into()),
                "--keep" => options.keep = Some(value.into()),
                _ => return Err(format!("there is no option {name}")),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    match Options::read() {
        Ok(options) => run(&options),
        Err(wrong) => {
            eprintln!("error: {wrong}");
            eprintln!(
                "hint: --flips N --events N --seed N --limit SECONDS --minutes N --dir DIR --keep DIR"
            );
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> ExitCode {
    let scratch = match &options.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).expect("the directory can be made");
            tempfile::tempdir_in(dir)
        }
        None => tempfile::tempdir(),
    }
    .expect("a directory to work in");
    let program = Program::new(scratch.path(), options.limit);
    log::make(&program, options.events, options.seed);
    let subject = Subject::new(program);
    println!("{} events, seed {}: the log is made", options.events, options.seed);
    let random = &mut Random::new(options.seed);
    let (mut table, mut kept) = (Table::default(), 0);
    let started = Instant::now();
    for number in 0..options.flips {
        if started.elapsed().as_secs() / 60 >= options.minutes {
            println!("{number} flips were made of {}", options.flips);
            break;
        }
        let trial = subject.flip(number, random);
        table.add(&trial);
        if trial.class.is_bad() {
            println!("{}", table::describe(&trial));
            if let Some(keep) = options.keep.as_ref().filter(|_| kept < KEPT_MAX) {
                keep_log(&subject, &trial, &keep.join(format!("{}-{number}", options.seed)));
                kept += 1;
            }
        }
        if (number + 1).is_multiple_of(SAY_EVERY) {
            println!("{} flips: {}", number + 1, table.line());
        }
    }
    println!("{table}");
    if table.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Copies the log with its flipped bit.
fn keep_log(subject: &Subject, trial: &Trial, to: &Path) {
    subject.leave(trial);
    std::fs::create_dir_all(to).expect("the directory can be made");
    let log = subject.program().directory().join("log");
    let copied = Command::new("cp").arg("-a").arg(&log).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "the log can be copied");
    std::fs::write(to.join("flip.txt"), table::describe(trial)).expect("it can be written");
    subject.restore();
}
