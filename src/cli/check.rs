//! `demarche check`: a proof of an event or of an answer, checked without the log.
//!
//! The hashes are always checked. Who signed is checked as far as a policy, or a key, says whom to trust; without one that
//! is said in words, not passed over.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::beside::read_policy;
use super::check_event::check_event;
use super::clock_args::Asked;
use super::error::CliError;
use super::files::{cannot_read, open_named};
use super::shapes::{AnswerShape, VERSION};
use super::terminal::Terminal;
use super::witness::shown_time;
use super::words::shown;
use super::{Outcome, Status, measures, positions};
use crate::event_log::answer_proof::{self, Checked};
use crate::model::schema::Kind;
use crate::model::value::Value;
use crate::record::event_proof::FIRST_LINE;
use crate::record::json;
use crate::record::note::{Algorithm, Note, VerifierKey};
use crate::record::policy::{Judgement, Policy};
use crate::replay::{Content, View, dangling};

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The proof
    proof: PathBuf,
    /// Whom to trust: a file of c2sp.org/tlog-policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Trust this key of a log, without witnesses, in place of a policy
    #[arg(long, value_name = "VKEY", conflicts_with = "policy")]
    vkey: Option<String>,
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
    head: ProvedHeadShape,
    open: u64,
    /// How many events of each kind are withheld, as far as the proof has their headers.
    withheld: BTreeMap<String, u64>,
    /// Whether no event is withheld that could bear on the answer, by its kind or because another names it, and every
    /// open one can be read.
    complete: bool,
    /// Who signed the checkpoint; `null` if there is none, or no policy to judge by.
    signatures: Option<SignaturesShape>,
    not_established: Vec<String>,
    /// The answer that was proved.
    #[serde(flatten)]
    answer: AnswerShape,
}

/// The head that a proof leads to.
#[derive(Serialize, JsonSchema)]
struct ProvedHeadShape {
    size: u64,
    /// The link of the last event; `null` if the proof has not every header.
    chain: Option<String>,
    /// The RFC 6962 root over all headers, base64.
    root: String,
}

/// What a policy makes of a checkpoint.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SignaturesShape {
    /// Whether the policy is met.
    trusted: bool,
    /// The keys of the log that signed.
    logs: Vec<String>,
    /// The witnesses that cosigned.
    witnesses: Vec<CosignedShape>,
}

#[derive(Serialize, JsonSchema)]
struct CosignedShape {
    witness: String,
    /// RFC 3339.
    at: String,
}

impl From<&Judgement> for SignaturesShape {
    fn from(judgement: &Judgement) -> Self {
        let cosigned = |(witness, time): &(String, u64)| CosignedShape {
            witness: witness.clone(),
            at: shown_time(*time),
        };
        Self {
            trusted: judgement.is_trusted(),
            logs: judgement.logs.iter().map(|key| key.to_string()).collect(),
            witnesses: judgement.witnesses.iter().map(cosigned).collect(),
        }
    }
}

/// Whether an event of this kind can bear on an answer though no other names it. What the program records itself bears on
/// none: what an erasure took away is withheld, and counted as that.
fn bears_unnamed(kind: &str) -> bool {
    match Kind::parse(kind) {
        Some(
            Kind::Incident | Kind::Note | Kind::Contact | Kind::Topic | Kind::Actor | Kind::Source,
        ) => false,
        Some(kind) => !kind.is_system(),
        None => true,
    }
}

/// How many open events this version cannot read.
fn unreadable(checked: &Checked) -> usize {
    let entries = checked.history.entries().iter();
    entries.filter(|entry| entry.content == Content::Unreadable).count()
}

impl CheckArgs {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Outcome {
        let cannot = |error: io::Error| cannot_read(&self.proof, &error);
        let file = open_named(&self.proof).map_err(cannot)?;
        let policy = self.policy()?;
        let mut file = BufReader::new(file);
        if file.fill_buf().map_err(cannot)?.starts_with(FIRST_LINE.as_bytes()) {
            return check_event(&mut file, &self.proof, policy.as_ref(), self.json, terminal);
        }
        if let Some(other) = other_file(file.fill_buf().map_err(cannot)?) {
            return Err(other);
        }
        let (checked, follows) = check_answer(&mut file)?;
        let asked = asked(&checked)?;
        let judgement = judge(policy.as_ref(), checked.note.as_ref())?;
        let headline = "the proof holds: this answer follows from the events in it";
        if self.json {
            terminal.json(&shape(&checked, follows, &asked, judgement.as_ref()))?;
            return Ok(Status::Done);
        }
        let view = View::of(&checked.history, asked.clocks);
        terminal.heading(shown(&asked.in_words()))?;
        terminal.faint(shown(&format!("{} · {} events", checked.origin, checked.head.size)))?;
        terminal.line("")?;
        terminal.heading("Measures")?;
        measures::print_with_flags(&view, terminal)?;
        terminal.line("")?;
        terminal.heading("Positions")?;
        positions::print(&view, terminal)?;
        terminal.line("")?;
        print_headline(judgement.is_some(), headline, terminal)?;
        terminal.line(format!("  {} of {} events are open", checked.open, checked.head.size))?;
        if checked.every_header {
            terminal.line(format!("  head {}", checked.head.chain))?;
        }
        terminal.line(format!("  root {}", checked.head.root))?;
        for (kind, count) in &by_kind(&checked) {
            terminal.faint(shown(&format!("  withheld: {count} of kind {kind}")))?;
        }
        print_signatures(judgement.as_ref(), terminal)?;
        print_open(&not_established(&checked, follows, &asked, judgement.as_ref()), terminal)?;
        Ok(Status::Done)
    }

    fn policy(&self) -> Result<Option<Policy>, CliError> {
        if let Some(vkey) = &self.vkey {
            return policy_of_key(vkey).map(Some);
        }
        self.policy.as_deref().map(read_policy).transpose()
    }
}

/// A policy that trusts one key of a log.
pub(crate) fn policy_of_key(vkey: &str) -> Result<Policy, CliError> {
    let key = VerifierKey::parse(vkey).map_err(|error| {
        let refused = CliError::refused(format!("--vkey cannot be read: {error}"));
        if Path::new(vkey).exists() {
            return refused
                .hint(format!("the key itself is meant, not a file: --vkey \"$(cat {vkey})\""));
        }
        refused.hint("it is one line, as demarche key --vkey prints it")
    })?;
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(CliError::refused("--vkey names the key of a witness, not of a log")
            .hint("a witness is named in a policy: --policy FILE"));
    }
    Ok(Policy::of_logs(vec![key]))
}

/// What a file is, if it is one that another command is for.
fn other_file(begins: &[u8]) -> Option<CliError> {
    let refused = |what: &str, hint: &str| {
        Some(CliError::refused(format!("that is {what}, not a proof")).hint(hint))
    };
    if begins.starts_with(b"{\"header\":") {
        return refused("an export", "check it with: demarche verify FILE");
    }
    if Note::parse(begins).is_ok() {
        return refused(
            "a checkpoint",
            "hold the log against it: demarche verify --checkpoint FILE",
        );
    }
    None
}

/// Who signed, or that it was not looked at.
pub(crate) fn print_signatures(
    judgement: Option<&Judgement>,
    terminal: &mut Terminal,
) -> std::io::Result<()> {
    let Some(judgement) = judgement else {
        return terminal.verdict(
            false,
            "  signatures NOT CHECKED: name whom you trust with --policy FILE or --vkey VKEY",
        );
    };
    for key in &judgement.logs {
        terminal.verdict(true, shown(&format!("  signed by {key}")))?;
    }
    for (witness, time) in &judgement.witnesses {
        let line = format!("  cosigned by {witness} at {}", shown_time(*time));
        terminal.verdict(true, shown(&line))?;
    }
    Ok(())
}

/// That a proof holds, if anybody's signature was looked at; else only that it fits together.
pub(crate) fn print_headline(
    signed: bool,
    headline: &str,
    terminal: &mut Terminal,
) -> std::io::Result<()> {
    if signed {
        return terminal.verdict(true, headline);
    }
    terminal.verdict(
        false,
        "the hashes fit together; NOBODY'S SIGNATURE was checked, so anybody could have made this",
    )
}

/// What a proof does not show.
pub(crate) fn print_open(open: &[String], terminal: &mut Terminal) -> std::io::Result<()> {
    terminal.faint("  not established:")?;
    for sentence in open {
        terminal.faint(format!("  - {sentence}"))?;
    }
    Ok(())
}

/// What a policy makes of a checkpoint, which it must trust if there are both.
fn judge(policy: Option<&Policy>, note: Option<&Note>) -> Result<Option<Judgement>, CliError> {
    let Some(policy) = policy else { return Ok(None) };
    let note = note.ok_or_else(|| {
        CliError::failed("there is no signed checkpoint in the proof, so the policy cannot be met")
            .hint("ask its author to sign one first: demarche checkpoint, then the proof")
    })?;
    let judgement = policy.judge(note);
    trusted(policy, note, &judgement)?;
    Ok(Some(judgement))
}

/// Refuses a checkpoint that the policy does not trust.
pub(crate) fn trusted(policy: &Policy, note: &Note, judgement: &Judgement) -> Result<(), CliError> {
    if judgement.is_trusted() {
        return Ok(());
    }
    let what = "the hashes of the proof fit together, but its checkpoint is not one that you trust";
    let error = CliError::failed(what);
    if !judgement.false_signatures.is_empty() {
        let keys = judgement.false_signatures.join(" and ");
        return Err(error.detail(format!("the signature by {keys} does not hold")));
    }
    if judgement.logs.is_empty() {
        let named = |name: &str, id: [u8; 4]| format!("{name}+{:08x}", u32::from_be_bytes(id));
        let signed = note.signatures().iter().map(|line| named(&line.name, line.id));
        let trusted = policy.logs().iter().map(|key| named(key.name(), key.id()));
        return Err(error
            .detail("no key of the log that is trusted has signed it")
            .detail(format!("signed by {}", signed.collect::<Vec<_>>().join(", ")))
            .detail(format!("you trust {}", trusted.collect::<Vec<_>>().join(", ")))
            .hint("is it the key of this log? If its key was replaced, an export shows who endorsed the new one:")
            .hint("demarche verify EXPORT.jsonl --policy FILE --checkpoint FILE"));
    }
    let count = judgement.witnesses.len();
    Err(error
        .detail(format!("its quorum is not met: {count} of its witnesses have cosigned it"))
        .hint("ask its author for a proof under a checkpoint that meets your policy"))
}

const ASK_AGAIN: &str =
    "ask its author for the file again: any change of it, however small, is found";

/// By which rules the answer of a proof follows from its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    Present,
    /// Those of an earlier version alone.
    Former,
}

/// Checks the bytes of a proof, then replays its open events and compares the answer with the one it claims.
pub(crate) fn check_answer(proof: &mut dyn BufRead) -> Result<(Checked, Follows), CliError> {
    let checked = answer_proof::check(proof).map_err(|error| {
        CliError::failed(format!("the proof does not hold: {error}")).hint(ASK_AGAIN)
    })?;
    let asked = asked(&checked)?;
    let answer = |view: &View<'_>| to_value(&AnswerShape::of(view, has_history(&checked.answer)));
    let found = answer(&View::of(&checked.history, asked.clocks))?;
    if found != checked.answer {
        if answer(&View::by_former_rules(&checked.history, asked.clocks))? == checked.answer {
            return Ok((checked, Follows::Former));
        }
        let error = CliError::failed("the proof does not hold: its events give another answer")
            .detail(difference(&checked.answer, &found));
        return Err(match unreadable(&checked) {
            0 => error.hint("if it was made by an earlier version, whose answers may have been wrong (CHANGELOG.md), have it made anew"),
            count => error
                .detail(format!("this version cannot read {count} of its open events"))
                .hint("check it with the version of the program that made it, or a later one"),
        });
    }
    Ok((checked, Follows::Present))
}

/// What a proof says was asked, if it is written as this program writes it.
fn asked(checked: &Checked) -> Result<Asked, CliError> {
    match Asked::from_object(&checked.question) {
        Ok(asked) if asked.as_object() == checked.question => Ok(asked),
        Ok(_) => {
            Err(CliError::failed("the proof does not hold: its question has more than is asked")
                .hint(ASK_AGAIN))
        }
        // What is wrong with a flag of that name is wrong with the proof here.
        Err(error) => {
            let wrong = "the proof does not hold: its question makes no sense";
            Err(CliError::failed(wrong).detail(error.message).hint(ASK_AGAIN))
        }
    }
}

/// Whether an answer lists positions whose place was taken, too: then it was asked for with its history, or was proved
/// when every answer had it.
fn has_history(answer: &Value<'_>) -> bool {
    let Value::Object(answer) = answer else { return false };
    let Some(Value::List(positions)) = answer.get("positions") else { return false };
    positions.iter().any(|position| match position {
        Value::Object(position) => position.get("current") == Some(&Value::Bool(false)),
        _ => false,
    })
}

/// A shape as a value that can be compared.
pub(crate) fn to_value(shape: &impl Serialize) -> Result<Value<'static>, CliError> {
    let bytes = serde_json::to_vec(shape)?;
    match json::parse(&bytes) {
        Ok(value) => Ok(value.into_owned()),
        Err(error) => Err(std::io::Error::other(error).into()),
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

/// Whether no event is withheld that could bear on the answer: by its kind, by its time, or because an open one names it;
/// and whether all that are open can be read.
pub(crate) fn is_complete(checked: &Checked, asked: &Asked) -> bool {
    unreadable(checked) == 0 && !is_withheld(checked, asked)
}

/// Whether the proof has not the header of every event, or withholds one that could bear on the answer.
fn is_withheld(checked: &Checked, asked: &Asked) -> bool {
    let too_late = |recorded_at| asked.clocks.recorded_by.is_some_and(|by| recorded_at > by);
    !checked.every_header
        || checked.withheld.iter().any(|one| bears_unnamed(&one.kind) && !too_late(one.recorded_at))
        || !dangling(&View::of(&checked.history, asked.clocks)).is_empty()
}

fn by_kind(checked: &Checked) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for withheld in &checked.withheld {
        *kinds.entry(withheld.kind.clone()).or_default() += 1;
    }
    kinds
}

fn not_established(
    checked: &Checked,
    follows: Follows,
    asked: &Asked,
    judgement: Option<&Judgement>,
) -> Vec<String> {
    let mut all = Vec::new();
    match judgement {
        None => all.push(
            "that the head is the one that others were shown: compare its size and root with a \
                checkpoint that you trust"
                .to_owned(),
        ),
        Some(judgement) if judgement.witnesses.is_empty() => all.push(
            "that others were shown the same log: no witness cosigned the checkpoint".to_owned(),
        ),
        Some(_) => {}
    }
    all.push(
        "that what the sources say is true, or that the quotations stand in them: their bytes are \
            not in the proof"
            .to_owned(),
    );
    if !checked.every_header {
        all.push(
            "that nothing else bears on the answer: the proof holds only the events that it rests on; \
                replay --proof makes one with every header"
                .to_owned(),
        );
    } else if is_withheld(checked, asked) {
        all.push(
            "that nothing else bears on the answer: events are withheld that could, by their kind or \
                because others name them"
                .to_owned(),
        );
    }
    if follows == Follows::Former {
        all.push(
            "that the answer in the proof is the one of this version: it follows by the rules of an \
                earlier one; what is shown here is by those of this one"
                .to_owned(),
        );
    }
    let unreadable = unreadable(checked);
    if unreadable > 0 {
        all.push(format!(
            "that a later version of the program gives the same answer: this one cannot read \
                {unreadable} of the open events"
        ));
    }
    all
}

fn shape(
    checked: &Checked,
    follows: Follows,
    asked: &Asked,
    judgement: Option<&Judgement>,
) -> CheckShape {
    CheckShape {
        v: VERSION,
        ok: true,
        origin: checked.origin.clone(),
        to: asked.to.clone(),
        recorded_by: asked.recorded_by.clone(),
        reported_by: asked.reported_by.clone(),
        tz: asked.tz.clone(),
        head: ProvedHeadShape {
            size: checked.head.size,
            chain: checked.every_header.then(|| checked.head.chain.to_string()),
            root: checked.head.root.base64(),
        },
        open: checked.open,
        withheld: by_kind(checked),
        complete: is_complete(checked, asked),
        signatures: judgement.map(SignaturesShape::from),
        not_established: not_established(checked, follows, asked, judgement),
        answer: AnswerShape::of(
            &View::of(&checked.history, asked.clocks),
            has_history(&checked.answer),
        ),
    }
}
