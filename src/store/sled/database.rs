//! One database of sled's: its trees, what is written to them, and how that becomes durable.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};
use sled::{Batch, Db, IVec, Tree};

use super::chunks::{
    Chunks, ENDS, blob_chunk_key, blob_key, block_key, bundle_chunks, chunk_key, chunks,
    decode_head, encode_head, event_key, read_chunks, spaced, tree_key,
};
use super::files::{
    WAIT_MIN, make_directory, refuse_links, remove_unfinished, restrict_files, sync_data,
    sync_path, waiting,
};
use super::panics::catching;
use super::{
    BlockKey, Change, Damage, Events, Head, Part, Removal, StoreError, TreePiece, bundle, codec,
};
use crate::store::bundle::BUNDLE_EVENTS;
use crate::store::regular;

/// sled's page cache, in bytes.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// How many entries are copied, or taken away, at a time.
const ENTRIES_AT_A_TIME: usize = 256;
/// How often more than once a value is asked for, to bound what sled holds in memory.
const ASKED_AGAIN: usize = 7;
/// The same, of a block, eight of which share a leaf.
const BLOCK_ASKED_AGAIN: usize = 3;
/// How many bundles are written together at most, and how many bytes of them are enough.
const WRITTEN_TOGETHER: usize = 64;
const WRITTEN_BYTES: usize = 8 * 1024 * 1024;
/// The layout of keys and values that this adapter writes.
pub const LAYOUT: &str = "3";

/// The tree of the head and the layout.
const META: &[u8] = b"meta";
const HEAD_KEY: &[u8] = b"head";
const LAYOUT_KEY: &[u8] = b"layout";
/// The head of the log whose place a store was made to take.
const LOST_KEY: &[u8] = b"lost";
/// Stands before the hash of the name of a blob that was staged; the value is the head that its append found.
const STAGED_BLOB: &[u8] = b"blob ";

/// An open database of sled's.
#[derive(Debug)]
pub(super) struct Database {
    db: Db,
    /// The events after the last full bundle, one key each.
    tail: Tree,
    /// Full bundles, compressed.
    bundles: Tree,
    tree: Tree,
    blobs: Tree,
    blocks: Tree,
    meta: Tree,
    /// sled's own file, opened once more so that it can be synced.
    file: File,
    path: PathBuf,
}

impl Database {
    /// Makes a database, its directory and its layout, but no head.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        make_directory(path)?;
        let database = Self::open(path)?;
        guarded(|| {
            for end in 0..ENDS {
                database.bundles.insert(chunk_key(u64::MAX, end), &[])?;
            }
            Ok(database.meta.insert(LAYOUT_KEY, LAYOUT)?)
        })?;
        Ok(database)
    }

    /// Opens a database that must have this program's layout.
    pub(super) fn open_known(path: &Path) -> Result<Self, StoreError> {
        guarded(|| waiting(WAIT_MIN, || Self::open(path))?.of_this_layout())
    }

    fn of_this_layout(self) -> Result<Self, StoreError> {
        match self.meta.get(LAYOUT_KEY)? {
            Some(layout) if layout == LAYOUT.as_bytes() => {
                // sled writes a new file of its own at each opening.
                restrict_files(&self.path)?;
                Ok(self)
            }
            Some(other) => {
                let found = String::from_utf8_lossy(&other).into_owned();
                Err(StoreError::Layout { found, supported: LAYOUT })
            }
            None => Err(StoreError::Damaged { what: Damage::Head }),
        }
    }

    fn open(path: &Path) -> Result<Self, StoreError> {
        let config =
            sled::Config::new().path(path).flush_every_ms(None).cache_capacity(CACHE_BYTES);
        if path.is_dir() {
            refuse_links(path)?;
        }
        remove_unfinished(path)?;
        // Opening, sled writes a snapshot, which must not be durable before what it tells of.
        let data = path.join("db");
        if let Ok(written) = regular::open_own(&data) {
            sync_data(&written, &data)?;
        }
        let opened = catching(|| -> Result<_, sled::Error> {
            let db = config.open()?;
            // Another program's has no such tree, and is given none.
            if db.was_recovered() && !db.tree_names().iter().any(|name| name == META) {
                return Ok(None);
            }
            let trees = [&b"tail"[..], b"bundles", b"tree", b"blobs", b"blocks", META];
            let [tail, bundles, tree, blobs, blocks, meta] = trees.map(|name| db.open_tree(name));
            Ok(Some((db, (tail?, bundles?, tree?, blobs?, blocks?, meta?))))
        })?;
        let (db, (tail, bundles, tree, blobs, blocks, meta)) = match opened {
            Ok(Some(opened)) => opened,
            Ok(None) => return Err(StoreError::Damaged { what: Damage::Head }),
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                return Err(StoreError::Locked { path: path.to_owned(), holder: None });
            }
            Err(error) => return Err(error.into()),
        };
        let file = File::open(&data).map_err(|error| StoreError::Io { path: data, error })?;
        restrict_files(path)?;
        Ok(Self { db, tail, bundles, tree, blobs, blocks, meta, file, path: path.to_owned() })
    }

    /// Its directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn head(&self) -> Result<Head, StoreError> {
        let bytes = guarded(|| Ok(self.meta.get(HEAD_KEY)?))?;
        bytes
            .and_then(|bytes| decode_head(&bytes))
            .ok_or(StoreError::Damaged { what: Damage::Head })
    }

    pub(super) fn set_head(&self, head: Head) -> Result<(), StoreError> {
        guarded(|| Ok(self.meta.insert(HEAD_KEY, &encode_head(head)[..])?)).map(drop)
    }

    /// The head that was acknowledged where the store was made, whose log was gone by then.
    pub(super) fn takes_place_of(&self) -> Result<Option<Head>, StoreError> {
        let bytes = guarded(|| Ok(self.meta.get(LOST_KEY)?))?;
        Ok(bytes.and_then(|bytes| decode_head(&bytes)))
    }

    pub(super) fn set_takes_place_of(&self, lost: Head) -> Result<(), StoreError> {
        guarded(|| Ok(self.meta.insert(LOST_KEY, &encode_head(lost)[..])?)).map(drop)
    }

    /// Makes every file and directory of a new database durable, and readable by its owner alone.
    pub(super) fn sync_whole(&self) -> Result<(), StoreError> {
        self.sync()?;
        restrict_files(&self.path)?;
        for file in ["conf", "db"] {
            sync_path(&self.path.join(file))?;
        }
        for directory in [self.path.join("blobs"), self.path.clone()] {
            if directory.exists() {
                sync_path(&directory)?;
            }
        }
        Ok(())
    }

    /// Makes everything written so far durable.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        guarded(|| {
            self.db.flush()?;
            Ok(())
        })?;
        sync_data(&self.file, &self.path.join("db"))
    }

    /// Removes what an abandoned write left above the head.
    pub(super) fn remove_abandoned(&self) -> Result<(), StoreError> {
        let head = self.head()?;
        remove_from(&self.tail, event_key(head.size, 0)..)?;
        let first = chunk_key(head.size / BUNDLE_EVENTS, 0);
        remove_from(&self.bundles, first..chunk_key(u64::MAX, 0))?;
        self.remove_staged_blobs(head)
    }

    /// Removes the blobs of an append that did not come; those of one that did are no longer noted.
    fn remove_staged_blobs(&self, head: Head) -> Result<(), StoreError> {
        while let Some((key, found)) =
            guarded(|| Ok(self.meta.scan_prefix(STAGED_BLOB).next().transpose()?))?
        {
            let name_hash = key.get(STAGED_BLOB.len()..).unwrap_or_default();
            if decode_head(&found) == Some(head) {
                let chunk = |index| blob_chunk_key(name_hash, index);
                remove_from(&self.blobs, chunk(0)..=chunk(u32::MAX))?;
            }
            guarded(|| Ok(self.meta.remove(&key)?))?;
        }
        Ok(())
    }

    /// The events from number `from` on, to the end of their bundle or to `size`; of those that are in no bundle, at most
    /// up to `end`.
    pub(super) fn events(&self, from: u64, size: u64, end: u64) -> Result<Events, StoreError> {
        let bundle = from / BUNDLE_EVENTS;
        if bundle < size / BUNDLE_EVENTS {
            let events = self.bundle(bundle)?;
            let skipped = usize::try_from(from % BUNDLE_EVENTS).unwrap_or(usize::MAX);
            return Ok(events.without_first(skipped));
        }
        let mut events = Events::default();
        for seq in from..size.min(end) {
            let event =
                read_chunks(|chunk| guarded(|| Ok(self.tail.get(event_key(seq, chunk))?)))?;
            match event {
                Chunks::Whole(bytes) => {
                    let event = codec::decode(&bytes);
                    let event = event.ok_or(StoreError::Damaged { what: Damage::Event(seq) })?;
                    events.push(event.as_ref());
                }
                Chunks::None => {
                    return Err(StoreError::Damaged { what: Damage::EventMissing(seq) });
                }
                Chunks::CutShort => return Err(StoreError::Damaged { what: Damage::Event(seq) }),
            }
        }
        Ok(events)
    }

    /// A full bundle, whether below the head or staged above it.
    pub(super) fn bundle(&self, bundle: u64) -> Result<Events, StoreError> {
        let first = bundle.saturating_mul(BUNDLE_EVENTS);
        let bytes = self.bundle_bytes(bundle)?;
        let damaged = |what| StoreError::Damaged { what };
        let bytes = match bytes {
            Chunks::Whole(bytes) => bytes,
            Chunks::None => return Err(damaged(Damage::EventMissing(first))),
            Chunks::CutShort => return Err(damaged(Damage::Event(first))),
        };
        let events = bundle::decode(&bytes).ok_or_else(|| damaged(Damage::Event(first)))?;
        if u64::try_from(events.len()) != Ok(BUNDLE_EVENTS) {
            return Err(damaged(Damage::Event(first)));
        }
        Ok(events)
    }

    fn bundle_bytes(&self, bundle: u64) -> Result<Chunks, StoreError> {
        guarded(|| {
            read_chunks(|chunk| {
                let key = chunk_key(bundle, chunk);
                // sled looks for what its cache can let go of once it was asked often enough, and would hold thousands
                // of pages until then.
                for _ in 0..ASKED_AGAIN {
                    self.bundles.get(key)?;
                }
                Ok(self.bundles.get(key)?)
            })
        })
    }

    /// Writes full bundles where nobody sees them before the head is above them, and pieces of the tree.
    pub(super) fn put_bundles(
        &self,
        bundles: &BTreeMap<u64, Vec<u8>>,
        tree: &[TreePiece],
    ) -> Result<(), StoreError> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (bundle, bytes) in bundles {
            for (chunk, bytes) in bundle_chunks(bytes) {
                keys.extend(spaced(*bundle, chunk));
                values.push((chunk_key(*bundle, chunk), bytes));
            }
        }
        put_once(&self.bundles, &keys, &values)?;
        let mut writes = Batch::default();
        for piece in tree {
            put_piece(&mut writes, piece);
        }
        guarded(|| Ok(self.tree.apply_batch(writes)?))
    }

    /// Appends events above the head, or above `staged` if bundles up to there were written already.
    pub(super) fn append(&self, change: Change<'_>, staged: Option<u64>) -> Result<(), StoreError> {
        let Change { expected, events, tree, next } = change;
        let found = self.head()?;
        if found != expected {
            return Err(StoreError::Conflict { expected, found });
        }
        let (old_tail, new_tail) = (tail_start(expected.size), tail_start(next.size));
        let mut rest = events;
        let mut first = staged.unwrap_or(expected.size);
        let mut gathered = match staged {
            None if new_tail > old_tail => self.events(old_tail, expected.size, u64::MAX)?,
            _ => Events::default(),
        };
        let mut sealed: Option<(u64, Vec<u8>)> = None;
        while first < new_tail {
            let bundle = first / BUNDLE_EVENTS;
            let end = bundle.saturating_add(1).saturating_mul(BUNDLE_EVENTS);
            let room = usize::try_from(end.saturating_sub(first)).unwrap_or(usize::MAX);
            let (these, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            for event in these {
                gathered.push(event.as_ref());
            }
            (rest, first) = (later, end);
            // All but the last go ahead, where nobody sees them; the last is sealed with the head.
            if let Some(before) = sealed.replace((bundle, bundle::encode(&gathered))) {
                self.put_bundles(&BTreeMap::from([before]), &[])?;
            }
            gathered = Events::default();
        }
        let (mut tail, mut bundles, mut pieces) =
            (Batch::default(), Batch::default(), Batch::default());
        if new_tail > old_tail {
            for seq in old_tail..expected.size {
                for key in self.tail_keys(seq)? {
                    tail.remove(&key[..]);
                }
            }
        }
        for (seq, event) in (first..).zip(rest) {
            put_chunks(&mut tail, |chunk| event_key(seq, chunk), &codec::encode(event));
        }
        if let Some((bundle, bytes)) = &sealed {
            for (chunk, bytes) in bundle_chunks(bytes) {
                spaced(*bundle, chunk).for_each(|key| bundles.insert(&key, &[]));
                bundles.insert(&chunk_key(*bundle, chunk), bytes);
            }
        }
        for piece in tree {
            put_piece(&mut pieces, piece);
        }
        let moved = guarded(|| {
            let trees = (&self.tail, &self.bundles, &self.tree, &self.meta);
            Ok(trees.transaction(|(in_tail, in_bundles, in_tree, meta)| {
                let found = meta.get(HEAD_KEY)?.and_then(|bytes| decode_head(&bytes));
                if found != Some(expected) {
                    return Err(ConflictableTransactionError::Abort(found));
                }
                in_tail.apply_batch(&tail)?;
                in_bundles.apply_batch(&bundles)?;
                in_tree.apply_batch(&pieces)?;
                meta.insert(HEAD_KEY, &encode_head(next)[..])?;
                Ok(())
            }))
        })?;
        match moved {
            Ok(()) => self.sync(),
            Err(TransactionError::Abort(Some(found))) => {
                Err(StoreError::Conflict { expected, found })
            }
            Err(TransactionError::Abort(None)) => Err(StoreError::Damaged { what: Damage::Head }),
            Err(TransactionError::Storage(error)) => Err(error.into()),
        }
    }

    /// The keys of an event of the tail, one a chunk.
    fn tail_keys(&self, seq: u64) -> Result<Vec<[u8; 12]>, StoreError> {
        guarded(|| {
            let mut keys = Vec::new();
            for key in (0_u32..).map(|chunk| event_key(seq, chunk)) {
                if !self.tail.contains_key(key)? {
                    break;
                }
                keys.push(key);
            }
            Ok(keys)
        })
    }

    pub(super) fn tree_piece(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let piece = guarded(|| Ok(self.tree.get(tree_key(level, index))?))?;
        Ok(piece.map(|piece| piece.to_vec()))
    }

    pub(super) fn put_blocks(
        &self,
        blocks: &BTreeMap<BlockKey, Vec<u8>>,
    ) -> Result<(), StoreError> {
        let block = |(key, bytes): (&BlockKey, &Vec<u8>)| (block_key(*key), bytes.clone());
        let blocks: Vec<_> = blocks.iter().map(block).collect();
        let keys: Vec<_> = blocks.iter().map(|(key, _)| *key).collect();
        put_once(&self.blocks, &keys, &blocks)
    }

    pub(super) fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StoreError> {
        let key = block_key(key);
        let block = guarded(|| {
            for _ in 0..BLOCK_ASKED_AGAIN {
                self.blocks.get(key)?;
            }
            Ok(self.blocks.get(key)?)
        })?;
        Ok(block.map(|block| block.to_vec()))
    }

    /// Takes away every block of a run.
    pub(super) fn remove_blocks(&self, table: u8, run: u64) -> Result<(), StoreError> {
        let key = |index| block_key(BlockKey { table, run, index });
        remove_from(&self.blocks, key(0)..=key(u64::MAX))
    }

    /// Writes a blob and, if it is new, notes that it is of the append to come.
    pub(super) fn stage_blob(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let head = self.head()?;
        guarded(|| {
            if !self.blobs.contains_key(blob_key(name, 0))? {
                let name_hash = blake3::hash(name.as_bytes());
                let key = [STAGED_BLOB, name_hash.as_bytes()].concat();
                self.meta.insert(key, &encode_head(head)[..])?;
            }
            Ok(())
        })?;
        self.put_blob(name, bytes)
    }

    pub(super) fn put_blob(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut chunks = chunks(bytes).peekable();
        while chunks.peek().is_some() {
            let mut writes = Batch::default();
            for (chunk, bytes) in chunks.by_ref().take(ENTRIES_AT_A_TIME) {
                writes.insert(&blob_key(name, chunk)[..], bytes);
            }
            guarded(|| Ok(self.blobs.apply_batch(writes)?))?;
        }
        Ok(())
    }

    pub(super) fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let chunk = |index| Ok(self.blobs.get(blob_key(name, index))?);
        match guarded(|| read_chunks(chunk))? {
            Chunks::Whole(bytes) => Ok(Some(bytes)),
            Chunks::None => Ok(None),
            Chunks::CutShort => Err(StoreError::Damaged { what: Damage::Blob(name.to_owned()) }),
        }
    }

    /// Copies everything but what is removed, and what is derived from it, into a new database.
    pub(super) fn copy_without(&self, removal: Removal<'_>, new: &Self) -> Result<(), StoreError> {
        let head = self.head()?;
        let tail = tail_start(head.size);
        let gone = |from: u64, to: u64| removal.parts_of.range(from..to).next().is_some();
        let mut copied = BTreeMap::new();
        for bundle in 0..tail / BUNDLE_EVENTS {
            if are_enough(&copied) {
                new.put_bundles(&std::mem::take(&mut copied), &[])?;
            }
            let first = bundle.saturating_mul(BUNDLE_EVENTS);
            if gone(first, first.saturating_add(BUNDLE_EVENTS)) {
                let events = without_parts(&self.bundle(bundle)?, first, removal.parts_of);
                copied.insert(bundle, bundle::encode(&events));
                continue;
            }
            // Nothing of it is removed, so it is copied as it lies.
            match self.bundle_bytes(bundle)? {
                Chunks::Whole(bytes) => drop(copied.insert(bundle, bytes)),
                Chunks::None | Chunks::CutShort => {
                    return Err(StoreError::Damaged { what: Damage::Event(first) });
                }
            }
        }
        new.put_bundles(&copied, &[])?;
        let events =
            without_parts(&self.events(tail, head.size, u64::MAX)?, tail, removal.parts_of);
        let mut writes = Batch::default();
        for (seq, event) in (tail..).zip(events.to_stored()) {
            put_chunks(&mut writes, |chunk| event_key(seq, chunk), &codec::encode(&event));
        }
        guarded(|| Ok(new.tail.apply_batch(writes)?))?;
        let kept: BTreeSet<[u8; 32]> = removal
            .kept_blobs
            .iter()
            .map(|name| *blake3::hash(name.as_bytes()).as_bytes())
            .collect();
        let stays = |key: &IVec| key.first_chunk::<32>().is_some_and(|hash| kept.contains(hash));
        copy_tree(&self.blobs, &new.blobs, &stays)?;
        copy_tree(&self.tree, &new.tree, &|_| true)?;
        new.set_head(head)
    }
}

/// The first event that is not in a full bundle, of so many.
const fn tail_start(size: u64) -> u64 {
    size - size % BUNDLE_EVENTS
}

/// Whether bundles are to be written before there are more.
pub(super) fn are_enough(bundles: &BTreeMap<u64, Vec<u8>>) -> bool {
    bundles.len() >= WRITTEN_TOGETHER
        || bundles.values().map(Vec::len).sum::<usize>() >= WRITTEN_BYTES
}

fn without_parts(events: &Events, first: u64, parts_of: &BTreeSet<u64>) -> Events {
    let mut stored = events.to_stored();
    for (seq, event) in (first..).zip(&mut stored) {
        if parts_of.contains(&seq) {
            event.payload = Part::Absent;
            event.sealed = event.sealed.as_ref().map(|_| Part::Absent);
        }
    }
    Events::from_stored(&stored)
}

/// Copies the entries of a tree that stay, a few at a time: an iterator over all of them would keep all in memory.
fn copy_tree(from: &Tree, to: &Tree, stays: &dyn Fn(&IVec) -> bool) -> Result<(), StoreError> {
    let mut after: Option<IVec> = None;
    loop {
        let copied = guarded(|| {
            let range = match &after {
                None => from.iter(),
                // The least key that is greater.
                Some(last) => from.range([last.as_ref(), &[0]].concat()..),
            };
            let mut writes = Batch::default();
            let mut last = None;
            for entry in range.take(ENTRIES_AT_A_TIME) {
                let (key, value) = entry?;
                if stays(&key) {
                    writes.insert(&key, value);
                }
                last = Some(key);
            }
            to.apply_batch(writes)?;
            Ok(last)
        })?;
        if copied.is_none() {
            return Ok(());
        }
        after = copied;
    }
}

/// Removes every key of a range, a few at a time.
fn remove_from<K: AsRef<[u8]>>(
    tree: &Tree,
    keys: impl RangeBounds<K> + Clone,
) -> Result<(), StoreError> {
    guarded(|| {
        loop {
            let mut batch = Batch::default();
            let mut count = 0_usize;
            for key in tree.range(keys.clone()).keys().take(ENTRIES_AT_A_TIME) {
                batch.remove(key?);
                count = count.saturating_add(1);
            }
            if count == 0 {
                return Ok(());
            }
            tree.apply_batch(batch)?;
        }
    })
}

/// Writes values so that each lies in sled's file once. All keys come first, in order, without their values, and make
/// sled split its leaves while these are small; a value that follows is a small addition to a leaf that is split no more.
/// Written at once, every value would be written again whenever its leaf is split or put together, about five times over,
/// and the file be twice as large.
fn put_once<const N: usize>(
    tree: &Tree,
    keys: &[[u8; N]],
    values: &[([u8; N], Vec<u8>)],
) -> Result<(), StoreError> {
    guarded(|| {
        // One by one: a batch has no order, and only in order are leaves split evenly.
        for key in keys {
            // What is there already must be there after a crash, too.
            if !tree.contains_key(key)? {
                tree.insert(key, &[])?;
            }
        }
        for (key, value) in values {
            tree.insert(key, value.as_slice())?;
        }
        Ok(())
    })
}

fn put_chunks<const N: usize>(writes: &mut Batch, key: impl Fn(u32) -> [u8; N], bytes: &[u8]) {
    for (chunk, bytes) in chunks(bytes) {
        writes.insert(&key(chunk)[..], bytes);
    }
}

fn put_piece(writes: &mut Batch, piece: &TreePiece) {
    writes.insert(&tree_key(piece.level, piece.index)[..], piece.hashes.as_slice());
}

/// Runs something of sled's that can fail, and stop when it is let go of: then it still writes, and syncs.
pub(super) fn guarded<T>(action: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catching(action)?
}
