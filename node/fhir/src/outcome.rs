//! OperationOutcome from issues: FHIR's shape of every error.

use chaski_json::Json;

use crate::validate::Issue;

/// An OperationOutcome with these issues. An empty list becomes one informational issue, since
/// FHIR wants at least one.
pub fn operation_outcome(issues: &[Issue]) -> Json {
    let mut list: Vec<Json> = issues.iter().map(issue_json).collect();
    if list.is_empty() {
        list.push(issue_json(&Issue {
            severity: crate::validate::Severity::Information,
            code: "informational",
            expression: String::new(),
            diagnostics: "All OK".to_owned(),
        }));
    }
    object([
        ("resourceType", Json::String("OperationOutcome".to_owned())),
        ("issue", Json::Array(list)),
    ])
}

/// An OperationOutcome with one error.
pub fn error(code: &'static str, diagnostics: impl Into<String>) -> Json {
    operation_outcome(&[Issue::error(code, String::new(), diagnostics.into())])
}

fn issue_json(issue: &Issue) -> Json {
    let mut json = object([
        ("severity", Json::String(issue.severity.as_str().to_owned())),
        ("code", Json::String(issue.code.to_owned())),
        ("diagnostics", Json::String(issue.diagnostics.clone())),
    ]);
    if !issue.expression.is_empty()
        && let Json::Object(fields) = &mut json
    {
        fields.insert(
            "expression".to_owned(),
            Json::Array(vec![Json::String(issue.expression.clone())]),
        );
    }
    json
}

fn object<const N: usize>(fields: [(&str, Json); N]) -> Json {
    Json::Object(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::validate;

    #[test]
    fn outcomes_name_the_path_and_no_value() {
        let record = chaski_json::json!({
            "resourceType": "Patient", "gender": "secret", "contact": [{"name": {"family": 7}}],
        });
        insta::assert_snapshot!(operation_outcome(&validate(&record)).pretty(), @r#"
        {
          "resourceType": "OperationOutcome",
          "issue": [
            {
              "code": "value",
              "diagnostics": "must be a string (string)",
              "expression": [
                "Patient.contact[0].name.family"
              ],
              "severity": "error"
            },
            {
              "code": "code-invalid",
              "diagnostics": "'gender' must be one of the codes of its value set",
              "expression": [
                "Patient.gender"
              ],
              "severity": "error"
            }
          ]
        }
        "#);
        assert!(validate(&operation_outcome(&[])).is_empty());
        assert!(validate(&error("not-found", "x")).is_empty());
    }
}
