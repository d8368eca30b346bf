//! A record whole, and all that is held about a person: so that nothing is unreachable that no row tells of.

use std::collections::BTreeMap;

use chaski_fhir::compartment;
use chaski_fhir::definitions::definitions;
use chaski_json::Json;
use chaski_store::{CONFLICT_URL, Current, RecordKey};

use super::follow::Names;
use super::said::{Said, said};
use super::section::RecordMeta;
use crate::features::title;
use crate::fhir_json::text;
use crate::patient::PatientRow;
use crate::policy_decision::{Action, Target};
use crate::record::{RecordError, SearchOptions};
use crate::{Caller, Clinic};

/// A record whole, for its own page.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Its kind.
    pub kind: String,
    /// What it is about, in a few words.
    pub title: String,
    /// Its elements in the order of their definition, with the names of what they refer to.
    pub parts: Vec<(String, Json)>,
    /// The record as it is held.
    pub source: Json,
    /// Whose it is.
    pub patient: PatientRow,
}

/// How many records of a kind are held about a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindCount {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: usize,
    /// Whether there are more than were counted.
    pub is_more: bool,
}

/// A record in the list of all of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetLine {
    /// The record behind it.
    pub meta: RecordMeta,
    /// What it is about, in a few words.
    pub title: String,
    /// When it was said and by whom, as the record has it.
    pub said: Said,
}

/// Records of one kind that are listed or counted at most.
pub const LINES_MAX: usize = 1_000;
const PAGE_ROWS: u32 = 500;

/// Takes out the marks of what is disputed, which the page tells by itself.
fn leave_marks(json: &mut Json) {
    let Some(record) = json.as_object_mut() else {
        return;
    };
    if let Some(Json::Array(modifiers)) = record.get_mut("modifierExtension") {
        modifiers.retain(|one| text(one, "url") != CONFLICT_URL);
        if modifiers.is_empty() {
            record.remove("modifierExtension");
        }
    }
}

/// What a page of the record says above its elements.
const UNTOLD: [&str; 3] = ["resourceType", "id", "meta"];

/// The elements of a record, in the order of their definition; what has none comes last.
fn parts(kind: &str, json: &Json) -> Vec<(String, Json)> {
    let composite = definitions().resource(kind);
    let place = |name: &str| {
        let name = name.trim_start_matches('_');
        let element = composite?.field(name)?.element()?;
        composite?.elements().position(|one| std::ptr::eq(one, element))
    };
    let members = json.as_object().into_iter().flatten();
    let told = members.filter(|(name, _)| !UNTOLD.contains(&name.as_str()));
    let mut parts: Vec<(String, Json)> = told.map(|(name, value)| (name.clone(), value.clone())).collect();
    parts.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    parts
}

impl Clinic {
    /// A record of a patient, whole.
    ///
    /// # Errors
    /// [`RecordError::NotFound`] where the patient has none of this id.
    pub fn chart_record(
        &self,
        caller: &Caller,
        patient: &str,
        kind: &str,
        id: &str,
    ) -> Result<Sheet, RecordError> {
        let of = RecordKey::new("Patient", patient).map_err(|_| RecordError::BadId)?;
        let current = self.of_one(caller, kind, id, patient)?;
        let person = match self.door_read(caller, Action::RecordRead, &of) {
            Ok(Some(person)) if !person.deleted => self.patient_row(&person),
            // Of a person who is not here, or of whom two records stand, the record is told all the same.
            Ok(_) | Err(RecordError::Collision(_)) => PatientRow {
                id: patient.to_owned(),
                ..PatientRow::default()
            },
            Err(error) => return Err(error),
        };
        // What is undecided stands above the elements with all that is said of it.
        let mut told = self.undecided_json(&current);
        leave_marks(&mut told);
        let named = Names::new(self, caller).follow(&told).unwrap_or(told);
        Ok(Sheet {
            meta: self.record_meta(&current),
            kind: kind.to_owned(),
            title: title(kind, &named),
            parts: parts(kind, &named),
            source: current.json,
            patient: person,
        })
    }

    /// How many records of each kind are held about a person, the person's own record left out.
    ///
    /// # Errors
    /// The policy's or the store's.
    pub fn chart_kinds(&self, caller: &Caller, patient: &str) -> Result<Vec<KindCount>, RecordError> {
        self.allow(caller, Action::RecordSearch, &Target::Kind("Patient"))?;
        let mut counts = Vec::new();
        for (kind, params) in compartment::params() {
            let (keys, is_more) = self.keys_about(caller, kind, params, patient)?;
            if !keys.is_empty() {
                counts.push(KindCount {
                    kind: (*kind).to_owned(),
                    count: keys.len(),
                    is_more,
                });
            }
        }
        Ok(counts)
    }

    /// The records of a kind about a person, the newest first, and whether there are more.
    ///
    /// # Errors
    /// [`RecordError::UnknownKind`], the policy's or the store's.
    pub fn chart_records(
        &self,
        caller: &Caller,
        patient: &str,
        kind: &str,
    ) -> Result<(Vec<SheetLine>, bool), RecordError> {
        self.allow(caller, Action::RecordSearch, &Target::Kind(kind))?;
        crate::record::known_kind(kind)?;
        let none: &[&str] = &[];
        let params = compartment::params().iter().find(|(own, _)| *own == kind);
        let params = params.map_or(none, |(_, params)| params.as_slice());
        let (found, is_more) = self.keys_about(caller, kind, params, patient)?;
        let names = Names::new(self, caller);
        let mut lines: Vec<SheetLine> = found
            .values()
            .map(|current| {
                let named = names.follow(&current.json);
                let json = named.as_ref().unwrap_or(&current.json);
                SheetLine {
                    meta: self.record_meta(current),
                    title: title(kind, json),
                    said: said(json),
                }
            })
            .collect();
        lines.sort_by(|a, b| {
            b.said
                .when
                .cmp(&a.said.when)
                .then_with(|| b.meta.arrived_ms.cmp(&a.meta.arrived_ms))
        });
        Ok((lines, is_more))
    }

    /// The records of a kind that name a person where R4 says that this places them, each once.
    fn keys_about(
        &self,
        caller: &Caller,
        kind: &str,
        params: &[&str],
        patient: &str,
    ) -> Result<(BTreeMap<RecordKey, Current>, bool), RecordError> {
        let mut found = BTreeMap::new();
        for param in params {
            let pairs = [((*param).to_owned(), format!("Patient/{patient}"))];
            let mut query = self.record_query(kind, &pairs, SearchOptions::default())?;
            query.count = Some(PAGE_ROWS);
            loop {
                let page = self.record_search(caller, &query)?;
                for current in page.entries {
                    if !(kind == "Patient" && current.key.id() == patient) {
                        found.insert(current.key.clone(), current);
                    }
                }
                match page.next {
                    Some(_) if found.len() >= LINES_MAX => return Ok((found, true)),
                    Some(next) => query.cursor = Some(next),
                    None => break,
                }
            }
        }
        Ok((found, false))
    }
}
