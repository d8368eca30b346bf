//! The published R4 definitions: types, elements, code sets.
//!
//! The table is text, embedded and read once into sorted arrays; `generate/README.md` says where
//! it comes from. Inherited elements are resolved here, so a [`Composite`] lists all that may
//! stand in an object. Search parameters and the compartment read their own lines.
//! Deliberately absent: invariants, profiles, terminology beyond required code lists.

mod load;
mod model;

use std::sync::OnceLock;

pub use model::{CodeSet, Composite, CompositeId, Definitions, Element, Field, TypeDef, TypeKind, TypeRef};

/// The embedded table.
pub(crate) const TABLE: &str = include_str!("definitions/r4.tsv");

impl Element {
    /// Codes allowed by a required binding, where they can be listed.
    pub fn code_set(&self) -> Option<&'static CodeSet> {
        definitions().code_sets.get(usize::from(self.code_set?))
    }
}

impl Field {
    /// The definition of the element that this key holds.
    pub fn element(&self) -> Option<&'static Element> {
        definitions().elements.get(self.element as usize)
    }

    /// The type this key means: that of a choice key, or the only one.
    pub fn type_ref(&self) -> Option<&'static TypeRef> {
        let element = self.element()?;
        match self.type_index {
            Some(at) => element.types.get(usize::from(at)),
            None => element.types.first(),
        }
    }

    /// The children of the object under this key.
    pub fn composite(&self) -> Option<&'static Composite> {
        let definitions = definitions();
        if let Some(id) = self.element()?.backbone {
            return definitions.composite(id);
        }
        let found = self.type_ref()?;
        if found.kind == TypeKind::Primitive {
            None
        } else {
            definitions.composite(found.composite)
        }
    }
}

impl Composite {
    /// All elements, in the order of the definition.
    pub fn elements(&self) -> impl Iterator<Item = &'static Element> + '_ {
        self.elements
            .iter()
            .filter_map(|at| definitions().elements.get(*at as usize))
    }
}

impl Definitions {
    /// The field at a dotted path of a resource (`contact.name.given`); choices by name or key.
    pub fn field_at(&self, kind: &str, path: &str) -> Option<&Field> {
        let mut composite = Some(self.resource(kind)?);
        let mut found = None;
        for step in path.split('.') {
            let field = composite?.field(step)?;
            composite = field.composite();
            found = Some(field);
        }
        found
    }
}

/// The definitions, read on first use.
pub fn definitions() -> &'static Definitions {
    static LOADED: OnceLock<Definitions> = OnceLock::new();
    LOADED.get_or_init(|| load::load(TABLE))
}

/// All resource types of R4 that have instances, sorted.
pub fn resource_kinds() -> &'static [&'static str] {
    static KINDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let all = definitions();
        all.types
            .iter()
            .map(|t| t.name)
            .filter(|name| all.resource(name).is_some())
            .collect()
    })
}

/// Whether `kind` is a resource type of R4.
pub fn is_resource_kind(kind: &str) -> bool {
    definitions().resource(kind).is_some()
}

#[cfg(test)]
mod tests;
