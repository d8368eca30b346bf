//! Fractional positions: names that sort, with room between any two.
//!
//! A position is an integer part whose first letter gives its length (`a0`,
//! `az`, `b00` …; `Z` and before for negative ones), then a fraction in base 62
//! that never ends in `0`. The n-th element of a new list has the n-th integer,
//! whatever the length of the list: two sites that import different lengths of
//! one list agree on what they share.
//!
//! Invariant: [`between`] returns a text strictly between its arguments, in
//! byte order, for any arguments that it made itself.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn digit_value(digit: u8) -> Option<usize> {
    DIGITS.iter().position(|d| *d == digit)
}

fn digit(value: usize) -> u8 {
    DIGITS.get(value).copied().unwrap_or(b'z')
}

/// Length of the integer part that begins with `head`.
fn integer_bytes(head: u8) -> Option<usize> {
    match head {
        b'a'..=b'z' => Some(usize::from(head - b'a') + 2),
        b'A'..=b'Z' => Some(usize::from(b'Z' - head) + 2),
        _ => None,
    }
}

fn split(position: &str) -> Option<(&[u8], &[u8])> {
    let bytes = position.as_bytes();
    let (integer, fraction) = bytes.split_at_checked(integer_bytes(*bytes.first()?)?)?;
    let digits_ok = integer
        .iter()
        .skip(1)
        .chain(fraction)
        .all(|b| digit_value(*b).is_some());
    (digits_ok && fraction.last() != Some(&b'0')).then_some((integer, fraction))
}

/// The integer after `integer`; `None` past the last (62^26 elements).
fn increment(integer: &[u8]) -> Option<Vec<u8>> {
    let mut out = integer.to_vec();
    for byte in out.iter_mut().skip(1).rev() {
        let value = digit_value(*byte)? + 1;
        *byte = digit(value % 62);
        if value < 62 {
            return Some(out);
        }
    }
    let head = *out.first()?;
    let (head, bytes) = match head {
        b'Z' => (b'a', 2),
        b'z' => return None,
        b'a'..=b'y' => (head + 1, out.len() + 1),
        _ => (head + 1, out.len() - 1),
    };
    let mut next = vec![b'0'; bytes];
    *next.first_mut()? = head;
    Some(next)
}

/// The integer before `integer`; `None` before the first.
fn decrement(integer: &[u8]) -> Option<Vec<u8>> {
    let mut out = integer.to_vec();
    for byte in out.iter_mut().skip(1).rev() {
        let value = digit_value(*byte)?;
        *byte = digit((value + 61) % 62);
        if value > 0 {
            return Some(out);
        }
    }
    let head = *out.first()?;
    let (head, bytes) = match head {
        b'a' => (b'Z', 2),
        b'A' => return None,
        b'b'..=b'z' => (head - 1, out.len() - 1),
        _ => (head - 1, out.len() + 1),
    };
    let mut next = vec![b'z'; bytes];
    *next.first_mut()? = head;
    Some(next)
}

/// A fraction strictly between two; an absent upper bound is 1.
fn midpoint(low: &[u8], high: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(low.len() + 1);
    let mut high = high;
    let mut at = 0;
    loop {
        let low_digit = low.get(at).and_then(|d| digit_value(*d)).unwrap_or(0);
        let high_digit = match high {
            Some(high) => high.get(at).and_then(|d| digit_value(*d)).unwrap_or(0),
            None => 62,
        };
        if high_digit > low_digit + 1 {
            out.push(digit(low_digit + (high_digit - low_digit) / 2));
            return out;
        }
        out.push(digit(low_digit));
        // One apart: everything that follows the lower digit is below the upper.
        if high_digit > low_digit {
            high = None;
        }
        at += 1;
    }
}

/// A position strictly between `low` and `high`; an absent bound is an end of
/// the list. Arguments that are no positions, or not in order, are treated as
/// absent: positions come from other nodes, and a merge cannot be refused.
pub(crate) fn between(low: Option<&str>, high: Option<&str>) -> String {
    let low_parts = low.and_then(split);
    let mut high_parts = high.and_then(split);
    if let (Some(low), Some(high)) = (low, high)
        && low >= high
    {
        high_parts = None;
    }
    let made = match (low_parts, high_parts) {
        (None, None) => b"a0".to_vec(),
        (None, Some((integer, fraction))) => {
            if fraction.is_empty() {
                // Below the very first integer there is no room: nobody gets
                // there by inserting, and a tie in position is survivable.
                decrement(integer).unwrap_or_else(|| integer.to_vec())
            } else {
                integer.to_vec()
            }
        }
        (Some((integer, fraction)), None) => increment(integer).unwrap_or_else(|| {
            let mut out = integer.to_vec();
            out.extend(midpoint(fraction, None));
            out
        }),
        (Some((low_int, low_frac)), Some((high_int, high_frac))) => {
            if low_int == high_int {
                let mut out = low_int.to_vec();
                out.extend(midpoint(low_frac, Some(high_frac)));
                out
            } else {
                match increment(low_int) {
                    Some(next) if next.as_slice() < high_int || !high_frac.is_empty() && next == high_int => {
                        next
                    }
                    _ => {
                        let mut out = low_int.to_vec();
                        out.extend(midpoint(low_frac, None));
                        out
                    }
                }
            }
        }
    };
    String::from_utf8(made).unwrap_or_else(|_| "a0".to_owned())
}

/// `count` ascending positions between two, or beyond one. Appending and
/// prepending count; between two the names grow with the logarithm of `count`.
pub(crate) fn spread(low: Option<&str>, high: Option<&str>, count: usize) -> Vec<String> {
    let mut out = Vec::with_capacity(count);
    match (low, high) {
        (None, Some(_)) => {
            for _ in 0..count {
                let next = between(None, out.last().map(String::as_str).or(high));
                out.push(next);
            }
            out.reverse();
        }
        (_, None) => {
            for _ in 0..count {
                let next = between(out.last().map(String::as_str).or(low), None);
                out.push(next);
            }
        }
        (Some(_), Some(_)) => halve(low, high, count, &mut out),
    }
    out
}

fn halve(low: Option<&str>, high: Option<&str>, count: usize, out: &mut Vec<String>) {
    let Some(others) = count.checked_sub(1) else {
        return;
    };
    let middle = between(low, high);
    halve(low, Some(&middle), others / 2, out);
    out.push(middle.clone());
    halve(Some(&middle), high, others - others / 2, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn appending_counts() {
        let mut last: Option<String> = None;
        for at in 0..5_000 {
            let next = between(last.as_deref(), None);
            assert!(last.as_deref().is_none_or(|l| l < next.as_str()));
            match at {
                0 => assert_eq!(next, "a0"),
                61 => assert_eq!(next, "az"),
                62 => assert_eq!(next, "b00"),
                _ => {}
            }
            last = Some(next);
        }
    }

    #[test]
    fn prepending_goes_below_zero() {
        let mut first = "a0".to_owned();
        for _ in 0..5_000 {
            let next = between(None, Some(&first));
            assert!(next < first, "{next} {first}");
            first = next;
        }
    }

    #[test]
    fn nonsense_from_elsewhere_is_survived() {
        for (low, high) in [("", "~"), ("zz", "a"), ("a0", "a0"), ("~~", "a0"), ("a", "")] {
            assert!(split(&between(Some(low), Some(high))).is_some());
        }
    }

    #[test]
    fn many_at_once_stay_short() {
        for (low, high) in [
            (None, None),
            (Some("a0"), None),
            (None, Some("a0")),
            (Some("a0"), Some("a1")),
        ] {
            let made = spread(low, high, 2_000);
            assert_eq!(made.len(), 2_000);
            assert!(made.is_sorted_by(|a, b| a < b));
            assert!(low.is_none_or(|low| low < made[0].as_str()));
            assert!(high.is_none_or(|high| made[1_999].as_str() < high));
            assert!(
                made.iter().all(|position| position.len() <= 8),
                "{:?}",
                made.iter().map(String::len).max()
            );
        }
    }

    /// Each neighbour of the other, also where the names change their length.
    const NEIGHBOURS: [(&str, &str); 14] = [
        ("a0", "a1"),
        ("a9", "aA"),
        ("aZ", "aa"),
        ("az", "b00"),
        ("b0z", "b10"),
        ("bzz", "c000"),
        ("czzz", "d0000"),
        ("Zz", "a0"),
        ("Z0", "Z1"),
        ("Yzz", "Z0"),
        ("Y0z", "Y10"),
        ("Xzzz", "Y00"),
        ("Wzzzz", "X000"),
        ("Azzzzzzzzzzzzzzzzzzzzzzzzzz", "B0000000000000000000000000"),
    ];

    #[test]
    fn the_next_and_the_one_before_are_neighbours_whatever_their_length() {
        for (low, high) in NEIGHBOURS {
            assert!(
                low < high && split(low).is_some() && split(high).is_some(),
                "{low} {high}"
            );
            assert_eq!(between(Some(low), None), high);
            assert_eq!(between(None, Some(high)), low);
            let middle = between(Some(low), Some(high));
            assert_eq!(middle, format!("{low}V"));
            // What is put between can be read, and put beside again.
            for (low, high) in [(low, middle.as_str()), (middle.as_str(), high)] {
                let next = between(Some(low), Some(high));
                assert!(low < next.as_str() && next.as_str() < high, "{low} {next} {high}");
                assert!(split(&next).is_some(), "{next}");
            }
        }
    }

    #[test]
    fn what_was_put_in_front_of_a_list_has_room_behind_each() {
        let mut row = spread(None, Some("a0"), 5_000);
        row.push("a0".to_owned());
        for pair in row.windows(2) {
            assert_eq!(
                (between(Some(&pair[0]), None), between(None, Some(&pair[1]))),
                (pair[1].clone(), pair[0].clone())
            );
            let middle = between(Some(&pair[0]), Some(&pair[1]));
            assert!(
                pair[0] < middle && middle < pair[1] && split(&middle).is_some(),
                "{middle}"
            );
        }
    }

    #[test]
    fn a_position_between_two_is_this_one() {
        for (low, high, expected) in [
            (None, None, "a0"),
            (None, Some("a0V"), "a0"),
            (Some("a0V"), None, "a1"),
            (Some("a0"), Some("a2"), "a1"),
            (Some("a0"), Some("b00"), "a1"),
            (Some("a0"), Some("a1V"), "a1"),
            (Some("a0V"), Some("a1"), "a0k"),
            (Some("a0"), Some("a0V"), "a0F"),
            (Some("a0"), Some("a01"), "a00V"),
            (Some("a0V"), Some("a0W"), "a0VV"),
            (Some("a0z"), Some("a1"), "a0zV"),
            // What is no position, or in no order, is no bound.
            (Some("a1"), Some("a0"), "a2"),
            (Some("a1"), Some("a1"), "a2"),
            (Some("?"), Some("a0"), "Zz"),
            (Some("a0"), Some("~"), "a1"),
        ] {
            assert_eq!(between(low, high), expected, "{low:?} {high:?}");
        }
        let last = format!("z{}", "z".repeat(26));
        let beyond = between(Some(&last), None);
        assert!(last < beyond && split(&beyond).is_some());
        let first = format!("A{}", "0".repeat(26));
        assert_eq!(between(None, Some(&first)), first);
    }

    #[test]
    fn what_is_no_position_is_not_taken_for_one() {
        for good in ["a0", "az", "b00", "Zz", "Y00", "a0V", "a00V", "b00z"] {
            assert!(split(good).is_some(), "{good}");
        }
        for bad in [
            "", "a", "b0", "Y0", "0", "~0", "a-", "a0-", "a0 ", "a00", "a0V0", "\u{e9}0", "a\u{e9}", "[0",
            "`0", "@0", "{0",
        ] {
            assert!(split(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::cases(256))]

        #[test]
        fn there_is_always_room(steps in prop::collection::vec(0_usize..1_000, 1..200)) {
            let mut list: Vec<String> = Vec::new();
            for step in steps {
                let at = step % (list.len() + 1);
                let low = at.checked_sub(1).and_then(|i| list.get(i)).cloned();
                let high = list.get(at).cloned();
                let new = between(low.as_deref(), high.as_deref());
                prop_assert!(split(&new).is_some());
                if let Some(low) = &low { prop_assert!(*low < new, "{low} {new}"); }
                if let Some(high) = &high { prop_assert!(new < *high, "{new} {high}"); }
                list.insert(at, new);
            }
        }
    }
}
