//! Group commit: a log that several threads append single events to.
//!
//! A durable append waits for the disk, and the disk takes many events in the time of one. So whoever finds the log free
//! writes everything that was handed in meanwhile, each event on its own (one that is refused takes no other with it),
//! and all of it becomes durable with one sync; the others wait for what came of theirs.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{
    AppendError, AppendOptions, EventLog, Outcome, Refusal, SourceFiles, Submission, Surroundings,
};
use crate::store::{Store, StoreError};

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
            {
                let mut queue = locked(&self.queue);
                if let Some(result) = queue.results.remove(&number) {
                    return result;
                }
                // It was taken by whoever has the log: that thread will say what came of it.
                if !queue.waiting.iter().any(|(waiting, _)| *waiting == number) {
                    let wait =
                        self.done.wait_while(queue, |queue| !queue.results.contains_key(&number));
                    drop(wait.unwrap_or_else(PoisonError::into_inner));
                    continue;
                }
            }
            let mut inner = locked(&self.log);
            let taken = std::mem::take(&mut locked(&self.queue).waiting);
            if taken.is_empty() {
                continue;
            }
            let results = inner.append(taken);
            drop(inner);
            let mut queue = locked(&self.queue);
            queue.groups = queue.groups.saturating_add(1);
            queue.results.extend(results);
            drop(queue);
            self.done.notify_all();
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
            Err(AppendError::Store(error)) => Some(error),
            Err(AppendError::Input(error)) => {
                Some(StoreError::Io { path: std::path::PathBuf::new(), error })
            }
        };
        for number in lines.keys() {
            let words = || failed.as_ref().map(ToString::to_string).unwrap_or_default();
            results.entry(*number).or_insert_with(|| Err(GroupError::Store(words())));
        }
        results
    }
}

/// A lock is only ever held over steps that leave what it guards whole, so one that another thread died with is taken.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
