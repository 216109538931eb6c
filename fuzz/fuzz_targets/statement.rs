//! Statements at a glance: what is understood without building the event is what a full reading gives.
#![no_main]

use std::cell::RefCell;

use demarche::model::calendar::{Instant, Zone};
use demarche::model::check::check;
use demarche::model::date::Span;
use demarche::model::event::{Body, Event};
use demarche::model::value::Value;
use demarche::record::json::{canonical, parse, parse_canonical};
use demarche::replay::Content;
use demarche::replay::bearing::{Row, Rows, pair_of};
use libfuzzer_sys::fuzz_target;

fn read(payload: &[u8], kind: &str) -> Content {
    let Ok(Value::Object(payload)) = parse_canonical(payload) else {
        return Content::Unreadable;
    };
    match Event::read(&payload) {
        Ok(event) if event.kind().name() == kind => Content::Readable(Box::new(event)),
        _ => Content::Unreadable,
    }
}

thread_local!(static ROWS: RefCell<Rows> = RefCell::new(Rows::new(read)));

fuzz_target!(|bytes: &[u8]| {
    agrees(bytes);
    // And in the form in which it would be stored, if it can be appended at all.
    if let Ok(given) = parse(bytes) {
        agrees(&canonical(&given));
        if let Ok(checked) = check(given) {
            let stored = canonical(&Value::Object(checked.payload));
            agrees(&stored);
            let again = check(parse(&stored).expect("it was written so")).expect("it was checked");
            assert_eq!(canonical(&Value::Object(again.payload)), stored, "the normal form is one");
            let kind = checked.kind.name();
            assert!(matches!(read(&stored, kind), Content::Readable(_)), "what passes can be read");
        }
    }
});

fn agrees(payload: &[u8]) {
    let full = read(payload, "statement");
    ROWS.with_borrow_mut(|rows| {
        let mut found = Vec::new();
        rows.add(7, payload, &mut found);
        assert_eq!(found, expected(full.event()));
        let Some(plain) = rows.plain(payload) else { return };
        let event = full.event().expect("a glance takes nothing that a reading refuses");
        let Body::Statement(statement) = &event.body else { panic!("it is a statement") };
        assert_eq!(plain.id(), event.id.as_deref());
        assert_eq!(plain.contact(), statement.contact.as_deref());
        if let Some(quotes) = plain.quotes() {
            let cites = event.cites.iter().enumerate();
            let all: Vec<_> = cites
                .filter_map(|(at, cite)| Some((at, cite.source.as_str(), cite.quote.as_deref()?)))
                .collect();
            assert_eq!(quotes, all);
        }
    });
}

/// The rows of a statement that was read in full.
fn expected(event: Option<&Event>) -> Vec<Row> {
    let Some(event) = event else { return Vec::new() };
    let (Body::Statement(statement), Some(topic)) = (&event.body, &event.topic) else {
        return Vec::new();
    };
    let open = Span { earliest: Instant::MIN, latest: Instant::MAX };
    let Span { earliest, latest } = event.when.as_ref().map_or(open, |when| when.span(Zone::UTC));
    let row = |actor: &String| Row { pair: pair_of(actor, topic), latest, earliest, seq: 7 };
    statement.by.iter().map(row).collect()
}
