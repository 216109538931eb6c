//! What the program itself records: the genesis, keys, erasures, time stamps. `docs/format.md` has the fields.
//!
//! A key comes with a signed note, its endorsement, by itself and, if it replaces another, by that one too: so whoever
//! trusts the first key of a log can follow to the last. [`KeyRing`] does. A key that no earlier one endorsed shows
//! only that whoever added it holds it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::header::FORMAT_VERSION;
use super::note::{Note, NoteError, NoteSigner, Signed, VerifierKey};
use crate::model::calendar::Instant;
use crate::model::value::{INTEGER_MAX, Object, Value};

/// What a program-made event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemEvent {
    /// Event 0.
    Genesis(Genesis),
    /// A key begins or ends.
    Key(KeyEvent),
    /// The content of other events was taken away.
    Erasure(Erasure),
    /// A checkpoint was stamped with a time.
    Anchor(Anchor),
}

/// How a log begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// Who keeps the log.
    pub origin: String,
    /// When it was made.
    pub created: Instant,
    /// The first key that signs its checkpoints.
    pub key: Option<VerifierKey>,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOp {
    /// It is added, and no earlier key says so.
    New,
    /// It is added, and an earlier key says so too; both sign from then on.
    Rotate,
    /// It signs no more.
    Retire,
}

/// A key begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    /// What becomes of it.
    pub op: KeyOp,
    /// The key.
    pub key: VerifierKey,
    /// The note that says so, signed.
    pub endorsement: Note,
}

/// The content of other events was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The numbers of the events.
    pub of: Vec<u64>,
    /// Why.
    pub why: String,
    /// Who asked for it, or did it.
    pub by: Option<String>,
}

/// A checkpoint was stamped with a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The note that was stamped, byte for byte.
    pub checkpoint: String,
    /// The whole RFC 3161 response.
    pub response: Vec<u8>,
    /// The time in it.
    pub time: Instant,
}

impl KeyOp {
    /// Its name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Rotate => "rotate",
            Self::Retire => "retire",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::New, Self::Rotate, Self::Retire].into_iter().find(|op| op.as_str() == text)
    }
}

impl KeyEvent {
    /// The event, endorsed by these keys.
    pub fn endorsed(
        op: KeyOp,
        origin: &str,
        key: VerifierKey,
        by: &[&NoteSigner],
    ) -> Result<Self, NoteError> {
        let text = endorsement_text(op, origin, &key);
        let lines = by.iter().map(|signer| signer.sign(&text)).collect();
        Ok(Self { op, key, endorsement: Note::new(text, lines)? })
    }
}

fn endorsement_text(op: KeyOp, origin: &str, key: &VerifierKey) -> String {
    format!("demarche key v1\n{origin}\n{}\n{key}\n", op.as_str())
}

impl SystemEvent {
    /// The name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Genesis(_) => "genesis",
            Self::Key(_) => "key",
            Self::Erasure(_) => "erasure",
            Self::Anchor(_) => "anchor",
        }
    }

    /// Its payload.
    pub fn to_payload(&self) -> Object<'static> {
        let mut payload = Object::new();
        let mut set = |key: &'static str, value: Value<'static>| {
            payload.insert(key.into(), value);
        };
        set("kind", text(self.kind()));
        match self {
            Self::Genesis(genesis) => {
                set("created", text(&genesis.created.to_string()));
                set("format", Value::Integer(FORMAT_VERSION));
                if let Some(key) = &genesis.key {
                    set("key", text(&key.to_string()));
                }
                set("origin", text(&genesis.origin));
            }
            Self::Key(event) => {
                set("endorsement", text(&event.endorsement.to_string()));
                set("op", text(event.op.as_str()));
                set("vkey", text(&event.key.to_string()));
            }
            Self::Erasure(erasure) => {
                let number = |seq: &u64| Value::Integer(i64::try_from(*seq).unwrap_or(INTEGER_MAX));
                set("of", Value::List(erasure.of.iter().map(number).collect()));
                set("why", text(&erasure.why));
                if let Some(by) = &erasure.by {
                    set("by", text(by));
                }
            }
            Self::Anchor(anchor) => {
                set("checkpoint", text(&anchor.checkpoint));
                set("response", text(&STANDARD.encode(&anchor.response)));
                set("time", text(&anchor.time.to_string()));
            }
        }
        payload
    }

    /// Reads the payload of a program-made event; `None` if it is none, to the letter: it has nothing more, and nothing in
    /// another form, than [`SystemEvent::to_payload`] gives.
    pub fn from_payload(payload: &Object<'_>) -> Option<Self> {
        Self::read(payload).filter(|event| event.to_payload() == *payload)
    }

    fn read(payload: &Object<'_>) -> Option<Self> {
        let text = |key: &str| match payload.get(key) {
            Some(Value::Text(text)) => Some(&**text),
            _ => None,
        };
        Some(match text("kind")? {
            "genesis" => Self::Genesis(Genesis {
                origin: text("origin")?.to_owned(),
                created: Instant::parse_recorded(text("created")?)?,
                key: match payload.get("key") {
                    Some(_) => Some(VerifierKey::parse(text("key")?).ok()?),
                    None => None,
                },
            }),
            "key" => Self::Key(KeyEvent {
                op: KeyOp::parse(text("op")?)?,
                key: VerifierKey::parse(text("vkey")?).ok()?,
                endorsement: Note::parse(text("endorsement")?.as_bytes()).ok()?,
            }),
            "erasure" => {
                let Some(Value::List(of)) = payload.get("of") else { return None };
                let number = |value: &Value<'_>| match value {
                    Value::Integer(seq) => u64::try_from(*seq).ok(),
                    _ => None,
                };
                Self::Erasure(Erasure {
                    of: of.iter().map(number).collect::<Option<_>>()?,
                    why: text("why")?.to_owned(),
                    by: text("by").map(str::to_owned),
                })
            }
            "anchor" => Self::Anchor(Anchor {
                checkpoint: text("checkpoint")?.to_owned(),
                response: STANDARD.decode(text("response")?).ok()?,
                time: Instant::parse_recorded(text("time")?)?,
            }),
            _ => return None,
        })
    }
}

/// The format that a genesis names, if it is another than the one that this version knows.
pub fn other_format(payload: &Object<'_>) -> Option<i64> {
    match (payload.get("kind"), payload.get("format")) {
        (Some(Value::Text(kind)), Some(Value::Integer(format)))
            if kind == "genesis" && *format != FORMAT_VERSION =>
        {
            Some(*format)
        }
        _ => None,
    }
}

/// The keys that have signed for a log, as its own events tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRing(Vec<RingKey>);

/// A key of a log, and for which sizes it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingKey {
    /// The key.
    pub key: VerifierKey,
    /// The event that added it.
    pub added: u64,
    /// The event that retired it.
    pub retired: Option<u64>,
    /// Whether the genesis names it, or an earlier key of the ring endorsed it.
    pub endorsed: bool,
    /// The keys, then in use, that endorsed it.
    pub by: Vec<VerifierKey>,
}

/// Why an event about a key changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// The note is not the one that belongs to the event.
    #[error("its endorsement is for another key, log or step")]
    Text,
    /// A signature that must be there is not, or does not hold.
    #[error("its endorsement is not signed by the keys that must sign it")]
    Signature,
    /// The key is in the ring already, or, to be retired, is not.
    #[error("its key is known already, or, to be retired, is not in use")]
    Order,
    /// The key bears another name than the log.
    #[error("its key does not bear the name of the log")]
    Name,
}

impl KeyRing {
    /// Takes in the genesis.
    pub fn begin(&mut self, genesis: &Genesis) -> Result<(), KeyFault> {
        let Some(key) = &genesis.key else { return Ok(()) };
        if key.name() != genesis.origin {
            return Err(KeyFault::Name);
        }
        self.0.push(RingKey {
            key: key.clone(),
            added: 0,
            retired: None,
            endorsed: true,
            by: Vec::new(),
        });
        Ok(())
    }

    /// Takes in what event `seq` says of a key.
    pub fn take(&mut self, seq: u64, origin: &str, event: &KeyEvent) -> Result<(), KeyFault> {
        if event.key.name() != origin {
            return Err(KeyFault::Name);
        }
        if event.endorsement.text() != endorsement_text(event.op, origin, &event.key) {
            return Err(KeyFault::Text);
        }
        let signed =
            |key: &VerifierKey| matches!(event.endorsement.signed_by(key), Signed::Yes { .. });
        let others =
            self.0.iter().filter(|known| known.retired.is_none() && known.key != event.key);
        let by: Vec<&RingKey> = others.filter(|known| signed(&known.key)).collect();
        let by_another = !by.is_empty();
        // An endorsement by a key that nobody endorsed leads nobody on from the first key.
        let by_endorsed = by.iter().any(|known| known.endorsed);
        let by: Vec<VerifierKey> = by.iter().map(|known| known.key.clone()).collect();
        let known = self.0.iter_mut().find(|known| known.key == event.key);
        match (event.op, known) {
            (KeyOp::New | KeyOp::Rotate, Some(_)) | (KeyOp::Retire, None) => Err(KeyFault::Order),
            (KeyOp::Retire, Some(known)) if known.retired.is_some() => Err(KeyFault::Order),
            (KeyOp::Retire, Some(_)) | (KeyOp::Rotate, None) if !by_another => {
                Err(KeyFault::Signature)
            }
            (KeyOp::Retire, Some(known)) => {
                known.retired = Some(seq);
                Ok(())
            }
            (_, None) if !signed(&event.key) => Err(KeyFault::Signature),
            (_, None) => {
                let endorsed = event.op == KeyOp::Rotate && by_endorsed;
                let by = if event.op == KeyOp::Rotate { by } else { Vec::new() };
                let key = event.key.clone();
                self.0.push(RingKey { key, added: seq, retired: None, endorsed, by });
                Ok(())
            }
        }
    }

    /// Every key there ever was, the first first.
    pub fn keys(&self) -> &[RingKey] {
        &self.0
    }

    /// What is known of a key.
    pub fn find(&self, key: &VerifierKey) -> Option<&RingKey> {
        self.0.iter().find(|known| known.key == *key)
    }

    /// Whether a key is in use.
    pub fn is_in_use(&self, key: &VerifierKey) -> bool {
        self.find(key).is_some_and(|known| known.retired.is_none())
    }

    /// The keys in use.
    pub fn in_use(&self) -> impl Iterator<Item = &RingKey> {
        self.0.iter().filter(|known| known.retired.is_none())
    }

    /// The keys to which endorsements lead from keys that are trusted, each with the one that endorsed it.
    pub fn followed(&self, trusted: &[VerifierKey]) -> Vec<(VerifierKey, VerifierKey)> {
        let mut all: Vec<(VerifierKey, VerifierKey)> = Vec::new();
        // A key is endorsed by earlier ones alone, so one pass finds all.
        for known in self.0.iter().filter(|known| !trusted.contains(&known.key)) {
            let leads =
                |by: &&VerifierKey| trusted.contains(by) || all.iter().any(|(key, _)| key == *by);
            if let Some(by) = known.by.iter().find(leads) {
                all.push((known.key.clone(), by.clone()));
            }
        }
        all
    }

    /// The keys that may sign a checkpoint of `size` events.
    pub fn at(&self, size: u64) -> impl Iterator<Item = &RingKey> {
        self.0.iter().filter(move |known| {
            known.added < size && known.retired.is_none_or(|retired| size <= retired)
        })
    }
}

fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const LOG: &str = "example.org/desk";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::from_seed(LOG, &[seed; 32]).unwrap()
    }

    fn ring() -> KeyRing {
        let mut ring = KeyRing::default();
        let created = Instant::from_micros(0);
        let key = Some(signer(1).verifier());
        ring.begin(&Genesis { origin: LOG.to_owned(), created, key }).unwrap();
        ring
    }

    fn event(op: KeyOp, seed: u8, by: &[u8]) -> KeyEvent {
        let signers: Vec<NoteSigner> = by.iter().map(|seed| signer(*seed)).collect();
        let signers: Vec<&NoteSigner> = signers.iter().collect();
        KeyEvent::endorsed(op, LOG, signer(seed).verifier(), &signers).unwrap()
    }

    #[test]
    fn events_read_back() {
        let created = Instant::from_micros(5);
        let note = event(KeyOp::New, 2, &[2]).endorsement.to_string();
        for event in [
            SystemEvent::Genesis(Genesis { origin: LOG.to_owned(), created, key: None }),
            SystemEvent::Genesis(Genesis {
                origin: LOG.to_owned(),
                created,
                key: Some(signer(1).verifier()),
            }),
            SystemEvent::Key(event(KeyOp::Rotate, 2, &[1, 2])),
            SystemEvent::Erasure(Erasure { of: vec![3, 4], why: "asked".to_owned(), by: None }),
            SystemEvent::Anchor(Anchor { checkpoint: note, response: vec![1, 2], time: created }),
        ] {
            assert_eq!(SystemEvent::from_payload(&event.to_payload()), Some(event.clone()));
            let mut more = event.to_payload();
            more.insert("more".into(), text("x"));
            assert_eq!(SystemEvent::from_payload(&more), None, "it says more: {event:?}");
        }
    }

    #[test]
    fn a_genesis_is_of_the_format_that_is_known() {
        let created = Instant::from_micros(0);
        let genesis = SystemEvent::Genesis(Genesis { origin: LOG.to_owned(), created, key: None });
        let mut payload = genesis.to_payload();
        assert_eq!(other_format(&payload), None);
        payload.insert("format".into(), Value::Integer(2));
        assert_eq!((other_format(&payload), SystemEvent::from_payload(&payload)), (Some(2), None));
        payload.remove("format");
        assert_eq!((other_format(&payload), SystemEvent::from_payload(&payload)), (None, None));
    }

    #[test]
    fn a_ring_follows_endorsements_and_no_others() {
        let mut ring = ring();
        assert_eq!(ring.take(3, LOG, &event(KeyOp::Rotate, 2, &[2])), Err(KeyFault::Signature));
        assert_eq!(ring.take(3, LOG, &event(KeyOp::Rotate, 2, &[1])), Err(KeyFault::Signature));
        assert_eq!(ring.take(3, LOG, &event(KeyOp::Rotate, 2, &[9, 2])), Err(KeyFault::Signature));
        assert_eq!(ring.take(3, LOG, &event(KeyOp::Rotate, 2, &[1, 2])), Ok(()));
        assert_eq!(ring.take(4, LOG, &event(KeyOp::Rotate, 2, &[1, 2])), Err(KeyFault::Order));
        assert_eq!(ring.take(5, LOG, &event(KeyOp::Retire, 1, &[1])), Err(KeyFault::Signature));
        assert_eq!(ring.take(5, LOG, &event(KeyOp::Retire, 1, &[2])), Ok(()));
        assert_eq!(ring.take(6, LOG, &event(KeyOp::Retire, 1, &[2])), Err(KeyFault::Order));
        // A retired key endorses nobody.
        assert_eq!(ring.take(7, LOG, &event(KeyOp::Rotate, 3, &[1, 3])), Err(KeyFault::Signature));
        assert_eq!(ring.take(7, LOG, &event(KeyOp::New, 3, &[3])), Ok(()));
        assert_eq!(
            ring.take(8, "example.org/other", &event(KeyOp::New, 4, &[4])),
            Err(KeyFault::Name)
        );
        let endorsed = |ring: &KeyRing| -> Vec<bool> {
            ring.keys().iter().map(|known| known.endorsed).collect()
        };
        assert_eq!(endorsed(&ring), [true, true, false]);
        let at = |size| ring.at(size).map(|known| known.added).collect::<Vec<_>>();
        assert_eq!(
            (at(1), at(3), at(4), at(5), at(6)),
            (vec![0], vec![0], vec![0, 3], vec![0, 3], vec![3])
        );
        // Whom nobody endorsed cannot endorse others, but can be endorsed past.
        let led = |trusted: u8| ring.followed(&[signer(trusted).verifier()]);
        assert_eq!(led(1), [(signer(2).verifier(), signer(1).verifier())]);
        assert_eq!(led(2), []);
        assert_eq!(led(3), [], "nobody endorsed it, and it endorsed nobody yet");
        assert_eq!(ring.take(9, LOG, &event(KeyOp::Rotate, 5, &[3, 5])), Ok(()));
        assert_eq!(ring.take(10, LOG, &event(KeyOp::Rotate, 6, &[2, 3, 6])), Ok(()));
        assert_eq!(endorsed(&ring), [true, true, false, false, true]);
        let in_use: Vec<u64> = ring.in_use().map(|known| known.added).collect();
        assert_eq!(in_use, [3, 7, 9, 10], "all but the one that was retired");
        let led = ring.followed(&[signer(1).verifier()]);
        let led: Vec<VerifierKey> = led.into_iter().map(|(key, _)| key).collect();
        assert_eq!(led, [signer(2).verifier(), signer(6).verifier()], "not to what 3 endorsed");
    }
}
