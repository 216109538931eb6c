//! What is required, held against what was measured.

use crate::contenders::Row;

const MIB: f64 = 1_048_576.0;

/// A requirement, and how it was met.
pub(crate) struct Requirement {
    pub(crate) text: String,
    /// What was measured; `None` if it was not.
    pub(crate) figure: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) met: Option<bool>,
}

impl Requirement {
    fn at_least(text: &str, figure: Option<f64>, bound: f64) -> Self {
        let met = figure.map(|figure| figure >= bound);
        Self { text: format!("{text} at least {bound} x"), figure, unit: "x", met }
    }

    fn at_most(text: &str, figure: Option<f64>, bound: f64, unit: &'static str) -> Self {
        let met = figure.map(|figure| figure <= bound);
        Self { text: format!("{text} at most {bound} {unit}"), figure, unit, met }
    }
}

/// Holds every requirement against the rows.
pub(crate) fn check(rows: &[Row]) -> Vec<Requirement> {
    let find = |task: &str, who: &str| rows.iter().find(|row| row.task == task && row.who == who);
    let wall = |task: &str, who: &str| find(task, who).map(Row::wall);
    // How many times as long another takes.
    let speed = |task: &str, own: &str, other: &str| Some(wall(task, other)? / wall(task, own)?);
    let mut checked = Vec::new();

    for (task, own, other, bound) in [
        ("append", "demarche", "UmaDB", 2.0),
        ("append", "demarche", "SQLite (rusqlite)", 2.5),
        ("append", "demarche", "SQLite (Python)", 2.5),
        ("verify", "demarche", "SQLite (rusqlite)", 4.0),
        ("verify", "demarche", "SQLite (Python)", 4.0),
        ("verify", "demarche", "the hashes alone, all cores", 0.5),
        ("replay", "demarche, cold", "SQLite (Python)", 6.0),
    ] {
        let text = format!("{task}, speed against {other}:");
        checked.push(Requirement::at_least(&text, speed(task, own, other), bound));
    }

    for (size, bound) in [(1_000_000, 50.0), (10_000_000, 100.0)] {
        let warm = rows
            .iter()
            .filter(|row| row.events == size)
            .find(|row| row.task == "growth: replay, warm" || row.who == "demarche, warm");
        let text = format!("replay of {size} events, warm:");
        checked.push(Requirement::at_most(&text, warm.map(|row| row.wall() * 1e3), bound, "ms"));
    }

    let single = speed("single append", "git commit", "demarche");
    checked.push(Requirement::at_most("single append, time against git commit:", single, 2.5, "x"));

    let largest = rows.iter().filter(|row| is_own(row)).map(|row| row.events).max();
    for task in ["append", "verify", "replay", "export"] {
        let peak = (rows.iter())
            .filter(|row| Some(row.events) == largest && is_own(row) && row.task.contains(task))
            .map(|row| as_float(row.memory()) / MIB)
            .reduce(f64::max);
        let text = format!("{task}, peak memory at {} events:", largest.unwrap_or(0));
        checked.push(Requirement::at_most(&text, peak, 256.0, "MiB"));
    }
    let disk = rows
        .iter()
        .filter(|row| is_own(row) && Some(row.events) == largest && row.task.ends_with("append"))
        .find(|row| row.disk() > 0)
        .map(|row| as_float(row.disk()) / as_float(row.input));
    checked.push(Requirement::at_most("disk, against the JSON lines:", disk, 0.7, "x"));

    for task in ["append", "verify", "replay, cold"] {
        let largest = (rows.iter())
            .filter(|row| row.task == format!("growth: {task}"))
            .max_by_key(|row| row.events);
        let text = format!("growth of {task} an event, 100,000 to the largest:");
        let growth = largest.and_then(|row| growth(rows, row));
        checked.push(Requirement::at_most(&text, growth, 1.3, "x"));
    }
    checked
}

/// A row of demarche with the made workload.
fn is_own(row: &Row) -> bool {
    row.who.starts_with("demarche") && !row.task.starts_with("ICEWS") && row.events > 1
}

/// How many times what it costs at 100,000 events a task costs at a larger size: an event, or the whole of what touches
/// few of them.
pub(crate) fn growth(rows: &[Row], larger: &Row) -> Option<f64> {
    let small = rows.iter().find(|row| row.task == larger.task && row.events == 100_000)?;
    let whole = ["single", "warm"].iter().any(|few| larger.task.contains(few));
    let cost = |row: &Row| row.wall() / if whole { 1.0 } else { as_float(row.events) };
    (larger.events > small.events).then(|| cost(larger) / cost(small))
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn as_float(number: u64) -> f64 {
    number as f64
}
