//! One run: its rows and its directory, looked up in blocks.

use super::Table;
use crate::store::{BLOCK_BYTES_MAX, BlockKey, Damage, Store, StoreError};

/// One run, as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(super) id: u64,
    pub(super) rows: u64,
    pub(super) blocks: u64,
    pub(super) directory_blocks: u64,
}

impl Run {
    /// Whether so many rows can lie in so many blocks.
    pub(super) const fn is_possible<T: Table>(&self) -> bool {
        let most = (BLOCK_BYTES_MAX as u64).saturating_mul(self.blocks);
        let directory = self.blocks.div_ceil(entries_a_block::<T>());
        self.rows >= self.blocks && self.rows <= most && self.directory_blocks == directory
    }

    /// Its number, which no other run of its table ever has.
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Whether its rows are in order, and its directory and its entry in the manifest are those that they lead to: what
    /// is looked up is found only then. `see` is shown each row.
    pub(crate) fn is_sound<T: Table>(
        &self,
        store: &impl Store,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StoreError> {
        let (mut rows, mut directory_blocks) = (0_u64, 0_u64);
        let (mut last, mut entries) = (Vec::new(), Vec::new());
        for index in 0..self.blocks {
            let block = self.block::<T>(index, store)?;
            let Some(first) = block.get(..T::ROW_BYTES) else { return Ok(false) };
            let mut lowest = u64::MAX;
            let mut before = last.as_slice();
            for row in block.chunks_exact(T::ROW_BYTES) {
                if row < before {
                    return Ok(false);
                }
                before = row;
                lowest = lowest.min(T::measure(row));
                rows = rows.saturating_add(1);
                see(row);
            }
            last = before.to_vec();
            entries.extend_from_slice(first);
            entries.extend_from_slice(&lowest.to_be_bytes());
            let next = index.saturating_add(1);
            if next == self.blocks || next.is_multiple_of(entries_a_block::<T>()) {
                if self.directory::<T>(directory_blocks, store)? != entries {
                    return Ok(false);
                }
                directory_blocks = directory_blocks.saturating_add(1);
                entries.clear();
            }
        }
        Ok((rows, directory_blocks) == (self.rows, self.directory_blocks))
    }

    pub(super) fn remove<T: Table>(&self, store: &mut impl Store) -> Result<(), StoreError> {
        store.remove_blocks(T::NUMBER, self.id)?;
        store.remove_blocks(T::NUMBER + 1, self.id)
    }

    /// How many rows it has.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows of one of its blocks, one after the other.
    pub(crate) fn block<T: Table>(
        &self,
        index: u64,
        store: &impl Store,
    ) -> Result<Vec<u8>, StoreError> {
        let key = BlockKey { table: T::NUMBER, run: self.id, index };
        let block = store.block(key)?.ok_or(missing(key))?;
        Ok(rows_of(&block, T::ROW_BYTES))
    }

    /// One block of its directory: the first row of each block, and the least measure in it, one after the other.
    pub(crate) fn directory<T: Table>(
        &self,
        index: u64,
        store: &impl Store,
    ) -> Result<Vec<u8>, StoreError> {
        let key = BlockKey { table: T::NUMBER + 1, run: self.id, index };
        let block = store.block(key)?.ok_or(missing(key))?;
        Ok(rows_of(&block, T::ROW_BYTES.saturating_add(8)))
    }

    /// How many blocks its directory has.
    pub(crate) const fn directory_blocks(&self) -> u64 {
        self.directory_blocks
    }

    /// Every row that begins so.
    pub(crate) fn find<T: Table>(
        &self,
        prefix: &[u8],
        store: &impl Store,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let entry_bytes = T::ROW_BYTES.saturating_add(8);
        // The last block of the directory, and in it the last block, that begins before such rows do.
        let (mut low, mut high) = (0_u64, self.directory_blocks);
        while low.saturating_add(1) < high {
            let middle = low.midpoint(high);
            let entries = self.directory::<T>(middle, store)?;
            let is_before = entries.get(..prefix.len()).is_some_and(|first| first < prefix);
            (low, high) = if is_before { (middle, high) } else { (low, middle) };
        }
        let before = low.saturating_mul(entries_a_block::<T>());
        let entries = self.directory::<T>(low, store)?;
        let within = entries.chunks_exact(entry_bytes).take_while(|entry| *entry < prefix).count();
        let within = u64::try_from(within).unwrap_or(0);
        let mut index = before.saturating_add(within).saturating_sub(1);
        let mut found = Vec::new();
        while index < self.blocks {
            let rows = self.block::<T>(index, store)?;
            if rows.is_empty() {
                break;
            }
            for row in rows.chunks_exact(T::ROW_BYTES) {
                if row.starts_with(prefix) {
                    found.push(row.to_vec());
                } else if row > prefix {
                    return Ok(found);
                }
            }
            index = index.saturating_add(1);
        }
        Ok(found)
    }
}

/// A block that a manifest names and that is not there.
const fn missing(key: BlockKey) -> StoreError {
    StoreError::Damaged { what: Damage::Block(key) }
}

/// The rows of a block, one after the other; as many as the bytes make.
pub(super) fn rows_of(bytes: &[u8], row_bytes: usize) -> Vec<u8> {
    let mut rows: Vec<u8> = Vec::with_capacity(bytes.len().saturating_mul(2));
    let mut rest = bytes;
    while let Some((shared, after)) = rest.split_first() {
        let shared = usize::from(*shared);
        let Some((own, after)) =
            row_bytes.checked_sub(shared).and_then(|own| after.split_at_checked(own))
        else {
            break;
        };
        match rows.len().checked_sub(row_bytes) {
            Some(last) => rows.extend_from_within(last..last.saturating_add(shared)),
            None if shared > 0 => break,
            None => {}
        }
        rows.extend_from_slice(own);
        rest = after;
    }
    rows
}

/// How many entries a block of a directory has, but for the last: as many as fit whatever they share.
pub(super) const fn entries_a_block<T: Table>() -> u64 {
    let entry = T::ROW_BYTES + 8 + 1;
    (BLOCK_BYTES_MAX / entry) as u64
}
