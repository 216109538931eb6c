//! The peers and the limits, each a process: this program runs itself again as `scale peer NAME ...`.
//!
//! A hash chain in a table is how many an audit log is kept. The limits do the least that the work needs: the bytes
//! written and synced, the hashes computed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::time::Instant;

use rusqlite::{Connection, params};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Result, group, workload};

/// How many events are written before they are made durable.
const BATCH: u64 = 1_000;

/// Runs the peer that is named, with its arguments.
#[allow(clippy::print_stdout, reason = "a peer prints what it found")]
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let found = match arguments.as_slice() {
        ["workload", dir, events] => {
            workload::make(dir.as_ref(), events.parse()?)?.file.display().to_string()
        }
        ["sqlite-append", file, db] => sqlite_append(file, db)?.to_string(),
        ["sqlite-verify", db] => sqlite_verify(db)?.to_string(),
        ["sqlite-fold", db, date] => sqlite_fold(db, date)?.to_string(),
        ["plain-append", file, to] => plain_append(file, to)?.to_string(),
        ["plain-single", to] => plain_single(to)?.to_string(),
        ["hashes", export] => hashes(export)?.to_string(),
        ["group-append", log, events] => group::append(log, events.parse()?)?.to_string(),
        ["group-append", log, events, threads] => {
            group::append_together(log, events.parse()?, threads.parse()?)?.to_string()
        }
        ["group-write", to, events, group] => {
            group::write(to, events.parse()?, group.parse()?)?.to_string()
        }
        _ => return Err(format!("no such peer: {arguments:?}").into()),
    };
    println!("{found}");
    Ok(())
}

/// Calls with every line, without its line feed.
fn each_line(file: &str, mut with: impl FnMut(&[u8]) -> Result<()>) -> Result<u64> {
    let mut input = BufReader::with_capacity(1 << 18, File::open(file)?);
    let (mut line, mut count) = (Vec::new(), 0);
    while input.read_until(b'\n', &mut line)? > 0 {
        with(line.strip_suffix(b"\n").unwrap_or(&line))?;
        count += 1;
        line.clear();
    }
    Ok(count)
}

fn connect(db: &str) -> Result<Connection> {
    let db = Connection::open(db)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

#[derive(Deserialize)]
struct Id<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

fn link(before: [u8; 32], payload: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(&before).update(payload).finalize().as_bytes()
}

fn sqlite_append(file: &str, db: &str) -> Result<u64> {
    let db = connect(db)?;
    db.execute_batch(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT, payload TEXT, hash BLOB); BEGIN",
    )?;
    let mut insert = db.prepare("INSERT INTO events VALUES (?, ?, ?, ?)")?;
    let (mut chain, mut seq) = ([0; 32], 0_u64);
    let count = each_line(file, |line| {
        chain = link(chain, line);
        let text = std::str::from_utf8(line)?;
        let id: Id<'_> = serde_json::from_str(text)?;
        insert.execute(params![seq.cast_signed(), id.id, text, chain])?;
        seq += 1;
        if seq.is_multiple_of(BATCH) {
            db.execute_batch("COMMIT; BEGIN")?;
        }
        Ok(())
    })?;
    db.execute_batch("COMMIT")?;
    Ok(count)
}

fn sqlite_verify(db: &str) -> Result<u64> {
    let db = connect(db)?;
    let mut select = db.prepare("SELECT seq, payload, hash FROM events ORDER BY seq")?;
    let mut rows = select.query([])?;
    let (mut chain, mut count) = ([0; 32], 0);
    while let Some(row) = rows.next()? {
        chain = link(chain, row.get_ref(1)?.as_bytes()?);
        let seq = row.get::<_, i64>(0)?.cast_unsigned();
        if seq != count || row.get_ref(2)?.as_bytes()? != chain {
            return Err(format!("event {seq} does not follow the one before it").into());
        }
        count += 1;
    }
    Ok(count)
}

#[derive(Deserialize)]
struct Said<'a> {
    kind: &'a str,
    id: &'a str,
    #[serde(default, borrow)]
    by: Vec<&'a str>,
    topic: Option<&'a str>,
    stance: Option<&'a str>,
    when: Option<&'a str>,
}

/// The newest statement of each actor on each topic up to a date; how many there are.
fn sqlite_fold(db: &str, date: &str) -> Result<usize> {
    let db = connect(db)?;
    let mut select = db.prepare("SELECT payload FROM events ORDER BY seq")?;
    let mut rows = select.query([])?;
    let mut positions: BTreeMap<(String, String), [String; 3]> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let said: Said<'_> = serde_json::from_str(row.get_ref(0)?.as_str()?)?;
        let (Some(topic), Some(stance), Some(when)) = (said.topic, said.stance, said.when) else {
            continue;
        };
        let when = when.rsplit('/').next().unwrap_or(when);
        if said.kind != "statement" || when > date {
            continue;
        }
        for actor in said.by {
            let newest = positions.entry((actor.to_owned(), topic.to_owned())).or_default();
            if newest[0].as_str() <= when {
                *newest = [when, stance, said.id].map(str::to_owned);
            }
        }
    }
    Ok(positions.len())
}

fn plain_append(file: &str, to: &str) -> Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 18, File::create_new(to)?);
    let mut written = 0_u64;
    let count = each_line(file, |line| {
        out.write_all(line)?;
        out.write_all(b"\n")?;
        written += 1;
        if written.is_multiple_of(BATCH) {
            out.flush()?;
            out.get_ref().sync_data()?;
        }
        Ok(())
    })?;
    out.flush()?;
    out.get_ref().sync_data()?;
    Ok(count)
}

fn plain_single(to: &str) -> Result<usize> {
    let mut out = OpenOptions::new().create(true).append(true).open(to)?;
    let written = out.write(&[b'x'; 470])?;
    out.sync_data()?;
    Ok(written)
}

#[derive(Deserialize)]
struct Exported {
    header: String,
    payload: String,
    salt: String,
}

/// What a full verification must at least compute, from memory, on every core: the seconds of the best of three.
fn hashes(export: &str) -> Result<f64> {
    let mut events = Vec::new();
    each_line(export, |line| {
        if line.starts_with(b"{\"header\"") {
            let event: Exported = serde_json::from_slice(line)?;
            // As many bytes as a salt has; which ones is all the same to a hash.
            let salt: [u8; 32] = event.salt.as_bytes()[..32].try_into()?;
            events.push((event.header.into_bytes(), event.payload.into_bytes(), salt));
        }
        Ok(())
    })?;
    let cores = std::thread::available_parallelism()?.get();
    let share = events.len().div_ceil(cores);
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for events in events.chunks(share) {
                scope.spawn(move || {
                    let mut keyed = blake3::Hasher::new_derive_key("a context");
                    for (header, payload, salt) in events {
                        std::hint::black_box(keyed.update(salt).update(payload).finalize());
                        std::hint::black_box(keyed.reset().update(header).finalize());
                        keyed.reset();
                        let leaf = Sha256::new().chain_update([0]).chain_update(header).finalize();
                        std::hint::black_box(leaf);
                    }
                });
            }
        });
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}
