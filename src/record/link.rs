//! Links: each event commits to every event before it.
//!
//! The link of an event is BLAKE3, in the derive-key context [`LINK_CONTEXT`], of its header bytes; the next header
//! carries it as `prev`. A chain proves order and integrity *relative to a head that is trusted already*. It does not
//! prove that the head is the only one: whoever writes the store can rebuild the chain.

use std::fmt;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, hash_derive_key_context};

use super::commitment::derive_from;
use super::hex;
use super::many::derive_many;

/// The derive-key context of links.
pub const LINK_CONTEXT: &str = "demarche 2026-11-24 link v1";

static KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(LINK_CONTEXT));

/// The link of an event: 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Link(pub [u8; 32]);

impl Link {
    /// What event 0 names as the link before it.
    pub const ZERO: Self = Self([0; 32]);

    /// The link of the event with these header bytes.
    pub fn of(header: &[u8]) -> Self {
        Self(derive_from(&KEY, &[header]))
    }

    /// The links of many events, at a fraction of the cost.
    pub fn of_many<'h>(headers: impl Iterator<Item = &'h [u8]>) -> Vec<Self> {
        let messages: Vec<[&[u8]; 2]> = headers.map(|header| [header, &[]]).collect();
        derive_many(&KEY, &messages).into_iter().map(Self).collect()
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode(text).map(Self)
    }

    /// Its first and last digits, for people: `9f3c…e1`.
    pub fn short(&self) -> String {
        let digits = self.to_string();
        let first: String = digits.chars().take(4).collect();
        let last: String = digits.chars().skip(62).collect();
        format!("{first}…{last}")
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_shown_by_its_first_and_last_digits() {
        let mut link = Link([0; 32]);
        (link.0[0], link.0[1], link.0[31]) = (0x9f, 0x3c, 0xe1);
        assert_eq!(link.short(), "9f3c…e1");
    }

    #[test]
    fn a_link_is_derived_in_its_context() {
        assert_eq!(Link::of(b"header").0, blake3::derive_key(LINK_CONTEXT, b"header"));
    }
}
