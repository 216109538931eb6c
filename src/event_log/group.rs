//! Group commit: a log that several threads append single events to.
//!
//! A durable append waits for the disk, and the disk takes many events in the time of one. So whoever finds the log free
//! writes everything that was handed in meanwhile, each event on its own (one that is refused takes no other with it),
//! and all of it becomes durable with one sync; the others wait for what came of theirs. A writer that panics takes
//! nobody with it: those who wait are told that it stopped.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{
    AppendError, AppendOptions, ClockError, EventLog, Outcome, Refusal, SourceFiles, Submission,
    Surroundings,
};
use crate::store::Store;

/// How often whoever is to write lets others run before.
const YIELDS: usize = 16;

/// A log that threads share.
pub struct SharedLog<S> {
    log: Mutex<Inner<S>>,
    queue: Mutex<Queue>,
    done: Condvar,
}

struct Inner<S> {
    log: EventLog<S>,
    files: Box<dyn SourceFiles + Send>,
    surroundings: Box<dyn Surroundings + Send>,
}

/// What was handed in and not taken yet, and what came of what was taken, by number.
#[derive(Default)]
struct Queue {
    next: u64,
    waiting: Vec<(u64, Submission)>,
    results: BTreeMap<u64, Result<Outcome, GroupError>>,
    groups: u64,
    /// Whether a thread writes.
    is_led: bool,
}

/// Why an event was not appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// It is refused.
    #[error("refused")]
    Refused(Refusal),
    /// The store cannot be read or written. Whether the events of the group were appended is not known before the log is
    /// opened again.
    #[error("{0}")]
    Store(String),
    /// The time cannot be recorded.
    #[error(transparent)]
    Clock(ClockError),
    /// It is in the log, and what came of it cannot be read back.
    #[error("it was appended, and cannot be read back")]
    NotReadBack,
    /// The thread that wrote the group panicked. Whether the events of the group were appended is not known before they
    /// are given again, or the log is opened again.
    #[error("the thread that wrote it stopped")]
    Stopped,
}

impl GroupError {
    /// Of every event of a group whose append failed.
    fn of_all(error: &AppendError) -> Self {
        match error {
            AppendError::Clock(error) => Self::Clock(*error),
            other => Self::Store(other.to_string()),
        }
    }
}

/// A group that was taken to be written: whatever comes of that, those who wait for it are told.
struct Taken<'s> {
    queue: &'s Mutex<Queue>,
    done: &'s Condvar,
    /// The thread that writes waits for none of its own.
    own: u64,
    results: BTreeMap<u64, Result<Outcome, GroupError>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.results.remove(&self.own);
        }
        let mut queue = locked(self.queue);
        queue.groups = queue.groups.saturating_add(1);
        queue.is_led = false;
        queue.results.append(&mut self.results);
        drop(queue);
        self.done.notify_all();
    }
}

impl<S> std::fmt::Debug for SharedLog<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedLog").finish_non_exhaustive()
    }
}

impl<S: Store> SharedLog<S> {
    /// Shares a log.
    pub fn new(
        log: EventLog<S>,
        files: Box<dyn SourceFiles + Send>,
        surroundings: Box<dyn Surroundings + Send>,
    ) -> Self {
        Self {
            log: Mutex::new(Inner { log, files, surroundings }),
            queue: Mutex::new(Queue::default()),
            done: Condvar::new(),
        }
    }

    /// Appends one event; returns once it is durable.
    pub fn append(&self, submission: Submission) -> Result<Outcome, GroupError> {
        let number = {
            let mut queue = locked(&self.queue);
            let number = queue.next;
            queue.next = number.saturating_add(1);
            queue.waiting.push((number, submission));
            number
        };
        loop {
            let mut queue = locked(&self.queue);
            if let Some(result) = queue.results.remove(&number) {
                return result;
            }
            if queue.is_led {
                let is_open =
                    |queue: &mut Queue| queue.is_led && !queue.results.contains_key(&number);
                drop(self.done.wait_while(queue, is_open).unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            if !queue.waiting.iter().any(|(waiting, _)| *waiting == number) {
                return Err(GroupError::Stopped);
            }
            queue.is_led = true;
            drop(queue);
            // Those who were told of theirs a moment ago are about to come back: with them it is one group.
            (0..YIELDS).for_each(|_| std::thread::yield_now());
            let mut inner = locked(&self.log);
            let group = std::mem::take(&mut locked(&self.queue).waiting);
            let stopped = |(number, _): &(u64, Submission)| (*number, Err(GroupError::Stopped));
            let mut taken = Taken {
                queue: &self.queue,
                done: &self.done,
                own: number,
                results: group.iter().map(stopped).collect(),
            };
            taken.results = inner.append(group);
            drop(inner);
        }
    }

    /// How many groups were written so far.
    pub fn groups(&self) -> u64 {
        locked(&self.queue).groups
    }

    /// The log, when nobody shares it any more.
    pub fn into_log(self) -> EventLog<S> {
        self.log.into_inner().unwrap_or_else(PoisonError::into_inner).log
    }
}

impl<S: Store> Inner<S> {
    /// Appends a group, and says of each event what came of it.
    fn append(
        &mut self,
        group: Vec<(u64, Submission)>,
    ) -> BTreeMap<u64, Result<Outcome, GroupError>> {
        let mut lines = BTreeMap::new();
        let mut submissions = Vec::with_capacity(group.len());
        for (number, submission) in group {
            lines.insert(number, submission.line);
            submissions.push(Submission { line: Some(number), ..submission });
        }
        let options = AppendOptions { keep_going: true, ..AppendOptions::default() };
        let appended =
            self.log.append(submissions, options, &mut *self.files, &mut *self.surroundings);
        let line = |number: Option<u64>| lines.get(&number?).copied().flatten();
        let refused = |refusals: Vec<Refusal>| {
            refusals.into_iter().filter_map(|refusal| {
                let number = refusal.line?;
                let refusal = Refusal { line: line(Some(number)), ..refusal };
                Some((number, Err(GroupError::Refused(refusal))))
            })
        };
        let mut results: BTreeMap<u64, Result<Outcome, GroupError>> = BTreeMap::new();
        let failed = match appended {
            Ok(appended) => {
                results.extend(refused(appended.left_out));
                for outcome in appended.outcomes {
                    let Some(number) = outcome.line else { continue };
                    results.insert(number, Ok(Outcome { line: line(Some(number)), ..outcome }));
                }
                None
            }
            Err(AppendError::Refused(refusals)) => {
                results.extend(refused(refusals));
                None
            }
            Err(error) => Some(error),
        };
        for number in lines.keys() {
            let missing =
                || Err(failed.as_ref().map_or(GroupError::NotReadBack, GroupError::of_all));
            results.entry(*number).or_insert_with(missing);
        }
        results
    }
}

/// A lock that another thread died with is taken: the queue is whole between any two steps, and a log lets go of an
/// append that was cut off before it begins another.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::event_log::FileError;
    use crate::event_log::still::Still;
    use crate::model::calendar::Instant;
    use crate::store::memory::MemoryStore;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    /// Waits at the first look at the clock, and panics at the second, in the middle of a group.
    struct Stops {
        looks: u64,
        waits: Receiver<()>,
    }

    impl Surroundings for Stops {
        fn now(&mut self) -> Instant {
            self.looks += 1;
            if self.looks == 1 {
                self.waits.recv().unwrap();
            }
            Instant::from_micros(0)
        }

        fn salt(&mut self) -> [u8; 32] {
            assert_ne!(self.looks, 2, "nobody can guess this");
            [7; 32]
        }
    }

    struct NoFiles;

    impl SourceFiles for NoFiles {
        fn read(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
            let looked_in = "nothing".to_owned();
            Err(FileError::NotFound { name: name.to_owned(), looked_in })
        }
    }

    fn incident(id: &str) -> Submission {
        Submission::read(1, format!(r#"{{"kind":"incident","id":"{id}"}}"#).as_bytes())
    }

    #[test]
    fn whoever_waits_for_a_writer_that_panics_is_told() {
        let log =
            EventLog::create(MemoryStore::new(), "example.org/desk", None, &mut Still).unwrap();
        let (go_on, waits): (Sender<()>, _) = channel();
        let stops = Stops { looks: 0, waits };
        let shared = std::sync::Arc::new(SharedLog::new(log, Box::new(NoFiles), Box::new(stops)));
        let (done, results) = channel();
        let hand_in = |id: &'static str| {
            let (shared, done) = (std::sync::Arc::clone(&shared), done.clone());
            std::thread::spawn(move || {
                let append = || shared.append(incident(id)).map(|outcome| outcome.seq);
                let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(append));
                // Whoever hears of the last has the log to itself.
                drop(shared);
                done.send((id, caught.ok())).unwrap();
            })
        };
        hand_in("first");
        // The first is taken by its own thread, which waits; the others form one group.
        while locked(&shared.queue).next < 1 || !locked(&shared.queue).waiting.is_empty() {
            std::thread::yield_now();
        }
        for id in ["a", "b", "c"] {
            hand_in(id);
        }
        while locked(&shared.queue).waiting.len() < 3 {
            std::thread::yield_now();
        }
        go_on.send(()).unwrap();
        let (mut stopped, mut panicked) = (0, 0);
        for _ in 0..4 {
            match results.recv_timeout(Duration::from_mins(1)).unwrap() {
                ("first", result) => assert_eq!(result.unwrap().unwrap(), 1),
                (_, None) => panicked += 1,
                (_, Some(Err(GroupError::Stopped))) => stopped += 1,
                (id, other) => panic!("{id}: {other:?}"),
            }
        }
        assert_eq!((panicked, stopped), (1, 2));
        assert!(locked(&shared.queue).results.is_empty());
        // The log goes on, with nothing of what was cut off.
        assert_eq!(shared.append(incident("a")).unwrap().seq, 2);
        assert_eq!(shared.append(incident("a")).map(|again| again.already_there).ok(), Some(true));
        let log = std::sync::Arc::into_inner(shared);
        let log = log.unwrap().into_log();
        assert_eq!(log.head().size, 3);
        log.check(&mut |_| {}).unwrap();
    }
}
