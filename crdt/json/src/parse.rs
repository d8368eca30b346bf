//! A bounded RFC 8259 parser that refuses what two readers could take differently.

use std::collections::btree_map::Entry;

use thiserror::Error;

use crate::number::is_number;
use crate::{Json, Number, Object};

/// Bounds on what is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest text, in bytes.
    pub bytes_max: usize,
    /// The deepest nesting of arrays and objects, in levels.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes_max: 64 << 20,
            depth_max: 100,
        }
    }
}

/// Why a text was not taken, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, in bytes from the start.
    pub offset_bytes: usize,
    /// Where: the line, from 1.
    pub line: usize,
    /// Where: the byte within the line, from 1.
    pub column: usize,
}

/// What is wrong with a text. No variant carries a value from it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseErrorKind {
    /// The text is longer than [`Limits::bytes_max`].
    #[error("the text is larger than the limit of {bytes_max} bytes")]
    TooLarge {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// Nesting goes deeper than [`Limits::depth_max`].
    #[error("nested deeper than the limit of {depth_max} levels")]
    TooDeep {
        /// The limit, in levels.
        depth_max: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// An object has a key twice.
    #[error("the key \"{key}\" stands twice in one object")]
    DuplicateKey {
        /// The key, cut after 64 characters.
        key: String,
    },
    /// Something else was expected here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A `\u` escape that is half of a surrogate pair.
    #[error("half of a surrogate pair")]
    LoneSurrogate,
    /// A control character inside a string.
    #[error("a control character that is not escaped")]
    ControlCharacter,
    /// Text after the value.
    #[error("text after the end of the value")]
    Trailing,
}

/// Parses one value that is the whole of `text`.
///
/// # Errors
/// [`ParseError`] names what is wrong and where.
pub fn parse(text: &[u8], limits: &Limits) -> Result<Json, ParseError> {
    if text.len() > limits.bytes_max {
        let kind = ParseErrorKind::TooLarge {
            bytes_max: limits.bytes_max,
        };
        return Err(ParseError {
            kind,
            offset_bytes: limits.bytes_max,
            line: 1,
            column: 1,
        });
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match std::str::from_utf8(text) {
        Ok(text) => Parser {
            text,
            at: 0,
            depth_max: limits.depth_max,
        }
        .document(),
        Err(error) => Err(located(text, error.valid_up_to(), ParseErrorKind::NotUtf8)),
    }
}

/// Parses a string with the default [`Limits`].
///
/// # Errors
/// [`ParseError`] names what is wrong and where.
pub fn parse_str(text: &str) -> Result<Json, ParseError> {
    parse(text.as_bytes(), &Limits::default())
}

fn located(text: &[u8], at: usize, kind: ParseErrorKind) -> ParseError {
    let before = text.get(..at).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    ParseError {
        kind,
        offset_bytes: at,
        line,
        column,
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth_max: usize,
}

impl<'a> Parser<'a> {
    fn document(mut self) -> Result<Json, ParseError> {
        let value = self.value(0)?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.error(ParseErrorKind::Trailing));
        }
        Ok(value)
    }

    fn error(&self, kind: ParseErrorKind) -> ParseError {
        located(self.text.as_bytes(), self.at, kind)
    }

    fn expected<T>(&self, what: &'static str) -> Result<T, ParseError> {
        Err(self.error(ParseErrorKind::Expected(what)))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json, ParseError> {
        if depth > self.depth_max {
            return Err(self.error(ParseErrorKind::TooDeep {
                depth_max: self.depth_max,
            }));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => self.expected("a value"),
        }
    }

    fn word(&mut self, word: &'static str, value: Json) -> Result<Json, ParseError> {
        if self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            self.at += word.len();
            return Ok(value);
        }
        self.expected("a value")
    }

    fn number(&mut self) -> Result<Json, ParseError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest
            .bytes()
            .take_while(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count();
        let literal = rest.get(..length).unwrap_or_default();
        let number = is_number(literal.as_bytes())
            .then(|| Number::parse(literal))
            .flatten();
        match number {
            Some(number) => {
                self.at += length;
                Ok(Json::Number(number))
            }
            None => self.expected("a number"),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, ParseError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            if !self.take(b',') {
                return self.expected("',' or ']'");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, ParseError> {
        self.at += 1;
        let mut members = Object::new();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.expected("a key in quotes");
            }
            let key_at = self.at;
            let key = self.string()?;
            if !self.take(b':') {
                return self.expected("':'");
            }
            match members.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(self.value(depth + 1)?);
                }
                Entry::Occupied(entry) => {
                    let key = entry.key().chars().take(64).collect();
                    self.at = key_at;
                    return Err(self.error(ParseErrorKind::DuplicateKey { key }));
                }
            }
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return self.expected("',' or '}'");
            }
        }
    }

    fn string(&mut self) -> Result<String, ParseError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest: &'a str = self.text.get(self.at..).unwrap_or_default();
            let plain = rest
                .bytes()
                .position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            let Some(plain) = plain else {
                self.at = self.text.len();
                return self.expected("the end of a string");
            };
            out.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.error(ParseErrorKind::ControlCharacter)),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        self.at += 1;
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return self.expected("an escape"),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, ParseError> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff => {
                let low = match self.text.as_bytes().get(self.at..self.at + 2) {
                    Some(b"\\u") => {
                        self.at += 1;
                        self.hex4()?
                    }
                    _ => return Err(self.error(ParseErrorKind::LoneSurrogate)),
                };
                if !(0xdc00..=0xdfff).contains(&low) {
                    return Err(self.error(ParseErrorKind::LoneSurrogate));
                }
                0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.error(ParseErrorKind::LoneSurrogate))
    }

    /// Reads `uXXXX` with the cursor on the `u`.
    fn hex4(&mut self) -> Result<u32, ParseError> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        let code = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                self.at += 5;
                Ok(code)
            }
            None => self.expected("four hexadecimal digits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_texts_say_what_and_where() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "expected a value at line 1, column 1"),
            (
                b"{\"a\":1,\n \"a\":2}",
                "the key \"a\" stands twice in one object at line 2, column 2",
            ),
            (b"[1,]", "expected a value at line 1, column 4"),
            (b"[1 2]", "expected ',' or ']' at line 1, column 4"),
            (b"{a:1}", "expected a key in quotes at line 1, column 2"),
            (b"01", "expected a number at line 1, column 1"),
            (b"1 x", "text after the end of the value at line 1, column 3"),
            (b"\"a", "expected the end of a string at line 1, column 3"),
            (
                b"\"\n\"",
                "a control character that is not escaped at line 1, column 2",
            ),
            (b"\"\\ud800\"", "half of a surrogate pair at line 1, column 8"),
            (b"\"\xff\"", "the text is not UTF-8 at line 1, column 2"),
            (b"nul", "expected a value at line 1, column 1"),
        ];
        for (text, message) in cases {
            assert_eq!(parse(text, &Limits::default()).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn bounds_hold() {
        let limits = Limits {
            bytes_max: 1000,
            depth_max: 10,
        };
        let deep = [b"[".repeat(11), b"]".repeat(11)].concat();
        assert!(parse(&deep, &limits).is_ok());
        let deeper = [b"[".repeat(12), b"]".repeat(12)].concat();
        let kind = parse(&deeper, &limits).unwrap_err().kind;
        assert_eq!(kind, ParseErrorKind::TooDeep { depth_max: 10 });
        let kind = parse(&[b' '; 1001], &limits).unwrap_err().kind;
        assert_eq!(kind, ParseErrorKind::TooLarge { bytes_max: 1000 });
    }

    #[test]
    fn surrogate_pairs_and_escapes() {
        let value = parse_str(r#""\ud83d\ude00\u00e9\/\n""#).unwrap();
        assert_eq!(value.as_str(), Some("😀é/\n"));
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?"
                .prop_map(|text| Json::Number(Number::parse(&text).unwrap())),
            any::<String>().prop_map(Json::String),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Json::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..8).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        // Ten times as often in a soak.
        #![proptest_config(ProptestConfig::with_cases(
            if std::env::var_os("CHASKI_SOAK").is_some() { 2_560 } else { 256 },
        ))]

        #[test]
        fn both_texts_read_back_as_the_same_value(value in any_json()) {
            prop_assert_eq!(&parse_str(&value.canonical()).unwrap(), &value);
            prop_assert_eq!(&parse_str(&value.pretty()).unwrap(), &value);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, &Limits::default());
        }
    }
}
