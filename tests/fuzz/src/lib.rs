//! What the targets share: fixed keys, changes signed with them, input cut
//! into pieces, and a clinic in memory.
//!
//! Everything is a pure function of the input, so that a finding replays.

mod changes;
mod clinic;
mod pieces;

pub use changes::{
    NETWORK, SIGNERS, body_of, policy, sealed, sign, signer, stamp, tail_of, tail_with, writer_of,
};
pub use clinic::{clinic, operator};
pub use pieces::{Pieces, put_piece, unsigned};
