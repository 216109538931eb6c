//! Explanations: the steps that were considered, what became of each, and why the answer follows.

use std::collections::BTreeSet;

use super::anomalies::AnomalyCode;
use super::history::{Entry, History};
use super::measures::{MeasureAnswer, Measures};
use super::positions::{Position, positions};
use super::steps::{Step, same_acts};
use super::terms::terms;
use super::view::{NotCounted, View};
use super::worlds::Worlds;
use crate::model::calendar::Instant;
use crate::model::event::Body;
use crate::model::schema::Kind;

/// Why a measure stands where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureExplanation {
    /// The id of the measure.
    pub measure: String,
    /// The answer; `None` if nothing can have happened to it by the date asked about.
    pub answer: Option<MeasureAnswer>,
    /// Every step that counts, in the order of its bounds.
    pub steps: Vec<StepExplanation>,
    /// The events that report a step, correct one or take one back, and do not count, in log order.
    pub not_counted: Vec<Ignored>,
    /// How many ways to leave the measure are possible.
    pub lives: usize,
}

/// One step, and whether it has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepExplanation {
    /// The id of the event that first reports it.
    pub event: String,
    /// What it does: an op, or `take_effect` for the effect of what was announced in the same event.
    pub act: String,
    /// Where it stands, by the dates of its reports; more than one where they contradict one another, none if undated.
    pub dates: Vec<String>,
    /// Whether it has happened.
    pub happened: Happened,
    /// Every event it rests on: its reports, their corrections, the relations that join them.
    pub rests_on: Vec<String>,
    /// The end that it states.
    pub until: Option<String>,
    /// What it says that the measure covers.
    pub scope: Option<String>,
    /// Who took it.
    pub by: Vec<String>,
    /// What is wrong with it in every possible world.
    pub anomaly: Option<AnomalyCode>,
    /// Whether the answer rests on it.
    pub decides: bool,
}

terms! {
    /// Whether something has happened by the date asked about.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Happened {
        /// Its latest bound is by that date.
        Yes = "happened",
        /// The date is within its bounds.
        May = "may_have_happened",
        /// Its earliest bound is after that date.
        No = "had_not_happened",
        /// Its date has come, and what was announced had been ended before.
        Never = "did_not_happen",
    }
}

/// An event that does not count, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored {
    /// Its number.
    pub seq: u64,
    /// Why.
    pub why: NotCounted,
}

/// Why an actor holds what it holds on a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionExplanation {
    /// The actor.
    pub actor: String,
    /// The topic.
    pub topic: String,
    /// What was, or may have been, said by the date asked about, the newest first.
    pub said: Vec<Position>,
    /// The statements that count and had not been made by then.
    pub not_yet: Vec<String>,
    /// The statements that do not count.
    pub not_counted: Vec<Ignored>,
}

/// Explains one measure; `None` if the log has no step of it.
pub fn explain_measure(view: &View<'_>, measure: &str) -> Option<MeasureExplanation> {
    let history = view.history();
    if !history.has_measure(measure) {
        return None;
    }
    let to = view.clocks().to;
    let measures = Measures::of(view);
    let case = measures.case(measure, to);
    let (answer, deciding) = (case.answer(), case.deciding_steps());
    let worlds = &case.worlds;
    let anomalies = worlds.anomalies();
    let mut steps: Vec<(usize, &Step<'_>)> = measures.steps(measure).iter().enumerate().collect();
    steps.sort_by_key(|(index, step)| (step.places.first().map(|place| place.span), *index));
    let steps = steps.into_iter().map(|(index, step)| {
        let event = history.id_of(step.seq);
        StepExplanation {
            act: step.act_name().to_owned(),
            dates: step.places.iter().filter_map(|place| place.text.clone()).collect(),
            happened: happened(index, worlds, step, to),
            rests_on: step.rests_on.iter().map(|seq| history.id_of(*seq)).collect(),
            until: step.until.as_ref().map(|date| date.as_str().to_owned()),
            scope: step.scope.map(str::to_owned),
            by: step.says.by.clone(),
            anomaly: anomalies.get(&index).copied(),
            decides: answer.is_some() && deciding.contains(&index),
            event,
        }
    });
    let step_seqs = history.steps_of(measure);
    let is_about_it = |entry: &&Entry| bears_on_step(history, entry, step_seqs);
    let about_it = history.entries().iter().filter(is_about_it);
    let not_counted = about_it.filter_map(|entry| ignored(view, entry.seq));
    Some(MeasureExplanation {
        measure: measure.to_owned(),
        steps: steps.collect(),
        not_counted: not_counted.collect(),
        lives: worlds.lives.len(),
        answer,
    })
}

/// Is it one of the steps of a measure, or a correction or retraction of one?
fn bears_on_step(history: &History, entry: &Entry, steps: &[u64]) -> bool {
    let is_step = |id: &str| history.seq_of(id).is_some_and(|seq| steps.contains(&seq));
    match entry.event().map(|event| &event.body) {
        Some(Body::Measure(_)) => steps.contains(&entry.seq),
        Some(Body::Correction(correction)) => is_step(&correction.of),
        Some(Body::Retraction(retraction)) => is_step(&retraction.of),
        _ => false,
    }
}

fn happened(index: usize, worlds: &Worlds, step: &Step<'_>, to: Instant) -> Happened {
    if worlds.void.contains(&index) {
        Happened::Never
    } else if worlds.happened.contains(&index) {
        Happened::Yes
    } else if step.places.iter().all(|place| place.span.not_yet(to)) {
        Happened::No
    } else if worlds.too_many && step.places.iter().all(|place| place.span.happened_by(to)) {
        Happened::Yes
    } else {
        Happened::May
    }
}

fn ignored(view: &View<'_>, seq: u64) -> Option<Ignored> {
    view.not_counted(seq).map(|why| Ignored { seq, why })
}

/// Who made a statement, and on what topic: as corrected if it counts, else as recorded; each by the name that stands for
/// them now. `None` if it is no statement on a topic.
pub fn speakers_and_topic(view: &View<'_>, entry: &Entry) -> Option<(Vec<String>, String)> {
    entry.event().filter(|event| event.kind() == Kind::Statement)?;
    let event = view.told(entry)?;
    match &event.body {
        Body::Statement(said) => Some((said.by.clone(), event.topic.clone()?)),
        _ => None,
    }
}

/// The topics on which the log has statements of an actor, in alphabetical order.
pub fn topics_of(view: &View<'_>, actor: &str) -> BTreeSet<String> {
    let actor = view.stands_for(actor);
    let said = view.history().entries().iter().filter_map(|entry| speakers_and_topic(view, entry));
    said.filter(|(by, _)| by.iter().any(|by| *by == actor)).map(|(_, topic)| topic).collect()
}

/// Explains what an actor holds on a topic; `None` if no statement in the log is by the actor on the topic.
pub fn explain_position(view: &View<'_>, actor: &str, topic: &str) -> Option<PositionExplanation> {
    let history = view.history();
    let (actor, topic) = (&*view.stands_for(actor), &*view.stands_for(topic));
    let is_it = |entry: &&Entry| {
        let said = speakers_and_topic(view, entry);
        said.is_some_and(|(by, on)| on == topic && by.iter().any(|by| by == actor))
    };
    let entries: Vec<&Entry> = history.entries().iter().filter(is_it).collect();
    if entries.is_empty() {
        return None;
    }
    let said: Vec<Position> = positions(view)
        .into_iter()
        .filter(|position| position.actor == actor && position.topic == topic)
        .collect();
    let made: BTreeSet<&String> = said.iter().flat_map(|position| &position.rests_on).collect();
    let same = same_acts(view);
    let not_yet = entries
        .iter()
        .filter(|entry| view.fact(entry.seq).is_some() && same.first_of(entry.seq) == entry.seq)
        .map(|entry| history.id_of(entry.seq))
        .filter(|id| !made.contains(id));
    Some(PositionExplanation {
        actor: actor.to_owned(),
        topic: topic.to_owned(),
        not_yet: not_yet.collect(),
        not_counted: entries.iter().filter_map(|entry| ignored(view, entry.seq)).collect(),
        said,
    })
}
