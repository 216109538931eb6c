//! The store, by a copy of it; the clock.

use std::path::Path;

use super::super::hints;
use super::Findings;
use crate::event_log::snapshot::{Reach, reach};
use crate::event_log::world::READ_AFTER_TABLES;
use crate::event_log::{EventLog, OpenError};
use crate::model::calendar::Instant;
use crate::record::journal::Journal;
use crate::store::sled::SledStore;
use crate::store::{Damage, Store, StoreError};

/// What to do when the store, or an event that it begins or ends with, cannot be read.
const DAMAGED: &[&str] = &[
    "keep the damaged directory as it is, and append nothing to it",
    "go on from the newest backup (made by demarche backup), or export: demarche restore BACKUP_DIR --log NEW_DIR",
    "if the store can be opened, demarche verify names every event that cannot be read",
];

/// Opens a copy of the store, and looks at both ends of the log and at the tables.
pub(super) fn look(
    directory: &Path,
    copy: Option<&Path>,
    found: &mut Findings,
) -> Option<EventLog<SledStore>> {
    let Some(copy) = copy else {
        found.not_checked("head", "the store was not opened");
        found.not_checked("tables", "the store was not opened");
        return None;
    };
    let opened = SledStore::open(copy, "demarche doctor").and_then(|store| {
        let head = store.head()?;
        Ok((store, head))
    });
    let (store, head) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let is_damage = !matches!(error, StoreError::Layout { .. })
                && error.refused_by_system().and_then(hints::for_system).is_none();
            let advice = hints::for_store(&error);
            let advice: Vec<&str> = advice.iter().map(String::as_str).collect();
            let about = match &error {
                // Of the copy; there is a store of this log's, and nothing in it.
                StoreError::Missing { .. } => "its directory holds none of its files".to_owned(),
                other => other.to_string(),
            };
            found.wrong("store", about, if is_damage { DAMAGED } else { &advice });
            found.not_checked("head", "the store cannot be opened");
            found.not_checked("tables", "the store cannot be opened");
            return None;
        }
    };
    match store.check_acknowledged(directory) {
        Ok(()) if head.size > 0 => found.ok("store", format!("it opens, with {} events", head.size)),
        Ok(()) => found.wrong(
            "store",
            "it holds no log: what was to make one was cut off",
            &["give the command again that was cut off, demarche init or demarche restore; nothing is to be removed before"],
        ),
        Err(error) => {
            let advice = hints::for_store(&error);
            let advice: Vec<&str> = advice.iter().map(String::as_str).collect();
            found.wrong("store", error.to_string(), &advice);
        }
    }
    if head.size == 0 {
        found.not_checked("head", "there is no event");
        found.not_checked("tables", "there is no event");
        return None;
    }
    // Before the log is opened, which derives what they lack.
    let reached = reach(&store);
    let log = match EventLog::open(store) {
        Ok(log) => {
            let at = log.last_recorded();
            found.ok(
                "head",
                format!(
                    "event {}, recorded at {at}, is the one that the head names",
                    head.size.saturating_sub(1)
                ),
            );
            Some(log)
        }
        Err(OpenError::Store(
            error @ StoreError::Damaged { what: Damage::Block(_) | Damage::Row(_) },
        )) => {
            found.not_checked("head", "a table beside the events is damaged");
            tables(&Err(error), head.size, found);
            return None;
        }
        Err(error) => {
            let about = match &error {
                OpenError::DoesNotVerify { seq, wrong } => format!("event {seq}: {wrong}"),
                other => other.to_string(),
            };
            found.wrong("head", about, DAMAGED);
            None
        }
    };
    tables(&reached, head.size, found);
    log
}

fn tables(reached: &Result<Reach, StoreError>, size: u64, found: &mut Findings) {
    match reached {
        Ok(Reach { names, statements }) => {
            let about = format!("of {size} events: names to {names}, statements to {statements}");
            if size.saturating_sub((*names).min(*statements)) > READ_AFTER_TABLES {
                found.attention(
                    "tables",
                    format!("{about}; so every replay reads all events"),
                    &["demarche snapshot"],
                );
            } else {
                found.ok("tables", about);
            }
        }
        Err(error) => found.wrong(
            "tables",
            error.to_string(),
            &["they are derived from the events, so nothing is lost: demarche snapshot --anew"],
        ),
    }
}

/// No event of this program's was recorded before; a clock that says so was never set.
const EARLIEST: &str = "2026-11-01T00:00:00Z";
/// A clock that says so runs in another century.
const LATEST: &str = "2100-01-01T00:00:00Z";
/// By how much a clock may be behind what was recorded, in microseconds: a minute.
const CLOCK_BEHIND_MAX: i64 = 60_000_000;

/// Compares the clock with what the log recorded.
pub(super) fn clock(
    log: Option<&EventLog<SledStore>>,
    journal: Option<&Journal>,
    now: Instant,
    found: &mut Findings,
) {
    const SET: &str = "set the machine's clock (timedatectl, or the system's settings), and run demarche doctor again";
    let is = |bound| Instant::parse_rfc3339(bound);
    if is(EARLIEST).is_some_and(|least| now < least) || is(LATEST).is_some_and(|most| now > most) {
        found.wrong("clock", format!("it says {now}, which cannot be"), &[SET]);
        return;
    }
    let recorded = log.map(|log| (log.last_recorded(), "the last event was recorded"));
    let signed =
        journal.and_then(Journal::last).map(|last| (last.at, "the last checkpoint was signed"));
    let Some((latest, what)) = recorded.into_iter().chain(signed).max_by_key(|(at, _)| *at) else {
        found.ok("clock", format!("it says {now}; there was nothing to compare it with"));
        return;
    };
    if latest.micros().saturating_sub(now.micros()) <= CLOCK_BEHIND_MAX {
        found.ok("clock", format!("it says {now}, after all that was recorded"));
        return;
    }
    found.wrong(
        "clock",
        format!("it says {now}, but {what} at {latest}: it is behind, or was ahead then"),
        &[
            SET,
            "if it is right now, it was wrong then: events appended before that time are given that time, and witnesses and time stamps alone show the true one",
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn verdict(now: &str) -> Option<(Verdict, String)> {
        let mut found = Findings::default();
        clock(None, None, Instant::parse_rfc3339(now)?, &mut found);
        found.0.pop().map(|finding| (finding.verdict, finding.about))
    }

    #[test]
    fn a_clock_may_be_a_little_behind() {
        use crate::record::{checkpoint::Checkpoint, link::Link, note::NoteSigner, tree::Root};
        let at = Instant::parse_rfc3339("2027-01-01T00:00:00Z").unwrap();
        let name = "example.org/desk";
        let checkpoint = Checkpoint { origin: name.to_owned(), size: 1, root: Root::empty() };
        let signer = NoteSigner::from_seed(name, &[1; 32]).unwrap();
        let (mut journal, _) = Journal::begin(name, Link::ZERO);
        journal.add(at, checkpoint.sign(&[&signer]).unwrap()).unwrap();
        for (behind, expected) in
            [(CLOCK_BEHIND_MAX, Verdict::Ok), (CLOCK_BEHIND_MAX + 1, Verdict::Wrong)]
        {
            let (now, mut found) = (at.micros() - behind, Findings::default());
            clock(None, Some(&journal), Instant::from_micros(now), &mut found);
            let found = found.0.pop().unwrap();
            assert_eq!(found.verdict, expected, "{}", found.about);
        }
    }

    #[test]
    fn a_clock_that_was_never_set_is_wrong_without_anything_to_compare_it_with() {
        for (now, expected) in [
            ("1970-01-01T00:00:03Z", Verdict::Wrong),
            ("2026-10-31T23:59:59Z", Verdict::Wrong),
            ("2026-11-01T00:00:00Z", Verdict::Ok),
            ("2099-12-31T00:00:00Z", Verdict::Ok),
            ("2100-01-01T00:00:01Z", Verdict::Wrong),
        ] {
            let found = verdict(now);
            assert!(
                matches!(&found, Some((verdict, _)) if *verdict == expected),
                "{now}: {found:?}"
            );
        }
    }
}
