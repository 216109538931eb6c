//! The timeline: what happened, in the order of its bounds.

use std::collections::{BTreeMap, BTreeSet};

use super::automaton::Act;
use super::placement::Reported;
use super::steps::all_steps;
use super::view::{Fact, View};
use super::worlds::worlds;
use crate::model::calendar::Instant;
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
/// order of their earliest bounds, then latest, then in log order; what is undated comes last. What was announced with
/// its date of effect stands there once that has, or may have, come, unless it was ended before.
pub fn timeline<'v>(view: &'v View<'v>) -> Vec<TimelineItem<'v>> {
    let to = view.clocks().to;
    let times = Times::of(view);
    let acts = view.facts().filter(|fact| fact.event.kind().is_act());
    let item = |fact: &'v Fact<'v>| {
        let reported = times.begun(fact, to)?;
        let may = !reported.span.happened_by(to);
        Some(TimelineItem { fact, span: reported.span, when: reported.text, may })
    };
    let mut items: Vec<TimelineItem<'v>> = acts.filter_map(item).collect();
    items.sort_by_key(|item| (item.when.is_none(), item.span, item.fact.seq));
    items
}

/// When the acts of a view happened: steps of measures where [`all_steps`] places them, all else by its own report and
/// its mentions.
#[derive(Debug)]
pub(crate) struct Times<'v> {
    view: &'v View<'v>,
    /// Of each event that reports a step, when that was.
    steps: BTreeMap<u64, Vec<Reported>>,
}

impl<'v> Times<'v> {
    pub(crate) fn of(view: &'v View<'v>) -> Self {
        let mut steps: BTreeMap<u64, Vec<Reported>> = BTreeMap::new();
        let (measures, _) = all_steps(view);
        let (to, zone) = (view.clocks().to, view.clocks().zone);
        for all in measures.values() {
            // What takes effect as announced does not, where it was ended before.
            let takes_effect = all.iter().any(|step| step.act == Act::TakeEffect);
            let void = if takes_effect { worlds(all, to, zone).void } else { BTreeSet::new() };
            let kept = all.iter().enumerate().filter(|(index, _)| !void.contains(index));
            for (_, step) in kept {
                let reported = Reported::at(&step.places, zone);
                for report in &step.rests_on {
                    steps.entry(*report).or_default().push(reported.clone());
                }
            }
        }
        Self { view, steps }
    }

    /// When an act happened: of what was announced with its date of effect the one, then the other; else one time.
    pub(crate) fn all_of(&self, fact: &Fact<'_>) -> Vec<Reported> {
        match &fact.event.body {
            Body::Measure(_) => self.steps.get(&fact.seq).cloned().unwrap_or_default(),
            _ => vec![when_of(self.view, fact)],
        }
    }

    /// The last of these times that has, or may have, come by then.
    pub(crate) fn begun(&self, fact: &Fact<'_>, to: Instant) -> Option<Reported> {
        let times = self.all_of(fact).into_iter();
        times.rev().find(|reported| !reported.span.not_yet(to))
    }
}

/// When an act that is no step of a measure happened, by its own report and its mentions. A date of effect in a mention
/// says nothing of it.
pub(crate) fn when_of(view: &View<'_>, fact: &Fact<'_>) -> Reported {
    let mentions = fact.mentions.iter().filter_map(|seq| view.fact(*seq));
    let reports = std::iter::once(fact).chain(mentions);
    let dates: Vec<&Edtf> = reports.filter_map(|report| report.event.when.as_ref()).collect();
    Reported::of(&dates, view.clocks().zone)
}
