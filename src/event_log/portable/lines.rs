//! The lines of an export, with their places and of bounded length, and lots of them for several threads.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::EXPORT_LINE_BYTES_MAX;
use crate::event_log::staging::Workers;
use crate::record::export::{Line, decode};

/// How many bytes of lines are looked at together.
pub(super) const LOT_BYTES: usize = 512 * 1024;

/// How many lots are looked at ahead of the one that is taken.
const LOTS_AHEAD: usize = 6;

/// The next line without its line feed, and whether it had one; `None` at the end. A line longer than
/// [`EXPORT_LINE_BYTES_MAX`] is cut there.
pub(in crate::event_log) fn read_line(
    input: &mut dyn BufRead,
) -> io::Result<Option<(Vec<u8>, bool)>> {
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

/// Lines with their places, of bounded length.
pub(super) struct Lines<'r, R> {
    reader: io::BufReader<&'r mut R>,
    number: u64,
    at: u64,
    /// Of all lines so far.
    pub(super) hasher: blake3::Hasher,
}

/// Lines that are looked at together.
pub(super) struct Lot {
    pub(super) lines: Vec<OneLine>,
    pub(super) bytes: usize,
}

pub(super) struct OneLine {
    pub(super) bytes: Vec<u8>,
    pub(super) number: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) ended: bool,
}

impl<'r, R: Read + Seek> Lines<'r, R> {
    pub(super) fn new(reader: &'r mut R) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(0))?;
        let reader = io::BufReader::with_capacity(LOT_BYTES, reader);
        Ok(Self { reader, number: 0, at: 0, hasher: blake3::Hasher::new() })
    }

    pub(super) fn next(&mut self) -> io::Result<Option<OneLine>> {
        let Some((bytes, ended)) = read_line(&mut self.reader)? else { return Ok(None) };
        let start = self.at;
        let read = bytes.len() + usize::from(ended);
        self.at += u64::try_from(read).unwrap_or(u64::MAX);
        self.number += 1;
        self.hasher.update(&bytes).update(if ended { b"\n" } else { b"" });
        Ok(Some(OneLine { bytes, number: self.number, start, end: self.at, ended }))
    }

    /// The next lot of lines; one that is too small is the last, and one without lines stands at the end.
    pub(super) fn lot(&mut self) -> io::Result<Lot> {
        let mut lot = Lot { lines: Vec::new(), bytes: 0 };
        while lot.bytes < LOT_BYTES {
            let Some(line) = self.next()? else { break };
            lot.bytes = lot.bytes.saturating_add(line.bytes.len());
            lot.lines.push(line);
        }
        Ok(lot)
    }

    /// The bytes of a source whose lines lie between two places; the reader is left where it was.
    pub(super) fn source(&mut self, start: u64, end: u64) -> io::Result<Option<Vec<u8>>> {
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

/// Has lots of lines looked at by several threads, and takes what comes of them in order.
pub(super) fn in_lots<R: Read + Seek, T: Send + 'static, E: From<io::Error>>(
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
