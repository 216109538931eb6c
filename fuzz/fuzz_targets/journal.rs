//! Journal lines: what is read can be written again, to the byte, and what is read up to a wrong line is a journal.
#![no_main]

use demarche::record::journal::Journal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let lines = relinked(bytes);
    for bytes in [bytes, lines.as_slice()] {
        let (journal, damaged) = match Journal::parse(bytes) {
            Ok(journal) => (journal, false),
            Err(damaged) => match damaged.before {
                Some(before) => (*before, true),
                None => continue,
            },
        };
        let whole = &bytes[..usize::try_from(journal.bytes()).expect("no longer than the bytes")];
        let (mut made, mut written) = Journal::begin(&journal.log, journal.genesis);
        for entry in &journal.entries {
            written.extend(made.add(entry.at, entry.note.clone()).expect("it was a checkpoint"));
        }
        assert_eq!(written, whole, "a journal has one spelling");
        assert_eq!(made, journal);
        assert_eq!(Journal::parse(whole), Ok(journal), "its whole lines are one");
        if !damaged {
            let rest = &bytes[whole.len()..];
            assert!(!rest.contains(&b'\n'), "only an unfinished line is passed over");
        }
    }
});

/// The same lines, each naming the one before it, so that what stands behind the links is reached.
fn relinked(bytes: &[u8]) -> Vec<u8> {
    use demarche::model::value::Value;
    use demarche::record::commitment::derive_key;
    use demarche::record::journal::JOURNAL_CONTEXT;
    use demarche::record::json::{canonical, parse};
    let mut out = Vec::new();
    let mut last: Option<[u8; 32]> = None;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut line = match parse(line) {
            Ok(Value::Object(mut object)) => {
                if let Some(last) = &last
                    && object.get("prev").is_some()
                {
                    object.insert("prev".into(), Value::Text(hex(&last[..]).into()));
                }
                canonical(&Value::Object(object))
            }
            _ => line.to_vec(),
        };
        line.push(b'\n');
        last = Some(derive_key(JOURNAL_CONTEXT, &[&line]));
        out.extend(line);
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
