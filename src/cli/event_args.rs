//! `append KIND`: one event from flags, which are the kind's fields with `-` for `_`.
//!
//! Passages and attributions are records, so their flags come in groups: `--cite SOURCE` begins one, and `--quote`,
//! `--form` (of a contact `--cite-form`) and `--at` after it belong to it; `--according-to WHO` begins one, and `--how` after it belongs to it.
//! `--how` alone is an account by nobody who is named.

use std::borrow::Cow;
use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::beside::read_file;
use super::error::CliError;
use crate::event_log::{InputError, Submission};
use crate::model::date::Edtf;
use crate::model::limits::LINE_BYTES_MAX;
use crate::model::schema::{Field, Holds, KINDS, Kind, KindSpec};
use crate::model::value::{Object, Value};
use crate::record::json;

/// The longest file of a sealed part, in bytes, white space and all.
const SEALED_FILE_BYTES_MAX: usize = 1024 * 1024;

/// What the help says of a flag that takes several values, one each time.
const MANY: &str = "; may be given more than once";

/// Adds a subcommand for every kind to that of `append`.
pub(crate) fn with_kinds(append: Command) -> Command {
    KINDS.iter().fold(append, |append, spec| append.subcommand(kind_command(spec)))
}

fn kind_command(spec: &'static KindSpec) -> Command {
    let mut command =
        Command::new(spec.name).about(format!("Append one {}: {}", spec.name, spec.about));
    for field in spec.all_fields() {
        match field.holds {
            Holds::Records(_) if field.name == "cites" => {
                command = command.args(cite_args(form_flag(spec)));
            }
            Holds::Records(_) => command = command.args(according_to_args()),
            Holds::Hash | Holds::Number => {}
            _ => command = command.arg(field_arg(field)),
        }
    }
    command
}

fn field_arg(field: &'static Field) -> Arg {
    let (value, many) = match field.holds {
        Holds::Texts => ("TEXT", true),
        Holds::TextMap => ("SCHEME=ID", true),
        Holds::NewId | Holds::MeasureId | Holds::Reference(_) => ("ID", false),
        Holds::References(_) => ("ID", true),
        Holds::Tenures => ("ID[=FROM/UNTIL]", true),
        Holds::Date => ("DATE", false),
        Holds::Term(_) => ("TERM", false),
        Holds::Country => ("CODE", false),
        Holds::Object => ("JSON_FILE", false),
        Holds::Anything => ("VALUE", false),
        _ if matches!(field.name, "file" | "text_file") => ("FILE", false),
        _ => ("TEXT", false),
    };
    let mut help = field.about.to_owned();
    if let Holds::Term(list) = field.holds {
        help.push_str(&format!(" (terms: demarche vocab {})", list.name));
    }
    if many {
        help.push_str(MANY);
    }
    let action = if many { ArgAction::Append } else { ArgAction::Set };
    let flag = field.name.replace('_', "-");
    let arg = Arg::new(field.name).long(flag.clone()).value_name(value).help(help).action(action);
    let arg = if flag == field.name { arg } else { arg.alias(field.name) };
    arg.required(field.required).allow_hyphen_values(matches!(field.holds, Holds::Text))
}

/// The flag that says how a source renders a passage. A contact has a field `form` of its own.
fn form_flag(spec: &KindSpec) -> &'static str {
    let has_form = spec.fields.iter().any(|field| field.name == "form");
    if has_form { "cite-form" } else { "form" }
}

fn cite_args(form: &'static str) -> [Arg; 4] {
    let group = |name: &'static str| Arg::new(name).long(name).action(ArgAction::Append);
    [
        group("cite")
            .value_name("SOURCE")
            .help(format!("a source that reports it; the next three belong to it{MANY}")),
        group("quote")
            .value_name("TEXT")
            .help("a passage of it, to the letter")
            .allow_hyphen_values(true),
        group(form)
            .value_name("TERM")
            .help("how the source renders it (terms: demarche vocab cite_form)"),
        group("at").value_name("TEXT").help("where in the source: a page, a paragraph, a time"),
    ]
}

fn according_to_args() -> [Arg; 2] {
    [
        Arg::new("according_to")
            .long("according-to")
            .alias("according_to")
            .value_name("WHO")
            .help(format!(
                "on whose word, nearest to the speaker first; the next belongs to it{MANY}"
            ))
            .action(ArgAction::Append),
        Arg::new("how")
            .long("how")
            .value_name("TERM")
            .help("how they passed it on (terms: demarche vocab account)")
            .action(ArgAction::Append),
    ]
}

/// The event that the flags describe.
pub(crate) fn submission(kind: &str, matches: &ArgMatches) -> Result<Submission, CliError> {
    let Some(spec) = Kind::parse(kind).and_then(Kind::spec) else {
        return Err(CliError::refused(format!("there is no kind of event {kind:?}")));
    };
    let mut event: Object<'static> = Object::new();
    event.insert("kind".into(), Value::Text(spec.name.into()));
    for field in spec.all_fields() {
        let value = match field.holds {
            Holds::Records(_) if field.name == "cites" => cites(spec, matches)?,
            Holds::Records(_) => according_to(matches),
            Holds::Hash | Holds::Number => None,
            _ => field_value(field, matches)?,
        };
        if let Some(value) = value {
            event.insert(field.name.into(), value);
        }
    }
    if event.iter().all(|(name, _)| name == "kind") {
        return Err(CliError::refused("the event is empty: no field is given")
            .hint(format!("see its fields: demarche append {kind} --help")));
    }
    Ok(Submission { line: None, event: Ok(Value::Object(event)) })
}

fn field_value(field: &Field, matches: &ArgMatches) -> Result<Option<Value<'static>>, CliError> {
    let given: Vec<&String> = matches.get_many(field.name).into_iter().flatten().collect();
    let Some(first) = given.first() else { return Ok(None) };
    Ok(Some(match field.holds {
        Holds::Texts | Holds::References(_) => {
            Value::List(given.into_iter().map(|item| text(item)).collect())
        }
        Holds::Tenures => {
            Value::List(given.into_iter().map(|item| tenure(item)).collect::<Result<_, _>>()?)
        }
        Holds::TextMap => {
            let mut map = Object::new();
            for pair in given {
                let Some((scheme, id)) = pair.split_once('=') else {
                    return Err(CliError::refused(format!("--ids {pair:?} is no SCHEME=ID"))
                        .hint("write --ids wikidata=Q668"));
                };
                map.insert(scheme.to_owned().into(), Value::Text(id.to_owned().into()));
            }
            Value::Object(map)
        }
        Holds::Object => parse(&read_file(Path::new(first), SEALED_FILE_BYTES_MAX)?)?,
        // Lists and objects are written as JSON; everything else is the text itself.
        Holds::Anything if first.starts_with(['[', '{', '"']) || *first == "null" => {
            parse(first.as_bytes())?
        }
        _ => text(first),
    }))
}

/// `senate=2011-01-03/2025-01-20`; either date may be left out or written `..`. What follows the last `=` is a time only
/// if it holds a `/`, since an id may hold a `=` itself.
fn tenure(item: &str) -> Result<Value<'static>, CliError> {
    let Some((id, time)) = item.rsplit_once('=') else { return Ok(text(item)) };
    let Some((from, until)) = time.split_once('/') else {
        if Edtf::check(time).is_err() {
            return Ok(text(item));
        }
        return Err(CliError::refused(format!("--part-of {item:?} says neither since nor until"))
            .hint(format!(
                "from then on: --part-of {id}={time}/; up to then: --part-of {id}=/{time}"
            ))
            .hint(format!("if all of it is an id: --part-of {item}=/")));
    };
    let mut tenure = Object::new();
    tenure.insert("actor".into(), text(id));
    for (key, date) in [("from", from), ("until", until)] {
        if !matches!(date, "" | "..") {
            tenure.insert(key.into(), text(date));
        }
    }
    Ok(Value::Object(tenure))
}

fn parse(bytes: &[u8]) -> Result<Value<'static>, CliError> {
    if bytes.len() > LINE_BYTES_MAX {
        let error = InputError::LineTooLong { most: LINE_BYTES_MAX };
        return Err(CliError::refused(error.to_string()));
    }
    match json::parse(bytes) {
        Ok(value) => Ok(value.into_owned()),
        Err(error) => Err(CliError::refused(error.to_string())),
    }
}

fn text(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.to_owned()))
}

/// The values of a repeated flag, each with its place on the command line.
fn placed<'m>(
    matches: &'m ArgMatches,
    flag: &'static str,
) -> Vec<(usize, &'static str, &'m String)> {
    let places = matches.indices_of(flag).into_iter().flatten();
    let values = matches.get_many::<String>(flag).into_iter().flatten();
    places.zip(values).map(|(place, value)| (place, flag, value)).collect()
}

fn cites(spec: &KindSpec, matches: &ArgMatches) -> Result<Option<Value<'static>>, CliError> {
    let form = form_flag(spec);
    let flags = ["cite", "quote", form, "at"];
    let mut given: Vec<_> = flags.iter().flat_map(|flag| placed(matches, flag)).collect();
    given.sort_unstable();
    let mut cites: Vec<Object<'static>> = Vec::new();
    for (_, flag, value) in given {
        if flag == "cite" {
            let mut cite = Object::new();
            cite.insert("source".into(), text(value));
            cites.push(cite);
            continue;
        }
        let key = if flag == form { "form" } else { flag };
        match cites.last_mut() {
            Some(cite) if cite.get(key).is_none() => {
                cite.insert(key.into(), text(value));
            }
            _ => {
                return Err(CliError::refused(format!("--{flag} {value:?} belongs to no --cite"))
                    .hint(format!(
                        "name the source first: --cite SOURCE --quote TEXT --{form} direct"
                    )));
            }
        }
    }
    Ok(list(cites))
}

fn according_to(matches: &ArgMatches) -> Option<Value<'static>> {
    let mut given = placed(matches, "according_to");
    given.extend(placed(matches, "how"));
    given.sort_unstable();
    let mut chain: Vec<Object<'static>> = Vec::new();
    for (_, flag, value) in given {
        match (flag, chain.last_mut()) {
            ("how", Some(link)) if link.get("how").is_none() => {
                link.insert("how".into(), text(value));
            }
            _ => {
                let key = if flag == "how" { "how" } else { "by" };
                chain.push([(key.into(), text(value))].into_iter().collect());
            }
        }
    }
    list(chain)
}

fn list(objects: Vec<Object<'static>>) -> Option<Value<'static>> {
    if objects.is_empty() {
        return None;
    }
    Some(Value::List(objects.into_iter().map(Value::Object).collect()))
}
