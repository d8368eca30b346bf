//! What reading a query needs to know beside it, and why one can't be answered.

use jiff::tz::TimeZone;

/// What to do with parameters nobody knows (`Prefer: handling=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handling {
    /// Refuse the query and name the parameter.
    #[default]
    Strict,
    /// Leave them out and list them in [`super::Query::ignored`].
    Lenient,
}

/// What parsing needs to know beside the query.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// What to do with unknown parameters.
    pub handling: Handling,
    /// This network's own base URLs.
    pub own_bases: &'a [&'a str],
    /// Current time, for `ap` on dates.
    pub now_ms: i64,
    /// The zone in which a date without one is meant, in the query and in records; `None` is UTC.
    pub zone: Option<&'a TimeZone>,
    /// Whether chained and reverse chained parameters are read, into [`super::Query::chains`], or refused.
    pub follows_chains: bool,
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
        /// The parameter's code.
        param: String,
        /// The modifier, without its colon.
        modifier: String,
    },
    /// The value can't be read.
    #[error("value of search parameter '{param}': {reason}")]
    Value {
        /// The parameter's code.
        param: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Known to FHIR, not done here.
    #[error("search parameter '{param}': {reason}")]
    Unsupported {
        /// The parameter's code.
        param: String,
        /// What is not supported.
        reason: &'static str,
    },
    /// More parameters or alternatives than are taken.
    #[error("the query has too many parameters or values")]
    TooMany,
}

impl SearchError {
    /// FHIR's issue type for an OperationOutcome.
    pub fn issue_code(&self) -> &'static str {
        match self {
            Self::UnknownKind
            | Self::UnknownParameter(_)
            | Self::Modifier { .. }
            | Self::Unsupported { .. } => "not-supported",
            Self::Value { .. } => "value",
            Self::TooMany => "too-costly",
        }
    }
}
