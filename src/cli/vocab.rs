//! `demarche vocab`: the closed lists of terms.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::CliError;
use super::shapes::VERSION;
use super::terminal::Terminal;
use super::{Outcome, Status};
use crate::model::near::nearest;
use crate::model::vocabulary::{VOCABULARIES, Vocabulary};

#[derive(Debug, Args)]
pub(crate) struct VocabArgs {
    /// One list alone
    list: Option<String>,
    /// Print the lists as JSON
    #[arg(long)]
    json: bool,
}

/// What `vocab` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VocabShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    vocabularies: Vec<ListShape>,
}

#[derive(Serialize, JsonSchema)]
struct ListShape {
    name: &'static str,
    about: &'static str,
    open: bool,
    terms: Vec<TermShape>,
}

#[derive(Serialize, JsonSchema)]
struct TermShape {
    term: &'static str,
    about: &'static str,
}

impl VocabArgs {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Outcome {
        let lists = self.lists()?;
        if self.json {
            let vocabularies = lists.into_iter().map(shape).collect();
            terminal.json(&VocabShape { v: VERSION, vocabularies })?;
            return Ok(Status::Done);
        }
        for (index, list) in lists.iter().enumerate() {
            if index > 0 {
                terminal.line("")?;
            }
            terminal.heading(format!("{}: {}", list.name, list.about))?;
            let row = |(term, about): &(&str, &str)| vec![(*term).to_owned(), (*about).to_owned()];
            let rows: Vec<_> = list.terms.iter().map(row).collect();
            terminal.table(&["term", "meaning"], &[0], &rows)?;
        }
        terminal.faint("Every list but retracted_by takes terms of your own, too: x-something.")?;
        Ok(Status::Done)
    }

    fn lists(&self) -> Result<Vec<&'static Vocabulary>, CliError> {
        let Some(name) = &self.list else { return Ok(VOCABULARIES.to_vec()) };
        if let Some(list) = VOCABULARIES.iter().find(|list| list.name == name) {
            return Ok(vec![list]);
        }
        let names = VOCABULARIES.iter().map(|list| list.name);
        let error = CliError::refused(format!("there is no list {name:?}"));
        Err(match nearest(name, names.clone(), 2).as_slice() {
            [] => error.hint(format!("the lists are {}", names.collect::<Vec<_>>().join(", "))),
            near => error.hint(format!("did you mean {}?", near.join(" or "))),
        })
    }
}

fn shape(list: &'static Vocabulary) -> ListShape {
    let terms = list.terms.iter().map(|(term, about)| TermShape { term, about });
    ListShape { name: list.name, about: list.about, open: list.open, terms: terms.collect() }
}
