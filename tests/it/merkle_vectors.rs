//! Proofs of inclusion and of consistency as in the vectors of transparency-dev/merkle, spoiled ones included.
//!
//! A vector whose hashes are not 32 bytes long is refused before any proof is checked. Such refusals are counted
//! apart, so that they do not hide a checker that refuses too little.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use demarche::record::merkle::{MerkleError, check_consistency, check_inclusion};
use demarche::record::tree::{NodeHash, Root};
use serde_json::Value;

use crate::support::shared;

/// What became of a vector.
enum Outcome {
    /// What its proof was checked for.
    Checked(Result<(), MerkleError>),
    /// Something in it is not as long as a hash.
    NotHashes,
    /// It is about a subtree that is not a tree of its own from the first leaf on.
    InnerSubtree,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    accepted: usize,
    refused: usize,
    not_hashes: usize,
    inner_subtrees: usize,
}

/// Takes every vector below a folder. Those named in `skipped` must be there, and must be no hashes.
fn take(
    folder: &str,
    skipped: &[&str],
    outcome: impl Fn(&Value) -> Option<Outcome>,
) -> Option<Counts> {
    let root = shared("vectors/transparency-dev-merkle/testdata")?.join(folder);
    let mut counts = Counts::default();
    let mut to_skip: BTreeSet<&str> = skipped.iter().copied().collect();
    for file in files(&root) {
        let name = file.strip_prefix(&root).unwrap().with_extension("");
        let name = name.to_str().unwrap().to_owned();
        let vector: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let valid = !vector["wantErr"].as_bool().expect("whether it is spoiled");
        let outcome = outcome(&vector).unwrap_or_else(|| panic!("{name} lacks a part: {vector}"));
        if to_skip.remove(name.as_str()) {
            assert!(matches!(outcome, Outcome::NotHashes), "{name} need not be skipped");
            println!("skipped: {folder}/{name}, whose roots are not 32 bytes long");
            continue;
        }
        match outcome {
            Outcome::Checked(Ok(())) => {
                assert!(valid, "{name} is spoiled and was accepted");
                counts.accepted += 1;
            }
            Outcome::Checked(Err(error)) => {
                assert!(!valid, "{name} is valid and was refused: {error}");
                counts.refused += 1;
            }
            Outcome::NotHashes => {
                assert!(!valid, "{name} is valid and could not be read");
                counts.not_hashes += 1;
            }
            Outcome::InnerSubtree => counts.inner_subtrees += 1,
        }
    }
    assert!(to_skip.is_empty(), "{folder} has no {to_skip:?} to skip");
    Some(counts)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn hash(text: &str) -> Option<NodeHash> {
    STANDARD.decode(text).expect("the vectors are base64").try_into().ok()
}

/// The hashes of a proof, `None` if one of them is no hash. A proof of nothing may be `null`.
fn proof(vector: &Value) -> Option<Vec<NodeHash>> {
    let hashes = vector["proof"].as_array().map(Vec::as_slice).unwrap_or_default();
    hashes.iter().map(|text| hash(text.as_str().expect("a hash is text"))).collect()
}

/// `None` if a part of the vector is missing.
fn inclusion(vector: &Value, size: &str) -> Option<Outcome> {
    let (index, size) = (vector["leafIdx"].as_u64()?, vector[size].as_u64()?);
    let (root, leaf) = (vector["root"].as_str()?, vector["leafHash"].as_str()?);
    let (Some(root), Some(leaf), Some(path)) = (Root::from_base64(root), hash(leaf), proof(vector))
    else {
        return Some(Outcome::NotHashes);
    };
    Some(Outcome::Checked(check_inclusion(index, &leaf, size, &root, &path)))
}

/// `None` if a part of the vector is missing.
fn consistency(vector: &Value, old: &str, new: &str) -> Option<Outcome> {
    let (old, new) = (vector[old].as_u64()?, vector[new].as_u64()?);
    let (old_root, new_root) = (vector["root1"].as_str()?, vector["root2"].as_str()?);
    let (Some(old_root), Some(new_root), Some(path)) =
        (Root::from_base64(old_root), Root::from_base64(new_root), proof(vector))
    else {
        return Some(Outcome::NotHashes);
    };
    Some(Outcome::Checked(check_consistency(old, &old_root, new, &new_root, &path)))
}

/// A subtree that begins with the first leaf is the tree of as many leaves, any other is not a tree of ours.
fn from_the_first_leaf(
    vector: &Value,
    outcome: impl Fn(&Value) -> Option<Outcome>,
) -> Option<Outcome> {
    if vector["start"].as_u64()? != 0 {
        return Some(Outcome::InnerSubtree);
    }
    outcome(vector)
}

#[test]
fn inclusion_as_in_the_vectors() {
    let Some(counts) = take("inclusion", &[], |vector| inclusion(vector, "treeSize")) else {
        return;
    };
    println!("{counts:?}");
    assert!(counts.accepted >= 6 && counts.refused >= 66, "{counts:?}");
    assert!(counts.not_hashes <= 26, "{counts:?}");
    assert_eq!(counts.inner_subtrees, 0);
}

/// A checker that takes text of any length for a hash finds the empty leaf hash under the empty root.
#[test]
fn an_empty_root_over_an_empty_leaf_is_refused() {
    let Some(root) = shared("vectors/transparency-dev-merkle/testdata") else { return };
    let file = root.join("inclusion/single-entry/empty-root-and-leaf.json");
    let vector: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(vector["root"], vector["leafHash"]);
    assert!(matches!(inclusion(&vector, "treeSize"), Some(Outcome::NotHashes)));
    assert_eq!(Root::from_base64(vector["root"].as_str().unwrap()), None);
}

#[test]
fn consistency_as_in_the_vectors() {
    // The roots of this one are 12 bytes of text, equal to each other, which is enough for a checker of untyped bytes.
    let skipped = ["additional/sizes-are-equal-one-and-proof-is-empty"];
    let Some(counts) =
        take("consistency", &skipped, |vector| consistency(vector, "size1", "size2"))
    else {
        return;
    };
    println!("{counts:?}");
    assert!(counts.accepted >= 5 && counts.refused >= 66, "{counts:?}");
    assert!(counts.not_hashes <= 26, "{counts:?}");
    assert_eq!(counts.inner_subtrees, 0);
}

/// The vectors refuse every proof from size 0, as one of nothing. Here a tree grows from nothing, as a witness that
/// has seen no checkpoint is told by an empty proof, from the root of nothing alone. No vector with roots of 32 bytes
/// is in conflict with that; this one would be, were its new root no 12 bytes of text.
#[test]
fn from_nothing_only_the_root_of_nothing_leads_on() {
    let Some(root) = shared("vectors/transparency-dev-merkle/testdata") else { return };
    let file = root.join("consistency/additional/size1-is-zero-and-size2-is-not-zero.json");
    let mut vector: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let outcome = |vector: &Value| consistency(vector, "size1", "size2");
    assert_eq!((vector["size1"].as_u64(), vector["size2"].as_u64()), (Some(0), Some(1)));
    assert!(matches!(outcome(&vector), Some(Outcome::NotHashes)));
    vector["root2"] = Root([7; 32]).base64().into();
    assert!(matches!(outcome(&vector), Some(Outcome::Checked(Ok(())))));
    vector["root1"] = Root([7; 32]).base64().into();
    assert!(matches!(outcome(&vector), Some(Outcome::Checked(Err(MerkleError::Root { .. })))));
}

#[test]
fn inclusion_in_subtrees_from_the_first_leaf_as_in_the_vectors() {
    let Some(counts) = take("subtreeinclusion", &[], |vector| {
        from_the_first_leaf(vector, |vector| inclusion(vector, "end"))
    }) else {
        return;
    };
    println!("{counts:?}");
    assert!(counts.accepted >= 6 && counts.refused >= 69, "{counts:?}");
    assert!(counts.not_hashes <= 26, "{counts:?}");
    assert!(counts.inner_subtrees <= 103, "{counts:?}");
}

#[test]
fn consistency_with_subtrees_from_the_first_leaf_as_in_the_vectors() {
    let skipped = [
        // As above: 12 bytes of text, equal to each other.
        "additional/sizes-are-equal-one-and-proof-is-empty",
        // An empty subtree is said to be in a tree whose root is 12 bytes of text.
        "additional/subtree-is-empty-sizes-are-equal-zero-subtree-root-valid-tree-root-random-proof-is-empty",
    ];
    let Some(counts) = take("subtreeconsistency", &skipped, |vector| {
        from_the_first_leaf(vector, |vector| consistency(vector, "end", "size"))
    }) else {
        return;
    };
    println!("{counts:?}");
    assert!(counts.accepted >= 6 && counts.refused >= 67, "{counts:?}");
    assert!(counts.not_hashes <= 27, "{counts:?}");
    assert!(counts.inner_subtrees <= 16, "{counts:?}");
}
