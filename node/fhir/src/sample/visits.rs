//! Everything recorded at one encounter.

use super::codes::{CHECK_UP, CVX, PROCEDURES, SNOMED, VACCINES, VISITS};
use super::parts::{concept, meta, put, reference};
use super::person::Person;
use super::random::Random;
use super::sites::{Site, Staff};
use super::visit::{Billed, Visit};
use super::{billing, care, observations};
use chaski_json::{Json, json};

/// The records of one visit, in an order in which none refers ahead.
pub(super) fn records(random: &mut Random, person: &Person, site: &Site, start_s: i64) -> Vec<Json> {
    let check_up = random.percent(38);
    let kind = if check_up {
        CHECK_UP
    } else {
        random.pick(VISITS).copied().unwrap_or(CHECK_UP)
    };
    let visit = Visit {
        person,
        site,
        id: random.uuid(),
        start_s,
        end_s: start_s.saturating_add(random.between(1, 4).saturating_mul(900)),
        kind,
        practitioner: random
            .pick(&site.staff)
            .map(|staff: &Staff| staff.practitioner.clone())
            .unwrap_or_default(),
    };
    let mut billed = Vec::new();
    let mut after = Vec::new();
    let problem = (!check_up || random.percent(5))
        .then(|| care::problem(random, &visit))
        .flatten();
    let mut encounter = encounter(&visit);
    if let Some(problem) = &problem {
        let (code, display) = (problem.problem.code, problem.problem.display);
        put(
            &mut encounter,
            "reasonCode",
            json!([(concept(SNOMED, code, display))]),
        );
        let reference = format!("Condition/{}", problem.id);
        billed.push(Billed {
            system: SNOMED,
            code,
            display,
            reference,
            cost: 0,
        });
        after.push(problem.record.clone());
    }
    after.extend(observations::records(random, &visit, check_up));
    for _ in 0..random.below(if check_up { 4 } else { 2 }) {
        after.push(procedure(random, &visit, problem.as_ref(), &mut billed));
    }
    if random.percent(46) {
        after.push(immunization(random, &visit, &mut billed));
    }
    let medicines = care::medicines(random, &visit, problem.as_ref());
    after.extend(care::plans(random, &visit, problem.as_ref()));
    if random.percent(10) {
        after.push(care::note(random, &visit, problem.as_ref()));
    }
    after.extend(billing::records(random, &visit, &billed));
    for (medicine, display, code) in medicines {
        after.push(billing::medicine_claim(random, &visit, &medicine, code, display));
        after.push(medicine);
    }
    let mut records = vec![encounter];
    records.extend(after);
    records
}

fn encounter(visit: &Visit<'_>) -> Json {
    let (class, code, display) = visit.kind;
    json!({
        "resourceType": "Encounter",
        "id": (&visit.id),
        "meta": (meta()),
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class},
        "type": [(concept(SNOMED, code, display))],
        "subject": (visit.person.reference()),
        "participant": [{"individual": (reference("Practitioner", &visit.practitioner))}],
        "period": (visit.period()),
        "serviceProvider": (reference("Organization", &visit.site.organization)),
    })
}

fn procedure(
    random: &mut Random,
    visit: &Visit<'_>,
    problem: Option<&care::Found>,
    billed: &mut Vec<Billed>,
) -> Json {
    let (code, display) = random.pick(PROCEDURES).copied().unwrap_or_default();
    let id = random.uuid();
    let mut record = json!({
        "resourceType": "Procedure",
        "id": (&id),
        "meta": (meta()),
        "status": "completed",
        "code": (concept(SNOMED, code, display)),
        "subject": (visit.person.reference()),
        "encounter": (visit.reference()),
        "performedPeriod": (visit.period()),
    });
    if let Some(problem) = problem {
        put(&mut record, "reasonReference", json!([(problem.reference())]));
    }
    let reference = format!("Procedure/{id}");
    billed.push(Billed {
        system: SNOMED,
        code,
        display,
        reference,
        cost: 51_665,
    });
    record
}

fn immunization(random: &mut Random, visit: &Visit<'_>, billed: &mut Vec<Billed>) -> Json {
    let (code, display) = random.pick(VACCINES).copied().unwrap_or_default();
    let id = random.uuid();
    let reference = format!("Immunization/{id}");
    billed.push(Billed {
        system: CVX,
        code,
        display,
        reference,
        cost: 14_052,
    });
    json!({
        "resourceType": "Immunization",
        "id": (&id),
        "meta": (meta()),
        "status": "completed",
        "vaccineCode": (concept(CVX, code, display)),
        "patient": (visit.person.reference()),
        "encounter": (visit.reference()),
        "occurrenceDateTime": (visit.time()),
        "primarySource": true,
    })
}
