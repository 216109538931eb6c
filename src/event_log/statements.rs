//! Statements by actor, topic and date, in a table that is derived from the events and kept beside them: by it a replay
//! to any date finds the few statements that can be current then ([`crate::replay::bearing::current`]), however many there are.
//!
//! A row holds hashes and dates, no words. A table made by other rules has another version, and is not used.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::parallel::{on_every_core, scan};
use super::runs::{self, Runs, Table};
use super::{OpenError, fitting_hashed, hashes, read_payload};
use crate::replay::REDUCER_VERSION;
use crate::replay::bearing::{Block, Pair, ROW_BYTES, Row, Rows, Run};
use crate::store::{EventRef, Events, PartRef, Store, StoreError};

/// The table of statements.
#[derive(Debug)]
pub(crate) struct StatementTable;

impl Table for StatementTable {
    const NUMBER: u8 = 2;
    const VERSION: u64 = REDUCER_VERSION.unsigned_abs();
    const ROW_BYTES: usize = ROW_BYTES;
    // Nothing is looked up in it while an append is under way.
    const MERGED: usize = 16;

    fn measure(row: &[u8]) -> u64 {
        // The earliest bound, as it stands in the row: it sorts as instants do.
        let bytes = row.get(24..32).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

/// So many events are derived from at a time.
const EVENTS_A_RUN: u64 = 1 << 17;

/// Adds the rows of an event.
pub(crate) fn add_rows(event: EventRef<'_>, seq: u64, rows: &mut Rows, to: &mut Vec<Row>) {
    if let Some(payload) = statement_of(event) {
        rows.add(seq, payload, to);
    }
}

/// The payload of an event of kind `statement`, if it is there.
pub(crate) fn statement_of(event: EventRef<'_>) -> Option<&[u8]> {
    match event.payload {
        PartRef::Present { bytes, .. } if event.header.starts_with(b"{\"kind\":\"statement\"") => {
            Some(bytes)
        }
        _ => None,
    }
}

/// Derives what the table lacks up to so many events, and keeps it.
pub(crate) fn catch_up(
    table: &mut Runs<StatementTable>,
    store: &mut impl Store,
    size: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(), OpenError> {
    while table.size() < size {
        let (from, to) = (table.size(), size.min(table.size().saturating_add(EVENTS_A_RUN)));
        let mut found: Vec<[u8; ROW_BYTES]> = Vec::new();
        let derive = |rows: &mut Rows,
                      first: u64,
                      events: Result<Events, StoreError>|
         -> Result<Vec<[u8; ROW_BYTES]>, OpenError> {
            let events = events?;
            let mut made = Vec::new();
            let hashed = events.iter().zip(hashes::payloads(&events));
            for (seq, (event, payload)) in (first..).zip(hashed) {
                fitting_hashed(event, seq, payload)
                    .map_err(|wrong| OpenError::DoesNotVerify { seq, wrong })?;
                add_rows(event, seq, rows, &mut made);
            }
            Ok(made.iter().map(Row::to_bytes).collect::<Vec<_>>())
        };
        scan(
            &*store,
            (from, to),
            || Rows::new(read_payload),
            derive,
            |rows| {
                found.extend(rows?);
                Ok::<_, OpenError>(())
            },
        )?;
        add(table, found, to, store)?;
        progress(to);
    }
    if table.is_unkept() {
        table.keep(store)?;
    }
    Ok(())
}

/// Takes away what was written of the table of a log of so many events and never kept.
pub(crate) fn remove_unkept(store: &mut impl Store, events: u64) -> Result<(), StoreError> {
    Runs::<StatementTable>::read(store, events)?.remove_unkept(store)
}

/// Adds rows in any order, which carry the table on to so many events.
pub(crate) fn add(
    table: &mut Runs<StatementTable>,
    mut rows: Vec<[u8; ROW_BYTES]>,
    size: u64,
    store: &mut impl Store,
) -> Result<(), StoreError> {
    rows.sort_unstable();
    table.add(rows.as_flattened(), size, store)
}

/// A run of the table, with its whole directory.
pub(crate) struct Opened<'s, S> {
    run: runs::Run,
    blocks: Vec<Block>,
    store: &'s S,
}

impl<'s, S: Store> Opened<'s, S> {
    /// Reads the directory of a run.
    pub(crate) fn open(run: runs::Run, store: &'s S) -> Result<Self, StoreError> {
        let mut blocks = Vec::new();
        for index in 0..run.directory_blocks() {
            let entries = run.directory::<StatementTable>(index, store)?;
            if entries.is_empty() {
                break;
            }
            let entry_bytes = ROW_BYTES.saturating_add(8);
            for entry in entries.chunks_exact(entry_bytes) {
                let Some((row, least)) = entry.split_first_chunk::<ROW_BYTES>() else { continue };
                let first = Row::from_bytes(row);
                // The least earliest bound is read as it stands in a row.
                let mut as_row = *row;
                if let Some(place) = as_row.get_mut(24..32) {
                    place.copy_from_slice(least);
                }
                let earliest = Row::from_bytes(&as_row).earliest;
                blocks.push(Block { first, earliest, seq: 0 });
            }
        }
        Ok(Self { run, blocks, store })
    }

    /// The blocks that rows of several pairs may lie in: all rows of a block are of one pair if the next begins with it.
    fn mixed(&self) -> impl Iterator<Item = usize> {
        self.blocks.iter().enumerate().filter_map(|(at, block)| {
            let next = self.blocks.get(at.saturating_add(1)).map(|next| next.first.pair);
            (next != Some(block.first.pair)).then_some(at)
        })
    }

    fn rows(&self, block: usize) -> Result<Vec<Row>, StoreError> {
        let index = u64::try_from(block).unwrap_or(u64::MAX);
        let rows = self.run.block::<StatementTable>(index, self.store)?;
        let (rows, _) = rows.as_chunks::<ROW_BYTES>();
        Ok(rows.iter().map(Row::from_bytes).collect())
    }
}

/// Every pair of actor and topic in some runs, in order: few blocks tell all of them, and these are read on every core.
pub(crate) fn pairs<S: Store>(runs: &[Opened<'_, S>]) -> Result<Vec<Pair>, StoreError> {
    let mixed: Vec<_> = runs.iter().flat_map(|run| run.mixed().map(move |at| (run, at))).collect();
    let in_mixed = on_every_core(&mixed, &|blocks| {
        let mut pairs = Vec::new();
        for (run, at) in blocks {
            let rows = run.rows(*at)?;
            pairs.extend(
                rows.chunk_by(|a, b| a.pair == b.pair).filter_map(|of| Some(of.first()?.pair)),
            );
        }
        Ok::<_, StoreError>(pairs)
    })?;
    let first = runs.iter().flat_map(|run| run.blocks.iter().map(|block| block.first.pair));
    Ok(in_mixed.into_iter().chain(first).collect::<BTreeSet<_>>().into_iter().collect())
}

/// A run that one thread reads, with the block that was read last at hand.
pub(crate) struct Reading<'o, 's, S> {
    opened: &'o Opened<'s, S>,
    last: RefCell<Option<(usize, Vec<Row>)>>,
}

impl<'o, 's, S: Store> Reading<'o, 's, S> {
    /// A run, of which nothing was read yet.
    pub(crate) const fn of(opened: &'o Opened<'s, S>) -> Self {
        Self { opened, last: RefCell::new(None) }
    }
}

impl<S: Store> Run for Reading<'_, '_, S> {
    type Error = StoreError;

    fn blocks(&self) -> &[Block] {
        &self.opened.blocks
    }

    fn read(&self, block: usize) -> Result<Vec<Row>, StoreError> {
        let mut last = self.last.borrow_mut();
        if let Some((at, rows)) = &*last
            && *at == block
        {
            return Ok(rows.clone());
        }
        let rows = self.opened.rows(block)?;
        *last = Some((block, rows.clone()));
        Ok(rows)
    }
}
