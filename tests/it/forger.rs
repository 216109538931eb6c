//! What the attacks are made with: whoever keeps the machine, who can write any bytes and compute any hash.

use std::fs;
use std::path::Path;

use demarche::record::commitment::{Salt, commit_payload, commit_sealed};
use demarche::record::header::Header;
use demarche::record::link::Link;
use demarche::record::tile::{PieceKey, PieceReader, grow};
use demarche::record::tree::Frontier;
use demarche::store::sled::SledStore;
use demarche::store::{Change, Head, Part, Store, StoredEvent, TreePiece};

use crate::desk::Desk;

/// Every event of a desk's log, as it is stored.
pub(crate) fn events(desk: &Desk) -> Vec<StoredEvent> {
    let store = SledStore::open(&desk.path().join("log"), "the forger").unwrap();
    store.read(0, usize::MAX).unwrap()
}

/// A tree that has no piece yet.
struct Nothing;
impl PieceReader for Nothing {
    type Error = ();
    fn piece(&self, _: PieceKey) -> Result<Option<Vec<u8>>, ()> {
        Ok(None)
    }
}

/// Replaces a desk's store by one of these events, with a tree and a head that fit them. Captured bytes are kept.
pub(crate) fn put(desk: &Desk, events: &[StoredEvent], sources: &[&str]) {
    let log = desk.path().join("log");
    let blobs: Vec<(String, Vec<u8>)> = {
        let store = SledStore::open(&log, "the forger").unwrap();
        let blob = |hash: &&str| {
            let name = format!("source/{hash}");
            let bytes = store.blob(&name).unwrap()?;
            Some((name, bytes))
        };
        sources.iter().filter_map(blob).collect()
    };
    fs::remove_dir_all(log.join("store")).unwrap();
    let mut store = SledStore::create(&log, "the forger").unwrap();
    for (name, bytes) in blobs {
        store.put_blob(&name, &bytes).unwrap();
    }
    let headers = events.iter().map(|event| event.header.as_slice());
    let pieces = grow(&mut Frontier::default(), headers, &Nothing).unwrap();
    let tree: Vec<TreePiece> = pieces
        .into_iter()
        .map(|(PieceKey { level, index }, hashes)| TreePiece { level, index, hashes })
        .collect();
    let link = events.last().map_or(Link::ZERO, |last| Link::of(&last.header));
    let next = Head { size: u64::try_from(events.len()).unwrap(), link: link.0 };
    store.append(Change { expected: Head::EMPTY, events, tree: &tree, next }).unwrap();
}

/// Computes every hash of these events anew, as if they had been recorded as they stand.
pub(crate) fn rehash(events: &mut [StoredEvent]) {
    let mut prev = Link::ZERO;
    for (seq, event) in (0..).zip(events) {
        let mut header = Header::from_bytes(&event.header).unwrap();
        (header.seq, header.prev) = (seq, prev);
        if let Part::Present { salt, bytes } = &event.payload {
            header.payload = commit_payload(&Salt(*salt), bytes);
        }
        if let Some(Part::Present { salt, bytes }) = &event.sealed {
            header.sealed = Some(commit_sealed(&Salt(*salt), bytes));
        }
        event.header = header.to_bytes();
        prev = Link::of(&event.header);
    }
}

/// Replaces a passage of one payload, once.
pub(crate) fn edit(event: &mut StoredEvent, from: &str, to: &str) {
    let Part::Present { bytes, .. } = &mut event.payload else { panic!("it has a payload") };
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(from), "{from} stands in {text}");
    *bytes = text.replacen(from, to, 1).into_bytes();
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Keeps a blob under a name, in place of the one that is there.
pub(crate) fn put_blob(desk: &Desk, name: &str, bytes: &[u8]) {
    let mut store = SledStore::open(&desk.path().join("log"), "the forger").unwrap();
    store.put_blob(name, bytes).unwrap();
    // A blob is durable with the next append, of nothing.
    let head = store.head().unwrap();
    store.append(Change { expected: head, events: &[], tree: &[], next: head }).unwrap();
}
