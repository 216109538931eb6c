//! Whether a log holds what it must, looked at from outside: it verifies, and its export has every event.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use demarche::record::link::Link;
use serde_json::Value;

use crate::failure::Failure;
use crate::process::Program;
use crate::promised::{Attempt, Promised};

/// What a log holds, as its export has it.
#[derive(Default)]
pub(crate) struct Contents {
    /// The link of each event.
    pub(crate) links: Vec<String>,
    /// The number of each event whose content is there, by its id.
    pub(crate) ids: BTreeMap<String, u64>,
    /// The statements among them that nothing rests on, so that they can be erased.
    pub(crate) erasable: Vec<(String, u64)>,
    /// The events whose content is gone.
    pub(crate) absent: BTreeSet<u64>,
    /// When each was recorded.
    pub(crate) recorded: Vec<String>,
}

impl Contents {
    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.links.len()).unwrap_or(u64::MAX)
    }

    /// Reads what `export` printed.
    pub(crate) fn read(export: &str) -> Result<Self, Failure> {
        let mut read = Self::default();
        let wrong = |what: &str| Failure::Wrong(format!("an export has {what}"));
        let mut head = None;
        for line in export.lines() {
            let line: Value =
                serde_json::from_str(line).map_err(|_| wrong("a line that is no JSON"))?;
            if line.get("head").is_some() {
                head = Some((line["head"]["size"].as_u64(), line["head"]["chain"].clone()));
            }
            let Some(header) = line["header"].as_str() else { continue };
            let seq = read.size();
            read.links.push(Link::of(header.as_bytes()).to_string());
            let header: Value = serde_json::from_str(header).map_err(|_| wrong("a bad header"))?;
            read.recorded.push(header["recorded_at"].as_str().unwrap_or_default().to_owned());
            let Some(payload) = line["payload"].as_str() else {
                read.absent.insert(seq);
                continue;
            };
            let payload: Value =
                serde_json::from_str(payload).map_err(|_| wrong("a bad payload"))?;
            if let Some(id) = payload["id"].as_str() {
                read.ids.insert(id.to_owned(), seq);
                if payload["kind"] == "statement" {
                    read.erasable.push((id.to_owned(), seq));
                }
            }
        }
        let last = read.links.last().map(|link| Value::from(link.as_str())).unwrap_or_default();
        if head == Some((Some(read.size()), last)) {
            Ok(read)
        } else {
            Err(wrong("a head that is not that of its events"))
        }
    }
}

/// Looks at a log after it was stopped: it verifies, nothing that was promised is missing, what was under way is there
/// whole or not at all, and nothing else is there.
pub(crate) fn check(
    program: &Program,
    log: &Path,
    promised: &Promised,
    attempt: &Attempt,
    scratch: &Path,
) -> Result<Contents, Failure> {
    let contents = look(program, log, scratch)?;
    fits(program, log, &contents, promised, attempt, scratch)?;
    Ok(contents)
}

/// The same, of a log that was read.
pub(crate) fn fits(
    program: &Program,
    log: &Path,
    contents: &Contents,
    promised: &Promised,
    attempt: &Attempt,
    scratch: &Path,
) -> Result<(), Failure> {
    holds(contents, promised, attempt)?;
    journal_holds(program, log, promised, scratch)?;
    for left in ["store.removal-new", "store.removal-old", "store.begun"] {
        if log.join(left).exists() {
            return Err(Failure::Wrong(format!("{left} was left behind")));
        }
    }
    // A file of its own for a large value is written and not synced: it would be lost in the end, if not this time.
    if fs::read_dir(log.join("store/blobs"))?.next().is_some() {
        return Err(Failure::Wrong("a value is in a file of its own".to_owned()));
    }
    Ok(())
}

/// Verifies a log and reads all of it.
pub(crate) fn look(program: &Program, log: &Path, scratch: &Path) -> Result<Contents, Failure> {
    let verified = program.run(log, &["verify"], scratch)?;
    if !verified.succeeded() {
        return Err(Failure::DoesNotVerify(verified.told()));
    }
    Contents::read(&program.must(log, &["export"], scratch)?.out)
}

pub(crate) fn holds(
    contents: &Contents,
    promised: &Promised,
    attempt: &Attempt,
) -> Result<(), Failure> {
    let lost = |what: String| Err(Failure::Lost(what));
    if contents.size() < promised.size {
        return lost(format!("{} events are there of {}", contents.size(), promised.size));
    }
    let link = |seq: u64| usize::try_from(seq).ok().and_then(|seq| contents.links.get(seq));
    for (seq, expected) in &promised.links {
        if link(*seq) != Some(expected) {
            return lost(format!("event {seq} is not the one with link {expected}"));
        }
    }
    for (id, seq) in &promised.ids {
        let gone = contents.absent.contains(seq);
        if !gone && contents.ids.get(id) != Some(seq) {
            return lost(format!("event {seq} is not {id}"));
        }
    }
    if let Some(seq) = promised.erased.iter().find(|seq| !contents.absent.contains(seq)) {
        return lost(format!("the erasure of event {seq}: its content is there"));
    }
    let may_be_gone = |seq: &u64| promised.erased.contains(seq) || attempt.erasing == Some(*seq);
    if let Some(seq) = contents.absent.iter().find(|seq| !may_be_gone(seq)) {
        return lost(format!("the content of event {seq}, which nobody erased"));
    }
    let there = attempt.ids.iter().filter(|id| contents.ids.contains_key(*id)).count();
    if there > 0 && there < attempt.ids.len() {
        return Err(Failure::Wrong(format!(
            "of one append {there} events are there, of {}",
            attempt.ids.len()
        )));
    }
    Ok(())
}

/// That a log of this size, which is known whole, has grown by what was under way, or not at all.
pub(crate) fn grew_by_attempt(
    contents: &Contents,
    before: u64,
    attempt: &Attempt,
) -> Result<(), Failure> {
    let whole = if attempt.erasing.is_some() || attempt.recording {
        1
    } else {
        u64::try_from(attempt.ids.len()).unwrap_or(u64::MAX)
    };
    let grown = contents.size() - before;
    if grown == 0 || grown == whole || attempt.many {
        return Ok(());
    }
    Err(Failure::Wrong(format!("{grown} events came, not {whole} or none")))
}

/// Every note that was signed stands in the journal, and the log extends the last.
fn journal_holds(
    program: &Program,
    log: &Path,
    promised: &Promised,
    scratch: &Path,
) -> Result<(), Failure> {
    let Some(last) = promised.notes.last() else { return Ok(()) };
    let mut kept = Vec::new();
    for entry in fs::read_dir(log.join("journal"))? {
        for line in fs::read_to_string(entry?.path())?.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            kept.extend(line["note"].as_str().map(str::to_owned));
        }
    }
    if let Some(note) = promised.notes.iter().find(|note| !kept.contains(note)) {
        return Err(Failure::Lost(format!("a checkpoint that was signed:\n{note}")));
    }
    let file = scratch.join("last.note");
    fs::write(&file, last)?;
    let verified =
        program.run(log, &["verify", "--checkpoint", &file.to_string_lossy()], scratch)?;
    if verified.succeeded() { Ok(()) } else { Err(Failure::DoesNotVerify(verified.told())) }
}
