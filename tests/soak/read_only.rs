//! A log that may be read alone: each command answers, or says what to do; nothing is changed, and nothing panics.

use std::path::Path;

use crate::chance::Chance;
use crate::check::check;
use crate::failure::Failure;
use crate::image::Image;
use crate::output::Acknowledged;
use crate::process::Program;
use crate::promised::{Attempt, Promised};
use crate::report::Counts;
use crate::work::Work;

const COMMANDS: [&[&str]; 12] = [
    &["verify"],
    &["replay", "--to", "2025-06-01"],
    &["positions"],
    &["measures"],
    &["list"],
    &["timeline"],
    &["show", "topic"],
    &["export"],
    &["prove", "topic"],
    &["checkpoint"],
    &["snapshot"],
    &["append", "note", "--text", "a note"],
];
/// What a user must be told.
const SAID: &str = "read-only";

/// One log, and every command.
pub(crate) fn round(
    program: &Program,
    seed: u64,
    place: &Path,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let image = Image::make(&place.join("image"), 48, &place.join("mounted"))?;
    let log = image.path().join("log");
    let mut work = Work::new(Chance::of(seed, "read-only"));
    let mut promised = Promised::default();
    program.must(&log, &["init", "--origin", "example.org/soak"], place)?;
    for batch in [work.first(place)?, work.batch(700, place)?] {
        let file = batch.file.to_string_lossy().into_owned();
        let appended = program.must(&log, &["append", &file, "--json"], place)?;
        promised.take(&Acknowledged::read(&appended.out));
    }
    promised.take(&Acknowledged::read(&program.must(&log, &["checkpoint"], place)?.out));
    image.remount("ro")?;
    for arguments in COMMANDS {
        let ended = program.run(&log, arguments, place)?;
        counts.stopped("commands");
        let advised = ended.err.contains(SAID) && ended.err.contains("hint:");
        if !ended.succeeded() && (!advised || ended.err.contains("damaged")) {
            return Err(Failure::Wrong(format!("it does not say what to do: {}", ended.told())));
        }
    }
    image.remount("rw")?;
    let contents = check(program, &log, &promised, &Attempt::default(), place)?;
    if contents.size() != promised.size {
        return Err(Failure::Wrong("something was written where nothing may be".to_owned()));
    }
    let (single, _) = work.single();
    program.must(&log, &single.iter().map(String::as_str).collect::<Vec<_>>(), place)?;
    check(program, &log, &promised, &Attempt::default(), place)?;
    counts.events += promised.size;
    counts.notes += u64::try_from(promised.notes.len()).unwrap_or(0);
    Ok(())
}
