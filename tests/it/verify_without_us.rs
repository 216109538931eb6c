//! `docs/verify-without-us.md`: every command on the page, run on good files and on spoiled ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use demarche::record::checkpoint::Checkpoint;
use demarche::record::commitment::{Salt, commit_payload, commit_sealed};
use demarche::record::export::{EventLine, HeadLine, Line, decode, encode};
use demarche::record::header::Header;
use demarche::record::link::Link;
use demarche::record::note::{Algorithm, NoteSigner, SignatureLine, VerifierKey, cosigned_message};
use demarche::record::tree::{Frontier, Root, leaf_hash};
use ed25519_dalek::{Signer as _, SigningKey};
use tempfile::TempDir;

use crate::desk::Desk;
use crate::support::tool;

/// Whether everything that the page asks for is there.
fn tools() -> bool {
    ["b3sum", "sha256sum", "openssl", "python3", "sh"].into_iter().all(tool)
}

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify-without-us.md");
    fs::read_to_string(path).unwrap()
});

const INTRODUCTION: &str = "";
const ONE_EVENT: &str = "One event by hand";
const WHOLE_LOG: &str = "The whole log";
const STAMPS: &str = "Time stamps";
const WITNESSES: &str = "Cosignatures of witnesses";

/// The fenced blocks of a section in one language, one after the other.
fn blocks(section: &str, language: &str) -> String {
    let (mut title, mut inside, mut found) = ("", None, String::new());
    for line in PAGE.lines() {
        match (inside, line.strip_prefix("```"), line.strip_prefix("## ")) {
            (None, Some(opened), _) => inside = Some(opened),
            (None, None, Some(next)) => title = next,
            (Some(_), Some(_), _) => inside = None,
            (Some(of), None, _) if title == section && of == language => {
                found.push_str(line);
                found.push('\n');
            }
            _ => {}
        }
    }
    assert!(!found.is_empty(), "the page has {language} under {section:?}");
    found
}

/// Runs commands of the page as a careful reader would: each must be right before the next.
fn sh(place: &Path, script: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_demarche")).parent().unwrap().to_path_buf();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> =
        std::iter::once(program).chain(std::env::split_paths(&others)).collect();
    Command::new("sh")
        .args(["-euc", script])
        .current_dir(place)
        .env("PATH", std::env::join_paths(path).unwrap())
        .env_remove("DEMARCHE_LOG")
        .output()
        .unwrap()
}

/// What the keeper hands out.
#[derive(Debug, Clone)]
struct Handed {
    export: Vec<u8>,
    checkpoint: String,
    proof: String,
    vkey: String,
    /// The proof of the event with a sealed part, which is open in it.
    disclosed: String,
}

impl Handed {
    /// Takes the files that the page's first commands write for the log on a desk.
    fn from(desk: &Desk) -> Self {
        for name in ["checkpoint", "export.jsonl", "event.tlog-proof"] {
            let _ = fs::remove_file(desk.path().join(name));
        }
        printed(&sh(desk.path(), &blocks(INTRODUCTION, "sh")));
        let text = |name| fs::read_to_string(desk.path().join(name)).unwrap();
        Self {
            export: text("export.jsonl").into_bytes(),
            checkpoint: text("checkpoint"),
            proof: text("event.tlog-proof"),
            vkey: desk.json(&["key", "--json"])["vkey"].as_str().unwrap().to_owned(),
            disclosed: String::new(),
        }
    }

    /// A directory with the files, and the script of the page.
    fn laid_out(&self) -> TempDir {
        let place = TempDir::new().unwrap();
        let write = |name, bytes: &[u8]| fs::write(place.path().join(name), bytes).unwrap();
        write("export.jsonl", &self.export);
        write("checkpoint", self.checkpoint.as_bytes());
        write("event.tlog-proof", self.proof.as_bytes());
        write("vkey", format!("{}\n", self.vkey).as_bytes());
        write("verify_log.py", blocks(WHOLE_LOG, "python").as_bytes());
        place
    }

    /// The checks of the script that fail on the export, or on the proof.
    fn failing(&self, what: What) -> BTreeSet<String> {
        let commands = blocks(WHOLE_LOG, "sh");
        let mut of_this = commands.lines().filter(|line| line.contains(what.file()));
        let (command, None) = (of_this.next().unwrap(), of_this.next()) else {
            panic!("one command is about {}", what.file())
        };
        let output = sh(self.laid_out().path(), command);
        let said = String::from_utf8(output.stdout).unwrap();
        let failing = said.lines().filter_map(|line| line.strip_prefix("FAILED  "));
        let failing: BTreeSet<String> =
            failing.filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect();
        let error = String::from_utf8_lossy(&output.stderr);
        let expected = Some(i32::from(!failing.is_empty()));
        assert_eq!(output.status.code(), expected, "{said}{error}");
        assert!(!error.contains("Traceback"), "{error}");
        failing
    }

    fn events(&self) -> Vec<Line> {
        let lines = self.export.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| decode(line).unwrap()).collect()
    }

    /// The files of a keeper who changed the log and computed everything anew, and signed it.
    fn rewritten(&self, key: &NoteSigner, change: impl FnOnce(&mut Vec<Line>)) -> Self {
        let mut lines = self.events();
        change(&mut lines);
        let (mut link, mut frontier, mut export) = (Link::ZERO, Frontier::default(), Vec::new());
        for line in &mut lines {
            match line {
                Line::Event(event) => {
                    let mut header = Header::from_bytes(event.header.as_bytes()).unwrap();
                    header.seq = frontier.size();
                    header.prev = link;
                    if let Some((salt, payload)) = &event.payload {
                        header.payload = commit_payload(&Salt(*salt), payload.as_bytes());
                    }
                    if let Some(Some((salt, sealed))) = &event.sealed {
                        header.sealed = Some(commit_sealed(&Salt(*salt), sealed.as_bytes()));
                    }
                    let header = header.to_bytes();
                    (link, event.header) = (Link::of(&header), String::from_utf8(header).unwrap());
                    frontier.push(leaf_hash(event.header.as_bytes()));
                }
                Line::Source(_) => {}
                Line::Head(head) => {
                    *head = HeadLine { size: frontier.size(), chain: link, root: frontier.root() };
                }
            }
            export.extend(encode(line));
            export.push(b'\n');
        }
        let checkpoint = signed(key, frontier.size(), frontier.root());
        Self { export, checkpoint, ..self.clone() }
    }

    /// The export with one text in place of another, which must be there.
    fn with(&self, from: &str, to: &str) -> Self {
        let text = String::from_utf8(self.export.clone()).unwrap();
        assert!(text.contains(from), "{from} is in the export");
        Self { export: text.replacen(from, to, 1).into_bytes(), ..self.clone() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Export,
    Proof,
}

impl What {
    const fn file(self) -> &'static str {
        match self {
            Self::Export => "export.jsonl",
            Self::Proof => "event.tlog-proof",
        }
    }
}

fn signed(key: &NoteSigner, size: u64, root: Root) -> String {
    let origin = key.verifier().name().to_owned();
    Checkpoint { origin, size, root }.sign(&[key]).unwrap().to_string()
}

#[track_caller]
fn printed(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}{error}");
    said.into_owned()
}

/// A log of the shipped chronicle, of a source that is no text, and of a sealed part.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    let chronicle = Path::new(env!("CARGO_MANIFEST_DIR")).join("log/chronicle.jsonl");
    desk.ok(&["append", chronicle.to_str().unwrap()]);
    fs::write(desk.path().join("scan.pdf"), b"%PDF-1.7 \xff\xfe").unwrap();
    desk.write("scan.txt", "Said “at the table”:\n\t\u{1F54A} peace \\ \"now\".\n");
    desk.write("more.jsonl", concat!(
        r#"{"kind":"source","id":"scan","published":"2025-05-02","file":"scan.pdf","text_file":"scan.txt"}"#, "\n",
        r#"{"kind":"statement","id":"said","by":["india"],"topic":"pahalgam-attack","stance":"supports","when":"2025-05-02","summary":"It spoke of peace.","sealed":{"note":"from a person who asked not to be named"},"cites":[{"source":"scan","quote":"\t🕊 peace \\ \"now\"."}]}"#, "\n",
    ));
    desk.ok(&["append", "more.jsonl"]);
    desk
}

fn key_of(desk: &Desk) -> NoteSigner {
    let key = fs::read_to_string(desk.path().join("log/key")).unwrap();
    NoteSigner::parse(key.trim_end()).unwrap()
}

/// What is handed out of that log, and the key that signs it. The export has its sealed part.
static GOOD: LazyLock<(Handed, NoteSigner)> = LazyLock::new(|| {
    let desk = desk();
    let mut handed = Handed::from(&desk);
    handed.export = desk.ok(&["export", "--include-sealed"]).into_bytes();
    desk.ok(&["disclose", "said", "--out", "disclosed"]);
    handed.disclosed = fs::read_to_string(desk.path().join("disclosed")).unwrap();
    (handed, key_of(&desk))
});

fn set(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

/// The event with this text in its payload, and its payload.
fn find<'l>(lines: &'l mut [Line], text: &str) -> (usize, &'l mut EventLine) {
    let lines = lines.iter_mut().enumerate();
    let mut events = lines.filter_map(|(at, line)| match line {
        Line::Event(event) => Some((at, event)),
        _ => None,
    });
    let has = |event: &EventLine| event.payload.as_ref().is_some_and(|(_, it)| it.contains(text));
    events.find(|(_, event)| has(event)).unwrap()
}

/// Changes the payload of the event with this text in it.
fn say(lines: &mut [Line], from: &str, to: &str) {
    let (_, event) = find(lines, from);
    let (_, payload) = event.payload.as_mut().unwrap();
    *payload = payload.replacen(from, to, 1);
}

/// What a keeper does to the lines of an export.
type Change<'c> = dyn Fn(&mut Vec<Line>) + 'c;

fn source<'l>(lines: &'l mut [Line], text: &str) -> &'l mut Vec<u8> {
    let bytes = lines.iter_mut().filter_map(|line| match line {
        Line::Source(part) => Some(&mut part.bytes),
        _ => None,
    });
    let has = |bytes: &&mut Vec<u8>| String::from_utf8_lossy(bytes).contains(text);
    bytes.into_iter().find(has).unwrap()
}

#[test]
fn the_whole_log_by_the_script() {
    if !tools() {
        return;
    }
    let (good, _) = &*GOOD;
    let place = good.laid_out();
    let said = printed(&sh(place.path(), &blocks(WHOLE_LOG, "sh")));
    for line in [
        "events: 66, under the checkpoint: 66, erased: 0",
        "sources: 3, quotations: 34, compared: 34",
    ] {
        assert!(said.lines().any(|printed| printed == line), "{line} in {said}");
    }
    // Every check that the page explains is made, and no other.
    let table = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let made = said.lines().filter_map(|line| line.strip_prefix("ok      "));
    assert_eq!(made.collect::<BTreeSet<_>>(), table.map(|(name, _)| name).collect());
}

#[test]
fn an_export_spoiled_in_place_fails() {
    if !tools() {
        return;
    }
    let (good, key) = &*GOOD;
    let text = String::from_utf8(good.export.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let of = |lines: Vec<&str>| Handed { export: lines.concat().into_bytes(), ..good.clone() };
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        of(lines)
    };
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
    let mut swapped = lines.clone();
    swapped.swap(10, 11);
    let twice = [&lines[..10], &lines[9..]].concat();
    let (sealed, salt) = ("asked not to be named", "\"sealed_salt\":\"");
    let salt = &text[text.find(salt).unwrap()..][..salt.len() + 2];
    let other_digit = |salt: &str| {
        let last = if salt.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &salt[..salt.len() - 1])
    };
    let of_5 = &lines[6][lines[6].find("\"salt\":\"").unwrap()..][..10];
    let first_kind = r#"{"header":"{\"kind\":\"genesis\""#;
    for (what, spoiled, failing) in [
        ("a header", good.with(r#"Z\",\"seq\":5,"#, r#"Y\",\"seq\":5,"#), "form"),
        ("a number", good.with(r#"\"seq\":5,"#, r#"\"seq\":7,"#), "chain checkpoint head"),
        ("a digit of a header", good.with("0000000", "0000001"), "chain checkpoint head"),
        ("a kind", good.with(first_kind, &first_kind.replace("gen", "gem")), "form"),
        ("a payload", good.with("spoke of peace", "spake of peace"), "commitments"),
        (
            "a quotation",
            good.with("quote\\\":\\\"Discussed the", "quote\\\":\\\"Discussed thy"),
            "commitments quotations",
        ),
        ("a salt", good.with(of_5, &other_digit(of_5)), "commitments"),
        ("a sealed part", good.with(sealed, "asked now to be named"), "commitments"),
        ("a sealed part's salt", good.with(salt, &other_digit(salt)), "commitments"),
        ("a source", good.with("This text is a digest", "This test is a digest"), "sources"),
        ("a source in base64", good.with("JVBERi0xLjcg", "JVBERi0xLjgg"), "sources"),
        ("the head", good.with(r#""size":66"#, r#""size":67"#), "head"),
        ("white space", good.with(r#"","salt""#, r#"", "salt""#), "form"),
        ("another key", good.with(r#"","salt""#, r#"","palt":"","salt""#), "form"),
        ("an event is dropped", without(10), "chain checkpoint head"),
        ("a source is dropped", without(at(r#"{"part""#)), "sources"),
        ("the head is dropped", without(lines.len() - 1), "form head"),
        ("two events are swapped", of(swapped), "chain checkpoint head"),
        ("an event is there twice", of(twice), "chain checkpoint head"),
        ("the end is cut", of(lines[..60].to_vec()), "checkpoint form head"),
        ("the last byte is cut", of(vec![text.trim_end()]), "form head"),
        ("it is empty", of(Vec::new()), "form"),
        (
            "another checkpoint",
            Handed { checkpoint: signed(key, 66, Root([7; 32])), ..good.clone() },
            "checkpoint",
        ),
        (
            "a larger checkpoint",
            Handed { checkpoint: signed(key, 67, Root([7; 32])), ..good.clone() },
            "checkpoint",
        ),
    ] {
        assert_eq!(spoiled.failing(What::Export), set(failing), "{what}");
    }
}

#[test]
fn a_flipped_bit_anywhere_in_an_export_fails() {
    // Every byte would take an hour; that is for `tests/it/export.rs`, which asks the program.
    const FLIPS: usize = 11;
    if !tools() {
        return;
    }
    let (good, _) = &*GOOD;
    for flip in 0..FLIPS {
        let mut spoiled = good.clone();
        let at = (good.export.len() * flip + flip * 131) / FLIPS;
        spoiled.export[at] ^= 1 << (flip % 8);
        assert!(!spoiled.failing(What::Export).is_empty(), "byte {at}, bit {}", flip % 8);
    }
}

#[test]
fn what_a_keeper_rewrites_and_signs_anew_fails_where_it_can() {
    if !tools() {
        return;
    }
    let (good, key) = &*GOOD;
    let rewritten = |change: &Change<'_>| good.rewritten(key, change);
    assert_eq!(rewritten(&|_| {}).export, good.export, "nothing changed");
    let quote = ("Discussed the Pahalgam", "Discussed thy Pahalgam");
    let cases: &[(&str, &str, &Change<'_>)] = &[
        ("a quotation", "quotations", &|lines| say(lines, quote.0, quote.1)),
        ("a source and its hash", "quotations", &|lines| {
            let bytes = source(lines, "\u{1F54A} peace");
            let before = blake3::hash(bytes).to_string();
            *bytes = "Said “at the table”:\n\t\u{1F54A} piece \\ \"now\".\n".into();
            let after = blake3::hash(bytes).to_string();
            for line in lines.iter_mut() {
                match line {
                    Line::Source(part) if part.source == before => part.source.clone_from(&after),
                    _ => {}
                }
            }
            say(lines, &before, &after);
        }),
        ("a payload is withheld", "erasures", &|lines| {
            find(lines, "spoke of peace").1.payload = None;
        }),
        ("white space in a payload", "form", &|lines| say(lines, "{\"", "{ \"")),
        ("a fraction in a payload", "form", &|lines| {
            say(lines, "\"bytes\":4102", "\"bytes\":4102.5");
        }),
        ("a key twice in a payload", "form", &|lines| {
            say(lines, "\"bytes\":4102", "\"bytes\":4102,\"bytes\":4102");
        }),
        ("the kind of a payload", "form", &|lines| {
            say(lines, "\"kind\":\"relation\"", "\"kind\":\"mention\"");
        }),
        ("a time goes back", "chain", &|lines| {
            let (_, event) = find(lines, "spoke of peace");
            event.header = event.header.replacen("recorded_at\":\"2", "recorded_at\":\"1", 1);
        }),
        ("an event of another log", "chain", &|lines| {
            let (_, event) = find(lines, "spoke of peace");
            event.header = event.header.replacen("example.org/desk", "example.org/mesk", 1);
        }),
        ("a sealed part", "", &|lines| {
            find(lines, "spoke of peace").1.sealed = Some(Some(([1; 32], "{}".to_owned())));
        }),
        ("the end is cut", "", &|lines| {
            let at = find(lines, "spoke of peace").0;
            lines.remove(at);
        }),
    ];
    for (what, failing, change) in cases {
        let by_the_keeper = rewritten(change);
        assert_eq!(by_the_keeper.failing(What::Export), set(failing), "{what}, signed anew");
        // Whoever holds the checkpoint from before sees all of it.
        let checkpoint = good.checkpoint.clone();
        let held = Handed { checkpoint, ..by_the_keeper };
        let found = held.failing(What::Export);
        assert!(
            found.contains("checkpoint") || found == set("form") || found == set(failing),
            "{what}: {found:?}"
        );
        assert!(!found.is_empty(), "{what}, by an earlier checkpoint");
    }
}

#[test]
fn another_key_or_another_text_has_not_signed() {
    if !tools() {
        return;
    }
    let (good, key) = &*GOOD;
    let stranger = NoteSigner::from_seed("example.org/desk", &[9; 32]).unwrap();
    let elsewhere = NoteSigner::from_seed("example.org/else", &[9; 32]).unwrap();
    let vkey = |signer: &NoteSigner| signer.verifier().to_string();
    let other_id = good.vkey.replacen('+', "+0", 1);
    let (_, checkpoint) = Checkpoint::parse_note(good.checkpoint.as_bytes()).unwrap();
    let by_stranger = signed(&stranger, checkpoint.size, checkpoint.root);
    let both = checkpoint.sign(&[&stranger, key]).unwrap().to_string();
    let falsely = {
        let lines = good.checkpoint.lines().last().unwrap();
        let (start, line) = lines.rsplit_once(' ').unwrap();
        let mut bytes = STANDARD.decode(line).unwrap();
        bytes[10] ^= 1;
        good.checkpoint.replace(lines, &format!("{start} {}", STANDARD.encode(bytes)))
    };
    let larger = good.checkpoint.replacen("\n66\n", "\n67\n", 1);
    for (what, vkey, checkpoint, failing) in [
        ("another vkey", vkey(&stranger), good.checkpoint.clone(), "signature"),
        ("another name", vkey(&elsewhere), good.checkpoint.clone(), "signature"),
        ("another id", other_id, good.checkpoint.clone(), "signature"),
        ("signed by another", good.vkey.clone(), by_stranger.clone(), "signature"),
        ("signed by both", good.vkey.clone(), both, ""),
        ("a false signature", good.vkey.clone(), falsely, "signature"),
        ("another size", good.vkey.clone(), larger, "checkpoint signature"),
        ("signed by the stranger trusted", vkey(&stranger), by_stranger, ""),
    ] {
        let spoiled = Handed { checkpoint, vkey, ..good.clone() };
        assert_eq!(spoiled.failing(What::Export), set(failing), "{what}");
    }
}

/// Proofs that do not hold, with the checks of the script that fail.
fn spoiled_proofs(good: &Handed) -> Vec<(&'static str, Handed, &'static str)> {
    let proof = |proof: String| Handed { proof, ..good.clone() };
    let lines: Vec<&str> = good.proof.lines().collect();
    let extra = lines[1].strip_prefix("extra ").unwrap();
    let opened = String::from_utf8(STANDARD.decode(extra).unwrap()).unwrap();
    let event = |from: &str, to: &str| {
        let changed = opened.replacen(from, to, 1);
        assert_ne!(changed, opened, "{from} is in the event");
        proof(good.proof.replacen(extra, &STANDARD.encode(changed), 1))
    };
    let index = lines[2];
    let path = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.iter().map(|line| (*line).to_owned()).collect();
        change(&mut lines);
        proof(lines.join("\n") + "\n")
    };
    let other = STANDARD.encode([7; 32]);
    let size = good.proof.replacen("\n66\n", "\n65\n", 1);
    let stranger = NoteSigner::from_seed("example.org/desk", &[9; 32]).unwrap().verifier();
    vec![
        ("the payload", event("suspends", "resumes "), "commitments"),
        ("the salt", event("\"salt\":\"", "\"salt\":\"00"), "commitments"),
        ("the header", event(r#"Z\",\"seq"#, r#"Z\",\"seq\":1,\"seq"#), "form"),
        ("the time", event(r#"recorded_at\":\"2"#, r#"recorded_at\":\"3"#), "proof"),
        ("the index", proof(good.proof.replacen(index, "index 1", 1)), "proof"),
        ("a hash of the path", path(&|lines| lines[4].clone_from(&other)), "proof"),
        ("a path cut short", path(&|lines| drop(lines.remove(3))), "proof"),
        ("a longer path", path(&|lines| lines.insert(3, other.clone())), "proof"),
        ("another size", proof(size), "signature"),
        ("another key", Handed { vkey: stranger.to_string(), ..good.clone() }, "signature"),
    ]
}

#[test]
fn one_event_by_the_script_and_by_hand() {
    if !tools() {
        return;
    }
    let (good, _) = &*GOOD;
    let by_hand = blocks(ONE_EVENT, "sh");
    assert_eq!(good.failing(What::Proof), set(""));
    let said = printed(&sh(good.laid_out().path(), &by_hand));
    assert!(said.contains("ok      place"), "{said}");
    assert!(said.contains("Signature Verified Successfully"), "{said}");
    for (what, spoiled, failing) in spoiled_proofs(good) {
        let found = spoiled.failing(What::Proof);
        assert!(set(failing).is_subset(&found), "{what}: {found:?}");
        let output = sh(spoiled.laid_out().path(), &by_hand);
        assert_ne!(output.status.code(), Some(0), "{what}, by hand");
    }
}

#[test]
fn a_disclosed_sealed_part_is_checked_too() {
    if !tools() {
        return;
    }
    let (good, _) = &*GOOD;
    let mut handed = Handed { proof: good.disclosed.clone(), ..good.clone() };
    assert_eq!(handed.failing(What::Proof), set(""));
    let extra = handed.proof.lines().nth(1).unwrap().strip_prefix("extra ").unwrap().to_owned();
    let opened = String::from_utf8(STANDARD.decode(&extra).unwrap()).unwrap();
    let changed = opened.replacen("not to be named", "now to be named", 1);
    assert_ne!(changed, opened, "the sealed part is in the proof");
    handed.proof = handed.proof.replacen(&extra, &STANDARD.encode(changed), 1);
    assert_eq!(handed.failing(What::Proof), set("commitments"));
}

#[test]
fn an_erased_event_is_counted_and_must_be_gone() {
    if !tools() {
        return;
    }
    let desk = desk();
    let before = Handed::from(&desk);
    desk.ok(&["erase", "said", "--why", "a person is named"]);
    let after = Handed::from(&desk);
    let said = printed(&sh(after.laid_out().path(), &blocks(WHOLE_LOG, "sh")));
    assert!(said.contains("events: 67, under the checkpoint: 67, erased: 1\n"), "{said}");
    assert!(said.contains("quotations: 33, compared: 33\n"), "{said}");
    let older = Handed { checkpoint: before.checkpoint.clone(), ..after.clone() };
    assert_eq!(older.failing(What::Export), set(""), "the checkpoint from before still holds");

    let line_of = |handed: &Handed| {
        let text = String::from_utf8(handed.export.clone()).unwrap();
        text.lines().find(|line| line.contains(r#"\"seq\":65,"#)).unwrap().to_owned()
    };
    let put_back = after.with(&line_of(&after), &line_of(&before));
    assert_eq!(put_back.failing(What::Export), set("erasures"), "what was erased is there");

    // A source goes, and what quotes it can no longer be compared.
    desk.ok(&["erase", "digest-2025-05-01", "--why", "asked to"]);
    let after = Handed::from(&desk);
    let said = printed(&sh(after.laid_out().path(), &blocks(WHOLE_LOG, "sh")));
    assert!(said.contains("erased: 2\n"), "{said}");
    assert!(said.contains("sources: 2, quotations: 33, compared: 0\n"), "{said}");
}

/// Makes an authority in a directory: `ca.pem`, and what `openssl ts -reply` needs to stamp.
const AUTHORITY: &str = r#"
for who in ca tsa; do
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $who.key -out $who.csr -subj "/CN=test $who"
done 2>errors
echo 'basicConstraints = critical, CA:TRUE' >ca.ext
echo 'extendedKeyUsage = critical, timeStamping' >tsa.ext
openssl x509 -req -in ca.csr -signkey ca.key -days 2 -extfile ca.ext -out ca.pem 2>errors
openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 -extfile tsa.ext -out tsa.pem 2>errors
echo 01 >serial
cat >ts.conf <<END
[tsa]
default_tsa = stamps
[stamps]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ordering = yes
ess_cert_id_alg = sha256
END
"#;

#[test]
fn time_stamps_by_openssl() {
    if !tools() {
        return;
    }
    let (desk, other) = (desk(), TempDir::new().unwrap());
    for place in [desk.path(), other.path()] {
        printed(&sh(place, AUTHORITY));
    }
    desk.ok(&["checkpoint"]);
    desk.ok(&["anchor", "request", "--out", "stamp.tsq"]);
    let reply = "openssl ts -reply -config ts.conf -queryfile stamp.tsq -out stamp.tsr 2>errors";
    printed(&sh(desk.path(), reply));
    desk.ok(&["anchor", "add", "stamp.tsr"]);
    let handed = Handed::from(&desk);
    let commands = blocks(STAMPS, "sh");
    let run = |handed: &Handed, authority: &Path| {
        let place = handed.laid_out();
        fs::copy(authority.join("ca.pem"), place.path().join("ca.pem")).unwrap();
        sh(place.path(), &commands)
    };
    let said = printed(&run(&handed, desk.path()));
    assert!(said.contains("Time stamp: "), "{said}");
    assert!(said.contains("events: 67, under the checkpoint: 66, erased: 0\n"), "{said}");
    assert_eq!(run(&handed, other.path()).status.code(), Some(1), "another authority");

    let key = key_of(&desk);
    let (size, root) = (66, Root([7; 32]));
    for (what, from, to) in [
        ("another note", handed.checkpoint_of_anchor(), signed(&key, size, root)),
        ("a stamp that was changed", handed.response(), handed.response_changed()),
    ] {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let inner = |text: &str| json(text)[1..json(text).len() - 1].to_owned();
        let changed = handed.rewritten(&key, |lines| say(lines, &inner(&from), &inner(&to)));
        assert_eq!(changed.failing(What::Export), set(""), "{what}");
        assert_ne!(run(&changed, desk.path()).status.code(), Some(0), "{what}");
    }
}

impl Handed {
    /// What the anchor in the export says.
    fn anchor(&self) -> serde_json::Value {
        let mut lines = self.events();
        let (_, event) = find(&mut lines, "\"kind\":\"anchor\"");
        let (_, payload) = event.payload.clone().unwrap();
        serde_json::from_str(&payload).unwrap()
    }

    fn checkpoint_of_anchor(&self) -> String {
        self.anchor()["checkpoint"].as_str().unwrap().to_owned()
    }

    fn response(&self) -> String {
        self.anchor()["response"].as_str().unwrap().to_owned()
    }

    /// The response with its last byte changed: it ends with the signature.
    fn response_changed(&self) -> String {
        let mut bytes = STANDARD.decode(self.response()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        STANDARD.encode(bytes)
    }
}

#[test]
fn cosignatures_by_openssl() {
    if !tools() {
        return;
    }
    let (good, _) = &*GOOD;
    let time = 1_700_000_000_u64;
    let witness = SigningKey::from_bytes(&[8; 32]);
    let vkey = |key: &SigningKey| {
        let name = "witness.example/w";
        VerifierKey::new(name, Algorithm::Cosignature, key.verifying_key().as_bytes()).unwrap()
    };
    let text = good.checkpoint.split_inclusive("\n\n").next().unwrap().trim_end().to_owned() + "\n";
    let line = |time: u64, cosigned: &str| {
        let signature = witness.sign(cosigned.as_bytes()).to_bytes();
        let signature = [time.to_be_bytes().as_slice(), &signature].concat();
        let key = vkey(&witness);
        let line = SignatureLine { name: key.name().to_owned(), id: key.id(), signature };
        Handed { proof: format!("{}{line}\n", good.proof), ..good.clone() }
    };
    let cosigned = line(time, &cosigned_message(time, &text));
    let other = SigningKey::from_bytes(&[9; 32]);
    let commands = [blocks(ONE_EVENT, "sh"), blocks(WITNESSES, "sh")].concat();
    let run = |handed: &Handed, key: &VerifierKey| {
        let place = handed.laid_out();
        fs::write(place.path().join("witness-vkey"), format!("{key}\n")).unwrap();
        sh(place.path(), &commands)
    };
    let said = printed(&run(&cosigned, &vkey(&witness)));
    assert!(said.contains("cosigned by witness.example/w at 1700000000\n"), "{said}");
    for (what, handed, key) in [
        ("another witness", &cosigned, &other),
        ("no cosignature", good, &witness),
        ("another time", &line(time + 1, &cosigned_message(time, &text)), &witness),
        ("another text", &line(time, &cosigned_message(time, "another\n")), &witness),
        ("the text alone", &line(time, &text), &witness),
    ] {
        assert_ne!(run(handed, &vkey(key)).status.code(), Some(0), "{what}");
    }
    // The program is of the same mind.
    let desk = Desk::new();
    desk.write("cosigned", &cosigned.proof);
    desk.write("late", &line(time + 1, &cosigned_message(time, &text)).proof);
    let witness = vkey(&witness);
    desk.write("policy", &format!("log {}\nwitness w {witness}\nquorum w\n", good.vkey));
    desk.ok(&["check", "cosigned", "--policy", "policy"]);
    assert_eq!(desk.refused(&["check", "late", "--policy", "policy"]).0, Some(1));
}
