//! Page cursors: where the next page begins, sealed, so that they may stand in a URL.
//!
//! Shape: hexadecimal of a sealed `query hash 8 ‖ sort keys ‖ id`.
//!
//! Invariants: a cursor is good only for the query it came from, on the node it came from.

use std::cmp::Reverse;

use chaski_fhir::search::{Query, SortKey, SortValue};

use super::place::Place;
use crate::{
    codec::{Dec, Enc},
    core::Core,
    error::SearchError,
    hex,
};

/// Stands for the row key, so that no stored value passes as a cursor.
const ROW: &[u8] = b"cursor";
/// Longest cursor, in hexadecimal digits.
const DIGITS_MAX: usize = 8_192;

/// What must be the same from page to page.
fn query_hash(core: &Core, query: &Query) -> [u8; 8] {
    let mut text = query.kind.clone();
    for filter in &query.filters {
        match &filter.asked {
            // What it finds may have changed since the page before.
            Some(asked) => text.push_str(&format!("~{asked}")),
            None => text.push_str(&format!(
                "|{} {:?} {:?}",
                filter.param.code, filter.modifier, filter.any
            )),
        }
    }
    for sort in &query.sort {
        text.push_str(&format!("/{} {}", sort.param.code, sort.descending));
    }
    let prf = core.sealer.prf("query", &[text.as_bytes()]);
    prf.first_chunk::<8>().copied().unwrap_or_default()
}

fn put_value(enc: &mut Enc, value: &SortValue) {
    match value {
        SortValue::Time(ms) => enc.u8(0).raw(&ms.to_be_bytes()),
        SortValue::Text(text) => enc.u8(1).text(text),
        // Sorting by numbers is refused before any cursor is made.
        SortValue::Number(_) => enc.u8(u8::MAX),
    };
}

fn value(dec: &mut Dec<'_>) -> Option<SortValue> {
    Some(match dec.u8().ok()? {
        0 => SortValue::Time(i64::from_be_bytes(dec.array().ok()?)),
        1 => SortValue::Text(dec.text().ok()?.to_owned()),
        _ => return None,
    })
}

/// The cursor of the page after `place`.
pub(crate) fn seal(core: &Core, query: &Query, place: &Place) -> Result<String, SearchError> {
    let mut enc = Enc::new();
    enc.raw(&query_hash(core, query))
        .text(&place.id)
        .varint(place.keys.len() as u64);
    for key in &place.keys {
        match key {
            SortKey::Up(value) => put_value(enc.u8(0), value),
            SortKey::Down(Reverse(value)) => put_value(enc.u8(1), value),
            SortKey::Missing => {
                enc.u8(2);
            }
        }
    }
    let sealed = core.sealer.seal(&*core.env, ROW, &enc.out)?;
    Ok(hex::encode(&sealed))
}

/// Undoes [`seal`].
pub(crate) fn open(core: &Core, query: &Query, text: &str) -> Result<Place, SearchError> {
    if text.len() > DIGITS_MAX {
        return Err(SearchError::Cursor);
    }
    let sealed = hex::decode(text).ok_or(SearchError::Cursor)?;
    let plain = core.sealer.open(ROW, &sealed).map_err(|_| SearchError::Cursor)?;
    place(core, query, &plain).ok_or(SearchError::Cursor)
}

fn place(core: &Core, query: &Query, plain: &[u8]) -> Option<Place> {
    let mut dec = Dec::new(plain, "cursor");
    if dec.array::<8>().ok()? != query_hash(core, query) {
        return None;
    }
    let id = dec.text().ok()?.to_owned();
    let count = dec.count().ok()?;
    let keys = (0..count).map(|_| {
        Some(match dec.u8().ok()? {
            0 => SortKey::Up(value(&mut dec)?),
            1 => SortKey::Down(Reverse(value(&mut dec)?)),
            _ => SortKey::Missing,
        })
    });
    Some(Place {
        keys: keys.collect::<Option<_>>()?,
        id,
    })
}
