//! The two sides of an exchange.

use super::bounds::{MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN};
use super::items::{Bound, ItemId, Items, RangeFingerprint, shorten};
use super::message::{Encoder, Ids, MessageError, Said, decode, short};
use crate::fingerprint::RecordValue;
use std::collections::BTreeSet;

/// Into how many ranges an unequal one is split.
const SPLIT: usize = 16;
/// Ranges of at most this many items are listed rather than split.
const LIST_ITEMS_MAX: usize = 24;
/// Kept free at a message's end: the largest single range that is neither
/// a list nor an answer, plus the tail's fingerprint, twice over.
const RESERVE_BYTES: usize = 160;

/// What an exchange has found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Items only this side has.
    pub have: BTreeSet<ItemId>,
    /// Items only the other side has.
    pub need: BTreeSet<ItemId>,
}

/// What follows an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    /// Send this message and wait for the next answer.
    Send(Vec<u8>),
    /// Everything is settled; [`Initiator::differences`] is complete.
    Done,
}

/// The side that asks and learns the differences.
#[derive(Debug, Clone)]
pub struct Initiator {
    message_bytes_max: usize,
    found: Differences,
}

impl Initiator {
    /// Begins an exchange. `message_bytes_max` is clamped to
    /// [`MESSAGE_BYTES_MIN`]..=[`MESSAGE_BYTES_MAX`].
    pub fn start(items: &Items, message_bytes_max: usize) -> (Initiator, Vec<u8>) {
        let message_bytes_max = clamp(message_bytes_max);
        let mut encoder = Encoder::new();
        split(&mut encoder, items, 0, items.len(), Bound::End, true);
        let initiator = Initiator {
            message_bytes_max,
            found: Differences::default(),
        };
        (initiator, encoder.finish().unwrap_or_default())
    }

    /// Takes in an answer. What was found so far can be used at once.
    ///
    /// # Errors
    /// [`MessageError`] if no correct responder sends this.
    pub fn receive(&mut self, items: &Items, answer: &[u8]) -> Result<Round, MessageError> {
        if answer.is_empty() {
            return Ok(Round::Done);
        }
        let ranges = decode(answer, MESSAGE_BYTES_MAX)?;
        let mut encoder = Encoder::new();
        let mut lower = 0;
        for (upper_bound, said) in ranges {
            let upper = items.position(&upper_bound).max(lower);
            if encoder
                .len()
                .saturating_add(RESERVE_BYTES + list_bytes(said_size(&said, upper - lower)))
                > self.message_bytes_max
            {
                encoder.say(
                    Bound::End,
                    &Said::Fingerprint(items.fingerprint(lower, items.len())),
                );
                break;
            }
            match said {
                Said::Settled => encoder.say(upper_bound, &Said::Settled),
                Said::Fingerprint(theirs) => {
                    if items.fingerprint(lower, upper) == theirs {
                        encoder.say(upper_bound, &Said::Settled);
                    } else {
                        split(&mut encoder, items, lower, upper, upper_bound, true);
                    }
                }
                Said::List(_) => return Err(MessageError::Malformed),
                Said::Answer {
                    lacks,
                    extra,
                    fingerprint,
                } => {
                    let mine = items.slice(lower, upper);
                    if self.settle(mine, items.sum(lower, upper), &lacks, &extra, fingerprint) {
                        encoder.say(upper_bound, &Said::Settled);
                    } else {
                        encoder.say(upper_bound, &Said::List(Ids::Full(mine.to_vec())));
                    }
                }
            }
            lower = upper;
        }
        Ok(encoder.finish().map_or(Round::Done, Round::Send))
    }

    /// What has been found so far.
    pub fn differences(&self) -> &Differences {
        &self.found
    }

    /// Takes what has been found so far, to work on it while the exchange
    /// goes on.
    pub fn take_differences(&mut self) -> Differences {
        std::mem::take(&mut self.found)
    }

    /// Notes an answer's differences. `false`: short identifiers were not
    /// enough to tell the items apart, ask again in full.
    fn settle(
        &mut self,
        mine: &[ItemId],
        mut sum: crate::fingerprint::Fingerprint,
        lacks: &Ids,
        extra: &[ItemId],
        fingerprint: RangeFingerprint,
    ) -> bool {
        let (have, exact): (Vec<ItemId>, bool) = match lacks {
            Ids::Full(ids) => (
                ids.iter()
                    .filter(|id| mine.binary_search(id).is_ok())
                    .copied()
                    .collect(),
                true,
            ),
            Ids::Short(ids) => (
                mine.iter()
                    .filter(|id| ids.binary_search(&short(id)).is_ok())
                    .copied()
                    .collect(),
                false,
            ),
        };
        let need: Vec<ItemId> = extra
            .iter()
            .filter(|id| mine.binary_search(id).is_err())
            .copied()
            .collect();
        have.iter().for_each(|id| sum.remove(&RecordValue(*id)));
        need.iter().for_each(|id| sum.add(&RecordValue(*id)));
        // With full identifiers a mismatch only means that a set has changed
        // meanwhile; the next exchange sees to that.
        if !exact && shorten(&sum) != fingerprint {
            return false;
        }
        self.found.have.extend(have);
        self.found.need.extend(need);
        true
    }
}

/// Answers one message of an initiator. Stateless. `None` says that nothing is
/// left to say; tell the initiator so, or send it an empty answer.
///
/// # Errors
/// [`MessageError`] if no correct initiator sends this.
pub fn respond(
    items: &Items,
    message: &[u8],
    message_bytes_max: usize,
) -> Result<Option<Vec<u8>>, MessageError> {
    let limit = clamp(message_bytes_max);
    let ranges = decode(message, MESSAGE_BYTES_MAX)?;
    let mut encoder = Encoder::new();
    let mut lower = 0;
    for (upper_bound, said) in ranges {
        let upper = items.position(&upper_bound).max(lower);
        let room = limit.saturating_sub(encoder.len().saturating_add(RESERVE_BYTES));
        match said {
            Said::Settled => encoder.say(upper_bound, &Said::Settled),
            Said::Fingerprint(theirs) => {
                if items.fingerprint(lower, upper) == theirs {
                    encoder.say(upper_bound, &Said::Settled);
                } else if room < list_bytes(LIST_ITEMS_MAX) {
                    encoder.say(
                        Bound::End,
                        &Said::Fingerprint(items.fingerprint(lower, items.len())),
                    );
                    break;
                } else {
                    split(&mut encoder, items, lower, upper, upper_bound, false);
                }
            }
            Said::List(theirs) => {
                let mut end = lower;
                if let Some((up_to, bound, answer)) =
                    answer_list(items, lower, upper, upper_bound, &theirs, room)
                {
                    encoder.say(bound, &answer);
                    end = up_to;
                    if bound == upper_bound {
                        lower = upper;
                        continue;
                    }
                }
                encoder.say(
                    Bound::End,
                    &Said::Fingerprint(items.fingerprint(end, items.len())),
                );
                break;
            }
            Said::Answer { .. } => return Err(MessageError::Malformed),
        }
        lower = upper;
    }
    Ok(encoder.finish())
}

/// Compares a list with the own items of its range, as far as there is room.
/// Returns where it stopped, as index and bound, and the answer up to there;
/// `None` if there is no room at all.
fn answer_list(
    items: &Items,
    lower: usize,
    upper: usize,
    upper_bound: Bound,
    theirs: &Ids,
    room: usize,
) -> Option<(usize, Bound, Said)> {
    let count = match theirs {
        Ids::Full(ids) => ids.len(),
        Ids::Short(ids) => ids.len(),
    };
    let fixed = list_bytes(count).saturating_add(64);
    let extra_max = room.checked_sub(fixed)? / 32;
    if extra_max == 0 {
        return None;
    }
    let has = |id: &ItemId| match theirs {
        Ids::Full(ids) => ids.binary_search(id).is_ok(),
        Ids::Short(ids) => ids.binary_search(&short(id)).is_ok(),
    };
    let mut extra = Vec::new();
    let mut end = lower;
    for id in items.slice(lower, upper) {
        if !has(id) {
            if extra.len() >= extra_max {
                break;
            }
            extra.push(*id);
        }
        end = end.saturating_add(1);
    }
    let end_bound = if end == upper {
        upper_bound
    } else {
        items.bound_before(end)
    };
    let mine = items.slice(lower, end);
    let lacks = match theirs {
        Ids::Full(ids) => {
            let below = |id: &&ItemId| end_bound > Bound::Below(**id);
            Ids::Full(
                ids.iter()
                    .filter(below)
                    .filter(|id| mine.binary_search(id).is_err())
                    .copied()
                    .collect(),
            )
        }
        Ids::Short(ids) => {
            let known: BTreeSet<_> = mine.iter().map(short).collect();
            let below = |id: &&super::message::ShortId| end_bound > Bound::Below(widen(id));
            Ids::Short(
                ids.iter()
                    .filter(below)
                    .filter(|id| !known.contains(*id))
                    .copied()
                    .collect(),
            )
        }
    };
    let answer = Said::Answer {
        lacks,
        extra,
        fingerprint: items.fingerprint(lower, end),
    };
    Some((end, end_bound, answer))
}

/// The least identifier with this beginning.
fn widen(short: &super::message::ShortId) -> ItemId {
    let mut id = [0_u8; 32];
    for (to, from) in id.iter_mut().zip(short) {
        *to = *from;
    }
    id
}

/// Says about a range that differs: its items if they are few and this is the
/// initiator, else fingerprints of its parts.
fn split(
    encoder: &mut Encoder,
    items: &Items,
    lower: usize,
    upper: usize,
    upper_bound: Bound,
    initiator: bool,
) {
    let count = upper.saturating_sub(lower);
    if initiator && count <= LIST_ITEMS_MAX {
        let mine = items.slice(lower, upper);
        let shorts: BTreeSet<_> = mine.iter().map(short).collect();
        let ids = if shorts.len() == mine.len() {
            Ids::Short(shorts.into_iter().collect())
        } else {
            Ids::Full(mine.to_vec())
        };
        encoder.say(upper_bound, &Said::List(ids));
        return;
    }
    if count <= LIST_ITEMS_MAX {
        // The responder leaves the listing to the initiator: its list in
        // beginnings is shorter than this side's in full would be.
        encoder.say(upper_bound, &Said::Fingerprint(items.fingerprint(lower, upper)));
        return;
    }
    for part in 0..SPLIT {
        let from = lower.saturating_add(count.saturating_mul(part) / SPLIT);
        let to = lower.saturating_add(count.saturating_mul(part + 1) / SPLIT);
        let bound = if part + 1 == SPLIT {
            upper_bound
        } else {
            items.bound_before(to)
        };
        encoder.say(bound, &Said::Fingerprint(items.fingerprint(from, to)));
    }
}

/// A generous size of a list of so many full identifiers with its bound.
fn list_bytes(count: usize) -> usize {
    count.saturating_mul(32).saturating_add(64)
}

/// How many identifiers the reply to a range may need at most.
fn said_size(said: &Said, mine: usize) -> usize {
    match said {
        Said::Settled => 0,
        Said::Fingerprint(_) => LIST_ITEMS_MAX,
        Said::List(_) | Said::Answer { .. } => mine,
    }
}

fn clamp(message_bytes_max: usize) -> usize {
    message_bytes_max.clamp(MESSAGE_BYTES_MIN, MESSAGE_BYTES_MAX)
}
