//! Positions: what each actor holds on each topic, and on whose word we know it.

use std::collections::{BTreeMap, BTreeSet};

use super::placement::{Placement, combine, span_text};
use super::steps::same_acts;
use super::view::{Fact, View};
use crate::model::date::Span;
use crate::model::event::{Attribution, Body, Cite, Statement};
use crate::model::vocabulary::{Modality, RelationType, Stance};

/// What one statement makes its speaker hold on its topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The speaker.
    pub actor: String,
    /// The topic.
    pub topic: String,
    /// What the speaker does about it.
    pub stance: Option<Stance>,
    /// How far it is asserted.
    pub modality: Modality,
    /// What was said, in the reporter's words.
    pub summary: Option<String>,
    /// The channel, as its term.
    pub channel: Option<String>,
    /// The contact in which it was said.
    pub contact: Option<String>,
    /// The id of the statement.
    pub event: String,
    /// When it was said: the date as reported, or the bounds that several reports leave. `None` if undated.
    pub as_of: Option<String>,
    /// Whether no later statement on the topic is known to have taken its place.
    pub current: bool,
    /// What to know about it, in alphabetical order.
    pub flags: Vec<Flag>,
    /// On whose word it is known, one chain a report, nearest to the speaker first.
    pub according_to: Vec<Vec<Attribution>>,
    /// Its passages.
    pub cites: Vec<Cite>,
}

/// What to know about a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Flag {
    /// The date is marked `~`.
    ApproximateDate,
    /// It is known only from the other party.
    AttributedByCounterpart,
    /// Reports give dates that cannot both be right.
    Contradicted,
    /// Several speakers made the statement together.
    Joint,
    /// A later statement may have taken its place.
    MayBeSuperseded,
    /// It may have been said after the date asked about.
    MayNotHaveBeenSaid,
    /// Nobody is said to have told it.
    Unattributed,
    /// The date is marked `?`.
    UncertainDate,
    /// It has no date.
    Undated,
}

impl Flag {
    /// The flag as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApproximateDate => "approximate_date",
            Self::AttributedByCounterpart => "attributed_by_counterpart",
            Self::Contradicted => "contradicted",
            Self::Joint => "joint",
            Self::MayBeSuperseded => "may_be_superseded",
            Self::MayNotHaveBeenSaid => "may_not_have_been_said",
            Self::Unattributed => "unattributed",
            Self::UncertainDate => "uncertain_date",
            Self::Undated => "undated",
        }
    }
}

/// Opposite stances of two or more actors on one topic, or accounts that contradict one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispute {
    /// The topic, if all sides are about one.
    pub topic: Option<String>,
    /// The sides, in alphabetical order of actors.
    pub sides: Vec<Side>,
}

/// One side of a dispute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Side {
    /// The speaker.
    pub actor: Option<String>,
    /// What the speaker does about the topic.
    pub stance: Option<Stance>,
    /// The id of the statement or other event.
    pub event: String,
}

/// Every position that was, or may have been, taken by the view's date: by actor and topic, the newest first.
pub fn positions(view: &View<'_>) -> Vec<Position> {
    let mut said: BTreeMap<(&str, &str), Vec<Said<'_>>> = BTreeMap::new();
    for act in statements(view) {
        let Some(topic) = act.first.event.topic.as_deref() else { continue };
        if act.span.not_yet(view.clocks().to) {
            continue;
        }
        for actor in &act.statement.by {
            said.entry((actor, topic)).or_default().push(act.clone());
        }
    }
    let mut positions = Vec::new();
    for ((actor, topic), mut acts) in said {
        acts.sort_by_key(|act| std::cmp::Reverse(act.newness()));
        for act in &acts {
            positions.push(act.position(view, actor, topic, &acts));
        }
    }
    positions
}

/// Opposite current stances on one topic, and events that a relation says contradict one another.
pub fn disputes(view: &View<'_>, positions: &[Position]) -> Vec<Dispute> {
    let mut topics: BTreeMap<&str, Vec<&Position>> = BTreeMap::new();
    for position in positions.iter().filter(|position| position.current && position.is_meant()) {
        topics.entry(&position.topic).or_default().push(position);
    }
    let mut disputes = Vec::new();
    for (topic, held) in topics {
        let mut sides = BTreeSet::new();
        for a in &held {
            for b in held.iter().filter(|b| b.actor != a.actor && opposite(a, b)) {
                sides.extend([Side::of(a), Side::of(b)]);
            }
        }
        if !sides.is_empty() {
            let sides = sides.into_iter().collect();
            disputes.push(Dispute { topic: Some(topic.to_owned()), sides });
        }
    }
    for (_, from, to) in view.related(&RelationType::Contradicts) {
        if let (Some(from), Some(to)) = (view.fact(from), view.fact(to)) {
            let topic = from.event.topic.clone().filter(|t| to.event.topic.as_ref() == Some(t));
            let sides = [from, to].map(|fact| Side::of_fact(view, fact)).to_vec();
            disputes.push(Dispute { topic, sides });
        }
    }
    disputes
}

/// Stances that cannot both have their way, each pair in one order.
const OPPOSITES: &[(Stance, Stance)] = &[
    (Stance::Supports, Stance::Opposes),
    (Stance::Supports, Stance::Rejects),
    (Stance::Accepts, Stance::Rejects),
    (Stance::Accepts, Stance::Opposes),
    (Stance::Announces, Stance::Rejects),
    (Stance::Commits, Stance::Opposes),
    (Stance::Demands, Stance::Rejects),
    (Stance::Accuses, Stance::Denies),
    (Stance::Accuses, Stance::Rejects),
];

fn opposite(a: &Position, b: &Position) -> bool {
    let (Some(a), Some(b)) = (&a.stance, &b.stance) else { return false };
    OPPOSITES.iter().any(|(one, other)| (a == one && b == other) || (a == other && b == one))
}

impl Position {
    /// Whether the speaker means it, rather than says what would or might be.
    fn is_meant(&self) -> bool {
        matches!(self.modality, Modality::Asserted | Modality::Future)
    }
}

impl Side {
    fn of(position: &Position) -> Self {
        Self {
            actor: Some(position.actor.clone()),
            stance: position.stance.clone(),
            event: position.event.clone(),
        }
    }

    fn of_fact(view: &View<'_>, fact: &Fact<'_>) -> Self {
        let event = view.history().id_of(fact.seq);
        match &fact.event.body {
            Body::Statement(statement) => Self {
                actor: statement.by.first().cloned(),
                stance: statement.stance.clone(),
                event,
            },
            _ => Self { actor: None, stance: None, event },
        }
    }
}

/// One statement, with every event that reports it.
#[derive(Clone)]
struct Said<'v> {
    first: &'v Fact<'v>,
    statement: &'v Statement,
    reports: Vec<&'v Fact<'v>>,
    span: Span,
    as_of: Option<String>,
    contradicted: bool,
    uncertain: bool,
    approximate: bool,
}

/// Every statement that counts; several events that report one, by `same_act`, are one.
fn statements<'v>(view: &'v View<'v>) -> Vec<Said<'v>> {
    let (groups, _) = same_acts(view);
    let mut reports: BTreeMap<u64, Vec<&Fact<'_>>> = BTreeMap::new();
    for fact in view.facts().filter(|fact| matches!(fact.event.body, Body::Statement(_))) {
        let first = groups.get(&fact.seq).copied().unwrap_or(fact.seq);
        reports.entry(first).or_default().push(fact);
    }
    reports.into_values().filter_map(|reports| Said::of(view, reports)).collect()
}

impl<'v> Said<'v> {
    fn of(view: &'v View<'v>, reports: Vec<&'v Fact<'v>>) -> Option<Self> {
        let zone = view.clocks().zone;
        let first = *reports.first()?;
        let Body::Statement(statement) = &first.event.body else { return None };
        let mentions = reports.iter().flat_map(|fact| &fact.mentions);
        let mentioned = mentions.filter_map(|seq| view.fact(*seq)?.event.when.as_ref());
        let dates: Vec<_> =
            reports.iter().filter_map(|fact| fact.event.when.as_ref()).chain(mentioned).collect();
        let places = if dates.is_empty() {
            vec![Placement::of(None, zone)]
        } else {
            dates.iter().map(|date| Placement::of(Some(date), zone)).collect()
        };
        let places = combine(places, zone);
        let span = places.iter().map(|place| place.span).reduce(Span::hull)?;
        let as_of = match places.as_slice() {
            [only] => only.text.clone(),
            _ => Some(span_text(span, zone)),
        };
        Some(Self {
            first,
            statement,
            span,
            as_of,
            contradicted: places.len() > 1,
            uncertain: dates.iter().any(|date| date.is_uncertain()),
            approximate: dates.iter().any(|date| date.is_approximate()),
            reports,
        })
    }

    fn modality(&self) -> Modality {
        self.statement.modality.clone().unwrap_or(Modality::Asserted)
    }

    /// Greater is newer; of the same bounds, what is asserted comes before what is conditional.
    fn newness(&self) -> (crate::model::calendar::Instant, Span, bool, u64) {
        let meant = !matches!(self.modality(), Modality::Conditional | Modality::Hypothetical);
        (self.span.latest, self.span, meant, self.first.seq)
    }

    fn position(&self, view: &View<'_>, actor: &str, topic: &str, all: &[Self]) -> Position {
        let to = view.clocks().to;
        let later = all.iter().filter(|other| self.span.precedes(other.span));
        let superseded = later.clone().any(|other| other.span.happened_by(to));
        let chains = self.chains(view);
        let unattributed = |chain: &Vec<Attribution>| chain.iter().all(|link| link.by.is_none());
        let flags = [
            (self.approximate, Flag::ApproximateDate),
            (self.is_by_counterpart(view, actor, &chains), Flag::AttributedByCounterpart),
            (self.contradicted, Flag::Contradicted),
            (self.statement.by.len() > 1, Flag::Joint),
            (!superseded && later.count() > 0, Flag::MayBeSuperseded),
            (!self.span.happened_by(to) && self.as_of.is_some(), Flag::MayNotHaveBeenSaid),
            (!chains.is_empty() && chains.iter().all(unattributed), Flag::Unattributed),
            (self.uncertain, Flag::UncertainDate),
            (self.as_of.is_none(), Flag::Undated),
        ];
        let mut cites: Vec<Cite> = Vec::new();
        for cite in self.reports.iter().flat_map(|fact| view.cites(fact)) {
            if !cites.contains(&cite) {
                cites.push(cite);
            }
        }
        Position {
            actor: actor.to_owned(),
            topic: topic.to_owned(),
            stance: self.statement.stance.clone(),
            modality: self.modality(),
            summary: self.first.event.summary.clone(),
            channel: self.statement.channel.as_ref().map(|channel| channel.as_str().to_owned()),
            contact: self.statement.contact.clone(),
            event: view.history().id_of(self.first.seq),
            as_of: self.as_of.clone(),
            current: !superseded,
            flags: flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect(),
            according_to: chains,
            cites,
        }
    }

    fn chains(&self, view: &View<'_>) -> Vec<Vec<Attribution>> {
        let mut chains: Vec<Vec<Attribution>> = Vec::new();
        for chain in self.reports.iter().flat_map(|fact| view.chains(fact)) {
            if !chains.contains(&chain) {
                chains.push(chain);
            }
        }
        chains
    }

    /// Does every account of it rest on another country than the speaker's, one that is party to the contact or among
    /// the addressees? A report that says on nobody's word it rests is no such account.
    fn is_by_counterpart(
        &self,
        view: &View<'_>,
        speaker: &str,
        chains: &[Vec<Attribution>],
    ) -> bool {
        let Some(own) = view.country_of(speaker) else { return false };
        let every_report_has_one = self.reports.iter().all(|fact| {
            let further = view.further_reports(fact);
            !fact.event.according_to.is_empty()
                && further.iter().all(|report| !report.according_to.is_empty())
        });
        let parties = self.parties(view);
        let by_other = |chain: &Vec<Attribution>| {
            let teller = chain.first().and_then(|link| link.by.as_deref());
            let country = teller.and_then(|teller| view.country_of(teller));
            country.is_some_and(|country| country != own && parties.contains(&country))
        };
        !chains.is_empty() && every_report_has_one && chains.iter().all(by_other)
    }

    fn parties(&self, view: &View<'_>) -> BTreeSet<String> {
        let mut actors: Vec<&str> = Vec::new();
        for fact in &self.reports {
            let Body::Statement(statement) = &fact.event.body else { continue };
            actors.extend(statement.to.iter().map(String::as_str));
            let contact = statement.contact.as_deref().and_then(|id| view.fact_by_id(id));
            if let Some(Body::Contact(contact)) = contact.map(|fact| &fact.event.body) {
                actors.extend(contact.participants.iter().map(String::as_str));
            }
        }
        actors.into_iter().filter_map(|actor| view.country_of(actor)).collect()
    }
}
