//! `GET /patients/new` and `POST /patients`: three facts are enough; people who
//! may be the same are shown before anything is saved; what was typed stays.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chaski_clinic::form::FieldErrors;
use chaski_clinic::patient::{Agreement, Compared, Duplicates, LikePerson, Registration, RegistrationForm};

use crate::error::Fault;
use crate::fields::Fields;
use crate::form::{Control, Field, FormView};
use crate::form_page::{DRAFT_ID, chart_of};
use crate::frame::{Frame, Nav, page};
use crate::i18n::Texts;
use crate::person::PersonView;
use crate::signed::{Posted, Signed};

#[derive(Template)]
#[template(path = "patient/register.html")]
struct RegisterPage {
    f: Frame,
    form: FormView,
    draft_id: String,
    /// Seldom needed, so folded away until something in it was typed or is wrong.
    unidentified_open: bool,
    duplicates: Vec<LikeView>,
    more_duplicates: bool,
}

/// Somebody who may be the person who is being registered.
struct LikeView {
    person: PersonView,
    probable: bool,
    fields: Vec<ComparedView>,
}

/// A field of both, side by side, and how it agrees.
struct ComparedView {
    label: String,
    typed: String,
    known: String,
    /// A date, phone or number, which runs from left to right everywhere.
    is_number: bool,
    word: String,
    tone: &'static str,
    icon: &'static str,
}

impl LikeView {
    fn new(f: &Frame, like: LikePerson) -> Self {
        let fields = like.fields.into_iter().map(|field| ComparedView::new(f.t, field));
        Self {
            fields: fields.collect(),
            probable: like.probable,
            person: PersonView::new(&f.clock, like.row),
        }
    }
}

impl ComparedView {
    fn new(t: &Texts, compared: Compared) -> Self {
        let shown = |value: String| match (compared.field, SEXES.contains(&value.as_str())) {
            ("sex", true) => t.s(format!("sex-{value}")),
            _ => value,
        };
        let (tone, icon, word) = match compared.agreement {
            Agreement::Equal => ("ok", "check", t.s("agreement-equal")),
            Agreement::Near => ("info", "near", t.s("agreement-near")),
            Agreement::Differs => ("warn", "differs", t.s("agreement-differs")),
            Agreement::Unknown => ("quiet", "unknown", t.s("agreement-unknown")),
        };
        Self {
            label: t.s(format!("field-{}", compared.field)),
            typed: shown(compared.typed),
            known: shown(compared.known),
            is_number: matches!(compared.field, "birth_date" | "phone" | "identifier_value"),
            word,
            tone,
            icon,
        }
    }
}

const SEXES: [&str; 4] = ["female", "male", "other", "unknown"];

fn fields_of(t: &Texts, form: &RegistrationForm) -> Vec<Field> {
    vec![
        Field::line(t, "given", &form.given).short(),
        Field::line(t, "family", &form.family).short(),
        Field::line(t, "name_local", &form.name_local),
        Field::check(t, "unidentified", form.unidentified),
        Field::line(t, "temporary_label", &form.temporary_label),
        Field::choice(t, "sex", &form.sex, &SEXES).required(),
        Field::line(t, "birth_date", &form.birth_date).short(),
        Field::line(t, "age_years", &form.age_years).short(),
        Field::line(t, "phone", &form.phone).phone().short(),
        Field::line(t, "village", &form.village).short(),
        Field::line(t, "mother_name", &form.mother_name).short(),
        Field::line(t, "identifier_value", &form.identifier_value).short(),
    ]
}

/// What the form's page says beside what was typed.
#[derive(Default)]
struct Said {
    errors: FieldErrors,
    general: Option<String>,
    duplicates: Vec<LikePerson>,
    more_duplicates: bool,
}

async fn show(signed: &Signed, status: StatusCode, typed: &RegistrationForm, said: Said) -> Response {
    let f = signed.frame(Nav::Register).await;
    let mut form = FormView::new(fields_of(f.t, typed)).with_errors(&f.clock, &said.errors);
    form.general.extend(said.general);
    let duplicates = said.duplicates.into_iter().map(|like| LikeView::new(&f, like));
    let duplicates = duplicates.collect();
    page(
        status,
        &RegisterPage {
            unidentified_open: typed.unidentified
                || !typed.temporary_label.is_empty()
                || form.wrong().iter().any(|field| field.name == "temporary_label"),
            form,
            draft_id: typed.draft_id.clone(),
            duplicates,
            more_duplicates: said.more_duplicates,
            f,
        },
    )
}

pub(super) async fn patient_register_page(signed: Signed) -> Response {
    let empty = RegistrationForm {
        draft_id: signed.state().draft_id(),
        ..RegistrationForm::default()
    };
    show(&signed, StatusCode::OK, &empty, Said::default()).await
}

fn typed(t: &Texts, fields: &Fields) -> RegistrationForm {
    RegistrationForm {
        label_word: t.s("unidentified-label"),
        draft_id: fields.text(DRAFT_ID),
        unidentified: fields.text("unidentified") == "1",
        temporary_label: fields.text("temporary_label"),
        given: fields.text("given"),
        family: fields.text("family"),
        name_local: fields.text("name_local"),
        sex: fields.text("sex"),
        birth_date: fields.text("birth_date"),
        age_years: fields.text("age_years"),
        phone: fields.text("phone"),
        village: fields.text("village"),
        mother_name: fields.text("mother_name"),
        identifier_value: fields.text("identifier_value"),
        ..RegistrationForm::default()
    }
}

pub(super) async fn patient_register(posted: Posted) -> Response {
    let Posted { signed, fields, .. } = &posted;
    let form = typed(signed.t(), fields);
    if posted.resumed {
        return show(signed, posted.resumed_status(), &form, Said::default()).await;
    }
    let duplicates = match fields.text("accept_duplicates") == "1" {
        true => Duplicates::Accept,
        false => Duplicates::Check,
    };
    let sent = form.clone();
    let done = signed
        .run(move |clinic, caller| clinic.patient_register(caller, &sent, duplicates))
        .await;
    match done {
        Ok(Registration::Registered(one)) => signed.done(&chart_of(&one.id), "flash-registered"),
        Ok(Registration::PossibleDuplicates { people, more }) => {
            let said = Said {
                duplicates: people,
                more_duplicates: more,
                ..Said::default()
            };
            show(signed, StatusCode::UNPROCESSABLE_ENTITY, &form, said).await
        }
        Err(error) => match error.fault {
            Fault::Invalid(errors) if !errors.0.is_empty() => {
                let said = Said {
                    errors,
                    ..Said::default()
                };
                show(signed, StatusCode::UNPROCESSABLE_ENTITY, &form, said).await
            }
            Fault::Stale => {
                // Saved before, with something else typed: sent once more, it is somebody else.
                let form = RegistrationForm {
                    draft_id: signed.state().draft_id(),
                    ..form
                };
                let said = Said {
                    general: Some(signed.t().s("form-saved-otherwise")),
                    ..Said::default()
                };
                show(signed, StatusCode::CONFLICT, &form, said).await
            }
            _ => error.into_response(),
        },
    }
}
