//! The whole road of an append, into a log in memory: what is taken in verifies, is not taken in twice, and comes out of
//! an export as it was; what is refused changes nothing.
#![no_main]

use std::io::Cursor;

use demarche::event_log::portable::{export, restore};
use demarche::event_log::report::Against;
use demarche::event_log::verify::verify_store;
use demarche::event_log::{AppendError, AppendOptions, EventLog, FoldedLog};
use demarche::store::Store;
use demarche::store::memory::MemoryStore;
use demarche_fuzz::{Counting, Lines, OneFile, store};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((flags, lines)) = bytes.split_first() else { return };
    let options = AppendOptions { declare: flags & 1 != 0, keep_going: flags & 2 != 0 };
    let mut log = EventLog::open(store()).expect("the base opens");
    let before = log.head();
    let mut clock = Counting::default();
    match log.append_lines(&mut Lines::new(lines), options, &mut OneFile, &mut clock) {
        Ok(appended) => {
            assert_eq!(appended.head, log.head());
            assert_eq!(appended.head.size, before.size + appended.written());
            if !options.keep_going {
                let again =
                    log.append_lines(&mut Lines::new(lines), options, &mut OneFile, &mut clock);
                let again = again.expect("what was taken in is taken again");
                assert_eq!(again.written(), 0, "nothing is taken in twice");
                assert_eq!(again.head, appended.head);
            }
        }
        Err(AppendError::Refused(refusals)) => {
            assert!(!refusals.is_empty() && refusals.iter().all(|one| !one.causes.is_empty()));
            assert_eq!(log.head(), before, "what is refused changes nothing");
            for cause in refusals.iter().flat_map(|one| &one.causes) {
                assert!(!cause.to_string().is_empty());
            }
        }
        Err(error) => panic!("{error}"),
    }
    let store = log.store();
    assert_eq!(store.head().expect("a head"), log.head());
    if log.head() == before {
        return;
    }
    let report = verify_store(store, &Against::default(), &mut |_| {}).expect("it can be read");
    assert!(report.is_ok(), "{:?}", report.findings);
    FoldedLog::open(store.clone()).expect("all of it fits together");
    let mut written = Vec::new();
    export(store, true, &mut written, &mut |_| {}).expect("it can be exported");
    let mut copy = MemoryStore::new();
    restore(&mut Cursor::new(&written), &mut copy, &mut |_| {}).expect("and restored");
    assert_eq!(copy.head().expect("a head"), log.head());
});
