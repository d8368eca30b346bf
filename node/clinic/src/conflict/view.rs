//! Conflicts as the inbox and the command line show them.

use std::collections::BTreeSet;

use chaski_fhir::policy::{self, Safer};
use chaski_json::Json;
use chaski_store::{COLLISION_PATH, ConflictEntry, ConflictItem, Current, RecordKey, record_policy};

use super::error::ConflictError;
use super::row::{ConflictRow, ConflictValueRow, member_of};
use crate::features::title;
use crate::fhir_json::{concept, human_name, items, quantity, text};
use crate::policy_decision::Action;
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// Of records that collide, what they have in common or what stands above them.
const UNTOLD: [&str; 4] = ["resourceType", "id", "subject", "patient"];
/// Whom a record is about.
const ABOUT: [&str; 2] = ["subject", "patient"];
/// Lines shown of one value at most.
const LINES_MAX: usize = 40;

impl Clinic {
    pub(super) fn conflict_rows(
        &self,
        caller: &Caller,
        entry: &ConflictEntry,
    ) -> Result<Vec<ConflictRow>, ConflictError> {
        // As it was listed: by its key alone it may be another patient's. The version of records that collide is
        // none of theirs.
        let current = self.door_version(caller, Action::ConflictList, &entry.key, &entry.version)?;
        let json = current.map(|current| current.json).unwrap_or_default();
        let patient = self.patient_of(caller, &json)?;
        let title = self.title_of(entry, &json);
        let mut rows = Vec::with_capacity(entry.items.len());
        for item in &entry.items {
            let mut values = self.value_rows(entry.key.kind(), item);
            let collides = item.path == COLLISION_PATH;
            if collides {
                for value in &mut values {
                    value.patient = self.patient_of(caller, value.value.as_ref().unwrap_or(&Json::Null))?;
                    // What names no patient whom this node knows is told by what it names.
                    if value.patient.as_ref().is_some_and(|(_, name)| !name.is_empty()) {
                        value.lines.retain(|(label, _)| !UNTOLD.contains(&label.as_str()));
                    } else {
                        value.patient = None;
                    }
                }
            }
            rows.push(ConflictRow {
                title: title.clone(),
                patient: patient.clone(),
                version: entry.version.to_string(),
                values,
                ..self.row_of(&entry.key, item)
            });
        }
        Ok(rows)
    }

    /// What a record is about; where the sides say otherwise, what each of them says.
    fn title_of(&self, entry: &ConflictEntry, json: &Json) -> String {
        let kind = entry.key.kind();
        let rows = entry.items.iter().map(|item| self.row_of(&entry.key, item));
        let mut titles: Vec<String> = Vec::new();
        for side in rows.flat_map(|row| row.sides_of(json)) {
            let told = title(kind, &side);
            if !told.is_empty() && !titles.contains(&told) {
                titles.push(told);
            }
        }
        match titles.is_empty() {
            true => title(kind, json),
            false => titles.join(" / "),
        }
    }

    /// What stands against what in a record as it was read, for its row.
    pub(crate) fn disputes(&self, current: &Current) -> Vec<ConflictRow> {
        let row = |item| ConflictRow {
            version: current.version.to_string(),
            ..self.row_of(&current.key, item)
        };
        current.disputes.iter().map(row).collect()
    }

    /// A conflict by itself; what it is about and whom is told by what stands round it.
    fn row_of(&self, key: &RecordKey, item: &ConflictItem) -> ConflictRow {
        ConflictRow {
            record: key.to_string(),
            kind: key.kind().to_owned(),
            title: String::new(),
            patient: None,
            path: item.path.clone(),
            critical: item.path == COLLISION_PATH || is_critical(key.kind(), item),
            version: String::new(),
            ranked: ranked(key.kind(), item),
            values: self.value_rows(key.kind(), item),
        }
    }

    fn value_rows(&self, kind: &str, item: &ConflictItem) -> Vec<ConflictValueRow> {
        let has_safer = has_safer(kind, item);
        let apart = differing(kind, item);
        let is_group = item.path.starts_with("!group/");
        // Whom it is about stands above the sides, where they agree about that.
        let is_told = |(label, _): &(String, String)| {
            !is_group || !ABOUT.contains(&label.as_str()) || apart.contains(&label.as_str())
        };
        let living: Vec<&Json> = item
            .values
            .iter()
            .filter_map(|side| side.value.as_ref())
            .collect();
        item.values
            .iter()
            .enumerate()
            .map(|(index, side)| ConflictValueRow {
                value: side.value.clone(),
                lines: side
                    .value
                    .as_ref()
                    .map(|value| lines(value, &living))
                    .unwrap_or_default()
                    .into_iter()
                    .filter(is_told)
                    .collect(),
                is_safer: has_safer && index == item.safer_index,
                author: self.author(&side.author, &side.user, &side.role, side.time_ms),
                change: side.change.to_string(),
                patient: None,
            })
            .collect()
    }

    /// The patient a record is about: id and name.
    fn patient_of(&self, caller: &Caller, json: &Json) -> Result<Option<(String, String)>, ConflictError> {
        // Whom it is about goes before whom else it names.
        let named = chaski_fhir::compartment::patients_of(json);
        let mut about = ABOUT
            .into_iter()
            .filter_map(|name| text(json.get(name)?, "reference").strip_prefix("Patient/"));
        let about = about
            .find(|id| named.iter().any(|one| one == id))
            .map(str::to_owned);
        let Some(id) = about.or_else(|| named.into_iter().next()) else {
            return Ok(None);
        };
        let Ok(key) = RecordKey::new("Patient", &id) else {
            return Ok(None);
        };
        let patient = match self.door_read(caller, Action::ConflictList, &key) {
            // Nobody can tell which of them; that is a conflict of its own.
            Err(RecordError::Collision(_)) => None,
            found => found?,
        };
        let name = patient
            .map(|patient| title("Patient", &patient.json))
            .unwrap_or_default();
        Ok(Some((id, name)))
    }
}

/// Whether a conflict is one that a person must decide: told by the rule that keeps it from being
/// written over.
fn is_critical(kind: &str, item: &ConflictItem) -> bool {
    let values = item.values.iter().filter_map(|side| side.value.as_ref());
    chaski_crdt::conflict::is_critical(record_policy(), kind, &item.path, values)
}

/// The members of a group in which living values differ.
fn differing(kind: &str, item: &ConflictItem) -> Vec<&'static str> {
    let living: Vec<&Json> = item
        .values
        .iter()
        .filter_map(|side| side.value.as_ref())
        .collect();
    let differ = |member: &&&str| {
        let told = |json: &Json| member_of(json, member).cloned();
        living
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if told(one) != told(other)))
    };
    let groups = policy::groups(kind).iter();
    let groups = groups.filter(|group| item.path.strip_prefix("!group/") == Some(group.name));
    groups
        .flat_map(|group| group.members)
        .filter(differ)
        .copied()
        .collect()
}

/// The table's ranking of an element, the safest value first.
fn ranking(kind: &str, element: &str) -> Option<&'static [&'static str]> {
    match policy::critical(kind, element)?.safer {
        Safer::Rank(codes) => Some(codes),
        Safer::ShowBoth => None,
    }
}

/// What of a conflict the table ranks, each with the value that counts until somebody decides: the safest of all
/// sides, each element by itself (`docs/clinical-rules.md`, CR-4).
fn ranked(kind: &str, item: &ConflictItem) -> Vec<(String, Json)> {
    let safest = |element: &str, of: &dyn Fn(&Json) -> Option<Json>| {
        let codes = ranking(kind, element)?;
        let values = item.values.iter().filter_map(|side| side.value.as_ref());
        let values = values.map(|value| of(value).unwrap_or(Json::Null));
        values.min_by_key(|value| rank(codes, value))
    };
    if item.path.starts_with("!group/") {
        let members = differing(kind, item).into_iter();
        let counts = |member: &str| {
            let found = safest(member, &|json: &Json| member_of(json, member).cloned())?;
            Some((member.to_owned(), found))
        };
        return members.filter_map(counts).collect();
    }
    let element = chaski_crdt::key::element_path(&item.path);
    let is_removed = item.values.iter().any(|side| side.value.is_none());
    match safest(&element, &|json: &Json| Some(json.clone())) {
        Some(found) if !item.path.starts_with('!') && !is_removed => vec![(element, found)],
        _ => Vec::new(),
    }
}

/// How unsafe it is to go by a value, lower is safer: its place among the codes; nothing stands for the empty code.
fn rank(codes: &[&str], value: &Json) -> usize {
    let at = |code: &str| codes.iter().position(|one| *one == code).unwrap_or(codes.len());
    match value {
        Json::Bool(flag) => at(&flag.to_string()),
        Json::String(code) => at(code),
        Json::Null => at(""),
        concept => items(concept, "coding")
            .map(|coding| at(text(coding, "code")))
            .min()
            .unwrap_or(codes.len()),
    }
}

/// Whether one side counts as a whole until somebody decides: where the table ranks all that differs and one side
/// has the safest of each. Else both are shown, equal in weight (`docs/clinical-rules.md`, CR-4). What was removed on
/// one side only is still there.
fn has_safer(kind: &str, item: &ConflictItem) -> bool {
    if item.path == COLLISION_PATH {
        return false;
    }
    let is_removed = item.values.iter().any(|side| side.value.is_none());
    let ranked = ranked(kind, item);
    if !item.path.starts_with("!group/") {
        return is_removed || !ranked.is_empty();
    }
    let shown = item
        .values
        .get(item.safer_index)
        .and_then(|side| side.value.as_ref());
    let is_safest = |(member, safest): &(String, Json)| {
        let own = shown.and_then(|shown| member_of(shown, member));
        own.unwrap_or(&Json::Null) == safest
    };
    !ranked.is_empty() && ranked.len() == differing(kind, item).len() && ranked.iter().all(is_safest)
}

/// A value as lines of label and text, among all that stand against each other.
fn lines(value: &Json, sides: &[&Json]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (label, part) in parts(value) {
        let text = shown(part);
        let alike = sides
            .iter()
            .flat_map(|side| parts(side))
            .filter(|(name, other)| *name == label && *other != part && shown(other) == text);
        // What the same words stand for elsewhere too is spelled out as far as it differs.
        let mut apart = BTreeSet::new();
        for (_, other) in alike {
            let (own, others) = (leaves("", part), leaves("", other));
            let own: Vec<_> = own.difference(&others).collect();
            // Of a quantity or a code that reads otherwise its members are not told once more.
            let is_within = |path: &str| {
                let mut pieces = own
                    .iter()
                    .filter_map(|(piece, _)| path.strip_prefix(piece.as_str()));
                pieces.any(|rest| rest.starts_with('.'))
            };
            apart.extend(
                own.iter()
                    .filter(|(path, _)| !is_within(path))
                    .map(|one| (*one).clone()),
            );
        }
        out.push((label.to_owned(), text));
        out.extend(apart.into_iter().map(|(path, text)| match path.as_str() {
            "" => (label.to_owned(), text),
            path => (label.to_owned(), format!("{path}: {text}")),
        }));
    }
    if out.len() > LINES_MAX {
        // What others do not say goes before what all say, and that there is more is told.
        let of_all = |(label, text): &(String, String)| {
            let says = |side: &&Json| {
                let mut parts = parts(side).into_iter();
                parts.any(|(name, part)| name == label && shown(part) == *text)
            };
            sides.iter().all(says)
        };
        out.sort_by_cached_key(of_all);
        let more = out.len().saturating_sub(LINES_MAX - 1);
        out.truncate(LINES_MAX - 1);
        out.push((String::new(), format!("… +{more}")));
    }
    out
}

/// What is shown of a value on a line each, with its label.
fn parts(value: &Json) -> Vec<(&str, &Json)> {
    match value {
        Json::Object(members) if !is_leaf(value) => members
            .iter()
            .map(|(label, member)| (label.as_str(), member))
            .collect(),
        _ => vec![("", value)],
    }
}

/// All single values of a part, and what reads as one piece, each with the way to it.
fn leaves(path: &str, value: &Json) -> BTreeSet<(String, String)> {
    let below = |name: &str, value: &Json| match path {
        "" => leaves(name, value),
        path => leaves(&format!("{path}.{name}"), value),
    };
    match value {
        Json::Object(members) => {
            let piece = is_leaf(value).then(|| (path.to_owned(), shown(value)));
            let members = members.iter().flat_map(|(name, member)| below(name, member));
            piece.into_iter().chain(members).collect()
        }
        Json::Array(items) if items.len() == 1 => items.iter().flat_map(|item| leaves(path, item)).collect(),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, item)| below(&(index + 1).to_string(), item))
            .collect(),
        single => BTreeSet::from([(path.to_owned(), shown(single))]),
    }
}

/// Whether an object reads as one piece: a quantity, a concept, a name.
fn is_leaf(value: &Json) -> bool {
    let has = |key: &str| value.get(key).is_some();
    has("coding")
        || has("reference")
        || has("family")
        || (has("value") && (has("unit") || has("code") || has("system")))
}

/// A value as one line.
fn shown(value: &Json) -> String {
    let has = |key: &str| value.get(key).is_some();
    match value {
        Json::Null => String::new(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.as_str().to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(values) => values
            .iter()
            .map(shown)
            .filter(|one| !one.is_empty())
            .collect::<Vec<_>>()
            .join("; "),
        Json::Object(_) if has("coding") => concept(Some(value)),
        Json::Object(_) if has("family") || has("given") => human_name(value),
        Json::Object(_) if has("value") && (has("unit") || has("code")) => {
            let (number, unit) = quantity(value);
            let comparator = text(value, "comparator");
            format!("{comparator}{number} {unit}").trim().to_owned()
        }
        Json::Object(_) if has("reference") => {
            let display = text(value, "display");
            if display.is_empty() {
                text(value, "reference").to_owned()
            } else {
                display.to_owned()
            }
        }
        // A period, from its start to its end, if it has one.
        Json::Object(members)
            if has("start") && members.keys().all(|name| name == "start" || name == "end") =>
        {
            format!("{} – {}", text(value, "start"), text(value, "end"))
                .trim_end()
                .to_owned()
        }
        Json::Object(_) if !text(value, "text").is_empty() || is_dosage(value) => dosage(value),
        Json::Object(members) => {
            let parts: Vec<String> = members
                .values()
                .filter(|member| !matches!(member, Json::Bool(_)))
                .map(shown)
                .filter(|part| !part.is_empty())
                .collect();
            parts.join(", ")
        }
    }
}

/// A dosage reads as its text, with the dose where the text does not say it; without one as dose and timing.
fn dosage(value: &Json) -> String {
    let said = text(value, "text");
    let dose = value.pointer("/doseAndRate/0/doseQuantity").map(quantity);
    let dose = dose.filter(|(number, _)| !number.is_empty() && !said.contains(number));
    let dose = dose.map(|(number, unit)| format!("{number} {unit}"));
    match (said, dose) {
        ("", Some(dose)) => {
            // All else that it says follows, as it stands.
            let members = value.as_object().into_iter().flat_map(|members| members.iter());
            let others = members.filter(|(name, _)| !matches!(name.as_str(), "doseAndRate" | "timing"));
            let others = others.map(|(name, member)| match member {
                // A truth says nothing without what it is the truth of.
                Json::Bool(truth) => format!("{}: {truth}", name.trim_end_matches("Boolean")),
                member => shown(member),
            });
            let parts = [dose, crate::medication::timing_words(value)]
                .into_iter()
                .chain(others);
            parts
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", ")
        }
        (said, Some(dose)) => format!("{said} ({dose})"),
        (said, None) => said.to_owned(),
    }
}

/// Whether it is a dosage that one dose tells, with its unit.
fn is_dosage(value: &Json) -> bool {
    let doses = value.get("doseAndRate").and_then(Json::as_array);
    let [dose] = doses.map(Vec::as_slice).unwrap_or_default() else {
        return false;
    };
    dose.as_object()
        .is_some_and(|dose| dose.keys().eq(["doseQuantity"]))
}

#[cfg(test)]
mod tests;
