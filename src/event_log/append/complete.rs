//! What the program fills in: ids made from names, and hashes and sizes of captured files.

use std::collections::BTreeMap;

use crate::event_log::gates::{Cause, SourceFiles};
use crate::model::id::{self, slug};
use crate::model::schema::Kind;
use crate::model::value::{Object, Value};

/// Sources, actors and topics are referred to by name, so they need one.
pub(in crate::event_log) fn name_it(
    kind: Kind,
    payload: &mut Object<'_>,
) -> Result<(), Vec<Cause>> {
    if !matches!(kind, Kind::Source | Kind::Actor | Kind::Topic) || payload.get("id").is_some() {
        return Ok(());
    }
    let named = payload.get("name").or_else(|| payload.get("title"));
    let made = match named {
        Some(Value::Text(name)) => slug(name),
        _ => String::new(),
    };
    if id::check_new(&made).is_err() {
        return Err(vec![Cause::NoName { kind }]);
    }
    payload.insert("id".into(), Value::Text(made.into()));
    Ok(())
}

/// Reads and hashes the files of a source; returns their bytes by their hashes.
pub(super) fn capture(
    kind: Kind,
    payload: &mut Object<'static>,
    files: &mut dyn SourceFiles,
) -> Result<BTreeMap<String, Vec<u8>>, Vec<Cause>> {
    let (mut captured, mut causes) = (BTreeMap::new(), Vec::new());
    if kind != Kind::Source {
        return Ok(captured);
    }
    for (file, hash, size) in
        [("file", "blake3", "bytes"), ("text_file", "text_blake3", "text_bytes")]
    {
        let Some(Value::Text(name)) = payload.get(file).cloned() else {
            for path in [hash, size].into_iter().filter(|path| payload.get(path).is_some()) {
                causes.push(Cause::CaptureMissing { path });
            }
            continue;
        };
        let bytes = match files.read(&name) {
            Ok(bytes) => bytes,
            Err(error) => {
                causes.push(Cause::File { path: file, error });
                continue;
            }
        };
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        let count = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        for (path, found) in
            [(hash, Value::Text(blake3.clone().into())), (size, Value::Integer(count))]
        {
            if let Some(given) = payload.insert(path.into(), found.clone())
                && given != found
            {
                let (given, found) = (plain(&given), plain(&found));
                causes.push(Cause::CaptureDiffers { path, given, found });
            }
        }
        // Where the file lay is no part of the report, and may give away who made it.
        let base = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        payload.insert(file.into(), Value::Text(base.into()));
        captured.insert(blake3, bytes);
    }
    if causes.is_empty() { Ok(captured) } else { Err(causes) }
}

fn plain(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Integer(number) => number.to_string(),
        other => other.kind_name().to_owned(),
    }
}
