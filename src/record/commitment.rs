//! Commitments: a header names its payload, and its sealed part, by a salted hash.
//!
//! A commitment is BLAKE3 in derive-key mode over a salt of 32 random bytes and then the bytes. Without the salt, what
//! can be guessed ("country X closes its airspace") could be confirmed from the hash after it was erased. It does not
//! hide how long the bytes are from whoever sees them stored. `docs/format.md` has the contexts.

use std::fmt;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use super::hex;
use super::many::derive_many;

/// The derive-key context of payloads.
pub const PAYLOAD_CONTEXT: &str = "demarche 2026-11-24 payload v1";
/// The derive-key context of sealed parts.
pub const SEALED_CONTEXT: &str = "demarche 2026-11-24 sealed v1";

/// Thirty-two random bytes, kept beside what they salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

/// What a header says of bytes that it does not hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commitment(pub [u8; 32]);

static PAYLOAD_KEY: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context(PAYLOAD_CONTEXT));

/// The commitment to a payload's bytes.
pub fn commit_payload(salt: &Salt, payload: &[u8]) -> Commitment {
    Commitment(derive_from(&PAYLOAD_KEY, &[&salt.0, payload]))
}

/// The commitments to the bytes of many payloads, each with its salt, at a fraction of the cost.
pub fn commit_payloads<'p>(
    payloads: impl Iterator<Item = (&'p [u8; 32], &'p [u8])>,
) -> Vec<Commitment> {
    let messages: Vec<[&[u8]; 2]> = payloads.map(|(salt, payload)| [&salt[..], payload]).collect();
    derive_many(&PAYLOAD_KEY, &messages).into_iter().map(Commitment).collect()
}

/// The commitment to a sealed part's bytes.
pub fn commit_sealed(salt: &Salt, sealed: &[u8]) -> Commitment {
    static KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(SEALED_CONTEXT));
    Commitment(derive_from(&KEY, &[&salt.0, sealed]))
}

/// BLAKE3 in derive-key mode over some parts, one after the other: what `b3sum --derive-key` prints.
pub fn derive_key(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    derive_from(&hash_derive_key_context(context), parts)
}

/// The same, for a context that is hashed already.
pub(super) fn derive_from(context: &ContextKey, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_from_context_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

impl Commitment {
    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode(text).map(Self)
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salt_bytes_and_purpose_all_count() {
        let all = [
            commit_payload(&Salt([0; 32]), b"a"),
            commit_payload(&Salt([1; 32]), b"a"),
            commit_payload(&Salt([0; 32]), b"b"),
            commit_sealed(&Salt([0; 32]), b"a"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| other != one));
        }
    }

    #[test]
    fn each_purpose_has_its_context() {
        let (salt, bytes) = ([7; 32], b"bytes");
        let derived = |context: &str| {
            let mut hasher = blake3::Hasher::new_derive_key(context);
            Commitment(*hasher.update(&salt).update(bytes).finalize().as_bytes())
        };
        assert_eq!(commit_payload(&Salt(salt), bytes), derived(PAYLOAD_CONTEXT));
        assert_eq!(commit_sealed(&Salt(salt), bytes), derived(SEALED_CONTEXT));
    }
}
