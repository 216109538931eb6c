//! The counts, and the table at the end.

use std::collections::BTreeMap;

use crate::after_cut::EVENTS;
use crate::failure::Failure;

/// What came of the rounds of a part.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) rounds: u64,
    /// How often the program was stopped, or met the trouble.
    pub(crate) stops: u64,
    /// The events that were acknowledged, and then looked for.
    pub(crate) events: u64,
    /// The same, of checkpoints.
    pub(crate) notes: u64,
    /// The rounds, or cuts, after which something acknowledged was missing.
    pub(crate) lost: u64,
    /// Those after which the log did not verify, or could not be opened.
    pub(crate) unverified: u64,
    /// Those that failed otherwise.
    pub(crate) wrong: u64,
    /// All that failed.
    pub(crate) failed: u64,
    /// How often what was stopped.
    pub(crate) of: BTreeMap<String, u64>,
    /// How often what was missing after a cut.
    missing: BTreeMap<&'static str, u64>,
    /// What ended before it could be stopped, and what was left out.
    pub(crate) early: u64,
}

impl Counts {
    pub(crate) fn stopped(&mut self, what: impl Into<String>) {
        self.stops += 1;
        *self.of.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn missing(&mut self, what: &'static str) {
        *self.missing.entry(what).or_default() += 1;
    }

    pub(crate) fn failed(&mut self, failure: &Failure) {
        self.failed += 1;
        match failure {
            Failure::Lost(_) => self.lost += 1,
            Failure::DoesNotVerify(_) => self.unverified += 1,
            _ => self.wrong += 1,
        }
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{} rounds, {} stops, {} events, {} lost, {} do not verify, {} wrong",
            self.rounds, self.stops, self.events, self.lost, self.unverified, self.wrong
        )
    }
}

/// All parts.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<(&'static str, Counts)>,
    skipped: Vec<(&'static str, String)>,
}

impl Table {
    pub(crate) fn add(&mut self, part: &'static str, counts: Counts) {
        self.rows.push((part, counts));
    }

    pub(crate) fn skip(&mut self, part: &'static str, why: String) {
        self.skipped.push((part, why));
    }

    /// Whether nothing failed, and everything could be run.
    pub(crate) fn held(&self) -> bool {
        self.skipped.is_empty() && self.rows.iter().all(|(_, counts)| counts.failed == 0)
    }

    /// Whether events were lost, as they must be in a control; all else is lost more easily.
    pub(crate) fn lost_events(&self) -> bool {
        self.rows.iter().any(|(_, counts)| counts.missing.contains_key(EVENTS))
    }

    pub(crate) fn print(&self) -> String {
        let mut text = String::from(
            "\npart      rounds  stops  early  events    checkpoints  lost  do not verify  wrong\n",
        );
        for (part, counts) in &self.rows {
            let Counts { rounds, stops, early, events, notes, lost, unverified, wrong, .. } =
                counts;
            text.push_str(&format!(
                "{part:<8}  {rounds:<6}  {stops:<5}  {early:<5}  {events:<8}  {notes:<11}  {lost:<4}  \
                 {unverified:<13}  {wrong}\n"
            ));
        }
        for (part, counts) in &self.rows {
            let of: Vec<String> =
                counts.of.iter().map(|(what, count)| format!("{what} {count}")).collect();
            text.push_str(&format!("{part}: {}\n", of.join(", ")));
            let missing: Vec<String> =
                counts.missing.iter().map(|(what, count)| format!("{what} {count}")).collect();
            if !missing.is_empty() {
                text.push_str(&format!("{part}: missing: {}\n", missing.join(", ")));
            }
        }
        for (part, why) in &self.skipped {
            text.push_str(&format!("{part}: not run: {why}\n"));
        }
        text
    }
}
