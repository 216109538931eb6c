//! Full disks: a command meets the end of its room. It says so, nothing acknowledged is lost, nothing is there in part; and
//! once there is room, the log goes on.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::chance::Chance;
use crate::check::{check, grew_by_attempt};
use crate::failure::Failure;
use crate::image::{Image, tool};
use crate::output::Acknowledged;
use crate::process::{Ended, Program};
use crate::promised::{Attempt, Promised};
use crate::report::Counts;
use crate::work::Work;

const IMAGE_MIB: u64 = 48;
/// The most bytes that are left before the disk is full: for long appends, single ones, erasures, snapshots anew. Each needs
/// more, mostly.
const ROOM_MOST: [u64; 4] = [3_000_000, 40_000, 500_000, 60_000];
/// How many single appends are tried: enough to fill the room that is left for them.
const SINGLES: usize = 1_500;
/// What a user must be told.
const SAID: &str = "the disk is full";

/// One log on one disk, which is filled once.
pub(crate) fn round(
    program: &Program,
    seed: u64,
    place: &Path,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let image = Image::make(&place.join("image"), IMAGE_MIB, &place.join("mounted"))?;
    let log = image.path().join("log");
    let mut chance = Chance::of(seed, "full");
    let mut work = Work::new(Chance::of(seed, "work of full"));
    let mut promised = Promised::default();
    let scratch = place;
    let file = |batch: &Path| batch.to_string_lossy().into_owned();
    program.must(&log, &["init", "--origin", "example.org/soak"], scratch)?;
    program.must(&log, &["append", &file(&work.first(scratch)?.file)], scratch)?;
    let batch = work.batch(chance.between(300, 4_000), scratch)?;
    promised.take(&Acknowledged::read(
        &program.must(&log, &["append", &file(&batch.file)], scratch)?.out,
    ));
    promised.take(&Acknowledged::read(&program.must(&log, &["checkpoint"], scratch)?.out));
    let contents = check(program, &log, &promised, &Attempt::default(), scratch)?;
    promised.take_read(&contents);

    let kind = usize::try_from(chance.between(0, 3)).unwrap_or(0);
    let filler = image.path().join("filler");
    fill(&filler, image.path(), chance.between(0, ROOM_MOST[kind]))?;
    let mut attempt = Attempt::default();
    let ended = match kind {
        0 => {
            let batch = work.batch(40_000, scratch)?;
            attempt.ids = batch.ids;
            program.run(&log, &["append", &file(&batch.file)], scratch)?
        }
        1 => singles(program, &log, &mut work, &mut promised, &mut attempt, scratch)?,
        2 => {
            let (id, seq) = chance.one(&contents.erasable).clone();
            attempt.erasing = Some(seq);
            program.run(&log, &["erase", &id, "--why", "soak"], scratch)?
        }
        _ => program.run(&log, &["snapshot", "--anew"], scratch)?,
    };
    let name = ["long appends", "single appends", "erasures", "snapshots anew"];
    let name = name[kind];
    if ended.succeeded() {
        // There was room for it after all.
        counts.early += 1;
    } else {
        counts.stopped(name);
        says_so(&ended)?;
    }
    promised.take(&Acknowledged::read(&ended.out));
    let before = promised.size;
    // On the full disk: an answer, or the same words.
    for arguments in [&["verify"][..], &["replay", "--to", "2025-06-01"], &["checkpoint"]] {
        let ended = program.run(&log, arguments, scratch)?;
        promised.take(&Acknowledged::read(&ended.out));
        if !ended.succeeded() {
            says_so(&ended)?;
        }
    }
    fs::remove_file(&filler)?;
    let contents = check(program, &log, &promised, &attempt, scratch)?;
    if !ended.succeeded() {
        grew_by_attempt(&contents, before, &attempt)?;
    }
    promised.take_read(&contents);
    let batch = work.batch(chance.between(1, 1_000), scratch)?;
    promised.take(&Acknowledged::read(
        &program.must(&log, &["append", &file(&batch.file), "--json"], scratch)?.out,
    ));
    promised.take(&Acknowledged::read(&program.must(&log, &["checkpoint"], scratch)?.out));
    check(program, &log, &promised, &Attempt::default(), scratch)?;
    counts.events += promised.size;
    counts.notes += u64::try_from(promised.notes.len()).unwrap_or(0);
    Ok(())
}

/// Appends single events until one meets the end of the room.
fn singles(
    program: &Program,
    log: &Path,
    work: &mut Work,
    promised: &mut Promised,
    attempt: &mut Attempt,
    scratch: &Path,
) -> Result<Ended, Failure> {
    for _ in 1..SINGLES {
        let (arguments, id) = work.single();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = program.run(log, &arguments, scratch)?;
        attempt.ids = vec![id];
        if !ended.succeeded() {
            return Ok(ended);
        }
        promised.take(&Acknowledged::read(&ended.out));
    }
    program.run(log, &["verify"], scratch)
}

/// Fills a disk but for so many bytes.
fn fill(filler: &Path, disk: &Path, room: u64) -> Result<(), Failure> {
    let free = tool("df", &["--output=avail", "-B1", &disk.to_string_lossy()])?;
    let free: Option<u64> = free.lines().last().and_then(|line| line.trim().parse().ok());
    let free = free.ok_or_else(|| Failure::Machine("df gives no number".to_owned()))?;
    let mut file = File::create(filler)?;
    for _ in 0..free.saturating_sub(room) / 4096 {
        file.write_all(&[0; 4096])?;
    }
    Ok(file.sync_all()?)
}

/// That an error names its reason.
fn says_so(ended: &Ended) -> Result<(), Failure> {
    if ended.err.contains(SAID) && !ended.err.contains("damaged") {
        return Ok(());
    }
    Err(Failure::Wrong(format!("the disk is full, and it does not say so: {}", ended.told())))
}
