//! Append: check everything, then make everything part of the log at once, or nothing.
//!
//! Events are taken one after the other, as they stand in the input. What passes every gate gets its header at once; full
//! bundles of a long input are staged in the store while the rest is still being read, so that no event is held in memory
//! to the end. What grows with it is small: the filters of the names (a byte and a half each), references to what has not
//! come yet, what is refused, and the stretches of its lines. Nothing of it is part of the log before the last step moves
//! the head. Lines are made ready on every core ([`super::prepare`]), and bundles packed there ([`super::staging`]); what
//! follows from the order of events is done here, by one thread.

mod check;
mod complete;
mod lookup;
mod take;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

pub(super) use self::complete::name_it;
pub(super) use self::lookup::event_of;
use super::gates::{Cause, InputError, Reference, Refusal, Search, SourceFiles};
use super::names::AtHand;
use super::sources::Texts;
use super::staging::Staging;
use super::{ClockError, EventLog, Surroundings, WentBack};
use crate::model::calendar::Instant;
use crate::model::id;
use crate::model::schema::{Kind, Target};
use crate::model::value::Value;
use crate::record::commitment::{Commitment, Salt};
use crate::record::header::Header;
use crate::record::json;
use crate::record::link::Link;
use crate::store::{Head, Store, StoreError};

/// After so many rounds in which something goes for what did not come, what is refused is judged no more.
const ROUNDS_MAX: usize = 8;

/// One event as it was given.
#[derive(Debug)]
pub struct Submission {
    /// The line of the input, counted from 1, where it comes from lines.
    pub line: Option<u64>,
    /// The event, or why the line holds none.
    pub event: Result<Value<'static>, InputError>,
}

impl Submission {
    /// Reads one line of input.
    pub fn read(line: u64, bytes: &[u8]) -> Self {
        let event = match json::parse(bytes) {
            Ok(value) => Ok(value.into_owned()),
            Err(error) => Err(InputError::Json(error)),
        };
        Self { line: Some(line), event }
    }
}

/// A line of input: its number, counted from 1, and its bytes without the line feed, or why it is not taken.
pub type InputLine<'i> = (u64, Result<&'i [u8], InputError>);

/// Lines that can be read more than once.
pub trait Input {
    /// The next line that is not blank; `None` at the end.
    fn next_line(&mut self) -> io::Result<Option<InputLine<'_>>>;

    /// Goes back to the first line.
    fn rewind(&mut self) -> io::Result<()>;
}

/// How to append.
#[derive(Debug, Clone, Copy, Default)]
pub struct AppendOptions {
    /// Make actors and topics that events refer to and that do not exist.
    pub declare: bool,
    /// Leave out what is refused and append the rest, rather than nothing.
    pub keep_going: bool,
}

/// What came of an append.
#[derive(Debug)]
pub struct Appended {
    /// What came of the events, in the order of the input; made actors and topics stand before what needed them.
    pub stretches: Vec<Stretch>,
    /// The same, event by event, as far as they can be read back; empty after [`EventLog::append_lines`], for which see
    /// [`EventLog::outcomes`].
    pub outcomes: Vec<Outcome>,
    /// What was left out, with [`AppendOptions::keep_going`].
    pub left_out: Vec<Refusal>,
    /// The time that the clock gave, and the later one that was recorded, if the clock had gone back.
    pub clock_went_back: Option<WentBack>,
    /// The head after it.
    pub head: Head,
}

/// Events that follow one another in the input and in the log, of which the same came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The line of the first; `None` for what does not come from lines, or was made by [`AppendOptions::declare`].
    pub line: Option<u64>,
    /// The number of the first.
    pub seq: u64,
    /// How many they are.
    pub count: u64,
    /// Whether the log had them already, so that nothing was written.
    pub already_there: bool,
    /// Whether they were made because another event refers to them.
    pub declared: bool,
}

/// What came of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The line of the input; `None` for what was made by [`AppendOptions::declare`].
    pub line: Option<u64>,
    /// The id by which it is known.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// Its number.
    pub seq: u64,
    /// Its link.
    pub link: Link,
    /// Whether the log had it already, so that nothing was written.
    pub already_there: bool,
    /// Whether it was made because another event refers to it.
    pub declared: bool,
}

/// Nothing was appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Some events are refused.
    #[error("{} refused", .0.len())]
    Refused(Vec<Refusal>),
    /// The store cannot be read or written. If it failed while the head moved, opening the log again shows whether it did.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The time cannot be recorded.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The input cannot be read.
    #[error("the input cannot be read: {0}")]
    Input(#[from] io::Error),
}

impl Appended {
    /// How many events were written.
    pub fn written(&self) -> u64 {
        self.stretches.iter().filter(|one| !one.already_there).map(|one| one.count).sum()
    }

    /// The same without what came of any event.
    #[must_use]
    pub fn nothing_else(&self) -> Self {
        Self {
            stretches: Vec::new(),
            outcomes: Vec::new(),
            left_out: Vec::new(),
            clock_went_back: self.clock_went_back,
            head: self.head,
        }
    }

    /// How many the log had already.
    pub fn already_there(&self) -> u64 {
        self.stretches.iter().filter(|one| one.already_there).map(|one| one.count).sum()
    }
}

impl<S: Store> EventLog<S> {
    /// Appends events: all of them or, when one is refused, none. It returns once they are durable.
    pub fn append(
        &mut self,
        submissions: Vec<Submission>,
        options: AppendOptions,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Appended, AppendError> {
        let mut appended =
            self.append_with(options, surroundings, &mut |appending, surroundings| {
                for submission in &submissions {
                    appending.submit(submission, files, surroundings)?;
                }
                Ok(())
            })?;
        let mut outcomes = Vec::new();
        // They are in the log, also where it cannot be read back.
        let _ = self.outcomes(&appended, &mut |outcome| outcomes.push(outcome));
        appended.outcomes = outcomes;
        Ok(appended)
    }

    /// Appends lines of JSON, as [`EventLog::append`] does, in bounded memory.
    pub fn append_lines(
        &mut self,
        input: &mut dyn Input,
        options: AppendOptions,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Appended, AppendError> {
        self.append_with(options, surroundings, &mut |appending, surroundings| {
            input.rewind()?;
            appending.submit_lines(input, files, surroundings)
        })
    }

    /// What came of each event of an append, in the order of the input. An event that cannot be read back is passed over.
    pub fn outcomes(
        &self,
        appended: &Appended,
        see: &mut dyn FnMut(Outcome),
    ) -> Result<(), StoreError> {
        let mut at_hand = AtHand::default();
        for stretch in &appended.stretches {
            for (place, seq) in (0..).zip(stretch.seq..stretch.seq.saturating_add(stretch.count)) {
                let Some(event) = at_hand.stored(seq, &self.store)? else { continue };
                let header = Header::from_bytes(&event.header).ok();
                let kind = header.and_then(|header| Kind::parse(&header.kind));
                let id = event_of(&event).and_then(|event| event.id);
                see(Outcome {
                    line: stretch.line.map(|line| line.saturating_add(place)),
                    id: id.unwrap_or_else(|| id::of_seq(seq)),
                    kind: kind.unwrap_or(Kind::Note),
                    seq,
                    link: Link::of(&event.header),
                    already_there: stretch.already_there,
                    declared: stretch.declared,
                });
            }
        }
        Ok(())
    }

    /// Appends what `submit` submits, once over, or more often if something refers to what turns out to be refused.
    fn append_with(
        &mut self,
        options: AppendOptions,
        surroundings: &mut dyn Surroundings,
        submit: &mut Submit<'_, S>,
    ) -> Result<Appended, AppendError> {
        self.settle()?;
        let (recorded_at, clock_went_back) = self.next_time(surroundings)?;
        let mut excluded: BTreeMap<u64, Refusal> = BTreeMap::new();
        let mut rounds = 0;
        loop {
            // Whatever ends this, also a panic: what it leaves is let go of before anything else.
            self.unsettled = true;
            let mut appending = Appending::new(self, options, recorded_at, excluded);
            let submitted = submit(&mut appending, surroundings);
            let withdrawn = match submitted.and_then(|()| appending.settle()) {
                Ok(withdrawn) => withdrawn,
                Err(error) => {
                    self.give_up();
                    return Err(error);
                }
            };
            excluded = std::mem::take(&mut appending.excluded);
            let mut refused = std::mem::take(&mut appending.refused);
            let all_taken = refused.is_empty() && withdrawn.is_empty();
            if !all_taken && !options.keep_going {
                self.give_up();
                refused.extend(withdrawn);
                return Err(AppendError::Refused(without_consequences(refused)));
            }
            // What was taken, and referred ahead to what did not come, goes. The rest is taken again without it, since it
            // may have been refused for nothing else.
            if !withdrawn.is_empty() {
                excluded.extend(withdrawn);
                rounds += 1;
                if rounds >= ROUNDS_MAX {
                    excluded.extend(refused);
                }
                self.settle()?;
                continue;
            }
            excluded.extend(refused);
            if appending.stretches.is_empty() && !excluded.is_empty() {
                self.give_up();
                return Err(AppendError::Refused(excluded.into_values().collect()));
            }
            let stretches = match appending.finish() {
                Ok(stretches) => stretches,
                Err(error) => {
                    self.give_up();
                    return Err(error.into());
                }
            };
            return Ok(Appended {
                stretches,
                outcomes: Vec::new(),
                left_out: excluded.into_values().collect(),
                clock_went_back,
                head: self.head,
            });
        }
    }

    /// Lets go of what was staged, and of its names. Where that fails, it is tried again before they are needed; what is
    /// reported is why the append was given up.
    fn give_up(&mut self) {
        let _ = self.settle();
    }
}

/// An append under way.
struct Appending<'l, S> {
    log: &'l mut EventLog<S>,
    options: AppendOptions,
    recorded_at: Instant,
    /// What of the input is left out without a look at it, by its place.
    excluded: BTreeMap<u64, Refusal>,
    /// The place in the input, counted from 0.
    place: u64,
    staging: Staging,
    at_hand: AtHand,
    blobs: BTreeMap<String, Vec<u8>>,
    blob_bytes: usize,
    texts: Texts,
    search: Search,
    /// For how many references similar ids were looked for.
    searches: usize,
    stretches: Vec<Stretch>,
    /// What is refused for what it is, by its place.
    refused: BTreeMap<u64, Refusal>,
    refused_ids: BTreeSet<String>,
    /// The ids, and measures, of refused lines that may be taken once others are left out.
    offered: BTreeSet<String>,
    /// References to what has not come yet.
    awaited: Vec<Awaited>,
}

/// Submits events to an append; it may be asked to more than once.
type Submit<'s, S> =
    dyn FnMut(&mut Appending<'_, S>, &mut dyn Surroundings) -> Result<(), AppendError> + 's;

/// A reference to what has not come yet.
struct Awaited {
    place: u64,
    line: Option<u64>,
    /// The number and the id of the event that makes it.
    seq: u64,
    from: Option<String>,
    to: Ahead,
}

/// What may follow in the input, and the field that refers to it.
struct Ahead {
    path: String,
    id: String,
    target: Target,
}

impl Ahead {
    fn reference(&self) -> Reference<'_> {
        Reference { path: self.path.clone(), id: &self.id, target: self.target }
    }
}

/// Whether the log has an event already.
enum Recognised {
    New,
    Same(u64),
    Taken(Cause),
}

/// A part of an event that is to be written: its bytes, and its salt and commitment if they were made already.
type NewPart<'p> = (&'p [u8], Option<(Salt, Commitment)>);

impl<'l, S: Store> Appending<'l, S> {
    fn new(
        log: &'l mut EventLog<S>,
        options: AppendOptions,
        recorded_at: Instant,
        excluded: BTreeMap<u64, Refusal>,
    ) -> Self {
        let refused_ids = excluded.values().filter_map(|refusal| refusal.id.clone()).collect();
        let staging = Staging::new(log.head, log.frontier.clone());
        Self {
            log,
            options,
            recorded_at,
            excluded,
            place: 0,
            staging,
            at_hand: AtHand::default(),
            blobs: BTreeMap::new(),
            blob_bytes: 0,
            texts: Texts::default(),
            search: Search::new(),
            searches: 0,
            stretches: Vec::new(),
            refused: BTreeMap::new(),
            refused_ids,
            offered: BTreeSet::new(),
            awaited: Vec::new(),
        }
    }
}

/// Refusals that are not merely consequences of others; all of them if every one is.
fn without_consequences(refused: BTreeMap<u64, Refusal>) -> Vec<Refusal> {
    let is_consequence = |refusal: &Refusal| {
        refusal.causes.iter().all(|cause| matches!(cause, Cause::DependsOnRefused { .. }))
    };
    let all: Vec<Refusal> = refused.into_values().collect();
    if all.iter().all(is_consequence) {
        return all;
    }
    all.into_iter().filter(|refusal| !is_consequence(refusal)).collect()
}
