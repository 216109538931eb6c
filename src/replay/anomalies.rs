//! Nonsense in history: listed, never fatal.

use super::measures::measure_anomalies;
use super::view::View;

/// Something in history that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anomaly {
    /// What is wrong.
    pub code: AnomalyCode,
    /// The measure it is about, if it is about one.
    pub measure: Option<String>,
    /// The ids of the events concerned.
    pub events: Vec<String>,
}

/// What is wrong with history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AnomalyCode {
    /// A measure ends that never began.
    EndOfNothing,
    /// A measure ends that had ended.
    EndedTwice,
    /// A measure is changed that never began.
    ChangeOfNothing,
    /// A measure is changed that had ended.
    ChangeAfterEnd,
    /// A measure is suspended that is neither in force nor announced.
    SuspensionOfNothing,
    /// A measure is resumed that was not suspended.
    ResumedWithoutSuspension,
    /// A measure is imposed that was in force already.
    ImposedTwice,
    /// Two events are said to report one act, but cannot: other measures, other steps, other kinds.
    SameActMismatch,
    /// A step has no date at all.
    Undated,
    /// A report of an act that does not count: retracted, erased or unknown.
    ReportOfNothing,
    /// A correction whose value the field cannot hold.
    CorrectionCannotApply,
}

impl AnomalyCode {
    /// The code as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndOfNothing => "end_of_nothing",
            Self::EndedTwice => "ended_twice",
            Self::ChangeOfNothing => "change_of_nothing",
            Self::ChangeAfterEnd => "change_after_end",
            Self::SuspensionOfNothing => "suspension_of_nothing",
            Self::ResumedWithoutSuspension => "resumed_without_suspension",
            Self::ImposedTwice => "imposed_twice",
            Self::SameActMismatch => "same_act_mismatch",
            Self::Undated => "undated",
            Self::ReportOfNothing => "report_of_nothing",
            Self::CorrectionCannotApply => "correction_cannot_apply",
        }
    }

    /// What it means, in one sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Self::EndOfNothing => "a measure ends that never began",
            Self::EndedTwice => "a measure ends that had ended already",
            Self::ChangeOfNothing => "a measure is changed that never began",
            Self::ChangeAfterEnd => "a measure is changed after its end",
            Self::SuspensionOfNothing => "a measure is suspended that has no effect to suspend",
            Self::ResumedWithoutSuspension => "a measure is resumed that was not suspended",
            Self::ImposedTwice => "a measure is imposed that was in force already",
            Self::SameActMismatch => "two events are said to report one act, but cannot",
            Self::Undated => "a step of a measure has no date, so it may have happened at any time",
            Self::ReportOfNothing => "a further report of an act that does not count",
            Self::CorrectionCannotApply => "a correction gives a value that its field cannot hold",
        }
    }
}

/// Everything in history, as it counts under the view's clocks, that cannot be right.
pub fn anomalies(view: &View<'_>) -> Vec<Anomaly> {
    let mut all = view.anomalies().to_vec();
    all.extend(measure_anomalies(view));
    all.sort();
    all.dedup();
    all
}
