//! A glance at a statement: who said it, on what, when, citing what; without building the event.
//!
//! Of ten million statements a replay needs a handful; reading each in full would be most of its work. A glance takes
//! only canonical JSON of a statement with the fields and terms that this version knows, and copies nothing. What it
//! does not understand it leaves to the full reading, so that both agree on every payload
//! (`a_glance_sees_what_a_full_reading_sees`).

use crate::model::event::{Body, Cite, Event};
use crate::model::id::check_stored;
use crate::model::vocabulary::{Account, Channel, CiteForm, Modality, Plover, Stance, Vocabulary};

/// What of a statement decides whether it can be current. Every text in it is UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glance<'e> {
    /// The id its reporter gave it.
    pub(super) id: Option<&'e [u8]>,
    /// When it was said, as written.
    pub(super) when: Option<&'e [u8]>,
    /// The topic.
    pub(super) topic: Option<&'e [u8]>,
    /// The contact in which it was said.
    pub(super) contact: Option<&'e [u8]>,
    by: Names<'e>,
    cites: Sources<'e>,
    /// Whether it quotes.
    quotes: bool,
}

/// The speakers, as they were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names<'e> {
    /// A list of plain texts, in JSON.
    Json(&'e [u8]),
    Read(&'e [String]),
}

/// The cited passages, as they were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sources<'e> {
    /// A list of cites, in JSON.
    Json(&'e [u8]),
    Read(&'e [Cite]),
}

/// A key as canonical JSON writes it, ready to be compared eight bytes at once, and the field it names.
struct Key<F> {
    /// Its first eight bytes, or as many as there are.
    word: u64,
    /// Those bits of a word that it has.
    mask: u64,
    rest: &'static [u8],
    len: usize,
    field: F,
}

const fn key<F: Copy>(text: &'static [u8], field: F) -> Key<F> {
    let (mut word, mut mask, mut rest, mut shift) = (0, 0, text, 0);
    while shift < u64::BITS
        && let Some((byte, after)) = rest.split_first()
    {
        word |= u64::from_le_bytes([*byte, 0, 0, 0, 0, 0, 0, 0]) << shift;
        mask |= 0xff << shift;
        rest = after;
        shift = shift.wrapping_add(8);
    }
    Key { word, mask, rest, len: text.len(), field }
}

#[derive(Clone, Copy)]
enum Field {
    AccordingTo,
    By,
    Cites,
    Confidence,
    Contact,
    Id,
    Kind,
    Names,
    Term(&'static Vocabulary),
    Text,
    Topic,
    When,
}

/// Every key that a statement may have, in canonical order.
const STATEMENT: &[Key<Field>] = &[
    key(b"\"according_to\":", Field::AccordingTo),
    key(b"\"by\":", Field::By),
    key(b"\"channel\":", Field::Term(&Channel::VOCABULARY)),
    key(b"\"cites\":", Field::Cites),
    key(b"\"confidence\":", Field::Confidence),
    key(b"\"contact\":", Field::Contact),
    key(b"\"id\":", Field::Id),
    key(b"\"kind\":", Field::Kind),
    key(b"\"lang\":", Field::Text),
    key(b"\"modality\":", Field::Term(&Modality::VOCABULARY)),
    key(b"\"on_behalf_of\":", Field::Names),
    key(b"\"plover\":", Field::Term(&Plover::VOCABULARY)),
    key(b"\"stance\":", Field::Term(&Stance::VOCABULARY)),
    key(b"\"summary\":", Field::Text),
    key(b"\"to\":", Field::Names),
    key(b"\"topic\":", Field::Topic),
    key(b"\"when\":", Field::When),
];

#[derive(Clone, Copy)]
enum Told {
    By,
    How,
}

const ATTRIBUTION: &[Key<Told>] = &[key(b"\"by\":", Told::By), key(b"\"how\":", Told::How)];

#[derive(Clone, Copy)]
enum Passage {
    At,
    Form,
    Quote,
    Source,
}

const CITE: &[Key<Passage>] = &[
    key(b"\"at\":", Passage::At),
    key(b"\"form\":", Passage::Form),
    key(b"\"quote\":", Passage::Quote),
    key(b"\"source\":", Passage::Source),
];

impl<'e> Glance<'e> {
    /// Looks at a payload; `None` if it takes a full reading to know what it says, or that it is no statement.
    pub(super) fn at(payload: &'e [u8]) -> Option<Self> {
        let mut scanner = Scanner { bytes: payload, at: 0, all: 0 };
        let mut found = Self {
            id: None,
            when: None,
            topic: None,
            contact: None,
            by: Names::Read(&[]),
            cites: Sources::Read(&[]),
            quotes: false,
        };
        let mut is_statement = false;
        scanner.object(STATEMENT, |scanner, field| {
            match field {
                Field::Id => {
                    found.id = Some(scanner.plain().filter(|id| check_stored(text(id)).is_ok())?);
                }
                Field::When => found.when = Some(scanner.plain()?),
                Field::Topic => found.topic = Some(scanner.plain()?),
                Field::Contact => found.contact = Some(scanner.plain()?),
                Field::By => found.by = Names::Json(scanner.list(|s| s.plain().map(drop))?),
                Field::Cites => {
                    let quotes = &mut found.quotes;
                    let list = scanner.list(|scanner| {
                        *quotes |= scanner.cite()?.quote.is_some();
                        Some(())
                    });
                    found.cites = Sources::Json(list?);
                }
                Field::Kind => is_statement = scanner.plain()? == b"statement",
                Field::Text => drop(scanner.text()?),
                Field::Names => drop(scanner.list(|s| s.plain().map(drop))?),
                Field::Term(list) => scanner.term(list)?,
                Field::Confidence => scanner.text_or_number()?,
                Field::AccordingTo => drop(scanner.list(Scanner::attribution)?),
            }
            Some(())
        })?;
        let is_whole = is_statement && scanner.at == payload.len();
        // ASCII is UTF-8; and all that is not within a text was compared with ASCII.
        let is_utf8 = scanner.all & HIGH == 0 || std::str::from_utf8(payload).is_ok();
        (is_whole && is_utf8).then_some(found)
    }

    /// The same of a statement that was read in full; `None` of any other event.
    pub(super) fn of(event: &'e Event) -> Option<Self> {
        let Body::Statement(statement) = &event.body else { return None };
        Some(Self {
            id: event.id.as_ref().map(|id| id.as_bytes()),
            when: event.when.as_ref().map(|when| when.as_str().as_bytes()),
            topic: event.topic.as_ref().map(|topic| topic.as_bytes()),
            contact: statement.contact.as_ref().map(|contact| contact.as_bytes()),
            by: Names::Read(&statement.by),
            cites: Sources::Read(&event.cites),
            quotes: event.cites.iter().any(|cite| cite.quote.is_some()),
        })
    }

    /// Each of its speakers, in order.
    pub(super) fn each_by(&self, mut see: impl FnMut(&'e [u8])) {
        match self.by {
            Names::Json(list) => list.split(|b| *b == b'"').skip(1).step_by(2).for_each(see),
            Names::Read(list) => list.iter().for_each(|name| see(name.as_bytes())),
        }
    }

    /// Each source that it cites, in order.
    pub(super) fn each_source(&self, mut see: impl FnMut(&'e str)) {
        match self.cites {
            Sources::Json(bytes) => {
                let mut scanner = Scanner { bytes, at: 0, all: 0 };
                // The list was scanned before, so every cite in it is one.
                let _ = scanner.list(|scanner| {
                    see(text(scanner.cite()?.source));
                    Some(())
                });
            }
            Sources::Read(cites) => cites.iter().for_each(|cite| see(&cite.source)),
        }
    }

    /// What it quotes: the place of each cite that does, its source, and the quotation. `None` if a quotation holds
    /// escapes: what it says takes a full reading.
    pub(super) fn quotes(&self) -> Option<Vec<(usize, &'e str, &'e str)>> {
        let mut quotes = Vec::new();
        if !self.quotes {
            return Some(quotes);
        }
        match self.cites {
            Sources::Json(bytes) => {
                let (mut scanner, mut place) = (Scanner { bytes, at: 0, all: 0 }, 0_usize);
                scanner.list(|scanner| {
                    let Cited { source, quote } = scanner.cite()?;
                    if let Some(quote) = quote {
                        let is_literal = !quote.contains(&b'\\');
                        quotes.push(is_literal.then(|| (place, text(source), text(quote)))?);
                    }
                    place = place.wrapping_add(1);
                    Some(())
                })?;
            }
            Sources::Read(cites) => {
                let quoting = cites.iter().enumerate().filter_map(|(place, cite)| {
                    Some((place, cite.source.as_str(), cite.quote.as_deref()?))
                });
                quotes.extend(quoting);
            }
        }
        Some(quotes)
    }
}

/// A cite: its source, and what it quotes, as JSON writes it.
struct Cited<'e> {
    source: &'e [u8],
    quote: Option<&'e [u8]>,
}

/// A text of a glance.
pub(super) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Reads canonical JSON from left to right. `None` is: not canonical, or not understood here.
struct Scanner<'e> {
    bytes: &'e [u8],
    at: usize,
    /// The bits of all bytes of texts, so that it is known whether there are others than ASCII.
    all: u64,
}

impl<'e> Scanner<'e> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at = self.at.wrapping_add(1))
    }

    /// An object with at least one key; `value` reads the value of each. Keys are known in canonical order, and looked
    /// for behind the last one: so each is there once, and in that order.
    fn object<F: Copy>(
        &mut self,
        keys: &'static [Key<F>],
        mut value: impl FnMut(&mut Self, F) -> Option<()>,
    ) -> Option<()> {
        self.take(b'{')?;
        let mut keys = keys.iter();
        loop {
            // After a key there are eight bytes, or there is little to see.
            let (word, rest) = self.bytes.get(self.at..)?.split_first_chunk::<8>()?;
            let word = u64::from_le_bytes(*word);
            let is_it = |key: &&Key<F>| {
                word & key.mask == key.word && (key.rest.is_empty() || rest.starts_with(key.rest))
            };
            let key = keys.find(is_it)?;
            self.at = self.at.wrapping_add(key.len);
            value(self, key.field)?;
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    /// A list; what it spans is returned.
    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<&'e [u8]> {
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
        self.bytes.get(from..self.at)
    }

    /// A text without escapes.
    fn plain(&mut self) -> Option<&'e [u8]> {
        self.take(b'"')?;
        let from = self.at;
        self.skip_ordinary();
        let text = self.bytes.get(from..self.at)?;
        self.take(b'"')?;
        Some(text)
    }

    /// A text, with whatever escapes; as it is written.
    fn text(&mut self) -> Option<&'e [u8]> {
        self.take(b'"')?;
        let from = self.at;
        loop {
            self.skip_ordinary();
            match self.peek()? {
                b'"' => {
                    let text = self.bytes.get(from..self.at);
                    self.take(b'"')?;
                    return text;
                }
                b'\\' => {
                    let next = self.bytes.get(self.at.wrapping_add(1))?;
                    if !matches!(next, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') {
                        return None;
                    }
                    self.at = self.at.wrapping_add(2);
                }
                _ => return None,
            }
        }
    }

    fn text_or_number(&mut self) -> Option<()> {
        if self.peek()? == b'"' {
            return self.text().map(drop);
        }
        let from = self.at;
        while self.peek()?.is_ascii_digit() {
            self.at = self.at.wrapping_add(1);
        }
        // Shorter than the largest number that is kept exactly, and without leading zeros.
        let digits = self.bytes.get(from..self.at)?;
        let plain = matches!(digits.len(), 1..=15) && (digits == b"0" || digits.first()? != &b'0');
        plain.then_some(())
    }

    fn term(&mut self, list: &Vocabulary) -> Option<()> {
        let term = self.plain()?;
        let is_known = list.terms.iter().any(|(known, _)| known.as_bytes() == term);
        (is_known || list.has(text(term))).then_some(())
    }

    /// A cite.
    fn cite(&mut self) -> Option<Cited<'e>> {
        let (mut source, mut quote) = (None, None);
        self.object(CITE, |scanner, field| {
            match field {
                Passage::Source => source = Some(scanner.plain()?),
                Passage::Quote => quote = Some(scanner.text()?),
                Passage::At => scanner.text_or_number()?,
                Passage::Form => scanner.term(&CiteForm::VOCABULARY)?,
            }
            Some(())
        })?;
        Some(Cited { source: source?, quote })
    }

    fn attribution(&mut self) -> Option<()> {
        self.object(ATTRIBUTION, |scanner, field| match field {
            Told::By => scanner.plain().map(drop),
            Told::How => scanner.term(&Account::VOCABULARY),
        })
    }

    /// Skips what is neither a quotation mark, a backslash nor a control character.
    fn skip_ordinary(&mut self) {
        let (count, all) = ordinary(self.bytes.get(self.at..).unwrap_or_default());
        self.at = self.at.wrapping_add(count);
        self.all |= all;
    }
}

/// The highest bit of each byte of a word.
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// How many bytes from the first on are neither a quotation mark, a backslash nor a control character; and the bits of
/// these and of some that follow.
///
/// Eight bytes at a time: a byte of `found` has its highest bit set if the byte at its place is one of those. Behind
/// the first of them a bit may be set in error, before it none is. With its second bit turned, the quotation mark comes
/// right behind the control characters, and no other byte between.
fn ordinary(bytes: &[u8]) -> (usize, u64) {
    const fn below(word: u64, turned: u8, least: u8) -> u64 {
        let word = word ^ u64::from_le_bytes([turned; 8]);
        word.wrapping_sub(u64::from_le_bytes([least; 8])) & !word & HIGH
    }
    let (words, rest) = bytes.as_chunks::<8>();
    let (mut at, mut all) = (0_usize, 0_u64);
    for word in words {
        let word = u64::from_le_bytes(*word);
        all |= word;
        let found = below(word, 0x02, 0x21) | below(word, b'\\', 1);
        if found != 0 {
            let bit = usize::try_from(found.trailing_zeros()).unwrap_or(0);
            return (at.wrapping_add(bit / 8), all);
        }
        at = at.wrapping_add(8);
    }
    for byte in rest {
        if *byte < 0x20 || matches!(byte, b'"' | b'\\') {
            break;
        }
        all |= u64::from_le_bytes([*byte; 8]);
        at = at.wrapping_add(1);
    }
    (at, all)
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

    /// The speakers, the sources, and the texts of a glance.
    type Parts = (Vec<String>, Vec<String>, [Option<String>; 4]);
    type Quotes = Vec<(usize, String, String)>;

    fn quotes(glance: &Glance<'_>) -> Option<Quotes> {
        let owned =
            |(place, source, quote): (usize, &str, &str)| (place, source.into(), quote.into());
        Some(glance.quotes()?.into_iter().map(owned).collect())
    }

    fn parts(glance: &Glance<'_>) -> Parts {
        let (mut by, mut sources) = (Vec::new(), Vec::new());
        glance.each_by(|name| by.push(text(name).to_owned()));
        glance.each_source(|source| sources.push(source.to_owned()));
        let Glance { id, when, topic, contact, .. } = glance;
        (by, sources, [id, when, topic, contact].map(|of| of.map(|of| text(of).to_owned())))
    }

    /// What a glance sees, a full reading must see; a date is read by whoever glances.
    fn agrees(payload: &[u8]) -> Option<Parts> {
        let glance = Glance::at(payload)?;
        if glance.when.is_some_and(|when| Edtf::parse(text(when)).is_err()) {
            return None;
        }
        let event = read(payload);
        let event = event.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(payload)));
        let full = Glance::of(&event).unwrap();
        assert_eq!(parts(&glance), parts(&full), "{}", String::from_utf8_lossy(payload));
        if let Some(found) = quotes(&glance) {
            assert_eq!(Some(found), quotes(&full), "{}", String::from_utf8_lossy(payload));
        }
        Some(parts(&glance))
    }

    #[test]
    fn a_plain_statement_is_understood() {
        let (by, sources, texts) = agrees(PLAIN.as_bytes()).unwrap();
        assert_eq!((by, sources), (vec!["in".into(), "pk".into()], vec!["a".into(), "é".into()]));
        assert_eq!(texts.map(Option::unwrap), ["s1", "2025-04-23", "treaty", "call"]);
        // A quotation with escapes takes a full reading, one without does not.
        assert_eq!(quotes(&Glance::at(PLAIN.as_bytes()).unwrap()), None);
        let literal = PLAIN.replace("so \\\"he\\\" said", "so he said");
        agrees(literal.as_bytes()).unwrap();
        let said = vec![(0, "a".to_owned(), "so he said".to_owned())];
        assert_eq!(quotes(&Glance::at(literal.as_bytes()).unwrap()), Some(said));
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
            let (count, all) = ordinary(&bytes);
            prop_assert_eq!(count, bytes.iter().position(special).unwrap_or(bytes.len()));
            let ascii = bytes.iter().take(count).all(|byte| byte.is_ascii());
            prop_assert!(ascii || all & HIGH != 0);
        }
    }
}
