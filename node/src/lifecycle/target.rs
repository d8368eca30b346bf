//! Whom a command talks to: the node that runs on the directory, or the directory itself.

use std::path::Path;
use std::time::{Duration, Instant};

use chaski_store::OpenError;

use super::Node;
use super::unlocking::{Failed, LOCK_WAIT, open_once};
use crate::admin::{AdminRequest, AdminResponse, Exchange, Session, execute};
use crate::config::Links;
use crate::error::NodeError;
use crate::key::KeyOptions;

/// The node of a directory.
pub enum Target {
    /// One that runs, asked through its socket.
    Running(Session),
    /// One opened in this process.
    Here(Box<Node>),
}

impl Target {
    /// Finds the running node, or opens the directory; waits for its lock for up to 5 s.
    ///
    /// # Errors
    /// When the directory is no node's, its lock isn't released, or the key doesn't open it.
    pub async fn open(data: &Path, key: &KeyOptions) -> Result<Self, NodeError> {
        let begun = Instant::now();
        loop {
            if let Some(session) = Session::connect(data).await? {
                return Ok(Self::Running(session));
            }
            let (place, options) = (data.to_path_buf(), key.clone());
            let opened = tokio::task::spawn_blocking(move || open_once(&place, &options))
                .await
                .map_err(|error| NodeError::failed("opening", error))?;
            match opened {
                Ok(opened) => return Ok(Self::Here(Box::new(Node::over(data, opened).await?))),
                Err(Failed::Open(OpenError::InUse)) if begun.elapsed() < LOCK_WAIT => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(failed) => return Err(failed.into_error(data)),
            }
        }
    }

    /// Says how the links are that it calls out over. With `is_asked` a person asked for them now; else they
    /// are the machine's, of which a node that runs has been told at its start.
    ///
    /// # Errors
    /// When they are asked for and a node runs, whose links are what they are.
    pub fn linked(self, links: Links, is_asked: bool) -> Result<Self, NodeError> {
        match &self {
            Self::Here(node) => node.links_set(links),
            Self::Running(_) if is_asked => {
                return Err(NodeError::Usage(
                    "the node of this directory runs and makes the exchange over its own links: say how they are \
                     with `chaski serve --link`, or `link` below [peers] in its configuration"
                        .to_owned(),
                ));
            }
            Self::Running(_) => {}
        }
        Ok(self)
    }

    /// Asks once.
    ///
    /// # Errors
    /// What the node answers.
    pub async fn call(self, request: AdminRequest, exchange: Exchange) -> Result<AdminResponse, NodeError> {
        match self {
            Self::Running(session) => session.call(request, exchange).await,
            Self::Here(node) => {
                let response = execute(&node, request, exchange).await;
                node.close().await;
                response
            }
        }
    }
}
