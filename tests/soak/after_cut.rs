//! What a power cut left: the log holds what it acknowledged and goes on, and what was written beside it is there, whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::beside::files;
use crate::chance::Chance;
use crate::check::{Contents, check, holds};
use crate::failure::Failure;
use crate::image::Image;
use crate::op::Op;
use crate::power::Cut;
use crate::process::Program;
use crate::promised::{Attempt, Kept};
use crate::work::Work;

/// Mounts what a cut left, and looks whether everything is there; then appends once more.
pub(crate) fn look_at(
    program: &Program,
    seed: u64,
    cut: &Cut,
    place: &Path,
) -> Result<(), Failure> {
    let image = Image::mount(&cut.image, &place.join("looked-at"))?;
    let scratch = place.join("look");
    fs::create_dir_all(&scratch)?;
    let log = image.path().join("log");
    let mut work = Work::new(Chance::of(seed, "work after the cut"));
    if cut.is_there {
        // Before anything is run that could make up for what is missing.
        for (op, kept) in &cut.kept {
            is_there(*op, kept, &image)?;
        }
        let contents = check(program, &log, &cut.promised, &cut.attempt, &scratch)?;
        if contents.ids.contains_key("topic") {
            let (single, _) = work.single();
            let single: Vec<&str> =
                single.iter().map(String::as_str).filter(|word| *word != "text").collect();
            program.must(&log, &without_citation(&single), &scratch)?;
        }
        let mut promised = cut.promised.clone();
        promised.take_read(&contents);
        let signed = program.run(&log, &["checkpoint"], &scratch)?;
        if !signed.succeeded() {
            return Err(Failure::Lost(format!("the key, or the journal: {}", signed.told())));
        }
        check(program, &log, &promised, &Attempt::default(), &scratch)?;
        for (op, kept) in &cut.kept {
            is_whole(program, *op, kept, &image, &scratch)?;
        }
        return Ok(());
    }
    // Nothing was acknowledged yet: a log is there, or can be made.
    let made = program.run(&log, &["init", "--origin", "example.org/soak"], &scratch)?;
    let verified = program.run(&log, &["verify"], &scratch)?;
    if verified.succeeded() {
        return Ok(());
    }
    Err(Failure::Wrong(format!("{}\n{}", made.told(), verified.told())))
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
        // It compares every file that is there with what it would write.
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
