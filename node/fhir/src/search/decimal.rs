//! Exact decimals for comparison: floats would put 5.35 on the wrong side of a bound.

use std::cmp::Ordering;

/// `mantissa × 10^-scale`. Digits beyond the 30th are cut off: FHIR asks for 18.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    mantissa: i128,
    scale: i32,
}

const DIGITS_MAX: u32 = 30;
const EXPONENT_MAX: u32 = 400;

impl Decimal {
    /// Reads a JSON or query number; `None` if it is none or its exponent is beyond ±400.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_precise(text).map(|(value, _)| value)
    }

    /// As [`Self::parse`], with the range `[lo, hi)` that the digits written imply: half of the
    /// last digit both ways. `1e2` counts as [95, 105), as FHIR (search, numbers) says.
    pub fn parse_with_range(text: &str) -> Option<(Self, Self, Self)> {
        let (value, has_exponent) = Self::parse_precise(text)?;
        let (mantissa, scale) = if has_exponent {
            (value.mantissa.checked_mul(10)?, value.scale + 1)
        } else {
            (value.mantissa, value.scale)
        };
        let tenths = mantissa.checked_mul(10)?;
        let at = |mantissa| Self {
            mantissa,
            scale: scale + 1,
        };
        Some((value, at(tenths - 5), at(tenths + 5)))
    }

    fn parse_precise(text: &str) -> Option<(Self, bool)> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, Some(exponent.parse::<i32>().ok()?)),
            None => (text, None),
        };
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let ends_in_point = fraction.is_empty() && number.contains('.');
        if whole.is_empty() || ends_in_point {
            return None;
        }
        let mut mantissa: i128 = 0;
        let mut scale: i32 = 0;
        let mut count = 0;
        for (at, byte) in whole.bytes().chain(fraction.bytes()).enumerate() {
            if !byte.is_ascii_digit() {
                return None;
            }
            let in_fraction = at >= whole.len();
            if count < DIGITS_MAX {
                mantissa = mantissa * 10 + i128::from(byte - b'0');
                count += u32::from(mantissa != 0);
                scale += i32::from(in_fraction);
            } else if !in_fraction {
                scale -= 1;
            }
        }
        let exponent_value = exponent.unwrap_or(0);
        if exponent_value.unsigned_abs() > EXPONENT_MAX || scale.unsigned_abs() > EXPONENT_MAX {
            return None;
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        Some((
            Self {
                mantissa,
                scale: scale - exponent_value,
            },
            exponent.is_some(),
        ))
    }

    /// The nearest double.
    pub fn as_f64(&self) -> f64 {
        self.mantissa as f64 * 10f64.powi(-self.scale)
    }

    /// `self × factor / 10`.
    pub(super) fn tenths(&self, factor: i128) -> Self {
        match self.mantissa.checked_mul(factor) {
            Some(mantissa) => Self {
                mantissa,
                scale: self.scale + 1,
            },
            None => *self,
        }
    }

    /// The next value below (`-1`) or above (`1`), for exclusive bounds (`<5`): a trillionth of
    /// the last digit away.
    pub(super) fn nudged(&self, direction: i128) -> Self {
        match self.mantissa.checked_mul(1_000_000_000_000) {
            Some(mantissa) => Self {
                mantissa: mantissa + direction,
                scale: self.scale + 12,
            },
            None => Self {
                mantissa: self.mantissa + direction,
                scale: self.scale,
            },
        }
    }

    /// Whether it is below zero.
    pub(super) fn is_negative(&self) -> bool {
        self.mantissa < 0
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.scaled(scale), other.scaled(scale)) {
            (Some(own), Some(others)) => own.cmp(&others),
            // The one that does not fit is the greater in magnitude.
            (None, _) => self.mantissa.cmp(&0),
            (_, None) => 0.cmp(&other.mantissa),
        }
    }
}

impl Decimal {
    fn scaled(&self, scale: i32) -> Option<i128> {
        if self.mantissa == 0 {
            return Some(0);
        }
        let power = u32::try_from(scale - self.scale).ok()?;
        10i128.checked_pow(power)?.checked_mul(self.mantissa)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn decimals_compare_exactly() {
        assert_eq!(d("1.0"), d("1.00"));
        assert_eq!(d("1e2"), d("100"));
        assert_eq!(d("0"), d("-0.000"));
        assert!(d("5.35") < d("5.350000000000000000001"));
        assert!(d("-2") < d("1e-30"));
        assert!(d("1e300") > d("1e-300"));
        assert!(d("-1e300") < d("-1e-300"));
        assert!(d("123456789012345678901234567890123456789") > d("1e38"));
        for bad in ["", "-", "1.", ".5", "1e", "1e999999", "x", "1,5", "--1", "1.5.2"] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_exponent_beyond_the_bound_is_refused_on_either_side() {
        for bad in ["-12.0500e-2147483648", "1e2147483647", "1e401", "1e-401"] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
            assert!(Decimal::parse_with_range(bad).is_none(), "{bad}");
        }
        assert!(d("1e-400") < d("1e400"));
    }

    #[test]
    fn digits_imply_a_range() {
        for (text, lo, hi) in [
            ("100", "99.5", "100.5"),
            ("100.00", "99.995", "100.005"),
            ("1e2", "95", "105"),
            ("5.4", "5.35", "5.45"),
            ("-5.4", "-5.45", "-5.35"),
        ] {
            assert_eq!(
                Decimal::parse_with_range(text),
                Some((d(text), d(lo), d(hi))),
                "{text}"
            );
        }
        assert!(d("5").nudged(-1) < d("5") && d("5").nudged(-1) > d("4.99999"));
    }
}
