//! sled's own file, as far as it is read without sled: segments, and the messages in them.
//!
//! The file is a log. A segment begins with the place of its first byte in that log, its LSN; message follows message,
//! each with a checksum, until one caps the segment or nothing more fits into it. The first segments of the log are free to be
//! written anew once nothing in them counts any more, so where a segment lies in the file says nothing.
//!
//! This is the form of sled 0.34.7, to which `Cargo.toml` pins it. `aside.rs` needs it; nothing that is answered depends
//! on it. `the_segments_of_a_store_are_read_to_their_end` reads what sled wrote.

/// How long a segment is.
pub(super) const SEGMENT_BYTES: u64 = 512 * 1024;
/// How long the header of a segment is: a checksum, its LSN, and one up to which all was on disk.
pub(super) const HEADER_BYTES: usize = 20;
/// No message begins closer to the end of its segment.
const MESSAGE_ROOM: usize = 32;
/// What LSNs are combined with in the header of a segment.
const LSN_MASK: u64 = 0x7FFF_FFFF_FFFF_FFFF;

/// The kinds of messages that matter here.
const NOTHING: u8 = 0;
const CAP: u8 = 2;
const BATCH: u8 = 3;

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The number of the segment in the log.
    pub(super) number: u64,
    /// The number of one that was on disk when this was begun; from there on none is missing.
    pub(super) stable: u64,
}

/// The header of a segment; `None` if it does not fit.
pub(super) fn header(bytes: &[u8; HEADER_BYTES]) -> Option<Header> {
    let (checksum, rest) = bytes.split_first_chunk::<4>()?;
    let (lsn, stable) = rest.split_first_chunk::<8>()?;
    let lsn = u64::from_le_bytes(*lsn) ^ LSN_MASK;
    // Before anything was, it is one less than the first.
    let stable = i64::from_le_bytes(stable.try_into().ok()?) ^ LSN_MASK.cast_signed();
    let stable = u64::try_from(stable).unwrap_or_default() / SEGMENT_BYTES;
    let fits = !crc32fast::hash(rest) == u32::from_le_bytes(*checksum);
    (fits && lsn.is_multiple_of(SEGMENT_BYTES))
        .then_some(Header { number: lsn / SEGMENT_BYTES, stable })
}

/// How far the messages of a segment fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    /// Where they end, as an LSN.
    pub(super) end: u64,
    /// Whether that is where the segment ends.
    pub(super) is_whole: bool,
    /// The last message that must be there for all to count that are written together.
    pub(super) needed: Option<u64>,
}

/// Reads the messages of a segment.
pub(super) fn read(segment: &[u8], number: u64) -> Read {
    let first = number.saturating_mul(SEGMENT_BYTES);
    let (mut at, mut needed) = (HEADER_BYTES, None);
    let whole = usize::try_from(SEGMENT_BYTES).unwrap_or(usize::MAX);
    let last = whole.saturating_sub(MESSAGE_ROOM);
    let mut is_whole = false;
    while !is_whole {
        if at > last {
            is_whole = true;
            break;
        }
        let Some(message) = segment.get(at..).and_then(|rest| message(rest, number)) else { break };
        match message.kind {
            CAP => is_whole = true,
            BATCH => needed = needed.max(message.body.try_into().ok().map(u64::from_le_bytes)),
            _ => {}
        }
        at = at.saturating_add(message.bytes);
    }
    let at = if is_whole { SEGMENT_BYTES } else { u64::try_from(at).unwrap_or(u64::MAX) };
    Read { end: first.saturating_add(at), is_whole, needed }
}

struct Message<'s> {
    kind: u8,
    body: &'s [u8],
    /// With its header.
    bytes: usize,
}

/// The message that some bytes begin with, if it fits: checksum, kind, length, number of the segment, page; the message.
fn message(bytes: &[u8], of_segment: u64) -> Option<Message<'_>> {
    let (checksum, after) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = after.split_first()?;
    let (length, rest) = integer(rest)?;
    let (segment, rest) = integer(rest)?;
    let (_, rest) = integer(rest)?;
    let body = rest.get(..usize::try_from(length).ok()?)?;
    let header = after.get(..after.len().checked_sub(rest.len())?)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(header);
    let fits = !hasher.finalize() == u32::from_le_bytes(*checksum);
    let bytes = checksum.len().saturating_add(header.len()).saturating_add(body.len());
    (fits && segment == of_segment && *kind != NOTHING).then_some(Message {
        kind: *kind,
        body,
        bytes,
    })
}

/// An integer as sled writes it, in one to nine bytes, and what follows it.
fn integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let count = match first {
        0..=240 => 0,
        241..=248 => 1,
        249 => 2,
        more => usize::from(more.saturating_sub(247)),
    };
    let (more, rest) = rest.split_at_checked(count)?;
    let byte = |at: usize| u64::from(more.get(at).copied().unwrap_or_default());
    let number = match first {
        0..=240 => u64::from(*first),
        241..=248 => {
            u64::from(first.saturating_sub(241)).saturating_mul(256).saturating_add(240 + byte(0))
        }
        249 => byte(0).saturating_mul(256).saturating_add(2288 + byte(1)),
        _ => (0..count).rev().fold(0, |number, at| number << 8 | byte(at)),
    };
    Some((number, rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_sled_writes_them() {
        for (bytes, number) in [
            (&[240][..], 240),
            (&[241, 0], 240),
            (&[248, 255], 2287),
            (&[249, 0, 0], 2288),
            (&[249, 255, 255], 67823),
            (&[250, 240, 8, 1], 67824),
            (&[255, 1, 0, 0, 0, 0, 0, 0, 128], (1 << 63) + 1),
        ] {
            assert_eq!(integer(bytes), Some((number, &[][..])), "{bytes:?}");
            assert_eq!(integer(&bytes[..bytes.len() - 1]), None, "{bytes:?} cut short");
        }
    }

    /// Whatever sled wrote is read, up to where it stopped; one bit less, and no further than that.
    #[test]
    fn the_segments_of_a_store_are_read_to_their_end() {
        let dir = std::env::temp_dir().join(format!("demarche-segments-{}", std::process::id()));
        let db = sled::Config::new().path(&dir).flush_every_ms(None).open().unwrap();
        let mut batch = sled::Batch::default();
        for number in 0..400_u32 {
            let value = blake3::hash(&number.to_be_bytes()).as_bytes().repeat(200);
            db.insert(number.to_be_bytes(), value.as_slice()).unwrap();
            batch.insert(&number.to_be_bytes()[..3], &[7]);
        }
        db.apply_batch(batch).unwrap();
        drop(db);
        let mut file = std::fs::read(dir.join("db")).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let whole = usize::try_from(SEGMENT_BYTES).unwrap();
        let count = file.len().div_ceil(whole);
        assert!(count > 3, "{count} segments");
        let mut segments: Vec<_> = file
            .chunks(whole)
            .map(|segment| (header(segment.first_chunk().unwrap()).unwrap(), segment))
            .collect();
        // sled may write the first ones anew.
        segments.sort_unstable_by_key(|(header, _)| header.number);
        let newest = segments.last().unwrap().0.number;
        let mut batches = 0;
        for (header, segment) in &segments {
            assert!(header.stable <= header.number, "{header:?}");
            let read = read(segment, header.number);
            assert_eq!(read.is_whole, header.number < newest, "{header:?}");
            batches += u64::from(read.needed.is_some());
            assert!(read.needed.is_none_or(|needed| needed < read.end), "{header:?}: {read:?}");
            if newest < u64::try_from(count).unwrap() && !read.is_whole {
                let rest = usize::try_from(read.end - newest * SEGMENT_BYTES).unwrap();
                assert!(segment[rest..].iter().all(|byte| *byte == 0), "nothing follows");
            }
        }
        assert_eq!(batches, 1);
        let second = header(file[whole..].first_chunk().unwrap()).unwrap().number;
        for at in (whole + HEADER_BYTES..2 * whole).step_by(4_099) {
            file[at] ^= 1;
            let read = read(&file[whole..2 * whole], second);
            let lsn = second * SEGMENT_BYTES + u64::try_from(at - whole).unwrap();
            assert!(read.is_whole || read.end <= lsn, "{at}: {read:?}");
            file[at] ^= 1;
        }
        file[whole + 5] ^= 1;
        assert_eq!(header(file[whole..].first_chunk().unwrap()), None);
    }
}
