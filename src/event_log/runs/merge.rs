//! Several runs read as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::marker::PhantomData;

use super::Table;
use super::run::Run;
use crate::store::{Store, StoreError};

/// The rows of several runs as one sorted row of them.
pub(crate) struct Merge<T> {
    sources: Vec<Source>,
    /// The next row of each, and the place of its run; the least first.
    next: BinaryHeap<(Reverse<Vec<u8>>, usize)>,
    row: Vec<u8>,
    table: PhantomData<T>,
}

impl<T: Table> Merge<T> {
    /// All rows of these runs.
    pub(crate) fn new(runs: &[Run], store: &impl Store) -> Result<Self, StoreError> {
        let begin = |run: &Run| Source { run: *run, next_block: 0, rows: Vec::new(), at: 0 };
        let mut sources: Vec<Source> = runs.iter().map(begin).collect();
        let mut next = BinaryHeap::new();
        for (place, source) in sources.iter_mut().enumerate() {
            source.fill::<T>(store)?;
            if !source.row::<T>().is_empty() {
                next.push((Reverse(source.row::<T>().to_vec()), place));
            }
        }
        Ok(Self { sources, next, row: Vec::new(), table: PhantomData })
    }

    /// The next row.
    pub(crate) fn next(&mut self, store: &impl Store) -> Result<Option<&[u8]>, StoreError> {
        let Some(mut least) = self.next.peek_mut() else { return Ok(None) };
        let (Reverse(row), place) = &mut *least;
        row.clone_into(&mut self.row);
        let Some(source) = self.sources.get_mut(*place) else { return Ok(None) };
        source.at = source.at.saturating_add(T::ROW_BYTES);
        source.fill::<T>(store)?;
        if source.row::<T>().is_empty() {
            PeekMut::pop(least);
        } else {
            source.row::<T>().clone_into(row);
        }
        Ok(Some(&self.row))
    }
}

/// What is left of one run.
struct Source {
    run: Run,
    next_block: u64,
    rows: Vec<u8>,
    at: usize,
}

impl Source {
    /// The next row; nothing at the end.
    fn row<T: Table>(&self) -> &[u8] {
        self.rows.get(self.at..self.at.saturating_add(T::ROW_BYTES)).unwrap_or_default()
    }

    fn fill<T: Table>(&mut self, store: &impl Store) -> Result<(), StoreError> {
        while self.row::<T>().is_empty() && self.next_block < self.run.blocks {
            self.rows = self.run.block::<T>(self.next_block, store)?;
            self.at = 0;
            // No block is empty: where one is not there, the run ends, whatever the manifest says.
            let ended = self.rows.is_empty();
            self.next_block =
                if ended { self.run.blocks } else { self.next_block.saturating_add(1) };
        }
        Ok(())
    }
}
