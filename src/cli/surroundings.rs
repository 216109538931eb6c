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

/// The time now, to the microsecond.
#[expect(clippy::disallowed_methods, reason = "the terminal is where the clock is read")]
pub(crate) fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    Instant::from_micros(micros)
}
