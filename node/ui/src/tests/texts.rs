use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Key to the variables it uses, of one language's files.
fn keys(lang: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(lang);
    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        fluent_bundle::FluentResource::try_new(text.clone())
            .unwrap_or_else(|(_, errors)| panic!("{}: {errors:?}", path.display()));
        let mut current = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let is_key = line.starts_with(|c: char| c.is_ascii_alphabetic());
            if let Some((key, _)) = line.split_once(" =").filter(|_| is_key) {
                current = key.trim().to_owned();
                let twice = found.insert(current.clone(), BTreeSet::new()).is_some();
                assert!(!twice, "{lang}: {current} stands twice");
            }
            // Fluent's own forms of a number are not those of Unicode: see `Lang::plural`.
            assert!(
                !line.contains("{ $count ->"),
                "{lang}: {current} asks for $count, not for $form"
            );
            for part in line.split("{ $").skip(1) {
                let name = part.split([' ', '}']).next().unwrap().to_owned();
                found.entry(current.clone()).or_default().insert(name);
            }
        }
    }
    found
}

#[test]
fn every_text_stands_in_every_language_with_the_same_variables() {
    let (en, ar) = (keys("en"), keys("ar"));
    assert_eq!(en.keys().collect::<Vec<_>>(), ar.keys().collect::<Vec<_>>());
    for (key, variables) in &en {
        // A plural may leave its number out where a word says it.
        assert_eq!(variables, &ar[key], "{key}");
    }
}

fn sources(folder: &Path, out: &mut String) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            sources(&path, out);
        } else if path.is_file() {
            out.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_text_that_is_used_exists_and_every_text_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut used = String::new();
    sources(&root.join("src"), &mut used);
    sources(&root.join("templates"), &mut used);
    let en = keys("en");
    let calls = [".s(\"", ".n(\"", ".a(\"", ".aa(\"", ".na(\"", ".maybe(\""];
    for call in calls {
        for part in used.split(call).skip(1) {
            let key = part.split('"').next().unwrap();
            assert!(en.contains_key(key), "no text for {key}");
        }
    }
    // Keys made of a code in a record or of a form's field.
    let made = [
        "month-",
        "role-",
        "node-role-",
        "kind-",
        "path-",
        "verification-",
        "intent-",
        "truth-",
        "linked-",
        "status-",
        "sex-",
        "criticality-",
        "field-",
        "hint-",
        "error-",
        "nag-",
        "reason-",
        "wrong-",
        "vital-",
        "parcel-fault-",
        "parcel-failed-",
        "timing-at-",
        "timing-unit-",
        "size-",
        "site-reason-",
        "no-band-",
    ];
    // The lists of a choice or a select have a key of their own.
    let lists = ["Field::choice_of(", "Field::select("]
        .into_iter()
        .flat_map(|call| {
            let calls = used.split(call).skip(1);
            calls.map(|part| format!("{}-", part.split('"').nth(3).unwrap()))
        });
    let lists: Vec<String> = lists.collect();
    for key in en.keys() {
        if lists.iter().any(|start| key.starts_with(start)) {
            continue;
        }
        let known = used.contains(&format!("\"{key}\"")) || made.iter().any(|start| key.starts_with(start));
        assert!(known, "nobody uses {key}");
    }
}

#[test]
fn every_form_field_has_a_label() {
    let mut used = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
    let en = keys("en");
    for call in [
        "Field::line(t, \"",
        "Field::number(t, \"",
        "Field::choice(t, \"",
        "Field::check(t, \"",
        "Field::select(t, \"",
        "            number(\"",
    ] {
        for part in used.split(call).skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(en.contains_key(&format!("field-{name}")), "no label for {name}");
        }
    }
}
