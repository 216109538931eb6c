//! Verify: every check that the stored bytes allow, each with its own verdict.
//!
//! Everything is recomputed from bytes; nothing that the store says about itself is believed. All findings are
//! listed, not only the first, and what was covered is counted. Events are taken one by one, from a store or from an
//! export ([`super::portable`]), so the same checks serve both.
//!
//! That the log is the one that was kept, only others can show: whoever holds the machine can rebuild a chain from any
//! point, cut its tail, or show different logs to different people. So it is compared with every checkpoint in the
//! journal, and with those that somebody brings ([`Against`]; the comparing is in [`super::checkpoints`]), and
//! [`Report::not_established`] says in words what remains open. `tests/it/export.rs` flips every byte of an export and
//! expects a finding; `tests/it/attacks.rs` has a test for every attack.

use std::collections::{BTreeMap, BTreeSet};

use super::checkpoints::Known;
use super::finding::{Check, Finding, Verdict, Wrong};
use super::report::{Against, Report};
use super::sources::{Found, Texts, blob_name};
use super::{READ_EVENTS, read_payload, read_system, system_kind};
use super::{snapshot, tree};
use crate::model::calendar::Instant;
use crate::model::event::{Body, Event};
use crate::record::commitment::{Salt, commit_payload, commit_sealed};
use crate::record::header::Header;
use crate::record::json;
use crate::record::link::Link;
use crate::record::system::SystemEvent;
use crate::record::tile::{Pieces, put};
use crate::record::tree::{Frontier, Root, leaf_hash};
use crate::replay::Content;
use crate::store::{Damage, Part, Store, StoreError, StoredEvent};

/// Takes a log's events one by one and checks them.
pub struct Verifier {
    report: Report,
    /// The link that the next event must name; none after one that cannot be read.
    expected: Option<Link>,
    last: Instant,
    frontier: Frontier,
    ids: BTreeMap<String, u64>,
    /// For each source by id: the hash of its text.
    texts_of: BTreeMap<String, Option<String>>,
    checked_sources: BTreeSet<String>,
    texts: Texts,
    known: Known,
    /// What of the tree has not been compared yet.
    pieces: Pieces,
    absent: BTreeSet<u64>,
    /// Those of them whose sealed part is there.
    half_absent: BTreeSet<u64>,
    /// The events that an erasure names.
    erased: BTreeSet<u64>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("report", &self.report).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier of a log that must be as these say.
    pub fn new(against: &Against) -> Self {
        let mut report = Report { quick: against.quick, ..Report::default() };
        let known = Known::new(against, &mut report.findings);
        Self {
            report,
            expected: Some(Link::ZERO),
            last: Instant::MIN,
            frontier: Frontier::default(),
            ids: BTreeMap::new(),
            texts_of: BTreeMap::new(),
            checked_sources: BTreeSet::new(),
            texts: Texts::default(),
            known,
            pieces: Pieces::new(),
            absent: BTreeSet::new(),
            half_absent: BTreeSet::new(),
            erased: BTreeSet::new(),
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
        self.expected = Some(Link::of(&stored.header));
        if seq == 0 {
            self.known.genesis(Link::of(&stored.header), &mut self.report.findings);
        }
        if self.report.unreadable == 0 {
            self.grow(&stored.header);
        }
        learnt.id = learnt.event.as_ref().and_then(|event| event.id.clone());
        if let Some(id) = learnt.id.clone()
            && let Some(first) = self.ids.get(&id).copied()
        {
            self.find(Check::Ids, &learnt, Wrong::IdTwice { id, first });
        } else if let Some(id) = learnt.id.clone() {
            self.ids.insert(id, seq);
        }
        if let Some(Body::Source(source)) = learnt.event.as_ref().map(|event| &event.body) {
            learnt.captured = source.hashes().map(str::to_owned).collect();
            if let Some(id) = &learnt.id {
                self.texts_of.insert(id.clone(), source.text_hash().map(str::to_owned));
            }
        }
        learnt
    }

    /// Checks the next event of a store, and what it names there.
    fn take(&mut self, event: &StoredEvent, store: &impl Store) {
        let learnt = self.event(event, None);
        self.content(&learnt, &mut |blake3| store.blob(&blob_name(blake3)));
    }

    /// Passes over the next event, which cannot be read. What follows it is still looked at, one by one; the tree, and
    /// all that is compared with it, cannot be computed any more.
    fn unreadable(&mut self, error: &StoreError) {
        let seq = Some(self.report.events);
        let what = Wrong::Store(error.to_string());
        self.found(Check::Bytes, Finding { seq, id: None, line: None, what });
        self.report.events = self.report.events.saturating_add(1);
        self.report.unreadable = self.report.unreadable.saturating_add(1);
        self.expected = None;
        self.pieces.clear();
    }

    /// Takes the next header into the tree.
    fn grow(&mut self, header: &[u8]) {
        let pieces = &mut self.pieces;
        self.frontier.push_with(leaf_hash(header), &mut |level, index, hash| {
            put(pieces, level, index, hash);
        });
        self.known.root_at(&self.frontier);
    }

    /// Compares the stored tree with what the headers so far lead to.
    pub fn stored_tree(&mut self, store: &impl Store, all: bool) {
        if self.report.unreadable > 0 {
            return;
        }
        let (size, findings) = (self.report.events, &mut self.report.findings);
        tree::compare(&mut self.pieces, size, all, store, &mut |check, finding| {
            findings.push((check, finding));
        });
        self.report.compared.has_tree = true;
    }

    /// Takes in how the kept snapshot compares with a fresh replay.
    fn snapshot(&mut self, compared: Result<snapshot::Compared, StoreError>) {
        let what = match compared {
            Ok(snapshot::Compared::Same(size)) => {
                self.report.snapshot = Some(size);
                return;
            }
            Ok(snapshot::Compared::Nothing { other_reducer }) => {
                self.report.other_reducer = other_reducer;
                return;
            }
            Ok(snapshot::Compared::Wrong(wrong)) => wrong,
            Err(error) => Wrong::Store(error.to_string()),
        };
        let finding = Finding { seq: None, id: None, line: None, what };
        self.found(Check::Snapshots, finding);
    }

    /// Lets go of what is kept of the tree, where there is no stored one to compare with.
    pub fn no_stored_tree(&mut self) {
        self.pieces.clear();
    }

    /// The sizes at which roots are still wanted: those of time stamps that were not known beforehand.
    pub fn wanted(&self) -> BTreeSet<u64> {
        self.known.wanted()
    }

    /// Takes in a root that was wanted.
    pub fn late_root(&mut self, frontier: &Frontier) {
        self.known.root_at(frontier);
    }

    /// Checks the captured sources of an event, and its quotations, with bytes by their hash.
    pub fn content(&mut self, learnt: &Learnt, bytes_of: &mut BytesOf<'_>) {
        if self.report.quick {
            return;
        }
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
                // Its source was erased, or is withheld, or never was there: that nothing was compared is said.
                None => {
                    self.report.quotes_open = self.report.quotes_open.saturating_add(1);
                    continue;
                }
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
        let whole = self.report.unreadable == 0;
        // After a last event that cannot be read, only the size can be compared.
        let link = self.expected.or(head.map(|(_, link)| link)).unwrap_or(Link::ZERO);
        let all = Learnt { seq: self.report.events.saturating_sub(1), ..Learnt::default() };
        if let Some((expected_size, expected)) = head
            && (expected_size, expected) != (self.report.events, link)
        {
            let (found_size, found) = (self.report.events, link);
            let wrong = Wrong::Head { expected_size, expected, found_size, found };
            self.find(Check::Head, &all, wrong);
        }
        if let Some(expected) = root.filter(|root| *root != found_root) {
            self.find(Check::Tree, &all, Wrong::Root { expected, found: found_root });
        }
        self.account_for_absent();
        let stated_root = root.is_some();
        let mut report = self.report;
        if whole {
            report.compared.has_tree |= stated_root;
            let origin = report.origin.clone().unwrap_or_default();
            self.known.compare(&origin, report.events, &mut report.compared, &mut report.findings);
            report.root = Some(found_root);
        }
        report.chain = link;
        for check in Check::ALL {
            let done = match check {
                Check::Sources => report.sources > 0,
                Check::Quotes => report.quotes > 0,
                Check::Head => head.is_some(),
                Check::Tree => report.compared.has_tree,
                Check::Keys => report.compared.keys > 0,
                Check::Journal => report.compared.has_journal,
                Check::Checkpoints | Check::Signatures => report.compared.checkpoints > 0,
                Check::Quorum => report.compared.quorum.is_some(),
                Check::Anchors => report.compared.anchors > 0,
                Check::Snapshots => report.snapshot.is_some(),
                // Ids stand in payloads.
                Check::Ids | Check::Commitments => report.events > 0 && !report.quick,
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

    /// Every payload that is not there must have been erased, and what was erased must not be there.
    fn account_for_absent(&mut self) {
        let at = |seq| Learnt { seq, ..Learnt::default() };
        for seq in std::mem::take(&mut self.absent) {
            if self.erased.contains(&seq) {
                self.report.erased = self.report.erased.saturating_add(1);
            } else {
                self.find(Check::Commitments, &at(seq), Wrong::PayloadMissing);
            }
        }
    }

    /// Takes in what the program itself recorded.
    fn system(&mut self, header: &Header, bytes: &[u8], learnt: &Learnt) {
        match read_system(&header.kind, bytes) {
            Some(SystemEvent::Genesis(genesis)) if learnt.seq == 0 => {
                if genesis.origin != header.log {
                    let (expected, found) = (genesis.origin.clone(), header.log.clone());
                    self.find(Check::Chain, learnt, Wrong::OtherLog { expected, found });
                }
                if let Err(fault) = self.known.keys.begin(&genesis) {
                    self.find(Check::Keys, learnt, Wrong::Key(fault));
                }
            }
            Some(SystemEvent::Key(event)) => {
                if let Err(fault) = self.known.keys.take(learnt.seq, &header.log, &event) {
                    self.find(Check::Keys, learnt, Wrong::Key(fault));
                }
            }
            Some(SystemEvent::Erasure(erasure)) => {
                for seq in erasure.of {
                    if seq >= learnt.seq {
                        // Who may say so beforehand could take anything away unseen.
                        self.find(Check::Commitments, learnt, Wrong::ErasesLater { of: seq });
                        continue;
                    }
                    if !self.absent.contains(&seq) || self.half_absent.contains(&seq) {
                        let there = Learnt { seq, ..Learnt::default() };
                        let wrong = Wrong::NotErased { by: learnt.seq };
                        self.find(Check::Commitments, &there, wrong);
                    }
                    self.erased.insert(seq);
                }
            }
            Some(SystemEvent::Anchor(anchor)) => {
                self.known.anchor(learnt.seq, anchor, &mut self.report.findings);
            }
            Some(SystemEvent::Genesis(_)) | None => {
                let kind = header.kind.clone();
                self.find(Check::Bytes, learnt, Wrong::Unreadable { kind });
            }
        }
    }

    fn chain(&mut self, header: &Header, learnt: &Learnt) {
        if header.seq != learnt.seq {
            let wrong = Wrong::Seq { expected: learnt.seq, found: header.seq };
            self.find(Check::Chain, learnt, wrong);
        }
        if let Some(expected) = self.expected.filter(|expected| header.prev != *expected) {
            let wrong = Wrong::BrokenLink { expected, found: header.prev };
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
            (Some(Part::Present { .. }), Some(_)) if self.report.quick => {}
            (Some(Part::Present { salt, bytes }), Some(expected)) => {
                self.report.sealed_open = self.report.sealed_open.saturating_add(1);
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
            (Some(Part::Absent), Some(_)) => {
                self.report.sealed_absent = self.report.sealed_absent.saturating_add(1);
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                self.find(Check::Commitments, learnt, Wrong::SealedMismatch);
            }
        }
        let system = system_kind(&header.kind).is_some();
        let Part::Present { salt, bytes } = &stored.payload else {
            self.report.absent = self.report.absent.saturating_add(1);
            if system {
                let kind = header.kind.clone();
                self.find(Check::Commitments, learnt, Wrong::SystemMissing { kind });
                return None;
            }
            self.absent.insert(learnt.seq);
            if matches!(stored.sealed, Some(Part::Present { .. })) {
                self.half_absent.insert(learnt.seq);
            }
            return None;
        };
        if self.report.quick && !system {
            return None;
        }
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
        if system {
            self.system(header, bytes, learnt);
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
    against: &Against,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, StoreError> {
    let head = store.head()?;
    let mut verifier = Verifier::new(against);
    while verifier.next_seq() < head.size {
        let from = verifier.next_seq();
        match store.read(from, READ_EVENTS) {
            Ok(batch) if batch.is_empty() => break,
            Ok(batch) => batch.iter().for_each(|event| verifier.take(event, store)),
            // One of them cannot be read: then they are read one by one, and each such is passed over.
            Err(_) => {
                for seq in (from..head.size).take(READ_EVENTS) {
                    match store.read(seq, 1).as_deref() {
                        Ok([event]) => verifier.take(event, store),
                        Ok(_) => verifier
                            .unreadable(&StoreError::Damaged { what: Damage::EventMissing(seq) }),
                        Err(error) => verifier.unreadable(error),
                    }
                }
            }
        }
        verifier.stored_tree(store, false);
        progress(verifier.next_seq());
    }
    verifier.stored_tree(store, true);
    let whole = verifier.report.unreadable == 0;
    if let Some(last) = verifier.wanted().last().copied().filter(|_| whole) {
        let mut frontier = Frontier::default();
        while frontier.size() < last.min(verifier.next_seq()) {
            let batch = store.read(frontier.size(), READ_EVENTS)?;
            if batch.is_empty() {
                break;
            }
            for event in &batch {
                frontier.push(leaf_hash(&event.header));
                verifier.late_root(&frontier);
            }
        }
    }
    if !against.quick && verifier.report.unreadable == 0 {
        verifier.snapshot(snapshot::compare(store, verifier.next_seq()));
    }
    Ok(verifier.finish(Some((head.size, Link(head.link))), None))
}
