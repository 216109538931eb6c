//! A log and the checkpoints of it: signing one, and comparing the log with all that are known.
//!
//! A checkpoint in the journal shows what this log signed; one that somebody else holds, or that a witness cosigned,
//! shows what others were shown. Only the latter bind whoever keeps the machine. How far they reach is said in
//! words by [`super::report::Report::not_established`].

use std::collections::{BTreeMap, BTreeSet};

use super::clock::recordable;
use super::finding::{Check, Finding, Wrong};
use super::prove::ProveError;
use super::report::Against;
use super::{ClockError, EventLog, Surroundings};
use crate::model::calendar::Instant;
use crate::record::checkpoint::{Checkpoint, CheckpointError};
use crate::record::journal::{Entry, Journal};
use crate::record::link::Link;
use crate::record::merkle::check_consistency;
use crate::record::note::{Note, NoteError, NoteSigner, Signed, VerifierKey};
use crate::record::policy::Policy;
use crate::record::system::{Anchor, KeyRing, RingKey};
use crate::record::timestamp::{Stamp, hash};
use crate::record::tree::{Frontier, Root};
use crate::store::{Store, StoreError};

/// A checkpoint was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal is of another log.
    #[error("the journal is of the log {found:?} with the genesis {genesis}, not of this one")]
    OtherJournal {
        /// The origin in the journal.
        found: String,
        /// The link of the genesis in it.
        genesis: Link,
    },
    /// The log does not extend what was signed last: it was cut, rewritten, or an old copy was restored.
    #[error("the log does not extend the checkpoint that was signed last")]
    DoesNotExtend(Box<Rollback>),
    /// The time cannot be kept in the journal.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A key is not one that this log names.
    #[error("the key {0} is not one that signs for this log")]
    ForeignKey(Box<VerifierKey>),
    /// The note cannot be made.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// A checkpoint in a journal that this log did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSigned {
    /// A signature does not hold.
    #[error("line {line}: the signature by {key} does not hold")]
    Falsely {
        /// The line of the journal.
        line: u64,
        /// The key, in its text form.
        key: String,
    },
    /// Nobody signed it who could.
    #[error("line {line}: it is signed by no key that this log had")]
    ByNobody {
        /// The line of the journal.
        line: u64,
    },
}

/// The evidence of a log that does not extend what it signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// What was signed.
    pub signed: Entry,
    /// What the log is now; this was not signed.
    pub now: Checkpoint,
    /// The root over as many events as were signed, by the stored tree, if there are as many.
    pub root_then: Option<Root>,
}

impl<S: Store> EventLog<S> {
    /// The size and root as they stand.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.head.size, root: self.root() }
    }

    /// The link of event 0.
    pub fn genesis(&self) -> Result<Link, StoreError> {
        Ok(self.stored(0)?.map_or(Link::ZERO, |event| Link::of(&event.header)))
    }

    /// Whether the log extends a checkpoint of it. The stored tree alone is not believed: it must lead from the
    /// checkpoint's root to the root over the headers, which opening computed.
    pub fn extends(&self, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
        let (old, new) = (checkpoint.size, self.head.size);
        if checkpoint.origin != self.origin || old > new {
            return Ok(false);
        }
        let path = match self.consistency(old, new) {
            Ok(path) => path,
            Err(ProveError::Store(error)) => return Err(error),
            Err(_) => return Ok(false),
        };
        Ok(check_consistency(old, &checkpoint.root, new, &self.root(), &path).is_ok())
    }

    /// Checks that the log extends what its journal holds.
    pub fn check_journal(&self, journal: &Journal) -> Result<(), SignError> {
        if (journal.log.as_str(), journal.genesis) != (self.origin(), self.genesis()?) {
            let (found, genesis) = (journal.log.clone(), journal.genesis);
            return Err(SignError::OtherJournal { found, genesis });
        }
        let Some(signed) = journal.last() else { return Ok(()) };
        if self.extends(&signed.checkpoint)? {
            return Ok(());
        }
        let root_then = self.root_at(signed.checkpoint.size)?;
        let (signed, now) = (signed.clone(), self.checkpoint());
        Err(SignError::DoesNotExtend(Box::new(Rollback { signed, now, root_then })))
    }

    /// Checks that keys which this log had at the time signed what its journal holds, so that none of it is handed on, stamped
    /// or recorded that does not hold. Of what reaches beyond the log its keys say nothing.
    pub fn check_signatures(&self, journal: &Journal) -> Result<(), NotSigned> {
        let within = |entry: &&Entry| entry.checkpoint.size <= self.head.size;
        for Entry { line, note, checkpoint, .. } in journal.entries.iter().filter(within) {
            let line = *line;
            let keys = self.keys.at(checkpoint.size).map(|known| &known.key);
            match is_signed(note, keys) {
                Ok(true) => {}
                Ok(false) => return Err(NotSigned::ByNobody { line }),
                Err(key) => return Err(NotSigned::Falsely { line, key: key.to_string() }),
            }
        }
        Ok(())
    }

    /// Signs a checkpoint of the log as it stands, if it extends what its journal holds, and takes it into the journal.
    /// Returns the note, and the line to be kept before it is shown to anybody; none where the journal ends with this
    /// very note, cosignatures aside.
    pub fn sign_checkpoint(
        &self,
        journal: &mut Journal,
        signers: &[&NoteSigner],
        surroundings: &mut dyn Surroundings,
    ) -> Result<(Note, Option<Vec<u8>>), SignError> {
        for signer in signers {
            let key = signer.verifier();
            if !self.keys.is_in_use(&key) {
                return Err(SignError::ForeignKey(Box::new(key)));
            }
        }
        self.check_journal(journal)?;
        let note = self.checkpoint().sign(signers)?;
        if let Some(last) = journal.last()
            && last.note.text() == note.text()
            && note.signatures().iter().all(|line| last.note.signatures().contains(line))
        {
            return Ok((last.note.clone(), None));
        }
        let line = keep_note(journal, note.clone(), surroundings)?;
        Ok((note, Some(line)))
    }
}

/// Takes a note of a checkpoint into its journal: one that was signed, or that others have cosigned since. Returns the line to be
/// kept.
pub fn keep_note(
    journal: &mut Journal,
    note: Note,
    surroundings: &mut dyn Surroundings,
) -> Result<Vec<u8>, SignError> {
    Ok(journal.add(recordable(surroundings.now())?, note)?)
}

/// How a log compares with the checkpoints of it that are known.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what there was to compare with, each by itself")]
pub struct Compared {
    /// Whether there was a tree, or a root, to compare with.
    pub has_tree: bool,
    /// Whether there was a journal.
    pub has_journal: bool,
    /// The keys that the log names.
    pub keys: KeyRing,
    /// The keys that no earlier key endorsed.
    pub unendorsed: Vec<String>,
    /// How many checkpoints were compared.
    pub checkpoints: u64,
    /// How many of them are in the journal.
    pub in_journal: u64,
    /// The largest size that a checkpoint in the journal covers.
    pub journal_size: u64,
    /// The largest size that a checkpoint covers which somebody else holds, and that was given.
    pub given_size: u64,
    /// The largest size that a witness of the policy cosigned, and which witnesses did.
    pub witnessed: Option<(u64, Vec<(String, u64)>)>,
    /// Keys that are trusted because one that the policy trusts endorsed them, each with that one.
    pub followed: Vec<(String, String)>,
    /// Whether a policy asks for witnesses.
    pub policy_asks: bool,
    /// Whether that policy was given; else it lies beside the log, where whoever keeps the log can change it.
    pub policy_given: bool,
    /// Whether a policy is met, and by a checkpoint of which size; none if that was not looked at.
    pub quorum: Option<u64>,
    /// How many time stamps there are.
    pub anchors: u64,
    /// The largest size that a time stamp covers, and its time.
    pub anchored: Option<(u64, Instant)>,
}

impl Compared {
    /// The size up to which others hold the log to what it was.
    pub fn outside_size(&self) -> u64 {
        self.given_size.max(self.witnessed.as_ref().map_or(0, |(size, _)| *size))
    }

    /// What remains open, in words.
    pub(super) fn not_established(&self, events: u64) -> Vec<String> {
        let mut all = Vec::new();
        let outside = self.outside_size();
        if outside == 0 {
            all.push(
                "No outside party holds a checkpoint of this log: whoever keeps this machine could have rewritten all \
                 of it, cut off its end, or shown others a different one."
                    .to_owned(),
            );
        } else if outside < events {
            all.push(format!(
                "Outside parties hold a checkpoint of the first {outside} events; the {} after them could have been \
                 rewritten or cut off by whoever keeps this machine.",
                events.saturating_sub(outside)
            ));
        }
        if self.given_size > 0 {
            all.push(
                "A checkpoint that was given binds whoever keeps this machine only if it was kept by somebody else."
                    .to_owned(),
            );
        }
        for (key, by) in &self.followed {
            all.push(format!(
                "The policy trusts {by}, and the log says that it endorsed {key}; whoever had the former key could say so."
            ));
        }
        if outside > 0 {
            all.push(
                "Others may have been shown a different log beyond what these outside parties saw: compare \
                 checkpoints with them."
                    .to_owned(),
            );
        }
        if self.in_journal > 0 && self.journal_size > outside {
            all.push(format!(
                "The journal holds a checkpoint of {} events; it lies on this machine and its key may, too, so it binds \
                 only those who hold neither.",
                self.journal_size
            ));
        }
        if self.anchors > 0 {
            all.push(
                "Time stamps were compared with the log; that an authority signed them is for openssl ts -verify \
                 (docs/verify-without-us.md)."
                    .to_owned(),
            );
        }
        if !self.unendorsed.is_empty() {
            all.push(format!(
                "No earlier key endorsed {}: that it belongs to whoever kept the log before is not shown.",
                self.unendorsed.join(", ")
            ));
        }
        if self.witnessed.is_some() && !self.policy_given {
            all.push(
                "That the witnesses are whom you think: the policy that names them lies beside the log, where whoever \
                 keeps this machine could have named others (--policy FILE)."
                    .to_owned(),
            );
        }
        if !self.keys.keys().is_empty() && !self.policy_given {
            all.push(
                "That the keys the log names belong to whom you think: compare them with what their owner published \
                 (--policy FILE)."
                    .to_owned(),
            );
        }
        all
    }
}

/// A checkpoint that is known, and where from.
struct Brought {
    name: String,
    outside: bool,
    note: Note,
    checkpoint: Checkpoint,
}

/// What a verification knows of checkpoints, and gathers of keys, roots and time stamps while it goes.
pub(super) struct Known {
    pub(super) keys: KeyRing,
    journal: Option<Journal>,
    has_journal: bool,
    brought: Vec<Brought>,
    policy: Option<Policy>,
    must_meet: bool,
    wanted: BTreeSet<u64>,
    roots: BTreeMap<u64, Root>,
    anchors: Vec<(u64, Anchor, Checkpoint, Note)>,
}

type Findings = Vec<(Check, Finding)>;

fn find(findings: &mut Findings, check: Check, seq: Option<u64>, what: Wrong) {
    findings.push((check, Finding { seq, id: None, line: None, what }));
}

impl Known {
    pub(super) fn new(against: &Against, findings: &mut Findings) -> Self {
        let mut brought = Vec::new();
        let mut journal = None;
        if let Some(bytes) = &against.journal {
            journal = match Journal::parse(bytes) {
                Ok(read) => Some(read),
                Err(damaged) => {
                    find(findings, Check::Journal, None, Wrong::Journal(damaged.error));
                    damaged.before.map(|before| *before)
                }
            };
        }
        for entry in journal.iter().flat_map(|journal| &journal.entries) {
            brought.push(Brought {
                name: format!("line {} of the journal", entry.line),
                outside: false,
                note: entry.note.clone(),
                checkpoint: entry.checkpoint.clone(),
            });
        }
        for (name, bytes) in &against.given {
            let name = name.clone();
            match Checkpoint::parse_note(bytes) {
                Ok((note, checkpoint)) => {
                    brought.push(Brought { name, outside: true, note, checkpoint });
                }
                Err(error) => {
                    let wrong = Wrong::NoCheckpoint { name, error };
                    find(findings, Check::Checkpoints, None, wrong);
                }
            }
        }
        Self {
            keys: KeyRing::default(),
            has_journal: against.journal.is_some(),
            journal,
            wanted: brought.iter().map(|one| one.checkpoint.size).collect(),
            brought,
            policy: against.policy.clone(),
            must_meet: against.must_meet,
            roots: BTreeMap::from([(0, Root::empty())]),
            anchors: Vec::new(),
        }
    }

    /// Event 0 has this link.
    pub(super) fn genesis(&mut self, found: Link, findings: &mut Findings) {
        let Some(journal) = &self.journal else { return };
        if journal.genesis != found {
            let wrong = Wrong::GenesisDiffers { expected: journal.genesis, found };
            find(findings, Check::Journal, Some(0), wrong);
        }
    }

    /// The root over as many events as the frontier has.
    pub(super) fn root_at(&mut self, frontier: &Frontier) {
        if self.wanted.contains(&frontier.size()) {
            self.roots.insert(frontier.size(), frontier.root());
        }
    }

    /// The sizes whose roots were asked for after they had gone by.
    pub(super) fn wanted(&self) -> BTreeSet<u64> {
        let late = self.anchors.iter().map(|(_, _, checkpoint, _)| checkpoint.size);
        late.filter(|size| !self.roots.contains_key(size)).collect()
    }

    /// An event says that a checkpoint was stamped.
    pub(super) fn anchor(&mut self, seq: u64, anchor: Anchor, findings: &mut Findings) {
        let stamp = match Stamp::parse(&anchor.response) {
            Ok(stamp) => stamp,
            Err(error) => return find(findings, Check::Anchors, Some(seq), Wrong::Stamp(error)),
        };
        if stamp.hash != hash(&anchor.checkpoint) || stamp.time != anchor.time {
            return find(findings, Check::Anchors, Some(seq), Wrong::StampOfOther);
        }
        match Checkpoint::parse_note(anchor.checkpoint.as_bytes()) {
            Ok((note, checkpoint)) => {
                self.wanted.insert(checkpoint.size);
                self.anchors.push((seq, anchor, checkpoint, note));
            }
            Err(error) => {
                let wrong = Wrong::NoCheckpoint { name: format!("event {seq}"), error };
                find(findings, Check::Anchors, Some(seq), wrong);
            }
        }
    }

    /// Compares everything with a log of `events` events.
    pub(super) fn compare(
        self,
        origin: &str,
        events: u64,
        compared: &mut Compared,
        findings: &mut Findings,
    ) {
        compared.has_journal = self.has_journal;
        compared.keys = self.keys.clone();
        let unendorsed = self.keys.keys().iter().filter(|known| !known.endorsed);
        compared.unendorsed = unendorsed.map(|known| known.key.to_string()).collect();
        compared.checkpoints = count(&self.brought);
        compared.policy_given = self.policy.is_some() && self.must_meet;
        compared.policy_asks = self.policy.as_ref().is_some_and(Policy::asks_for_witnesses);
        let policy = self.policy.as_ref().map(|policy| {
            let followed = self.keys.followed(policy.logs());
            let shown = |key: &VerifierKey, by: &VerifierKey| (key.to_string(), by.to_string());
            compared.followed = followed.iter().map(|(key, by)| shown(key, by)).collect();
            let keys = followed.iter().map(|(key, _)| key.clone());
            policy.clone().trusting(keys.collect())
        });
        let mut met = None;
        let mut seen: BTreeMap<u64, (Root, String)> = BTreeMap::new();
        for one in &self.brought {
            let size = one.checkpoint.size;
            compared.in_journal = compared.in_journal.saturating_add(u64::from(!one.outside));
            let fits = self.extends(one, origin, events, findings);
            let signed = self.signed(&one.name, &one.note, &one.checkpoint, findings);
            // One that another log made, or nobody signed, says nothing of a fork.
            let ours = signed && one.checkpoint.origin == origin;
            match seen.get(&size).filter(|_| ours) {
                Some((root, first)) if *root != one.checkpoint.root => {
                    let (first, second) = (first.clone(), one.name.clone());
                    let wrong = Wrong::TwoRoots { size, first, second };
                    find(findings, Check::Checkpoints, size.checked_sub(1), wrong);
                }
                None if ours => {
                    seen.insert(size, (one.checkpoint.root, one.name.clone()));
                }
                Some(_) | None => {}
            }
            if !fits || !signed {
                continue;
            }
            let judgement = policy
                .as_ref()
                .map(|policy| policy.without(&|key| self.is_retired(key, size)).judge(&one.note));
            // Who says whom they trust is bound by nobody else's signature, even if the log names the key.
            let by_others = self.must_meet && judgement.as_ref().is_some_and(|j| j.logs.is_empty());
            match one.outside {
                true if by_others => {}
                true => compared.given_size = compared.given_size.max(size),
                false => compared.journal_size = compared.journal_size.max(size),
            }
            let Some(judgement) = judgement else { continue };
            for key in &judgement.false_signatures {
                let wrong = Wrong::FalseSignature { name: one.name.clone(), key: key.clone() };
                find(findings, Check::Signatures, None, wrong);
            }
            let least = compared.witnessed.as_ref().map_or(0, |(size, _)| *size);
            if !judgement.witnesses.is_empty() && size >= least {
                compared.witnessed = Some((size, judgement.witnesses.clone()));
            }
            if judgement.is_trusted() {
                met = met.max(Some(size));
            }
        }
        if let Some(size) = met {
            compared.quorum = Some(size);
        } else if self.must_meet {
            compared.quorum = Some(0);
            find(findings, Check::Quorum, None, Wrong::NoQuorum);
        }
        for (seq, anchor, checkpoint, note) in &self.anchors {
            compared.anchors = compared.anchors.saturating_add(1);
            let size = checkpoint.size;
            let name = format!("event {seq}");
            let signed = self.signed(&name, note, checkpoint, findings);
            if checkpoint.origin != origin {
                let (expected, found) = (origin.to_owned(), checkpoint.origin.clone());
                let wrong = Wrong::CheckpointOfOther { name, expected, found };
                find(findings, Check::Anchors, Some(*seq), wrong);
            } else if self.roots.get(&size) != Some(&checkpoint.root) || size > *seq {
                let found = self.roots.get(&size).copied().unwrap_or_else(Root::empty);
                let expected = checkpoint.root;
                let wrong = Wrong::Forked { name, size, expected, found };
                find(findings, Check::Anchors, Some(*seq), wrong);
            } else if signed && compared.anchored.is_none_or(|(covered, _)| covered < size) {
                compared.anchored = Some((size, anchor.time));
            }
        }
    }

    /// Whether the log is, in front, what a checkpoint says.
    fn extends(&self, one: &Brought, origin: &str, events: u64, findings: &mut Findings) -> bool {
        let (size, expected) = (one.checkpoint.size, one.checkpoint.root);
        let name = one.name.clone();
        let last = size.min(events).checked_sub(1);
        let (seq, wrong) = if one.checkpoint.origin == origin {
            let wrong = match self.roots.get(&size) {
                Some(found) if *found == expected => return true,
                Some(found) if one.outside => Wrong::Forked { name, size, expected, found: *found },
                Some(found) => Wrong::Rewritten { name, size, expected, found: *found },
                None => Wrong::Truncated { name, trusted_size: size, found_size: events },
            };
            (last, wrong)
        } else {
            let (expected, found) = (origin.to_owned(), one.checkpoint.origin.clone());
            // No event of this log has to do with one of another.
            (None, Wrong::CheckpointOfOther { name, expected, found })
        };
        find(findings, Check::Checkpoints, seq, wrong);
        false
    }

    /// Whether the log itself had retired a key by then.
    fn is_retired(&self, key: &VerifierKey, size: u64) -> bool {
        let mut known = self.keys.keys().iter();
        known.any(|known| known.key == *key && known.retired.is_some_and(|at| size > at))
    }

    /// Whether a key that this log had at that size signed a note, or one that the policy names for it.
    fn signed(
        &self,
        name: &str,
        note: &Note,
        checkpoint: &Checkpoint,
        findings: &mut Findings,
    ) -> bool {
        let size = checkpoint.size;
        // A policy may name keys of several logs; each vouches for checkpoints of its own name alone. Nor does it bring back a key
        // that the log itself had retired by then.
        let of_policy = self.policy.iter().flat_map(Policy::logs);
        let of_policy =
            of_policy.filter(|key| key.name() == checkpoint.origin && !self.is_retired(key, size));
        let keys = self.keys.at(size).map(|known: &RingKey| &known.key).chain(of_policy);
        let name = name.to_owned();
        let wrong = match is_signed(note, keys) {
            Ok(true) => return true,
            Ok(false) => Wrong::Unsigned { name, size },
            Err(key) => Wrong::FalseSignature { name, key: key.to_string() },
        };
        find(findings, Check::Signatures, None, wrong);
        false
    }
}

/// Whether one of these keys signed a note; as an error the key whose signature does not hold.
fn is_signed<'k>(
    note: &Note,
    keys: impl Iterator<Item = &'k VerifierKey>,
) -> Result<bool, &'k VerifierKey> {
    let mut signed = false;
    for key in keys {
        match note.signed_by(key) {
            Signed::Yes { .. } => signed = true,
            Signed::No => {}
            Signed::Falsely => return Err(key),
        }
    }
    Ok(signed)
}

fn count<T>(all: &[T]) -> u64 {
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}
