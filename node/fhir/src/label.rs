//! Security labels (`meta.security`): which classes of sensitivity a record falls under, and who is cleared for
//! them.
//!
//! A class is a code of one code system that HL7 maintains. It is never a number of our own, and a code that
//! nobody here knows is a class like any other: nobody who is not cleared for everything is cleared for it.

use std::collections::{BTreeSet, btree_set};

use chaski_json::Json;

/// The code system of the classes of sensitivity: of what HL7 lists there, a record's labels (`meta.security`)
/// name those that it falls under. Source: FHIR R4, Security Labels; HL7 Terminology, v3-ActCode,
/// InformationSensitivityPolicy.
pub const CLASS_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// The longest code that is a class of its own, in bytes. No code of HL7's comes near it.
pub const CLASS_BYTES_MAX: usize = 32;
/// The class of every code that is longer.
const CLASS_OVERLONG: &str = "~overlong";
/// The most classes that one record is told apart by.
pub const CLASSES_MAX: usize = 32;
/// The one class of a record that is labelled with more.
const CLASS_MANY: &str = "~many";

/// A set of classes of sensitivity: bounded, and the same whatever order the codes come in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Classes(BTreeSet<String>);

impl Classes {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The codes, in order.
    pub fn iter(&self) -> btree_set::Iter<'_, String> {
        self.0.iter()
    }

    /// Adds the class of a code; nothing for an empty one. What more than [`CLASSES_MAX`] come to is a class
    /// that nobody is cleared for, to which nothing can be added.
    pub fn add(&mut self, code: &str) {
        let class = match code.len() {
            0 => return,
            1..=CLASS_BYTES_MAX => code,
            _ => CLASS_OVERLONG,
        };
        if self.0.contains(CLASS_MANY) || self.0.contains(class) {
            return;
        }
        if class == CLASS_MANY || self.0.len() >= CLASSES_MAX {
            self.0.clear();
            self.0.insert(CLASS_MANY.to_owned());
        } else {
            self.0.insert(class.to_owned());
        }
    }

    /// Whether each of these is among the others.
    pub fn is_within(&self, others: &Classes) -> bool {
        self.0.is_subset(&others.0)
    }
}

impl<'a> FromIterator<&'a str> for Classes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(codes: I) -> Classes {
        let mut classes = Classes::default();
        codes.into_iter().for_each(|code| classes.add(code));
        classes
    }
}

/// The classes that a record is labelled with.
pub fn classes_of(resource: &Json) -> Classes {
    let mut classes = Classes::default();
    classes_labelled(resource, false, &mut classes);
    classes
}

/// Adds the classes that a record, or a part of its JSON, is labelled with. Where the part may hold no more than
/// a piece of one label (`is_piece`), a code without a system counts.
pub fn classes_labelled(part: &Json, is_piece: bool, classes: &mut Classes) {
    let labels = part.pointer("/meta/security");
    let labels = match labels {
        Some(Json::Array(labels)) => labels.as_slice(),
        Some(label) => std::slice::from_ref(label),
        None => &[],
    };
    for label in labels {
        let code = label.get("code").and_then(Json::as_str).unwrap_or_default();
        let is_class = match label.get("system") {
            Some(system) => system.as_str() == Some(CLASS_SYSTEM),
            None => is_piece,
        };
        if is_class {
            classes.add(code);
        }
    }
}

/// What somebody is cleared for, of records that are labelled as sensitive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Clearance {
    /// For every class, known here or not.
    #[default]
    All,
    /// Records whose classes are all among these.
    Only(BTreeSet<String>),
}

impl Clearance {
    /// Whether it covers each of these classes. Classes of ours that stand for many or for what is too long are
    /// covered by nothing but everything.
    pub fn covers(&self, classes: &Classes) -> bool {
        let is_cleared = |cleared: &BTreeSet<String>, class: &String| {
            !matches!(class.as_str(), CLASS_MANY | CLASS_OVERLONG) && cleared.contains(class)
        };
        match self {
            Clearance::All => true,
            Clearance::Only(cleared) => classes.iter().all(|class| is_cleared(cleared, class)),
        }
    }

    /// What both are cleared for.
    #[must_use]
    pub fn both(&self, other: &Clearance) -> Clearance {
        match (self, other) {
            (Clearance::All, clearance) | (clearance, Clearance::All) => clearance.clone(),
            (Clearance::Only(one), Clearance::Only(other)) => {
                Clearance::Only(one.intersection(other).cloned().collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaski_json::json;

    fn classes<const N: usize>(codes: [&str; N]) -> Classes {
        codes.into_iter().collect()
    }

    #[test]
    fn what_is_within_a_set_is_all_in_it() {
        let none = Classes::default();
        assert!(none.is_empty() && none.is_within(&none) && none.is_within(&classes(["HIV"])));
        let both = classes(["HIV", "PSY"]);
        assert!(!both.is_empty() && classes(["PSY"]).is_within(&both));
        assert!(!both.is_within(&classes(["PSY"])) && !both.is_within(&none));
        assert_eq!(classes(["", "HIV"]), classes(["HIV"]));
    }

    #[test]
    fn a_class_is_a_code_of_the_one_system() {
        let label = |system: &str, code: &str| json!({"system": system, "code": code});
        let labels = [
            label(CLASS_SYSTEM, "PSY"),
            label(CLASS_SYSTEM, "HIV"),
            label(CLASS_SYSTEM, "PSY"),
            label(CLASS_SYSTEM, ""),
            label(CLASS_SYSTEM, &"x".repeat(CLASS_BYTES_MAX + 1)),
            label("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R"),
            json!({"code": "ETH"}),
            json!("SEX"),
        ];
        let record = json!({"resourceType": "Observation", "meta": {"security": labels.to_vec()}});
        assert_eq!(classes_of(&record), classes(["HIV", "PSY", CLASS_OVERLONG]));
        assert_eq!(classes_of(&json!({"meta": {}})), Classes::default());
        let piece = json!({"meta": {"security": [{"code": "ETH"}]}});
        let mut found = Classes::default();
        classes_labelled(&piece, true, &mut found);
        assert_eq!(
            (found, classes_of(&piece)),
            (classes(["ETH"]), Classes::default())
        );
    }

    #[test]
    fn more_classes_than_can_be_told_apart_are_one_that_nobody_is_cleared_for() {
        let code = |n: usize| format!("C{n}");
        let of = |codes: &mut dyn Iterator<Item = usize>| -> Classes {
            let mut classes = Classes::default();
            codes.for_each(|n| classes.add(&code(n)));
            classes
        };
        let most = of(&mut (0..CLASSES_MAX));
        assert_eq!(most.len(), CLASSES_MAX);
        let many = of(&mut (0..=CLASSES_MAX));
        assert_eq!(many, classes([CLASS_MANY]));
        assert_eq!(of(&mut (0..=CLASSES_MAX).rev()), many);
        assert_eq!(of(&mut (0..1_000)), many);
        let said: Classes = ["A", CLASS_MANY, "B"].into_iter().collect();
        assert_eq!(said, many);
        assert!(!Clearance::Only(most.iter().cloned().collect()).covers(&many));
    }

    #[test]
    fn who_is_cleared_for_some_sees_what_is_labelled_with_no_other() {
        let only = |codes: &[&str]| Clearance::Only(codes.iter().map(|code| (*code).to_owned()).collect());
        let some = only(&["HIV", "PSY", CLASS_OVERLONG, CLASS_MANY]);
        for (labels, is_covered) in [
            (classes([]), true),
            (classes(["HIV"]), true),
            (classes(["HIV", "PSY"]), true),
            (classes(["ETH"]), false),
            (classes(["ETH", "HIV"]), false),
            (classes([CLASS_OVERLONG]), false),
            (classes([CLASS_MANY]), false),
        ] {
            assert_eq!(some.covers(&labels), is_covered, "{labels:?}");
            assert!(Clearance::All.covers(&labels));
        }
        assert_eq!(some.both(&Clearance::All), some);
        assert_eq!(some.both(&only(&["ETH", "PSY"])), only(&["PSY"]));
        // Somebody may be cleared for more than one record is told apart by.
        let all: Vec<String> = (0..=CLASSES_MAX).map(|n| format!("C{n}")).collect();
        assert!(Clearance::Only(all.into_iter().collect()).covers(&classes(["C0", "C32"])));
    }
}
