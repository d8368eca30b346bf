//! What an index entry can say about a query.
//!
//! Invariants: `No` and `Yes` are what the record itself would say; everything else is
//! `Maybe`.

use chaski_fhir::search::{Alternative, Filter, IndexValue, Modifier, ParamType, Query};

use jiff::tz::TimeZone;

use super::values::last_updated;
use crate::{
    index::{EntryView, TokenHash, is_hashed, param_tag},
    seal::Sealer,
};

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    No,
    Yes,
    Maybe,
}

/// One filter, as an entry can check it.
enum Check<'a> {
    /// It must have one of these; `exact`: and that is enough.
    Hashes { wanted: Vec<TokenHash>, exact: bool },
    /// It must have none of these, and that is enough.
    NoHashes(Vec<TokenHash>),
    /// Its stored dates or texts decide.
    Stored(&'a Filter),
    /// Only the record can tell.
    Record,
}

/// All filters and sort keys of a query.
pub(crate) struct Checks<'a> {
    /// In which a date without a zone is meant.
    zone: Option<&'a TimeZone>,
    checks: Vec<Check<'a>>,
    /// Parameters whose stored values are needed.
    wanted: Vec<(u16, &'static str)>,
    /// All sort keys are dates or texts.
    sorts_by_entry: bool,
    /// Dates, or texts, are sorted by.
    sorts_dates: bool,
    sorts_texts: bool,
}

/// Whether the stored values of a parameter are all there is to it.
fn is_stored(ptype: ParamType) -> bool {
    matches!(ptype, ParamType::Date | ParamType::String)
}

impl<'a> Check<'a> {
    fn of(sealer: &Sealer, filter: &'a Filter) -> Check<'a> {
        let code = filter.param.code;
        if matches!(filter.modifier, Modifier::None | Modifier::Identifier) && is_hashed(code) {
            let keys: Option<Vec<_>> = filter.any.iter().map(|one| one.key(&filter.modifier)).collect();
            if let Some(keys) = keys.filter(|keys| !keys.is_empty()) {
                let wanted = keys.iter().map(|key| sealer.token(code, key)).collect();
                let exact = filter.any.iter().all(|one| match one {
                    Alternative::Token { .. } => true,
                    Alternative::Reference { kinds, .. } => kinds.len() == 1,
                    _ => false,
                });
                return Check::Hashes { wanted, exact };
            }
        }
        if filter.modifier == Modifier::Not && is_hashed(code) {
            let key = |one: &Alternative| match one {
                Alternative::Token { .. } => one.key(&Modifier::None),
                _ => None,
            };
            if let Some(keys) = filter.any.iter().map(key).collect::<Option<Vec<_>>>() {
                return Check::NoHashes(keys.iter().map(|key| sealer.token(code, key)).collect());
            }
        }
        let stored = match filter.param.ptype {
            ParamType::Date => matches!(filter.modifier, Modifier::None | Modifier::Missing(_)),
            ParamType::String => matches!(
                filter.modifier,
                Modifier::None | Modifier::Contains | Modifier::Near(_) | Modifier::Missing(_)
            ),
            _ => false,
        };
        if stored {
            Check::Stored(filter)
        } else {
            Check::Record
        }
    }
}

impl<'a> Checks<'a> {
    /// How entries are checked against `query`.
    pub(crate) fn of(sealer: &Sealer, query: &'a Query) -> Checks<'a> {
        let mut wanted = Vec::new();
        let stored = query
            .filters
            .iter()
            .map(|filter| filter.param)
            .chain(query.sort.iter().map(|sort| sort.param));
        for param in stored {
            if is_stored(param.ptype) && param.code != "_lastUpdated" {
                wanted.push((param_tag(param.code), param.code));
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        Checks {
            zone: query.zone.as_ref(),
            checks: query
                .filters
                .iter()
                .map(|filter| Check::of(sealer, filter))
                .collect(),
            wanted,
            sorts_by_entry: query.sort.iter().all(|sort| is_stored(sort.param.ptype)),
            sorts_dates: query.sort.iter().any(|sort| sort.param.ptype == ParamType::Date),
            sorts_texts: query
                .sort
                .iter()
                .any(|sort| sort.param.ptype == ParamType::String),
        }
    }

    /// The stored values of the parameters this query looks at.
    pub(crate) fn values(&self, entry: &EntryView<'_>) -> Vec<IndexValue> {
        let mut values = if self.wanted.is_empty() {
            Vec::new()
        } else {
            entry.values(&self.wanted)
        };
        values.push(last_updated(
            u64::try_from(entry.last_updated_ms()).unwrap_or_default(),
        ));
        values
    }

    /// Whether entries tell where their records stand.
    pub(crate) fn sorts_by_entry(&self) -> bool {
        self.sorts_by_entry
    }

    /// Whether an entry that is whole decides by itself.
    pub(crate) fn is_sure(&self) -> bool {
        self.checks.iter().all(|check| match check {
            Check::Hashes { exact, .. } => *exact,
            Check::NoHashes(_) => true,
            Check::Stored(filter) => filter.is_told_by_kept(self.zone),
            Check::Record => false,
        })
    }

    /// Whether an entry alone tells where its record stands.
    pub(crate) fn places(&self, entry: &EntryView<'_>) -> bool {
        self.sorts_by_entry
            && (!self.sorts_dates || entry.has_all(true))
            && (!self.sorts_texts || entry.has_all(false))
    }

    /// What an entry says.
    pub(crate) fn judge(&self, entry: &EntryView<'_>) -> Verdict {
        let mut verdict = Verdict::Yes;
        let mut values = None;
        for check in &self.checks {
            match check {
                Check::Hashes { wanted, exact } => {
                    if !entry.has_any(wanted) {
                        if entry.has_all_hashes() {
                            return Verdict::No;
                        }
                        verdict = Verdict::Maybe;
                    } else if !exact {
                        verdict = Verdict::Maybe;
                    }
                }
                Check::NoHashes(unwanted) => {
                    if entry.has_any(unwanted) {
                        return Verdict::No;
                    }
                    if !entry.has_all_hashes() {
                        verdict = Verdict::Maybe;
                    }
                }
                Check::Stored(filter) => {
                    let values = values.get_or_insert_with(|| self.values(entry));
                    if !entry.has_all(filter.param.ptype == ParamType::Date) {
                        verdict = Verdict::Maybe;
                    } else {
                        match filter.matches_kept(values, self.zone) {
                            Some(true) => {}
                            Some(false) => return Verdict::No,
                            None => verdict = Verdict::Maybe,
                        }
                    }
                }
                Check::Record => verdict = Verdict::Maybe,
            }
        }
        verdict
    }
}
