//! What is read of a value: whoever picks one must be able to tell it from the other.

use super::*;
use crate::testing::parsed;

#[test]
fn each_kind_of_value_is_read_on_one_line() {
    for (value, line) in [
        ("null", ""),
        ("true", "true"),
        ("false", "false"),
        ("5.50", "5.50"),
        (r#""female""#, "female"),
        (r#"["a","","b",null]"#, "a; b"),
        // A number without its unit is another dose.
        (r#"{"value":5,"unit":"mg"}"#, "5 mg"),
        (r#"{"value":5,"unit":"g"}"#, "5 g"),
        (r#"{"value":5,"code":"ug"}"#, "5 ug"),
        (r#"{"value":5,"unit":"mg","code":"ug","system":"urn:u"}"#, "5 mg"),
        (r#"{"unit":"mg","value":null}"#, "mg"),
        (r#"{"value":5,"unit":""}"#, "5"),
        // Less than five is not five.
        (r#"{"value":5,"unit":"mg","comparator":"<"}"#, "<5 mg"),
        (r#"{"coding":[{"code":"1","display":"Morphine"}]}"#, "Morphine"),
        (r#"{"coding":[{"code":"1"}],"text":"Codeine"}"#, "Codeine"),
        (r#"{"family":"Quispe","given":["Ana","Rosa"]}"#, "Ana Rosa Quispe"),
        (r#"{"given":["Ana"]}"#, "Ana"),
        (
            r#"{"reference":"Practitioner/p","display":"Dr. Flores"}"#,
            "Dr. Flores",
        ),
        (r#"{"reference":"Practitioner/p"}"#, "Practitioner/p"),
        (r#"{"text":"at night"}"#, "at night"),
        (
            r#"{"text":"as told","doseAndRate":[{"doseQuantity":{"value":5,"unit":"mg"}}]}"#,
            "as told (5 mg)",
        ),
        (
            r#"{"text":"5 at night","doseAndRate":[{"doseQuantity":{"value":5,"unit":"mg"}}]}"#,
            "5 at night",
        ),
        (
            r#"{"text":"as told","doseAndRate":[{"doseQuantity":{"unit":"mg"}}]}"#,
            "as told",
        ),
        (
            r#"{"system":"urn:s","value":"7","use":"official","x":true,"z":null,"y":""}"#,
            "",
        ),
        (r#"{"start":"2020","end":"2021","open":false}"#, "2021, 2020"),
        (r#"{"start":"2020","end":"2021"}"#, "2020 – 2021"),
        (r#"{"start":"2020"}"#, "2020 –"),
        (r#"{"end":"2021"}"#, "2021"),
        (r#"[{"value":5,"unit":"mg"},{"value":5,"unit":"g"}]"#, "5 mg; 5 g"),
        (
            r#"{"doseAndRate":[{"doseQuantity":{"value":5,"unit":"mg"}}],"route":{"text":"by mouth"},
            "timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}},"asNeededBoolean":true}"#,
            "5 mg, 2 × / 1 d, asNeeded: true, by mouth",
        ),
        (
            r#"{"doseAndRate":[{"doseQuantity":{"value":5,"unit":"mg"}}],
            "timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"wk"}}}"#,
            "5 mg, 1 × / 1 wk",
        ),
        // More than one dose says is told member by member.
        (
            r#"{"doseAndRate":[{"doseRange":{"high":{"value":7}},"type":{"text":"ordered"}}]}"#,
            "7, ordered",
        ),
    ] {
        let shown = shown(&parsed(value));
        if line.is_empty() && value.contains("urn:s") {
            // No name: its members one after the other, in whatever order they stand.
            let mut parts: Vec<&str> = shown.split(", ").collect();
            parts.sort_unstable();
            assert_eq!(parts, Vec::<&str>::from(["7", "official", "urn:s"]), "{value}");
            continue;
        }
        assert_eq!(shown, line, "{value}");
    }
}

#[test]
fn what_reads_as_one_piece_has_one_line_and_the_rest_a_line_for_each_member() {
    for (value, labels) in [
        (r#""x""#, &[""][..]),
        (r#"["x","y"]"#, &[""]),
        (r#"{"value":5,"unit":"mg"}"#, &[""]),
        (r#"{"value":5,"code":"mg"}"#, &[""]),
        (r#"{"value":"7","system":"urn:s"}"#, &[""]),
        (r#"{"coding":[{"code":"1"}]}"#, &[""]),
        (r#"{"reference":"Patient/p"}"#, &[""]),
        (r#"{"family":"Quispe"}"#, &[""]),
        (r#"{"value":5}"#, &["value"]),
        (r#"{"valueQuantity":{"value":5,"unit":"mg"}}"#, &["valueQuantity"]),
        (
            r#"{"dosageInstruction":[],"status":"active"}"#,
            &["dosageInstruction", "status"],
        ),
    ] {
        let value = parsed(value);
        let lines = lines(&value, &[&value]);
        let mut own: Vec<&str> = lines.iter().map(|(label, _)| label.as_str()).collect();
        own.sort_unstable();
        assert_eq!(own, labels, "{value}");
    }
    let many: Vec<String> = (0..60).map(|n| format!(r#""m{n}":"x""#)).collect();
    let many = parsed(&format!("{{{}}}", many.join(",")));
    assert_eq!(lines(&many, &[&many]).len(), LINES_MAX);
}

#[test]
fn a_value_with_more_lines_than_are_shown_says_so_and_begins_with_what_differs() {
    let value = |count: usize, last: &str| {
        let members: Vec<String> = (0..count).map(|n| format!(r#""m{n:02}":"x""#)).collect();
        parsed(&format!(r#"{{{},"z":"{last}"}}"#, members.join(",")))
    };
    let (here, there) = (value(59, "5 mg"), value(59, "50 mg"));
    for (side, last) in [(&here, "5 mg"), (&there, "50 mg")] {
        let lines = lines(side, &[&here, &there]);
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines[0], ("z".to_owned(), last.to_owned()));
        assert_eq!(lines[LINES_MAX - 1], (String::new(), "… +21".to_owned()));
    }
    // As many as there is room for are shown in their order, without a word.
    let full = value(LINES_MAX - 1, "5 mg");
    let lines = lines(&full, &[&full, &there]);
    assert_eq!((lines.len(), lines[0].0.as_str()), (LINES_MAX, "m00"));
    assert_eq!(lines[LINES_MAX - 1], ("z".to_owned(), "5 mg".to_owned()));
}

#[test]
fn two_values_that_differ_never_have_the_same_lines() {
    for (here, there) in [
        (r#"{"value":5,"unit":"mg"}"#, r#"{"value":5,"unit":"g"}"#),
        (
            r#"{"value":5,"unit":"mg"}"#,
            r#"{"value":5,"unit":"mg","code":"g"}"#,
        ),
        (
            r#"{"value":5,"unit":"mg"}"#,
            r#"{"value":5,"unit":"mg","comparator":"<"}"#,
        ),
        (
            r#"{"text":"Nuts","coding":[{"code":"1"}]}"#,
            r#"{"text":"Nuts","coding":[{"code":"2"}]}"#,
        ),
        (
            r#"{"coding":[{"system":"urn:a","code":"1"}]}"#,
            r#"{"coding":[{"system":"urn:b","code":"1"}]}"#,
        ),
        (
            r#"{"reference":"Patient/a","display":"Ana"}"#,
            r#"{"reference":"Patient/b","display":"Ana"}"#,
        ),
        (
            r#"{"valueQuantity":{"value":5,"unit":"mg"}}"#,
            r#"{"valueQuantity":{"value":5,"unit":"g"}}"#,
        ),
        (r#"{"valueString":"5"}"#, r#"{"valueInteger":5}"#),
        (
            r#"{"family":"Quispe","use":"old"}"#,
            r#"{"family":"Quispe","use":"official"}"#,
        ),
        (r#"{"a":{"x":true,"y":"z"}}"#, r#"{"a":{"x":false,"y":"z"}}"#),
    ] {
        let (here, there) = (parsed(here), parsed(there));
        let sides = [&here, &there];
        assert_ne!(lines(&here, &sides), lines(&there, &sides), "{here} {there}");
    }
}

#[test]
fn a_record_is_named_by_what_it_is_about() {
    for (kind, members, wanted) in [
        (
            "Patient",
            r#""name":[{"use":"old"},{"family":"Quispe","given":["Ana"]}]"#,
            "Ana Quispe",
        ),
        ("Practitioner", r#""name":[{"text":"Dr. Flores"}]"#, "Dr. Flores"),
        ("RelatedPerson", r#""name":[{"family":"Quispe"}]"#, "Quispe"),
        ("Person", r#""name":[{"family":"Quispe"}]"#, "Quispe"),
        ("Patient", r#""gender":"male""#, ""),
        (
            "MedicationRequest",
            r#""medicationCodeableConcept":{"text":"Morphine"}"#,
            "Morphine",
        ),
        (
            "MedicationStatement",
            r#""medicationReference":{"reference":"Medication/m","display":"Codeine"}"#,
            "Codeine",
        ),
        (
            "MedicationDispense",
            r#""medicationReference":{"reference":"Medication/m"}"#,
            "Medication/m",
        ),
        (
            "Immunization",
            r#""vaccineCode":{"text":"Measles"},"code":{"text":"x"}"#,
            "Measles",
        ),
        (
            "AllergyIntolerance",
            r#""code":{"coding":[{"display":"Latex"}]}"#,
            "Latex",
        ),
        ("Condition", r#""code":{"text":"Asthma"}"#, "Asthma"),
        ("Organization", r#""name":"Health post""#, "Health post"),
        ("CodeSystem", r#""code":"x","name":"Codes""#, "Codes"),
        ("Basic", r#""id":"b""#, ""),
    ] {
        assert_eq!(
            title(kind, &parsed(&format!("{{{members}}}"))),
            wanted,
            "{kind} {members}"
        );
    }
}
