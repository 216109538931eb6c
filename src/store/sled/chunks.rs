//! Keys and values: what lies under which key, and long values cut into chunks.

use sled::IVec;

use super::{BlockKey, Head, StoreError};

/// The most bytes of one value; see the header of [`super`] for the arithmetic.
pub const CHUNK_BYTES: usize = 6 * 1024;

/// The most bytes of one value of a bundle. A leaf holds up to 18 keys until it is split, every other of them without a value:
/// nine of these, with their keys, stay below what sled keeps in its own file.
pub const BUNDLE_CHUNK_BYTES: usize = 13 * 1024;
/// How many keys without a value follow each chunk of a bundle.
const SPACES: u8 = 1;
/// Keys without a value that stand behind all bundles: more than a leaf holds, so that the leaf before them is split as
/// every other.
pub(super) const ENDS: u32 = 17;

/// Cuts bytes into chunks; the first begins with the length of them all, so that chunks left over from an abandoned
/// write are never read.
pub(super) fn chunks(bytes: &[u8]) -> impl Iterator<Item = (u32, Vec<u8>)> {
    cut(bytes, CHUNK_BYTES)
}

/// The same, for a bundle.
pub(super) fn bundle_chunks(bytes: &[u8]) -> impl Iterator<Item = (u32, Vec<u8>)> {
    cut(bytes, BUNDLE_CHUNK_BYTES)
}

fn cut(bytes: &[u8], most: usize) -> impl Iterator<Item = (u32, Vec<u8>)> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
    let room = most.saturating_sub(length.len()).min(bytes.len());
    let (first, rest) = bytes.split_at(room);
    let first = [&length[..], first].concat();
    (0_u32..).zip(std::iter::once(first).chain(rest.chunks(most).map(<[u8]>::to_vec)))
}

/// The keys of a chunk of a bundle: its own, and one that stands behind it without a value. sled splits a leaf when it has more
/// than sixteen keys, so half of those in a leaf have a value: then values can be larger, and there are fewer of them, which
/// makes sled quicker to open.
pub(super) fn spaced(bundle: u64, chunk: u32) -> impl Iterator<Item = [u8; 13]> {
    (0..=SPACES).map(move |space| bundle_key(bundle, chunk, space))
}

/// The key of a chunk of a bundle.
pub(super) fn chunk_key(bundle: u64, chunk: u32) -> [u8; 13] {
    bundle_key(bundle, chunk, 0)
}

fn bundle_key(bundle: u64, chunk: u32, space: u8) -> [u8; 13] {
    let mut key = [space; 13];
    let (first, _) = key.split_at_mut(12);
    first.copy_from_slice(&event_key(bundle, chunk));
    key
}

pub(super) enum Chunks {
    Whole(Vec<u8>),
    None,
    CutShort,
}

pub(super) fn read_chunks(
    chunk: impl Fn(u32) -> Result<Option<IVec>, StoreError>,
) -> Result<Chunks, StoreError> {
    let Some(first) = chunk(0)? else { return Ok(Chunks::None) };
    let Some((length, first)) = first.split_first_chunk::<8>() else {
        return Ok(Chunks::CutShort);
    };
    let length = usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let mut bytes = first.to_vec();
    for index in 1.. {
        if bytes.len() >= length {
            break;
        }
        match chunk(index)? {
            Some(next) if !next.is_empty() => bytes.extend_from_slice(&next),
            _ => return Ok(Chunks::CutShort),
        }
    }
    Ok(if bytes.len() == length { Chunks::Whole(bytes) } else { Chunks::CutShort })
}

pub(super) fn event_key(seq: u64, chunk: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (high, low) = key.split_at_mut(8);
    high.copy_from_slice(&seq.to_be_bytes());
    low.copy_from_slice(&chunk.to_be_bytes());
    key
}

pub(super) fn tree_key(level: u8, index: u64) -> [u8; 9] {
    let mut key = [level; 9];
    let (_, place) = key.split_at_mut(1);
    place.copy_from_slice(&index.to_be_bytes());
    key
}

pub(super) fn blob_key(name: &str, chunk: u32) -> Vec<u8> {
    blob_chunk_key(blake3::hash(name.as_bytes()).as_bytes(), chunk)
}

/// The same, by the hash of the name.
pub(super) fn blob_chunk_key(name_hash: &[u8], chunk: u32) -> Vec<u8> {
    [name_hash, &chunk.to_be_bytes()].concat()
}

pub(super) fn encode_head(head: Head) -> Vec<u8> {
    let mut bytes = head.size.to_be_bytes().to_vec();
    bytes.extend_from_slice(&head.link);
    bytes
}

pub(super) fn decode_head(bytes: &[u8]) -> Option<Head> {
    let (size, link) = bytes.split_first_chunk::<8>()?;
    Some(Head { size: u64::from_be_bytes(*size), link: link.try_into().ok()? })
}

pub(super) fn block_key(key: BlockKey) -> [u8; 17] {
    let mut bytes = [key.table; 17];
    let (_, places) = bytes.split_at_mut(1);
    let (run, index) = places.split_at_mut(8);
    run.copy_from_slice(&key.run.to_be_bytes());
    index.copy_from_slice(&key.index.to_be_bytes());
    bytes
}
