//! A copy of a log in another store: every event as it stands, captured sources, and the tree and tables made anew.
//!
//! The tree of the copy is made from the headers, and its tables from the events, so nothing that is only derived is
//! believed. Events themselves are not checked here: that the copy verifies is for [`super::verify`] to say, and
//! `demarche backup` asks it. Long logs are read on every core and staged as a long append is (`staging`), so that nothing
//! of a copy is there before all of it is. What is held is what an append holds, and the hash of each captured source.

use std::collections::BTreeSet;

use super::hashes;
use super::parallel::scan;
use super::sources::{blob_name, captured_by};
use super::staging::{STAGED_EVENTS, Staging, Workers, abandon};
use crate::record::link::Link;
use crate::record::tree::Frontier;
use crate::store::{Damage, EventRef, Events, Head, PartRef, Store, StoreError};

/// A log cannot be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store to copy into holds events already.
    #[error("the store to copy into holds {0} events already")]
    NotEmpty(u64),
    /// The events do not lead to the head, so they are not the log that it names.
    #[error(
        "the last of {} events has the link {}, while the head is {}", expected.size, Link(found.link),
        Link(expected.link)
    )]
    Head {
        /// The head that is stored.
        expected: Head,
        /// Where the events lead.
        found: Head,
    },
}

/// What a copy holds, and what was left out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// How many events it holds.
    pub events: u64,
    /// How many captured sources it holds.
    pub sources: u64,
    /// How many bytes these have.
    pub source_bytes: u64,
    /// How many sealed parts it holds.
    pub sealed: u64,
    /// How many sealed parts were there, and were left out.
    pub sealed_left_out: u64,
}

/// Copies a log into an empty store: all of it or, if anything fails, nothing. Sealed parts are left out unless
/// `include_sealed`. `progress` is told how many events were copied.
pub fn copy<T: Store>(
    from: &impl Store,
    to: &mut T,
    include_sealed: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Copied, CopyError> {
    let size = to.head()?.size;
    if size > 0 {
        return Err(CopyError::NotEmpty(size));
    }
    let copied = copy_events(from, to, include_sealed, progress);
    if copied.is_err() {
        abandon(to);
    }
    copied
}

fn copy_events<T: Store>(
    from: &impl Store,
    to: &mut T,
    include_sealed: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Copied, CopyError> {
    let expected = from.head()?;
    let staging = Staging::new(Head::EMPTY, Frontier::default());
    let (copied, written) = (Copied::default(), BTreeSet::new());
    let mut copying = Copying { from, to, include_sealed, staging, copied, written };
    if expected.size < STAGED_EVENTS {
        copying.events(expected.size, progress)?;
    } else {
        Workers::during(|workers| {
            copying.staging.use_workers(workers.clone());
            copying.events(expected.size, progress)?;
            Ok::<_, CopyError>(copying.staging.stop_workers(copying.to)?)
        })?;
    }
    let found = copying.staging.head();
    if found != expected {
        return Err(CopyError::Head { expected, found });
    }
    copying.staging.finish_copy(copying.to)?;
    Ok(copying.copied)
}

/// A copy under way.
struct Copying<'c, F, T> {
    from: &'c F,
    to: &'c mut T,
    include_sealed: bool,
    staging: Staging,
    copied: Copied,
    /// The hashes of the sources that were copied.
    written: BTreeSet<String>,
}

/// Events that were read together, with what other threads can find out about them.
struct Read {
    first: u64,
    events: Events,
    links: Vec<Link>,
    /// The hashes of what they captured.
    captured: Vec<String>,
}

impl Read {
    fn of(first: u64, events: Events) -> Self {
        let links = hashes::links(&events);
        let captured = events.iter().flat_map(captured_by).collect();
        Self { first, events, links, captured }
    }
}

impl<F: Store, T: Store> Copying<'_, F, T> {
    fn events(&mut self, size: u64, progress: &mut dyn FnMut(u64)) -> Result<(), CopyError> {
        let read = |(): &mut (), first, events: Result<Events, StoreError>| {
            events.map(|events| Read::of(first, events))
        };
        scan(
            self.from,
            (0, size),
            || (),
            read,
            |read| {
                self.take(read?)?;
                progress(self.copied.events);
                Ok::<_, CopyError>(())
            },
        )?;
        Ok(())
    }

    fn take(&mut self, read: Read) -> Result<(), CopyError> {
        if read.first != self.copied.events || read.events.is_empty() {
            let what = Damage::EventMissing(self.copied.events);
            return Err(StoreError::Damaged { what }.into());
        }
        for (event, link) in read.events.iter().zip(read.links) {
            let event = self.as_copied(event);
            self.staging.push(event, link, self.to)?;
            self.copied.events = self.copied.events.saturating_add(1);
        }
        for blake3 in read.captured {
            self.source(blake3)?;
        }
        Ok(())
    }

    /// The event, with its sealed part or without.
    fn as_copied<'e>(&mut self, event: EventRef<'e>) -> EventRef<'e> {
        let sealed_is_there = matches!(event.sealed, Some(PartRef::Present { .. }));
        let (held, left_out) = match (sealed_is_there, self.include_sealed) {
            (false, _) => return event,
            (true, true) => (1, 0),
            (true, false) => (0, 1),
        };
        self.copied.sealed = self.copied.sealed.saturating_add(held);
        self.copied.sealed_left_out = self.copied.sealed_left_out.saturating_add(left_out);
        if self.include_sealed {
            event
        } else {
            EventRef { sealed: Some(PartRef::Absent), ..event }
        }
    }

    /// Captured bytes, once, however many events name them. Those that were erased are not there.
    fn source(&mut self, blake3: String) -> Result<(), StoreError> {
        let name = blob_name(&blake3);
        if self.written.insert(blake3)
            && let Some(bytes) = self.from.blob(&name)?
        {
            self.to.put_blob(&name, &bytes)?;
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.copied.sources = self.copied.sources.saturating_add(1);
            self.copied.source_bytes = self.copied.source_bytes.saturating_add(length);
        }
        Ok(())
    }
}
