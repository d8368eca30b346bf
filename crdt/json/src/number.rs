//! A JSON number as the text it was written with.

use std::fmt;

/// A number literal that follows RFC 8259 §6, compared and written as text.
///
/// `1.0` and `1.00` are different values: FHIR's decimals carry precision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(Box<str>);

impl Number {
    /// Reads a literal; `None` if it is no JSON number.
    pub fn parse(text: &str) -> Option<Number> {
        is_number(text.as_bytes()).then(|| Number(text.into()))
    }

    /// The literal, as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest double; infinite when out of a double's range.
    pub fn as_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The value if it is written as an integer within `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The value if it is written as a non-negative integer within `u64`.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

/// Whether the whole of `text` is one number of RFC 8259 §6.
pub(crate) fn is_number(text: &[u8]) -> bool {
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let rest = match rest {
        [b'0', rest @ ..] => rest,
        [b'1'..=b'9', ..] => skip_digits(rest),
        _ => return false,
    };
    let rest = match rest {
        [b'.', b'0'..=b'9', tail @ ..] => skip_digits(tail),
        other => other,
    };
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] => {
            !digits.is_empty() && skip_digits(digits).is_empty()
        }
        _ => false,
    }
}

fn skip_digits(mut text: &[u8]) -> &[u8] {
    while let [b'0'..=b'9', tail @ ..] = text {
        text = tail;
    }
    text
}

macro_rules! from_integer {
    ($($int:ty),*) => {$(
        impl From<$int> for Number {
            fn from(value: $int) -> Number {
                Number(value.to_string().into())
            }
        }
    )*};
}
from_integer!(i32, u32, i64, u64, usize);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_numbers() {
        for good in ["0", "-0", "12", "1.0", "1.00", "-3.25e10", "1E+2", "6e-7"] {
            assert_eq!(Number::parse(good).expect(good).as_str(), good);
        }
        for bad in [
            "", "-", "01", "1.", ".5", "+1", "1e", "1e+", "0x1", "NaN", "1 ", "1.0.0",
        ] {
            assert!(Number::parse(bad).is_none(), "{bad}");
        }
    }
}
