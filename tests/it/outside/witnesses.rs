//! Witnesses: a real one by other hands, and a fake one that gives the answers which the real one never does.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use demarche::record::note::{
    Algorithm, COSIGNED_SECOND_MAX, Note, NoteSigner, SignatureLine, VerifierKey, cosigned_message,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::desk::Desk;
use crate::outside::tiles::accepted_by_go;
use crate::outside::web::{Answer, Request, Server};
use crate::outside::{append_topics, name_of, refused_saying, said, size, vkey};

/// What is said when a witness knows more than this log does.
const OTHER_LOG: &str = "a witness has seen another log than this";
const NO_OUTSIDE_PARTY: &str = "No outside party holds a checkpoint";

/// The aics-witness program, where `.ci/run` could install it.
fn program() -> Option<PathBuf> {
    let program = std::env::var_os("DEMARCHE_WITNESS").map(PathBuf::from);
    if program.is_none() {
        println!("skipped: DEMARCHE_WITNESS names no witness; .ci/run installs one");
    }
    program
}

/// A real witness, in a directory of its own. It ends when this is dropped, when the test does, or after five minutes.
struct Witness {
    place: TempDir,
    program: PathBuf,
    guard: Option<Child>,
    vkey: String,
    url: String,
}

impl Witness {
    /// Starts one that knows the logs of these verifier keys.
    fn start(program: PathBuf, logs: &[&str]) -> Self {
        let place = TempDir::new().unwrap();
        let (vkey, url) = (String::new(), String::new());
        let mut witness = Self { place, program, guard: None, vkey, url };
        witness.vkey = witness.run(&["init", "--name", "witness.example/w1"]);
        witness.vkey.truncate(witness.vkey.trim_end().len());
        for log in logs {
            witness.run(&["add-log", "--origin", name_of(log), "--vkey", log]);
        }
        // Another process may take the port before the witness does.
        for _ in 0..3 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if witness.serve(port) {
                return witness;
            }
        }
        let log = fs::read_to_string(witness.place.path().join("served")).unwrap_or_default();
        panic!("the witness does not come up: {log}");
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.place.path());
        command.env_remove("AICS_WITNESS_CONFIG").env_remove("WITNESS_SEED_HEX");
        command
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.command(&self.program).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", said(&output).1);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Serves on this port; whether it does.
    fn serve(&mut self, port: u16) -> bool {
        let log = fs::File::create(self.place.path().join("served")).unwrap();
        let address = format!("127.0.0.1:{port}");
        // The shell ends it when its own input ends, so it does not outlive a test that is killed.
        let guard = self
            .command(Path::new("sh"))
            .args(["-c", r#"timeout -k 5 300 "$@" & read -r _; kill $! 2>/dev/null; wait"#, "sh"])
            .arg(&self.program)
            .args(["serve", "--listen", &address])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.guard = Some(guard.unwrap());
        self.url = format!("http://{address}");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if healthy(&address).is_some_and(|answer| answer.ends_with("ok\n")) {
                return true;
            }
            sleep(Duration::from_millis(50));
        }
        self.stop();
        false
    }

    fn stop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }

    /// The log-signed requests that it kept since they contradict what it had cosigned.
    fn evidence(&self) -> Vec<Value> {
        serde_json::from_str(&self.run(&["evidence"])).unwrap()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop();
    }
}

fn healthy(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET /healthz HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Copies a log with its journal, key and policy; nothing may have it open.
fn copy(desk: &Desk, from: &str, to: &str) {
    let _ = fs::remove_dir_all(desk.path().join(to));
    let mut copy = Command::new("cp");
    let copied = copy.args(["-a", from, to]).current_dir(desk.path()).status();
    assert!(copied.unwrap().success());
}

fn not_established(desk: &Desk) -> String {
    desk.json(&["verify", "--json"])["not_established"].to_string()
}

#[test]
fn a_real_witness_cosigns_what_grows_and_gives_it_times() {
    let Some(program) = program() else { return };
    let desk = Desk::demo();
    let witness = Witness::start(program, &[&vkey(&desk, "log")]);
    desk.ok(&["witness", "add", &witness.vkey, &witness.url]);
    assert!(not_established(&desk).contains(NO_OUTSIDE_PARTY));

    let first = size(&desk, "log");
    let asked = desk.json(&["witness", "ask", "--json"]);
    crate::schemas::check("witness", &asked);
    assert_eq!((&asked["size"], &asked["quorum"]), (&first.into(), &true.into()), "{asked}");
    let name = name_of(&witness.vkey);
    assert!(asked["note"].as_str().unwrap().contains(&format!("\n\u{2014} {name} ")), "{asked}");
    let report = desk.json(&["verify", "--json"]);
    assert_eq!((&report["ok"], &report["outside_size"]), (&true.into(), &first.into()));
    assert_eq!(report["witnessed"][0]["witness"], name);
    assert_eq!(report["witnessed"][0]["at"], asked["witnesses"][0]["cosigned_at"]);
    assert!(!report["not_established"].to_string().contains(NO_OUTSIDE_PARTY));
    // With the policy as a demand it is met, too.
    desk.ok(&["verify", "--policy", "log/policy"]);
    // It is asked again without anything new, and has no need of a proof.
    desk.ok(&["witness", "ask"]);

    append_topics(&desk, "log", "between", 0..20);
    assert!(not_established(&desk).contains(&format!("first {first} events; the 20 after them")));
    let shown = |id: &str| desk.json(&["show", id, "--json"])["events"][0]["bracket"].clone();
    let open = shown("between-7");
    assert_eq!((&open["after"]["size"], &open["by"]), (&first.into(), &Value::Null));
    let said = desk.ok(&["witness", "ask"]);
    let second = first + 20;
    assert!(said.contains(&format!("{name} cosigned {second} events at")), "{said}");

    let bracket = shown("between-7");
    assert_eq!(bracket["after"]["size"], first);
    assert_eq!(bracket["by"]["size"], second);
    assert!(bracket["after"]["at"].as_str() <= bracket["by"]["at"].as_str(), "{bracket}");
    // What was there before the first checkpoint has one bound alone.
    assert_eq!(shown("@1")["after"], Value::Null);
    assert_eq!(shown("@1")["by"]["size"], first);

    // A reader who has the proof and the policy, and neither the log nor the witness, learns the same.
    desk.ok(&["prove", "between-7", "--out", "proof"]);
    fs::rename(desk.path().join("log/policy"), desk.path().join("policy")).unwrap();
    let checked = desk.json(&["check", "proof", "--policy", "policy", "--json"]);
    assert_eq!(checked["bracket"], bracket);
    assert_eq!(checked["signatures"]["trusted"], true);
    assert_eq!(checked["signatures"]["witnesses"][0]["witness"], name);
    // And one who trusts another witness of that name is not convinced.
    let policy = fs::read_to_string(desk.path().join("policy")).unwrap();
    desk.write("other", &policy.replace(&witness.vkey, &cosigner(9).1.to_string()));
    refused_saying(&desk, &["check", "proof", "--policy", "other"], 1, &["its quorum is not met"]);

    // Tiles with the cosignature on their checkpoint are still what Go takes them for.
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    let published = fs::read_to_string(desk.path().join("tiles/checkpoint")).unwrap();
    assert!(published.contains(&format!("\n\u{2014} {name} ")), "{published}");
    accepted_by_go(&desk, "tiles", second);
    assert_eq!(witness.evidence(), Vec::<Value>::new(), "it has nothing against this log");
}

#[test]
fn a_real_witness_refuses_a_log_that_was_rolled_back() {
    let Some(program) = program() else { return };
    let desk = Desk::demo();
    let mut witness = Witness::start(program, &[&vkey(&desk, "log")]);
    desk.ok(&["witness", "add", &witness.vkey, &witness.url]);
    desk.ok(&["witness", "ask"]);
    copy(&desk, "log", "old");
    append_topics(&desk, "log", "true", 0..3);
    desk.ok(&["witness", "ask"]);
    copy(&desk, "log", "new");
    let seen = size(&desk, "new");

    // The old copy is put back with its journal, which knows no better, or without any; then other things happen in it.
    for journal in [true, false] {
        for (appended, expected) in
            [(0, "cut or rolled back"), (2, "cut or rolled back"), (3, "(422)"), (5, "(422)")]
        {
            copy(&desk, "old", "log");
            if !journal {
                fs::remove_dir_all(desk.path().join("log/journal")).unwrap();
            }
            append_topics(&desk, "log", "false", 0..appended);
            let said = refused_saying(&desk, &["witness", "ask"], 1, &[expected, OTHER_LOG]);
            assert!(said.contains(&seen.to_string()), "{said}");
            // A second time is no better, and the journal that was refused does not count as seen by it.
            refused_saying(&desk, &["witness", "ask"], 1, &[expected, OTHER_LOG]);
            let report = desk.json(&["verify", "--json"]);
            let outside = if journal { seen - 3 } else { 0 };
            assert_eq!(report["outside_size"], outside, "{report}");
        }
    }
    // The witness kept what the log signed, and it contradicts what it had cosigned.
    let evidence = witness.evidence();
    assert!(!evidence.is_empty());
    for kept in &evidence {
        assert_eq!(kept["witness_size"], seen, "{kept}");
    }

    // The advice is to restore the newest copy: then it goes on.
    copy(&desk, "new", "log");
    append_topics(&desk, "log", "true", 3..4);
    desk.ok(&["witness", "ask"]);
    // Without its journal it has to be told first what the witness saw.
    fs::remove_dir_all(desk.path().join("log/journal")).unwrap();
    append_topics(&desk, "log", "true", 4..5);
    desk.ok(&["witness", "ask"]);

    witness.stop();
    append_topics(&desk, "log", "true", 5..6);
    refused_saying(
        &desk,
        &["witness", "ask"],
        2,
        &["cannot be asked", "the policy is not met yet"],
    );
}

#[test]
fn a_real_witness_does_not_know_every_log_or_key() {
    let Some(program) = program() else { return };
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/known"]);
    let witness = Witness::start(program, &[&vkey(&desk, "log")]);
    desk.ok(&["init", "--origin", "example.org/unknown", "--log", "unknown"]);
    // The same name, but another key.
    desk.ok(&["init", "--origin", "example.org/known", "--log", "pretender"]);
    for (log, expected) in [("unknown", "(404)"), ("pretender", "(403)")] {
        desk.ok(&["witness", "add", &witness.vkey, &witness.url, "--log", log]);
        let said = refused_saying(&desk, &["witness", "ask", "--log", log], 2, &[expected]);
        assert!(!said.contains(OTHER_LOG), "{said}");
    }
    // The pretender did not spoil it for the log itself; and during a rotation both of its keys sign.
    desk.ok(&["witness", "add", &witness.vkey, &witness.url]);
    desk.ok(&["witness", "ask"]);
    desk.ok(&["key", "rotate"]);
    desk.ok(&["witness", "ask"]);
    desk.ok(&["key", "retire"]);
    refused_saying(&desk, &["witness", "ask"], 2, &["(403)", "tell its operator the new one"]);
}

/// A witness's key of ours, both halves.
fn cosigner(seed: u8) -> (NoteSigner, VerifierKey) {
    let signer = NoteSigner::from_seed("witness.example/w1", &[seed; 32]).unwrap();
    let key =
        VerifierKey::new("witness.example/w1", Algorithm::Cosignature, signer.verifier().bytes());
    (signer, key.unwrap())
}

/// The note in a request.
fn note_in(request: &Request) -> Note {
    let body = std::str::from_utf8(&request.body).unwrap();
    Note::parse(body.split_once("\n\n").unwrap().1.as_bytes()).unwrap()
}

/// The line of a cosignature at this time, by the key of this seed, under the name and id of the first.
fn cosignature(request: &Request, time: u64, seed: u8) -> SignatureLine {
    let message = cosigned_message(time, note_in(request).text());
    let signature = cosigner(seed).0.sign(&message).signature;
    let signature = [&time.to_be_bytes()[..], &signature].concat();
    SignatureLine { name: "witness.example/w1".to_owned(), id: cosigner(1).1.id(), signature }
}

fn lines(lines: &[SignatureLine]) -> Answer {
    let line = |line: &SignatureLine| format!("{line}\n").into_bytes();
    Answer::Whole(200, lines.iter().flat_map(line).collect())
}

/// A desk whose log has 8 events and a fake witness that answers so.
fn desk_with(answer: impl FnMut(&Request) -> Answer + Send + 'static) -> (Desk, Server) {
    let desk = Desk::new();
    desk.ok(&["init", "--origin", "example.org/fake"]);
    append_topics(&desk, "log", "topic", 1..8);
    let server = Server::new(answer);
    desk.ok(&["witness", "add", &cosigner(1).1.to_string(), &format!("{}/w/", server.url())]);
    (desk, server)
}

#[test]
fn a_fake_witness_is_asked_in_the_words_of_the_specification() {
    let mut asked = 0;
    let (desk, server) = desk_with(move |request| {
        asked += 1;
        if asked == 1 {
            // It says that it has seen the first 5 events, as a witness does whose answer was lost.
            return Answer::Whole(409, b"5\n".to_vec());
        }
        // Lines by others are passed over.
        let other = SignatureLine { id: [1, 2, 3, 4], ..cosignature(request, 9, 2) };
        lines(&[other, cosignature(request, 1_800_000_000, 1)])
    });
    let asked = desk.json(&["witness", "ask", "--json"]);
    crate::schemas::check("witness", &asked);
    assert_eq!(asked["witnesses"][0]["cosigned_at"], "2027-01-15T08:00:00Z", "{asked}");
    append_topics(&desk, "log", "topic", 8..9);
    desk.ok(&["witness", "ask"]);
    let requests = server.requests();
    let bodies: Vec<_> = requests.iter().map(|r| String::from_utf8_lossy(&r.body)).collect();
    assert!(requests.iter().all(|request| request.path == "/w/add-checkpoint"));
    // From nothing there is nothing to prove; from 5 to 8, and from 8 to 9, there is.
    let expected = [(0, 0), (5, 4), (8, 1)];
    assert_eq!(bodies.len(), expected.len());
    for (body, (old, hashes)) in bodies.iter().zip(expected) {
        let (head, _) = body.split_once("\n\n").unwrap();
        let mut head = head.lines();
        assert_eq!(head.next(), Some(format!("old {old}").as_str()), "{body}");
        let path: Vec<_> = head.map(|line| STANDARD.decode(line).unwrap().len()).collect();
        assert_eq!(path, vec![32; hashes], "{body}");
    }
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    accepted_by_go(&desk, "tiles", 9);
}

#[test]
fn one_witness_that_fails_does_not_undo_what_another_cosigned() {
    for (quorum, status) in [("any", 0), ("all", 2)] {
        let (desk, _good) = desk_with(|request| lines(&[cosignature(request, 9, 1)]));
        let bad = Server::new(|_| Answer::Whole(500, Vec::new()));
        let (url, key) = (bad.url(), cosigner(3).1.to_string());
        desk.ok(&["witness", "add", &key, &url, "--name", "second", "--quorum", quorum]);
        refused_saying(
            &desk,
            &["witness", "ask"],
            status,
            &["witness.example/w1 cosigned 8 events", "second: it answers 500"],
        );
        let report = desk.json(&["verify", "--json"]);
        assert_eq!((&report["ok"], &report["outside_size"]), (&true.into(), &8.into()));
        let met = desk.run(&["verify", "--policy", "log/policy"]).status.code();
        assert_eq!(met, Some(i32::from(quorum == "all")), "{quorum}");
    }
}

#[test]
fn a_fake_witness_that_contradicts_the_log_ends_with_one() {
    // What it answers, and what is said.
    let conflicts: [(u16, &str, &str); 4] = [
        (
            409,
            "9\n",
            "it says that it has cosigned 9 events of this log, which has 8: the log was cut or rolled back",
        ),
        (409, "18446744073709551615\n", "the log was cut or rolled back"),
        // A witness of the first version of the specification says so of another root.
        (409, "8\n", "it says that it has cosigned another log of 8 events under this name"),
        (422, "", "is not what this log begins with (422)"),
    ];
    for (status, body, expected) in conflicts {
        let (desk, _server) = desk_with(move |_| Answer::Whole(status, body.into()));
        refused_saying(&desk, &["witness", "ask"], 1, &[expected, OTHER_LOG]);
        assert!(not_established(&desk).contains(NO_OUTSIDE_PARTY));
    }
}

/// What is said, and of which answer.
type Case = (&'static str, Box<dyn Fn(&Request) -> Answer + Send>);

#[test]
fn no_answer_of_a_fake_witness_is_taken_for_a_cosignature_or_makes_it_panic() {
    let whole = |status, body: &[u8]| Answer::Whole(status, body.to_vec());
    let head = |extra: &str| format!("HTTP/1.1 200 OK\r\n{extra}\r\n").into_bytes();
    let cases: Vec<Case> = vec![
        ("it answers 500", Box::new(move |_| whole(500, b"8\n"))),
        (
            "it answers 201",
            Box::new(move |asked| match lines(&[cosignature(asked, 9, 1)]) {
                Answer::Whole(_, body) => Answer::Whole(201, body),
                other => other,
            }),
        ),
        ("it cannot read the request (400)", Box::new(move |_| whole(400, b"\xff"))),
        ("it answers 409 and no size", Box::new(move |_| whole(409, b"many\n"))),
        ("it answers 409 and no size", Box::new(move |_| whole(409, b"\xff\xfe"))),
        ("it answers 409 and no size", Box::new(move |_| whole(409, b"-1\n"))),
        ("it answers 409 and no size", Box::new(move |_| whole(409, b"18446744073709551616\n"))),
        // It was told of no size, and says that it knows of none.
        ("it answers 409 with the size that it was told", Box::new(move |_| whole(409, b"0\n"))),
        ("its cosignature does not hold", Box::new(|asked| lines(&[cosignature(asked, 9, 2)]))),
        (
            "its cosignature does not hold",
            Box::new(|asked| {
                // It was given at another time than it says.
                let mut line = cosignature(asked, 9, 1);
                line.signature[7] ^= 1;
                lines(&[line])
            }),
        ),
        (
            "its cosignature does not hold",
            Box::new(|asked| {
                let line = cosignature(asked, 9, 1);
                lines(&[SignatureLine { signature: vec![0; 3], ..line }])
            }),
        ),
        (
            "its cosignature does not hold",
            Box::new(|asked| lines(&[cosignature(asked, u64::MAX, 1)])),
        ),
        (
            "no cosignature by the key that is known",
            Box::new(|asked| {
                lines(&[SignatureLine {
                    name: "else.example".to_owned(),
                    ..cosignature(asked, 9, 1)
                }])
            }),
        ),
        ("no cosignature by the key that is known", Box::new(move |_| whole(200, b""))),
        (
            "no cosignature by the key that is known",
            Box::new(move |_| whole(200, b"<html>hello</html>")),
        ),
        ("its answer is no text", Box::new(move |_| whole(200, &[0xff; 100]))),
        ("cannot be asked", Box::new(move |_| whole(200, &[b'a'; 100_000]))),
        ("cannot be asked", Box::new(|_| Answer::Bytes(Vec::new()))),
        ("cannot be asked", Box::new(|_| Answer::Bytes(b"\0\xff no HTTP at all\r\n\r\n".to_vec()))),
        (
            "cannot be asked",
            Box::new(move |_| {
                Answer::Bytes([&head("Content-Length: 900\r\n")[..], b"cut"].concat())
            }),
        ),
        ("cannot be asked", Box::new(move |_| Answer::Endless(head(""), vec![b'\n'; 4096]))),
        (
            "cannot be asked",
            Box::new(move |_| {
                let first = head("Transfer-Encoding: chunked\r\n");
                Answer::Endless(first, b"4\r\nabcd\r\n".repeat(100))
            }),
        ),
        (
            "cannot be asked",
            Box::new(move |_| {
                Answer::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"A-Header: again\r\n".repeat(100))
            }),
        ),
    ];
    for (expected, answer) in cases {
        let (desk, server) = desk_with(answer);
        let said =
            refused_saying(&desk, &["witness", "ask"], 2, &[expected, "the policy is not met yet"]);
        assert!(!said.contains(OTHER_LOG), "{said}");
        assert!(not_established(&desk).contains(NO_OUTSIDE_PARTY));
        assert_eq!(server.requests().len(), 1, "{expected}");
        // What was signed stays signed, and nothing false is kept beside it.
        assert!(desk.ok(&["verify"]).contains("the log verifies"), "{expected}");
    }
}

#[test]
fn a_fake_witness_leads_nobody_elsewhere_nor_round_in_circles() {
    let elsewhere = |request: &Request| lines(&[cosignature(request, 9, 1)]);
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let (desk, server) = desk_with(move |request| match request.path.as_str() {
            "/w/add-checkpoint" => Answer::Bytes(
                format!("HTTP/1.1 {status}\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n").into(),
            ),
            _ => elsewhere(request),
        });
        let expected = format!("it answers {}", &status[..3]);
        refused_saying(&desk, &["witness", "ask"], 2, &[&expected]);
        assert_eq!(server.requests().len(), 1, "{status} was followed");
    }
    let mut told = 0;
    let (desk, server) = desk_with(move |_| {
        told = told % 7 + 1;
        Answer::Whole(409, format!("{told}\n").into_bytes())
    });
    refused_saying(
        &desk,
        &["witness", "ask"],
        2,
        &["it says every time that it has seen another size"],
    );
    assert_eq!(server.requests().len(), 2);
}

/// What would break: a log would be said to be held at a time that cannot be shown.
#[test]
fn a_cosignature_of_a_time_that_no_calendar_holds_does_not_count() {
    for time in [0, COSIGNED_SECOND_MAX] {
        let (desk, _server) = desk_with(move |request| lines(&[cosignature(request, time, 1)]));
        let asked = desk.json(&["witness", "ask", "--json"]);
        assert_eq!(asked["quorum"], true, "{asked}");
        for command in [["verify", "--json"], ["show", "@1"], ["prove", "@1"]] {
            let all = refused_saying(&desk, &command, 0, &[]);
            assert!(!all.is_empty(), "{command:?}");
        }
    }
    for time in [COSIGNED_SECOND_MAX + 1, 1 << 53, (1 << 63) - 1] {
        let (desk, _server) = desk_with(move |request| lines(&[cosignature(request, time, 1)]));
        let expected = ["its cosignature does not hold", "the policy is not met yet"];
        refused_saying(&desk, &["witness", "ask"], 2, &expected);
    }
}
