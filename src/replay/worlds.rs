//! Every possible world of a measure's steps, and where each leaves it.
//!
//! Steps have bounds, not dates. A possible world is a choice of the steps that have happened by the date asked
//! about, and an order of them, such that
//! - a step whose latest bound is by that date has happened, one whose earliest bound is after it has not, any other
//!   may have;
//! - a step that ends before another begins comes first, and two whose bounds are the same single day come in log
//!   order; bounds that otherwise overlap allow either order;
//! - where the reports of a step contradict one another, one of them is right;
//! - a stated end passes after every step that ends by then, and before every step that begins later. Where a step
//!   may be on either side of it, both are possible worlds.
//!
//! Worlds are not enumerated one by one: what has happened so far, and the life it led to, is all that the next step
//! depends on, so each such pair is met once. Steps that stand apart from all others multiply nothing. Work is
//! bounded by [`STATES_MAX`] and [`CHOICES_MAX`]; past them the answer is `unknown`, never a guess.
//! `worlds_agree_with_brute_force` compares with naive enumeration on small histories.

use std::collections::{BTreeMap, BTreeSet};

use super::anomalies::AnomalyCode;
use super::automaton::{self, Act, Life, Stage};
use super::placement::Placement;
use super::steps::Step;
use crate::model::calendar::{Instant, Zone};
use crate::model::date::Span;

/// The most pairs of (what has happened, life) that are looked at for one measure and one choice of reports.
pub(crate) const STATES_MAX: usize = 20_000;
/// The most choices between contradicting reports that are looked at for one measure.
pub(crate) const CHOICES_MAX: usize = 256;

/// What all possible worlds together leave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Worlds {
    /// The lives that are possible.
    pub(crate) lives: BTreeSet<Life>,
    /// The steps that may have happened, or not.
    pub(crate) may: BTreeSet<usize>,
    /// The steps that have happened in every world.
    pub(crate) happened: BTreeSet<usize>,
    /// What is wrong with a step in every world in which it happened, be it that it has not in all.
    pub(crate) wrong: BTreeMap<usize, AnomalyCode>,
    /// The steps by which what was announced was to take effect, and that did so in no world in which their date came: it was
    /// ended before.
    pub(crate) void: BTreeSet<usize>,
    /// The steps that show, in some world, that the measure outlived an end that had passed.
    pub(crate) outlived: BTreeSet<usize>,
    /// Whether the bounds named in the module's header were passed; then `lives` is not all of them.
    pub(crate) too_many: bool,
}

impl Worlds {
    /// What is wrong with a step in every possible world: a world without it is none of them.
    pub(crate) fn anomalies(&self) -> BTreeMap<usize, AnomalyCode> {
        let certain = self.wrong.iter().filter(|(index, _)| self.happened.contains(index));
        certain.map(|(index, code)| (*index, *code)).collect()
    }
}

/// Looks at every possible world of `steps` at the instant `to`.
pub(crate) fn worlds(steps: &[Step<'_>], to: Instant, zone: Zone) -> Worlds {
    let mut worlds = Worlds::default();
    let choices: usize = steps
        .iter()
        .map(|step| step.places.iter().filter(|place| !place.span.not_yet(to)).count().max(1))
        .fold(1, usize::saturating_mul);
    if choices > CHOICES_MAX {
        worlds.too_many = true;
        return worlds;
    }
    let mut tally = Tally::default();
    let mut always: Option<BTreeSet<usize>> = None;
    for choice in choose(steps) {
        let mut placed: Vec<Placed> = choice
            .iter()
            .enumerate()
            .filter(|(_, place)| !place.span.not_yet(to))
            .map(|(index, place)| Placed {
                moment: Moment::Step(index),
                span: place.span,
                single: place.single,
                must: place.span.happened_by(to),
            })
            .collect();
        let steps_placed = |must: bool| {
            let placed = placed.iter().filter(move |placed| placed.must == must);
            placed.filter_map(|placed| match placed.moment {
                Moment::Step(index) => Some(index),
                Moment::End(_) => None,
            })
        };
        let must: BTreeSet<usize> = steps_placed(true).collect();
        worlds.may.extend(steps_placed(false));
        placed.extend(ends(steps, to, zone));
        always = Some(match always {
            None => must,
            Some(before) => before.intersection(&must).copied().collect(),
        });
        if !run(steps, placed, &mut tally, &mut worlds.lives) {
            worlds.too_many = true;
            return worlds;
        }
    }
    worlds.happened = always.unwrap_or_default();
    worlds.may.retain(|index| !worlds.happened.contains(index));
    // A step that one choice places after the date is not certain either.
    for (index, step) in steps.iter().enumerate() {
        let possible = step.places.iter().any(|place| !place.span.not_yet(to));
        if possible && !worlds.happened.contains(&index) {
            worlds.may.insert(index);
        }
    }
    tally.void.retain(|index| !tally.effective.contains(index));
    worlds.void = tally.void;
    worlds.outlived = tally.outlived;
    tally.wrong.retain(|index, _| !tally.well.contains(index));
    worlds.wrong = tally.wrong;
    worlds
}

/// Something that happens in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// A step, by its index.
    Step(usize),
    /// The end that a step states passes.
    End(usize),
}

/// A moment at one of its places.
#[derive(Debug)]
struct Placed {
    moment: Moment,
    span: Span,
    single: bool,
    must: bool,
}

impl Placed {
    /// Does it come before the other in every world?
    fn before(&self, other: &Self) -> bool {
        if let (Moment::Step(_), Moment::End(_)) = (self.moment, other.moment) {
            // A day named as an end is still part of the stated time.
            return self.span.latest <= other.span.earliest;
        }
        let same_day = self.single && other.single && self.span == other.span;
        self.span.precedes(other.span) || (same_day && self.moment < other.moment)
    }
}

/// The stated ends that have, or may have, passed by then.
fn ends(steps: &[Step<'_>], to: Instant, zone: Zone) -> Vec<Placed> {
    let stated = steps.iter().enumerate();
    let stated = stated.filter_map(|(index, step)| Some((index, step.until.as_ref()?.ends(zone))));
    stated
        .filter(|(_, span)| span.earliest < to)
        .map(|(index, span)| Placed {
            moment: Moment::End(index),
            span,
            single: false,
            must: span.latest < to,
        })
        .collect()
}

/// What steps do, each in some world.
#[derive(Default)]
struct Tally {
    well: BTreeSet<usize>,
    wrong: BTreeMap<usize, AnomalyCode>,
    /// Something took effect by them, as announced or not.
    effective: BTreeSet<usize>,
    /// What was announced took no effect by them any more.
    void: BTreeSet<usize>,
    outlived: BTreeSet<usize>,
}

impl Tally {
    fn count(&mut self, index: usize, anomaly: Option<AnomalyCode>) {
        match anomaly {
            None => {
                self.well.insert(index);
            }
            Some(code) => {
                self.wrong.insert(index, code);
            }
        }
    }

    /// What a step does in one world, beside what is wrong with it.
    fn see(&mut self, step: automaton::Step, before: &Life, after: &Life) {
        if step.act == Act::TakeEffect {
            let is_void = step.announced && before.stage == Stage::Ended;
            if is_void { &mut self.void } else { &mut self.effective }.insert(step.index);
        }
        if before.until_passed && !after.until_passed && after.stage != Stage::Ended {
            self.outlived.insert(step.index);
        }
    }
}

/// Every way to hold one report of each step for right.
fn choose<'s>(steps: &'s [Step<'_>]) -> Vec<Vec<&'s Placement>> {
    let mut choices: Vec<Vec<&Placement>> = vec![Vec::new()];
    for step in steps {
        choices = choices
            .into_iter()
            .flat_map(|choice| {
                step.places.iter().map(move |place| {
                    let mut longer = choice.clone();
                    longer.push(place);
                    longer
                })
            })
            .collect();
    }
    choices
}

/// Runs the machine through all worlds of one choice; false if there are too many.
fn run(
    steps: &[Step<'_>],
    mut placed: Vec<Placed>,
    tally: &mut Tally,
    outcomes: &mut BTreeSet<Life>,
) -> bool {
    placed.sort_by_key(|placed| (placed.span.earliest, placed.span.latest, placed.moment));
    let mut done: BTreeSet<Moment> = BTreeSet::new();
    let mut lives = BTreeSet::from([Life::default()]);
    let mut budget = STATES_MAX;
    for cluster in clusters(placed) {
        let Some(after) = run_cluster(steps, &cluster, &done, lives, tally, &mut budget) else {
            return false;
        };
        lives = after;
        done.extend(cluster.iter().map(|placed| placed.moment));
    }
    outcomes.extend(lives);
    true
}

/// Splits moments, sorted by their earliest bound, where all before end before all after begin.
fn clusters(placed: Vec<Placed>) -> Vec<Vec<Placed>> {
    let mut clusters: Vec<Vec<Placed>> = Vec::new();
    let mut latest = Instant::MIN;
    for moment in placed {
        let apart = clusters.is_empty() || moment.span.earliest > latest;
        latest = latest.max(moment.span.latest);
        match clusters.last_mut() {
            Some(cluster) if !apart => cluster.push(moment),
            _ => clusters.push(vec![moment]),
        }
    }
    clusters
}

/// The lives after one cluster, from the lives before it; `None` if the budget ran out.
fn run_cluster(
    steps: &[Step<'_>],
    cluster: &[Placed],
    done: &BTreeSet<Moment>,
    lives: BTreeSet<Life>,
    tally: &mut Tally,
    budget: &mut usize,
) -> Option<BTreeSet<Life>> {
    let must: BTreeSet<Moment> = cluster.iter().filter(|p| p.must).map(|p| p.moment).collect();
    let mut outcomes = BTreeSet::new();
    // Each state is paid for when it is met, so that no more are held than may be looked at.
    *budget = budget.checked_sub(lives.len())?;
    // What of the cluster has happened so far, and the lives that this can have led to.
    // Fewest moments first, so that every way to an entry has been walked before it is left.
    let mut frontier: BTreeMap<(usize, BTreeSet<Moment>), BTreeSet<Life>> =
        BTreeMap::from([((0, BTreeSet::new()), lives)]);
    while let Some(((count, happened), lives)) = frontier.pop_first() {
        if must.is_subset(&happened) {
            outcomes.extend(lives.iter().copied());
        }
        let left: Vec<&Placed> =
            cluster.iter().filter(|placed| !happened.contains(&placed.moment)).collect();
        for next in ready(&left) {
            let has = |moment| done.contains(&moment) || happened.contains(&moment);
            let after = after(steps, &lives, next.moment, &has, tally);
            let mut with = happened.clone();
            with.insert(next.moment);
            let met = frontier.entry((count.saturating_add(1), with)).or_default();
            for life in after {
                if met.insert(life) {
                    *budget = budget.checked_sub(1)?;
                }
            }
        }
    }
    Some(outcomes)
}

/// Those of the moments that are left, sorted as they are for [`clusters`], that no other has to come before.
fn ready<'p>(left: &[&'p Placed]) -> Vec<&'p Placed> {
    let is_step = |placed: &&&Placed| matches!(placed.moment, Moment::Step(_));
    // If any comes before one, then the one that ends first does, or the first such step, or the one before it that day.
    let first = left.iter().min_by_key(|placed| placed.span.latest);
    let first_step = left.iter().filter(is_step).min_by_key(|placed| placed.span.latest);
    let mut of_a_day = None;
    let mut ready = Vec::new();
    for next in left {
        let others = [first, first_step, of_a_day];
        if !others.into_iter().flatten().any(|other| other.before(next)) {
            ready.push(*next);
        }
        of_a_day = if next.single { Some(next) } else { of_a_day };
    }
    ready
}

/// The lives after one more moment.
fn after(
    steps: &[Step<'_>],
    lives: &BTreeSet<Life>,
    moment: Moment,
    has: &dyn Fn(Moment) -> bool,
    tally: &mut Tally,
) -> BTreeSet<Life> {
    match moment {
        Moment::End(of) => lives.iter().map(|life| life.after_end(of)).collect(),
        Moment::Step(index) => {
            let Some(step) = steps.get(index) else { return lives.clone() };
            let machine_step = automaton::Step {
                index,
                act: step.act,
                has_until: step.until.is_some(),
                has_scope: step.scope.is_some(),
                end_passed: has(Moment::End(index)),
                announced: step.announcement.is_some_and(|index| has(Moment::Step(index))),
            };
            let mut after = BTreeSet::new();
            for life in lives {
                let (next, anomaly) = life.after(machine_step);
                tally.count(index, anomaly);
                tally.see(machine_step, life, &next);
                after.insert(next);
            }
            after
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// So many moments in no order, all on the days from `day` on: two states for each set of them.
    fn unordered(day: i64, moments: usize, placed: &mut Vec<Placed>) {
        let at = |micros| Instant::from_micros(day.saturating_mul(10).saturating_add(micros));
        let span = Span { earliest: at(0), latest: at(1) };
        for _ in 0..moments {
            let moment = Moment::Step(placed.len());
            placed.push(Placed { moment, span, single: false, must: false });
        }
    }

    /// Two steps on one single day, the first before the second: three states.
    fn ordered(day: i64, placed: &mut Vec<Placed>) {
        let from = placed.len();
        unordered(day, 2, placed);
        placed.iter_mut().skip(from).for_each(|one| one.single = true);
    }

    #[test]
    fn as_many_states_as_may_be_are_followed_and_not_one_more() {
        let is_followed = |sets: &[usize], with_three: bool| {
            let mut placed = Vec::new();
            for (day, moments) in (0..).zip(sets) {
                unordered(day, *moments, &mut placed);
            }
            if with_three {
                ordered(100, &mut placed);
            }
            let states = sets.iter().map(|moments| 1_usize << moments).sum::<usize>();
            let followed = run(&[], placed, &mut Tally::default(), &mut BTreeSet::new());
            (states + if with_three { 3 } else { 0 }, followed)
        };
        assert_eq!(is_followed(&[14, 11, 10, 9, 5], false), (STATES_MAX, true));
        assert_eq!(is_followed(&[14, 11, 10, 9, 4, 3, 2, 1], true), (STATES_MAX + 1, false));
    }

    fn any_placed() -> impl Strategy<Value = Vec<Placed>> {
        let one = (0_i64..6, 0_i64..3, any::<bool>(), any::<bool>());
        prop::collection::vec(one, 0..9).prop_map(|drawn| {
            let placed =
                drawn.into_iter().enumerate().map(|(index, (from, days, single, is_end))| {
                    let [earliest, latest] =
                        [from, from.saturating_add(days)].map(Instant::from_micros);
                    let moment = if is_end { Moment::End(index) } else { Moment::Step(index) };
                    let span = Span { earliest, latest };
                    Placed { moment, span, single: single && !is_end, must: false }
                });
            let mut placed: Vec<Placed> = placed.collect();
            placed.sort_by_key(|placed| (placed.span.earliest, placed.span.latest, placed.moment));
            placed
        })
    }

    proptest! {
        /// What would break: an order that no world has would be followed, or one that a world has would not.
        #[test]
        fn ready_is_what_nothing_that_is_left_comes_before(placed in any_placed()) {
            let left: Vec<&Placed> = placed.iter().collect();
            let expected = left.iter().filter(|next| !left.iter().any(|other| other.before(next)));
            let expected: Vec<Moment> = expected.map(|placed| placed.moment).collect();
            let found: Vec<Moment> = ready(&left).iter().map(|placed| placed.moment).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
