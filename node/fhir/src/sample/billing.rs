//! Claims and explanations of benefit: few records in a hundred, and half of
//! all bytes.

use super::parts::{concept, meta, put, reference, status_concept};
use super::random::Random;
use super::sites::decimal;
use super::visit::{Billed, Visit};
use chaski_json::{Json, json};

const CURRENCY: &str = "PEN";
const VARIABLES: &str = "https://bluebutton.cms.gov/resources/variables";
const ADJUDICATION: &str = "https://bluebutton.cms.gov/resources/codesystem/adjudication";
const INSURERS: &[&str] = &["Seguro Integral", "EsSalud", "private", "NO_INSURANCE"];

/// Parts of an adjudicated amount: variable, display, percent of the cost.
const PARTS: &[(&str, &str, i64)] = &[
    ("line_coinsrnc_amt", "Line Beneficiary Coinsurance Amount", 20),
    ("line_prvdr_pmt_amt", "Line Provider Payment Amount", 80),
    ("line_sbmtd_chrg_amt", "Line Submitted Charge Amount", 100),
    ("line_alowd_chrg_amt", "Line Allowed Charge Amount", 100),
    (
        "line_bene_ptb_ddctbl_amt",
        "Line Beneficiary Part B Deductible Amount",
        0,
    ),
];

/// The visit's claim and what came of it.
pub(super) fn records(random: &mut Random, visit: &Visit<'_>, billed: &[Billed]) -> [Json; 2] {
    let insurer = random.text(INSURERS);
    let total: i64 = billed
        .iter()
        .map(|line| line.cost)
        .sum::<i64>()
        .saturating_add(12_915);
    let claim_id = random.uuid();
    let claim = claim(visit, billed, insurer, total, &claim_id);
    [claim, benefit(random, visit, billed, insurer, total, &claim_id)]
}

fn claim(visit: &Visit<'_>, billed: &[Billed], insurer: &str, total: i64, id: &str) -> Json {
    let (_, code, display) = visit.kind;
    let mut items = vec![json!({
        "sequence": 1,
        "productOrService": (concept(super::codes::SNOMED, code, display)),
        "encounter": [(visit.reference())],
    })];
    let (mut diagnoses, mut procedures, mut supporting) = (Vec::new(), Vec::new(), Vec::new());
    for (line, sequence) in billed.iter().zip(2_i64..) {
        let mut item = json!({
            "sequence": sequence,
            "productOrService": (concept(line.system, line.code, line.display)),
        });
        let target = json!({"reference": (&line.reference)});
        let next = |list: &Vec<Json>| i64::try_from(list.len()).unwrap_or(0).saturating_add(1);
        if line.reference.starts_with("Condition/") {
            put(&mut item, "diagnosisSequence", json!([(next(&diagnoses))]));
            diagnoses.push(json!({"sequence": (next(&diagnoses)), "diagnosisReference": target}));
        } else if line.reference.starts_with("Procedure/") {
            put(&mut item, "procedureSequence", json!([(next(&procedures))]));
            put(&mut item, "net", money(line.cost));
            procedures.push(json!({"sequence": (next(&procedures)), "procedureReference": target}));
        } else {
            put(&mut item, "informationSequence", json!([(next(&supporting))]));
            put(&mut item, "net", money(line.cost));
            supporting.push(json!({
                "sequence": (next(&supporting)),
                "category": (status_concept(
                    "http://terminology.hl7.org/CodeSystem/claiminformationcategory",
                    "info",
                )),
                "valueReference": target,
            }));
        }
        items.push(item);
    }
    let mut record = claim_head(visit, insurer, total, id, "institutional");
    put(&mut record, "item", Json::Array(items));
    for (key, list) in [
        ("diagnosis", diagnoses),
        ("procedure", procedures),
        ("supportingInfo", supporting),
    ] {
        if !list.is_empty() {
            put(&mut record, key, Json::Array(list));
        }
    }
    record
}

fn claim_head(visit: &Visit<'_>, insurer: &str, total: i64, id: &str, kind: &str) -> Json {
    json!({
        "resourceType": "Claim",
        "id": id,
        "meta": (meta()),
        "status": "active",
        "type": (status_concept("http://terminology.hl7.org/CodeSystem/claim-type", kind)),
        "use": "claim",
        "patient": (visit.person.reference()),
        "billablePeriod": (visit.period()),
        "created": (visit.end_time()),
        "provider": (reference("Organization", &visit.site.organization)),
        "priority": (status_concept("http://terminology.hl7.org/CodeSystem/processpriority", "normal")),
        "insurance": [{"sequence": 1, "focal": true, "coverage": {"display": insurer}}],
        "total": (money(total)),
    })
}

/// A pharmacy claim for one prescription.
pub(super) fn medicine_claim(
    random: &mut Random,
    visit: &Visit<'_>,
    medicine: &Json,
    code: &str,
    display: &str,
) -> Json {
    let insurer = random.text(INSURERS);
    let id = random.uuid();
    let mut record = claim_head(visit, insurer, random.between(400, 26_300), &id, "pharmacy");
    let prescription = medicine.get("id").and_then(Json::as_str).unwrap_or_default();
    put(
        &mut record,
        "prescription",
        reference("MedicationRequest", prescription),
    );
    put(
        &mut record,
        "item",
        json!([{
            "sequence": 1,
            "productOrService": (concept(super::codes::RXNORM, code, display)),
            "encounter": [(visit.reference())],
        }]),
    );
    record
}

fn benefit(
    random: &mut Random,
    visit: &Visit<'_>,
    billed: &[Billed],
    insurer: &str,
    total: i64,
    claim_id: &str,
) -> Json {
    let practitioner = reference("Practitioner", &visit.practitioner);
    let mut record = json!({
        "resourceType": "ExplanationOfBenefit",
        "id": (random.uuid()),
        "meta": (meta()),
        "contained": (contained(visit, insurer, &practitioner)),
        "identifier": [
            {"system": (format!("{VARIABLES}/clm_id")), "value": claim_id},
            {"system": "https://bluebutton.cms.gov/resources/identifier/claim-group", "value": "99999999999"},
        ],
        "status": "active",
        "type": (status_concept("http://terminology.hl7.org/CodeSystem/claim-type", "institutional")),
        "use": "claim",
        "patient": (visit.person.reference()),
        "billablePeriod": (visit.period()),
        "created": (visit.end_time()),
        "insurer": {"display": insurer},
        "provider": (&practitioner),
        "referral": {"reference": "#referral"},
        "claim": (reference("Claim", claim_id)),
        "outcome": "complete",
    });
    put(&mut record, "careTeam", care_team(&practitioner));
    put(
        &mut record,
        "insurance",
        json!([{
            "focal": true,
            "coverage": {"reference": "#coverage", "display": insurer},
        }]),
    );
    put(&mut record, "item", Json::Array(benefit_items(visit, billed)));
    put(
        &mut record,
        "total",
        json!([{
            "category": (concept("http://terminology.hl7.org/CodeSystem/adjudication", "submitted", "Submitted Amount")),
            "amount": (money(total)),
        }]),
    );
    put(
        &mut record,
        "payment",
        json!({"amount": (money(total.saturating_mul(4) / 5))}),
    );
    record
}

/// What the benefit refers to inside itself.
fn contained(visit: &Visit<'_>, insurer: &str, practitioner: &Json) -> Json {
    json!([
        {
            "resourceType": "ServiceRequest",
            "id": "referral",
            "status": "completed",
            "intent": "order",
            "subject": (visit.person.reference()),
            "requester": practitioner,
            "performer": [practitioner],
        },
        {
            "resourceType": "Coverage",
            "id": "coverage",
            "status": "active",
            "type": {"text": insurer},
            "beneficiary": (visit.person.reference()),
            "payor": [{"display": insurer}],
        },
    ])
}

fn care_team(practitioner: &Json) -> Json {
    json!([{
        "sequence": 1,
        "provider": practitioner,
        "role": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/claimcareteamrole",
            "code": "primary",
            "display": "Primary Care Practitioner",
        }]},
    }])
}

fn benefit_items(visit: &Visit<'_>, billed: &[Billed]) -> Vec<Json> {
    let (_, code, display) = visit.kind;
    let item = |sequence: i64, service: Json| {
        json!({
            "sequence": sequence,
            "category": {"coding": [{
                "system": (format!("{VARIABLES}/line_cms_type_srvc_cd")),
                "code": "1",
                "display": "Medical care",
            }]},
            "productOrService": service,
            "servicedPeriod": (visit.period()),
            "locationCodeableConcept": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/ex-serviceplace",
                "code": "19",
                "display": "Off Campus-Outpatient Hospital",
            }]},
        })
    };
    let mut first = item(1, concept(super::codes::SNOMED, code, display));
    put(&mut first, "encounter", json!([(visit.reference())]));
    let mut items = vec![first];
    for (line, sequence) in billed.iter().zip(2_i64..) {
        let mut entry = item(sequence, concept(line.system, line.code, line.display));
        if line.cost > 0 {
            put(&mut entry, "net", money(line.cost));
            put(&mut entry, "adjudication", Json::Array(adjudication(line.cost)));
        }
        items.push(entry);
    }
    items
}

fn adjudication(cost: i64) -> Vec<Json> {
    let category = |variable: &str, display: &str| {
        json!({"coding": [{
            "system": ADJUDICATION,
            "code": (format!("{VARIABLES}/{variable}")),
            "display": display,
        }]})
    };
    let mut parts: Vec<Json> = PARTS
        .iter()
        .map(|(variable, display, percent)| {
            json!({
                "category": (category(variable, display)),
                "amount": (money(cost.saturating_mul(*percent) / 100)),
            })
        })
        .collect();
    parts.push(json!({"category": (category("line_prcsg_ind_cd", "Line Processing Indicator Code"))}));
    parts
}

/// Hundredths of the currency.
fn money(hundredths: i64) -> Json {
    json!({"value": (decimal(hundredths, 2)), "currency": CURRENCY})
}
