//! The tree in a store: pieces of it read, grown by an append, compared with what the headers lead to.

use super::finding::{Check, Finding, Wrong};
use crate::record::merkle::root_at;
use crate::record::tile::{
    PIECE_BYTES, PIECE_WIDTH, PieceKey, PieceReader, Pieces, TileError, Tiles, grow_by, piece_width,
};
use crate::record::tree::{Frontier, NodeHash, Root, leaf_hash};
use crate::store::{Damage, Store, StoreError, StoredEvent, TreePiece};

/// A store as a source of pieces. Those of the leaves are not stored: they are made from the headers, which are.
pub(super) struct StoredTree<'a, S>(pub(super) &'a S);

impl<S: Store> PieceReader for StoredTree<'_, S> {
    type Error = StoreError;

    fn piece(&self, key: PieceKey) -> Result<Option<Vec<u8>>, StoreError> {
        if key.level > 0 {
            return self.0.tree_piece(key.level, key.index);
        }
        let first = key.index.saturating_mul(PIECE_WIDTH);
        let events = self.0.events(first)?;
        let leaves = events.iter().map(|event| leaf_hash(event.header));
        let width = usize::try_from(PIECE_WIDTH).unwrap_or(usize::MAX);
        let leaves: Vec<NodeHash> = leaves.take(width).collect();
        Ok((!leaves.is_empty()).then(|| leaves.concat()))
    }
}

/// What is wrong with the tree is wrong with the store.
pub(super) fn as_store_error(error: TileError<StoreError>) -> StoreError {
    match error {
        TileError::Read(error) => error,
        TileError::Missing(key) => {
            let (level, index) = (key.level, key.index);
            StoreError::Damaged { what: Damage::Tree { level, index } }
        }
    }
}

/// A store as a source of pieces, but for those that are not written yet.
struct Growing<'a, S> {
    open: &'a Pieces,
    store: &'a S,
}

impl<S: Store> PieceReader for Growing<'_, S> {
    type Error = StoreError;

    fn piece(&self, key: PieceKey) -> Result<Option<Vec<u8>>, StoreError> {
        match self.open.get(&key) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => StoredTree(self.store).piece(key),
        }
    }
}

/// The pieces that change when these events are appended; the frontier goes on with them.
pub(super) fn grown(
    frontier: &mut Frontier,
    events: &[StoredEvent],
    store: &impl Store,
) -> Result<Vec<TreePiece>, StoreError> {
    let leaves: Vec<NodeHash> = events.iter().map(|event| leaf_hash(&event.header)).collect();
    let mut open = Pieces::new();
    let mut grown = grown_by(frontier, leaves, &mut open, store)?;
    grown.extend(pieces(open));
    Ok(grown)
}

/// The same, by the leaves of the events; pieces that are not full yet stay in `open`.
pub(super) fn grown_by(
    frontier: &mut Frontier,
    leaves: Vec<NodeHash>,
    open: &mut Pieces,
    store: &impl Store,
) -> Result<Vec<TreePiece>, StoreError> {
    let changed =
        grow_by(frontier, leaves.into_iter(), &Growing { open, store }).map_err(as_store_error)?;
    let mut full = Pieces::new();
    for (key, hashes) in changed {
        if hashes.len() >= PIECE_BYTES {
            open.remove(&key);
            full.insert(key, hashes);
        } else {
            open.insert(key, hashes);
        }
    }
    Ok(pieces(full))
}

/// Pieces as a store takes them; those of the leaves follow from the events.
pub(super) fn pieces(pieces: Pieces) -> Vec<TreePiece> {
    let piece = |(key, hashes): (PieceKey, Vec<u8>)| {
        let PieceKey { level, index } = key;
        TreePiece { level, index, hashes }
    };
    pieces.into_iter().filter(|(key, _)| key.level > 0).map(piece).collect()
}

/// The root over the first `size` events, from the stored tree.
pub(super) fn stored_root(size: u64, store: &impl Store) -> Result<Root, StoreError> {
    root_at(size, &Tiles(&StoredTree(store))).map_err(as_store_error)
}

/// Compares what is stored of a tree with the pieces that its headers lead to; full pieces are dropped once compared,
/// so that this needs little memory. `size` is how many events there are so far.
pub(super) fn compare(
    pieces: &mut Pieces,
    size: u64,
    all: bool,
    store: &impl Store,
    found: &mut dyn FnMut(Check, Finding),
) {
    let mut done = Vec::new();
    for (key, computed) in pieces.iter() {
        let width = usize::try_from(piece_width(*key, size)).unwrap_or(0);
        let full = computed.len() >= PIECE_BYTES;
        if !full && !all {
            continue;
        }
        done.push(*key);
        if key.level == 0 {
            continue;
        }
        let stored = store.tree_piece(key.level, key.index);
        let what = match stored {
            // A piece may hold more than the events lead to, where an append was abandoned.
            Ok(Some(stored)) if stored.get(..width.saturating_mul(32)) == Some(computed) => {
                continue;
            }
            Ok(_) => Wrong::TreeDiffers { level: key.level, piece: key.index },
            Err(error) => Wrong::Store(error.to_string()),
        };
        found(Check::Tree, Finding { seq: first_leaf(*key), id: None, line: None, what });
    }
    for key in done {
        pieces.remove(&key);
    }
}

/// The first event under a piece.
fn first_leaf(key: PieceKey) -> Option<u64> {
    let level = u32::from(key.level).checked_mul(crate::record::tile::TILE_HEIGHT)?;
    key.index.checked_mul(crate::record::tile::PIECE_WIDTH)?.checked_shl(level)
}
