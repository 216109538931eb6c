//! The hashes of events that were read together, computed side by side: a fraction of the cost of one after the other.

use crate::record::commitment::{Commitment, commit_payloads};
use crate::record::link::Link;
use crate::store::{Events, PartRef};

/// The link of each event.
pub(super) fn links(events: &Events) -> Vec<Link> {
    Link::of_many(events.iter().map(|event| event.header))
}

/// What each event's payload is committed to by; `None` where it is absent.
pub(super) fn payloads(events: &Events) -> Vec<Option<Commitment>> {
    let present = events.iter().filter_map(|event| match event.payload {
        PartRef::Present { salt, bytes } => Some((salt, bytes)),
        PartRef::Absent => None,
    });
    let mut found = commit_payloads(present).into_iter();
    let of_each = events.iter().map(|event| match event.payload {
        PartRef::Present { .. } => found.next(),
        PartRef::Absent => None,
    });
    of_each.collect()
}
