//! What stands in the inbox, and what no longer does: the list, the record's own count, the
//! node's badge and what can be decided always agree.

use super::*;
use chaski_json::json;

/// What every place says of one record's open conflicts.
fn everywhere(clinic: &crate::Clinic, key: &RecordKey) -> Vec<String> {
    let rows = clinic.conflict_view(&clinician(), key).expect("rows");
    let paths: Vec<String> = rows.into_iter().map(|row| row.path).collect();
    let page = clinic.conflict_list(&clinician(), None, 10).expect("a page");
    let inbox: Vec<&String> = page
        .rows
        .iter()
        .filter(|row| row.record == key.to_string())
        .map(|row| &row.path)
        .collect();
    assert_eq!(inbox.len(), paths.len());
    let stats = clinic.store().stats().expect("figures");
    assert_eq!(
        (stats.conflicts, stats.conflicted_records),
        (paths.len() as u64, u64::from(!paths.is_empty()))
    );
    assert_eq!(page.total, stats.conflicted_records);
    let current = clinic
        .store()
        .read(clinician().context(), key)
        .expect("read")
        .expect("a record");
    assert_eq!(usize::from(current.conflicts), paths.len());
    let tags = current.json.pointer("/meta/tag").and_then(Json::as_array);
    let is_conflict = |tag: &Json| tag.get("code").and_then(Json::as_str) == Some("conflict");
    let tagged = tags.is_some_and(|tags| tags.iter().any(is_conflict));
    assert_eq!(tagged, !paths.is_empty(), "{}", current.json);
    paths
}

/// Two people write one record from the same version.
fn apart(base: Json, here: impl Fn(&mut Json), there: impl Fn(&mut Json)) -> (crate::Clinic, RecordKey) {
    let clinic = clinic();
    let kind = base
        .get("resourceType")
        .and_then(Json::as_str)
        .expect("a type")
        .to_owned();
    let id = put(&clinic, base);
    let key: RecordKey = format!("{kind}/{id}").parse().expect("a key");
    let shown = clinic.record_read(&clinician(), &key).expect("the record");
    let edits: [&dyn Fn(&mut Json); 2] = [&here, &there];
    for edit in edits {
        let mut json = shown.json.clone();
        edit(&mut json);
        write(&clinic, &key, json, &shown.version.to_string()).expect("written");
    }
    (clinic, key)
}

fn write(
    clinic: &crate::Clinic,
    key: &RecordKey,
    json: Json,
    base: &str,
) -> Result<(), crate::record::RecordError> {
    let options = UpdateOptions {
        if_match: Some(base.to_owned()),
        merge: true,
        ..UpdateOptions::default()
    };
    clinic
        .record_update(&caller("clinician"), key.kind(), key.id(), json, &options)
        .map(|_| ())
}

#[test]
fn a_conflict_goes_with_the_contact_it_is_about() {
    let contact = |name: Option<&str>| {
        let mut contact = json!({"gender": "female"});
        if let Some(name) = name {
            crate::fhir_json::set(&mut contact, "name", json!({"text": name}));
        }
        json!([(contact)])
    };
    let base = json!({"resourceType": "Patient", "contact": (contact(Some("Ana")))});
    let (clinic, key) = apart(
        base,
        |json| crate::fhir_json::set(json, "contact", contact(None)),
        |json| crate::fhir_json::set(json, "contact", contact(Some("Rosa"))),
    );
    let paths = everywhere(&clinic, &key);
    assert!(paths.len() == 1 && paths[0].ends_with("/name"), "{paths:?}");
    let shown = clinic.record_read(&clinician(), &key).expect("the record");
    let mut json = shown.json;
    json.as_object_mut().expect("an object").remove("contact");
    write(&clinic, &key, json, &shown.version.to_string()).expect("written");
    assert_eq!(everywhere(&clinic, &key), Vec::<String>::new());
    let gone = clinic.conflict_resolve(&clinician(), &key, &paths[0], Choice::Pick(1), None);
    assert!(matches!(gone, Err(ConflictError::NotOpen)), "{gone:?}");
}

#[test]
fn nobody_is_asked_about_a_deleted_record() {
    let (clinic, key) = disputed();
    assert_eq!(everywhere(&clinic, &key), ["!group/medication"]);
    clinic.record_delete(&clinician(), &key, None).expect("deleted");
    assert_eq!(everywhere(&clinic, &key), Vec::<String>::new());
    let gone = clinic.conflict_resolve(&clinician(), &key, "!group/medication", Choice::Pick(1), None);
    assert!(matches!(gone, Err(ConflictError::NotOpen)), "{gone:?}");
    let still = clinic
        .store()
        .read(clinician().context(), &key)
        .expect("read")
        .expect("a row");
    assert!(still.deleted, "deciding would have brought it back");
}

/// A telephone that one calls old and the other home: whom to call is at stake, so it stands with
/// the critical ones, and nobody writes over it in passing.
#[test]
fn what_cannot_be_written_over_is_shown_as_critical() {
    let telecom = |part: Json| {
        let mut phone = json!({"system": "phone", "value": "111"});
        let object = phone.as_object_mut().expect("an object");
        object.extend(part.as_object().expect("an object").clone());
        json!([(phone)])
    };
    let base = json!({"resourceType": "Patient", "telecom": (telecom(json!({})))});
    for (here, there, critical) in [
        (json!({"use": "old"}), json!({"use": "home"}), true),
        (json!({"rank": 1}), json!({"use": "home"}), true),
    ] {
        let (clinic, key) = apart(
            base.clone(),
            |json| crate::fhir_json::set(json, "telecom", telecom(here.clone())),
            |json| crate::fhir_json::set(json, "telecom", telecom(there.clone())),
        );
        assert_eq!(everywhere(&clinic, &key).len(), 1);
        let row = &clinic.conflict_view(&clinician(), &key).expect("rows")[0];
        assert_eq!(row.critical, critical);
        let mut json = clinic.record_read(&clinician(), &key).expect("the record").json;
        crate::fhir_json::set(&mut json, "telecom", telecom(json!({"use": "work"})));
        let refused = write(&clinic, &key, json, &row.version);
        assert_eq!(refused.is_err(), critical, "{refused:?}");
    }
}

/// Every page from the first on, as the records it lists and the total it tells.
fn pages(clinic: &crate::Clinic, limit: usize) -> Vec<(Vec<String>, u64)> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    for _ in 0..20 {
        let page = clinic
            .conflict_list(&clinician(), cursor.as_deref(), limit)
            .expect("a page");
        let records = page.rows.into_iter().map(|row| row.record).collect();
        pages.push((records, page.total));
        cursor = page.next;
        if cursor.is_none() {
            return pages;
        }
    }
    panic!("it never ends");
}

#[test]
fn every_conflict_is_on_some_page_and_on_one_only() {
    let clinic = clinic();
    let mut disputed = Vec::new();
    for number in 0..5 {
        let key = RecordKey::new("Patient", &patient(&clinic)).expect("a key");
        let shown = clinic.record_read(&clinician(), &key).expect("the record");
        // One of them is not disputed.
        let sexes: &[&str] = if number == 2 {
            &["male"]
        } else {
            &["male", "other"]
        };
        for sex in sexes {
            let mut json = shown.json.clone();
            crate::fhir_json::set(&mut json, "gender", Json::from(*sex));
            write(&clinic, &key, json, &shown.version.to_string()).expect("written");
        }
        if number != 2 {
            disputed.push(key.to_string());
        }
    }
    disputed.sort();
    for (limit, sizes) in [
        (0, vec![1; 4]),
        (1, vec![1; 4]),
        (2, vec![2, 2]),
        (3, vec![3, 1]),
        (4, vec![4]),
        (5, vec![4]),
        (usize::MAX, vec![4]),
    ] {
        let pages = pages(&clinic, limit);
        let found: Vec<usize> = pages.iter().map(|(records, _)| records.len()).collect();
        assert_eq!(found, sizes, "{limit} a page");
        assert!(
            pages.iter().all(|(_, total)| *total == 4),
            "all are counted on each page"
        );
        let mut listed: Vec<String> = pages.into_iter().flat_map(|(records, _)| records).collect();
        listed.sort();
        assert_eq!(listed, disputed, "{limit} a page");
    }
    let nowhere = clinic.conflict_list(&clinician(), Some("zz"), 1);
    assert!(
        matches!(
            nowhere,
            Err(ConflictError::Record(crate::record::RecordError::BadCursor))
        ),
        "{nowhere:?}"
    );
}
