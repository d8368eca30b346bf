//! Problems, allergies, medicines, plans, goals, teams and notes.

use super::codes::{ALLERGIES, GOALS, MEDICINES, PLANS, PROBLEMS, Problem, RXNORM, SNOMED};
use super::parts::{concept, meta, put, reference, status_concept};
use super::person::Person;
use super::random::Random;
use super::sites::Site;
use super::time::{DAY_S, TODAY_S, date_time};
use super::visit::Visit;
use chaski_json::{Json, json};

/// A problem found at a visit, with its record.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) problem: &'static Problem,
    pub(super) record: Json,
}

impl Found {
    pub(super) fn reference(&self) -> Json {
        json!({"reference": (format!("Condition/{}", self.id)), "display": (self.problem.display)})
    }
}

/// What a patient has before the first visit: a care team, perhaps allergies.
pub(super) fn background(random: &mut Random, person: &Person, site: &Site) -> Vec<Json> {
    let participants: Vec<Json> = site
        .staff
        .iter()
        .take(2)
        .map(|staff| {
            json!({
                "role": [(concept(SNOMED, "59058001", "General physician"))],
                "member": {
                    "reference": (format!("Practitioner/{}", staff.practitioner)),
                    "display": (&staff.name),
                },
            })
        })
        .collect();
    let mut records = vec![json!({
        "resourceType": "CareTeam",
        "id": (random.uuid()),
        "meta": (meta()),
        "status": "active",
        "subject": (person.reference()),
        "period": {"start": (date_time(TODAY_S - random.between(30, 2_000) * DAY_S))},
        "participant": (Json::Array(participants)),
        "managingOrganization": [(reference("Organization", &site.organization))],
    })];
    if random.percent(20) {
        for _ in 0..=random.below(3) {
            records.push(allergy(random, person));
        }
    }
    records
}

fn allergy(random: &mut Random, person: &Person) -> Json {
    let (code, display, category) = random.pick(ALLERGIES).copied().unwrap_or_default();
    let criticality = random.text(&["low", "low", "high", "unable-to-assess"]);
    let mut record = json!({
        "resourceType": "AllergyIntolerance",
        "id": (random.uuid()),
        "meta": (meta()),
        "clinicalStatus": (status_concept(
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
            "active",
        )),
        "verificationStatus": (status_concept(
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
            "confirmed",
        )),
        "type": "allergy",
        "category": [category],
        "criticality": criticality,
        "code": (concept(SNOMED, code, display)),
        "patient": (person.reference()),
        "recordedDate": (date_time(TODAY_S - random.between(30, 4_000) * DAY_S)),
    });
    if criticality == "high" {
        let manifestation = concept(SNOMED, "271807003", "Eruption of skin");
        put(
            &mut record,
            "reaction",
            json!([{"manifestation": [manifestation], "severity": "severe"}]),
        );
    }
    record
}

/// Sometimes a visit finds a problem.
pub(super) fn problem(random: &mut Random, visit: &Visit<'_>) -> Option<Found> {
    if !random.percent(42) {
        return None;
    }
    let problem = random.pick(PROBLEMS)?;
    let id = random.uuid();
    let resolved_s = visit.start_s.saturating_add(random.between(5, 60) * DAY_S);
    let resolved = !problem.chronic && resolved_s < TODAY_S;
    let mut record = json!({
        "resourceType": "Condition",
        "id": (&id),
        "meta": (meta()),
        "clinicalStatus": (status_concept(
            "http://terminology.hl7.org/CodeSystem/condition-clinical",
            if resolved { "resolved" } else { "active" },
        )),
        "verificationStatus": (status_concept(
            "http://terminology.hl7.org/CodeSystem/condition-ver-status",
            "confirmed",
        )),
        "code": (concept(SNOMED, problem.code, problem.display)),
        "subject": (visit.person.reference()),
        "encounter": (visit.reference()),
        "onsetDateTime": (visit.time()),
        "recordedDate": (visit.time()),
    });
    if resolved {
        put(&mut record, "abatementDateTime", date_time(resolved_s));
    }
    Some(Found { id, problem, record })
}

/// Prescriptions, each with its display and code for the claim.
pub(super) fn medicines(
    random: &mut Random,
    visit: &Visit<'_>,
    problem: Option<&Found>,
) -> Vec<(Json, &'static str, &'static str)> {
    let chosen = match problem {
        Some(found) if random.percent(80) => MEDICINES.get(found.problem.medicine),
        _ if random.percent(14) => random.pick(MEDICINES),
        _ => None,
    };
    let Some((code, display, times)) = chosen.copied() else {
        return Vec::new();
    };
    let recent = TODAY_S - visit.start_s < 90 * DAY_S;
    let mut record = json!({
        "resourceType": "MedicationRequest",
        "id": (random.uuid()),
        "meta": (meta()),
        "status": (if recent { "active" } else { "stopped" }),
        "intent": "order",
        "medicationCodeableConcept": (concept(RXNORM, code, display)),
        "subject": (visit.person.reference()),
        "encounter": (visit.reference()),
        "authoredOn": (visit.time()),
        "requester": (reference("Practitioner", &visit.practitioner)),
    });
    if random.percent(60) {
        put(
            &mut record,
            "dosageInstruction",
            json!([{
                "sequence": 1,
                "timing": {"repeat": {"frequency": times, "period": 1.0, "periodUnit": "d"}},
                "asNeededBoolean": false,
                "doseAndRate": [{
                    "type": {"coding": [{
                        "system": "http://terminology.hl7.org/CodeSystem/dose-rate-type",
                        "code": "ordered",
                        "display": "Ordered",
                    }]},
                    "doseQuantity": {"value": 1.0},
                }],
            }]),
        );
    }
    if let Some(found) = problem {
        put(
            &mut record,
            "reasonReference",
            json!([(reference("Condition", &found.id))]),
        );
    }
    vec![(record, display, code)]
}

/// Goals and a plan, for some problems.
pub(super) fn plans(random: &mut Random, visit: &Visit<'_>, problem: Option<&Found>) -> Vec<Json> {
    let Some(found) = problem.filter(|_| random.percent(36)) else {
        return Vec::new();
    };
    let mut records = Vec::new();
    let mut goals = Vec::new();
    for _ in 0..random.below(3) {
        let id = random.uuid();
        goals.push(reference("Goal", &id));
        records.push(json!({
            "resourceType": "Goal",
            "id": (&id),
            "meta": (meta()),
            "lifecycleStatus": "accepted",
            "achievementStatus": (status_concept(
                "http://terminology.hl7.org/CodeSystem/goal-achievement",
                "in-progress",
            )),
            "description": {"text": (random.text(GOALS))},
            "subject": (visit.person.reference()),
            "addresses": [(reference("Condition", &found.id))],
        }));
    }
    let Some([(code, display), first, second]) = random.pick(PLANS).copied() else {
        return records;
    };
    let activity = |(code, display): (&str, &str)| json!({"detail": {"code": (concept(SNOMED, code, display)), "status": "in-progress"}});
    let mut plan = json!({
        "resourceType": "CarePlan",
        "id": (random.uuid()),
        "meta": (meta()),
        "text": {
            "status": "generated",
            "div": (format!(
                "<div xmlns=\"http://www.w3.org/1999/xhtml\">Care Plan for {display}.<br/>Activities: \
                 <ul><li>{}</li><li>{}</li></ul><br/>Care plan is meant to treat {}.</div>",
                first.1, second.1, found.problem.display
            )),
        },
        "status": "active",
        "intent": "order",
        "category": [(concept(SNOMED, code, display))],
        "subject": (visit.person.reference()),
        "encounter": (visit.reference()),
        "period": {"start": (visit.time())},
        "addresses": [(reference("Condition", &found.id))],
        "activity": [(activity(first)), (activity(second))],
    });
    if !goals.is_empty() {
        put(&mut plan, "goal", Json::Array(goals));
    }
    records.push(plan);
    records
}

/// A short clinical note as a document.
pub(super) fn note(random: &mut Random, visit: &Visit<'_>, problem: Option<&Found>) -> Json {
    let complaint = problem.map_or("No complaints", |found| found.problem.display);
    let text = format!(
        "{}\n\nSeen at {}. {} Plan: {}\n",
        visit.time(),
        visit.site.name,
        complaint,
        random.text(&[
            "return if symptoms persist.",
            "review in four weeks.",
            "referred to the regional hospital.",
            "home visit by the health team.",
        ])
    );
    json!({
        "resourceType": "DocumentReference",
        "id": (random.uuid()),
        "meta": (meta()),
        "status": "current",
        "type": (concept(super::codes::LOINC, "34117-2", "History and physical note")),
        "category": [(concept(super::codes::LOINC, "11506-3", "Progress note"))],
        "subject": (visit.person.reference()),
        "date": (visit.instant(random)),
        "author": [(reference("Practitioner", &visit.practitioner))],
        "custodian": (reference("Organization", &visit.site.organization)),
        "content": [{
            "attachment": {"contentType": "text/plain; charset=utf-8", "data": (base64(text.as_bytes()))},
        }],
        "context": {"encounter": [(visit.reference())], "period": (visit.period())},
    })
}

/// Standard base 64 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4_usize {
            let symbol = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = ALPHABET.get(symbol).map_or('=', |byte| char::from(*byte));
            text.push(if place > chunk.len() { '=' } else { letter });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_pads() {
        assert_eq!(super::base64(b"Man"), "TWFu");
        assert_eq!(super::base64(b"Ma"), "TWE=");
        assert_eq!(super::base64(b"M"), "TQ==");
    }
}
