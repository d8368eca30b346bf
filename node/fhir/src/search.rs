//! Search: which parameters there are, what they find in a record, and what a query means.
//!
//! Invariants: a search answers right or says it can't: a modifier, chain or parameter this
//! module does not do exactly is an error, never ignored (unknown parameters are the caller's
//! choice, [`Handling`]). [`Query::matches`] on the values of [`extract`] is exact; indexes may
//! narrow with [`IndexValue::keys`] and [`Alternative::key`], and must recheck with it.
//! Dates without a time zone are meant in the zone of whoever asks ([`Query::zone`]); what an index keeps of them hangs on
//! no zone.

mod chain;
mod date;
mod decimal;
mod expression;
mod extract;
mod fold;
mod matching;
mod options;
mod param_type;
mod parse;
mod query;
mod registry;
mod value;
mod values;

#[cfg(test)]
mod tests;

pub use date::date_range;
pub use decimal::Decimal;
pub use extract::{extract, extract_in, values_of};
pub use fold::fold;
pub use matching::{SortKey, SortValue};
pub use options::{Handling, Options, SearchError};
pub use param_type::ParamType;
pub use parse::parse;
pub use query::{Alternative, Chain, Filter, Modifier, Prefix, Query, Sort, Summary, Total};
pub use registry::{SearchParam, param, params, sought};
pub use value::{IndexValue, IndexValueKind};
