//! The portable form of a log: one JSON line an event, captured sources after the event that first names them, the
//! head last. `docs/format.md` has the keys.
//!
//! Every byte of it is determined by what it says, so any change is found by [`verify_export`]: in a line, by its
//! canonical form, its commitment or the chain; of a line, by the numbers, the links and the head. What it does not
//! show is what a chain does not show; see [`super::verify`].
//!
//! Lines are written and read on every core, in lots, and taken in order. Of an export that is verified sixteen bytes of
//! each id are held, and where each source lies. A copy that is restored is staged as a long append is
//! (`staging`), so that nothing of it is there before the head moves; `tests/it/portable_scale.rs` cuts it off.

mod lines;
mod read;
mod restore;
mod write;

use std::io;

pub(super) use self::lines::read_line;
pub use self::read::{origin_of_export, verify_export};
pub use self::restore::{Verified, restore};
pub(super) use self::write::write_line;
pub use self::write::{Exported, export};
use super::report::Report;
use crate::model::limits::PAYLOAD_BYTES_MAX;
use crate::record::export::EventLine;
use crate::store::{Part, StoreError, StoredEvent};

/// The longest line of an export, in bytes: header, payload and sealed part, with every character escaped.
pub const EXPORT_LINE_BYTES_MAX: usize = 16 * PAYLOAD_BYTES_MAX;

/// An export or restore could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortableError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The export cannot be read or written.
    #[error("the export cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// The export does not verify, so nothing was restored.
    #[error("the export does not verify")]
    DoesNotVerify(Box<Report>),
    /// A stored event's bytes are no text, so no export can hold them.
    #[error("the {part} of event {seq} is not UTF-8 text, so it cannot be exported")]
    NotText {
        /// The event.
        seq: u64,
        /// Which part.
        part: &'static str,
    },
    /// The export is not the one any more that was verified, so nothing was restored.
    #[error("the export changed while it was restored")]
    Changed,
    /// The store to restore into holds events already.
    #[error("the store to restore into holds {0} events already")]
    NotEmpty(u64),
}

impl From<EventLine> for StoredEvent {
    fn from(line: EventLine) -> Self {
        let part = |part: Option<([u8; 32], String)>| match part {
            Some((salt, text)) => Part::Present { salt, bytes: text.into_bytes() },
            None => Part::Absent,
        };
        Self {
            header: line.header.into_bytes(),
            payload: part(line.payload),
            sealed: line.sealed.map(part),
        }
    }
}
