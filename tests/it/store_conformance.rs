//! What every store must do, checked of each; then what is particular to the one on sled.

use std::time::Duration;

use demarche::store::memory::MemoryStore;
use demarche::store::sled::SledStore;
use demarche::store::{Head, Part, Store, StoreError, StoredEvent};
use proptest::prelude::*;
use tempfile::TempDir;

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
    assert!(matches!(SledStore::create(&path, "test"), Err(StoreError::AlreadyThere { .. })));
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
        // Another test may be starting a process, which holds every lock once more for a moment.
        let open = || sled::Config::new().path(dir.path().join("store")).open();
        let db = (0..500)
            .find_map(|_| {
                open().inspect_err(|_| std::thread::sleep(Duration::from_millis(10))).ok()
            })
            .unwrap();
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
