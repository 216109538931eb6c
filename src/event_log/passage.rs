//! The nearest passage of a text to a quotation that is not in it.
//!
//! It helps the reporter to see what the source really says. It never accepts anything: the gate takes exact slices
//! alone. The search compares words, without their case and punctuation, over every stretch of the text that has as
//! many words as the quotation, in time linear in the text.

use std::collections::BTreeMap;

/// A stretch of a source, and how it differs from a quotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The stretch, to the letter.
    pub text: String,
    /// Where it begins, in bytes.
    pub at: usize,
    /// How it differs.
    pub difference: Difference,
}

/// How a passage differs from a quotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// In white space or line breaks alone.
    WhiteSpace,
    /// In quotation marks, apostrophes, dashes or ellipses alone (and perhaps white space).
    Punctuation,
    /// In capital letters alone (and perhaps the above).
    Case,
    /// In words.
    Words,
}

/// At least this share of the quotation's words must be in a passage for it to be shown, in hundredths.
const SHARE_MIN: usize = 50;

/// The passage of `text` nearest to `quote`; `None` if none is near.
pub fn nearest_passage(text: &str, quote: &str) -> Option<Passage> {
    let wanted: Vec<String> = words(quote).into_iter().map(|word| word.folded).collect();
    let given = words(text);
    if wanted.is_empty() || given.is_empty() {
        return None;
    }
    let (first, shared) = best_stretch(&given, &wanted);
    if shared.saturating_mul(100) < wanted.len().saturating_mul(SHARE_MIN) {
        return None;
    }
    let last = first.saturating_add(wanted.len()).min(given.len()).saturating_sub(1);
    let (start, end) = (given.get(first)?.start, given.get(last)?.end);
    let (start, end) = widen(text, start, end, quote);
    let passage = text.get(start..end)?;
    Some(Passage { text: passage.to_owned(), at: start, difference: difference(passage, quote) })
}

struct Word {
    folded: String,
    start: usize,
    end: usize,
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    let ends = text.char_indices().chain(std::iter::once((text.len(), ' ')));
    for (at, character) in ends {
        match (start, character.is_alphanumeric()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                let folded = text.get(from..at).unwrap_or_default().to_lowercase();
                words.push(Word { folded, start: from, end: at });
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Where the stretch begins that shares most words with the quotation, and how many.
fn best_stretch(given: &[Word], wanted: &[String]) -> (usize, usize) {
    let mut missing: BTreeMap<&str, isize> = BTreeMap::new();
    for word in wanted {
        *missing.entry(word).or_default() += 1;
    }
    let (mut shared, mut best) = (0_usize, (0, 0));
    for (index, word) in given.iter().enumerate() {
        if let Some(left) = missing.get_mut(word.folded.as_str()) {
            shared += usize::from(*left > 0);
            *left -= 1;
        }
        if let Some(gone) = index.checked_sub(wanted.len()).and_then(|gone| given.get(gone))
            && let Some(left) = missing.get_mut(gone.folded.as_str())
        {
            *left += 1;
            shared -= usize::from(*left > 0);
        }
        // The stretch begins with a word of the quotation, so that what is shown reads from its start.
        let first = (index + 1).saturating_sub(wanted.len());
        let starts_alike = given.get(first).map(|word| &word.folded) == wanted.first();
        let better = shared > best.1 || (shared == best.1 && shared > 0 && starts_alike);
        if better && (shared > best.1 || !begins(given, best.0, wanted)) {
            best = (first, shared);
        }
    }
    best
}

fn begins(given: &[Word], at: usize, wanted: &[String]) -> bool {
    given.get(at).map(|word| &word.folded) == wanted.first()
}

/// Takes in the punctuation around a stretch where the quotation has some there.
fn widen(text: &str, start: usize, end: usize, quote: &str) -> (usize, usize) {
    let is_mark = |c: &char| !c.is_alphanumeric() && !c.is_whitespace();
    let before = quote.chars().take_while(is_mark).count();
    let after = quote.chars().rev().take_while(is_mark).count();
    let mut from = start;
    let head = text.get(..start).unwrap_or_default();
    for (at, _) in head.char_indices().rev().take(before).take_while(|(_, c)| is_mark(c)) {
        from = at;
    }
    let tail = text.get(end..).unwrap_or_default();
    let more: usize = tail.chars().take(after).take_while(|c| is_mark(c)).map(char::len_utf8).sum();
    (from, end + more)
}

fn difference(passage: &str, quote: &str) -> Difference {
    let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = |text: &str| spaced(&text.chars().filter_map(plain_mark).collect::<String>());
    if spaced(passage) == spaced(quote) {
        Difference::WhiteSpace
    } else if plain(passage) == plain(quote) {
        Difference::Punctuation
    } else if plain(passage).to_lowercase() == plain(quote).to_lowercase() {
        Difference::Case
    } else {
        Difference::Words
    }
}

/// One form for each sort of mark.
fn plain_mark(character: char) -> Option<char> {
    match character {
        '“' | '”' | '„' | '«' | '»' | '"' => Some('"'),
        '‘' | '’' | '‚' | '`' | '\'' => Some('\''),
        '–' | '—' | '‑' | '-' => Some('-'),
        '…' | '.' | ',' => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "On Tuesday the minister said: “We shall close our airspace at once.” \
        Trade was not mentioned. The treaty, he added, stays as it is.";

    #[track_caller]
    fn check(quote: &str, text: &str, difference: Difference) {
        let passage = nearest_passage(TEXT, quote).expect("a passage is near");
        assert_eq!((passage.text.as_str(), passage.difference), (text, difference));
        assert_eq!(TEXT.get(passage.at..passage.at + passage.text.len()), Some(text));
    }

    #[test]
    fn the_nearest_passage_is_an_exact_slice_and_says_how_it_differs() {
        check(
            "\"We shall close our airspace at once.\"",
            "“We shall close our airspace at once.”",
            Difference::Punctuation,
        );
        check(
            "We shall  close\nour airspace",
            "We shall close our airspace",
            Difference::WhiteSpace,
        );
        check("we shall close our Airspace", "We shall close our airspace", Difference::Case);
        check("We will close our airspace", "We shall close our airspace", Difference::Words);
        check("trade was never mentioned", "Trade was not mentioned", Difference::Words);
    }

    #[test]
    fn nothing_is_shown_where_nothing_is_near() {
        assert_eq!(nearest_passage(TEXT, "entirely different words here"), None);
        assert_eq!(nearest_passage("", "words"), None);
        assert_eq!(nearest_passage(TEXT, "…"), None);
    }
}
