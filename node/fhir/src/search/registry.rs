//! The search parameters of R4, by record kind.

/// How a parameter's values are written and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// number
    Number,
    /// date
    Date,
    /// string
    String,
    /// token
    Token,
    /// reference
    Reference,
    /// composite
    Composite,
    /// quantity
    Quantity,
    /// uri
    Uri,
    /// special (`near`): not supported
    Special,
}

/// One search parameter of one record kind.
#[derive(Debug)]
pub struct SearchParam {
    /// As it stands in a URL.
    pub code: &'static str,
    /// Type.
    pub ptype: ParamType,
    /// The part of the FHIRPath expression that concerns this kind.
    pub expression: &'static str,
    /// Resource types a reference may name; empty for other types.
    pub targets: Vec<&'static str>,
}

/// All parameters of a record kind, sorted by code, those of every resource included.
pub fn params(_kind: &str) -> &'static [SearchParam] {
    &[]
}

/// One parameter.
pub fn param(kind: &str, code: &str) -> Option<&'static SearchParam> {
    let params = params(kind);
    params.binary_search_by(|p| p.code.cmp(code)).ok().and_then(|at| params.get(at))
}
