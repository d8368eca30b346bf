//! A value and what stands beside it under `_`: whatever JSON says, fitting or not, comes back as it was sent.

use super::{PATIENT, patient_with};
use crate::testing::{Site, assert_equal, json, key_of, two_sites};
use chaski_json::Json;

/// Members called `x` and `_x`.
const PAIRS: [&str; 32] = [
    r#""x":"a","_x":{"id":"1"}"#,
    r#""x":1.50,"_x":{"id":"1"}"#,
    r#""x":false,"_x":{"id":"1"}"#,
    r#""x":"","_x":{}"#,
    r#""x":null,"_x":{"id":"1"}"#,
    r#""x":{"y":1},"_x":{"id":"1"}"#,
    r#""x":["a"],"_x":{"id":"1"}"#,
    r#""x":"a","_x":[{"id":"1"}]"#,
    r#""x":"a","_x":"b""#,
    r#""x":"a","_x":null"#,
    r#""_x":{"id":"1"}"#,
    r#""_x":null"#,
    r#""_x":"a""#,
    r#""_x":[]"#,
    r#""_x":[{"id":"1"},{"id":"2"}]"#,
    r#""_x":[null,{"id":"2"}]"#,
    r#""_x":[{"id":"1"},null]"#,
    // As many as there are values, one each, and none where both would be nothing.
    r#""x":["a","b"],"_x":[null,{"id":"2"}]"#,
    r#""x":["a",null],"_x":[null,{"id":"2"}]"#,
    r#""x":[null,"b"],"_x":[{"id":"1"},{"id":"2"}]"#,
    r#""x":[1,2.50,true],"_x":[null,{"id":"2"},null]"#,
    // More values than siblings, and fewer.
    r#""x":["a","b","c"],"_x":[{"id":"1"}]"#,
    r#""x":["a","b","c"],"_x":[null,{"id":"2"}]"#,
    r#""x":["a"],"_x":[{"id":"1"},{"id":"2"}]"#,
    r#""x":["a"],"_x":[]"#,
    r#""x":[],"_x":[{"id":"1"}]"#,
    // Nothing on one side, or on both.
    r#""x":["a","b"],"_x":[null,null]"#,
    r#""x":[null,null],"_x":[{"id":"1"},{"id":"2"}]"#,
    r#""x":["a",null],"_x":[{"id":"1"},null]"#,
    // What can have no sibling, and what can be none.
    r#""x":[{"y":1},"b"],"_x":[{"id":"1"},{"id":"2"}]"#,
    r#""x":[["a"],"b"],"_x":[{"id":"1"},{"id":"2"}]"#,
    r#""x":["a","b"],"_x":[{"id":"1"},["c"]]"#,
];

/// Of each shape that the table of a type can give an element.
const NAMES: [&str; 8] = [
    "language",
    "alias",
    "telecom",
    "active",
    "valueString",
    "contact",
    "hospitalization",
    "extension",
];

fn members(pair: &str, name: &str) -> String {
    pair.replace("\"x\"", &format!("\"{name}\""))
        .replace("\"_x\"", &format!("\"_{name}\""))
}

/// Patients that hold the pair: as a member, and inside an element.
fn patients(pair: &str, name: &str) -> [Json; 2] {
    let pair = members(pair, name);
    [
        json(&format!(r#"{{"resourceType":"Patient","id":"p1",{pair}}}"#)),
        json(&format!(
            r#"{{"resourceType":"Patient","id":"p1","contact":[{{"gender":"male",{pair}}}]}}"#
        )),
    ]
}

#[test]
fn a_new_record_says_what_was_sent_beside_its_values_too() {
    for pair in PAIRS {
        for name in NAMES {
            for record in patients(pair, name) {
                let mut site = Site::new(1, key_of(&record));
                site.create(&record.canonical());
                let view = site.view();
                assert_eq!(view.json, record);
                assert_eq!(view.issues, []);
            }
        }
    }
}

#[test]
fn an_update_says_what_was_sent_beside_its_values_too() {
    let bare = r#"{"resourceType":"Patient","id":"p1"}"#;
    let (mut a, mut b) = two_sites(bare);
    for pair in PAIRS {
        for name in NAMES {
            for record in patients(pair, name) {
                // Of a record that said nothing of it.
                let (mut fresh, _) = two_sites(bare);
                fresh.put(&record.canonical());
                assert_eq!(fresh.view().json, record);
            }
        }
        // And of one that said something else there.
        for record in patients(pair, "alias") {
            a.put(&record.canonical());
            assert_eq!(a.view().json, record);
            b.take(a.changes());
            assert_eq!(b.view().json, record);
        }
    }
    assert_equal(&a, &b);
}

/// The middle names of somebody of whom an extension is known of the first alone.
#[test]
fn no_given_name_is_lost_beside_an_extension_of_the_first() {
    let names = r#"["Ana","María","Rosa"]"#;
    let mut record = json(&patient_with("alias", names));
    let members = record.as_object_mut().unwrap();
    members.insert("_alias".to_owned(), json(r#"[{"extension":[{"url":"u"}]}]"#));
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&record.canonical());
    b.take(a.changes());
    for site in [&a, &b] {
        assert_eq!(site.member("alias"), names);
        assert_eq!(site.member("_alias"), r#"[{"extension":[{"url":"u"}]}]"#);
    }
}
