//! Signed notes and their keys, as C2SP signed-note has them, with Ed25519 alone.
//!
//! A note is a text, an empty line, and signature lines: an em dash, the name of a key, and in base64 the key's id and
//! the signature. A key's id is `SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]`; a verifier key is written
//! `name+id+base64(type ‖ public key)`, a signing key `PRIVATE+KEY+name+id+base64(type ‖ seed)`.
//!
//! Signatures are verified strictly: keys and points of low order are refused, so that no signature holds for a key
//! under which anybody could make one. Lines of keys that are not known are passed over, as the specification says.
//! A signature shows that whoever holds the key signed the text, not when, and not that it is true.
//! `tests/it/notes.rs` compares with another implementation and takes the public vectors of edge cases.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::model::text::is_hidden;

/// The longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// The most signature lines that are read.
pub const SIGNATURES_MAX: usize = 64;

/// The last second at which a cosignature can have been made, since 1970-01-01: that of the year 9999. The specification
/// bounds it by what 63 bits hold, which no calendar shows.
pub const COSIGNED_SECOND_MAX: u64 = 253_402_300_799;

/// How a signing key begins, as it is kept in a file.
pub const SIGNING_KEY_START: &str = "PRIVATE+KEY+";

const ED25519: u8 = 0x01;
const COSIGNATURE: u8 = 0x04;
const DASH: &str = "\u{2014} ";

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// The text of a note.
    Ed25519,
    /// The text of a checkpoint, with a time before it: C2SP cosignature/v1.
    Cosignature,
}

/// Bytes, or text, that are no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It has not the parts of a key.
    #[error("it does not have the form {0}")]
    Form(&'static str),
    /// Its name cannot be one.
    #[error("its name {0:?} is empty, or holds white space, a hidden character or a plus sign")]
    Name(String),
    /// Its id is not the one that follows from the rest.
    #[error("its id is {found}, the one that follows from its name and bytes is {expected}")]
    Id {
        /// The id that follows.
        expected: String,
        /// The id given.
        found: String,
    },
    /// It is for an algorithm that is not known here.
    #[error("it is of type {0:#04x}; known are 0x01 (Ed25519) and 0x04 (cosignature/v1)")]
    Type(u8),
    /// Its bytes are no point of the curve, or one under which anybody could sign.
    #[error("its bytes are no Ed25519 key that can be trusted")]
    Point,
}

/// A public key, with the name under which it signs.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    algorithm: Algorithm,
    key: VerifyingKey,
}

impl VerifierKey {
    /// A key of these bytes.
    pub fn new(name: &str, algorithm: Algorithm, key: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| KeyError::Point)?;
        if key.is_weak() {
            return Err(KeyError::Point);
        }
        Ok(Self { name: name.to_owned(), algorithm, key })
    }

    /// Reads `name+id+base64`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        const FORM: KeyError = KeyError::Form("name+id+base64");
        let (name, rest) = text.split_once('+').ok_or(FORM)?;
        let (found, bytes) = rest.split_once('+').ok_or(FORM)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| FORM)?;
        let (kind, bytes) = bytes.split_first().ok_or(FORM)?;
        let algorithm = match *kind {
            ED25519 => Algorithm::Ed25519,
            COSIGNATURE => Algorithm::Cosignature,
            other => return Err(KeyError::Type(other)),
        };
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| FORM)?;
        check_name(name)?;
        check_id(found, key_id(name, *kind, bytes))?;
        Self::new(name, algorithm, bytes)
    }

    /// The name under which it signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key itself.
    pub fn bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The four bytes by which a signature line names it.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, self.algorithm.byte(), self.bytes())
    }

    /// Whether these 64 bytes are its signature of a message.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// As it is handed to others: `name+id+base64`.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.algorithm.byte()], self.bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex_id(self.id()), STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl Algorithm {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => ED25519,
            Self::Cosignature => COSIGNATURE,
        }
    }
}

/// A private key. Its bytes are overwritten when it is dropped, and no part of it is ever shown by `Debug`.
pub struct NoteSigner {
    name: String,
    key: SigningKey,
}

impl NoteSigner {
    /// The key of a seed of 32 bytes that nobody can guess.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// Reads `PRIVATE+KEY+name+id+base64`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        const FORM: KeyError = KeyError::Form("PRIVATE+KEY+name+id+base64");
        let rest = text.strip_prefix(SIGNING_KEY_START).ok_or(FORM)?;
        let (name, rest) = rest.split_once('+').ok_or(FORM)?;
        let (found, bytes) = rest.split_once('+').ok_or(FORM)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| FORM)?;
        let (kind, seed) = bytes.split_first().ok_or(FORM)?;
        if *kind != ED25519 {
            return Err(KeyError::Type(*kind));
        }
        let signer = Self::from_seed(name, seed.try_into().map_err(|_| FORM)?)?;
        check_id(found, key_id(name, ED25519, signer.key.verifying_key().as_bytes()))?;
        Ok(signer)
    }

    /// As it is kept in a file: `PRIVATE+KEY+name+id+base64`. Whoever reads it can sign.
    pub fn secret_text(&self) -> String {
        let bytes = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        let id = key_id(&self.name, ED25519, self.key.verifying_key().as_bytes());
        format!("PRIVATE+KEY+{}+{}+{}", self.name, hex_id(id), STANDARD.encode(bytes))
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        let key = self.key.verifying_key();
        VerifierKey { name: self.name.clone(), algorithm: Algorithm::Ed25519, key }
    }

    /// The signature line for a note's text.
    pub fn sign(&self, text: &str) -> SignatureLine {
        let signature = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        SignatureLine { name: self.name.clone(), id: self.verifier().id(), signature }
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.name)
    }
}

/// One line of signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub id: [u8; 4],
    /// The signature: 64 bytes for Ed25519, and 8 bytes of time before them for a cosignature.
    pub signature: Vec<u8>,
}

impl SignatureLine {
    /// Reads a line without its line feed.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(rest).ok().filter(|_| is_name(name))?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self { name: name.to_owned(), id: *id, signature: signature.to_vec() })
    }
}

/// The line without its line feed.
impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_slice(), &self.signature].concat();
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text and its signatures, not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

/// Bytes that are no signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// There are too many.
    #[error("a note has at most {NOTE_BYTES_MAX} bytes, this has {0}")]
    TooLong(usize),
    /// They are not UTF-8, or hold a control character.
    #[error("it is not UTF-8 text without control characters")]
    NotText,
    /// There is no text, an empty line and signatures.
    #[error("it is not a text, an empty line, and lines of signature")]
    Form,
    /// A line after the empty one is no signature.
    #[error("its line of signature {0} cannot be read")]
    Line(usize),
    /// There are too many signatures.
    #[error("a note has at most {SIGNATURES_MAX} signatures, this has {0}")]
    TooMany(usize),
    /// One key signs twice.
    #[error("two lines of signature name the same key: {name}, id {id}")]
    Twice {
        /// The name of the key.
        name: String,
        /// Its id.
        id: String,
    },
}

impl Note {
    /// A text, which must end with a line feed, with signatures.
    pub fn new(text: String, signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || text.contains(|c: char| c < ' ' && c != '\n') {
            return Err(NoteError::NotText);
        }
        if signatures.is_empty() {
            return Err(NoteError::Form);
        }
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::TooMany(signatures.len()));
        }
        for (index, one) in signatures.iter().enumerate() {
            let mut earlier = signatures.iter().take(index);
            if earlier.any(|other| (&other.name, other.id) == (&one.name, one.id)) {
                return Err(NoteError::Twice { name: one.name.clone(), id: hex_id(one.id) });
            }
        }
        let note = Self { text, signatures };
        // What could not be read back is no note.
        let bytes = note.to_string().len();
        if bytes > NOTE_BYTES_MAX { Err(NoteError::TooLong(bytes)) } else { Ok(note) }
    }

    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong(bytes.len()));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        let mut signatures = Vec::new();
        for (index, line) in lines.split('\n').enumerate() {
            let number = index.saturating_add(1);
            signatures.push(SignatureLine::parse(line).ok_or(NoteError::Line(number))?);
        }
        Self::new(format!("{text}\n"), signatures)
    }

    /// The text, its last line feed included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in order.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Adds a signature; one by the same key is replaced.
    pub fn add(&mut self, line: SignatureLine) -> Result<(), NoteError> {
        let same = |known: &&mut SignatureLine| known.name == line.name && known.id == line.id;
        let mut with = self.signatures.clone();
        match with.iter_mut().find(same) {
            Some(known) => *known = line,
            None => with.push(line),
        }
        *self = Self::new(self.text.clone(), with)?;
        Ok(())
    }

    /// What a key has signed of this note.
    pub fn signed_by(&self, key: &VerifierKey) -> Signed {
        let id = key.id();
        let mut lines = self.signatures.iter();
        let Some(line) = lines.find(|line| line.name == key.name && line.id == id) else {
            return Signed::No;
        };
        let (time, signature) = match key.algorithm {
            Algorithm::Ed25519 => (None, line.signature.as_slice()),
            Algorithm::Cosignature => match line.signature.split_first_chunk::<8>() {
                Some((time, signature)) => (Some(u64::from_be_bytes(*time)), signature),
                None => return Signed::Falsely,
            },
        };
        let message = match time {
            None => self.text.clone(),
            Some(time) if time > COSIGNED_SECOND_MAX => return Signed::Falsely,
            Some(time) => cosigned_message(time, &self.text),
        };
        match <&[u8; 64]>::try_from(signature) {
            Ok(signature) if key.verifies(message.as_bytes(), signature) => Signed::Yes { time },
            _ => Signed::Falsely,
        }
    }
}

/// The whole note, as it is stored and sent.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Whether a note bears a key's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// It does, and it holds; a cosignature has its time, in seconds since 1970-01-01.
    Yes {
        /// When the cosigner says it signed.
        time: Option<u64>,
    },
    /// It bears one that does not hold.
    Falsely,
    /// It bears none.
    No,
}

/// What a cosigner signs.
pub fn cosigned_message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// A key that is used is named by what can be seen. The specification forbids white space and plus signs alone, so lines of
/// keys that are not known may hold more ([`is_name`]).
fn check_name(name: &str) -> Result<(), KeyError> {
    if is_name(name) && !name.contains(is_hidden) {
        return Ok(());
    }
    Err(KeyError::Name(name.to_owned()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn check_id(found: &str, expected: [u8; 4]) -> Result<(), KeyError> {
    let expected = hex_id(expected);
    if found == expected {
        return Ok(());
    }
    Err(KeyError::Id { expected, found: found.to_owned() })
}

fn key_id(name: &str, kind: u8, key: &[u8; 32]) -> [u8; 4] {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(name.as_bytes())
        .chain_update([b'\n', kind])
        .chain_update(key)
        .finalize()
        .into();
    let [a, b, c, d, ..] = hash;
    [a, b, c, d]
}

fn hex_id(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn signer() -> NoteSigner {
        NoteSigner::from_seed("example.org/desk", &[7; 32]).unwrap()
    }

    fn note() -> Note {
        let text = "example.org/desk\n3\nbase64\n".to_owned();
        let line = signer().sign(&text);
        Note::new(text, vec![line]).unwrap()
    }

    #[test]
    fn keys_and_notes_read_back() {
        let (signer, note) = (signer(), note());
        let again = NoteSigner::parse(&signer.secret_text()).unwrap();
        assert_eq!(again.verifier(), signer.verifier());
        let vkey = signer.verifier();
        assert_eq!(VerifierKey::parse(&vkey.to_string()), Ok(vkey.clone()));
        assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note.clone()));
        assert_eq!(note.signed_by(&vkey), Signed::Yes { time: None });
        assert_eq!(format!("{signer:?}"), "NoteSigner(example.org/desk)", "no secret is shown");
    }

    #[test]
    fn every_flipped_bit_of_a_note_is_refused() {
        let (note, key) = (note().to_string().into_bytes(), signer().verifier());
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut changed = note.clone();
                changed[at] ^= 1 << bit;
                let held = Note::parse(&changed).map(|note| note.signed_by(&key));
                assert!(!matches!(held, Ok(Signed::Yes { .. })), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_key_is_refused_or_another_key() {
        let (note, key) = (note(), signer().verifier());
        let text = key.to_string();
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut changed = text.clone().into_bytes();
                changed[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(changed) else { continue };
                let read = VerifierKey::parse(&changed);
                assert!(read.is_err(), "byte {at} bit {bit}: {read:?} {:?}", note.signatures);
            }
        }
    }

    #[test]
    fn a_cosignature_holds_for_its_own_time_alone() {
        let key = SigningKey::from_bytes(&[8; 32]);
        let public = key.verifying_key();
        let cosigner =
            VerifierKey::new("witness.example/w", Algorithm::Cosignature, public.as_bytes())
                .unwrap();
        let mut note = note();
        let time = 1_700_000_000_u64;
        let signature = key.sign(cosigned_message(time, note.text()).as_bytes()).to_bytes();
        let signature = [time.to_be_bytes().as_slice(), &signature].concat();
        let line = SignatureLine { name: cosigner.name.clone(), id: cosigner.id(), signature };
        note.add(line.clone()).unwrap();
        assert_eq!(note.signed_by(&cosigner), Signed::Yes { time: Some(time) });
        for at in 0..8 {
            let mut later = line.clone();
            later.signature[at] ^= 1;
            note.add(later).unwrap();
            assert_eq!(note.signed_by(&cosigner), Signed::Falsely, "byte {at} of the time");
        }
        assert_eq!(note.signatures().len(), 2, "a second by the same key replaces the first");
    }

    /// What would break: while keys are exchanged, the line of one would take the place of the other's.
    #[test]
    fn signatures_by_two_keys_of_one_name_are_both_kept() {
        let mut note = note();
        let other = NoteSigner::from_seed("example.org/desk", &[8; 32]).unwrap();
        note.add(other.sign(note.text())).unwrap();
        for key in [signer().verifier(), other.verifier()] {
            assert_eq!(note.signed_by(&key), Signed::Yes { time: None }, "{key}");
        }
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let note = note().to_string();
        let line = note.lines().last().unwrap().to_owned();
        let many = |count: u32| {
            let lines: String = (0..count)
                .map(|n| line.replace("example.org/desk", &format!("k{n}")) + "\n")
                .collect();
            format!("text\n\n{lines}")
        };
        assert!(Note::parse(many(16).as_bytes()).is_ok(), "sixteen at least are read");
        assert!(Note::parse(many(64).as_bytes()).is_ok());
        assert_eq!(Note::parse(many(65).as_bytes()), Err(NoteError::TooMany(65)));
        let twice = format!("{note}{line}\n");
        assert!(matches!(Note::parse(twice.as_bytes()), Err(NoteError::Twice { .. })));
        for bad in [
            "",
            "\n",
            "text\n",
            "text\n\n",
            "text\n\nline\n",
            &note[..note.len() - 1],
            &note.replace("— ", "- "),
            &note.replace("desk\n", "desk\r\n"),
            &note.replace("desk ", "de sk "),
        ] {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Note::parse(&[0xff, b'\n', b'\n']).is_err());
    }
}
