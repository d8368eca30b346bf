//! References: their forms, and making those to this network's own base relative.

use chaski_json::Json;

/// What a reference string says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `Type/id` or `Type/id/_history/v`, relative or under one of the own bases.
    Local {
        /// Resource type.
        kind: &'a str,
        /// Logical id.
        id: &'a str,
        /// Version, where named.
        version: Option<&'a str>,
    },
    /// An http(s) URL under somebody else's base.
    Foreign(&'a str),
    /// `urn:uuid:` or `urn:oid:`.
    Urn(&'a str),
    /// `#id` of a contained resource, or `#` for the container.
    Fragment(&'a str),
    /// `Type?query`: to be resolved on writing.
    Conditional {
        /// Resource type.
        kind: &'a str,
        /// Query string, still percent-encoded.
        query: &'a str,
    },
    /// Anything else.
    Other(&'a str),
}

/// Reads a reference. `own_bases` are URLs such as `https://clinic.example/fhir`.
pub fn parse<'a>(_text: &'a str, _own_bases: &[&str]) -> Reference<'a> {
    Reference::Other(_text)
}

/// Visits every `reference` string (of a Reference) in a resource, contained ones included.
pub fn each(_resource: &Json, _visit: &mut dyn FnMut(&str)) {}

/// Lets `change` replace any `reference` string in a resource.
pub fn rewrite(_resource: &mut Json, _change: &mut dyn FnMut(&str) -> Option<String>) {}

/// Makes references under the own bases relative.
pub fn relativise(_resource: &mut Json, _own_bases: &[&str]) {}
