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

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use super::examine::{Examined, examine};
use super::finding::{Check, Finding, Wrong};
use super::names::{Key, is_of_id};
use super::parallel::scan;
use super::report::{Against, Report};
use super::sources::blob_name;
use super::staging::{Staging, Workers, abandon};
use super::verify::{Learnt, Verifier};
use crate::model::event::Body;
use crate::model::limits::{PAYLOAD_BYTES_MAX, SOURCE_BYTES_MAX};
use crate::model::schema::Kind;
use crate::record::export::{
    EventLine, HeadLine, Line, LineError, SourcePart, decode, encode, split_source,
};
use crate::record::header::Header;
use crate::record::link::Link;
use crate::record::tree::{Frontier, NodeHash, leaf_hash};
use crate::replay::Content;
use crate::store::{Damage, EventRef, Events, Head, Part, PartRef, Store, StoreError, StoredEvent};

/// The longest line of an export, in bytes: header, payload and sealed part, with every character escaped.
pub const EXPORT_LINE_BYTES_MAX: usize = 16 * PAYLOAD_BYTES_MAX;

/// How many bytes of lines are looked at together.
const LOT_BYTES: usize = 512 * 1024;
/// How many lots are looked at ahead of the one that is taken.
const LOTS_AHEAD: usize = 6;

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

pub(super) fn captured_by(event: EventRef<'_>) -> Vec<String> {
    let PartRef::Present { bytes, .. } = event.payload else { return Vec::new() };
    match Header::from_bytes(event.header) {
        Ok(header) if header.kind == Kind::Source.name() => {
            match super::read_payload(bytes, &header.kind) {
                Content::Readable(event) => match &event.body {
                    Body::Source(source) => source.hashes().map(str::to_owned).collect(),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            }
        }
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
    walk(export, against, progress).map(|(report, _)| report)
}

/// What a line of an export shows by itself.
enum Seen {
    Event(Box<Examined>, Vec<Key>),
    Source(SourcePart),
    Head(HeadLine),
    NotALine(LineError),
}

impl Seen {
    fn of(line: &OneLine, quick: bool) -> Self {
        match decode(&line.bytes) {
            Ok(Line::Event(event)) => {
                let (stored, mut ids) = (StoredEvent::from(event), Vec::new());
                let examined = examine(stored.as_ref(), quick, &mut |key| {
                    if is_of_id(&key) {
                        ids.push(key);
                    }
                });
                Self::Event(Box::new(examined), ids)
            }
            Ok(Line::Source(part)) => Self::Source(part),
            Ok(Line::Head(head)) => Self::Head(head),
            Err(error) => Self::NotALine(error),
        }
    }
}

/// Reads and checks an export; returns the hash of its bytes, too.
fn walk<R: Read + Seek>(
    export: &mut R,
    against: &Against,
    progress: &mut dyn FnMut(u64),
) -> Result<(Report, blake3::Hash), io::Error> {
    let mut walker = Walker::new(against);
    let quick = against.quick;
    let look = move |lot: Vec<OneLine>| {
        let seen = lot.into_iter().map(|mut line| {
            let seen = Seen::of(&line, quick);
            line.bytes = Vec::new();
            (line, seen)
        });
        seen.collect::<Vec<_>>()
    };
    let mut lines = Lines::new(export)?;
    let first = lines.lot()?;
    let take = &mut |lines: &mut Lines<'_, R>, seen: Vec<(OneLine, Seen)>| {
        for (line, seen) in seen {
            walker.take(&line, seen, lines);
        }
        progress(walker.verifier.next_seq());
        Ok::<_, io::Error>(())
    };
    if first.bytes < LOT_BYTES {
        take(&mut lines, look(first.lines))?;
    } else {
        Workers::during(|workers| in_lots(&mut lines, first.lines, workers, look, take))?;
    }
    walker.close_event(&mut lines);
    let hash = lines.hasher.finalize();
    let Walker { mut verifier, head, .. } = walker;
    if head.is_none() {
        let what = Wrong::Order("there is no line with the head: the export is cut");
        let seq = verifier.next_seq().checked_sub(1);
        verifier.found(Check::Head, Finding { seq, id: None, line: None, what });
    }
    late_roots(&mut verifier, export)?;
    look_at_twins(&mut verifier, export)?;
    let (stated, root) = match head {
        Some(head) => (Some((head.size, head.chain)), Some(head.root)),
        None => (None, None),
    };
    Ok((verifier.finish(stated, root), hash))
}

/// Has lots of lines looked at by several threads, and takes what comes of them in order.
fn in_lots<R: Read + Seek, T: Send + 'static, E: From<io::Error>>(
    lines: &mut Lines<'_, R>,
    first: Vec<OneLine>,
    workers: &Workers,
    look: impl Fn(Vec<OneLine>) -> T + Copy + Send + 'static,
    mut take: impl FnMut(&mut Lines<'_, R>, T) -> Result<(), E>,
) -> Result<(), E> {
    let mut ahead = VecDeque::from([workers.give(move || look(first))]);
    let mut ended = false;
    loop {
        while !ended && ahead.len() < LOTS_AHEAD {
            let lot = lines.lot()?;
            ended = lot.lines.is_empty();
            if !ended {
                ahead.push_back(workers.give(move || look(lot.lines)));
            }
        }
        let Some(next) = ahead.pop_front() else { return Ok(()) };
        take(lines, next.wait().map_err(io::Error::other)?)?;
    }
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
    head: Option<HeadLine>,
    /// Whether what events captured is not looked at, so that it is not known which parts belong to them.
    quick: bool,
}

struct Gathering {
    blake3: String,
    start: u64,
    next: u64,
    parts: u64,
    size: u64,
    /// How many bytes its parts have so far.
    found: u64,
}

impl Walker {
    fn new(against: &Against) -> Self {
        let verifier = Verifier::new(against);
        let quick = against.quick;
        Self { verifier, open: None, places: Places::new(), parts: None, head: None, quick }
    }

    /// Takes the next line.
    fn take<R: Read + Seek>(&mut self, line: &OneLine, seen: Seen, lines: &mut Lines<'_, R>) {
        if !line.ended {
            self.wrong(line, Wrong::Order("the last line does not end: the export is cut"));
        }
        match seen {
            Seen::NotALine(error) => {
                self.close_event(lines);
                self.not_a_line(line, error.to_string());
            }
            _ if self.head.is_some() => {
                self.wrong(line, Wrong::Order("a line follows the head, which must be the last"));
            }
            Seen::Event(examined, ids) => {
                self.close_event(lines);
                self.open = Some(self.verifier.examined(*examined, &ids, Some(line.number)));
                self.verifier.no_stored_tree();
            }
            Seen::Source(part) => self.part(part, line),
            Seen::Head(stated) => {
                self.close_event(lines);
                self.head = Some(stated);
            }
        }
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

    fn part(&mut self, part: SourcePart, line: &OneLine) {
        let Some(learnt) = &self.open else {
            self.wrong(line, Wrong::Order("a captured source follows no event"));
            return;
        };
        if self.quick {
            return;
        }
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
            return;
        }
        let gathering = self.parts.get_or_insert_with(|| Gathering {
            blake3: part.source.clone(),
            start: line.start,
            next: 0,
            parts: part.parts,
            size: part.size,
            found: 0,
        });
        let found = u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
        gathering.found = gathering.found.saturating_add(found);
        gathering.next += 1;
        if gathering.next < gathering.parts {
            return;
        }
        let Some(done) = self.parts.take() else { return };
        if done.found != done.size {
            self.wrong(line, Wrong::Order("a captured source has another size than it says"));
        }
        self.places.insert(done.blake3, (done.start, line.end));
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
    /// Of all lines so far.
    hasher: blake3::Hasher,
}

/// Lines that are looked at together.
struct Lot {
    lines: Vec<OneLine>,
    bytes: usize,
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
        let reader = io::BufReader::with_capacity(LOT_BYTES, reader);
        Ok(Self { reader, number: 0, at: 0, hasher: blake3::Hasher::new() })
    }

    fn next(&mut self) -> io::Result<Option<OneLine>> {
        let Some((bytes, ended)) = read_line(&mut self.reader)? else { return Ok(None) };
        let start = self.at;
        let read = bytes.len() + usize::from(ended);
        self.at += u64::try_from(read).unwrap_or(u64::MAX);
        self.number += 1;
        self.hasher.update(&bytes).update(if ended { b"\n" } else { b"" });
        Ok(Some(OneLine { bytes, number: self.number, start, end: self.at, ended }))
    }

    /// The next lot of lines; one that is too small is the last, and one without lines stands at the end.
    fn lot(&mut self) -> io::Result<Lot> {
        let mut lot = Lot { lines: Vec::new(), bytes: 0 };
        while lot.bytes < LOT_BYTES {
            let Some(line) = self.next()? else { break };
            lot.bytes = lot.bytes.saturating_add(line.bytes.len());
            lot.lines.push(line);
        }
        Ok(lot)
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

    /// How many events it holds.
    pub const fn events(&self) -> u64 {
        self.report.events
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
