//! Lag: how long after the fact the public could read it, and how long after that this log took it in; per source.
//!
//! Dates have bounds, so every lag has: the least and the most whole days that may lie between. A source that is
//! always late says little about the first days; a log that records late cannot say what was known early.

use std::collections::{BTreeMap, BTreeSet};

use super::timeline::Times;
use super::view::{Fact, View};
use crate::model::calendar::{Instant, Zone};
use crate::model::date::Span;
use crate::model::event::Body;

const DAY_MICROS: i64 = crate::model::calendar::DAY_MICROS;

/// How late one source, and the log after it, is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLag {
    /// The id of the source.
    pub source: String,
    /// When the public could read it, as reported.
    pub published: Option<String>,
    /// How many reports cite it or a duplicate of it: of statements, measure steps, incidents and contacts, mentions and
    /// duplicates among them.
    pub acts: u64,
    /// From the act to its publication.
    pub reported_minus_valid: Lags,
    /// From the publication to its record here.
    pub recorded_minus_reported: Lags,
}

/// Lags in whole days, each with its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lags {
    /// How many were measured.
    pub count: u64,
    /// How many could not be, since a date is missing or open.
    pub unknown: u64,
    /// The smallest: its bounds.
    pub least: Option<Bounds>,
    /// The one in the middle, by its lower bound, and by its upper one; of two the smaller.
    pub median: Option<Bounds>,
    /// The largest: its bounds.
    pub most: Option<Bounds>,
}

/// Between how many and how many whole days; negative if before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounds {
    /// At least.
    pub low: i64,
    /// At most.
    pub high: i64,
}

/// Lags as they were measured; `None` where a bound is open.
type Measured = Vec<Option<Bounds>>;

/// The lags of every source that some act cites, by the source's id.
pub fn lag<'v>(view: &'v View<'v>) -> Vec<SourceLag> {
    let zone = view.clocks().zone;
    let times = Times::of(view);
    let mut all: BTreeMap<String, (Measured, Measured)> = BTreeMap::new();
    for fact in view.facts() {
        let kind = fact.event.kind();
        if !kind.is_act() && !matches!(fact.event.body, Body::Mention(_)) {
            continue;
        }
        let Some(valid) = valid(&times, fact, zone) else { continue };
        let duplicates = fact.duplicates.iter().filter_map(|seq| view.report(*seq));
        for report in std::iter::once(fact).chain(duplicates) {
            let Some(entry) = view.history().entry(report.seq) else { continue };
            let recorded = Span { earliest: entry.recorded_at, latest: entry.recorded_at };
            let cited = report.event.cites.iter();
            let sources: BTreeSet<String> =
                cited.map(|cite| view.stands_for(&cite.source).into_owned()).collect();
            for source in sources {
                let published = published(view, &source);
                let (reported, taken_in) = all.entry(source).or_default();
                reported.push(published.and_then(|published| between(valid, published, zone)));
                taken_in.push(published.and_then(|published| between(published, recorded, zone)));
            }
        }
    }
    all.into_iter()
        .map(|(source, (reported, taken_in))| SourceLag {
            published: match view.fact_by_id(&source).map(|fact| &fact.event.body) {
                Some(Body::Source(source)) => {
                    source.published.as_ref().map(|date| date.as_str().to_owned())
                }
                _ => None,
            },
            acts: u64::try_from(reported.len()).unwrap_or(u64::MAX),
            reported_minus_valid: Lags::of(&reported),
            recorded_minus_reported: Lags::of(&taken_in),
            source,
        })
        .collect()
}

/// When an act happened, or was first made known; of a mention when it says that its act did.
fn valid(times: &Times<'_>, fact: &Fact<'_>, zone: Zone) -> Option<Span> {
    let effective = match &fact.event.body {
        Body::Mention(mention) => mention.effective.as_ref(),
        _ => None,
    };
    match effective {
        Some(date) => Some(date.span(zone)),
        None => times.all_of(fact).first().map(|reported| reported.span),
    }
}

fn published(view: &View<'_>, source: &str) -> Option<Span> {
    match view.fact_by_id(source).map(|fact| &fact.event.body) {
        Some(Body::Source(source)) => Some(source.published.as_ref()?.span(view.clocks().zone)),
        _ => None,
    }
}

/// The days from one span to another; `None` if a bound is open.
fn between(from: Span, to: Span, zone: Zone) -> Option<Bounds> {
    let low = days(from.latest, to.earliest, zone)?;
    let high = days(from.earliest, to.latest, zone)?;
    Some(Bounds { low, high })
}

fn days(from: Instant, to: Instant, zone: Zone) -> Option<i64> {
    let start = |instant: Instant| {
        let open = instant == Instant::MIN || instant == Instant::MAX;
        (!open).then(|| zone.start_of(zone.day_of(instant)).micros())
    };
    let apart = start(to)?.saturating_sub(start(from)?);
    // To the nearest: an hour more or less of daylight saving is no day.
    Some(apart.saturating_add(DAY_MICROS / 2).div_euclid(DAY_MICROS))
}

impl Lags {
    fn of(lags: &[Option<Bounds>]) -> Self {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let known: Vec<Bounds> = lags.iter().flatten().copied().collect();
        let sorted = |bound: fn(&Bounds) -> i64| {
            let mut all: Vec<i64> = known.iter().map(bound).collect();
            all.sort_unstable();
            all
        };
        let (lows, highs) = (sorted(|lag| lag.low), sorted(|lag| lag.high));
        let at = |index: usize| {
            let (low, high) = (lows.get(index)?, highs.get(index)?);
            Some(Bounds { low: *low, high: *high })
        };
        let last = known.len().checked_sub(1);
        Self {
            count: count(known.len()),
            unknown: count(lags.len().saturating_sub(known.len())),
            least: at(0),
            median: last.and_then(|last| at(last / 2)),
            most: last.and_then(at),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::model::date::Edtf;

    #[track_caller]
    fn check(from: &str, to: &str, low: i64, high: i64) {
        let span = |text: &str| Edtf::parse(text).unwrap().span(Zone::UTC);
        let found = between(span(from), span(to), Zone::UTC);
        assert_eq!(found, Some(Bounds { low, high }), "{from} to {to}");
    }

    #[test]
    fn a_lag_has_the_bounds_of_its_dates() {
        check("2025-04-30", "2025-05-01", 1, 1);
        check("2025-05-01", "2025-05-01", 0, 0);
        check("2025-04-23/2025-05-01", "2025-05-01", 0, 8);
        check("2025-05-08", "2025-05-01", -7, -7);
        check("2025-04-30T23:59:00Z", "2025-05-01T00:01:00Z", 1, 1);
    }

    #[test]
    fn a_day_that_daylight_saving_makes_shorter_or_longer_is_a_day() {
        let zone = Zone::from_name("America/New_York").unwrap();
        let span = |text: &str| Edtf::parse(text).unwrap().span(zone);
        for (from, to) in [("2025-03-09", "2025-03-10"), ("2025-11-02", "2025-11-03")] {
            let found = between(span(from), span(to), zone);
            assert_eq!(found, Some(Bounds { low: 1, high: 1 }), "{from}");
        }
    }

    #[test]
    fn the_middle_of_an_even_number_is_the_smaller() {
        let bounds = |low, high| Some(Bounds { low, high });
        let lags = Lags::of(&[bounds(0, 8), None, bounds(1, 1), bounds(3, 4), bounds(2, 2)]);
        assert_eq!((lags.count, lags.unknown), (4, 1));
        assert_eq!(lags.least, bounds(0, 1));
        assert_eq!(lags.median, bounds(1, 2));
        assert_eq!(lags.most, bounds(3, 8));
        assert_eq!(Lags::of(&[bounds(0, 0), bounds(1, 1), bounds(5, 5)]).median, bounds(1, 1));
    }
}
