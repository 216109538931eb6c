//! Verify: every check that the stored bytes allow, each with its own verdict.
//!
//! Everything is recomputed from bytes; nothing that the store says about itself is believed. All findings are
//! listed, not only the first, and what was covered is counted. Events are taken one by one, from a store or from an
//! export ([`super::portable`]), so the same checks serve both.
//!
//! It does not show that the log is the one that was kept: whoever holds the machine can rebuild a chain from any
//! point, cut its tail, or show different logs to different people. [`Report::not_established`] says so in words.
//! `tests/it/export.rs` flips every byte of an export and expects a finding.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{Found, Texts, blob_name};
use super::{READ_EVENTS, read_payload};
use crate::model::calendar::Instant;
use crate::model::event::{Body, Event};
use crate::record::commitment::{Commitment, Salt, commit_payload, commit_sealed};
use crate::record::header::{Header, HeaderError};
use crate::record::json::{self, JsonError};
use crate::record::link::Link;
use crate::record::tree::{Frontier, Root, leaf_hash};
use crate::replay::Content;
use crate::store::{Part, Store, StoreError, StoredEvent};

/// A check, in the order in which a report lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Check {
    /// Every header, payload and sealed part is canonical JSON that can be read.
    Bytes,
    /// Numbers count up from 0 and every header links to the one before it; times never go back; one origin.
    Chain,
    /// Every payload and sealed part is the one its header commits to.
    Commitments,
    /// The stored or stated head is what the events lead to.
    Head,
    /// No id names two events.
    Ids,
    /// The bytes of every captured source are there and have their hash.
    Sources,
    /// Every quotation is still an exact slice of its source.
    Quotes,
    /// The log extends every checkpoint that was given.
    Checkpoints,
}

impl Check {
    /// Every check, in order.
    pub const ALL: &[Self] = &[
        Self::Bytes,
        Self::Chain,
        Self::Commitments,
        Self::Head,
        Self::Ids,
        Self::Sources,
        Self::Quotes,
        Self::Checkpoints,
    ];

    /// Its name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Chain => "chain",
            Self::Commitments => "commitments",
            Self::Head => "head",
            Self::Ids => "ids",
            Self::Sources => "sources",
            Self::Quotes => "quotes",
            Self::Checkpoints => "checkpoints",
        }
    }
}

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was done, and nothing was found.
    Ok,
    /// It was done, and something was found.
    Failed,
    /// It was not done: there was nothing to do it on.
    NotChecked,
}

impl Verdict {
    /// The verdict as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::NotChecked => "not_checked",
        }
    }
}

/// One thing found wrong.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{}{what}", place(*.seq, *.line))]
pub struct Finding {
    /// The number of the event concerned.
    pub seq: Option<u64>,
    /// Its id, where it can be read.
    pub id: Option<String>,
    /// The line of the export, counted from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: Wrong,
}

fn place(seq: Option<u64>, line: Option<u64>) -> String {
    match (seq, line) {
        (Some(seq), Some(line)) => format!("event {seq} (line {line}): "),
        (Some(seq), None) => format!("event {seq}: "),
        (None, Some(line)) => format!("line {line}: "),
        (None, None) => String::new(),
    }
}

/// What is wrong, with what a third party needs to repeat the check by hand.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// The header cannot be read.
    #[error("its header cannot be read: {0}")]
    Header(HeaderError),
    /// A part is no canonical JSON.
    #[error("its {part} is not canonical JSON: {error}")]
    NotCanonical {
        /// Which part.
        part: &'static str,
        /// Why.
        error: JsonError,
    },
    /// The payload cannot be read as an event of the kind that the header names.
    #[error("its payload cannot be read as the {kind} event that its header names")]
    Unreadable {
        /// The kind in the header.
        kind: String,
    },
    /// The number is not the next one.
    #[error("expected number {expected}, found {found}")]
    Seq {
        /// The next number.
        expected: u64,
        /// The number in the header.
        found: u64,
    },
    /// It does not follow the event before it: an earlier event was changed, dropped, repeated or moved.
    #[error("it does not follow the event before it: expected link {expected}, found {found}")]
    BrokenLink {
        /// The link of the event before it.
        expected: Link,
        /// The link in its header.
        found: Link,
    },
    /// It says that it was recorded before the event before it.
    #[error("recorded at {found}, before the event before it ({before})")]
    TimeWentBack {
        /// When the event before it was recorded.
        before: Instant,
        /// When it says it was.
        found: Instant,
    },
    /// It belongs to another log.
    #[error("it belongs to the log {found:?}, not {expected:?}")]
    OtherLog {
        /// The origin in the genesis.
        expected: String,
        /// The origin in the header.
        found: String,
    },
    /// The first event is no genesis.
    #[error("the first event is a {0}, not a genesis")]
    NoGenesis(String),
    /// A part is not the one that the header commits to.
    #[error(
        "its {part} is not the one that its header commits to: expected {expected}, found {found}"
    )]
    Commitment {
        /// Which part.
        part: &'static str,
        /// The commitment in the header.
        expected: Commitment,
        /// The commitment to the part.
        found: Commitment,
    },
    /// There is a sealed part without a commitment, or a commitment without a sealed part.
    #[error("its header and its sealed part disagree on whether there is one")]
    SealedMismatch,
    /// The head is not what the events lead to.
    #[error(
        "the head is {expected_size} events with link {expected}, the events lead to {found_size} with link {found}"
    )]
    Head {
        /// The size that is stated.
        expected_size: u64,
        /// The link that is stated.
        expected: Link,
        /// The number of events.
        found_size: u64,
        /// The link of the last.
        found: Link,
    },
    /// The root is not what the events lead to.
    #[error("the stated root is {expected}, the events lead to {found}")]
    Root {
        /// The root that is stated.
        expected: Root,
        /// The root over the headers.
        found: Root,
    },
    /// The id names an earlier event too.
    #[error("its id {id:?} is that of event {first} too")]
    IdTwice {
        /// The id.
        id: String,
        /// The earlier event.
        first: u64,
    },
    /// Captured bytes are not there.
    #[error("the captured bytes {blake3} are not there")]
    SourceMissing {
        /// Their hash.
        blake3: String,
    },
    /// Captured bytes do not have their hash.
    #[error("the captured bytes have the hash {found}, not {expected}")]
    SourceAltered {
        /// The hash in the event.
        expected: String,
        /// The hash of the bytes.
        found: String,
    },
    /// A quotation is not in its source.
    #[error("cites[{cite}]: the quotation is not in the source {source_id:?}: {quote:?}")]
    NotVerbatim {
        /// Which cite, counted from 0.
        cite: usize,
        /// The id of the source.
        source_id: String,
        /// The quotation.
        quote: String,
    },
    /// The store cannot read it.
    #[error("the store cannot read it: {0}")]
    Store(String),
    /// A line of an export is not one.
    #[error("it is no line of an export: {0}")]
    Line(String),
    /// The lines of an export do not stand as they must.
    #[error("{0}")]
    Order(&'static str),
}

/// What a verification found and covered.
#[derive(Debug, Default)]
pub struct Report {
    /// The origin in the genesis.
    pub origin: Option<String>,
    /// How many events were looked at.
    pub events: u64,
    /// How many of them have a payload that could be opened.
    pub open: u64,
    /// How many have none: erased, or withheld from this copy.
    pub absent: u64,
    /// How many bytes of events were looked at.
    pub event_bytes: u64,
    /// How many captured sources were looked at.
    pub sources: u64,
    /// How many bytes of sources were looked at.
    pub source_bytes: u64,
    /// How many quotations were compared.
    pub quotes: u64,
    /// The link of the last event.
    pub chain: Link,
    /// The RFC 6962 root over all headers.
    pub root: Option<Root>,
    /// Each check's verdict, in order.
    pub verdicts: BTreeMap<Check, Verdict>,
    /// Everything that was found.
    pub findings: Vec<(Check, Finding)>,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_ok(&self) -> bool {
        self.findings.is_empty()
    }

    /// What a log without findings still does not show, in words.
    pub fn not_established(&self) -> Vec<&'static str> {
        vec![
            "No outside party holds a checkpoint of this log: whoever keeps this machine could have rewritten all of \
             it, cut off its end, or shown others a different one.",
            "The times of recording are those of this machine's clock.",
            "That a source said what was captured, and that what it said is true, is not for this program to show.",
        ]
    }
}

/// Takes a log's events one by one and checks them.
pub struct Verifier {
    report: Report,
    expected: Link,
    last: Instant,
    frontier: Frontier,
    ids: BTreeMap<String, u64>,
    /// For each source by id: the hash of its text.
    texts_of: BTreeMap<String, Option<String>>,
    checked_sources: BTreeSet<String>,
    texts: Texts,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("report", &self.report).finish_non_exhaustive()
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self {
            report: Report::default(),
            expected: Link::ZERO,
            last: Instant::MIN,
            frontier: Frontier::default(),
            ids: BTreeMap::new(),
            texts_of: BTreeMap::new(),
            checked_sources: BTreeSet::new(),
            texts: Texts::default(),
        }
    }
}

/// Finds captured bytes by their hash.
pub type BytesOf<'a> = dyn FnMut(&str) -> Result<Option<Vec<u8>>, StoreError> + 'a;

/// What the verifier learnt of an event, for whoever brought it.
#[derive(Debug, Default)]
pub struct Learnt {
    /// The hashes of the bytes captured with it.
    pub captured: Vec<String>,
    event: Option<Box<Event>>,
    seq: u64,
    id: Option<String>,
    line: Option<u64>,
}

impl Verifier {
    /// Checks the bytes of the next event and how it follows the one before it.
    pub fn event(&mut self, stored: &StoredEvent, line: Option<u64>) -> Learnt {
        let seq = self.report.events;
        self.report.events = seq.saturating_add(1);
        self.count(stored.header.len());
        let mut learnt = Learnt { seq, line, ..Learnt::default() };
        match Header::from_bytes(&stored.header) {
            Ok(header) => {
                learnt.event = self.parts(stored, &header, &learnt);
                self.chain(&header, &learnt);
            }
            Err(error) => self.find(Check::Bytes, &learnt, Wrong::Header(error)),
        }
        self.expected = Link::of(&stored.header);
        self.frontier.push(leaf_hash(&stored.header));
        learnt.id = learnt.event.as_ref().and_then(|event| event.id.clone());
        if let Some(id) = learnt.id.clone()
            && let Some(first) = self.ids.get(&id).copied()
        {
            self.find(Check::Ids, &learnt, Wrong::IdTwice { id, first });
        } else if let Some(id) = learnt.id.clone() {
            self.ids.insert(id, seq);
        }
        if let Some(Body::Source(source)) = learnt.event.as_ref().map(|event| &event.body) {
            let captured = [&source.captured.blake3, &source.text.blake3];
            learnt.captured = captured.into_iter().flatten().cloned().collect();
            if let Some(id) = &learnt.id {
                self.texts_of.insert(id.clone(), source.text_hash().map(str::to_owned));
            }
        }
        learnt
    }

    /// Checks the captured sources of an event, and its quotations, with bytes by their hash.
    pub fn content(&mut self, learnt: &Learnt, bytes_of: &mut BytesOf<'_>) {
        for blake3 in &learnt.captured {
            if self.checked_sources.insert(blake3.clone()) {
                self.source(blake3, learnt, bytes_of(blake3));
            }
        }
        let Some(event) = &learnt.event else { return };
        for (cite, passage) in event.cites.iter().enumerate() {
            let Some(quote) = &passage.quote else { continue };
            let hash = self.texts_of.get(&passage.source).cloned().flatten();
            let found = match hash {
                // Its source was erased, or is withheld: then so is what could be compared.
                None => continue,
                Some(hash) => self.texts.load(&hash, &mut || bytes_of(&hash)),
            };
            let source_id = passage.source.clone();
            let quote = quote.clone();
            self.report.quotes = self.report.quotes.saturating_add(1);
            match found {
                Ok(Found::Text(text)) if text.contains(&quote) => {}
                // Bytes that are missing have their own finding.
                Ok(Found::Nothing) => {}
                Ok(_) => {
                    self.find(Check::Quotes, learnt, Wrong::NotVerbatim { cite, source_id, quote });
                }
                Err(error) => {
                    self.find(Check::Quotes, learnt, Wrong::Store(error.to_string()));
                }
            }
        }
    }

    /// Records something found by whoever brings the events.
    pub fn found(&mut self, check: Check, finding: Finding) {
        self.report.findings.push((check, finding));
    }

    /// The number of the next event.
    pub const fn next_seq(&self) -> u64 {
        self.report.events
    }

    /// Compares with a head that is stored or stated, and closes the report.
    pub fn finish(mut self, head: Option<(u64, Link)>, root: Option<Root>) -> Report {
        let found_root = self.frontier.root();
        let all = Learnt { seq: self.report.events.saturating_sub(1), ..Learnt::default() };
        if let Some((expected_size, expected)) = head
            && (expected_size, expected) != (self.report.events, self.expected)
        {
            let (found_size, found) = (self.report.events, self.expected);
            let wrong = Wrong::Head { expected_size, expected, found_size, found };
            self.find(Check::Head, &all, wrong);
        }
        if let Some(expected) = root.filter(|root| *root != found_root) {
            self.find(Check::Head, &all, Wrong::Root { expected, found: found_root });
        }
        let mut report = self.report;
        report.chain = self.expected;
        report.root = Some(found_root);
        for check in Check::ALL {
            let done = match check {
                Check::Sources => report.sources > 0,
                Check::Quotes => report.quotes > 0,
                Check::Checkpoints => false,
                Check::Head => head.is_some(),
                _ => report.events > 0,
            };
            let failed = report.findings.iter().any(|(of, _)| of == check);
            let verdict = match (failed, done) {
                (true, _) => Verdict::Failed,
                (false, true) => Verdict::Ok,
                (false, false) => Verdict::NotChecked,
            };
            report.verdicts.insert(*check, verdict);
        }
        report
    }

    fn chain(&mut self, header: &Header, learnt: &Learnt) {
        if header.seq != learnt.seq {
            let wrong = Wrong::Seq { expected: learnt.seq, found: header.seq };
            self.find(Check::Chain, learnt, wrong);
        }
        if header.prev != self.expected {
            let wrong = Wrong::BrokenLink { expected: self.expected, found: header.prev };
            self.find(Check::Chain, learnt, wrong);
        }
        if header.recorded_at < self.last {
            let wrong = Wrong::TimeWentBack { before: self.last, found: header.recorded_at };
            self.find(Check::Chain, learnt, wrong);
        }
        self.last = header.recorded_at;
        match &self.report.origin {
            None => {
                if header.kind != "genesis" {
                    self.find(Check::Chain, learnt, Wrong::NoGenesis(header.kind.clone()));
                }
                self.report.origin = Some(header.log.clone());
            }
            Some(origin) if *origin != header.log => {
                let (expected, found) = (origin.clone(), header.log.clone());
                self.find(Check::Chain, learnt, Wrong::OtherLog { expected, found });
            }
            Some(_) => {}
        }
    }

    fn parts(
        &mut self,
        stored: &StoredEvent,
        header: &Header,
        learnt: &Learnt,
    ) -> Option<Box<Event>> {
        match (&stored.sealed, header.sealed) {
            (Some(Part::Present { salt, bytes }), Some(expected)) => {
                self.count(bytes.len());
                let found = commit_sealed(&Salt(*salt), bytes);
                if found != expected {
                    let wrong = Wrong::Commitment { part: "sealed part", expected, found };
                    self.find(Check::Commitments, learnt, wrong);
                }
                if let Err(error) = json::parse_canonical(bytes) {
                    let wrong = Wrong::NotCanonical { part: "sealed part", error };
                    self.find(Check::Bytes, learnt, wrong);
                }
            }
            (Some(Part::Absent), Some(_)) | (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                self.find(Check::Commitments, learnt, Wrong::SealedMismatch);
            }
        }
        let Part::Present { salt, bytes } = &stored.payload else {
            self.report.absent = self.report.absent.saturating_add(1);
            return None;
        };
        self.report.open = self.report.open.saturating_add(1);
        self.count(bytes.len());
        let found = commit_payload(&Salt(*salt), bytes);
        if found != header.payload {
            let wrong = Wrong::Commitment { part: "payload", expected: header.payload, found };
            self.find(Check::Commitments, learnt, wrong);
        }
        if let Err(error) = json::parse_canonical(bytes) {
            let wrong = Wrong::NotCanonical { part: "payload", error };
            self.find(Check::Bytes, learnt, wrong);
            return None;
        }
        if let Content::Readable(event) = read_payload(bytes, &header.kind) {
            Some(event)
        } else {
            let kind = header.kind.clone();
            self.find(Check::Bytes, learnt, Wrong::Unreadable { kind });
            None
        }
    }

    fn source(
        &mut self,
        blake3: &str,
        learnt: &Learnt,
        bytes: Result<Option<Vec<u8>>, StoreError>,
    ) {
        match bytes {
            Ok(Some(bytes)) => {
                self.report.sources = self.report.sources.saturating_add(1);
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.report.source_bytes = self.report.source_bytes.saturating_add(size);
                let found = blake3::hash(&bytes).to_hex().to_string();
                if found != blake3 {
                    let wrong = Wrong::SourceAltered { expected: blake3.to_owned(), found };
                    self.find(Check::Sources, learnt, wrong);
                }
            }
            Ok(None) => {
                let wrong = Wrong::SourceMissing { blake3: blake3.to_owned() };
                self.find(Check::Sources, learnt, wrong);
            }
            Err(error) => self.find(Check::Sources, learnt, Wrong::Store(error.to_string())),
        }
    }

    fn find(&mut self, check: Check, learnt: &Learnt, what: Wrong) {
        let (seq, id, line) = (Some(learnt.seq), learnt.id.clone(), learnt.line);
        self.report.findings.push((check, Finding { seq, id, line, what }));
    }

    fn count(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.report.event_bytes = self.report.event_bytes.saturating_add(bytes);
    }
}

/// Verifies all of a store; `progress` is told how many events were looked at.
pub fn verify_store(
    store: &impl Store,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, StoreError> {
    let head = store.head()?;
    let mut verifier = Verifier::default();
    while verifier.next_seq() < head.size {
        let from = verifier.next_seq();
        let batch = match store.read(from, READ_EVENTS) {
            Ok(batch) if batch.is_empty() => break,
            Ok(batch) => batch,
            Err(error) => {
                let what = Wrong::Store(error.to_string());
                let finding = Finding { seq: Some(from), id: None, line: None, what };
                verifier.found(Check::Bytes, finding);
                break;
            }
        };
        for event in &batch {
            let learnt = verifier.event(event, None);
            verifier.content(&learnt, &mut |blake3| store.blob(&blob_name(blake3)));
        }
        progress(verifier.next_seq());
    }
    Ok(verifier.finish(Some((head.size, Link(head.link))), None))
}
