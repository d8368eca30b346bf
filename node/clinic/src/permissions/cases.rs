//! Every operation, used in every way that asks the policy something of its own.

use super::world::{Said, World, said};
use super::{Ask, On};
use crate::Caller;
use crate::access::{TokenKind, TokenRequest};
use crate::allergy::{AllergyChange, AllergyForm, Substance};
use crate::conflict::Choice;
use crate::medication::{DoseChange, MedicationStatusChange};
use crate::patient::{Duplicates, PhoneChange, RegistrationForm};
use crate::policy_decision::Action;
use crate::record::{CreateOptions, HistoryOf, ImportOptions, SearchOptions, UpdateOptions};
use crate::roles::{Role, Roles};
use crate::testing::parsed;
use crate::vitals::{Vitals, VitalsForm};

pub(crate) struct Case {
    /// The method of [`crate::Clinic`].
    pub(crate) operation: &'static str,
    /// How it is used.
    pub(crate) way: &'static str,
    /// What it asks of the policy, in this order.
    pub(crate) asks: &'static [Ask],
    /// The audit entry of who was let through, and of which kind its record is.
    pub(crate) entered: (&'static str, &'static str),
    pub(crate) run: fn(&World, &Caller) -> Said,
}

/// One entry of a bundle: alone in a transaction, and alone in a batch.
pub(super) struct Entry {
    pub(super) way: &'static str,
    pub(super) in_transaction: &'static [Ask],
    pub(super) in_batch: &'static [Ask],
    pub(super) entered: (&'static str, &'static str),
    pub(super) entry: fn(&World) -> String,
}

pub(crate) const fn case(
    operation: &'static str,
    way: &'static str,
    asks: &'static [Ask],
    entered: (&'static str, &'static str),
    run: fn(&World, &Caller) -> Said,
) -> Case {
    Case {
        operation,
        way,
        asks,
        entered,
        run,
    }
}

const fn entry(
    way: &'static str,
    in_transaction: &'static [Ask],
    in_batch: &'static [Ask],
    entered: (&'static str, &'static str),
    entry: fn(&World) -> String,
) -> Entry {
    Entry {
        way,
        in_transaction,
        in_batch,
        entered,
        entry,
    }
}

pub(crate) const READ: Ask = (Action::RecordRead, On::Clinical);
const SEARCH: Ask = (Action::RecordSearch, On::Clinical);
const HISTORY: Ask = (Action::RecordHistory, On::Clinical);
pub(crate) const CREATE: Ask = (Action::RecordCreate, On::Clinical);
pub(crate) const UPDATE: Ask = (Action::RecordUpdate, On::Clinical);
const DELETE: Ask = (Action::RecordDelete, On::Clinical);
const READ_SHARED: Ask = (Action::RecordRead, On::Shared);
const SEARCH_SHARED: Ask = (Action::RecordSearch, On::Shared);
const HISTORY_SHARED: Ask = (Action::RecordHistory, On::Shared);
const CREATE_SHARED: Ask = (Action::RecordCreate, On::Shared);
const UPDATE_SHARED: Ask = (Action::RecordUpdate, On::Shared);
const DELETE_SHARED: Ask = (Action::RecordDelete, On::Shared);

/// A UUID that nothing here has.
const NOWHERE: &str = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("token_create", "for a reader", &[(Action::TokenCreate, On::Node)], ("token_create", ""), |w, caller| said(w.clinic.token_create(caller, &token_request()))),
    case("token_list", "", &[(Action::TokenList, On::Node)], ("", ""), |w, caller| said(w.clinic.token_list(caller))),
    case("token_revoke", "somebody's", &[(Action::TokenRevoke, On::Node)], ("token_revoke", ""), |w, caller| said(w.clinic.token_revoke(caller, &w.token))),

    case("allergy_record", "a substance", &[CREATE], ("record_create", "AllergyIntolerance"), |w, caller| said(w.clinic.allergy_record(caller, &allergy_form(&w.patient, "Penicillin")))),
    case("allergy_view", "", &[READ], ("record_read", "AllergyIntolerance"), |w, caller| said(w.clinic.allergy_view(caller, &w.patient, w.key("AllergyIntolerance").id()))),
    case("allergy_change", "its status", &[UPDATE], ("record_update", "AllergyIntolerance"), |w, caller| said(w.clinic.allergy_change(caller, &allergy_change(w, None, Some("resolved"))))),
    case("allergy_change", "its criticality", &[UPDATE], ("record_update", "AllergyIntolerance"), |w, caller| said(w.clinic.allergy_change(caller, &allergy_change(w, Some("high"), None)))),

    case("chart_view", "", &[READ], ("record_read", "Patient"), |w, caller| said(w.clinic.chart_view(caller, &w.patient))),

    case("chart_kinds", "", &[SEARCH], ("record_search", ""), |w, caller| said(w.clinic.chart_kinds(caller, &w.patient))),
    case("chart_record", "", &[READ], ("record_read", "MedicationRequest"), |w, caller| said(w.clinic.chart_record(caller, &w.patient, "MedicationRequest", &w.medicine))),
    case("chart_records", "", &[SEARCH], ("record_search", ""), |w, caller| said(w.clinic.chart_records(caller, &w.patient, "MedicationRequest"))),

    case("conflict_list", "", &[(Action::ConflictList, On::All)], ("conflict_list", ""), |w, caller| said(w.clinic.conflict_list(caller, None, 10))),
    case("conflict_view", "", &[(Action::ConflictList, On::Clinical)], ("conflict_list", "MedicationRequest"), |w, caller| said(w.clinic.conflict_view(caller, &w.disputed))),
    case("conflict_resolve", "picking one", &[(Action::ConflictResolve, On::Clinical)], ("conflict_resolve", "MedicationRequest"), |w, caller| said(w.clinic.conflict_resolve(caller, &w.disputed, "!group/medication", Choice::Pick(1), None))),

    case("medication_dose_change", "", &[UPDATE], ("record_update", "MedicationRequest"), |w, caller| said(w.clinic.medication_dose_change(caller, &dose_change(&w.medicine)))),
    case("medication_view", "", &[READ], ("record_read", "MedicationRequest"), |w, caller| said(w.clinic.medication_view(caller, &w.patient, w.medicine.as_str()))),
    case("medication_status_change", "", &[UPDATE], ("record_update", "MedicationRequest"), |w, caller| said(w.clinic.medication_status_change(caller, &status_change(&w.medicine)))),

    case("patient_register", "looking for duplicates", &[CREATE], ("record_create", "Patient"), |w, caller| said(w.clinic.patient_register(caller, &registration(), Duplicates::Check))),
    case("patient_register", "duplicates seen", &[CREATE], ("record_create", "Patient"), |w, caller| said(w.clinic.patient_register(caller, &registration(), Duplicates::Accept))),
    case("patient_search", "", &[SEARCH], ("record_search", ""), |w, caller| said(w.clinic.patient_search(caller, "Quispe", 5))),
    case("patient_view", "", &[READ], ("record_read", "Patient"), |w, caller| said(w.clinic.patient_view(caller, &w.patient))),
    case("phone_change", "another number", &[UPDATE], ("record_update", "Patient"), |w, caller| said(w.clinic.phone_change(caller, &phone_change(w, Some("555-0101"), "555-0102")))),
    case("phone_change", "one more", &[UPDATE], ("record_update", "Patient"), |w, caller| said(w.clinic.phone_change(caller, &phone_change(w, None, "555-0102")))),
    case("phone_change", "taken out", &[UPDATE], ("record_update", "Patient"), |w, caller| said(w.clinic.phone_change(caller, &phone_change(w, Some("555-0101"), "")))),

    case("record_create", "about a patient", &[CREATE], ("record_create", "Patient"), |w, caller| said(w.clinic.record_create(caller, parsed(r#"{"resourceType":"Patient"}"#), &CreateOptions::default()))),
    case("record_create", "shared", &[CREATE_SHARED], ("record_create", "Organization"), |w, caller| said(w.clinic.record_create(caller, parsed(r#"{"resourceType":"Organization","name":"New"}"#), &CreateOptions::default()))),
    case("record_create", "on a condition that something meets", &[CREATE], ("", ""), |w, caller| said(w.clinic.record_create(caller, parsed(r#"{"resourceType":"Patient"}"#), &if_none("name=Quispe")))),
    case("record_create", "on a condition that nothing meets", &[CREATE], ("record_create", "Patient"), |w, caller| said(w.clinic.record_create(caller, parsed(r#"{"resourceType":"Patient"}"#), &if_none("name=Nobody")))),
    case("record_create", "with a reference by a condition", &[CREATE_SHARED, SEARCH], ("record_create", "Organization"), |w, caller| said(w.clinic.record_create(caller, parsed(r#"{"resourceType":"Organization","name":"x","extension":[{"url":"urn:x","valueReference":{"reference":"Patient?name=Quispe"}}]}"#), &CreateOptions::default()))),
    case("record_update", "about a patient", &[UPDATE], ("record_update", "Patient"), |w, caller| said(update(w, caller, "Patient", "gender", "male"))),
    case("record_update", "shared", &[UPDATE_SHARED], ("record_update", "Organization"), |w, caller| said(update(w, caller, "Organization", "name", "New"))),
    case("record_update", "of what is not there yet", &[UPDATE], ("record_create", "Patient"), |w, caller| said(w.clinic.record_update(caller, "Patient", NOWHERE, parsed(&format!(r#"{{"resourceType":"Patient","id":"{NOWHERE}"}}"#)), &UpdateOptions::default()))),
    case("record_update_where", "one matches", &[UPDATE], ("record_update", "Patient"), |w, caller| said(w.clinic.record_update_where(caller, "Patient", "name=Quispe", parsed(r#"{"resourceType":"Patient","gender":"male"}"#), &UpdateOptions::default()))),
    case("record_update_where", "shared, one matches", &[UPDATE_SHARED], ("record_update", "Organization"), |w, caller| said(w.clinic.record_update_where(caller, "Organization", "name=Post", parsed(r#"{"resourceType":"Organization","name":"New"}"#), &UpdateOptions::default()))),
    case("record_update_where", "none matches", &[UPDATE], ("record_create", "Patient"), |w, caller| said(w.clinic.record_update_where(caller, "Patient", "name=Nobody", parsed(r#"{"resourceType":"Patient","gender":"male"}"#), &UpdateOptions::default()))),
    case("record_delete", "about a patient", &[DELETE], ("record_delete", "AllergyIntolerance"), |w, caller| said(w.clinic.record_delete(caller, &w.key("AllergyIntolerance"), None))),
    case("record_delete", "shared", &[DELETE_SHARED], ("record_delete", "Organization"), |w, caller| said(w.clinic.record_delete(caller, &w.key("Organization"), Some(&w.version("Organization"))))),
    case("record_delete_where", "one matches", &[DELETE], ("record_delete", "AllergyIntolerance"), |w, caller| said(w.clinic.record_delete_where(caller, "AllergyIntolerance", &format!("patient={}", w.patient), None))),
    case("record_delete_where", "none matches", &[DELETE], ("", ""), |w, caller| said(w.clinic.record_delete_where(caller, "Patient", "name=Nobody", None))),
    case("record_read", "about a patient", &[READ], ("record_read", "Patient"), |w, caller| said(w.clinic.record_read(caller, &w.key("Patient")))),
    case("record_read", "shared", &[READ_SHARED], ("record_read", "Organization"), |w, caller| said(w.clinic.record_read(caller, &w.key("Organization")))),
    case("record_vread", "about a patient", &[HISTORY], ("record_history", "Patient"), |w, caller| said(w.clinic.record_vread(caller, &w.key("Patient"), &w.version("Patient")))),
    case("record_vread", "shared", &[HISTORY_SHARED], ("record_history", "Organization"), |w, caller| said(w.clinic.record_vread(caller, &w.key("Organization"), &w.version("Organization")))),
    case("record_written", "about a patient", &[READ], ("", ""), |w, caller| said(w.clinic.record_written(caller, &w.written("Patient")))),
    case("record_written", "shared", &[READ_SHARED], ("", ""), |w, caller| said(w.clinic.record_written(caller, &w.written("Organization")))),
    case("record_history", "of one record", &[HISTORY], ("record_history", "Patient"), |w, caller| said(w.clinic.record_history(caller, &HistoryOf::Record(w.key("Patient")), None, None, None))),
    case("record_history", "of one that is shared", &[HISTORY_SHARED], ("record_history", "Organization"), |w, caller| said(w.clinic.record_history(caller, &HistoryOf::Record(w.key("Organization")), None, None, None))),
    case("record_history", "of a kind", &[HISTORY], ("record_history", ""), |w, caller| said(w.clinic.record_history(caller, &HistoryOf::Kind("Patient".to_owned()), None, None, None))),
    case("record_history", "of a shared kind", &[HISTORY_SHARED], ("record_history", ""), |w, caller| said(w.clinic.record_history(caller, &HistoryOf::Kind("Location".to_owned()), None, None, None))),
    case("record_history", "of everything", &[(Action::RecordHistory, On::All)], ("record_history", ""), |w, caller| said(w.clinic.record_history(caller, &HistoryOf::All, None, None, None))),
    case("record_search", "about patients", &[SEARCH], ("record_search", ""), |w, caller| search(w, caller, "Observation")),
    case("record_search", "shared", &[SEARCH_SHARED], ("record_search", ""), |w, caller| search(w, caller, "Practitioner")),
    case("record_validate", "", &[(Action::RecordValidate, On::Node)], ("", ""), |w, caller| said(w.clinic.record_validate(caller, &parsed(r#"{"resourceType":"Patient"}"#)))),
    case("record_import", "", &[(Action::RecordImport, On::All)], ("record_create", "Patient"), import),
    case("record_export", "", &[(Action::RecordExport, On::All)], ("record_export", ""), export),
    case("parcel_ask", "to read", &[(Action::ParcelRead, On::All)], ("", ""), |w, caller| said(w.clinic.parcel_ask(caller, Action::ParcelRead))),
    case("parcel_ask", "to write", &[(Action::ParcelWrite, On::All)], ("", ""), |w, caller| said(w.clinic.parcel_ask(caller, Action::ParcelWrite))),
    case("parcel_read", "", &[(Action::ParcelRead, On::All)], ("parcel_read", ""), |w, caller| said(w.clinic.parcel_read(caller, "Hub"))),
    case("parcel_write", "", &[(Action::ParcelWrite, On::All)], ("parcel_write", ""), |w, caller| said(w.clinic.parcel_write(caller, &["Hub".to_owned()]))),

    case("status_view", "", &[(Action::StatusView, On::Node)], ("", ""), |w, caller| said(w.clinic.status_view(caller))),
    case("vitals_record", "", &[CREATE], ("record_create", "Observation"), |w, caller| said(w.clinic.vitals_record(caller, &vitals(&w.patient)))),
];

/// The same of what is not here, or is asked for in a way that nothing can be: a refusal tells neither.
#[rustfmt::skip]
pub(super) const MISSES: &[Case] = &[
    case("token_create", "of no role", &[(Action::TokenCreate, On::Node)], ("", ""), |w, caller| said(w.clinic.token_create(caller, &TokenRequest { roles: Roles::NONE, ..token_request() }))),
    case("token_revoke", "of nobody", &[(Action::TokenRevoke, On::Node)], ("", ""), |w, caller| said(w.clinic.token_revoke(caller, "ffff"))),
    case("allergy_record", "of nobody", &[CREATE], ("", ""), |w, caller| said(w.clinic.allergy_record(caller, &allergy_form(NOWHERE, "")))),
    case("allergy_change", "of none", &[UPDATE], ("", ""), |w, caller| said(w.clinic.allergy_change(caller, &AllergyChange { id: "no id".to_owned(), status: Some("no status".to_owned()), ..allergy_change(w, None, None) }))),
    case("chart_view", "of nobody", &[READ], ("", ""), |w, caller| said(w.clinic.chart_view(caller, "no id"))),
    case("chart_view", "of somebody elsewhere", &[READ], ("", ""), |w, caller| said(w.clinic.chart_view(caller, NOWHERE))),
    case("conflict_view", "of none", &[(Action::ConflictList, On::Clinical)], ("", ""), |w, caller| said(w.clinic.conflict_view(caller, &w.key("Patient")))),
    case("conflict_resolve", "of none", &[(Action::ConflictResolve, On::Clinical)], ("", ""), |w, caller| said(w.clinic.conflict_resolve(caller, &w.key("Patient"), "gender", Choice::Pick(7), Some("x")))),
    case("medication_dose_change", "of none", &[UPDATE], ("", ""), |w, caller| said(w.clinic.medication_dose_change(caller, &DoseChange { dose_value: "much".to_owned(), ..dose_change("no id") }))),
    case("medication_status_change", "of none", &[UPDATE], ("", ""), |w, caller| said(w.clinic.medication_status_change(caller, &MedicationStatusChange { status: "no status".to_owned(), ..status_change("no id") }))),
    case("patient_register", "of nobody", &[CREATE], ("", ""), |w, caller| said(w.clinic.patient_register(caller, &RegistrationForm::default(), Duplicates::Check))),
    case("patient_search", "for too much", &[SEARCH], ("", ""), |w, caller| said(w.clinic.patient_search(caller, &"x".repeat(1_000), 5))),
    case("phone_change", "of nobody", &[UPDATE], ("", ""), |w, caller| said(w.clinic.phone_change(caller, &PhoneChange { patient: NOWHERE.to_owned(), ..phone_change(w, None, "") }))),
    case("record_create", "of nothing valid", &[CREATE], ("", ""), |w, caller| said(w.clinic.record_create(caller, parsed(r#"{"resourceType":"Patient","gender":"x"}"#), &if_none("nonsense=1")))),
    case("record_update", "of something else", &[UPDATE], ("", ""), |w, caller| said(w.clinic.record_update(caller, "Patient", "no id", parsed("{}"), &UpdateOptions::default()))),
    case("record_update_where", "of something else", &[UPDATE], ("", ""), |w, caller| said(w.clinic.record_update_where(caller, "Patient", "nonsense=1", parsed("{}"), &UpdateOptions::default()))),
    case("record_delete", "of none", &[DELETE], ("", ""), |w, caller| said(w.clinic.record_delete(caller, &format!("Patient/{NOWHERE}").parse().expect("a key"), Some("x")))),
    case("record_delete_where", "of nothing", &[DELETE], ("", ""), |w, caller| said(w.clinic.record_delete_where(caller, "Patient", "nonsense=1", None))),
    case("record_read", "of none", &[READ], ("", ""), |w, caller| said(w.clinic.record_read(caller, &format!("Patient/{NOWHERE}").parse().expect("a key")))),
    case("record_vread", "of none", &[HISTORY], ("", ""), |w, caller| said(w.clinic.record_vread(caller, &w.key("Patient"), "no version"))),
    case("record_history", "of none", &[HISTORY], ("", ""), |w, caller| said(w.clinic.record_history(caller, &HistoryOf::Kind("Sandwich".to_owned()), None, Some("no cursor"), None))),
    case("record_validate", "of nothing", &[(Action::RecordValidate, On::Node)], ("", ""), |w, caller| said(w.clinic.record_validate(caller, &parsed("{}")))),
    case("record_import", "under no prefix", &[(Action::RecordImport, On::All)], ("", ""), |w, caller| said(w.clinic.record_import(caller, ImportOptions { id_prefix: Some("no prefix".to_owned()), ..ImportOptions::default() }).map(|_| ()))),
    case("vitals_record", "of nobody", &[CREATE], ("", ""), |w, caller| said(w.clinic.vitals_record(caller, &VitalsForm { when: "once".to_owned(), ..vitals("no id") }))),
];

const AS_FOUND: &[Ask] = &[SEARCH, UPDATE];
const AS_NOT_FOUND: &[Ask] = &[SEARCH, UPDATE, CREATE];

#[rustfmt::skip]
pub(super) const ENTRIES: &[Entry] = &[
    entry("a create", &[CREATE], &[CREATE], ("record_create", "Patient"), |_| writing("POST", "Patient", r#"{"resourceType":"Patient"}"#, "")),
    entry("a shared create", &[CREATE_SHARED], &[CREATE_SHARED], ("record_create", "Organization"), |_| writing("POST", "Organization", r#"{"resourceType":"Organization","name":"x"}"#, "")),
    entry("a create on a condition that something meets", &[CREATE], &[CREATE], ("", ""), |_| writing("POST", "Patient", r#"{"resourceType":"Patient"}"#, r#","ifNoneExist":"name=Quispe""#)),
    entry("a create on a condition that nothing meets", &[CREATE], &[CREATE], ("record_create", "Patient"), |_| writing("POST", "Patient", r#"{"resourceType":"Patient"}"#, r#","ifNoneExist":"name=Nobody""#)),
    entry("an update", &[UPDATE], &[UPDATE], ("record_update", "Patient"), |w| updating(w, "Patient", r#""gender":"male""#)),
    entry("a shared update", &[UPDATE_SHARED], &[UPDATE_SHARED], ("record_update", "Organization"), |w| updating(w, "Organization", r#""name":"New""#)),
    entry("an update of what is not there yet", &[UPDATE], &[UPDATE], ("record_create", "Patient"), |_| writing("PUT", &format!("Patient/{NOWHERE}"), &format!(r#"{{"resourceType":"Patient","id":"{NOWHERE}"}}"#), "")),
    entry("an update of what matches", AS_FOUND, &[UPDATE], ("record_update", "Patient"), |_| writing("PUT", "Patient?name=Quispe", r#"{"resourceType":"Patient","gender":"male"}"#, "")),
    entry("an update of what nothing matches", AS_NOT_FOUND, &[UPDATE], ("record_create", "Patient"), |_| writing("PUT", "Patient?name=Nobody", r#"{"resourceType":"Patient","gender":"male"}"#, "")),
    entry("a delete", &[DELETE], &[DELETE], ("record_delete", "AllergyIntolerance"), |w| asking("DELETE", &w.key("AllergyIntolerance").to_string())),
    entry("a shared delete", &[DELETE_SHARED], &[DELETE_SHARED], ("record_delete", "Organization"), |w| asking("DELETE", &w.key("Organization").to_string())),
    entry("a delete of what matches", &[SEARCH, DELETE], &[DELETE], ("record_delete", "AllergyIntolerance"), |w| asking("DELETE", &format!("AllergyIntolerance?patient={}", w.patient))),
    entry("a delete of what nothing matches", &[SEARCH, DELETE], &[DELETE], ("", ""), |_| asking("DELETE", "Patient?name=Nobody")),
    entry("a read", &[READ], &[READ], ("record_read", "Patient"), |w| asking("GET", &w.key("Patient").to_string())),
    entry("a shared read", &[READ_SHARED], &[READ_SHARED], ("record_read", "Organization"), |w| asking("GET", &w.key("Organization").to_string())),
    entry("a version read", &[HISTORY], &[HISTORY], ("record_history", "Patient"), |w| asking("GET", &format!("{}/_history/{}", w.key("Patient"), w.version("Patient")))),
    entry("a history", &[HISTORY], &[HISTORY], ("record_history", "Patient"), |w| asking("GET", &format!("{}/_history", w.key("Patient")))),
    entry("the history of a kind", &[HISTORY], &[HISTORY], ("record_history", ""), |_| asking("GET", "Patient/_history")),
    entry("a search", &[SEARCH], &[SEARCH], ("record_search", ""), |_| asking("GET", "Patient?name=Quispe")),
    entry("a shared search", &[SEARCH_SHARED], &[SEARCH_SHARED], ("record_search", ""), |_| asking("GET", "Organization?name=Post")),
];

fn writing(method: &str, url: &str, resource: &str, more: &str) -> String {
    format!(r#"{{"resource":{resource},"request":{{"method":"{method}","url":"{url}"{more}}}}}"#)
}

fn updating(world: &World, kind: &str, member: &str) -> String {
    let key = world.key(kind);
    let resource = format!(r#"{{"resourceType":"{kind}","id":"{}",{member}}}"#, key.id());
    writing("PUT", &key.to_string(), &resource, "")
}

fn asking(method: &str, url: &str) -> String {
    format!(r#"{{"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

fn token_request() -> TokenRequest {
    TokenRequest {
        user: "eva".to_owned(),
        roles: Roles::one(Role::Reader),
        kind: TokenKind::Personal,
        life_ms: None,
    }
}

fn allergy_form(patient: &str, substance: &str) -> AllergyForm {
    AllergyForm {
        patient: patient.to_owned(),
        substance: Substance::Named {
            text: substance.to_owned(),
            code: String::new(),
        },
        criticality: String::new(),
        reaction: String::new(),
        severity: String::new(),
        draft_id: String::new(),
    }
}

fn allergy_change(world: &World, criticality: Option<&str>, status: Option<&str>) -> AllergyChange {
    AllergyChange {
        id: world.allergy.clone(),
        base_version: world.version("AllergyIntolerance"),
        criticality: criticality.map(str::to_owned),
        status: status.map(str::to_owned),
    }
}

fn dose_change(id: &str) -> DoseChange {
    DoseChange {
        id: id.to_owned(),
        dose_value: "10".to_owned(),
        dose_unit: "mg".to_owned(),
        ..DoseChange::default()
    }
}

fn status_change(id: &str) -> MedicationStatusChange {
    MedicationStatusChange {
        id: id.to_owned(),
        status: "stopped".to_owned(),
        reason: "rash".to_owned(),
        ..MedicationStatusChange::default()
    }
}

fn registration() -> RegistrationForm {
    RegistrationForm {
        given: "Luz".to_owned(),
        family: "Mamani".to_owned(),
        sex: "female".to_owned(),
        ..RegistrationForm::default()
    }
}

fn phone_change(world: &World, old: Option<&str>, new: &str) -> PhoneChange {
    PhoneChange {
        patient: world.patient.clone(),
        base_version: world.version("Patient"),
        old_phone: old.map(str::to_owned),
        phone: new.to_owned(),
    }
}

fn vitals(patient: &str) -> VitalsForm {
    VitalsForm {
        patient: patient.to_owned(),
        values: Vitals {
            heart_rate: "72".to_owned(),
            ..Vitals::default()
        },
        ..VitalsForm::default()
    }
}

fn if_none(query: &str) -> CreateOptions {
    CreateOptions {
        if_none_exist: Some(query.to_owned()),
    }
}

fn update(
    world: &World,
    caller: &Caller,
    kind: &str,
    member: &str,
    value: &str,
) -> Result<chaski_store::Written, crate::record::RecordError> {
    let (mut json, version) = world.current(kind);
    crate::fhir_json::set(&mut json, member, chaski_json::Json::from(value));
    let options = UpdateOptions {
        if_match: Some(version),
        ..UpdateOptions::default()
    };
    world
        .clinic
        .record_update(caller, kind, world.key(kind).id(), json, &options)
}

fn search(world: &World, caller: &Caller, kind: &str) -> Said {
    let query = world.clinic.record_query(kind, &[], SearchOptions::default());
    said(world.clinic.record_search(caller, &query.expect("a query")))
}

/// With what it says of its progress.
fn export(world: &World, caller: &Caller) -> Said {
    let mut progress = Vec::new();
    let done = world
        .clinic
        .record_export(caller, &mut Vec::new(), &mut |records, total| {
            progress.push((records, total))
        });
    said(done.map(|report| (report, progress)))
}

fn import(world: &World, caller: &Caller) -> Said {
    let file = format!(r#"{{"resourceType":"Patient","id":"{NOWHERE}","gender":"male"}}"#);
    let done = world
        .clinic
        .record_import(caller, ImportOptions::default())
        .and_then(|mut session| {
            session.file("file", &mut file.as_bytes(), &mut |_| {})?;
            session.finish(&mut |_| {})
        });
    said(done)
}
