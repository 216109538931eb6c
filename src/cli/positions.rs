//! `demarche positions`: who held which position on a date, and on whose word.

use std::collections::BTreeMap;
use std::io;

use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::ClockArgs;
use super::filter_args::unknown;
use super::log_args::LogArgs;
use super::replay::introduce;
use super::shapes::{DisputeShape, HoldingShape, PositionShape, Question};
use super::taken_back::TakenBackShape;
use super::terminal::Terminal;
use super::words::{name_of, names_of, on_whose_word, shown, words};
use super::{Outcome, Status, taken_back};
use crate::model::schema::Kind;
use crate::model::vocabulary::Modality;
use crate::replay::explain::speakers_and_topic;
use crate::replay::filter::check_ids;
use crate::replay::positions::holders;
use crate::replay::{
    Dispute, Entry, HeldPosition, Holding, Level, Position, View, current_positions, disputes,
    holdings, positions, roll_up,
};

#[derive(Debug, Args)]
pub(crate) struct PositionsArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    /// Gather the positions of offices, governments or countries, along what they are part of and for whom they spoke
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Only those of this actor, or with --by of this holder; may be given more than once
    #[arg(long, value_name = "ID")]
    actor: Vec<String>,
    /// Only those on this topic; may be given more than once
    #[arg(long, value_name = "ID")]
    topic: Vec<String>,
    /// Show what later statements have taken the place of, and what was taken back, too
    #[arg(long)]
    history: bool,
    /// Print the answer as JSON; it always holds the history
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Person,
    Office,
    Government,
    Country,
}

impl By {
    const fn level(self) -> Level {
        match self {
            Self::Person => Level::Person,
            Self::Office => Level::Office,
            Self::Government => Level::Government,
            Self::Country => Level::Country,
        }
    }
}

/// What `positions` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PositionsShape {
    #[serde(flatten)]
    question: Question,
    /// The level to which positions are rolled up; `null` if they are not.
    by: Option<&'static str>,
    positions: Vec<PositionShape>,
    /// What the current positions come to by holder, topic and stance; only with `by`.
    holdings: Vec<HoldingShape>,
    disputes: Vec<DisputeShape>,
    /// The statements that were taken back.
    taken_back: Vec<TakenBackShape>,
}

impl PositionsArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open_folded("demarche positions", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        for (what, ids, kind) in
            [("actor", &self.actor, Kind::Actor), ("topic", &self.topic, Kind::Topic)]
        {
            check_ids(log.history(), what, ids, kind)
                .map_err(|error| unknown(&error, log.history()))?;
        }
        let level = self.by.map(By::level);
        let mut held = positions(&view);
        let disputes = disputes(&view, &held);
        let mut rolled = level.map(|level| roll_up(&view, level)).unwrap_or_default();
        held.retain(|position| self.wants(&view, &position.actor, &position.topic));
        rolled.retain(|one| self.wants(&view, &one.seat.holder, &one.position.topic));
        if self.json {
            let holdings = holdings(&rolled).into_iter().map(HoldingShape::from).collect();
            let positions = match level {
                Some(_) => rolled.into_iter().map(PositionShape::from).collect(),
                None => held.into_iter().map(PositionShape::from).collect(),
            };
            terminal.json(&PositionsShape {
                question: Question::new(&asked, &log, view.left_out()),
                by: level.map(Level::as_str),
                positions,
                holdings,
                disputes: disputes.into_iter().map(DisputeShape::from).collect(),
                taken_back: taken_back::shapes(&view, |entry| self.wants_entry(&view, entry)),
            })?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        if let Some(level) = level {
            print_rolled_up(&view, level, &rolled, self.history, terminal)?;
        } else {
            let shown = held.iter().filter(|position| self.history || position.current);
            print_held(&view, &shown.collect::<Vec<_>>(), terminal)?;
        }
        if self.history {
            taken_back::print(&view, |entry| self.wants_entry(&view, entry), terminal)?;
        }
        print_disputes(&view, &disputes, terminal)?;
        Ok(Status::Done)
    }

    fn wants(&self, view: &View<'_>, actor: &str, topic: &str) -> bool {
        let any = |ids: &[String], id: &str| {
            let is_it = |known: &String| view.stands_for(known) == view.stands_for(id);
            ids.is_empty() || ids.iter().any(is_it)
        };
        any(&self.actor, actor) && any(&self.topic, topic)
    }

    /// Is this a statement that would be wanted, had it not been taken back?
    fn wants_entry(&self, view: &View<'_>, entry: &Entry) -> bool {
        let said = match self.by {
            Some(by) => holders(view, entry, by.level()).map(|(seats, topic)| {
                (seats.into_iter().map(|seat| seat.holder).collect::<Vec<_>>(), topic)
            }),
            None => speakers_and_topic(view, entry),
        };
        said.is_some_and(|(of, topic)| of.iter().any(|actor| self.wants(view, actor, &topic)))
    }
}

/// The current positions, then the disputes.
pub(crate) fn print(view: &View<'_>, terminal: &mut Terminal) -> io::Result<()> {
    print_with(view, false, terminal)
}

/// The same; with the positions whose place was taken, too, if `history` is asked for.
pub(crate) fn print_with(
    view: &View<'_>,
    history: bool,
    terminal: &mut Terminal,
) -> io::Result<()> {
    let held = if history { positions(view) } else { current_positions(view) };
    print_held(view, &held.iter().collect::<Vec<_>>(), terminal)?;
    print_disputes(view, &disputes(view, &held), terminal)
}

fn print_held(view: &View<'_>, held: &[&Position], terminal: &mut Terminal) -> io::Result<()> {
    if held.is_empty() {
        return terminal.faint("  no position: nobody has spoken on a topic yet");
    }
    let mut actor = "";
    for position in held {
        if position.actor != actor {
            actor = &position.actor;
            terminal.heading(format!("  {}", shown(&name_of(view, actor))))?;
        }
        print_position(view, position, terminal)?;
    }
    Ok(())
}

fn print_disputes(
    view: &View<'_>,
    disputes: &[Dispute],
    terminal: &mut Terminal,
) -> io::Result<()> {
    if disputes.is_empty() {
        return Ok(());
    }
    terminal.line("")?;
    terminal.heading("Disputes")?;
    for dispute in disputes {
        let sides = dispute.sides.iter().map(|side| {
            let actor = side.actor.as_deref().map(|actor| name_of(view, actor));
            let stance = side.stance.as_ref().map(|stance| stance.to_string());
            let parts = [actor, stance, Some(format!("({})", side.event))];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        });
        let sides = sides.collect::<Vec<_>>().join(" / ");
        let topic = dispute.topic.as_ref().map(|topic| name_of(view, topic)).unwrap_or_default();
        terminal.line(shown(&format!("  {topic}: {sides}")))?;
    }
    Ok(())
}

pub(crate) fn print_position(
    view: &View<'_>,
    position: &Position,
    terminal: &mut Terminal,
) -> io::Result<()> {
    let stance = position.stance.as_ref().map_or_else(|| "says".to_owned(), ToString::to_string);
    let topic = name_of(view, &position.topic);
    let mut line = format!("    {stance}: {topic}{}", modality(&position.modality));
    line.push_str(&format!(" · {}", position.as_of.as_deref().unwrap_or("undated")));
    if !position.superseded_by.is_empty() {
        line.push_str(&format!(
            " · no longer current, after {}",
            position.superseded_by.join(", ")
        ));
    }
    terminal.line(shown(&line))?;
    if let Some(summary) = &position.summary {
        terminal.line(shown(&format!("      {summary}")))?;
    }
    let word = word_and_flags(view, position);
    terminal.faint(shown(&format!("      {} · {word}", position.event)))
}

/// On whose word it is known, and what else to know about it.
fn word_and_flags(view: &View<'_>, position: &Position) -> String {
    let mut line = on_whose_word(view, &position.according_to);
    for flag in &position.flags {
        line.push_str(&format!(" [{}]", words(flag.as_str())));
    }
    line
}

/// How far something is asserted, in brackets; nothing if it plainly is.
pub(crate) fn modality(modality: &Modality) -> String {
    match modality {
        Modality::Asserted => String::new(),
        other => format!(" ({other})"),
    }
}

/// The current positions of holders, side by side; after them, if `history` is asked for, those whose place was taken.
fn print_rolled_up(
    view: &View<'_>,
    level: Level,
    rolled: &[HeldPosition],
    history: bool,
    terminal: &mut Terminal,
) -> io::Result<()> {
    let mut by_holder: BTreeMap<(&str, &str), Vec<&HeldPosition>> = BTreeMap::new();
    for one in rolled.iter().filter(|one| history || one.position.current) {
        by_holder.entry((&one.seat.holder, &one.position.topic)).or_default().push(one);
    }
    if by_holder.is_empty() {
        return terminal.faint("  no position: nobody has spoken on a topic yet");
    }
    let held = holdings(rolled);
    let mut holder = "";
    for ((of, topic), voices) in by_holder {
        if of != holder {
            holder = of;
            let reached = voices.iter().all(|one| one.seat.reached);
            let no = format!(" (no {} is recorded above or beside it)", level.as_str());
            let note = if reached { String::new() } else { no };
            terminal.heading(format!("  {}{note}", shown(&name_of(view, of))))?;
        }
        terminal.line(format!("    {}", shown(&name_of(view, topic))))?;
        for holding in held.iter().filter(|one| one.holder == of && one.topic == topic) {
            let stance = holding.stance.as_ref().map_or("says", |stance| stance.as_str());
            let by = holders_in_words(view, holding);
            let alone = if holding.unattributed { ", on nobody's stated word" } else { "" };
            let modality = modality(&holding.modality);
            terminal.line(shown(&format!("      {stance}{modality}, {by}{alone}")))?;
            let summed_up = |one: &&&HeldPosition| one.position.current && holding.sums_up(one);
            for one in voices.iter().filter(summed_up) {
                print_voice(view, &one.position, terminal)?;
            }
        }
        for position in voices.iter().map(|one| &one.position).filter(|one| !one.current) {
            let stance = position.stance.as_ref().map_or("says", |stance| stance.as_str());
            let modality = modality(&position.modality);
            let after = position.superseded_by.join(", ");
            let line = format!("      {stance}{modality}, no longer current, after {after}");
            terminal.line(shown(&line))?;
            print_voice(view, position, terminal)?;
        }
    }
    Ok(())
}

/// By whom something is held; of offices that the speaker may or may not have held it is not said that all do.
fn holders_in_words(view: &View<'_>, holding: &Holding) -> String {
    let possible = &holding.possible_offices;
    let certain: Vec<String> =
        holding.offices.iter().filter(|office| !possible.contains(office)).cloned().collect();
    let one_of: Vec<_> = possible.iter().map(|office| name_of(view, office)).collect();
    let one_of = one_of.join(" or ");
    let held = match (certain.len(), possible.len()) {
        (0, 0) => return format!("by {}", names_of(view, &holding.speakers)),
        (0, 1) => return format!("held by one office, {one_of}"),
        (0, _) => return format!("held by {one_of}, it is not certain which"),
        (1, _) => format!("held by one office, {}", names_of(view, &certain)),
        (many, _) => format!("held by {many} offices: {}", names_of(view, &certain)),
    };
    if possible.is_empty() { held } else { format!("{held}; perhaps by {one_of}") }
}

/// Who said it, when, and on whose word it is known.
fn print_voice(view: &View<'_>, position: &Position, terminal: &mut Terminal) -> io::Result<()> {
    terminal.faint(shown(&format!(
        "        {} · {} · {} · {}",
        name_of(view, &position.actor),
        position.as_of.as_deref().unwrap_or("undated"),
        position.event,
        word_and_flags(view, position),
    )))
}
