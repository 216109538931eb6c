//! Policies: what is read means the same when it is written and read again, and judges any note without failing. `%L`
//! stands for the key of the log, and `%0` to `%9` for those of ten witnesses, which no mutation would find.
#![no_main]

use std::sync::OnceLock;

use demarche::record::checkpoint::Checkpoint;
use demarche::record::note::{Algorithm, Note, NoteSigner, VerifierKey};
use demarche::record::policy::{POLICY_BYTES_MAX, Policy};
use demarche::record::tree::Root;
use demarche_fuzz::{ORIGIN, signer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.contains('%')
    {
        check(keyed(text).as_bytes());
    }
});

fn check(bytes: &[u8]) {
    let Ok(policy) = Policy::parse(bytes) else { return };
    assert!(bytes.len() <= POLICY_BYTES_MAX);
    let written = policy.to_string();
    if written.len() <= POLICY_BYTES_MAX {
        assert_eq!(Policy::parse(written.as_bytes()).as_ref(), Ok(&policy), "{written}");
    }
    let judgement = policy.judge(note());
    let trusts = policy.logs().contains(&signer().verifier());
    // Nobody but the log signed the note, so no policy that asks for a witness is met.
    assert!(!judgement.is_trusted() || (trusts && !policy.asks_for_witnesses()), "{written}");
    let widened = policy.with_keys_of(ORIGIN, vec![signer().verifier()]);
    assert_eq!(widened.judge(note()).is_trusted(), !policy.asks_for_witnesses(), "{written}");
    if let Some(least) = policy.least_of_plain() {
        let witnesses = policy.witnesses().cloned().collect();
        let made = Policy::of_witnesses(policy.logs().to_vec(), witnesses, least);
        assert_eq!(made, policy, "it is the plain one that it says");
    }
}

/// The text with keys in the place of what stands for them.
fn keyed(text: &str) -> String {
    static KEYS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let witness = |number: u8| {
            let name = format!("witness.example/{number}");
            let signer = NoteSigner::from_seed(&name, &[number + 1; 32]).expect("a name");
            let key = VerifierKey::new(&name, Algorithm::Cosignature, signer.verifier().bytes());
            (format!("%{number}"), key.expect("a key").to_string())
        };
        let log = ("%L".to_owned(), signer().verifier().to_string());
        (0..10).map(witness).chain([log]).collect()
    });
    keys.iter().fold(text.to_owned(), |text, (mark, key)| text.replace(mark, key))
}

/// A checkpoint that the log alone signed.
fn note() -> &'static Note {
    static NOTE: OnceLock<Note> = OnceLock::new();
    NOTE.get_or_init(|| {
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 0, root: Root::empty() };
        checkpoint.sign(&[signer()]).expect("a note")
    })
}
