//! A request in a bundle that is not understood whole is refused, and not done as far as it is understood.

use super::*;
use crate::record::{etag_version, if_match_version};

#[test]
fn a_request_that_is_not_understood_is_refused_and_nothing_is_done() {
    let clinic = clinic();
    let id = put(&clinic, parsed(r#"{"resourceType":"Patient","gender":"female"}"#));
    let before = read(&clinic, &format!("Patient/{id}")).canonical();
    let body = format!(r#"{{"resourceType":"Patient","id":"{id}","gender":"male"}}"#);
    // Method, what its url and conditions are, and whether it brings a body.
    let rows = [
        ("PUT", r#""url":"Patient/ID","ifMatch":"1""#, true),
        ("PUT", r#""url":"Patient/ID","ifMatch":"W/\"\"""#, true),
        ("PUT", r#""url":"Patient/ID","ifMatch":"W/\"a\", W/\"b\"""#, true),
        ("PUT", r#""url":"Patient/ID","ifMatch":"\"*\"""#, true),
        ("PUT", r#""url":"Patient/ID","ifMatch":"""#, true),
        ("DELETE", r#""url":"Patient/ID","ifMatch":"1""#, false),
        ("PUT", r#""url":"Patient/ID","ifNoneMatch":"W/\"a\"""#, true),
        ("PUT", r#""url":"Patient/ID","ifNoneMatch":"""#, true),
        ("PUT", r#""url":"Patient/ID""#, false),
        ("PUT", r#""url":"Patient/ID?gender=male""#, true),
        ("PUT", r#""url":"Patient/ID/_history/1""#, true),
        ("PUT", r#""url":"Patient/ID/name""#, true),
        ("PUT", r#""url":"Patient""#, true),
        ("PUT", r#""url":"Patients/ID""#, true),
        ("PUT", r#""url":"http://elsewhere.example/Patient/ID""#, true),
        ("PATCH", r#""url":"Patient/ID""#, true),
        ("put", r#""url":"Patient/ID""#, true),
        ("", r#""url":"Patient/ID""#, true),
        ("PUT", r#""fullUrl":"Patient/ID""#, true),
        ("POST", r#""url":"Patient/ID""#, true),
        ("POST", r#""url":"Patient?gender=male""#, true),
        ("POST", r#""url":"Patient/_history""#, true),
        ("POST", r#""url":"Patient/_search""#, true),
        ("POST", r#""url":"Patient""#, false),
        ("POST", r#""url":"""#, true),
        ("DELETE", r#""url":"Patient""#, false),
        ("DELETE", r#""url":"Patient/""#, false),
        ("DELETE", r#""url":"Patient/_history""#, false),
        ("DELETE", r#""url":"Patient/ID/_history""#, false),
        ("DELETE", r#""url":"Patient/ID/_history/1""#, false),
        ("DELETE", r#""url":"Patient/ID?gender=male""#, false),
        ("DELETE", r#""url":"Patient?gender=%zz""#, false),
        ("GET", r#""url":"Patient/ID/_history/1/more""#, false),
        ("GET", r#""url":"Patient?gender=%zz""#, false),
    ];
    for (method, request, brings_body) in rows {
        let request = request.replace("ID", &id);
        let resource = match brings_body {
            true => format!(r#""resource":{body},"#),
            false => String::new(),
        };
        let entry = format!(r#"{{{resource}"request":{{"method":"{method}",{request}}}}}"#);
        for bundle in ["batch", "transaction"] {
            let json = json!({"resourceType": "Bundle", "type": bundle, "entry": [(parsed(&entry))]});
            // A read is answered beside what was written, also where that is all or nothing.
            let is_refused = match clinic.bundle_process(&clinician(), json) {
                Ok(done) => done.entries[0].is_err(),
                Err(_) => true,
            };
            assert!(is_refused, "{bundle}: {entry}");
            assert_eq!(
                read(&clinic, &format!("Patient/{id}")).canonical(),
                before,
                "{entry}"
            );
            assert_eq!(clinic.store().stats().expect("stats").records, 1, "{entry}");
        }
    }
    for url in [format!("Patient/{id}"), format!("/Patient/{id}/")] {
        let entry = format!(r#"{{"resource":{body},"request":{{"method":"PUT","url":"{url}"}}}}"#);
        let done = clinic.bundle_process(&clinician(), transaction(json!([(parsed(&entry))])));
        assert!(done.is_ok(), "{url}: {done:?}");
    }
}

#[test]
fn a_version_to_match_is_read_as_it_is_written_or_not_at_all() {
    for (tag, etag, if_match) in [
        (r#"W/"abc""#, Some("abc"), Some("abc")),
        (r#" "abc" "#, Some("abc"), Some("abc")),
        ("*", None, Some("*")),
        (" * ", None, Some("*")),
        (r#""*""#, Some("*"), None),
        (r#"W/"*""#, Some("*"), None),
        ("abc", None, None),
        (r#"W/abc"#, None, None),
        (r#"w/"abc""#, None, None),
        (r#""abc"#, None, None),
        (r#"abc""#, None, None),
        (r#""""#, None, None),
        (r#"""#, None, None),
        (r#""a", "b""#, None, None),
        ("", None, None),
    ] {
        assert_eq!(etag_version(tag).as_deref(), etag, "{tag}");
        assert_eq!(if_match_version(tag).as_deref(), if_match, "{tag}");
    }
}
