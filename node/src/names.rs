//! Which texts may name a node, a role or a site.

use chaski_net::is_harmless;

use crate::error::NodeError;

/// Refuses a text for people or a network that turns what stands beside it.
///
/// # Errors
/// Which it is.
pub fn check_harmless(what: &str, text: &str) -> Result<(), NodeError> {
    match is_harmless(text) {
        true => Ok(()),
        false => Err(NodeError::Usage(format!(
            "{what} holds control characters or characters that turn the direction of text: leave them out"
        ))),
    }
}

/// Refuses an empty text where a node is to be named: every key begins with it.
///
/// # Errors
/// That it is empty.
pub fn check_named(text: &str) -> Result<(), NodeError> {
    match text.trim().is_empty() {
        false => Ok(()),
        true => Err(NodeError::Usage(
            "the node's name or key is empty: name it as `chaski peer list` does".to_owned(),
        )),
    }
}
