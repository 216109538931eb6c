//! Every possible world of a measure's steps, and where each leaves it.
//!
//! Steps have bounds, not dates. A possible world is a choice of the steps that have happened by the date asked
//! about, and an order of them, such that
//! - a step whose latest bound is by that date has happened, one whose earliest bound is after it has not, any other
//!   may have;
//! - a step that ends before another begins comes first, and two whose bounds are the same single day come in log
//!   order; bounds that otherwise overlap allow either order;
//! - where the reports of a step contradict one another, one of them is right.
//!
//! Worlds are not enumerated one by one: what has happened so far, and the life it led to, is all that the next step
//! depends on, so each such pair is met once. Steps that stand apart from all others multiply nothing. Work is
//! bounded by [`STATES_MAX`] and [`CHOICES_MAX`]; past them the answer is `unknown`, never a guess.
//! `worlds_agree_with_brute_force` compares with naive enumeration on small histories.

use std::collections::{BTreeMap, BTreeSet};

use super::anomalies::AnomalyCode;
use super::automaton::{self, Act, Life};
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
    /// What is wrong with a step in every world in which it happened.
    pub(crate) anomalies: BTreeMap<usize, AnomalyCode>,
    /// Whether the bounds named in the module's header were passed; then `lives` is not all of them.
    pub(crate) too_many: bool,
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
        let placed: Vec<Placed> = choice
            .iter()
            .enumerate()
            .filter(|(_, place)| !place.span.not_yet(to))
            .map(|(index, place)| Placed {
                index,
                span: place.span,
                single: place.single,
                must: place.span.happened_by(to),
            })
            .collect();
        let must: BTreeSet<usize> =
            placed.iter().filter(|placed| placed.must).map(|placed| placed.index).collect();
        worlds.may.extend(placed.iter().filter(|placed| !placed.must).map(|placed| placed.index));
        always = Some(match always {
            None => must,
            Some(before) => before.intersection(&must).copied().collect(),
        });
        if !run(steps, placed, zone, &mut tally, &mut worlds.lives) {
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
    worlds.anomalies = tally.anomalies();
    worlds
}

/// A step at one of its places.
struct Placed {
    index: usize,
    span: Span,
    single: bool,
    must: bool,
}

impl Placed {
    /// Does it come before the other in every world?
    fn before(&self, other: &Self) -> bool {
        let same_day = self.single && self.span == other.span;
        self.span.precedes(other.span) || (same_day && self.index < other.index)
    }
}

/// How often each step was well, and how often nonsense.
#[derive(Default)]
struct Tally {
    well: BTreeSet<usize>,
    wrong: BTreeMap<usize, AnomalyCode>,
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

    fn anomalies(mut self) -> BTreeMap<usize, AnomalyCode> {
        self.wrong.retain(|index, _| !self.well.contains(index));
        self.wrong
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
    zone: Zone,
    tally: &mut Tally,
    outcomes: &mut BTreeSet<Life>,
) -> bool {
    placed.sort_by_key(|placed| (placed.span.earliest, placed.span.latest, placed.index));
    let mut done: BTreeSet<usize> = BTreeSet::new();
    let mut lives = BTreeSet::from([Life::default()]);
    let mut budget = STATES_MAX;
    for cluster in clusters(placed) {
        let Some(after) = run_cluster(steps, &cluster, &done, lives, zone, tally, &mut budget)
        else {
            return false;
        };
        lives = after;
        done.extend(cluster.iter().map(|placed| placed.index));
    }
    outcomes.extend(lives);
    true
}

/// Splits steps, sorted by their earliest bound, where all before end before all after begin.
fn clusters(placed: Vec<Placed>) -> Vec<Vec<Placed>> {
    let mut clusters: Vec<Vec<Placed>> = Vec::new();
    let mut latest = Instant::MIN;
    for step in placed {
        let apart = clusters.is_empty() || step.span.earliest > latest;
        latest = latest.max(step.span.latest);
        match clusters.last_mut() {
            Some(cluster) if !apart => cluster.push(step),
            _ => clusters.push(vec![step]),
        }
    }
    clusters
}

/// The lives after one cluster, from the lives before it; `None` if the budget ran out.
fn run_cluster(
    steps: &[Step<'_>],
    cluster: &[Placed],
    done: &BTreeSet<usize>,
    lives: BTreeSet<Life>,
    zone: Zone,
    tally: &mut Tally,
    budget: &mut usize,
) -> Option<BTreeSet<Life>> {
    let must: BTreeSet<usize> = cluster.iter().filter(|p| p.must).map(|p| p.index).collect();
    let mut outcomes = BTreeSet::new();
    // What of the cluster has happened so far, and the lives that this can have led to.
    // Fewest steps first, so that every way to an entry has been walked before it is left.
    let mut frontier: BTreeMap<(usize, BTreeSet<usize>), BTreeSet<Life>> =
        BTreeMap::from([((0, BTreeSet::new()), lives)]);
    while let Some(((count, happened), lives)) = frontier.pop_first() {
        if must.is_subset(&happened) {
            outcomes.extend(lives.iter().copied());
        }
        *budget = budget.checked_sub(lives.len())?;
        let ready = cluster.iter().filter(|next| {
            let waits = |other: &&Placed| other.before(next) && !happened.contains(&other.index);
            !happened.contains(&next.index) && !cluster.iter().any(|other| waits(&other))
        });
        for next in ready {
            let Some(step) = steps.get(next.index) else { continue };
            let has = |index: usize| done.contains(&index) || happened.contains(&index);
            let machine_step = automaton::Step {
                index: next.index,
                act: step.act,
                has_until: step.until.is_some(),
                has_scope: step.scope.is_some(),
                announced: step.announcement.is_some_and(has),
            };
            let mut after = BTreeSet::new();
            for life in &lives {
                for life in outlived(steps, *life, step.act, next.span, zone) {
                    let (life, anomaly) = life.after(machine_step);
                    tally.count(next.index, anomaly);
                    after.insert(life);
                }
            }
            let mut with = happened.clone();
            with.insert(next.index);
            frontier.entry((count.saturating_add(1), with)).or_default().extend(after);
        }
    }
    Some(outcomes)
}

/// The life at the moment of a step: a stated end that has passed by then is void if the step shows that the measure
/// outlived it. Where the end may have passed, both are possible.
fn outlived(steps: &[Step<'_>], life: Life, act: Act, at: Span, zone: Zone) -> Vec<Life> {
    let end = life.until.and_then(|index| steps.get(index)?.until.as_ref());
    let Some(end) = end.filter(|_| Life::outlives_until(act)).map(|until| until.ends(zone)) else {
        return vec![life];
    };
    let without = Life { until: None, ..life };
    if at.earliest > end.latest {
        vec![without]
    } else if at.latest <= end.earliest {
        vec![life]
    } else {
        vec![life, without]
    }
}
