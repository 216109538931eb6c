//! Reads JSON in one pass, borrowing, where it is written as it nearly always is.
//!
//! It takes the canonical form, and plain JSON in any order of keys and with white space. Whatever else there is, right
//! or wrong, is `None` here and left to [`super::visitor`], which knows every spelling and every reason. So it must
//! never take what the other refuses, nor read another value: `the_two_readers_agree` compares them.

use std::borrow::Cow;

use super::{DEPTH_MAX, key_order, plain_run};
use crate::model::limits::OBJECT_KEYS_MAX;
use crate::model::value::{INTEGER_MAX, Object, Value};

/// Room for the fields of a usual event.
const FIELDS: usize = 12;

/// The value that the text is in canonical form.
pub(super) fn canonical(text: &str) -> Option<Value<'_>> {
    Reader::<true>::new(text).whole()
}

/// The value that the text is in some plain form.
pub(super) fn plain(text: &str) -> Option<Value<'_>> {
    Reader::<false>::new(text).whole()
}

/// A place in a text.
pub(in crate::record) struct Reader<'a, const CANONICAL: bool> {
    text: &'a str,
    at: usize,
}

impl<'a, const CANONICAL: bool> Reader<'a, CANONICAL> {
    pub(in crate::record) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn whole(mut self) -> Option<Value<'a>> {
        let value = self.value(0)?;
        self.space();
        self.end()?;
        Some(value)
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        self.space();
        match self.peek()? {
            b'"' => self.string().map(Value::Text),
            b'{' => self.object(depth.saturating_add(1)).map(Value::Object),
            b'[' => self.list(depth.saturating_add(1)).map(Value::List),
            b'n' => self.exactly("null").map(|()| Value::Null),
            b't' => self.exactly("true").map(|()| Value::Bool(true)),
            b'f' => self.exactly("false").map(|()| Value::Bool(false)),
            _ => self.integer().map(Value::Integer),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Value<'a>>> {
        let mut items = Vec::new();
        if depth > DEPTH_MAX || !self.next_is(b'[') {
            return None;
        }
        if self.next_is(b']') {
            return Some(items);
        }
        loop {
            items.push(self.value(depth)?);
            if self.next_is(b']') {
                return Some(items);
            }
            self.exactly(",")?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Object<'a>> {
        if depth > DEPTH_MAX || !self.next_is(b'{') {
            return None;
        }
        if self.next_is(b'}') {
            return Some(Object::new());
        }
        let room = if depth == 1 { FIELDS } else { 0 };
        let mut pairs: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(room);
        let mut sorted = true;
        loop {
            self.space();
            let key = self.string()?;
            if let Some((last, _)) = pairs.last() {
                sorted = sorted && key_order(last, &key).is_lt();
            }
            // Keys are few, so that looking at each before it costs little.
            if pairs.len() == OBJECT_KEYS_MAX {
                return None;
            }
            if !sorted && (CANONICAL || pairs.iter().any(|(known, _)| *known == key)) {
                return None;
            }
            self.space();
            self.exactly(":")?;
            pairs.push((key, self.value(depth)?));
            if self.next_is(b'}') {
                return Some(Object::of_distinct(pairs));
            }
            self.exactly(",")?;
        }
    }

    /// A text between quotation marks, with no escape but those of the canonical form.
    pub(in crate::record) fn string(&mut self) -> Option<Cow<'a, str>> {
        self.exactly("\"")?;
        let plain = self.plain_text()?;
        if self.exactly("\"").is_some() {
            return Some(Cow::Borrowed(plain));
        }
        // Where one character is escaped, more may be: in the lines of an export, every quotation mark.
        let mut whole = String::with_capacity(plain.len().max(64).saturating_mul(2));
        whole.push_str(plain);
        loop {
            match self.next()? {
                b'"' => return Some(Cow::Owned(whole)),
                b'\\' => whole.push(self.escape()?),
                _ => return None,
            }
            whole.push_str(self.plain_text()?);
        }
    }

    fn plain_text(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let plain = rest.get(..plain_run(rest.as_bytes()))?;
        self.at = self.at.saturating_add(plain.len());
        Some(plain)
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'b' => '\u{8}',
            b't' => '\t',
            b'n' => '\n',
            b'f' => '\u{c}',
            b'r' => '\r',
            b'u' => {
                self.exactly("00")?;
                let high = self.next()?.checked_sub(b'0').filter(|high| *high < 2)?;
                let low = match self.next()? {
                    digit @ b'0'..=b'9' => digit.wrapping_sub(b'0'),
                    digit @ b'a'..=b'f' => digit.wrapping_sub(b'a').wrapping_add(10),
                    _ => return None,
                };
                let control = high.wrapping_mul(16).wrapping_add(low);
                // These five have escapes of their own.
                (!matches!(control, 0x8..=0xa | 0xc | 0xd)).then_some(char::from(control))?
            }
            _ => return None,
        })
    }

    /// A whole number that every reader keeps exactly.
    pub(in crate::record) fn integer(&mut self) -> Option<i64> {
        let negative = self.exactly("-").is_some();
        let start = self.at;
        let mut number = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let digit = i64::from(digit.wrapping_sub(b'0'));
            number = number.saturating_mul(10).saturating_add(digit);
            self.at = self.at.saturating_add(1);
        }
        let digits = self.text.get(start..self.at)?;
        let spelled_otherwise = match digits {
            "" => true,
            "0" => negative,
            _ => digits.starts_with('0'),
        };
        if spelled_otherwise || number > INTEGER_MAX {
            return None;
        }
        Some(if negative { number.saturating_neg() } else { number })
    }

    /// Goes past these very characters.
    pub(in crate::record) fn exactly(&mut self, expected: &str) -> Option<()> {
        let after = self.at.saturating_add(expected.len());
        let found = self.text.as_bytes().get(self.at..after)?;
        (found == expected.as_bytes()).then(|| self.at = after)
    }

    /// Nothing is left.
    pub(in crate::record) fn end(&self) -> Option<()> {
        (self.at == self.text.len()).then_some(())
    }

    /// Goes past white space, and then past the byte if it is the next.
    fn next_is(&mut self, byte: u8) -> bool {
        self.space();
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.at = self.at.saturating_add(1);
        }
        is_next
    }

    fn space(&mut self) {
        while !CANONICAL && matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at = self.at.saturating_add(1);
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
