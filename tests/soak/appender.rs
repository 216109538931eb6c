//! A process that appends many events one by one, from several threads, and says of each when it is durable.
//!
//! A command of the program appends once and ends; at its end sled syncs its file by itself, whatever we did. A process that
//! lives on, as one that uses the library would, has nothing but our own syncs. It is this program, started with
//! `--appender SEED EVENTS THREADS --log DIR`.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use demarche::event_log::group::SharedLog;
use demarche::event_log::{EventLog, FileError, SourceFiles, Submission, Surroundings};
use demarche::model::calendar::Instant;
use demarche::store::sled::SledStore;
use serde_json::json;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::work::Work;

/// The machine's clock, and its generator of salts.
struct Machine;

impl Surroundings for Machine {
    #[expect(clippy::disallowed_methods, reason = "a program of its own reads the clock")]
    fn now(&mut self) -> Instant {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0));
        Instant::from_micros(micros)
    }

    fn salt(&mut self) -> [u8; 32] {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).expect("the system gives random bytes");
        salt
    }
}

struct NoFiles;

impl SourceFiles for NoFiles {
    fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        Err(FileError::NotFound { name: name.to_owned(), looked_in: "nothing".to_owned() })
    }
}

/// Appends until it is done, or stopped.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let [seed, events, threads, _, log] = arguments else {
        return Err(Failure::Machine("--appender SEED EVENTS THREADS --log DIR".to_owned()));
    };
    let number = |text: &String| text.parse::<u64>().map_err(|_| Failure::Machine(text.clone()));
    let (seed, events, threads) = (number(seed)?, number(events)?, number(threads)?);
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(error.to_string());
    let store = SledStore::open(Path::new(log), "soak").map_err(|error| wrong(&error))?;
    let log = EventLog::open(store).map_err(|error| wrong(&error))?;
    let shared = SharedLog::new(log, Box::new(NoFiles), Box::new(Machine));
    let work = Mutex::new(Work::new(Chance::of(seed, "appender")));
    let appending = || {
        for _ in 0..events / threads {
            let line = work.lock().map_err(|error| wrong(&error))?.plain().to_string();
            let outcome = shared.append(Submission::read(0, line.as_bytes()));
            let outcome = outcome.map_err(|error| wrong(&error))?;
            let said =
                json!({"id": outcome.id, "seq": outcome.seq, "link": outcome.link.to_string()});
            let mut out = std::io::stdout().lock();
            out.write_all(format!("{said}\n").as_bytes())?;
            out.flush()?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(appending)).collect();
        all.into_iter().try_for_each(|thread| {
            thread.join().map_err(|_| Failure::Wrong("a thread panicked".to_owned()))?
        })
    })
}
