//! Every attack that a plain hash chain does not withstand, by whoever keeps the machine: each is found, with the finding
//! that names it, or, where only others could know, `verify` says so in words.

use std::fs;

use demarche::event_log::finding::Check;
use demarche::event_log::report::Against;
use demarche::event_log::verify::verify_store;
use demarche::record::checkpoint::Checkpoint;
use demarche::record::header::Header;
use demarche::record::journal::Journal;
use demarche::record::note::{
    Algorithm, Note, NoteSigner, SignatureLine, VerifierKey, cosigned_message,
};
use demarche::store::sled::SledStore;
use demarche::store::{BlockKey, Change, Part, Store, StoredEvent, TreePiece};
use serde_json::Value;

use crate::desk::Desk;
use crate::forger::{NAMES, STATEMENTS, Table, copy, edit, events, put, put_blob, rehash, store};

const NO_OUTSIDER: &str = "No outside party holds a checkpoint of this log";

/// A desk with the shipped chronicle, signed, with a copy of the checkpoint that others were given.
fn desk() -> Desk {
    let desk = Desk::demo();
    desk.ok(&["checkpoint", "--out", "given.note"]);
    desk
}

/// The hash of the chronicle's one source, whose bytes a forger keeps.
pub(crate) fn source(desk: &Desk) -> String {
    let shown = desk.json(&["show", "digest-2025-05-01", "--json"]);
    shown["events"][0]["payload"]["blake3"].as_str().unwrap().to_owned()
}

/// What `verify` says, which must find something.
#[track_caller]
fn findings(desk: &Desk, args: &[&str]) -> Vec<(String, String, Option<u64>)> {
    let output = desk.run(&[&["verify", "--json"], args].concat());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = report["findings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    found.iter().map(|one| (text(&one["check"]), text(&one["what"]), one["seq"].as_u64())).collect()
}

#[track_caller]
pub(crate) fn is_found(desk: &Desk, args: &[&str], check: &str, words: &str) {
    let found = findings(desk, args);
    let named = found.iter().any(|(of, what, _)| of == check && what.contains(words));
    assert!(named, "no finding of {check} says {words:?}: {found:#?}");
}

/// `verify` finds nothing, and says that only others could know.
#[track_caller]
fn is_said_in_words(desk: &Desk) {
    let report = desk.json(&["verify", "--json"]);
    let open = report["not_established"].as_array().unwrap();
    assert!(open.iter().any(|one| one.as_str().unwrap().contains(NO_OUTSIDER)), "{open:#?}");
}

/// The forger takes the journal away, too.
pub(crate) fn without_journal(desk: &Desk) {
    fs::remove_dir_all(desk.path().join("log/journal")).unwrap();
}

#[test]
fn nothing_is_found_where_nothing_was_done() {
    let desk = desk();
    let report = desk.json(&["verify", "--json", "--checkpoint", "given.note"]);
    assert_eq!(report["ok"], true);
    assert_eq!(report["outside_size"], 64);
    let open = report["not_established"].as_array().unwrap();
    assert!(!open.iter().any(|one| one.as_str().unwrap().contains(NO_OUTSIDER)));
    is_said_in_words(&desk);
}

#[test]
fn truncate() {
    let desk = desk();
    let (source, all) = (source(&desk), events(&desk));
    put(&desk, &all[..60], &[&source]);
    is_found(&desk, &[], "checkpoints", "the log was cut or rolled back");
    let (code, said) = desk.refused(&["checkpoint"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("its end was cut off: 64 events were signed, it has 60"), "{said}");
    without_journal(&desk);
    is_said_in_words(&desk);
    is_found(&desk, &["--checkpoint", "given.note"], "checkpoints", "cut or rolled back");
}

#[test]
fn rewrite_and_rehash() {
    let desk = desk();
    let (source, mut all) = (source(&desk), events(&desk));
    edit(&mut all[40], "\"kind\":\"statement\"", "\"kind\":\"statement\",\"lang\":\"en\"");
    let Part::Present { bytes, .. } = &all[40].payload else { panic!("it is there") };
    assert!(String::from_utf8_lossy(bytes).contains("lang"));
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    is_found(&desk, &[], "checkpoints", "the log was rewritten, or an old copy was restored");
    without_journal(&desk);
    is_said_in_words(&desk);
    // The key is the forger's, too: a new journal is as good as the old one, but not to whoever holds the old note.
    desk.ok(&["checkpoint"]);
    is_said_in_words(&desk);
    is_found(
        &desk,
        &["--checkpoint", "given.note"],
        "checkpoints",
        "forks from one that was shown",
    );
}

#[test]
fn rewrite_under_the_tree_that_was_signed() {
    let desk = desk();
    desk.write(
        "more.jsonl",
        &(0..300).map(|n| format!("{{\"kind\":\"note\",\"text\":\"{n}\"}}\n")).collect::<String>(),
    );
    desk.ok(&["append", "more.jsonl"]);
    let (source, mut all) = (source(&desk), events(&desk));
    let log = desk.path().join("log");
    let signed = {
        let store = SledStore::open(&log, "the forger").unwrap();
        store.tree_piece(1, 0).unwrap().unwrap()
    };
    edit(&mut all[40], "\"kind\":\"statement\"", "\"kind\":\"statement\",\"lang\":\"en\"");
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    // The hashes under the checkpoint are put back. The headers, and the head, are of what was rewritten.
    let mut store = SledStore::open(&log, "the forger").unwrap();
    let head = store.head().unwrap();
    let piece = TreePiece { level: 1, index: 0, hashes: signed };
    store.append(Change { expected: head, events: &[], tree: &[piece], next: head }).unwrap();
    drop(store);
    is_found(&desk, &[], "checkpoints", "the log was rewritten");
    is_found(&desk, &[], "tree", "does not match the chain: level 1, piece 0");
    let (code, said) = desk.refused(&["checkpoint"]);
    assert_eq!(code, Some(1), "the stored tree alone is not believed: {said}");
    assert!(said.contains("the stored tree is not the one that the headers"), "{said}");
    assert_eq!(journal(&desk).lines().count(), 2, "nothing was signed");
}

#[test]
fn fork() {
    let (desk, other) = (desk(), Desk::new());
    copy(&desk.path().join("log"), &other.path().join("log"));
    for (desk, id) in [(&desk, "ours"), (&other, "theirs")] {
        desk.write("more.jsonl", &format!("{{\"kind\":\"topic\",\"id\":\"{id}\",\"name\":\"x\"}}"));
        desk.ok(&["append", "more.jsonl"]);
        desk.ok(&["checkpoint", "--out", "forked.note"]);
        assert_eq!(desk.json(&["verify", "--json"])["ok"], true, "each by itself is whole");
    }
    let theirs = fs::read_to_string(other.path().join("forked.note")).unwrap();
    desk.write("theirs.note", &theirs);
    let args = ["--checkpoint", "given.note", "--checkpoint", "theirs.note"];
    is_found(&desk, &args, "checkpoints", "forks from one that was shown to others");
    is_found(&desk, &args, "checkpoints", "two checkpoints of 65 events have different roots");
}

#[test]
fn backup_then_append() {
    let desk = desk();
    let backup = desk.path().join("backup");
    copy(&desk.path().join("log/store"), &backup);
    desk.write("more.jsonl", "{\"kind\":\"topic\",\"id\":\"first\",\"name\":\"x\"}");
    desk.ok(&["append", "more.jsonl"]);
    desk.ok(&["checkpoint", "--out", "later.note"]);
    // The old copy is put back: it is shorter than what was signed.
    fs::remove_dir_all(desk.path().join("log/store")).unwrap();
    copy(&backup, &desk.path().join("log/store"));
    // Nothing is read of it, let alone appended to it, while the file beside it says what was acknowledged.
    for args in [&["verify"][..], &["append", "more.jsonl"], &["checkpoint"]] {
        let (code, said) = desk.refused(args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("the store holds 64 events, and 65 were acknowledged"), "{said}");
    }
    fs::remove_file(desk.path().join("log/head")).unwrap();
    is_found(&desk, &[], "checkpoints", "the log was cut or rolled back");
    // And then it goes on, otherwise.
    desk.write("other.jsonl", "{\"kind\":\"topic\",\"id\":\"second\",\"name\":\"y\"}");
    desk.ok(&["append", "other.jsonl"]);
    is_found(&desk, &[], "checkpoints", "the log was rewritten, or an old copy was restored");
    let (code, said) = desk.refused(&["checkpoint"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("nothing was signed"), "{said}");
    // Both notes are kept as evidence, and nothing was added to the journal.
    let evidence: Vec<String> = fs::read_dir(desk.path().join("log/journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let [evidence] = evidence.as_slice() else { panic!("one file of evidence") };
    let later = fs::read_to_string(desk.path().join("later.note")).unwrap();
    assert!(evidence.contains(&later), "what was signed, byte for byte: {evidence}");
    let head = desk.json(&["replay", "--json"]);
    let found = format!("65\n{}\n", head["head"]["root"].as_str().unwrap());
    assert!(evidence.contains(&found), "what was found: {evidence}");
    assert_eq!(journal(&desk).lines().count(), 3, "the first line, and two checkpoints");
    // With the journal put back, too, only others can know.
    without_journal(&desk);
    is_said_in_words(&desk);
    is_found(&desk, &["--checkpoint", "later.note"], "checkpoints", "forks from one");
}

#[test]
fn genesis_swap() {
    let desk = desk();
    let (source, mut all) = (source(&desk), events(&desk));
    // The same log, begun a century earlier.
    let mut header = Header::from_bytes(&all[0].header).unwrap();
    let then = header.recorded_at.to_string();
    let earlier = then.replacen("20", "19", 1);
    header.recorded_at = demarche::model::calendar::Instant::parse_recorded(&earlier).unwrap();
    all[0].header = header.to_bytes();
    edit(&mut all[0], &then, &earlier);
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    is_found(&desk, &[], "journal", "the log has another genesis than the journal");
    let (code, said) = desk.refused(&["checkpoint"]);
    assert_eq!(code, Some(1), "{said}");
    without_journal(&desk);
    is_said_in_words(&desk);
    is_found(
        &desk,
        &["--checkpoint", "given.note"],
        "checkpoints",
        "forks from one that was shown",
    );
}

#[test]
fn genesis_swap_with_another_origin() {
    let desk = desk();
    let (source, mut all) = (source(&desk), events(&desk));
    edit(&mut all[0], "demarche.example/demo", "demarche.example/dema");
    for event in &mut all {
        let mut header = Header::from_bytes(&event.header).unwrap();
        header.log = "demarche.example/dema".to_owned();
        event.header = header.to_bytes();
    }
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    // The journal is named by the origin, and is looked at all the same.
    is_found(&desk, &[], "journal", "the log has another genesis than the journal");
    is_found(&desk, &[], "checkpoints", "is of the log \"demarche.example/demo\"");
}

#[test]
fn genesis_swap_with_another_key() {
    let (desk, other) = (desk(), Desk::demo());
    let vkey = desk.json(&["key", "--json"])["vkey"].as_str().unwrap().to_owned();
    desk.write("trusted", &format!("log {vkey}\nquorum none\n"));
    desk.ok(&["verify", "--policy", "trusted"]);
    // Another log under the same name, whole in itself, with a key and a journal of its own.
    fs::remove_dir_all(desk.path().join("log")).unwrap();
    other.ok(&["checkpoint"]);
    copy(&other.path().join("log"), &desk.path().join("log"));
    is_said_in_words(&desk);
    is_found(&desk, &["--policy", "trusted"], "quorum", "signed as the policy asks");
    is_found(
        &desk,
        &["--checkpoint", "given.note"],
        "signatures",
        "signed by no key that this log had",
    );
}

#[test]
fn tree_not_matching_chain() {
    let desk = desk();
    desk.write(
        "more.jsonl",
        &(0..720).map(|n| format!("{{\"kind\":\"note\",\"text\":\"{n}\"}}\n")).collect::<String>(),
    );
    desk.ok(&["append", "more.jsonl"]);
    let log = desk.path().join("log");
    let tamper = |at: usize| {
        let mut store = SledStore::open(&log, "the forger").unwrap();
        let mut hashes = store.tree_piece(1, 0).unwrap().unwrap();
        hashes[at] ^= 1;
        let head = store.head().unwrap();
        let piece = TreePiece { level: 1, index: 0, hashes };
        store.append(Change { expected: head, events: &[], tree: &[piece], next: head }).unwrap();
    };
    for at in [0, 31, 32, 95] {
        tamper(at);
        is_found(&desk, &[], "tree", "does not match the chain: level 1, piece 0");
        // The chain itself is whole.
        assert!(findings(&desk, &[]).iter().all(|(check, ..)| check != "chain"));
        tamper(at);
        desk.ok(&["verify"]);
    }
    // Hashes under which the log as it stands lies are looked at before anything is answered or signed.
    tamper(0);
    let (code, said) = desk.refused(&["checkpoint"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the stored tree is not the one"), "{said}");
}

#[test]
fn a_stored_tree_that_was_changed_is_not_published() {
    let desk = desk();
    desk.write(
        "more.jsonl",
        &(0..300).map(|n| format!("{{\"kind\":\"note\",\"text\":\"{n}\"}}\n")).collect::<String>(),
    );
    desk.ok(&["append", "more.jsonl"]);
    desk.ok(&["checkpoint"]);
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    {
        let mut store = SledStore::open(&desk.path().join("log"), "the forger").unwrap();
        let mut hashes = store.tree_piece(1, 0).unwrap().unwrap();
        hashes[0] ^= 1;
        let head = store.head().unwrap();
        let piece = TreePiece { level: 1, index: 0, hashes };
        store.append(Change { expected: head, events: &[], tree: &[piece], next: head }).unwrap();
    }
    is_found(&desk, &[], "tree", "does not match the chain: level 1, piece 0");
    let (code, said) = desk.refused(&["export", "--format", "tiles", "--out", "tiles"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the stored tree is not the one that the headers"), "{said}");
}

#[test]
fn tree_and_head_of_another_log() {
    // A tree that fits itself, but not the headers: the flaw of verifiers that never tie the two.
    let desk = desk();
    let notes: String =
        (0..300).map(|n| format!("{{\"kind\":\"note\",\"text\":\"{n}\"}}\n")).collect();
    desk.write("more.jsonl", &notes);
    desk.ok(&["append", "more.jsonl"]);
    let all = events(&desk);
    let mut others = all.clone();
    let mut header = Header::from_bytes(&others[3].header).unwrap();
    header.payload = demarche::record::commitment::Commitment([9; 32]);
    others[3].header = header.to_bytes();
    let log = desk.path().join("log");
    let piece = {
        let twin = Desk::new();
        twin.ok(&["init", "--origin", "demarche.example/chronicle"]);
        put(&twin, &others, &[]);
        let store = SledStore::open(&twin.path().join("log"), "the forger").unwrap();
        store.tree_piece(1, 0).unwrap().unwrap()
    };
    let mut store = SledStore::open(&log, "the forger").unwrap();
    let head = store.head().unwrap();
    let piece = TreePiece { level: 1, index: 0, hashes: piece };
    store.append(Change { expected: head, events: &[], tree: &[piece], next: head }).unwrap();
    drop(store);
    is_found(&desk, &[], "tree", "does not match the chain");
}

#[test]
fn several_events_damaged() {
    let desk = desk();
    let (source, mut all) = (source(&desk), events(&desk));
    edit(&mut all[50], "\"kind\":\"statement\"", "\"kind\":\"Statement\"");
    put(&desk, &all, &[&source]);
    {
        let open = || sled::Config::new().path(desk.path().join("log/store")).open();
        let wait = std::time::Duration::from_millis(10);
        let db =
            (0..500).find_map(|_| open().inspect_err(|_| std::thread::sleep(wait)).ok()).unwrap();
        let stored = db.open_tree("tail").unwrap();
        for seq in [0_u64, 20, 21, 63] {
            stored.insert([seq.to_be_bytes().as_slice(), &[0; 4]].concat(), b"rot").unwrap();
        }
        db.flush().unwrap();
    }
    // Each is found, and what else is wrong behind them; nothing is said of what could not be compared.
    let found = findings(&desk, &[]);
    for seq in [0, 20, 21, 63] {
        let of = |(check, what, at): &(String, String, Option<u64>)| {
            check == "bytes" && what.contains("cannot read it") && *at == Some(seq)
        };
        assert!(found.iter().any(of), "event {seq}: {found:#?}");
    }
    assert!(found.iter().any(|(check, _, at)| check == "commitments" && *at == Some(50)));
    for check in ["chain", "tree", "checkpoints", "signatures"] {
        let of: Vec<_> = found.iter().filter(|(of, ..)| of == check).collect();
        assert!(of.is_empty() || check == "chain", "{of:#?}");
    }
    let (code, said) = desk.refused(&["replay", "--to", "2025-05-01"]);
    assert_eq!(code, Some(2), "nothing is answered from it: {said}");
}

#[test]
fn payload_swapped() {
    let desk = desk();
    let (source, mut all) = (source(&desk), events(&desk));
    let first = all[40].payload.clone();
    all[40].payload = std::mem::replace(&mut all[41].payload, first);
    put(&desk, &all, &[&source]);
    let found = findings(&desk, &[]);
    for seq in [40, 41] {
        let named = |(check, what, of): &(String, String, Option<u64>)| {
            check == "commitments"
                && what.contains("is not the one that its header commits to")
                && *of == Some(seq)
        };
        assert!(found.iter().any(named), "event {seq}: {found:#?}");
    }
}

#[test]
fn payload_taken_away_without_an_erasure() {
    let desk = desk();
    let (source, mut all) = (source(&desk), events(&desk));
    all[40].payload = Part::Absent;
    put(&desk, &all, &[&source]);
    is_found(&desk, &[], "commitments", "is not there, and no erasure accounts for it");
}

#[test]
fn payload_put_back_after_its_erasure() {
    let desk = desk();
    let (source, before) = (source(&desk), events(&desk));
    let id = desk.json(&["list", "--json"])["events"][40]["id"].as_str().unwrap().to_owned();
    desk.ok(&["erase", &id, "--why", "asked"]);
    let mut all = events(&desk);
    all[40] = before[40].clone();
    put(&desk, &all, &[&source]);
    is_found(&desk, &[], "commitments", "says that it was erased, and its content is there");
}

#[test]
fn an_old_export_restored_and_appended_to_is_not_signed_in_silence() {
    let desk = desk();
    desk.ok(&["export", "--out", "old.jsonl"]);
    desk.ok(&["restore", "old.jsonl", "--log", "again"]);
    // What cannot be signed, since its key is not there, begins no journal.
    desk.is_refused(&["checkpoint", "--log", "again"], 2, "there is no signing key", "");
    fs::copy(desk.path().join("log/key"), desk.path().join("again/key")).unwrap();
    let output = desk.run(&["checkpoint", "--log", "again"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("there was no journal"), "{said}");
    // It is said once: from then on there is one.
    let output = desk.run(&["checkpoint", "--log", "again"]);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_quotation_whose_source_came_later_is_not_passed_over() {
    let desk = desk();
    let (source, mut all) = (source(&desk), events(&desk));
    without_journal(&desk);
    let places = |all: &[StoredEvent]| {
        let holds = |event: &StoredEvent, text: &str| matches!(&event.payload, Part::Present { bytes, .. } if String::from_utf8_lossy(bytes).contains(text));
        all.iter().position(|event| holds(event, "\"kind\":\"source\"")).unwrap()
    };
    let at = places(&all);
    let moved = all.remove(at);
    all.push(moved);
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    let report = desk.json(&["verify", "--json"]);
    let open = report["not_established"].to_string();
    assert!(open.contains("no source that was recorded before them"), "{open}");
}

/// A log whose last event is an erasure that names these events, as a forger without shame would write it, and no journal.
fn with_erasure_of(named: &str) -> (Desk, String, Vec<StoredEvent>) {
    let desk = desk();
    let source = source(&desk);
    desk.ok(&["key", "rotate"]);
    desk.ok(&["key", "retire"]);
    let id = desk.json(&["list", "--json"])["events"][40]["id"].as_str().unwrap().to_owned();
    desk.ok(&["erase", &id, "--why", "asked"]);
    let mut all = events(&desk);
    let last = all.last_mut().unwrap();
    edit(last, "\"of\":[40]", &format!("\"of\":[40,{named}]"));
    without_journal(&desk);
    (desk, source, all)
}

#[test]
fn what_the_log_itself_needs_is_called_erased() {
    // The genesis with the first key; a rotation; the retirement of a key that leaked; an erasure, its reason with it.
    for (at, kind) in [(0, "genesis"), (64, "key"), (65, "key"), (66, "erasure")] {
        let (desk, source, mut all) = with_erasure_of(&at.to_string());
        all[at].payload = Part::Absent;
        rehash(&mut all);
        put(&desk, &all, &[&source]);
        is_found(&desk, &[], "commitments", &format!("a {kind} cannot be erased"));
    }
}

#[test]
fn what_comes_later_is_called_erased_beforehand() {
    let (desk, source, mut all) = with_erasure_of("67");
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    is_found(&desk, &[], "commitments", "event 67 was erased, which is not one before it");
    desk.write("more.jsonl", "{\"kind\":\"topic\",\"id\":\"gone\",\"name\":\"x\"}");
    desk.ok(&["append", "more.jsonl"]);
    let mut all = events(&desk);
    all[67].payload = Part::Absent;
    put(&desk, &all, &[&source]);
    is_found(&desk, &[], "commitments", "no erasure accounts for it");
}

#[test]
fn a_sealed_part_stays_after_its_erasure() {
    let desk = Desk::demo();
    let source = source(&desk);
    let sealed = r#"{"kind":"incident","id":"hidden","summary":"x","sealed":{"by":"N. N."}}"#;
    desk.write("sealed.jsonl", sealed);
    desk.ok(&["append", "sealed.jsonl"]);
    let before = events(&desk);
    desk.ok(&["erase", "hidden", "--why", "asked"]);
    let mut all = events(&desk);
    all[64].sealed.clone_from(&before[64].sealed);
    put(&desk, &all, &[&source]);
    is_found(&desk, &[], "commitments", "says that it was erased, and its content is there");
}

#[test]
fn a_witness_of_the_forgers_own_making() {
    let desk = desk();
    let cosigner = cosigner("witness.example/w");
    let key = desk.json(&["key", "--json"])["vkey"].as_str().unwrap().to_owned();
    let policy = format!("log {key}\nwitness w {}\nquorum w\n", cosigner.0);
    desk.write("log/policy", &policy);
    let given = fs::read(desk.path().join("given.note")).unwrap();
    let (mut note, _) = Checkpoint::parse_note(&given).unwrap();
    note.add(cosigner.1(note.text(), 1_700_000_000)).unwrap();
    let mut kept = Journal::parse(journal(&desk).as_bytes()).unwrap();
    let line = kept.add(kept.entries[0].at, note.clone()).unwrap();
    let whole = journal(&desk) + std::str::from_utf8(&line).unwrap();
    put_journal(&desk, &whole);
    let report = desk.json(&["verify", "--json"]);
    let open = report["not_established"].to_string();
    assert!(open.contains("the policy that names them lies beside the log"), "{open}");
    assert!(open.contains("the keys the log names belong to whom you think"), "{open}");
    // With the same words from somebody whom the reader chose, there is no such doubt.
    desk.write("chosen", &policy);
    let report = desk.json(&["verify", "--json", "--policy", "chosen"]);
    let open = report["not_established"].to_string();
    assert!(!open.contains("lies beside the log") && !open.contains("whom you think"), "{open}");
    // A cosignature that was spoiled is not one that is merely missing.
    let mut line = cosigner.1(note.text(), 1_700_000_000);
    line.signature[20] ^= 1;
    note.add(line).unwrap();
    desk.write("spoiled.note", &note.to_string());
    is_found(&desk, &["--checkpoint", "spoiled.note"], "signatures", "witness.example/w");
}

/// Signs at a time.
type Cosign = Box<dyn Fn(&str, u64) -> SignatureLine>;

/// A witness: its key, and what signs.
fn cosigner(name: &'static str) -> (VerifierKey, Cosign) {
    use ed25519_dalek::Signer as _;
    let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let public = key.verifying_key().to_bytes();
    let verifier = VerifierKey::new(name, Algorithm::Cosignature, &public).unwrap();
    let id = verifier.id();
    let sign = move |text: &str, time: u64| {
        let signature = key.sign(cosigned_message(time, text).as_bytes()).to_bytes();
        let signature = [time.to_be_bytes().as_slice(), &signature].concat();
        SignatureLine { name: name.to_owned(), id, signature }
    };
    (verifier, Box::new(sign))
}

#[test]
fn a_checkpoint_signed_by_the_key_of_another_log() {
    let desk = desk();
    let given = fs::read_to_string(desk.path().join("given.note")).unwrap();
    let (note, _) = Checkpoint::parse_note(given.as_bytes()).unwrap();
    let stranger = NoteSigner::from_seed("example.org/other", &[1; 32]).unwrap();
    let key = desk.json(&["key", "--json"])["vkey"].as_str().unwrap().to_owned();
    desk.write("both", &format!("log {key}\nlog {}\nquorum none\n", stranger.verifier()));
    let signed = vec![stranger.sign(note.text())];
    desk.write("foreign.note", &Note::new(note.text().to_owned(), signed).unwrap().to_string());
    is_found(
        &desk,
        &["--checkpoint", "foreign.note", "--policy", "both"],
        "signatures",
        "signed by no key that this log had",
    );
}

#[test]
fn a_journal_that_is_none_is_not_written_over() {
    let desk = desk();
    let whole = journal(&desk);
    for other in [whole.replace('\n', " "), "a file of mine".to_owned(), whole[1..40].to_owned()] {
        put_journal(&desk, &other);
        let (code, said) = desk.refused(&["checkpoint"]);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(journal(&desk), other, "it is left as it is");
    }
    // What a beginning that was cut off leaves is.
    for cut in [0, 1, 40] {
        put_journal(&desk, &whole[..cut]);
        desk.ok(&["checkpoint"]);
        assert_eq!(journal(&desk).lines().count(), 2);
    }
}

#[test]
fn quick_says_nothing_of_what_it_leaves_out() {
    let desk = desk();
    let (source, mut all) = (source(&desk), events(&desk));
    without_journal(&desk);
    all[41].payload = all[40].payload.clone();
    rehash(&mut all);
    put(&desk, &all, &[&source]);
    is_found(&desk, &[], "ids", "is that of event 40 too");
    let report = desk.json(&["verify", "--quick", "--json"]);
    let ids = report["checks"].as_array().unwrap().iter().find(|one| one["check"] == "ids");
    assert_eq!(ids.unwrap()["verdict"], "not_checked");
}

#[test]
fn what_a_quick_verification_leaves_out_is_not_said_to_be_ok() {
    let desk = desk();
    desk.ok(&["snapshot"]);
    let report = desk.json(&["verify", "--quick", "--json"]);
    let verdict = |name: &str| {
        let mut checks = report["checks"].as_array().unwrap().iter();
        checks.find(|one| one["check"] == name).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    for check in ["commitments", "ids", "sources", "quotes", "snapshots"] {
        assert_eq!(verdict(check), "not_checked", "{check}");
    }
    for check in ["bytes", "chain", "head", "tree", "journal", "checkpoints", "signatures"] {
        assert_eq!(verdict(check), "ok", "{check}");
    }
    let open = report["not_established"].to_string();
    assert!(open.contains("What was reported was not looked at"), "{open}");
    assert!(desk.ok(&["verify", "--quick"]).contains("headers canonical and readable, 64 events"));
}

fn journal(desk: &Desk) -> String {
    let path =
        fs::read_dir(desk.path().join("log/journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut files =
        path.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    fs::read_to_string(files.next().unwrap()).unwrap()
}

fn put_journal(desk: &Desk, text: &str) {
    let name =
        fs::read_dir(desk.path().join("log/journal")).unwrap().next().unwrap().unwrap().path();
    fs::write(name, text).unwrap();
}

#[test]
fn snapshot_forged() {
    let desk = desk();
    desk.ok(&["snapshot"]);
    assert!(desk.ok(&["verify"]).contains("that of 64 events is what a fresh replay gives"));
    for (of, version) in [(NAMES, 1), (STATEMENTS, 2)] {
        let mut open = store(&desk);
        let kept = Table::read(&open, of);
        assert_eq!((kept.version, kept.size), (version, 64));
        let mut forge = |what: &str, change: &dyn Fn(&mut Table)| {
            let mut forged = kept.clone();
            change(&mut forged);
            forged.put(&mut open);
            let report = verify_store(&open, &Against::default(), &mut |_| {}).unwrap();
            let of_it = report.findings.iter().filter(|(check, _)| *check == Check::Snapshots);
            assert_eq!(of_it.count() > 0, !what.is_empty(), "{what}: {:?}", report.findings);
        };
        forge("", &|_| {});
        for at in (0..kept.rows.len()).step_by(3) {
            forge("a row is not there", &|table| drop(table.rows.remove(at)));
            // The name, the dates and the number of its event.
            for byte in (0..kept.rows[at].len()).step_by(3) {
                forge("a row says something else", &|table| table.rows[at][byte] ^= 1);
            }
            forge("there is a row more", &|table| {
                let mut row = table.rows[at].clone();
                *row.last_mut().unwrap() ^= 1;
                table.rows.push(row);
                table.rows.sort();
            });
            forge("a row is there twice", &|table| table.rows.insert(at, table.rows[at].clone()));
        }
        forge("one row stands for another", &|table| {
            let row = table.rows[0].clone();
            *table.rows.last_mut().unwrap() = row;
        });
        for size in [50, 32, 1, 0] {
            forge("it says that it is of fewer events", &|table| table.size = size);
        }
        kept.put(&mut open);
    }
    // As the program says it; and nothing stays of it once the table is as it was.
    let forge = |of, change: &dyn Fn(&mut Table)| {
        let mut open = store(&desk);
        let kept = Table::read(&open, of);
        let mut forged = kept.clone();
        change(&mut forged);
        forged.put(&mut open);
        kept
    };
    let more =
        r#"{"kind":"statement","by":["india"],"topic":"pahalgam-attack","when":"2025-05-02"}"#;
    desk.write("more.jsonl", &format!("{more}\n"));
    desk.ok(&["append", "more.jsonl"]);
    for of in [NAMES, STATEMENTS] {
        let kept = forge(of, &|table| table.size = 65);
        is_found(&desk, &[], "snapshots", "the snapshot of 65 events is not what a fresh replay");
        kept.put(&mut store(&desk));
        let kept = forge(of, &|table| table.rows.truncate(1));
        is_found(&desk, &[], "snapshots", "the snapshot of 64 events is not what a fresh replay");
        kept.put(&mut store(&desk));
        desk.ok(&["verify"]);
    }
}

#[test]
fn a_snapshot_that_cannot_be_used_is_not_believed() {
    let desk = desk();
    desk.ok(&["snapshot"]);
    let ask = || {
        let replay = desk.json(&["replay", "--to", "2025-05-01", "--json"]);
        (replay, desk.json(&["show", "digest-2025-05-01", "--json"]))
    };
    let answers = ask();
    for of in [NAMES, STATEMENTS] {
        let kept = Table::read(&store(&desk), of);
        for (what, version, size) in [
            ("of other rules", 999, 64),
            ("of more events than there are", kept.version, 65),
            ("of as many as there can be", kept.version, u64::MAX),
        ] {
            // Its rows are lies besides.
            let lies = kept.rows[1..].to_vec();
            Table { version, size, rows: lies, ..kept.clone() }.put(&mut store(&desk));
            let said = desk.ok(&["verify"]);
            let named = said.contains("The snapshot was made by version 999 of the rules");
            assert_eq!(named, version == 999 && of == STATEMENTS, "{what}: {said}");
            assert_eq!(ask(), answers, "{what}");
        }
        for bytes in ["", "no table", &"no table".repeat(4)] {
            let manifest = BlockKey { table: of.0, run: 0, index: 0 };
            let mut open = store(&desk);
            open.put_block(manifest, bytes.as_bytes()).unwrap();
            open.sync().unwrap();
            drop(open);
            desk.ok(&["verify"]);
            assert_eq!(ask(), answers, "{bytes:?}");
        }
        kept.put(&mut store(&desk));
    }
    assert!(desk.ok(&["verify"]).contains("that of 64 events is what a fresh replay gives"));
}

#[test]
fn checkpoint_journal_edited() {
    let desk = desk();
    for id in ["a", "b"] {
        desk.write("more.jsonl", &format!("{{\"kind\":\"topic\",\"id\":\"{id}\",\"name\":\"x\"}}"));
        desk.ok(&["append", "more.jsonl"]);
        desk.ok(&["checkpoint"]);
    }
    let whole = journal(&desk);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 4);
    desk.ok(&["verify"]);
    for dropped in 0..3 {
        let mut lines = lines.clone();
        lines.remove(dropped);
        put_journal(&desk, &lines.concat());
        is_found(&desk, &[], "journal", "the checkpoint journal was edited");
        let (code, said) = desk.refused(&["checkpoint"]);
        assert_eq!(code, Some(1), "nothing is signed over an edited journal: {said}");
    }
    for (what, from, to) in [
        ("the size", "\\n65\\n", "\\n63\\n"),
        ("the time", "\"at\":\"20", "\"at\":\"19"),
        ("the genesis", "\"genesis\":\"", "\"genesis\":\"0"),
        ("the origin", "\"log\":\"demarche", "\"log\":\"another"),
    ] {
        assert!(whole.contains(from), "{what}: {whole}");
        put_journal(&desk, &whole.replacen(from, to, 1));
        is_found(&desk, &[], "journal", "the checkpoint journal was edited");
    }
    // In the last line, which no other line follows, it is the signature that does not hold.
    let last = lines[3].replacen("\\n66\\n", "\\n65\\n", 1);
    assert_ne!(last, lines[3]);
    put_journal(&desk, &[lines[0], lines[1], lines[2], &last].concat());
    is_found(&desk, &[], "signatures", "that does not hold");
    // With its end cut off it is whole: only others can know that it went on.
    put_journal(&desk, &lines[..3].concat());
    is_said_in_words(&desk);
}

/// What would break: a note whose signature does not hold would be proved under, published and stamped, and the event of the stamp
/// would keep the log from ever verifying again.
#[test]
fn a_journal_with_a_false_signature_is_handed_on_by_nobody() {
    let desk = desk();
    desk.ok(&["anchor", "request", "--out", "good.tsq"]);
    let whole = journal(&desk);
    let at = whole.rfind(' ').unwrap() + 20;
    let mut spoiled = whole.clone().into_bytes();
    spoiled[at] = if spoiled[at] == b'A' { b'B' } else { b'A' };
    put_journal(&desk, &String::from_utf8(spoiled).unwrap());
    for args in [
        &["prove", "@1", "--out", "p"][..],
        &["prove", "--for-answer", "--out", "p"],
        &["replay", "--proof", "p"],
        &["export", "--format", "tiles", "--out", "tiles"],
        &["anchor", "request", "--out", "p"],
        &["anchor", "add", "good.tsq"],
        &["backup", "kept"],
    ] {
        desk.is_refused(args, 1, "was edited: line 2: the signature by ", "demarche verify");
    }
    assert!(!desk.path().join("p").exists());
    let said = desk.run(&["doctor"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("it was edited: line 2: the signature by "), "{said}");
    put_journal(&desk, &whole);
    desk.ok(&["prove", "@1", "--out", "p"]);
}

#[test]
fn checkpoint_journal_written_anew_without_the_key() {
    let desk = desk();
    let kept = Journal::parse(journal(&desk).as_bytes()).unwrap();
    let (mut forged, mut bytes) = Journal::begin(&kept.log, kept.genesis);
    let stranger = demarche::record::note::NoteSigner::from_seed(&kept.log, &[1; 32]).unwrap();
    let entry = &kept.entries[0];
    let note = entry.checkpoint.sign(&[&stranger]).unwrap();
    bytes.extend(forged.add(entry.at, note).unwrap());
    put_journal(&desk, &String::from_utf8(bytes).unwrap());
    is_found(&desk, &[], "signatures", "signed by no key that this log had");
    let said = "was edited: line 2: it is signed by no key that this log had";
    desk.is_refused(&["prove", "@1"], 1, said, "demarche verify");
}

#[test]
fn source_text_edited() {
    let desk = desk();
    let source = source(&desk);
    let name = format!("source/{source}");
    let log = desk.path().join("log");
    let change = |from: &str, to: &str| {
        let kept = SledStore::open(&log, "the forger").unwrap().blob(&name).unwrap().unwrap();
        let text = String::from_utf8(kept).unwrap();
        assert!(text.contains(from), "{from}");
        put_blob(&desk, &name, text.replacen(from, to, 1).as_bytes());
    };
    change("act of war", "act of law");
    is_found(&desk, &[], "sources", "the captured bytes have the hash");
    is_found(&desk, &[], "quotes", "the quotation is not in the source \"digest-2025-05-01\": ");
    is_found(&desk, &[], "quotes", "act of war");
    change("act of law", "act of war");
    desk.ok(&["verify"]);
}

#[test]
fn a_checkpoint_of_another_log_or_with_a_false_signature_is_named() {
    let desk = desk();
    let other = Desk::new();
    other.ok(&["init", "--origin", "example.org/other"]);
    other.ok(&["checkpoint", "--out", "other.note"]);
    let note = fs::read_to_string(other.path().join("other.note")).unwrap();
    desk.write("other.note", &note);
    is_found(
        &desk,
        &["--checkpoint", "other.note"],
        "checkpoints",
        "is of the log \"example.org/other\"",
    );
    // What would break: an event of this log would be looked into that has to do with nothing.
    let other = desk.run(&["verify", "--checkpoint", "other.note"]);
    let report = String::from_utf8(other.stdout).unwrap();
    assert!(report.contains("found: the checkpoint of other.note is of the log"), "{report}");
    let given = fs::read_to_string(desk.path().join("given.note")).unwrap();
    let at = given.rfind(' ').unwrap() + 20;
    let mut spoiled = given.into_bytes();
    spoiled[at] = if spoiled[at] == b'A' { b'B' } else { b'A' };
    desk.write("spoiled.note", &String::from_utf8(spoiled).unwrap());
    is_found(&desk, &["--checkpoint", "spoiled.note"], "signatures", "that does not hold");
    desk.write("none.note", "no note\n");
    let (code, said) = desk.refused(&["verify", "--checkpoint", "none.note"]);
    assert_eq!(code, Some(2), "that is no fault of the log: {said}");
    assert!(said.contains("is no checkpoint"), "{said}");
}
