//! Writing: the canonical form (sorted, no white space) and one for people.

use std::fmt;

use crate::{Json, Object};

/// Keys that a reader looks for first, in this order, in the pretty form.
const FIRST_KEYS: [&str; 3] = ["resourceType", "id", "meta"];

impl Json {
    /// The one canonical text: keys sorted, literal numbers, no white space,
    /// only what must be escaped escaped.
    pub fn canonical(&self) -> String {
        let mut out = String::with_capacity(256);
        self.write_canonical(&mut out);
        out
    }

    /// Appends the canonical text to `out`.
    pub fn write_canonical(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(number) => out.push_str(number.as_str()),
            Json::String(text) => write_string(text, out),
            Json::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_canonical(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write_canonical(out);
                }
                out.push('}');
            }
        }
    }

    /// Text for people: two-space indents, `resourceType`, `id` and `meta` first.
    pub fn pretty(&self) -> String {
        let mut out = String::with_capacity(512);
        self.write_pretty(0, &mut out);
        out
    }

    fn write_pretty(&self, depth: usize, out: &mut String) {
        match self {
            Json::Array(items) if !items.is_empty() => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    new_line(index > 0, depth + 1, out);
                    item.write_pretty(depth + 1, out);
                }
                new_line(false, depth, out);
                out.push(']');
            }
            Json::Object(members) if !members.is_empty() => {
                out.push('{');
                for (index, (key, value)) in in_reading_order(members).enumerate() {
                    new_line(index > 0, depth + 1, out);
                    write_string(key, out);
                    out.push_str(": ");
                    value.write_pretty(depth + 1, out);
                }
                new_line(false, depth, out);
                out.push('}');
            }
            other => other.write_canonical(out),
        }
    }
}

fn in_reading_order(members: &Object) -> impl Iterator<Item = (&str, &Json)> {
    let first = FIRST_KEYS
        .iter()
        .filter_map(|key| members.get(*key).map(|value| (*key, value)));
    let rest = members
        .iter()
        .filter(|(key, _)| !FIRST_KEYS.contains(&key.as_str()));
    first.chain(rest.map(|(key, value)| (key.as_str(), value)))
}

fn new_line(comma: bool, depth: usize, out: &mut String) {
    if comma {
        out.push(',');
    }
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(text.get(from..at).unwrap_or_default());
        from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}
