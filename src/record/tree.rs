//! The RFC 6962 tree over header bytes, with SHA-256.
//!
//! A leaf is `SHA-256(0x00 ‖ header)`, a node `SHA-256(0x01 ‖ left ‖ right)`, the root of nothing `SHA-256("")`. A
//! [`Frontier`] holds the roots of the full subtrees of what it has taken in, one for each 1 in the size's binary
//! form, so taking in a leaf costs few hashes: one for the leaf, and one for each subtree that it completes.
//! Proofs are in [`super::merkle`], what is kept of a tree in [`super::tile`]. A root does not show that it is the only
//! one: that is the work of [`super::checkpoint`]. `root_as_others_compute_it` compares with another implementation.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::hex;

/// The hash of a subtree.
pub type NodeHash = [u8; 32];

/// The hash over all leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Root(pub NodeHash);

impl Root {
    /// The root of nothing.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// In base64, as checkpoints write it.
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads base64.
    pub fn from_base64(text: &str) -> Option<Self> {
        Some(Self(STANDARD.decode(text).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base64())
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({})", hex::encode(&self.0))
    }
}

/// The hash of a leaf.
pub fn leaf_hash(header: &[u8]) -> NodeHash {
    Sha256::new().chain_update([0]).chain_update(header).finalize().into()
}

/// The hash of two subtrees, the left one full.
pub fn node_hash(left: &NodeHash, right: &NodeHash) -> NodeHash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Where the hashes of full subtrees come from: a store, a directory of tiles, memory.
pub trait HashReader {
    /// Why a hash cannot be had.
    type Error;

    /// The hash of the full subtree at a level (0 for leaves) and a place within it: over the leaves from
    /// `index << level` on, `1 << level` of them.
    fn hash(&self, level: u32, index: u64) -> Result<NodeHash, Self::Error>;
}

/// What must be kept of a tree to go on with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The roots of the full subtrees, the largest first.
    subtrees: Vec<NodeHash>,
}

impl Frontier {
    /// How many leaves it has taken in.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Takes in the next leaf.
    pub fn push(&mut self, leaf: NodeHash) {
        self.push_with(leaf, &mut |_, _, _| ());
    }

    /// Takes in the next leaf; `completed` is told of every full subtree that it completes, itself first: the level
    /// (0 for leaves), the place within that level, the hash.
    pub fn push_with(&mut self, leaf: NodeHash, completed: &mut dyn FnMut(u32, u64, &NodeHash)) {
        let mut hash = leaf;
        completed(0, self.size, &hash);
        // Every full subtree at the end that is as large as what has been gathered merges with it.
        for level in 1..=self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node_hash(&left, &hash);
                completed(level, self.size.checked_shr(level).unwrap_or(0), &hash);
            }
        }
        self.subtrees.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// Reads the frontier of a tree of `size` leaves from its hashes.
    pub fn read<R: HashReader>(size: u64, hashes: &R) -> Result<Self, R::Error> {
        let mut subtrees = Vec::new();
        let mut start = 0_u64;
        for level in (0..u64::BITS).rev() {
            let width = 1_u64.checked_shl(level).unwrap_or(0);
            if size & width != 0 {
                subtrees.push(hashes.hash(level, start.checked_shr(level).unwrap_or(0))?);
                start = start.saturating_add(width);
            }
        }
        Ok(Self { size, subtrees })
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> Root {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(smallest) = subtrees.next() else { return Root::empty() };
        Root(subtrees.fold(*smallest, |right, left| node_hash(left, &right)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn root_as_others_compute_it() {
        let mut ours = Frontier::default();
        let mut other =
            ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        for index in 0..300_u32 {
            let leaf = index.to_string().into_bytes();
            ours.push(leaf_hash(&leaf));
            other.push(leaf);
            assert_eq!(ours.root().0.as_slice(), other.root().as_bytes().as_slice(), "{index}");
        }
    }

    #[test]
    fn the_root_of_nothing_is_the_hash_of_nothing() {
        let root = Frontier::default().root();
        assert_eq!(
            hex::encode(&root.0),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(Root::from_base64(&root.base64()), Some(root));
    }
}
