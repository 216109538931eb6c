//! Names: which event is meant by an id, looked up in a table that is derived from the events and kept beside them.
//!
//! A row is the beginning of a hash of a name and the number of the event that has it. Besides ids, the measures that
//! events are steps of are names; so are the contacts in which statements were made; the kinds of events of which there
//! are few, so that they can be gone through; and the content of an event to which its reporter gave no id, by which it
//! is recognised when it is given again. A row only says where to look: what is found there is read and compared. Hashes
//! of content that can be guessed would outlive an erasure, so an erasure takes the whole table away, and it is derived
//! anew.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher, RandomState};

use super::parallel::scan;
use super::runs::{Merge, Run, Runs, Table};
use super::{DoesNotFit, content_hash, content_of, fitting_hashed, hashes};
use crate::model::event::{Body, Event};
use crate::model::schema::Kind;
use crate::replay::Content;
use crate::replay::bearing::Plain;
use crate::store::bundle::BUNDLE_EVENTS;
use crate::store::{EventRef, Events, PartRef, Store, StoreError, StoredEvent};

/// The table of names.
#[derive(Debug)]
pub(crate) struct NameTable;

impl Table for NameTable {
    const NUMBER: u8 = 0;
    const VERSION: u64 = 1;
    const ROW_BYTES: usize = 13;
    // Every name that is new is looked up in each run.
    const MERGED: usize = 8;

    fn measure(_: &[u8]) -> u64 {
        0
    }
}

/// The beginning of a hash of a name.
pub(crate) type Key = [u8; 8];

/// Rows in memory before they become a run.
const FRESH_ROWS_HELD: usize = 1 << 18;
/// So many events without rows in a run are left to the next opening.
const LEFT_OVER_EVENTS: u64 = BUNDLE_EVENTS;
/// So many look-ups in a run before its rows are read into a filter; fewer in a small one: one look-up costs about what
/// so many rows do.
const LOOK_UPS_BEFORE_FILTER: u64 = 1000;
const ROWS_A_LOOK_UP: u64 = 256;
/// How many bundles are kept at hand.
const BUNDLES_AT_HAND: usize = 16;

/// A map in which things are only looked up, so that its order never shows.
#[expect(clippy::disallowed_types, reason = "nobody goes through it")]
pub(crate) type LookUp<K, V, S = RandomState> = std::collections::HashMap<K, V, S>;

/// A name of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Name<'n> {
    /// Its id.
    Id(&'n str),
    /// The measure that it is a step of.
    Measure(&'n str),
    /// Its kind.
    Kind(Kind),
    /// Its content, by the hash of it.
    Content(&'n [u8; 32]),
    /// The contact in which it was said.
    Contact(&'n str),
}

impl Name<'_> {
    /// What its rows begin with.
    pub(crate) fn key(self) -> Key {
        let (domain, bytes): (&[u8; 1], &[u8]) = match self {
            Self::Id(id) => (b"i", id.as_bytes()),
            Self::Measure(id) => (b"m", id.as_bytes()),
            Self::Kind(kind) => (b"k", kind.name().as_bytes()),
            Self::Content(hash) => (b"c", hash),
            Self::Contact(id) => (b"t", id.as_bytes()),
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(domain).update(bytes);
        let hash = hasher.finalize();
        let mut key: Key = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        // The last bit sets ids apart: of them no two events may have the same.
        let [.., last] = &mut key;
        *last = (*last & !1) | u8::from(matches!(self, Self::Id(_)));
        key
    }
}

/// Whether events of this kind are few enough to be gone through.
pub(crate) const fn is_listed(kind: Kind) -> bool {
    !matches!(kind, Kind::Statement | Kind::Incident | Kind::Note)
}

/// The keys of what an event is known by.
pub(crate) fn keys_of(event: &Event, payload: &[u8], sealed: Option<&[u8]>) -> Vec<Key> {
    let mut keys = Vec::new();
    match &event.id {
        _ if event.kind().is_system() => {}
        Some(id) => keys.push(Name::Id(id).key()),
        None => keys.push(Name::Content(&content_hash(payload, sealed)).key()),
    }
    match &event.body {
        Body::Measure(step) => keys.push(Name::Measure(&step.measure).key()),
        Body::Statement(said) => {
            keys.extend(said.contact.iter().map(|contact| Name::Contact(contact).key()));
        }
        _ => {}
    }
    if is_listed(event.kind()) {
        keys.push(Name::Kind(event.kind()).key());
    }
    keys
}

/// The same of a plain statement.
pub(crate) fn keys_of_plain(
    statement: &Plain<'_>,
    payload: &[u8],
    sealed: Option<&[u8]>,
) -> impl Iterator<Item = Key> {
    let id = match statement.id() {
        Some(id) => Name::Id(id).key(),
        None => Name::Content(&content_hash(payload, sealed)).key(),
    };
    let contact = statement.contact().map(|contact| Name::Contact(contact).key());
    std::iter::once(id).chain(contact)
}

/// Whether a key, or a row, is that of an id.
pub(crate) fn is_of_id(row: &[u8]) -> bool {
    row.get(7).is_some_and(|last| last & 1 == 1)
}

/// A row: a key, and the number of an event in five bytes.
pub(crate) fn row(key: Key, seq: u64) -> [u8; 13] {
    let mut row = [0; 13];
    let (first, last) = row.split_at_mut(8);
    first.copy_from_slice(&key);
    last.copy_from_slice(seq.to_be_bytes().last_chunk::<5>().unwrap_or(&[0; 5]));
    row
}

/// The number in a row.
pub(crate) fn seq_of(row: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (byte, from) in bytes.iter_mut().rev().zip(row.iter().skip(8).rev()) {
        *byte = *from;
    }
    u64::from_be_bytes(bytes)
}

/// The names of a log.
#[derive(Debug)]
pub(crate) struct Names {
    runs: Runs<NameTable>,
    /// How many events are named by the rows in runs and in memory.
    size: u64,
    fresh: LookUp<u64, Numbers, BuildHasherDefault<AsItIs>>,
    fresh_rows: Vec<[u8; 13]>,
    filters: BTreeMap<u64, Filter>,
}

impl Names {
    /// The names as they are kept.
    pub(crate) fn read(store: &impl Store, events: u64) -> Result<Self, StoreError> {
        let runs = Runs::read(store, events)?;
        Ok(Self {
            size: runs.size(),
            runs,
            fresh: LookUp::default(),
            fresh_rows: Vec::new(),
            filters: BTreeMap::new(),
        })
    }

    /// Names what was appended since: reads those events, and checks each by itself.
    pub(crate) fn catch_up(
        &mut self,
        store: &mut impl Store,
        events: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), CatchUpError> {
        while self.size < events {
            // A run at a time, so that what is read is never held while it is written.
            let end = events.min(self.size.saturating_add(FRESH_ROWS_HELD as u64 / 2));
            let keys = |(): &mut (), first: u64, read: Result<Events, StoreError>| {
                keys_of_all(first, &read?)
            };
            let (from, mut rows) = (self.size, Vec::new());
            scan(
                &*store,
                (from, end),
                || (),
                keys,
                |keys| {
                    rows.extend(keys?);
                    Ok::<_, CatchUpError>(())
                },
            )?;
            for (key, seq) in rows {
                self.push(key, seq);
            }
            self.size = end;
            if self.fresh_rows.len() >= FRESH_ROWS_HELD / 2 {
                self.write_run(store)?;
            }
            progress(end);
        }
        if events.saturating_sub(self.runs.size()) >= LEFT_OVER_EVENTS {
            self.keep(store)?;
        }
        Ok(())
    }

    /// Takes away what an append that was cut off left of names.
    pub(crate) fn remove_unkept(&self, store: &mut impl Store) -> Result<(), StoreError> {
        self.runs.remove_unkept(store)
    }

    /// Adds a name of an event.
    pub(crate) fn push(&mut self, key: Key, seq: u64) {
        self.fresh_rows.push(row(key, seq));
        let known = self.fresh.entry(u64::from_be_bytes(key));
        known.and_modify(|known| known.push(seq)).or_insert(Numbers::One(seq));
    }

    /// All events before this number are named.
    pub(crate) fn reach(&mut self, size: u64) {
        self.size = size;
    }

    /// Makes room in memory, if it is needed. What is written does not count before [`Names::keep`].
    pub(crate) fn make_room(&mut self, store: &mut impl Store) -> Result<(), StoreError> {
        if self.fresh_rows.len() >= FRESH_ROWS_HELD { self.write_run(store) } else { Ok(()) }
    }

    fn write_run(&mut self, store: &mut impl Store) -> Result<(), StoreError> {
        let mut rows = std::mem::take(&mut self.fresh_rows);
        rows.sort_unstable();
        self.fresh.clear();
        self.runs.add(rows.as_flattened(), self.size, store)?;
        let runs = self.runs.runs();
        self.filters.retain(|id, _| runs.iter().any(|run| run.id() == *id));
        Ok(())
    }

    /// Makes what is named so far last, if there is enough of it.
    pub(crate) fn keep(&mut self, store: &mut impl Store) -> Result<(), StoreError> {
        if self.size.saturating_sub(self.runs.size()) < LEFT_OVER_EVENTS && !self.runs.is_unkept() {
            return Ok(());
        }
        self.keep_all(store)
    }

    /// The same, however little it is.
    pub(crate) fn keep_all(&mut self, store: &mut impl Store) -> Result<(), StoreError> {
        if self.runs.size() < self.size {
            self.write_run(store)?;
        }
        if self.runs.is_unkept() { self.runs.keep(store) } else { Ok(()) }
    }

    /// The numbers of the events that may have this name, in order.
    pub(crate) fn find(&mut self, key: Key, store: &impl Store) -> Result<Vec<u64>, StoreError> {
        let mut found = Vec::new();
        for run in self.runs.runs() {
            let filter = self.filters.entry(run.id()).or_default();
            if filter.may_hold(key, run, self.size, store)? {
                let rows = run.find::<NameTable>(&key, store)?;
                found.extend(rows.iter().map(|row| seq_of(row)));
            }
        }
        if let Some(numbers) = self.fresh.get(&u64::from_be_bytes(key)) {
            found.extend(numbers.iter());
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

/// The keys of some events, each with the number of its event.
fn keys_of_all(first: u64, events: &Events) -> Result<Vec<(Key, u64)>, CatchUpError> {
    let mut keys = Vec::new();
    let hashed = events.iter().zip(hashes::payloads(events));
    for (seq, (event, payload)) in (first..).zip(hashed) {
        let header = fitting_hashed(event, seq, payload)
            .map_err(|wrong| CatchUpError::DoesNotFit { seq, wrong })?;
        let content = content_of(event, &header);
        if let (Content::Readable(read), PartRef::Present { bytes, .. }) = (content, event.payload)
        {
            let of_event = keys_of(&read, bytes, sealed_of(event));
            keys.extend(of_event.into_iter().map(|key| (key, seq)));
        }
    }
    Ok(keys)
}

/// The bytes of a sealed part, if they are there.
pub(crate) fn sealed_of(event: EventRef<'_>) -> Option<&[u8]> {
    match event.sealed {
        Some(PartRef::Present { bytes, .. }) => Some(bytes),
        _ => None,
    }
}

/// Events cannot be named.
#[derive(Debug)]
pub(crate) enum CatchUpError {
    /// The store cannot be read or written.
    Store(StoreError),
    /// An event does not fit.
    DoesNotFit {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        wrong: DoesNotFit,
    },
}

impl From<StoreError> for CatchUpError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Numbers of events; nearly always one.
#[derive(Debug)]
enum Numbers {
    One(u64),
    Many(Vec<u64>),
}

impl Numbers {
    fn push(&mut self, seq: u64) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, seq]),
            Self::Many(all) => all.push(seq),
        }
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        let all = match self {
            Self::One(first) => std::slice::from_ref(first),
            Self::Many(all) => all.as_slice(),
        };
        all.iter().copied()
    }
}

/// A hash of what is a hash already.
#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let last = bytes.last_chunk::<8>().copied().unwrap_or_default();
        self.0 ^= u64::from_be_bytes(last);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Says of most keys that are not in a run that they are not: a blocked Bloom filter of its rows, made once there were
/// enough look-ups to pay for reading them.
#[derive(Debug, Default)]
struct Filter {
    look_ups: u64,
    /// Blocks of 512 bits.
    bits: Vec<[u64; 8]>,
}

impl Filter {
    fn may_hold(
        &mut self,
        key: Key,
        run: &Run,
        events: u64,
        store: &impl Store,
    ) -> Result<bool, StoreError> {
        if self.bits.is_empty() {
            self.look_ups = self.look_ups.saturating_add(1);
            if self.look_ups < LOOK_UPS_BEFORE_FILTER.min(run.rows() / ROWS_A_LOOK_UP) {
                return Ok(true);
            }
            // Twelve bits a row; no event has more than four.
            let rows = run.rows().min(events.saturating_mul(4));
            let blocks = rows.saturating_mul(12).div_ceil(512).max(1);
            self.bits = vec![[0; 8]; usize::try_from(blocks).unwrap_or(1)];
            let mut rows = Merge::<NameTable>::new(std::slice::from_ref(run), store)?;
            while let Some(row) = rows.next(store)? {
                if let Some(key) = row.first_chunk() {
                    self.set(*key);
                }
            }
        }
        let (block, marks) = self.place(key);
        let bits = self.bits.get(block).copied().unwrap_or_default();
        Ok(bits.iter().zip(marks).all(|(bits, mark)| bits & mark == mark))
    }

    fn set(&mut self, key: Key) {
        let (block, marks) = self.place(key);
        if let Some(bits) = self.bits.get_mut(block) {
            bits.iter_mut().zip(marks).for_each(|(bits, mark)| *bits |= mark);
        }
    }

    /// The block of a key, and six bits in it.
    fn place(&self, key: Key) -> (usize, [u64; 8]) {
        let hash = u64::from_be_bytes(key);
        let blocks = u128::try_from(self.bits.len()).unwrap_or(0);
        let block = (u128::from(hash).saturating_mul(blocks)) >> 64;
        // The place of the block takes the high bits; what chooses within it must not follow from them.
        let mut rest = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut marks = [0_u64; 8];
        for _ in 0..6 {
            let bit = rest & 511;
            if let Some(mark) = usize::try_from(bit >> 6).ok().and_then(|at| marks.get_mut(at)) {
                *mark |= 1 << (bit & 63);
            }
            rest = rest.rotate_right(9);
        }
        (usize::try_from(block).unwrap_or(0), marks)
    }
}

/// Single events of a store, with the bundles that were read last at hand.
#[derive(Debug, Default)]
pub(crate) struct AtHand {
    bundles: VecDeque<(u64, Events)>,
}

impl AtHand {
    /// The stored bytes of an event; `None` if there is no such event.
    pub(crate) fn stored(
        &mut self,
        seq: u64,
        store: &impl Store,
    ) -> Result<Option<StoredEvent>, StoreError> {
        let known = self.bundles.iter().find_map(|(first, events)| {
            let index = usize::try_from(seq.checked_sub(*first)?).ok()?;
            events.get(index).map(EventRef::to_stored)
        });
        if known.is_some() {
            return Ok(known);
        }
        let first = seq - seq % BUNDLE_EVENTS;
        let size = store.head()?.size;
        if seq < size && first.saturating_add(BUNDLE_EVENTS) > size {
            // It is in no bundle, so those beside it need not be read.
            return Ok(store.read(seq, 1)?.into_iter().next());
        }
        let events = store.events(first)?;
        let index = usize::try_from(seq.saturating_sub(first)).unwrap_or(usize::MAX);
        let stored = events.get(index).map(EventRef::to_stored);
        if u64::try_from(events.len()) == Ok(BUNDLE_EVENTS) {
            self.bundles.push_front((first, events));
            self.bundles.truncate(BUNDLES_AT_HAND);
        }
        Ok(stored)
    }
}
