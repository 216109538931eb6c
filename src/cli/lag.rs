//! `demarche lag`: how late each source is, and how late this log is after it.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::ClockArgs;
use super::log_args::LogArgs;
use super::replay::introduce;
use super::shapes::Question;
use super::terminal::Terminal;
use super::words::name_of;
use super::{Outcome, Status};
use crate::replay::lag::{Bounds, Lags};
use crate::replay::{SourceLag, View, lag};

#[derive(Debug, Args)]
pub(crate) struct LagArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// What `lag` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LagShape {
    #[serde(flatten)]
    question: Question,
    sources: Vec<SourceShape>,
}

#[derive(Serialize, JsonSchema)]
struct SourceShape {
    source: String,
    published: Option<String>,
    acts: u64,
    reported_minus_valid: LagsShape,
    recorded_minus_reported: LagsShape,
}

/// Lags in whole days.
#[derive(Serialize, JsonSchema)]
struct LagsShape {
    count: u64,
    unknown: u64,
    least: Option<BoundsShape>,
    median: Option<BoundsShape>,
    most: Option<BoundsShape>,
}

#[derive(Serialize, JsonSchema)]
struct BoundsShape {
    low: i64,
    high: i64,
}

impl LagArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open_folded("demarche lag", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        let lags = lag(&view);
        if self.json {
            let question = Question::new(&asked, &log, view.left_out());
            let sources = lags.into_iter().map(SourceShape::from).collect();
            terminal.json(&LagShape { question, sources })?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        if lags.is_empty() {
            terminal.faint("  no source: nothing in the log cites one")?;
            return Ok(Status::Done);
        }
        let rows: Vec<_> = lags
            .iter()
            .map(|lag| {
                vec![
                    name_of(&view, &lag.source),
                    lag.published.clone().unwrap_or_else(|| "?".to_owned()),
                    lag.acts.to_string(),
                    in_words(&lag.reported_minus_valid),
                    in_words(&lag.recorded_minus_reported),
                ]
            })
            .collect();
        let header =
            &["source", "published", "acts", "act to report, days", "report to record, days"];
        terminal.table(header, &[1, 2], &rows)?;
        terminal.line("")?;
        terminal.faint("  least / median / most; 0–8 is between 0 and 8, as dates have bounds")?;
        Ok(Status::Done)
    }
}

fn in_words(lags: &Lags) -> String {
    let bounds = |bounds: Option<Bounds>| match bounds {
        None => "?".to_owned(),
        Some(Bounds { low, high }) if low == high => low.to_string(),
        Some(Bounds { low, high }) => format!("{low}–{high}"),
    };
    let all = [lags.least, lags.median, lags.most].map(bounds).join(" / ");
    match lags.unknown {
        0 => all,
        unknown => format!("{all} ({unknown} not known)"),
    }
}

impl From<SourceLag> for SourceShape {
    fn from(lag: SourceLag) -> Self {
        Self {
            source: lag.source,
            published: lag.published,
            acts: lag.acts,
            reported_minus_valid: LagsShape::from(lag.reported_minus_valid),
            recorded_minus_reported: LagsShape::from(lag.recorded_minus_reported),
        }
    }
}

impl From<Lags> for LagsShape {
    fn from(lags: Lags) -> Self {
        let shape =
            |bounds: Option<Bounds>| bounds.map(|Bounds { low, high }| BoundsShape { low, high });
        Self {
            count: lags.count,
            unknown: lags.unknown,
            least: shape(lags.least),
            median: shape(lags.median),
            most: shape(lags.most),
        }
    }
}
