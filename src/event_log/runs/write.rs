//! Writing a run: rows into blocks, and of each block an entry in the directory.

use std::marker::PhantomData;

use super::Table;
use super::run::{Run, entries_a_block};
use crate::store::{BLOCK_BYTES_MAX, BlockKey, Store, StoreError};

/// Writes one run.
pub(super) struct Writer<T> {
    run: Run,
    block: BlockWriter,
    directory: BlockWriter,
    least: u64,
    first: Vec<u8>,
    table: PhantomData<T>,
}

impl<T: Table> Writer<T> {
    pub(super) const fn new(id: u64) -> Self {
        Self {
            run: Run { id, rows: 0, blocks: 0, directory_blocks: 0 },
            block: BlockWriter::new(),
            directory: BlockWriter::new(),
            least: u64::MAX,
            first: Vec::new(),
            table: PhantomData,
        }
    }

    pub(super) fn push(&mut self, row: &[u8], store: &mut impl Store) -> Result<(), StoreError> {
        if !self.block.has_room(row) {
            self.close_block(store)?;
        }
        if self.block.is_empty() {
            self.first = row.to_vec();
        }
        self.block.push(row);
        self.least = self.least.min(T::measure(row));
        self.run.rows = self.run.rows.saturating_add(1);
        Ok(())
    }

    fn close_block(&mut self, store: &mut impl Store) -> Result<(), StoreError> {
        let key = BlockKey { table: T::NUMBER, run: self.run.id, index: self.run.blocks };
        store.put_block(key, &self.block.take())?;
        self.run.blocks = self.run.blocks.saturating_add(1);
        let mut entry = std::mem::take(&mut self.first);
        entry.extend_from_slice(&self.least.to_be_bytes());
        self.least = u64::MAX;
        self.directory.push(&entry);
        if self.run.blocks.is_multiple_of(entries_a_block::<T>()) {
            self.close_directory(store)?;
        }
        Ok(())
    }

    fn close_directory(&mut self, store: &mut impl Store) -> Result<(), StoreError> {
        let (run, index) = (self.run.id, self.run.directory_blocks);
        let key = BlockKey { table: T::NUMBER + 1, run, index };
        store.put_block(key, &self.directory.take())?;
        self.run.directory_blocks = index.saturating_add(1);
        Ok(())
    }

    pub(super) fn finish(mut self, store: &mut impl Store) -> Result<Run, StoreError> {
        if !self.block.is_empty() {
            self.close_block(store)?;
        }
        if !self.directory.is_empty() {
            self.close_directory(store)?;
        }
        Ok(self.run)
    }
}

/// Rows as they lie in a block: how many bytes each shares with the one before it, and the rest.
struct BlockWriter {
    bytes: Vec<u8>,
    last: Vec<u8>,
}

impl BlockWriter {
    const fn new() -> Self {
        Self { bytes: Vec::new(), last: Vec::new() }
    }

    const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn has_room(&self, row: &[u8]) -> bool {
        self.bytes.len().saturating_add(row.len()) < BLOCK_BYTES_MAX
    }

    fn push(&mut self, row: &[u8]) {
        let shared = self.last.iter().zip(row).take_while(|(a, b)| a == b).count();
        self.bytes.push(u8::try_from(shared).unwrap_or(0));
        self.bytes.extend(row.iter().skip(shared));
        row.clone_into(&mut self.last);
    }

    fn take(&mut self) -> Vec<u8> {
        self.last.clear();
        std::mem::take(&mut self.bytes)
    }
}
