//! What must hold of an event against the log: that it is new, that its references lead somewhere, that its quotations stand
//! in their sources.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::lookup::open_bytes;
use super::{Ahead, AppendError, Appending, Awaited, Recognised};
use crate::event_log::content_hash;
use crate::event_log::gates::{
    Cause, Knows, Leads, NoText, Reference, Refusal, add_references, check_quotes, check_reference,
    correctable, leads_nowhere, leads_to, normal_value, references, spell,
};
use crate::event_log::names::Name;
use crate::event_log::sources::{Found, blob_name};
use crate::model::event::Body;
use crate::model::limits::REFUSED_LINES_MAX;
use crate::model::schema::{Field, Kind, Target};
use crate::model::value::{Object, Value};
use crate::record::json;
use crate::store::{Part, Store, StoreError};

impl<S: Store> Appending<'_, S> {
    /// Whether the log, or the input so far, has this event already.
    pub(super) fn known_already(
        &mut self,
        payload: &Object<'_>,
        bytes: &[u8],
        sealed: Option<&[u8]>,
    ) -> Result<Recognised, StoreError> {
        let Some(Value::Text(id)) = payload.get("id") else {
            let key = Name::Content(&content_hash(bytes, sealed)).key();
            for seq in self.log.names.find(key, &self.log.store)? {
                let Some(known) = self.stored(seq)? else { continue };
                if open_bytes(&known.payload) == Some(bytes)
                    && known.sealed.as_ref().and_then(open_bytes) == sealed
                {
                    return Ok(Recognised::Same(seq));
                }
            }
            return Ok(Recognised::New);
        };
        let Some(seq) = self.seq_of(id)? else { return Ok(Recognised::New) };
        let stored = self.stored(seq)?;
        let known = stored.as_ref().and_then(|event| open_bytes(&event.payload));
        let known_sealed =
            stored.as_ref().and_then(|event| event.sealed.as_ref()).and_then(open_bytes);
        if known == Some(bytes) && known_sealed == sealed {
            return Ok(Recognised::Same(seq));
        }
        let id = id.to_string();
        let is_absent = stored.as_ref().is_some_and(|event| event.sealed == Some(Part::Absent));
        let mut differs = differing_fields(known, payload);
        if is_absent && differs.is_empty() {
            return Ok(Recognised::Taken(Cause::SealedAbsent { id, seq }));
        }
        if known_sealed != sealed && !is_absent {
            differs.push("sealed".to_owned());
        }
        Ok(Recognised::Taken(Cause::IdTaken { id, seq, differs }))
    }

    /// Checks references and quotations, as if what is to be made were there; returns the references to what may follow.
    pub(super) fn gate(
        &mut self,
        kind: Kind,
        payload: &Object<'_>,
        made: &[(Kind, String)],
    ) -> Result<Result<Vec<Ahead>, Vec<Cause>>, StoreError> {
        let (mut causes, mut ahead) = (Vec::new(), Vec::new());
        for reference in self.all_references(kind, payload)? {
            if let Some((found, _)) = made.iter().find(|(_, id)| id == reference.id) {
                let Reference { path, id, target } = reference;
                if !leads_to(*found, target) {
                    let (id, found) = (id.to_owned(), *found);
                    causes.push(Cause::WrongKind { path, id, target, found });
                }
                continue;
            }
            match check_reference(&reference, self)? {
                Leads::There => {}
                Leads::Astray(cause) => causes.push(cause),
                Leads::Ahead => {
                    let Reference { path, id, target } = reference;
                    ahead.push(Ahead { path, id: id.to_owned(), target });
                }
            }
        }
        if let (Some(Value::Text(of)), Some(Value::Text(twin))) =
            (payload.get("of"), payload.get("duplicate_of"))
            && (of == twin || self.kind_of(of)? != self.kind_of(twin)?)
        {
            let (of, duplicate_of) = (of.to_string(), twin.to_string());
            causes.push(Cause::NotADuplicate { of, duplicate_of });
        }
        if !causes.is_empty() {
            return Ok(Err(causes));
        }
        let corrected = match payload.get("field") {
            Some(Value::Text(field)) if kind == Kind::Correction && *field == "cites" => {
                payload.get("to")
            }
            _ => None,
        };
        for cites in payload.get("cites").into_iter().chain(corrected) {
            let mut search = self.search;
            let found = check_quotes(cites, &mut |source| self.source_text(source), &mut search);
            self.search = search;
            causes.extend(found?);
        }
        Ok(if causes.is_empty() { Ok(ahead) } else { Err(causes) })
    }

    pub(super) fn normalise_correction(
        &mut self,
        kind: Kind,
        payload: &mut Object<'static>,
    ) -> Result<Result<(), Vec<Cause>>, StoreError> {
        if kind != Kind::Correction {
            return Ok(Ok(()));
        }
        let (Some(Value::Text(of)), Some(Value::Text(field))) =
            (payload.get("of"), payload.get("field"))
        else {
            return Ok(Ok(()));
        };
        let field = match correctable(of, field, self.kind_of(of)?) {
            Ok(field) => field,
            Err(cause) => return Ok(Err(vec![cause])),
        };
        if let (Some(field), Some(to)) = (field, payload.remove("to")) {
            match normal_value(field, to) {
                Ok(value) => drop(payload.insert("to".into(), value)),
                Err(causes) => return Ok(Err(causes)),
            }
        }
        Ok(Ok(()))
    }

    /// The field that a correction gives a value, if it can be corrected and the event it is of has it.
    fn corrected(
        &mut self,
        kind: Kind,
        payload: &Object<'_>,
    ) -> Result<Option<&'static Field>, StoreError> {
        Ok(match (payload.get("of"), payload.get("field")) {
            (Some(Value::Text(of)), Some(Value::Text(field))) if kind == Kind::Correction => {
                correctable(of, field, self.kind_of(of)?).ok().flatten()
            }
            _ => None,
        })
    }

    /// Brings every id that an event refers to into one spelling, those in the value of a correction, too.
    pub(super) fn spell(
        &mut self,
        kind: Kind,
        payload: &mut Object<'static>,
    ) -> Result<(), StoreError> {
        let Some(spec) = kind.spec() else { return Ok(()) };
        let corrected = self.corrected(kind, payload)?;
        for (name, value) in payload.iter_mut() {
            let is_new_value = kind == Kind::Correction && name == "to";
            if let Some(field) = if is_new_value { corrected } else { spec.field(name) } {
                spell(field, value, self)?;
            }
        }
        Ok(())
    }

    /// Every reference of an event; those in the value of a correction count as its own.
    pub(super) fn all_references<'e>(
        &mut self,
        kind: Kind,
        payload: &'e Object<'_>,
    ) -> Result<Vec<Reference<'e>>, StoreError> {
        let Some(spec) = kind.spec() else { return Ok(Vec::new()) };
        let mut found = references(payload, &|name| spec.field(name), "");
        if let (Some(field), Some(to)) = (self.corrected(kind, payload)?, payload.get("to")) {
            add_references(field, to, &format!("to ({})", field.name), &mut found);
        }
        Ok(found)
    }

    pub(super) fn source_text(&mut self, id: &str) -> Result<Result<Rc<str>, NoText>, StoreError> {
        let event = match self.seq_of(id)? {
            Some(seq) => self.event(seq)?,
            None => None,
        };
        let Some(Body::Source(source)) = event.map(|event| event.body) else {
            return Ok(Err(NoText::NotCaptured));
        };
        let Some(hash) = source.text_hash() else { return Ok(Err(NoText::NotCaptured)) };
        let (blobs, store) = (&self.blobs, &self.log.store);
        let mut bytes = || match blobs.get(hash) {
            Some(held) => Ok(Some(held.clone())),
            None => store.blob(&blob_name(hash)),
        };
        Ok(match self.texts.load(hash, &mut bytes)? {
            Found::Text(text) => Ok(text),
            Found::NotText(at) => Err(NoText::NotUtf8(at)),
            Found::Nothing => Err(NoText::Gone),
        })
    }

    /// Finds the events that refer ahead to what has not come, or is something else, or goes with what it refers to itself:
    /// those are refused, too. What a line may yet bring that is refused for another event alone is judged last, when no event but
    /// those that wait for it is withdrawn.
    pub(super) fn settle(&mut self) -> Result<BTreeMap<u64, Refusal>, AppendError> {
        let mut astray = Vec::new();
        // By its number, whether what goes may stay in the end.
        let mut going: BTreeMap<u64, bool> = BTreeMap::new();
        // What is awaited stands behind what awaits it: from the end on, it is known of each whether it goes.
        for awaited in std::mem::take(&mut self.awaited).into_iter().rev() {
            let stays = |seq: u64| !going.contains_key(&seq);
            let come = self.come(&awaited.to, &stays)?;
            if come.iter().any(|seq| stays(*seq))
                && !matches!(check_reference(&awaited.to.reference(), self)?, Leads::Astray(_))
            {
                continue;
            }
            let may_stay = self.offered.contains(&awaited.to.id)
                || come.iter().any(|seq| going.get(seq) == Some(&true));
            going.entry(awaited.seq).and_modify(|before| *before &= may_stay).or_insert(may_stay);
            self.refused_ids.extend(awaited.from.clone());
            astray.push((awaited, may_stay));
        }
        if self.options.keep_going && going.values().any(|may_stay| !may_stay) {
            astray.retain(|(_, may_stay)| !may_stay);
        }
        let mut refused: BTreeMap<u64, Refusal> = BTreeMap::new();
        for (Awaited { place, line, from, to, .. }, _) in astray.into_iter().rev() {
            let cause = match check_reference(&to.reference(), self)? {
                Leads::Astray(cause) => cause,
                Leads::There | Leads::Ahead => leads_nowhere(to.path, to.id, to.target, self)?,
            };
            let refusal = Refusal { line, id: from, causes: Vec::new() };
            refused.entry(place).or_insert(refusal).causes.push(cause);
            if self.options.keep_going {
                self.stop_if_too_many(&mut refused)?;
            }
        }
        Ok(refused)
    }

    /// The events that a reference ahead leads to now, of a measure up to the first step that stays.
    fn come(&mut self, to: &Ahead, stays: &dyn Fn(u64) -> bool) -> Result<Vec<u64>, StoreError> {
        let mut come = Vec::new();
        if to.target != Target::Measure {
            come.extend(self.seq_of(&to.id)?);
        }
        if matches!(to.target, Target::Measure | Target::EventOrMeasure) {
            come.extend(self.step_seqs(&to.id, stays)?);
        }
        Ok(come)
    }

    /// Ends the append when too many lines are refused, those among them that are found just now.
    pub(super) fn stop_if_too_many(
        &mut self,
        found: &mut BTreeMap<u64, Refusal>,
    ) -> Result<(), AppendError> {
        let count = [&self.excluded, &self.refused, found].map(BTreeMap::len).iter().sum::<usize>();
        if count < REFUSED_LINES_MAX {
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.excluded);
        all.append(&mut self.refused);
        all.append(found);
        Err(AppendError::Refused(all.into_values().collect()))
    }
}

/// The fields in which an event differs from one already stored.
fn differing_fields(known: Option<&[u8]>, payload: &Object<'_>) -> Vec<String> {
    let Some(Ok(Value::Object(known))) = known.map(json::parse) else {
        return vec!["content that can no longer be read".to_owned()];
    };
    let names: BTreeSet<&str> = known.iter().chain(payload.iter()).map(|(name, _)| name).collect();
    let differs = names.into_iter().filter(|name| known.get(name) != payload.get(name));
    differs.map(str::to_owned).collect()
}
