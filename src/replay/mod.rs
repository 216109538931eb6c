//! The meaning: what the log's events say about a date, folded in log order.
//!
//! [`History`] keeps events as they were recorded. A [`View`] of it is what counts under given [`Clocks`]: events
//! recorded and reported in time, with corrections applied and retracted events left out. Projections read a view:
//! [`measures()`], [`positions()`], [`timeline()`]. Each is total: nonsense in history becomes an [`Anomaly`], never an
//! error. The rules are those of `docs/replay.md`; `measure_rules.rs`, `position_rules.rs` and `knowledge_rules.rs` in
//! `tests/it` show each of them in one line.
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
pub mod bearing;
mod clocks;
pub mod contacts;
pub mod diff;
pub mod explain;
pub mod filter;
mod history;
pub mod lag;
pub mod measures;
pub mod membership;
mod placement;
pub mod positions;
mod responses;
mod rests_on;
mod retractions;
pub mod revisions;
mod steps;
mod terms;
pub mod timeline;
mod view;
mod worlds;

/// The version of the rules by which rows are derived from events. It is raised when the same events come to have other
/// rows.
pub const REDUCER_VERSION: i64 = 2;

pub use anomalies::{Anomaly, AnomalyCode, anomalies};
pub use clocks::Clocks;
pub use contacts::{ContactAnswer, contacts};
pub use diff::{Diff, diff, revised_days};
pub use explain::{explain_measure, explain_position};
pub use filter::{Filter, Sieve};
pub use history::{Content, Entry, History};
pub use lag::{SourceLag, lag};
pub use measures::{MeasureAnswer, MeasureLife, lives, measures};
pub use membership::Level;
pub use positions::{
    Dispute, HeldPosition, Holding, Position, current_positions, disputes, holdings, positions,
    roll_up,
};
pub use rests_on::{dangling, rests_on};
pub use revisions::{Revision, revisions};
pub use timeline::{TimelineItem, timeline};
pub use view::{Fact, LeftOut, NotCounted, View};
