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

use super::portable::{PortableError, read_line, write_line};
use super::{DoesNotFit, EventLog, read_payload};
use crate::model::calendar::Instant;
use crate::model::value::{Object, Value};
use crate::record::commitment::{Salt, commit_payload};
use crate::record::export::{EventLine, HeadLine, Line, LineError, decode};
use crate::record::header::Header;
use crate::record::json;
use crate::record::link::Link;
use crate::record::tree::{Frontier, leaf_hash};
use crate::replay::{Content, History};
use crate::store::{Part, Store};

/// The version of the claim.
pub const CLAIM_VERSION: i64 = 1;

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
    /// The head is not the one that the headers lead to.
    #[error("the head is {} with {} events, the headers lead to {} with {}", found.chain, found.size, expected.chain, expected.size)]
    Head {
        /// What the headers lead to.
        expected: Box<HeadLine>,
        /// What the proof says.
        found: Box<HeadLine>,
    },
    /// There is no head, or something after it.
    #[error("line {line}: {what}")]
    Order {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Writes the proof of an answer: the claim, every header, the payloads of the `open` events, the head.
pub fn write(
    log: &EventLog<impl Store>,
    question: &Object<'_>,
    answer: &Value<'_>,
    open: &BTreeSet<u64>,
    out: &mut dyn Write,
) -> Result<(), PortableError> {
    let claim: Object<'_> = [
        ("answer", answer.clone()),
        ("question", Value::Object(question.clone())),
        ("v", Value::Integer(CLAIM_VERSION)),
    ]
    .into_iter()
    .map(|(key, value)| (key.into(), value))
    .collect();
    out.write_all(&json::canonical(&Value::Object(claim)))?;
    out.write_all(b"\n")?;
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
    out.flush()?;
    Ok(())
}

/// Checks a proof as far as its bytes go.
pub fn check(input: &mut dyn BufRead) -> Result<Checked, ProofError> {
    let (first, _) = read_line(input)?.ok_or(ProofError::Claim("it is empty"))?;
    let (question, answer) = read_claim(&first)?;
    let mut checked = Checked {
        question,
        answer,
        origin: String::new(),
        head: HeadLine { size: 0, chain: Link::ZERO, root: Frontier::default().root() },
        history: History::new(),
        open: 0,
        withheld: Vec::new(),
    };
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
            return Err(ProofError::Order { line, what: "there is something after the head" });
        }
        match decode(&bytes).map_err(|error| ProofError::Line { line, error })? {
            Line::Event(event) => {
                let seq = checked.head.size;
                let header =
                    checked.take_in(&event).map_err(|wrong| ProofError::Event { seq, wrong })?;
                frontier.push(leaf_hash(event.header.as_bytes()));
                checked.head.chain = Link::of(event.header.as_bytes());
                checked.head.size += 1;
                if header.seq == 0 {
                    checked.origin = header.log;
                }
            }
            Line::Head(head) => stated = Some(head),
            Line::Source(_) => {
                return Err(ProofError::Order { line, what: "a proof holds no captured source" });
            }
        }
    }
    checked.head.root = frontier.root();
    match stated {
        Some(found) if found == checked.head => Ok(checked),
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

fn read_claim(line: &[u8]) -> Result<(Object<'static>, Value<'static>), ProofError> {
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
    if claim.len() > 1 {
        return Err(ProofError::Claim("it has more than question, answer and v"));
    }
    Ok((question.into_owned(), answer.into_owned()))
}

impl Checked {
    /// Takes in the next event, having checked that it fits.
    fn take_in(&mut self, event: &EventLine) -> Result<Header, DoesNotFit> {
        let header = Header::from_bytes(event.header.as_bytes())?;
        if header.seq != self.head.size {
            return Err(DoesNotFit::Seq(header.seq));
        }
        if header.prev != self.head.chain {
            return Err(DoesNotFit::Link { expected: self.head.chain, found: header.prev });
        }
        let content = match &event.payload {
            None => {
                let (seq, recorded_at) = (header.seq, header.recorded_at);
                self.withheld.push(Withheld { seq, kind: header.kind.clone(), recorded_at });
                Content::Absent
            }
            Some((salt, payload)) => {
                let found = commit_payload(&Salt(*salt), payload.as_bytes());
                if found != header.payload {
                    return Err(DoesNotFit::Payload { expected: header.payload, found });
                }
                self.open += 1;
                read_payload(payload.as_bytes(), &header.kind)
            }
        };
        self.history.push(header.recorded_at, content);
        Ok(header)
    }
}
