//! Names: of records (`Type/id`) and of the registers inside one.
//!
//! Invariants:
//! - a record key has one spelling, so it can be signed and compared as text;
//! - a register key is made of segments joined by `/`. A segment is either a
//!   field name or, with an unescaped `-` in it, a list element
//!   `<position>-<hash>[.ordinal]`; a field that holds a choice of types ends
//!   in an unescaped `[x]`; names of our own begin with an unescaped `!`. What
//!   comes from outside is escaped, so it can be mistaken for none of these;
//! - splitting and joining are inverse to each other.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The longest type name and the longest id, in bytes.
pub const KEY_PART_BYTES_MAX: usize = 64;

/// The register that says whether the record exists.
pub const RECORD_MARKER: &str = "!record";
/// What stands before a conflict group's name.
pub const GROUP_PREFIX: &str = "!group/";

/// The key of one record: FHIR resource type and id. Text form: `Type/id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    kind: Box<str>,
    id: Box<str>,
}

/// Why a text is no record key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// There is no single `/` between type and id.
    #[error("a record key is written Type/id")]
    Form,
    /// The type is empty, too long, or has something other than ASCII letters and digits.
    #[error("the record's type is not a type name")]
    Kind,
    /// The id is empty, too long, or has something other than letters, digits, `-` and `.`.
    #[error("the record's id must be 1 to 64 of A-Z a-z 0-9 - .")]
    Id,
}

impl RecordKey {
    /// Checks lengths and characters (FHIR R4, data type `id`).
    ///
    /// # Errors
    /// [`KeyError`] names the part that is wrong.
    pub fn new(kind: &str, id: &str) -> Result<RecordKey, KeyError> {
        let length_ok = |part: &str| !part.is_empty() && part.len() <= KEY_PART_BYTES_MAX;
        let kind_ok = kind.bytes().all(|b| b.is_ascii_alphanumeric())
            && kind.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
        if !length_ok(kind) || !kind_ok {
            return Err(KeyError::Kind);
        }
        if !length_ok(id)
            || !id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        {
            return Err(KeyError::Id);
        }
        Ok(RecordKey {
            kind: kind.into(),
            id: id.into(),
        })
    }

    /// The resource type.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl FromStr for RecordKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<RecordKey, KeyError> {
        let (kind, id) = text.split_once('/').ok_or(KeyError::Form)?;
        RecordKey::new(kind, id)
    }
}

impl Serialize for RecordKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RecordKey, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The segment of an empty field name.
const EMPTY_NAME: &str = "~5";

/// Escapes a field name from outside for use as a segment.
pub(crate) fn escape(name: &str) -> Cow<'_, str> {
    if name.is_empty() {
        return Cow::Borrowed(EMPTY_NAME);
    }
    if !name
        .bytes()
        .any(|b| matches!(b, b'~' | b'/' | b'!' | b'[' | b'-'))
    {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        match c {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            '!' => out.push_str("~2"),
            '[' => out.push_str("~3"),
            '-' => out.push_str("~4"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Undoes [`escape`]; `None` for an escape that nobody writes.
pub(crate) fn unescape(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('~') {
        return Some(Cow::Borrowed(segment));
    }
    if segment == EMPTY_NAME {
        return Some(Cow::Borrowed(""));
    }
    let mut out = String::with_capacity(segment.len());
    let mut chars = segment.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                '2' => '!',
                '3' => '[',
                '4' => '-',
                _ => return None,
            },
            c => c,
        });
    }
    Some(Cow::Owned(out))
}

/// The name before `[x]` of a segment that holds a choice of types.
pub(crate) fn choice_stem(segment: &str) -> Option<&str> {
    segment.strip_suffix("[x]")
}

/// A list element's name: position, hash of its first content, ordinal among
/// equals. Sorts as the list is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ElementId {
    pub(crate) position: Box<str>,
    pub(crate) hash: Box<str>,
    pub(crate) ordinal: u32,
}

impl ElementId {
    /// Reads an element segment; `None` for a field segment or nonsense.
    pub(crate) fn parse(segment: &str) -> Option<ElementId> {
        let (position, rest) = segment.split_once('-')?;
        let (hash, ordinal) = match rest.split_once('.') {
            Some((hash, ordinal)) => {
                let number: u32 = ordinal.parse().ok()?;
                // One spelling only: no leading zero or sign, and 0 is left out.
                if number == 0 || ordinal.starts_with(['0', '+']) {
                    return None;
                }
                (hash, number)
            }
            None => (rest, 0),
        };
        if position.is_empty() || hash.is_empty() || segment.contains('/') {
            return None;
        }
        Some(ElementId {
            position: position.into(),
            hash: hash.into(),
            ordinal,
        })
    }
}

impl fmt::Display for ElementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.position, self.hash)?;
        if self.ordinal > 0 {
            write!(f, ".{}", self.ordinal)?;
        }
        Ok(())
    }
}

/// The element path that a policy knows a register by: field names joined by
/// dots, list elements left out (`contact/a0-x/name` is `contact.name`).
pub fn element_path(register: &str) -> String {
    let mut path = String::with_capacity(register.len());
    for segment in register.split('/').filter(|segment| !segment.contains('-')) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&unescape(segment).unwrap_or(Cow::Borrowed(segment)));
    }
    path
}

/// `prefix/segment`, or `segment` alone at the top.
pub(crate) fn join(prefix: &str, segment: &str) -> String {
    if prefix.is_empty() {
        return segment.to_owned();
    }
    let mut key = String::with_capacity(prefix.len() + 1 + segment.len());
    key.push_str(prefix);
    key.push('/');
    key.push_str(segment);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn record_keys_have_one_spelling() {
        for good in ["Patient/1", "Patient/a-b.C", "X9/0"] {
            assert_eq!(good.parse::<RecordKey>().unwrap().to_string(), good);
        }
        for bad in [
            "Patient",
            "Patient/",
            "/1",
            "Patient/a/b",
            "Patient/ä",
            "9X/1",
            "Pa tient/1",
        ] {
            assert!(bad.parse::<RecordKey>().is_err(), "{bad}");
        }
        assert!(RecordKey::new("Patient", &"a".repeat(65)).is_err());
    }

    #[test]
    fn an_element_has_one_spelling() {
        for good in ["a0-abcdefgh", "a0-abcdefgh.1", "a0-abcdefgh.10"] {
            assert_eq!(ElementId::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "a0", "-x", "a0-", "a0-x.0", "a0-x.01", "a0-x.+1", "a0-x.", "a0-x.-1",
        ] {
            assert_eq!(ElementId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_record_key_is_bounded_part_by_part() {
        let long = "a".repeat(KEY_PART_BYTES_MAX);
        let over = "a".repeat(KEY_PART_BYTES_MAX + 1);
        let made = |kind: &str, id: &str| RecordKey::new(kind, id).map(|key| key.to_string());
        assert_eq!(made(&long, &long), Ok(format!("{long}/{long}")));
        assert_eq!(made("A", "-.-"), Ok("A/-.-".to_owned()));
        for (kind, id, error) in [
            (over.as_str(), "1", KeyError::Kind),
            ("", "1", KeyError::Kind),
            ("1A", "1", KeyError::Kind),
            ("A-b", "1", KeyError::Kind),
            ("A.b", "1", KeyError::Kind),
            ("A b", "1", KeyError::Kind),
            ("\u{c4}a", "1", KeyError::Kind),
            ("A/b", "1", KeyError::Kind),
            ("", "", KeyError::Kind),
            ("A", &over, KeyError::Id),
            ("A", "", KeyError::Id),
            ("A", "a_b", KeyError::Id),
            ("A", "a/b", KeyError::Id),
            ("A", "a b", KeyError::Id),
            ("A", "a,b", KeyError::Id),
            ("A", "\u{e4}", KeyError::Id),
        ] {
            assert_eq!(made(kind, id), Err(error), "{kind} {id}");
        }
        assert_eq!("A".parse::<RecordKey>(), Err(KeyError::Form));
        let key: RecordKey = "Patient/p-1.x".parse().unwrap();
        assert_eq!((key.kind(), key.id()), ("Patient", "p-1.x"));
    }

    #[test]
    fn a_record_key_is_sent_as_its_text_and_read_only_if_it_is_one() {
        let key: RecordKey = "Patient/p1".parse().unwrap();
        let bytes = postcard::to_stdvec(&key).unwrap();
        assert_eq!(bytes, postcard::to_stdvec("Patient/p1").unwrap());
        assert_eq!(postcard::from_bytes::<RecordKey>(&bytes), Ok(key));
        for bad in ["Patient", "Patient/a/b", "9/1", "Patient/"] {
            let bytes = postcard::to_stdvec(bad).unwrap();
            assert!(postcard::from_bytes::<RecordKey>(&bytes).is_err(), "{bad}");
        }
    }

    /// The escapes are frozen with the record format.
    #[test]
    fn each_sign_of_our_own_has_its_escape() {
        for (name, segment) in [
            ("", "~5"),
            ("~", "~0"),
            ("/", "~1"),
            ("!", "~2"),
            ("[", "~3"),
            ("-", "~4"),
            ("~5", "~05"),
            ("a", "a"),
            ("a]b.c_d", "a]b.c_d"),
            ("value[x]", "value~3x]"),
            ("!record", "~2record"),
            ("a0-abcdefgh", "a0~4abcdefgh"),
            ("\u{e9}/~!", "\u{e9}~1~0~2"),
        ] {
            assert_eq!(escape(name), segment, "{name}");
            assert_eq!(unescape(segment).as_deref(), Some(name), "{segment}");
        }
        for nobodys in ["~", "a~", "~6", "~9", "~a", "~5a", "a~5", "~~"] {
            assert_eq!(unescape(nobodys), None, "{nobodys}");
        }
        assert_eq!(
            (choice_stem("value[x]"), choice_stem("value")),
            (Some("value"), None)
        );
        assert_eq!((choice_stem("value~3x]"), choice_stem("[x]")), (None, Some("")));
        assert_eq!(
            (join("", "a"), join("a", "b"), join("a/b", "c")),
            ("a".into(), "a/b".into(), "a/b/c".into())
        );
    }

    #[test]
    fn a_policy_knows_a_register_by_its_names() {
        for (register, path) in [
            ("a~1b/c~4d", "a/b.c-d"),
            ("contact/a0-abcdefgh/telecom/a1-x.2", "contact.telecom"),
            ("item/a0-x/item/a0-y/text", "item.item.text"),
            ("~5", ""),
            ("~9/a", "~9.a"),
        ] {
            assert_eq!(element_path(register), path);
        }
    }

    /// A list is shown in this order.
    #[test]
    fn elements_stand_by_position_then_by_content_then_by_number() {
        let mut ids = [
            "b00-a", "a1-a.10", "a1-a.2", "a1-b", "a1-a", "Zz-z", "a0V-a", "a0-z",
        ]
        .map(|id| ElementId::parse(id).unwrap());
        ids.sort();
        let order = ids.map(|id| id.to_string());
        assert_eq!(
            order,
            [
                "Zz-z", "a0-z", "a0V-a", "a1-a", "a1-a.2", "a1-a.10", "a1-b", "b00-a"
            ]
        );
    }

    #[test]
    fn element_paths_leave_out_list_elements() {
        assert_eq!(element_path("contact/a0-abcdefgh.2/name"), "contact.name");
        assert_eq!(element_path("component/a0-x/value[x]"), "component.value[x]");
        assert_eq!(element_path("status"), "status");
    }

    proptest! {
        #![proptest_config(crate::testing::cases(256))]

        #[test]
        fn escaping_is_inverted_and_hides_our_own_signs(name in ".*") {
            let escaped = escape(&name);
            prop_assert!(!escaped.is_empty() && !escaped.contains(['/', '!', '[', '-']));
            let back = unescape(&escaped).unwrap();
            prop_assert_eq!(back.as_ref(), name.as_str());
        }

        #[test]
        fn element_ids_are_read_as_written(position in "[0-9A-Za-z]{1,6}", hash in "[0-9A-Za-z_-]{8}", ordinal in 0_u32..99) {
            let id = ElementId { position: position.into(), hash: hash.into(), ordinal };
            prop_assert_eq!(ElementId::parse(&id.to_string()), Some(id));
        }
    }
}
