//! What can be reported: kinds of event, their fields, dates with bounds, terms.
//!
//! Pure: nothing here reads a clock, a file, the environment or randomness, nothing prints, and no order depends on
//! a hash map. The words are those of `docs/glossary.md`. JSON stays outside, in [`crate::record::json`]: here is
//! only the value type that it reads into.

pub mod calendar;
pub mod check;
mod clock;
pub mod country;
pub mod date;
pub mod event;
pub mod id;
pub mod limits;
pub mod near;
pub mod schema;
pub mod text;
pub mod value;
pub mod vocabulary;
