//! The store on sled 0.34.7.
//!
//! What this adapter adds to sled, and why (measured; see `docs/decisions/0002-sled-durability.md`):
//! - **Durable means synced.** On Linux sled's `flush` only calls `sync_file_range`, which leaves the file's size and
//!   extents unsynced: after a power cut everything acknowledged could be gone. Every append ends with `sync_data` on
//!   sled's own `db` file, and creation syncs every file and directory it made.
//! - **No value is large.** sled moves any page of more than 131,052 bytes (a quarter of its 512 KiB segment) into a
//!   file of its own, which that sync would not cover. A leaf holds 17 values before it is split, so values are cut into
//!   chunks of [`CHUNK_BYTES`]; those of bundles can be larger, since keys without a value stand between them. Tests
//!   look for such files.
//! - **A tail and bundles.** The newest events lie one key each, so that a single append writes little. Whenever they
//!   fill a bundle ([`super::bundle`]), one transaction seals it, clears the tail and moves the head.
//! - **All or nothing.** The bundles of a long append are written above the head, where nobody sees them; the last of
//!   its events and the head go into one transaction. What an abandoned write left above the head is removed at the
//!   next open, and so are the blobs that came with it: each is noted with the head that its append found, and is let go
//!   of while that is still the head.
//! - **Nothing is noted before it is there.** Opening, sled writes a snapshot of what it read, so its file is synced first.
//! - **What is written is written once.** See `put_once` in `database.rs`.
//! - **A store is made whole.** It is made beside its place and moved there; one without events is what an `init` or a
//!   `restore` left that was cut off, and is made anew.
//! - **No silent loss of the end.** sled takes damage near the end of its file for a torn write. The head that was
//!   acknowledged last is in a file beside the store (`acknowledged.rs`), and a store that holds less is not opened; what
//!   sled wrote over when it was tried is put back (`aside.rs`).
//! - **One process.** A lock file beside the store says who has it open.
//! - **No iteration over everything**, whose memory grows without bound: events are read by their dense keys.
//! - **What is removed is gone.** sled keeps old bytes in its file, so removal writes a new store beside the old one,
//!   without what is removed, and then moves it into its place. A crash leaves one of the two whole; the next open
//!   takes away the other. What the disk itself keeps of a deleted file is beyond this.
//!
//! sled panics on some damaged files; that is caught here and becomes an error. That sled keeps what was synced is no proof
//! of ours: `tests/soak` tries it, and `docs/reliability.md` has the counts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bundle::BUNDLE_EVENTS;
use super::{
    BlockKey, Change, Damage, Events, Head, Part, Removal, Store, StoreError, TreePiece, bundle,
    check_next, codec, durable,
};

mod acknowledged;
mod aside;
mod chunks;
mod database;
mod files;
pub mod names;
mod panics;
mod segments;

use acknowledged::Acknowledged;
use aside::Aside;
pub use chunks::{BUNDLE_CHUNK_BYTES, CHUNK_BYTES};
pub use database::LAYOUT;
use database::{Database, are_enough, guarded};
pub use files::Still;
pub use files::WAIT_MIN;
use files::{hold_still, is_of_sled, lock, make_directory, restrict_files, sync_path, waiting};
use names::{STORE, STORE_BEGUN, STORE_NEW, STORE_OLD};
use panics::catching;
pub use panics::keep_caught_panics_quiet;

/// How many blocks are written together.
const BLOCKS_TOGETHER: usize = 256;

/// A log's store in `DIR/store`, held by this process alone.
#[derive(Debug)]
pub struct SledStore {
    // Dropped first, before the lock is let go. None only after a removal that failed half way.
    opened: Option<Database>,
    /// How many events there are with the bundles that are staged; `None` if none is.
    staged: Option<u64>,
    /// Of them, those that are not written yet, and their part of the tree.
    bundles: BTreeMap<u64, Vec<u8>>,
    tree: BTreeMap<(u8, u64), TreePiece>,
    /// Blocks that are not written yet.
    blocks: BTreeMap<BlockKey, Vec<u8>>,
    dir: PathBuf,
    acknowledged: Acknowledged,
    _lock: File,
}

impl SledStore {
    /// Whether there is a store in `dir`. A directory of that name may be anybody's: it is one if its head is noted beside it,
    /// or if it holds what sled makes. Where that cannot be seen, whoever opens it is told why.
    pub fn exists(dir: &Path) -> bool {
        let may_be_there = |at: &PathBuf| match fs::metadata(at) {
            Ok(found) => found.is_dir(),
            Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
        };
        let found = [STORE, STORE_OLD].map(|name| dir.join(name)).into_iter().find(may_be_there);
        found.is_some_and(|store| Acknowledged::is_noted(dir) || is_of_sled(&store))
    }

    /// Whether the store in `dir` has no event: it was made, and whoever was to fill it was cut off.
    pub fn is_unused(dir: &Path, holder: &str) -> Result<bool, StoreError> {
        if !Self::exists(dir) {
            return refuse_foreign(dir).map(|()| true);
        }
        let _lock = waiting(WAIT_MIN, || lock(dir, holder))?;
        Self::has_no_event(dir)
    }

    fn has_no_event(dir: &Path) -> Result<bool, StoreError> {
        // A removal moves what it makes into place in two steps; between them there are events, and no store.
        let store = dir.join(STORE);
        if !store.is_dir() {
            return Ok(false);
        }
        // One that lost all of its events is no unused one; one that was to take the place of a lost one, and was cut off, is.
        let (opened, head) = open_if(dir, |opened, head| match check_whole(dir, opened, head) {
            Err(StoreError::Unfinished { .. }) => Ok(()),
            other => other,
        })?;
        catching(|| drop(opened))?;
        Ok(head == Head::EMPTY)
    }

    /// Makes a store in `dir`, which must have none, or one without events, and where no event was acknowledged before.
    /// `holder` says who this is to whoever finds it locked.
    pub fn create(dir: &Path, holder: &str) -> Result<Self, StoreError> {
        Self::create_for(dir, holder, Head::EMPTY)
    }

    /// The same, for a log that is put back with this head: it must have all that was acknowledged in `dir`.
    pub fn create_for(dir: &Path, holder: &str, head: Head) -> Result<Self, StoreError> {
        if !Self::exists(dir) {
            refuse_foreign(dir)?;
        }
        make_directory(dir)?;
        let lock = waiting(WAIT_MIN, || lock(dir, holder))?;
        if Self::exists(dir) && !Self::has_no_event(dir)? {
            return Err(StoreError::AlreadyThere { path: dir.to_owned() });
        }
        Acknowledged::check_in_place(dir, head)?;
        let (store, begun) = (dir.join(STORE), dir.join(STORE_BEGUN));
        for left in [&begun, &store] {
            if left.is_dir() {
                remove_directory(left)?;
            }
        }
        let mut acknowledged = Acknowledged::open(dir)?;
        // It is made beside its place, so that a store that is found there is whole.
        guarded(|| {
            let database = Database::create(&begun)?;
            database.set_head(Head::EMPTY)?;
            match acknowledged.before() {
                // What was acknowledged stays noted until all of it is there again.
                Some(lost) => database.set_takes_place_of(lost)?,
                None => acknowledged.note(Head::EMPTY),
            }
            database.sync_whole()
        })?;
        move_directory(&begun, &store)?;
        sync_path(dir)?;
        Ok(Self::of(Database::open_known(&store)?, dir, acknowledged, lock))
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
        let (opened, _) = open_whole(dir)?;
        guarded(|| {
            let acknowledged = Acknowledged::open(dir)?;
            opened.remove_abandoned()?;
            Ok(Self::of(opened, dir, acknowledged, lock))
        })
    }

    /// Sees whether the store, or a copy of it, holds all that was acknowledged in `dir`; nothing is written.
    pub fn check_acknowledged(&self, dir: &Path) -> Result<(), StoreError> {
        let opened = self.opened()?;
        check_whole(dir, opened, opened.head()?)
    }

    /// How many events were acknowledged in `dir`, as far as that is noted beside the store; the store itself may be gone.
    pub fn acknowledged_in(dir: &Path) -> Option<u64> {
        Acknowledged::noted(dir).map(|head| head.size)
    }

    /// Lets sled go and opens the store anew, so that what is read next is what lies on disk. The lock stays held.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.close()?;
        self.opened = Some(Database::open_known(&self.dir.join(STORE))?);
        Ok(())
    }

    /// Takes away a store that was made and did not become a log; what is noted beside it is what was before. The lock is
    /// held until it is gone, so nobody else has put anything into it.
    pub fn take_away(mut self) -> Result<(), StoreError> {
        let (store, begun) = (self.dir.join(STORE), self.dir.join(STORE_BEGUN));
        // What sled can no more write is taken away with the rest.
        let _ = self.close();
        // In one step it is no store any more, whatever stops what follows.
        move_directory(&store, &begun)?;
        self.acknowledged.take_back(&self.dir)?;
        remove_directory(&begun)?;
        sync_path(&self.dir)
    }

    /// Keeps other processes from opening the log in `dir` while its files are looked at, and writes nothing; whoever has it open
    /// is waited for, at least [`WAIT_MIN`].
    pub fn hold_still(dir: &Path, wait: Duration) -> Result<Still, StoreError> {
        waiting(wait, || hold_still(dir))
    }

    fn of(opened: Database, dir: &Path, acknowledged: Acknowledged, lock: File) -> Self {
        Self {
            opened: Some(opened),
            staged: None,
            bundles: BTreeMap::new(),
            tree: BTreeMap::new(),
            blocks: BTreeMap::new(),
            dir: dir.to_owned(),
            acknowledged,
            _lock: lock,
        }
    }

    /// Writes what is staged.
    fn write_staged(&mut self) -> Result<(), StoreError> {
        let bundles = std::mem::take(&mut self.bundles);
        let tree: Vec<TreePiece> = std::mem::take(&mut self.tree).into_values().collect();
        self.opened()?.put_bundles(&bundles, &tree)
    }

    /// Writes the blocks that are kept.
    fn write_blocks(&mut self) -> Result<(), StoreError> {
        let blocks = std::mem::take(&mut self.blocks);
        self.opened()?.put_blocks(&blocks)
    }

    /// Lets sled go, which writes what it still holds, and can stop on what it finds then as at any other time.
    fn close(&mut self) -> Result<(), StoreError> {
        let Some(opened) = self.opened.take() else { return Ok(()) };
        let path = opened.path().to_owned();
        catching(|| drop(opened))?;
        restrict_files(&path)
    }

    fn opened(&self) -> Result<&Database, StoreError> {
        self.opened.as_ref().ok_or(StoreError::Closed)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // Whatever was acknowledged is durable already.
        let _ = self.close();
    }
}

/// Opens the database of a log, which must hold all that was acknowledged. If it does not, or cannot be opened, its files are as they
/// were: a copy of them can be looked into, and what is damaged may yet be mended.
fn open_whole(dir: &Path) -> Result<(Database, Head), StoreError> {
    open_if(dir, |opened, head| check_whole(dir, opened, head))
}

/// Sees whether a database with this head holds all that was acknowledged in `dir`.
fn check_whole(dir: &Path, opened: &Database, head: Head) -> Result<(), StoreError> {
    match Acknowledged::check(dir, head) {
        Err(StoreError::Shortened { acknowledged, .. })
            if head == Head::EMPTY && opened.takes_place_of()? == Acknowledged::noted(dir) =>
        {
            Err(StoreError::Unfinished { acknowledged })
        }
        other => other,
    }
}

/// The same, of one that holds what it must, as `check` sees it.
fn open_if(
    dir: &Path,
    check: impl FnOnce(&Database, Head) -> Result<(), StoreError>,
) -> Result<(Database, Head), StoreError> {
    let store = dir.join(STORE);
    let aside = Aside::of(&store)?;
    let opened = guarded(|| {
        let opened = Database::open_known(&store)?;
        let head = opened.head()?;
        check(&opened, head)?;
        Ok((opened, head))
    });
    match (opened, aside) {
        // Whoever holds it writes to it.
        (Err(error), Some(aside)) if !matches!(error, StoreError::Locked { .. }) => {
            aside.put_back()?;
            Err(error)
        }
        (opened, _) => opened,
    }
}

/// Sees that nothing of somebody else's lies where a store, its lock and its head are to be made.
fn refuse_foreign(dir: &Path) -> Result<(), StoreError> {
    let store = [STORE, STORE_OLD].map(|name| dir.join(name));
    let mut foreign = store.into_iter().filter(|path| path.is_symlink() || path.exists());
    let beside = || {
        let lock = Some(files::lock_path(dir)).filter(|path| !files::may_be_lock(path));
        lock.or_else(|| Some(Acknowledged::path(dir)).filter(|path| !Acknowledged::may_be(path)))
    };
    foreign.next().or_else(beside).map_or(Ok(()), |path| Err(StoreError::Foreign { path }))
}

/// Ends a removal that was cut off: a new store is only ever moved into place once it is whole.
fn finish_removal(dir: &Path) -> Result<(), StoreError> {
    let (store, new, old) = (dir.join(STORE), dir.join(STORE_NEW), dir.join(STORE_OLD));
    if !store.is_dir() {
        move_directory(if new.is_dir() { &new } else { &old }, &store)?;
    }
    for left in [new, old].into_iter().filter(|left| left.is_dir()) {
        // The one is taken away when the other has its name for good.
        sync_path(dir)?;
        remove_directory(&left)?;
    }
    sync_path(dir)
}

fn remove_directory(path: &Path) -> Result<(), StoreError> {
    fs::remove_dir_all(path).map_err(|error| StoreError::Io { path: path.to_owned(), error })
}

fn move_directory(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| StoreError::Io { path: from.to_owned(), error })
}

impl Store for SledStore {
    fn head(&self) -> Result<Head, StoreError> {
        self.opened()?.head()
    }

    fn append(&mut self, change: Change<'_>) -> Result<(), StoreError> {
        check_next(change, self.staged)?;
        self.write_staged()?;
        self.write_blocks()?;
        self.opened()?.append(change, self.staged)?;
        self.acknowledged.note(change.next);
        self.staged = None;
        Ok(())
    }

    fn stage(&mut self, bundle: Vec<u8>, tree: Vec<TreePiece>) -> Result<(), StoreError> {
        let size = match self.staged {
            Some(size) => size,
            None => self.head()?.size,
        };
        let number = size / BUNDLE_EVENTS;
        self.bundles.insert(number, bundle);
        self.tree.extend(tree.into_iter().map(|piece| ((piece.level, piece.index), piece)));
        self.staged = Some(number.saturating_add(1).saturating_mul(BUNDLE_EVENTS));
        if are_enough(&self.bundles) { self.write_staged() } else { Ok(()) }
    }

    fn stage_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.opened()?.stage_blob(name, bytes)
    }

    fn unstage(&mut self) -> Result<(), StoreError> {
        (self.bundles, self.tree) = (BTreeMap::new(), BTreeMap::new());
        self.staged = None;
        self.opened()?.remove_abandoned()
    }

    fn events(&self, from: u64) -> Result<Events, StoreError> {
        self.events_before(from, u64::MAX)
    }

    fn events_before(&self, from: u64, end: u64) -> Result<Events, StoreError> {
        let opened = self.opened()?;
        let mut events = if let Some(bytes) = self.bundles.get(&(from / BUNDLE_EVENTS)) {
            let damaged = StoreError::Damaged { what: Damage::Event(from) };
            let skipped = usize::try_from(from % BUNDLE_EVENTS).unwrap_or(usize::MAX);
            bundle::decode(bytes).ok_or(damaged)?.without_first(skipped)
        } else {
            let size = match self.staged {
                Some(size) => size,
                None => opened.head()?.size,
            };
            opened.events(from, size, end)?
        };
        events.truncate(usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX));
        Ok(events)
    }

    fn remove(&mut self, removal: Removal<'_>, change: Change<'_>) -> Result<(), StoreError> {
        let (store, new, old) =
            (self.dir.join(STORE), self.dir.join(STORE_NEW), self.dir.join(STORE_OLD));
        check_next(change, None)?;
        let opened = self.opened()?;
        // The removal would take the link away, and leave what it leads to as it is.
        if store.is_symlink() {
            return Err(StoreError::Linked { path: store });
        }
        if new.exists() {
            remove_directory(&new)?;
        }
        let written = guarded(|| {
            let copy = Database::create(&new)?;
            opened.copy_without(removal, &copy)?;
            copy.append(change, None)?;
            copy.sync_whole()
        });
        if let Err(error) = written {
            let _ = fs::remove_dir_all(&new);
            return Err(error);
        }
        sync_path(&self.dir)?;
        self.close()?;
        self.blocks.clear();
        // Up to here a crash leads back: the old store is in its place, and nothing was removed. From here on it leads forward.
        move_directory(&store, &old)?;
        finish_removal(&self.dir)?;
        self.opened = Some(Database::open_known(&store)?);
        self.acknowledged.note(change.next);
        Ok(())
    }

    fn tree_piece(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self.tree.get(&(level, index)) {
            Some(piece) => Ok(Some(piece.hashes.clone())),
            None => self.opened()?.tree_piece(level, index),
        }
    }

    fn put_block(&mut self, key: BlockKey, bytes: &[u8]) -> Result<(), StoreError> {
        self.blocks.insert(key, bytes.to_vec());
        if self.blocks.len() >= BLOCKS_TOGETHER { self.write_blocks() } else { Ok(()) }
    }

    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StoreError> {
        match self.blocks.get(&key) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.opened()?.block(key),
        }
    }

    fn remove_blocks(&mut self, table: u8, run: u64) -> Result<(), StoreError> {
        self.blocks.retain(|key, _| (key.table, key.run) != (table, run));
        self.opened()?.remove_blocks(table, run)
    }

    fn put_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.opened()?.put_blob(name, bytes)
    }

    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.opened()?.blob(name)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.write_blocks()?;
        self.opened()?.sync()
    }
}
