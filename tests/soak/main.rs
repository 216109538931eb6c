//! The soak program: kills, calls of the system that fail, power cuts, full disks and clocks that jump, and whether anything
//! acknowledged is lost by them.
//!
//! `cargo test --release --test soak -- [--only kills,steps,power,full,readonly,clock] [--seed N] [--rounds N]`
//!
//! Each round is a log of its own, made and maltreated by choices that a seed gives, and always through the real program.
//! What it printed before it was stopped must be in the log after; the log must verify; and it must go on. A round that
//! fails says how to repeat it, and keeps its files. A seed repeats the choices and the delays; what the machine does in
//! that time can differ, so a round may have to be repeated more than once. What was run, and what it cannot show, stands in
//! `docs/reliability.md`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the program prints what it found")]

mod after_cut;
mod appender;
mod appending;
mod beside;
mod chance;
mod check;
mod clock;
mod failure;
mod full;
mod image;
mod kills;
mod op;
mod options;
mod output;
mod power;
mod process;
mod promised;
mod read_only;
mod report;
mod steps;
mod tuning;
mod work;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use failure::Failure;
use options::{Options, Part};
use process::Program;
use report::{Counts, Table};

/// After so many rounds of a part that failed, the part is given up.
const FAILED_MAX: u64 = 10;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == "--appender"
    {
        return match appender::run(rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match Options::read(&arguments).and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; says whether it came out as it must.
fn run(options: &Options) -> Result<bool, Failure> {
    let fresh =
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{}", std::process::id()));
    let dir = options.dir.clone().unwrap_or_else(fresh);
    fs::create_dir_all(&dir)?;
    let dir = dir.canonicalize()?;
    let program = Program::copied(&dir, options.control)?;
    let mut table = Table::default();
    for part in Part::ALL {
        if !options.wants(part) {
            continue;
        }
        match rounds(part, options, &program, &dir) {
            Ok(counts) => table.add(part.name(), counts),
            Err(Failure::Absent(what)) => table.skip(part.name(), what),
            Err(error) => return Err(error),
        }
    }
    print!("{}", table.print());
    let held = if options.control { table.lost_events() } else { table.held() };
    if options.control && !held {
        println!("the control lost no events: then what is above shows nothing either");
    }
    if table.held() {
        fs::remove_dir_all(&dir)?;
    }
    Ok(held)
}

/// All rounds of a part.
fn rounds(part: Part, options: &Options, program: &Program, dir: &Path) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    let rounds = options.rounds(part);
    let run = round_of(part, program, dir)?;
    for seed in (options.seed..).take(usize::try_from(rounds).unwrap_or(usize::MAX)) {
        let place = dir.join(format!("{}-{seed}", part.name()));
        fs::create_dir_all(&place)?;
        counts.rounds += 1;
        match run(seed, &place, &mut counts) {
            Ok(()) => fs::remove_dir_all(&place)?,
            // What is not there is not there from the first round on.
            Err(Failure::Absent(what)) if counts.rounds == 1 => return Err(Failure::Absent(what)),
            Err(failure) => {
                counts.failed(&failure);
                println!("{} {seed}: {failure}", part.name());
                println!("  again: {}", options.again(part, seed));
                println!("  kept:  {}", place.display());
                if !options.control && counts.failed >= FAILED_MAX {
                    println!("{} rounds failed; the others are not run", counts.failed);
                    break;
                }
            }
        }
        if counts.rounds % 20 == 0 {
            println!("{}: {}", part.name(), counts.line());
        }
    }
    Ok(counts)
}

type Round<'p> = Box<dyn Fn(u64, &Path, &mut Counts) -> Result<(), Failure> + 'p>;

/// How a round of a part is run.
fn round_of<'p>(part: Part, program: &'p Program, dir: &Path) -> Result<Round<'p>, Failure> {
    Ok(match part {
        Part::Kills => {
            let tuned = tuning::Durations::measure(program, &dir.join("tuning"))?;
            Box::new(move |seed, place, counts| kills::round(program, &tuned, seed, place, counts))
        }
        Part::Steps => {
            Box::new(move |seed, place, counts| steps::round(program, seed, place, counts))
        }
        Part::Power => {
            Box::new(move |seed, place, counts| power::round(program, seed, place, counts))
        }
        Part::Full => {
            Box::new(move |seed, place, counts| full::round(program, seed, place, counts))
        }
        Part::ReadOnly => {
            Box::new(move |seed, place, counts| read_only::round(program, seed, place, counts))
        }
        Part::Clock => {
            Box::new(move |seed, place, counts| clock::round(program, seed, place, counts))
        }
    })
}
