//! What the program depends on, held to `deny.toml`: licences, bans, sources. cargo-deny reads the same file and more; it is
//! not there in the gate, since to compile it takes longer than everything else together.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The texts in a list of `deny.toml`: of tables, the value of one key.
fn list(name: &str, key: Option<&str>) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml");
    let text = fs::read_to_string(path).expect("deny.toml is there");
    let after = text.split(&format!("\n{name} = [")).nth(1).expect("the list is there");
    let list = after.split("\n]").next().expect("it ends").split("]\n").next().expect("it ends");
    let of_line = |line: &str| {
        let line = line.split(" #").next()?;
        let line = match key {
            Some(key) => line.split(&format!("{key} = ")).nth(1)?,
            None => line,
        };
        line.split('"').nth(1).map(str::to_owned)
    };
    list.lines().filter_map(of_line).collect()
}

/// Every package that could be compiled in, for the tests, too.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    metadata["packages"].as_array().expect("there are packages").clone()
}

fn text<'p>(package: &'p Value, key: &str) -> &'p str {
    package[key].as_str().unwrap_or_default()
}

/// Whether a licence expression can be met by what is allowed. `AND` binds closer than `OR`, and `/` is an old `OR`.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let met = either(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn either(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = both(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= both(words, allowed);
    }
    met
}

fn both(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    match words.next() {
        Some("(") => {
            let met = either(words, allowed);
            met && words.next() == Some(")")
        }
        Some(name) => {
            // An exception allows more than the licence, but it is another text, and none is allowed here.
            let excepted = words.next_if_eq(&"WITH").is_some();
            if excepted {
                words.next();
            }
            allowed.contains(name) && !excepted
        }
        None => false,
    }
}

#[test]
fn licences_are_read_as_they_are_written() {
    let allowed = ["MIT", "ISC"].map(str::to_owned).into();
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND (GPL-3.0 OR ISC)", true),
        ("(MIT OR GPL-3.0) AND GPL-3.0", false),
        ("MIT WITH LLVM-exception", false),
        ("MIT MIT", false),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_dependency_is_of_an_allowed_licence_and_source() {
    let allowed: BTreeSet<String> = list("allow", None).into_iter().collect();
    let banned: BTreeSet<String> = list("deny", Some("crate")).into_iter().collect();
    let registries = list("allow-registry", None);
    assert!(allowed.len() > 3 && banned.len() > 3, "{allowed:?} {banned:?}");
    let packages = packages();
    assert!(packages.len() > 100, "{}", packages.len());
    let mut needed = BTreeSet::new();
    for package in &packages {
        let (name, licence) = (text(package, "name"), text(package, "license"));
        assert!(is_met(licence, &allowed), "{name} is under {licence:?}; see deny.toml");
        assert!(!banned.contains(name), "{name} is banned; deny.toml says why");
        let words = licence.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.')));
        needed.extend(words.map(str::to_owned));
        match package["source"].as_str().map(|source| source.strip_prefix("registry+")) {
            // Our own.
            None => assert_eq!(name, env!("CARGO_PKG_NAME")),
            Some(Some(registry)) => {
                assert!(registries.iter().any(|one| one == registry), "{name}: {registry}");
            }
            Some(None) => panic!("{name} is from {}", package["source"]),
        }
    }
    for licence in allowed {
        assert!(needed.contains(&licence), "nothing is under {licence}: take it off deny.toml");
    }
}
