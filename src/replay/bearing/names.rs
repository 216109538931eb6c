//! Names that are looked for among very many, nearly all of which are others.

use std::collections::BTreeSet;

use super::glance::text;
use super::pairs::{mix, place};

/// A set of names that says quickly of most others that they are not in it.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: BTreeSet<String>,
    /// For each name the place to which its bytes lead; what leads to another place is no name of these.
    marks: Vec<bool>,
}

/// So many places a name.
const PLACES_EACH: usize = 32;

impl Names {
    pub(super) fn of(all: BTreeSet<String>) -> Self {
        let mut marks = vec![false; all.len().saturating_mul(PLACES_EACH)];
        for name in &all {
            let at = place(mix(name.as_bytes()), marks.len());
            if let Some(mark) = marks.get_mut(at) {
                *mark = true;
            }
        }
        Self { all, marks }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn contains(&self, name: &[u8]) -> bool {
        let mark = self.marks.get(place(mix(name), self.marks.len()));
        mark == Some(&true) && self.all.contains(text(name))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(String::as_str)
    }
}
