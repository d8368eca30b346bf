//! Search expressions compiled to plain routes through a record.
//!
//! R4's expressions are paths, unions, casts and three kinds of `where`. Each is resolved against
//! the definitions once, so that following it is a few map look-ups and every value found is of a
//! known type. What this does not know is an error, and the parameter says it is not supported.

use chaski_json::Json;

use crate::definitions::{CodeSet, Composite, definitions};
use crate::reference;

/// A way through a record to values of one type.
#[derive(Debug, Clone)]
pub(super) struct Route {
    steps: Vec<Step>,
    /// Type of the values found.
    pub(super) type_code: &'static str,
    /// Codes that may stand there, from which a plain code gets its system.
    pub(super) code_set: Option<&'static CodeSet>,
    /// Whether the expression asks if something is there and not false.
    pub(super) is_truth: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(&'static str),
    WhereEqual { key: &'static str, value: &'static str },
    WhereKind(&'static str),
}

/// Where compiling stands.
#[derive(Clone)]
struct At {
    route: Route,
    composite: Option<&'static Composite>,
}

/// The expression has a form that is not known here.
#[derive(Debug)]
pub(super) struct NotSupported;

/// Compiles an expression that starts with the type name (`Patient.name | Patient.contact.name`).
pub(super) fn compile(kind: &str, expression: &'static str) -> Result<Vec<Route>, NotSupported> {
    let start = start(kind).ok_or(NotSupported)?;
    compile_union(&[start], expression, true)
}

/// Compiles an expression relative to what `from` finds, as a composite's component is.
pub(super) fn compile_within(
    kind: &str,
    from: &'static str,
    expression: &'static str,
) -> Result<Vec<Route>, NotSupported> {
    let start = start(kind).ok_or(NotSupported)?;
    let mut origin = path(vec![start], from, true)?;
    for at in &mut origin {
        at.route.steps.clear();
    }
    compile_union(&origin, expression, false)
}

fn start(kind: &str) -> Option<At> {
    let definitions = definitions();
    let route = Route {
        steps: Vec::new(),
        type_code: definitions.type_of(kind)?.name,
        code_set: None,
        is_truth: false,
    };
    Some(At {
        route,
        composite: definitions.resource(kind),
    })
}

fn compile_union(
    origin: &[At],
    expression: &'static str,
    absolute: bool,
) -> Result<Vec<Route>, NotSupported> {
    if let Some((subject, rest)) = expression.split_once(".exists() and ") {
        if rest.strip_suffix(" != false") != Some(subject) {
            return Err(NotSupported);
        }
        let mut routes = compile_union(origin, subject, absolute)?;
        routes.iter_mut().for_each(|route| route.is_truth = true);
        return Ok(routes);
    }
    let mut routes: Vec<Route> = Vec::new();
    for part in union_parts(expression) {
        let found = part_of(origin.to_vec(), part, absolute)?;
        routes.extend(found.into_iter().map(|at| at.route));
    }
    if routes.is_empty() {
        Err(NotSupported)
    } else {
        Ok(routes)
    }
}

/// Parts between `|`; R4 has none inside parentheses.
fn union_parts(expression: &'static str) -> impl Iterator<Item = &'static str> {
    expression.split('|').map(str::trim)
}

/// `path`, `(path as Type)` or `(path as Type).path`.
fn part_of(origin: Vec<At>, part: &'static str, absolute: bool) -> Result<Vec<At>, NotSupported> {
    let Some(inside) = part.strip_prefix('(') else {
        return path(origin, part, absolute);
    };
    let (inside, rest) = inside.rsplit_once(')').ok_or(NotSupported)?;
    let (subject, type_code) = inside.split_once(" as ").ok_or(NotSupported)?;
    let found = cast(path(origin, subject.trim(), absolute)?, type_code.trim());
    match rest.strip_prefix('.') {
        Some(more) => path(found, more, false),
        None if rest.is_empty() => Ok(found),
        None => Err(NotSupported),
    }
}

fn path(origin: Vec<At>, text: &'static str, absolute: bool) -> Result<Vec<At>, NotSupported> {
    let mut at = origin;
    for (index, segment) in segments(text).into_iter().enumerate() {
        if index == 0 && absolute {
            let fits =
                |a: &At| segment == a.route.type_code || matches!(segment, "Resource" | "DomainResource");
            if !at.iter().all(fits) {
                return Err(NotSupported);
            }
            continue;
        }
        at = follow(at, segment)?;
    }
    if at.is_empty() { Err(NotSupported) } else { Ok(at) }
}

/// Splits at dots outside parentheses.
fn segments(text: &'static str) -> Vec<&'static str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'.' if depth == 0 => {
                found.extend(text.get(start..index));
                start = index + 1;
            }
            _ => {}
        }
    }
    found.extend(text.get(start..));
    found
}

fn follow(at: Vec<At>, segment: &'static str) -> Result<Vec<At>, NotSupported> {
    if let Some((function, argument)) = segment.strip_suffix(')').and_then(|text| text.split_once('(')) {
        return match function {
            "as" | "ofType" => Ok(cast(at, argument)),
            "where" => condition(at, argument),
            _ => Err(NotSupported),
        };
    }
    if segment.is_empty() || !segment.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(NotSupported);
    }
    Ok(at.iter().flat_map(|a| children(a, segment)).collect())
}

fn cast(at: Vec<At>, type_code: &str) -> Vec<At> {
    at.into_iter()
        .filter(|a| a.route.type_code.eq_ignore_ascii_case(type_code))
        .collect()
}

fn condition(mut at: Vec<At>, argument: &'static str) -> Result<Vec<At>, NotSupported> {
    let step = if let Some(kind) = argument.strip_prefix("resolve() is ") {
        Step::WhereKind(kind)
    } else {
        let (key, value) = argument.split_once('=').ok_or(NotSupported)?;
        let value = value
            .trim()
            .strip_prefix('\'')
            .and_then(|v| v.strip_suffix('\''))
            .ok_or(NotSupported)?;
        Step::WhereEqual {
            key: key.trim(),
            value,
        }
    };
    at.iter_mut().for_each(|a| a.route.steps.push(step.clone()));
    Ok(at)
}

/// A step into children of this name; a choice element branches into its types.
fn children(at: &At, name: &str) -> Vec<At> {
    let Some(composite) = at.composite else {
        return Vec::new();
    };
    let plain = composite.field(name).filter(|field| field.type_index.is_none());
    let fields: Vec<_> = match plain {
        Some(field) => vec![field],
        None => match composite.field(&format!("{name}[x]")) {
            Some(choice) => composite
                .fields()
                .iter()
                .filter(|f| f.type_index.is_some() && f.element_index() == choice.element_index())
                .collect(),
            None => Vec::new(),
        },
    };
    let next = |field: &&'static crate::definitions::Field| {
        let mut steps = at.route.steps.clone();
        steps.push(Step::Key(field.key));
        At {
            route: Route {
                steps,
                type_code: field.type_ref().map_or("BackboneElement", |t| t.code),
                code_set: field.element().and_then(|e| e.code_set()),
                is_truth: false,
            },
            composite: field.composite(),
        }
    };
    fields.iter().map(next).collect()
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.steps == other.steps && self.type_code == other.type_code
    }
}

impl Route {
    /// Whether what it finds depends on another element beside it.
    #[cfg(test)]
    pub(super) fn is_conditional(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::WhereEqual { .. }))
    }

    /// Calls `with` for every value found.
    pub(super) fn visit<'a>(&self, from: &'a Json, with: &mut dyn FnMut(&'a Json)) {
        walk(from, &self.steps, with);
    }
}

fn walk<'a>(json: &'a Json, steps: &[Step], with: &mut dyn FnMut(&'a Json)) {
    if let Json::Array(items) = json {
        for item in items {
            walk(item, steps, with);
        }
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        if !json.is_null() {
            with(json);
        }
        return;
    };
    match step {
        Step::Key(key) => {
            if let Some(child) = json.get(key) {
                walk(child, rest, with);
            }
        }
        Step::WhereEqual { key, value } => {
            if json.get(key).and_then(Json::as_str) == Some(value) {
                walk(json, rest, with);
            }
        }
        Step::WhereKind(kind) => {
            if names_kind(json, kind) {
                walk(json, rest, with);
            }
        }
    }
}

/// Whether a Reference names a record of this kind, by its text or else by its `type`.
fn names_kind(json: &Json, kind: &str) -> bool {
    let by_text = json
        .get("reference")
        .and_then(Json::as_str)
        .and_then(reference::kind_of);
    by_text.or_else(|| json.get("type").and_then(Json::as_str)) == Some(kind)
}
