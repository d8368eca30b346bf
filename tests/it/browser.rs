//! What people see, in Debian's Chromium.

use chaski_tests::chaski::{Running, command, two_clinics};
use chaski_tests::ports::own_port;
use chaski_tests::scripts::{chromium, node_script};

#[test]
fn the_demo_converges_before_the_visitors_eyes() {
    let Some(chromium) = chromium() else {
        return chaski_tests::skip("no Chromium");
    };
    let dir = tempfile::tempdir().unwrap();
    let mut demo = command();
    demo.args(["demo", "--json", "--patients", "12", "--dir"])
        .arg(dir.path().join("demo"));
    let demo = Running::start(demo);
    demo.wait_until("the demo to be up", || demo.said().contains("\"page\""));
    let said = demo.said();
    let json = &said[said.find('{').unwrap()..=said.rfind('}').unwrap()];
    let up: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(up["nodes"].as_array().unwrap().len(), 3);
    for node in up["nodes"].as_array().unwrap() {
        for field in ["name", "data", "http", "quic", "token_file"] {
            assert!(node[field].is_string(), "{field} is not in {node}");
        }
    }
    for link in up["links"].as_array().unwrap() {
        assert!(
            link["a"].is_string() && link["b"].is_string() && link["switch"].is_string(),
            "{link}"
        );
    }
    let page = up["page"].as_str().unwrap();
    let chromium = chromium.to_str().unwrap();
    node_script(
        "browser/demo.mjs",
        "axe-core",
        &[("PAGE", page), ("CHROMIUM", chromium)],
    );
}

#[test]
fn pages_work_at_both_widths_in_both_languages_and_without_scripts() {
    let Some(chromium) = chromium() else {
        return chaski_tests::skip("no Chromium");
    };
    let (site, _other) = two_clinics();
    let served = site.serve();
    let token = served.token(&["administrator", "clinician"]);
    let env = [
        ("BASE", served.base()),
        ("TOKEN", token),
        ("CHROMIUM", chromium.to_str().unwrap().to_owned()),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    node_script("browser/pages.mjs", "axe-core", &env);
}

#[test]
fn the_first_log_in_is_by_the_token_of_the_file() {
    let Some(chromium) = chromium() else {
        return chaski_tests::skip("no Chromium");
    };
    let home = tempfile::tempdir().unwrap();
    let [http, quic] = [own_port(), own_port()].map(|port| format!("127.0.0.1:{port}"));
    let mut serve = command();
    // As whoever has just built it: no node yet, and nothing named but where to listen.
    serve
        .args(["serve", "--http", &http, "--quic", &quic])
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", home.path());
    let serve = Running::start(serve);
    let after = |words: &str| {
        let said = serve.said();
        let line = said.lines().find_map(|line| line.trim().strip_prefix(words));
        line.map(|rest| rest.trim().to_owned())
    };
    let told = "log in  with the one-use token in";
    serve.wait_until("where the token is", || after(told).is_some());
    let token = std::fs::read_to_string(after(told).unwrap()).unwrap();
    let env = [
        ("PAGES", after("pages").unwrap()),
        ("TOKEN", token.trim().to_owned()),
        ("CHROMIUM", chromium.to_str().unwrap().to_owned()),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    node_script("browser/first_login.mjs", "axe-core", &env);
}
