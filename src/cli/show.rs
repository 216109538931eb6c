//! `demarche show`: everything about one event, measure, actor or topic.

use std::io;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::CliError;
use super::log_args::LogArgs;
use super::shapes::{CiteShape, VERSION};
use super::surroundings;
use super::taken_back::RetractionShape;
use super::terminal::Terminal;
use super::witness::shown_time;
use super::words::on_whose_word;
use super::words::{retracted, shown, title_of};
use super::{Outcome, Status};
use crate::event_log::bracket::{Bracket, Seen};
use crate::event_log::{FoldedLog, OpenError};
use crate::model::calendar::Zone;
use crate::model::event::{Body, Event};
use crate::model::near::nearest;
use crate::record::header::Header;
use crate::record::journal::Journal;
use crate::record::json;
use crate::record::link::Link;
use crate::record::policy::Policy;
use crate::replay::{Clocks, Content, Entry, View};
use crate::store::{Part, Store, StoredEvent};

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The id of an event or a measure, or @ and the number of an event
    id: String,
    /// Show the sealed part, too
    #[arg(long)]
    sealed: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// What `show` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ShowShape {
    /// The version of all shapes.
    #[schemars(extend("const" = VERSION))]
    v: u32,
    /// The event of that id, then the steps of the measure of that id.
    events: Vec<EventShape>,
    /// What else names the measure of that id: notes, relations, and steps of measures.
    about_measure: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct EventShape {
    seq: u64,
    id: String,
    kind: String,
    recorded_at: String,
    link: String,
    prev: String,
    header: String,
    /// What was recorded; `null` if it was erased or is withheld.
    payload: Option<Box<serde_json::value::RawValue>>,
    salt: Option<String>,
    /// The erasure that took its content away.
    erased: Option<ErasureShape>,
    /// Whether it was recorded with a sealed part.
    has_sealed_part: bool,
    /// The sealed part, with --sealed; `null` if it is not there.
    sealed: Option<Box<serde_json::value::RawValue>>,
    /// Whether there is a sealed part to show.
    #[serde(skip)]
    sealed_is_here: bool,
    corrected_by: Vec<CorrectionShape>,
    retracted_by: Option<String>,
    /// What the retraction in effect says; three things: withdrawn by its source, recorded in error, a duplicate.
    retraction: Option<RetractionShape>,
    mentions: Vec<String>,
    about_it: Vec<String>,
    /// When it came into the log, by the word of witnesses; `null` if none has seen a checkpoint on either side of it.
    bracket: Option<BracketShape>,
}

/// Who took the content away, and why.
#[derive(Serialize, JsonSchema)]
struct ErasureShape {
    event: String,
    why: String,
    by: Option<String>,
}

/// After one time, and not after another.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BracketShape {
    /// A checkpoint that lacks the event was cosigned then.
    pub(crate) after: Option<SeenShape>,
    /// A checkpoint that holds the event was cosigned then.
    pub(crate) by: Option<SeenShape>,
}

/// A checkpoint that enough witnesses cosigned.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SeenShape {
    /// RFC 3339.
    at: String,
    /// The witnesses, by their names in the policy.
    witnesses: Vec<String>,
    /// How many events the checkpoint has.
    size: u64,
}

impl From<Seen> for SeenShape {
    fn from(seen: Seen) -> Self {
        Self { at: shown_time(seen.time), witnesses: seen.witnesses, size: seen.size }
    }
}

impl BracketShape {
    /// In words.
    pub(crate) fn in_words(&self) -> String {
        let seen = |seen: &SeenShape| {
            format!("{} ({}, {} events)", seen.at, seen.witnesses.join(", "), seen.size)
        };
        match (&self.after, &self.by) {
            (Some(after), Some(by)) => {
                let words = format!(
                    "came into the log, as witnesses saw it, after {} and by {}",
                    seen(after),
                    seen(by)
                );
                // All are written alike, so text compares as time.
                if after.at > by.at {
                    format!("{words}; their clocks contradict each other")
                } else {
                    words
                }
            }
            (None, Some(by)) => format!("was in the log by {}", seen(by)),
            (Some(after), None) => {
                format!(
                    "was not in the log that witnesses saw at {}; none has seen it yet",
                    seen(after)
                )
            }
            (None, None) => "no witness has seen it".to_owned(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct CorrectionShape {
    event: String,
    field: String,
    from: Option<Box<serde_json::value::RawValue>>,
    to: Option<Box<serde_json::value::RawValue>>,
    why: Option<String>,
    /// The sources on which it rests.
    cites: Vec<CiteShape>,
    recorded_at: String,
    in_effect: bool,
}

impl ShowArgs {
    pub(crate) fn run(&self, args: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let log = args.open_folded("demarche show", terminal)?;
        let history = log.history();
        let event = history.seq_of(&self.id);
        let steps = history.steps_of(&self.id).iter().copied();
        let seqs: Vec<u64> =
            event.into_iter().chain(steps.filter(|seq| Some(*seq) != event)).collect();
        if seqs.is_empty() {
            return Err(unknown(&log, &self.id));
        }
        let brackets = Brackets::of(args, &log)?;
        let clocks = Clocks::at(surroundings::now(), Zone::UTC);
        let view = View::of(history, clocks);
        let mut events = Vec::new();
        for seq in seqs {
            if let (Some(entry), Some(stored)) = (history.entry(seq), log.stored(seq)?) {
                let mut event = shape(&log, &view, entry, &stored)?;
                event.bracket = brackets.of_event(&log, seq)?;
                if let (true, Some(Part::Present { bytes, .. })) = (self.sealed, &stored.sealed) {
                    event.sealed = raw(bytes);
                }
                events.push(event);
            }
        }
        let mut about_measure = about_measure(&view, &self.id);
        about_measure.retain(|id| !events.iter().any(|event| event.about_it.contains(id)));
        if self.json {
            terminal.json(&ShowShape { v: VERSION, events, about_measure })?;
            return Ok(Status::Done);
        }
        for (index, event) in events.iter().enumerate() {
            if index > 0 {
                terminal.line("")?;
            }
            print(&view, event, terminal)?;
        }
        if !about_measure.is_empty() {
            terminal.line("")?;
            terminal.heading(format!("measure {}", self.id))?;
            terminal.line(format!("  see also {}", about_measure.join(", ")))?;
        }
        Ok(Status::Done)
    }
}

/// What names a measure: notes, relations and steps of measures.
fn about_measure(view: &View<'_>, id: &str) -> Vec<String> {
    let history = view.history();
    let Some(first) = history.steps_of(id).first().and_then(|seq| history.entry(*seq)) else {
        return Vec::new();
    };
    let names_it = |seq, event: &Event| {
        // An event of that name may be meant.
        let meant = |named: &str, field| named == id && view.meant(id, seq, field).is_none();
        let named_otherwise = match &event.body {
            Body::Note(note) => note.of.as_deref().is_some_and(|of| meant(of, "of")),
            Body::Measure(step) => step.superseded_by.as_deref() == Some(id),
            _ => false,
        };
        named_otherwise || event.bears_on().into_iter().any(|(named, field)| meant(named, field))
    };
    let later = history.entries().iter().filter(|entry| entry.recorded_at >= first.recorded_at);
    let about = later.filter(|entry| entry.event().is_some_and(|event| names_it(entry.seq, event)));
    about.map(|entry| history.id_of(entry.seq)).collect()
}

/// That there is no event or measure of this name.
pub(crate) fn unknown(log: &FoldedLog<impl Store>, id: &str) -> CliError {
    let error = CliError::refused(format!("there is no event or measure {id:?}"));
    let history = log.history();
    match nearest(id, history.ids().chain(history.measure_ids()), 3).as_slice() {
        [] => error.hint("see what there is: demarche list"),
        near => error.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

/// The number of the one event of this id; of a measure, its only step.
pub(crate) fn event_of(log: &FoldedLog<impl Store>, id: &str) -> Result<u64, CliError> {
    if let Some(seq) = log.history().seq_of(id) {
        return Ok(seq);
    }
    match log.history().steps_of(id) {
        [] => Err(unknown(log, id)),
        [seq] => Ok(*seq),
        steps => {
            let steps: Vec<String> = steps.iter().map(|seq| log.history().id_of(*seq)).collect();
            Err(CliError::refused(format!("{id:?} is a measure of {} events", steps.len()))
                .hint(format!("name one of them: {}", steps.join(", "))))
        }
    }
}

/// What tells when events came into the log, if witnesses see its checkpoints.
struct Brackets(Option<(Policy, Journal)>);

impl Brackets {
    fn of(args: &LogArgs, log: &FoldedLog<impl Store>) -> Result<Self, CliError> {
        let Some(policy) = args.policy(None)? else { return Ok(Self(None)) };
        Ok(Self(Some((policy, args.journal_as_it_is(log)?))))
    }

    fn of_event(
        &self,
        log: &FoldedLog<impl Store>,
        seq: u64,
    ) -> Result<Option<BracketShape>, CliError> {
        let Some((policy, journal)) = &self.0 else { return Ok(None) };
        let Bracket { after, by } = log.bracket(seq, journal, policy)?;
        if after.is_none() && by.is_none() {
            return Ok(None);
        }
        Ok(Some(BracketShape { after: after.map(SeenShape::from), by: by.map(SeenShape::from) }))
    }
}

fn shape(
    log: &FoldedLog<impl Store>,
    view: &View<'_>,
    entry: &Entry,
    stored: &StoredEvent,
) -> Result<EventShape, CliError> {
    let history = log.history();
    let header = Header::from_bytes(&stored.header)
        .map_err(|error| OpenError::DoesNotVerify { seq: entry.seq, wrong: error.into() })?;
    let (payload, salt) = match &stored.payload {
        Part::Present { salt, bytes } => {
            let salt = crate::record::commitment::Commitment(*salt).to_string();
            (raw(bytes), Some(salt))
        }
        Part::Absent => (None, None),
    };
    let id = history.id_of(entry.seq);
    let applied = view.report(entry.seq).map(|fact| fact.corrections.clone()).unwrap_or_default();
    let mut corrected_by = Vec::new();
    let mut about_it = Vec::new();
    let mut values = match &stored.payload {
        Part::Present { bytes, .. } => match json::parse(bytes) {
            Ok(crate::model::value::Value::Object(object)) => object.into_owned(),
            _ => crate::model::value::Object::new(),
        },
        Part::Absent => crate::model::value::Object::new(),
    };
    // What names a duplicate is about its original, too.
    let is_meant = |id: &str, other: &Entry, field: &str| {
        let meant = view.meant(id, other.seq, field);
        meant.is_some_and(|seq| seq == entry.seq || view.original_of(seq) == entry.seq)
    };
    for other in history.entries() {
        let reported = view.report(other.seq).map(|report| &*report.event);
        let Some(event) = reported.or_else(|| other.event()) else { continue };
        match &event.body {
            Body::Correction(correction)
                if history.seq_of(&correction.of) == Some(entry.seq) && entry.seq < other.seq =>
            {
                let from = values.get(&correction.field).map(json::canonical);
                corrected_by.push(CorrectionShape {
                    event: history.id_of(other.seq),
                    field: correction.field.clone(),
                    from: from.and_then(|bytes| raw(&bytes)),
                    to: raw(&json::canonical(&correction.to)),
                    why: correction.why.clone(),
                    cites: event.cites.iter().map(CiteShape::from).collect(),
                    recorded_at: other.recorded_at.to_string(),
                    in_effect: applied.contains(&other.seq),
                });
                values.insert(correction.field.clone().into(), correction.to.clone());
            }
            Body::Relation(relation)
                if is_meant(&relation.from, other, "from")
                    || is_meant(&relation.to, other, "to") =>
            {
                about_it.push(history.id_of(other.seq));
            }
            Body::Note(note) if note.of.iter().any(|of| is_meant(of, other, "of")) => {
                about_it.push(history.id_of(other.seq));
            }
            _ => {}
        }
    }
    let mentions = view.fact(entry.seq).map(|fact| {
        fact.mentions.iter().chain(&fact.duplicates).map(|seq| history.id_of(*seq)).collect()
    });
    Ok(EventShape {
        seq: entry.seq,
        id,
        kind: header.kind.clone(),
        recorded_at: header.recorded_at.to_string(),
        link: Link::of(&stored.header).to_string(),
        prev: header.prev.to_string(),
        header: String::from_utf8_lossy(&stored.header).into_owned(),
        payload,
        salt,
        erased: log.erasure_of(entry.seq)?.map(|(by, erasure)| ErasureShape {
            event: history.id_of(by),
            why: erasure.why,
            by: erasure.by,
        }),
        has_sealed_part: header.sealed.is_some(),
        sealed: None,
        sealed_is_here: matches!(stored.sealed, Some(Part::Present { .. })),
        corrected_by,
        retraction: view.struck().get(&entry.seq).and_then(|by| RetractionShape::of(history, *by)),
        retracted_by: view.struck().get(&entry.seq).map(|seq| history.id_of(*seq)),
        mentions: mentions.unwrap_or_default(),
        about_it,
        bracket: None,
    })
}

fn raw(bytes: &[u8]) -> Option<Box<serde_json::value::RawValue>> {
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    serde_json::value::RawValue::from_string(text).ok()
}

fn print(view: &View<'_>, event: &EventShape, terminal: &mut Terminal) -> io::Result<()> {
    terminal.heading(format!("{} {} (event {})", event.kind, event.id, event.seq))?;
    if let Some(by) = view.struck().get(&event.seq) {
        terminal.verdict(false, format!("  {}", retracted(view, *by)))?;
    }
    let entry = view.history().entry(event.seq);
    match entry.map(|entry| &entry.content) {
        Some(Content::Readable(told)) => print_content(view, told, event, terminal)?,
        Some(Content::Absent) => match &event.erased {
            Some(erasure) => {
                let by = erasure.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
                let words = format!("  erased by event {}: {}{by}", erasure.event, erasure.why);
                terminal.line(shown(&words))?;
            }
            None => terminal.line("  its content is not in this copy of the log")?,
        },
        _ => terminal.line("  its payload cannot be read by this version")?,
    }
    for correction in &event.corrected_by {
        let value = |raw: &Option<Box<serde_json::value::RawValue>>| {
            raw.as_ref().map_or_else(|| "nothing".to_owned(), |raw| raw.get().to_owned())
        };
        let mut line = format!(
            "  corrected by {}: {} from {} to {}",
            correction.event,
            correction.field,
            value(&correction.from),
            value(&correction.to)
        );
        if let Some(why) = &correction.why {
            line.push_str(&format!(" ({why})"));
        }
        if !correction.in_effect {
            line.push_str(" [not in effect: a later one counts, or it was retracted]");
        }
        terminal.line(shown(&line))?;
        terminal.faint(shown(&format!("      recorded at {}", correction.recorded_at)))?;
        for cite in &correction.cites {
            terminal.faint(shown(&format!("      {}", cite.in_words(view))))?;
        }
    }
    if !event.mentions.is_empty() {
        terminal.line(format!("  reported further by {}", event.mentions.join(", ")))?;
    }
    if !event.about_it.is_empty() {
        terminal.line(format!("  see also {}", event.about_it.join(", ")))?;
    }
    if let Some(sealed) = &event.sealed {
        terminal.line(shown(&format!("  sealed         {}", sealed.get())))?;
    } else if event.has_sealed_part && event.erased.is_some() {
        terminal.line("  its sealed part is gone, too")?;
    } else if event.sealed_is_here {
        terminal.line("  it has a sealed part; --sealed shows it")?;
    } else if event.has_sealed_part {
        terminal.line("  its sealed part is not in this copy of the log")?;
    }
    terminal.faint(format!("  recorded at {}", event.recorded_at))?;
    if let Some(bracket) = &event.bracket {
        terminal.faint(format!("  {}", shown(&bracket.in_words())))?;
    }
    terminal.faint(format!("  link {}", event.link))?;
    terminal.faint(format!("  after {}", event.prev))
}

fn print_content(
    view: &View<'_>,
    told: &Event,
    event: &EventShape,
    terminal: &mut Terminal,
) -> io::Result<()> {
    if let Some(summary) = &told.summary {
        terminal.line(format!("  {}", shown(summary)))?;
    }
    // Everything that was recorded, field by field, in the order of the payload.
    let payload = event.payload.as_ref().map(|raw| raw.get()).unwrap_or_default();
    if let Ok(crate::model::value::Value::Object(fields)) = json::parse(payload.as_bytes()) {
        for (name, value) in fields.iter() {
            if matches!(name, "id" | "kind" | "summary" | "cites" | "according_to") {
                continue;
            }
            terminal.line(format!("  {:<14} {}", name.replace('_', " "), shown(&plain(value))))?;
        }
    }
    if !told.according_to.is_empty() {
        let word = on_whose_word(view, std::slice::from_ref(&told.according_to));
        terminal.line(format!("  {:<14} {}", "according to", shown(&word)))?;
    }
    for cite in &told.cites {
        let source = title_of(view, &cite.source);
        let form = cite.form.as_ref().map(|form| format!(", {form}")).unwrap_or_default();
        terminal.line(format!("  source         {} ({}{form})", shown(&source), cite.source))?;
        if let Some(quote) = &cite.quote {
            terminal.line(format!("                 “{}”", shown(quote)))?;
        }
    }
    Ok(())
}

/// A value as people read it.
pub(crate) fn plain(value: &crate::model::value::Value<'_>) -> String {
    use crate::model::value::Value;
    match value {
        Value::Text(text) => text.to_string(),
        Value::List(items) => items.iter().map(|item| plain(item)).collect::<Vec<_>>().join(", "),
        other => String::from_utf8_lossy(&json::canonical(other)).into_owned(),
    }
}
