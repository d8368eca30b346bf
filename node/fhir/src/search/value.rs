//! What a search parameter finds in a record.

use super::Decimal;

/// Between system and code in an equality key: no code or system has it, so that no two
/// different tokens share a key and a token that has the key of a query is what it asked for.
pub(super) const OF: char = '\u{1}';

/// One value that one search parameter finds in a record.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexValue {
    /// The parameter's code (`birthdate`, `_tag`, ...).
    pub param: &'static str,
    /// What is found, by the way it is compared.
    pub value: IndexValueKind,
}

/// A value by the way it is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexValueKind {
    /// A code, identifier, boolean or contact point. A text of a CodeableConcept without coding
    /// has only `text`.
    Token {
        /// Code system or identifier system.
        system: Option<String>,
        /// Code or value.
        code: Option<String>,
        /// Display or text, as written.
        text: Option<String>,
    },
    /// A text, such as a name.
    String {
        /// Folded by [`super::fold`].
        folded: String,
        /// The text as the record has it.
        exact: String,
    },
    /// A date, time or period: `[lo_ms, hi_ms)` since 1970, UTC; open ends are `i64::MIN`/`MAX`.
    Date {
        /// The first millisecond that it covers.
        lo_ms: i64,
        /// First millisecond after.
        hi_ms: i64,
    },
    /// A reference to a record of this network.
    Reference {
        /// The resource type of the record referred to.
        kind: String,
        /// The logical id of the record referred to.
        id: String,
    },
    /// The identifier of a reference (`Reference.identifier`).
    ReferenceIdentifier {
        /// Identifier system.
        system: Option<String>,
        /// Identifier value.
        value: String,
    },
    /// A uri, canonical, or reference outside this network.
    Uri(String),
    /// A quantity, range or money; a single value has `lo == hi`, a comparator (`<`) or missing
    /// bound leaves an end open.
    Quantity {
        /// Least value, `None` if open.
        lo: Option<Decimal>,
        /// Greatest value, `None` if open.
        hi: Option<Decimal>,
        /// Unit system (`http://unitsofmeasure.org`).
        system: Option<String>,
        /// The unit's code in that system.
        code: Option<String>,
        /// Unit as read by people.
        unit: Option<String>,
    },
    /// A number or range of numbers.
    Number {
        /// Least value, `None` if open.
        lo: Option<Decimal>,
        /// Greatest value, `None` if open.
        hi: Option<Decimal>,
    },
    /// Values of the components of a composite parameter, all of one element of the record.
    Composite(Vec<Vec<IndexValueKind>>),
}

impl IndexValue {
    /// Calls `with` for every equality key of this value; a query's [`super::Alternative::key`]
    /// is among them whenever it matches. Dates, numbers and quantities have none.
    pub fn keys(&self, with: &mut dyn FnMut(&str)) {
        match &self.value {
            IndexValueKind::Token { system, code, .. } => {
                let system = system.as_deref();
                if let Some(code) = code.as_deref() {
                    with(code);
                    with(&format!("{}{OF}{code}", system.unwrap_or_default()));
                }
                if let Some(system) = system {
                    with(&format!("{system}{OF}"));
                }
            }
            IndexValueKind::Reference { kind, id } => {
                with(id);
                with(&format!("{kind}/{id}"));
            }
            IndexValueKind::ReferenceIdentifier { system, value } => {
                with(&format!("identifier {value}"));
                with(&format!(
                    "identifier {}{OF}{value}",
                    system.as_deref().unwrap_or_default()
                ));
                if let Some(system) = system {
                    with(&format!("identifier {system}{OF}"));
                }
            }
            IndexValueKind::Uri(uri) => {
                with(uri);
                if let Some((unversioned, _)) = uri.split_once('|') {
                    with(unversioned);
                }
            }
            IndexValueKind::String { .. }
            | IndexValueKind::Date { .. }
            | IndexValueKind::Quantity { .. }
            | IndexValueKind::Number { .. }
            | IndexValueKind::Composite(_) => {}
        }
    }
}
