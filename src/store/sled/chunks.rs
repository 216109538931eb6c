//! Keys and values: what lies under which key, and long values cut into chunks.

use sled::IVec;

use super::{BlockKey, Head, StoreError};

/// The most bytes of one value; see the header of [`super`] for the arithmetic.
pub const CHUNK_BYTES: usize = 6 * 1024;

/// Cuts bytes into chunks; the first begins with the length of them all, so that chunks left over from an abandoned
/// write are never read.
pub(super) fn chunks(bytes: &[u8]) -> impl Iterator<Item = (u32, Vec<u8>)> {
    let mut whole = u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes().to_vec();
    whole.extend_from_slice(bytes);
    let cut: Vec<Vec<u8>> = whole.chunks(CHUNK_BYTES).map(<[u8]>::to_vec).collect();
    (0_u32..).zip(cut)
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
    let mut key = blake3::hash(name.as_bytes()).as_bytes().to_vec();
    key.extend_from_slice(&chunk.to_be_bytes());
    key
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
