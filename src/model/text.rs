//! Text as data: which characters must never reach a terminal as they are.
//!
//! Reported text is anybody's. Control characters can drive a terminal, bidirectional overrides can turn a quotation
//! round, and invisible characters can make two ids look alike. They are kept in the log as given, refused in ids,
//! and shown escaped. Some that show as nothing have their place in ordinary text, as variation selectors in emoji: these
//! are refused in new ids, and shown as they are.
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::as_conversions)]

use std::borrow::Cow;

/// Is this a control, bidirectional-formatting or invisible character?
pub const fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Is this one that shows as nothing, as a blank, or by how another one looks, and is not hidden all the same? Two ids that
/// differ in it alone could not be told apart.
pub const fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// The text with every hidden character written as `\u{202e}`, line breaks and tabs as a space.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(' '),
            '\r' => {}
            hidden if is_hidden(hidden) => shown.extend(hidden.escape_unicode()),
            plain => shown.push(plain),
        }
    }
    Cow::Owned(shown)
}

/// JSON with every hidden character in its texts written as an escape, `\u202e`, which means the same; the white space
/// between them stays.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |character| is_hidden(character) && !matches!(character, '\t' | '\n' | '\r');
    if !json.chars().any(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_escaped(character) {
            let units = &mut [0; 2];
            for unit in character.encode_utf16(units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_is_shown_as_it_is() {
        assert_eq!(visible("plain – “text”"), "plain – “text”");
        assert_eq!(visible("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(visible("a\u{202e}b\u{200b}"), "a\\u{202e}b\\u{200b}");
        assert_eq!(visible("two\r\nlines\u{7}"), "two lines\\u{7}");
    }

    #[test]
    fn json_means_the_same_when_it_is_escaped() {
        assert_eq!(escaped_json("{\n\t\"a\": \"plain\"\r\n}"), "{\n\t\"a\": \"plain\"\r\n}");
        let beyond = "\"\u{7f}\u{85}\u{202e}\\\\\u{200c}\u{e0001}\"";
        let escaped = "\"\\u007f\\u0085\\u202e\\\\\\u200c\\udb40\\udc01\"";
        assert_eq!(escaped_json(beyond), escaped);
    }
}
