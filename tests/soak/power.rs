//! Power cuts: a log on an image of its own is worked on; at moments of chance the program is stopped where it stands and
//! the image is copied. Each copy is mounted, and must hold everything that was acknowledged before, in the log and beside
//! it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::after_cut::look_at;
use crate::appending::Appending;
use crate::chance::Chance;
use crate::failure::Failure;
use crate::image::{Image, tool};
use crate::op::Op;
use crate::output::Acknowledged;
use crate::process::Program;
use crate::promised::{Attempt, Kept, Promised};
use crate::report::Counts;

/// How many cuts an image is put through.
const CUTS: u64 = 4;
/// The longest time between two cuts, in milliseconds.
const APART_MS: u64 = 500;
const IMAGE_MIB: u64 = 512;

/// What the cuts are to meet, in turn: most of them what our own syncs alone make durable. Their number has no part in
/// common with that of the cuts, so that each is met by each of a round's cuts.
const MET: [Op; 27] = [
    Op::Group,
    Op::Erase,
    Op::Group,
    Op::Backup,
    Op::Checkpoint,
    Op::Bulk,
    Op::Group,
    Op::Snapshot,
    Op::Export,
    Op::Group,
    Op::Rotate,
    Op::Single,
    Op::Group,
    Op::Erase,
    Op::RestoreBackup,
    Op::Group,
    Op::Checkpoint,
    Op::Seal,
    Op::Group,
    Op::SnapshotAnew,
    Op::Tiles,
    Op::Group,
    Op::Note,
    Op::Bulk,
    Op::Group,
    Op::Backup,
    Op::Restore,
];

/// What the one who appends and the one who cuts both know.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) promised: Promised,
    /// What was written beside the log.
    pub(crate) kept: BTreeMap<Op, Kept>,
    /// Whether `init` has ended.
    pub(crate) is_there: bool,
    /// What the next cut is to meet, and what is worked on for it.
    pub(crate) wanted: Option<Op>,
    pub(crate) worked_on: Option<Op>,
    pub(crate) running: Option<Step>,
    /// What ended last.
    pub(crate) last: Option<Op>,
    pub(crate) ended: bool,
}

/// A command under way.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) process: u32,
    pub(crate) op: Op,
    pub(crate) output: PathBuf,
    pub(crate) remarks: PathBuf,
    pub(crate) attempt: Attempt,
    /// What is there once it has said so.
    pub(crate) keeps: Option<Kept>,
}

/// What a cut left, and what must be in it.
pub(crate) struct Cut {
    pub(crate) image: PathBuf,
    during: String,
    pub(crate) is_there: bool,
    pub(crate) promised: Promised,
    pub(crate) kept: BTreeMap<Op, Kept>,
    pub(crate) attempt: Attempt,
}

/// One image, and its cuts.
pub(crate) fn round(
    program: &Program,
    seed: u64,
    place: &Path,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let image = Image::make(&place.join("image"), IMAGE_MIB, &place.join("mounted"))?;
    let shared = Mutex::new(Shared::default());
    let cuts = std::thread::scope(|scope| {
        let appending = scope.spawn(|| {
            let appended = Appending::new(program, seed, &image, place, &shared)?.run();
            locked(&shared).ended = true;
            appended
        });
        let cuts = cut(&image, seed, place, &shared);
        locked(&shared).ended = true;
        let appended = appending.join();
        let cuts = cuts?;
        appended.map_err(|_| Failure::Machine("the appending thread panicked".to_owned()))??;
        Ok::<_, Failure>(cuts)
    })?;
    drop(image);
    let mut worst = None;
    for (cut, number) in cuts.iter().zip(0_u64..) {
        counts.stopped(cut.during.as_str());
        counts.events += cut.promised.size;
        counts.notes += u64::try_from(cut.promised.notes.len()).unwrap_or(0);
        let missing = look_at(program, seed + number, cut, place)?;
        if missing.is_empty() {
            fs::remove_file(&cut.image)?;
        }
        for (what, failure) in &missing {
            counts.missing(what);
            println!("power {seed}: cut {number}, during {}: {what}: {failure}", cut.during);
        }
        // Every cut that lost something is counted; the round reports the last.
        if let Some((_, failure)) = missing.into_iter().next()
            && let Some(before) = worst.replace(failure)
        {
            counts.failed(&before);
        }
    }
    fs::remove_file(place.join("image"))?;
    worst.map_or(Ok(()), Err)
}

pub(crate) fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops whatever runs, copies the image, and lets it go on.
fn cut(
    image: &Image,
    seed: u64,
    place: &Path,
    shared: &Mutex<Shared>,
) -> Result<Vec<Cut>, Failure> {
    let mut chance = Chance::of(seed, "cuts");
    let mut cuts = Vec::new();
    for number in 0..CUTS {
        // Most cuts are to meet a log, not its making.
        if chance.percent(90) {
            let turn = seed.wrapping_mul(CUTS).wrapping_add(number);
            let wanted = usize::try_from(turn).map_or(Op::Group, |turn| MET[turn % MET.len()]);
            locked(shared).wanted = Some(wanted);
            while locked(shared).worked_on != Some(wanted) && !locked(shared).ended {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        std::thread::sleep(Duration::from_millis(chance.between(1, APART_MS)));
        // Nothing is started, and nothing taken in, until the lock is let go.
        let held = locked(shared);
        if held.ended {
            break;
        }
        let step = held.running.clone();
        if let Some(step) = &step {
            signal("-STOP", step.process)?;
            wait_until_stopped(step.process);
        }
        let (mut promised, mut kept) = (held.promised.clone(), held.kept.clone());
        if let Some(step) = &step {
            let out = fs::read_to_string(&step.output)?;
            promised.take(&Acknowledged::read(&out));
            if step.op.said(&out, &fs::read_to_string(&step.remarks)?) {
                kept.extend(step.keeps.clone().map(|keeps| (step.op, keeps)));
            }
        }
        let copy = place.join(format!("cut-{number}"));
        let copied = image.cut(&copy);
        if let Some(step) = &step {
            signal("-CONT", step.process)?;
        }
        if copied?.is_some() {
            cuts.push(Cut {
                image: copy,
                during: match (&step, held.last) {
                    (Some(step), _) => step.op.name().to_owned(),
                    (None, Some(last)) => format!("just after {}", last.name()),
                    (None, None) => "nothing".to_owned(),
                },
                is_there: held.is_there,
                promised,
                kept,
                attempt: step.map(|step| step.attempt).unwrap_or_default(),
            });
        }
    }
    Ok(cuts)
}

/// Sends a signal; a process that has ended meanwhile needs none.
fn signal(signal: &str, process: u32) -> Result<(), Failure> {
    match tool("kill", &[signal, &process.to_string()]) {
        Err(Failure::Machine(said)) if said.contains("No such process") => Ok(()),
        sent => sent.map(drop),
    }
}

/// Waits until a process stands still: one within a call to the system ends that first.
fn wait_until_stopped(process: u32) {
    let threads = PathBuf::from(format!("/proc/{process}/task"));
    for _ in 0..2_000 {
        let all = fs::read_dir(&threads).map(|all| {
            all.flatten().all(|thread| {
                let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                // The state stands behind the name, which is in parentheses.
                let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
                matches!(state, Some('T' | 'Z' | 'X') | None)
            })
        });
        if all.unwrap_or(true) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
