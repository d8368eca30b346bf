//! The CapabilityStatement: built from the definitions and the search
//! registry, so that it says what the code does.

use std::sync::OnceLock;

use chaski_fhir::definitions::{TypeKind, definitions};
use chaski_fhir::search::{ParamType, SearchParam, params};
use chaski_json::{Json, json};

use crate::bundle::put;

/// The interactions every resource type has.
const INTERACTIONS: [&str; 8] = [
    "read",
    "vread",
    "update",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];

/// The statement for a server at `base`.
pub(crate) fn statement(base: &str) -> Json {
    static TYPES: OnceLock<Json> = OnceLock::new();
    let types = TYPES.get_or_init(types);
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        // The statement changes only with the software.
        "date": "2026-11-23",
        "kind": "instance",
        "software": {"name": "Chaski", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Chaski clinic node", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "rest": [{
            "mode": "server",
            "documentation": "Send 'X-Chaski-Merge: true' to have an update that was made from an older version merged: the version of If-Match (else refused with 412), or without one that of the body's meta.versionId (else the update replaces what stands).",
            "security": {
                "cors": false,
                "description": "Bearer tokens, made with 'chaski token create'.",
            },
            "resource": types.clone(),
            "interaction": [
                {"code": "transaction"},
                {"code": "batch"},
                {"code": "history-system"},
            ],
        }],
    })
}

fn types() -> Json {
    definitions()
        .types()
        .iter()
        .filter(|def| def.kind == TypeKind::Resource && !def.is_abstract)
        .map(|def| resource(def.name))
        .collect()
}

fn resource(kind: &'static str) -> Json {
    let interactions: Json = INTERACTIONS.iter().map(|code| json!({"code": *code})).collect();
    let mut resource = json!({
        "type": kind,
        "interaction": interactions,
        "versioning": "versioned-update",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": true,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "local"],
        "operation": [{
            "name": "validate",
            "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate",
        }],
    });
    let params: Vec<Json> = params(kind).iter().filter_map(search_param).collect();
    if !params.is_empty() {
        put(&mut resource, "searchParam", Json::Array(params));
    }
    resource
}

fn search_param(param: &SearchParam) -> Option<Json> {
    let kind = match param.ptype {
        ParamType::Number => "number",
        ParamType::Date => "date",
        ParamType::String => "string",
        ParamType::Token => "token",
        ParamType::Reference => "reference",
        ParamType::Composite => "composite",
        ParamType::Quantity => "quantity",
        ParamType::Uri => "uri",
        // Not searched on here.
        ParamType::Special => return None,
    };
    Some(json!({"name": param.code, "type": kind}))
}
