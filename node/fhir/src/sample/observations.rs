//! Vital signs, laboratory results and the reports over them.

use super::codes::{LOINC, UCUM};
use super::parts::{concept, meta, put};
use super::random::Random;
use super::sites::decimal;
use super::visit::Visit;
use chaski_json::{Json, json};

/// LOINC code, display, UCUM unit, lowest and highest value times
/// 10^places, places.
struct Test {
    code: &'static str,
    display: &'static str,
    unit: &'static str,
    low: i64,
    high: i64,
    places: usize,
}

const fn test(
    code: &'static str,
    display: &'static str,
    unit: &'static str,
    low: i64,
    high: i64,
    places: usize,
) -> Test {
    Test {
        code,
        display,
        unit,
        low,
        high,
        places,
    }
}

/// A panel: code, display, its tests.
struct Panel {
    code: &'static str,
    display: &'static str,
    percent: u64,
    tests: &'static [Test],
}

const GLUCOSE: Test = test("2339-0", "Glucose", "mg/dL", 6500, 16500, 2);
const UREA: Test = test("6299-2", "Urea Nitrogen", "mg/dL", 700, 1999, 2);
const CREATININE: Test = test("38483-4", "Creatinine", "mg/dL", 55, 349, 2);
const CALCIUM: Test = test("49765-1", "Calcium", "mg/dL", 850, 1019, 2);
const SODIUM: Test = test("2947-0", "Sodium", "mmol/L", 13600, 14399, 2);
const POTASSIUM: Test = test("6298-4", "Potassium", "mmol/L", 370, 519, 2);
const CHLORIDE: Test = test("2069-3", "Chloride", "mmol/L", 10100, 11099, 2);
const CARBON_DIOXIDE: Test = test("20565-8", "Carbon Dioxide", "mmol/L", 2000, 2899, 2);

const PANELS: &[Panel] = &[
    Panel {
        code: "51990-0",
        display: "Basic Metabolic Panel",
        percent: 42,
        tests: &[
            GLUCOSE,
            UREA,
            CREATININE,
            CALCIUM,
            SODIUM,
            POTASSIUM,
            CHLORIDE,
            CARBON_DIOXIDE,
        ],
    },
    Panel {
        code: "57698-3",
        display: "Lipid Panel",
        percent: 38,
        tests: &[
            test("2093-3", "Total Cholesterol", "mg/dL", 15000, 26300, 2),
            test("2571-8", "Triglycerides", "mg/dL", 10000, 42400, 2),
            test(
                "18262-6",
                "Low Density Lipoprotein Cholesterol",
                "mg/dL",
                5300,
                18400,
                2,
            ),
            test(
                "2085-9",
                "High Density Lipoprotein Cholesterol",
                "mg/dL",
                3000,
                7999,
                2,
            ),
        ],
    },
    Panel {
        code: "58410-2",
        display: "Complete blood count (hemogram) panel - Blood by Automated count",
        percent: 17,
        tests: &[
            test(
                "6690-2",
                "Leukocytes [#/volume] in Blood by Automated count",
                "10*3/uL",
                350,
                1049,
                2,
            ),
            test(
                "789-8",
                "Erythrocytes [#/volume] in Blood by Automated count",
                "10*6/uL",
                391,
                547,
                2,
            ),
            test(
                "718-7",
                "Hemoglobin [Mass/volume] in Blood",
                "g/dL",
                1150,
                1749,
                2,
            ),
            test(
                "4544-3",
                "Hematocrit [Volume Fraction] of Blood by Automated count",
                "%",
                3500,
                4999,
                2,
            ),
            test(
                "787-2",
                "MCV [Entitic volume] by Automated count",
                "fL",
                8000,
                9482,
                2,
            ),
            test(
                "785-6",
                "MCH [Entitic mass] by Automated count",
                "pg",
                2700,
                3299,
                2,
            ),
            test(
                "786-4",
                "MCHC [Mass/volume] by Automated count",
                "g/dL",
                3300,
                3599,
                2,
            ),
            test(
                "21000-5",
                "Erythrocyte distribution width [Entitic volume] by Automated count",
                "fL",
                3900,
                4594,
                2,
            ),
            test(
                "777-3",
                "Platelets [#/volume] in Blood by Automated count",
                "10*3/uL",
                15200,
                44900,
                2,
            ),
            test(
                "32207-3",
                "Platelet distribution width [Entitic volume] in Blood by Automated count",
                "fL",
                15300,
                51200,
                2,
            ),
            test(
                "32623-1",
                "Platelet mean volume [Entitic volume] in Blood by Automated count",
                "fL",
                940,
                1226,
                2,
            ),
        ],
    },
    Panel {
        code: "24323-8",
        display: "Comprehensive metabolic 2000 panel - Serum or Plasma",
        percent: 13,
        tests: &[
            GLUCOSE,
            UREA,
            CREATININE,
            CALCIUM,
            SODIUM,
            POTASSIUM,
            CHLORIDE,
            CARBON_DIOXIDE,
            test(
                "33914-3",
                "Glomerular filtration rate/1.73 sq M.predicted",
                "mL/min",
                6500,
                8999,
                2,
            ),
            test(
                "2885-2",
                "Protein [Mass/volume] in Serum or Plasma",
                "g/dL",
                6000,
                7979,
                2,
            ),
            test(
                "1751-7",
                "Albumin [Mass/volume] in Serum or Plasma",
                "g/dL",
                350,
                549,
                2,
            ),
            test(
                "10834-0",
                "Globulin [Mass/volume] in Serum by calculation",
                "g/L",
                200,
                349,
                2,
            ),
            test(
                "1975-2",
                "Bilirubin.total [Mass/volume] in Serum or Plasma",
                "mg/dL",
                12,
                119,
                2,
            ),
            test(
                "6768-6",
                "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma",
                "U/L",
                2000,
                13900,
                2,
            ),
            test(
                "1742-6",
                "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
                "U/L",
                2000,
                5900,
                2,
            ),
            test(
                "1920-8",
                "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
                "U/L",
                630,
                3999,
                2,
            ),
        ],
    },
];

const SINGLE: &[Test] = &[
    test(
        "4548-4",
        "Hemoglobin A1c/Hemoglobin.total in Blood",
        "%",
        24,
        75,
        1,
    ),
    test(
        "33914-3",
        "Estimated Glomerular Filtration Rate",
        "mL/min/{1.73_m2}",
        3000,
        15900,
        2,
    ),
    test("14959-1", "Microalbumin Creatinine Ratio", "mg/g", 34, 2995, 2),
    test(
        "59408-5",
        "Oxygen saturation in Arterial blood by Pulse oximetry",
        "%",
        82,
        99,
        0,
    ),
    test("19926-5", "FEV1/FVC", "%", 4200, 7300, 2),
];

const SMOKING: &[(&str, &str)] = &[
    ("266919005", "Never smoker"),
    ("266919005", "Never smoker"),
    ("8517006", "Former smoker"),
    ("449868002", "Current every day smoker"),
];

const CATEGORY_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// All that is measured at one visit. Check-ups have most of it.
pub(super) fn records(random: &mut Random, visit: &Visit<'_>, check_up: bool) -> Vec<Json> {
    let mut records = Vec::new();
    if check_up {
        vital_signs(random, visit, &mut records);
        for panel in PANELS {
            if random.percent(panel.percent) {
                panel_records(random, visit, panel, &mut records);
            }
        }
        for single in SINGLE {
            if random.percent(20) {
                records.push(measured(random, visit, "laboratory", single));
            }
        }
    } else {
        if random.percent(12) {
            let temperature = test("8310-5", "Body temperature", "Cel", 360, 393, 1);
            records.push(measured(random, visit, "vital-signs", &temperature));
        }
        if random.percent(10) {
            records.push(blood_pressure(random, visit));
        }
    }
    records
}

fn vital_signs(random: &mut Random, visit: &Visit<'_>, records: &mut Vec<Json>) {
    let height_mm = visit
        .person
        .height_mm(visit.start_s)
        .saturating_add(random.between(-8, 8));
    let bmi_tenths = random.between(170, 330);
    let weight_tenths = bmi_tenths.saturating_mul(height_mm).saturating_mul(height_mm) / 1_000_000;
    let height = test("8302-2", "Body Height", "cm", height_mm, height_mm, 1);
    let weight = test("29463-7", "Body Weight", "kg", weight_tenths, weight_tenths, 1);
    let bmi = test("39156-5", "Body Mass Index", "kg/m2", bmi_tenths, bmi_tenths, 1);
    for vital in [&height, &weight, &bmi] {
        records.push(measured(random, visit, "vital-signs", vital));
    }
    records.push(blood_pressure(random, visit));
    let (code, display) = random.pick(SMOKING).copied().unwrap_or_default();
    let mut smoking = observation(random, visit, "survey", "72166-2", "Tobacco smoking status NHIS");
    put(
        &mut smoking,
        "valueCodeableConcept",
        concept(super::codes::SNOMED, code, display),
    );
    records.push(smoking);
    let pain = test(
        "72514-3",
        "Pain severity - 0-10 verbal numeric rating [Score] - Reported",
        "{score}",
        0,
        9,
        0,
    );
    records.push(measured(random, visit, "vital-signs", &pain));
}

fn panel_records(random: &mut Random, visit: &Visit<'_>, panel: &Panel, records: &mut Vec<Json>) {
    let mut results = Vec::new();
    for of_panel in panel.tests {
        let record = measured(random, visit, "laboratory", of_panel);
        let id = record.get("id").and_then(Json::as_str).unwrap_or_default();
        results.push(json!({"reference": (format!("Observation/{id}")), "display": (of_panel.display)}));
        records.push(record);
    }
    records.push(json!({
        "resourceType": "DiagnosticReport",
        "id": (random.uuid()),
        "meta": (meta()),
        "status": "final",
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v2-0074",
            "code": "LAB",
            "display": "Laboratory",
        }]}],
        "code": (concept(LOINC, panel.code, panel.display)),
        "subject": (visit.person.reference()),
        "encounter": (visit.reference()),
        "effectiveDateTime": (visit.time()),
        "issued": (visit.instant(random)),
        "result": (Json::Array(results)),
    }));
}

fn measured(random: &mut Random, visit: &Visit<'_>, category: &str, test: &Test) -> Json {
    let mut record = observation(random, visit, category, test.code, test.display);
    put(&mut record, "valueQuantity", quantity(random, test));
    record
}

fn quantity(random: &mut Random, test: &Test) -> Json {
    json!({
        "value": (decimal(random.between(test.low, test.high), test.places)),
        "unit": (test.unit),
        "system": UCUM,
        "code": (test.unit),
    })
}

fn observation(random: &mut Random, visit: &Visit<'_>, category: &str, code: &str, display: &str) -> Json {
    json!({
        "resourceType": "Observation",
        "id": (random.uuid()),
        "meta": (meta()),
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": category, "display": category}]}],
        "code": (concept(LOINC, code, display)),
        "subject": (visit.person.reference()),
        "encounter": (visit.reference()),
        "effectiveDateTime": (visit.time()),
        "issued": (visit.instant(random)),
    })
}

fn blood_pressure(random: &mut Random, visit: &Visit<'_>) -> Json {
    let mut record = observation(random, visit, "vital-signs", "55284-4", "Blood Pressure");
    let parts = [
        test("8462-4", "Diastolic Blood Pressure", "mm[Hg]", 55, 98, 0),
        test("8480-6", "Systolic Blood Pressure", "mm[Hg]", 100, 155, 0),
    ];
    let components: Vec<Json> = parts
        .iter()
        .map(|part| {
            json!({
                "code": (concept(LOINC, part.code, part.display)),
                "valueQuantity": (quantity(random, part)),
            })
        })
        .collect();
    put(&mut record, "component", Json::Array(components));
    record
}
