//! A store one of whose writes goes wrong, counted from 0; as it is met on disks that are full, torn out, or dying.

use std::io;

use demarche::store::{BlockKey, Change, Events, Head, Removal, Store, StoreError, TreePiece};

/// What becomes of the write that goes wrong, which is reported as failed; but for the last that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing of it is kept.
    Lost,
    /// All of it is kept.
    Kept,
    /// All of it is kept, and said to be.
    Last,
}

/// A store one of whose writes goes wrong.
#[derive(Debug)]
pub(crate) struct Faulty<S> {
    pub(crate) store: S,
    /// The writes so far, by name.
    pub(crate) names: Vec<&'static str>,
    at: usize,
    fault: Fault,
    /// Whether everything after it fails, too, reading included.
    for_good: bool,
    broken: bool,
}

impl<S> Faulty<S> {
    /// A store whose write of this number goes wrong.
    pub(crate) const fn new(store: S, at: usize, fault: Fault, for_good: bool) -> Self {
        Self { store, names: Vec::new(), at, fault, for_good, broken: false }
    }

    /// A store whose writes are only counted.
    pub(crate) const fn counting(store: S) -> Self {
        Self::new(store, usize::MAX, Fault::Lost, false)
    }

    /// From now on nothing goes wrong.
    pub(crate) const fn mend(&mut self) {
        (self.at, self.broken) = (usize::MAX, false);
    }

    fn write(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&mut S) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.works()?;
        let now = self.names.len() == self.at;
        self.names.push(name);
        if !now {
            return write(&mut self.store);
        }
        self.broken = self.for_good;
        if self.fault != Fault::Lost {
            write(&mut self.store)?;
        }
        if self.fault == Fault::Last { Ok(()) } else { Err(full()) }
    }

    fn works(&self) -> Result<&S, StoreError> {
        if self.broken { Err(full()) } else { Ok(&self.store) }
    }
}

fn full() -> StoreError {
    StoreError::Io { path: "the disk".into(), error: io::Error::other("it is full") }
}

impl<S: Store> Store for Faulty<S> {
    fn head(&self) -> Result<Head, StoreError> {
        self.works()?.head()
    }
    fn append(&mut self, change: Change<'_>) -> Result<(), StoreError> {
        self.write("append", |store| store.append(change))
    }
    fn stage(&mut self, bundle: Vec<u8>, tree: Vec<TreePiece>) -> Result<(), StoreError> {
        self.write("stage", |store| store.stage(bundle, tree))
    }
    fn stage_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write("stage_blob", |store| store.stage_blob(name, bytes))
    }
    fn unstage(&mut self) -> Result<(), StoreError> {
        self.write("unstage", S::unstage)
    }
    fn remove(&mut self, removal: Removal<'_>, change: Change<'_>) -> Result<(), StoreError> {
        self.write("remove", |store| store.remove(removal, change))
    }
    fn tree_piece(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.works()?.tree_piece(level, index)
    }
    fn events(&self, from: u64) -> Result<Events, StoreError> {
        self.works()?.events(from)
    }
    fn events_before(&self, from: u64, end: u64) -> Result<Events, StoreError> {
        self.works()?.events_before(from, end)
    }
    fn put_block(&mut self, key: BlockKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.write("put_block", |store| store.put_block(key, bytes))
    }
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.works()?.block(key)
    }
    fn remove_blocks(&mut self, table: u8, run: u64) -> Result<(), StoreError> {
        self.write("remove_blocks", |store| store.remove_blocks(table, run))
    }
    fn put_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.write("put_blob", |store| store.put_blob(name, bytes))
    }
    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.works()?.blob(name)
    }
    fn sync(&mut self) -> Result<(), StoreError> {
        self.write("sync", S::sync)
    }
}
