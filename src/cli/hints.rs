//! Advice: what to do about what went wrong.

use std::io::ErrorKind;
use std::path::Path;

use crate::event_log::finding::{Check, Verdict};
use crate::event_log::passage::Difference;
use crate::event_log::report::Report;
use crate::event_log::{Cause, FileError, InputError, NoText, NotCorrectable, Refusal};
use crate::model::check::Wrong;
use crate::model::date::suggestion;
use crate::model::schema::Target;
use crate::record::json::JsonError;
use crate::store::{Damage, StoreError};

/// Of so many things that are wrong with one event each is shown; the rest are only counted.
const CAUSES_SHOWN: usize = 20;
/// The same of advice on one input.
const HINTS_SHOWN: usize = 5;

/// What is wrong with one event, a line each, the evidence indented.
pub(crate) fn describe(refusal: &Refusal) -> Vec<String> {
    let place = match (refusal.line, &refusal.id) {
        (Some(line), Some(id)) => format!("line {line} ({id}): "),
        (Some(line), None) => format!("line {line}: "),
        (None, _) => String::new(),
    };
    let mut lines = Vec::new();
    for cause in refusal.causes.iter().take(CAUSES_SHOWN) {
        lines.push(format!("{place}{cause}"));
        if let Cause::NotVerbatim { quote, nearest, .. } = cause {
            lines.push(format!("  given    {quote:?}"));
            match nearest {
                Some(passage) => {
                    lines.push(format!("  nearest  {:?} (at byte {})", passage.text, passage.at));
                }
                None => lines.push("  nothing in the source is near it".to_owned()),
            }
        }
    }
    if let Some(more) = refusal.causes.len().checked_sub(CAUSES_SHOWN).filter(|more| *more > 0) {
        lines.push(format!("{place}and {more} more that is wrong with it"));
    }
    lines
}

/// Advice on refusals, each once, in their order.
pub(crate) fn for_refusals(refusals: &[Refusal]) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for cause in refusals.iter().flat_map(|refusal| &refusal.causes) {
        if let Some(hint) = for_cause(cause)
            && !hints.contains(&hint)
        {
            hints.push(hint);
        }
    }
    let more = hints.len().saturating_sub(HINTS_SHOWN);
    hints.truncate(HINTS_SHOWN);
    if more > 0 {
        hints.push(format!("and {more} more, once these are followed"));
    }
    hints
}

fn for_cause(cause: &Cause) -> Option<String> {
    Some(match cause {
        Cause::Input(error) => return for_input(error),
        Cause::Shape(problem) => return for_shape(&problem.wrong),
        Cause::NoSuch { path, id, .. } if id.contains(',') && names_a_list(path) => {
            let flag = path.split('[').next().unwrap_or_default().replace('_', "-");
            let each: Vec<_> = id.split(',').map(|one| format!("--{flag} {}", one.trim())).collect();
            format!("if several are meant, give each by itself: {}; in JSON lines, a list", each.join(" "))
        }
        Cause::NoSuch { id, near, target, .. } => {
            let declare = match target {
                Target::Actor | Target::ActorOrSource => {
                    Some(format!("append actor --id {id} --name ... first (of lines of one file, its line first), or use --declare"))
                }
                Target::Topic => {
                    Some(format!("append topic --id {id} --name ... first (of lines of one file, its line first), or use --declare"))
                }
                Target::Source => Some(format!("append source --id {id} --file ... first")),
                _ => None,
            };
            match (near.is_empty(), declare) {
                (false, _) => format!("did you mean {}?", near.iter().map(named).collect::<Vec<_>>().join(" or ")),
                (true, Some(declare)) => declare,
                (true, None) => "see what there is: demarche list".to_owned(),
            }
        }
        Cause::IsMeasure { steps, .. } => format!("name one of its events: {}", steps.join(", ")),
        Cause::NotVerbatim { nearest, .. } => match nearest.as_ref().map(|near| near.difference) {
            Some(Difference::WhiteSpace) => {
                "the passage differs in white space alone: copy it as the source has it".to_owned()
            }
            Some(Difference::Punctuation) => {
                "the passage differs in quotation marks, dashes or dots alone: copy it as the source has it".to_owned()
            }
            Some(Difference::Case) => {
                "the passage differs in capital letters alone: copy it as the source has it".to_owned()
            }
            Some(_) => "quote the passage to the letter; put your own words in `summary`".to_owned(),
            None => "is this the right source? put your own words in `summary`".to_owned(),
        },
        Cause::NoText { why: NoText::NotUtf8(_), .. } => {
            "append the source with its text beside it: text_file".to_owned()
        }
        Cause::NoText { why: NoText::Gone, .. } => {
            "the log has lost them: see what else, demarche verify".to_owned()
        }
        Cause::NoText { .. } => {
            "append the source with the file that holds its text: file".to_owned()
        }
        Cause::IdTaken { .. } => {
            "events are never changed: append a correction of it, or give the new event another id".to_owned()
        }
        Cause::SealedAbsent { .. } => {
            "this log was restored without that part: leave the line out (--keep-going)".to_owned()
        }
        Cause::NotCorrectable { why: NotCorrectable::NoSuchField { near, kind }, .. } => {
            if near.is_empty() {
                format!("see its fields: demarche append {kind} --help")
            } else {
                format!("did you mean {}?", near.join(" or "))
            }
        }
        Cause::NotCorrectable { .. } => {
            "take the event back, and append it anew under another id: append retraction --of ID --by recorder --why ...".to_owned()
        }
        Cause::TooLong { .. } => {
            "shorten its texts, or put what is long into a file that a source captures".to_owned()
        }
        Cause::File { error: FileError::TooLarge { .. }, .. } => {
            "capture the part of it that is quoted, or its text".to_owned()
        }
        Cause::File { error: FileError::NotAFile { .. }, .. } => {
            "name a file with bytes of its own; save what comes from a pipe or a device into one".to_owned()
        }
        Cause::File { error: FileError::Outside { .. }, .. } => {
            "if you mean that file: copy it there, or name it yourself: append source --file FILE".to_owned()
        }
        Cause::File { error: FileError::OfTheLog { .. }, .. } => {
            "the log's key, store, journal and policy are no sources of it; see whom the lines are from that name one".to_owned()
        }
        Cause::File { error: FileError::Changed { .. }, .. } => {
            "append it again once nothing writes to it any more".to_owned()
        }
        Cause::File { error: FileError::NotFound { .. }, .. } => {
            "files are looked for beside the file of JSON lines, then in the working directory".to_owned()
        }
        _ => return None,
    })
}

/// Whether the path of a reference is that of an item of a list that has a flag of its own.
fn names_a_list(path: &str) -> bool {
    path.ends_with(']') && !path.contains(['.', ' '])
}

fn for_input(error: &InputError) -> Option<String> {
    Some(match error {
        InputError::Json(JsonError::Float { .. }) => {
            "write the number as a text: numbers with a fraction are not kept exactly everywhere"
                .to_owned()
        }
        InputError::Json(JsonError::UnsafeInteger { .. }) => {
            "write the number as a text: whole numbers are kept exactly up to 9007199254740991"
                .to_owned()
        }
        InputError::Json(JsonError::Syntax { .. }) => {
            "every line is one JSON object; the line and column above are those within it"
                .to_owned()
        }
        InputError::Json(JsonError::TooDeep | JsonError::TooManyKeys) => {
            "write it flatter, or as a text: see docs/limits.md".to_owned()
        }
        InputError::Json(JsonError::NotUtf8 { .. }) => "convert the file to UTF-8".to_owned(),
        InputError::Json(JsonError::DuplicateKey { .. }) => {
            "leave one of the two; where there are several values, give a list".to_owned()
        }
        InputError::LineTooLong { .. } => {
            "one event is one line; put what is long into a file that a source captures".to_owned()
        }
        _ => return None,
    })
}

fn for_shape(wrong: &Wrong) -> Option<String> {
    let meant =
        |near: &[&str]| (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")));
    match wrong {
        Wrong::UnknownKind { near, .. } => {
            meant(near).or_else(|| Some("see the kinds: demarche append --help".to_owned()))
        }
        Wrong::UnknownField { near, kind, .. } => {
            meant(near).or_else(|| Some(format!("see its fields: demarche append {kind} --help")))
        }
        Wrong::Term { near, list, .. } => {
            let all = format!("see the list: demarche vocab {}", list.name);
            let own = if list.open { ", or use a term of your own: x-..." } else { "" };
            Some(meant(near).unwrap_or_else(|| format!("{all}{own}")))
        }
        Wrong::Date(error) => Some(match suggestion(&error.text) {
            Some(date) => format!("did you mean {date}?"),
            None => "dates are EDTF: 2025-04-23, 2025-04, 2025-04-23/2025-05-01, ../2025-05-01, 2025-04-30?, \
                or an RFC 3339 instant".to_owned(),
        }),
        Wrong::Country { .. } => Some("codes are those of ISO 3166-1, of two letters or three: IN, or IND".to_owned()),
        Wrong::Id { .. } => {
            Some("an id is like marco-rubio: 1 to 128 characters without white space, no @ or - first".to_owned())
        }
        Wrong::Missing { what: "kind", .. } => {
            Some("say what the line is, as in \"kind\":\"statement\"; the kinds: demarche append --help".to_owned())
        }
        Wrong::OfDuplicatesAlone => {
            Some("if it doubles that event, say so: by duplicate; else leave duplicate_of out".to_owned())
        }
        Wrong::SystemKind { .. } => Some("leave the line out".to_owned()),
        Wrong::TextTooLong { .. } => {
            Some("shorten it, or put it into a file that a source captures".to_owned())
        }
        Wrong::ListTooLong { .. } => Some("spread it over several events".to_owned()),
        Wrong::SchemeTwice { .. } => {
            Some("an actor has one identifier a scheme: leave one, or name the schemes apart".to_owned())
        }
        _ => None,
    }
}

fn named((id, name): &(String, Option<String>)) -> String {
    match name {
        Some(name) if name != id => format!("{id} ({name})"),
        _ => id.clone(),
    }
}

/// A path as a shell takes it, in a command that is advised.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "_-+=./,:@%".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path;
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// The command that moves what a link leads to into the link's place.
pub(crate) fn to_its_place(link: &Path) -> String {
    let link = quoted(link);
    format!("mv \"$(readlink -f {link})\" {link}")
}

/// Advice on a file that cannot be read.
pub(crate) fn for_reading(path: &Path, kind: ErrorKind) -> Option<String> {
    Some(match kind {
        ErrorKind::InvalidInput => {
            "a regular file is meant: save what comes from a pipe into one; of a link, name what it leads to".to_owned()
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "look at its name: there is nothing of that name here".to_owned()
        }
        ErrorKind::IsADirectory => {
            "a file is meant, and that is a directory: name the file itself".to_owned()
        }
        ErrorKind::PermissionDenied => {
            format!("run as its owner; if that is you: chmod u+r {}", quoted(path))
        }
        _ => return None,
    })
}

/// Advice on a file that cannot be written.
pub(crate) fn for_writing(kind: ErrorKind) -> Option<String> {
    Some(match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "make its directory first, or name another place".to_owned()
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "name a place where you may write".to_owned()
        }
        ErrorKind::AlreadyExists => {
            "somebody has made a file of that name, and it is left as it is: name another"
                .to_owned()
        }
        other => return for_system(other),
    })
}

/// Advice on a log that cannot be made.
pub(crate) fn for_making(kind: ErrorKind) -> Option<&'static str> {
    let may_not = matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    may_not.then_some("name a place where you may write: --log DIR")
}

/// Advice on what the system refused.
pub(crate) fn for_system(kind: ErrorKind) -> Option<String> {
    Some(match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full: make room, then give the same command again; what was acknowledged before is not lost, \
             and what is there already is not appended twice".to_owned()
        }
        ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only, and a log is opened to be written, whatever the command; copy its directory \
             to where you may write, and name the copy with --log DIR".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "a log is opened to be written, whatever the command; run as its owner, or copy its directory to where you \
             may write, and name the copy with --log DIR".to_owned()
        }
        _ => return None,
    })
}

/// Advice on what a store could not do.
pub(crate) fn for_store(error: &StoreError) -> Vec<String> {
    if let Some(advice) = error.refused_by_system().and_then(for_system) {
        return vec![advice];
    }
    match error {
        StoreError::Locked { .. } => vec![
            "one process at a time has the log open; wait for it to end (--wait SECONDS); meanwhile a backup can be read: --log BACKUP_DIR, made by demarche backup".to_owned(),
        ],
        StoreError::AlreadyThere { .. } => {
            vec!["there is a log already; name another directory with --log DIR".to_owned()]
        }
        StoreError::Foreign { .. } => {
            vec!["name a new directory with --log DIR".to_owned()]
        }
        StoreError::Missing { .. } => {
            vec!["make a log: demarche init --origin example.org/desk --log DIR".to_owned()]
        }
        StoreError::Shortened { path, .. } => vec![
            "keep it as it is, and rebuild the log from an export or a backup that has all of it: demarche restore EXPORT.jsonl --log NEW_DIR".to_owned(),
            format!(
                "to read what is left, copy the log's directory and remove {} from the copy; a log that goes on from there contradicts what others hold of this one",
                path.file_name().unwrap_or_default().display()
            ),
        ],
        StoreError::Unfinished { .. } => vec![
            "give the restore again that was cut off: demarche restore EXPORT.jsonl --log DIR; nothing is to be removed before".to_owned(),
        ],
        StoreError::TurnedBack { path, .. } => vec![
            "use an export or a backup that has all of them, or name a new directory: --log NEW_DIR".to_owned(),
            format!(
                "if there is none, and you mean to have less: remove {}; a log that goes on from there contradicts what others hold of this one",
                path.display()
            ),
        ],
        StoreError::Linked { .. } => vec![
            "move what it leads to into its place, then erase".to_owned(),
        ],
        StoreError::Layout { .. } => vec![
            "export the log with the version of the program that wrote it, and restore the export with this one: demarche restore EXPORT.jsonl --log NEW_DIR".to_owned(),
        ],
        StoreError::Damaged { what: Damage::Block(_) | Damage::Row(_) } => vec![
            "see first whether anything else is wrong: demarche verify; if not, nothing is lost: the tables are derived from the events".to_owned(),
        ],
        StoreError::Damaged { .. } | StoreError::Panicked { .. } | StoreError::Sled(_) => vec![
            "see what is wrong and what is not: demarche doctor; keep the damaged directory as it is".to_owned(),
            "go on from the newest backup (made by demarche backup), or export: demarche restore BACKUP_DIR --log NEW_DIR".to_owned(),
        ],
        _ => vec!["see what is wrong and what is not: demarche doctor".to_owned()],
    }
}

/// Advice on what a verification found, by the checks that failed; an export is not rebuilt, but had again.
pub(crate) fn for_report(report: &Report, of_export: bool) -> Vec<&'static str> {
    let failed = |check: &Check| report.verdicts.get(check) == Some(&Verdict::Failed);
    let any = |checks: &[Check]| checks.iter().any(failed);
    let mut hints = Vec::new();
    if any(&[
        Check::Bytes,
        Check::Chain,
        Check::Commitments,
        Check::Head,
        Check::Tree,
        Check::Ids,
        Check::Sources,
        Check::Quotes,
        Check::Keys,
    ]) {
        hints.push(if of_export {
            "this copy cannot be relied on; have the log exported again, or take another copy of the export"
        } else {
            "keep this log as it is, and rebuild it from an export or a backup that verifies: demarche restore EXPORT.jsonl --log NEW_DIR"
        });
    }
    if any(&[Check::Journal]) {
        hints.push("put the journal back from your own copy; nothing is signed before it is whole");
    }
    if any(&[Check::Checkpoints]) {
        hints.push("keep both: one of them is not of this log as it was; go on with a copy that extends the checkpoint");
    }
    if any(&[Check::Quorum]) {
        hints.push(if of_export {
            "bring a checkpoint of it that is signed as the policy asks: --checkpoint FILE"
        } else {
            "have the log cosigned as the policy asks: demarche witness ask; or name another policy: --policy FILE"
        });
    }
    if any(&[Check::Signatures, Check::Anchors]) {
        hints.push(
            "compare keys, checkpoints and time stamps with what their owners hold and publish",
        );
    }
    if any(&[Check::Snapshots]) {
        hints.push("if nothing else is wrong, derive the tables anew: demarche snapshot --anew");
    }
    hints
}
