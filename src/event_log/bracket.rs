//! When an event came into the log, by the word of witnesses: after a checkpoint that lacks it, and not after one that
//! holds it. The times are those at which witnesses of a policy cosigned; the log's own clock has no say.
//!
//! The end of it binds whoever keeps the log. Its beginning says that no witness had seen the event by then: a keeper
//! who holds events back and has an older checkpoint cosigned moves it, but cannot make an event look older.

use super::EventLog;
use crate::record::journal::Journal;
use crate::record::policy::{Judgement, Policy};
use crate::store::{Store, StoreError};

/// When an event came into the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bracket {
    /// A checkpoint that lacks it was cosigned then.
    pub after: Option<Seen>,
    /// A checkpoint that holds it was cosigned then.
    pub by: Option<Seen>,
}

/// A cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The witness, by its name in the policy.
    pub witness: String,
    /// When it cosigned, in seconds since 1970-01-01.
    pub time: u64,
    /// The size of the checkpoint.
    pub size: u64,
    /// The place of the checkpoint in the journal.
    pub line: u64,
}

impl Seen {
    /// The earliest of the cosignatures that a judgement found.
    pub fn earliest(judgement: &Judgement, size: u64, line: u64) -> Option<Self> {
        let (witness, time) = judgement.witnesses.iter().min_by_key(|(_, time)| *time)?;
        Some(Self { witness: witness.clone(), time: *time, size, line })
    }

    /// The latest of them.
    pub fn latest(judgement: &Judgement, size: u64, line: u64) -> Option<Self> {
        let (witness, time) = judgement.witnesses.iter().max_by_key(|(_, time)| *time)?;
        Some(Self { witness: witness.clone(), time: *time, size, line })
    }
}

impl<S: Store> EventLog<S> {
    /// When event `seq` came into the log, by what the journal holds of cosignatures.
    pub fn bracket(
        &self,
        seq: u64,
        journal: &Journal,
        policy: &Policy,
    ) -> Result<Bracket, StoreError> {
        let mut bracket = Bracket::default();
        for entry in &journal.entries {
            let (size, line) = (entry.checkpoint.size, entry.line);
            let judgement = policy.judge(&entry.note);
            if judgement.witnesses.is_empty() || !self.extends(&entry.checkpoint)? {
                continue;
            }
            if size <= seq {
                let seen = Seen::latest(&judgement, size, line);
                if time_of(seen.as_ref()) > time_of(bracket.after.as_ref()) {
                    bracket.after = seen;
                }
            } else {
                let seen = Seen::earliest(&judgement, size, line);
                if bracket.by.is_none() || time_of(seen.as_ref()) < time_of(bracket.by.as_ref()) {
                    bracket.by = seen;
                }
            }
        }
        Ok(bracket)
    }
}

fn time_of(seen: Option<&Seen>) -> Option<u64> {
    seen.map(|seen| seen.time)
}
