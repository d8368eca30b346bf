//! What records weigh and cost in the codec, from creation to verification:
//!
//! `cargo run --release -p chaski-tests --example codec_sizes -- sample`, or with
//! `kit` for the Synthea bundles of `CHASKI_KIT` (default `../shared/kit`).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chaski_crdt::author::{NetworkId, SignedChange, Writer};
use chaski_crdt::codec::{compress_json, decode_batch, encode_batch, encode_changes};
use chaski_crdt::hlc::{Hlc, Message, Stamp};
use chaski_crdt::key::RecordKey;
use chaski_crdt::record::Record;
use chaski_json::{Json, Limits};
use chaski_store::record_policy;
use ed25519_dalek::SigningKey;

const SAMPLE_PATIENTS: u32 = 100;
/// Records of some 190 bytes each that make a batch of 64 KiB.
const BATCH_RECORDS: usize = 340;
const DAY_MS: u64 = 1_767_225_600_000;

type Sent = Vec<(RecordKey, SignedChange)>;

fn main() -> Result<()> {
    let source = std::env::args().nth(1).context("sample or kit?")?;
    let records = match source.as_str() {
        "kit" => kit()?,
        _ => chaski_fhir::sample::population(2, SAMPLE_PATIENTS).collect(),
    };
    let count = records.len();
    let each = |bytes: usize| bytes as f64 / count as f64;
    let us = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    println!("{source}: {count} records");

    let (mut json_bytes, mut stored_json_bytes) = (0, 0);
    for record in &records {
        let text = record.canonical();
        json_bytes += text.len();
        stored_json_bytes += compress_json(&text)?.len();
    }
    println!(
        "JSON {:.0} B, compressed for storage {:.0} B",
        each(json_bytes),
        each(stored_json_bytes)
    );

    let network = NetworkId([1; 32]);
    let (sent, time) = timed(|| create(&records, network))?;
    let raw: usize = sent.iter().map(|(_, change)| change.bytes.len()).sum();
    println!(
        "raw change {:.0} B, creating and signing {:.0} µs",
        each(raw),
        us(time)
    );

    let mut stored = 0;
    for (_, change) in &sent {
        stored += encode_changes(std::slice::from_ref(change))?.len();
    }
    println!(
        "stored alone {:.0} B, of it 64 signature and 40 author",
        each(stored)
    );

    let (batches, time) = timed(|| encode(&sent))?;
    let wire: usize = batches.iter().map(Vec::len).sum();
    println!(
        "wire {:.1} B all included, {} batches, {:.1} µs",
        each(wire),
        batches.len(),
        us(time)
    );

    let (received, time) = timed(|| decode(&batches))?;
    ensure!(received == sent, "what arrives is not what was sent");
    println!("decoding {:.1} µs", us(time));

    let (_, time) = timed(|| {
        for (key, change) in received {
            change.into_verified(&network, &key).map_err(|(_, error)| error)?;
        }
        Ok(())
    })?;
    println!("verifying {:.1} µs", us(time));
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let start = Instant::now();
    Ok((work()?, start.elapsed()))
}

fn create(records: &[Json], network: NetworkId) -> Result<Sent> {
    let signer = SigningKey::from_bytes(&[5; 32]);
    let mut next_seq = 1;
    let mut writer = Writer {
        signer: &signer,
        network,
        incarnation: 0x1234_5678_90ab_cdef,
        next_seq: &mut next_seq,
    };
    let message = Message {
        user: "import".into(),
        role: "administrator".into(),
        purpose: "TREAT".into(),
        tx: None,
    };
    let mut sent = Vec::with_capacity(records.len());
    for (record, at_ms) in records.iter().zip(DAY_MS..) {
        let text = |key| record.get(key).and_then(Json::as_str).unwrap_or_default();
        let key = RecordKey::new(text("resourceType"), text("id"))?;
        let stamp = Stamp {
            hlc: Hlc::from_ms(at_ms),
            message: message.clone(),
        };
        let (_, change) = Record::create(key.clone(), record, record_policy(), &mut writer, &stamp)?;
        sent.push((key, change));
    }
    Ok(sent)
}

/// In batches of about the size that goes on the wire.
fn encode(sent: &Sent) -> Result<Vec<Vec<u8>>> {
    let batches = sent.chunks(BATCH_RECORDS).map(|chunk| {
        let records: Vec<_> = chunk
            .iter()
            .map(|(key, change)| (key.clone(), vec![change.clone()]))
            .collect();
        Ok(encode_batch(&records)?)
    });
    batches.collect()
}

fn decode(batches: &[Vec<u8>]) -> Result<Sent> {
    let mut received = Vec::new();
    for batch in batches {
        for (key, changes) in decode_batch(batch)? {
            received.extend(changes.into_iter().map(|change| (key.clone(), change)));
        }
    }
    Ok(received)
}

/// The kit's records, with `urn:uuid:` references made relative as an import
/// makes them.
fn kit() -> Result<Vec<Json>> {
    let root = std::env::var_os("CHASKI_KIT").map_or_else(|| PathBuf::from("../shared/kit"), PathBuf::from);
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("synthea"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "gz"));
    files.sort();
    let (mut urls, mut records) = (BTreeMap::new(), Vec::new());
    for file in files {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(file)?).read_to_end(&mut text)?;
        let bundle = chaski_json::parse(&text, &Limits::default())?;
        for entry in bundle.get("entry").and_then(Json::as_array).into_iter().flatten() {
            let record = entry.get("resource").context("an entry without resource")?;
            let text = |key| record.get(key).and_then(Json::as_str).unwrap_or_default();
            let key = format!("{}/{}", text("resourceType"), text("id"));
            let url = entry.get("fullUrl").and_then(Json::as_str).unwrap_or_default();
            urls.insert(url.to_owned(), key);
            records.push(record.clone());
        }
    }
    records.iter_mut().for_each(|record| make_relative(record, &urls));
    Ok(records)
}

fn make_relative(value: &mut Json, urls: &BTreeMap<String, String>) {
    match value {
        Json::String(text) => {
            if let Some(key) = urls.get(text.as_str()) {
                text.clone_from(key);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| make_relative(item, urls)),
        Json::Object(members) => members
            .values_mut()
            .for_each(|member| make_relative(member, urls)),
        _ => {}
    }
}
