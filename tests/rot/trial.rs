//! One flipped bit: what a command answers from the damaged log, what `verify` says of it, and which class that is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::{Pristine, Sort};
use super::log::{DAY, EVENT};
use super::random::Random;
use super::run::{End, Program, done};

/// A command that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// A replay that may rest on tables.
    Warm,
    /// One that reads every event.
    Cold,
    Show,
    Prove,
    Checkpoint,
}

impl Ask {
    const ALL: [Self; 5] = [Self::Warm, Self::Cold, Self::Show, Self::Prove, Self::Checkpoint];

    pub(crate) const fn args(self) -> &'static [&'static str] {
        match self {
            Self::Warm => &["replay", "--to", DAY, "--json"],
            Self::Cold => &["replay", "--to", DAY, "--json", "--recompute"],
            Self::Show => &["show", EVENT, "--json"],
            Self::Prove => &["prove", EVENT],
            Self::Checkpoint => &["checkpoint"],
        }
    }

    /// The command for the flip of this number. Only `checkpoint` reads the key.
    fn of(sort: Sort, number: usize) -> Self {
        match (sort, number % 10) {
            (Sort::Journal, 0..4) => Self::Prove,
            (Sort::Journal | Sort::Key, _) => Self::Checkpoint,
            (_, 8) => Self::Show,
            (_, 9) => Self::Prove,
            (_, even) if even.is_multiple_of(2) => Self::Warm,
            _ => Self::Cold,
        }
    }
}

/// What became of a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// `verify` or the command says what is wrong, and what to do.
    Found,
    /// Everything is said as before.
    Harmless,
    /// An answer differs, and `verify` sees nothing; or `verify` sees less than there was, and says that all is well.
    Wrong,
    /// It ends with an error that does not say what to do.
    Mute,
    /// It ends with a panic that is printed, with a signal, or not at all.
    Panic,
}

impl Class {
    pub(crate) const ALL: [Self; 5] =
        [Self::Found, Self::Harmless, Self::Wrong, Self::Mute, Self::Panic];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Harmless => "harmless",
            Self::Wrong => "WRONG",
            Self::Mute => "mute",
            Self::Panic => "PANIC",
        }
    }

    /// Whether it is a fault of the program.
    pub(crate) const fn is_bad(self) -> bool {
        matches!(self, Self::Wrong | Self::Mute | Self::Panic)
    }
}

/// A flip, and what came of it.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) sort: Sort,
    pub(crate) path: PathBuf,
    pub(crate) byte: usize,
    pub(crate) bit: usize,
    pub(crate) ask: Ask,
    pub(crate) answer: End,
    pub(crate) verify: End,
    pub(crate) class: Class,
    /// Which check found it, in a few words; empty if none did.
    pub(crate) by: String,
}

/// A log that was made, and what it answers while it is whole.
pub(crate) struct Subject {
    program: Program,
    pristine: Pristine,
    verify: End,
    answers: BTreeMap<Ask, End>,
}

impl Subject {
    /// Takes the log in `log` under the program's directory.
    pub(crate) fn new(program: Program) -> Self {
        let pristine = Pristine::read(&program.directory().join("log"));
        let ask = |args| {
            let end = done(program.run(args));
            pristine.restore();
            end
        };
        let answers = Ask::ALL.map(|of| (of, ask(of.args()))).into();
        let verify = ask(&["verify"]);
        Self { program, pristine, verify, answers }
    }

    /// Flips one bit of a file of some sort, by its share of those that there are; see [`Self::flip_of`].
    pub(crate) fn flip(&self, number: usize, random: &mut Random) -> Trial {
        loop {
            let mut at = random.below(100);
            let by_share = Sort::ALL.into_iter().find(|sort| {
                let within = at < sort.share();
                at = at.saturating_sub(sort.share());
                within
            });
            let sort = by_share.expect("the shares are a hundred");
            if let Some(trial) = self.flip_of(number, sort, random) {
                return trial;
            }
        }
    }

    /// Flips one bit of a file of this sort, asks, and verifies, each from the bytes that the flip alone changed. `None`
    /// if there is no such file.
    pub(crate) fn flip_of(&self, number: usize, sort: Sort, random: &mut Random) -> Option<Trial> {
        let (path, byte, bit) = self.place(sort, random)?;
        Some(self.flip_there(number, sort, &path, byte, bit))
    }

    fn flip_there(&self, number: usize, sort: Sort, path: &Path, byte: usize, bit: usize) -> Trial {
        let ask = Ask::of(sort, number);
        let run = |args| {
            self.pristine.flip(path, byte, bit);
            let end = self.program.run(args);
            self.pristine.restore();
            end
        };
        let (answer, verify) = (run(ask.args()), run(&["verify"]));
        let (class, by) = judge(&self.verify, &self.answers[&ask], &verify, &answer);
        Trial { sort, path: path.to_owned(), byte, bit, ask, answer, verify, class, by }
    }

    /// Puts a flip in place and leaves it there.
    pub(crate) fn leave(&self, trial: &Trial) {
        self.pristine.flip(&trial.path, trial.byte, trial.bit);
    }

    pub(crate) fn restore(&self) {
        self.pristine.restore();
    }

    pub(crate) const fn program(&self) -> &Program {
        &self.program
    }

    /// A bit of a file of this sort; a larger file is met more often. `None` if there is no such file.
    fn place(&self, sort: Sort, random: &mut Random) -> Option<(PathBuf, usize, usize)> {
        let files = self.pristine.of(sort);
        let all: usize = files.iter().map(|(_, length)| length).sum();
        let mut at = random.below(all.max(1));
        for (path, length) in files {
            if at < length {
                return Some((path.to_owned(), at, random.below(8)));
            }
            at -= length;
        }
        None
    }
}

fn judge(whole: &End, right: &End, verify: &End, answer: &End) -> (Class, String) {
    let none = String::new();
    if [verify, answer].into_iter().any(stopped) {
        return (Class::Panic, none);
    }
    if [verify, answer].into_iter().any(|end| end.status != Some(0) && !advises(end)) {
        return (Class::Mute, none);
    }
    if verify.status != Some(0) {
        return (Class::Found, format!("verify: {}", check(verify)));
    }
    // What verify says when all is well must be what it said of the whole log: as many events, as many checkpoints.
    if verify.out != whole.out {
        return (Class::Wrong, none);
    }
    match answer.status {
        Some(0) if answer.out == right.out => (Class::Harmless, none),
        Some(0) => (Class::Wrong, none),
        _ => (Class::Found, format!("the command: {}", check(answer))),
    }
}

/// Whether it did not end as a program should, or printed a panic.
fn stopped(end: &End) -> bool {
    !matches!(end.status, Some(0..=2)) || end.error.contains("panicked at")
}

/// Whether an error says what to do.
fn advises(end: &End) -> bool {
    end.error.contains("hint:")
}

/// Which check failed, or what the error is, without numbers.
fn check(end: &End) -> String {
    let failed = |line: &str| {
        let check = line.trim_start().strip_prefix("FAILED")?.split_whitespace().next()?;
        Some(check.to_owned())
    };
    if let Some(check) = end.out.lines().find_map(failed) {
        return check;
    }
    let error = end.error.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("?");
    let short: String =
        error.split(['"', '(', '/']).next().unwrap_or("?").chars().take(70).collect();
    short.chars().filter(|one| !one.is_ascii_digit()).collect::<String>().trim().to_owned()
}
