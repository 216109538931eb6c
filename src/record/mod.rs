//! The bytes: canonical JSON, headers, commitments, links, the tree, the portable form.
//!
//! `docs/format.md` is the law of what is here; `format_page_matches_code` fails when they part ways. Pure: salts and
//! times are arguments, stored bytes never panic the program.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

pub mod checkpoint;
pub mod commitment;
pub mod event_proof;
pub mod export;
pub mod header;
mod hex;
pub mod journal;
pub mod json;
pub mod link;
mod many;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod system;
pub mod tile;
pub mod timestamp;
pub mod tree;
