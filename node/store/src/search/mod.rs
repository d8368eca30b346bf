//! Search: which entries to walk, what they decide, what the record decides.
//!
//! Invariants: exact or an error: entries only narrow, and what they cannot decide is
//! decided on the record; pages are keyset pages, so a record that stays as it is is seen
//! exactly once whatever is written meanwhile; time is bounded. Where entries tell the
//! order, records are looked at in that order and no more of them than the page needs; when
//! the time is spent the page ends at the last one looked at, and says so.

mod cursor;
mod filter;
mod place;
mod source;
mod values;
mod waiting;

pub(crate) use values::disputed_values;

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashSet},
};

use chaski_crdt::key::RecordKey;
use chaski_fhir::{
    label::Classes,
    search::{ParamType, Query, Sort, Total},
};

use crate::{
    core::Core,
    error::{SearchError, StoreError},
    index::EntryView,
    lineage, present,
    row::{self, RowHead},
    seal::Prf,
    types::SearchPage,
};
use filter::{Checks, Verdict};
use place::Place;
use source::Source;
use values::values_of;
use waiting::{Candidate, Waiting};

/// Largest page.
const COUNT_MAX: usize = 1_000;
/// Page size where none is asked for.
const COUNT_DEFAULT: usize = 50;
/// Entries between two looks at the clock.
const LOOK_ENTRIES: usize = 512;
/// Entries that wait for a look at their record, of one walk.
const WAITING_MAX: usize = 20_000;
/// Records one condition may find before it is too wide.
const CONDITION_MAX: usize = 1_000;

struct Hit {
    place: Place,
    /// The entry decided; the record need not be looked at again.
    head: Option<Box<RowHead>>,
}

impl PartialEq for Hit {
    fn eq(&self, other: &Hit) -> bool {
        self.place == other.place
    }
}

impl Eq for Hit {}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Hit) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Hit {
    fn cmp(&self, other: &Hit) -> Ordering {
        self.place.cmp(&other.place)
    }
}

/// Whether a query finds this record.
pub(crate) fn head_matches(query: &Query, head: &RowHead) -> Result<bool, StoreError> {
    Ok(query.matches(&values_of(head, query.zone.as_ref())?))
}

/// Whether a record may be found, told by the record itself.
pub type Admits<'a> = &'a dyn Fn(&Classes) -> bool;

/// What is asked of an index: a query, and what else decides.
type Asked<'a> = (&'a Core, &'a Query, Option<Admits<'a>>);

/// One run over the index.
struct Run<'a> {
    core: &'a Core,
    query: &'a Query,
    /// What of a record decides whether it is found at all, beside the query.
    admits: Option<Admits<'a>>,
    checks: Checks<'a>,
    after: Option<Place>,
    count: usize,
    /// Matches are counted, so all must be looked at.
    counting: bool,
    total: u64,
    hits: BinaryHeap<Hit>,
    seen: HashSet<Vec<u8>>,
    dedupe: bool,
    /// What entries cannot decide is put off until the walk is over.
    waiting: Option<Waiting>,
    looked_at: usize,
    /// When the time is spent, in ms of the environment's steady time.
    until_ms: u64,
    too_costly: bool,
}

impl<'a> Run<'a> {
    fn new((core, query, admits): Asked<'a>, count: usize, after: Option<Place>, time_ms: u64) -> Run<'a> {
        Run {
            core,
            query,
            admits,
            checks: Checks::of(&core.sealer, query),
            after,
            count,
            counting: query.total == Total::Accurate || count == 0,
            total: 0,
            hits: BinaryHeap::new(),
            seen: HashSet::new(),
            dedupe: false,
            waiting: None,
            looked_at: 0,
            until_ms: core.env.steady_ms().saturating_add(time_ms),
            too_costly: false,
        }
    }

    /// Whether that moment has come.
    fn is_over(&self, until_ms: u64) -> bool {
        self.core.env.steady_ms() >= until_ms
    }

    fn block(&mut self, block: &[u8]) -> Result<bool, StoreError> {
        let mut rest = block;
        while let Some((entry, after)) = EntryView::next(rest) {
            rest = after;
            self.looked_at += 1;
            if self.looked_at.is_multiple_of(LOOK_ENTRIES) && self.is_over(self.until_ms) {
                self.too_costly = true;
            }
            if self.too_costly {
                return Ok(false);
            }
            self.entry(&entry)?;
        }
        Ok(true)
    }

    fn entry(&mut self, entry: &EntryView<'_>) -> Result<(), StoreError> {
        let verdict = self.checks.judge(entry);
        if verdict == Verdict::No {
            return Ok(());
        }
        if self.dedupe && !self.seen.insert(entry.raw_id().to_vec()) {
            return Ok(());
        }
        // An entry tells nothing of what else decides.
        let sure = verdict == Verdict::Yes && self.admits.is_none();
        if !self.checks.places(entry) || (!sure && self.waiting.is_none()) {
            return self.record(&entry.id());
        }
        let place = Place::of(self.query, &self.checks.values(entry), entry.id());
        match &mut self.waiting {
            Some(waiting) => {
                if self.after.as_ref().is_none_or(|after| place > *after) {
                    waiting.offer(Candidate { place, sure });
                }
                Ok(())
            }
            None => self.offer(Hit { place, head: None }),
        }
    }

    /// Decides on the record itself.
    fn record(&mut self, handle: &str) -> Result<(), StoreError> {
        self.looked_at += 1;
        if self.looked_at.is_multiple_of(32) && self.is_over(self.until_ms) {
            self.too_costly = true;
        }
        self.head(lineage::head_of(self.core, &self.query.kind, handle)?)
    }

    fn head(&mut self, head: Option<RowHead>) -> Result<(), StoreError> {
        let Some(head) = head.filter(|head| !head.deleted && head.key.kind() == self.query.kind) else {
            return Ok(());
        };
        // In UTC, as entries hold them: by these a record stands among the others.
        let values = values_of(&head, None)?;
        let is_found = match self.query.zone {
            None => self.query.matches(&values),
            Some(_) => head_matches(self.query, &head)?,
        };
        if !is_found {
            return Ok(());
        }
        if let Some(admits) = self.admits
            && !admits(&head.filing.classes)
        {
            return Ok(());
        }
        let place = Place::of(self.query, &values, lineage::handle(&head));
        self.offer(Hit {
            place,
            head: Some(Box::new(head)),
        })
    }

    fn offer(&mut self, hit: Hit) -> Result<(), StoreError> {
        self.total += 1;
        if self.after.as_ref().is_some_and(|after| hit.place <= *after) {
            return Ok(());
        }
        // One more than the page, to know whether there is another.
        if self.hits.len() <= self.count {
            self.hits.push(hit);
        } else if self.hits.peek().is_some_and(|worst| hit.place < worst.place) {
            self.hits.pop();
            self.hits.push(hit);
        }
        Ok(())
    }

    /// Decides what waits, in order, until the page is full. Answers where it stopped for
    /// want of time or of candidates, if it did: up to there all is decided.
    fn decide(&mut self) -> Result<Option<Place>, StoreError> {
        let Some(waiting) = self.waiting.take() else {
            return Ok(None);
        };
        let (candidates, is_cut) = waiting.into_sorted();
        // The walk may have taken nearly all of the time, and each page must get on.
        let least_ms = self.core.options.search_ms_max / 4;
        let until_ms = self
            .until_ms
            .max(self.core.env.steady_ms().saturating_add(least_ms));
        let mut last = None;
        for Candidate { place, sure } in candidates {
            let is_full = self.hits.len() > self.count;
            if is_full && self.hits.peek().is_some_and(|worst| worst.place < place) {
                return Ok(None);
            }
            if sure {
                self.offer(Hit {
                    place: place.clone(),
                    head: None,
                })?;
            } else if last.is_some() && self.is_over(until_ms) {
                return Ok(last);
            } else {
                self.head(lineage::head_of(self.core, &self.query.kind, &place.id)?)?;
            }
            last = Some(place);
        }
        Ok(last.filter(|_| is_cut))
    }

    /// As [`Run::run`], deciding in order: answers where it stopped, if before the end.
    fn run_in_order(&mut self) -> Result<Option<Place>, SearchError> {
        let is_sure = self.checks.is_sure() && self.admits.is_none();
        let mut stopped: Option<Place> = None;
        loop {
            self.waiting = Some(Waiting::new(match is_sure {
                true => self.count + 1,
                false => WAITING_MAX.max(self.count + 1),
            }));
            match (self.run(), &stopped) {
                (Ok(()), _) => {}
                (Err(SearchError::TooCostly), Some(_)) => return Ok(stopped),
                (Err(error), _) => return Err(error),
            }
            stopped = self.decide()?;
            let Some(place) = stopped.clone().filter(|_| !self.is_over(self.until_ms)) else {
                return Ok(stopped);
            };
            // There were more than could wait, and there is time: the next of them.
            self.hits.retain(|hit| hit.place <= place);
            self.seen.clear();
            self.after = Some(place);
        }
    }

    fn run(&mut self) -> Result<(), SearchError> {
        match Source::of(self.core, self.query)? {
            Source::Ids(ids) => {
                for id in ids {
                    let Ok(key) = RecordKey::new(&self.query.kind, &id) else {
                        continue;
                    };
                    for prf in lineage::places(self.core, &key)? {
                        self.head(row::read_head(self.core, &prf)?)?;
                    }
                }
            }
            Source::Records(prfs) => {
                for prf in prfs {
                    self.head(row::read_head(self.core, &prf)?)?;
                }
            }
            Source::Chains(chains) => {
                self.dedupe = true;
                for chain in chains {
                    crate::index::entries_of(self.core, &chain, &mut |block| self.block(block))?;
                }
            }
            Source::Kind(kind) => {
                self.dedupe = true;
                let core = self.core;
                crate::index::walk_kind(core, kind, &mut |block| self.block(block))?;
            }
        }
        if self.too_costly {
            Err(SearchError::TooCostly)
        } else {
            Ok(())
        }
    }
}

/// The run of a page, done, and where it stopped if the time was spent before the end.
fn run_page<'a>(
    asked: Asked<'a>,
    count: usize,
    after: Option<Place>,
) -> Result<(Run<'a>, Option<Place>), SearchError> {
    let time_ms = asked.0.options.search_ms_max;
    let mut run = Run::new(asked, count, after.clone(), time_ms);
    let in_order = count > 0 && run.checks.sorts_by_entry();
    if run.counting || !in_order {
        if in_order {
            // Half of the time for the total; a page without one is better than none.
            run.until_ms = run.until_ms.saturating_sub(time_ms / 2);
        }
        match run.run() {
            Err(SearchError::TooCostly) if in_order => {}
            done => return done.map(|()| (run, None)),
        }
        run = Run::new(asked, count, after, time_ms);
        run.counting = false;
    }
    let stopped = run.run_in_order()?;
    Ok((run, stopped))
}

/// One page of a search.
pub(crate) fn page((core, query, admits): Asked<'_>) -> Result<SearchPage, SearchError> {
    if let Some(chain) = query.chains.first() {
        return Err(SearchError::Chain(chain.name.clone()));
    }
    let number = |sort: &&Sort| matches!(sort.param.ptype, ParamType::Number | ParamType::Quantity);
    if let Some(sort) = query.sort.iter().find(number) {
        return Err(SearchError::Sort(sort.param.code.to_owned()));
    }
    let count = query
        .count
        .map_or(COUNT_DEFAULT, |count| count as usize)
        .min(COUNT_MAX);
    let after = query
        .cursor
        .as_deref()
        .map(|text| cursor::open(core, query, text))
        .transpose()?;
    let (run, stopped) = run_page((core, query, admits), count, after)?;
    let total = run.counting.then_some(run.total);
    if count == 0 {
        return Ok(SearchPage {
            entries: Vec::new(),
            next: None,
            total,
            partial: false,
        });
    }
    let mut hits = run.hits.into_sorted_vec();
    if let Some(stopped) = &stopped {
        // What stands behind it may not be the next.
        hits.retain(|hit| hit.place <= *stopped);
    }
    let more = hits.len() > count;
    hits.truncate(count);
    let partial = !more && stopped.is_some();
    let next = match hits.last() {
        Some(last) if more => Some(&last.place),
        _ => stopped.as_ref(),
    };
    let next = next.map(|place| cursor::seal(core, query, place)).transpose()?;
    let mut entries = Vec::with_capacity(hits.len());
    for hit in hits {
        let head = match hit.head {
            Some(head) => Some(*head),
            None => lineage::head_of(core, &query.kind, &hit.place.id)?,
        };
        // Deleted between the index and the record: it is gone.
        if let Some(head) = head.filter(|head| !head.deleted) {
            entries.push(present::current(head)?);
        }
    }
    Ok(SearchPage {
        entries,
        next,
        total,
        partial,
    })
}

/// Where the records lie that a condition finds.
pub(crate) fn places(core: &Core, query: &Query) -> Result<Vec<Prf>, SearchError> {
    let time_ms = core.options.search_ms_max;
    let mut run = Run::new((core, query, None), CONDITION_MAX, None, time_ms);
    run.run()?;
    let mut places = Vec::with_capacity(run.hits.len());
    for hit in run.hits {
        let head = match hit.head {
            Some(head) => Some(*head),
            None => lineage::head_of(core, &query.kind, &hit.place.id)?,
        };
        places.extend(head.map(|head| head.prf(&core.sealer)));
    }
    Ok(places)
}

#[cfg(test)]
mod tests;
