//! Where an import keeps what it has read: sealed, in a file that has no name.
//!
//! Invariants: the file is gone from its directory before the first byte is in it, so neither a crash nor a power cut
//! leaves it; each piece is sealed with ChaCha20-Poly1305 under a key that is drawn for this one file and stands in
//! memory alone, whether or not the directory is sealed; a nonce is the place of its piece and never used twice.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use chaski_clinic::record::Spool;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// Bytes that stand before a piece: its sealed length.
const LENGTH_BYTES: u64 = 8;

/// A sealed file without a name.
pub struct SealedFile {
    file: File,
    key: LessSafeKey,
    end: u64,
}

impl SealedFile {
    /// Makes one in `directory`, else where the system keeps what is temporary.
    ///
    /// # Errors
    /// When the file can't be made.
    pub fn create(directory: Option<&Path>) -> io::Result<SealedFile> {
        let file = match directory {
            Some(directory) => tempfile::tempfile_in(directory)?,
            None => tempfile::tempfile()?,
        };
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new()
            .fill(bytes.as_mut_slice())
            .map_err(|_| io::Error::other("no randomness"))?;
        let key =
            UnboundKey::new(&CHACHA20_POLY1305, bytes.as_slice()).map_err(|_| io::Error::other("no key"))?;
        Ok(SealedFile {
            file,
            key: LessSafeKey::new(key),
            end: 0,
        })
    }
}

/// The nonce of the piece at a place.
fn nonce(place: u64) -> Nonce {
    let mut bytes = [0; 12];
    for (byte, of_place) in bytes.iter_mut().zip(place.to_le_bytes()) {
        *byte = of_place;
    }
    Nonce::assume_unique_for_key(bytes)
}

impl Spool for SealedFile {
    fn append(&mut self, piece: &[u8]) -> io::Result<u64> {
        let place = self.end;
        let mut sealed = piece.to_vec();
        self.key
            .seal_in_place_append_tag(nonce(place), Aad::empty(), &mut sealed)
            .map_err(|_| io::Error::other("a piece could not be sealed"))?;
        let length = sealed.len() as u64;
        // Before it is written: after a write that failed its nonce is spent too.
        self.end = place.saturating_add(LENGTH_BYTES).saturating_add(length);
        self.file.seek(SeekFrom::Start(place))?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&sealed)?;
        Ok(place)
    }

    fn read(&mut self, place: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(place))?;
        let mut length = [0; 8];
        self.file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > self.end.saturating_sub(place) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut sealed = Vec::new();
        (&mut self.file).take(length).read_to_end(&mut sealed)?;
        let plain = self
            .key
            .open_in_place(nonce(place), Aad::empty(), &mut sealed)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?
            .len();
        sealed.truncate(plain);
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_and_stand_nowhere_for_others_to_read() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = SealedFile::create(Some(directory.path())).unwrap();
        let pieces: Vec<Vec<u8>> = (0..50_usize).map(|number| vec![b'a'; number * 100]).collect();
        let places: Vec<u64> = pieces.iter().map(|piece| spool.append(piece).unwrap()).collect();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        for (piece, place) in pieces.iter().zip(&places).rev() {
            assert_eq!(&spool.read(*place).unwrap(), piece);
        }
        let mut raw = Vec::new();
        spool.file.seek(SeekFrom::Start(0)).unwrap();
        spool.file.read_to_end(&mut raw).unwrap();
        assert!(!raw.windows(20).any(|window| window == [b'a'; 20]));
        // A place that is none, and a byte that is another.
        assert!(spool.read(places[1] + 1).is_err());
        spool.file.seek(SeekFrom::Start(places[2] + 20)).unwrap();
        spool.file.write_all(&[raw[places[2] as usize + 20] ^ 1]).unwrap();
        assert!(spool.read(places[2]).is_err());
    }
}
