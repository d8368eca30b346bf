//! The key catalogue: every row of a store, in one place.
//!
//! A key is one table byte and what stands below. `prf` is sixteen bytes of a keyed
//! BLAKE3, so nothing on disk names a record, person or parameter; numbers are
//! big-endian. Every value is sealed ([`crate::seal`]), at most 4 KiB.
//!
//! | Byte | Table | Rest of the key | Value |
//! |---|---|---|---|
//! | 01 | META | name | node state by name: format, clock, counters |
//! | 02 | SCOPE | prf(scope) | the scope's key, fingerprint and chain lengths |
//! | 03 | CLASSES | prf(compartment) ‖ prf(classes) | a set of classes that the compartment has a scope of |
//! | 10 | RECORD | prf(record) ‖ chunk u16 | the record ([`crate::row`]) |
//! | 11 | FEED | seq u64 | record, filing, heads: one row a record, moved on change |
//! | 12 | PAST | seq u64 | a version that is no longer current |
//! | 13 | BESIDE | prf(record) ‖ chunk u16 | the rows of a key that has several records ([`crate::lineage`]) |
//! | 20 | CHAIN | prf4(kind) ‖ prf12(scope) ‖ block u32 | index entries of one kind in one scope |
//! | 21 | POSTING | prf(kind, token hash) | records found by that token |
//! | 30 | CONFLICT | prf(record) | a record in conflict |
//! | 31 | PENDING | prf(record) ‖ chunk u16 | changes that wait for their predecessors |
//! | 32 | QUARANTINE | prf(record) ‖ prf(change) | a change set aside, and why |
//! | 33 | CURSOR | prf(peer) | how far that peer's log has been taken in |
//! | 34 | AUTHOR | prf(node, incarnation) | highest author sequence accepted |
//! | 35 | AWAITING | prf(record) ‖ chunk u16 | changes that wait for their author to be known |
//! | 36 | AWAITING_PEER | prf(peer) | how many of those that peer delivered |
//! | 40 | AUDIT | seq u64 | who did what |
//! | 50 | BLOB | prf(name) ‖ chunk u16 | named documents: trust, tokens |
//! | 51 | BLOB_LIST | part u8 ‖ chunk u16 | the list of documents ([`crate::blob_list`]) |
//!
//! Invariants: no other file writes a table byte; a table's byte is never reused.

/// A table, by its byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Table {
    Meta = 0x01,
    Scope = 0x02,
    Classes = 0x03,
    Record = 0x10,
    Feed = 0x11,
    Past = 0x12,
    Beside = 0x13,
    Chain = 0x20,
    Posting = 0x21,
    Conflict = 0x30,
    Pending = 0x31,
    Quarantine = 0x32,
    Cursor = 0x33,
    Author = 0x34,
    Awaiting = 0x35,
    AwaitingPeer = 0x36,
    Audit = 0x40,
    Blob = 0x50,
    BlobList = 0x51,
}

/// All tables, in key order.
pub(crate) const TABLES: [Table; 19] = [
    Table::Meta,
    Table::Scope,
    Table::Classes,
    Table::Record,
    Table::Feed,
    Table::Past,
    Table::Beside,
    Table::Chain,
    Table::Posting,
    Table::Conflict,
    Table::Pending,
    Table::Quarantine,
    Table::Cursor,
    Table::Author,
    Table::Awaiting,
    Table::AwaitingPeer,
    Table::Audit,
    Table::Blob,
    Table::BlobList,
];

impl Table {
    /// The table's name, for reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Table::Meta => "state",
            Table::Scope => "scope",
            Table::Classes => "list of classes",
            Table::Record => "record",
            Table::Feed => "feed entry",
            Table::Past => "past version",
            Table::Beside => "list of records of one id",
            Table::Chain => "index block",
            Table::Posting => "posting block",
            Table::Conflict => "conflict",
            Table::Pending => "pending change",
            Table::Quarantine => "quarantine entry",
            Table::Cursor => "cursor",
            Table::Author => "author sequence",
            Table::Awaiting => "waiting change",
            Table::AwaitingPeer => "count of waiting changes",
            Table::Audit => "audit entry",
            Table::Blob => "document",
            Table::BlobList => "list of documents",
        }
    }

    /// The prefix of all its keys.
    pub(crate) fn prefix(self) -> [u8; 1] {
        [self as u8]
    }

    /// The table of a key.
    pub(crate) fn of(key: &[u8]) -> Option<Table> {
        let byte = *key.first()?;
        TABLES.into_iter().find(|table| *table as u8 == byte)
    }

    /// A key: the table's byte and `parts`.
    pub(crate) fn key(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
        key.push(self as u8);
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }

    /// A key made of a number.
    pub(crate) fn key_u64(self, number: u64) -> Vec<u8> {
        self.key(&[&number.to_be_bytes()])
    }
}

/// The number a FEED, PAST or AUDIT key ends in.
pub(crate) fn number_of(key: &[u8]) -> u64 {
    key.iter()
        .skip(1)
        .take(8)
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Rows of META.
pub(crate) mod meta {
    /// Format version, u32.
    pub(crate) const FORMAT: &[u8] = b"format";
    /// Everything that changes with each write: see [`crate::state`].
    pub(crate) const STATE: &[u8] = b"state";
    /// This node's identity.
    pub(crate) const IDENTITY: &[u8] = b"identity";
    /// Random number of this arrival log.
    pub(crate) const EPOCH: &[u8] = b"epoch";
    /// Head of the list of documents: see [`crate::blob_list`].
    pub(crate) const DOCUMENTS: &[u8] = b"documents";
    /// Names of migrations that have run.
    pub(crate) const MIGRATIONS: &[u8] = b"migrations";
}
