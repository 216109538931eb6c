//! The input, taken event by event: what is in order is written, what is not is noted with its causes.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use super::complete::{capture, name_it};
use super::{AppendError, Appending, Awaited, Input, Recognised, Submission};
use crate::event_log::Surroundings;
use crate::event_log::gates::{
    Cause, InputError, Knows, Reference, Refusal, SourceFiles, leads_to, own_id,
};
use crate::event_log::prepare::{Item, Lines, Prepared, Ready};
use crate::event_log::sources::holds;
use crate::event_log::staging::Workers;
use crate::model::check::{Checked, check};
use crate::model::id;
use crate::model::limits::PAYLOAD_BYTES_MAX;
use crate::model::schema::{Kind, Target};
use crate::model::value::{Object, Value};
use crate::record::json;
use crate::store::{Store, StoreError};

/// How many bytes of input are made ready at a time, and how many lines: each is held with what was made of it, which is
/// much more than a short line.
const LOT_BYTES: usize = 512 * 1024;
const LOT_LINES: usize = 4096;
/// How many lots of lines are made ready ahead of the one that is taken.
const LOTS_AHEAD: usize = 6;

impl<S: Store> Appending<'_, S> {
    /// Takes one event of the input.
    pub(super) fn submit(
        &mut self,
        submission: &Submission,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<(), AppendError> {
        if !self.excluded.contains_key(&self.place) {
            let line = submission.line;
            let (id, result) = match &submission.event {
                Err(error) => (None, Err(vec![Cause::Input(error.clone())])),
                Ok(event) => {
                    let mut id = given_text(event, "id");
                    let result =
                        self.consider(event.clone(), line, &mut id, files, surroundings)?;
                    (id, result)
                }
            };
            if let Err(causes) = result {
                self.refused_ids.extend(id.clone());
                if let Ok(event) = &submission.event
                    && causes.iter().all(Cause::is_of_others)
                {
                    let measure = given_text(event, "measure");
                    self.offered.extend(id.clone().into_iter().chain(measure));
                }
                self.refused.insert(self.place, Refusal { line, id, causes });
                self.stop_if_too_many(&mut BTreeMap::new())?;
            }
        }
        self.place = self.place.saturating_add(1);
        Ok(())
    }

    /// Takes all lines of an input, made ready on every core if there are many.
    pub(super) fn submit_lines(
        &mut self,
        input: &mut dyn Input,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<(), AppendError> {
        let mut errors = BTreeMap::new();
        let first = read_lines(input, &mut errors, surroundings)?;
        if !is_full(&first) {
            let prepared = Prepared::of(first);
            return self.take_prepared(&prepared, &mut errors, files, surroundings);
        }
        Workers::during(|workers| {
            self.staging.use_workers(workers.clone());
            let mut ahead = VecDeque::new();
            ahead.push_back(workers.give(|| Prepared::of(first)));
            let mut ended = false;
            let result = 'lots: loop {
                while !ended && ahead.len() < LOTS_AHEAD {
                    match read_lines(input, &mut errors, surroundings) {
                        Ok(lines) if lines.ends.is_empty() => ended = true,
                        Ok(lines) => ahead.push_back(workers.give(|| Prepared::of(lines))),
                        Err(error) => break 'lots Err(error.into()),
                    }
                }
                let Some(next) = ahead.pop_front() else { break Ok(()) };
                let taken = next.wait().map_err(AppendError::from).and_then(|prepared| {
                    self.take_prepared(&prepared, &mut errors, files, surroundings)
                });
                if taken.is_err() {
                    break taken;
                }
            };
            let drained = self.staging.stop_workers(&mut self.log.store);
            result.and_then(|()| Ok(drained?))
        })
    }

    fn take_prepared(
        &mut self,
        prepared: &Prepared,
        errors: &mut BTreeMap<u64, InputError>,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<(), AppendError> {
        for (index, item) in prepared.items.iter().enumerate() {
            let Some((number, line)) = prepared.lines.line(index) else { continue };
            if let Item::Ready(ready, commitment) = item
                && !self.excluded.contains_key(&self.place)
                && self.is_in_order(prepared, ready)?
            {
                let (payload, salt) = prepared.payload(ready);
                let sealed = prepared
                    .sealed(ready)
                    .map(|(bytes, salt, commitment)| (bytes, Some((salt, commitment))));
                let keys = std::iter::once(ready.key).chain(ready.other_keys.iter().copied());
                let payload = (payload, Some((salt, *commitment)));
                let seq = self.write(ready.kind, payload, sealed, keys, surroundings)?;
                self.note(Some(number), seq, false, false);
                self.place = self.place.saturating_add(1);
                continue;
            }
            let submission = match errors.remove(&number) {
                Some(error) => Submission { line: Some(number), event: Err(error) },
                None => Submission::read(number, line),
            };
            self.submit(&submission, files, surroundings)?;
        }
        self.log.names.reach(self.staging.head().size);
        self.log.names.make_room(&mut self.log.store)?;
        Ok(())
    }

    /// Whether a new event that was made ready passes every gate. If not, or if that takes more to know, it is looked at
    /// again in full.
    fn is_in_order(&mut self, prepared: &Prepared, ready: &Ready) -> Result<bool, StoreError> {
        if !self.log.names.find(ready.key, &self.log.store)?.is_empty()
            || prepared.id(ready).is_some_and(|id| self.refused_ids.contains(id))
        {
            return Ok(false);
        }
        for (target, id) in prepared.references_of(ready) {
            if own_id(id, target, self)?.is_some()
                || !self.kind_of(id)?.is_some_and(|kind| leads_to(kind, target))
            {
                return Ok(false);
            }
        }
        for (source, quote) in prepared.quotes_of(ready) {
            match self.source_text(source)? {
                Ok(text) if holds(&text, quote) => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Takes an event that passes every gate; what is wrong with it otherwise. An event that is to be known by its name gets the
    /// id of that.
    fn consider(
        &mut self,
        event: Value<'static>,
        line: Option<u64>,
        own_id: &mut Option<String>,
        files: &mut dyn SourceFiles,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Result<(), Vec<Cause>>, StoreError> {
        let Checked { kind, mut payload, sealed } = match check(event) {
            Ok(checked) => checked,
            Err(problems) => {
                return Ok(Err(problems.into_iter().map(Cause::Shape).collect()));
            }
        };
        let named = name_it(kind, &mut payload);
        if let Some(Value::Text(id)) = payload.get("id") {
            *own_id = Some(id.to_string());
        }
        let captured = match named.and_then(|()| capture(kind, &mut payload, files)) {
            Ok(captured) => captured,
            Err(causes) => return Ok(Err(causes)),
        };
        let refused = self.normalise_correction(kind, &mut payload)?.err();
        let sealed = sealed.map(|object| json::canonical(&Value::Object(object)));
        let as_given = payload.clone();
        if refused.is_none() {
            self.spell(kind, &mut payload)?;
        }
        // Earlier versions took it in as it was given; then it is there already.
        if (refused.is_some() || payload != as_given)
            && let bytes = json::canonical(&Value::Object(as_given.clone()))
            && let Recognised::Same(seq) =
                self.known_already(&as_given, &bytes, sealed.as_deref())?
        {
            self.note(line, seq, true, false);
            return Ok(Ok(()));
        }
        if let Some(causes) = refused {
            return Ok(Err(causes));
        }
        let bytes = json::canonical(&Value::Object(payload.clone()));
        for (part, bytes) in [("payload", Some(&bytes)), ("sealed part", sealed.as_ref())] {
            if let Some(found) = bytes.map(Vec::len).filter(|found| *found > PAYLOAD_BYTES_MAX) {
                let most = PAYLOAD_BYTES_MAX;
                return Ok(Err(vec![Cause::TooLong { part, found, most }]));
            }
        }
        match self.known_already(&payload, &bytes, sealed.as_deref())? {
            Recognised::New => {}
            Recognised::Same(seq) => {
                self.note(line, seq, true, false);
                return Ok(Ok(()));
            }
            Recognised::Taken(cause) => return Ok(Err(vec![cause])),
        }
        let made = if self.options.declare { self.missing(kind, &payload)? } else { Vec::new() };
        let ahead = match self.gate(kind, &payload, &made)? {
            Ok(ahead) => ahead,
            Err(causes) => return Ok(Err(causes)),
        };
        self.declare(&made, surroundings)?;
        self.hold(captured)?;
        let seq = self.write_read(kind, &bytes, sealed.as_deref(), surroundings)?;
        self.note(line, seq, false, false);
        let place = self.place;
        let awaited = |to| Awaited { place, line, seq, from: own_id.clone(), to };
        self.awaited.extend(ahead.into_iter().map(awaited));
        Ok(Ok(()))
    }

    /// The actors and topics that an event refers to and that do not exist.
    fn missing(
        &mut self,
        kind: Kind,
        payload: &Object<'_>,
    ) -> Result<Vec<(Kind, String)>, StoreError> {
        let mut missing: Vec<(Kind, String)> = Vec::new();
        for Reference { id, target, .. } in self.all_references(kind, payload)? {
            let kind = match target {
                Target::Actor | Target::ActorOrSource => Kind::Actor,
                Target::Topic => Kind::Topic,
                _ => continue,
            };
            let is_own = payload.get("id").is_some_and(|own| *own == Value::Text(id.into()));
            if is_own
                || missing.iter().any(|(_, of)| of == id)
                || self.kind_of(id)?.is_some()
                || self.seq_of(id)?.is_some()
                || id::check_new(id).is_err()
                || self.refused_ids.contains(id)
            {
                continue;
            }
            missing.push((kind, id.to_owned()));
        }
        Ok(missing)
    }

    /// Makes actors and topics.
    fn declare(
        &mut self,
        made: &[(Kind, String)],
        surroundings: &mut dyn Surroundings,
    ) -> Result<(), StoreError> {
        for (kind, id) in made {
            let event: Object<'_> = [("id", id.as_str()), ("kind", kind.name()), ("name", id)]
                .into_iter()
                .map(|(name, text)| (name.into(), Value::Text(text.into())))
                .collect();
            let bytes = json::canonical(&Value::Object(event));
            let seq = self.write_read(*kind, &bytes, None, surroundings)?;
            self.note(None, seq, false, true);
        }
        Ok(())
    }
}

/// Whether a lot takes no more lines.
const fn is_full(lines: &Lines) -> bool {
    lines.bytes.len() >= LOT_BYTES || lines.ends.len() >= LOT_LINES
}

/// The next lot of lines.
fn read_lines(
    input: &mut dyn Input,
    errors: &mut BTreeMap<u64, InputError>,
    surroundings: &mut dyn Surroundings,
) -> io::Result<Lines> {
    let mut lines = Lines::default();
    while !is_full(&lines) {
        let Some((number, line)) = input.next_line()? else { break };
        match line {
            Ok(line) => lines.bytes.extend_from_slice(line),
            Err(error) => drop(errors.insert(number, error)),
        }
        lines.ends.push((number, lines.bytes.len()));
    }
    lines.seed = surroundings.salt();
    Ok(lines)
}

fn given_text(event: &Value<'_>, field: &str) -> Option<String> {
    let Value::Object(event) = event else { return None };
    match event.get(field) {
        Some(Value::Text(text)) => Some(text.to_string()),
        _ => None,
    }
}
