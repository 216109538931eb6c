//! Append: check everything, then make everything part of the log at once, or nothing.
//!
//! Events are taken one after the other, as they stand in the input. What passes every gate gets its header at once; full
//! bundles of a long input are staged in the store while the rest is still being read, so that no event is held in memory
//! to the end. What grows with it is small: the filters of the names (a byte and a half each), references to what has not
//! come yet, what is refused, and the stretches of its lines. Nothing of it is part of the log before the last step moves the head. Lines are made ready on every core
//! ([`super::prepare`]), and bundles packed there ([`super::staging`]); what follows from the order of events is done
//! here, by one thread.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use super::gates::{
    Cause, InputError, Knows, Leads, NoText, Reference, Refusal, Search, SourceFiles, Spelling,
    add_references, check_quotes, check_reference, correctable, leads_nowhere, leads_to,
    normal_value, references, spellings_of,
};
use super::names::{AtHand, Key, Name, is_listed, keys_of};
use super::prepare::{Item, Lines, Prepared, Ready};
use super::sources::{Found, Texts, blob_name, holds};
use super::staging::{Staging, Workers};
use super::{EventLog, Surroundings, content_hash, read_payload};
use crate::model::calendar::Instant;
use crate::model::check::{Checked, check};
use crate::model::event::{Body, Event};
use crate::model::id::{self, slug};
use crate::model::limits::{PAYLOAD_BYTES_MAX, REFUSED_LINES_MAX, SIMILAR_SEARCHES_MAX};
use crate::model::schema::{KINDS, Kind, Target};
use crate::model::value::{Object, Value};
use crate::record::commitment::{Commitment, Salt, commit_payload, commit_sealed};
use crate::record::header::Header;
use crate::record::json;
use crate::record::link::Link;
use crate::replay::Content;
use crate::store::{EventRef, Head, Part, PartRef, Store, StoreError, StoredEvent};

/// How many bytes of input are made ready at a time.
const LINES_BYTES: usize = 512 * 1024;
/// How many lots of lines are made ready ahead of the one that is taken.
const LOTS_AHEAD: usize = 6;
/// So many kinds of events by id are remembered.
const KINDS_REMEMBERED: usize = 1 << 16;
/// How many bytes of captured files are held before they are written ahead of their events.
const BLOB_BYTES_HELD: usize = 64 * 1024 * 1024;
/// In logs of at most so many events every id is looked at for one that was meant; in longer ones those of the kinds of
/// which there are few.
const SEARCHED_EVENTS_MAX: u64 = 1 << 16;

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
    pub clock_went_back: Option<(Instant, Instant)>,
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

    /// What came of each event of an append, in the order of the input.
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
        let clock = surroundings.now();
        let recorded_at = clock.max(self.last_recorded);
        let mut excluded: BTreeMap<u64, Refusal> = BTreeMap::new();
        loop {
            // Whatever ends this, also a panic: what it leaves is let go of before anything else.
            self.unsettled = true;
            let mut appending = Appending::new(self, options, recorded_at, &excluded);
            let submitted = submit(&mut appending, surroundings);
            let settled = submitted.and_then(|()| Ok(appending.settle()?));
            let refused = match settled {
                Ok(refused) => refused,
                Err(error) => {
                    self.give_up();
                    return Err(error);
                }
            };
            if !refused.is_empty() && !options.keep_going {
                self.give_up();
                return Err(AppendError::Refused(without_consequences(refused)));
            }
            // What was taken may have referred, ahead, to what was refused: then it goes too, and the rest is taken
            // again without it.
            let again = appending.looked_ahead && !refused.is_empty();
            let nothing = appending.stretches.is_empty();
            if again || (nothing && !(refused.is_empty() && excluded.is_empty())) {
                self.give_up();
                excluded.extend(refused);
                if again {
                    self.settle()?;
                    continue;
                }
                return Err(AppendError::Refused(excluded.into_values().collect()));
            }
            let stretches = match appending.finish() {
                Ok(stretches) => stretches,
                Err(error) => {
                    self.give_up();
                    return Err(error.into());
                }
            };
            excluded.extend(refused);
            let went_back = (clock < recorded_at).then_some((clock, recorded_at));
            return Ok(Appended {
                stretches,
                outcomes: Vec::new(),
                left_out: excluded.into_values().collect(),
                clock_went_back: went_back,
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
pub(super) struct Appending<'l, S> {
    log: &'l mut EventLog<S>,
    options: AppendOptions,
    recorded_at: Instant,
    /// What of the input is left out without a look at it, by its place.
    excluded: &'l BTreeMap<u64, Refusal>,
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
    refused: Vec<(u64, Refusal)>,
    refused_ids: BTreeSet<String>,
    /// References to what has not come yet.
    awaited: Vec<Awaited>,
    looked_ahead: bool,
}

/// Submits events to an append; it may be asked to more than once.
type Submit<'s, S> =
    dyn FnMut(&mut Appending<'_, S>, &mut dyn Surroundings) -> Result<(), AppendError> + 's;

/// A reference to what has not come yet.
struct Awaited {
    place: u64,
    line: Option<u64>,
    /// The id of the event that makes it.
    from: Option<String>,
    path: String,
    id: String,
    target: Target,
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
        excluded: &'l BTreeMap<u64, Refusal>,
    ) -> Self {
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
            refused: Vec::new(),
            refused_ids: excluded.values().filter_map(|refusal| refusal.id.clone()).collect(),
            awaited: Vec::new(),
            looked_ahead: false,
        }
    }

    /// Takes one event of the input.
    fn submit(
        &mut self,
        submission: &Submission,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<(), AppendError> {
        if !self.excluded.contains_key(&self.place) {
            let line = submission.line;
            let (id, result) = match &submission.event {
                Err(error) => (None, Err(vec![Cause::Input(error.clone())])),
                Ok(event) => {
                    let id = given_id(event);
                    (id.clone(), self.consider(event.clone(), line, id, files, surroundings)?)
                }
            };
            if let Err(causes) = result {
                self.refused_ids.extend(id.clone());
                self.refused.push((self.place, Refusal { line, id, causes }));
                if self.refused.len() >= REFUSED_LINES_MAX {
                    let refused = std::mem::take(&mut self.refused);
                    let refused = refused.into_iter().map(|(_, refusal)| refusal).collect();
                    return Err(AppendError::Refused(refused));
                }
            }
        }
        self.place = self.place.saturating_add(1);
        Ok(())
    }

    /// Takes all lines of an input, made ready on every core if there are many.
    fn submit_lines(
        &mut self,
        input: &mut dyn Input,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<(), AppendError> {
        let mut errors = BTreeMap::new();
        let first = read_lines(input, &mut errors, surroundings)?;
        if first.bytes.len() < LINES_BYTES {
            let prepared = Prepared::of(first);
            return self.take_prepared(&prepared, &mut errors, files, surroundings);
        }
        Workers::during(|workers| {
            self.staging.use_workers(workers.clone());
            let mut ahead = std::collections::VecDeque::new();
            ahead.push_back(workers.give(|| Prepared::of(first)));
            let mut ended = false;
            let result = 'lots: loop {
                while !ended && ahead.len() < LOTS_AHEAD {
                    match read_lines(input, &mut errors, surroundings) {
                        Ok(lines) if lines.ends.is_empty() => ended = true,
                        Ok(lines) => ahead.push_back(workers.give(|| Prepared::of(lines))),
                        Err(error) => break 'lots Err(error.into()),
                    }
                }
                let Some(next) = ahead.pop_front() else { break Ok(()) };
                let taken = next.wait().map_err(AppendError::from).and_then(|prepared| {
                    self.take_prepared(&prepared, &mut errors, files, surroundings)
                });
                if taken.is_err() {
                    break taken;
                }
            };
            let drained = self.staging.stop_workers(&mut self.log.store);
            result.and_then(|()| Ok(drained?))
        })
    }

    fn take_prepared(
        &mut self,
        prepared: &Prepared,
        errors: &mut BTreeMap<u64, InputError>,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<(), AppendError> {
        for (index, item) in prepared.items.iter().enumerate() {
            let Some((number, line)) = prepared.lines.line(index) else { continue };
            if let Item::Ready(ready, commitment) = item
                && !self.excluded.contains_key(&self.place)
                && self.is_in_order(prepared, ready)?
            {
                let (payload, salt) = prepared.payload(ready);
                let sealed = prepared
                    .sealed(ready)
                    .map(|(bytes, salt, commitment)| (bytes, Some((salt, commitment))));
                let keys = std::iter::once(ready.key).chain(ready.other_keys.iter().copied());
                let payload = (payload, Some((salt, *commitment)));
                let seq = self.write(ready.kind, payload, sealed, keys, surroundings)?;
                self.note(Some(number), seq, false, false);
                self.place = self.place.saturating_add(1);
                continue;
            }
            let submission = match errors.remove(&number) {
                Some(error) => Submission { line: Some(number), event: Err(error) },
                None => Submission::read(number, line),
            };
            self.submit(&submission, files, surroundings)?;
        }
        self.log.names.reach(self.staging.head().size);
        self.log.names.make_room(&mut self.log.store)?;
        self.write_blobs_ahead()?;
        Ok(())
    }

    /// Whether a new event that was made ready passes every gate. If not, or if that takes more to know, it is looked at
    /// again in full.
    fn is_in_order(&mut self, prepared: &Prepared, ready: &Ready) -> Result<bool, StoreError> {
        if !self.log.names.find(ready.key, &self.log.store)?.is_empty()
            || prepared.id(ready).is_some_and(|id| self.refused_ids.contains(id))
        {
            return Ok(false);
        }
        for (target, id) in prepared.references_of(ready) {
            if !self.kind_of(id)?.is_some_and(|kind| leads_to(kind, target)) {
                return Ok(false);
            }
        }
        for (source, quote) in prepared.quotes_of(ready) {
            match self.source_text(source)? {
                Ok(text) if holds(&text, quote) => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Takes an event that passes every gate; what is wrong with it otherwise.
    fn consider(
        &mut self,
        event: Value<'static>,
        line: Option<u64>,
        own_id: Option<String>,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Result<(), Vec<Cause>>, StoreError> {
        let Checked { kind, mut payload, sealed } = match check(event) {
            Ok(checked) => checked,
            Err(problems) => {
                return Ok(Err(problems.into_iter().map(Cause::Shape).collect()));
            }
        };
        let before = self.blobs.len();
        let named = name_it(kind, &mut payload)
            .and_then(|()| capture(kind, &mut payload, files, &mut self.blobs));
        if self.blobs.len() > before {
            self.blob_bytes = self.blobs.values().map(Vec::len).sum();
        }
        if let Err(causes) = named {
            return Ok(Err(causes));
        }
        if let Err(causes) = self.normalise_correction(kind, &mut payload)? {
            return Ok(Err(causes));
        }
        let sealed = sealed.map(|object| json::canonical(&Value::Object(object)));
        let bytes = json::canonical(&Value::Object(payload.clone()));
        for (part, bytes) in [("payload", Some(&bytes)), ("sealed part", sealed.as_ref())] {
            if let Some(found) = bytes.map(Vec::len).filter(|found| *found > PAYLOAD_BYTES_MAX) {
                let most = PAYLOAD_BYTES_MAX;
                return Ok(Err(vec![Cause::TooLong { part, found, most }]));
            }
        }
        match self.known_already(&payload, &bytes, sealed.as_deref())? {
            Recognised::New => {}
            Recognised::Same(seq) => {
                self.note(line, seq, true, false);
                return Ok(Ok(()));
            }
            Recognised::Taken(cause) => return Ok(Err(vec![cause])),
        }
        if self.options.declare {
            self.declare_missing(kind, &payload, surroundings)?;
        }
        let causes = self.gate(kind, &payload, line, own_id)?;
        if !causes.is_empty() {
            return Ok(Err(causes));
        }
        let seq = self.write_read(kind, &bytes, sealed.as_deref(), surroundings)?;
        self.note(line, seq, false, false);
        Ok(Ok(()))
    }

    /// Writes an event that was not made ready before.
    fn write_read(
        &mut self,
        kind: Kind,
        payload: &[u8],
        sealed: Option<&[u8]>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<u64, StoreError> {
        let keys = match read_payload(payload, kind.name()) {
            Content::Readable(event) => keys_of(&event, payload, sealed),
            _ => Vec::new(),
        };
        let sealed = sealed.map(|bytes| (bytes, None));
        self.write(kind, (payload, None), sealed, keys.into_iter(), surroundings)
    }

    /// Gives an event its header, and stages it.
    fn write(
        &mut self,
        kind: Kind,
        (payload, committed): NewPart<'_>,
        sealed: Option<NewPart<'_>>,
        keys: impl Iterator<Item = Key>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<u64, StoreError> {
        let (salt, commitment) = committed.unwrap_or_else(|| {
            let salt = Salt(surroundings.salt());
            (salt, commit_payload(&salt, payload))
        });
        let sealed = sealed.map(|(bytes, committed)| {
            let (salt, commitment) = committed.unwrap_or_else(|| {
                let salt = Salt(surroundings.salt());
                (salt, commit_sealed(&salt, bytes))
            });
            (bytes, salt, commitment)
        });
        let head = self.staging.head();
        let header = Header {
            kind: kind.name().to_owned(),
            log: self.log.origin.clone(),
            payload: commitment,
            sealed: sealed.as_ref().map(|(_, _, commitment)| *commitment),
            prev: Link(head.link),
            recorded_at: self.recorded_at,
            seq: head.size,
        };
        let header = header.to_bytes();
        let event = EventRef {
            header: &header,
            payload: PartRef::Present { salt: &salt.0, bytes: payload },
            sealed: sealed
                .as_ref()
                .map(|(bytes, salt, _)| PartRef::Present { salt: &salt.0, bytes }),
        };
        for key in keys {
            self.log.names.push(key, head.size);
        }
        self.staging.push(event, Link::of(&header), &mut self.log.store)?;
        Ok(head.size)
    }

    /// Notes what came of an event.
    fn note(&mut self, line: Option<u64>, seq: u64, already_there: bool, declared: bool) {
        if let Some(last) = self.stretches.last_mut() {
            let next_line = last.line.map(|line| line.saturating_add(last.count));
            if (last.already_there, last.declared) == (already_there, declared)
                && last.seq.saturating_add(last.count) == seq
                && next_line == line
            {
                last.count = last.count.saturating_add(1);
                return;
            }
        }
        self.stretches.push(Stretch { line, seq, count: 1, already_there, declared });
    }

    /// Whether the log, or the input so far, has this event already.
    fn known_already(
        &mut self,
        payload: &Object<'_>,
        bytes: &[u8],
        sealed: Option<&[u8]>,
    ) -> Result<Recognised, StoreError> {
        let Some(Value::Text(id)) = payload.get("id") else {
            let key = Name::Content(&content_hash(bytes, sealed)).key();
            for seq in self.log.names.find(key, &self.log.store)? {
                let Some(known) = self.stored(seq)? else { continue };
                if open_bytes(&known.payload) == Some(bytes)
                    && known.sealed.as_ref().and_then(open_bytes) == sealed
                {
                    return Ok(Recognised::Same(seq));
                }
            }
            return Ok(Recognised::New);
        };
        let Some(seq) = self.seq_of(id)? else { return Ok(Recognised::New) };
        let stored = self.stored(seq)?;
        let known = stored.as_ref().and_then(|event| open_bytes(&event.payload));
        let known_sealed =
            stored.as_ref().and_then(|event| event.sealed.as_ref()).and_then(open_bytes);
        if known == Some(bytes) && known_sealed == sealed {
            return Ok(Recognised::Same(seq));
        }
        let mut differs = differing_fields(known, payload);
        if known_sealed != sealed {
            differs.push("sealed".to_owned());
        }
        Ok(Recognised::Taken(Cause::IdTaken { id: id.to_string(), seq, differs }))
    }

    /// Makes the actors and topics that an event refers to and that do not exist.
    fn declare_missing(
        &mut self,
        kind: Kind,
        payload: &Object<'_>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<(), StoreError> {
        for Reference { id, target, .. } in self.all_references(kind, payload)? {
            let kind = match target {
                Target::Actor | Target::ActorOrSource => Kind::Actor,
                Target::Topic => Kind::Topic,
                _ => continue,
            };
            if self.kind_of(id)?.is_some()
                || self.seq_of(id)?.is_some()
                || id::check_new(id).is_err()
                || self.refused_ids.contains(id)
            {
                continue;
            }
            let made: Object<'_> = [("id", id), ("kind", kind.name()), ("name", id)]
                .into_iter()
                .map(|(name, text)| (name.into(), Value::Text(text.into())))
                .collect();
            let bytes = json::canonical(&Value::Object(made));
            let seq = self.write_read(kind, &bytes, None, surroundings)?;
            self.note(None, seq, false, true);
        }
        Ok(())
    }

    /// Checks references and quotations.
    fn gate(
        &mut self,
        kind: Kind,
        payload: &Object<'_>,
        line: Option<u64>,
        own_id: Option<String>,
    ) -> Result<Vec<Cause>, StoreError> {
        let mut causes = Vec::new();
        let mut awaited = Vec::new();
        for reference in self.all_references(kind, payload)? {
            match check_reference(&reference, self)? {
                Leads::There => {}
                Leads::Astray(cause) => causes.push(cause),
                Leads::Ahead => awaited.push(Awaited {
                    place: self.place,
                    line,
                    from: own_id.clone(),
                    path: reference.path,
                    id: reference.id.to_owned(),
                    target: reference.target,
                }),
            }
        }
        if let (Some(Value::Text(of)), Some(Value::Text(twin))) =
            (payload.get("of"), payload.get("duplicate_of"))
            && (of == twin || self.kind_of(of)? != self.kind_of(twin)?)
        {
            let (of, duplicate_of) = (of.to_string(), twin.to_string());
            causes.push(Cause::NotADuplicate { of, duplicate_of });
        }
        if !causes.is_empty() {
            return Ok(causes);
        }
        let corrected = match payload.get("field") {
            Some(Value::Text(field)) if kind == Kind::Correction && *field == "cites" => {
                payload.get("to")
            }
            _ => None,
        };
        for cites in payload.get("cites").into_iter().chain(corrected) {
            let mut search = self.search;
            let found = check_quotes(cites, &mut |source| self.source_text(source), &mut search);
            self.search = search;
            causes.extend(found?);
        }
        if causes.is_empty() {
            self.awaited.extend(awaited);
        }
        Ok(causes)
    }

    fn normalise_correction(
        &mut self,
        kind: Kind,
        payload: &mut Object<'static>,
    ) -> Result<Result<(), Vec<Cause>>, StoreError> {
        if kind != Kind::Correction {
            return Ok(Ok(()));
        }
        let (Some(Value::Text(of)), Some(Value::Text(field))) =
            (payload.get("of"), payload.get("field"))
        else {
            return Ok(Ok(()));
        };
        let field = match correctable(of, field, self.kind_of(of)?) {
            Ok(field) => field,
            Err(cause) => return Ok(Err(vec![cause])),
        };
        if let (Some(field), Some(to)) = (field, payload.remove("to")) {
            match normal_value(field, to) {
                Ok(value) => drop(payload.insert("to".into(), value)),
                Err(causes) => return Ok(Err(causes)),
            }
        }
        Ok(Ok(()))
    }

    /// Every reference of an event; those in the value of a correction count as its own.
    fn all_references<'e>(
        &mut self,
        kind: Kind,
        payload: &'e Object<'_>,
    ) -> Result<Vec<Reference<'e>>, StoreError> {
        let Some(spec) = kind.spec() else { return Ok(Vec::new()) };
        let mut found = references(payload, &|name| spec.field(name), "");
        if kind == Kind::Correction
            && let (Some(Value::Text(of)), Some(Value::Text(field)), Some(to)) =
                (payload.get("of"), payload.get("field"), payload.get("to"))
            && let Ok(Some(field)) = correctable(of, field, self.kind_of(of)?)
        {
            add_references(field, to, &format!("to ({})", field.name), &mut found);
        }
        Ok(found)
    }

    fn source_text(&mut self, id: &str) -> Result<Result<Rc<str>, NoText>, StoreError> {
        let event = match self.seq_of(id)? {
            Some(seq) => self.event(seq)?,
            None => None,
        };
        let Some(Body::Source(source)) = event.map(|event| event.body) else {
            return Ok(Err(NoText::NotCaptured));
        };
        let Some(hash) = source.text_hash() else { return Ok(Err(NoText::NotCaptured)) };
        let (blobs, store) = (&self.blobs, &self.log.store);
        let mut bytes = || match blobs.get(hash) {
            Some(held) => Ok(Some(held.clone())),
            None => store.blob(&blob_name(hash)),
        };
        Ok(match self.texts.load(hash, &mut bytes)? {
            Found::Text(text) => Ok(text),
            Found::NotText(at) => Err(NoText::NotUtf8(at)),
            Found::Nothing => Err(NoText::Gone),
        })
    }

    /// The stored bytes of an event, whether of the log or of this append.
    fn stored(&mut self, seq: u64) -> Result<Option<StoredEvent>, StoreError> {
        match self.staging.stored(seq) {
            Some(event) => Ok(Some(event)),
            None if seq < self.staging.head().size => self.at_hand.stored(seq, &self.log.store),
            None => Ok(None),
        }
    }

    fn write_blobs_ahead(&mut self) -> Result<(), StoreError> {
        if self.blob_bytes > BLOB_BYTES_HELD { self.write_blobs() } else { Ok(()) }
    }

    fn write_blobs(&mut self) -> Result<(), StoreError> {
        for (blake3, bytes) in std::mem::take(&mut self.blobs) {
            self.log.store.put_blob(&blob_name(&blake3), &bytes)?;
        }
        self.blob_bytes = 0;
        Ok(())
    }

    /// Sees whether everything that was awaited has come. Returns all that is refused, in the order of the input.
    fn settle(&mut self) -> Result<Vec<(u64, Refusal)>, StoreError> {
        self.looked_ahead = !self.awaited.is_empty();
        for Awaited { place, line, from, path, id, target } in std::mem::take(&mut self.awaited) {
            let of_measures = matches!(target, Target::Measure | Target::EventOrMeasure);
            if (target != Target::Measure && self.seq_of(&id)?.is_some())
                || (of_measures && self.has_measure(&id)?)
            {
                continue;
            }
            let cause = leads_nowhere(path, id, target, self)?;
            let same = self.refused.iter_mut().find(|(of, _)| *of == place);
            if let Some((_, refusal)) = same {
                refusal.causes.push(cause);
            } else {
                self.refused_ids.extend(from.clone());
                self.refused.push((place, Refusal { line, id: from, causes: vec![cause] }));
            }
        }
        let mut refused = std::mem::take(&mut self.refused);
        refused.sort_by_key(|(place, _)| *place);
        Ok(refused)
    }

    /// Makes everything part of the log.
    fn finish(mut self) -> Result<Vec<Stretch>, StoreError> {
        if self.staging.head() == self.log.head {
            self.log.unsettled = false;
            return Ok(self.stretches);
        }
        self.write_blobs()?;
        let (head, frontier, statements) = self.staging.finish(&mut self.log.store)?;
        // From here on they are in the log, whatever comes of the tables: those are derived from the events, and are so
        // again where they could not be kept.
        self.log.head = head;
        self.log.frontier = frontier;
        self.log.last_recorded = self.recorded_at;
        let kept = statements.map_or(Ok(()), |mut table| table.keep(&mut self.log.store));
        self.log.unsettled = kept.is_err();
        self.log.keep_names();
        Ok(self.stretches)
    }
}

impl<S: Store> Knows for Appending<'_, S> {
    fn seq_of(&mut self, id: &str) -> Result<Option<u64>, StoreError> {
        if let Some(seq) = id::seq_of(id) {
            return Ok((seq < self.staging.head().size).then_some(seq));
        }
        for seq in self.log.names.find(Name::Id(id).key(), &self.log.store)? {
            if self.event(seq)?.is_some_and(|event| event.id.as_deref() == Some(id)) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    fn event(&mut self, seq: u64) -> Result<Option<Event>, StoreError> {
        Ok(self.stored(seq)?.and_then(|stored| event_of(&stored)))
    }

    fn kind_of(&mut self, id: &str) -> Result<Option<Kind>, StoreError> {
        if let Some(kind) = self.log.kinds.get(id) {
            return Ok(Some(*kind));
        }
        let event = match self.seq_of(id)? {
            Some(seq) => self.event(seq)?,
            None => None,
        };
        let kind = event.map(|event| event.kind());
        if let Some(kind) = kind {
            if self.log.kinds.len() >= KINDS_REMEMBERED {
                self.log.kinds.clear();
            }
            self.log.kinds.insert(id.to_owned(), kind);
        }
        Ok(kind)
    }

    fn has_measure(&mut self, id: &str) -> Result<bool, StoreError> {
        for seq in self.log.names.find(Name::Measure(id).key(), &self.log.store)? {
            if let Some(Body::Measure(step)) = self.event(seq)?.map(|event| event.body)
                && step.measure == id
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_refused(&self, id: &str) -> bool {
        self.refused_ids.contains(id)
    }

    fn spellings(&mut self, target: Target) -> Result<Vec<Spelling>, StoreError> {
        if self.searches == SIMILAR_SEARCHES_MAX {
            return Ok(Vec::new());
        }
        self.searches = self.searches.saturating_add(1);
        let mut seqs = BTreeSet::new();
        if self.staging.head().size <= SEARCHED_EVENTS_MAX {
            seqs.extend(0..self.staging.head().size);
        } else {
            for kind in KINDS.iter().map(|spec| spec.kind).filter(|kind| is_listed(*kind)) {
                seqs.extend(self.log.names.find(Name::Kind(kind).key(), &self.log.store)?);
            }
        }
        let (mut measures, mut spellings) = (BTreeSet::new(), Vec::new());
        for seq in seqs {
            let Some(event) = self.event(seq)? else { continue };
            if let Body::Measure(step) = &event.body {
                measures.insert(step.measure.clone());
            }
            if leads_to(event.kind(), target) {
                spellings_of(&event, &mut spellings);
            }
        }
        spellings.sort_by(|(_, a, _), (_, b, _)| a.cmp(b));
        if matches!(target, Target::Measure | Target::EventOrMeasure) {
            let ids = measures.into_iter().map(|id| (id.clone(), id, None));
            spellings = ids.chain(spellings).collect();
        }
        Ok(spellings)
    }
}

/// The next lot of lines.
fn read_lines(
    input: &mut dyn Input,
    errors: &mut BTreeMap<u64, InputError>,
    surroundings: &mut dyn Surroundings,
) -> io::Result<Lines> {
    let mut lines = Lines::default();
    while lines.bytes.len() < LINES_BYTES {
        let Some((number, line)) = input.next_line()? else { break };
        match line {
            Ok(line) => lines.bytes.extend_from_slice(line),
            Err(error) => drop(errors.insert(number, error)),
        }
        lines.ends.push((number, lines.bytes.len()));
    }
    lines.seed = surroundings.salt();
    Ok(lines)
}

/// What a stored event says, if it can be read.
pub(super) fn event_of(stored: &StoredEvent) -> Option<Event> {
    let header = Header::from_bytes(&stored.header).ok()?;
    match read_payload(open_bytes(&stored.payload)?, &header.kind) {
        Content::Readable(event) => Some(*event),
        _ => None,
    }
}

fn open_bytes(part: &Part) -> Option<&[u8]> {
    match part {
        Part::Present { bytes, .. } => Some(bytes),
        Part::Absent => None,
    }
}

fn given_id(event: &Value<'_>) -> Option<String> {
    let Value::Object(event) = event else { return None };
    match event.get("id") {
        Some(Value::Text(id)) => Some(id.to_string()),
        _ => None,
    }
}

/// Refusals that are not merely consequences of others; all of them if every one is.
fn without_consequences(refused: Vec<(u64, Refusal)>) -> Vec<Refusal> {
    let is_consequence = |refusal: &Refusal| {
        refusal.causes.iter().all(|cause| matches!(cause, Cause::DependsOnRefused { .. }))
    };
    let all: Vec<Refusal> = refused.into_iter().map(|(_, refusal)| refusal).collect();
    if all.iter().all(is_consequence) {
        return all;
    }
    all.into_iter().filter(|refusal| !is_consequence(refusal)).collect()
}

/// Sources, actors and topics are referred to by name, so they need one.
pub(super) fn name_it(kind: Kind, payload: &mut Object<'_>) -> Result<(), Vec<Cause>> {
    if !matches!(kind, Kind::Source | Kind::Actor | Kind::Topic) || payload.get("id").is_some() {
        return Ok(());
    }
    let named = payload.get("name").or_else(|| payload.get("title"));
    let made = match named {
        Some(Value::Text(name)) => slug(name),
        _ => String::new(),
    };
    if id::check_new(&made).is_err() {
        return Err(vec![Cause::NoName { kind }]);
    }
    payload.insert("id".into(), Value::Text(made.into()));
    Ok(())
}

/// Reads and hashes the files of a source.
fn capture(
    kind: Kind,
    payload: &mut Object<'static>,
    files: &mut dyn SourceFiles,
    blobs: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Vec<Cause>> {
    if kind != Kind::Source {
        return Ok(());
    }
    let mut causes = Vec::new();
    for (file, hash, size) in
        [("file", "blake3", "bytes"), ("text_file", "text_blake3", "text_bytes")]
    {
        let Some(Value::Text(name)) = payload.get(file).cloned() else {
            for path in [hash, size].into_iter().filter(|path| payload.get(path).is_some()) {
                causes.push(Cause::CaptureMissing { path });
            }
            continue;
        };
        let bytes = match files.read(&name) {
            Ok(bytes) => bytes,
            Err(error) => {
                causes.push(Cause::File { path: file, error });
                continue;
            }
        };
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        let count = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        for (path, found) in
            [(hash, Value::Text(blake3.clone().into())), (size, Value::Integer(count))]
        {
            if let Some(given) = payload.insert(path.into(), found.clone())
                && given != found
            {
                let (given, found) = (plain(&given), plain(&found));
                causes.push(Cause::CaptureDiffers { path, given, found });
            }
        }
        // Where the file lay is no part of the report, and may give away who made it.
        let base = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        payload.insert(file.into(), Value::Text(base.into()));
        blobs.insert(blake3, bytes);
    }
    if causes.is_empty() { Ok(()) } else { Err(causes) }
}

fn plain(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Integer(number) => number.to_string(),
        other => other.kind_name().to_owned(),
    }
}

/// The fields in which an event differs from one already stored.
fn differing_fields(known: Option<&[u8]>, payload: &Object<'_>) -> Vec<String> {
    let Some(Ok(Value::Object(known))) = known.map(json::parse) else {
        return vec!["content that can no longer be read".to_owned()];
    };
    let names: BTreeSet<&str> = known.iter().chain(payload.iter()).map(|(name, _)| name).collect();
    let differs = names.into_iter().filter(|name| known.get(name) != payload.get(name));
    differs.map(str::to_owned).collect()
}
