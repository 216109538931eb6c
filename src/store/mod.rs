//! The port: what a log needs of whatever keeps its bytes.
//!
//! A store keeps a sequence of immutable events and one head, which moves by compare-and-append alone, and immutable
//! blobs by name. Adapters share this port, its prose and one conformance suite (`tests/it/store_conformance.rs`),
//! and no code. A store knows nothing of what the bytes mean; that they fit together is for `event_log`.

pub mod bundle;
#[cfg(feature = "sled")]
mod codec;
#[cfg(feature = "sled")]
pub(crate) mod durable;
mod events;
pub mod memory;
#[cfg(feature = "sled")]
pub(crate) mod regular;
#[cfg(feature = "sled")]
pub mod sled;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

pub use events::{EventRef, Events, PartRef};

/// A part of an event that can be withheld from a copy of a log, or erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// It is there.
    Present {
        /// The salt of its commitment.
        salt: [u8; 32],
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// It was erased, or is withheld.
    Absent,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The payload.
    pub payload: Part,
    /// The sealed part; `None` if there never was one.
    pub sealed: Option<Part>,
}

/// How many events there are, and the link of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many events there are.
    pub size: u64,
    /// The link of the last; 32 zero bytes if there is none.
    pub link: [u8; 32],
}

impl Head {
    /// The head of a store without events.
    pub const EMPTY: Self = Self { size: 0, link: [0; 32] };
}

/// Some hashes of the tree over the events, kept together: a store keeps them with the events and knows nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreePiece {
    /// The level of tiles: a hash of it stands for `256^level` events.
    pub level: u8,
    /// The place among the pieces of that level.
    pub index: u64,
    /// At most 64 hashes of 32 bytes, one after the other. They replace those that were kept under this level and place.
    pub hashes: Vec<u8>,
}

/// Events to append, what they make of the tree, and the head before and after.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The head that the store must have.
    pub expected: Head,
    /// The events.
    pub events: &'a [StoredEvent],
    /// The pieces of the tree that change. A piece only ever gains hashes, so one that is there before its events are
    /// does no harm.
    pub tree: &'a [TreePiece],
    /// The head that the store then has.
    pub next: Head,
}

/// What is taken away, so that nothing of it is left in the store's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// The events whose payloads, sealed parts and salts go; their headers stay.
    pub parts_of: &'a BTreeSet<u64>,
    /// The blobs that stay; every other goes, also one that an append left which was cut off.
    pub kept_blobs: &'a BTreeSet<String>,
}

/// Where a block lies: which table, which of its runs, and the place within it, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockKey {
    /// The table.
    pub table: u8,
    /// The run.
    pub run: u64,
    /// The place within the run.
    pub index: u64,
}

/// The most bytes of a block.
pub const BLOCK_BYTES_MAX: usize = 7168;

/// Whatever keeps a log's bytes. Reading is for any number of threads at once.
pub trait Store: Sync {
    /// The head as it stands.
    fn head(&self) -> Result<Head, StoreError>;

    /// Compare-and-append: if the head is still the expected one, all of the change becomes visible at once, events,
    /// tree and head; otherwise nothing changes. It returns once everything is durable. The events follow those that
    /// were staged, if there are any.
    fn append(&mut self, change: Change<'_>) -> Result<(), StoreError>;

    /// Keeps the next full bundle ([`bundle::encode`]) for the append to come; the first begins with the events that
    /// follow the last full bundle already. `tree` is as in a change. What is staged is no part of the log before that
    /// append; nothing is left of it if the store is opened again before.
    fn stage(&mut self, bundle: Vec<u8>, tree: Vec<TreePiece>) -> Result<(), StoreError>;

    /// Keeps bytes as [`Store::put_blob`] does, for the append to come. If it does not come, they go with what else was
    /// staged, unless they were kept before.
    fn stage_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// Lets go of what was staged.
    fn unstage(&mut self) -> Result<(), StoreError>;

    /// Takes something away and appends, both at once and as [`Store::append`] does; every block goes, too. Once it
    /// returns, nothing that was taken away is left in any file of the store.
    fn remove(&mut self, removal: Removal<'_>, change: Change<'_>) -> Result<(), StoreError>;

    /// The piece of the tree under a level and place.
    fn tree_piece(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Events from number `from` on that are kept together, in order: at least one, unless there is none; also those
    /// that are staged.
    fn events(&self, from: u64) -> Result<Events, StoreError>;

    /// The same, of them only those before number `end`. What is kept one by one behind that is not looked at.
    fn events_before(&self, from: u64, end: u64) -> Result<Events, StoreError> {
        let mut events = self.events(from)?;
        events.truncate(usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX));
        Ok(events)
    }

    /// Events from number `from` on, at most `limit`, in order; fewer where there are no more.
    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let end = self.head()?.size.min(from.saturating_add(limit));
        let mut read = Vec::new();
        let mut at = from;
        while at < end {
            let events = self.events_before(at, end)?;
            if events.is_empty() {
                break;
            }
            at = at.saturating_add(u64::try_from(events.len()).unwrap_or(u64::MAX));
            read.extend(events.iter().map(EventRef::to_stored));
        }
        Ok(read)
    }

    /// Keeps a block, at most [`BLOCK_BYTES_MAX`] long, of what is derived from the events. It is durable once the next
    /// append or sync returns.
    fn put_block(&mut self, key: BlockKey, bytes: &[u8]) -> Result<(), StoreError>;

    /// A block.
    fn block(&self, key: BlockKey) -> Result<Option<Vec<u8>>, StoreError>;

    /// Takes away every block of a run.
    fn remove_blocks(&mut self, table: u8, run: u64) -> Result<(), StoreError>;

    /// Keeps bytes under a name that says what they are, so that keeping them twice changes nothing. They are durable
    /// once the next append or sync returns.
    fn put_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// The bytes kept under a name.
    fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Makes everything that was kept so far durable.
    fn sync(&mut self) -> Result<(), StoreError>;
}

/// A store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another writer moved the head.
    #[error("the log has {} events, not {} as expected: another writer appended", found.size, expected.size)]
    Conflict {
        /// The head that the caller knew.
        expected: Head,
        /// The head as it is.
        found: Head,
    },
    /// The size of the next head is not that of the batch.
    #[error("a batch of {batch} events leads from {} to {}, not to {}", expected.size,
        expected.size.saturating_add(*batch), next.size)]
    HeadMismatch {
        /// The head before.
        expected: Head,
        /// The head that the caller wants.
        next: Head,
        /// How many events there are in the batch.
        batch: u64,
    },
    /// Another process has the log open.
    #[error("the log {} is open in another process{}", path.display(),
        holder.as_ref().map(|holder| format!(": {holder}")).unwrap_or_default())]
    Locked {
        /// The log's directory.
        path: PathBuf,
        /// Who has it open, if they said.
        holder: Option<String>,
    },
    /// There is no log.
    #[error("there is no log in {}", path.display())]
    Missing {
        /// The log's directory.
        path: PathBuf,
    },
    /// There is a log already.
    #[error("there is a log in {} already", path.display())]
    AlreadyThere {
        /// The log's directory.
        path: PathBuf,
    },
    /// Something else than a log lies where one is to be made.
    #[error("{} is no part of a log, and is left as it is", path.display())]
    Foreign {
        /// What lies there.
        path: PathBuf,
    },
    /// The store was written by another version of this program.
    #[error("the store has layout {found:?}; this program knows layout {supported:?}")]
    Layout {
        /// The layout that the store names.
        found: String,
        /// The layout that this program knows.
        supported: &'static str,
    },
    /// The store has lost events that were acknowledged, or an older copy was put back.
    #[error(
        "the store holds {found} events, and {acknowledged} were acknowledged: its end was lost, or an older copy of it \
         was put back"
    )]
    Shortened {
        /// How many events were durable once.
        acknowledged: u64,
        /// How many there are.
        found: u64,
        /// The file that says so.
        path: PathBuf,
    },
    /// What is to take the place of a log that was lost was made, and not filled.
    #[error(
        "{acknowledged} events were acknowledged here, and the store that is to have them again has none yet: what was to put \
         them back was cut off"
    )]
    Unfinished {
        /// How many events were acknowledged.
        acknowledged: u64,
    },
    /// What was to be put in the place of a log lacks what was acknowledged there.
    #[error(
        "{} says that {acknowledged} events were acknowledged here: what was to take their place has {given}{}",
        path.display(),
        if acknowledged == given { ", and another last one" } else { "" }
    )]
    TurnedBack {
        /// How many events were acknowledged.
        acknowledged: u64,
        /// How many there would be.
        given: u64,
        /// The file that says so.
        path: PathBuf,
    },
    /// A removal failed half way, in this process; opening the log again ends it.
    #[error("the store is closed: a removal was cut off; opening the log again ends it")]
    Closed,
    /// The store is a symbolic link, so that what is removed would stay where it leads.
    #[error("{path} is a symbolic link: a removal would leave the bytes where it leads")]
    Linked {
        /// The link.
        path: PathBuf,
    },
    /// What is stored cannot be read back.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// What cannot be read.
        what: Damage,
    },
    /// The system refuses.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The store's library reports an error.
    #[cfg(feature = "sled")]
    #[error("the store cannot be used: {}", said(.0))]
    Sled(#[from] ::sled::Error),
    /// The store's library stopped on what it found.
    #[error("the store is damaged: its library stopped with {message:?}")]
    Panicked {
        /// What it said.
        message: String,
    },
}

impl StoreError {
    /// What the system refused, where that is what went wrong.
    pub fn refused_by_system(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { error, .. } => Some(error.kind()),
            #[cfg(feature = "sled")]
            Self::Sled(::sled::Error::Io(error)) => Some(error.kind()),
            _ => None,
        }
    }
}

/// What the store's library says. It keeps of an error of the system only its kind, and words for programmers.
#[cfg(feature = "sled")]
fn said(error: &::sled::Error) -> String {
    match error {
        ::sled::Error::Io(error) if error.raw_os_error().is_none() => error.kind().to_string(),
        ::sled::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// What cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// An event is not there.
    #[error("event {0} is not there")]
    EventMissing(u64),
    /// An event's bytes make no event.
    #[error("event {0} cannot be decoded")]
    Event(u64),
    /// The head's bytes make no head.
    #[error("the head cannot be decoded")]
    Head,
    /// Hashes of the tree are not there.
    #[error("the tree lacks hashes of level {level}, piece {index}")]
    Tree {
        /// The level.
        level: u8,
        /// The place within the level.
        index: u64,
    },
    /// A block of what is derived from the events is not there.
    #[error(
        "a table beside the events lacks block {} of run {}; derive it anew: demarche snapshot --anew",
        .0.index, .0.run
    )]
    Block(BlockKey),
    /// What is derived from the events names one past the last.
    #[error(
        "a table beside the events names event {0}, which is not there; derive it anew: demarche snapshot --anew"
    )]
    Row(u64),
    /// A blob is not there whole.
    #[error("the blob {0:?} is cut short")]
    Blob(String),
}

/// Checks that the next head has the size that the batch leads to, after what is staged.
fn check_next(change: Change<'_>, staged: Option<u64>) -> Result<(), StoreError> {
    let Change { expected, events, next, .. } = change;
    let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
    if staged.unwrap_or(expected.size).checked_add(count) == Some(next.size) {
        Ok(())
    } else {
        Err(StoreError::HeadMismatch { expected, next, batch: count })
    }
}
