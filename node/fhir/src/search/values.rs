//! One value of a query, read by the type of its parameter.

use crate::id::is_fhir_id;
use crate::reference::{self, Reference};

use super::date::date_range_in;
use super::options::Options;
use super::query::{Alternative, Modifier, Prefix};
use super::{Decimal, ParamType, SearchParam, fold};

/// Reads values of one parameter.
pub(super) struct Reader<'a> {
    pub(super) param: &'static SearchParam,
    pub(super) modifier: &'a Modifier,
    pub(super) of_kind: Option<&'static str>,
    pub(super) options: &'a Options<'a>,
}

/// What is wrong with a value.
type Reason = &'static str;

/// Splits at a separator that is not escaped by `\`; the parts keep their escapes.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == separator {
            parts.extend(text.get(start..at));
            start = at + letter.len_utf8();
        }
    }
    parts.extend(text.get(start..));
    parts
}

fn unescape(text: &str) -> Result<String, Reason> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some(next @ (',' | '|' | '$' | '\\')) => out.push(next),
            _ => return Err("a backslash must be followed by one of , | $ \\"),
        }
    }
    Ok(out)
}

impl Reader<'_> {
    /// Reads one alternative.
    pub(super) fn alternative(&self, text: &str) -> Result<Alternative, Reason> {
        if self.param.ptype != ParamType::Composite {
            return self.of_type(text, self.param.ptype, &self.param.targets);
        }
        let parts = split(text, '$');
        if parts.len() != self.param.components.len() {
            return Err("not as many parts, separated by $, as the parameter has");
        }
        let read = |(part, component): (&str, &super::registry::Component)| {
            self.of_type(part, component.ptype, &component.targets)
        };
        let components: Result<Vec<_>, _> = parts.into_iter().zip(&self.param.components).map(read).collect();
        Ok(Alternative::Composite(components?))
    }

    fn of_type(&self, text: &str, ptype: ParamType, targets: &[&'static str]) -> Result<Alternative, Reason> {
        if text.trim().is_empty() {
            return Err("is empty");
        }
        match ptype {
            ParamType::Token if *self.modifier == Modifier::Text => string(text),
            ParamType::Token => token(text),
            ParamType::String => string(text),
            ParamType::Reference if *self.modifier == Modifier::Identifier => token(text),
            ParamType::Reference => self.reference(&unescape(text)?, targets),
            ParamType::Uri => Ok(Alternative::Uri(unescape(text)?)),
            ParamType::Date => self.date(&unescape(text)?),
            ParamType::Number => number(&unescape(text)?),
            ParamType::Quantity => quantity(text),
            ParamType::Composite | ParamType::Special => Err("is not supported"),
        }
    }

    fn reference(&self, text: &str, targets: &[&'static str]) -> Result<Alternative, Reason> {
        if let Reference::Local { kind, id, .. } = reference::parse(text, self.options.own_bases) {
            if self.of_kind.is_some_and(|wanted| wanted != kind) {
                return Err("names another resource type than the modifier");
            }
            return Ok(Alternative::Reference {
                kinds: vec![kind.to_owned()],
                id: id.to_owned(),
            });
        }
        if is_fhir_id(text) {
            let kinds = match self.of_kind {
                Some(kind) => vec![kind.to_owned()],
                None => targets.iter().map(|kind| (*kind).to_owned()).collect(),
            };
            return Ok(Alternative::Reference {
                kinds,
                id: text.to_owned(),
            });
        }
        if text.contains(':') && self.of_kind.is_none() {
            return Ok(Alternative::Uri(text.to_owned()));
        }
        Err("not a reference: Type/id, an id or a URL")
    }

    fn date(&self, text: &str) -> Result<Alternative, Reason> {
        let (prefix, rest) = prefix(text);
        let (mut lo_ms, mut hi_ms) =
            date_range_in(rest, self.options.zone).ok_or("not a date of FHIR's form")?;
        if prefix == Prefix::Ap {
            // A tenth of the distance from now, as R4 recommends.
            let slack_ms = (self.options.now_ms.abs_diff(lo_ms) / 10) as i64;
            (lo_ms, hi_ms) = (lo_ms.saturating_sub(slack_ms), hi_ms.saturating_add(slack_ms));
        }
        Ok(Alternative::Date { prefix, lo_ms, hi_ms })
    }
}

fn prefix(text: &str) -> (Prefix, &str) {
    let Some((head, rest)) = text.split_at_checked(2) else {
        return (Prefix::Eq, text);
    };
    let found = match head {
        "eq" => Prefix::Eq,
        "ne" => Prefix::Ne,
        "gt" => Prefix::Gt,
        "lt" => Prefix::Lt,
        "ge" => Prefix::Ge,
        "le" => Prefix::Le,
        "sa" => Prefix::Sa,
        "eb" => Prefix::Eb,
        "ap" => Prefix::Ap,
        _ => return (Prefix::Eq, text),
    };
    (found, rest)
}

fn string(text: &str) -> Result<Alternative, Reason> {
    let exact = unescape(text)?;
    Ok(Alternative::String {
        folded: fold(&exact),
        exact,
    })
}

fn token(text: &str) -> Result<Alternative, Reason> {
    let parts = split(text, '|');
    match parts.as_slice() {
        [code] => Ok(Alternative::Token {
            system: None,
            code: Some(unescape(code)?),
        }),
        ["", ""] => Err("has neither system nor code"),
        [system, code] => {
            let system = if system.is_empty() {
                None
            } else {
                Some(unescape(system)?)
            };
            let code = if code.is_empty() {
                None
            } else {
                Some(unescape(code)?)
            };
            Ok(Alternative::Token {
                system: Some(system),
                code,
            })
        }
        _ => Err("has more than one |"),
    }
}

fn number(text: &str) -> Result<Alternative, Reason> {
    let (prefix, rest) = prefix(text);
    let (value, lo, hi) = Decimal::parse_with_range(rest).ok_or("not a number")?;
    Ok(Alternative::Number {
        prefix,
        value,
        lo,
        hi,
    })
}

fn quantity(text: &str) -> Result<Alternative, Reason> {
    let parts = split(text, '|');
    let (number, system, code) = match parts.as_slice() {
        [number] => (*number, "", ""),
        [number, system, code] => (*number, *system, *code),
        _ => return Err("not number, or number|system|code"),
    };
    let (prefix, rest) = prefix(number);
    let (value, lo, hi) = Decimal::parse_with_range(rest).ok_or("not a number")?;
    let given = |part: &str| {
        if part.is_empty() {
            Ok(None)
        } else {
            unescape(part).map(Some)
        }
    };
    let (system, code) = (given(system)?, given(code)?);
    if system.is_some() && code.is_none() {
        return Err("a unit system needs a unit code");
    }
    Ok(Alternative::Quantity {
        prefix,
        value,
        lo,
        hi,
        system,
        code,
    })
}
