//! What a node tells its peers of itself, and what is known of the contact with each.
//!
//! Invariants: what is told names nobody and holds nothing clinical: counts, a version, a clock; what
//! is heard is within the bounds of [`crate::limits`] or is refused whole; what is not known is told as
//! not known, never as none; "in sync" is said of a peer only while it is heard.

use serde::{Deserialize, Serialize};

use crate::limits::{
    HEALTH_BYTES_MAX, HEALTH_CLOCK_MS_MAX, HEALTH_COUNT_MAX, HEALTH_DISK_BYTES_MAX, HEALTH_RECORDS_APART,
    VERSION_BYTES_MAX,
};
use crate::wire::error::WireError;

/// The form of [`Health`] on the wire. Fields are added at its end, and whoever knows fewer reads
/// those. What would change their meaning takes another number, and another feature in the hello, so
/// that nobody is sent what it does not read.
pub const HEALTH_FORMAT: u8 = 1;

/// A node's own account of itself: on the wire [`HEALTH_FORMAT`], then these fields as postcard writes
/// them, then what later versions add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Version of the program, as `chaski --version` names it.
    pub version: String,
    /// Open conflicts: they wait for a person.
    pub conflicts: u64,
    /// Changes in quarantine.
    pub quarantined: u64,
    /// Changes that wait until their author is known as a member.
    pub awaiting: u64,
    /// Bytes free on the disk of its records, if it can tell.
    pub disk_free_bytes: Option<u64>,
    /// It takes no more records, for want of room.
    pub is_full: bool,
    /// Its clock when it said this, in ms since 1970.
    pub now_ms: u64,
    /// Records held, deleted ones not counted.
    pub records: u64,
}

impl Health {
    /// The bytes that go over the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Nothing of it is a value that could not be written.
        postcard::to_extend(self, vec![HEALTH_FORMAT]).unwrap_or_default()
    }

    /// Reads what a peer said.
    ///
    /// # Errors
    /// [`WireError`] where it is none, or out of bounds.
    pub fn decode(bytes: &[u8]) -> Result<Health, WireError> {
        if bytes.len() > HEALTH_BYTES_MAX {
            return Err(WireError::TooLong("health bytes"));
        }
        let (format, rest) = bytes.split_first().ok_or(WireError::Malformed)?;
        if *format != HEALTH_FORMAT {
            return Err(WireError::Malformed);
        }
        let (health, _later) = postcard::take_from_bytes::<Health>(rest).map_err(|_| WireError::Malformed)?;
        health.check()?;
        Ok(health)
    }

    fn check(&self) -> Result<(), WireError> {
        if self.version.len() > VERSION_BYTES_MAX {
            return Err(WireError::TooLong("version bytes"));
        }
        let is_named = !self.version.is_empty() && self.version.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_named {
            return Err(WireError::Malformed);
        }
        let counts = [self.conflicts, self.quarantined, self.awaiting, self.records];
        let is_possible = counts.iter().all(|count| *count <= HEALTH_COUNT_MAX)
            && self.now_ms <= HEALTH_CLOCK_MS_MAX
            && self
                .disk_free_bytes
                .is_none_or(|free| free <= HEALTH_DISK_BYTES_MAX);
        if is_possible {
            Ok(())
        } else {
            Err(WireError::Malformed)
        }
    }

    /// The same within the bounds: what this node's own figures would be refused for says nothing.
    #[must_use]
    pub(crate) fn bounded(mut self) -> Health {
        for count in [
            &mut self.conflicts,
            &mut self.quarantined,
            &mut self.awaiting,
            &mut self.records,
        ] {
            *count = (*count).min(HEALTH_COUNT_MAX);
        }
        self.disk_free_bytes = self.disk_free_bytes.map(|free| free.min(HEALTH_DISK_BYTES_MAX));
        self.now_ms = self.now_ms.min(HEALTH_CLOCK_MS_MAX);
        self
    }

    /// Whether it says of what waits for a person, or of writing at all, something else than `before`.
    pub(crate) fn is_other_trouble(&self, before: &Health) -> bool {
        let trouble = |health: &Health| {
            (
                health.conflicts,
                health.quarantined,
                health.awaiting,
                health.is_full,
            )
        };
        trouble(self) != trouble(before) || self.version != before.version
    }

    /// Whether it holds so many records more or less than `before` that a sync lies between.
    pub(crate) fn is_far_size(&self, before: &Health) -> bool {
        let apart = self.records.abs_diff(before.records);
        apart > HEALTH_RECORDS_APART && apart > before.records / 10
    }

    /// Whether what it holds, or the room it has, is by a tenth or some records another than `before`.
    pub(crate) fn is_other_size(&self, before: &Health) -> bool {
        let is_other_room = match (self.disk_free_bytes, before.disk_free_bytes) {
            (Some(now), Some(then)) => now.abs_diff(then) > then / 10,
            (now, then) => now.is_some() != then.is_some(),
        };
        self.records != before.records || is_other_room
    }
}

/// What a peer last said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When that was heard, by this node's clock, in ms since 1970.
    pub at_ms: u64,
    /// What it said.
    pub health: Health,
}

/// What is known of the contact with a peer, beside what [`PeerInfo`](crate::PeerInfo) says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// When both were last known to hold the same, in ms since 1970; 0 for never.
    pub in_sync_ms: u64,
    /// Positions of this node's log that it is not known to have: at least as many as the records it
    /// lacks. Nothing where that is not known.
    pub backlog: Option<u64>,
    /// Stream payload sent to it since the first session, handshakes not counted, in bytes.
    pub bytes_out: u64,
    /// The same received from it.
    pub bytes_in: u64,
    /// What it last said of itself.
    pub told: Option<Told>,
    /// When its clock was last compared with ours, in ms since 1970; 0 where that is not known.
    pub clock_ms: u64,
    /// When it was heard of by a file alone that it wrote, in ms since 1970; 0 for never.
    pub file_ms: u64,
    /// The number up to which it is known to have what was heard here of members, issuers and grants; 0 for none.
    pub statements: u64,
}

/// How it stands between this node and a peer, as it may be said at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Never heard of.
    NeverMet,
    /// A session is open, and the peer is heard.
    Connected {
        /// Both hold the same now.
        in_sync: bool,
    },
    /// A session is open, and nothing has been heard of the peer for too long to speak of now.
    Silent,
    /// No session is open.
    Away,
}

#[cfg(test)]
pub(crate) mod tests;
