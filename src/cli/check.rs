//! `demarche check`: a proof of an answer, checked without the log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::Asked;
use super::error::CliError;
use super::shapes::{AnswerShape, HeadShape, VERSION};
use super::terminal::Terminal;
use super::{Outcome, Status, measures, positions};
use crate::event_log::answer_proof::{self, Checked};
use crate::model::value::Value;
use crate::record::json;
use crate::replay::{View, dangling};

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The proof
    proof: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What `check` prints of a proof that holds.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CheckShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    ok: bool,
    origin: String,
    to: String,
    recorded_by: Option<String>,
    reported_by: Option<String>,
    tz: String,
    head: HeadShape,
    open: u64,
    /// How many events of each kind are withheld.
    withheld: BTreeMap<String, u64>,
    /// Whether no event is withheld that could bear on the answer, by its kind.
    complete: bool,
    not_established: Vec<String>,
}

/// The kinds of event that bear on an answer only where another event names them; all others can bear on any.
const NO_BEARING: &[&str] = &["incident", "note", "contact", "topic", "actor", "source"];

impl CheckArgs {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Outcome {
        let file = File::open(&self.proof).map_err(|error| {
            CliError::refused(format!("{} cannot be read: {error}", self.proof.display()))
        })?;
        let checked = check_answer(&mut BufReader::new(file))?;
        let asked = Asked::from_object(&checked.question)?;
        if self.json {
            terminal.json(&shape(&checked, &asked))?;
            return Ok(Status::Done);
        }
        let view = View::of(&checked.history, asked.clocks);
        terminal.heading(asked.in_words())?;
        terminal.faint(format!("{} · {} events", checked.origin, checked.head.size))?;
        terminal.line("")?;
        terminal.heading("Measures")?;
        measures::print(&view, terminal)?;
        terminal.line("")?;
        terminal.heading("Positions")?;
        positions::print(&view, terminal)?;
        terminal.line("")?;
        terminal.verdict(true, "the proof holds: this answer follows from the events in it")?;
        terminal.line(format!(
            "  {} of {} events are open; head {}",
            checked.open, checked.head.size, checked.head.chain
        ))?;
        terminal.line(format!("  root {}", checked.head.root))?;
        for (kind, count) in &by_kind(&checked) {
            terminal.faint(format!("  withheld: {count} of kind {kind}"))?;
        }
        terminal.faint("  not established:")?;
        for sentence in not_established(&checked, &asked) {
            terminal.faint(format!("  - {sentence}"))?;
        }
        Ok(Status::Done)
    }
}

/// Checks the bytes of a proof, then replays its open events and compares the answer with the one it claims.
pub(crate) fn check_answer(proof: &mut dyn BufRead) -> Result<Checked, CliError> {
    let checked = answer_proof::check(proof).map_err(|error| {
        CliError::failed(format!("the proof does not hold: {error}"))
            .hint("ask its author for the file again: any change of it, however small, is found")
    })?;
    let asked = Asked::from_object(&checked.question)?;
    let found = to_value(&AnswerShape::of(&View::of(&checked.history, asked.clocks)))?;
    if found != checked.answer {
        let error = CliError::failed("the proof does not hold: its events give another answer");
        return Err(error.detail(difference(&checked.answer, &found)));
    }
    Ok(checked)
}

/// A shape as a value that can be compared.
pub(crate) fn to_value(shape: &impl Serialize) -> Result<Value<'static>, CliError> {
    let bytes = serde_json::to_vec(shape)?;
    match json::parse(&bytes) {
        Ok(value) => Ok(value.into_owned()),
        Err(error) => Err(CliError::refused(format!("the answer cannot be written: {error}"))),
    }
}

/// The first part of an answer in which two differ.
fn difference(claimed: &Value<'_>, found: &Value<'_>) -> String {
    let (mut path, mut claimed, mut found) = (String::new(), Some(claimed), Some(found));
    loop {
        let inner = match (claimed, found) {
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                let mut keys = b.iter().chain(a.iter()).map(|(key, _)| key);
                let differs = |key: &&str| a.get(key) != b.get(key);
                keys.find(differs).map(|key| (format!(".{key}"), a.get(key), b.get(key)))
            }
            (Some(Value::List(a)), Some(Value::List(b))) => (0..a.len().max(b.len()))
                .find(|at| a.get(*at) != b.get(*at))
                .map(|at| (format!("[{at}]"), a.get(at), b.get(at))),
            _ => None,
        };
        let Some((step, a, b)) = inner else { break };
        path.push_str(&step);
        (claimed, found) = (a, b);
    }
    let text = |value: Option<&Value<'_>>| match value {
        Some(value) => String::from_utf8_lossy(&json::canonical(value)).into_owned(),
        None => "nothing".to_owned(),
    };
    let path = path.trim_start_matches('.');
    format!("{path}: claimed {}, found {}", text(claimed), text(found))
}

/// Whether no event is withheld that could bear on the answer: by its kind, by its time, or because an open one names it.
fn is_complete(checked: &Checked, asked: &Asked) -> bool {
    let too_late = |recorded_at| asked.clocks.recorded_by.is_some_and(|by| recorded_at > by);
    checked
        .withheld
        .iter()
        .all(|one| NO_BEARING.contains(&one.kind.as_str()) || too_late(one.recorded_at))
        && dangling(&checked.history).is_empty()
}

fn by_kind(checked: &Checked) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for withheld in &checked.withheld {
        *kinds.entry(withheld.kind.clone()).or_default() += 1;
    }
    kinds
}

fn not_established(checked: &Checked, asked: &Asked) -> Vec<String> {
    let mut all = vec![
        "that the head is the one that others were shown: compare its size and root with a \
            checkpoint that you trust"
            .to_owned(),
        "that what the sources say is true, or that the quotations stand in them: their bytes are \
            not in the proof"
            .to_owned(),
    ];
    if !is_complete(checked, asked) {
        all.push(
            "that nothing else bears on the answer: events are withheld that could, by their kind"
                .to_owned(),
        );
    }
    all
}

fn shape(checked: &Checked, asked: &Asked) -> CheckShape {
    CheckShape {
        v: VERSION,
        ok: true,
        origin: checked.origin.clone(),
        to: asked.to.clone(),
        recorded_by: asked.recorded_by.clone(),
        reported_by: asked.reported_by.clone(),
        tz: asked.tz.clone(),
        head: HeadShape {
            size: checked.head.size,
            chain: checked.head.chain.to_string(),
            root: checked.head.root.base64(),
        },
        open: checked.open,
        withheld: by_kind(checked),
        complete: is_complete(checked, asked),
        not_established: not_established(checked, asked),
    }
}
