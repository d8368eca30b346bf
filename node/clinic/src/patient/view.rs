//! A patient as lists and banners show one.

use chaski_fhir::reference::{self, Reference};
use chaski_json::Json;
use chaski_store::Current;

use crate::Clinic;
use crate::conflict::ConflictRow;
use crate::fhir_json::{human_name, items, text};

/// An identifier as shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentifierRow {
    /// What it is: the type's text, else the last part of the system.
    pub label: String,
    /// The number itself.
    pub value: String,
}

/// A patient as lists and banners show one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatientRow {
    /// The record's id.
    pub id: String,
    /// The version shown, to edit from.
    pub version: String,
    /// The official or usual name.
    pub name: String,
    /// The name in local script, when there is another.
    pub name_local: Option<String>,
    /// FHIR administrative gender, empty if not recorded.
    pub sex: String,
    /// ISO date of the precision recorded, empty if not recorded.
    pub birth_date: String,
    /// Whether the birth date was estimated from an age.
    pub birth_estimated: bool,
    /// Whether the patient has died.
    pub deceased: bool,
    /// The date of death, where recorded.
    pub deceased_date: Option<String>,
    /// The patient's identifiers, such as a national number.
    pub identifiers: Vec<IdentifierRow>,
    /// Phone numbers in use, in the record's order.
    pub phones: Vec<String>,
    /// Village or city.
    pub village: String,
    /// The record is marked as not in use.
    pub inactive: bool,
    /// The id of the record that is kept in place of this one.
    pub replaced_by: Option<String>,
    /// Open conflicts in the Patient record.
    pub conflicts: usize,
    /// What stands against what in them.
    pub disputes: Vec<ConflictRow>,
    /// Nobody knows yet who this is: all there is is a temporary label.
    pub unidentified: bool,
    /// Marked as test data.
    pub test_data: bool,
}

/// Where the estimated mark of a birth date stands.
pub(crate) const ESTIMATED_URL: &str = "https://chaski.health/fhir/StructureDefinition/birth-date-estimated";

/// Where a mother's name stands.
pub(crate) const MOTHER_URL: &str = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName";

/// Whether a patient's birth date was estimated from an age.
pub(super) fn is_estimated(patient: &Json) -> bool {
    let sibling = patient.get("_birthDate");
    sibling.is_some_and(|sibling| items(sibling, "extension").any(|mark| text(mark, "url") == ESTIMATED_URL))
}

impl PatientRow {
    /// Reads a Patient; what is missing or odd is shown empty, never refused.
    #[must_use]
    pub fn from_json(json: &Json, version: &str, conflicts: usize) -> PatientRow {
        let names: Vec<&Json> = items(json, "name")
            .filter(|name| text(name, "use") != "old")
            .collect();
        let official = ["official", "usual", ""]
            .iter()
            .find_map(|wanted| names.iter().find(|name| text(name, "use") == *wanted))
            .or_else(|| {
                let is_own = |name: &&&Json| !matches!(text(name, "use"), "temp" | "nickname" | "anonymous");
                names.iter().find(is_own)
            })
            .or_else(|| names.iter().find(|name| text(name, "use") != "temp"))
            .or(names.first());
        let name_local = names
            .iter()
            .filter(|name| official.is_none_or(|official| official != *name))
            .map(|name| human_name(name))
            .find(|name| !name.is_empty() && !name.is_ascii());
        PatientRow {
            id: text(json, "id").to_owned(),
            version: version.to_owned(),
            name: official.map(|name| human_name(name)).unwrap_or_default(),
            name_local,
            sex: text(json, "gender").to_owned(),
            birth_date: text(json, "birthDate").to_owned(),
            birth_estimated: is_estimated(json),
            deceased: json
                .get("deceasedBoolean")
                .and_then(Json::as_bool)
                .unwrap_or(false)
                || json.get("deceasedDateTime").is_some(),
            deceased_date: json
                .get("deceasedDateTime")
                .and_then(Json::as_str)
                .map(str::to_owned),
            identifiers: identifiers(json),
            phones: items(json, "telecom")
                .filter(|telecom| {
                    matches!(text(telecom, "system"), "phone" | "sms") && text(telecom, "use") != "old"
                })
                .map(|telecom| text(telecom, "value").to_owned())
                .filter(|value| !value.is_empty())
                .collect(),
            village: items(json, "address")
                .map(|address| ["city", "district", "text"].map(|key| text(address, key)))
                .find_map(|parts| parts.into_iter().find(|part| !part.is_empty()))
                .unwrap_or_default()
                .to_owned(),
            inactive: json.get("active").and_then(Json::as_bool) == Some(false),
            replaced_by: items(json, "link")
                .filter(|link| text(link, "type") == "replaced-by")
                .filter_map(|link| link.pointer("/other/reference").and_then(Json::as_str))
                .find_map(|reference| match reference::parse(reference, &[]) {
                    Reference::Local {
                        kind: "Patient", id, ..
                    } => Some(id.to_owned()),
                    _ => None,
                }),
            conflicts,
            disputes: Vec::new(),
            unidentified: official.is_some_and(|name| text(name, "use") == "temp"),
            test_data: json
                .pointer("/meta/tag")
                .and_then(Json::as_array)
                .is_some_and(|tags| tags.iter().any(|tag| text(tag, "code") == "HTEST")),
        }
    }
}

impl PatientRow {
    /// Where it stands in a list: in use, not in use, dead.
    pub(super) fn tier(&self) -> u8 {
        match (self.deceased, self.inactive || self.replaced_by.is_some()) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    /// The dates of birth that stand against each other, as each side has it; none where it is decided.
    #[must_use]
    pub fn undecided_dates(&self) -> Vec<String> {
        let of_birth = self.disputes.iter().filter(|dispute| dispute.path == "birthDate");
        let sides = of_birth.flat_map(|dispute| &dispute.values);
        sides
            .filter_map(|side| side.value.as_ref()?.as_str().map(str::to_owned))
            .collect()
    }
}

impl Clinic {
    /// A patient's row, wherever it stands: nothing of it that is disputed is told as if it were decided.
    pub(crate) fn patient_row(&self, current: &Current) -> PatientRow {
        let conflicts = usize::from(current.conflicts) + usize::from(current.collides);
        let version = current.version.to_string();
        self.row_of_record(current, |json, meta| PatientRow {
            disputes: meta.disputes,
            ..PatientRow::from_json(json, &version, conflicts)
        })
    }
}

/// Numbers that people read come before those that machines do.
fn identifiers(json: &Json) -> Vec<IdentifierRow> {
    let rows = items(json, "identifier").map(identifier);
    let mut rows: Vec<IdentifierRow> = rows.filter(|row| !row.value.is_empty()).collect();
    rows.sort_by_key(|row| chaski_fhir::id::is_uuid(&row.value.to_ascii_lowercase()));
    rows
}

fn identifier(json: &Json) -> IdentifierRow {
    let kind = json.get("type");
    let label = kind
        .map(|kind| text(kind, "text"))
        .filter(|label| !label.is_empty())
        .or_else(|| {
            kind.and_then(|kind| kind.pointer("/coding/0/display"))
                .and_then(Json::as_str)
        })
        .or_else(|| text(json, "system").rsplit(['/', ':']).next())
        .unwrap_or_default();
    IdentifierRow {
        label: label.to_owned(),
        value: text(json, "value").to_owned(),
    }
}
