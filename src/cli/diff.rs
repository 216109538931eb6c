//! `demarche diff`: what changed between two dates, or between what was known at two times; each line with its reason.

use std::io;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::{Asked, Bound, read_bound, read_zone};
use super::error::CliError;
use super::log_args::LogArgs;
use super::positions::modality;
use super::shapes::{CiteShape, HeadShape, MeasureShape, PositionShape, VERSION, terms};
use super::terminal::Terminal;
use super::words::{name_of, on_whose_word, shown, standing, words};
use super::{Outcome, Status};
use crate::event_log::EventLog;
use crate::replay::diff::{Change, Days, Diff, MeasureChange, PositionChange};
use crate::replay::measures::MeasureAnswer;
use crate::replay::{Position, View, diff, revised_days};
use crate::store::Store;

#[derive(Debug, Args)]
#[command(after_help = "Give one pair: --from and --to; --recorded-from and --recorded-to; or \
    --reported-from and --reported-to. With the last two, --to asks about one day; without it \
    measures are compared on every day.")]
pub(crate) struct DiffArgs {
    /// The earlier date of the valid clock
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<String>,
    /// The later date of the valid clock; or the day asked about, with the other clocks
    #[arg(long, visible_alias = "on", value_name = "DATE")]
    to: Option<String>,
    /// What the log had taken in by then, against --recorded-to
    #[arg(long, value_name = "DATE", requires = "recorded_to", conflicts_with = "from")]
    recorded_from: Option<String>,
    /// What the log had taken in by then
    #[arg(long, value_name = "DATE", requires = "recorded_from")]
    recorded_to: Option<String>,
    /// What the public could read by then, against --reported-to
    #[arg(long, value_name = "DATE", requires = "reported_to",
        conflicts_with_all = ["from", "recorded_from"])]
    reported_from: Option<String>,
    /// What the public could read by then
    #[arg(long, value_name = "DATE", requires = "reported_from")]
    reported_to: Option<String>,
    /// Only what this log had taken in by then
    #[arg(long, value_name = "DATE", conflicts_with = "recorded_from")]
    recorded_by: Option<String>,
    /// Only what the public could read by then
    #[arg(long, value_name = "DATE", conflicts_with = "reported_from")]
    reported_by: Option<String>,
    /// The time zone in which dates, and times without an offset, are read
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// What `diff` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DiffShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// The clock on which the two views differ.
    #[schemars(extend("enum" = ["valid", "recorded", "reported"]))]
    clock: &'static str,
    from: String,
    to: String,
    /// The day asked about, where the clock is not the valid one; `null` for every day.
    at: Option<String>,
    recorded_by: Option<String>,
    reported_by: Option<String>,
    tz: String,
    head: HeadShape,
    measures: Vec<MeasureChangeShape>,
    positions: Vec<PositionChangeShape>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct MeasureChangeShape {
    measure: String,
    #[schemars(extend("enum" = terms(Change::ALL, Change::as_str)))]
    change: &'static str,
    /// The days about which the answers differ so, where every day was compared.
    days: Option<DaysShape>,
    fields: Vec<&'static str>,
    because: Vec<String>,
    before: Option<MeasureShape>,
    after: Option<MeasureShape>,
}

/// Days in a row; `null` is open.
#[derive(Serialize, JsonSchema)]
struct DaysShape {
    first: Option<String>,
    last: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct PositionChangeShape {
    actor: String,
    topic: String,
    event: String,
    #[schemars(extend("enum" = terms(Change::ALL, Change::as_str)))]
    change: &'static str,
    fields: Vec<&'static str>,
    because: Vec<String>,
    before: Option<PositionShape>,
    after: Option<PositionShape>,
}

/// The pair of a question.
struct Pair<'a> {
    clock: &'static str,
    from: &'a str,
    to: &'a str,
    before: Asked,
    after: Asked,
    every_day: bool,
}

impl DiffArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let pair = self.pair()?;
        let log = log.open_folded("demarche diff", terminal)?;
        let before = View::of(log.history(), pair.before.clocks);
        let after = View::of(log.history(), pair.after.clocks);
        let mut found = diff(&before, &after);
        if pair.every_day {
            found.measures = revised_days(&before, &after);
        }
        if self.json {
            terminal.json(&self.shape(&pair, &log, found))?;
            return Ok(Status::Done);
        }
        let what = match pair.clock {
            "valid" => "What changed",
            "recorded" => "What the log learnt",
            _ => "What the public learnt",
        };
        let about = match (&self.to, pair.clock) {
            (Some(to), "recorded" | "reported") => format!(", about {to}"),
            _ => String::new(),
        };
        terminal
            .heading(format!("{what} from {} to {}{about} ({})", pair.from, pair.to, self.tz))?;
        terminal.faint(format!("{} · {} events", log.origin(), log.head().size))?;
        terminal.line("")?;
        terminal.heading("Measures")?;
        print_measures(&after, &found.measures, terminal)?;
        terminal.line("")?;
        terminal.heading("Positions")?;
        print_positions(&before, &after, &found.positions, terminal)?;
        Ok(Status::Done)
    }

    fn pair(&self) -> Result<Pair<'_>, CliError> {
        let to = self.to.as_deref();
        let (recorded_by, reported_by) = (self.recorded_by.as_deref(), self.reported_by.as_deref());
        let asked = |to, recorded, reported| Asked::new(to, recorded, reported, &self.tz);
        self.check_bounds()?;
        let recorded = self.recorded_from.as_deref().zip(self.recorded_to.as_deref());
        let reported = self.reported_from.as_deref().zip(self.reported_to.as_deref());
        let pair = match (self.from.as_deref().zip(to), recorded, reported) {
            (Some((from, to)), None, None) => Pair {
                clock: "valid",
                from,
                to,
                before: asked(Some(from), recorded_by, reported_by)?,
                after: asked(Some(to), recorded_by, reported_by)?,
                every_day: false,
            },
            (None, Some((from, until)), None) => Pair {
                clock: "recorded",
                from,
                to: until,
                before: asked(to, Some(from), reported_by)?,
                after: asked(to, Some(until), reported_by)?,
                every_day: to.is_none(),
            },
            (None, None, Some((from, until))) => Pair {
                clock: "reported",
                from,
                to: until,
                before: asked(to, recorded_by, Some(from))?,
                after: asked(to, recorded_by, Some(until))?,
                every_day: to.is_none(),
            },
            _ => {
                return Err(CliError::refused("a diff is between two dates of one clock")
                    .hint("what changed: demarche diff --from 2025-04-22 --to 2025-05-01")
                    .hint(
                        "what we learnt: demarche diff --recorded-from 2025-05-01 --recorded-to 2025-06-01",
                    ));
            }
        };
        let ends = |asked: &Asked| match pair.clock {
            "valid" => Some(asked.clocks.to),
            "recorded" => asked.clocks.recorded_by,
            _ => asked.clocks.reported_by,
        };
        if ends(&pair.before) > ends(&pair.after) {
            return Err(CliError::refused(format!("{} is after {}", pair.from, pair.to))
                .hint("the earlier date comes first"));
        }
        Ok(pair)
    }

    /// Reads the dates that the question goes from and to by their own flags, so that an error names them.
    fn check_bounds(&self) -> Result<(), CliError> {
        let zone = read_zone(&self.tz)?;
        let of_flag = |(flag, given): (&str, &Option<String>)| match given {
            Some(text) => read_bound(flag, text, zone, Bound::Last).map(drop),
            None => Ok(()),
        };
        [
            ("--from", &self.from),
            ("--recorded-from", &self.recorded_from),
            ("--recorded-to", &self.recorded_to),
            ("--reported-from", &self.reported_from),
            ("--reported-to", &self.reported_to),
        ]
        .into_iter()
        .try_for_each(of_flag)
    }

    fn shape(&self, pair: &Pair<'_>, log: &EventLog<impl Store>, found: Diff) -> DiffShape {
        DiffShape {
            v: VERSION,
            clock: pair.clock,
            from: pair.from.to_owned(),
            to: pair.to.to_owned(),
            at: self.to.clone().filter(|_| pair.clock != "valid"),
            recorded_by: self.recorded_by.clone(),
            reported_by: self.reported_by.clone(),
            tz: self.tz.clone(),
            head: HeadShape::of(log),
            measures: found.measures.into_iter().map(MeasureChangeShape::from).collect(),
            positions: found.positions.into_iter().map(PositionChangeShape::from).collect(),
        }
    }
}

pub(crate) fn print_measures(
    view: &View<'_>,
    changes: &[MeasureChange],
    terminal: &mut Terminal,
) -> io::Result<()> {
    if changes.is_empty() {
        return terminal.faint("  no change");
    }
    for change in changes {
        let days = change.days.map(|days| format!(" · {}", days_in_words(days)));
        terminal.line(format!(
            "  {} {}{}",
            mark(change.change),
            change.measure,
            days.unwrap_or_default()
        ))?;
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        let line = match change.change {
            Change::Appeared => with_since(after),
            Change::Removed => format!("was {}, is in no answer any more", with_since(before)),
            _ if change.fields.contains(&"status") || change.fields.contains(&"outcomes") => {
                format!("{} → {}", standing(before), with_since(after))
            }
            _ => format!("{}, with another {}", standing(after), fields(&change.fields)),
        };
        terminal.line(shown(&format!("      {line}")))?;
        let said = change.fields.iter().filter(|field| !matches!(**field, "status" | "outcomes"));
        for field in said {
            if let Some(line) = field_change(field, before, after) {
                terminal.line(shown(&format!("      {line}")))?;
            }
        }
        print_because(view, &change.because, terminal)?;
    }
    Ok(())
}

/// What is gone is called by the names that it had.
pub(crate) fn print_positions(
    before: &View<'_>,
    after: &View<'_>,
    changes: &[PositionChange],
    terminal: &mut Terminal,
) -> io::Result<()> {
    if changes.is_empty() {
        return terminal.faint("  no change");
    }
    for change in changes {
        let Some(position) = change.after.as_ref().or(change.before.as_ref()) else { continue };
        let view = if change.change == Change::Removed { before } else { after };
        let stance = position.stance.as_ref().map_or("says", |stance| stance.as_str());
        let modality = modality(&position.modality);
        terminal.line(shown(&format!(
            "  {} {} {stance}: {}{modality}",
            mark(change.change),
            name_of(view, &change.actor),
            name_of(view, &change.topic)
        )))?;
        match change.change {
            Change::Ended => terminal.line("      a later statement has taken its place")?,
            Change::Changed => {
                for field in &change.fields {
                    let of = |position: &Option<Position>| {
                        position_field(view, field, position.as_ref())
                    };
                    let (before, after) = (of(&change.before), of(&change.after));
                    let line = format!("      {}: {before} → {after}", words(field));
                    terminal.line(shown(&line))?;
                }
            }
            Change::Appeared | Change::Removed => {}
        }
        print_because(view, &change.because, terminal)?;
    }
    Ok(())
}

fn print_because(view: &View<'_>, because: &[String], terminal: &mut Terminal) -> io::Result<()> {
    for id in because {
        let event = view.history().seq_of(id).and_then(|seq| view.history().entry(seq)?.event());
        let what = event.and_then(super::list::summary).unwrap_or_default();
        terminal.faint(shown(&format!("      because of {id}: {what}")))?;
    }
    Ok(())
}

const fn mark(change: Change) -> &'static str {
    match change {
        Change::Appeared => "+",
        Change::Changed => "~",
        Change::Ended => "✓",
        Change::Removed => "-",
    }
}

fn with_since(answer: Option<&MeasureAnswer>) -> String {
    let since = answer.and_then(|answer| answer.since.as_ref());
    since.map_or_else(|| standing(answer), |since| format!("{} since {since}", standing(answer)))
}

fn fields(fields: &[&str]) -> String {
    fields.iter().map(|field| words(field)).collect::<Vec<_>>().join(", ")
}

/// A date or a text that changed, before and after.
fn field_change(
    field: &str,
    before: Option<&MeasureAnswer>,
    after: Option<&MeasureAnswer>,
) -> Option<String> {
    let value = |answer: Option<&MeasureAnswer>| {
        let answer = answer?;
        match field {
            "type" => answer.kind.as_ref().map(|kind| words(kind.as_str())),
            "by" => Some(joined(&answer.by)),
            "against" => Some(joined(&answer.against)),
            "since" => answer.since.clone(),
            "effect_date" => answer.effect_date.as_ref().map(|date| words(date.as_str())),
            "until" => answer.until.clone(),
            "scope" => answer.scope.clone(),
            "suspended_scope" => answer.suspended_scope.clone(),
            "legal_basis" => answer.legal_basis.clone(),
            "superseded_by" => answer.superseded_by.clone(),
            "responds_to" => Some(joined(&answer.responds_to)),
            "answered_by" => Some(joined(&answer.answered_by)),
            "reason" => answer.reason.map(|reason| words(reason.as_str())),
            "flags" => {
                let flags = answer.flags.iter().map(|flag| words(flag.as_str()));
                Some(joined(&flags.collect::<Vec<_>>()))
            }
            _ => None,
        }
    };
    let (before, after) = (value(before), value(after));
    if before.is_none() && after.is_none() {
        return None;
    }
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    Some(format!("{}: {} → {}", words(field), or_none(before), or_none(after)))
}

fn joined(items: &[String]) -> String {
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

fn position_field(view: &View<'_>, field: &str, position: Option<&Position>) -> String {
    let Some(position) = position else { return "nothing".to_owned() };
    let value = match field {
        "stance" => position.stance.as_ref().map(ToString::to_string),
        "modality" => Some(position.modality.to_string()),
        "summary" => position.summary.clone(),
        "channel" => position.channel.clone(),
        "contact" => position.contact.clone(),
        "as_of" => position.as_of.clone(),
        "current" => {
            Some(if position.current { "current" } else { "no longer current" }.to_owned())
        }
        "flags" => {
            let flags = position.flags.iter().map(|flag| words(flag.as_str()));
            Some(joined(&flags.collect::<Vec<_>>()))
        }
        "according_to" => Some(on_whose_word(view, &position.according_to)),
        "cites" => {
            let cites = position.cites.iter().map(|cite| CiteShape::from(cite).in_words(view));
            Some(cites.collect::<Vec<_>>().join("; "))
        }
        _ => None,
    };
    value.filter(|value| !value.is_empty()).unwrap_or_else(|| "nothing".to_owned())
}

pub(crate) fn days_in_words(days: Days) -> String {
    match (days.first, days.last) {
        (None, None) => "about every day".to_owned(),
        (None, Some(last)) => format!("about days until {last}"),
        (Some(first), None) => format!("about days from {first} on"),
        (Some(first), Some(last)) if first == last => format!("about {first}"),
        (Some(first), Some(last)) => format!("about {first} to {last}"),
    }
}

impl From<MeasureChange> for MeasureChangeShape {
    fn from(change: MeasureChange) -> Self {
        let days = |days: Days| DaysShape {
            first: days.first.map(|day| day.to_string()),
            last: days.last.map(|day| day.to_string()),
        };
        Self {
            measure: change.measure,
            change: change.change.as_str(),
            days: change.days.map(days),
            fields: change.fields,
            because: change.because,
            before: change.before.map(MeasureShape::from),
            after: change.after.map(MeasureShape::from),
        }
    }
}

impl From<PositionChange> for PositionChangeShape {
    fn from(change: PositionChange) -> Self {
        Self {
            actor: change.actor,
            topic: change.topic,
            event: change.event,
            change: change.change.as_str(),
            fields: change.fields,
            because: change.because,
            before: change.before.map(PositionShape::from),
            after: change.after.map(PositionShape::from),
        }
    }
}
