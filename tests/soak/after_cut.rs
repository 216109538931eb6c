//! What a power cut left: the log holds what it acknowledged and goes on, and what was written beside it is there, whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::beside::files;
use crate::chance::Chance;
use crate::check::{Contents, check, fits, holds, look};
use crate::failure::Failure;
use crate::image::Image;
use crate::op::Op;
use crate::power::Cut;
use crate::process::Program;
use crate::promised::{Attempt, Kept};
use crate::work::Work;

/// What is said to be missing where events are, of a log that verifies.
pub(crate) const EVENTS: &str = "events";
/// The same, where the log does not verify, or lacks checkpoints, or does not go on.
const THE_LOG: &str = "the log";

/// What is missing after a cut, and how that was seen.
pub(crate) type Missing = (&'static str, Failure);

/// Mounts what a cut left, and looks whether everything is there; then goes on. What is missing of the log comes first.
pub(crate) fn look_at(
    program: &Program,
    seed: u64,
    cut: &Cut,
    place: &Path,
) -> Result<Vec<Missing>, Failure> {
    let image = Image::mount(&cut.image, &place.join("looked-at"))?;
    let scratch = place.join("look");
    fs::create_dir_all(&scratch)?;
    let log = image.path().join("log");
    if !cut.is_there {
        let made = can_be_made(program, &log, &scratch);
        return Ok(made.err().map(|failure| (THE_LOG, failure)).into_iter().collect());
    }
    // Before anything is run that could make up for what is missing.
    let files: Vec<_> =
        cut.kept.iter().map(|(op, kept)| (*op, kept, is_there(*op, kept, &image))).collect();
    let read = look(program, &log, &scratch);
    let has_events =
        read.as_ref().map_or(Ok(()), |contents| holds(contents, &cut.promised, &cut.attempt));
    let goes_on = [
        (EVENTS, has_events),
        (THE_LOG, read.and_then(|read| goes_on(program, &log, seed, cut, read, &scratch))),
        ("the key", signs(program, &log, &scratch)),
    ];
    let beside = files.into_iter().map(|(op, kept, files)| {
        (op.name(), files.and_then(|()| is_whole(program, op, kept, &image, &scratch)))
    });
    let all = goes_on.into_iter().chain(beside);
    Ok(all.filter_map(|(what, found)| Some((what, found.err()?))).collect())
}

/// Where nothing was acknowledged yet: a log is there, or can be made.
fn can_be_made(program: &Program, log: &Path, scratch: &Path) -> Result<(), Failure> {
    let made = program.run(log, &["init", "--origin", "example.org/soak"], scratch)?;
    let verified = program.run(log, &["verify"], scratch)?;
    if verified.succeeded() {
        return Ok(());
    }
    Err(Failure::Wrong(format!("{}\n{}", made.told(), verified.told())))
}

/// That the log, which was read, holds what it acknowledged, and still does once more was appended.
fn goes_on(
    program: &Program,
    log: &Path,
    seed: u64,
    cut: &Cut,
    contents: Contents,
    scratch: &Path,
) -> Result<(), Failure> {
    fits(program, log, &contents, &cut.promised, &cut.attempt, scratch)?;
    if contents.ids.contains_key("topic") {
        let (single, _) = Work::new(Chance::of(seed, "work after the cut")).single();
        let single: Vec<&str> =
            single.iter().map(String::as_str).filter(|word| *word != "text").collect();
        program.must(log, &without_citation(&single), scratch)?;
    }
    let mut promised = cut.promised.clone();
    promised.take_read(&contents);
    check(program, log, &promised, &Attempt::default(), scratch).map(drop)
}

/// That the key is there, which the log was made with, or which a rotation made.
fn signs(program: &Program, log: &Path, scratch: &Path) -> Result<(), Failure> {
    let signed = program.run(log, &["checkpoint"], scratch)?;
    if signed.succeeded() { Ok(()) } else { Err(Failure::Lost(signed.told())) }
}

/// A single append that rests on nothing that may be missing yet.
fn without_citation<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let end = arguments.iter().position(|word| *word == "--cite").unwrap_or(arguments.len());
    arguments[..end].to_vec()
}

/// That the files are there as they were when that was said.
fn is_there(op: Op, kept: &Kept, image: &Image) -> Result<(), Failure> {
    let Some(before) = &kept.files else { return Ok(()) };
    if files_of(op, &image.path().join(&kept.name))? == *before {
        return Ok(());
    }
    Err(Failure::Lost(format!("of {} that were done: {}", op.name(), kept.name)))
}

/// The files of what was written; of a log, those of its keys, which alone stay as they are.
pub(crate) fn files_of(op: Op, place: &Path) -> Result<BTreeMap<PathBuf, blake3::Hash>, Failure> {
    let mut found = files(place)?;
    if op == Op::Rotate {
        found.retain(|path, _| path.to_string_lossy().starts_with("key"));
    }
    Ok(found)
}

/// That what was written is what it must be.
fn is_whole(
    program: &Program,
    op: Op,
    kept: &Kept,
    image: &Image,
    scratch: &Path,
) -> Result<(), Failure> {
    let (log, place) = (image.path().join("log"), image.path().join(&kept.name));
    let name = place.to_string_lossy().into_owned();
    let lost = |failure| Failure::Lost(format!("{}: {failure}", op.name()));
    let none = Attempt::default();
    match op {
        Op::Export => {
            program.must(&log, &["verify", &name], scratch).map_err(lost)?;
            holds(&Contents::read(&fs::read_to_string(&place)?)?, &kept.promised, &none)
        }
        Op::Note => program.must(&log, &["verify", "--checkpoint", &name], scratch).map(drop),
        // It compares every file that is there with what it would write, and writes those that are not: without a
        // checkpoint all of them are lost.
        Op::Tiles if !place.join("checkpoint").exists() => {
            Err(Failure::Lost("the checkpoint of tiles".to_owned()))
        }
        Op::Tiles => program.must(&log, &[op.beside(), &[&name]].concat(), scratch).map(drop),
        Op::Backup => {
            let again = image.path().join("again");
            program.must(&again, &["restore", &name], scratch).map_err(lost)?;
            check(program, &again, &kept.promised, &none, scratch).map(drop).map_err(lost)
        }
        Op::Restore | Op::RestoreBackup => {
            check(program, &place, &kept.promised, &none, scratch).map(drop).map_err(lost)
        }
        // Whether the log signs was seen before.
        _ => Ok(()),
    }
}
