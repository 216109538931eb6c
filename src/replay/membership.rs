//! What an actor is part of on a date: tenure of an office, and the way up from a person to a country.
//!
//! An actor says in `part_of` what it belongs to, each with the time for which that holds. Times have bounds, so a
//! membership at a moment is certain, possible or out. Nothing is concluded from silence: an actor that names no
//! office has none. `membership_is_read_at_the_time_of_the_statement` shows it.

use std::collections::{BTreeSet, VecDeque};

use super::terms::terms;
use super::view::View;
use crate::model::calendar::Zone;
use crate::model::date::Span;
use crate::model::event::{Actor, Body, Statement, Tenure};
use crate::model::vocabulary::ActorType;

terms! {
    /// For whom positions are gathered.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Level {
        /// Who spoke.
        Person = "person",
        /// The office or organisation that the speaker held or belonged to.
        Office = "office",
        /// The government.
        Government = "government",
        /// The country.
        Country = "country",
    }
}

impl Level {
    fn is_of(self, actor: &Actor) -> bool {
        match &actor.kind {
            Some(ActorType::Person) => self == Self::Person,
            Some(ActorType::Office | ActorType::Organisation) => self == Self::Office,
            Some(ActorType::Government) => self == Self::Government,
            Some(ActorType::Country) => self == Self::Country,
            _ => false,
        }
    }
}

/// Where somebody stood when they spoke.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// The actor of the level that was asked for; the speaker if there is none.
    pub holder: String,
    /// The way there, from the speaker (or whom they spoke for) to the holder, both included.
    pub path: Vec<String>,
    /// Whether every membership on the way held for certain at that time.
    pub certain: bool,
    /// Whether the holder is of the level that was asked for.
    pub reached: bool,
}

/// What an actor was part of at some time in a span, and whether for certain through all of it.
fn memberships<'v>(view: &'v View<'_>, actor: &str, at: Span) -> Vec<(&'v str, bool)> {
    let Some(Body::Actor(actor)) = view.fact_by_id(actor).map(|fact| &fact.event.body) else {
        return Vec::new();
    };
    let zone = view.clocks().zone;
    let held = actor.part_of.iter().filter_map(|tenure| {
        let held = tenure.holds(at, zone)?;
        Some((tenure.actor.as_str(), held))
    });
    held.collect()
}

impl Tenure {
    /// Whether it held for certain through all of a span; `None` if at no time in it.
    fn holds(&self, at: Span, zone: Zone) -> Option<bool> {
        let from = self.from.as_ref().map(|date| date.span(zone));
        let until = self.until.as_ref().map(|date| date.ends(zone));
        let possible = from.is_none_or(|from| from.earliest <= at.latest)
            && until.is_none_or(|until| until.latest >= at.earliest);
        let certain = from.is_none_or(|from| from.latest <= at.earliest)
            && until.is_none_or(|until| until.earliest >= at.latest);
        possible.then_some(certain)
    }
}

/// The nearest actors of a level, going up from one actor. Ways that held for certain are gone first, so that who is reached by
/// one is not called uncertain for another.
fn ascend(view: &View<'_>, from: &str, level: Level, at: Span) -> Vec<Seat> {
    let mut seats = Vec::new();
    let mut seen = BTreeSet::new();
    let mut sure = VecDeque::from([vec![from.to_owned()]]);
    let mut unsure = VecDeque::new();
    let next = |sure: &mut VecDeque<_>, unsure: &mut VecDeque<_>| {
        let certain = sure.pop_front().map(|path| (path, true));
        certain.or_else(|| unsure.pop_front().map(|path| (path, false)))
    };
    while let Some((path, certain)) = next(&mut sure, &mut unsure) {
        let Some(here) = path.last().filter(|here| seen.insert((*here).clone())) else { continue };
        let known = match view.fact_by_id(here).map(|fact| &fact.event.body) {
            Some(Body::Actor(actor)) => Some(actor),
            _ => None,
        };
        if known.is_some_and(|actor| level.is_of(actor)) {
            let holder = here.clone();
            seats.push(Seat { holder, path, certain, reached: true });
            continue;
        }
        let mut above = memberships(view, here, at);
        // An office or a government with a country's code belongs to that country, whoever else it is part of.
        let of_state = known.is_some_and(|actor| {
            matches!(actor.kind, Some(ActorType::Office | ActorType::Government))
        });
        let coded = known.and_then(|actor| country_with(view, actor.country.as_deref()?));
        if let Some(country) = coded.filter(|_| of_state && above.is_empty()) {
            above.push((country, true));
        }
        for (actor, held) in above {
            if !seen.contains(actor) {
                let mut longer = path.clone();
                longer.push(actor.to_owned());
                if certain && held { &mut sure } else { &mut unsure }.push_back(longer);
            }
        }
    }
    seats
}

/// Whether an actor of a level is reached going up from another.
pub(crate) fn leads_to(view: &View<'_>, from: &str, level: Level, to: &str, at: Span) -> bool {
    ascend(view, from, level, at).iter().any(|seat| seat.holder == to)
}

/// The country among the actors that has this ISO 3166-1 code.
fn country_with<'v>(view: &'v View<'_>, code: &str) -> Option<&'v str> {
    view.facts().find_map(|fact| match &fact.event.body {
        Body::Actor(actor)
            if actor.kind == Some(ActorType::Country) && actor.country.as_deref() == Some(code) =>
        {
            fact.event.id.as_deref()
        }
        _ => None,
    })
}

/// For whom of a level a speaker spoke. Persons and offices are those of the speaker, or else of whom they spoke for;
/// governments and countries are those for whom they spoke, or else their own. Who reaches nobody stands for
/// themselves.
pub fn seats(
    view: &View<'_>,
    statement: &Statement,
    speaker: &str,
    level: Level,
    at: Span,
) -> Vec<Seat> {
    let own = || ascend(view, speaker, level, at);
    let for_others = || -> Vec<Seat> {
        let actors = statement.on_behalf_of.iter();
        actors.flat_map(|actor| ascend(view, actor, level, at)).collect()
    };
    let mut seats = match level {
        Level::Person | Level::Office => own(),
        Level::Government | Level::Country => for_others(),
    };
    if seats.is_empty() {
        seats = match level {
            Level::Person | Level::Office => for_others(),
            Level::Government | Level::Country => own(),
        };
    }
    if seats.is_empty() {
        let (holder, path) = (speaker.to_owned(), vec![speaker.to_owned()]);
        seats.push(Seat { holder, path, certain: true, reached: false });
    }
    seats.sort();
    seats.dedup_by(|a, b| a.holder == b.holder);
    seats
}

/// The country of an actor at some time in a span: its own code, or that of what it was part of. A country without a
/// code stands for itself.
pub(crate) fn country_of(view: &View<'_>, actor: &str, at: Span) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![actor.to_owned()];
    while let Some(id) = next.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let Some(Body::Actor(actor)) = view.fact_by_id(&id).map(|fact| &fact.event.body) else {
            continue;
        };
        if let Some(code) = &actor.country {
            return Some(code.clone());
        }
        if actor.kind == Some(ActorType::Country) {
            return Some(id);
        }
        next.extend(memberships(view, &id, at).into_iter().rev().map(|(id, _)| id.to_owned()));
    }
    None
}

/// The actors that are, or ever were, part of an actor; itself included.
pub(crate) fn members_of(view: &View<'_>, actor: &str) -> BTreeSet<String> {
    let mut members = BTreeSet::from([actor.to_owned()]);
    loop {
        let before = members.len();
        for fact in view.facts() {
            if let (Some(id), Body::Actor(actor)) = (&fact.event.id, &fact.event.body)
                && actor.part_of.iter().any(|tenure| members.contains(&tenure.actor))
            {
                members.insert(id.clone());
            }
        }
        if members.len() == before {
            return members;
        }
    }
}
