//! Group commit: threads that append single events to one log.

use std::collections::BTreeSet;

use demarche::event_log::group::{GroupError, SharedLog};
use demarche::event_log::{EventLog, Submission};
use demarche::store::Store;
use demarche::store::memory::MemoryStore;

use crate::faulty::{Fault, Faulty};
use crate::support::{Counting, Files};

fn topic(id: &str) -> Submission {
    let line = format!("{{\"kind\":\"topic\",\"id\":\"{id}\",\"name\":\"x\"}}");
    Submission::read(7, line.as_bytes())
}

#[test]
fn every_thread_is_told_what_came_of_its_own_event() {
    let mut clock = Counting::default();
    let log = EventLog::create(MemoryStore::new(), "example.org/desk", None, &mut clock).unwrap();
    let shared = SharedLog::new(log, Box::new(Files::default()), Box::new(clock));
    let seqs: BTreeSet<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let shared = &shared;
                scope.spawn(move || {
                    let mut seqs = Vec::new();
                    for number in 0..50 {
                        let id = format!("t{thread}-{number}");
                        let outcome = shared.append(topic(&id)).unwrap();
                        assert_eq!((outcome.id.as_str(), outcome.line), (id.as_str(), Some(7)));
                        seqs.push(outcome.seq);
                        // One that is refused takes no other with it.
                        let refused = shared.append(Submission::read(9, b"{\"kind\":\"topic\"}"));
                        match refused {
                            Err(GroupError::Refused(refusal)) => {
                                assert_eq!(refusal.line, Some(9));
                            }
                            other => panic!("{other:?}"),
                        }
                        let again = shared.append(topic(&id)).unwrap();
                        assert!(again.already_there && again.seq == outcome.seq);
                    }
                    seqs
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(seqs, (1..=400).collect(), "each has a number of its own");
    let log = shared.into_log();
    assert_eq!(log.head().size, 401);
    log.check(&mut |_| {}).unwrap();
}

#[test]
fn what_is_in_the_log_and_cannot_be_read_back_is_not_called_refused() {
    let mut clock = Counting::default();
    let made = EventLog::create(MemoryStore::new(), "example.org/desk", None, &mut clock).unwrap();
    // The disk dies with the write that moves the head.
    let dies = Faulty::new(made.store().clone(), 0, Fault::Last, true);
    let log = EventLog::open(dies).unwrap();
    let shared = SharedLog::new(log, Box::new(Files::default()), Box::new(clock));
    let error = shared.append(topic("t")).unwrap_err();
    assert!(matches!(error, GroupError::NotReadBack), "{error:?}");
    assert_eq!(error.to_string(), "it was appended, and cannot be read back");
    let log = shared.into_log();
    assert_eq!(log.store().names, ["append"]);
    assert_eq!(log.store().store.head().unwrap().size, 2);
}
