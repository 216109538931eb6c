//! The tables beside the events, compared with what the events give.
//!
//! Rows are not kept to be compared: of those that the events give, and of those that the tables hold, the same sum is
//! taken, of keyed hashes whose keys are drawn anew each time, so that nobody can have made other rows to fit. Once the
//! table of names is known to be right, an id that two events have is seen in it.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use super::append::event_of;
use super::finding::{Check, Finding, Wrong};
use super::names::{Key, NameTable, is_of_id, row, seq_of};
use super::read_payload;
use super::runs::{Merge, Runs, Table};
use super::statements::{StatementTable, statement_of};
use crate::replay::bearing::{Plain, Row, Rows};
use crate::store::{EventRef, Store, StoreError};

/// The tables as they are kept.
#[derive(Debug)]
pub(super) struct Tables {
    names: Runs<NameTable>,
    statements: Runs<StatementTable>,
    keys: [RandomState; 2],
}

/// A sum of keyed hashes of rows, in whatever order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum([u64; 2]);

/// What some events give, in whatever order; one a thread.
#[derive(Debug)]
pub(super) struct Derived {
    keys: [RandomState; 2],
    quick: bool,
    /// How many events the tables reach.
    names_size: u64,
    statements_size: u64,
    names: Sum,
    statements: Sum,
    /// The ids of events that the table does not reach.
    late_ids: Vec<(Key, u64)>,
    rows: Rows,
    made: Vec<Row>,
}

/// How the tables compare.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// How many events they reach, if there are any.
    pub(super) size: Option<u64>,
    /// The version of other rules that a table was made by, so that it was not compared.
    pub(super) other_rules: Option<i64>,
    pub(super) findings: Vec<(Check, Finding)>,
    /// Whether ids could not be compared, since the table of names is false.
    pub(super) without_ids: bool,
}

/// Whether what stands in a table is found there: a sum does not show in what order rows lie. `see` is shown each row.
fn is_sound<T: Table>(
    table: &Runs<T>,
    store: &impl Store,
    see: &mut dyn FnMut(&[u8]),
) -> Result<bool, StoreError> {
    for run in table.runs() {
        if !run.is_sound::<T>(store, see)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Sum {
    fn add(&mut self, row: &[u8], keys: &[RandomState; 2]) {
        for (sum, key) in self.0.iter_mut().zip(keys) {
            *sum = sum.wrapping_add(key.hash_one(row));
        }
    }

    fn merge(&mut self, other: Self) {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            *sum = sum.wrapping_add(other);
        }
    }

    /// The sum of all rows of a table; `see` is shown each, in order.
    fn of<T: Table>(
        table: &Runs<T>,
        keys: &[RandomState; 2],
        store: &impl Store,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<Self, StoreError> {
        let mut sum = Self::default();
        let mut merge = Merge::<T>::new(table.runs(), store)?;
        while let Some(row) = merge.next(store)? {
            sum.add(row, keys);
            see(row);
        }
        Ok(sum)
    }
}

impl Tables {
    /// The tables of a log of so many events.
    pub(super) fn read(store: &impl Store, events: u64) -> Result<Self, StoreError> {
        Ok(Self {
            names: Runs::read(store, events)?,
            statements: Runs::read(store, events)?,
            keys: [RandomState::new(), RandomState::new()],
        })
    }

    /// Compares them with what all events give, and sees whether an id names two events.
    pub(super) fn compare(
        &self,
        derived: Vec<Derived>,
        store: &impl Store,
    ) -> Result<Compared, StoreError> {
        let (mut names, mut statements) = (Sum::default(), Sum::default());
        let mut late_ids = Vec::new();
        for one in derived {
            names.merge(one.names);
            statements.merge(one.statements);
            late_ids.extend(one.late_ids);
        }
        let mut compared = Compared::default();
        let sizes = [self.statements.size(), self.names.size()];
        compared.size = sizes.into_iter().find(|size| *size > 0);
        compared.other_rules = Runs::<StatementTable>::other_version(store)?;
        let mut twins = Vec::new();
        let (kept_names, others) = std::thread::scope(|scope| {
            let others = scope.spawn(|| {
                let mut kept = Sum::default();
                let sound = is_sound(&self.statements, store, &mut |row| kept.add(row, &self.keys));
                (
                    sound.map(|sound| sound.then_some(kept)),
                    is_sound(&self.names, store, &mut |_| {}),
                )
            });
            let mut last: Option<(Key, u64)> = None;
            let kept_names = Sum::of(&self.names, &self.keys, store, &mut |row| {
                let one = row.first_chunk().map(|key| (*key, seq_of(row)));
                if let (Some((key, first)), Some((next, seq))) = (last, one)
                    && key == next
                    && is_of_id(&key)
                {
                    twins.push((first, seq));
                }
                last = one;
            });
            (kept_names, others.join())
        });
        let (kept_statements, names_sound) =
            others.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let kept_names = match (kept_names, names_sound) {
            (Ok(kept), Ok(sound)) => Ok(sound.then_some(kept)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        // A false table shows nothing of ids.
        compared.without_ids = !matches!(kept_names, Ok(Some(kept)) if kept == names);
        for (table, kept, derived) in [
            (self.names.size(), kept_names, names),
            (self.statements.size(), kept_statements, statements),
        ] {
            match kept {
                Ok(Some(kept)) if kept == derived => {}
                Ok(_) => compared.find(Wrong::SnapshotDiffers { size: table }),
                Err(error) => compared.find(Wrong::Store(error.to_string())),
            }
        }
        for (key, seq) in &late_ids {
            for run in self.names.runs() {
                // What cannot be read has its own finding by now.
                let rows = run.find::<NameTable>(key, store).unwrap_or_default();
                twins.extend(rows.iter().map(|row| (seq_of(row), *seq)));
            }
        }
        twins.extend(self::twins(&mut late_ids));
        compared.look_at_twins(twins, store)?;
        Ok(compared)
    }
}

impl Derived {
    /// Nothing yet.
    pub(super) fn new(tables: &Tables, quick: bool) -> Self {
        Self {
            keys: tables.keys.clone(),
            quick,
            names_size: tables.names.size(),
            statements_size: tables.statements.size(),
            names: Sum::default(),
            statements: Sum::default(),
            late_ids: Vec::new(),
            rows: Rows::new(read_payload),
            made: Vec::new(),
        }
    }

    /// Takes in a name of an event.
    pub(super) fn name(&mut self, key: Key, seq: u64) {
        if seq < self.names_size {
            self.names.add(&row(key, seq), &self.keys);
        } else if is_of_id(&key) {
            self.late_ids.push((key, seq));
        }
    }

    /// Looks at an event, if it is a statement; `None` if it takes a full reading to know what it says.
    pub(super) fn plain<'e>(&mut self, event: EventRef<'e>) -> Option<Plain<'e>> {
        statement_of(event).and_then(|payload| self.rows.plain(payload))
    }

    /// Takes in an event, if it is a statement.
    pub(super) fn statement(&mut self, event: EventRef<'_>, plain: Option<&Plain<'_>>, seq: u64) {
        if seq >= self.statements_size || self.quick {
            return;
        }
        if let Some(plain) = plain {
            self.rows.add_plain(seq, plain, &mut self.made);
        } else if let Some(payload) = statement_of(event) {
            self.rows.add_in_full(seq, payload, &mut self.made);
        }
        for row in self.made.drain(..) {
            self.statements.add(&row.to_bytes(), &self.keys);
        }
    }
}

impl Compared {
    fn find(&mut self, what: Wrong) {
        self.findings.push((Check::Snapshots, Finding { seq: None, id: None, line: None, what }));
    }

    fn look_at_twins(
        &mut self,
        twins: Vec<(u64, u64)>,
        store: &impl Store,
    ) -> Result<(), StoreError> {
        for (first, seq) in twins.into_iter().collect::<BTreeSet<_>>() {
            let id = |seq| -> Result<Option<String>, StoreError> {
                let stored = store.read(seq, 1)?;
                Ok(stored.first().and_then(event_of).and_then(|event| event.id))
            };
            if let (Some(id), Some(other)) = (id(first)?, id(seq)?)
                && id == other
            {
                let what = Wrong::IdTwice { id, first };
                let finding = Finding { seq: Some(seq), id: Some(other), line: None, what };
                self.findings.push((Check::Ids, finding));
            }
        }
        Ok(())
    }
}

/// Pairs of events whose ids have one key, each with the first of its key; sorts the ids.
pub(super) fn twins(ids: &mut [(Key, u64)]) -> Vec<(u64, u64)> {
    ids.sort_unstable();
    let mut twins = Vec::new();
    for same in ids.chunk_by(|(a, _), (b, _)| a == b) {
        if let [(_, first), others @ ..] = same {
            twins.extend(others.iter().map(|(_, seq)| (*first, *seq)));
        }
    }
    twins
}
