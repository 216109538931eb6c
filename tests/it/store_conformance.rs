//! What every store must do, checked of each; then what is particular to the one on sled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use demarche::store::bundle::{self, BUNDLE_EVENTS};
use demarche::store::memory::MemoryStore;
use demarche::store::sled::SledStore;
use demarche::store::{
    BlockKey, Change, Events, Head, Part, Removal, Store, StoreError, StoredEvent, TreePiece,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::forger::raw;
use crate::support::change;

fn event(number: u64, payload_bytes: usize) -> StoredEvent {
    StoredEvent {
        header: format!("header {number}").into_bytes(),
        payload: Part::Present { salt: [7; 32], bytes: vec![b'p'; payload_bytes] },
        sealed: match number % 3 {
            0 => None,
            1 => Some(Part::Absent),
            _ => Some(Part::Present { salt: [8; 32], bytes: b"sealed".to_vec() }),
        },
    }
}

fn head(size: u64) -> Head {
    let mut link = [0; 32];
    link[..8].copy_from_slice(&size.to_be_bytes());
    if size == 0 { Head::EMPTY } else { Head { size, link } }
}

/// Runs a check on a new store of each sort.
fn each(check: impl Fn(&mut dyn Store)) {
    check(&mut MemoryStore::new());
    let dir = TempDir::new().unwrap();
    check(&mut SledStore::create(&dir.path().join("log"), "test").unwrap());
}

#[test]
fn what_is_appended_is_read_back_in_order_and_no_further() {
    each(|store| {
        assert_eq!(store.head().unwrap(), Head::EMPTY);
        assert_eq!(store.read(0, 10).unwrap(), []);
        let events: Vec<_> = (0..10).map(|number| event(number, 20)).collect();
        store.append(change(head(0), &events[..4], head(4))).unwrap();
        store.append(change(head(4), &events[4..], head(10))).unwrap();
        assert_eq!(store.head().unwrap(), head(10));
        assert_eq!(store.read(0, 100).unwrap(), events);
        assert_eq!(store.read(3, 2).unwrap(), events[3..5]);
        assert_eq!(store.read(10, 5).unwrap(), []);
        assert_eq!(store.read(u64::MAX, 5).unwrap(), []);
    });
}

#[test]
fn exactly_one_of_two_racing_writers_wins() {
    each(|store| {
        store.append(change(head(0), &[event(0, 5)], head(1))).unwrap();
        let late = store.append(change(head(0), &[event(1, 5)], head(1)));
        assert!(matches!(late, Err(StoreError::Conflict { found, .. }) if found == head(1)));
        let other = Head { link: [9; 32], ..head(1) };
        assert!(matches!(
            store.append(change(other, &[event(1, 5)], head(2))),
            Err(StoreError::Conflict { .. })
        ));
        assert!(matches!(
            store.append(change(head(1), &[event(1, 5)], head(3))),
            Err(StoreError::HeadMismatch { .. })
        ));
        assert_eq!(store.head().unwrap(), head(1));
        assert_eq!(store.read(0, 9).unwrap(), [event(0, 5)]);
    });
}

#[test]
fn blobs_are_kept_by_name_whatever_their_size() {
    each(|store| {
        assert_eq!(store.blob("source/none").unwrap(), None);
        for size in [0, 1, 6 * 1024 - 8, 6 * 1024 - 7, 6 * 1024, 100_000] {
            let (name, bytes) = (format!("source/{size}"), vec![0xab; size]);
            store.put_blob(&name, &bytes).unwrap();
            store.put_blob(&name, &bytes).unwrap();
            assert_eq!(store.blob(&name).unwrap(), Some(bytes), "{size}");
        }
    });
}

#[test]
fn a_batch_of_many_pieces_is_one() {
    each(|store| {
        let events: Vec<_> = (0..3000).map(|number| event(number, 30)).collect();
        store.append(change(head(0), &events, head(3000))).unwrap();
        assert_eq!(store.head().unwrap(), head(3000));
        assert_eq!(store.read(0, 5000).unwrap(), events);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn sled_does_what_the_model_does(sizes in prop::collection::vec((0_usize..4, 0_usize..20_000), 1..6)) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("log");
        let mut model = MemoryStore::new();
        let mut store = SledStore::create(&path, "test").unwrap();
        for (count, bytes) in sizes {
            let from = model.head().unwrap();
            let count = u64::try_from(count).unwrap();
            let batch: Vec<_> = (from.size..from.size + count).map(|number| event(number, bytes)).collect();
            let next = head(from.size + count);
            model.append(change(from, &batch, next)).unwrap();
            store.append(change(from, &batch, next)).unwrap();
            drop(store);
            store = SledStore::open(&path, "test").unwrap();
            prop_assert_eq!(store.head().unwrap(), model.head().unwrap());
            prop_assert_eq!(store.read(0, 100).unwrap(), model.read(0, 100).unwrap());
        }
    }
}

/// Events with these numbers.
fn events(from: u64, to: u64) -> Vec<StoredEvent> {
    (from..to).map(|number| event(number, 20)).collect()
}

/// A store with so many events.
fn filled(store: &mut dyn Store, size: u64) {
    store.append(change(head(0), &events(0, size), head(size))).unwrap();
}

/// Stages the full bundles that these events lead to; returns the first that is in none.
fn stage(store: &mut dyn Store, from: u64, to: u64) -> u64 {
    let (mut first, end) = (from - from % BUNDLE_EVENTS, to - to % BUNDLE_EVENTS);
    while first < end {
        let full = Events::from_stored(&events(first, first + BUNDLE_EVENTS));
        let hashes = vec![1; 32];
        let piece = TreePiece { level: 0, index: first / BUNDLE_EVENTS, hashes };
        store.stage(bundle::encode(&full), vec![piece]).unwrap();
        first += BUNDLE_EVENTS;
    }
    end
}

/// The store has these events and no more, however they are read.
#[track_caller]
fn holds(store: &dyn Store, expected: &[StoredEvent]) {
    let size = u64::try_from(expected.len()).unwrap();
    assert_eq!(store.head().unwrap(), head(size));
    assert_eq!(store.read(0, usize::MAX).unwrap(), expected);
    for from in [0, 1, 255, 256, 257, 700, size.saturating_sub(1), size, size + 1, size + 300] {
        let place = usize::try_from(from).unwrap().min(expected.len());
        assert_eq!(
            store.read(from, 3).unwrap(),
            expected[place..].iter().take(3).cloned().collect::<Vec<_>>()
        );
        let together = store.events(from).unwrap().to_stored();
        assert_eq!(together.is_empty(), from >= size, "from {from} of {size}");
        assert_eq!(together, expected[place..][..together.len()], "from {from} of {size}");
    }
}

const SIZES: [u64; 6] = [0, 1, 255, 256, 257, 1000];

#[test]
fn appends_cross_the_ends_of_bundles_at_every_place() {
    for base in SIZES {
        for added in [0, 1, 255, 256, 257, 600] {
            each(|store| {
                filled(store, base);
                holds(store, &events(0, base));
                let size = base + added;
                store.append(change(head(base), &events(base, size), head(size))).unwrap();
                holds(store, &events(0, size));
            });
        }
    }
}

#[test]
fn what_is_staged_becomes_part_of_the_log_with_the_append_and_not_before() {
    for base in SIZES {
        for size in [base / 256 * 256 + 256, base / 256 * 256 + 513, base + 1000] {
            each(|store| {
                filled(store, base);
                let end = stage(store, base, size);
                assert!(end > base);
                // It can be read where it is looked for, and is not in the log.
                assert_eq!(store.head().unwrap(), head(base));
                assert_eq!(store.read(0, usize::MAX).unwrap(), events(0, base));
                let mut at = 0;
                while at < end {
                    let staged = store.events(at).unwrap().to_stored();
                    assert!(!staged.is_empty(), "event {at} of {base} and {end} staged");
                    let next = at + u64::try_from(staged.len()).unwrap();
                    assert_eq!(staged, events(at, next), "{base}, {end}");
                    at = next;
                }
                assert_eq!(at, end);
                assert!(store.events(end).unwrap().is_empty());
                // The size must be the one that it leads to.
                let rest = events(end, size);
                let wrong = change(head(base), &rest, head(size + 1));
                assert!(matches!(store.append(wrong), Err(StoreError::HeadMismatch { .. })));
                let late = change(head(base + 7), &rest, head(size));
                assert!(matches!(store.append(late), Err(StoreError::Conflict { .. })));
                assert_eq!(store.read(0, usize::MAX).unwrap(), events(0, base));
                store.append(change(head(base), &events(end, size), head(size))).unwrap();
                holds(store, &events(0, size));
                // And what follows is appended as ever.
                store
                    .append(change(head(size), &events(size, size + 300), head(size + 300)))
                    .unwrap();
                holds(store, &events(0, size + 300));
            });
        }
    }
}

#[test]
fn what_was_staged_is_let_go_of() {
    for base in SIZES {
        each(|store| {
            filled(store, base);
            store.unstage().unwrap();
            // More than are written together.
            stage(store, base, base + 70 * BUNDLE_EVENTS);
            store.unstage().unwrap();
            holds(store, &events(0, base));
            let size = base + 400;
            let end = stage(store, base, size);
            store.append(change(head(base), &events(end, size), head(size))).unwrap();
            holds(store, &events(0, size));
        });
    }
}

#[test]
fn a_staged_blob_goes_with_what_was_staged() {
    each(|store| {
        let blob =
            |store: &dyn Store, name: &str| store.blob(name).unwrap().map(|bytes| bytes.len());
        store.put_blob("source/before", &[1; 9_000]).unwrap();
        store.stage_blob("source/before", &[1; 9_000]).unwrap();
        store.stage_blob("source/new", &[2; 9_000]).unwrap();
        store.stage_blob("source/new", &[2; 9_000]).unwrap();
        assert_eq!(blob(store, "source/new"), Some(9_000), "it is there for quotations");
        store.unstage().unwrap();
        assert_eq!(blob(store, "source/new"), None);
        assert_eq!(blob(store, "source/before"), Some(9_000));
        store.stage_blob("source/new", &[2; 9_000]).unwrap();
        store.append(change(head(0), &events(0, 1), head(1))).unwrap();
        store.unstage().unwrap();
        assert_eq!(blob(store, "source/new"), Some(9_000), "it came with the append");
    });
}

#[test]
fn what_was_staged_is_gone_when_the_store_is_opened_again() {
    for base in [1, 256, 300] {
        for bundles in [3, 70] {
            let dir = TempDir::new().unwrap();
            let mut store = SledStore::create(dir.path(), "test").unwrap();
            filled(&mut store, base);
            stage(&mut store, base, base + bundles * BUNDLE_EVENTS);
            store.stage_blob("source/staged", &[1; 9_000]).unwrap();
            drop(store);
            let mut store = SledStore::open(dir.path(), "test").unwrap();
            holds(&store, &events(0, base));
            assert_eq!(store.blob("source/staged").unwrap(), None);
            let size = base + 600;
            store.append(change(head(base), &events(base, size), head(size))).unwrap();
            holds(&store, &events(0, size));
            drop(store);
            holds(&SledStore::open(dir.path(), "test").unwrap(), &events(0, size));
        }
    }
}

#[test]
fn pieces_of_the_tree_are_kept_and_replaced() {
    each(|store| {
        let piece = |level, index, byte: u8| TreePiece { level, index, hashes: vec![byte; 64] };
        assert_eq!(store.tree_piece(0, 0).unwrap(), None);
        let tree = [piece(0, 0, 1), piece(1, 0, 2), piece(0, u64::MAX, 3)];
        let first = [event(0, 5)];
        let change = Change { expected: head(0), events: &first, tree: &tree, next: head(1) };
        store.append(change).unwrap();
        for piece in &tree {
            assert_eq!(store.tree_piece(piece.level, piece.index).unwrap().unwrap(), piece.hashes);
        }
        assert_eq!(store.tree_piece(1, 1).unwrap(), None);
        let full = Events::from_stored(&events(0, BUNDLE_EVENTS));
        store.stage(bundle::encode(&full), vec![piece(0, 0, 4), piece(2, 9, 5)]).unwrap();
        let size = BUNDLE_EVENTS;
        let change =
            Change { expected: head(1), events: &[], tree: &[piece(1, 0, 6)], next: head(size) };
        store.append(change).unwrap();
        for (level, index, byte) in [(0, 0, 4), (1, 0, 6), (0, u64::MAX, 3), (2, 9, 5)] {
            assert_eq!(store.tree_piece(level, index).unwrap().unwrap(), vec![byte; 64]);
        }
    });
}

const fn key(table: u8, run: u64, index: u64) -> BlockKey {
    BlockKey { table, run, index }
}

#[test]
fn blocks_are_kept_replaced_and_removed_by_run() {
    each(|store| {
        assert_eq!(store.block(key(0, 0, 0)).unwrap(), None);
        store.remove_blocks(0, 7).unwrap();
        // More than are written together.
        let block = |index: u64| index.to_be_bytes().repeat(3);
        for (table, run) in [(0, 7), (0, 8), (1, 7), (255, u64::MAX)] {
            for index in 0..300 {
                store.put_block(key(table, run, index), &block(index + run % 100)).unwrap();
            }
        }
        store.put_block(key(0, 7, 3), &[9; 4096]).unwrap();
        store.put_block(key(0, 7, 4), &[]).unwrap();
        for synced in [false, true] {
            assert_eq!(store.block(key(0, 7, 3)).unwrap(), Some(vec![9; 4096]), "{synced}");
            assert_eq!(store.block(key(0, 7, 4)).unwrap(), Some(Vec::new()), "{synced}");
            for index in [0, 1, 255, 256, 299] {
                assert_eq!(store.block(key(0, 8, index)).unwrap(), Some(block(index + 8)));
                assert_eq!(
                    store.block(key(255, u64::MAX, index)).unwrap(),
                    Some(block(index + 15))
                );
            }
            assert_eq!(store.block(key(0, 8, 300)).unwrap(), None);
            store.sync().unwrap();
        }
        store.remove_blocks(0, 7).unwrap();
        for index in 0..300 {
            assert_eq!(store.block(key(0, 7, index)).unwrap(), None);
            assert_eq!(store.block(key(1, 7, index)).unwrap(), Some(block(index + 7)));
        }
        store.put_block(key(0, 7, 0), b"anew").unwrap();
        assert_eq!(store.block(key(0, 7, 0)).unwrap(), Some(b"anew".to_vec()));
        assert_eq!(store.block(key(0, 7, 1)).unwrap(), None);
        // A removal that was cut off leaves gaps, behind which nothing may stay for good.
        for index in [3, 900, u64::MAX] {
            store.put_block(key(0, 7, index), b"left over").unwrap();
        }
        store.sync().unwrap();
        store.remove_blocks(0, 7).unwrap();
        for index in [0, 3, 900, u64::MAX] {
            assert_eq!(store.block(key(0, 7, index)).unwrap(), None, "{index}");
        }
        assert_eq!(store.block(key(0, 8, 0)).unwrap(), Some(block(8)));
    });
}

#[test]
fn blocks_survive_reopening_once_synced_or_appended() {
    let dir = TempDir::new().unwrap();
    let mut store = SledStore::create(dir.path(), "test").unwrap();
    let check = |store: &SledStore, run| {
        for index in 0..40 {
            assert_eq!(store.block(key(2, run, index)).unwrap(), Some(vec![7; 4000]), "{index}");
        }
    };
    for (run, synced) in [(1, true), (2, false)] {
        for index in 0..40 {
            store.put_block(key(2, run, index), &[7; 4000]).unwrap();
        }
        if synced {
            store.sync().unwrap();
        } else {
            filled(&mut store, 3);
        }
        drop(store);
        store = SledStore::open(dir.path(), "test").unwrap();
        check(&store, run);
    }
    store.remove_blocks(2, 1).unwrap();
    store.sync().unwrap();
    drop(store);
    store = SledStore::open(dir.path(), "test").unwrap();
    assert_eq!(store.block(key(2, 1, 0)).unwrap(), None);
    check(&store, 2);
}

#[test]
fn a_removal_takes_parts_out_of_bundles_and_of_the_tail_and_every_block() {
    each(|store| {
        filled(store, 700);
        store.put_block(key(0, 0, 0), b"a manifest").unwrap();
        store.put_block(key(2, 1, 0), b"rows").unwrap();
        store.sync().unwrap();
        store.put_block(key(2, 2, 0), b"not written yet").unwrap();
        store.put_blob("source/kept", b"kept").unwrap();
        store.put_blob("source/gone", b"gone").unwrap();
        let parts_of = BTreeSet::from([0, 255, 256, 300, 511, 512, 699]);
        let kept_blobs = BTreeSet::from(["source/kept".to_owned()]);
        let removal = Removal { parts_of: &parts_of, kept_blobs: &kept_blobs };
        // The append that goes with it crosses the end of a bundle.
        store.remove(removal, change(head(700), &events(700, 800), head(800))).unwrap();
        let mut expected = events(0, 800);
        for seq in &parts_of {
            let event = &mut expected[usize::try_from(*seq).unwrap()];
            event.payload = Part::Absent;
            event.sealed = event.sealed.as_ref().map(|_| Part::Absent);
        }
        holds(store, &expected);
        for key in [key(0, 0, 0), key(2, 1, 0), key(2, 2, 0)] {
            assert_eq!(store.block(key).unwrap(), None);
        }
        assert_eq!(store.blob("source/kept").unwrap(), Some(b"kept".to_vec()));
        assert_eq!(store.blob("source/gone").unwrap(), None);
        store.sync().unwrap();
        assert_eq!(store.block(key(2, 2, 0)).unwrap(), None, "nor is it written later");
        store.append(change(head(800), &events(800, 1100), head(1100))).unwrap();
        expected.extend(events(800, 1100));
        holds(store, &expected);
    });
}

#[test]
fn a_crash_while_staging_leaves_the_tree_whole() {
    for filler in 600..620 {
        let (dir, crashed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut store = SledStore::create(dir.path(), "test").unwrap();
        let tree = [TreePiece { level: 0, index: 0, hashes: vec![1; 32] }];
        let first = [event(0, 5)];
        store
            .append(Change { expected: head(0), events: &first, tree: &tree, next: head(1) })
            .unwrap();
        // So that the end of what sled writes at a time falls elsewhere each time.
        store.put_blob("source/filler", &vec![2; filler * 400]).unwrap();
        for index in 0..65 {
            let piece = TreePiece { level: 0, index, hashes: vec![1; 32 * 256] };
            store.stage(b"a bundle".to_vec(), vec![piece]).unwrap();
        }
        crate::forger::copy(dir.path(), crashed.path());
        let after = SledStore::open(crashed.path(), "test").unwrap();
        assert_eq!(after.head().unwrap(), head(1));
        let piece = after.tree_piece(0, 0).unwrap().unwrap();
        assert!(piece.starts_with(&[1; 32]), "filler {filler}: {} bytes", piece.len());
    }
}

#[test]
fn a_store_of_another_layout_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let mut store = SledStore::create(dir.path(), "test").unwrap();
    filled(&mut store, 3);
    drop(store);
    {
        let db = raw(dir.path());
        db.open_tree("meta").unwrap().insert("layout", "2").unwrap();
        db.flush().unwrap();
    }
    let error = SledStore::open(dir.path(), "test").unwrap_err();
    assert_eq!(error.to_string(), r#"the store has layout "2"; this program knows layout "3""#);
    let db = raw(dir.path());
    let tail = db.open_tree("tail").unwrap();
    assert_eq!(tail.len(), 3);
}

#[test]
fn a_long_append_is_written_about_once() {
    let dir = TempDir::new().unwrap();
    let mut store = SledStore::create(dir.path(), "test").unwrap();
    // Bytes that cannot be compressed, and a block for every bundle.
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut made = |number: u64| {
        let mut bytes = vec![0; 300];
        noise.fill(&mut bytes);
        let payload = Part::Present { salt: [7; 32], bytes };
        StoredEvent { header: format!("header {number}").into_bytes(), payload, sealed: None }
    };
    let (mut values, bundles) = (0, 130);
    for number in 0..bundles {
        let first = number * BUNDLE_EVENTS;
        let full: Vec<_> = (first..first + BUNDLE_EVENTS).map(&mut made).collect();
        let bytes = bundle::encode(&Events::from_stored(&full));
        let block = vec![5; 4096];
        values += bytes.len() + block.len();
        store.put_block(key(0, 1, number), &block).unwrap();
        store.stage(bytes, Vec::new()).unwrap();
    }
    let size = bundles * BUNDLE_EVENTS;
    store.append(change(head(0), &[], head(size))).unwrap();
    drop(store);
    let written = std::fs::metadata(dir.path().join("store/db")).unwrap().len();
    let values = u64::try_from(values).unwrap();
    assert!(
        written * 10 < values * 13,
        "{written} bytes for {values}: values are written more than once"
    );
    assert_eq!(std::fs::read_dir(dir.path().join("store/blobs")).map_or(0, Iterator::count), 0);
}

/// What can be done with a store.
#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Stage { blob: u64, events: u64, then: Staged },
    Block { run: u64, index: u64, bytes: usize },
    RemoveBlocks(u64),
    Blob(u64),
    Remove(Vec<prop::sample::Index>, u64),
    Sync,
    Reopen,
}

/// What comes of what was staged.
#[derive(Debug, Clone, Copy)]
enum Staged {
    Appended,
    LetGo,
    LeftBehind,
}

fn any_step() -> impl Strategy<Value = Step> {
    let staged = prop::sample::select(vec![Staged::Appended, Staged::LetGo, Staged::LeftBehind]);
    let step = (0_u64..3, 1_u64..900, staged).prop_map(|(blob, events, then)| Step::Stage {
        blob,
        events,
        then,
    });
    let removed = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    prop_oneof![
        3 => prop_oneof![0_u64..5, 200_u64..600].prop_map(Step::Append),
        4 => step,
        3 => (0_u64..3, 0_u64..20, 0_usize..4097)
            .prop_map(|(run, index, bytes)| Step::Block { run, index, bytes }),
        1 => (0_u64..3).prop_map(Step::RemoveBlocks),
        1 => (0_u64..3).prop_map(Step::Blob),
        1 => (removed, 0_u64..3).prop_map(|(events, blob)| Step::Remove(events, blob)),
        1 => Just(Step::Sync),
        2 => Just(Step::Reopen),
    ]
}

/// Does it to any store, which has `at` events; returns how many it then has.
fn act(store: &mut dyn Store, at: u64, step: &Step, dense: &mut BTreeMap<u64, u64>) -> u64 {
    match step {
        Step::Append(count) => {
            let next = at + count;
            let hashes = next.to_be_bytes().repeat(4);
            let tree = [TreePiece { level: 0, index: at / 256, hashes }];
            let events = events(at, next);
            let next_head = head(next);
            let change =
                Change { expected: head(at), events: &events, tree: &tree, next: next_head };
            store.append(change).unwrap();
            next
        }
        Step::Stage { blob, events: count, then } => {
            store.stage_blob(&format!("source/{blob}"), &vec![3; 7001]).unwrap();
            // At least one bundle.
            let next = (at + count).max(at / 256 * 256 + 256);
            let end = stage(store, at, next);
            match then {
                Staged::Appended => {
                    store.append(change(head(at), &events(end, next), head(next))).unwrap();
                    next
                }
                Staged::LetGo => {
                    store.unstage().unwrap();
                    at
                }
                Staged::LeftBehind => at,
            }
        }
        Step::Block { run, index, bytes } => {
            // The blocks of a run have no gaps.
            let next = dense.entry(*run).or_default();
            let index = (*index).min(*next);
            *next = (*next).max(index + 1);
            store.put_block(key(2, *run, index), &vec![1; *bytes]).unwrap();
            at
        }
        Step::RemoveBlocks(run) => {
            dense.remove(run);
            store.remove_blocks(2, *run).unwrap();
            at
        }
        Step::Blob(name) => {
            store.put_blob(&format!("source/{name}"), &vec![2; 7000]).unwrap();
            at
        }
        Step::Remove(parts, blob) => {
            // Of what is there before.
            let size = usize::try_from(at).unwrap();
            let parts = parts.iter().filter(|_| size > 0).map(|part| part.index(size));
            let parts_of = parts.map(|part| u64::try_from(part).unwrap()).collect();
            let kept_blobs = BTreeSet::from([format!("source/{blob}")]);
            let removal = Removal { parts_of: &parts_of, kept_blobs: &kept_blobs };
            store.remove(removal, change(head(at), &events(at, at + 1), head(at + 1))).unwrap();
            dense.clear();
            at + 1
        }
        Step::Sync | Step::Reopen => {
            store.sync().unwrap();
            at
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn sled_does_what_the_model_does_whatever_comes(steps in prop::collection::vec(any_step(), 1..12)) {
        let dir = TempDir::new().unwrap();
        let mut model = MemoryStore::new();
        let mut store = SledStore::create(dir.path(), "test").unwrap();
        let (mut at, mut dense) = (0, BTreeMap::new());
        for step in &steps {
            let mut same = dense.clone();
            act(&mut model, at, step, &mut same);
            let next = act(&mut store, at, step, &mut dense);
            if matches!(step, Step::Reopen | Step::Stage { then: Staged::LeftBehind, .. }) {
                // Blocks last once they are synced.
                store.sync().unwrap();
                model.unstage().unwrap();
                drop(store);
                store = SledStore::open(dir.path(), "test").unwrap();
            }
            at = next;
            prop_assert_eq!(store.head().unwrap(), model.head().unwrap());
            prop_assert_eq!(store.read(0, usize::MAX).unwrap(), model.read(0, usize::MAX).unwrap());
            let from = at.saturating_sub(300);
            prop_assert_eq!(store.events(from).unwrap(), model.events(from).unwrap());
            for run in 0..3 {
                for index in 0..20 {
                    prop_assert_eq!(store.block(key(2, run, index)).unwrap(), model.block(key(2, run, index)).unwrap());
                }
                let name = format!("source/{run}");
                prop_assert_eq!(store.blob(&name).unwrap(), model.blob(&name).unwrap());
            }
            for index in 0..=at / 256 {
                let pieces = (store.tree_piece(0, index).unwrap(), model.tree_piece(0, index).unwrap());
                // What was staged and abandoned may have left more of the tree in either.
                if !steps.iter().any(|step| matches!(step, Step::Stage { then, .. } if !matches!(then, Staged::Appended))) {
                    prop_assert_eq!(pieces.0, pieces.1);
                }
            }
        }
    }
}

#[test]
fn large_values_make_no_blob_files() {
    let dir = TempDir::new().unwrap();
    let mut store = SledStore::create(&dir.path().join("log"), "test").unwrap();
    let events: Vec<_> = (0..4).map(|number| event(number, 1024 * 1024)).collect();
    store.append(change(head(0), &events, head(4))).unwrap();
    store.put_blob("source/large", &vec![1; 5 * 1024 * 1024]).unwrap();
    store.append(change(head(4), &[event(4, 1)], head(5))).unwrap();
    let blobs = dir.path().join("log/store/blobs");
    let files = std::fs::read_dir(blobs).map_or(0, Iterator::count);
    assert_eq!(files, 0, "sled wrote a value to a file of its own, which no sync covers");
    assert_eq!(store.read(0, 4).unwrap(), events);
}

#[test]
fn bundles_of_any_size_make_no_blob_files() {
    // Of bytes that cannot be compressed. Bundles sealed one by one lie in leaves that are not split yet, up to two or three
    // in one.
    for payload in [60, 120, 180, 250, 300, 380, 450, 600, 1_000] {
        let dir = TempDir::new().unwrap();
        let mut store = SledStore::create(dir.path(), "test").unwrap();
        let mut noise = blake3::Hasher::new().finalize_xof();
        let mut made = |number: u64| {
            let mut bytes = vec![0; payload];
            noise.fill(&mut bytes);
            let payload = Part::Present { salt: [7; 32], bytes };
            StoredEvent { header: format!("header {number}").into_bytes(), payload, sealed: None }
        };
        let mut at = 0;
        while at < 20 * BUNDLE_EVENTS {
            let next = at + 200;
            let events: Vec<_> = (at..next).map(&mut made).collect();
            store.append(change(head(at), &events, head(next))).unwrap();
            at = next;
        }
        drop(store);
        let blobs = dir.path().join("store/blobs");
        let files = std::fs::read_dir(blobs).map_or(0, Iterator::count);
        assert_eq!(files, 0, "{payload} bytes an event: sled wrote values to a file of their own");
    }
}

#[test]
fn what_sled_left_of_opening_is_no_damage() {
    let dir = TempDir::new().unwrap();
    let mut store = SledStore::create(dir.path(), "test").unwrap();
    store.append(change(head(0), &[event(0, 5)], head(1))).unwrap();
    drop(store);
    // sled writes this when it opens a store, and takes what was cut off for the newest of its kind.
    for bytes in [&b""[..], b"half of it, and no sum"] {
        let left = dir.path().join("store/snap.00FFFFFFFFFFFFFF.generating");
        std::fs::write(&left, bytes).unwrap();
        let store = SledStore::open(dir.path(), "test").expect("it is taken away");
        assert_eq!(store.read(0, 9).unwrap(), [event(0, 5)]);
        assert!(!left.exists());
    }
}

#[test]
fn a_second_process_is_told_who_has_the_log_open() {
    let dir = TempDir::new().unwrap();
    let _first = SledStore::create(dir.path(), "demarche append").unwrap();
    match SledStore::open(dir.path(), "demarche list") {
        Err(StoreError::Locked { holder: Some(holder), .. }) => {
            assert_eq!(holder, format!("demarche append, process {}", std::process::id()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_that_is_let_go_in_time_is_waited_for() {
    let dir = TempDir::new().unwrap();
    let first = SledStore::create(dir.path(), "demarche append").unwrap();
    let holds = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        drop(first);
    });
    let waited = SledStore::open_waiting(dir.path(), "demarche list", Duration::from_secs(30));
    assert!(waited.is_ok(), "{waited:?}");
    holds.join().unwrap();
}

#[test]
fn logs_are_made_once_and_opened_only_where_they_are() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a/b");
    assert!(matches!(SledStore::open(&path, "test"), Err(StoreError::Missing { .. })));
    assert!(!path.exists(), "looking for a log makes none");
    drop(SledStore::create(&path, "test").unwrap());
    let mut store = SledStore::create(&path, "test").expect("one without events is made anew");
    store.append(change(head(0), &[event(0, 5)], head(1))).unwrap();
    drop(store);
    assert!(matches!(SledStore::create(&path, "test"), Err(StoreError::AlreadyThere { .. })));
    assert_eq!(SledStore::open(&path, "test").unwrap().head().unwrap(), head(1));
}

/// Whoever gets the lock may append: what would then be taken away were acknowledged events.
#[test]
fn a_store_is_taken_away_while_it_is_held() {
    let dir = TempDir::new().unwrap();
    let mut store = SledStore::create(dir.path(), "test").unwrap();
    store.append(change(head(0), &[event(0, 5)], head(1))).unwrap();
    store.reopen().unwrap();
    assert_eq!(store.head().unwrap(), head(1), "it reads on from disk");
    // Many files, so that taking them away takes longer than getting a lock.
    for number in 0..5_000 {
        std::fs::write(dir.path().join(format!("store/blobs/{number}")), b"").unwrap();
    }
    let left = std::thread::scope(|scope| {
        let next = scope.spawn(|| {
            loop {
                match SledStore::hold_still(dir.path(), Duration::ZERO) {
                    Ok(_held) => {
                        return ["store", "store.begun", "head"]
                            .map(|name| dir.path().join(name).exists());
                    }
                    Err(StoreError::Locked { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        });
        store.take_away().unwrap();
        next.join().unwrap()
    });
    assert_eq!(left, [false; 3], "the next to hold it finds nothing");
}

#[test]
fn a_log_is_not_put_back_with_less_than_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut store = SledStore::create(dir.path(), "test").unwrap();
    store.append(change(head(0), &[event(0, 5), event(1, 5)], head(2))).unwrap();
    drop(store);
    let (place, noted) = (dir.path().join("store"), dir.path().join("head"));
    let before = std::fs::read(&noted).unwrap();
    std::fs::remove_dir_all(&place).unwrap();
    let other = Head { link: [9; 32], ..head(2) };
    for (given, said) in [
        (Head::EMPTY, "that 2 events were acknowledged here: what was to take their place has 0"),
        (head(1), "that 2 events were acknowledged here: what was to take their place has 1"),
        (other, "what was to take their place has 2, and another last one"),
    ] {
        let refused = SledStore::create_for(dir.path(), "test", given).unwrap_err();
        assert!(matches!(refused, StoreError::TurnedBack { .. }), "{refused}");
        assert!(refused.to_string().ends_with(said), "{refused}");
        assert!(!place.exists());
        assert_eq!(std::fs::read(&noted).unwrap(), before);
    }
    // As much, or more, is put back; what comes to nothing leaves what was noted.
    for given in [head(2), head(3)] {
        SledStore::create_for(dir.path(), "test", given).unwrap().take_away().unwrap();
        assert_eq!(std::fs::read(&noted).unwrap(), before);
    }
    // What is cut off, too: it is no log, and nothing that has less takes its place.
    for given in [head(2), head(3)] {
        drop(SledStore::create_for(dir.path(), "test", given).unwrap());
        assert_eq!(std::fs::read(&noted).unwrap(), before);
        let refused = SledStore::open(dir.path(), "test").unwrap_err();
        assert!(matches!(refused, StoreError::Unfinished { acknowledged: 2 }), "{refused}");
        assert!(SledStore::is_unused(dir.path(), "test").unwrap());
        let refused = SledStore::create_for(dir.path(), "test", head(1)).unwrap_err();
        assert!(matches!(refused, StoreError::TurnedBack { .. }), "{refused}");
    }
    let mut store = SledStore::create_for(dir.path(), "test", head(3)).unwrap();
    store.append(change(head(0), &[event(0, 5), event(1, 5), event(2, 5)], head(3))).unwrap();
    drop(store);
    assert!(!SledStore::is_unused(dir.path(), "test").unwrap());
}

/// What would break: a store that was put back once, and lost everything since, is thrown away as one that was never filled.
#[test]
fn a_store_that_was_put_back_and_lost_all_is_not_an_unused_one() {
    let dir = TempDir::new().unwrap();
    let mut store = SledStore::create(dir.path(), "test").unwrap();
    store.append(change(head(0), &[event(0, 5)], head(1))).unwrap();
    drop(store);
    let place = dir.path().join("store");
    std::fs::remove_dir_all(&place).unwrap();
    drop(SledStore::create_for(dir.path(), "test", head(1)).unwrap());
    let empty = dir.path().join("empty");
    std::fs::rename(&place, &empty).unwrap();
    let mut store = SledStore::create_for(dir.path(), "test", head(1)).unwrap();
    store.append(change(head(0), &[event(0, 5)], head(1))).unwrap();
    store.append(change(head(1), &[event(1, 5)], head(2))).unwrap();
    drop(store);
    std::fs::remove_dir_all(&place).unwrap();
    std::fs::rename(&empty, &place).unwrap();
    let refused = SledStore::is_unused(dir.path(), "test").unwrap_err();
    assert!(matches!(refused, StoreError::Shortened { .. }), "{refused}");
}

#[test]
fn a_store_whose_making_was_cut_off_is_made_anew() {
    let dir = TempDir::new().unwrap();
    // Before it is moved into its place it is no store, whatever is in it.
    let begun = dir.path().join("store.begun");
    std::fs::create_dir(&begun).unwrap();
    std::fs::write(begun.join("db"), b"half").unwrap();
    assert!(!SledStore::exists(dir.path()));
    drop(SledStore::create(dir.path(), "test").unwrap());
    assert!(!begun.exists());
    assert!(SledStore::is_unused(dir.path(), "test").unwrap());
    let mut store = SledStore::open(dir.path(), "test").unwrap();
    store.append(change(head(0), &[event(0, 5)], head(1))).unwrap();
    drop(store);
    assert!(!SledStore::is_unused(dir.path(), "test").unwrap());
}

#[cfg(unix)]
#[test]
fn nobody_but_the_owner_can_read_a_store() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("log");
    drop(SledStore::create(&path, "test").unwrap());
    for (name, mode) in
        [("store", 0o700), ("store/db", 0o600), ("store/conf", 0o600), ("lock", 0o600)]
    {
        let found = std::fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
}

#[test]
fn what_an_abandoned_write_left_is_invisible_and_removed() {
    let dir = TempDir::new().unwrap();
    drop({
        let mut store = SledStore::create(dir.path(), "test").unwrap();
        store.append(change(head(0), &[event(0, 5)], head(1))).unwrap();
        store
    });
    let abandoned = || {
        let db = raw(dir.path());
        let events = db.open_tree("tail").unwrap();
        let mut key = 1_u64.to_be_bytes().to_vec();
        key.extend([0; 4]);
        (db, events, key)
    };
    {
        let (db, events, key) = abandoned();
        events.insert(&key, b"half an event").unwrap();
        db.flush().unwrap();
    }
    {
        let store = SledStore::open(dir.path(), "test").unwrap();
        assert_eq!(store.read(0, 9).unwrap(), [event(0, 5)]);
    }
    let (_db, events, key) = abandoned();
    assert_eq!(events.get(&key).unwrap(), None);
}
