//! Stored bytes: bundles of events. Whatever decodes says the same when it is packed again, and whatever is packed comes
//! back to the byte.
#![no_main]

use demarche::store::bundle::{Compression, decode, encode_with};
use demarche::store::{Events, Part, StoredEvent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(events) = decode(bytes) {
        comes_back(&events);
    }
    comes_back(&Events::from_stored(&events_of(bytes)));
});

fn comes_back(events: &Events) {
    for compression in [Compression::Zstd(1), Compression::Lz4] {
        let packed = encode_with(events, compression);
        let read = decode(&packed).expect("what was packed can be read");
        assert_eq!(read.to_stored(), events.to_stored());
        let (cut, _) = packed.split_at(packed.len() - 1);
        assert!(decode(cut).is_none(), "a bundle that is cut is none");
        assert!(decode(&[&packed[..], &[0]].concat()).is_none(), "nor is one with more behind it");
    }
}

/// Events made of bytes: the first of each chunk says which parts it has and how long they are.
fn events_of(bytes: &[u8]) -> Vec<StoredEvent> {
    let part = |bytes: &[u8]| {
        let mut salt = [0; 32];
        salt.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Part::Present { salt, bytes: bytes.to_vec() }
    };
    let event = |chunk: &[u8]| {
        let (shape, rest) = chunk.split_first().map_or((0, chunk), |(shape, rest)| (*shape, rest));
        let (header, rest) = rest.split_at(usize::from(shape >> 2).min(rest.len()));
        StoredEvent {
            header: header.to_vec(),
            payload: if shape & 1 == 0 { part(rest) } else { Part::Absent },
            sealed: match shape & 3 {
                2 => Some(part(rest)),
                3 => Some(Part::Absent),
                _ => None,
            },
        }
    };
    bytes.chunks(97).map(event).collect()
}
