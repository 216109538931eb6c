//! Bundles: [`BUNDLE_EVENTS`] events that follow one another, as one run of bytes, compressed.
//!
//! What can be compressed is set apart from what cannot. Salts, and runs of hexadecimal digits in headers (a commitment,
//! a link), are kept as the bytes that they stand for; the rest of the headers, and the payloads and sealed parts, are
//! two texts, each compressed on its own, so that headers are read without the payloads. It is the bytes of the events
//! that are kept, whatever they mean: `any_bytes_come_back` holds for all of them. A bundle shows nothing of whether
//! they are right; that is found by hashing what comes back.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::events::{Events, PartRef};

/// How many events a store seals together: the width of a tile of entries. `docs/decisions/0020` has the figures.
pub const BUNDLE_EVENTS: u64 = 256;

const VERSION: u8 = 1;
/// Runs of so many hexadecimal digits and more are kept as bytes.
const HEX_DIGITS_MIN: usize = 32;
/// The most bytes of one text of a bundle: what its events may hold at most, and the numbers between them.
const TEXT_BYTES_MAX: usize = 1 << 30;

const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const NEVER: u8 = 2;

/// How the texts of a bundle are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// LZ4, which is quick to read.
    Lz4,
    /// Zstandard at a level, which is smaller.
    Zstd(i32),
}

/// What stores use.
pub const COMPRESSION: Compression = Compression::Zstd(1);

/// Writes events as a bundle.
pub fn encode(events: &Events) -> Vec<u8> {
    encode_with(events, COMPRESSION)
}

/// Writes events as a bundle, compressed in a chosen way.
pub fn encode_with(events: &Events, compression: Compression) -> Vec<u8> {
    let (mut headers, mut raw) = (Vec::new(), Vec::new());
    for event in events.iter() {
        put_header(event.header, &mut headers, &mut raw);
        put_part(Some(event.payload), &mut headers, &mut raw);
        put_part(event.sealed, &mut headers, &mut raw);
    }
    let mut bytes = vec![VERSION];
    put_number(&mut bytes, events.len());
    put_number(&mut bytes, raw.len());
    bytes.extend_from_slice(&raw);
    put_compressed(&mut bytes, &headers, compression);
    put_compressed(&mut bytes, events.texts(), compression);
    bytes
}

/// Reads a bundle; `None` if the bytes are none.
pub fn decode(bytes: &[u8]) -> Option<Events> {
    let mut rest = bytes;
    if take(&mut rest, 1)? != [VERSION] {
        return None;
    }
    let count = take_number(&mut rest)?;
    let length = take_number(&mut rest)?;
    let mut raw = take(&mut rest, length)?;
    let headers = take_compressed(&mut rest, TEXT_BYTES_MAX)?;
    let texts = take_compressed(&mut rest, TEXT_BYTES_MAX)?;
    if !rest.is_empty() {
        return None;
    }
    let mut events = Events::with_texts(texts, headers.len().saturating_mul(2));
    let mut headers = headers.as_slice();
    for _ in 0..count {
        take_header(&mut headers, &mut raw, &mut events)?;
        let payload = take_part(&mut headers, &mut raw)??;
        let sealed = take_part(&mut headers, &mut raw)?;
        events.close(payload, sealed)?;
    }
    (headers.is_empty() && raw.is_empty() && events.is_whole()).then_some(events)
}

/// A header as pieces: so many bytes as they are, then so many that were written in hexadecimal digits; and so on,
/// until one without digits.
fn put_header(header: &[u8], headers: &mut Vec<u8>, raw: &mut Vec<u8>) {
    let mut rest = header;
    loop {
        let (plain, digits) = next_digits(rest);
        let (before, after) = rest.split_at(plain);
        put_number(headers, plain);
        put_number(headers, digits / 2);
        headers.extend_from_slice(before);
        if digits == 0 {
            return;
        }
        let (digits, after) = after.split_at(digits);
        raw.extend(digits.chunks_exact(2).map(|pair| match pair {
            [high, low] => (value(*high) << 4) | value(*low),
            _ => 0,
        }));
        rest = after;
    }
}

/// Where the next long run of hexadecimal digits begins, and how long it is, an even number; all and 0 if there is none.
fn next_digits(bytes: &[u8]) -> (usize, usize) {
    let mut at = 0_usize;
    // A run that is long enough covers one of these places.
    while let Some(byte) = bytes.get(at.saturating_add(HEX_DIGITS_MIN - 1)) {
        if !is_digit(*byte) {
            at = at.saturating_add(HEX_DIGITS_MIN);
            continue;
        }
        let probe = at.saturating_add(HEX_DIGITS_MIN - 1);
        let (before, after) = bytes.split_at(probe);
        let back = before.iter().rev().take_while(|byte| is_digit(**byte)).count();
        let on = after.iter().take_while(|byte| is_digit(**byte)).count();
        let (start, length) = (probe.saturating_sub(back), back.saturating_add(on));
        if length >= HEX_DIGITS_MIN {
            return (start, length & !1);
        }
        at = start.saturating_add(length);
    }
    (bytes.len(), 0)
}

const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

const fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 0,
    }
}

fn take_header(headers: &mut &[u8], raw: &mut &[u8], events: &mut Events) -> Option<()> {
    loop {
        let plain = take_number(headers)?;
        let digits = take_number(headers)?;
        events.extend_header(take(headers, plain)?);
        if digits == 0 {
            return Some(());
        }
        events.extend_header_in_hex(take(raw, digits)?);
    }
}

fn put_part(part: Option<PartRef<'_>>, headers: &mut Vec<u8>, raw: &mut Vec<u8>) {
    match part {
        None => headers.push(NEVER),
        Some(PartRef::Absent) => headers.push(ABSENT),
        Some(PartRef::Present { salt, bytes }) => {
            headers.push(PRESENT);
            put_number(headers, bytes.len());
            raw.extend_from_slice(salt);
        }
    }
}

/// A part's salt and length, `Some(None)` if it is absent, or that there never was one.
#[expect(clippy::type_complexity, reason = "the outermost is whether the bytes make a part at all")]
fn take_part(headers: &mut &[u8], raw: &mut &[u8]) -> Option<Option<Option<([u8; 32], usize)>>> {
    match take(headers, 1)? {
        [NEVER] => Some(None),
        [ABSENT] => Some(Some(None)),
        [PRESENT] => {
            let length = take_number(headers)?;
            let salt = take(raw, 32)?.try_into().ok()?;
            Some(Some(Some((salt, length))))
        }
        _ => None,
    }
}

/// A number in groups of seven bits, the lowest first.
fn put_number(out: &mut Vec<u8>, mut number: usize) {
    loop {
        let group = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            out.push(group);
            return;
        }
        out.push(group | 0x80);
    }
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..35).step_by(7) {
        let [byte] = take(rest, 1)? else { return None };
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const ZSTD: u8 = 2;

/// A text: how it is compressed, its length, the length of what follows. One that does not shrink is kept as it is.
fn put_compressed(out: &mut Vec<u8>, text: &[u8], compression: Compression) {
    let compressed = match compression {
        Compression::Lz4 => Some((LZ4, lz4_flex::block::compress(text))),
        Compression::Zstd(level) => zstd_compress(text, level).map(|bytes| (ZSTD, bytes)),
    };
    let smaller = compressed.filter(|(_, bytes)| bytes.len() < text.len());
    let (form, bytes) = match &smaller {
        Some((form, bytes)) => (*form, bytes.as_slice()),
        None => (PLAIN, text),
    };
    out.push(form);
    put_number(out, text.len());
    put_number(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// A text of at most so many bytes.
fn take_compressed(rest: &mut &[u8], most: usize) -> Option<Vec<u8>> {
    let form = take(rest, 1)?;
    let length = take_number(rest).filter(|length| *length <= most)?;
    let compressed = take_number(rest)?;
    let bytes = take(rest, compressed)?;
    let text = match form {
        [PLAIN] => bytes.to_vec(),
        [LZ4] => lz4_flex::block::decompress(bytes, length).ok()?,
        [ZSTD] => zstd_decompress(bytes, length)?,
        _ => return None,
    };
    (text.len() == length).then_some(text)
}

thread_local! {
    // To make the working memory of Zstandard anew costs as much as a small bundle.
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn zstd_compress(text: &[u8], level: i32) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(of, _)| *of != level) {
            *kept = Some((level, Compressor::new(level).ok()?));
        }
        kept.as_mut()?.1.compress(text).ok()
    })
}

fn zstd_decompress(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Some(Decompressor::new().ok()?);
        }
        kept.as_mut()?.decompress(bytes, length).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Part, StoredEvent};
    use proptest::prelude::*;

    fn any_part() -> impl Strategy<Value = Part> {
        let bytes = prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![
            Just(Part::Absent),
            (any::<[u8; 32]>(), bytes).prop_map(|(salt, bytes)| Part::Present { salt, bytes }),
        ]
    }

    fn any_header() -> impl Strategy<Value = Vec<u8>> {
        let digits = "[0-9a-f]{0,70}".prop_map(String::into_bytes);
        let other = prop::collection::vec(any::<u8>(), 0..40);
        prop::collection::vec(prop_oneof![digits, other], 0..5).prop_map(|parts| parts.concat())
    }

    fn any_events() -> impl Strategy<Value = Vec<StoredEvent>> {
        let event = (any_header(), any_part(), prop::option::of(any_part()))
            .prop_map(|(header, payload, sealed)| StoredEvent { header, payload, sealed });
        prop::collection::vec(event, 0..20)
    }

    #[test]
    fn a_text_is_as_long_as_it_may_be_and_no_longer() {
        // TEXT_BYTES_MAX itself is more than a test should hold in memory.
        let distinct: Vec<u8> = (0..=u8::MAX).collect();
        for text in [vec![b'x'; 256], distinct] {
            for compression in [Compression::Lz4, Compression::Zstd(1)] {
                let mut bytes = Vec::new();
                put_compressed(&mut bytes, &text, compression);
                assert_eq!(take_compressed(&mut bytes.as_slice(), 256), Some(text.clone()));
                assert_eq!(take_compressed(&mut bytes.as_slice(), 255), None);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(stored in any_events(), zstd in any::<bool>()) {
            let compression = if zstd { Compression::Zstd(1) } else { Compression::Lz4 };
            let bytes = encode_with(&Events::from_stored(&stored), compression);
            let events = decode(&bytes).map(|events| events.to_stored());
            prop_assert_eq!(events, Some(stored));
            for cut in 0..bytes.len() {
                prop_assert!(decode(bytes.get(..cut).unwrap_or_default()).is_none());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(
            stored in any_events(),
            noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = encode(&Events::from_stored(&stored));
            for (at, byte) in noise {
                let at = at.index(bytes.len());
                bytes.splice(at..=at, [byte]);
            }
            let _ = decode(&bytes);
        }
    }
}
