//! What must hold of an event against the log: that it is new, that its references lead somewhere, that its quotations stand
//! in their sources.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::lookup::open_bytes;
use super::{Appending, Awaited, Recognised};
use crate::event_log::content_hash;
use crate::event_log::gates::{
    Cause, Knows, Leads, NoText, Reference, Refusal, add_references, check_quotes, check_reference,
    correctable, leads_nowhere, normal_value, references, spell,
};
use crate::event_log::names::Name;
use crate::event_log::sources::{Found, blob_name};
use crate::model::event::Body;
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

    /// Checks references and quotations.
    pub(super) fn gate(
        &mut self,
        kind: Kind,
        payload: &Object<'_>,
        line: Option<u64>,
        own_id: Option<String>,
    ) -> Result<Vec<Cause>, StoreError> {
        let mut causes = Vec::new();
        let mut awaited = Vec::new();
        for reference in self.all_references(kind, payload)? {
            match check_reference(&reference, self)? {
                Leads::There => {}
                Leads::Astray(cause) => causes.push(cause),
                Leads::Ahead => awaited.push(Awaited {
                    place: self.place,
                    line,
                    from: own_id.clone(),
                    path: reference.path,
                    id: reference.id.to_owned(),
                    target: reference.target,
                }),
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
            return Ok(causes);
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
        if causes.is_empty() {
            self.awaited.extend(awaited);
        }
        Ok(causes)
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

    /// Sees whether everything that was awaited has come. Returns all that is refused, in the order of the input.
    pub(super) fn settle(&mut self) -> Result<Vec<(u64, Refusal)>, StoreError> {
        self.looked_ahead = !self.awaited.is_empty();
        for Awaited { place, line, from, path, id, target } in std::mem::take(&mut self.awaited) {
            let of_measures = matches!(target, Target::Measure | Target::EventOrMeasure);
            if (target != Target::Measure && self.seq_of(&id)?.is_some())
                || (of_measures && self.has_measure(&id)?)
            {
                continue;
            }
            let cause = leads_nowhere(path, id, target, self)?;
            let same = self.refused.iter_mut().find(|(of, _)| *of == place);
            if let Some((_, refusal)) = same {
                refusal.causes.push(cause);
            } else {
                self.refused_ids.extend(from.clone());
                self.refused.push((place, Refusal { line, id: from, causes: vec![cause] }));
            }
        }
        let mut refused = std::mem::take(&mut self.refused);
        refused.sort_by_key(|(place, _)| *place);
        Ok(refused)
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
