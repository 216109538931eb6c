//! JSON in one way only: strict in, canonical out (RFC 8785, for values without floats).
//!
//! Reading refuses what cannot be kept exactly, or means different things to different readers: a key given twice,
//! a number with a fraction or an exponent, a whole number beyond ±(2^53-1), a lone surrogate. Every event passes here
//! each time that it is appended, replayed or verified, so there are two readers: one that is fast and takes only what is
//! plain, one that takes everything and says why it refuses. `the_two_readers_agree` compares them. Writing sorts keys by
//! UTF-16 code units and escapes as RFC 8785 says; `canonical_as_others_write_it` compares with two other writers.

use std::cmp::Ordering;

use crate::model::limits::OBJECT_KEYS_MAX;
use crate::model::value::Value;

pub(super) mod reader;
mod visitor;
pub(super) mod writer;

/// How deep lists and objects may lie in one another.
pub const DEPTH_MAX: usize = 32;

/// Why bytes are not read as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// They are not UTF-8.
    #[error("not UTF-8 text from byte {valid_up_to} on")]
    NotUtf8 {
        /// The first byte that is not.
        valid_up_to: usize,
    },
    /// They are not JSON.
    #[error("not JSON: {message}")]
    Syntax {
        /// What the reader says, with line and column.
        message: String,
    },
    /// An object has a key twice.
    #[error("the key {key:?} is given twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A number has a fraction or an exponent.
    #[error("the number {text} has a fraction or an exponent")]
    Float {
        /// The number, as read.
        text: String,
    },
    /// A whole number is too large to be kept exactly by every reader.
    #[error("the number {text} is beyond ±9007199254740991")]
    UnsafeInteger {
        /// The number, as read.
        text: String,
    },
    /// Lists and objects lie too deep in one another.
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// An object has too many keys.
    #[error("an object has more than {OBJECT_KEYS_MAX} keys")]
    TooManyKeys,
    /// They are JSON, but not in its canonical form.
    #[error("not in canonical form from byte {at} on")]
    NotCanonical {
        /// The first byte that differs.
        at: usize,
    },
}

/// Reads exactly one value.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let text = utf8(bytes)?;
    match reader::plain(text) {
        Some(value) => Ok(value),
        None => visitor::read(text),
    }
}

/// Reads exactly one value, in canonical form.
pub fn parse_canonical(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let text = utf8(bytes)?;
    match reader::canonical(text) {
        Some(value) => Ok(value),
        None => read_and_compare(text),
    }
}

/// Writes a value in canonical form.
pub fn canonical(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    canonical_into(value, &mut out);
    out
}

/// Writes a value in canonical form after what is there.
pub fn canonical_into(value: &Value<'_>, out: &mut Vec<u8>) {
    writer::value(value, out);
}

fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes)
        .map_err(|error| JsonError::NotUtf8 { valid_up_to: error.valid_up_to() })
}

/// Reads a value in any spelling, and finds where the canonical one differs.
fn read_and_compare(text: &str) -> Result<Value<'_>, JsonError> {
    let value = visitor::read(text)?;
    let written = canonical(&value);
    if written == text.as_bytes() {
        return Ok(value);
    }
    let same = written.iter().zip(text.as_bytes()).take_while(|(a, b)| a == b).count();
    Err(JsonError::NotCanonical { at: same })
}

/// The order of two keys by their UTF-16 code units.
fn key_order(one: &str, other: &str) -> Ordering {
    // UTF-8 has the same order but where a character beyond the basic plane meets one after the surrogates.
    let lead_after_surrogates = 0xee;
    match one.bytes().zip(other.bytes()).find(|(a, b)| a != b) {
        None => one.len().cmp(&other.len()),
        Some((a, b)) if a.max(b) < lead_after_surrogates => a.cmp(&b),
        Some(_) => one.encode_utf16().cmp(other.encode_utf16()),
    }
}

/// How many of the bytes, from the first on, stand in a text as they are: no quotation mark, backslash or control.
fn plain_run(bytes: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = EACH << 7;
    // The high bit of each byte that is below the limit, eight bytes at once; right for the lowest that has it.
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH.wrapping_mul(limit)) & !word & HIGH;
    let is = |word: u64, byte: u8| below(word ^ EACH.wrapping_mul(u64::from(byte)), 1);
    let mut run = 0_usize;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let special = below(word, 0x20) | is(word, b'"') | is(word, b'\\');
        if special != 0 {
            let before = special.trailing_zeros() >> 3;
            return run.saturating_add(usize::try_from(before).unwrap_or_default());
        }
        run = run.saturating_add(8);
    }
    let plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | ..0x20);
    run.saturating_add(rest.iter().take_while(plain).count())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::model::value::INTEGER_MAX;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(json: &str, error: &JsonError) {
        assert_eq!(parse(json.as_bytes()).as_ref(), Err(error), "{json}");
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        refused(r#"{"a":1,"a":2}"#, &JsonError::DuplicateKey { key: "a".into() });
        refused(r#"[{"b":{"a":1,"\u0061":2}}]"#, &JsonError::DuplicateKey { key: "a".into() });
        refused("9007199254740992", &JsonError::UnsafeInteger { text: "9007199254740992".into() });
        refused(
            "-9007199254740992",
            &JsonError::UnsafeInteger { text: "-9007199254740992".into() },
        );
        refused("1.5", &JsonError::Float { text: "1.5".into() });
        refused("1e3", &JsonError::Float { text: "1000".into() });
        refused("-0", &JsonError::Float { text: "-0".into() });
        assert!(matches!(
            parse(b"123456789012345678901234567890"),
            Err(JsonError::UnsafeInteger { .. })
        ));
        refused(&"[".repeat(DEPTH_MAX + 1), &JsonError::TooDeep);
        assert_eq!(parse(b"\"\xff\""), Err(JsonError::NotUtf8 { valid_up_to: 1 }));
        for syntax in ["", "{", "1 2", r#""\ud800""#, "nul", "[1,]", "\u{feff}1", "01", "NaN"] {
            assert!(
                matches!(parse(syntax.as_bytes()), Err(JsonError::Syntax { .. })),
                "{syntax:?}"
            );
        }
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(parse(deep.as_bytes()).is_ok());
        assert_eq!(parse(b"9007199254740991"), Ok(Value::Integer(INTEGER_MAX)));
    }

    #[test]
    fn only_the_canonical_spelling_is_canonical() {
        let canonical = r#"{"a":[1,null,"é\n"],"b":{}}"#;
        assert!(parse_canonical(canonical.as_bytes()).is_ok());
        for (spelling, at) in [
            (r#"{"a":[1, null,"é\n"],"b":{}}"#, 8),
            (r#"{"b":{},"a":[1,null,"é\n"]}"#, 2),
            (r#"{"a":[1,null,"\u00e9\n"],"b":{}}"#, 14),
        ] {
            let error = Err(JsonError::NotCanonical { at });
            assert_eq!(parse_canonical(spelling.as_bytes()), error, "{spelling}");
        }
    }

    fn any_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-INTEGER_MAX..=INTEGER_MAX).prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Both readers take the same value, with its keys in the same order, or both refuse.
    #[track_caller]
    fn agree(bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let show = |value: Value<'_>| format!("{value:?}");
        let (any, canonical) = (visitor::read(text).ok(), read_and_compare(text).ok());
        match reader::plain(text) {
            Some(plain) => assert_eq!(Some(show(plain)), any.map(show), "{text:?}"),
            None => assert_eq!(canonical, None, "{text:?}"),
        }
        assert_eq!(reader::canonical(text).map(show), canonical.map(show), "{text:?}");
    }

    #[test]
    fn the_two_readers_agree_on_the_edges() {
        let long = "x".repeat(100);
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        let deep_objects =
            |depth| format!("{}{{}}{}", "{\"a\":".repeat(depth - 1), "}".repeat(depth - 1));
        let edges = r#"
            0|-0|00|01|-|-1|1 | 1|1.0|1e1|9007199254740991|9007199254740992|-9007199254740991|-9007199254740992
            18446744073709551617|123456789012345678901234567890|null|nul|nulll|true|false|NaN|""|"a|"a"b||\
            []|[ ]|[,]|[1,]|[1 2]|[1|{}|{ }|{,}|{1:2}|{"a"}|{"a":1,}|{"a" : 1 , "b":2}|{"b":1,"a":2}|{"a":1
            {"a":1,"a":2}|{"b":1,"a":2,"b":3}|{"":1,"a":2}|{"a":1,"":2}|{"\n":1,"a":2}|{"\u0061":1,"a":2}
            "\"\\\b\t\n\f\r"|"\/"|"\u001f"|"\u001F"|"\u0020"|"\u00"|"\u00e9"|"\ud83d\ude00"|"\ud800"|"\"|"\x"
        "#;
        let texts = edges.lines().flat_map(|line| line.trim_start().split('|').map(str::to_owned));
        let controls = (0..0x30).map(|byte| format!("\"\\u{byte:04x}\""));
        let others = [
            "{\"\u{e000}\":1,\"\u{10000}\":2}".to_owned(),
            "{\"\u{10000}\":1,\"\u{e000}\":2}".to_owned(),
            "\"\u{7f}\n\"".to_owned(),
            "\u{feff}1".to_owned(),
            deep.clone(),
            format!("[{deep}]"),
            deep_objects(DEPTH_MAX),
            deep_objects(DEPTH_MAX + 1),
            format!("\"{long}\""),
            format!("\"{long}\\n{long}"),
        ];
        for text in texts.chain(controls).chain(others) {
            agree(text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn the_two_readers_agree(
            value in any_value(),
            pretty: bool,
            changes in prop::collection::vec(
                (any::<prop::sample::Index>(), 0..4, prop::sample::select(&b"{}[]\",:\\u0019-.eat \n\x1f\x80\xf0"[..])),
                0..3,
            ),
        ) {
            let spelled = serde_json::to_vec_pretty(&value).unwrap();
            let spelled = if pretty { spelled } else { canonical(&parse(&spelled).unwrap()) };
            agree(&spelled);
            let mut changed = spelled;
            for (at, how, byte) in changes {
                let at = at.index(changed.len().max(1));
                match how {
                    0 if at < changed.len() => drop(changed.remove(at)),
                    1 if at < changed.len() => changed[at] = byte,
                    2 if at < changed.len() => changed[at] ^= 1 << (byte % 7),
                    _ => changed.insert(at, byte),
                }
                agree(&changed);
            }
        }

        #[test]
        fn the_two_readers_agree_on_any_text(text: String, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            agree(text.as_bytes());
            agree(String::from_utf8_lossy(&bytes).as_bytes());
        }

        #[test]
        fn the_two_readers_agree_on_what_looks_like_json(text in r#"[{}\[\]",:\\ub0129\-.eE ntrulfas]{0,12}"#) {
            agree(text.as_bytes());
        }

        #[test]
        fn plain_runs_end_where_they_must(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let special = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
            prop_assert_eq!(plain_run(&bytes), special.unwrap_or(bytes.len()));
        }

        #[test]
        fn keys_are_ordered_by_utf_16(
            one in "[a\u{7f}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}",
            other in "[a\u{7f}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}",
        ) {
            let expected = one.encode_utf16().cmp(other.encode_utf16());
            prop_assert_eq!(key_order(&one, &other), expected);
        }

        #[test]
        fn canonical_as_others_write_it(value in any_value()) {
            let given = serde_json::to_string_pretty(&value).unwrap();
            let ours = canonical(&parse(given.as_bytes()).unwrap());
            let canonicalizer = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(&ours, &canonicalizer);
            let canon = json_canon::to_vec(&value).unwrap();
            prop_assert_eq!(&ours, &canon);
            prop_assert!(parse_canonical(&ours).is_ok());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse(&bytes) {
                prop_assert!(parse_canonical(&canonical(&value)).is_ok());
            }
        }
    }
}
