//! The clock and the generator of salts of the machine.

use crate::event_log::Surroundings;
use crate::model::calendar::Instant;

/// The machine's own clock and generator.
pub(crate) struct Machine;

impl Surroundings for Machine {
    fn now(&mut self) -> Instant {
        now()
    }

    fn salt(&mut self) -> [u8; 32] {
        let mut salt = [0; 32];
        if let Err(error) = getrandom::fill(&mut salt) {
            // Without randomness a commitment hides nothing, so nothing may be written.
            panic!("the system's random generator does not answer: {error}");
        }
        salt
    }
}

/// The time now, to the microsecond.
#[expect(clippy::disallowed_methods, reason = "the terminal is where the clock is read")]
pub(crate) fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    Instant::from_micros(micros)
}
