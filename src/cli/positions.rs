//! `demarche positions`: who held which position on a date, and on whose word.

use std::io;

use clap::Args;

use super::clock_args::ClockArgs;
use super::log_args::LogArgs;
use super::measures::{name_of, words};
use super::replay::introduce;
use super::shapes::{Answer, Parts};
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::model::event::Attribution;
use crate::model::text::visible;
use crate::model::vocabulary::Modality;
use crate::replay::{Position, View, disputes, positions};

#[derive(Debug, Args)]
pub(crate) struct PositionsArgs {
    #[command(flatten)]
    clocks: ClockArgs,
    /// Show positions that later ones have taken the place of, too
    #[arg(long)]
    history: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl PositionsArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open("demarche positions", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        if self.json {
            terminal.json(&Answer::new(&asked, &log, &view, Parts::Positions))?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        print(&view, self.history, terminal)?;
        Ok(Status::Done)
    }
}

/// The positions as a table, then the disputes.
pub(crate) fn print(view: &View<'_>, history: bool, terminal: &mut Terminal) -> io::Result<()> {
    let held = positions(view);
    let shown: Vec<&Position> =
        held.iter().filter(|position| history || position.current).collect();
    if shown.is_empty() {
        return terminal.faint("  no position: nobody has spoken on a topic yet");
    }
    let mut actor = "";
    for position in shown {
        if position.actor != actor {
            actor = &position.actor;
            terminal.heading(format!("  {}", name_of(view, actor)))?;
        }
        print_position(view, position, terminal)?;
    }
    let disputes = disputes(view, &held);
    if disputes.is_empty() {
        return Ok(());
    }
    terminal.line("")?;
    terminal.heading("Disputes")?;
    for dispute in disputes {
        let sides: Vec<_> = dispute
            .sides
            .iter()
            .map(|side| {
                let actor = side.actor.as_deref().map(|actor| name_of(view, actor));
                let stance = side.stance.as_ref().map(|stance| stance.to_string());
                let parts = [actor, stance, Some(format!("({})", side.event))];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            })
            .collect();
        let topic = dispute.topic.map(|topic| name_of_topic(view, &topic)).unwrap_or_default();
        terminal.line(super::measures::shown(&format!("  {topic}: {}", sides.join(" / "))))?;
    }
    Ok(())
}

fn print_position(view: &View<'_>, position: &Position, terminal: &mut Terminal) -> io::Result<()> {
    let stance = position.stance.as_ref().map_or_else(|| "says".to_owned(), ToString::to_string);
    let mut line = format!("    {stance}: {}", name_of_topic(view, &position.topic));
    if position.modality != Modality::Asserted {
        line.push_str(&format!(" ({})", position.modality));
    }
    let when = position.as_of.as_deref().unwrap_or("undated");
    line.push_str(&format!(" · {when}"));
    if !position.current {
        line.push_str(" · no longer current");
    }
    terminal.line(visible(&line))?;
    if let Some(summary) = &position.summary {
        terminal.line(visible(&format!("      {summary}")))?;
    }
    let word = on_whose_word(view, &position.according_to);
    let mut line = format!("      {} · {word}", position.event);
    for flag in position.flags.iter().map(|flag| words(flag.as_str())).filter(|f| *f != word) {
        line.push_str(&format!(" [{flag}]"));
    }
    terminal.faint(visible(&line))
}

/// Whoever vouches for it, one a report; the speaker's own word needs nobody.
pub(crate) fn on_whose_word(view: &View<'_>, chains: &[Vec<Attribution>]) -> String {
    let tellers: Vec<_> = chains
        .iter()
        .map(|chain| {
            let links = chain.iter().map(|link| {
                let how = link.how.as_ref().map(|how| words(how.as_str()));
                match (&link.by, how) {
                    (Some(by), Some(how)) => format!("{} ({how})", name_of(view, by)),
                    (Some(by), None) => name_of(view, by),
                    (None, Some(how)) => how,
                    (None, None) => "nobody named".to_owned(),
                }
            });
            links.collect::<Vec<_>>().join(" ← ")
        })
        .collect();
    if tellers.is_empty() {
        "on their own word".to_owned()
    } else {
        format!("on the word of: {}", tellers.join("; "))
    }
}

fn name_of_topic(view: &View<'_>, topic: &str) -> String {
    use crate::model::event::Body;
    match view.fact_by_id(topic).map(|fact| &fact.event.body) {
        Some(Body::Topic(known)) => known.name.clone().unwrap_or_else(|| topic.to_owned()),
        _ => topic.to_owned(),
    }
}
