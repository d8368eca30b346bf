//! References within a transaction: to what it names, and to what it creates.

use std::collections::BTreeMap;

use chaski_fhir::reference::{self, Reference};
use chaski_fhir::search::IndexValue;
use chaski_json::Json;
use chaski_store::RecordKey;

use crate::Clinic;
use crate::record::RecordError;

/// What a record that is to be made will be found by.
pub(super) type CreatedValues = (RecordKey, Vec<IndexValue>);

impl Clinic {
    /// Rewrites references to what the bundle names, which are in the form of [`reference::normal`].
    pub(super) fn rewrite_names(&self, json: &mut Json, names: &BTreeMap<String, RecordKey>) {
        reference::rewrite(json, &mut |text| {
            names
                .get(reference::normal(text).as_ref())
                .map(ToString::to_string)
        });
    }

    /// Resolves conditional references to what the same bundle creates.
    pub(super) fn resolve_created(
        &self,
        json: &mut Json,
        created: &[CreatedValues],
    ) -> Result<(), RecordError> {
        let mut failed = None;
        reference::rewrite(json, &mut |text| {
            let Reference::Conditional { kind, query } = reference::parse(text, &[]) else {
                return None;
            };
            if !created.iter().any(|(key, _)| key.kind() == kind) {
                return None;
            }
            let query = match self.condition(kind, query) {
                Ok(query) => query,
                Err(error) => {
                    failed.get_or_insert(error);
                    return None;
                }
            };
            let mut matches = created
                .iter()
                .filter(|(key, values)| key.kind() == kind && query.matches(values));
            let first = matches.next()?;
            if matches.next().is_some() {
                failed.get_or_insert(RecordError::MultipleMatches(kind.to_owned()));
                return None;
            }
            Some(first.0.to_string())
        });
        failed.map_or(Ok(()), Err)
    }
}

/// Whether a resource refers to something by a condition.
pub(super) fn has_conditional(json: &Json) -> bool {
    let mut found = false;
    reference::each(json, &mut |text| found |= text.contains('?'));
    found
}
