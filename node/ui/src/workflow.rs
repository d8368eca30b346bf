//! What a workflow's pages are to the router and to the chart, and what its cards see of a chart.

use axum::Router;
use chaski_clinic::chart::Chart;

use crate::form_page::chart_of;
use crate::frame::Frame;
use crate::person::PersonView;
use crate::state::UiState;

/// One workflow's pages.
pub(crate) struct Workflow {
    /// The name of the clinic's feature.
    pub(crate) name: &'static str,
    /// Adds its pages.
    pub(crate) routes: fn(Router<UiState>) -> Router<UiState>,
    /// Its cards on the chart.
    pub(crate) cards: &'static [Card],
    /// What it says at the head of the chart, where a patient's dangers stand.
    pub(crate) strip: Option<fn(&ChartOf<'_>) -> askama::Result<String>>,
    /// Who may pass its pages and forms, where the table of all doors does not say it.
    #[cfg(test)]
    pub(crate) doors: &'static [crate::tests::Door],
}

impl Workflow {
    /// A workflow without pages, cards or anything at the chart's head.
    pub(crate) const fn new(name: &'static str) -> Workflow {
        Workflow {
            name,
            routes: |router| router,
            cards: &[],
            strip: None,
            #[cfg(test)]
            doors: &[],
        }
    }
}

/// A card of the chart, as HTML.
pub(crate) struct Card {
    /// Where it stands among the others: the least first; tens leave room.
    pub(crate) place: u8,
    pub(crate) html: fn(&ChartOf<'_>) -> askama::Result<String>,
}

/// A chart as the workflows' cards see it.
pub(crate) struct ChartOf<'a> {
    pub(crate) f: &'a Frame,
    pub(crate) chart: &'a Chart,
    pub(crate) person: &'a PersonView,
    /// How many results, newest first, to leave out.
    pub(crate) older: usize,
    pub(crate) state: &'a UiState,
}

impl ChartOf<'_> {
    /// The patient's id.
    pub(crate) fn id(&self) -> &str {
        &self.person.row.id
    }

    /// The chart's own path.
    pub(crate) fn home(&self) -> String {
        chart_of(self.id())
    }

    /// A path below the chart's.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("{}/{rest}", self.home())
    }

    /// An id for a record that a form on the chart will make.
    pub(crate) fn draft_id(&self) -> String {
        self.state.draft_id()
    }
}
