//! The shapes that `--json` prints, version 1. `docs/json.md` documents them, `docs/schemas` has their JSON Schemas,
//! made from these types; keys may be added, none changes.

use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::Asked;
use super::words::title_of;
use crate::event_log::EventLog;
use crate::model::event::{Attribution, Cite};
use crate::record::link::Link;
use crate::replay::measures::{self, InForce, Possibility, Reason, Status, measures};
use crate::replay::positions::{self, current_positions, positions};
use crate::replay::{
    Anomaly, AnomalyCode, Dispute, HeldPosition, Holding, LeftOut, MeasureAnswer, Position, View,
    anomalies, disputes,
};
use crate::store::Store;

/// The version of all shapes.
pub(crate) const VERSION: u32 = 1;

/// The terms of a closed list, for a schema.
pub(crate) fn terms<T: Copy>(all: &[T], as_str: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|term| as_str(*term)).collect()
}

/// The same, for the items of a list.
pub(crate) fn items<T: Copy>(all: &[T], as_str: fn(T) -> &'static str) -> serde_json::Value {
    serde_json::json!({"type": "string", "enum": terms(all, as_str)})
}

/// The same, where there may be none.
pub(crate) fn or_null<T: Copy>(
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Vec<Option<&'static str>> {
    terms(all, as_str).into_iter().map(Some).chain([None]).collect()
}

/// The question, and the log that it was asked of; part of every answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Question {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// The date or instant asked about, as it was written.
    to: String,
    /// The recorded clock, as it was written; `null` is everything.
    recorded_by: Option<String>,
    /// The reported clock, as it was written; `null` is everything.
    reported_by: Option<String>,
    /// The IANA name of the zone in which dates without a time are read.
    tz: String,
    /// The head of the log that was asked.
    head: HeadShape,
    /// How many events are not counted: the reported clock left them out, or their content is not there.
    left_out: LeftOutShape,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct HeadShape {
    /// How many events there are.
    pub(crate) size: u64,
    /// The link of the last event, 64 hexadecimal digits.
    pub(crate) chain: String,
    /// The RFC 6962 root over all headers, base64.
    pub(crate) root: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct LeftOutShape {
    no_reported_time: u64,
    reported_later: u64,
    /// Corrections and retractions that were reported later; they are not among `reported_later`.
    corrections_reported_later: u64,
    /// Events whose content was erased, or is withheld from this copy.
    absent: u64,
    recorded_later: u64,
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
                corrections_reported_later: left_out.corrections_reported_later,
                absent: left_out.absent,
                recorded_later: left_out.recorded_later,
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

/// The answer of `replay`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReplayShape {
    #[serde(flatten)]
    pub(crate) question: Question,
    #[serde(flatten)]
    pub(crate) answer: AnswerShape,
}

/// What is in force and who holds what; the part of a replay that a proof carries.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AnswerShape {
    measures: Vec<MeasureShape>,
    /// Those that are current; with `--history` also those whose place was taken.
    positions: Vec<PositionShape>,
    disputes: Vec<DisputeShape>,
    anomalies: Vec<AnomalyShape>,
}

impl AnswerShape {
    /// What holds; with the positions whose place was taken, too, if `history` is asked for.
    pub(crate) fn of(view: &View<'_>, history: bool) -> Self {
        let held = if history { positions(view) } else { current_positions(view) };
        Self {
            measures: measure_shapes(view),
            disputes: disputes(view, &held).into_iter().map(DisputeShape::from).collect(),
            positions: held.into_iter().map(PositionShape::from).collect(),
            anomalies: anomaly_shapes(view),
        }
    }
}

pub(crate) fn measure_shapes(view: &View<'_>) -> Vec<MeasureShape> {
    measures(view).into_iter().map(MeasureShape::from).collect()
}

pub(crate) fn anomaly_shapes(view: &View<'_>) -> Vec<AnomalyShape> {
    anomalies(view).into_iter().map(AnomalyShape::from).collect()
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct MeasureShape {
    /// The id of the measure.
    measure: String,
    /// Whose measure.
    by: Vec<String>,
    /// Against whom.
    against: Vec<String>,
    /// What sort of measure, a term of the list `type`.
    r#type: Option<String>,
    /// What it covers; `null` if not said, or not known which.
    scope: Option<String>,
    /// What it may cover, where that is not known.
    scope_outcomes: Vec<String>,
    /// The part that is suspended, where only a part is.
    suspended_scope: Option<String>,
    /// The law or instrument.
    legal_basis: Option<String>,
    /// Where it stands.
    #[schemars(extend("enum" = terms(Status::ALL, Status::as_str)))]
    status: &'static str,
    /// Whether it is in force, which may be certain where the status is not.
    #[schemars(extend("enum" = terms(InForce::ALL, InForce::as_str)))]
    in_force: &'static str,
    /// Every way in which it may stand; `none` is not yet begun.
    #[schemars(extend("items" = items(Status::ALL, Status::as_str)))]
    outcomes: Vec<&'static str>,
    /// Each outcome with the events that lead to it.
    possible: Vec<PossibilityShape>,
    /// Since when: an EDTF date; `null` if unknown.
    since: Option<String>,
    /// When it takes effect: an EDTF date, or `not_stated`.
    effect_date: Option<String>,
    /// The stated end that stands.
    until: Option<String>,
    /// The measure in its place.
    superseded_by: Option<String>,
    /// What it answers: measures, or events that are no step of one.
    responds_to: Vec<String>,
    /// What answers it.
    answered_by: Vec<String>,
    /// Why the status is unknown.
    #[schemars(extend("enum" = or_null(Reason::ALL, Reason::as_str)))]
    reason: Option<&'static str>,
    /// The ids of the events that decide.
    deciding: Vec<String>,
    /// The ids of every event that reports something which has, or may have, happened to it.
    events: Vec<String>,
    /// The passages of the events that decide.
    evidence: Vec<EvidenceShape>,
    /// What to know about how sure this is.
    #[schemars(extend("items" = items(measures::Flag::ALL, measures::Flag::as_str)))]
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
            scope_outcomes: answer.scope_outcomes,
            suspended_scope: answer.suspended_scope,
            legal_basis: answer.legal_basis,
            status: answer.status.as_str(),
            in_force: answer.in_force.as_str(),
            outcomes: answer.outcomes.into_iter().map(|outcome| outcome.as_str()).collect(),
            possible: answer.possible.into_iter().map(PossibilityShape::from).collect(),
            since: answer.since,
            effect_date: answer.effect_date.map(|date| date.as_str().to_owned()),
            until: answer.until,
            superseded_by: answer.superseded_by,
            responds_to: answer.responds_to,
            answered_by: answer.answered_by,
            reason: answer.reason.map(|reason| reason.as_str()),
            deciding: answer.deciding,
            events: answer.events,
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

#[derive(Serialize, JsonSchema)]
struct PossibilityShape {
    #[schemars(extend("enum" = terms(Status::ALL, Status::as_str)))]
    status: &'static str,
    by_stated_end: bool,
    because: Vec<String>,
}

impl From<Possibility> for PossibilityShape {
    fn from(way: Possibility) -> Self {
        Self { status: way.status.as_str(), by_stated_end: way.by_stated_end, because: way.because }
    }
}

#[derive(Serialize, JsonSchema)]
struct EvidenceShape {
    event: String,
    cites: Vec<CiteShape>,
    according_to: Vec<Vec<AttributionShape>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct CiteShape {
    source: String,
    quote: Option<String>,
    form: Option<String>,
    at: Option<String>,
}

impl CiteShape {
    /// The source's name and the passage.
    pub(crate) fn in_words(&self, view: &View<'_>) -> String {
        let source = title_of(view, &self.source);
        match &self.quote {
            Some(quote) => format!("{source}: “{quote}”"),
            None => source,
        }
    }
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

#[derive(Serialize, JsonSchema)]
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

#[derive(Serialize, JsonSchema)]
pub(crate) struct PositionShape {
    /// The speaker; the holder, where positions are rolled up.
    actor: String,
    /// The topic.
    topic: String,
    /// What the speaker does about it, a term of `stance`.
    stance: Option<String>,
    /// How far it is asserted, a term of `modality`.
    modality: String,
    /// What was said, in the reporter's words.
    summary: Option<String>,
    /// How it was made, a term of `channel`.
    channel: Option<String>,
    /// The contact in which it was said.
    contact: Option<String>,
    /// The id of the statement.
    event: String,
    /// When: an EDTF date; `null` if undated.
    as_of: Option<String>,
    /// Whether no later statement is known to have taken its place.
    current: bool,
    /// What to know about it.
    #[schemars(extend("items" = items(positions::Flag::ALL, positions::Flag::as_str)))]
    flags: Vec<&'static str>,
    /// On whose word, one chain a report, nearest to the speaker first.
    according_to: Vec<Vec<AttributionShape>>,
    /// Its passages.
    cites: Vec<CiteShape>,
    /// The later statements that took its place.
    superseded_by: Vec<String>,
    /// Its reports, and the corrections of them.
    rests_on: Vec<String>,
    /// For whom it was spoken; only where positions are rolled up.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldShape>,
}

/// For whom a position was spoken; only where positions are rolled up, where `actor` is the holder.
#[derive(Serialize, JsonSchema)]
struct HeldShape {
    speaker: String,
    path: Vec<String>,
    offices: Vec<String>,
    reached: bool,
    tenure_certain: bool,
}

impl From<HeldPosition> for PositionShape {
    fn from(one: HeldPosition) -> Self {
        let speaker = one.position.actor.clone();
        let mut shape = Self::from(one.position);
        shape.actor = one.seat.holder;
        shape.held = Some(HeldShape {
            speaker,
            path: one.seat.path,
            offices: one.offices,
            reached: one.seat.reached,
            tenure_certain: one.seat.certain,
        });
        shape
    }
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
            superseded_by: position.superseded_by,
            rests_on: position.rests_on,
            held: None,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct DisputeShape {
    topic: Option<String>,
    sides: Vec<SideShape>,
}

#[derive(Serialize, JsonSchema)]
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

/// What the voices of one holder come to on one topic, with one stance.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HoldingShape {
    holder: String,
    reached: bool,
    topic: String,
    stance: Option<String>,
    modality: String,
    offices: Vec<String>,
    /// Of the offices those of which it is not certain that the speaker held them.
    possible_offices: Vec<String>,
    speakers: Vec<String>,
    events: Vec<String>,
    unattributed: bool,
}

impl From<Holding> for HoldingShape {
    fn from(holding: Holding) -> Self {
        Self {
            holder: holding.holder,
            reached: holding.reached,
            topic: holding.topic,
            stance: holding.stance.map(|stance| stance.to_string()),
            modality: holding.modality.to_string(),
            offices: holding.offices,
            possible_offices: holding.possible_offices,
            speakers: holding.speakers,
            events: holding.events,
            unattributed: holding.unattributed,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct AnomalyShape {
    #[schemars(extend("enum" = terms(AnomalyCode::ALL, AnomalyCode::as_str)))]
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
