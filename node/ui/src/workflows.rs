//! The workflows' pages: what the router, the chart and the texts take from each. A workflow is one file
//! here with its `templates/<name>/` and `locales/<lang>/<name>.ftl`, over the clinic's folder of that name.

use axum::Router;

use crate::chart::ChartOf;
use crate::i18n::Lang;
use crate::{UiState, allergy, conflict, immunization, medication, patient, problem, vitals};

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
    /// Its texts in a language: a Fluent file.
    pub(crate) texts: fn(Lang) -> &'static str,
    /// Who may pass its pages and forms, where the table of all doors does not say it.
    #[cfg(test)]
    pub(crate) doors: &'static [crate::tests::Door],
}

impl Workflow {
    /// A workflow without pages, cards or anything at the chart's head.
    pub(crate) const fn new(name: &'static str, texts: fn(Lang) -> &'static str) -> Workflow {
        Workflow {
            name,
            routes: |router| router,
            cards: &[],
            strip: None,
            texts,
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

/// Every workflow with pages.
pub(crate) static WORKFLOWS: [Workflow; 7] = [
    allergy::WORKFLOW,
    conflict::WORKFLOW,
    immunization::WORKFLOW,
    medication::WORKFLOW,
    patient::WORKFLOW,
    problem::WORKFLOW,
    vitals::WORKFLOW,
];

/// The texts of a workflow's own file, in each language.
macro_rules! texts_of {
    ($name:literal) => {
        |lang| match lang {
            $crate::i18n::Lang::En => include_str!(concat!("../locales/en/", $name, ".ftl")),
            $crate::i18n::Lang::Ar => include_str!(concat!("../locales/ar/", $name, ".ftl")),
        }
    };
}
pub(crate) use texts_of;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_workflow_is_a_feature_of_the_clinic_and_what_is_read_for_the_chart_is_shown() {
        let features = &chaski_clinic::features::FEATURES;
        assert!(WORKFLOWS.is_sorted_by_key(|workflow| workflow.name));
        for workflow in &WORKFLOWS {
            assert!(
                features.iter().any(|feature| feature.name == workflow.name),
                "{}",
                workflow.name
            );
        }
        for feature in features.iter().filter(|feature| feature.section.is_some()) {
            let shown = WORKFLOWS.iter().find(|workflow| workflow.name == feature.name);
            assert!(
                shown.is_some_and(|workflow| !workflow.cards.is_empty()),
                "the chart shows nothing of {}",
                feature.name
            );
        }
    }

    /// Templates that no workflow owns lie beside the folders.
    #[test]
    fn each_folder_of_templates_is_a_workflows() {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        for entry in std::fs::read_dir(templates).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(
                !path.is_dir() || WORKFLOWS.iter().any(|workflow| workflow.name == name),
                "{name} is no workflow's"
            );
        }
    }
}
