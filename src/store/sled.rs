//! The store on sled 0.34.7.
//!
//! What this adapter adds to sled, and why (measured; see `docs/decisions/0002-sled-durability.md`):
//! - **Durable means synced.** On Linux sled's `flush` only calls `sync_file_range`, which leaves the file's size and
//!   extents unsynced: after a power cut everything acknowledged could be gone. Every append ends with `sync_data` on
//!   sled's own `db` file, and creation syncs every file and directory it made.
//! - **No value is large.** sled moves any page of more than 131,052 bytes (a quarter of its 512 KiB segment) into a
//!   file of its own, which that sync would not cover. A leaf holds at most 18 values or so before it is split, so
//!   values are cut into chunks of [`CHUNK_BYTES`]. `large_values_make_no_blob_files` watches this.
//! - **All or nothing.** Events are written above the head, where nobody sees them; the last of them and the head go
//!   into one transaction. What an abandoned write left above the head is removed at the next open.
//! - **One process.** A lock file beside the store says who has it open.
//! - **No iteration over everything**, whose memory grows without bound: events are read by their dense keys.
//! - **What is removed is gone.** sled keeps old bytes in its file, so removal writes a new store beside the old one,
//!   without what is removed, and then moves it into its place. A crash leaves one of the two whole; the next open
//!   takes away the other. What the disk itself keeps of a deleted file is beyond this.
//!
//! sled panics on some damaged files; that is caught here and becomes an error. It does not show that sled itself
//! keeps what was synced: that is for the soak tests of a later part.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};
use sled::{Batch, Db, IVec, Tree};

use super::{
    Change, Damage, Head, Part, Removal, Store, StoreError, StoredEvent, TreePiece, check_next,
    codec,
};

/// The most bytes of one value; see the module's header for the arithmetic.
pub const CHUNK_BYTES: usize = 6 * 1024;
/// How many events are written at a time above the head.
const PIECE_EVENTS: usize = 1024;
/// How long a lock is waited for at least. A process that starts another holds its locks twice for a moment, so one
/// that was just let go may look taken.
pub const WAIT_MIN: Duration = Duration::from_millis(500);
/// sled's page cache, in bytes.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// How many entries are copied at a time.
const COPIED_ENTRIES: usize = 256;
/// The layout of keys and values that this adapter writes.
const LAYOUT: &str = "2";

const HEAD_KEY: &[u8] = b"head";
const LAYOUT_KEY: &[u8] = b"layout";

/// A log's store in `DIR/store`, held by this process alone.
#[derive(Debug)]
pub struct SledStore {
    // Dropped first, before the lock is let go. None only after a removal that failed half way.
    opened: Option<Opened>,
    dir: PathBuf,
    _lock: File,
}

/// An open database of sled's.
#[derive(Debug)]
struct Opened {
    db: Db,
    events: Tree,
    tree: Tree,
    blobs: Tree,
    meta: Tree,
    /// sled's own file, opened once more so that it can be synced.
    file: File,
    path: PathBuf,
}

impl SledStore {
    /// Whether there is a store in `dir`.
    pub fn exists(dir: &Path) -> bool {
        [STORE, STORE_OLD].iter().any(|name| dir.join(name).is_dir())
    }

    /// Makes a store in `dir`, which must have none. `holder` says who this is to whoever finds it locked.
    pub fn create(dir: &Path, holder: &str) -> Result<Self, StoreError> {
        let made = missing_ancestors(dir);
        make_directory(dir)?;
        let lock = waiting(WAIT_MIN, || lock(dir, holder))?;
        if Self::exists(dir) {
            return Err(StoreError::AlreadyThere { path: dir.to_owned() });
        }
        let opened = Opened::create(&dir.join(STORE))?;
        opened.set_head(Head::EMPTY)?;
        opened.sync_whole()?;
        sync_path(dir)?;
        for directory in made {
            sync_path(&directory)?;
        }
        Ok(Self { opened: Some(opened), dir: dir.to_owned(), _lock: lock })
    }

    /// Opens the store in `dir`. `holder` says who this is to whoever finds it locked.
    pub fn open(dir: &Path, holder: &str) -> Result<Self, StoreError> {
        Self::open_waiting(dir, holder, WAIT_MIN)
    }

    /// The same, waiting for whoever has it open; at least [`WAIT_MIN`].
    pub fn open_waiting(dir: &Path, holder: &str, wait: Duration) -> Result<Self, StoreError> {
        if !Self::exists(dir) {
            return Err(StoreError::Missing { path: dir.to_owned() });
        }
        let lock = waiting(wait, || lock(dir, holder))?;
        finish_removal(dir)?;
        let opened = Opened::open_known(&dir.join(STORE))?;
        opened.remove_abandoned()?;
        Ok(Self { opened: Some(opened), dir: dir.to_owned(), _lock: lock })
    }

    fn opened(&self) -> Result<&Opened, StoreError> {
        self.opened.as_ref().ok_or(StoreError::Closed)
    }
}

const STORE: &str = "store";
/// What a removal makes beside the store. Nobody else gives a directory such a name: one that is found is taken away.
const STORE_NEW: &str = "store.removal-new";
const STORE_OLD: &str = "store.removal-old";

/// Ends a removal that was cut off: a new store is only ever moved into place once it is whole.
fn finish_removal(dir: &Path) -> Result<(), StoreError> {
    let (store, new, old) = (dir.join(STORE), dir.join(STORE_NEW), dir.join(STORE_OLD));
    if !store.is_dir() {
        move_directory(if new.is_dir() { &new } else { &old }, &store)?;
    }
    for left in [new, old] {
        if left.is_dir() {
            fs::remove_dir_all(&left).map_err(|error| StoreError::Io { path: left, error })?;
        }
    }
    sync_path(dir)
}

fn move_directory(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| StoreError::Io { path: from.to_owned(), error })
}

impl Opened {
    /// Makes a database, its directory and its layout, but no head.
    fn create(path: &Path) -> Result<Self, StoreError> {
        make_directory(path)?;
        let opened = Self::open(path)?;
        guarded(|| Ok(opened.meta.insert(LAYOUT_KEY, LAYOUT)?))?;
        Ok(opened)
    }

    /// Opens a database that must have this program's layout.
    fn open_known(path: &Path) -> Result<Self, StoreError> {
        let opened = waiting(WAIT_MIN, || Self::open(path))?;
        match guarded(|| Ok(opened.meta.get(LAYOUT_KEY)?))? {
            Some(layout) if layout == LAYOUT.as_bytes() => Ok(opened),
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
        let opened = catching(|| -> Result<_, sled::Error> {
            let db = config.open()?;
            let [events, tree, blobs, meta] = ["events", "tree", "blobs", "meta"];
            let trees = (
                db.open_tree(events)?,
                db.open_tree(tree)?,
                db.open_tree(blobs)?,
                db.open_tree(meta)?,
            );
            Ok((db, trees))
        })?;
        let (db, (events, tree, blobs, meta)) = match opened {
            Ok(opened) => opened,
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                return Err(StoreError::Locked { path: path.to_owned(), holder: None });
            }
            Err(error) => return Err(error.into()),
        };
        let data = path.join("db");
        let file = File::open(&data).map_err(|error| StoreError::Io { path: data, error })?;
        Ok(Self { db, events, tree, blobs, meta, file, path: path.to_owned() })
    }

    fn head(&self) -> Result<Head, StoreError> {
        let bytes = guarded(|| Ok(self.meta.get(HEAD_KEY)?))?;
        bytes
            .and_then(|bytes| decode_head(&bytes))
            .ok_or(StoreError::Damaged { what: Damage::Head })
    }

    fn set_head(&self, head: Head) -> Result<(), StoreError> {
        guarded(|| Ok(self.meta.insert(HEAD_KEY, &encode_head(head)[..])?)).map(drop)
    }

    /// Makes every file and directory of a new database durable, and readable by its owner alone.
    fn sync_whole(&self) -> Result<(), StoreError> {
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

    /// Removes what an abandoned write left above the head.
    fn remove_abandoned(&self) -> Result<(), StoreError> {
        let head = self.head()?;
        guarded(|| {
            loop {
                let first = self.events.range(event_key(head.size, 0)..).keys().take(4096);
                let mut batch = Batch::default();
                let mut count = 0_usize;
                for key in first {
                    batch.remove(key?);
                    count = count.saturating_add(1);
                }
                if count == 0 {
                    return Ok(());
                }
                self.events.apply_batch(batch)?;
            }
        })
    }

    /// Makes everything written so far durable.
    fn sync(&self) -> Result<(), StoreError> {
        guarded(|| {
            self.db.flush()?;
            Ok(())
        })?;
        let path = || self.path.join("db");
        self.file.sync_data().map_err(|error| StoreError::Io { path: path(), error })
    }

    fn event(&self, seq: u64) -> Result<StoredEvent, StoreError> {
        let chunk = |index| Ok(self.events.get(event_key(seq, index))?);
        match read_chunks(chunk)? {
            Chunks::Whole(bytes) => {
                codec::decode(&bytes).ok_or(StoreError::Damaged { what: Damage::Event(seq) })
            }
            Chunks::None => Err(StoreError::Damaged { what: Damage::EventMissing(seq) }),
            Chunks::CutShort => Err(StoreError::Damaged { what: Damage::Event(seq) }),
        }
    }
}

impl Opened {
    fn append(&self, change: Change<'_>) -> Result<(), StoreError> {
        check_next(change)?;
        let Change { expected, events, tree, next } = change;
        let found = self.head()?;
        if found != expected {
            return Err(StoreError::Conflict { expected, found });
        }
        let last = events.len().saturating_sub(1) / PIECE_EVENTS;
        let mut seq = expected.size;
        let mut pieces = tree.iter();
        for (index, piece) in events.chunks(PIECE_EVENTS).enumerate().take(last) {
            let mut writes = Batch::default();
            put_events(&mut writes, &mut seq, piece);
            guarded(|| Ok(self.events.apply_batch(writes)?))?;
            // Hashes go ahead of their events only where there are many of them.
            let mut writes = Batch::default();
            for piece in pieces.by_ref().take(PIECE_EVENTS / 16) {
                put_piece(&mut writes, piece);
            }
            guarded(|| Ok(self.tree.apply_batch(writes)?))?;
            if index.saturating_add(1) == last {
                self.sync()?;
            }
        }
        let rest = events.chunks(PIECE_EVENTS).nth(last).unwrap_or_default();
        let (mut writes, mut tree_writes) = (Batch::default(), Batch::default());
        put_events(&mut writes, &mut seq, rest);
        for piece in pieces {
            put_piece(&mut tree_writes, piece);
        }
        let moved = guarded(|| {
            Ok((&self.events, &self.tree, &self.meta).transaction(|(events, tree, meta)| {
                let found = meta.get(HEAD_KEY)?.and_then(|bytes| decode_head(&bytes));
                if found != Some(expected) {
                    return Err(ConflictableTransactionError::Abort(found));
                }
                events.apply_batch(&writes)?;
                tree.apply_batch(&tree_writes)?;
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

    /// Copies everything but what is removed into a new database.
    fn copy_without(&self, removal: Removal<'_>, new: &Self) -> Result<(), StoreError> {
        let head = self.head()?;
        let mut seq = 0;
        while seq < head.size {
            let mut writes = Batch::default();
            for _ in 0..COPIED_ENTRIES {
                if seq >= head.size {
                    break;
                }
                let mut event = self.event(seq)?;
                if removal.parts_of.contains(&seq) {
                    event.payload = Part::Absent;
                    event.sealed = event.sealed.map(|_| Part::Absent);
                }
                put_events(&mut writes, &mut seq, std::slice::from_ref(&event));
            }
            guarded(|| Ok(new.events.apply_batch(writes)?))?;
        }
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
            for entry in range.take(COPIED_ENTRIES) {
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

fn put_events(writes: &mut Batch, seq: &mut u64, events: &[StoredEvent]) {
    for event in events {
        for (chunk, bytes) in chunks(&codec::encode(event)) {
            writes.insert(&event_key(*seq, chunk), bytes);
        }
        *seq = seq.saturating_add(1);
    }
}

fn put_piece(writes: &mut Batch, piece: &TreePiece) {
    writes.insert(&tree_key(piece.level, piece.index), piece.hashes.as_slice());
}

impl Store for SledStore {
    fn head(&self) -> Result<Head, StoreError> {
        self.opened()?.head()
    }

    fn append(&mut self, change: Change<'_>) -> Result<(), StoreError> {
        self.opened()?.append(change)
    }

    fn remove(&mut self, removal: Removal<'_>, change: Change<'_>) -> Result<(), StoreError> {
        let (store, new, old) =
            (self.dir.join(STORE), self.dir.join(STORE_NEW), self.dir.join(STORE_OLD));
        let opened = self.opened()?;
        // The removal would take the link away, and leave what it leads to as it is.
        if store.is_symlink() {
            return Err(StoreError::Linked { path: store });
        }
        if new.exists() {
            fs::remove_dir_all(&new)
                .map_err(|error| StoreError::Io { path: new.clone(), error })?;
        }
        let written = Opened::create(&new).and_then(|copy| {
            opened.copy_without(removal, &copy)?;
            copy.append(change)?;
            copy.sync_whole()
        });
        if let Err(error) = written {
            let _ = fs::remove_dir_all(&new);
            return Err(error);
        }
        sync_path(&self.dir)?;
        // From here on the new store is the log: a crash leads forward, not back.
        self.opened = None;
        move_directory(&store, &old)?;
        finish_removal(&self.dir)?;
        self.opened = Some(Opened::open_known(&store)?);
        Ok(())
    }

    fn tree_piece(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let opened = self.opened()?;
        let piece = guarded(|| Ok(opened.tree.get(tree_key(level, index))?))?;
        Ok(piece.map(|piece| piece.to_vec()))
    }

    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let head = self.head()?;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let end = head.size.min(from.saturating_add(limit));
        let opened = self.opened()?;
        guarded(|| (from..end).map(|seq| opened.event(seq)).collect())
    }

    fn put_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let opened = self.opened()?;
        guarded(|| {
            for piece in &chunks(bytes).collect::<Vec<_>>()[..].chunks(256).collect::<Vec<_>>() {
                let mut writes = Batch::default();
                for (chunk, bytes) in *piece {
                    writes.insert(&blob_key(name, *chunk)[..], bytes.as_slice());
                }
                opened.blobs.apply_batch(writes)?;
            }
            Ok(())
        })
    }

    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let opened = self.opened()?;
        guarded(|| {
            let chunk = |index| Ok(opened.blobs.get(blob_key(name, index))?);
            match read_chunks(chunk)? {
                Chunks::Whole(bytes) => Ok(Some(bytes)),
                Chunks::None => Ok(None),
                Chunks::CutShort => {
                    Err(StoreError::Damaged { what: Damage::Blob(name.to_owned()) })
                }
            }
        })
    }
}

/// Cuts bytes into chunks; the first begins with the length of them all, so that chunks left over from an abandoned
/// write are never read.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (u32, Vec<u8>)> {
    let mut whole = u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes().to_vec();
    whole.extend_from_slice(bytes);
    let cut: Vec<Vec<u8>> = whole.chunks(CHUNK_BYTES).map(<[u8]>::to_vec).collect();
    (0_u32..).zip(cut)
}

enum Chunks {
    Whole(Vec<u8>),
    None,
    CutShort,
}

fn read_chunks(
    chunk: impl Fn(u32) -> Result<Option<sled::IVec>, StoreError>,
) -> Result<Chunks, StoreError> {
    let Some(first) = chunk(0)? else { return Ok(Chunks::None) };
    let Some((length, first)) = first.split_first_chunk::<8>() else {
        return Ok(Chunks::CutShort);
    };
    let length = usize::try_from(u64::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let mut bytes = first.to_vec();
    for index in 1.. {
        if bytes.len() >= length {
            break;
        }
        match chunk(index)? {
            Some(next) if !next.is_empty() => bytes.extend_from_slice(&next),
            _ => return Ok(Chunks::CutShort),
        }
    }
    Ok(if bytes.len() == length { Chunks::Whole(bytes) } else { Chunks::CutShort })
}

fn event_key(seq: u64, chunk: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (high, low) = key.split_at_mut(8);
    high.copy_from_slice(&seq.to_be_bytes());
    low.copy_from_slice(&chunk.to_be_bytes());
    key
}

fn tree_key(level: u8, index: u64) -> [u8; 9] {
    let mut key = [level; 9];
    let (_, place) = key.split_at_mut(1);
    place.copy_from_slice(&index.to_be_bytes());
    key
}

fn blob_key(name: &str, chunk: u32) -> Vec<u8> {
    let mut key = blake3::hash(name.as_bytes()).as_bytes().to_vec();
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

fn encode_head(head: Head) -> Vec<u8> {
    let mut bytes = head.size.to_be_bytes().to_vec();
    bytes.extend_from_slice(&head.link);
    bytes
}

fn decode_head(bytes: &[u8]) -> Option<Head> {
    let (size, link) = bytes.split_first_chunk::<8>()?;
    Some(Head { size: u64::from_be_bytes(*size), link: link.try_into().ok()? })
}

/// Runs something of sled's that can fail.
fn guarded<T>(action: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catching(action)?
}

/// Runs something of sled's; a panic in it is an error. The panic's message still goes to standard error.
fn catching<T>(action: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(action)).map_err(|panic| {
        let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(message), _) => (*message).to_owned(),
            (_, Some(message)) => message.clone(),
            _ => "an unknown error".to_owned(),
        };
        StoreError::Panicked { message }
    })
}

/// Tries again for some time while something is locked.
fn waiting<T>(
    wait: Duration,
    mut attempt: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut left = wait.max(WAIT_MIN);
    loop {
        match attempt() {
            Err(StoreError::Locked { .. }) if !left.is_zero() => {
                let pause = left.min(Duration::from_millis(10));
                std::thread::sleep(pause);
                left -= pause;
            }
            done => return done,
        }
    }
}

/// Takes the lock of a log, or says who has it.
fn lock(dir: &Path, holder: &str) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let io = |error| StoreError::Io { path: path.clone(), error };
    let mut options = File::options();
    options.create(true).read(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let said = fs::read_to_string(&path).ok().map(|said| said.trim().to_owned());
            let holder = said.filter(|said| !said.is_empty());
            return Err(StoreError::Locked { path: dir.to_owned(), holder });
        }
        Err(fs::TryLockError::Error(error)) => return Err(io(error)),
    }
    file.set_len(0).map_err(io)?;
    writeln!(file, "{holder}, process {}", std::process::id()).map_err(io)?;
    Ok(file)
}

/// The parents of directories that do not exist yet: each must be synced once they do.
fn missing_ancestors(dir: &Path) -> Vec<PathBuf> {
    let mut parents = Vec::new();
    let mut at = Some(dir);
    while let Some(directory) = at {
        let parent = match directory.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => break,
        };
        parents.push(parent.to_owned());
        if parent.exists() {
            break;
        }
        at = Some(parent);
    }
    parents
}

fn make_directory(path: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| StoreError::Io { path: path.to_owned(), error })
}

/// Lets nobody but the owner read what sled made.
fn restrict_files(store: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let io = |error: io::Error| StoreError::Io { path: store.to_owned(), error };
        for entry in fs::read_dir(store).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(io)?;
        }
    }
    Ok(())
}

fn sync_path(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::Io { path: path.to_owned(), error })
}
