//! The page of errors, held to the code: every message in the code has a row, every row has a message in the code, and each
//! names a test that meets it. Those that say `here` are made in `made`. A test that meets one of the program's own words holds
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

mod made;

use made::made;

/// The heading over what the program itself says.
const OF_THE_PROGRAM: &str = "\n## A command that cannot be carried out";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/errors.md")).expect("the page is there")
}

/// The message of a row of the page.
fn message(line: &str) -> Option<String> {
    let (message, _) = line.strip_prefix("| `")?.split_once('`')?;
    Some(message.replace("\\|", "|"))
}

/// The last cell of a row.
pub(crate) fn last_cell(line: &str) -> &str {
    line.trim_end().trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim()
}

/// The messages of a part of the page, each with the test that is named.
fn tested_rows(part: &str) -> Vec<(String, String)> {
    let rows = part.lines().filter_map(|line| Some((message(line)?, last_cell(line))));
    rows.map(|(message, test)| (message, test.trim_matches('`').to_owned())).collect()
}

pub(crate) fn sources(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

/// The text literal at the beginning of some source, read as Rust reads it.
fn literal(source: &str) -> Option<String> {
    let mut characters = source.trim_start().strip_prefix('"')?.chars().peekable();
    let mut text = String::new();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => match characters.next()? {
                '\n' => while characters.next_if(|c| c.is_whitespace()).is_some() {},
                'n' => text.push('\n'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

/// A message with `…` for what is filled in, as the page writes it; `None` if all of it is.
fn pattern(message: &str) -> Option<String> {
    let (mut shown, mut rest) = (String::new(), message);
    while let Some((before, after)) = rest.split_once('{') {
        shown.push_str(before);
        shown.push('…');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    let shown = shown.replace('`', "'");
    shown.chars().any(char::is_alphabetic).then_some(shown)
}

/// Every message that the code can give, by pattern.
fn messages() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    for (path, text) in files {
        let starts: &[&str] = if path.starts_with(root().join("src/cli")) {
            &["#[error(", "CliError::refused(", "CliError::failed("]
        } else {
            &["#[error("]
        };
        for start in starts {
            for after in text.split(start).skip(1) {
                let after = after.trim_start();
                let after = after.strip_prefix("format!(").unwrap_or(after);
                if let Some(pattern) = literal(after).as_deref().and_then(pattern) {
                    found.insert(pattern, path.clone());
                }
            }
        }
    }
    found
}

#[test]
fn every_error_has_a_row_and_every_row_an_error() {
    let messages = messages();
    assert!(messages.len() > 250, "{}", messages.len());
    let rows: BTreeSet<String> = page().lines().filter_map(message).collect();
    let missing: Vec<_> = messages.iter().filter(|(one, _)| !rows.contains(*one)).collect();
    assert!(missing.is_empty(), "docs/errors.md has no row of {missing:#?}");
    let stale: Vec<_> = rows.iter().filter(|row| !messages.contains_key(*row)).collect();
    assert!(stale.is_empty(), "docs/errors.md has rows of no error: {stale:#?}");
}

/// Whether a message is one of a pattern.
fn matches(message: &str, pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return message == pattern };
    let Some(rest) = message.strip_prefix(first) else { return false };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

/// The functions of the tests and of the source, by name: their text up to the end of each.
pub(crate) fn functions() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    sources(&root().join("tests/it"), &mut files);
    sources(&root().join("src"), &mut files);
    let mut found = BTreeMap::new();
    for (_, text) in &files {
        for (at, _) in text.match_indices("#[test]\n") {
            let text = &text[at..];
            let name = text.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            // A function ends with the first brace that stands as far left as its own line.
            let indent = text[8..].len() - text[8..].trim_start_matches(' ').len();
            let end = format!("\n{}}}\n", " ".repeat(indent));
            let body = text.split_once(&end).map_or(text, |(body, _)| body);
            found.extend(name.map(|(name, _)| (name.to_owned(), body.to_owned())));
        }
    }
    found
}

#[test]
fn every_row_names_a_test_that_meets_it() {
    let (made, functions) = (made(), functions());
    if std::env::var_os("DEMARCHE_UPDATE_DOCS").is_some() {
        say_here(&made);
    }
    let page = page();
    let (of_library, _) = page.split_once(OF_THE_PROGRAM).expect("the heading is there");
    let mut wrong = Vec::new();
    for (message, test) in tested_rows(of_library) {
        let is_met = match test.as_str() {
            "here" => made.iter().any(|one| matches(one, &message)),
            name => functions.contains_key(name),
        };
        if !is_met {
            wrong.push(format!("{message}: not met by {test}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether a test holds these words, whatever stands for `…`; a text may end before the last of them.
fn holds(test: &str, words: &str) -> bool {
    let words = words.trim_matches(['…', ' ']);
    let mut texts = test.match_indices('"').filter_map(|(at, _)| literal(&test[at..]));
    texts.any(|text| {
        let mut rest = text.as_str();
        words.split('…').all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    })
}

#[test]
fn every_word_of_the_program_is_met_where_the_page_says() {
    let (functions, page) = (functions(), page());
    let (_, of_the_program) = page.split_once(OF_THE_PROGRAM).expect("the heading is there");
    let rows = tested_rows(of_the_program);
    assert!(rows.len() > 90, "{}", rows.len());
    let is_met = |test: &String, words: &str| {
        functions.get(test).is_some_and(|function| holds(function, words))
    };
    let unmet: Vec<_> = rows.iter().filter(|(words, test)| !is_met(test, words)).collect();
    assert!(unmet.is_empty(), "these tests do not say so: {unmet:#?}");
}

/// Writes `here` into the rows that name no test, and are met.
fn say_here(made: &[String]) {
    let met = |line: &str| {
        let is_open = last_cell(line) == "—";
        let message = message(line).filter(|_| is_open)?;
        made.iter().any(|one| matches(one, &message)).then_some(())
    };
    let of_line = |line: &str| match met(line) {
        Some(()) => format!("{}| here |\n", line.trim_end().trim_end_matches("| — |")),
        None => format!("{line}\n"),
    };
    let page: String = page().lines().map(of_line).collect();
    fs::write(root().join("docs/errors.md"), page).unwrap();
}
