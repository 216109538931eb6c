//! JSON: whatever is read means to another reader what it means to us, and is written in one way alone.
#![no_main]

use demarche::model::value::Value;
use demarche::record::json::{canonical, parse, parse_canonical};
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Other;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = parse(bytes) {
        let theirs: Other = serde_json::from_slice(bytes).expect("what we read, others read");
        assert!(is_same(&value, &theirs), "{value:?} and {theirs:?}");
        let written = canonical(&value);
        assert_eq!(parse_canonical(&written).as_ref(), Ok(&value), "what is written reads back");
        assert_eq!(parse(&written).as_ref(), Ok(&value), "so it does as any JSON");
        assert_eq!(parse_canonical(bytes).is_ok(), written == bytes, "one spelling is canonical");
    } else {
        assert!(parse_canonical(bytes).is_err(), "what is canonical is JSON");
    }
});

fn is_same(ours: &Value<'_>, theirs: &Other) -> bool {
    match (ours, theirs) {
        (Value::Null, Other::Null) => true,
        (Value::Bool(ours), Other::Bool(theirs)) => ours == theirs,
        (Value::Integer(ours), Other::Number(theirs)) => theirs.as_i64() == Some(*ours),
        (Value::Text(ours), Other::String(theirs)) => ours == theirs,
        (Value::List(ours), Other::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Value::Object(ours), Other::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .all(|(key, ours)| theirs.get(key).is_some_and(|theirs| is_same(ours, theirs)))
        }
        _ => false,
    }
}
