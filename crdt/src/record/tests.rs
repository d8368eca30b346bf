//! One test for each scenario that the design names.

use crate::conflict::ConflictKind;
use crate::key::RECORD_MARKER;
use crate::record::{Choice, Record, WriteError};
use crate::testing::{POLICY, Site, assert_equal, json, key_of, meet, two_sites};
use chaski_json::Json;

mod alone;
mod bounds;
mod decided;
mod firsts;
mod formats;
mod gone;
mod hostile;
mod identified;
mod lists;
mod narrative;
mod outlives;
mod passing;
mod reports;
mod shapes;
mod siblings;
mod stale;
mod trust;
mod undigested;
mod unreadable;
mod versions;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","active":true,"language":"es",
    "telecom":[{"system":"phone","value":"111"},{"system":"email","value":"a@example.org"}],
    "contact":[{"name":{"text":"Ana"},"telecom":[{"system":"phone","value":"5"}]}],
    "meta":{"profile":["http://example.org/p"],"versionId":"9","lastUpdated":"2020-01-01T00:00:00Z"}}"#;
const PRESCRIPTION: &str = r#"{"resourceType":"MedicationRequest","id":"m1","status":"active",
    "medicationCodeableConcept":{"text":"morphine"},"dosageInstruction":[{"text":"5 mg"}],"note":"n"}"#;

/// A patient with one element more, or another value of it.
fn patient_with(name: &str, value: &str) -> String {
    with(PATIENT, name, value)
}

fn with(text: &str, name: &str, value: &str) -> String {
    let mut record = json(text);
    let object = record.as_object_mut().unwrap();
    if value.is_empty() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), json(value));
    }
    record.canonical()
}

#[test]
fn what_is_created_is_what_is_read_without_what_belongs_to_the_server() {
    let (a, _) = two_sites(PATIENT);
    let expected = patient_with("meta", r#"{"profile":["http://example.org/p"]}"#);
    assert_eq!(a.shown(), expected);
    let view = a.view();
    assert!(
        view.conflicts.is_empty() && view.concurrent.is_empty() && view.issues.is_empty() && !view.deleted
    );
}

#[test]
fn writing_what_is_there_changes_nothing() {
    let (mut a, _) = two_sites(PATIENT);
    let heads = a.record.heads();
    assert_eq!(a.put_at(&heads, PATIENT), Ok(None));
    let shown = a.shown();
    assert_eq!(a.put_at(&heads, &shown), Ok(None));
}

#[test]
fn the_documents_own_type_and_id_are_its_key() {
    let (mut a, _) = two_sites(PATIENT);
    let heads = a.record.heads();
    assert_eq!(
        a.put_at(&heads, &patient_with("id", "\"p2\"")),
        Err(WriteError::Identity)
    );
    assert_eq!(
        a.put_at(&heads, &patient_with("resourceType", "\"Person\"")),
        Err(WriteError::Identity)
    );
    assert_eq!(a.put_at(&heads, "[]"), Err(WriteError::Identity));
}

#[test]
fn two_receptionists_on_one_node_editing_from_different_versions() {
    let (mut a, mut b) = two_sites(PATIENT);
    let base = a.record.heads();
    a.put_at(&base, &patient_with("language", "\"qu\""))
        .unwrap()
        .unwrap();
    a.put_at(&base, &patient_with("gender", "\"female\""))
        .unwrap()
        .unwrap();
    assert_eq!(a.record.heads().len(), 2);
    a.put_at(&base, &patient_with("maritalStatus", "{\"text\":\"x\"}"))
        .unwrap()
        .unwrap();
    assert_eq!(
        (a.member("language"), a.member("gender")),
        ("\"qu\"".into(), "\"female\"".into())
    );
    meet(&mut a, &mut b);
    // The branches go on, each from what it has seen.
    let shown = a.shown();
    a.put(&with(&shown, "language", "\"es\""));
    a.put(&with(&a.shown(), "language", "\"ay\""));
    meet(&mut a, &mut b);
    assert_eq!(b.member("language"), "\"ay\"");
}

#[test]
fn removed_backbone_against_edited_child() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&patient_with("contact", ""));
    b.put(&patient_with(
        "contact",
        r#"[{"name":{"text":"Ana María"},"telecom":[{"system":"phone","value":"5"}]}]"#,
    ));
    assert_eq!(a.member("contact"), "");
    meet(&mut a, &mut b);
    // The edit survives whole, not the edited child alone.
    let whole = r#"[{"name":{"text":"Ana María"},"telecom":[{"system":"phone","value":"5"}]}]"#;
    assert_eq!(a.member("contact"), whole);
    let conflicts = a.view().conflicts;
    assert_eq!(conflicts.len(), 1);
    assert_eq!(
        (conflicts[0].kind, conflicts[0].element.as_str()),
        (ConflictKind::Deleted, "contact")
    );
    assert!(
        conflicts[0]
            .values
            .iter()
            .any(|value| value.value.is_none() && value.user == "user1")
    );
    // An edit in passing neither settles the dispute nor is lost.
    b.put(&with(&b.shown(), "contact", r#"[{"name":{"text":"Anita"}}]"#));
    meet(&mut a, &mut b);
    assert_eq!(a.view().conflicts.len(), 1);
    assert_eq!(a.member("contact"), r#"[{"name":{"text":"Anita"}}]"#);
    let path = a.view().conflicts[0].path.clone();
    a.resolve(&path, &Choice::Delete).unwrap();
    meet(&mut a, &mut b);
    assert_eq!(
        (b.member("contact"), b.view().conflicts.len()),
        (String::new(), 0)
    );
}

#[test]
fn removed_single_backbone_against_edited_child_and_its_return() {
    let base = r#"{"resourceType":"Encounter","id":"e","hospitalization":{"origin":{"text":"home"},"diet":[{"text":"salt"}]}}"#;
    let (mut a, mut b) = two_sites(base);
    a.put(r#"{"resourceType":"Encounter","id":"e"}"#);
    b.put(&with(
        base,
        "hospitalization",
        r#"{"origin":{"text":"clinic"},"diet":[{"text":"salt"}]}"#,
    ));
    meet(&mut a, &mut b);
    assert_eq!(
        a.member("hospitalization"),
        r#"{"diet":[{"text":"salt"}],"origin":{"text":"clinic"}}"#
    );
    let path = a.view().conflicts[0].path.clone();
    a.resolve(&path, &Choice::Delete).unwrap();
    assert_eq!(a.member("hospitalization"), "");
    // What comes back is what was sent, nothing of what was there before.
    a.put(&with(
        base,
        "hospitalization",
        r#"{"destination":{"text":"hub"}}"#,
    ));
    meet(&mut a, &mut b);
    assert_eq!(b.member("hospitalization"), r#"{"destination":{"text":"hub"}}"#);
}

#[test]
fn value_quantity_against_value_string() {
    let base = r#"{"resourceType":"Observation","id":"o","code":{"text":"BP"}}"#;
    let (mut a, mut b) = two_sites(base);
    a.put(&with(base, "valueQuantity", r#"{"value":1.50,"unit":"mg"}"#));
    b.put(&with(base, "valueString", r#""high""#));
    meet(&mut a, &mut b);
    let view = a.view();
    assert_eq!(view.conflicts.len(), 1);
    let conflict = &view.conflicts[0];
    assert_eq!((conflict.path.as_str(), conflict.critical), ("value[x]", true));
    let values: Vec<String> = conflict
        .values
        .iter()
        .map(|v| v.value.as_ref().unwrap().canonical())
        .collect();
    assert!(values.contains(&r#"{"valueQuantity":{"unit":"mg","value":1.50}}"#.to_owned()));
    assert!(values.contains(&r#"{"valueString":"high"}"#.to_owned()));
    // Never both in one record.
    assert!(view.json.get("valueQuantity").is_none() != view.json.get("valueString").is_none());
    a.resolve("value[x]", &Choice::Value(json(r#"{"valueString":"very high"}"#)))
        .unwrap();
    assert_eq!(
        a.resolve("value[x]", &Choice::Delete),
        Err(WriteError::NoConflict)
    );
    meet(&mut a, &mut b);
    assert_eq!(b.member("valueString"), r#""very high""#);
}

#[test]
fn drug_changed_here_dose_there() {
    let (mut a, mut b) = two_sites(PRESCRIPTION);
    a.put(&with(
        PRESCRIPTION,
        "medicationCodeableConcept",
        r#"{"text":"hydromorphone"}"#,
    ));
    b.put(&with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"20 mg"}]"#));
    meet(&mut a, &mut b);
    let view = a.view();
    assert_eq!(view.conflicts.len(), 1, "{:?}", view.conflicts);
    let conflict = &view.conflicts[0];
    assert_eq!(
        (conflict.kind, conflict.path.as_str()),
        (ConflictKind::Group, "!group/prescription")
    );
    let whole = |value: &Json| {
        let text = |name: &str| value.get(name).map(Json::canonical).unwrap_or_default();
        (text("medicationCodeableConcept"), text("dosageInstruction"))
    };
    let morphine_20 = (
        r#"{"text":"morphine"}"#.to_owned(),
        r#"[{"text":"20 mg"}]"#.to_owned(),
    );
    let hydromorphone_5 = (
        r#"{"text":"hydromorphone"}"#.to_owned(),
        r#"[{"text":"5 mg"}]"#.to_owned(),
    );
    let groups: Vec<_> = conflict
        .values
        .iter()
        .map(|v| whole(v.value.as_ref().unwrap()))
        .collect();
    assert!(groups.contains(&morphine_20) && groups.contains(&hydromorphone_5));
    // What is shown is one of them, never hydromorphone 20 mg.
    assert_eq!(whole(&view.json), groups[conflict.safer_index]);
    // Something else can be written meanwhile; a member can not.
    let shown = a.shown();
    a.put(&with(&shown, "note", "\"other\""));
    let heads = a.record.heads();
    let refused = a.put_at(&heads, &with(&a.shown(), "status", "\"stopped\""));
    assert_eq!(
        refused,
        Err(WriteError::Disputed(vec!["!group/prescription".into()]))
    );
    meet(&mut a, &mut b);
    assert_eq!(b.view().conflicts.len(), 1);
    let picked = conflict
        .values
        .iter()
        .find(|v| whole(v.value.as_ref().unwrap()) == morphine_20)
        .unwrap();
    b.resolve("!group/prescription", &Choice::Pick(picked.change))
        .unwrap();
    meet(&mut a, &mut b);
    assert_eq!(
        (whole(&a.view().json), a.view().conflicts.len()),
        (morphine_20, 0)
    );
    assert_eq!(a.member("note"), "\"other\"");
}

#[test]
fn stopped_here_dose_changed_there_shows_the_drug_as_active() {
    for earlier in [1, 2] {
        let (mut a, mut b) = two_sites(PRESCRIPTION);
        a.at(2_000_000 * earlier)
            .put(&with(PRESCRIPTION, "status", "\"stopped\""));
        b.at(3_000_000)
            .put(&with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"20 mg"}]"#));
        meet(&mut a, &mut b);
        assert_eq!(a.member("status"), "\"active\"");
        assert_eq!(a.member("dosageInstruction"), r#"[{"text":"20 mg"}]"#);
    }
}

#[test]
fn a_resolving_put_decides_the_whole_group() {
    let (mut a, mut b) = two_sites(PRESCRIPTION);
    a.put(&with(
        PRESCRIPTION,
        "medicationCodeableConcept",
        r#"{"text":"hydromorphone"}"#,
    ));
    b.put(&with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"20 mg"}]"#));
    meet(&mut a, &mut b);
    let third = with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"10 mg"}]"#);
    a.put_resolving(&third).unwrap();
    meet(&mut a, &mut b);
    assert_eq!(
        (b.shown(), b.view().conflicts.len()),
        (json(&third).canonical(), 0)
    );
}

#[test]
fn equal_resolutions_agree_and_what_is_shown_can_be_chosen() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&patient_with("birthDate", "\"1980\""));
    b.put(&patient_with("birthDate", "\"1981\""));
    meet(&mut a, &mut b);
    let shown = a.shown();
    let heads = a.record.heads();
    // An ordinary PUT of what is shown is no resolution.
    assert_eq!(a.put_at(&heads, &shown), Ok(None));
    a.put_resolving(&shown).unwrap();
    b.put_resolving(&shown).unwrap();
    assert!(a.view().conflicts.is_empty());
    meet(&mut a, &mut b);
    assert!(a.view().conflicts.is_empty());
}

#[test]
fn picking_the_winner_against_picking_the_loser() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.put(&patient_with("birthDate", "\"1980\""));
    b.put(&patient_with("birthDate", "\"1981\""));
    meet(&mut a, &mut b);
    let values = a.view().conflicts[0].values.clone();
    a.resolve("birthDate", &Choice::Pick(values[0].change)).unwrap();
    b.resolve("birthDate", &Choice::Pick(values[1].change)).unwrap();
    assert!(a.view().conflicts.is_empty() && b.view().conflicts.is_empty());
    meet(&mut a, &mut b);
    // Two different resolutions are a conflict again.
    let again = a.view().conflicts;
    assert_eq!((again.len(), again[0].values.len()), (1, 2));
    let users: Vec<&str> = again[0].values.iter().map(|value| value.user.as_str()).collect();
    assert!(users.contains(&"user1") && users.contains(&"user2"));
}

#[test]
fn a_third_value_arriving_late() {
    let (mut a, mut b) = two_sites(PATIENT);
    let mut c = Site::new(3, key_of(&json(PATIENT)));
    c.take(a.changes());
    a.put(&patient_with("birthDate", "\"1980\""));
    b.put(&patient_with("birthDate", "\"1981\""));
    c.put(&patient_with("birthDate", "\"1982\""));
    meet(&mut a, &mut b);
    let picked = a.view().conflicts[0].values[0].change;
    a.resolve("birthDate", &Choice::Pick(picked)).unwrap();
    assert!(a.view().conflicts.is_empty());
    meet(&mut a, &mut c);
    let values = &a.view().conflicts[0].values;
    assert_eq!(values.len(), 2);
    assert!(values.iter().any(|value| value.value == Some(json("\"1982\""))));
    meet(&mut a, &mut b);
}

#[test]
fn record_deleted_against_record_edited() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.delete().unwrap().unwrap();
    assert!(a.view().deleted);
    b.put(&patient_with("language", "\"qu\""));
    meet(&mut a, &mut b);
    let view = a.view();
    assert!(!view.deleted);
    assert_eq!(view.json.get("language"), Some(&json("\"qu\"")));
    assert_eq!(
        (view.conflicts.len(), view.conflicts[0].path.as_str()),
        (1, RECORD_MARKER)
    );
    assert_eq!(view.conflicts[0].kind, ConflictKind::Deleted);
    // Another edit keeps the dispute; a deletion would decide it.
    b.put(&with(&b.shown(), "gender", "\"female\""));
    assert_eq!(b.delete(), Err(WriteError::Disputed(vec![RECORD_MARKER.into()])));
    meet(&mut a, &mut b);
    assert_eq!(a.view().conflicts.len(), 1);
    // Kept by one, deleted by the other: a conflict again, and alive.
    a.resolve(RECORD_MARKER, &Choice::Delete).unwrap();
    assert!(a.view().deleted && a.view().conflicts.is_empty());
    let removal = b.view().conflicts[0]
        .values
        .iter()
        .find(|value| value.value.is_some())
        .unwrap()
        .change;
    b.resolve(RECORD_MARKER, &Choice::Pick(removal)).unwrap();
    assert!(b.view().conflicts.is_empty());
    meet(&mut a, &mut b);
    assert!(!a.view().deleted && a.view().conflicts.len() == 1);
}

#[test]
fn deleted_on_both_sides_is_no_conflict_and_a_put_revives() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.delete().unwrap().unwrap();
    b.delete().unwrap().unwrap();
    meet(&mut a, &mut b);
    assert!(a.view().deleted && a.view().conflicts.is_empty());
    assert_eq!(a.delete(), Ok(None));
    a.put(r#"{"resourceType":"Patient","id":"p1","language":"ay"}"#);
    meet(&mut a, &mut b);
    assert!(!b.view().deleted);
    // Sets are never emptied by an update.
    let profile = r#""meta":{"profile":["http://example.org/p"]}"#;
    assert_eq!(
        b.shown(),
        format!(r#"{{"id":"p1","language":"ay",{profile},"resourceType":"Patient"}}"#)
    );
}

#[test]
fn ordinary_concurrent_values_show_the_newest_and_keep_both_in_history() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.at(9_000_000).put(&patient_with("language", "\"qu\""));
    b.at(8_000_000).put(&patient_with("language", "\"ay\""));
    // A longer history does not win.
    b.put(&with(&b.shown(), "gender", "\"female\""));
    meet(&mut a, &mut b);
    let view = a.view();
    assert_eq!(a.member("language"), "\"qu\"");
    assert!(view.conflicts.is_empty());
    assert_eq!(view.concurrent[0].values.len(), 2);
    assert_eq!(a.record.history().len(), 4);
}

#[test]
fn a_status_is_shown_by_its_safer_reading_and_a_removal_by_the_table() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.at(9_000_000).put(&patient_with("active", "false"));
    b.at(8_000_000)
        .put(&with(&patient_with("active", "true"), "deceasedBoolean", "true"));
    b.put(&with(&b.shown(), "active", ""));
    b.put(&with(&b.shown(), "active", "true"));
    a.put(&with(&a.shown(), "deceasedBoolean", "false"));
    meet(&mut a, &mut b);
    assert_eq!(
        (a.member("active"), a.member("deceasedBoolean")),
        ("true".into(), "false".into())
    );
    let paths: Vec<String> = a
        .view()
        .conflicts
        .into_iter()
        .map(|conflict| conflict.path)
        .collect();
    assert_eq!(paths, ["active", "deceased[x]"]);
}

#[test]
fn two_independent_creations_of_one_key_equal() {
    let key = key_of(&json(PATIENT));
    let (mut a, mut b) = (Site::new(1, key.clone()), Site::new(2, key));
    let text = patient_with("text", r#"{"div":"<p>x</p>"}"#);
    a.create(&text);
    b.create(&text);
    let before = a.shown();
    meet(&mut a, &mut b);
    let view = a.view();
    assert_eq!(view.json.canonical(), before);
    assert!(view.conflicts.is_empty() && view.concurrent.is_empty());
}

#[test]
fn two_independent_creations_of_one_key_different() {
    let key = key_of(&json(PATIENT));
    let (mut a, mut b) = (Site::new(1, key.clone()), Site::new(2, key));
    a.create(&patient_with("birthDate", "\"1980\""));
    b.create(&patient_with("birthDate", "\"1990\""));
    meet(&mut a, &mut b);
    let view = a.view();
    assert_eq!(view.conflicts.len(), 1);
    assert_eq!(view.conflicts[0].path, "birthDate");
    // The rest is one record, nothing doubled.
    assert_eq!(view.json.get("telecom"), json(PATIENT).get("telecom"));
}

#[test]
fn two_prescriptions_created_under_one_key_never_mix() {
    let key = key_of(&json(PRESCRIPTION));
    let (mut a, mut b) = (Site::new(1, key.clone()), Site::new(2, key));
    a.create(PRESCRIPTION);
    b.create(&with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"50 mg"}]"#));
    meet(&mut a, &mut b);
    let conflict = &a.view().conflicts[0];
    assert_eq!(conflict.kind, ConflictKind::Group);
    let doses: Vec<String> = conflict
        .values
        .iter()
        .map(|v| {
            v.value
                .as_ref()
                .unwrap()
                .get("dosageInstruction")
                .unwrap()
                .canonical()
        })
        .collect();
    assert!(
        doses.iter().all(|dose| dose.matches("mg").count() == 1),
        "{doses:?}"
    );
    assert!(doses.contains(&a.member("dosageInstruction")));
}

#[test]
fn narrative_older_than_the_newest_change_is_left_out() {
    let text = patient_with("text", r#"{"div":"<p>Ana, es</p>"}"#);
    let (mut a, mut b) = two_sites(&text);
    assert_ne!(a.member("text"), "");
    a.put(&with(&text, "language", "\"qu\""));
    assert_eq!(a.member("text"), "");
    // Sending back what was read does not remove it for good, writing it anew shows it.
    let heads = a.record.heads();
    let shown = a.shown();
    assert_eq!(a.put_at(&heads, &shown), Ok(None));
    a.put(&with(&shown, "text", r#"{"div":"<p>Ana, qu</p>"}"#));
    assert_ne!(a.member("text"), "");
    meet(&mut a, &mut b);
    assert_ne!(b.member("text"), "");
}

#[test]
fn versions_can_be_read_again_and_written_from() {
    let (mut a, mut b) = two_sites(PATIENT);
    let first = a.record.version();
    a.put(&patient_with("language", "\"qu\""));
    b.put(&patient_with("gender", "\"female\""));
    meet(&mut a, &mut b);
    let merged = a.record.version();
    assert_eq!(merged.as_str().len(), 25);
    a.put(&with(&a.shown(), "language", "\"ay\""));
    let heads = a.record.heads_of(&first).unwrap();
    assert_eq!(
        a.record.view_at(&heads, POLICY).unwrap().json.get("language"),
        Some(&json("\"es\""))
    );
    let heads = a.record.heads_of(&merged).unwrap();
    let view = a.record.view_at(&heads, POLICY).unwrap();
    assert_eq!(view.json.get("language"), Some(&json("\"qu\"")));
    assert_eq!(view.json.get("gender"), Some(&json("\"female\"")));
    assert_eq!(a.record.heads_of(&"000000000000".parse().unwrap()), None);
    assert_eq!(a.put_at(&[], PATIENT), Err(WriteError::UnknownBase));
}

#[test]
fn history_says_who_when_and_in_which_role() {
    let (mut a, mut b) = two_sites(PATIENT);
    b.put(&patient_with("language", "\"qu\""));
    meet(&mut a, &mut b);
    let history = a.record.history();
    assert_eq!(history[1].message.user, "user2");
    assert_eq!(history[1].message.role, "clinician");
    assert_eq!(history[1].deps, [history[0].hash]);
    assert!(history[0].hlc < history[1].hlc || history[0].author != history[1].author);
    assert_eq!(
        a.record.newest().unwrap().hash,
        a.record
            .history()
            .iter()
            .max_by_key(|c| (c.hlc, c.hash))
            .unwrap()
            .hash
    );
    assert_eq!(a.record.changes_since(&[history[0].hash]).len(), 1);
}

#[test]
fn a_record_that_never_arrived_is_empty() {
    let key = key_of(&json(PATIENT));
    let record = Record::empty(key.clone());
    assert!(record.is_empty() && record.heads().is_empty());
    assert_eq!(
        Record::load(key, Vec::new()).unwrap_err(),
        crate::record::LoadError::Empty
    );
}

#[test]
fn a_site_that_hears_everything_late_ends_equal() {
    let (mut a, mut b) = two_sites(PATIENT);
    let mut late = Site::new(9, key_of(&json(PATIENT)));
    a.put(&patient_with("language", "\"qu\""));
    b.delete().unwrap();
    meet(&mut a, &mut b);
    let mut changes = a.changes();
    changes.reverse();
    late.take(changes);
    assert_equal(&a, &late);
}

/// The issue's own example, each site's edits in one write.
#[test]
fn two_clinics_change_a_phone_add_others_and_both_change_a_prescription() {
    let (mut a, mut b) = two_sites(PATIENT);
    let telecom = |changed: &str, added: &str| {
        let email = r#"{"system":"email","value":"a@example.org"}"#;
        let phone = |value: &str| format!(r#"{{"system":"phone","value":"{value}"}}"#);
        patient_with(
            "telecom",
            &format!("[{},{email},{}]", phone(changed), phone(added)),
        )
    };
    a.at(5_000_000).put(&telecom("1-a", "2-a"));
    b.at(6_000_000).put(&telecom("1-b", "2-b"));
    meet(&mut a, &mut b);
    let view = a.view();
    let shown = view.json.get("telecom").unwrap().as_array().unwrap().clone();
    let mut values: Vec<&str> = shown
        .iter()
        .map(|item| item.get("value").unwrap().as_str().unwrap())
        .collect();
    values.sort_unstable();
    assert_eq!(values, ["1-b", "2-a", "2-b", "a@example.org"]);
    assert!(view.conflicts.is_empty());

    let (mut a, mut b) = two_sites(PRESCRIPTION);
    a.put(&with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"10 mg"}]"#));
    let dose = with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"20 mg"}]"#);
    b.put(&dose);
    b.put(&with(&dose, "status", "\"on-hold\""));
    meet(&mut a, &mut b);
    let conflicts = a.view().conflicts;
    assert_eq!(
        (conflicts.len(), conflicts[0].kind, conflicts[0].values.len()),
        (1, ConflictKind::Group, 2)
    );
    a.resolve(&conflicts[0].path, &Choice::Pick(conflicts[0].values[0].change))
        .unwrap();
    meet(&mut a, &mut b);
    assert!(a.view().conflicts.is_empty() && b.view().conflicts.is_empty());
}

/// The record format is frozen: these registers, and this change, for ever.
#[test]
fn the_registers_of_a_record_are_these() {
    use automerge::{ROOT, ReadDoc};
    let mut record = json(PATIENT);
    let object = record.as_object_mut().unwrap();
    object.insert("_birthDate".into(), json(r#"{"id":"b"}"#));
    object.insert("deceasedBoolean".into(), json("false"));
    object.insert("alias".into(), json(r#"["x","x"]"#));
    object.insert("a/b-c".into(), json("1.50"));
    object.insert("hospitalization".into(), json(r#"{"origin":1}"#));
    let mut site = Site::new(1, key_of(&record));
    site.create(&record.canonical());
    let registers: Vec<String> = site
        .record
        .document()
        .unwrap()
        .map_range(ROOT, ..)
        .map(|item| format!("{} = {}", item.key, item.value.into_value()))
        .collect();
    assert_golden(&registers, include_str!("tests/registers.golden"));
    let mut prescription = Site::new(1, key_of(&json(PRESCRIPTION)));
    prescription.create(PRESCRIPTION);
    let document = prescription.record.document().unwrap();
    let group = document.get(ROOT, "!group/prescription").unwrap().unwrap().0;
    assert_golden(
        &[
            group.to_string(),
            site.record.version().to_string(),
            prescription.record.version().to_string(),
        ],
        include_str!("tests/versions.golden"),
    );
}

fn assert_golden(lines: &[String], golden: &str) {
    let expected: Vec<&str> = golden.lines().collect();
    assert_eq!(lines, expected, "\n{}\n", lines.join("\n"));
}
