//! A decision writes what was chosen and nothing else, and a row tells what it is about.

use super::*;
use crate::Purpose;
use crate::testing::caller_as;

/// A record of which two people set one member from the same version; a member without value is removed.
fn apart(base: &str, member: &str, values: [&str; 2]) -> (crate::Clinic, RecordKey) {
    let clinic = clinic();
    let base = base.replace("PATIENT", &format!("Patient/{}", patient(&clinic)));
    let base = parsed(&base);
    let kind = crate::fhir_json::text(&base, "resourceType").to_owned();
    let id = put(&clinic, base);
    let key = RecordKey::new(&kind, &id).expect("a key");
    let read = clinic.record_read(&clinician(), &key).expect("the record");
    for (user, value) in ["ana", "ben"].into_iter().zip(values) {
        let mut json = read.json.clone();
        match value {
            "" => drop(json.as_object_mut().expect("an object").remove(member)),
            value => crate::fhir_json::set(&mut json, member, parsed(value)),
        }
        let options = UpdateOptions {
            if_match: Some(read.version.to_string()),
            merge: true,
            ..UpdateOptions::default()
        };
        let caller = caller_as(user, "clinician", &Purpose::Treatment);
        clinic
            .record_update(&caller, &kind, &id, json, &options)
            .expect("written");
    }
    (clinic, key)
}

const BORN: &str = r#"{"resourceType":"Patient","name":[{"family":"Flores"}],"birthDate":"1980-01-01"}"#;

fn born(clinic: &crate::Clinic, key: &RecordKey) -> Option<String> {
    let read = clinic.record_read(&clinician(), key).expect("the record");
    Some(read.json.get("birthDate")?.as_str()?.to_owned())
}

#[test]
fn what_is_picked_is_written_whichever_it_is() {
    let (one, other) = (r#""1981-01-01""#, r#""1982-01-01""#);
    for number in [1, 2] {
        let (clinic, key) = apart(BORN, "birthDate", [one, other]);
        let row = clinic.conflict_view(&clinician(), &key).expect("rows").remove(0);
        let before = (born(&clinic, &key), row.version.clone());
        for wrong in [0, 3, usize::MAX] {
            let refused = clinic.conflict_resolve(&clinician(), &key, &row.path, Choice::Pick(wrong), None);
            assert!(
                matches!(refused, Err(ConflictError::NoSuchValue(2))),
                "{refused:?}"
            );
        }
        let stale = clinic.conflict_resolve(&clinician(), &key, &row.path, Choice::Pick(number), Some("x"));
        assert!(matches!(stale, Err(ConflictError::Changed)), "{stale:?}");
        let same = clinic.conflict_view(&clinician(), &key).expect("rows").remove(0);
        assert_eq!((born(&clinic, &key), same.version), before);
        let pick = Choice::Pick(number);
        let version = clinic.conflict_resolve(&clinician(), &key, &row.path, pick, Some(&row.version));
        let picked = row.values[number - 1].value.as_ref().and_then(Json::as_str);
        assert_eq!(born(&clinic, &key).as_deref(), picked);
        let read = clinic.record_read(&clinician(), &key).expect("the record");
        assert_eq!(version.expect("resolved").version, read.version.to_string());
        assert_ne!(row.version, read.version.to_string());
        assert_eq!(read.conflicts, 0);
        let again = clinic.conflict_resolve(&clinician(), &key, &row.path, Choice::Pick(1), None);
        assert!(matches!(again, Err(ConflictError::NotOpen)), "{again:?}");
    }
    for (choice, wanted) in [
        (Choice::Value(Json::from("1990-05-05")), Some("1990-05-05")),
        (Choice::Value(Json::Null), None),
    ] {
        let (clinic, key) = apart(BORN, "birthDate", [one, other]);
        clinic
            .conflict_resolve(&clinician(), &key, "birthDate", choice, None)
            .expect("resolved");
        assert_eq!(born(&clinic, &key).as_deref(), wanted);
        assert!(clinic.conflict_view(&clinician(), &key).expect("rows").is_empty());
    }
}

#[test]
fn a_row_tells_what_it_is_about_and_who_said_what() {
    let observed = |more: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"Potassium"}},"valueString":"x"{more}}}"#
        )
    };
    let subject = r#","subject":{"reference":"PATIENT"}"#;
    let (high, low) = (r#""high""#, r#""low""#);
    let potassium = |subject: &str, values| (observed(subject), "valueString", values, "Potassium");
    let dates = [r#""1981-01-01""#, r#""1982-01-01""#];
    for ((base, member, values, title), name) in [
        ((BORN.to_owned(), "birthDate", dates, "Flores"), Some("Flores")),
        (potassium(subject, [high, low]), Some("Rosa Quispe")),
        (potassium("", [high, low]), None),
        (potassium(subject, ["", low]), Some("Rosa Quispe")),
    ] {
        let (clinic, key) = apart(&base, member, values);
        let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
        let page = clinic.conflict_list(&clinician(), None, 10).expect("a page");
        assert_eq!((&page.rows, page.total, page.next.clone()), (&rows, 1, None));
        let row = &rows[0];
        let read = clinic.record_read(&clinician(), &key).expect("the record");
        assert_eq!(
            (row.record.clone(), row.kind.as_str()),
            (key.to_string(), key.kind())
        );
        assert_eq!(
            (row.title.as_str(), &row.version),
            (title, &read.version.to_string())
        );
        assert_eq!(
            row.patient.as_ref().map(|(_, name)| name.as_str()),
            name,
            "{base}"
        );
        if let Some((id, _)) = &row.patient {
            let patient = RecordKey::new("Patient", id).expect("a key");
            assert!(clinic.record_read(&clinician(), &patient).is_ok());
        }
        assert_eq!(row.values.len(), 2);
        for (user, value) in ["ana", "ben"].into_iter().zip(values) {
            let own = row
                .values
                .iter()
                .find(|own| own.author.user == user)
                .expect("a side");
            assert_eq!(own.author.role, "clinician");
            assert!(
                own.author.written_ms > 0 && own.change.len() == 64,
                "{}",
                own.change
            );
            // Of a group all members are told.
            let of_member = |label: &str| label.is_empty() || label == member;
            let said = own.lines.iter().filter(|(label, _)| of_member(label));
            let said: Vec<&str> = said.map(|(_, text)| text.as_str()).collect();
            let wanted = Some(value.trim_matches('"')).filter(|value| !value.is_empty());
            assert_eq!(said, Vec::from_iter(wanted), "{base}");
        }
        let times = row.values.iter().map(|own| own.author.written_ms);
        assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
    }
}

#[test]
fn deleted_here_and_changed_there_is_asked_and_goes_the_way_that_is_picked() {
    for is_removed_picked in [true, false] {
        let clinic = clinic();
        let subject = patient(&clinic);
        let id = put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/{subject}"}},
                "code":{{"text":"Latex"}},"criticality":"low"}}"#
            )),
        );
        let key = RecordKey::new("AllergyIntolerance", &id).expect("a key");
        let read = clinic.record_read(&clinician(), &key).expect("the record");
        clinic.record_delete(&clinician(), &key, None).expect("deleted");
        let mut json = read.json.clone();
        crate::fhir_json::set(&mut json, "criticality", Json::from("high"));
        let options = UpdateOptions {
            if_match: Some(read.version.to_string()),
            merge: true,
            ..UpdateOptions::default()
        };
        clinic
            .record_update(&clinician(), "AllergyIntolerance", &id, json, &options)
            .expect("written");
        // Until somebody decides, what may still hold is in sight.
        let chart = clinic.chart_view(&clinician(), &subject).expect("a chart");
        assert_eq!(chart.rows::<crate::allergy::AllergyRow>().len(), 1);
        assert_eq!(chart.rows::<crate::allergy::AllergyRow>()[0].criticality, "high");
        assert!(
            chart.rows::<crate::allergy::AllergyRow>()[0].counts()
                && chart.rows::<crate::allergy::AllergyRow>()[0].meta.conflicts > 0
        );
        let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
        let row = rows
            .iter()
            .find(|row| row.path == "!record")
            .expect("the record itself");
        assert!(row.critical && row.values.len() == 2, "{row:?}");
        assert_eq!(row.title, "Latex");
        let removed: Vec<bool> = row.values.iter().map(|side| side.value.is_none()).collect();
        assert_eq!(removed.iter().filter(|is_removed| **is_removed).count(), 1);
        let safer = row
            .values
            .iter()
            .find(|side| side.is_safer)
            .expect("what is there counts");
        assert!(safer.value.is_some());
        let number = removed
            .iter()
            .position(|is_removed| *is_removed == is_removed_picked);
        let pick = Choice::Pick(number.expect("the side") + 1);
        clinic
            .conflict_resolve(&clinician(), &key, &row.path, pick, Some(&row.version))
            .expect("resolved");
        let now = clinic.record_read(&clinician(), &key);
        match is_removed_picked {
            true => assert!(
                matches!(now, Err(crate::record::RecordError::Gone { .. })),
                "{now:?}"
            ),
            false => {
                let now = now.expect("it stays");
                assert_eq!(crate::fhir_json::text(&now.json, "criticality"), "high");
                assert_eq!(now.conflicts, 0);
            }
        }
        let left = clinic.conflict_list(&clinician(), None, 10).expect("a page");
        assert_eq!((left.rows.len(), left.total), (0, 0), "{is_removed_picked}");
    }
}
