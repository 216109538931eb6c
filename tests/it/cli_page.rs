//! `docs/cli.md`: every command and flag, as the program's own help has them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::desk::Desk;

/// The subcommands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let begins = |line: &str| line == "Commands:" || line.starts_with("Kinds of event");
    let list = help.lines().skip_while(|line| !begins(line)).skip(1);
    let list = list.take_while(|line| !line.is_empty());
    // A description that goes on is indented further.
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn page(desk: &Desk) -> String {
    let mut page = "# Commands and flags\n\nThis page is the program's own help, written anew by \
        `DEMARCHE_UPDATE_DOCS=1 cargo test --locked`.\n"
        .to_owned();
    let mut add = |path: &[&str]| -> String {
        let help = desk.ok(&[path, &["--help"]].concat());
        let title = [&["demarche"], path].concat().join(" ");
        let level = "#".repeat(path.len() + 2);
        let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        write!(page, "\n{level} {title}\n\n```text\n{}\n```\n", help.trim_end()).unwrap();
        help
    };
    let top = add(&[]);
    for command in commands(&top) {
        let help = add(&[&command]);
        for inner in commands(&help) {
            add(&[&command, &inner]);
        }
    }
    page
}

#[test]
fn the_page_is_the_programs_help() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let printed = page(&Desk::new());
    if std::env::var_os("DEMARCHE_UPDATE_DOCS").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == printed,
        "docs/cli.md is not what the program says: write it anew with \
         DEMARCHE_UPDATE_DOCS=1 cargo test --locked"
    );
    for command in ["demarche append measure", "demarche diff", "demarche verify"] {
        assert!(printed.contains(&format!("# {command}\n")), "{command} is on the page");
    }
}
