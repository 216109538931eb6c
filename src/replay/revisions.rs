//! Revisions: what the log took in that changed an answer it had already given.
//!
//! Events are taken in one append at a time. For each append, what could be answered just before it, about every day
//! up to then, is compared with what can be answered just after. Of a measure or statement that the log did not know
//! before, nothing is revised: that is news.

use std::collections::BTreeSet;

use super::clocks::Clocks;
use super::diff::{Change, MeasureChange, PositionChange, diff, revised_days};
use super::history::History;
use super::view::View;
use crate::model::calendar::{Instant, Zone};

/// What one append changed in past answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// The last moment before, of which the answers are compared.
    pub known_at: Instant,
    /// When it was taken in.
    pub recorded_at: Instant,
    /// The measures about which earlier days are answered differently since.
    pub measures: Vec<MeasureChange>,
    /// The positions answered differently since, as of the last moment before.
    pub positions: Vec<PositionChange>,
}

/// Every append that changed a past answer, in log order.
pub fn revisions(history: &History, zone: Zone) -> Vec<Revision> {
    let times: BTreeSet<Instant> =
        history.entries().iter().map(|entry| entry.recorded_at).collect();
    let times: Vec<Instant> = times.into_iter().collect();
    let mut revisions = Vec::new();
    for pair in times.windows(2) {
        let [known_at, recorded_at] = pair else { continue };
        let (before, after) = views(history, *known_at, *recorded_at, zone);
        let last = zone.day_of(*known_at);
        let was_known = |seq: u64| {
            let entry = history.entry(seq);
            entry.is_some_and(|entry| entry.recorded_at <= *known_at)
        };
        let known = |change: &MeasureChange| {
            history.steps_of(&change.measure).first().is_some_and(|seq| was_known(*seq))
        };
        let measures: Vec<MeasureChange> = revised_days(&before, &after)
            .into_iter()
            .filter(known)
            .filter_map(|change| change.up_to(last))
            .collect();
        let mut positions = diff(&before, &after).positions;
        positions.retain(|change| {
            change.change != Change::Appeared
                || history.seq_of(&change.event).is_some_and(was_known)
        });
        if !measures.is_empty() || !positions.is_empty() {
            revisions.push(Revision {
                known_at: *known_at,
                recorded_at: *recorded_at,
                measures,
                positions,
            });
        }
    }
    revisions
}

/// What counts about the last moment before an append, as it was known then, and as it was after the append.
fn views(
    history: &History,
    known_at: Instant,
    recorded_at: Instant,
    zone: Zone,
) -> (View<'_>, View<'_>) {
    let view = |recorded_by: Instant| {
        let clocks = Clocks { recorded_by: Some(recorded_by), ..Clocks::at(known_at, zone) };
        View::of(history, clocks)
    };
    (view(known_at), view(recorded_at))
}

impl Revision {
    /// The views that it compares: what counted before it, and after.
    pub fn views<'h>(&self, history: &'h History, zone: Zone) -> (View<'h>, View<'h>) {
        views(history, self.known_at, self.recorded_at, zone)
    }
}
