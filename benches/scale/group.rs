//! Single events in one process, through the library: what a program that embeds the log pays for each.
//!
//! Beside it stands the limit: the same number of lines written to a file, each synced before the next.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

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

/// Writes so many lines to a file, each synced before the next; the seconds for one.
pub(crate) fn write(to: &str, events: u32) -> Result<f64> {
    let mut out = File::create(to)?;
    let start = Instant::now();
    for number in 0..events {
        out.write_all(line(u64::from(number)).as_bytes())?;
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
