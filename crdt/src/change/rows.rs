//! The operation columns of a change: walked for counts and kinds, and for what is put where.
//!
//! Invariant: run lengths are added up with a bound before anyone expands
//! them, every column has exactly as many rows as there are operations, and
//! every operation is a put of a scalar into the root map.

use super::bounds::OPS_MAX;
use super::error::ChunkError;
use super::reader::Reader;

/// The longest register key in bytes.
const REGISTER_KEY_BYTES_MAX: u64 = 4_096;
/// More columns than Automerge knows for a change.
const COLUMNS_MAX: u64 = 24;
pub(crate) const ACTION_PUT: u64 = 1;

// Column specifications: identifier << 4 | type.
pub(crate) const KEY_STRING: u64 = 1 << 4 | 5;
pub(crate) const INSERT: u64 = 3 << 4 | 4;
pub(crate) const ACTION: u64 = 4 << 4 | 2;
pub(crate) const VALUE_META: u64 = 5 << 4 | 6;
pub(crate) const VALUE: u64 = 5 << 4 | 7;
pub(crate) const PRED_GROUP: u64 = 7 << 4;
const PRED_ACTOR: u64 = 7 << 4 | 1;
const PRED_COUNTER: u64 = 7 << 4 | 3;

/// The low four bits of a scalar's metadata, for a text.
pub(crate) const TYPE_TEXT: u64 = 6;

/// What one stretch of an RLE column holds.
enum Run<T> {
    Nulls,
    Values(T, u64),
}

/// Walks the columns that follow in `reader` and returns the operation count.
pub(super) fn check(reader: &mut Reader<'_>, other_actors: u64) -> Result<u64, ChunkError> {
    let columns = read_columns(reader)?;
    let find = |spec: u64| {
        columns
            .iter()
            .find(|(at, _)| *at == spec)
            .map_or(&[][..], |(_, data)| *data)
    };
    let ops = count(find(ACTION), Reader::unsigned, |action| {
        if action == ACTION_PUT {
            Ok(1)
        } else {
            Err(ChunkError::Operation)
        }
    })?;
    let keys = count(find(KEY_STRING), read_key, |()| Ok(1))?;
    let mut left = find(VALUE);
    let values = runs(find(VALUE_META), Reader::unsigned, |run| match run {
        Run::Nulls => Err(ChunkError::Columns),
        Run::Values(meta, times) => {
            let bytes = scalar_bytes(meta)?;
            let all = bytes.checked_mul(times).and_then(|all| usize::try_from(all).ok());
            let taken = all.and_then(|all| left.split_at_checked(all));
            let (taken, rest) = taken.ok_or(ChunkError::Columns)?;
            left = rest;
            match meta & 0x0f == TYPE_TEXT {
                true => texts(taken, bytes).map(|()| times),
                false => Ok(times),
            }
        }
    })?;
    let preds = count(find(PRED_GROUP), Reader::unsigned, Ok)?;
    let pred_rows = runs(find(PRED_GROUP), Reader::unsigned, row_of)?;
    let pred_actors = count(find(PRED_ACTOR), Reader::unsigned, |actor| {
        if actor <= other_actors {
            Ok(1)
        } else {
            Err(ChunkError::Columns)
        }
    })?;
    let pred_counters = count(find(PRED_COUNTER), Reader::signed, |_| Ok(1))?;
    let whole = keys == ops
        && values == ops
        && pred_rows == ops
        && insertions_none(find(INSERT), ops)?
        && preds == pred_actors
        && preds == pred_counters
        && left.is_empty();
    if whole { Ok(ops) } else { Err(ChunkError::Columns) }
}

/// Checks values that follow each other, of so many bytes each, to be text.
fn texts(values: &[u8], bytes: u64) -> Result<(), ChunkError> {
    let Some(bytes) = usize::try_from(bytes).ok().filter(|bytes| *bytes > 0) else {
        return Ok(());
    };
    let is_text = |value: &[u8]| std::str::from_utf8(value).is_ok();
    match values.chunks(bytes).all(is_text) {
        true => Ok(()),
        false => Err(ChunkError::Columns),
    }
}

/// Tells each register that the operations put something into, and the text where it is one, in their order.
/// What a later operation of the same change puts over is told too.
pub(super) fn puts<'a>(
    reader: &mut Reader<'a>,
    with: &mut dyn FnMut(&'a str, Option<&'a str>),
) -> Result<(), ChunkError> {
    let columns = read_columns(reader)?;
    let find = |spec: u64| {
        let found = columns.iter().find(|(at, _)| *at == spec);
        Reader::new(found.map_or(&[][..], |(_, data)| *data))
    };
    let mut keys = Column::new(find(KEY_STRING), text);
    let mut metas = Column::new(find(VALUE_META), Reader::unsigned);
    let mut values = find(VALUE);
    for _ in 0..OPS_MAX {
        let (Some(key), Some(meta)) = (keys.next()?, metas.next()?) else {
            return Ok(());
        };
        let value = values.take(scalar_bytes(meta)?)?;
        let text = (meta & 0x0f == TYPE_TEXT).then(|| std::str::from_utf8(value));
        with(key, text.transpose().map_err(|_| ChunkError::Columns)?);
    }
    Ok(())
}

/// The rows of a run-length encoded column, one after the other.
pub(crate) struct Column<'a, T> {
    reader: Reader<'a>,
    read: fn(&mut Reader<'a>) -> Result<T, ChunkError>,
    repeated: Option<T>,
    left: u64,
}

impl<'a, T: Copy> Column<'a, T> {
    pub(crate) fn new(
        reader: Reader<'a>,
        read: fn(&mut Reader<'a>) -> Result<T, ChunkError>,
    ) -> Column<'a, T> {
        Column {
            reader,
            read,
            repeated: None,
            left: 0,
        }
    }

    /// The next row; `None` at the end and for a row that is null.
    pub(crate) fn next(&mut self) -> Result<Option<T>, ChunkError> {
        if self.left == 0 {
            if self.reader.is_empty() {
                return Ok(None);
            }
            let run = self.reader.signed()?;
            self.left = run.unsigned_abs();
            self.repeated = match run {
                0 => return Ok(None),
                1.. => Some((self.read)(&mut self.reader)?),
                _ => None,
            };
        }
        self.left -= 1;
        match self.repeated {
            Some(value) => Ok(Some(value)),
            None => (self.read)(&mut self.reader).map(Some),
        }
    }
}

/// The columns' specifications and data, in ascending order, none deflated,
/// none of a kind that a flat map of registers does not have, and nothing
/// after them.
fn read_columns<'a>(reader: &mut Reader<'a>) -> Result<Vec<(u64, &'a [u8])>, ChunkError> {
    let number = reader.unsigned()?;
    if number > COLUMNS_MAX {
        return Err(ChunkError::Columns);
    }
    let mut lengths = Vec::new();
    for _ in 0..number {
        let spec = reader.unsigned()?;
        if lengths.last().is_some_and(|(last, _)| *last >= spec) {
            return Err(ChunkError::Columns);
        }
        lengths.push((spec, reader.unsigned()?));
    }
    let mut columns = Vec::new();
    for (spec, length) in lengths {
        let data = reader.take(length)?;
        let known = matches!(
            spec,
            KEY_STRING | INSERT | ACTION | VALUE_META | VALUE | PRED_GROUP | PRED_ACTOR | PRED_COUNTER
        );
        if !known && !data.is_empty() {
            return Err(if spec & 0b1000 != 0 {
                ChunkError::Columns
            } else {
                ChunkError::Operation
            });
        }
        columns.push((spec, data));
    }
    if reader.is_empty() {
        Ok(columns)
    } else {
        Err(ChunkError::Columns)
    }
}

/// Sums `weight` over all rows of a column without nulls.
fn count<'a, T: Copy>(
    data: &'a [u8],
    read: impl Fn(&mut Reader<'a>) -> Result<T, ChunkError>,
    weight: impl Fn(T) -> Result<u64, ChunkError>,
) -> Result<u64, ChunkError> {
    runs(data, read, |run| match run {
        Run::Nulls => Err(ChunkError::Columns),
        Run::Values(value, times) => weight(value)?.checked_mul(times).ok_or(ChunkError::Columns),
    })
}

fn row_of(run: Run<u64>) -> Result<u64, ChunkError> {
    match run {
        Run::Nulls => Err(ChunkError::Columns),
        Run::Values(_, times) => Ok(times),
    }
}

/// Walks an RLE column: a positive count repeats one value, a negative one
/// announces that many single values, zero announces a run of nulls.
fn runs<'a, T>(
    data: &'a [u8],
    read: impl Fn(&mut Reader<'a>) -> Result<T, ChunkError>,
    mut each: impl FnMut(Run<T>) -> Result<u64, ChunkError>,
) -> Result<u64, ChunkError> {
    let mut reader = Reader::new(data);
    let mut total = 0_u64;
    let mut add = |rows: u64| {
        total = total.saturating_add(rows);
        if total > OPS_MAX {
            Err(ChunkError::Bound("operations"))
        } else {
            Ok(())
        }
    };
    while !reader.is_empty() {
        let length = reader.signed()?;
        match length {
            0 => {
                reader.unsigned()?;
                add(each(Run::Nulls)?)?;
            }
            1.. => {
                let value = read(&mut reader)?;
                add(each(Run::Values(value, length.unsigned_abs()))?)?;
            }
            _ => {
                // Each value is at least one byte, so this ends with the data.
                for _ in 0..length.unsigned_abs() {
                    let value = read(&mut reader)?;
                    add(each(Run::Values(value, 1))?)?;
                }
            }
        }
    }
    Ok(total)
}

fn read_key(reader: &mut Reader<'_>) -> Result<(), ChunkError> {
    text(reader).map(|_| ())
}

fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, ChunkError> {
    let length = reader.unsigned()?;
    if length > REGISTER_KEY_BYTES_MAX {
        return Err(ChunkError::Bound("register key"));
    }
    std::str::from_utf8(reader.take(length)?).map_err(|_| ChunkError::Columns)
}

/// Length of a scalar from its metadata: length << 4 | type. Counters (8) and
/// unknown types have no place in a record.
fn scalar_bytes(meta: u64) -> Result<u64, ChunkError> {
    match meta & 0x0f {
        0..=7 | 9 => Ok(meta >> 4),
        _ => Err(ChunkError::Operation),
    }
}

/// Whether the insert column says "false" for every operation: alternating
/// run lengths that begin with false.
fn insertions_none(data: &[u8], ops: u64) -> Result<bool, ChunkError> {
    let mut reader = Reader::new(data);
    let mut none = ops == 0;
    let mut inserting = false;
    while !reader.is_empty() {
        let length = reader.unsigned()?;
        if inserting && length > 0 {
            return Err(ChunkError::Operation);
        }
        none = length == ops;
        inserting = !inserting;
    }
    Ok(none)
}
