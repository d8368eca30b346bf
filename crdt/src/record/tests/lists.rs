//! Repeating elements and sets.

use super::{PATIENT, patient_with, with};
use crate::record::{Choice, WriteError};
use crate::testing::{Site, json, key_of, meet, two_sites};

const PHONE: &str = r#"{"system":"phone","value":"111"}"#;
const EMAIL: &str = r#"{"system":"email","value":"a@example.org"}"#;

fn telecom(items: &[&str]) -> String {
    patient_with("telecom", &format!("[{}]", items.join(",")))
}

fn phones(site: &Site) -> Vec<String> {
    let view = site.view();
    let items = view
        .json
        .get("telecom")
        .and_then(|t| t.as_array())
        .cloned()
        .unwrap_or_default();
    items
        .iter()
        .map(|item| item.get("value").unwrap().as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn phone_edited_here_while_another_phone_is_added_there() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&telecom(&[r#"{"system":"phone","value":"112"}"#, EMAIL]));
    b.put(&telecom(&[PHONE, EMAIL, r#"{"system":"phone","value":"222"}"#]));
    meet(&mut a, &mut b);
    assert_eq!(phones(&a), ["112", "a@example.org", "222"]);
    assert!(a.view().conflicts.is_empty() && a.view().concurrent.is_empty());
}

#[test]
fn one_phone_edited_on_both_sides_shows_the_later_and_is_no_emergency() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.at(5_000_000)
        .put(&telecom(&[r#"{"system":"phone","value":"112"}"#, EMAIL]));
    b.at(4_000_000).put(&telecom(&[
        r#"{"system":"phone","value":"113"}"#,
        EMAIL,
        r#"{"system":"fax","value":"9"}"#,
    ]));
    meet(&mut a, &mut b);
    assert_eq!(phones(&a), ["112", "a@example.org", "9"]);
    assert!(a.view().conflicts.is_empty());
    assert_eq!(a.view().concurrent[0].values.len(), 2);
}

#[test]
fn a_changed_use_of_a_phone_is_critical_a_changed_label_is_not() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&telecom(&[
        r#"{"system":"phone","value":"111","use":"old"}"#,
        EMAIL,
    ]));
    b.put(&telecom(&[
        r#"{"system":"phone","value":"111","use":"home"}"#,
        EMAIL,
    ]));
    meet(&mut a, &mut b);
    assert!(a.view().conflicts[0].critical);
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&telecom(&[r#"{"system":"phone","value":"111","rank":1}"#, EMAIL]));
    b.put(&telecom(&[r#"{"system":"phone","value":"111","rank":2}"#, EMAIL]));
    meet(&mut a, &mut b);
    assert!(a.view().conflicts.is_empty() && a.view().concurrent.len() == 1);
}

#[test]
fn equal_siblings() {
    let (mut a, mut b) = two_sites(&telecom(&[PHONE, PHONE, EMAIL]));
    assert_eq!(phones(&a), ["111", "111", "a@example.org"]);
    // One of two equals is edited here, a third added there.
    a.put(&telecom(&[PHONE, r#"{"system":"phone","value":"333"}"#, EMAIL]));
    b.put(&telecom(&[PHONE, PHONE, EMAIL, PHONE]));
    meet(&mut a, &mut b);
    assert_eq!(phones(&a), ["111", "333", "a@example.org", "111"]);
    // Each is removed alone.
    a.put(&telecom(&[PHONE, r#"{"system":"phone","value":"333"}"#, EMAIL]));
    meet(&mut a, &mut b);
    assert_eq!(phones(&b), ["111", "333", "a@example.org"]);
}

#[test]
fn removed_here_edited_there_survives_and_is_listed() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&telecom(&[EMAIL]));
    b.put(&telecom(&[r#"{"system":"phone","value":"111","rank":1}"#, EMAIL]));
    meet(&mut a, &mut b);
    assert_eq!(phones(&a), ["111", "a@example.org"]);
    let conflict = &a.view().conflicts[0];
    assert_eq!((conflict.values.len(), conflict.critical), (2, false));
    a.resolve(&conflict.path, &Choice::Delete).unwrap();
    meet(&mut a, &mut b);
    assert_eq!(phones(&b), ["a@example.org"]);
    assert!(b.view().conflicts.is_empty());
}

#[test]
fn an_ordinary_element_removed_and_edited_can_simply_be_edited_again() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&telecom(&[EMAIL]));
    b.put(&telecom(&[r#"{"system":"phone","value":"111","rank":1}"#, EMAIL]));
    meet(&mut a, &mut b);
    assert_eq!(a.view().conflicts.len(), 1);
    a.put(&telecom(&[r#"{"system":"phone","value":"111","rank":2}"#, EMAIL]));
    meet(&mut a, &mut b);
    assert!(b.view().conflicts.is_empty());
    assert_eq!(phones(&b), ["111", "a@example.org"]);
}

#[test]
fn re_adding_a_removed_element() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&telecom(&[EMAIL]));
    meet(&mut a, &mut b);
    // Re-added on both sides apart: one element, not two.
    a.put(&telecom(&[EMAIL, PHONE]));
    b.put(&telecom(&[EMAIL, PHONE]));
    meet(&mut a, &mut b);
    assert_eq!(phones(&a), ["a@example.org", "111"]);
    // Removed and back once more.
    b.put(&telecom(&[EMAIL]));
    b.put(&telecom(&[PHONE, EMAIL]));
    meet(&mut a, &mut b);
    assert_eq!(phones(&a), ["111", "a@example.org"]);
    assert!(a.view().conflicts.is_empty());
}

#[test]
fn reorder_of_a_list() {
    let base = telecom(
        &["1", "2", "3", "4"]
            .map(|n| format!(r#"{{"value":"{n}"}}"#))
            .each_ref()
            .map(String::as_str),
    );
    let (mut a, mut b) = two_sites(&base);
    let items = ["4", "1", "3", "2"].map(|n| format!(r#"{{"value":"{n}"}}"#));
    a.put(&telecom(&items.each_ref().map(String::as_str)));
    assert_eq!(phones(&a), ["4", "1", "3", "2"]);
    let items = ["1", "2", "5", "3", "4"].map(|n| format!(r#"{{"value":"{n}"}}"#));
    b.put(&telecom(&items.each_ref().map(String::as_str)));
    meet(&mut a, &mut b);
    let mut shown = phones(&a);
    assert_eq!(shown.len(), 5);
    shown.sort();
    assert_eq!(shown, ["1", "2", "3", "4", "5"]);
}

#[test]
fn insertion_between_two_elements_that_share_a_position() {
    let (mut a, mut b) = two_sites(&telecom(&[EMAIL]));
    a.put(&telecom(&[EMAIL, r#"{"value":"x"}"#]));
    b.put(&telecom(&[EMAIL, r#"{"value":"y"}"#]));
    meet(&mut a, &mut b);
    let mut order = phones(&a);
    order.insert(2, "between".into());
    let items: Vec<String> = order
        .iter()
        .map(|value| format!(r#"{{"value":"{value}"}}"#))
        .collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    a.put(&telecom(&items));
    meet(&mut a, &mut b);
    assert_eq!(phones(&b), order);
}

#[test]
fn sets_are_never_emptied_by_an_update_and_members_are_removed_by_name() {
    let tag = |code: &str| format!(r#"{{"code":"{code}"}}"#);
    let meta = |codes: &[&str]| {
        let tags: Vec<String> = codes.iter().map(|code| tag(code)).collect();
        patient_with("meta", &format!(r#"{{"tag":[{}]}}"#, tags.join(",")))
    };
    let (mut a, mut b) = two_sites(&meta(&["s", "t"]));
    a.put(&with(&patient_with("meta", ""), "language", "\"qu\""));
    assert_eq!(a.member("meta"), r#"{"tag":[{"code":"s"},{"code":"t"}]}"#);
    // The same tag added apart, at different places, is one.
    a.put(&meta(&["x", "u"]));
    b.put(&meta(&["u"]));
    meet(&mut a, &mut b);
    assert_eq!(
        a.member("meta"),
        r#"{"tag":[{"code":"s"},{"code":"t"},{"code":"x"},{"code":"u"}]}"#
    );
    assert_eq!(
        a.set_remove("meta.tag", &tag("nothing")),
        Err(WriteError::NoMember)
    );
    a.set_remove("meta.tag", &tag("u")).unwrap();
    meet(&mut a, &mut b);
    assert_eq!(
        b.member("meta"),
        r#"{"tag":[{"code":"s"},{"code":"t"},{"code":"x"}]}"#
    );
}

#[test]
fn nested_backbones_merge_field_by_field() {
    let base = r#"{"resourceType":"Questionnaire","id":"q","item":[
        {"linkId":"1","item":[{"linkId":"1.1","text":"a"},{"linkId":"1.2","text":"b"}]}]}"#;
    let (mut a, mut b) = two_sites(base);
    a.put(&base.replace("\"a\"", "\"A\""));
    b.put(&base.replace(
        r#"{"linkId":"1.2","text":"b"}"#,
        r#"{"linkId":"1.2","text":"b"},{"linkId":"1.3"}"#,
    ));
    meet(&mut a, &mut b);
    let item = r#"[{"item":[{"linkId":"1.1","text":"A"},{"linkId":"1.2","text":"b"},{"linkId":"1.3"}],"linkId":"1"}]"#;
    assert_eq!(a.member("item"), item);
}

#[test]
fn primitives_with_siblings_keep_them() {
    let text = r#"{"resourceType":"Patient","id":"p","alias":["x",null],"_alias":[null,{"id":"2"}],
        "birthDate":"1980","_birthDate":{"extension":[{"url":"u"}]},"_language":{"id":"l"},
        "_deceasedDateTime":{"id":"d"}}"#;
    let (mut a, mut b) = two_sites(text);
    assert_eq!(a.shown(), json(text).canonical());
    a.put(&text.replace("1980", "1981"));
    b.put(&text.replace(
        r#""_birthDate":{"extension":[{"url":"u"}]}"#,
        r#""_birthDate":{"id":"b"}"#,
    ));
    meet(&mut a, &mut b);
    // A value never meets another's sibling.
    assert_eq!(a.view().conflicts.len(), 1);
    let shown = (a.member("birthDate"), a.member("_birthDate"));
    let mine = ("\"1981\"".to_owned(), r#"{"extension":[{"url":"u"}]}"#.to_owned());
    assert!(shown == mine || shown == ("\"1980\"".to_owned(), r#"{"id":"b"}"#.to_owned()));
}

#[test]
fn two_sites_that_import_different_lengths_of_one_list_double_nothing() {
    let key = key_of(&json(PATIENT));
    let (mut a, mut b) = (Site::new(1, key.clone()), Site::new(2, key));
    a.create(&telecom(&[PHONE, EMAIL]));
    b.create(&telecom(&[PHONE, EMAIL, r#"{"value":"9"}"#]));
    meet(&mut a, &mut b);
    assert_eq!(phones(&a), ["111", "a@example.org", "9"]);
}

/// A number changed and another added in one write is an edit where something of the element is
/// left; what has nothing in common with it is another element.
#[test]
fn what_has_nothing_in_common_is_another_element_and_no_edit() {
    let rows = |items: &[&str]| patient_with("telecom", &format!("[{}]", items.join(",")));
    let [one, two] = [r#"{"value":"1"}"#, r#"{"value":"2"}"#];
    let (mut a, mut b) = two_sites(&rows(&[one, two]));
    a.put(&rows(&[r#"{"system":"fax"}"#, two, r#"{"value":"3"}"#]));
    b.put(&rows(&[r#"{"value":"1","rank":1}"#, two]));
    meet(&mut a, &mut b);
    let view = a.view();
    assert_eq!((view.conflicts.len(), view.concurrent.len()), (1, 0));
    // Removed here and edited there, it is kept beside what was added.
    let shown = a.member("telecom");
    for item in [
        r#"{"rank":1,"value":"1"}"#,
        r#"{"system":"fax"}"#,
        two,
        r#"{"value":"3"}"#,
    ] {
        assert!(shown.contains(item), "{item} {shown}");
    }
}

#[test]
fn an_elements_own_id_is_stronger_than_what_it_says() {
    let rows = |items: &[&str]| patient_with("telecom", &format!("[{}]", items.join(",")));
    let other = r#"{"id":"b","value":"2"}"#;
    let (mut a, mut b) = two_sites(&rows(&[r#"{"id":"a","value":"1"}"#, other]));
    // Their values are exchanged: it is still the one called a that says 2 now.
    a.put(&rows(&[r#"{"id":"a","value":"2"}"#, r#"{"id":"b","value":"1"}"#]));
    b.put(&rows(&[r#"{"id":"a","value":"1","rank":5}"#, other]));
    meet(&mut a, &mut b);
    let view = a.view();
    assert_eq!((view.conflicts.len(), view.concurrent.len()), (0, 1));
    for value in &view.concurrent[0].values {
        let id = value.value.as_ref().and_then(|value| value.get("id"));
        assert_eq!(id, Some(&json("\"a\"")));
    }
    assert_eq!(view.json.get("telecom").unwrap().as_array().unwrap().len(), 2);
}
