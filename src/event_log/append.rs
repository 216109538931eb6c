//! Append: check everything, then write everything, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::gates::{
    Cause, InputError, Known, NoText, Reference, Refusal, SourceFiles, add_references,
    check_quotes, check_reference, correctable, normal_value, references,
};
use super::sources::{Found, Texts, blob_name};
use super::{EventLog, Surroundings, content_hash, read_payload, sealed_bytes};
use crate::model::calendar::Instant;
use crate::model::check::{Checked, check};
use crate::model::event::{Body, Event};
use crate::model::id::{self, slug};
use crate::model::limits::PAYLOAD_BYTES_MAX;
use crate::model::schema::{Kind, Target};
use crate::model::value::{Object, Value};
use crate::record::commitment::{Salt, commit_payload, commit_sealed};
use crate::record::header::Header;
use crate::record::json;
use crate::record::link::Link;
use crate::replay::Entry;
use crate::store::{Change, Head, Part, Store, StoreError, StoredEvent};

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
    /// One outcome an event, in the order of the input; made actors and topics stand before what needed them.
    pub outcomes: Vec<Outcome>,
    /// What was left out, with [`AppendOptions::keep_going`].
    pub left_out: Vec<Refusal>,
    /// The time that the clock gave, and the later one that was recorded, if the clock had gone back.
    pub clock_went_back: Option<(Instant, Instant)>,
    /// The head after it.
    pub head: Head,
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
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
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
        let base = self.history.size();
        let clock = surroundings.now();
        let recorded_at = clock.max(self.last_recorded);
        let mut excluded: BTreeMap<usize, Refusal> = BTreeMap::new();
        loop {
            let result = self.stage(&submissions, options, files, recorded_at, &excluded);
            let mut staged = match result {
                Ok(staged) => staged,
                Err(error) => {
                    self.history.truncate(base);
                    return Err(error.into());
                }
            };
            if !staged.refused.is_empty() && !options.keep_going {
                self.history.truncate(base);
                return Err(AppendError::Refused(without_consequences(staged.refused)));
            }
            // What was taken may have referred, ahead, to what was refused: then it goes too, and the rest is staged
            // again without it.
            let before = excluded.len();
            for (index, refusal) in std::mem::take(&mut staged.refused) {
                excluded.insert(index, refusal);
            }
            if excluded.len() > before && !staged.ahead.is_empty() {
                self.history.truncate(base);
                continue;
            }
            if staged.outcomes.is_empty() && !excluded.is_empty() {
                self.history.truncate(base);
                return Err(AppendError::Refused(excluded.into_values().collect()));
            }
            let written = self.write(staged, recorded_at, surroundings);
            let outcomes = match written {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    self.history.truncate(base);
                    return Err(error.into());
                }
            };
            let went_back = (clock < recorded_at).then_some((clock, recorded_at));
            return Ok(Appended {
                outcomes,
                left_out: excluded.into_values().collect(),
                clock_went_back: went_back,
                head: self.head,
            });
        }
    }

    /// Checks every event against the log and those before it, and folds those that pass into the history.
    fn stage(
        &mut self,
        submissions: &[Submission],
        options: AppendOptions,
        files: &mut dyn SourceFiles,
        recorded_at: Instant,
        excluded: &BTreeMap<usize, Refusal>,
    ) -> Result<Staged, StoreError> {
        let mut staged = Staged::new(self.history.size());
        let ahead = names_ahead(submissions, excluded);
        for (index, submission) in submissions.iter().enumerate() {
            if let Some(refusal) = excluded.get(&index) {
                staged.refused_ids.extend(refusal.id.clone());
                continue;
            }
            let mut id = None;
            let result = match &submission.event {
                Err(error) => Err(vec![Cause::Input(error.clone())]),
                Ok(event) => {
                    id = given_name(event);
                    self.stage_one(
                        event.clone(),
                        submission.line,
                        options,
                        files,
                        recorded_at,
                        &mut staged,
                        &ahead,
                    )?
                }
            };
            if let Err(causes) = result {
                staged.refused_ids.extend(id.clone());
                staged.refused.push((index, Refusal { line: submission.line, id, causes }));
            }
        }
        Ok(staged)
    }

    #[expect(clippy::too_many_arguments, reason = "the one place where everything meets")]
    fn stage_one(
        &mut self,
        event: Value<'static>,
        line: Option<u64>,
        options: AppendOptions,
        files: &mut dyn SourceFiles,
        recorded_at: Instant,
        staged: &mut Staged,
        ahead: &BTreeSet<String>,
    ) -> Result<Result<(), Vec<Cause>>, StoreError> {
        let Checked { kind, mut payload, sealed } = match check(event) {
            Ok(checked) => checked,
            Err(problems) => {
                return Ok(Err(problems.into_iter().map(Cause::Shape).collect()));
            }
        };
        let prepared = name_it(kind, &mut payload)
            .and_then(|()| capture(kind, &mut payload, files, staged))
            .and_then(|()| normalise_correction(kind, &mut payload, &self.history));
        if let Err(causes) = prepared {
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
        match self.known_already(&payload, &bytes, sealed.as_deref(), staged)? {
            Recognised::New => {}
            Recognised::Same(seq) => {
                staged.outcomes.push(Staging { line, seq, kind, already: true, declared: false });
                return Ok(Ok(()));
            }
            Recognised::Taken(cause) => return Ok(Err(vec![cause])),
        }
        if options.declare {
            self.declare_missing(kind, &payload, recorded_at, staged);
        }
        let causes = self.gate(kind, &payload, staged, ahead)?;
        if !causes.is_empty() {
            return Ok(Err(causes));
        }
        self.take(kind, bytes, sealed, line, recorded_at, staged, false);
        Ok(Ok(()))
    }

    /// Folds an event that has passed every gate into the history, to be written with the rest.
    #[expect(clippy::too_many_arguments, reason = "what an event consists of")]
    fn take(
        &mut self,
        kind: Kind,
        payload: Vec<u8>,
        sealed: Option<Vec<u8>>,
        line: Option<u64>,
        recorded_at: Instant,
        staged: &mut Staged,
        declared: bool,
    ) {
        let seq = self.history.size();
        self.history.push(recorded_at, read_payload(&payload, kind.name()));
        let nameless =
            self.history.entry(seq).and_then(Entry::event).is_some_and(|event| event.id.is_none());
        if nameless {
            staged.nameless.insert(content_hash(&payload, sealed.as_deref()), seq);
        }
        staged.events.push((kind, payload, sealed));
        staged.outcomes.push(Staging { line, seq, kind, already: false, declared });
    }

    /// Whether the log, or the input so far, has this event already.
    fn known_already(
        &self,
        payload: &Object<'_>,
        bytes: &[u8],
        sealed: Option<&[u8]>,
        staged: &Staged,
    ) -> Result<Recognised, StoreError> {
        let Some(Value::Text(id)) = payload.get("id") else {
            let hash = content_hash(bytes, sealed);
            let seq = staged.nameless.get(&hash).or_else(|| self.nameless.get(&hash));
            return Ok(seq.map_or(Recognised::New, |seq| Recognised::Same(*seq)));
        };
        let Some(seq) = self.history.seq_of(id) else { return Ok(Recognised::New) };
        let (known, known_sealed) = match staged.event(seq) {
            Some((_, known, known_sealed)) => (Some(known.clone()), known_sealed.clone()),
            None => match self.stored(seq)? {
                Some(event) => {
                    let sealed = sealed_bytes(&event).map(<[u8]>::to_vec);
                    match event.payload {
                        Part::Present { bytes, .. } => (Some(bytes), sealed),
                        Part::Absent => (None, sealed),
                    }
                }
                None => (None, None),
            },
        };
        if known.as_deref() == Some(bytes) && known_sealed.as_deref() == sealed {
            return Ok(Recognised::Same(seq));
        }
        let mut differs = differing_fields(known.as_deref(), payload);
        if known_sealed.as_deref() != sealed {
            differs.push("sealed".to_owned());
        }
        Ok(Recognised::Taken(Cause::IdTaken { id: id.to_string(), seq, differs }))
    }

    /// Makes the actors and topics that an event refers to and that do not exist.
    fn declare_missing(
        &mut self,
        kind: Kind,
        payload: &Object<'_>,
        recorded_at: Instant,
        staged: &mut Staged,
    ) {
        for Reference { id, target, .. } in all_references(kind, payload, &self.history) {
            let kind = match target {
                Target::Actor | Target::ActorOrSource => Kind::Actor,
                Target::Topic => Kind::Topic,
                _ => continue,
            };
            if self.history.seq_of(id).is_some()
                || id::check_new(id).is_err()
                || staged.refused_ids.contains(id)
            {
                continue;
            }
            let made: Object<'_> = [("id", id), ("kind", kind.name()), ("name", id)]
                .into_iter()
                .map(|(name, text)| (name.into(), Value::Text(text.into())))
                .collect();
            let bytes = json::canonical(&Value::Object(made));
            self.take(kind, bytes, None, None, recorded_at, staged, true);
        }
    }

    /// Checks references and quotations.
    fn gate(
        &mut self,
        kind: Kind,
        payload: &Object<'_>,
        staged: &mut Staged,
        ahead: &BTreeSet<String>,
    ) -> Result<Vec<Cause>, StoreError> {
        let mut causes = Vec::new();
        let known = Known {
            history: &self.history,
            follows: &|id| ahead.contains(id),
            refused: &|id| staged.refused_ids.contains(id),
        };
        for reference in all_references(kind, payload, &self.history) {
            if let Err(cause) = check_reference(&reference, &known) {
                causes.push(cause);
            } else if reference.target.may_follow() && ahead.contains(reference.id) {
                staged.ahead.insert(reference.id.to_owned());
            }
        }
        if let (Some(Value::Text(of)), Some(Value::Text(twin))) =
            (payload.get("of"), payload.get("duplicate_of"))
        {
            let kind_of = |id: &str| {
                let entry = self.history.seq_of(id).and_then(|seq| self.history.entry(seq))?;
                entry.event().map(Event::kind)
            };
            if of == twin || kind_of(of) != kind_of(twin) {
                let (of, duplicate_of) = (of.to_string(), twin.to_string());
                causes.push(Cause::NotADuplicate { of, duplicate_of });
            }
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
        let (history, store) = (&self.history, &self.store);
        let Staged { texts, blobs, .. } = staged;
        let mut text_of = |source: &str| source_text(source, history, texts, blobs, store);
        for cites in payload.get("cites").into_iter().chain(corrected) {
            causes.extend(check_quotes(cites, &mut text_of)?);
        }
        Ok(causes)
    }

    /// Writes what was staged, and moves the head.
    fn write(
        &mut self,
        staged: Staged,
        recorded_at: Instant,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut head = self.head;
        let mut links = Vec::with_capacity(staged.events.len());
        let mut events = Vec::with_capacity(staged.events.len());
        for (kind, payload, sealed) in staged.events {
            let salt = Salt(surroundings.salt());
            let sealed = sealed.map(|bytes| (Salt(surroundings.salt()), bytes));
            let header = Header {
                kind: kind.name().to_owned(),
                log: self.origin.clone(),
                payload: commit_payload(&salt, &payload),
                sealed: sealed.as_ref().map(|(salt, bytes)| commit_sealed(salt, bytes)),
                prev: Link(head.link),
                recorded_at,
                seq: head.size,
            };
            let header = header.to_bytes();
            let link = Link::of(&header);
            links.push(link);
            events.push(StoredEvent {
                header,
                payload: Part::Present { salt: salt.0, bytes: payload },
                sealed: sealed.map(|(salt, bytes)| Part::Present { salt: salt.0, bytes }),
            });
            head = Head { size: head.size + 1, link: link.0 };
        }
        if !events.is_empty() {
            for (blake3, bytes) in &staged.blobs {
                self.store.put_blob(&blob_name(blake3), bytes)?;
            }
            let mut frontier = self.frontier.clone();
            let tree = super::tree::grown(&mut frontier, &events, &self.store)?;
            let change = Change { expected: self.head, events: &events, tree: &tree, next: head };
            self.store.append(change)?;
            self.frontier = frontier;
            self.head = head;
            self.last_recorded = recorded_at;
            self.nameless.extend(staged.nameless);
        }
        let base = staged.base;
        let mut outcomes = Vec::with_capacity(staged.outcomes.len());
        for Staging { line, seq, kind, already, declared } in staged.outcomes {
            let new = usize::try_from(seq.wrapping_sub(base)).ok().filter(|_| seq >= base);
            let link = match new.and_then(|index| links.get(index)) {
                Some(link) => *link,
                None => self.stored(seq)?.map_or(Link::ZERO, |event| Link::of(&event.header)),
            };
            let id = self.history.id_of(seq);
            outcomes.push(Outcome { line, id, kind, seq, link, already_there: already, declared });
        }
        Ok(outcomes)
    }
}

/// An event's kind, payload and sealed part.
type StagedEvent = (Kind, Vec<u8>, Option<Vec<u8>>);

/// Events that have passed the gates and are not written yet.
struct Staged {
    base: u64,
    events: Vec<StagedEvent>,
    outcomes: Vec<Staging>,
    blobs: BTreeMap<String, Vec<u8>>,
    nameless: BTreeMap<[u8; 32], u64>,
    texts: Texts,
    refused: Vec<(usize, Refusal)>,
    refused_ids: BTreeSet<String>,
    /// What was referred to before it came.
    ahead: BTreeSet<String>,
}

struct Staging {
    line: Option<u64>,
    seq: u64,
    kind: Kind,
    already: bool,
    declared: bool,
}

/// Whether the log has an event already.
enum Recognised {
    New,
    Same(u64),
    Taken(Cause),
}

impl Staged {
    fn new(base: u64) -> Self {
        Self {
            base,
            events: Vec::new(),
            outcomes: Vec::new(),
            blobs: BTreeMap::new(),
            nameless: BTreeMap::new(),
            texts: Texts::default(),
            refused: Vec::new(),
            refused_ids: BTreeSet::new(),
            ahead: BTreeSet::new(),
        }
    }

    fn event(&self, seq: u64) -> Option<&StagedEvent> {
        self.events.get(usize::try_from(seq.checked_sub(self.base)?).ok()?)
    }
}

/// The names that the input will give: ids, and measures.
fn names_ahead(
    submissions: &[Submission],
    excluded: &BTreeMap<usize, Refusal>,
) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, submission) in submissions.iter().enumerate().filter(|(i, _)| !excluded.contains_key(i))
    {
        let Ok(Value::Object(event)) = &submission.event else { continue };
        let is_measure = event.get("kind") == Some(&Value::Text("measure".into()));
        let measure = event.get("measure").filter(|_| is_measure);
        for name in event.get("id").into_iter().chain(measure) {
            if let Value::Text(name) = name {
                names.insert(name.to_string());
            }
        }
    }
    names
}

fn given_name(event: &Value<'_>) -> Option<String> {
    let Value::Object(event) = event else { return None };
    match event.get("id") {
        Some(Value::Text(id)) => Some(id.to_string()),
        _ => None,
    }
}

/// Refusals that are not merely consequences of others; all of them if every one is.
fn without_consequences(refused: Vec<(usize, Refusal)>) -> Vec<Refusal> {
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
fn name_it(kind: Kind, payload: &mut Object<'static>) -> Result<(), Vec<Cause>> {
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
    staged: &mut Staged,
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
        staged.blobs.insert(blake3, bytes);
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

fn normalise_correction(
    kind: Kind,
    payload: &mut Object<'static>,
    history: &crate::replay::History,
) -> Result<(), Vec<Cause>> {
    if kind != Kind::Correction {
        return Ok(());
    }
    let (Some(Value::Text(of)), Some(Value::Text(field))) =
        (payload.get("of"), payload.get("field"))
    else {
        return Ok(());
    };
    let field = correctable(of, field, history).map_err(|cause| vec![cause])?;
    if let (Some(field), Some(to)) = (field, payload.remove("to")) {
        payload.insert("to".into(), normal_value(field, to)?);
    }
    Ok(())
}

/// Every reference of an event; those in the value of a correction count as its own.
fn all_references<'e>(
    kind: Kind,
    payload: &'e Object<'_>,
    history: &crate::replay::History,
) -> Vec<Reference<'e>> {
    let Some(spec) = kind.spec() else { return Vec::new() };
    let mut found = references(payload, &|name| spec.field(name), "");
    if kind == Kind::Correction
        && let (Some(Value::Text(of)), Some(Value::Text(field)), Some(to)) =
            (payload.get("of"), payload.get("field"), payload.get("to"))
        && let Ok(Some(field)) = correctable(of, field, history)
    {
        add_references(field, to, &format!("to ({})", field.name), &mut found);
    }
    found
}

fn source_text(
    source: &str,
    history: &crate::replay::History,
    texts: &mut Texts,
    blobs: &BTreeMap<String, Vec<u8>>,
    store: &impl Store,
) -> Result<Result<Rc<str>, NoText>, StoreError> {
    let event = history.seq_of(source).and_then(|seq| history.entry(seq)?.event());
    let Some(Body::Source(source)) = event.map(|event| &event.body) else {
        return Ok(Err(NoText::NotCaptured));
    };
    let Some(hash) = source.text_hash() else { return Ok(Err(NoText::NotCaptured)) };
    let mut bytes = || match blobs.get(hash) {
        Some(staged) => Ok(Some(staged.clone())),
        None => store.blob(&blob_name(hash)),
    };
    Ok(match texts.load(hash, &mut bytes)? {
        Found::Text(text) => Ok(text),
        Found::NotText(at) => Err(NoText::NotUtf8(at)),
        Found::Nothing => Err(NoText::Gone),
    })
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
