//! Writing an export: events become lines on every core.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::PortableError;
use crate::event_log::parallel::scan;
use crate::event_log::sources::{blob_name, captured_by};
use crate::record::export::{EventLine, HeadLine, Line, encode, split_source};
use crate::record::link::Link;
use crate::record::tree::{Frontier, NodeHash, leaf_hash};
use crate::store::{Damage, EventRef, Events, PartRef, Store, StoreError};

/// What an export left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// How many events it holds.
    pub events: u64,
    /// How many of them have no payload.
    pub absent: u64,
    /// How many sealed parts were withheld.
    pub sealed_withheld: u64,
    /// How many captured sources it holds.
    pub sources: u64,
}

/// Some events that follow one another, as lines of an export.
#[derive(Default)]
struct Encoded {
    first: u64,
    count: Exported,
    leaves: Vec<NodeHash>,
    /// Lines, one after the other, up to an event that captured something, and the hashes of that; then those after it.
    lines: Vec<(Vec<u8>, Vec<String>)>,
}

impl Encoded {
    fn of(first: u64, events: &Events, include_sealed: bool) -> Result<Self, PortableError> {
        let mut encoded = Self { first, ..Self::default() };
        let mut lines = Vec::new();
        for (seq, event) in (first..).zip(events.iter()) {
            let line = event_line(event, seq, include_sealed, &mut encoded.count)?;
            write_line(&mut lines, &Line::Event(line))?;
            encoded.leaves.push(leaf_hash(event.header));
            encoded.count.events += 1;
            let captured = captured_by(event);
            if !captured.is_empty() {
                encoded.lines.push((std::mem::take(&mut lines), captured));
            }
        }
        encoded.lines.push((lines, Vec::new()));
        Ok(encoded)
    }
}

/// Writes a store's log in portable form; sealed parts only if `include_sealed`.
pub fn export(
    store: &impl Store,
    include_sealed: bool,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<Exported, PortableError> {
    let head = store.head()?;
    let mut exported = Exported::default();
    let mut frontier = Frontier::default();
    let mut written = BTreeSet::new();
    let work = |(): &mut (), first: u64, events: Result<Events, StoreError>| {
        Encoded::of(first, &events?, include_sealed)
    };
    scan(
        store,
        (0, head.size),
        || (),
        work,
        |encoded| {
            let encoded = encoded?;
            if encoded.first != exported.events || encoded.leaves.is_empty() {
                let what = Damage::EventMissing(exported.events);
                return Err(PortableError::Store(StoreError::Damaged { what }));
            }
            for (lines, captured) in encoded.lines {
                out.write_all(&lines)?;
                for blake3 in captured {
                    if written.insert(blake3.clone())
                        && let Some(bytes) = store.blob(&blob_name(&blake3))?
                    {
                        exported.sources += 1;
                        for part in split_source(&bytes) {
                            write_line(out, &Line::Source(part))?;
                        }
                    }
                }
            }
            encoded.leaves.into_iter().for_each(|leaf| frontier.push(leaf));
            exported.events += encoded.count.events;
            exported.absent += encoded.count.absent;
            exported.sealed_withheld += encoded.count.sealed_withheld;
            progress(exported.events);
            Ok(())
        },
    )?;
    let line = HeadLine { size: head.size, chain: Link(head.link), root: frontier.root() };
    write_line(out, &Line::Head(line))?;
    out.flush()?;
    Ok(exported)
}

fn event_line(
    event: EventRef<'_>,
    seq: u64,
    include_sealed: bool,
    exported: &mut Exported,
) -> Result<EventLine, PortableError> {
    let text = |bytes: &[u8], part| {
        String::from_utf8(bytes.to_vec()).map_err(|_| PortableError::NotText { seq, part })
    };
    let open = |part: PartRef<'_>, name| match part {
        PartRef::Present { salt, bytes } => Ok(Some((*salt, text(bytes, name)?))),
        PartRef::Absent => Ok::<_, PortableError>(None),
    };
    let payload = open(event.payload, "payload")?;
    exported.absent += u64::from(payload.is_none());
    let sealed = match event.sealed {
        None => None,
        Some(part) if include_sealed => Some(open(part, "sealed part")?),
        Some(part) => {
            exported.sealed_withheld += u64::from(matches!(part, PartRef::Present { .. }));
            Some(None)
        }
    };
    Ok(EventLine { header: text(event.header, "header")?, payload, sealed })
}

pub(in crate::event_log) fn write_line(out: &mut dyn Write, line: &Line) -> io::Result<()> {
    out.write_all(&encode(line))?;
    out.write_all(b"\n")
}
