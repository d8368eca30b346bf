//! Writes switches into a file, all at once, and tells afterwards which of them a place in the woven text belongs to.
//!
//! `a < b` becomes `(if crate::chaski_switch::on(7) { a <= b } else { a < b })`; what stands inside keeps its own
//! switches in the last branch. So one build holds every fault, and each is turned on by a variable of the environment.

use std::ops::Range;

use crate::switch::{Site, Switch};

/// A file with its switches.
#[derive(Debug, Default)]
pub struct Woven {
    /// The text to compile.
    pub text: String,
    /// Where each switch ended up.
    places: Vec<Place>,
    /// Switches that overlap another without lying inside it; they are not in the text.
    pub crossing: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    id: u32,
    /// The bytes of the replacement.
    replacement: Range<usize>,
    /// The bytes of the whole construct.
    whole: Range<usize>,
}

/// Switches that replace the same bytes: one chain of branches.
struct Construct<'a> {
    range: Range<usize>,
    members: Vec<(u32, &'a Switch)>,
}

/// Weaves the switches, each under its number, into the text of their file.
pub fn weave(text: &str, switches: &[(u32, &Switch)]) -> Woven {
    let mut woven = Woven::default();
    let constructs = constructs(switches, &mut woven.crossing);
    let mut rest = constructs.as_slice();
    emit(text, 0..text.len(), &mut rest, &mut woven);
    woven
}

/// Outer ones before inner ones, and those that cross an earlier one set aside.
fn constructs<'a>(switches: &[(u32, &'a Switch)], crossing: &mut Vec<u32>) -> Vec<Construct<'a>> {
    let mut sorted: Vec<(u32, &Switch)> = switches.to_vec();
    // At one place what is only added comes first; of the others the longest, for it holds the rest.
    sorted.sort_by_key(|(id, switch)| {
        let range = switch.site.range();
        (range.start, !range.is_empty(), std::cmp::Reverse(range.end), *id)
    });
    let mut found: Vec<Construct<'_>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for (id, switch) in sorted {
        let range = switch.site.range();
        open.retain(|end| *end > range.start);
        if open.iter().any(|end| *end < range.end) {
            crossing.push(id);
            continue;
        }
        match found.last_mut() {
            Some(last) if last.range == range && same_kind(&last.members, switch) => {
                last.members.push((id, switch))
            }
            _ => {
                if !range.is_empty() {
                    open.push(range.end);
                }
                found.push(Construct {
                    range,
                    members: vec![(id, switch)],
                });
            }
        }
    }
    found
}

fn same_kind(members: &[(u32, &Switch)], switch: &Switch) -> bool {
    members
        .first()
        .is_some_and(|(_, first)| std::mem::discriminant(&first.site) == std::mem::discriminant(&switch.site))
}

/// Writes the bytes of `range`, taking from the front of `rest` what lies inside.
fn emit(text: &str, range: Range<usize>, rest: &mut &[Construct<'_>], woven: &mut Woven) {
    let mut at = range.start;
    while let Some((construct, others)) = rest.split_first() {
        if construct.range.start > range.end || construct.range.end > range.end {
            break;
        }
        *rest = others;
        woven
            .text
            .push_str(text.get(at..construct.range.start).unwrap_or_default());
        emit_construct(text, construct, rest, woven);
        at = construct.range.end;
    }
    woven.text.push_str(text.get(at..range.end).unwrap_or_default());
}

fn emit_construct(text: &str, construct: &Construct<'_>, rest: &mut &[Construct<'_>], woven: &mut Woven) {
    let start = woven.text.len();
    let first_place = woven.places.len();
    let site = construct.members.first().map(|(_, switch)| &switch.site);
    match site {
        Some(Site::Body(_)) => emit_each(construct, woven, "if {on} { return ", "; } "),
        Some(Site::Pattern(_)) => {
            let tests: Vec<String> = construct
                .members
                .iter()
                .map(|(id, _)| format!("!{}", on(*id)))
                .collect();
            for (id, _) in &construct.members {
                woven.places.push(Place {
                    id: *id,
                    replacement: start..start,
                    whole: start..start,
                });
            }
            woven.text.push_str(&format!(" if {}", tests.join(" && ")));
        }
        Some(Site::Statements(_)) => {
            emit_each(construct, woven, "if {on} { ", " } else ");
            woven.text.push_str("{ ");
            emit(text, construct.range.clone(), rest, woven);
            woven.text.push_str(" }");
        }
        Some(Site::Expression(_)) => {
            woven.text.push('(');
            emit_each(construct, woven, "if {on} { ", " } else ");
            woven.text.push_str("{ ");
            emit(text, construct.range.clone(), rest, woven);
            woven.text.push_str(" })");
        }
        None => {}
    }
    let end = woven.text.len();
    let ids: Vec<u32> = construct.members.iter().map(|(id, _)| *id).collect();
    for place in woven.places.iter_mut().skip(first_place) {
        if ids.contains(&place.id) {
            place.whole = start..end;
        }
    }
}

fn emit_each(construct: &Construct<'_>, woven: &mut Woven, before: &str, after: &str) {
    for (id, switch) in &construct.members {
        woven.text.push_str(&before.replace("{on}", &on(*id)));
        let start = woven.text.len();
        woven.text.push_str(&switch.replacement);
        let replacement = start..woven.text.len();
        woven.places.push(Place {
            id: *id,
            replacement,
            whole: start..start,
        });
        woven.text.push_str(after);
    }
}

fn on(id: u32) -> String {
    format!("crate::chaski_switch::on({id})")
}

impl Woven {
    /// The switches to leave out when the compiler complains about these bytes: the one whose replacement holds them,
    /// else those of the smallest construct around them.
    pub fn blamed(&self, bytes: &Range<usize>) -> Vec<u32> {
        let holds = |outer: &Range<usize>| outer.start <= bytes.start && bytes.end <= outer.end;
        let exact = self
            .places
            .iter()
            .filter(|place| holds(&place.replacement) && !place.replacement.is_empty());
        if let Some(place) = exact.min_by_key(|place| place.replacement.len()) {
            return vec![place.id];
        }
        let around = self.places.iter().filter(|place| holds(&place.whole));
        let Some(size) = around.clone().map(|place| place.whole.len()).min() else {
            return Vec::new();
        };
        around
            .filter(|place| place.whole.len() == size)
            .map(|place| place.id)
            .collect()
    }

    /// Every switch whose construct lies between these bytes.
    pub fn within(&self, bytes: &Range<usize>) -> Vec<u32> {
        let inside = |place: &&Place| bytes.start <= place.whole.start && place.whole.end <= bytes.end;
        self.places.iter().filter(inside).map(|place| place.id).collect()
    }
}

/// The module that each woven package carries: reads once which switch is on, and where asked notes which are reached.
pub const MODULE: &str = r#"
//! Which fault is on.
#![allow(missing_docs, dead_code, clippy::all, clippy::pedantic)]
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
const UNREAD: u32 = 0;
const NONE: u32 = 1;
const NOTING: u32 = 2;
const FIRST: u32 = 3;
static STATE: AtomicU32 = AtomicU32::new(UNREAD);
static REACHED: [AtomicU64; 2048] = [const { AtomicU64::new(0) }; 2048];
#[inline]
pub fn on(id: u32) -> bool {
    let state = STATE.load(Relaxed);
    if state == NONE { return false; }
    slow(id, state)
}
fn slow(id: u32, state: u32) -> bool {
    match state {
        UNREAD => {
            let state = match std::env::var("CHASKI_SWITCH") {
                Ok(number) => number.parse::<u32>().map_or(NONE, |number| number + FIRST),
                Err(_) if std::env::var_os("CHASKI_SWITCHES_REACHED").is_some() => NOTING,
                Err(_) => NONE,
            };
            STATE.store(state, Relaxed);
            state != NONE && slow(id, state)
        }
        NOTING => {
            note(id);
            false
        }
        _ => state == id + FIRST,
    }
}
fn note(id: u32) {
    let bit = 1u64 << (id % 64);
    let Some(word) = REACHED.get(id as usize / 64) else { return };
    if word.fetch_or(bit, Relaxed) & bit != 0 { return; }
    use std::io::Write;
    if let Some(path) = std::env::var_os("CHASKI_SWITCHES_REACHED") {
        if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
            let _ = file.write_all(format!("{id}\n").as_bytes());
        }
    }
}
"#;
