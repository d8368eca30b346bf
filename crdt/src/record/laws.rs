//! The laws: order, grouping and repetition of deliveries change nothing, JSON
//! goes through registers and comes back equal, and of what was written apart
//! exactly that is listed which can be read.

use super::{Record, WriteError};
use crate::author::SignedChange;
use crate::policy::Unknown;
use crate::testing::{POLICY, Site, assert_equal, json, key_of, verified};
use chaski_json::{Json, Number, Object};
use proptest::prelude::*;
use std::collections::BTreeSet;

mod listed;
mod told;

use listed::{assert_listed, gone};

/// Any JSON, with keys that provoke the encoding.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e[0-9])?"
            .prop_map(|n| Json::Number(Number::parse(&n).unwrap())),
        ".{0,6}".prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            prop::collection::btree_map(any_name(), inner, 0..5).prop_map(Json::Object),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "telecom",
        "_telecom",
        "alias",
        "_alias",
        "__alias",
        "contact",
        "item",
        "component",
        "name",
        "meta",
        "tag",
        "profile",
        "hospitalization",
        "valueString",
        "_valueString",
        "valueQuantity",
        "value[x]",
        "value",
        "active",
        "_active",
        "code",
        "id",
        "url",
        "a/b",
        "!record",
        "a-b",
        "~0",
        "_",
        "",
        "status",
        "extension",
    ]);
    prop_oneof![6 => known.prop_map(str::to_owned), 1 => "[a-z_~/!\\[\\]-]{0,4}"]
}

fn any_record() -> impl Strategy<Value = Json> {
    prop::collection::btree_map(any_name(), any_json(), 0..8).prop_map(|members| {
        let mut members: Object = members;
        members.insert("resourceType".to_owned(), Json::from("Patient"));
        members.insert("id".to_owned(), Json::from("x"));
        members.remove("_id");
        members.remove("_resourceType");
        Json::Object(members)
    })
}

/// What a record says that its policy keeps: no `meta` without content.
fn kept(record: &Json) -> Json {
    let mut record = record.clone();
    if let Some(meta) = record.get_mut("meta").and_then(Json::as_object_mut)
        && !meta.is_empty()
    {
        meta.remove("versionId");
        meta.remove("lastUpdated");
        if meta.is_empty() {
            record.as_object_mut().unwrap().remove("meta");
        }
    }
    record
}

/// As [`kept`], without what an update cannot empty.
fn without_sets(record: &Json) -> Json {
    let mut record = kept(record);
    record.as_object_mut().unwrap().remove("meta");
    record
}

/// What one site does next.
#[derive(Debug, Clone)]
enum Step {
    /// Writes at one of the versions it has had.
    Put {
        site: usize,
        what: usize,
        version: prop::sample::Index,
    },
    Delete {
        site: usize,
    },
    ResolveFirst {
        site: usize,
    },
    Meet {
        from: usize,
        to: usize,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let site = 0_usize..3;
    prop_oneof![
        6 => (site.clone(), 0..MEDICINES.len(), any::<prop::sample::Index>())
            .prop_map(|(site, what, version)| Step::Put { site, what, version }),
        1 => site.clone().prop_map(|site| Step::Delete { site }),
        1 => site.clone().prop_map(|site| Step::ResolveFirst { site }),
        3 => (site.clone(), site).prop_map(|(from, to)| Step::Meet { from, to }),
    ]
}

/// What is written of a record, one of these.
type Texts = [&'static str; 10];

const MEDICINES: Texts = [
    r#"{"resourceType":"MedicationRequest","id":"m","status":"active","medicationCodeableConcept":{"text":"a"}}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","status":"stopped","medicationCodeableConcept":{"text":"a"}}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","status":"active","medicationReference":{"reference":"M/1"},"dosageInstruction":[{"text":"1"},{"text":"2"}]}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","dosageInstruction":[{"text":"2"},{"text":"1"},{"text":"1"}],"language":"x"}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","telecom":[{"value":"1"},{"value":"2"},{"value":"3"}],"language":"y"}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","telecom":[{"value":"3"},{"value":"4"},{"value":"1"}],"birthDate":"1980"}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","contact":[{"name":"a","telecom":[{"value":"1"}]},{"name":"b"}],"birthDate":"1981"}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","contact":[{"name":"b","gender":"x"}],"meta":{"tag":[{"code":"1"}]}}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","hospitalization":{"diet":[{"text":"1"}]},"meta":{"tag":[{"code":"2"},{"code":"1"}]}}"#,
    r#"{"resourceType":"MedicationRequest","id":"m","hospitalization":{"origin":"x"},"text":{"div":"<p/>"},"active":true}"#,
];

/// As above, with backbone elements inside a conflict group, one in another, and
/// what one text has as an object another has as a list or plain.
const ALLERGIES: Texts = [
    r#"{"resourceType":"AllergyIntolerance","id":"m","criticality":"low","reaction":[{"severity":"mild","note":"a"}]}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","criticality":"high","reaction":[{"note":"a"}]}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","criticality":"low","reaction":[{"severity":"severe","note":"a"},{"note":"b"}]}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","birthDate":"1980"}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","birthDate":"1981","item":[{"linkId":"1","item":[{"birthDate":"1"}]}]}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","item":[{"linkId":"1","item":[{"birthDate":"2","text":"t"}]}]}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","item":[{"linkId":"1"}],"hospitalization":{"diet":"1","origin":"x"}}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","hospitalization":{"diet":"2","destination":"z"}}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","hospitalization":"home","reaction":[{"severity":"severe","note":"b"}]}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"m","hospitalization":["home"],"item":{"linkId":"2"}}"#,
];

/// Sites with these node numbers write and meet; returns them and every change
/// made. The same number twice is one life running twice.
fn play(numbers: &[u8], texts: &Texts, steps: &[Step]) -> (Vec<Site>, Vec<SignedChange>) {
    let key = key_of(&json(texts[0]));
    let mut sites: Vec<Site> = numbers.iter().map(|n| Site::new(*n, key.clone())).collect();
    let mut versions: Vec<Vec<Vec<crate::change::ChangeHash>>> = vec![Vec::new(); numbers.len()];
    let mut made = Vec::new();
    for step in steps {
        let before = sites.clone();
        match step {
            Step::Put { site, what, version } => {
                let at = &mut sites[*site];
                if at.record.is_empty() {
                    at.create(texts[*what]);
                    made.extend(at.record.changes().cloned());
                } else {
                    let known = &versions[*site];
                    let base = known[version.index(known.len())].clone();
                    made.extend(at.put_at(&base, texts[*what]).ok().flatten());
                    // A write shows what it wrote, at the version it made.
                    if base == at.record.heads() && at.view().conflicts.is_empty() {
                        let shown = at.record.view_at(&base, POLICY);
                        assert_eq!(shown.unwrap().json, at.view().json);
                    }
                }
            }
            Step::Delete { site } if !sites[*site].record.is_empty() => {
                made.extend(sites[*site].delete().ok().flatten());
            }
            Step::ResolveFirst { site } if !sites[*site].record.is_empty() => {
                if let Some(conflict) = sites[*site].view().conflicts.first() {
                    let pick = conflict.values[conflict.safer_index].change;
                    let choice = crate::record::Choice::Pick(pick);
                    made.push(sites[*site].resolve(&conflict.path.clone(), &choice).unwrap());
                    let left = sites[*site].view().conflicts;
                    assert!(
                        left.iter().all(|other| other.path != conflict.path),
                        "{conflict:?}"
                    );
                }
            }
            Step::Meet { from, to } if from != to => {
                let changes = sites[*from].changes();
                sites[*to].take(changes);
            }
            _ => {}
        }
        for (before, after) in before.iter().zip(&sites) {
            assert_nothing_reopened(before, after);
        }
        for (site, versions) in sites.iter().zip(&mut versions) {
            let heads = site.record.heads();
            if !heads.is_empty() && versions.last() != Some(&heads) {
                versions.push(heads);
            }
        }
    }
    (sites, made)
}

/// Whoever writes from all that its node holds adds nothing to what waits for a
/// person, but for what the write itself brings back into sight.
fn assert_nothing_reopened(before: &Site, after: &Site) {
    let (old, new) = (before.record.heads(), after.record.heads());
    if old == new || old.is_empty() {
        return;
    }
    assert_listed(after);
    let [head] = new.as_slice() else { return };
    if after.record.change(head).is_none_or(|change| change.deps != old) {
        return;
    }
    let paths = |site: &Site| -> BTreeSet<String> {
        let listed = site.view().conflicts.into_iter();
        listed.map(|conflict| conflict.path).collect()
    };
    let known: BTreeSet<String> = paths(before).union(&gone(before)).cloned().collect();
    assert!(paths(after).is_subset(&known), "{:?} {known:?}", paths(after));
}

/// Delivers all that was made in other orders, groups and numbers: every site
/// ends equal.
fn converge(
    numbers: &[u8],
    texts: &Texts,
    steps: &[Step],
    shuffle: u64,
    cuts: &[usize],
) -> Result<(), TestCaseError> {
    use rand::{SeedableRng, seq::SliceRandom};
    let (mut sites, made) = play(numbers, texts, steps);
    let key = sites[0].record.key().clone();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(shuffle);
    for site in &mut sites {
        site.take(verified(&key, &made));
    }
    for _ in 0..2 {
        let mut deliveries: Vec<SignedChange> = made.iter().chain(&made).cloned().collect();
        deliveries.shuffle(&mut random);
        let mut site = Site::new(9, key.clone());
        let mut waiting = Vec::new();
        let mut cut = cuts.iter().cycle();
        while !deliveries.is_empty() {
            let take = deliveries.len().min(*cut.next().unwrap());
            waiting.extend(deliveries.drain(..take));
            let report = site.take(verified(&key, &waiting));
            prop_assert!(report.quarantined.is_empty(), "{:?}", report.quarantined);
            waiting = report.orphans;
        }
        prop_assert!(waiting.is_empty());
        sites.push(site);
    }
    if !made.is_empty() {
        for pair in sites.windows(2) {
            assert_equal(&pair[0], &pair[1]);
        }
        assert_listed(&sites[0]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::testing::cases(64))]

    #[test]
    fn any_order_grouping_and_duplication_of_deliveries_gives_the_same_record(
        steps in prop::collection::vec(any_step(), 1..25),
        shuffle in any::<u64>(),
        cuts in prop::collection::vec(1_usize..6, 1..8),
    ) {
        converge(&[1, 2, 3], &MEDICINES, &steps, shuffle, &cuts)?;
    }

    /// As above where markers die and come back; so is what is listed.
    #[test]
    fn a_conflict_is_about_what_can_be_read_and_comes_back_with_it(
        steps in prop::collection::vec(any_step(), 1..25),
        shuffle in any::<u64>(),
        cuts in prop::collection::vec(1_usize..6, 1..8),
    ) {
        converge(&[1, 2, 3], &ALLERGIES, &steps, shuffle, &cuts)?;
    }

    /// As above with a cloned machine among them: forks in every order.
    #[test]
    fn forks_in_any_order_leave_the_same_record_and_evidence(
        steps in prop::collection::vec(any_step(), 1..20),
        shuffle in any::<u64>(),
        cuts in prop::collection::vec(1_usize..6, 1..8),
    ) {
        converge(&[1, 2, 1], &MEDICINES, &steps, shuffle, &cuts)?;
    }

    #[test]
    fn what_is_put_is_what_is_read(first in any_record(), second in any_record()) {
        let mut site = Site::new(1, key_of(&first));
        site.create(&first.canonical());
        let kept_first = kept(&first);
        let mut view = site.view();
        prop_assert!(view.issues.is_empty());
        // A narrative is only left out once something is newer.
        prop_assert_eq!(&view.json, &kept_first);
        let heads = site.record.heads();
        site.put_at(&heads, &second.canonical()).unwrap();
        view = site.view();
        prop_assert!(view.conflicts.is_empty() && view.concurrent.is_empty());
        // Sets keep what they had; everything else is as sent.
        prop_assert_eq!(without_sets(&view.json), without_sets(&second));
    }

    /// Whatever two sites made of a record apart: it is read, echoing what was
    /// read shows the same, and a resolution means what it says.
    #[test]
    fn what_was_written_apart_is_read_echoed_and_resolved(
        first in any_record(),
        second in any_record(),
        third in any_record(),
        fourth in any_record(),
    ) {
        let key = key_of(&first);
        let (mut a, mut b) = (Site::new(1, key.clone()), Site::new(2, key));
        a.create(&first.canonical());
        b.take(a.changes());
        let base = a.record.heads();
        a.put_at(&base, &second.canonical()).unwrap();
        b.put_at(&base, &third.canonical()).unwrap();
        crate::testing::meet(&mut a, &mut b);
        let view = a.view();
        prop_assert!(view.issues.is_empty(), "{:?}", view.issues);
        let heads = a.record.heads();
        // Where nonsense met nonsense (a list here, one value there, under one
        // name) the echo tidies up what was hidden, or is refused because that
        // is disputed; it never shows anything else.
        let echoed = a.put_at(&heads, &view.json.canonical());
        prop_assert!(matches!(echoed, Ok(_) | Err(WriteError::Disputed(_))), "{echoed:?} {}", view.json);
        prop_assert_eq!(a.view().json, view.json);
        a.put_resolving(&fourth.canonical());
        assert_listed(&a);
        prop_assert!(a.view().conflicts.is_empty());
        prop_assert_eq!(without_sets(&a.view().json), without_sets(&fourth));
        crate::testing::meet(&mut a, &mut b);
    }

    #[test]
    fn unknown_types_go_through_unchanged(record in any_record()) {
        let mut site = Site::new(1, key_of(&record));
        site.with(|at, writer, stamp| {
            *at = Record::create(key_of(&record), &record, &Unknown, writer, stamp).unwrap().0;
        });
        prop_assert_eq!(site.record.view(&Unknown).json, record);
    }
}
