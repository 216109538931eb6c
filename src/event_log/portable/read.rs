//! Verifying an export: each line by itself, then all of them in order.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

use super::lines::{LOT_BYTES, Lines, OneLine, in_lots};
use crate::event_log::append::event_of;
use crate::event_log::examine::{Examined, examine};
use crate::event_log::finding::{Check, Finding, Wrong};
use crate::event_log::names::{Key, is_of_id};
use crate::event_log::report::{Against, Report};
use crate::event_log::staging::Workers;
use crate::event_log::verify::{Learnt, Verifier};
use crate::model::limits::{SOURCE_BYTES_MAX, UNREADABLE_LINES_MAX};
use crate::record::export::{HeadLine, Line, LineError, SourcePart, SplitCheck, decode};
use crate::record::header::Header;
use crate::record::tree::{Frontier, leaf_hash};
use crate::store::StoredEvent;

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

/// The origin that the first event of an export names, if that can be read; nothing of it is checked.
pub fn origin_of_export<R: Read + Seek>(export: &mut R) -> io::Result<Option<String>> {
    let first = Lines::new(export)?.next()?;
    Ok(first
        .and_then(|line| match decode(&line.bytes) {
            Ok(Line::Event(event)) => Header::from_bytes(event.header.as_bytes()).ok(),
            _ => None,
        })
        .map(|header| header.log))
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
pub(super) fn walk<R: Read + Seek>(
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
            walker.take(&line, seen, lines)?;
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
    if verifier.next_seq() == 0 {
        let what = Wrong::Order("there is no event: a log has at least its genesis");
        verifier.found(Check::Chain, Finding { seq: None, id: None, line: None, what });
    }
    late_roots(&mut verifier, export)?;
    look_at_twins(&mut verifier, export)?;
    let (stated, root) = match head {
        Some(head) => (Some((head.size, head.chain)), Some(head.root)),
        None => (None, None),
    };
    Ok((verifier.finish(stated, root), hash))
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
                *id = event_of(&StoredEvent::from(event)).and_then(|event| event.id);
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
    /// How many lines could not be read.
    unreadable: usize,
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
    split: SplitCheck,
}

impl Walker {
    fn new(against: &Against) -> Self {
        let verifier = Verifier::new(against);
        let quick = against.quick;
        let places = Places::new();
        Self { verifier, open: None, places, parts: None, head: None, unreadable: 0, quick }
    }

    /// Takes the next line; an error if too many could not be read.
    fn take<R: Read + Seek>(
        &mut self,
        line: &OneLine,
        seen: Seen,
        lines: &mut Lines<'_, R>,
    ) -> io::Result<()> {
        if !line.ended {
            self.wrong(line, Wrong::Order("the last line does not end: the export is cut"));
        }
        match seen {
            Seen::NotALine(error) => {
                self.close_event(lines);
                self.not_a_line(line, error.to_string());
                self.unreadable += 1;
                if self.unreadable > UNREADABLE_LINES_MAX {
                    return Err(too_many_unreadable());
                }
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
        Ok(())
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
            split: SplitCheck::default(),
        });
        let found = u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
        gathering.found = gathering.found.saturating_add(found);
        gathering.next += 1;
        let as_split = gathering.split.is_next(&part);
        if !as_split {
            self.parts = None;
            let why = "a captured source is not in the parts, or the form, that an export gives it";
            self.wrong(line, Wrong::Order(why));
            return;
        }
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

fn too_many_unreadable() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("more than {UNREADABLE_LINES_MAX} of its lines are no lines of an export"),
    )
}
