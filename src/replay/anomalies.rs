//! Nonsense in history: listed, never fatal.

use std::collections::{BTreeMap, BTreeSet};

use super::history::Entry;
use super::measures::measure_anomalies;
use super::terms::terms;
use super::view::View;
use crate::model::event::{Body, Event, RetractedBy};

/// Something in history that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anomaly {
    /// What is wrong.
    pub code: AnomalyCode,
    /// The measure it is about, if it is about one.
    pub measure: Option<String>,
    /// The ids of the events concerned.
    pub events: Vec<String>,
}

terms! {
    /// What is wrong with history.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum AnomalyCode {
        /// A measure ends that never began.
        EndOfNothing = "end_of_nothing",
        /// A measure ends that had ended.
        EndedTwice = "ended_twice",
        /// A measure is changed that never began.
        ChangeOfNothing = "change_of_nothing",
        /// A measure is changed that had ended.
        ChangeAfterEnd = "change_after_end",
        /// A measure is suspended that is neither in force nor announced.
        SuspensionOfNothing = "suspension_of_nothing",
        /// A measure is resumed that was not suspended.
        ResumedWithoutSuspension = "resumed_without_suspension",
        /// A measure is imposed that was in force already.
        ImposedTwice = "imposed_twice",
        /// Two events are said to report one act, but cannot: other kinds, measures or steps; other speakers or topics.
        SameActMismatch = "same_act_mismatch",
        /// A step has no date at all.
        Undated = "undated",
        /// A report of an act that does not count: retracted, erased or unknown.
        ReportOfNothing = "report_of_nothing",
        /// Every step of a measure was taken back.
        NothingLeft = "nothing_left",
        /// Something is said to answer, or to bear on, what was taken back.
        BearsOnNothing = "bears_on_nothing",
        /// A correction whose value the field cannot hold.
        CorrectionCannotApply = "correction_cannot_apply",
    }
}

impl AnomalyCode {
    /// What it means, in one sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Self::EndOfNothing => "a measure ends that never began",
            Self::EndedTwice => "a measure ends that had ended already",
            Self::ChangeOfNothing => "a measure is changed that never began",
            Self::ChangeAfterEnd => "a measure is changed after its end",
            Self::SuspensionOfNothing => "a measure is suspended that has no effect to suspend",
            Self::ResumedWithoutSuspension => "a measure is resumed that was not suspended",
            Self::ImposedTwice => "a measure is imposed that was in force already",
            Self::SameActMismatch => "two events are said to report one act, but cannot",
            Self::Undated => "a step of a measure has no date, so it may have happened at any time",
            Self::ReportOfNothing => "a further report of an act that does not count",
            Self::NothingLeft => "every step of a measure was taken back",
            Self::BearsOnNothing => "something is said to bear on what was taken back",
            Self::CorrectionCannotApply => "a correction gives a value that its field cannot hold",
        }
    }
}

/// What retractions leave behind: measures without a step, and references to what is gone.
fn after_retractions(view: &View<'_>) -> Vec<Anomaly> {
    let history = view.history();
    let mut gone: BTreeMap<u64, u64> = BTreeMap::new();
    let mut touched: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (seq, by) in view.struck() {
        let body = |seq: u64| history.entry(seq).and_then(Entry::event).map(|event| &event.body);
        // A duplicate is not gone: it is one more report of its original.
        let Some(Body::Retraction(retraction)) = body(*by) else { continue };
        if matches!(retraction.by, RetractedBy::Duplicate(_)) {
            continue;
        }
        gone.insert(*seq, *by);
        if let Some(Body::Measure(step)) = body(*seq) {
            touched.entry(&step.measure).or_default().insert(*by);
        }
    }
    let kept: BTreeSet<&str> = view
        .facts()
        .filter_map(|fact| match &fact.event.body {
            Body::Measure(step) => Some(step.measure.as_str()),
            _ => None,
        })
        .collect();
    let ids = |seqs: &BTreeSet<u64>| seqs.iter().map(|seq| history.id_of(*seq)).collect();
    // What the reported clock leaves out is not gone, only not yet told.
    let untold = |measure: &str| {
        let told = |seq: &u64| view.not_counted(*seq).is_some_and(|why| why.is_a_matter_of_time());
        history.steps_of(measure).iter().any(told)
    };
    touched.retain(|measure, _| !kept.contains(measure) && !untold(measure));
    let nothing_left = touched.iter().map(|(measure, retractions)| Anomaly {
        code: AnomalyCode::NothingLeft,
        measure: Some((*measure).to_owned()),
        events: ids(retractions),
    });
    let dangling = view.facts().flat_map(|fact| {
        let named = bears_on(&fact.event).into_iter().filter(|(id, field)| {
            match view.meant(id, fact.seq, field) {
                Some(seq) => gone.contains_key(&view.original_of(seq)),
                None => touched.contains_key(*id),
            }
        });
        let lost = named.map(|(id, _)| id);
        // Measures have a name space of their own.
        let successor = successor(&fact.event).filter(|id| touched.contains_key(*id));
        lost.chain(successor)
            .map(|id| Anomaly {
                code: AnomalyCode::BearsOnNothing,
                measure: None,
                events: vec![history.id_of(fact.seq), id.to_owned()],
            })
            .collect::<Vec<_>>()
    });
    nothing_left.chain(dangling).collect()
}

/// What an event is said to answer, to bear on, or to have been said in, each with the field that says so.
fn bears_on(event: &Event) -> Vec<(&str, &'static str)> {
    let mut named = event.bears_on();
    if let Body::Statement(said) = &event.body {
        named.extend(said.contact.iter().map(|id| (id.as_str(), "contact")));
    }
    named
}

/// The measure that a step says is in the place of its own.
fn successor(event: &Event) -> Option<&str> {
    match &event.body {
        Body::Measure(step) => step.superseded_by.as_deref(),
        _ => None,
    }
}

/// Everything in history, as it counts under the view's clocks, that cannot be right.
pub fn anomalies(view: &View<'_>) -> Vec<Anomaly> {
    let mut all = view.anomalies().to_vec();
    all.extend(measure_anomalies(view));
    all.extend(after_retractions(view));
    all.sort();
    all.dedup();
    all
}
