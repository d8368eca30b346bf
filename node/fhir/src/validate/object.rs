//! Walks a resource beside its definition.

use std::collections::BTreeSet;

use chaski_json::{Json, Object};

use crate::definitions::{Composite, Element, Field, TypeKind, definitions};
use crate::reference::{self, Reference};

use super::issue::{DEPTH_MAX, ISSUES_MAX, Issue, Severity};
use super::leaf::{self, Hold};
use super::path::{Step, expression, stem};
use super::primitive;

/// An issue and, of a leaf beside what a record means, how it can be carried.
pub(super) struct Found {
    pub(super) issue: Issue,
    pub(super) leaf: Option<leaf::Place>,
}

/// Where a resource stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the whole record.
    Root,
    /// It stands in another's `contained`.
    Contained,
    /// In an entry of a Bundle or a parameter.
    Entry,
}

/// Collects issues along a path.
#[derive(Default)]
pub(super) struct Checker<'a> {
    found: Vec<Found>,
    root: &'static str,
    path: Vec<Step>,
    depth: usize,
    /// Ids of the contained resources of the resource at hand.
    contained: BTreeSet<&'a str>,
}

impl<'a> Checker<'a> {
    pub(super) fn into_found(self) -> Vec<Found> {
        self.found
    }

    fn issue(
        &mut self,
        severity: Severity,
        code: &'static str,
        diagnostics: impl Into<String>,
        hold: Option<Hold>,
    ) {
        if self.found.len() < ISSUES_MAX {
            let issue = Issue {
                severity,
                code,
                expression: expression(self.root, &self.path),
                diagnostics: diagnostics.into(),
            };
            let leaf = hold.and_then(|hold| leaf::place(self.root, &self.path, hold));
            self.found.push(Found { issue, leaf });
        }
    }

    fn error(&mut self, code: &'static str, diagnostics: impl Into<String>) {
        self.issue(Severity::Error, code, diagnostics, None);
    }

    /// An error in a leaf: beside what the record means, the rest of it can be taken without it.
    fn leaf_error(&mut self, code: &'static str, diagnostics: impl Into<String>, hold: Hold) {
        self.issue(Severity::Error, code, diagnostics, Some(hold));
    }

    /// Runs `inside` with more of the path.
    fn at(&mut self, step: Step, inside: impl FnOnce(&mut Self)) {
        self.path.push(step);
        inside(self);
        self.path.pop();
    }

    pub(super) fn resource(&mut self, json: &'a Json, place: Place) {
        let Some(object) = json.as_object() else {
            return self.error("structure", "a resource must be a JSON object");
        };
        let Some(kind) = object.get("resourceType").and_then(Json::as_str) else {
            return self.error("structure", "resourceType is missing");
        };
        let Some(composite) = definitions().resource(kind) else {
            return self.error("not-supported", "resourceType is not one of FHIR R4");
        };
        let name = definitions().type_of(kind).map_or("", |t| t.name);
        if place == Place::Root {
            self.root = name;
            return self.inside(object, composite, place);
        }
        self.at(Step::Into(name, place == Place::Contained), |c| {
            c.inside(object, composite, place);
        });
    }

    fn inside(&mut self, object: &'a Object, composite: &'static Composite, place: Place) {
        if place == Place::Contained {
            if object.contains_key("contained") {
                self.error("invariant", "a contained resource must not contain others");
            }
            if !object.contains_key("id") {
                self.error("required", "a contained resource must have an id");
            }
            return self.object(object, composite, true);
        }
        let ids = object
            .get("contained")
            .and_then(Json::as_array)
            .into_iter()
            .flatten();
        let own = ids
            .filter_map(|one| one.get("id"))
            .filter_map(Json::as_str)
            .collect();
        let outer = std::mem::replace(&mut self.contained, own);
        self.object(object, composite, true);
        self.contained = outer;
    }

    fn object(&mut self, object: &'a Object, composite: &'static Composite, is_resource: bool) {
        if self.depth >= DEPTH_MAX {
            return self.error("too-long", "nested too deeply");
        }
        self.depth += 1;
        if object.is_empty() {
            self.leaf_error("structure", "an object must not be empty", Hold::Empty);
        }
        let mut choices: BTreeSet<usize> = BTreeSet::new();
        for (key, value) in object {
            if is_resource && key == "resourceType" {
                continue;
            }
            let name = key.strip_prefix('_').unwrap_or(key);
            let Some(field) = composite.field(name).filter(|field| !field.key.ends_with("[x]")) else {
                self.unknown(key);
                continue;
            };
            let Some(element) = field.element() else { continue };
            if name == key {
                self.property(object, field, element, value);
            } else {
                self.sibling(object, field, element, value);
            }
            let first_of_choice = name == key || !object.contains_key(name);
            if element.is_choice() && first_of_choice && !choices.insert(field.element_index()) {
                self.at(Step::Key(stem(element)), |c| {
                    c.error("structure", "only one type of a choice may be given");
                });
            }
        }
        self.required(object, composite);
        self.depth -= 1;
    }

    fn unknown(&mut self, key: &str) {
        let shown: String = key.chars().take(64).collect();
        self.error("structure", format!("unknown element '{shown}'"));
    }

    fn required(&mut self, object: &Object, composite: &'static Composite) {
        let has_sibling = |key: &str| object.keys().any(|own| own.strip_prefix('_') == Some(key));
        let is_there = |key: &str| object.contains_key(key) || has_sibling(key);
        for element in composite.elements().filter(|element| element.min > 0) {
            let found = if element.is_choice() {
                composite.fields().iter().any(|field| {
                    field.element().is_some_and(|own| std::ptr::eq(own, element)) && is_there(field.key)
                })
            } else {
                is_there(element.name)
            };
            if !found {
                self.at(Step::Key(stem(element)), |c| {
                    c.error("required", format!("element '{}' is required", element.name));
                });
            }
        }
    }

    fn property(
        &mut self,
        object: &'a Object,
        field: &'static Field,
        element: &'static Element,
        value: &'a Json,
    ) {
        self.at(Step::Property(field, element), |c| {
            match (element.is_list(), value) {
                (true, Json::Array(items)) => {
                    if items.is_empty() {
                        c.leaf_error("structure", "an array must not be empty", Hold::EmptyList);
                    }
                    if element.max != u16::MAX && items.len() > usize::from(element.max) {
                        c.error("structure", format!("at most {} may be given", element.max));
                    }
                    let siblings = sibling_items(object, field.key);
                    for (at, item) in items.iter().enumerate() {
                        let has_sibling = siblings.and_then(|s| s.get(at)).is_some_and(|s| !s.is_null());
                        c.at(Step::Item(at), |c| {
                            if siblings.is_some() && item.is_null() && !has_sibling {
                                // Taken out, it would put the values and what stands beside them apart.
                                c.error("structure", "null is not allowed here");
                            } else if !(item.is_null() && has_sibling) {
                                c.value(field, element, item);
                            }
                        });
                    }
                }
                (true, _) => c.error("structure", "must be an array: the element may repeat"),
                (false, Json::Array(_)) => {
                    c.error("structure", "must not be an array: the element does not repeat")
                }
                (false, value) => c.value(field, element, value),
            }
        });
    }

    fn value(&mut self, field: &'static Field, element: &'static Element, value: &'a Json) {
        if value.is_null() {
            return self.leaf_error("structure", "null is not allowed here", Hold::Empty);
        }
        let type_code = field.type_ref().map_or("BackboneElement", |t| t.code);
        let kind = definitions()
            .type_of(type_code)
            .map_or(TypeKind::Datatype, |t| t.kind);
        match kind {
            TypeKind::Primitive => {
                if let Err(reason) = primitive::check(type_code, value) {
                    let hold = Hold::of_primitive(type_code);
                    self.leaf_error("value", format!("{reason} ({type_code})"), hold);
                } else if let (Some(set), Some(code)) = (element.code_set(), value.as_str())
                    && !set.has_code(code)
                {
                    let text = format!("'{}' must be one of the codes of its value set", element.name);
                    self.leaf_error("code-invalid", text, Hold::AsItCame);
                } else if let Some(reason) = value.as_str().and_then(|text| primitive::doubt(type_code, text))
                {
                    self.issue(Severity::Warning, "value", reason, None);
                }
            }
            TypeKind::Resource => {
                let place = if element.name == "contained" {
                    Place::Contained
                } else {
                    Place::Entry
                };
                self.resource(value, place);
            }
            TypeKind::Datatype => {
                let (Some(object), Some(composite)) = (value.as_object(), field.composite()) else {
                    return self.error("structure", format!("must be an object ({type_code})"));
                };
                if type_code == "Reference" && names_somebody(object) {
                    self.at(Step::Named, |c| c.object(object, composite, false));
                } else {
                    self.object(object, composite, false);
                }
                self.datatype(type_code, object, field, element);
            }
        }
    }

    /// What a datatype asks beyond its elements.
    fn datatype(
        &mut self,
        type_code: &str,
        object: &'a Object,
        field: &'static Field,
        element: &'static Element,
    ) {
        match type_code {
            "Reference" => self.reference(object, field),
            "Extension" => {
                let has_value = object
                    .keys()
                    .any(|key| key.trim_start_matches('_').starts_with("value"));
                if has_value == object.contains_key("extension") {
                    let text = "an extension has either a value or extensions";
                    self.leaf_error("invariant", text, Hold::AsItCame);
                }
            }
            "CodeableConcept" | "Coding" => self.coded(type_code, object, element),
            _ => {}
        }
    }

    fn coded(&mut self, type_code: &str, object: &Object, element: &'static Element) {
        let Some(set) = element.code_set() else { return };
        let coding = |fields: &Object| {
            let text = |key| fields.get(key).and_then(Json::as_str);
            text("code")
                .map(|code| text("system").map_or_else(|| set.has_code(code), |s| set.has_coding(s, code)))
        };
        let found: Vec<bool> = if type_code == "Coding" {
            coding(object).into_iter().collect()
        } else {
            let items = object
                .get("coding")
                .and_then(Json::as_array)
                .into_iter()
                .flatten();
            items.filter_map(Json::as_object).filter_map(coding).collect()
        };
        if !found.is_empty() && !found.contains(&true) {
            let text = format!("no code of '{}' is of its required value set", element.name);
            self.leaf_error("code-invalid", text, Hold::AsItCame);
        }
    }

    fn reference(&mut self, object: &'a Object, field: &'static Field) {
        let Some(text) = object.get("reference").and_then(Json::as_str) else {
            return;
        };
        let kind = match reference::parse(text, &[]) {
            Reference::Fragment(id) => {
                if !id.is_empty() && !self.contained.contains(id) {
                    let text = "the contained resource referred to is not there";
                    self.leaf_error("not-found", text, Hold::AsItCame);
                }
                return;
            }
            Reference::Other(uri) if has_scheme(uri) => return,
            Reference::Other(_) => {
                let text = "not a reference: Type/id, a URL, urn: or #id";
                return self.leaf_error("value", text, Hold::AsItCame);
            }
            Reference::Local { kind, .. } | Reference::Conditional { kind, .. } => {
                if definitions().resource(kind).is_none() {
                    let text = "the reference names a resource type that FHIR R4 does not have";
                    return self.leaf_error("value", text, Hold::AsItCame);
                }
                kind
            }
            Reference::Foreign(_) | Reference::Urn(_) => return,
        };
        let targets = field.type_ref().map_or(&[][..], |t| t.targets.as_slice());
        if !targets.is_empty() && !targets.contains(&kind) {
            // Official examples do it too: named, not refused.
            self.issue(
                Severity::Warning,
                "structure",
                format!("is not meant to refer to a {kind}"),
                None,
            );
        }
    }

    /// The `_name` beside a primitive: an object or, for lists, an array as long as the values.
    fn sibling(
        &mut self,
        object: &'a Object,
        field: &'static Field,
        element: &'static Element,
        value: &'a Json,
    ) {
        let type_code = field.type_ref().map_or("", |t| t.code);
        let is_primitive = definitions()
            .type_of(type_code)
            .is_some_and(|t| t.kind == TypeKind::Primitive);
        let elements = definitions()
            .type_of("Element")
            .and_then(|t| definitions().composite(t.composite));
        let Some(elements) = elements.filter(|_| is_primitive) else {
            return self.unknown(&format!("_{}", field.key));
        };
        self.at(Step::Sibling(field, element), |c| {
            match (element.is_list(), value) {
                (true, Json::Array(items)) => {
                    let values = object.get(field.key).and_then(Json::as_array);
                    if values.is_some_and(|values| values.len() != items.len()) {
                        c.error(
                            "structure",
                            format!("'_{}' must be as long as '{}'", field.key, field.key),
                        );
                    }
                    for (at, item) in items.iter().enumerate() {
                        let has_value = values.and_then(|v| v.get(at)).is_some_and(|v| !v.is_null());
                        c.at(Step::Item(at), |c| match item {
                            Json::Object(item) => c.object(item, elements, false),
                            Json::Null if has_value => {}
                            _ => c.error("structure", "must have a value, an id or an extension"),
                        });
                    }
                }
                (false, Json::Object(item)) => c.object(item, elements, false),
                _ => c.error("structure", format!("'_{}' has the wrong shape", field.key)),
            }
        });
    }
}

/// Whether a Reference names by itself what it refers to, whatever stands beside its `reference`.
fn names_somebody(object: &Object) -> bool {
    object
        .get("reference")
        .and_then(Json::as_str)
        .is_some_and(|text| !text.is_empty() && !matches!(reference::parse(text, &[]), Reference::Other(_)))
}

/// Whether it is a URI of some scheme (`resource:0` of health cards).
fn has_scheme(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    text.split_once(':')
        .is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

fn sibling_items<'a>(object: &'a Object, key: &str) -> Option<&'a Vec<Json>> {
    object.get(&format!("_{key}")).and_then(Json::as_array)
}
