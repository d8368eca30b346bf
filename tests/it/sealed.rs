//! A stolen disk tells nothing, and an edited one is noticed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chaski_tests::chaski::Site;
use chaski_tests::kit::synthea;
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
    let Some(day) = text
        .get(..10)
        .filter(|day| day.len() == 10 && day.as_bytes()[4] == b'-')
    else {
        return vec![];
    };
    let number = |range: std::ops::Range<usize>| day.get(range).and_then(|part| part.parse::<i64>().ok());
    let (Some(y), Some(m), Some(d)) = (number(0..4), number(5..7), number(8..10)) else {
        return vec![];
    };
    let (y, m) = if m <= 2 { (y - 1, m + 9) } else { (y, m - 3) };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + (153 * m + 2) / 5 + d - 1 - 719_468;
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
