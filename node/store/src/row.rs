//! The record row: what a record is now, and all it is made of.
//!
//! Shape (chunked under RECORD prf): `A length u32 ‖ A ‖ B`.
//! A, read on every read: head, the current JSON compressed, open conflicts compressed.
//! B, read to write, send or look back: changes, their arrival positions, past versions.
//!
//! Invariants: heads, fingerprint value, filing and JSON are functions of the changes in
//! B; `seq` is the generation of every piece of the row and the record's place in the feed.

use chaski_crdt::{
    author::{NodeId, SignedChange},
    change::ChangeHash,
    codec::{compress_json, decode_changes, decompress_json, encode_changes},
    fingerprint::RecordValue,
    key::RecordKey,
    version::VersionId,
};
use chaski_fhir::compartment::Filing;
use chaski_json::Json;

use crate::{
    chunk,
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    seal::{KeyId, Prf, Sealer},
    tables::Table,
    tx::Tx,
    types::AuthoredBy,
};

/// Version of the row's form.
const ROW_VERSION: u8 = 2;
/// Largest JSON kept of one record, in bytes. A write keeps to far less, but a
/// merge of many is not refused, and its conflicts hold each side: what is
/// written here must be read again.
const JSON_BYTES_MAX: usize = 512 * 1024 * 1024;
const FLAG_DELETED: u8 = 1;
const FLAG_BESIDE: u8 = 2;
const FLAG_COLLIDES: u8 = 4;

/// The part of a row that is read on every read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowHead {
    pub(crate) key: RecordKey,
    /// Where the row lies, if beside another of the same key: see [`crate::lineage`].
    pub(crate) beside: Option<Prf>,
    /// Whether it and another of the same key, both not deleted, wait for a person.
    pub(crate) collides: bool,
    pub(crate) seq: u64,
    pub(crate) last_updated_ms: u64,
    /// Who made the newest change, and when by that node's clock.
    pub(crate) authored_by: AuthoredBy,
    pub(crate) deleted: bool,
    /// Conflicts within the record that wait for a person.
    pub(crate) conflicts: u16,
    pub(crate) value: RecordValue,
    pub(crate) heads: Vec<ChangeHash>,
    pub(crate) filing: Filing,
    /// Block of the index entry in each of the record's chains; none if deleted.
    pub(crate) blocks: Vec<u32>,
    pub(crate) changes: u32,
    /// The current JSON, compressed.
    pub(crate) json_z: Vec<u8>,
    /// The conflicts as JSON, compressed; empty if there are none.
    pub(crate) conflicts_z: Vec<u8>,
}

/// A version that has been current here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) seq: u64,
    pub(crate) ms: u64,
    pub(crate) deleted: bool,
    pub(crate) heads: Vec<ChangeHash>,
}

/// The rest of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RowTail {
    /// All changes, encoded.
    pub(crate) changes_z: Vec<u8>,
    /// Feed position at which each change arrived, in the changes' order.
    pub(crate) arrivals: Vec<u64>,
    /// Versions before the current one, oldest first.
    pub(crate) past: Vec<Past>,
}

/// The PRF of a record: where its row lies, unless another of the same key lay there before.
pub(crate) fn record_prf(sealer: &Sealer, key: &RecordKey) -> Prf {
    sealer.prf("record", &[key.kind().as_bytes(), key.id().as_bytes()])
}

/// The prefix of a record's pieces.
pub(crate) fn record_row(prf: &Prf) -> Vec<u8> {
    Table::Record.key(&[prf])
}

impl RowHead {
    pub(crate) fn version(&self) -> VersionId {
        VersionId::of(&self.heads)
    }

    /// Where the row lies.
    pub(crate) fn prf(&self, sealer: &Sealer) -> Prf {
        self.beside.unwrap_or_else(|| record_prf(sealer, &self.key))
    }

    /// All that waits for a person: the conflicts within, and that the record collides with another.
    pub(crate) fn open(&self) -> u16 {
        self.conflicts.saturating_add(u16::from(self.collides))
    }

    /// The current JSON, as replicated.
    pub(crate) fn json(&self) -> Result<Json, StoreError> {
        unpack(&self.json_z)
    }

    fn encode(&self) -> Vec<u8> {
        let mut enc = Enc::new();
        enc.u8(ROW_VERSION).key(&self.key).raw(&self.seq.to_be_bytes());
        enc.varint(self.last_updated_ms).varint(self.authored_by.time_ms);
        enc.raw(&self.authored_by.node.0)
            .text(&self.authored_by.user)
            .text(&self.authored_by.role);
        let deleted = if self.deleted { FLAG_DELETED } else { 0 };
        let collides = if self.collides { FLAG_COLLIDES } else { 0 };
        let beside = if self.beside.is_some() { FLAG_BESIDE } else { 0 };
        enc.u8(deleted | collides | beside)
            .raw(self.beside.as_ref().map_or(&[], |prf| prf.as_slice()))
            .varint(u64::from(self.conflicts));
        enc.raw(&self.value.0).hashes(&self.heads).filing(&self.filing);
        enc.varint(self.blocks.len() as u64);
        for block in &self.blocks {
            enc.varint(u64::from(*block));
        }
        enc.varint(u64::from(self.changes))
            .bytes(&self.json_z)
            .bytes(&self.conflicts_z);
        enc.out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<RowHead, StoreError> {
        let mut dec = Dec::new(bytes, "record");
        dec.form(ROW_VERSION)?;
        let key = dec.key()?;
        let seq = u64::from_be_bytes(dec.array()?);
        let (last_updated_ms, time_ms) = (dec.varint()?, dec.varint()?);
        let authored_by = AuthoredBy {
            node: NodeId(dec.array()?),
            user: dec.text()?.to_owned(),
            role: dec.text()?.to_owned(),
            time_ms,
        };
        let flags = dec.u8()?;
        let beside = if flags & FLAG_BESIDE != 0 {
            Some(dec.array()?)
        } else {
            None
        };
        let conflicts = u16::try_from(dec.varint()?).unwrap_or(u16::MAX);
        let value = RecordValue(dec.array()?);
        let (heads, filing) = (dec.hashes()?, dec.filing()?);
        let count = dec.count()?;
        let blocks = (0..count)
            .map(|_| u32::try_from(dec.varint()?).map_err(|_| dec.damaged()))
            .collect::<Result<_, _>>()?;
        let changes = u32::try_from(dec.varint()?).map_err(|_| dec.damaged())?;
        let (json_z, conflicts_z) = (dec.bytes()?.to_vec(), dec.bytes()?.to_vec());
        Ok(RowHead {
            key,
            beside,
            collides: flags & FLAG_COLLIDES != 0,
            seq,
            last_updated_ms,
            authored_by,
            deleted: flags & FLAG_DELETED != 0,
            conflicts,
            value,
            heads,
            filing,
            blocks,
            changes,
            json_z,
            conflicts_z,
        })
    }
}

impl RowTail {
    /// All signed changes, each after those it follows.
    pub(crate) fn changes(&self) -> Result<Vec<SignedChange>, StoreError> {
        decode_changes(&self.changes_z).map_err(|_| StoreError::Damaged("record"))
    }

    fn encode(&self, enc: &mut Enc) {
        enc.bytes(&self.changes_z).varint(self.arrivals.len() as u64);
        for arrival in &self.arrivals {
            enc.varint(*arrival);
        }
        enc.varint(self.past.len() as u64);
        for past in &self.past {
            enc.varint(past.seq)
                .varint(past.ms)
                .flag(past.deleted)
                .hashes(&past.heads);
        }
    }

    fn decode(bytes: &[u8]) -> Result<RowTail, StoreError> {
        let mut dec = Dec::new(bytes, "record");
        let changes_z = dec.bytes()?.to_vec();
        let count = dec.count()?;
        let arrivals = (0..count).map(|_| dec.varint()).collect::<Result<_, _>>()?;
        let count = dec.count()?;
        let past = (0..count)
            .map(|_| {
                Ok(Past {
                    seq: dec.varint()?,
                    ms: dec.varint()?,
                    deleted: dec.flag()?,
                    heads: dec.hashes()?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(RowTail {
            changes_z,
            arrivals,
            past,
        })
    }
}

/// Encodes changes for a row's tail.
pub(crate) fn pack_changes<'a>(
    changes: impl Iterator<Item = &'a SignedChange>,
) -> Result<Vec<u8>, StoreError> {
    let changes: Vec<&SignedChange> = changes.collect();
    encode_changes(&changes).map_err(|_| StoreError::TooLarge("a record"))
}

/// Compresses JSON for a row.
pub(crate) fn pack(json: &Json) -> Result<Vec<u8>, StoreError> {
    let text = json.canonical();
    if text.len() > JSON_BYTES_MAX {
        return Err(StoreError::TooLarge("a record"));
    }
    compress_json(&text).map_err(|_| StoreError::TooLarge("a record"))
}

/// Undoes [`pack`].
pub(crate) fn unpack(bytes: &[u8]) -> Result<Json, StoreError> {
    let damaged = StoreError::Damaged("record");
    let text = decompress_json(bytes, JSON_BYTES_MAX).map_err(|_| damaged.clone())?;
    let limits = chaski_json::Limits {
        bytes_max: JSON_BYTES_MAX,
        depth_max: 200,
    };
    chaski_json::parse(text.as_bytes(), &limits).map_err(|_| damaged)
}

/// Splits a row's bytes; `None` if A is not all there.
fn head_len(bytes: &[u8]) -> Result<usize, StoreError> {
    let mut dec = Dec::new(bytes, "record");
    Ok(u32::from_be_bytes(dec.array()?) as usize)
}

/// Reads a record's head as last applied.
pub(crate) fn read_head(core: &Core, prf: &Prf) -> Result<Option<RowHead>, StoreError> {
    let wanted = |first: &[u8]| Ok(head_len(first)?.saturating_add(4));
    match chunk::read(core, &record_row(prf), wanted)? {
        Some(bytes) => split_head(&bytes).map(|(head, _)| Some(head)),
        None => Ok(None),
    }
}

fn split_head(bytes: &[u8]) -> Result<(RowHead, &[u8]), StoreError> {
    let len = head_len(bytes)?;
    let rest = bytes.get(4..).unwrap_or_default();
    let (head, tail) = rest.split_at_checked(len).ok_or(StoreError::Damaged("record"))?;
    Ok((RowHead::decode(head)?, tail))
}

/// A whole row, with the number of its pieces.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) head: RowHead,
    pub(crate) tail: RowTail,
    pub(crate) pieces: u16,
}

fn whole(bytes: &[u8]) -> Result<Row, StoreError> {
    let (head, tail) = split_head(bytes)?;
    let pieces = bytes.len().div_ceil(chunk::PIECE_BYTES).max(1) as u16;
    Ok(Row {
        head,
        tail: RowTail::decode(tail)?,
        pieces,
    })
}

/// Reads a whole row as last applied.
pub(crate) fn read(core: &Core, prf: &Prf) -> Result<Option<Row>, StoreError> {
    chunk::read(core, &record_row(prf), |_| Ok(usize::MAX))?
        .map(|bytes| whole(&bytes))
        .transpose()
}

/// Reads a whole row as the group sees it.
pub(crate) fn read_tx(tx: &mut Tx<'_>, prf: &Prf) -> Result<Option<Row>, StoreError> {
    chunk::read_tx(tx, &record_row(prf))?
        .map(|(bytes, _)| whole(&bytes))
        .transpose()
}

/// Where a row stands in the feed and in how many pieces, as the group sees it: enough to
/// know whether it changed since it was read.
pub(crate) fn seq_tx(tx: &mut Tx<'_>, prf: &Prf) -> Result<Option<u64>, StoreError> {
    let mut first = record_row(prf);
    first.extend_from_slice(&[0, 0]);
    let Some(plain) = tx.row(&first)? else {
        return Ok(None);
    };
    let mut dec = Dec::new(plain, "record");
    Ok(Some(u64::from_be_bytes(dec.array()?)))
}

/// Puts a row; `old_pieces` of an older one stand there.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    id: KeyId,
    prf: &Prf,
    head: &RowHead,
    tail: &RowTail,
    old_pieces: u16,
) -> Result<(), StoreError> {
    let encoded = head.encode();
    let mut enc = Enc::new();
    enc.raw(&(encoded.len() as u32).to_be_bytes()).raw(&encoded);
    tail.encode(&mut enc);
    chunk::put(tx, id, &record_row(prf), head.seq, &enc.out, old_pieces)
}
