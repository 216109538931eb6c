//! Trees of random leaves, beside two other implementations of RFC 6962: `ct-merkle`, which keeps a tree in memory,
//! and `tlog_tiles`, which keeps hashes, and reads tiles. Roots and proofs are the same bytes, and each checker takes
//! the proofs of the others and refuses what they refuse.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use ct_merkle::RootHash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use demarche::record::merkle::{
    check_consistency, check_inclusion, prove_consistency, prove_inclusion, root_at,
};
use demarche::record::tile::{self, PIECE_WIDTH, PieceKey, PieceReader, Pieces, Tiles};
use demarche::record::tree::{Frontier, NodeHash, Root, leaf_hash};
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::{Hash, Tile, TileHashReader};

/// The sizes of trees that are compared.
const SIZE: u64 = 1000;

/// Numbers without a pattern, the same at every run: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A leaf of up to 80 bytes, or of none.
    fn leaf(&mut self) -> Vec<u8> {
        (0..self.below(81)).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Pieces, as a store keeps them.
#[derive(Default, Clone)]
struct Kept(Pieces);

impl PieceReader for Kept {
    type Error = Infallible;

    fn piece(&self, key: PieceKey) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(&key).cloned())
    }
}

/// The same pieces, to be read as tiles by `tlog_tiles`.
struct AsTiles<'a>(&'a Kept);

impl tlog_tiles::TileReader for AsTiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        Ok(tiles.iter().map(|tile| tile_bytes(self.0, tile)).collect())
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

/// A tile out of the four pieces that it is kept in.
fn tile_bytes(kept: &Kept, tile: &Tile) -> Vec<u8> {
    let first = tile.level_index() * 4;
    let pieces = (first..first + 4).filter_map(|index| {
        let level = tile.level();
        kept.0.get(&PieceKey { level, index })
    });
    let mut bytes: Vec<u8> = pieces.flatten().copied().collect();
    bytes.truncate(usize::try_from(tile.width()).unwrap() * 32);
    bytes
}

/// The hashes of a tree as `tlog_tiles` orders and keeps them.
#[derive(Default)]
struct Stored(Vec<Hash>);

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let at = |index: &u64| self.0.get(usize::try_from(*index).unwrap()).copied();
        indexes.iter().map(|i| at(i).ok_or(tlog_tiles::Error::IndexesNotInTree)).collect()
    }
}

/// A tree as each of the three keeps it.
#[derive(Default)]
struct Three {
    leaves: Vec<Vec<u8>>,
    frontier: Frontier,
    kept: Kept,
    roots: Vec<Root>,
    stored: Stored,
    in_memory: MemoryBackedTree<Sha256, Vec<u8>>,
}

impl Three {
    fn push(&mut self, leaf: Vec<u8>) {
        let pieces =
            tile::grow(&mut self.frontier, [leaf.as_slice()].into_iter(), &self.kept).unwrap();
        self.kept.0.extend(pieces);
        let number = self.leaves.len() as u64;
        let hashes = tlog_tiles::stored_hashes(number, &leaf, &self.stored).unwrap();
        self.stored.0.extend(hashes);
        self.in_memory.push(leaf.clone());
        self.leaves.push(leaf);
        self.roots.push(self.frontier.root());
    }

    fn root(&self, size: u64) -> Root {
        size.checked_sub(1)
            .map_or_else(Root::empty, |last| self.roots[usize::try_from(last).unwrap()])
    }

    fn leaf(&self, index: u64) -> &Vec<u8> {
        &self.leaves[usize::try_from(index).unwrap()]
    }
}

/// Everything to a thousand leaves, grown one by one.
static THREE: LazyLock<Three> = LazyLock::new(|| {
    let (mut random, mut three) = (Random(6962), Three::default());
    for _ in 0..SIZE {
        three.push(random.leaf());
    }
    three
});

fn hashes(path: &[NodeHash]) -> Vec<Hash> {
    path.iter().copied().map(Hash).collect()
}

fn root_hash(root: Root, size: u64) -> RootHash<Sha256> {
    RootHash::new(root.0.into(), size)
}

/// What each of the three makes of a proof of inclusion: ours, `ct-merkle`, `tlog_tiles`.
fn inclusion_held(index: u64, leaf: &[u8], size: u64, root: Root, path: &[NodeHash]) -> [bool; 3] {
    let proof = ct_merkle::InclusionProof::try_from_bytes(path.concat()).unwrap();
    [
        check_inclusion(index, &leaf_hash(leaf), size, &root, path).is_ok(),
        root_hash(root, size).verify_inclusion(&leaf, index, &proof).is_ok(),
        tlog_tiles::check_record(
            &hashes(path),
            size,
            Hash(root.0),
            index,
            tlog_tiles::record_hash(leaf),
        )
        .is_ok(),
    ]
}

/// What each of the three makes of a proof of consistency: ours, `ct-merkle`, `tlog_tiles`.
fn consistency_held(
    old: u64,
    old_root: Root,
    new: u64,
    new_root: Root,
    path: &[NodeHash],
) -> [bool; 3] {
    let proof = ct_merkle::ConsistencyProof::try_from_bytes(path.concat()).unwrap();
    let (hash, old_hash) = (Hash(new_root.0), Hash(old_root.0));
    [
        check_consistency(old, &old_root, new, &new_root, path).is_ok(),
        root_hash(new_root, new).verify_consistency(&root_hash(old_root, old), &proof).is_ok(),
        tlog_tiles::check_tree(&hashes(path), new, hash, old, old_hash).is_ok(),
    ]
}

/// All numbers below `end` if they are few, else both ends, those about the largest fork, and two at random.
fn sample(end: u64, random: &mut Random) -> Vec<u64> {
    if end <= 20 {
        return (0..end).collect();
    }
    let fork = 1 << (end - 1).ilog2();
    vec![0, fork - 1, fork, end - 1, random.below(end), random.below(end)]
}

#[test]
fn the_root_of_every_size_is_the_one_that_others_compute() {
    let mut tree = MemoryBackedTree::<Sha256, &[u8]>::new();
    for size in 0..=SIZE {
        if let Some(last) = size.checked_sub(1) {
            tree.push(THREE.leaf(last));
        }
        let root = THREE.root(size);
        assert_eq!(tree.root().as_bytes().as_slice(), root.0, "{size}");
        assert_eq!(tlog_tiles::tree_hash(size, &THREE.stored).unwrap(), Hash(root.0), "{size}");
        assert_eq!(root_at(size, &Tiles(&THREE.kept)), Ok(root), "{size}, from tiles");
    }
}

#[test]
fn proofs_are_those_that_others_make() {
    let (mut random, mut growing) = (Random(9162), Three::default());
    let (mut inclusions, mut consistencies) = (0, 0);
    for size in 1..=SIZE {
        growing.push(THREE.leaf(size - 1).clone());
        // Small trees, those about a fork, and some of the others.
        let about_fork =
            [size - 1, size, size + 1].iter().any(|size| size.is_power_of_two()) || size % 256 <= 1;
        if size > 70 && size % 11 != 0 && !about_fork {
            continue;
        }
        let root = THREE.root(size);
        for index in sample(size, &mut random) {
            let path = prove_inclusion(index, size, &Tiles(&THREE.kept)).unwrap();
            let at = usize::try_from(index).unwrap();
            assert_eq!(growing.in_memory.prove_inclusion(at).as_bytes(), path.concat());
            let proof = tlog_tiles::prove_record(size, index, &THREE.stored).unwrap();
            assert_eq!(proof, hashes(&path), "{index} in {size}");
            let held = inclusion_held(index, THREE.leaf(index), size, root, &path);
            assert_eq!(held, [true; 3], "{index} in {size}");
            let held = inclusion_held(index, b"another leaf", size, root, &path);
            assert_eq!(held, [false; 3], "{index} in {size}");
            inclusions += 1;
        }
        // The other two know no proof from nothing.
        for old in sample(size, &mut random).into_iter().map(|old| old + 1) {
            let path = prove_consistency(old, size, &Tiles(&THREE.kept)).unwrap();
            let added = usize::try_from(size - old).unwrap();
            assert_eq!(growing.in_memory.prove_consistency(added).as_bytes(), path.concat());
            let proof = tlog_tiles::prove_tree(size, old, &THREE.stored).unwrap();
            assert_eq!(proof, hashes(&path), "{old} in {size}");
            let old_root = THREE.root(old);
            let held = consistency_held(old, old_root, size, root, &path);
            assert_eq!(held, [true; 3], "{old} in {size}");
            let held = consistency_held(old, Root([7; 32]), size, root, &path);
            assert_eq!(held, [false; 3], "{old} in {size}");
            consistencies += 1;
        }
    }
    assert!(inclusions > 1000 && consistencies > 1000, "{inclusions}, {consistencies}");
}

/// What may happen to a proof, or to what it is said to show.
fn spoil(path: &mut Vec<NodeHash>, how: u8, at: usize, bit: usize) {
    let at = at % path.len().max(1);
    match how {
        1 => path.push([7; 32]),
        2 => path.insert(0, [7; 32]),
        3 if !path.is_empty() => drop(path.remove(at)),
        4 if !path.is_empty() => path[at][bit / 8] ^= 1 << (bit % 8),
        5 if path.len() > 1 => path.swap(0, at),
        6 if !path.is_empty() => path.insert(at, path[at]),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// A proof that is spoiled, or is said to show something else, holds with all three or with none.
    #[test]
    fn all_three_accept_and_refuse_the_same(
        (size, index, old) in (1..=SIZE).prop_flat_map(|size| (Just(size), 0..size, 1..=size)),
        (how, at, bit) in (0_u8..7, 0_usize..10, 0_usize..256),
        (more, fewer, other) in (0_u64..3, 0_u64..3, any::<bool>()),
    ) {
        let root = THREE.root(size);
        let mut path = prove_inclusion(index, size, &Tiles(&THREE.kept)).unwrap();
        spoil(&mut path, how, at, bit);
        // Said to be of another place, in a tree of another size.
        let (said, in_size) = if other { (index + more, size + fewer) }
            else { (index.saturating_sub(more), size - fewer.min(size)) };
        let held = inclusion_held(said, THREE.leaf(index), in_size, root, &path);
        prop_assert!(held == [held[0]; 3], "{index} in {size} as {said} in {in_size}: {held:?}");
        let mut path = prove_consistency(old, size, &Tiles(&THREE.kept)).unwrap();
        spoil(&mut path, how, at, bit);
        let (said, in_size) = if other { (old + more, size + fewer) }
            else { (old.saturating_sub(more).max(1), size - fewer.min(size)) };
        let held = consistency_held(said, THREE.root(old), in_size, root, &path);
        prop_assert!(held == [held[0]; 3], "{old} in {size} as {said} in {in_size}: {held:?}");
    }

    /// However a log grows, its tiles are the same, whatever an append that was abandoned has left in them.
    #[test]
    fn tiles_do_not_depend_on_how_a_log_grew(steps in prop::collection::vec(1_usize..300, 1..8)) {
        let (mut kept, mut frontier) = (Kept::default(), Frontier::default());
        let mut leaves = THREE.leaves.iter().map(Vec::as_slice);
        for step in steps {
            let others = [b"abandoned".as_slice(); 100].into_iter();
            let left = tile::grow(&mut frontier.clone(), others, &kept).unwrap();
            kept.0.extend(left);
            let pieces = tile::grow(&mut frontier, leaves.by_ref().take(step), &kept).unwrap();
            kept.0.extend(pieces);
            let size = frontier.size();
            prop_assert_eq!(frontier.root(), THREE.root(size));
            assert_tiles(&kept, size, &THREE.stored);
        }
    }
}

/// The tiles of a log have the coordinates, names and bytes that `tlog_tiles` gives them.
fn assert_tiles(kept: &Kept, size: u64, stored: &Stored) {
    let ours: Vec<_> = tile::tiles_of(size).collect();
    let theirs = Tile::new_tiles(8, 0, size);
    assert_eq!(ours.len(), theirs.len(), "{size}");
    for ((level, index, width), tile) in ours.into_iter().zip(&theirs) {
        let there = (tile.level(), tile.level_index(), u64::from(tile.width()));
        assert_eq!((level, index, width), there, "{size}");
        assert_eq!(tile_bytes(kept, tile), tile.read_data(stored).unwrap(), "{size} {tile:?}");
        // They name the height of tiles, which the specification has since fixed at 8.
        let path = tile::path(Some(level), index, width);
        assert_eq!(path.replacen("tile/", "tile/8/", 1), tile.path());
        let mut data = *tile;
        data.set_is_data();
        let path = tile::path(None, index, width);
        assert_eq!(path.replacen("tile/entries", "tile/8/data", 1), data.path());
    }
}

/// The proofs that their reader of tiles makes from ours are ours.
#[test]
fn our_tiles_answer_their_reader() {
    let mut random = Random(6962);
    for size in [1, 2, 63, 64, 65, 255, 256, 257, 511, 512, 513, 767, 768, 769, SIZE] {
        let (mut kept, mut frontier) = (Kept::default(), Frontier::default());
        let leaves = THREE.leaves.iter().map(Vec::as_slice).take(usize::try_from(size).unwrap());
        kept.0.extend(tile::grow(&mut frontier, leaves, &kept).unwrap());
        assert_tiles(&kept, size, &THREE.stored);
        let tiles = AsTiles(&kept);
        let reader = TileHashReader::new(size, Hash(frontier.root().0), &tiles);
        for index in sample(size, &mut random) {
            let path = prove_inclusion(index, size, &Tiles(&kept)).unwrap();
            let proof = tlog_tiles::prove_record(size, index, &reader).unwrap();
            assert_eq!(proof, hashes(&path), "{index} in {size}");
            let path = prove_consistency(index + 1, size, &Tiles(&kept)).unwrap();
            let proof = tlog_tiles::prove_tree(size, index + 1, &reader).unwrap();
            assert_eq!(proof, hashes(&path), "{index} + 1 in {size}");
        }
    }
}

/// A tile shows nothing by itself; a proof from a spoiled one does not lead to the root.
#[test]
fn every_spoiled_hash_of_a_tile_shows() {
    let root = THREE.root(SIZE);
    let mut spoiled: BTreeMap<PieceKey, u64> = BTreeMap::new();
    for (key, bytes) in &THREE.kept.0 {
        let mut kept = Kept(THREE.kept.0.clone());
        for at in (0..bytes.len()).step_by(32) {
            kept.0.get_mut(key).unwrap()[at + 31] ^= 0x80;
            let place = key.index * PIECE_WIDTH + at as u64 / 32;
            // A leaf that needs this hash: its neighbour, or one beside the subtree that it stands for.
            let index = (place ^ 1) << (8 * u32::from(key.level));
            if index < SIZE {
                let path = prove_inclusion(index, SIZE, &Tiles(&kept)).unwrap();
                let leaf = leaf_hash(THREE.leaf(index));
                let held = check_inclusion(index, &leaf, SIZE, &root, &path);
                assert!(held.is_err(), "{key:?}, hash {place}: the proof of {index} holds");
                let tiles = AsTiles(&kept);
                let reader = TileHashReader::new(SIZE, Hash(root.0), &tiles);
                // Their reader does not check every tile that it reads, their checker does.
                if let Ok(proof) = tlog_tiles::prove_record(SIZE, index, &reader) {
                    let (hash, leaf) = (Hash(root.0), Hash(leaf));
                    let held = tlog_tiles::check_record(&proof, SIZE, hash, index, leaf);
                    assert!(held.is_err(), "{key:?}, hash {place}: their proof of {index} holds");
                }
                *spoiled.entry(*key).or_default() += 1;
            }
            kept.0.get_mut(key).unwrap()[at + 31] ^= 0x80;
        }
    }
    assert_eq!(spoiled.values().sum::<u64>(), SIZE + SIZE / 256, "every hash that is kept");
}

/// Past 65,536 leaves there is a third level of tiles.
#[test]
fn a_third_level_of_tiles_is_the_one_that_others_compute() {
    const LARGE: u64 = 65_536 + 300;
    let leaves: Vec<[u8; 8]> = (0..LARGE).map(u64::to_be_bytes).collect();
    let (mut kept, mut frontier, mut stored) =
        (Kept::default(), Frontier::default(), Stored::default());
    for (number, leaf) in (0..).zip(&leaves) {
        let hashes = tlog_tiles::stored_hashes(number, leaf, &stored).unwrap();
        stored.0.extend(hashes);
    }
    let (first, rest) = leaves.split_at(65_500);
    for some in [first, rest] {
        let some = some.iter().map(|leaf| leaf.as_slice());
        kept.0.extend(tile::grow(&mut frontier, some, &kept).unwrap());
    }
    let root = frontier.root();
    assert_eq!(tlog_tiles::tree_hash(LARGE, &stored).unwrap(), Hash(root.0));
    assert_tiles(&kept, LARGE, &stored);
    let levels: Vec<u8> = tile::tiles_of(LARGE).map(|(level, _, _)| level).collect();
    assert_eq!(levels.last(), Some(&2));
    let tiles = AsTiles(&kept);
    let reader = TileHashReader::new(LARGE, Hash(root.0), &tiles);
    for index in sample(LARGE, &mut Random(65_536)) {
        let path = prove_inclusion(index, LARGE, &Tiles(&kept)).unwrap();
        assert_eq!(tlog_tiles::prove_record(LARGE, index, &reader).unwrap(), hashes(&path));
        let leaf = leaves[usize::try_from(index).unwrap()];
        assert_eq!(check_inclusion(index, &leaf_hash(&leaf), LARGE, &root, &path), Ok(()));
        let path = prove_consistency(index + 1, LARGE, &Tiles(&kept)).unwrap();
        assert_eq!(tlog_tiles::prove_tree(LARGE, index + 1, &reader).unwrap(), hashes(&path));
    }
}
