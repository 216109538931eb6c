//! `demarche key`: the keys that sign a log's checkpoints.
//!
//! A log names its first key in its genesis, every later one in an event of its own, endorsed by the one before. During
//! a rotation both sign, so that whoever trusts the old key has time to learn of the new one.

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use super::beside::{Held, names_no_key};
use super::checkpoint::journal_to_sign;
use super::error::CliError;
use super::hints::to_its_place;
use super::init::new_key;
use super::log_args::LogArgs;
use super::shapes::VERSION;
use super::surroundings::{Machine, warn_of_clock};
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::event_log::EventLog;
use crate::record::note::{NoteSigner, VerifierKey};
use crate::record::policy::Policy;
use crate::record::system::{KeyEvent, KeyOp, SystemEvent};
use crate::store::Store;
use crate::store::sled::SledStore;

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print the keys as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Print only the key that signs, as others need it, in one line
    #[arg(long, global = true, conflicts_with = "json")]
    vkey: bool,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// The keys that this log names, and which of them are held here
    Show,
    /// Make a key where none is held: of a log without one, or whose key was lost
    New,
    /// Make a key that the one in use endorses; both sign until `key retire`
    Rotate,
    /// End a rotation: the former key signs no more, and its file is removed
    Retire,
}

/// What `key` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeysShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// The key that signs, as others need it; `null` if the log names none.
    vkey: Option<String>,
    keys: Vec<KeyShape>,
}

#[derive(Serialize, JsonSchema)]
struct KeyShape {
    vkey: String,
    /// The event that names it first.
    added: u64,
    /// The event that retired it.
    retired: Option<u64>,
    /// Whether the genesis names it, or an earlier key endorsed it.
    endorsed: bool,
    /// Whether its private half is held here.
    held: bool,
}

impl KeyArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let changes = self.command.filter(|command| !matches!(command, Command::Show));
        if changes.is_some() {
            args.refuse_backup()?;
        }
        let mut log = args.open_checked("demarche key", terminal)?;
        if changes.is_some() {
            // On an old copy the keys of the log that went on would be replaced, or taken away.
            journal_to_sign(args, &log, terminal)?;
        }
        if !args.is_backup() {
            settle(args, &log)?;
            // Whatever was cut off before: also where nothing else is left to do.
            if changes.is_some() || is_to_follow(args, &log) {
                update_policy(args, &log)?;
            }
        }
        let mut is_gone = false;
        if let Some(command) = changes {
            match command {
                Command::Show => {}
                Command::New => add(args, &mut log, terminal)?,
                Command::Rotate => rotate(args, &mut log, terminal)?,
                Command::Retire => is_gone = retire(args, &mut log, terminal)?,
            }
            update_policy(args, &log)?;
        }
        let shape = shape(args, &log)?;
        if self.json {
            terminal.json(&shape)?;
            return Ok(Status::Done);
        }
        if self.vkey {
            terminal.line(shape.vkey.ok_or_else(names_no_key)?)?;
            return Ok(Status::Done);
        }
        if shape.keys.is_empty() {
            terminal.line("this log names no key; make one: demarche key new")?;
        }
        for key in &shape.keys {
            terminal.line(&key.vkey)?;
            let mut about = match key.added {
                0 => "named by the genesis".to_owned(),
                seq if key.endorsed => {
                    format!("added by event {seq}, endorsed by the key before it")
                }
                seq => format!("added by event {seq}; no earlier key endorsed it"),
            };
            match key.retired {
                Some(seq) => about.push_str(&format!("; retired by event {seq}")),
                None if key.held => about.push_str("; signs, and is held here"),
                None => about.push_str("; its private half is not held here"),
            }
            terminal.faint(format!("  {about}"))?;
        }
        match self.command {
            Some(Command::Rotate) => {
                terminal.line("both keys sign from now on")?;
                let path = args.key_path(Held::Current);
                let shown = path.display();
                terminal.faint(format!("keep a copy of {shown} where only you can read it"))?;
                terminal.faint("publish the new one, and tell your witnesses; then end the rotation: demarche key retire")?;
            }
            Some(Command::New) => {
                terminal.faint("publish the key, and sign: demarche checkpoint")?;
            }
            Some(Command::Retire) if is_gone => {
                terminal.faint("the former key signs no more, and its file is gone")?;
            }
            Some(Command::Retire) => {
                let path = args.key_path(Held::Current);
                let shown = path.display();
                terminal.faint(format!(
                    "the former key signs no more; no file of it was found beside {shown}: remove it where it lies"
                ))?;
            }
            Some(Command::Show) | None => {}
        }
        Ok(Status::Done)
    }
}

fn shape(args: &LogArgs, log: &EventLog<SledStore>) -> Result<KeysShape, CliError> {
    let mut held: Vec<VerifierKey> = Vec::new();
    for which in [Held::Current, Held::Former] {
        held.extend(args.signer(which)?.map(|signer| signer.verifier()));
    }
    let keys = log.keys().keys().iter();
    let newest = log.keys().in_use().last();
    Ok(KeysShape {
        v: VERSION,
        vkey: newest.map(|known| known.key.to_string()),
        keys: keys
            .map(|known| KeyShape {
                vkey: known.key.to_string(),
                added: known.added,
                retired: known.retired,
                endorsed: known.endorsed,
                held: held.contains(&known.key),
            })
            .collect(),
    })
}

/// The policy beside the log names the keys that sign now; else nothing that is signed from now on would ever meet it. Returns
/// it as it is then.
pub(crate) fn update_policy(
    args: &LogArgs,
    log: &EventLog<impl Store>,
) -> Result<Option<Policy>, CliError> {
    let Some(policy) = args.policy(None)? else { return Ok(None) };
    if names_keys_of(&policy, log) {
        return Ok(Some(policy));
    }
    let keys = log.keys().in_use().map(|known| known.key.clone()).collect();
    let next = policy.with_keys_of(log.origin(), keys);
    args.write_policy(&next)?;
    Ok(Some(next))
}

/// Whether a policy names the keys by which a log signs now, and no other of its.
pub(crate) fn names_keys_of(policy: &Policy, log: &EventLog<impl Store>) -> bool {
    let mut named = policy.logs().iter().filter(|key| key.name() == log.origin());
    named.all(|key| log.keys().is_in_use(key))
        && log.keys().in_use().all(|known| policy.logs().contains(&known.key))
}

/// Whether the policy is to follow the log at a mere look, which nothing that is wrong with either must keep from showing the keys.
fn is_to_follow(args: &LogArgs, log: &EventLog<impl Store>) -> bool {
    let policy = args.policy(None).ok().flatten();
    policy.is_some_and(|policy| !names_keys_of(&policy, log))
        && args.journal(log).is_ok_and(|journal| log.check_journal(&journal).is_ok())
}

fn add(
    args: &LogArgs,
    log: &mut EventLog<SledStore>,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    if let Some(signer) = args.signer(Held::Current)? {
        let path = args.key_path(Held::Current);
        let there = CliError::refused(format!("there is a key in {} already", path.display()));
        return Err(if log.keys().is_in_use(&signer.verifier()) {
            there.hint("replace it, endorsed by itself: demarche key rotate")
        } else {
            args.advise_on_foreign(there, log)
        });
    }
    let signer = key_to_add(args, log)?;
    record(log, KeyOp::New, &signer.verifier(), &[&signer], terminal)?;
    settle(args, log)
}

/// The key in use, if the log names it: another endorses nothing, and signs nothing that counts.
pub(crate) fn endorser(args: &LogArgs, log: &EventLog<SledStore>) -> Result<NoteSigner, CliError> {
    let signer = args.current_signer(log)?;
    if log.keys().is_in_use(&signer.verifier()) {
        return Ok(signer);
    }
    let refused = CliError::refused("the key that is held is not one that this log names");
    Err(args.advise_on_foreign(refused, log))
}

fn rotate(
    args: &LogArgs,
    log: &mut EventLog<SledStore>,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    let former = endorser(args, log)?;
    if args.key_path(Held::Former).exists() {
        return Err(CliError::refused("a rotation is under way: two keys are held")
            .hint("end it first: demarche key retire"));
    }
    // It takes its place once the log names it. If that fails, the next command looks whether the log names it after all.
    let signer = key_to_add(args, log)?;
    record(log, KeyOp::Rotate, &signer.verifier(), &[&former, &signer], terminal)?;
    settle(args, log)
}

/// A key that the log does not name yet, kept before it does: what was left by a command that was cut off, or a new one. One
/// that is there is never taken away: it may be named by a later copy of the log, and there may be no other of it.
fn key_to_add(args: &LogArgs, log: &EventLog<SledStore>) -> Result<NoteSigner, CliError> {
    let Some(left) = args.signer(Held::New)? else {
        let signer = new_key(log.origin())?;
        args.keep_key(Held::New, &signer)?;
        return Ok(signer);
    };
    let key = left.verifier();
    if key.name() == log.origin() && log.keys().find(&key).is_none() {
        return Ok(left);
    }
    let path = args.key_path(Held::New);
    Err(CliError::refused(format!("the key in {} cannot be added to this log", path.display()))
        .hint(
            "it is of another log, or was in use before: move it away, and give the command again",
        ))
}

/// Brings the files of keys to where the log's own events say they are, whatever was cut off before.
pub(crate) fn settle(args: &LogArgs, log: &EventLog<impl Store>) -> Result<(), CliError> {
    let Some(new) = args.signer(Held::New)? else { return Ok(()) };
    if !log.keys().is_in_use(&new.verifier()) {
        return Ok(());
    }
    if let Some(current) = args.signer(Held::Current)? {
        // Whoever found none in its place may have put a copy there of one that lies beside it.
        let beside = [args.signer(Held::Former)?, Some(new)];
        let mut beside = beside.iter().flatten().map(NoteSigner::verifier);
        if beside.any(|key| key == current.verifier()) {
            args.drop_key(Held::Current)?;
        } else {
            args.move_key(Held::Current, Held::Former)?;
        }
    }
    args.move_key(Held::New, Held::Current)
}

/// Retires the former key; whether there was a file of it, which is gone then.
fn retire(
    args: &LogArgs,
    log: &mut EventLog<SledStore>,
    terminal: &mut Terminal,
) -> Result<bool, CliError> {
    let current = endorser(args, log)?;
    let held = former_to_remove(args, log, &current)?;
    let is_other = |key: &VerifierKey| *key != current.verifier() && log.keys().is_in_use(key);
    // The former key's file may be gone, or of one that was retired before: then the log alone says which it was, unless a
    // retirement was cut off that only had this file still to remove.
    let others = log.keys().in_use().map(|known| known.key.clone()).filter(is_other);
    let is_done = held.as_ref().is_some_and(|key| was_retired_last(log, key));
    let former = held.clone().filter(is_other).or_else(|| others.last().filter(|_| !is_done));
    if let Some(former) = former {
        record(log, KeyOp::Retire, &former, &[&current], terminal)?;
    } else if held.is_none() {
        return Err(CliError::refused("no former key signs for this log")
            .hint("a key is replaced first: demarche key rotate"));
    }
    // Without it a retirement that was cut off could not be given again.
    update_policy(args, log)?;
    if held.is_some() {
        args.drop_key(Held::Former)?;
    }
    Ok(held.is_some())
}

/// Whether a key is retired, and nothing was said of any key since.
fn was_retired_last(log: &EventLog<SledStore>, key: &VerifierKey) -> bool {
    let keys = log.keys().keys();
    let last = keys.iter().flat_map(|known| known.retired.into_iter().chain([known.added])).max();
    keys.iter().any(|known| known.key == *key && known.retired.is_some() && known.retired == last)
}

/// The key in the file that a retirement removes, if there is one. What would leave a secret behind, or take away what is
/// not this log's, is refused.
fn former_to_remove(
    args: &LogArgs,
    log: &EventLog<SledStore>,
    current: &NoteSigner,
) -> Result<Option<VerifierKey>, CliError> {
    let path = args.key_path(Held::Former);
    let shown = path.display();
    if path.is_symlink() {
        return Err(CliError::refused(format!(
            "{shown} is a link: removing it would leave the key that it leads to"
        ))
        .hint(format!("move that file into its place, then retire it: {}", to_its_place(&path))));
    }
    let held = args.signer(Held::Former)?.map(|signer| signer.verifier());
    let is_former =
        |key: &VerifierKey| *key != current.verifier() && log.keys().find(key).is_some();
    if held.as_ref().is_some_and(|key| !is_former(key)) {
        return Err(CliError::refused(format!("the key in {shown} is no former key of this log"))
            .hint("move it away, and give the command again: the log knows which key is to be retired"));
    }
    Ok(held)
}

fn record(
    log: &mut EventLog<SledStore>,
    op: KeyOp,
    key: &VerifierKey,
    by: &[&NoteSigner],
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    let event = KeyEvent::endorsed(op, log.origin(), key.clone(), by)
        .map_err(|error| CliError::refused(error.to_string()))?;
    let recorded = log.append_system(&SystemEvent::Key(event), &mut Machine)?;
    warn_of_clock(recorded.clock_went_back, terminal);
    Ok(())
}
