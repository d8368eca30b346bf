//! Conflicts: what was written apart and needs a person.
//!
//! Invariants:
//! - a conflict is a function of the record's changes and the policy, listed
//!   the same on every node;
//! - values stand newest first by (hybrid time, change hash), so "the second
//!   one" means the same everywhere; a [`crate::record::Choice::Pick`] names
//!   the change, because a third value may arrive between reading and picking.

use crate::author::AuthorId;
use crate::change::ChangeHash;
use crate::hlc::Hlc;
use crate::key::element_path;
use crate::policy::{Critical, Policy, Safer};
use chaski_json::Json;

/// What kind of thing has more than one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConflictKind {
    /// One element.
    Register,
    /// Elements that only mean something together.
    Group,
    /// Removed in one place, written in another. What was written is shown.
    Deleted,
}

/// One of the concurrent values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictValue {
    /// The element's JSON; `None` if it was removed. Where a type or a `_`
    /// sibling belongs to the value, and for groups, an object with the keys
    /// as they stand in the record (`{"valueString":"x"}`).
    pub value: Option<Json>,
    /// The change that wrote it: what [`crate::record::Choice::Pick`] takes.
    pub change: ChangeHash,
    /// The node and incarnation that wrote it.
    pub author: AuthorId,
    /// When, by the author's clock.
    pub hlc: Hlc,
    /// The user, as asserted by the author.
    pub user: String,
    /// The user's role, as asserted by the author.
    pub role: String,
}

/// Concurrent values that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What [`crate::record::Record::resolve`] takes: a register's key,
    /// `!group/<name>` or `!record`.
    pub path: String,
    /// The same for people and policies: `reaction.severity`, a group's name,
    /// empty for the record itself.
    pub element: String,
    /// What kind.
    pub kind: ConflictKind,
    /// Whether the policy calls it safety-critical.
    pub critical: bool,
    /// Which of `values` is shown until it is resolved.
    pub safer_index: usize,
    /// At least two, newest first.
    pub values: Vec<ConflictValue>,
}

/// Whether a conflict is one that a person must decide before anybody writes
/// there: the record's own, a group's, or of an element that the policy calls
/// critical with these values. `path` and `values` are a [`Conflict`]'s.
pub fn is_critical<'v>(
    policy: &dyn Policy,
    kind: &str,
    path: &str,
    values: impl IntoIterator<Item = &'v Json>,
) -> bool {
    let values: Vec<&Json> = values.into_iter().collect();
    path.starts_with('!') || rule(policy, kind, &element_path(path), &values).is_some()
}

/// The rule for a register's values, if any makes their conflict critical.
/// `values` are the JSON of those alive.
pub(crate) fn rule<'p>(
    policy: &'p dyn Policy,
    kind: &str,
    path: &str,
    values: &[&Json],
) -> Option<&'p Critical> {
    const SHOW_BOTH: &Critical = &Critical {
        safer: Safer::ShowBoth,
    };
    if let Some(critical) = policy.critical(kind, path) {
        return Some(critical);
    }
    let differs = policy.child_critical(kind, path).iter().any(|child| {
        let mut each = values.iter().map(|value| value.get(child));
        let first = each.next();
        each.any(|other| Some(other) != first)
    });
    differs.then_some(SHOW_BOTH)
}

/// How unsafe it is to show a value, lower is safer; `None` counts as removed.
pub(crate) fn rank(safer: Safer, value: Option<&Json>) -> usize {
    let codes: &[&str] = match safer {
        Safer::Rank(codes) => codes,
        Safer::Absent => &["", "false"],
        Safer::ShowBoth => return 0,
    };
    let at = |code: &str| codes.iter().position(|c| *c == code).unwrap_or(codes.len());
    match value {
        // A removal is only preferred where the table says so: what is alive
        // beats what is dead.
        None => codes.iter().position(|c| c.is_empty()).unwrap_or(codes.len() + 1),
        Some(value) => codes_of(value, 0)
            .into_iter()
            .map(|code| at(&code))
            .min()
            .unwrap_or(codes.len()),
    }
}

/// The codes a value carries, as [`Safer::Rank`] describes them.
fn codes_of(value: &Json, depth: u32) -> Vec<String> {
    match value {
        Json::String(code) => vec![code.clone()],
        Json::Bool(flag) => vec![flag.to_string()],
        Json::Array(items) if depth < 4 => items.iter().flat_map(|item| codes_of(item, depth + 1)).collect(),
        Json::Object(members) if depth < 4 => {
            if let Some(code) = members.get("code") {
                return codes_of(code, depth + 1);
            }
            if let Some(coding) = members.get("coding") {
                return codes_of(coding, depth + 1);
            }
            // The wrapping of a choice: `{"deceasedBoolean": true}`.
            members
                .iter()
                .filter(|(key, _)| !key.starts_with('_'))
                .filter(|(_, inner)| matches!(inner, Json::String(_) | Json::Bool(_) | Json::Object(_)))
                .flat_map(|(_, inner)| codes_of(inner, depth + 1))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaski_json::parse_str;

    /// The one rule by which a conflict is critical: its own line, or that children
    /// which count differ.
    #[test]
    fn what_is_critical_is_told_by_the_table_and_by_children_that_count() {
        use crate::testing::POLICY;
        let critical = |path: &str, values: &[&str]| {
            let values: Vec<Json> = values.iter().map(|text| parse_str(text).unwrap()).collect();
            let values: Vec<&Json> = values.iter().collect();
            rule(POLICY, "Patient", path, &values).map(|critical| critical.safer)
        };
        assert_eq!(critical("birthDate", &["\"1\""]), Some(Safer::ShowBoth));
        assert_eq!(critical("deceased[x]", &[]), Some(Safer::Absent));
        assert_eq!(critical("language", &["\"1\"", "\"2\""]), None);
        let [old, home, none] = [r#"{"use":"old"}"#, r#"{"use":"home"}"#, r#"{"rank":1}"#];
        assert_eq!(critical("telecom", &[old, home]), Some(Safer::ShowBoth));
        assert_eq!(critical("telecom", &[old, old, none]), Some(Safer::ShowBoth));
        assert_eq!(critical("telecom", &[none, old]), Some(Safer::ShowBoth));
        assert_eq!(critical("telecom", &[old, old]), None);
        assert_eq!(critical("telecom", &[old]), None);
        assert_eq!(critical("telecom", &[]), None);
        assert_eq!(critical("language", &[old, home]), None);
        let told = |path: &str, values: &[&str]| {
            let values: Vec<Json> = values.iter().map(|text| parse_str(text).unwrap()).collect();
            is_critical(POLICY, "Patient", path, &values)
        };
        assert!(told("!record", &[]) && told("!group/prescription", &[]));
        assert!(told("identifier/a0-abcdefgh", &[]) && told("reaction/a0-x/severity", &[]));
        assert!(told("telecom/a0-abcdefgh", &[old, home]) && !told("telecom/a0-abcdefgh", &[old]));
        assert!(!told("contact/a0-abcdefgh", &[]));
    }

    #[test]
    fn the_codes_of_a_value_are_found_where_they_stand_and_not_deeper() {
        let codes = |text: &str| codes_of(&parse_str(text).unwrap(), 0);
        assert_eq!(codes(r#""a""#), ["a"]);
        assert_eq!(codes("true"), ["true"]);
        assert_eq!(codes("1"), Vec::<String>::new());
        assert_eq!(codes(r#"["a",{"code":"b"}]"#), ["a", "b"]);
        assert_eq!(
            codes(r#"{"coding":[{"code":"a","display":"z"},{"code":"b"}],"text":"t"}"#),
            ["a", "b"]
        );
        // A coding says its code before anything else.
        assert_eq!(codes(r#"{"code":"a","system":"s"}"#), ["a"]);
        assert_eq!(codes(r#"{"valueString":"a","_valueString":{"id":"x"}}"#), ["a"]);
        assert_eq!(codes(r#"{"n":1,"list":["x"]}"#), Vec::<String>::new());
        assert_eq!(codes(r#"[[[["a"]]]]"#), ["a"]);
        assert_eq!(codes(r#"[[[[["a"]]]]]"#), Vec::<String>::new());
    }

    /// However a value wraps its code, four levels are looked through and no fifth: what nests
    /// without end would be read without end.
    #[test]
    fn codes_are_looked_for_four_levels_deep_whatever_they_are_wrapped_in() {
        let wraps = [
            ("[", "]"),
            (r#"{"code":"#, "}"),
            (r#"{"coding":"#, "}"),
            (r#"{"valueString":"#, "}"),
        ];
        for levels in 0..=6 {
            // Each kind alone, and all in turn beginning with each.
            for first in 0..wraps.len() {
                for step in [0, 1] {
                    let kinds = (0..levels).map(|level| wraps[(first + level * step) % wraps.len()]);
                    let (mut before, mut after) = (String::new(), String::new());
                    for (open, close) in kinds {
                        before.push_str(open);
                        after.insert_str(0, close);
                    }
                    let text = format!("{before}\"a\"{after}");
                    let value = parse_str(&text).unwrap();
                    // The wrapping of a choice is looked through where an object or a code is inside.
                    if text.contains(r#""valueString":["#) {
                        continue;
                    }
                    let found = codes_of(&value, 0);
                    assert_eq!(found, if levels <= 4 { vec!["a"] } else { vec![] }, "{text}");
                    let ranked = rank(Safer::Rank(&["a"]), Some(&value));
                    assert_eq!(ranked, usize::from(levels > 4), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_removal_ranks_where_the_table_has_it() {
        let rule = Safer::Rank(&["a", "", "b"]);
        let ranked = |text: &str| rank(rule, Some(&parse_str(text).unwrap()));
        assert_eq!((ranked("\"a\""), rank(rule, None), ranked("\"b\"")), (0, 1, 2));
        assert_eq!(ranked("\"x\""), 3);
        // Not in the table at all: last, behind what has no rank.
        assert_eq!(rank(Safer::Rank(&["a", "b"]), None), 3);
        // Of several codes the safest counts.
        assert_eq!(ranked(r#"["b","a"]"#), 0);
        assert_eq!(ranked("[]"), 3);
        assert_eq!(
            (
                rank(Safer::ShowBoth, None),
                rank(Safer::ShowBoth, Some(&Json::Null))
            ),
            (0, 0)
        );
    }

    #[test]
    fn ranks_follow_the_table() {
        let rule = Safer::Rank(&["active", "on-hold"]);
        let ranked = |text: &str| rank(rule, Some(&parse_str(text).unwrap()));
        assert_eq!(ranked(r#""active""#), 0);
        assert_eq!(ranked(r#"{"coding":[{"code":"on-hold"}]}"#), 1);
        assert_eq!(ranked(r#""stopped""#), 2);
        assert_eq!(rank(rule, None), 3);
        assert_eq!(rank(Safer::Absent, None), 0);
        assert_eq!(
            rank(
                Safer::Absent,
                Some(&parse_str(r#"{"deceasedBoolean":false}"#).unwrap())
            ),
            1
        );
        assert_eq!(
            rank(
                Safer::Absent,
                Some(&parse_str(r#"{"deceasedBoolean":true}"#).unwrap())
            ),
            2
        );
    }
}
