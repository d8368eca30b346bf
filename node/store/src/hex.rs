//! Lower-case hexadecimal.

use data_encoding::HEXLOWER;

/// The digits of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// The bytes of `text`, if it is all lower-case digits in pairs.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(text.as_bytes()).ok()
}
