//! Signed notes, checkpoints and keys: what is read is written as it was, and no signature holds that was not made.
#![no_main]

use demarche::record::checkpoint::Checkpoint;
use demarche::record::note::{
    NOTE_BYTES_MAX, Note, SIGNATURES_MAX, SignatureLine, Signed, VerifierKey,
};
use demarche_fuzz::signer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert!(bytes.len() <= NOTE_BYTES_MAX && note.signatures().len() <= SIGNATURES_MAX);
        assert_eq!(note.to_string().as_bytes(), bytes, "a note has one spelling");
        let again = Note::new(note.text().to_owned(), note.signatures().to_vec());
        assert_eq!(again.as_ref(), Ok(&note), "it can be made of what it says");
        let key = signer().verifier();
        let holds =
            |line: &SignatureLine| SignatureLine::parse(&line.to_string()).as_ref() == Some(line);
        assert!(note.signatures().iter().all(holds), "a signature line has one spelling");
        // Ed25519 is deterministic here: a signature that holds is the one that the key makes.
        if matches!(note.signed_by(&key), Signed::Yes { .. }) {
            let made = signer().sign(note.text());
            assert!(note.signatures().contains(&made), "nobody else can sign");
        }
        let mut signed = note.clone();
        if signed.add(signer().sign(note.text())).is_ok() {
            assert!(matches!(signed.signed_by(&key), Signed::Yes { .. }), "what is signed holds");
            let read = Note::parse(signed.to_string().as_bytes());
            assert_eq!(read.as_ref(), Ok(&signed), "with a signature more it is a note");
        }
        if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
            assert_eq!(checkpoint.to_string(), note.text(), "a checkpoint has one spelling");
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text, "a key has one spelling");
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
});
