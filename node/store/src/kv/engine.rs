//! What an engine is: the ordered key-value trait, and what is handed to it.
//!
//! Invariants: a batch is atomic, also across a crash; nothing is durable before
//! [`Kv::sync`] has returned; no value is longer than [`VALUE_BYTES_MAX`] (sled moves
//! larger ones to blob files that its flush does not cover).

/// Longest value an engine takes, in bytes.
pub const VALUE_BYTES_MAX: usize = 4096;
/// Longest key an engine takes, in bytes.
pub const KEY_BYTES_MAX: usize = 128;

/// What can go wrong in an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The file system refused or failed.
    #[error("storage failed: {0}")]
    Io(String),
    /// No space is left on the device.
    #[error("no space left on the device")]
    NoSpace,
    /// The engine found its own file damaged.
    #[error("the database file is damaged: {0}")]
    Damaged(String),
    /// Another engine holds the database.
    #[error("the database is in use")]
    InUse,
    /// A precondition of the batch did not hold; nothing was written.
    #[error("a precondition did not hold")]
    Precondition,
    /// A key or value beyond the bounds.
    #[error("a value of {bytes} bytes is beyond the bound")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

/// One change to the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Set a key.
    Put(Vec<u8>, Vec<u8>),
    /// Remove a key.
    Remove(Vec<u8>),
}

impl Op {
    /// The key it touches.
    pub fn key(&self) -> &[u8] {
        match self {
            Op::Put(key, _) | Op::Remove(key) => key,
        }
    }
}

/// What must hold for a batch to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precondition {
    /// The key looked at.
    pub key: Vec<u8>,
    /// Its value, or `None` for absent.
    pub value: Option<Vec<u8>>,
}

/// A set of changes applied together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Checked first.
    pub preconditions: Vec<Precondition>,
    /// Applied in order.
    pub ops: Vec<Op>,
}

impl Batch {
    /// Adds a put.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.ops.push(Op::Put(key, value));
    }

    /// Adds a removal.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.ops.push(Op::Remove(key));
    }

    /// Refuses keys and values beyond the bounds.
    ///
    /// # Errors
    /// [`KvError::TooLong`].
    pub fn check(&self) -> Result<(), KvError> {
        for op in &self.ops {
            if op.key().len() > KEY_BYTES_MAX {
                return Err(KvError::TooLong {
                    bytes: op.key().len(),
                });
            }
            if let Op::Put(_, value) = op
                && value.len() > VALUE_BYTES_MAX
            {
                return Err(KvError::TooLong { bytes: value.len() });
            }
        }
        Ok(())
    }
}

/// A half-open range of keys, read up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// First key, included.
    pub start: Vec<u8>,
    /// Last key, excluded; `None` for no end.
    pub end: Option<Vec<u8>>,
    /// Read from the end down.
    pub reverse: bool,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        KeyRange {
            start: prefix.to_vec(),
            end: successor(prefix),
            reverse: false,
        }
    }

    /// The keys of `prefix` from `start` on.
    pub fn prefix_from(prefix: &[u8], start: Vec<u8>) -> KeyRange {
        KeyRange {
            start,
            end: successor(prefix),
            reverse: false,
        }
    }

    /// The same range, read down.
    pub fn reversed(mut self) -> KeyRange {
        self.reverse = true;
        self
    }
}

/// The smallest key above every key that begins with `prefix`.
pub(crate) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// An ordered map from bytes to bytes.
pub trait Kv: Send + Sync {
    /// The value at `key`.
    ///
    /// # Errors
    /// When the engine fails.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError>;

    /// Up to `limit` pairs of `range`, in key order (or its reverse).
    ///
    /// # Errors
    /// When the engine fails.
    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError>;

    /// Number of pairs of `range`.
    ///
    /// # Errors
    /// When the engine fails.
    fn count(&self, range: &KeyRange) -> Result<u64, KvError> {
        let pairs = self.scan(range, usize::MAX)?;
        Ok(pairs.len() as u64)
    }

    /// Applies `batch` atomically; not yet durable.
    ///
    /// # Errors
    /// A bound, a precondition or the engine; nothing was applied.
    fn apply(&self, batch: &Batch) -> Result<(), KvError>;

    /// Makes all that was applied durable.
    ///
    /// # Errors
    /// When the engine fails; what was applied since the last success is in doubt.
    fn sync(&self) -> Result<(), KvError>;

    /// Little will be written from now on: leaves on the disk what makes the next opening fast, where the
    /// engine does not do that by itself. What was synced stands, whatever comes of it.
    ///
    /// # Errors
    /// When the engine fails; the next to use it tries again.
    fn rest(&self) -> Result<(), KvError> {
        Ok(())
    }

    /// Called now and then: where nobody has used the engine for a moment, it does what makes others wait.
    ///
    /// # Errors
    /// When the engine fails; the next to use it tries again.
    fn quiet(&self) -> Result<(), KvError> {
        Ok(())
    }

    /// Bytes on disk, or in memory.
    fn disk_bytes(&self) -> u64;
}
