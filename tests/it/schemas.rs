//! `docs/schemas`: made from the types that print, and true of what is printed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::desk::Desk;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

fn names(desk: &Desk) -> Vec<String> {
    desk.ok(&["schema"]).lines().map(str::to_owned).collect()
}

#[test]
fn the_pages_are_what_the_types_say() {
    let desk = Desk::new();
    let update = std::env::var_os("DEMARCHE_UPDATE_DOCS").is_some();
    let names = names(&desk);
    for name in &names {
        let printed = desk.ok(&["schema", name]);
        let path = folder().join(format!("{name}.json"));
        if update {
            fs::write(&path, &printed).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(page, printed, "{name}: write it anew with DEMARCHE_UPDATE_DOCS=1 cargo test");
    }
    let mut pages: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    assert_eq!(pages, names, "no page is left of a shape that is gone");
}

/// The same schema, but nothing may be printed that it does not name.
fn closed(mut schema: Value) -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(object) => {
                if object.contains_key("properties") {
                    object.insert("additionalProperties".to_owned(), json!(false));
                }
                object.values_mut().for_each(close);
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut schema);
    schema
}

#[track_caller]
pub(crate) fn check(name: &str, printed: &Value) {
    let page = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    let schema = closed(serde_json::from_str(&page).unwrap());
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(printed)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(wrong, Vec::<String>::new(), "{name}");
}

/// A log with something of everything: corrections, retractions of every sort, an unknown end, a tenure.
fn rich() -> Desk {
    let desk = Desk::demo();
    desk.write(
        "more.jsonl",
        r#"{"kind":"source","id":"later","published":"2025-05-10"}
{"kind":"correction","id":"c","of":"pakistan-closes-airspace","field":"effective","to":"2025-04-24","why":"dated","cites":[{"source":"later"}]}
{"kind":"retraction","of":"india-closes-attari","by":"source","why":"withdrawn","cites":[{"source":"later"}]}
{"kind":"retraction","of":"singh-blind-eye","by":"recorder"}
{"kind":"measure","id":"tariff","measure":"tariff","op":"impose","by":["united-states"],"effective":"2025-04-02?","until":"2025-04-10","scope":"all","legal_basis":"an act"}
{"kind":"measure","id":"tariff-2","measure":"tariff","op":"suspend","when":"2025-04-05~","until":"2025-04-08","scope":"part"}
{"kind":"measure","measure":"old","op":"lift","when":"2025-04-05"}
{"kind":"statement","id":"later-word","by":["india"],"topic":"pahalgam-responsibility","stance":"accuses","when":"2025-05-02","modality":"conditional"}
{"kind":"note","of":"tariff","text":"a note"}
{"kind":"mention","of":"tariff","effective":"2025-04-03","according_to":[{"by":"later","how":"readout"}]}
{"kind":"incident","id":"hidden","sealed":{"who":"x"}}
"#,
    );
    desk.ok(&["append", "more.jsonl"]);
    desk
}

#[test]
fn what_is_printed_is_as_the_schemas_say() {
    let desk = rich();
    desk.ok(&["replay", "--to", "2025-05-01", "--proof", "proof.jsonl"]);
    let to = ["--to", "2025-05-03"];
    let cases: &[(&str, &[&str])] = &[
        ("replay", &["replay"]),
        ("measures", &["measures"]),
        ("gantt", &["measures", "--gantt", "--from", "2025-03-30"]),
        ("positions", &["positions"]),
        ("positions", &["positions", "--by", "country"]),
        ("positions", &["positions", "--by", "office", "--history"]),
        ("contacts", &["contacts"]),
        ("explain", &["explain", "tariff"]),
        ("explain", &["explain", "attari-crossing-closure"]),
        ("explain", &["explain", "india"]),
        ("timeline", &["timeline", "--history"]),
        ("lag", &["lag"]),
        ("diff", &["diff", "--from", "2025-04-01"]),
    ];
    for (name, args) in cases {
        let args: Vec<&str> = args.iter().chain(&to).copied().chain(["--json"]).collect();
        check(name, &desk.json(&args));
    }
    let cases: &[(&str, &[&str])] = &[
        ("diff", &["diff", "--recorded-from", "2020-01-01", "--recorded-to", "2100-01-01"]),
        ("diff", &["diff", "--reported-from", "2025-05-05", "--reported-to", "2025-06-01"]),
        ("revisions", &["revisions"]),
        ("list", &["list"]),
        ("show", &["show", "pakistan-closes-airspace"]),
        ("show", &["show", "india-closes-attari"]),
        ("show", &["show", "hidden"]),
        ("verify", &["verify"]),
        ("vocab", &["vocab"]),
        ("check", &["check", "proof.jsonl"]),
        ("checkpoint", &["checkpoint"]),
        ("key", &["key"]),
        ("snapshot", &["snapshot"]),
        ("erase", &["erase", "india-closes-attari", "--why", "asked"]),
    ];
    let mut seen: Vec<&str> = vec!["append"];
    for (name, args) in cases {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        check(name, &desk.json(&args));
        seen.push(name);
    }
    desk.write(
        "one.jsonl",
        "{\"kind\":\"incident\",\"id\":\"hidden\",\"sealed\":{\"who\":\"x\"}}\n{\"kind\":\"note\"}",
    );
    for line in desk.ok(&["append", "one.jsonl", "--json"]).lines() {
        check("append", &serde_json::from_str(line).unwrap());
    }
    desk.ok(&["prove", "pakistan-closes-airspace", "--out", "p.tlog-proof"]);
    let vkey = desk.json(&["key", "--json"])["vkey"].as_str().unwrap().to_owned();
    for trust in [&["--vkey", vkey.as_str()][..], &[]] {
        let args = [&["check", "p.tlog-proof", "--json"], trust].concat();
        check("check-event", &desk.json(&args));
    }
    // What comes from others is looked at where the others are: in outside.rs.
    seen.extend(["anchor", "witness", "check-event"]);
    seen.extend([
        "replay",
        "measures",
        "gantt",
        "positions",
        "contacts",
        "explain",
        "timeline",
        "lag",
    ]);
    // In backup.rs and doctor.rs.
    seen.extend(["backup", "doctor"]);
    for name in names(&desk) {
        assert!(seen.contains(&name.as_str()), "nothing printed by {name} was looked at");
    }
}

#[test]
fn a_schema_refuses_what_is_not_its_shape() {
    let desk = Desk::demo();
    let good = desk.json(&["measures", "--json"]);
    let page = fs::read_to_string(folder().join("measures.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&page).unwrap()).unwrap();
    assert!(validator.is_valid(&good));
    let spoil = |change: fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(!validator.is_valid(&bad), "{}", bad["measures"][0]);
    };
    spoil(|bad| bad["v"] = json!(2));
    spoil(|bad| bad["measures"][0]["status"] = json!("perhaps"));
    spoil(|bad| bad["measures"][0]["outcomes"] = json!(["perhaps"]));
    spoil(|bad| drop(bad["head"].as_object_mut().unwrap().remove("root")));
}
