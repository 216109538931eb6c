//! Events as the rest of the program reads them: typed, owned, without JSON.
//!
//! An [`Event`] is built from a payload in normal form ([`super::check`]), field by field, with [`Event::set`]; a
//! correction sets one field again the same way. Reading is total: a stored field that this version does not know,
//! or cannot read, is an error that names it, never a panic.
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::as_conversions)]

use std::collections::BTreeSet;

use super::date::Edtf;
use super::id::check_stored;
use super::schema::Kind;
use super::value::{Object, Value};
use super::vocabulary::{
    Account, ActorType, Channel, CiteForm, ContactForm, MeasureType, Modality, Op, Plover,
    RelationType, Stance,
};

/// One event's content.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The id its reporter gave it; see [`super::id::of_seq`] where there is none.
    pub id: Option<String>,
    /// When it happened.
    pub when: Option<Edtf>,
    /// What happened, in the reporter's own words.
    pub summary: Option<String>,
    /// The sources and their passages.
    pub cites: Vec<Cite>,
    /// On whose word, nearest to the speaker first.
    pub according_to: Vec<Attribution>,
    /// What it is about.
    pub topic: Option<String>,
    /// The language of the quotations.
    pub lang: Option<String>,
    /// How sure the reporter is.
    pub confidence: Option<String>,
    /// What is particular to its kind.
    pub body: Body,
}

/// A passage of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cite {
    /// The id of the source.
    pub source: String,
    /// The passage, to the letter.
    pub quote: Option<String>,
    /// How the source renders it.
    pub form: Option<CiteForm>,
    /// Where in the source.
    pub at: Option<String>,
}

/// One who passed the words on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attribution {
    /// The id of the actor or source; `None` if nobody is named.
    pub by: Option<String>,
    /// How they passed it on.
    pub how: Option<Account>,
}

/// What is particular to a kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Body {
    /// A document.
    Source(Source),
    /// Somebody or something that can speak or act.
    Actor(Actor),
    /// What statements are about.
    Topic(Topic),
    /// Something that happened.
    Incident,
    /// A call, a meeting, an exchange.
    Contact(Contact),
    /// X said Y.
    Statement(Statement),
    /// One step in the life of a measure.
    Measure(MeasureStep),
    /// A further report of an act.
    Mention(Mention),
    /// How one event bears on another.
    Relation(Relation),
    /// One field of an event is replaced.
    Correction(Correction),
    /// An event is taken back.
    Retraction(Retraction),
    /// Free text.
    Note(Note),
    /// Written by the program itself.
    System(Kind),
}

/// A document; see [`Body::Source`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    /// Its title.
    pub title: Option<String>,
    /// Who published it.
    pub publisher: Option<String>,
    /// When the public could read it.
    pub published: Option<Edtf>,
    /// Where it was found.
    pub url: Option<String>,
    /// The name of the captured file.
    pub file: Option<String>,
    /// The hash and size of the captured bytes.
    pub captured: Capture,
    /// The name of the text file.
    pub text_file: Option<String>,
    /// The hash and size of the text file.
    pub text: Capture,
}

/// The BLAKE3 hash, 64 hexadecimal digits, and size in bytes of something captured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capture {
    /// The hash.
    pub blake3: Option<String>,
    /// The size.
    pub bytes: Option<i64>,
}

impl Source {
    /// The hash of the text that quotations are checked against; `None` if nothing was captured.
    pub fn text_hash(&self) -> Option<&str> {
        self.text.blake3.as_deref().or(self.captured.blake3.as_deref())
    }

    /// The hashes of everything that was captured.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        [&self.captured.blake3, &self.text.blake3].into_iter().filter_map(|hash| hash.as_deref())
    }
}

/// An actor; see [`Body::Actor`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// Its name.
    pub name: Option<String>,
    /// What sort of actor.
    pub kind: Option<ActorType>,
    /// What it belongs to or speaks for.
    pub part_of: Vec<Tenure>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Its ids elsewhere, by scheme.
    pub ids: Vec<(String, String)>,
    /// Its other names.
    pub aliases: Vec<String>,
}

/// A membership of an actor in another, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tenure {
    /// The id of what it belongs to or speaks for.
    pub actor: String,
    /// Since when; for all time before `until` if absent.
    pub from: Option<Edtf>,
    /// Until when, that day included; for all time after `from` if absent.
    pub until: Option<Edtf>,
}

/// A topic; see [`Body::Topic`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topic {
    /// Its name.
    pub name: Option<String>,
    /// The wider topics.
    pub broader: Vec<String>,
}

/// A contact; see [`Body::Contact`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// What sort of contact.
    pub form: Option<ContactForm>,
    /// Who took part.
    pub participants: Vec<String>,
}

/// A statement; see [`Body::Statement`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement {
    /// Who said it; nobody if nobody is named.
    pub by: Vec<String>,
    /// For whom they spoke.
    pub on_behalf_of: Vec<String>,
    /// To whom.
    pub to: Vec<String>,
    /// What they do about the topic.
    pub stance: Option<Stance>,
    /// How far they assert it; asserted if absent.
    pub modality: Option<Modality>,
    /// How it was made.
    pub channel: Option<Channel>,
    /// In which contact.
    pub contact: Option<String>,
    /// Its PLOVER event type.
    pub plover: Option<Plover>,
}

/// One step in the life of a measure; see [`Body::Measure`].
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureStep {
    /// The name of the measure.
    pub measure: String,
    /// Which step it is.
    pub op: Op,
    /// Whose measure.
    pub by: Vec<String>,
    /// Against whom.
    pub against: Vec<String>,
    /// What sort of measure.
    pub kind: Option<MeasureType>,
    /// What it covers.
    pub scope: Option<String>,
    /// The law or instrument.
    pub legal_basis: Option<String>,
    /// When it was made known.
    pub announced: Option<Edtf>,
    /// When it takes effect.
    pub effective: Option<Edtf>,
    /// Its stated end.
    pub until: Option<Edtf>,
    /// The measure in its place.
    pub superseded_by: Option<String>,
    /// What it answers: events or measures.
    pub responds_to: Vec<String>,
}

/// A further report of an act; see [`Body::Mention`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mention {
    /// The act.
    pub of: String,
    /// When, by this report, it takes effect.
    pub effective: Option<Edtf>,
}

/// How one event bears on another; see [`Body::Relation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The one.
    pub from: String,
    /// The other.
    pub to: String,
    /// How it bears on the other.
    pub kind: RelationType,
}

/// One field of an event is replaced; see [`Body::Correction`].
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The event.
    pub of: String,
    /// The name of its field.
    pub field: String,
    /// The new value, in normal form; `Null` takes the value away.
    pub to: Value<'static>,
    /// The reason.
    pub why: Option<String>,
}

/// An event is taken back; see [`Body::Retraction`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraction {
    /// The event.
    pub of: String,
    /// On whose word.
    pub by: RetractedBy,
    /// The reason.
    pub why: Option<String>,
}

/// On whose word an event is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetractedBy {
    /// The source withdrew its report.
    Source,
    /// It was recorded in error.
    Recorder,
    /// It reports an act that the log already had: this event.
    Duplicate(String),
}

impl RetractedBy {
    /// The term as it is written.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Recorder => "recorder",
            Self::Duplicate(_) => "duplicate",
        }
    }
}

/// Free text; see [`Body::Note`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Note {
    /// What it is about: an event or a measure.
    pub of: Option<String>,
    /// The note.
    pub text: Option<String>,
}

/// A stored payload that cannot be read as an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A field is unknown to this version, or its value is.
    #[error("the field {field:?} of a {kind} event cannot be read")]
    Field {
        /// The kind.
        kind: Kind,
        /// The field.
        field: String,
    },
    /// The payload has no kind that this version knows.
    #[error("the event has no kind that this version knows")]
    Kind,
    /// A field that this kind must have is not there.
    #[error("a {kind} event lacks a field that it must have")]
    Incomplete {
        /// The kind.
        kind: Kind,
    },
}

impl Event {
    /// Reads a payload in normal form.
    pub fn read(payload: &Object<'_>) -> Result<Self, ReadError> {
        let kind = match payload.get("kind") {
            Some(Value::Text(name)) => Kind::parse(name).ok_or(ReadError::Kind)?,
            _ => return Err(ReadError::Kind),
        };
        let mut event = Self {
            id: None,
            when: None,
            summary: None,
            cites: Vec::new(),
            according_to: Vec::new(),
            topic: None,
            lang: None,
            confidence: None,
            body: Body::blank(kind, payload).ok_or(ReadError::Incomplete { kind })?,
        };
        if matches!(event.body, Body::System(_)) {
            return Ok(event);
        }
        for (field, value) in payload.iter() {
            if field != "kind" {
                event.set(field, value)?;
            }
        }
        Ok(event)
    }

    /// The kind of the event.
    pub const fn kind(&self) -> Kind {
        match &self.body {
            Body::Source(_) => Kind::Source,
            Body::Actor(_) => Kind::Actor,
            Body::Topic(_) => Kind::Topic,
            Body::Incident => Kind::Incident,
            Body::Contact(_) => Kind::Contact,
            Body::Statement(_) => Kind::Statement,
            Body::Measure(_) => Kind::Measure,
            Body::Mention(_) => Kind::Mention,
            Body::Relation(_) => Kind::Relation,
            Body::Correction(_) => Kind::Correction,
            Body::Retraction(_) => Kind::Retraction,
            Body::Note(_) => Kind::Note,
            Body::System(kind) => *kind,
        }
    }

    /// Sets one field to a value in normal form; `Null` takes the value away.
    pub fn set(&mut self, field: &str, value: &Value<'_>) -> Result<(), ReadError> {
        let kind = self.kind();
        self.try_set(field, value).ok_or_else(|| ReadError::Field { kind, field: field.to_owned() })
    }

    /// What it is said to answer, or to bear on, where a measure could be meant as well as an event; each with the field that
    /// says so.
    pub fn bears_on(&self) -> Vec<(&str, &'static str)> {
        match &self.body {
            Body::Measure(step) => {
                step.responds_to.iter().map(|id| (id.as_str(), "responds_to")).collect()
            }
            Body::Relation(relation) => vec![(&relation.from, "from"), (&relation.to, "to")],
            _ => Vec::new(),
        }
    }

    /// Names other actors, topics, contacts and tellers where `other` has another id for them; lists name each but once.
    /// Passages keep their sources.
    pub fn rename(&mut self, other: &mut impl FnMut(&str) -> Option<String>) {
        let mut one = |id: &mut String| {
            if let Some(other) = other(id) {
                *id = other;
            }
        };
        self.topic.iter_mut().for_each(&mut one);
        self.according_to.iter_mut().filter_map(|link| link.by.as_mut()).for_each(&mut one);
        let lists: [Option<&mut Vec<String>>; 3] = match &mut self.body {
            Body::Actor(actor) => {
                actor.part_of.iter_mut().for_each(|tenure| one(&mut tenure.actor));
                [None, None, None]
            }
            Body::Topic(topic) => [Some(&mut topic.broader), None, None],
            Body::Contact(contact) => [Some(&mut contact.participants), None, None],
            Body::Statement(said) => {
                said.contact.iter_mut().for_each(&mut one);
                [Some(&mut said.by), Some(&mut said.on_behalf_of), Some(&mut said.to)]
            }
            Body::Measure(step) => [Some(&mut step.by), Some(&mut step.against), None],
            _ => [None, None, None],
        };
        for list in lists.into_iter().flatten() {
            list.iter_mut().for_each(&mut one);
            let mut named = BTreeSet::new();
            list.retain(|id| named.insert(id.clone()));
        }
    }

    fn try_set(&mut self, field: &str, value: &Value<'_>) -> Option<()> {
        if self.body.try_set(field, value)?.is_done() {
            return Some(());
        }
        match field {
            "id" => self.id = own_id(value)?,
            "when" => self.when = date(value)?,
            "summary" => self.summary = text(value)?,
            "cites" => self.cites = records(value, cite)?,
            "according_to" => self.according_to = records(value, attribution)?,
            "topic" => self.topic = text(value)?,
            "lang" => self.lang = text(value)?,
            "confidence" => self.confidence = text_or_number(value)?,
            _ => return None,
        }
        Some(())
    }
}

/// Whether a kind's own fields took the value.
enum Taken {
    Here,
    NotHere,
}

impl Taken {
    const fn is_done(&self) -> bool {
        matches!(self, Self::Here)
    }
}

impl Body {
    /// An empty body of this kind, but for the fields that it cannot be without.
    fn blank(kind: Kind, payload: &Object<'_>) -> Option<Self> {
        let required = |field: &str| payload.get(field).and_then(text).flatten();
        Some(match kind {
            Kind::Source => Self::Source(Source::default()),
            Kind::Actor => Self::Actor(Actor::default()),
            Kind::Topic => Self::Topic(Topic::default()),
            Kind::Incident => Self::Incident,
            Kind::Contact => Self::Contact(Contact::default()),
            Kind::Statement => Self::Statement(Statement::default()),
            Kind::Measure => Self::Measure(MeasureStep {
                measure: required("measure")?,
                op: Op::parse(&required("op")?)?,
                by: Vec::new(),
                against: Vec::new(),
                kind: None,
                scope: None,
                legal_basis: None,
                announced: None,
                effective: None,
                until: None,
                superseded_by: None,
                responds_to: Vec::new(),
            }),
            Kind::Mention => Self::Mention(Mention { of: required("of")?, effective: None }),
            Kind::Relation => Self::Relation(Relation {
                from: required("from")?,
                to: required("to")?,
                kind: RelationType::parse(&required("type")?)?,
            }),
            Kind::Correction => Self::Correction(Correction {
                of: required("of")?,
                field: required("field")?,
                to: payload.get("to")?.clone().into_owned(),
                why: None,
            }),
            Kind::Retraction => Self::Retraction(Retraction {
                of: required("of")?,
                by: match required("by")?.as_str() {
                    "source" => RetractedBy::Source,
                    "recorder" => RetractedBy::Recorder,
                    "duplicate" => RetractedBy::Duplicate(required("duplicate_of")?),
                    _ => return None,
                },
                why: None,
            }),
            Kind::Note => Self::Note(Note::default()),
            Kind::Genesis | Kind::Erasure | Kind::Key | Kind::Anchor => Self::System(kind),
        })
    }

    fn try_set(&mut self, field: &str, value: &Value<'_>) -> Option<Taken> {
        match self {
            Self::Source(source) => match field {
                "title" => source.title = text(value)?,
                "publisher" => source.publisher = text(value)?,
                "published" => source.published = date(value)?,
                "url" => source.url = text(value)?,
                "file" => source.file = text(value)?,
                "blake3" => source.captured.blake3 = text(value)?,
                "bytes" => source.captured.bytes = number(value)?,
                "text_file" => source.text_file = text(value)?,
                "text_blake3" => source.text.blake3 = text(value)?,
                "text_bytes" => source.text.bytes = number(value)?,
                _ => return Some(Taken::NotHere),
            },
            Self::Actor(actor) => match field {
                "name" => actor.name = text(value)?,
                "type" => actor.kind = term(value, ActorType::parse)?,
                "part_of" => actor.part_of = records(value, tenure)?,
                "country" => actor.country = text(value)?,
                "ids" => actor.ids = text_map(value)?,
                "aliases" => actor.aliases = texts(value)?,
                _ => return Some(Taken::NotHere),
            },
            Self::Topic(topic) => match field {
                "name" => topic.name = text(value)?,
                "broader" => topic.broader = texts(value)?,
                _ => return Some(Taken::NotHere),
            },
            Self::Contact(contact) => match field {
                "form" => contact.form = term(value, ContactForm::parse)?,
                "participants" => contact.participants = texts(value)?,
                _ => return Some(Taken::NotHere),
            },
            Self::Statement(statement) => return statement.try_set(field, value),
            Self::Measure(step) => return step.try_set(field, value),
            Self::Mention(mention) => match field {
                "of" => mention.of = text(value)??,
                "effective" => mention.effective = date(value)?,
                _ => return Some(Taken::NotHere),
            },
            Self::Relation(relation) => match field {
                "from" => relation.from = text(value)??,
                "to" => relation.to = text(value)??,
                "type" => relation.kind = term(value, RelationType::parse)??,
                _ => return Some(Taken::NotHere),
            },
            // What a correction or retraction acts on is never set again: it can only be retracted.
            Self::Correction(correction) => match field {
                "of" | "field" | "to" => {}
                "why" => correction.why = text(value)?,
                _ => return Some(Taken::NotHere),
            },
            Self::Retraction(retraction) => match field {
                "of" | "by" | "duplicate_of" => {}
                "why" => retraction.why = text(value)?,
                _ => return Some(Taken::NotHere),
            },
            Self::Note(note) => match field {
                "of" => note.of = text(value)?,
                "text" => note.text = text(value)?,
                _ => return Some(Taken::NotHere),
            },
            Self::Incident | Self::System(_) => return Some(Taken::NotHere),
        }
        Some(Taken::Here)
    }
}

impl Statement {
    fn try_set(&mut self, field: &str, value: &Value<'_>) -> Option<Taken> {
        match field {
            "by" => self.by = texts(value)?,
            "on_behalf_of" => self.on_behalf_of = texts(value)?,
            "to" => self.to = texts(value)?,
            "stance" => self.stance = term(value, Stance::parse)?,
            "modality" => self.modality = term(value, Modality::parse)?,
            "channel" => self.channel = term(value, Channel::parse)?,
            "contact" => self.contact = text(value)?,
            "plover" => self.plover = term(value, Plover::parse)?,
            _ => return Some(Taken::NotHere),
        }
        Some(Taken::Here)
    }
}

impl MeasureStep {
    fn try_set(&mut self, field: &str, value: &Value<'_>) -> Option<Taken> {
        match field {
            "measure" => self.measure = own_id(value)??,
            "op" => self.op = term(value, Op::parse)??,
            "by" => self.by = texts(value)?,
            "against" => self.against = texts(value)?,
            "type" => self.kind = term(value, MeasureType::parse)?,
            "scope" => self.scope = text(value)?,
            "legal_basis" => self.legal_basis = text(value)?,
            "announced" => self.announced = date(value)?,
            "effective" => self.effective = date(value)?,
            "until" => self.until = date(value)?,
            "superseded_by" => self.superseded_by = text(value)?,
            "responds_to" => self.responds_to = texts(value)?,
            _ => return Some(Taken::NotHere),
        }
        Some(Taken::Here)
    }
}

fn str_of<'v>(value: &'v Value<'_>) -> Option<Option<&'v str>> {
    match value {
        Value::Null => Some(None),
        Value::Text(text) => Some(Some(text)),
        _ => None,
    }
}

fn text(value: &Value<'_>) -> Option<Option<String>> {
    Some(str_of(value)?.map(str::to_owned))
}

fn number(value: &Value<'_>) -> Option<Option<i64>> {
    match value {
        Value::Null => Some(None),
        Value::Integer(number) => Some(Some(*number)),
        _ => None,
    }
}

fn text_or_number(value: &Value<'_>) -> Option<Option<String>> {
    match value {
        Value::Integer(number) => Some(Some(number.to_string())),
        other => text(other),
    }
}

/// The name of an event or measure itself, which must be one that a log takes in: another could pass for the number of an
/// event (`@17`), or for somebody else's id.
fn own_id(value: &Value<'_>) -> Option<Option<String>> {
    let id = text(value)?;
    id.as_deref().is_none_or(|id| check_stored(id).is_ok()).then_some(id)
}

fn date(value: &Value<'_>) -> Option<Option<Edtf>> {
    match str_of(value)? {
        None => Some(None),
        Some(text) => Edtf::parse(text).ok().map(Some),
    }
}

fn term<T>(value: &Value<'_>, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match str_of(value)? {
        None => Some(None),
        Some(text) => parse(text).map(Some),
    }
}

fn records<T>(value: &Value<'_>, read: impl Fn(&Value<'_>) -> Option<T>) -> Option<Vec<T>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::List(items) => items.iter().map(read).collect(),
        _ => None,
    }
}

fn texts(value: &Value<'_>) -> Option<Vec<String>> {
    records(value, |item| text(item)?)
}

fn text_map(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Object(object) => {
            object.iter().map(|(name, value)| Some((name.to_owned(), text(value)??))).collect()
        }
        _ => None,
    }
}

fn tenure(value: &Value<'_>) -> Option<Tenure> {
    let mut tenure = Tenure::default();
    match value {
        Value::Text(actor) => tenure.actor = actor.to_string(),
        Value::Object(object) => {
            for (field, value) in object.iter() {
                match field {
                    "actor" => tenure.actor = text(value)??,
                    "from" => tenure.from = date(value)?,
                    "until" => tenure.until = date(value)?,
                    _ => return None,
                }
            }
        }
        _ => return None,
    }
    Some(tenure)
}

fn cite(value: &Value<'_>) -> Option<Cite> {
    let Value::Object(object) = value else { return None };
    let mut cite = Cite::default();
    for (field, value) in object.iter() {
        match field {
            "source" => cite.source = text(value)??,
            "quote" => cite.quote = text(value)?,
            "form" => cite.form = term(value, CiteForm::parse)?,
            "at" => cite.at = text_or_number(value)?,
            _ => return None,
        }
    }
    Some(cite)
}

fn attribution(value: &Value<'_>) -> Option<Attribution> {
    let Value::Object(object) = value else { return None };
    let mut attribution = Attribution::default();
    for (field, value) in object.iter() {
        match field {
            "by" => attribution.by = text(value)?,
            "how" => attribution.how = term(value, Account::parse)?,
            _ => return None,
        }
    }
    Some(attribution)
}
