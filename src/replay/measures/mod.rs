//! Measures: which were in force on a date, since when, and on what that rests.
//!
//! `Measures` holds the steps of every measure under a view's clocks and answers about any moment of the valid
//! clock; [`measures()`] asks it about the view's own.

use std::collections::{BTreeMap, BTreeSet};

use super::anomalies::{Anomaly, AnomalyCode};
use super::automaton::{Act, Life, Stage};
use super::placement::{Placement, span_text};
use super::responses::Responses;
use super::steps::{Step, all_steps};
use super::view::{Rules, View};
use super::worlds::{Worlds, worlds};
use crate::model::calendar::Instant;
use crate::model::date::Span;
use crate::model::vocabulary::{MeasureType, Op};

mod answer;
mod segments;

pub use answer::{EffectDate, Evidence, Flag, InForce, MeasureAnswer, Possibility, Reason, Status};
pub use segments::{MeasureLife, Segment, lives};

/// Every measure to which something has, or may have, happened by the view's date; by id.
pub fn measures(view: &View<'_>) -> Vec<MeasureAnswer> {
    let measures = Measures::of(view);
    let to = view.clocks().to;
    measures.ids().filter_map(|measure| measures.answer(measure, to)).collect()
}

/// What cannot be right in the lives of measures.
pub(super) fn measure_anomalies(view: &View<'_>) -> Vec<Anomaly> {
    let (measures, mut anomalies) = all_steps(view);
    for (measure, steps) in &measures {
        let worlds = worlds(steps, view.clocks().to, view.clocks().zone);
        let undated = steps.iter().enumerate().filter(|(_, step)| step.is_undated());
        let undated = undated.map(|(index, _)| (index, AnomalyCode::Undated));
        let wrong = match view.rules() {
            Rules::Present => worlds.anomalies(),
            Rules::Former => worlds.wrong,
        };
        for (index, code) in wrong.into_iter().chain(undated) {
            let Some(step) = steps.get(index) else { continue };
            let events = vec![view.history().id_of(step.seq)];
            anomalies.push(Anomaly { code, measure: Some((*measure).to_owned()), events });
        }
    }
    anomalies
}

/// Every measure of a view, to be asked about any moment.
pub(crate) struct Measures<'v> {
    view: &'v View<'v>,
    steps: BTreeMap<&'v str, Vec<Step<'v>>>,
    responses: Responses,
}

impl<'v> Measures<'v> {
    pub(crate) fn of(view: &'v View<'v>) -> Self {
        let (steps, _) = all_steps(view);
        let responses = Responses::of(view, &steps);
        Self { view, steps, responses }
    }

    /// The ids of all measures, in alphabetical order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &'v str> + '_ {
        self.steps.keys().copied()
    }

    /// The steps of one measure, in log order.
    pub(crate) fn steps(&self, measure: &str) -> &[Step<'v>] {
        self.steps.get(measure).map_or(&[], Vec::as_slice)
    }

    /// Where a measure stands; `None` if nothing can have happened to it by then.
    pub(crate) fn answer(&self, measure: &str, to: Instant) -> Option<MeasureAnswer> {
        self.case(measure, to).answer()
    }

    /// A measure with its possible worlds by then.
    pub(crate) fn case<'c>(&'c self, measure: &'c str, to: Instant) -> Case<'c> {
        let steps = self.steps(measure);
        let worlds = worlds(steps, to, self.view.clocks().zone);
        Case { view: self.view, responses: &self.responses, measure, to, steps, worlds }
    }
}

/// A status, and what of the measure's life leads to it.
struct Outcome {
    status: Status,
    /// The end that makes it possible, if it is one that has, or may have, passed.
    by_end: Option<Lapse>,
    /// The steps that lead to it.
    because: BTreeSet<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lapse {
    Passed,
    MayHavePassed,
}

/// One measure at one moment.
pub(crate) struct Case<'c> {
    view: &'c View<'c>,
    responses: &'c Responses,
    measure: &'c str,
    to: Instant,
    steps: &'c [Step<'c>],
    /// What its possible worlds come to.
    pub(crate) worlds: Worlds,
}

impl Case<'_> {
    /// Where it stands; `None` if nothing can have happened to it by then.
    pub(crate) fn answer(&self) -> Option<MeasureAnswer> {
        let outcomes = self.outcomes();
        let statuses: BTreeSet<Status> = outcomes.iter().map(|outcome| outcome.status).collect();
        let too_many = self.worlds.too_many;
        if !too_many && statuses.iter().all(|status| *status == Status::None) {
            return None;
        }
        let status = match statuses.first() {
            Some(only) if statuses.len() == 1 && !too_many => *only,
            _ => Status::Unknown,
        };
        let deciding = self.deciding(&outcomes);
        let effect_date = self.effect_date();
        let attributes = Attributes::of(self.steps, &self.worlds);
        let seqs = self.rests_on(&deciding);
        let history = self.view.history();
        let ids = |seqs: BTreeSet<u64>| seqs.into_iter().map(|seq| history.id_of(seq)).collect();
        Some(MeasureAnswer {
            measure: self.measure.to_owned(),
            by: attributes.by,
            against: attributes.against,
            kind: attributes.kind,
            scope: attributes.scope,
            scope_outcomes: attributes.scope_outcomes,
            suspended_scope: self.suspended_scope(),
            legal_basis: attributes.legal_basis,
            status,
            in_force: in_force(&statuses, too_many),
            outcomes: statuses.into_iter().collect(),
            possible: self.possible(&outcomes),
            since: if status == Status::Unknown { None } else { self.since() },
            flags: self.flags(&deciding, effect_date.as_ref()),
            effect_date,
            until: attributes.until,
            superseded_by: attributes.superseded_by,
            responds_to: self.responses.answers(self.measure, self.to),
            answered_by: self.responses.answered_by(self.measure, self.to),
            linked_by: ids(self.responses.said_by(self.measure, self.to)),
            reason: (status == Status::Unknown).then(|| self.reason(&outcomes)),
            deciding: seqs.iter().map(|seq| history.id_of(*seq)).collect(),
            events: self.rests_on(&self.counted()).iter().map(|seq| history.id_of(*seq)).collect(),
            evidence: seqs.iter().filter_map(|seq| evidence(self.view, *seq)).collect(),
        })
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.worlds.lives.iter().flat_map(|life| self.outcomes_of(life)).collect()
    }

    /// The steps on which the answer rests, by their places in the list of steps.
    pub(crate) fn deciding_steps(&self) -> BTreeSet<usize> {
        self.deciding(&self.outcomes())
    }

    /// The steps by which it stands where it stands, or may; and those that say, in some world in which it is not over, what it
    /// covers and until when.
    fn deciding(&self, outcomes: &[Outcome]) -> BTreeSet<usize> {
        if self.worlds.too_many {
            return (0..self.steps.len()).collect();
        }
        let mut deciding: BTreeSet<usize> =
            outcomes.iter().flat_map(|outcome| outcome.because.iter().copied()).collect();
        if self.view.rules() == Rules::Present {
            for life in self.worlds.lives.iter().filter(|life| life.stage != Stage::Ended) {
                let terms = [life.scope, life.until, life.suspended_until];
                deciding.extend(terms.into_iter().flatten());
                deciding.extend(self.outlived(life));
            }
        }
        deciding
    }

    /// The steps by which no stated end stands in a life, though one had passed since it took effect.
    fn outlived(&self, life: &Life) -> Vec<usize> {
        if life.until.is_some() {
            return Vec::new();
        }
        let effect = life.effect.and_then(|effect| self.steps.get(effect));
        let is_since = |index: &&usize| {
            let step = self.steps.get(**index);
            !step.zip(effect).is_some_and(|(step, effect)| step.hull().precedes(effect.hull()))
        };
        self.worlds.outlived.iter().filter(is_since).copied().collect()
    }

    /// Where one possible life leaves the measure. More than one status where a stated end has, or may have, passed.
    fn outcomes_of(&self, life: &Life) -> Vec<Outcome> {
        let status = match (life.stage, life.suspended) {
            (Stage::InForce | Stage::Announced, Some(_)) => Status::Suspended,
            (Stage::None, _) => Status::None,
            (Stage::Threatened, _) => Status::Threatened,
            (Stage::Announced, _) => Status::Announced,
            (Stage::InForce, _) => Status::InForce,
            (Stage::Ended, _) => Status::Ended,
        };
        let because: BTreeSet<usize> = match life.since {
            Some(since) => [Some(since), life.suspended].into_iter().flatten().collect(),
            None => self.worlds.may.clone(),
        };
        let mut outcomes = vec![Outcome { status, by_end: None, because: because.clone() }];
        let mut by_end = |status, step: Option<usize>, passed: bool| {
            let Some(step) = step.filter(|_| passed) else { return };
            let lapse = self.lapse(step);
            let mut because = because.clone();
            because.insert(step);
            outcomes.push(Outcome { status, by_end: Some(lapse), because });
        };
        if matches!(life.stage, Stage::InForce | Stage::Announced) {
            by_end(Status::Ended, life.until, life.until_passed);
            if life.suspended.is_some() {
                let in_force = life.stage == Stage::InForce;
                let status = if in_force { Status::InForce } else { Status::Announced };
                by_end(status, life.suspended_until, life.suspended_until_passed);
            }
        }
        outcomes
    }

    /// Of an end that has passed in some world: whether it has in all.
    fn lapse(&self, step: usize) -> Lapse {
        let until = self.steps.get(step).and_then(|step| step.until.as_ref());
        let ends = until.map(|until| until.ends(self.view.clocks().zone));
        let passed = ends.is_some_and(|ends| ends.latest < self.to);
        if passed { Lapse::Passed } else { Lapse::MayHavePassed }
    }

    fn reason(&self, outcomes: &[Outcome]) -> Reason {
        let plain: BTreeSet<Status> = outcomes
            .iter()
            .filter(|outcome| outcome.by_end.is_none())
            .map(|outcome| outcome.status)
            .collect();
        let has = |lapse| outcomes.iter().any(|outcome| outcome.by_end == Some(lapse));
        let contradicted =
            |index: &usize| self.steps.get(*index).is_some_and(|step| step.places.len() > 1);
        if self.worlds.too_many {
            Reason::TooManyWorlds
        } else if plain.len() <= 1 && has(Lapse::Passed) {
            Reason::ScheduledEndPassed
        } else if plain.len() <= 1 && has(Lapse::MayHavePassed) {
            Reason::ScheduledEndMayHavePassed
        } else if self.worlds.may.iter().any(contradicted) {
            Reason::Contradicted
        } else if self.worlds.may.is_empty() {
            Reason::OrderUnknown
        } else {
            Reason::MayHaveHappened
        }
    }

    /// The numbers of the events on which steps rest, in log order.
    fn rests_on(&self, steps: &BTreeSet<usize>) -> BTreeSet<u64> {
        let steps = steps.iter().filter_map(|index| self.steps.get(*index));
        steps.flat_map(|step| step.rests_on.iter().copied()).collect()
    }

    /// The steps that have, or may have, happened.
    fn counted(&self) -> BTreeSet<usize> {
        if self.worlds.too_many {
            return (0..self.steps.len()).collect();
        }
        self.worlds.happened.union(&self.worlds.may).copied().collect()
    }

    fn possible(&self, outcomes: &[Outcome]) -> Vec<Possibility> {
        let mut possible: BTreeMap<(Status, bool), BTreeSet<usize>> = BTreeMap::new();
        for outcome in outcomes {
            let way = (outcome.status, outcome.by_end.is_some());
            possible.entry(way).or_default().extend(&outcome.because);
        }
        let history = self.view.history();
        possible
            .into_iter()
            .map(|((status, by_stated_end), because)| Possibility {
                status,
                by_stated_end,
                because: self.rests_on(&because).iter().map(|seq| history.id_of(*seq)).collect(),
            })
            .collect()
    }

    /// The bounds since when it stands where it stands.
    fn since(&self) -> Option<String> {
        let places: Vec<&Placement> = self
            .worlds
            .lives
            .iter()
            .filter_map(|life| self.steps.get(life.suspended.or(life.since)?))
            .flat_map(|step| &step.places)
            .collect();
        let first = places.first()?;
        let is_one = |places: &[&Placement]| places.iter().all(|place| place.span == first.span);
        if first.single && is_one(&places) {
            return first.text.clone();
        }
        let hull = places.iter().fold(first.span, |hull, place| hull.hull(place.span));
        let settled = self.settled(hull);
        if is_one(&places) && first.span.latest <= settled {
            return first.text.clone();
        }
        let can_be = places.iter().map(|place| place.span).filter(|span| span.earliest <= settled);
        let hull = can_be.reduce(Span::hull)?;
        let hull = Span { latest: hull.latest.min(settled), ..hull };
        Some(span_text(hull, self.view.clocks().zone))
    }

    /// The moment in these bounds by which it stands where it stands, in every world: at the latest that of the first
    /// certain step after which nothing can have come but more steps that do the same, or that move no measure.
    fn settled(&self, within: Span) -> Instant {
        let counted = self.counted();
        let counted = || counted.iter().filter_map(|index| Some((*index, self.steps.get(*index)?)));
        let can_settle = |(index, step): &(usize, &Step<'_>)| {
            let latest = step.hull().latest;
            self.worlds.happened.contains(index)
                && step.act != Act::TakeEffect
                && within.earliest <= latest
                && latest < within.latest
        };
        let is_followed_by_more_alone = |(index, step): &(usize, &Step<'_>)| {
            counted().all(|(other, after)| {
                other == *index
                    || after.act == step.act
                    || matches!(after.act, Act::Change | Act::Nothing)
                    || after.hull().precedes(step.hull())
            })
        };
        let settling = counted().filter(can_settle).filter(is_followed_by_more_alone);
        settling.map(|(_, step)| step.hull().latest).fold(self.to, Instant::min)
    }

    fn effect_date(&self) -> Option<EffectDate> {
        let mut dates: Vec<EffectDate> = self
            .worlds
            .lives
            .iter()
            .filter_map(|life| match life.stage {
                Stage::InForce => self.steps.get(life.effect?),
                // What was announced may say when it will take effect.
                Stage::Announced => {
                    self.steps.get(life.since?).filter(|step| step.effective.is_some())
                }
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

    /// The part of it that is suspended, where the step that suspends it says so and all worlds agree.
    fn suspended_scope(&self) -> Option<String> {
        let suspending = self.worlds.lives.iter().filter_map(|life| life.suspended);
        let steps = suspending.filter_map(|index| self.steps.get(index));
        agreed(steps.map(|step| step.scope)).map(str::to_owned)
    }

    fn flags(&self, deciding: &BTreeSet<usize>, effect_date: Option<&EffectDate>) -> Vec<Flag> {
        let mut flags = BTreeSet::new();
        let by_present = self.view.rules() == Rules::Present;
        for step in deciding.iter().filter_map(|index| self.steps.get(*index)) {
            let found = [
                (step.uncertain, Flag::UncertainDate),
                (step.approximate, Flag::ApproximateDate),
                (step.places.len() > 1, Flag::Contradicted),
                (step.ends_contradict && by_present, Flag::Contradicted),
                (step.is_undated(), Flag::Undated),
            ];
            flags.extend(found.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag));
        }
        let denied =
            |index: &usize| self.steps.get(*index).is_some_and(|step| step.says.op == Op::Deny);
        if self.worlds.happened.iter().any(denied) {
            flags.insert(Flag::Denied);
        }
        if effect_date == Some(&EffectDate::NotStated) {
            flags.insert(Flag::EffectDateNotStated);
        }
        if self.suspended_scope().is_some() {
            flags.insert(Flag::PartlySuspended);
        }
        flags.into_iter().collect()
    }
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

/// What the steps that have, or may have, happened say of the measure itself.
#[derive(Default)]
struct Attributes {
    by: Vec<String>,
    against: Vec<String>,
    kind: Option<MeasureType>,
    scope: Option<String>,
    scope_outcomes: Vec<String>,
    legal_basis: Option<String>,
    until: Option<String>,
    superseded_by: Option<String>,
}

impl Attributes {
    /// Whose it is, and what sort, by the first step that says; scope, end, and what took its place by the possible
    /// worlds.
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
        }
        let begun = || worlds.lives.iter().filter(|life| life.stage != Stage::None);
        let scopes: BTreeSet<Option<&str>> =
            begun().map(|life| steps.get(life.scope?)?.scope).collect();
        if let [only] = scopes.iter().collect::<Vec<_>>().as_slice() {
            all.scope = only.map(str::to_owned);
        } else {
            all.scope_outcomes = scopes.into_iter().flatten().map(str::to_owned).collect();
        }
        // Where it is over no end stands, and none is at odds with another.
        all.until = agreed(begun().filter(|life| life.stage != Stage::Ended).map(|life| {
            let stated = if life.suspended.is_some() { life.suspended_until } else { None };
            let until = steps.get(stated.or(life.until)?)?.until.as_ref();
            until.map(|date| date.as_str().to_owned())
        }));
        all.superseded_by = agreed(begun().map(|life| match life.stage {
            Stage::Ended => steps.get(life.since?)?.says.superseded_by.clone(),
            _ => None,
        }));
        all
    }
}

/// What all worlds say; `None` if they differ, or say nothing.
fn agreed<T: Ord>(said: impl Iterator<Item = Option<T>>) -> Option<T> {
    let mut said: BTreeSet<Option<T>> = said.collect();
    if said.len() == 1 { said.pop_first().flatten() } else { None }
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
            cites: view.given(&told.cites),
            according_to: according_to.into_iter().collect(),
        })
    }
}
