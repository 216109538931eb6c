//! What a commitment costs alone, and among many: `cargo bench --bench hashes`.
//!
//! Payloads of one length, and of lengths as statements have them, are committed to one by one and all at once, in turns;
//! the table has the median time of one. It is what `docs/decisions/0026-many-hashes-at-once.md` rests on.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::time::Instant;

use demarche::record::commitment::{Salt, commit_payload, commit_payloads};

/// As many as a bundle has.
const PAYLOADS: u32 = 256;
const ROUNDS: usize = 201;

fn main() {
    println!("| payload | one by one | together | ratio |");
    println!("|---|---|---|---|");
    for length in [20, 100, 300, 400, 600, 900] {
        row(&format!("{length} bytes"), &|_| length);
    }
    row("200 to 500 bytes", &|index| 200 + index as usize * 7919 % 301);
}

fn row(name: &str, length: &dyn Fn(u32) -> usize) {
    let payloads: Vec<([u8; 32], Vec<u8>)> = (0..PAYLOADS)
        .map(|index| {
            let mut bytes = vec![0; length(index)];
            blake3::Hasher::new().update(&index.to_be_bytes()).finalize_xof().fill(&mut bytes);
            ([u8::try_from(index).unwrap_or(0); 32], bytes)
        })
        .collect();
    let one_by_one = || {
        let commit = |(salt, bytes): &([u8; 32], Vec<u8>)| commit_payload(&Salt(*salt), bytes);
        payloads.iter().map(commit).collect::<Vec<_>>()
    };
    let together = || commit_payloads(payloads.iter().map(|(salt, bytes)| (salt, &bytes[..])));
    assert_eq!(one_by_one(), together());
    let (mut alone, mut among) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(timed(&one_by_one));
        among.push(timed(&together));
    }
    let (alone, among) = (median(alone), median(among));
    println!("| {name} | {alone:.0} ns | {among:.0} ns | {:.1} x |", alone / among);
}

/// The nanoseconds for one payload.
fn timed<T>(work: &dyn Fn() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(PAYLOADS)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
