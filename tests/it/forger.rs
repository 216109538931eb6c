//! What the attacks are made with: whoever keeps the machine, who can write any bytes and compute any hash.

use std::fs;
use std::path::Path;
use std::time::Duration;

use demarche::record::commitment::{Salt, commit_payload, commit_sealed};
use demarche::record::header::Header;
use demarche::record::link::Link;
use demarche::store::sled::SledStore;
use demarche::store::{BlockKey, Change, Head, Part, Store, StoredEvent, TreePiece};

use crate::desk::Desk;
use crate::support::{ARTICLE, head_of, tree_of};

/// Every event of a desk's log, as it is stored.
pub(crate) fn events(desk: &Desk) -> Vec<StoredEvent> {
    let store = SledStore::open(&desk.path().join("log"), "the forger").unwrap();
    store.read(0, usize::MAX).unwrap()
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
    // Whoever forges a log has the file beside it say nothing.
    fs::remove_file(log.join("head")).unwrap();
    let mut store = SledStore::create(&log, "the forger").unwrap();
    for (name, bytes) in blobs {
        store.put_blob(&name, &bytes).unwrap();
    }
    let (tree, next) = (tree_of(events), head_of(events));
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

/// What a desk's store keeps of one of the tables beside the events, as it can be written anew.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) number: u8,
    pub(crate) version: u64,
    /// How many events it says that it is derived from.
    pub(crate) size: u64,
    pub(crate) rows: Vec<Vec<u8>>,
    pub(crate) row_bytes: usize,
}

/// What a forger makes of the directory of a table.
type Entries<'f> = &'f dyn Fn(&mut Vec<Vec<u8>>);

/// The number of the table of names, and the length of its rows.
pub(crate) const NAMES: (u8, usize) = (0, 13);
/// The number of the table of statements, and the length of its rows.
pub(crate) const STATEMENTS: (u8, usize) = (2, 40);

impl Table {
    /// Reads a table, which must have rows.
    pub(crate) fn read(store: &impl Store, (number, row_bytes): (u8, usize)) -> Self {
        let manifest = store.block(BlockKey { table: number, run: 0, index: 0 }).unwrap().unwrap();
        let numbers: Vec<u64> =
            manifest.as_chunks().0.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
        let mut rows = Vec::new();
        for run in numbers[3..].chunks_exact(4) {
            for index in 0..run[2] {
                let key = BlockKey { table: number, run: run[0], index };
                let bytes = store.block(key).unwrap().unwrap();
                let mut rest = bytes.as_slice();
                let mut last = Vec::new();
                while let [shared, after @ ..] = rest {
                    last.truncate(usize::from(*shared));
                    let (own, after) = after.split_at(row_bytes - last.len());
                    last.extend_from_slice(own);
                    rows.push(last.clone());
                    rest = after;
                }
            }
        }
        rows.sort();
        Self { number, version: numbers[0], size: numbers[1], rows, row_bytes }
    }

    /// Replaces the table by these rows, in one run.
    pub(crate) fn put(&self, store: &mut impl Store) {
        self.put_with(store, &|_| {}, &|_| {});
    }

    /// The same, with other entries of the directory (the first row of each block, then the least of its earliest
    /// bounds), and other numbers in the manifest (version, events, next run; run, rows, blocks, blocks of directory).
    pub(crate) fn put_with(
        &self,
        store: &mut impl Store,
        entries: Entries<'_>,
        numbers: &dyn Fn(&mut [u64; 7]),
    ) {
        let run = 1_000_000;
        for table in [self.number, self.number + 1] {
            store.remove_blocks(table, run).unwrap();
        }
        let (mut directory, mut blocks) = (Vec::new(), 0);
        // Rows and entries of the directory share nothing with what is before them.
        for rows in self.rows.chunks(4096 / (self.row_bytes + 1)) {
            let bytes: Vec<u8> = rows.iter().flat_map(|row| [&[0], &row[..]].concat()).collect();
            let key = BlockKey { table: self.number, run, index: blocks };
            store.put_block(key, &bytes).unwrap();
            let earliest =
                |row: &Vec<u8>| row.get(24..32).map_or([0; 8], |b| b.try_into().unwrap());
            let least = rows.iter().map(earliest).min().unwrap();
            directory.push([&rows[0][..], &least[..]].concat());
            blocks += 1;
        }
        entries(&mut directory);
        let entries = directory.chunks(4096 / (self.row_bytes + 9));
        let directory_blocks = u64::try_from(entries.len()).unwrap();
        for (index, entries) in (0..).zip(entries) {
            let key = BlockKey { table: self.number + 1, run, index };
            let bytes: Vec<u8> =
                entries.iter().flat_map(|entry| [&[0], &entry[..]].concat()).collect();
            store.put_block(key, &bytes).unwrap();
        }
        let rows = u64::try_from(self.rows.len()).unwrap();
        let mut manifest = [self.version, self.size, run + 1, run, rows, blocks, directory_blocks];
        numbers(&mut manifest);
        let bytes: Vec<u8> = manifest.iter().flat_map(|number| number.to_be_bytes()).collect();
        store.put_block(BlockKey { table: self.number, run: 0, index: 0 }, &bytes).unwrap();
        store.sync().unwrap();
    }
}

/// The store of a desk, open for whoever keeps the machine.
pub(crate) fn store(desk: &Desk) -> SledStore {
    SledStore::open(&desk.path().join("log"), "the forger").unwrap()
}

/// A store on sled with the events, the tree and the article of one in memory, and no table.
pub(crate) fn copied(from: &impl Store, dir: &Path) -> SledStore {
    let mut store = SledStore::create(dir, "test").unwrap();
    let (events, next) = (from.read(0, usize::MAX).unwrap(), from.head().unwrap());
    let mut tree = Vec::new();
    for (level, index) in (0..4).flat_map(|level| (0..64).map(move |index| (level, index))) {
        if let Some(hashes) = from.tree_piece(level, index).unwrap() {
            tree.push(TreePiece { level, index, hashes });
        }
    }
    store.append(Change { expected: Head::EMPTY, events: &events, tree: &tree, next }).unwrap();
    let article = format!("source/{}", blake3::hash(ARTICLE.as_bytes()).to_hex());
    store.put_blob(&article, ARTICLE.as_bytes()).unwrap();
    store.sync().unwrap();
    store
}

/// sled's own database in a log's directory, as nobody else has it open.
pub(crate) fn raw(dir: &Path) -> sled::Db {
    // Another test may be starting a process, which holds every lock once more for a moment.
    let open = || sled::Config::new().path(dir.join("store")).open();
    let wait = || std::thread::sleep(Duration::from_millis(10));
    (0..500).find_map(|_| open().inspect_err(|_| wait()).ok()).unwrap()
}
