//! What the definitions are made of.

/// What R4 defines: its types, their elements and the codes that these may hold.
#[derive(Debug, Default)]
pub struct Definitions {
    pub(super) types: Vec<TypeDef>,
    pub(super) composites: Vec<Composite>,
    pub(super) elements: Vec<Element>,
    pub(super) code_sets: Vec<CodeSet>,
}

/// What a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    /// A primitive (`date`).
    Primitive,
    /// A datatype with elements (`HumanName`).
    Datatype,
    /// A resource (`Patient`).
    Resource,
}

/// A type of FHIR.
#[derive(Debug)]
pub struct TypeDef {
    /// The type's name.
    pub name: &'static str,
    /// What it is.
    pub kind: TypeKind,
    /// Whether it has no instances of its own (`DomainResource`).
    pub is_abstract: bool,
    /// The type it specialises; empty for `Element` and `Resource`.
    pub base: &'static str,
    /// The elements that stand directly in it.
    pub composite: CompositeId,
}

/// Number of a [`Composite`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CompositeId(pub(super) u32);

/// What may stand in one JSON object: a type's root or a backbone.
#[derive(Debug, Default)]
pub struct Composite {
    pub(super) fields: Vec<Field>,
    pub(super) elements: Vec<u32>,
}

/// One JSON key of an object.
#[derive(Debug)]
pub struct Field {
    /// The key; a choice element has one for each type (`valueQuantity`) and one for its name
    /// (`value[x]`), which is no JSON key.
    pub key: &'static str,
    pub(super) element: u32,
    /// Index into [`Element::types`] of the type this key means; `None` for `value[x]` itself.
    pub type_index: Option<u16>,
}

/// An element of a type.
#[derive(Debug)]
pub struct Element {
    /// Path within the type that defines it, dotted (`contact.name`).
    pub path: &'static str,
    /// Last step of the path; ends in `[x]` for a choice.
    pub name: &'static str,
    /// How often it must be there at least.
    pub min: u16,
    /// Greatest number; `u16::MAX` for any.
    pub max: u16,
    /// Whether it changes the meaning of others.
    pub is_modifier: bool,
    /// Whether it belongs to the summary.
    pub is_summary: bool,
    /// Types it may have. A content reference has none.
    pub types: Vec<TypeRef>,
    /// Its children if it is a backbone or refers to one.
    pub backbone: Option<CompositeId>,
    pub(super) code_set: Option<u16>,
}

/// A type an element may have.
#[derive(Debug)]
pub struct TypeRef {
    /// The type's name.
    pub code: &'static str,
    /// For references: resource types it may name; empty for any.
    pub targets: Vec<&'static str>,
    /// What the type is.
    pub kind: TypeKind,
    pub(super) composite: CompositeId,
}

/// Codes that a required binding allows.
#[derive(Debug)]
pub struct CodeSet {
    /// System and its codes, sorted.
    pub systems: Vec<(&'static str, Vec<&'static str>)>,
}

impl CodeSet {
    /// Whether the code is one of any system.
    pub fn has_code(&self, code: &str) -> bool {
        self.systems
            .iter()
            .any(|(_, codes)| codes.binary_search(&code).is_ok())
    }

    /// Whether the code is one of this system.
    pub fn has_coding(&self, system: &str, code: &str) -> bool {
        self.systems
            .iter()
            .any(|(own, codes)| *own == system && codes.binary_search(&code).is_ok())
    }

    /// The system of a code.
    pub fn system_of(&self, code: &str) -> Option<&'static str> {
        self.systems
            .iter()
            .find(|(_, codes)| codes.binary_search(&code).is_ok())
            .map(|(system, _)| *system)
    }
}

impl Element {
    /// Whether it may repeat (JSON writes it as an array).
    pub fn is_list(&self) -> bool {
        self.max > 1
    }

    /// Whether it is a choice of types.
    pub fn is_choice(&self) -> bool {
        self.name.ends_with("[x]")
    }
}

impl Field {
    /// Its number, into [`Definitions::elements`].
    pub(crate) fn element_index(&self) -> usize {
        self.element as usize
    }
}

impl Composite {
    /// The field of a key.
    pub fn field(&self, key: &str) -> Option<&Field> {
        let at = self.fields.binary_search_by(|field| field.key.cmp(key)).ok()?;
        self.fields.get(at)
    }

    /// All fields, sorted by key.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl Definitions {
    /// A type by name.
    pub fn type_of(&self, name: &str) -> Option<&TypeDef> {
        let at = self.types.binary_search_by(|t| t.name.cmp(name)).ok()?;
        self.types.get(at)
    }

    /// All types, sorted by name.
    pub fn types(&self) -> &[TypeDef] {
        &self.types
    }

    /// The elements of an object.
    pub fn composite(&self, id: CompositeId) -> Option<&Composite> {
        self.composites.get(id.0 as usize)
    }

    /// The root elements of a resource type that has instances.
    pub fn resource(&self, kind: &str) -> Option<&Composite> {
        let found = self.type_of(kind)?;
        let real = found.kind == TypeKind::Resource && !found.is_abstract;
        if real {
            self.composite(found.composite)
        } else {
            None
        }
    }

    /// All elements, by number.
    pub(crate) fn elements(&self) -> &[Element] {
        &self.elements
    }
}
