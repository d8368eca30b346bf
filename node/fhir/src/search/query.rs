//! A parsed query.

use jiff::tz::TimeZone;

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
    /// Which part of each record is wanted (`_summary`).
    pub summary: Summary,
    /// `_elements`: top-level elements wanted; empty means all.
    pub elements: Vec<String>,
    /// Page cursor (`_cursor`), opaque here.
    pub cursor: Option<String>,
    /// Parameters not known, ignored under lenient handling.
    pub ignored: Vec<String>,
    /// The zone in which a date without one is meant; `None` is UTC.
    pub zone: Option<TimeZone>,
}

/// A condition on other records.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The parameter and its value, as asked for.
    pub asked: String,
    /// The parameter alone, for errors.
    pub name: String,
    /// Which other records meet it: those of any of these queries, which may have chains themselves.
    pub queries: Vec<Query>,
    pub(super) link: Link,
}

/// How the other records hang together with those that are searched.
#[derive(Debug, Clone)]
pub(super) enum Link {
    /// This parameter of the records searched names the others.
    Names(&'static SearchParam),
    /// This parameter of the others names records of this kind, which are searched.
    IsNamed { kind: String, by: &'static SearchParam },
}

/// One condition: any alternative may hold.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The parameter whose values are compared.
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
    /// `:exact`: the whole text as written.
    Exact,
    /// `:contains`: a part of the text, anywhere in it.
    Contains,
    /// Not of R4: so many of the alternatives are words of the text, or [near](crate::sought::is_near) one.
    Near(usize),
    /// `:missing=true` or `false`
    Missing(bool),
    /// `:not`: no value matches.
    Not,
    /// `:text`: how the text that goes with a code begins.
    Text,
    /// `:identifier`: the identifier of a reference, not its target.
    Identifier,
}

/// Comparison prefix of a number, date or quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Equal: the searched range contains the value.
    Eq,
    /// The record's value is another one.
    Ne,
    /// The record's value is greater.
    Gt,
    /// The record's value is less.
    Lt,
    /// Greater or equal.
    Ge,
    /// Less or equal.
    Le,
    /// The record's range starts after the one searched for.
    Sa,
    /// The record's range ends before the one searched for.
    Eb,
    /// The record's value is about the same.
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
        /// The text as [`super::fold`] makes it, for all but `:exact`.
        folded: String,
        /// The text as written in the query.
        exact: String,
    },
    /// A date range and its prefix.
    Date {
        /// How the record's value must compare.
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
        /// The logical id of the record referred to.
        id: String,
    },
    /// A uri or foreign reference, compared literally.
    Uri(String),
    /// A number and its prefix.
    Number {
        /// How the record's value must compare.
        prefix: Prefix,
        /// The number as written.
        value: Decimal,
        /// Implied range `[lo, hi)` of the digits written.
        lo: Decimal,
        /// The end of that range, itself not in it.
        hi: Decimal,
    },
    /// A quantity: number, and unit where given.
    Quantity {
        /// How the record's value must compare.
        prefix: Prefix,
        /// The number as written.
        value: Decimal,
        /// Implied range `[lo, hi)` of the digits written.
        lo: Decimal,
        /// The end of that range, itself not in it.
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
    /// The parameter whose values give the order.
    pub param: &'static SearchParam,
    /// The greatest value comes first.
    pub descending: bool,
}

/// Whether a page tells how many records match in all (`_total`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// The number is not told.
    None,
    /// The number is told, and is exact.
    Accurate,
}

/// Which part of each record is wanted (`_summary`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// The whole of each record.
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
