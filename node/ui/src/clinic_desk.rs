//! [`Desk`] over `chaski-clinic`: who acts becomes a context, the clinic's rows
//! become the pages' data, its errors the few the pages tell apart.
//!
//! Invariant: nothing is decided here; every rule stands in the clinic.

use chaski_clinic::access::{AccessError, Principal as Holder, TokenKind};
use chaski_clinic::allergy::{self, AllergyError, AllergyForm, Substance};
use chaski_clinic::conflict::{Choice, ConflictError};
use chaski_clinic::medication::{self, MedicationError};
use chaski_clinic::patient::{self, Duplicates, PhoneError, RegisterError, Registration as Form};
use chaski_clinic::vitals::{Vitals, VitalsError, VitalsForm};
use chaski_clinic::{Clinic, Context, Origin, RecordKey, chart};

use crate::clinic_errors::{access, chart_error, conflict_error, fields, record, search_error};
use crate::clinic_rows;
use crate::desk::*;

const PURPOSE: &str = "treatment";

/// The pages' operations over a clinic.
pub struct ClinicDesk {
    clinic: Clinic,
}

impl ClinicDesk {
    /// Over `clinic`.
    #[must_use]
    pub fn new(clinic: Clinic) -> Self {
        Self { clinic }
    }

    /// Who holds a personal token, without opening a session: for the demo's own clinician.
    ///
    /// # Errors
    /// [`DeskError::SignIn`] where the token does not hold.
    pub fn holder_of(&self, token: &str) -> Result<Principal, DeskError> {
        let holder = self
            .clinic
            .token_verify(token)
            .map_err(|error| access(&self.clinic, &error))?;
        Ok(principal(&holder, &holder.token_id, token))
    }

    fn ctx(&self, who: &Principal) -> Context {
        context_of(&self.clinic, who)
    }

    fn key(&self, record: &str) -> Result<RecordKey, DeskError> {
        record.parse().map_err(|_| DeskError::NotFound)
    }
}

/// The context of what somebody asks for through a page.
#[must_use]
pub fn context_of(clinic: &Clinic, who: &Principal) -> Context {
    Context {
        operation_id: clinic.operation_id(),
        user: who.user.clone(),
        role: who.roles.join(","),
        purpose: PURPOSE.to_owned(),
        origin: Origin::Ui,
    }
}

fn principal(holder: &Holder, holder_id: &str, grant: &str) -> Principal {
    let roles = holder.roles.names();
    Principal {
        token_id: holder.token_id.clone(),
        holder_id: holder_id.to_owned(),
        user: holder.user.clone(),
        roles: roles
            .split(',')
            .filter(|role| !role.is_empty())
            .map(str::to_owned)
            .collect(),
        grant: grant.to_owned(),
    }
}

fn id_of(record: &str) -> String {
    record.rsplit('/').next().unwrap_or(record).to_owned()
}

impl Desk for ClinicDesk {
    fn sign_in(&self, secret: &str) -> Result<SignedIn, DeskError> {
        let refused = |error: AccessError| access(&self.clinic, &error);
        let operation = self.clinic.operation_id();
        let own_token = match self.clinic.token_verify(secret) {
            Ok(_) => None,
            // The first token is used up for one of the visitor's own, which opens the session.
            Err(AccessError::OneUse) => {
                let own = self
                    .clinic
                    .token_exchange(operation, secret, TokenKind::Personal)
                    .map_err(refused)?;
                Some(OwnToken(own.token))
            }
            Err(error) => return Err(refused(error)),
        };
        let opening = own_token.as_ref().map_or(secret, |own| own.0.as_str());
        let session = self
            .clinic
            .token_exchange(operation, opening, TokenKind::Session)
            .map_err(refused)?;
        let holder = self.clinic.token_verify(&session.token).map_err(refused)?;
        let opened_by = session.info.exchanged_from.as_deref();
        Ok(SignedIn {
            principal: principal(&holder, opened_by.unwrap_or(&holder.token_id), &session.token),
            own_token,
        })
    }

    fn sign_out(&self, who: &Principal) {
        if let Err(error) = self.clinic.session_close(&self.ctx(who), &who.grant) {
            tracing::warn!(%error, "a session was not closed; it ends by itself");
        }
    }

    fn still_holds(&self, who: &Principal) -> bool {
        self.clinic.token_verify(&who.grant).is_ok()
    }

    fn patient_search(&self, who: &Principal, text: &str, limit: usize) -> Result<PatientList, DeskError> {
        let found = self.clinic.patient_search(&self.ctx(who), text, false, limit);
        let page = found.map_err(|error| search_error(&self.clinic, error))?;
        Ok(PatientList {
            rows: page.rows.into_iter().map(clinic_rows::patient).collect(),
            more: page.more,
        })
    }

    fn patient_view(&self, who: &Principal, patient: &str) -> Result<PatientRow, DeskError> {
        let found = self.clinic.patient_view(&self.ctx(who), patient);
        found
            .map(clinic_rows::patient)
            .map_err(|error| search_error(&self.clinic, error))
    }

    fn patient_register(
        &self,
        who: &Principal,
        entry: &NewPatient,
        accept_duplicates: bool,
    ) -> Result<Registration, DeskError> {
        let form = registration(entry)?;
        let duplicates = if accept_duplicates {
            Duplicates::Accept
        } else {
            Duplicates::Check
        };
        match self.clinic.patient_register(&self.ctx(who), &form, duplicates) {
            Ok(registered) => Ok(Registration::Registered(registered.id)),
            Err(RegisterError::PossibleDuplicates(rows)) => Ok(Registration::PossibleDuplicates(
                rows.into_iter().map(clinic_rows::patient).collect(),
            )),
            Err(RegisterError::Denied(_)) => Err(DeskError::Denied),
            Err(RegisterError::Invalid(errors)) => Err(register_fields(&errors, entry)),
            Err(RegisterError::Record(error)) => Err(record(&self.clinic, error)),
        }
    }

    fn chart_view(&self, who: &Principal, patient: &str) -> Result<Chart, DeskError> {
        let found: Result<chart::Chart, _> = self.clinic.chart_view(&self.ctx(who), patient);
        found
            .map(clinic_rows::chart)
            .map_err(|error| chart_error(&self.clinic, error))
    }

    fn phone_change(&self, who: &Principal, change: &PhoneChange) -> Result<(), DeskError> {
        let wanted = patient::PhoneChange {
            patient: change.patient.clone(),
            base_version: change.base.clone(),
            old: change.old.clone(),
            new: change.new.clone(),
        };
        match self.clinic.phone_change(&self.ctx(who), &wanted) {
            Ok(_) => Ok(()),
            Err(PhoneError::Denied(_)) => Err(DeskError::Denied),
            Err(PhoneError::Invalid(errors)) => Err(fields(&errors, |_| "number")),
            Err(PhoneError::Record(error)) => Err(record(&self.clinic, error)),
        }
    }

    fn allergy_record(&self, who: &Principal, entry: &AllergyEntry) -> Result<(), DeskError> {
        let substance = if entry.none_known {
            Substance::NoneKnown
        } else {
            Substance::Named {
                text: entry.substance.clone(),
                code: String::new(),
            }
        };
        let form = AllergyForm {
            patient: entry.patient.clone(),
            substance,
            criticality: entry.criticality.clone(),
            reaction: entry.reaction.clone(),
            severity: String::new(),
            draft_id: entry.draft.clone(),
        };
        self.allergy(self.clinic.allergy_record(&self.ctx(who), &form))
    }

    fn allergy_change(&self, who: &Principal, change: &AllergyChange) -> Result<(), DeskError> {
        let wanted = allergy::AllergyChange {
            id: id_of(&change.record),
            base_version: change.base.clone(),
            criticality: Some(change.criticality.clone()).filter(|code| !code.is_empty()),
            status: Some(change.status.clone()),
        };
        self.allergy(self.clinic.allergy_change(&self.ctx(who), &wanted))
    }

    fn vitals_record(&self, who: &Principal, entry: &VitalsEntry) -> Result<(), DeskError> {
        let form = VitalsForm {
            patient: entry.patient.clone(),
            values: Vitals {
                heart_rate: entry.pulse.clone(),
                respiratory_rate: entry.breaths.clone(),
                temperature: entry.temperature.clone(),
                systolic: entry.systolic.clone(),
                diastolic: entry.diastolic.clone(),
                oxygen_saturation: entry.oxygen.clone(),
                weight: entry.weight.clone(),
                height: entry.height.clone(),
            },
            when: String::new(),
            draft_id: entry.draft.clone(),
        };
        match self.clinic.vitals_record(&self.ctx(who), &form) {
            Ok(_) => Ok(()),
            Err(VitalsError::Denied(_)) => Err(DeskError::Denied),
            Err(VitalsError::Invalid(errors)) => Err(fields(&errors, vitals_field)),
            Err(VitalsError::Record(error)) => Err(record(&self.clinic, error)),
        }
    }

    fn medication_dose_change(&self, who: &Principal, change: &DoseChange) -> Result<(), DeskError> {
        let wanted = medication::DoseChange {
            id: id_of(&change.record),
            base_version: change.base.clone(),
            value: change.value.clone(),
            unit: change.unit.clone(),
            times_per_day: change.times_per_day.clone(),
            text: change.instruction.clone(),
            words: change.words.clone(),
        };
        self.medicine(
            self.clinic.medication_dose_change(&self.ctx(who), &wanted),
            dose_field,
        )
    }

    fn medication_status_change(
        &self,
        who: &Principal,
        change: &MedicineStatusChange,
    ) -> Result<(), DeskError> {
        let wanted = medication::MedicationStatusChange {
            id: id_of(&change.record),
            base_version: change.base.clone(),
            status: change.status.clone(),
            reason: change.reason.clone(),
        };
        self.medicine(
            self.clinic.medication_status_change(&self.ctx(who), &wanted),
            |field| match field {
                "reason" => "reason",
                _ => "medicinestatus",
            },
        )
    }

    fn conflict_count(&self, who: &Principal) -> Result<u64, DeskError> {
        let page = self.clinic.conflict_list(&self.ctx(who), None, 1);
        page.map(|page| page.total)
            .map_err(|error| conflict_error(&self.clinic, error))
    }

    fn conflict_list(&self, who: &Principal, limit: usize) -> Result<ConflictList, DeskError> {
        let (ctx, mut cursor) = (self.ctx(who), None);
        let mut items: Vec<ConflictItem> = Vec::new();
        loop {
            let left = limit.saturating_sub(items.len());
            let page = self.clinic.conflict_list(&ctx, cursor.as_deref(), left);
            let page = page.map_err(|error| conflict_error(&self.clinic, error))?;
            items.extend(page.rows.into_iter().map(clinic_rows::conflict));
            cursor = page.next;
            if cursor.is_none() || items.len() >= limit {
                break;
            }
        }
        items.sort_by_key(|item| !item.critical);
        Ok(ConflictList {
            items,
            more: cursor.is_some(),
        })
    }

    fn conflict_resolve(&self, who: &Principal, resolution: &Resolution) -> Result<(), DeskError> {
        let key = self.key(&resolution.record)?;
        let choice = Choice::Pick(resolution.pick.saturating_add(1));
        let version = Some(resolution.version.as_str()).filter(|version| !version.is_empty());
        let done: Result<String, ConflictError> =
            self.clinic
                .conflict_resolve(&self.ctx(who), &key, &resolution.path, choice, version);
        done.map(|_| ())
            .map_err(|error| conflict_error(&self.clinic, error))
    }

    fn bundle_allowed(&self, who: &Principal) -> bool {
        self.clinic.bundle_allowed(&self.ctx(who))
    }
}

impl ClinicDesk {
    fn medicine(
        &self,
        done: Result<String, MedicationError>,
        name: impl Fn(&str) -> &'static str,
    ) -> Result<(), DeskError> {
        match done {
            Ok(_) => Ok(()),
            Err(MedicationError::Denied(_)) => Err(DeskError::Denied),
            Err(MedicationError::Invalid(errors)) => Err(fields(&errors, name)),
            Err(MedicationError::Record(error)) => Err(record(&self.clinic, error)),
        }
    }

    fn allergy(&self, done: Result<String, AllergyError>) -> Result<(), DeskError> {
        match done {
            Ok(_) => Ok(()),
            Err(AllergyError::Denied(_)) => Err(DeskError::Denied),
            Err(AllergyError::Invalid(errors)) => Err(fields(&errors, |field| match field {
                "criticality" => "criticality",
                "reaction" => "reaction",
                "status" => "allergystatus",
                _ => "substance",
            })),
            Err(AllergyError::Record(error)) => Err(record(&self.clinic, error)),
        }
    }
}

/// The form as the clinic takes it; an age that is no number is told here, as it is no age there.
fn registration(entry: &NewPatient) -> Result<Form, DeskError> {
    let birth = if !entry.birth_date.is_empty() {
        patient::BirthInput::Date(entry.birth_date.clone())
    } else if entry.age_years.is_empty() {
        patient::BirthInput::Unknown
    } else {
        let years = entry.age_years.parse().map_err(|_| {
            DeskError::Invalid(vec![FieldProblem {
                field: "age_years",
                reason: Reason::Malformed,
            }])
        })?;
        patient::BirthInput::AgeYears(years)
    };
    Ok(Form {
        given: entry.given.clone(),
        family: entry.family.clone(),
        name_local: entry.name_local.clone(),
        sex: entry.sex.clone(),
        birth,
        phone: entry.phone.clone(),
        village: entry.place.clone(),
        mother_name: entry.mother.clone(),
        identifier_value: entry.identifier.clone(),
        unidentified: entry.unidentified,
        temporary_label: entry.temporary_label.clone(),
        label_word: entry.label_word.clone(),
        draft_id: entry.draft.clone(),
        ..Form::default()
    })
}

fn register_fields(errors: &chaski_clinic::field::FieldErrors, entry: &NewPatient) -> DeskError {
    let by_age = entry.birth_date.is_empty();
    let told = fields(errors, |field| match field {
        "given" => "given",
        "family" => "family",
        "name_local" => "name_local",
        "sex" => "sex",
        "birth" if by_age => "age_years",
        "birth" => "birth_date",
        "phone" => "phone",
        "village" => "place",
        "mother_name" => "mother",
        "unidentified" => "unidentified",
        "temporary_label" => "temporary_label",
        _ => "identifier",
    });
    let DeskError::Invalid(mut problems) = told else {
        return told;
    };
    for problem in &mut problems {
        if problem.field == "sex" && entry.sex.is_empty() {
            problem.reason = Reason::Required;
        }
    }
    DeskError::Invalid(problems)
}

fn vitals_field(field: &str) -> &'static str {
    match field {
        "heart_rate" => "pulse",
        "respiratory_rate" => "breaths",
        "temperature" => "temperature",
        "diastolic" => "diastolic",
        "oxygen_saturation" => "oxygen",
        "weight" => "weight",
        "height" => "height",
        _ => "systolic",
    }
}

fn dose_field(field: &str) -> &'static str {
    match field {
        "unit" => "unit",
        "times_per_day" => "times",
        "text" => "instruction",
        _ => "dose",
    }
}
