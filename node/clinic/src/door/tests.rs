//! What is kept back leaves no gap in pages, and is so in every version.

use std::collections::BTreeSet;

use chaski_fhir::label::CLASS_SYSTEM;
use chaski_json::{Json, json};
use chaski_store::{Base, Write};

use crate::fhir_json::set;
use crate::permissions::dispute;
use crate::record::{CreateOptions, HistoryOf, ImportOptions, RecordError, UpdateOptions};
use crate::testing::{caller, clinic, clinician, patient};
use crate::{Caller, Clinic, RecordKey};

fn uncleared() -> Caller {
    clinician().cleared_only_for(BTreeSet::new())
}

fn labels() -> Json {
    json!([{"system": CLASS_SYSTEM, "code": "PSY"}])
}

/// Makes a record, labelled or not.
fn made(clinic: &Clinic, mut json: Json, is_labelled: bool) -> RecordKey {
    if is_labelled {
        set(&mut json, "meta", json!({"security": labels()}));
    }
    let made = clinic.record_create(&clinician(), json, &CreateOptions::default());
    made.expect("created").key
}

#[test]
fn a_record_that_is_labelled_later_is_kept_back_as_it_was_before_too() {
    let clinic = clinic();
    let key = made(
        &clinic,
        json!({"resourceType": "Patient", "gender": "female"}),
        false,
    );
    let before = clinic.record_read(&clinician(), &key).expect("the record");
    let first = before.version.to_string();
    clinic
        .record_vread(&uncleared(), &key, &first)
        .expect("for all to see");
    let mut labelled = before.json;
    set(&mut labelled, "meta", json!({"security": labels()}));
    clinic
        .record_update(
            &clinician(),
            "Patient",
            key.id(),
            labelled,
            &UpdateOptions::default(),
        )
        .expect("labelled");
    let refused = clinic.record_vread(&uncleared(), &key, &first);
    assert!(
        matches!(refused, Err(RecordError::VersionNotFound(_))),
        "{refused:?}"
    );
    clinic
        .record_vread(&clinician(), &key, &first)
        .expect("to who is cleared");
    let history = clinic.record_history(&uncleared(), &HistoryOf::Record(key), None, None, None);
    assert!(matches!(history, Err(RecordError::NotFound(_))), "{history:?}");
}

/// What was said before the label is told neither of the record nor of its kind nor of all.
#[test]
fn history_of_a_kind_keeps_back_what_was_said_before_the_label() {
    let clinic = clinic();
    let key = made(
        &clinic,
        json!({"resourceType": "Patient", "gender": "female"}),
        false,
    );
    let mut json = clinic.record_read(&clinician(), &key).expect("the record").json;
    set(&mut json, "meta", json!({"security": labels()}));
    let labelled = clinic.record_update(&clinician(), "Patient", key.id(), json, &UpdateOptions::default());
    labelled.expect("labelled");
    for of in [HistoryOf::Kind("Patient".to_owned()), HistoryOf::All] {
        let told = clinic
            .record_history(&uncleared(), &of, None, None, None)
            .expect("a page");
        assert_eq!(told.entries.len(), 0, "{of:?}");
        let whole = clinic
            .record_history(&clinician(), &of, None, None, None)
            .expect("a page");
        assert_eq!(whole.entries.len(), 2);
    }
}

#[test]
fn pages_of_history_are_full_and_end() {
    let clinic = clinic();
    for number in 0..10 {
        made(
            &clinic,
            json!({"resourceType": "Location", "name": format!("{number}")}),
            number % 2 == 0,
        );
    }
    let of = HistoryOf::Kind("Location".to_owned());
    let none = clinic.record_history(&uncleared(), &of, None, None, Some(0));
    assert_eq!(none.expect("a page").entries.len(), 0);
    for (count, sizes) in [(2, vec![2, 2, 1]), (5, vec![5]), (4, vec![4, 1]), (50, vec![5])] {
        let (mut told, mut cursor) = (Vec::new(), None);
        loop {
            let of = HistoryOf::Kind("Location".to_owned());
            let page = clinic.record_history(&uncleared(), &of, None, cursor.as_deref(), Some(count));
            let page = page.expect("a page");
            assert!(page.entries.iter().all(|entry| {
                let name = entry.json.as_ref().and_then(|json| json.get("name")?.as_str());
                name.is_some_and(|name| name.parse::<u32>().is_ok_and(|name| name % 2 == 1))
            }));
            told.push(page.entries.len());
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        // Whether anything is left is not known before it was looked at: a last page may be empty.
        if told.last() == Some(&0) {
            told.pop();
        }
        assert_eq!(told, sizes, "{count} a page");
    }
}

#[test]
fn pages_of_conflicts_are_full_and_end() {
    let clinic = clinic();
    let patient = patient(&clinic);
    for number in 0..6 {
        let order = json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "subject": {"reference": format!("Patient/{patient}")},
            "medicationCodeableConcept": {"text": format!("{number}")},
            "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]}]});
        dispute(&clinic, &made(&clinic, order, number % 2 == 0));
    }
    for (count, sizes) in [(1, vec![1, 1, 1]), (2, vec![2, 1]), (3, vec![3]), (9, vec![3])] {
        let (mut told, mut cursor) = (Vec::new(), None);
        loop {
            let page = clinic.conflict_list(&uncleared(), cursor.as_deref(), count);
            let page = page.expect("a page");
            assert_eq!(page.total, 3);
            let records: BTreeSet<String> = page.rows.iter().map(|row| row.record.to_string()).collect();
            told.push(records.len());
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        if told.last() == Some(&0) {
            told.pop();
        }
        assert_eq!(told, sizes, "{count} a page");
    }
    assert_eq!(clinic.conflict_count(&uncleared()).expect("a number"), Some(3));
    assert_eq!(clinic.conflict_count(&clinician()).expect("a number"), Some(6));
}

/// The store looks a condition up once more as it writes, and must not find what was kept back before.
#[test]
fn a_condition_finds_nothing_that_is_kept_back() {
    let clinic = clinic();
    let place = |name: &str| json!({"resourceType": "Location", "name": name, "status": "active"});
    for is_update in [false, true] {
        let name = format!("ward {is_update}");
        let hidden = made(&clinic, place(&name), true);
        let query = format!("name={name}");
        let write = |caller: &Caller| match is_update {
            true => clinic.record_update_where(
                caller,
                "Location",
                &query,
                place(&name),
                &UpdateOptions::default(),
            ),
            false => {
                let options = CreateOptions {
                    if_none_exist: Some(query.clone()),
                };
                clinic.record_create(caller, place(&name), &options)
            }
        };
        let written = write(&uncleared()).expect("as if there were none");
        assert!(written.created && written.key != hidden, "{written:?}");
        let again = write(&uncleared()).expect("the same one");
        assert_eq!((again.key, again.created), (written.key, false));
        let refused = write(&clinician());
        assert!(
            matches!(refused, Err(RecordError::MultipleMatches(_))),
            "{refused:?}"
        );
    }
}

const ID: &str = "0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa";

/// An observation of this patient under one id, labelled or not.
fn observation(patient: &str, text: &str, is_labelled: bool) -> Json {
    let mut json = json!({"resourceType": "Observation", "id": ID, "status": "final", "code": {"text": "x"},
        "note": [{"text": text}], "subject": {"reference": format!("Patient/{patient}")}});
    if is_labelled {
        set(&mut json, "meta", json!({"security": labels()}));
    }
    json
}

fn of() -> RecordKey {
    RecordKey::new("Observation", ID).expect("a key")
}

fn begin(clinic: &Clinic, json: Json) {
    let write = Write::Put {
        key: of(),
        json,
        base: Base::OfPatient,
        resolution: false,
    };
    clinic
        .store()
        .commit(clinician().context(), vec![write])
        .expect("begun");
}

fn end(clinic: &Clinic) {
    let delete = Write::Delete {
        key: of(),
        base: Base::Current,
    };
    clinic
        .store()
        .commit(clinician().context(), vec![delete])
        .expect("deleted");
}

/// What each record of the id says that is not deleted.
fn said(clinic: &Clinic) -> Vec<String> {
    let all = clinic.store().raw(&of()).expect("the records").into_iter();
    let note = |json: &Json| {
        json.pointer("/note/0/text")
            .and_then(Json::as_str)
            .map(str::to_owned)
    };
    all.filter_map(|(json, _)| note(&json)).collect()
}

/// Imports these records; gives how many were created, updated, left as they were and refused.
fn imported(clinic: &Clinic, caller: &Caller, lines: &[Json]) -> [u64; 4] {
    let mut session = clinic
        .record_import(caller, ImportOptions::default())
        .expect("a session");
    let text: String = lines.iter().map(|line| line.canonical() + "\n").collect();
    session
        .file("f", &mut text.as_bytes(), &mut |_| {})
        .expect("a file");
    let report = session.finish(&mut |_| {}).expect("finished");
    [report.created, report.updated, report.unchanged, report.refused]
}

/// Whatever of one id stands, beside what a caller may see or alone: a body that names its patient does not reach it,
/// and a line of an import that does ends nothing else.
#[test]
fn what_is_kept_back_is_neither_written_over_nor_revived() {
    for (is_deleted, is_beside) in [(false, true), (true, true), (false, false)] {
        let clinic = clinic();
        let (seen, hidden) = (patient(&clinic), patient(&clinic));
        begin(&clinic, observation(&hidden, "SECRET", true));
        if is_deleted {
            end(&clinic);
        }
        if is_beside {
            begin(&clinic, observation(&seen, "open", false));
        }
        let before = said(&clinic);
        let body = observation(&hidden, "OVERWRITTEN", false);
        let options = UpdateOptions::default();
        let put = clinic.record_update(&uncleared(), "Observation", ID, body.clone(), &options);
        assert!(matches!(put, Err(RecordError::NotFound(_))), "{put:?}");
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": body.clone(), "request": {"method": "PUT", "url": format!("Observation/{ID}")}}]});
        assert!(clinic.bundle_process(&uncleared(), bundle).is_err());
        let importer = caller("administrator,clinician").cleared_only_for(BTreeSet::new());
        let mut other = observation(&seen, "another", false);
        set(
            &mut other,
            "id",
            Json::from("0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2ab"),
        );
        assert_eq!(imported(&clinic, &importer, &[body, other]), [1, 0, 0, 1]);
        assert_eq!(
            said(&clinic),
            before,
            "deleted: {is_deleted}, beside: {is_beside}"
        );
    }
}

/// The end of what a caller sees is told, whatever else is hidden under its id.
#[test]
fn what_is_kept_back_does_not_change_what_history_tells() {
    for is_hidden in [false, true] {
        let clinic = clinic();
        let (seen, hidden) = (patient(&clinic), patient(&clinic));
        begin(&clinic, observation(&seen, "open", false));
        end(&clinic);
        if is_hidden {
            begin(&clinic, observation(&hidden, "SECRET", true));
        }
        for of in [HistoryOf::Record(of()), HistoryOf::Kind("Observation".to_owned())] {
            let page = clinic.record_history(&uncleared(), &of, None, None, None);
            let ends: Vec<bool> = page
                .expect("a page")
                .entries
                .iter()
                .map(|one| one.deleted)
                .collect();
            assert_eq!(ends, [true, false], "{of:?}, hidden: {is_hidden}");
        }
    }
}

/// A device with the identifier of one that is kept back is made as if there were none.
#[test]
fn a_condition_tells_nothing_of_what_is_kept_back_by_the_id_that_it_gives() {
    for is_deleted in [false, true] {
        let clinic = clinic();
        let options = CreateOptions {
            if_none_exist: Some("identifier=urn:n|7".to_owned()),
        };
        let device = |status: &str| {
            json!({"resourceType": "Device", "status": status,
                "identifier": [{"system": "urn:n", "value": "7"}]})
        };
        let mut secret = device("active");
        set(&mut secret, "meta", json!({"security": labels()}));
        let hidden = clinic
            .record_create(&clinician(), secret, &options)
            .expect("created")
            .key;
        if is_deleted {
            clinic
                .record_delete(&clinician(), &hidden, None)
                .expect("deleted");
        }
        // Made in a bundle, by an update of what nothing meets, or by itself.
        let entry = |request: Json| {
            json!({"resourceType": "Bundle", "type": "transaction",
                "entry": [{"resource": device("inactive"), "request": request}]})
        };
        let post = json!({"method": "POST", "url": "Device", "ifNoneExist": "identifier=urn:n|7"});
        let put = json!({"method": "PUT", "url": "Device?identifier=urn:n|7"});
        for request in [post, put] {
            clinic.bundle_process(&uncleared(), entry(request)).expect("made");
            let found = clinic.store().keys().expect("the keys");
            let own = found
                .into_iter()
                .filter(|key| *key != hidden && key.kind() == "Device");
            let own: Vec<RecordKey> = own.collect();
            assert_eq!(own.len(), 1, "it is made once, and not under the other's id");
            clinic
                .record_delete(&uncleared(), &own[0], None)
                .expect("deleted");
        }
        let put = clinic.record_update_where(
            &uncleared(),
            "Device",
            "identifier=urn:n|7",
            device("active"),
            &UpdateOptions::default(),
        );
        let put = put.expect("made");
        assert!(put.created && put.key != hidden);
        clinic
            .record_delete(&uncleared(), &put.key, None)
            .expect("deleted");
        let made = clinic.record_create(&uncleared(), device("inactive"), &options);
        let made = made.expect("created");
        assert!(made.created && made.key != hidden);
        let stands = clinic.store().raw(&hidden).expect("the record");
        assert_eq!(stands.is_empty(), is_deleted, "it is as it was");
        let put = clinic.record_update_where(
            &uncleared(),
            "Device",
            "identifier=urn:n|7",
            device("active"),
            &UpdateOptions::default(),
        );
        assert_eq!(put.expect("updated").key, made.key);
    }
}

#[test]
fn numbers_leave_out_what_is_kept_back() {
    let clinic = clinic();
    let (seen, hidden) = (patient(&clinic), patient(&clinic));
    begin(&clinic, observation(&hidden, "SECRET", true));
    let told = |caller: &Caller| {
        let status = clinic.status_view(caller).expect("a status");
        (status.records, status.conflicts)
    };
    assert_eq!((told(&clinician()), told(&uncleared())), ((3, 0), (2, 0)));
    begin(&clinic, observation(&seen, "open", false));
    assert_eq!(told(&clinician()), (4, 1));
    // That it collides with something is told with the one that is seen.
    assert_eq!(told(&uncleared()), (3, 1));
}

/// What an answer tells was read, also where nothing was written.
#[test]
fn what_is_told_without_being_written_is_in_the_audit() {
    let clinic = clinic();
    let key = made(
        &clinic,
        json!({"resourceType": "Patient", "gender": "female", "birthDate": "1980-05-04"}),
        false,
    );
    let entries = |action: &str| {
        clinic.store().audit_flush().expect("flushed");
        let page = clinic.store().audit_list(None, 500).expect("the log");
        let of = page.entries.iter().filter(|entry| entry.action == action);
        of.map(|entry| u64::from(entry.repeats)).sum::<u64>()
    };
    let options = CreateOptions {
        if_none_exist: Some("birthdate=1980-05-04".to_owned()),
    };
    let body = json!({"resourceType": "Patient", "gender": "male"});
    let (reads, searches) = (entries("record_read"), entries("record_search"));
    let written = clinic
        .record_create(&clinician(), body, &options)
        .expect("matched");
    assert!(written.unchanged && written.key == key);
    clinic.record_written(&clinician(), &written).expect("told");
    assert_eq!(
        (entries("record_read"), entries("record_search")),
        (reads + 1, searches + 1)
    );
    let nothing = clinic.record_delete_where(&clinician(), "Patient", "phone=nothing", None);
    assert!(nothing.is_ok());
    let about = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient?identifier=urn:none|1"}});
    assert!(
        clinic
            .record_create(&clinician(), about, &CreateOptions::default())
            .is_err()
    );
    assert_eq!(entries("record_search"), searches + 3);
}

/// Whoever may not read patients learns of none whether it is here by referring to it.
#[test]
fn a_reference_tells_nothing_to_who_may_not_read_what_it_names() {
    let clinic = clinic();
    let here = patient(&clinic);
    let about = |id: &str| {
        json!({"resourceType": "Questionnaire", "status": "draft",
            "extension": [{"url": "urn:x", "valueReference": {"reference": format!("Patient/{id}")}}]})
    };
    for id in [here.as_str(), "0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2ac"] {
        let refused = clinic.record_create(&caller("administrator"), about(id), &CreateOptions::default());
        assert!(
            matches!(refused, Err(RecordError::ReferenceMissing { .. })),
            "{refused:?}"
        );
    }
    clinic
        .record_create(&clinician(), about(&here), &CreateOptions::default())
        .expect("by who may read it");
}

/// What an export tells of records of one id comes back as it was told: two people are never made one.
#[test]
fn an_export_of_what_collides_comes_back_as_it_was() {
    let to = |clinic: &Clinic| {
        let mut out = Vec::new();
        let operator = caller("administrator,clinician");
        clinic
            .record_export(&operator, &mut out, &mut |_, _| {})
            .expect("exported");
        String::from_utf8(out).expect("text")
    };
    let operator = caller("administrator,clinician");
    let from = |clinic: &Clinic, text: &str| {
        let lines: Vec<Json> = text.lines().map(crate::testing::parsed).collect();
        imported(clinic, &operator, &lines)
    };
    let person = |name: &str, linked: Option<&str>| {
        let mut json = json!({"resourceType": "Patient", "id": ID, "name": [{"family": name}]});
        if let Some(other) = linked {
            let link = json!([{"other": {"reference": format!("Patient/{other}")}, "type": "seealso"}]);
            set(&mut json, "link", link);
        }
        json
    };
    let source = clinic();
    let (one, other) = (patient(&source), patient(&source));
    let make = |json: Json| {
        let write = Write::Put {
            key: RecordKey::new(crate::fhir_json::text(&json, "resourceType"), ID).expect("a key"),
            json,
            base: Base::OneOfSeveral,
            resolution: false,
        };
        source
            .store()
            .commit(clinician().context(), vec![write])
            .expect("begun");
    };
    make(person("Plain", None));
    make(person("Linked", Some(&other)));
    // Of both sides one patient is named by each.
    make(observation(&one, "of one", false));
    let mut both = observation(&one, "of both", false);
    let performer = json!([{"reference": format!("Patient/{other}")}]);
    set(&mut both, "performer", performer);
    make(both);
    let exported = to(&source);
    assert_eq!(exported.lines().count(), 6);
    let fresh = clinic();
    assert_eq!(from(&fresh, &exported), [6, 0, 0, 0]);
    assert_eq!(from(&fresh, &exported), [0, 0, 6, 0]);
    assert_eq!(said(&fresh), said(&source));
    let names = |clinic: &Clinic| {
        let key = RecordKey::new("Patient", ID).expect("a key");
        let all = clinic.store().raw(&key).expect("the records").into_iter();
        let mut names: Vec<String> = all
            .map(|(json, _)| json.pointer("/name").expect("a name").canonical())
            .collect();
        names.sort();
        names
    };
    assert_eq!((names(&fresh).len(), names(&fresh)), (2, names(&source)));
    // What was changed since is not undone by the same file, and the answer to the change is the record it was about.
    let sides = fresh
        .store()
        .conflict(clinician().context(), &of())
        .expect("looked at")
        .expect("it collides");
    let side = sides.items[0].values[0].value.clone().expect("a record");
    let mut changed = side.clone();
    set(&mut changed, "note", json!([{"text": "changed since"}]));
    let history = fresh.record_history(&clinician(), &HistoryOf::Record(of()), None, None, None);
    let mut versions = history.expect("a page").entries.into_iter();
    let is_side = |json: &Json| json.get("note") == side.get("note");
    let version = versions
        .find(|one| one.json.as_ref().is_some_and(is_side))
        .expect("its version")
        .version;
    let options = UpdateOptions {
        if_match: Some(version.to_string()),
        ..UpdateOptions::default()
    };
    let written = fresh
        .record_update(&clinician(), "Observation", ID, changed, &options)
        .expect("changed");
    let told = fresh.record_written(&clinician(), &written).expect("told").json;
    assert_eq!(
        told.pointer("/note/0/text").and_then(Json::as_str),
        Some("changed since")
    );
    // What is changed here is kept, which is not "as before".
    assert_eq!(from(&fresh, &exported), [0, 0, 5, 0]);
    assert!(said(&fresh).contains(&"changed since".to_owned()));
    let mut lines: Vec<String> = exported.lines().map(str::to_owned).collect();
    lines.reverse();
    let reversed = clinic();
    assert_eq!(from(&reversed, &format!("{}\n", lines.join("\n"))), [6, 0, 0, 0]);
    assert_eq!(names(&reversed), names(&source));
    // Two that name the same patients by now are one to whoever has not seen how they began: the second is refused.
    let twins = [
        observation(&one, "of one", false),
        observation(&one, "of one too", false),
    ]
    .map(|mut twin| {
        let mark = json!([{"url": chaski_store::CONFLICT_URL,
            "extension": [{"url": "path", "valueString": chaski_store::COLLISION_PATH}]}]);
        set(&mut twin, "meta", json!({"extension": mark}));
        twin
    });
    let [first, second] = twins;
    let lines = [first.clone(), second, first];
    let third = clinic();
    assert_eq!(imported(&third, &operator, &lines), [1, 0, 1, 1]);
    assert_eq!(said(&third), ["of one"]);
}
