//! What passed every gate is given its header and staged; at the end all of it becomes part of the log.

use std::collections::BTreeMap;

use super::{Appending, NewPart, Stretch};
use crate::event_log::names::{Key, keys_of};
use crate::event_log::sources::blob_name;
use crate::event_log::{Surroundings, read_payload};
use crate::model::schema::Kind;
use crate::record::commitment::{Salt, commit_payload, commit_sealed};
use crate::record::header::Header;
use crate::record::link::Link;
use crate::replay::Content;
use crate::store::{EventRef, PartRef, Store, StoreError};

/// How many bytes of captured files are held before they are written ahead of their events.
const BLOB_BYTES_HELD: usize = 64 * 1024 * 1024;

impl<S: Store> Appending<'_, S> {
    /// Writes an event that was not made ready before.
    pub(super) fn write_read(
        &mut self,
        kind: Kind,
        payload: &[u8],
        sealed: Option<&[u8]>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<u64, StoreError> {
        let keys = match read_payload(payload, kind.name()) {
            Content::Readable(event) => keys_of(&event, payload, sealed),
            _ => Vec::new(),
        };
        let sealed = sealed.map(|bytes| (bytes, None));
        self.write(kind, (payload, None), sealed, keys.into_iter(), surroundings)
    }

    /// Gives an event its header, and stages it.
    pub(super) fn write(
        &mut self,
        kind: Kind,
        (payload, committed): NewPart<'_>,
        sealed: Option<NewPart<'_>>,
        keys: impl Iterator<Item = Key>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<u64, StoreError> {
        let (salt, commitment) = committed.unwrap_or_else(|| {
            let salt = Salt(surroundings.salt());
            (salt, commit_payload(&salt, payload))
        });
        let sealed = sealed.map(|(bytes, committed)| {
            let (salt, commitment) = committed.unwrap_or_else(|| {
                let salt = Salt(surroundings.salt());
                (salt, commit_sealed(&salt, bytes))
            });
            (bytes, salt, commitment)
        });
        let head = self.staging.head();
        let header = Header {
            kind: kind.name().to_owned(),
            log: self.log.origin.clone(),
            payload: commitment,
            sealed: sealed.as_ref().map(|(_, _, commitment)| *commitment),
            prev: Link(head.link),
            recorded_at: self.recorded_at,
            seq: head.size,
        };
        let header = header.to_bytes();
        let event = EventRef {
            header: &header,
            payload: PartRef::Present { salt: &salt.0, bytes: payload },
            sealed: sealed
                .as_ref()
                .map(|(bytes, salt, _)| PartRef::Present { salt: &salt.0, bytes }),
        };
        for key in keys {
            self.log.names.push(key, head.size);
        }
        self.staging.push(event, Link::of(&header), &mut self.log.store)?;
        Ok(head.size)
    }

    /// Notes what came of an event.
    pub(super) fn note(
        &mut self,
        line: Option<u64>,
        seq: u64,
        already_there: bool,
        declared: bool,
    ) {
        if let Some(last) = self.stretches.last_mut() {
            let next_line = last.line.map(|line| line.saturating_add(last.count));
            if (last.already_there, last.declared) == (already_there, declared)
                && last.seq.saturating_add(last.count) == seq
                && next_line == line
            {
                last.count = last.count.saturating_add(1);
                return;
            }
        }
        self.stretches.push(Stretch { line, seq, count: 1, already_there, declared });
    }

    /// Holds what was captured with an event that is taken, and writes it ahead once it is much.
    pub(super) fn hold(&mut self, captured: BTreeMap<String, Vec<u8>>) -> Result<(), StoreError> {
        for (blake3, bytes) in captured {
            let count = bytes.len();
            if self.blobs.insert(blake3, bytes).is_none() {
                self.blob_bytes = self.blob_bytes.saturating_add(count);
            }
        }
        if self.blob_bytes > BLOB_BYTES_HELD { self.write_blobs() } else { Ok(()) }
    }

    fn write_blobs(&mut self) -> Result<(), StoreError> {
        for (blake3, bytes) in std::mem::take(&mut self.blobs) {
            self.log.store.stage_blob(&blob_name(&blake3), &bytes)?;
        }
        self.blob_bytes = 0;
        Ok(())
    }

    /// Makes everything part of the log.
    pub(super) fn finish(mut self) -> Result<Vec<Stretch>, StoreError> {
        if self.staging.head() == self.log.head {
            self.log.unsettled = false;
            return Ok(self.stretches);
        }
        self.write_blobs()?;
        let (head, frontier, statements) = self.staging.finish(&mut self.log.store)?;
        // From here on they are in the log, whatever comes of the tables: those are derived from the events, and are so
        // again where they could not be kept.
        self.log.head = head;
        self.log.frontier = frontier;
        self.log.last_recorded = self.recorded_at;
        let kept = statements.map_or(Ok(()), |mut table| table.keep(&mut self.log.store));
        self.log.unsettled = kept.is_err();
        self.log.keep_names();
        Ok(self.stretches)
    }
}
