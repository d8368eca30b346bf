//! The workflows' pages: what the router and the chart take from each. A workflow is one file
//! here with its `templates/<name>/` and `locales/<lang>/<name>.ftl`, over the clinic's folder of that name.

use crate::workflow::Workflow;
use crate::{allergy, conflict, immunization, medication, patient, problem, record, vitals};

/// Every workflow with pages.
pub(crate) static WORKFLOWS: [Workflow; 8] = [
    allergy::WORKFLOW,
    conflict::WORKFLOW,
    immunization::WORKFLOW,
    medication::WORKFLOW,
    patient::WORKFLOW,
    problem::WORKFLOW,
    record::WORKFLOW,
    vitals::WORKFLOW,
];

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

    #[test]
    fn each_workflow_has_its_texts() {
        for workflow in &WORKFLOWS {
            assert!(
                crate::i18n::FILES.contains(&workflow.name),
                "i18n.rs does not load the texts of {}",
                workflow.name
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
