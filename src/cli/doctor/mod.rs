//! `demarche doctor`: what is wrong around a log, and what to do about it.
//!
//! It changes nothing. A store cannot be opened without sled writing to it, so what is opened is a copy of its files, in
//! the system's directory for temporary files, which is taken away again; the lock is held meanwhile, and nothing is
//! written into it. Where the store cannot be opened at all, everything else is looked at all the same.
//!
//! It looks at ends, files and clocks. That every event is the one that was recorded, only `verify` shows.

mod files;
mod keys;
mod store;
mod store_copy;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::CliError;
use super::log_args::LogArgs;
use super::shapes::{VERSION, terms};
use super::surroundings::now;
use super::terminal::Terminal;
use super::words::shown;
use super::{Outcome, Status};
use crate::replay::REDUCER_VERSION;
use crate::store::sled::LAYOUT;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// What was made of one thing that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is to be done.
    Ok,
    /// It works, and something had better be done.
    Attention,
    /// It is wrong.
    Wrong,
    /// It could not be looked at.
    NotChecked,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Ok, Self::Attention, Self::Wrong, Self::NotChecked];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Attention => "attention",
            Self::Wrong => "wrong",
            Self::NotChecked => "not_checked",
        }
    }
}

/// What `doctor` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DoctorShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// Whether nothing is wrong.
    ok: bool,
    /// The log's directory.
    log: String,
    checks: Vec<CheckedShape>,
}

/// One thing that was looked at.
#[derive(Serialize, JsonSchema)]
struct CheckedShape {
    check: &'static str,
    #[schemars(extend("enum" = terms(&Verdict::ALL, Verdict::as_str)))]
    verdict: &'static str,
    about: String,
    /// What to do.
    next: Vec<String>,
}

/// One thing that was looked at.
struct Finding {
    check: &'static str,
    verdict: Verdict,
    about: String,
    next: Vec<String>,
}

/// What was found, in the order in which it was looked at.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, about: impl Into<String>) {
        self.add(check, Verdict::Ok, about, &[]);
    }

    pub(super) fn attention(
        &mut self,
        check: &'static str,
        about: impl Into<String>,
        next: &[&str],
    ) {
        self.add(check, Verdict::Attention, about, next);
    }

    pub(super) fn wrong(&mut self, check: &'static str, about: impl Into<String>, next: &[&str]) {
        self.add(check, Verdict::Wrong, about, next);
    }

    pub(super) fn not_checked(&mut self, check: &'static str, why: impl Into<String>) {
        self.add(check, Verdict::NotChecked, why, &[]);
    }

    /// What another command would refuse, with its advice.
    pub(super) fn refused(&mut self, check: &'static str, error: &CliError) {
        let next: Vec<&str> = error.hints.iter().map(String::as_str).collect();
        self.wrong(check, error.message.clone(), &next);
    }

    fn add(
        &mut self,
        check: &'static str,
        verdict: Verdict,
        about: impl Into<String>,
        next: &[&str],
    ) {
        let next = next.iter().map(|next| (*next).to_owned()).collect();
        self.0.push(Finding { check, verdict, about: about.into(), next });
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|finding| finding.verdict == verdict).count()
    }
}

impl DoctorArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let mut found = Findings::default();
        found.ok(
            "version",
            format!(
                "demarche {}, store layout {LAYOUT}, rules {REDUCER_VERSION}",
                env!("CARGO_PKG_VERSION")
            ),
        );
        let place = files::directory(args, &mut found);
        if place == files::Place::Log {
            files::modes(args, &mut found);
            let copy = files::copied(args, &mut found);
            let copy = copy.as_ref().map(store_copy::StoreCopy::path);
            let log = store::look(args.directory(), copy, &mut found);
            let mut of_journal = Findings::default();
            let journal = keys::journal(args, log.as_ref(), &mut of_journal);
            let agrees = of_journal.count(Verdict::Wrong) == 0;
            keys::key(args, log.as_ref(), agrees, &mut found);
            found.0.extend(of_journal.0);
            keys::checkpoints(args, log.as_ref(), journal.as_ref(), now(), &mut found);
            keys::policy(args, log.as_ref().filter(|_| agrees), &mut found);
            store::clock(log.as_ref(), journal.as_ref(), now(), &mut found);
        }
        let wrong = found.count(Verdict::Wrong);
        if self.json {
            terminal.json(&DoctorShape {
                v: VERSION,
                ok: wrong == 0,
                log: args.shown(),
                checks: found.0.into_iter().map(CheckedShape::from).collect(),
            })?;
        } else {
            print(&found, terminal)?;
        }
        Ok(match (wrong, place) {
            (0, _) => Status::Done,
            // There is nothing to check.
            (_, files::Place::NoLog) => Status::Refused,
            _ => Status::Failed,
        })
    }
}

fn print(found: &Findings, terminal: &mut Terminal) -> Result<(), CliError> {
    for finding in &found.0 {
        let name = match finding.verdict {
            Verdict::Wrong => "WRONG",
            Verdict::NotChecked => "not checked",
            other => other.as_str(),
        };
        let line = shown(&format!("  {name:<12} {:<12} {}", finding.check, finding.about));
        match finding.verdict {
            Verdict::Ok => terminal.verdict(true, line)?,
            Verdict::Wrong => terminal.verdict(false, line)?,
            Verdict::Attention => terminal.line(line)?,
            Verdict::NotChecked => terminal.faint(line)?,
        }
        for next in &finding.next {
            terminal.line(shown(&format!("    next: {next}")))?;
        }
    }
    let summary = match (found.count(Verdict::Wrong), found.count(Verdict::Attention)) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, some) => format!("nothing is wrong; attention: {some}"),
        (wrong, some) => format!("wrong: {wrong}; attention: {some}"),
    };
    terminal.verdict(found.count(Verdict::Wrong) == 0, format!("  {summary}"))?;
    terminal.faint(
        "  that every event is the one that was recorded, this does not show: demarche verify",
    )?;
    Ok(())
}

impl From<Finding> for CheckedShape {
    fn from(finding: Finding) -> Self {
        let Finding { check, verdict, about, next } = finding;
        Self { check, verdict: verdict.as_str(), about, next }
    }
}
