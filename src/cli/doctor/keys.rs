//! The signing key, the journal and the checkpoints in it, the policy.

use super::super::beside::{Held, KEYS};
use super::super::checkpoint::sign_first;
use super::super::key::names_keys_of;
use super::super::log_args::LogArgs;
use super::super::manifest::Manifest;
use super::super::words::counted;
use super::Findings;
use crate::event_log::EventLog;
use crate::event_log::checkpoints::SignError;
use crate::model::calendar::Instant;
use crate::record::journal::Journal;
use crate::store::sled::SledStore;

type Log = EventLog<SledStore>;

/// What changes keys is advised in these words; `demarche key` by itself shows them.
const CHANGES_KEYS: &str = "demarche key ";

/// Is the key here, its owner's alone, and one that the log names? While the journal does not agree with the log, nothing is
/// advised that changes keys, and would be refused.
pub(super) fn key(args: &LogArgs, log: Option<&Log>, agrees: bool, found: &mut Findings) {
    let mut looked = Findings::default();
    look_at_key(args, log, &mut looked);
    for finding in looked.0.iter_mut().filter(|_| !agrees) {
        let count = finding.next.len();
        finding.next.retain(|next| !next.contains(CHANGES_KEYS));
        if finding.next.len() < count {
            finding.next.push(
                "see to the journal first: no key is changed before it agrees with the log"
                    .to_owned(),
            );
        }
    }
    found.0.extend(looked.0);
}

fn look_at_key(args: &LogArgs, log: Option<&Log>, found: &mut Findings) {
    let mut held = Vec::new();
    for which in KEYS {
        match args.signer(which) {
            Ok(Some(signer)) => held.push((which, signer.verifier())),
            Ok(None) => {}
            Err(error) => return found.refused("key", &error),
        }
    }
    let of = |which| held.iter().find(|(of, _)| *of == which).map(|(_, key)| key);
    if let (Some(log), Some(new)) = (log, of(Held::New))
        && log.keys().is_in_use(new)
    {
        let path = args.key_path(Held::New);
        let about =
            format!("a change of keys was cut off: the newest key is still in {}", path.display());
        return found.attention("key", about, &["the next look at the keys ends it: demarche key"]);
    }
    let path = args.key_path(Held::Current);
    let path = path.display();
    let Some(current) = of(Held::Current) else {
        return no_key(args, log, found);
    };
    let Some(log) = log else {
        return found
            .ok("key", format!("{path} holds one; whether the log names it was not looked at"));
    };
    if let Some(new) = of(Held::New) {
        let next = if new.name() == log.origin() && log.keys().find(new).is_none() {
            "the next rotation adds that key: demarche key rotate"
        } else {
            "it is of another log, or was in use before: move it away"
        };
        let about = "a rotation was cut off: a new key lies beside the one in use";
        return found.attention("key", about, &[next]);
    }
    match log.keys().find(current).map(|known| known.retired) {
        Some(None) => {}
        Some(Some(seq)) => {
            return found.wrong(
                "key",
                format!(
                    "event {seq} retired the key in {path}: what it signs now counts for nothing"
                ),
                &["put the key there that is in use (demarche key), or name its file: --key FILE"],
            );
        }
        None => {
            return found.wrong(
                "key",
                format!("{path} holds {current}, which this log does not name"),
                &[
                    "put the key there that the log names (demarche key), or name its file: --key FILE",
                    "only if that one is lost: move this one away, and demarche key new",
                ],
            );
        }
    }
    if let Some(former) = of(Held::Former) {
        let retired = log.keys().find(former).filter(|_| former != current);
        return former_key(args, retired.map(|known| known.retired), found);
    }
    found.ok(
        "key",
        format!("{path} holds {current}, which the log names, and only its owner can read it"),
    );
}

/// Beside a key in use lies another: one that the log named before, and by which event it retired it, or none of its.
fn former_key(args: &LogArgs, named: Option<Option<u64>>, found: &mut Findings) {
    let (path, former) = (args.key_path(Held::Current), args.key_path(Held::Former));
    let (path, former) = (path.display(), former.display());
    let (about, next) = match named {
        Some(None) => (
            format!(
                "{path} holds the key in use, and a rotation is under way: the former key signs, too"
            ),
            "publish the new key, tell your witnesses, and end the rotation: demarche key retire",
        ),
        Some(Some(seq)) => (
            format!("event {seq} retired the key in {former}, and its file is still there"),
            if args.is_backup() { "remove it" } else { "have it removed: demarche key retire" },
        ),
        None => (
            format!(
                "{former} holds no former key of this log, and while it is there none is replaced"
            ),
            "move it away",
        ),
    };
    found.attention("key", about, &[next]);
}

fn no_key(args: &LogArgs, log: Option<&Log>, found: &mut Findings) {
    let path = args.key_path(Held::Current);
    let path = path.display();
    if args.is_backup() {
        return no_key_in_backup(args, found);
    }
    if log.is_some_and(|log| log.keys().in_use().next().is_none()) {
        return found.attention(
            "key",
            "the log names none, so nothing of it is signed",
            &["demarche key new"],
        );
    }
    found.attention(
        "key",
        format!("there is none in {path}, so nothing can be signed"),
        &[
            "put it back from a copy of your own, or name its file: --key FILE, DEMARCHE_KEY",
            "only if it is lost: demarche key new, and tell your readers, since no earlier key endorses that one",
        ],
    );
}

fn no_key_in_backup(args: &LogArgs, found: &mut Findings) {
    // One that says nothing was looked at before.
    if Manifest::read(args.directory()).is_ok_and(|manifest| manifest.key) {
        return found.wrong(
            "key",
            "the backup was made with the signing key, and it is gone",
            &["use another backup, or put the key beside the restored log from a copy of your own"],
        );
    }
    found.ok("key", "the backup holds none, as it was made without");
}

/// Is there a journal, whole, and does the log extend what it holds? Returns it, if it can be read.
pub(super) fn journal(args: &LogArgs, log: Option<&Log>, found: &mut Findings) -> Option<Journal> {
    let bytes = match args.journal_to_compare(log.map(EventLog::origin)) {
        Ok(bytes) => bytes,
        Err(error) => {
            found.refused("journal", &error);
            return None;
        }
    };
    let Some(bytes) = bytes else {
        no_journal(args, log, found);
        return None;
    };
    let edited = |why: &dyn std::fmt::Display, found: &mut Findings| {
        found.wrong(
            "journal",
            format!("it was edited: {why}"),
            &[
                "put it back from your own copy, or from a backup (made by demarche backup)",
                "compare the log with what others hold: demarche verify --checkpoint FILE",
            ],
        );
    };
    let journal = match Journal::parse(&bytes) {
        Ok(journal) => journal,
        Err(damaged) => {
            edited(&damaged, found);
            return None;
        }
    };
    let count = journal.entries.len();
    let Some(log) = log else {
        found.ok(
            "journal",
            format!("it is whole, checkpoints: {count}; the store was not compared with it"),
        );
        return Some(journal);
    };
    if let Err(error) = log.check_signatures(&journal) {
        edited(&error, found);
        return None;
    }
    compare(&journal, log, found);
    Some(journal)
}

fn no_journal(args: &LogArgs, log: Option<&Log>, found: &mut Findings) {
    let place = args.journal_directory();
    let place = place.display();
    // A log of its genesis alone has signed nothing.
    if log.is_some_and(|log| log.head().size <= 1) {
        return found.ok("journal", "there is none yet, and nothing was signed");
    }
    found.attention(
        "journal",
        format!("there is none in {place}, so nothing here shows what this log signed before"),
        &[
            "if it lies elsewhere, say where: --journal DIR, or DEMARCHE_JOURNAL",
            "if it was lost, put it back from a backup (made by demarche backup) before anything is signed",
        ],
    );
}

fn compare(journal: &Journal, log: &Log, found: &mut Findings) {
    let size = log.head().size;
    match (log.check_journal(journal), journal.last()) {
        (Ok(()), None) => found.ok("journal", "it is whole, and of this log; nothing was signed yet"),
        (Ok(()), Some(last)) => found.ok(
            "journal",
            format!(
                "it is whole, checkpoints: {}; the log of {size} events extends the last, of {}",
                journal.entries.len(),
                last.checkpoint.size
            ),
        ),
        (Err(SignError::DoesNotExtend(rollback)), _) => {
            let signed = rollback.signed.checkpoint.size;
            let about = if signed > size {
                format!(
                    "it knows more than the log: {signed} events were signed at {}, the log has {size}: it was cut, or an old \
                     copy was put back (a rollback)",
                    rollback.signed.at
                )
            } else {
                format!(
                    "the log is not the one that was signed: its first {signed} events have another root than at {}",
                    rollback.signed.at
                )
            };
            found.wrong(
                "journal",
                about,
                &[
                    "do not delete anything, and append nothing: find out who changed the log, and when (demarche verify)",
                    "if an old copy was put back, put the newest one in its place: demarche restore BACKUP_DIR --log NEW_DIR",
                ],
            );
        }
        (Err(error), _) => found.wrong(
            "journal",
            error.to_string(),
            &["event 0 was swapped, or the journal lies in the wrong place (--journal DIR): compare with your own copies"],
        ),
    }
}

/// A checkpoint that is older, in microseconds, and does not cover all events, asks for another: 30 days.
const OLD: i64 = 30 * DAY;
const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3_600_000_000;

/// How old is the last checkpoint, and how much does it not cover?
pub(super) fn checkpoints(
    args: &LogArgs,
    log: Option<&Log>,
    journal: Option<&Journal>,
    now: Instant,
    found: &mut Findings,
) {
    const SIGN: &[&str] = &[
        "sign one: demarche checkpoint --out FILE.note",
        "and hand it to others, or have it cosigned: what lies on this machine alone binds nobody",
    ];
    let next: &[&str] = if args.is_backup() { &[sign_first(args)] } else { SIGN };
    let Some(journal) = journal else {
        return found.not_checked("checkpoints", "there is no journal to read them in");
    };
    let Some(last) = journal.last() else {
        // A log of a few events is as good as new.
        return match log.map(|log| log.head().size) {
            Some(size) if size > 1 => found.attention(
                "checkpoints",
                format!(
                    "none was ever signed: {size} events could be rewritten and nobody would see it"
                ),
                next,
            ),
            _ => found.ok("checkpoints", "none yet"),
        };
    };
    let age = now.micros().saturating_sub(last.at.micros());
    let about = format!("the last, of {} events, was signed {}", last.checkpoint.size, words(age));
    let Some(log) = log else { return found.ok("checkpoints", about) };
    let open = log.head().size.saturating_sub(last.checkpoint.size);
    if open == 0 {
        return found.ok("checkpoints", format!("{about}, and covers all"));
    }
    let about = format!("{about}; {} came after it", counted(open, "event"));
    if age > OLD {
        found.attention("checkpoints", about, next);
    } else {
        found.ok("checkpoints", about);
    }
}

fn words(age: i64) -> String {
    let ago = |count: i64, one: &str| {
        if count == 1 { format!("{count} {one} ago") } else { format!("{count} {one}s ago") }
    };
    match age {
        i64::MIN..0 => "in the future".to_owned(),
        0..HOUR => "within the hour".to_owned(),
        HOUR..DAY => ago(age / HOUR, "hour"),
        _ => ago(age / DAY, "day"),
    }
}

/// Can the policy be read, and does it name the keys by which the log signs? A backup has it as it was.
pub(super) fn policy(args: &LogArgs, log: Option<&Log>, found: &mut Findings) {
    let log = log.filter(|_| !args.is_backup());
    match args.policy(None) {
        Ok(None) => found.ok("policy", "there is none: no witness is asked"),
        Ok(Some(policy)) if log.is_some_and(|log| !names_keys_of(&policy, log)) => found.attention(
            "policy",
            "it names other keys of this log than those that sign, so what they sign may never meet it",
            &["the next look at the keys has it name them: demarche key"],
        ),
        Ok(Some(policy)) if policy.asks_for_witnesses() => {
            found.ok("policy", "it can be read, and asks for witnesses");
        }
        Ok(Some(_)) => found.ok("policy", "it can be read, and asks for no witness"),
        Err(error) => found.refused("policy", &error),
    }
}
