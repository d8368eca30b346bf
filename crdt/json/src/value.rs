//! The value type and how it is looked into.

use std::collections::BTreeMap;

use crate::Number;

/// An object's members, sorted by key.
pub type Object = BTreeMap<String, Json>;

/// One JSON value.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its literal.
    Number(Number),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

impl Json {
    /// The member `key` of an object; `None` for anything else.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key)
    }

    /// The member `key` of an object, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        self.as_object_mut()?.get_mut(key)
    }

    /// The item `index` of an array; `None` for anything else.
    pub fn at(&self, index: usize) -> Option<&Json> {
        self.as_array()?.get(index)
    }

    /// The value at an RFC 6901 pointer (`/name/0/family`).
    pub fn pointer(&self, pointer: &str) -> Option<&Json> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer
            .strip_prefix('/')?
            .split('/')
            .try_fold(self, |value, step| {
                let step = step.replace("~1", "/").replace("~0", "~");
                match value {
                    Json::Object(members) => members.get(&step),
                    Json::Array(items) => items.get(step.parse::<usize>().ok()?),
                    _ => None,
                }
            })
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A number.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Json::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A number as a double.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// A number as an integer, if it is written as one.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    /// A number as a non-negative integer, if it is written as one.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number().and_then(Number::as_u64)
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&Vec<Json>> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The items of an array, to change.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Json>> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The members of an object, to change.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }

    /// The value, leaving `null` in its place.
    pub fn take(&mut self) -> Json {
        std::mem::take(self)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::String(text.to_owned())
    }
}
impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::String(text)
    }
}
impl From<&String> for Json {
    fn from(text: &String) -> Json {
        Json::String(text.clone())
    }
}
impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}
impl From<Number> for Json {
    fn from(number: Number) -> Json {
        Json::Number(number)
    }
}
impl From<Object> for Json {
    fn from(members: Object) -> Json {
        Json::Object(members)
    }
}
impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Json {
        Json::Array(items)
    }
}
impl From<&Json> for Json {
    fn from(value: &Json) -> Json {
        value.clone()
    }
}
impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Json {
        value.map_or(Json::Null, Into::into)
    }
}
macro_rules! from_integer {
    ($($int:ty),*) => {$(
        impl From<$int> for Json {
            fn from(value: $int) -> Json {
                Json::Number(value.into())
            }
        }
    )*};
}
from_integer!(i32, u32, i64, u64, usize);

impl FromIterator<Json> for Json {
    fn from_iter<I: IntoIterator<Item = Json>>(items: I) -> Json {
        Json::Array(items.into_iter().collect())
    }
}
impl FromIterator<(String, Json)> for Json {
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(members: I) -> Json {
        Json::Object(members.into_iter().collect())
    }
}

/// Builds a [`Json`] from a literal: `json!({"a": [1, true, null, text], "b": (expression)})`.
///
/// Keys are string literals or parenthesised expressions; values are
/// literals, arrays, objects or expressions that turn into [`Json`]. A number
/// with a decimal point is written as a literal and keeps its digits.
#[macro_export]
macro_rules! json {
    (@object $map:ident ()) => {};
    (@object $map:ident ($key:tt : $($rest:tt)*)) => { $crate::json!(@value $map ($key) () ($($rest)*)) };
    (@value $map:ident ($key:tt) ($($value:tt)+) ()) => {
        $map.insert(::std::string::String::from($key), $crate::json!($($value)+));
    };
    (@value $map:ident ($key:tt) ($($value:tt)+) (, $($rest:tt)*)) => {
        $map.insert(::std::string::String::from($key), $crate::json!($($value)+));
        $crate::json!(@object $map ($($rest)*));
    };
    (@value $map:ident ($key:tt) ($($value:tt)*) ($next:tt $($rest:tt)*)) => {
        $crate::json!(@value $map ($key) ($($value)* $next) ($($rest)*))
    };
    (@array $items:ident () ()) => {};
    (@array $items:ident ($($value:tt)+) ()) => { $items.push($crate::json!($($value)+)); };
    (@array $items:ident ($($value:tt)+) (, $($rest:tt)*)) => {
        $items.push($crate::json!($($value)+));
        $crate::json!(@array $items () ($($rest)*));
    };
    (@array $items:ident ($($value:tt)*) ($next:tt $($rest:tt)*)) => {
        $crate::json!(@array $items ($($value)* $next) ($($rest)*))
    };
    (null) => { $crate::Json::Null };
    ([]) => { $crate::Json::Array(::std::vec::Vec::new()) };
    ({}) => { $crate::Json::Object($crate::Object::new()) };
    ([$($items:tt)+]) => {{
        let mut items = ::std::vec::Vec::from([]);
        $crate::json!(@array items () ($($items)+));
        $crate::Json::Array(items)
    }};
    ({$($members:tt)+}) => {{
        let mut map = $crate::Object::new();
        $crate::json!(@object map ($($members)+));
        $crate::Json::Object(map)
    }};
    ($value:literal) => { $crate::Json::from_literal(stringify!($value), &$value) };
    ($value:expr) => { $crate::Json::from($value) };
}

/// What a literal in [`json!`] may be.
#[doc(hidden)]
pub trait Literal {
    fn to_json(&self, source: &str) -> Json;
}
impl Literal for &str {
    fn to_json(&self, _source: &str) -> Json {
        Json::String((*self).to_owned())
    }
}
impl Literal for bool {
    fn to_json(&self, _source: &str) -> Json {
        Json::Bool(*self)
    }
}
impl Literal for i32 {
    fn to_json(&self, _source: &str) -> Json {
        Json::from(*self)
    }
}
impl Literal for f64 {
    fn to_json(&self, source: &str) -> Json {
        let digits: String = source
            .chars()
            .filter(|c| *c != '_' && !c.is_whitespace())
            .collect();
        Number::parse(&digits).map_or(Json::Null, Json::Number)
    }
}

impl Json {
    #[doc(hidden)]
    pub fn from_literal(source: &str, value: &dyn Literal) -> Json {
        value.to_json(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macro_builds_what_it_reads_like() {
        let name = "Quispe".to_owned();
        let value = json!({
            "resourceType": "Patient",
            "name": [{"family": name, "given": ["Ana", "Mar\u{ed}a"]}],
            "n": -3, "dose": 1.50, "active": true, "none": null,
            "computed": 1 + 1, "empty": {}, "list": [],
        });
        assert_eq!(
            value.canonical(),
            r#"{"active":true,"computed":2,"dose":1.50,"empty":{},"list":[],"n":-3,"name":[{"family":"Quispe","given":["Ana","María"]}],"none":null,"resourceType":"Patient"}"#
        );
        assert_eq!(
            value.pointer("/name/0/given/1").and_then(Json::as_str),
            Some("María")
        );
        assert_eq!(value.pointer("/name/x"), None);
    }
}
