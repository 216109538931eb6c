//! What the tests share: logs in memory, with a clock and salts that are theirs.

use std::path::PathBuf;

use demarche::event_log::{
    AppendError, AppendOptions, Appended, FileError, FoldedLog, SourceFiles, Submission,
    Surroundings,
};
use demarche::model::calendar::Instant;
use demarche::record::link::Link;
use demarche::record::note::NoteSigner;
use demarche::record::tile::{PieceKey, PieceReader, grow};
use demarche::record::tree::Frontier;
use demarche::store::memory::MemoryStore;
use demarche::store::{Change, Head, StoredEvent, TreePiece};

pub(crate) type MemoryLog = FoldedLog<MemoryStore>;

/// A clock that goes on by a second at every look, and salts that count up.
pub(crate) struct Counting {
    pub(crate) now: i64,
    pub(crate) salt: u64,
}

impl Counting {
    /// A clock that starts at this instant.
    pub(crate) fn from(instant: &str) -> Self {
        let now = Instant::parse_rfc3339(instant).expect("an instant");
        Self { now: now.micros(), salt: 0 }
    }
}

impl Default for Counting {
    fn default() -> Self {
        Self::from("2026-01-01T00:00:00Z")
    }
}

impl Surroundings for Counting {
    fn now(&mut self) -> Instant {
        self.now += 1_000_000;
        Instant::from_micros(self.now)
    }

    fn salt(&mut self) -> [u8; 32] {
        self.salt += 1;
        let mut salt = [0; 32];
        salt[..8].copy_from_slice(&self.salt.to_be_bytes());
        salt
    }
}

/// Files that are given in memory.
#[derive(Default)]
pub(crate) struct Files(pub(crate) Vec<(&'static str, Vec<u8>)>);

impl SourceFiles for Files {
    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| FileError::NotFound {
            name: name.to_owned(),
            looked_in: "the test".to_owned(),
        })
    }
}

pub(crate) const ARTICLE: &str = "India on 23 April said: \"The treaty is held in abeyance.\"\n\
    Pakistan has shut its airspace.\nA spokesperson called it “an act of war” if water stops.\n";

/// The key that signs for the logs made here.
pub(crate) fn signer() -> NoteSigner {
    NoteSigner::from_seed("example.org/test", &[42; 32]).expect("a name")
}

/// A log of its genesis alone.
pub(crate) fn new_log() -> MemoryLog {
    let key = signer().verifier();
    let clock = &mut Counting::default();
    FoldedLog::create(MemoryStore::new(), "example.org/test", Some(&key), clock).expect("a new log")
}

/// A log with two countries, a person in each, a topic, and a source of 2025-05-01.
pub(crate) fn log() -> MemoryLog {
    let mut log = new_log();
    append(
        &mut log,
        r#"
        {"kind":"source","id":"article","published":"2025-05-01","file":"article.txt"}
        {"kind":"actor","id":"in","name":"India","type":"country","country":"IN"}
        {"kind":"actor","id":"pk","name":"Pakistan","type":"country","country":"PK"}
        {"kind":"actor","id":"us","name":"United States","type":"country","country":"US"}
        {"kind":"actor","id":"modi","name":"Narendra Modi","type":"person","part_of":"in"}
        {"kind":"actor","id":"sharif","name":"Shehbaz Sharif","type":"person","part_of":"pk"}
        {"kind":"actor","id":"rubio","name":"Marco Rubio","type":"person","part_of":"us"}
        {"kind":"topic","id":"treaty","name":"The treaty"}
        "#,
    )
    .expect("the actors are good");
    log
}

/// Appends lines at the time of a clock that starts anew, but never goes back within the log.
pub(crate) fn append(log: &mut MemoryLog, lines: &str) -> Result<Appended, AppendError> {
    append_with(log, lines, AppendOptions::default(), &mut Counting::default())
}

pub(crate) fn append_with(
    log: &mut MemoryLog,
    lines: &str,
    options: AppendOptions,
    clock: &mut Counting,
) -> Result<Appended, AppendError> {
    let submissions = (1..)
        .zip(lines.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| Submission::read(number, line.trim().as_bytes()))
        .collect();
    let mut files = Files(vec![
        ("article.txt", ARTICLE.into()),
        ("scan.pdf", b"%PDF-1.7 \xff\xfe".to_vec()),
        ("scan.txt", b"A text read from the scan.".to_vec()),
    ]);
    log.append(submissions, options, &mut files, clock)
}

/// Events to append to a store, without a tree.
pub(crate) fn change(expected: Head, events: &[StoredEvent], next: Head) -> Change<'_> {
    Change { expected, events, tree: &[], next }
}

/// The folder of public vectors and sample data, where it is there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("DEMARCHE_SHARED").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let found = root.unwrap_or(beside).join(path);
    if found.exists() {
        return Some(found);
    }
    println!("skipped: {} is not there", found.display());
    None
}

/// Whether a program is there and runs. Where tools are required it must be.
pub(crate) fn tool(name: &str) -> bool {
    // Two have a subcommand in place of the flag, and the plain shell of Debian has neither.
    let args: &[&str] = match name {
        "go" | "openssl" => &["version"],
        "sh" => &["-c", "true"],
        _ => &["--version"],
    };
    let output = std::process::Command::new(name).args(args).output();
    required(name, output.is_ok_and(|output| output.status.success()))
}

/// Whether what a test needs was found. Where tools are required it must have been; elsewhere the test says that it is
/// skipped.
pub(crate) fn required(name: &str, found: bool) -> bool {
    if !found {
        let required = std::env::var_os("DEMARCHE_REQUIRE_TOOLS").is_some();
        assert!(!required, "{name} is required here and is not installed");
        println!("skipped: {name} is not installed");
    }
    found
}

/// A tree that has no piece yet.
struct Nothing;

impl PieceReader for Nothing {
    type Error = ();

    fn piece(&self, _: PieceKey) -> Result<Option<Vec<u8>>, ()> {
        Ok(None)
    }
}

/// The whole tree that these events lead to.
pub(crate) fn tree_of(events: &[StoredEvent]) -> Vec<TreePiece> {
    let headers = events.iter().map(|event| event.header.as_slice());
    let pieces = grow(&mut Frontier::default(), headers, &Nothing).unwrap();
    let piece = |(PieceKey { level, index }, hashes)| TreePiece { level, index, hashes };
    pieces.into_iter().map(piece).collect()
}

/// The head that these events lead to.
pub(crate) fn head_of(events: &[StoredEvent]) -> Head {
    let link = events.last().map_or(Link::ZERO, |last| Link::of(&last.header));
    Head { size: u64::try_from(events.len()).unwrap(), link: link.0 }
}
