//! Two clinics work apart on the same people, then meet.

use chaski_tests::chaski::{Site, two_clinics};
use chaski_tests::kit::synthea;
use serde_json::{Value, json};

const PATIENT: &str = "Patient/0190f5a0-0000-7000-8000-00000000a001";
const PRESCRIPTION: &str = "MedicationRequest/0190f5a0-0000-7000-8000-00000000b001";

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": PATIENT.split_once('/').unwrap().1,
        "name": [{"family": "Mamani", "given": ["Rosa"]}],
        "gender": "female", "birthDate": "1984-03-02",
        "telecom": [{"system": "phone", "value": "555 0100", "use": "home"}],
    })
}

fn prescription() -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": PRESCRIPTION.split_once('/').unwrap().1,
        "status": "active", "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "860975"}]},
        "subject": {"reference": PATIENT},
        "dosageInstruction": [dose("500")],
    })
}

fn dose(milligrams: &str) -> Value {
    let quantity = json!({"value": milligrams.parse::<u32>().unwrap(), "unit": "mg"});
    json!({"text": format!("{milligrams} mg twice a day"), "doseAndRate": [{"doseQuantity": quantity}]})
}

fn allergy(id: &str, code: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": id,
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        "code": {"text": code}, "patient": {"reference": PATIENT},
    })
}

/// Reads, changes and writes back, as a client that sends whole resources does.
fn edit(site: &Site, reference: &str, change: impl FnOnce(&mut Value)) {
    let mut record = site.read(reference);
    change(&mut record);
    site.put(&record).ok();
}

fn without_meta(mut record: Value) -> Value {
    record.as_object_mut().unwrap().remove("meta");
    record
}

#[test]
fn thirty_patients_each_then_equal() {
    let Some(synthea) = synthea() else { return };
    let (a, b) = two_clinics();
    for (site, patients) in [(&a, &synthea.patients[..30]), (&b, &synthea.patients[30..60])] {
        site.import(&synthea.shared);
        site.import(patients);
    }
    let served = a.serve();
    let (code, report) = b.sync(&served);
    assert_eq!((code, &report["in_sync"]), (0, &json!(true)), "{report}");
    let (code, second) = b.sync(&served);
    assert_eq!(code, 0, "{second}");
    let moved = second["bytes_out"].as_u64().unwrap() + second["bytes_in"].as_u64().unwrap();
    assert!(moved <= 1024, "a second sync moved {moved} bytes: {second}");
    let (here, there) = (a.export(), b.export());
    assert!(here.lines().count() > 18_000, "{} records", here.lines().count());
    assert!(here == there, "the exports differ");
    assert_eq!(a.status()["fingerprint"], b.status()["fingerprint"]);
}

#[test]
fn the_same_bundles_imported_apart_double_nothing() {
    let Some(synthea) = synthea() else { return };
    let (a, b) = two_clinics();
    for site in [&a, &b] {
        site.import(&synthea.shared);
        site.import(&synthea.patients[..4]);
    }
    let records = a.status()["records"].clone();
    assert_eq!(b.status()["records"], records);
    let served = a.serve();
    let (code, report) = b.sync(&served);
    assert_eq!(code, 0, "{report}");
    assert_eq!(a.status()["records"], records);
    assert_eq!(a.export(), b.export());
    assert_eq!(a.conflicts(), json!([]), "equal imports are no conflict");
    // And once more into one: idempotent.
    let before = a.export();
    a.import(&synthea.patients[..1]);
    assert_eq!(a.export(), before);
}

#[test]
fn apart_then_together_field_by_field() {
    let (a, b) = two_clinics();
    a.put(&patient()).ok();
    a.put(&prescription()).ok();
    {
        let served = a.serve();
        assert_eq!(b.sync(&served).0, 0);
    }
    edit(&a, PATIENT, |p| {
        p["telecom"][0]["value"] = json!("555 0111");
        p["telecom"]
            .as_array_mut()
            .unwrap()
            .push(json!({"system": "phone", "value": "555 0222", "use": "mobile"}));
    });
    a.put(&allergy("0190f5a0-0000-7000-8000-00000000c00a", "Penicillin"))
        .ok();
    edit(&a, PRESCRIPTION, |m| {
        m["dosageInstruction"] = json!([dose("750")])
    });

    edit(&b, PATIENT, |p| {
        p["telecom"][0]["value"] = json!("555 0133");
        p["telecom"]
            .as_array_mut()
            .unwrap()
            .push(json!({"system": "phone", "value": "555 0444", "use": "work"}));
    });
    b.put(&allergy("0190f5a0-0000-7000-8000-00000000c00b", "Latex"))
        .ok();
    edit(&b, PRESCRIPTION, |m| {
        m["dosageInstruction"] = json!([dose("250")])
    });
    edit(&b, PRESCRIPTION, |m| m["status"] = json!("stopped"));

    let served = a.serve();
    let (code, report) = b.sync(&served);
    assert_eq!(code, 0, "{report}");
    let phones: Vec<String> = a.read(PATIENT)["telecom"]
        .as_array()
        .unwrap()
        .iter()
        .map(|contact| contact["value"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(phones.len(), 3, "{phones:?}");
    for phone in ["555 0133", "555 0222", "555 0444"] {
        assert!(
            phones.iter().any(|shown| shown == phone),
            "{phone} not in {phones:?}"
        );
    }
    let history = a.run(&["get", PATIENT, "--history"]).ok().out;
    assert!(
        history.contains("555 0111"),
        "the other phone is not in the history: {history}"
    );
    let export = a.export();
    assert!(export.contains("Penicillin") && export.contains("Latex"));
    assert_eq!(export, b.export());

    for site in [&a, &b] {
        let conflicts = site.conflicts();
        let prescription: Vec<&Value> = conflicts
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["record"] == PRESCRIPTION)
            .collect();
        assert!(!prescription.is_empty(), "{conflicts}");
        let text = conflicts.to_string();
        assert!(
            text.contains("750") && text.contains("250") && text.contains("stopped"),
            "{text}"
        );
        for value in prescription[0]["values"].as_array().unwrap() {
            for field in ["value", "author", "site", "user", "time", "version"] {
                assert!(value.get(field).is_some(), "{field} is not in {value}");
            }
        }
    }
    assert_eq!(
        without_meta(a.read(PRESCRIPTION)),
        without_meta(b.read(PRESCRIPTION))
    );

    while let Some(conflict) = a.conflicts().as_array().unwrap().first().cloned() {
        let (record, path) = (
            conflict["record"].as_str().unwrap(),
            conflict["path"].as_str().unwrap(),
        );
        a.run(&["resolve", record, path, "--pick", "1"]).ok();
    }
    let (code, _) = b.sync(&served);
    assert_eq!(code, 0);
    assert_eq!(b.conflicts(), json!([]));
    assert_eq!(a.export(), b.export());
}
