//! demarche: an event-sourced, tamper-evident audit log of reported statements and measures, with replay to any date.

#[cfg(all(feature = "cli", feature = "sled"))]
pub mod cli;
pub mod event_log;
pub mod model;
pub mod record;
pub mod replay;
pub mod store;
