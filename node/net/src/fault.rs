//! A hook below QUIC that loses datagrams: for tests of bad links.
//!
//! Invariant: without a [`UdpFault`] in the configuration none of this runs.

use std::fmt::Debug;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

/// What becomes of one outgoing datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is sent.
    Deliver,
    /// It is lost.
    Drop,
    /// It is sent twice.
    Duplicate,
}

/// Decides each outgoing datagram's fate.
pub trait UdpFault: Debug + Send + Sync {
    /// The fate of a datagram of `bytes` to `to`.
    fn fate(&self, to: SocketAddr, bytes: usize) -> Fate;
}

/// A socket that asks a [`UdpFault`] before it sends.
#[derive(Debug)]
pub(crate) struct FaultySocket {
    pub(crate) inner: Arc<dyn AsyncUdpSocket>,
    pub(crate) fault: Arc<dyn UdpFault>,
}

impl AsyncUdpSocket for FaultySocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.fault.fate(transmit.destination, transmit.contents.len()) {
            Fate::Deliver => self.inner.try_send(transmit),
            Fate::Drop => Ok(()),
            Fate::Duplicate => {
                self.inner.try_send(transmit)?;
                self.inner.try_send(transmit)
            }
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}
