//! The narrative repeats a record in words. Shown beside something that it does not speak of, it would
//! be believed.

use super::{PATIENT, patient_with, with};
use crate::testing::{POLICY, Site, json, key_of, meet, two_sites};

const WORDS: &str = r#"{"div":"<p>Ana</p>"}"#;
const OTHER_WORDS: &str = r#"{"div":"<p>Ana, qu</p>"}"#;

fn told() -> String {
    patient_with("text", WORDS)
}

fn words(site: &Site) -> String {
    site.member("text")
}

/// The narrative as it stood at one change alone.
fn words_at(site: &Site, change: &crate::author::SignedChange) -> Option<String> {
    let heads = [change.hash().unwrap()];
    let view = site.record.view_at(&heads, POLICY).unwrap();
    view.json.get("text").map(|text| text.canonical())
}

#[test]
fn words_written_apart_from_a_change_are_not_shown_beside_it() {
    for words_later in [false, true] {
        let (mut a, mut b) = two_sites(&told());
        let (ta, tb) = if words_later { (9, 8) } else { (8, 9) };
        let spoke =
            a.at(ta * 1_000_000)
                .put(&with(&patient_with("text", OTHER_WORDS), "gender", "\"female\""));
        let changed = b.at(tb * 1_000_000).put(&with(&told(), "language", "\"qu\""));
        assert_eq!((words(&a).as_str(), words(&b).as_str()), (OTHER_WORDS, ""));
        meet(&mut a, &mut b);
        for site in [&mut a, &mut b] {
            assert_eq!(words(site), "");
            assert_eq!(site.member("language"), "\"qu\"");
            assert_eq!(words_at(site, &spoke).as_deref(), Some(OTHER_WORDS));
            assert_eq!(words_at(site, &changed), None);
            // What was shown is sent back: nothing was said of the narrative.
            let (heads, shown) = (site.record.heads(), site.shown());
            assert_eq!(site.put_at(&heads, &shown), Ok(None));
        }
        // Who has read both says it anew.
        let text = with(&a.shown(), "text", WORDS);
        a.put(&text);
        assert_eq!(words(&a), WORDS);
        meet(&mut a, &mut b);
        assert_eq!(words(&b), WORDS);
    }
}

#[test]
fn of_two_narratives_written_apart_neither_is_shown() {
    let (mut a, mut b) = two_sites(&told());
    a.put(&with(&patient_with("text", OTHER_WORDS), "gender", "\"female\""));
    b.put(&with(
        &patient_with("text", r#"{"div":"<p/>"}"#),
        "language",
        "\"qu\"",
    ));
    meet(&mut a, &mut b);
    assert_eq!(words(&a), "");
    a.put(&with(&a.shown(), "note", "\"x\""));
    assert_eq!(words(&a), "");
}

/// Everybody who has the last word says the same.
#[test]
fn the_same_words_by_all_are_shown_until_somebody_goes_on() {
    let (mut a, mut b) = two_sites(&told());
    let text = with(&patient_with("text", OTHER_WORDS), "gender", "\"female\"");
    a.put(&text);
    b.put(&text);
    meet(&mut a, &mut b);
    assert_eq!(a.record.heads().len(), 2);
    assert_eq!(words(&a), OTHER_WORDS);
    // A third did not know of it.
    let mut c = Site::new(3, key_of(&json(PATIENT)));
    c.take(a.changes());
    let first = c.record.history()[0].hash;
    c.put_at(&[first], &with(&told(), "language", "\"qu\""))
        .unwrap()
        .unwrap();
    meet(&mut a, &mut c);
    assert_eq!(a.record.heads().len(), 3);
    assert_eq!(words(&a), "");
    // One of the two went on.
    let heads = b.record.heads();
    let own = heads.iter().find(|head| {
        let change = b.record.change(head).unwrap();
        change.message.user == "user2"
    });
    let own = [*own.unwrap()];
    let shown = b.record.view_at(&own, POLICY).unwrap().json.canonical();
    b.put_at(&own, &with(&shown, "note", "\"x\"")).unwrap().unwrap();
    assert_eq!(b.record.heads().len(), 2);
    assert_eq!((words(&b), b.member("note")), (String::new(), "\"x\"".to_owned()));
}

#[test]
fn what_is_deleted_or_decided_is_newer_than_the_words() {
    let (mut a, mut b) = two_sites(&told());
    let mut deleted = a.clone();
    deleted.delete().unwrap().unwrap();
    assert_eq!((deleted.view().deleted, words(&deleted)), (true, String::new()));
    let born = |date: &str| with(&patient_with("text", OTHER_WORDS), "birthDate", date);
    a.put(&born("\"1980\""));
    b.put(&born("\"1981\""));
    meet(&mut a, &mut b);
    // Both wrote these words: of what, nobody knows, but all heads speak them.
    let picked = a.view().conflicts[0].values[0].change;
    a.resolve("birthDate", &crate::record::Choice::Pick(picked))
        .unwrap();
    assert_eq!((a.view().conflicts.len(), words(&a)), (0, String::new()));
}

/// Words that are shown are taken away by whoever sends the record without them, as anything else is.
#[test]
fn words_that_are_left_out_by_one_who_read_them_are_gone() {
    let (mut a, mut b) = two_sites(&told());
    let heads = a.record.heads();
    assert!(a.put_at(&heads, PATIENT).unwrap().is_some());
    assert_eq!(words(&a), "");
    meet(&mut a, &mut b);
    // Nobody can bring them back by saying nothing of them.
    let change = b.put(&with(&b.shown(), "language", "\"qu\""));
    assert_eq!((words(&b), words_at(&b, &change)), (String::new(), None));
    let (heads, shown) = (b.record.heads(), b.shown());
    assert_eq!(b.put_at(&heads, &shown), Ok(None));
    // Sent back by one who had read them before, they are as they were then.
    let (mut late, _) = two_sites(&told());
    let read = late.record.heads();
    late.put(&with(&told(), "language", "\"qu\""));
    assert!(late.put_at(&read, PATIENT).unwrap().is_some());
    assert_eq!(
        (words(&late), late.member("language")),
        (String::new(), "\"qu\"".to_owned())
    );
}
