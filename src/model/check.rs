//! The check of one event's shape: kind, fields, types, dates, terms, limits.
//!
//! It looks at one event alone and at no log: whether what it refers to exists, and whether its quotations are
//! verbatim, is for the gates of `event_log`. It brings the event into its normal form: lists where one item was
//! given bare, country codes in two capitals, nothing where `null` or an empty text or list was given. All problems
//! are reported, not only the first.
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::as_conversions)]

use std::borrow::Cow;
use std::fmt;

use super::country::country;
use super::date::{DateError, Edtf};
use super::id::{IdError, check_new, check_reference};
use super::limits::{LIST_ITEMS_MAX, TEXT_CHARS_MAX};
use super::near::nearest;
use super::schema::{Field, Holds, KINDS, Kind, KindSpec, TENURE};
use super::value::{Object, Value};
use super::vocabulary::{Plover, Vocabulary};

/// Something wrong at one place of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {wrong}")]
pub struct Problem {
    /// Where, as `cites[0].quote`.
    pub path: String,
    /// What is wrong there.
    pub wrong: Wrong,
}

/// What is wrong at one place of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// The event is no JSON object.
    #[error("an event is a JSON object, this is {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// There is no such kind of event.
    #[error("there is no kind of event {name:?}")]
    UnknownKind {
        /// The name given.
        name: String,
        /// Kinds with a similar name.
        near: Vec<&'static str>,
    },
    /// Only the program itself writes events of this kind.
    #[error("events of kind {name} are written by the program alone")]
    SystemKind {
        /// The kind.
        name: &'static str,
    },
    /// The kind has no such field.
    #[error("{kind} has no field {name:?}")]
    UnknownField {
        /// The kind or record.
        kind: &'static str,
        /// The name given.
        name: String,
        /// Fields with a similar name.
        near: Vec<&'static str>,
    },
    /// A field that must be there is not.
    #[error("{what} is missing ({about})")]
    Missing {
        /// The field.
        what: &'static str,
        /// What it says.
        about: &'static str,
    },
    /// The value is of another JSON type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What the field holds.
        expected: &'static str,
        /// What was given.
        found: &'static str,
    },
    /// The id is not one.
    #[error("{id:?} is no id: {error}")]
    Id {
        /// The text given.
        id: String,
        /// Why not.
        error: IdError,
    },
    /// The date cannot be read.
    #[error(transparent)]
    Date(DateError),
    /// The term is not in its closed list.
    #[error("{term:?} is not in the list {}", list.name)]
    Term {
        /// The term given.
        term: String,
        /// The list.
        list: &'static Vocabulary,
        /// Terms of the list that look like it.
        near: Vec<&'static str>,
    },
    /// The code is not in ISO 3166-1.
    #[error("{code:?} is no ISO 3166-1 country code")]
    Country {
        /// The code given.
        code: String,
    },
    /// The text is no hash.
    #[error("{text:?} is not 64 hexadecimal digits")]
    Hash {
        /// The text given.
        text: String,
    },
    /// The text is longer than a field may be.
    #[error("a text has at most {TEXT_CHARS_MAX} characters, this one has {found}")]
    TextTooLong {
        /// Its length in characters.
        found: usize,
    },
    /// The list is longer than a list may be.
    #[error("a list has at most {LIST_ITEMS_MAX} items, this one has {found}")]
    ListTooLong {
        /// Its length.
        found: usize,
    },
    /// A scheme of identifiers is given twice, with different identifiers.
    #[error("the scheme {scheme:?} is given twice, as {first:?} and as {second:?}")]
    SchemeTwice {
        /// The scheme.
        scheme: String,
        /// The identifier given first.
        first: String,
        /// The other one.
        second: String,
    },
    /// A retraction names an event that is doubled, and is not by `duplicate`.
    #[error("it belongs to a retraction by duplicate alone")]
    OfDuplicatesAlone,
    /// A passage to quote was given as the empty text, which is a passage of every source.
    #[error("the quotation is empty")]
    EmptyQuote,
}

/// An event in its normal form.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its fields, `kind` and `id` among them, without the sealed part.
    pub payload: Object<'a>,
    /// The sealed part.
    pub sealed: Option<Object<'a>>,
}

/// Where a value stands; written out only where something is wrong.
#[derive(Clone, Copy)]
enum Place<'p> {
    /// A field of the event.
    Field(&'p str),
    /// An item of a list.
    Item(&'p Place<'p>, usize),
    /// A field of a record.
    Within(&'p Place<'p>, &'p str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Item(list, index) => write!(f, "{list}[{index}]"),
            Self::Within(record, name) => write!(f, "{record}.{name}"),
        }
    }
}

impl Place<'_> {
    fn problem(self, wrong: Wrong) -> Problem {
        Problem { path: self.to_string(), wrong }
    }
}

/// Checks one event as it was given.
pub fn check(event: Value<'_>) -> Result<Checked<'_>, Vec<Problem>> {
    let Value::Object(given) = event else {
        let wrong = Wrong::NotAnObject { found: "another value" };
        return Err(vec![Place::Field("event").problem(wrong)]);
    };
    let spec = kind_of(&given).map_err(|wrong| vec![Place::Field("kind").problem(wrong)])?;
    let mut problems = Vec::new();
    let mut sealed = None;
    let payload = given.keep(|name, value| {
        if name == "kind" {
            return Some(value);
        }
        let Some(field) = spec.field(name) else {
            let near = nearest(name, spec.all_fields().map(|field| field.name), 2);
            let wrong = Wrong::UnknownField { kind: spec.name, name: name.to_owned(), near };
            problems.push(Place::Field(name).problem(wrong));
            return None;
        };
        match (field.holds, check_field(field, value, Place::Field(name), &mut problems)?) {
            (Holds::Object, Value::Object(object)) => {
                sealed = Some(object);
                None
            }
            (_, normal) => Some(normal),
        }
    });
    check_required(spec.fields, &payload, None, &mut problems);
    if spec.kind == Kind::Retraction {
        let place = Place::Field("duplicate_of");
        let is_duplicate = payload.get("by").map(|by| *by == Value::Text("duplicate".into()));
        match (is_duplicate, payload.get("duplicate_of")) {
            (Some(true), None) => {
                let about = "the event it doubles";
                problems.push(place.problem(Wrong::Missing { what: "duplicate_of", about }));
            }
            (Some(false), Some(_)) => problems.push(place.problem(Wrong::OfDuplicatesAlone)),
            _ => {}
        }
    }
    if problems.is_empty() {
        Ok(Checked { kind: spec.kind, payload, sealed })
    } else {
        Err(problems)
    }
}

/// Checks the value of one field alone, as a correction gives it; `None` where it says that there is none.
pub fn check_value<'a>(field: &Field, value: Value<'a>) -> Result<Option<Value<'a>>, Vec<Problem>> {
    let mut problems = Vec::new();
    let place = Place::Field(field.name);
    let normal = check_field(field, value, place, &mut problems);
    if field.required && normal.is_none() && problems.is_empty() {
        let wrong = Wrong::Missing { what: field.name, about: field.about };
        problems.push(place.problem(wrong));
    }
    if problems.is_empty() { Ok(normal) } else { Err(problems) }
}

fn kind_of(given: &Object<'_>) -> Result<&'static KindSpec, Wrong> {
    let name = match given.get("kind") {
        Some(Value::Text(name)) => name,
        Some(other) => return Err(Wrong::Type { expected: "text", found: other.kind_name() }),
        None => return Err(Wrong::Missing { what: "kind", about: "what sort of event it is" }),
    };
    if let Some(kind) = Kind::parse(name) {
        kind.spec().ok_or(Wrong::SystemKind { name: kind.name() })
    } else {
        let near = nearest(name, KINDS.iter().map(|spec| spec.name), 2);
        Err(Wrong::UnknownKind { name: name.to_string(), near })
    }
}

fn check_required(
    fields: &'static [Field],
    given: &Object<'_>,
    record: Option<Place<'_>>,
    problems: &mut Vec<Problem>,
) {
    for field in fields.iter().filter(|field| field.required && given.get(field.name).is_none()) {
        let wrong = Wrong::Missing { what: field.name, about: field.about };
        let missing = match &record {
            Some(record) => Place::Within(record, field.name).problem(wrong),
            None => Place::Field(field.name).problem(wrong),
        };
        // A value that was given and refused has its own problem already.
        if !problems.iter().any(|known| known.path.starts_with(&missing.path)) {
            problems.push(missing);
        }
    }
}

/// The normal form of a field's value; `None` if there is none, or if it is refused (then `problems` grows).
fn check_field<'a>(
    field: &Field,
    value: Value<'a>,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Value<'a>> {
    let is_empty = match &value {
        Value::Null => true,
        // An empty passage is one of every source.
        Value::Text(text) => text.is_empty() && field.name != "quote",
        _ => false,
    };
    if is_empty && !matches!(field.holds, Holds::Anything) {
        return None;
    }
    let result = match field.holds {
        Holds::Anything => Ok(Some(value)),
        Holds::Texts => return check_list(value, place, problems, |v, _, _| text(v, plain_text)),
        Holds::References(_) => {
            return check_list(value, place, problems, |v, _, _| text(v, reference));
        }
        Holds::Records(fields) => {
            return check_list(value, place, problems, |v, p, all| record(fields, v, p, all));
        }
        Holds::Tenures => return check_list(value, place, problems, tenure),
        Holds::Text if field.name == "quote" => quotation(value),
        Holds::Text => text(value, plain_text),
        Holds::NewId | Holds::MeasureId => text(value, new_id),
        Holds::Reference(_) => text(value, reference),
        Holds::Date => text(value, date),
        Holds::Country => text(value, country_code),
        Holds::Hash => text(value, hash),
        Holds::Term(list) => text(value, |term| check_term(term, list)),
        Holds::TextOrNumber => match value {
            Value::Integer(_) => Ok(Some(value)),
            other => text(other, plain_text),
        },
        Holds::Number => match value {
            Value::Integer(_) => Ok(Some(value)),
            other => Err(Wrong::Type { expected: "a whole number", found: other.kind_name() }),
        },
        Holds::TextMap => text_map(value),
        Holds::Object => match value {
            Value::Object(_) => Ok(Some(value)),
            other => Err(Wrong::Type { expected: "an object", found: other.kind_name() }),
        },
    };
    match result {
        Ok(normal) => normal,
        Err(wrong) => {
            problems.push(place.problem(wrong));
            None
        }
    }
}

type Checks<'a> = Result<Option<Value<'a>>, Wrong>;

fn check_list<'a>(
    value: Value<'a>,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
    check: impl Fn(Value<'a>, Place<'_>, &mut Vec<Problem>) -> Checks<'a>,
) -> Option<Value<'a>> {
    let items = match value {
        Value::List(items) => items,
        single => vec![single],
    };
    if items.len() > LIST_ITEMS_MAX {
        problems.push(place.problem(Wrong::ListTooLong { found: items.len() }));
        return None;
    }
    let check_item = |(index, item)| {
        let place = Place::Item(&place, index);
        check(item, place, problems).unwrap_or_else(|wrong| {
            problems.push(place.problem(wrong));
            None
        })
    };
    let normal: Vec<_> = items.into_iter().enumerate().filter_map(check_item).collect();
    if normal.is_empty() { None } else { Some(Value::List(normal)) }
}

fn record<'a>(
    fields: &'static [Field],
    value: Value<'a>,
    place: Place<'_>,
    problems: &mut Vec<Problem>,
) -> Checks<'a> {
    let given = match value {
        Value::Object(given) => given,
        other => return Err(Wrong::Type { expected: "an object", found: other.kind_name() }),
    };
    let normal = given.keep(|name, value| {
        let place = Place::Within(&place, name);
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let near = nearest(name, fields.iter().map(|field| field.name), 2);
            let wrong = Wrong::UnknownField { kind: "this list", name: name.to_owned(), near };
            problems.push(place.problem(wrong));
            return None;
        };
        check_field(field, value, place, problems)
    });
    check_required(fields, &normal, Some(place), problems);
    Ok(if normal.is_empty() { None } else { Some(Value::Object(normal)) })
}

/// An id alone, or an object of [`TENURE`]; an object that says no time becomes the id alone.
fn tenure<'a>(value: Value<'a>, place: Place<'_>, problems: &mut Vec<Problem>) -> Checks<'a> {
    if !matches!(value, Value::Object(_)) {
        return text(value, reference);
    }
    Ok(match record(TENURE, value, place, problems)? {
        Some(Value::Object(mut normal)) if normal.len() == 1 => normal.remove("actor"),
        normal => normal,
    })
}

fn text<'a>(value: Value<'a>, check: impl Fn(Cow<'a, str>) -> Checks<'a>) -> Checks<'a> {
    match value {
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) => check(text),
        other => Err(Wrong::Type { expected: "text", found: other.kind_name() }),
    }
}

fn plain_text(text: Cow<'_, str>) -> Checks<'_> {
    // No text has more characters than bytes.
    if text.len() > TEXT_CHARS_MAX {
        let found = text.chars().count();
        if found > TEXT_CHARS_MAX {
            return Err(Wrong::TextTooLong { found });
        }
    }
    Ok(Some(Value::Text(text)))
}

fn quotation(value: Value<'_>) -> Checks<'_> {
    match value {
        Value::Text(text) if text.trim().is_empty() => Err(Wrong::EmptyQuote),
        other => text(other, plain_text),
    }
}

fn new_id(text: Cow<'_, str>) -> Checks<'_> {
    match check_new(&text) {
        Ok(()) => Ok(Some(Value::Text(text))),
        Err(error) => Err(Wrong::Id { id: text.into_owned(), error }),
    }
}

fn reference(text: Cow<'_, str>) -> Checks<'_> {
    match check_reference(&text) {
        Ok(()) => Ok(Some(Value::Text(text))),
        Err(error) => Err(Wrong::Id { id: text.into_owned(), error }),
    }
}

fn date(text: Cow<'_, str>) -> Checks<'_> {
    match Edtf::check(&text) {
        Ok(()) => Ok(Some(Value::Text(text))),
        Err(error) => Err(Wrong::Date(error)),
    }
}

fn country_code(text: Cow<'_, str>) -> Checks<'_> {
    match country(&text) {
        Some(country) => Ok(Some(Value::Text(country.alpha2.into()))),
        None => Err(Wrong::Country { code: text.into_owned() }),
    }
}

fn hash(text: Cow<'_, str>) -> Checks<'_> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(Some(Value::Text(lower_case(text))))
    } else {
        Err(Wrong::Hash { text: text.into_owned() })
    }
}

fn check_term<'a>(term: Cow<'a, str>, list: &'static Vocabulary) -> Checks<'a> {
    // PLOVER's own pages write its types in capitals.
    let term = if list.name == Plover::VOCABULARY.name { lower_case(term) } else { term };
    if list.has(&term) {
        return Ok(Some(Value::Text(term)));
    }
    let near = nearest(&term, list.terms.iter().map(|(known, _)| *known), 3);
    Err(Wrong::Term { term: term.into_owned(), list, near })
}

fn lower_case(text: Cow<'_, str>) -> Cow<'_, str> {
    let has_capital = text.bytes().any(|byte| byte.is_ascii_uppercase());
    if has_capital { Cow::Owned(text.to_ascii_lowercase()) } else { text }
}

/// `{"wikidata": "Q668"}`; a list `["wikidata:Q668"]` is taken as the same.
fn text_map(value: Value<'_>) -> Checks<'_> {
    let mut normal = Object::new();
    match value {
        Value::Object(given) => {
            for (name, value) in given {
                if let Some(value) = text(value, plain_text)? {
                    normal.insert(name, value);
                }
            }
        }
        Value::List(items) if items.len() > LIST_ITEMS_MAX => {
            return Err(Wrong::ListTooLong { found: items.len() });
        }
        Value::List(items) => {
            for item in items {
                let expected = "an object of texts, or a list of texts \"scheme:id\"";
                let Value::Text(item) = item else {
                    return Err(Wrong::Type { expected, found: item.kind_name() });
                };
                let Some((scheme, id)) = item.split_once(':') else {
                    return Err(Wrong::Type { expected, found: "a text without a colon" });
                };
                let id = Value::Text(id.to_owned().into());
                let Some(id) = text(id, plain_text)? else { continue };
                match normal.get(scheme) {
                    Some(Value::Text(first)) if Value::Text(first.clone()) != id => {
                        let Value::Text(second) = id else { continue };
                        return Err(Wrong::SchemeTwice {
                            scheme: scheme.to_owned(),
                            first: first.to_string(),
                            second: second.into_owned(),
                        });
                    }
                    _ => normal.insert(scheme.to_owned().into(), id),
                };
            }
        }
        other => {
            return Err(Wrong::Type { expected: "an object of texts", found: other.kind_name() });
        }
    }
    Ok(if normal.is_empty() { None } else { Some(Value::Object(normal)) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    fn object<'a, const N: usize>(pairs: [(&'a str, Value<'a>); N]) -> Value<'a> {
        Value::Object(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// What would break: what is appended would be another event when it is read back and appended again.
    #[test]
    fn an_id_elsewhere_without_a_value_is_left_out() {
        let ids = |list: &[&'static str]| {
            let ids = list.iter().copied().map(text).collect();
            let checked = check(object([("kind", text("actor")), ("ids", Value::List(ids))]));
            checked.unwrap().payload.remove("ids")
        };
        assert_eq!(ids(&["name:"]), None);
        assert_eq!(ids(&["name:", "wikidata:Q668"]), Some(object([("wikidata", text("Q668"))])));
    }

    #[test]
    fn a_problem_says_where_it_is() {
        let cites = vec![
            object([("quote", text(" ")), ("page", text("4"))]),
            text("s"),
            object([("source", text("s")), ("form", text("loud")), ("at", Value::Bool(true))]),
        ];
        let event = object([
            ("kind", text("measure")),
            ("cites", Value::List(cites)),
            ("op", text("impos")),
            ("by", Value::List(vec![text("in"), text("a b")])),
            ("wen", text("2025")),
            ("until", text("tomorrow")),
            ("scope", Value::Null),
        ]);
        let found: Vec<String> =
            check(event).unwrap_err().into_iter().map(|problem| problem.path).collect();
        let expected = "cites[0].quote cites[0].page cites[0].source cites[1] cites[2].form cites[2].at op by[1] wen until measure";
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn a_text_is_measured_in_characters() {
        for (count, refused) in [(TEXT_CHARS_MAX, false), (TEXT_CHARS_MAX + 1, true)] {
            for character in ["x", "é"] {
                let long = character.repeat(count);
                let event = object([("kind", text("incident")), ("summary", text(&long))]);
                let wrong = check(event).err().map(|problems| problems.first().cloned().unwrap());
                let too_long = Wrong::TextTooLong { found: count };
                let expected = Problem { path: "summary".to_owned(), wrong: too_long };
                assert_eq!(wrong, refused.then_some(expected));
            }
        }
    }

    #[test]
    fn what_is_in_normal_form_is_borrowed_and_what_is_not_is_brought_into_it() {
        let event = object([
            ("kind", text("statement")),
            ("summary", text("words")),
            ("by", text("in")),
            ("to", Value::List(Vec::new())),
            ("contact", Value::Null),
            ("plover", text("THREATEN")),
            ("sealed", object([("who", text("somebody"))])),
        ]);
        let Checked { kind, payload, sealed } = check(event).unwrap();
        assert_eq!(kind, Kind::Statement);
        assert!(matches!(payload.get("summary"), Some(Value::Text(Cow::Borrowed("words")))));
        let normal = object([
            ("kind", text("statement")),
            ("summary", text("words")),
            ("by", Value::List(vec![text("in")])),
            ("plover", text("threaten")),
        ]);
        assert_eq!(Value::Object(payload), normal);
        assert_eq!(sealed.map(Value::Object), Some(object([("who", text("somebody"))])));
    }
}
