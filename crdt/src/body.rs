//! What a record is read from: its document or, without Automerge, its first change alone.

use crate::first::First;
use automerge::Automerge;

/// What a record's accepted changes come to.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Document(Box<Automerge>),
    /// The log holds one change, and this is it; or none, and this says nothing.
    First(First),
}
