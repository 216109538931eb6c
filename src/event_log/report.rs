//! What a verification is asked to compare with, and what it found and covered: each verdict, every finding, and in words
//! what remains open.

use std::collections::BTreeMap;

use super::checkpoints::Compared;
use super::finding::{Check, Finding, Verdict};
use crate::record::link::Link;
use crate::record::policy::Policy;
use crate::record::tree::Root;

/// What a verification found and covered.
#[derive(Debug, Default)]
pub struct Report {
    /// The origin in the genesis.
    pub origin: Option<String>,
    /// How many events were looked at.
    pub events: u64,
    /// How many of them the store could not read.
    pub unreadable: u64,
    /// How many of them have a payload that could be opened.
    pub open: u64,
    /// How many have none.
    pub absent: u64,
    /// How many of those an erasure accounts for.
    pub erased: u64,
    /// How many sealed parts could be opened.
    pub sealed_open: u64,
    /// How many are not there: erased, or withheld from this copy.
    pub sealed_absent: u64,
    /// How many bytes of events were looked at.
    pub event_bytes: u64,
    /// How many captured sources were looked at.
    pub sources: u64,
    /// How many bytes of sources were looked at.
    pub source_bytes: u64,
    /// How many quotations were compared.
    pub quotes: u64,
    /// How many could not be compared, since the text of their source is not in the log.
    pub quotes_open: u64,
    /// The link of the last event.
    pub chain: Link,
    /// The RFC 6962 root over all headers.
    pub root: Option<Root>,
    /// How many events the tables beside the events reach, where there are any to compare.
    pub snapshot: Option<u64>,
    /// The version of other rules that the table of statements was made by, so that it was not compared.
    pub other_reducer: Option<i64>,
    /// Whether what was reported was left out: payloads, sealed parts, sources, quotations, the tables.
    pub quick: bool,
    /// How the log compares with checkpoints of it.
    pub compared: Compared,
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
    pub fn not_established(&self) -> Vec<String> {
        let mut all = self.compared.not_established(self.events);
        if self.unreadable > 0 {
            all.push(format!(
                "Tree and checkpoints were not compared: {} events cannot be read, so no root can be computed.",
                self.unreadable
            ));
        }
        if self.quotes_open > 0 {
            all.push(format!(
                "That quotations stand in their sources, {} of them: no source that was recorded before them holds a \
                 text to compare with, or it was erased.",
                self.quotes_open
            ));
        }
        if let Some(reducer) = self.other_reducer {
            all.push(format!(
                "The snapshot was made by version {reducer} of the rules, which is not this program's, so it was not \
                 compared; it is not used either."
            ));
        }
        if self.quick {
            all.push(
                "What was reported was not looked at: payloads, sealed parts, ids, sources, quotations, the snapshot."
                    .to_owned(),
            );
        }
        all.push("The times of recording are those of this machine's clock.".to_owned());
        all.push(
            "That a source said what was captured, and that what it said is true, is not for this program to show."
                .to_owned(),
        );
        all
    }
}

/// What a log is compared with, and how much of it is looked at.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// The bytes of its journal, if there is one.
    pub journal: Option<Vec<u8>>,
    /// Checkpoints that somebody brings: where each comes from, and its bytes.
    pub given: Vec<(String, Vec<u8>)>,
    /// Whom to trust.
    pub policy: Option<Policy>,
    /// Whether the policy must be met.
    pub must_meet: bool,
    /// Leave out payloads, sources and quotations: look at headers, tree and checkpoints alone.
    pub quick: bool,
}
