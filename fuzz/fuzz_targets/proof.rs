//! Proofs, of an event and of an answer: what is read is written as it was, and what holds leads where it says.
#![no_main]

use demarche::event_log::{answer_proof, prove};
use demarche::record::event_proof::EventProof;
use demarche::record::merkle::check_inclusion;
use demarche::record::policy::Policy;
use demarche::record::tree::leaf_hash;
use demarche_fuzz::signer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(checked) = answer_proof::check(&mut &bytes[..]) {
        let withheld = u64::try_from(checked.withheld.len()).expect("a number");
        if checked.every_header {
            assert_eq!(checked.open + withheld, checked.head.size, "each is open or withheld");
        } else {
            assert!(checked.open <= checked.head.size, "no more are open than there are");
        }
        let (cut, _) = bytes.split_at(bytes.len() - 1);
        assert!(answer_proof::check(&mut &cut[..]).is_err(), "a proof that is cut is none");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(proof) = EventProof::parse(text) {
        assert_eq!(proof.to_string(), text, "a proof has one spelling");
    }
    let policy = Policy::of_logs(vec![signer().verifier()]);
    let (checked, judged) = (prove::check(text, None), prove::check(text, Some(&policy)));
    assert_eq!(checked.is_ok(), judged.is_ok(), "whom to trust changes no hash");
    if let (Ok(checked), Ok(proof)) = (checked, EventProof::parse(text)) {
        assert!(checked.judgement.is_none());
        assert_eq!(checked.header.log, checked.checkpoint.origin);
        assert!(checked.header.seq < checked.checkpoint.size);
        let leaf = leaf_hash(&checked.header.to_bytes());
        let (size, root) = (checked.checkpoint.size, &checked.checkpoint.root);
        assert_eq!(check_inclusion(checked.header.seq, &leaf, size, root, &proof.path), Ok(()));
    }
});
