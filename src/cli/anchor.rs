//! `demarche anchor`: have a checkpoint stamped with the time by an RFC 3161 authority, over the network or by hand.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use super::beside::read_file;
use super::checkpoint::none_yet;
use super::error::CliError;
use super::hints::quoted;
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::surroundings::{Machine, random, warn_of_clock};
use super::terminal::Terminal;
use super::{Outcome, Status, files, http};
use crate::event_log::{EventLog, Recorded};
use crate::record::journal::{Entry, Journal};
use crate::record::system::{Anchor, SystemEvent};
use crate::record::timestamp::{self, RESPONSE_BYTES_MAX, Stamp};
use crate::store::sled::SledStore;

#[derive(Debug, Args)]
pub(crate) struct AnchorArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a request to stamp the newest checkpoint, to be sent by other means
    Request {
        /// The file to write, as DER
        #[arg(long, value_name = "FILE.tsq")]
        out: PathBuf,
    },
    /// Take in the response of an authority, and record it
    Add {
        /// The response, as DER
        #[arg(value_name = "FILE.tsr")]
        response: PathBuf,
        /// Print what was recorded as JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask an authority over the network, and record its response
    Ask {
        /// The authority's address
        url: String,
        /// Print what was recorded as JSON
        #[arg(long)]
        json: bool,
    },
}

/// What `anchor` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AnchorShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// The event that records it.
    seq: u64,
    link: String,
    /// How many events the checkpoint has that was stamped.
    size: u64,
    /// The time that the authority gives, RFC 3339.
    time: String,
}

impl AnchorArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        if !matches!(self.command, Command::Request { .. }) {
            args.refuse_backup()?;
        }
        let mut log = args.open_checked("demarche anchor", terminal)?;
        let journal = args.journal(&log)?;
        match &self.command {
            Command::Request { out } => {
                let note = newest(args, &journal)?.note.to_string();
                let request = timestamp::request(&note, u64::from_be_bytes(random()));
                files::write_new(out, &request)?;
                let (quoted, out) = (quoted(out), out.display());
                terminal.line(format!(
                    "wrote {out}: a request to stamp the checkpoint of {} events",
                    newest(args, &journal)?.checkpoint.size
                ))?;
                terminal.faint(format!(
                    "send it: curl -H 'Content-Type: application/timestamp-query' --data-binary @{quoted} URL -o FILE.tsr"
                ))?;
                terminal.faint("then: demarche anchor add FILE.tsr")?;
                Ok(Status::Done)
            }
            Command::Add { response, json } => {
                let bytes = read_file(response, RESPONSE_BYTES_MAX)?;
                let stamp = read(&bytes)?;
                record(&mut log, &journal, bytes, &stamp, *json, terminal)
            }
            Command::Ask { url, json } => {
                let note = newest(args, &journal)?.note.to_string();
                let nonce = u64::from_be_bytes(random());
                let request = timestamp::request(&note, nonce);
                let answer = http::post(url, "application/timestamp-query", &request)?;
                if answer.status != 200 {
                    return Err(CliError::refused(format!("{url} answers {}", answer.status)));
                }
                let stamp = read(&answer.body)?;
                if stamp.nonce != Some(nonce) {
                    return Err(CliError::failed(
                        "the response is not to this request: its nonce differs",
                    )
                    .hint("ask again; if it persists, ask another authority"));
                }
                record(&mut log, &journal, answer.body, &stamp, *json, terminal)
            }
        }
    }
}

fn newest<'j>(args: &LogArgs, journal: &'j Journal) -> Result<&'j Entry, CliError> {
    journal.last().ok_or_else(|| none_yet(args, "is there to be stamped"))
}

fn read(bytes: &[u8]) -> Result<Stamp, CliError> {
    Stamp::parse(bytes).map_err(|error| {
        CliError::failed(format!("the response is of no use: {error}"))
            .hint("see what it says: openssl ts -reply -in FILE.tsr -text")
    })
}

/// Records a stamp, if it is of a checkpoint of this log.
fn record(
    log: &mut EventLog<SledStore>,
    journal: &Journal,
    response: Vec<u8>,
    stamp: &Stamp,
    json: bool,
    terminal: &mut Terminal,
) -> Outcome {
    let mut entries = journal.entries.iter().rev();
    let stamped = entries.find(|entry| timestamp::hash(&entry.note.to_string()) == stamp.hash);
    let Some(stamped) = stamped else {
        return Err(CliError::failed("the response stamps no checkpoint in this log's journal")
            .hint(
                "a request is of the newest checkpoint, byte for byte: demarche anchor request",
            ));
    };
    if !log.extends(&stamped.checkpoint)? {
        return Err(CliError::failed("the log does not extend the checkpoint that was stamped")
            .hint("see what was found: demarche verify"));
    }
    let checkpoint = stamped.note.to_string();
    let (size, time) = (stamped.checkpoint.size, stamp.time);
    let anchor = SystemEvent::Anchor(Anchor { checkpoint, response, time });
    let recorded = log.append_system(&anchor, &mut Machine)?;
    warn_of_clock(recorded.clock_went_back, terminal);
    let Recorded { seq, link, .. } = recorded;
    let (link, time) = (link.to_string(), time.to_string());
    if json {
        terminal.json(&AnchorShape { v: VERSION, seq, link, size, time })?;
        return Ok(Status::Done);
    }
    terminal.line(format!(
        "event {seq} records that the checkpoint of {size} events was stamped at {time}"
    ))?;
    terminal.faint(
        "the authority's signature is for openssl ts -verify: see docs/verify-without-us.md",
    )?;
    Ok(Status::Done)
}
