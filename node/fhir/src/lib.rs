//! The FHIR R4 vocabulary: definitions, policy table, search parameters, validation, outcomes
