//! Responses: which measures and events answer which, by `responds_to` and by relations.

use std::collections::BTreeSet;

use super::timeline::when_of;
use super::view::{Fact, View};
use crate::model::calendar::Instant;
use crate::model::event::Body;
use crate::model::vocabulary::RelationType;

/// Who answers whom, under a view's clocks.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    links: Vec<Link>,
}

/// One thing answers another. A step of a measure stands for its measure.
#[derive(Debug)]
struct Link {
    from: String,
    to: String,
    /// The earliest moment at which the answer can have been given.
    earliest: Instant,
}

impl Responses {
    pub(crate) fn of(view: &View<'_>) -> Self {
        let mut links = Vec::new();
        for fact in view.facts() {
            match &fact.event.body {
                Body::Measure(step) => {
                    let earliest = when_of(view, fact).span.earliest;
                    links.extend(step.responds_to.iter().map(|to| Link {
                        from: step.measure.clone(),
                        to: subject(view, to),
                        earliest,
                    }));
                }
                Body::Relation(relation)
                    if matches!(
                        relation.kind,
                        RelationType::RespondsTo | RelationType::Retaliates
                    ) =>
                {
                    let answering = view.fact_by_id(&relation.from);
                    links.push(Link {
                        from: subject(view, &relation.from),
                        to: subject(view, &relation.to),
                        earliest: answering
                            .map_or(Instant::MIN, |fact| when_of(view, fact).span.earliest),
                    });
                }
                _ => {}
            }
        }
        Self { links }
    }

    /// What a measure answers, as far as it can have done so by then; in alphabetical order.
    pub(crate) fn answers(&self, measure: &str, to: Instant) -> Vec<String> {
        let links = self.links.iter().filter(|link| link.from == measure && link.earliest <= to);
        links.map(|link| link.to.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What can have answered a measure by then; in alphabetical order.
    pub(crate) fn answered_by(&self, measure: &str, to: Instant) -> Vec<String> {
        let links = self.links.iter().filter(|link| link.to == measure && link.earliest <= to);
        links.map(|link| link.from.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// A step of a measure stands for its measure; anything else for itself.
fn subject(view: &View<'_>, id: &str) -> String {
    match view.fact_by_id(id).map(|fact: &Fact<'_>| &fact.event.body) {
        Some(Body::Measure(step)) => step.measure.clone(),
        _ => id.to_owned(),
    }
}
