//! Writes canonical JSON (RFC 8785) after what is there already.

use super::{key_order, plain_run};
use crate::model::value::{Object, Value};

pub(super) fn value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Integer(number) => integer(*number, out),
        Value::Text(content) => text(content, out),
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self::value(item, out);
            }
            out.push(b']');
        }
        Value::Object(content) => object(content, out),
    }
}

fn object(object: &Object<'_>, out: &mut Vec<u8>) {
    if object.iter().is_sorted_by(|(a, _), (b, _)| key_order(a, b).is_lt()) {
        return pairs(object.iter(), out);
    }
    let mut sorted: Vec<(&str, &Value<'_>)> = object.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| key_order(a, b));
    pairs(sorted.into_iter(), out);
}

fn pairs<'o>(pairs: impl Iterator<Item = (&'o str, &'o Value<'o>)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in pairs.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(key, out);
        out.push(b':');
        self::value(value, out);
    }
    out.push(b'}');
}

pub(in crate::record) fn integer(integer: i64, out: &mut Vec<u8>) {
    if integer < 0 {
        out.push(b'-');
    }
    let mut digits = [b'0'; 20];
    let mut rest = integer.unsigned_abs();
    let mut start = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or_default());
        (rest, start) = (rest / 10, at);
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

pub(in crate::record) fn text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((plain, after)) = rest.split_at_checked(plain_run(rest)) {
        out.extend_from_slice(plain);
        let Some((special, after)) = after.split_first() else { break };
        escape(*special, out);
        rest = after;
    }
    out.push(b'"');
}

fn escape(special: u8, out: &mut Vec<u8>) {
    let letter = match special {
        b'"' | b'\\' => special,
        0x8 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0xc => b'f',
        b'\r' => b'r',
        control => return out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
    };
    out.extend_from_slice(&[b'\\', letter]);
}
