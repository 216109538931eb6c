//! What is printed, and how: plain text, tables, colour on a terminal alone, progress on long work.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, TableStyle};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::error::CliError;
use crate::model::text::{escaped_json, is_hidden, visible};

/// The terminal, or whatever stands in its place.
pub(crate) struct Terminal {
    out: io::BufWriter<Output>,
    err: anstream::AutoStream<io::Stderr>,
    width: usize,
}

/// The lines of a cell of a table.
pub(crate) type Cell = Vec<String>;

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
const STRUCK: Style = Style::new().strikethrough().dimmed();
const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const BAD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))).bold();
const HINT: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)));

/// The width of tables where there is no terminal to ask.
const WIDTH: usize = 100;

impl Terminal {
    pub(crate) fn new() -> Self {
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self {
            out: io::BufWriter::new(Output { stream: anstream::stdout(), broken: None }),
            err: anstream::AutoStream::auto(io::stderr()),
            width: width.unwrap_or(WIDTH).clamp(60, 160),
        }
    }

    /// Ends the output; says what kept any of it from being written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_mut().broken.take().map_or(Ok(()), Err)
    }

    /// A line of the result. Here and below, hidden characters are shown escaped: whatever is in a log is anybody's.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{}", visible(text.as_ref()))
    }

    /// What is made to be saved, such as a proof or a note, and holds as it is alone: byte for byte. On a terminal, where
    /// nobody saves it, it is shown like every other line.
    pub(crate) fn artefact(&mut self, text: &str) -> io::Result<()> {
        if !io::stdout().is_terminal() {
            self.out.flush()?;
            return self.out.get_mut().write_as_it_is(text.as_bytes());
        }
        text.lines().try_for_each(|line| self.line(line))?;
        if text.chars().any(|c| c != '\n' && is_hidden(c)) {
            self.note("hidden characters in it are shown escaped: to save it as it is, have it written to a file");
        }
        Ok(())
    }

    /// A heading over part of a result.
    pub(crate) fn heading(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{HEADING}{}{HEADING:#}", visible(text.as_ref()))
    }

    /// A line that matters less.
    pub(crate) fn faint(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{FAINT}{}{FAINT:#}", visible(text.as_ref()))
    }

    /// A line that no longer counts: struck through where the terminal can, and it says so itself.
    pub(crate) fn struck(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{STRUCK}{}{STRUCK:#}", visible(text.as_ref()))
    }

    /// How many columns there are.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// A verdict, in its colour.
    pub(crate) fn verdict(&mut self, good: bool, text: impl AsRef<str>) -> io::Result<()> {
        let style = if good { GOOD } else { BAD };
        writeln!(self.out, "{style}{}{style:#}", visible(text.as_ref()))
    }

    /// A remark that is no part of a result, on standard error. Here and below, if standard error is gone nobody wants to
    /// know, and what was to be done is done all the same.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.err, "{}", visible(text.as_ref()));
    }

    /// A warning, on standard error.
    pub(crate) fn warn(&mut self, text: impl AsRef<str>) {
        let style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
        let _ = writeln!(self.err, "{style}warning:{style:#} {}", clipped(text.as_ref()));
    }

    /// Advice, on standard error.
    pub(crate) fn hint(&mut self, advice: impl AsRef<str>) {
        let _ = writeln!(self.err, "{HINT}hint:{HINT:#} {}", clipped(advice.as_ref()));
    }

    /// One JSON document. Here and below, hidden characters are written as JSON's own escapes, which mean the same.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer_pretty(EscapedJson(&mut self.out), value)?;
        writeln!(self.out)?;
        Ok(())
    }

    /// One JSON value on one line.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer(EscapedJson(&mut self.out), value)?;
        writeln!(self.out)?;
        Ok(())
    }

    /// A table of cells of one line. The columns in `whole` are never wrapped.
    pub(crate) fn table(
        &mut self,
        header: &[&str],
        whole: &[usize],
        rows: &[Vec<String>],
    ) -> io::Result<()> {
        let of_lines: Vec<Vec<Cell>> =
            rows.iter().map(|row| row.iter().cloned().map(|line| vec![line]).collect()).collect();
        self.table_of_lines(header, whole, &of_lines)
    }

    /// The same, of cells of several lines. A line of a cell is one line whatever is in it: else what somebody else wrote
    /// could pass for two.
    pub(crate) fn table_of_lines(
        &mut self,
        header: &[&str],
        whole: &[usize],
        rows: &[Vec<Cell>],
    ) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(STYLE);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(self.width).unwrap_or(u16::MAX));
        // Names of columns may be anybody's, too.
        let header = header.iter().map(|name| visible(&name.to_uppercase()).into_owned());
        table.set_header(header.collect::<Vec<_>>());
        for row in rows {
            let shown =
                |cell: &Cell| cell.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n");
            table.add_row(row.iter().map(shown));
        }
        for column in whole {
            if let Some(column) = table.column_mut(*column) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        for line in table.trim_fmt().lines() {
            // Every line begins with the padding of the first column.
            writeln!(self.out, "  {}", line.strip_prefix(' ').unwrap_or(line).trim_end())?;
        }
        Ok(())
    }

    /// Shows an error on standard error.
    pub(crate) fn error(&mut self, error: &CliError) {
        let mut text = format!("{BAD}error:{BAD:#} {}\n", clipped(&error.message));
        for detail in &error.details {
            text.push_str(&format!("  {}\n", clipped(detail)));
        }
        for advice in &error.hints {
            text.push_str(&format!("{HINT}hint:{HINT:#} {}\n", clipped(advice)));
        }
        let _ = self.out.flush();
        let _ = self.err.write_all(text.as_bytes());
    }

    /// A progress bar on a terminal, nothing elsewhere.
    #[expect(clippy::unused_self, reason = "progress is something that a terminal shows")]
    pub(crate) fn progress(&self, what: &'static str, total: Option<u64>) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let template = "{msg} {wide_bar} {pos}/{len} {per_sec}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress(bar)
    }
}

/// Standard output. Once it is broken nothing more is written to it, and whoever writes goes on: what a command does, and
/// what it found, is not for whoever reads along to end.
struct Output {
    stream: anstream::AutoStream<io::Stdout>,
    broken: Option<io::Error>,
}

impl Output {
    /// Keeps the first error, in place of which so many bytes pass for written.
    fn keep<T>(&mut self, written: io::Result<T>, passes: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.broken = Some(error);
                Ok(passes)
            }
            written => written,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken.is_some() {
            return Ok(bytes.len());
        }
        let written = self.stream.write(bytes);
        self.keep(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.broken.is_some() {
            return Ok(());
        }
        let flushed = self.stream.flush();
        self.keep(flushed, ())
    }
}

impl Output {
    /// Writes bytes as they are: what is no terminal is else given none that one could take for the beginning of a command.
    fn write_as_it_is(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.broken.is_some() {
            return Ok(());
        }
        let mut stream = self.stream.as_inner();
        let written = stream.write_all(bytes).and_then(|()| stream.flush());
        self.keep(written, ())
    }
}

/// JSON on its way out, which is written in pieces of whole characters.
struct EscapedJson<W>(W);

impl<W: Write> Write for EscapedJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(escaped_json(piece).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The longest line of an error or a warning, in characters.
const SAID_CHARS_MAX: usize = 4000;

/// A line fit to be shown, cut where it is longer than anybody reads: an error may hold what somebody else wrote.
fn clipped(text: &str) -> String {
    let shown = visible(text);
    match shown.char_indices().nth(SAID_CHARS_MAX) {
        None => shown.into_owned(),
        Some((at, _)) => {
            let (said, rest) = shown.split_at(at);
            format!("{said}… ({} characters more)", rest.chars().count())
        }
    }
}

/// How far long work has come.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn set(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Columns apart, no rules: quiet on a terminal, easy to copy.
const STYLE: TableStyle = TableStyle::new();
