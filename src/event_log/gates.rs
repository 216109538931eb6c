//! The gates at append: what must hold of an event against the log before anything is written.
//!
//! - Everything that an event refers to exists; similar names are offered where it does not.
//! - Every quotation is an exact slice of the captured text of its source; the nearest passage is shown where it is
//!   not.
//! - An id has one spelling: in place of the number of an event its own id is written, where it has one.
//! - A correction gives a value that its field could have held from the start.
//!
//! The shape of the event alone is checked before, by [`crate::model::check`].

use std::rc::Rc;

use super::passage::{Passage, nearest_passage};
use super::sources::holds;
use crate::model::check::{Problem, check_value};
use crate::model::event::{Body, Event};
use crate::model::id;
use crate::model::limits::{PASSAGE_SEARCH_BYTES_MAX, PASSAGE_TEXT_BYTES_MAX};
use crate::model::near::nearest;
use crate::model::schema::{Field, Holds, Kind, TENURE, Target};
use crate::model::value::{Object, Value};
use crate::record::json::JsonError;
use crate::store::StoreError;

/// Why one event is refused.
#[derive(Debug)]
pub struct Refusal {
    /// The line of the input, counted from 1, where it comes from lines.
    pub line: Option<u64>,
    /// The id it gives itself, if it got as far.
    pub id: Option<String>,
    /// Everything that is wrong with it.
    pub causes: Vec<Cause>,
}

/// One thing that is wrong with an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The line holds no event.
    #[error("{0}")]
    Input(InputError),
    /// Its shape is wrong.
    #[error("{0}")]
    Shape(Problem),
    /// It refers to something that is not in the log.
    #[error("{path}: there is no {} {id:?}", target.name())]
    NoSuch {
        /// The field.
        path: String,
        /// The id given.
        id: String,
        /// What it must refer to.
        target: Target,
        /// Ids that look like it, each with a name if it has one.
        near: Vec<(String, Option<String>)>,
    },
    /// It refers to an event that is something else.
    #[error("{path}: {id:?} is of kind {found}; this must be: {}", target.name())]
    WrongKind {
        /// The field.
        path: String,
        /// The id given.
        id: String,
        /// What it must refer to.
        target: Target,
        /// What it is.
        found: Kind,
    },
    /// It refers to a measure, where one event is meant.
    #[error("{path}: {id:?} is a measure, not an event")]
    IsMeasure {
        /// The field.
        path: String,
        /// The id given.
        id: String,
        /// The ids of its steps.
        steps: Vec<String>,
    },
    /// It refers to an event of the same input that is refused.
    #[error("{path}: {id:?} is refused itself")]
    DependsOnRefused {
        /// The field.
        path: String,
        /// The id given.
        id: String,
    },
    /// A quotation is not in its source.
    #[error("{path}: the quotation is not in the source {source_id:?}")]
    NotVerbatim {
        /// The cite.
        path: String,
        /// The id of the source.
        source_id: String,
        /// The quotation given.
        quote: String,
        /// The nearest passage, if one is near.
        nearest: Option<Passage>,
    },
    /// A quotation cannot be checked, since the source has no text here.
    #[error("{path}: the source {source_id:?} has no text to quote from: {why}")]
    NoText {
        /// The cite.
        path: String,
        /// The id of the source.
        source_id: String,
        /// Why it has none.
        why: NoText,
    },
    /// The id names another event already.
    #[error("the id {id:?} is taken by event {seq}, which differs in {}", differs.join(", "))]
    IdTaken {
        /// The id.
        id: String,
        /// The number of the event that has it.
        seq: u64,
        /// The fields in which they differ.
        differs: Vec<String>,
    },
    /// The id names an event that is the same but for its sealed part, which this copy of the log lacks.
    #[error("the id {id:?} is taken by event {seq}, whose sealed part is not here to be compared")]
    SealedAbsent {
        /// The id.
        id: String,
        /// The number of the event that has it.
        seq: u64,
    },
    /// A source, actor or topic has neither an id nor a name to make one from.
    #[error("{} needs an id, or a name to make one from", kind.with_article())]
    NoName {
        /// The kind.
        kind: Kind,
    },
    /// A file of a source cannot be read.
    #[error("{path}: {error}")]
    File {
        /// The field.
        path: &'static str,
        /// What went wrong.
        error: FileError,
    },
    /// A file of a source is not the one that was described.
    #[error("{path}: given as {given}, but the file has {found}")]
    CaptureDiffers {
        /// The field.
        path: &'static str,
        /// What was given.
        given: String,
        /// What was found.
        found: String,
    },
    /// A hash or size is given of a file that is not.
    #[error("{path}: given without the file that it describes")]
    CaptureMissing {
        /// The field.
        path: &'static str,
    },
    /// The event cannot be corrected, or not in this field.
    #[error("{of:?} cannot be corrected in {field:?}: {why}")]
    NotCorrectable {
        /// The event.
        of: String,
        /// The field.
        field: String,
        /// Why not.
        why: NotCorrectable,
    },
    /// An event is said to double itself, or an event of another kind.
    #[error("{of:?} cannot be a duplicate of {duplicate_of:?}")]
    NotADuplicate {
        /// The event.
        of: String,
        /// What it is said to double.
        duplicate_of: String,
    },
    /// The payload, or the sealed part, is longer than it may be.
    #[error("the {part} has {found} bytes, at most {most} are kept")]
    TooLong {
        /// Which part.
        part: &'static str,
        /// Its length in bytes.
        found: usize,
        /// The most that is kept.
        most: usize,
    },
}

impl Cause {
    /// Whether it lies in other events, so that it may be gone once one of them is left out.
    pub(crate) const fn is_of_others(&self) -> bool {
        matches!(
            self,
            Self::WrongKind { .. }
                | Self::DependsOnRefused { .. }
                | Self::NotVerbatim { .. }
                | Self::NoText { .. }
                | Self::IdTaken { .. }
                | Self::NotCorrectable { .. }
                | Self::NotADuplicate { .. }
        )
    }
}

/// Why a line of input holds no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It is no JSON, or JSON that cannot be kept exactly.
    #[error("{0}")]
    Json(JsonError),
    /// It is longer than a line may be.
    #[error("the line has more than {most} bytes")]
    LineTooLong {
        /// The most that a line may have.
        most: usize,
    },
}

/// Why a source has no text to quote from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoText {
    /// No file was captured.
    #[error("no file was captured with it")]
    NotCaptured,
    /// The captured bytes are not UTF-8.
    #[error("its bytes are not UTF-8 text (at byte {0})")]
    NotUtf8(usize),
    /// The captured bytes are not there, though no erasure took them.
    #[error("its captured bytes are not there")]
    Gone,
}

/// Why an event cannot be corrected in a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotCorrectable {
    /// Corrections and retractions are retracted, and made anew.
    #[error("{} is not corrected, it is retracted and made anew", .0.with_article())]
    Kind(Kind),
    /// The field says what the event is.
    #[error(
        "this field says which event it is, of which measure it is a step, or what was captured; retract the event instead"
    )]
    Identity,
    /// There is no such field.
    #[error("{} has no such field", kind.with_article())]
    NoSuchField {
        /// The kind.
        kind: Kind,
        /// Fields with a similar name.
        near: Vec<&'static str>,
    },
}

/// Why a file cannot be captured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be found.
    #[error("there is no file {name:?} (looked in {looked_in})")]
    NotFound {
        /// The name given.
        name: String,
        /// Where it was looked for.
        looked_in: String,
    },
    /// It is a directory, a device or something else that has no bytes of its own.
    #[error("{name:?} is not a regular file")]
    NotAFile {
        /// The name given.
        name: String,
    },
    /// Its name, in lines that may be anybody's, leads out of the directories where files are looked for.
    #[error("{name:?} leads out of the directory of the lines that name it")]
    Outside {
        /// The name given.
        name: String,
    },
    /// It is one of the log's own: its key, say, which every export would hand out.
    #[error("{name:?} is one of the log's own files, or holds a key")]
    OfTheLog {
        /// The name given.
        name: String,
    },
    /// It is larger than a source may be.
    #[error("{name:?} has {found} bytes, a source has at most {most}")]
    TooLarge {
        /// The name given.
        name: String,
        /// Its size.
        found: u64,
        /// The most that is captured.
        most: u64,
    },
    /// It changed while it was read.
    #[error("{name:?} changed while it was read")]
    Changed {
        /// The name given.
        name: String,
    },
    /// It cannot be read.
    #[error("{name:?} cannot be read: {error}")]
    Io {
        /// The name given.
        name: String,
        /// What the system says.
        error: std::io::Error,
    },
}

/// Where the files of sources come from.
pub trait SourceFiles {
    /// Reads a file by the name that a `source` event gives.
    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError>;
}

/// What the gates ask of the log, and of the input so far.
pub(crate) trait Knows {
    /// The number of the event with this id (or of the form `@17`).
    fn seq_of(&mut self, id: &str) -> Result<Option<u64>, StoreError>;

    /// The event of this number, if it can be read.
    fn event(&mut self, seq: u64) -> Result<Option<Event>, StoreError>;

    /// The kind of the event with this id, if it can be read.
    fn kind_of(&mut self, id: &str) -> Result<Option<Kind>, StoreError>;

    /// Whether there is a step of a measure of this id.
    fn has_measure(&mut self, id: &str) -> Result<bool, StoreError>;

    /// The ids of the steps of a measure, in log order.
    fn steps_of(&mut self, measure: &str) -> Result<Vec<String>, StoreError>;

    /// Whether an event of the input with this id was refused.
    fn is_refused(&self, id: &str) -> bool;

    /// How what a reference may lead to is spelt: each spelling with the id it stands for, and a name.
    fn spellings(&mut self, target: Target) -> Result<Vec<Spelling>, StoreError>;
}

/// A way to spell an id: the id itself, or a name; with the id, and the name if there is one.
pub(crate) type Spelling = (String, String, Option<String>);

/// One reference that an event makes.
pub(crate) struct Reference<'e> {
    pub(crate) path: String,
    pub(crate) id: &'e str,
    pub(crate) target: Target,
}

/// Every reference in some fields of an object, in the order of its fields.
pub(crate) fn references<'e>(
    object: &'e Object<'_>,
    field_of: &dyn Fn(&str) -> Option<&'static Field>,
    path: &str,
) -> Vec<Reference<'e>> {
    let mut found = Vec::new();
    for (name, value) in object.iter() {
        if let Some(field) = field_of(name) {
            add_references(field, value, &format!("{path}{name}"), &mut found);
        }
    }
    found
}

/// Every reference in the value of one field.
pub(crate) fn add_references<'e>(
    field: &'static Field,
    value: &'e Value<'_>,
    path: &str,
    found: &mut Vec<Reference<'e>>,
) {
    match (field.holds, value) {
        (Holds::Reference(target), Value::Text(id)) => {
            found.push(Reference { path: path.to_owned(), id, target });
        }
        (Holds::References(target), Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                if let Value::Text(id) = item {
                    found.push(Reference { path: format!("{path}[{index}]"), id, target });
                }
            }
        }
        (Holds::Records(fields), Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                if let Value::Object(item) = item {
                    found.extend(references_in(fields, item, &format!("{path}[{index}].")));
                }
            }
        }
        (Holds::Tenures, Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                match item {
                    Value::Text(id) => found.push(Reference { path, id, target: Target::Actor }),
                    Value::Object(item) => {
                        found.extend(references_in(TENURE, item, &format!("{path}.")));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn references_in<'e>(
    fields: &'static [Field],
    record: &'e Object<'_>,
    path: &str,
) -> Vec<Reference<'e>> {
    references(record, &|name| fields.iter().find(|field| field.name == name), path)
}

/// Every reference of an object of some fields, without saying where it stands.
pub(crate) fn each_reference<'e>(
    object: &'e Object<'_>,
    field_of: &dyn Fn(&str) -> Option<&'static Field>,
    see: &mut dyn FnMut(Target, &'e str),
) {
    for (name, value) in object.iter() {
        let Some(field) = field_of(name) else { continue };
        match (field.holds, value) {
            (Holds::Reference(target), Value::Text(id)) => see(target, id),
            (Holds::References(target), Value::List(items)) => {
                for item in items {
                    if let Value::Text(id) = item {
                        see(target, id);
                    }
                }
            }
            (Holds::Records(_) | Holds::Tenures, Value::List(items)) => {
                let fields = if let Holds::Records(fields) = field.holds { fields } else { TENURE };
                let field_of = |name: &str| fields.iter().find(|field| field.name == name);
                for item in items {
                    match (field.holds, item) {
                        (_, Value::Object(item)) => each_reference(item, &field_of, see),
                        (Holds::Tenures, Value::Text(id)) => see(Target::Actor, id),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether a list of ids has one twice.
pub(crate) fn has_repeats(
    object: &Object<'_>,
    field_of: &dyn Fn(&str) -> Option<&'static Field>,
) -> bool {
    object.iter().any(|(name, value)| {
        let (Some(Holds::References(_) | Holds::Tenures), Value::List(items)) =
            (field_of(name).map(|field| field.holds), value)
        else {
            return false;
        };
        items.iter().enumerate().any(|(index, item)| items.iter().take(index).any(|of| of == item))
    })
}

/// Whether an id is `@` and a number.
fn is_number(id: &str) -> bool {
    id::seq_of(id).is_some()
}

/// The id to write in place of one of the form `@17`: that which the event has itself. `None` where it has none, and where
/// a measure could be meant, which may have, or get, the same.
pub(crate) fn own_id(
    id: &str,
    target: Target,
    known: &mut dyn Knows,
) -> Result<Option<String>, StoreError> {
    if !is_number(id) || matches!(target, Target::Measure | Target::EventOrMeasure) {
        return Ok(None);
    }
    let event = match known.seq_of(id)? {
        Some(seq) => known.event(seq)?,
        None => None,
    };
    Ok(event.and_then(|event| event.id))
}

/// Brings the ids in the value of one field into one spelling ([`own_id`]), and takes repeats out of lists of ids.
pub(crate) fn spell(
    field: &'static Field,
    value: &mut Value<'static>,
    known: &mut dyn Knows,
) -> Result<(), StoreError> {
    match (field.holds, value) {
        (Holds::Reference(target), value) => spell_id(value, target, known)?,
        (Holds::References(target), Value::List(items)) => {
            for item in &mut *items {
                spell_id(item, target, known)?;
            }
            without_repeats(items);
        }
        (Holds::Records(fields), Value::List(items)) => {
            for item in items {
                spell_record(fields, item, known)?;
            }
        }
        (Holds::Tenures, Value::List(items)) => {
            for item in &mut *items {
                spell_id(item, Target::Actor, known)?;
                spell_record(TENURE, item, known)?;
            }
            without_repeats(items);
        }
        _ => {}
    }
    Ok(())
}

fn spell_id(
    value: &mut Value<'static>,
    target: Target,
    known: &mut dyn Knows,
) -> Result<(), StoreError> {
    if let Value::Text(id) = value
        && let Some(own) = own_id(id, target, known)?
    {
        *id = own.into();
    }
    Ok(())
}

fn spell_record(
    fields: &'static [Field],
    value: &mut Value<'static>,
    known: &mut dyn Knows,
) -> Result<(), StoreError> {
    let Value::Object(record) = value else { return Ok(()) };
    for (name, value) in record.iter_mut() {
        if let Some(field) = fields.iter().find(|field| field.name == name) {
            spell(field, value, known)?;
        }
    }
    Ok(())
}

fn without_repeats(items: &mut Vec<Value<'static>>) {
    let mut once: Vec<Value<'static>> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    *items = once;
}

/// What a reference leads to.
pub(crate) enum Leads {
    /// To what it must.
    There,
    /// Nowhere yet: what it names may follow in the input.
    Ahead,
    /// To nothing, or to something else.
    Astray(Cause),
}

/// Checks that a reference leads to what it must.
pub(crate) fn check_reference(
    reference: &Reference<'_>,
    known: &mut dyn Knows,
) -> Result<Leads, StoreError> {
    let (id, target) = (reference.id, reference.target);
    let of_measures = matches!(target, Target::Measure | Target::EventOrMeasure);
    if of_measures && known.has_measure(id)? {
        return Ok(Leads::There);
    }
    let kind = if target == Target::Measure { None } else { known.kind_of(id)? };
    let (path, id) = (reference.path.clone(), id.to_owned());
    Ok(match kind {
        Some(kind) if leads_to(kind, target) => Leads::There,
        Some(found) => Leads::Astray(Cause::WrongKind { path, id, target, found }),
        // A number is no name of what is not there yet.
        None if target.may_follow() && (!is_number(&id) || known.seq_of(&id)?.is_some()) => {
            Leads::Ahead
        }
        None => Leads::Astray(leads_nowhere(path, id, target, known)?),
    })
}

/// What to say of a reference that leads nowhere.
pub(crate) fn leads_nowhere(
    path: String,
    id: String,
    target: Target,
    known: &mut dyn Knows,
) -> Result<Cause, StoreError> {
    if known.is_refused(&id) {
        return Ok(Cause::DependsOnRefused { path, id });
    }
    if matches!(target, Target::Act | Target::Event) {
        let steps = known.steps_of(&id)?;
        if !steps.is_empty() {
            return Ok(Cause::IsMeasure { path, id, steps });
        }
    }
    Ok(Cause::NoSuch { path, near: similar(&id, &known.spellings(target)?), id, target })
}

/// Whether an event of this kind is what a reference may lead to.
pub(crate) const fn leads_to(kind: Kind, target: Target) -> bool {
    match target {
        Target::Actor => matches!(kind, Kind::Actor),
        Target::ActorOrSource => matches!(kind, Kind::Actor | Kind::Source),
        Target::Topic => matches!(kind, Kind::Topic),
        Target::Source => matches!(kind, Kind::Source),
        Target::Contact => matches!(kind, Kind::Contact),
        Target::Act => kind.is_act(),
        Target::Event | Target::EventOrMeasure => !kind.is_system(),
        Target::Measure => false,
    }
}

/// How an event may be spelt by whoever means it.
pub(crate) fn spellings_of(event: &Event, to: &mut Vec<Spelling>) {
    let Some(id) = &event.id else { return };
    let (name, aliases): (Option<&String>, &[String]) = match &event.body {
        Body::Actor(actor) => (actor.name.as_ref(), &actor.aliases),
        Body::Topic(topic) => (topic.name.as_ref(), &[]),
        Body::Source(source) => (source.title.as_ref(), &[]),
        _ => (None, &[]),
    };
    for spelling in std::iter::once(id).chain(name).chain(aliases) {
        to.push((spelling.clone(), id.clone(), name.cloned()));
    }
}

/// Ids, or names, that look like the one given.
fn similar(id: &str, spellings: &[Spelling]) -> Vec<(String, Option<String>)> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for spelling in nearest(id, spellings.iter().map(|(spelling, ..)| spelling.as_str()), 4) {
        if let Some((_, id, name)) = spellings.iter().find(|(known, ..)| known == spelling)
            && !found.iter().any(|(known, _)| known == id)
        {
            found.push((id.clone(), name.clone()));
        }
    }
    found.truncate(2);
    found
}

/// Finds the text of a source by its id.
pub(crate) type TextOf<'a> = dyn FnMut(&str) -> Result<Result<Rc<str>, NoText>, StoreError> + 'a;

/// How much text is still looked through for nearest passages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    left: usize,
}

impl Search {
    /// That of one append.
    pub(crate) const fn new() -> Self {
        Self { left: PASSAGE_SEARCH_BYTES_MAX }
    }

    /// The passage of a text nearest to a quotation, of that part of it that is looked through.
    fn nearest(&mut self, text: &str, quote: &str) -> Option<Passage> {
        let most = PASSAGE_TEXT_BYTES_MAX.min(self.left);
        let looked_through = text.get(..text.floor_char_boundary(most))?;
        self.left = self.left.saturating_sub(looked_through.len());
        nearest_passage(looked_through, quote)
    }
}

/// Checks the quotations in a list of cites in normal form.
pub(crate) fn check_quotes(
    cites: &Value<'_>,
    text_of: &mut TextOf<'_>,
    search: &mut Search,
) -> Result<Vec<Cause>, StoreError> {
    let Value::List(cites) = cites else { return Ok(Vec::new()) };
    let mut causes = Vec::new();
    for (index, cite) in cites.iter().enumerate() {
        let Value::Object(cite) = cite else { continue };
        let (Some(Value::Text(source)), Some(Value::Text(quote))) =
            (cite.get("source"), cite.get("quote"))
        else {
            continue;
        };
        let path = format!("cites[{index}].quote");
        let source_id = source.to_string();
        match text_of(source)? {
            Ok(text) if holds(&text, quote) => {}
            Ok(text) => causes.push(Cause::NotVerbatim {
                path,
                source_id,
                quote: quote.to_string(),
                nearest: search.nearest(&text, quote),
            }),
            Err(why) => causes.push(Cause::NoText { path, source_id, why }),
        }
    }
    Ok(causes)
}

/// The field of an event of this kind that a correction may set, or why there is none.
pub(crate) fn correctable(
    of: &str,
    field: &str,
    kind: Option<Kind>,
) -> Result<Option<&'static Field>, Cause> {
    // What does not exist is found by the check of references.
    let Some(kind) = kind else { return Ok(None) };
    let refuse = |why| Cause::NotCorrectable { of: of.to_owned(), field: field.to_owned(), why };
    let Some(spec) =
        kind.spec().filter(|spec| !matches!(spec.kind, Kind::Correction | Kind::Retraction))
    else {
        return Err(refuse(NotCorrectable::Kind(kind)));
    };
    if matches!(field, "id" | "kind" | "sealed" | "file" | "text_file") {
        return Err(refuse(NotCorrectable::Identity));
    }
    match spec.field(field) {
        Some(Field {
            holds: Holds::Hash | Holds::Number | Holds::NewId | Holds::MeasureId,
            ..
        }) => Err(refuse(NotCorrectable::Identity)),
        Some(field) => Ok(Some(field)),
        None => {
            let near = nearest(field, spec.all_fields().map(|field| field.name), 2);
            Err(refuse(NotCorrectable::NoSuchField { kind, near }))
        }
    }
}

/// Brings the value of a correction into its field's normal form.
pub(crate) fn normal_value(
    field: &'static Field,
    to: Value<'static>,
) -> Result<Value<'static>, Vec<Cause>> {
    match check_value(field, to) {
        Ok(value) => Ok(value.unwrap_or(Value::Null)),
        Err(problems) => Err(problems
            .into_iter()
            .map(|mut problem| {
                problem.path = format!("to ({})", problem.path);
                Cause::Shape(problem)
            })
            .collect()),
    }
}
