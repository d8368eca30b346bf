//! The clinic's rows as the pages' data.

use chaski_clinic::people::Author;
use chaski_clinic::vitals::{Flag as ClinicFlag, ObservationRow as ClinicObservation, Sign};
use chaski_clinic::{
    allergy, chart as clinic_chart, conflict as clinic_conflict, medication, patient as clinic_patient,
};

use crate::desk::*;

/// LOINC's panels of a blood pressure: as the clinic writes it, and the older one.
const PRESSURE_PANELS: [&str; 2] = ["85354-9", "55284-4"];
const SIGNS: [Sign; 8] = [
    Sign::HeartRate,
    Sign::RespiratoryRate,
    Sign::Temperature,
    Sign::Systolic,
    Sign::Diastolic,
    Sign::OxygenSaturation,
    Sign::Weight,
    Sign::Height,
];
/// Oxygen saturation by pulse oximetry, as other systems write it.
const OXYGEN_BY_PULSE: &str = "59408-5";

fn count(conflicts: usize) -> u32 {
    u32::try_from(conflicts).unwrap_or(u32::MAX)
}

fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn written_by(author: Author) -> WrittenBy {
    let node: String = author.node.chars().take(8).collect();
    let site = filled(author.label.name).or(author.label.site).unwrap_or(node);
    WrittenBy {
        user: author.user,
        role: author.role,
        site,
        at_ms: author.written_ms,
    }
}

fn maybe_by(author: Author) -> Option<WrittenBy> {
    (!author.node.is_empty()).then(|| written_by(author))
}

pub(crate) fn patient(mut row: clinic_patient::PatientRow) -> PatientRow {
    // Numbers that people read come before those that machines do.
    row.identifiers.sort_by_key(|id| is_uuid(&id.value));
    PatientRow {
        id: row.id,
        version: row.version,
        name: row.name,
        name_local: row.name_local,
        sex: match row.sex.as_str() {
            "female" => Sex::Female,
            "male" => Sex::Male,
            "other" => Sex::Other,
            _ => Sex::Unknown,
        },
        birth_date: filled(row.birth_date),
        birth_estimated: row.birth_estimated,
        deceased: row.deceased,
        identifiers: row
            .identifiers
            .into_iter()
            .map(|id| IdentifierShown {
                label: id.label,
                value: id.value,
            })
            .collect(),
        phones: row.phones,
        place: filled(row.village),
        unidentified: row.unidentified,
        conflicts: count(row.conflicts),
    }
}

fn allergy_row(row: allergy::AllergyRow) -> AllergyRow {
    AllergyRow {
        // An allergy counts until somebody says that it does not.
        active: row.counts(),
        record: row.meta.record,
        version: row.meta.version,
        substance: row.substance,
        criticality: match row.criticality.as_str() {
            "high" => Criticality::High,
            "low" => Criticality::Low,
            _ => Criticality::Unknown,
        },
        reaction: filled(row.reaction),
        status: if row.status.is_empty() {
            "active".to_owned()
        } else {
            row.status
        },
        none_known: row.none_known,
        contradicted: row.contradicted,
        conflicts: count(row.meta.conflicts),
        by: maybe_by(row.meta.author),
    }
}

fn problem(row: clinic_chart::ProblemRow, active: bool) -> ProblemRow {
    ProblemRow {
        record: row.meta.record,
        text: row.name,
        active,
        onset: filled(row.onset),
        conflicts: count(row.meta.conflicts),
        by: maybe_by(row.meta.author),
    }
}

fn medicine(row: medication::MedicationRow) -> MedicineRow {
    MedicineRow {
        record: row.meta.record,
        version: row.meta.version,
        drug: row.drug,
        instruction: row.dose_text,
        dose_value: row.dose_value,
        dose_unit: row.dose_unit,
        times_per_day: row.times,
        timing: row.timing,
        active: row.active,
        status: row.status,
        status_reason: row.status_reason,
        conflicts: count(row.meta.conflicts),
        by: maybe_by(row.meta.author),
    }
}

/// A blood pressure reads upper over lower, in whichever order its parts were written.
fn upper_first(value: String) -> String {
    let parts = value.split_once('/').map(|(a, b)| (a.trim(), b.trim()));
    let numbers = parts.and_then(|(a, b)| Some((a.parse::<f64>().ok()?, b.parse::<f64>().ok()?)));
    match (parts, numbers) {
        (Some((a, b)), Some((first, second))) if first < second => format!("{b}/{a}"),
        (Some((a, b)), Some(_)) => format!("{a}/{b}"),
        _ => value,
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4
}

fn observation(row: ClinicObservation) -> ObservationRow {
    let is_sign = SIGNS.iter().any(|sign| sign.loinc().0 == row.code);
    let is_pressure = PRESSURE_PANELS.contains(&row.code.as_str());
    let vital = is_sign || is_pressure || row.code == OXYGEN_BY_PULSE;
    ObservationRow {
        record: row.meta.record,
        code: row.code,
        name: row.name,
        value: if is_pressure {
            upper_first(row.value)
        } else {
            row.value
        },
        unit: row.unit,
        flag: match row.flag {
            None => Flag::None,
            Some(ClinicFlag::CriticalLow) => Flag::CriticalLow,
            Some(ClinicFlag::Low) => Flag::Low,
            Some(ClinicFlag::High) => Flag::High,
            Some(ClinicFlag::CriticalHigh) => Flag::CriticalHigh,
        },
        vital,
        when: row.when,
        conflicts: count(row.meta.conflicts),
        by: maybe_by(row.meta.author),
    }
}

pub(crate) fn chart(chart: clinic_chart::Chart) -> Chart {
    let past = chart.problems_past.into_iter().map(|row| problem(row, false));
    Chart {
        patient: patient(chart.patient),
        allergies: chart.allergies.into_iter().map(allergy_row).collect(),
        problems: chart
            .problems
            .into_iter()
            .map(|row| problem(row, true))
            .chain(past)
            .collect(),
        medicines: chart.medicines.into_iter().map(medicine).collect(),
        observations: chart.observations.into_iter().map(observation).collect(),
        truncated: chart.truncated,
        complete_as_of: chart
            .complete_as_of
            .into_iter()
            .map(|as_of| CompleteAsOf {
                site: as_of.site,
                at_ms: Some(as_of.written_ms).filter(|ms| *ms > 0),
            })
            .collect(),
        conflicts: count(chart.conflicts),
    }
}

pub(crate) fn conflict(row: clinic_conflict::ConflictRow) -> ConflictItem {
    let kind = if row.path.starts_with("!group") {
        ConflictKind::Group
    } else if row.path.starts_with("!record") {
        ConflictKind::Deleted
    } else {
        ConflictKind::Element
    };
    ConflictItem {
        // The patient's own record is named by the patient.
        subject: if row.kind == "Patient" {
            String::new()
        } else {
            row.title
        },
        record: row.record,
        version: row.version,
        patient: row.patient,
        path: row.path,
        kind,
        critical: row.critical,
        values: row
            .values
            .into_iter()
            .map(|value| ConflictValue {
                removed: value.value.is_none(),
                lines: value.lines,
                safer: value.is_safer,
                by: written_by(value.author),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blood_pressure_reads_upper_over_lower() {
        assert_eq!(upper_first("70 / 148".into()), "148/70");
        assert_eq!(upper_first("148 / 70".into()), "148/70");
        assert_eq!(upper_first("high".into()), "high");
    }
}
