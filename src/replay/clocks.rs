//! The three clocks of a question. No flag ever changes the meaning of another.

use crate::model::calendar::{Instant, Zone};

/// When, and from whose knowledge, the world is asked about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clocks {
    /// The zone in which dates without a time are read, those of events and those of the question alike.
    pub zone: Zone,
    /// Valid clock: the last instant of the world that is asked about.
    pub to: Instant,
    /// Recorded clock: only what this log had taken in by then; `None` is all of it.
    pub recorded_by: Option<Instant>,
    /// Reported clock: only what the public could read by then; `None` is all of it.
    pub reported_by: Option<Instant>,
}

impl Clocks {
    /// The world at `to`, from everything the log holds.
    pub const fn at(to: Instant, zone: Zone) -> Self {
        Self { zone, to, recorded_by: None, reported_by: None }
    }

    /// Had the log taken something in by the time asked about?
    pub(crate) fn sees_recorded(&self, recorded_at: Instant) -> bool {
        self.recorded_by.is_none_or(|by| recorded_at <= by)
    }
}
