//! How much is to be told to a peer that has not taken it yet.
//!
//! Invariants: while much is, nothing more of that peer is read, so what it asks for waits in its own pipe; it
//! is read again as soon as it takes what it was told. What an honest peer asks for is answered once before it
//! asks for more, however slow its link is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::limits::{CONTROL_QUEUED_BYTES, CONTROL_QUEUED_BYTES_MAX};

/// Bytes that a frame takes in memory beside its own.
const FRAME_BYTES: usize = 64;

/// Bytes of control frames that wait for the transport to take them, of one connection.
#[derive(Debug, Default)]
pub(crate) struct Queued {
    bytes: AtomicUsize,
    is_over: AtomicBool,
    freed: Notify,
}

impl Queued {
    /// A frame waits; whether no more may than do now.
    pub(crate) fn add(&self, frame: &[u8]) -> bool {
        let more = frame.len().saturating_add(FRAME_BYTES);
        let before = self.bytes.fetch_add(more, Ordering::AcqRel);
        before.saturating_add(more) <= CONTROL_QUEUED_BYTES_MAX
    }

    /// The transport has taken it.
    pub(crate) fn taken(&self, frame: &[u8]) {
        let less = frame.len().saturating_add(FRAME_BYTES);
        self.bytes.fetch_sub(less, Ordering::AcqRel);
        self.freed.notify_waiters();
    }

    /// Waits until the peer may be read.
    pub(crate) async fn room(&self) {
        loop {
            // Hears of whatever is taken from here on, before it is looked how much waits.
            let freed = self.freed.notified();
            let is_over = self.is_over.load(Ordering::Acquire);
            if is_over || self.bytes.load(Ordering::Acquire) <= CONTROL_QUEUED_BYTES {
                return;
            }
            freed.await;
        }
    }

    /// Nothing more is sent: nobody waits for it.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.freed.notify_waiters();
    }
}
