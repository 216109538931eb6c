//! The published form of a log: the files of C2SP tlog-tiles, which any web server can serve. Headers alone are entries;
//! what was reported, sealed or captured is not in them.

use super::tree::{StoredTree, as_store_error};
use crate::record::tile::{TILE_WIDTH, Tiles, path, tiles_of};
use crate::store::{Store, StoreError};

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
    let tree = StoredTree(store);
    for (level, index, width) in tiles_of(size) {
        let bytes = Tiles(&tree).tile(level, index, width).map_err(as_store_error)?;
        put(&path(Some(level), index, width), &bytes)?;
        count += 1;
        if level == 0 {
            let limit = usize::try_from(width).unwrap_or(usize::MAX);
            let mut bundle = Vec::new();
            for event in store.read(index * TILE_WIDTH, limit)? {
                // A header has at most 4096 bytes.
                let length = u16::try_from(event.header.len()).unwrap_or(u16::MAX);
                bundle.extend_from_slice(&length.to_be_bytes());
                bundle.extend_from_slice(&event.header);
            }
            put(&path(None, index, width), &bundle)?;
            count += 1;
        }
    }
    Ok(count)
}
