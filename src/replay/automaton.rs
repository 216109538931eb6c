//! The life of a measure as a machine: what each step does to it.
//!
//! One machine runs through one possible world, a sequence of steps in the order in which they happened there. Steps
//! are named by their index in a list that the caller keeps. `worlds` runs it through all of them.

use super::anomalies::AnomalyCode;

/// Where a measure stands in one possible world, after some of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Life {
    /// How far it has come.
    pub(crate) stage: Stage,
    /// The step that brought it there.
    pub(crate) since: Option<usize>,
    /// The step that suspended it, while it is suspended.
    pub(crate) suspended: Option<usize>,
    /// The step that stated the end that stands.
    pub(crate) until: Option<usize>,
    /// Whether that end has passed.
    pub(crate) until_passed: bool,
    /// The step that stated what it covers.
    pub(crate) scope: Option<usize>,
    /// The step that stated the end of the suspension.
    pub(crate) suspended_until: Option<usize>,
    /// Whether that end has passed.
    pub(crate) suspended_until_passed: bool,
    /// The step by which it last took effect.
    pub(crate) effect: Option<usize>,
}

/// How far a measure has come, suspension apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Stage {
    #[default]
    None,
    Threatened,
    Announced,
    InForce,
    Ended,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Threaten,
    /// It is made known that the measure will take effect.
    Announce,
    /// It takes effect as announced earlier, unless it was ended in between.
    TakeEffect,
    Impose,
    /// `amend`, `extend`, `narrow`.
    Change,
    Suspend,
    Resume,
    /// `lift`, `expire`, `annul`, `supersede`.
    End,
    /// `deny`, and terms of the reporter's own.
    Nothing,
}

/// A step, as far as the machine must know it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the step in one world"
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) index: usize,
    pub(crate) act: Act,
    /// Whether it states an end.
    pub(crate) has_until: bool,
    /// Whether it states what the measure covers.
    pub(crate) has_scope: bool,
    /// Whether the end that it states has passed before it happens.
    pub(crate) end_passed: bool,
    /// For [`Act::TakeEffect`]: whether its announcement has happened in this world.
    pub(crate) announced: bool,
}

impl Life {
    /// The life after one more step, and what is wrong with that step here.
    pub(crate) fn after(self, step: Step) -> (Self, Option<AnomalyCode>) {
        let index = Some(step.index);
        let life = if outlives_end(step.act) { self.without_passed_end() } else { self };
        let begun = matches!(life.stage, Stage::Announced | Stage::InForce);
        match (step.act, life.stage) {
            (Act::Threaten, Stage::None | Stage::Ended) => {
                let life = Self { stage: Stage::Threatened, since: index, ..Self::default() };
                (life.with_terms(step), None)
            }
            (Act::Announce, Stage::None | Stage::Threatened | Stage::Ended) => {
                let life = Self { stage: Stage::Announced, since: index, ..Self::default() };
                (life.with_terms(step), None)
            }
            // It was ended between its announcement and its date.
            (Act::TakeEffect, Stage::Ended) if step.announced => (life, None),
            (Act::Impose | Act::TakeEffect, _) => life.imposed(step),
            (Act::Change, Stage::InForce | Stage::Announced) => (life.with_terms(step), None),
            (Act::Change, Stage::Ended) => (life, Some(AnomalyCode::ChangeAfterEnd)),
            (Act::Change, _) => (life, Some(AnomalyCode::ChangeOfNothing)),
            (Act::Suspend, _) if begun => (life.suspended(step), None),
            (Act::Suspend, _) => (life, Some(AnomalyCode::SuspensionOfNothing)),
            (Act::Resume, _) if life.suspended.is_some() => {
                (Self { since: index, ..life.not_suspended() }, None)
            }
            (Act::Resume, _) => (life, Some(AnomalyCode::ResumedWithoutSuspension)),
            (Act::End, Stage::None) => (life, Some(AnomalyCode::EndOfNothing)),
            (Act::End, Stage::Ended) => (life, Some(AnomalyCode::EndedTwice)),
            (Act::End, _) => {
                let scope = life.scope;
                (Self { stage: Stage::Ended, since: index, scope, ..Self::default() }, None)
            }
            (Act::Threaten | Act::Announce | Act::Nothing, _) => (life, None),
        }
    }

    /// The life once the end that a step states has passed.
    pub(crate) fn after_end(self, step: usize) -> Self {
        Self {
            until_passed: self.until_passed || self.until == Some(step),
            suspended_until_passed: self.suspended_until_passed
                || self.suspended_until == Some(step),
            ..self
        }
    }

    fn imposed(self, step: Step) -> (Self, Option<AnomalyCode>) {
        let index = Some(step.index);
        // An announced measure that was suspended before its date stays so when the date comes.
        let stays_suspended = step.act == Act::TakeEffect && self.suspended.is_some();
        let anew = self.stage != Stage::InForce || (self.suspended.is_some() && !stays_suspended);
        let before = match self.stage {
            Stage::Announced | Stage::InForce if stays_suspended => self,
            Stage::Announced | Stage::InForce => self.not_suspended(),
            // What was threatened, or has ended, leaves no terms.
            Stage::None | Stage::Threatened | Stage::Ended => Self::default(),
        };
        let life = Self {
            stage: Stage::InForce,
            since: if anew { index } else { self.since },
            effect: if self.stage == Stage::InForce { self.effect } else { index },
            ..before
        };
        // What takes effect as announced says nothing new: its end and scope may have been changed since.
        let says_again = step.act == Act::TakeEffect && step.announced;
        let life = if says_again { life } else { life.with_terms(step) };
        let anomaly = (!anew && step.act == Act::Impose).then_some(AnomalyCode::ImposedTwice);
        (life, anomaly)
    }

    fn suspended(self, step: Step) -> Self {
        let index = Some(step.index);
        let life = Self { suspended: self.suspended.or(index), ..self };
        if step.has_until {
            Self { suspended_until: index, suspended_until_passed: step.end_passed, ..life }
        } else if life.suspended_until_passed || life.suspended == index {
            // It is suspended again, or for the first time, and nobody says until when.
            Self { suspended_until: None, suspended_until_passed: false, ..life }
        } else {
            life
        }
    }

    const fn not_suspended(self) -> Self {
        Self { suspended: None, suspended_until: None, suspended_until_passed: false, ..self }
    }

    /// With the end and the scope that a step states, if it states any.
    fn with_terms(self, step: Step) -> Self {
        let mut life = self;
        if step.has_until {
            (life.until, life.until_passed) = (Some(step.index), step.end_passed);
        }
        if step.has_scope {
            life.scope = Some(step.index);
        }
        life
    }

    /// A stated end that has passed is void once a step shows that the measure outlived it.
    fn without_passed_end(self) -> Self {
        if self.until_passed { Self { until: None, until_passed: false, ..self } } else { self }
    }
}

/// Whether a report of this act shows that the measure outlived a stated end that had passed.
const fn outlives_end(act: Act) -> bool {
    matches!(act, Act::Impose | Act::TakeEffect | Act::Change | Act::Suspend | Act::Resume)
}
