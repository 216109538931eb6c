//! `demarche snapshot`: keep what is derived from the events, carried on to the last of them. `verify` derives it once more,
//! and compares.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::snapshot::forget;

#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// Derive everything anew, whatever is kept
    #[arg(long)]
    anew: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// What `snapshot` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SnapshotShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// How many events it is of.
    size: u64,
    /// The link of the last of them.
    link: String,
    /// The version of the rules by which events were folded.
    reducer: i64,
    /// The BLAKE3 hash of its rows: the same wherever the same events are folded by the same rules.
    blake3: String,
    bytes: u64,
}

impl SnapshotArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        if self.anew {
            forget(&mut args.store("demarche snapshot")?)?;
        }
        let mut log = args.open("demarche snapshot", terminal)?;
        let kept = {
            let progress = terminal.progress("deriving", None);
            log.keep_snapshot(&mut |done| progress.set(done))?
        };
        let shape = SnapshotShape {
            v: VERSION,
            size: kept.size,
            link: kept.link.to_string(),
            reducer: kept.reducer,
            blake3: kept.blake3.to_string(),
            bytes: kept.bytes,
        };
        if self.json {
            terminal.json(&shape)?;
            return Ok(Status::Done);
        }
        terminal.line(format!(
            "kept what the log means with {} events: {}",
            shape.size, shape.blake3
        ))?;
        terminal.faint(
            "the same events, with the same sealed parts, folded by the same rules, give the same hash on any machine",
        )?;
        terminal.faint("verify derives it from the events once more, and compares")?;
        Ok(Status::Done)
    }
}
