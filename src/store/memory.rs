//! A store in memory: the model that other stores are compared with, and what tests and examples use.

use std::collections::BTreeMap;

use super::{Head, Store, StoreError, StoredEvent, check_next};

/// Keeps everything until it is dropped; nothing of it is durable.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    events: Vec<StoredEvent>,
    link: [u8; 32],
    blobs: BTreeMap<String, Vec<u8>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn head(&self) -> Result<Head, StoreError> {
        let size = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        Ok(Head { size, link: self.link })
    }

    fn append(
        &mut self,
        expected: Head,
        batch: &[StoredEvent],
        next: Head,
    ) -> Result<(), StoreError> {
        check_next(expected, batch, next)?;
        let found = self.head()?;
        if found != expected {
            return Err(StoreError::Conflict { expected, found });
        }
        self.events.extend_from_slice(batch);
        self.link = next.link;
        Ok(())
    }

    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.events.iter().skip(from).take(limit).cloned().collect())
    }

    fn put_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.blobs.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.blobs.get(name).cloned())
    }
}
