//! Ids and terms as people read them.

use crate::model::event::{Attribution, Body};
use crate::replay::measures::{MeasureAnswer, Status};
use crate::replay::{NotCounted, View};

/// The name of an actor, the title of a source, or the id.
pub(crate) fn name_of(view: &View<'_>, id: &str) -> String {
    let known = match view.fact_by_id(id).map(|fact| &fact.event.body) {
        Some(Body::Actor(actor)) => actor.name.clone(),
        Some(Body::Source(source)) => source.title.clone(),
        Some(Body::Topic(topic)) => topic.name.clone(),
        _ => None,
    };
    known.unwrap_or_else(|| id.to_owned())
}

/// The title of a source that a passage cites, or its id. The words stand in this source, whatever it is a duplicate of.
pub(crate) fn title_of(view: &View<'_>, id: &str) -> String {
    let history = view.history();
    let event = history.seq_of(id).and_then(|seq| match view.report(seq) {
        Some(report) => Some(&*report.event),
        None => history.entry(seq)?.event(),
    });
    let title = match event.map(|event| &event.body) {
        Some(Body::Source(source)) => source.title.clone(),
        _ => None,
    };
    title.unwrap_or_else(|| id.to_owned())
}

/// The names of several, joined.
pub(crate) fn names_of(view: &View<'_>, ids: &[String]) -> String {
    ids.iter().map(|id| name_of(view, id)).collect::<Vec<_>>().join(", ")
}

/// So many of something: `1 event`, `2 events`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// A term as words.
pub(crate) fn words(term: &str) -> String {
    term.replace('_', " ")
}

/// Text from the log, fit to be shown.
pub(crate) fn shown(text: &str) -> String {
    crate::model::text::visible(text).into_owned()
}

/// Where a measure stands, with all outcomes where that is not known.
pub(crate) fn standing(answer: Option<&MeasureAnswer>) -> String {
    let Some(answer) = answer else { return "nothing that counts is reported of it".to_owned() };
    match answer.status {
        Status::Unknown => format!("unknown: {}", outcomes(&answer.outcomes)),
        known => words(known.as_str()),
    }
}

/// Several outcomes, of which one is right.
pub(crate) fn outcomes(outcomes: &[Status]) -> String {
    outcomes.iter().map(|outcome| outcome_words(*outcome)).collect::<Vec<_>>().join(" or ")
}

/// One outcome.
pub(crate) fn outcome_words(outcome: Status) -> String {
    match outcome {
        Status::None => "not yet".to_owned(),
        other => words(other.as_str()),
    }
}

/// Why an event does not count.
pub(crate) fn why_not(view: &View<'_>, why: NotCounted) -> String {
    match why {
        NotCounted::RecordedLater => "the log took it in later".to_owned(),
        NotCounted::ReportedLater => "it was reported later".to_owned(),
        NotCounted::NoReportedTime => {
            "it cites nothing whose date of publication is known".to_owned()
        }
        NotCounted::Retracted { by } => retracted(view, by),
    }
}

/// What a retraction says: withdrawn by its source, taken back by us, and a duplicate are three different things.
pub(crate) fn retracted(view: &View<'_>, by: u64) -> String {
    use crate::model::event::RetractedBy;
    let id = view.history().id_of(by);
    let event = view.history().entry(by).and_then(|entry| entry.event());
    let Some(Body::Retraction(retraction)) = event.map(|event| &event.body) else {
        return format!("taken back ({id})");
    };
    let what = match &retraction.by {
        RetractedBy::Source => "withdrawn by its source".to_owned(),
        RetractedBy::Recorder => {
            "taken back by the keeper of this log, as recorded in error".to_owned()
        }
        RetractedBy::Duplicate(of) => {
            let history = view.history();
            let event = history.seq_of(&retraction.of).and_then(|seq| history.entry(seq)?.event());
            let is_act = event.is_some_and(|event| event.kind().is_act());
            let added = if is_act { ", to which its passages are added" } else { "" };
            format!("a duplicate of {of}{added}")
        }
    };
    let why = retraction.why.as_ref().map(|why| format!(": {}", shown(why))).unwrap_or_default();
    format!("{what} ({id}{why})")
}

/// Whoever vouches for it, one a report; the speaker's own word needs nobody.
pub(crate) fn on_whose_word(view: &View<'_>, chains: &[Vec<Attribution>]) -> String {
    if chains.is_empty() {
        return "on their own word".to_owned();
    }
    let told = chains.iter().map(|chain| {
        let links = chain.iter().map(|link| {
            let how = link.how.as_ref().map(|how| words(how.as_str()));
            match (&link.by, how) {
                (Some(by), Some(how)) => format!("{} ({how})", name_of(view, by)),
                (Some(by), None) => name_of(view, by),
                (None, Some(how)) => format!("nobody named ({how})"),
                (None, None) => "nobody named".to_owned(),
            }
        });
        links.collect::<Vec<_>>().join(" ← ")
    });
    format!("on the word of {}", told.collect::<Vec<_>>().join("; and of "))
}
