//! `demarche verify`: every check, each with its own verdict, and what they do not establish.

use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::beside::read_file;
use super::check::policy_of_key;
use super::error::CliError;
use super::files::open_regular;
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::terminal::Terminal;
use super::witness::shown_time;
use super::words::counted;
use super::{Outcome, Status, hints};
use crate::event_log::finding::{Check, Verdict};
use crate::event_log::portable::{origin_of_export, verify_export};
use crate::event_log::report::{Against, Report};
use crate::event_log::verify::verify_store;
use crate::record::checkpoint::Checkpoint;
use crate::record::event_proof::FIRST_LINE;
use crate::record::header::Header;
use crate::record::note::NOTE_BYTES_MAX;
use crate::store::{Store, StoreError};

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// An export to verify in place of the log
    export: Option<PathBuf>,
    /// A checkpoint that somebody holds; the log must extend it. May be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Whom to trust, which must be met [default: policy, in the log's directory, as far as it is met]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Trust this key of the log, or one that it leads to, without witnesses, in place of a policy
    #[arg(long, value_name = "VKEY", conflicts_with = "policy")]
    vkey: Option<String>,
    /// Look at headers, tree and checkpoints alone, not at what was reported
    #[arg(long)]
    quick: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// How many findings are printed before the rest are only counted; `--json` has all of them.
const FINDINGS_SHOWN: usize = 50;

impl VerifyArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let mut against = Against { quick: self.quick, ..Against::default() };
        for path in &self.checkpoint {
            let bytes = read_file(path, NOTE_BYTES_MAX)?;
            if let Err(error) = Checkpoint::parse_note(&bytes) {
                let shown = path.display();
                return Err(CliError::refused(format!("{shown} is no checkpoint: {error}"))
                    .hint("a checkpoint is what demarche checkpoint prints"));
            }
            against.given.push((path.display().to_string(), bytes));
        }
        against.must_meet = self.policy.is_some() || self.vkey.is_some();
        // An export may be of any log, so what lies beside this one says nothing of it.
        if let Some(vkey) = &self.vkey {
            against.policy = Some(policy_of_key(vkey)?);
        } else if self.policy.is_some() || self.export.is_none() {
            against.policy = log.policy(self.policy.as_deref())?;
        }
        let Some(path) = &self.export else {
            let store = log.store("demarche verify")?;
            let origin = origin_of(&store)?;
            against.journal = match log.journal_as_named(origin.as_deref())? {
                None => log.journal_to_compare(origin.as_deref())?,
                named => named,
            };
            return report_on_store(&store, &against, terminal, self.json);
        };
        let cannot = |error: io::Error| {
            CliError::refused(format!("{} cannot be read: {error}", path.display()))
        };
        if path.is_dir() {
            let shown = path.display();
            return Err(CliError::refused(format!("{shown} is a directory, not an export"))
                .hint(format!("if it is a log: demarche verify --log {}", hints::quoted(path)))
                .hint("tiles are checked by any program for c2sp.org/tlog-tiles; see docs/verify-without-us.md"));
        }
        let mut file = open_regular(path)?;
        let mut begins = [0; 22];
        let read = file.read(&mut begins).map_err(cannot)?;
        if !begins.starts_with(b"{\"header\":") && begins.get(..read).is_some_and(is_another_file) {
            return Err(CliError::refused(format!("{} is no export", path.display()))
                .hint("a proof is checked by demarche check FILE, a checkpoint by demarche verify --checkpoint FILE"));
        }
        if log.journal_named().is_some() {
            let origin = origin_of_export(&mut file).map_err(cannot)?;
            against.journal = log.journal_as_named(origin.as_deref())?;
        }
        let progress = terminal.progress("verifying", None);
        let report =
            verify_export(&mut file, &against, &mut |done| progress.set(done)).map_err(cannot)?;
        drop(progress);
        let status = print(&report, terminal, self.json)?;
        advise(&report, true, terminal);
        Ok(status)
    }
}

/// Whether a file begins as a proof or a checkpoint does, which are for other commands.
fn is_another_file(begins: &[u8]) -> bool {
    [b"{\"answer\":".as_slice(), FIRST_LINE.as_bytes()]
        .iter()
        .any(|other| begins.starts_with(other))
        || !begins.starts_with(b"{") && begins.is_ascii() && !begins.is_empty()
}

/// The origin in event 0, if that can be read at all.
fn origin_of(store: &impl Store) -> Result<Option<String>, CliError> {
    let first = match store.read(0, 1) {
        Ok(events) => events.into_iter().next(),
        // What cannot be read is for the verification to say.
        Err(StoreError::Damaged { .. } | StoreError::Panicked { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(first.and_then(|event| Header::from_bytes(&event.header).ok()).map(|header| header.log))
}

/// The journal that a store is compared with, and the policy.
pub(crate) fn against_journal_of(store: &impl Store, args: &LogArgs) -> Result<Against, CliError> {
    let journal = args.journal_to_compare(origin_of(store)?.as_deref())?;
    let policy = args.policy(None)?;
    Ok(Against { journal, policy, ..Against::default() })
}

/// A log's own journal and policy.
pub(crate) fn against_journal(args: &LogArgs, origin: &str) -> Result<Against, CliError> {
    let (journal, policy) = (args.journal_to_compare(Some(origin))?, args.policy(None)?);
    Ok(Against { journal, policy, ..Against::default() })
}

/// Verifies a store and prints the report.
pub(crate) fn report_on_store(
    store: &impl Store,
    against: &Against,
    terminal: &mut Terminal,
    json: bool,
) -> Outcome {
    let progress = terminal.progress("verifying", Some(store.head()?.size));
    let report = verify_store(store, against, &mut |done| progress.set(done))?;
    drop(progress);
    let status = print(&report, terminal, json)?;
    advise(&report, false, terminal);
    Ok(status)
}

/// Says what to do about what was found, on standard error.
fn advise(report: &Report, of_export: bool, terminal: &mut Terminal) {
    for advice in hints::for_report(report, of_export) {
        terminal.hint(advice);
    }
}

/// Prints a report; the status says whether anything was found.
pub(crate) fn print(report: &Report, terminal: &mut Terminal, json: bool) -> Outcome {
    let status = if report.is_ok() { Status::Done } else { Status::Failed };
    if json {
        terminal.json(&ReportShape::from(report))?;
        return Ok(status);
    }
    for check in Check::ALL {
        let verdict = report.verdicts.get(check).copied().unwrap_or(Verdict::NotChecked);
        let about = match verdict {
            Verdict::Ok => about(*check, report),
            Verdict::Failed => match report.findings.iter().filter(|(of, _)| of == check).count() {
                1 => "1 finding, below".to_owned(),
                count => format!("{count} findings, below"),
            },
            Verdict::NotChecked => why_not(*check, report).to_owned(),
        };
        let line = format!("  {:<12} {:<12} {about}", name(verdict), check.as_str());
        match verdict {
            Verdict::Ok => terminal.verdict(true, line)?,
            Verdict::Failed => terminal.verdict(false, line)?,
            Verdict::NotChecked => terminal.faint(line)?,
        }
    }
    for (_, finding) in report.findings.iter().take(FINDINGS_SHOWN) {
        let id = finding.id.as_ref().map(|id| format!(" [{id}]")).unwrap_or_default();
        terminal.line(super::words::shown(&format!("  found: {finding}{id}")))?;
    }
    if let Some(more) = report.findings.len().checked_sub(FINDINGS_SHOWN).filter(|more| *more > 0) {
        terminal.line(format!("  and {more} more findings; --json lists all"))?;
    }
    terminal.line(format!(
        "  {} ({} bytes) and {} ({} bytes) were read; head {}",
        counted(report.events, "event"),
        report.event_bytes,
        counted(report.sources, "captured source"),
        report.source_bytes,
        report.chain
    ))?;
    let summary = match report.findings.len() {
        0 => "the log verifies: its bytes fit together".to_owned(),
        1 => "the log does not verify: 1 finding".to_owned(),
        count => format!("the log does not verify: {count} findings"),
    };
    terminal.verdict(report.is_ok(), format!("  {summary}"))?;
    terminal.faint("  not established:")?;
    for sentence in report.not_established() {
        terminal.faint(super::words::shown(&format!("  - {sentence}")))?;
    }
    Ok(status)
}

const fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Failed => "FAILED",
        Verdict::NotChecked => "not checked",
    }
}

/// What a check that found nothing shows.
fn about(check: Check, report: &Report) -> String {
    match check {
        Check::Bytes if report.quick => {
            format!("headers canonical and readable, {} events", report.events)
        }
        Check::Bytes => format!("canonical and readable, {} events", report.events),
        Check::Chain => "numbers, links, times, one origin".to_owned(),
        Check::Commitments => {
            let mut about = format!("{} payloads open, erased: {}", report.open, report.erased);
            if report.sealed_open + report.sealed_absent > 0 {
                about.push_str(&format!(
                    "; {} sealed parts open, {} withheld or erased",
                    report.sealed_open, report.sealed_absent
                ));
            }
            about
        }
        Check::Head => "the head is what the events lead to".to_owned(),
        Check::Tree => "the tree is what the headers lead to".to_owned(),
        Check::Ids => "no id names two events".to_owned(),
        Check::Sources => format!("captured bytes have their hash, {} sources", report.sources),
        Check::Quotes => {
            format!("verbatim in the captured sources, {} quotations", report.quotes)
        }
        Check::Keys => {
            let count = report.compared.keys.keys().len();
            format!("each is endorsed as it says, keys: {count}")
        }
        Check::Journal => {
            format!("whole, and of this log, checkpoints: {}", report.compared.in_journal)
        }
        Check::Checkpoints => format!(
            "the log extends each, {} kept here, {} given",
            report.compared.in_journal,
            report.compared.checkpoints - report.compared.in_journal
        ),
        Check::Signatures => "each checkpoint is signed by a key of the log".to_owned(),
        Check::Quorum => {
            format!("met by a checkpoint of {} events", report.compared.quorum.unwrap_or_default())
        }
        Check::Anchors => match report.compared.anchored {
            Some((size, time)) => {
                let count = report.compared.anchors;
                format!(
                    "{count} time stamps are of checkpoints of this log, the last of {size} events at {time}"
                )
            }
            None => "every time stamp is of a checkpoint of this log".to_owned(),
        },
        Check::Snapshots => format!(
            "that of {} events is what a fresh replay gives",
            report.snapshot.unwrap_or_default()
        ),
    }
}

/// Why a check was not made.
fn why_not(check: Check, report: &Report) -> &'static str {
    match check {
        _ if report.quick
            && matches!(
                check,
                Check::Commitments | Check::Ids | Check::Sources | Check::Quotes | Check::Snapshots
            ) =>
        {
            "left out by --quick"
        }
        Check::Sources => "no captured source was looked at",
        Check::Quotes if report.quotes_open > 0 => "no text is left to compare the quotations with",
        Check::Quotes => "no quotation was looked at",
        Check::Tree | Check::Head | Check::Journal => "there is none to compare with",
        Check::Keys => "the log names no key",
        Check::Checkpoints | Check::Signatures => "none is kept or given",
        Check::Quorum if report.compared.policy_asks => {
            "no checkpoint has the cosignatures yet that the policy asks for"
        }
        Check::Quorum => "no policy asks for witnesses",
        Check::Anchors => "there is no time stamp",
        Check::Snapshots if report.other_reducer.is_some() => "it was made by other rules",
        Check::Snapshots => "none is kept",
        _ => "left out",
    }
}

/// What `verify` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReportShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    ok: bool,
    origin: Option<String>,
    events: u64,
    open: u64,
    absent: u64,
    /// How many of the absent an erasure accounts for.
    erased: u64,
    sealed_open: u64,
    /// Sealed parts that were erased, or are withheld from this copy.
    sealed_absent: u64,
    event_bytes: u64,
    sources: u64,
    source_bytes: u64,
    quotes: u64,
    chain: String,
    root: Option<String>,
    /// How many checkpoints the journal holds, and how many were given.
    checkpoints: CountsShape,
    /// How many events outside parties hold the log to: by checkpoints that were given, or that witnesses cosigned.
    outside_size: u64,
    /// Who cosigned the largest checkpoint that a witness cosigned.
    witnessed: Vec<WitnessedShape>,
    checks: Vec<CheckShape>,
    findings: Vec<FindingShape>,
    not_established: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct CountsShape {
    kept: u64,
    given: u64,
}

#[derive(Serialize, JsonSchema)]
struct WitnessedShape {
    witness: String,
    /// How many events the checkpoint has.
    size: u64,
    /// RFC 3339.
    at: String,
}

#[derive(Serialize, JsonSchema)]
struct CheckShape {
    check: &'static str,
    verdict: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct FindingShape {
    check: &'static str,
    seq: Option<u64>,
    id: Option<String>,
    line: Option<u64>,
    what: String,
}

impl From<&Report> for ReportShape {
    fn from(report: &Report) -> Self {
        let verdicts = report.verdicts.iter();
        let findings = report.findings.iter();
        Self {
            v: VERSION,
            ok: report.is_ok(),
            origin: report.origin.clone(),
            events: report.events,
            open: report.open,
            absent: report.absent,
            erased: report.erased,
            sealed_open: report.sealed_open,
            sealed_absent: report.sealed_absent,
            event_bytes: report.event_bytes,
            sources: report.sources,
            source_bytes: report.source_bytes,
            quotes: report.quotes,
            chain: report.chain.to_string(),
            root: report.root.map(|root| root.base64()),
            checkpoints: CountsShape {
                kept: report.compared.in_journal,
                given: report.compared.checkpoints - report.compared.in_journal,
            },
            outside_size: report.compared.outside_size(),
            witnessed: report.compared.witnessed.iter().flat_map(witnessed).collect(),
            checks: verdicts
                .map(|(check, verdict)| CheckShape {
                    check: check.as_str(),
                    verdict: verdict.as_str(),
                })
                .collect(),
            findings: findings
                .map(|(check, finding)| FindingShape {
                    check: check.as_str(),
                    seq: finding.seq,
                    id: finding.id.clone(),
                    line: finding.line,
                    what: finding.what.to_string(),
                })
                .collect(),
            not_established: report.not_established(),
        }
    }
}

fn witnessed((size, witnesses): &(u64, Vec<(String, u64)>)) -> Vec<WitnessedShape> {
    let shape = |(witness, time): &(String, u64)| WitnessedShape {
        witness: witness.clone(),
        size: *size,
        at: shown_time(*time),
    };
    witnesses.iter().map(shape).collect()
}
