//! The errors that no other test meets, made one by one.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Cursor;

use demarche::event_log::portable::{export, restore, verify_export};
use demarche::event_log::report::Against;
use demarche::event_log::verify::verify_store;
use demarche::event_log::{
    AppendError, AppendOptions, Cause, EventLog, FoldedLog, answer_proof, check_origin, prove,
};
use demarche::model::event::Event;
use demarche::model::value::{Object, Value};
use demarche::record::checkpoint::Checkpoint;
use demarche::record::event_proof::EventProof;
use demarche::record::export::decode;
use demarche::record::header::Header;
use demarche::record::journal::Journal;
use demarche::record::json::{parse, parse_canonical};
use demarche::record::link::Link;
use demarche::record::merkle::{check_consistency, check_inclusion};
use demarche::record::note::{Note, NoteSigner, VerifierKey};
use demarche::record::policy::Policy;
use demarche::record::tree::{Root, leaf_hash, node_hash};
use demarche::store::memory::MemoryStore;
use demarche::store::{Change, Head, Part, Store, StoredEvent};

use crate::support::{self, Counting, MemoryLog, append, head_of, signer, tree_of};

/// What was said, one message after another; each with what it was of.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    #[track_caller]
    fn err<T, E: Display>(&mut self, result: Result<T, E>) {
        let Err(error) = result else { panic!("there is no error") };
        self.0.push(error.to_string());
    }
}

/// What they say.
pub(super) fn made() -> Vec<String> {
    let mut said = Said::default();
    of_text(&mut said);
    of_notes_and_keys(&mut said);
    of_journals(&mut said);
    of_trees(&mut said);
    of_appends(&mut said);
    of_what_is_left_out(&mut said);
    of_disks(&mut said);
    of_proofs(&mut said);
    of_answers(&mut said);
    of_logs(&mut said);
    of_verification(&mut said);
    of_erasure(&mut said);
    said.0
}

fn object(json: &str) -> Object<'_> {
    match parse(json.as_bytes()) {
        Ok(Value::Object(object)) => object,
        other => panic!("{json}: {other:?}"),
    }
}

fn of_text(said: &mut Said) {
    let log = support::new_log();
    let first = log.store().read(0, 1).unwrap().remove(0).header;
    let header = String::from_utf8(first).unwrap();
    for (from, to) in
        [("\"seq\":0", "\"seq\":-1"), ("\"v\":1", "\"v\":1,\"w\":1"), ("\"v\":1", "\"v\":2")]
    {
        said.err(Header::from_bytes(header.replacen(from, to, 1).as_bytes()));
    }
    said.err(decode(b"{}"));
    said.err(check_origin("a b"));
    said.err(parse_canonical(b"[1, 2]"));
    for payload in [
        r#"{"kind":"x"}"#,
        r#"{"kind":"incident","by":7}"#,
        r#"{"kind":"incident","when":"yesterday"}"#,
        r#"{"kind":"measure"}"#,
    ] {
        said.err(Event::read(&object(payload)));
    }
}

fn of_notes_and_keys(said: &mut Said) {
    let key = signer().verifier().to_string();
    let (name, rest) = key.split_once('+').unwrap();
    let (id, bytes) = rest.split_once('+').unwrap();
    for key in ["no key".to_owned(), format!("+{id}+{bytes}"), format!("{name}+00000000+{bytes}")] {
        said.err(VerifierKey::parse(&key));
    }
    said.err(NoteSigner::from_seed("a b", &[1; 32]));
    let good = support::new_log().checkpoint().sign(&[&signer()]).unwrap().to_string();
    let line = good.lines().last().unwrap().to_owned();
    for note in [
        "a\u{1}\n\n— x\n".to_owned(),
        "text".to_owned(),
        "text\n\nno signature\n".to_owned(),
        format!("{good}{line}\n"),
    ] {
        said.err(Note::parse(note.as_bytes()));
    }
    said.err(Checkpoint::parse("one line\n"));
    for policy in [
        "\u{1}".to_owned(),
        "trust me".to_owned(),
        "quorum".to_owned(),
        "log key\nquorum none".to_owned(),
        format!("witness w {key}\nquorum w"),
        format!("log {key}\nlog {key}\nquorum none"),
        "quorum w".to_owned(),
        "quorum none\nquorum none".to_owned(),
        format!("log {key}"),
    ] {
        said.err(Policy::parse(policy.as_bytes()));
        // What is wrong with the line, alone.
        let error = Policy::parse(policy.as_bytes()).unwrap_err();
        said.0.push(error.wrong.to_string());
    }
}

fn of_journals(said: &mut Said) {
    let log = support::new_log();
    let note = log.checkpoint().sign(&[&signer()]).unwrap();
    let genesis = log.genesis().unwrap();
    let (mut journal, first) = Journal::begin("example.org/test", genesis);
    let first = String::from_utf8(first).unwrap();
    let at = demarche::model::calendar::Instant::from_micros(0);
    let second = String::from_utf8(journal.add(at, note.clone()).unwrap()).unwrap();
    let (mut other, other_first) = Journal::begin("example.org/other", genesis);
    let other_first = String::from_utf8(other_first).unwrap();
    let of_other = String::from_utf8(other.add(at, note).unwrap()).unwrap();
    let no_note = {
        let line = second.replace("example.org/test\\n1\\n", "example.org/test\\nno\\n");
        format!("{first}{line}")
    };
    for journal in [
        String::new(),
        "{\"a\":1}\n".to_owned(),
        "x\n".to_owned(),
        format!("{first}{}", second.replace("\"prev\":\"", "\"prev\":\"0")),
        format!("{first}{second}{second}"),
        format!("{other_first}{of_other}"),
        no_note,
    ] {
        let damaged = Journal::parse(journal.as_bytes()).expect_err("it is wrong");
        said.0.extend([damaged.to_string(), damaged.error.wrong.to_string()]);
    }
}

fn of_trees(said: &mut Said) {
    let (one, two) = (leaf_hash(b"1"), leaf_hash(b"2"));
    let root = Root(node_hash(&one, &two));
    said.err(check_inclusion(5, &one, 2, &root, &[]));
    said.err(check_inclusion(0, &one, 2, &root, &[]));
    said.err(check_inclusion(0, &two, 2, &root, &[two]));
    said.err(check_consistency(3, &root, 2, &root, &[]));
}

fn of_appends(said: &mut Said) {
    for lines in [
        r#"{"kind":"actor","type":"person"}"#,
        r#"{"kind":"source","id":"s","file":"none.txt"}"#,
        r#"{"kind":"source","id":"s","bytes":7}"#,
        r#"{"kind":"source","id":"s","blake3":"7"}"#,
        r#"{"kind":"incident","wen":"2025"}"#,
        r#"{"kind":"measure","measure":"m"}"#,
        r#"{"kind":"incident","summary":7}"#,
        r#"{"kind":"incident","id":"a b"}"#,
        r#"{"kind":"retraction","of":"article","by":"duplicate","duplicate_of":"in","why":"w"}"#,
        "{\"kind\":\"source\",\"id\":\"s\"}\n{\"kind\":\"incident\",\"cites\":{\"source\":\"s\",\"quote\":\"q\"}}",
        "{\"kind\":\"incident\",\"id\":\"bad\",\"x\":1}\n{\"kind\":\"note\",\"of\":\"bad\",\"text\":\"t\"}",
        "{\"kind\":\"incident\",\"id\":\"i\"}\n{\"kind\":\"correction\",\"id\":\"c\",\"of\":\"i\",\"field\":\"sumary\",\"to\":\"s\",\"why\":\"w\"}",
        "{\"kind\":\"incident\",\"id\":\"i\"}\n{\"kind\":\"correction\",\"id\":\"c\",\"of\":\"i\",\"field\":\"summary\",\"to\":\"s\",\"why\":\"w\"}\n{\"kind\":\"correction\",\"of\":\"c\",\"field\":\"to\",\"to\":\"s\",\"why\":\"w\"}",
    ] {
        let Err(AppendError::Refused(refusals)) = append(&mut support::log(), lines) else {
            panic!("{lines} is taken")
        };
        for cause in refusals.iter().flat_map(|one| &one.causes) {
            said.0.push(cause.to_string());
            match cause {
                Cause::Shape(problem) => {
                    said.0.push(problem.wrong.to_string());
                    if let demarche::model::check::Wrong::Id { error, .. } = problem.wrong {
                        said.0.push(error.to_string());
                    }
                }
                Cause::NotCorrectable { why, .. } => said.0.push(why.to_string()),
                Cause::NoText { why, .. } => said.0.push(why.to_string()),
                _ => {}
            }
        }
    }
}

/// A line that leans on one that is refused, where both are left out.
fn of_what_is_left_out(said: &mut Said) {
    let lines = "{\"kind\":\"incident\",\"id\":\"bad\",\"x\":1}\n\
                 {\"kind\":\"note\",\"of\":\"bad\",\"text\":\"t\"}\n\
                 {\"kind\":\"note\",\"text\":\"good\"}";
    let options = AppendOptions { keep_going: true, ..AppendOptions::default() };
    let (mut log, clock) = (support::log(), &mut Counting::default());
    let appended = support::append_with(&mut log, lines, options, clock).expect("one is good");
    said.0.extend(appended.left_out.iter().flat_map(|one| &one.causes).map(ToString::to_string));
}

/// A file on a disk that fails.
struct Broken;

impl std::io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk failed"))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(std::io::Error::other("the disk failed"))
    }
}

impl std::io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk failed"))
    }
}

fn of_disks(said: &mut Said) {
    let log = support::log();
    said.err(export(log.store(), true, &mut Broken, &mut |_| {}));
    said.err(answer_proof::check(&mut std::io::BufReader::new(Broken)));
    let (question, answer, open) = (Object::new(), Value::Null, BTreeSet::new());
    let under = (&note_of(&log), &log.checkpoint());
    let written =
        answer_proof::write_by_inclusion(&log, &question, &answer, &open, under, &mut Broken);
    said.err(written);
}

/// The proof of event 2, changed.
fn of_proofs(said: &mut Said) {
    let log = support::log();
    let checkpoint = log.checkpoint();
    let note = checkpoint.sign(&[&signer()]).unwrap();
    let proof = log.prove(2, (&note, &checkpoint), None, false).unwrap();
    assert!(prove::check(&proof.to_string(), None).is_ok());
    let extra = String::from_utf8(proof.extra.clone().unwrap()).unwrap();
    let with = |extra: &str| EventProof { extra: Some(extra.into()), ..proof.clone() }.to_string();
    for changed in [
        "no proof".to_owned(),
        proof.to_string().replace("index 2", "index two"),
        proof.to_string().replace("index 2", "index 3"),
        proof.to_string().replace(&note.to_string(), "a\n\nb\n"),
        with("[]"),
        with("{} "),
        with("{\"event\":{}}"),
        with(&extra.replace("India", "Indra")),
        with(&extra.replace("{\"event\"", "{\"before\":1,\"event\"")),
        with(&extra.replace("}}", ",\"sealed\":null}}")),
        EventProof { path: Vec::new(), ..proof.clone() }.to_string(),
    ] {
        said.err(prove::check(&changed, None));
    }
    let mut other = checkpoint;
    "example.org/other".clone_into(&mut other.origin);
    let note = other.sign(&[&signer()]).unwrap();
    said.err(prove::check(&EventProof { note, checkpoint: other, ..proof }.to_string(), None));
    said.err(log.prove(99, (&note_of(&log), &log.checkpoint()), None, false));
    let mut later = log.checkpoint();
    later.size += 100;
    said.err(log.prove(2, (&note_of(&log), &later), None, false));
    let mut journal = Journal::begin("example.org/other", Link::ZERO).0;
    said.err(log.sign_checkpoint(&mut journal, &[&signer()], &mut Counting::default()));
    let stranger = NoteSigner::from_seed("example.org/test", &[9; 32]).unwrap();
    said.err(log.sign_checkpoint(&mut journal, &[&stranger], &mut Counting::default()));
    let mut own = Journal::begin("example.org/test", log.genesis().unwrap()).0;
    let at = demarche::model::calendar::Instant::from_micros(0);
    own.add(at, later.sign(&[&signer()]).unwrap()).unwrap();
    said.err(log.sign_checkpoint(&mut own, &[&signer()], &mut Counting::default()));
}

fn note_of(log: &MemoryLog) -> Note {
    log.checkpoint().sign(&[&signer()]).unwrap()
}

fn of_answers(said: &mut Said) {
    let log = support::log();
    let (question, answer) = (Object::new(), Value::Object(Object::new()));
    let mut proof = Vec::new();
    let open = BTreeSet::from([2]);
    answer_proof::write(&log, &question, &answer, &open, Some(&note_of(&log)), &mut proof).unwrap();
    let proof = String::from_utf8(proof).unwrap();
    assert!(answer_proof::check(&mut proof.as_bytes()).is_ok());
    let lines: Vec<&str> = proof.lines().collect();
    let (events, rest) = lines[1..].split_at(lines.len() - 3);
    let all = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let other = {
        let mut checkpoint = log.checkpoint();
        checkpoint.size -= 1;
        checkpoint.sign(&[&signer()]).unwrap()
    };
    let other =
        format!("{{\"checkpoint\":{}}}", serde_json::to_string(&other.to_string()).unwrap());
    for changed in [
        String::new(),
        all(&[&[lines[0]], events, &rest[..1], &["{\"checkpoint\":\"none\"}"]].concat()),
        all(&[&[lines[0]], events, &rest[..1], &[other.as_str()]].concat()),
        all(&[&[lines[0]], &events[..3], rest].concat()),
        all(&[&[lines[0]], &events[1..], rest].concat()),
        all(&[&[lines[0]], events].concat()),
        proof.replacen("{\"header\"", "{\"haeder\"", 1),
        proof.replacen("India", "Indra", 1),
    ] {
        said.err(answer_proof::check(&mut changed.as_bytes()));
    }
    let mut short = Vec::new();
    let under = (&note_of(&log), &log.checkpoint());
    answer_proof::write_by_inclusion(&log, &question, &answer, &open, under, &mut short).unwrap();
    let short = String::from_utf8(short).unwrap();
    let path = short.split("\"path\":[\"").nth(1).unwrap();
    let hash = path.split('"').next().unwrap();
    said.err(answer_proof::check(&mut short.replacen(hash, &Root::empty().base64(), 1).as_bytes()));
}

/// A store of these events, with a tree and a head that fit them.
fn store_of(events: &[StoredEvent]) -> MemoryStore {
    let (tree, next) = (tree_of(events), head_of(events));
    let mut store = MemoryStore::new();
    store.append(Change { expected: Head::EMPTY, events, tree: &tree, next }).unwrap();
    store
}

/// An event that quotes its source.
const INCIDENT: &str =
    r#"{"kind":"incident","id":"i","cites":{"source":"article","quote":"held in abeyance"}}"#;

/// The events of a log with a quotation, a sealed part, a statement and a key.
fn events() -> Vec<StoredEvent> {
    let mut log = support::log();
    let note = r#"{"kind":"note","id":"n","text":"t","sealed":{"a":1}}"#;
    append(&mut log, &format!("{INCIDENT}\n{note}")).unwrap();
    log.store().read(0, usize::MAX).unwrap()
}

fn payload(event: &mut StoredEvent) -> &mut Vec<u8> {
    match &mut event.payload {
        Part::Present { bytes, .. } => bytes,
        Part::Absent => panic!("it has a payload"),
    }
}

fn edit(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(from), "{from} stands in {text}");
    *bytes = text.replacen(from, to, 1).into_bytes();
}

/// What is done to the events of a log.
type Tampering = dyn Fn(&mut Vec<StoredEvent>);

fn of_logs(said: &mut Said) {
    said.err(EventLog::open(MemoryStore::new()));
    let log = support::log();
    let again =
        EventLog::create(log.store().clone(), "example.org/a", None, &mut Counting::default());
    said.err(again);
    let mut lines = Vec::new();
    export(log.store(), true, &mut lines, &mut |_| {}).unwrap();
    said.err(restore(&mut Cursor::new(&lines), &mut log.store().clone(), &mut |_| {}));
    lines.pop();
    said.err(restore(&mut Cursor::new(&lines), &mut MemoryStore::new(), &mut |_| {}));
    let last = events().len() - 1;
    let changes: [&Tampering; 4] = [
        &|events| events[2].header = b"{}".to_vec(),
        &|events| edit(&mut events[2].header, "\"prev\":\"", "\"prev\":\"0"),
        &|events| events.swap(2, 3),
        &|events| edit(payload(&mut events[2]), "India", "Indra"),
    ];
    for change in changes {
        let mut events = events();
        change(&mut events);
        let error = FoldedLog::open(store_of(&events));
        let Err(error) = error else { panic!("it opens") };
        said.0.push(error.to_string());
        if let demarche::event_log::OpenError::DoesNotVerify { wrong, .. } = &error {
            said.0.push(wrong.to_string());
        }
    }
    // The head is of another event; and a link that is one, and not the right one.
    let good = events();
    let mut wrong = store_of(&good[..last]);
    let size = u64::try_from(good.len()).unwrap();
    let expected = wrong.head().unwrap();
    let next = Head { size, link: [7; 32] };
    wrong.append(Change { expected, events: &good[last..], tree: &[], next }).unwrap();
    let Err(error) = FoldedLog::open(wrong) else { panic!("it opens") };
    said.0.push(error.to_string());
    if let demarche::event_log::OpenError::DoesNotVerify { wrong, .. } = &error {
        said.0.push(wrong.to_string());
    }
    let mut relinked = events();
    let mut header = Header::from_bytes(&relinked[2].header).unwrap();
    header.prev = Link([7; 32]);
    relinked[2].header = header.to_bytes();
    let Err(error) = FoldedLog::open(store_of(&relinked)) else { panic!("it opens") };
    if let demarche::event_log::OpenError::DoesNotVerify { wrong, .. } = &error {
        said.0.push(wrong.to_string());
    }
    let mut no_text = events();
    payload(&mut no_text[2])[0] = 0xff;
    said.err(export(&store_of(&no_text), true, &mut Vec::new(), &mut |_| {}));
}

fn of_verification(said: &mut Said) {
    let rehash = crate::forger::rehash;
    let header = |event: &mut StoredEvent, change: &dyn Fn(&mut Header)| {
        let mut header = Header::from_bytes(&event.header).unwrap();
        change(&mut header);
        event.header = header.to_bytes();
    };
    let incident = events().len() - 2;
    let changes: Vec<(Box<Tampering>, bool)> = vec![
        (Box::new(|events| events[2].header = b"{}".to_vec()), false),
        (Box::new(|events| edit(payload(&mut events[2]), "{", "{ ")), true),
        (
            Box::new(|events| {
                edit(payload(&mut events[2]), "\"country\":\"IN\"", "\"county\":\"IN\"");
            }),
            true,
        ),
        (Box::new(|events| drop(events.remove(3))), false),
        (Box::new(move |events| header(&mut events[3], &|one| one.prev = Link([7; 32]))), false),
        (Box::new(move |events| header(&mut events[3], &|one| one.log.push('x'))), true),
        (
            Box::new(move |events| {
                header(&mut events[3], &|one| {
                    one.recorded_at = demarche::model::calendar::Instant::from_micros(0);
                });
            }),
            true,
        ),
        (Box::new(|events| drop(events.remove(0))), true),
        (Box::new(|events| events[incident_after()].sealed = None), false),
        (Box::new(move |events| edit(payload(&mut events[incident]), "held in", "held at")), true),
        (Box::new(|events| edit(payload(&mut events[2]), "India", "Indra")), false),
        (Box::new(|events| events[2].payload = Part::Absent), false),
        (Box::new(|events| events[0].payload = Part::Absent), false),
        (Box::new(|events| edit(payload(&mut events[3]), "\"id\":\"pk\"", "\"id\":\"in\"")), true),
    ];
    for (change, hashes) in changes {
        let mut events = events();
        change(&mut events);
        if hashes {
            rehash(&mut events);
        }
        found(said, &store_of(&events), &Against::default());
    }
    // What a log is compared with.
    let log = support::log();
    let of = |checkpoint: &Checkpoint| {
        let note = checkpoint.sign(&[&signer()]).unwrap();
        ("theirs".to_owned(), note.to_string().into_bytes())
    };
    let good = log.checkpoint();
    let origin = Checkpoint { origin: "example.org/other".to_owned(), ..good.clone() };
    let longer = Checkpoint { size: good.size + 1, ..good.clone() };
    let forked = Checkpoint { root: Root::empty(), ..good.clone() };
    let mut unsigned = of(&good);
    let stranger = NoteSigner::from_seed("example.org/test", &[9; 32]).unwrap();
    unsigned.1 = good.sign(&[&stranger]).unwrap().to_string().into_bytes();
    let mut falsely = of(&good);
    let text = String::from_utf8(falsely.1).unwrap();
    let root = good.root.base64();
    let other_root = log.root_at(3).unwrap().unwrap().base64();
    falsely.1 = text.replacen(&root, &other_root, 1).into_bytes();
    for given in [
        vec![("theirs".to_owned(), b"no note".to_vec())],
        vec![of(&origin)],
        vec![of(&longer)],
        vec![of(&forked)],
        vec![of(&forked), of(&good)],
        vec![unsigned],
        vec![falsely],
    ] {
        found(said, log.store(), &Against { given, ..Against::default() });
    }
    let policy = Policy::of_logs(vec![stranger.verifier()]);
    let must = Against { policy: Some(policy), must_meet: true, ..Against::default() };
    found(said, log.store(), &must);
    let journal = Some(b"no journal\n".to_vec());
    found(said, log.store(), &Against { journal, ..Against::default() });
    let (_, journal) = Journal::begin("example.org/test", Link([7; 32]));
    found(said, log.store(), &Against { journal: Some(journal), ..Against::default() });
    // Exports.
    let mut lines = Vec::new();
    export(log.store(), true, &mut lines, &mut |_| {}).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    let head = lines.lines().last().unwrap();
    for changed in [
        lines.replacen(head, "", 1),
        lines.replace(&log.root().base64(), &Root::empty().base64()),
        lines.replace(&format!("\"size\":{}", log.head().size), "\"size\":7"),
        format!("no line\n{lines}"),
        lines.trim_end().to_owned(),
    ] {
        let report = verify_export(&mut Cursor::new(changed), &Against::default(), &mut |_| {});
        take(said, &report.unwrap());
    }
}

/// Where the event with a sealed part stands.
fn incident_after() -> usize {
    events().len() - 1
}

fn found(said: &mut Said, store: &MemoryStore, against: &Against) {
    let report = verify_store(store, against, &mut |_| {}).unwrap();
    take(said, &report);
}

fn take(said: &mut Said, report: &demarche::event_log::report::Report) {
    assert!(!report.is_ok(), "something is found");
    for (_, finding) in &report.findings {
        said.0.extend([finding.to_string(), finding.what.to_string()]);
    }
}

fn of_erasure(said: &mut Said) {
    let mut log = support::log();
    let retraction = r#"{"kind":"retraction","id":"r","of":"i","by":"recorder","why":"w"}"#;
    append(&mut log, &format!("{INCIDENT}\n{retraction}")).unwrap();
    let last = log.head().size - 1;
    let clock = &mut Counting::default();
    let mut erase = |of: &[u64], why: &str| {
        log.erase(&of.iter().copied().collect(), why, None, clock).map(drop)
    };
    said.err(erase(&[], "w"));
    said.err(erase(&[99], "w"));
    said.err(erase(&[0], "w"));
    said.err(erase(&[last], "w"));
    said.err(erase(&[1], &"w".repeat(1024 * 1024)));
    erase(&[1], "w").expect("a source can be erased");
    said.err(erase(&[1], "w"));
}
