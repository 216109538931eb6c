//! An event as one run of bytes: a version byte, then each part with its length before it.

use super::{Part, StoredEvent};

const VERSION: u8 = 1;
const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const NEVER: u8 = 2;

/// Writes an event.
pub(super) fn encode(event: &StoredEvent) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_bytes(&mut bytes, &event.header);
    put_part(&mut bytes, Some(&event.payload));
    put_part(&mut bytes, event.sealed.as_ref());
    bytes
}

/// Reads an event; `None` if the bytes are not exactly what [`encode`] writes.
pub(super) fn decode(bytes: &[u8]) -> Option<StoredEvent> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let header = take_bytes(&mut rest)?;
    let payload = take_part(&mut rest)??;
    let sealed = take_part(&mut rest)?;
    rest.is_empty().then_some(StoredEvent { header, payload, sealed })
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

fn put_part(out: &mut Vec<u8>, part: Option<&Part>) {
    match part {
        None => out.push(NEVER),
        Some(Part::Absent) => out.push(ABSENT),
        Some(Part::Present { salt, bytes }) => {
            out.push(PRESENT);
            out.extend_from_slice(salt);
            put_bytes(out, bytes);
        }
    }
}

fn take_bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (bytes, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(bytes.to_vec())
}

/// A part, or that there never was one.
#[expect(clippy::option_option, reason = "the outer one is whether the bytes make a part at all")]
fn take_part(rest: &mut &[u8]) -> Option<Option<Part>> {
    let (tag, after) = rest.split_first()?;
    *rest = after;
    match *tag {
        NEVER => Some(None),
        ABSENT => Some(Some(Part::Absent)),
        PRESENT => {
            let (salt, after) = rest.split_first_chunk::<32>()?;
            *rest = after;
            Some(Some(Part::Present { salt: *salt, bytes: take_bytes(rest)? }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_part() -> impl Strategy<Value = Part> {
        let bytes = prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![
            Just(Part::Absent),
            (any::<[u8; 32]>(), bytes).prop_map(|(salt, bytes)| Part::Present { salt, bytes }),
        ]
    }

    proptest! {
        #[test]
        fn events_read_back_and_cut_ones_do_not(
            header in prop::collection::vec(any::<u8>(), 0..40),
            payload in any_part(),
            sealed in prop::option::of(any_part()),
        ) {
            let event = StoredEvent { header, payload, sealed };
            let bytes = encode(&event);
            prop_assert_eq!(decode(&bytes), Some(event));
            for cut in 0..bytes.len() {
                prop_assert_eq!(decode(bytes.get(..cut).unwrap_or_default()), None);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Some(event) = decode(&bytes) {
                prop_assert_eq!(encode(&event), bytes);
            }
        }
    }
}
