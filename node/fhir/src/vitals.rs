//! The vital signs: which LOINC codes they are written under, and in which UCUM unit.
//!
//! Invariants: a code and its unit stand here once, in [`CODES`], whoever writes, reads, lists or judges
//! it; what a body can have and what is usual at an age is decided above.
//!
//! Source: FHIR R4's vital signs profile.

/// The system of LOINC's codes.
pub const LOINC: &str = "http://loinc.org";
/// The system of UCUM's units.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// A code that a vital sign is written under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VitalCode {
    /// Whose; nothing for a panel of a blood pressure, which holds two signs.
    pub sign: Option<Sign>,
    /// LOINC's code.
    pub loinc: &'static str,
    /// LOINC's name.
    pub display: &'static str,
    /// UCUM's code of the unit.
    pub ucum: &'static str,
    /// The unit as read.
    pub unit: &'static str,
}

/// The panel that a blood pressure is written in here.
pub const PRESSURE: VitalCode = VitalCode {
    sign: None,
    loinc: "85354-9",
    display: "Blood pressure panel with all children optional",
    ucum: "mm[Hg]",
    unit: "mmHg",
};

/// The older one, which is read.
const PRESSURE_OLDER: VitalCode = VitalCode {
    loinc: "55284-4",
    display: "Blood pressure systolic and diastolic",
    ..PRESSURE
};

const SYSTOLIC: VitalCode = VitalCode {
    sign: Some(Sign::Systolic),
    loinc: "8480-6",
    display: "Systolic blood pressure",
    ..PRESSURE
};

const DIASTOLIC: VitalCode = VitalCode {
    sign: Some(Sign::Diastolic),
    loinc: "8462-4",
    display: "Diastolic blood pressure",
    ..PRESSURE
};

const HEART_RATE: VitalCode = VitalCode {
    sign: Some(Sign::HeartRate),
    loinc: "8867-4",
    display: "Heart rate",
    ucum: "/min",
    unit: "beats/minute",
};

const RESPIRATORY_RATE: VitalCode = VitalCode {
    sign: Some(Sign::RespiratoryRate),
    loinc: "9279-1",
    display: "Respiratory rate",
    ucum: "/min",
    unit: "breaths/minute",
};

const TEMPERATURE: VitalCode = VitalCode {
    sign: Some(Sign::Temperature),
    loinc: "8310-5",
    display: "Body temperature",
    ucum: "Cel",
    unit: "°C",
};

const OXYGEN_SATURATION: VitalCode = VitalCode {
    sign: Some(Sign::OxygenSaturation),
    loinc: "2708-6",
    display: "Oxygen saturation in Arterial blood",
    ucum: "%",
    unit: "%",
};

/// As other systems write it.
const OXYGEN_BY_PULSE: VitalCode = VitalCode {
    loinc: "59408-5",
    display: "Oxygen saturation in Arterial blood by Pulse oximetry",
    ..OXYGEN_SATURATION
};

const WEIGHT: VitalCode = VitalCode {
    sign: Some(Sign::Weight),
    loinc: "29463-7",
    display: "Body weight",
    ucum: "kg",
    unit: "kg",
};

const HEIGHT: VitalCode = VitalCode {
    sign: Some(Sign::Height),
    loinc: "8302-2",
    display: "Body height",
    ucum: "cm",
    unit: "cm",
};

/// Every code, in the order in which the signs are taken.
pub const CODES: [VitalCode; 11] = [
    PRESSURE,
    PRESSURE_OLDER,
    SYSTOLIC,
    DIASTOLIC,
    HEART_RATE,
    RESPIRATORY_RATE,
    TEMPERATURE,
    OXYGEN_SATURATION,
    OXYGEN_BY_PULSE,
    WEIGHT,
    HEIGHT,
];

/// A vital sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sign {
    /// Beats a minute.
    HeartRate,
    /// Breaths a minute.
    RespiratoryRate,
    /// Degrees Celsius.
    Temperature,
    /// Systolic blood pressure, in mm\[Hg\].
    Systolic,
    /// Diastolic blood pressure, in mm\[Hg\].
    Diastolic,
    /// Oxygen saturation, in percent.
    OxygenSaturation,
    /// Body weight, in kilograms.
    Weight,
    /// Body height, in centimetres.
    Height,
}

impl Sign {
    /// Every sign.
    pub const ALL: [Sign; 8] = [
        Sign::HeartRate,
        Sign::RespiratoryRate,
        Sign::Temperature,
        Sign::Systolic,
        Sign::Diastolic,
        Sign::OxygenSaturation,
        Sign::Weight,
        Sign::Height,
    ];

    /// Its name where it is a field.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Sign::HeartRate => "heart_rate",
            Sign::RespiratoryRate => "respiratory_rate",
            Sign::Temperature => "temperature",
            Sign::Systolic => "systolic",
            Sign::Diastolic => "diastolic",
            Sign::OxygenSaturation => "oxygen_saturation",
            Sign::Weight => "weight",
            Sign::Height => "height",
        }
    }

    /// The code that it is written under here.
    #[must_use]
    pub const fn code(self) -> VitalCode {
        match self {
            Sign::HeartRate => HEART_RATE,
            Sign::RespiratoryRate => RESPIRATORY_RATE,
            Sign::Temperature => TEMPERATURE,
            Sign::Systolic => SYSTOLIC,
            Sign::Diastolic => DIASTOLIC,
            Sign::OxygenSaturation => OXYGEN_SATURATION,
            Sign::Weight => WEIGHT,
            Sign::Height => HEIGHT,
        }
    }

    /// LOINC's code and name.
    #[must_use]
    pub const fn loinc(self) -> (&'static str, &'static str) {
        let code = self.code();
        (code.loinc, code.display)
    }

    /// UCUM's code of its unit, and the unit as read.
    #[must_use]
    pub const fn unit(self) -> (&'static str, &'static str) {
        let code = self.code();
        (code.ucum, code.unit)
    }

    /// The sign of a LOINC code.
    #[must_use]
    pub fn from_loinc(code: &str) -> Option<Sign> {
        CODES.iter().find(|row| row.loinc == code)?.sign
    }
}

/// Where the vital signs are listed in order, the place of a LOINC code; `None` of what is none.
#[must_use]
pub fn place(code: &str) -> Option<usize> {
    CODES.iter().position(|row| row.loinc == code)
}

/// Whether a LOINC code is that of a blood pressure as a whole.
#[must_use]
pub fn is_pressure(code: &str) -> bool {
    [PRESSURE, PRESSURE_OLDER].iter().any(|row| row.loinc == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_once_and_each_sign_is_read_as_it_is_written() {
        for (at, row) in CODES.iter().enumerate() {
            assert_eq!(place(row.loinc), Some(at), "{row:?}");
            assert_eq!(Sign::from_loinc(row.loinc), row.sign);
            assert_eq!(is_pressure(row.loinc), row.sign.is_none(), "{row:?}");
            if let Some(sign) = row.sign {
                assert_eq!((row.ucum, row.unit), sign.unit(), "{row:?}");
            }
        }
        for sign in Sign::ALL {
            assert_eq!(Sign::from_loinc(sign.loinc().0), Some(sign));
        }
        assert_eq!((place("718-7"), Sign::from_loinc("718-7")), (None, None));
    }
}
