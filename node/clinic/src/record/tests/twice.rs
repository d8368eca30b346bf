//! One record is written by one entry of a transaction: of two, one would be lost in silence.

use super::*;

fn write(method: &str, url: &str, body: &str) -> String {
    format!(r#"{{"resource":{body},"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

fn ask(method: &str, url: &str) -> String {
    format!(r#"{{"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

#[test]
fn a_record_that_two_entries_write_is_refused_whole() {
    let said = |gender: &str| format!(r#"{{"resourceType":"Patient","id":"{UUID}","gender":"{gender}"}}"#);
    let free = |gender: &str| format!(r#"{{"resourceType":"Patient","gender":"{gender}"}}"#);
    let at = format!("Patient/{UUID}");
    let named = r#"Patient?identifier=urn:n|1"#;
    let put = || write("PUT", &at, &said("male"));
    let own = format!(
        r#"{{"fullUrl":"urn:uuid:{UUID}","resource":{},"request":{{"method":"POST","url":"Patient"}}}}"#,
        said("other")
    );
    // Whether the record is there before, and what the two entries are.
    let twos: Vec<(bool, [String; 2])> = vec![
        (false, [put(), write("PUT", &at, &said("female"))]),
        (true, [put(), write("PUT", &at, &said("female"))]),
        (true, [put(), put()]),
        (true, [put(), ask("DELETE", &at)]),
        (true, [ask("DELETE", &at), put()]),
        (true, [ask("DELETE", &at), ask("DELETE", &at)]),
        (false, [own.clone(), put()]),
        (false, [put(), own]),
        (true, [put(), write("PUT", named, &free("female"))]),
        (true, [write("PUT", named, &free("female")), put()]),
        (
            true,
            [
                write("PUT", named, &free("female")),
                write("PUT", named, &free("male")),
            ],
        ),
        (true, [put(), ask("DELETE", named)]),
        (true, [ask("DELETE", named), write("PUT", named, &free("male"))]),
    ];
    for (is_there, [one, other]) in twos {
        let clinic = clinic();
        if is_there {
            let body = format!(
                r#"{{"resourceType":"Patient","id":"{UUID}","identifier":[{{"system":"urn:n","value":"1"}}]}}"#
            );
            update(&clinic, "Patient", UUID, parsed(&body)).expect("written");
        }
        let sum = || {
            clinic
                .store()
                .fingerprint(&chaski_store::ScopeFilter::all())
                .expect("a sum")
        };
        let before = sum();
        let entries = parsed(&format!("[{one},{other}]"));
        let refused = clinic.bundle_process(&clinician(), transaction(entries));
        let Err(RecordError::Entry { index: 1, source }) = refused else {
            panic!("{one} {other}: {refused:?}");
        };
        assert!(
            matches!(*source, RecordError::Bundle(_)),
            "{one} {other}: {source:?}"
        );
        assert_eq!(sum(), before, "nothing was written");
    }
}

#[test]
fn two_entries_of_one_full_url_are_refused() {
    let post = |kind: &str| {
        format!(
            r#"{{"fullUrl":"urn:uuid:{UUID}","resource":{{"resourceType":"{kind}"}},
            "request":{{"method":"POST","url":"{kind}"}}}}"#
        )
    };
    let put = |kind: &str| {
        format!(
            r#"{{"fullUrl":"urn:uuid:{UUID}","resource":{{"resourceType":"{kind}","id":"{UUID}"}},
            "request":{{"method":"PUT","url":"{kind}/{UUID}"}}}}"#
        )
    };
    // Of one kind too: a reference would go to one of two patients.
    for (one, other) in [
        (post("Organization"), post("Location")),
        (post("Patient"), post("Patient")),
        (post("Patient"), put("Patient")),
        (put("Patient"), post("Patient")),
        (put("Organization"), put("Location")),
    ] {
        let clinic = clinic();
        let entries = parsed(&format!("[{one},{other}]"));
        let refused = clinic.bundle_process(&clinician(), transaction(entries));
        assert!(
            matches!(refused, Err(RecordError::Entry { index: 1, .. })),
            "{one} {other}: {refused:?}"
        );
        assert_eq!(clinic.store().stats().expect("numbers").records, 0);
        for alone in [one, other] {
            let entries = parsed(&format!("[{alone}]"));
            let taken = clinic.bundle_process(&clinician(), transaction(entries));
            assert!(taken.is_ok_and(|taken| taken.entries[0].is_ok()), "{alone}");
        }
    }
}

#[test]
fn a_bundle_of_too_many_entries_is_refused_before_any_is_looked_at() {
    let clinic = clinic();
    for kind in ["transaction", "batch"] {
        let entries: Vec<Json> = vec![Json::Null; BUNDLE_ENTRIES_MAX + 1];
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": Json::Array(entries)});
        let refused = clinic.bundle_process(&clinician(), bundle);
        assert!(
            matches!(refused, Err(RecordError::TooLarge(_))),
            "{kind}: {refused:?}"
        );
    }
    assert_eq!(BUNDLE_ENTRIES_MAX, 20_000);
}

#[test]
fn a_bundle_answers_no_more_than_fits_however_little_it_says() {
    let clinic = clinic();
    let notes: Vec<Json> = (0..8).map(|_| json!({"text": "n".repeat(1_000_000)})).collect();
    let large = put(
        &clinic,
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "note": Json::Array(notes)}),
    );
    let small = patient(&clinic);
    let version = clinic
        .record_read(
            &clinician(),
            &format!("Observation/{large}").parse().expect("a key"),
        )
        .expect("the record")
        .version;
    let asked = |url: &str| parsed(&ask("GET", url));
    // However it is asked for.
    for (kind, url) in [
        ("batch", format!("Observation/{large}")),
        ("transaction", format!("Observation/{large}")),
        ("batch", format!("Observation?_id={large}")),
        ("transaction", "Observation?status=final".to_owned()),
        ("batch", format!("Observation/{large}/_history")),
        ("transaction", "Observation/_history".to_owned()),
        ("batch", format!("Observation/{large}/_history/{version}")),
    ] {
        let mut entries = vec![asked(&format!("Patient/{small}"))];
        entries.extend((0..9).map(|_| asked(&url)));
        entries.push(asked(&format!("Patient/{small}")));
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": Json::Array(entries)});
        let result = clinic.bundle_process(&clinician(), bundle).expect("processed");
        let answered: Vec<bool> = result.entries.iter().map(Result::is_ok).collect();
        // Eight of eight megabytes fit into 64 MiB; from the ninth on nothing is read.
        let expected = [vec![true; 9], vec![false; 2]].concat();
        assert_eq!(answered, expected, "{kind} {url}");
        assert!(
            matches!(result.entries[10], Err(RecordError::TooLarge(_))),
            "{kind} {url}"
        );
    }
    assert_eq!(BUNDLE_READ_BYTES_MAX, 67_108_864);
}
