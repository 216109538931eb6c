//! Steps: each call of the system with which a command changes files is refused, or is the one before which it is killed;
//! strace sees to that. `tests/it/crashes.rs` does the same to the writes of a store; here it is every file that the
//! program writes, in the store or beside it. A call that is kept and reported as failed leaves what a kill before the
//! next one does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::image::tool;
use crate::kills::{Stop, UnderTest};
use crate::op::Op;
use crate::process::Program;
use crate::report::Counts;

/// The commands, one a round. A process that appends is the same as single appends.
const OPS: [Op; 15] = [
    Op::Single,
    Op::Bulk,
    Op::Seal,
    Op::Erase,
    Op::Snapshot,
    Op::SnapshotAnew,
    Op::Checkpoint,
    Op::Rotate,
    Op::Retire,
    Op::Note,
    Op::Export,
    Op::Tiles,
    Op::Backup,
    Op::Restore,
    Op::RestoreBackup,
];
/// The calls with which files are changed.
const CALLS: &str = "openat,mkdir,write,pwrite64,ftruncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat2,unlink,unlinkat,rmdir,chmod";
/// How many calls of one name are tried, from either end.
const OF_EACH: usize = 8;
const TRACE: &str = "trace";

/// A call of the system, and what is done to it.
#[derive(Clone)]
pub(crate) enum Step {
    /// Every call is only written down.
    Watched,
    /// The call of a name that comes at this place, counted from 1, does not take place, and the process is killed.
    Killed(String, usize),
    /// It does not take place, and is reported as failed.
    Refused(String, usize),
}

impl Step {
    /// What a program is run by, so that this happens to it.
    pub(crate) fn tracer(&self, scratch: &Path) -> Vec<String> {
        let trace = scratch.join(TRACE).to_string_lossy().into_owned();
        let mut words = vec!["strace", "-f", "-qq", "-s", "0", "-o", &trace, "-e"];
        let inject = match self {
            Self::Watched => format!("trace={CALLS}"),
            Self::Killed(call, nth) => format!("inject={call}:signal=SIGKILL:when={nth}"),
            Self::Refused(call, nth) => format!("inject={call}:error=EIO:when={nth}"),
        };
        words.push(&inject);
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// One command, and all of its steps.
pub(crate) fn round(
    program: &Program,
    seed: u64,
    place: &Path,
    counts: &mut Counts,
) -> Result<(), Failure> {
    tool("strace", &["-V"])?;
    let op = usize::try_from(seed).map_or(Op::Single, |seed| OPS[seed % OPS.len()]);
    let mut under = UnderTest::begin(program, Stop::At(Step::Watched), seed, place)?;
    under.kill(op)?;
    let calls = calls(&fs::read_to_string(place.join(TRACE))?);
    if calls.is_empty() {
        return Err(Failure::Absent("a strace that sees calls".to_owned()));
    }
    for (name, places) in &calls {
        for (at, nth) in places.iter().enumerate() {
            if at >= OF_EACH && at + OF_EACH < places.len() {
                continue;
            }
            for step in [Step::Killed(name.clone(), *nth), Step::Refused(name.clone(), *nth)] {
                let how = if matches!(step, Step::Killed(..)) { "killed at" } else { "refused" };
                under.stop_at(step);
                match under.kill(op) {
                    Ok(true) => counts.stopped(op.name()),
                    Ok(false) => counts.early += 1,
                    Err(failure) => {
                        counts.stopped(op.name());
                        println!("steps {seed}: {}, {how} {name} {nth}:", op.name());
                        return Err(failure);
                    }
                }
            }
        }
    }
    counts.events += under.promised.size;
    counts.notes += u64::try_from(under.promised.notes.len()).unwrap_or(0);
    Ok(())
}

/// The places of calls that change files among all of that name, of the thread that the program begins with.
fn calls(trace: &str) -> BTreeMap<String, Vec<usize>> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut first = None;
    for line in trace.lines() {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
        if *first.get_or_insert(process) != process || name.contains(' ') {
            continue;
        }
        let nth = counted.entry(name.to_owned()).or_default();
        *nth += 1;
        if name != "openat" || arguments.contains("O_CREAT") {
            places.entry(name.to_owned()).or_default().push(*nth);
        }
    }
    places
}
