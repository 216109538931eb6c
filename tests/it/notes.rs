//! Signed notes, their keys, and checkpoints, beside other implementations: `signed_note` and `tlog_tiles`. Where they
//! differ, ours refuses. And the edge cases of Ed25519, from public vectors.
//!
//! Neither of the two knows cosignature/v1. Of a cosignature they show the key's id, the form of its line, and that a
//! reader who does not know it passes over it; what is signed is spelled out here as the specification has it.

use std::fs;
use std::slice::from_ref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use demarche::record::checkpoint::Checkpoint;
use demarche::record::note::{
    Algorithm, COSIGNED_SECOND_MAX, KeyError, Note, NoteError, NoteSigner, SignatureLine, Signed,
    VerifierKey,
};
use demarche::record::tree::Root;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use serde_json::Value;
use signed_note::{Signer as _, StandardSigner, StandardVerifier, Verifier as _, VerifierList};

use crate::support::shared;

const NAMES: [&str; 4] = ["example.org/desk", "a", "Auswärtiges/Amt", "外交部.example/log"];

const TEXTS: [&str; 6] = [
    "example.org/desk\n3\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n",
    "\n",
    "one\n\ntwo\n\n\n",
    "— example.org/desk AAAAAAAA\n",
    "a note in a note\n\n— example.org/desk AAAAAAAA\n",
    "Démarche — 外交\n",
];

fn signer(name: &str, seed: u8) -> NoteSigner {
    NoteSigner::from_seed(name, &[seed; 32]).expect("the name is good")
}

/// The same key in the other implementation, read from the text that ours prints.
fn their_signer(signer: &NoteSigner) -> StandardSigner {
    StandardSigner::new(&signer.secret_text()).expect("they read it")
}

fn their_verifier(key: &VerifierKey) -> StandardVerifier {
    StandardVerifier::new(&key.to_string()).expect("they read it")
}

/// Whether the other implementation finds that all these keys have signed, and how many lines it passed over.
fn they_hold(note: &[u8], keys: &[VerifierKey]) -> Option<usize> {
    let note = signed_note::Note::from_bytes(note).ok()?;
    let known: Vec<Box<dyn signed_note::Verifier>> =
        keys.iter().map(|key| Box::new(their_verifier(key)) as Box<_>).collect();
    let (verified, passed_over) = note.verify(&VerifierList::new(known)).ok()?;
    (verified.len() == keys.len()).then_some(passed_over.len())
}

fn we_hold(note: &[u8], keys: &[VerifierKey]) -> bool {
    let Ok(note) = Note::parse(note) else { return false };
    keys.iter().all(|key| note.signed_by(key) == Signed::Yes { time: None })
}

#[test]
fn keys_and_notes_are_those_of_the_other_implementation() {
    let mut compared = 0;
    for (name, seed) in NAMES.into_iter().zip(1..) {
        let ours = signer(name, seed);
        let key = ours.verifier();
        let theirs = their_signer(&ours);
        assert_eq!((theirs.name(), theirs.key_id()), (name, u32::from_be_bytes(key.id())));
        let verifier = their_verifier(&key);
        assert_eq!((verifier.name(), verifier.key_id()), (name, theirs.key_id()));
        for text in TEXTS {
            let note = Note::new(text.to_owned(), vec![ours.sign(text)]).unwrap().to_string();
            let mut other = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
            other.add_sigs(&[&theirs]).unwrap();
            assert_eq!(other.to_bytes(), note.as_bytes(), "{text:?}");
            assert_eq!(they_hold(note.as_bytes(), from_ref(&key)), Some(0), "{text:?}");
            assert!(we_hold(&other.to_bytes(), from_ref(&key)), "{text:?}");
            assert_eq!(Note::parse(note.as_bytes()).unwrap().text(), text);
            compared += 1;
        }
    }
    assert_eq!(compared, 24);
}

#[test]
fn several_sign_and_the_unknown_are_passed_over() {
    let text = TEXTS[0];
    let signers: Vec<NoteSigner> =
        NAMES.into_iter().zip(1..).map(|(name, seed)| signer(name, seed)).collect();
    let keys: Vec<VerifierKey> = signers.iter().map(NoteSigner::verifier).collect();
    let lines = signers.iter().map(|signer| signer.sign(text)).collect();
    let ours = Note::new(text.to_owned(), lines).unwrap().to_string();
    let mut other = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
    for signer in &signers {
        other.add_sigs(&[&their_signer(signer)]).unwrap();
    }
    assert_eq!(other.to_bytes(), ours.as_bytes());
    for known in 1..=keys.len() {
        let passed_over = keys.len() - known;
        assert_eq!(they_hold(ours.as_bytes(), &keys[..known]), Some(passed_over));
        assert!(we_hold(&other.to_bytes(), &keys[..known]));
    }
    // Another key under a known name, and a known key under another name, have not signed.
    let same_seed = signer("b", 2).verifier();
    for stranger in [signer("a", 9).verifier(), same_seed] {
        let note = Note::parse(ours.as_bytes()).unwrap();
        assert_eq!(note.signed_by(&stranger), Signed::No);
        assert_eq!(they_hold(ours.as_bytes(), from_ref(&stranger)), None);
    }
}

#[test]
fn every_flipped_bit_of_a_note_is_refused_by_both() {
    let signer = signer(NAMES[2], 3);
    let keys = [signer.verifier()];
    let (mut read, mut refused, mut control_characters) = (0, 0, 0);
    for text in TEXTS {
        let note = Note::new(text.to_owned(), vec![signer.sign(text)]).unwrap().to_string();
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut spoiled = note.clone().into_bytes();
                spoiled[at] ^= 1 << bit;
                assert!(!we_hold(&spoiled, &keys), "{text:?} byte {at} bit {bit}");
                assert_eq!(they_hold(&spoiled, &keys), None, "{text:?} byte {at} bit {bit}");
                // What cannot be read as a note is the same too, but for names with a control character.
                let ours = Note::parse(&spoiled);
                let theirs = signed_note::Note::from_bytes(&spoiled);
                if ours.is_err() && theirs.is_ok() {
                    let line = String::from_utf8(spoiled).unwrap();
                    let line = line.lines().last().unwrap();
                    assert_eq!(ours, Err(NoteError::Line(1)));
                    assert!(line.contains(char::is_control), "{line:?}");
                    control_characters += 1;
                    continue;
                }
                assert_eq!(ours.is_ok(), theirs.is_ok(), "{text:?} byte {at} bit {bit}");
                match (ours, theirs) {
                    (Ok(ours), Ok(theirs)) => {
                        assert_eq!(ours.text().as_bytes(), theirs.text());
                        assert_eq!(ours.to_string().into_bytes(), theirs.to_bytes());
                        read += 1;
                    }
                    _ => refused += 1,
                }
            }
        }
    }
    assert!(read > 3000 && refused > 1000, "{read} could be read, {refused} not");
    assert_eq!(control_characters, TEXTS.len(), "one flip makes a w of the name a delete");
}

#[test]
fn a_signature_of_another_length_is_refused_by_both() {
    let (signer, text) = (signer(NAMES[0], 1), TEXTS[0]);
    let key = signer.verifier();
    let good = signer.sign(text);
    for length in (0..=72).filter(|length| *length != 64) {
        let mut line = good.clone();
        line.signature.resize(length, 0);
        let note = format!("{text}\n{line}\n");
        assert_eq!(they_hold(note.as_bytes(), from_ref(&key)), None, "{length} bytes");
        match Note::parse(note.as_bytes()) {
            Ok(note) => assert_eq!(note.signed_by(&key), Signed::Falsely, "{length} bytes"),
            Err(error) => assert_eq!((length, error), (0, NoteError::Line(1))),
        }
    }
}

#[test]
fn every_flipped_bit_of_a_key_is_refused_by_both() {
    let mut spellings = 0;
    for (name, seed) in NAMES.into_iter().zip(1..) {
        let signer = signer(name, seed);
        for (text, secret) in [(signer.verifier().to_string(), false), (signer.secret_text(), true)]
        {
            for (at, bit) in (0..text.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut spoiled = text.clone().into_bytes();
                spoiled[at] ^= 1 << bit;
                let Ok(spoiled) = String::from_utf8(spoiled) else { continue };
                let (ours, theirs) = if secret {
                    (NoteSigner::parse(&spoiled).is_ok(), StandardSigner::new(&spoiled).is_ok())
                } else {
                    (VerifierKey::parse(&spoiled).is_ok(), StandardVerifier::new(&spoiled).is_ok())
                };
                assert!(!ours, "{spoiled}");
                // They take an id in capitals for the same id. It is the same key then.
                if theirs {
                    assert_eq!(spoiled.to_lowercase(), text.to_lowercase());
                    spellings += 1;
                }
            }
        }
    }
    assert!(spellings > 0, "no id had a letter");
}

#[test]
fn names_that_both_refuse() {
    let key = signer("a", 1).verifier();
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\u{2003}b", "a\tb", "a\nb", " a", "a\u{85}"] {
        assert!(NoteSigner::from_seed(name, &[1; 32]).is_err(), "{name:?}");
        assert!(VerifierKey::new(name, Algorithm::Ed25519, key.bytes()).is_err(), "{name:?}");
        assert!(!signed_note::is_key_name_valid(name), "{name:?}");
        assert_eq!(VerifierKey::parse(&their_key_text(name, 1, key.bytes())).ok(), None);
    }
    for name in NAMES {
        assert!(signed_note::is_key_name_valid(name));
        assert!(VerifierKey::parse(&their_key_text(name, 1, key.bytes())).is_ok(), "{name}");
    }
}

/// The text of a verifier key, with the id that the other implementation gives it.
fn their_key_text(name: &str, kind: u8, key: &[u8; 32]) -> String {
    let bytes = [&[kind], key.as_slice()].concat();
    let id = signed_note::key_id(name, &bytes);
    format!("{name}+{id:08x}+{}", STANDARD.encode(bytes))
}

/// What they take and ours does not, each for a reason.
#[test]
fn where_the_two_differ_ours_refuses() {
    let (signer, text) = (signer(NAMES[0], 1), TEXTS[0]);
    let keys = [signer.verifier()];
    let line = signer.sign(text).to_string();
    let note = |lines: &str| format!("{text}\n{lines}");
    // Two lines by one key: which of them counts would depend on the reader.
    let twice = note(&format!("{line}\n{line}\n"));
    assert!(they_hold(twice.as_bytes(), &keys).is_some());
    assert!(matches!(Note::parse(twice.as_bytes()), Err(NoteError::Twice { .. })));
    // More lines than a reader should have to look through.
    let others = |count: usize| -> String {
        (1..count).map(|other| line.replace(NAMES[0], &format!("other{other}")) + "\n").collect()
    };
    let most = note(&format!("{}{line}\n", others(64)));
    assert_eq!(they_hold(most.as_bytes(), &keys), Some(63));
    assert!(we_hold(most.as_bytes(), &keys));
    let too_many = note(&format!("{}{line}\n", others(65)));
    assert_eq!(they_hold(too_many.as_bytes(), &keys), Some(64));
    assert_eq!(Note::parse(too_many.as_bytes()), Err(NoteError::TooMany(65)));
    // A name that does not show what it holds. A line by such a key, which nobody here trusts, spoils no note.
    for name in ["a\u{7f}b", "a\u{200c}b", "a\u{202e}b"] {
        assert!(signed_note::is_key_name_valid(name));
        assert!(
            matches!(NoteSigner::from_seed(name, &[1; 32]), Err(KeyError::Name(_))),
            "{name:?}"
        );
        let text = their_key_text(name, 1, keys[0].bytes());
        assert!(matches!(VerifierKey::parse(&text), Err(KeyError::Name(_))), "{name:?}");
    }
    let beside = line.replace(NAMES[0], "a\u{200c}b");
    assert!(we_hold(note(&format!("{line}\n{beside}\n")).as_bytes(), &keys));
    // A second spelling of a key.
    let capitals = keys[0].to_string().replacen(&id(&keys[0]), &id(&keys[0]).to_uppercase(), 1);
    assert_ne!(capitals, keys[0].to_string());
    assert!(StandardVerifier::new(&capitals).is_ok());
    assert!(matches!(VerifierKey::parse(&capitals), Err(KeyError::Id { .. })));
}

fn id(key: &VerifierKey) -> String {
    format!("{:08x}", u32::from_be_bytes(key.id()))
}

/// Under the point that is the curve's zero, one signature that nobody needs a secret for holds for every message.
#[test]
fn a_key_under_which_anybody_could_sign_is_refused() {
    let mut zero = [0; 32];
    zero[0] = 1;
    let text = their_key_text("example.org/desk", 1, &zero);
    let theirs = StandardVerifier::new(&text).expect("they take it");
    let forged = [zero, [0; 32]].concat();
    assert!(theirs.verify(b"any text\n", &forged) && theirs.verify(b"another\n", &forged));
    assert_eq!(VerifierKey::parse(&text), Err(KeyError::Point));
    let cosigner = their_key_text("witness.example/w", 4, &zero);
    assert_eq!(VerifierKey::parse(&cosigner), Err(KeyError::Point));
}

/// A witness as the specification of cosignature/v1 has it, written without any of ours.
fn cosign(key: &SigningKey, id: u32, name: &str, time: u64, text: &str) -> String {
    let message = ["cosignature/v1\n", &format!("time {time}\n"), text].concat();
    let signature = key.sign(message.as_bytes()).to_bytes();
    let bytes = [id.to_be_bytes().as_slice(), &time.to_be_bytes(), &signature].concat();
    format!("— {name} {}", STANDARD.encode(bytes))
}

/// What would break, besides: a cosignature of a time that no calendar shows would count.
#[test]
fn a_cosignature_as_the_specification_has_it() {
    let (log, text, time) = (signer(NAMES[0], 1), TEXTS[0], 1_763_980_800);
    let (secret, name) = (SigningKey::from_bytes(&[8; 32]), "witness.example/w");
    let public = secret.verifying_key().to_bytes();
    let their_id = signed_note::key_id(name, &[&[4], public.as_slice()].concat());
    let witness = VerifierKey::parse(&their_key_text(name, 4, &public)).unwrap();
    assert_eq!(witness.algorithm(), Algorithm::Cosignature);
    assert_eq!(witness.id(), their_id.to_be_bytes());
    assert!(StandardVerifier::new(&witness.to_string()).is_err(), "they know no cosignatures");
    let line = cosign(&secret, their_id, name, time, text);
    let theirs = signed_note::Signature::from_bytes(line.as_bytes()).unwrap();
    let ours = SignatureLine::parse(&line).unwrap();
    assert_eq!((theirs.name(), theirs.id()), (ours.name.as_str(), u32::from_be_bytes(ours.id)));
    assert_eq!(theirs.signature(), ours.signature);
    assert_eq!(theirs.to_bytes(), format!("{ours}\n").into_bytes());
    let note = format!("{text}\n{}\n{line}\n", log.sign(text));
    let read = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(read.signed_by(&witness), Signed::Yes { time: Some(time) });
    assert_eq!(read.signed_by(&log.verifier()), Signed::Yes { time: None });
    assert_eq!(they_hold(note.as_bytes(), &[log.verifier()]), Some(1), "it is passed over");
    let latest = cosign(&secret, their_id, name, COSIGNED_SECOND_MAX, text);
    let latest = Note::parse(format!("{text}\n{latest}\n").as_bytes()).unwrap();
    assert_eq!(latest.signed_by(&witness), Signed::Yes { time: Some(COSIGNED_SECOND_MAX) });
    // The same signature, as of a key that signs texts, or as of another time, or for another text.
    let plain = VerifierKey::new(name, Algorithm::Ed25519, &public).unwrap();
    assert_eq!(read.signed_by(&plain), Signed::No, "its id is another one");
    for spoiled in [
        cosign(&secret, their_id, name, time, "another text\n"),
        cosign(&SigningKey::from_bytes(&[9; 32]), their_id, name, time, text),
        cosign(&secret, their_id, name, u64::MAX, text),
        cosign(&secret, their_id, name, COSIGNED_SECOND_MAX + 1, text),
        cosign(&secret, their_id, name, 1 << 63, text),
        SignatureLine { signature: ours.signature[8..].to_vec(), ..ours.clone() }.to_string(),
        SignatureLine {
            signature: secret.sign(text.as_bytes()).to_bytes().to_vec(),
            ..ours.clone()
        }
        .to_string(),
        SignatureLine {
            signature: [&(time + 1).to_be_bytes(), &ours.signature[8..]].concat(),
            ..ours.clone()
        }
        .to_string(),
    ] {
        let note = Note::parse(format!("{text}\n{spoiled}\n").as_bytes()).unwrap();
        assert_eq!(note.signed_by(&witness), Signed::Falsely, "{spoiled}");
    }
}

#[test]
fn checkpoints_are_those_of_the_other_implementation() {
    for size in [0, 1, 9, 10, 70_000, u64::MAX / 2] {
        let root = Root([u8::try_from(size % 251).unwrap(); 32]);
        let ours = Checkpoint { origin: NAMES[3].to_owned(), size, root };
        let hash = tlog_tiles::Hash(root.0);
        let theirs = tlog_tiles::Checkpoint::new(NAMES[3], size, hash, "").unwrap();
        assert_eq!(ours.to_string().into_bytes(), theirs.to_bytes());
        assert_eq!(
            tlog_tiles::Checkpoint::from_bytes(ours.to_string().as_bytes()).unwrap(),
            theirs
        );
        let text = String::from_utf8(theirs.to_bytes()).unwrap();
        assert_eq!(Checkpoint::parse(&text), Ok(ours));
    }
    let good = Checkpoint { origin: "example.org/desk".to_owned(), size: 12, root: Root([5; 32]) };
    let good = good.to_string();
    for (from, to, they_take) in [
        ("\n12\n", "\n012\n", false),
        ("\n12\n", "\n+12\n", false),
        ("\n12\n", "\n-12\n", false),
        ("\n12\n", "\n 12\n", false),
        ("\n12\n", "\n\n", false),
        ("\n12\n", "\n18446744073709551616\n", false),
        ("example.org/desk\n", "\n", false),
        ("example.org/desk\n", "", false),
        ("BQUF", "", false),
        ("BQUF", "BQUFBQUF", false),
        ("=\n", "\n", false),
        ("=\n", "=", false),
        ("=\n", "=\n\n", false),
        // A size must fit 63 bits.
        ("\n12\n", "\n9223372036854775808\n", true),
        // Nobody here has a use for extension lines, and what is not understood is not signed.
        ("=\n", "=\nextension\n", true),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good);
        assert!(Checkpoint::parse(&changed).is_err(), "{changed:?}");
        let theirs = tlog_tiles::Checkpoint::from_bytes(changed.as_bytes());
        assert_eq!(theirs.is_ok(), they_take, "{changed:?}");
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("the vectors are hex")).collect()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name} is missing: {vector}"))
}

/// Points of low order, and encodings that are not canonical, are refused wherever they stand; a component of low
/// order that changes nothing is not. Nothing is left to the cofactor.
#[test]
fn edge_cases_of_ed25519_as_in_the_cctv_vectors() {
    let Some(file) = shared("vectors/cctv-ed25519/ed25519/ed25519vectors.json") else { return };
    let vectors: Vec<Value> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let (mut accepted, mut refused, mut weak_keys, mut otherwise_accepted) = (0, 0, 0, 0);
    for vector in &vectors {
        // A vector without an edge case has no flags.
        let flags: Vec<&str> = vector["flags"]
            .as_array()
            .map(|flags| flags.iter().map(|flag| flag.as_str().unwrap()).collect())
            .unwrap_or_default();
        let harmless = ["low_order_component_A", "low_order_component_R"];
        let expected = flags.iter().all(|flag| harmless.contains(flag));
        let public: [u8; 32] = bytes(text(vector, "key")).try_into().unwrap();
        let signature: [u8; 64] = bytes(text(vector, "sig")).try_into().unwrap();
        let message = text(vector, "msg").as_bytes();
        let key = VerifierKey::new("vector", Algorithm::Ed25519, &public);
        assert_eq!(key.is_err(), flags.contains(&"low_order_A"), "{vector}");
        weak_keys += usize::from(key.is_err());
        let held = key.is_ok_and(|key| key.verifies(message, &signature));
        assert_eq!(held, expected, "{vector}");
        if held {
            accepted += 1;
        } else {
            refused += 1;
            // As most verifiers would, who check neither key nor signature for points of low order.
            let lenient = VerifyingKey::from_bytes(&public).unwrap();
            let held = lenient.verify(message, &Signature::from_bytes(&signature));
            otherwise_accepted += usize::from(held.is_ok());
        }
    }
    println!("{accepted} accepted, {refused} refused, {weak_keys} of them for their key");
    assert!(accepted >= 43 && refused >= 871 && weak_keys >= 400, "{accepted} {refused}");
    assert!(otherwise_accepted > 100, "strictness refuses {otherwise_accepted} of them");
}

#[test]
fn ed25519_as_in_the_wycheproof_vectors() {
    let Some(file) = shared("vectors/wycheproof/testvectors_v1/ed25519_test.json") else { return };
    let vectors: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let (mut accepted, mut refused, mut other_lengths) = (0, 0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let public: [u8; 32] = bytes(text(&group["publicKey"], "pk")).try_into().unwrap();
        let key = VerifierKey::new("vector", Algorithm::Ed25519, &public).unwrap();
        for vector in group["tests"].as_array().unwrap() {
            let expected = match text(vector, "result") {
                "valid" => true,
                "invalid" => false,
                other => panic!("{other} is neither valid nor invalid: {vector}"),
            };
            let message = bytes(text(vector, "msg"));
            let Ok(signature) = <[u8; 64]>::try_from(bytes(text(vector, "sig"))) else {
                // What is not 64 bytes long is no signature; a note with such a one is tested above.
                assert!(!expected, "{vector}");
                other_lengths += 1;
                continue;
            };
            assert_eq!(key.verifies(&message, &signature), expected, "{vector}");
            accepted += usize::from(expected);
            refused += usize::from(!expected);
        }
    }
    println!("{accepted} accepted, {refused} refused, {other_lengths} not 64 bytes long");
    assert!(accepted >= 88 && refused >= 51, "{accepted} accepted, {refused} refused");
    assert!(other_lengths <= 12, "{other_lengths}");
}
