//! Which element of a list is which element of the list as it was read, and
//! where the new ones go.

use crate::encode::{Item, identities, write_value};
use crate::key::ElementId;
use crate::policy::Identity;
use crate::position::{between, spread};
use crate::tree::{Node, Scalar};
use chaski_json::Json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A living element of the list as read.
pub(super) struct Known<'n> {
    pub(super) id: &'n ElementId,
    pub(super) node: &'n Node,
    content: String,
    identity: Vec<String>,
    backbone: bool,
}

impl<'n> Known<'n> {
    pub(super) fn new(
        id: &'n ElementId,
        node: &'n Node,
        value: Option<&Json>,
        sibling: Option<&Json>,
        identity: Identity,
    ) -> Known<'n> {
        let mut content = String::with_capacity(96);
        write_value(value, sibling, &mut content);
        let identity = value.map(|value| identities(value, identity)).unwrap_or_default();
        let backbone = !matches!(node.shown(), Some(Scalar::Text(_)));
        Known {
            id,
            node,
            content,
            identity,
            backbone,
        }
    }

    /// A backbone element has no place for anything but an object.
    fn takes(&self, item: &Item) -> bool {
        !self.backbone || item.fields.is_some()
    }
}

/// Where an item goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the known element with this index.
    Kept(usize),
    /// It is new, at this position.
    New(String),
}

/// Places the items of a list that is rewritten as a whole.
pub(super) fn align(known: &[Known<'_>], items: &[Item]) -> Vec<Place> {
    let mut matched = equal_content(known, items);
    by_identity(known, items, &mut matched);
    last_one_left(known, items, &mut matched);
    in_its_place(known, items, &mut matched);
    keep_order(&mut matched);
    place(known, matched)
}

/// Places the items of a set: what is known stays, what is not is put last.
pub(super) fn add_only(known: &[Known<'_>], items: &[Item]) -> Vec<Place> {
    let mut last = known.last().map(|known| known.id.position.to_string());
    equal_content(known, items)
        .into_iter()
        .map(|matched| match matched {
            Some(at) => Place::Kept(at),
            None => {
                let position = between(last.as_deref(), None);
                last = Some(position.clone());
                Place::New(position)
            }
        })
        .collect()
}

/// Equal elements are paired in their order.
fn equal_content(known: &[Known<'_>], items: &[Item]) -> Vec<Option<usize>> {
    let mut by_content: BTreeMap<&str, VecDeque<usize>> = BTreeMap::new();
    for (at, known) in known.iter().enumerate() {
        by_content.entry(&known.content).or_default().push_back(at);
    }
    items
        .iter()
        .map(|item| by_content.get_mut(item.content.as_str())?.pop_front())
        .collect()
}

/// What nobody has claimed yet, on either side.
fn open(known: &[Known<'_>], matched: &[Option<usize>]) -> (Vec<usize>, Vec<usize>) {
    let taken: BTreeSet<usize> = matched.iter().flatten().copied().collect();
    let known_open = (0..known.len()).filter(|at| !taken.contains(at)).collect();
    let items_open = (0..matched.len())
        .filter(|at| matches!(matched.get(*at), Some(None)))
        .collect();
    (known_open, items_open)
}

/// An identity counts where it is the only one of its kind on both sides.
fn by_identity(known: &[Known<'_>], items: &[Item], matched: &mut [Option<usize>]) {
    let (known_open, items_open) = open(known, matched);
    if known_open.is_empty() || items_open.is_empty() {
        return;
    }
    let mut sides: BTreeMap<&str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for at in known_open {
        for identity in known
            .get(at)
            .map(|known| known.identity.as_slice())
            .unwrap_or_default()
        {
            sides.entry(identity).or_default().0.push(at);
        }
    }
    for at in items_open {
        for identity in items
            .get(at)
            .map(|item| item.identity.as_slice())
            .unwrap_or_default()
        {
            sides.entry(identity).or_default().1.push(at);
        }
    }
    // "fields:…" sorts before "id:…": go backwards, an own id is stronger.
    let mut taken = BTreeSet::new();
    for (known_at, item_at) in sides.values().rev() {
        let ([known_at], [item_at]) = (known_at.as_slice(), item_at.as_slice()) else {
            continue;
        };
        let fits = known
            .get(*known_at)
            .zip(items.get(*item_at))
            .is_some_and(|(known, item)| known.takes(item));
        if let Some(slot @ None) = matched.get_mut(*item_at)
            && fits
            && taken.insert(*known_at)
        {
            *slot = Some(*known_at);
        }
    }
}

fn last_one_left(known: &[Known<'_>], items: &[Item], matched: &mut [Option<usize>]) {
    let (known_open, items_open) = open(known, matched);
    let ([known_at], [item_at]) = (known_open.as_slice(), items_open.as_slice()) else {
        return;
    };
    let fits = known
        .get(*known_at)
        .zip(items.get(*item_at))
        .is_some_and(|(known, item)| known.takes(item));
    if let Some(slot) = matched.get_mut(*item_at)
        && fits
    {
        *slot = Some(*known_at);
    }
}

/// An edit that also adds: one known element is left, nothing else has moved,
/// and the item in its place has something in common with it. Without this,
/// "phone changed and another added" in one write would be a removal.
fn in_its_place(known: &[Known<'_>], items: &[Item], matched: &mut [Option<usize>]) {
    let (known_open, items_open) = open(known, matched);
    let [known_at] = known_open.as_slice() else { return };
    let unmoved = matched
        .iter()
        .enumerate()
        .all(|(item, known)| known.is_none_or(|known| known == item));
    if !unmoved || !items_open.contains(known_at) {
        return;
    }
    let (Some(known), Some(item)) = (known.get(*known_at), items.get(*known_at)) else {
        return;
    };
    if let Some(slot) = matched.get_mut(*known_at)
        && known.takes(item)
        && have_common_member(&known.content, &item.content)
    {
        *slot = Some(*known_at);
    }
}

fn have_common_member(one: &str, other: &str) -> bool {
    let object = |text: &str| match chaski_json::parse_str(text) {
        Ok(Json::Object(members)) => Some(members),
        _ => None,
    };
    let (Some(one), Some(other)) = (object(one), object(other)) else {
        return false;
    };
    one.iter().any(|(key, value)| other.get(key) == Some(value))
}

/// Keeps the longest run of elements that are still in order; the others were
/// moved, which is a removal and an addition.
fn keep_order(matched: &mut [Option<usize>]) {
    let sequence: Vec<(usize, usize)> = matched
        .iter()
        .enumerate()
        .filter_map(|(item, known)| Some((item, (*known)?)))
        .collect();
    if sequence.is_sorted_by_key(|(_, known)| *known) {
        return;
    }
    // Patience sorting: `tails[n]` ends the best run of n + 1 elements.
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(sequence.len());
    let known_at = |at: usize| sequence.get(at).map(|(_, known)| *known);
    for (at, (_, known)) in sequence.iter().enumerate() {
        let length = tails.partition_point(|tail| known_at(*tail) < Some(*known));
        before.push(length.checked_sub(1).and_then(|last| tails.get(last)).copied());
        match tails.get_mut(length) {
            Some(tail) => *tail = at,
            None => tails.push(at),
        }
    }
    let mut keep = BTreeSet::new();
    let mut at = tails.last().copied();
    while let Some(index) = at {
        keep.extend(sequence.get(index).map(|(item, _)| *item));
        at = before.get(index).copied().flatten();
    }
    for (item, known) in matched.iter_mut().enumerate() {
        if !keep.contains(&item) {
            *known = None;
        }
    }
}

/// Finds room for what is new. Where two kept neighbours have one position
/// (they were added apart), the second is moved to make room.
fn place(known: &[Known<'_>], mut matched: Vec<Option<usize>>) -> Vec<Place> {
    let position_of = |at: Option<usize>| at.and_then(|at| known.get(at)).map(|known| &*known.id.position);
    let mut places = Vec::with_capacity(matched.len());
    let mut left: Option<String> = None;
    while places.len() < matched.len() {
        let start = places.len();
        if let Some(Some(at)) = matched.get(start) {
            left = position_of(Some(*at)).map(str::to_owned);
            places.push(Place::Kept(*at));
            continue;
        }
        let next_kept = |matched: &[Option<usize>]| {
            (start..matched.len())
                .find(|at| matches!(matched.get(*at), Some(Some(_))))
                .unwrap_or(matched.len())
        };
        let mut end = next_kept(&matched);
        let right = loop {
            let right = position_of(matched.get(end).copied().flatten());
            if right.is_none() || left.is_none() || left.as_deref() < right {
                break right;
            }
            if let Some(slot) = matched.get_mut(end) {
                *slot = None;
            }
            end = next_kept(&matched);
        };
        for position in spread(left.as_deref(), right, end - start) {
            left = Some(position.clone());
            places.push(Place::New(position));
        }
    }
    places
}
