//! Registers to JSON: a value and what could not be read, never a refusal.
//!
//! Invariant: what [`crate::encode`] wrote comes back equal. A register that
//! cannot be read is left out and named in the issues; it is never dropped
//! from the document.

use crate::encode::Encoder;
use crate::key::{choice_stem, unescape};
use crate::policy::Shape;
use crate::tree::{Node, Scalar};
use chaski_json::{Json, Object};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Something in a record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The register's key, or its element path.
    pub register: String,
    /// What is wrong with it.
    pub kind: IssueKind,
}

/// What is wrong with a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueKind {
    /// Its key or value is not of a form this version knows.
    Malformed,
    /// Its text is not what the encoding says.
    Text,
    /// The record has no marker: nobody has said that it exists.
    Unmarked,
}

/// A register's text taken apart.
pub(crate) struct Parts {
    /// The type of a choice.
    pub(crate) suffix: Option<String>,
    pub(crate) value: Option<Json>,
    pub(crate) sibling: Option<Json>,
}

/// How deep a record's JSON may be, in levels, as [`chaski_json`] reads by default.
const DEPTH_MAX: usize = 100;

/// Takes a register's text apart; `choice` if its key holds a choice.
pub(crate) fn parts(text: &str, choice: bool) -> Option<Parts> {
    parts_within(text, choice, DEPTH_MAX)
}

/// Whether a register's text is this type or id.
pub(crate) fn is_text_of(text: &str, expected: &str) -> bool {
    // Neither types nor ids hold anything that JSON escapes.
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) == Some(expected);
    bare || parts(text, false)
        .and_then(|parts| parts.value)
        .as_ref()
        .and_then(Json::as_str)
        == Some(expected)
}

fn parts_within(text: &str, choice: bool, depth_max: usize) -> Option<Parts> {
    let parse = |text: &str, depth_max: usize| {
        let limits = chaski_json::Limits {
            depth_max,
            ..chaski_json::Limits::default()
        };
        chaski_json::parse(text.as_bytes(), &limits).ok()
    };
    let (suffix, text) = if choice {
        let (suffix, text) = text.split_once('=')?;
        (Some(suffix.to_owned()), text)
    } else {
        (None, text)
    };
    let Some(pair) = text.strip_prefix('_') else {
        return Some(Parts {
            suffix,
            value: Some(parse(text, depth_max)?),
            sibling: None,
        });
    };
    let Json::Array(pair) = parse(pair, depth_max.saturating_add(1))? else {
        return None;
    };
    let [value, sibling] = <[Json; 2]>::try_from(pair).ok()?;
    Some(Parts {
        suffix,
        value: (!value.is_null()).then_some(value),
        sibling: Some(sibling),
    })
}

/// The name in JSON of a field segment, given its choice's type.
pub(crate) fn json_name(segment: &str, suffix: Option<&str>) -> Option<String> {
    let stem = choice_stem(segment).unwrap_or(segment);
    let mut name = unescape(stem)?.into_owned();
    name.push_str(suffix.unwrap_or_default());
    Some(name)
}

impl Parts {
    /// Adds the register's keys to an object.
    pub(crate) fn put_into(self, segment: &str, object: &mut Object) -> Option<()> {
        let name = json_name(segment, self.suffix.as_deref())?;
        if let Some(sibling) = self.sibling {
            object.insert(format!("_{name}"), sibling);
        }
        if let Some(value) = self.value {
            object.insert(name, value);
        }
        Some(())
    }

    /// The register alone: its bare value, or, where a choice's type or a
    /// sibling belongs to it, an object with its keys.
    pub(crate) fn into_json(self, segment: &str) -> Option<Json> {
        match self {
            Parts {
                suffix: None,
                value: Some(value),
                sibling: None,
            } => Some(value),
            parts => {
                let mut object = Object::new();
                parts.put_into(segment, &mut object)?;
                Some(Json::Object(object))
            }
        }
    }
}

/// Reads trees by a policy; collects what cannot be read.
pub(crate) struct Decoder<'a> {
    pub(crate) encoder: Encoder<'a>,
    pub(crate) issues: Vec<Issue>,
    /// Levels around what is being read: what is merged must not nest deeper
    /// than what may be written.
    depth: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(encoder: Encoder<'a>) -> Decoder<'a> {
        Decoder {
            encoder,
            issues: Vec::new(),
            depth: 0,
        }
    }

    /// For fields that are put into a record's own object.
    pub(crate) fn within_record(self) -> Decoder<'a> {
        Decoder { depth: 1, ..self }
    }

    /// The object made of these fields.
    pub(crate) fn object(&mut self, path: &str, fields: &BTreeMap<String, Node>) -> Object {
        let mut object = Object::new();
        self.depth += 1;
        for (segment, node) in fields {
            self.field(path, segment, node, &mut object);
        }
        self.depth -= 1;
        object
    }

    /// Adds one field's keys to `object`, if anything of it is alive.
    pub(crate) fn field(&mut self, path: &str, segment: &str, node: &Node, object: &mut Object) {
        if !node.elements.is_empty() && node.elements.values().any(Node::is_live) {
            self.list(path, segment, node, object);
            return;
        }
        if self.is_too_deep() && node.is_live() {
            self.issue(path, segment, IssueKind::Malformed);
            return;
        }
        match node.shown() {
            Some(Scalar::Text(text)) => {
                let choice = choice_stem(segment).is_some();
                if self
                    .parts(text, choice)
                    .and_then(|parts| parts.put_into(segment, object))
                    .is_none()
                {
                    self.issue(path, segment, IssueKind::Text);
                }
            }
            Some(Scalar::Live(_) | Scalar::Disputed(..)) => {
                if let Some(name) = json_name(segment, None) {
                    let children = self.object(&child_path(path, &name), &node.fields);
                    object.insert(name, Json::Object(children));
                }
            }
            None if !node.fields.is_empty() => {
                if let Some(name) = json_name(segment, None) {
                    let children = self.object(&child_path(path, &name), &node.fields);
                    if !children.is_empty() {
                        object.insert(name, Json::Object(children));
                    }
                }
            }
            _ => {}
        }
    }

    fn list(&mut self, path: &str, segment: &str, node: &Node, object: &mut Object) {
        let Some(name) = json_name(segment, None) else {
            self.issue(path, segment, IssueKind::Malformed);
            return;
        };
        let path = child_path(path, &name);
        let set = self.encoder.policy.element(self.encoder.kind, &path) == Shape::Set;
        let mut seen = BTreeSet::new();
        let (mut values, mut siblings) = (Vec::new(), Vec::new());
        self.depth += 1;
        let too_deep = self.is_too_deep();
        for (id, element) in &node.elements {
            // Two sites may add one member of a set at different places.
            if !element.is_live() || set && !seen.insert((&id.hash, id.ordinal)) {
                continue;
            }
            match self.element(&path, element).filter(|_| !too_deep) {
                Some((value, sibling)) => {
                    values.push(value.unwrap_or(Json::Null));
                    siblings.push(sibling.unwrap_or(Json::Null));
                }
                None => self.issue(&path, &id.to_string(), IssueKind::Text),
            }
        }
        self.depth -= 1;
        if siblings.iter().any(|sibling| !sibling.is_null()) {
            object.insert(format!("_{name}"), Json::Array(siblings));
            if values.iter().all(Json::is_null) {
                return;
            }
        }
        if !values.is_empty() {
            object.insert(name, Json::Array(values));
        }
    }

    /// One list element: its value and its sibling.
    pub(crate) fn element(&mut self, path: &str, node: &Node) -> Option<(Option<Json>, Option<Json>)> {
        match node.shown()? {
            Scalar::Text(text) => self.parts(text, false).map(|parts| (parts.value, parts.sibling)),
            Scalar::Live(_) | Scalar::Disputed(..) => {
                Some((Some(Json::Object(self.object(path, &node.fields))), None))
            }
            _ => None,
        }
    }

    /// Whether nothing may stand here any more: markers nest without a text too.
    fn is_too_deep(&self) -> bool {
        self.depth > DEPTH_MAX
    }

    fn parts(&self, text: &str, choice: bool) -> Option<Parts> {
        parts_within(text, choice, DEPTH_MAX.checked_sub(self.depth)?)
    }

    fn issue(&mut self, path: &str, segment: &str, kind: IssueKind) {
        self.issues.push(Issue {
            register: child_path(path, segment).into_owned(),
            kind,
        });
    }
}

/// The element path of a child.
pub(crate) fn child_path<'a>(path: &str, name: &'a str) -> Cow<'a, str> {
    if path.is_empty() {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("{path}.{name}"))
    }
}
