//! Register a patient: the rules of the registration screen.

use chaski_json::{Json, json};

use super::commands::phone_number;
use super::duplicates::LikePerson;
use super::view::{ESTIMATED_URL, MOTHER_URL};
use crate::fhir_json::{date_bounds, set};
use crate::form::typed::{self, Age, AgeUnit, TypedDate};
use crate::form::{FieldErrors, FormError, Reason, one_of, text};
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

/// What the registration form holds, as typed. Text is trimmed; empty is not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrationForm {
    /// Given names, separated by spaces, at most 128 characters.
    pub given: String,
    /// Family name or names, at most 128 characters.
    pub family: String,
    /// The whole name in local script, at most 256 characters.
    pub name_local: String,
    /// `male`, `female`, `other` or `unknown`.
    pub sex: String,
    /// When born, as [`typed::date`] reads it; with "about" before it, estimated.
    pub birth_date: String,
    /// An age where no date is known, in years or in the unit that is written beside it: `40`, `6 months`.
    pub age_years: String,
    /// The same in months, where the one before is empty.
    pub age_months: String,
    /// When died.
    pub deceased_date: String,
    /// A phone number of the patient.
    pub phone: String,
    /// Village or city.
    pub village: String,
    /// The name of the patient's mother.
    pub mother_name: String,
    /// A number somebody else issued.
    pub identifier_value: String,
    /// Who issued it: a URI, or empty for a number without one.
    pub identifier_system: String,
    /// Nobody knows who this is: no name is asked for, and none may be given.
    pub unidentified: bool,
    /// What to call an unidentified patient meanwhile ("man, about 40, from the
    /// bus"), at most 128 characters; empty makes one from time and id.
    pub temporary_label: String,
    /// The word such a label begins with, in the form's language; may be empty.
    pub label_word: String,
    /// An id drawn when the form was shown, so that sending it twice
    /// registers once; empty draws one now.
    pub draft_id: String,
}

/// What to do about patients who may be the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// Stop and show them.
    Check,
    /// They were seen and are other people.
    Accept,
}

/// A patient just registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The record's id.
    pub id: String,
    /// The version that was written, to edit from.
    pub version: String,
}

/// What came of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// The patient was saved.
    Registered(Registered),
    /// Not saved: these may be the same person, so look first.
    PossibleDuplicates {
        /// The likeliest of them, likeliest first.
        people: Vec<LikePerson>,
        /// Whether there are, or may be, more than are told.
        more: bool,
    },
}

const NAME_CHARS_MAX: usize = 128;
const LOCAL_NAME_CHARS_MAX: usize = 256;
const AGE_YEARS_MAX: i16 = 140;
/// An age beside a date may differ from it by so many years: one of the two is often a guess.
const AGE_YEARS_APART_MAX: i16 = 1;
/// Possible duplicates shown at most.
const DUPLICATES_MAX: usize = 5;

/// A form whose fields were accepted.
struct Accepted {
    label: Option<String>,
    given: Option<String>,
    family: Option<String>,
    name_local: Option<String>,
    birth: Option<(String, bool)>,
    deceased: Option<String>,
    phone: Option<String>,
    village: Option<String>,
    mother: Option<String>,
    identifier: Option<(Option<String>, String)>,
}

impl Clinic {
    /// Registers a patient.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn patient_register(
        &self,
        caller: &Caller,
        form: &RegistrationForm,
        duplicates: Duplicates,
    ) -> Result<Registration, FormError> {
        self.allow(caller, Action::RecordCreate, &Target::Kind("Patient"))?;
        let mut accepted = validate(form, self.today())?;
        let id = self.draft_id(&form.draft_id);
        if duplicates == Duplicates::Check {
            let (mut people, others) = self.who_may_be(caller, &patient_json(&id, form, &accepted))?;
            // Sent twice, the person is among them by now.
            if !people.is_empty() && !people.iter().any(|person| person.row.id == id) {
                let more = others || people.len() > DUPLICATES_MAX;
                people.truncate(DUPLICATES_MAX);
                return Ok(Registration::PossibleDuplicates { people, more });
            }
        }
        if form.unidentified && accepted.label.is_none() {
            let at = self.zoned(drawn_ms(&id).unwrap_or(self.now_ms()));
            accepted.label = Some(temporary_label(&form.label_word, &at, &id));
        }
        let written = self.write_new(caller, vec![patient_json(&id, form, &accepted)])?;
        let version = written
            .first()
            .map(|written| written.version.to_string())
            .unwrap_or_default();
        Ok(Registration::Registered(Registered { id, version }))
    }
}

/// Tells two people apart who were brought in within the same minute: the end
/// of an id is random. The time is the id's own where it has one, so that the
/// same form makes the same label whenever it is sent.
fn temporary_label(word: &str, at: &jiff::Zoned, id: &str) -> String {
    let code: String = id.chars().rev().take(4).collect();
    let code: String = code.chars().rev().collect();
    // With its difference from UTC: the label travels to clinics of other zones.
    let at = match at.offset().is_zero() {
        true => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        false => at.strftime("%Y-%m-%d %H:%M %:z").to_string(),
    };
    let label = format!("{} {} {at}", word.trim(), code.to_uppercase());
    label.trim_start().to_owned()
}

/// When a UUIDv7 was drawn (RFC 9562 §5.7).
fn drawn_ms(id: &str) -> Option<u64> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let is_v7 = digits.get(12..13) == Some("7");
    is_v7
        .then(|| u64::from_str_radix(digits.get(..12)?, 16).ok())
        .flatten()
}

fn validate(form: &RegistrationForm, today: jiff::civil::Date) -> Result<Accepted, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut take = |field, value: &str, chars_max| text(&mut errors, field, value, chars_max);
    let given = take("given", &form.given, NAME_CHARS_MAX);
    let family = take("family", &form.family, NAME_CHARS_MAX);
    let name_local = take("name_local", &form.name_local, LOCAL_NAME_CHARS_MAX);
    let village = take("village", &form.village, NAME_CHARS_MAX);
    let mother = take("mother_name", &form.mother_name, NAME_CHARS_MAX);
    let number = take("identifier_value", &typed::plain(&form.identifier_value), 64);
    let system = take("identifier_system", &form.identifier_system, 256);
    let label = take("temporary_label", &form.temporary_label, NAME_CHARS_MAX);
    let named = given.is_some() || family.is_some() || name_local.is_some();
    match form.unidentified {
        // A name beside "nobody knows who this is" would pass for the person's own.
        true if named => errors.add("unidentified", Reason::Inconsistent),
        false if !named && errors.0.is_empty() => errors.add("family", Reason::Required),
        _ => {}
    }
    match form.sex.as_str() {
        "" => errors.add("sex", Reason::Required),
        sex => one_of(&mut errors, "sex", sex, &["male", "female", "other", "unknown"]),
    }
    let phone = phone_number(&mut errors, "phone", &form.phone);
    let birth = birth(&mut errors, form, today);
    let deceased = death(&mut errors, form, birth.as_ref(), today);
    errors.check()?;
    Ok(Accepted {
        label: label.filter(|_| form.unidentified),
        given,
        family,
        name_local,
        birth,
        deceased,
        phone,
        village,
        mother,
        identifier: number.map(|number| (system, number)),
    })
}

/// The birth date to record, and whether it was estimated.
fn birth(
    errors: &mut FieldErrors,
    form: &RegistrationForm,
    today: jiff::civil::Date,
) -> Option<(String, bool)> {
    let (field, age) = match form.age_years.trim() {
        "" => (
            "age_months",
            typed::age(errors, "age_months", &form.age_months, AgeUnit::Months),
        ),
        years => (
            "age_years",
            typed::age(errors, "age_years", years, AgeUnit::Years),
        ),
    };
    if form.birth_date.trim().is_empty() {
        return Some((age?.born(today)?, true));
    }
    let (date, estimated) = birth_date(errors, &form.birth_date, today)?;
    if age.is_some_and(|age| !is_of_age(&date, age, today)) {
        errors.add(field, Reason::Inconsistent);
    }
    Some((date.iso, estimated))
}

/// Whether an age that was typed beside a birth date is that of the date, as nearly as people know it.
fn is_of_age(date: &TypedDate, age: Age, today: jiff::civil::Date) -> bool {
    let born = age.born(today).and_then(|born| date_bounds(&born));
    born.is_some_and(|(first, last)| {
        first.year() - date.last.year() <= AGE_YEARS_APART_MAX
            && date.first.year() - last.year() <= AGE_YEARS_APART_MAX
    })
}

/// A birth date, and whether it was said to be a guess.
fn birth_date(errors: &mut FieldErrors, text: &str, today: jiff::civil::Date) -> Option<(TypedDate, bool)> {
    let (text, estimated) = typed::about(text);
    let date = typed::date(errors, "birth_date", &text)?;
    if date.first > today {
        errors.add("birth_date", Reason::InFuture);
    } else if today.year() - date.last.year() > AGE_YEARS_MAX {
        errors.add("birth_date", Reason::TooOld);
    }
    Some((date, estimated))
}

fn death(
    errors: &mut FieldErrors,
    form: &RegistrationForm,
    birth: Option<&(String, bool)>,
    today: jiff::civil::Date,
) -> Option<String> {
    if form.deceased_date.trim().is_empty() {
        return None;
    }
    let died = typed::date(errors, "deceased_date", &form.deceased_date)?;
    if died.first > today {
        errors.add("deceased_date", Reason::InFuture);
    }
    let born = birth.and_then(|(date, _)| date_bounds(date));
    if born.is_some_and(|(born, _)| died.last < born) {
        errors.add("deceased_date", Reason::Inconsistent);
    }
    Some(died.iso)
}

fn patient_json(id: &str, form: &RegistrationForm, accepted: &Accepted) -> Json {
    let mut patient = json!({
        "resourceType": "Patient",
        "id": id,
        "active": true,
        "gender": form.sex.as_str(),
    });
    let mut names = Vec::new();
    // FHIR's NameUse `temp` is for emergencies; the real name, once known, is added beside it and
    // takes its place in every list.
    if let Some(label) = &accepted.label {
        names.push(json!({"use": "temp", "text": label}));
    }
    if accepted.given.is_some() || accepted.family.is_some() {
        let mut name = json!({"use": "official"});
        if let Some(given) = &accepted.given {
            set(
                &mut name,
                "given",
                given.split_whitespace().map(Json::from).collect(),
            );
        }
        if let Some(family) = &accepted.family {
            set(&mut name, "family", Json::from(family));
        }
        names.push(name);
    }
    if let Some(local) = &accepted.name_local {
        let name_use = if names.is_empty() { "official" } else { "usual" };
        names.push(json!({"use": name_use, "text": local}));
    }
    if !names.is_empty() {
        set(&mut patient, "name", Json::Array(names));
    }
    if let Some((date, estimated)) = &accepted.birth {
        set(&mut patient, "birthDate", Json::from(date));
        if *estimated {
            let mark = json!({"extension": [{"url": ESTIMATED_URL, "valueBoolean": true}]});
            set(&mut patient, "_birthDate", mark);
        }
    }
    if let Some(date) = &accepted.deceased {
        set(&mut patient, "deceasedDateTime", Json::from(date));
    }
    if let Some(phone) = &accepted.phone {
        set(
            &mut patient,
            "telecom",
            json!([{"system": "phone", "value": phone, "use": "mobile"}]),
        );
    }
    if let Some(village) = &accepted.village {
        set(&mut patient, "address", json!([{"use": "home", "city": village}]));
    }
    if let Some(mother) = &accepted.mother {
        set(
            &mut patient,
            "extension",
            json!([{"url": MOTHER_URL, "valueString": mother}]),
        );
    }
    if let Some((system, value)) = &accepted.identifier {
        let mut identifier = json!({"value": value});
        if let Some(system) = system {
            set(&mut identifier, "system", Json::from(system));
        }
        set(&mut patient, "identifier", Json::Array(vec![identifier]));
    }
    patient
}
