//! Tiles: what is kept, and published, of a tree.
//!
//! As in C2SP tlog-tiles: a tile of level L holds up to [`TILE_WIDTH`] hashes of full subtrees of `256^L` leaves, and
//! is published as `tile/L/N`, or `tile/L/N.p/W` while it has only W of them; `tile/entries/N` holds the entries
//! themselves, each after its length. Hashes between those levels are computed again from the tile below.
//!
//! A store keeps the same hashes in pieces of [`PIECE_WIDTH`], a quarter of a tile, so that appending one event writes
//! little; but for those of level 0, the leaves, which are made from the headers. A piece only ever gains hashes, so one that was written ahead of its events does no harm.
//! A tile shows nothing by itself: a checker leads its hashes up to a signed root.

use std::collections::BTreeMap;

use super::tree::{Frontier, HashReader, NodeHash, leaf_hash, node_hash};

/// How many hashes a tile holds.
pub const TILE_WIDTH: u64 = 256;
/// How many levels of the tree a tile spans.
pub const TILE_HEIGHT: u32 = 8;
/// How many hashes of one level make a piece; a store keeps the pieces above the leaves.
pub const PIECE_WIDTH: u64 = 64;
/// The bytes of a full piece.
pub const PIECE_BYTES: usize = 2048;

/// Which piece: the level of its tile, and its place among the pieces of that level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PieceKey {
    /// The level of the tile: its hashes stand for `256^level` leaves each.
    pub level: u8,
    /// The place among the pieces of that level.
    pub index: u64,
}

/// Pieces by key: hashes one after the other.
pub type Pieces = BTreeMap<PieceKey, Vec<u8>>;

/// The path of a tile with `width` hashes, or of a bundle of entries if `level` is none.
pub fn path(level: Option<u8>, index: u64, width: u64) -> String {
    let level = level.map_or_else(|| "entries".to_owned(), |level| level.to_string());
    let mut groups = Vec::new();
    let mut rest = index;
    loop {
        groups.push(rest.checked_rem(1000).unwrap_or(0));
        rest = rest.checked_div(1000).unwrap_or(0);
        if rest == 0 {
            break;
        }
    }
    let mut path = format!("tile/{level}");
    for (place, group) in groups.iter().enumerate().rev() {
        path.push_str(if place > 0 { "/x" } else { "/" });
        path.push_str(&format!("{group:03}"));
    }
    if width < TILE_WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

/// The tiles of a tree of `size` leaves: level, index, width; full ones and those that are not.
pub fn tiles_of(size: u64) -> impl Iterator<Item = (u8, u64, u64)> {
    (0_u8..=7).flat_map(move |level| {
        let count = hashes_at(level, size);
        let tiles = count.div_ceil(TILE_WIDTH);
        (0..tiles).map(move |index| {
            let before = index.saturating_mul(TILE_WIDTH);
            (level, index, count.saturating_sub(before).min(TILE_WIDTH))
        })
    })
}

/// How many hashes there are at a level of tiles, in a tree of `size` leaves.
pub fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(TILE_HEIGHT)).unwrap_or(0)
}

/// How many hashes a piece holds in a tree of `size` leaves.
pub fn piece_width(key: PieceKey, size: u64) -> u64 {
    let before = key.index.saturating_mul(PIECE_WIDTH);
    hashes_at(key.level, size).saturating_sub(before).min(PIECE_WIDTH)
}

/// Where pieces come from.
pub trait PieceReader {
    /// Why a piece cannot be had.
    type Error;

    /// The bytes of a piece; `None` if there is none.
    fn piece(&self, key: PieceKey) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// Why a hash cannot be had from tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError<E> {
    /// Its piece cannot be read.
    #[error("{0}")]
    Read(E),
    /// Its piece is missing, or is shorter than it must be.
    #[error("the stored tree lacks hashes of level {} from number {} on", .0.level, .0.index.saturating_mul(PIECE_WIDTH))]
    Missing(PieceKey),
}

/// Hashes of a tree, from its pieces.
#[derive(Debug)]
pub struct Tiles<'a, R>(pub &'a R);

impl<R: PieceReader> Tiles<'_, R> {
    /// Hashes at a level of tiles, from number `start` on.
    fn row(&self, level: u8, start: u64, width: u64) -> Result<Vec<NodeHash>, TileError<R::Error>> {
        let mut row = Vec::new();
        let end = start.saturating_add(width);
        let mut at = start;
        while at < end {
            let key = PieceKey { level, index: at.checked_div(PIECE_WIDTH).unwrap_or(0) };
            let first = key.index.saturating_mul(PIECE_WIDTH);
            let piece = self.0.piece(key).map_err(TileError::Read)?;
            let piece = piece.ok_or(TileError::Missing(key))?;
            let skip = usize::try_from(at.saturating_sub(first)).unwrap_or(usize::MAX);
            let last = end.min(first.saturating_add(PIECE_WIDTH));
            let take = usize::try_from(last.saturating_sub(at)).unwrap_or(0);
            let before = row.len();
            let hashes = piece.chunks_exact(32).skip(skip).take(take);
            row.extend(hashes.filter_map(|hash| NodeHash::try_from(hash).ok()));
            if row.len() != before.saturating_add(take) {
                return Err(TileError::Missing(key));
            }
            at = last;
        }
        Ok(row)
    }
}

impl<R: PieceReader> HashReader for Tiles<'_, R> {
    type Error = TileError<R::Error>;

    fn hash(&self, level: u32, index: u64) -> Result<NodeHash, Self::Error> {
        let tile = u8::try_from(level.checked_div(TILE_HEIGHT).unwrap_or(0)).unwrap_or(u8::MAX);
        let above = level.checked_rem(TILE_HEIGHT).unwrap_or(0);
        let width = 1_u64.checked_shl(above).unwrap_or(1);
        // What lies between two levels of tiles is computed from the lower one.
        let mut row = self.row(tile, index.saturating_mul(width), width)?;
        while row.len() > 1 {
            let pairs = row.chunks(2).filter_map(|pair| Some((pair.first()?, pair.last()?)));
            row = pairs.map(|(left, right)| node_hash(left, right)).collect();
        }
        row.first().copied().ok_or(TileError::Missing(PieceKey { level: tile, index }))
    }
}

/// Grows a tree by the leaves of these headers, and returns the pieces that change. Asks `reader` for at most one
/// piece a level: the last, if it is not full.
pub fn grow<'h, R: PieceReader>(
    frontier: &mut Frontier,
    headers: impl Iterator<Item = &'h [u8]>,
    reader: &R,
) -> Result<Pieces, TileError<R::Error>> {
    grow_by(frontier, headers.map(leaf_hash), reader)
}

/// The same, by leaves that were hashed already.
pub fn grow_by<R: PieceReader>(
    frontier: &mut Frontier,
    leaves: impl Iterator<Item = NodeHash>,
    reader: &R,
) -> Result<Pieces, TileError<R::Error>> {
    let before = frontier.size();
    let mut pieces = Pieces::new();
    for level in 0_u8..=7 {
        let key = PieceKey {
            level,
            index: hashes_at(level, before).checked_div(PIECE_WIDTH).unwrap_or(0),
        };
        let width = piece_width(key, before);
        if width == 0 {
            continue;
        }
        let mut bytes = reader.piece(key).map_err(TileError::Read)?.unwrap_or_default();
        let expected = usize::try_from(width).unwrap_or(0).saturating_mul(32);
        if bytes.len() < expected {
            return Err(TileError::Missing(key));
        }
        // An abandoned append may have left more than belongs there.
        bytes.truncate(expected);
        pieces.insert(key, bytes);
    }
    let unchanged = pieces.clone();
    for leaf in leaves {
        frontier.push_with(leaf, &mut |level, index, hash| {
            put(&mut pieces, level, index, hash);
        });
    }
    pieces.retain(|key, bytes| unchanged.get(key) != Some(bytes));
    Ok(pieces)
}

/// Puts the hash of a full subtree into its piece, if it is one that is kept.
pub fn put(pieces: &mut Pieces, level: u32, index: u64, hash: &NodeHash) {
    if level.checked_rem(TILE_HEIGHT) != Some(0) {
        return;
    }
    let tile = level.checked_div(TILE_HEIGHT).and_then(|level| u8::try_from(level).ok());
    if let (Some(level), Some(index)) = (tile, index.checked_div(PIECE_WIDTH)) {
        pieces.entry(PieceKey { level, index }).or_default().extend_from_slice(hash);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::as_conversions)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::super::merkle::root_at;
    use super::*;

    #[derive(Default)]
    struct Kept {
        pieces: Pieces,
        reads: Cell<u64>,
    }

    impl PieceReader for Kept {
        type Error = Infallible;

        fn piece(&self, key: PieceKey) -> Result<Option<Vec<u8>>, Infallible> {
            self.reads.set(self.reads.get() + 1);
            Ok(self.pieces.get(&key).cloned())
        }
    }

    #[test]
    fn paths_as_the_specification_has_them() {
        assert_eq!(path(Some(0), 0, 256), "tile/0/000");
        assert_eq!(path(Some(1), 1_234_067, 256), "tile/1/x001/x234/067");
        assert_eq!(path(None, 273, 112), "tile/entries/273.p/112");
        let of_70_000: Vec<_> = tiles_of(70_000).filter(|(_, _, width)| *width < 256).collect();
        assert_eq!(of_70_000, [(0, 273, 112), (1, 1, 17), (2, 0, 1)]);
        assert_eq!(tiles_of(70_000).count(), 273 + 1 + 1 + 1 + 1);
        assert_eq!(tiles_of(256).collect::<Vec<_>>(), [(0, 0, 256), (1, 0, 1)]);
        assert_eq!(tiles_of(0).count(), 0);
    }

    #[test]
    fn growing_by_ones_and_at_once_keeps_the_same_pieces() {
        let headers: Vec<Vec<u8>> = (0..700_u64).map(|n| n.to_string().into_bytes()).collect();
        let mut kept = Kept::default();
        let mut frontier = Frontier::default();
        for header in &headers {
            let pieces = grow(&mut frontier, [header.as_slice()].into_iter(), &kept).unwrap();
            assert!(pieces.len() <= 3, "one event changes few pieces");
            kept.pieces.extend(pieces);
            assert_eq!(root_at(frontier.size(), &Tiles(&kept)).unwrap(), frontier.root());
        }
        let mut at_once = Frontier::default();
        let all = headers.iter().map(Vec::as_slice);
        assert_eq!(grow(&mut at_once, all, &Kept::default()).unwrap(), kept.pieces);
        let of_level = |level| {
            let pieces = hashes_at(level, 700).div_ceil(PIECE_WIDTH);
            (0..pieces).map(move |index| PieceKey { level, index })
        };
        assert!(kept.pieces.keys().copied().eq((0..=7).flat_map(of_level)));
        for (key, bytes) in &kept.pieces {
            assert_eq!(bytes.len() as u64, piece_width(*key, 700) * 32);
        }
    }

    #[test]
    fn what_an_abandoned_append_left_is_written_over() {
        let mut kept = Kept::default();
        let mut frontier = Frontier::default();
        kept.pieces = grow(&mut frontier, [b"a".as_slice(), b"b"].into_iter(), &kept).unwrap();
        let mut abandoned = frontier.clone();
        let left = grow(&mut abandoned, [b"x".as_slice(), b"y"].into_iter(), &kept).unwrap();
        kept.pieces.extend(left);
        let again = grow(&mut frontier, [b"c".as_slice()].into_iter(), &kept).unwrap();
        kept.pieces.extend(again);
        assert_eq!(root_at(3, &Tiles(&kept)).unwrap(), frontier.root());
    }

    #[test]
    fn a_piece_that_is_lost_or_cut_short_is_named() {
        let headers: Vec<Vec<u8>> = (0..700_u64).map(|n| n.to_string().into_bytes()).collect();
        let all = headers.iter().map(Vec::as_slice);
        let pieces = grow(&mut Frontier::default(), all, &Kept::default()).unwrap();
        let last = PieceKey { level: 0, index: 699 / PIECE_WIDTH };
        let read = |pieces: Pieces| {
            let kept = Kept { pieces, reads: Cell::default() };
            let read = Tiles(&kept).hash(0, 699);
            read.map_err(|error| error.to_string())
        };
        assert!(read(pieces.clone()).is_ok());
        let (mut without, mut cut) = (pieces.clone(), pieces);
        without.remove(&last);
        cut.entry(last).and_modify(|bytes| bytes.truncate(bytes.len() - 1));
        for damaged in [without, cut] {
            let error = read(damaged).unwrap_err();
            assert_eq!(error, "the stored tree lacks hashes of level 0 from number 640 on");
        }
    }

    #[test]
    fn an_append_to_a_million_costs_few_hashes() {
        const SIZE: u64 = 1 << 20;
        let mut kept = Kept::default();
        let mut frontier = Frontier::default();
        let headers: Vec<Vec<u8>> =
            (0..SIZE - 1).map(|number| number.to_be_bytes().to_vec()).collect();
        let all = headers.iter().map(Vec::as_slice);
        kept.pieces = grow(&mut frontier, all, &kept).unwrap();
        kept.reads.set(0);
        // The costliest append of all: it completes a subtree at every level.
        let mut completed = 0;
        frontier.clone().push_with([0; 32], &mut |_, _, _| completed += 1);
        let written = grow(&mut frontier, [b"last".as_slice()].into_iter(), &kept).unwrap();
        assert_eq!(completed, 21, "one hash a level, the leaf among them");
        assert!(kept.reads.get() <= 3, "{} pieces are read", kept.reads.get());
        assert!(written.len() <= 4 && written.values().all(|bytes| bytes.len() <= PIECE_BYTES));
    }
}
