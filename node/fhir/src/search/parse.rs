//! Query strings to queries.

use super::options::{Handling, Options, SearchError};
use super::query::{Filter, Modifier, Query, Sort, Summary, Total};
use super::{ParamType, SearchParam, chain, param, values};

/// Most parameters of one query.
pub const PARAMS_MAX: usize = 64;
/// Most alternatives (comma) of one parameter.
pub const ALTERNATIVES_MAX: usize = 500;
/// Longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 32 * 1024;

/// Parses decoded `name=value` pairs of a search on `kind`.
///
/// # Errors
/// Anything that could not be answered exactly.
pub fn parse(kind: &str, pairs: &[(String, String)], options: &Options<'_>) -> Result<Query, SearchError> {
    if super::params(kind).is_empty() {
        return Err(SearchError::UnknownKind);
    }
    if pairs.len() > PARAMS_MAX || pairs.iter().any(|(_, value)| value.len() > VALUE_BYTES_MAX) {
        return Err(SearchError::TooMany);
    }
    let mut query = Query {
        kind: kind.to_owned(),
        filters: Vec::new(),
        chains: Vec::new(),
        sort: Vec::new(),
        count: None,
        total: Total::None,
        summary: Summary::False,
        elements: Vec::new(),
        cursor: None,
        ignored: Vec::new(),
        zone: options.zone.cloned(),
    };
    for (name, value) in pairs {
        if result_parameter(&mut query, name, value)? {
            continue;
        }
        if options.follows_chains
            && let Some(chain) = chain::read(kind, name, value, options, parse)?
        {
            query.chains.push(chain);
            continue;
        }
        refuse_unsupported(name)?;
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name.as_str(), None),
        };
        match param(kind, code) {
            Some(param) => query.filters.push(filter(param, modifier, value, options)?),
            None if options.handling == Handling::Lenient => query.ignored.push(name.clone()),
            None => return Err(SearchError::UnknownParameter(name.clone())),
        }
    }
    Ok(query)
}

/// Parameters about the result, not the records. Whether `name` is one.
fn result_parameter(query: &mut Query, name: &str, value: &str) -> Result<bool, SearchError> {
    let wrong = |reason| SearchError::Value {
        param: name.to_owned(),
        reason,
    };
    match name {
        "_count" => query.count = Some(value.parse().map_err(|_| wrong("not a whole number"))?),
        "_sort" => query.sort = sort(&query.kind, value)?,
        "_cursor" => query.cursor = Some(value.to_owned()),
        "_elements" => query.elements = value.split(',').map(|name| name.trim().to_owned()).collect(),
        "_total" => {
            query.total = match value {
                "none" => Total::None,
                "accurate" | "estimate" => Total::Accurate,
                _ => return Err(wrong("not one of none, estimate, accurate")),
            }
        }
        "_summary" => {
            query.summary = match value {
                "false" => Summary::False,
                "true" => Summary::True,
                "text" => Summary::Text,
                "data" => Summary::Data,
                "count" => Summary::Count,
                _ => return Err(wrong("not one of true, text, data, count, false")),
            }
        }
        "_format" | "_pretty" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

fn sort(kind: &str, value: &str) -> Result<Vec<Sort>, SearchError> {
    let mut keys = Vec::new();
    for part in value.split(',').map(str::trim) {
        let (code, descending) = match part.strip_prefix('-') {
            Some(code) => (code, true),
            None => (part, false),
        };
        let Some(param) = param(kind, code) else {
            return Err(SearchError::Value {
                param: "_sort".to_owned(),
                reason: "names a parameter that is not known",
            });
        };
        if !param.is_supported() || param.ptype == ParamType::Composite {
            return Err(SearchError::Unsupported {
                param: code.to_owned(),
                reason: "can't be sorted by",
            });
        }
        keys.push(Sort { param, descending });
    }
    if keys.len() > PARAMS_MAX {
        Err(SearchError::TooMany)
    } else {
        Ok(keys)
    }
}

/// What FHIR knows and this node would otherwise answer wrong.
fn refuse_unsupported(name: &str) -> Result<(), SearchError> {
    let stem = name.split(':').next().unwrap_or(name);
    let reason = match stem {
        "_has" => "reverse chaining is not supported here",
        "_include" | "_revinclude" => "including other records is not supported",
        "_contained" | "_containedType" => "searching contained records is not supported",
        "_filter" | "_query" | "_content" | "_text" | "_list" | "_type" => "is not supported",
        _ if name.contains('.') => "chained parameters are not supported here",
        _ => return Ok(()),
    };
    Err(SearchError::Unsupported {
        param: name.to_owned(),
        reason,
    })
}

fn filter(
    param: &'static SearchParam,
    modifier: Option<&str>,
    value: &str,
    options: &Options<'_>,
) -> Result<Filter, SearchError> {
    if !param.is_supported() {
        let reason = "is not supported";
        return Err(SearchError::Unsupported {
            param: param.code.to_owned(),
            reason,
        });
    }
    if modifier == Some("missing") {
        let missing = match value {
            "true" => true,
            "false" => false,
            _ => {
                return Err(SearchError::Value {
                    param: param.code.to_owned(),
                    reason: "not true or false",
                });
            }
        };
        return Ok(Filter {
            param,
            modifier: Modifier::Missing(missing),
            any: Vec::new(),
            asked: None,
        });
    }
    let (modifier, of_kind) = read_modifier(param, modifier)?;
    let parts = values::split(value, ',');
    if parts.len() > ALTERNATIVES_MAX {
        return Err(SearchError::TooMany);
    }
    let mut any = Vec::with_capacity(parts.len());
    for part in parts {
        let read = values::Reader {
            param,
            modifier: &modifier,
            of_kind,
            options,
        };
        let one = read.alternative(part);
        any.push(one.map_err(|reason| SearchError::Value {
            param: param.code.to_owned(),
            reason,
        })?);
    }
    // What a date is near to widens with the time since: from page to page it is the same question, not the same range.
    let moves = param.ptype == ParamType::Date && value.contains("ap");
    Ok(Filter {
        param,
        modifier,
        any,
        asked: moves.then(|| format!("{}={value}", param.code)),
    })
}

/// The modifier, and the resource type if it is one (`subject:Patient`).
fn read_modifier(
    param: &'static SearchParam,
    modifier: Option<&str>,
) -> Result<(Modifier, Option<&'static str>), SearchError> {
    let Some(text) = modifier else {
        return Ok((Modifier::None, None));
    };
    let kind = crate::definitions::definitions().type_of(text).map(|t| t.name);
    let found = match (param.ptype, text) {
        (ParamType::String, "exact") => (Modifier::Exact, None),
        (ParamType::String, "contains") => (Modifier::Contains, None),
        (ParamType::Token, "not") => (Modifier::Not, None),
        (ParamType::Token, "text") => (Modifier::Text, None),
        (ParamType::Reference, "identifier") => (Modifier::Identifier, None),
        (ParamType::Reference, _) if kind.is_some_and(crate::definitions::is_resource_kind) => {
            (Modifier::None, kind)
        }
        _ => {
            return Err(SearchError::Modifier {
                param: param.code.to_owned(),
                modifier: text.to_owned(),
            });
        }
    };
    Ok(found)
}
