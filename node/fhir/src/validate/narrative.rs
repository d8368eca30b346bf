//! Narrative: the subset of XHTML that FHIR allows (R4, narrative, txt-1), and nothing that runs.
//!
//! A scanner, not a parser: it wants tags closed in order and of allowed names, attributes quoted
//! and none that carries script. Whoever shows narrative still sandboxes it.

/// Deepest nesting of tags.
const DEPTH_MAX: usize = 200;

const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "area",
    "b",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "map",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
];

/// What is wrong with a narrative's `div`.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let mut rest = text.trim();
    if !rest
        .strip_prefix("<div")
        .is_some_and(|after| after.starts_with([' ', '>', '\n', '\t', '\r', '/']))
    {
        return Err("must be an XHTML div");
    }
    let mut open: Vec<&str> = Vec::new();
    let mut is_first = true;
    while let Some(at) = rest.find('<') {
        let (between, tag) = rest.split_at(at);
        if open.is_empty() && !is_first && !between.trim().is_empty() {
            return Err("has text outside its div");
        }
        if let Some(comment) = tag.strip_prefix("<!--") {
            let (inside, after) = comment.split_once("-->").ok_or("has an unclosed comment")?;
            // A browser sees the end of such a one sooner, and reads on.
            if inside.contains("--") || inside.starts_with('>') || inside.starts_with("->") {
                return Err("has a malformed comment");
            }
            rest = after;
            continue;
        }
        let end = tag_end(tag).ok_or("has an unclosed tag")?;
        let (inside, after) = (
            tag.get(1..end).unwrap_or_default(),
            tag.get(end + 1..).unwrap_or_default(),
        );
        if open.is_empty() && !is_first {
            return Err("has more than one div");
        }
        is_first = false;
        one_tag(inside, &mut open)?;
        rest = after;
    }
    if !open.is_empty() {
        return Err("has tags that are not closed");
    }
    if rest.trim().is_empty() {
        Ok(())
    } else {
        Err("has text outside its div")
    }
}

/// Where a tag's `>` is, quotes respected.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn one_tag<'a>(inside: &'a str, open: &mut Vec<&'a str>) -> Result<(), &'static str> {
    if let Some(name) = inside.strip_prefix('/') {
        return if open.pop() == Some(name.trim_end()) {
            Ok(())
        } else {
            Err("has tags closed out of order")
        };
    }
    let (inside, is_closed) = match inside.strip_suffix('/') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let name_end = inside.find(char::is_whitespace).unwrap_or(inside.len());
    let (name, mut attributes) = inside.split_at(name_end);
    if ELEMENTS.binary_search(&name).is_err() {
        return Err("has a tag that FHIR does not allow in narrative");
    }
    loop {
        attributes = attributes.trim_start();
        if attributes.is_empty() {
            break;
        }
        attributes = one_attribute(attributes)?;
    }
    if !is_closed {
        open.push(name);
    }
    if open.len() > DEPTH_MAX {
        Err("nests its tags too deeply")
    } else {
        Ok(())
    }
}

/// Checks `name="value"` and gives what follows.
fn one_attribute(text: &str) -> Result<&str, &'static str> {
    let malformed = "has a malformed attribute";
    let (name, rest) = text.split_once('=').ok_or(malformed)?;
    let name = name.trim_end().to_ascii_lowercase();
    let rest = rest.trim_start();
    let quote = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\''))
        .ok_or(malformed)?;
    let (value, after) = rest
        .get(1..)
        .and_then(|rest| rest.split_once(quote))
        .ok_or(malformed)?;
    // A browser ends a name at a slash, and the tag inside what only looks quoted.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.');
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(malformed);
    }
    if name.starts_with("on") || matches!(name.as_str(), "formaction" | "srcdoc" | "action" | "background") {
        return Err("has an attribute that FHIR does not allow in narrative");
    }
    let is_link = matches!(name.as_str(), "href" | "src" | "xlink:href" | "cite" | "longdesc");
    if is_link && runs(value) {
        return Err("has a link that runs a script");
    }
    Ok(after)
}

/// Whether a browser would run it: entities and blanks hide a scheme, so any scheme must be one
/// of those known to be harmless.
fn runs(link: &str) -> bool {
    let head = link.split(['/', '?', '#']).next().unwrap_or(link).trim();
    let Some((scheme, _)) = head.split_once(':') else {
        return head.contains('&');
    };
    let scheme = scheme.to_ascii_lowercase();
    let is_image = scheme == "data" && link.trim_start().to_ascii_lowercase().starts_with("data:image/");
    !is_image
        && !matches!(
            scheme.as_str(),
            "http" | "https" | "mailto" | "tel" | "urn" | "cid" | "ftp"
        )
}

#[cfg(test)]
mod tests;
