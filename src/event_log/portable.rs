//! The portable form of a log: one JSON line an event, captured sources after the event that first names them, the
//! head last. `docs/format.md` has the keys.
//!
//! Every byte of it is determined by what it says, so any change is found by [`verify_export`]: in a line, by its
//! canonical form, its commitment or the chain; of a line, by the numbers, the links and the head. What it does not
//! show is what a chain does not show; see [`super::verify`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use super::READ_EVENTS;
use super::finding::{Check, Finding, Wrong};
use super::report::{Against, Report};
use super::sources::blob_name;
use super::verify::{Learnt, Verifier};
use crate::model::event::Body;
use crate::model::limits::{PAYLOAD_BYTES_MAX, SOURCE_BYTES_MAX};
use crate::record::export::{EventLine, HeadLine, Line, SourcePart, decode, encode, split_source};
use crate::record::header::Header;
use crate::record::link::Link;
use crate::record::tree::{Frontier, leaf_hash};
use crate::replay::Content;
use crate::store::{Change, Head, Part, Store, StoreError, StoredEvent};

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
    /// The store to restore into holds events already.
    #[error("the store to restore into holds {0} events already")]
    NotEmpty(u64),
}

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
    while exported.events < head.size {
        let batch = store.read(exported.events, READ_EVENTS)?;
        if batch.is_empty() {
            break;
        }
        for event in &batch {
            let seq = exported.events;
            write_line(out, &Line::Event(event_line(event, seq, include_sealed, &mut exported)?))?;
            frontier.push(leaf_hash(&event.header));
            for blake3 in captured_by(event) {
                if written.insert(blake3.clone())
                    && let Some(bytes) = store.blob(&blob_name(&blake3))?
                {
                    exported.sources += 1;
                    for part in split_source(&bytes) {
                        write_line(out, &Line::Source(part))?;
                    }
                }
            }
            exported.events += 1;
        }
        progress(exported.events);
    }
    let line = HeadLine { size: head.size, chain: Link(head.link), root: frontier.root() };
    write_line(out, &Line::Head(line))?;
    out.flush()?;
    Ok(exported)
}

fn event_line(
    event: &StoredEvent,
    seq: u64,
    include_sealed: bool,
    exported: &mut Exported,
) -> Result<EventLine, PortableError> {
    let text = |bytes: &[u8], part| {
        String::from_utf8(bytes.to_vec()).map_err(|_| PortableError::NotText { seq, part })
    };
    let open = |part: &Part, name| match part {
        Part::Present { salt, bytes } => Ok(Some((*salt, text(bytes, name)?))),
        Part::Absent => Ok::<_, PortableError>(None),
    };
    let payload = open(&event.payload, "payload")?;
    exported.absent += u64::from(payload.is_none());
    let sealed = match &event.sealed {
        None => None,
        Some(part) if include_sealed => Some(open(part, "sealed part")?),
        Some(part) => {
            exported.sealed_withheld += u64::from(matches!(part, Part::Present { .. }));
            Some(None)
        }
    };
    Ok(EventLine { header: text(&event.header, "header")?, payload, sealed })
}

/// The next line without its line feed, and whether it had one; `None` at the end. A line longer than
/// [`EXPORT_LINE_BYTES_MAX`] is cut there.
pub(super) fn read_line(input: &mut dyn BufRead) -> io::Result<Option<(Vec<u8>, bool)>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(EXPORT_LINE_BYTES_MAX).unwrap_or(u64::MAX);
    if input.take(most).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let ended = bytes.last() == Some(&b'\n');
    if ended {
        bytes.pop();
    }
    Ok(Some((bytes, ended)))
}

pub(super) fn write_line(out: &mut dyn Write, line: &Line) -> io::Result<()> {
    out.write_all(&encode(line))?;
    out.write_all(b"\n")
}

fn captured_by(event: &StoredEvent) -> Vec<String> {
    let (Part::Present { bytes, .. }, Ok(header)) =
        (&event.payload, Header::from_bytes(&event.header))
    else {
        return Vec::new();
    };
    match super::read_payload(bytes, &header.kind) {
        Content::Readable(event) => match &event.body {
            Body::Source(source) => source.hashes().map(str::to_owned).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
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

/// Where, in an export, the parts of a source lie.
type Places = BTreeMap<String, (u64, u64)>;

/// Verifies an export. It is read once; bytes of sources are read again where a quotation needs them.
pub fn verify_export<R: Read + Seek>(
    export: &mut R,
    against: &Against,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, io::Error> {
    walk(export, against, &mut |_| Ok::<_, io::Error>(()), progress)
}

/// Something of an export that holds, in order.
enum Step {
    Event(StoredEvent),
    Source(String, Vec<u8>),
}

/// Reads and checks an export, handing on what it holds.
fn walk<R: Read + Seek, E: From<io::Error>>(
    export: &mut R,
    against: &Against,
    take: &mut dyn FnMut(Step) -> Result<(), E>,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, E> {
    let mut walker = Walker::new(against);
    let mut lines = Lines::new(export)?;
    let mut head = None;
    while let Some(line) = lines.next()? {
        if !line.ended {
            walker.wrong(&line, Wrong::Order("the last line does not end: the export is cut"));
        }
        match decode(&line.bytes) {
            Err(error) => {
                walker.close_event(&mut lines);
                walker.not_a_line(&line, error.to_string());
            }
            Ok(_) if head.is_some() => {
                walker
                    .wrong(&line, Wrong::Order("a line follows the head, which must be the last"));
            }
            Ok(Line::Event(event)) => {
                walker.close_event(&mut lines);
                let stored = StoredEvent::from(event);
                walker.open = Some(walker.verifier.event(&stored, Some(line.number)));
                walker.verifier.no_stored_tree();
                take(Step::Event(stored))?;
                progress(walker.verifier.next_seq());
            }
            Ok(Line::Source(part)) => {
                if let Some((blake3, bytes)) = walker.part(part, &line) {
                    take(Step::Source(blake3, bytes))?;
                }
            }
            Ok(Line::Head(stated)) => {
                walker.close_event(&mut lines);
                head = Some(stated);
            }
        }
    }
    walker.close_event(&mut lines);
    if head.is_none() {
        let what = Wrong::Order("there is no line with the head: the export is cut");
        let seq = walker.verifier.next_seq().checked_sub(1);
        walker.verifier.found(Check::Head, Finding { seq, id: None, line: None, what });
    }
    late_roots(&mut walker.verifier, export)?;
    look_at_twins(&mut walker.verifier, export)?;
    let (stated, root) = match head {
        Some(head) => (Some((head.size, head.chain)), Some(head.root)),
        None => (None, None),
    };
    Ok(walker.verifier.finish(stated, root))
}

/// Reads the events once more that may have one id.
fn look_at_twins<R: Read + Seek>(verifier: &mut Verifier, export: &mut R) -> io::Result<()> {
    let twins = verifier.possible_twins();
    if twins.is_empty() {
        return Ok(());
    }
    let mut ids: BTreeMap<u64, Option<String>> =
        twins.iter().flat_map(|(first, seq)| [(*first, None), (*seq, None)]).collect();
    let (mut lines, mut seq) = (Lines::new(export)?, 0);
    while let Some(line) = lines.next()? {
        if let Ok(Line::Event(event)) = decode(&line.bytes) {
            if let Some(id) = ids.get_mut(&seq) {
                *id = super::append::event_of(&StoredEvent::from(event)).and_then(|event| event.id);
            }
            seq += 1;
        }
    }
    let id = |seq| ids.get(&seq).cloned().flatten();
    for (first, seq) in twins {
        verifier.twins(first, seq, [id(first), id(seq)]);
    }
    Ok(())
}

/// Reads the headers once more, for roots that were asked for after they had gone by.
fn late_roots<R: Read + Seek>(verifier: &mut Verifier, export: &mut R) -> io::Result<()> {
    let Some(last) = verifier.wanted().last().copied() else { return Ok(()) };
    let mut frontier = Frontier::default();
    let mut lines = Lines::new(export)?;
    while frontier.size() < last {
        let Some(line) = lines.next()? else { break };
        if let Ok(Line::Event(event)) = decode(&line.bytes) {
            frontier.push(leaf_hash(event.header.as_bytes()));
            verifier.late_root(&frontier);
        }
    }
    Ok(())
}

struct Walker {
    verifier: Verifier,
    /// The last event, whose sources may follow.
    open: Option<Learnt>,
    places: Places,
    /// The parts so far of a source.
    parts: Option<Gathering>,
}

struct Gathering {
    blake3: String,
    start: u64,
    next: u64,
    parts: u64,
    size: u64,
    bytes: Vec<u8>,
}

impl Walker {
    fn new(against: &Against) -> Self {
        let verifier = Verifier::new(against);
        Self { verifier, open: None, places: Places::new(), parts: None }
    }

    /// The line of the last event, and its sources, have been read: its content can be checked.
    fn close_event<R: Read + Seek>(&mut self, lines: &mut Lines<'_, R>) {
        if self.parts.take().is_some() {
            self.out_of_order("a captured source is cut short");
        }
        let Some(learnt) = self.open.take() else { return };
        let places = &self.places;
        self.verifier.content(&learnt, &mut |blake3| match places.get(blake3) {
            None => Ok(None),
            Some((start, end)) => Ok(lines.source(*start, *end).ok().flatten()),
        });
    }

    fn part(&mut self, part: SourcePart, line: &OneLine) -> Option<(String, Vec<u8>)> {
        let Some(learnt) = &self.open else {
            self.wrong(line, Wrong::Order("a captured source follows no event"));
            return None;
        };
        let first = part.part == 0;
        // Sources stand in the order in which their event names them.
        let due = learnt.captured().iter().find(|blake3| !self.places.contains_key(*blake3));
        let wanted = due == Some(&part.source);
        let fits = match &self.parts {
            None => first && wanted,
            Some(so_far) => {
                so_far.blake3 == part.source
                    && so_far.next == part.part
                    && so_far.parts == part.parts
                    && so_far.size == part.size
            }
        };
        if !fits || part.size > SOURCE_BYTES_MAX {
            self.parts = None;
            let why = "a part of a captured source does not belong here";
            self.wrong(line, Wrong::Order(why));
            return None;
        }
        let gathering = self.parts.get_or_insert_with(|| Gathering {
            blake3: part.source.clone(),
            start: line.start,
            next: 0,
            parts: part.parts,
            size: part.size,
            bytes: Vec::new(),
        });
        gathering.bytes.extend_from_slice(&part.bytes);
        gathering.next += 1;
        if gathering.next < gathering.parts {
            return None;
        }
        let done = self.parts.take()?;
        let size = u64::try_from(done.bytes.len()).unwrap_or(u64::MAX);
        if size != done.size {
            self.wrong(line, Wrong::Order("a captured source has another size than it says"));
        }
        self.places.insert(done.blake3.clone(), (done.start, line.end));
        Some((done.blake3, done.bytes))
    }

    fn not_a_line(&mut self, line: &OneLine, why: String) {
        // A line that cannot be read stands where an event, or a source of the last one, would.
        let seq = Some(self.verifier.next_seq());
        let what = Wrong::Line(why);
        let finding = Finding { seq, id: None, line: Some(line.number), what };
        self.verifier.found(Check::Bytes, finding);
    }

    fn wrong(&mut self, line: &OneLine, what: Wrong) {
        let seq = self.verifier.next_seq().checked_sub(1);
        let finding = Finding { seq, id: None, line: Some(line.number), what };
        self.verifier.found(Check::Bytes, finding);
    }

    fn out_of_order(&mut self, why: &'static str) {
        let seq = self.verifier.next_seq().checked_sub(1);
        let finding = Finding { seq, id: None, line: None, what: Wrong::Order(why) };
        self.verifier.found(Check::Sources, finding);
    }
}

/// Lines with their places, of bounded length.
struct Lines<'r, R> {
    reader: io::BufReader<&'r mut R>,
    number: u64,
    at: u64,
}

struct OneLine {
    bytes: Vec<u8>,
    number: u64,
    start: u64,
    end: u64,
    ended: bool,
}

impl<'r, R: Read + Seek> Lines<'r, R> {
    fn new(reader: &'r mut R) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(0))?;
        Ok(Self { reader: io::BufReader::new(reader), number: 0, at: 0 })
    }

    fn next(&mut self) -> io::Result<Option<OneLine>> {
        let Some((bytes, ended)) = read_line(&mut self.reader)? else { return Ok(None) };
        let start = self.at;
        let read = bytes.len() + usize::from(ended);
        self.at += u64::try_from(read).unwrap_or(u64::MAX);
        self.number += 1;
        Ok(Some(OneLine { bytes, number: self.number, start, end: self.at, ended }))
    }

    /// The bytes of a source whose lines lie between two places; the reader is left where it was.
    fn source(&mut self, start: u64, end: u64) -> io::Result<Option<Vec<u8>>> {
        let back = self.at;
        self.reader.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        let mut at = start;
        while at < end {
            let mut line = Vec::new();
            let read = self.reader.read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            at += u64::try_from(read).unwrap_or(u64::MAX);
            line.pop();
            if let Ok(Line::Source(part)) = decode(&line) {
                bytes.extend_from_slice(&part.bytes);
            }
        }
        self.reader.seek(SeekFrom::Start(back))?;
        Ok(Some(bytes))
    }
}

/// Rebuilds a log from an export that verifies, in an empty store. Returns what the verification found and covered.
pub fn restore<R: Read + Seek>(
    export: &mut R,
    store: &mut impl Store,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, PortableError> {
    let size = store.head()?.size;
    if size > 0 {
        return Err(PortableError::NotEmpty(size));
    }
    let nothing = Against::default();
    let report = verify_export(export, &nothing, progress)?;
    if !report.is_ok() {
        return Err(PortableError::DoesNotVerify(Box::new(report)));
    }
    let mut head = Head::EMPTY;
    let mut frontier = Frontier::default();
    let mut batch: Vec<StoredEvent> = Vec::new();
    let again = walk(
        export,
        &nothing,
        &mut |step| -> Result<(), PortableError> {
            match step {
                Step::Source(blake3, bytes) => store.put_blob(&blob_name(&blake3), &bytes)?,
                Step::Event(event) => {
                    batch.push(event);
                    if batch.len() >= READ_EVENTS {
                        head = append(store, head, &mut frontier, &mut batch)?;
                    }
                }
            }
            Ok(())
        },
        progress,
    )?;
    append(store, head, &mut frontier, &mut batch)?;
    // The file could have changed between the two readings.
    if again.is_ok() { Ok(again) } else { Err(PortableError::DoesNotVerify(Box::new(again))) }
}

fn append(
    store: &mut impl Store,
    head: Head,
    frontier: &mut Frontier,
    batch: &mut Vec<StoredEvent>,
) -> Result<Head, StoreError> {
    let Some(last) = batch.last() else { return Ok(head) };
    let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
    let next = Head { size: head.size + count, link: Link::of(&last.header).0 };
    let tree = super::tree::grown(frontier, batch, store)?;
    store.append(Change { expected: head, events: batch, tree: &tree, next })?;
    batch.clear();
    Ok(next)
}
