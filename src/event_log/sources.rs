//! Captured sources: which an event has, and their texts, against which quotations are checked.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::read_payload;
use crate::model::event::Body;
use crate::model::schema::Kind;
use crate::record::header::Header;
use crate::replay::Content;
use crate::store::{EventRef, PartRef, StoreError};

/// The name under which a store keeps captured bytes.
pub(crate) fn blob_name(blake3: &str) -> String {
    format!("source/{blake3}")
}

/// How many bytes of text are kept at hand before all are let go.
const KEPT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Texts by the hash of their bytes, read when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    kept: BTreeMap<String, Found>,
    bytes: usize,
}

/// What is found under a hash.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// Text.
    Text(Rc<str>),
    /// Bytes that are not UTF-8; the first that is not stands here.
    NotText(usize),
    /// Nothing: it was erased, or is withheld.
    Nothing,
}

impl Texts {
    /// The text with this hash, from bytes that are asked for only if it is not at hand.
    pub(crate) fn load(
        &mut self,
        blake3: &str,
        bytes: &mut dyn FnMut() -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Found, StoreError> {
        if let Some(found) = self.kept.get(blake3) {
            return Ok(found.clone());
        }
        let found = found(bytes()?.as_deref());
        if self.bytes > KEPT_BYTES_MAX {
            self.kept.clear();
            self.bytes = 0;
        }
        if let Found::Text(text) = &found {
            self.bytes += text.len();
        }
        self.kept.insert(blake3.to_owned(), found.clone());
        Ok(found)
    }
}

/// Whether a text holds a quotation, to the letter.
pub(crate) fn holds(text: &str, quotation: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), quotation.as_bytes()).is_some()
}

fn found(bytes: Option<&[u8]>) -> Found {
    match bytes.map(std::str::from_utf8) {
        Some(Ok(text)) => Found::Text(text.into()),
        Some(Err(error)) => Found::NotText(error.valid_up_to()),
        None => Found::Nothing,
    }
}

/// The hashes of what an event captured.
pub(crate) fn captured_by(event: EventRef<'_>) -> Vec<String> {
    let PartRef::Present { bytes, .. } = event.payload else { return Vec::new() };
    match Header::from_bytes(event.header) {
        Ok(header) if header.kind == Kind::Source.name() => {
            match read_payload(bytes, &header.kind) {
                Content::Readable(event) => match &event.body {
                    Body::Source(source) => source.hashes().map(str::to_owned).collect(),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_let_go_of_when_too_much_is_at_hand() {
        let mut texts = Texts::default();
        let mut is_read = |name: &str, bytes: usize| {
            let mut read = false;
            let text = &mut || {
                read = true;
                Ok(Some(vec![b'x'; bytes]))
            };
            texts.load(name, text).unwrap();
            read
        };
        assert!(is_read("first", KEPT_BYTES_MAX));
        assert!(is_read("second", 1) && !is_read("first", 0), "at the limit it is at hand");
        assert!(is_read("third", 1) && is_read("first", 0), "past it nothing was");
    }
}
