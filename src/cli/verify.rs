//! `demarche verify`: every check, each with its own verdict, and what they do not establish.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::CliError;
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::portable::verify_export;
use crate::event_log::verify::{Check, Report, Verdict, verify_store};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// An export to verify in place of the log
    export: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// How many findings are printed before the rest are only counted; `--json` has all of them.
const FINDINGS_SHOWN: usize = 50;

impl VerifyArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let Some(path) = &self.export else {
            let store = log.store("demarche verify")?;
            return report_on_store(&store, terminal, self.json);
        };
        let cannot = |error: io::Error| {
            CliError::refused(format!("{} cannot be read: {error}", path.display()))
        };
        let mut file = File::open(path).map_err(cannot)?;
        let progress = terminal.progress("verifying", None);
        let report = verify_export(&mut file, &mut |done| progress.set(done)).map_err(cannot)?;
        drop(progress);
        print(&report, terminal, self.json)
    }
}

/// Verifies a store and prints the report.
pub(crate) fn report_on_store(store: &impl Store, terminal: &mut Terminal, json: bool) -> Outcome {
    let progress = terminal.progress("verifying", Some(store.head()?.size));
    let report = verify_store(store, &mut |done| progress.set(done))?;
    drop(progress);
    print(&report, terminal, json)
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
        let line =
            format!("  {:<12} {:<12} {}", name(verdict), check.as_str(), about(*check, report));
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
        "  {} events ({} bytes) and {} captured sources ({} bytes) were read; head {}",
        report.events, report.event_bytes, report.sources, report.source_bytes, report.chain
    ))?;
    let summary = match report.findings.len() {
        0 => "the log verifies: its bytes fit together".to_owned(),
        1 => "the log does not verify: 1 finding".to_owned(),
        count => format!("the log does not verify: {count} findings"),
    };
    terminal.verdict(report.is_ok(), format!("  {summary}"))?;
    terminal.faint("  not established:")?;
    for sentence in report.not_established() {
        terminal.faint(format!("  - {sentence}"))?;
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

fn about(check: Check, report: &Report) -> String {
    match check {
        Check::Bytes => format!("canonical and readable, {} events", report.events),
        Check::Chain => "numbers, links, times, one origin".to_owned(),
        Check::Commitments => {
            format!("{} payloads open, {} erased or withheld", report.open, report.absent)
        }
        Check::Head => "the head is what the events lead to".to_owned(),
        Check::Ids => "no id names two events".to_owned(),
        Check::Sources => format!("captured bytes have their hash, {} sources", report.sources),
        Check::Quotes => {
            format!("verbatim in the captured sources, {} quotations", report.quotes)
        }
        _ => "none is kept or given yet".to_owned(),
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
    event_bytes: u64,
    sources: u64,
    source_bytes: u64,
    quotes: u64,
    chain: String,
    root: Option<String>,
    checks: Vec<CheckShape>,
    findings: Vec<FindingShape>,
    not_established: Vec<&'static str>,
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
            event_bytes: report.event_bytes,
            sources: report.sources,
            source_bytes: report.source_bytes,
            quotes: report.quotes,
            chain: report.chain.to_string(),
            root: report.root.map(|root| root.base64()),
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
