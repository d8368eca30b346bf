//! A quantity is found in its own unit only: nothing is converted, and a milligram is no gram.

use super::*;

const UCUM: &str = "http://unitsofmeasure.org";

/// Searches that five of anything meets, one for each comparison.
const NUMBERS: [&str; 10] = ["5", "eq5", "ne4", "gt4", "lt6", "ge5", "le5", "sa4", "eb6", "ap5"];

/// Asserts in which units (`system|code`, or nothing) the record is found, whatever the comparison.
fn check_units(record: &Json, parameter: &str, finds: &[&str], misses: &[&str]) {
    let queries = |units: &[&str]| -> Vec<String> {
        let unit = units
            .iter()
            .flat_map(|unit| NUMBERS.map(|number| (number, *unit)));
        unit.map(|(number, unit)| match unit {
            "" => format!("{parameter}={number}"),
            unit => format!("{parameter}={number}|{}", unit.replace("UCUM", UCUM)),
        })
        .collect()
    };
    let (finds, misses) = (queries(finds), queries(misses));
    let texts = |all: &[String]| all.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let (finds, misses) = (texts(&finds), texts(&misses));
    check(
        record,
        &finds.lines().collect::<Vec<_>>(),
        &misses.lines().collect::<Vec<_>>(),
    );
}

#[test]
fn a_search_in_milligrams_finds_no_grams() {
    for (quantity, finds, misses) in [
        (
            json!({"value": 5, "unit": "gram", "system": UCUM, "code": "g"}),
            &["", "UCUM|g", "|g", "|gram"][..],
            &[
                "UCUM|mg",
                "UCUM|kg",
                "UCUM|G",
                "UCUM|gram",
                "http://x|g",
                "http://x|mg",
                "|mg",
                "|G",
                "|milligram",
            ][..],
        ),
        (
            json!({"value": 5, "system": UCUM, "code": "mg"}),
            &["", "UCUM|mg", "|mg"],
            &["UCUM|g", "UCUM|m", "|g"],
        ),
        (
            json!({"value": 5, "system": "http://x", "code": "g"}),
            &["", "http://x|g", "|g"],
            &["UCUM|g", "UCUM|mg", "http://x|mg"],
        ),
        // Without a system it is some g, and not that of any system.
        (
            json!({"value": 5, "code": "g"}),
            &["", "|g"],
            &["UCUM|g", "UCUM|mg", "|mg"],
        ),
        (
            json!({"value": 5, "unit": "g"}),
            &["", "|g"],
            &["UCUM|g", "UCUM|mg", "|mg"],
        ),
        (json!({"value": 5, "system": UCUM}), &[""], &["UCUM|g", "|g"]),
        (json!({"value": 5}), &[""], &["UCUM|g", "|g"]),
    ] {
        let record = json!({
            "resourceType": "Observation", "id": "o", "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "w"}]}, "valueQuantity": quantity.clone(),
        });
        check_units(&record, "value-quantity", finds, misses);
        // Beside the code of what was measured.
        for number in NUMBERS {
            let of = |units: &[&str]| -> Vec<String> {
                let units = units.iter().filter(|unit| !unit.is_empty());
                units
                    .map(|unit| format!("code-value-quantity=w${number}|{}", unit.replace("UCUM", UCUM)))
                    .collect()
            };
            let (finds, misses) = (of(finds), of(misses));
            check(
                &record,
                &finds.iter().map(String::as_str).collect::<Vec<_>>(),
                &misses.iter().map(String::as_str).collect::<Vec<_>>(),
            );
        }
    }
}

#[test]
fn ages_ranges_and_amounts_of_money_are_found_in_their_own_unit_too() {
    let years = json!({"value": 5, "unit": "years", "system": UCUM, "code": "a"});
    let condition = |name: &str, onset: Json| json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, name: onset});
    let finds = ["", "UCUM|a", "|a", "|years"];
    let misses = ["UCUM|mo", "UCUM|d", "http://x|a", "|mo", "|months"];
    check_units(
        &condition("onsetAge", years.clone()),
        "onset-age",
        &finds,
        &misses,
    );
    let range = json!({"low": years.clone(), "high": years});
    check_units(&condition("onsetRange", range), "onset-age", &finds, &misses);

    let invoice = json!({
        "resourceType": "Invoice", "id": "i", "status": "issued", "totalGross": {"value": 5, "currency": "PEN"},
    });
    let (finds, misses) = (
        ["", "urn:iso:std:iso:4217|PEN", "|PEN"],
        ["urn:iso:std:iso:4217|USD", "http://x|PEN", "|USD"],
    );
    check_units(&invoice, "totalgross", &finds, &misses);
}

#[test]
fn a_unit_of_a_system_is_not_searched_without_its_code() {
    for bad in [
        "value-quantity=5|http://unitsofmeasure.org|",
        "value-quantity=5|mg",
        "value-quantity=5|a|b|c",
    ] {
        assert!(query("Observation", bad).is_err(), "{bad}");
    }
    assert!(query("Observation", "value-quantity=5||").is_ok());
}
