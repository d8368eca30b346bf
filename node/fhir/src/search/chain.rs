//! Chained parameters (`subject:Patient.name=ana`) and reverse ones (`_has:Observation:patient:code=x`).
//!
//! Both are answered by searching the other records first, through a callback, and turning what
//! is found into references or ids. The callback must give every record or an error: a cut list
//! would make the answer silently short.

use std::collections::BTreeSet;

use chaski_json::Json;

use super::parse::{Handling, SearchError, parse_with};
use super::{
    Alternative, Filter, IndexValueKind, Modifier, Options, ParamType, Query, SearchParam, param, values_of,
};

/// Finds **all** records of a query, whatever its page size, or says why not.
pub type Lookup<'a> = &'a dyn Fn(&Query) -> Result<Vec<Json>, &'static str>;

/// Most chains within chains.
const LINKS_MAX: usize = 4;

/// Reads a chained or reverse chained parameter of `kind`; `None` if `name` is neither.
pub(super) fn read(
    kind: &str,
    name: &str,
    value: &str,
    options: &Options<'_>,
    lookup: Lookup<'_>,
) -> Result<Option<Filter>, SearchError> {
    let links = name.matches('.').count() + name.matches("_has:").count();
    if links > LINKS_MAX {
        return Err(unsupported(name, "too many chains"));
    }
    if let Some(rest) = name.strip_prefix("_has:") {
        return reverse(kind, name, rest, value, options, lookup).map(Some);
    }
    match name.split_once('.') {
        Some((link, rest)) => forward(kind, name, link, rest, value, options, lookup).map(Some),
        None => Ok(None),
    }
}

fn unsupported(name: &str, reason: &'static str) -> SearchError {
    SearchError::Unsupported {
        param: name.to_owned(),
        reason,
    }
}

/// The records of `kind` that meet one parameter.
fn found(
    kind: &str,
    name: &str,
    rest: &str,
    value: &str,
    options: &Options<'_>,
    lookup: Lookup<'_>,
) -> Result<Vec<Json>, SearchError> {
    let strict = Options {
        handling: Handling::Strict,
        ..*options
    };
    let query = parse_with(
        kind,
        &[(rest.to_owned(), value.to_owned())],
        &strict,
        Some(lookup),
    )?;
    if query.filters.is_empty() {
        return Err(unsupported(name, "a chain must end in a search parameter"));
    }
    lookup(&query).map_err(|reason| unsupported(name, reason))
}

fn id_of(record: &Json) -> Option<String> {
    record.get("id").and_then(Json::as_str).map(str::to_owned)
}

/// `link[:Kind].rest=value`: records whose `link` names one that meets `rest=value`.
fn forward(
    kind: &str,
    name: &str,
    link: &str,
    rest: &str,
    value: &str,
    options: &Options<'_>,
    lookup: Lookup<'_>,
) -> Result<Filter, SearchError> {
    let (code, of_kind) = match link.split_once(':') {
        Some((code, of_kind)) => (code, Some(of_kind)),
        None => (link, None),
    };
    let param = reference_param(kind, code, name)?;
    let rest_code = rest.split([':', '.']).next().unwrap_or(rest);
    let fits = |target: &&str| rest_code == "_has" || self::param(target, rest_code).is_some();
    let kinds: Vec<&str> = match of_kind {
        Some(of_kind) => vec![of_kind],
        None => param.targets.iter().copied().filter(fits).collect(),
    };
    if kinds.is_empty() {
        return Err(unsupported(
            name,
            "a chain must name a resource type that has the parameter",
        ));
    }
    let mut any = Vec::new();
    for target in kinds {
        let records = found(target, name, rest, value, options, lookup)?;
        let reference = |id| Alternative::Reference {
            kinds: vec![target.to_owned()],
            id,
        };
        any.extend(records.iter().filter_map(id_of).map(reference));
    }
    Ok(Filter {
        param,
        modifier: Modifier::None,
        any,
    })
}

/// `_has:Kind:link:rest=value`: records that the `link` of some record of `Kind` names.
fn reverse(
    kind: &str,
    name: &str,
    has: &str,
    value: &str,
    options: &Options<'_>,
    lookup: Lookup<'_>,
) -> Result<Filter, SearchError> {
    let mut parts = has.splitn(3, ':');
    let (Some(other), Some(code), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(unsupported(name, "is not _has:Type:reference:parameter"));
    };
    let link = reference_param(other, code, name)?;
    let mut ids = BTreeSet::new();
    for record in found(other, name, rest, value, options, lookup)? {
        values_of(&record, link, &mut |value| {
            if let IndexValueKind::Reference { kind: named, id } = value
                && named == kind
            {
                ids.insert(id);
            }
        });
    }
    let param = self::param(kind, "_id").ok_or(SearchError::UnknownKind)?;
    let token = |id| Alternative::Token {
        system: None,
        code: Some(id),
    };
    Ok(Filter {
        param,
        modifier: Modifier::None,
        any: ids.into_iter().map(token).collect(),
    })
}

fn reference_param(kind: &str, code: &str, name: &str) -> Result<&'static SearchParam, SearchError> {
    let param = param(kind, code).ok_or_else(|| SearchError::UnknownParameter(name.to_owned()))?;
    if param.ptype == ParamType::Reference && param.is_supported() {
        Ok(param)
    } else {
        Err(unsupported(name, "only references can be followed"))
    }
}
