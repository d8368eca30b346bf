//! Bytes as text that survives being typed: Crockford's base 32 (no I, L, O,
//! U; either case; I and L read as 1, O as 0) in groups of six characters.
//!
//! The sixth character of a group checks the other five and the group's
//! place, so a typing error names its group.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Data characters in a group.
const GROUP: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// A character that no such text has.
    Character(char),
    /// The group (from 1) whose check character does not fit.
    Group(usize),
    /// The text ends inside a group.
    Incomplete,
}

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut symbols: Vec<u8> = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            symbols.push(low_five(buffer >> bits));
        }
    }
    if bits > 0 {
        symbols.push(low_five(buffer << (5 - bits)));
    }
    let mut text = String::new();
    for (at, group) in symbols.chunks(GROUP).enumerate() {
        if at > 0 {
            text.push('-');
        }
        let mut padded = [0_u8; GROUP];
        for (to, from) in padded.iter_mut().zip(group) {
            *to = *from;
        }
        padded
            .iter()
            .chain([&check(at, &padded)])
            .for_each(|symbol| text.push(character(*symbol)));
    }
    text
}

/// Reads groups; `-` and white space are skipped. Bits beyond the last whole
/// byte are dropped: a length inside the data says where it ends.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    let symbols = text
        .chars()
        .filter(|character| *character != '-' && !character.is_whitespace())
        .map(|character| symbol(character).ok_or(DecodeError::Character(character)))
        .collect::<Result<Vec<u8>, DecodeError>>()?;
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for (at, group) in symbols.chunks(GROUP + 1).enumerate() {
        let Some((data, [checked])) = group.split_first_chunk::<GROUP>() else {
            return Err(DecodeError::Incomplete);
        };
        if check(at, data) != *checked {
            return Err(DecodeError::Group(at.saturating_add(1)));
        }
        for symbol in data {
            buffer = (buffer << 5 | u32::from(*symbol)) & 0xffff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(buffer >> bits & 0xff).unwrap_or_default());
            }
        }
    }
    Ok(bytes)
}

fn low_five(value: u32) -> u8 {
    u8::try_from(value & 31).unwrap_or_default()
}

fn character(symbol: u8) -> char {
    ALPHABET
        .get(usize::from(symbol))
        .map_or('0', |byte| char::from(*byte))
}

fn symbol(character: char) -> Option<u8> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let at = ALPHABET.iter().position(|byte| char::from(*byte) == upper)?;
    u8::try_from(at).ok()
}

/// A weighted sum modulo 32. The weights are odd, so every single wrong
/// character is seen; they differ, so most swaps are; the place is in it, so
/// groups cannot change places.
fn check(at: usize, group: &[u8; GROUP]) -> u8 {
    const WEIGHTS: [u32; GROUP] = [1, 3, 7, 11, 17];
    let place = u32::try_from(at % 32).unwrap_or_default();
    let sum: u32 = group
        .iter()
        .zip(WEIGHTS)
        .map(|(symbol, weight)| u32::from(*symbol) * weight)
        .sum();
    low_five(sum + place * 5 + 9)
}
