//! JSON in one way only: strict in, canonical out (RFC 8785, for values without floats).
//!
//! Reading refuses what cannot be kept exactly, or means different things to different readers: a key given twice,
//! a number with a fraction or an exponent, a whole number beyond ±(2^53-1), a lone surrogate. `serde_json` does the
//! lexing; nothing passes through its own value type, which would drop a key given twice. Writing sorts keys by
//! UTF-16 code units and escapes as RFC 8785 says; `canonical_as_others_write_it` compares with two other writers.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::model::value::{INTEGER_MAX, Object, Value};

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
    /// They are JSON, but not in its canonical form.
    #[error("not in canonical form from byte {at} on")]
    NotCanonical {
        /// The first byte that differs.
        at: usize,
    },
}

/// Reads exactly one value.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError::NotUtf8 { valid_up_to: error.valid_up_to() })?;
    let broken = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Seed { depth: 0, broken: &broken };
    let result = seed.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    result.map_err(|error| match broken.take() {
        Some(rule) => rule,
        None => JsonError::Syntax { message: error.to_string() },
    })
}

/// Reads exactly one value, in canonical form.
pub fn parse_canonical(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let value = parse(bytes)?;
    let written = canonical(&value);
    if written == bytes {
        return Ok(value);
    }
    let same = written.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    Err(JsonError::NotCanonical { at: same })
}

/// Writes a value in canonical form.
pub fn canonical(value: &Value<'_>) -> Vec<u8> {
    let mut out = String::new();
    write(value, &mut out);
    out.into_bytes()
}

fn write(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Integer(integer) => out.push_str(&integer.to_string()),
        Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut pairs: Vec<(&str, &Value<'_>)> = object.iter().collect();
            pairs.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (key, value)) in pairs.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

/// Reads one value at some depth; a rule that is broken is left in `broken`, since serde's errors are only texts.
#[derive(Clone, Copy)]
struct Seed<'s> {
    depth: usize,
    broken: &'s RefCell<Option<JsonError>>,
}

impl Seed<'_> {
    fn breaks<T, E: serde_core::de::Error>(self, rule: JsonError) -> Result<T, E> {
        let error = E::custom(&rule);
        self.broken.borrow_mut().get_or_insert(rule);
        Err(error)
    }

    fn deeper<E: serde_core::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > DEPTH_MAX { self.breaks(JsonError::TooDeep) } else { Ok(Self { depth, ..self }) }
    }

    fn integer<'a, E: serde_core::de::Error>(
        self,
        integer: Option<i64>,
        text: &dyn fmt::Display,
    ) -> Result<Value<'a>, E> {
        match integer {
            Some(integer) if integer.unsigned_abs() <= INTEGER_MAX.unsigned_abs() => {
                Ok(Value::Integer(integer))
            }
            _ => self.breaks(JsonError::UnsafeInteger { text: text.to_string() }),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde_core::de::Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde_core::de::Error>(self, bool: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E: serde_core::de::Error>(self, integer: i64) -> Result<Value<'de>, E> {
        self.integer(Some(integer), &integer)
    }

    fn visit_u64<E: serde_core::de::Error>(self, integer: u64) -> Result<Value<'de>, E> {
        self.integer(i64::try_from(integer).ok(), &integer)
    }

    fn visit_f64<E: serde_core::de::Error>(self, float: f64) -> Result<Value<'de>, E> {
        // A whole number too long for 64 bits comes as a float, too.
        let text = float.to_string();
        if float.fract() == 0.0 && float.abs() >= 1.8e19 {
            return self.breaks(JsonError::UnsafeInteger { text });
        }
        self.breaks(JsonError::Float { text })
    }

    fn visit_str<E: serde_core::de::Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: serde_core::de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(seed)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut object = Object::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if object.get(&key).is_some() {
                return self.breaks(JsonError::DuplicateKey { key: key.into_owned() });
            }
            let value = map.next_value_seed(seed)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde_core::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_str<E: serde_core::de::Error>(
        self,
        text: &'de str,
    ) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
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

    proptest! {
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
