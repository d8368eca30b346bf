//! The way from a record to what is being looked at, written out only where there is an issue.

use crate::definitions::{Element, Field};

/// One step of the way.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// An element that is missing, by its name.
    Key(&'static str),
    /// A member of an object.
    Property(&'static Field, &'static Element),
    /// The `_name` beside a primitive.
    Sibling(&'static Field, &'static Element),
    /// An item of an array.
    Item(usize),
    /// Into a resource of this type, and whether it is contained.
    Into(&'static str, bool),
    /// Into a Reference that names by its `reference` what it refers to.
    Named,
}

/// The element's name in a FHIRPath: a choice without `[x]`.
pub(super) fn stem(element: &Element) -> &'static str {
    element.name.strip_suffix("[x]").unwrap_or(element.name)
}

/// The way as a FHIRPath.
pub(super) fn expression(root: &str, path: &[Step]) -> String {
    let mut text = root.to_owned();
    for step in path {
        match step {
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Property(field, element) | Step::Sibling(field, element) => {
                text.push_str(&match field.type_ref().filter(|_| element.is_choice()) {
                    Some(of_type) => format!(".{}.ofType({})", stem(element), of_type.code),
                    None => format!(".{}", field.key),
                });
            }
            Step::Item(at) => text.push_str(&format!("[{at}]")),
            Step::Into(..) | Step::Named => {}
        }
    }
    text
}
