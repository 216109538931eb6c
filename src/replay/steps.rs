//! The steps of one measure, from the events that report them.
//!
//! Several reports of one step are one step ([`super::placement::combine`]). An event that announces a measure and
//! says when it takes effect is two steps: the announcement, and the effect.

use std::collections::{BTreeMap, BTreeSet};

use super::anomalies::{Anomaly, AnomalyCode};
use super::automaton::Act;
use super::placement::{Placement, places};
use super::view::{Fact, View};
use crate::model::calendar::{Instant, Zone};
use crate::model::date::{Edtf, Span};
use crate::model::event::{Body, Event, MeasureStep, Statement};
use crate::model::vocabulary::{Op, RelationType};

/// One step in the life of a measure.
#[derive(Debug, Clone)]
pub(crate) struct Step<'v> {
    /// The first event that reports it.
    pub(crate) seq: u64,
    /// What it does.
    pub(crate) act: Act,
    /// The step as first reported.
    pub(crate) says: &'v MeasureStep,
    /// Where it stands; several where its reports contradict one another.
    pub(crate) places: Vec<Placement>,
    /// The date of effect as stated, if one was.
    pub(crate) effective: Option<Edtf>,
    /// The stated end, by the first report that states one.
    pub(crate) until: Option<Edtf>,
    /// Whether reports of it state ends that cannot all be right.
    pub(crate) ends_contradict: bool,
    /// What it says that the measure covers, by the first report that says.
    pub(crate) scope: Option<&'v str>,
    /// Every event that this step rests on, in log order: its reports, and the corrections of them.
    pub(crate) rests_on: Vec<u64>,
    /// For [`Act::TakeEffect`]: the index of its announcement in the list of steps.
    pub(crate) announcement: Option<usize>,
    /// Whether a date that places it is marked uncertain or approximate.
    pub(crate) uncertain: bool,
    pub(crate) approximate: bool,
}

/// The events that report one step: the first, those related to it as `same_act`, and their mentions.
struct Reports<'v> {
    steps: Vec<(&'v Fact<'v>, &'v MeasureStep)>,
    mentions: Vec<&'v Fact<'v>>,
    /// The relations that say so.
    relations: Vec<u64>,
}

/// Events that report one act, joined by `same_act` relations.
#[derive(Debug, Default)]
pub(crate) struct SameActs {
    /// For each event that is joined to earlier ones, the first of them.
    pub(crate) first: BTreeMap<u64, u64>,
    /// For each first event, the relations that join others to it.
    pub(crate) relations: BTreeMap<u64, Vec<u64>>,
    /// Relations that join what cannot be one act.
    pub(crate) anomalies: Vec<Anomaly>,
}

/// The steps of every measure, by its id, each list in log order; and what is wrong with `same_act` relations.
pub(crate) fn all_steps<'v>(
    view: &'v View<'v>,
) -> (BTreeMap<&'v str, Vec<Step<'v>>>, Vec<Anomaly>) {
    let same = same_acts(view);
    let mut reports: BTreeMap<u64, Reports<'v>> = BTreeMap::new();
    for fact in view.facts() {
        if let Body::Measure(step) = &fact.event.body {
            let first = same.first_of(fact.seq);
            let group = reports.entry(first).or_insert_with(|| Reports {
                steps: Vec::new(),
                mentions: Vec::new(),
                relations: same.relations_of(first).to_vec(),
            });
            group.steps.push((fact, step));
            group.mentions.extend(fact.mentions.iter().filter_map(|seq| view.fact(*seq)));
        }
    }
    let mut measures: BTreeMap<&str, Vec<Step<'v>>> = BTreeMap::new();
    for group in reports.values() {
        let Some((_, says)) = group.steps.first() else { continue };
        let steps = measures.entry(&says.measure).or_default();
        group.add_to(steps, view);
    }
    (measures, same.anomalies)
}

impl SameActs {
    /// The first event that reports the same act.
    pub(crate) fn first_of(&self, seq: u64) -> u64 {
        self.first.get(&seq).copied().unwrap_or(seq)
    }

    /// The relations that join other events to this first one.
    pub(crate) fn relations_of(&self, first: u64) -> &[u64] {
        self.relations.get(&first).map_or(&[], Vec::as_slice)
    }
}

/// The events that `same_act` relations join.
pub(crate) fn same_acts(view: &View<'_>) -> SameActs {
    let mut first: BTreeMap<u64, u64> = BTreeMap::new();
    let mut joins = Vec::new();
    let mut anomalies = Vec::new();
    for (relation, from, to) in view.related(&RelationType::SameAct) {
        let same = match (view.fact(from), view.fact(to)) {
            (Some(from), Some(to)) => may_be_one_act(&from.event, &to.event),
            // One that does not count needs no joining.
            _ => continue,
        };
        if !same {
            let events = [relation, from, to].map(|seq| view.history().id_of(seq)).to_vec();
            let code = AnomalyCode::SameActMismatch;
            anomalies.push(Anomaly { code, measure: None, events });
            continue;
        }
        joins.push((relation, from));
        let root = |seq: u64| first.get(&seq).copied().unwrap_or(seq);
        let (a, b) = (root(from), root(to));
        let (low, high) = (a.min(b), a.max(b));
        for known in first.values_mut().filter(|known| **known == high) {
            *known = low;
        }
        for seq in [from, to, high] {
            if seq != low {
                first.insert(seq, low);
            }
        }
    }
    let mut same = SameActs { first, relations: BTreeMap::new(), anomalies };
    for (relation, end) in joins {
        same.relations.entry(same.first_of(end)).or_default().push(relation);
    }
    same
}

fn may_be_one_act(a: &Event, b: &Event) -> bool {
    match (&a.body, &b.body) {
        (Body::Measure(one), Body::Measure(two)) => one.measure == two.measure && one.op == two.op,
        (Body::Statement(one), Body::Statement(two)) => {
            let by = |said: &Statement| said.by.iter().cloned().collect::<BTreeSet<String>>();
            a.topic == b.topic && by(one) == by(two)
        }
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

impl<'v> Reports<'v> {
    fn add_to(&self, steps: &mut Vec<Step<'v>>, view: &View<'_>) {
        let Some((fact, says)) = self.steps.first().copied() else { return };
        let act = match says.op {
            Op::Threaten => Act::Threaten,
            Op::Announce => Act::Announce,
            Op::Impose => Act::Impose,
            Op::Amend | Op::Extend | Op::Narrow => Act::Change,
            Op::Suspend => Act::Suspend,
            Op::Resume => Act::Resume,
            Op::Lift | Op::Expire | Op::Annul | Op::Supersede => Act::End,
            Op::Deny | Op::Other(_) => Act::Nothing,
        };
        let effective = self.effective();
        let mut step = Step {
            seq: fact.seq,
            act,
            says,
            places: Vec::new(),
            effective: effective.first().map(|date| (*date).clone()),
            until: self.steps.iter().find_map(|(_, says)| says.until.clone()),
            ends_contradict: self.ends_contradict(view.clocks().zone),
            scope: self.steps.iter().find_map(|(_, says)| says.scope.as_deref()),
            rests_on: self.rests_on(),
            announcement: None,
            uncertain: false,
            approximate: false,
        };
        let announced = self.announced();
        match act {
            Act::Announce if !effective.is_empty() => {
                push(steps, view, step.clone().announces(), announced);
                step.act = Act::TakeEffect;
                push(steps, view, step, effective);
            }
            Act::Impose if self.states_both() => {
                push(steps, view, step.clone().announces(), announced);
                step.act = Act::TakeEffect;
                let dates = self.placing();
                push(steps, view, step, dates);
            }
            _ => {
                let dates = self.placing();
                push_even_undated(steps, view, step, dates);
            }
        }
    }

    /// Do the ends that its reports state have nothing in common?
    fn ends_contradict(&self, zone: Zone) -> bool {
        let stated = self.steps.iter().filter_map(|(_, says)| says.until.as_ref());
        let mut ends = stated.map(|until| until.ends(zone));
        let Some(first) = ends.next() else { return false };
        ends.try_fold(first, Span::intersect).is_none()
    }

    /// Every stated date of effect.
    fn effective(&self) -> Vec<&'v Edtf> {
        let own = self.steps.iter().filter_map(|(_, says)| says.effective.as_ref());
        own.chain(self.mentions.iter().filter_map(|fact| mentioned_effective(fact))).collect()
    }

    /// Every date on which the measure was made known.
    fn announced(&self) -> Vec<&'v Edtf> {
        let own = self.steps.iter().filter_map(|(fact, says)| match says.op {
            Op::Announce => says.announced.as_ref().or(fact.event.when.as_ref()),
            _ => says.announced.as_ref(),
        });
        own.collect()
    }

    /// Does one report state both when the measure was announced and when it takes effect?
    fn states_both(&self) -> bool {
        let both = |says: &MeasureStep| says.announced.is_some() && says.effective.is_some();
        self.steps.iter().any(|(_, says)| both(says))
    }

    /// The date by which each report places the step: `effective`, else `announced`, else `when`. A mention's `when`
    /// counts only where nobody states a date of effect.
    fn placing(&self) -> Vec<&'v Edtf> {
        let own = self.steps.iter().filter_map(|(fact, says)| {
            let said = says.effective.as_ref().or(says.announced.as_ref());
            said.or(fact.event.when.as_ref())
        });
        let stated = !self.effective().is_empty();
        let mentioned = self.mentions.iter().filter_map(|fact| {
            let when = fact.event.when.as_ref().filter(|_| !stated);
            mentioned_effective(fact).or(when)
        });
        own.chain(mentioned).collect()
    }

    fn rests_on(&self) -> Vec<u64> {
        let dated =
            |fact: &&&Fact<'_>| mentioned_effective(fact).is_some() || fact.event.when.is_some();
        let mut rests_on = self.relations.clone();
        for (fact, _) in &self.steps {
            rests_on.push(fact.seq);
            rests_on.extend(fact.corrections.iter().chain(&fact.resolved_by));
        }
        for fact in self.mentions.iter().filter(dated) {
            rests_on.push(fact.seq);
            rests_on.extend(fact.corrections.iter().chain(&fact.resolved_by));
        }
        rests_on.sort_unstable();
        rests_on.dedup();
        rests_on
    }
}

impl Step<'_> {
    /// The announcement in it.
    fn announces(mut self) -> Self {
        self.act = Act::Announce;
        self
    }

    /// The bounds that hold every place where it may stand.
    pub(crate) fn hull(&self) -> Span {
        let spans = self.places.iter().map(|place| place.span);
        spans.reduce(Span::hull).unwrap_or(Span { earliest: Instant::MIN, latest: Instant::MAX })
    }

    /// Whether no report of it gives any date.
    pub(crate) fn is_undated(&self) -> bool {
        self.places.iter().all(|place| place.text.is_none())
    }

    /// What it does, in a word: the op, or the half of it that this step is.
    pub(crate) fn act_name(&self) -> &str {
        match self.act {
            Act::TakeEffect => "take_effect",
            Act::Announce => "announce",
            _ => self.says.op.as_str(),
        }
    }
}

/// Adds a step at these dates; none if there are none.
fn push<'v>(steps: &mut Vec<Step<'v>>, view: &View<'_>, step: Step<'v>, dates: Vec<&Edtf>) {
    if !dates.is_empty() {
        push_even_undated(steps, view, step, dates);
    }
}

fn push_even_undated<'v>(
    steps: &mut Vec<Step<'v>>,
    view: &View<'_>,
    mut step: Step<'v>,
    dates: Vec<&Edtf>,
) {
    step.places = places(&dates, view.clocks().zone);
    step.uncertain = dates.iter().any(|date| date.is_uncertain());
    step.approximate = dates.iter().any(|date| date.is_approximate());
    if step.act == Act::TakeEffect {
        step.announcement =
            steps.iter().rposition(|known| known.seq == step.seq && known.act == Act::Announce);
    }
    steps.push(step);
}

fn mentioned_effective<'v>(fact: &'v Fact<'_>) -> Option<&'v Edtf> {
    match &fact.event.body {
        Body::Mention(mention) => mention.effective.as_ref(),
        _ => None,
    }
}
