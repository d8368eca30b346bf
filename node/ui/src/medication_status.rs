//! `/patients/{id}/medicines/{medicine}/status`: stop a medicine, hold it,
//! give it again, or note that the course is complete. Why is part of it.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};

use crate::desk::{DeskError, MedicineRow, MedicineStatusChange};
use crate::dosage::instruction;
use crate::edit::{Edit, chart_of, finish, medicine_in, show};
use crate::form::Field;
use crate::frame::{Posted, Signed};
use crate::i18n::Texts;

/// What can become of a medicine that is given, and of one that is held.
const FROM_ACTIVE: [&str; 3] = ["on-hold", "stopped", "completed"];
const FROM_HOLD: [&str; 3] = ["active", "stopped", "completed"];

fn status_edit(t: &Texts, patient: &str, row: &MedicineRow, change: &MedicineStatusChange) -> Edit {
    let id = row.record.rsplit('/').next().unwrap_or_default();
    let codes = if row.status == "on-hold" {
        FROM_HOLD
    } else {
        FROM_ACTIVE
    };
    Edit {
        title: t.a("medicine-status-of", "drug", &row.drug),
        lead: Some(instruction(t, row)).filter(|now| !now.is_empty()),
        disputed: row.conflicts > 0,
        action: format!("/patients/{patient}/medicines/{id}/status"),
        hidden: vec![("base", change.base.clone())],
        fields: vec![
            Field::choice(t, "medicinestatus", &change.status, &codes).required(),
            Field::line(t, "reason", &change.reason),
        ],
        confirm_empty: None,
    }
}

/// `GET /patients/{id}/medicines/{medicine}/status`
pub(crate) async fn status_page(
    signed: Signed,
    Path((patient, medicine)): Path<(String, String)>,
) -> Response {
    let chart = match chart_of(&signed, &patient).await {
        Ok(chart) => chart,
        Err(error) => return error.into_response(),
    };
    let Some(row) = medicine_in(&chart, &medicine) else {
        return signed.error(DeskError::NotFound).into_response();
    };
    let change = MedicineStatusChange {
        record: row.record.clone(),
        base: row.version.clone(),
        ..MedicineStatusChange::default()
    };
    let edit = status_edit(signed.t(), &patient, row, &change).unless_disputed();
    show(&signed, chart, edit, &[]).await
}

/// `POST /patients/{id}/medicines/{medicine}/status`
pub(crate) async fn medication_status_change(
    Path((patient, medicine)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let change = MedicineStatusChange {
        record: format!("MedicationRequest/{medicine}"),
        base: posted.fields.text("base"),
        status: posted.fields.text("medicinestatus"),
        reason: posted.fields.text("reason"),
    };
    let sent = change.clone();
    let done = posted
        .run(move |desk, who| desk.medication_status_change(who, &sent))
        .await;
    finish(&posted, &patient, done, "flash-medicine-status", |t, chart| {
        medicine_in(chart, &medicine).map(|row| status_edit(t, &patient, row, &change))
    })
    .await
}
