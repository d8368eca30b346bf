//! The ways to the keys, as somebody finds them who has the directory.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

use chaski_json::Json;

use crate::{
    doctor::closing::{self, Closing},
    hex,
    seal::slots as file,
    testing::*,
    *,
};

fn pass(text: &str) -> Unlock {
    Unlock::Passphrase(text.to_owned())
}

fn make(dir: &Path, unlock: &Unlock, seed: u64) -> String {
    let made = Store::create(dir, unlock, TestEnv::new(seed), options()).unwrap();
    made.recovery_words.clone()
}

fn open(dir: &Path, unlock: &Unlock) -> Result<(), OpenError> {
    Store::open(dir, unlock, TestEnv::new(9), options()).map(drop)
}

fn read(dir: &Path) -> Json {
    json(&fs::read_to_string(dir.join("slots.json")).unwrap())
}

fn slots_of(json: &Json) -> Vec<Json> {
    json.get("slots").and_then(Json::as_array).unwrap().to_vec()
}

fn text(json: &Json, name: &str) -> String {
    json.get(name).and_then(Json::as_str).unwrap().to_owned()
}

/// The file with other slots, in the form the product writes.
fn write(dir: &Path, mut json: Json, slots: Vec<Json>) {
    let object = json.as_object_mut().unwrap();
    object.insert("slots".to_owned(), Json::Array(slots));
    fs::write(dir.join("slots.json"), format!("{}\n", json.canonical())).unwrap();
}

#[test]
fn a_passphrase_that_was_replaced_opens_nothing_and_the_words_still_do() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let words = make(&dir, &pass("three llamas"), 1);
    slots::replace(&dir, &pass("three llamas"), &pass("four"), &*TestEnv::new(2), 64).unwrap();
    assert!(matches!(
        open(&dir, &pass("three llamas")),
        Err(OpenError::WrongKey)
    ));
    open(&dir, &pass("four")).unwrap();
    open(&dir, &Unlock::Words(words.clone())).unwrap();
    let kinds: Vec<_> = slots::list(&dir)
        .unwrap()
        .into_iter()
        .map(|slot| slot.kind)
        .collect();
    assert_eq!(kinds, ["words", "passphrase"]);
    // Whoever has no way in makes none.
    let refused = slots::replace(&dir, &pass("five"), &pass("six"), &*TestEnv::new(3), 64);
    assert!(matches!(refused, Err(OpenError::WrongKey)));
    let refused = slots::replace(&dir, &pass("four"), &pass(""), &*TestEnv::new(3), 64);
    assert!(matches!(refused, Err(OpenError::NoKey)));
    open(&dir, &pass("four")).unwrap();
}

#[test]
fn slots_that_were_taken_away_added_or_turned_are_noticed() {
    let root = tempfile::tempdir().unwrap();
    let (dir, other) = (root.path().join("one"), root.path().join("other"));
    make(&dir, &pass("three llamas"), 1);
    make(&other, &pass("three llamas"), 2);
    let (own, theirs) = (read(&dir), read(&other));
    let damaged = |slots: Vec<Json>, what: &str| {
        write(&dir, own.clone(), slots);
        let opened = open(&dir, &pass("three llamas"));
        assert!(matches!(opened, Err(OpenError::Damaged(_))), "{what}: {opened:?}");
    };
    let slots = slots_of(&own);
    damaged(vec![slots[0].clone()], "the words' slot is gone");
    damaged(vec![slots[1].clone(), slots[0].clone()], "in another order");
    damaged(
        [slots.clone(), slots_of(&theirs)].concat(),
        "with those of another store",
    );
    let mut cheap = slots[0].clone();
    let members = cheap.as_object_mut().unwrap();
    members.insert("memory_kib".to_owned(), Json::from(8));
    write(&dir, own.clone(), vec![cheap, slots[1].clone()]);
    assert!(open(&dir, &pass("three llamas")).is_err(), "a cheaper way to try");
    // The keys of another store are no keys of this one.
    fs::copy(other.join("slots.json"), dir.join("slots.json")).unwrap();
    assert!(open(&dir, &pass("three llamas")).is_err());
    write(&dir, own, slots);
    open(&dir, &pass("three llamas")).unwrap();
}

#[test]
fn a_slot_costs_what_it_should_and_shows_no_key() {
    let root = tempfile::tempdir().unwrap();
    let mut seen = BTreeSet::new();
    for seed in [1, 2] {
        let dir = root.path().join(seed.to_string());
        let words = make(&dir, &pass("three llamas"), seed);
        assert_eq!(words.split(' ').count(), 24);
        let json = read(&dir);
        let slots = slots_of(&json);
        assert_eq!(text(&slots[0], "salt").len(), 32);
        assert_eq!(slots[0].get("memory_kib").and_then(Json::as_u64), Some(64));
        assert!(slots[0].get("passes").and_then(Json::as_u64) >= Some(3));
        for (name, from) in [
            ("salt", &slots[0]),
            ("wrapped", &slots[0]),
            ("wrapped", &slots[1]),
        ] {
            assert!(seen.insert(text(from, name)), "{name} is another store's too");
        }
        assert!(seen.insert(text(&json, "keyring")) && seen.insert(words));
        let shown = json.canonical();
        let keys = file::open(&dir, &pass("three llamas")).unwrap();
        for key in [
            keys.epoch_key,
            keys.node_key,
            keys.prf_key,
            keys.index_key,
            keys.file_key,
        ] {
            assert!(!shown.contains(&hex::encode(&key[..8])));
            assert!(seen.insert(hex::encode(&key)), "a key of two stores");
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("slots.json")), 0o600);
        assert_eq!(mode(&dir.join("closing")), 0o600);
    }
    assert!(OpenOptions::default().argon2_memory_kib >= 64 * 1024);
}

#[test]
fn nothing_secret_is_printed_of_what_is_handed_around() {
    let shown = [
        format!("{:?}", pass("three llamas")),
        format!("{:?}", Unlock::Words("abandon ability".into())),
        format!("{:?}", Unlock::Raw([77; 32])),
        format!("{:?}", identity(77)),
        format!("{:?}", memory_store(77).0),
    ];
    for text in shown {
        for secret in ["llamas", "abandon", "77, 77", "3, 3"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_link_in_place_of_a_file_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let away = root.path().join("away");
    for name in [
        "chaski.lock",
        "db",
        "db/db",
        "db/conf",
        "slots.json",
        "chaski.making",
        "chaski.rebuilding",
    ] {
        let dir = root.path().join(name.replace('/', "-"));
        make(&dir, &pass("three llamas"), 1);
        let at = dir.join(name);
        if at.exists() {
            let _ = fs::remove_dir_all(&away);
            let _ = fs::remove_file(&away);
            fs::rename(&at, &away).unwrap();
        }
        std::os::unix::fs::symlink(&away, &at).unwrap();
        let opened = open(&dir, &pass("three llamas"));
        assert!(
            matches!(opened, Err(OpenError::Linked(found)) if found == name),
            "{name}: {opened:?}"
        );
        assert!(at.symlink_metadata().unwrap().is_symlink());
    }
}

#[test]
fn who_lacks_the_key_cannot_make_an_earlier_database_pass_as_what_was_closed() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    make(&dir, &pass("three llamas"), 1);
    let key = file::open(&dir, &pass("three llamas")).unwrap().file_key;
    let left = fs::read(dir.join("closing")).unwrap();
    let now = Closing::from_bytes(&left, &key).expect("what a clean close left");
    assert_eq!(Closing::from_bytes(&left, &[0; 32]), None);
    // Made anew by somebody else, cut short, or with a bit turned.
    let by_another = |bytes: &[u8]| {
        fs::write(dir.join("closing"), bytes).unwrap();
        closing::retire(&dir, &key, now).unwrap();
        let told = closing::differing(&dir).unwrap();
        closing::clear(&dir).unwrap();
        told
    };
    Closing::of(&[0; 32], b"state").write(&dir, &[0; 32]);
    let foreign = fs::read(dir.join("closing")).unwrap();
    assert_eq!(by_another(&foreign), ["closing"]);
    for at in 0..left.len() {
        let mut turned = left.clone();
        turned[at] ^= 1;
        assert_eq!(by_another(&turned), ["closing"], "{at}");
        assert_eq!(by_another(&left[..at]), ["closing"], "{at}");
    }
    assert!(by_another(&left).is_empty());
}

#[test]
fn a_key_file_in_the_data_directory_is_refused_however_it_is_named() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let outside = root.path().join("keys/node.key");
    make(&dir, &Unlock::KeyFile(outside.clone()), 1);
    fs::create_dir(dir.join("sub")).unwrap();
    std::os::unix::fs::symlink(&dir, root.path().join("link")).unwrap();
    let names = [
        "data/node.key",
        "data/sub/node.key",
        "data/missing/node.key",
        "data/../data/node.key",
        "data/sub/../node.key",
        "keys/../data/sub/node.key",
        "link/node.key",
        "link/sub/node.key",
    ];
    let inside = |result: Result<(), OpenError>, name: &str| {
        let told = result.unwrap_err().to_string();
        assert!(
            told.contains("it lies inside the data directory"),
            "{name}: {told}"
        );
    };
    let before = fs::read(dir.join("slots.json")).unwrap();
    for name in names {
        let unlock = Unlock::KeyFile(root.path().join(name));
        // As a new way in: none is made, and no key is left lying there.
        let added = slots::replace(
            &dir,
            &Unlock::KeyFile(outside.clone()),
            &unlock,
            &*TestEnv::new(2),
            64,
        );
        inside(added, name);
        assert!(!root.path().join(name).exists(), "{name} was made");
        // And where somebody has moved the right key there.
        if root.path().join(name).parent().unwrap().is_dir() {
            fs::copy(&outside, root.path().join(name)).unwrap();
            inside(open(&dir, &unlock), name);
            fs::remove_file(root.path().join(name)).unwrap();
        }
    }
    assert_eq!(fs::read(dir.join("slots.json")).unwrap(), before);
    for name in ["fresh/node.key", "fresh/sub/node.key"] {
        let (fresh, key) = (root.path().join("fresh"), root.path().join(name));
        let made = Store::create(&fresh, &Unlock::KeyFile(key.clone()), TestEnv::new(3), options());
        inside(made.map(drop), name);
        assert!(!key.exists(), "{name} was made");
    }
    // Beside it, also under a name that begins alike, it may lie.
    for name in ["data.key", "data-keys/node.key"] {
        let key = Unlock::KeyFile(root.path().join(name));
        let dir = root.path().join(format!("of-{}", name.replace('/', "-")));
        make(&dir, &key, 4);
        open(&dir, &key).unwrap();
    }
    open(&dir, &Unlock::KeyFile(outside)).unwrap();
}

#[test]
fn a_slot_that_asks_for_more_than_any_does_is_refused_before_it_is_tried() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    make(&dir, &pass("three llamas"), 1);
    let own = read(&dir);
    let asks = |memory_kib: u64, passes: u64| {
        let mut slots = slots_of(&own);
        let members = slots[0].as_object_mut().unwrap();
        members.insert("memory_kib".to_owned(), Json::from(memory_kib));
        members.insert("passes".to_owned(), Json::from(passes));
        write(&dir, own.clone(), slots);
        open(&dir, &pass("three llamas")).unwrap_err()
    };
    // What is within bounds is tried, and fits no more; what is not is damage, and costs nothing.
    for (memory_kib, passes) in [(8, 1), (8, 64), (128, 1)] {
        let told = asks(memory_kib, passes);
        assert!(
            matches!(told, OpenError::WrongKey),
            "{memory_kib} {passes}: {told:?}"
        );
    }
    let gib = 1024 * 1024;
    for (memory_kib, passes) in [(8, 65), (gib + 1, 1), (8, 1 << 20), (7, 1), (8, 0), (0, 0)] {
        let told = asks(memory_kib, passes);
        assert!(
            matches!(told, OpenError::Damaged(_)),
            "{memory_kib} {passes}: {told:?}"
        );
    }
    write(&dir, own.clone(), slots_of(&own));
    open(&dir, &pass("three llamas")).unwrap();
}

#[test]
fn as_many_slots_as_there_may_be_are_listed_and_one_more_is_damage() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    make(&dir, &pass("three llamas"), 1);
    let own = read(&dir);
    let one = slots_of(&own)[0].clone();
    for (count, told) in [(16, Some(16)), (17, None), (18, None), (60, None)] {
        write(&dir, own.clone(), vec![one.clone(); count]);
        let listed = slots::list(&dir);
        match told {
            Some(count) => assert_eq!(listed.unwrap().len(), count),
            None => assert!(
                matches!(listed, Err(OpenError::Damaged(_))),
                "{count}: {listed:?}"
            ),
        }
    }
}

/// What a node wrote is opened by every later one, and by nobody who bends it.
#[test]
fn a_slots_file_that_was_written_before_still_opens() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let written = include_str!("slots.json");
    fs::write(dir.join("slots.json"), written).unwrap();
    let keys = file::open(dir, &pass("three llamas")).unwrap();
    let epoch = "b10da48cea4c09676b8e0efcd806941465060736032bb898420d0863dca72538";
    assert_eq!(hex::encode(&keys.epoch_key), epoch);
    // Any other digit of what is sealed, or of what it is sealed with.
    let digits = |at: &usize| written.as_bytes()[*at].is_ascii_digit();
    for at in (0..written.len()).filter(digits).step_by(7) {
        let mut bent = written.as_bytes().to_vec();
        bent[at] = if bent[at] == b'1' { b'2' } else { b'1' };
        // More memory and more passes than are asked for cost time and are refused no otherwise.
        if !written[..at].ends_with("memory_kib\":") && !written[..at].ends_with("passes\":") {
            fs::write(dir.join("slots.json"), bent).unwrap();
            assert!(file::open(dir, &pass("three llamas")).is_err(), "digit {at}");
        }
    }
}
