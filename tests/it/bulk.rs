//! Long appends: lines made ready on every core and staged come to the same as events taken one by one; and what is
//! given up leaves nothing.

use std::io;
use std::sync::mpsc::channel;
use std::time::Duration;

use demarche::event_log::report::Against;
use demarche::event_log::verify::verify_store;
use demarche::event_log::{
    AppendError, AppendOptions, Appended, EventLog, Input, InputError, InputLine, Outcome, Refusal,
    Submission,
};
use demarche::store::memory::MemoryStore;
use demarche::store::sled::SledStore;
use demarche::store::{Part, Store};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::faulty::{Fault, Faulty};
use crate::forger::{NAMES, STATEMENTS, Table, copied, copy};
use crate::support::{self, ARTICLE, Counting, Files};

/// A line of input, or that it is too long.
type Line = Option<String>;

/// Lines in memory, which can fail to be read.
struct Lines<'l> {
    all: &'l [Line],
    at: usize,
    fails_at: Option<usize>,
}

impl<'l> Lines<'l> {
    fn of(lines: &'l [Line]) -> Self {
        Self { all: lines, at: 0, fails_at: None }
    }
}

const TOO_LONG: InputError = InputError::LineTooLong { most: 7 };

impl Input for Lines<'_> {
    fn next_line(&mut self) -> io::Result<Option<InputLine<'_>>> {
        if self.fails_at == Some(self.at) {
            return Err(io::Error::other("the disk is gone"));
        }
        let Some(line) = self.all.get(self.at) else { return Ok(None) };
        self.at += 1;
        let number = u64::try_from(self.at).unwrap();
        Ok(Some((number, line.as_ref().map(|line| line.as_bytes()).ok_or(TOO_LONG))))
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.at = 0;
        Ok(())
    }
}

fn submissions(lines: &[Line]) -> Vec<Submission> {
    let numbered = (1..).zip(lines);
    let submission = |(number, line): (u64, &Line)| match line {
        Some(line) => Submission::read(number, line.as_bytes()),
        None => Submission { line: Some(number), event: Err(TOO_LONG) },
    };
    numbered.map(submission).collect()
}

fn files() -> Files {
    Files(vec![("article.txt", ARTICLE.into()), ("scan.pdf", b"%PDF-1.7 \xff\xfe".to_vec())])
}

/// A log of so many events, of which the first are those of [`support::log`].
fn log(size: u64) -> EventLog<MemoryStore> {
    let mut log = support::log().into_log();
    let notes: Vec<Line> = (log.head().size..size)
        .map(|number| Some(format!(r#"{{"kind":"note","text":"before {number}"}}"#)))
        .collect();
    one_by_one(&mut log, &notes, AppendOptions::default()).unwrap();
    log
}

fn one_by_one<S: Store>(
    log: &mut EventLog<S>,
    lines: &[Line],
    options: AppendOptions,
) -> Result<Appended, AppendError> {
    log.append(submissions(lines), options, &mut files(), &mut Counting::default())
}

fn in_bulk<S: Store>(
    log: &mut EventLog<S>,
    lines: &[Line],
    options: AppendOptions,
) -> Result<Appended, AppendError> {
    log.append_lines(&mut Lines::of(lines), options, &mut files(), &mut Counting::default())
}

/// What came of each event, but for its link, which salts go into.
fn outcomes<S: Store>(log: &EventLog<S>, appended: &Appended) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let link = demarche::record::link::Link::ZERO;
    log.outcomes(appended, &mut |one| outcomes.push(Outcome { link, ..one })).unwrap();
    outcomes
}

type Said = (Option<u64>, Option<String>, Vec<String>);

fn said(refusals: &[Refusal]) -> Vec<Said> {
    let said = |one: &Refusal| {
        (one.line, one.id.clone(), one.causes.iter().map(ToString::to_string).collect())
    };
    refusals.iter().map(said).collect()
}

/// The bytes of a payload, and of a sealed part if there ever was one.
type Reported = (Option<Vec<u8>>, Option<Option<Vec<u8>>>);

/// What was reported, event by event, without salts.
fn reported(store: &impl Store) -> Vec<Reported> {
    let bytes = |part: Part| match part {
        Part::Present { bytes, .. } => Some(bytes),
        Part::Absent => None,
    };
    let all = store.read(0, usize::MAX).unwrap();
    all.into_iter().map(|event| (bytes(event.payload), event.sealed.map(bytes))).collect()
}

/// The rows of a table as it is kept, and how far it reaches.
fn table(store: &impl Store, of: (u8, usize)) -> (u64, Vec<Vec<u8>>) {
    let table = Table::read(store, of);
    (table.size, table.rows)
}

#[track_caller]
fn verifies(store: &impl Store) {
    let report = verify_store(store, &Against::default(), &mut |_| {}).unwrap();
    assert!(report.is_ok(), "{:?}", report.findings);
}

/// Both ways come to the same, on logs that are the same; what it was is returned.
#[track_caller]
fn same(base: &EventLog<MemoryStore>, lines: &[Line], options: AppendOptions) -> Vec<Said> {
    let mut single = EventLog::open(base.store().clone()).unwrap();
    let mut bulk = EventLog::open(base.store().clone()).unwrap();
    let refused =
        match (one_by_one(&mut single, lines, options), in_bulk(&mut bulk, lines, options)) {
            (Ok(one), Ok(other)) => {
                assert_eq!(one.stretches, other.stretches);
                assert_eq!(outcomes(&single, &one), outcomes(&bulk, &other));
                assert_eq!(
                    (one.written(), one.already_there()),
                    (other.written(), other.already_there())
                );
                assert_eq!(said(&one.left_out), said(&other.left_out));
                assert_eq!(other.head, bulk.head());
                said(&other.left_out)
            }
            (Err(AppendError::Refused(one)), Err(AppendError::Refused(other))) => {
                assert_eq!(said(&one), said(&other));
                assert_eq!(bulk.head(), base.head(), "nothing was written");
                as_before(base, &bulk);
                said(&other)
            }
            (one, other) => panic!("one by one: {one:?}; in bulk: {other:?}"),
        };
    assert_eq!(bulk.head().size, single.head().size);
    assert_eq!(bulk.store().head().unwrap(), bulk.head());
    assert_eq!(reported(bulk.store()), reported(single.store()));
    verifies(bulk.store());
    // What comes next is recognised by what came now.
    let next: Vec<Line> = lines.iter().take(40).cloned().chain([good("next")]).collect();
    let keep_going = AppendOptions { keep_going: true, ..options };
    let one = one_by_one(&mut single, &next, keep_going).unwrap();
    let other = in_bulk(&mut bulk, &next, keep_going).unwrap();
    assert_eq!(outcomes(&single, &one), outcomes(&bulk, &other));
    // The names and statements are those of the events, however they came.
    for log in [&mut single, &mut bulk] {
        log.keep_snapshot(&mut |_| {}).unwrap();
        verifies(log.store());
    }
    for of in [NAMES, STATEMENTS] {
        assert_eq!(table(bulk.store(), of), table(single.store(), of));
    }
    refused
}

/// The same events, nothing staged above them, the same tables.
#[track_caller]
fn as_before<S: Store>(before: &EventLog<MemoryStore>, after: &EventLog<S>) {
    let (one, other) = (before.store(), after.store());
    assert_eq!(other.head().unwrap(), one.head().unwrap());
    assert_eq!(other.read(0, usize::MAX).unwrap(), one.read(0, usize::MAX).unwrap());
    assert!(other.events(before.head().size).unwrap().is_empty(), "something is staged still");
    assert_eq!(after.root(), before.root());
    verifies(other);
}

#[expect(clippy::unnecessary_wraps, reason = "as every line is")]
fn good(id: &str) -> Line {
    Some(format!(r#"{{"kind":"incident","id":"{id}"}}"#))
}

/// What an event is drawn from: its sort, and what chooses in it.
type Draw = (u8, usize, usize);

/// One line, which may be refused, if it is `loose`.
fn line(number: usize, (sort, a, b): Draw, before: &[Line], loose: bool) -> Line {
    let earlier = |place: usize| format!("e{}", place % (number + 1));
    let day = a % 27 + 1;
    let who = ["in", "pk", "us", "modi"][b % 4];
    let id = format!("e{number}");
    Some(match sort % 24 {
        0 | 1 => format!(r#"{{"kind":"incident","id":"{id}","when":"2025-01-{day:02}"}}"#),
        2 | 3 => format!(
            r#"{{"kind":"statement","id":"{id}","by":["{who}"],"topic":"treaty","when":"2025-02-{day:02}"}}"#
        ),
        4 => format!(r#"{{"text":"said {}","kind":"note"}}"#, a % 5),
        5 if !before.is_empty() => return before[a % before.len()].clone(),
        6 => format!(
            r#"{{"kind":"statement","by":["{who}"],"contact":"call{}","sealed":{{"k":{}}}}}"#,
            a % 3,
            b % 2
        ),
        7 => format!(r#"{{"kind":"contact","id":"call{}","participants":["in","{who}"]}}"#, a % 3),
        8 => {
            let answers = [format!("m{}", b % 3), format!("e{}", number + b % 4)];
            format!(
                r#"{{"kind":"measure","id":"{id}","measure":"m{}","op":"impose","by":["in"],"responds_to":["{}"]}}"#,
                a % 3,
                answers[(a + b) % 2]
            )
        }
        9 => format!(r#"{{"kind":"measure","id":"{id}","measure":"m{}","op":"lift"}}"#, a % 3),
        10 => format!(
            r#"{{"kind":"incident","id":"{id}","cites":[{{"source":"article","quote":"shut its airspace"}}]}}"#
        ),
        11 => format!(
            r#"{{"kind":"correction","of":"{}","field":"when","to":"2025-03-{day:02}"}}"#,
            ["e0", "e1", "e2"][b % 3]
        ),
        12 => format!(
            r#"{{"kind":"retraction","of":"{}","by":"duplicate","duplicate_of":"{}"}}"#,
            earlier(a),
            earlier(b)
        ),
        13 => format!(r#"{{"kind":"retraction","of":"{}","by":"source"}}"#, earlier(a)),
        14 => format!(r#"{{"kind":"actor","name":"Name {}","part_of":["{who}"]}}"#, a % 4),
        15 => format!(r#"{{"kind":"source","id":"{id}","title":"t","file":"article.txt"}}"#),
        16 => format!(r#"{{"kind":"mention","of":"@{}"}}"#, a % (number + 20)),
        _ if !loose => format!(r#"{{"kind":"incident","id":"{id}","summary":"x{a}"}}"#),
        17 => format!(r#"{{"kind":"incident","id":"{}","summary":"other"}}"#, earlier(a)),
        18 => [
            r#"{"kind":"incident","cites":[{"source":"article","quote":"shut its air space"}]}"#,
            r#"{"kind":"incident","cites":[{"source":"article","quote":" "}]}"#,
            r#"{"kind":"incident","cites":[{"source":"in","quote":"x"}]}"#,
            r#"{"kind":"incident","cites":[{"source":"scan","quote":"x"}]}"#,
        ][a % 4]
            .to_owned(),
        19 => return None,
        20 => [
            r#"{"kind":"incident""#,
            "[]",
            r#"{"kind":"incident","confidence":0.5}"#,
            r#"{"kind":"genesis"}"#,
            r#"{"kind":"topic"}"#,
            r#"{"kind":"incident","id":"@3"}"#,
        ][a % 6]
            .to_owned(),
        21 => {
            format!(r#"{{"kind":"statement","id":"{id}","by":["new{}"],"topic":"trade"}}"#, a % 3)
        }
        22 => format!(r#"{{"kind":"contact","id":"call{}","form":"pigeon"}}"#, a % 3),
        _ => format!(r#"{{"kind":"source","id":"{id}","file":"gone{}.txt"}}"#, a % 2),
    })
}

fn lines(draws: &[Draw], loose: bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, draw) in draws.iter().enumerate() {
        let next = line(number, *draw, &lines, loose);
        lines.push(next);
    }
    lines
}

fn any_draws(most: usize) -> impl Strategy<Value = Vec<Draw>> {
    prop::collection::vec((0_u8..24, 0_usize..60, 0_usize..60), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn in_bulk_and_one_by_one_come_to_the_same(
        draws in any_draws(40),
        loose in any::<bool>(),
        keep_going in any::<bool>(),
        declare in any::<bool>(),
    ) {
        let base = log(0);
        same(&base, &lines(&draws, loose), AppendOptions { declare, keep_going });
    }
}

/// What would break: of many lines ids would be kept as they were given.
#[test]
fn in_bulk_an_id_is_kept_in_one_spelling() {
    let lines: Vec<Line> = [
        r#"{"kind":"statement","by":["@2"],"topic":"@8","cites":[{"source":"@1"}]}"#,
        r#"{"kind":"statement","by":["pk","pk"]}"#,
        r#"{"kind":"actor","id":"x","part_of":["in","in"]}"#,
        r#"{"kind":"contact"}"#,
        r#"{"kind":"statement","by":["in"],"contact":"@12"}"#,
    ]
    .map(|line| Some(line.to_owned()))
    .to_vec();
    same(&log(0), &lines, AppendOptions::default());
    let mut log = log(0);
    in_bulk(&mut log, &lines, AppendOptions::default()).unwrap();
    let kept: Vec<String> = reported(log.store())
        .into_iter()
        .skip(9)
        .map(|(payload, _)| String::from_utf8(payload.unwrap()).unwrap())
        .collect();
    let expected = [
        r#"{"by":["in"],"cites":[{"source":"article"}],"kind":"statement","topic":"treaty"}"#,
        r#"{"by":["pk"],"kind":"statement"}"#,
        r#"{"id":"x","kind":"actor","part_of":["in"]}"#,
        r#"{"kind":"contact"}"#,
        r#"{"by":["in"],"contact":"@12","kind":"statement"}"#,
    ];
    assert_eq!(kept, expected);
}

/// So many lines that are all good, and long enough for several lots of them.
fn many(count: usize) -> Vec<Line> {
    let long = "x".repeat(220);
    let line = |number: usize| {
        let who = ["in", "pk", "us", "modi", "sharif"][number % 5];
        let (day, month) = (number % 28 + 1, number / 28 % 12 + 1);
        match number % 40 {
            7 => format!(r#"{{"kind":"note","text":"{} {long}"}}"#, number % 3),
            8 => format!(
                r#"{{"kind":"statement","id":"b{number}","by":["in"],"contact":"c{number}","summary":"{long}"}}"#
            ),
            9 => format!(r#"{{"kind":"contact","id":"c{}"}}"#, number - 1),
            10 => format!(
                r#"{{"kind":"measure","id":"b{number}","measure":"m{}","op":"impose","responds_to":["b{}"],"summary":"{long}"}}"#,
                number % 7,
                number + 1000
            ),
            11 => format!(
                r#"{{"kind":"incident","id":"b{number}","cites":[{{"source":"article","quote":"an act of war"}}],"summary":"{long}"}}"#
            ),
            12 => format!(
                r#"{{"kind":"correction","of":"b{}","field":"summary","to":"y"}}"#,
                number - 1
            ),
            13 => {
                format!(r#"{{"kind":"retraction","of":"b{}","by":"recorder"}}"#, number - 5)
            }
            14 => format!(
                r#"{{"kind":"statement","by":["{who}"],"topic":"treaty","sealed":{{"n":{number}}},"summary":"{long}"}}"#
            ),
            15 if number > 100 => format!(r#"{{"kind":"contact","id":"c{}"}}"#, number - 7 - 80),
            _ => format!(
                r#"{{"kind":"statement","id":"b{number}","by":["{who}"],"topic":"treaty","when":"2025-{month:02}-{day:02}","summary":"{long}"}}"#
            ),
        }
    };
    let mut lines: Vec<Line> = (0..count).map(|number| Some(line(number))).collect();
    // What measures answer must come.
    for number in (count.saturating_sub(1000)..count).filter(|number| number % 40 == 10) {
        lines[number] = good(&format!("b{number}"));
    }
    lines
}

const NO_OPTIONS: AppendOptions = AppendOptions { declare: false, keep_going: false };
const KEEP_GOING: AppendOptions = AppendOptions { declare: false, keep_going: true };

#[test]
fn a_long_append_comes_to_the_same_from_every_head() {
    for size in [256, 300] {
        let refused = same(&log(size), &many(4500), NO_OPTIONS);
        assert_eq!(refused.first(), None);
    }
}

#[test]
fn of_a_long_append_that_is_refused_nothing_is_left() {
    let base = log(300);
    let mut lines = many(4500);
    lines[20] = Some(r#"{"kind":"statement","by":["in"],"contact":"never"}"#.to_owned());
    lines[4200] = Some(r#"{"kind":"incident","id":"b3","summary":"other"}"#.to_owned());
    lines[4201] = None;
    let refused = same(&base, &lines, NO_OPTIONS);
    let causes: Vec<&str> = refused.iter().flat_map(|one| &one.2).map(String::as_str).collect();
    assert_eq!(
        refused.iter().map(|one| one.0).collect::<Vec<_>>(),
        [Some(21), Some(4201), Some(4202)]
    );
    assert!(causes[0].contains("there is no contact \"never\""), "{causes:?}");
    assert!(causes[1].contains("is taken by event"), "{causes:?}");
    assert!(causes[2].contains("more than 7 bytes"), "{causes:?}");
}

#[test]
fn what_refers_ahead_to_what_is_refused_is_left_out_of_a_long_append() {
    let mut lines = many(4500);
    // What is refused at the end takes away what was staged long before, and what that was referred to by.
    lines[10] = Some(
        r#"{"kind":"measure","id":"b10","measure":"x","op":"impose","responds_to":["last"]}"#
            .to_owned(),
    );
    lines[100] = Some(
        r#"{"kind":"measure","id":"b100","measure":"y","op":"impose","responds_to":["b10"]}"#
            .to_owned(),
    );
    lines[4300] = Some(r#"{"kind":"incident","id":"last","when":"soon"}"#.to_owned());
    let refused = same(&log(100), &lines, KEEP_GOING);
    let of: Vec<_> = refused.iter().map(|one| one.0).collect();
    assert_eq!(of, [Some(11), Some(101), Some(4301)], "{refused:?}");
}

/// What would break: an input would be read once for each link of a chain.
#[test]
fn a_chain_that_leads_nowhere_is_left_out_at_once() {
    let link = |number| format!(r#"{{"kind":"note","id":"n{number}","of":"n{}"}}"#, number + 1);
    let mut lines: Vec<Line> = (0..300).map(|number| Some(link(number))).collect();
    lines.push(good("last"));
    let mut log = EventLog::open(Faulty::counting(log(0).store().clone())).unwrap();
    let appended = in_bulk(&mut log, &lines, KEEP_GOING).unwrap();
    assert_eq!((appended.left_out.len(), appended.written()), (300, 1));
    let begun_anew = log.store().names.iter().filter(|name| **name == "unstage").count();
    assert_eq!(begun_anew, 1, "{:?}", log.store().names);
}

/// What would break: millions of short lines would be held, each with much more than itself.
#[test]
fn of_short_lines_few_are_read_ahead() {
    let lines = vec![Some("1".to_owned()); 100_000];
    let mut log = log(0);
    let mut input = Lines::of(&lines);
    let refused = log.append_lines(&mut input, NO_OPTIONS, &mut files(), &mut Counting::default());
    let Err(AppendError::Refused(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.len(), 10_000);
    assert!((10_000..50_000).contains(&input.at), "{} lines were read", input.at);
}

#[test]
fn the_same_again_writes_nothing_however_long_it_is() {
    let lines = many(4500);
    let dir = TempDir::new().unwrap();
    let base = log(300);
    let mut log = EventLog::open(copied(base.store(), dir.path())).unwrap();
    let first = in_bulk(&mut log, &lines, NO_OPTIONS).unwrap();
    let (head, written) = (log.head(), first.written());
    drop(log);
    let mut log = EventLog::open(SledStore::open(dir.path(), "test").unwrap()).unwrap();
    let again = in_bulk(&mut log, &lines, NO_OPTIONS).unwrap();
    assert_eq!((again.written(), again.already_there()), (0, 4500));
    assert_eq!(again.already_there(), written + first.already_there());
    assert_eq!(log.head(), head);
    assert!(log.store().events(head.size).unwrap().is_empty());
    verifies(log.store());
}

#[test]
fn an_input_that_cannot_be_read_to_its_end_leaves_nothing() {
    let lines = many(4500);
    for fails_at in [0, 2500, 4500] {
        let (done, wait) = channel();
        let lines = lines.clone();
        std::thread::spawn(move || {
            let base = log(300);
            let mut log = EventLog::open(base.store().clone()).unwrap();
            let mut input = Lines { fails_at: Some(fails_at), ..Lines::of(&lines) };
            let clock = &mut Counting::default();
            let failed = log.append_lines(&mut input, NO_OPTIONS, &mut files(), clock);
            assert!(matches!(failed, Err(AppendError::Input(_))), "{failed:?}");
            as_before(&base, &log);
            in_bulk(&mut log, &lines, NO_OPTIONS).unwrap();
            verifies(log.store());
            done.send(()).unwrap();
        });
        let ended = wait.recv_timeout(Duration::from_mins(1));
        assert!(ended.is_ok(), "failing at line {fails_at}: {ended:?}");
    }
}

/// The first step of staging, the append, and the first step after it.
fn telling_steps(names: &[&'static str]) -> [usize; 3] {
    let first = |name: &str| names.iter().position(|of| *of == name).unwrap();
    [first("stage"), first("append"), first("append") + 1]
}

#[test]
fn a_long_append_that_is_cut_off_leaves_nothing_or_all() {
    let lines = many(4500);
    let (dir, base) = (TempDir::new().unwrap(), log(300));
    drop(copied(base.store(), dir.path()));
    // The tables reach some of the log before, so that runs are merged.
    let mut opened = EventLog::open(SledStore::open(dir.path(), "test").unwrap()).unwrap();
    opened.keep_snapshot(&mut |_| {}).unwrap();
    drop(opened);
    let cut_off = |fails_at: usize| {
        let here = TempDir::new().unwrap();
        copy(dir.path(), here.path());
        let store = SledStore::open(here.path(), "test").unwrap();
        let store = Faulty::new(store, fails_at, Fault::Lost, true);
        let mut log = EventLog::open(store).unwrap();
        let appended = in_bulk(&mut log, &lines, NO_OPTIONS).is_ok();
        (here, appended, log.store().names.clone())
    };
    let (_, appended, names) = cut_off(usize::MAX);
    assert!(appended);
    let append = names.iter().position(|name| *name == "append").unwrap();
    assert!(names[..append].iter().filter(|name| **name == "stage").count() > 15, "{names:?}");
    for step in telling_steps(&names) {
        let (here, appended, _) = cut_off(step);
        assert!(!appended || step > append, "step {step}, {}", names[step]);
        let mut log = EventLog::open(SledStore::open(here.path(), "test").unwrap()).unwrap();
        if step <= append {
            as_before(&base, &log);
        } else {
            assert!(log.head().size > 4500);
        }
        in_bulk(&mut log, &lines, NO_OPTIONS).unwrap();
        let size = log.head().size;
        log.keep_snapshot(&mut |_| {}).unwrap();
        verifies(log.store());
        assert_eq!(table(log.store(), NAMES).0, size, "step {step}, {}", names[step]);
    }
}

#[test]
fn after_a_step_that_fails_once_the_log_can_be_appended_to() {
    let lines = many(4500);
    let base = log(300);
    let fail = |fails_at: usize| {
        let store = base.store().clone();
        let store = Faulty::new(store, fails_at, Fault::Lost, false);
        let mut log = EventLog::open(store).unwrap();
        let failed = in_bulk(&mut log, &lines, NO_OPTIONS);
        (log, failed)
    };
    let (log, _) = fail(usize::MAX);
    let names = log.store().names.clone();
    let append = names.iter().position(|name| *name == "append").unwrap();
    for step in telling_steps(&names) {
        let (mut log, failed) = fail(step);
        if step <= append {
            assert!(failed.is_err(), "step {step}, {}", names[step]);
            as_before(&base, &log);
        }
        let again = in_bulk(&mut log, &lines, NO_OPTIONS);
        assert!(again.is_ok(), "step {step}, {}: {:?}, then {again:?}", names[step], failed.err());
        log.keep_snapshot(&mut |_| {}).unwrap();
        verifies(log.store());
    }
}
