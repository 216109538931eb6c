//! What can be done with a line of input without knowing the log, on any thread: it is read, checked, brought into
//! canonical form and committed to, and what it refers to and quotes is noted.
//!
//! Most lines need nothing more than that all of this is found in the log. Those that need more, or in which anything is
//! wrong, are left as they are for [`super::append`], which knows every case and every error.

use std::ops::Range;

use super::append::name_it;
use super::content_hash;
use super::gates::{each_reference, has_repeats};
use super::names::{Key, Name, is_listed};
use crate::model::check::{Checked, check};
use crate::model::limits::PAYLOAD_BYTES_MAX;
use crate::model::schema::{Kind, Target};
use crate::model::value::{Object, Value};
use crate::record::commitment::{Commitment, Salt, commit_payloads, commit_sealed};
use crate::record::json;

/// Lines of input, numbered.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    /// The number of each line, counted from 1, and where it ends in the bytes.
    pub(super) ends: Vec<(u64, usize)>,
    /// What their salts are made from; nobody can guess it, and it is kept nowhere.
    pub(super) seed: [u8; 32],
}

/// Some lines made ready.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) lines: Lines,
    pub(super) items: Vec<Item>,
    /// Payloads and sealed parts, one after the other.
    parts: Vec<u8>,
    /// Ids and quotations, one after the other.
    texts: String,
}

/// What came of one line.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are ready")]
pub(super) enum Item {
    /// It is ready, if all that it refers to and quotes is found; with the commitment to its payload.
    Ready(Ready, Commitment),
    /// It needs a closer look.
    Other,
}

/// An event that is ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) kind: Kind,
    payload: (Range<usize>, Salt),
    sealed: Option<(Range<usize>, Salt, Commitment)>,
    id: Option<Range<usize>>,
    /// Its id, or its content.
    pub(super) key: Key,
    /// What else it is known by.
    pub(super) other_keys: Vec<Key>,
    references: Vec<(Target, Range<usize>)>,
    /// The ids of sources, and what is quoted of them.
    quotes: Vec<(Range<usize>, Range<usize>)>,
}

impl Lines {
    /// The line at this place.
    pub(super) fn line(&self, index: usize) -> Option<(u64, &[u8])> {
        let (number, end) = *self.ends.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |(_, end)| *end);
        Some((number, self.bytes.get(start..end)?))
    }
}

impl Prepared {
    /// Makes some lines ready.
    pub(super) fn of(lines: Lines) -> Self {
        let mut read = Vec::with_capacity(lines.ends.len());
        let mut prepared = Self {
            items: Vec::new(),
            parts: Vec::with_capacity(lines.bytes.len()),
            texts: String::new(),
            lines: Lines::default(),
        };
        // The stream of BLAKE3 under a key that is used once: two salts for each line.
        let mut salts = blake3::Hasher::new_keyed(&lines.seed).finalize_xof();
        for index in 0..lines.ends.len() {
            let (parts, texts) = (prepared.parts.len(), prepared.texts.len());
            let ready = lines.line(index).and_then(|(_, line)| {
                let mut salt = [[0; 32]; 2];
                salts.fill(salt.as_flattened_mut());
                let [salt, sealed_salt] = salt;
                prepared.read(line, salt, sealed_salt)
            });
            if ready.is_none() {
                prepared.parts.truncate(parts);
                prepared.texts.truncate(texts);
            }
            read.push(ready);
        }
        let payloads = read.iter().flatten().map(|ready| {
            let (range, salt) = &ready.payload;
            (&salt.0, prepared.parts.get(range.clone()).unwrap_or_default())
        });
        let mut commitments = commit_payloads(payloads).into_iter();
        let mut item = |ready: Option<Ready>| Some(Item::Ready(ready?, commitments.next()?));
        prepared.items = read.into_iter().map(|ready| item(ready).unwrap_or(Item::Other)).collect();
        prepared.lines = lines;
        prepared
    }

    fn read(&mut self, line: &[u8], salt: [u8; 32], sealed_salt: [u8; 32]) -> Option<Ready> {
        let Checked { kind, mut payload, sealed } = check(json::parse(line).ok()?).ok()?;
        if matches!(kind, Kind::Source | Kind::Correction | Kind::Retraction) {
            return None;
        }
        name_it(kind, &mut payload).ok()?;
        if kind.spec().is_some_and(|spec| has_repeats(&payload, &|name| spec.field(name))) {
            return None;
        }
        let references = self.references(kind, &payload);
        let quotes = self.quotes(&payload);
        let id = match payload.get("id") {
            Some(Value::Text(id)) => Some(self.text(id)),
            _ => None,
        };
        let mut other_keys = Vec::new();
        match (kind, payload.get("measure"), payload.get("contact")) {
            (Kind::Measure, Some(Value::Text(measure)), _) => {
                other_keys.push(Name::Measure(measure).key());
            }
            (Kind::Statement, _, Some(Value::Text(contact))) => {
                other_keys.push(Name::Contact(contact).key());
            }
            _ => {}
        }
        if is_listed(kind) {
            other_keys.push(Name::Kind(kind).key());
        }
        let payload = self.part(payload)?;
        let sealed = match sealed {
            Some(object) => Some(self.part(object)?),
            None => None,
        };
        let key = if let Some(id) = &id {
            Name::Id(self.texts.get(id.clone())?).key()
        } else {
            let sealed = sealed.clone().and_then(|range| self.parts.get(range));
            Name::Content(&content_hash(self.parts.get(payload.clone())?, sealed)).key()
        };
        let (salt, sealed_salt) = (Salt(salt), Salt(sealed_salt));
        let sealed = match sealed {
            Some(range) => {
                let commitment = commit_sealed(&sealed_salt, self.parts.get(range.clone())?);
                Some((range, sealed_salt, commitment))
            }
            None => None,
        };
        let payload = (payload, salt);
        Some(Ready { kind, payload, sealed, id, key, other_keys, references, quotes })
    }

    /// Writes a part; `None` if it is too long.
    fn part(&mut self, object: Object<'_>) -> Option<Range<usize>> {
        let start = self.parts.len();
        json::canonical_into(&Value::Object(object), &mut self.parts);
        let range = start..self.parts.len();
        (range.len() <= PAYLOAD_BYTES_MAX).then_some(range)
    }

    fn text(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    fn references(&mut self, kind: Kind, payload: &Object<'_>) -> Vec<(Target, Range<usize>)> {
        let Some(spec) = kind.spec() else { return Vec::new() };
        let mut references: Vec<(Target, Range<usize>)> = Vec::new();
        each_reference(payload, &|name| spec.field(name), &mut |target, id| {
            let known = references
                .iter()
                .any(|(of, range)| *of == target && self.texts.get(range.clone()) == Some(id));
            if !known {
                references.push((target, self.text(id)));
            }
        });
        references
    }

    fn quotes(&mut self, payload: &Object<'_>) -> Vec<(Range<usize>, Range<usize>)> {
        let Some(Value::List(cites)) = payload.get("cites") else { return Vec::new() };
        let mut quotes = Vec::new();
        for cite in cites {
            let Value::Object(cite) = cite else { continue };
            if let (Some(Value::Text(source)), Some(Value::Text(quote))) =
                (cite.get("source"), cite.get("quote"))
            {
                quotes.push((self.text(source), self.text(quote)));
            }
        }
        quotes
    }

    /// The payload of an event, and its salt.
    pub(super) fn payload(&self, ready: &Ready) -> (&[u8], Salt) {
        let (range, salt) = &ready.payload;
        (self.parts.get(range.clone()).unwrap_or_default(), *salt)
    }

    /// The sealed part of an event, if it has one, with its salt and commitment.
    pub(super) fn sealed(&self, ready: &Ready) -> Option<(&[u8], Salt, Commitment)> {
        let (range, salt, commitment) = ready.sealed.as_ref()?;
        Some((self.parts.get(range.clone()).unwrap_or_default(), *salt, *commitment))
    }

    /// The id of an event, if its reporter gave it one.
    pub(super) fn id(&self, ready: &Ready) -> Option<&str> {
        self.texts.get(ready.id.clone()?)
    }

    /// What an event refers to, each once.
    pub(super) fn references_of<'p>(
        &'p self,
        ready: &'p Ready,
    ) -> impl Iterator<Item = (Target, &'p str)> {
        let text = |range: &Range<usize>| self.texts.get(range.clone()).unwrap_or_default();
        ready.references.iter().map(move |(target, range)| (*target, text(range)))
    }

    /// What an event quotes: the id of the source, and the passage.
    pub(super) fn quotes_of<'p>(
        &'p self,
        ready: &'p Ready,
    ) -> impl Iterator<Item = (&'p str, &'p str)> {
        let text = |range: &Range<usize>| self.texts.get(range.clone()).unwrap_or_default();
        ready.quotes.iter().map(move |(source, quote)| (text(source), text(quote)))
    }
}
