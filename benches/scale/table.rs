//! The results, as a table for people and as JSON.

use serde_json::{Value, json};

use crate::contenders::{Role, Row};
use crate::options::Options;
use crate::requirements::{Requirement, as_float, growth};

const MIB: f64 = 1_048_576.0;

/// The table, and below it the requirements.
pub(crate) fn print(rows: &[Row], requirements: &[Requirement]) -> String {
    let mut text = format!("{}\n\n", machine());
    text.push_str(
        "| task | who | events | seconds | events/s | CPU s | peak MiB | disk MiB | disk/input | compared |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let dash = || "-".to_owned();
        let disk = |shown: String| if row.disk() == 0 { dash() } else { shown };
        text.push_str(&format!(
            "| {} | {} | {} | {} | {:.0} | {:.2} | {:.0} | {} | {} | {} |\n",
            row.task,
            row.who,
            row.events,
            seconds(row.wall()),
            as_float(done(row)) / row.wall(),
            row.cpu(),
            as_float(row.memory()) / MIB,
            disk(format!("{:.1}", as_float(row.disk()) / MIB)),
            disk(if row.input == 0 { dash() } else { format!("{:.2}", ratio(row)) }),
            compared(rows, row),
        ));
    }
    text.push_str("\n| requirement | measured | met |\n|---|---|---|\n");
    for Requirement { text: required, figure, unit, met } in requirements {
        let figure =
            figure.map_or("not measured".to_owned(), |figure| format!("{figure:.2} {unit}"));
        let met = match met {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "-",
        };
        text.push_str(&format!("| {required} | {figure} | {met} |\n"));
    }
    text
}

/// How many events a run dealt with; a single append deals with one, however many there are.
fn done(row: &Row) -> u64 {
    if row.task.contains("single") { 1 } else { row.events }
}

/// How much faster demarche is than a peer or a limit; of growth, what it costs against 100,000 events.
fn compared(rows: &[Row], row: &Row) -> String {
    if row.role == Role::Demarche {
        let grown = if row.task.starts_with("growth") { growth(rows, row) } else { None };
        return grown.map_or("-".to_owned(), |grown| format!("{grown:.2} x the cost at 100,000"));
    }
    let own = rows.iter().find(|own| own.task == row.task && own.role == Role::Demarche);
    let faster = own.map(|own| row.wall() / own.wall());
    faster.map_or("-".to_owned(), |faster| format!("demarche {} x as fast", figure(faster)))
}

/// Two digits that say something, also of what is small.
fn figure(number: f64) -> String {
    if number < 0.1 { format!("{number:.5}") } else { format!("{number:.2}") }
}

fn ratio(row: &Row) -> f64 {
    as_float(row.disk()) / as_float(row.input)
}

fn seconds(seconds: f64) -> String {
    if seconds < 0.1 { format!("{seconds:.5}") } else { format!("{seconds:.3}") }
}

/// The same as JSON.
pub(crate) fn json(all: &[Row], requirements: &[Requirement], options: &Options) -> String {
    let rows: Vec<Value> = all
        .iter()
        .map(|row| {
            let runs: Vec<Value> = (row.runs.iter())
                .map(|run| {
                    json!({
                        "seconds": run.wall, "cpu_seconds": run.cpu, "peak_bytes": run.memory,
                        "disk_bytes": run.disk,
                    })
                })
                .collect();
            json!({
                "task": row.task, "who": row.who, "events": row.events, "input_bytes": row.input,
                "seconds": row.wall(), "seconds_an_event": row.wall() / as_float(done(row)),
                "cpu_seconds": row.cpu(), "peak_bytes": row.memory(), "disk_bytes": row.disk(),
                "disk_bytes_an_event": as_float(row.disk()) / as_float(row.events),
                "growth": growth(all, row), "runs": runs,
            })
        })
        .collect();
    let requirements: Vec<Value> = requirements
        .iter()
        .map(|Requirement { text, figure, unit, met }| {
            json!({"requirement": text, "measured": figure, "unit": unit, "met": met})
        })
        .collect();
    let all = json!({
        "machine": machine(), "events": options.events, "runs": options.runs, "rows": rows,
        "requirements": requirements,
    });
    format!("{all:#}\n")
}

/// The machine, in a line.
fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split(':').nth(1).unwrap_or("unknown").trim().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores of {}, memory {}, Linux {}; SQLite {}",
        field("/proc/cpuinfo", "model name"),
        field("/proc/meminfo", "MemTotal"),
        kernel.trim(),
        rusqlite::version(),
    )
}
