//! Ids: the names by which events refer to one another.
//!
//! An id is the reporter's own. An event without one is known as `@` and its number in the log (`@17`): such a name
//! is never stored and never derived from what was reported, because a hash of a report that can be guessed would
//! outlive its erasure. `ids_are_plain_words` shows what is refused.
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::as_conversions)]

use super::limits::ID_CHARS_MAX;
use super::text::{is_hidden, is_unseen};

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// It is the empty text.
    #[error("an id cannot be empty")]
    Empty,
    /// It has more than [`ID_CHARS_MAX`] characters.
    #[error("an id has at most {ID_CHARS_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// It holds white space, a control character or an invisible one.
    #[error("an id cannot hold the character U+{:04X}", u32::from(*.0))]
    Character(char),
    /// It begins with a character that is kept for other uses.
    #[error("an id cannot begin with {0:?}")]
    Beginning(char),
}

/// Checks a text that is to name a new event, measure, actor, topic or source.
pub fn check_new(text: &str) -> Result<(), IdError> {
    check_stored(text)?;
    match text.chars().find(|c| is_unseen(*c)) {
        Some(character) => Err(IdError::Character(character)),
        None => Ok(()),
    }
}

/// Checks an id that is stored. No version has taken in what is refused here; earlier ones took in what [`is_unseen`].
pub fn check_stored(text: &str) -> Result<(), IdError> {
    match text.chars().next() {
        None => Err(IdError::Empty),
        Some(first @ ('@' | '-')) => Err(IdError::Beginning(first)),
        Some(_) => check_characters(text),
    }
}

/// Checks a text that refers to something already named: also `@17`, the event with number 17.
pub fn check_reference(text: &str) -> Result<(), IdError> {
    if seq_of(text).is_some() { Ok(()) } else { check_stored(text) }
}

/// The id of the event with this number, where its reporter gave it none.
pub fn of_seq(seq: u64) -> String {
    format!("@{seq}")
}

/// The number in an id of the form `@17`.
pub fn seq_of(id: &str) -> Option<u64> {
    let digits = id.strip_prefix('@')?;
    if digits.starts_with('+') { None } else { digits.parse().ok() }
}

/// A readable id made from a name: `Marco Rubio` gives `marco-rubio`. Empty if the name has no letter or digit.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    slug.chars().take(ID_CHARS_MAX).collect()
}

fn check_characters(text: &str) -> Result<(), IdError> {
    // Nearly all are short and plain.
    if text.len() <= ID_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let length = text.chars().count();
    if length > ID_CHARS_MAX {
        return Err(IdError::TooLong(length));
    }
    match text.chars().find(|c| c.is_whitespace() || is_hidden(*c)) {
        Some(character) => Err(IdError::Character(character)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_words() {
        for good in ["in", "iwt-suspension", "2025/04/23#1", "индия", "a@b"] {
            assert_eq!(check_new(good), Ok(()), "{good:?}");
        }
        let refused = [
            ("", IdError::Empty),
            ("@17", IdError::Beginning('@')),
            ("-x", IdError::Beginning('-')),
            ("a b", IdError::Character(' ')),
            ("a\u{202e}b", IdError::Character('\u{202e}')),
            ("a\u{1b}[2J", IdError::Character('\u{1b}')),
        ];
        for (text, error) in refused {
            assert_eq!(check_new(text), Err(error), "{text:?}");
            assert_eq!(check_stored(text), Err(error), "{text:?}");
        }
        assert_eq!(check_new(&"x".repeat(ID_CHARS_MAX)), Ok(()));
        let long = ID_CHARS_MAX + 1;
        assert_eq!(check_new(&"x".repeat(long)), Err(IdError::TooLong(long)));
    }

    /// What would break: two new ids would differ in what nobody sees; or a log that has one could no longer be read, nor its
    /// event be referred to.
    #[test]
    fn what_shows_as_nothing_is_in_no_new_id() {
        for unseen in [
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180f}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{ffa0}',
            '\u{1bca0}',
            '\u{1d17a}',
            '\u{e0100}',
            '\u{e01ef}',
        ] {
            let id = format!("a{unseen}b");
            assert_eq!(check_new(&id), Err(IdError::Character(unseen)), "{id:?}");
            assert_eq!((check_stored(&id), check_reference(&id)), (Ok(()), Ok(())), "{id:?}");
        }
    }

    #[test]
    fn events_without_an_id_are_named_by_their_number() {
        assert_eq!(check_reference("@17"), Ok(()));
        assert_eq!(seq_of(&of_seq(17)), Some(17));
        for not_a_number in ["@", "@x", "@+1", "17", "@18446744073709551616"] {
            assert_eq!(seq_of(not_a_number), None, "{not_a_number:?}");
        }
    }

    #[test]
    fn slugs_read_like_the_name() {
        assert_eq!(slug("  Marco Rubio "), "marco-rubio");
        assert_eq!(slug("U.S. State Department"), "u-s-state-department");
        assert_eq!(slug("—"), "");
    }
}
