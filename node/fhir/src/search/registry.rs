//! The search parameters of R4, by record kind, compiled on first use.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::definitions::{TABLE, definitions};

use super::expression::{self, NotSupported, Route};
use super::param_type::{ParamType, is_convertible};

/// What the search box on a page finds people by: no parameter of R4, so that no client can ask for it.
const SOUGHT: &str = "sought";

/// The parameter of [`crate::sought::patient_texts`]. Its values are compared by [`super::Modifier::Contains`]
/// and [`super::Modifier::Near`].
pub fn sought() -> &'static SearchParam {
    static PARAM: OnceLock<SearchParam> = OnceLock::new();
    PARAM.get_or_init(|| SearchParam {
        code: SOUGHT,
        ptype: ParamType::String,
        expression: "",
        targets: Vec::new(),
        routes: Vec::new(),
        components: Vec::new(),
    })
}

/// One search parameter of one record kind.
#[derive(Debug)]
pub struct SearchParam {
    /// As it stands in a URL.
    pub code: &'static str,
    /// How its values are written and compared.
    pub ptype: ParamType,
    /// The part of the FHIRPath expression that concerns this kind.
    pub expression: &'static str,
    /// Resource types a reference may name; empty for any and for other types.
    pub targets: Vec<&'static str>,
    pub(super) routes: Vec<Route>,
    pub(super) components: Vec<Component>,
}

/// One component of a composite parameter.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) ptype: ParamType,
    pub(super) targets: Vec<&'static str>,
    /// Relative to what the composite's routes find.
    pub(super) routes: Vec<Route>,
}

impl SearchParam {
    /// Whether searching by it is answered (nearly all are; `Location.near` is not).
    pub fn is_supported(&self) -> bool {
        !self.routes.is_empty() && self.ptype != ParamType::Special
    }

    /// Whether each of its dates is a single one, and no period or timing.
    pub(super) fn is_of_single_dates(&self) -> bool {
        let single = |route: &Route| matches!(route.type_code, "date" | "dateTime" | "instant");
        self.routes.iter().all(single)
    }

    /// Whether what it finds depends on another element beside it.
    #[cfg(test)]
    pub(crate) fn is_conditional(&self) -> bool {
        self.routes.iter().any(Route::is_conditional)
    }
}

/// All parameters of a record kind, sorted by code, those of every resource included.
pub fn params(kind: &str) -> &'static [SearchParam] {
    let Some(entry) = kinds().get(kind) else {
        return &[];
    };
    entry.params.get_or_init(|| compile(kind, &entry.lines))
}

/// The search parameter of a record kind that has this code.
pub fn param(kind: &str, code: &str) -> Option<&'static SearchParam> {
    let params = params(kind);
    params
        .binary_search_by(|p| p.code.cmp(code))
        .ok()
        .and_then(|at| params.get(at))
}

#[derive(Default)]
struct Kind {
    lines: Vec<&'static str>,
    params: OnceLock<Vec<SearchParam>>,
}

fn kinds() -> &'static BTreeMap<&'static str, Kind> {
    static KINDS: OnceLock<BTreeMap<&'static str, Kind>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let mut own: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
        for line in TABLE.lines() {
            if let Some((kind, rest)) = line.strip_prefix("P\t").and_then(|line| line.split_once('\t')) {
                own.entry(kind).or_default().push(rest);
            }
        }
        let of = |kind: &str| own.get(kind).cloned().unwrap_or_default();
        let concrete = definitions()
            .types()
            .iter()
            .filter(|t| definitions().resource(t.name).is_some());
        let mut kinds = BTreeMap::new();
        for found in concrete {
            let mut lines = of(found.name);
            lines.extend(of("Resource"));
            if found.base == "DomainResource" {
                lines.extend(of("DomainResource"));
            }
            kinds.insert(
                found.name,
                Kind {
                    lines,
                    params: OnceLock::new(),
                },
            );
        }
        kinds
    })
}

fn compile(kind: &str, lines: &[&'static str]) -> Vec<SearchParam> {
    let mut found: Vec<SearchParam> = lines.iter().filter_map(|line| read(kind, line, lines)).collect();
    found.sort_by_key(|param| param.code);
    found.dedup_by_key(|param| param.code);
    found
}

/// Reads `code, type, expression, targets, component...`.
fn read(kind: &str, line: &'static str, lines: &[&'static str]) -> Option<SearchParam> {
    let mut fields = line.split('\t');
    let (code, ptype, expression) = (fields.next()?, ParamType::parse(fields.next()?), fields.next()?);
    let targets = split_targets(fields.next());
    let mut routes = expression::compile(kind, expression).unwrap_or_default();
    let mut components = Vec::new();
    if ptype == ParamType::Composite {
        match fields
            .map(|field| component(kind, expression, field, lines))
            .collect()
        {
            Ok(all) => components = all,
            Err(NotSupported) => routes.clear(),
        }
    } else {
        routes.retain(|route| is_convertible(ptype, route));
    }
    Some(SearchParam {
        code,
        ptype,
        expression,
        targets,
        routes,
        components,
    })
}

fn split_targets(field: Option<&'static str>) -> Vec<&'static str> {
    field
        .unwrap_or_default()
        .split(' ')
        .filter(|target| !target.is_empty())
        .collect()
}

/// Reads `code=expression`, the code naming a parameter of the same kind.
fn component(
    kind: &str,
    from: &'static str,
    field: &'static str,
    lines: &[&'static str],
) -> Result<Component, NotSupported> {
    let (code, expression) = field.split_once('=').ok_or(NotSupported)?;
    let mut definition = lines
        .iter()
        .map(|line| line.split('\t'))
        .find_map(|mut fields| (fields.next() == Some(code)).then_some(fields))
        .ok_or(NotSupported)?;
    let ptype = ParamType::parse(definition.next().unwrap_or_default());
    let targets = split_targets(definition.nth(1));
    let mut routes: Vec<Route> = Vec::new();
    for origin in from.split('|') {
        for route in expression::compile_within(kind, origin.trim(), expression)? {
            if is_convertible(ptype, &route) && !routes.contains(&route) {
                routes.push(route);
            }
        }
    }
    if routes.is_empty() {
        Err(NotSupported)
    } else {
        Ok(Component {
            ptype,
            targets,
            routes,
        })
    }
}
