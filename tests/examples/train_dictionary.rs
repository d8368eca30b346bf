//! Trains the compression dictionaries of `crdt/assets` from the sample
//! population, never from anyone's data:
//!
//! `cargo run --release -p chaski-tests --example train_dictionary -- crdt/assets`
//!
//! A shipped dictionary never changes: what this writes is the next number.

use std::path::PathBuf;

use anyhow::{Context, Result};
use chaski_crdt::author::{NetworkId, Writer};
use chaski_crdt::hlc::{Hlc, Message, Stamp};
use chaski_crdt::key::RecordKey;
use chaski_crdt::record::Record;
use chaski_json::Json;
use chaski_store::record_policy;
use ed25519_dalek::SigningKey;

const DICTIONARY_BYTES: usize = 112 * 1024;
const SEED: u64 = 20_261_122;
const PATIENTS: u32 = 250;
/// One in this many records is also edited, so that edits have their share.
const EDITED: usize = 12;
/// The day the sample's authors write on, in Unix milliseconds.
const DAY_MS: u64 = 1_767_225_600_000;

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("which folder?")?);
    let (mut changes, mut texts) = (Vec::new(), Vec::new());
    for (at, json) in chaski_fhir::sample::population(SEED, PATIENTS).enumerate() {
        texts.push(json.canonical().into_bytes());
        changes.extend(changes_of(at, &json)?);
    }
    println!("{} changes, {} texts", changes.len(), texts.len());
    for (name, samples) in [("changes.v1.dict", changes), ("json.v1.dict", texts)] {
        let dictionary = zstd::dict::from_samples(&samples, DICTIONARY_BYTES).context("training")?;
        std::fs::write(folder.join(name), &dictionary)?;
        println!("{name}: {} bytes", dictionary.len());
    }
    Ok(())
}

/// The changes of one record as they are stored: without magic and checksum.
/// The author changes now and then, so that no one author is learned by heart.
fn changes_of(at: usize, json: &Json) -> Result<Vec<Vec<u8>>> {
    let number = u64::try_from(at)?;
    let hash = blake3::hash(&(number / 40).to_be_bytes());
    let signer = SigningKey::from_bytes(hash.as_bytes());
    let mut next_seq = number;
    let mut writer = Writer {
        signer: &signer,
        network: NetworkId([0; 32]),
        incarnation: number / 40,
        next_seq: &mut next_seq,
    };
    let text = |key| json.get(key).and_then(Json::as_str).unwrap_or_default();
    let key = RecordKey::new(text("resourceType"), text("id"))?;
    let (user, role) = match number / 40 % 3 {
        0 => ("import", "administrator"),
        1 => ("operator", "clinician"),
        _ => ("api", "administrator"),
    };
    let stamp = |later: u64| Stamp {
        hlc: Hlc::from_ms(DAY_MS + number * 977 + later),
        message: Message {
            user: user.into(),
            role: role.into(),
            purpose: "TREAT".into(),
            tx: None,
        },
    };
    let (mut record, created) = Record::create(key, json, record_policy(), &mut writer, &stamp(0))?;
    let mut changes = vec![created];
    if at.is_multiple_of(EDITED) {
        let mut edited = json.clone();
        if let Some(object) = edited.as_object_mut() {
            for key in ["status", "clinicalStatus", "telecom", "period", "valueQuantity"] {
                object.remove(key);
            }
            object.insert("language".into(), "es".into());
        }
        let heads = record.heads();
        changes.extend(record.update(&heads, &edited, record_policy(), &mut writer, &stamp(60_000))?);
    }
    Ok(changes
        .into_iter()
        .filter_map(|change| change.bytes.get(8..).map(<[u8]>::to_vec))
        .collect())
}
