//! What an answer rests on: the events without which it would not be what it is.
//!
//! These are the acts that the answer is folded from and everything that those refer to. A replay of them alone gives
//! the same answer (`an_answer_follows_from_what_it_rests_on`), so whoever holds them can check it. What they cannot
//! show is that no other event of the log bears on it: for that, see what `event_log::answer_proof` says of kinds.

use std::collections::BTreeSet;

use super::anomalies::anomalies;
use super::history::{Entry, History};
use super::view::View;
use crate::model::event::{Body, Event, RetractedBy};

/// The numbers of the events on which a view's measures, positions, disputes and anomalies rest.
pub fn rests_on(view: &View<'_>) -> BTreeSet<u64> {
    let history = view.history();
    let mut found: BTreeSet<u64> = BTreeSet::new();
    let mut next: Vec<u64> = Vec::new();
    for entry in history.entries() {
        let acts = matches!(
            entry.event().map(|event| &event.body),
            Some(
                Body::Measure(_)
                    | Body::Statement(_)
                    | Body::Mention(_)
                    | Body::Relation(_)
                    | Body::Correction(_)
                    | Body::Retraction(_)
            )
        );
        if acts && view.clocks().sees_recorded(entry.recorded_at) {
            next.push(entry.seq);
        }
    }
    let listed = anomalies(view).into_iter().flat_map(|anomaly| anomaly.events);
    next.extend(listed.filter_map(|id| history.seq_of(&id)));
    while let Some(seq) = next.pop() {
        // What came to have a name later than the clocks see is not what was named.
        let seen = history.entry(seq).filter(|e| view.clocks().sees_recorded(e.recorded_at));
        let Some(entry) = seen.filter(|_| found.insert(seq)) else { continue };
        if let Some(event) = entry.event() {
            next.extend(refers_to(event).filter_map(|name| history.seq_of(name.id)));
        }
        // What was corrected may refer to something else than at first.
        if let Some(fact) = view.report(seq) {
            next.extend(refers_to(&fact.event).filter_map(|name| history.seq_of(name.id)));
        }
    }
    found
}

/// The ids that events name, at first or as corrected, and that lead to nothing that can be read: in a whole log none, in
/// part of one those of what is withheld.
pub fn dangling(view: &View<'_>) -> BTreeSet<String> {
    let history = view.history();
    let events = history.entries().iter().filter_map(Entry::event);
    let named = events.chain(view.reports().map(|fact| &*fact.event)).flat_map(refers_to);
    let is_there = |name: &Name<'_>| {
        can_be_read(history, name.id) || name.or_measure && history.has_measure(name.id)
    };
    named.filter(|name| !is_there(name)).map(|name| name.id.to_owned()).collect()
}

fn can_be_read(history: &History, id: &str) -> bool {
    history.seq_of(id).and_then(|seq| history.entry(seq)?.event()).is_some()
}

/// What an event names.
struct Name<'e> {
    id: &'e str,
    /// Whether a measure may be meant. Measures have a name space of their own: one that is there shows of no event that it is.
    or_measure: bool,
}

/// What an event names.
fn refers_to(event: &Event) -> impl Iterator<Item = Name<'_>> {
    let mut ids: Vec<&str> = event.cites.iter().map(|cite| cite.source.as_str()).collect();
    ids.extend(event.according_to.iter().filter_map(|link| link.by.as_deref()));
    ids.extend(event.topic.as_deref());
    match &event.body {
        Body::Actor(actor) => ids.extend(actor.part_of.iter().map(|tenure| tenure.actor.as_str())),
        Body::Topic(topic) => ids.extend(topic.broader.iter().map(String::as_str)),
        Body::Contact(contact) => ids.extend(contact.participants.iter().map(String::as_str)),
        Body::Statement(said) => {
            let named = said.by.iter().chain(&said.to).chain(&said.on_behalf_of);
            ids.extend(named.map(String::as_str));
            ids.extend(said.contact.as_deref());
        }
        Body::Measure(step) => {
            ids.extend(step.by.iter().chain(&step.against).map(String::as_str));
        }
        Body::Mention(mention) => ids.push(&mention.of),
        Body::Correction(correction) => ids.push(&correction.of),
        Body::Retraction(retraction) => {
            ids.push(&retraction.of);
            if let RetractedBy::Duplicate(of) = &retraction.by {
                ids.push(of);
            }
        }
        // The ends of a relation are named below. What a note is about bears on no answer, even where the note is named by what
        // does.
        Body::Relation(_) | Body::Note(_) | Body::Source(_) | Body::Incident | Body::System(_) => {}
    }
    let events = ids.into_iter().map(|id| Name { id, or_measure: false });
    let or_measures = event.bears_on().into_iter();
    events.chain(or_measures.map(|(id, _)| Name { id, or_measure: true }))
}
