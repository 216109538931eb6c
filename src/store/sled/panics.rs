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
