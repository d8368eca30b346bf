//! Who may do what, at every operation of the clinic and in every role.
//!
//! [`MAY`] says it by hand, [`CASES`](cases::CASES) and [`ENTRIES`](cases::ENTRIES) use every
//! operation. Each refusal must come from the operation's own question to the policy, change
//! nothing and be entered in the audit log; whoever is let through must be entered too. An
//! operation that is added and not listed here is found in the source.

mod cases;
mod labelled;
mod listed;
mod world;

use chaski_store::Outcome;

use crate::Caller;
use crate::policy_decision::{Action, Target, is_allowed, is_shared_kind};
use crate::testing::caller;
use cases::{CASES, ENTRIES, MISSES};
pub(crate) use cases::{CREATE, Case, READ, UPDATE, case};
pub(crate) use world::{Said, World, dispute, said};

use crate::features::FEATURES;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Records of a kind that is about patients.
    Clinical,
    /// Records of a kind that describes the clinic.
    Shared,
    /// Records of every kind at once.
    All,
    /// The node itself.
    Node,
}

/// What a feature adds to these tests.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// Records about a patient that its operations are tried on.
    pub(crate) records: fn(&str) -> Vec<String>,
    pub(crate) cases: &'static [Case],
}

/// One question to the policy.
pub(crate) type Ask = (Action, On);

const READERS: &[&str] = &["clinician", "reader", "operator"];
const READERS_OF_SHARED: &[&str] = &["clinician", "reader", "operator", "administrator"];
const WRITERS: &[&str] = &["clinician", "operator"];
const WRITERS_OF_SHARED: &[&str] = &["clinician", "operator", "administrator"];
const ANYBODY: &[&str] = &["administrator", "clinician", "reader", "operator"];
const ADMINISTRATORS: &[&str] = &["administrator", "operator"];
/// Both roles together, or the operator.
const OF_EVERYTHING: &[&str] = &["administrator+clinician", "operator"];

/// Action, then who may do it to records about patients, to shared ones, to all at once and to the node.
#[rustfmt::skip]
const MAY: [(Action, [&[&str]; 4]); 18] = [
    (Action::RecordRead,      [READERS, READERS_OF_SHARED, READERS, READERS]),
    (Action::RecordSearch,    [READERS, READERS_OF_SHARED, READERS, READERS]),
    (Action::RecordHistory,   [READERS, READERS_OF_SHARED, READERS, READERS]),
    (Action::RecordCreate,    [WRITERS, WRITERS_OF_SHARED, WRITERS, WRITERS]),
    (Action::RecordUpdate,    [WRITERS, WRITERS_OF_SHARED, WRITERS, WRITERS]),
    (Action::RecordDelete,    [WRITERS, WRITERS_OF_SHARED, WRITERS, WRITERS]),
    (Action::RecordValidate,  [ANYBODY, ANYBODY, ANYBODY, ANYBODY]),
    (Action::RecordImport,    [OF_EVERYTHING, OF_EVERYTHING, OF_EVERYTHING, OF_EVERYTHING]),
    (Action::RecordExport,    [OF_EVERYTHING, OF_EVERYTHING, OF_EVERYTHING, OF_EVERYTHING]),
    (Action::ParcelRead,      [OF_EVERYTHING, OF_EVERYTHING, OF_EVERYTHING, OF_EVERYTHING]),
    (Action::ParcelWrite,     [OF_EVERYTHING, OF_EVERYTHING, OF_EVERYTHING, OF_EVERYTHING]),
    (Action::ConflictList,    [READERS, READERS, READERS, READERS]),
    (Action::ConflictResolve, [WRITERS, WRITERS, WRITERS, WRITERS]),
    (Action::TokenCreate,     [ADMINISTRATORS, ADMINISTRATORS, ADMINISTRATORS, ADMINISTRATORS]),
    (Action::TokenList,       [ADMINISTRATORS, ADMINISTRATORS, ADMINISTRATORS, ADMINISTRATORS]),
    (Action::TokenRevoke,     [ADMINISTRATORS, ADMINISTRATORS, ADMINISTRATORS, ADMINISTRATORS]),
    (Action::StatusView,      [ANYBODY, ANYBODY, ANYBODY, ANYBODY]),
    (Action::AuditRead,       [ADMINISTRATORS, ADMINISTRATORS, ADMINISTRATORS, ADMINISTRATORS]),
];

/// Where an action stands in [`MAY`]; a new one does not compile until it is there.
const fn place(action: Action) -> usize {
    match action {
        Action::RecordRead => 0,
        Action::RecordSearch => 1,
        Action::RecordHistory => 2,
        Action::RecordCreate => 3,
        Action::RecordUpdate => 4,
        Action::RecordDelete => 5,
        Action::RecordValidate => 6,
        Action::RecordImport => 7,
        Action::RecordExport => 8,
        Action::ParcelRead => 9,
        Action::ParcelWrite => 10,
        Action::ConflictList => 11,
        Action::ConflictResolve => 12,
        Action::TokenCreate => 13,
        Action::TokenList => 14,
        Action::TokenRevoke => 15,
        Action::StatusView => 16,
        Action::AuditRead => 17,
    }
}

/// The kinds that describe the clinic and never a patient.
const SHARED: [&str; 11] = [
    "CodeSystem",
    "Endpoint",
    "HealthcareService",
    "Location",
    "Medication",
    "Organization",
    "OrganizationAffiliation",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "ValueSet",
];

/// The roles of a context as it carries them; the last four are nobody's.
const ROLES: [&str; 12] = [
    "administrator",
    "clinician",
    "reader",
    "operator",
    "administrator,clinician",
    "administrator,reader",
    "clinician,reader",
    "administrator,clinician,reader",
    "",
    "Clinician",
    "clinician,root",
    "operator clinician",
];

/// What [`MAY`] says.
fn may(roles: &str, (action, on): Ask) -> bool {
    let held: Vec<&str> = roles.split(',').collect();
    if !held.iter().all(|role| ANYBODY.contains(role)) {
        return false;
    }
    let of = match on {
        On::Clinical => 0,
        On::Shared => 1,
        On::All => 2,
        On::Node => 3,
    };
    MAY[place(action)].1[of]
        .iter()
        .any(|enough| enough.split('+').all(|role| held.contains(&role)))
}

/// The first question that is answered with no.
fn refused_at(roles: &str, asks: &[Ask]) -> Option<Action> {
    asks.iter()
        .find(|ask| !may(roles, **ask))
        .map(|(action, _)| *action)
}

#[test]
fn the_policy_says_what_the_table_says_of_every_kind_of_record() {
    for (at, (action, _)) in MAY.iter().enumerate() {
        assert_eq!(place(*action), at);
    }
    let kinds = chaski_fhir::definitions::definitions()
        .types()
        .iter()
        .map(|one| one.name)
        .filter(|name| chaski_fhir::definitions::is_resource_kind(name));
    let kinds: Vec<&str> = kinds.collect();
    assert!(kinds.len() > 140 && SHARED.iter().all(|kind| kinds.contains(kind)));
    for roles in ROLES {
        let caller = caller(roles);
        for (action, _) in MAY {
            let says = |target: &Target<'_>| is_allowed(&caller, action, target);
            assert_eq!(
                says(&Target::Node),
                may(roles, (action, On::Node)),
                "{roles} {action:?}"
            );
            assert_eq!(
                says(&Target::AllRecords),
                may(roles, (action, On::All)),
                "{roles} {action:?}"
            );
            for kind in &kinds {
                let on = if SHARED.contains(kind) {
                    On::Shared
                } else {
                    On::Clinical
                };
                assert_eq!(is_shared_kind(kind), on == On::Shared, "{kind}");
                assert_eq!(
                    says(&Target::Kind(kind)),
                    may(roles, (action, on)),
                    "{roles} {action:?} {kind}"
                );
            }
        }
    }
}

/// What is done, in which world and by whom.
type Run = dyn Fn(&World, &Caller) -> Said;

/// One way of using an operation, as the tests go through them.
struct Use {
    name: String,
    asks: Vec<Ask>,
    /// What the audit log says of who was let through, empty for nothing, and of which kind of record.
    entered: (&'static str, &'static str),
    run: Box<Run>,
}

/// The cases of the table, and of the features that have theirs with them.
fn all_cases() -> impl Iterator<Item = &'static Case> {
    CASES
        .iter()
        .chain(FEATURES.iter().flat_map(|feature| feature.permissions.cases))
}

fn uses() -> Vec<Use> {
    let mut uses: Vec<Use> = all_cases()
        .map(|case| Use {
            name: format!("{} {}", case.operation, case.way),
            asks: case.asks.to_vec(),
            entered: case.entered,
            run: Box::new(case.run),
        })
        .collect();
    for entry in ENTRIES {
        for (kind, asks) in [("transaction", entry.in_transaction), ("batch", entry.in_batch)] {
            uses.push(Use {
                name: format!("bundle_process: {kind} with {}", entry.way),
                asks: asks.to_vec(),
                entered: entry.entered,
                run: Box::new(move |world, caller| world.bundle(caller, kind, &(entry.entry)(world))),
            });
        }
    }
    uses
}

#[test]
fn who_may_not_is_refused_by_every_operation_before_anything_is_looked_at() {
    let misses = MISSES.iter().map(|case| Use {
        name: format!("{} {}", case.operation, case.way),
        asks: case.asks.to_vec(),
        entered: case.entered,
        run: Box::new(case.run),
    });
    for case in uses().into_iter().chain(misses) {
        let world = World::new();
        let before = world.state();
        for roles in ROLES {
            let Some(action) = refused_at(roles, &case.asks) else {
                continue;
            };
            let said = (case.run)(&world, &caller(roles));
            assert_eq!(said, Said::Denied(action.name()), "{} as '{roles}'", case.name);
            assert_eq!(
                world.state(),
                before,
                "{} as '{roles}' changed something",
                case.name
            );
            let log = world.log(roles);
            assert!(
                log.iter()
                    .any(|entry| entry.action == action.name() && entry.outcome == Outcome::Denied),
                "{} as '{roles}': the refusal is not entered: {log:?}",
                case.name
            );
            let done = log.iter().find(|entry| entry.outcome == Outcome::Ok);
            assert!(done.is_none(), "{} as '{roles}': {done:?}", case.name);
        }
    }
}

#[test]
fn who_may_is_let_through_by_every_operation_and_entered() {
    for case in uses() {
        let mut let_through = 0;
        // Each role by itself, and the two that some things need together.
        for roles in ROLES.into_iter().take(5) {
            if refused_at(roles, &case.asks).is_some() {
                continue;
            }
            let_through += 1;
            let world = World::new();
            let said = (case.run)(&world, &caller(roles));
            assert!(said.is_done(), "{} as '{roles}': {said:?}", case.name);
            let log = world.log(roles);
            let denied = log.iter().find(|entry| entry.outcome == Outcome::Denied);
            assert!(denied.is_none(), "{} as '{roles}': {denied:?}", case.name);
            let (action, kind) = case.entered;
            let is_entered = action.is_empty()
                || log.iter().any(|entry| {
                    entry.action == action
                        && entry.context.user == "ana"
                        && entry.targets.first().map_or("", |key| key.kind()) == kind
                });
            assert!(is_entered, "{} as '{roles}' is not entered: {log:?}", case.name);
        }
        assert!(let_through > 0, "{}", case.name);
    }
}
