//! Verify: every check that the stored bytes allow, each with its own verdict.
//!
//! Everything is recomputed from bytes; nothing that the store says about itself is believed. All findings are
//! listed, not only the first, and what was covered is counted. What the bytes of an event show by themselves is found on
//! every core (`examine`); what follows from their order is taken one by one, from a store or from an export
//! ([`super::portable`]), so the same checks serve both. No event is held. What is grows with the log, and is small:
//! the ids of sources with the hashes of their texts, the numbers of erased events, and every finding. Whether an id names
//! two events is seen in the table of names, once that was found to be what the events give (`derived`); where no
//! table has them, as in an export, sixteen bytes of each id are held.
//!
//! That the log is the one that was kept, only others can show: whoever holds the machine can rebuild a chain from any
//! point, cut its tail, or show different logs to different people. So it is compared with every checkpoint in the
//! journal, and with those that somebody brings ([`Against`]; the comparing is in [`super::checkpoints`]), and
//! [`Report::not_established`] says in words what remains open. `tests/it/export.rs` flips every byte of an export and
//! expects a finding; `tests/it/attacks.rs` has a test for every attack.

use std::collections::{BTreeMap, BTreeSet};

use super::checkpoints::Known;
use super::derived::{self, Derived};
use super::examine::{Examined, Looked, Quoting, examine, examine_seen};
use super::finding::{Check, Finding, Verdict, Wrong};
use super::names::{Key, is_of_id};
use super::parallel::scan;
use super::report::{Against, Report};
use super::sources::{Found, Texts, blob_name, holds};
use super::{hashes, tree};
use super::{read_system, system_kind};
use crate::model::calendar::Instant;
use crate::record::header::Header;
use crate::record::link::Link;
use crate::record::system::SystemEvent;
use crate::record::tile::{Pieces, put};
use crate::record::tree::{Frontier, NodeHash, Root, leaf_hash};
use crate::store::bundle::BUNDLE_EVENTS;
use crate::store::{Damage, Events, Store, StoreError, StoredEvent};

/// After so many events their part of the tree is compared, and let go of.
const COMPARED_EVENTS: u64 = 4096;

/// Takes a log's events one by one and checks them.
pub struct Verifier {
    report: Report,
    /// The link that the next event must name; none after one that cannot be read.
    expected: Option<Link>,
    last: Instant,
    frontier: Frontier,
    /// The keys of ids, with the numbers of their events, where no table has them.
    ids: Vec<(Key, u64)>,
    /// Whether ids were not compared, since the table of names is false.
    without_ids: bool,
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

/// Finds captured bytes by their hash.
pub type BytesOf<'a> = dyn FnMut(&str) -> Result<Option<Vec<u8>>, StoreError> + 'a;

/// What the verifier learnt of an event, for whoever brought it.
#[derive(Debug, Default)]
pub struct Learnt {
    content: Option<Box<Quoting>>,
    seq: u64,
    id: Option<String>,
    line: Option<u64>,
}

impl Learnt {
    /// The hashes of the bytes captured with it.
    pub fn captured(&self) -> &[String] {
        self.content.as_ref().map_or(&[], |content| content.captured.as_slice())
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
            ids: Vec::new(),
            without_ids: false,
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

    /// Checks the bytes of the next event and how it follows the one before it.
    pub fn event(&mut self, stored: &StoredEvent, line: Option<u64>) -> Learnt {
        let (seq, mut ids) = (self.report.events, Vec::new());
        let examined = examine(stored.as_ref(), self.report.quick, &mut |key| {
            if is_of_id(&key) {
                ids.push((key, seq));
            }
        });
        self.ids.append(&mut ids);
        self.take(examined, line)
    }

    /// Takes what the bytes of the next event show, where no table has its ids.
    pub(super) fn examined(
        &mut self,
        examined: Examined,
        ids: &[Key],
        line: Option<u64>,
    ) -> Learnt {
        let seq = self.report.events;
        self.ids.extend(ids.iter().map(|key| (*key, seq)));
        self.take(examined, line)
    }

    /// Takes what the bytes of the next event show, and checks how it follows the one before it.
    fn take(&mut self, examined: Examined, line: Option<u64>) -> Learnt {
        let seq = self.report.events;
        self.report.events = seq.saturating_add(1);
        let bytes = u64::try_from(examined.bytes).unwrap_or(u64::MAX);
        self.report.event_bytes = self.report.event_bytes.saturating_add(bytes);
        let mut learnt = Learnt { seq, line, ..Learnt::default() };
        match &examined.header {
            Ok(header) => {
                for (check, wrong) in examined.wrongs {
                    self.find(check, &learnt, wrong);
                }
                self.count(examined.payload, examined.sealed, header, &learnt);
                if let Some(bytes) = &examined.system {
                    self.system(header, bytes, &learnt);
                }
                self.chain(header, &learnt);
            }
            Err(error) => self.find(Check::Bytes, &learnt, Wrong::Header(error.clone())),
        }
        self.expected = Some(examined.link);
        if seq == 0 {
            self.known.genesis(examined.link, &mut self.report.findings);
        }
        if self.report.unreadable == 0 {
            self.grow(examined.leaf);
        }
        if let Some(mut content) = examined.content {
            learnt.id = content.id.take();
            if let Some(id) = learnt.id.as_ref().filter(|_| content.is_source) {
                self.texts_of.insert(id.clone(), content.text.clone());
            }
            learnt.content = Some(content);
        }
        learnt
    }

    fn count(&mut self, payload: Looked, sealed: Looked, header: &Header, learnt: &Learnt) {
        let report = &mut self.report;
        let counter = match sealed {
            Looked::Open => Some(&mut report.sealed_open),
            Looked::Absent => Some(&mut report.sealed_absent),
            Looked::Not => None,
        };
        if let Some(counter) = counter {
            *counter = counter.saturating_add(1);
        }
        match payload {
            Looked::Open => report.open = report.open.saturating_add(1),
            Looked::Not => {}
            Looked::Absent => {
                report.absent = report.absent.saturating_add(1);
                if system_kind(&header.kind).is_some() {
                    let kind = header.kind.clone();
                    self.find(Check::Commitments, learnt, Wrong::SystemMissing { kind });
                    return;
                }
                self.absent.insert(learnt.seq);
                // A quick look passes over a sealed part that is there.
                let passed_over = self.report.quick && sealed == Looked::Not;
                if sealed == Looked::Open || (passed_over && header.sealed.is_some()) {
                    self.half_absent.insert(learnt.seq);
                }
            }
        }
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

    /// Takes the next leaf into the tree.
    fn grow(&mut self, leaf: NodeHash) {
        let pieces = &mut self.pieces;
        self.frontier.push_with(leaf, &mut |level, index, hash| {
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

    /// Takes in how what is derived from the events compares with what is kept of it.
    fn derived(&mut self, compared: Result<derived::Compared, StoreError>) {
        match compared {
            Ok(compared) => {
                self.report.snapshot = compared.size;
                self.report.other_reducer = compared.other_rules;
                self.without_ids = compared.without_ids;
                self.report.findings.extend(compared.findings);
            }
            Err(error) => {
                let what = Wrong::Store(error.to_string());
                let finding = Finding { seq: None, id: None, line: None, what };
                self.found(Check::Snapshots, finding);
            }
        }
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

    /// Pairs of events that may have one id, the earlier one first.
    pub fn possible_twins(&mut self) -> Vec<(u64, u64)> {
        derived::twins(&mut std::mem::take(&mut self.ids))
    }

    /// Takes in the ids of two events that may have one.
    pub fn twins(&mut self, first: u64, seq: u64, ids: [Option<String>; 2]) {
        if let [Some(id), Some(other)] = ids
            && id == other
        {
            let learnt = Learnt { seq, id: Some(other), ..Learnt::default() };
            self.find(Check::Ids, &learnt, Wrong::IdTwice { id, first });
        }
    }

    /// Checks the captured sources of an event, and its quotations, with bytes by their hash.
    pub fn content(&mut self, learnt: &Learnt, bytes_of: &mut BytesOf<'_>) {
        let Some(content) = &learnt.content else { return };
        if self.report.quick {
            return;
        }
        for blake3 in &content.captured {
            if self.checked_sources.insert(blake3.clone()) {
                self.source(blake3, learnt, bytes_of(blake3));
            }
        }
        for (cite, source, quote) in &content.quotes {
            let hash = self.texts_of.get(source).cloned().flatten();
            let found = match hash {
                // Its source was erased, or is withheld, or never was there: that nothing was compared is said.
                None => {
                    self.report.quotes_open = self.report.quotes_open.saturating_add(1);
                    continue;
                }
                Some(hash) => self.texts.load(&hash, &mut || bytes_of(&hash)),
            };
            self.report.quotes = self.report.quotes.saturating_add(1);
            match found {
                Ok(Found::Text(text)) if holds(&text, quote) => {}
                // Bytes that are missing have their own finding.
                Ok(Found::Nothing) => {}
                Ok(_) => {
                    let (cite, source_id, quote) = (*cite, source.clone(), quote.clone());
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
        let without_ids = self.without_ids;
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
                Check::Keys => !report.compared.keys.keys().is_empty(),
                Check::Journal => report.compared.has_journal,
                Check::Checkpoints | Check::Signatures => report.compared.checkpoints > 0,
                Check::Quorum => report.compared.quorum.is_some(),
                Check::Anchors => report.compared.anchors > 0,
                Check::Snapshots => report.snapshot.is_some(),
                Check::Ids if without_ids => false,
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
            Some(SystemEvent::Genesis(_)) => {
                let kind = header.kind.clone();
                self.find(Check::Bytes, learnt, Wrong::Unreadable { kind });
            }
            // Its bytes showed that it cannot be read.
            None => {}
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
}

/// Verifies all of a store; `progress` is told how many events were looked at.
pub fn verify_store<S: Store>(
    store: &S,
    against: &Against,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, StoreError> {
    let head = store.head()?;
    let mut verifier = Verifier::new(against);
    let quick = against.quick;
    let tables = derived::Tables::read(store, head.size)?;
    let look = |derived: &mut Derived, first: u64, read: Result<Events, StoreError>| {
        let read = read.map(|events| {
            let mut examined = Vec::with_capacity(events.len());
            let payloads = if quick { vec![None; events.len()] } else { hashes::payloads(&events) };
            let hashes = hashes::links(&events).into_iter().zip(payloads);
            for ((seq, event), hashes) in (first..).zip(events.iter()).zip(hashes) {
                let plain = if quick { None } else { derived.plain(event) };
                let name = &mut |key| derived.name(key, seq);
                examined.push(examine_seen(event, hashes, plain.as_ref(), quick, name));
                derived.statement(event, plain.as_ref(), seq);
            }
            examined
        });
        (first, read)
    };
    let start = || Derived::new(&tables, quick);
    let mut compared = 0_u64;
    let derived = scan(store, (0, head.size), start, look, |(first, read)| {
        match read {
            Ok(examined) => {
                for one in examined {
                    let learnt = verifier.take(one, None);
                    verifier.content(&learnt, &mut |blake3| store.blob(&blob_name(blake3)));
                }
            }
            // One of them cannot be read: then they are read one by one, and each such is passed over.
            Err(_) => verifier.one_by_one(first, head.size, store),
        }
        if verifier.next_seq().saturating_sub(compared) >= COMPARED_EVENTS {
            compared = verifier.next_seq();
            verifier.stored_tree(store, false);
            progress(compared);
        }
        Ok::<_, StoreError>(())
    })?;
    verifier.stored_tree(store, true);
    let whole = verifier.report.unreadable == 0;
    if let Some(last) = verifier.wanted().last().copied().filter(|_| whole) {
        let last = last.min(verifier.next_seq());
        let leaves = |(): &mut (), _, events: Result<Events, StoreError>| {
            events.map(|all| all.iter().map(|one| leaf_hash(one.header)).collect::<Vec<_>>())
        };
        let mut frontier = Frontier::default();
        scan(
            store,
            (0, last),
            || (),
            leaves,
            |leaves| {
                for leaf in leaves? {
                    frontier.push(leaf);
                    verifier.late_root(&frontier);
                }
                Ok::<_, StoreError>(())
            },
        )?;
    }
    if !quick && whole {
        verifier.derived(tables.compare(derived, store));
    }
    Ok(verifier.finish(Some((head.size, Link(head.link))), None))
}

impl Verifier {
    /// Takes the events that are kept together with this one, as far as each can be read.
    fn one_by_one(&mut self, first: u64, size: u64, store: &impl Store) {
        let end = (first / BUNDLE_EVENTS).saturating_add(1).saturating_mul(BUNDLE_EVENTS);
        for seq in first..end.min(size) {
            match store.read(seq, 1).as_deref() {
                Ok([event]) => {
                    let learnt = self.event(event, None);
                    self.content(&learnt, &mut |blake3| store.blob(&blob_name(blake3)));
                }
                Ok(_) => {
                    self.unreadable(&StoreError::Damaged { what: Damage::EventMissing(seq) });
                }
                Err(error) => self.unreadable(error),
            }
        }
    }
}
