//! A cursor over bytes from outside: takes only what is there, integers only
//! in their shortest LEB128 form.

use super::error::ChunkError;

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

    fn signed_bytes(mut value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 && low & 0x40 == 0 || value == -1 && low & 0x40 != 0 {
                out.push(low);
                return out;
            }
            out.push(low | 0x80);
        }
    }

    /// The same number in one byte more, as nobody writes it.
    fn padded(bytes: &[u8], fill: u8) -> Vec<u8> {
        let (last, rest) = bytes.split_last().unwrap();
        [rest, &[last | 0x80, fill]].concat()
    }

    #[test]
    fn a_number_has_one_form_at_every_length() {
        for bit in 0..64 {
            for near in [-1_i64, 0, 1] {
                let value = (1_u64 << bit).wrapping_add_signed(near);
                let mut bytes = Vec::new();
                crate::change::put_unsigned(&mut bytes, value);
                assert_eq!(Reader::new(&bytes).unsigned(), Ok(value));
                assert_eq!(
                    Reader::new(&padded(&bytes, 0)).unsigned(),
                    Err(ChunkError::Integer),
                    "{value}"
                );
                let cut = Reader::new(&bytes[..bytes.len() - 1]).unsigned();
                assert_eq!(cut, Err(ChunkError::Truncated), "{value}");
                for value in [value as i64, (value as i64).wrapping_neg()] {
                    let bytes = signed_bytes(value);
                    assert_eq!(Reader::new(&bytes).signed(), Ok(value), "{value}");
                    let fill = if value < 0 { 0x7f } else { 0 };
                    let long = Reader::new(&padded(&bytes, fill)).signed();
                    assert_eq!(long, Err(ChunkError::Integer), "{value}");
                    let cut = Reader::new(&bytes[..bytes.len() - 1]).signed();
                    assert_eq!(cut, Err(ChunkError::Truncated), "{value}");
                }
            }
        }
        // More than 64 bits.
        for last in [0x01, 0x02, 0x3f, 0x40, 0x7e] {
            let bytes = [[0x80; 9].as_slice(), &[last]].concat();
            assert_eq!(Reader::new(&bytes).signed(), Err(ChunkError::Integer), "{last}");
        }
        for last in [0x02, 0x03, 0x40, 0x7f] {
            let bytes = [[0x80; 9].as_slice(), &[last]].concat();
            assert_eq!(Reader::new(&bytes).unsigned(), Err(ChunkError::Integer), "{last}");
        }
        for bytes in [[0x80; 10], [0xff; 10]] {
            let bytes = [bytes.as_slice(), &[0]].concat();
            assert_eq!(Reader::new(&bytes).unsigned(), Err(ChunkError::Integer));
            assert_eq!(Reader::new(&bytes).signed(), Err(ChunkError::Integer));
        }
    }

    #[test]
    fn what_was_read_is_read_once_and_nothing_beyond_the_end() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6]);
        assert_eq!(
            (reader.byte(), reader.array::<2>(), reader.take(1)),
            (Ok(1), Ok([2, 3]), Ok(&[4][..]))
        );
        assert_eq!((reader.rest(), reader.is_empty()), (&[5, 6][..], false));
        assert_eq!(reader.take(3), Err(ChunkError::Truncated));
        assert_eq!(reader.array::<3>(), Err(ChunkError::Truncated));
        assert_eq!(reader.take(u64::MAX), Err(ChunkError::Truncated));
        assert_eq!((reader.take(0), reader.take(2)), (Ok(&[][..]), Ok(&[5, 6][..])));
        assert!(reader.is_empty() && reader.rest().is_empty());
        assert_eq!(
            (reader.byte(), reader.take(0)),
            (Err(ChunkError::Truncated), Ok(&[][..]))
        );
    }
}
