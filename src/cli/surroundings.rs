//! The clock and the generator of salts of the machine.

use super::error::CliError;
use super::terminal::Terminal;
use crate::event_log::{ClockError, RecordError, Surroundings, WentBack};
use crate::model::calendar::Instant;

/// The machine's own clock and generator.
pub(crate) struct Machine;

impl Surroundings for Machine {
    fn now(&mut self) -> Instant {
        now()
    }

    fn salt(&mut self) -> [u8; 32] {
        random()
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Without randomness a commitment hides nothing and a key guards nothing, so nothing may be written.
        panic!("the system's random generator does not answer: {error}");
    }
    bytes
}

/// Says that an event was given another time than the clock's.
pub(crate) fn warn_of_clock(went_back: Option<WentBack>, terminal: &mut Terminal) {
    if let Some((clock, used)) = went_back {
        terminal.warn(format!(
            "the clock says {clock}, but the log's last event was recorded at {used}; that time was recorded"
        ));
    }
}

impl From<ClockError> for CliError {
    fn from(error: ClockError) -> Self {
        Self::refused(error.to_string()).hint(
            "set the machine's clock (timedatectl, or the system's settings), then give the same command again",
        )
    }
}

impl From<RecordError> for CliError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            RecordError::Clock(error) => error.into(),
        }
    }
}

/// The time now, to the microsecond.
#[expect(clippy::disallowed_methods, reason = "the terminal is where the clock is read")]
pub(crate) fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    Instant::from_micros(micros)
}
