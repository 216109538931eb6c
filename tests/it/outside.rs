//! What demarche writes, taken in by programs that nobody here wrote, and refused by them once it is spoiled.
//!
//! A misunderstanding of a format that our writer and our own verifier share is found here alone. `.ci/run` installs the
//! programs; `tests/outside/README.md` says which they are. Where one is missing its tests say that they are skipped.

mod anchors;
mod tiles;
mod web;
mod witnesses;

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Output;

use crate::desk::Desk;

/// The verifier key that a log publishes.
fn vkey(desk: &Desk, log: &str) -> String {
    desk.json(&["key", "--json", "--log", log])["vkey"].as_str().unwrap().to_owned()
}

/// The name in a verifier key, which is the origin of its log.
fn name_of(vkey: &str) -> &str {
    vkey.split('+').next().unwrap()
}

/// Appends topics with these numbers in their ids.
fn append_topics(desk: &Desk, log: &str, prefix: &str, numbers: Range<u64>) {
    let line = |number| format!("{{\"kind\":\"topic\",\"id\":\"{prefix}-{number}\"}}\n");
    desk.write("topics.jsonl", &numbers.map(line).collect::<String>());
    desk.ok(&["append", "topics.jsonl", "--log", log]);
}

/// How many events a log has.
fn size(desk: &Desk, log: &str) -> u64 {
    desk.json(&["replay", "--json", "--log", log])["head"]["size"].as_u64().unwrap()
}

/// The bytes of a file with one bit of one of them changed.
fn flip(path: &Path, place: usize) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    bytes[place] ^= 1;
    bytes
}

/// Whether another program ended well, and everything that it said.
fn said(output: &Output) -> (bool, String) {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    (output.status.success(), texts.concat())
}

/// An error of the program's: it must have been expected there, and say so without a panic.
#[track_caller]
fn refused_saying(desk: &Desk, args: &[&str], status: i32, expected: &[&str]) -> String {
    let output = desk.run(args);
    let (_, all) = said(&output);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {all}");
    for expected in expected {
        assert!(all.contains(expected), "{args:?}: {expected:?} is not in: {all}");
    }
    assert!(!all.contains("panicked"), "{args:?}: {all}");
    all
}
