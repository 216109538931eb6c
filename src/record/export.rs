//! The lines of an export, each canonical JSON, so that every byte is determined by what it says.
//!
//! - an event: `header` and `payload` as the exact bytes in a text, `salt`; `sealed` and `sealed_salt` where the
//!   sealed part is included. What was erased or is withheld is `null`, without its salt.
//! - a part of a captured source, after the event that names it: `source` (the BLAKE3 hash of all its bytes), `part`
//!   counted from 0, `parts`, `size` of all its bytes, and `text`, or `base64` where the source is not UTF-8.
//! - the head, last: `head` with `chain`, `root`, `size`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hex;
use super::json::{self, JsonError};
use super::link::Link;
use super::tree::Root;
use crate::model::value::{Object, Value};

/// The most bytes of a source in one line.
pub const PART_BYTES_MAX: usize = 256 * 1024;

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// An event.
    Event(EventLine),
    /// A part of a captured source.
    Source(SourcePart),
    /// The head.
    Head(HeadLine),
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    /// The header's bytes.
    pub header: String,
    /// The payload's salt and bytes; `None` if erased or withheld.
    pub payload: Option<([u8; 32], String)>,
    /// The sealed part; `None` if there never was one, `Some(None)` if it is erased or withheld.
    pub sealed: Option<Option<([u8; 32], String)>>,
}

/// A part of a captured source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePart {
    /// The BLAKE3 hash of all its bytes, 64 hexadecimal digits.
    pub source: String,
    /// Which part, counted from 0.
    pub part: u64,
    /// How many parts there are.
    pub parts: u64,
    /// How many bytes all parts have.
    pub size: u64,
    /// Whether the source is UTF-8, so that its parts are written as text.
    pub is_text: bool,
    /// The bytes of this part.
    pub bytes: Vec<u8>,
}

/// The head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadLine {
    /// How many events there are.
    pub size: u64,
    /// The link of the last.
    pub chain: Link,
    /// The root over all headers.
    pub root: Root,
}

/// Why a line is none of an export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is not canonical JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A key is missing, or is not what it must be, or has no place there.
    #[error("its key {key:?} is missing, or is not what it must be")]
    Key {
        /// The key.
        key: String,
    },
}

/// A line's bytes, without the line feed.
pub fn encode(line: &Line) -> Vec<u8> {
    let object = match line {
        Line::Event(event) => encode_event(event),
        Line::Source(part) => encode_part(part),
        Line::Head(head) => object([(
            "head",
            Value::Object(object([
                ("chain", text(head.chain.to_string())),
                ("root", text(head.root.base64())),
                ("size", number(head.size)),
            ])),
        )]),
    };
    json::canonical(&Value::Object(object))
}

/// Reads a line's bytes, without the line feed.
pub fn decode(bytes: &[u8]) -> Result<Line, LineError> {
    let Value::Object(line) = json::parse_canonical(bytes)? else { return Err(wrong("header")) };
    if line.get("header").is_some() {
        Ok(Line::Event(decode_event(&line)?))
    } else if line.get("source").is_some() {
        Ok(Line::Source(decode_part(&line)?))
    } else {
        Ok(Line::Head(decode_head(&line)?))
    }
}

/// The parts of a source. Text is split between characters.
pub fn split_source(bytes: &[u8]) -> Vec<SourcePart> {
    let is_text = std::str::from_utf8(bytes).is_ok();
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut at = PART_BYTES_MAX.min(rest.len());
        // A byte of the form 10xxxxxx is inside a character.
        while is_text && rest.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {
            at = at.saturating_sub(1);
        }
        let (piece, left) = rest.split_at(at);
        pieces.push(piece);
        rest = left;
    }
    if pieces.is_empty() {
        pieces.push(bytes);
    }
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let (parts, size) = (count(pieces.len()), count(bytes.len()));
    let source = blake3::hash(bytes).to_hex().to_string();
    let part = |(index, piece): (usize, &[u8])| SourcePart {
        source: source.clone(),
        part: count(index),
        parts,
        size,
        is_text,
        bytes: piece.to_vec(),
    };
    pieces.into_iter().enumerate().map(part).collect()
}

/// Whether the parts of a source are those that [`split_source`] makes, so that one source is written in one way. The parts
/// are looked at one by one.
#[derive(Debug, Clone, Default)]
pub struct SplitCheck {
    /// The form and length of the part before.
    before: Option<(bool, usize)>,
    /// The bytes at the end of what came so far that begin a character.
    begun: Vec<u8>,
    /// Whether what came so far cannot be text.
    is_binary: bool,
}

impl SplitCheck {
    /// Whether this can be the next part.
    pub fn is_next(&mut self, part: &SourcePart) -> bool {
        let bytes = part.bytes.as_slice();
        let follows = self.before.is_none_or(|(is_text, length)| {
            // The part before has as many whole characters, or bytes, as it can.
            let next = std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next());
            let least = if is_text { next.map_or(1, char::len_utf8) } else { 1 };
            is_text == part.is_text && length.saturating_add(least) > PART_BYTES_MAX
        });
        self.before = Some((part.is_text, bytes.len()));
        self.read(bytes);
        // Bytes that can be text are written as text.
        let could_be_text = !self.is_binary && self.begun.is_empty();
        let is_last = part.part.saturating_add(1) == part.parts;
        let in_form = !is_last || part.is_text == could_be_text;
        let fits = bytes.len() <= PART_BYTES_MAX && (!bytes.is_empty() || part.parts == 1);
        follows && in_form && fits
    }

    fn read(&mut self, bytes: &[u8]) {
        if self.is_binary {
            return;
        }
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        match std::str::from_utf8(&all) {
            Ok(_) => {}
            Err(error) if error.error_len().is_some() => self.is_binary = true,
            Err(error) => self.begun = all.split_off(error.valid_up_to()),
        }
    }
}

/// An event as an object, for where it stands within another.
pub fn encode_event(event: &EventLine) -> Object<'_> {
    let mut line = object([("header", Value::Text(event.header.as_str().into()))]);
    insert_part(&mut line, "payload", "salt", event.payload.as_ref());
    if let Some(sealed) = &event.sealed {
        insert_part(&mut line, "sealed", "sealed_salt", sealed.as_ref());
    }
    line
}

fn insert_part<'a>(
    line: &mut Object<'a>,
    key: &'static str,
    salt_key: &'static str,
    part: Option<&'a ([u8; 32], String)>,
) {
    match part {
        Some((salt, bytes)) => {
            line.insert(key.into(), Value::Text(bytes.as_str().into()));
            line.insert(salt_key.into(), text(hex::encode(salt)));
        }
        None => {
            line.insert(key.into(), Value::Null);
        }
    }
}

/// Reads an event from an object.
pub fn decode_event(line: &Object<'_>) -> Result<EventLine, LineError> {
    only(line, &["header", "payload", "salt", "sealed", "sealed_salt"])?;
    Ok(EventLine {
        header: get_text(line, "header")?,
        payload: get_part(line, "payload", "salt")?.ok_or_else(|| wrong("payload"))?,
        sealed: get_part(line, "sealed", "sealed_salt")?,
    })
}

type PartField = Option<([u8; 32], String)>;

fn get_part(
    line: &Object<'_>,
    key: &'static str,
    salt_key: &'static str,
) -> Result<Option<PartField>, LineError> {
    match (line.get(key), line.get(salt_key)) {
        (None, None) => Ok(None),
        (Some(Value::Null), None) => Ok(Some(None)),
        (Some(Value::Text(bytes)), Some(Value::Text(salt))) => {
            let salt = hex::decode(salt).ok_or_else(|| wrong(salt_key))?;
            Ok(Some(Some((salt, bytes.to_string()))))
        }
        _ => Err(wrong(key)),
    }
}

fn encode_part(part: &SourcePart) -> Object<'_> {
    let (key, value) = match std::str::from_utf8(&part.bytes) {
        Ok(bytes) if part.is_text => ("text", Value::Text(bytes.into())),
        _ => ("base64", text(STANDARD.encode(&part.bytes))),
    };
    object([
        ("part", number(part.part)),
        ("parts", number(part.parts)),
        ("size", number(part.size)),
        ("source", Value::Text(part.source.as_str().into())),
        (key, value),
    ])
}

fn decode_part(line: &Object<'_>) -> Result<SourcePart, LineError> {
    only(line, &["base64", "part", "parts", "size", "source", "text"])?;
    let (is_text, bytes) = match (line.get("text"), line.get("base64")) {
        (Some(Value::Text(text)), None) => (true, text.as_bytes().to_vec()),
        (None, Some(Value::Text(text))) => {
            (false, STANDARD.decode(&**text).map_err(|_| wrong("base64"))?)
        }
        _ => return Err(wrong("text")),
    };
    let source = get_text(line, "source")?;
    if hex::decode(&source).is_none() {
        return Err(wrong("source"));
    }
    let (part, parts) = (get_number(line, "part")?, get_number(line, "parts")?);
    if part >= parts {
        return Err(wrong("part"));
    }
    Ok(SourcePart { source, part, parts, size: get_number(line, "size")?, is_text, bytes })
}

fn decode_head(line: &Object<'_>) -> Result<HeadLine, LineError> {
    only(line, &["head"])?;
    let Some(Value::Object(head)) = line.get("head") else { return Err(wrong("head")) };
    only(head, &["chain", "root", "size"])?;
    Ok(HeadLine {
        size: get_number(head, "size")?,
        chain: Link::from_hex(&get_text(head, "chain")?).ok_or_else(|| wrong("chain"))?,
        root: Root::from_base64(&get_text(head, "root")?).ok_or_else(|| wrong("root"))?,
    })
}

fn only(object: &Object<'_>, keys: &[&str]) -> Result<(), LineError> {
    match object.iter().find(|(key, _)| !keys.contains(key)) {
        Some((key, _)) => Err(wrong(key)),
        None => Ok(()),
    }
}

fn get_text(object: &Object<'_>, key: &'static str) -> Result<String, LineError> {
    match object.get(key) {
        Some(Value::Text(text)) => Ok(text.to_string()),
        _ => Err(wrong(key)),
    }
}

fn get_number(object: &Object<'_>, key: &'static str) -> Result<u64, LineError> {
    match object.get(key) {
        Some(Value::Integer(number)) => u64::try_from(*number).map_err(|_| wrong(key)),
        _ => Err(wrong(key)),
    }
}

fn object<'a, const N: usize>(pairs: [(&'static str, Value<'a>); N]) -> Object<'a> {
    pairs.into_iter().map(|(key, value)| (key.into(), value)).collect()
}

fn text(text: String) -> Value<'static> {
    Value::Text(text.into())
}

fn number(number: u64) -> Value<'static> {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn wrong(key: &str) -> LineError {
    LineError::Key { key: key.to_owned() }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_line() -> impl Strategy<Value = Line> {
        let part = || (any::<[u8; 32]>(), any::<String>());
        let event =
            (any::<String>(), prop::option::of(part()), prop::option::of(prop::option::of(part())))
                .prop_map(|(header, payload, sealed)| {
                    Line::Event(EventLine { header, payload, sealed })
                });
        let source = prop::collection::vec(any::<u8>(), 0..50)
            .prop_map(|bytes| Line::Source(split_source(&bytes).remove(0)));
        let head = (0..1_u64 << 53, any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(
            |(size, chain, root)| {
                Line::Head(HeadLine { size, chain: Link(chain), root: Root(root) })
            },
        );
        prop_oneof![event, source, head]
    }

    proptest! {
        #[test]
        fn lines_read_back_and_no_flip_goes_unseen(line in any_line(), at: prop::sample::Index, bit in 0..8) {
            let bytes = encode(&line);
            let read = decode(&bytes);
            prop_assert_eq!(read.as_ref(), Ok(&line));
            let mut flipped = bytes.clone();
            let at = at.index(flipped.len());
            flipped[at] ^= 1_u8 << bit;
            prop_assert_ne!(decode(&flipped), Ok(line));
        }
    }

    proptest! {
        /// What would break: an export would not verify, or one source could be written in two ways.
        #[test]
        fn a_source_has_one_split(
            begin in prop::collection::vec(any::<u8>(), 0..4),
            end in "[aé€😀]{0,3}",
            whole in 0_usize..3,
        ) {
            let filler = "é".repeat(whole * PART_BYTES_MAX / 2);
            let bytes = [&begin[..], filler.as_bytes(), end.as_bytes()].concat();
            let mut parts = split_source(&bytes);
            let all_in_order = |parts: &[SourcePart]| {
                let mut check = SplitCheck::default();
                parts.iter().all(|part| check.is_next(part))
            };
            prop_assert!(all_in_order(&parts));
            if parts.len() > 1 {
                // A part ends one character, or byte, too early.
                let is_text = parts[0].is_text;
                let last = String::from_utf8_lossy(&parts[0].bytes).chars().next_back().unwrap();
                let moved = if is_text { last.len_utf8() } else { 1 };
                let at = parts[0].bytes.len() - moved;
                let moved = parts[0].bytes.split_off(at);
                parts[1].bytes.splice(0..0, moved);
                prop_assert!(!all_in_order(&parts));
            }
        }
    }

    /// What would break: two exports of one log that differ in what nobody reads.
    #[test]
    fn a_line_with_a_key_that_nobody_reads_is_refused() {
        let header = "h".to_owned();
        let head = HeadLine { size: 1, chain: Link([1; 32]), root: Root([2; 32]) };
        for line in [
            Line::Event(EventLine { header, payload: None, sealed: None }),
            Line::Source(split_source(b"source").remove(0)),
            Line::Head(head),
        ] {
            let text = String::from_utf8(encode(&line)).unwrap();
            // At the end of the line, and of the object that the head is.
            for closing in ["}", "}}"] {
                let Some(cut) = text.strip_suffix(closing) else { continue };
                let more = format!("{cut},\"z\":1{closing}");
                assert_eq!(decode(more.as_bytes()), Err(wrong("z")), "{more}");
            }
        }
    }

    #[test]
    fn sources_are_split_between_characters_and_joined_again() {
        // Text whose parts end within a character, and bytes whose first part would pass for text.
        let uneven = format!("x{}", "é".repeat(PART_BYTES_MAX / 2)).into_bytes();
        let late = [vec![b'x'; PART_BYTES_MAX], vec![0xff]].concat();
        for (source, count, is_text) in [
            ("é".repeat(PART_BYTES_MAX).into_bytes(), 2, true),
            (uneven, 2, true),
            (late, 2, false),
            (vec![0xff; PART_BYTES_MAX + 1], 2, false),
            (Vec::new(), 1, true),
            (vec![b'x'; PART_BYTES_MAX], 1, true),
        ] {
            let parts = split_source(&source);
            assert_eq!(parts.len(), count);
            assert!(parts.iter().all(|part| part.bytes.len() <= PART_BYTES_MAX));
            for part in &parts {
                assert_eq!(part.is_text, is_text);
                let line = Line::Source(part.clone());
                assert_eq!(decode(&encode(&line)), Ok(line));
            }
            let joined: Vec<u8> = parts.into_iter().flat_map(|part| part.bytes).collect();
            assert_eq!(joined, source);
        }
    }
}
