//! A log that another implementation wrote, transparency-dev/tessera, opened end to end: keys, checkpoints, tiles,
//! proofs. Whatever byte of it is changed, something no longer fits.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use demarche::record::checkpoint::Checkpoint;
use demarche::record::event_proof::EventProof;
use demarche::record::merkle::{
    check_consistency, check_inclusion, prove_consistency, prove_inclusion, root_at,
};
use demarche::record::note::{Note, NoteSigner, Signed, VerifierKey};
use demarche::record::policy::Policy;
use demarche::record::tile::{self, PieceKey, PieceReader, Pieces, Tiles, tiles_of};
use demarche::record::tree::{Frontier, leaf_hash};

use crate::support::shared;

/// The key of the log, which is stated where the log comes from and is no part of it.
const KEY: &str = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
/// It has a checkpoint for every size up to this one.
const SIZE: u64 = 15;

/// What is published of the log at a size.
#[derive(Clone)]
struct Published {
    checkpoint: Vec<u8>,
    entries: Vec<u8>,
    tile: Vec<u8>,
}

/// The tile is one piece, since the log is smaller than a piece.
impl PieceReader for Published {
    type Error = Infallible;

    fn piece(&self, key: PieceKey) -> Result<Option<Vec<u8>>, Infallible> {
        Ok((key == PieceKey { level: 0, index: 0 }).then(|| self.tile.clone()))
    }
}

impl Published {
    fn read(folder: &Path, size: u64) -> Self {
        let bytes =
            |path: String| fs::read(folder.join(&path)).unwrap_or_else(|_| panic!("{path}"));
        let tiles: Vec<_> = tiles_of(size).collect();
        let (mut entries, mut hashes) = (Vec::new(), Vec::new());
        for (level, index, width) in tiles {
            assert_eq!((level, index, width), (0, 0, size));
            entries = bytes(tile::path(None, index, width));
            hashes = bytes(tile::path(Some(level), index, width));
        }
        Self { checkpoint: bytes(format!("checkpoint.{size}")), entries, tile: hashes }
    }

    /// The entries, each after its length.
    fn entries(&self) -> Result<Vec<&[u8]>, &'static str> {
        let (mut entries, mut rest) = (Vec::new(), self.entries.as_slice());
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<2>().ok_or("half a length")?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, after) = after.split_at_checked(length).ok_or("half an entry")?;
            entries.push(entry);
            rest = after;
        }
        Ok(entries)
    }

    /// The checkpoint, if it is signed by whom the policy trusts.
    fn checkpoint(&self, policy: &Policy) -> Result<(Note, Checkpoint), String> {
        let (note, checkpoint) =
            Checkpoint::parse_note(&self.checkpoint).map_err(|error| error.to_string())?;
        if !policy.judge(&note).is_trusted() {
            return Err("nobody who is trusted signed it".to_owned());
        }
        Ok((note, checkpoint))
    }

    /// Whether entries, tile and checkpoint fit together.
    fn holds(&self, checkpoint: &Checkpoint) -> Result<(), &'static str> {
        let entries = self.entries()?;
        let leaves: Vec<u8> = entries.iter().flat_map(|entry| leaf_hash(entry)).collect();
        if leaves != self.tile {
            return Err("the tile has other leaves");
        }
        if entries.len() as u64 != checkpoint.size {
            return Err("the checkpoint has another size");
        }
        match root_at(checkpoint.size, &Tiles(self)) {
            Ok(root) if root == checkpoint.root => Ok(()),
            _ => Err("the tile leads to another root"),
        }
    }
}

fn policy() -> Policy {
    Policy::parse(format!("log {KEY}\nquorum none\n").as_bytes()).expect("a policy")
}

/// What is published at each size, from 0 on.
fn log() -> Option<Vec<Published>> {
    let folder = shared("vectors/tessera/testdata/log")?;
    Some((0..=SIZE).map(|size| Published::read(&folder, size)).collect())
}

/// Each with its checkpoint, which is trusted.
fn checked_log() -> Option<Vec<(Published, Note, Checkpoint)>> {
    let policy = policy();
    let checked = |published: Published| {
        let (note, checkpoint) = published.checkpoint(&policy).expect("it is trusted");
        (published, note, checkpoint)
    };
    Some(log()?.into_iter().map(checked).collect())
}

#[test]
fn every_checkpoint_is_signed_by_the_log() {
    let Some(log) = log() else { return };
    let key = VerifierKey::parse(KEY).unwrap();
    assert_eq!(key.to_string(), KEY);
    // The name of the log, with a key that somebody else holds.
    let other = NoteSigner::from_seed(key.name(), &[1; 32]).unwrap().verifier();
    let strangers = Policy::of_logs(vec![other]);
    for (size, published) in (0_u64..).zip(&log) {
        let note = Note::parse(&published.checkpoint).unwrap();
        assert_eq!(note.to_string().as_bytes(), published.checkpoint);
        assert_eq!(note.signatures().len(), 1);
        assert_eq!(note.signed_by(&key), Signed::Yes { time: None });
        let judgement = policy().judge(&note);
        assert!(judgement.is_trusted() && judgement.logs == [key.clone()], "{judgement:?}");
        assert!(!strangers.judge(&note).is_trusted());
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        assert_eq!(checkpoint.to_string(), note.text());
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), (key.name(), size));
    }
    assert_eq!(log.len(), 16);
}

#[test]
fn entries_and_tiles_lead_to_the_roots() {
    let Some(log) = checked_log() else { return };
    for (published, _, checkpoint) in &log {
        assert_eq!(published.holds(checkpoint), Ok(()), "{}", checkpoint.size);
        // The same entries, taken in here, make the same tile and the same root.
        let mut frontier = Frontier::default();
        let entries = published.entries().unwrap();
        let empty = Published { checkpoint: Vec::new(), entries: Vec::new(), tile: Vec::new() };
        let pieces = tile::grow(&mut frontier, entries.into_iter(), &empty).unwrap();
        let expected: Pieces = (checkpoint.size > 0)
            .then(|| (PieceKey { level: 0, index: 0 }, published.tile.clone()))
            .into_iter()
            .collect();
        assert_eq!(pieces, expected);
        assert_eq!(frontier.root(), checkpoint.root);
    }
    let mut roots: Vec<_> = log.iter().map(|(_, _, checkpoint)| checkpoint.root.0).collect();
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(roots.len(), 16, "every size has its own root");
}

#[test]
fn every_checkpoint_is_consistent_with_every_later_one() {
    let Some(log) = checked_log() else { return };
    let mut checked = 0;
    for (newer, _, new) in &log {
        for (_, _, old) in &log {
            let path = prove_consistency(old.size, new.size, &Tiles(newer));
            if old.size > new.size {
                assert!(path.is_err(), "{} is not in {}", old.size, new.size);
                continue;
            }
            let path = path.unwrap();
            let held = check_consistency(old.size, &old.root, new.size, &new.root, &path);
            assert_eq!(held, Ok(()), "{} in {}", old.size, new.size);
            checked += 1;
            // Between other sizes, or the other way round, the same proof shows nothing.
            if old.size < new.size {
                let back = check_consistency(old.size, &new.root, new.size, &old.root, &path);
                assert!(back.is_err(), "{} in {}", old.size, new.size);
            }
        }
    }
    assert_eq!(checked, 136);
}

/// Each proof goes through its printed form, to a reader that has nothing but the key of the log and the entry.
#[test]
fn every_entry_is_in_every_later_checkpoint() {
    let Some(log) = checked_log() else { return };
    let policy = policy();
    let mut checked = 0;
    for (published, note, checkpoint) in &log {
        let entries = published.entries().unwrap();
        for (index, entry) in (0_u64..).zip(&entries) {
            let path = prove_inclusion(index, checkpoint.size, &Tiles(published)).unwrap();
            let (note, checkpoint) = (note.clone(), checkpoint.clone());
            let proof = EventProof { extra: None, index, path, note, checkpoint };
            let read = EventProof::parse(&proof.to_string()).unwrap();
            assert_eq!(read, proof);
            assert!(policy.judge(&read.note).is_trusted());
            let EventProof { path, checkpoint: Checkpoint { size, root, .. }, .. } = read;
            assert_eq!(check_inclusion(index, &leaf_hash(entry), size, &root, &path), Ok(()));
            checked += 1;
            for (other, entry) in (0_u64..).zip(&entries).filter(|(other, _)| *other != index) {
                let leaf = leaf_hash(entry);
                let held = check_inclusion(index, &leaf, size, &root, &path);
                assert!(held.is_err(), "entry {other} is not at {index} of {size}");
            }
        }
    }
    assert_eq!(checked, 120);
}

#[test]
fn every_flipped_bit_of_the_log_shows() {
    let Some(log) = checked_log() else { return };
    let policy = policy();
    let mut flipped = 0;
    for (published, _, checkpoint) in &log {
        for bit in 0..8 {
            for at in 0..published.entries.len() {
                let mut spoiled = published.clone();
                spoiled.entries[at] ^= 1 << bit;
                let held = spoiled.holds(checkpoint);
                assert!(held.is_err(), "entries of {}, byte {at} bit {bit}", checkpoint.size);
                flipped += 1;
            }
            for at in 0..published.tile.len() {
                let mut spoiled = published.clone();
                spoiled.tile[at] ^= 1 << bit;
                let held = spoiled.holds(checkpoint);
                assert!(held.is_err(), "tile of {}, byte {at} bit {bit}", checkpoint.size);
                // Nor does the tile alone lead to the root, when the entries are not at hand.
                assert_ne!(root_at(checkpoint.size, &Tiles(&spoiled)), Ok(checkpoint.root));
                flipped += 1;
            }
        }
        // Signatures are dear to verify: every bit of the last checkpoint, one of each byte of the others.
        for at in 0..published.checkpoint.len() {
            let bits = if checkpoint.size == SIZE { 0..8 } else { at % 8..at % 8 + 1 };
            for bit in bits {
                let mut spoiled = published.clone();
                spoiled.checkpoint[at] ^= 1 << bit;
                let trusted = spoiled.checkpoint(&policy);
                assert!(trusted.is_err(), "{} byte {at} bit {bit}", checkpoint.size);
                flipped += 1;
            }
        }
    }
    assert!(flipped > 30_000, "{flipped} bits were flipped");
}

/// The tile, entries and checkpoint of different sizes are each sound, and do not fit together.
#[test]
fn parts_of_different_sizes_do_not_fit() {
    let Some(log) = checked_log() else { return };
    for (published, _, own) in &log {
        for (_, _, checkpoint) in log.iter().filter(|(_, _, other)| other.size != own.size) {
            assert!(published.holds(checkpoint).is_err(), "{} {}", own.size, checkpoint.size);
            let mut mixed = published.clone();
            mixed.checkpoint = checkpoint.to_string().into_bytes();
            assert!(mixed.checkpoint(&policy()).is_err(), "it is not signed");
        }
    }
}
