//! What `ARCHITECTURE.md` says that is never there, and what `docs/format.md` says of the bytes.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("it is text");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has files");
    found
}

#[test]
fn nothing_points_back() {
    // Each layer, and those that it must not know.
    let layers = [
        ("model", &["record", "replay", "store", "event_log", "cli"][..]),
        ("record", &["replay", "store", "event_log", "cli"]),
        ("replay", &["store", "event_log", "cli"]),
        ("store", &["replay", "event_log", "cli", "record"]),
        ("event_log", &["cli"]),
    ];
    for (layer, above) in layers {
        for (path, text) in sources(layer) {
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for known in above {
                    let uses = line.contains(&format!("crate::{known}"));
                    assert!(!uses, "{} must not know {known}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn chrono_is_named_in_the_calendar_alone() {
    for folder in ["model", "record", "replay", "store", "event_log", "cli"] {
        for (path, text) in sources(folder) {
            if path.to_string_lossy().contains("calendar") {
                continue;
            }
            let named = text.lines().any(|line| line.starts_with("use chrono"));
            assert!(!named, "{}", path.display());
        }
    }
}

/// Else the control of the soak test would not leave it out, and so not show that the test sees it missing.
#[test]
fn syncs_are_made_in_one_place() {
    for (path, text) in sources("").into_iter().filter(|(path, _)| !path.ends_with("durable.rs")) {
        for call in [".sync_all(", ".sync_data("] {
            assert!(!text.contains(call), "{}", path.display());
        }
    }
}

#[test]
fn format_page_matches_code() {
    use demarche::event_log::answer_proof;
    use demarche::model::limits;
    use demarche::record::{
        commitment, event_proof, export, header, journal, json, link, note, policy, tile, timestamp,
    };
    use demarche::replay;
    use demarche::store::{BLOCK_BYTES_MAX, bundle::BUNDLE_EVENTS, sled};
    let page = fs::read_to_string(root().join("docs/format.md")).expect("the page is there");
    let constants = [
        ("LINK_CONTEXT", format!("`{}`", link::LINK_CONTEXT)),
        ("PAYLOAD_CONTEXT", format!("`{}`", commitment::PAYLOAD_CONTEXT)),
        ("SEALED_CONTEXT", format!("`{}`", commitment::SEALED_CONTEXT)),
        ("FORMAT_VERSION", header::FORMAT_VERSION.to_string()),
        ("HEADER_BYTES_MAX", header::HEADER_BYTES_MAX.to_string()),
        ("PAYLOAD_BYTES_MAX", limits::PAYLOAD_BYTES_MAX.to_string()),
        ("SOURCE_BYTES_MAX", limits::SOURCE_BYTES_MAX.to_string()),
        ("PART_BYTES_MAX", export::PART_BYTES_MAX.to_string()),
        ("DEPTH_MAX", json::DEPTH_MAX.to_string()),
        ("ORIGIN_BYTES_MAX", limits::ORIGIN_BYTES_MAX.to_string()),
        ("ID_CHARS_MAX", limits::ID_CHARS_MAX.to_string()),
        ("TEXT_CHARS_MAX", limits::TEXT_CHARS_MAX.to_string()),
        ("LIST_ITEMS_MAX", limits::LIST_ITEMS_MAX.to_string()),
        ("OBJECT_KEYS_MAX", limits::OBJECT_KEYS_MAX.to_string()),
        ("LINE_BYTES_MAX", limits::LINE_BYTES_MAX.to_string()),
        ("JOURNAL_CONTEXT", format!("`{}`", journal::JOURNAL_CONTEXT)),
        ("TILE_WIDTH", tile::TILE_WIDTH.to_string()),
        ("PIECE_WIDTH", tile::PIECE_WIDTH.to_string()),
        ("BUNDLE_EVENTS", BUNDLE_EVENTS.to_string()),
        ("BLOCK_BYTES_MAX", BLOCK_BYTES_MAX.to_string()),
        ("CHUNK_BYTES", sled::CHUNK_BYTES.to_string()),
        ("BUNDLE_CHUNK_BYTES", sled::BUNDLE_CHUNK_BYTES.to_string()),
        ("NOTE_BYTES_MAX", note::NOTE_BYTES_MAX.to_string()),
        ("SIGNATURES_MAX", note::SIGNATURES_MAX.to_string()),
        ("POLICY_BYTES_MAX", policy::POLICY_BYTES_MAX.to_string()),
        ("POLICY_LINES_MAX", policy::POLICY_LINES_MAX.to_string()),
        ("PATH_HASHES_MAX", event_proof::PATH_HASHES_MAX.to_string()),
        ("RESPONSE_BYTES_MAX", timestamp::RESPONSE_BYTES_MAX.to_string()),
        ("INCLUDED_SEQ_MAX", answer_proof::INCLUDED_SEQ_MAX.to_string()),
        ("REDUCER_VERSION", replay::REDUCER_VERSION.to_string()),
    ];
    for (name, value) in constants {
        let row = format!("| {name} | {value} |");
        assert!(page.contains(&row), "docs/format.md lacks the row {row}");
    }
}

#[test]
fn the_input_page_has_every_field() {
    use demarche::model::schema::{COMMON, KINDS};
    let page = fs::read_to_string(root().join("docs/input.md")).expect("the page is there");
    for field in KINDS.iter().flat_map(|spec| spec.fields).chain(COMMON) {
        assert!(page.contains(&format!("`{}`", field.name)), "docs/input.md lacks {}", field.name);
    }
    for spec in KINDS {
        assert!(page.contains(&format!("### {}", spec.name)), "docs/input.md lacks {}", spec.name);
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "log/README.md"]
            .iter()
            .map(|page| root().join(page))
            .collect();
    for folder in ["docs", "docs/decisions"] {
        let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    for page in pages {
        let text = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let target = link.split('#').next().unwrap_or_default();
            let place = page.parent().expect("a page has a folder").join(target);
            assert!(place.exists(), "{} links to {link}", page.display());
        }
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let main = fs::read_to_string(root().join("tests/it/main.rs")).expect("it is there");
    for entry in fs::read_dir(root().join("tests/it")).expect("it is there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(name == "main" || main.contains(&format!("mod {name};")), "{name} is not run");
    }
}
