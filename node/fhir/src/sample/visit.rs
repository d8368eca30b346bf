//! One encounter.

use super::codes::VisitKind;
use super::parts::reference;
use super::person::Person;
use super::random::Random;
use super::sites::Site;
use super::time::{date_time, instant};
use chaski_json::{Json, json};

pub(super) struct Visit<'a> {
    pub(super) person: &'a Person,
    pub(super) site: &'a Site,
    pub(super) id: String,
    pub(super) start_s: i64,
    pub(super) end_s: i64,
    pub(super) kind: VisitKind,
    pub(super) practitioner: String,
}

impl Visit<'_> {
    pub(super) fn reference(&self) -> Json {
        reference("Encounter", &self.id)
    }

    pub(super) fn time(&self) -> String {
        date_time(self.start_s)
    }

    pub(super) fn end_time(&self) -> String {
        date_time(self.end_s)
    }

    pub(super) fn instant(&self, random: &mut Random) -> String {
        instant(self.start_s, random.between(0, 999))
    }

    pub(super) fn period(&self) -> Json {
        json!({"start": (self.time()), "end": (self.end_time())})
    }
}

/// Something done or found at a visit that a claim lists.
pub(super) struct Billed {
    pub(super) system: &'static str,
    pub(super) code: &'static str,
    pub(super) display: &'static str,
    /// Reference, if the claim points at the record.
    pub(super) reference: String,
    /// In hundredths of the currency.
    pub(super) cost: i64,
}
