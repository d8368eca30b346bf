//! Frames of the admin socket: `u32` little-endian length of what follows, one kind byte, the payload.
//!
//! Invariants: a length is checked before anything is allocated; an unknown kind ends the connection.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::protocol::{AdminRequest, AdminResponse, Progress};
use crate::error::NodeError;

/// The largest frame: a list of conflicts with whole values can be long.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One frame on the admin socket, from the command or from the node.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// From the command, once, first.
    Request(Box<AdminRequest>),
    /// From the command: a file begins.
    File(String),
    /// Either way: a piece of data.
    Data(Vec<u8>),
    /// From the command: its input is complete.
    End,
    /// From the node.
    Progress(Progress),
    /// From the node, once, last.
    Response(Box<Result<AdminResponse, NodeError>>),
}

const REQUEST: u8 = 1;
const FILE: u8 = 2;
const DATA: u8 = 3;
const END: u8 = 4;
const PROGRESS: u8 = 5;
const RESPONSE: u8 = 6;

/// Writes one frame and flushes it.
///
/// # Errors
/// When the other side is gone, or a frame is over [`FRAME_BYTES_MAX`].
pub async fn write_frame(stream: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> Result<(), NodeError> {
    let (kind, payload) = match frame {
        Frame::Request(request) => (REQUEST, encode(request)?),
        Frame::File(name) => (FILE, name.as_bytes().to_vec()),
        Frame::Data(bytes) => (DATA, bytes.clone()),
        Frame::End => (END, Vec::new()),
        Frame::Progress(progress) => (PROGRESS, encode(progress)?),
        Frame::Response(response) => (RESPONSE, encode(response)?),
    };
    let length = payload.len().saturating_add(1);
    let length = u32::try_from(length)
        .ok()
        .filter(|n| *n as usize <= FRAME_BYTES_MAX)
        .ok_or_else(too_large)?;
    let mut head = [0_u8; 5];
    let (size, tag) = head.split_at_mut(4);
    size.copy_from_slice(&length.to_le_bytes());
    tag.copy_from_slice(&[kind]);
    stream.write_all(&head).await.map_err(|error| gone(&error))?;
    stream.write_all(&payload).await.map_err(|error| gone(&error))?;
    stream.flush().await.map_err(|error| gone(&error))
}

/// Reads one frame; `None` when the other side closed between frames.
///
/// # Errors
/// On a cut frame, one over [`FRAME_BYTES_MAX`], or one that can't be understood.
pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Frame>, NodeError> {
    let length = match stream.read_u32_le().await {
        Ok(length) => length as usize,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(gone(&error)),
    };
    if length > FRAME_BYTES_MAX {
        return Err(too_large());
    }
    let kind = stream.read_u8().await.map_err(|error| gone(&error))?;
    let mut payload = vec![0; length.saturating_sub(1)];
    stream
        .read_exact(&mut payload)
        .await
        .map_err(|error| gone(&error))?;
    let frame = match kind {
        REQUEST => Frame::Request(decode(&payload)?),
        FILE => Frame::File(String::from_utf8_lossy(&payload).into_owned()),
        DATA => Frame::Data(payload),
        END => Frame::End,
        PROGRESS => Frame::Progress(decode(&payload)?),
        RESPONSE => Frame::Response(decode(&payload)?),
        other => {
            return Err(NodeError::Failed(format!(
                "the admin socket sent a frame of unknown kind {other}"
            )));
        }
    };
    Ok(Some(frame))
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, NodeError> {
    serde_json::to_vec(value).map_err(|error| NodeError::failed("encoding an admin frame", error))
}

fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, NodeError> {
    serde_json::from_slice(payload).map_err(|_| {
        NodeError::Failed(
            "the running node speaks another version of the admin protocol; restart it with this version"
                .to_owned(),
        )
    })
}

fn gone(error: &std::io::Error) -> NodeError {
    NodeError::io("the other side of the admin socket is gone", error)
}

fn too_large() -> NodeError {
    NodeError::Failed("an admin frame is over 64 MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_back_as_sent() {
        let frames = [
            Frame::Request(Box::new(AdminRequest::Sync {
                peer: Some("hub".to_owned()),
            })),
            Frame::File("a.json".to_owned()),
            Frame::Data(vec![0, 1, 2]),
            Frame::End,
            Frame::Progress(Progress {
                stage: "importing".to_owned(),
                done: 1,
                total: None,
                wait: None,
            }),
            Frame::Response(Box::new(Ok(AdminResponse::Done))),
            Frame::Response(Box::new(Err(NodeError::Damage("x".to_owned())))),
        ];
        let mut bytes = Vec::new();
        for frame in &frames {
            write_frame(&mut bytes, frame).await.unwrap();
        }
        let mut reader = bytes.as_slice();
        for frame in &frames {
            assert_eq!(read_frame(&mut reader).await.unwrap().as_ref(), Some(frame));
        }
        assert_eq!(read_frame(&mut reader).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_length_over_the_bound_is_refused_before_allocation() {
        let mut reader: &[u8] = &[0xff, 0xff, 0xff, 0xff, 1];
        assert!(read_frame(&mut reader).await.is_err());
    }

    #[tokio::test]
    async fn a_cut_frame_is_an_error() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &Frame::Data(vec![7; 100])).await.unwrap();
        bytes.truncate(50);
        assert!(read_frame(&mut bytes.as_slice()).await.is_err());
    }
}
