//! What is typed: text as it was sent, checked by the clinic.

use super::PatientRow;

/// Registration, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPatient {
    /// Id drawn when the form was shown: sending it twice registers once.
    pub draft: String,
    /// Nobody knows who this is: no name is asked for.
    pub unidentified: bool,
    /// What to call an unidentified patient meanwhile; empty makes a label.
    pub temporary_label: String,
    /// The word such a label begins with, in the form's language.
    pub label_word: String,
    /// Given names.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Whole name in local script.
    pub name_local: String,
    /// FHIR code.
    pub sex: String,
    /// ISO date, month or year.
    pub birth_date: String,
    /// Age in years where no date is known.
    pub age_years: String,
    /// Telephone.
    pub phone: String,
    /// Village or town.
    pub place: String,
    /// Mother's name.
    pub mother: String,
    /// National or other number.
    pub identifier: String,
}

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Saved under this id.
    Registered(String),
    /// Not saved: these may be the same person.
    PossibleDuplicates(Vec<PatientRow>),
}

/// A change of telephone numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneChange {
    /// Patient id.
    pub patient: String,
    /// Version read.
    pub base: String,
    /// The number that is changed; `None` adds one.
    pub old: Option<String>,
    /// The new number; empty removes the old one.
    pub new: String,
}

/// A new allergy as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllergyEntry {
    /// Patient id.
    pub patient: String,
    /// Id drawn when the form was shown: sending it twice records once.
    pub draft: String,
    /// The explicit statement that none is known; the rest is then empty.
    pub none_known: bool,
    /// Substance.
    pub substance: String,
    /// `high`, `low` or `unable-to-assess`.
    pub criticality: String,
    /// What happens.
    pub reaction: String,
}

/// A change of what an allergy means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllergyChange {
    /// `AllergyIntolerance/<id>`.
    pub record: String,
    /// Version read.
    pub base: String,
    /// `high`, `low` or `unable-to-assess`; empty leaves it.
    pub criticality: String,
    /// `active`, `inactive` or `resolved`.
    pub status: String,
}

/// Vital signs as typed; empty means not measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VitalsEntry {
    /// Patient id.
    pub patient: String,
    /// Id drawn when the form was shown: sending it twice records once.
    pub draft: String,
    /// mmHg.
    pub systolic: String,
    /// mmHg.
    pub diastolic: String,
    /// Beats a minute.
    pub pulse: String,
    /// Breaths a minute.
    pub breaths: String,
    /// °C.
    pub temperature: String,
    /// %.
    pub oxygen: String,
    /// kg.
    pub weight: String,
    /// cm.
    pub height: String,
}

/// A medicine's new dose as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoseChange {
    /// `MedicationRequest/<id>`.
    pub record: String,
    /// Version read.
    pub base: String,
    /// Amount a dose.
    pub value: String,
    /// Its unit.
    pub unit: String,
    /// Times a day; empty leaves how often it is taken.
    pub times_per_day: String,
    /// The instruction as its writer puts it; empty makes one from the numbers.
    pub instruction: String,
    /// The numbers in the words of the form's language.
    pub words: String,
}

/// A medicine's new status as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MedicineStatusChange {
    /// `MedicationRequest/<id>`.
    pub record: String,
    /// Version read.
    pub base: String,
    /// `active`, `on-hold`, `stopped` or `completed`.
    pub status: String,
    /// Why.
    pub reason: String,
}

/// A decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// `Type/id`.
    pub record: String,
    /// Version seen.
    pub version: String,
    /// Element path or group name.
    pub path: String,
    /// Index of the value chosen, from 0.
    pub pick: usize,
}
