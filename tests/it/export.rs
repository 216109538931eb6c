//! Exports: what a change of one does not hide, and what restoring one brings back.

use std::io::Cursor;
use std::sync::LazyLock;

use demarche::event_log::FoldedLog;
use demarche::event_log::portable::{PortableError, export, restore, verify_export};
use demarche::event_log::report::{Against, Report};
use demarche::event_log::verify::verify_store;
use demarche::model::calendar::Zone;
use demarche::record::export::{HeadLine, Line, SourcePart, decode, encode};
use demarche::record::link::Link;
use demarche::record::tree::Frontier;
use demarche::replay::{Clocks, View, measures};
use demarche::store::Store;
use demarche::store::memory::MemoryStore;
use proptest::prelude::*;

use crate::support::{self, MemoryLog, append};

fn sample() -> MemoryLog {
    let mut log = support::log();
    append(&mut log, r#"
        {"kind":"source","id":"scan","published":"2025-05-02","file":"scan.pdf","text_file":"scan.txt"}
        {"kind":"measure","id":"m1","measure":"m","op":"impose","by":["in"],"against":["pk"],"announced":"2025-04-23","cites":[{"source":"article","quote":"The treaty is held in abeyance."}]}
        {"kind":"statement","by":["pk"],"topic":"treaty","stance":"rejects","when":"2025-04-24","sealed":{"note":"from a person who asked not to be named"},"cites":[{"source":"scan","quote":"read from the scan"}]}
        "#).expect("the sample is good");
    log
}

fn exported(log: &MemoryLog, include_sealed: bool) -> Vec<u8> {
    let mut out = Vec::new();
    export(log.store(), include_sealed, &mut out, &mut |_| {}).expect("it can be exported");
    out
}

fn verified(bytes: &[u8]) -> Report {
    verify_export(&mut Cursor::new(bytes), &Against::default(), &mut |_| {})
        .expect("memory can be read")
}

static EXPORT: LazyLock<Vec<u8>> = LazyLock::new(|| exported(&sample(), true));

#[test]
fn an_export_verifies_and_restores_to_the_same_head_and_root() {
    let log = sample();
    for include_sealed in [false, true] {
        let bytes = exported(&log, include_sealed);
        let report = verified(&bytes);
        assert!(report.is_ok(), "{:?}", report.findings);
        assert_eq!(report.quotes, 2);
        let mut store = MemoryStore::new();
        restore(&mut Cursor::new(&bytes), &mut store, &mut |_| {}).expect("it verifies");
        let again = FoldedLog::open(store).expect("it is a log");
        assert_eq!((again.head(), again.root()), (log.head(), log.root()));
        assert!(
            verify_store(again.store(), &Against::default(), &mut |_| {})
                .expect("it can be read")
                .is_ok()
        );
        let asked = Clocks::at(demarche::model::calendar::Instant::MAX, Zone::UTC);
        assert_eq!(
            measures(&View::of(again.history(), asked)),
            measures(&View::of(log.history(), asked))
        );
        assert_eq!(exported(&again, include_sealed), bytes, "restored, it exports the same bytes");
    }
}

#[test]
fn sealed_parts_stay_unless_asked_for() {
    let text = |include| String::from_utf8(exported(&sample(), include)).expect("exports are text");
    assert!(!text(false).contains("asked not to be named"));
    assert!(text(true).contains("asked not to be named"));
}

/// A finding must name an event, so that somebody can go and look.
fn names_an_event(report: &Report) -> bool {
    report.findings.iter().any(|(_, finding)| finding.seq.is_some())
}

#[test]
fn a_flipped_bit_in_any_byte_of_an_export_is_found() {
    for at in 0..EXPORT.len() {
        let mut changed = EXPORT.clone();
        changed[at] ^= 1_u8 << (at % 8);
        let report = verified(&changed);
        assert!(names_an_event(&report), "byte {at} of {}", EXPORT.len());
    }
}

proptest! {
    #[test]
    fn any_changed_byte_is_found_with_the_event_named(at: prop::sample::Index, by in 1_u8..) {
        let mut changed = EXPORT.clone();
        let at = at.index(changed.len());
        changed[at] ^= by;
        prop_assert!(names_an_event(&verified(&changed)), "byte {} changed by {}", at, by);
    }
}

fn lines() -> Vec<Vec<u8>> {
    EXPORT.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_removed_repeated_or_swapped_line_is_found() {
    let lines = lines();
    for index in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(index);
        assert!(names_an_event(&verified(&removed.concat())), "without line {index}");
        let mut repeated = lines.clone();
        repeated.insert(index, lines[index].clone());
        assert!(names_an_event(&verified(&repeated.concat())), "line {index} twice");
        for other in index + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(index, other);
            assert!(
                names_an_event(&verified(&swapped.concat())),
                "lines {index} and {other} swapped"
            );
        }
    }
    assert!(!verified(b"").is_ok(), "an empty file is no export");
}

/// What would break: two files of different bytes would be exports of one log.
#[test]
fn a_source_is_written_in_one_way() {
    let lines = lines();
    let sources =
        lines.iter().enumerate().filter_map(|(at, line)| match decode(line.trim_ascii_end()) {
            Ok(Line::Source(part)) => Some((at, part)),
            _ => None,
        });
    let (at, part) = sources.clone().find(|(_, part)| part.is_text).unwrap();
    assert!(verified(&lines.concat()).is_ok() && part.parts == 1);
    let half = part.bytes.len() / 2;
    let piece = |part_number, parts, is_text, bytes: &[u8]| SourcePart {
        part: part_number,
        parts,
        is_text,
        bytes: bytes.to_vec(),
        ..part.clone()
    };
    let whole = part.bytes.as_slice();
    for pieces in [
        vec![piece(0, 1, false, whole)],
        vec![piece(0, 2, true, &whole[..half]), piece(1, 2, true, &whole[half..])],
        vec![piece(0, 2, true, whole), piece(1, 2, true, b"")],
        vec![piece(0, 2, false, &whole[..half]), piece(1, 2, true, &whole[half..])],
    ] {
        let mut changed = lines.clone();
        let encoded =
            pieces.into_iter().map(|piece| [encode(&Line::Source(piece)), b"\n".to_vec()].concat());
        changed.splice(at..=at, encoded);
        let report = verified(&changed.concat());
        let said: Vec<_> =
            report.findings.iter().map(|(_, finding)| finding.what.to_string()).collect();
        assert!(said.iter().any(|said| said.contains("not in the parts, or the form")), "{said:?}");
    }
}

/// What would break: a file that says nothing would be restored as a log that cannot be opened.
#[test]
fn an_export_of_no_event_is_no_log() {
    let head = HeadLine { size: 0, chain: Link::ZERO, root: Frontier::default().root() };
    let export = [encode(&Line::Head(head)), b"\n".to_vec()].concat();
    let report = verified(&export);
    assert!(!report.is_ok(), "{report:?}");
    let mut store = MemoryStore::new();
    let refused = restore(&mut Cursor::new(&export), &mut store, &mut |_| {});
    assert!(matches!(refused, Err(PortableError::DoesNotVerify(_))), "{refused:?}");
}

#[test]
fn what_does_not_verify_is_not_restored() {
    let mut changed = EXPORT.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let mut store = MemoryStore::new();
    let refused = restore(&mut Cursor::new(&changed), &mut store, &mut |_| {});
    assert!(matches!(refused, Err(PortableError::DoesNotVerify(_))));
    assert_eq!(store.head().expect("memory can be read").size, 0);
}

#[test]
fn a_log_whose_stored_bytes_were_changed_gives_no_answer() {
    let log = sample();
    for seq in 0..log.head().size {
        let mut events = log.store().read(0, 100).expect("memory can be read");
        let index = usize::try_from(seq).expect("a small number");
        if let demarche::store::Part::Present { bytes, .. } = &mut events[index].payload {
            let last = bytes.len() - 2;
            bytes[last] ^= 1;
        }
        let mut store = MemoryStore::new();
        store
            .append(support::change(demarche::store::Head::EMPTY, &events, log.head()))
            .expect("a new store");
        let report =
            verify_store(&store, &Against::default(), &mut |_| {}).expect("memory can be read");
        assert!(report.findings.iter().any(|(_, finding)| finding.seq == Some(seq)), "event {seq}");
        assert!(FoldedLog::open(store).is_err(), "event {seq}");
    }
}
