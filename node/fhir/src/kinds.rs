//! What sets kinds of record apart for those who send, share and administer them: one table.
//!
//! Invariant: a kind that stands nowhere here is sent with the rest, belongs to the patients that it names, and
//! is clinical. How its elements merge stands in [`crate::policy`].

/// How soon records of a kind are sent, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Kinds whose lateness can hurt someone.
    Critical,
    /// Kinds that are neither critical nor large.
    Rest,
    /// Attachments: large and patient.
    Attachment,
}

/// What is particular to a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The FHIR type.
    pub name: &'static str,
    /// How soon its records are sent.
    pub urgency: Urgency,
    /// Records that name no patient belong to all: the service, its people, its knowledge.
    pub is_shared: bool,
    /// Describes the clinic and never a person who comes to it, so that who administers the node may write it. A
    /// Device is shared and not this, because it can name whose pacemaker it is.
    pub is_administered: bool,
}

const PLAIN: Kind = Kind {
    name: "",
    urgency: Urgency::Rest,
    is_shared: false,
    is_administered: false,
};

const fn critical(name: &'static str) -> Kind {
    Kind {
        name,
        urgency: Urgency::Critical,
        ..PLAIN
    }
}

const fn attachment(name: &'static str) -> Kind {
    Kind {
        name,
        urgency: Urgency::Attachment,
        ..PLAIN
    }
}

const fn shared(name: &'static str) -> Kind {
    Kind {
        name,
        is_shared: true,
        ..PLAIN
    }
}

const fn administered(name: &'static str) -> Kind {
    Kind {
        is_administered: true,
        ..shared(name)
    }
}

/// Sorted by name.
static KINDS: &[Kind] = &[
    shared("ActivityDefinition"),
    critical("AllergyIntolerance"),
    attachment("Binary"),
    shared("CapabilityStatement"),
    shared("CatalogEntry"),
    shared("ChargeItemDefinition"),
    administered("CodeSystem"),
    shared("CompartmentDefinition"),
    shared("ConceptMap"),
    critical("Condition"),
    critical("Consent"),
    critical("DetectedIssue"),
    shared("Device"),
    shared("DeviceDefinition"),
    shared("DeviceMetric"),
    shared("EffectEvidenceSynthesis"),
    administered("Endpoint"),
    shared("EventDefinition"),
    shared("Evidence"),
    shared("EvidenceVariable"),
    shared("ExampleScenario"),
    critical("Flag"),
    shared("GraphDefinition"),
    administered("HealthcareService"),
    critical("Immunization"),
    shared("ImplementationGuide"),
    shared("InsurancePlan"),
    shared("Library"),
    administered("Location"),
    shared("Measure"),
    attachment("Media"),
    administered("Medication"),
    shared("MedicationKnowledge"),
    critical("MedicationRequest"),
    critical("MedicationStatement"),
    shared("MedicinalProduct"),
    shared("MedicinalProductAuthorization"),
    shared("MedicinalProductContraindication"),
    shared("MedicinalProductIndication"),
    shared("MedicinalProductIngredient"),
    shared("MedicinalProductInteraction"),
    shared("MedicinalProductManufactured"),
    shared("MedicinalProductPackaged"),
    shared("MedicinalProductPharmaceutical"),
    shared("MedicinalProductUndesirableEffect"),
    shared("MessageDefinition"),
    shared("NamingSystem"),
    shared("ObservationDefinition"),
    shared("OperationDefinition"),
    administered("Organization"),
    administered("OrganizationAffiliation"),
    critical("Patient"),
    shared("PlanDefinition"),
    administered("Practitioner"),
    administered("PractitionerRole"),
    administered("Questionnaire"),
    shared("ResearchDefinition"),
    shared("ResearchElementDefinition"),
    shared("ResearchStudy"),
    shared("RiskEvidenceSynthesis"),
    shared("Schedule"),
    shared("SearchParameter"),
    shared("Slot"),
    shared("SpecimenDefinition"),
    shared("StructureDefinition"),
    shared("StructureMap"),
    shared("Substance"),
    shared("SubstanceNucleicAcid"),
    shared("SubstancePolymer"),
    shared("SubstanceProtein"),
    shared("SubstanceReferenceInformation"),
    shared("SubstanceSourceMaterial"),
    shared("SubstanceSpecification"),
    shared("TerminologyCapabilities"),
    shared("TestScript"),
    administered("ValueSet"),
];

/// What is particular to this kind.
#[must_use]
pub fn of(name: &str) -> Kind {
    let at = KINDS.binary_search_by(|kind| kind.name.cmp(name));
    at.ok().and_then(|at| KINDS.get(at)).copied().unwrap_or(PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::is_resource_kind;

    #[test]
    fn every_kind_of_the_table_is_one_of_fhir_and_stands_there_once() {
        assert!(KINDS.is_sorted_by(|a, b| a.name < b.name));
        assert!(KINDS.iter().all(|kind| is_resource_kind(kind.name)));
    }

    #[test]
    fn kinds_are_told_apart_and_all_others_are_clinical_and_sent_with_the_rest() {
        for kind in KINDS {
            assert_eq!(of(kind.name), *kind);
            assert!(!kind.is_administered || kind.is_shared, "{}", kind.name);
        }
        let urgent = |urgency: Urgency| -> Vec<&str> {
            let of_it = KINDS.iter().filter(|kind| kind.urgency == urgency);
            of_it.map(|kind| kind.name).collect()
        };
        let critical = [
            "AllergyIntolerance",
            "Condition",
            "Consent",
            "DetectedIssue",
            "Flag",
            "Immunization",
            "MedicationRequest",
            "MedicationStatement",
            "Patient",
        ];
        assert_eq!(urgent(Urgency::Critical), critical);
        assert_eq!(urgent(Urgency::Attachment), ["Binary", "Media"]);
        assert_eq!(KINDS.iter().filter(|kind| kind.is_shared).count(), 65);
        assert!(of("Device").is_shared && !of("Device").is_administered);
        for other in ["Observation", "Zebra", ""] {
            assert_eq!(of(other), PLAIN, "{other}");
        }
    }
}
