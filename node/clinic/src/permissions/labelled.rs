//! Of records labelled with a class that a caller is not cleared for, no operation tells or changes anything.

use super::world::Labels;
use super::{Action, Said, Use, World, refused_at, uses};
use crate::Caller;
use crate::testing::caller;

/// The roles that between them may do everything.
const ROLES: [&str; 4] = ["reader", "clinician", "administrator", "operator"];

fn cleared_for(roles: &str, classes: &[&str]) -> Caller {
    caller(roles).cleared_only_for(classes.iter().map(|class| (*class).to_owned()).collect())
}

/// Every use in every role that may, as a caller cleared for nothing.
fn each(with: impl Fn(&Use, &Caller, &str)) {
    let mut tried = 0;
    for case in uses() {
        for roles in ROLES {
            if refused_at(roles, &case.asks).is_none() {
                with(
                    &case,
                    &cleared_for(roles, &[]),
                    &format!("{} as '{roles}'", case.name),
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// Whether a use writes nothing, so that its answers can be compared to the letter.
fn only_reads(case: &Use) -> bool {
    let reads = [
        Action::RecordRead,
        Action::RecordSearch,
        Action::RecordHistory,
        Action::ConflictList,
        Action::RecordExport,
    ];
    case.asks.iter().all(|(action, _)| reads.contains(action))
}

fn told(said: &Said) -> &str {
    match said {
        Said::Done(told) | Said::Other(told) => told,
        Said::Denied(action) => action,
    }
}

#[test]
fn beside_records_that_are_kept_back_every_operation_answers_as_if_they_were_not_here() {
    each(|case, caller, name| {
        let (plain, beside) = (World::new(), World::labelled(Labels::OfCopies));
        let kept_back = beside.kept_back();
        let without = (case.run)(&plain, caller);
        let with = (case.run)(&beside, caller);
        match only_reads(case) {
            true => assert_eq!(with, without, "{name}"),
            false => assert_eq!(with.is_done(), without.is_done(), "{name}: {with:?} {without:?}"),
        }
        assert_eq!(
            beside.kept_back(),
            kept_back,
            "{name} changed one that is kept back"
        );
    });
}

#[test]
fn of_a_record_that_is_kept_back_nothing_is_told_and_nothing_changed() {
    each(|case, caller, name| {
        let world = World::labelled(Labels::OfAll);
        let kept_back = world.kept_back();
        let said = (case.run)(&world, caller);
        assert_eq!(
            world.kept_back(),
            kept_back,
            "{name} changed one that is kept back"
        );
        let nowhere = (case.run)(&World::labelled(Labels::OfAll).emptied(), caller);
        if only_reads(case) {
            assert_eq!(said, nowhere, "{name}");
        }
        // What was asked with may be told back.
        for value in [
            "Quispe",
            "555-01",
            "Latex",
            "Amoxicillin",
            "Morphine",
            "Post\"",
            "HIV",
        ] {
            let is_told = told(&said).contains(value) && !told(&nowhere).contains(value);
            assert!(!is_told, "{name}: {value}: {said:?}");
        }
    });
}

#[test]
fn who_is_cleared_for_the_class_is_told_all_of_it() {
    for case in uses() {
        for roles in ROLES {
            if refused_at(roles, &case.asks).is_some() {
                continue;
            }
            let open = (case.run)(&World::labelled(Labels::OfAll), &caller(roles));
            let cleared = (case.run)(&World::labelled(Labels::OfAll), &cleared_for(roles, &["HIV"]));
            let name = format!("{} as '{roles}'", case.name);
            assert!(cleared.is_done(), "{name}: {cleared:?}");
            if only_reads(&case) {
                assert_eq!(cleared, open, "{name}");
            }
        }
    }
}
