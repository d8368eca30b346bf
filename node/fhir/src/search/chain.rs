//! Chained parameters (`subject:Patient.name=ana`) and reverse ones (`_has:Observation:patient:code=x`).
//!
//! They are read into the queries that look for the other records; whoever can look, does, and turns what is
//! found into references or ids. It must find every record or say that it can't: a cut list would make the
//! answer silently short.

use std::collections::BTreeSet;

use chaski_json::Json;

use super::options::{Handling, Options, SearchError};
use super::query::{Alternative, Chain, Filter, Link, Modifier, Query};
use super::{IndexValueKind, ParamType, SearchParam, param, values_of};

/// Most chains within chains.
const LINKS_MAX: usize = 4;
/// Most queries that one parameter may lead to, those on the way included.
const QUERIES_MAX: usize = 16;

impl Chain {
    /// The filter that it comes to, of **all** records that each query has found, in their order.
    #[must_use]
    pub fn filter(&self, found: &[Vec<Json>]) -> Option<Filter> {
        let (param, any) = match &self.link {
            Link::Names(param) => {
                let of_query = |(query, records): (&Query, &Vec<Json>)| {
                    let kind = query.kind.clone();
                    let reference = move |id| Alternative::Reference {
                        kinds: vec![kind.clone()],
                        id,
                    };
                    let ids: Vec<String> = records.iter().filter_map(id_of).collect();
                    ids.into_iter().map(reference)
                };
                (
                    *param,
                    self.queries.iter().zip(found).flat_map(of_query).collect(),
                )
            }
            Link::IsNamed { kind, by } => {
                let mut ids = BTreeSet::new();
                for record in found.iter().flatten() {
                    values_of(record, by, &mut |value| {
                        if let IndexValueKind::Reference { kind: named, id } = value
                            && named == *kind
                        {
                            ids.insert(id);
                        }
                    });
                }
                let token = |id| Alternative::Token {
                    system: None,
                    code: Some(id),
                };
                (self::param(kind, "_id")?, ids.into_iter().map(token).collect())
            }
        };
        Some(Filter {
            param,
            modifier: Modifier::None,
            any,
            asked: Some(self.asked.clone()),
        })
    }
}

/// Reads the query at the end of a chain, which may have chains itself.
pub(super) type ReadQuery = fn(&str, &[(String, String)], &Options<'_>) -> Result<Query, SearchError>;

/// Reads a chained or reverse chained parameter of `kind`; `None` if `name` is neither.
pub(super) fn read(
    kind: &str,
    name: &str,
    value: &str,
    options: &Options<'_>,
    parse: ReadQuery,
) -> Result<Option<Chain>, SearchError> {
    let links = name.matches('.').count() + name.matches("_has:").count();
    if links > LINKS_MAX {
        return Err(unsupported(name, "too many chains"));
    }
    let asked = Asked {
        name,
        value,
        options,
        parse,
    };
    let (link, queries) = if let Some(rest) = name.strip_prefix("_has:") {
        reverse(kind, rest, &asked)?
    } else if let Some((link, rest)) = name.split_once('.') {
        forward(kind, (link, rest), &asked)?
    } else {
        return Ok(None);
    };
    if count(&queries) > QUERIES_MAX {
        return Err(unsupported(
            name,
            "leads to too many resource types: name one, as in subject:Patient.name",
        ));
    }
    Ok(Some(Chain {
        asked: format!("{name}={value}"),
        name: name.to_owned(),
        queries,
        link,
    }))
}

/// A chained parameter as it was asked for, and how what it leads to is read.
struct Asked<'a> {
    name: &'a str,
    value: &'a str,
    options: &'a Options<'a>,
    parse: ReadQuery,
}

/// How many queries these are with those that they lead to.
fn count(queries: &[Query]) -> usize {
    let of_one = |query: &Query| {
        query
            .chains
            .iter()
            .map(|chain| count(&chain.queries))
            .sum::<usize>()
    };
    queries.iter().map(|query| 1 + of_one(query)).sum()
}

fn unsupported(name: &str, reason: &'static str) -> SearchError {
    SearchError::Unsupported {
        param: name.to_owned(),
        reason,
    }
}

/// What finds the records of `kind` that meet one parameter.
fn finding(kind: &str, rest: &str, asked: &Asked<'_>) -> Result<Query, SearchError> {
    let strict = Options {
        handling: Handling::Strict,
        ..*asked.options
    };
    let query = (asked.parse)(kind, &[(rest.to_owned(), asked.value.to_owned())], &strict)?;
    if query.filters.is_empty() && query.chains.is_empty() {
        return Err(unsupported(asked.name, "a chain must end in a search parameter"));
    }
    Ok(query)
}

fn id_of(record: &Json) -> Option<String> {
    record.get("id").and_then(Json::as_str).map(str::to_owned)
}

/// `link[:Kind].rest=value`: records whose `link` names one that meets `rest=value`.
fn forward(
    kind: &str,
    (link, rest): (&str, &str),
    asked: &Asked<'_>,
) -> Result<(Link, Vec<Query>), SearchError> {
    let (code, of_kind) = match link.split_once(':') {
        Some((code, of_kind)) => (code, Some(of_kind)),
        None => (link, None),
    };
    let param = reference_param(kind, code, asked.name)?;
    let rest_code = rest.split([':', '.']).next().unwrap_or(rest);
    let fits = |target: &&str| rest_code == "_has" || self::param(target, rest_code).is_some();
    let kinds: Vec<&str> = match of_kind {
        Some(of_kind) => vec![of_kind],
        None => param.targets.iter().copied().filter(fits).collect(),
    };
    if kinds.is_empty() {
        return Err(unsupported(
            asked.name,
            "a chain must name a resource type that has the parameter",
        ));
    }
    let queries = kinds.iter().map(|target| finding(target, rest, asked));
    Ok((Link::Names(param), queries.collect::<Result<_, _>>()?))
}

/// `_has:Kind:link:rest=value`: records that the `link` of some record of `Kind` names.
fn reverse(kind: &str, has: &str, asked: &Asked<'_>) -> Result<(Link, Vec<Query>), SearchError> {
    let mut parts = has.splitn(3, ':');
    let (Some(other), Some(code), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(unsupported(asked.name, "is not _has:Type:reference:parameter"));
    };
    let link = Link::IsNamed {
        kind: kind.to_owned(),
        by: reference_param(other, code, asked.name)?,
    };
    Ok((link, vec![finding(other, rest, asked)?]))
}

fn reference_param(kind: &str, code: &str, name: &str) -> Result<&'static SearchParam, SearchError> {
    let param = param(kind, code).ok_or_else(|| SearchError::UnknownParameter(name.to_owned()))?;
    if param.ptype == ParamType::Reference && param.is_supported() {
        Ok(param)
    } else {
        Err(unsupported(name, "only references can be followed"))
    }
}
