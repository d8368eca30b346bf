//! JSON to registers: what a record says, in the shape its policy gives it.
//!
//! Invariants:
//! - encoding and [`crate::decode`] are inverse: JSON goes through registers
//!   and comes back equal, except for what the policy ignores;
//! - a register's text is canonical, so equal content is equal text;
//! - a primitive and its `_` sibling are one register; all types of a choice
//!   are one register. Where JSON does not fit these pairs (a sibling of the
//!   wrong form, two types of one choice) each key stands for itself.

use crate::key::{choice_stem, escape};
use crate::policy::{Identity, Policy, Shape};
use chaski_json::{Json, Object};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The children of an object, by key segment.
pub(crate) type Fields = BTreeMap<String, Field>;

/// One element of an object as it will stand in registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// A register's text.
    Value(String),
    /// A register or a marker for each item.
    List(Vec<Item>),
    /// As a list, but an update only adds.
    Set(Vec<Item>),
    /// A marker with children.
    Object(Fields),
    /// Children without a marker.
    Group(Fields),
}

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Canonical text of the whole item.
    pub(crate) content: String,
    /// What identifies it across edits, strongest first.
    pub(crate) identity: Vec<String>,
    /// Its children, if it is a backbone element.
    pub(crate) fields: Option<Fields>,
}

/// Turns JSON into fields by a policy.
pub(crate) struct Encoder<'a> {
    pub(crate) kind: &'a str,
    pub(crate) policy: &'a dyn Policy,
}

/// A key of an object with its `_` sibling put beside it.
struct Pair<'a> {
    name: &'a str,
    value: Option<&'a Json>,
    sibling: Option<&'a Json>,
}

impl Encoder<'_> {
    /// Encodes a whole record.
    pub(crate) fn record(&self, record: &Object) -> Fields {
        self.object("", record)
    }

    pub(crate) fn object(&self, path: &str, object: &Object) -> Fields {
        let pairs = pair(object);
        let mut choices: BTreeMap<&str, u32> = BTreeMap::new();
        for pair in &pairs {
            if let Some((base, _)) = self.choice(path, pair.name) {
                *choices.entry(base).or_default() += 1;
            }
        }
        let mut fields = Fields::new();
        for pair in pairs {
            if let Some((base, suffix)) = self.choice(path, pair.name)
                && choices.get(base) == Some(&1)
                && !pair.sibling.is_some_and(|s| matches!(s, Json::Array(_)))
            {
                let mut text = String::with_capacity(64);
                text.push_str(suffix);
                text.push('=');
                write_value(pair.value, pair.sibling, &mut text);
                let stem = choice_stem(base).unwrap_or(base);
                fields.insert(format!("{}[x]", escape(stem)), Field::Value(text));
            } else if let Some(field) = self.field(path, &pair) {
                fields.insert(escape(pair.name).into_owned(), field);
            }
        }
        fields
    }

    /// A choice whose key is really its stem and type, so that it can be undone.
    fn choice<'s>(&'s self, path: &str, name: &str) -> Option<(&'s str, &'s str)> {
        let (base, suffix) = self.policy.choice_base(self.kind, path, name)?;
        let whole = name.strip_prefix(choice_stem(base)?)? == suffix;
        let plain = !suffix.is_empty() && suffix.bytes().all(|b| b.is_ascii_alphanumeric());
        (whole && plain).then_some((base, suffix))
    }

    fn field(&self, path: &str, pair: &Pair<'_>) -> Option<Field> {
        let path: Cow<'_, str> = if path.is_empty() {
            Cow::Borrowed(pair.name)
        } else {
            Cow::Owned(format!("{path}.{}", pair.name))
        };
        let shape = self.policy.element(self.kind, &path);
        match (shape, pair.value, pair.sibling) {
            (Shape::Ignore, ..) => return None,
            (Shape::Group, Some(Json::Object(object)), None) if !object.is_empty() => {
                let fields = self.object(&path, object);
                return (!fields.is_empty()).then_some(Field::Group(fields));
            }
            (Shape::Backbone, Some(Json::Object(object)), None) => {
                return Some(Field::Object(self.object(&path, object)));
            }
            _ => {}
        }
        let Some(items) = items(pair.value, pair.sibling) else {
            let mut text = String::with_capacity(64);
            write_value(pair.value, pair.sibling, &mut text);
            return Some(Field::Value(text));
        };
        let (identity, backbone): (Identity, bool) = match shape {
            Shape::List { identity } => (identity, false),
            Shape::BackboneList { identity } => (identity, true),
            _ => (&[], false),
        };
        let items = items
            .map(|(value, sibling)| self.item(&path, value, sibling, identity, backbone))
            .collect();
        Some(if shape == Shape::Set {
            Field::Set(items)
        } else {
            Field::List(items)
        })
    }

    fn item(
        &self,
        path: &str,
        value: Option<&Json>,
        sibling: Option<&Json>,
        identity: Identity,
        backbone: bool,
    ) -> Item {
        let mut content = String::with_capacity(96);
        write_value(value, sibling, &mut content);
        let fields = match (backbone, value, sibling) {
            (true, Some(Json::Object(object)), None) => Some(self.object(path, object)),
            _ => None,
        };
        // A backbone's ignored children must not count as content.
        Item {
            identity: value.map(|v| identities(v, identity)).unwrap_or_default(),
            content,
            fields,
        }
    }
}

/// What identifies an element: its own `id`, then the fields its type has for it.
pub(crate) fn identities(value: &Json, identity: Identity) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(id) = value.get("id") {
        found.push(format!("id:{id}"));
    }
    let mut text = String::from("fields");
    let mut any = false;
    for field in identity {
        text.push(':');
        if let Some(part) = inside(value, field) {
            part.write_canonical(&mut text);
            any = true;
        }
    }
    if any {
        found.push(text);
    }
    found
}

/// A dotted path inside an element; of a list on the way, its first item.
fn inside<'j>(value: &'j Json, path: &str) -> Option<&'j Json> {
    path.split('.').try_fold(value, |value, name| match value {
        Json::Array(items) => items.first()?.get(name),
        value => value.get(name),
    })
}

/// Puts each key beside its `_` sibling where the two make a pair.
fn pair(object: &Object) -> Vec<Pair<'_>> {
    let mut pairs = Vec::with_capacity(object.len());
    for (key, value) in object {
        if let Some(base) = key.strip_prefix('_').filter(|base| !base.is_empty())
            && pairable(object.get(base), value)
        {
            if !object.contains_key(base) {
                pairs.push(Pair {
                    name: base,
                    value: None,
                    sibling: Some(value),
                });
            }
            continue;
        }
        let sibling = sibling_of(object, key).filter(|sibling| pairable(Some(value), sibling));
        pairs.push(Pair {
            name: key,
            value: Some(value),
            sibling,
        });
    }
    pairs
}

fn sibling_of<'a>(object: &'a Object, key: &str) -> Option<&'a Json> {
    // Keys sort, and '_' stands between the two cases: most objects have none.
    object
        .range::<str, _>((Bound::Included("_"), Bound::Excluded("`")))
        .next()?;
    object.get(&format!("_{key}"))
}

/// Whether decoding can tell the pair apart from two keys of their own.
fn pairable(value: Option<&Json>, sibling: &Json) -> bool {
    let primitive = |v: &Json| !matches!(v, Json::Object(_) | Json::Array(_) | Json::Null);
    match (value, sibling) {
        (None, Json::Object(_)) => true,
        (Some(value), Json::Object(_)) => primitive(value),
        (None, Json::Array(siblings)) => {
            !siblings.is_empty() && siblings.iter().all(|s| matches!(s, Json::Object(_)))
        }
        (Some(Json::Array(values)), Json::Array(siblings)) => {
            values.len() == siblings.len()
                && values.iter().any(|v| !v.is_null())
                && siblings.iter().any(|s| !s.is_null())
                && values.iter().zip(siblings).all(|(v, s)| {
                    (v.is_null() || primitive(v))
                        && matches!(s, Json::Object(_) | Json::Null)
                        && !(v.is_null() && s.is_null())
                })
        }
        _ => false,
    }
}

type ItemParts<'a> = (Option<&'a Json>, Option<&'a Json>);

/// The items of a list with their siblings; `None` if this is no list.
fn items<'a>(
    value: Option<&'a Json>,
    sibling: Option<&'a Json>,
) -> Option<Box<dyn Iterator<Item = ItemParts<'a>> + 'a>> {
    let paired = |v: &'a Json, s: &'a Json| match (v, s) {
        (v, Json::Null) => (Some(v), None),
        (Json::Null, s) => (None, Some(s)),
        (v, s) => (Some(v), Some(s)),
    };
    match (value, sibling) {
        (Some(Json::Array(values)), None) if !values.is_empty() => {
            Some(Box::new(values.iter().map(|v| (Some(v), None))))
        }
        (Some(Json::Array(values)), Some(Json::Array(siblings))) => Some(Box::new(
            values.iter().zip(siblings).map(move |(v, s)| paired(v, s)),
        )),
        (None, Some(Json::Array(siblings))) => Some(Box::new(siblings.iter().map(|s| (None, Some(s))))),
        _ => None,
    }
}

/// Canonical JSON, or `_[value,sibling]` with null for an absent value.
pub(crate) fn write_value(value: Option<&Json>, sibling: Option<&Json>, out: &mut String) {
    let Some(sibling) = sibling else {
        value.unwrap_or(&Json::Null).write_canonical(out);
        return;
    };
    out.push_str("_[");
    value.unwrap_or(&Json::Null).write_canonical(out);
    out.push(',');
    sibling.write_canonical(out);
    out.push(']');
}

/// Eight base64url characters of SHA-256: the name of a list element's first
/// content.
pub(crate) fn content_hash(content: &str) -> Box<str> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digest: [u8; 32] = Sha256::digest(content.as_bytes()).into();
    let bits = digest
        .iter()
        .take(6)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let name: String = (0..8)
        .rev()
        .map(|at| usize::try_from(bits >> (6 * at) & 63).unwrap_or(0))
        .map(|digit| char::from(DIGITS.get(digit).copied().unwrap_or(b'A')))
        .collect();
    name.into()
}

/// Eight bytes that stand for a conflict group's members as written.
pub(crate) fn group_hash<'a>(members: impl Iterator<Item = (&'a String, &'a Field)>) -> Vec<u8> {
    let mut hash = Sha256::new();
    for (name, field) in members {
        hash_text(&mut hash, b'n', name);
        hash_field(&mut hash, field);
    }
    hash.finalize().iter().copied().take(8).collect()
}

fn hash_text(hash: &mut Sha256, tag: u8, text: &str) {
    hash.update([tag]);
    hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(text.as_bytes());
}

fn hash_field(hash: &mut Sha256, field: &Field) {
    match field {
        Field::Value(text) => hash_text(hash, b'v', text),
        Field::List(items) | Field::Set(items) => {
            for item in items {
                hash_text(hash, b'i', &item.content);
            }
        }
        Field::Object(fields) | Field::Group(fields) => {
            hash.update([b'{']);
            for (name, field) in fields {
                hash_text(hash, b'n', name);
                hash_field(hash, field);
            }
            hash.update([b'}']);
        }
    }
}

#[cfg(test)]
mod tests;
