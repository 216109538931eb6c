//! `demarche export`: the log in portable form.

use std::fs;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::log_args::LogArgs;
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::portable::{Exported, export};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The form to write
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// The file to write; standard output if absent
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
}

impl ExportArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let Format::Jsonl = self.format;
        let store = log.store("demarche export")?;
        let Some(path) = &self.out else {
            let progress = terminal.progress("exporting", Some(store.head()?.size));
            let out = &mut BufWriter::new(io::stdout().lock());
            let exported =
                export(&store, self.include_sealed, out, &mut |done| progress.set(done))?;
            drop(progress);
            return remark(exported, None, terminal);
        };
        if path.exists() {
            return Err(CliError::refused(format!("{} exists already", path.display()))
                .hint("name another file, or remove that one"));
        }
        // Written beside its place and moved there whole, so that nobody finds half an export.
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let cannot = |error: io::Error| {
            CliError::refused(format!("{} cannot be written: {error}", path.display()))
        };
        let progress = terminal.progress("exporting", Some(store.head()?.size));
        let file = fs::File::create_new(&partial).map_err(cannot)?;
        let mut out = BufWriter::new(file);
        let written = export(&store, self.include_sealed, &mut out, &mut |done| progress.set(done))
            .map_err(CliError::from)
            .and_then(|exported| {
                let file = out.into_inner().map_err(|error| cannot(error.into_error()))?;
                file.sync_all().map_err(cannot)?;
                fs::rename(&partial, path).map_err(cannot)?;
                Ok(exported)
            });
        drop(progress);
        match written {
            Ok(exported) => remark(exported, Some(path), terminal),
            Err(error) => {
                let _ = fs::remove_file(&partial);
                Err(error)
            }
        }
    }
}

/// Says what was written and what was left out, on standard error.
fn remark(exported: Exported, path: Option<&PathBuf>, terminal: &mut Terminal) -> Outcome {
    use std::io::Write;
    let place = path.map(|path| format!(" to {}", path.display())).unwrap_or_default();
    writeln!(
        terminal.err(),
        "exported {} events and {} captured sources{place}",
        exported.events,
        exported.sources
    )?;
    if exported.absent > 0 {
        writeln!(terminal.err(), "{} events have no payload: erased or withheld", exported.absent)?;
    }
    if exported.sealed_withheld > 0 {
        writeln!(
            terminal.err(),
            "{} sealed parts left out; --include-sealed writes them",
            exported.sealed_withheld
        )?;
    }
    Ok(Status::Done)
}
