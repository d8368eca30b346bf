//! A parsed query.

use super::Chain;
use super::value::OF;
use super::{Decimal, SearchParam};

/// A search on one record kind: all filters must hold.
#[derive(Debug, Clone)]
pub struct Query {
    /// Resource type searched.
    pub kind: String,
    /// Conditions, all of which must hold.
    pub filters: Vec<Filter>,
    /// Conditions on records that these refer to, or that refer to these, not looked up yet. Whoever searches
    /// turns each into a filter first ([`Chain::filter`]).
    pub chains: Vec<Chain>,
    /// Order; empty means the store's own stable order.
    pub sort: Vec<Sort>,
    /// Page size asked for. `Some(0)` asks for the count only.
    pub count: Option<u32>,
    /// Whether a total is wanted.
    pub total: Total,
    /// `_summary`.
    pub summary: Summary,
    /// `_elements`: top-level elements wanted; empty means all.
    pub elements: Vec<String>,
    /// Page cursor (`_cursor`), opaque here.
    pub cursor: Option<String>,
    /// Parameters not known, ignored under lenient handling.
    pub ignored: Vec<String>,
}

/// One condition: any alternative may hold.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The parameter.
    pub param: &'static SearchParam,
    /// How it is compared.
    pub modifier: Modifier,
    /// Alternatives (comma), any of which may hold. Empty under [`Modifier::Missing`].
    pub any: Vec<Alternative>,
    /// The chained parameter that this was found by: what it finds may be another on the next page.
    pub asked: Option<String>,
}

/// A parameter's modifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modifier {
    /// None, or a type modifier, which is folded into the alternatives.
    None,
    /// `:exact`
    Exact,
    /// `:contains`
    Contains,
    /// `:missing=true` or `false`
    Missing(bool),
    /// `:not`: no value matches.
    Not,
    /// `:text`
    Text,
    /// `:identifier`
    Identifier,
}

/// Comparison prefix of a number, date or quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Equal: the searched range contains the value.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Less.
    Lt,
    /// Greater or equal.
    Ge,
    /// Less or equal.
    Le,
    /// Starts after.
    Sa,
    /// Ends before.
    Eb,
    /// Approximately.
    Ap,
}

/// One value searched for.
#[derive(Debug, Clone, PartialEq)]
pub enum Alternative {
    /// `code`, `system|code`, `|code`, `system|`.
    Token {
        /// `None`: any system; `Some(None)`: no system; else this one.
        system: Option<Option<String>>,
        /// `None`: any code of the system.
        code: Option<String>,
    },
    /// A string: starts with (folded), equals (`:exact`), contains.
    String {
        /// Folded.
        folded: String,
        /// As written.
        exact: String,
    },
    /// A date range and its prefix.
    Date {
        /// Prefix.
        prefix: Prefix,
        /// First millisecond of what was written.
        lo_ms: i64,
        /// First millisecond after it.
        hi_ms: i64,
    },
    /// A reference within the network.
    Reference {
        /// Resource types allowed; empty means any.
        kinds: Vec<String>,
        /// Logical id.
        id: String,
    },
    /// A uri or foreign reference, compared literally.
    Uri(String),
    /// A number.
    Number {
        /// Prefix.
        prefix: Prefix,
        /// The value.
        value: Decimal,
        /// Implied range `[lo, hi)` of the digits written.
        lo: Decimal,
        /// See `lo`.
        hi: Decimal,
    },
    /// A quantity: number, and unit where given.
    Quantity {
        /// Prefix.
        prefix: Prefix,
        /// The value.
        value: Decimal,
        /// Implied range `[lo, hi)` of the digits written.
        lo: Decimal,
        /// See `lo`.
        hi: Decimal,
        /// Unit system; `None` if not given.
        system: Option<String>,
        /// Unit code; without system also compared with the readable unit.
        code: Option<String>,
    },
    /// Components of a composite, each to be met within one element of the record.
    Composite(Vec<Alternative>),
}

/// One sort key.
#[derive(Debug, Clone)]
pub struct Sort {
    /// The parameter.
    pub param: &'static SearchParam,
    /// Greatest first.
    pub descending: bool,
}

/// `_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Not wanted.
    None,
    /// Wanted exactly.
    Accurate,
}

/// `_summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// Whole records.
    False,
    /// Summary elements only.
    True,
    /// Text and mandatory elements.
    Text,
    /// All but text.
    Data,
    /// Only the count.
    Count,
}

impl Alternative {
    /// A key which every value that this matches has among its [`super::IndexValue::keys`], if
    /// there is one. `modifier` is the filter's.
    pub fn key(&self, modifier: &Modifier) -> Option<String> {
        let prefix = match modifier {
            Modifier::None => "",
            Modifier::Identifier => "identifier ",
            _ => return None,
        };
        match self {
            Self::Token { system, code } => match (system, code) {
                (None, Some(code)) => Some(format!("{prefix}{code}")),
                (Some(system), Some(code)) => Some(format!(
                    "{prefix}{}{OF}{code}",
                    system.as_deref().unwrap_or_default()
                )),
                (Some(Some(system)), None) => Some(format!("{prefix}{system}{OF}")),
                _ => None,
            },
            Self::Reference { kinds, id } => match kinds.as_slice() {
                [kind] => Some(format!("{kind}/{id}")),
                _ => Some(id.clone()),
            },
            Self::Uri(uri) => Some(uri.clone()),
            _ => None,
        }
    }
}
