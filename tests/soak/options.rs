//! What can be asked for after `cargo test --release --test soak --`.

use std::path::PathBuf;

use crate::failure::Failure;

/// How to run it, for whoever asks wrongly.
const USAGE: &str = "cargo test --release --test soak -- [--only kills,steps,power,full,readonly,clock] [--seed N] \
    [--rounds N] [--dir DIR] [--control]";

/// What logs are put through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Kills,
    Steps,
    Power,
    Full,
    ReadOnly,
    Clock,
}

impl Part {
    pub(crate) const ALL: [Self; 6] =
        [Self::Kills, Self::Steps, Self::Power, Self::Full, Self::ReadOnly, Self::Clock];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::Steps => "steps",
            Self::Power => "power",
            Self::Full => "full",
            Self::ReadOnly => "readonly",
            Self::Clock => "clock",
        }
    }

    /// How many rounds there are where no number is given.
    const fn usual(self) -> u64 {
        match self {
            Self::Kills => 100,
            // One for each command.
            Self::Steps => 14,
            Self::Power => 50,
            Self::Full => 30,
            Self::ReadOnly => 3,
            Self::Clock => 20,
        }
    }
}

pub(crate) struct Options {
    only: Vec<Part>,
    /// The seed of the first round; each that follows has the next number.
    pub(crate) seed: u64,
    rounds: Option<u64>,
    pub(crate) dir: Option<PathBuf>,
    /// Whether the program is to leave its own syncs out, and so to lose something.
    pub(crate) control: bool,
}

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Result<Self, Failure> {
        let mut options =
            Self { only: Vec::new(), seed: 1, rounds: None, dir: None, control: false };
        let wrong = |what: String| Failure::Machine(format!("{what}\n{USAGE}"));
        let mut seeded = false;
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| wrong(format!("{argument} needs a value")));
            let number = |text: &String| {
                text.parse::<u64>().map_err(|_| wrong(format!("{text} is no number")))
            };
            match argument.as_str() {
                "--only" => {
                    for name in value()?.split(',') {
                        let part = Part::ALL.into_iter().find(|part| part.name() == name);
                        options
                            .only
                            .push(part.ok_or_else(|| wrong(format!("there is no {name}")))?);
                    }
                }
                "--seed" => {
                    options.seed = number(value()?)?;
                    seeded = true;
                }
                "--rounds" => options.rounds = Some(number(value()?)?),
                "--dir" => options.dir = Some(value()?.into()),
                "--control" => options.control = true,
                _ => return Err(wrong(format!("{argument} is not known"))),
            }
        }
        // Whoever names a seed repeats one round.
        if seeded {
            options.rounds = options.rounds.or(Some(1));
        }
        if options.control {
            if !cfg!(feature = "soak-control") {
                return Err(wrong(
                    "--control needs a build with --features soak-control".to_owned(),
                ));
            }
            // What a kill leaves is in the system's memory, synced or not.
            options.only = vec![Part::Power];
        }
        Ok(options)
    }

    /// Whether a part is to run.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    pub(crate) fn rounds(&self, part: Part) -> u64 {
        self.rounds.unwrap_or(part.usual())
    }

    /// The command that repeats one round.
    pub(crate) fn again(&self, part: Part, seed: u64) -> String {
        let (feature, control) =
            if self.control { ("--features soak-control ", " --control") } else { ("", "") };
        let name = part.name();
        format!("cargo test --release {feature}--test soak -- --only {name} --seed {seed}{control}")
    }
}
