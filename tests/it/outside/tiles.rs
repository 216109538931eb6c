//! Exported tiles, checked by Go's `golang.org/x/mod/sumdb` through `tests/outside/tiles.go`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::desk::Desk;
use crate::outside::{append_topics, flip, refused_saying, said, size, vkey};
use crate::support;

/// Where Debian's package golang-golang-x-mod-dev has its sources.
const GOPATH: &str = "/usr/share/gocode";

/// The Go program, built once for all tests here; none where it cannot be.
static PROGRAM: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let package = Path::new(GOPATH).join("src/golang.org/x/mod/sumdb/tlog");
    if !support::tool("go") || !support::required("golang-golang-x-mod-dev", package.exists()) {
        return None;
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Another run of the tests at the same time must not find half a program.
    let partial = place.join(format!("tiles-{}", std::process::id()));
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&partial)
        .arg("tests/outside/tiles.go")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .envs([("GO111MODULE", "off"), ("GOPATH", GOPATH), ("GOFLAGS", ""), ("CGO_ENABLED", "0")])
        .env("GOCACHE", place.join("go-cache"))
        .output()
        .unwrap();
    let (ok, all) = said(&built);
    assert!(ok, "{all}");
    let program = place.join("tiles");
    fs::rename(partial, &program).unwrap();
    Some(program)
});

/// Has Go check a directory of tiles, and older checkpoints of its log: whether it holds, and what is said of it.
fn check(program: &Path, vkey: &str, tiles: &Path, older: &[PathBuf]) -> (bool, String) {
    let output = Command::new(program).arg(vkey).arg(tiles).args(older).output().unwrap();
    said(&output)
}

#[track_caller]
fn accepted(program: &Path, vkey: &str, tiles: &Path, older: &[PathBuf], entries: u64) {
    let (ok, all) = check(program, vkey, tiles, older);
    assert!(ok, "{all}");
    let expected = format!("{entries} entries, {} older checkpoints consistent", older.len());
    assert!(all.starts_with("ok: ") && all.contains(&expected), "{expected} is not in: {all}");
    // An export has no file that its checkpoint does not cover.
    assert!(!all.contains("beyond"), "{all}");
}

#[track_caller]
fn refused(program: &Path, vkey: &str, tiles: &Path, older: &[PathBuf], why: &str) {
    let (ok, all) = check(program, vkey, tiles, older);
    assert!(!ok && all.contains("failed: ") && all.contains(why), "{why:?} is not in: {all}");
}

/// Checks an export of this desk's log with Go, if Go is there.
pub(super) fn accepted_by_go(desk: &Desk, tiles: &str, entries: u64) {
    let Some(program) = &*PROGRAM else { return };
    accepted(program, &vkey(desk, "log"), &desk.path().join(tiles), &[], entries);
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![directory.to_path_buf()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Every file of an export, with a bit changed at so many places in turn, is refused; and accepted again once it is mended.
fn every_spoiled_file_is_refused(program: &Path, vkey: &str, tiles: &Path, places: usize) {
    for path in files_in(tiles) {
        let whole = fs::read(&path).unwrap();
        let last = whole.len() - 1;
        for place in (0..places).map(|part| last * part / (places - 1)) {
            fs::write(&path, flip(&path, place)).unwrap();
            let (ok, all) = check(program, vkey, tiles, &[]);
            assert!(!ok, "a change of byte {place} of {} is accepted: {all}", path.display());
            fs::write(&path, &whole).unwrap();
        }
    }
}

#[test]
fn go_accepts_the_shipped_log_and_refuses_it_spoiled_anywhere() {
    let Some(program) = &*PROGRAM else { return };
    let desk = Desk::demo();
    desk.ok(&["checkpoint"]);
    desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
    let (tiles, key) = (desk.path().join("tiles"), vkey(&desk, "log"));
    let entries = size(&desk, "log");
    accepted(program, &key, &tiles, &[], entries);

    every_spoiled_file_is_refused(program, &key, &tiles, 40);
    accepted(program, &key, &tiles, &[], entries);

    // A file that is missing, or is another's, is no better than one that is spoiled.
    for path in files_in(&tiles) {
        let aside = desk.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        assert!(!check(program, &key, &tiles, &[]).0, "{} is not missed", path.display());
        fs::rename(&aside, &path).unwrap();
    }
    let other = Desk::demo();
    refused(program, &vkey(&other, "log"), &tiles, &[], "no verifiable signatures");
}

#[test]
fn go_accepts_a_log_of_several_tiles_at_every_checkpoint_and_refuses_a_fork() {
    let Some(program) = &*PROGRAM else { return };
    let desk = Desk::new();
    let origin = "example.org/tiles";
    desk.ok(&["init", "--origin", origin]);
    let (tiles, key) = (desk.path().join("tiles"), vkey(&desk, "log"));
    // The genesis is an entry, too: full tiles, partial ones, and one entry more or less than a full tile.
    let mut older = Vec::new();
    let mut entries = 1;
    for next in [1, 2, 100, 255, 256, 257, 511, 512, 513, 700] {
        append_topics(&desk, "log", "topic", entries..next);
        entries = next;
        let kept = desk.path().join(format!("checkpoint-{next}"));
        desk.ok(&["checkpoint", "--out", kept.to_str().unwrap()]);
        desk.ok(&["export", "--format", "tiles", "--out", "tiles"]);
        accepted(program, &key, &tiles, &older, next);
        assert_eq!(fs::read(&kept).unwrap(), fs::read(tiles.join("checkpoint")).unwrap());
        older.push(kept);
    }
    assert_eq!(size(&desk, "log"), 700);
    accepted(program, &key, &tiles, &older, 700);
    for file in ["tile/1/000.p/2", "tile/0/001", "tile/entries/001", "tile/0/002.p/188"] {
        assert!(tiles.join(file).exists(), "{file}");
    }

    // The partial files of former sizes are still there, and are no less covered by the newest checkpoint.
    every_spoiled_file_is_refused(program, &key, &tiles, 3);

    // The same origin and the same key, but other events.
    let fork = ["--log", "fork", "--key", "log/key"];
    desk.ok(&[&["init", "--origin", origin], &fork[..]].concat());
    append_topics(&desk, "fork", "other", 1..100);
    assert_eq!(vkey(&desk, "fork"), key);
    desk.ok(&[&["checkpoint", "--out", "forked"], &fork[..]].concat());
    let forked = desk.path().join("forked");
    refused(program, &key, &tiles, std::slice::from_ref(&forked), "from size 100 to 700");
    // Nor does our own export go over another log's.
    let into = ["export", "--format", "tiles", "--out", "tiles"];
    refused_saying(&desk, &[&into[..], &fork].concat(), 1, &["this log has a checkpoint of 100"]);
    // One of the same size has another root; one that is longer says so.
    append_topics(&desk, "fork", "other", 100..700);
    desk.ok(&[&["checkpoint", "--out", "as-long"], &fork[..]].concat());
    let as_long = desk.path().join("as-long");
    refused(program, &key, &tiles, &[as_long], "another root for the same size");
    refused_saying(&desk, &[&into[..], &fork].concat(), 1, &["was published with other bytes"]);
    append_topics(&desk, "fork", "other", 700..701);
    desk.ok(&[&["checkpoint", "--out", "longer"], &fork[..]].concat());
    let longer = desk.path().join("longer");
    refused(program, &key, &tiles, &[longer], "larger than 700");
    accepted(program, &key, &tiles, &older, 700);
}
