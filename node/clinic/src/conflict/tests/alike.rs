//! Two values that stand against each other never read as the same: who picks must see what.

use super::*;

/// What the inbox shows of both sides of a prescription's dosage that two people wrote.
fn shown(here: &str, there: &str) -> [Vec<(String, String)>; 2] {
    let clinic = clinic();
    let patient = patient(&clinic);
    let whole = |dosage: &str| {
        parsed(&format!(
            r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{{"reference":"Patient/{patient}"}},
            "medicationCodeableConcept":{{"text":"Morphine"}}{dosage}}}"#
        ))
    };
    let id = put(&clinic, whole(""));
    let key = RecordKey::new("MedicationRequest", &id).expect("a key");
    let version = clinic
        .record_read(&clinician(), &key)
        .expect("the record")
        .version;
    for dosage in [here, there] {
        let mut json = whole(&format!(r#","dosageInstruction":[{dosage}]"#));
        crate::fhir_json::set(&mut json, "id", Json::from(id.as_str()));
        let options = UpdateOptions {
            if_match: Some(version.to_string()),
            merge: true,
            ..UpdateOptions::default()
        };
        clinic
            .record_update(&clinician(), "MedicationRequest", &id, json, &options)
            .expect("written");
    }
    let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
    assert_eq!((rows.len(), rows[0].values.len()), (1, 2), "{rows:?}");
    // In the order that they were written in.
    let values = &rows[0].values;
    let of = |dosage: &str| {
        let wanted = parsed(&format!("[{dosage}]"));
        let is_it = |value: &&ConflictValueRow| {
            let json = value
                .value
                .as_ref()
                .and_then(|json| json.get("dosageInstruction"));
            json.map(Json::canonical) == Some(wanted.canonical())
        };
        values.iter().find(is_it).expect("the side").lines.clone()
    };
    [of(here), of(there)]
}

/// A dosage of these words and this much, with more members.
fn dose(words: &str, value: &str, unit: &str, more: &str) -> String {
    format!(
        r#"{{"text":"{words}","doseAndRate":[{{"doseQuantity":{{"value":{value},"unit":"{unit}"}}}}]{more}}}"#
    )
}

/// What is said of the dosage, without the other members that both sides share.
fn dosage_lines(lines: &[(String, String)]) -> Vec<String> {
    let of_dosage = lines.iter().filter(|(label, _)| label == "dosageInstruction");
    of_dosage.map(|(_, text)| text.clone()).collect()
}

#[test]
fn a_dose_stands_beside_words_that_do_not_say_it() {
    for (here, there, lines) in [
        (
            dose("as told", "5", "mg", ""),
            dose("as told", "10", "mg", ""),
            ["as told (5 mg)", "as told (10 mg)"],
        ),
        (
            dose("as told", "5", "mg", ""),
            dose("as told", "5", "g", ""),
            ["as told (5 mg)", "as told (5 g)"],
        ),
        (
            dose("5 mg at night", "5", "mg", ""),
            dose("as told", "10", "mg", ""),
            ["5 mg at night", "as told (10 mg)"],
        ),
        (
            r#"{"text":"as told"}"#.to_owned(),
            dose("as told", "10", "mg", ""),
            ["as told", "as told (10 mg)"],
        ),
    ] {
        let sides = shown(&here, &there);
        assert_eq!(
            sides.map(|side| dosage_lines(&side)),
            lines.map(|line| vec![line.to_owned()])
        );
    }
}

#[test]
fn what_the_same_words_do_not_tell_apart_is_spelled_out() {
    let timing =
        |unit: &str| format!(r#","timing":{{"repeat":{{"frequency":1,"period":1,"periodUnit":"{unit}"}}}}"#);
    for (here, there, lines) in [
        // The number that the words have is another's.
        (
            dose("15 mg or as told", "5", "mg", ""),
            dose("15 mg or as told", "15", "mg", ""),
            [
                "doseAndRate.doseQuantity: 5 mg",
                "doseAndRate.doseQuantity: 15 mg",
            ],
        ),
        (
            dose("take 5", "5", "mg", ""),
            dose("take 5", "5", "g", ""),
            ["doseAndRate.doseQuantity: 5 mg", "doseAndRate.doseQuantity: 5 g"],
        ),
        (
            dose("5 mg", "5", "mg", &timing("d")),
            dose("5 mg", "5", "mg", &timing("wk")),
            ["timing.repeat.periodUnit: d", "timing.repeat.periodUnit: wk"],
        ),
        (
            dose("5 mg", "5", "mg", r#","asNeededBoolean":true"#),
            dose("5 mg", "5", "mg", r#","asNeededBoolean":false"#),
            ["asNeededBoolean: true", "asNeededBoolean: false"],
        ),
        (
            dose("5 mg", "5", "mg", r#","route":{"text":"oral"}"#),
            dose("5 mg", "5", "mg", r#","route":{"text":"into the vein"}"#),
            ["route.text: oral", "route.text: into the vein"],
        ),
    ] {
        let sides = shown(&here, &there).map(|side| dosage_lines(&side));
        for (side, wanted) in sides.iter().zip(lines) {
            assert_eq!(side.len(), 2, "the words, and what differs: {side:?}");
            assert_eq!(side[1], wanted);
        }
        assert_eq!(sides[0][0], sides[1][0]);
    }
    // One side says more: it is seen there.
    let sides = shown(
        &dose("5 mg", "5", "mg", ""),
        &dose("5 mg", "5", "mg", &timing("wk")),
    );
    assert_eq!(dosage_lines(&sides[0]), ["5 mg"]);
    assert_eq!(dosage_lines(&sides[1]).len(), 4, "{sides:?}");
}
