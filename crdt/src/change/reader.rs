//! A cursor over bytes from outside: takes only what is there, integers only
//! in their shortest LEB128 form.

use super::ChunkError;

/// The unread part of some input.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All that has not been read yet, without reading it.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn take(&mut self, count: u64) -> Result<&'a [u8], ChunkError> {
        let count = usize::try_from(count).map_err(|_| ChunkError::Truncated)?;
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(ChunkError::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ChunkError> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(ChunkError::Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ChunkError> {
        let (byte, rest) = self.bytes.split_first().ok_or(ChunkError::Truncated)?;
        self.bytes = rest;
        Ok(*byte)
    }

    /// Unsigned LEB128, at most 64 bits, no padding.
    pub(crate) fn unsigned(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let padded = shift > 0 && byte == 0;
                let too_large = shift == 63 && byte > 1;
                return if padded || too_large {
                    Err(ChunkError::Integer)
                } else {
                    Ok(value)
                };
            }
        }
        Err(ChunkError::Integer)
    }

    /// Signed LEB128, at most 64 bits, no padding.
    pub(crate) fn signed(&mut self) -> Result<i64, ChunkError> {
        let mut value = 0_i64;
        let mut previous = 0_u8;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if shift == 63 && byte != 0 && byte != 0x7f {
                    return Err(ChunkError::Integer);
                }
                let extends = (byte == 0 && previous & 0x40 == 0) || (byte == 0x7f && previous & 0x40 != 0);
                if shift > 0 && extends {
                    return Err(ChunkError::Integer);
                }
                if shift < 57 && byte & 0x40 != 0 {
                    value |= -1_i64 << (shift + 7);
                }
                return Ok(value);
            }
            previous = byte;
        }
        Err(ChunkError::Integer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_at_their_limits() {
        let read = |bytes: &[u8]| Reader::new(bytes).unsigned();
        assert_eq!(read(&[0x7f]), Ok(127));
        assert_eq!(read(&[0x81, 0x01]), Ok(129));
        assert_eq!(read(&[0x81, 0x00]), Err(ChunkError::Integer));
        assert_eq!(read(&[0x80]), Err(ChunkError::Truncated));
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read(&most), Ok(u64::MAX));
        let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(read(&over), Err(ChunkError::Integer));
        let signed = |bytes: &[u8]| Reader::new(bytes).signed();
        assert_eq!(signed(&[0x7f]), Ok(-1));
        assert_eq!(signed(&[0x3f]), Ok(63));
        assert_eq!(signed(&[0xc0, 0x00]), Ok(64));
        assert_eq!(signed(&[0xff, 0x7f]), Err(ChunkError::Integer));
        let least = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f];
        assert_eq!(signed(&least), Ok(i64::MIN));
    }
}
