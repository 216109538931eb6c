//! Reads any spelling of JSON, on `serde_json`'s lexer, and says why what is refused is refused.
//!
//! Nothing passes through `serde_json`'s own value type, which would drop a key given twice. It is the slower of the two
//! readers: [`super::reader`] takes what is plain, and what it does not take comes here.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{DEPTH_MAX, JsonError};
use crate::model::limits::OBJECT_KEYS_MAX;
use crate::model::value::{INTEGER_MAX, Object, Value};

/// Reads exactly one value.
pub(super) fn read(text: &str) -> Result<Value<'_>, JsonError> {
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
        // A whole number too long for 64 bits comes as a float, too: from 2^64 on, and below -2^63.
        let text = float.to_string();
        if float.fract() == 0.0 && float.abs() >= 9.2e18 {
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
            if object.len() == OBJECT_KEYS_MAX {
                return self.breaks(JsonError::TooManyKeys);
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
