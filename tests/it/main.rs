//! The one integration binary: everything that is tested from outside the crate.
//!
//! `no_test_file_is_forgotten` fails when a file here is not named below.

#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::needless_raw_string_hashes,
    reason = "a test says why it skipped, and may stop where it stands"
)]

mod answers;
mod append;
mod architecture;
mod attacks;
mod backup;
mod bearing_laws;
mod bulk;
mod cli_page;
mod crashes;
mod cut_off;
mod damage;
mod desk;
mod doctor;
mod erasure;
mod errors_page;
mod export;
mod faulty;
mod filter_rules;
mod fixtures;
mod forged;
mod forger;
mod group;
mod histories;
mod hostile;
mod keys;
mod knowledge_rules;
mod limits;
mod long_logs;
mod measure_laws;
mod measure_rules;
mod merkle_vectors;
mod notes;
mod outside;
mod portable_scale;
mod position_rules;
mod proofs;
mod refused;
mod rot;
mod schemas;
mod secrets;
mod snapshots;
mod store_conformance;
mod support;
mod tables;
mod terminal;
mod tessera_log;
mod trees;
mod vectors;
mod verify_without_us;
mod worlds;
