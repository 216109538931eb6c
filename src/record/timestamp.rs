//! Time stamps: the RFC 3161 request for one, and what a response says.
//!
//! A time-stamping authority signs a hash and a time. [`Stamp::parse`] reads which hash and which time; it does not
//! check the authority's signature, nor whether the authority is to be trusted: `openssl ts -verify` does, and
//! `docs/verify-without-us.md` shows how. `tests/it/outside/anchors.rs` makes an authority of its own and compares.

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use sha2::{Digest, Sha256};

use crate::model::calendar::Instant;

/// The largest response that is read, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024;

const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// What a response says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The SHA-256 of what was stamped.
    pub hash: [u8; 32],
    /// The time that the authority gives.
    pub time: Instant,
    /// The nonce of the request, if the response repeats one.
    pub nonce: Option<u64>,
}

/// Why a response is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StampError {
    /// It is too long.
    #[error("a response has at most {RESPONSE_BYTES_MAX} bytes, this has {0}")]
    TooLong(usize),
    /// It is not what RFC 3161 describes.
    #[error("it is no RFC 3161 response: {0}")]
    Form(&'static str),
    /// The authority refused.
    #[error("the authority refused: status {0}")]
    Refused(u8),
    /// It stamps a hash of another kind.
    #[error("it stamps a hash other than SHA-256")]
    Algorithm,
}

/// The hash by which a note is stamped.
pub fn hash(note: &str) -> [u8; 32] {
    Sha256::digest(note.as_bytes()).into()
}

/// The request to stamp a note, with a nonce, asking for the authority's certificate.
pub fn request(note: &str, nonce: u64) -> Vec<u8> {
    let algorithm = sequence(&[tlv(0x06, SHA256.as_bytes()), vec![0x05, 0x00]]);
    let imprint = sequence(&[algorithm, tlv(0x04, &hash(note))]);
    // The first bit of an integer is its sign.
    let mut digits = vec![0];
    digits.extend_from_slice(&nonce.to_be_bytes());
    let leading = digits.windows(2).take_while(|pair| matches!(pair, [0, next] if *next < 0x80));
    let leading = leading.count();
    let nonce = tlv(0x02, digits.get(leading..).unwrap_or(&digits));
    sequence(&[vec![0x02, 0x01, 0x01], imprint, nonce, vec![0x01, 0x01, 0xff]])
}

impl Stamp {
    /// Reads a response.
    pub fn parse(bytes: &[u8]) -> Result<Self, StampError> {
        if bytes.len() > RESPONSE_BYTES_MAX {
            return Err(StampError::TooLong(bytes.len()));
        }
        let response = children(any(bytes, "a response")?)?;
        let [status, rest @ ..] = response.as_slice() else { return form("it is empty") };
        let status = children(*status)?;
        match status.first().map(|status| (status.tag(), status.value())) {
            // Granted, or granted with changes.
            Some((Tag::Integer, [0 | 1])) => {}
            Some((Tag::Integer, [other])) => return Err(StampError::Refused(*other)),
            _ => return form("it has no status"),
        }
        let [token] = rest else { return form("it has no token") };
        let token = children(*token)?;
        let [kind, content] = token.as_slice() else { return form("its token is none") };
        if oid(*kind)? != SIGNED_DATA {
            return form("its token is not signed data");
        }
        let signed = children(inside(*content)?)?;
        let [_, _, content, ..] = signed.as_slice() else { return form("its signed data is cut") };
        let content = children(*content)?;
        let [kind, info] = content.as_slice() else { return form("its content is none") };
        if oid(*kind)? != TST_INFO {
            return form("its content is no time-stamp information");
        }
        let info = inside(*info)?;
        let info: &OctetStringRef =
            info.decode_as().map_err(|_| StampError::Form("its content is no octet string"))?;
        Self::from_info(info.as_bytes())
    }

    fn from_info(bytes: &[u8]) -> Result<Self, StampError> {
        let info = children(any(bytes, "time-stamp information")?)?;
        let [version, _, imprint, _, time, optional @ ..] = info.as_slice() else {
            return form("its time-stamp information is cut");
        };
        if (version.tag(), version.value()) != (Tag::Integer, &[1]) {
            return form("its version is not 1");
        }
        let imprint = children(*imprint)?;
        let [algorithm, hashed] = imprint.as_slice() else { return form("it has no imprint") };
        if children(*algorithm)?.first().map(|kind| oid(*kind)) != Some(Ok(SHA256)) {
            return Err(StampError::Algorithm);
        }
        let hash = hashed.value().try_into().map_err(|_| StampError::Algorithm)?;
        if time.tag() != Tag::GeneralizedTime {
            return form("it has no time");
        }
        let time = read_time(time.value()).ok_or(StampError::Form("its time cannot be read"))?;
        // Accuracy and ordering may stand before the nonce, which is the only integer there.
        let nonce = optional.iter().find(|field| field.tag() == Tag::Integer);
        let nonce = nonce.and_then(|nonce| {
            let digits = nonce.value().strip_prefix(&[0]).unwrap_or(nonce.value());
            let mut bytes = [0; 8];
            let start = bytes.len().checked_sub(digits.len())?;
            bytes.get_mut(start..)?.copy_from_slice(digits);
            Some(u64::from_be_bytes(bytes))
        });
        Ok(Self { hash, time, nonce })
    }
}

/// `20250501123456Z`, perhaps with a fraction of a second.
fn read_time(bytes: &[u8]) -> Option<Instant> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (text, String::new()),
    };
    if whole.len() != 14 || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to);
    let text = format!(
        "{}-{}-{}T{}:{}:{}{fraction}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    );
    Instant::parse_rfc3339(&text)
}

fn any<'a>(bytes: &'a [u8], what: &'static str) -> Result<AnyRef<'a>, StampError> {
    AnyRef::from_der(bytes).map_err(|_| StampError::Form(what))
}

/// What stands in a sequence or a set.
fn children(parent: AnyRef<'_>) -> Result<Vec<AnyRef<'_>>, StampError> {
    if !parent.tag().is_constructed() {
        return form("a part that should hold others does not");
    }
    all_in(parent.value())
}

/// What stands in an explicit tag.
fn inside(parent: AnyRef<'_>) -> Result<AnyRef<'_>, StampError> {
    match children(parent)?.as_slice() {
        [one] => Ok(*one),
        _ => form("a tag holds other than one part"),
    }
}

fn all_in(bytes: &[u8]) -> Result<Vec<AnyRef<'_>>, StampError> {
    const BAD: StampError = StampError::Form("it is not DER");
    let mut reader = SliceReader::new(bytes).map_err(|_| BAD)?;
    let mut all = Vec::new();
    while !reader.is_finished() {
        all.push(AnyRef::decode(&mut reader).map_err(|_| BAD)?);
    }
    Ok(all)
}

fn oid(any: AnyRef<'_>) -> Result<ObjectIdentifier, StampError> {
    any.decode_as().map_err(|_| StampError::Form("an object identifier cannot be read"))
}

fn form<T>(what: &'static str) -> Result<T, StampError> {
    Err(StampError::Form(what))
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// A part of a request; none is longer than 127 bytes.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    [&[tag, length], value].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would break: a time that is cut, or has a digit too many, would be read as another.
    #[test]
    fn a_time_is_read_with_all_its_digits_or_not_at_all() {
        let read = |text: &str| read_time(text.as_bytes());
        let whole = Instant::parse_rfc3339("2025-05-01T12:34:56Z");
        assert!(whole.is_some());
        assert_eq!(read("20250501123456Z"), whole);
        assert_eq!(read("20250501123456.5Z"), Instant::parse_rfc3339("2025-05-01T12:34:56.5Z"));
        for bad in ["2025050112345Z", "202505011234567Z", "2025050112345xZ", "20250501123456"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
