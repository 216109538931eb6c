//! What a replay answers about one measure, and the words it is answered in.

use crate::model::event::{Attribution, Cite};
use crate::model::vocabulary::MeasureType;
use crate::replay::terms::terms;

/// What a replay answers about one measure.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureAnswer {
    /// The id of the measure.
    pub measure: String,
    /// Whose measure.
    pub by: Vec<String>,
    /// Against whom.
    pub against: Vec<String>,
    /// What sort of measure.
    pub kind: Option<MeasureType>,
    /// What it covers, as last changed by the date asked about; `None` if no report says, or if it is not known which.
    pub scope: Option<String>,
    /// What it may cover, where that is not known; empty otherwise.
    pub scope_outcomes: Vec<String>,
    /// Of what it covers, the part that is suspended, as the step that suspends it says.
    pub suspended_scope: Option<String>,
    /// The law or instrument.
    pub legal_basis: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Where it may stand: one status if `status` is known, all that are possible if it is `unknown`.
    pub outcomes: Vec<Status>,
    /// Each outcome with the events that lead to it.
    pub possible: Vec<Possibility>,
    /// Whether it is in force, which may be certain where the status is not.
    pub in_force: InForce,
    /// Since when it stands there: the date as reported, or the bounds that are left. `None` if unknown.
    pub since: Option<String>,
    /// When it took effect, or will.
    pub effect_date: Option<EffectDate>,
    /// The stated end that stands, as reported.
    pub until: Option<String>,
    /// The measure in its place.
    pub superseded_by: Option<String>,
    /// What it answers: events or measures.
    pub responds_to: Vec<String>,
    /// What answers it, by `responds_to` or a relation: measures, or events that are no step of one.
    pub answered_by: Vec<String>,
    /// The ids of the events that say what it answers, or what answers it, in log order.
    pub linked_by: Vec<String>,
    /// Why the status is unknown; `None` if it is known.
    pub reason: Option<Reason>,
    /// The ids of the events that decide, in log order.
    pub deciding: Vec<String>,
    /// The ids of every event that reports something which has, or may have, happened to it by then, in log order.
    pub events: Vec<String>,
    /// The passages of the events that decide.
    pub evidence: Vec<Evidence>,
    /// What to know about how sure this is, in alphabetical order.
    pub flags: Vec<Flag>,
}

/// One way in which a measure may stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Possibility {
    /// Where it may stand.
    pub status: Status,
    /// Whether it does so because a stated end has, or may have, passed; nothing was reported of that.
    pub by_stated_end: bool,
    /// The ids of the events by which it stands there; for [`Status::None`], of those that may not have happened.
    pub because: Vec<String>,
}

terms! {
    /// Where a measure stands.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Status {
        /// Nothing has happened to it; only ever one of several outcomes.
        None = "none",
        /// Its author says it may come.
        Threatened = "threatened",
        /// It is to come.
        Announced = "announced",
        /// It has effect.
        InForce = "in_force",
        /// It has been imposed, and has no effect for the time being.
        Suspended = "suspended",
        /// It is over.
        Ended = "ended",
        /// Several outcomes are possible.
        Unknown = "unknown",
    }
}

terms! {
    /// Whether a measure is in force.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum InForce {
        /// In every possible world.
        Yes = "yes",
        /// In none.
        No = "no",
        /// In some.
        Unknown = "unknown",
    }
}

/// When a measure took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectDate {
    /// As a report states it.
    Stated(String),
    /// No report states it; the measure counts from its announcement, or from when it was reported to have happened.
    NotStated,
}

impl EffectDate {
    /// The date, or `not_stated`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stated(date) => date,
            Self::NotStated => "not_stated",
        }
    }
}

terms! {
    /// Why a status is unknown.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum Reason {
        /// A stated end has passed and nothing was reported since.
        ScheduledEndPassed = "scheduled_end_passed",
        /// A stated end is known within bounds only, and may have passed.
        ScheduledEndMayHavePassed = "scheduled_end_may_have_passed",
        /// Reports of one step give dates that cannot both be right.
        Contradicted = "contradicted",
        /// A step is known within bounds only, and may have happened.
        MayHaveHappened = "may_have_happened",
        /// Steps have happened in an order that is not known.
        OrderUnknown = "order_unknown",
        /// There are more possible worlds than this program looks at.
        TooManyWorlds = "too_many_worlds",
    }
}

terms! {
    /// What to know about how sure an answer is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum Flag {
        /// A date that decides is marked `~`.
        ApproximateDate = "approximate_date",
        /// Reports of a step that decides contradict one another about its date, or about the end that it states.
        Contradicted = "contradicted",
        /// Its alleged author has denied it.
        Denied = "denied",
        /// No report says when it takes effect.
        EffectDateNotStated = "effect_date_not_stated",
        /// Only part of it is suspended.
        PartlySuspended = "partly_suspended",
        /// A date that decides is marked `?`.
        UncertainDate = "uncertain_date",
        /// A step that decides has no date.
        Undated = "undated",
    }
}

/// The passages of an event that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The id of the event.
    pub event: String,
    /// Its passages, and those of its further reports.
    pub cites: Vec<Cite>,
    /// On whose word it rests, one chain a report.
    pub according_to: Vec<Vec<Attribution>>,
}

impl MeasureAnswer {
    /// The keys under which this answer says something else than another; empty if both say the same.
    pub fn differs_from(&self, other: &Self) -> Vec<&'static str> {
        let fields = [
            ("status", self.status != other.status),
            ("outcomes", self.outcomes != other.outcomes),
            ("since", self.since != other.since),
            ("effect_date", self.effect_date != other.effect_date),
            ("until", self.until != other.until),
            ("scope", (&self.scope, &self.scope_outcomes) != (&other.scope, &other.scope_outcomes)),
            ("suspended_scope", self.suspended_scope != other.suspended_scope),
            ("by", self.by != other.by),
            ("against", self.against != other.against),
            ("type", self.kind != other.kind),
            ("legal_basis", self.legal_basis != other.legal_basis),
            ("superseded_by", self.superseded_by != other.superseded_by),
            ("responds_to", self.responds_to != other.responds_to),
            ("answered_by", self.answered_by != other.answered_by),
            ("reason", self.reason != other.reason),
            ("flags", self.flags != other.flags),
            ("evidence", self.evidence != other.evidence),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}
