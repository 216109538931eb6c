//! Some events that follow one another, read together: their bytes lie in two buffers, and each is a view of them.

use super::{Part, StoredEvent};

/// Some events that follow one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    headers: Vec<u8>,
    texts: Vec<u8>,
    places: Vec<Place>,
}

/// Where one event's bytes end; they begin where those of the event before it end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    header: usize,
    payload: PartPlace,
    sealed: Option<PartPlace>,
    texts: usize,
}

/// The salt and length of a part; `None` if it is absent.
type PartPlace = Option<([u8; 32], usize)>;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef<'e> {
    /// The header's bytes.
    pub header: &'e [u8],
    /// The payload.
    pub payload: PartRef<'e>,
    /// The sealed part; `None` if there never was one.
    pub sealed: Option<PartRef<'e>>,
}

/// A part of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartRef<'e> {
    /// It is there.
    Present {
        /// The salt of its commitment.
        salt: &'e [u8; 32],
        /// Its bytes.
        bytes: &'e [u8],
    },
    /// It was erased, or is withheld.
    Absent,
}

impl Events {
    /// Events that were read one by one.
    pub fn from_stored(stored: &[StoredEvent]) -> Self {
        let mut events = Self::default();
        for event in stored {
            events.push(event.as_ref());
        }
        events
    }

    /// Adds an event.
    pub fn push(&mut self, event: EventRef<'_>) {
        self.headers.extend_from_slice(event.header);
        let mut place = |part: PartRef<'_>| match part {
            PartRef::Absent => None,
            PartRef::Present { salt, bytes } => {
                self.texts.extend_from_slice(bytes);
                Some((*salt, bytes.len()))
            }
        };
        let payload = place(event.payload);
        let sealed = event.sealed.map(place);
        let (header, texts) = (self.headers.len(), self.texts.len());
        self.places.push(Place { header, payload, sealed, texts });
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many bytes of memory their headers and texts take.
    pub const fn bytes_held(&self) -> usize {
        self.headers.capacity().saturating_add(self.texts.capacity())
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = EventRef<'_>> {
        (0..self.places.len()).map_while(|index| self.get(index))
    }

    /// One of them, counted from 0.
    pub fn get(&self, index: usize) -> Option<EventRef<'_>> {
        let place = self.places.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.places.get(before));
        let (header, texts) = before.map_or((0, 0), |before| (before.header, before.texts));
        let header = self.headers.get(header..place.header)?;
        let mut texts = self.texts.get(texts..place.texts)?;
        let payload = take_part(&place.payload, &mut texts);
        let sealed = place.sealed.as_ref().map(|sealed| take_part(sealed, &mut texts));
        Some(EventRef { header, payload, sealed })
    }

    /// All but the first ones.
    #[must_use]
    pub fn without_first(self, count: usize) -> Self {
        if count == 0 {
            return self;
        }
        let mut rest = Self::default();
        self.iter().skip(count).for_each(|event| rest.push(event));
        rest
    }

    /// Lets go of all but the first ones.
    pub fn truncate(&mut self, count: usize) {
        self.places.truncate(count);
        self.headers.truncate(self.places.last().map_or(0, |place| place.header));
        self.texts.truncate(self.places.last().map_or(0, |place| place.texts));
    }

    /// Each of them, on its own.
    pub fn to_stored(&self) -> Vec<StoredEvent> {
        self.iter().map(|event| event.to_stored()).collect()
    }

    /// All payloads and sealed parts, one after the other.
    pub(super) fn texts(&self) -> &[u8] {
        &self.texts
    }

    /// Events whose payloads and sealed parts are already there, one after the other.
    pub(super) fn with_texts(texts: Vec<u8>, header_bytes: usize) -> Self {
        Self { headers: Vec::with_capacity(header_bytes), texts, places: Vec::new() }
    }

    /// Goes on with the header of the next event.
    pub(super) fn extend_header(&mut self, bytes: &[u8]) {
        self.headers.extend_from_slice(bytes);
    }

    /// The same, with the hexadecimal digits of bytes.
    pub(super) fn extend_header_in_hex(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or(b'0');
        self.headers.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    }

    /// Ends the next event, whose texts are the next so many bytes; `None` if there are not so many.
    pub(super) fn close(&mut self, payload: PartPlace, sealed: Option<PartPlace>) -> Option<()> {
        let length = |part: &PartPlace| part.as_ref().map_or(0, |(_, length)| *length);
        let begin = self.places.last().map_or(0, |place| place.texts);
        let texts =
            begin.checked_add(length(&payload))?.checked_add(sealed.as_ref().map_or(0, length))?;
        if texts > self.texts.len() {
            return None;
        }
        self.places.push(Place { header: self.headers.len(), payload, sealed, texts });
        Some(())
    }

    /// Whether all of the texts belong to events.
    pub(super) fn is_whole(&self) -> bool {
        self.places.last().map_or(0, |place| place.texts) == self.texts.len()
    }
}

fn take_part<'e>(place: &'e PartPlace, texts: &mut &'e [u8]) -> PartRef<'e> {
    let Some((salt, length)) = place else { return PartRef::Absent };
    let (bytes, rest) = texts.split_at_checked(*length).unwrap_or((texts, &[]));
    *texts = rest;
    PartRef::Present { salt, bytes }
}

impl EventRef<'_> {
    /// The event on its own.
    pub fn to_stored(self) -> StoredEvent {
        StoredEvent {
            header: self.header.to_vec(),
            payload: self.payload.to_part(),
            sealed: self.sealed.map(PartRef::to_part),
        }
    }
}

impl PartRef<'_> {
    /// The part on its own.
    pub fn to_part(self) -> Part {
        match self {
            Self::Present { salt, bytes } => Part::Present { salt: *salt, bytes: bytes.to_vec() },
            Self::Absent => Part::Absent,
        }
    }
}

impl StoredEvent {
    /// A view of it.
    pub fn as_ref(&self) -> EventRef<'_> {
        EventRef {
            header: &self.header,
            payload: self.payload.as_ref(),
            sealed: self.sealed.as_ref().map(Part::as_ref),
        }
    }
}

impl Part {
    /// A view of it.
    pub fn as_ref(&self) -> PartRef<'_> {
        match self {
            Self::Present { salt, bytes } => PartRef::Present { salt, bytes },
            Self::Absent => PartRef::Absent,
        }
    }
}
