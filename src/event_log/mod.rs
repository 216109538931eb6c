//! The event log: open, append, read back.
//!
//! [`EventLog`] puts model, record and replay over any [`Store`]. Clock and randomness are arguments
//! ([`Surroundings`]). It is open at once, however long the log is, but where names must be derived anew: they are looked
//! up in a table kept beside the events (`names`), and of the events only those are read, and checked, that are needed
//! or that the table does not reach. What answers from all of them
//! ([`FoldedLog`], [`world`]) or signs for all of them ([`EventLog::check`]) checks, in the same pass, that every header
//! follows the one before it and that every payload is the one its header commits to. What that does not establish is
//! said by [`verify`].

pub mod answer_proof;
mod append;
pub mod bracket;
pub mod checkpoints;
mod clock;
pub mod copy;
mod derived;
mod erase;
mod examine;
pub mod finding;
mod fold;
mod gates;
pub mod group;
mod hashes;
mod names;
mod parallel;
pub mod passage;
pub mod portable;
mod prepare;
pub mod prove;
pub mod report;
mod runs;
pub mod snapshot;
mod sources;
mod staging;
mod statements;
#[cfg(test)]
mod still;
mod system;
pub mod tiles;
mod tree;
pub mod verify;
pub mod world;

use std::collections::BTreeMap;

use crate::model::calendar::Instant;
use crate::model::event::Event;
use crate::model::limits::ORIGIN_BYTES_MAX;
use crate::model::schema::Kind;
use crate::model::text::{is_hidden, is_unseen};
use crate::model::value::Value;
use crate::record::commitment::{Commitment, Salt, commit_payload};
use crate::record::header::{FORMAT_VERSION, Header, HeaderError};
use crate::record::json;
use crate::record::link::Link;
use crate::record::note::VerifierKey;
use crate::record::system::{Erasure, Genesis, KeyRing, SystemEvent, other_format};
use crate::record::tile::Tiles;
use crate::record::tree::{Frontier, Root};
use crate::replay::Content;
use crate::store::{Damage, EventRef, Head, Part, PartRef, Store, StoreError, StoredEvent};
use names::{CatchUpError, LookUp, Name, Names};

pub use append::{
    AppendError, AppendOptions, Appended, Input, InputLine, Outcome, Stretch, Submission,
};
pub use clock::{ClockError, WentBack};
pub use erase::{EraseError, Erased};
pub use fold::FoldedLog;
pub use gates::{Cause, FileError, InputError, NoText, NotCorrectable, Refusal, SourceFiles};
pub use system::{RecordError, Recorded};

/// What the log needs from outside itself.
pub trait Surroundings {
    /// The time now.
    fn now(&mut self) -> Instant;
    /// Thirty-two bytes that nobody can guess.
    fn salt(&mut self) -> [u8; 32];
}

/// A log, open for appending and for reading single events.
#[derive(Debug)]
pub struct EventLog<S> {
    store: S,
    origin: String,
    head: Head,
    frontier: Frontier,
    keys: KeyRing,
    /// What was erased, and by which event.
    erased: BTreeMap<u64, u64>,
    last_recorded: Instant,
    names: Names,
    /// The kinds of events that were referred to, by their ids.
    kinds: LookUp<String, Kind>,
    /// Whether something was cut off, so that [`EventLog::settle`] must come before names are looked up.
    unsettled: bool,
}

/// A log cannot be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store holds no event, not even a genesis.
    #[error("the store holds no log")]
    Empty,
    /// The store holds a log already.
    #[error("the store holds a log of {0} events already")]
    NotEmpty(u64),
    /// The time of the genesis cannot be recorded.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The origin is not one.
    #[error("{origin:?} cannot be an origin: {why}")]
    Origin {
        /// The text given.
        origin: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The stored bytes do not fit together.
    #[error("the log does not verify: event {seq}: {wrong}")]
    DoesNotVerify {
        /// The first event that does not fit.
        seq: u64,
        /// What is wrong with it.
        wrong: DoesNotFit,
    },
}

impl From<CatchUpError> for OpenError {
    fn from(error: CatchUpError) -> Self {
        match error {
            CatchUpError::Store(error) => Self::Store(error),
            CatchUpError::DoesNotFit { seq, wrong } => Self::DoesNotVerify { seq, wrong },
        }
    }
}

/// What is wrong with a stored event, found when it was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoesNotFit {
    /// Its header cannot be read.
    #[error("its header cannot be read: {0}")]
    Header(#[from] HeaderError),
    /// Its number is not the next one.
    #[error("it says that it is number {0}")]
    Seq(u64),
    /// It does not follow the event before it.
    #[error("it does not follow the event before it: expected link {expected}, found {found}")]
    Link {
        /// The link of the event before it.
        expected: Link,
        /// The link in its header.
        found: Link,
    },
    /// Its payload is not the one that its header commits to.
    #[error("its payload is not the one its header commits to: expected {expected}, found {found}")]
    Payload {
        /// The commitment in its header.
        expected: Commitment,
        /// The commitment to the stored payload.
        found: Commitment,
    },
    /// It is the last event, and its link is not the head.
    #[error("it is the last event, and its link is {found}, while the head is {expected}")]
    Head {
        /// The stored head.
        expected: Link,
        /// Its link.
        found: Link,
    },
    /// The stored tree is not the one that the headers lead to.
    #[error("the stored tree is not the one that the headers up to it lead to")]
    Tree,
    /// It is the genesis, and says that the log is of another format.
    #[error("it says that the log is of format {0}; this program knows format {FORMAT_VERSION}")]
    Format(i64),
}

impl<S: Store> EventLog<S> {
    /// Makes a log in an empty store: appends its genesis, which names the key that signs its checkpoints, if there is
    /// one.
    pub fn create(
        store: S,
        origin: &str,
        key: Option<&VerifierKey>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Self, OpenError> {
        check_origin(origin)?;
        let head = store.head()?;
        if head.size > 0 {
            return Err(OpenError::NotEmpty(head.size));
        }
        let now = clock::recordable(surroundings.now())?;
        let genesis = SystemEvent::Genesis(Genesis {
            origin: origin.to_owned(),
            created: now,
            key: key.cloned(),
        });
        let mut log = Self::before_genesis(store)?;
        origin.clone_into(&mut log.origin);
        log.append_system_at(&genesis, now, Salt(surroundings.salt()))?;
        Self::open(log.store)
    }

    /// A log of which nothing was read yet.
    fn before_genesis(store: S) -> Result<Self, StoreError> {
        Ok(Self {
            kinds: LookUp::new(),
            names: Names::read(&store, store.head()?.size)?,
            store,
            origin: String::new(),
            head: Head::EMPTY,
            frontier: Frontier::default(),
            keys: KeyRing::default(),
            erased: BTreeMap::new(),
            last_recorded: Instant::MIN,
            unsettled: false,
        })
    }

    /// Opens the log in a store. What is read of it, the last events and those of the program itself, is checked; the
    /// rest is not, see [`EventLog::check`].
    pub fn open(store: S) -> Result<Self, OpenError> {
        Self::open_with(store, &mut |_| {})
    }

    /// The same; `progress` is told how many events have been named, where their names must be derived anew.
    pub fn open_with(store: S, progress: &mut dyn FnMut(u64)) -> Result<Self, OpenError> {
        let head = store.head()?;
        if head.size == 0 {
            return Err(OpenError::Empty);
        }
        let mut log = Self::before_genesis(store)?;
        log.names.remove_unkept(&mut log.store)?;
        statements::remove_unkept(&mut log.store, head.size)?;
        log.names.catch_up(&mut log.store, head.size, progress)?;
        log.head = head;
        let (header, genesis) = log.fitting(0)?;
        if let Part::Present { bytes, .. } = &genesis.payload
            && let Some(format) = read_other_format(bytes)
        {
            return Err(OpenError::DoesNotVerify { seq: 0, wrong: DoesNotFit::Format(format) });
        }
        log.origin = header.log;
        log.take_last(head)?;
        for kind in [Kind::Genesis, Kind::Key, Kind::Erasure] {
            for seq in log.names.find(Name::Kind(kind).key(), &log.store)? {
                let (header, event) = log.fitting(seq)?;
                if let Part::Present { bytes, .. } = &event.payload {
                    log.take_system(seq, &header.kind, bytes);
                }
            }
        }
        Ok(log)
    }

    /// Lets go of what an append that failed, or a table that could not be kept, has left, and reads the names anew, as
    /// they are kept. If that cannot be done it stays to be done.
    fn settle(&mut self) -> Result<(), StoreError> {
        if !self.unsettled {
            return Ok(());
        }
        self.kinds.clear();
        self.store.unstage()?;
        self.names = Names::read(&self.store, self.head.size)?;
        self.names.remove_unkept(&mut self.store)?;
        statements::remove_unkept(&mut self.store, self.head.size)?;
        match self.names.catch_up(&mut self.store, self.head.size, &mut |_| {}) {
            Ok(()) => {
                self.unsettled = false;
                Ok(())
            }
            Err(CatchUpError::Store(error)) => Err(error),
            // Those after it would have no names, so that what is there would not be found. Opening the log says more.
            Err(CatchUpError::DoesNotFit { seq, .. }) => {
                Err(StoreError::Damaged { what: Damage::Event(seq) })
            }
        }
    }

    /// Keeps the names, after an append. That cannot fail it, since its events are in the log: what is not kept of names
    /// is derived from them again, before it is needed or when the log is opened.
    fn keep_names(&mut self) {
        self.names.reach(self.head.size);
        if !self.unsettled {
            self.unsettled = self.names.keep(&mut self.store).is_err();
        }
    }

    /// The last event must be the one that the head names. The tree is not compared with it, only read as far as what
    /// comes next needs of it: its last leaves are made from headers, and [`EventLog::check`] compares the rest.
    fn take_last(&mut self, head: Head) -> Result<(), OpenError> {
        let seq = head.size.saturating_sub(1);
        let (header, event) = self.fitting(seq)?;
        let found = Link::of(&event.header);
        if found.0 != head.link {
            let wrong = DoesNotFit::Head { expected: Link(head.link), found };
            return Err(OpenError::DoesNotVerify { seq, wrong });
        }
        let tree = tree::StoredTree(&self.store);
        let tiles = Tiles(&tree);
        let frontier = Frontier::read(head.size, &tiles).map_err(tree::as_store_error)?;
        self.frontier = frontier;
        self.last_recorded = header.recorded_at;
        Ok(())
    }

    /// One event, which must fit.
    fn fitting(&self, seq: u64) -> Result<(Header, StoredEvent), OpenError> {
        let wrong = |wrong| OpenError::DoesNotVerify { seq, wrong };
        let missing = StoreError::Damaged { what: Damage::EventMissing(seq) };
        let event = self.stored(seq)?.ok_or(missing)?;
        let header = fitting_header(event.as_ref(), seq).map_err(wrong)?;
        Ok((header, event))
    }

    /// Checks that every header follows the one before it, that the last is the one that the head names, that every payload
    /// is the one that its header commits to, and that the headers lead to the frontier of the stored tree, so to its root;
    /// hashes of the tree that the frontier does not hold are for `verify`. `progress` is told how many events were checked.
    pub fn check(&self, progress: &mut dyn FnMut(u64)) -> Result<(), OpenError> {
        fold::check(&self.store, self.head, &|_, _| (), &mut |_, ()| {}, progress)
    }

    /// Who keeps this log, as its genesis says.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many events there are, and the link of the last.
    pub const fn head(&self) -> Head {
        self.head
    }

    /// The RFC 6962 root over all headers.
    pub fn root(&self) -> Root {
        self.frontier.root()
    }

    /// The root over the first `size` events, from the stored tree; `None` if there are not so many.
    pub fn root_at(&self, size: u64) -> Result<Option<Root>, StoreError> {
        if size > self.head.size {
            return Ok(None);
        }
        tree::stored_root(size, &self.store).map(Some)
    }

    /// When the last event was recorded.
    pub const fn last_recorded(&self) -> Instant {
        self.last_recorded
    }

    /// The keys that sign this log's checkpoints, as its events tell.
    pub const fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The erasure that took an event's content away, with its number.
    pub fn erasure_of(&self, seq: u64) -> Result<Option<(u64, Erasure)>, StoreError> {
        let Some(by) = self.erased.get(&seq).copied() else { return Ok(None) };
        let stored = self.stored(by)?;
        Ok(stored.and_then(|event| match event.payload {
            Part::Present { bytes, .. } => match read_system("erasure", &bytes) {
                Some(SystemEvent::Erasure(erasure)) => Some((by, erasure)),
                _ => None,
            },
            Part::Absent => None,
        }))
    }

    /// The store underneath.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Lets go of the log, and gives its store back.
    pub fn into_store(self) -> S {
        self.store
    }

    /// The stored bytes of one event; `None` if there is no such event.
    pub fn stored(&self, seq: u64) -> Result<Option<StoredEvent>, StoreError> {
        Ok(self.store.read(seq, 1)?.into_iter().next())
    }

    /// Follows what the program itself recorded, of keys and of erasures. What does not hold changes nothing here;
    /// `verify` names it.
    fn take_system(&mut self, seq: u64, kind: &str, bytes: &[u8]) {
        let _ = match read_system(kind, bytes) {
            Some(SystemEvent::Genesis(genesis)) if seq == 0 => self.keys.begin(&genesis),
            Some(SystemEvent::Key(event)) => self.keys.take(seq, &self.origin, &event),
            Some(SystemEvent::Erasure(erasure)) => {
                self.erased.extend(erasure.of.into_iter().map(|of| (of, seq)));
                Ok(())
            }
            _ => Ok(()),
        };
    }
}

/// Reads an event's header, which must be that of the event of this number and commit to its payload.
fn fitting_header(event: EventRef<'_>, seq: u64) -> Result<Header, DoesNotFit> {
    let payload = match event.payload {
        PartRef::Present { salt, bytes } => Some(commit_payload(&Salt(*salt), bytes)),
        PartRef::Absent => None,
    };
    fitting_hashed(event, seq, payload)
}

/// The same of an event whose payload was hashed already, if it is there.
fn fitting_hashed(
    event: EventRef<'_>,
    seq: u64,
    payload: Option<Commitment>,
) -> Result<Header, DoesNotFit> {
    let header = Header::from_bytes(event.header)?;
    if header.seq != seq {
        return Err(DoesNotFit::Seq(header.seq));
    }
    match payload {
        Some(found) if found != header.payload => {
            Err(DoesNotFit::Payload { expected: header.payload, found })
        }
        _ => Ok(header),
    }
}

/// The same, and what the event says.
fn read_fitting(event: EventRef<'_>, seq: u64) -> Result<(Header, Content), DoesNotFit> {
    let header = fitting_header(event, seq)?;
    let content = content_of(event, &header);
    Ok((header, content))
}

/// What an event with this header says.
fn content_of(event: EventRef<'_>, header: &Header) -> Content {
    match event.payload {
        PartRef::Absent => Content::Absent,
        PartRef::Present { bytes, .. } => read_payload(bytes, &header.kind),
    }
}

/// The kind of this name, if the program itself makes events of it.
fn system_kind(name: &str) -> Option<Kind> {
    Kind::parse(name).filter(|kind| kind.is_system())
}

/// Reads a payload's bytes as one that the program itself makes.
fn read_system(kind: &str, bytes: &[u8]) -> Option<SystemEvent> {
    system_kind(kind)?;
    let Ok(Value::Object(payload)) = json::parse_canonical(bytes) else { return None };
    SystemEvent::from_payload(&payload).filter(|event| event.kind() == kind)
}

/// Reads a payload's bytes as the event that the fold takes in.
fn read_payload(bytes: &[u8], kind: &str) -> Content {
    let Ok(Value::Object(payload)) = json::parse_canonical(bytes) else {
        return Content::Unreadable;
    };
    match Event::read(&payload) {
        Ok(event) if event.kind().name() != kind => Content::Unreadable,
        Ok(event) if event.kind().is_system() && SystemEvent::from_payload(&payload).is_none() => {
            Content::Unreadable
        }
        Ok(event) => Content::Readable(Box::new(event)),
        Err(_) => Content::Unreadable,
    }
}

/// The format that the payload of a genesis names, if it is another than the one that this version knows.
fn read_other_format(bytes: &[u8]) -> Option<i64> {
    match json::parse_canonical(bytes) {
        Ok(Value::Object(payload)) => other_format(&payload),
        _ => None,
    }
}

/// By which an event without an id is recognised.
fn content_hash(payload: &[u8], sealed: Option<&[u8]>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(payload);
    if let Some(sealed) = sealed {
        hasher.update(sealed);
    }
    *hasher.finalize().as_bytes()
}

/// An origin names the keeper of a log: like `example.org/desk`, and fit to stand in a signed note.
pub fn check_origin(origin: &str) -> Result<(), OpenError> {
    let why = if origin.is_empty() {
        "it is empty"
    } else if origin.len() > ORIGIN_BYTES_MAX {
        "it is longer than 255 bytes"
    } else if origin.chars().any(|c| c.is_whitespace() || is_hidden(c) || is_unseen(c)) {
        "it holds white space or a hidden character"
    } else if origin.contains('+') {
        "it holds a plus sign, which separates the parts of a key"
    } else {
        return Ok(());
    };
    Err(OpenError::Origin { origin: origin.to_owned(), why })
}
