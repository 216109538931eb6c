//! The shapes that `--json` prints, version 1. `docs/json.md` documents them; keys may be added, none changes.

use serde::Serialize;

use super::clock_args::Asked;
use crate::event_log::EventLog;
use crate::model::event::{Attribution, Cite};
use crate::record::link::Link;
use crate::replay::{
    Anomaly, Dispute, LeftOut, MeasureAnswer, Position, View, anomalies, disputes, measures,
    positions,
};
use crate::store::Store;

/// The version of all shapes.
pub(crate) const VERSION: u32 = 1;

/// The question, and the log that it was asked of; part of every answer.
#[derive(Serialize)]
pub(crate) struct Question {
    v: u32,
    to: String,
    recorded_by: Option<String>,
    reported_by: Option<String>,
    tz: String,
    head: HeadShape,
    left_out: LeftOutShape,
}

#[derive(Serialize)]
pub(crate) struct HeadShape {
    pub(crate) size: u64,
    pub(crate) chain: String,
    pub(crate) root: String,
}

#[derive(Serialize)]
struct LeftOutShape {
    no_reported_time: u64,
    reported_later: u64,
}

impl Question {
    pub(crate) fn new(asked: &Asked, log: &EventLog<impl Store>, left_out: LeftOut) -> Self {
        Self {
            v: VERSION,
            to: asked.to.clone(),
            recorded_by: asked.recorded_by.clone(),
            reported_by: asked.reported_by.clone(),
            tz: asked.tz.clone(),
            head: HeadShape::of(log),
            left_out: LeftOutShape {
                no_reported_time: left_out.no_reported_time,
                reported_later: left_out.reported_later,
            },
        }
    }
}

impl HeadShape {
    pub(crate) fn of(log: &EventLog<impl Store>) -> Self {
        let head = log.head();
        Self { size: head.size, chain: Link(head.link).to_string(), root: log.root().base64() }
    }
}

/// The answer of `replay`; `measures` and `positions` print parts of it.
#[derive(Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) question: Question,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measures: Option<Vec<MeasureShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) positions: Option<Vec<PositionShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disputes: Option<Vec<DisputeShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) anomalies: Option<Vec<AnomalyShape>>,
}

/// Which parts of an answer to print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    All,
    Measures,
    Positions,
}

impl Answer {
    pub(crate) fn new(
        asked: &Asked,
        log: &EventLog<impl Store>,
        view: &View<'_>,
        parts: Parts,
    ) -> Self {
        let with = |part| parts == Parts::All || parts == part;
        let held = if with(Parts::Positions) { positions(view) } else { Vec::new() };
        Self {
            question: Question::new(asked, log, view.left_out()),
            measures: with(Parts::Measures)
                .then(|| measures(view).into_iter().map(MeasureShape::from).collect()),
            disputes: with(Parts::Positions)
                .then(|| disputes(view, &held).into_iter().map(DisputeShape::from).collect()),
            positions: with(Parts::Positions)
                .then(|| held.into_iter().map(PositionShape::from).collect()),
            anomalies: with(Parts::Measures)
                .then(|| anomalies(view).into_iter().map(AnomalyShape::from).collect()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct MeasureShape {
    measure: String,
    by: Vec<String>,
    against: Vec<String>,
    r#type: Option<String>,
    scope: Option<String>,
    legal_basis: Option<String>,
    status: &'static str,
    in_force: &'static str,
    outcomes: Vec<&'static str>,
    since: Option<String>,
    effect_date: Option<String>,
    until: Option<String>,
    superseded_by: Option<String>,
    responds_to: Vec<String>,
    reason: Option<&'static str>,
    deciding: Vec<String>,
    evidence: Vec<EvidenceShape>,
    flags: Vec<&'static str>,
}

impl From<MeasureAnswer> for MeasureShape {
    fn from(answer: MeasureAnswer) -> Self {
        Self {
            measure: answer.measure,
            by: answer.by,
            against: answer.against,
            r#type: answer.kind.map(|kind| kind.to_string()),
            scope: answer.scope,
            legal_basis: answer.legal_basis,
            status: answer.status.as_str(),
            in_force: answer.in_force.as_str(),
            outcomes: answer.outcomes.into_iter().map(|outcome| outcome.as_str()).collect(),
            since: answer.since,
            effect_date: answer.effect_date.map(|date| date.as_str().to_owned()),
            until: answer.until,
            superseded_by: answer.superseded_by,
            responds_to: answer.responds_to,
            reason: answer.reason.map(|reason| reason.as_str()),
            deciding: answer.deciding,
            evidence: answer
                .evidence
                .into_iter()
                .map(|evidence| EvidenceShape {
                    event: evidence.event,
                    cites: evidence.cites.iter().map(CiteShape::from).collect(),
                    according_to: chains(&evidence.according_to),
                })
                .collect(),
            flags: answer.flags.into_iter().map(|flag| flag.as_str()).collect(),
        }
    }
}

#[derive(Serialize)]
struct EvidenceShape {
    event: String,
    cites: Vec<CiteShape>,
    according_to: Vec<Vec<AttributionShape>>,
}

#[derive(Serialize)]
pub(crate) struct CiteShape {
    source: String,
    quote: Option<String>,
    form: Option<String>,
    at: Option<String>,
}

impl From<&Cite> for CiteShape {
    fn from(cite: &Cite) -> Self {
        Self {
            source: cite.source.clone(),
            quote: cite.quote.clone(),
            form: cite.form.as_ref().map(ToString::to_string),
            at: cite.at.clone(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct AttributionShape {
    by: Option<String>,
    how: Option<String>,
}

impl From<&Attribution> for AttributionShape {
    fn from(link: &Attribution) -> Self {
        Self { by: link.by.clone(), how: link.how.as_ref().map(ToString::to_string) }
    }
}

pub(crate) fn chains(chains: &[Vec<Attribution>]) -> Vec<Vec<AttributionShape>> {
    chains.iter().map(|chain| chain.iter().map(AttributionShape::from).collect()).collect()
}

#[derive(Serialize)]
pub(crate) struct PositionShape {
    actor: String,
    topic: String,
    stance: Option<String>,
    modality: String,
    summary: Option<String>,
    channel: Option<String>,
    contact: Option<String>,
    event: String,
    as_of: Option<String>,
    current: bool,
    flags: Vec<&'static str>,
    according_to: Vec<Vec<AttributionShape>>,
    cites: Vec<CiteShape>,
}

impl From<Position> for PositionShape {
    fn from(position: Position) -> Self {
        Self {
            actor: position.actor,
            topic: position.topic,
            stance: position.stance.map(|stance| stance.to_string()),
            modality: position.modality.to_string(),
            summary: position.summary,
            channel: position.channel,
            contact: position.contact,
            event: position.event,
            as_of: position.as_of,
            current: position.current,
            flags: position.flags.into_iter().map(|flag| flag.as_str()).collect(),
            according_to: chains(&position.according_to),
            cites: position.cites.iter().map(CiteShape::from).collect(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct DisputeShape {
    topic: Option<String>,
    sides: Vec<SideShape>,
}

#[derive(Serialize)]
struct SideShape {
    actor: Option<String>,
    stance: Option<String>,
    event: String,
}

impl From<Dispute> for DisputeShape {
    fn from(dispute: Dispute) -> Self {
        let side = |side: crate::replay::positions::Side| SideShape {
            actor: side.actor,
            stance: side.stance.map(|stance| stance.to_string()),
            event: side.event,
        };
        Self { topic: dispute.topic, sides: dispute.sides.into_iter().map(side).collect() }
    }
}

#[derive(Serialize)]
pub(crate) struct AnomalyShape {
    code: &'static str,
    measure: Option<String>,
    events: Vec<String>,
    about: &'static str,
}

impl From<Anomaly> for AnomalyShape {
    fn from(anomaly: Anomaly) -> Self {
        Self {
            code: anomaly.code.as_str(),
            measure: anomaly.measure,
            events: anomaly.events,
            about: anomaly.code.about(),
        }
    }
}
