//! Responses: which measures and events answer which, by `responds_to` and by relations.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::Step;
use super::timeline::when_of;
use super::view::{Fact, View};
use crate::model::calendar::Instant;
use crate::model::event::Body;
use crate::model::id;
use crate::model::vocabulary::RelationType;

/// Who answers whom, under a view's clocks.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    links: Vec<Link>,
    /// The places of the links of each name, at either end.
    by_name: BTreeMap<String, Vec<usize>>,
}

/// One thing answers another. A step of a measure stands for its measure.
#[derive(Debug)]
struct Link {
    from: String,
    to: String,
    /// The earliest moment at which the answer can have been given.
    earliest: Instant,
    /// The numbers of the events that make it: a step of a measure, or a relation, and those that are named.
    said_by: Vec<u64>,
}

impl Responses {
    /// Who answers whom; `steps` are those of every measure of the view.
    pub(crate) fn of(view: &View<'_>, steps: &BTreeMap<&str, Vec<Step<'_>>>) -> Self {
        let earliest = Earliest::of(steps);
        let mut links = Vec::new();
        for fact in view.facts() {
            match &fact.event.body {
                Body::Measure(step) => {
                    let Some(earliest) = earliest.of_fact(view, fact) else { continue };
                    links.extend(step.responds_to.iter().map(|to| {
                        let to = End::of(view, to, fact, "responds_to");
                        Link {
                            from: step.measure.clone(),
                            to: to.subject(view),
                            earliest,
                            said_by: to.seq.into_iter().chain([fact.seq]).collect(),
                        }
                    }));
                }
                Body::Relation(relation)
                    if matches!(
                        relation.kind,
                        RelationType::RespondsTo | RelationType::Retaliates
                    ) =>
                {
                    let from = End::of(view, &relation.from, fact, "from");
                    let to = End::of(view, &relation.to, fact, "to");
                    let Some(earliest) = earliest.of_end(view, &from) else { continue };
                    links.push(Link {
                        from: from.subject(view),
                        to: to.subject(view),
                        earliest,
                        said_by: from.seq.into_iter().chain(to.seq).chain([fact.seq]).collect(),
                    });
                }
                _ => {}
            }
        }
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, link) in links.iter().enumerate() {
            by_name.entry(link.from.clone()).or_default().push(place);
            if link.to != link.from {
                by_name.entry(link.to.clone()).or_default().push(place);
            }
        }
        Self { links, by_name }
    }

    /// The moments from which on others than before answer a measure, or are answered by it, in one of two views alone.
    pub(crate) fn turns_of_one(&self, other: &Self, measure: &str) -> BTreeSet<Instant> {
        let (own, others) = (self.told_of(measure), other.told_of(measure));
        own.symmetric_difference(&others).map(|(.., earliest)| *earliest).collect()
    }

    fn told_of(&self, measure: &str) -> BTreeSet<(&str, &str, Instant)> {
        let links = self.links_of(measure);
        links.map(|link| (link.from.as_str(), link.to.as_str(), link.earliest)).collect()
    }

    /// The numbers of the events that say what a measure answers, or what answers it, by then; in log order.
    pub(crate) fn said_by(&self, measure: &str, to: Instant) -> BTreeSet<u64> {
        let links = self.links_of(measure).filter(|link| link.earliest <= to);
        links.flat_map(|link| &link.said_by).copied().collect()
    }

    fn links_of(&self, measure: &str) -> impl Iterator<Item = &Link> {
        let places = self.by_name.get(measure).into_iter().flatten();
        places.filter_map(|place| self.links.get(*place))
    }

    /// What a measure answers, as far as it can have done so by then; in alphabetical order.
    pub(crate) fn answers(&self, measure: &str, to: Instant) -> Vec<String> {
        let links = self.links_of(measure);
        let links = links.filter(|link| link.from == measure && link.earliest <= to);
        links.map(|link| link.to.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What can have answered a measure by then; in alphabetical order.
    pub(crate) fn answered_by(&self, measure: &str, to: Instant) -> Vec<String> {
        let links = self.links_of(measure);
        let links = links.filter(|link| link.to == measure && link.earliest <= to);
        links.map(|link| link.from.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The earliest moments at which measures, and each report of their steps, can have happened.
struct Earliest<'s> {
    measures: BTreeMap<&'s str, Instant>,
    reports: BTreeMap<u64, Instant>,
}

impl<'s> Earliest<'s> {
    fn of(steps: &BTreeMap<&'s str, Vec<Step<'_>>>) -> Self {
        let mut all = Self { measures: BTreeMap::new(), reports: BTreeMap::new() };
        for (measure, step) in steps.iter().flat_map(|(id, all)| all.iter().map(|s| (*id, s))) {
            for earliest in step.places.iter().map(|place| place.span.earliest) {
                let known = all.measures.entry(measure).or_insert(earliest);
                *known = earliest.min(*known);
                for report in &step.rests_on {
                    let known = all.reports.entry(*report).or_insert(earliest);
                    *known = earliest.min(*known);
                }
            }
        }
        all
    }

    fn of_fact(&self, view: &View<'_>, fact: &Fact<'_>) -> Option<Instant> {
        match &fact.event.body {
            Body::Measure(_) => self.reports.get(&fact.seq).copied(),
            _ => Some(when_of(view, fact).span.earliest),
        }
    }

    /// Of the event or measure at the end of a link; `None` if it does not count.
    fn of_end(&self, view: &View<'_>, end: &End<'_>) -> Option<Instant> {
        match (end.seq, end.fact(view)) {
            (_, Some(fact)) => self.of_fact(view, fact),
            (Some(_), None) => None,
            (None, None) => self.measures.get(end.id).copied(),
        }
    }
}

/// What answers, or is answered, as an event names it.
struct End<'e> {
    id: &'e str,
    /// The number of the event that is meant; `None` if a measure is.
    seq: Option<u64>,
}

impl<'e> End<'e> {
    fn of(view: &View<'_>, id: &'e str, naming: &Fact<'_>, field: &str) -> Self {
        Self { id, seq: view.meant(id, naming.seq, field) }
    }

    fn fact<'v>(&self, view: &'v View<'_>) -> Option<&'v Fact<'v>> {
        view.fact(view.original_of(self.seq?))
    }

    /// A step of a measure stands for its measure, a duplicate for its original, anything else for itself.
    fn subject(&self, view: &View<'_>) -> String {
        let fact = self.fact(view);
        if let Some(Body::Measure(step)) = fact.map(|fact| &fact.event.body) {
            return step.measure.clone();
        }
        // One that was taken back is still what was meant.
        let Some(seq) = fact.map(|fact| fact.seq).or(self.seq) else { return self.id.to_owned() };
        let own = view.history().id_of(seq);
        // A measure may have the same name.
        if view.history().has_measure(&own) { id::of_seq(seq) } else { own }
    }
}
