//! How many flips came to which end, by file and class, and which checks found them.

use std::collections::BTreeMap;
use std::fmt;

use super::files::Sort;
use super::trial::{Class, Trial};

#[derive(Default)]
pub(crate) struct Table {
    counts: BTreeMap<(Sort, Class), usize>,
    by: BTreeMap<String, usize>,
}

impl Table {
    pub(crate) fn add(&mut self, trial: &Trial) {
        *self.counts.entry((trial.sort, trial.class)).or_default() += 1;
        if !trial.by.is_empty() {
            *self.by.entry(trial.by.clone()).or_default() += 1;
        }
    }

    fn of(&self, class: Class) -> usize {
        Sort::ALL.iter().map(|sort| self.count(*sort, class)).sum()
    }

    fn count(&self, sort: Sort, class: Class) -> usize {
        self.counts.get(&(sort, class)).copied().unwrap_or(0)
    }

    /// Whether no flip came to a bad end.
    pub(crate) fn is_good(&self) -> bool {
        self.counts.keys().all(|(_, class)| !class.is_bad())
    }

    /// All of it in one line.
    pub(crate) fn line(&self) -> String {
        let count = |class: Class| format!("{} {}", class.name(), self.of(class));
        Class::ALL.map(count).join(", ")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "| file | flips |")?;
        Class::ALL.iter().try_for_each(|class| write!(to, " {} |", class.name()))?;
        write!(to, "\n|---|---|")?;
        Class::ALL.iter().try_for_each(|_| write!(to, "---|"))?;
        writeln!(to)?;
        let mut row = |name: &str, counts: [usize; 5]| {
            write!(to, "| {name} | {} |", counts.iter().sum::<usize>())?;
            counts.iter().try_for_each(|count| write!(to, " {count} |"))?;
            writeln!(to)
        };
        for sort in Sort::ALL {
            row(sort.name(), Class::ALL.map(|class| self.count(sort, class)))?;
        }
        row("all", Class::ALL.map(|class| self.of(class)))?;
        let mut by: Vec<_> = self.by.iter().collect();
        by.sort_by_key(|(name, count)| (usize::MAX - **count, *name));
        writeln!(to, "\n| found by | flips |\n|---|---|")?;
        by.iter().try_for_each(|(name, count)| writeln!(to, "| {name} | {count} |"))
    }
}

/// A trial in words, with what was printed.
pub(crate) fn describe(trial: &Trial) -> String {
    let end = |end: &super::run::End| {
        let first = |text: &str| text.lines().take(30).collect::<Vec<_>>().join("\n    ");
        let (out, error) = (first(&end.out), first(&end.error));
        let status = match end.status {
            Some(status) => format!("exit {status}"),
            None if end.hung => "it hung".to_owned(),
            None => "a signal".to_owned(),
        };
        format!("{status}\n    {out}\n    {error}")
    };
    format!(
        "{}: {}, byte {}, bit {}\n  {:?}: {}\n  verify: {}",
        trial.class.name(),
        trial.path.display(),
        trial.byte,
        trial.bit,
        trial.ask,
        end(&trial.answer),
        end(&trial.verify)
    )
}
