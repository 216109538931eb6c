//! A store in memory: the model that other stores are compared with, and what tests and examples use.

use std::collections::{BTreeMap, BTreeSet};

use super::bundle::{self, BUNDLE_EVENTS};
use super::{
    BlockKey, Change, Damage, Events, Head, Part, Removal, Store, StoreError, StoredEvent,
    TreePiece, check_next,
};

/// Keeps everything until it is dropped; nothing of it is durable.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    events: Vec<StoredEvent>,
    /// What was staged, from the end of the last full bundle on.
    staged: Vec<StoredEvent>,
    link: [u8; 32],
    blobs: BTreeMap<String, Vec<u8>>,
    /// Those that were staged and were not there before.
    staged_blobs: BTreeSet<String>,
    tree: BTreeMap<(u8, u64), Vec<u8>>,
    blocks: BTreeMap<BlockKey, Vec<u8>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events lie in full bundles.
    fn sealed(&self) -> usize {
        let bundle = usize::try_from(BUNDLE_EVENTS).unwrap_or(usize::MAX);
        let tail = self.events.len().checked_rem(bundle).unwrap_or(0);
        self.events.len().saturating_sub(tail)
    }

    /// How many events there are with those that are staged; `None` if none is.
    fn staged_size(&self) -> Option<u64> {
        let all = self.sealed().saturating_add(self.staged.len());
        (!self.staged.is_empty()).then(|| u64::try_from(all).unwrap_or(u64::MAX))
    }
}

impl Store for MemoryStore {
    fn head(&self) -> Result<Head, StoreError> {
        let size = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        Ok(Head { size, link: self.link })
    }

    fn append(&mut self, change: Change<'_>) -> Result<(), StoreError> {
        check_next(change, self.staged_size())?;
        let (expected, found) = (change.expected, self.head()?);
        if found != expected {
            return Err(StoreError::Conflict { expected, found });
        }
        if !self.staged.is_empty() {
            self.events.truncate(self.sealed());
            self.events.append(&mut self.staged);
        }
        self.events.extend_from_slice(change.events);
        for TreePiece { level, index, hashes } in change.tree {
            self.tree.insert((*level, *index), hashes.clone());
        }
        self.link = change.next.link;
        self.staged_blobs.clear();
        Ok(())
    }

    fn stage(&mut self, bundle: Vec<u8>, tree: Vec<TreePiece>) -> Result<(), StoreError> {
        let damaged = StoreError::Damaged { what: Damage::Event(self.staged_size().unwrap_or(0)) };
        self.staged.extend(bundle::decode(&bundle).ok_or(damaged)?.to_stored());
        for TreePiece { level, index, hashes } in tree {
            self.tree.insert((level, index), hashes);
        }
        Ok(())
    }

    fn stage_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        if self.blobs.insert(name.to_owned(), bytes.to_vec()).is_none() {
            self.staged_blobs.insert(name.to_owned());
        }
        Ok(())
    }

    fn unstage(&mut self) -> Result<(), StoreError> {
        self.staged.clear();
        for name in std::mem::take(&mut self.staged_blobs) {
            self.blobs.remove(&name);
        }
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
        self.blocks.clear();
        self.blobs.retain(|name, _| removal.kept_blobs.contains(name));
        Ok(())
    }

    fn tree_piece(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tree.get(&(level, index)).cloned())
    }

    fn events(&self, from: u64) -> Result<Events, StoreError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let bundle = usize::try_from(BUNDLE_EVENTS).unwrap_or(usize::MAX);
        let room = bundle.saturating_sub(from.checked_rem(bundle).unwrap_or(0));
        let kept = if self.staged.is_empty() { self.events.len() } else { self.sealed() };
        let all = self.events.iter().take(kept).chain(&self.staged);
        let events: Vec<_> = all.skip(from).take(room).cloned().collect();
        Ok(Events::from_stored(&events))
    }

    fn put_block(&mut self, key: BlockKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.blocks.insert(key, bytes.to_vec());
        Ok(())
    }

    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.blocks.get(&key).cloned())
    }

    fn remove_blocks(&mut self, table: u8, run: u64) -> Result<(), StoreError> {
        self.blocks.retain(|key, _| (key.table, key.run) != (table, run));
        Ok(())
    }

    fn put_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.blobs.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.blobs.get(name).cloned())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
