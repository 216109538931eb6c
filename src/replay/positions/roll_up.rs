//! Positions of offices, governments and countries: those of the people who spoke for them, side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::said::{Newness, statements};
use super::{Flag, Listed, Position, Voice, in_order, voices};
use crate::model::event::Body;
use crate::model::vocabulary::{Modality, Stance};
use crate::replay::history::Entry;
use crate::replay::membership::{Level, Seat, leads_to, seats};
use crate::replay::placement::Reported;
use crate::replay::view::View;

/// A position, and for whom of a level it was spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldPosition {
    /// For whom.
    pub seat: Seat,
    /// The offices or organisations through which it was spoken for the holder; empty if none is known.
    pub offices: Vec<String>,
    /// Of these, those of which it is not certain that the speaker held them then.
    pub possible_offices: Vec<String>,
    /// The position; its `actor` is the speaker.
    pub position: Position,
}

/// What the voices of one holder come to on one topic, with one stance and modality.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    /// The holder.
    pub holder: String,
    /// Whether the holder is of the level that was asked for.
    pub reached: bool,
    /// The topic.
    pub topic: String,
    /// The stance.
    pub stance: Option<Stance>,
    /// How far it is asserted.
    pub modality: Modality,
    /// The offices that hold it now, in alphabetical order.
    pub offices: Vec<String>,
    /// Of these, those that nobody has spoken for who certainly held them then.
    pub possible_offices: Vec<String>,
    /// The speakers who hold it now, in alphabetical order.
    pub speakers: Vec<String>,
    /// The statements that say so, in alphabetical order of their ids.
    pub events: Vec<String>,
    /// Whether all of them are known on nobody's word.
    pub unattributed: bool,
}

/// The same for the actors of a level: by holder and topic, the newest first.
///
/// Within one office a later statement takes the place of an earlier one, whoever held it then. One office never takes
/// the place of another: a government or a country holds what each of its offices does.
pub fn roll_up(view: &View<'_>, level: Level) -> Vec<HeldPosition> {
    let acts = statements(view);
    let mut said: BTreeMap<(String, &str), Vec<Voice<'_>>> = BTreeMap::new();
    for (topic, speaker, act) in voices(view, &acts) {
        for seat in seats(view, act.statement, speaker, level.min(Level::Office), act.span) {
            let voice = Voice { speaker, act, certain: seat.certain };
            said.entry((seat.holder, topic)).or_default().push(voice);
        }
    }
    let mut held: BTreeMap<(String, &str), Vec<(Newness, HeldPosition)>> = BTreeMap::new();
    for ((_, topic), voices) in said {
        let in_order = in_order(view, topic, voices, Listed::Happened);
        for (Voice { speaker, act, .. }, position, _) in in_order {
            let mut through = seats(view, act.statement, speaker, Level::Office, act.span);
            through.retain(|seat| seat.reached);
            for seat in seats(view, act.statement, speaker, level, act.span) {
                let mut position = position.clone();
                rest_on_path(view, &mut position, &seat);
                if !seat.certain {
                    position.flags.push(Flag::TenureUncertain);
                    position.flags.sort();
                }
                let of_holder = held.entry((seat.holder.clone(), topic)).or_default();
                let is_above = |office: &str| {
                    // What nobody above spoke for, and who spoke, is under all offices of the speaker.
                    !seat.reached
                        || level < Level::Office
                        || leads_to(view, office, level, &seat.holder, act.span)
                };
                let above = through.iter().filter(|seat| is_above(&seat.holder));
                let offices = above.clone().map(|seat| seat.holder.clone()).collect();
                let possible = above.filter(|seat| !seat.certain);
                let possible_offices = possible.map(|seat| seat.holder.clone()).collect();
                let one = HeldPosition { seat, offices, possible_offices, position };
                // A speaker of two offices is heard once for what is above both, and stays current if either does.
                match of_holder.iter_mut().find(|(_, known)| known.is_same_voice(&one)) {
                    Some((_, known)) if one.position.current => *known = one,
                    Some(_) => {}
                    None => of_holder.push((act.newness(), one)),
                }
            }
        }
    }
    for of_holder in held.values_mut() {
        of_holder.sort_by_key(|(newness, _)| std::cmp::Reverse(*newness));
    }
    held.into_values().flatten().map(|(_, one)| one).collect()
}

/// Has a position rest on what says that those on the way up to its holder are one with others.
fn rest_on_path(view: &View<'_>, position: &mut Position, seat: &Seat) {
    let below = seat.path.split_last().map_or(&[][..], |(_, below)| below);
    let actors = below.iter().filter_map(|actor| view.fact_by_id(actor));
    let resolved_by: Vec<u64> = actors.flat_map(|actor| &actor.resolved_by).copied().collect();
    if resolved_by.is_empty() {
        return;
    }
    let known = position.rests_on.iter().filter_map(|id| view.history().seq_of(id));
    let all: BTreeSet<u64> = known.chain(resolved_by).collect();
    position.rests_on = all.into_iter().map(|seq| view.history().id_of(seq)).collect();
}

/// For whom of a level a statement was spoken, and on what topic, whether it counts or not; `None` if it is none on a topic.
pub fn holders(view: &View<'_>, entry: &Entry, level: Level) -> Option<(Vec<Seat>, String)> {
    let event = view.told(entry)?;
    let Body::Statement(said) = &event.body else { return None };
    let at = Reported::of(&event.when.iter().collect::<Vec<_>>(), view.clocks().zone).span;
    let all = said.by.iter().flat_map(|speaker| seats(view, said, speaker, level, at)).collect();
    Some((all, event.topic.clone()?))
}

/// What the current ones of rolled-up positions come to: by holder, topic, stance and modality.
pub fn holdings(held: &[HeldPosition]) -> Vec<Holding> {
    let mut voices: BTreeMap<(&str, &str, Option<&Stance>, &Modality), Vec<&HeldPosition>> =
        BTreeMap::new();
    for one in held.iter().filter(|one| one.position.current) {
        let said = &one.position;
        let key = (&*one.seat.holder, &*said.topic, said.stance.as_ref(), &said.modality);
        voices.entry(key).or_default().push(one);
    }
    let unattributed = |one: &&HeldPosition| one.position.flags.contains(&Flag::Unattributed);
    voices
        .into_iter()
        .map(|((holder, topic, stance, modality), voices)| {
            let certain = |office: &&String| {
                let spoke = |one: &&HeldPosition| {
                    one.offices.contains(office) && !one.possible_offices.contains(office)
                };
                voices.iter().any(spoke)
            };
            let possible = voices.iter().flat_map(|one| &one.possible_offices);
            Holding {
                holder: holder.to_owned(),
                reached: voices.iter().all(|one| one.seat.reached),
                topic: topic.to_owned(),
                stance: stance.cloned(),
                modality: modality.clone(),
                offices: sorted(voices.iter().flat_map(|one| &one.offices)),
                possible_offices: sorted(possible.filter(|office| !certain(office))),
                speakers: sorted(voices.iter().map(|one| &one.position.actor)),
                events: sorted(voices.iter().map(|one| &one.position.event)),
                unattributed: voices.iter().all(unattributed),
            }
        })
        .collect()
}

fn sorted<'s>(names: impl Iterator<Item = &'s String>) -> Vec<String> {
    names.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

impl Holding {
    /// Whether a position is one of those that it sums up.
    pub fn sums_up(&self, one: &HeldPosition) -> bool {
        let said = &one.position;
        (&self.holder, &self.topic, &self.stance, &self.modality)
            == (&one.seat.holder, &said.topic, &said.stance, &said.modality)
    }
}

impl HeldPosition {
    fn is_same_voice(&self, other: &Self) -> bool {
        let (a, b) = (&self.position, &other.position);
        (&a.actor, &a.event) == (&b.actor, &b.event)
    }
}
