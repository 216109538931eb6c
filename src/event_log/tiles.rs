//! The published form of a log: the files of C2SP tlog-tiles, which any web server can serve. Headers alone are entries;
//! what was reported, sealed or captured is not in them.
//!
//! What was published never changes, so every hash is computed from the headers; the stored tree is not believed. That
//! they lead to the root of the checkpoint beside them is for [`super::EventLog::extends`].

use crate::record::tile::{TILE_WIDTH, path, tiles_of};
use crate::record::tree::{Frontier, NodeHash, leaf_hash};
use crate::store::{Damage, Store, StoreError};

/// Takes in one file: its path, and its bytes.
pub type Put<'p, E> = dyn FnMut(&str, &[u8]) -> Result<(), E> + 'p;

/// Hands every file of a tree of `size` events to `put`, the checkpoint aside: its path, with `/` between names, and its
/// bytes. Returns how many there are.
pub fn tiles<E: From<StoreError>>(
    store: &impl Store,
    size: u64,
    put: &mut Put<'_, E>,
) -> Result<u64, E> {
    let mut count = 0;
    // The hashes of the level that is being written, as the tiles below it give them, and of the one above.
    let (mut row, mut above) = (Vec::new().into_iter(), Vec::new());
    let mut last_level = 0;
    for (level, index, width) in tiles_of(size) {
        let limit = usize::try_from(width).unwrap_or(usize::MAX);
        if level != last_level {
            (row, last_level) = (std::mem::take(&mut above).into_iter(), level);
        }
        let hashes: Vec<NodeHash> = if level == 0 {
            let (bundle, hashes) = entries(store, index * TILE_WIDTH, limit)?;
            put(&path(None, index, width), &bundle)?;
            count += 1;
            hashes
        } else {
            row.by_ref().take(limit).collect()
        };
        put(&path(Some(level), index, width), &hashes.concat())?;
        count += 1;
        if width == TILE_WIDTH {
            above.push(root_of(&hashes));
        }
    }
    Ok(count)
}

/// Headers as a bundle of entries, each after its length, and the hashes of their leaves.
fn entries(
    store: &impl Store,
    from: u64,
    count: usize,
) -> Result<(Vec<u8>, Vec<NodeHash>), StoreError> {
    let (mut bundle, mut hashes) = (Vec::new(), Vec::new());
    let events = store.read(from, count)?;
    for (seq, event) in (from..).zip(&events) {
        // A header has at most 4096 bytes.
        let length = u16::try_from(event.header.len());
        let length = length.map_err(|_| StoreError::Damaged { what: Damage::Event(seq) })?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(&event.header);
        hashes.push(leaf_hash(&event.header));
    }
    if hashes.len() < count {
        let missing = from.saturating_add(u64::try_from(hashes.len()).unwrap_or(u64::MAX));
        return Err(StoreError::Damaged { what: Damage::EventMissing(missing) });
    }
    Ok((bundle, hashes))
}

/// The root over the hashes of one tile.
fn root_of(hashes: &[NodeHash]) -> NodeHash {
    let mut frontier = Frontier::default();
    for hash in hashes {
        frontier.push(*hash);
    }
    frontier.root().0
}
