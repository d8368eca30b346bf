//! The macro that builds a value from what reads like JSON.

use crate::{Json, Number};

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
