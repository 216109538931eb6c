//! `demarche explain`: the steps that were considered, what became of each, and why the answer follows.

use std::io;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::ClockArgs;
use super::error::CliError;
use super::filter_args::{ids_of, unknown};
use super::log_args::LogArgs;
use super::measures::{print_reason, print_terms};
use super::positions::print_position;
use super::replay::introduce;
use super::shapes::{CiteShape, MeasureShape, PositionShape, Question, terms};
use super::terminal::Terminal;
use super::words::{name_of, names_of, retracted, shown, standing, title_of, why_not, words};
use super::{Outcome, Status};
use crate::model::event::Cite;
use crate::model::near::nearest;
use crate::model::schema::Kind;
use crate::replay::explain::{
    Happened, Ignored, MeasureExplanation, PositionExplanation, StepExplanation,
    speakers_and_topic, topics_of,
};
use crate::replay::filter::check_ids;
use crate::replay::{Entry, NotCounted, View, explain_measure, explain_position};

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A measure; or an actor, whose positions are explained; or a statement, whose positions are
    id: String,
    /// With an actor: one topic alone
    topic: Option<String>,
    #[command(flatten)]
    clocks: ClockArgs,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

/// What `explain` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExplainShape {
    #[serde(flatten)]
    question: Question,
    /// Of a measure; `null` where positions are explained.
    measure: Option<MeasureExplanationShape>,
    /// Of positions; empty where a measure is explained.
    positions: Vec<PositionExplanationShape>,
}

#[derive(Serialize, JsonSchema)]
struct MeasureExplanationShape {
    measure: String,
    answer: Option<MeasureShape>,
    /// How many ways to leave the measure are possible.
    lives: usize,
    steps: Vec<StepShape>,
    not_counted: Vec<IgnoredShape>,
}

#[derive(Serialize, JsonSchema)]
struct StepShape {
    event: String,
    act: String,
    dates: Vec<String>,
    #[schemars(extend("enum" = terms(Happened::ALL, Happened::as_str)))]
    happened: &'static str,
    decides: bool,
    until: Option<String>,
    scope: Option<String>,
    /// Who took it.
    by: Vec<String>,
    anomaly: Option<&'static str>,
    rests_on: Vec<String>,
}

/// An event that does not count, and why.
#[derive(Serialize, JsonSchema)]
struct IgnoredShape {
    event: String,
    #[schemars(extend("enum" = ["recorded_later", "no_reported_time", "reported_later", "retracted"]))]
    why: &'static str,
    retracted_by: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct PositionExplanationShape {
    actor: String,
    topic: String,
    said: Vec<PositionShape>,
    not_yet: Vec<String>,
    not_counted: Vec<IgnoredShape>,
}

impl ExplainArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open_folded("demarche explain", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        let measure = explain_measure(&view, &self.id).filter(|_| self.topic.is_none());
        let positions = match measure {
            Some(_) => Vec::new(),
            None => self.positions(&view)?,
        };
        if self.json {
            terminal.json(&ExplainShape {
                question: Question::new(&asked, &log, view.left_out()),
                measure: measure.map(|measure| MeasureExplanationShape::of(&view, measure)),
                positions: positions
                    .into_iter()
                    .map(|position| PositionExplanationShape::of(&view, position))
                    .collect(),
            })?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        if let Some(measure) = &measure {
            print_measure(&view, measure, terminal)?;
        }
        for (index, position) in positions.iter().enumerate() {
            if index > 0 {
                terminal.line("")?;
            }
            print_explained(&view, position, terminal)?;
        }
        Ok(Status::Done)
    }

    /// The explanations of an actor's positions, or of those that a statement gives.
    fn positions(&self, view: &View<'_>) -> Result<Vec<PositionExplanation>, CliError> {
        let history = view.history();
        let entry = history.seq_of(&self.id).and_then(|seq| history.entry(seq));
        let event = entry.and_then(Entry::event);
        let is_actor = event.is_some_and(|event| event.kind() == Kind::Actor);
        if self.topic.is_some() && !is_actor && (event.is_some() || history.has_measure(&self.id)) {
            return Err(CliError::refused(format!(
                "a topic is given, and {} is no actor",
                self.id
            ))
            .hint(format!("leave the topic out: demarche explain {}", self.id)));
        }
        let pairs: Vec<(String, String)> = match event {
            Some(_) if is_actor => {
                if let Some(topic) = &self.topic {
                    check_ids(history, "topic", std::slice::from_ref(topic), Kind::Topic)
                        .map_err(|error| unknown(&error, history))?;
                }
                self.pairs(view)
            }
            Some(_) if let Some((by, topic)) = entry.and_then(|e| speakers_and_topic(view, e)) => {
                by.into_iter().map(|by| (by, topic.clone())).collect()
            }
            Some(_) => {
                return Err(CliError::refused(format!(
                    "{} is neither a measure, an actor nor a statement on a topic",
                    self.id
                ))
                .hint(format!("see what it is: demarche show {}", self.id)));
            }
            None => {
                let error =
                    CliError::refused(format!("there is no measure or actor {:?}", self.id));
                let of_events =
                    ids_of(history, |kind| matches!(kind, Kind::Actor | Kind::Statement));
                let known = history.measure_ids().chain(of_events);
                return Err(match nearest(&self.id, known, 3).as_slice() {
                    [] => error.hint("see what there is: demarche measures, demarche positions"),
                    near => error.hint(format!("did you mean {}?", near.join(" or "))),
                });
            }
        };
        let found: Vec<_> =
            pairs.iter().filter_map(|(by, topic)| explain_position(view, by, topic)).collect();
        if found.is_empty() {
            return Err(CliError::refused(match &self.topic {
                Some(topic) => format!("no statement in the log is by {} on {topic}", self.id),
                None => format!("no statement on a topic in the log is by {}", self.id),
            }));
        }
        Ok(found)
    }

    /// The actor, with every topic on which the log has a statement of theirs, or the one that was asked for.
    fn pairs(&self, view: &View<'_>) -> Vec<(String, String)> {
        if let Some(topic) = &self.topic {
            return vec![(self.id.clone(), topic.clone())];
        }
        let topics = topics_of(view, &self.id);
        topics.into_iter().map(|topic| (self.id.clone(), topic)).collect()
    }
}

fn print_measure(
    view: &View<'_>,
    explained: &MeasureExplanation,
    terminal: &mut Terminal,
) -> io::Result<()> {
    terminal.heading(&explained.measure)?;
    let answer = explained.answer.as_ref();
    let since = answer.and_then(|answer| answer.since.as_ref());
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    terminal.line(format!("  {}{since}", standing(answer)))?;
    if let Some(answer) = answer {
        print_terms(answer, terminal)?;
    }
    terminal.line("")?;
    terminal.heading("  Steps, in the order of their dates")?;
    for step in &explained.steps {
        print_step(view, step, answer.map_or(&[], |answer| &answer.by), terminal)?;
    }
    for ignored in &explained.not_counted {
        print_ignored(view, ignored, terminal)?;
    }
    terminal.line("")?;
    terminal.heading("  Why")?;
    for line in reasons(explained) {
        terminal.line(format!("    {line}"))?;
    }
    if let Some(answer) = answer {
        print_reason(answer, terminal)?;
    }
    Ok(())
}

/// A step; who took it is said where that is not whose measure it is.
fn print_step(
    view: &View<'_>,
    step: &StepExplanation,
    by: &[String],
    terminal: &mut Terminal,
) -> io::Result<()> {
    let dates = if step.dates.is_empty() { "undated".to_owned() } else { step.dates.join(" or ") };
    let decides = if step.decides { ", decides" } else { "" };
    let happened = words(step.happened.as_str());
    terminal.line(shown(&format!("    {dates}  {}: {happened}{decides}", words(&step.act))))?;
    let fact = view.fact_by_id(&step.event);
    let summary = fact.and_then(|fact| super::list::summary(&fact.event)).unwrap_or_default();
    terminal.line(shown(&format!("      {}: {summary}", step.event)))?;
    if !step.by.is_empty() && step.by != by {
        terminal.line(shown(&format!("      by: {}", names_of(view, &step.by))))?;
    }
    if let Some(scope) = &step.scope {
        terminal.line(shown(&format!("      scope: {scope}")))?;
    }
    if let Some(until) = &step.until {
        terminal.line(format!("      stated end: {until}"))?;
    }
    if let Some(anomaly) = step.anomaly {
        terminal.line(format!("      anomaly: {}", anomaly.about()))?;
    }
    print_further(view, &step.rests_on, &step.event, terminal)?;
    // What further reports of it quote, and what they are corrected by, too.
    let mut cites: Vec<Cite> = Vec::new();
    for seq in step.rests_on.iter().filter_map(|id| view.history().seq_of(id)) {
        for cite in view.cites_of(seq) {
            if !cites.contains(&cite) {
                cites.push(cite);
            }
        }
    }
    for cite in &cites {
        if let Some(quote) = &cite.quote {
            let source = title_of(view, &cite.source);
            terminal.faint(shown(&format!("      {source}: “{quote}”")))?;
        }
    }
    print_withdrawn(view, &step.rests_on, terminal)
}

/// The passages that are given no more, since their source was taken back.
fn print_withdrawn(
    view: &View<'_>,
    rests_on: &[String],
    terminal: &mut Terminal,
) -> io::Result<()> {
    let reports = rests_on.iter().filter_map(|id| view.report(view.history().seq_of(id)?));
    for cite in reports.flat_map(|report| &report.event.cites) {
        if let Some(by) = view.withdrawn_by(&cite.source) {
            terminal.struck(shown(&format!("      {}", CiteShape::from(cite).in_words(view))))?;
            terminal.faint(shown(&format!("        {}", retracted(view, by))))?;
        }
    }
    Ok(())
}

/// The events that something rests on, beside the one that reports it.
fn print_further(
    view: &View<'_>,
    rests_on: &[String],
    event: &str,
    terminal: &mut Terminal,
) -> io::Result<()> {
    for id in rests_on.iter().filter(|id| *id != event) {
        let event = view.history().seq_of(id).and_then(|seq| view.history().entry(seq)?.event());
        let what = event.and_then(super::list::summary).unwrap_or_default();
        terminal.faint(shown(&format!("      with {id}: {what}")))?;
    }
    Ok(())
}

fn print_ignored(view: &View<'_>, ignored: &Ignored, terminal: &mut Terminal) -> io::Result<()> {
    let id = view.history().id_of(ignored.seq);
    let event = view.history().entry(ignored.seq).and_then(|entry| entry.event());
    let what = event.and_then(super::list::summary).unwrap_or_default();
    terminal.struck(shown(&format!("    {id}: {what}")))?;
    terminal.faint(shown(&format!("      does not count: {}", why_not(view, ignored.why))))
}

/// Why the answer follows, a sentence each.
fn reasons(explained: &MeasureExplanation) -> Vec<String> {
    let count = |happened| explained.steps.iter().filter(|step| step.happened == happened).count();
    let (yes, may) = (count(Happened::Yes), count(Happened::May));
    let no = count(Happened::No) + count(Happened::Never);
    let steps = if yes == 1 { "1 step has" } else { &format!("{yes} steps have") };
    let mut all = vec![format!("by that time {steps} happened, {may} may have, {no} had not")];
    all.push(match (&explained.answer, explained.lives) {
        (None, _) => "so nothing can be said to have happened to it".to_owned(),
        (Some(answer), _) if answer.reason.is_none() => {
            format!("every possible order of them leaves it {}", standing(Some(answer)))
        }
        (Some(_), 1) => {
            "they leave it in one way, but a stated end has, or may have, passed".to_owned()
        }
        (Some(answer), _) => match answer.possible.len() {
            0 => "there are more possible worlds than are looked at".to_owned(),
            1 => "the possible worlds that were looked at leave it in one way:".to_owned(),
            ways => format!("the possible worlds leave it in {ways} ways:"),
        },
    });
    all
}

fn print_explained(
    view: &View<'_>,
    explained: &PositionExplanation,
    terminal: &mut Terminal,
) -> io::Result<()> {
    let (actor, topic) = (name_of(view, &explained.actor), name_of(view, &explained.topic));
    terminal.heading(shown(&format!("{actor} on: {topic}")))?;
    if explained.said.is_empty() {
        terminal.line("  nothing that counts had been said by then; silence is not a stance")?;
    }
    for position in &explained.said {
        print_position(view, position, terminal)?;
        let why = if !position.superseded_by.is_empty() {
            format!("later, for certain: {}", position.superseded_by.join(", "))
        } else if explained.said.iter().filter(|other| other.current).count() > 1 {
            "current: no statement is later for certain, so those that overlap all stay".to_owned()
        } else {
            "current: no statement on the topic is later".to_owned()
        };
        terminal.line(format!("      {why}"))?;
        print_further(view, &position.rests_on, &position.event, terminal)?;
        for quote in position.cites.iter().filter_map(|cite| cite.quote.as_ref()) {
            terminal.faint(shown(&format!("      “{quote}”")))?;
        }
        print_withdrawn(view, &position.rests_on, terminal)?;
    }
    for id in &explained.not_yet {
        terminal.faint(format!("    {id}: not said by then"))?;
    }
    for ignored in &explained.not_counted {
        print_ignored(view, ignored, terminal)?;
    }
    Ok(())
}

impl MeasureExplanationShape {
    fn of(view: &View<'_>, explained: MeasureExplanation) -> Self {
        Self {
            measure: explained.measure,
            answer: explained.answer.map(MeasureShape::from),
            lives: explained.lives,
            steps: explained.steps.into_iter().map(StepShape::from).collect(),
            not_counted: ignored_shapes(view, &explained.not_counted),
        }
    }
}

impl From<StepExplanation> for StepShape {
    fn from(step: StepExplanation) -> Self {
        Self {
            event: step.event,
            act: step.act,
            dates: step.dates,
            happened: step.happened.as_str(),
            decides: step.decides,
            until: step.until,
            scope: step.scope,
            by: step.by,
            anomaly: step.anomaly.map(|anomaly| anomaly.as_str()),
            rests_on: step.rests_on,
        }
    }
}

impl PositionExplanationShape {
    fn of(view: &View<'_>, explained: PositionExplanation) -> Self {
        Self {
            actor: explained.actor,
            topic: explained.topic,
            said: explained.said.into_iter().map(PositionShape::from).collect(),
            not_yet: explained.not_yet,
            not_counted: ignored_shapes(view, &explained.not_counted),
        }
    }
}

fn ignored_shapes(view: &View<'_>, all: &[Ignored]) -> Vec<IgnoredShape> {
    let shape = |ignored: &Ignored| {
        let (why, by) = match ignored.why {
            NotCounted::RecordedLater => ("recorded_later", None),
            NotCounted::NoReportedTime => ("no_reported_time", None),
            NotCounted::ReportedLater => ("reported_later", None),
            NotCounted::Retracted { by } => ("retracted", Some(by)),
        };
        IgnoredShape {
            event: view.history().id_of(ignored.seq),
            why,
            retracted_by: by.map(|by| view.history().id_of(by)),
        }
    };
    all.iter().map(shape).collect()
}
