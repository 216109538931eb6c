//! The proof of an answer: what was answered, the head it was computed at, and the events it rests on, so that
//! somebody without the log can check all of it.
//!
//! It is JSON lines: first the claim (the question and the answer), then every event of the log in the lines of an
//! export ([`crate::record::export`]), where only the events that the answer rests on are open, then the head. The
//! header of every event is there, so the chain and the root can be recomputed and compared with a checkpoint, and
//! nobody can leave out an event unseen: what is withheld shows its kind. Replaying the open events must give the
//! answer again. It does not show that what was reported is true, nor that the head is the one others hold.
//! `an_answer_follows_from_what_it_rests_on` shows it.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::portable::{PortableError, read_line, write_line};
use super::prove::ProveError;
use super::{DoesNotFit, EventLog, read_payload};
use crate::model::calendar::Instant;
use crate::model::schema::Kind;
use crate::model::value::{Object, Value};
use crate::record::checkpoint::{Checkpoint, CheckpointError};
use crate::record::commitment::{Salt, commit_payload};
use crate::record::export::{
    EventLine, HeadLine, Line, LineError, decode, decode_event, encode_event,
};
use crate::record::header::Header;
use crate::record::json;
use crate::record::link::Link;
use crate::record::merkle::{MerkleError, check_inclusion, prove_inclusion};
use crate::record::note::Note;
use crate::record::tree::{Frontier, leaf_hash};
use crate::replay::{Content, History};
use crate::store::{Part, Store};

/// The version of the claim.
pub const CLAIM_VERSION: i64 = 1;
/// The highest number of an event in a proof by inclusion: earlier versions, which check such proofs too, keep a place for
/// every event before it.
pub const INCLUDED_SEQ_MAX: u64 = 1 << 24;

/// A proof that was checked as far as its bytes go; whether its answer follows is for whoever replays it.
#[derive(Debug)]
pub struct Checked {
    /// The question, as it was written.
    pub question: Object<'static>,
    /// The answer, as it was written.
    pub answer: Value<'static>,
    /// Who keeps the log.
    pub origin: String,
    /// The head that all headers together lead to.
    pub head: HeadLine,
    /// The open events, each in its place; all others are absent.
    pub history: History,
    /// How many events are open.
    pub open: u64,
    /// The events that are withheld, in log order.
    pub withheld: Vec<Withheld>,
    /// Whether the header of every event is there, so that what is withheld is known.
    pub every_header: bool,
    /// The signed checkpoint of the head, if there is one.
    pub note: Option<Note>,
}

/// What the header of a withheld event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The number of the event.
    pub seq: u64,
    /// The name of its kind.
    pub kind: String,
    /// When the log took it in.
    pub recorded_at: Instant,
}

/// A proof does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// It cannot be read.
    #[error("the proof cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The first line is no claim.
    #[error("line 1 is no claim of an answer: {0}")]
    Claim(&'static str),
    /// A line is none of an export.
    #[error("line {line}: {error}")]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        error: LineError,
    },
    /// An event does not fit.
    #[error("event {seq}: {wrong}")]
    Event {
        /// The event.
        seq: u64,
        /// What is wrong with it.
        wrong: DoesNotFit,
    },
    /// An event was recorded before the one before it.
    #[error("event {seq}: it was recorded at {found}, before the event before it ({before})")]
    TimeWentBack {
        /// The event.
        seq: u64,
        /// When the event before it was recorded.
        before: Instant,
        /// When it says that it was.
        found: Instant,
    },
    /// An event is of another log.
    #[error("event {seq}: it belongs to the log {found:?}, not to {expected:?}")]
    OtherLog {
        /// The event.
        seq: u64,
        /// The log of the events before it.
        expected: String,
        /// The log that its header names.
        found: String,
    },
    /// Event 0 is no genesis, or another event is one.
    #[error("event {0}: a log begins with its genesis, and has no other")]
    Genesis(u64),
    /// What is said of a sealed part is not what the header says.
    #[error("event {0}: its sealed part is not withheld, or is not one that its header names")]
    Sealed(u64),
    /// The head is not the one that the headers lead to.
    #[error("the head is {} with {} events, the headers lead to {} with {}", found.chain, found.size, expected.chain, expected.size)]
    Head {
        /// What the headers lead to.
        expected: Box<HeadLine>,
        /// What the proof says.
        found: Box<HeadLine>,
    },
    /// An event is not where its path says.
    #[error("event {seq}: {error}")]
    Path {
        /// The event.
        seq: u64,
        /// What is wrong with its path.
        error: MerkleError,
    },
    /// The checkpoint cannot be read.
    #[error("the checkpoint in it cannot be read: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint is not of what the proof holds.
    #[error("the checkpoint in it is not of this log and head")]
    OtherCheckpoint,
    /// There is no head, or something after it.
    #[error("line {line}: {what}")]
    Order {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Writes the proof of an answer: the claim, every header, the payloads of the `open` events, the head, and the signed
/// checkpoint of it if there is one.
pub fn write(
    log: &EventLog<impl Store>,
    question: &Object<'_>,
    answer: &Value<'_>,
    open: &BTreeSet<u64>,
    note: Option<&Note>,
    out: &mut dyn Write,
) -> Result<(), PortableError> {
    write_object(&claim(question, answer, None), out)?;
    let head = log.head();
    for seq in 0..head.size {
        let Some(event) = log.stored(seq)? else { break };
        let text = |bytes: &[u8], part| {
            String::from_utf8(bytes.to_vec()).map_err(|_| PortableError::NotText { seq, part })
        };
        let payload = match &event.payload {
            // The genesis names the log, so it is always open.
            Part::Present { salt, bytes } if seq == 0 || open.contains(&seq) => {
                Some((*salt, text(bytes, "payload")?))
            }
            _ => None,
        };
        let header = text(&event.header, "header")?;
        let sealed = event.sealed.as_ref().map(|_| None);
        write_line(out, &Line::Event(EventLine { header, payload, sealed }))?;
    }
    write_line(
        out,
        &Line::Head(HeadLine { size: head.size, chain: Link(head.link), root: log.root() }),
    )?;
    if let Some(note) = note {
        write_object(&one("checkpoint", Value::Text(note.to_string().into())), out)?;
    }
    out.flush()?;
    Ok(())
}

/// Writes the short proof of an answer: the claim, the `open` events each with its path to the checkpoint, and that.
pub fn write_by_inclusion(
    log: &EventLog<impl Store>,
    question: &Object<'_>,
    answer: &Value<'_>,
    open: &BTreeSet<u64>,
    under: (&Note, &Checkpoint),
    out: &mut dyn Write,
) -> Result<(), ProveError> {
    let (note, checkpoint) = under;
    let cannot = |error: io::Error| ProveError::Write(error);
    write_object(&claim(question, answer, Some("inclusion")), out).map_err(cannot)?;
    for seq in open.iter().copied() {
        let event = log.stored(seq)?.ok_or(ProveError::NoSuchEvent(seq))?;
        let text = |bytes: &[u8], part| {
            String::from_utf8(bytes.to_vec()).map_err(|_| ProveError::NotText { seq, part })
        };
        let payload = match &event.payload {
            Part::Present { salt, bytes } => Some((*salt, text(bytes, "payload")?)),
            Part::Absent => None,
        };
        let header = text(&event.header, "header")?;
        let line = EventLine { header, payload, sealed: event.sealed.as_ref().map(|_| None) };
        let path = log.path(|tiles| prove_inclusion(seq, checkpoint.size, tiles))?;
        let path = path.iter().map(|hash| Value::Text(STANDARD.encode(hash).into())).collect();
        let mut included = one("event", Value::Object(encode_event(&line)));
        included.insert("path".into(), Value::List(path));
        write_object(&included, out).map_err(cannot)?;
    }
    write_object(&one("checkpoint", Value::Text(note.to_string().into())), out).map_err(cannot)?;
    out.flush().map_err(cannot)
}

fn claim<'a>(question: &Object<'a>, answer: &Value<'a>, form: Option<&'static str>) -> Object<'a> {
    let mut claim = one("answer", answer.clone());
    if let Some(form) = form {
        claim.insert("form".into(), Value::Text(form.into()));
    }
    claim.insert("question".into(), Value::Object(question.clone()));
    claim.insert("v".into(), Value::Integer(CLAIM_VERSION));
    claim
}

fn one<'a>(key: &'static str, value: Value<'a>) -> Object<'a> {
    [(key.into(), value)].into_iter().collect()
}

fn write_object(object: &Object<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&json::canonical(&Value::Object(object.clone())))?;
    out.write_all(b"\n")
}

/// Checks a proof as far as its bytes go.
pub fn check(input: &mut dyn BufRead) -> Result<Checked, ProofError> {
    let (first, _) = read_line(input)?.ok_or(ProofError::Claim("it is empty"))?;
    let Claim { question, answer, by_inclusion } = read_claim(&first)?;
    let mut checked = Checked {
        question,
        answer,
        origin: String::new(),
        head: HeadLine { size: 0, chain: Link::ZERO, root: Frontier::default().root() },
        history: History::new(),
        open: 0,
        withheld: Vec::new(),
        every_header: !by_inclusion,
        note: None,
    };
    if by_inclusion {
        return check_included(input, checked);
    }
    let mut frontier = Frontier::default();
    let mut stated = None;
    for line in 2.. {
        let Some((bytes, ended)) = read_line(input)? else { break };
        if !ended {
            return Err(ProofError::Order {
                line,
                what: "the line does not end: the proof is cut",
            });
        }
        if stated.is_some() {
            if checked.note.is_some() {
                return Err(ProofError::Order { line, what: "there is something after the end" });
            }
            checked.note = Some(read_note(&bytes, line)?.0);
            continue;
        }
        match decode(&bytes).map_err(|error| ProofError::Line { line, error })? {
            Line::Event(event) => {
                checked.take_in(&event)?;
                frontier.push(leaf_hash(event.header.as_bytes()));
                checked.head.chain = Link::of(event.header.as_bytes());
                checked.head.size += 1;
            }
            Line::Head(head) => stated = Some(head),
            Line::Source(_) => {
                return Err(ProofError::Order { line, what: "a proof holds no captured source" });
            }
        }
    }
    checked.head.root = frontier.root();
    match stated {
        Some(found) if found.size == 0 => {
            Err(ProofError::Head { expected: Box::new(checked.head), found: Box::new(found) })
        }
        Some(found) if found == checked.head => {
            if let Some(note) = &checked.note {
                let of = Checkpoint::parse(note.text())?;
                let (size, root) = (checked.head.size, checked.head.root);
                if (of.origin.as_str(), of.size, of.root) != (checked.origin.as_str(), size, root) {
                    return Err(ProofError::OtherCheckpoint);
                }
            }
            Ok(checked)
        }
        Some(found) => {
            let (expected, found) = (Box::new(checked.head), Box::new(found));
            Err(ProofError::Head { expected, found })
        }
        None => {
            let line = checked.head.size + 2;
            Err(ProofError::Order { line, what: "the head is missing: the proof is cut short" })
        }
    }
}

/// Checks the short form, once its claim was read.
fn check_included(input: &mut dyn BufRead, mut checked: Checked) -> Result<Checked, ProofError> {
    let mut events: Vec<(Header, EventLine, Vec<[u8; 32]>)> = Vec::new();
    let mut found = None;
    for line in 2.. {
        let Some((bytes, ended)) = read_line(input)? else { break };
        let wrong = |what| ProofError::Order { line, what };
        if !ended {
            return Err(wrong("the line does not end: the proof is cut"));
        }
        if found.is_some() {
            return Err(wrong("there is something after the end"));
        }
        let Ok(Value::Object(object)) = json::parse_canonical(&bytes) else {
            return Err(wrong("it is not canonical JSON"));
        };
        let (Some(Value::Object(event)), Some(Value::List(path)), 2) =
            (object.get("event"), object.get("path"), object.len())
        else {
            found = Some(read_note(&bytes, line)?);
            continue;
        };
        let event = decode_event(event).map_err(|error| ProofError::Line { line, error })?;
        let path: Option<Vec<[u8; 32]>> = path.iter().map(read_hash).collect();
        let path = path.ok_or_else(|| wrong("its path is no list of hashes"))?;
        let seq = events.last().map_or(0, |(header, _, _)| header.seq.saturating_add(1));
        let header = Header::from_bytes(event.header.as_bytes())
            .map_err(|error| ProofError::Event { seq, wrong: error.into() })?;
        if header.seq < seq || header.seq > INCLUDED_SEQ_MAX {
            return Err(ProofError::Event { seq, wrong: DoesNotFit::Seq(header.seq) });
        }
        events.push((header, event, path));
    }
    let cut =
        ProofError::Order { line: 2, what: "the checkpoint is missing: the proof is cut short" };
    let (note, checkpoint) = found.ok_or(cut)?;
    for (header, event, path) in events {
        let seq = header.seq;
        if header.log != checkpoint.origin {
            return Err(ProofError::OtherCheckpoint);
        }
        checked.follows(&header, &event)?;
        let leaf = leaf_hash(event.header.as_bytes());
        check_inclusion(seq, &leaf, checkpoint.size, &checkpoint.root, &path)
            .map_err(|error| ProofError::Path { seq, error })?;
        // Nothing is known of the events between.
        checked.history.pass_over(seq);
        let content = checked
            .open(&header, event.payload.as_ref())
            .map_err(|wrong| ProofError::Event { seq, wrong })?;
        checked.history.push(header.recorded_at, content);
    }
    checked.head = HeadLine { size: checkpoint.size, chain: Link::ZERO, root: checkpoint.root };
    checked.origin = checkpoint.origin;
    checked.note = Some(note);
    Ok(checked)
}

fn read_hash(value: &Value<'_>) -> Option<[u8; 32]> {
    match value {
        Value::Text(text) => STANDARD.decode(&**text).ok()?.try_into().ok(),
        _ => None,
    }
}

/// Reads the line with the checkpoint.
fn read_note(bytes: &[u8], line: u64) -> Result<(Note, Checkpoint), ProofError> {
    if let Ok(Value::Object(object)) = json::parse_canonical(bytes)
        && let (Some(Value::Text(note)), 1) = (object.get("checkpoint"), object.len())
    {
        return Ok(Checkpoint::parse_note(note.as_bytes())?);
    }
    Err(ProofError::Order {
        line,
        what: "there is something after the events that is no checkpoint",
    })
}

struct Claim {
    question: Object<'static>,
    answer: Value<'static>,
    by_inclusion: bool,
}

fn read_claim(line: &[u8]) -> Result<Claim, ProofError> {
    let Ok(Value::Object(mut claim)) = json::parse_canonical(line) else {
        return Err(ProofError::Claim("it is not canonical JSON"));
    };
    if claim.get("v") != Some(&Value::Integer(CLAIM_VERSION)) {
        return Err(ProofError::Claim("it is of a version that this program does not know"));
    }
    let Some(Value::Object(question)) = claim.remove("question") else {
        return Err(ProofError::Claim("it has no question"));
    };
    let Some(answer) = claim.remove("answer") else {
        return Err(ProofError::Claim("it has no answer"));
    };
    let by_inclusion = match claim.remove("form") {
        None => false,
        Some(Value::Text(form)) if form == "inclusion" => true,
        Some(_) => return Err(ProofError::Claim("its form is not known")),
    };
    if claim.len() > 1 {
        return Err(ProofError::Claim("it has more than question, answer, form and v"));
    }
    Ok(Claim { question: question.into_owned(), answer: answer.into_owned(), by_inclusion })
}

impl Checked {
    /// Takes in the next event, having checked that it fits.
    fn take_in(&mut self, event: &EventLine) -> Result<(), ProofError> {
        let seq = self.head.size;
        let wrong = |wrong| ProofError::Event { seq, wrong };
        let header = Header::from_bytes(event.header.as_bytes())
            .map_err(|error| wrong(DoesNotFit::Header(error)))?;
        if header.seq != seq {
            return Err(wrong(DoesNotFit::Seq(header.seq)));
        }
        if header.prev != self.head.chain {
            let (expected, found) = (self.head.chain, header.prev);
            return Err(wrong(DoesNotFit::Link { expected, found }));
        }
        if seq == 0 {
            self.origin.clone_from(&header.log);
        } else if header.log != self.origin {
            let expected = self.origin.clone();
            return Err(ProofError::OtherLog { seq, expected, found: header.log });
        }
        self.follows(&header, event)?;
        let content = self.open(&header, event.payload.as_ref()).map_err(wrong)?;
        self.history.push(header.recorded_at, content);
        Ok(())
    }

    /// Whether an event can be one of a log after those that were taken in, and its line says no more than its header.
    fn follows(&self, header: &Header, event: &EventLine) -> Result<(), ProofError> {
        let seq = header.seq;
        if (header.kind == Kind::Genesis.name()) != (seq == 0) {
            return Err(ProofError::Genesis(seq));
        }
        let before = self.history.entries().last().map(|last| last.recorded_at);
        if let Some(before) = before.filter(|before| header.recorded_at < *before) {
            return Err(ProofError::TimeWentBack { seq, before, found: header.recorded_at });
        }
        if event.sealed != header.sealed.map(|_| None) {
            return Err(ProofError::Sealed(seq));
        }
        Ok(())
    }

    /// What an event says, if its payload is there and is the one that its header commits to.
    fn open(
        &mut self,
        header: &Header,
        payload: Option<&([u8; 32], String)>,
    ) -> Result<Content, DoesNotFit> {
        let Some((salt, payload)) = payload else {
            let (seq, recorded_at) = (header.seq, header.recorded_at);
            self.withheld.push(Withheld { seq, kind: header.kind.clone(), recorded_at });
            return Ok(Content::Absent);
        };
        let found = commit_payload(&Salt(*salt), payload.as_bytes());
        if found != header.payload {
            return Err(DoesNotFit::Payload { expected: header.payload, found });
        }
        self.open += 1;
        Ok(read_payload(payload.as_bytes(), &header.kind))
    }
}
