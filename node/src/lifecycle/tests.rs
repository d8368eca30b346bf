//! A node from making to closing, asked in process and through its socket.

use std::net::SocketAddr;
use std::path::Path;

use chaski_net::NetConfig;
use chaski_store::{Store, SystemEnv, Unlock};

use super::{NewNode, Node, Parts, Running, Target, init};
use crate::admin::{AdminRequest, AdminResponse, Exchange, IdPolicy, Input, Output};
use crate::config::Http;
use crate::error::NodeError;
use crate::key::KeyOptions;
use crate::lifecycle::unlocking::{attempt, open_once};

const PATIENT: &str =
    r#"{"resourceType":"Patient","id":"018f428e-34f6-4707-8009-5ad742f901e7","gender":"female"}"#;

fn new(data: &Path, key: KeyOptions) -> NewNode {
    NewNode {
        data: data.to_path_buf(),
        name: "here".to_owned(),
        site: "H".to_owned(),
        key,
    }
}

fn unsealed() -> KeyOptions {
    KeyOptions {
        unsealed: true,
        ..KeyOptions::default()
    }
}

async fn ask(
    data: &Path,
    key: &KeyOptions,
    request: AdminRequest,
    file: Option<&str>,
) -> (Result<AdminResponse, NodeError>, String) {
    let target = match Target::open(data, key).await {
        Ok(target) => target,
        Err(error) => return (Err(error), String::new()),
    };
    let (exchange, input, mut output) = Exchange::pair();
    if let Some(text) = file {
        input.send(Input::File("f".to_owned())).await.unwrap();
        input.send(Input::Data(text.as_bytes().to_vec())).await.unwrap();
    }
    input.send(Input::End).await.unwrap();
    let call = tokio::spawn(target.call(request, exchange));
    let mut text = Vec::new();
    while let Some(piece) = output.recv().await {
        if let Output::Data(bytes) = piece {
            text.extend(bytes);
        }
    }
    (call.await.unwrap(), String::from_utf8(text).unwrap())
}

async fn running(data: &Path) -> Running {
    let opened = open_once(data, &unsealed())
        .map_err(|failed| failed.into_error(data))
        .unwrap();
    let node = Node::over(data, opened).await.unwrap();
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let parts = Parts {
        http: Http {
            address: loopback,
            ..Http::default()
        },
        net: NetConfig {
            quic: loopback,
            ..NetConfig::default()
        },
        test_data: true,
    };
    Running::start(node, parts).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_gives_the_same_in_process_and_through_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    init(new(&data, unsealed())).await.unwrap();
    let import = AdminRequest::Import {
        ids: IdPolicy::Uuid,
        strict: false,
        report: false,
    };
    let (response, _) = ask(&data, &unsealed(), import.clone(), Some(PATIENT)).await;
    assert!(matches!(response.unwrap(), AdminResponse::Import(report) if report.created == 1));
    let (_, alone) = ask(&data, &unsealed(), AdminRequest::Export, None).await;
    assert!(alone.contains("female"));

    let running = running(&data).await;
    assert!(matches!(
        Target::open(&data, &unsealed()).await.unwrap(),
        Target::Running(_)
    ));
    let (response, through) = ask(&data, &unsealed(), AdminRequest::Export, None).await;
    assert_eq!(response.unwrap(), AdminResponse::Exported { records: 1 });
    assert_eq!(through, alone);
    let (response, _) = ask(&data, &unsealed(), import, Some(PATIENT)).await;
    assert!(matches!(response.unwrap(), AdminResponse::Import(report) if report.unchanged == 1));
    running.stop().await;
    let (response, _) = ask(&data, &unsealed(), AdminRequest::Status, None).await;
    assert!(matches!(response.unwrap(), AdminResponse::Status(status) if status.records == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_misfortune_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let (data, key) = (folder.path().join("data"), folder.path().join("key"));
    let sealed = KeyOptions {
        key_file: Some(key),
        ..KeyOptions::default()
    };
    let status = || AdminRequest::Status;
    assert_eq!(
        ask(&data, &sealed, status(), None)
            .await
            .0
            .unwrap_err()
            .exit_code(),
        1
    );
    init(new(&data, sealed.clone())).await.unwrap();
    assert!(ask(&data, &sealed, status(), None).await.0.is_ok());
    assert_eq!(
        ask(&data, &unsealed(), status(), None)
            .await
            .0
            .unwrap_err()
            .exit_code(),
        5
    );
    assert_eq!(init(new(&data, sealed.clone())).await.unwrap_err().exit_code(), 1);
    let missing = KeyOptions {
        passphrase_file: Some(folder.path().join("none")),
        ..KeyOptions::default()
    };
    assert_eq!(
        ask(&data, &missing, status(), None)
            .await
            .0
            .unwrap_err()
            .exit_code(),
        5
    );
    let held = open_once(&data, &sealed).ok().unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(
        ask(&data, &sealed, status(), None)
            .await
            .0
            .unwrap_err()
            .exit_code(),
        6
    );
    assert!(begun.elapsed().as_secs() >= 5);
    held.store.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_with_other_files_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    assert!(init(new(folder.path(), unsealed())).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn by_words(data: &Path, words: &str) -> bool {
    let way = Unlock::Words(words.trim().to_owned());
    Store::open(data, &way, std::sync::Arc::new(SystemEnv), attempt()).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_words_survive_a_cut_at_any_moment_before_they_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (data, key) = (folder.path().join("data"), folder.path().join("key"));
    let sealed = KeyOptions {
        key_file: Some(key.clone()),
        ..KeyOptions::default()
    };
    // Cut off once there was a store and before it was a node's.
    let raw = Store::create(
        &data,
        &Unlock::KeyFile(key.clone()),
        std::sync::Arc::new(SystemEnv),
        attempt(),
    )
    .unwrap();
    raw.store.close();
    drop(raw);
    let made = init(new(&data, sealed.clone())).await.unwrap();
    let words = made.recovery_words.clone().expect("the same command tells them");
    drop(made);
    assert!(by_words(&data, &words));

    // Cut off once it was a node and before anybody had read them.
    let again = init(new(&data, sealed.clone())).await.unwrap_err().to_string();
    let file = folder.path().join("key.recovery-words");
    assert!(again.contains(file.to_str().unwrap()), "{again}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{words}\n"));
    let again = init(new(&data, sealed)).await.unwrap_err().to_string();
    assert!(!again.contains("recovery"), "told once: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_for_two_directories_keeps_the_words_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = KeyOptions {
        key_file: Some(folder.path().join("key")),
        ..KeyOptions::default()
    };
    for name in ["a", "b"] {
        let data = folder.path().join(name);
        let made = init(new(&data, sealed.clone())).await.unwrap();
        let file = made.write_words().unwrap();
        made.words_told().await.unwrap();
        drop(made);
        assert!(by_words(&data, &std::fs::read_to_string(file).unwrap()));
    }
    let first = std::fs::read_to_string(folder.path().join("key.recovery-words")).unwrap();
    assert!(by_words(&folder.path().join("a"), &first));
}
