//! Who a patient's records are about.

use super::names::{Culture, Name};
use super::parts::reference;
use super::places::Place;
use super::time::DAY_S;
use chaski_json::Json;

pub(super) const YEAR_S: i64 = 365 * DAY_S + DAY_S / 4;

pub(super) struct Person {
    pub(super) id: String,
    pub(super) female: bool,
    pub(super) born_s: i64,
    pub(super) adult_height_mm: i64,
    pub(super) name: Name,
    pub(super) culture: &'static Culture,
    pub(super) place: &'static Place,
}

impl Person {
    pub(super) fn reference(&self) -> Json {
        reference("Patient", &self.id)
    }

    /// Grows from 500 mm to the adult height over 17 years.
    pub(super) fn height_mm(&self, at_s: i64) -> i64 {
        let age_s = at_s.saturating_sub(self.born_s).clamp(0, 17 * YEAR_S);
        500 + (self.adult_height_mm - 500).saturating_mul(age_s / DAY_S) / (17 * 365)
    }
}
