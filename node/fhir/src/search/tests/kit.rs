//! Against the Synthea kit, where it is there.

use super::*;

/// Every resource of the Synthea kit, by file.
fn synthea() -> Option<Vec<Json>> {
    let kit = std::env::var("CHASKI_KIT").unwrap_or_else(|_| "../../../shared/kit".to_owned());
    let folder = std::fs::read_dir(std::path::Path::new(&kit).join("synthea")).ok()?;
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "gz"));
    paths.sort();
    let mut found = Vec::new();
    for path in paths.iter().take(12).chain(paths.iter().rev().take(2)) {
        let mut text = Vec::new();
        let file = std::fs::File::open(path).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
        let bundle = chaski_json::parse(&text, &chaski_json::Limits::default()).unwrap();
        let entries = bundle.get("entry").and_then(Json::as_array).unwrap();
        found.extend(entries.iter().filter_map(|entry| entry.get("resource")).cloned());
    }
    Some(found)
}

/// Each value found in a real record must be found again by a query made of it.
#[test]
fn every_parameter_of_real_records_finds_them_again() {
    let Some(records) = synthea() else {
        println!("SKIPPED: no records of Synthea in the kit");
        return;
    };
    let mut seen: BTreeMap<(String, &'static str), u32> = BTreeMap::new();
    for record in &records {
        let kind = record
            .get("resourceType")
            .and_then(Json::as_str)
            .unwrap()
            .to_owned();
        let values = extract(record);
        // What the search box finds people by is no parameter that a query can name.
        let named = |value: &&IndexValue| value.param != crate::search::sought().code;
        for value in values.iter().filter(named) {
            let times = seen.entry((kind.clone(), value.param)).or_default();
            *times += 1;
            if *times > 40 {
                continue;
            }
            if let Some(one) = as_range(&value.value) {
                assert!(
                    one.matches(&value.value, &Modifier::None),
                    "{kind}.{}: {value:?}",
                    value.param
                );
                continue;
            }
            let Some(text) = as_query(&value.value) else {
                continue;
            };
            let query = query(&kind, &format!("{}={text}", value.param)).unwrap();
            assert!(query.matches(&values), "{kind}?{}={text}", value.param);
        }
    }
    let kinds: BTreeSet<_> = seen.keys().map(|(kind, _)| kind.as_str()).collect();
    eprintln!(
        "{} records, {} kinds, {} parameters with values",
        records.len(),
        kinds.len(),
        seen.len()
    );
    assert!(
        kinds.len() >= 15 && seen.len() > 150,
        "{} {}",
        kinds.len(),
        seen.len()
    );
}

/// A search for exactly this date, number or quantity.
fn as_range(value: &IndexValueKind) -> Option<Alternative> {
    Some(match value {
        IndexValueKind::Date { lo_ms, hi_ms } => Alternative::Date {
            prefix: Prefix::Eq,
            lo_ms: *lo_ms,
            hi_ms: *hi_ms,
        },
        IndexValueKind::Quantity {
            lo: Some(value),
            hi: Some(hi),
            system,
            code,
            ..
        } if value == hi => {
            let (value, lo, hi) = (*value, value.nudged(-1), value.nudged(1));
            let (system, code) = (system.clone(), code.clone());
            Alternative::Quantity {
                prefix: Prefix::Eq,
                value,
                lo,
                hi,
                system,
                code,
            }
        }
        IndexValueKind::Number {
            lo: Some(value),
            hi: Some(hi),
        } if value == hi => Alternative::Number {
            prefix: Prefix::Eq,
            value: *value,
            lo: value.nudged(-1),
            hi: value.nudged(1),
        },
        _ => return None,
    })
}

fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if ",|$\\".contains(c) {
                vec!['\\', c]
            } else {
                vec![c]
            }
        })
        .collect()
}

fn as_query(value: &IndexValueKind) -> Option<String> {
    Some(match value {
        IndexValueKind::Token { system, code, .. } => {
            let code = escaped(code.as_deref()?);
            format!("{}|{code}", escaped(system.as_deref().unwrap_or_default()))
        }
        IndexValueKind::String { exact, .. } if !exact.trim().is_empty() => escaped(exact),
        IndexValueKind::Reference { kind, id } => format!("{kind}/{id}"),
        IndexValueKind::Uri(uri) => escaped(uri),
        IndexValueKind::Composite(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(|part| part.first().and_then(as_query)).collect();
            parts?.join("$")
        }
        _ => return None,
    })
}
