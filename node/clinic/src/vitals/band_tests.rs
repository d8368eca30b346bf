//! Every row of the vital signs' tables, written out by hand from `docs/clinical-rules.md`, CR-41, which names
//! the source of each.

use crate::form::FormError;
use chaski_json::Json;
use jiff::tz::TimeZone;

use super::*;
use crate::chart::RecordMeta;
use crate::form::Reason;
use crate::testing::{NOW_MS, SteeredEnv, clinic, clinician, parsed, patient, put, store_with};
use crate::{Clinic, RecordKey, Settings};

use AgeBand::{Adult, Child, Infant, Newborn, YoungChild};
use Sign::{Diastolic, HeartRate, Height, OxygenSaturation, RespiratoryRate, Systolic, Temperature, Weight};

const AGES: [AgeBand; 5] = [Newborn, Infant, YoungChild, Child, Adult];
const LL: Option<Flag> = Some(Flag::CriticalLow);
const L: Option<Flag> = Some(Flag::Low);
const H: Option<Flag> = Some(Flag::High);
const HH: Option<Flag> = Some(Flag::CriticalHigh);

/// What the columns of [`BANDS`] come to.
const COLUMNS: [Option<Flag>; 8] = [LL, L, L, None, None, H, H, HH];

/// The last and first value on each side of each cut. A cell of 0 is a class that the sign doesn't have.
#[rustfmt::skip]
const BANDS: [(Sign, AgeBand, [f64; 8]); 22] = [
    (HeartRate, Newborn,    [79.9, 80.0,  99.9, 100.0, 180.0, 180.1, 205.0, 205.1]),
    (HeartRate, Infant,     [79.9, 80.0, 109.9, 110.0, 160.0, 160.1, 190.0, 190.1]),
    (HeartRate, YoungChild, [59.9, 60.0,  94.9,  95.0, 150.0, 150.1, 180.0, 180.1]),
    (HeartRate, Child,      [49.9, 50.0,  79.9,  80.0, 120.0, 120.1, 160.0, 160.1]),
    (HeartRate, Adult,      [39.9, 40.0,  56.9,  57.0, 100.0, 100.1, 115.0, 115.1]),
    (RespiratoryRate, Newborn,    [19.9, 20.0, 29.9, 30.0, 59.0, 59.1, 80.0, 80.1]),
    (RespiratoryRate, Infant,     [14.9, 15.0, 24.9, 25.0, 49.0, 49.1, 70.0, 70.1]),
    (RespiratoryRate, YoungChild, [11.9, 12.0, 19.9, 20.0, 39.0, 39.1, 60.0, 60.1]),
    (RespiratoryRate, Child,      [ 9.9, 10.0, 15.9, 16.0, 29.0, 29.1, 40.0, 40.1]),
    (RespiratoryRate, Adult,      [ 7.9,  8.0, 10.9, 11.0, 21.0, 21.1, 25.0, 25.1]),
    (Temperature, Newborn,    [34.9, 35.0, 35.9, 36.0, 38.0, 38.1, 41.0, 41.1]),
    (Temperature, Infant,     [34.9, 35.0, 35.9, 36.0, 38.0, 38.1, 41.0, 41.1]),
    (Temperature, YoungChild, [34.9, 35.0, 35.9, 36.0, 38.0, 38.1, 41.0, 41.1]),
    (Temperature, Child,      [34.9, 35.0, 35.9, 36.0, 38.0, 38.1, 41.0, 41.1]),
    (Temperature, Adult,      [34.9, 35.0, 35.9, 36.0, 38.0, 38.1, 41.0, 41.1]),
    (Systolic, Adult,  [79.9, 80.0, 89.9, 90.0, 139.0, 139.1, 180.0, 180.1]),
    (Diastolic, Adult, [39.9, 40.0, 59.9, 60.0,  89.0,  89.1, 120.0, 120.1]),
    (OxygenSaturation, Newborn,    [89.9, 90.0, 93.9, 94.0, 100.0, 0.0, 0.0, 0.0]),
    (OxygenSaturation, Infant,     [89.9, 90.0, 93.9, 94.0, 100.0, 0.0, 0.0, 0.0]),
    (OxygenSaturation, YoungChild, [89.9, 90.0, 93.9, 94.0, 100.0, 0.0, 0.0, 0.0]),
    (OxygenSaturation, Child,      [89.9, 90.0, 93.9, 94.0, 100.0, 0.0, 0.0, 0.0]),
    (OxygenSaturation, Adult,      [89.9, 90.0, 93.9, 94.0, 100.0, 0.0, 0.0, 0.0]),
];

/// A day of birth of each age band, seen from 2026-01-01.
const BORN: [(AgeBand, &str); 5] = [
    (Newborn, "2025-12-01"),
    (Infant, "2025-06-01"),
    (YoungChild, "2023-01-01"),
    (Child, "2018-01-01"),
    (Adult, "1990-01-01"),
];

#[test]
fn every_cut_of_every_band_stands_where_the_table_says() {
    for (sign, age, values) in BANDS {
        for (value, flag) in values.into_iter().zip(COLUMNS).filter(|(value, _)| *value != 0.0) {
            assert_eq!(bands::flag(sign, age, value), flag, "{sign:?} {age:?} {value}");
        }
    }
    for age in AGES {
        for sign in Sign::ALL {
            let is_banded = BANDS.iter().any(|(own, of, _)| (*own, *of) == (sign, age));
            if !is_banded {
                for value in [0.0, 1.0, 50.0, 90.0, 200.0, 1_000.0] {
                    assert_eq!(bands::flag(sign, age, value), None, "{sign:?} {age:?} {value}");
                }
            }
        }
    }
}

/// Writes a value as a clinician would.
fn typed(value: f64) -> String {
    format!("{value:.1}").trim_end_matches(".0").to_owned()
}

fn form(patient: &str, values: &[(Sign, String)]) -> VitalsForm {
    let mut form = VitalsForm {
        patient: patient.to_owned(),
        ..VitalsForm::default()
    };
    for (sign, value) in values {
        let field = match sign {
            HeartRate => &mut form.values.heart_rate,
            RespiratoryRate => &mut form.values.respiratory_rate,
            Temperature => &mut form.values.temperature,
            Systolic => &mut form.values.systolic,
            Diastolic => &mut form.values.diastolic,
            OxygenSaturation => &mut form.values.oxygen_saturation,
            Weight => &mut form.values.weight,
            Height => &mut form.values.height,
        };
        field.clone_from(value);
    }
    form
}

#[test]
fn what_is_typed_is_flagged_by_the_band_of_its_sign_and_of_the_patients_age() {
    let clinic = clinic();
    for (age, born) in BORN {
        let id = put(
            &clinic,
            parsed(&format!(r#"{{"resourceType":"Patient","birthDate":"{born}"}}"#)),
        );
        for (column, flag) in COLUMNS.into_iter().enumerate() {
            let of_age = BANDS
                .iter()
                .filter(|(_, of, values)| *of == age && values[column] != 0.0);
            let given: Vec<(Sign, String)> = of_age
                .map(|(sign, _, values)| (*sign, typed(values[column])))
                .collect();
            let done = clinic
                .vitals_record(&clinician(), &form(&id, &given))
                .expect("recorded");
            let expected: Vec<(Sign, Flag)> = given
                .iter()
                .filter_map(|(sign, _)| Some((*sign, flag?)))
                .collect();
            assert_eq!(done.flags, expected, "{age:?} {given:?}");
            for id in &done.ids {
                let key = RecordKey::new("Observation", id).expect("a key");
                let json = clinic.record_read(&clinician(), &key).expect("the record").json;
                let said = json.canonical();
                let code = flag.map(Flag::code);
                for own in ["LL", "L", "H", "HH"] {
                    assert_eq!(
                        said.contains(&format!(r#""code":"{own}""#)),
                        code == Some(own),
                        "{age:?} {said}"
                    );
                }
            }
        }
    }
}

/// Sign, the form's field, LOINC code, UCUM code, unit; the greatest value refused, the least and
/// greatest taken, the least refused again.
type Row = (
    Sign,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    [&'static str; 4],
);

#[rustfmt::skip]
const SIGNS: [Row; 8] = [
    (HeartRate,        "heart_rate",        "8867-4",  "/min",   "beats/minute",   ["9.9", "10", "350", "350.1"]),
    (RespiratoryRate,  "respiratory_rate",  "9279-1",  "/min",   "breaths/minute", ["0.9", "1", "150", "150.1"]),
    (Temperature,      "temperature",       "8310-5",  "Cel",    "°C",             ["19.9", "20", "46", "46.1"]),
    (Systolic,         "systolic",          "8480-6",  "mm[Hg]", "mmHg",           ["19.9", "20", "350", "350.1"]),
    (Diastolic,        "diastolic",         "8462-4",  "mm[Hg]", "mmHg",           ["4.9", "5", "250", "250.1"]),
    (OxygenSaturation, "oxygen_saturation", "2708-6",  "%",      "%",              ["9.9", "10", "100", "100.1"]),
    (Weight,           "weight",            "29463-7", "kg",     "kg",             ["0.19", "0.2", "650", "650.1"]),
    (Height,           "height",            "8302-2",  "cm",     "cm",             ["14.9", "15", "280", "280.1"]),
];

#[test]
fn each_sign_is_recorded_under_its_own_code_and_unit_within_what_a_body_can_have() {
    let clinic = clinic();
    let id = patient(&clinic);
    for (sign, field, loinc, ucum, unit, [below, least, greatest, above]) in SIGNS {
        for refused in [
            below,
            above,
            "-1",
            "0",
            "1e2",
            "1 2",
            "1.2.3",
            "NaN",
            "99999999999999",
        ] {
            let done = clinic.vitals_record(&clinician(), &form(&id, &[(sign, refused.to_owned())]));
            let Err(FormError::Invalid(errors)) = done else {
                panic!("{sign:?} {refused}: {done:?}");
            };
            assert_eq!(errors.0.len(), 1);
            assert_eq!(errors.0[0].field, field, "{refused}");
            if [below, above].contains(&refused) {
                assert_eq!(errors.0[0].reason, Reason::Impossible, "{sign:?} {refused}");
            }
        }
        for taken in [least, greatest] {
            let done = clinic
                .vitals_record(&clinician(), &form(&id, &[(sign, taken.to_owned())]))
                .expect("recorded");
            let key = RecordKey::new("Observation", &done.ids[0]).expect("a key");
            let json = clinic.record_read(&clinician(), &key).expect("the record").json;
            let is_pressure = matches!(sign, Systolic | Diastolic);
            let own = if is_pressure {
                let panel = json.pointer("/code/coding/0/code").and_then(Json::as_str);
                assert_eq!(panel, Some("85354-9"));
                json.pointer("/component/0").expect("a component").clone()
            } else {
                json.clone()
            };
            let at = |pointer: &str| own.pointer(pointer).map(Json::canonical).unwrap_or_default();
            assert_eq!(at("/code/coding/0/code"), format!("\"{loinc}\""), "{sign:?}");
            assert_eq!(at("/code/coding/0/system"), "\"http://loinc.org\"");
            assert_eq!(at("/valueQuantity/value"), taken, "digits stay as typed");
            assert_eq!(at("/valueQuantity/code"), format!("\"{ucum}\""), "{sign:?}");
            assert_eq!(at("/valueQuantity/unit"), format!("\"{unit}\""), "{sign:?}");
            assert_eq!(at("/valueQuantity/system"), "\"http://unitsofmeasure.org\"");
            assert_eq!(json.get("status").and_then(Json::as_str), Some("final"));
            let subject = json.pointer("/subject/reference").and_then(Json::as_str);
            assert_eq!(subject, Some(format!("Patient/{id}").as_str()));
        }
    }
}

#[test]
fn ages_change_their_band_on_the_day() {
    #[rustfmt::skip]
    let by_months = [
        (0, Newborn), (1, Newborn), (2, Infant), (11, Infant), (12, YoungChild), (59, YoungChild),
        (60, Child), (143, Child), (144, Adult), (145, Adult), (1_700, Adult), (u32::MAX, Adult),
    ];
    for (months, age) in by_months {
        assert_eq!(AgeBand::of_months(months), age, "{months}");
    }
    // Born, measured, judged as. What cannot be told is tested with the zones: `node/clinic/src/civil/tests.rs`.
    #[rustfmt::skip]
    let by_date = [
        ("2025-11-02", "2026-01-01T08:00:00Z", Newborn),
        ("2025-11-01", "2026-01-01T08:00:00Z", Infant),
        ("2025-01-02", "2026-01-01T08:00:00Z", Infant),
        ("2025-01-01", "2026-01-01T08:00:00Z", YoungChild),
        ("2021-01-02", "2026-01-01T08:00:00Z", YoungChild),
        ("2021-01-01", "2026-01-01T08:00:00Z", Child),
        ("2014-01-02", "2026-01-01T08:00:00Z", Child),
        ("2014-01-01", "2026-01-01T08:00:00Z", Adult),
        ("2024-02-29", "2025-02-28", Infant),
        ("2024-02-29", "2025-03-01", YoungChild),
        ("2026-01-01", "2026-01-01", Newborn),
        ("2026-01-02", "2026-01-01", Newborn),
    ];
    for (born, measured, age) in by_date {
        let patient = parsed(&format!(r#"{{"birthDate":"{born}"}}"#));
        let found = ages_at(&patient, measured, &TimeZone::UTC);
        assert_eq!(found, Ok(Ages::of(age)), "born {born}, measured {measured}");
    }
}

/// What is stored and shown of a pulse of a patient with this birth date.
fn pulse_of(birth: &str, zone: &str, now: &str, value: &str) -> (Option<Flag>, Option<NoBand>, bool) {
    let env = SteeredEnv::new();
    let at: jiff::Timestamp = now.parse().expect("a moment");
    env.set(u64::try_from(at.as_millisecond()).expect("after 1970"));
    let settings = Settings {
        zone: TimeZone::get(zone).expect("bundled"),
        ..Settings::default()
    };
    let clinic = Clinic::new(store_with(env), settings).expect("a clinic");
    let patient = put(
        &clinic,
        parsed(&format!(r#"{{"resourceType":"Patient"{birth}}}"#)),
    );
    let form = VitalsForm {
        patient: patient.clone(),
        values: Vitals {
            heart_rate: value.to_owned(),
            ..Vitals::default()
        },
        ..VitalsForm::default()
    };
    let done = clinic.vitals_record(&clinician(), &form).expect("recorded");
    let key = RecordKey::new("Observation", &done.ids[0]).expect("a key");
    let json = clinic.record_read(&clinician(), &key).expect("the record").json;
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    let row = chart.rows::<ObservationRow>().first().expect("a row").clone();
    assert_eq!(done.flags.first().map(|(_, flag)| *flag), row.flag);
    (row.flag, row.no_band, json.get("interpretation").is_some())
}

#[test]
fn a_newborn_in_the_morning_east_of_greenwich_is_judged_as_one() {
    // 06:24 of the 29th in Manila, 22:24 of the 28th in Greenwich.
    let now = "2026-11-28T22:24:00Z";
    for (value, flag) in [("75", LL), ("90", L), ("150", None)] {
        let born = r#","birthDate":"2026-11-29""#;
        assert_eq!(
            pulse_of(born, "Asia/Manila", now, value),
            (flag, None, flag.is_some())
        );
        // Noted where the day had begun, judged where it had not.
        assert_eq!(pulse_of(born, "UTC", now, value), (flag, None, flag.is_some()));
    }
}

#[test]
fn a_value_of_whom_nobody_knows_the_age_of_is_not_judged() {
    let now = "2026-11-28T22:24:00Z";
    for (birth, reason) in [
        ("", NoBand::BirthUnknown),
        (r#","birthDate":"2027-03-01""#, NoBand::BeforeBirth),
        // Two months old or eleven: 175 is usual at the one, and not at the other.
        (r#","birthDate":"2026""#, NoBand::Imprecise),
    ] {
        assert_eq!(
            pulse_of(birth, "Asia/Manila", now, "175"),
            (None, Some(reason), false),
            "{birth}"
        );
    }
    // What all of the ages that it may be agree on is judged.
    assert_eq!(
        pulse_of(r#","birthDate":"2026""#, "UTC", now, "75"),
        (LL, None, true)
    );
    assert_eq!(
        pulse_of(r#","birthDate":"1990""#, "UTC", now, "130"),
        (HH, None, true)
    );
}

#[test]
fn what_is_judged_alike_at_every_age_is_judged_of_everybody() {
    for reason in NoBand::ALL {
        assert_eq!(judge(Sign::Temperature, Err(reason), 41.5), Ok(HH));
        assert_eq!(judge(Sign::OxygenSaturation, Err(reason), 85.0), Ok(LL));
        assert_eq!(judge(Sign::Weight, Err(reason), 3.0), Ok(None));
        for sign in [
            Sign::HeartRate,
            Sign::RespiratoryRate,
            Sign::Systolic,
            Sign::Diastolic,
        ] {
            assert_eq!(judge(sign, Err(reason), 30.0), Err(reason));
        }
    }
}

#[test]
fn flags_keep_their_codes_and_what_is_dangerous() {
    for (flag, code, is_critical) in [
        (Flag::CriticalLow, "LL", true),
        (Flag::Low, "L", false),
        (Flag::High, "H", false),
        (Flag::CriticalHigh, "HH", true),
    ] {
        assert_eq!((flag.code(), flag.is_critical()), (code, is_critical));
        assert_eq!(Flag::from_code(code), Some(flag));
    }
    assert_eq!(Flag::from_code("LU"), Some(Flag::CriticalLow));
    assert_eq!(Flag::from_code("HU"), Some(Flag::CriticalHigh));
    for other in ["N", "A", "", "l", "hh"] {
        assert_eq!(Flag::from_code(other), None);
    }
}

fn shown(json: &str) -> ObservationRow {
    ObservationRow::from_json(&parsed(json), Ok(Ages::of(Adult)), RecordMeta::default())
}

fn measured(loinc: &str, quantity: &str, more: &str) -> String {
    format!(
        r#"{{"status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"{loinc}"}}]}},
        "valueQuantity":{{{quantity}}}{more}}}"#
    )
}

#[test]
fn what_another_system_measured_is_flagged_only_in_the_signs_own_unit() {
    #[rustfmt::skip]
    let rows = [
        ("8867-4", r#""value":130,"code":"/min""#, HH),
        ("8867-4", r#""value":130,"unit":"beats/minute""#, HH),
        ("8867-4", r#""value":130,"code":"{beats}/min""#, HH),
        ("8867-4", r#""value":130"#, None),
        ("8867-4", r#""value":130,"code":"Hz""#, None),
        ("8310-5", r#""value":98.6,"code":"[degF]""#, None),
        ("8310-5", r#""value":34,"code":"Cel""#, LL),
        ("8310-5", r#""value":39,"unit":"°C""#, H),
        ("2708-6", r#""value":89,"code":"%""#, LL),
        ("59408-5", r#""value":89,"code":"%""#, LL),
        ("59408-5", r#""value":0.89,"code":"1""#, None),
        ("9279-1", r#""value":7,"code":"/min""#, LL),
        ("29463-7", r#""value":1,"code":"kg""#, None),
        ("0000-0", r#""value":130,"code":"/min""#, None),
    ];
    for (loinc, quantity, flag) in rows {
        assert_eq!(
            shown(&measured(loinc, quantity, "")).flag,
            flag,
            "{loinc} {quantity}"
        );
    }
    let said = |code: &str| {
        let more = format!(r#","interpretation":[{{"coding":[{{"code":"{code}"}}]}}]"#);
        shown(&measured("8867-4", r#""value":130,"code":"/min""#, &more)).flag
    };
    assert_eq!(said("LL"), LL, "its maker's own word comes first");
    assert_eq!(said("H"), H);
    assert_eq!(said("N"), HH, "a word that is no flag takes none away");
}

#[test]
fn of_two_pressures_the_dangerous_one_marks_the_row_and_systolic_is_read_first() {
    let panel = |systolic: u32, diastolic: u32| {
        shown(&format!(
            r#"{{"status":"final","code":{{"coding":[{{"code":"85354-9"}}]}},"component":[
            {{"code":{{"coding":[{{"code":"8462-4"}}]}},"valueQuantity":{{"value":{diastolic},"unit":"mmHg","code":"mm[Hg]"}}}},
            {{"code":{{"coding":[{{"code":"8480-6"}}]}},"valueQuantity":{{"value":{systolic},"unit":"mmHg","code":"mm[Hg]"}}}}]}}"#
        ))
    };
    for (systolic, diastolic, flag) in [
        (120, 80, None),
        (150, 80, H),
        (120, 95, H),
        (85, 50, L),
        (190, 95, HH),
        (150, 125, HH),
        (70, 45, LL),
        (85, 35, LL),
    ] {
        let row = panel(systolic, diastolic);
        assert_eq!(row.flag, flag, "{systolic}/{diastolic}");
        assert_eq!(row.value, format!("{systolic}/{diastolic}"));
        assert_eq!(row.unit, "mmHg");
    }
}

#[test]
fn a_measurement_may_lie_five_minutes_ahead_and_no_more() {
    let env = SteeredEnv::new();
    let clinic = Clinic::new(store_with(env), Settings::default()).expect("a clinic");
    let id = patient(&clinic);
    let mut form = form(&id, &[(HeartRate, "72".to_owned())]);
    assert_eq!(NOW_MS, 1_767_225_600_000, "2026-01-01T00:00:00Z");
    for when in [
        "2026-01-01T00:05:00Z",
        "2026-01-01T05:05:00+05:00",
        "2025-12-31T19:05:00-05:00",
        "2025-06-01T10:00:00Z",
    ] {
        form.when = when.to_owned();
        let done = clinic.vitals_record(&clinician(), &form).expect(when);
        let key = RecordKey::new("Observation", &done.ids[0]).expect("a key");
        let json = clinic.record_read(&clinician(), &key).expect("the record").json;
        assert_eq!(json.get("effectiveDateTime").and_then(Json::as_str), Some(when));
    }
    for (when, reason) in [
        ("2026-01-01T00:05:00.001Z", Reason::InFuture),
        ("2026-01-01T00:06:00Z", Reason::InFuture),
        ("2026-01-01T02:00:00+01:00", Reason::InFuture),
        ("2027-01-01T00:00:00Z", Reason::InFuture),
        ("2026-01-01", Reason::Malformed),
        ("2026-01-01T00:00:00", Reason::Malformed),
        ("now", Reason::Malformed),
    ] {
        form.when = when.to_owned();
        let done = clinic.vitals_record(&clinician(), &form);
        let Err(FormError::Invalid(errors)) = done else {
            panic!("{when}: {done:?}");
        };
        assert_eq!(
            (errors.0[0].field, errors.0[0].reason),
            ("when", reason),
            "{when}"
        );
    }
    form.when.clear();
    let done = clinic.vitals_record(&clinician(), &form).expect("recorded");
    let key = RecordKey::new("Observation", &done.ids[0]).expect("a key");
    let json = clinic.record_read(&clinician(), &key).expect("the record").json;
    let when = json
        .get("effectiveDateTime")
        .and_then(Json::as_str)
        .unwrap_or_default();
    assert!(when.starts_with("2026-01-01T00:00:00"), "{when}");
}

#[test]
fn a_value_is_judged_by_the_age_at_which_it_was_measured() {
    let clinic = clinic();
    let child = put(
        &clinic,
        parsed(r#"{"resourceType":"Patient","birthDate":"2025-06-01"}"#),
    );
    // Normal for an infant, high for an adult: however the time of measuring is written.
    for effective in [
        r#""effectiveDateTime":"2025-12-01T10:00:00Z""#,
        r#""effectiveInstant":"2025-12-01T10:00:00Z""#,
        r#""effectivePeriod":{"start":"2025-12-01T10:00:00Z"}"#,
        r#""issued":"2025-12-01T10:00:00Z""#,
    ] {
        let id = put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"Observation","status":"final","subject":{{"reference":"Patient/{child}"}},
                "code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4"}}]}},{effective},
                "valueQuantity":{{"value":130,"unit":"beats/minute","system":"http://unitsofmeasure.org","code":"/min"}}}}"#
            )),
        );
        let chart = clinic.chart_view(&clinician(), &child).expect("a chart");
        let row = chart
            .rows::<ObservationRow>()
            .iter()
            .find(|row| row.meta.record.ends_with(&id));
        let row = row.expect("the row");
        assert_eq!(
            (row.flag, row.when.as_str()),
            (None, "2025-12-01T10:00:00Z"),
            "{effective}"
        );
    }
}
