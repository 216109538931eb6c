//! When an event came into the log, as witnesses saw it: after a checkpoint that lacks it, and not after one that holds
//! it. The times are those at which a quorum of a policy's witnesses had cosigned; the log's own clock has no say.
//!
//! It does not show that the keeper had not recorded the event before, and only not shown it. And it is worth what
//! the witnesses' clocks are worth: where they contradict each other, `after` is later than `by`.

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

/// A checkpoint that a quorum of witnesses cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The witnesses, by their names in the policy.
    pub witnesses: Vec<String>,
    /// When enough of them had cosigned, or still did, in seconds since 1970-01-01.
    pub time: u64,
    /// The size of the checkpoint.
    pub size: u64,
    /// The place of the checkpoint in the journal.
    pub line: u64,
}

impl Seen {
    /// By when enough witnesses had cosigned a checkpoint that holds the event.
    pub fn by(judgement: &Judgement, size: u64, line: u64) -> Option<Self> {
        Self::at(judgement, judgement.met?.by, size, line)
    }

    /// Until when enough witnesses cosigned a checkpoint that lacks it.
    pub fn after(judgement: &Judgement, size: u64, line: u64) -> Option<Self> {
        Self::at(judgement, judgement.met?.still, size, line)
    }

    fn at(judgement: &Judgement, time: u64, size: u64, line: u64) -> Option<Self> {
        let witnesses = judgement.witnesses.iter().map(|(witness, _)| witness.clone()).collect();
        judgement.is_trusted().then_some(Self { witnesses, time, size, line })
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
            if judgement.met.is_none() || !self.extends(&entry.checkpoint)? {
                continue;
            }
            if size <= seq {
                let seen = Seen::after(&judgement, size, line);
                if time_of(seen.as_ref()) > time_of(bracket.after.as_ref()) {
                    bracket.after = seen;
                }
            } else if let Some(seen) = Seen::by(&judgement, size, line)
                && bracket.by.as_ref().is_none_or(|by| seen.time < by.time)
            {
                bracket.by = Some(seen);
            }
        }
        Ok(bracket)
    }
}

fn time_of(seen: Option<&Seen>) -> Option<u64> {
    seen.map(|seen| seen.time)
}
