//! `demarche measures --gantt`: the life of every measure as a row on a common scale of days.
//!
//! Bounds are drawn as bounds: days on which a measure may or may not have begun are shaded, not filled in.

use std::io;

use schemars::JsonSchema;
use serde::Serialize;

use super::Outcome;
use super::clock_args::{Asked, read_day};
use super::error::CliError;
use super::filter_args::from_after_to;
use super::replay::introduce;
use super::shapes::{Question, items, terms};
use super::terminal::Terminal;
use super::words::{outcomes, words};
use crate::event_log::EventLog;
use crate::model::calendar::{DAY_MICROS, Day, Zone};
use crate::replay::measures::{Segment, Status};
use crate::replay::{MeasureLife, View, lives};
use crate::store::Store;

/// What `measures --gantt` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GanttShape {
    #[serde(flatten)]
    question: Question,
    from: String,
    lives: Vec<LifeShape>,
}

#[derive(Serialize, JsonSchema)]
struct LifeShape {
    measure: String,
    segments: Vec<SegmentShape>,
}

/// Days at whose ends the answer is the same.
#[derive(Serialize, JsonSchema)]
struct SegmentShape {
    first: String,
    last: String,
    #[schemars(extend("enum" = terms(Status::ALL, Status::as_str)))]
    status: &'static str,
    #[schemars(extend("items" = items(Status::ALL, Status::as_str)))]
    outcomes: Vec<&'static str>,
    reason: Option<&'static str>,
    deciding: Vec<String>,
}

/// The most days that are drawn: some ten thousand years.
const DAYS_MAX: i64 = 4_000_000;

pub(crate) fn run(
    from: &str,
    asked: &Asked,
    log: &EventLog<impl Store>,
    view: &View<'_>,
    json: bool,
    terminal: &mut Terminal,
) -> Outcome {
    let zone = asked.clocks.zone;
    let (first, last) = (read_day("--from", from, zone)?, zone.day_of(asked.clocks.to));
    let days = days_between(first, last, zone) + 1;
    if days < 1 {
        return Err(from_after_to(&first.to_string(), &last.to_string()));
    }
    if days > DAYS_MAX {
        return Err(CliError::refused(format!("{days} days are more than can be drawn"))
            .hint("choose a later --from"));
    }
    let lives = lives(view, first, last);
    if json {
        let question = Question::new(asked, log, view.left_out());
        let lives = lives.into_iter().map(LifeShape::from).collect();
        terminal.json(&GanttShape { question, from: from.to_owned(), lives })?;
        return Ok(super::Status::Done);
    }
    introduce(asked, log, view, terminal)?;
    if lives.is_empty() {
        terminal.faint("  no measure has a life in these days")?;
        return Ok(super::Status::Done);
    }
    draw(&lives, first, last, zone, terminal)?;
    Ok(super::Status::Done)
}

fn draw(
    lives: &[MeasureLife],
    first: Day,
    last: Day,
    zone: Zone,
    terminal: &mut Terminal,
) -> io::Result<()> {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let days = days_between(first, last, zone) + 1;
    let name = lives.iter().map(|life| life.measure.chars().count()).max().unwrap_or(0).min(40);
    let room = count(terminal.width().saturating_sub(name + 4)).max(10);
    // Short spans get several columns a day, long ones several days a column.
    let days_a_column = ((days + room - 1) / room).max(1);
    let columns_a_day = if days_a_column == 1 { (room / days).clamp(1, 6) } else { 1 };
    let columns = ((days + days_a_column - 1) / days_a_column) * columns_a_day;

    let (start, end) = (first.to_string(), last.to_string());
    let gap = columns - count(start.len() + end.len());
    let gap = usize::try_from(gap).unwrap_or(0).max(1);
    terminal.faint(format!("  {:name$}  {start}{}{end}", "", " ".repeat(gap)))?;
    for life in lives {
        let mut row = String::new();
        let mut day = first;
        let mut left = days;
        while left > 0 {
            let step = days_a_column.min(left);
            // A column of several days shows the last of them.
            let shown = forward(day, step - 1);
            let mark = mark(segment_at(life, shown));
            for _ in 0..columns_a_day {
                row.push(mark);
            }
            day = forward(shown, 1);
            left -= step;
        }
        let shown: String = life.measure.chars().take(40).collect();
        terminal.line(format!("  {shown:name$}  {row}"))?;
    }
    terminal.line("")?;
    let legend: Vec<String> = Status::ALL
        .iter()
        .filter(|status| **status != Status::None)
        .map(|status| format!("{} {}", mark(Some(*status)), words(status.as_str())))
        .collect();
    terminal.faint(format!("  {}", legend.join("   ")))?;
    if days_a_column > 1 {
        terminal.faint(format!(
            "  each column is {days_a_column} days, shown as at the last of them"
        ))?;
    }
    for life in lives {
        terminal.line("")?;
        terminal.heading(format!("  {}", life.measure))?;
        for segment in &life.segments {
            let Some(answer) = &segment.answer else { continue };
            let what = match answer.status {
                Status::Unknown => format!("unknown: {}", outcomes(&answer.outcomes)),
                known => words(known.as_str()),
            };
            let deciding = answer.deciding.join(", ");
            terminal.line(format!("    {} to {}  {what}", segment.first, segment.last))?;
            terminal.faint(format!("      by {deciding}"))?;
        }
    }
    Ok(())
}

fn segment_at(life: &MeasureLife, day: Day) -> Option<Status> {
    let holds = |segment: &&Segment| segment.first <= day && day <= segment.last;
    let segment = life.segments.iter().find(holds)?;
    segment.answer.as_ref().map(|answer| answer.status)
}

const fn mark(status: Option<Status>) -> char {
    match status {
        None | Some(Status::None) => ' ',
        Some(Status::Threatened) => '·',
        Some(Status::Announced) => '╌',
        Some(Status::InForce) => '█',
        Some(Status::Suspended) => '▒',
        Some(Status::Ended) => '▁',
        Some(Status::Unknown) => '░',
    }
}

fn days_between(first: Day, last: Day, zone: Zone) -> i64 {
    let noon = |day: Day| zone.start_of(day).micros() + DAY_MICROS / 2;
    (noon(last) - noon(first) + DAY_MICROS / 2).div_euclid(DAY_MICROS)
}

fn forward(mut day: Day, days: i64) -> Day {
    for _ in 0..days {
        day = day.next();
    }
    day
}

impl From<MeasureLife> for LifeShape {
    fn from(life: MeasureLife) -> Self {
        let segment = |segment: Segment| {
            let answer = segment.answer.as_ref();
            SegmentShape {
                first: segment.first.to_string(),
                last: segment.last.to_string(),
                status: answer.map_or(Status::None, |answer| answer.status).as_str(),
                outcomes: answer.map_or_else(
                    || vec![Status::None.as_str()],
                    |answer| answer.outcomes.iter().map(|outcome| outcome.as_str()).collect(),
                ),
                reason: answer.and_then(|answer| answer.reason).map(|reason| reason.as_str()),
                deciding: answer.map(|answer| answer.deciding.clone()).unwrap_or_default(),
            }
        };
        let segments = life.segments.into_iter().map(segment).collect();
        Self { measure: life.measure, segments }
    }
}
