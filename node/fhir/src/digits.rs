//! Decimal digits of every script as ASCII digits.
//!
//! Source: Unicode 17, the characters of category Nd. Each script's ten stand one after the other, from its zero on.

/// The zero of each script's ten digits, ascending.
const ZEROS: [u32; 77] = [
    0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30,
    0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0,
    0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50, 0x11da0, 0x11de0, 0x11f50, 0x16130,
    0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140,
    0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// The ASCII digit of a decimal digit of any script; `None` of everything else.
#[must_use]
pub fn ascii_digit(letter: char) -> Option<char> {
    let code = u32::from(letter);
    let at = ZEROS.partition_point(|zero| *zero <= code);
    let zero = ZEROS.get(at.checked_sub(1)?)?;
    char::from_digit(code.checked_sub(*zero)?, 10)
}

/// The text with ASCII digits in place of those of every script.
#[must_use]
pub fn ascii_digits(text: &str) -> String {
    text.chars()
        .map(|letter| ascii_digit(letter).unwrap_or(letter))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_are_read_and_nothing_else() {
        assert!(ZEROS.is_sorted());
        for (written, read) in [
            ("٣٥", "35"),
            ("۱۹۹۰-۰۵-۰۴", "1990-05-04"),
            ("३५", "35"),
            ("၄၅", "45"),
            ("៩០", "90"),
            ("๑๒๓", "123"),
            ("༠༩", "09"),
            ("１２", "12"),
            ("𞥐𞥙", "09"),
            ("߂߀", "20"),
        ] {
            assert_eq!(ascii_digits(written), read);
        }
        // Numbers that are no decimal digits, and letters beside digits, stay what they are.
        for other in ["½", "²", "Ⅳ", "一二", "፩", "٫", "a", "\u{0665}\u{066a}"] {
            let read = ascii_digits(other);
            assert_eq!(
                read.chars().any(|c| c.is_ascii_digit()),
                other.starts_with('\u{0665}'),
                "{other}"
            );
        }
        // Of std's own numeric characters each that is read is numeric, and each script has ten.
        let read: Vec<char> = (0..=0x10_ffff_u32)
            .filter_map(char::from_u32)
            .filter(|letter| ascii_digit(*letter).is_some())
            .collect();
        assert_eq!(read.len(), ZEROS.len() * 10);
        let below_new = read.iter().filter(|letter| u32::from(**letter) < 0x1_0000);
        assert!(below_new.clone().count() == 370 && below_new.clone().all(|letter| letter.is_numeric()));
    }
}
