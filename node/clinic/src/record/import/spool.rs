//! Where an import keeps what it has read until all is read.
//!
//! Invariants: what is spooled are people's records, so a spool keeps them as the records themselves are kept: where
//! nobody reads them who may not, and not longer than the import lasts.

use std::io;

/// Keeps pieces of an import until it is over. Whoever makes one answers for it that the pieces are sealed and gone
/// with it.
pub trait Spool {
    /// Keeps a piece and says where it is.
    ///
    /// # Errors
    /// When there is no room for it.
    fn append(&mut self, piece: &[u8]) -> io::Result<u64>;

    /// The piece at a place.
    ///
    /// # Errors
    /// When it can't be read, or is not what was kept.
    fn read(&mut self, place: u64) -> io::Result<Vec<u8>>;
}

/// In memory, for what is small.
#[derive(Default)]
pub(super) struct InMemory {
    pieces: Vec<Vec<u8>>,
}

impl Spool for InMemory {
    fn append(&mut self, piece: &[u8]) -> io::Result<u64> {
        self.pieces.push(piece.to_vec());
        Ok(self.pieces.len() as u64 - 1)
    }

    fn read(&mut self, place: u64) -> io::Result<Vec<u8>> {
        let piece = usize::try_from(place)
            .ok()
            .and_then(|place| self.pieces.get(place));
        piece.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
