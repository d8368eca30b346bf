//! Medicines: their card on the chart, and the forms that change a prescription's dose or status.

mod dosage;
mod timing;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use chaski_clinic::chart::RecordMeta;
use chaski_clinic::form::FormError;
use chaski_clinic::form::typed::number_plain;
use chaski_clinic::medication::{DoseChange, MedicationRow, MedicationStatusChange};
use chaski_clinic::{Caller, Clinic};

use crate::form::Field;
use crate::form_page::{BASE_VERSION, FormOf, PatientForm, open, send};
use crate::i18n::Texts;
use crate::signed::{Posted, Signed};
use crate::state::UiState;
use crate::workflow::{Card, ChartOf, Workflow};

pub(crate) use dosage::{instruction, words};

use dosage::is_of_numbers;

pub(crate) const WORKFLOW: Workflow = Workflow {
    routes,
    cards: &[Card {
        place: 20,
        html: card,
    }],
    ..Workflow::new("medication")
};

fn routes(router: Router<UiState>) -> Router<UiState> {
    router
        .route(
            "/patients/{id}/medicines/{medicine}/dose",
            get(dose_page).post(medication_dose_change),
        )
        .route(
            "/patients/{id}/medicines/{medicine}/status",
            get(status_page).post(medication_status_change),
        )
}

struct RowView<'a> {
    row: &'a MedicationRow,
    /// The record behind it, without the numbers that its instruction is made of.
    meta: RecordMeta,
    instruction: String,
    status: String,
    /// It counts, and is a prescription: only such a one is changed here.
    is_changed_here: bool,
}

#[derive(Template)]
#[template(path = "medication/card.html")]
struct CardView<'a> {
    c: &'a ChartOf<'a>,
    rows: Vec<RowView<'a>>,
}

fn card(c: &ChartOf<'_>) -> askama::Result<String> {
    let t = c.f.t;
    let rows = c.chart.rows::<MedicationRow>().iter().map(|row| RowView {
        instruction: c.f.clock.moments_in(&instruction(t, row)),
        meta: meta_beside(row),
        status: match row.status.as_str() {
            "" => t.s("status-unknown"),
            status => t
                .maybe(&format!("status-{status}"))
                .unwrap_or_else(|| status.to_owned()),
        },
        is_changed_here: row.active && row.meta.record.starts_with("MedicationRequest/"),
        row,
    });
    CardView {
        c,
        rows: rows.collect(),
    }
    .render()
}

/// What stands beside the row: where the instruction was made of the dose and how often, those are told by it.
fn meta_beside(row: &MedicationRow) -> RecordMeta {
    let mut meta = row.meta.clone();
    if !row.dose_text.is_empty() && is_of_numbers(row) {
        let is_told = |path: &str| path.ends_with(".timing") || path.ends_with(".doseAndRate");
        meta.rest.retain(|part| !is_told(&part.path));
    }
    meta
}

impl PatientForm for DoseChange {
    type Row = MedicationRow;
    const SAVED: &'static str = "flash-dose";

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.medication_dose_change(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, row: &MedicationRow) -> FormOf {
        let unit = Some(t.s("unit-times-a-day"));
        let times = Field::number(t, "times_per_day", &self.times_per_day, unit).roomy();
        let mut fields = vec![
            Field::number(t, "dose_value", &self.dose_value, None).required(),
            Field::line(t, "dose_unit", &self.dose_unit).required().short(),
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
        if !row.dose_text.is_empty() && !is_of_numbers(row) {
            fields.push(Field {
                chars_max: 512,
                ..Field::line(t, "dose_text", &self.dose_text)
            });
        }
        let title = t.a("dose-change-of", "drug", &row.drug);
        FormOf {
            lead: Some(instruction(t, row))
                .filter(|now| !now.is_empty())
                .map(|now| t.a("dose-now", "instruction", now)),
            disputed: row.meta.conflicts > 0,
            undecided: row.meta.disputes.clone(),
            hidden: vec![(BASE_VERSION, self.base_version.clone())],
            ..FormOf::new(title, format!("{chart}/medicines/{}/dose", self.id), fields)
        }
    }
}

/// `GET /patients/{id}/medicines/{medicine}/dose`
async fn dose_page(signed: Signed, Path((patient, medicine)): Path<(String, String)>) -> Response {
    let (of, id) = (patient.clone(), medicine.clone());
    let read = move |clinic: &Clinic, caller: &Caller| clinic.medication_view(caller, &of, &id);
    open(signed, patient, read, |_, row: &MedicationRow| {
        Some(DoseChange {
            id: medicine,
            base_version: row.meta.version.clone(),
            dose_value: row.dose_value.clone(),
            dose_unit: row.dose_unit.clone(),
            times_per_day: row.times_per_day.clone(),
            dose_text: row.dose_text.clone(),
            words: String::new(),
        })
    })
    .await
}

/// `POST /patients/{id}/medicines/{medicine}/dose`
async fn medication_dose_change(
    Path((patient, medicine)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let text = |name: &str| posted.fields.text(name);
    let (dose_value, dose_unit) = (text("dose_value"), text("dose_unit"));
    let times_per_day = text("times_per_day");
    let change = DoseChange {
        id: medicine.clone(),
        base_version: text(BASE_VERSION),
        words: words(
            posted.signed.t(),
            &number_plain(&dose_value),
            &dose_unit,
            &number_plain(&times_per_day),
        ),
        dose_value,
        dose_unit,
        times_per_day,
        dose_text: text("dose_text"),
    };
    let of = patient.clone();
    send(&posted, &patient, change, move |clinic, caller| {
        clinic.medication_view(caller, &of, &medicine)
    })
    .await
}

/// What can become of a medicine that is given, and of one that is held.
const FROM_ACTIVE: [&str; 3] = ["on-hold", "stopped", "completed"];
const FROM_HOLD: [&str; 3] = ["active", "stopped", "completed"];

impl PatientForm for MedicationStatusChange {
    type Row = MedicationRow;
    const SAVED: &'static str = "flash-medicine-status";

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.medication_status_change(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, row: &MedicationRow) -> FormOf {
        let codes = match row.status.as_str() {
            "on-hold" => FROM_HOLD,
            _ => FROM_ACTIVE,
        };
        let fields = vec![
            Field::choice_of(t, "status", "medicinestatus", &self.status, &codes).required(),
            Field::line(t, "reason", &self.reason),
        ];
        let title = t.a("medicine-status-of", "drug", &row.drug);
        FormOf {
            lead: Some(instruction(t, row)).filter(|now| !now.is_empty()),
            disputed: row.meta.conflicts > 0,
            undecided: row.meta.disputes.clone(),
            hidden: vec![(BASE_VERSION, self.base_version.clone())],
            ..FormOf::new(title, format!("{chart}/medicines/{}/status", self.id), fields)
        }
    }
}

/// `GET /patients/{id}/medicines/{medicine}/status`: stop a medicine, hold it, give it again, or note that the
/// course is complete. Why is part of it.
async fn status_page(signed: Signed, Path((patient, medicine)): Path<(String, String)>) -> Response {
    let (of, id) = (patient.clone(), medicine.clone());
    let read = move |clinic: &Clinic, caller: &Caller| clinic.medication_view(caller, &of, &id);
    open(signed, patient, read, |_, row: &MedicationRow| {
        Some(MedicationStatusChange {
            id: medicine,
            base_version: row.meta.version.clone(),
            ..MedicationStatusChange::default()
        })
    })
    .await
}

/// `POST /patients/{id}/medicines/{medicine}/status`
async fn medication_status_change(
    Path((patient, medicine)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let change = MedicationStatusChange {
        id: medicine.clone(),
        base_version: posted.fields.text(BASE_VERSION),
        status: posted.fields.text("status"),
        reason: posted.fields.text("reason"),
    };
    let of = patient.clone();
    send(&posted, &patient, change, move |clinic, caller| {
        clinic.medication_view(caller, &of, &medicine)
    })
    .await
}
