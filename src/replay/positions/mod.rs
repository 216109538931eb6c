//! Positions: what each actor holds on each topic, and on whose word we know it.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::terms::terms;
use super::timeline::Times;
use super::view::{Fact, Rules, View};
use crate::model::calendar::Instant;
use crate::model::event::{Attribution, Body, Cite};
use crate::model::vocabulary::{Modality, RelationType, Stance};

mod roll_up;
mod said;

pub use roll_up::{HeldPosition, Holding, holders, holdings, roll_up};
pub(crate) use said::{Said, modality_of, statements};

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
    /// The ids of the later statements that took its place; empty if it is current.
    pub superseded_by: Vec<String>,
    /// The ids of the events it rests on, in log order: its reports, and the corrections of them.
    pub rests_on: Vec<String>,
}

terms! {
    /// What to know about a position.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum Flag {
        /// The date is marked `~`.
        ApproximateDate = "approximate_date",
        /// It is known only from the other party.
        AttributedByCounterpart = "attributed_by_counterpart",
        /// Reports give dates that cannot both be right.
        Contradicted = "contradicted",
        /// Several speakers made the statement together.
        Joint = "joint",
        /// A later statement may have taken its place.
        MayBeSuperseded = "may_be_superseded",
        /// It may have been said after the date asked about.
        MayNotHaveBeenSaid = "may_not_have_been_said",
        /// Whether the speaker held the office at the time is not certain; only where positions are rolled up.
        TenureUncertain = "tenure_uncertain",
        /// Nobody is said to have told it.
        Unattributed = "unattributed",
        /// The date is marked `?`.
        UncertainDate = "uncertain_date",
        /// It has no date.
        Undated = "undated",
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
    all_in_order(view, Listed::Happened, |position, _| position)
}

/// The same, each with the ids of the statements that stand wholly after it, in log order, be it that they may not have
/// been made.
pub(crate) fn positions_and_later(view: &View<'_>) -> Vec<(Position, Vec<String>)> {
    let ids = |seqs: BTreeSet<u64>| seqs.into_iter().map(|seq| view.history().id_of(seq)).collect();
    all_in_order(view, Listed::All, |position, later| (position, ids(later.all)))
}

fn all_in_order<T>(view: &View<'_>, listed: Listed, read: impl Fn(Position, Later) -> T) -> Vec<T> {
    let acts = statements(view);
    let said = by_actor_and_topic(view, &acts).into_iter();
    let held = said.flat_map(|((_, topic), voices)| in_order(view, topic, voices, listed));
    held.map(|(_, position, later)| read(position, later)).collect()
}

/// Those of [`positions`] that are current, without a list of what took the place of the others.
pub fn current_positions(view: &View<'_>) -> Vec<Position> {
    let acts = statements(view);
    let to = view.clocks().to;
    let mut held = Vec::new();
    for ((_, topic), mut voices) in by_actor_and_topic(view, &acts) {
        let newest = |happened: bool| {
            let counted = voices.iter().filter(|v| !happened || v.act.span.happened_by(to));
            counted.map(|voice| voice.act.span.earliest).max().unwrap_or(Instant::MIN)
        };
        let (newest_happened, newest) = (newest(true), newest(false));
        voices.retain(|voice| voice.act.span.latest >= newest_happened);
        voices.sort_by_key(|voice| std::cmp::Reverse(voice.act.newness()));
        held.extend(voices.iter().map(|voice| {
            let may_supersede = voice.act.span.latest < newest;
            let later = Later { superseded_by: Vec::new(), may_supersede, all: BTreeSet::new() };
            voice.act.position(view, voice.speaker, topic, &later)
        }));
    }
    held
}

/// The voices of every actor on every topic.
fn by_actor_and_topic<'s>(
    view: &View<'_>,
    acts: &'s [Said<'s>],
) -> BTreeMap<(&'s str, &'s str), Vec<Voice<'s>>> {
    let mut said: BTreeMap<(&str, &str), Vec<Voice<'_>>> = BTreeMap::new();
    for (topic, speaker, act) in voices(view, acts) {
        said.entry((speaker, topic)).or_default().push(Voice { speaker, act, certain: true });
    }
    said
}

/// Every statement on a topic that was, or may have been, made by the view's date, once for each of its speakers.
fn voices<'v, 's>(
    view: &View<'_>,
    acts: &'s [Said<'v>],
) -> impl Iterator<Item = (&'v str, &'v str, &'s Said<'v>)> {
    let to = view.clocks().to;
    let made = acts.iter().filter(move |act| !act.span.not_yet(to));
    made.flat_map(|act| {
        let topic = act.first.event.topic.as_deref();
        let speakers = act.statement.by.iter().filter_map(move |by| Some((topic?, by.as_str())));
        speakers.map(move |(topic, speaker)| (topic, speaker, act))
    })
}

/// A statement and one of its speakers.
struct Voice<'s> {
    speaker: &'s str,
    act: &'s Said<'s>,
    /// Whether it is certain that whoever it is gathered for is spoken for.
    certain: bool,
}

/// Which of the statements that stand after one are listed; there can be as many for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    Happened,
    All,
}

/// The statements that stand wholly after one.
struct Later {
    /// Those that have happened and take its place for certain, in log order.
    superseded_by: Vec<u64>,
    /// Whether there are any, be it that they may not have happened, or have another's place.
    may_supersede: bool,
    /// All of them, where they are listed.
    all: BTreeSet<u64>,
}

impl Later {
    fn than(act: &Said<'_>, all: &[Voice<'_>], listed: Listed, to: Instant) -> Self {
        let later = all.iter().filter(|other| act.span.precedes(other.act.span));
        let later: Vec<&Voice<'_>> = later.collect();
        let taking = later.iter().filter(|other| other.certain && other.act.span.happened_by(to));
        let superseded_by: BTreeSet<u64> = taking.map(|other| other.act.first.seq).collect();
        Self {
            superseded_by: superseded_by.into_iter().collect(),
            may_supersede: !later.is_empty(),
            all: match listed {
                Listed::Happened => BTreeSet::new(),
                Listed::All => later.iter().map(|other| other.act.first.seq).collect(),
            },
        }
    }
}

/// What voices that can take one another's place leave of a topic, the newest first.
fn in_order<'s>(
    view: &View<'_>,
    topic: &str,
    mut voices: Vec<Voice<'s>>,
    listed: Listed,
) -> Vec<(Voice<'s>, Position, Later)> {
    voices.sort_by_key(|voice| std::cmp::Reverse(voice.act.newness()));
    let positions: Vec<(Position, Later)> = voices
        .iter()
        .map(|voice| {
            let later = Later::than(voice.act, &voices, listed, view.clocks().to);
            (voice.act.position(view, voice.speaker, topic, &later), later)
        })
        .collect();
    let held = voices.into_iter().zip(positions);
    held.map(|(voice, (position, later))| (voice, position, later)).collect()
}

/// Opposite current stances on one topic, and events that a relation says contradict one another, once both can have
/// happened.
pub fn disputes<'v>(view: &'v View<'v>, positions: &[Position]) -> Vec<Dispute> {
    let mut topics: BTreeMap<&str, Vec<&Position>> = BTreeMap::new();
    for position in positions.iter().filter(|position| position.current && position.is_meant()) {
        topics.entry(&position.topic).or_default().push(position);
    }
    let mut disputes = Vec::new();
    for (topic, held) in topics {
        let mut takers: BTreeMap<&Stance, BTreeSet<&str>> = BTreeMap::new();
        for position in &held {
            if let Some(stance) = &position.stance {
                takers.entry(stance).or_default().insert(&position.actor);
            }
        }
        let is_opposed = |position: &&&Position| {
            let mut opposing = takers.iter().filter(|(stance, _)| {
                position.stance.as_ref().is_some_and(|own| are_opposite(own, stance))
            });
            opposing.any(|(_, actors)| actors.iter().any(|actor| *actor != position.actor))
        };
        let sides: BTreeSet<Side> =
            held.iter().filter(is_opposed).map(|position| Side::of(position)).collect();
        if !sides.is_empty() {
            let sides = sides.into_iter().collect();
            disputes.push(Dispute { topic: Some(topic.to_owned()), sides });
        }
    }
    let to_date = view.clocks().to;
    let times = LazyCell::new(|| Times::of(view));
    let begun = |seq| view.fact(seq).filter(|fact| times.begun(fact, to_date).is_some());
    // What is said of a duplicate and of its original is said once.
    let mut said = BTreeSet::new();
    for (_, from, to) in view.related(&RelationType::Contradicts) {
        if !said.insert((from, to)) {
            continue;
        }
        if let (Some(from), Some(to)) = (begun(from), begun(to)) {
            let topic = from.event.topic.clone().filter(|t| to.event.topic.as_ref() == Some(t));
            let sides = [from, to].iter().flat_map(|fact| Side::of_fact(view, fact)).collect();
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

fn are_opposite(a: &Stance, b: &Stance) -> bool {
    OPPOSITES.iter().any(|(one, other)| (a == one && b == other) || (a == other && b == one))
}

impl Position {
    /// The keys under which this position says something else than another of the same statement.
    pub fn differs_from(&self, other: &Self) -> Vec<&'static str> {
        let fields = [
            ("stance", self.stance != other.stance),
            ("modality", self.modality != other.modality),
            ("summary", self.summary != other.summary),
            ("channel", self.channel != other.channel),
            ("contact", self.contact != other.contact),
            ("as_of", self.as_of != other.as_of),
            ("current", self.current != other.current),
            ("flags", self.flags != other.flags),
            ("according_to", self.according_to != other.according_to),
            ("cites", self.cites != other.cites),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

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

    /// A side for each speaker of a statement; one for any other event.
    fn of_fact(view: &View<'_>, fact: &Fact<'_>) -> Vec<Self> {
        let event = view.history().id_of(fact.seq);
        let (by, stance) = match &fact.event.body {
            Body::Statement(statement) => (&*statement.by, statement.stance.clone()),
            _ => (&[][..], None),
        };
        let named = match (view.rules(), by) {
            (_, []) => return vec![Self { actor: None, stance, event }],
            (Rules::Present, by) => by,
            (Rules::Former, [first, ..]) => std::slice::from_ref(first),
        };
        let side = |actor: &String| Self {
            actor: Some(actor.clone()),
            stance: stance.clone(),
            event: event.clone(),
        };
        named.iter().map(side).collect()
    }
}
