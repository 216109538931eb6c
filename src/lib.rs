//! demarche: an event-sourced audit log of reported statements and measures, with replay.
pub mod model;
pub mod record;
pub mod store;
