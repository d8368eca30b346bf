//! Records of a person that are linked with one another: replaced, replacing, or said to be of the same person.

use std::collections::BTreeSet;

use chaski_fhir::reference::{self, Reference};
use chaski_json::Json;

use super::PatientRow;
use crate::fhir_json::{items, text};
use crate::policy_decision::Action;
use crate::record::RecordError;
use crate::{Caller, Clinic, RecordKey};

/// Another record that says to be of the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedPerson {
    /// That record.
    pub row: PatientRow,
    /// FHIR's code of the link, as this record has it, or as it would be: `replaced-by`, `replaces`, `refer`, `seealso`.
    pub how: String,
}

/// Linked records read at most.
const LINKED_MAX: usize = 20;

impl Clinic {
    /// The records that are linked with a patient's, from either side, each once, and whether there are more than are
    /// looked at. Whom this node does not hold, or may not be read, is left out.
    pub(crate) fn linked_people(
        &self,
        caller: &Caller,
        id: &str,
        patient: &Json,
    ) -> Result<(Vec<LinkedPerson>, bool), RecordError> {
        let own =
            items(patient, "link").filter_map(|link| Some((other_of(link)?, text(link, "type").to_owned())));
        let mut named: Vec<(String, String)> = own.collect();
        let from_there = self.find(caller, "Patient", &[("link", &format!("Patient/{id}"))])?;
        for other in &from_there {
            let links = items(&other.json, "link").filter(|link| other_of(link).as_deref() == Some(id));
            named.extend(links.map(|link| {
                (
                    other.key.id().to_owned(),
                    seen_from_here(text(link, "type")).to_owned(),
                )
            }));
        }
        let is_cut = named.len() > LINKED_MAX;
        let mut seen = BTreeSet::from([id.to_owned()]);
        let mut linked = Vec::new();
        for (other, how) in named.into_iter().take(LINKED_MAX) {
            if !seen.insert(other.clone()) {
                continue;
            }
            let key = RecordKey::new("Patient", &other).map_err(|_| RecordError::BadId)?;
            let read = match self.door_read(caller, Action::RecordRead, &key) {
                // Two people have that id, and nothing tells which is meant.
                Err(RecordError::Collision(_)) => None,
                read => read?,
            };
            if let Some(current) = read.filter(|current| !current.deleted) {
                linked.push(LinkedPerson {
                    row: self.patient_row(&current),
                    how,
                });
            }
        }
        Ok((linked, is_cut))
    }
}

fn other_of(link: &Json) -> Option<String> {
    let to = link.pointer("/other/reference").and_then(Json::as_str)?;
    match reference::parse(to, &[]) {
        Reference::Local {
            kind: "Patient", id, ..
        } => Some(id.to_owned()),
        _ => None,
    }
}

/// What a link says from its other end.
fn seen_from_here(how: &str) -> &str {
    match how {
        "replaced-by" => "replaces",
        "replaces" => "replaced-by",
        "refer" => "seealso",
        other => other,
    }
}
