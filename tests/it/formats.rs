//! A directory that an earlier version wrote: it opens, is whole, and says what it said.
//!
//! `fixtures/directory-v1` was written on 2026-12-01 by [`write_the_directory`]. It is written anew while the
//! formats of 0.1.0 may still change (last: the index keeps the words that the search box finds a patient by). From
//! then on it never changes; a later format gets a directory of its own
//! beside it.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use chaski_tests::chaski::{Site, two_clinics};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/directory-v1")
}

fn unpacked(name: &str) -> Vec<u8> {
    let file = fs::File::open(fixture().join(format!("{name}.gz"))).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Paths of the files below `folder`, from there.
fn files(folder: &Path, below: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            found.extend(files(folder, &path));
        } else if entry.path().is_file() {
            found.push(path);
        }
    }
    found
}

/// A copy of the fixture, with the passphrase it was made with.
fn directory() -> Site {
    let site = Site::stranger();
    fs::create_dir_all(site.data().join("db")).unwrap();
    for path in files(&fixture(), "data") {
        let name = path.strip_suffix(".gz").unwrap();
        fs::write(site.home.path().join(name), unpacked(name)).unwrap();
    }
    site
}

#[test]
fn a_directory_of_the_first_format_says_what_it_said() {
    let site = directory();
    let doctor = site.run(&["doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:#?}");
    assert_eq!(site.export().into_bytes(), unpacked("export.ndjson"));
    let expected: Value = serde_json::from_slice(&unpacked("conflicts.json")).unwrap();
    assert_eq!(site.conflicts(), expected);
    let found = site.run(&["status", "--json"]).ok().json();
    assert_eq!(
        (&found["records"], &found["conflicts"]),
        (&json!(7), &json!(3)),
        "{found}"
    );
    let history = site.run(&["get", "Patient/0190a000-0000-7000-8000-000000000001", "--history"]);
    assert_eq!(history.ok().out.into_bytes(), unpacked("history.json"));
}

#[test]
fn a_directory_of_the_first_format_is_written_to_and_meets_others() {
    let site = directory();
    let conflicts = site.conflicts();
    let conflicts = conflicts.as_array().unwrap();
    assert_eq!(conflicts.len(), 2);
    for conflict in conflicts {
        let text = |name: &str| conflict[name].as_str().unwrap();
        let command = ["resolve", text("record"), text("path"), "--pick", "1", "--json"];
        let decided = site.run(&command).ok().json();
        let own_ids = decided["apart"].as_array().unwrap().len();
        assert_eq!(own_ids, usize::from(text("path") == "!collision"), "{decided}");
    }
    assert_eq!(site.conflicts(), json!([]));
    let served = site.serve();
    let other = Site::join("Later", &site.invite("clinic"));
    let (code, report) = other.sync(&served);
    assert_eq!((code, &report["in_sync"]), (0, &json!(true)), "{report}");
    assert_eq!(other.export(), site.export());
}

/// Writes the fixture anew, for the version that is built now: `cargo test -p chaski-tests -- --ignored
/// write_the_directory`, with the folder to write in `CHASKI_FIXTURE`.
#[test]
#[ignore = "writes a fixture"]
fn write_the_directory() {
    let Some(out) = std::env::var_os("CHASKI_FIXTURE").map(PathBuf::from) else {
        return chaski_tests::skip("CHASKI_FIXTURE names no folder");
    };
    let (a, b) = two_clinics();
    let id = |number: u8| format!("0190a000-0000-7000-8000-{number:012}");
    let patient = |phone: &str| {
        json!({"resourceType": "Patient", "id": id(1), "active": true, "birthDate": "1980-02-29",
            "name": [{"family": "Mamani Quispe", "given": ["Rosa", "de los Ángeles"]}],
            "telecom": [{"system": "phone", "value": phone}]})
    };
    let prescription = |dose: &str| {
        json!({"resourceType": "MedicationRequest", "id": id(2), "status": "active", "intent": "order",
            "medicationCodeableConcept": {"text": "Amoxicillin"},
            "subject": {"reference": format!("Patient/{}", id(1))},
            "dosageInstruction": [{"text": dose}]})
    };
    a.put(&patient("+51 900 000 001")).ok();
    a.put(&prescription("250 mg, 3 times a day")).ok();
    // Larger than one stored piece, and a record that is gone.
    let text = "a long letter; ".repeat(2_000);
    let data: String = text.bytes().map(|byte| char::from(b'A' + byte % 26)).collect();
    a.put(&json!({"resourceType": "Binary", "id": id(3), "contentType": "text/plain", "data": data}))
        .ok();
    a.put(&json!({"resourceType": "Practitioner", "id": id(4), "name": [{"text": "Dr. Test"}]}))
        .ok();
    // Made sensitive after it was written for all to see.
    let mut result = json!({"resourceType": "Observation", "id": id(5), "status": "registered",
        "code": {"text": "HIV 1+2 Ab"}, "subject": {"reference": format!("Patient/{}", id(1))}});
    a.put(&result).ok();
    result["status"] = json!("final");
    result["valueString"] = json!("negative");
    result["meta"] = json!({"security": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]});
    a.put(&result).ok();
    // One id, and at each site another patient's record.
    let problem = |patient: u8, text: &str| {
        json!({"resourceType": "Condition", "id": id(6), "code": {"text": text},
            "subject": {"reference": format!("Patient/{}", id(patient))}})
    };
    a.put(&problem(1, "asthma")).ok();
    b.put(&json!({"resourceType": "Patient", "id": id(7), "name": [{"family": "Condori"}]}))
        .ok();
    b.put(&problem(7, "diabetes")).ok();
    let served = a.serve();
    let said = b.sync(&served);
    assert_eq!(said.0, 0, "{said:?}");
    drop(served);
    a.put(&patient("+51 900 000 002")).ok();
    a.put(&prescription("500 mg, 3 times a day")).ok();
    b.put(&prescription("250 mg, 2 times a day")).ok();
    let served = a.serve();
    let token = served.token(&["administrator", "clinician"]);
    let http = chaski_tests::http::Http::new(&served.base(), &token);
    http.send("DELETE", &format!("/fhir/Practitioner/{}", id(4)), &[], b"")
        .expect(204);
    assert_eq!(b.sync(&served).0, 0);
    drop(served);
    let pack = |name: &str, bytes: &[u8]| {
        let path = out.join(format!("{name}.gz"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut packed = GzEncoder::new(fs::File::create(path).unwrap(), Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap();
    };
    pack("export.ndjson", a.export().as_bytes());
    pack("conflicts.json", a.conflicts().to_string().as_bytes());
    let history = a
        .run(&["get", &format!("Patient/{}", id(1)), "--history"])
        .ok()
        .out;
    pack("history.json", history.as_bytes());
    for path in files(a.home.path(), "data") {
        if !path.ends_with(".lock") {
            pack(&path, &fs::read(a.home.path().join(&path)).unwrap());
        }
    }
}
