//! Checkpoints: how large a log is, and its root, signed. C2SP tlog-checkpoint, without extension lines.
//!
//! A signature alone does not keep its signer from signing another one of the same size: to show that, somebody has
//! to hold both. So each is kept in a journal ([`super::journal`]), and shown to witnesses.

use std::fmt;

use super::note::{Note, NoteError, NoteSigner};
use super::tree::Root;

/// The size and root of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Who keeps the log.
    pub origin: String,
    /// How many events it has.
    pub size: u64,
    /// The root over their headers.
    pub root: Root,
}

/// Text that is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text is not an origin, a size and a root, a line each.
    #[error("its text is not an origin, a size and a root in base64, a line each")]
    Form,
}

impl Checkpoint {
    /// Reads the text of a note.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Form)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Form);
        };
        let number: u64 = size.parse().map_err(|_| CheckpointError::Form)?;
        // One spelling: no sign, no leading zero.
        if origin.is_empty() || number.to_string() != size || i64::try_from(number).is_err() {
            return Err(CheckpointError::Form);
        }
        let root = Root::from_base64(root).ok_or(CheckpointError::Form)?;
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }

    /// Reads a signed note and the checkpoint in it.
    pub fn parse_note(bytes: &[u8]) -> Result<(Note, Self), CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Self::parse(note.text())?;
        Ok((note, checkpoint))
    }

    /// The note that these keys sign.
    pub fn sign(&self, signers: &[&NoteSigner]) -> Result<Note, NoteError> {
        let text = self.to_string();
        let lines = signers.iter().map(|signer| signer.sign(&text)).collect();
        Note::new(text, lines)
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_nothing_else_does() {
        let checkpoint =
            Checkpoint { origin: "example.org/desk".to_owned(), size: 12, root: Root([5; 32]) };
        let text = checkpoint.to_string();
        assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
        for (from, to) in [
            ("\n12\n", "\n012\n"),
            ("\n12\n", "\n+12\n"),
            ("\n12\n", "\n-1\n"),
            ("\n12\n", "\n9223372036854775808\n"),
            ("example.org/desk", ""),
            ("=\n", "\n"),
            ("=\n", "=\nextension\n"),
            ("=\n", "="),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert_eq!(Checkpoint::parse(&changed), Err(CheckpointError::Form), "{changed:?}");
        }
    }
}
