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
fn an_address_that_nobody_can_dial_is_refused_at_every_door() {
    let site = Site::init("Clinic A");
    for (address, why) in [
        ("", "is empty"),
        ("foo bar", "a blank"),
        ("hub", "no port"),
        ("hub:0", "no port"),
        ("http://hub:8031", "a URL"),
        ("0.0.0.0:8031", "nobody can dial it"),
        ("203.0.113.7:0", "port 0"),
        ("a:1,b:2", "a comma"),
        ("192.0.2.999:8031", "no host"),
    ] {
        for args in [
            vec!["invite", "--addr", address],
            vec!["serve", "--advertise", address],
            vec!["serve", "--dial", address],
        ] {
            let said = site.run(&args).expect(2);
            assert!(
                said.out.is_empty() && said.err.contains(why) && said.err.contains("HOST:PORT"),
                "{args:?}: {said:?}"
            );
        }
    }
    let config = site.home.path().join("chaski.toml");
    for name in ["advertise", "dial"] {
        std::fs::write(&config, format!("[peers]\n{name} = [\"203.0.113.7:0\"]\n")).unwrap();
        let said = site
            .run(&["serve", "--config", config.to_str().unwrap()])
            .expect(2);
        assert!(
            said.err.contains(&format!("{name}: '203.0.113.7:0'")) && said.err.contains("HOST:PORT"),
            "{said:?}"
        );
    }
    for (address, only_here) in [
        ("hub.example.org:8031", false),
        ("192.0.2.7:8031", false),
        ("127.0.0.1:8031", true),
        ("localhost:8031", true),
    ] {
        let said = site.run(&["invite", "--addr", address, "--json"]).ok().json();
        assert_eq!(said["only_here"], json!(only_here), "{said}");
        let said = site.run(&["invite", "--addr", address]).ok();
        assert!(!said.err.contains("or give --addr"), "{said:?}");
    }
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
fn a_key_file_that_cannot_be_used_is_named_with_the_cause() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (data, key) = (path("data"), path("key"));
    chaski(["init", "--data", &data, "--name", "A", "--key-file", &key]).ok();
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::write(path("text"), "cuatro caminos\n").unwrap();
    for (name, why) in [
        ("none/key", "it does not exist"),
        ("folder", "it is a directory"),
        ("text", "it is no key file"),
    ] {
        let said = chaski(["status", "--data", &data, "--key-file", &path(name)]).expect(5);
        assert!(
            said.err.contains(&path(name)) && said.err.contains(why),
            "{said:?}"
        );
    }
    let status = |mode: u32| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let said = chaski(["status", "--data", &data, "--key-file", &key, "--json"]);
        said.ok().json()["warnings"].to_string()
    };
    assert!(!status(0o600).contains("chmod"));
    let warned = status(0o644);
    assert!(warned.contains(&key) && warned.contains("mode 0644"), "{warned}");
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
