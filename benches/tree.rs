//! What one append costs the tree, at growing sizes: `cargo bench --bench tree`.
//!
//! For each size it grows a tree of so many headers, then takes in 257 more, one at a time, as single appends do, and
//! prints how many hashes, pieces read and bytes written each took, and the time of the median. The counts are exact;
//! the time is this machine's.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Instant;

use demarche::record::tile::{PieceKey, PieceReader, Pieces, grow};
use demarche::record::tree::Frontier;

#[derive(Default)]
struct Kept {
    pieces: Pieces,
    reads: Cell<u64>,
}

impl PieceReader for Kept {
    type Error = Infallible;

    fn piece(&self, key: PieceKey) -> Result<Option<Vec<u8>>, Infallible> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.pieces.get(&key).cloned())
    }
}

/// A header of the usual length.
fn header(number: u64) -> Vec<u8> {
    format!("{number:0400}").into_bytes()
}

fn grown(tree: &mut Kept, frontier: &mut Frontier, headers: &[Vec<u8>]) -> Pieces {
    let Ok(pieces) = grow(frontier, headers.iter().map(Vec::as_slice), &*tree) else {
        unreachable!("memory can be read, and holds every piece")
    };
    tree.pieces.extend(pieces.clone());
    pieces
}

fn main() {
    const APPENDS: u64 = 257;
    println!(
        "size       hashes/append (mean, most)  pieces read (most)  bytes written (mean)  median"
    );
    for size in [1_000_u64, 32_000, 1_000_000, 1 << 20] {
        let (mut tree, mut frontier) = (Kept::default(), Frontier::default());
        let before = size - 1;
        for start in (0..before).step_by(1 << 16) {
            let headers: Vec<_> = (start..before.min(start + (1 << 16))).map(header).collect();
            grown(&mut tree, &mut frontier, &headers);
        }
        let (mut hashes, mut most, mut bytes, mut reads) = (0, 0, 0, 0);
        let mut times = Vec::new();
        for number in before..before + APPENDS {
            let header = [header(number)];
            let mut completed = 0;
            frontier.clone().push_with([0; 32], &mut |_, _, _| completed += 1);
            hashes += completed;
            most = most.max(completed);
            tree.reads.set(0);
            let start = Instant::now();
            let written = grown(&mut tree, &mut frontier, &header);
            times.push(start.elapsed());
            reads = reads.max(tree.reads.get());
            bytes += written.values().map(Vec::len).sum::<usize>();
        }
        times.sort();
        println!(
            "{size:<10} {:>6.2}, {most:<19} {reads:<19} {:<21} {:?}",
            f64::from(hashes) / 257.0,
            bytes / 257,
            times[times.len() / 2]
        );
    }
}
