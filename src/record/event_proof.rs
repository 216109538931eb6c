//! The proof that one event is in a log, in the form of C2SP tlog-proof: place, path, checkpoint, and as extra data the
//! event itself, in the line that an export has for it.
//!
//! Any reader of that form can check the place of the header under the checkpoint. What the extra data says is checked
//! against the header that they hold: it is not trusted by itself. It does not show that the checkpoint is to be
//! believed: that is for a [`super::policy`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::Note;
use super::tree::NodeHash;

/// The first line of a proof.
pub const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// The most hashes of a path.
pub const PATH_HASHES_MAX: usize = 63;

/// The parts of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventProof {
    /// Extra data, if there is any.
    pub extra: Option<Vec<u8>>,
    /// The number of the event.
    pub index: u64,
    /// The hashes from the event's leaf to the root.
    pub path: Vec<NodeHash>,
    /// The signed checkpoint.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// Text that is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventProofError {
    /// A line is not what must stand there.
    #[error("line {line} is not {expected}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What must stand there.
        expected: &'static str,
    },
    /// The path is too long.
    #[error("a path has at most {PATH_HASHES_MAX} hashes, this has more")]
    TooLong,
    /// The checkpoint is none.
    #[error("the checkpoint in it cannot be read: {0}")]
    Checkpoint(#[from] CheckpointError),
}

impl EventProof {
    /// Reads a proof.
    pub fn parse(text: &str) -> Result<Self, EventProofError> {
        let wrong = |line, expected| EventProofError::Line { line, expected };
        let (head, note) =
            text.split_once("\n\n").ok_or_else(|| wrong(1, "followed by an empty line"))?;
        let mut lines = head.split('\n').enumerate().map(|(at, line)| (at.saturating_add(1), line));
        if lines.next().map(|(_, line)| line) != Some(FIRST_LINE) {
            return Err(wrong(1, FIRST_LINE));
        }
        let no_index = || wrong(2, "the index of the entry");
        let (mut number, mut line) = lines.next().ok_or_else(no_index)?;
        let mut extra = None;
        if let Some(data) = line.strip_prefix("extra ") {
            let data = STANDARD.decode(data).map_err(|_| wrong(number, "extra data in base64"))?;
            extra = Some(data);
            (number, line) = lines.next().ok_or_else(no_index)?;
        }
        let digits = line.strip_prefix("index ").unwrap_or_default();
        let index = digits.parse::<u64>().ok().filter(|index| index.to_string() == digits);
        let index = index.ok_or_else(|| wrong(number, "the index of the entry"))?;
        let mut path = Vec::new();
        for (number, line) in lines {
            let hash = STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
            path.push(hash.ok_or_else(|| wrong(number, "a hash in base64"))?);
            if path.len() > PATH_HASHES_MAX {
                return Err(EventProofError::TooLong);
            }
        }
        let (note, checkpoint) = Checkpoint::parse_note(note.as_bytes())?;
        Ok(Self { extra, index, path, note, checkpoint })
    }
}

/// The proof as a file.
impl fmt::Display for EventProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.note)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod tests {
    use super::super::note::NoteSigner;
    use super::super::tree::Root;
    use super::*;

    fn proof(extra: Option<&[u8]>) -> EventProof {
        let checkpoint =
            Checkpoint { origin: "example.org/desk".to_owned(), size: 9, root: Root([3; 32]) };
        let signer = NoteSigner::from_seed("example.org/desk", &[7; 32]).unwrap();
        let note = checkpoint.sign(&[&signer]).unwrap();
        let extra = extra.map(<[u8]>::to_vec);
        EventProof { extra, index: 4, path: vec![[1; 32], [2; 32]], note, checkpoint }
    }

    #[test]
    fn a_proof_reads_back() {
        for extra in [None, Some(&b"{}"[..]), Some(b"")] {
            let proof = proof(extra);
            assert_eq!(EventProof::parse(&proof.to_string()), Ok(proof));
        }
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        let text = proof(Some(b"{}")).to_string();
        for (from, to) in [
            ("proof@v1", "proof@v2"),
            ("index 4", "index 04"),
            ("index 4", "index"),
            ("index 4\n", ""),
            ("extra e30=", "extra e30"),
            ("AQEB", "A?EB"),
            ("\n\n", "\n"),
            ("\n9\n", "\n09\n"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            assert!(EventProof::parse(&changed).is_err(), "{from} -> {to}");
        }
        let long = text.replacen(
            "AQEB",
            &format!("{}AQEB", (STANDARD.encode([1; 32]) + "\n").repeat(70)),
            1,
        );
        assert_eq!(EventProof::parse(&long), Err(EventProofError::TooLong));
    }
}
