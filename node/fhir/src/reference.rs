//! References: their forms, and making those to this network's own base relative.

use chaski_json::Json;

use crate::id::is_fhir_id;

/// What a reference string says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `Type/id` or `Type/id/_history/v`, relative or under one of the own bases.
    Local {
        /// The resource type that is named.
        kind: &'a str,
        /// The logical id that is named.
        id: &'a str,
        /// Version, where named.
        version: Option<&'a str>,
    },
    /// An http(s) URL under somebody else's base.
    Foreign(&'a str),
    /// `urn:uuid:` or `urn:oid:`.
    Urn(&'a str),
    /// `#id` of a contained resource (without the `#`), or empty for the container.
    Fragment(&'a str),
    /// `Type?query`: to be resolved on writing.
    Conditional {
        /// The resource type to search.
        kind: &'a str,
        /// Query string, still percent-encoded.
        query: &'a str,
    },
    /// A reference that is none of these.
    Other(&'a str),
}

/// Reads a reference. `own_bases` are URLs such as `https://clinic.example/fhir`.
pub fn parse<'a>(text: &'a str, own_bases: &[&str]) -> Reference<'a> {
    if let Some(fragment) = text.strip_prefix('#') {
        return Reference::Fragment(fragment);
    }
    if has_prefix(text, "urn:") {
        return Reference::Urn(text);
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        let own = own_bases
            .iter()
            .find_map(|base| under(text, base))
            .and_then(relative);
        return own.unwrap_or(Reference::Foreign(text));
    }
    relative(text).unwrap_or(Reference::Other(text))
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|front| front.eq_ignore_ascii_case(prefix))
}

const URN_UUID: &str = "urn:uuid:";

/// The UUID of a `urn:uuid:`, in lower case: neither the urn nor its digits tell cases apart (RFC 4122, 3).
pub fn urn_uuid(text: &str) -> Option<String> {
    has_prefix(text, URN_UUID)
        .then(|| text.get(URN_UUID.len()..))
        .flatten()
        .map(str::to_ascii_lowercase)
}

/// A reference in the form by which two of them are compared: `urn:uuid:` in lower case, others as they are.
pub fn normal(text: &str) -> std::borrow::Cow<'_, str> {
    match urn_uuid(text) {
        Some(uuid) => format!("{URN_UUID}{uuid}").into(),
        None => text.into(),
    }
}

/// `Type/id` and what follows it (a version) of a URL that ends in one, and the base before it.
pub fn tail(url: &str) -> Option<(&str, &str)> {
    let end = url.find("/_history/").unwrap_or(url.len());
    let (front, id) = url.get(..end)?.rsplit_once('/')?;
    let (base, kind) = front.rsplit_once('/')?;
    (is_kind_name(kind) && is_fhir_id(id)).then(|| {
        let rest = url.get(base.len().saturating_add(1)..).unwrap_or_default();
        (base, rest)
    })
}

/// What follows `base/` in `text`.
fn under<'a>(text: &'a str, base: &str) -> Option<&'a str> {
    text.strip_prefix(base.trim_end_matches('/'))?.strip_prefix('/')
}

fn relative(text: &str) -> Option<Reference<'_>> {
    if let Some((kind, query)) = text.split_once('?') {
        return is_kind_name(kind).then_some(Reference::Conditional { kind, query });
    }
    let mut parts = text.split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    let version = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => None,
        (Some("_history"), Some(version), None) if !version.is_empty() => Some(version),
        _ => return None,
    };
    (is_kind_name(kind) && is_fhir_id(id)).then_some(Reference::Local { kind, id, version })
}

/// Whether it looks like a resource type: the type itself may be unknown here.
fn is_kind_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// The resource type a reference names, from any form that shows one.
pub fn kind_of(text: &str) -> Option<&str> {
    match parse(text, &[]) {
        Reference::Local { kind, .. } | Reference::Conditional { kind, .. } => Some(kind),
        Reference::Foreign(url) => {
            let end = url.find("/_history/").unwrap_or(url.len());
            let (front, id) = url.get(..end)?.rsplit_once('/')?;
            let kind = front.rsplit('/').next()?;
            (is_kind_name(kind) && is_fhir_id(id)).then_some(kind)
        }
        _ => None,
    }
}

/// Visits every `reference` string (of a Reference) in a resource, contained ones included.
pub fn each<'a>(resource: &'a Json, visit: &mut dyn FnMut(&'a str)) {
    match resource {
        Json::Array(items) => items.iter().for_each(|item| each(item, visit)),
        Json::Object(members) => {
            for (key, value) in members {
                match value {
                    Json::String(text) if key == "reference" => visit(text),
                    _ => each(value, visit),
                }
            }
        }
        _ => {}
    }
}

/// Lets `change` replace any `reference` string in a resource, and any `urn:uuid:` that may name a record elsewhere
/// (`Attachment.url`, extension values, links of narratives), as a transaction must.
pub fn rewrite(resource: &mut Json, change: &mut dyn FnMut(&str) -> Option<String>) {
    rewrite_at(resource, &mut String::new(), &mut |_, text| change(text));
}

/// As [`rewrite`]; `change` is told where the text stands as well: members and places in arrays, dotted, after
/// what `path` holds already.
pub fn rewrite_at(
    resource: &mut Json,
    path: &mut String,
    change: &mut dyn FnMut(&str, &str) -> Option<String>,
) {
    let length = path.len();
    match resource {
        Json::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{at}]"));
                rewrite_at(item, path, change);
                path.truncate(length);
            }
        }
        Json::Object(members) => {
            for (key, value) in members {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                match value {
                    Json::String(text) if key == "div" => rewrite_links(text, path, change),
                    Json::String(text) => {
                        let names_record = key == "reference" || is_urn_place(key, text);
                        if names_record && let Some(new) = change(path, text) {
                            *text = new;
                        }
                    }
                    _ => rewrite_at(value, path, change),
                }
                path.truncate(length);
            }
        }
        _ => {}
    }
}

fn is_urn_place(key: &str, text: &str) -> bool {
    matches!(key, "url" | "valueUri" | "valueUrl" | "valueUuid") && has_prefix(text, URN_UUID)
}

/// Bytes of `urn:uuid:` and its UUID.
const URN_BYTES: usize = URN_UUID.len() + 36;

/// The links and pictures of a narrative that name a record by a `urn:uuid:`, which is the whole of an attribute.
fn rewrite_links(div: &mut String, path: &str, change: &mut dyn FnMut(&str, &str) -> Option<String>) {
    let mut from = 0;
    while let Some(at) = div.get(from..).and_then(find_urn) {
        let start = from.saturating_add(at);
        let end = start.saturating_add(URN_BYTES);
        from = start.saturating_add(URN_UUID.len());
        let quote = start
            .checked_sub(1)
            .and_then(|before| div.as_bytes().get(before))
            .copied();
        let is_whole = matches!(quote, Some(b'"' | b'\'')) && div.as_bytes().get(end).copied() == quote;
        let Some(urn) = div.get(start..end).filter(|_| is_whole).map(str::to_owned) else {
            continue;
        };
        if let Some(new) = change(path, &urn) {
            div.replace_range(start..end, &new);
            from = start.saturating_add(new.len());
        }
    }
}

fn find_urn(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes
        .windows(URN_UUID.len())
        .position(|window| window.eq_ignore_ascii_case(URN_UUID.as_bytes()))
}

/// Makes references under the own bases relative. Whether anything changed.
pub fn relativise(resource: &mut Json, own_bases: &[&str]) -> bool {
    let mut changed = false;
    rewrite(resource, &mut |text| {
        let rest = own_bases.iter().find_map(|base| under(text, base))?;
        relative(rest)?;
        changed = true;
        Some(rest.to_owned())
    });
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaski_json::json;

    const BASES: &[&str] = &["https://clinic.example/fhir/"];

    #[test]
    fn references_in_all_forms() {
        let local = |kind, id, version| Reference::Local { kind, id, version };
        for (text, expected) in [
            ("Patient/1", local("Patient", "1", None)),
            ("Patient/1/_history/ab.cd", local("Patient", "1", Some("ab.cd"))),
            (
                "https://clinic.example/fhir/Patient/1",
                local("Patient", "1", None),
            ),
            (
                "https://clinic.example/fhirX/Patient/1",
                Reference::Foreign("https://clinic.example/fhirX/Patient/1"),
            ),
            (
                "http://other/fhir/Patient/1",
                Reference::Foreign("http://other/fhir/Patient/1"),
            ),
            ("urn:uuid:5b0e", Reference::Urn("urn:uuid:5b0e")),
            ("#p1", Reference::Fragment("p1")),
            (
                "Patient?identifier=a|b",
                Reference::Conditional {
                    kind: "Patient",
                    query: "identifier=a|b",
                },
            ),
            ("Patient/", Reference::Other("Patient/")),
            ("patient/1", Reference::Other("patient/1")),
            ("Patient/1/2", Reference::Other("Patient/1/2")),
            ("Patient/a b", Reference::Other("Patient/a b")),
        ] {
            assert_eq!(parse(text, BASES), expected, "{text}");
        }
        assert_eq!(kind_of("http://other/fhir/Patient/1/_history/2"), Some("Patient"));
        assert_eq!(kind_of("urn:uuid:5b0e"), None);
    }

    #[test]
    fn own_references_become_relative() {
        let mut record = json!({
            "resourceType": "Observation",
            "subject": {"reference": "https://clinic.example/fhir/Patient/1"},
            "performer": [{"reference": "https://other.example/fhir/Practitioner/2"}],
            "identifier": [{"system": "https://clinic.example/fhir/Patient/1"}],
        });
        assert!(relativise(&mut record, BASES));
        assert!(!relativise(&mut record, BASES));
        let mut seen = Vec::new();
        each(&record, &mut |text| seen.push(text.to_owned()));
        assert_eq!(seen, ["https://other.example/fhir/Practitioner/2", "Patient/1"]);
        assert!(
            record
                .canonical()
                .contains("\"system\":\"https://clinic.example/fhir/Patient/1\"")
        );
    }

    /// What a transaction creates has no id before: whatever named it by a made-up one must name it afterwards.
    #[test]
    fn whatever_names_a_record_by_a_made_up_id_is_rewritten_and_nothing_else_is() {
        let urn = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a";
        let rewritten = |key: &str, text: &str| {
            let place = || json!({ key: text, "id": "x" });
            let mut record = json!({
                "resourceType": "DocumentReference",
                "content": [{"attachment": place()}],
                "extension": [{"url": "http://e", "extension": [place()]}],
                "contained": [{"resourceType": "Binary", "a": place()}],
            });
            let whole = record.clone();
            let mut asked = 0;
            rewrite(&mut record, &mut |text| {
                asked += usize::from(text != "http://e");
                (text != "http://e").then(|| "Binary/b1".to_owned())
            });
            let places = [
                "/content/0/attachment",
                "/extension/0/extension/0",
                "/contained/0/a",
            ];
            for place in places {
                let now = record.pointer(&format!("{place}/{key}")).and_then(Json::as_str);
                assert_eq!(
                    now,
                    Some(if asked > 0 { "Binary/b1" } else { text }),
                    "{place}/{key}"
                );
            }
            assert!(asked == 0 || asked == places.len(), "{key} {text}: {asked}");
            assert_eq!(record == whole, asked == 0);
            asked > 0
        };
        for key in ["reference", "url", "valueUri", "valueUrl", "valueUuid"] {
            assert!(rewritten(key, urn), "{key}");
        }
        assert!(rewritten("reference", "Patient?identifier=a|b"));
        assert!(rewritten("reference", "Patient/1"));
        // An address stays an address, and a name stays a name.
        for key in ["url", "valueUri", "valueUrl", "valueUuid"] {
            for text in [
                "https://clinic.example/fhir/Binary/1",
                "urn:oid:1.2.3",
                "Binary/1",
                "urn:uuid",
                "",
            ] {
                assert!(!rewritten(key, text), "{key} {text}");
            }
        }
        for key in [
            "system",
            "value",
            "code",
            "display",
            "valueString",
            "valueCode",
            "profile",
            "_url",
        ] {
            assert!(!rewritten(key, urn), "{key}");
        }
    }

    #[test]
    fn every_reference_is_visited_wherever_it_stands() {
        let record = json!({
            "resourceType": "Encounter",
            "subject": {"reference": "Patient/1", "display": "Patient/9"},
            "participant": [{"individual": {"reference": "Practitioner/2"}}, {"individual": {"reference": "Practitioner/3"}}],
            "contained": [{"resourceType": "Location", "partOf": {"reference": "#up"}}],
            "extension": [{"url": "urn:uuid:4", "valueReference": {"reference": "urn:uuid:5"}}],
            "identifier": [{"value": "Patient/6"}],
            "reason": {"reference": {"reference": "Condition/7"}},
        });
        let mut seen = Vec::new();
        each(&record, &mut |text| seen.push(text));
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                "#up",
                "Condition/7",
                "Patient/1",
                "Practitioner/2",
                "Practitioner/3",
                "urn:uuid:5"
            ]
        );
    }
}
