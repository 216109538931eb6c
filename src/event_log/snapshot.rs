//! Snapshots: what is derived from the events and kept beside them, so that questions are answered by looking up.
//!
//! They are two tables, of names (`names`) and of statements (`statements`). They grow with long
//! appends, and a snapshot carries them on to the last event. The same events give the same rows, wherever and whenever
//! they are derived, so a hash of them tells whether two copies of a log mean the same. `verify` derives every row once
//! more, and compares; an erasure takes the tables away, and they are derived anew.

use super::names::NameTable;
use super::runs::{Merge, Runs, Table};
use super::statements::{self, StatementTable};
use super::{EventLog, OpenError};
use crate::record::link::Link;
use crate::replay::REDUCER_VERSION;
use crate::store::{Store, StoreError};

/// A snapshot that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// How many events the log had.
    pub size: u64,
    /// The link of the last of them.
    pub link: Link,
    /// The version of the rules.
    pub reducer: i64,
    /// The BLAKE3 hash of all rows, in order.
    pub blake3: blake3::Hash,
    /// How many bytes the rows have.
    pub bytes: u64,
}

/// How many events, from the first on, the tables beside a log are derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The table of names.
    pub names: u64,
    /// The table of statements.
    pub statements: u64,
}

/// How far the tables in a store reach, by what they say of themselves.
pub fn reach(store: &impl Store) -> Result<Reach, StoreError> {
    let size = store.head()?.size;
    let names = Runs::<NameTable>::read(store, size)?.size();
    let statements = Runs::<StatementTable>::read(store, size)?.size();
    Ok(Reach { names, statements })
}

/// Takes away what is derived from a store's events, so that it is derived anew.
pub fn forget(store: &mut impl Store) -> Result<(), StoreError> {
    Runs::<NameTable>::remove(store)?;
    Runs::<StatementTable>::remove(store)
}

impl<S: Store> EventLog<S> {
    /// Carries what is derived from the events on to the last of them, and keeps it; `progress` is told how far it is.
    pub fn keep_snapshot(&mut self, progress: &mut dyn FnMut(u64)) -> Result<Snapshot, OpenError> {
        self.settle()?;
        self.unsettled = true;
        self.names.keep_all(&mut self.store)?;
        self.unsettled = false;
        let mut table = Runs::<StatementTable>::read(&self.store, self.head.size)?;
        statements::catch_up(&mut table, &mut self.store, self.head.size, progress)?;
        let mut hasher = blake3::Hasher::new();
        let names = Runs::<NameTable>::read(&self.store, self.head.size)?;
        let bytes = hash_rows(&names, &self.store, &mut hasher)?.saturating_add(hash_rows(
            &table,
            &self.store,
            &mut hasher,
        )?);
        Ok(Snapshot {
            size: self.head.size,
            link: Link(self.head.link),
            reducer: REDUCER_VERSION,
            blake3: hasher.finalize(),
            bytes,
        })
    }
}

fn hash_rows<T: Table>(
    table: &Runs<T>,
    store: &impl Store,
    hasher: &mut blake3::Hasher,
) -> Result<u64, StoreError> {
    let mut merge = Merge::<T>::new(table.runs(), store)?;
    let mut bytes = 0_u64;
    while let Some(row) = merge.next(store)? {
        hasher.update(row);
        bytes = bytes.saturating_add(u64::try_from(row.len()).unwrap_or(0));
    }
    Ok(bytes)
}
