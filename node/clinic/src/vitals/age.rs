//! How old a patient was when something was measured, as the bands need it.
//!
//! Invariant: an age that can't be told is never that of an adult: no band applies, and whoever shows the value says
//! so. Which rule holds when: `docs/clinical-rules.md`, CR-42 and CR-110.

use chaski_fhir::vitals::Sign;
use chaski_json::Json;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::bands::{self, AgeBand, Flag};
use crate::civil::{days_in, months_between};
use crate::fhir_json::{date_bounds, text};

/// The ages that a patient may have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// The band of the least age.
    pub youngest: AgeBand,
    /// That of the greatest: the same, where the birth date is known well enough.
    pub oldest: AgeBand,
}

impl Ages {
    /// One band alone.
    #[must_use]
    pub const fn of(band: AgeBand) -> Ages {
        Ages {
            youngest: band,
            oldest: band,
        }
    }

    /// The bands from the youngest to the oldest.
    fn bands(self) -> impl Iterator<Item = AgeBand> {
        let within = move |band: &AgeBand| (self.youngest..=self.oldest).contains(band);
        AgeBand::ALL.into_iter().filter(within)
    }
}

/// Why no band applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoBand {
    /// The birth date is not recorded, or can't be read.
    BirthUnknown,
    /// When it was measured is not recorded, or can't be read.
    TimeUnknown,
    /// It was measured before the birth date.
    BeforeBirth,
    /// The birth date is known to the year or month only, and the bands that the age may be of say different things.
    Imprecise,
}

impl NoBand {
    /// Every reason, so that a test finds one that has no text.
    pub const ALL: [NoBand; 4] = [
        NoBand::BirthUnknown,
        NoBand::TimeUnknown,
        NoBand::BeforeBirth,
        NoBand::Imprecise,
    ];

    /// A stable code for messages files.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            NoBand::BirthUnknown => "birth-unknown",
            NoBand::TimeUnknown => "time-unknown",
            NoBand::BeforeBirth => "before-birth",
            NoBand::Imprecise => "imprecise",
        }
    }
}

/// The ages that a patient may have had at a FHIR date or dateTime, by civil dates in the clinic's zone.
pub(crate) fn ages_at(patient: &Json, when: &str, zone: &TimeZone) -> Result<Ages, NoBand> {
    let (born, born_last) = date_bounds(text(patient, "birthDate")).ok_or(NoBand::BirthUnknown)?;
    let (then, then_last) = days_in(zone, when).ok_or(NoBand::TimeUnknown)?;
    Ok(Ages {
        youngest: band_of(born_last, then).unwrap_or(AgeBand::Newborn),
        oldest: band_of(born, then_last).ok_or(NoBand::BeforeBirth)?,
    })
}

/// The flag of a value by the ages that the patient may have had: one that all of their bands agree on. Where the age
/// can't be told, only what is judged alike at every age is judged.
///
/// # Errors
/// Why none of the bands applies.
pub fn judge(sign: Sign, ages: Result<Ages, NoBand>, value: f64) -> Result<Option<Flag>, NoBand> {
    match ages {
        Ok(ages) => agreed(ages.bands().map(|age| bands::flag(sign, age, value))).ok_or(NoBand::Imprecise),
        Err(reason) => {
            let one = agreed(AgeBand::ALL.into_iter().map(|age| bands::band(sign, age))).ok_or(reason)?;
            Ok(one.and_then(|band| band.flag(value)))
        }
    }
}

/// What all of them say, if they say the same.
fn agreed<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// The band of whoever was born on one day, on another. A birth one day ahead is a newborn's: it was noted where the
/// day had begun already.
fn band_of(born: Date, then: Date) -> Option<AgeBand> {
    if born > then {
        let is_next_day = then.tomorrow().is_ok_and(|next| next == born);
        return is_next_day.then_some(AgeBand::Newborn);
    }
    let months = u32::try_from(months_between(born, then)).ok()?;
    Some(AgeBand::of_months(months))
}
