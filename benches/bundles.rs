//! How many events a bundle should hold, and how it should be compressed: size, and the time to write and read.
//!
//! `cargo bench --bench bundles -- FILE.jsonl`, where each line is a payload; the headers are made here, and are as
//! incompressible as real ones.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use demarche::model::calendar;
use demarche::record::commitment::{Salt, commit_payload};
use demarche::record::header::Header;
use demarche::record::link::Link;
use demarche::store::bundle::{Compression, decode, encode_with};
use demarche::store::{Events, Part, StoredEvent};

fn main() {
    let Some(path) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("name a file of JSON lines: cargo bench --bench bundles -- FILE.jsonl");
        return;
    };
    let text = std::fs::read(&path).expect("the file can be read");
    let (events, bytes) = events(&text);
    println!("{} events, {} bytes a line", events.len(), bytes / events.len());
    println!("width  compression  bytes/event  of input  write us/event  read us/event");
    for width in [64, 128, 256] {
        let bundles: Vec<Events> = events.chunks(width).map(Events::from_stored).collect();
        let ways = [
            ("lz4", Compression::Lz4),
            ("zstd -3", Compression::Zstd(-3)),
            ("zstd 1", Compression::Zstd(1)),
            ("zstd 3", Compression::Zstd(3)),
        ];
        for (name, compression) in ways {
            let (written, write) = timed(|| {
                bundles.iter().map(|one| encode_with(one, compression)).collect::<Vec<_>>()
            });
            let ((), read) = timed(|| {
                for bundle in &written {
                    black_box(decode(bundle).expect("it was just written"));
                }
            });
            let size: usize = written.iter().map(Vec::len).sum();
            let each = |time: Duration| time.as_secs_f64() * 1e6 / events.len() as f64;
            println!(
                "{width:5}  {name:11}  {:11.1}  {:8.2}  {:14.2}  {:13.2}",
                size as f64 / events.len() as f64,
                size as f64 / bytes as f64,
                each(write),
                each(read),
            );
        }
    }
}

/// The events of a log with these payloads, and how many bytes the lines have.
fn events(text: &[u8]) -> (Vec<StoredEvent>, usize) {
    let mut prev = Link::ZERO;
    let mut stored = Vec::new();
    for (seq, line) in (0_u64..).zip(text.split(|byte| *byte == b'\n').filter(|l| !l.is_empty())) {
        let salt = Salt(*blake3::hash(&seq.to_be_bytes()).as_bytes());
        let header = Header {
            kind: "statement".to_owned(),
            log: "example.org/desk".to_owned(),
            payload: commit_payload(&salt, line),
            sealed: None,
            prev,
            recorded_at: calendar::Instant::MIN,
            seq,
        };
        let header = header.to_bytes();
        prev = Link::of(&header);
        let payload = Part::Present { salt: salt.0, bytes: line.to_vec() };
        stored.push(StoredEvent { header, payload, sealed: None });
    }
    (stored, text.len())
}

fn timed<T>(work: impl Fn() -> T) -> (T, Duration) {
    let mut best = Duration::MAX;
    loop {
        let start = Instant::now();
        let done = work();
        let took = start.elapsed();
        // The best of several, until it gets no better by a fiftieth.
        if took.as_secs_f64() > best.as_secs_f64() * 0.98 {
            return (done, took.min(best));
        }
        best = took;
    }
}
