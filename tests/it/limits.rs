//! Every limit: what is at it is taken, what is one past it is refused, with an error that names the limit and what was
//! found. `docs/limits.md` is the list, and has every limit that stands in the code.

use std::fs;
use std::io::{Cursor, Seek, SeekFrom, Write};

use demarche::event_log::portable::{EXPORT_LINE_BYTES_MAX, verify_export};
use demarche::event_log::report::Against;
use demarche::event_log::{
    AppendError, AppendOptions, Cause, Input, InputLine, answer_proof, check_origin,
};
use demarche::model::limits::{
    ID_CHARS_MAX, LINE_BYTES_MAX, LINE_SKIPPED_BYTES_MAX, LIST_ITEMS_MAX, OBJECT_KEYS_MAX,
    ORIGIN_BYTES_MAX, PASSAGE_TEXT_BYTES_MAX, PAYLOAD_BYTES_MAX, REFUSED_LINES_MAX,
    SIMILAR_SEARCHES_MAX, SOURCE_BYTES_MAX, TEXT_CHARS_MAX, UNREADABLE_LINES_MAX,
};
use demarche::record::event_proof::{EventProof, FIRST_LINE, PATH_HASHES_MAX};
use demarche::record::header::{HEADER_BYTES_MAX, Header};
use demarche::record::json::{DEPTH_MAX, parse};
use demarche::record::note::{NOTE_BYTES_MAX, Note, NoteSigner, SIGNATURES_MAX};
use demarche::record::policy::{POLICY_BYTES_MAX, POLICY_LINES_MAX, Policy};
use demarche::record::timestamp::{RESPONSE_BYTES_MAX, Stamp};
use demarche::store::Store;
use serde_json::json;

use crate::desk::Desk;
use crate::support::{self, Counting, Files, append};

mod page;
mod shown;

/// What is said of an append of these lines; nothing if they are taken.
fn said(lines: &str) -> String {
    match append(&mut support::log(), lines) {
        Ok(_) => String::new(),
        Err(AppendError::Refused(refusals)) => {
            let causes: Vec<String> =
                refusals.iter().flat_map(|one| &one.causes).map(ToString::to_string).collect();
            causes.join(" | ")
        }
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn at_and_past(at: &str, past: &str, error: &str) {
    assert_eq!(said(at), "", "what is at the limit is taken");
    assert_eq!(said(past), error);
}

#[test]
fn a_text_a_list_an_object_and_an_id() {
    let note = |text: usize| json!({"kind":"note","text":"é".repeat(text)}).to_string();
    at_and_past(
        &note(TEXT_CHARS_MAX),
        &note(TEXT_CHARS_MAX + 1),
        "text: a text has at most 65536 characters, this one has 65537",
    );
    let cites = |count: usize| {
        json!({"kind":"incident","cites":vec![json!({"source":"article"}); count]}).to_string()
    };
    at_and_past(
        &cites(LIST_ITEMS_MAX),
        &cites(LIST_ITEMS_MAX + 1),
        "cites: a list has at most 1024 items, this one has 1025",
    );
    let ids = |count: usize| {
        let ids: Vec<String> = (0..count).map(|at| format!("s{at}:1")).collect();
        json!({"kind":"actor","id":"a","name":"A","type":"person","ids":ids}).to_string()
    };
    at_and_past(
        &ids(LIST_ITEMS_MAX),
        &ids(LIST_ITEMS_MAX + 1),
        "ids: a list has at most 1024 items, this one has 1025",
    );
    let sealed = |count: usize| {
        let keys: serde_json::Map<_, _> =
            (0..count).map(|at| (format!("k{at}"), json!(at))).collect();
        json!({"kind":"note","text":"t","sealed":keys}).to_string()
    };
    at_and_past(
        &sealed(OBJECT_KEYS_MAX),
        &sealed(OBJECT_KEYS_MAX + 1),
        "an object has more than 1024 keys",
    );
    let id = |count: usize| json!({"kind":"incident","id":"é".repeat(count)}).to_string();
    let long = "é".repeat(ID_CHARS_MAX + 1);
    at_and_past(
        &id(ID_CHARS_MAX),
        &id(ID_CHARS_MAX + 1),
        &format!("id: {long:?} is no id: an id has at most 128 characters, this one has 129"),
    );
}

#[test]
fn keys_in_any_order_are_few_for_both_readers() {
    // Sorted keys are what one reader takes, unsorted and escaped ones the other.
    let object = |count: usize, key: &dyn Fn(usize) -> String| {
        let pairs: Vec<String> = (0..count).map(|at| format!("\"{}\":0", key(at))).collect();
        format!("{{{}}}", pairs.join(","))
    };
    let up = |at: usize| format!("k{at:05}");
    let down = |at: usize| format!("k{:05}", 90_000 - at);
    let escaped = |at: usize| format!("\\u006b{:05}", 90_000 - at);
    for key in [&up as &dyn Fn(usize) -> String, &down, &escaped] {
        assert!(parse(object(OBJECT_KEYS_MAX, key).as_bytes()).is_ok());
        let error = parse(object(OBJECT_KEYS_MAX + 1, key).as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "an object has more than 1024 keys");
    }
}

#[test]
fn depth_numbers_and_dates() {
    let deep = |depth: usize| {
        // The event itself is one level, its sealed part another.
        let (open, close) = ("[".repeat(depth - 2), "]".repeat(depth - 2));
        format!("{{\"kind\":\"note\",\"text\":\"t\",\"sealed\":{{\"a\":{open}{close}}}}}")
    };
    at_and_past(&deep(DEPTH_MAX), &deep(DEPTH_MAX + 1), "nested deeper than 32 levels");
    let sure = |number: i64| json!({"kind":"incident","confidence":number}).to_string();
    at_and_past(
        &sure(9_007_199_254_740_991),
        &sure(9_007_199_254_740_992),
        "the number 9007199254740992 is beyond ±9007199254740991",
    );
    let year = |year: i32| json!({"kind":"incident","when":format!("Y{year}")}).to_string();
    at_and_past(
        &year(262_000),
        &year(262_001),
        "when: \"Y262001\" is not a date we can take: the year is not between -262000 and 262000",
    );
    at_and_past(
        &sure(-9_007_199_254_740_991),
        &sure(-9_007_199_254_740_992),
        "the number -9007199254740992 is beyond ±9007199254740991",
    );
    at_and_past(
        &year(-262_000),
        &year(-262_001),
        "when: \"Y-262001\" is not a date we can take: the year is not between -262000 and 262000",
    );
    // 840 minutes.
    let shift =
        |shift| json!({"kind":"incident","when":format!("2025-04-23T10:00:00{shift}")}).to_string();
    let no_time =
        "it is no date and time of the form 2025-04-23T10:00:00, then Z, +05:30 or nothing";
    for (at, past) in [("+14:00", "+14:01"), ("-14:00", "-14:01")] {
        let error =
            format!("when: \"2025-04-23T10:00:00{past}\" is not a date we can take: {no_time}");
        at_and_past(&shift(at), &shift(past), &error);
    }
    // No date has 100 bytes (DATE_BYTES_MAX); a text of more is not looked at, and is not said whole.
    let date =
        |bytes: usize| said(&json!({"kind":"incident","when":"2".repeat(bytes)}).to_string());
    assert!(!date(100).contains("it is longer than"), "{}", date(100));
    let past = date(101);
    assert!(past.ends_with("it is longer than 100 bytes"), "{past}");
    assert!(past.contains(&"2".repeat(100)) && !past.contains(&"2".repeat(101)), "{past}");
}

#[test]
fn an_identifier_is_not_lost_to_another_of_its_scheme() {
    let actor =
        |ids: &[&str]| json!({"kind":"actor","id":"a","name":"A","type":"person","ids":ids});
    at_and_past(
        &actor(&["wikidata:Q1", "wikidata:Q1", "x:2"]).to_string(),
        &actor(&["wikidata:Q1", "wikidata:Q2"]).to_string(),
        "ids: the scheme \"wikidata\" is given twice, as \"Q1\" and as \"Q2\"",
    );
}

/// An input of one line, or of one that is too long.
struct Once(Vec<u8>, bool);

impl Input for Once {
    fn next_line(&mut self) -> std::io::Result<Option<InputLine<'_>>> {
        if std::mem::replace(&mut self.1, true) {
            return Ok(None);
        }
        Ok(Some((1, Ok(&self.0))))
    }

    fn rewind(&mut self) -> std::io::Result<()> {
        self.1 = false;
        Ok(())
    }
}

#[test]
fn a_payload_and_a_sealed_part() {
    // A payload can be longer than its line: what is written as it is there is escaped in canonical JSON nowhere, but
    // lists that were given bare grow. A library that reads longer lines meets the limit, too.
    let line = |bytes: usize| {
        let empty = json!({"kind":"note","text":"t","sealed":{"a":[""]}}).to_string().len();
        let mut rest = bytes - empty;
        let mut texts = vec!["x".repeat(rest.min(TEXT_CHARS_MAX))];
        rest -= texts[0].len();
        while rest > 3 {
            let text = "x".repeat((rest - 3).min(TEXT_CHARS_MAX));
            rest -= text.len() + 3;
            texts.push(text);
        }
        json!({"kind":"note","text":"t","sealed":{"a":texts}}).to_string()
    };
    let sealed_of = |line: &str| line.len() - r#"{"kind":"note","text":"t","sealed":}"#.len();
    let append = |line: String| {
        let mut log = support::new_log().into_log();
        let mut input = Once(line.into_bytes(), false);
        let options = AppendOptions::default();
        log.append_lines(&mut input, options, &mut Files::default(), &mut Counting::default())
    };
    let frame = r#"{"kind":"note","text":"t","sealed":}"#.len();
    let at = line(PAYLOAD_BYTES_MAX + frame);
    assert_eq!(sealed_of(&at), PAYLOAD_BYTES_MAX);
    assert!(append(at).is_ok());
    let past = line(PAYLOAD_BYTES_MAX + frame + 1);
    assert_eq!(sealed_of(&past), PAYLOAD_BYTES_MAX + 1);
    let Err(AppendError::Refused(refusals)) = append(past) else { panic!("it is refused") };
    assert_eq!(
        refusals[0].causes[0].to_string(),
        "the sealed part has 1048577 bytes, at most 1048576 are kept"
    );
    // As it stands it is canonical, so that the payload is the line.
    let actor = |bytes: usize| {
        let line = |last: usize| {
            let id = |at: usize| "x".repeat(if at < 15 { TEXT_CHARS_MAX } else { last });
            let ids: serde_json::Map<_, _> =
                (0..17).map(|at| (format!("s{at:02}"), json!(id(at)))).collect();
            json!({"id":"a","ids":ids,"kind":"actor","name":"A","type":"person"}).to_string()
        };
        let (whole, rest) = (line(1).len() - 2, bytes);
        let last = (rest - whole) / 2;
        let even = line(last);
        // One more in the name where the rest is odd.
        if even.len() < bytes { even.replace("\"A\"", "\"AA\"") } else { even }
    };
    let at = actor(PAYLOAD_BYTES_MAX);
    assert_eq!(at.len(), PAYLOAD_BYTES_MAX);
    assert!(append(at).is_ok());
    let Err(AppendError::Refused(refusals)) = append(actor(PAYLOAD_BYTES_MAX + 1)) else {
        panic!("it is refused")
    };
    assert_eq!(
        refusals[0].causes[0].to_string(),
        "the payload has 1048577 bytes, at most 1048576 are kept"
    );
}

#[test]
fn lines_of_a_file() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    let line = |bytes: usize| {
        let event = r#"{"kind":"note","text":"t"}"#;
        format!("{event}{}\n", " ".repeat(bytes - event.len()))
    };
    desk.write("at.jsonl", &line(LINE_BYTES_MAX));
    desk.ok(&["append", "at.jsonl"]);
    desk.write("past.jsonl", &line(LINE_BYTES_MAX + 1));
    let (status, error) = desk.refused(&["append", "past.jsonl"]);
    assert_eq!(status, Some(2));
    assert!(error.contains("line 1: the line has more than 1048576 bytes"), "{error}");
    assert!(error.contains("hint: one event is one line"), "{error}");
    // The line after it is still found.
    desk.write("both.jsonl", &(line(LINE_BYTES_MAX + 1) + &line(100)));
    let output = desk.run(&["append", "both.jsonl", "--keep-going", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    // A line that is passed over may have so many bytes; one that has more ends the append, as a file without any line end.
    let long = |bytes: u64, from: &str| {
        let path = desk.path().join("long.jsonl");
        let mut file = fs::File::create(&path).unwrap();
        file.seek(SeekFrom::Start(bytes)).unwrap();
        file.write_all(b"\n{\"kind\":\"note\",\"text\":\"behind it\"}\n").unwrap();
        let mut append = desk.command(&["append", from, "--keep-going"]);
        let output = append.stdin(fs::File::open(path).unwrap()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for from in ["long.jsonl", "-"] {
        let (status, said) = long(LINE_SKIPPED_BYTES_MAX, from);
        assert_eq!(status, Some(0), "{said}");
        let (status, said) = long(LINE_SKIPPED_BYTES_MAX + 1, from);
        assert_eq!(status, Some(2), "{said}");
        let given_up = "the input cannot be read: no line ends within 67108864 bytes, so these are no JSON lines; nothing was appended";
        assert!(said.contains(given_up), "{said}");
    }
}

#[test]
fn a_source() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    let file = fs::File::create(desk.path().join("scan")).unwrap();
    file.set_len(SOURCE_BYTES_MAX + 1).unwrap();
    let args = ["append", "source", "--id", "scan", "--file", "scan"];
    let (status, error) = desk.refused(&args);
    assert_eq!(status, Some(2));
    assert!(
        error.contains("\"scan\" has 67108865 bytes, a source has at most 67108864"),
        "{error}"
    );
    assert!(error.contains("hint: capture the part of it"), "{error}");
    file.set_len(SOURCE_BYTES_MAX).unwrap();
    desk.ok(&args);
}

#[test]
fn refused_lines() {
    let lines = "[]\n".repeat(REFUSED_LINES_MAX - 1);
    let refused = |lines: &str, options: AppendOptions| {
        let mut log = support::log();
        let head = log.head();
        let clock = &mut Counting::default();
        match support::append_with(&mut log, lines, options, clock) {
            Err(AppendError::Refused(refusals)) => {
                assert_eq!(log.head(), head, "nothing was appended");
                refusals.len()
            }
            other => panic!("{other:?}"),
        }
    };
    let plain = AppendOptions::default();
    assert_eq!(refused(&lines, plain), REFUSED_LINES_MAX - 1);
    let more = lines.clone() + "[]\n[]\n[]\n";
    assert_eq!(refused(&more, plain), REFUSED_LINES_MAX, "the rest is not looked at");
    let going = AppendOptions { keep_going: true, ..plain };
    let good = more + r#"{"kind":"note","text":"good"}"#;
    assert_eq!(refused(&good, going), REFUSED_LINES_MAX, "nor with --keep-going");
    let some = lines + r#"{"kind":"note","text":"good"}"#;
    let mut log = support::log();
    let appended = support::append_with(&mut log, &some, going, &mut Counting::default())
        .expect("one is good");
    assert_eq!((appended.written(), appended.left_out.len()), (1, REFUSED_LINES_MAX - 1));
    // Those count, too, that go with what they refer to.
    let link = |number| format!(r#"{{"kind":"note","id":"n{number}","of":"n{}"}}"#, number + 1);
    let chain = |links: usize| {
        let notes: String = (0..links).map(|number| link(number) + "\n").collect();
        format!("{notes}[]\n{{\"kind\":\"incident\",\"id\":\"good\"}}")
    };
    assert_eq!(refused(&chain(REFUSED_LINES_MAX - 1), going), REFUSED_LINES_MAX);
    let appended = support::append_with(
        &mut log,
        &chain(REFUSED_LINES_MAX - 2),
        going,
        &mut Counting::default(),
    )
    .expect("one is good");
    assert_eq!((appended.written(), appended.left_out.len()), (1, REFUSED_LINES_MAX - 1));
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk.write("bad.jsonl", &"[]\n".repeat(REFUSED_LINES_MAX + 1));
    let (_, error) = desk.refused(&["append", "bad.jsonl"]);
    assert!(error.contains("after 10000 refused lines the rest was not looked at"), "{error}");
}

/// What would break: of each line feed that follows an export, four hundred bytes would be held.
#[test]
fn unreadable_lines_of_an_export() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    desk.ok(&["export", "--out", "log.jsonl"]);
    let export = fs::read_to_string(desk.path().join("log.jsonl")).unwrap();
    for (lines, status) in [(UNREADABLE_LINES_MAX, 1), (UNREADABLE_LINES_MAX + 1, 2)] {
        desk.write("more.jsonl", &(export.clone() + &"\n".repeat(lines)));
        for args in [&["verify", "more.jsonl"][..], &["restore", "more.jsonl", "--log", "new"]] {
            let (code, error) = desk.refused(args);
            assert_eq!(code, Some(status), "{error}");
            let is_given_up = error.contains("more than 10000 of its lines are no lines");
            assert_eq!(is_given_up, status == 2, "{error}");
        }
    }
}

#[test]
fn the_nearest_passage_is_looked_for_so_far() {
    let passage = "The treaty is held in abeyance";
    let refused = |before: usize| {
        let text = format!("{}{passage}.", "a ".repeat(before / 2));
        let mut log = support::new_log();
        let mut files = Files(vec![("long.txt", text.into_bytes())]);
        let lines = [
            json!({"kind":"source","id":"long","file":"long.txt"}),
            json!({"kind":"incident","cites":{"source":"long","quote":"the treaty was held in abeyance"}}),
        ];
        let submissions = (1..)
            .zip(&lines)
            .map(|(at, line)| {
                demarche::event_log::Submission::read(at, line.to_string().as_bytes())
            })
            .collect();
        let options = AppendOptions::default();
        match log.append(submissions, options, &mut files, &mut Counting::default()) {
            Err(AppendError::Refused(refusals)) => format!("{:?}", refusals[0].causes),
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(PASSAGE_TEXT_BYTES_MAX - 100).contains(passage), "it is shown");
    assert!(!refused(PASSAGE_TEXT_BYTES_MAX).contains(passage), "it stands too far on");
}

#[test]
fn similar_ids_are_looked_for_so_often() {
    let offered = |count: usize| {
        let by = vec![json!({"by":"sharf"}); count];
        let line = json!({"kind":"statement","according_to":by}).to_string();
        match append(&mut support::log(), &line) {
            Err(AppendError::Refused(refusals)) => {
                assert_eq!(refusals[0].causes.len(), count);
                let offers = |cause: &&Cause| matches!(cause, Cause::NoSuch { near, .. } if !near.is_empty());
                refusals[0].causes.iter().filter(offers).count()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(offered(SIMILAR_SEARCHES_MAX), SIMILAR_SEARCHES_MAX);
    assert_eq!(offered(SIMILAR_SEARCHES_MAX + 1), SIMILAR_SEARCHES_MAX);
}

#[test]
fn many_false_quotations_of_a_long_source_cost_little() {
    // 1024 of them, each of which would be looked for in 1 MiB: only the first eight are, in PASSAGE_SEARCH_BYTES_MAX.
    let text = "word ".repeat(PASSAGE_TEXT_BYTES_MAX / 5) + ".";
    assert_eq!(text.len(), PASSAGE_TEXT_BYTES_MAX);
    let cites = vec![json!({"source":"long","quote":"word wort"}); LIST_ITEMS_MAX];
    let lines = [
        json!({"kind":"source","id":"long","file":"long.txt"}),
        json!({"kind":"incident","cites":cites}),
    ];
    let submissions = (1..)
        .zip(&lines)
        .map(|(at, line)| demarche::event_log::Submission::read(at, line.to_string().as_bytes()))
        .collect();
    let mut files = Files(vec![("long.txt", text.into_bytes())]);
    let (mut log, options) = (support::new_log(), AppendOptions::default());
    let Err(AppendError::Refused(refusals)) =
        log.append(submissions, options, &mut files, &mut Counting::default())
    else {
        panic!("it is refused")
    };
    let shown = |cause: &&Cause| matches!(cause, Cause::NotVerbatim { nearest: Some(_), .. });
    assert_eq!(refusals[0].causes.len(), LIST_ITEMS_MAX);
    assert_eq!(refusals[0].causes.iter().filter(shown).count(), 8);
}

#[test]
fn an_origin_and_a_header() {
    let origin = |bytes: usize| format!("example.org/{}", "x".repeat(bytes - 12));
    assert!(check_origin(&origin(ORIGIN_BYTES_MAX)).is_ok());
    let error = check_origin(&origin(ORIGIN_BYTES_MAX + 1)).unwrap_err().to_string();
    assert!(error.contains("255"), "{error}");
    let log = support::new_log();
    let first = log.store().read(0, 1).unwrap().remove(0);
    let mut header = Header::from_bytes(&first.header).unwrap();
    header.log.push_str(&"x".repeat(HEADER_BYTES_MAX - first.header.len()));
    assert_eq!(header.to_bytes().len(), HEADER_BYTES_MAX);
    assert_eq!(Header::from_bytes(&header.to_bytes()), Ok(header.clone()));
    header.log.push('x');
    assert_eq!(
        Header::from_bytes(&header.to_bytes()).unwrap_err().to_string(),
        "it has 4097 bytes, a header has at most 4096"
    );
}

#[test]
fn a_note_its_signatures_and_a_proof() {
    let key = support::signer();
    let with = |bytes: usize| {
        let line = key.sign("text\n").to_string().len() + 1;
        let text = "x".repeat(bytes - line - 2) + "\n";
        Note::new(text.clone(), vec![key.sign(&text)])
    };
    let at = with(NOTE_BYTES_MAX).unwrap().to_string();
    assert_eq!(at.len(), NOTE_BYTES_MAX);
    assert!(Note::parse(at.as_bytes()).is_ok(), "what is made can be read");
    let error = with(NOTE_BYTES_MAX + 1).unwrap_err().to_string();
    assert_eq!(error, "a note has at most 65536 bytes, this has 65537");
    let long = vec![b'x'; NOTE_BYTES_MAX + 1];
    assert_eq!(Note::parse(&long).unwrap_err().to_string(), error);
    let signed = |count: usize| {
        let lines = (0..count).map(|at| {
            let name = format!("example.org/{at}");
            NoteSigner::from_seed(&name, &[7; 32]).unwrap().sign("text\n")
        });
        Note::new("text\n".to_owned(), lines.collect())
    };
    assert!(signed(SIGNATURES_MAX).is_ok());
    assert_eq!(
        signed(SIGNATURES_MAX + 1).unwrap_err().to_string(),
        "a note has at most 64 signatures, this has 65"
    );
    let made = support::new_log();
    let note = made.checkpoint().sign(&[&key]).unwrap();
    let proof = |hashes: usize| {
        let hash = format!("{}=\n", "A".repeat(43));
        format!("{FIRST_LINE}\nindex 0\n{}\n{note}", hash.repeat(hashes))
    };
    assert!(EventProof::parse(&proof(PATH_HASHES_MAX)).is_ok());
    assert_eq!(
        EventProof::parse(&proof(PATH_HASHES_MAX + 1)).unwrap_err().to_string(),
        "a path has at most 63 hashes, this has more"
    );
}

#[test]
fn a_policy_and_a_time_stamp() {
    let lines = |count: usize| format!("{}quorum none", "\n".repeat(count - 1));
    assert!(Policy::parse(lines(POLICY_LINES_MAX).as_bytes()).is_ok());
    let error = Policy::parse(lines(POLICY_LINES_MAX + 1).as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "line 1025: a policy has at most 1024 lines and 262144 bytes");
    let bytes = |count: usize| format!("quorum none\n#{}", "x".repeat(count - 13));
    assert!(Policy::parse(bytes(POLICY_BYTES_MAX).as_bytes()).is_ok());
    let error = Policy::parse(bytes(POLICY_BYTES_MAX + 1).as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "line 1: a policy has at most 1024 lines and 262144 bytes");
    let said = |count: usize| Stamp::parse(&vec![0x30; count]).unwrap_err().to_string();
    assert!(said(RESPONSE_BYTES_MAX).starts_with("it is no RFC 3161 response"));
    assert_eq!(said(RESPONSE_BYTES_MAX + 1), "a response has at most 65536 bytes, this has 65537");
}

#[test]
fn a_line_of_an_export_and_of_a_proof() {
    // A line that is cut at the limit is none, and what follows is not read as part of another.
    let mut bytes = vec![b'x'; EXPORT_LINE_BYTES_MAX + 1];
    let report = |bytes: &[u8]| {
        let report = verify_export(&mut Cursor::new(bytes), &Against::default(), &mut |_| {});
        let report = report.unwrap();
        report.findings.iter().map(|(_, one)| one.what.to_string()).collect::<Vec<_>>()
    };
    let cut = "the last line does not end: the export is cut";
    assert!(report(&bytes).iter().any(|found| found == cut));
    bytes[EXPORT_LINE_BYTES_MAX - 1] = b'\n';
    bytes[EXPORT_LINE_BYTES_MAX] = b'\n';
    assert!(!report(&bytes).iter().any(|found| found == cut), "at the limit it is a line");
    let claim = b"{\"answer\":{},\"question\":{},\"v\":1}\n".to_vec();
    let proof = |line: usize| {
        let proof = [claim.clone(), vec![b'x'; line - 1], b"\n".to_vec()].concat();
        answer_proof::check(&mut proof.as_slice()).unwrap_err().to_string()
    };
    assert!(
        proof(EXPORT_LINE_BYTES_MAX).starts_with("line 2: not JSON"),
        "at the limit it is read"
    );
    let cut = "line 2: the line does not end: the proof is cut";
    assert_eq!(proof(EXPORT_LINE_BYTES_MAX + 1), cut);
}

#[test]
fn files_beside_a_log() {
    let desk = Desk::demo();
    let sized = |name: &str, bytes: u64| {
        fs::File::create(desk.path().join(name)).unwrap().set_len(bytes).unwrap();
    };
    for (args, most) in [
        (["verify", "--checkpoint", "big"], 64 * 1024),
        (["verify", "--policy", "big"], 256 * 1024),
        (["anchor", "add", "big"], 64 * 1024),
    ] {
        let past = format!("big has more than {most} bytes");
        for (bytes, is_past) in [(most, false), (most + 1, true)] {
            sized("big", bytes);
            let (status, error) = desk.refused(&args);
            assert_ne!(status, Some(0), "{args:?}");
            assert_eq!(error.contains(&past), is_past, "{args:?} {bytes}: {error}");
        }
    }
    // The proof of an event.
    for (bytes, is_past) in [(8 * 1024 * 1024, false), (8 * 1024 * 1024 + 1, true)] {
        sized("big", bytes);
        let mut file = fs::OpenOptions::new().write(true).open(desk.path().join("big")).unwrap();
        std::io::Write::write_all(&mut file, FIRST_LINE.as_bytes()).unwrap();
        let (_, error) = desk.refused(&["check", "big"]);
        assert_eq!(error.contains("big has more than 8388608 bytes"), is_past, "{bytes}: {error}");
    }
    // The journal: at the limit it is read, and is none.
    let journal = fs::read_dir(desk.path().join("log/journal")).unwrap().next().unwrap().unwrap();
    let name = journal.file_name().into_string().unwrap();
    let past = format!("the journal log/journal/{name} has more than 268435456 bytes");
    for (bytes, said) in
        [(256 << 20, "the checkpoint journal was edited"), ((256 << 20) + 1, &past)]
    {
        fs::File::create(journal.path()).unwrap().set_len(bytes).unwrap();
        let output = desk.run(&["verify"]);
        assert_ne!(output.status.code(), Some(0));
        let error =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(error.contains(said), "{bytes}: {error}");
        assert_eq!(error.contains("has more than"), bytes > 256 << 20, "{error}");
    }
}

#[test]
fn what_is_said_is_cut_where_nobody_reads_on() {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/desk"]);
    let key = "k".repeat(100_000);
    desk.write("long.jsonl", &format!("{{\"kind\":\"note\",\"text\":\"t\",\"{key}\":1}}\n"));
    let (_, error) = desk.refused(&["append", "long.jsonl"]);
    assert!(error.len() < 20_000, "{} bytes are said", error.len());
    assert!(error.contains("characters more)"), "{error}");
    let mut many = serde_json::Map::new();
    many.insert("kind".to_owned(), json!("note"));
    (0..1000).for_each(|at| drop(many.insert(format!("k{at}"), json!(1))));
    desk.write("many.jsonl", &format!("{}\n", serde_json::Value::Object(many)));
    let (_, error) = desk.refused(&["append", "many.jsonl"]);
    assert!(error.contains("line 1: and 980 more that is wrong with it"), "{error}");
}

#[test]
fn a_drawing_of_lives_has_so_many_days() {
    let desk = Desk::demo();
    let args = |from| ["measures", "--gantt", from, "--to", "2025-05-01"];
    // DAYS_MAX, and one more.
    desk.ok(&args("--from=-8927-09-15"));
    let (status, error) = desk.refused(&args("--from=-8927-09-14"));
    assert_eq!(status, Some(2), "{error}");
    assert!(error.contains("4000001 days are more than can be drawn"), "{error}");
}
