//! How long commands take here, so that kills fall anywhere in them and not mostly before or behind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::kills::BULK_MOST;
use crate::op::Op;
use crate::process::Program;
use crate::work::Work;

/// How long each command takes when nobody stops it.
pub(crate) struct Durations(Vec<(Op, Duration)>);

impl Durations {
    /// Runs each once, on a log of some thousand events.
    pub(crate) fn measure(program: &Program, dir: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(dir)?;
        let log = &dir.join("log");
        let mut work = Work::new(Chance::of(0, "tuning"));
        let run = |log: &Path, arguments: &[&str]| program.must(log, arguments, dir);
        // Other work on the machine makes one measurement too long.
        let again = |log: &Path, arguments: &[&str]| {
            let took: Result<Vec<_>, Failure> =
                (0..3).map(|_| Ok(run(log, arguments)?.took)).collect();
            Ok::<_, Failure>(took?.into_iter().min().unwrap_or_default())
        };
        let beside = |op: Op, log: &Path, name: &str| {
            let place = dir.join(name).to_string_lossy().into_owned();
            Ok::<_, Failure>(run(log, &[op.beside(), &[&place]].concat())?.took)
        };
        run(log, &["init", "--origin", "example.org/soak"])?;
        run(log, &["append", &work.first(dir)?.file.to_string_lossy()])?;
        let batch = work.batch(BULK_MOST, dir)?;
        let bulk = run(log, &["append", &batch.file.to_string_lossy()])?.took;
        let (single, id) = work.single();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        let single = run(log, &single)?.took;
        let took = vec![
            (Op::Bulk, bulk),
            (Op::Single, single),
            (Op::Group, single * 4),
            (Op::Seal, single),
            (Op::Checkpoint, again(log, &["checkpoint"])?),
            (Op::Snapshot, again(log, &["snapshot"])?),
            (Op::SnapshotAnew, again(log, &["snapshot", "--anew"])?),
            (Op::Rotate, run(log, &["key", "rotate"])?.took),
            (Op::Retire, run(log, &["key", "retire"])?.took),
            (Op::Note, beside(Op::Note, log, "note")?),
            (Op::Export, beside(Op::Export, log, "export")?),
            (Op::Tiles, beside(Op::Tiles, log, "tiles")?),
            (Op::Backup, beside(Op::Backup, log, "backup")?),
            (Op::Restore, beside(Op::Restore, &dir.join("copy"), "export")?),
            (Op::RestoreBackup, beside(Op::RestoreBackup, &dir.join("other"), "backup")?),
            (Op::Erase, run(log, &["erase", &id, "--why", "tuning"])?.took),
        ];
        fs::remove_dir_all(dir)?;
        Ok(Self(took))
    }

    /// A delay within what a command takes, or a little beyond it.
    pub(crate) fn delay(&self, op: Op, chance: &mut Chance) -> Duration {
        let took =
            self.0.iter().find(|(of, _)| *of == op).map_or(Duration::ZERO, |(_, took)| *took);
        took * u32::try_from(chance.between(2, 98)).unwrap_or(100) / 100
    }
}
