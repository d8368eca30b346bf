//! A form about a patient, as a page: the banner and what the form itself shows are read, and nothing else
//! of the chart.
//!
//! Invariant: a form that changes a record carries the version its reader saw, so that the change is merged
//! with what others wrote meanwhile and never writes over it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chaski_clinic::conflict::ConflictRow;
use chaski_clinic::form::{FieldErrors, FormError};
use chaski_clinic::patient::PatientRow;
use chaski_clinic::record::RecordError;
use chaski_clinic::{Caller, Clinic};

use crate::error::{Fault, PageError};
use crate::form::{Control, Field, FormView};
use crate::frame::{Frame, Nav, page};
use crate::i18n::Texts;
use crate::person::PersonView;
use crate::signed::{Posted, Signed};

/// The hidden field with the version that a form's reader saw.
pub(crate) const BASE_VERSION: &str = "base_version";
/// The hidden field with the id that the record will get: drawn when the form was shown, so that sending it
/// twice records once.
pub(crate) const DRAFT_ID: &str = "draft_id";

/// What a clinic's form is on a page.
pub(crate) trait PatientForm: Clone + Send + 'static {
    /// What it shows beside what is typed: the record that it changes.
    type Row: Send + 'static;
    /// The key of what is told when it was saved.
    const SAVED: &'static str;

    /// Where the id of the record that it makes stands; `None` of one that changes a record.
    fn draft_id(&mut self) -> Option<&mut String> {
        None
    }
    /// Saves what was typed.
    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError>;
    /// Its heading and fields; `chart` is the path of the patient's chart.
    fn view(&self, t: &Texts, chart: &str, row: &Self::Row) -> FormOf;
}

/// What differs between the forms.
pub(crate) struct FormOf {
    pub(crate) title: String,
    pub(crate) lead: Option<String>,
    /// The record is in dispute: whatever is typed would be refused until that is decided.
    pub(crate) disputed: bool,
    /// What stands against what in it.
    pub(crate) undecided: Vec<ConflictRow>,
    pub(crate) action: String,
    pub(crate) hidden: Vec<(&'static str, String)>,
    pub(crate) fields: Vec<Field>,
    pub(crate) confirm_empty: Option<String>,
}

impl FormOf {
    pub(crate) fn new(title: String, action: String, fields: Vec<Field>) -> FormOf {
        FormOf {
            title,
            lead: None,
            disputed: false,
            undecided: Vec::new(),
            action,
            hidden: Vec::new(),
            fields,
            confirm_empty: None,
        }
    }

    /// Without its fields where its record is in dispute: the page leads to the decision instead.
    pub(crate) fn unless_disputed(mut self) -> FormOf {
        if self.disputed {
            self.fields.clear();
        }
        self
    }
}

#[derive(Template)]
#[template(path = "form_page.html")]
struct FormPage {
    f: Frame,
    person: PersonView,
    title: String,
    lead: Option<String>,
    disputed: bool,
    undecided: Vec<ConflictRow>,
    action: String,
    hidden: Vec<(&'static str, String)>,
    form: FormView,
    confirm_empty: Option<String>,
}

/// What is wrong with a form.
#[derive(Default)]
struct Wrong {
    errors: FieldErrors,
    /// With the form as a whole.
    general: Option<String>,
}

/// The path of a patient's chart.
pub(crate) fn chart_of(patient: &str) -> String {
    format!("/patients/{patient}")
}

async fn show(signed: &Signed, person: PatientRow, of: FormOf, status: StatusCode, wrong: Wrong) -> Response {
    let f = signed.frame(Nav::Patients).await;
    let mut form = FormView::new(of.fields).with_errors(&f.clock, &wrong.errors);
    form.general.extend(wrong.general);
    let template = FormPage {
        person: PersonView::new(&f.clock, person),
        title: of.title,
        lead: of.lead,
        disputed: of.disputed,
        undecided: of.undecided,
        action: of.action,
        hidden: of.hidden,
        form,
        confirm_empty: of.confirm_empty,
        f,
    };
    page(status, &template)
}

/// Shows a form: `read` reads what it is about, `make` fills it in; nothing to fill in is not found.
pub(crate) async fn open<F: PatientForm>(
    signed: Signed,
    patient: String,
    read: impl FnOnce(&Clinic, &Caller) -> Result<F::Row, RecordError> + Send + 'static,
    make: impl FnOnce(&PatientRow, &F::Row) -> Option<F>,
) -> Response {
    let found = signed
        .run(move |clinic, caller| -> Result<_, RecordError> {
            let person = clinic.patient_view(caller, &patient)?;
            Ok((person, read(clinic, caller)?))
        })
        .await;
    let (person, row) = match found {
        Ok(found) => found,
        Err(error) => return error.into_response(),
    };
    match make(&person, &row) {
        Some(form) => {
            let of = form
                .view(signed.t(), &chart_of(&person.id), &row)
                .unless_disputed();
            show(&signed, person, of, StatusCode::OK, Wrong::default()).await
        }
        None => signed.error(Fault::NotFound).into_response(),
    }
}

/// What became of a form that was sent.
enum Sent<R> {
    Saved,
    /// Not saved, and shown again with what it is about.
    Again(FieldErrors, PatientRow, R),
    /// Saved before, with something else typed.
    SavedOtherwise(PatientRow, R),
}

/// Saves a form and goes on to the chart, or shows it again with what is wrong. `read` reads what it is about.
pub(crate) async fn send<F: PatientForm>(
    posted: &Posted,
    patient: &str,
    mut form: F,
    read: impl FnOnce(&Clinic, &Caller) -> Result<F::Row, RecordError> + Send + 'static,
) -> Response {
    let signed = &posted.signed;
    let (sent, id, is_resumed) = (form.clone(), patient.to_owned(), posted.resumed);
    let is_draft = form.draft_id().is_some();
    let chart = chart_of(patient);
    let done = signed.run(move |clinic, caller| -> Result<_, Fault> {
        let saved = match is_resumed {
            // Only shown again: nothing is saved, and nothing is wrong.
            true => Err(Fault::Invalid(FieldErrors::default())),
            false => sent.save(clinic, caller).map_err(Fault::from),
        };
        let about = || -> Result<_, Fault> { Ok((clinic.patient_view(caller, &id)?, read(clinic, caller)?)) };
        match saved {
            Ok(()) => Ok(Sent::Saved),
            Err(Fault::Invalid(errors)) if is_resumed || !errors.0.is_empty() => {
                let (person, row) = about()?;
                Ok(Sent::Again(errors, person, row))
            }
            Err(Fault::Stale) if is_draft => {
                let (person, row) = about()?;
                Ok(Sent::SavedOtherwise(person, row))
            }
            Err(fault) => Err(fault),
        }
    });
    match done.await {
        Ok(Sent::Saved) => signed.done(&chart, F::SAVED),
        Ok(Sent::Again(errors, person, row)) => {
            let status = match is_resumed {
                true => posted.resumed_status(),
                false => StatusCode::UNPROCESSABLE_ENTITY,
            };
            let wrong = Wrong {
                errors,
                general: None,
            };
            let of = form.view(signed.t(), &chart, &row);
            show(signed, person, of, status, wrong).await
        }
        Ok(Sent::SavedOtherwise(person, row)) => {
            // Sent once more, it is a record of its own.
            if let Some(draft_id) = form.draft_id() {
                *draft_id = signed.state().draft_id();
            }
            let wrong = Wrong {
                general: Some(signed.t().s("form-saved-otherwise")),
                ..Wrong::default()
            };
            let of = form.view(signed.t(), &chart, &row);
            show(signed, person, of, StatusCode::CONFLICT, wrong).await
        }
        Err(error) => PageError::into_response(error),
    }
}
