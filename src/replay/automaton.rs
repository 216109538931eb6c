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
    /// The step that stated what it covers.
    pub(crate) scope: Option<usize>,
    /// The step that stated the end of the suspension.
    pub(crate) suspended_until: Option<usize>,
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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) index: usize,
    pub(crate) act: Act,
    /// Whether it states an end.
    pub(crate) has_until: bool,
    /// Whether it states what the measure covers.
    pub(crate) has_scope: bool,
    /// For [`Act::TakeEffect`]: whether its announcement has happened in this world.
    pub(crate) announced: bool,
}

impl Life {
    /// The life after one more step, and what is wrong with that step here.
    pub(crate) fn after(self, step: Step) -> (Self, Option<AnomalyCode>) {
        let index = Some(step.index);
        let stated = |has: bool| if has { index } else { None };
        let begun = matches!(self.stage, Stage::Announced | Stage::InForce);
        match (step.act, self.stage) {
            (Act::Threaten, Stage::None | Stage::Ended) => {
                let scope = stated(step.has_scope);
                (Self { stage: Stage::Threatened, since: index, scope, ..Self::default() }, None)
            }
            (Act::Announce, Stage::None | Stage::Threatened | Stage::Ended) => {
                let (until, scope) = (stated(step.has_until), stated(step.has_scope));
                let stage = Stage::Announced;
                (Self { stage, since: index, until, scope, ..Self::default() }, None)
            }
            // It was ended between its announcement and its date.
            (Act::TakeEffect, Stage::Ended) if step.announced => (self, None),
            (Act::Impose | Act::TakeEffect, _) => self.imposed(step),
            (Act::Change, Stage::InForce | Stage::Announced) => {
                let until = stated(step.has_until).or(self.until);
                let scope = stated(step.has_scope).or(self.scope);
                (Self { until, scope, ..self }, None)
            }
            (Act::Change, Stage::Ended) => (self, Some(AnomalyCode::ChangeAfterEnd)),
            (Act::Change, _) => (self, Some(AnomalyCode::ChangeOfNothing)),
            (Act::Suspend, _) if begun => {
                let suspended = self.suspended.or(index);
                let kept = if self.suspended.is_some() { self.suspended_until } else { None };
                let suspended_until = if step.has_until { index } else { kept };
                (Self { suspended, suspended_until, ..self }, None)
            }
            (Act::Suspend, _) => (self, Some(AnomalyCode::SuspensionOfNothing)),
            (Act::Resume, _) if self.suspended.is_some() => {
                (Self { suspended: None, suspended_until: None, since: index, ..self }, None)
            }
            (Act::Resume, _) => (self, Some(AnomalyCode::ResumedWithoutSuspension)),
            (Act::End, Stage::None) => (self, Some(AnomalyCode::EndOfNothing)),
            (Act::End, Stage::Ended) => (self, Some(AnomalyCode::EndedTwice)),
            (Act::End, _) => {
                let scope = self.scope;
                (Self { stage: Stage::Ended, since: index, scope, ..Self::default() }, None)
            }
            (Act::Threaten | Act::Announce | Act::Nothing, _) => (self, None),
        }
    }

    fn imposed(self, step: Step) -> (Self, Option<AnomalyCode>) {
        let index = Some(step.index);
        let lasts = matches!(self.stage, Stage::Announced | Stage::InForce);
        // What takes effect as announced says nothing new: its end and scope may have been changed since.
        let anew_said = !(step.act == Act::TakeEffect && step.announced);
        let said = |has: bool, before: Option<usize>| {
            if has && anew_said { index } else { before.filter(|_| lasts) }
        };
        let until = said(step.has_until, self.until);
        let scope = said(step.has_scope, self.scope);
        // An announced measure that was suspended before its date stays so when the date comes.
        let stays_suspended = step.act == Act::TakeEffect && self.suspended.is_some();
        let anew = self.stage != Stage::InForce || (self.suspended.is_some() && !stays_suspended);
        let (suspended, suspended_until) =
            if stays_suspended { (self.suspended, self.suspended_until) } else { (None, None) };
        let life = Self {
            stage: Stage::InForce,
            since: if anew { index } else { self.since },
            effect: if self.stage == Stage::InForce { self.effect } else { index },
            until,
            scope,
            suspended,
            suspended_until,
        };
        let anomaly = (!anew && step.act == Act::Impose).then_some(AnomalyCode::ImposedTwice);
        (life, anomaly)
    }

    /// Whether a report of this act shows that the measure outlived a stated end that had passed.
    pub(crate) const fn outlives_until(act: Act) -> bool {
        matches!(act, Act::Impose | Act::TakeEffect | Act::Change | Act::Suspend | Act::Resume)
    }
}
