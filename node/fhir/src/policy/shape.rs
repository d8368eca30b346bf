//! Shapes of elements, derived from the definitions.

use crate::definitions::{Composite, Field, definitions};

/// How an element is stored and merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One register holding the whole element.
    Register,
    /// A repeating element, one register each, aligned by these identity fields.
    List {
        /// Paths inside the element, dotted; a list on the way means its first item. An element
        /// that has none of them has no identity.
        identity: &'static [&'static str],
    },
    /// A single backbone element: a marker with children.
    Backbone,
    /// A repeating backbone element: markers with children.
    BackboneList {
        /// As for [`Shape::List`].
        identity: &'static [&'static str],
    },
    /// An add-wins set.
    Set,
    /// A plain object whose children are addressed, without a marker (only `meta`).
    Group,
    /// Not stored (`meta.versionId`, `meta.lastUpdated`).
    Ignore,
}

/// The shape of the element at `path` of a record of this kind. Unknown kinds and elements are
/// registers (an unknown array is for the caller to treat as a list without identity).
pub fn element(kind: &str, path: &str) -> Shape {
    if let Some(shape) = meta(path) {
        return shape;
    }
    let Some(field) = definitions().field_at(kind, path) else {
        return Shape::Register;
    };
    let Some(element) = field.element() else {
        return Shape::Register;
    };
    match (element.backbone, element.is_list()) {
        (Some(_), true) => Shape::BackboneList {
            identity: field.composite().map_or(&[], backbone_identity),
        },
        (Some(_), false) => Shape::Backbone,
        (None, true) => Shape::List {
            identity: field.type_ref().map_or(&[], |t| datatype_identity(t.code)),
        },
        (None, false) => Shape::Register,
    }
}

/// `meta` is addressed by its children: sets that only grow, and what is never stored.
fn meta(path: &str) -> Option<Shape> {
    Some(match path {
        "meta" => Shape::Group,
        "meta.profile" | "meta.tag" | "meta.security" => Shape::Set,
        "meta.versionId" | "meta.lastUpdated" => Shape::Ignore,
        "meta.extension" => Shape::List { identity: &["url"] },
        _ => return None,
    })
}

/// For the JSON key of a choice element: the element's name (`value[x]`) and the type as the
/// key spells it (`Quantity`). `parent` is the dotted path of the object the key stands in,
/// empty for the record itself.
pub fn choice_base(kind: &str, parent: &str, key: &str) -> Option<(&'static str, &'static str)> {
    let definitions = definitions();
    let composite = if parent.is_empty() {
        definitions.resource(kind)?
    } else {
        definitions.field_at(kind, parent).and_then(Field::composite)?
    };
    let field = composite.field(key)?;
    field.type_index?;
    let name = field.element()?.name;
    let stem = name.strip_suffix("[x]")?;
    Some((name, field.key.get(stem.len()..)?))
}

/// What makes two elements of a repeating datatype the same one, edited.
fn datatype_identity(code: &str) -> &'static [&'static str] {
    match code {
        "ContactPoint" | "Identifier" => &["system", "value"],
        "Coding" => &["system", "code"],
        "CodeableConcept" => &["coding.system", "coding.code"],
        "Reference" => &["reference", "identifier.system", "identifier.value"],
        "Extension" => &["url"],
        "HumanName" => &["use"],
        "Address" => &["use", "type"],
        "Dosage" => &["sequence", "timing.code.text", "route.coding.code"],
        "Annotation" => &["time"],
        "Attachment" => &["url"],
        "Period" => &["start"],
        "Quantity" | "Money" => &["system", "code", "currency"],
        "RelatedArtifact" => &["type", "url", "resource"],
        "ContactDetail" | "Contributor" => &["name"],
        "UsageContext" => &["code.system", "code.code"],
        "Signature" => &["who.reference"],
        "TriggerDefinition" | "ParameterDefinition" | "Expression" => &["name"],
        "Resource" => &["resourceType", "id"],
        _ => &[],
    }
}

/// Child elements that identify a backbone element, the first that it has being taken.
const BACKBONE_IDENTITY: &[(&str, &[&str])] = &[
    ("linkId", &["linkId"]),
    ("sequence", &["sequence"]),
    ("fullUrl", &["fullUrl"]),
    ("uid", &["uid"]),
    ("url", &["url"]),
    ("identifier", &["identifier.system", "identifier.value"]),
    (
        "individual",
        &["individual.reference", "individual.identifier.value"],
    ),
    ("actor", &["actor.reference", "actor.identifier.value"]),
    ("member", &["member.reference", "member.identifier.value"]),
    ("practitioner", &["practitioner.reference"]),
    ("other", &["other.reference", "other.identifier.value"]),
    ("who", &["who.reference", "who.identifier.value"]),
    ("what", &["what.reference", "what.identifier.value"]),
    ("provider", &["provider.reference"]),
    ("party", &["party.reference"]),
    ("location", &["location.reference"]),
    ("target", &["target.reference"]),
    ("entity", &["entity.reference"]),
    ("reference", &["reference.reference"]),
    ("code", &["code.coding.system", "code.coding.code"]),
    ("status", &["status", "period.start"]),
    ("language", &["language.coding.system", "language.coding.code"]),
    (
        "relationship",
        &["relationship.coding.system", "relationship.coding.code"],
    ),
    ("type", &["type.coding.system", "type.coding.code"]),
    ("role", &["role.coding.system", "role.coding.code"]),
    ("name", &["name"]),
    ("period", &["period.start"]),
];

fn backbone_identity(composite: &Composite) -> &'static [&'static str] {
    BACKBONE_IDENTITY
        .iter()
        .find(|(child, _)| composite.field(child).is_some())
        .map_or(&[], |(_, identity)| identity)
}
