//! Measures: which were in force on a date, since when, and on what that rests.

use std::collections::BTreeSet;

use super::anomalies::{Anomaly, AnomalyCode};
use super::automaton::{Life, Stage};
use super::placement::{Placement, span_text};
use super::steps::{Step, all_steps};
use super::view::View;
use super::worlds::{Worlds, worlds};
use crate::model::event::{Attribution, Cite};
use crate::model::vocabulary::{MeasureType, Op};

/// What a replay answers about one measure.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureAnswer {
    /// The id of the measure.
    pub measure: String,
    /// Whose measure.
    pub by: Vec<String>,
    /// Against whom.
    pub against: Vec<String>,
    /// What sort of measure.
    pub kind: Option<MeasureType>,
    /// What it covers, as last changed by the date asked about.
    pub scope: Option<String>,
    /// The law or instrument.
    pub legal_basis: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Where it may stand: one status if `status` is known, all that are possible if it is `unknown`.
    pub outcomes: Vec<Status>,
    /// Whether it is in force, which may be certain where the status is not.
    pub in_force: InForce,
    /// Since when it stands there: the date as reported, or the bounds that are left. `None` if unknown.
    pub since: Option<String>,
    /// When it took effect, or will.
    pub effect_date: Option<EffectDate>,
    /// The stated end that stands, as reported.
    pub until: Option<String>,
    /// The measure in its place.
    pub superseded_by: Option<String>,
    /// What it answers: events or measures.
    pub responds_to: Vec<String>,
    /// Why the status is unknown; `None` if it is known.
    pub reason: Option<Reason>,
    /// The ids of the events that decide, in log order.
    pub deciding: Vec<String>,
    /// The passages of those events.
    pub evidence: Vec<Evidence>,
    /// What to know about how sure this is, in alphabetical order.
    pub flags: Vec<Flag>,
}

/// Where a measure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing has happened to it; only ever one of several outcomes.
    None,
    /// Its author says it may come.
    Threatened,
    /// It is to come.
    Announced,
    /// It has effect.
    InForce,
    /// It has been imposed, and has no effect for the time being.
    Suspended,
    /// It is over.
    Ended,
    /// Several outcomes are possible.
    Unknown,
}

impl Status {
    /// The status as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Threatened => "threatened",
            Self::Announced => "announced",
            Self::InForce => "in_force",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a measure is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InForce {
    /// In every possible world.
    Yes,
    /// In none.
    No,
    /// In some.
    Unknown,
}

impl InForce {
    /// The answer as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// When a measure took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectDate {
    /// As a report states it.
    Stated(String),
    /// No report states it; the measure counts from its announcement, or from when it was reported to have happened.
    NotStated,
}

impl EffectDate {
    /// The date, or `not_stated`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stated(date) => date,
            Self::NotStated => "not_stated",
        }
    }
}

/// Why a status is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A stated end has passed and nothing was reported since.
    ScheduledEndPassed,
    /// A stated end is known within bounds only, and may have passed.
    ScheduledEndMayHavePassed,
    /// Reports of one step give dates that cannot both be right.
    Contradicted,
    /// A step is known within bounds only, and may have happened.
    MayHaveHappened,
    /// Steps have happened in an order that is not known.
    OrderUnknown,
    /// There are more possible worlds than this program looks at.
    TooManyWorlds,
}

impl Reason {
    /// The reason as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ScheduledEndPassed => "scheduled_end_passed",
            Self::ScheduledEndMayHavePassed => "scheduled_end_may_have_passed",
            Self::Contradicted => "contradicted",
            Self::MayHaveHappened => "may_have_happened",
            Self::OrderUnknown => "order_unknown",
            Self::TooManyWorlds => "too_many_worlds",
        }
    }
}

/// What to know about how sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Flag {
    /// A date that decides is marked `~`.
    ApproximateDate,
    /// Reports of a step that decides contradict one another about its date.
    Contradicted,
    /// Its alleged author has denied it.
    Denied,
    /// No report says when it takes effect.
    EffectDateNotStated,
    /// A date that decides is marked `?`.
    UncertainDate,
    /// A step that decides has no date.
    Undated,
}

impl Flag {
    /// The flag as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApproximateDate => "approximate_date",
            Self::Contradicted => "contradicted",
            Self::Denied => "denied",
            Self::EffectDateNotStated => "effect_date_not_stated",
            Self::UncertainDate => "uncertain_date",
            Self::Undated => "undated",
        }
    }
}

/// The passages of an event that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The id of the event.
    pub event: String,
    /// Its passages, and those of its further reports.
    pub cites: Vec<Cite>,
    /// On whose word it rests, one chain a report.
    pub according_to: Vec<Vec<Attribution>>,
}

/// Every measure to which something has, or may have, happened by the view's date; by id.
pub fn measures(view: &View<'_>) -> Vec<MeasureAnswer> {
    let (measures, _) = all_steps(view);
    measures.iter().filter_map(|(measure, steps)| answer(view, measure, steps)).collect()
}

/// What cannot be right in the lives of measures.
pub(super) fn measure_anomalies(view: &View<'_>) -> Vec<Anomaly> {
    let (measures, mut anomalies) = all_steps(view);
    for (measure, steps) in &measures {
        let worlds = worlds(steps, view.clocks().to, view.clocks().zone);
        let undated = steps.iter().enumerate().filter(|(_, step)| is_undated(step));
        let undated = undated.map(|(index, _)| (index, AnomalyCode::Undated));
        for (index, code) in worlds.anomalies.iter().map(|(i, c)| (*i, *c)).chain(undated) {
            let Some(step) = steps.get(index) else { continue };
            let events = vec![view.history().id_of(step.seq)];
            anomalies.push(Anomaly { code, measure: Some((*measure).to_owned()), events });
        }
    }
    anomalies
}

fn is_undated(step: &Step<'_>) -> bool {
    step.places.iter().all(|place| place.text.is_none())
}

/// A status, and what of the measure's life leads to it.
struct Outcome {
    status: Status,
    /// The end that makes it possible, if it is one that has, or may have, passed.
    by_end: Option<Lapse>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lapse {
    Passed,
    MayHavePassed,
}

fn answer(view: &View<'_>, measure: &str, steps: &[Step<'_>]) -> Option<MeasureAnswer> {
    let clocks = *view.clocks();
    let worlds = worlds(steps, clocks.to, clocks.zone);
    let mut outcomes = BTreeSet::new();
    let mut plain = BTreeSet::new();
    let mut lapse = None;
    for life in &worlds.lives {
        for outcome in outcomes_of(view, steps, life) {
            if let Some(by_end) = outcome.by_end {
                if lapse != Some(Lapse::Passed) {
                    lapse = Some(by_end);
                }
            } else {
                plain.insert(outcome.status);
            }
            outcomes.insert(outcome.status);
        }
    }
    if !worlds.too_many && outcomes.iter().all(|status| *status == Status::None) {
        return None;
    }
    let status = match outcomes.first() {
        Some(only) if outcomes.len() == 1 && !worlds.too_many => *only,
        _ => Status::Unknown,
    };
    let contradicted = worlds.may.iter().any(|i| steps.get(*i).is_some_and(|s| s.places.len() > 1));
    let reason = (status == Status::Unknown).then_some(match lapse {
        _ if worlds.too_many => Reason::TooManyWorlds,
        Some(Lapse::Passed) if plain.len() <= 1 => Reason::ScheduledEndPassed,
        Some(Lapse::MayHavePassed) if plain.len() <= 1 => Reason::ScheduledEndMayHavePassed,
        _ if contradicted => Reason::Contradicted,
        _ if worlds.may.is_empty() => Reason::OrderUnknown,
        _ => Reason::MayHaveHappened,
    });
    let deciding = deciding(&worlds, steps, lapse.is_some());
    let effect_date = effect_date(&worlds, steps);
    let attributes = Attributes::of(steps, &worlds);
    let seqs: BTreeSet<u64> = deciding
        .iter()
        .filter_map(|index| steps.get(*index))
        .flat_map(|step| step.rests_on.iter().copied())
        .collect();
    Some(MeasureAnswer {
        measure: measure.to_owned(),
        by: attributes.by,
        against: attributes.against,
        kind: attributes.kind,
        scope: attributes.scope,
        legal_basis: attributes.legal_basis,
        status,
        in_force: in_force(&outcomes, worlds.too_many),
        outcomes: outcomes.into_iter().collect(),
        since: if status == Status::Unknown { None } else { since(&worlds, steps, view) },
        flags: flags(&deciding, steps, &worlds, effect_date.as_ref()),
        effect_date,
        until: attributes.until,
        superseded_by: attributes.superseded_by,
        responds_to: attributes.responds_to,
        reason,
        deciding: seqs.iter().map(|seq| view.history().id_of(*seq)).collect(),
        evidence: seqs.iter().filter_map(|seq| evidence(view, *seq)).collect(),
    })
}

fn in_force(outcomes: &BTreeSet<Status>, too_many: bool) -> InForce {
    let may = outcomes.contains(&Status::InForce);
    match (may, outcomes.len()) {
        _ if too_many => InForce::Unknown,
        (true, 1) => InForce::Yes,
        (true, _) => InForce::Unknown,
        (false, _) => InForce::No,
    }
}

/// Where one possible life leaves the measure. More than one status where a stated end has, or may have, passed.
fn outcomes_of(view: &View<'_>, steps: &[Step<'_>], life: &Life) -> Vec<Outcome> {
    let plain = match (life.stage, life.suspended) {
        (Stage::InForce | Stage::Announced, Some(_)) => Status::Suspended,
        (Stage::None, _) => Status::None,
        (Stage::Threatened, _) => Status::Threatened,
        (Stage::Announced, _) => Status::Announced,
        (Stage::InForce, _) => Status::InForce,
        (Stage::Ended, _) => Status::Ended,
    };
    let mut outcomes = vec![Outcome { status: plain, by_end: None }];
    if matches!(life.stage, Stage::InForce | Stage::Announced) {
        if let Some(lapse) = lapse(view, steps, life.until) {
            outcomes.push(Outcome { status: Status::Ended, by_end: Some(lapse) });
        }
        if life.suspended.is_some()
            && let Some(lapse) = lapse(view, steps, life.suspended_until)
        {
            let status =
                if life.stage == Stage::InForce { Status::InForce } else { Status::Announced };
            outcomes.push(Outcome { status, by_end: Some(lapse) });
        }
    }
    outcomes
}

/// Whether the end that a step states has passed. A day named as an end is still part of the stated time.
fn lapse(view: &View<'_>, steps: &[Step<'_>], step: Option<usize>) -> Option<Lapse> {
    let ends = steps.get(step?)?.until.as_ref()?.ends(view.clocks().zone);
    let to = view.clocks().to;
    if to > ends.latest {
        Some(Lapse::Passed)
    } else if to > ends.earliest {
        Some(Lapse::MayHavePassed)
    } else {
        None
    }
}

fn deciding(worlds: &Worlds, steps: &[Step<'_>], by_end: bool) -> BTreeSet<usize> {
    let mut deciding = BTreeSet::new();
    for life in &worlds.lives {
        deciding.extend(life.since);
        deciding.extend(life.suspended);
        if by_end {
            deciding.extend(life.until);
            deciding.extend(life.suspended_until);
        }
    }
    if worlds.too_many {
        deciding.extend(0..steps.len());
    }
    deciding
}

/// The bounds since when it stands where it stands.
fn since(worlds: &Worlds, steps: &[Step<'_>], view: &View<'_>) -> Option<String> {
    let places: Vec<&Placement> = worlds
        .lives
        .iter()
        .filter_map(|life| steps.get(life.suspended.or(life.since)?))
        .flat_map(|step| &step.places)
        .collect();
    let first = places.first()?;
    if places.iter().all(|place| place.span == first.span) {
        return first.text.clone();
    }
    let hull = places.iter().fold(first.span, |hull, place| hull.hull(place.span));
    Some(span_text(hull, view.clocks().zone))
}

fn effect_date(worlds: &Worlds, steps: &[Step<'_>]) -> Option<EffectDate> {
    let mut dates: Vec<EffectDate> = worlds
        .lives
        .iter()
        .filter_map(|life| match life.stage {
            Stage::InForce => steps.get(life.effect?),
            // What was announced may say when it will take effect.
            Stage::Announced => steps.get(life.since?).filter(|step| step.effective.is_some()),
            _ => None,
        })
        .map(|step| match &step.effective {
            Some(date) => EffectDate::Stated(date.as_str().to_owned()),
            None => EffectDate::NotStated,
        })
        .collect();
    dates.dedup();
    let first = dates.first().cloned();
    first.filter(|_| dates.len() == 1)
}

fn flags(
    deciding: &BTreeSet<usize>,
    steps: &[Step<'_>],
    worlds: &Worlds,
    effect_date: Option<&EffectDate>,
) -> Vec<Flag> {
    let mut flags = BTreeSet::new();
    for step in deciding.iter().filter_map(|index| steps.get(*index)) {
        let found = [
            (step.uncertain, Flag::UncertainDate),
            (step.approximate, Flag::ApproximateDate),
            (step.places.len() > 1, Flag::Contradicted),
            (is_undated(step), Flag::Undated),
        ];
        flags.extend(found.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag));
    }
    let denied = |index: &usize| steps.get(*index).is_some_and(|step| step.says.op == Op::Deny);
    if worlds.happened.iter().any(denied) {
        flags.insert(Flag::Denied);
    }
    if effect_date == Some(&EffectDate::NotStated) {
        flags.insert(Flag::EffectDateNotStated);
    }
    flags.into_iter().collect()
}

/// What the steps that have, or may have, happened say of the measure itself.
#[derive(Default)]
struct Attributes {
    by: Vec<String>,
    against: Vec<String>,
    kind: Option<MeasureType>,
    scope: Option<String>,
    legal_basis: Option<String>,
    until: Option<String>,
    superseded_by: Option<String>,
    responds_to: Vec<String>,
}

impl Attributes {
    /// Whose it is, and what sort, by the first step that says; scope by the last that has happened.
    fn of(steps: &[Step<'_>], worlds: &Worlds) -> Self {
        let mut all = Self::default();
        let counts = |index: &usize| {
            worlds.too_many || worlds.happened.contains(index) || worlds.may.contains(index)
        };
        for (_, step) in steps.iter().enumerate().filter(|(index, _)| counts(index)) {
            let says = step.says;
            if all.by.is_empty() {
                all.by.clone_from(&says.by);
            }
            if all.against.is_empty() {
                all.against.clone_from(&says.against);
            }
            all.kind = all.kind.or_else(|| says.kind.clone());
            all.legal_basis = all.legal_basis.or_else(|| says.legal_basis.clone());
            all.superseded_by = all.superseded_by.or_else(|| says.superseded_by.clone());
            if says.scope.is_some() {
                all.scope.clone_from(&says.scope);
            }
            for id in &says.responds_to {
                if !all.responds_to.contains(id) {
                    all.responds_to.push(id.clone());
                }
            }
        }
        let untils: BTreeSet<_> = worlds
            .lives
            .iter()
            .filter_map(|life| {
                let stated = if life.suspended.is_some() { life.suspended_until } else { None };
                steps.get(stated.or(life.until)?)?.until.as_ref().map(|date| date.as_str())
            })
            .collect();
        all.until = untils.first().filter(|_| untils.len() == 1).map(|date| (*date).to_owned());
        all
    }
}

fn evidence(view: &View<'_>, seq: u64) -> Option<Evidence> {
    let event = view.history().id_of(seq);
    if let Some(fact) = view.fact(seq) {
        Some(Evidence { event, cites: view.cites(fact), according_to: view.chains(fact) })
    } else {
        let told = view.history().entry(seq)?.event()?;
        let according_to = Some(told.according_to.clone()).filter(|chain| !chain.is_empty());
        Some(Evidence {
            event,
            cites: told.cites.clone(),
            according_to: according_to.into_iter().collect(),
        })
    }
}
