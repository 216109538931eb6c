//! Lines of input, from a file or from standard input, for `append`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::time::SystemTime;

use crate::event_log::{Input, InputError, InputLine};
use crate::model::limits::{LINE_BYTES_MAX, LINE_SKIPPED_BYTES_MAX};

/// How much of a file is read at a time.
pub(crate) const READ_BYTES: usize = 256 * 1024;
/// More of standard input than this is put into a temporary file.
const SPOOLED_IN_MEMORY: usize = 16 * 1024 * 1024;

/// The lines of an input, blank ones left out; a byte order mark before the first is none of it.
pub(crate) struct InputLines<R> {
    reader: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead + Seek> InputLines<R> {
    /// The lines of what is read.
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, number: 0, line: Vec::new() }
    }

    /// Reads the next line that is not blank into the buffer; where in it the line lies, or that it is too long.
    fn read(&mut self) -> io::Result<Option<Result<std::ops::Range<usize>, InputError>>> {
        loop {
            self.line.clear();
            let most = LINE_BYTES_MAX as u64 + 2;
            if (&mut self.reader).take(most).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.len() as u64 == most && self.line.last() != Some(&b'\n') {
                skip_line(self.line.len(), &mut self.reader)?;
            }
            let mut text = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            text = text.strip_suffix(b"\r").unwrap_or(text);
            let end = text.len();
            if self.number == 1 {
                text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
            }
            if text.len() > LINE_BYTES_MAX {
                return Ok(Some(Err(InputError::LineTooLong { most: LINE_BYTES_MAX })));
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some(Ok(end - text.len()..end)));
            }
        }
    }
}

impl<R: BufRead + Seek> Input for InputLines<R> {
    fn next_line(&mut self) -> io::Result<Option<InputLine<'_>>> {
        let Some(range) = self.read()? else { return Ok(None) };
        let line = range.map(|range| self.line.get(range).unwrap_or_default());
        Ok(Some((self.number, line)))
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.number = 0;
        self.reader.seek(SeekFrom::Start(0)).map(drop)
    }
}

/// The lines of a file, which may be read more than once only while it stays as it is: what was refused is known by its line.
pub(crate) struct FileLines {
    lines: InputLines<BufReader<File>>,
    /// How long the file was when it was opened, and when it was written last.
    opened: (u64, Option<SystemTime>),
}

impl FileLines {
    /// The lines of an open file.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let opened = state(&file)?;
        Ok(Self { lines: InputLines::new(BufReader::with_capacity(READ_BYTES, file)), opened })
    }
}

impl Input for FileLines {
    fn next_line(&mut self) -> io::Result<Option<InputLine<'_>>> {
        self.lines.next_line()
    }

    fn rewind(&mut self) -> io::Result<()> {
        if state(self.lines.reader.get_ref())? != self.opened {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it changed while it was read; append it again once nothing writes to it any more",
            ));
        }
        self.lines.rewind()
    }
}

fn state(file: &File) -> io::Result<(u64, Option<SystemTime>)> {
    let found = file.metadata()?;
    Ok((found.len(), found.modified().ok()))
}

/// What can be read once only, so that it can be read again. A device that never ends a line is not read to its end.
pub(crate) fn spooled(input: &mut dyn Read) -> Result<impl BufRead + Seek + use<>, NotSpooled> {
    let mut spool = tempfile::spooled_tempfile(SPOOLED_IN_MEMORY);
    let mut lines = OfLines { input, since: 0, failed: false };
    let copied = io::copy(&mut lines, &mut spool);
    if lines.failed {
        copied.map_err(NotSpooled::Input)?;
    } else {
        copied.and_then(|_| spool.rewind()).map_err(NotSpooled::Spool)?;
    }
    Ok(io::BufReader::with_capacity(READ_BYTES, spool))
}

/// What went wrong while an input was put aside.
#[derive(Debug)]
pub(crate) enum NotSpooled {
    /// It could not be read.
    Input(io::Error),
    /// The temporary file could not be made or written.
    Spool(io::Error),
}

/// An input, as long as its lines end.
struct OfLines<'i> {
    input: &'i mut dyn Read,
    /// How many bytes there were since the last line ended.
    since: u64,
    /// Whether reading has failed, for good.
    failed: bool,
}

impl Read for OfLines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer).inspect_err(|error| {
            self.failed = error.kind() != io::ErrorKind::Interrupted;
        })?;
        let read = buffer.get(..count).unwrap_or_default();
        self.since = match read.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => (count - at - 1) as u64,
            None => self.since + count as u64,
        };
        self.failed = self.since > LINE_SKIPPED_BYTES_MAX;
        if self.failed { Err(never_ends()) } else { Ok(count) }
    }
}

fn never_ends() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("no line ends within {LINE_SKIPPED_BYTES_MAX} bytes, so these are no JSON lines"),
    )
}

/// Passes over the rest of a line of which so many bytes were read.
fn skip_line(read: usize, input: &mut dyn BufRead) -> io::Result<()> {
    let mut length = read as u64;
    loop {
        let buffer = input.fill_buf()?;
        let end = memchr::memchr(b'\n', buffer);
        let of_line = end.unwrap_or(buffer.len());
        length += of_line as u64;
        if length > LINE_SKIPPED_BYTES_MAX {
            return Err(never_ends());
        }
        if end.is_some() || buffer.is_empty() {
            input.consume(of_line + usize::from(end.is_some()));
            return Ok(());
        }
        input.consume(of_line);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    /// What would break: `append --keep-going` goes over its input again without the lines that it refused, by their numbers; what
    /// stands there by then would be left out, and nobody told.
    #[test]
    fn a_file_that_changes_is_not_read_again() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\ntwo\n").unwrap();
        let mut lines = FileLines::new(file.reopen().unwrap()).unwrap();
        for _ in 0..2 {
            lines.rewind().unwrap();
            let (number, line) = lines.next_line().unwrap().unwrap();
            assert_eq!((number, line.unwrap()), (1, &b"one"[..]));
        }
        file.write_all(b"three\n").unwrap();
        let error = lines.rewind().unwrap_err();
        assert!(error.to_string().contains("changed while it was read"), "{error}");
    }
}
