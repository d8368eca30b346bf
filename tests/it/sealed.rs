//! A stolen disk tells nothing, and an edited one is noticed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chaski_store::{OpenOptions, Store, SystemEnv, Unlock, doctor};
use chaski_tests::chaski::{Site, chaski};
use chaski_tests::kit::synthea;
use jiff::civil::Date;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else if path.is_file() {
            found.push(path)
        }
    }
    found
}

/// Every string of a record that says something of a person, and its dates.
fn strings(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() >= 6 => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(members) => members.values().for_each(|item| strings(item, found)),
        _ => {}
    }
}

/// The binary forms a date might be stored in: seconds and milliseconds since 1970, both ends first.
fn binary_dates(text: &str) -> Vec<Vec<u8>> {
    let Some(day) = text.get(..10).and_then(|day| day.parse::<Date>().ok()) else {
        return vec![];
    };
    let days = day.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24;
    let (seconds, milliseconds) = (days * 86_400, days * 86_400_000);
    vec![
        seconds.to_le_bytes().to_vec(),
        seconds.to_be_bytes().to_vec(),
        milliseconds.to_le_bytes().to_vec(),
        milliseconds.to_be_bytes().to_vec(),
    ]
}

#[test]
fn nothing_of_a_person_stands_in_the_clear() {
    let Some(synthea) = synthea() else { return };
    let site = Site::init("Clinic A");
    site.import(&synthea.shared);
    site.import(&synthea.patients[..3]);
    let mut wanted = BTreeSet::new();
    for line in site.export().lines() {
        strings(&serde_json::from_str(line).unwrap(), &mut wanted);
    }
    let mut needles: BTreeSet<Vec<u8>> = wanted.iter().map(|text| text.clone().into_bytes()).collect();
    let dates = wanted.iter().flat_map(|text| binary_dates(text));
    // A date whose bytes are mostly zeroes stands in any file.
    needles.extend(dates.filter(|bytes| bytes.iter().filter(|byte| **byte != 0).count() >= 5));
    assert!(needles.len() > 1_000);
    // Index every 6-byte window of the needles' heads once: a scan per needle takes minutes.
    let heads: std::collections::HashMap<[u8; 6], Vec<&Vec<u8>>> = needles.iter().fold(
        Default::default(),
        |mut heads: std::collections::HashMap<_, Vec<_>>, needle| {
            heads
                .entry(<[u8; 6]>::try_from(&needle[..6]).unwrap())
                .or_default()
                .push(needle);
            heads
        },
    );
    for file in files(&site.data()) {
        let bytes = std::fs::read(&file).unwrap();
        for (at, window) in bytes.windows(6).enumerate() {
            let Some(candidates) = heads.get(<&[u8; 6]>::try_from(window).unwrap()) else {
                continue;
            };
            for needle in candidates {
                assert!(
                    !bytes[at..].starts_with(needle),
                    "{} holds {:?} in the clear",
                    file.display(),
                    String::from_utf8_lossy(needle)
                );
            }
        }
    }
}

/// How many single edits are tried; each on a fresh copy of the closed directory.
const EDITS: u64 = 1_000;
/// Few records, so that one check takes tens of milliseconds in a dev build.
const RECORDS: usize = 40;

/// One edit of one file: what was done, and the bytes that are different now.
fn edited(random: &mut ChaCha8Rng, bytes: &[u8]) -> (String, Vec<u8>) {
    loop {
        let mut now = bytes.to_vec();
        let at = random.random_range(0..bytes.len());
        let did = match random.random_range(0..4) {
            0 => {
                now[at] ^= 1 << random.random_range(0..8);
                "a flipped bit"
            }
            1 => {
                now[at] = random.random();
                "another byte"
            }
            2 => {
                now.truncate(at);
                "a truncation"
            }
            _ => {
                // Whole blocks of the database stay readable when they change places.
                let len = [64, 512, 4_096][random.random_range(0..3)].min(bytes.len() / 2);
                let one = random.random_range(0..=bytes.len() - 2 * len);
                let other = random.random_range(one + len..=bytes.len() - len);
                now[one..one + len].copy_from_slice(&bytes[other..other + len]);
                now[other..other + len].copy_from_slice(&bytes[one..one + len]);
                "two blocks changed places"
            }
        };
        // Equal bytes swapped, or a byte for itself, is no edit.
        if now != bytes {
            return (format!("{did} at {at} of {}", bytes.len()), now);
        }
    }
}

/// A small node, closed: its files by their path, and the key that opens it.
fn closed_node(home: &Path) -> (Vec<(PathBuf, Vec<u8>)>, PathBuf) {
    let (data, key, records) = (home.join("data"), home.join("key"), home.join("records.ndjson"));
    let lines: Vec<String> = chaski_fhir::sample::population(11, 1)
        .take(RECORDS)
        .map(|record| record.to_string())
        .collect();
    std::fs::write(&records, lines.join("\n")).unwrap();
    let run = |args: &[&std::ffi::OsStr]| {
        let mut all: Vec<&std::ffi::OsStr> = args.to_vec();
        all.extend([
            "--data".as_ref(),
            data.as_os_str(),
            "--key-file".as_ref(),
            key.as_os_str(),
        ]);
        chaski(all).ok()
    };
    run(&["init".as_ref(), "--name".as_ref(), "Clinic A".as_ref()]);
    run(&["import".as_ref(), records.as_os_str()]);
    run(&["doctor".as_ref()]);
    let kept = files(&data).into_iter().map(|path| {
        let bytes = std::fs::read(&path).unwrap();
        (path.strip_prefix(&data).unwrap().to_owned(), bytes)
    });
    (kept.collect(), key)
}

fn write_all(folder: &Path, kept: &[(PathBuf, Vec<u8>)]) {
    let _none_yet = std::fs::remove_dir_all(folder);
    for (path, bytes) in kept {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn options() -> OpenOptions {
    OpenOptions {
        disk_floor_bytes: 1 << 20,
        disk_floor_percent: 0,
        ..OpenOptions::default()
    }
}

/// Whether `doctor`, or the opening it begins with, finds nothing to say of the directory.
fn is_whole(folder: &Path, key: &Path) -> bool {
    let unlock = Unlock::KeyFile(key.to_owned());
    let found = doctor::examine(folder, &unlock, Arc::new(SystemEnv), options());
    matches!(found, Ok(report) if report.is_whole())
}

/// All that is read of a node: its log, each change of each record, statements and other documents,
/// the audit.
/// What is derived from records a doctor has made again and compared.
fn content(folder: &Path, key: &Path) -> String {
    let unlock = Unlock::KeyFile(key.to_owned());
    let store = Store::open(folder, &unlock, Arc::new(SystemEnv), options()).unwrap();
    let feed = store.feed(0, 10_000).unwrap();
    let changes: Vec<_> = feed
        .iter()
        .map(|entry| store.signed_changes(&entry.key).unwrap())
        .collect();
    let stats = store.stats().unwrap();
    let documents = store.blobs("").unwrap();
    let audit = store.audit_list(None, 1_000).unwrap();
    format!(
        "{feed:?} {changes:?} {documents:?} {audit:?} {} {}",
        stats.records, stats.position
    )
}

#[test]
fn each_of_a_thousand_edits_of_a_closed_directory_is_noticed_or_changes_nothing_that_is_read() {
    let home = tempfile::tempdir().unwrap();
    let (kept, key) = closed_node(home.path());
    let copy = home.path().join("copy");
    write_all(&copy, &kept);
    assert!(is_whole(&copy, &key), "an unedited copy is whole");
    let unedited = content(&copy, &key);
    let unnoticed = AtomicU64::new(0);
    let editable: Vec<usize> = (0..kept.len()).filter(|at| kept[*at].1.len() >= 2).collect();
    let started = Instant::now();
    let threads: u64 = 2;
    let touched: BTreeSet<usize> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (kept, key, editable) = (&kept, &key, &editable);
                let (unedited, unnoticed) = (&unedited, &unnoticed);
                let folder = home.path().join(format!("copy-{worker}"));
                scope.spawn(move || {
                    let mut touched = BTreeSet::new();
                    for round in (worker..EDITS).step_by(threads as usize) {
                        // Each round can be tried alone: its number is its seed.
                        let mut random = ChaCha8Rng::seed_from_u64(round);
                        let file = editable[random.random_range(0..editable.len())];
                        let (path, bytes) = &kept[file];
                        let (did, now) = edited(&mut random, bytes);
                        write_all(&folder, kept);
                        std::fs::write(folder.join(path), now).unwrap();
                        if is_whole(&folder, key) {
                            // A stretch of the log that nothing needs any more.
                            unnoticed.fetch_add(1, Ordering::Relaxed);
                            assert!(
                                content(&folder, key) == *unedited,
                                "round {round}: {} had {did}",
                                path.display()
                            );
                        }
                        touched.insert(file);
                    }
                    touched
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    assert_eq!(touched.len(), editable.len(), "every file had its edits");
    let unnoticed = unnoticed.into_inner();
    assert!(unnoticed < EDITS / 2, "{unnoticed} edits were not noticed");
    println!(
        "sealed: {unnoticed} of {EDITS} edits changed nothing that is read; the others over {} files ({} bytes) noticed in {:.1} s",
        editable.len(),
        kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(),
        started.elapsed().as_secs_f64()
    );
}
