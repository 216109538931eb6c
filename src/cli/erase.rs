//! `demarche erase`: take away what events say, and record that it was.

use std::collections::BTreeSet;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::CliError;
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::show;
use super::surroundings::{Machine, warn_of_clock};
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::EraseError;
use crate::replay::Entry;

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The ids of the events, or @ and their numbers
    #[arg(required = true)]
    ids: Vec<String>,
    /// Why; it is recorded, and cannot be erased
    #[arg(long)]
    why: String,
    /// Who asked for it, or did it
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// What `erase` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErasedShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// The numbers of the events whose content is gone.
    erased: BTreeSet<u64>,
    /// The event that records it.
    seq: u64,
    link: String,
    /// How many captured documents went with them.
    sources: u64,
    /// The events that still quote an erased source.
    quoted_by: Vec<String>,
}

impl EraseArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        args.refuse_backup()?;
        let mut log = args.open_folded("demarche erase", terminal)?;
        let mut of = BTreeSet::new();
        for id in &self.ids {
            // What cannot be undone is named exactly: by an event's own id, not by a measure's.
            let seq = log.history().seq_of(id).ok_or_else(|| {
                let steps = log.history().steps_of(id).iter();
                let steps: Vec<String> = steps.map(|seq| log.history().id_of(*seq)).collect();
                match steps.as_slice() {
                    [] => show::unknown(&log, id),
                    steps => CliError::refused(format!("{id:?} is a measure, not an event"))
                        .hint(format!("name its events: {}", steps.join(" "))),
                }
            })?;
            of.insert(seq);
        }
        if self.why.trim().is_empty() {
            return Err(
                CliError::refused("--why is empty").hint("an erasure is recorded with its reason")
            );
        }
        let named = |seq: &u64| {
            let event = log.history().entry(*seq).and_then(Entry::event);
            let kind = event.map(|event| event.kind().name()).unwrap_or_default();
            format!("{seq} ({kind} {})", log.history().id_of(*seq))
        };
        let named: Vec<String> = of.iter().map(named).collect();
        let erased = log.erase(&of, &self.why, self.by.as_deref(), &mut Machine);
        let erased = erased.map_err(|error| match error {
            EraseError::Store(error) => error.into(),
            EraseError::Clock(error) => error.into(),
            EraseError::Absent(_) => CliError::refused(error.to_string()),
            EraseError::TooLong { .. } => CliError::refused(error.to_string())
                .hint("give a shorter --why, or erase fewer events at a time"),
            EraseError::Restores { .. } => CliError::refused(error.to_string())
                .hint("erase that event, too; or first record again, in other words, what must stay in force"),
            EraseError::Unreadable(_) => CliError::refused(error.to_string())
                .hint("erase with the version of the program that wrote it, or a later one"),
            other => CliError::refused(other.to_string()).hint("see what there is: demarche list"),
        })?;
        warn_of_clock(erased.clock_went_back, terminal);
        let quoted_by: Vec<String> =
            erased.quoted_by.iter().map(|seq| log.history().id_of(*seq)).collect();
        if self.json {
            terminal.json(&ErasedShape {
                v: VERSION,
                erased: of,
                seq: erased.seq,
                link: erased.link.to_string(),
                sources: erased.sources,
                quoted_by,
            })?;
            return Ok(Status::Done);
        }
        terminal.line(format!(
            "erased the content of event {}; event {} says so",
            named.join(", "),
            erased.seq
        ))?;
        if erased.sources > 0 {
            terminal.line(format!("{} captured documents went with it", erased.sources))?;
        }
        if !quoted_by.is_empty() {
            terminal.line(format!("still quoted by {}", quoted_by.join(", ")))?;
            terminal.faint("their quotations stay, and can no longer be compared; erase them, too, if they must go")?;
        }
        terminal.faint("headers stay, so proofs made before still hold")?;
        terminal.faint(
            "copies elsewhere are not reached: exports, backups, proofs and disclosures, and the files it was appended from",
        )?;
        terminal.faint("whoever appends those files again has the log take it in anew")?;
        Ok(Status::Done)
    }
}
