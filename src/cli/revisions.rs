//! `demarche revisions`: what the log took in that changed an answer it had already given.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::read_zone;
use super::diff::{MeasureChangeShape, PositionChangeShape, print_measures, print_positions};
use super::log_args::LogArgs;
use super::replay::say_absent;
use super::shapes::{HeadShape, VERSION};
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::model::calendar::Instant;
use crate::replay::{Clocks, Revision, View, revisions};

#[derive(Debug, Args)]
pub(crate) struct RevisionsArgs {
    /// The time zone in which dates, and times without an offset, are read
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// What `revisions` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RevisionsShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    tz: String,
    head: HeadShape,
    revisions: Vec<RevisionShape>,
}

/// What one append changed in past answers.
#[derive(Serialize, JsonSchema)]
struct RevisionShape {
    recorded_at: String,
    measures: Vec<MeasureChangeShape>,
    positions: Vec<PositionChangeShape>,
}

impl RevisionsArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let zone = read_zone(&self.tz)?;
        let log = log.open_folded("demarche revisions", terminal)?;
        let found = revisions(log.history(), zone);
        if self.json {
            terminal.json(&RevisionsShape {
                v: VERSION,
                tz: self.tz.clone(),
                head: HeadShape::of(&log),
                revisions: found.into_iter().map(RevisionShape::from).collect(),
            })?;
            return Ok(Status::Done);
        }
        terminal.heading("What changed answers that had been given")?;
        terminal.faint(format!("{} · {} events", log.origin(), log.head().size))?;
        if found.is_empty() {
            terminal.line("")?;
            terminal.faint("  nothing: every event was news, none a revision")?;
        }
        let view = View::of(log.history(), Clocks::at(Instant::MAX, zone));
        say_absent(view.left_out().absent, terminal)?;
        for revision in &found {
            terminal.line("")?;
            terminal.heading(format!("Recorded at {}", revision.recorded_at))?;
            let (before, after) = revision.views(log.history(), zone);
            if !revision.measures.is_empty() {
                print_measures(&after, &revision.measures, terminal)?;
            }
            if !revision.positions.is_empty() {
                print_positions(&before, &after, &revision.positions, terminal)?;
            }
        }
        Ok(Status::Done)
    }
}

impl From<Revision> for RevisionShape {
    fn from(revision: Revision) -> Self {
        Self {
            recorded_at: revision.recorded_at.to_string(),
            measures: revision.measures.into_iter().map(MeasureChangeShape::from).collect(),
            positions: revision.positions.into_iter().map(PositionChangeShape::from).collect(),
        }
    }
}
