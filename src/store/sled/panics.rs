//! Panics of sled's, which it stops with on some damaged files: they are caught here and become errors.
//!
//! What a panic says would be printed before it is caught, too, by the hook that every process has. Whoever calls
//! [`keep_caught_panics_quiet`] is spared that; all other panics are printed as ever. A panic that comes while another
//! unwinds ends the process, and no hook or catching can help: docs/bit-rot.md has what was met.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::StoreError;

/// What the names of the threads begin with that sled starts, and catches the panics of.
const SLED_THREAD: &str = "sled-io-";

thread_local! {
    /// How many calls deep this thread is within what is caught.
    static CAUGHT: Cell<usize> = const { Cell::new(0) };
}

/// Runs something of sled's; a panic in it is an error.
pub(super) fn catching<T>(action: impl FnOnce() -> T) -> Result<T, StoreError> {
    CAUGHT.with(|depth| depth.set(depth.get().saturating_add(1)));
    let done = catch_unwind(AssertUnwindSafe(action));
    CAUGHT.with(|depth| depth.set(depth.get().saturating_sub(1)));
    done.map_err(|panic| {
        let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(message), _) => (*message).to_owned(),
            (_, Some(message)) => message.clone(),
            _ => "an unknown error".to_owned(),
        };
        StoreError::Panicked { message }
    })
}

/// Keeps panics from being printed that the adapter catches, or that end one of sled's own threads, which whoever waits
/// for it then learns. It changes the hook of the whole process, once, so it is for programs, not for libraries, to call.
pub fn keep_caught_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let printed = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // A thread that is ending has no count any more, and catches nothing.
            let caught = CAUGHT.try_with(|depth| depth.get() > 0).unwrap_or(false);
            let of_sled =
                std::thread::current().name().is_some_and(|name| name.starts_with(SLED_THREAD));
            if !caught && !of_sled {
                printed(panic);
            }
        }));
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn what_is_caught_is_an_error_and_is_not_printed_and_all_else_is() {
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (before, noted) = (std::panic::take_hook(), Arc::clone(&printed));
        std::panic::set_hook(Box::new(move |panic| {
            noted.lock().unwrap().push(panic.payload_as_str().unwrap_or_default().to_owned());
            before(panic);
        }));
        keep_caught_panics_quiet();
        let caught = catching(|| {
            // Nested, as where an adapter's own step calls another.
            let _ = catching(|| panic!("within"));
            panic!("caught {}", 7)
        });
        match caught {
            Err(StoreError::Panicked { message }) => assert_eq!(message, "caught 7"),
            other => panic!("{other:?}"),
        }
        let named = |name: &str, says: &'static str| {
            let thread = std::thread::Builder::new().name(name.to_owned());
            assert!(thread.spawn(move || panic!("{says}")).unwrap().join().is_err());
        };
        named("sled-io-3", "of sled's own");
        named("another", "of another thread");
        assert!(catch_unwind(|| panic!("of this thread, later")).is_err());
        let printed = printed.lock().unwrap();
        let is_there = |says: &str| printed.iter().any(|one| one == says);
        for quiet in ["within", "caught 7", "of sled's own"] {
            assert!(!is_there(quiet), "{quiet} was printed");
        }
        assert!(is_there("of another thread") && is_there("of this thread, later"), "{printed:?}");
    }
}
