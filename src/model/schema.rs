//! The kinds of event and their fields, as one table.
//!
//! Everything that must know a field's name and type reads it here: the check of input ([`super::check`]), the
//! command-line flags, corrections, and the reference pages. The names are a contract with users; a field may be
//! added, none may change its meaning.
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::as_conversions)]

use super::vocabulary::{
    Account, ActorType, Channel, CiteForm, ContactForm, MeasureType, Modality, Op, Plover,
    RETRACTED_BY, RelationType, Stance, Vocabulary,
};

/// What sort of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A document whose bytes were captured.
    Source,
    /// Somebody or something that can speak or act.
    Actor,
    /// What statements are about.
    Topic,
    /// Something that happened.
    Incident,
    /// A call, a meeting, an exchange.
    Contact,
    /// X said Y.
    Statement,
    /// One step in the life of a measure.
    Measure,
    /// A further report of an act already in the log.
    Mention,
    /// How one event bears on another.
    Relation,
    /// One field of an event is replaced.
    Correction,
    /// An event is taken back.
    Retraction,
    /// Free text about any id.
    Note,
    /// Event 0, written by the program.
    Genesis,
    /// Another event's content was erased; written by the program.
    Erasure,
    /// A signing key was added or replaced; written by the program.
    Key,
    /// A time-stamp of a checkpoint; written by the program.
    Anchor,
}

/// A kind's name, meaning and fields.
#[derive(Debug)]
pub struct KindSpec {
    /// The kind.
    pub kind: Kind,
    /// Its name in JSON and on the command line.
    pub name: &'static str,
    /// What it records, in one sentence.
    pub about: &'static str,
    /// Its own fields.
    pub fields: &'static [Field],
    /// Whether it has the [`COMMON`] fields too.
    pub common: bool,
}

/// A field's name, type and meaning.
#[derive(Debug)]
pub struct Field {
    /// Its JSON key; its flag is the same with `-` for `_`.
    pub name: &'static str,
    /// What it may hold.
    pub holds: Holds,
    /// Whether an event without it is refused.
    pub required: bool,
    /// What it says, in one sentence.
    pub about: &'static str,
}

/// What a field may hold.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// Text in the reporter's words.
    Text,
    /// A list of texts; a single text is taken as a list of one.
    Texts,
    /// An object whose values are texts.
    TextMap,
    /// A text or a whole number.
    TextOrNumber,
    /// A whole number.
    Number,
    /// The name that this event gives itself.
    NewId,
    /// The name of a measure, which need not exist yet.
    MeasureId,
    /// The id of something already known.
    Reference(Target),
    /// A list of such ids; a single one is taken as a list of one.
    References(Target),
    /// A date in EDTF level 1, or an RFC 3339 instant.
    Date,
    /// A term of a closed list.
    Term(&'static Vocabulary),
    /// An ISO 3166-1 code.
    Country,
    /// 64 hexadecimal digits.
    Hash,
    /// A list of objects with these fields; a single object is taken as a list of one.
    Records(&'static [Field]),
    /// A list of ids of actors, each alone or with the time for which it holds: objects with the fields [`TENURE`].
    Tenures,
    /// An object of any content.
    Object,
    /// Any JSON value.
    Anything,
}

/// What an id must refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An `actor` event.
    Actor,
    /// An `actor` or a `source` event: whoever passes words on.
    ActorOrSource,
    /// A `topic` event.
    Topic,
    /// A `source` event.
    Source,
    /// A `contact` event; it may follow later in the same file.
    Contact,
    /// A statement, measure, incident or contact event.
    Act,
    /// Any event that is not the program's own.
    Event,
    /// Any event, or a measure by its living id; it may follow later in the same file.
    EventOrMeasure,
    /// A measure by its living id; it may follow later in the same file.
    Measure,
}

impl Target {
    /// What it is, in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::ActorOrSource => "actor or source",
            Self::Topic => "topic",
            Self::Source => "source",
            Self::Contact => "contact",
            Self::Act => "statement, measure step, incident or contact",
            Self::Event => "event",
            Self::EventOrMeasure => "event or measure",
            Self::Measure => "measure",
        }
    }

    /// Whether the thing referred to may follow later in the same file.
    pub const fn may_follow(self) -> bool {
        matches!(self, Self::Contact | Self::EventOrMeasure | Self::Measure)
    }
}

const fn must(name: &'static str, holds: Holds, about: &'static str) -> Field {
    Field { name, holds, required: true, about }
}

const fn may(name: &'static str, holds: Holds, about: &'static str) -> Field {
    Field { name, holds, required: false, about }
}

/// One passage of one source.
pub const CITE: &[Field] = &[
    must("source", Holds::Reference(Target::Source), "the source"),
    may("quote", Holds::Text, "a passage of it, to the letter"),
    may("form", Holds::Term(&CiteForm::VOCABULARY), "how the source renders it"),
    may("at", Holds::TextOrNumber, "where in the source: a page, a paragraph, a time"),
];

/// One who passed the words on.
pub const ATTRIBUTION: &[Field] = &[
    may("by", Holds::Reference(Target::ActorOrSource), "who passed it on; nobody if absent"),
    may("how", Holds::Term(&Account::VOCABULARY), "how they passed it on"),
];

/// One membership for a time; an id alone holds for all time.
pub const TENURE: &[Field] = &[
    must("actor", Holds::Reference(Target::Actor), "what it belongs to or speaks for"),
    may("from", Holds::Date, "since when"),
    may("until", Holds::Date, "until when, that day included"),
];

/// The fields that every kind has but `source`, `actor` and `topic`.
pub const COMMON: &[Field] = &[
    may("when", Holds::Date, "when it happened"),
    may("summary", Holds::Text, "what happened, in the reporter's own words"),
    may("cites", Holds::Records(CITE), "the sources and their passages"),
    may("according_to", Holds::Records(ATTRIBUTION), "on whose word, nearest to the speaker first"),
    may("topic", Holds::Reference(Target::Topic), "what it is about"),
    may("lang", Holds::Text, "the language of the quotations, as in BCP 47"),
    may("confidence", Holds::TextOrNumber, "how sure the reporter is, on a scale of their own"),
    may("sealed", Holds::Object, "what only the owner of the log sees, kept apart"),
];

const ID: Field = may("id", Holds::NewId, "the name of this event, unique in the log");

/// Every kind, in the order of the documentation.
pub const KINDS: &[KindSpec] = &[
    KindSpec {
        kind: Kind::Source,
        name: "source",
        about: "a document; its bytes are captured and hashed, quotations are checked against it",
        common: false,
        fields: &[
            ID,
            may("title", Holds::Text, "its title"),
            may("publisher", Holds::Text, "who published it"),
            may("published", Holds::Date, "when the public could read it"),
            may("url", Holds::Text, "where it was found"),
            may("lang", Holds::Text, "its language, as in BCP 47"),
            may("file", Holds::Text, "the file whose bytes are captured"),
            may("text_file", Holds::Text, "its text, where the bytes are not text"),
            may("blake3", Holds::Hash, "the hash of the captured bytes; checked if given"),
            may("bytes", Holds::Number, "how many bytes were captured; checked if given"),
            may("text_blake3", Holds::Hash, "the hash of the text file; checked if given"),
            may("text_bytes", Holds::Number, "the size of the text file; checked if given"),
        ],
    },
    KindSpec {
        kind: Kind::Actor,
        name: "actor",
        about: "somebody or something that can speak or act",
        common: false,
        fields: &[
            ID,
            may("name", Holds::Text, "its name"),
            may("type", Holds::Term(&ActorType::VOCABULARY), "what sort of actor"),
            may(
                "part_of",
                Holds::Tenures,
                "what it belongs to or speaks for, and from when until when",
            ),
            may("country", Holds::Country, "its country, ISO 3166-1"),
            may("ids", Holds::TextMap, "its ids elsewhere, by scheme"),
            may("aliases", Holds::Texts, "its other names"),
        ],
    },
    KindSpec {
        kind: Kind::Topic,
        name: "topic",
        about: "what statements are about",
        common: false,
        fields: &[
            ID,
            may("name", Holds::Text, "its name"),
            may("broader", Holds::References(Target::Topic), "the wider topic"),
        ],
    },
    KindSpec {
        kind: Kind::Incident,
        name: "incident",
        about: "something that happened, no measure and no statement",
        common: true,
        fields: &[ID],
    },
    KindSpec {
        kind: Kind::Contact,
        name: "contact",
        about: "a call, a meeting, an exchange",
        common: true,
        fields: &[
            ID,
            may("form", Holds::Term(&ContactForm::VOCABULARY), "what sort of contact"),
            may("participants", Holds::References(Target::Actor), "who took part"),
        ],
    },
    KindSpec {
        kind: Kind::Statement,
        name: "statement",
        about: "X said Y",
        common: true,
        fields: &[
            ID,
            may("by", Holds::References(Target::Actor), "who said it; nobody if nobody is named"),
            may("on_behalf_of", Holds::References(Target::Actor), "for whom they spoke"),
            may("to", Holds::References(Target::Actor), "to whom"),
            may("stance", Holds::Term(&Stance::VOCABULARY), "what they do about the topic"),
            may("modality", Holds::Term(&Modality::VOCABULARY), "how far they assert it"),
            may("channel", Holds::Term(&Channel::VOCABULARY), "how it was made"),
            may("contact", Holds::Reference(Target::Contact), "in which contact"),
            may("plover", Holds::Term(&Plover::VOCABULARY), "its PLOVER event type"),
        ],
    },
    KindSpec {
        kind: Kind::Measure,
        name: "measure",
        about: "one step in the life of a measure",
        common: true,
        fields: &[
            ID,
            must("measure", Holds::MeasureId, "the name of the measure, which lives on"),
            must("op", Holds::Term(&Op::VOCABULARY), "which step it is"),
            may("by", Holds::References(Target::Actor), "whose measure"),
            may("against", Holds::References(Target::Actor), "against whom"),
            may("type", Holds::Term(&MeasureType::VOCABULARY), "what sort of measure"),
            may("scope", Holds::Text, "what it covers"),
            may("legal_basis", Holds::Text, "the law or instrument"),
            may("announced", Holds::Date, "when it was made known"),
            may("effective", Holds::Date, "when it takes effect"),
            may("until", Holds::Date, "its stated end"),
            may("superseded_by", Holds::Reference(Target::Measure), "the measure in its place"),
            may("responds_to", Holds::References(Target::EventOrMeasure), "what it answers"),
        ],
    },
    KindSpec {
        kind: Kind::Mention,
        name: "mention",
        about: "a further report of an act already in the log",
        common: true,
        fields: &[
            ID,
            must("of", Holds::Reference(Target::Act), "the act"),
            may("effective", Holds::Date, "when, by this report, it takes effect"),
        ],
    },
    KindSpec {
        kind: Kind::Relation,
        name: "relation",
        about: "how one event bears on another",
        common: true,
        fields: &[
            ID,
            must("from", Holds::Reference(Target::EventOrMeasure), "the one"),
            must("to", Holds::Reference(Target::EventOrMeasure), "the other"),
            must("type", Holds::Term(&RelationType::VOCABULARY), "how it bears on the other"),
        ],
    },
    KindSpec {
        kind: Kind::Correction,
        name: "correction",
        about: "one field of an event is replaced; history keeps both values",
        common: true,
        fields: &[
            ID,
            must("of", Holds::Reference(Target::Event), "the event"),
            must("field", Holds::Text, "the name of its field"),
            must("to", Holds::Anything, "the new value; null takes the value away"),
            may("why", Holds::Text, "the reason"),
        ],
    },
    KindSpec {
        kind: Kind::Retraction,
        name: "retraction",
        about: "an event is taken back; history keeps it",
        common: true,
        fields: &[
            ID,
            must("of", Holds::Reference(Target::Event), "the event"),
            must("by", Holds::Term(&RETRACTED_BY), "on whose word"),
            may("duplicate_of", Holds::Reference(Target::Event), "the event it doubles"),
            may("why", Holds::Text, "the reason"),
        ],
    },
    KindSpec {
        kind: Kind::Note,
        name: "note",
        about: "free text about any id",
        common: true,
        fields: &[
            ID,
            may("of", Holds::Reference(Target::EventOrMeasure), "what it is about"),
            may("text", Holds::Text, "the note"),
        ],
    },
];

/// The kinds that the program writes itself.
pub const SYSTEM_KINDS: &[(Kind, &str)] = &[
    (Kind::Genesis, "genesis"),
    (Kind::Erasure, "erasure"),
    (Kind::Key, "key"),
    (Kind::Anchor, "anchor"),
];

impl Kind {
    /// Reads a kind's name.
    pub fn parse(name: &str) -> Option<Self> {
        let own = KINDS.iter().find(|spec| spec.name == name).map(|spec| spec.kind);
        own.or_else(|| SYSTEM_KINDS.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind))
    }

    /// Its name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        let own = self.spec().map(|spec| spec.name);
        own.or_else(|| SYSTEM_KINDS.iter().find(|(kind, _)| *kind == self).map(|(_, name)| *name))
            .unwrap_or_default()
    }

    /// Its table; `None` for the kinds that the program writes itself.
    pub fn spec(self) -> Option<&'static KindSpec> {
        KINDS.iter().find(|spec| spec.kind == self)
    }

    /// Whether events of this kind are made by the program itself.
    pub const fn is_system(self) -> bool {
        matches!(self, Self::Genesis | Self::Erasure | Self::Key | Self::Anchor)
    }

    /// Whether this kind reports something that was done or said: a statement, measure, incident or contact.
    pub const fn is_act(self) -> bool {
        matches!(self, Self::Statement | Self::Measure | Self::Incident | Self::Contact)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Kind {
    /// Its name with the indefinite article: `an actor`.
    pub fn with_article(self) -> String {
        with_article(self.name())
    }
}

/// The name of a kind, or another word, with the indefinite article.
pub(crate) fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {word}")
}

impl KindSpec {
    /// Every field of this kind: its own, then the common ones.
    pub fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        let common: &'static [Field] = if self.common { COMMON } else { &[] };
        self.fields.iter().chain(common)
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.all_fields().find(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_has_a_field_twice_and_every_name_reads_back() {
        for spec in KINDS {
            let mut names: Vec<_> = spec.all_fields().map(|field| field.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", spec.name);
            assert_eq!(Kind::parse(spec.name), Some(spec.kind));
            assert!(!spec.kind.is_system(), "{}", spec.name);
        }
        for (kind, name) in SYSTEM_KINDS {
            assert_eq!(Kind::parse(name), Some(*kind));
            assert_eq!(kind.name(), *name);
            assert!(kind.is_system(), "{name}");
        }
    }
}
