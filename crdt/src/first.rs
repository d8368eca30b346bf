//! A record's first change, read and written by ourselves.
//!
//! Most records have one change: the whole record, put into an empty map by
//! one actor. Of such a change everything follows from the list of its
//! registers, so that none of Automerge's machinery is needed to take it in,
//! to show it or to make it: that is half of the cost of a first sync.
//!
//! Invariants:
//! - [`First::read`] gives registers only if writing them again makes the very
//!   bytes that were read: what it accepts is what Automerge itself writes for
//!   these registers, which therefore applies, saves and loads. Everything
//!   else takes the way through Automerge and all its checks;
//! - [`write`] makes byte for byte what Automerge makes of the same puts in
//!   the same order. Both are tested against it, and checked at every use where
//!   debug assertions are on.

use crate::change::reader::Reader;
use crate::change::rows::{
    ACTION, ACTION_PUT, Column, INSERT, KEY_STRING, PRED_GROUP, TYPE_TEXT, VALUE, VALUE_META,
};
use crate::change::{ACTOR_BYTES, Chunk, ChunkError, body_of, put_unsigned, seal};
use crate::decode::is_text_of;
use crate::key::{GROUP_PREFIX, RecordKey};
use crate::tree::{Scalar, Tree};

// Types of a scalar, the low four bits of its metadata.
const TYPE_UINT: u64 = 3;
const TYPE_BYTES: u64 = 7;

/// The registers of a record that has only its first change, by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct First {
    registers: Vec<(String, Scalar)>,
}

impl First {
    /// Of a record that has no change yet.
    pub(crate) fn none() -> First {
        First {
            registers: Vec::new(),
        }
    }

    /// Reads a change that [`Chunk::parse`] has accepted; `None` if it is not
    /// in every byte what [`write`] makes of its registers.
    pub(crate) fn read(bytes: &[u8], chunk: &Chunk) -> Option<First> {
        if chunk.seq != 1 || chunk.start_op != 1 || !chunk.deps.is_empty() {
            return None;
        }
        let columns = columns_of(body_of(bytes).ok()?).ok()??;
        let mut registers = read_registers(columns).ok()??;
        let mut again = Vec::with_capacity(columns.len());
        put_operations(&mut again, &registers);
        if again != columns {
            return None;
        }
        if !is_ascending(&registers) {
            registers.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        is_ascending(&registers).then_some(First { registers })
    }

    /// The record that these registers make; nothing in it is contested.
    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        for (key, scalar) in &self.registers {
            tree.put_single(key, scalar.clone());
        }
        tree
    }

    /// Whether it says the type and id of its key.
    pub(crate) fn is_identified(&self, key: &RecordKey) -> bool {
        let says = |register: &str, expected: &str| {
            let at = self
                .registers
                .binary_search_by(|(key, _)| key.as_str().cmp(register));
            let scalar = at.ok().and_then(|at| self.registers.get(at));
            matches!(scalar, Some((_, Scalar::Text(text))) if is_text_of(text, expected))
        };
        says("resourceType", key.kind()) && says("id", key.id())
    }

    /// Registers to be put, in order of their keys. `None` for what no new record
    /// holds: a key twice, a removal, a dispute.
    pub(crate) fn of(registers: Vec<(String, Scalar)>) -> Option<First> {
        let plain = |(key, scalar): &(String, Scalar)| match scalar {
            Scalar::Text(_) | Scalar::Live(_) => true,
            Scalar::Bytes(_) => key.starts_with(GROUP_PREFIX),
            Scalar::Disputed(..) | Scalar::Dead | Scalar::Other => false,
        };
        (is_ascending(&registers) && registers.iter().all(plain)).then_some(First { registers })
    }

    /// The raw chunk of the change that puts these registers.
    pub(crate) fn write(&self, actor: &[u8; ACTOR_BYTES], time: i64, message: &str) -> Vec<u8> {
        let mut body = vec![0];
        put_bytes(&mut body, actor);
        put_unsigned(&mut body, 1);
        put_unsigned(&mut body, 1);
        put_signed(&mut body, time);
        put_bytes(&mut body, message.as_bytes());
        body.push(0);
        put_operations(&mut body, &self.registers);
        seal(&body)
    }
}

fn is_ascending(registers: &[(String, Scalar)]) -> bool {
    registers.is_sorted_by(|(a, _), (b, _)| a < b)
}

/// The part of a body that holds the operations; `None` if other actors are
/// named, which a first change has no use for.
fn columns_of(body: &[u8]) -> Result<Option<&[u8]>, ChunkError> {
    let mut reader = Reader::new(body);
    reader.byte()?;
    let actor_bytes = reader.unsigned()?;
    reader.take(actor_bytes)?;
    reader.unsigned()?;
    reader.unsigned()?;
    reader.signed()?;
    let message_bytes = reader.unsigned()?;
    reader.take(message_bytes)?;
    Ok((reader.unsigned()? == 0).then_some(reader.rest()))
}

/// The registers in the order they were put. Lenient: what was read is written
/// again and compared.
fn read_registers(columns: &[u8]) -> Result<Option<Vec<(String, Scalar)>>, ChunkError> {
    let mut reader = Reader::new(columns);
    let number = reader.unsigned()?;
    let (mut keys, mut metas, mut values) = (0, 0, 0);
    let mut lengths = Vec::with_capacity(8);
    for _ in 0..number {
        let spec = reader.unsigned()?;
        lengths.push((spec, reader.unsigned()?));
    }
    let (mut key_column, mut meta_column, mut value_column) = (&[][..], &[][..], &[][..]);
    for (spec, length) in lengths {
        let data = reader.take(length)?;
        match spec {
            KEY_STRING => (key_column, keys) = (data, keys + 1),
            VALUE_META => (meta_column, metas) = (data, metas + 1),
            VALUE => (value_column, values) = (data, values + 1),
            _ => {}
        }
    }
    if (keys, metas) != (1, 1) || values > 1 {
        return Ok(None);
    }
    let mut metas = Column::new(Reader::new(meta_column), Reader::unsigned);
    let mut key_reader = Reader::new(key_column);
    let mut value_reader = Reader::new(value_column);
    let mut registers = Vec::new();
    while !key_reader.is_empty() {
        // Keys differ, so they stand one by one; a single one as well.
        let run = key_reader.signed()?;
        if run >= 0 {
            return Ok(None);
        }
        for _ in 0..run.unsigned_abs() {
            let key_bytes = key_reader.unsigned()?;
            let key = text_of(key_reader.take(key_bytes)?)?;
            let Some(meta) = metas.next()? else {
                return Ok(None);
            };
            let value = value_reader.take(meta >> 4)?;
            let Some(scalar) = scalar_of(&key, meta & 0x0f, value)? else {
                return Ok(None);
            };
            registers.push((key, scalar));
        }
    }
    Ok(Some(registers))
}

fn text_of(bytes: &[u8]) -> Result<String, ChunkError> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| ChunkError::Columns)
}

fn scalar_of(key: &str, kind: u64, value: &[u8]) -> Result<Option<Scalar>, ChunkError> {
    Ok(match kind {
        TYPE_TEXT => Some(Scalar::Text(text_of(value)?)),
        TYPE_UINT => u32::try_from(Reader::new(value).unsigned()?)
            .ok()
            .map(Scalar::Live),
        TYPE_BYTES if key.starts_with(GROUP_PREFIX) => Some(Scalar::Bytes(value.to_vec())),
        _ => None,
    })
}

/// The columns of puts into the root map, none of which follows another.
fn put_operations(out: &mut Vec<u8>, registers: &[(String, Scalar)]) {
    let count = registers.len();
    // Of usual lengths, so that no column moves while it grows.
    let mut keys = Vec::with_capacity(count.saturating_mul(24));
    let mut values = Vec::with_capacity(count.saturating_mul(64));
    let mut metas = Vec::with_capacity(count.saturating_mul(2));
    let mut kinds = Vec::with_capacity(count);
    if count > 0 {
        put_signed(&mut keys, -as_i64(count));
    }
    for (key, scalar) in registers {
        put_bytes(&mut keys, key.as_bytes());
        let start = values.len();
        let kind = match scalar {
            Scalar::Text(text) => {
                values.extend_from_slice(text.as_bytes());
                TYPE_TEXT
            }
            Scalar::Live(count) => {
                put_unsigned(&mut values, u64::from(*count));
                TYPE_UINT
            }
            Scalar::Bytes(bytes) => {
                values.extend_from_slice(bytes);
                TYPE_BYTES
            }
            // Never here: see `scalar_of` and `First::of`.
            Scalar::Disputed(..) | Scalar::Dead | Scalar::Other => 0,
        };
        kinds.push(as_u64(values.len().saturating_sub(start)) << 4 | kind);
    }
    put_runs(&mut metas, &kinds);
    let all = |value: u64| {
        let mut column = Vec::new();
        put_runs(&mut column, &vec![value; count]);
        column
    };
    let mut inserts = Vec::new();
    put_unsigned(&mut inserts, as_u64(count));
    let columns = [
        (KEY_STRING, keys),
        (INSERT, inserts),
        (ACTION, all(ACTION_PUT)),
        (VALUE_META, metas),
        (VALUE, values),
        (PRED_GROUP, all(0)),
    ];
    let present = columns.iter().filter(|(_, data)| !data.is_empty());
    put_unsigned(out, as_u64(present.clone().count()));
    for (spec, data) in present.clone() {
        put_unsigned(out, *spec);
        put_unsigned(out, as_u64(data.len()));
    }
    present.for_each(|(_, data)| out.extend_from_slice(data));
}

/// Run-length encodes: two or more equal ones as their number and one of them,
/// what stands alone in stretches that begin with their number, negated.
fn put_runs(out: &mut Vec<u8>, values: &[u64]) {
    let mut single: Vec<u64> = Vec::with_capacity(values.len());
    let flush = |single: &mut Vec<u64>, out: &mut Vec<u8>| {
        if !single.is_empty() {
            put_signed(out, -as_i64(single.len()));
            single.drain(..).for_each(|value| put_unsigned(out, value));
        }
    };
    for run in values.chunk_by(|a, b| a == b) {
        match run {
            [value] => single.push(*value),
            [value, ..] => {
                flush(&mut single, out);
                put_signed(out, as_i64(run.len()));
                put_unsigned(out, *value);
            }
            [] => {}
        }
    }
    flush(&mut single, out);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_unsigned(out, as_u64(bytes.len()));
    out.extend_from_slice(bytes);
}

/// Appends a signed LEB128 integer.
fn put_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn as_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
