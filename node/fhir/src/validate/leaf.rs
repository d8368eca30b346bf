//! Which invalid leaves stand beside what a record means, so that the rest can be taken (`docs/clinical-rules.md`,
//! CR-120).
//!
//! Invariants: the answer follows from the definitions and from the tables of critical elements alone. Never beside the
//! meaning: a modifier, at whatever depth; an element that is critical or hangs together with critical ones, whom the
//! record is about included; a choice of types, which holds what a record says; labels of confidentiality; a code in a
//! contained resource, which may be what the record is about.

use super::path::Step;
use crate::policy::{critical, groups};

/// How an invalid leaf can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// In its place, as it came.
    AsItCame,
    /// An array without items: it says nothing, wherever it stands.
    EmptyList,
    /// Nothing that a record can hold in its place.
    Empty,
    /// Words that no page may show as they are: the narrative around them goes.
    Narrative,
}

impl Hold {
    pub(super) fn of_primitive(type_code: &str) -> Hold {
        match type_code {
            "xhtml" => Hold::Narrative,
            _ => Hold::AsItCame,
        }
    }
}

/// Where such a leaf is in the JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Members and places in arrays, from the record on.
    pub pointer: Vec<String>,
    /// The record can't hold it where it is: it has to be set aside.
    pub is_aside: bool,
}

/// Where the leaf is, if it stands beside what the record means.
pub(super) fn place(root: &'static str, path: &[Step], hold: Hold) -> Option<Place> {
    if !is_beside(root, path, hold) {
        return None;
    }
    let mut pointer = Vec::new();
    for step in path {
        match step {
            Step::Property(field, _) => pointer.push(field.key.to_owned()),
            Step::Sibling(field, _) => pointer.push(format!("_{}", field.key)),
            Step::Item(at) => pointer.push(at.to_string()),
            Step::Key(_) => return None,
            Step::Into(..) | Step::Named => {}
        }
    }
    if hold == Hold::Narrative {
        pointer.pop();
    }
    // Of these two the store keeps its own.
    let is_own = pointer.len() == 2
        && pointer.first().is_some_and(|name| name == "meta")
        && pointer
            .last()
            .is_some_and(|name| name == "versionId" || name == "lastUpdated");
    (!pointer.is_empty()).then_some(Place {
        pointer,
        is_aside: is_own || hold != Hold::AsItCame,
    })
}

/// What has been passed on the way to a leaf.
struct Way {
    kind: &'static str,
    /// Names of elements from that kind on, dotted.
    at: String,
    is_critical: bool,
    is_contained: bool,
    /// The type of the last element.
    of: &'static str,
    is_named: bool,
    /// Within a number that alone says what a reference refers to.
    is_number: bool,
}

fn is_beside(root: &'static str, path: &[Step], hold: Hold) -> bool {
    let mut way = Way {
        kind: root,
        at: String::new(),
        is_critical: false,
        is_contained: false,
        of: "",
        is_named: false,
        is_number: false,
    };
    for step in path {
        match step {
            Step::Into(kind, is_contained) => {
                way.kind = kind;
                way.at.clear();
                way.is_contained |= is_contained;
            }
            Step::Named => way.is_named = true,
            Step::Property(field, element) | Step::Sibling(field, element) => {
                if element.is_modifier {
                    return false;
                }
                if element.name == "extension" {
                    return true;
                }
                way.pass(element.name, element.is_choice());
                way.of = field.type_ref().map_or("", |t| t.code);
                way.is_named = false;
                if way.is_contained && matches!(way.of, "CodeableConcept" | "Coding") {
                    way.is_critical = true;
                }
            }
            Step::Key(_) | Step::Item(_) => {}
        }
    }
    hold == Hold::EmptyList || !way.is_critical
}

impl Way {
    fn pass(&mut self, name: &str, is_choice: bool) {
        let is_first = self.at.is_empty();
        if !is_first {
            self.at.push('.');
        }
        self.at.push_str(name);
        let is_aside = match self.of {
            "Reference" => name == "display" || (self.is_named && name != "reference"),
            // The number stays as it came, and with it whose it is.
            "Identifier" => !self.is_number && matches!(name, "system" | "assigner" | "type"),
            "Coding" => name == "display",
            _ => false,
        };
        if is_aside {
            self.is_critical = false;
            // What is in there is no element of the record's kind any more.
            self.kind = "";
            return;
        }
        self.is_number |= self.of == "Reference" && name == "identifier";
        let is_label = self.at == "meta.security";
        let in_group = is_first
            && groups(self.kind)
                .iter()
                .any(|group| group.members.contains(&name));
        self.is_critical |= is_choice || is_label || in_group || critical(self.kind, &self.at).is_some();
    }
}
