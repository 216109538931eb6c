//! What counts under given clocks: corrections applied, retracted events left out, further reports gathered.
//!
//! The order in which things are decided:
//! 1. Only events recorded in time are seen.
//! 2. Corrections and retractions act from their own reported time; if they have none, from the day they were
//!    recorded. For this step the sources' `published`, and what is a duplicate of what, count as first recorded, so
//!    that a correction never decides about itself.
//! 3. From the last event to the first: an event is out if a retraction that is itself in takes it out
//!    ([`super::retractions`]).
//! 4. Of the corrections of one field that are in, the last recorded counts.
//! 5. What names a duplicate of an actor, a topic or a contact names its original. Passages alone stay those of the
//!    source that they were found in; of what day that is, its original says.
//! 6. Mentions, and events retracted as duplicates, are gathered as further reports of their act.
//! 7. With a reported clock, an event counts if one of the sources cited by it or by its further reports was
//!    published in time.
//! 8. Passages are given of sources that were not taken back; with a reported clock, of those published in time alone.
//!
//! Corrections, retractions and mentions name what was there before them. An event that came later under the same id, which
//! an erasure had set free, is another one (`what_was_said_of_an_erased_event_is_not_said_of_another`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::anomalies::{Anomaly, AnomalyCode};
use super::clocks::Clocks;
use super::history::{Content, Entry, History};
use super::retractions::{Named, Retractions};
use crate::model::calendar::{Instant, Zone};
use crate::model::event::{Attribution, Body, Cite, Event};
use crate::model::schema::Kind;

/// What counts under given clocks.
#[derive(Debug)]
pub struct View<'h> {
    history: &'h History,
    clocks: Clocks,
    facts: BTreeMap<u64, Fact<'h>>,
    /// What was retracted as a duplicate and is a further report of its original.
    duplicates: BTreeMap<u64, Fact<'h>>,
    retractions: Retractions<'h>,
    /// The corrections that are applied, and the retractions that take something out.
    acting: BTreeSet<u64>,
    unreported: BTreeMap<u64, NotCounted>,
    /// With a reported clock: the sources that were published in time.
    readable: Option<BTreeSet<String>>,
    rules: Rules,
    anomalies: Vec<Anomaly>,
}

/// By which rules a view answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Those of `docs/replay.md`.
    Present,
    /// Those before them, as the page lists what was otherwise: proofs of answers were made by them.
    Former,
}

/// One event that counts.
#[derive(Debug)]
pub struct Fact<'h> {
    /// Its number in the log.
    pub seq: u64,
    /// What it says, corrections applied.
    pub event: Cow<'h, Event>,
    /// The corrections that were applied, in log order.
    pub corrections: Vec<u64>,
    /// The retractions by which it is a duplicate, and actors, topics and contacts that it names stand for others, in log
    /// order.
    pub resolved_by: Vec<u64>,
    /// The mentions of it that count, in log order.
    pub mentions: Vec<u64>,
    /// The events that were retracted as its duplicates, in log order.
    pub duplicates: Vec<u64>,
}

/// How many events the clocks leave out, or cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// They cite nothing, or nothing whose date of publication is known.
    pub no_reported_time: u64,
    /// They were reported later.
    pub reported_later: u64,
    /// They are corrections or retractions that were reported later.
    pub corrections_reported_later: u64,
    /// Their content is not there: it was erased, or is withheld from this copy. What they said may bear on anything.
    pub absent: u64,
    /// They were recorded later.
    pub recorded_later: u64,
}

impl LeftOut {
    /// Counts one more event that is left out for this reason; a retracted one is not left out, but taken back.
    pub(crate) const fn count(&mut self, why: NotCounted) {
        let counter = match why {
            NotCounted::NoReportedTime => &mut self.no_reported_time,
            NotCounted::ReportedLater => &mut self.reported_later,
            NotCounted::RecordedLater => &mut self.recorded_later,
            NotCounted::Retracted { .. } => return,
        };
        *counter = counter.saturating_add(1);
    }

    /// Counts what was counted elsewhere.
    pub(crate) const fn add(&mut self, other: Self) {
        self.no_reported_time = self.no_reported_time.saturating_add(other.no_reported_time);
        self.reported_later = self.reported_later.saturating_add(other.reported_later);
        self.corrections_reported_later =
            self.corrections_reported_later.saturating_add(other.corrections_reported_later);
        self.absent = self.absent.saturating_add(other.absent);
        self.recorded_later = self.recorded_later.saturating_add(other.recorded_later);
    }
}

/// Why an event does not count under a view's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCounted {
    /// The log took it in later.
    RecordedLater,
    /// It cites nothing, or nothing whose date of publication is known.
    NoReportedTime,
    /// It was reported later.
    ReportedLater,
    /// The event of this number takes it back.
    Retracted {
        /// The retraction.
        by: u64,
    },
}

impl NotCounted {
    /// Whether it will count under later clocks, rather than never.
    pub const fn is_a_matter_of_time(self) -> bool {
        !matches!(self, Self::Retracted { .. })
    }
}

impl<'h> View<'h> {
    /// What counts of a history under these clocks.
    pub fn of(history: &'h History, clocks: Clocks) -> Self {
        Self::by_rules(Rules::Present, history, clocks)
    }

    /// The same, to be answered from by the rules before those of today, which proofs may have been made by.
    pub fn by_former_rules(history: &'h History, clocks: Clocks) -> Self {
        Self::by_rules(Rules::Former, history, clocks)
    }

    fn by_rules(rules: Rules, history: &'h History, clocks: Clocks) -> Self {
        let mut view = Self { rules, ..Self::before_reports(history, clocks) };
        if let Some(by) = clocks.reported_by {
            view.keep_reported(by);
        }
        view
    }

    /// When each source was published, as it counts under these clocks; those without a date are absent.
    pub(crate) fn published(history: &'h History, clocks: Clocks) -> BTreeMap<String, Instant> {
        let view = Self::before_reports(history, clocks);
        view.published_by_source()
    }

    /// These ids, and those of their duplicates.
    pub(crate) fn with_duplicates(&self, mut ids: BTreeSet<String>) -> BTreeSet<String> {
        for duplicate in self.retractions.duplicates() {
            if ids.contains(&self.retractions.original(duplicate).id(self.history)) {
                ids.insert(duplicate.id(self.history));
            }
        }
        ids
    }

    /// When each source was published, a duplicate when its original was; those without a date are absent.
    fn published_by_source(&self) -> BTreeMap<String, Instant> {
        let facts = self.facts.values().map(|fact| &*fact.event);
        published(self.history, facts, &self.retractions, self.clocks.zone)
    }

    /// What counts, whenever it was reported.
    fn before_reports(history: &'h History, clocks: Clocks) -> Self {
        let published = first_published(history, &clocks);
        let acting = |entry: &&Entry| acts(entry, &clocks, &published);
        let retractions = Retractions::of(history, acting);
        let corrections = corrections(history, acting, retractions.out());
        let untold = history.entries().iter().filter(|entry| {
            clocks.sees_recorded(entry.recorded_at)
                && entry.event().is_some_and(acts_on_another)
                && !acting(entry)
                && !retractions.out().contains_key(&entry.seq)
        });
        let unreported = untold.map(|entry| (entry.seq, NotCounted::ReportedLater)).collect();

        let mut view = Self {
            history,
            clocks,
            facts: BTreeMap::new(),
            duplicates: BTreeMap::new(),
            acting: retractions.out().values().copied().collect(),
            retractions,
            unreported,
            readable: None,
            rules: Rules::Present,
            anomalies: Vec::new(),
        };
        view.gather_facts(&corrections);
        view.resolve_names();
        view.gather_reports();
        view
    }

    /// The history that this is a view of.
    pub const fn history(&self) -> &'h History {
        self.history
    }

    /// The rules by which this view answers.
    pub(crate) const fn rules(&self) -> Rules {
        self.rules
    }

    /// The clocks of this view.
    pub const fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// The events that count, in log order.
    pub fn facts(&self) -> impl Iterator<Item = &Fact<'h>> {
        self.facts.values()
    }

    /// The event of this number, if it counts.
    pub fn fact(&self, seq: u64) -> Option<&Fact<'h>> {
        self.facts.get(&seq)
    }

    /// The event of this number as it counts: in its own right, or as one more report of what it is a duplicate of.
    pub fn report(&self, seq: u64) -> Option<&Fact<'h>> {
        self.fact(seq).or_else(|| self.duplicates.get(&seq))
    }

    /// What an event says: as it counts, or else as it was recorded, by the names that stand for whom and what it names.
    pub fn told<'v>(&'v self, entry: &'v Entry) -> Option<Cow<'v, Event>> {
        if let Some(report) = self.report(entry.seq) {
            return Some(Cow::Borrowed(&*report.event));
        }
        let mut event = entry.event()?.clone();
        event.rename(&mut |id| Some(self.stands_for(id).into_owned()));
        Some(Cow::Owned(event))
    }

    /// The event with this id, or of a duplicate its original, if it counts.
    pub fn fact_by_id(&self, id: &str) -> Option<&Fact<'h>> {
        self.fact(self.act_of(id)?)
    }

    /// The id that stands for this one: of a duplicate, that of its original.
    pub fn stands_for<'i>(&self, id: &'i str) -> Cow<'i, str> {
        let named = Named::by(self.history, id);
        let original = self.retractions.original(named);
        if original == named { Cow::Borrowed(id) } else { Cow::Owned(original.id(self.history)) }
    }

    /// The retracted events, each with the number of the retraction that takes it out.
    pub const fn struck(&self) -> &BTreeMap<u64, u64> {
        self.retractions.out()
    }

    /// What the reported clock left out, and what is not there to be counted.
    pub fn left_out(&self) -> LeftOut {
        let mut left_out = self.history.passed_over();
        for entry in self.history.entries() {
            if !self.clocks.sees_recorded(entry.recorded_at) {
                left_out.recorded_later = left_out.recorded_later.saturating_add(1);
            } else if entry.content == Content::Absent {
                left_out.absent = left_out.absent.saturating_add(1);
            }
        }
        for (seq, why) in &self.unreported {
            if self.history.entry(*seq).and_then(Entry::event).is_some_and(acts_on_another) {
                let counter = &mut left_out.corrections_reported_later;
                *counter = counter.saturating_add(1);
            } else {
                left_out.count(*why);
            }
        }
        left_out
    }

    /// The events that count, in their own right or as duplicates of what does.
    pub(crate) fn reports(&self) -> impl Iterator<Item = &Fact<'h>> {
        self.facts.values().chain(self.duplicates.values())
    }

    /// Why an event does not count, or does not act on others; `None` if it does.
    pub fn not_counted(&self, seq: u64) -> Option<NotCounted> {
        if self.facts.contains_key(&seq) {
            return None;
        }
        let entry = self.history.entry(seq)?;
        if !self.clocks.sees_recorded(entry.recorded_at) {
            return Some(NotCounted::RecordedLater);
        }
        let struck = self.struck().get(&seq).map(|by| NotCounted::Retracted { by: *by });
        struck.or_else(|| self.unreported.get(&seq).copied())
    }

    /// Whether an event counts, or acts on one: as a correction that is applied, or as a retraction.
    pub fn heeds(&self, seq: u64) -> bool {
        self.facts.contains_key(&seq) || self.acting.contains(&seq)
    }

    /// Nonsense found while the view was made.
    pub(crate) fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// The further reports of an act: its mentions, then its duplicates.
    pub fn further_reports(&self, fact: &Fact<'h>) -> Vec<&Event> {
        let mentions = fact.mentions.iter().filter_map(|seq| Some(&*self.fact(*seq)?.event));
        let duplicates =
            fact.duplicates.iter().filter_map(|seq| Some(&*self.duplicates.get(seq)?.event));
        mentions.chain(duplicates).collect()
    }

    /// The passages on which an act rests: its own, then those of its further reports.
    pub fn cites(&self, fact: &Fact<'h>) -> Vec<Cite> {
        let mut cites = self.given(&fact.event.cites);
        for cite in self.further_reports(fact).into_iter().flat_map(|report| &report.cites) {
            if self.gives(cite) && !cites.contains(cite) {
                cites.push(cite.clone());
            }
        }
        cites
    }

    /// The passages that an event of this number gives: with those of its further reports if it counts.
    pub fn cites_of(&self, seq: u64) -> Vec<Cite> {
        match self.fact(seq) {
            Some(fact) => self.cites(fact),
            None => self
                .history
                .entry(seq)
                .and_then(Entry::event)
                .map_or_else(Vec::new, |event| self.given(&event.cites)),
        }
    }

    /// Of some passages those that are given.
    pub(crate) fn given(&self, cites: &[Cite]) -> Vec<Cite> {
        cites.iter().filter(|cite| self.gives(cite)).cloned().collect()
    }

    /// Whether a passage is given: its source was not taken back, and was published in time.
    fn gives(&self, cite: &Cite) -> bool {
        if self.rules == Rules::Former {
            return true;
        }
        self.withdrawn(&cite.source).is_none()
            && self.readable.as_ref().is_none_or(|readable| readable.contains(&cite.source))
    }

    /// The number of the event that takes back a source, or the one of which it is a duplicate; `None` if none does.
    pub fn withdrawn_by(&self, source: &str) -> Option<u64> {
        self.struck().get(&self.withdrawn(source)?).copied()
    }

    /// The number of a source that was taken back, or of the one of which it is a duplicate, if that was.
    pub(crate) fn withdrawn(&self, source: &str) -> Option<u64> {
        self.act_of(source).filter(|seq| self.struck().contains_key(seq))
    }

    /// On whose word an act rests: one chain a report, nearest to the speaker first. Reports without one add none.
    pub fn chains(&self, fact: &Fact<'h>) -> Vec<Vec<Attribution>> {
        let own = std::iter::once(&*fact.event).chain(self.further_reports(fact));
        let told = own.map(|event| &event.according_to).filter(|chain| !chain.is_empty());
        told.cloned().collect()
    }

    /// The number of what this event stands for: of a duplicate, that of its original.
    pub fn original_of(&self, seq: u64) -> u64 {
        self.retractions.original(Named::Event(seq)).seq().unwrap_or(seq)
    }

    /// The number of the event that an id names; of a duplicate, that of its original.
    pub(crate) fn act_of(&self, id: &str) -> Option<u64> {
        self.retractions.original(Named::by(self.history, id)).seq()
    }

    /// The number of the event that an id names in a field of another; `None` if it names a measure, or nothing. What names it
    /// means what was there when it was recorded, or its correction was; what came to have the id later is another.
    pub fn meant(&self, id: &str, naming: u64, field: &str) -> Option<u64> {
        let Some(seq) = self.history.seq_of(id) else { return self.act_of(id) };
        let recorded_at = |seq| self.history.entry(seq).map(|entry| entry.recorded_at);
        (recorded_at(seq) <= recorded_at(self.named_by(naming, field))).then_some(seq)
    }

    /// The pairs of events joined by a relation of one type, duplicates taken as their originals; nothing is joined with
    /// itself.
    pub(crate) fn related(
        &self,
        kind: &crate::model::vocabulary::RelationType,
    ) -> Vec<(u64, u64, u64)> {
        let pairs = self.facts.values().filter_map(|fact| match &fact.event.body {
            Body::Relation(relation) if relation.kind == *kind => {
                let end = |id, field| Some(self.original_of(self.meant(id, fact.seq, field)?));
                let (from, to) = (end(&relation.from, "from")?, end(&relation.to, "to")?);
                (from != to).then_some((fact.seq, from, to))
            }
            _ => None,
        });
        pairs.collect()
    }

    fn gather_facts(&mut self, corrections: &BTreeMap<u64, BTreeMap<String, u64>>) {
        for entry in self.history.entries() {
            let is_duplicate = self.retractions.is_duplicate(entry.seq);
            let is_out = self.struck().contains_key(&entry.seq) && !is_duplicate;
            let seen = self.clocks.sees_recorded(entry.recorded_at) && !is_out;
            let Some(event) = entry.event().filter(|_| seen) else { continue };
            if acts_on_another(event) || matches!(event.body, Body::System(_)) {
                continue;
            }
            let mut fact = Fact {
                seq: entry.seq,
                event: Cow::Borrowed(event),
                corrections: Vec::new(),
                resolved_by: Vec::new(),
                mentions: Vec::new(),
                duplicates: Vec::new(),
            };
            for seq in corrections.get(&entry.seq).into_iter().flat_map(BTreeMap::values) {
                let by = self.history.entry(*seq).and_then(Entry::event).map(|event| &event.body);
                if let Some(Body::Correction(correction)) = by {
                    match fact.event.to_mut().set(&correction.field, &correction.to) {
                        Ok(()) => fact.corrections.push(*seq),
                        Err(_) => self.anomalies.push(Anomaly {
                            code: AnomalyCode::CorrectionCannotApply,
                            measure: None,
                            events: vec![self.history.id_of(*seq), self.history.id_of(entry.seq)],
                        }),
                    }
                }
            }
            fact.corrections.sort_unstable();
            self.acting.extend(&fact.corrections);
            let kept = if is_duplicate { &mut self.duplicates } else { &mut self.facts };
            kept.insert(entry.seq, fact);
        }
    }

    /// Has the originals of actors, topics and contacts named where their duplicates are.
    fn resolve_names(&mut self) {
        let (history, retractions) = (self.history, &self.retractions);
        for (seq, duplicate) in &mut self.duplicates {
            let way = retractions.way(Named::Event(*seq));
            duplicate.resolved_by = way.map(|(_, by)| by).collect();
        }
        let is_named = |duplicate: Named<'_>| {
            let event = duplicate.seq().and_then(|seq| history.entry(seq)?.event());
            event.is_none_or(|event| {
                matches!(event.kind(), Kind::Actor | Kind::Topic | Kind::Contact)
            })
        };
        if !retractions.duplicates().any(is_named) {
            return;
        }
        for fact in self.facts.values_mut().chain(self.duplicates.values_mut()) {
            let mut resolved_by: BTreeSet<u64> = fact.resolved_by.drain(..).collect();
            let mut event = fact.event.clone().into_owned();
            event.rename(&mut |id| {
                let mut original = None;
                for (doubled, by) in retractions.way(Named::by(history, id)) {
                    resolved_by.insert(by);
                    original = Some(doubled);
                }
                original.map(|original| original.id(history))
            });
            if !resolved_by.is_empty() {
                fact.event = Cow::Owned(event);
                fact.resolved_by = resolved_by.into_iter().collect();
            }
        }
    }

    /// The number of the event that says what another has in this field: of the correction of it, or its own.
    fn named_by(&self, seq: u64, field: &str) -> u64 {
        let corrects = |seq: &&u64| {
            let by = self.history.entry(**seq).and_then(Entry::event).map(|event| &event.body);
            matches!(by, Some(Body::Correction(correction)) if correction.field == field)
        };
        let mut corrections = self.report(seq).into_iter().flat_map(|fact| &fact.corrections);
        corrections.find(corrects).copied().unwrap_or(seq)
    }

    fn gather_reports(&mut self) {
        let mut reports: Vec<(u64, u64, bool)> = Vec::new();
        for fact in self.facts.values() {
            if let Body::Mention(mention) = &fact.event.body
                && let Some(of) = self.history.seq_of(&mention.of)
                && of < self.named_by(fact.seq, "of")
            {
                reports.push((self.original_of(of), fact.seq, true));
            }
        }
        for duplicate in self.retractions.duplicates() {
            if let (Some(seq), Some(of)) =
                (duplicate.seq(), self.retractions.original(duplicate).seq())
            {
                reports.push((of, seq, false));
            }
        }
        for (of, report, is_mention) in reports {
            match self.facts.get_mut(&of) {
                Some(fact) if is_mention => fact.mentions.push(report),
                Some(fact) => fact.duplicates.push(report),
                None => self.anomalies.push(Anomaly {
                    code: AnomalyCode::ReportOfNothing,
                    measure: None,
                    events: vec![self.history.id_of(report), self.history.id_of(of)],
                }),
            }
        }
    }

    fn keep_reported(&mut self, by: Instant) {
        let published = self.published_by_source();
        let time = |cites: &[Cite]| {
            cites.iter().filter_map(|cite| published.get(cite.source.as_str())).min().copied()
        };
        let mut gone = BTreeMap::new();
        for fact in self.facts.values() {
            if is_named_by_acts(fact.event.kind()) {
                continue;
            }
            match time(&self.cites(fact)) {
                Some(reported) if reported <= by => {}
                Some(_) => {
                    gone.insert(fact.seq, NotCounted::ReportedLater);
                }
                None => {
                    gone.insert(fact.seq, NotCounted::NoReportedTime);
                }
            }
        }
        let is_act = |fact: &Fact<'_>| !is_named_by_acts(fact.event.kind());
        self.duplicates.retain(|_, duplicate| {
            let in_time = |cites| time(cites).is_some_and(|reported| reported <= by);
            !is_act(duplicate) || in_time(&duplicate.event.cites)
        });
        for fact in self.facts.values_mut() {
            fact.mentions.retain(|seq| !gone.contains_key(seq));
            fact.duplicates.retain(|seq| self.duplicates.contains_key(seq));
        }
        self.facts.retain(|seq, _| !gone.contains_key(seq));
        self.unreported.extend(gone);
        let in_time = published.into_iter().filter(|(_, at)| *at <= by);
        self.readable = Some(in_time.map(|(source, _)| source).collect());
    }
}

/// When each source was published, at the latest, and a duplicate when its original was; those without a date are absent.
fn published<'e>(
    history: &History,
    events: impl Iterator<Item = &'e Event>,
    retractions: &Retractions<'_>,
    zone: Zone,
) -> BTreeMap<String, Instant> {
    let mut published = BTreeMap::new();
    for event in events {
        if let Body::Source(source) = &event.body
            && let (Some(id), Some(date)) = (&event.id, &source.published)
        {
            published.entry(id.clone()).or_insert(date.span(zone).latest);
        }
    }
    for duplicate in retractions.duplicates() {
        let original = retractions.original(duplicate).id(history);
        if let Some(at) = published.get(&original).copied() {
            published.insert(duplicate.id(history), at);
        }
    }
    published
}

/// When each source was published, as first recorded: no correction is looked at, and every duplicate is taken for one. Nothing
/// where no reported clock asks for it.
fn first_published(history: &History, clocks: &Clocks) -> BTreeMap<String, Instant> {
    if clocks.reported_by.is_none() {
        return BTreeMap::new();
    }
    let seen = |entry: &&Entry| clocks.sees_recorded(entry.recorded_at);
    let first = history.entries().iter().filter(seen).filter_map(Entry::event);
    published(history, first, &Retractions::of(history, seen), clocks.zone)
}

/// Actors, sources and topics are no acts: acts name them, and they are left out by no reported clock.
const fn is_named_by_acts(kind: Kind) -> bool {
    matches!(kind, Kind::Actor | Kind::Source | Kind::Topic)
}

/// Corrections and retractions count by what they do to others alone.
const fn acts_on_another(event: &Event) -> bool {
    matches!(event.body, Body::Correction(_) | Body::Retraction(_))
}

/// Is a correction or retraction seen, and does it act, under these clocks?
fn acts(entry: &Entry, clocks: &Clocks, published: &BTreeMap<String, Instant>) -> bool {
    if !clocks.sees_recorded(entry.recorded_at) {
        return false;
    }
    let (Some(event), Some(by)) = (entry.event(), clocks.reported_by) else { return true };
    let sources = event.cites.iter().filter_map(|cite| published.get(&cite.source));
    let from = sources
        .min()
        .copied()
        .unwrap_or_else(|| clocks.zone.start_of(clocks.zone.day_of(entry.recorded_at)));
    from <= by
}

/// For each event, the correction that counts for each of its fields.
fn corrections(
    history: &History,
    acting: impl Fn(&&Entry) -> bool,
    out: &BTreeMap<u64, u64>,
) -> BTreeMap<u64, BTreeMap<String, u64>> {
    let mut corrections: BTreeMap<u64, BTreeMap<String, u64>> = BTreeMap::new();
    for entry in history.entries().iter().filter(acting) {
        if let Some(Body::Correction(correction)) = entry.event().map(|event| &event.body)
            && !out.contains_key(&entry.seq)
            && let Some(of) = history.seq_of(&correction.of).filter(|of| *of < entry.seq)
        {
            corrections.entry(of).or_default().insert(correction.field.clone(), entry.seq);
        }
    }
    corrections
}
