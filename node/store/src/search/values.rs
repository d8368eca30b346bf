//! What a record is found by.
//!
//! Invariants: a record in conflict is found by each of the values that stand against each other.

use chaski_fhir::search::{IndexValue, IndexValueKind, extract_in};
use chaski_json::{Json, Object};
use jiff::tz::TimeZone;

use crate::{error::StoreError, present, row::RowHead};

/// All search values of a record, its time of arrival included; dates without a zone are read in this one, else in UTC.
pub(super) fn values_of(head: &RowHead, zone: Option<&TimeZone>) -> Result<Vec<IndexValue>, StoreError> {
    let mut json = head.json()?;
    if head.open() > 0 {
        present::mark(&mut json, head.authored_by.time_ms, &present::conflicts(head)?);
    }
    let mut values = extract_in(&json, zone);
    values.extend(disputed_values(head, zone)?);
    values.retain(|value| value.param != "_lastUpdated");
    values.push(last_updated(head.last_updated_ms));
    Ok(values)
}

/// The search values of what stands against what is shown: a record in conflict is found by
/// each of its values.
pub(crate) fn disputed_values(
    head: &RowHead,
    zone: Option<&TimeZone>,
) -> Result<Vec<IndexValue>, StoreError> {
    let mut values = Vec::new();
    for item in present::conflicts(head)? {
        for side in item.values {
            if let Some(part) = side
                .value
                .and_then(|value| part_of(head, &item.path, &item.element, value))
            {
                values.extend(extract_in(&part, zone));
            }
        }
    }
    Ok(values)
}

/// A record with nothing but one side of a conflict. Elements below others are left out: the
/// record's own search values hold them or none does.
fn part_of(head: &RowHead, path: &str, element: &str, value: Json) -> Option<Json> {
    let mut part = Object::new();
    part.insert("resourceType".to_owned(), Json::from(head.key.kind()));
    part.insert("id".to_owned(), Json::from(head.key.id()));
    // Of a group, of a choice and beside a `_` sibling, the value has the keys of the record.
    let stem = element.strip_suffix("[x]");
    match value {
        Json::Object(members) if path.starts_with('!') || stem.is_some() || members.contains_key(element) => {
            part.extend(members);
        }
        _ if element.is_empty() || element.contains('.') => return None,
        value if path.contains('/') => {
            part.insert(element.to_owned(), Json::Array(vec![value]));
        }
        value => {
            part.insert(element.to_owned(), value);
        }
    }
    Some(Json::Object(part))
}

/// When a record arrived, as a search value.
pub(super) fn last_updated(ms: u64) -> IndexValue {
    let lo_ms = i64::try_from(ms).unwrap_or(i64::MAX - 1);
    IndexValue {
        param: "_lastUpdated",
        value: IndexValueKind::Date {
            lo_ms,
            hi_ms: lo_ms + 1,
        },
    }
}
