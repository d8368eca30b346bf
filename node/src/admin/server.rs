//! The answering side: the socket of a running node.
//!
//! Invariants: 0600 and only this user or root is answered; at most [`SESSIONS_MAX`] requests at once;
//! a socket file left by a killed process is replaced, one that is alive never is (the store's lock is
//! held by whoever runs this).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::execute::execute;
use super::frame::{Frame, read_frame, write_frame};
use super::protocol::{AdminRequest, Exchange, Input, Output};
use super::socket::socket_path;
use crate::error::NodeError;
use crate::lifecycle::Node;

/// Requests carried out at once.
const SESSIONS_MAX: usize = 16;

/// How long a connection may take to say what it wants.
const REQUEST_WAIT: Duration = Duration::from_secs(10);

/// The listening socket; dropping it stops listening and removes the file.
#[derive(Debug)]
pub struct AdminServer {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl AdminServer {
    /// Starts to listen for the node's directory.
    ///
    /// # Errors
    /// When the socket can't be made.
    pub fn start(node: Node) -> Result<Self, NodeError> {
        let path = socket_path(node.data());
        let listener = listen(&path)
            .map_err(|error| NodeError::io(&format!("making the admin socket {}", path.display()), &error))?;
        let task = tokio::spawn(accept(listener, node));
        Ok(Self { path, task })
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the admin socket's file was gone");
        }
    }
}

fn listen(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, node: Node) {
    let own = rustix::process::geteuid().as_raw();
    let places = Arc::new(Semaphore::new(SESSIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "accepting on the admin socket");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == own || peer.uid() == 0 => {}
            _ => {
                tracing::warn!("another user was refused at the admin socket");
                continue;
            }
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let node = node.clone();
        tokio::spawn(async move {
            if let Err(error) = serve_one(stream, node).await {
                tracing::debug!(%error, "an admin connection ended early");
            }
            drop(place);
        });
    }
}

async fn serve_one(stream: UnixStream, node: Node) -> Result<(), NodeError> {
    let (mut reader, mut writer) = stream.into_split();
    let first = tokio::time::timeout(REQUEST_WAIT, read_frame(&mut reader))
        .await
        .map_err(|_| NodeError::Failed("the command said nothing".to_owned()))??;
    let request: AdminRequest = match first {
        Some(Frame::Request(request)) => *request,
        _ => return Err(NodeError::Failed("the command began with no request".to_owned())),
    };
    let (exchange, input, output) = Exchange::pair();
    tokio::select! {
        answered = answer(&mut writer, node, request, exchange, output) => answered,
        // Dropping the output tells the execution, which goes on by itself.
        () = receive_input(reader, input) => {
            Err(NodeError::Failed("the command went away before it was answered".to_owned()))
        }
    }
}

/// Executes and sends progress, data and, last, the response.
async fn answer(
    writer: &mut OwnedWriteHalf,
    node: Node,
    request: AdminRequest,
    exchange: Exchange,
    mut output: mpsc::Receiver<Output>,
) -> Result<(), NodeError> {
    let executing = tokio::spawn(async move { execute(&node, request, exchange).await });
    while let Some(piece) = output.recv().await {
        let frame = match piece {
            Output::Progress(progress) => Frame::Progress(progress),
            Output::Data(bytes) => Frame::Data(bytes),
        };
        // The command is gone: dropping `output` tells the execution.
        write_frame(writer, &frame).await?;
    }
    let response = match executing.await {
        Ok(response) => response,
        Err(_) => Err(NodeError::Failed(
            "the operation ended abruptly; the node's log says more".to_owned(),
        )),
    };
    write_frame(writer, &Frame::Response(Box::new(response))).await
}

/// Hands on what the command sends; ready once the command is gone, which holds its end open until it
/// has its answer.
async fn receive_input(mut reader: OwnedReadHalf, input: mpsc::Sender<Input>) {
    let mut input = Some(input);
    loop {
        let (piece, last) = match read_frame(&mut reader).await {
            Ok(Some(Frame::File(name))) => (Input::File(name), false),
            Ok(Some(Frame::Data(bytes))) => (Input::Data(bytes), false),
            Ok(Some(Frame::End)) => (Input::End, true),
            _ => return,
        };
        // What is not read any more is let go by: the answer is on its way.
        let taken = match &input {
            Some(input) => input.send(piece).await.is_ok(),
            None => false,
        };
        if last || !taken {
            input = None;
        }
    }
}
