//! Rows: of each plain statement, for each of its speakers, where it stands; kept sorted, they are looked up, not scanned.
//!
//! The rows of an actor on a topic lie together, sorted by their latest bound. What can be current by a date then stands
//! in a short stretch before it, and what comes later is passed over by blocks. Rows hold for UTC alone: in another zone
//! a day has other bounds.

use super::Read;
use super::dates::Dates;
use super::glance::{Glance, text};
use super::pairs::Pairs;
use crate::model::calendar::{Instant, Zone};
use crate::model::date::Span;

/// The names of how many pairs are remembered: a log may have one in every row.
const PAIRS_REMEMBERED: usize = 1 << 16;

/// How many bytes a row has.
pub const ROW_BYTES: usize = 40;

/// An actor and a topic, as a row names them.
pub type Pair = [u8; 16];

/// Where one statement stands for one of its speakers. Rows are ordered as their bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The actor and the topic.
    pub pair: Pair,
    /// The latest bound of the statement.
    pub latest: Instant,
    /// The earliest bound.
    pub earliest: Instant,
    /// The number of the statement.
    pub seq: u64,
}

/// What is known of a block of rows without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The first row of the block.
    pub first: Row,
    /// The least earliest bound of its rows.
    pub earliest: Instant,
    /// The least number of its rows.
    pub seq: u64,
}

/// Rows that are kept sorted, in blocks. Several runs together hold each row once.
pub trait Run {
    /// Why a block cannot be read.
    type Error;

    /// Its blocks, in order.
    fn blocks(&self) -> &[Block];

    /// The rows of the block at this place, in order.
    fn read(&self, block: usize) -> Result<Vec<Row>, Self::Error>;
}

/// Names an actor and a topic: the first sixteen bytes of BLAKE3 of the actor, a zero byte and the topic.
pub fn pair_of(actor: &str, topic: &str) -> Pair {
    let mut hasher = blake3::Hasher::new();
    hasher.update(actor.as_bytes()).update(&[0]).update(topic.as_bytes());
    let mut pair = Pair::default();
    hasher.finalize_xof().fill(&mut pair);
    pair
}

impl Row {
    /// Its bytes: pair, latest, earliest, number, each the most significant byte first; they sort as rows do.
    pub fn to_bytes(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        let parts = [ordered(self.latest), ordered(self.earliest), self.seq.to_be_bytes()];
        let all = self.pair.iter().chain(parts.as_flattened());
        for (byte, part) in bytes.iter_mut().zip(all) {
            *byte = *part;
        }
        bytes
    }

    /// Reads its bytes.
    pub fn from_bytes(bytes: &[u8; ROW_BYTES]) -> Self {
        let (pair, rest) = bytes.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        let mut parts = rest.as_chunks::<8>().0.iter();
        let mut next = || parts.next().copied().unwrap_or_default();
        let (latest, earliest) = (instant(next()), instant(next()));
        Self { pair: *pair, latest, earliest, seq: u64::from_be_bytes(next()) }
    }

    fn counts(&self, limit: u64, is_touched: &dyn Fn(u64) -> bool) -> bool {
        self.seq < limit && !is_touched(self.seq)
    }
}

/// An instant so that its bytes sort as instants do.
fn ordered(instant: Instant) -> [u8; 8] {
    (instant.micros().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn instant(bytes: [u8; 8]) -> Instant {
    Instant::from_micros((u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed())
}

/// Makes the rows of statements.
#[derive(Debug)]
pub struct Rows {
    read: Read,
    dates: Dates,
    /// Pairs that were met, and how rows name each.
    pairs: Pairs,
    names: Vec<Pair>,
}

/// A statement that is understood at a glance: a full reading of it would give an event, and this of it.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'e> {
    glance: Glance<'e>,
    span: Span,
}

impl<'e> Plain<'e> {
    /// The id its reporter gave it.
    pub fn id(&self) -> Option<&'e str> {
        self.glance.id.map(text)
    }

    /// The contact in which it was said.
    pub fn contact(&self) -> Option<&'e str> {
        self.glance.contact.map(text)
    }

    /// What it quotes: the place of each cite that does, its source, and the quotation; `None` if that takes a full
    /// reading.
    pub fn quotes(&self) -> Option<Vec<(usize, &'e str, &'e str)>> {
        self.glance.quotes()
    }
}

impl Rows {
    /// Makes rows; `read` reads what a glance does not understand.
    pub fn new(read: Read) -> Self {
        Self { read, dates: Dates::new(Zone::UTC), pairs: Pairs::default(), names: Vec::new() }
    }

    /// Looks at the payload of an event of kind `statement`; `None` if it takes a full reading.
    pub fn plain<'e>(&mut self, payload: &'e [u8]) -> Option<Plain<'e>> {
        let glance = Glance::at(payload)?;
        let span = self.dates.span(glance.when)?;
        Some(Plain { glance, span })
    }

    /// Adds the rows of an event of kind `statement`: one a speaker; none if it has no topic or cannot be read.
    pub fn add(&mut self, seq: u64, payload: &[u8], to: &mut Vec<Row>) {
        match self.plain(payload) {
            Some(plain) => self.add_plain(seq, &plain, to),
            None => self.add_in_full(seq, payload, to),
        }
    }

    /// The same of a statement that takes a full reading.
    pub fn add_in_full(&mut self, seq: u64, payload: &[u8], to: &mut Vec<Row>) {
        let content = (self.read)(payload, "statement");
        if let Some(glance) = content.event().and_then(Glance::of)
            && let Some(span) = self.dates.span(glance.when)
        {
            self.add_plain(seq, &Plain { glance, span }, to);
        }
    }

    /// The same of a statement that was looked at.
    pub fn add_plain(&mut self, seq: u64, statement: &Plain<'_>, to: &mut Vec<Row>) {
        let Plain { glance, span: Span { earliest, latest } } = *statement;
        let Some(topic) = glance.topic else { return };
        if self.names.len() >= PAIRS_REMEMBERED {
            (self.pairs, self.names) = (Pairs::default(), Vec::new());
        }
        glance.each_by(|actor| {
            let place = self.pairs.place(actor, topic);
            if place == self.names.len() {
                self.names.push(pair_of(text(actor), text(topic)));
            }
            if let Some(pair) = self.names.get(place) {
                to.push(Row { pair: *pair, latest, earliest, seq });
            }
        });
    }
}

/// The numbers of the statements of one pair that can be current at `to`: by actor and topic, of those before number
/// `limit` that nothing else touches. What is touched is held whole anyway, and takes no other's place here.
pub fn current<R: Run>(
    runs: &[R],
    pair: Pair,
    to: Instant,
    limit: u64,
    is_touched: &dyn Fn(u64) -> bool,
) -> Result<Vec<u64>, R::Error> {
    let mut newest = Instant::MIN;
    for run in runs {
        newest = newest_of(run, pair, to, limit, is_touched, newest)?;
    }
    let mut found = Vec::new();
    for run in runs {
        for (at, block) in stretch(run, pair, newest, Instant::MAX) {
            if block.earliest > to || block.seq >= limit {
                continue;
            }
            let rows = run.read(at)?.into_iter().filter(|row| row.pair == pair);
            let rows = rows.filter(|row| row.latest >= newest && row.earliest <= to);
            found.extend(rows.filter(|row| row.counts(limit, is_touched)).map(|row| row.seq));
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The greatest earliest bound among the rows of a pair that have happened, and `newest`; from the date backwards, until
/// no earlier row can have a greater one.
fn newest_of<R: Run>(
    run: &R,
    pair: Pair,
    to: Instant,
    limit: u64,
    is_touched: &dyn Fn(u64) -> bool,
    mut newest: Instant,
) -> Result<Instant, R::Error> {
    for (at, block) in stretch(run, pair, Instant::MIN, to).rev() {
        if block.earliest > to || block.seq >= limit {
            continue;
        }
        for row in run.read(at)?.into_iter().rev() {
            if row.pair > pair || (row.pair == pair && row.latest > to) {
                continue;
            }
            if row.pair < pair || row.latest < newest {
                return Ok(newest);
            }
            if row.counts(limit, is_touched) {
                newest = newest.max(row.earliest);
            }
        }
    }
    Ok(newest)
}

/// The blocks that can hold rows of a pair whose latest bound is within these.
fn stretch<R: Run>(
    run: &R,
    pair: Pair,
    from: Instant,
    to: Instant,
) -> impl DoubleEndedIterator<Item = (usize, &Block)> {
    let blocks = run.blocks();
    let place = |block: &Block| (block.first.pair, block.first.latest);
    // The block before the first that begins there may end with such rows.
    let first = blocks.partition_point(|block| place(block) < (pair, from)).saturating_sub(1);
    let last = blocks.partition_point(|block| place(block) <= (pair, to));
    blocks.iter().enumerate().take(last).skip(first)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_row() -> impl Strategy<Value = Row> {
        let instant = || prop_oneof![any::<i64>(), -3_i64..4].prop_map(Instant::from_micros);
        (any::<[u8; 16]>(), instant(), instant(), any::<u64>())
            .prop_map(|(pair, latest, earliest, seq)| Row { pair, latest, earliest, seq })
    }

    proptest! {
        #[test]
        fn rows_sort_as_their_bytes(a in any_row(), b in any_row(), same in any::<bool>()) {
            let b = if same { Row { pair: a.pair, ..b } } else { b };
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            prop_assert_eq!(Row::from_bytes(&a.to_bytes()), a);
        }
    }

    /// What would break: an append, or `verify`, would hold every pair of a log in memory.
    #[test]
    fn of_more_pairs_than_are_remembered_each_has_its_own_name() {
        let mut rows = Rows::new(|_, _| panic!("they are plain"));
        let mut found = Vec::new();
        let count = PAIRS_REMEMBERED + 3;
        for number in (0..count).chain(0..3) {
            let payload = format!(r#"{{"by":["in"],"kind":"statement","topic":"t-{number}"}}"#);
            rows.add(0, payload.as_bytes(), &mut found);
            let row = found.pop().unwrap();
            assert_eq!(row.pair, pair_of("in", &format!("t-{number}")));
            assert!(found.is_empty() && rows.names.len() <= PAIRS_REMEMBERED);
        }
    }
}
