//! What bears on an answer: from all events of a log, the few that must be held to give it.
//!
//! Nearly all events of a large log are statements to which nothing else refers, and of those of an actor on a topic
//! only the last matter. So a [`Gathering`] looks at every event, in any order and in several threads, and holds whole
//! only those of other kinds. Of the plain statements it keeps numbers and bounds:
//!
//! - One that ended before another began, which has happened by the date asked about, is not current; so is one that
//!   had not been made. Neither is held.
//! - One that another event names (corrects, retracts, mentions, relates), or whose contact may have been taken back, is
//!   *touched*: what it says now is for [`View`] to find. It is held whole, and takes no other's place here. What a left
//!   out one would have superseded is superseded by a held one, too: by the one that left it out.
//! - By the reported clock one counts whose sources were published in time; how many do not is counted.
//!
//! Incidents and notes are held where something names them. Names may stand before and behind what they name, so where
//! there are any that lead to no held event, where anything is taken back, and by the reported clock, a second pass looks
//! at the statements, incidents and notes again. Whoever keeps [`Row`]s, and an index of names, looks them up instead.
//!
//! The history that comes of it answers as the whole one does, measures, current positions, disputes, anomalies and what
//! was left out, *under the clocks it was gathered for* (`what_bears_on_an_answer_gives_it`). It takes for granted that
//! no two events have one id, as append sees to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::clocks::Clocks;
use super::history::{Content, Entry, History};
use super::view::{LeftOut, NotCounted, View};
use crate::model::calendar::Instant;
use crate::model::date::Span;
use crate::model::event::{Body, Event, RetractedBy};
use crate::model::id;
use crate::model::schema::Kind;
use crate::model::value::Value;

mod dates;
mod glance;
mod names;
mod pairs;
mod rows;

use dates::Dates;
use glance::{Glance, text};
use names::Names;
use pairs::Pairs;

pub use rows::{Block, Pair, Plain, ROW_BYTES, Row, Rows, Run, current, pair_of};

/// Reads a payload as an event of the kind that its header names.
pub type Read = fn(&[u8], &str) -> Content;

/// One event as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'e> {
    /// Its number.
    pub seq: u64,
    /// When the log took it in.
    pub recorded_at: Instant,
    /// The name of its kind, as its header gives it.
    pub kind: &'e str,
    /// Its payload in canonical JSON; `None` if it is not there.
    pub payload: Option<&'e [u8]>,
}

/// Looks at events; one a thread, merged when all have been looked at.
#[derive(Debug)]
pub struct Gathering {
    clocks: Clocks,
    read: Read,
    /// What the first pass found; `None` in the first pass.
    known: Option<Arc<Known>>,
    /// Whether there will be another pass in any case, so that statements need no look in this one.
    is_for_names: bool,
    size: u64,
    held: Vec<Entry>,
    left_out: LeftOut,
    wanted: Vec<u64>,
    standing: Standing,
    dates: Dates,
}

/// What is held after one pass, and what else must be.
#[derive(Debug)]
pub struct Held {
    clocks: Clocks,
    read: Read,
    known: Arc<Known>,
    history: History,
    standing: Vec<u64>,
}

/// What the held events say of those that were only looked at.
#[derive(Debug, Default)]
pub struct Known {
    /// The ids that held events name and that none of them has.
    ids: Names,
    /// The numbers that held events name, of events that are not held.
    seqs: BTreeSet<u64>,
    /// Everything that is taken back, by each of its names.
    taken_back: BTreeSet<String>,
    /// The names of contacts that nothing takes back.
    contacts: BTreeSet<String>,
    /// By the reported clock: when each source was published.
    published: Option<BTreeMap<String, Instant>>,
}

/// The numbers of everything that must be held, once it is known.
#[derive(Debug)]
pub struct Bearing {
    clocks: Clocks,
    history: History,
    wanted: Vec<u64>,
}

impl Gathering {
    /// Looks for what bears on an answer under these clocks.
    pub fn new(clocks: Clocks, read: Read) -> Self {
        Self::pass(clocks, read, None)
    }

    fn pass(clocks: Clocks, read: Read, known: Option<Arc<Known>>) -> Self {
        Self {
            clocks,
            read,
            is_for_names: known.is_none() && clocks.reported_by.is_some(),
            known,
            size: 0,
            held: Vec::new(),
            left_out: LeftOut::default(),
            wanted: Vec::new(),
            standing: Standing::default(),
            dates: Dates::new(clocks.zone),
        }
    }

    /// Looks at one event.
    pub fn look(&mut self, event: Stored<'_>) {
        self.size = self.size.max(event.seq.saturating_add(1));
        // Taken out and put back: to count its holders anew for each event would have threads wait for one another.
        match self.known.take() {
            None => self.look_first(event),
            Some(known) => {
                self.look_again(event, &known);
                self.known = Some(known);
            }
        }
    }

    /// Passes over the events up to this number: what of them bears on the answer is looked up elsewhere.
    pub fn pass_over(&mut self, up_to: u64) {
        self.size = self.size.max(up_to);
    }

    fn look_first(&mut self, event: Stored<'_>) {
        let seen = self.clocks.sees_recorded(event.recorded_at);
        if let Some(payload) = event.payload
            && is_held(event.kind)
        {
            let content = (self.read)(payload, event.kind);
            if let Some(read) = content.event() {
                self.is_for_names |= seen && read.kind() == Kind::Retraction;
                let (seq, recorded_at) = (event.seq, event.recorded_at);
                self.held.push(Entry { seq, recorded_at, content });
                return;
            }
        }
        match event.payload {
            _ if !seen => self.left_out.count(NotCounted::RecordedLater),
            None => self.left_out.absent = self.left_out.absent.saturating_add(1),
            Some(payload) if event.kind == STATEMENT && !self.is_for_names => {
                self.with_glance(payload, |gathering, glance, span| {
                    gathering.standing.stand(glance, span, event.seq, gathering.clocks.to);
                });
            }
            Some(_) => {}
        }
    }

    fn look_again(&mut self, event: Stored<'_>, known: &Known) {
        if is_held(event.kind) {
            return;
        }
        let Some(payload) = event.payload else { return };
        let seen = self.clocks.sees_recorded(event.recorded_at);
        if known.seqs.contains(&event.seq) || (!seen && known.ids.is_empty()) {
            return;
        }
        if event.kind != STATEMENT {
            let content = (self.read)(payload, event.kind);
            let Some(read) = content.event() else { return };
            if read.id.as_ref().is_some_and(|id| known.ids.contains(id.as_bytes())) {
                self.wanted.push(event.seq);
            } else if seen && !read.kind().is_system() {
                let cites = |see: &mut dyn FnMut(&str)| {
                    read.cites.iter().for_each(|cite| see(&cite.source));
                };
                self.is_reported(known, cites);
            }
            return;
        }
        self.with_glance(payload, |gathering, glance, span| {
            if known.touches(glance.id, glance.contact.filter(|_| seen)) {
                gathering.wanted.push(event.seq);
            } else if seen && gathering.is_reported(known, |see| glance.each_source(see)) {
                gathering.standing.stand(glance, span, event.seq, gathering.clocks.to);
            }
        });
    }

    /// Shows what a statement says and its bounds, at a glance or after a full reading.
    fn with_glance(&mut self, payload: &[u8], see: impl FnOnce(&mut Self, &Glance<'_>, Span)) {
        if let Some(glance) = Glance::at(payload)
            && let Some(span) = self.dates.span(glance.when)
        {
            return see(self, &glance, span);
        }
        let content = (self.read)(payload, STATEMENT);
        if let Some(glance) = content.event().and_then(Glance::of)
            && let Some(span) = self.dates.span(glance.when)
        {
            see(self, &glance, span);
        }
    }

    /// Whether an event that cites these sources counts by the reported clock; if not, it is counted.
    fn is_reported(&mut self, known: &Known, cites: impl FnOnce(&mut dyn FnMut(&str))) -> bool {
        let (Some(by), Some(published)) = (self.clocks.reported_by, &known.published) else {
            return true;
        };
        let mut first: Option<Instant> = None;
        cites(&mut |source| {
            if let Some(at) = published.get(source) {
                first = Some(first.map_or(*at, |first| first.min(*at)));
            }
        });
        match first {
            Some(first) if first <= by => return true,
            Some(_) => self.left_out.count(NotCounted::ReportedLater),
            None => self.left_out.count(NotCounted::NoReportedTime),
        }
        false
    }

    /// Takes over what another thread found in the same pass.
    pub fn merge(&mut self, other: Self) {
        self.size = self.size.max(other.size);
        self.held.extend(other.held);
        self.left_out.add(other.left_out);
        self.wanted.extend(other.wanted);
        self.standing.merge(other.standing);
    }

    /// What is held after the first pass.
    pub fn held(self) -> Held {
        let mut history = history(self.held, self.size);
        history.count_passed_over(self.left_out);
        Held {
            clocks: self.clocks,
            read: self.read,
            known: Arc::new(Known::of(&history, self.clocks)),
            history,
            standing: self.standing.seqs(),
        }
    }
}

impl Held {
    /// Whether it takes another look at the statements, incidents and notes to know which of them must be held.
    pub fn needs_another_pass(&self) -> bool {
        let known = &self.known;
        let plain = known.ids.is_empty() && known.seqs.is_empty() && known.taken_back.is_empty();
        !plain || known.published.is_some()
    }

    /// Begins another pass; one a thread.
    pub fn again(&self) -> Gathering {
        Gathering::pass(self.clocks, self.read, Some(Arc::clone(&self.known)))
    }

    /// What was named, for whoever can look names up without another pass.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// What bears on the answer, where no other pass is needed ([`Held::needs_another_pass`]); where one is, too little.
    pub fn bearing(mut self) -> Bearing {
        let standing = std::mem::take(&mut self.standing);
        self.bearing_with(standing, LeftOut::default())
    }

    /// The same, after another pass.
    pub fn after(self, again: Gathering) -> Bearing {
        let mut wanted = again.wanted;
        wanted.extend(again.standing.seqs());
        self.bearing_with(wanted, again.left_out)
    }

    /// The same, where the last events were looked at again, and of all before them those that can be current, or are
    /// named, were looked up.
    pub fn after_looking_up(
        self,
        again: Gathering,
        looked_up: impl IntoIterator<Item = u64>,
        mut left_out: LeftOut,
    ) -> Bearing {
        left_out.add(again.left_out);
        let mut wanted = again.wanted;
        wanted.extend(again.standing.seqs());
        wanted.extend(looked_up);
        self.bearing_with(wanted, left_out)
    }

    /// The same, where the statements that can be current, and all else that the held events name, were looked up;
    /// `left_out` is added to what the first pass counted.
    pub fn bearing_with(self, wanted: impl IntoIterator<Item = u64>, left_out: LeftOut) -> Bearing {
        let Self { clocks, known, mut history, .. } = self;
        let named = known.seqs.iter().copied().filter(|seq| *seq < history.size());
        let wanted: BTreeSet<u64> = wanted.into_iter().chain(named).collect();
        let wanted = wanted.into_iter().filter(|seq| history.entry(*seq).is_none()).collect();
        let mut all = history.passed_over();
        all.add(left_out);
        history.count_passed_over(all);
        Bearing { clocks, history, wanted }
    }
}

impl Known {
    fn of(history: &History, clocks: Clocks) -> Self {
        let mut known = Self::default();
        let mut ids = BTreeSet::new();
        let mut retracted = BTreeSet::new();
        let seen = history.entries().iter().filter(|e| clocks.sees_recorded(e.recorded_at));
        for event in seen.filter_map(Entry::event) {
            for name in names(event) {
                match (history.seq_of(name), id::seq_of(name)) {
                    (Some(_), _) => {}
                    (None, Some(seq)) => drop(known.seqs.insert(seq)),
                    (None, None) => drop(ids.insert(name.to_owned())),
                }
            }
            let Body::Retraction(retraction) = &event.body else { continue };
            known.taken_back.insert(retraction.of.clone());
            let Some(seq) = history.seq_of(&retraction.of) else { continue };
            retracted.insert(seq);
            known.taken_back.extend([id::of_seq(seq), history.id_of(seq)]);
            let of = history.entry(seq).and_then(Entry::event);
            if let Some(Body::Measure(step)) = of.map(|event| &event.body) {
                known.taken_back.insert(step.measure.clone());
            }
        }
        if !known.taken_back.is_empty() {
            let contacts = history.entries().iter().filter(|entry| {
                let kind = entry.event().map(Event::kind);
                kind == Some(Kind::Contact) && !retracted.contains(&entry.seq)
            });
            let names = contacts.flat_map(|e| [id::of_seq(e.seq), history.id_of(e.seq)]);
            known.contacts = names.collect();
        }
        known.ids = Names::of(ids);
        known.published = clocks.reported_by.map(|_| View::published(history, clocks));
        known
    }

    /// The ids that are named and not found among the held events, in alphabetical order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter()
    }

    /// The numbers that are named and are not of held events.
    pub fn seqs(&self) -> impl Iterator<Item = u64> {
        self.seqs.iter().copied()
    }

    /// Everything that is taken back, by each name that is known of it. Statements that give one of these as their
    /// contact are touched; of what is not held, its other name (its id, or `@` and its number) must be added.
    pub fn taken_back(&self) -> impl Iterator<Item = &str> {
        self.taken_back.iter().map(String::as_str)
    }

    /// Whether something else bears on a statement of this id, in this contact.
    fn touches(&self, id: Option<&[u8]>, contact: Option<&[u8]>) -> bool {
        id.is_some_and(|id| self.ids.contains(id))
            || contact.is_some_and(|contact| {
                !self.taken_back.is_empty() && !self.contacts.contains(text(contact))
            })
    }
}

impl Bearing {
    /// The numbers of the events that are still to be read, in order.
    pub fn wanted(&self) -> &[u64] {
        &self.wanted
    }

    /// The history that gives the answer, with what was wanted.
    pub fn history(self, read: impl IntoIterator<Item = Entry>) -> History {
        let Self { clocks, history: held, wanted: _ } = self;
        let (size, mut left_out) = (held.size(), held.passed_over());
        let mut entries = held.into_entries();
        for entry in read {
            // It was counted when it was passed over, and is counted again now that it is held.
            if !clocks.sees_recorded(entry.recorded_at) {
                left_out.recorded_later = left_out.recorded_later.saturating_sub(1);
            } else if entry.content == Content::Absent {
                left_out.absent = left_out.absent.saturating_sub(1);
            }
            entries.push(entry);
        }
        let mut history = history(entries, size);
        history.count_passed_over(left_out);
        history
    }
}

const STATEMENT: &str = "statement";

/// Whether events of this kind are held whole: they may bear on anything, and are few.
fn is_held(kind: &str) -> bool {
    if kind == STATEMENT {
        return false;
    }
    match Kind::parse(kind) {
        Some(Kind::Statement | Kind::Incident | Kind::Note) | None => false,
        // The first event says when the log began.
        Some(kind) => kind == Kind::Genesis || !kind.is_system(),
    }
}

/// A history of a log of this size that holds these events alone.
fn history(mut entries: Vec<Entry>, size: u64) -> History {
    entries.sort_by_key(|entry| entry.seq);
    let mut history = History::new();
    for entry in entries {
        history.pass_over(entry.seq);
        history.push(entry.recorded_at, entry.content);
    }
    history.pass_over(size);
    history
}

/// The fields of a measure, mention or relation by which it names other events.
const NAMING: &[&str] = &["from", "of", "responds_to", "to"];

/// The names by which an event can bear on a statement, an incident or a note.
fn names(event: &Event) -> Vec<&str> {
    match &event.body {
        Body::Measure(_) | Body::Relation(_) => {
            event.bears_on().into_iter().map(|(id, _)| id).collect()
        }
        Body::Mention(mention) => vec![&mention.of],
        Body::Correction(correction) => {
            let mut names = vec![correction.of.as_str()];
            // It may correct what another event names.
            if NAMING.contains(&correction.field.as_str()) {
                add_texts(&correction.to, &mut names);
            }
            names
        }
        Body::Retraction(retraction) => match &retraction.by {
            RetractedBy::Duplicate(of) => vec![&retraction.of, of],
            RetractedBy::Source | RetractedBy::Recorder => vec![&retraction.of],
        },
        _ => Vec::new(),
    }
}

fn add_texts<'v>(value: &'v Value<'_>, texts: &mut Vec<&'v str>) {
    match value {
        Value::Text(text) => texts.push(text),
        Value::List(items) => items.iter().for_each(|item| add_texts(item, texts)),
        Value::Object(object) => object.iter().for_each(|(_, value)| add_texts(value, texts)),
        Value::Null | Value::Bool(_) | Value::Integer(_) => {}
    }
}

/// The plain statements that can be current, by actor and topic.
#[derive(Debug, Default)]
struct Standing {
    pairs: Pairs,
    /// Those of each pair, at its place.
    stands: Vec<Stands>,
}

/// The plain statements of one actor on one topic.
#[derive(Debug)]
struct Stands {
    /// The greatest earliest bound of those that have happened.
    newest: Instant,
    /// The latest bound and number of those that can be current.
    all: Vec<(Instant, u64)>,
    /// They are sifted when they are so many.
    sift_at: usize,
}

/// So many are sifted at least.
const SIFT_MIN: usize = 64;

impl Standing {
    fn stand(&mut self, glance: &Glance<'_>, span: Span, seq: u64, to: Instant) {
        let Some(topic) = glance.topic.filter(|_| !span.not_yet(to)) else { return };
        glance.each_by(|actor| {
            if let Some(stands) = self.of_pair(actor, topic) {
                stands.add(span, seq, to);
            }
        });
    }

    fn of_pair(&mut self, actor: &[u8], topic: &[u8]) -> Option<&mut Stands> {
        let place = self.pairs.place(actor, topic);
        if place == self.stands.len() {
            self.stands.push(Stands::new());
        }
        self.stands.get_mut(place)
    }

    fn merge(&mut self, other: Self) {
        for ((actor, topic), stands) in other.pairs.iter().zip(other.stands) {
            if let Some(own) = self.of_pair(actor, topic) {
                own.merge(stands);
            }
        }
    }

    fn seqs(self) -> Vec<u64> {
        let stands = self.stands.into_iter().flat_map(|mut stands| {
            stands.sift();
            stands.all
        });
        stands.map(|(_, seq)| seq).collect()
    }
}

impl Stands {
    const fn new() -> Self {
        Self { newest: Instant::MIN, all: Vec::new(), sift_at: SIFT_MIN }
    }

    fn add(&mut self, span: Span, seq: u64, to: Instant) {
        if span.latest < self.newest {
            return;
        }
        if span.happened_by(to) {
            self.newest = self.newest.max(span.earliest);
        }
        self.all.push((span.latest, seq));
        if self.all.len() >= self.sift_at {
            self.sift();
        }
    }

    fn sift(&mut self) {
        let newest = self.newest;
        self.all.retain(|(latest, _)| *latest >= newest);
        self.sift_at = self.all.len().saturating_mul(2).max(SIFT_MIN);
    }

    fn merge(&mut self, other: Self) {
        self.newest = self.newest.max(other.newest);
        self.all.extend(other.all);
        self.sift();
    }
}
