//! Any part of a record in words: for what a row does not say, and for the page of the whole record.
//!
//! Invariant: nothing is left out. What this has no words for is told under the name that FHIR gives it.

use chaski_clinic::chart::Rest;
use chaski_json::{Json, Object};

use crate::show::Clock;
use crate::undecided::{element_name, shown};

/// What a row does not say itself, as lines of label and text.
pub(crate) struct RestView {
    pub(crate) lines: Vec<(String, String)>,
    /// There is more than stands here.
    pub(crate) is_cut: bool,
}

/// Lines beside a row at most, and characters of one.
const LINES_MAX: usize = 5;
const LINE_CHARS_MAX: usize = 160;

impl RestView {
    pub(crate) fn new(clock: &Clock, rest: &[Rest]) -> RestView {
        let mut is_cut = rest.len() > LINES_MAX;
        let line = |part: &Rest| {
            let path = part.path.trim_end_matches(".extension");
            let mut text = words(clock, &part.value);
            if let Some((at, _)) = text.char_indices().nth(LINE_CHARS_MAX) {
                text.truncate(at);
                text.push('…');
                is_cut = true;
            }
            (label_of(clock, path), text)
        };
        let lines = rest.iter().take(LINES_MAX).map(line).collect();
        RestView { lines, is_cut }
    }
}

/// A part of a record as one line.
pub(crate) fn words(clock: &Clock, value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(truth) => clock.t.s(format!("truth-{truth}")),
        Json::Number(number) => number.as_str().to_owned(),
        Json::String(text) => shown(clock, text),
        Json::Array(all) if all.len() > 1 && all.iter().all(is_of_parts) => {
            // Each by itself, or what is said of one would read as said of another.
            let numbered = (1..)
                .zip(all)
                .map(|(at, one)| format!("({at}) {}", words(clock, one)));
            joined(numbered, " ")
        }
        Json::Array(all) => joined(all.iter().map(|one| words(clock, one)), "; "),
        Json::Object(members) => object(clock, members),
    }
}

fn object(clock: &Clock, members: &Object) -> String {
    let has = |name: &str| members.contains_key(name);
    if has("coding") {
        concept(clock, members)
    } else if has("code") && (has("system") || has("display")) && !has("value") {
        coding(clock, members)
    } else if has("value") && (has("unit") || has("code") || has("comparator")) {
        quantity(clock, members)
    } else if has("low") || has("high") {
        span(clock, members, "low", "high")
    } else if has("start") || has("end") {
        span(clock, members, "start", "end")
    } else if has("numerator") || has("denominator") {
        told(clock, members, &["numerator", "denominator"], " / ")
    } else if has("reference") || has("display") {
        reference(clock, members)
    } else if has("url") {
        extension(clock, members)
    } else {
        labelled(clock, members, &[])
    }
}

/// Whether it says several things.
fn is_of_parts(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    let members = value.as_object().map_or(0, Object::len);
    members > 1 && !has("coding") && !has("reference") && !has("url")
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(between)
}

fn text<'a>(members: &'a Object, name: &str) -> &'a str {
    members.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// Beside what was told already, everything else under its name.
fn with_rest(clock: &Clock, said: String, members: &Object, told: &[&str]) -> String {
    match labelled(clock, members, told) {
        rest if rest.is_empty() => said,
        rest if said.is_empty() => rest,
        rest => format!("{said} ({rest})"),
    }
}

/// Each member under its name, but for those that were told.
fn labelled(clock: &Clock, members: &Object, told: &[&str]) -> String {
    let members = members.iter().filter(|(name, _)| !told.contains(&name.as_str()));
    let lines = members.filter_map(|(name, value)| {
        let value = words(clock, value);
        let label = name.trim_start_matches('_');
        (!value.is_empty()).then(|| match label {
            // A text speaks for itself.
            "text" | "extension" => value,
            label => clock.t.aa(
                "labelled",
                &[("label", &label_of(clock, label)), ("value", &value)],
            ),
        })
    });
    joined(lines, "; ")
}

/// What people call an element; else FHIR's name for it, as words.
pub(crate) fn label_of(clock: &Clock, name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let named = element_name(clock.t, last);
    if named != last {
        return named;
    }
    let mut spaced = String::with_capacity(last.len() + 4);
    for (at, letter) in last.trim_end_matches("[x]").char_indices() {
        match letter.is_ascii_uppercase() && at > 0 {
            true => {
                spaced.push(' ');
                spaced.push(letter.to_ascii_lowercase());
            }
            false if at == 0 => spaced.push(letter.to_ascii_uppercase()),
            false => spaced.push(letter),
        }
    }
    spaced
}

/// Its text, and each coding that says something else.
fn concept(clock: &Clock, members: &Object) -> String {
    let codings = members
        .get("coding")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    let codings = codings.filter_map(Json::as_object).map(|one| coding(clock, one));
    let mut said: Vec<String> = Vec::new();
    let own = shown(clock, text(members, "text"));
    for one in std::iter::once(own).chain(codings) {
        let is_told = said.iter().any(|told| told.to_lowercase() == one.to_lowercase());
        if !one.is_empty() && !is_told {
            said.push(one);
        }
    }
    with_rest(clock, said.join(" / "), members, &["text", "coding"])
}

fn coding(clock: &Clock, members: &Object) -> String {
    let display = text(members, "display");
    let said = match display {
        "" => shown(clock, text(members, "code")),
        display => display.to_owned(),
    };
    with_rest(
        clock,
        said,
        members,
        &["display", "code", "system", "version", "userSelected"],
    )
}

fn quantity(clock: &Clock, members: &Object) -> String {
    let value = members
        .get("value")
        .map(|value| words(clock, value))
        .unwrap_or_default();
    let unit = match text(members, "unit") {
        "" => text(members, "code"),
        unit => unit,
    };
    let said = format!("{}{value} {}", text(members, "comparator"), unit_shown(unit));
    let told = ["value", "unit", "code", "system", "comparator"];
    with_rest(clock, said.trim().to_owned(), members, &told)
}

fn span(clock: &Clock, members: &Object, from: &str, to: &str) -> String {
    with_rest(
        clock,
        told(clock, members, &[from, to], " – "),
        members,
        &[from, to],
    )
}

/// These members, one after another; one that is missing leaves its place empty.
fn told(clock: &Clock, members: &Object, names: &[&str], between: &str) -> String {
    let all: Vec<String> = names
        .iter()
        .map(|name| {
            members
                .get(*name)
                .map(|value| words(clock, value))
                .unwrap_or_default()
        })
        .collect();
    all.join(between).trim().to_owned()
}

fn reference(clock: &Clock, members: &Object) -> String {
    let said = match text(members, "display") {
        "" => text(members, "reference"),
        display => display,
    };
    with_rest(clock, said.to_owned(), members, &["display", "reference", "type"])
}

/// The last part of its address, and what it says.
fn extension(clock: &Clock, members: &Object) -> String {
    let url = text(members, "url");
    let name = url.rsplit(['/', ':', '#']).next().unwrap_or(url);
    let value = members.iter().find(|(key, _)| key.starts_with("value"));
    let value = match value {
        Some((_, value)) => words(clock, value),
        None => members
            .get("extension")
            .map(|inner| words(clock, inner))
            .unwrap_or_default(),
    };
    let label = label_of(clock, &name.replace('-', " "));
    clock.t.aa("labelled", &[("label", &label), ("value", &value)])
}

/// UCUM's and others' long unit names as they are written on paper.
pub(crate) fn unit_shown(unit: &str) -> &str {
    // UCUM §2.4: what stands in braces is a remark, no unit.
    if let Some(remark) = unit.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return remark;
    }
    match unit {
        "mm[Hg]" => "mmHg",
        "beats/minute" | "breaths/minute" | "/min" | "{beats}/min" | "{breaths}/min" => "/min",
        "Cel" => "°C",
        "10*3/uL" => "10³/µL",
        "10*6/uL" => "10⁶/µL",
        "kg/m2" => "kg/m²",
        other => other,
    }
}
