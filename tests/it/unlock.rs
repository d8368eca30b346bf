//! After a power cut a node that is sealed with a passphrase waits for somebody who knows it.

use std::time::Duration;

use chaski_tests::chaski::{Running, Site, command};
use chaski_tests::http::Http;
use serde_json::json;

/// `serve` with no key: as a machine starts it that has none.
fn serve_locked(site: &Site) -> Running {
    let mut serve = command();
    serve.args(["serve", "--http", &format!("127.0.0.1:{}", site.http)]);
    serve.args(["--quic", &format!("127.0.0.1:{}", site.quic), "--data"]);
    serve.arg(site.data());
    // Nor one of its own that it would find by itself.
    serve.env("HOME", site.home.path()).env_remove("XDG_CONFIG_HOME");
    let child = Running::start(serve);
    child.wait_until("the unlock page", || child.said().contains("Unlock it at"));
    child
}

#[test]
fn a_node_cut_off_is_unlocked_on_its_page_and_has_everything() {
    let site = Site::init("Clinic A");
    let (id, token) = {
        let mut served = site.serve();
        let token = served.token(&["clinician"]);
        let http = Http::new(&served.base(), &token);
        let made = http.post(
            "/fhir/Patient",
            &json!({"resourceType": "Patient", "name": [{"family": "Quispe"}]}),
        );
        let id = made.expect(201).json()["id"].as_str().unwrap().to_owned();
        served.child.kill();
        (id, token)
    };
    let mut locked = serve_locked(&site);
    let http = Http::new(&format!("http://127.0.0.1:{}", site.http), &token);
    let patient = format!("/fhir/Patient/{id}");
    let page = http.get("/").expect(503);
    assert!(page.body.contains("action=\"/unlock\""), "{}", page.body);
    let closed = http.get(&patient).expect(503);
    assert!(!closed.body.contains("Quispe"));
    let unlock = |secret: &str| {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        http.send("POST", "/unlock", &form, format!("secret={secret}").as_bytes())
    };
    unlock("no+such+words").expect(401);
    unlock("cuatro+caminos+largos").expect(200);
    locked.wait_until("the node to be up", || locked.said().contains("is up"));
    let read = http.get(&patient).expect(200);
    assert_eq!(read.json()["name"][0]["family"], "Quispe");
    let (code, took) = locked.terminate();
    assert!(code == 0 && took < Duration::from_secs(1), "{code} {took:?}");
}

#[test]
fn recovery_words_unlock_too_and_a_locked_node_can_be_stopped() {
    let site = Site::init("Clinic A");
    let words = std::fs::read_to_string(site.home.path().join("passphrase.recovery-words")).unwrap();
    let mut locked = serve_locked(&site);
    let (code, took) = locked.terminate();
    assert!(code == 0 && took < Duration::from_secs(1), "{code} {took:?}");

    let locked = serve_locked(&site);
    let http = Http::new(&format!("http://127.0.0.1:{}", site.http), "");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let typed = format!("secret={}", words.trim().replace(' ', "+"));
    http.send("POST", "/unlock", &form, typed.as_bytes()).expect(200);
    locked.wait_until("the node to be up", || locked.said().contains("is up"));
}
