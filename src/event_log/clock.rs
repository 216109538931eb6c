//! The time that an event is given: what the clock says, and never one before the time of the event before it.

use super::{EventLog, Surroundings};
use crate::model::calendar::Instant;
use crate::store::Store;

/// The clock says what cannot be recorded, so nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clock says {clock}, and times are recorded of the years 0 to 9999 alone")]
pub struct ClockError {
    /// What it says.
    pub clock: Instant,
}

/// The time that the clock gave, and the later one that was recorded.
pub type WentBack = (Instant, Instant);

/// A time as it can be recorded, and read back.
pub(super) fn recordable(clock: Instant) -> Result<Instant, ClockError> {
    if clock.recorded().is_some() { Ok(clock) } else { Err(ClockError { clock }) }
}

impl<S: Store> EventLog<S> {
    /// The time of the next event, and what is to be said if that is not the clock's.
    pub(super) fn next_time(
        &self,
        surroundings: &mut dyn Surroundings,
    ) -> Result<(Instant, Option<WentBack>), ClockError> {
        let clock = surroundings.now();
        let recorded_at = recordable(clock.max(self.last_recorded))?;
        Ok((recorded_at, (clock < recorded_at).then_some((clock, recorded_at))))
    }
}
