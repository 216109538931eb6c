//! The life of a measure as a row of segments: from which day to which day its answer stays the same.
//!
//! The answer about the end of a day can differ from that about the day before only where a bound of a step, or a
//! stated end, lies in that day, but for what it answers and what answers it, which no segment is told by. Those days are looked at
//! and no others, so the segments are exact at any length. `segments_agree_with_asking_every_day` shows it.

use std::collections::BTreeSet;

use super::{MeasureAnswer, Measures};
use crate::model::calendar::{Day, Instant, Zone};
use crate::replay::view::View;

/// The life of one measure between two days.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureLife {
    /// The id of the measure.
    pub measure: String,
    /// What is said of it day by day, each segment after the one before it.
    pub segments: Vec<Segment>,
}

/// Days at whose ends the answer about a measure is the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The first of the days.
    pub first: Day,
    /// The last of the days.
    pub last: Day,
    /// What is answered at the end of the last of them; `None` if nothing can have happened yet. What varies within
    /// a segment is neither the status nor its outcomes.
    pub answer: Option<MeasureAnswer>,
}

/// The life of every measure that has one between two days, both included; by id.
pub fn lives(view: &View<'_>, first: Day, last: Day) -> Vec<MeasureLife> {
    let measures = Measures::of(view);
    let life = |measure: &str| MeasureLife {
        measure: measure.to_owned(),
        segments: measures.segments(measure, first, last),
    };
    let begun = |life: &MeasureLife| life.segments.iter().any(|segment| segment.answer.is_some());
    measures.ids().map(life).filter(begun).collect()
}

impl Measures<'_> {
    /// Every day at whose end the answer about a measure can differ from that at the end of the day before, but for what it
    /// answers and what answers it.
    pub(crate) fn turns(&self, measure: &str) -> BTreeSet<Day> {
        let zone = self.view.clocks().zone;
        let mut turns = BTreeSet::new();
        for step in self.steps(measure) {
            for place in &step.places {
                add(&mut turns, place.span.earliest, zone);
                add(&mut turns, place.span.latest, zone);
            }
            if let Some(ends) = step.until.as_ref().map(|until| until.ends(zone)) {
                add(&mut turns, after(ends.earliest), zone);
                add(&mut turns, after(ends.latest), zone);
            }
        }
        turns
    }

    /// The days from which on a measure has other answers than before, in this view or in another, but not in both.
    pub(crate) fn turns_of_responses(&self, other: &Self, measure: &str) -> BTreeSet<Day> {
        let mut turns = BTreeSet::new();
        for earliest in self.responses.turns_of_one(&other.responses, measure) {
            add(&mut turns, earliest, self.view.clocks().zone);
        }
        turns
    }

    /// The segments between two days, both included.
    fn segments(&self, measure: &str, first: Day, last: Day) -> Vec<Segment> {
        let zone = self.view.clocks().zone;
        let mut turns: BTreeSet<Day> =
            self.turns(measure).into_iter().filter(|day| first < *day && *day <= last).collect();
        turns.insert(first);
        let mut segments: Vec<Segment> = Vec::new();
        for day in turns {
            let answer = self.answer(measure, zone.end_of(day));
            if let Some(before) = segments.last_mut() {
                before.last = day.previous();
                if same_outcomes(before.answer.as_ref(), answer.as_ref()) {
                    before.answer = answer;
                    continue;
                }
            }
            segments.push(Segment { first: day, last, answer });
        }
        if let Some(end) = segments.last_mut() {
            end.last = last;
        }
        segments
    }
}

fn same_outcomes(a: Option<&MeasureAnswer>, b: Option<&MeasureAnswer>) -> bool {
    let outcomes = |answer: &MeasureAnswer| (answer.status, answer.outcomes.clone());
    a.map(outcomes) == b.map(outcomes)
}

/// The day of a bound, unless the bound is open.
fn add(turns: &mut BTreeSet<Day>, bound: Instant, zone: Zone) {
    if bound != Instant::MIN && bound != Instant::MAX {
        turns.insert(zone.day_of(bound));
    }
}

fn after(instant: Instant) -> Instant {
    Instant::from_micros(instant.micros().saturating_add(1))
}
