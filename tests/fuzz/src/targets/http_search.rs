//! Searches as they reach the clinic: the type, then the query of a URL, over a
//! store with a few records.

use std::cell::OnceCell;

use chaski_clinic::Clinic;
use chaski_clinic::record::{ImportOptions, SearchOptions};
use chaski_clinic::text::query_pairs;

use crate::{empty_clinic, operator};

thread_local! {
    static CLINIC: OnceCell<Clinic> = const { OnceCell::new() };
}

/// Searches as they reach the clinic.
pub fn http_search(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (kind, query) = text.split_once('?').unwrap_or(("Patient", text));
    let Some(pairs) = query_pairs(query) else { return };
    CLINIC.with(|clinic| {
        let clinic = clinic.get_or_init(filled);
        for lenient in [false, true] {
            let options = SearchOptions {
                lenient,
                base_url: lenient.then_some("http://example.org/fhir"),
                follows_chains: true,
            };
            let Ok(query) = clinic.record_query(kind, &pairs, options) else {
                continue;
            };
            if let Ok(page) = clinic.record_search(&operator(), &query) {
                assert!(query.count != Some(0) || page.entries.is_empty());
            }
        }
    });
}

/// A clinic with the records of the seeds.
pub(crate) fn filled() -> Clinic {
    let clinic = empty_clinic();
    let options = ImportOptions {
        id_prefix: None,
        accept_ids: true,
        ..ImportOptions::default()
    };
    let mut session = clinic.record_import(&operator(), options).expect("an import");
    let mut records: &[u8] = include_bytes!("../../seeds/records.ndjson");
    session
        .file("records", &mut records, &mut |_| {})
        .expect("records");
    let report = session.finish(&mut |_| {}).expect("a report");
    assert_eq!(report.refused, 0, "{report:?}");
    clinic
}
