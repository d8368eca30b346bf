//! Whether values match a query, and how they sort.

use std::cmp::Reverse;

use chaski_json::Json;
use jiff::tz::TimeZone;

use super::date::{readings, sorted_in};
use super::extract::extract_in;
use super::{
    Alternative, Decimal, Filter, IndexValue, IndexValueKind, Modifier, ParamType, Prefix, Query, fold,
};
use crate::sought::is_near;

/// No zone has ever been further from UTC.
const ZONE_MS_MAX: u64 = 26 * 3_600 * 1_000;

/// What a record is ordered by, least first; records without a value come last either way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// A value of an ascending order.
    Up(SortValue),
    /// A value of a descending order.
    Down(Reverse<SortValue>),
    /// The record has no value to be ordered by.
    Missing,
}

/// A value that sorts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortValue {
    /// A time, in milliseconds since 1970.
    Time(i64),
    /// Number or quantity (units are not converted).
    Number(Decimal),
    /// Folded text, code or reference.
    Text(String),
}

impl Query {
    /// The values of a record as this query compares them.
    pub fn values_of(&self, record: &Json) -> Vec<IndexValue> {
        extract_in(record, self.zone.as_ref())
    }

    /// Whether a record with these values (of [`Query::values_of`]) is found.
    pub fn matches(&self, values: &[IndexValue]) -> bool {
        self.filters.iter().all(|filter| filter.matches(values))
    }

    /// What the record sorts by, one key for each of [`Query::sort`]: of values of [`super::extract`], which an index keeps.
    pub fn sort_keys(&self, values: &[IndexValue]) -> Vec<SortKey> {
        let zone = self.zone.as_ref();
        let of = |code: &'static str| values.iter().filter(move |v| v.param == code).map(|v| &v.value);
        self.sort
            .iter()
            .map(|sort| {
                let own = of(sort.param.code);
                if sort.descending {
                    let greatest = own.filter_map(|value| sort_value(value, true, zone)).max();
                    greatest.map_or(SortKey::Missing, |value| SortKey::Down(Reverse(value)))
                } else {
                    let least = own.filter_map(|value| sort_value(value, false, zone)).min();
                    least.map_or(SortKey::Missing, SortKey::Up)
                }
            })
            .collect()
    }
}

fn sort_value(value: &IndexValueKind, descending: bool, zone: Option<&TimeZone>) -> Option<SortValue> {
    Some(match value {
        IndexValueKind::Token { system, code, text } => {
            let code = code.as_deref().or(text.as_deref())?;
            SortValue::Text(format!("{code}|{}", system.as_deref().unwrap_or_default()))
        }
        IndexValueKind::String { folded, .. } => SortValue::Text(folded.clone()),
        // A period sorts by its start: what goes on without end is not newer than what began today.
        IndexValueKind::Date { lo_ms, hi_ms } => {
            let range = (*lo_ms, *hi_ms);
            let range = zone.map_or(range, |zone| sorted_in(zone, range));
            SortValue::Time(if range.0 == i64::MIN { range.1 } else { range.0 })
        }
        IndexValueKind::Reference { kind, id } => SortValue::Text(format!("{kind}/{id}")),
        IndexValueKind::Uri(uri) => SortValue::Text(uri.clone()),
        IndexValueKind::Quantity { lo, hi, .. } | IndexValueKind::Number { lo, hi } => {
            SortValue::Number(if descending { hi.or(*lo)? } else { lo.or(*hi)? })
        }
        IndexValueKind::ReferenceIdentifier { .. } | IndexValueKind::Composite(_) => return None,
    })
}

impl Filter {
    /// Whether a record with these values passes.
    pub fn matches(&self, values: &[IndexValue]) -> bool {
        let mut own = values.iter().filter(|value| value.param == self.param.code);
        let any = |value: &IndexValue| {
            self.any
                .iter()
                .any(|one| one.matches(&value.value, &self.modifier))
        };
        match self.modifier {
            Modifier::Missing(missing) => own.next().is_none() == missing,
            Modifier::Not => !own.any(any),
            Modifier::Near(least) => {
                let words: Vec<&str> = own.filter_map(words_of).flatten().collect();
                let found = self.any.iter().filter(|one| one.is_near_any(&words));
                found.take(least).count() == least
            }
            _ => own.any(any),
        }
    }
}

impl Filter {
    /// Whether [`Filter::matches_kept`] can tell of each record.
    pub fn is_told_by_kept(&self, zone: Option<&TimeZone>) -> bool {
        zone.is_none() || self.param.ptype != ParamType::Date || self.param.is_of_single_dates()
    }

    /// Whether a record passes of which an index keeps these values (of [`super::extract`]); `None` where only the
    /// record itself can tell, as a bound of a period may be a date without a zone or not.
    pub fn matches_kept(&self, values: &[IndexValue], zone: Option<&TimeZone>) -> Option<bool> {
        let (Some(zone), ParamType::Date, Modifier::None) = (zone, self.param.ptype, &self.modifier) else {
            return Some(self.matches(values));
        };
        let is_single = self.param.is_of_single_dates();
        let mut is_open = false;
        for value in values.iter().filter(|value| value.param == self.param.code) {
            let IndexValueKind::Date { lo_ms, hi_ms } = value.value else {
                continue;
            };
            // What lies further off than any zone moves a day passes or not in every zone.
            let is_near = self.any.iter().any(|one| one.is_near((lo_ms, hi_ms)));
            let readings = match is_near {
                true => readings(zone, (lo_ms, hi_ms), is_single),
                false => vec![(lo_ms, hi_ms)],
            };
            let passing = |(lo_ms, hi_ms): &&(i64, i64)| {
                let value = IndexValueKind::Date {
                    lo_ms: *lo_ms,
                    hi_ms: *hi_ms,
                };
                self.any.iter().any(|one| one.matches(&value, &self.modifier))
            };
            let passed = readings.iter().filter(passing).count();
            if passed == readings.len() {
                return Some(true);
            }
            is_open |= passed > 0;
        }
        (!is_open).then_some(false)
    }
}

/// The words of a text.
fn words_of(value: &IndexValue) -> Option<std::str::SplitWhitespace<'_>> {
    match &value.value {
        IndexValueKind::String { folded, .. } => Some(folded.split_whitespace()),
        _ => None,
    }
}

impl Alternative {
    fn is_near_any(&self, words: &[&str]) -> bool {
        match self {
            Self::String { folded, .. } => words.iter().any(|word| is_near(folded, word)),
            _ => false,
        }
    }

    /// Whether this value is what was searched for.
    pub fn matches(&self, value: &IndexValueKind, modifier: &Modifier) -> bool {
        match (self, value) {
            (
                Self::Token { system, code },
                IndexValueKind::Token {
                    system: own,
                    code: own_code,
                    ..
                },
            ) => {
                matches!(modifier, Modifier::None | Modifier::Not)
                    && token_matches(system, code, own.as_deref(), own_code.as_deref())
            }
            (Self::Token { system, code }, IndexValueKind::ReferenceIdentifier { system: own, value }) => {
                *modifier == Modifier::Identifier && token_matches(system, code, own.as_deref(), Some(value))
            }
            (Self::String { folded, .. }, IndexValueKind::Token { text: Some(text), .. }) => {
                *modifier == Modifier::Text && fold(text).starts_with(folded.as_str())
            }
            (
                Self::String { folded, exact },
                IndexValueKind::String {
                    folded: own,
                    exact: own_exact,
                },
            ) => match modifier {
                Modifier::Exact => exact == own_exact,
                Modifier::Contains => own.contains(folded.as_str()),
                _ => own.starts_with(folded.as_str()),
            },
            (Self::Reference { kinds, id }, IndexValueKind::Reference { kind, id: own }) => {
                id == own && (kinds.is_empty() || kinds.contains(kind))
            }
            (Self::Uri(uri), IndexValueKind::Uri(own)) => {
                own == uri
                    || own
                        .strip_prefix(uri.as_str())
                        .is_some_and(|rest| rest.starts_with('|'))
            }
            (Self::Composite(wanted), IndexValueKind::Composite(parts)) => {
                let meets =
                    |(one, own): (&Self, &Vec<IndexValueKind>)| own.iter().any(|v| one.matches(v, modifier));
                wanted.len() == parts.len() && wanted.iter().zip(parts).all(meets)
            }
            _ => self.range_matches(value),
        }
    }

    /// Whether a bound of a date lies so near to one of those searched for that a zone may move it past.
    fn is_near(&self, (own_lo, own_hi): (i64, i64)) -> bool {
        let Self::Date { lo_ms, hi_ms, .. } = self else {
            return true;
        };
        let is_near = |own: i64| own.abs_diff(*lo_ms).min(own.abs_diff(*hi_ms)) <= ZONE_MS_MAX;
        is_near(own_lo) || is_near(own_hi)
    }

    /// Dates, numbers and quantities.
    fn range_matches(&self, value: &IndexValueKind) -> bool {
        match (self, value) {
            (
                Self::Date { prefix, lo_ms, hi_ms },
                IndexValueKind::Date {
                    lo_ms: own_lo,
                    hi_ms: own_hi,
                },
            ) => date_matches(*prefix, (*lo_ms, *hi_ms), (*own_lo, *own_hi)),
            (
                Self::Number {
                    prefix,
                    value,
                    lo,
                    hi,
                },
                IndexValueKind::Number {
                    lo: own_lo,
                    hi: own_hi,
                },
            ) => number_matches(*prefix, (value, lo, hi), (own_lo.as_ref(), own_hi.as_ref())),
            (
                Self::Quantity {
                    prefix,
                    value: wanted,
                    lo,
                    hi,
                    system,
                    code,
                },
                IndexValueKind::Quantity {
                    lo: own_lo,
                    hi: own_hi,
                    ..
                },
            ) => {
                unit_matches(system.as_deref(), code.as_deref(), value)
                    && number_matches(*prefix, (wanted, lo, hi), (own_lo.as_ref(), own_hi.as_ref()))
            }
            _ => false,
        }
    }
}

fn token_matches(
    system: &Option<Option<String>>,
    code: &Option<String>,
    own_system: Option<&str>,
    own_code: Option<&str>,
) -> bool {
    let system_fits = system
        .as_ref()
        .is_none_or(|wanted| wanted.as_deref() == own_system);
    let code_fits = code
        .as_ref()
        .is_none_or(|wanted| Some(wanted.as_str()) == own_code);
    system_fits && code_fits
}

/// Both as `[lo, hi)`; see R4, search, prefixes. `ge` and `le` also take a period that overlaps
/// what was searched for: some of it is at or after (before) it.
fn date_matches(prefix: Prefix, wanted: (i64, i64), own: (i64, i64)) -> bool {
    let is_within = wanted.0 <= own.0 && own.1 <= wanted.1;
    match prefix {
        Prefix::Eq => is_within,
        Prefix::Ne => !is_within,
        Prefix::Gt => own.1 > wanted.1,
        Prefix::Lt => own.0 < wanted.0,
        Prefix::Ge => own.1 > wanted.0,
        Prefix::Le => own.0 < wanted.1,
        Prefix::Sa => own.0 >= wanted.1,
        Prefix::Eb => own.1 <= wanted.0,
        Prefix::Ap => own.0 < wanted.1 && own.1 > wanted.0,
    }
}

/// `wanted` is the value and the range `[lo, hi)` of its digits; of `own` an open end is `None`.
fn number_matches(
    prefix: Prefix,
    (value, lo, hi): (&Decimal, &Decimal, &Decimal),
    (own_lo, own_hi): (Option<&Decimal>, Option<&Decimal>),
) -> bool {
    let is_within = own_lo.is_some_and(|own| own >= lo) && own_hi.is_some_and(|own| own < hi);
    match prefix {
        Prefix::Eq => is_within,
        Prefix::Ne => !is_within,
        Prefix::Gt => own_hi.is_none_or(|own| own > value),
        Prefix::Lt => own_lo.is_none_or(|own| own < value),
        Prefix::Ge => own_hi.is_none_or(|own| own >= value),
        Prefix::Le => own_lo.is_none_or(|own| own <= value),
        Prefix::Sa => own_lo.is_some_and(|own| own >= hi),
        Prefix::Eb => own_hi.is_some_and(|own| own < lo),
        Prefix::Ap => {
            let (near, far) = (value.tenths(9), value.tenths(11));
            let (least, most) = if value.is_negative() {
                (far, near)
            } else {
                (near, far)
            };
            own_hi.is_none_or(|own| *own >= least) && own_lo.is_none_or(|own| *own <= most)
        }
    }
}

/// A unit with system must be that code; without, the code or the readable unit. Units are not
/// converted: a search in milligrams does not find grams.
fn unit_matches(system: Option<&str>, code: Option<&str>, own: &IndexValueKind) -> bool {
    let IndexValueKind::Quantity {
        system: own_system,
        code: own_code,
        unit,
        ..
    } = own
    else {
        return false;
    };
    let Some(code) = code else { return true };
    match system {
        Some(system) => own_system.as_deref() == Some(system) && own_code.as_deref() == Some(code),
        None => own_code.as_deref() == Some(code) || unit.as_deref() == Some(code),
    }
}
