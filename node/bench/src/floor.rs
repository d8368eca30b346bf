//! The floors: the same records through the bare parts, one after the other, with nothing of ours around.
//!
//! Invariant: no code of `store`, `net` or `crdt` runs here but the shared compression, whose bytes are
//! what `changed100_own_bytes` counts.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, Change, ROOT, ReadDoc, ScalarValue};
use chaski_json::Json;
use chaski_node::NodeError;
use ed25519_dalek::{Signer, SigningKey, Verifier};
use rand::RngCore;
use serde::Serialize;

use crate::median::median;
use crate::{floor_http, floor_quic};

/// Rounds of each floor.
const ROUNDS: usize = 3;

/// Records a floor is measured with: enough for a steady figure, few enough to be quick.
const RECORDS_MAX: usize = 5_000;

/// Records in one sled batch, as in a group commit.
const BATCH_RECORDS: usize = 100;

/// What the bare parts do on this machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Floor {
    /// Raw sled, batches of 100 with flush and fdatasync.
    pub sled_inserts_per_s: f64,
    /// Raw sled, random gets.
    pub sled_gets_per_s: f64,
    /// A record as a flat map, one Automerge change.
    pub automerge_build_per_s: f64,
    /// Applying such a change to an empty document and reading it.
    pub automerge_load_per_s: f64,
    /// Ed25519 over a change's hash.
    pub sign_per_s: f64,
    /// Verifying such a signature.
    pub verify_per_s: f64,
    /// Raw quinn over loopback, one stream.
    pub quinn_mib_per_s: f64,
    /// Build, sign, sled: one after the other.
    pub import_records_per_s: f64,
    /// Transfer, verify, load, sled: one after the other.
    pub first_sync_records_per_s: f64,
    /// The changes of a first sync, compressed with zstd in 64 KiB batches.
    pub first_sync_bytes_per_record: f64,
    /// The 100 changes' own bytes, compressed in one batch.
    pub changed100_own_bytes: f64,
    /// A bare axum route with a body of the same size, 8 clients.
    pub http_per_s: f64,
}

/// Measures them all on `records`.
///
/// # Errors
/// When a part fails.
pub async fn measure(folder: &Path, records: &[Json]) -> Result<Floor, NodeError> {
    let sample: Vec<Json> = records.iter().take(RECORDS_MAX).cloned().collect();
    let folder = folder.to_path_buf();
    let mut floor = tokio::task::spawn_blocking(move || blocking_parts(&folder, &sample))
        .await
        .map_err(|error| NodeError::failed("measuring the floors", error))??;
    floor.quinn_mib_per_s = floor_quic::bulk_mib_per_s().await?;
    let body: usize = records.iter().take(1).map(|json| json.canonical().len()).sum();
    floor.http_per_s = floor_http::requests_per_s(body.max(1_000)).await?;
    let row = |rates: &[f64]| {
        1.0 / rates
            .iter()
            .map(|rate| 1.0 / rate.max(1.0))
            .sum::<f64>()
            .max(1e-12)
    };
    floor.import_records_per_s = row(&[
        floor.automerge_build_per_s,
        floor.sign_per_s,
        floor.sled_inserts_per_s,
    ]);
    let transfer = floor.quinn_mib_per_s * 1_048_576.0 / floor.first_sync_bytes_per_record.max(1.0);
    floor.first_sync_records_per_s = row(&[
        transfer,
        floor.verify_per_s,
        floor.automerge_load_per_s,
        floor.sled_inserts_per_s,
    ]);
    Ok(floor)
}

fn blocking_parts(folder: &Path, records: &[Json]) -> Result<Floor, NodeError> {
    let mut floor = Floor::default();
    let mut rounds: [Vec<f64>; 6] = Default::default();
    let mut changes = Vec::new();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        changes = records.iter().map(build).collect::<Result<Vec<_>, _>>()?;
        let build_rate = per_second(records.len(), begun);
        let figures = [
            build_rate,
            load_rate(&changes)?,
            sign_rate(&changes),
            verify_rate(&changes)?,
        ];
        let sled = sled_rates(&folder.join(format!("sled-{round}")), &changes)?;
        for (list, figure) in rounds.iter_mut().zip(figures.into_iter().chain(sled)) {
            list.push(figure);
        }
    }
    let mut medians = rounds.into_iter().map(median);
    let mut next = || medians.next().unwrap_or(0.0);
    floor.automerge_build_per_s = next();
    floor.automerge_load_per_s = next();
    floor.sign_per_s = next();
    floor.verify_per_s = next();
    floor.sled_inserts_per_s = next();
    floor.sled_gets_per_s = next();
    floor.first_sync_bytes_per_record = compressed_bytes(&changes)? / (changes.len().max(1) as f64);
    Ok(floor)
}

fn per_second(count: usize, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64().max(1e-9)
}

/// One change that writes the record as a flat map: an element a register, an item of a list a register.
fn build(record: &Json) -> Result<Change, NodeError> {
    let failed = |error| NodeError::failed("building with Automerge", error);
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    let mut document = AutoCommit::new().with_actor(ActorId::from(bytes));
    if let Some(object) = record.as_object() {
        for (name, value) in object {
            match value.as_array() {
                Some(items) => {
                    for (index, item) in items.iter().enumerate() {
                        document
                            .put(ROOT, format!("{name}/{index:04}"), item.canonical())
                            .map_err(failed)?;
                    }
                }
                None => document
                    .put(ROOT, name.as_str(), value.canonical())
                    .map_err(failed)?,
            }
        }
    }
    document
        .get_last_local_change()
        .ok_or_else(|| NodeError::Failed("building with Automerge made no change".to_owned()))
}

fn load_rate(changes: &[Change]) -> Result<f64, NodeError> {
    let failed = |error| NodeError::failed("loading with Automerge", error);
    let begun = Instant::now();
    let mut registers = 0_usize;
    for change in changes {
        let mut document = AutoCommit::new();
        document.apply_changes([change.clone()]).map_err(failed)?;
        registers += document
            .map_range(ROOT, ..)
            .filter(|item| matches!(&item.value, automerge::ValueRef::Scalar(value) if *value != ScalarValue::Null))
            .count();
    }
    let rate = per_second(changes.len(), begun);
    if registers == 0 && !changes.is_empty() {
        return Err(NodeError::Failed("the floor's documents are empty".to_owned()));
    }
    Ok(rate)
}

fn key() -> SigningKey {
    let mut seed = [0_u8; 32];
    rand::rng().fill_bytes(&mut seed);
    SigningKey::from_bytes(&seed)
}

fn sign_rate(changes: &[Change]) -> f64 {
    let key = key();
    let begun = Instant::now();
    let mut last = 0_u8;
    for change in changes {
        last ^= key
            .sign(&change.hash().0)
            .to_bytes()
            .first()
            .copied()
            .unwrap_or(0);
    }
    std::hint::black_box(last);
    per_second(changes.len(), begun)
}

fn verify_rate(changes: &[Change]) -> Result<f64, NodeError> {
    let key = key();
    let public = key.verifying_key();
    let signed: Vec<_> = changes
        .iter()
        .map(|change| (change.hash().0, key.sign(&change.hash().0)))
        .collect();
    let begun = Instant::now();
    for (hash, signature) in &signed {
        public
            .verify(hash, signature)
            .map_err(|error| NodeError::failed("verifying", error))?;
    }
    Ok(per_second(signed.len(), begun))
}

/// Inserts in durable batches, then gets: sled's `flush` ends in `sync_file_range`, so its file is synced
/// as well.
fn sled_rates(folder: &Path, changes: &[Change]) -> Result<[f64; 2], NodeError> {
    let failed = |error: sled::Error| NodeError::failed("the bare sled", error);
    let tree = sled::Config::new()
        .path(folder)
        .flush_every_ms(None)
        .open()
        .map_err(failed)?;
    let file = File::open(folder.join("db")).map_err(|error| NodeError::io("the bare sled", &error))?;
    let begun = Instant::now();
    for (number, batch) in changes.chunks(BATCH_RECORDS).enumerate() {
        let mut rows = sled::Batch::default();
        for (index, change) in batch.iter().enumerate() {
            rows.insert(
                blake3::hash(&[number.to_be_bytes(), index.to_be_bytes()].concat())
                    .as_bytes()
                    .as_slice(),
                change.raw_bytes(),
            );
        }
        tree.apply_batch(rows).map_err(failed)?;
        tree.flush().map_err(failed)?;
        file.sync_data()
            .map_err(|error| NodeError::io("the bare sled", &error))?;
    }
    let inserts = per_second(changes.len(), begun);
    let keys: Vec<sled::IVec> = tree.iter().keys().collect::<Result<_, _>>().map_err(failed)?;
    let begun = Instant::now();
    for key in &keys {
        std::hint::black_box(tree.get(key).map_err(failed)?);
    }
    Ok([inserts, per_second(keys.len(), begun)])
}

/// The changes in batches of 64 KiB, compressed without a dictionary.
fn compressed_bytes(changes: &[Change]) -> Result<f64, NodeError> {
    const BATCH_BYTES: usize = 64 * 1024;
    let mut total = 0_usize;
    let mut batch = Vec::new();
    let mut close = |batch: &mut Vec<u8>| -> Result<(), NodeError> {
        let packed = zstd::bulk::compress(batch, 3).map_err(|error| NodeError::io("compressing", &error))?;
        total += packed.len();
        batch.clear();
        Ok(())
    };
    for change in changes {
        batch.extend_from_slice(change.raw_bytes());
        // Its signature doesn't compress.
        batch.extend_from_slice(&[0; 8]);
        if batch.len() >= BATCH_BYTES {
            close(&mut batch)?;
        }
    }
    close(&mut batch)?;
    Ok((total + changes.len() * 64) as f64)
}
