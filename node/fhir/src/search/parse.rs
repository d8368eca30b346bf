//! Query strings to queries.

use super::Query;

/// What to do with parameters nobody knows (`Prefer: handling=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handling {
    /// Refuse them.
    #[default]
    Strict,
    /// Leave them out and list them in [`Query::ignored`].
    Lenient,
}

/// What parsing needs to know beside the query.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Unknown parameters.
    pub handling: Handling,
    /// This network's own base URLs.
    pub own_bases: &'a [&'a str],
    /// Current time, for `ap` on dates.
    pub now_ms: i64,
}

/// Why a query can't be answered. Texts name parameters, never their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// No such resource type.
    #[error("resource type is not known")]
    UnknownKind,
    /// No such parameter of this type.
    #[error("search parameter '{0}' is not known for this resource type")]
    UnknownParameter(String),
    /// The modifier is not one of this parameter's type, or not supported.
    #[error("modifier ':{modifier}' is not supported on search parameter '{param}'")]
    Modifier {
        /// Parameter.
        param: String,
        /// Modifier.
        modifier: String,
    },
    /// The value can't be read.
    #[error("value of search parameter '{param}': {reason}")]
    Value {
        /// Parameter.
        param: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Known to FHIR, not done here.
    #[error("search parameter '{param}': {reason}")]
    Unsupported {
        /// Parameter.
        param: String,
        /// What is not supported.
        reason: &'static str,
    },
    /// More parameters or alternatives than are taken.
    #[error("the query has too many parameters or values")]
    TooMany,
}

/// Parses decoded `name=value` pairs of a search on `kind`.
///
/// # Errors
/// Anything that could not be answered exactly.
pub fn parse(kind: &str, _pairs: &[(String, String)], _options: &Options<'_>) -> Result<Query, SearchError> {
    Err(SearchError::UnknownParameter(kind.to_owned()))
}
