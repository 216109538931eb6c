//! Which events to show: the same flags for `timeline` and `list`.

use clap::Args;

use super::clock_args::{Bound, read_bound};
use super::error::CliError;
use crate::model::calendar::{Instant, Zone};
use crate::model::event::Body;
use crate::model::near::nearest;
use crate::model::schema::{KINDS, Kind, SYSTEM_KINDS};
use crate::replay::filter::Unknown;
use crate::replay::{Filter, History};

#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only what this actor, or one that is part of it, said, did or is named in; may be given more than once
    #[arg(long, value_name = "ID")]
    actor: Vec<String>,
    /// Only what is on this topic, or a narrower one; may be given more than once
    #[arg(long, value_name = "ID")]
    topic: Vec<String>,
    /// Only events of this kind; may be given more than once
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only the steps of this measure and what refers to them; may be given more than once
    #[arg(long, value_name = "ID")]
    measure: Vec<String>,
    /// Only what may have happened on this day or later
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Only what holds this text, in whatever case
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

impl FilterArgs {
    /// The filter, without a last day; it must begin by `to`, however that was written.
    pub(crate) fn filter(
        &self,
        zone: Zone,
        to: Option<(Instant, &str)>,
    ) -> Result<Filter, CliError> {
        let from = self.from.as_deref();
        let earliest =
            from.map(|text| read_bound("--from", text, zone, Bound::First)).transpose()?;
        if let (Some(from), Some(earliest), Some((to, last))) = (from, earliest, to)
            && earliest > to
        {
            return Err(from_after_to(from, last));
        }
        Ok(Filter {
            actors: self.actor.clone(),
            topics: self.topic.clone(),
            kinds: self.kind.iter().map(|name| kind(name)).collect::<Result<_, _>>()?,
            measures: self.measure.clone(),
            from: earliest,
            to: None,
            text: self.text.clone(),
        })
    }
}

/// That a stretch of time ends before it begins.
pub(crate) fn from_after_to(from: &str, to: &str) -> CliError {
    CliError::refused(format!("--from {from} is after --to {to}"))
        .hint("the earlier date comes first")
}

fn kind(name: &str) -> Result<Kind, CliError> {
    Kind::parse(name).ok_or_else(|| {
        let error = CliError::refused(format!("there is no kind of event {name:?}"));
        let names = KINDS.iter().map(|spec| spec.name).chain(SYSTEM_KINDS.iter().map(|(_, n)| *n));
        match nearest(name, names.clone(), 2).as_slice() {
            [] => error.hint(format!("the kinds are {}", names.collect::<Vec<_>>().join(", "))),
            near => error.hint(format!("did you mean {}?", near.join(" or "))),
        }
    })
}

/// An id that the log does not know as what it is to be: what it is, or those of the right kind that look like it.
pub(crate) fn unknown(error: &Unknown, history: &History) -> CliError {
    let refused = CliError::refused(error.to_string());
    let refused = match what_is(history, &error.id) {
        Some(what) => refused.detail(what),
        None => refused,
    };
    let near = match Kind::parse(error.what) {
        Some(kind) if kind != Kind::Measure => {
            nearest(&error.id, ids_of(history, move |known| known == kind), 3)
        }
        _ => nearest(&error.id, history.measure_ids(), 3),
    };
    match near.as_slice() {
        [] => refused.hint(format!("see what there is: demarche list --kind {}", error.what)),
        near => refused.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

/// What an id is that is known, in words.
fn what_is(history: &History, id: &str) -> Option<String> {
    let event = history.seq_of(id).and_then(|seq| history.entry(seq)?.event());
    match event.map(|event| (&event.body, event.kind())) {
        Some((Body::Measure(step), _)) => {
            Some(format!("{id} is a step of the measure {}", step.measure))
        }
        Some((_, kind)) => Some(format!("{id} is {}", kind.with_article())),
        None => history.has_measure(id).then(|| format!("{id} is a measure")),
    }
}

/// The ids of events of some kinds.
pub(crate) fn ids_of(
    history: &History,
    is_meant: impl Fn(Kind) -> bool,
) -> impl Iterator<Item = &str> {
    history.ids().filter(move |id| {
        let event = history.seq_of(id).and_then(|seq| history.entry(seq)?.event());
        event.is_some_and(|event| is_meant(event.kind()))
    })
}
