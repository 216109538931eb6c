//! A glance at a statement: who said it, on what, when, citing what; without building the event.
//!
//! Of ten million statements a replay needs a handful; reading each in full would be most of its work. A glance takes
//! only canonical JSON of a statement with the fields and terms that this version knows, and copies nothing. What it
//! does not understand it leaves to the full reading, so that both agree on every payload
//! (`a_glance_sees_what_a_full_reading_sees`).

use crate::model::event::{Body, Cite, Event};
use crate::model::vocabulary::{Account, Channel, CiteForm, Modality, Plover, Stance, Vocabulary};

/// What of a statement decides whether it can be current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glance<'e> {
    /// The id its reporter gave it.
    pub(super) id: Option<&'e str>,
    /// When it was said, as written.
    pub(super) when: Option<&'e str>,
    /// The topic.
    pub(super) topic: Option<&'e str>,
    /// The contact in which it was said.
    pub(super) contact: Option<&'e str>,
    by: Names<'e>,
    cites: Sources<'e>,
}

/// The speakers, as they were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names<'e> {
    /// A list of plain texts, in JSON.
    Json(&'e str),
    Read(&'e [String]),
}

/// The cited passages, as they were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sources<'e> {
    /// A list of cites, in JSON.
    Json(&'e str),
    Read(&'e [Cite]),
}

impl<'e> Glance<'e> {
    /// Looks at a payload; `None` if it takes a full reading to know what it says, or that it is no statement.
    pub(super) fn at(payload: &'e [u8]) -> Option<Self> {
        let text = std::str::from_utf8(payload).ok()?;
        let mut scanner = Scanner { text, at: 0 };
        let mut found = Self {
            id: None,
            when: None,
            topic: None,
            contact: None,
            by: Names::Read(&[]),
            cites: Sources::Read(&[]),
        };
        let mut is_statement = false;
        scanner.object(|scanner, key| {
            match key {
                "id" => found.id = Some(scanner.plain()?),
                "when" => found.when = Some(scanner.plain()?),
                "topic" => found.topic = Some(scanner.plain()?),
                "contact" => found.contact = Some(scanner.plain()?),
                "by" => found.by = Names::Json(scanner.plains()?),
                "cites" => found.cites = Sources::Json(scanner.records(Scanner::cite)?),
                "kind" => is_statement = scanner.plain()? == "statement",
                "summary" | "lang" => drop(scanner.text()?),
                "on_behalf_of" | "to" => drop(scanner.plains()?),
                "stance" => scanner.term(&Stance::VOCABULARY)?,
                "modality" => scanner.term(&Modality::VOCABULARY)?,
                "channel" => scanner.term(&Channel::VOCABULARY)?,
                "plover" => scanner.term(&Plover::VOCABULARY)?,
                "confidence" => scanner.text_or_number()?,
                "according_to" => drop(scanner.records(Scanner::attribution)?),
                _ => return None,
            }
            Some(())
        })?;
        (is_statement && scanner.at == text.len()).then_some(found)
    }

    /// The same of a statement that was read in full; `None` of any other event.
    pub(super) fn of(event: &'e Event) -> Option<Self> {
        let Body::Statement(statement) = &event.body else { return None };
        Some(Self {
            id: event.id.as_deref(),
            when: event.when.as_ref().map(|when| when.as_str()),
            topic: event.topic.as_deref(),
            contact: statement.contact.as_deref(),
            by: Names::Read(&statement.by),
            cites: Sources::Read(&event.cites),
        })
    }

    /// Each of its speakers, in order.
    pub(super) fn each_by(&self, mut see: impl FnMut(&'e str)) {
        match self.by {
            Names::Json(list) => list.split('"').skip(1).step_by(2).for_each(see),
            Names::Read(list) => list.iter().for_each(|name| see(name)),
        }
    }

    /// Each source that it cites, in order.
    pub(super) fn each_source(&self, mut see: impl FnMut(&'e str)) {
        match self.cites {
            Sources::Json(text) => {
                let mut scanner = Scanner { text, at: 0 };
                // The list was scanned before, so every cite in it is one.
                let _ = scanner.records(|scanner| {
                    see(scanner.cite()?);
                    Some(())
                });
            }
            Sources::Read(cites) => cites.iter().for_each(|cite| see(&cite.source)),
        }
    }
}

/// Reads canonical JSON from left to right. `None` is: not canonical, or not understood here.
struct Scanner<'e> {
    text: &'e str,
    at: usize,
}

impl<'e> Scanner<'e> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at = self.at.saturating_add(1))
    }

    /// An object with at least one key; `value` reads the value of each.
    fn object(&mut self, mut value: impl FnMut(&mut Self, &'e str) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        let mut before = "";
        loop {
            let key = self.plain()?;
            // Canonical: every key once, in order. Those that are known are ASCII, so the order of bytes is that of UTF-16.
            if key <= before {
                return None;
            }
            before = key;
            self.take(b':')?;
            value(self, key)?;
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    /// A list; what it spans is returned.
    fn records<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<&'e str> {
        let from = self.at;
        self.take(b'[')?;
        if self.take(b']').is_none() {
            loop {
                item(self)?;
                if self.take(b',').is_none() {
                    self.take(b']')?;
                    break;
                }
            }
        }
        self.text.get(from..self.at)
    }

    /// A list of texts without escapes.
    fn plains(&mut self) -> Option<&'e str> {
        self.records(Self::plain)
    }

    /// A text without escapes.
    fn plain(&mut self) -> Option<&'e str> {
        let (text, escapes) = self.text()?;
        (!escapes).then_some(text)
    }

    /// A text as it is written, and whether there are escapes in it.
    fn text(&mut self) -> Option<(&'e str, bool)> {
        self.take(b'"')?;
        let from = self.at;
        let mut escapes = false;
        loop {
            self.at = self.at.checked_add(ordinary(self.text.as_bytes().get(self.at..)?))?;
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escapes = true;
                    let next = self.text.as_bytes().get(self.at.checked_add(1)?)?;
                    if !matches!(next, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') {
                        return None;
                    }
                    self.at = self.at.checked_add(2)?;
                }
                _ => return None,
            }
        }
        let text = self.text.get(from..self.at)?;
        self.take(b'"')?;
        Some((text, escapes))
    }

    fn text_or_number(&mut self) -> Option<()> {
        if self.peek()? == b'"' {
            return self.text().map(drop);
        }
        let from = self.at;
        while self.peek()?.is_ascii_digit() {
            self.at = self.at.saturating_add(1);
        }
        // Shorter than the largest number that is kept exactly, and without leading zeros.
        let digits = self.text.get(from..self.at)?;
        let plain = matches!(digits.len(), 1..=15) && (digits == "0" || !digits.starts_with('0'));
        plain.then_some(())
    }

    fn term(&mut self, list: &Vocabulary) -> Option<()> {
        let term = self.plain()?;
        list.has(term).then_some(())
    }

    /// A cite; its source is returned.
    fn cite(&mut self) -> Option<&'e str> {
        let mut source = None;
        self.object(|scanner, key| {
            match key {
                "source" => source = Some(scanner.plain()?),
                "quote" => drop(scanner.text()?),
                "at" => scanner.text_or_number()?,
                "form" => scanner.term(&CiteForm::VOCABULARY)?,
                _ => return None,
            }
            Some(())
        })?;
        source
    }

    fn attribution(&mut self) -> Option<()> {
        self.object(|scanner, key| match key {
            "by" => scanner.plain().map(drop),
            "how" => scanner.term(&Account::VOCABULARY),
            _ => None,
        })
    }
}

/// How many bytes from the first on are neither a quotation mark, a backslash nor a control character.
///
/// Eight bytes at a time: a byte of `found` has its highest bit set if the byte at its place is one of those. Behind
/// the first of them a bit may be set in error, before it none is.
fn ordinary(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    const fn below(word: u64, least: u8) -> u64 {
        word.wrapping_sub(u64::from_le_bytes([least; 8])) & !word & HIGH
    }
    const fn equal(word: u64, byte: u8) -> u64 {
        let word = word ^ u64::from_le_bytes([byte; 8]);
        word.wrapping_sub(ONES) & !word & HIGH
    }
    let (words, rest) = bytes.as_chunks::<8>();
    let mut at = 0_usize;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let found = below(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            let bit = usize::try_from(found.trailing_zeros()).unwrap_or(0);
            return at.saturating_add(bit / 8);
        }
        at = at.saturating_add(8);
    }
    let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    at.saturating_add(rest.iter().position(special).unwrap_or(rest.len()))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;
    use crate::model::date::Edtf;
    use crate::model::value::Value;
    use crate::record::json;
    use proptest::prelude::*;

    const PLAIN: &str = r#"{"according_to":[{"by":"in","how":"readout"}],"by":["in","pk"],"channel":"x-own","cites":[{"at":12,"form":"direct","quote":"so \"he\" said","source":"a"},{"source":"é"}],"confidence":"high","contact":"call","id":"s1","kind":"statement","lang":"en","modality":"asserted","on_behalf_of":["us"],"plover":"aid","stance":"supports","summary":"line\nline","to":["us"],"topic":"treaty","when":"2025-04-23"}"#;

    /// What a full reading makes of a payload of kind `statement`.
    fn read(payload: &[u8]) -> Option<Event> {
        let Ok(Value::Object(object)) = json::parse_canonical(payload) else { return None };
        Event::read(&object).ok().filter(|event| matches!(event.body, Body::Statement(_)))
    }

    fn parts(glance: &Glance<'_>) -> (Vec<String>, Vec<String>, [Option<String>; 4]) {
        let (mut by, mut sources) = (Vec::new(), Vec::new());
        glance.each_by(|name| by.push(name.to_owned()));
        glance.each_source(|source| sources.push(source.to_owned()));
        let Glance { id, when, topic, contact, .. } = glance;
        (by, sources, [id, when, topic, contact].map(|text| text.map(str::to_owned)))
    }

    /// What a glance sees, a full reading must see; a date is read by whoever glances.
    fn agrees(payload: &[u8]) -> Option<(Vec<String>, Vec<String>, [Option<String>; 4])> {
        let glance = Glance::at(payload)?;
        if glance.when.is_some_and(|when| Edtf::parse(when).is_err()) {
            return None;
        }
        let event = read(payload);
        let event = event.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(payload)));
        let full = Glance::of(&event).unwrap();
        assert_eq!(parts(&glance), parts(&full), "{}", String::from_utf8_lossy(payload));
        Some(parts(&glance))
    }

    #[test]
    fn a_plain_statement_is_understood() {
        let (by, sources, texts) = agrees(PLAIN.as_bytes()).unwrap();
        assert_eq!((by, sources), (vec!["in".into(), "pk".into()], vec!["a".into(), "é".into()]));
        assert_eq!(texts.map(Option::unwrap), ["s1", "2025-04-23", "treaty", "call"]);
        for rest in [r#"{"kind":"statement"}"#, r#"{"by":[],"cites":[],"kind":"statement"}"#] {
            assert!(agrees(rest.as_bytes()).is_some(), "{rest}");
        }
    }

    #[test]
    fn what_needs_a_full_reading_is_left_to_it() {
        for (from, to) in [
            ("\"s1\"", "\"s\\u00011\""),
            ("\"s1\"", "\"s\\n1\""),
            ("\"s1\"", "null"),
            ("\"s1\"", "17"),
            ("supports", "likes"),
            ("\"statement\"", "\"incident\""),
            ("\"lang\"", "\"kinds\""),
            ("\"lang\":\"en\",", ""),
            ("\"at\":12", "\"at\":012"),
            ("\"at\":12", "\"at\":9007199254740992"),
            ("line\\n", "line\\/"),
            (",\"id\"", ", \"id\""),
        ] {
            let changed = PLAIN.replacen(from, to, 1);
            assert_ne!(changed, PLAIN, "{from}");
            let is_plain = to.is_empty();
            assert_eq!(Glance::at(changed.as_bytes()).is_some(), is_plain, "{changed}");
            agrees(changed.as_bytes());
        }
        assert!(Glance::at(&[PLAIN.as_bytes(), b" "].concat()).is_none());
        assert!(Glance::at(PLAIN.replace('é', "\u{1f}").as_bytes()).is_none());
        assert!(Glance::at(b"{\"kind\":\"statement\",\"summary\":\"\xff\"}").is_none());
    }

    proptest! {
        #[test]
        fn a_glance_sees_what_a_full_reading_sees(
            at in 0..PLAIN.len(),
            cut in 0_usize..9,
            put in prop::collection::vec(prop::sample::select(br#"{}[]",:\ab0n/u1_-e"#.to_vec()), 0..4),
            bytes in any::<Option<[u8; 2]>>(),
        ) {
            let mut payload = PLAIN.as_bytes().to_vec();
            let end = payload.len().min(at + cut);
            payload.splice(at..end, put.into_iter().chain(bytes.into_iter().flatten()));
            agrees(&payload);
        }

        #[test]
        fn ordinary_bytes_are_counted(bytes in prop::collection::vec(any::<u8>(), 0..40), quiet in any::<bool>()) {
            let bytes: Vec<u8> = bytes.iter().map(|b| if quiet { b | 0x60 } else { *b }).collect();
            let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
            prop_assert_eq!(ordinary(&bytes), bytes.iter().position(special).unwrap_or(bytes.len()));
        }
    }
}
