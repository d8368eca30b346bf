//! What a record type is made of, as data handed in by whoever knows FHIR.
//!
//! Invariants:
//! - the table is frozen with the record format: a path's shape decides under
//!   which registers it is written, on every node and for ever;
//! - a path is field names joined by dots, without the type in front and
//!   without list elements: `contact.name`, `component.value[x]`;
//! - unknown types and elements follow one fixed rule: an array is a list
//!   whose elements have no identity fields, anything else is one register.

/// The identity of a list's elements: paths inside an element (dotted, of a list
/// on the way its first item) that, taken together, say that two elements are
/// the same thing. An element that has none of them has no identity.
pub type Identity = &'static [&'static str];

/// How an element is kept in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One register with the whole value. An array that is found where a
    /// register is expected becomes a list without identity.
    Register,
    /// A register for each element.
    List {
        /// Fields that identify an element across edits, taken together.
        identity: Identity,
    },
    /// A marker with its children in registers of their own.
    Backbone,
    /// A marker for each element, children in registers of their own.
    BackboneList {
        /// As for [`Shape::List`].
        identity: Identity,
    },
    /// An add-wins set that an update never empties.
    Set,
    /// A plain object whose children are addressed, without a marker.
    Group,
    /// Not replicated.
    Ignore,
}

/// Elements that only mean something together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The group's name, unique in its type.
    pub name: &'static str,
    /// Top-level elements, a choice as `value[x]`.
    pub members: &'static [&'static str],
}

/// An element whose concurrent values are never merged silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Critical {
    /// What is shown until a person has decided.
    pub safer: Safer,
}

/// Which of several concurrent values is the safer reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safer {
    /// The first code listed is the safest. A value's codes are: a string or
    /// boolean itself, a CodeableConcept's `coding.code`, a Coding's `code`.
    /// The empty text stands for "removed". A value with none of the codes
    /// comes after all that have one; among equals the newest is shown.
    Rank(&'static [&'static str]),
    /// The newest is shown; the others stand beside it.
    ShowBoth,
    /// Absence or `false` is the safer reading (`deceased[x]`).
    Absent,
}

/// A table of shapes, groups and critical elements for every type.
pub trait Policy: Send + Sync {
    /// The shape of an element.
    fn element(&self, kind: &str, path: &str) -> Shape;

    /// If `key` is a typed choice (`valueQuantity`) among the children of
    /// `parent` (empty at the top): the element's name (`value[x]`) and the
    /// type as it stands in the key (`Quantity`). `key` must be the name
    /// without `[x]` followed by the type.
    fn choice_base(&self, kind: &str, parent: &str, key: &str) -> Option<(&str, &str)>;

    /// The conflict groups of a type.
    fn groups(&self, kind: &str) -> &[Group];

    /// Whether an element is safety-critical.
    fn critical(&self, kind: &str, path: &str) -> Option<&Critical>;

    /// For an element that is not critical itself but counts where certain
    /// children differ (`telecom`: `use`): those children. Else empty.
    fn child_critical(&self, kind: &str, path: &str) -> &[&str];

    /// The top-level element that only repeats the others in words (`text`);
    /// it is left out on read once anything else is newer. None by default.
    fn narrative(&self, _kind: &str) -> Option<&str> {
        None
    }
}

/// The fixed rule for what no table describes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unknown;

impl Policy for Unknown {
    fn element(&self, _kind: &str, _path: &str) -> Shape {
        Shape::Register
    }

    fn choice_base(&self, _kind: &str, _parent: &str, _key: &str) -> Option<(&str, &str)> {
        None
    }

    fn groups(&self, _kind: &str) -> &[Group] {
        &[]
    }

    fn critical(&self, _kind: &str, _path: &str) -> Option<&Critical> {
        None
    }

    fn child_critical(&self, _kind: &str, _path: &str) -> &[&str] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule is frozen: under it stand the registers of every type that no table describes.
    #[test]
    fn of_what_no_table_describes_each_element_is_one_register_and_nothing_more_is_known() {
        for name in [
            "",
            "value",
            "valueString",
            "value[x]",
            "status",
            "contact.name",
            "meta.tag",
            "text",
        ] {
            assert_eq!(Unknown.element("Basic", name), Shape::Register, "{name}");
            assert_eq!(Unknown.choice_base("Basic", "", name), None, "{name}");
            assert_eq!(Unknown.choice_base("Basic", "component", name), None, "{name}");
            assert_eq!(Unknown.critical("Basic", name), None, "{name}");
            assert_eq!(Unknown.child_critical("Basic", name), [""; 0], "{name}");
        }
        assert!(Unknown.groups("MedicationRequest").is_empty());
        assert_eq!(Unknown.narrative("Patient"), None);
    }
}
