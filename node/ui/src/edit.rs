//! The forms that change a chart: phone, allergy, vitals, a medicine's dose.
//!
//! Invariant: each form carries the version its reader saw, so that the change
//! is merged with what others wrote meanwhile and never writes over it.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::desk::{
    AllergyChange, AllergyEntry, AllergyRow, Chart, Criticality, DeskError, DoseChange, FieldProblem,
    MedicineRow, PhoneChange, VitalsEntry,
};
use crate::dosage::{instruction, is_of_numbers, words};
use crate::error::PageError;
use crate::form::{Control, Field, FormView};
use crate::frame::{Frame, Nav, Posted, Signed, page};
use crate::i18n::Texts;
use crate::person::PersonView;
use crate::timing;

#[derive(Template)]
#[template(path = "edit.html")]
struct EditPage {
    f: Frame,
    person: PersonView,
    title: String,
    lead: Option<String>,
    disputed: bool,
    action: String,
    hidden: Vec<(&'static str, String)>,
    form: FormView,
    confirm_empty: Option<String>,
}

/// What differs between the edit pages.
pub(crate) struct Edit {
    pub(crate) title: String,
    pub(crate) lead: Option<String>,
    pub(crate) disputed: bool,
    pub(crate) action: String,
    pub(crate) hidden: Vec<(&'static str, String)>,
    pub(crate) fields: Vec<Field>,
    pub(crate) confirm_empty: Option<String>,
}

impl Edit {
    /// Without its fields where its record is in dispute: whatever is typed would be refused until that is
    /// decided, so the page leads there instead.
    pub(crate) fn unless_disputed(mut self) -> Edit {
        if self.disputed {
            self.fields.clear();
        }
        self
    }
}

pub(crate) async fn chart_of(signed: &Signed, patient: &str) -> Result<Chart, PageError> {
    let patient = patient.to_owned();
    signed.run(move |desk, who| desk.chart_view(who, &patient)).await
}

pub(crate) async fn show(signed: &Signed, chart: Chart, edit: Edit, problems: &[FieldProblem]) -> Response {
    let status = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    show_as(signed, chart, edit, status, problems, None).await
}

/// As [`show`], under another status and with what is wrong with the form as a whole.
async fn show_as(
    signed: &Signed,
    chart: Chart,
    edit: Edit,
    status: StatusCode,
    problems: &[FieldProblem],
    general: Option<String>,
) -> Response {
    let f = signed.frame(Nav::Patients).await;
    let mut form = FormView::new(edit.fields).with_problems(f.t, problems);
    form.general.extend(general);
    let template = EditPage {
        person: PersonView::new(&f.clock, chart.patient),
        title: edit.title,
        lead: edit.lead,
        disputed: edit.disputed,
        action: edit.action,
        hidden: edit.hidden,
        form,
        confirm_empty: edit.confirm_empty,
        f,
    };
    page(status, &template)
}

/// The draft of a form that was saved before with something else typed: sent once more, it is a record
/// of its own.
pub(crate) const DRAFT: &str = "draft";

/// After a post: on to the chart, or the same form with what is wrong.
pub(crate) async fn finish<B>(
    posted: &Posted,
    patient: &str,
    done: Result<(), PageError>,
    flash: &'static str,
    again: B,
) -> Response
where
    B: FnOnce(&Texts, &Chart) -> Option<Edit>,
{
    let signed = &posted.signed;
    let error = match done {
        Ok(()) => return signed.done(&format!("/patients/{patient}"), flash),
        Err(error) => error,
    };
    let is_draft = !posted.fields.text(DRAFT).is_empty();
    let problems = match &error.error {
        DeskError::Invalid(problems) if posted.resumed || !problems.is_empty() => Some(problems),
        DeskError::Stale if is_draft => None,
        _ => return error.into_response(),
    };
    let chart = match chart_of(signed, patient).await {
        Ok(chart) => chart,
        Err(error) => return error.into_response(),
    };
    let Some(mut edit) = again(signed.t(), &chart) else {
        return signed.error(DeskError::NotFound).into_response();
    };
    let Some(problems) = problems else {
        edit.hidden.retain(|(name, _)| *name != DRAFT);
        edit.hidden.push((DRAFT, signed.state().draft_id()));
        let told = signed.t().s("form-saved-otherwise");
        return show_as(signed, chart, edit, StatusCode::CONFLICT, &[], Some(told)).await;
    };
    show(signed, chart, edit, problems).await
}

fn phone_edit(t: &Texts, change: &PhoneChange) -> Edit {
    let is_new = change.old.is_none();
    let number = Field::line(t, "number", &change.new).phone();
    let mut hidden = vec![("base", change.base.clone())];
    hidden.extend(change.old.clone().map(|old| ("old", old)));
    Edit {
        title: t.s(if is_new { "phone-add" } else { "phone-change" }),
        lead: None,
        disputed: false,
        action: format!("/patients/{}/phone", change.patient),
        hidden,
        fields: vec![if is_new {
            number.required()
        } else {
            Field {
                hint: Some(t.s("phone-empty-removes")),
                ..number
            }
        }],
        confirm_empty: (!is_new).then(|| t.s("phone-remove-question")),
    }
}

/// `GET /patients/{id}/phone`: adds one.
pub(crate) async fn phone_add_page(signed: Signed, Path(patient): Path<String>) -> Response {
    phone_page(signed, patient, None).await
}

/// `GET /patients/{id}/phone/{number}`: changes the nth. The number itself never stands in a URL.
pub(crate) async fn phone_change_page(
    signed: Signed,
    Path((patient, nth)): Path<(String, usize)>,
) -> Response {
    phone_page(signed, patient, Some(nth)).await
}

async fn phone_page(signed: Signed, patient: String, nth: Option<usize>) -> Response {
    let chart = match chart_of(&signed, &patient).await {
        Ok(chart) => chart,
        Err(error) => return error.into_response(),
    };
    let base = chart.patient.version.clone();
    let mut change = PhoneChange {
        patient,
        base,
        ..PhoneChange::default()
    };
    if let Some(nth) = nth {
        let Some(phone) = nth
            .checked_sub(1)
            .and_then(|index| chart.patient.phones.get(index))
        else {
            return signed.error(DeskError::NotFound).into_response();
        };
        change.old = Some(phone.clone());
        change.new = phone.clone();
    }
    let edit = phone_edit(signed.t(), &change);
    show(&signed, chart, edit, &[]).await
}

/// `POST /patients/{id}/phone`
pub(crate) async fn phone_change(Path(patient): Path<String>, posted: Posted) -> Response {
    let old = posted.fields.text("old");
    let change = PhoneChange {
        patient: patient.clone(),
        base: posted.fields.text("base"),
        old: (!old.is_empty()).then_some(old),
        new: posted.fields.text("number"),
    };
    let sent = change.clone();
    let done = posted.run(move |desk, who| desk.phone_change(who, &sent)).await;
    finish(&posted, &patient, done, "flash-phone", |t, _| {
        Some(phone_edit(t, &change))
    })
    .await
}

const CRITICALITIES: [&str; 3] = ["high", "low", "unable-to-assess"];
const ALLERGY_STATUSES: [&str; 3] = ["active", "inactive", "resolved"];

fn allergy_edit(t: &Texts, entry: &AllergyEntry) -> Edit {
    Edit {
        title: t.s("allergy-add"),
        lead: None,
        disputed: false,
        action: format!("/patients/{}/allergies/new", entry.patient),
        hidden: vec![("draft", entry.draft.clone())],
        fields: vec![
            Field::line(t, "substance", &entry.substance).required(),
            Field::choice(t, "criticality", &entry.criticality, &CRITICALITIES).required(),
            Field::line(t, "reaction", &entry.reaction),
        ],
        confirm_empty: None,
    }
}

/// `GET /patients/{id}/allergies/new`
pub(crate) async fn allergy_add_page(signed: Signed, Path(patient): Path<String>) -> Response {
    match chart_of(&signed, &patient).await {
        Ok(chart) => {
            let draft = signed.state().draft_id();
            let edit = allergy_edit(
                signed.t(),
                &AllergyEntry {
                    patient,
                    draft,
                    ..AllergyEntry::default()
                },
            );
            show(&signed, chart, edit, &[]).await
        }
        Err(error) => error.into_response(),
    }
}

/// `POST /patients/{id}/allergies/new`
pub(crate) async fn allergy_record(Path(patient): Path<String>, posted: Posted) -> Response {
    let entry = AllergyEntry {
        patient: patient.clone(),
        draft: posted.fields.text("draft"),
        none_known: posted.fields.text("none_known") == "1",
        substance: posted.fields.text("substance"),
        criticality: posted.fields.text("criticality"),
        reaction: posted.fields.text("reaction"),
    };
    if posted.resumed && entry.none_known {
        // One tap and nothing typed: it is tapped again.
        return posted.resume_at(&format!("/patients/{patient}"));
    }
    let sent = entry.clone();
    let done = posted.run(move |desk, who| desk.allergy_record(who, &sent)).await;
    finish(&posted, &patient, done, "flash-allergy", |t, _| {
        Some(allergy_edit(t, &entry))
    })
    .await
}

fn allergy_in<'a>(chart: &'a Chart, id: &str) -> Option<&'a AllergyRow> {
    chart
        .allergies
        .iter()
        .find(|row| row.record.rsplit('/').next() == Some(id))
}

fn allergy_change_edit(t: &Texts, patient: &str, row: &AllergyRow, change: &AllergyChange) -> Edit {
    let id = row.record.rsplit('/').next().unwrap_or_default();
    Edit {
        title: t.a("allergy-change-of", "substance", &row.substance),
        lead: row.reaction.clone(),
        disputed: row.conflicts > 0,
        action: format!("/patients/{patient}/allergies/{id}"),
        hidden: vec![("base", change.base.clone())],
        fields: vec![
            Field::choice(t, "criticality", &change.criticality, &CRITICALITIES).required(),
            Field::choice(t, "allergystatus", &change.status, &ALLERGY_STATUSES).required(),
        ],
        confirm_empty: None,
    }
}

/// `GET /patients/{id}/allergies/{allergy}`
pub(crate) async fn allergy_change_page(
    signed: Signed,
    Path((patient, allergy)): Path<(String, String)>,
) -> Response {
    let chart = match chart_of(&signed, &patient).await {
        Ok(chart) => chart,
        Err(error) => return error.into_response(),
    };
    let Some(row) = allergy_in(&chart, &allergy) else {
        return signed.error(DeskError::NotFound).into_response();
    };
    let criticality = match row.criticality {
        Criticality::High => "high",
        Criticality::Low => "low",
        Criticality::Unknown => "unable-to-assess",
    };
    let change = AllergyChange {
        record: row.record.clone(),
        base: row.version.clone(),
        criticality: criticality.to_owned(),
        status: row.status.clone(),
    };
    let edit = allergy_change_edit(signed.t(), &patient, row, &change);
    show(&signed, chart, edit, &[]).await
}

/// `POST /patients/{id}/allergies/{allergy}`
pub(crate) async fn allergy_change(
    Path((patient, allergy)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let change = AllergyChange {
        record: format!("AllergyIntolerance/{allergy}"),
        base: posted.fields.text("base"),
        criticality: posted.fields.text("criticality"),
        status: posted.fields.text("allergystatus"),
    };
    let sent = change.clone();
    let done = posted.run(move |desk, who| desk.allergy_change(who, &sent)).await;
    let again = |t: &Texts, chart: &Chart| {
        allergy_in(chart, &allergy).map(|row| allergy_change_edit(t, &patient, row, &change))
    };
    finish(&posted, &patient, done, "flash-allergy", again).await
}

fn vitals_edit(t: &Texts, entry: &VitalsEntry) -> Edit {
    let number = |name, value: &str, unit: &str| Field::number(t, name, value, Some(unit.to_owned()));
    Edit {
        title: t.s("vitals-add"),
        lead: Some(t.s("vitals-lead")),
        disputed: false,
        action: format!("/patients/{}/vitals", entry.patient),
        hidden: vec![("draft", entry.draft.clone())],
        fields: vec![
            number("systolic", &entry.systolic, "mmHg"),
            number("diastolic", &entry.diastolic, "mmHg"),
            number("pulse", &entry.pulse, "/min"),
            number("breaths", &entry.breaths, "/min"),
            number("temperature", &entry.temperature, "°C"),
            number("oxygen", &entry.oxygen, "%"),
            number("weight", &entry.weight, "kg"),
            number("height", &entry.height, "cm"),
        ],
        confirm_empty: None,
    }
}

/// `GET /patients/{id}/vitals`
pub(crate) async fn vitals_page(signed: Signed, Path(patient): Path<String>) -> Response {
    match chart_of(&signed, &patient).await {
        Ok(chart) => {
            let draft = signed.state().draft_id();
            let edit = vitals_edit(
                signed.t(),
                &VitalsEntry {
                    patient,
                    draft,
                    ..VitalsEntry::default()
                },
            );
            show(&signed, chart, edit, &[]).await
        }
        Err(error) => error.into_response(),
    }
}

/// `POST /patients/{id}/vitals`
pub(crate) async fn vitals_record(Path(patient): Path<String>, posted: Posted) -> Response {
    let entry = VitalsEntry {
        patient: patient.clone(),
        draft: posted.fields.text("draft"),
        systolic: posted.fields.text("systolic"),
        diastolic: posted.fields.text("diastolic"),
        pulse: posted.fields.text("pulse"),
        breaths: posted.fields.text("breaths"),
        temperature: posted.fields.text("temperature"),
        oxygen: posted.fields.text("oxygen"),
        weight: posted.fields.text("weight"),
        height: posted.fields.text("height"),
    };
    let sent = entry.clone();
    let done = posted.run(move |desk, who| desk.vitals_record(who, &sent)).await;
    finish(&posted, &patient, done, "flash-vitals", |t, _| {
        Some(vitals_edit(t, &entry))
    })
    .await
}

pub(crate) fn medicine_in<'a>(chart: &'a Chart, id: &str) -> Option<&'a MedicineRow> {
    chart
        .medicines
        .iter()
        .find(|row| row.record.rsplit('/').next() == Some(id))
}

fn dose_edit(t: &Texts, patient: &str, row: &MedicineRow, change: &DoseChange) -> Edit {
    let id = row.record.rsplit('/').next().unwrap_or_default();
    let times = Field::number(t, "times", &change.times_per_day, Some(t.s("unit-times-a-day"))).roomy();
    let mut fields = vec![
        Field::number(t, "dose", &change.value, None).required(),
        Field::line(t, "unit", &change.unit).required().short(),
        if row.timing.is_empty() {
            times.required()
        } else {
            // Not so many times a day: it is no number to fill in, and stays unless one is.
            Field {
                hint: Some(t.a("timing-kept", "timing", timing::words(t, &row.timing))),
                ..times
            }
        },
    ];
    if !row.instruction.is_empty() && !is_of_numbers(row) {
        fields.push(Field {
            chars_max: 512,
            ..Field::line(t, "instruction", &change.instruction)
        });
    }
    Edit {
        title: t.a("dose-change-of", "drug", &row.drug),
        lead: Some(instruction(t, row))
            .filter(|now| !now.is_empty())
            .map(|now| t.a("dose-now", "instruction", now)),
        disputed: row.conflicts > 0,
        action: format!("/patients/{patient}/medicines/{id}/dose"),
        hidden: vec![("base", change.base.clone())],
        fields,
        confirm_empty: None,
    }
}

/// `GET /patients/{id}/medicines/{medicine}/dose`
pub(crate) async fn dose_page(signed: Signed, Path((patient, medicine)): Path<(String, String)>) -> Response {
    let chart = match chart_of(&signed, &patient).await {
        Ok(chart) => chart,
        Err(error) => return error.into_response(),
    };
    let Some(row) = medicine_in(&chart, &medicine) else {
        return signed.error(DeskError::NotFound).into_response();
    };
    let change = DoseChange {
        record: row.record.clone(),
        base: row.version.clone(),
        value: row.dose_value.clone(),
        unit: row.dose_unit.clone(),
        times_per_day: row.times_per_day.clone(),
        instruction: row.instruction.clone(),
        words: String::new(),
    };
    let edit = dose_edit(signed.t(), &patient, row, &change).unless_disputed();
    show(&signed, chart, edit, &[]).await
}

/// `POST /patients/{id}/medicines/{medicine}/dose`
pub(crate) async fn medication_dose_change(
    Path((patient, medicine)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let (value, unit) = (posted.fields.text("dose"), posted.fields.text("unit"));
    let times_per_day = posted.fields.text("times");
    let change = DoseChange {
        record: format!("MedicationRequest/{medicine}"),
        base: posted.fields.text("base"),
        words: words(posted.signed.t(), &value, &unit, &times_per_day),
        value,
        unit,
        times_per_day,
        instruction: posted.fields.text("instruction"),
    };
    let sent = change.clone();
    let done = posted
        .run(move |desk, who| desk.medication_dose_change(who, &sent))
        .await;
    let again = |t: &Texts, chart: &Chart| {
        medicine_in(chart, &medicine).map(|row| dose_edit(t, &patient, row, &change))
    };
    finish(&posted, &patient, done, "flash-dose", again).await
}
