//! What is shown: rows of a chart and of the inbox.

/// Who wrote something, where and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenBy {
    /// Person, as asserted by the node.
    pub user: String,
    /// Role in which it was written, as a code.
    pub role: String,
    /// Name of the node or site.
    pub site: String,
    /// By the author's clock.
    pub at_ms: u64,
}

/// Administrative sex, FHIR's four codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Sex {
    Female,
    Male,
    Other,
    #[default]
    Unknown,
}

impl Sex {
    /// FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// An identifier as shown: what it is called and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifierShown {
    /// Its type's text, empty if none.
    pub label: String,
    /// Its value.
    pub value: String,
}

/// A patient in lists and banners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientRow {
    /// Record id.
    pub id: String,
    /// Version read: the base of an edit.
    pub version: String,
    /// Name as shown.
    pub name: String,
    /// Name in local script, if there is one.
    pub name_local: Option<String>,
    /// Administrative sex.
    pub sex: Sex,
    /// ISO date, possibly only a year or a month.
    pub birth_date: Option<String>,
    /// The birth date was worked out from an age.
    pub birth_estimated: bool,
    /// Known to have died.
    pub deceased: bool,
    /// Identifiers, the most useful first.
    pub identifiers: Vec<IdentifierShown>,
    /// Telephone numbers.
    pub phones: Vec<String>,
    /// Village, district or city.
    pub place: Option<String>,
    /// Nobody knows yet who this is; the name is a temporary label.
    pub unidentified: bool,
    /// Unresolved conflicts on the patient's own record.
    pub conflicts: u32,
}

/// A page of patients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientList {
    /// Best match first.
    pub rows: Vec<PatientRow>,
    /// There are more than shown.
    pub more: bool,
}

/// How dangerous an allergy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Criticality {
    High,
    Low,
    Unknown,
}

/// An allergy or intolerance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllergyRow {
    /// `AllergyIntolerance/<id>`.
    pub record: String,
    /// Version read.
    pub version: String,
    /// Substance.
    pub substance: String,
    /// How dangerous.
    pub criticality: Criticality,
    /// What happens.
    pub reaction: Option<String>,
    /// Still counts.
    pub active: bool,
    /// FHIR clinical status code.
    pub status: String,
    /// Says "none known".
    pub none_known: bool,
    /// Says "none known" beside an allergy that counts.
    pub contradicted: bool,
    /// Unresolved conflicts.
    pub conflicts: u32,
    /// Last writer.
    pub by: Option<WrittenBy>,
}

/// A problem or diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemRow {
    /// `Condition/<id>`.
    pub record: String,
    /// What.
    pub text: String,
    /// Still counts.
    pub active: bool,
    /// ISO date of onset.
    pub onset: Option<String>,
    /// Unresolved conflicts.
    pub conflicts: u32,
    /// Last writer.
    pub by: Option<WrittenBy>,
}

/// A prescribed medicine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MedicineRow {
    /// `MedicationRequest/<id>`.
    pub record: String,
    /// Version read.
    pub version: String,
    /// Drug.
    pub drug: String,
    /// The whole instruction as its writer put it; may be empty.
    pub instruction: String,
    /// Dose as a literal number, empty if not structured.
    pub dose_value: String,
    /// Its unit.
    pub dose_unit: String,
    /// Times a day, empty if not structured.
    pub times_per_day: String,
    /// How often, in words, where that is not so many times a day.
    pub timing: String,
    /// Counts as active.
    pub active: bool,
    /// FHIR status code.
    pub status: String,
    /// Why it has this status, empty if not recorded.
    pub status_reason: String,
    /// Unresolved conflicts; the row is then "disputed".
    pub conflicts: u32,
    /// Last writer.
    pub by: Option<WrittenBy>,
}

/// How a measured value stands to its reference band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Flag {
    #[default]
    None,
    Normal,
    Low,
    High,
    CriticalLow,
    CriticalHigh,
}

/// A measurement or result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservationRow {
    /// `Observation/<id>`.
    pub record: String,
    /// First code, for finding the newest of a kind; may be empty.
    pub code: String,
    /// What was measured.
    pub name: String,
    /// Value as written, without its unit.
    pub value: String,
    /// Unit, empty if none.
    pub unit: String,
    /// Against its band.
    pub flag: Flag,
    /// One of the vital signs.
    pub vital: bool,
    /// When measured, as recorded: ISO date or date and time with offset.
    pub when: String,
    /// Unresolved conflicts.
    pub conflicts: u32,
    /// Last writer.
    pub by: Option<WrittenBy>,
}

/// Up to when the chart holds what a site has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteAsOf {
    /// Site or node.
    pub site: String,
    /// `None`: never heard of it.
    pub at_ms: Option<u64>,
}

/// All of a patient that the chart page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// The person.
    pub patient: PatientRow,
    /// Allergies, active first.
    pub allergies: Vec<AllergyRow>,
    /// Problems, active first.
    pub problems: Vec<ProblemRow>,
    /// Medicines, active first.
    pub medicines: Vec<MedicineRow>,
    /// Measurements and results, newest first.
    pub observations: Vec<ObservationRow>,
    /// Some list was cut at its bound.
    pub truncated: bool,
    /// Per site.
    pub complete_as_of: Vec<CompleteAsOf>,
    /// Conflicts on this patient's records together.
    pub conflicts: u32,
}

/// One of the values that meet in a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictValue {
    /// Label (may be empty) and text, in reading order.
    pub lines: Vec<(String, String)>,
    /// This side removed it.
    pub removed: bool,
    /// The one the system acts on until a person decides.
    pub safer: bool,
    /// Who wrote it.
    pub by: WrittenBy,
}

/// Why two versions could not be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ConflictKind {
    Element,
    Group,
    Deleted,
}

/// One conflict to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictItem {
    /// `Type/id`.
    pub record: String,
    /// Version seen, so that a value that arrived since is not decided unseen.
    pub version: String,
    /// Patient id and name.
    pub patient: Option<(String, String)>,
    /// What the record is about: drug, substance, problem; empty for the patient's own record.
    pub subject: String,
    /// Element path or group name.
    pub path: String,
    /// Element, group or removal.
    pub kind: ConflictKind,
    /// Safety-critical.
    pub critical: bool,
    /// The values, in listed order.
    pub values: Vec<ConflictValue>,
}

/// The inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConflictList {
    /// Critical first.
    pub items: Vec<ConflictItem>,
    /// There are more than shown.
    pub more: bool,
}
