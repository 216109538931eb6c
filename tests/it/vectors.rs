//! Public test vectors, where they are there, and stock tools.

use std::process::Command;

use demarche::model::value::Value;
use demarche::record::commitment::derive_key;
use demarche::record::json::{JsonError, canonical, parse};
use demarche::record::link::{LINK_CONTEXT, Link};
use demarche::store::{Part, Store};

use crate::support::{self, shared, tool};

#[test]
fn canonical_json_as_in_the_jcs_vectors() {
    let Some(folder) = shared("vectors/jcs/testdata") else { return };
    let (mut same, mut refused) = (0, 0);
    for name in ["arrays", "french", "structures", "unicode", "values", "weird"] {
        let read =
            |kind: &str| std::fs::read(folder.join(kind).join(format!("{name}.json"))).unwrap();
        let (input, output) = (read("input"), read("output"));
        match parse(&input) {
            Ok(value) => {
                let expected = output.strip_suffix(b"\n").unwrap_or(&output);
                assert_eq!(canonical(&value), expected, "{name}");
                same += 1;
            }
            // What holds a float is refused, and must hold one.
            Err(JsonError::Float { text }) => {
                let held: serde_json::Value = serde_json::from_slice(&input).unwrap();
                assert!(has_float(&held), "{name}: {text}");
                refused += 1;
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert!(same >= 3 && same + refused == 6, "{same} written, {refused} refused");
}

fn has_float(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Array(items) => items.iter().any(has_float),
        serde_json::Value::Object(object) => object.values().any(has_float),
        _ => false,
    }
}

#[test]
fn derive_key_as_in_the_blake3_vectors() {
    let Some(file) = shared("vectors/blake3/test_vectors/test_vectors.json") else { return };
    let text = std::fs::read(file).unwrap();
    let Ok(Value::Object(vectors)) = parse(&text) else { panic!("the vectors are JSON") };
    let Some(Value::Text(context)) = vectors.get("context_string") else { panic!("a context") };
    let Some(Value::List(cases)) = vectors.get("cases") else { panic!("cases") };
    assert!(cases.len() > 30);
    for case in cases {
        let Value::Object(case) = case else { panic!("a case") };
        let (Some(Value::Integer(length)), Some(Value::Text(expected))) =
            (case.get("input_len"), case.get("derive_key"))
        else {
            panic!("a case")
        };
        let input: Vec<u8> = (0..251).cycle().take(usize::try_from(*length).unwrap()).collect();
        // In two parts, as a salt and a payload are.
        let (salt, payload) = input.split_at(input.len().min(32));
        let found = Link(derive_key(context, &[salt, payload])).to_string();
        assert_eq!(Some(found.as_str()), expected.get(..64), "{length} bytes");
    }
}

#[test]
fn links_and_commitments_as_b3sum_computes_them() {
    if !tool("b3sum") {
        return;
    }
    let b3sum = |context: &str, bytes: &[u8]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let output = Command::new("b3sum")
            .args(["--no-names", "--derive-key", context])
            .arg(file.path())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let log = support::log();
    for event in log.store().read(0, 100).unwrap() {
        assert_eq!(b3sum(LINK_CONTEXT, &event.header), Link::of(&event.header).to_string());
        let Part::Present { salt, bytes } = &event.payload else { panic!("nothing is erased") };
        let header = demarche::record::header::Header::from_bytes(&event.header).unwrap();
        let found = b3sum("demarche 2026-11-24 payload v1", &[salt.as_slice(), bytes].concat());
        assert_eq!(found, header.payload.to_string());
    }
}
