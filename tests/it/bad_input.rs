//! What a user gets for bad input and bad luck: a clear word, and nothing lost.

use chaski_tests::chaski::{Site, chaski};
use chaski_tests::http::Http;
use serde_json::json;

#[test]
fn usage_errors_are_2() {
    chaski(["no-such-command"]).expect(2);
    chaski(["sync", "--no-such-flag"]).expect(2);
    chaski(["--help"]).ok();
}

#[test]
fn a_wrong_key_is_5_and_a_directory_in_use_is_6() {
    let site = Site::init("Clinic A");
    let wrong = site.home.path().join("wrong");
    std::fs::write(&wrong, "not the words\n").unwrap();
    let data = site.data();
    let said = chaski([
        "status".as_ref(),
        "--data".as_ref(),
        data.as_os_str(),
        "--passphrase-file".as_ref(),
        wrong.as_os_str(),
    ]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(!said.err.contains("not the words"));

    let served = site.serve();
    let other = site
        .command(&["serve", "--http", "127.0.0.1:0", "--quic", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(6), "{other:?}");
    drop(served);
}

#[test]
fn a_taken_port_and_a_foreign_directory_say_so() {
    let site = Site::init("Clinic A");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let said = site.run(&["serve", "--http", &address.to_string(), "--quic", "127.0.0.1:0"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.contains(&address.port().to_string()) && said.err.contains("taken"),
        "{said:?}"
    );

    let foreign = tempfile::tempdir().unwrap();
    std::fs::write(foreign.path().join("thesis.doc"), "mine").unwrap();
    let said = chaski(["status", "--data", foreign.path().to_str().unwrap(), "--unsealed"]);
    assert_eq!(said.code, 1, "{said:?}");
    let said = chaski([
        "init",
        "--data",
        foreign.path().to_str().unwrap(),
        "--name",
        "X",
        "--unsealed",
    ]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(
        std::fs::read_to_string(foreign.path().join("thesis.doc")).unwrap(),
        "mine"
    );
}

#[test]
fn a_failed_init_leaves_nothing_that_looks_like_a_node() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let said = chaski([
        "init",
        "--data",
        data.to_str().unwrap(),
        "--name",
        "X",
        "--passphrase-file",
        "/no/such/file",
    ]);
    assert_ne!(said.code, 0);
    chaski([
        "init",
        "--data",
        data.to_str().unwrap(),
        "--name",
        "X",
        "--unsealed",
    ])
    .ok();
}

#[test]
fn bad_bodies_are_named() {
    let site = Site::init("Clinic A");
    let served = site.serve();
    let http = Http::new(&served.base(), &served.token(&["clinician"]));
    let json_type = [("content-type", "application/fhir+json")];
    let deep = [b"[".repeat(5_000), b"]".repeat(5_000)].concat();
    let cases: [(&[u8], u16); 6] = [
        (b"not json", 400),
        (
            b"{\"resourceType\":\"Patient\",\"resourceType\":\"Patient\"}",
            400,
        ),
        (b"\xff\xfe", 400),
        (b"{\"a\":1}", 400),
        (b"{\"resourceType\":\"Wizard\"}", 400),
        (&deep, 400),
    ];
    for (body, status) in cases {
        let answer = http.send("POST", "/fhir/Patient", &json_type, body);
        assert!(answer.status == status || answer.status == 422, "{answer:?}");
        let outcome = answer.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
        let said = &outcome["issue"][0];
        assert!(
            said["diagnostics"].is_string() || said["details"].is_object(),
            "{outcome}"
        );
    }
    let answer = http.put(
        "/fhir/Patient/1042",
        &json!({"resourceType": "Patient", "id": "1042"}),
    );
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(
        http.get("/fhir/Patient/0190f5a0-0000-7000-8000-000000000fff")
            .status,
        404
    );
    assert_eq!(site.export(), "");
}

#[test]
fn nothing_but_metadata_and_health_answers_without_a_token() {
    let site = Site::init("Clinic A");
    let served = site.serve();
    let nobody = Http::new(&served.base(), "");
    nobody.get("/fhir/metadata").expect(200);
    nobody.get("/health").expect(200);
    for path in ["/fhir/Patient", "/fhir/Patient/x", "/fhir/_history", "/metrics"] {
        assert_eq!(nobody.get(path).status, 401, "{path}");
    }
    let reader = Http::new(&served.base(), &served.token(&["reader"]));
    reader.get("/fhir/Patient").expect(200);
    assert_eq!(
        reader
            .post("/fhir/Patient", &json!({"resourceType": "Patient"}))
            .status,
        403
    );
}

#[test]
fn half_a_transaction_is_none() {
    let site = Site::init("Clinic A");
    let served = site.serve();
    let http = Http::new(&served.base(), &served.token(&["clinician"]));
    let entry = |resource: serde_json::Value| json!({"resource": resource, "request": {"method": "POST", "url": "Patient"}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        entry(json!({"resourceType": "Patient", "name": [{"family": "Whole"}]})),
        entry(json!({"resourceType": "Patient", "birthDate": "not a date"})),
    ]});
    let answer = http.post("/fhir", &bundle);
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(site.export(), "");
}
