//! Problems: their card on the chart, and the forms that record one and say what became of it.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use chaski_clinic::form::FormError;
use chaski_clinic::problem::{ProblemChange, ProblemForm, ProblemRow};
use chaski_clinic::{Caller, Clinic};

use crate::form::Field;
use crate::form_page::{BASE_VERSION, DRAFT_ID, FormOf, PatientForm, open, send};
use crate::i18n::Texts;
use crate::signed::{Posted, Signed};
use crate::state::UiState;
#[cfg(test)]
use crate::tests::Who::{Readers, Writers};
use crate::workflow::{Card, ChartOf, Workflow};

pub(crate) const WORKFLOW: Workflow = Workflow {
    routes,
    cards: &[Card {
        place: 40,
        html: card,
    }],
    #[cfg(test)]
    doors: &[
        ("GET", "/patients/{id}/problems/new", &[], Readers, 200),
        (
            "POST",
            "/patients/{id}/problems/new",
            &[("name", "Gout")],
            Writers,
            303,
        ),
        ("GET", "/patients/{id}/problems/{Condition}", &[], Readers, 200),
        (
            "POST",
            "/patients/{id}/problems/{Condition}",
            &[("status", "resolved")],
            Writers,
            303,
        ),
    ],
    ..Workflow::new("problem")
};

fn routes(router: Router<UiState>) -> Router<UiState> {
    router
        .route(
            "/patients/{id}/problems/new",
            get(problem_add_page).post(problem_record),
        )
        .route(
            "/patients/{id}/problems/{Condition}",
            get(problem_change_page).post(problem_change),
        )
}

#[derive(Template)]
#[template(path = "problem/card.html")]
struct CardView<'a> {
    c: &'a ChartOf<'a>,
    rows: &'a [ProblemRow],
}

fn card(c: &ChartOf<'_>) -> askama::Result<String> {
    CardView {
        c,
        rows: c.chart.rows(),
    }
    .render()
}

/// What can become of a problem that counts, and of one that does not.
const FROM_COUNTING: [&str; 3] = ["resolved", "refuted", "entered-in-error"];
const FROM_PAST: [&str; 2] = ["active", "entered-in-error"];

impl PatientForm for ProblemForm {
    type Row = ();
    const SAVED: &'static str = "flash-problem";

    fn draft_id(&mut self) -> Option<&mut String> {
        Some(&mut self.draft_id)
    }

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.problem_record(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, (): &()) -> FormOf {
        let fields = vec![
            Field::line(t, "name", &self.name).required(),
            Field::line(t, "onset_date", &self.onset_date).short(),
        ];
        FormOf {
            hidden: vec![(DRAFT_ID, self.draft_id.clone())],
            ..FormOf::new(t.s("problem-add"), format!("{chart}/problems/new"), fields)
        }
    }
}

/// `GET /patients/{id}/problems/new`
async fn problem_add_page(signed: Signed, Path(patient): Path<String>) -> Response {
    let empty = ProblemForm {
        patient: patient.clone(),
        draft_id: signed.state().draft_id(),
        ..ProblemForm::default()
    };
    open(signed, patient, |_, _| Ok(()), |_, ()| Some(empty)).await
}

/// `POST /patients/{id}/problems/new`
async fn problem_record(Path(patient): Path<String>, posted: Posted) -> Response {
    let form = ProblemForm {
        patient: patient.clone(),
        name: posted.fields.text("name"),
        code: String::new(),
        onset_date: posted.fields.text("onset_date"),
        draft_id: posted.fields.text(DRAFT_ID),
    };
    send(&posted, &patient, form, |_, _| Ok(())).await
}

impl PatientForm for ProblemChange {
    type Row = ProblemRow;
    const SAVED: &'static str = "flash-problem";

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.problem_change(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, row: &ProblemRow) -> FormOf {
        let codes: &[&str] = match row.counts() {
            true => &FROM_COUNTING,
            false => &FROM_PAST,
        };
        let mut fields = vec![Field::choice_of(t, "status", "problemstatus", &self.status, codes).required()];
        if row.counts() {
            fields.push(Field::line(t, "abatement_date", &self.abatement_date).short());
        }
        FormOf {
            disputed: row.meta.conflicts > 0,
            undecided: row.meta.disputes.clone(),
            hidden: vec![(BASE_VERSION, self.base_version.clone())],
            ..FormOf::new(
                t.a("problem-change-of", "name", &row.name),
                format!("{chart}/problems/{}", self.id),
                fields,
            )
        }
    }
}

/// `GET /patients/{id}/problems/{problem}`
async fn problem_change_page(signed: Signed, Path((patient, problem)): Path<(String, String)>) -> Response {
    let (of, id) = (patient.clone(), problem.clone());
    let read = move |clinic: &Clinic, caller: &Caller| clinic.problem_view(caller, &of, &id);
    open(signed, patient, read, |_, row: &ProblemRow| {
        Some(ProblemChange {
            id: problem,
            base_version: row.meta.version.clone(),
            ..ProblemChange::default()
        })
    })
    .await
}

/// `POST /patients/{id}/problems/{problem}`
async fn problem_change(Path((patient, problem)): Path<(String, String)>, posted: Posted) -> Response {
    let change = ProblemChange {
        id: problem.clone(),
        base_version: posted.fields.text(BASE_VERSION),
        status: posted.fields.text("status"),
        abatement_date: posted.fields.text("abatement_date"),
    };
    let of = patient.clone();
    send(&posted, &patient, change, move |clinic, caller| {
        clinic.problem_view(caller, &of, &problem)
    })
    .await
}
