//! A clock that jumps: forward by years, back by years, between appends and while time runs faster. Recorded times never go
//! back, and the log verifies.
//!
//! The program is told the time by libfaketime, which answers in the system's place; without it this part is not run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chance::Chance;
use crate::check::check;
use crate::failure::Failure;
use crate::output::Acknowledged;
use crate::process::Program;
use crate::promised::{Attempt, Promised};
use crate::report::Counts;
use crate::work::Work;

/// How often the clock jumps.
const JUMPS: u64 = 25;
/// How far, in seconds: some ten years.
const FAR: u64 = 300_000_000;

/// One log, and its clock.
pub(crate) fn round(
    program: &Program,
    seed: u64,
    place: &Path,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let library = library()?;
    let log = place.join("log");
    let mut chance = Chance::of(seed, "clock");
    let mut work = Work::new(Chance::of(seed, "work of clock"));
    let mut promised = Promised::default();
    program.must(&log, &["init", "--origin", "example.org/soak"], place)?;
    let first = work.first(place)?.file.to_string_lossy().into_owned();
    promised.take(&Acknowledged::read(&program.must(&log, &["append", &first], place)?.out));
    let mut warned = 0_u64;
    for _ in 0..JUMPS {
        let by = chance.between(0, FAR);
        let by = if chance.percent(50) { by } else { by % 100 };
        let back = if chance.percent(60) { "-" } else { "+" };
        let fast = if chance.percent(30) { " x5000" } else { "" };
        let told = program.with(vec![
            ("LD_PRELOAD".to_owned(), library.to_string_lossy().into_owned()),
            ("FAKETIME".to_owned(), format!("{back}{by}{fast}")),
            ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
        ]);
        let ended = if chance.percent(40) {
            let batch = work.batch(chance.between(1, 700), place)?.file;
            told.must(&log, &["append", &batch.to_string_lossy(), "--json"], place)?
        } else {
            let (single, _) = work.single();
            told.must(&log, &single.iter().map(String::as_str).collect::<Vec<_>>(), place)?
        };
        warned += u64::from(ended.err.contains("the clock says"));
        counts.stopped("jumps");
        promised.take(&Acknowledged::read(&ended.out));
        promised.take(&Acknowledged::read(&told.must(&log, &["checkpoint"], place)?.out));
        let contents = check(&told, &log, &promised, &Attempt::default(), place)?;
        promised.take_read(&contents);
        for (before, after) in contents.recorded.iter().zip(contents.recorded.iter().skip(1)) {
            if before > after {
                return Err(Failure::Wrong(format!("recorded at {before}, then at {after}")));
            }
        }
    }
    // A jump back that nobody noticed would show that the library is not heard.
    if warned == 0 {
        return Err(Failure::Wrong("the clock went back and nothing was said".to_owned()));
    }
    counts.events += promised.size;
    counts.notes += u64::try_from(promised.notes.len()).unwrap_or(0);
    Ok(())
}

/// Where Debian and Fedora put it.
fn library() -> Result<PathBuf, Failure> {
    let roots = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let roots = roots.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/lib64")]);
    let found = roots.map(|root| root.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    found.ok_or_else(|| Failure::Absent("libfaketime is not installed".to_owned()))
}
