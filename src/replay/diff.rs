//! What differs between two views: between two dates, or between what was known at two times.
//!
//! Every line names the events that are the reason: those that one view heeds and the other does not, the retraction
//! of what is gone, or else those that decide. Where two views differ in what was known, the answers about *every* day
//! are compared ([`revised_days`]), since a correction recorded today changes what is said of days long past.

use std::collections::{BTreeMap, BTreeSet};

use super::measures::{MeasureAnswer, Measures, Status, measures};
use super::positions::{Position, positions_and_later};
use super::terms::terms;
use super::view::View;
use crate::model::calendar::Day;

/// What differs between two views.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// Measures, by id.
    pub measures: Vec<MeasureChange>,
    /// Positions, by actor, topic and statement.
    pub positions: Vec<PositionChange>,
}

terms! {
    /// How an answer changed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Change {
        /// It was not there before.
        Appeared = "appeared",
        /// It says something else.
        Changed = "changed",
        /// A measure has ended; a later statement has taken a position's place.
        Ended = "ended",
        /// It is not there any more.
        Removed = "removed",
    }
}

/// One measure about which two views differ.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureChange {
    /// The id of the measure.
    pub measure: String,
    /// How it changed.
    pub change: Change,
    /// The days about which the answers differ in this way; `None` where one moment was asked about.
    pub days: Option<Days>,
    /// What was answered before.
    pub before: Option<MeasureAnswer>,
    /// What is answered after.
    pub after: Option<MeasureAnswer>,
    /// The keys that differ; empty if one of the two is absent.
    pub fields: Vec<&'static str>,
    /// The ids of the events that are the reason.
    pub because: Vec<String>,
}

/// Days in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days {
    /// The first; `None` if they have no beginning.
    pub first: Option<Day>,
    /// The last; `None` if they have no end.
    pub last: Option<Day>,
}

/// One position about which two views differ.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionChange {
    /// The speaker.
    pub actor: String,
    /// The topic.
    pub topic: String,
    /// The id of the statement.
    pub event: String,
    /// How it changed.
    pub change: Change,
    /// What was answered before.
    pub before: Option<Position>,
    /// What is answered after.
    pub after: Option<Position>,
    /// The keys that differ; empty if one of the two is absent.
    pub fields: Vec<&'static str>,
    /// The ids of the events that are the reason.
    pub because: Vec<String>,
}

/// What differs between two views, each at its own date.
pub fn diff(before: &View<'_>, after: &View<'_>) -> Diff {
    let by_id = |view| -> BTreeMap<String, MeasureAnswer> {
        measures(view).into_iter().map(|answer| (answer.measure.clone(), answer)).collect()
    };
    let (mut old, mut new) = (by_id(before), by_id(after));
    let ids: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    let changes = ids.into_iter().filter_map(|id| {
        let (old, new) = (old.remove(&id), new.remove(&id));
        measure_change(before, after, &id, old, new, None)
    });
    Diff { measures: changes.collect(), positions: position_changes(before, after) }
}

/// For every measure, the days about which two views answer differently, and how.
pub fn revised_days(before: &View<'_>, after: &View<'_>) -> Vec<MeasureChange> {
    let (old, new) = (Measures::of(before), Measures::of(after));
    let ids: BTreeSet<&str> = old.ids().chain(new.ids()).collect();
    let mut changes = Vec::new();
    for id in ids {
        let zone = before.clocks().zone;
        let mut turns: BTreeSet<Day> = old.turns(id).union(&new.turns(id)).copied().collect();
        turns.extend(old.turns_of_responses(&new, id));
        // The days before the first turn are all like the day before it; without any turn all days are alike.
        let lead = turns.first().map_or(zone.day_of(before.clocks().to), |day| day.previous());
        let firsts =
            std::iter::once((None, lead)).chain(turns.iter().map(|day| (Some(*day), *day)));
        let lasts = turns.iter().map(|day| Some(day.previous())).chain(std::iter::once(None));
        let mut row: Vec<MeasureChange> = Vec::new();
        for ((first, asked), last) in firsts.zip(lasts) {
            let to = zone.end_of(asked);
            let (before_it, after_it) = (old.answer(id, to), new.answer(id, to));
            let days = Some(Days { first, last });
            let Some(change) = measure_change(before, after, id, before_it, after_it, days) else {
                continue;
            };
            match row.last_mut() {
                Some(known) if known.goes_on_in(&change) => known.days = known.days_until(&change),
                _ => row.push(change),
            }
        }
        changes.extend(row);
    }
    changes
}

impl MeasureChange {
    /// Whether another change, of later days, is the same one: for the same reason in the same fields, of which both
    /// answers say the same, as of where the measure stands. What appears, or is gone, is the same whatever answers it by
    /// then.
    fn goes_on_in(&self, later: &Self) -> bool {
        let is_told = |field: &&str| match self.change {
            Change::Appeared | Change::Removed => !matches!(*field, "responds_to" | "answered_by"),
            Change::Changed | Change::Ended => {
                matches!(*field, "status" | "outcomes") || self.fields.contains(field)
            }
        };
        let same = |a: &Option<MeasureAnswer>, b: &Option<MeasureAnswer>| match (a, b) {
            (Some(a), Some(b)) => !a.differs_from(b).iter().any(is_told),
            (None, None) => true,
            _ => false,
        };
        let adjacent = self.days.and_then(|days| days.last).map(Day::next)
            == later.days.and_then(|days| days.first);
        adjacent
            && (self.change, &self.fields) == (later.change, &later.fields)
            && self.because == later.because
            && same(&self.before, &later.before)
            && same(&self.after, &later.after)
    }

    /// The same change about days up to one and no later; `None` if there are none.
    pub(crate) fn up_to(mut self, last: Day) -> Option<Self> {
        let days = self.days?;
        if days.first.is_some_and(|first| first > last) {
            return None;
        }
        let until = days.last.map_or(last, |known| known.min(last));
        self.days = Some(Days { first: days.first, last: Some(until) });
        Some(self)
    }

    fn days_until(&self, later: &Self) -> Option<Days> {
        Some(Days { first: self.days?.first, last: later.days?.last })
    }
}

fn measure_change(
    before_view: &View<'_>,
    after_view: &View<'_>,
    measure: &str,
    before: Option<MeasureAnswer>,
    after: Option<MeasureAnswer>,
    days: Option<Days>,
) -> Option<MeasureChange> {
    let mut fields = Vec::new();
    let change = match (&before, &after) {
        (None, None) => return None,
        (None, Some(_)) => Change::Appeared,
        (Some(_), None) => Change::Removed,
        (Some(before), Some(after)) => {
            fields = after.differs_from(before);
            if fields.is_empty() {
                return None;
            }
            let ended = after.status == Status::Ended && before.status != Status::Ended;
            if ended { Change::Ended } else { Change::Changed }
        }
    };
    let ids = |answer: &Option<MeasureAnswer>, of: fn(&MeasureAnswer) -> &[String]| {
        answer.as_ref().map(|answer| of(answer).to_vec()).unwrap_or_default()
    };
    let (mut old, mut new) = (ids(&before, |a| &a.events), ids(&after, |a| &a.events));
    if fields.iter().any(|field| matches!(*field, "responds_to" | "answered_by")) {
        old.extend(ids(&before, |a| &a.linked_by));
        new.extend(ids(&after, |a| &a.linked_by));
    }
    let (old_deciding, deciding) = (ids(&before, |a| &a.deciding), ids(&after, |a| &a.deciding));
    let mut because = news(before_view, after_view, &old, &new);
    // Nothing was learnt, so time has passed: what decides now and did not, or what has happened since.
    for more in [without(&deciding, &old_deciding), without(&new, &old), deciding, old_deciding] {
        if because.is_empty() {
            because = more;
        }
    }
    let measure = measure.to_owned();
    Some(MeasureChange { measure, change, days, before, after, fields, because })
}

fn position_changes(before_view: &View<'_>, after_view: &View<'_>) -> Vec<PositionChange> {
    let by_key = |view| -> BTreeMap<(String, String, String), (Position, Vec<String>)> {
        let key = |p: &Position| (p.actor.clone(), p.topic.clone(), p.event.clone());
        let all = positions_and_later(view).into_iter();
        all.map(|(position, later)| (key(&position), (position, later))).collect()
    };
    let (mut old, mut new) = (by_key(before_view), by_key(after_view));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let mut changes = Vec::new();
    for key in keys {
        let ((before, later_before), (after, later_after)) =
            (old.remove(&key).unzip(), new.remove(&key).unzip());
        let mut fields = Vec::new();
        let change = match (&before, &after) {
            (Some(before), Some(after)) => {
                fields = after.differs_from(before);
                if fields.is_empty() {
                    continue;
                }
                if before.current && !after.current { Change::Ended } else { Change::Changed }
            }
            (None, _) => Change::Appeared,
            (Some(_), None) => Change::Removed,
        };
        let all = |position: &Option<Position>| match position {
            Some(position) => [&*position.rests_on, &position.superseded_by].concat(),
            None => Vec::new(),
        };
        let (told, tells) = (all(&before), all(&after));
        let [may_before, may_after] =
            [(&told, later_before), (&tells, later_after)].map(|(all, later)| {
                all.iter().cloned().chain(later.unwrap_or_default()).collect::<Vec<_>>()
            });
        let mut because = news(before_view, after_view, &may_before, &may_after);
        // Nothing was learnt, so time has passed: what has, or may have, been said since.
        let said = [without(&tells, &told), without(&may_after, &may_before)];
        for more in said.into_iter().chain([vec![key.2.clone()]]) {
            if because.is_empty() {
                because = more;
            }
        }
        let (actor, topic, event) = key;
        changes.push(PositionChange {
            actor,
            topic,
            event,
            change,
            before,
            after,
            fields,
            because,
        });
    }
    changes
}

/// Why answers that rested on some events rest on others now: the events that only the view after heeds, be it as
/// reports or as corrections of what was known; for what is gone, its retraction, or another one than before; for what is
/// back, that of its retraction.
fn news(before: &View<'_>, after: &View<'_>, old: &[String], new: &[String]) -> Vec<String> {
    let history = after.history();
    let (mut touched, mut sources): (BTreeSet<u64>, BTreeSet<u64>) = Default::default();
    let mut next: Vec<u64> = old.iter().chain(new).filter_map(|id| history.seq_of(id)).collect();
    while let Some(seq) = next.pop() {
        if !touched.insert(seq) {
            continue;
        }
        for fact in [before, after].into_iter().filter_map(|view| view.report(seq)) {
            let applied = fact.corrections.iter().chain(&fact.resolved_by);
            next.extend(applied.chain(&fact.mentions).chain(&fact.duplicates));
            // Passages go with their source, and come back with it.
            let cited = fact
                .event
                .cites
                .iter()
                .map(|cite| (before.withdrawn(&cite.source), after.withdrawn(&cite.source)));
            let changed = cited.filter(|(old, new)| old != new);
            sources.extend(changed.flat_map(|(old, new)| old.into_iter().chain(new)));
        }
    }
    let reason = |seq: u64| {
        let (gone_before, gone_after) = (before.struck().get(&seq), after.struck().get(&seq));
        match (gone_before, gone_after) {
            (None, Some(by)) => Some(*by),
            (Some(old), new) if new != Some(old) => after.struck().get(old).or(new).copied(),
            _ => (after.heeds(seq) && !before.heeds(seq)).then_some(seq),
        }
    };
    touched.extend(sources);
    let found: BTreeSet<u64> = touched.into_iter().filter_map(reason).collect();
    found.into_iter().map(|seq| history.id_of(seq)).collect()
}

fn without(all: &[String], known: &[String]) -> Vec<String> {
    all.iter().filter(|id| !known.contains(id)).cloned().collect()
}
