//! The possible worlds, compared with naive enumeration: every step is given every day within its bounds, steps of
//! one day every order that the rules allow, and each such world is lived through by a machine of its own.

use demarche::model::calendar::Day;
use demarche::replay::measures::Segment;
use demarche::replay::{View, lives};
use proptest::prelude::*;

use crate::histories::{answer, clocks_at, history, status};

#[derive(Debug, Clone)]
struct Step {
    op: &'static str,
    /// The first and the last day on which it may have happened.
    days: (i64, i64),
    /// Of an announcement: the days on which it may take effect.
    effect: Option<(i64, i64)>,
    until: Option<i64>,
    /// Another report of it, which gives this day.
    mentioned: Option<i64>,
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let op = prop::sample::select(vec![
        "threaten", "announce", "impose", "amend", "suspend", "resume", "lift", "deny",
    ]);
    let days = || (1_i64..7, 0_i64..3).prop_map(|(from, width)| (from, from + width));
    let step = (op, days(), prop::option::of(days()), prop::option::of(1_i64..9), 0_i64..20)
        .prop_map(|(op, days, effect, until, mentioned)| Step {
            op,
            days,
            effect: effect.filter(|_| op == "announce"),
            until: until.filter(|_| matches!(op, "announce" | "impose" | "amend" | "suspend")),
            mentioned: (op == "lift" && mentioned < 8).then_some(mentioned + 1),
        });
    prop::collection::vec(step, 0..5)
}

fn input(steps: &[Step]) -> String {
    let mut lines = Vec::new();
    let bounds = |(from, to): (i64, i64)| format!("2025-01-{from:02}/2025-01-{to:02}");
    for (number, step) in steps.iter().enumerate() {
        let mut line = format!("{} {}", step.op, bounds(step.days));
        if let Some(effect) = step.effect {
            line.push_str(&format!(" effective={}", bounds(effect)));
        }
        if let Some(until) = step.until {
            line.push_str(&format!(" until=2025-01-{until:02}"));
        }
        lines.push((number, line));
    }
    let mentions = steps.iter().enumerate().filter_map(|(number, step)| {
        let day = step.mentioned?;
        Some(format!("mention e{number} 2025-01-{day:02}"))
    });
    lines.into_iter().map(|(_, line)| line).chain(mentions).collect::<Vec<_>>().join("; ")
}

/// One act of a world: which step it is of, what it does, and the bounds it is given.
#[derive(Debug, Clone, Copy)]
struct Act {
    step: usize,
    does: &'static str,
    bounds: (i64, i64),
    until: Option<i64>,
}

/// The acts of all steps, in every way to believe their reports.
fn acts(steps: &[Step]) -> Vec<Vec<Act>> {
    let mut ways: Vec<Vec<Act>> = vec![Vec::new()];
    for (step, it) in steps.iter().enumerate() {
        let act = |does, bounds| Act { step, does, bounds, until: it.until };
        let choices: Vec<Vec<Act>> = match (it.effect, it.mentioned) {
            (Some(effect), _) => vec![vec![act(it.op, it.days), act("take_effect", effect)]],
            (None, Some(day)) if it.days.0 <= day && day <= it.days.1 => {
                vec![vec![act(it.op, (day, day))]]
            }
            (None, Some(day)) => vec![vec![act(it.op, it.days)], vec![act(it.op, (day, day))]],
            (None, None) => vec![vec![act(it.op, it.days)]],
        };
        ways = ways
            .into_iter()
            .flat_map(|way| choices.iter().map(move |more| [way.clone(), more.clone()].concat()))
            .collect();
    }
    ways
}

/// Where a life stands; the ends are the days that were stated.
#[derive(Debug, Clone, Default)]
struct Life {
    stage: &'static str,
    suspended: bool,
    until: Option<i64>,
    suspended_until: Option<i64>,
    announced: Vec<usize>,
}

impl Life {
    /// Lives through one act on one day; written apart from the program's own machine.
    fn act(&mut self, act: Act, day: i64) {
        let goes_on = ["impose", "take_effect", "amend", "suspend", "resume"].contains(&act.does);
        if goes_on && self.until.is_some_and(|until| until < day) {
            self.until = None;
        }
        let begun = ["announced", "in_force"].contains(&self.stage);
        match act.does {
            "threaten" if !begun && self.stage != "threatened" => *self = self.anew("threatened"),
            "announce" => {
                if !begun {
                    *self = self.anew("announced");
                    self.until = act.until;
                }
                self.announced.push(act.step);
            }
            "take_effect" if self.stage == "ended" && self.announced.contains(&act.step) => {}
            "impose" | "take_effect" => {
                if !begun {
                    *self = self.anew("in_force");
                }
                let known = act.does == "take_effect" && self.announced.contains(&act.step);
                if !known {
                    self.until = act.until.or(self.until);
                }
                self.stage = "in_force";
                if act.does == "impose" || !self.suspended {
                    (self.suspended, self.suspended_until) = (false, None);
                }
            }
            "amend" if begun => self.until = act.until.or(self.until),
            "suspend" if begun => {
                let over = self.suspended_until.is_some_and(|until| until < day);
                let kept = self.suspended_until.filter(|_| self.suspended && !over);
                (self.suspended, self.suspended_until) = (true, act.until.or(kept));
            }
            "resume" => (self.suspended, self.suspended_until) = (false, None),
            "lift" if self.stage != "none" => *self = self.anew("ended"),
            _ => {}
        }
    }

    fn anew(&self, stage: &'static str) -> Self {
        Self { stage, announced: self.announced.clone(), ..Self::default() }
    }

    /// How it may stand at the end of a day: a stated end that has passed leaves both open.
    fn outcomes(&self, day: i64) -> Vec<&'static str> {
        let begun = ["announced", "in_force"].contains(&self.stage);
        let mut all = vec![if self.suspended && begun { "suspended" } else { self.stage }];
        if begun && self.until.is_some_and(|until| until < day) {
            all.push("ended");
        }
        if begun && self.suspended && self.suspended_until.is_some_and(|until| until < day) {
            all.push(self.stage);
        }
        all
    }
}

/// Every way to give each act a day and a place among the acts of its day, lived through up to a day.
fn worlds(
    left: &[(usize, Act)],
    so_far: &mut Vec<(i64, usize, Act)>,
    day: i64,
    found: &mut Vec<&'static str>,
) {
    if left.is_empty() {
        let mut life = Life { stage: "none", ..Life::default() };
        for (on, _, act) in so_far.iter().filter(|(on, _, _)| *on <= day) {
            life.act(*act, *on);
        }
        found.extend(life.outcomes(day));
        return;
    }
    let latest = so_far.last().map_or(i64::MIN, |(on, _, _)| *on);
    for index in 0..left.len() {
        let mut rest = left.to_vec();
        let (number, act) = rest.remove(index);
        for on in act.bounds.0..=act.bounds.1 {
            // Acts that bear the same single day, and no more, come in log order.
            let single = |act: &Act| act.bounds == (on, on);
            let out_of_order = |(_, earlier, before): &(i64, usize, Act)| {
                single(&act) && single(before) && *earlier > number
            };
            if on < latest || so_far.iter().any(out_of_order) {
                continue;
            }
            so_far.push((on, number, act));
            worlds(&rest, so_far, day, found);
            so_far.pop();
        }
    }
}

fn brute_force(steps: &[Step], day: i64) -> Vec<&'static str> {
    let mut found = Vec::new();
    for way in acts(steps) {
        let numbered: Vec<_> = way.into_iter().enumerate().collect();
        worlds(&numbered, &mut Vec::new(), day, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn worlds_agree_with_brute_force(steps in any_steps(), day in 1_i64..12) {
        let log = history(&input(&steps));
        let found = answer(&log, &format!("2025-01-{day:02}"));
        let mut found: Vec<_> = match &found {
            None => vec!["none"],
            Some(answer) => answer.outcomes.iter().map(|status| status.as_str()).collect(),
        };
        found.sort_unstable();
        prop_assert_eq!(found, brute_force(&steps, day), "{} on {}", input(&steps), day);
    }

    #[test]
    fn segments_agree_with_asking_every_day(steps in any_steps()) {
        let log = history(&input(&steps));
        let view = View::of(log.history(), clocks_at("2025-01-31"));
        let day = |day| Day::from_ymd(2025, 1, day).expect("a day");
        let lives = lives(&view, day(1), day(20));
        for number in 1..=20 {
            let holds = |segment: &&Segment| segment.first <= day(number) && day(number) <= segment.last;
            let segment = lives.first().and_then(|life| life.segments.iter().find(holds));
            let drawn = segment.and_then(|segment| segment.answer.as_ref());
            let asked = answer(&log, &format!("2025-01-{number:02}"));
            prop_assert_eq!(status(drawn), status(asked.as_ref()), "on day {}", number);
        }
    }
}
