//! What a log means, as one value: for each measure its steps sorted by bounds, for each actor and topic its statements.
//!
//! It is a history, not a state: every answer about a date follows from it. The same events give the same value,
//! wherever and whenever they are folded, as long as [`REDUCER_VERSION`] is the same. It does not say whether the events
//! are those that were recorded. `the_version_changes_with_what_is_made` fails when one changes without the other.

use std::collections::BTreeMap;

use super::automaton::Act;
use super::clocks::Clocks;
use super::history::History;
use super::positions::statements;
use super::steps::all_steps;
use super::view::View;
use crate::model::calendar::{Instant, Zone};
use crate::model::date::Span;
use crate::model::value::{Object, Value};

/// The version of the rules by which events are folded. It is raised when the same events come to mean something else.
pub const REDUCER_VERSION: i64 = 1;

/// The projections of a history, of everything that it holds.
pub fn projections(history: &History) -> Object<'static> {
    let view = View::of(history, Clocks::at(Instant::MAX, Zone::UTC));
    let id = |seq: u64| text(history.id_of(seq));
    let mut measures = Object::new();
    for (measure, steps) in all_steps(&view).0 {
        let mut rows = Vec::new();
        for step in &steps {
            let mut row = bounds(&step.places.iter().map(|place| place.span).collect::<Vec<_>>());
            row.insert("act".into(), text(act_name(step.act).to_owned()));
            row.insert("event".into(), id(step.seq));
            row.insert(
                "rests_on".into(),
                Value::List(step.rests_on.iter().map(|seq| id(*seq)).collect()),
            );
            if let Some(scope) = step.scope {
                row.insert("scope".into(), text(scope.to_owned()));
            }
            if let Some(until) = &step.until {
                row.insert("until".into(), text(until.to_string()));
            }
            let first = step.places.iter().map(|place| place.span).min_by_key(order);
            rows.push((first.as_ref().map(order), step.seq, row));
        }
        rows.sort_by_key(|(bounds, seq, _)| (*bounds, *seq));
        let rows = rows.into_iter().map(|(_, _, row)| Value::Object(row)).collect();
        measures.insert(measure.to_owned().into(), Value::List(rows));
    }
    let mut said: BTreeMap<&str, BTreeMap<&str, Vec<_>>> = BTreeMap::new();
    let all = statements(&view);
    for one in &all {
        let Some(topic) = one.first.event.topic.as_deref() else { continue };
        for actor in &one.statement.by {
            said.entry(actor).or_default().entry(topic).or_default().push(one);
        }
    }
    let mut positions = Object::new();
    for (actor, topics) in said {
        let mut of_actor = Object::new();
        for (topic, mut statements) in topics {
            statements.sort_by_key(|one| (order(&one.span), one.first.seq));
            let row = |one: &&super::positions::Said<'_>| {
                let mut row = bounds(&[one.span]);
                row.insert("event".into(), id(one.first.seq));
                row.insert("modality".into(), text(one.modality().as_str().to_owned()));
                if let Some(stance) = &one.statement.stance {
                    row.insert("stance".into(), text(stance.as_str().to_owned()));
                }
                Value::Object(row)
            };
            let rows = statements.iter().map(row).collect();
            of_actor.insert(topic.to_owned().into(), Value::List(rows));
        }
        positions.insert(actor.to_owned().into(), Value::Object(of_actor));
    }
    let mut projections = Object::new();
    projections.insert("measures".into(), Value::Object(measures));
    projections.insert("positions".into(), Value::Object(positions));
    projections
}

/// Where something can have happened: pairs of bounds, in order; several where its reports contradict one another.
fn bounds(spans: &[Span]) -> Object<'static> {
    let mut spans = spans.to_vec();
    spans.sort_by_key(order);
    let pair = |span: &Span| {
        Value::List(vec![text(span.earliest.to_string()), text(span.latest.to_string())])
    };
    let mut object = Object::new();
    object.insert("bounds".into(), Value::List(spans.iter().map(pair).collect()));
    object
}

fn order(span: &Span) -> (Instant, Instant) {
    (span.earliest, span.latest)
}

const fn act_name(act: Act) -> &'static str {
    match act {
        Act::Threaten => "threaten",
        Act::Announce => "announce",
        Act::TakeEffect => "take_effect",
        Act::Impose => "impose",
        Act::Change => "change",
        Act::Suspend => "suspend",
        Act::Resume => "resume",
        Act::End => "end",
        Act::Nothing => "nothing",
    }
}

fn text(text: String) -> Value<'static> {
    Value::Text(text.into())
}
