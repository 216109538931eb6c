//! What can be asked for after `cargo bench --bench scale --`.

use std::path::{Path, PathBuf};

use crate::Result;

/// How to run it, for whoever asks wrongly.
const USAGE: &str = "cargo bench --bench scale -- [--events N] [--runs K] [--growth] [--growth-to N] \
    [--only append,verify,replay,single,icews,growth] [--icews FILE] [--dir DIR] [--json FILE]";
const STAGES: [&str; 6] = ["append", "verify", "replay", "single", "icews", "growth"];
/// With fewer events the declarations would weigh.
const EVENTS_MIN: u64 = 1_000;
const ICEWS: &str = "../shared/data/icews/icews_2014_test.txt";

pub(crate) struct Options {
    pub(crate) events: u64,
    pub(crate) runs: usize,
    pub(crate) growth_to: Option<u64>,
    pub(crate) only: Vec<String>,
    pub(crate) icews: Option<PathBuf>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Result<Self> {
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join(ICEWS);
        let mut options = Self {
            events: 200_000,
            runs: 3,
            growth_to: None,
            only: Vec::new(),
            icews: default.exists().then_some(default),
            dir: None,
            json: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                // Cargo says this to every bench.
                "--bench" => {}
                "--events" => options.events = number(value()?)?.max(EVENTS_MIN),
                "--runs" => options.runs = usize::try_from(number(value()?)?.max(1))?,
                "--growth" => options.growth_to = options.growth_to.or(Some(10_000_000)),
                "--growth-to" => options.growth_to = Some(number(value()?)?),
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--icews" => options.icews = Some(value()?.into()),
                "--dir" => options.dir = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                _ => return Err(format!("{argument} is not known\n{USAGE}").into()),
            }
        }
        if let Some(stage) = options.only.iter().find(|stage| !STAGES.contains(&stage.as_str())) {
            return Err(format!("there is no {stage} to measure\n{USAGE}").into());
        }
        if options.only.iter().any(|stage| stage == "growth") {
            options.growth_to = options.growth_to.or(Some(10_000_000));
        }
        Ok(options)
    }

    /// Whether a stage is to run.
    pub(crate) fn wants(&self, stage: &str) -> bool {
        let asked = self.only.is_empty() || self.only.iter().any(|only| only == stage);
        asked && (stage != "growth" || self.growth_to.is_some())
    }
}

fn number(text: &str) -> Result<u64> {
    Ok(text.replace('_', "").parse().map_err(|_| format!("{text} is no number"))?)
}
