//! What is impossible, normal and critical in a vital sign, by age.
//!
//! Invariant: a band is four ascending cuts, and every number falls in exactly
//! one of the five classes between them: there are no holes.
//!
//! Where each number comes from: `docs/clinical-rules.md`, CR-40 and CR-41.

use chaski_fhir::vitals::Sign;

/// How a value stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// Below normal, and dangerous.
    CriticalLow,
    /// Below normal, and not dangerous.
    Low,
    /// Above normal, and not dangerous.
    High,
    /// Above normal, and dangerous.
    CriticalHigh,
}

impl Flag {
    /// Its code in HL7's ObservationInterpretation.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Flag::CriticalLow => "LL",
            Flag::Low => "L",
            Flag::High => "H",
            Flag::CriticalHigh => "HH",
        }
    }

    /// The flag of an ObservationInterpretation code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Flag> {
        match code {
            "LL" | "LU" => Some(Flag::CriticalLow),
            "L" => Some(Flag::Low),
            "H" => Some(Flag::High),
            "HH" | "HU" => Some(Flag::CriticalHigh),
            _ => None,
        }
    }

    /// Whether it is dangerous.
    #[must_use]
    pub const fn is_critical(self) -> bool {
        matches!(self, Flag::CriticalLow | Flag::CriticalHigh)
    }
}

/// The least and greatest value a living body has.
#[must_use]
pub const fn possible(sign: Sign) -> (f64, f64) {
    match sign {
        Sign::HeartRate => (10.0, 350.0),
        Sign::RespiratoryRate => (1.0, 150.0),
        Sign::Temperature => (20.0, 46.0),
        Sign::Systolic => (20.0, 350.0),
        Sign::Diastolic => (5.0, 250.0),
        Sign::OxygenSaturation => (10.0, 100.0),
        Sign::Weight => (0.2, 650.0),
        Sign::Height => (15.0, 280.0),
    }
}

/// The ages that have bands of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AgeBand {
    /// Under 2 months.
    Newborn,
    /// 2 to 11 months.
    Infant,
    /// 1 to 4 years.
    YoungChild,
    /// 5 to 11 years.
    Child,
    /// From 12 years.
    Adult,
}

impl AgeBand {
    /// Every band, youngest first.
    pub const ALL: [AgeBand; 5] = [
        AgeBand::Newborn,
        AgeBand::Infant,
        AgeBand::YoungChild,
        AgeBand::Child,
        AgeBand::Adult,
    ];

    /// The band of an age in completed months.
    #[must_use]
    pub const fn of_months(months: u32) -> AgeBand {
        match months {
            0..2 => AgeBand::Newborn,
            2..12 => AgeBand::Infant,
            12..60 => AgeBand::YoungChild,
            60..144 => AgeBand::Child,
            _ => AgeBand::Adult,
        }
    }
}

/// The cuts: below `critical_low`, below `low`, up to `high`, up to
/// `critical_high`, and above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Below is critical.
    pub critical_low: f64,
    /// From here it is normal.
    pub low: f64,
    /// Up to and with this it is normal.
    pub high: f64,
    /// Above is critical.
    pub critical_high: f64,
}

impl Band {
    const fn new(critical_low: f64, low: f64, high: f64, critical_high: f64) -> Band {
        Band {
            critical_low,
            low,
            high,
            critical_high,
        }
    }

    /// The class a number falls in; `None` is normal.
    #[must_use]
    pub fn flag(&self, value: f64) -> Option<Flag> {
        if value < self.critical_low {
            Some(Flag::CriticalLow)
        } else if value < self.low {
            Some(Flag::Low)
        } else if value <= self.high {
            None
        } else if value <= self.critical_high {
            Some(Flag::High)
        } else {
            Some(Flag::CriticalHigh)
        }
    }
}

/// The band of a sign at an age; `None` where nothing is flagged.
#[must_use]
pub const fn band(sign: Sign, age: AgeBand) -> Option<Band> {
    match (sign, age) {
        (Sign::HeartRate, AgeBand::Newborn) => Some(Band::new(80.0, 100.0, 180.0, 205.0)),
        (Sign::HeartRate, AgeBand::Infant) => Some(Band::new(80.0, 110.0, 160.0, 190.0)),
        (Sign::HeartRate, AgeBand::YoungChild) => Some(Band::new(60.0, 95.0, 150.0, 180.0)),
        (Sign::HeartRate, AgeBand::Child) => Some(Band::new(50.0, 80.0, 120.0, 160.0)),
        (Sign::HeartRate, AgeBand::Adult) => Some(Band::new(40.0, 57.0, 100.0, 115.0)),
        (Sign::RespiratoryRate, AgeBand::Newborn) => Some(Band::new(20.0, 30.0, 59.0, 80.0)),
        (Sign::RespiratoryRate, AgeBand::Infant) => Some(Band::new(15.0, 25.0, 49.0, 70.0)),
        (Sign::RespiratoryRate, AgeBand::YoungChild) => Some(Band::new(12.0, 20.0, 39.0, 60.0)),
        (Sign::RespiratoryRate, AgeBand::Child) => Some(Band::new(10.0, 16.0, 29.0, 40.0)),
        (Sign::RespiratoryRate, AgeBand::Adult) => Some(Band::new(8.0, 11.0, 21.0, 25.0)),
        (Sign::Temperature, _) => Some(Band::new(35.0, 36.0, 38.0, 41.0)),
        (Sign::Systolic, AgeBand::Adult) => Some(Band::new(80.0, 90.0, 139.0, 180.0)),
        (Sign::Diastolic, AgeBand::Adult) => Some(Band::new(40.0, 60.0, 89.0, 120.0)),
        (Sign::OxygenSaturation, _) => Some(Band::new(90.0, 94.0, 100.0, 100.0)),
        (Sign::Systolic | Sign::Diastolic | Sign::Weight | Sign::Height, _) => None,
    }
}

/// The flag of a value, if it stands out.
#[must_use]
pub fn flag(sign: Sign, age: AgeBand, value: f64) -> Option<Flag> {
    band(sign, age)?.flag(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_ascend_within_what_is_possible() {
        for sign in Sign::ALL {
            for age in AgeBand::ALL {
                let Some(band) = band(sign, age) else { continue };
                let (least, greatest) = possible(sign);
                assert!(
                    least < band.critical_low && band.critical_high <= greatest,
                    "{sign:?} {age:?}"
                );
                assert!(
                    band.critical_low < band.low && band.low < band.high && band.high <= band.critical_high
                );
            }
        }
    }

    #[test]
    fn the_adult_rules_hold_at_every_boundary() {
        let check = |sign, value, expected| {
            assert_eq!(flag(sign, AgeBand::Adult, value), expected, "{sign:?} {value}")
        };
        for (sign, critical_low, low, high, critical_high) in [
            (Sign::HeartRate, 40.0, 57.0, 100.0, 115.0),
            (Sign::RespiratoryRate, 8.0, 11.0, 21.0, 25.0),
            (Sign::Temperature, 35.0, 36.0, 38.0, 41.0),
        ] {
            check(sign, critical_low - 0.1, Some(Flag::CriticalLow));
            check(sign, critical_low, Some(Flag::Low));
            check(sign, low - 0.1, Some(Flag::Low));
            check(sign, low, None);
            check(sign, high, None);
            check(sign, high + 0.1, Some(Flag::High));
            check(sign, critical_high, Some(Flag::High));
            check(sign, critical_high + 0.1, Some(Flag::CriticalHigh));
        }
    }

    #[test]
    fn ages_have_no_holes() {
        let bands: Vec<AgeBand> = (0..2_000).map(AgeBand::of_months).collect();
        assert!(bands.is_sorted());
        assert_eq!(bands.first(), Some(&AgeBand::Newborn));
        assert_eq!(bands.last(), Some(&AgeBand::Adult));
    }

    proptest! {
        #[test]
        fn a_greater_value_never_has_a_lower_flag(a in 0.0_f64..400.0, b in 0.0_f64..400.0) {
            let order = |flag: Option<Flag>| match flag {
                Some(Flag::CriticalLow) => 0,
                Some(Flag::Low) => 1,
                None => 2,
                Some(Flag::High) => 3,
                Some(Flag::CriticalHigh) => 4,
            };
            let (small, great) = if a <= b { (a, b) } else { (b, a) };
            for sign in Sign::ALL {
                for age in AgeBand::ALL {
                    prop_assert!(order(flag(sign, age, small)) <= order(flag(sign, age, great)));
                }
            }
        }
    }
}
