//! Single events in one process, through the library: what a program that embeds the log pays for each, one after the
//! other, and from many threads at once, which then share a sync.
//!
//! Beside each stands the limit: the same lines written to a file, with a sync after each, or after as many as there are
//! threads.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use demarche::event_log::group::SharedLog;
use demarche::event_log::{
    AppendOptions, EventLog, FileError, SourceFiles, Submission, Surroundings,
};
use demarche::model::calendar;
use demarche::store::sled::SledStore;

use crate::Result;

/// A clock that stands still and salts that count: neither costs anything.
struct Cheap(u64);

impl Surroundings for Cheap {
    fn now(&mut self) -> calendar::Instant {
        calendar::Instant::from_micros(0)
    }

    fn salt(&mut self) -> [u8; 32] {
        self.0 += 1;
        let mut salt = [0; 32];
        salt[..8].copy_from_slice(&self.0.to_be_bytes());
        salt
    }
}

struct NoFiles;

impl SourceFiles for NoFiles {
    fn read(&mut self, name: &str) -> std::result::Result<Vec<u8>, FileError> {
        Err(FileError::NotAFile { name: name.to_owned() })
    }
}

/// Appends so many single events to a log, each durable before the next; the seconds for one.
pub(crate) fn append(log: &str, events: u32) -> Result<f64> {
    let mut log = EventLog::open(SledStore::open(Path::new(log), "scale")?)?;
    let before = log.head().size;
    let submissions: Vec<_> = (0..events)
        .map(|number| Submission::read(0, line(before + u64::from(number)).as_bytes()))
        .collect();
    let start = Instant::now();
    for submission in submissions {
        let options = AppendOptions::default();
        log.append(vec![submission], options, &mut NoFiles, &mut Cheap(before))?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(events))
}

/// Appends so many single events from so many threads, each waiting until its event is durable; the seconds for one.
pub(crate) fn append_together(log: &str, events: u32, threads: u32) -> Result<f64> {
    let log = EventLog::open(SledStore::open(Path::new(log), "scale")?)?;
    let before = log.head().size;
    let shared = SharedLog::new(log, Box::new(NoFiles), Box::new(Cheap(before)));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let shared = &shared;
            scope.spawn(move || {
                for number in (thread..events).step_by(threads as usize) {
                    let line = line(before + u64::from(number));
                    let appended = shared.append(Submission::read(0, line.as_bytes()));
                    assert!(appended.is_ok(), "{appended:?}");
                }
            });
        }
    });
    Ok(start.elapsed().as_secs_f64() / f64::from(events))
}

/// Writes so many lines to a file, with a sync after each `group` of them; the seconds for one.
pub(crate) fn write(to: &str, events: u32, group: u32) -> Result<f64> {
    let mut out = File::create(to)?;
    let start = Instant::now();
    for first in (0..events).step_by(group as usize) {
        let lines: String = (first..first + group).map(|number| line(u64::from(number))).collect();
        out.write_all(lines.as_bytes())?;
        out.sync_data()?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(events))
}

fn line(number: u64) -> String {
    let summary = "a word or two ".repeat(20);
    format!(
        "{{\"kind\":\"statement\",\"id\":\"single-{number}\",\"by\":[\"actor-01\"],\"topic\":\"topic-01\",\
         \"stance\":\"supports\",\"modality\":\"asserted\",\"channel\":\"interview\",\"when\":\"2025-01-01\",\
         \"summary\":\"{summary}\",\"cites\":[{{\"source\":\"report-01\",\"at\":\"page 1\"}}]}}"
    )
}
