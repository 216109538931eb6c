//! The proof of an event, and its check without the log: [`EventLog::prove`] and [`check`].
//!
//! The file is a C2SP tlog-proof ([`crate::record::event_proof`]). Its extra data is canonical JSON: `event`, as an export
//! has it, with the payload open, and the sealed part only if it is disclosed; and, where one is known, `before`: a
//! checkpoint that does not hold the event yet, with the proof that the other extends it. Together with the times at
//! which witnesses cosigned the two it brackets when the event came into the log.
//!
//! A proof shows that the event is in the log that the checkpoint is of. It does not show that what was reported is
//! true, and without a policy not who signed. `tests/it/proofs.rs` flips every byte of one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::tree::{StoredTree, as_store_error};
use super::{DoesNotFit, EventLog, read_payload};
use crate::model::value::{Object, Value};
use crate::record::checkpoint::{Checkpoint, CheckpointError};
use crate::record::commitment::{Salt, commit_payload, commit_sealed};
use crate::record::event_proof::{EventProof, EventProofError};
use crate::record::export::{EventLine, LineError, decode_event, encode_event};
use crate::record::header::Header;
use crate::record::json::{self, JsonError};
use crate::record::merkle::{
    MerkleError, ProveError as PathError, check_consistency, check_inclusion, prove_consistency,
    prove_inclusion,
};
use crate::record::note::Note;
use crate::record::policy::{Judgement, Policy};
use crate::record::tile::{TileError, Tiles};
use crate::record::tree::{NodeHash, leaf_hash};
use crate::replay::Content;
use crate::store::{Part, Store, StoreError};

/// A proof cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such event.
    #[error("there is no event {0}")]
    NoSuchEvent(u64),
    /// The checkpoint does not hold the event, or the log not the checkpoint.
    #[error("{0}")]
    Merkle(MerkleError),
    /// The proof cannot be written.
    #[error("the proof cannot be written: {0}")]
    Write(std::io::Error),
    /// A stored part is no text.
    #[error("the {part} of event {seq} is not UTF-8 text")]
    NotText {
        /// The event.
        seq: u64,
        /// Which part.
        part: &'static str,
    },
}

/// A proof does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// It is no proof.
    #[error(transparent)]
    Form(#[from] EventProofError),
    /// It holds no event.
    #[error("its extra data holds no event: {0}")]
    NoEvent(&'static str),
    /// Its extra data is not canonical JSON.
    #[error("its extra data: {0}")]
    Json(#[from] JsonError),
    /// The event in it cannot be read.
    #[error("the event in it cannot be read: {0}")]
    Line(#[from] LineError),
    /// The event does not fit.
    #[error("event {seq}: {wrong}")]
    Event {
        /// The event.
        seq: u64,
        /// What is wrong with it.
        wrong: DoesNotFit,
    },
    /// The event is of another log than the checkpoint.
    #[error("the event is of the log {event:?}, the checkpoint of {checkpoint:?}")]
    OtherLog {
        /// The origin in the header.
        event: String,
        /// The origin in the checkpoint.
        checkpoint: String,
    },
    /// Its sealed part is not the one that its header commits to.
    #[error("its sealed part is not the one that its header commits to")]
    Sealed,
    /// What is opened fits its header, but is not what the log takes in.
    #[error("its {part} fits its header, but no log takes it in: {why}")]
    Opened {
        /// Which part.
        part: &'static str,
        /// Why.
        why: String,
    },
    /// A path does not lead where it must.
    #[error(transparent)]
    Merkle(#[from] MerkleError),
    /// The checkpoint from before the event cannot be read.
    #[error("the checkpoint from before the event cannot be read: {0}")]
    Before(CheckpointError),
    /// The checkpoint from before holds the event, or is of another log.
    #[error("the checkpoint from before the event is of another log, or holds the event")]
    NotBefore,
}

/// A proof whose hashes hold.
#[derive(Debug)]
pub struct CheckedEvent {
    /// The header of the event.
    pub header: Header,
    /// Its payload's bytes; `None` if it was erased.
    pub payload: Option<Vec<u8>>,
    /// Whether this version cannot read the payload as an event of the kind that the header names.
    pub is_unreadable: bool,
    /// Its sealed part, if it has one; `Some(None)` if it is not disclosed.
    pub sealed: Option<Option<Vec<u8>>>,
    /// The checkpoint that holds it.
    pub checkpoint: Checkpoint,
    /// The note that the checkpoint stands in.
    pub note: Note,
    /// What the policy makes of it.
    pub judgement: Option<Judgement>,
    /// A checkpoint from before the event, with what the policy makes of it.
    pub before: Option<(Checkpoint, Option<Judgement>)>,
}

impl<S: Store> EventLog<S> {
    /// The proof that event `seq` is under a checkpoint, and after another one if there is one to show.
    pub fn prove(
        &self,
        seq: u64,
        under: (&Note, &Checkpoint),
        before: Option<(&Note, &Checkpoint)>,
        disclose_sealed: bool,
    ) -> Result<EventProof, ProveError> {
        let (note, checkpoint) = under;
        let event = self.stored(seq)?.ok_or(ProveError::NoSuchEvent(seq))?;
        let open = |part: &Part, name| match part {
            Part::Present { salt, bytes } => Ok(Some((*salt, text(seq, bytes, name)?))),
            Part::Absent => Ok::<_, ProveError>(None),
        };
        let sealed = match &event.sealed {
            None => None,
            Some(part) if disclose_sealed => Some(open(part, "sealed part")?),
            Some(_) => Some(None),
        };
        let line = EventLine {
            header: text(seq, &event.header, "header")?,
            payload: open(&event.payload, "payload")?,
            sealed,
        };
        let mut extra = Object::new();
        if let Some((note, earlier)) = before {
            let path =
                self.path(|tiles| prove_consistency(earlier.size, checkpoint.size, tiles))?;
            let path = path.iter().map(|hash| Value::Text(STANDARD.encode(hash).into())).collect();
            let mut before = Object::new();
            before.insert("consistency".into(), Value::List(path));
            before.insert("note".into(), Value::Text(note.to_string().into()));
            extra.insert("before".into(), Value::Object(before));
        }
        extra.insert("event".into(), Value::Object(encode_event(&line)));
        Ok(EventProof {
            extra: Some(json::canonical(&Value::Object(extra))),
            index: seq,
            path: self.path(|tiles| prove_inclusion(seq, checkpoint.size, tiles))?,
            note: note.clone(),
            checkpoint: checkpoint.clone(),
        })
    }

    /// Runs something that proves from the stored tree.
    pub(super) fn path(
        &self,
        prove: impl FnOnce(
            &Tiles<'_, StoredTree<'_, S>>,
        ) -> Result<Vec<NodeHash>, PathError<TileError<StoreError>>>,
    ) -> Result<Vec<NodeHash>, ProveError> {
        prove(&Tiles(&StoredTree(&self.store))).map_err(|error| match error {
            PathError::Merkle(error) => ProveError::Merkle(error),
            PathError::Read(error) => ProveError::Store(as_store_error(error)),
        })
    }

    /// The proof that the first `old` events stand unchanged among the first `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<NodeHash>, ProveError> {
        self.path(|tiles| prove_consistency(old, new, tiles))
    }
}

/// Checks a proof without the log: every hash, and the signatures as far as a policy names whom to trust.
pub fn check(text: &str, policy: Option<&Policy>) -> Result<CheckedEvent, CheckError> {
    let proof = EventProof::parse(text)?;
    let extra = proof.extra.as_deref().ok_or(CheckError::NoEvent("there is none"))?;
    let Value::Object(extra) = json::parse_canonical(extra)? else {
        return Err(CheckError::NoEvent("it is no object"));
    };
    if extra.iter().any(|(key, _)| !matches!(key, "before" | "event")) {
        return Err(CheckError::NoEvent("it has a key that is not known"));
    }
    let Some(Value::Object(event)) = extra.get("event") else {
        return Err(CheckError::NoEvent("it has no event"));
    };
    let line = decode_event(event)?;
    let seq = proof.index;
    let fits = |wrong: Option<DoesNotFit>| match wrong {
        Some(wrong) => Err(CheckError::Event { seq, wrong }),
        None => Ok(()),
    };
    let header = Header::from_bytes(line.header.as_bytes())
        .map_err(|error| CheckError::Event { seq, wrong: error.into() })?;
    fits((header.seq != seq).then_some(DoesNotFit::Seq(header.seq)))?;
    let checkpoint = proof.checkpoint;
    if header.log != checkpoint.origin {
        return Err(CheckError::OtherLog { event: header.log, checkpoint: checkpoint.origin });
    }
    let leaf = leaf_hash(line.header.as_bytes());
    check_inclusion(seq, &leaf, checkpoint.size, &checkpoint.root, &proof.path)?;
    if let Some((salt, payload)) = &line.payload {
        let (expected, found) = (header.payload, commit_payload(&Salt(*salt), payload.as_bytes()));
        fits((found != expected).then_some(DoesNotFit::Payload { expected, found }))?;
        opened("payload", payload, Some(&header.kind))?;
    }
    match (&line.sealed, header.sealed) {
        (None, None) | (Some(None), Some(_)) => {}
        (Some(Some((salt, sealed))), Some(expected))
            if commit_sealed(&Salt(*salt), sealed.as_bytes()) == expected =>
        {
            opened("sealed part", sealed, None)?;
        }
        _ => return Err(CheckError::Sealed),
    }
    let before = match extra.get("before") {
        Some(Value::Object(before)) => Some(check_before(before, seq, &checkpoint, policy)?),
        Some(_) => return Err(CheckError::NotBefore),
        None => None,
    };
    let judgement = policy.map(|policy| policy.judge(&proof.note));
    let payload = line.payload.map(|(_, bytes)| bytes.into_bytes());
    let read = payload.as_ref().map(|bytes| read_payload(bytes, &header.kind));
    Ok(CheckedEvent {
        header,
        payload,
        is_unreadable: read == Some(Content::Unreadable),
        sealed: line.sealed.map(|sealed| sealed.map(|(_, bytes)| bytes.into_bytes())),
        checkpoint,
        note: proof.note,
        judgement,
        before,
    })
}

/// What is opened must say one thing: an object in canonical JSON, where no key stands twice, and of the header's kind.
fn opened(part: &'static str, text: &str, kind: Option<&str>) -> Result<(), CheckError> {
    let not_one_thing = |why: String| CheckError::Opened { part, why };
    match json::parse_canonical(text.as_bytes()) {
        Err(error) => Err(not_one_thing(error.to_string())),
        Ok(Value::Object(fields)) => match (kind, fields.get("kind")) {
            (None, _) => Ok(()),
            (Some(kind), Some(Value::Text(found))) if found == kind => Ok(()),
            (Some(kind), _) => Err(not_one_thing(format!("it is not of the kind {kind:?}"))),
        },
        Ok(_) => Err(not_one_thing("it is no object".to_owned())),
    }
}

fn check_before(
    before: &Object<'_>,
    seq: u64,
    checkpoint: &Checkpoint,
    policy: Option<&Policy>,
) -> Result<(Checkpoint, Option<Judgement>), CheckError> {
    let (Some(Value::Text(note)), Some(Value::List(path)), 2) =
        (before.get("note"), before.get("consistency"), before.len())
    else {
        return Err(CheckError::NotBefore);
    };
    let (note, earlier) = Checkpoint::parse_note(note.as_bytes()).map_err(CheckError::Before)?;
    if earlier.origin != checkpoint.origin || earlier.size > seq {
        return Err(CheckError::NotBefore);
    }
    let hash = |value: &Value<'_>| match value {
        Value::Text(text) => STANDARD.decode(&**text).ok()?.try_into().ok(),
        _ => None,
    };
    let path: Option<Vec<NodeHash>> = path.iter().map(hash).collect();
    let path = path.ok_or(CheckError::NotBefore)?;
    let (old, new) = ((earlier.size, &earlier.root), (checkpoint.size, &checkpoint.root));
    check_consistency(old.0, old.1, new.0, new.1, &path)?;
    let judgement = policy.map(|policy| policy.judge(&note));
    Ok((earlier, judgement))
}

fn text(seq: u64, bytes: &[u8], part: &'static str) -> Result<String, ProveError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| ProveError::NotText { seq, part })
}
