//! Headers: what is read is written as it was, and is what a reader of any object would find in it. The one-pass reader
//! and the general one are compared so, since a header that either takes is taken.
#![no_main]

use demarche::model::value::{Object, Value};
use demarche::record::header::{FORMAT_VERSION, HEADER_BYTES_MAX, Header};
use demarche::record::json::parse_canonical;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let object = match parse_canonical(bytes) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    };
    if let Ok(header) = Header::from_bytes(bytes) {
        assert!(bytes.len() <= HEADER_BYTES_MAX);
        assert_eq!(header.to_bytes(), bytes, "a header has one spelling");
        let object = object.expect("a header is an object in canonical JSON");
        assert!(says(&object, &header), "{header:?}");
        // Every byte of it counts.
        let (cut, _) = bytes.split_at(bytes.len() - 1);
        assert!(Header::from_bytes(cut).is_err(), "a header that is cut is none");
    }
});

/// Whether an object says what the header says, and nothing else.
fn says(object: &Object<'_>, header: &Header) -> bool {
    let text = |key: &str, expected: &str| matches!(object.get(key), Some(Value::Text(found)) if found == expected);
    let number = |key: &str, expected: i64| object.get(key) == Some(&Value::Integer(expected));
    let sealed = header.sealed.map(|sealed| sealed.to_string());
    object.len() == 7 + usize::from(sealed.is_some())
        && sealed.is_none_or(|sealed| text("sealed", &sealed))
        && text("kind", &header.kind)
        && text("log", &header.log)
        && text("payload", &header.payload.to_string())
        && text("prev", &header.prev.to_string())
        && text("recorded_at", &header.recorded_at.to_string())
        && i64::try_from(header.seq).is_ok_and(|seq| number("seq", seq))
        && number("v", FORMAT_VERSION)
}
