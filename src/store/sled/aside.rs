//! What sled writes over when it opens its file, kept until it is known that nothing is lost by it.
//!
//! Opening, sled reads on from its last snapshot up to the first message that does not fit, takes that for a write that a crash
//! tore, and empties all segments that come after. If it was damage, what was acknowledged is gone with them before the head beside
//! the store ([`super::acknowledged`]) says so. So whoever opens the store reads the same messages first, and keeps the
//! segments aside from the first one on that does not fit; of a whole file that is the last one alone. An opening that is
//! refused puts them back, and sled's snapshot.
//!
//! A kill between the two leaves what sled made of the file. Segments that hold nothing that counts are not kept: sled
//! empties these at any opening. `a_refused_opening_changes_nothing` damages stores and compares their files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{SpooledTempFile, spooled_tempfile_in};

use super::files::{sync_data, sync_path};
use super::segments::{HEADER_BYTES, SEGMENT_BYTES, header, read};
use super::{StoreError, durable};
use crate::store::regular;

/// What is kept in memory; more goes to a file without a name, beside the store.
const BYTES_IN_MEMORY: usize = 16 * 1024 * 1024;

/// Files of sled's as they were.
pub(super) struct Aside {
    store: PathBuf,
    /// How long sled's file was.
    length: u64,
    /// The header of each of its segments.
    headers: Vec<[u8; HEADER_BYTES]>,
    /// The segments that are kept, and their bytes one after the other.
    kept: BTreeSet<u64>,
    bytes: SpooledTempFile,
    /// sled's snapshots; the newest is open: it is replaced, and never written to.
    snapshots: BTreeMap<u64, PathBuf>,
    newest: Option<(PathBuf, File)>,
}

impl Aside {
    /// Keeps what opening a store could write over; `None` if there is no file of sled's that can be read, which whoever opens it
    /// will say.
    pub(super) fn of(store: &Path) -> Result<Option<Self>, StoreError> {
        let path = store.join("db");
        let Ok(file) = regular::open_own(&path) else { return Ok(None) };
        Self::of_file(store, &file).map(Some).map_err(|error| StoreError::Io { path, error })
    }

    fn of_file(store: &Path, mut file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let snapshots = snapshots(store)?;
        let (lsn, newest) = snapshots.last_key_value().unzip();
        let from = lsn.map_or(0, |lsn| lsn / SEGMENT_BYTES);
        let newest = newest.and_then(|path| Some((path.clone(), regular::open_own(path).ok()?)));
        let mut headers = Vec::new();
        let (mut after_snapshot, mut stable) = (BTreeMap::new(), from);
        let mut kept = BTreeSet::new();
        let mut segment = Vec::new();
        for at in 0..length.div_ceil(SEGMENT_BYTES) {
            let bytes = header_at(file, at)?;
            headers.push(bytes);
            match header(&bytes) {
                Some(header) if header.number >= from => {
                    after_snapshot.insert(header.number, at);
                    stable = stable.max(header.stable);
                }
                Some(_) => {}
                None => {
                    read_segment(file, at, &mut segment)?;
                    if segment.iter().any(|byte| *byte != 0) {
                        kept.insert(at);
                    }
                }
            }
        }
        let first = first_to_keep(file, &after_snapshot, stable)?;
        kept.extend(after_snapshot.range(first..).map(|(_, at)| *at));
        let beside = store.parent().unwrap_or(store);
        let mut bytes = spooled_tempfile_in(BYTES_IN_MEMORY, beside);
        for at in &kept {
            file.seek(SeekFrom::Start(at.saturating_mul(SEGMENT_BYTES)))?;
            io::copy(&mut file.take(SEGMENT_BYTES), &mut bytes)?;
        }
        Ok(Self { store: store.to_owned(), length, headers, kept, bytes, snapshots, newest })
    }

    /// Has the files be again as they were; whoever had them open must have let them go.
    pub(super) fn put_back(mut self) -> Result<(), StoreError> {
        let path = self.store.join("db");
        let done = regular::open_or_make_own(&path).and_then(|file| {
            self.put_segments_back(&file)?;
            Ok(file)
        });
        let file = done.map_err(|error| StoreError::Io { path: path.clone(), error })?;
        sync_data(&file, &path)?;
        self.put_snapshot_back()
            .map_err(|error| StoreError::Io { path: self.store.clone(), error })?;
        sync_path(&self.store)
    }

    fn put_segments_back(&mut self, mut file: &File) -> io::Result<()> {
        self.bytes.rewind()?;
        for (at, before) in (0..).zip(&self.headers) {
            let start = SeekFrom::Start(at * SEGMENT_BYTES);
            if self.kept.contains(&at) {
                file.seek(start)?;
                io::copy(&mut (&mut self.bytes).take(SEGMENT_BYTES), &mut file)?;
            } else if header_at(file, at)? != *before {
                // It was free. What sled wrote there must not be taken for the segment that has its place in the log.
                file.seek(start)?;
                file.write_all(&[0; HEADER_BYTES])?;
            }
        }
        file.set_len(self.length)
    }

    fn put_snapshot_back(&mut self) -> io::Result<()> {
        if let Some((path, before)) = self.newest.as_mut().filter(|(path, _)| !path.exists()) {
            // Of that name it is taken away again if this is cut off.
            let begun = path.with_added_extension("generating");
            let mut file = regular::open_or_make_own(&begun)?;
            before.rewind()?;
            io::copy(before, &mut file)?;
            durable::sync_data(&file)?;
            file.set_permissions(before.metadata()?.permissions())?;
            fs::rename(&begun, path)?;
        }
        for (lsn, newer) in snapshots(&self.store)? {
            if !self.snapshots.contains_key(&lsn) {
                fs::remove_file(newer)?;
            }
        }
        Ok(())
    }
}

/// The first segment of the log from which on sled may write: the one in which messages stop to fit, or the last.
fn first_to_keep(file: &File, after_snapshot: &BTreeMap<u64, u64>, stable: u64) -> io::Result<u64> {
    // Where sled looks for a whole tail from, and finds nothing, it empties all.
    if !after_snapshot.contains_key(&stable) {
        return Ok(0);
    }
    let mut segment = Vec::new();
    let mut needed = BTreeMap::new();
    let (mut last, mut end) = (0, 0);
    for (number, at) in after_snapshot {
        // Before what is stable those are missing that were written anew.
        if !needed.is_empty() && *number > stable && *number != last + 1 {
            break;
        }
        read_segment(file, *at, &mut segment)?;
        let found = read(&segment, *number);
        (last, end) = (*number, found.end);
        needed.insert(*number, found.needed);
        if !found.is_whole {
            break;
        }
    }
    // What is written together counts together: a batch whose last message is not there is let go of.
    let torn = needed.iter().find(|(_, needed)| needed.is_some_and(|needed| needed >= end));
    Ok(torn.map_or(last, |(number, _)| *number))
}

/// The snapshots in a store, by how much of the log they know.
fn snapshots(store: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(store)? {
        let entry = entry?;
        let name = entry.file_name();
        let lsn = name.to_str().and_then(|name| name.strip_prefix("snap."));
        if let Some(Ok(lsn)) = lsn.map(|lsn| u64::from_str_radix(lsn, 16)) {
            found.insert(lsn, entry.path());
        }
    }
    Ok(found)
}

/// The header of a segment; what of it the file lacks is taken for zeros.
fn header_at(mut file: &File, at: u64) -> io::Result<[u8; HEADER_BYTES]> {
    let mut header = [0; HEADER_BYTES];
    file.seek(SeekFrom::Start(at.saturating_mul(SEGMENT_BYTES)))?;
    let mut rest = &mut header[..];
    while !rest.is_empty() {
        match file.read(rest)? {
            0 => break,
            count => rest = rest.split_at_mut(count).1,
        }
    }
    Ok(header)
}

fn read_segment(mut file: &File, at: u64, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    file.seek(SeekFrom::Start(at.saturating_mul(SEGMENT_BYTES)))?;
    file.take(SEGMENT_BYTES).read_to_end(into).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A file of sled's of which segments were written anew.
    fn written() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let db = sled::Config::new().path(dir.path()).flush_every_ms(None).open().unwrap();
        for round in 0..6_u32 {
            for number in 0..400_u32 {
                let value = blake3::hash(&(round ^ number).to_be_bytes()).as_bytes().repeat(200);
                db.insert(number.to_be_bytes(), value).unwrap();
            }
            db.flush().unwrap();
        }
        drop(db);
        dir
    }

    /// What would break: sled finds no whole tail then, and empties all of it.
    #[test]
    fn without_the_segment_that_was_stable_all_are_kept() {
        let dir = written();
        let mut bytes = fs::read(dir.path().join("db")).unwrap();
        let whole = usize::try_from(SEGMENT_BYTES).unwrap();
        let headers: Vec<_> =
            bytes.chunks(whole).filter_map(|segment| header(segment.first_chunk()?)).collect();
        let stable = headers.iter().map(|header| header.stable).max().unwrap();
        let place = headers.iter().position(|header| header.number == stable).unwrap();
        assert!(stable > 2, "{stable}");
        *bytes.get_mut(place * whole + 5).unwrap() ^= 1;
        fs::write(dir.path().join("db"), &bytes).unwrap();
        assert_eq!(Aside::of(dir.path()).unwrap().unwrap().kept.len(), headers.len());
    }

    /// What would break: after every long append the next opening would copy the store.
    #[test]
    fn of_a_whole_file_the_last_segment_is_kept_alone() {
        let dir = written();
        let file = File::open(dir.path().join("db")).unwrap();
        let count = file.metadata().unwrap().len().div_ceil(SEGMENT_BYTES);
        let headers = (0..count).filter_map(|at| header(&header_at(&file, at).unwrap()));
        let last = headers.map(|header| header.number).max().unwrap();
        assert!(last > count, "segments were written anew: {last} of {count}");
        assert_eq!(Aside::of(dir.path()).unwrap().unwrap().kept.len(), 1);
    }
}
