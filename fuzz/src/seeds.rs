//! Writes the seed corpora in `corpus/`, from a log that is made the same way each time. Run it after the format changes:
//! `cargo run --example seeds` in this directory. What else lies there was written by hand, or by OpenSSL (`stamp/*.tsr`).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use demarche::event_log::portable::export;
use demarche::event_log::{AppendOptions, EventLog, answer_proof};
use demarche::model::value::{Object, Value};
use demarche::record::journal::Journal;
use demarche::store::Store;
use demarche::store::bundle::{Compression, encode_with};
use demarche_fuzz::{Counting, Lines, ORIGIN, OneFile, signer, store};

/// Lines that pass, with all kinds of event, and each a seed of its own.
const LINES: &[(&str, &str)] = &[
    (
        "statement",
        r#"{"kind":"statement","id":"s1","by":["in","modi"],"on_behalf_of":["in"],"to":["pk"],"topic":"treaty","stance":"rejects","modality":"conditional","channel":"press_briefing","contact":"call","when":"2025-04-24~","lang":"en","confidence":2,"summary":"said \"so\"\n","according_to":[{"by":"in","how":"readout"},{"how":"unattributed"}],"cites":[{"source":"article","quote":"held in abeyance","form":"direct","at":"1"},{"source":"article","form":"paraphrase"}]}"#,
    ),
    (
        "measure",
        r#"{"kind":"measure","measure":"m","op":"suspend","by":"in","against":["pk"],"type":"treaty_suspension","announced":"2025-04-25","until":"2025-06","legal_basis":"none","sealed":{"who":"a friend","n":[1,null,true]}}"#,
    ),
    (
        "forward",
        concat!(
            r#"{"kind":"relation","id":"r1","from":"later","to":"first","type":"responds_to"}"#,
            "\n",
            r#"{"kind":"incident","id":"later","when":"2025-04-22/2025-04-23"}"#,
        ),
    ),
    (
        "taken-back",
        concat!(
            r#"{"kind":"correction","id":"c1","of":"first","field":"stance","to":"supports","why":"read again"}"#,
            "\n",
            r#"{"kind":"retraction","of":"c1","by":"recorder","why":"not so"}"#,
            "\n",
            r#"{"kind":"mention","of":"m-1","effective":"2025-04-24","cites":{"source":"article"}}"#,
            "\n",
            r#"{"kind":"note","of":"first","text":"a note"}"#,
        ),
    ),
    (
        "names",
        concat!(
            r#"{"kind":"source","id":"scan","file":"scan.pdf","text_file":"article.txt","published":"2025-05","url":"https://example.org/1"}"#,
            "\n",
            r#"{"kind":"actor","name":"Shehbaz Sharif","type":"person","part_of":[{"actor":"pk","from":"2024"}],"ids":["wikidata:Q1"],"aliases":["S"]}"#,
            "\n",
            r#"{"kind":"topic","name":"Water","broader":"treaty"}"#,
            "\n",
            r#"{"kind":"contact","form":"meeting","participants":["in","pk","nobody-yet"]}"#,
        ),
    ),
];

fn main() -> io::Result<()> {
    for (name, lines) in LINES {
        // The first byte says how: to declare what is missing, and to go on after a refusal.
        write("append", name, &[b"\x01", lines.as_bytes(), b"\n"].concat())?;
        for (at, line) in lines.lines().enumerate() {
            write("json", &format!("{name}-{at}"), line.as_bytes())?;
            write("statement", &format!("{name}-{at}"), line.as_bytes())?;
        }
    }
    let mut log = EventLog::open(store()).map_err(io::Error::other)?;
    let exported = |log: &EventLog<_>| {
        let mut lines = Vec::new();
        export(log.store(), true, &mut lines, &mut |_| {}).map_err(io::Error::other)?;
        Ok::<_, io::Error>(lines)
    };
    write("export", "base", &exported(&log)?)?;
    let (mut journal, mut kept) = Journal::begin(ORIGIN, log.genesis().map_err(io::Error::other)?);
    write("journal", "empty", &kept)?;
    let (mut clock, mut before) = (Counting::default(), None);
    for (name, lines) in LINES {
        let options = AppendOptions { declare: true, keep_going: false };
        let seq = log.head().size;
        log.append_lines(&mut Lines::new(lines.as_bytes()), options, &mut OneFile, &mut clock)
            .map_err(io::Error::other)?;
        let checkpoint = log.checkpoint();
        let note = checkpoint.sign(&[signer()]).map_err(io::Error::other)?;
        write("note", name, note.to_string().as_bytes())?;
        let at = demarche::event_log::Surroundings::now(&mut clock);
        kept.extend(journal.add(at, note.clone()).map_err(io::Error::other)?);
        let earlier = before.as_ref().map(|(note, checkpoint)| (note, checkpoint));
        let proof =
            log.prove(seq, (&note, &checkpoint), earlier, true).map_err(io::Error::other)?;
        write("proof", name, proof.to_string().as_bytes())?;
        let event = log.stored(seq).map_err(io::Error::other)?;
        write("header", name, &event.map(|event| event.header).unwrap_or_default())?;
        before = Some((note, checkpoint));
    }
    write("journal", "five", &kept)?;
    write("export", "all", &exported(&log)?)?;
    for (name, compression) in [("zstd", Compression::Zstd(1)), ("lz4", Compression::Lz4)] {
        let events = log.store().events(0).map_err(io::Error::other)?;
        write("bundle", name, &encode_with(&events, compression))?;
        let few = demarche::store::Events::from_stored(&events.to_stored()[..2]);
        write("bundle", &format!("{name}-few"), &encode_with(&few, compression))?;
    }
    let question = Object::new();
    let answer = Value::Object(Object::new());
    let open = BTreeSet::from([3, 7]);
    let (mut whole, mut short) = (Vec::new(), Vec::new());
    let note = before.as_ref().map(|(note, _)| note);
    answer_proof::write(&log, &question, &answer, &open, note, &mut whole)
        .map_err(io::Error::other)?;
    write("proof", "answer", &whole)?;
    if let Some((note, checkpoint)) = &before {
        let under = (note, checkpoint);
        answer_proof::write_by_inclusion(&log, &question, &answer, &open, under, &mut short)
            .map_err(io::Error::other)?;
        write("proof", "answer-short", &short)?;
    }
    let key = signer().verifier();
    write("note", "key", key.to_string().as_bytes())?;
    write("policy", "plain", format!("log {key}\nquorum none\n").as_bytes())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let directory: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(name), bytes)
}
