//! `GET /patients/new` and `POST /patients`: three facts are enough; people who
//! may be the same are shown before anything is saved; what was typed stays.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::desk::{DeskError, FieldProblem, NewPatient, PatientRow, Registration};
use crate::form::{Control, Field, FormView};
use crate::frame::{Fields, Frame, Nav, Posted, Signed, page};
use crate::i18n::Texts;
use crate::person::PersonView;

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    f: Frame,
    form: FormView,
    draft: String,
    /// Seldom needed, so folded away until something in it was typed or is wrong.
    unidentified_open: bool,
    duplicates: Vec<PersonView>,
}

fn form(t: &Texts, entry: &NewPatient, problems: &[FieldProblem]) -> FormView {
    FormView::new(vec![
        Field::line(t, "given", &entry.given).short(),
        Field::line(t, "family", &entry.family).short(),
        Field::line(t, "name_local", &entry.name_local),
        Field::check(t, "unidentified", entry.unidentified),
        Field::line(t, "temporary_label", &entry.temporary_label),
        Field::choice(t, "sex", &entry.sex, &["female", "male", "other", "unknown"]).required(),
        Field::line(t, "birth_date", &entry.birth_date).short(),
        Field::number(t, "age_years", &entry.age_years, Some(t.s("unit-years"))),
        Field::line(t, "phone", &entry.phone).phone().short(),
        Field::line(t, "place", &entry.place).short(),
        Field::line(t, "mother", &entry.mother).short(),
        Field::line(t, "identifier", &entry.identifier).short(),
    ])
    .with_problems(t, problems)
}

async fn show(
    signed: &Signed,
    status: StatusCode,
    entry: &NewPatient,
    problems: &[FieldProblem],
    duplicates: Vec<PatientRow>,
) -> Response {
    let form = form(signed.t(), entry, problems);
    show_form(signed, status, entry, form, duplicates).await
}

async fn show_saved_otherwise(signed: &Signed, entry: &NewPatient) -> Response {
    let mut form = form(signed.t(), entry, &[]);
    form.general.push(signed.t().s("form-saved-otherwise"));
    show_form(signed, StatusCode::CONFLICT, entry, form, Vec::new()).await
}

async fn show_form(
    signed: &Signed,
    status: StatusCode,
    entry: &NewPatient,
    form: FormView,
    duplicates: Vec<PatientRow>,
) -> Response {
    let f = signed.frame(Nav::Register).await;
    let duplicates = duplicates
        .into_iter()
        .map(|row| PersonView::new(&f.clock, row))
        .collect();
    page(
        status,
        &RegisterPage {
            unidentified_open: entry.unidentified
                || !entry.temporary_label.is_empty()
                || form.wrong().iter().any(|field| field.name == "temporary_label"),
            form,
            draft: entry.draft.clone(),
            duplicates,
            f,
        },
    )
}

pub(crate) async fn patient_register_page(signed: Signed) -> Response {
    let entry = NewPatient {
        draft: signed.state().draft_id(),
        ..NewPatient::default()
    };
    show(&signed, StatusCode::OK, &entry, &[], Vec::new()).await
}

fn entry_of(t: &Texts, fields: &Fields) -> NewPatient {
    NewPatient {
        label_word: t.s("unidentified-label"),
        draft: fields.text("draft"),
        unidentified: fields.text("unidentified") == "1",
        temporary_label: fields.text("temporary_label"),
        given: fields.text("given"),
        family: fields.text("family"),
        name_local: fields.text("name_local"),
        sex: fields.text("sex"),
        birth_date: fields.text("birth_date"),
        age_years: fields.text("age_years"),
        phone: fields.text("phone"),
        place: fields.text("place"),
        mother: fields.text("mother"),
        identifier: fields.text("identifier"),
    }
}

pub(crate) async fn patient_register(posted: Posted) -> Response {
    let Posted { signed, fields, .. } = &posted;
    let entry = entry_of(signed.t(), fields);
    let accept = fields.text("accept_duplicates") == "1";
    let sent = entry.clone();
    match posted
        .run(move |desk, who| desk.patient_register(who, &sent, accept))
        .await
    {
        Ok(Registration::Registered(id)) => signed.done(&format!("/patients/{id}"), "flash-registered"),
        Ok(Registration::PossibleDuplicates(rows)) => {
            show(signed, StatusCode::UNPROCESSABLE_ENTITY, &entry, &[], rows).await
        }
        Err(error) => match error.error {
            DeskError::Invalid(problems) if posted.resumed => {
                show(signed, StatusCode::OK, &entry, &problems, Vec::new()).await
            }
            DeskError::Invalid(problems) if !problems.is_empty() => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                show(signed, status, &entry, &problems, Vec::new()).await
            }
            DeskError::Stale => {
                // Saved before, with something else typed: sent once more, it is somebody else.
                let entry = NewPatient {
                    draft: signed.state().draft_id(),
                    ..entry
                };
                show_saved_otherwise(signed, &entry).await
            }
            _ => error.into_response(),
        },
    }
}
