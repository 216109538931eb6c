//! Headers: the public part of an event, and the only part that is chained.
//!
//! A header is canonical JSON with the keys `kind`, `log`, `payload`, `prev`, `recorded_at`, `seq`, `v`, and `sealed`
//! where there is a sealed part. Reading takes exactly the bytes that writing makes. It does not show that the time
//! in it is right: that is the clock of whoever wrote it.

use super::commitment::Commitment;
use super::hex;
use super::json::reader::Reader;
use super::json::{self, JsonError, writer};
use super::link::Link;
use crate::model::calendar::Instant;
use crate::model::value::Value;

/// The longest header, in bytes.
pub const HEADER_BYTES_MAX: usize = 4096;
/// The version of the format that `v` names.
pub const FORMAT_VERSION: i64 = 1;

/// The public part of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name of the event's kind.
    pub kind: String,
    /// The origin of the log.
    pub log: String,
    /// The commitment to the payload.
    pub payload: Commitment,
    /// The commitment to the sealed part, if there is one.
    pub sealed: Option<Commitment>,
    /// The link of the event before it; [`Link::ZERO`] for event 0.
    pub prev: Link,
    /// When the log took the event in, to the microsecond.
    pub recorded_at: Instant,
    /// The number of the event, counted from 0.
    pub seq: u64,
}

/// Why bytes are no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// They are too many.
    #[error("it has {found} bytes, a header has at most {HEADER_BYTES_MAX}")]
    TooLong {
        /// How many they are.
        found: usize,
    },
    /// They are not canonical JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A key is missing, or is not what it must be.
    #[error("its key {key:?} is missing or not what it must be")]
    Key {
        /// The key.
        key: &'static str,
    },
    /// There is a key that no header has.
    #[error("a header has no key {key:?}")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// It is of another version of the format.
    #[error("it is of format version {found}; this program knows version {FORMAT_VERSION}")]
    Version {
        /// The version that it names.
        found: i64,
    },
}

const KEYS: &[&str] = &["kind", "log", "payload", "prev", "recorded_at", "sealed", "seq", "v"];

impl Header {
    /// The header's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Enough for all but escapes: what is staged keeps its room until it is written.
        let sealed = if self.sealed.is_some() { 80 } else { 0 };
        let room = [256, sealed, self.kind.len(), self.log.len()].iter().sum();
        let mut out = Vec::with_capacity(room);
        out.extend_from_slice(b"{\"kind\":");
        writer::text(&self.kind, &mut out);
        out.extend_from_slice(b",\"log\":");
        writer::text(&self.log, &mut out);
        out.extend_from_slice(b",\"payload\":\"");
        out.extend_from_slice(&hex::digits(&self.payload.0));
        out.extend_from_slice(b"\",\"prev\":\"");
        out.extend_from_slice(&hex::digits(&self.prev.0));
        out.extend_from_slice(b"\",\"recorded_at\":\"");
        match self.recorded_at.recorded() {
            Some(written) => out.extend_from_slice(&written),
            None => out.extend_from_slice(self.recorded_at.to_string().as_bytes()),
        }
        if let Some(sealed) = &self.sealed {
            out.extend_from_slice(b"\",\"sealed\":\"");
            out.extend_from_slice(&hex::digits(&sealed.0));
        }
        out.extend_from_slice(b"\",\"seq\":");
        writer::integer(i64::try_from(self.seq).unwrap_or(i64::MAX), &mut out);
        out.extend_from_slice(b",\"v\":");
        writer::integer(FORMAT_VERSION, &mut out);
        out.push(b'}');
        out
    }

    /// Reads a header's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.len() > HEADER_BYTES_MAX {
            return Err(HeaderError::TooLong { found: bytes.len() });
        }
        match std::str::from_utf8(bytes).ok().and_then(Self::read) {
            Some(header) => Ok(header),
            None => Self::read_keys(bytes),
        }
    }

    /// Reads key after key, as they are written; `None` where anything is not as it must be.
    fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::<true>::new(text);
        reader.exactly("{\"kind\":")?;
        let kind = reader.string()?.into_owned();
        reader.exactly(",\"log\":")?;
        let log = reader.string()?.into_owned();
        reader.exactly(",\"payload\":")?;
        let payload = Commitment::from_hex(&reader.string()?)?;
        reader.exactly(",\"prev\":")?;
        let prev = Link::from_hex(&reader.string()?)?;
        reader.exactly(",\"recorded_at\":")?;
        let recorded_at = Instant::parse_recorded(&reader.string()?)?;
        let sealed = match reader.exactly(",\"sealed\":") {
            Some(()) => Some(Commitment::from_hex(&reader.string()?)?),
            None => None,
        };
        reader.exactly(",\"seq\":")?;
        let seq = u64::try_from(reader.integer()?).ok()?;
        reader.exactly(",\"v\":")?;
        reader.integer().filter(|version| *version == FORMAT_VERSION)?;
        reader.exactly("}")?;
        reader.end()?;
        Some(Self { kind, log, payload, sealed, prev, recorded_at, seq })
    }

    /// Reads a header as any object, to say what is wrong with it.
    fn read_keys(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Value::Object(header) = json::parse_canonical(bytes)? else {
            return Err(HeaderError::Key { key: "kind" });
        };
        match header.get("v") {
            Some(Value::Integer(FORMAT_VERSION)) => {}
            Some(Value::Integer(found)) => return Err(HeaderError::Version { found: *found }),
            _ => return Err(HeaderError::Key { key: "v" }),
        }
        if let Some((key, _)) = header.iter().find(|(key, _)| !KEYS.contains(key)) {
            return Err(HeaderError::UnknownKey { key: key.to_owned() });
        }
        let text = |key: &'static str| match header.get(key) {
            Some(Value::Text(text)) => Ok(&**text),
            _ => Err(HeaderError::Key { key }),
        };
        let commitment =
            |key: &'static str| Commitment::from_hex(text(key)?).ok_or(HeaderError::Key { key });
        Ok(Self {
            kind: text("kind")?.to_owned(),
            log: text("log")?.to_owned(),
            payload: commitment("payload")?,
            sealed: header.get("sealed").map(|_| commitment("sealed")).transpose()?,
            prev: Link::from_hex(text("prev")?).ok_or(HeaderError::Key { key: "prev" })?,
            recorded_at: Instant::parse_recorded(text("recorded_at")?)
                .ok_or(HeaderError::Key { key: "recorded_at" })?,
            seq: match header.get("seq") {
                Some(Value::Integer(seq)) => u64::try_from(*seq).ok(),
                _ => None,
            }
            .ok_or(HeaderError::Key { key: "seq" })?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::model::value::Object;
    use proptest::prelude::*;

    /// The header as an object, written in canonical form.
    fn as_object(header: &Header) -> Vec<u8> {
        let text = |text: String| Value::Text(text.into());
        let mut object: Object<'_> = [
            ("kind", text(header.kind.clone())),
            ("log", text(header.log.clone())),
            ("payload", text(header.payload.to_string())),
            ("prev", text(header.prev.to_string())),
            ("recorded_at", text(header.recorded_at.to_string())),
            ("seq", Value::Integer(i64::try_from(header.seq).unwrap_or(i64::MAX))),
            ("v", Value::Integer(FORMAT_VERSION)),
        ]
        .into_iter()
        .map(|(key, value)| (key.into(), value))
        .collect();
        if let Some(sealed) = &header.sealed {
            object.insert("sealed".into(), text(sealed.to_string()));
        }
        json::canonical(&Value::Object(object))
    }

    fn any_header() -> impl Strategy<Value = Header> {
        let hash = any::<[u8; 32]>;
        let texts = (any::<String>(), "[a-z./\"\\\\\n]{0,20}");
        // The years 1 to 9999 and, now and then, any other.
        let year_1_to_9999 = -62_135_596_800_000_000..253_402_300_800_000_000_i64;
        let micros = prop_oneof![9 => year_1_to_9999, 1 => any::<i64>()];
        let seq = prop_oneof![9 => 0..1_u64 << 53, 1 => any::<u64>()];
        (texts, hash(), prop::option::of(hash()), hash(), micros, seq).prop_map(
            |((kind, log), payload, sealed, prev, micros, seq)| Header {
                kind,
                log,
                payload: Commitment(payload),
                sealed: sealed.map(Commitment),
                prev: Link(prev),
                recorded_at: Instant::from_micros(micros),
                seq,
            },
        )
    }

    /// Reading key after key and reading as an object say the same.
    fn agree(bytes: &[u8]) {
        let read = std::str::from_utf8(bytes).ok().and_then(Header::read);
        assert_eq!(read, Header::read_keys(bytes).ok(), "{}", String::from_utf8_lossy(bytes));
    }

    proptest! {
        #[test]
        fn written_and_read_as_an_object_would_be(
            header in any_header(),
            at: prop::sample::Index,
            byte in prop::sample::select(&b"\"\\,:{}0123456789abcdef-.TZv \n\xff"[..]),
        ) {
            let bytes = header.to_bytes();
            prop_assert_eq!(&bytes, &as_object(&header));
            agree(&bytes);
            let at = at.index(bytes.len());
            let (before, after) = bytes.split_at(at);
            agree(before);
            agree(&[before, &[byte], after].concat());
            agree(&[before, &[byte], &after[1..]].concat());
            agree(&[before, &after[1..]].concat());
        }
    }

    fn header() -> Header {
        Header {
            kind: "statement".to_owned(),
            log: "example.org/desk".to_owned(),
            payload: Commitment([7; 32]),
            sealed: Some(Commitment([8; 32])),
            prev: Link([9; 32]),
            recorded_at: Instant::parse_recorded("2026-11-24T03:04:05.123456Z").unwrap(),
            seq: 17,
        }
    }

    #[test]
    fn a_header_reads_back() {
        let with = header();
        let without = Header { sealed: None, ..header() };
        for header in [with, without] {
            assert_eq!(Header::from_bytes(&header.to_bytes()), Ok(header));
        }
    }

    #[test]
    fn every_changed_byte_is_refused_or_changes_what_is_read() {
        let original = header();
        let bytes = original.to_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1_u8 << bit;
                agree(&changed);
                assert_ne!(
                    Header::from_bytes(&changed),
                    Ok(original.clone()),
                    "byte {at} bit {bit}"
                );
            }
            assert!(Header::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_no_header_has_is_refused() {
        let text = String::from_utf8(header().to_bytes()).unwrap();
        for (from, to) in [
            ("\"v\":1", "\"v\":2"),
            ("\"kind\"", "\"kine\""),
            ("05.123456Z", "05.12345Z"),
            ("\"seq\":17", "\"seq\":-1"),
            ("0707", "0A07"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from} is in the header");
            agree(changed.as_bytes());
            assert!(Header::from_bytes(changed.as_bytes()).is_err(), "{to}");
        }
        let newer = text.replacen("\"v\":1", "\"v\":2", 1);
        let error = HeaderError::Version { found: 2 };
        assert_eq!(Header::from_bytes(newer.as_bytes()), Err(error));
    }
}
