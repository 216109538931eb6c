//! The meaning: what the log's events say about a date, folded in log order.
//!
//! [`History`] keeps every event as it was recorded. A [`View`] of it is what counts under given [`Clocks`]: events
//! recorded and reported in time, with corrections applied and retracted events left out. Projections read a view:
//! [`measures()`], [`positions()`], [`timeline()`]. Each is total: nonsense in history becomes an [`Anomaly`], never an
//! error. The rules are those of `docs/replay.md`; `tests/it/replay_rules.rs` shows each of them in one line.
//!
//! Pure: no clock, no file, no randomness, ordered maps only. What a replay says is only as true as the log it folds;
//! that the log was not altered is for `event_log::verify`.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

mod anomalies;
mod automaton;
mod clocks;
mod history;
pub mod measures;
mod placement;
pub mod positions;
mod steps;
pub mod timeline;
mod view;
mod worlds;

pub use anomalies::{Anomaly, AnomalyCode, anomalies};
pub use clocks::Clocks;
pub use history::{Content, Entry, History};
pub use measures::{MeasureAnswer, measures};
pub use positions::{Dispute, Position, disputes, positions};
pub use timeline::{TimelineItem, timeline};
pub use view::{Fact, LeftOut, View};
