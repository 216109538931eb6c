//! The world on a date: the few events that bear on an answer, found among all of a log's.
//!
//! Where the tables beside the events ([`super::snapshot`]) reach far enough, they are looked up there: the answer to any
//! date costs the same, however long the log is, and the events that it rests on are read and checked one by one. That
//! no other event bears on it then rests on the tables, which `verify` compares with the events. Otherwise, and where the
//! tables cannot tell (another time zone, the reported clock), every event is read, on every core, and checked to be the
//! one that its header and the chain up to the head commit to.

use std::collections::BTreeSet;

use super::append::event_of;
use super::names::{Name, is_listed};
use super::parallel::{on_every_core, scan};
use super::runs::Runs;
use super::statements::{Opened, Reading, StatementTable, pairs};
use super::{
    DoesNotFit, EventLog, OpenError, content_of, fitting_hashed, fitting_header, hashes,
    read_payload,
};
use crate::model::calendar::Zone;
use crate::model::event::Body;
use crate::model::id;
use crate::model::schema::{KINDS, Kind};
use crate::record::header::Header;
use crate::record::link::Link;
use crate::replay::bearing::{Bearing, Gathering, Held, Known, Stored, current};
use crate::replay::{Clocks, Content, Entry, History, LeftOut};
use crate::store::bundle::BUNDLE_EVENTS;
use crate::store::{Damage, EventRef, Events, PartRef, Store, StoreError};

/// Of so many events after those that the tables reach, the world is still looked up; they are read.
pub const READ_AFTER_TABLES: u64 = 1 << 16;

impl<S: Store> EventLog<S> {
    /// The history that answers, under these clocks, as the whole one would: measures, current positions, disputes and
    /// anomalies. `progress` is told how many events were read, where all are.
    pub fn world(
        &mut self,
        clocks: Clocks,
        progress: &mut dyn FnMut(u64),
    ) -> Result<History, OpenError> {
        match self.look_up(clocks)? {
            Some(history) => Ok(history),
            None => self.world_from_events(clocks, progress),
        }
    }

    /// The same from every event, whatever was derived from them before.
    pub fn world_from_events(
        &self,
        clocks: Clocks,
        progress: &mut dyn FnMut(u64),
    ) -> Result<History, OpenError> {
        let held = self.look_at_all(clocks, progress)?;
        let bearing = if held.needs_another_pass() {
            let again = self.look_from(0, || held.again())?;
            held.after(again)
        } else {
            held.bearing()
        };
        self.load(bearing)
    }

    /// A history of the retractions alone, and of the events that they name: what of the log is taken back. The table of
    /// names leads to them.
    pub fn taken_back(&mut self) -> Result<History, OpenError> {
        self.settle()?;
        let listed = self.names.find(Name::Kind(Kind::Retraction).key(), &self.store)?;
        let mut wanted: BTreeSet<u64> = listed.iter().copied().collect();
        let mut named = Vec::new();
        self.each(&listed, &mut |event, header| {
            if let Content::Readable(event) = content_of(event, header)
                && let Body::Retraction(retraction) = event.body
            {
                named.push(retraction.of);
            }
        })?;
        for id in named {
            match id::seq_of(&id) {
                Some(seq) => drop(wanted.insert(seq)),
                None => wanted.extend(self.names.find(Name::Id(&id).key(), &self.store)?),
            }
        }
        let wanted: Vec<u64> = wanted.range(..self.head.size).copied().collect();
        let mut history = History::new();
        self.each(&wanted, &mut |event, header| {
            history.pass_over(header.seq);
            history.push(header.recorded_at, content_of(event, header));
        })?;
        Ok(history)
    }

    /// Reads every event, and checks that all fit.
    fn look_at_all(
        &self,
        clocks: Clocks,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Held, OpenError> {
        let look = |gathering: &mut Gathering, first: u64, events: Result<Events, StoreError>| {
            let events = events?;
            let mut ends: Option<(Link, Link)> = None;
            let (mut seq, mut last) = (first, Link::ZERO);
            let hashes = hashes::payloads(&events).into_iter().zip(hashes::links(&events));
            for (event, (payload, link)) in events.iter().zip(hashes) {
                let wrong = |wrong| OpenError::DoesNotVerify { seq, wrong };
                let header = fitting_hashed(event, seq, payload).map_err(wrong)?;
                if ends.is_some() && header.prev != last {
                    let (expected, found) = (last, header.prev);
                    return Err(wrong(DoesNotFit::Link { expected, found }));
                }
                last = link;
                ends = Some((ends.map_or(header.prev, |(prev, _)| prev), last));
                gathering.look(stored(event, &header));
                seq = seq.saturating_add(1);
            }
            Ok((first, seq, ends))
        };
        let start = || Gathering::new(clocks, read_payload);
        let (mut at, mut size) = (Link::ZERO, 0);
        let gathered = scan(&self.store, (0, self.head.size), start, look, |looked| {
            let (first, next, ends) = looked?;
            if let Some((prev, last)) = ends {
                if prev != at {
                    let wrong = DoesNotFit::Link { expected: at, found: prev };
                    return Err(OpenError::DoesNotVerify { seq: first, wrong });
                }
                at = last;
            }
            size = next;
            progress(next);
            Ok(())
        })?;
        if (size, at.0) != (self.head.size, self.head.link) {
            let wrong = DoesNotFit::Head { expected: Link(self.head.link), found: at };
            let seq = self.head.size.saturating_sub(1);
            return Err(OpenError::DoesNotVerify { seq, wrong });
        }
        Ok(merged(gathered, start).held())
    }

    /// Looks at the events from number `from` on, each checked by itself.
    fn look_from(
        &self,
        from: u64,
        start: impl Fn() -> Gathering + Sync,
    ) -> Result<Gathering, OpenError> {
        let look = |gathering: &mut Gathering, first: u64, events: Result<Events, StoreError>| {
            let events = events?;
            let hashed = events.iter().zip(hashes::payloads(&events));
            for (seq, (event, payload)) in (first..).zip(hashed) {
                let header = fitting_hashed(event, seq, payload)
                    .map_err(|wrong| OpenError::DoesNotVerify { seq, wrong })?;
                gathering.look(stored(event, &header));
            }
            Ok(())
        };
        let taken = |looked: Result<(), OpenError>| looked;
        let gathered = scan(&self.store, (from, self.head.size), &start, look, taken)?;
        Ok(merged(gathered, start))
    }

    /// The same from the tables; `None` if they cannot tell.
    fn look_up(&mut self, clocks: Clocks) -> Result<Option<History>, OpenError> {
        if clocks.reported_by.is_some() || clocks.zone != Zone::UTC {
            return Ok(None);
        }
        self.settle()?;
        let table = Runs::<StatementTable>::read(&self.store, self.head.size)?;
        let (reach, size) = (table.size(), self.head.size);
        if size.saturating_sub(reach) > READ_AFTER_TABLES || reach == 0 {
            return Ok(None);
        }
        let start = || Gathering::new(clocks, read_payload);
        let mut gathering = start();
        let mut listed = BTreeSet::new();
        for kind in KINDS.iter().map(|spec| spec.kind).filter(|kind| is_listed(*kind)) {
            listed.extend(self.names.find(Name::Kind(kind).key(), &self.store)?);
        }
        listed.insert(0);
        let listed: Vec<u64> = listed.range(..reach).copied().collect();
        let seen = self.seen(clocks, reach)?;
        let mut left_out = LeftOut::default();
        let unlisted = (reach - seen).saturating_sub(count(listed.iter().filter(|s| **s >= seen)));
        left_out.recorded_later = unlisted;
        // An erased event has no name, so none of them is among those that are listed, and none was counted yet.
        left_out.absent = count(self.erased.range(..seen).map(|(seq, _)| seq));
        self.each(&listed, &mut |event, header| gathering.look(stored(event, header)))?;
        gathering.pass_over(reach);
        gathering.merge(self.look_from(reach, start)?);
        let held = gathering.held();
        let again = self.look_from(reach, || held.again())?;
        let touched = self.touched(held.known())?;
        let mut wanted = touched.clone();
        let runs = table.runs().iter().map(|run| Opened::open(*run, &self.store));
        let runs = runs.collect::<Result<Vec<_>, _>>()?;
        let pairs = pairs(&runs)?;
        let found = on_every_core(&pairs, &|pairs| {
            let runs: Vec<_> = runs.iter().map(Reading::of).collect();
            let mut found = Vec::new();
            for pair in pairs {
                let is_touched = |seq| touched.contains(&seq);
                found.extend(current(&runs, *pair, clocks.to, seen, &is_touched)?);
            }
            Ok::<_, OpenError>(found)
        })?;
        wanted.extend(found);
        let bearing = held.after_looking_up(again, wanted, left_out);
        Ok(Some(self.load(bearing)?))
    }

    /// How many of the first `reach` events were recorded in time: recorded times never go back.
    fn seen(&self, clocks: Clocks, reach: u64) -> Result<u64, OpenError> {
        if clocks.recorded_by.is_none() {
            return Ok(reach);
        }
        let (mut low, mut high) = (0, reach);
        while low < high {
            let middle = low.midpoint(high);
            if clocks.sees_recorded(self.fitting(middle)?.0.recorded_at) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The numbers of the events that held ones name, and of what was said in a contact that may be taken back, by
    /// the table of names.
    fn touched(&mut self, known: &Known) -> Result<BTreeSet<u64>, OpenError> {
        let mut touched: BTreeSet<u64> = known.seqs().collect();
        for id in known.ids() {
            touched.extend(self.names.find(Name::Id(id).key(), &self.store)?);
        }
        for name in known.taken_back() {
            let (seqs, own) = match id::seq_of(name) {
                Some(seq) => (vec![seq], self.stored(seq)?.and_then(|stored| event_of(&stored))),
                None => (self.names.find(Name::Id(name).key(), &self.store)?, None),
            };
            let own = own.and_then(|event| event.id);
            let names = seqs.into_iter().map(id::of_seq).chain(own).chain([name.to_owned()]);
            for name in names {
                touched.extend(self.names.find(Name::Contact(&name).key(), &self.store)?);
            }
        }
        Ok(touched)
    }

    /// Reads and checks single events, a bundle at a time, in order.
    fn each(
        &self,
        seqs: &[u64],
        see: &mut dyn FnMut(EventRef<'_>, &Header),
    ) -> Result<(), OpenError> {
        let mut rest = seqs.iter().copied().peekable();
        while let Some(seq) = rest.peek().copied() {
            let first = seq - seq % BUNDLE_EVENTS;
            let events = self.store.events(first)?;
            while let Some(seq) = rest.next_if(|seq| *seq - seq % BUNDLE_EVENTS == first) {
                let index = usize::try_from(seq - first).unwrap_or(usize::MAX);
                let wrong = |wrong| OpenError::DoesNotVerify { seq, wrong };
                // A store gives every event that there is, so a table named one that never was.
                let beyond = StoreError::Damaged { what: Damage::Row(seq) };
                let event = events.get(index).ok_or(beyond)?;
                let header = fitting_header(event, seq).map_err(wrong)?;
                see(event, &header);
            }
        }
        Ok(())
    }

    /// Reads what is wanted in full, on every core.
    fn load(&self, bearing: Bearing) -> Result<History, OpenError> {
        let entries = on_every_core(bearing.wanted(), &|seqs| {
            let mut entries = Vec::with_capacity(seqs.len());
            self.each(seqs, &mut |event, header| {
                let (seq, recorded_at) = (header.seq, header.recorded_at);
                entries.push(Entry { seq, recorded_at, content: content_of(event, header) });
            })?;
            Ok::<_, OpenError>(entries)
        })?;
        Ok(bearing.history(entries))
    }
}

fn stored<'e>(event: EventRef<'e>, header: &'e Header) -> Stored<'e> {
    Stored {
        seq: header.seq,
        recorded_at: header.recorded_at,
        kind: &header.kind,
        payload: match event.payload {
            PartRef::Present { bytes, .. } => Some(bytes),
            PartRef::Absent => None,
        },
    }
}

fn merged(gathered: Vec<Gathering>, start: impl Fn() -> Gathering) -> Gathering {
    let mut all = gathered.into_iter();
    let mut first = all.next().unwrap_or_else(start);
    all.for_each(|other| first.merge(other));
    first
}

fn count<'s>(seqs: impl Iterator<Item = &'s u64>) -> u64 {
    u64::try_from(seqs.count()).unwrap_or(u64::MAX)
}
