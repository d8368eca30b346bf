//! The asking side: through the socket of a running node.
//!
//! Invariant: the socket's owner is this user or root, so that nobody can pose as the node in a shared
//! folder.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::frame::{Frame, read_frame, write_frame};
use super::protocol::{AdminRequest, AdminResponse, Exchange, Input, Output};
use super::socket::socket_path;
use crate::error::NodeError;

/// A connection to the running node of a directory.
#[derive(Debug)]
pub struct Session {
    stream: UnixStream,
}

impl Session {
    /// Connects; `None` when no node is running there.
    ///
    /// # Errors
    /// When the socket is another user's.
    pub async fn connect(data: &Path) -> Result<Option<Self>, NodeError> {
        let Ok(stream) = UnixStream::connect(socket_path(data)).await else {
            return Ok(None);
        };
        let peer = stream
            .peer_cred()
            .map_err(|error| NodeError::io("asking whose socket it is", &error))?;
        let own = rustix::process::geteuid().as_raw();
        // Root asks the node of whoever owns the directory, and nobody else's.
        let owner = std::fs::metadata(data).map_or(own, |folder| folder.uid());
        let is_owners = own == 0 && peer.uid() == owner;
        if peer.uid() != own && peer.uid() != 0 && !is_owners {
            return Err(NodeError::Locked(format!(
                "the directory is in use by a node of another user (uid {})",
                peer.uid()
            )));
        }
        Ok(Some(Self { stream }))
    }

    /// The process at the other end, where the system tells it.
    pub fn process(&self) -> Option<u32> {
        let id = self.stream.peer_cred().ok()?.pid()?;
        u32::try_from(id).ok()
    }

    /// Asks once.
    ///
    /// # Errors
    /// What the node answers, or that it went away.
    pub async fn call(self, request: AdminRequest, exchange: Exchange) -> Result<AdminResponse, NodeError> {
        call_over(self.stream, request, exchange).await
    }
}

/// Asks over an open stream.
///
/// # Errors
/// What the node answers, or that it went away.
pub async fn call_over(
    stream: UnixStream,
    request: AdminRequest,
    exchange: Exchange,
) -> Result<AdminResponse, NodeError> {
    let (mut reader, mut writer) = stream.into_split();
    write_frame(&mut writer, &Frame::Request(Box::new(request))).await?;
    let Exchange { input, output } = exchange;
    let sending = tokio::spawn(send_input(writer, input));
    let response = receive(&mut reader, output).await;
    sending.abort();
    response
}

/// Sends what comes until its end. An input that ends without [`Input::End`] cuts the connection, by
/// which the node knows that it is incomplete.
async fn send_input(mut writer: OwnedWriteHalf, mut input: mpsc::Receiver<Input>) {
    while let Some(piece) = input.recv().await {
        let (frame, last) = match piece {
            Input::File(name) => (Frame::File(name), false),
            Input::Data(bytes) => (Frame::Data(bytes), false),
            Input::End => (Frame::End, true),
        };
        if write_frame(&mut writer, &frame).await.is_err() {
            return;
        }
        if last {
            // Held open: the reply still comes on this connection.
            std::future::pending::<()>().await;
        }
    }
}

async fn receive(
    reader: &mut OwnedReadHalf,
    output: mpsc::Sender<Output>,
) -> Result<AdminResponse, NodeError> {
    loop {
        let piece = match read_frame(reader).await? {
            Some(Frame::Response(response)) => return *response,
            Some(Frame::Progress(progress)) => Output::Progress(progress),
            Some(Frame::Data(bytes)) => Output::Data(bytes),
            Some(Frame::Request(_) | Frame::File(_) | Frame::End) => {
                return Err(NodeError::Failed(
                    "the running node sent a frame out of turn".to_owned(),
                ));
            }
            None => {
                return Err(NodeError::Failed(
                    "the running node went away before it answered; what it had acknowledged is kept, \
                     the command can be repeated"
                        .to_owned(),
                ));
            }
        };
        if output.send(piece).await.is_err() {
            return Err(NodeError::Failed("the output was closed".to_owned()));
        }
    }
}
