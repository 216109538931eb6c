//! Which events somebody wants to see: by actor, topic, kind, measure, time and text.
//!
//! An actor stands for all that are or ever were part of it, a topic for all narrower ones. Every condition must hold;
//! of several values of one condition any may. `timeline` and `list` share it.

use std::collections::BTreeSet;

use super::history::{Entry, History};
use super::membership::members_of;
use super::timeline::Times;
use super::view::{Fact, View};
use crate::model::calendar::Instant;
use crate::model::date::Span;
use crate::model::event::{Body, Event};
use crate::model::schema::Kind;

/// The conditions; an empty one holds of every event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Ids of actors: who spoke, to whom and for whom, who took a measure and against whom, who took part, who told it.
    pub actors: Vec<String>,
    /// Ids of topics.
    pub topics: Vec<String>,
    /// Kinds of event.
    pub kinds: Vec<Kind>,
    /// Ids of measures: their steps, and what refers to one.
    pub measures: Vec<String>,
    /// It may have happened then or later.
    pub from: Option<Instant>,
    /// It may have happened by then.
    pub to: Option<Instant>,
    /// It holds this text, in whatever case: in its id, title, name, summary, quotations, scope, reason or note.
    pub text: Option<String>,
}

/// A filter made ready for one view.
#[derive(Debug)]
pub struct Sieve<'v> {
    view: &'v View<'v>,
    filter: &'v Filter,
    actors: BTreeSet<String>,
    topics: BTreeSet<String>,
    /// If it is asked for a time.
    times: Option<Times<'v>>,
    /// In lower case.
    text: Option<String>,
}

/// A name in a filter that the log does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} {id:?} in the log")]
pub struct Unknown {
    /// An actor, a topic or a measure.
    pub what: &'static str,
    /// The name.
    pub id: String,
}

impl Filter {
    /// Checks its names against a log and makes it ready.
    pub fn on<'v>(&'v self, view: &'v View<'v>) -> Result<Sieve<'v>, Unknown> {
        let history = view.history();
        check_ids(history, "actor", &self.actors, Kind::Actor)?;
        check_ids(history, "topic", &self.topics, Kind::Topic)?;
        if let Some(id) = self.measures.iter().find(|id| !history.has_measure(id)) {
            return Err(Unknown { what: "measure", id: id.clone() });
        }
        let named = |ids: &[String], below: &dyn Fn(&View<'_>, &str) -> BTreeSet<String>| {
            let all = ids.iter().flat_map(|id| below(view, &view.stands_for(id)));
            view.with_duplicates(all.collect())
        };
        Ok(Sieve {
            view,
            filter: self,
            actors: named(&self.actors, &members_of),
            topics: named(&self.topics, &narrower),
            times: self.from.or(self.to).map(|_| Times::of(view)),
            text: self.text.as_ref().map(|text| text.to_lowercase()),
        })
    }
}

impl Sieve<'_> {
    /// Is this event wanted? What the view corrects is looked at as corrected.
    pub fn wants(&self, entry: &Entry) -> bool {
        let fact = self.view.fact(entry.seq);
        let Some(event) = fact.map(|fact| &*fact.event).or_else(|| entry.event()) else {
            return *self.filter == Filter::default();
        };
        let kinds = &self.filter.kinds;
        (kinds.is_empty() || kinds.contains(&event.kind()))
            && (self.actors.is_empty() || self.names_actor(fact, event))
            && (self.topics.is_empty() || self.names_topic(event))
            && (self.filter.measures.is_empty() || self.names_measure(entry.seq, event))
            && self.is_timely(entry, event)
            && self.text.as_ref().is_none_or(|text| holds_text(event, text))
    }

    /// Does it name an actor that is asked for, or rest on the word of one, in whichever report of it?
    fn names_actor(&self, fact: Option<&Fact<'_>>, event: &Event) -> bool {
        let any = |ids: &[String]| ids.iter().any(|id| self.actors.contains(id));
        let chains = match fact {
            Some(fact) => self.view.chains(fact),
            None => vec![event.according_to.clone()],
        };
        let mut told = chains.iter().flatten().filter_map(|link| link.by.as_ref());
        let own = match &event.body {
            Body::Actor(_) => event.id.as_ref().is_some_and(|id| self.actors.contains(id)),
            Body::Contact(contact) => any(&contact.participants),
            Body::Statement(said) => any(&said.by) || any(&said.to) || any(&said.on_behalf_of),
            Body::Measure(step) => any(&step.by) || any(&step.against),
            _ => false,
        };
        own || told.any(|id| self.actors.contains(id))
    }

    fn names_topic(&self, event: &Event) -> bool {
        let topic = match &event.body {
            Body::Topic(_) => event.id.as_ref(),
            _ => event.topic.as_ref(),
        };
        topic.is_some_and(|topic| self.topics.contains(topic))
    }

    /// Is it a step of a measure that is asked for, or does it name one, or a step of one or a duplicate of a step?
    fn names_measure(&self, seq: u64, event: &Event) -> bool {
        let view = self.view;
        let wanted = |measure: &str| self.filter.measures.iter().any(|known| known == measure);
        let is_step = |seq: u64| {
            let reported = view.report(seq).map(|fact| &*fact.event);
            let event = reported.or_else(|| view.history().entry(seq)?.event());
            matches!(event.map(|e| &e.body), Some(Body::Measure(step)) if wanted(&step.measure))
        };
        let of = |id: &str, field| match view.meant(id, seq, field) {
            Some(seq) => is_step(seq) || is_step(view.original_of(seq)),
            None => wanted(id),
        };
        let named_otherwise = match &event.body {
            Body::Measure(step) => {
                wanted(&step.measure) || step.superseded_by.as_deref().is_some_and(wanted)
            }
            Body::Mention(mention) => of(&mention.of, "of"),
            Body::Correction(correction) => of(&correction.of, "of"),
            Body::Retraction(retraction) => of(&retraction.of, "of"),
            Body::Note(note) => note.of.as_deref().is_some_and(|id| of(id, "of")),
            _ => false,
        };
        named_otherwise || event.bears_on().into_iter().any(|(id, field)| of(id, field))
    }

    fn is_timely(&self, entry: &Entry, event: &Event) -> bool {
        let Some(times) = &self.times else { return true };
        self.spans(times, entry, event).iter().any(|span| {
            self.filter.from.is_none_or(|from| span.latest >= from)
                && self.filter.to.is_none_or(|to| span.earliest <= to)
        })
    }

    /// When it happened, or a source was published; none if nothing is said of that.
    fn spans(&self, times: &Times<'_>, entry: &Entry, event: &Event) -> Vec<Span> {
        let zone = self.view.clocks().zone;
        if let Some(fact) = self.view.fact(entry.seq).filter(|fact| fact.event.kind().is_act()) {
            let dated = times.all_of(fact).into_iter().filter(|when| when.text.is_some());
            return dated.map(|when| when.span).collect();
        }
        let date = match &event.body {
            Body::Source(source) => source.published.as_ref(),
            _ => event.when.as_ref(),
        };
        date.map(|date| date.span(zone)).into_iter().collect()
    }
}

/// Checks that ids name events of a kind.
pub fn check_ids(
    history: &History,
    what: &'static str,
    ids: &[String],
    kind: Kind,
) -> Result<(), Unknown> {
    let is = |id: &String| {
        let entry = history.seq_of(id).and_then(|seq| history.entry(seq));
        entry.and_then(Entry::event).is_some_and(|event| event.kind() == kind)
    };
    match ids.iter().find(|id| !is(id)) {
        Some(id) => Err(Unknown { what, id: id.clone() }),
        None => Ok(()),
    }
}

/// A topic and all narrower ones.
fn narrower(view: &View<'_>, topic: &str) -> BTreeSet<String> {
    let mut topics = BTreeSet::from([topic.to_owned()]);
    loop {
        let before = topics.len();
        for fact in view.facts() {
            if let (Some(id), Body::Topic(known)) = (&fact.event.id, &fact.event.body)
                && known.broader.iter().any(|broader| topics.contains(broader))
            {
                topics.insert(id.clone());
            }
        }
        if topics.len() == before {
            return topics;
        }
    }
}

fn holds_text(event: &Event, text: &str) -> bool {
    let mut texts: Vec<&str> = event.cites.iter().filter_map(|c| c.quote.as_deref()).collect();
    texts.extend(event.id.as_deref());
    texts.extend(event.summary.as_deref());
    match &event.body {
        Body::Source(source) => {
            let about = [&source.title, &source.publisher, &source.url, &source.file];
            texts.extend(about.into_iter().filter_map(|field| field.as_deref()));
        }
        Body::Actor(actor) => {
            texts.extend(actor.name.as_deref());
            texts.extend(actor.aliases.iter().map(String::as_str));
        }
        Body::Topic(topic) => texts.extend(topic.name.as_deref()),
        Body::Measure(step) => {
            texts.push(&step.measure);
            texts.extend([&step.scope, &step.legal_basis].into_iter().filter_map(|f| f.as_deref()));
        }
        Body::Correction(correction) => texts.extend(correction.why.as_deref()),
        Body::Retraction(retraction) => texts.extend(retraction.why.as_deref()),
        Body::Note(note) => texts.extend(note.text.as_deref()),
        _ => {}
    }
    texts.into_iter().any(|field| field.to_lowercase().contains(text))
}
