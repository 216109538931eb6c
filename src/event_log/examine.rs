//! What the bytes of one event show by themselves, on any thread: all that verification does of it but for what follows
//! from the events before.

use super::finding::{Check, Wrong};
use super::names::{Key, keys_of, keys_of_plain, sealed_of};
use super::{read_other_format, read_payload, system_kind};
use crate::model::event::{Body, Event};
use crate::record::commitment::{Commitment, Salt, commit_payload, commit_sealed};
use crate::record::header::{Header, HeaderError};
use crate::record::json;
use crate::record::link::Link;
use crate::record::tree::{NodeHash, leaf_hash};
use crate::replay::Content;
use crate::replay::bearing::Plain;
use crate::store::{EventRef, PartRef};

/// What was found of one event.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) header: Result<Header, HeaderError>,
    pub(super) link: Link,
    pub(super) leaf: NodeHash,
    /// How many bytes were looked at.
    pub(super) bytes: usize,
    /// What is wrong, in order.
    pub(super) wrongs: Vec<(Check, Wrong)>,
    pub(super) payload: Looked,
    pub(super) sealed: Looked,
    /// The payload of an event that the program itself made.
    pub(super) system: Option<Vec<u8>>,
    pub(super) content: Option<Box<Quoting>>,
}

/// Whether a part was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// It was.
    Open,
    /// It is not there.
    Absent,
    /// There is none, or it was passed over.
    Not,
}

/// What an event captures and quotes; of most events nothing.
#[derive(Debug, Default)]
pub(super) struct Quoting {
    /// The id of the event.
    pub(super) id: Option<String>,
    /// The hashes of the bytes captured with it.
    pub(super) captured: Vec<String>,
    /// Whether it is a source, and the hash of its text.
    pub(super) is_source: bool,
    pub(super) text: Option<String>,
    /// The place of each cite that quotes, the id of its source, and the quotation.
    pub(super) quotes: Vec<(usize, String, String)>,
}

/// Looks at one event; `name` is told of all that it is known by. `quick` leaves out payloads and sealed parts, but for
/// those that the program itself made.
pub(super) fn examine(event: EventRef<'_>, quick: bool, name: &mut dyn FnMut(Key)) -> Examined {
    examine_seen(event, (Link::of(event.header), None), None, quick, name)
}

/// The same of an event whose header was hashed already, and its payload perhaps; which perhaps was seen to be that of a
/// plain statement.
pub(super) fn examine_seen(
    event: EventRef<'_>,
    (link, committed): (Link, Option<Commitment>),
    plain: Option<&Plain<'_>>,
    quick: bool,
    name: &mut dyn FnMut(Key),
) -> Examined {
    let mut examined = Examined {
        header: Header::from_bytes(event.header),
        link,
        leaf: leaf_hash(event.header),
        bytes: event.header.len(),
        wrongs: Vec::new(),
        payload: Looked::Not,
        sealed: Looked::Not,
        system: None,
        content: None,
    };
    // What cannot be read is no header to compare parts with.
    let Ok(header) = examined.header.as_ref() else { return examined };
    let (payload, kind) = (header.payload, header.kind.clone());
    let system = system_kind(&kind).is_some();
    examined.sealed(event, header.sealed, quick);
    let PartRef::Present { salt, bytes } = event.payload else {
        examined.payload = Looked::Absent;
        return examined;
    };
    if quick && !system {
        return examined;
    }
    examined.payload = Looked::Open;
    examined.bytes = examined.bytes.saturating_add(bytes.len());
    let found = committed.unwrap_or_else(|| commit_payload(&Salt(*salt), bytes));
    if found != payload {
        let wrong = Wrong::Commitment { part: "payload", expected: payload, found };
        examined.wrongs.push((Check::Commitments, wrong));
    }
    if let Some(plain) = plain
        && let Some(quotes) = plain.quotes()
    {
        keys_of_plain(plain, bytes, sealed_of(event)).for_each(name);
        examined.take_plain(plain, &quotes);
        return examined;
    }
    match read_payload(bytes, &kind) {
        Content::Readable(read) => {
            keys_of(&read, bytes, sealed_of(event)).into_iter().for_each(name);
            examined.take(*read);
            examined.system = system.then(|| bytes.to_vec());
        }
        Content::Absent | Content::Unreadable => {
            if let Err(error) = json::parse_canonical(bytes) {
                let wrong = Wrong::NotCanonical { part: "payload", error };
                examined.wrongs.push((Check::Bytes, wrong));
            } else {
                examined.system = system.then(|| bytes.to_vec());
                let wrong = match read_other_format(bytes) {
                    Some(found) => Wrong::Format { found },
                    None => Wrong::Unreadable { kind },
                };
                examined.wrongs.push((Check::Bytes, wrong));
            }
        }
    }
    examined
}

impl Examined {
    fn sealed(&mut self, event: EventRef<'_>, committed: Option<Commitment>, quick: bool) {
        match (event.sealed, committed) {
            (Some(PartRef::Present { .. }), Some(_)) if quick => {}
            (Some(PartRef::Present { salt, bytes }), Some(expected)) => {
                self.sealed = Looked::Open;
                self.bytes = self.bytes.saturating_add(bytes.len());
                let found = commit_sealed(&Salt(*salt), bytes);
                if found != expected {
                    let wrong = Wrong::Commitment { part: "sealed part", expected, found };
                    self.wrongs.push((Check::Commitments, wrong));
                }
                if let Err(error) = json::parse_canonical(bytes) {
                    let wrong = Wrong::NotCanonical { part: "sealed part", error };
                    self.wrongs.push((Check::Bytes, wrong));
                }
            }
            (Some(PartRef::Absent), Some(_)) => self.sealed = Looked::Absent,
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                self.wrongs.push((Check::Commitments, Wrong::SealedMismatch));
            }
        }
    }

    fn take(&mut self, event: Event) {
        let source = match &event.body {
            Body::Source(source) => Some(source),
            _ => None,
        };
        let quotes = event.cites.iter().enumerate().filter_map(|(cite, passage)| {
            Some((cite, passage.source.clone(), passage.quote.clone()?))
        });
        let quotes: Vec<_> = quotes.collect();
        if source.is_some() || !quotes.is_empty() {
            self.content = Some(Box::new(Quoting {
                id: event.id,
                captured: source.into_iter().flat_map(|s| s.hashes()).map(str::to_owned).collect(),
                is_source: source.is_some(),
                text: source.and_then(|source| source.text_hash()).map(str::to_owned),
                quotes,
            }));
        }
    }

    fn take_plain(&mut self, statement: &Plain<'_>, quotes: &[(usize, &str, &str)]) {
        if quotes.is_empty() {
            return;
        }
        let quote = |(cite, source, quote): &(usize, &str, &str)| {
            (*cite, (*source).to_owned(), (*quote).to_owned())
        };
        let (id, quotes) = (statement.id().map(str::to_owned), quotes.iter().map(quote).collect());
        self.content = Some(Box::new(Quoting { id, quotes, ..Quoting::default() }));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::event_log::still::Still;
    use crate::event_log::{AppendOptions, EventLog, FileError, SourceFiles, Submission};
    use crate::replay::bearing::Rows;
    use crate::store::Store;
    use crate::store::memory::MemoryStore;

    struct OneText;

    impl SourceFiles for OneText {
        fn read(&mut self, _: &str) -> Result<Vec<u8>, FileError> {
            Ok(b"he said \"no\" and then yes".to_vec())
        }
    }

    const LINES: &[&str] = &[
        r#"{"kind":"source","id":"s","publisher":"o","published":"2025-05-01","file":"s.txt"}"#,
        r#"{"kind":"contact","id":"call","participants":["x"]}"#,
        r#"{"kind":"statement","id":"a","by":["x"],"topic":"t","summary":"m","cites":[{"source":"s"}]}"#,
        r#"{"kind":"statement","by":["x","y"],"topic":"t","summary":"without an id","cites":[{"source":"s"}]}"#,
        r#"{"kind":"statement","id":"b","by":["x"],"contact":"call","summary":"m","cites":[{"source":"s","quote":"and then yes"},{"source":"s"},{"source":"s","quote":"he said"}]}"#,
        r#"{"kind":"statement","id":"c","by":["x"],"summary":"m","cites":[{"source":"s","quote":"\"no\" and"}]}"#,
        r#"{"kind":"statement","id":"d","by":["x"],"summary":"m","sealed":{"from":"z"},"cites":[{"source":"s"}]}"#,
        r#"{"kind":"incident","id":"e","summary":"m","cites":[{"source":"s"}]}"#,
    ];

    /// What would break: a verification that takes a plain statement for granted where a full reading would have found a
    /// name of it, a quotation to compare, or something wrong.
    #[test]
    fn a_glance_examines_as_a_full_reading_does() {
        let mut log =
            EventLog::create(MemoryStore::new(), "example.org/desk", None, &mut Still).unwrap();
        let lines = LINES.iter().map(|line| Submission::read(0, line.as_bytes())).collect();
        let options = AppendOptions { declare: true, ..AppendOptions::default() };
        log.append(lines, options, &mut OneText, &mut Still).unwrap();

        let events = log.store.events(0).unwrap();
        let mut rows = Rows::new(read_payload);
        let (mut plain, mut quoting) = (0, 0);
        for event in events.iter() {
            let seen = super::super::statements::statement_of(event).and_then(|p| rows.plain(p));
            let (mut names, mut names_at_a_glance) = (Vec::new(), Vec::new());
            let full = examine(event, false, &mut |name| names.push(name));
            let link = Link::of(event.header);
            let glance = examine_seen(event, (link, None), seen.as_ref(), false, &mut |name| {
                names_at_a_glance.push(name);
            });
            assert_eq!(format!("{full:?}"), format!("{glance:?}"));
            assert_eq!(names, names_at_a_glance);
            plain += usize::from(seen.is_some());
            quoting += usize::from(full.content.is_some_and(|content| !content.quotes.is_empty()));
        }
        assert_eq!((plain, quoting), (5, 2));
    }
}
