//! `demarche export`: the log in portable form.

use std::io::{self, BufWriter};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::log_args::LogArgs;
use super::terminal::Terminal;
use super::words::counted;
use super::{Outcome, Status, files, tiles};
use crate::event_log::portable::{Exported, PortableError, export};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The form to write
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// The file to write, or the directory of tiles; standard output if absent
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Write sealed parts, too
    #[arg(long)]
    include_sealed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON line an event, captured sources, the head: all of the log
    Jsonl,
    /// Headers, tree and checkpoint as static files (c2sp.org/tlog-tiles), in the directory --out
    Tiles,
}

impl ExportArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        if self.format == Format::Tiles {
            if self.include_sealed {
                return Err(CliError::refused("tiles hold headers alone, so no sealed part")
                    .hint("disclose one event: demarche disclose ID --out FILE"));
            }
            return tiles::export(log, self.out.as_deref(), terminal);
        }
        let store = log.store("demarche export")?;
        let Some(path) = &self.out else {
            let progress = terminal.progress("exporting", Some(store.head()?.size));
            let out = &mut BufWriter::new(io::stdout().lock());
            let exported = export(&store, self.include_sealed, out, &mut |done| progress.set(done));
            drop(progress);
            let exported = exported.map_err(|error| match error {
                PortableError::Io(error) => CliError::of_output(&error),
                other => other.into(),
            })?;
            return Ok(remark(&exported, None, terminal));
        };
        let progress = terminal.progress("exporting", Some(store.head()?.size));
        let written = files::write_new_private_by(path, |out| {
            let exported = export(&store, self.include_sealed, out, &mut |done| progress.set(done));
            exported.map_err(|error| match error {
                PortableError::Io(error) => files::cannot_write(path, &error),
                other => other.into(),
            })
        });
        drop(progress);
        Ok(remark(&written?, Some(path), terminal))
    }
}

/// Says what was written and what was left out, on standard error.
fn remark(exported: &Exported, path: Option<&PathBuf>, terminal: &mut Terminal) -> Status {
    let place = path.map(|path| format!(" to {}", path.display())).unwrap_or_default();
    terminal.note(format!(
        "exported {} and {}{place}",
        counted(exported.events, "event"),
        counted(exported.sources, "captured source")
    ));
    if exported.absent > 0 {
        terminal.note(format!("{} events have no payload: erased or withheld", exported.absent));
    }
    if exported.sealed_withheld > 0 {
        terminal.note(format!(
            "{} left out; --include-sealed writes them",
            counted(exported.sealed_withheld, "sealed part")
        ));
    }
    Status::Done
}
