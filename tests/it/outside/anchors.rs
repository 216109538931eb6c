//! Time stamps: openssl reads our requests, answers them as an authority, and verifies the answers that we record.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use demarche::record::timestamp::{self, Stamp, StampError};
use tempfile::TempDir;

use crate::desk::Desk;
use crate::outside::web::{Answer, Server};
use crate::outside::{append_topics, flip, refused_saying, said, size};
use crate::support;

const CONFIG: &str = "
[ ca ]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[ stamper ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[ request ]
distinguished_name = nothing
[ nothing ]
[ tsa ]
default_tsa = plain
# As little as an answer can hold.
[ plain ]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
# As much as an answer can hold.
[ full ]
serial = serial
signer_cert = tsa.pem
certs = ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 6
ordering = yes
tsa_name = yes
ess_cert_id_chain = yes
# This one knows not the hash that we ask for.
[ unwilling ]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha512
";

/// An authority of a day, with a certificate by another key.
struct Authority(TempDir);

impl Authority {
    /// `None` where there is no openssl.
    fn new() -> Option<Self> {
        if !support::tool("openssl") {
            return None;
        }
        let authority = Self(TempDir::new().unwrap());
        authority.write("config", CONFIG.as_bytes());
        authority.write("serial", b"01\n");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        let config = "-config config -section request";
        authority.ok(&format!(
            "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2 {config} -extensions ca"
        ));
        authority.ok(&format!("req {key} -keyout tsa.key -out tsa.csr -subj /CN=tsa {config}"));
        authority.ok("x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 \
             -extfile config -extensions stamper -out tsa.pem");
        Some(authority)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs openssl with arguments that hold no white space.
    fn openssl(&self, args: &str) -> (bool, String) {
        let args = args.split_whitespace();
        let output = Command::new("openssl").args(args).current_dir(self.0.path()).output();
        said(&output.unwrap())
    }

    #[track_caller]
    fn ok(&self, args: &str) -> String {
        let (ok, all) = self.openssl(args);
        assert!(ok, "openssl {args}: {all}");
        all
    }

    /// Answers a request as this section of the configuration has it.
    fn answer(&self, request: &[u8], section: &str) -> Vec<u8> {
        self.write("asked.tsq", request);
        self.ok(&format!(
            "ts -reply -queryfile asked.tsq -out answer.tsr -config config -section {section}"
        ));
        fs::read(self.path("answer.tsr")).unwrap()
    }

    /// Whether openssl finds that an answer stamps these bytes, by this authority.
    fn verifies(&self, stamped: &[u8], answer: &[u8]) -> bool {
        self.write("stamped", stamped);
        self.write("verified.tsr", answer);
        let (ok, all) = self.openssl("ts -verify -data stamped -in verified.tsr -CAfile ca.pem");
        assert_eq!(ok, all.contains("Verification: OK"), "{all}");
        ok
    }
}

/// A desk with the shipped log, a checkpoint of it in `note`, and a request in `r.tsq`.
fn desk_with_request() -> (Desk, Vec<u8>, Vec<u8>) {
    let desk = Desk::demo();
    desk.ok(&["checkpoint", "--out", "note"]);
    desk.ok(&["anchor", "request", "--out", "r.tsq"]);
    let read = |name: &str| fs::read(desk.path().join(name)).unwrap();
    let (note, request) = (read("note"), read("r.tsq"));
    (desk, note, request)
}

#[track_caller]
fn add_refused(desk: &Desk, response: &[u8], expected: &[&str]) {
    let before = size(desk, "log");
    fs::write(desk.path().join("bad.tsr"), response).unwrap();
    refused_saying(desk, &["anchor", "add", "bad.tsr"], 1, expected);
    assert_eq!(size(desk, "log"), before, "nothing is recorded");
}

#[test]
fn openssl_verifies_what_is_recorded_and_refuses_it_spoiled() {
    let Some(authority) = Authority::new() else { return };
    let (desk, note, request) = desk_with_request();
    fs::copy(desk.path().join("r.tsq"), authority.path("r.tsq")).unwrap();
    let read = authority.ok("ts -query -in r.tsq -text");
    for expected in ["Hash Algorithm: sha256", "Certificate required: yes", "Nonce: 0x"] {
        assert!(read.contains(expected), "{expected} is not in: {read}");
    }

    for (count, section) in (1..).zip(["plain", "full"]) {
        let answer = authority.answer(&request, section);
        assert!(authority.verifies(&note, &answer), "{section}");
        // It is to this request: openssl compares the nonces.
        authority.ok("ts -verify -queryfile r.tsq -in verified.tsr -CAfile ca.pem");
        fs::write(desk.path().join("r.tsr"), &answer).unwrap();
        let added = desk.json(&["anchor", "add", "r.tsr", "--json"]);
        crate::schemas::check("anchor", &added);
        // The time is the one that openssl prints, to the second.
        let printed = authority.ok("ts -reply -in verified.tsr -text");
        let clock = added["time"].as_str().unwrap()[11..19].to_owned();
        assert!(printed.contains(&clock), "{clock} is not in: {printed}");

        let report = desk.json(&["verify", "--json"]);
        let anchors = report["checks"].as_array().unwrap();
        let anchors = anchors.iter().find(|check| check["check"] == "anchors").unwrap();
        assert_eq!((&report["ok"], &anchors["verdict"]), (&true.into(), &"ok".into()), "{report}");
        let about = format!("{count} time stamps are of checkpoints of this log");
        let all = desk.ok(&["verify"]);
        assert!(all.contains(&about), "{about} is not in: {all}");
        assert!(all.contains("for openssl ts -verify"), "{all}");
    }

    let answer = fs::read(desk.path().join("r.tsr")).unwrap();
    for place in 0..note.len() {
        let spoiled = flip(&desk.path().join("note"), place);
        // What openssl compares is a hash, so a few places stand for all.
        if place % 16 == 0 {
            assert!(!authority.verifies(&spoiled, &answer), "byte {place} of the note");
        }
        assert_ne!(timestamp::hash(&String::from_utf8_lossy(&spoiled)), stamp(&answer).hash);
    }
    // Whatever is read of an answer is under the authority's signature.
    let hash = stamp(&answer).hash;
    let info = answer.windows(32).position(|window| window == hash).unwrap();
    for place in info..info + 90 {
        let spoiled = flip(&desk.path().join("r.tsr"), place);
        assert!(!authority.verifies(&note, &spoiled), "byte {place} of the answer");
    }
    let spoiled = flip(&desk.path().join("r.tsr"), answer.len() - 1);
    assert!(!authority.verifies(&note, &spoiled), "the signature");
    // Another authority is not this one.
    assert!(!Authority::new().unwrap().verifies(&note, &answer));
}

fn stamp(answer: &[u8]) -> Stamp {
    Stamp::parse(answer).unwrap()
}

#[test]
fn a_response_to_anything_else_is_not_recorded() {
    let Some(authority) = Authority::new() else { return };
    let (desk, note, request) = desk_with_request();
    let stamps_nothing = "the response stamps no checkpoint in this log's journal";

    // Of another log's checkpoint, of a note with a byte changed, of other data.
    let (_other, _, others) = desk_with_request();
    add_refused(&desk, &authority.answer(&others, "plain"), &[stamps_nothing]);
    let text = String::from_utf8(note.clone()).unwrap();
    let changed = timestamp::request(&text.replacen('\n', "\r\n", 1), 7);
    add_refused(&desk, &authority.answer(&changed, "plain"), &[stamps_nothing]);
    // Of the right bytes by another hash.
    authority.write("stamped", &note);
    authority.ok("ts -query -data stamped -sha512 -cert -out sha512.tsq");
    let sha512 = fs::read(authority.path("sha512.tsq")).unwrap();
    let answer = authority.answer(&sha512, "plain");
    assert!(authority.verifies(&note, &answer));
    add_refused(&desk, &answer, &["it stamps a hash other than SHA-256"]);
    // A refusal, in its own words' place.
    let refusal = authority.answer(&request, "unwilling");
    add_refused(&desk, &refusal, &["the authority refused: status 2"]);
    // No response at all.
    for garbage in [&b""[..], b"\x30", b"\x30\x80\0\0", b"<html>404</html>", &request, &note] {
        add_refused(&desk, garbage, &["it is no RFC 3161 response"]);
    }
    fs::write(desk.path().join("long.tsr"), vec![0x30; 70_000]).unwrap();
    refused_saying(&desk, &["anchor", "add", "long.tsr"], 2, &["more than 65536 bytes"]);

    // The response is good, but the log is no longer the one that was stamped.
    let answer = authority.answer(&request, "plain");
    assert!(authority.verifies(&note, &answer));
    fs::write(desk.path().join("r.tsr"), &answer).unwrap();
    let fork = ["--log", "fork", "--key", "log/key"];
    let origin = text.lines().next().unwrap();
    desk.ok(&[&["init", "--origin", origin], &fork[..]].concat());
    append_topics(&desk, "fork", "other", 1..100);
    let kept = ["--log", "fork", "--journal", "log/journal", "anchor", "add", "r.tsr"];
    refused_saying(&desk, &kept, 1, &["the log does not extend the checkpoint that was stamped"]);
}

#[test]
fn every_cut_of_a_response_is_an_error_and_no_change_of_it_a_panic() {
    let Some(authority) = Authority::new() else { return };
    let (desk, note, request) = desk_with_request();
    for section in ["plain", "full", "unwilling"] {
        let answer = authority.answer(&request, section);
        for length in 0..answer.len() {
            let cut = Stamp::parse(&answer[..length]);
            assert!(matches!(cut, Err(StampError::Form(_))), "{section}, {length}: {cut:?}");
        }
        assert!(Stamp::parse(&[&answer[..], b"\0"].concat()).is_err(), "a byte after the end");
        // With any bit changed it is either no response, or one that says something.
        for place in 0..answer.len() * 8 {
            let mut spoiled = answer.clone();
            spoiled[place / 8] ^= 1 << (place % 8);
            let _ = Stamp::parse(&spoiled);
        }
    }
    let answer = authority.answer(&request, "plain");
    for length in (0..answer.len()).step_by(answer.len() / 12) {
        add_refused(&desk, &answer[..length], &["it is no RFC 3161 response"]);
    }
    assert!(authority.verifies(&note, &answer));
}

#[test]
fn openssl_reads_every_nonce_as_it_was_meant() {
    let Some(authority) = Authority::new() else { return };
    // An integer of DER has a sign, and no zeros before it: these lie around where that shows.
    let edges = [0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, u64::MAX >> 1, 1 << 63, u64::MAX];
    for nonce in [0, 1].into_iter().chain(edges) {
        let request = timestamp::request("a note\n", nonce);
        authority.write("n.tsq", &request);
        let read = authority.ok("ts -query -in n.tsq -text");
        let line = read.lines().find_map(|line| line.strip_prefix("Nonce: ")).unwrap();
        let digits = line.strip_prefix("0x").unwrap_or(line);
        assert_eq!(u64::from_str_radix(digits, 16), Ok(nonce), "{read}");
        for section in ["plain", "full"] {
            let answer = authority.answer(&request, section);
            assert_eq!(stamp(&answer).nonce, Some(nonce));
            assert!(authority.verifies(b"a note\n", &answer));
        }
    }
}

#[test]
fn an_authority_is_asked_over_the_network() {
    let Some(authority) = Authority::new() else { return };
    let (desk, note, request) = desk_with_request();
    let elsewhere = authority.answer(&request, "plain");
    let mut asked = 0;
    let server = Server::new(move |request| {
        asked += 1;
        match asked {
            1 => Answer::Whole(200, authority.answer(&request.body, "full")),
            // This is of the right checkpoint, but was given to somebody else before.
            2 => Answer::Whole(200, elsewhere.clone()),
            3 => Answer::Whole(200, authority.answer(&request.body, "unwilling")),
            4 => Answer::Whole(200, b"<html>busy</html>".to_vec()),
            5 => Answer::Whole(503, Vec::new()),
            6 => Answer::Whole(200, vec![0x30; 100_000]),
            _ => Answer::Bytes(Vec::new()),
        }
    });
    let ask = ["anchor", "ask", &format!("{}/stamp", server.url())];
    let before = size(&desk, "log");
    let said = desk.ok(&ask);
    assert!(said.contains("was stamped at"), "{said}");
    assert_eq!(size(&desk, "log"), before + 1);
    let first = &server.requests()[0];
    assert_eq!(first.path, "/stamp");
    // What was sent is a request of this very note.
    let imprint = timestamp::hash(std::str::from_utf8(&note).unwrap());
    assert!(first.body.windows(32).any(|window| window == imprint));

    for (status, expected) in [
        (1, "the response is not to this request: its nonce differs"),
        (1, "the authority refused: status 2"),
        (1, "it is no RFC 3161 response"),
        (2, "answers 503"),
        (2, "cannot be asked"),
        (2, "cannot be asked"),
    ] {
        refused_saying(&desk, &ask, status, &[expected]);
    }
    let url = server.url();
    drop(server);
    refused_saying(&desk, &["anchor", "ask", &url], 2, &["cannot be asked"]);
    assert_eq!(size(&desk, "log"), before + 1, "nothing else was recorded");
    assert!(desk.ok(&["verify"]).contains("the log verifies"));
}

#[test]
fn an_answer_is_read_so_far() {
    let (desk, _, _) = desk_with_request();
    // 65536 bytes are an answer, if no good one; one more is none.
    for (bytes, status, expected) in
        [(65_536, 1, "it is no RFC 3161 response"), (65_537, 2, "cannot be asked")]
    {
        let server = Server::new(move |_| Answer::Whole(200, vec![0x30; bytes]));
        refused_saying(&desk, &["anchor", "ask", &server.url()], status, &[expected]);
    }
}
