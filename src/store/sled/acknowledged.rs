//! The head that was acknowledged last, in a file beside the store, `DIR/head`.
//!
//! sled takes damage near the end of its file for a write that was torn, and goes on from before it: one bad bit there,
//! and thousands of events that were acknowledged are gone without a word. So whoever opens the store compares. The file
//! is written after the append is durable and is not synced itself: after a power cut it may be older than the store,
//! which is no sign of anything, but never newer. One that is not whole says nothing.
//!
//! It finds accidents. Whoever rewrites the store can write this, too; what binds them is in docs/threat-model.md.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::names::HEAD;
use super::{Head, StoreError};
use crate::store::regular;

/// More bytes than the file has: a number of twenty digits, a link, sixteen digits of a hash of both.
const BYTES_READ: u64 = 200;

/// The file, open.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
    /// What it said when it was opened.
    before: Option<Head>,
}

impl Acknowledged {
    /// Opens the file of a log, or makes an empty one.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let (path, before) = (Self::path(dir), Self::noted(dir));
        match regular::open_or_make_own(&path) {
            Ok(file) => Ok(Self { file, before }),
            Err(error) => Err(StoreError::Io { path, error }),
        }
    }

    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join(HEAD)
    }

    /// Sees whether the store of a log still holds as many events as were acknowledged; nothing is written.
    pub(super) fn check(dir: &Path, found: Head) -> Result<(), StoreError> {
        match Self::noted(dir) {
            Some(acknowledged) if acknowledged.size > found.size => Err(StoreError::Shortened {
                acknowledged: acknowledged.size,
                found: found.size,
                path: Self::path(dir),
            }),
            _ => Ok(()),
        }
    }

    /// Sees whether a log with this head can take the place of what was acknowledged in a directory.
    pub(super) fn check_in_place(dir: &Path, head: Head) -> Result<(), StoreError> {
        match Self::noted(dir) {
            Some(noted) if noted.size > head.size || (noted.size == head.size && noted != head) => {
                Err(StoreError::TurnedBack {
                    acknowledged: noted.size,
                    given: head.size,
                    path: Self::path(dir),
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether a log has noted its head in `dir`.
    pub(super) fn is_noted(dir: &Path) -> bool {
        Self::noted(dir).is_some()
    }

    /// What was acknowledged last in `dir`, if that is noted.
    pub(super) fn noted(dir: &Path) -> Option<Head> {
        decode(&bytes(regular::open_own(&Self::path(dir)).ok()?)?)
    }

    /// Whether there is no such file, or one that may be what is left of one of ours.
    pub(super) fn may_be(path: &Path) -> bool {
        let is_ours = |byte: &u8| byte.is_ascii_hexdigit() || b" \n\0".contains(byte);
        match regular::open_own(path) {
            Ok(file) => bytes(file).is_some_and(|bytes| bytes.iter().all(is_ours)),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Notes a head, whose events are durable. That they are acknowledged cannot fail any more: where this cannot be
    /// written, the file says less than it could.
    pub(super) fn note(&mut self, head: Head) {
        let noted = encode(head);
        let _ = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(&noted));
    }

    /// What the file said when it was opened.
    pub(super) const fn before(&self) -> Option<Head> {
        self.before
    }

    /// Has the file say what it said before it was opened; if that was nothing, takes it away.
    pub(super) fn take_back(&mut self, dir: &Path) -> Result<(), StoreError> {
        if let Some(before) = self.before {
            self.note(before);
            return Ok(());
        }
        let path = Self::path(dir);
        fs::remove_file(&path).map_err(|error| StoreError::Io { path, error })
    }
}

fn bytes(file: File) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(BYTES_READ).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn encode(head: Head) -> Vec<u8> {
    let link: String = head.link.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = format!("{:020} {link} ", head.size);
    let hash = blake3::hash(text.as_bytes()).to_hex();
    text.extend(hash.chars().take(16));
    text.push('\n');
    text.into_bytes()
}

fn decode(bytes: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (size, rest) = text.split_once(' ')?;
    let (link, _) = rest.split_once(' ')?;
    let link = blake3::Hash::from_hex(link).ok()?;
    let head = Head { size: size.parse().ok()?, link: *link.as_bytes() };
    (encode(head) == bytes).then_some(head)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_with_any_bit_changed_or_cut_off_says_nothing() {
        let head = Head { size: 3094, link: [7; 32] };
        let whole = encode(head);
        assert_eq!(decode(&whole), Some(head));
        for at in 0..whole.len() {
            assert_eq!(decode(&whole[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(decode(&changed), None, "byte {at}, bit {bit}");
            }
        }
    }
}
