//! "Did you mean": the candidates most like a word that nothing was found under.
//!
//! Likeness is the normalised Damerau-Levenshtein similarity of `strsim`, letter case aside, with the whole candidate or,
//! at a small discount, with one of its parts (`kolkata` for `Asia/Kolkata`). It knows spelling, not meaning: `UK` is not
//! near `GB`. `tests::finds_what_was_meant` and `tests::nonsense_is_near_nothing` show both sides of the threshold.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

/// Less alike than this, on a scale from 0 to 1, is not worth a suggestion.
const LIKENESS_MIN: f64 = 0.62;
/// What a match with a part of a candidate is worth, against one with the whole of it.
const PART_WORTH: f64 = 0.9;
/// A longer word is not looked up: the work grows with its length times that of every candidate.
const WORD_CHARS_MAX: usize = 100;

/// At most `most` candidates that resemble the word, the best first, equally good ones by name; each once.
pub fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    if word.chars().nth(WORD_CHARS_MAX).is_some() {
        return Vec::new();
    }
    let word = word.to_lowercase();
    let mut found: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| (likeness(&word, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    found.dedup_by_key(|(_, candidate)| *candidate);
    found.into_iter().take(most).map(|(_, candidate)| candidate).collect()
}

/// How alike two lower-case texts are, from 0 to 1; two empty ones are not.
fn likeness(word: &str, candidate: &str) -> f64 {
    if word.is_empty() {
        return 0.0;
    }
    let whole = strsim::normalized_damerau_levenshtein(word, candidate);
    candidate
        .split(|c: char| !c.is_alphanumeric())
        .map(|part| PART_WORTH * strsim::normalized_damerau_levenshtein(word, part))
        .fold(whole, f64::max)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::nearest;

    #[track_caller]
    fn check(word: &str, candidates: &[&str], expected: &[&str]) {
        assert_eq!(nearest(word, candidates.iter().copied(), 3), expected, "{word:?}");
    }

    #[test]
    fn finds_what_was_meant() {
        check(
            "asia/calcuta",
            &["Asia/Calcutta", "Asia/Kolkata", "UTC"],
            &["Asia/Calcutta", "Asia/Kolkata"],
        );
        check("Kolkata", &["Asia/Kolkata", "Europe/London"], &["Asia/Kolkata"]);
        check("treaty", &["treaty_suspension", "travel_ban"], &["treaty_suspension"]);
        check("suspned", &["suspend", "supersede", "impose"], &["suspend"]);
        check("ÎLE", &["île"], &["île"]);
    }

    #[test]
    fn best_first_then_by_name_each_once_and_no_more_than_asked() {
        check("ab1", &["ab4", "ab3", "ab1", "ab2", "ab3"], &["ab1", "ab2", "ab3"]);
        assert!(nearest("ab1", ["ab1"], 0).is_empty());
    }

    #[test]
    fn nonsense_is_near_nothing() {
        for word in ["", "/", "zzzzzz", "qwertyuiop", "UK", &"Asia/Kolkata".repeat(50)] {
            check(word, &["Asia/Kolkata", "Europe/London", "", "GB", "US"], &[]);
        }
    }
}
