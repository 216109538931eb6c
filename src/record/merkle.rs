//! Proofs about the tree, in pairs: what [`prove_inclusion`] makes, [`check_inclusion`] takes; likewise
//! [`prove_consistency`] and [`check_consistency`].
//!
//! A proof of inclusion (RFC 6962, section 2.1.1) shows that a leaf stands at a place under a root; a proof of
//! consistency (section 2.1.2) shows that everything under an older root stands unchanged, in front, under a newer
//! one. Checking follows RFC 9162, sections 2.1.3.2 and 2.1.4.2. Proving asks for few hashes, each of a full subtree.
//!
//! Neither shows that the root is the one that others were shown. `every_flipped_hash_is_refused` spoils every hash of
//! every proof of every tree below 100 leaves; `tests/it/merkle_vectors.rs` takes the public vectors, spoiled ones
//! included.

use super::tree::{HashReader, NodeHash, Root, node_hash};

/// Why a proof does not show what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MerkleError {
    /// There is no such leaf, or the older tree is the larger one.
    #[error("there is no {what} in a tree of {size} leaves")]
    OutOfRange {
        /// What was asked for.
        what: String,
        /// How many leaves there are.
        size: u64,
    },
    /// It has too few hashes, or too many.
    #[error("the proof has {found} hashes, which is not how many there must be")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// It leads to another root.
    #[error("the proof leads to the root {found}, not to {expected}")]
    Root {
        /// The root that it should lead to.
        expected: Root,
        /// The root that it leads to.
        found: Root,
    },
}

/// A proof cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError<E> {
    /// There is no such leaf, or the older tree is the larger one.
    #[error(transparent)]
    Merkle(MerkleError),
    /// A hash cannot be had.
    #[error("{0}")]
    Read(E),
}

/// The root of the first `size` leaves.
pub fn root_at<R: HashReader>(size: u64, hashes: &R) -> Result<Root, R::Error> {
    Ok(super::tree::Frontier::read(size, hashes)?.root())
}

/// The hashes that lead from leaf `index` to the root over the first `size` leaves, from the leaf upwards.
pub fn prove_inclusion<R: HashReader>(
    index: u64,
    size: u64,
    hashes: &R,
) -> Result<Vec<NodeHash>, ProveError<R::Error>> {
    if index >= size {
        return Err(ProveError::Merkle(out_of_range(format!("leaf {index}"), size)));
    }
    let mut path = Vec::new();
    let (mut start, mut end) = (0_u64, size);
    // Down from the root: at each fork, the half without the leaf is what a checker lacks.
    while end.saturating_sub(start) > 1 {
        let fork = start.saturating_add(split(end.saturating_sub(start)));
        if index < fork {
            path.push(range_hash(fork, end, hashes)?);
            end = fork;
        } else {
            path.push(range_hash(start, fork, hashes)?);
            start = fork;
        }
    }
    path.reverse();
    Ok(path)
}

/// Checks that the leaf with this hash stands at `index` under the root over `size` leaves.
pub fn check_inclusion(
    index: u64,
    leaf: &NodeHash,
    size: u64,
    root: &Root,
    path: &[NodeHash],
) -> Result<(), MerkleError> {
    if index >= size {
        return Err(out_of_range(format!("leaf {index}"), size));
    }
    let wrong_length = || MerkleError::Length { found: path.len() };
    let (mut at, mut last) = (index, size.saturating_sub(1));
    let mut found = *leaf;
    for hash in path {
        if last == 0 {
            return Err(wrong_length());
        }
        if at & 1 == 1 || at == last {
            found = node_hash(hash, &found);
            if at & 1 == 0 {
                // The last node of a level that has no sibling goes up as it is.
                let levels = at.trailing_zeros();
                at = at.checked_shr(levels).unwrap_or(0);
                last = last.checked_shr(levels).unwrap_or(0);
            }
        } else {
            found = node_hash(&found, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length());
    }
    same(*root, Root(found))
}

/// The hashes that show that the first `old` leaves stand unchanged among the first `new`.
pub fn prove_consistency<R: HashReader>(
    old: u64,
    new: u64,
    hashes: &R,
) -> Result<Vec<NodeHash>, ProveError<R::Error>> {
    if old > new {
        return Err(ProveError::Merkle(out_of_range(format!("tree of {old}"), new)));
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let mut path = Vec::new();
    let (mut start, mut end) = (0_u64, new);
    // Down from the root to the last subtree that the old tree fills.
    while end != old {
        let fork = start.saturating_add(split(end.saturating_sub(start)));
        if old <= fork {
            path.push(range_hash(fork, end, hashes)?);
            end = fork;
        } else {
            path.push(range_hash(start, fork, hashes)?);
            start = fork;
        }
    }
    // Where that subtree is the whole of the old tree, its hash is the old root, which the checker has.
    if start != 0 {
        path.push(range_hash(start, end, hashes)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that the `old` leaves under the old root stand unchanged, in front, among the `new` under the new one. From
/// nothing only the root of nothing leads on.
pub fn check_consistency(
    old: u64,
    old_root: &Root,
    new: u64,
    new_root: &Root,
    path: &[NodeHash],
) -> Result<(), MerkleError> {
    if old > new {
        return Err(out_of_range(format!("tree of {old}"), new));
    }
    let wrong_length = || MerkleError::Length { found: path.len() };
    if old == 0 || old == new {
        if !path.is_empty() {
            return Err(wrong_length());
        }
        if old == 0 {
            same(*old_root, Root::empty())?;
        }
        return if old == new { same(*old_root, *new_root) } else { Ok(()) };
    }
    let mut rest = path.iter();
    let (mut at, mut last) = (old.saturating_sub(1), new.saturating_sub(1));
    // Up past the levels at which the old tree ends with a left half: nothing of it is beside those.
    let levels = at.trailing_ones();
    at = at.checked_shr(levels).unwrap_or(0);
    last = last.checked_shr(levels).unwrap_or(0);
    let first = if at == 0 { old_root.0 } else { *rest.next().ok_or_else(wrong_length)? };
    let (mut found_old, mut found_new) = (first, first);
    for hash in rest {
        if last == 0 {
            return Err(wrong_length());
        }
        if at & 1 == 1 || at == last {
            found_old = node_hash(hash, &found_old);
            found_new = node_hash(hash, &found_new);
            if at & 1 == 0 {
                let levels = at.trailing_zeros();
                at = at.checked_shr(levels).unwrap_or(0);
                last = last.checked_shr(levels).unwrap_or(0);
            }
        } else {
            found_new = node_hash(&found_new, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length());
    }
    same(*old_root, Root(found_old))?;
    same(*new_root, Root(found_new))
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    let below = count.saturating_sub(1);
    1_u64.checked_shl(below.checked_ilog2().unwrap_or(0)).unwrap_or(1)
}

/// The hash over the leaves from `start` to before `end`, where `start` is where a subtree of that size begins.
fn range_hash<R: HashReader>(
    start: u64,
    end: u64,
    hashes: &R,
) -> Result<NodeHash, ProveError<R::Error>> {
    let mut subtrees = Vec::new();
    let mut at = start;
    while at < end {
        let left = end.saturating_sub(at);
        let level = left.checked_ilog2().unwrap_or(0);
        let index = at.checked_shr(level).unwrap_or(0);
        subtrees.push(hashes.hash(level, index).map_err(ProveError::Read)?);
        at = at.saturating_add(1_u64.checked_shl(level).unwrap_or(left));
    }
    let mut subtrees = subtrees.into_iter().rev();
    let smallest = subtrees.next().unwrap_or_else(|| Root::empty().0);
    Ok(subtrees.fold(smallest, |right, left| node_hash(&left, &right)))
}

fn same(expected: Root, found: Root) -> Result<(), MerkleError> {
    if expected == found { Ok(()) } else { Err(MerkleError::Root { expected, found }) }
}

fn out_of_range(what: String, size: u64) -> MerkleError {
    MerkleError::OutOfRange { what, size }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation
)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::super::tree::{Frontier, leaf_hash};
    use super::*;

    #[derive(Default)]
    struct Memory {
        hashes: BTreeMap<(u32, u64), NodeHash>,
        frontier: Frontier,
        roots: Vec<Root>,
    }

    impl HashReader for Memory {
        type Error = Infallible;

        fn hash(&self, level: u32, index: u64) -> Result<NodeHash, Infallible> {
            Ok(self.hashes[&(level, index)])
        }
    }

    /// A tree whose leaves are numbers, with the root at every size.
    fn tree(size: u64) -> Memory {
        let mut tree = Memory::default();
        tree.roots.push(Root::empty());
        for leaf in 0..size {
            let Memory { hashes, frontier, roots } = &mut tree;
            let leaf = leaf_hash(leaf.to_string().as_bytes());
            frontier.push_with(leaf, &mut |level, index, hash| {
                hashes.insert((level, index), *hash);
            });
            roots.push(frontier.root());
        }
        tree
    }

    fn flipped(path: &[NodeHash], at: usize) -> Vec<NodeHash> {
        let mut path = path.to_vec();
        path[at][at % 32] ^= 1 << (at % 8);
        path
    }

    /// What is not the proof: cut, longer, or with two neighbours swapped.
    fn misshapen(path: &[NodeHash]) -> Vec<Vec<NodeHash>> {
        let mut all = vec![[path, &[[7; 32]]].concat(), [&[[7; 32]], path].concat()];
        all.extend(path.split_last().map(|(_, rest)| rest.to_vec()));
        all.extend(path.split_first().map(|(_, rest)| rest.to_vec()));
        for at in 1..path.len() {
            let mut swapped = path.to_vec();
            swapped.swap(at - 1, at);
            all.push(swapped);
        }
        all
    }

    #[test]
    fn every_flipped_hash_is_refused() {
        let tree = tree(99);
        let mut spoiled = 0;
        for size in 1..100_u64 {
            let root = tree.roots[size as usize];
            for index in 0..size {
                let leaf = tree.hashes[&(0, index)];
                let path = prove_inclusion(index, size, &tree).unwrap();
                assert_eq!(check_inclusion(index, &leaf, size, &root, &path), Ok(()));
                for at in 0..path.len() {
                    let path = flipped(&path, at);
                    assert!(check_inclusion(index, &leaf, size, &root, &path).is_err());
                    spoiled += 1;
                }
                for path in misshapen(&path) {
                    assert!(check_inclusion(index, &leaf, size, &root, &path).is_err());
                }
                assert!(check_inclusion(index, &[9; 32], size, &root, &path).is_err());
                for other in (0..size).filter(|other| *other != index) {
                    assert!(check_inclusion(other, &leaf, size, &root, &path).is_err());
                }
            }
            for old in 0..=size {
                let old_root = tree.roots[old as usize];
                let path = prove_consistency(old, size, &tree).unwrap();
                assert_eq!(check_consistency(old, &old_root, size, &root, &path), Ok(()));
                for at in 0..path.len() {
                    let path = flipped(&path, at);
                    assert!(check_consistency(old, &old_root, size, &root, &path).is_err());
                    spoiled += 1;
                }
                for path in misshapen(&path) {
                    assert!(
                        check_consistency(old, &old_root, size, &root, &path).is_err(),
                        "{old} in {size}"
                    );
                }
                let other = Root([9; 32]);
                assert!(check_consistency(old, &other, size, &root, &path).is_err());
                if old > 0 {
                    assert!(check_consistency(old, &old_root, size, &other, &path).is_err());
                }
            }
        }
        assert!(spoiled > 40_000, "{spoiled} hashes were flipped");
    }

    #[test]
    fn a_frontier_read_back_goes_on_as_the_one_that_grew() {
        let tree = tree(300);
        for size in 0..=300 {
            assert_eq!(root_at(size, &tree).unwrap(), tree.roots[size as usize], "{size}");
        }
        assert_eq!(Frontier::read(300, &tree).unwrap(), tree.frontier);
    }

    #[test]
    fn what_is_not_there_is_not_proved() {
        let tree = tree(8);
        assert!(prove_inclusion(8, 8, &tree).is_err());
        assert!(prove_consistency(9, 8, &tree).is_err());
        let root = tree.roots[8];
        assert!(check_inclusion(8, &[0; 32], 8, &root, &[]).is_err());
        assert!(check_inclusion(0, &[0; 32], 0, &Root::empty(), &[]).is_err());
        assert!(check_inclusion(u64::MAX - 1, &[0; 32], u64::MAX, &root, &[[0; 32]; 64]).is_err());
        assert!(check_consistency(9, &root, 8, &root, &[]).is_err());
        assert!(check_consistency(1, &root, u64::MAX, &root, &[[0; 32]; 64]).is_err());
    }
}
