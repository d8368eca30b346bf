//! The record policy of `chaski-fhir`, in the form `chaski-crdt` asks for.
//!
//! Invariants: a pure function of the embedded table; what is handed out lives as long as
//! the process, and there is one of each distinct value.

use std::{
    collections::BTreeMap,
    sync::{OnceLock, PoisonError, RwLock},
};

use chaski_crdt::policy::{Critical, Group, Policy, Safer, Shape};
use chaski_fhir::policy as fhir;

struct FhirPolicy;

/// The policy every record of a store follows.
pub fn record_policy() -> &'static dyn Policy {
    &FhirPolicy
}

/// One value for each key, made once and kept.
struct Kept<K: 'static, V: 'static>(OnceLock<RwLock<BTreeMap<K, &'static V>>>);

impl<K: Ord, V> Kept<K, V> {
    const fn new() -> Self {
        Kept(OnceLock::new())
    }

    fn of(&self, key: K, make: impl FnOnce() -> V) -> &'static V {
        let map = self.0.get_or_init(RwLock::default);
        if let Some(value) = map.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return value;
        }
        let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
        map.entry(key).or_insert_with(|| Box::leak(Box::new(make())))
    }
}

impl Policy for FhirPolicy {
    fn element(&self, kind: &str, path: &str) -> Shape {
        match fhir::element(kind, path) {
            fhir::Shape::Register => Shape::Register,
            fhir::Shape::List { identity } => Shape::List { identity },
            fhir::Shape::Backbone => Shape::Backbone,
            fhir::Shape::BackboneList { identity } => Shape::BackboneList { identity },
            fhir::Shape::Set => Shape::Set,
            fhir::Shape::Group => Shape::Group,
            fhir::Shape::Ignore => Shape::Ignore,
        }
    }

    fn choice_base(&self, kind: &str, parent: &str, key: &str) -> Option<(&str, &str)> {
        fhir::choice_base(kind, parent, key)
    }

    fn groups(&self, kind: &str) -> &[Group] {
        // The table is static: a list is known by where it lies.
        static LISTS: Kept<(usize, usize), Vec<Group>> = Kept::new();
        let groups = fhir::groups(kind);
        let place = (groups.as_ptr() as usize, groups.len());
        LISTS.of(place, || {
            groups
                .iter()
                .map(|group| Group {
                    name: group.name,
                    members: group.members,
                })
                .collect()
        })
    }

    fn critical(&self, kind: &str, path: &str) -> Option<&Critical> {
        static SHOW_BOTH: Critical = Critical {
            safer: Safer::ShowBoth,
        };
        static RANKS: Kept<&'static [&'static str], Critical> = Kept::new();
        fhir::critical(kind, path).map(|critical| match critical.safer {
            fhir::Safer::Rank(codes) => RANKS.of(codes, || Critical {
                safer: Safer::Rank(codes),
            }),
            fhir::Safer::ShowBoth => &SHOW_BOTH,
        })
    }

    fn child_critical(&self, kind: &str, path: &str) -> &[&str] {
        fhir::child_critical(kind, path)
    }

    fn narrative(&self, _kind: &str) -> Option<&str> {
        // DomainResource.text, http://hl7.org/fhir/R4/domainresource.html
        Some("text")
    }
}
