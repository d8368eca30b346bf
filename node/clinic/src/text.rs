//! Small readings of text that several features share.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Query pairs a URL may carry.
pub const QUERY_PAIRS_MAX: usize = 256;

/// Decodes `a=b&c=d`, percent-encoding and `+` included. Pairs beyond
/// [`QUERY_PAIRS_MAX`] are left out; `None` if the bytes are no UTF-8 or an
/// escape is broken.
#[must_use]
pub fn query_pairs(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(QUERY_PAIRS_MAX)
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(name)?, percent_decode(value)?))
        })
        .collect()
}

/// Decodes percent-encoding and `+`; `None` if an escape is broken or the
/// bytes are no UTF-8.
#[must_use]
pub fn percent_decode(text: &str) -> Option<String> {
    // The library lets a broken escape stand as text: then a condition would mean something else.
    let is_broken = |(at, _): (usize, &str)| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if text.match_indices('%').any(is_broken) {
        return None;
    }
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// What may stand in a query value as it is.
const IN_A_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b':')
    .remove(b'/')
    .remove(b'$');

/// Encodes what may not stand in a query value.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, IN_A_QUERY).to_string()
}

/// The bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_decode_and_encode() {
        let pairs = query_pairs("name=Jos%C3%A9+Luis&identifier=a%7C1&flag").expect("well formed");
        assert_eq!(pairs.len(), 3);
        assert_eq!(pairs[0].1, "José Luis");
        assert_eq!(pairs[1].1, "a|1");
        assert_eq!(
            percent_decode(&percent_encode("José|1&x=y z")).expect("round trip"),
            "José|1&x=y z"
        );
        assert_eq!(query_pairs("a=%zz"), None);
        assert_eq!(query_pairs("a=%ff"), None);
    }

    #[test]
    fn a_value_in_a_link_stays_one_value_whatever_stands_in_it() {
        for c in (0..=0x7f_u8)
            .map(char::from)
            .chain(['é', 'ñ', '\u{2028}', '水', '🙂'])
        {
            for value in [
                c.to_string(),
                format!("{c}{c}"),
                format!("a{c}b=1"),
                format!("%{c}41&"),
            ] {
                let encoded = percent_encode(&value);
                let pairs = query_pairs(&format!("first={encoded}&{encoded}=last")).expect("well formed");
                let expected = [("first", value.as_str()), (value.as_str(), "last")];
                let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
                assert_eq!(pairs, expected, "{value:?}");
                // Nor may it end the query, the link's attribute or the line it is printed on.
                assert!(
                    encoded.bytes().all(|byte| byte.is_ascii_graphic()),
                    "{value:?}: {encoded}"
                );
                assert!(
                    !encoded.contains(['#', '?', '"', '\'', '<', '>', ';']),
                    "{encoded}"
                );
            }
        }
    }

    #[test]
    fn a_broken_escape_is_refused_and_not_guessed() {
        for broken in ["%", "%4", "a%", "%4g", "%g4", "%%41", "%é1", "%c3", "%80"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
            assert_eq!(query_pairs(&format!("a=1&b={broken}")), None, "{broken}");
            assert_eq!(query_pairs(&format!("a=1&{broken}=b")), None, "{broken}");
        }
        assert_eq!(percent_decode("%41%c3%A9+%2B").as_deref(), Some("Aé +"));
    }
}
