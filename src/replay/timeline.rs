//! The timeline: what happened, in the order of its bounds.

use super::placement::Reported;
use super::view::{Fact, View};
use crate::model::date::{Edtf, Span};
use crate::model::event::Body;

/// One act on the timeline.
#[derive(Debug)]
pub struct TimelineItem<'v> {
    /// The act, corrections applied.
    pub fact: &'v Fact<'v>,
    /// Its bounds.
    pub span: Span,
    /// Its date as reported, or the bounds that several reports leave. `None` if undated.
    pub when: Option<String>,
    /// Whether it may have happened after the date asked about.
    pub may: bool,
}

/// Every statement, measure step, incident and contact that has, or may have, happened by the view's date, in the
/// order of their earliest bounds, then latest, then in log order; what is undated comes last.
pub fn timeline<'v>(view: &'v View<'v>) -> Vec<TimelineItem<'v>> {
    let to = view.clocks().to;
    let mut items: Vec<TimelineItem<'v>> = view
        .facts()
        .filter(|fact| fact.event.kind().is_act())
        .map(|fact| item(view, fact))
        .filter(|item| !item.span.not_yet(to))
        .collect();
    items.sort_by_key(|item| (item.when.is_none(), item.span, item.fact.seq));
    items
}

fn item<'v>(view: &View<'_>, fact: &'v Fact<'v>) -> TimelineItem<'v> {
    let reported = when_of(view, fact);
    let may = !reported.span.happened_by(view.clocks().to);
    TimelineItem { fact, span: reported.span, when: reported.text, may }
}

/// When an act happened, by its own report and its mentions.
pub(crate) fn when_of(view: &View<'_>, fact: &Fact<'_>) -> Reported {
    let mentions = fact.mentions.iter().filter_map(|seq| view.fact(*seq));
    let dates: Vec<&Edtf> = date_of(fact).into_iter().chain(mentions.filter_map(date_of)).collect();
    Reported::of(&dates, view.clocks().zone)
}

/// The date of an act by one report: for a step of a measure `effective`, else `announced`, else `when`.
fn date_of<'v>(fact: &'v Fact<'_>) -> Option<&'v Edtf> {
    let when = fact.event.when.as_ref();
    match &fact.event.body {
        Body::Measure(step) => step.effective.as_ref().or(step.announced.as_ref()).or(when),
        Body::Mention(mention) => mention.effective.as_ref().or(when),
        _ => when,
    }
}
