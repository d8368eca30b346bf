//! Every official example and every Synthea record goes through a document
//! and comes back as it was.

use std::io::Read;

use chaski_crdt::author::{NetworkId, Writer};
use chaski_crdt::hlc::{Hlc, Message, Stamp};
use chaski_crdt::key::RecordKey;
use chaski_crdt::record::Record;
use chaski_json::{Json, parse_str};
use chaski_store::record_policy;
use chaski_tests::kit::{kit, read_gz, synthea};
use ed25519_dalek::SigningKey;

/// What the record format leaves out on purpose: the server's own metadata.
fn as_kept(mut json: Json) -> Json {
    let Some(members) = json.as_object_mut() else {
        return json;
    };
    let empty = members.get_mut("meta").and_then(Json::as_object_mut).map(|meta| {
        for ignored in ["versionId", "_versionId", "lastUpdated", "_lastUpdated"] {
            meta.remove(ignored);
        }
        meta.is_empty()
    });
    if empty == Some(true) {
        members.remove("meta");
    }
    json
}

fn round_trip(json: &Json, writer: &mut Writer<'_>) -> Result<Json, String> {
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default();
    let key: RecordKey = format!("{}/{}", text("resourceType"), text("id"))
        .parse()
        .map_err(|e| format!("{e:?}"))?;
    let stamp = Stamp {
        hlc: Hlc::from_ms(1_790_000_000_000),
        message: Message::default(),
    };
    let (record, change) =
        Record::create(key.clone(), json, record_policy(), writer, &stamp).map_err(|e| e.to_string())?;
    let here = record.view(record_policy());
    // And as another node has it: verified, merged into nothing.
    let mut there = Record::empty(key.clone());
    let report = there.merge(vec![
        change.verify(&writer.network, &key).map_err(|e| e.to_string())?,
    ]);
    if !report.quarantined.is_empty() {
        return Err(format!("{:?}", report.quarantined));
    }
    if there.view(record_policy()) != here {
        return Err("two nodes show it differently".into());
    }
    if !here.conflicts.is_empty() || !here.issues.is_empty() || here.deleted {
        return Err(format!("{here:?}"));
    }
    Ok(here.json)
}

fn check_all(records: impl IntoIterator<Item = (String, Json)>) -> usize {
    let signer = SigningKey::from_bytes(&[7; 32]);
    let mut next_seq = 1;
    let mut writer = Writer {
        signer: &signer,
        network: NetworkId([1; 32]),
        incarnation: 9,
        next_seq: &mut next_seq,
    };
    let mut count = 0;
    for (name, json) in records {
        let shown = round_trip(&json, &mut writer).unwrap_or_else(|error| panic!("{name}: {error}"));
        let kept = as_kept(json);
        if shown != kept {
            let (a, b) = (shown.pretty(), kept.pretty());
            let differing = a.lines().zip(b.lines()).find(|(a, b)| a != b);
            panic!("{name} changed on its way through a document: {differing:?}");
        }
        count += 1;
    }
    count
}

#[test]
fn official_examples_pass_through_a_document_unchanged() {
    let Some(kit) = kit() else { return };
    let folder = kit.join("r4-examples");
    let archive = std::process::Command::new("tar")
        .args([
            "-xzf".as_ref(),
            folder.join("spec-examples-r4.tar.gz").as_os_str(),
            "--to-command=cat; printf '\\036'".as_ref(),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(archive.stdout).unwrap();
    let examples = text
        .split('\u{1e}')
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let json = parse_str(part).unwrap();
            let name = format!("{:?}/{:?}", json.get("resourceType"), json.get("id"));
            (name, json)
        });
    // A few examples are bundles or parameters without an id: they get one.
    let examples = examples.map(|(name, mut json)| {
        let members = json.as_object_mut().unwrap();
        members
            .entry("id".to_owned())
            .or_insert_with(|| Json::from("example"));
        (name, json)
    });
    assert_eq!(check_all(examples), 732);
}

#[test]
fn synthea_passes_through_a_document_unchanged() {
    let Some(synthea) = synthea() else { return };
    let mut count = 0;
    // All in the long run; every sixth file otherwise.
    let step = if std::env::var_os("CHASKI_SOAK").is_some() {
        1
    } else {
        6
    };
    for path in synthea.shared.iter().chain(synthea.patients.iter().step_by(step)) {
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        let bundle = parse_str(&text).unwrap();
        let entries = bundle.get("entry").and_then(Json::as_array).unwrap().clone();
        count += check_all(entries.into_iter().filter_map(|entry| {
            let resource = entry.get("resource")?.clone();
            Some((format!("{:?}", resource.get("id")), resource))
        }));
    }
    assert!(count > 1_000, "{count}");
    assert!(read_gz(&synthea.patients[0])["entry"].is_array());
}
