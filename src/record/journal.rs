//! The journal: every checkpoint that a log signed, in order, kept outside its store.
//!
//! It is lines of canonical JSON. The first names the log and the link of its genesis, `{"genesis","log","v":1}`; every
//! other holds a signed note, `{"at","note","prev"}`, where `prev` is BLAKE3 in [`JOURNAL_CONTEXT`] of the line before it.
//! A line is never changed; cosignatures that come later are a further line with the same size and root.
//!
//! Whoever may write the journal can cut its end, and whoever also holds the key can write another. So it shows what
//! this log signed only relative to what outsiders hold. A last line without its line feed was never acknowledged, and is
//! passed over; not so one that has another byte in its place.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::commitment::derive_key;
use super::hex;
use super::json::{self, JsonError};
use super::link::Link;
use super::note::Note;
use crate::model::calendar::Instant;
use crate::model::value::{Object, Value};

/// The derive-key context of the links between lines.
pub const JOURNAL_CONTEXT: &str = "demarche 2026-11-24 journal v1";

/// What a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Who keeps the log.
    pub log: String,
    /// The link of its event 0.
    pub genesis: Link,
    /// The checkpoints, in the order in which they were signed.
    pub entries: Vec<Entry>,
    /// What the next line must name as the one before it.
    last: [u8; 32],
    /// How many bytes the whole lines have.
    bytes: u64,
}

/// A checkpoint that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line, counted from 1.
    pub line: u64,
    /// When it was kept, by this machine's clock.
    pub at: Instant,
    /// The note as it was signed.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// A line that cannot stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}")]
pub struct JournalError {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub wrong: JournalWrong,
}

/// A journal that was edited, or damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct DamagedJournal {
    /// The first line that is wrong.
    pub error: JournalError,
    /// What stands before it; `None` if the first line is.
    pub before: Option<Box<Journal>>,
}

/// What is wrong with a line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalWrong {
    /// It is not canonical JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A key is missing, or is not what it must be, or has no place there.
    #[error("its key {0:?} is missing, or is not what it must be")]
    Key(&'static str),
    /// It does not follow the line before it: a line was changed, dropped or moved.
    #[error("it does not follow the line before it: a line was changed, dropped or moved")]
    Broken,
    /// Its note is no checkpoint.
    #[error("its note is no checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Its checkpoint is of another log.
    #[error("its checkpoint is of the log {0:?}")]
    OtherLog(String),
    /// Its checkpoint is of fewer events than the one before it, which none is ever signed over.
    #[error("its checkpoint is of {found} events, fewer than the {before} of the one before it")]
    Shrinks {
        /// The size in the line before it.
        before: u64,
        /// The size in it.
        found: u64,
    },
    /// It has another byte in the place of its line feed: it was kept whole, and damaged since.
    #[error(
        "it has another byte in the place of its line feed: it was damaged after it was written"
    )]
    LineFeed,
    /// There is no line at all.
    #[error("it has no line that says which log it is of")]
    Empty,
}

impl Journal {
    /// A journal without checkpoints, and its first line.
    pub fn begin(log: &str, genesis: Link) -> (Self, Vec<u8>) {
        let line = line([
            ("genesis", Value::Text(genesis.to_string().into())),
            ("log", Value::Text(log.to_owned().into())),
            ("v", Value::Integer(1)),
        ]);
        let mut journal = Self::empty(log.to_owned(), genesis);
        journal.taken(&line);
        (journal, line)
    }

    const fn empty(log: String, genesis: Link) -> Self {
        Self { log, genesis, entries: Vec::new(), last: [0; 32], bytes: 0 }
    }

    /// Reads a journal; of a damaged one, what stands before the damage.
    pub fn parse(bytes: &[u8]) -> Result<Self, DamagedJournal> {
        let mut journal: Option<Self> = None;
        let mut number = 0_u64;
        for bytes in bytes.split_inclusive(|byte| *byte == b'\n') {
            number = number.saturating_add(1);
            if let Err(wrong) = Self::take_line(&mut journal, bytes, number) {
                let before = journal.map(Box::new);
                return Err(DamagedJournal { error: JournalError { line: number, wrong }, before });
            }
        }
        let empty = JournalError { line: 1, wrong: JournalWrong::Empty };
        journal.ok_or(DamagedJournal { error: empty, before: None })
    }

    /// Takes in the next line; not one that was cut off.
    fn take_line(
        journal: &mut Option<Self>,
        bytes: &[u8],
        number: u64,
    ) -> Result<(), JournalWrong> {
        let Some(text) = bytes.strip_suffix(b"\n") else {
            // A line that was cut off is no whole line with something behind it.
            let whole = bytes.split_last().is_some_and(|(_, text)| is_whole(text));
            return if whole { Err(JournalWrong::LineFeed) } else { Ok(()) };
        };
        let known = if let Some(known) = journal {
            known.read_entry(text, number)?;
            known
        } else {
            let (log, genesis) = read_first(text)?;
            journal.insert(Self::empty(log, genesis))
        };
        known.taken(bytes);
        Ok(())
    }

    /// Takes a note in, and returns the line to write.
    pub fn add(&mut self, at: Instant, note: Note) -> Result<Vec<u8>, CheckpointError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let line = line([
            ("at", Value::Text(at.to_string().into())),
            ("note", Value::Text(note.to_string().into())),
            ("prev", Value::Text(hex::encode(&self.last).into())),
        ]);
        let lines = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        let number = lines.saturating_add(2);
        self.entries.push(Entry { line: number, at, note, checkpoint });
        self.taken(&line);
        Ok(line)
    }

    /// The checkpoint signed last.
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// How many bytes its whole lines have; what follows them in a file was never acknowledged.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn taken(&mut self, line: &[u8]) {
        self.last = derive_key(JOURNAL_CONTEXT, &[line]);
        self.bytes = self.bytes.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
    }

    fn read_entry(&mut self, text: &[u8], number: u64) -> Result<(), JournalWrong> {
        let line = object(text, &["at", "note", "prev"])?;
        let at = text_of(&line, "at")?;
        let at = Instant::parse_recorded(at).ok_or(JournalWrong::Key("at"))?;
        if hex::decode(text_of(&line, "prev")?).ok_or(JournalWrong::Key("prev"))? != self.last {
            return Err(JournalWrong::Broken);
        }
        let (note, checkpoint) = Checkpoint::parse_note(text_of(&line, "note")?.as_bytes())?;
        if checkpoint.origin != self.log {
            return Err(JournalWrong::OtherLog(checkpoint.origin));
        }
        let (before, found) = (self.last().map_or(0, |last| last.checkpoint.size), checkpoint.size);
        if found < before {
            return Err(JournalWrong::Shrinks { before, found });
        }
        self.entries.push(Entry { line: number, at, note, checkpoint });
        Ok(())
    }
}

/// Whether a line is all there, but for what ends it.
fn is_whole(text: &[u8]) -> bool {
    matches!(json::parse_canonical(text), Ok(Value::Object(_)))
}

fn read_first(text: &[u8]) -> Result<(String, Link), JournalWrong> {
    let line = object(text, &["genesis", "log", "v"])?;
    if line.get("v") != Some(&Value::Integer(1)) {
        return Err(JournalWrong::Key("v"));
    }
    let genesis = Link::from_hex(text_of(&line, "genesis")?).ok_or(JournalWrong::Key("genesis"))?;
    Ok((text_of(&line, "log")?.to_owned(), genesis))
}

fn object<'a>(text: &'a [u8], keys: &[&'static str]) -> Result<Object<'a>, JournalWrong> {
    let Value::Object(line) = json::parse_canonical(text)? else {
        return Err(JournalWrong::Key("note"));
    };
    if line.len() > keys.len() {
        return Err(JournalWrong::Key("note"));
    }
    Ok(line)
}

fn text_of<'o>(line: &'o Object<'_>, key: &'static str) -> Result<&'o str, JournalWrong> {
    match line.get(key) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(JournalWrong::Key(key)),
    }
}

fn line<const N: usize>(pairs: [(&'static str, Value<'static>); N]) -> Vec<u8> {
    let object = pairs.into_iter().map(|(key, value)| (key.into(), value)).collect();
    let mut line = json::canonical(&Value::Object(object));
    line.push(b'\n');
    line
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod tests {
    use super::super::note::NoteSigner;
    use super::super::tree::Root;
    use super::*;

    fn journal() -> (Journal, Vec<u8>) {
        let signer = NoteSigner::from_seed("example.org/desk", &[7; 32]).unwrap();
        let (mut journal, mut bytes) = Journal::begin("example.org/desk", Link([4; 32]));
        for size in [3, 5, 9] {
            let root = Root([u8::try_from(size).unwrap(); 32]);
            let checkpoint = Checkpoint { origin: "example.org/desk".to_owned(), size, root };
            let note = checkpoint.sign(&[&signer]).unwrap();
            bytes.extend(journal.add(Instant::from_micros(1_000_000), note).unwrap());
        }
        (journal, bytes)
    }

    #[test]
    fn a_journal_reads_back_and_a_torn_last_line_is_passed_over() {
        let (journal, bytes) = journal();
        assert_eq!(Journal::parse(&bytes), Ok(journal));
        let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for cut in last + 1..bytes.len() {
            let read = Journal::parse(&bytes[..cut]).unwrap();
            assert_eq!((read.entries.len(), usize::try_from(read.bytes())), (2, Ok(last)));
        }
    }

    #[test]
    fn a_last_line_whose_line_feed_is_damaged_is_no_torn_one() {
        let (_, bytes) = journal();
        let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for (end, line) in [(first, 1), (bytes.len(), 4)] {
            for bit in 0..8 {
                let mut changed = bytes[..end].to_vec();
                changed[end - 1] ^= 1 << bit;
                let damaged = Journal::parse(&changed).unwrap_err();
                let before = usize::try_from(damaged.before.map_or(0, |before| before.bytes()));
                let whole = bytes[..end - 1].iter().rposition(|byte| *byte == b'\n');
                assert_eq!(damaged.error, JournalError { line, wrong: JournalWrong::LineFeed });
                assert_eq!(before, Ok(whole.map_or(0, |at| at + 1)), "the lines before it");
            }
        }
    }

    #[test]
    fn every_flipped_bit_before_the_last_line_is_found() {
        let (whole, bytes) = journal();
        let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for at in 0..bytes.len() - 1 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let read = Journal::parse(&changed);
            // A flip in the last line may leave a journal, but never one that says the same.
            assert_ne!(read.as_ref(), Ok(&whole), "byte {at}");
            assert!(read.is_err() || at >= last, "byte {at} is linked to by the next line");
        }
    }

    #[test]
    fn a_line_of_fewer_events_is_found() {
        let signer = NoteSigner::from_seed("example.org/desk", &[7; 32]).unwrap();
        let (mut journal, mut bytes) = journal();
        let checkpoint =
            Checkpoint { origin: "example.org/desk".to_owned(), size: 8, root: Root([8; 32]) };
        let note = checkpoint.sign(&[&signer]).unwrap();
        bytes.extend(journal.add(Instant::from_micros(1_000_000), note).unwrap());
        let wrong = JournalWrong::Shrinks { before: 9, found: 8 };
        let damaged = Journal::parse(&bytes).unwrap_err();
        assert_eq!(damaged.error, JournalError { line: 5, wrong });
        assert_eq!(damaged.before.unwrap().last().unwrap().checkpoint.size, 9);
    }

    #[test]
    fn a_key_that_has_no_place_in_a_line_is_found() {
        let (_, bytes) = journal();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        for at in [0, lines.len() - 1] {
            let mut changed = lines.clone();
            let more = [&lines[at][..lines[at].len() - 2], b",\"z\":1}\n"].concat();
            changed[at] = &more;
            let error = Journal::parse(&changed.concat()).unwrap_err().error;
            let line = u64::try_from(at).unwrap() + 1;
            assert_eq!(error, JournalError { line, wrong: JournalWrong::Key("note") });
        }
    }

    #[test]
    fn a_dropped_repeated_or_swapped_line_is_found() {
        let (_, bytes) = journal();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        for at in 0..lines.len() {
            let mut dropped = lines.clone();
            dropped.remove(at);
            // Without its last line a journal is whole: only outsiders can know that it went on.
            assert_eq!(Journal::parse(&dropped.concat()).is_err(), at + 1 < lines.len(), "{at}");
            let mut repeated = lines.clone();
            repeated.insert(at, lines[at]);
            assert!(Journal::parse(&repeated.concat()).is_err());
        }
        let mut swapped = lines.clone();
        swapped.swap(1, 2);
        assert!(Journal::parse(&swapped.concat()).is_err());
        assert!(Journal::parse(b"").is_err());
    }
}
