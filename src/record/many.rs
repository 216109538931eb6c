//! BLAKE3 of many short messages at once.
//!
//! BLAKE3 is quick where it can work on several pieces side by side, and a header or a payload is a single piece: its
//! blocks of 64 bytes follow one another, and most of the processor idles. Many messages can be worked on side by side
//! all the same: of those with equally many blocks, all but the last blocks are compressed together, by the routine that
//! BLAKE3 itself uses for the pieces of one long message; the last blocks, which differ in length, one by one.
//!
//! That routine is no documented part of the library, so the library's version is pinned, and the tests compare every
//! length with the documented function (`docs/decisions/0026-many-hashes-at-once.md`).

use blake3::hazmat::ContextKey;
use blake3::platform::{Platform, le_bytes_from_words_32, words_from_le_bytes_32};
use blake3::{BLOCK_LEN, CHUNK_LEN, IncrementCounter, OUT_LEN};

use super::commitment::derive_from;

// What the compression is told of a block, as the paper on BLAKE3 numbers it.
const CHUNK_START: u8 = 1 << 0;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;
const DERIVE_KEY_MATERIAL: u8 = 1 << 6;

/// How many messages are compressed together at most: the widest that any processor does.
const TOGETHER: usize = 16;
/// How many blocks a message has at most, to be one of them.
const BLOCKS_MAX: usize = CHUNK_LEN / BLOCK_LEN;

/// BLAKE3 in derive-key mode, in one context, of each message: of two parts, one after the other.
pub(super) fn derive_many(context: &ContextKey, messages: &[[&[u8]; 2]]) -> Vec<[u8; 32]> {
    let mut hashes = vec![[0; 32]; messages.len()];
    let mut by_blocks: [Vec<usize>; BLOCKS_MAX] = Default::default();
    for ((index, message), hash) in messages.iter().enumerate().zip(&mut hashes) {
        // The last block is never empty, but for an empty message's.
        match by_blocks.get_mut(length(message).saturating_sub(1) / BLOCK_LEN) {
            Some(alike) => alike.push(index),
            None => *hash = derive_from(context, message),
        }
    }
    let mut lanes = Lanes::new(context);
    for (full_blocks, alike) in by_blocks.iter().enumerate() {
        for indices in alike.chunks(TOGETHER) {
            let these = indices.iter().filter_map(|index| messages.get(*index));
            let found = lanes.derive(full_blocks, these);
            for (index, found) in indices.iter().zip(found) {
                if let Some(hash) = hashes.get_mut(*index) {
                    *hash = *found;
                }
            }
        }
    }
    hashes
}

fn length(message: &[&[u8]; 2]) -> usize {
    message.iter().map(|part| part.len()).sum()
}

/// Messages with equally many blocks, laid side by side.
struct Lanes {
    platform: Platform,
    key: [u32; 8],
    messages: Box<[[u8; CHUNK_LEN]; TOGETHER]>,
    values: [[u8; OUT_LEN]; TOGETHER],
}

impl Lanes {
    fn new(context: &ContextKey) -> Self {
        Self {
            platform: Platform::detect(),
            key: words_from_le_bytes_32(context),
            messages: Box::new([[0; CHUNK_LEN]; TOGETHER]),
            values: [[0; OUT_LEN]; TOGETHER],
        }
    }

    /// The hashes of messages that each have so many full blocks before the last.
    fn derive<'m>(
        &mut self,
        full_blocks: usize,
        messages: impl Iterator<Item = &'m [&'m [u8]; 2]>,
    ) -> &[[u8; OUT_LEN]] {
        let mut last_lengths = [0; TOGETHER];
        let mut count = 0_usize;
        let last_start = full_blocks.saturating_mul(BLOCK_LEN);
        for ((message, lane), last) in messages.zip(self.messages.iter_mut()).zip(&mut last_lengths)
        {
            *last = length(message).saturating_sub(last_start);
            lay(message, last_start.saturating_add(BLOCK_LEN), lane);
            count = count.saturating_add(1);
        }
        self.compress_full(full_blocks, count);
        let start = if full_blocks == 0 { CHUNK_START } else { 0 };
        let flags = DERIVE_KEY_MATERIAL | CHUNK_END | ROOT | start;
        for ((lane, last), value) in
            self.messages.iter().zip(last_lengths).zip(&mut self.values).take(count)
        {
            let block = lane.get(last_start..).and_then(<[u8]>::first_chunk::<BLOCK_LEN>);
            let (Some(block), Ok(last)) = (block, u8::try_from(last)) else { continue };
            let mut words = if full_blocks == 0 { self.key } else { words_from_le_bytes_32(value) };
            self.platform.compress_in_place(&mut words, block, last, 0, flags);
            *value = le_bytes_from_words_32(&words);
        }
        self.values.get(..count).unwrap_or_default()
    }

    /// Compresses the full blocks of the first `count` messages, into their values.
    fn compress_full(&mut self, full_blocks: usize, count: usize) {
        macro_rules! by_blocks {
            ($($blocks:literal)*) => {
                match full_blocks {
                    $($blocks => self.compress::<{ $blocks * BLOCK_LEN }>(count),)*
                    _ => {}
                }
            };
        }
        by_blocks!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }

    fn compress<const N: usize>(&mut self, count: usize) {
        let Some(first) = self.messages.first().and_then(|lane| lane.first_chunk::<N>()) else {
            return;
        };
        let mut inputs = [first; TOGETHER];
        for (input, lane) in inputs.iter_mut().zip(self.messages.iter()) {
            *input = lane.first_chunk::<N>().unwrap_or(first);
        }
        let inputs = inputs.get(..count).unwrap_or(&inputs);
        self.platform.hash_many(
            inputs,
            &self.key,
            0,
            IncrementCounter::No,
            DERIVE_KEY_MATERIAL,
            CHUNK_START,
            0,
            self.values.as_flattened_mut(),
        );
    }
}

/// Copies a message to the start of a lane, and nothing after it up to `end`.
fn lay(message: &[&[u8]; 2], end: usize, lane: &mut [u8; CHUNK_LEN]) {
    let mut rest = lane.get_mut(..end).unwrap_or_default();
    for part in message {
        let Some((place, after)) = rest.split_at_mut_checked(part.len()) else { return };
        place.copy_from_slice(part);
        rest = after;
    }
    rest.fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use blake3::hazmat::hash_derive_key_context;

    const CONTEXT: &str = "demarche 2026-11-25 test of many";

    fn messages(lengths: impl Iterator<Item = usize>) -> Vec<Vec<u8>> {
        let message = |length| {
            let mut bytes = vec![0; length];
            let seed = u64::try_from(length).unwrap_or(0).to_be_bytes();
            blake3::Hasher::new().update(&seed).finalize_xof().fill(&mut bytes);
            bytes
        };
        lengths.map(message).collect()
    }

    fn check(messages: &[Vec<u8>], cut: impl Fn(&[u8]) -> usize) {
        let parts: Vec<[&[u8]; 2]> = messages
            .iter()
            .map(|message| {
                let (first, second) = message.split_at(cut(message));
                [first, second]
            })
            .collect();
        let found = derive_many(&hash_derive_key_context(CONTEXT), &parts);
        assert_eq!(found.len(), messages.len());
        for (message, found) in messages.iter().zip(found) {
            assert_eq!(found, blake3::derive_key(CONTEXT, message), "{} bytes", message.len());
        }
    }

    /// What would break: a flag or a length of the last block wrong at some number of blocks, or at the end of one.
    #[test]
    fn every_length_is_hashed_as_the_library_does() {
        // Up to BLOCKS_MAX blocks, and beyond, where each is hashed alone.
        check(&messages(0..1200), |message| message.len().min(32));
        check(&messages((0..1200).rev()), |_| 0);
        check(&messages(0..1200), <[u8]>::len);
    }

    /// What would break: bytes of a message before left in a lane, or hashes given to others than their messages.
    #[test]
    fn any_number_of_any_lengths_keeps_its_order() {
        for count in [0, 1, 2, 15, 16, 17, 31, 33, 256] {
            check(&messages((0..count).map(|index| 470_usize.saturating_add(index % 4))), |_| 32);
            check(&messages((0..count).map(|index| (index << 9) % 1499)), |message| {
                message.len() / 3
            });
        }
    }
}
