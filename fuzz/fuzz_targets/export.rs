//! Exports: one that verifies is restored, and exported again as it was; any other leaves nothing. Also with every hash
//! computed anew, so that what stands behind the hashes is reached.
#![no_main]

use std::io::Cursor;

use demarche::event_log::FoldedLog;
use demarche::event_log::portable::{PortableError, export, restore, verify_export};
use demarche::event_log::report::Against;
use demarche::event_log::verify::verify_store;
use demarche::record::export::{decode, encode};
use demarche::store::memory::MemoryStore;
use demarche::store::{Head, Store};
use demarche_fuzz::forge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(read) = decode(line) {
            assert_eq!(encode(&read), line, "a line has one spelling");
        }
    }
    check(bytes);
    check(&forge(bytes));
});

fn check(bytes: &[u8]) {
    let report = verify_export(&mut Cursor::new(bytes), &Against::default(), &mut |_| {});
    let report = report.expect("bytes in memory can be read");
    for (_, finding) in &report.findings {
        assert!(!finding.what.to_string().is_empty());
    }
    let quick = Against { quick: true, ..Against::default() };
    let looked = verify_export(&mut Cursor::new(bytes), &quick, &mut |_| {}).expect("the same");
    assert!(looked.is_ok() || !report.is_ok(), "a quick look finds no more than a whole one");
    let mut store = MemoryStore::new();
    match restore(&mut Cursor::new(bytes), &mut store, &mut |_| {}) {
        Ok(_) => {
            assert!(report.is_ok(), "{:?}", report.findings);
            let mut written = Vec::new();
            export(&store, true, &mut written, &mut |_| {}).expect("it can be exported");
            assert_eq!(written, bytes, "it comes out as it went in");
            let stored =
                verify_store(&store, &Against::default(), &mut |_| {}).expect("it is read");
            assert!(stored.is_ok(), "{:?}", stored.findings);
            FoldedLog::open(store).expect("a log that verifies opens");
        }
        Err(PortableError::DoesNotVerify(_)) => {
            assert!(!report.is_ok(), "what verifies is restored");
            assert_eq!(store.head().expect("a head"), Head::EMPTY);
        }
        Err(error) => panic!("{error}"),
    }
}
