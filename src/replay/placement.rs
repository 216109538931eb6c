//! Where on the valid clock an act stands, from one report or several.

use crate::model::calendar::{Instant, Zone};
use crate::model::date::{Edtf, Span};

/// One place on the valid clock where an act may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The bounds.
    pub(crate) span: Span,
    /// The date as its report wrote it, or the bounds that several reports leave.
    pub(crate) text: Option<String>,
    /// Whether both bounds are the same whole day or the same instant.
    pub(crate) single: bool,
}

impl Placement {
    /// What one report says.
    pub(crate) fn of(date: Option<&Edtf>, zone: Zone) -> Self {
        match date {
            Some(date) => {
                let span = date.span(zone);
                let single = date.single_day().is_some() || span.earliest == span.latest;
                Self { span, text: Some(date.as_str().to_owned()), single }
            }
            None => Self {
                span: Span { earliest: Instant::MIN, latest: Instant::MAX },
                text: None,
                single: false,
            },
        }
    }
}

/// When something happened, as all reports of it together leave it: one span, for what needs no alternatives.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    /// The bounds; of contradicting reports, those that hold them all.
    pub(crate) span: Span,
    /// The date as reported, or the bounds that several reports leave. `None` if undated.
    pub(crate) text: Option<String>,
    /// Whether reports give dates that cannot all be right.
    pub(crate) contradicted: bool,
    /// Whether a date is marked `?`.
    pub(crate) uncertain: bool,
    /// Whether a date is marked `~`.
    pub(crate) approximate: bool,
}

impl Reported {
    /// What these dates, one a report, leave.
    pub(crate) fn of(dates: &[&Edtf], zone: Zone) -> Self {
        Self {
            uncertain: dates.iter().any(|date| date.is_uncertain()),
            approximate: dates.iter().any(|date| date.is_approximate()),
            ..Self::at(&places(dates, zone), zone)
        }
    }

    /// What these places, of which one is right, leave; how sure their dates are is not told by them.
    pub(crate) fn at(places: &[Placement], zone: Zone) -> Self {
        let hull = places.iter().map(|place| place.span).reduce(Span::hull);
        let span = hull.unwrap_or(Placement::of(None, zone).span);
        let text = match places {
            [only] => only.text.clone(),
            _ => Some(span_text(span, zone)),
        };
        let contradicted = places.len() > 1;
        Self { span, text, contradicted, uncertain: false, approximate: false }
    }
}

/// Where the dates of several reports of one act leave it; one place without bounds if there are no dates.
pub(crate) fn places(dates: &[&Edtf], zone: Zone) -> Vec<Placement> {
    if dates.is_empty() {
        return vec![Placement::of(None, zone)];
    }
    combine(dates.iter().map(|date| Placement::of(Some(date), zone)).collect(), zone)
}

/// Where several reports of one act leave it. Overlapping bounds are intersected; bounds that do not overlap stay as
/// alternatives, so more than one answer means that the reports contradict one another.
///
/// Each alternative is what a largest set of reports, all of which can be true together, leaves in common.
fn combine(mut reports: Vec<Placement>, zone: Zone) -> Vec<Placement> {
    // An undated report says nothing where another is dated.
    if reports.iter().any(|report| report.text.is_some()) {
        reports.retain(|report| report.text.is_some());
    }
    // The common ground of a largest compatible set begins where one of its members begins.
    let mut alternatives: Vec<(Vec<usize>, Placement)> = Vec::new();
    for start in reports.iter().map(|report| report.span.earliest) {
        let members: Vec<usize> = reports
            .iter()
            .enumerate()
            .filter(|(_, r)| r.span.earliest <= start && r.span.latest >= start)
            .map(|(index, _)| index)
            .collect();
        let chosen = members.iter().filter_map(|index| reports.get(*index));
        if let Some(placement) = common(chosen, zone) {
            alternatives.push((members, placement));
        }
    }
    let sets: Vec<Vec<usize>> = alternatives.iter().map(|(members, _)| members.clone()).collect();
    let within = |small: &[usize], large: &[usize]| {
        small.len() < large.len() && small.iter().all(|member| large.contains(member))
    };
    alternatives.retain(|(members, _)| !sets.iter().any(|set| within(members, set)));
    let mut placements: Vec<Placement> = alternatives.into_iter().map(|(_, place)| place).collect();
    placements.sort_by_key(|placement| placement.span);
    placements.dedup_by_key(|placement| placement.span);
    placements
}

fn common<'p>(
    mut reports: impl Iterator<Item = &'p Placement> + Clone,
    zone: Zone,
) -> Option<Placement> {
    let all = reports.clone();
    let first = reports.next()?;
    let span = reports.try_fold(first.span, |span, report| span.intersect(report.span))?;
    // A report that says just this is quoted; otherwise the bounds are written out.
    match all.clone().find(|report| report.span == span) {
        Some(report) => Some(report.clone()),
        None => {
            Some(Placement { span, text: Some(span_text(span, zone)), single: is_day(span, zone) })
        }
    }
}

fn is_day(span: Span, zone: Zone) -> bool {
    let day = zone.day_of(span.earliest);
    span.earliest == span.latest
        || (zone.start_of(day) == span.earliest && zone.end_of(day) == span.latest)
}

/// Bounds as an EDTF text: a day, or an interval whose open ends are `..`.
pub(crate) fn span_text(span: Span, zone: Zone) -> String {
    let edge = |instant: Instant, whole_day: &dyn Fn(Instant) -> bool| {
        if instant == Instant::MIN || instant == Instant::MAX {
            "..".to_owned()
        } else if whole_day(instant) {
            zone.day_of(instant).to_string()
        } else {
            instant.to_string()
        }
    };
    let earliest = edge(span.earliest, &|at| zone.start_of(zone.day_of(at)) == at);
    let latest = edge(span.latest, &|at| zone.end_of(zone.day_of(at)) == at);
    if earliest == latest { earliest } else { format!("{earliest}/{latest}") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    /// What several reports, written `a; b`, leave, written the same way.
    #[track_caller]
    fn check(reports: &str, left: &str) {
        let placements = reports
            .split("; ")
            .map(|date| Placement::of(Some(&Edtf::parse(date).unwrap()), Zone::UTC))
            .collect();
        let combined = combine(placements, Zone::UTC);
        let found: Vec<_> = combined.into_iter().map(|p| p.text.unwrap()).collect();
        assert_eq!(found.join("; "), left, "{reports}");
    }

    #[test]
    fn overlapping_bounds_are_intersected_and_others_kept_apart() {
        check("2025-04-23", "2025-04-23");
        check("2025-04-23/2025-05-01; 2025-04-24", "2025-04-24");
        check("2025-04-20/2025-04-24; 2025-04-23/2025-05-01", "2025-04-23/2025-04-24");
        check("2025-04; 2025-04-20/..", "2025-04-20/2025-04-30");
        check("2025-04-23; 2025-04-25", "2025-04-23; 2025-04-25");
        check(
            "2025-04-01/2025-04-05; 2025-04-04/2025-04-08; 2025-04-07/2025-04-10",
            "2025-04-04/2025-04-05; 2025-04-07/2025-04-08",
        );
        check("2025-04-23; 2025-04-25; 2025-04-23", "2025-04-23; 2025-04-25");
    }
}
