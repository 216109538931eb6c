//! Actors and topics that were met, each pair with its place in the order in which they were.

use std::collections::BTreeMap;

/// How many pairs are found without a search.
const PLACES: usize = 4096;

/// Every pair of an actor and a topic that was met.
#[derive(Debug, Clone)]
pub(super) struct Pairs {
    /// Each pair, as its actor, a zero byte and its topic.
    all: Vec<Box<[u8]>>,
    sorted: BTreeMap<Box<[u8]>, usize>,
    /// The last pair whose bytes led to this place.
    recent: Vec<usize>,
    /// The pair that is looked for.
    pair: Vec<u8>,
}

impl Default for Pairs {
    fn default() -> Self {
        let (all, sorted, pair) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { all, sorted, recent: vec![usize::MAX; PLACES], pair }
    }
}

impl Pairs {
    /// The place of a pair: the next one if it is met for the first time.
    pub(super) fn place(&mut self, actor: &[u8], topic: &[u8]) -> usize {
        self.pair.clear();
        self.pair.extend_from_slice(actor);
        self.pair.push(0);
        self.pair.extend_from_slice(topic);
        let recent = self.recent.get_mut(place(mix(&self.pair), PLACES));
        if let Some(recent) = &recent
            && self.all.get(**recent).is_some_and(|known| **known == *self.pair)
        {
            return **recent;
        }
        let at = if let Some(at) = self.sorted.get(self.pair.as_slice()) {
            *at
        } else {
            let at = self.all.len();
            self.all.push(self.pair.as_slice().into());
            self.sorted.insert(self.pair.as_slice().into(), at);
            at
        };
        if let Some(recent) = recent {
            *recent = at;
        }
        at
    }

    /// Each pair, actor and topic, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.all.iter().map(|pair| {
            let end = pair.iter().position(|byte| *byte == 0).unwrap_or(pair.len());
            let (actor, topic) = pair.split_at(end);
            (actor, topic.get(1..).unwrap_or_default())
        })
    }
}

/// Bits that differ where bytes do: no more than a guess where to look.
pub(super) fn mix(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    words.iter().chain([&last]).fold(0, |mixed: u64, word| {
        (mixed.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// One of so many places.
pub(super) fn place(mixed: u64, places: usize) -> usize {
    usize::try_from(mixed >> 32).unwrap_or(0).checked_rem(places).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::panic, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn more_pairs_than_places_are_told_apart() {
        let mut pairs = Pairs::default();
        let name = |number: usize| format!("actor-{number}").into_bytes();
        for _ in 0..2 {
            for (actor, topic) in (0..100).flat_map(|actor| (0..100).map(move |t| (actor, t))) {
                let place = pairs.place(&name(actor), &name(topic));
                assert_eq!(place, actor * 100 + topic, "a place for each, in the order they came");
            }
        }
        let all: Vec<_> = pairs.iter().map(|(a, t)| (a.to_vec(), t.to_vec())).collect();
        assert_eq!(all.len(), 10_000);
        assert_eq!(all[4_217], (name(42), name(17)));
    }
}
