//! Sorted runs: a table of rows of fixed length, derived from the events and kept beside them in blocks.
//!
//! Rows are gathered in memory, sorted, and written as a run, which never changes. Runs of about the same size are merged
//! into one, so there are few of them, and every row is written only some times over, however many there are. A run is
//! blocks of rows, and blocks of a directory: for each block of rows its first row, and the least value of the [`Table`]'s
//! own measure of a row. Of each row only what differs from the row before it is kept. The manifest names the runs that
//! count and up to which event they reach; whatever they lack is folded anew from the events.
//! A table is never the last word: `verify` derives all of it once more and compares.

mod merge;
mod run;
mod write;

use std::marker::PhantomData;

pub(crate) use self::merge::Merge;
pub(crate) use self::run::Run;
use self::write::Writer;
use crate::store::{BlockKey, Store, StoreError};

/// What a table holds.
pub(crate) trait Table {
    /// The number under which its blocks lie; even, since its directories lie under the next.
    const NUMBER: u8;
    /// The version of the rules by which rows are derived. A table of another version is not used.
    const VERSION: u64;
    /// The length of a row.
    const ROW_BYTES: usize;

    /// So many runs of about one size are merged.
    const MERGED: usize;

    /// What the directory keeps the least of, for each block.
    fn measure(row: &[u8]) -> u64;
}

/// Runs are merged into the largest when a table is kept and they have at least this part of its rows.
const MERGED_WHOLE: u64 = 4;
/// The length of a run's entry in the manifest.
const ENTRY_BYTES: usize = 32;
/// The length of the manifest without its runs.
const STAMP_BYTES: usize = 24;

/// The runs of a table that count, and how far they reach.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "a table is its runs")]
pub(crate) struct Runs<T> {
    /// How many events the rows are derived from.
    size: u64,
    next_id: u64,
    runs: Vec<Run>,
    /// How many events the manifest in the store says.
    kept: u64,
    /// The first run that no manifest in the store can name.
    first_unkept: u64,
    /// Runs whose rows were merged into others, and that are not taken away yet.
    replaced: Vec<Run>,
    table: PhantomData<T>,
}

impl<T: Table> Runs<T> {
    /// A table without rows.
    pub(crate) const fn new() -> Self {
        Self {
            size: 0,
            next_id: 1,
            runs: Vec::new(),
            kept: 0,
            first_unkept: 1,
            replaced: Vec::new(),
            table: PhantomData,
        }
    }

    /// The table as it is kept; an empty one where there is none, or one of other rules, or one that cannot be of a log of
    /// so many events.
    pub(crate) fn read(store: &impl Store, events: u64) -> Result<Self, StoreError> {
        let manifest = store.block(Self::manifest())?;
        let read = manifest.and_then(|bytes| Self::from_bytes(&bytes));
        Ok(read.filter(|runs| runs.size <= events).unwrap_or_else(Self::new))
    }

    /// Takes the whole table away, as far as its manifest can be read.
    pub(crate) fn remove(store: &mut impl Store) -> Result<(), StoreError> {
        let manifest = store.block(Self::manifest())?.unwrap_or_default();
        let known = Self::from_bytes(&manifest);
        store.remove_blocks(T::NUMBER, 0)?;
        store.sync()?;
        for run in known.iter().flat_map(|table| &table.runs) {
            run.remove::<T>(store)?;
        }
        Ok(())
    }

    /// The version of the table that is kept, if it is another than this program's.
    pub(crate) fn other_version(store: &impl Store) -> Result<Option<i64>, StoreError> {
        let manifest = store.block(Self::manifest())?.unwrap_or_default();
        let version = manifest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let other = version.filter(|version| *version != T::VERSION);
        Ok(other.and_then(|version| i64::try_from(version).ok()))
    }

    const fn manifest() -> BlockKey {
        BlockKey { table: T::NUMBER, run: 0, index: 0 }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (stamp, entries) = bytes.split_at_checked(STAMP_BYTES)?;
        let [version, size, next_id] = numbers(stamp)?;
        let runs = entries.chunks(ENTRY_BYTES).map(|entry| {
            let [id, rows, blocks, directory_blocks] = numbers(entry)?;
            let run = Run { id, rows, blocks, directory_blocks };
            run.is_possible::<T>().then_some(run)
        });
        let runs = runs.collect::<Option<Vec<_>>>()?;
        // Run 0 is the manifest, and what is from the next on was never kept.
        if runs.iter().any(|run| run.id == 0 || run.id >= next_id) || next_id == 0 {
            return None;
        }
        let new = Self { size, next_id, runs, kept: size, first_unkept: next_id, ..Self::new() };
        (version == T::VERSION).then_some(new)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let entries =
            self.runs.iter().flat_map(|run| [run.id, run.rows, run.blocks, run.directory_blocks]);
        for number in [T::VERSION, self.size, self.next_id].into_iter().chain(entries) {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    /// How many events its rows are derived from.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Its runs, in the order of their events.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Whether there are rows that the manifest in the store does not count.
    pub(crate) const fn is_unkept(&self) -> bool {
        self.size != self.kept
    }

    /// Adds a run of sorted rows, which carry the table on to so many events, and merges what must be merged. It counts
    /// for whoever reads the table once it is kept.
    pub(crate) fn add(
        &mut self,
        rows: &[u8],
        size: u64,
        store: &mut impl Store,
    ) -> Result<(), StoreError> {
        self.size = size;
        if rows.is_empty() {
            return Ok(());
        }
        let mut writer = self.begin();
        for row in rows.chunks_exact(T::ROW_BYTES) {
            writer.push(row, store)?;
        }
        self.runs.push(writer.finish(store)?);
        while let Some(from) = self.to_merge() {
            self.merge(from, store)?;
        }
        Ok(())
    }

    /// Merges all runs from this one on into one.
    fn merge(&mut self, from: usize, store: &mut impl Store) -> Result<(), StoreError> {
        let merged = self.runs.get(from..).unwrap_or_default().to_vec();
        let mut writer = self.begin();
        let mut rows = Merge::<T>::new(&merged, store)?;
        while let Some(row) = rows.next(store)? {
            writer.push(row, store)?;
        }
        let run = writer.finish(store)?;
        self.runs.truncate(from);
        self.runs.push(run);
        for run in &merged {
            // What no manifest names makes room at once, so that a long append does not take twice what it leaves. Its
            // directory stays as a sign that the run was there, see `remove_unkept`.
            if run.id >= self.first_unkept {
                store.remove_blocks(T::NUMBER, run.id)?;
            }
        }
        self.replaced.extend(merged);
        Ok(())
    }

    /// Makes the table last as it is now.
    pub(crate) fn keep(&mut self, store: &mut impl Store) -> Result<(), StoreError> {
        // After long appends the fewer runs there are, the less is read for each look-up.
        let rows = |runs: &[Run]| runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.rows));
        if let [largest, others @ ..] = self.runs.as_slice()
            && !others.is_empty()
            && rows(others).saturating_mul(MERGED_WHOLE) >= largest.rows
        {
            self.merge(0, store)?;
        }
        // What the manifest names must be there before it does, and what it named until then after.
        store.sync()?;
        store.put_block(Self::manifest(), &self.to_bytes())?;
        store.sync()?;
        (self.kept, self.first_unkept) = (self.size, self.next_id);
        for run in std::mem::take(&mut self.replaced) {
            run.remove::<T>(store)?;
        }
        Ok(())
    }

    /// Takes away what was written and never kept, when an append was given up or cut off.
    pub(crate) fn remove_unkept(&self, store: &mut impl Store) -> Result<(), StoreError> {
        for id in self.next_id..u64::MAX {
            let first = |table| store.block(BlockKey { table, run: id, index: 0 });
            if first(T::NUMBER)?.is_none() && first(T::NUMBER + 1)?.is_none() {
                break;
            }
            Run { id, rows: 0, blocks: 0, directory_blocks: 0 }.remove::<T>(store)?;
        }
        Ok(())
    }

    /// From which run on all are merged into one: those at the end that are not much larger than the others together.
    fn to_merge(&self) -> Option<usize> {
        let mut gathered = 0_u64;
        let mut from = None;
        for (index, run) in self.runs.iter().enumerate().rev() {
            let count = self.runs.len().saturating_sub(index);
            if count > 1 && run.rows > gathered.saturating_mul(2) {
                break;
            }
            gathered = gathered.saturating_add(run.rows);
            if count >= T::MERGED {
                from = Some(index);
            }
        }
        from
    }

    fn begin(&mut self) -> Writer<T> {
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        Writer::new(id)
    }
}

fn numbers<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let (chunks, rest) = bytes.as_chunks::<8>();
    if chunks.len() != N || !rest.is_empty() {
        return None;
    }
    for (number, chunk) in numbers.iter_mut().zip(chunks) {
        *number = u64::from_be_bytes(*chunk);
    }
    Some(numbers)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::run::rows_of;
    use super::*;
    use crate::store::BLOCK_BYTES_MAX;
    use crate::store::memory::MemoryStore;
    use proptest::prelude::*;

    struct Small;
    impl Table for Small {
        const NUMBER: u8 = 0;
        const VERSION: u64 = 1;
        const ROW_BYTES: usize = 6;
        const MERGED: usize = 4;
        fn measure(row: &[u8]) -> u64 {
            u64::from(row[5])
        }
    }

    /// All rows of a table, in order.
    fn all(runs: &Runs<Small>, store: &MemoryStore) -> Vec<Vec<u8>> {
        let mut merge = Merge::<Small>::new(runs.runs(), store).unwrap();
        std::iter::from_fn(|| merge.next(store).unwrap().map(<[u8]>::to_vec)).collect()
    }

    /// The rows of one batch: few enough for a block or two.
    fn batch(number: u8) -> Vec<u8> {
        (0..=255).flat_map(|row| [number, row, 0, 0, 0, 0]).collect()
    }

    fn has_rows(store: &MemoryStore, run: u64) -> bool {
        store.block(BlockKey { table: Small::NUMBER, run, index: 0 }).unwrap().is_some()
    }

    #[test]
    fn a_block_is_as_long_as_it_may_be_and_no_longer() {
        let mut store = MemoryStore::new();
        let mut runs = Runs::<Small>::new();
        let rows: Vec<u8> =
            (0..20_000_u64).flat_map(|row| row.to_be_bytes()[2..].to_vec()).collect();
        runs.add(&rows, 1, &mut store).unwrap();
        let run = runs.runs().last().unwrap();
        let key = |index| BlockKey { table: Small::NUMBER, run: run.id(), index };
        let lengths = (0..).map_while(|index| store.block(key(index)).unwrap());
        let lengths: Vec<usize> = lengths.map(|block| block.len()).collect();
        let (_, full) = lengths.split_last().unwrap();
        assert!(full.len() > 3, "{lengths:?}");
        // How many bytes a row shares with the one before it is a byte; a row is taken where all of it would have room.
        let has_no_room = |length: usize| length + 1 + Small::ROW_BYTES > BLOCK_BYTES_MAX;
        assert!(full.iter().all(|length| has_no_room(*length)), "{lengths:?}");
        assert!(lengths.iter().all(|length| *length <= BLOCK_BYTES_MAX), "{lengths:?}");
    }

    /// What would break: a long append that takes twice the room of what it leaves; a kept table that loses rows to an
    /// append that is given up; blocks that stay for good after one.
    #[test]
    fn what_was_merged_away_makes_room_unless_it_is_kept() {
        let mut store = MemoryStore::new();
        let mut runs = Runs::<Small>::new();
        for number in 0..3 {
            runs.add(&batch(number), u64::from(number) + 1, &mut store).unwrap();
        }
        runs.keep(&mut store).unwrap();
        let kept: Vec<u64> = runs.runs().iter().map(Run::id).collect();
        let rows = all(&runs, &store);
        for number in 3..40 {
            runs.add(&batch(number), u64::from(number) + 1, &mut store).unwrap();
        }
        let current: Vec<u64> = runs.runs().iter().map(Run::id).collect();
        let merged_away: Vec<u64> =
            (runs.first_unkept..runs.next_id).filter(|id| !current.contains(id)).collect();
        assert!(merged_away.len() > 20, "{merged_away:?}");
        assert!(merged_away.iter().all(|id| !has_rows(&store, *id)));
        assert!(current.iter().chain(&kept).all(|id| has_rows(&store, *id)));
        let given_up = Runs::<Small>::read(&store, 100).unwrap();
        assert_eq!(all(&given_up, &store), rows);
        given_up.remove_unkept(&mut store).unwrap();
        assert_eq!(all(&given_up, &store), rows);
        for run in given_up.next_id..runs.next_id {
            for table in [Small::NUMBER, Small::NUMBER + 1] {
                let first = store.block(BlockKey { table, run, index: 0 }).unwrap();
                assert_eq!(first, None, "table {table}, run {run}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_row_is_kept_and_found(
            batches in prop::collection::vec(prop::collection::vec(any::<[u8; 3]>(), 0..3000), 1..9),
            wanted in prop::collection::vec(any::<[u8; 2]>(), 20),
        ) {
            let mut store = MemoryStore::new();
            let mut runs = Runs::<Small>::new();
            let mut expected: Vec<Vec<u8>> = Vec::new();
            for (size, batch) in (1..).zip(&batches) {
                let mut rows: Vec<Vec<u8>> =
                    batch.iter().map(|[a, b, c]| vec![*a, *b, 0, 0, *c, *b]).collect();
                rows.sort();
                expected.extend(rows.clone());
                runs.add(&rows.concat(), size, &mut store).unwrap();
                if size % 3 == 0 {
                    runs.keep(&mut store).unwrap();
                }
            }
            expected.sort();
            runs.keep(&mut store).unwrap();
            let read = Runs::<Small>::read(&store, 100).unwrap();
            prop_assert_eq!(read.runs(), runs.runs());
            prop_assert_eq!(read.size(), batches.len() as u64);
            prop_assert!(runs.runs().len() <= 8, "{:?}", runs.runs());
            prop_assert_eq!(all(&read, &store), expected.clone());
            let from_batches = batches.iter().flatten().map(|[a, b, _]| [*a, *b]).take(20);
            for prefix in wanted.iter().copied().chain(from_batches) {
                let mut found = Vec::new();
                for run in read.runs() {
                    found.extend(run.find::<Small>(&prefix, &store).unwrap());
                }
                found.sort();
                let meant: Vec<_> =
                    expected.iter().filter(|row| row.starts_with(&prefix)).cloned().collect();
                prop_assert_eq!(found, meant);
            }
            for run in read.runs() {
                let mut entries = Vec::new();
                for index in 0..run.directory_blocks() {
                    entries.extend(run.directory::<Small>(index, &store).unwrap());
                }
                for (index, entry) in (0..).zip(entries.chunks(14)) {
                    let block = run.block::<Small>(index, &store).unwrap();
                    prop_assert_eq!(&entry[..6], &block[..6]);
                    let least = block.chunks(6).map(Small::measure).min().unwrap();
                    prop_assert_eq!(&entry[6..], &least.to_be_bytes());
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let rows = rows_of(&bytes, 6);
            prop_assert_eq!(rows.len() % 6, 0);
            let _ = Runs::<Small>::from_bytes(&bytes);
        }
    }
}
