//! A log as it was made: every file in memory, to be damaged in one bit and put back byte for byte.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How many bytes are compared, and written again, at a time.
const BYTES_AT_A_TIME: usize = 64 * 1024;

/// What sort of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    Db,
    Snap,
    Conf,
    Blob,
    Journal,
    Key,
    Head,
    Lock,
}

impl Sort {
    pub(crate) const ALL: [Self; 8] = [
        Self::Db,
        Self::Snap,
        Self::Conf,
        Self::Blob,
        Self::Journal,
        Self::Key,
        Self::Head,
        Self::Lock,
    ];

    /// The file's name, as the table has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Db => "store/db",
            Self::Snap => "store/snap.*",
            Self::Conf => "store/conf",
            Self::Blob => "store/blobs/*",
            Self::Journal => "journal/*.jsonl",
            Self::Key => "key",
            Self::Head => "head",
            Self::Lock => "lock",
        }
    }

    /// How many of a hundred flips it gets. By size alone, all but a few would be in sled's largest file.
    pub(crate) const fn share(self) -> usize {
        match self {
            Self::Db => 70,
            Self::Snap | Self::Journal => 10,
            Self::Conf => 4,
            Self::Key => 3,
            Self::Blob | Self::Lock | Self::Head => 1,
        }
    }

    fn of(path: &Path) -> Self {
        let path = path.to_string_lossy();
        match path.as_ref() {
            "store/db" => Self::Db,
            "store/conf" => Self::Conf,
            "key" => Self::Key,
            "head" => Self::Head,
            "lock" => Self::Lock,
            other if other.starts_with("store/snap.") => Self::Snap,
            other if other.starts_with("store/blobs/") => Self::Blob,
            other if other.starts_with("journal/") => Self::Journal,
            other => panic!("a sort of file that nobody thought of: {other}"),
        }
    }
}

/// Every file of a log, by its path under the log's directory.
pub(crate) struct Pristine {
    directory: PathBuf,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Pristine {
    pub(crate) fn read(directory: &Path) -> Self {
        let mut files = BTreeMap::new();
        for path in paths(directory, Path::new("")) {
            files.insert(path.clone(), fs::read(directory.join(&path)).expect("it can be read"));
        }
        Self { directory: directory.to_owned(), files }
    }

    /// The files of a sort that have any bytes.
    pub(crate) fn of(&self, sort: Sort) -> Vec<(&Path, usize)> {
        let files =
            self.files.iter().filter(|(path, bytes)| Sort::of(path) == sort && !bytes.is_empty());
        files.map(|(path, bytes)| (path.as_path(), bytes.len())).collect()
    }

    /// Changes one bit of one byte of a file on disk.
    pub(crate) fn flip(&self, path: &Path, byte: usize, bit: usize) {
        let value = self.files[path][byte] ^ (1 << bit);
        write_at(&self.directory.join(path), byte, &[value]);
    }

    /// Puts every file back as it was, and takes away what was not there; only what differs is written.
    pub(crate) fn restore(&self) {
        for path in paths(&self.directory, Path::new("")) {
            if !self.files.contains_key(&path) {
                fs::remove_file(self.directory.join(path)).expect("it can be removed");
            }
        }
        for (path, bytes) in &self.files {
            restore(&self.directory.join(path), bytes);
        }
    }
}

fn write_at(path: &Path, byte: usize, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).expect("it can be opened");
    file.seek(SeekFrom::Start(u64::try_from(byte).expect("a place in a file"))).expect("a seek");
    file.write_all(bytes).expect("it can be written");
}

fn restore(path: &Path, bytes: &[u8]) {
    let Ok(mut file) = File::open(path) else {
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("it is made");
        fs::write(path, bytes).expect("it can be written");
        return;
    };
    let mut found = vec![0; BYTES_AT_A_TIME];
    for (piece, at) in bytes.chunks(BYTES_AT_A_TIME).zip((0..).step_by(BYTES_AT_A_TIME)) {
        let found = &mut found[..piece.len()];
        // A file that is too short is written on from there.
        if file.read_exact(found).is_err() || found != piece {
            write_at(path, at, piece);
            let next = u64::try_from(at + piece.len()).expect("a place in a file");
            file.seek(SeekFrom::Start(next)).expect("a seek");
        }
    }
    let length = u64::try_from(bytes.len()).expect("a length");
    if file.metadata().expect("it is there").len() != length {
        let file = File::options().write(true).open(path).expect("it can be opened");
        file.set_len(length).expect("it can be cut");
    }
}

/// Every file under a directory, by its path from there.
fn paths(root: &Path, under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(under)).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let path = under.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            found.extend(paths(root, &path));
        } else {
            found.push(path);
        }
    }
    found
}
