//! The block: see the module above.

use super::bounds::{BLOCK_BYTES_MAX, BLOCK_CHANGES_MAX, BLOCK_RAW_BYTES_MAX};
use super::compress::{DICTIONARY_1, Kind, compress, decompress};
use super::error::CodecError;
use crate::author::{AuthorId, NodeId, SIGNATURE_BYTES, SignedChange};
use crate::change::reader::Reader;
use crate::change::{CHANGE_BYTES_MAX, put_unsigned, restore, strip};
use crate::key::RecordKey;
use std::borrow::Borrow;
use std::collections::BTreeMap;

const VERSION: u8 = 1;
const FLAGS_NONE: u64 = 0;
/// What the table of a single change may add to its bytes.
const TABLE_BYTES_MAX: usize = 4_096;
const KEY_BYTES_MAX: u64 = 129;

/// Encodes one record's changes for storage. Blocks may stand one after
/// another: an added change needs no re-encoding of those before it.
///
/// # Errors
/// [`CodecError::Malformed`] if bytes are no change chunk, bounds.
pub fn encode_changes<C: Borrow<SignedChange>>(changes: &[C]) -> Result<Vec<u8>, CodecError> {
    let changes: Vec<&SignedChange> = changes.iter().map(Borrow::borrow).collect();
    let mut out = Vec::new();
    let (mut from, mut raw_bytes) = (0, 0_usize);
    for (at, change) in changes.iter().enumerate() {
        let next = raw_bytes.saturating_add(change.bytes.len()).saturating_add(64);
        if at > from && (next > BLOCK_RAW_BYTES_MAX / 2 || at - from >= BLOCK_CHANGES_MAX) {
            out.extend(encode(
                [("", changes.get(from..at).unwrap_or_default())].into_iter(),
            )?);
            (from, raw_bytes) = (at, 0);
        }
        raw_bytes = raw_bytes.saturating_add(change.bytes.len()).saturating_add(64);
    }
    if from < changes.len() {
        out.extend(encode(
            [("", changes.get(from..).unwrap_or_default())].into_iter(),
        )?);
    }
    Ok(out)
}

/// Reads one or more blocks of one record's changes.
///
/// # Errors
/// [`CodecError`]
pub fn decode_changes(bytes: &[u8]) -> Result<Vec<SignedChange>, CodecError> {
    let mut reader = Reader::new(bytes);
    let mut changes = Vec::new();
    while !reader.is_empty() {
        for (key, of_record) in decode(&mut reader)? {
            if !key.is_empty() {
                return Err(CodecError::Malformed);
            }
            changes.extend(of_record);
        }
    }
    Ok(changes)
}

/// Encodes records with some of their changes as one batch. A record without
/// changes is left out.
///
/// # Errors
/// As [`encode_changes`].
pub fn encode_batch(records: &[(RecordKey, Vec<SignedChange>)]) -> Result<Vec<u8>, CodecError> {
    let named: Vec<(String, Vec<&SignedChange>)> = records
        .iter()
        .filter(|(_, changes)| !changes.is_empty())
        .map(|(key, changes)| (key.to_string(), changes.iter().collect()))
        .collect();
    encode(
        named
            .iter()
            .map(|(key, changes)| (key.as_str(), changes.as_slice())),
    )
}

/// Reads one batch. A record may stand in it more than once.
///
/// # Errors
/// [`CodecError`]
pub fn decode_batch(bytes: &[u8]) -> Result<Vec<(RecordKey, Vec<SignedChange>)>, CodecError> {
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(CodecError::Bound("length"));
    }
    let mut reader = Reader::new(bytes);
    let records = decode(&mut reader)?;
    if !reader.is_empty() {
        return Err(CodecError::Malformed);
    }
    records
        .into_iter()
        .map(|(key, changes)| {
            let key = key.parse::<RecordKey>().map_err(|_| CodecError::Malformed)?;
            Ok((key, changes))
        })
        .collect()
}

pub(super) fn encode<'a>(
    records: impl ExactSizeIterator<Item = (&'a str, &'a [&'a SignedChange])>,
) -> Result<Vec<u8>, CodecError> {
    let mut authors: BTreeMap<AuthorId, (usize, u64)> = BTreeMap::new();
    let mut author_list = Vec::new();
    let (mut signatures, mut count) = (Vec::new(), 0_usize);
    let (mut table, mut bodies) = (Vec::new(), Vec::new());
    put_length(&mut table, records.len());
    for (key, changes) in records {
        put_length(&mut table, key.len());
        table.extend_from_slice(key.as_bytes());
        put_length(&mut table, changes.len());
        for change in changes {
            let known = authors.len();
            let (index, last_seq) = authors.entry(change.author).or_insert_with(|| {
                author_list.push(change.author);
                (known, 0)
            });
            let body = strip(&change.bytes).ok_or(CodecError::Malformed)?;
            put_unsigned(&mut table, FLAGS_NONE);
            put_length(&mut table, *index);
            put_unsigned(&mut table, zigzag(change.author_seq.wrapping_sub(*last_seq)));
            *last_seq = change.author_seq;
            put_length(&mut table, body.len());
            bodies.extend_from_slice(body);
            signatures.extend_from_slice(&change.signature);
            count = count.saturating_add(1);
        }
    }
    table.extend(bodies);
    check_raw(table.len(), count)?;
    let compressed = compress(Kind::Changes, &table)?;
    let mut out = Vec::with_capacity(
        compressed
            .len()
            .saturating_add(signatures.len())
            .saturating_add(64),
    );
    out.extend([VERSION, DICTIONARY_1]);
    put_length(&mut out, author_list.len());
    for author in &author_list {
        out.extend_from_slice(&author.node.0);
        out.extend_from_slice(&author.incarnation.to_be_bytes());
    }
    put_length(&mut out, count);
    out.extend(signatures);
    put_length(&mut out, table.len());
    put_length(&mut out, compressed.len());
    out.extend(compressed);
    Ok(out)
}

/// What a block can decompress to depends on whether it is a single change.
fn check_raw(raw_bytes: usize, changes: usize) -> Result<(), CodecError> {
    let single_max = CHANGE_BYTES_MAX + TABLE_BYTES_MAX;
    if changes > BLOCK_CHANGES_MAX {
        Err(CodecError::Bound("number of changes"))
    } else if raw_bytes
        > if changes == 1 {
            single_max
        } else {
            BLOCK_RAW_BYTES_MAX
        }
    {
        Err(CodecError::Bound("length"))
    } else {
        Ok(())
    }
}

/// One record of a block: its key's text and its changes.
type Decoded = (String, Vec<SignedChange>);

fn decode(reader: &mut Reader<'_>) -> Result<Vec<Decoded>, CodecError> {
    let version = reader.byte()?;
    if version != VERSION {
        return Err(CodecError::Version(version));
    }
    let dictionary = reader.byte()?;
    let authors = read_authors(reader)?;
    let count = read_length(reader)?;
    if count > BLOCK_CHANGES_MAX {
        return Err(CodecError::Bound("number of changes"));
    }
    let mut signatures = Vec::new();
    for _ in 0..count {
        signatures.push(reader.array::<SIGNATURE_BYTES>()?);
    }
    let raw_bytes = read_length(reader)?;
    check_raw(raw_bytes, count)?;
    let compressed_bytes = reader.unsigned()?;
    let compressed = reader.take(compressed_bytes)?;
    let raw = decompress(Kind::Changes, dictionary, compressed, raw_bytes)?;
    read_raw(&raw, &authors, &signatures)
}

fn read_authors(reader: &mut Reader<'_>) -> Result<Vec<AuthorId>, CodecError> {
    let count = read_length(reader)?;
    if count > BLOCK_CHANGES_MAX {
        return Err(CodecError::Bound("number of authors"));
    }
    let mut authors = Vec::new();
    for _ in 0..count {
        let node = NodeId(reader.array()?);
        authors.push(AuthorId {
            node,
            incarnation: u64::from_be_bytes(reader.array()?),
        });
    }
    Ok(authors)
}

/// A line of the table: everything about a change but its bytes.
struct Line {
    author: AuthorId,
    author_seq: u64,
    body_bytes: u64,
}

fn read_raw(
    raw: &[u8],
    authors: &[AuthorId],
    signatures: &[[u8; SIGNATURE_BYTES]],
) -> Result<Vec<Decoded>, CodecError> {
    let mut reader = Reader::new(raw);
    let mut last_seqs = vec![0_u64; authors.len()];
    let record_count = read_length(&mut reader)?;
    // Two bytes of the table, which compress to nothing, would make a record:
    // signatures, which do not compress, bound them.
    if record_count > signatures.len() {
        return Err(CodecError::Malformed);
    }
    let mut records = Vec::new();
    let mut lines_total = 0_usize;
    for _ in 0..record_count {
        let key_bytes = reader.unsigned()?;
        if key_bytes > KEY_BYTES_MAX {
            return Err(CodecError::Bound("record key"));
        }
        let key = std::str::from_utf8(reader.take(key_bytes)?).map_err(|_| CodecError::Malformed)?;
        let change_count = read_length(&mut reader)?;
        lines_total = lines_total.saturating_add(change_count);
        if lines_total > signatures.len() {
            return Err(CodecError::Malformed);
        }
        let lines = (0..change_count)
            .map(|_| read_line(&mut reader, authors, &mut last_seqs))
            .collect::<Result<Vec<Line>, CodecError>>()?;
        records.push((key.to_owned(), lines));
    }
    if lines_total != signatures.len() {
        return Err(CodecError::Malformed);
    }
    let mut signatures = signatures.iter();
    let mut decoded = Vec::with_capacity(records.len());
    for (key, lines) in records {
        let mut changes = Vec::with_capacity(lines.len());
        for line in lines {
            let bytes = restore(reader.take(line.body_bytes)?);
            let signature = *signatures.next().ok_or(CodecError::Malformed)?;
            changes.push(SignedChange {
                author: line.author,
                author_seq: line.author_seq,
                signature,
                bytes,
            });
        }
        decoded.push((key, changes));
    }
    if reader.is_empty() {
        Ok(decoded)
    } else {
        Err(CodecError::Malformed)
    }
}

fn read_line(
    reader: &mut Reader<'_>,
    authors: &[AuthorId],
    last_seqs: &mut [u64],
) -> Result<Line, CodecError> {
    if reader.unsigned()? != FLAGS_NONE {
        return Err(CodecError::Flags);
    }
    let index = read_length(reader)?;
    let author = *authors.get(index).ok_or(CodecError::Malformed)?;
    let last_seq = last_seqs.get_mut(index).ok_or(CodecError::Malformed)?;
    *last_seq = last_seq.wrapping_add(unzigzag(reader.unsigned()?));
    Ok(Line {
        author,
        author_seq: *last_seq,
        body_bytes: reader.unsigned()?,
    })
}

fn read_length(reader: &mut Reader<'_>) -> Result<usize, CodecError> {
    usize::try_from(reader.unsigned()?).map_err(|_| CodecError::Bound("length"))
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    put_unsigned(out, u64::try_from(length).unwrap_or(u64::MAX));
}

/// Small differences of either sign as small numbers.
fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ 0_u64.wrapping_sub(difference >> 63)
}

fn unzigzag(value: u64) -> u64 {
    (value >> 1) ^ 0_u64.wrapping_sub(value & 1)
}
