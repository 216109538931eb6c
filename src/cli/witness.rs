//! `demarche witness`: outsiders that see every checkpoint and cosign those that extend the last one they saw
//! (c2sp.org/tlog-witness).
//!
//! Who they are is kept in the log's policy, which anybody who checks its proofs can be given.

use clap::{Args, Subcommand, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::beside::JournalFile;
use super::error::CliError;
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::surroundings::Machine;
use super::terminal::Terminal;
use super::words::shown;
use super::{Outcome, Status, checkpoint, http, key};
use crate::event_log::EventLog;
use crate::event_log::checkpoints::keep_note;
use crate::record::note::{Algorithm, Note, SignatureLine, Signed, VerifierKey};
use crate::record::policy::{Policy, Witness};
use crate::record::tree::Root;
use crate::store::sled::SledStore;

#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a witness into the log's policy
    Add(AddArgs),
    /// Have the newest checkpoint cosigned; a new one is signed if the log has grown
    Ask(AskArgs),
    /// The log's policy, as a file that can be given to others: its keys, its witnesses, the quorum
    List,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The witness's key: name+id+base64
    vkey: String,
    /// Where it takes checkpoints: its submission prefix
    url: String,
    /// By what name the policy calls it [default: the name of its key]
    #[arg(long)]
    name: Option<String>,
    /// How many witnesses must have cosigned a checkpoint before it is trusted [default: as before; of the first, it]
    #[arg(long, value_enum)]
    quorum: Option<Quorum>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Quorum {
    /// Every one
    All,
    /// Any one
    Any,
    /// More than half
    Most,
}

#[derive(Debug, Args)]
struct AskArgs {
    /// Print what each answered as JSON
    #[arg(long)]
    json: bool,
}

/// What `witness ask` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WitnessShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    size: u64,
    /// Whether the policy is met by what this checkpoint bears now.
    quorum: bool,
    witnesses: Vec<AnswerShape>,
    /// The note with all its cosignatures.
    note: String,
}

#[derive(Serialize, JsonSchema)]
struct AnswerShape {
    witness: String,
    /// When it cosigned, RFC 3339; `null` if it did not.
    cosigned_at: Option<String>,
    /// Why it did not.
    why: Option<String>,
}

impl WitnessArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        if !matches!(self.command, Command::List) {
            args.refuse_backup()?;
        }
        let log = args.open_checked("demarche witness", terminal)?;
        match &self.command {
            Command::Add(add) => add.run(args, &log, terminal),
            Command::Ask(ask) => ask.run(args, &log, terminal),
            Command::List => {
                let policy = if let Some(policy) = args.policy(None)? {
                    policy
                } else {
                    terminal.note("no witness sees this log's checkpoints");
                    let keys = log.keys().in_use().map(|known| known.key.clone());
                    Policy::of_witnesses(keys.collect(), Vec::new(), 0)
                };
                terminal.artefact(&policy.to_string())?;
                Ok(Status::Done)
            }
        }
    }
}

impl AddArgs {
    fn run(&self, args: &LogArgs, log: &EventLog<SledStore>, terminal: &mut Terminal) -> Outcome {
        let key = VerifierKey::parse(&self.vkey).map_err(|error| {
            CliError::refused(format!("the key cannot be read: {error}"))
                .hint("it is one line, as the witness's operator publishes it: NAME+ID+BASE64")
        })?;
        if key.algorithm() != Algorithm::Cosignature {
            return Err(CliError::refused("that is the key of a log, not of a witness")
                .hint("a witness's key is of type 0x04; ask its operator for the vkey"));
        }
        if !http::is_address(&self.url) {
            return Err(CliError::refused(format!("{:?} is no address", self.url))
                .hint("as in https://witness.example/prefix"));
        }
        let known = args.policy(None)?;
        let least_before = known.as_ref().map(Policy::least_of_plain);
        if least_before == Some(None) {
            let path = args.policy_path();
            return Err(CliError::refused(format!("{} has groups of its own", path.display()))
                .hint("add the witness there by hand, where it belongs: witness NAME VKEY URL"));
        }
        let mut witnesses: Vec<Witness> =
            known.iter().flat_map(Policy::witnesses).cloned().collect();
        let url = Some(self.url.clone());
        let name = self.name.clone().unwrap_or_else(|| key.name().to_owned());
        witnesses.push(Witness { name, key, url });
        let count = witnesses.len();
        let least = match (self.quorum, least_before.flatten()) {
            (Some(Quorum::All), _) | (None, None | Some(0)) => count,
            (Some(Quorum::Any), _) => 1,
            (Some(Quorum::Most), _) => count / 2 + 1,
            // Where every one had to, every one has to.
            (None, Some(least)) if least + 1 == count => count,
            (None, Some(least)) => least,
        };
        let logs = keys_in_use(log)?;
        let others = known.iter().flat_map(Policy::logs).filter(|key| key.name() != log.origin());
        let logs = others.cloned().chain(logs).collect();
        let policy = Policy::of_witnesses(logs, witnesses, least);
        // What is written must read back: a name may be taken, or hold white space.
        let text = policy.to_string();
        if Policy::parse(text.as_bytes()).as_ref() != Ok(&policy) {
            return Err(CliError::refused(
                "that witness, or its name, is in the policy already, or cannot be",
            )
            .hint("see it: demarche witness list; names hold no white space"));
        }
        args.write_policy(&policy)?;
        terminal.line(format!(
            "{} is asked from now on; the policy is {}",
            self.url,
            args.policy_path().display()
        ))?;
        for known in log.keys().in_use() {
            terminal.faint(format!("its operator must know this log's key: {}", known.key))?;
        }
        Ok(Status::Done)
    }
}

/// The keys by which the log signs.
fn keys_in_use(log: &EventLog<SledStore>) -> Result<Vec<VerifierKey>, CliError> {
    let keys: Vec<VerifierKey> = log.keys().in_use().map(|known| known.key.clone()).collect();
    if keys.is_empty() {
        return Err(CliError::refused("this log names no key, so there is nothing to cosign")
            .hint("make one: demarche key new"));
    }
    Ok(keys)
}

impl AskArgs {
    fn run(&self, args: &LogArgs, log: &EventLog<SledStore>, terminal: &mut Terminal) -> Outcome {
        let policy = args.policy(None)?.filter(|policy| policy.witnesses().next().is_some());
        let policy = policy.ok_or_else(|| {
            CliError::refused("no witness is known").hint("name one: demarche witness add VKEY URL")
        })?;
        let signers = checkpoint::signers(args, log)?;
        let mut journal = checkpoint::journal_to_sign(args, log, terminal)?;
        let mut note = checkpoint::sign(args, log, &signers, &mut journal)?;
        // What changed the keys may have been cut off before the policy followed, which would then never be met.
        let policy = key::update_policy(args, log)?.unwrap_or(policy);
        let size = log.checkpoint().size;
        let (mut answers, mut conflict) = (Vec::new(), false);
        for witness in policy.witnesses() {
            let seen = last_seen(&journal, &witness.key);
            let answer = ask(log, &note, size, witness, seen);
            let (line, why) = match answer {
                Ok(line) => (Some(line), None),
                Err(refusal) => {
                    conflict |= refusal.conflict;
                    (None, Some(refusal.why))
                }
            };
            let mut cosigned_at = None;
            if let Some((line, time)) = line {
                note.add(line).map_err(|error| CliError::refused(error.to_string()))?;
                cosigned_at = Some(shown_time(time));
            }
            answers.push(AnswerShape { witness: witness.name.clone(), cosigned_at, why });
        }
        if journal.journal.last().is_none_or(|last| last.note != note) {
            let line = keep_note(&mut journal.journal, note.clone(), &mut Machine);
            let line = line.map_err(|error| checkpoint::refused(args, log, error))?;
            journal.append(&line)?;
        }
        let judgement = policy.judge(&note);
        let quorum = judgement.is_trusted();
        let status = if conflict {
            Status::Failed
        } else if quorum {
            Status::Done
        } else {
            Status::Refused
        };
        if self.json {
            let note = note.to_string();
            terminal.json(&WitnessShape { v: VERSION, size, quorum, witnesses: answers, note })?;
            return Ok(status);
        }
        for answer in &answers {
            match (&answer.cosigned_at, &answer.why) {
                (Some(time), _) => terminal.verdict(
                    true,
                    shown(&format!("{} cosigned {size} events at {time}", answer.witness)),
                )?,
                (None, why) => {
                    let why = why.as_deref().unwrap_or_default();
                    terminal.verdict(false, shown(&format!("{}: {why}", answer.witness)))?;
                }
            }
        }
        if conflict {
            terminal.line(
                "a witness has seen another log than this: compare with it before anything else",
            )?;
            terminal.line("if an old copy was restored here, restore the newest one in its place; see demarche verify")?;
        } else if !quorum {
            terminal.line("the policy is not met yet: ask again later")?;
        }
        Ok(status)
    }
}

/// Why a witness did not cosign.
struct Refusal {
    why: String,
    /// Whether it has seen what this log cannot extend.
    conflict: bool,
}

impl Refusal {
    fn of(why: impl Into<String>) -> Self {
        Self { why: why.into(), conflict: false }
    }

    fn conflict(why: impl Into<String>) -> Self {
        Self { why: why.into(), conflict: true }
    }
}

/// The size that a witness cosigned last, as far as the journal knows.
fn last_seen(journal: &JournalFile, key: &VerifierKey) -> u64 {
    let entries = journal.journal.entries.iter();
    let seen = entries.filter(|entry| matches!(entry.note.signed_by(key), Signed::Yes { .. }));
    seen.map(|entry| entry.checkpoint.size).max().unwrap_or(0)
}

/// Asks one witness; it may first have to say what it saw last.
fn ask(
    log: &EventLog<SledStore>,
    note: &Note,
    size: u64,
    witness: &Witness,
    seen: u64,
) -> Result<(SignatureLine, u64), Refusal> {
    let url =
        witness.url.as_ref().ok_or_else(|| Refusal::of("the policy names no address for it"))?;
    let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
    let mut old = seen.min(size);
    for _ in 0..2 {
        let path = log.consistency(old, size).map_err(|error| Refusal::of(error.to_string()))?;
        let path: String = path.iter().map(|hash| format!("{}\n", Root(*hash).base64())).collect();
        let body = format!("old {old}\n{path}\n{note}");
        let answer = http::post(&url, "text/plain; charset=utf-8", body.as_bytes())
            .map_err(|error| Refusal::of(error.message))?;
        match answer.status {
            200 => return cosignature(&answer.body, note, &witness.key),
            409 => {
                let told = std::str::from_utf8(&answer.body).ok();
                let told = told.and_then(|told| told.trim_end().parse::<u64>().ok());
                match told {
                    Some(told) if told > size => {
                        return Err(Refusal::conflict(format!(
                            "it says that it has cosigned {told} events of this log, which has {size}: the log was cut or rolled back"
                        )));
                    }
                    // An early version of the specification has this for another root of the same size.
                    Some(told) if told == old && told == size => {
                        return Err(Refusal::conflict(format!(
                            "it says that it has cosigned another log of {told} events under this name"
                        )));
                    }
                    Some(told) if told == old => {
                        return Err(Refusal::of("it answers 409 with the size that it was told"));
                    }
                    Some(told) => old = told,
                    None => return Err(Refusal::of("it answers 409 and no size")),
                }
            }
            404 => {
                return Err(Refusal::of(
                    "it does not know this log (404): ask its operator to add it",
                ));
            }
            403 => {
                return Err(Refusal::of(
                    "it does not trust the key that signs this log (403): tell its operator the new one",
                ));
            }
            422 => {
                return Err(Refusal::conflict(format!(
                    "what it has cosigned of this log, {old} events, is not what this log begins with (422)"
                )));
            }
            400 => return Err(Refusal::of("it cannot read the request (400)")),
            other => return Err(Refusal::of(format!("it answers {other}"))),
        }
    }
    Err(Refusal::of("it says every time that it has seen another size"))
}

/// The cosignature in an answer, once it holds.
fn cosignature(
    body: &[u8],
    note: &Note,
    key: &VerifierKey,
) -> Result<(SignatureLine, u64), Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::of("its answer is no text"))?;
    let ours = |line: &SignatureLine| line.name == key.name() && line.id == key.id();
    let line = text.lines().filter_map(SignatureLine::parse).find(ours);
    let line =
        line.ok_or_else(|| Refusal::of("its answer has no cosignature by the key that is known"))?;
    let mut with = note.clone();
    with.add(line.clone()).map_err(|error| Refusal::of(error.to_string()))?;
    match with.signed_by(key) {
        Signed::Yes { time } => Ok((line, time.unwrap_or_default())),
        _ => Err(Refusal::of("its cosignature does not hold")),
    }
}

/// Seconds since 1970-01-01 as an instant.
pub(crate) fn shown_time(seconds: u64) -> String {
    let micros = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    let instant = crate::model::calendar::Instant::from_micros(micros.unwrap_or(i64::MAX));
    // Witnesses give whole seconds.
    instant.to_string().replace(".000000Z", "Z")
}
