//! `demarche schema`: the JSON Schemas of what `--json` prints, made from the types that print it.

use clap::Args;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::error::CliError;
use super::terminal::Terminal;
use super::{Outcome, Status};
use super::{
    anchor, append, backup, check, check_event, checkpoint, contacts, diff, doctor, erase, explain,
    gantt, key, lag, list, measures, positions, revisions, shapes, show, snapshot, timeline,
    verify, vocab, witness,
};
use crate::model::near::nearest;

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The command whose output it describes; without it their names are listed
    name: Option<String>,
}

type Make = fn() -> Schema;

/// Every shape, by the command that prints it.
const SCHEMAS: &[(&str, Make)] = &[
    ("anchor", of::<anchor::AnchorShape>),
    ("append", of::<append::AppendedShape>),
    ("backup", of::<backup::BackupShape>),
    ("check", of::<check::CheckShape>),
    ("check-event", of::<check_event::CheckEventShape>),
    ("checkpoint", of::<checkpoint::CheckpointShape>),
    ("contacts", of::<contacts::ContactsShape>),
    ("diff", of::<diff::DiffShape>),
    ("doctor", of::<doctor::DoctorShape>),
    ("erase", of::<erase::ErasedShape>),
    ("explain", of::<explain::ExplainShape>),
    ("gantt", of::<gantt::GanttShape>),
    ("key", of::<key::KeysShape>),
    ("lag", of::<lag::LagShape>),
    ("list", of::<list::ListShape>),
    ("measures", of::<measures::MeasuresShape>),
    ("positions", of::<positions::PositionsShape>),
    ("replay", of::<shapes::ReplayShape>),
    ("revisions", of::<revisions::RevisionsShape>),
    ("show", of::<show::ShowShape>),
    ("snapshot", of::<snapshot::SnapshotShape>),
    ("timeline", of::<timeline::TimelineShape>),
    ("verify", of::<verify::ReportShape>),
    ("vocab", of::<vocab::VocabShape>),
    ("witness", of::<witness::WitnessShape>),
];

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

impl SchemaArgs {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Outcome {
        let Some(name) = &self.name else {
            for (name, _) in SCHEMAS {
                terminal.line(name)?;
            }
            return Ok(Status::Done);
        };
        let Some((_, schema)) = SCHEMAS.iter().find(|(known, _)| known == name) else {
            let error = CliError::refused(format!("no command prints a shape {name:?}"));
            let near = nearest(name, SCHEMAS.iter().map(|(known, _)| *known), 2);
            return Err(match near.as_slice() {
                [] => error.hint("list them: demarche schema"),
                near => error.hint(format!("did you mean {}?", near.join(" or "))),
            });
        };
        let mut schema = schema();
        let command = match name.as_str() {
            "gantt" => "measures --gantt",
            "check-event" => "check",
            "witness" => "witness ask",
            name => name,
        };
        schema.insert("title".to_owned(), format!("demarche {command} --json").into());
        terminal.json(&schema)?;
        Ok(Status::Done)
    }
}
