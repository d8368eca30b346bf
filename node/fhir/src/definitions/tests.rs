//! The table is read and linked as the definitions say.

use super::*;

#[test]
fn elements_are_found_through_inheritance_choices_and_recursion() {
    let d = definitions();
    let name = |kind, path| d.field_at(kind, path).and_then(Field::element).map(|e| e.path);
    assert_eq!(name("Patient", "contact.name.given"), Some("given"));
    assert_eq!(name("Patient", "meta.tag.system"), Some("system"));
    assert_eq!(
        name("Patient", "contact.modifierExtension"),
        Some("modifierExtension")
    );
    assert_eq!(name("Observation", "valueQuantity.value"), Some("value"));
    assert_eq!(
        name("Questionnaire", "item.item.item.linkId"),
        Some("item.linkId")
    );
    assert_eq!(name("Patient", "nonsense"), None);
    assert_eq!(name("DomainResource", "text"), None);
    let value = d.field_at("Observation", "valueQuantity").unwrap();
    assert_eq!(value.type_ref().unwrap().code, "Quantity");
    assert_eq!(value.element().unwrap().name, "value[x]");
    assert_eq!(resource_kinds().len(), 146);
    assert_eq!(
        d.types()
            .iter()
            .filter(|t| t.kind == TypeKind::Resource && !t.is_abstract)
            .count(),
        146
    );
}

#[test]
fn every_content_reference_and_code_set_is_linked() {
    let d = definitions();
    for element in &d.elements {
        assert!(
            !element.types.is_empty() || element.backbone.is_some(),
            "{}",
            element.path
        );
        assert!(element.code_set.is_none() || element.code_set().is_some());
        for t in &element.types {
            assert!(d.type_of(t.code).is_some(), "{} of {}", t.code, element.path);
        }
    }
    let gender = d
        .field_at("Patient", "gender")
        .unwrap()
        .element()
        .unwrap()
        .code_set()
        .unwrap();
    assert!(gender.has_code("unknown") && !gender.has_code("m"));
    assert_eq!(
        gender.system_of("male"),
        Some("http://hl7.org/fhir/administrative-gender")
    );
}
