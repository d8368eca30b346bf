//! The types of search parameters, and of which types of values each is made.

use super::expression::Route;

/// How a parameter's values are written and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// number
    Number,
    /// date
    Date,
    /// string
    String,
    /// token
    Token,
    /// reference
    Reference,
    /// composite
    Composite,
    /// quantity
    Quantity,
    /// uri
    Uri,
    /// special (`near`): not supported
    Special,
}

impl ParamType {
    /// The type's name as FHIR writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::String => "string",
            Self::Token => "token",
            Self::Reference => "reference",
            Self::Composite => "composite",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
            Self::Special => "special",
        }
    }

    /// The type of FHIR's code.
    pub(super) fn parse(code: &str) -> Self {
        match code {
            "number" => Self::Number,
            "date" => Self::Date,
            "string" => Self::String,
            "token" => Self::Token,
            "reference" => Self::Reference,
            "composite" => Self::Composite,
            "quantity" => Self::Quantity,
            "uri" => Self::Uri,
            _ => Self::Special,
        }
    }
}

/// Whether values of this type can be indexed for this type of parameter.
pub(super) fn is_convertible(ptype: ParamType, route: &Route) -> bool {
    let code = route.type_code;
    if route.is_truth {
        return ptype == ParamType::Token;
    }
    match ptype {
        ParamType::Token => {
            is_text(code)
                || matches!(
                    code,
                    "boolean" | "Coding" | "CodeableConcept" | "Identifier" | "ContactPoint"
                )
        }
        ParamType::String => is_text(code) || matches!(code, "HumanName" | "Address" | "CodeableConcept"),
        ParamType::Reference => code == "Reference" || is_uri(code),
        ParamType::Uri => is_uri(code),
        ParamType::Date => matches!(code, "date" | "dateTime" | "instant" | "Period" | "Timing"),
        ParamType::Quantity => is_quantity(code) || matches!(code, "Money" | "Range"),
        ParamType::Number => {
            matches!(
                code,
                "integer" | "decimal" | "positiveInt" | "unsignedInt" | "Range"
            )
        }
        ParamType::Composite | ParamType::Special => false,
    }
}

fn is_uri(code: &str) -> bool {
    matches!(code, "uri" | "url" | "canonical" | "oid" | "uuid")
}

fn is_text(code: &str) -> bool {
    is_uri(code) || matches!(code, "code" | "string" | "id" | "markdown")
}

fn is_quantity(code: &str) -> bool {
    matches!(code, "Quantity" | "Age" | "Count" | "Distance" | "Duration")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_called_as_fhir_calls_it() {
        for name in [
            "number",
            "date",
            "string",
            "token",
            "reference",
            "composite",
            "quantity",
            "uri",
            "special",
        ] {
            assert_eq!(ParamType::parse(name).as_str(), name);
        }
        assert_eq!(ParamType::parse("else"), ParamType::Special);
    }

    #[test]
    fn texts_and_quantities_are_those_of_the_specification() {
        let texts = ["uri", "canonical", "code", "string", "id", "markdown"];
        let quantities = ["Quantity", "Age", "Count", "Distance", "Duration"];
        let others = ["boolean", "date", "Money", "Range", "Coding", ""];
        assert!(texts.iter().all(|code| is_text(code) && !is_quantity(code)));
        assert!(quantities.iter().all(|code| is_quantity(code) && !is_text(code)));
        assert!(others.iter().all(|code| !is_text(code) && !is_quantity(code)));
    }
}
