//! Problems: their card on the chart.

use askama::Template;
use chaski_clinic::problem::ProblemRow;

use crate::chart::ChartOf;
use crate::workflows::{Card, Workflow, texts_of};

pub(crate) const WORKFLOW: Workflow = Workflow {
    cards: &[Card {
        place: 40,
        html: card,
    }],
    ..Workflow::new("problem", texts_of!("problem"))
};

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
