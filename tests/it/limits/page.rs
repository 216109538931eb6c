//! The page of limits, held to the code and to the tests: every limit in the code has a row with its value, and every row
//! names a test that holds the limit's name or its value.

use std::fs;
use std::path::Path;

use crate::errors_page::{functions, last_cell, sources};

/// What a limit is in the code, if that is a number or is made of some.
fn value(expression: &str) -> Option<u64> {
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    match expression.split_once("<<") {
        Some((number_of, by)) => Some(number(number_of)? << number(by)?),
        None => expression.split('*').map(number).product(),
    }
}

/// Every name that ends in `_MAX` and stands for a number in the source, with what it is.
fn limits_in_code() -> Vec<(String, String)> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let limit = |line: &str| {
        let (name, rest) = line.split_once("const ")?.1.split_once(':')?;
        let (_, expression) = rest.split_once('=')?;
        let expression = expression.trim().trim_end_matches(';').to_owned();
        name.ends_with("_MAX").then(|| (name.to_owned(), expression))
    };
    files.iter().flat_map(|(_, text)| text.lines().filter_map(limit)).collect()
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    fs::read_to_string(path).expect("the page is there")
}

#[test]
fn the_page_has_every_limit() {
    let (page, limits) = (page(), limits_in_code());
    assert!(limits.len() > 40, "{limits:?}");
    for (name, expression) in limits {
        let shown = value(&expression).map_or_else(String::new, |value| format!(" {value} |"));
        // Of those that are made of others the name alone is looked for.
        let is_made = ["BLOCKS_MAX", "EXPORT_LINE_BYTES_MAX"].contains(&name.as_str());
        assert_eq!(shown.is_empty(), is_made, "{name} is {expression}");
        let row = format!("| {name} |{shown}");
        assert!(page.contains(&row), "docs/limits.md has no row {row}");
    }
}

#[test]
fn every_limit_names_a_test_of_it() {
    let (page, functions) = (page(), functions());
    let rows: Vec<&str> = page.lines().filter(|line| line.contains("_MAX | ")).collect();
    assert!(rows.len() > 40, "{}", rows.len());
    let is_tested = |row: &&str| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (name, value) = (cells.next().unwrap(), cells.next().unwrap());
        let holds = |body: &String| body.contains(name) || body.replace('_', "").contains(value);
        functions.get(last_cell(row).trim_matches('`')).is_some_and(holds)
    };
    let wrong: Vec<&str> = rows.into_iter().filter(|row| !is_tested(row)).collect();
    assert!(wrong.is_empty(), "no test of it holds its name or value: {wrong:#?}");
}
