//! Restoring an export that verifies into an empty store.

use std::io::{Read, Seek};

use super::PortableError;
use super::lines::{LOT_BYTES, Lines, OneLine, in_lots};
use super::read::walk;
use crate::event_log::report::{Against, Report};
use crate::event_log::sources::blob_name;
use crate::event_log::staging::{Staging, Workers, abandon};
use crate::record::export::{Line, SourcePart, decode};
use crate::record::link::Link;
use crate::record::tree::Frontier;
use crate::store::{Head, Store, StoredEvent};

/// Rebuilds a log from an export that verifies, in an empty store. Returns what the verification found and covered.
pub fn restore<R: Read + Seek>(
    export: &mut R,
    store: &mut impl Store,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, PortableError> {
    must_be_empty(store)?;
    Verified::of(export, progress)?.restore(export, store, progress)
}

fn must_be_empty(store: &impl Store) -> Result<(), PortableError> {
    match store.head()?.size {
        0 => Ok(()),
        size => Err(PortableError::NotEmpty(size)),
    }
}

/// An export that verifies, so that a log can be rebuilt from it.
#[derive(Debug)]
pub struct Verified {
    report: Report,
    /// Of its bytes.
    hash: blake3::Hash,
}

impl Verified {
    /// Verifies an export.
    pub fn of<R: Read + Seek>(
        export: &mut R,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, PortableError> {
        let (report, hash) = walk(export, &Against::default(), progress)?;
        if report.is_ok() {
            Ok(Self { report, hash })
        } else {
            Err(PortableError::DoesNotVerify(Box::new(report)))
        }
    }

    /// Which log it is of, by its genesis.
    pub fn origin(&self) -> Option<&str> {
        self.report.origin.as_deref()
    }

    /// How many events it holds.
    pub const fn events(&self) -> u64 {
        self.report.events
    }

    /// The head of the log.
    pub fn head(&self) -> Head {
        Head { size: self.report.events, link: self.report.chain.0 }
    }

    /// Rebuilds the log in an empty store: all of it or, if the export is another by now or anything fails, nothing.
    /// Returns what the verification found and covered.
    pub fn restore<R: Read + Seek>(
        self,
        export: &mut R,
        store: &mut impl Store,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Report, PortableError> {
        must_be_empty(store)?;
        match self.copy(export, store, progress) {
            Ok(()) => Ok(self.report),
            Err(error) => {
                abandon(store);
                Err(error)
            }
        }
    }

    fn copy<R: Read + Seek>(
        &self,
        export: &mut R,
        store: &mut impl Store,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), PortableError> {
        let mut lines = Lines::new(export)?;
        let first = lines.lot()?;
        let staging = Staging::new(Head::EMPTY, Frontier::default());
        let mut copy = Copying { store, staging, source: Vec::new() };
        if first.bytes < LOT_BYTES {
            copy.take(Copied::of(first.lines), progress)?;
        } else {
            Workers::during(|workers| {
                copy.staging.use_workers(workers.clone());
                in_lots(&mut lines, first.lines, workers, Copied::of, |_, copied| {
                    copy.take(copied, progress)
                })?;
                Ok::<_, PortableError>(copy.staging.stop_workers(copy.store)?)
            })?;
        }
        let Copying { store, staging, .. } = copy;
        if lines.hasher.finalize() != self.hash {
            return Err(PortableError::Changed);
        }
        staging.finish_copy(store)?;
        Ok(())
    }
}

/// A copy of a log under way.
struct Copying<'s, S> {
    store: &'s mut S,
    staging: Staging,
    /// The parts so far of a source.
    source: Vec<u8>,
}

/// What a line brings to a copy.
enum Copied {
    Event(StoredEvent, Link),
    Source(SourcePart),
    /// The head; or no line, so that the export is another than it was.
    Nothing,
}

impl Copied {
    fn of(lot: Vec<OneLine>) -> Vec<Self> {
        let copied = lot.into_iter().map(|line| match decode(&line.bytes) {
            Ok(Line::Event(event)) => {
                let stored = StoredEvent::from(event);
                let link = Link::of(&stored.header);
                Self::Event(stored, link)
            }
            Ok(Line::Source(part)) => Self::Source(part),
            Ok(Line::Head(_)) | Err(_) => Self::Nothing,
        });
        copied.collect()
    }
}

impl<S: Store> Copying<'_, S> {
    fn take(
        &mut self,
        copied: Vec<Copied>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), PortableError> {
        for one in copied {
            match one {
                Copied::Event(event, link) => {
                    self.staging.push(event.as_ref(), link, self.store)?;
                }
                Copied::Source(part) => self.part(&part)?,
                Copied::Nothing => {}
            }
        }
        progress(self.staging.head().size);
        Ok(())
    }

    fn part(&mut self, part: &SourcePart) -> Result<(), PortableError> {
        if part.part == 0 {
            self.source.clear();
        }
        self.source.extend_from_slice(&part.bytes);
        if part.part.saturating_add(1) < part.parts {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.source);
        if blake3::hash(&bytes).to_hex().as_str() != part.source {
            return Err(PortableError::Changed);
        }
        Ok(self.store.put_blob(&blob_name(&part.source), &bytes)?)
    }
}
