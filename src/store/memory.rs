//! A store in memory: the model that other stores are compared with, and what tests and examples use.

use std::collections::BTreeMap;

use super::{Change, Head, Part, Removal, Store, StoreError, StoredEvent, TreePiece, check_next};

/// Keeps everything until it is dropped; nothing of it is durable.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    events: Vec<StoredEvent>,
    link: [u8; 32],
    blobs: BTreeMap<String, Vec<u8>>,
    tree: BTreeMap<(u8, u64), Vec<u8>>,
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

    fn append(&mut self, change: Change<'_>) -> Result<(), StoreError> {
        check_next(change)?;
        let (expected, found) = (change.expected, self.head()?);
        if found != expected {
            return Err(StoreError::Conflict { expected, found });
        }
        self.events.extend_from_slice(change.events);
        for TreePiece { level, index, hashes } in change.tree {
            self.tree.insert((*level, *index), hashes.clone());
        }
        self.link = change.next.link;
        Ok(())
    }

    fn remove(&mut self, removal: Removal<'_>, change: Change<'_>) -> Result<(), StoreError> {
        self.append(change)?;
        for (seq, event) in (0_u64..).zip(&mut self.events) {
            if removal.parts_of.contains(&seq) {
                event.payload = Part::Absent;
                event.sealed = event.sealed.as_ref().map(|_| Part::Absent);
            }
        }
        self.blobs.retain(|name, _| removal.kept_blobs.contains(name));
        Ok(())
    }

    fn tree_piece(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tree.get(&(level, index)).cloned())
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
