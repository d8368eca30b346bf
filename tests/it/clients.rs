//! Programs nobody here wrote, against a served node.

use chaski_tests::chaski::Site;
use chaski_tests::scripts::{node_script, python_script};

#[test]
fn fhir_kit_client_works_against_a_node() {
    let site = Site::init("Clinic A");
    let served = site.serve();
    let token = served.token(&["clinician"]);
    let base = format!("{}/fhir", served.base());
    node_script(
        "clients/fhir_kit_client.mjs",
        "fhir-kit-client",
        &[("BASE", &base), ("TOKEN", &token)],
    );
}

#[test]
fn fhirpy_works_against_a_node() {
    let site = Site::init("Clinic A");
    let served = site.serve();
    let token = served.token(&["clinician"]);
    let base = format!("{}/fhir", served.base());
    python_script(
        "clients/fhirpy_client.py",
        "fhirpy",
        &[("BASE", &base), ("TOKEN", &token)],
    );
}
