//! The proof of an event, checked and shown: what was reported, who stands by it, and what remains open.

use std::io::Read;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::beside::read_so_far;
use super::check::{SignaturesShape, print_headline, print_open, print_signatures, trusted};
use super::error::CliError;
use super::shapes::VERSION;
use super::show::{BracketShape, SeenShape, plain};
use super::terminal::Terminal;
use super::words::shown;
use super::{Outcome, Status};
use crate::event_log::bracket::Seen;
use crate::event_log::prove::{self, CheckedEvent};
use crate::model::value::Value;
use crate::record::json;
use crate::record::policy::Policy;

/// The longest proof of an event, in bytes: an event and two checkpoints with their paths, in base64.
const EVENT_PROOF_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What `check` prints of the proof of an event that holds.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CheckEventShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    ok: bool,
    origin: String,
    seq: u64,
    kind: String,
    recorded_at: String,
    /// What was recorded; `null` if it was erased.
    payload: Option<Box<serde_json::value::RawValue>>,
    /// The sealed part; `null` if there is none, or it is not disclosed.
    sealed: Option<Box<serde_json::value::RawValue>>,
    /// The checkpoint that holds the event.
    checkpoint: OfCheckpointShape,
    /// Who signed it; `null` if there is no policy to judge by.
    signatures: Option<SignaturesShape>,
    /// When the event came into the log, by the word of witnesses of the policy.
    bracket: Option<BracketShape>,
    not_established: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct OfCheckpointShape {
    size: u64,
    /// The RFC 6962 root over all headers, base64.
    root: String,
}

/// Checks the proof of an event, and prints what it shows; `path` is its name.
pub(crate) fn check_event(
    file: &mut impl Read,
    path: &Path,
    policy: Option<&Policy>,
    json: bool,
    terminal: &mut Terminal,
) -> Outcome {
    let bytes = read_so_far(file, path, EVENT_PROOF_BYTES_MAX)?;
    let fails = |why: String| {
        CliError::failed(format!("the proof does not hold: {why}"))
            .hint("ask its author for the file again: any change of it, however small, is found")
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| fails(error.to_string()))?;
    let checked = prove::check(text, policy).map_err(|error| fails(error.to_string()))?;
    if let (Some(policy), Some(judgement)) = (policy, &checked.judgement) {
        trusted(policy, &checked.note, judgement)?;
    }
    let bracket = bracket(&checked);
    let open = open_of_event(&checked);
    if json {
        terminal.json(&event_shape(&checked, bracket, open))?;
        return Ok(Status::Done);
    }
    let CheckedEvent { header, checkpoint, .. } = &checked;
    let heading = format!("{} (event {} of {})", header.kind, header.seq, header.log);
    terminal.heading(shown(&heading))?;
    for (part, bytes) in [("", checked.payload.as_ref()), ("sealed: ", sealed(&checked))] {
        let Some(bytes) = bytes else { continue };
        let Ok(Value::Object(fields)) = json::parse(bytes) else { continue };
        for (name, value) in fields.iter().filter(|(name, _)| *name != "kind") {
            let line = if part.is_empty() && checked.is_unreadable {
                // Names that no kind has could pass for lines of the program's own.
                quoted(name, value)
            } else {
                format!("{:<14} {}", name.replace('_', " "), plain(value))
            };
            terminal.line(shown(&format!("  {part}{line}")))?;
        }
    }
    match (&checked.payload, &checked.sealed) {
        (None, _) => {
            terminal.line("  its content is not in the proof: it was erased, or is withheld")?;
        }
        (Some(_), Some(None)) => {
            terminal.faint("  it has a sealed part, which is not disclosed")?;
        }
        _ => {}
    }
    terminal.line("")?;
    let headline = "the proof holds: this event is in the log that the checkpoint is of";
    print_headline(checked.judgement.is_some(), headline, terminal)?;
    terminal
        .line(format!("  checkpoint of {} events, root {}", checkpoint.size, checkpoint.root))?;
    print_signatures(checked.judgement.as_ref(), terminal)?;
    terminal.line(format!("  recorded at {}, by the log's own clock", header.recorded_at))?;
    if let Some(bracket) = bracket {
        terminal.line(format!("  {}", shown(&bracket.in_words())))?;
    }
    print_open(&open, terminal)?;
    Ok(Status::Done)
}

/// A field as JSON has it.
fn quoted(name: &str, value: &Value<'_>) -> String {
    let field = [(name.into(), value.clone())].into_iter().collect();
    String::from_utf8_lossy(&json::canonical(&Value::Object(field))).into_owned()
}

fn sealed(checked: &CheckedEvent) -> Option<&Vec<u8>> {
    checked.sealed.as_ref().and_then(Option::as_ref)
}

/// When the event came into the log, by the cosignatures in the proof.
fn bracket(checked: &CheckedEvent) -> Option<BracketShape> {
    let by = checked.judgement.as_ref();
    let by = by.and_then(|by| Seen::by(by, checked.checkpoint.size, 0));
    let after = checked
        .before
        .as_ref()
        .and_then(|(earlier, judgement)| Seen::after(judgement.as_ref()?, earlier.size, 0));
    if after.is_none() && by.is_none() {
        return None;
    }
    Some(BracketShape { after: after.map(SeenShape::from), by: by.map(SeenShape::from) })
}

fn open_of_event(checked: &CheckedEvent) -> Vec<String> {
    let mut all = vec![
        "that what was reported is true, or that its quotations stand in their sources: those are not in the proof"
            .to_owned(),
        "that nothing recorded later corrects or retracts it".to_owned(),
    ];
    if checked.is_unreadable {
        let kind = &checked.header.kind;
        all.push(format!("what it says: this version cannot read it as an event of kind {kind:?}"));
    }
    match &checked.judgement {
        None => all
            .insert(0, "who signed the checkpoint, and so whether anybody stands by it".to_owned()),
        Some(judgement) if judgement.witnesses.is_empty() => all.push(
            "that others were shown the same log: no witness cosigned the checkpoint".to_owned(),
        ),
        Some(_) => {}
    }
    all
}

fn event_shape(
    checked: &CheckedEvent,
    bracket: Option<BracketShape>,
    not_established: Vec<String>,
) -> CheckEventShape {
    let raw = |bytes: &Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).ok()?;
        serde_json::value::RawValue::from_string(text).ok()
    };
    let CheckedEvent { header, checkpoint, .. } = checked;
    CheckEventShape {
        v: VERSION,
        ok: true,
        origin: header.log.clone(),
        seq: header.seq,
        kind: header.kind.clone(),
        recorded_at: header.recorded_at.to_string(),
        payload: checked.payload.as_ref().and_then(raw),
        sealed: sealed(checked).and_then(raw),
        checkpoint: OfCheckpointShape { size: checkpoint.size, root: checkpoint.root.base64() },
        signatures: checked.judgement.as_ref().map(SignaturesShape::from),
        bracket,
        not_established,
    }
}
