//! Codes the sample draws from: LOINC, SNOMED CT, RxNorm, CVX.

pub(super) use crate::vitals::{LOINC, UCUM};

pub(super) const SNOMED: &str = "http://snomed.info/sct";
pub(super) const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
pub(super) const CVX: &str = "http://hl7.org/fhir/sid/cvx";

/// Why someone comes: class, SNOMED code, display.
pub(super) type VisitKind = (&'static str, &'static str, &'static str);

pub(super) const CHECK_UP: VisitKind = ("AMB", "185349003", "Encounter for check up (procedure)");
pub(super) const VISITS: &[VisitKind] = &[
    ("AMB", "390906007", "Follow-up encounter"),
    ("AMB", "185345009", "Encounter for symptom"),
    ("AMB", "185345009", "Encounter for symptom"),
    ("AMB", "185347001", "Encounter for problem"),
    ("AMB", "185347001", "Encounter for problem (procedure)"),
    ("AMB", "424619006", "Prenatal visit"),
    ("AMB", "424441002", "Prenatal initial visit"),
    ("AMB", "371883000", "Outpatient procedure"),
    ("AMB", "698314001", "Consultation for treatment"),
    ("AMB", "308335008", "Patient encounter procedure"),
    ("AMB", "185389009", "Follow-up visit"),
    ("EMER", "50849002", "Emergency room admission (procedure)"),
    ("EMER", "183460006", "Obstetric emergency hospital admission"),
    ("IMP", "183452005", "Encounter Inpatient"),
    ("HH", "439708006", "Home visit"),
];

/// A problem: code, display, whether it stays, and an index into [`MEDICINES`].
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) display: &'static str,
    pub(super) chronic: bool,
    pub(super) medicine: usize,
}

const fn problem(code: &'static str, display: &'static str, chronic: bool, medicine: usize) -> Problem {
    Problem {
        code,
        display,
        chronic,
        medicine,
    }
}

pub(super) const PROBLEMS: &[Problem] = &[
    problem("444814009", "Viral sinusitis (disorder)", false, 0),
    problem("10509002", "Acute bronchitis (disorder)", false, 0),
    problem("195662009", "Acute viral pharyngitis (disorder)", false, 0),
    problem("43878008", "Streptococcal sore throat (disorder)", false, 3),
    problem("65363002", "Otitis media", false, 4),
    problem("72892002", "Normal pregnancy", false, 5),
    problem("162864005", "Body mass index 30+ - obesity (finding)", true, 7),
    problem("38341003", "Hypertension", true, 6),
    problem("15777000", "Prediabetes", true, 7),
    problem("44054006", "Diabetes", true, 7),
    problem("271737000", "Anemia (disorder)", true, 5),
    problem("40055000", "Chronic sinusitis (disorder)", true, 2),
    problem("55822004", "Hyperlipidemia", true, 8),
    problem("302870006", "Hypertriglyceridemia (disorder)", true, 8),
    problem("237602007", "Metabolic syndrome X (disorder)", true, 8),
    problem("44465007", "Sprain of ankle", false, 1),
    problem("70704007", "Sprain of wrist", false, 1),
    problem("62106007", "Concussion with no loss of consciousness", false, 0),
    problem("39848009", "Whiplash injury to neck", false, 2),
    problem("239873007", "Osteoarthritis of knee", true, 2),
    problem("239872002", "Osteoarthritis of hip", true, 2),
    problem("301011002", "Escherichia coli urinary tract infection", false, 9),
    problem("370247008", "Facial laceration", false, 0),
    problem("283371005", "Laceration of forearm", false, 0),
    problem("128613002", "Seizure disorder", true, 10),
    problem("195967001", "Asthma", true, 11),
    problem("65966004", "Fracture of forearm", false, 1),
    problem("49436004", "Atrial Fibrillation", true, 12),
    problem("53741008", "Coronary Heart Disease", true, 13),
    problem("62315008", "Diarrhea", false, 14),
    problem("233604007", "Pneumonia", false, 4),
    problem("73595000", "Stress (finding)", false, 0),
    problem("36971009", "Sinusitis (disorder)", false, 4),
    problem("68496003", "Polyp of colon", true, 0),
    problem("64859006", "Osteoporosis (disorder)", true, 15),
    problem("90560007", "Gout", true, 1),
];

/// RxNorm code, display, times a day.
pub(super) const MEDICINES: &[(&str, &str, i64)] = &[
    ("313782", "Acetaminophen 325 MG Oral Tablet", 3),
    ("310965", "Ibuprofen 200 MG Oral Tablet", 3),
    ("849574", "Naproxen sodium 220 MG Oral Tablet", 2),
    ("834061", "Penicillin V Potassium 250 MG Oral Tablet", 4),
    ("562251", "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet", 3),
    ("310325", "ferrous sulfate 325 MG Oral Tablet", 1),
    ("316049", "Hydrochlorothiazide 25 MG", 1),
    (
        "860975",
        "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet",
        1,
    ),
    ("316672", "Simvistatin 10 MG", 1),
    ("311989", "Nitrofurantoin 5 MG/ML Oral Suspension", 2),
    ("308976", "carBAMazepine 200 MG Oral Tablet", 2),
    (
        "745679",
        "200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler",
        4,
    ),
    ("855332", "Warfarin Sodium 5 MG Oral Tablet", 1),
    ("309362", "Clopidogrel 75 MG Oral Tablet", 1),
    ("282464", "Acetaminophen 160 MG Oral Tablet", 3),
    ("904419", "Alendronic acid 10 MG Oral Tablet", 1),
    ("197361", "Amlodipine 5 MG Oral Tablet", 1),
    ("312961", "Simvastatin 20 MG Oral Tablet", 1),
    ("308192", "Amoxicillin 500 MG Oral Tablet", 3),
    ("1049630", "diphenhydrAMINE Hydrochloride 25 MG Oral Tablet", 2),
];

pub(super) const VACCINES: &[(&str, &str)] = &[
    ("140", "Influenza, seasonal, injectable, preservative free"),
    ("140", "Influenza, seasonal, injectable, preservative free"),
    ("113", "Td (adult) preservative free"),
    ("62", "HPV, quadrivalent"),
    ("114", "meningococcal MCV4P"),
    ("133", "Pneumococcal conjugate PCV 13"),
    ("121", "zoster"),
    ("20", "DTaP"),
    ("10", "IPV"),
    ("43", "Hep B, adult"),
    ("115", "Tdap"),
    ("08", "Hep B, adolescent or pediatric"),
    ("49", "Hib (PRP-OMP)"),
    ("21", "varicella"),
    ("03", "MMR"),
    ("33", "pneumococcal polysaccharide vaccine, 23 valent"),
    ("83", "Hep A, ped/adol, 2 dose"),
    ("119", "rotavirus, monovalent"),
    ("184", "Yellow fever vaccine - alt"),
];

pub(super) const PROCEDURES: &[(&str, &str)] = &[
    ("428191000124101", "Documentation of current medications"),
    ("428191000124101", "Documentation of current medications"),
    ("274804006", "Evaluation of uterine fundal height"),
    ("225158009", "Auscultation of the fetal heart"),
    ("180256009", "Subcutaneous immunotherapy"),
    ("73761001", "Colonoscopy"),
    ("104091002", "Hemoglobin / Hematocrit / Platelet count"),
    ("76601001", "Intramuscular injection"),
    ("252160004", "Standard pregnancy test"),
    ("169230002", "Ultrasound scan for fetal viability"),
    ("171207006", "Depression screening"),
    ("23426006", "Measurement of respiratory function (procedure)"),
    ("44608003", "Blood typing, RH typing"),
    ("47758006", "Hepatitis B Surface Antigen Measurement"),
    ("31676001", "Human immunodeficiency virus antigen test"),
    ("269828009", "Syphilis infection test"),
    ("117010004", "Urine culture"),
    ("395123002", "Urine screening test for diabetes"),
    ("28163009", "Skin test for tuberculosis"),
    ("167271000", "Urine protein test"),
    ("5880005", "Physical examination following birth"),
    ("271442007", "Fetal anatomy study"),
    ("399014008", "Vaccination for diphtheria, pertussis, and tetanus"),
    ("117015009", "Throat culture (procedure)"),
    ("66348005", "Childbirth"),
    ("127783003", "Spirometry (procedure)"),
    ("288086009", "Suture open wound"),
    ("274474001", "Bone immobilization"),
    ("399208008", "Plain chest X-ray (procedure)"),
    ("34068001", "Heart valve replacement"),
];

pub(super) const ALLERGIES: &[(&str, &str, &str)] = &[
    ("300913006", "Shellfish allergy", "food"),
    ("91935009", "Allergy to peanuts", "food"),
    ("91934008", "Allergy to nut", "food"),
    ("425525006", "Allergy to dairy product", "food"),
    ("91936005", "Allergy to penicillin", "medication"),
    ("293586001", "Allergy to aspirin", "medication"),
    ("419474003", "Allergy to mould", "environment"),
    ("232347008", "Dander (animal) allergy", "environment"),
    ("232350006", "House dust mite allergy", "environment"),
    ("418689008", "Allergy to grass pollen", "environment"),
    ("419263009", "Allergy to tree pollen", "environment"),
    ("424213003", "Allergy to bee venom", "environment"),
];

/// Care plan: category code and display, then two activities, each with its
/// code and display.
pub(super) const PLANS: &[[(&str, &str); 3]] = &[
    [
        ("53950000", "Respiratory therapy"),
        ("304510005", "Recommendation to avoid exercise"),
        ("371605008", "Deep breathing and coughing exercises"),
    ],
    [
        ("91251008", "Physical therapy procedure"),
        (
            "229586001",
            "Rest, ice, compression and elevation treatment programme",
        ),
        ("229070002", "Stretching exercises"),
    ],
    [
        ("698360004", "Diabetes self management plan"),
        ("160670007", "Diabetic diet"),
        ("229065009", "Exercise therapy"),
    ],
    [
        ("443402002", "Lifestyle education regarding hypertension"),
        ("386463000", "Prescribed activity/exercise education"),
        ("413473000", "Counseling about alcohol consumption"),
    ],
    [
        ("134435003", "Routine antenatal care"),
        ("135892000", "Antenatal education"),
        ("312404004", "Antenatal blood test"),
    ],
    [
        ("385691007", "Fracture care"),
        ("183051005", "Recommendation to rest"),
        ("408580007", "Physical activity target light exercise"),
    ],
];

pub(super) const GOALS: &[&str] = &[
    "Maintain blood pressure below 140/90 mmHg",
    "Hemoglobin A1c total in Blood < 7.0",
    "Glucose [Mass/volume] in Blood < 108",
    "Reduce sodium intake",
    "Walk at least 30 minutes on five days a week",
    "Weight gain within the recommended range",
];
