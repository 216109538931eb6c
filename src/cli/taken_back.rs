//! What was taken back: shown struck through, since history keeps it, with who took it back and why.

use std::io;

use schemars::JsonSchema;
use serde::Serialize;

use super::list::summary;
use super::shapes::CiteShape;
use super::terminal::Terminal;
use super::words::{retracted, shown};
use crate::model::event::{Body, RetractedBy};
use crate::model::vocabulary::RETRACTED_BY;
use crate::replay::{Entry, History, View};

/// An event that was taken back.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TakenBackShape {
    event: String,
    seq: u64,
    kind: &'static str,
    summary: Option<String>,
    retraction: Option<RetractionShape>,
}

/// What takes an event back: withdrawn by its source, recorded in error, and a duplicate are three things.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RetractionShape {
    event: String,
    #[schemars(extend("enum" = RETRACTED_BY.terms.iter().map(|(term, _)| *term).collect::<Vec<_>>()))]
    by: &'static str,
    duplicate_of: Option<String>,
    why: Option<String>,
    cites: Vec<CiteShape>,
    recorded_at: String,
}

impl RetractionShape {
    /// The retraction of this number.
    pub(crate) fn of(history: &History, seq: u64) -> Option<Self> {
        let entry = history.entry(seq)?;
        let event = entry.event()?;
        let Body::Retraction(retraction) = &event.body else { return None };
        Some(Self {
            event: history.id_of(seq),
            by: retraction.by.as_str(),
            duplicate_of: match &retraction.by {
                RetractedBy::Duplicate(of) => Some(of.clone()),
                RetractedBy::Source | RetractedBy::Recorder => None,
            },
            why: retraction.why.clone(),
            cites: event.cites.iter().map(CiteShape::from).collect(),
            recorded_at: entry.recorded_at.to_string(),
        })
    }
}

/// The events taken back that are wanted, in log order, each with the number of its retraction.
fn wanted<'v>(
    view: &'v View<'_>,
    wants: impl Fn(&Entry) -> bool + 'v,
) -> impl Iterator<Item = (&'v Entry, u64)> {
    let struck = view.struck().iter();
    let entries = struck.filter_map(|(seq, by)| Some((view.history().entry(*seq)?, *by)));
    entries.filter(move |(entry, _)| wants(entry))
}

/// The events taken back that are wanted, as JSON.
pub(crate) fn shapes(view: &View<'_>, wants: impl Fn(&Entry) -> bool) -> Vec<TakenBackShape> {
    let shape = |(entry, by): (&Entry, u64)| {
        let event = entry.event()?;
        Some(TakenBackShape {
            event: view.history().id_of(entry.seq),
            seq: entry.seq,
            kind: event.kind().name(),
            summary: summary(event),
            retraction: RetractionShape::of(view.history(), by),
        })
    };
    wanted(view, wants).filter_map(shape).collect()
}

/// The events taken back that are wanted, struck through; nothing if there are none.
pub(crate) fn print(
    view: &View<'_>,
    wants: impl Fn(&Entry) -> bool,
    terminal: &mut Terminal,
) -> io::Result<()> {
    let mut first = true;
    for (entry, by) in wanted(view, wants) {
        let Some(event) = entry.event() else { continue };
        if std::mem::take(&mut first) {
            terminal.line("")?;
            terminal.heading("Taken back")?;
        }
        let what = summary(event).unwrap_or_default();
        terminal.struck(shown(&format!("  {} {what}", event.kind())))?;
        let id = view.history().id_of(entry.seq);
        terminal.faint(shown(&format!("    {id} · {}", retracted(view, by))))?;
    }
    Ok(())
}
