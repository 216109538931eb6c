//! What the targets share: a log in memory that is made the same way each time, and a forger who computes every hash of
//! an export anew, so that what is fuzzed behind the hashes is reached.
#![forbid(unsafe_code)]

use std::io;
use std::sync::OnceLock;

use demarche::event_log::{
    AppendOptions, EventLog, FileError, Input, InputError, InputLine, SourceFiles, Surroundings,
};
use demarche::model::calendar::Instant;
use demarche::model::limits::LINE_BYTES_MAX;
use demarche::record::commitment::{Salt, commit_payload, commit_sealed};
use demarche::record::export::{HeadLine, Line, decode, encode};
use demarche::record::header::Header;
use demarche::record::link::Link;
use demarche::record::note::NoteSigner;
use demarche::record::tree::{Frontier, leaf_hash};
use demarche::store::memory::MemoryStore;

/// The origin of every log made here.
pub const ORIGIN: &str = "example.org/fuzz";

/// What the only file that a source can name holds.
pub const ARTICLE: &str = "India on 23 April said: \"The treaty is held in abeyance.\"\n\
    Pakistan has shut its airspace.\nA spokesperson called it “an act of war” if water stops.\n";

/// What is in every log before anything is appended to it.
const BASE: &str = concat!(
    r#"{"kind":"source","id":"article","published":"2025-05-01","file":"article.txt"}"#,
    "\n",
    r#"{"kind":"actor","id":"in","name":"India","type":"country","country":"IN"}"#,
    "\n",
    r#"{"kind":"actor","id":"pk","name":"Pakistan","type":"country","country":"PK"}"#,
    "\n",
    r#"{"kind":"actor","id":"modi","name":"Narendra Modi","type":"person","part_of":"in"}"#,
    "\n",
    r#"{"kind":"topic","id":"treaty","name":"The treaty"}"#,
    "\n",
    r#"{"kind":"contact","id":"call","form":"phone_call","participants":["in","pk"]}"#,
    "\n",
    r#"{"kind":"statement","id":"first","by":"in","topic":"treaty","stance":"opposes","when":"2025-04-23"}"#,
    "\n",
    r#"{"kind":"measure","id":"m-1","measure":"m","by":"in","op":"impose","type":"treaty_suspension","effective":"2025-04-23"}"#,
    "\n",
);

/// A clock that goes on by a second at every look, and salts that count up.
#[derive(Debug, Default)]
pub struct Counting(u64);

impl Surroundings for Counting {
    fn now(&mut self) -> Instant {
        self.0 += 1;
        let seconds = i64::try_from(self.0).unwrap_or(i64::MAX);
        Instant::from_micros(
            1_767_225_600_000_000_i64.saturating_add(seconds.saturating_mul(1_000_000)),
        )
    }

    fn salt(&mut self) -> [u8; 32] {
        self.0 += 1;
        let mut salt = [0; 32];
        salt[..8].copy_from_slice(&self.0.to_be_bytes());
        salt
    }
}

/// One file, and none else.
#[derive(Debug)]
pub struct OneFile;

impl SourceFiles for OneFile {
    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        match name {
            "article.txt" => Ok(ARTICLE.into()),
            "scan.pdf" => Ok(b"%PDF-1.7 \xff\xfe".to_vec()),
            _ => Err(FileError::NotFound { name: name.to_owned(), looked_in: "memory".to_owned() }),
        }
    }
}

/// Lines of bytes in memory, blank ones left out.
#[derive(Debug)]
pub struct Lines<'i> {
    whole: &'i [u8],
    rest: &'i [u8],
    number: u64,
}

impl<'i> Lines<'i> {
    /// The lines of these bytes.
    pub const fn new(whole: &'i [u8]) -> Self {
        Self { whole, rest: whole, number: 0 }
    }
}

impl Input for Lines<'_> {
    fn next_line(&mut self) -> io::Result<Option<InputLine<'_>>> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            let (line, after) = match end {
                Some(at) => (&self.rest[..at], &self.rest[at + 1..]),
                None => (self.rest, &self.rest[self.rest.len()..]),
            };
            self.rest = after;
            self.number += 1;
            if line.len() > LINE_BYTES_MAX {
                let error = InputError::LineTooLong { most: LINE_BYTES_MAX };
                return Ok(Some((self.number, Err(error))));
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.number, Ok(line))));
            }
        }
        Ok(None)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.rest = self.whole;
        self.number = 0;
        Ok(())
    }
}

/// The key that signs.
pub fn signer() -> &'static NoteSigner {
    static SIGNER: OnceLock<NoteSigner> = OnceLock::new();
    SIGNER.get_or_init(|| NoteSigner::from_seed(ORIGIN, &[42; 32]).expect("a name"))
}

/// A store with a log of a source, a few actors, a topic, a contact, a statement and a measure.
pub fn store() -> MemoryStore {
    static STORE: OnceLock<MemoryStore> = OnceLock::new();
    let made = || {
        let key = signer().verifier();
        let mut log = EventLog::create(MemoryStore::new(), ORIGIN, Some(&key), &mut Counting(0))
            .expect("a log");
        log.append_lines(
            &mut Lines::new(BASE.as_bytes()),
            AppendOptions::default(),
            &mut OneFile,
            &mut Counting(0),
        )
        .expect("the base is good");
        log.store().clone()
    };
    STORE.get_or_init(made).clone()
}

/// The export of lines that can be read, with every number, link, commitment and the head computed anew, as whoever keeps
/// the machine could write it. Lines that are none are kept as they are.
pub fn forge(lines: &[u8]) -> Vec<u8> {
    let (mut out, mut prev, mut seq, mut frontier) =
        (Vec::new(), Link::ZERO, 0, Frontier::default());
    for bytes in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let written = match decode(bytes) {
            Ok(Line::Event(mut event)) => {
                if let Ok(mut header) = Header::from_bytes(event.header.as_bytes()) {
                    (header.seq, header.prev) = (seq, prev);
                    if let Some((salt, payload)) = &event.payload {
                        header.payload = commit_payload(&Salt(*salt), payload.as_bytes());
                    }
                    if let Some(Some((salt, sealed))) = &event.sealed {
                        header.sealed = Some(commit_sealed(&Salt(*salt), sealed.as_bytes()));
                    }
                    event.header = String::from_utf8(header.to_bytes()).expect("a header is text");
                }
                prev = Link::of(event.header.as_bytes());
                frontier.push(leaf_hash(event.header.as_bytes()));
                seq += 1;
                encode(&Line::Event(event))
            }
            Ok(Line::Source(mut part)) => {
                if part.part == 0 && part.parts == 1 {
                    part.source = blake3_hex(&part.bytes);
                    part.size = u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
                }
                encode(&Line::Source(part))
            }
            Ok(Line::Head(_)) => {
                encode(&Line::Head(HeadLine { size: seq, chain: prev, root: frontier.root() }))
            }
            Err(_) => bytes.to_vec(),
        };
        out.extend_from_slice(&written);
        out.push(b'\n');
    }
    out
}

/// The hash by which captured bytes go.
fn blake3_hex(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
