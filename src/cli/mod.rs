//! The terminal: the only place that prints, exits, and reads the clock, the environment and files.
//!
//! One file a subcommand. The library states facts; advice ("hint:") is given here.

mod anchor;
mod append;
mod backup;
mod beside;
mod check;
mod check_event;
mod checkpoint;
mod clock_args;
mod contacts;
mod demo;
mod diff;
mod doctor;
mod erase;
mod error;
mod event_args;
mod explain;
mod export;
mod files;
mod filter_args;
mod gantt;
mod hints;
mod http;
mod init;
mod input;
mod key;
mod lag;
mod list;
mod log_args;
mod manifest;
mod measures;
mod positions;
mod prove;
mod replay;
mod restore;
mod restore_backup;
mod revisions;
mod schema;
mod shapes;
mod show;
mod snapshot;
mod surroundings;
mod taken_back;
mod terminal;
mod tiles;
mod timeline;
mod verify;
mod vocab;
mod witness;
mod words;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use error::CliError;
use terminal::Terminal;

/// An audit log of reported statements and measures: append, verify, replay to any date.
#[derive(Debug, Parser)]
#[command(name = "demarche", version, max_term_width = 100, subcommand_required = true)]
#[command(after_help = "Exit status: 0 done; 1 the log does not verify, or a check failed; \
    2 the command could not be carried out.")]
struct Cli {
    #[command(flatten)]
    log: log_args::LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Append, verify and replay the shipped log: the tour for a newcomer
    Demo(demo::DemoArgs),
    /// Make a log
    Init(init::InitArgs),
    /// Append one event, from flags, or many, from a file of JSON lines
    Append(append::AppendArgs),
    /// Which measures were in force, and who held which position, on a date
    Replay(replay::ReplayArgs),
    /// Which measures were in force on a date, and on what evidence
    Measures(measures::MeasuresArgs),
    /// Who held which position on a date, and on whose word
    Positions(positions::PositionsArgs),
    /// The accounts of one call or meeting, side by side
    Contacts(contacts::ContactsArgs),
    /// What changed between two dates, or what was learnt between two times; each line with its reason
    Diff(diff::DiffArgs),
    /// Why a measure stands where it stands, or why an actor holds a position
    Explain(explain::ExplainArgs),
    /// What happened, in the order of its dates
    Timeline(timeline::TimelineArgs),
    /// Everything about one event or measure; of an actor or topic, what was declared (`timeline` has what they said)
    Show(show::ShowArgs),
    /// The events of the log, in the order in which they were recorded
    List(list::ListArgs),
    /// What the log took in that changed an answer it had already given
    Revisions(revisions::RevisionsArgs),
    /// How late each source is, and how late this log is after it
    Lag(lag::LagArgs),
    /// Check the log, or an export of one, with a verdict for each check
    Verify(verify::VerifyArgs),
    /// Sign the size and root of the log
    Checkpoint(checkpoint::CheckpointArgs),
    /// Prove an event, or every event behind an answer, to somebody without the log
    Prove(prove::ProveArgs),
    /// Prove an event with its sealed part open, for one reader
    Disclose(prove::DiscloseArgs),
    /// Check a proof, without the log
    Check(check::CheckArgs),
    /// Outsiders that see and cosign every checkpoint
    Witness(witness::WitnessArgs),
    /// Have a checkpoint stamped with the time (RFC 3161)
    Anchor(anchor::AnchorArgs),
    /// The keys that sign the log's checkpoints
    Key(key::KeyArgs),
    /// Keep what the log means as it stands, for verify to compare
    Snapshot(snapshot::SnapshotArgs),
    /// Take away what events say, and record that it was
    Erase(erase::EraseArgs),
    /// Write the log in a portable form
    Export(export::ExportArgs),
    /// Copy the log into a directory of its own, verified: without its key and sealed parts, unless asked for
    Backup(backup::BackupArgs),
    /// Rebuild a log from an export, or from a backup
    Restore(restore::RestoreArgs),
    /// What is wrong around the log, and what to do: modes, lock, store, key, journal, clock; it changes nothing
    Doctor(doctor::DoctorArgs),
    /// The closed lists of terms
    Vocab(vocab::VocabArgs),
    /// The JSON Schemas of what --json prints
    Schema(schema::SchemaArgs),
}

/// Runs the program with the process's arguments; returns its exit status.
pub fn run() -> ExitCode {
    crate::store::sled::keep_caught_panics_quiet();
    let matches = command().try_get_matches().unwrap_or_else(|mut error| {
        if let Some(kind) = append::kind_meant(error.kind(), std::env::args_os()) {
            let tip = format!("did you mean the kind of event {kind}?").into();
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
        }
        error.exit()
    });
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let mut terminal = Terminal::new();
    let result = match cli.command {
        Command::Demo(args) => args.run(&cli.log, &mut terminal),
        Command::Init(args) => args.run(&cli.log, &mut terminal),
        Command::Append(args) => {
            let of_kind = matches.subcommand_matches("append").and_then(|m| m.subcommand());
            args.run(&cli.log, of_kind, &mut terminal)
        }
        Command::Replay(args) => args.run(&cli.log, &mut terminal),
        Command::Measures(args) => args.run(&cli.log, &mut terminal),
        Command::Positions(args) => args.run(&cli.log, &mut terminal),
        Command::Contacts(args) => args.run(&cli.log, &mut terminal),
        Command::Diff(args) => args.run(&cli.log, &mut terminal),
        Command::Explain(args) => args.run(&cli.log, &mut terminal),
        Command::Timeline(args) => args.run(&cli.log, &mut terminal),
        Command::Show(args) => args.run(&cli.log, &mut terminal),
        Command::List(args) => args.run(&cli.log, &mut terminal),
        Command::Revisions(args) => args.run(&cli.log, &mut terminal),
        Command::Lag(args) => args.run(&cli.log, &mut terminal),
        Command::Checkpoint(args) => args.run(&cli.log, &mut terminal),
        Command::Prove(args) => args.run(&cli.log, &mut terminal),
        Command::Disclose(args) => args.run(&cli.log, &mut terminal),
        Command::Check(args) => args.run(&mut terminal),
        Command::Witness(args) => args.run(&cli.log, &mut terminal),
        Command::Anchor(args) => args.run(&cli.log, &mut terminal),
        Command::Key(args) => args.run(&cli.log, &mut terminal),
        Command::Snapshot(args) => args.run(&cli.log, &mut terminal),
        Command::Erase(args) => args.run(&cli.log, &mut terminal),
        Command::Verify(args) => args.run(&cli.log, &mut terminal),
        Command::Export(args) => args.run(&cli.log, &mut terminal),
        Command::Backup(args) => args.run(&cli.log, &mut terminal),
        Command::Restore(args) => args.run(&cli.log, &mut terminal),
        Command::Doctor(args) => args.run(&cli.log, &mut terminal),
        Command::Vocab(args) => args.run(&mut terminal),
        Command::Schema(args) => args.run(&mut terminal),
    };
    let (reached, error) = match result {
        Ok(status) => (status, terminal.finish().err().map(|error| CliError::of_output(&error))),
        Err(error) => (Status::Done, Some(error)),
    };
    // Whoever read our output has read enough.
    let Some(error) = error.filter(|error| !error.is_broken_pipe()) else {
        return ExitCode::from(reached as u8);
    };
    terminal.error(&error);
    let status = if reached == Status::Done { error.status } else { reached };
    ExitCode::from(status as u8)
}

/// How the program ends; the number is its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It was done.
    Done = 0,
    /// The log does not verify, or a check failed.
    Failed = 1,
    /// It could not be carried out.
    Refused = 2,
}

type Outcome = Result<Status, CliError>;

/// The whole command line; that of `append` is completed from the table of kinds.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("append", event_args::with_kinds)
}
