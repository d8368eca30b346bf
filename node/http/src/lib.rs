//! The FHIR REST interface, health and metrics
