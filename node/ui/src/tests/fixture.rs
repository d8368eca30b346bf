//! A desk and a node in memory, for page tests and the preview. All invented.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::ui::*;

/// 2026-11-20T09:30:00Z
pub const NOW_MS: u64 = 1_795_167_000_000;
const HOUR: u64 = 3_600_000;
pub const DAY: u64 = 24 * HOUR;

pub const TOKEN: &str = "chaski-fixture-token";
pub const TOKEN_OTHER: &str = "chaski-other-token";
pub const ONE_USE: &str = "chaski-first-token";

pub fn by(user: &str, site: &str, ago_ms: u64) -> WrittenBy {
    WrittenBy {
        user: user.into(),
        role: "clinician".into(),
        site: site.into(),
        at_ms: NOW_MS - ago_ms,
    }
}

/// A form of this draft was saved before, with something else typed.
pub const DRAFT_SAVED: &str = "saved";

pub struct FixtureDesk {
    pub charts: Mutex<Vec<Chart>>,
    pub conflicts: Mutex<Vec<ConflictItem>>,
    pub changes: watch::Sender<u64>,
    pub site: String,
    /// The store is busy when somebody signs in.
    pub sign_in_fails: Mutex<bool>,
    /// What every change that the demo offers is answered with, instead of being made.
    pub refuses: Mutex<Option<DeskError>>,
}

impl FixtureDesk {
    pub fn new(site: &str) -> Self {
        let charts = vec![maria(), yusuf(), baby()];
        Self {
            charts: Mutex::new(charts),
            conflicts: Mutex::new(conflicts()),
            changes: watch::Sender::new(1),
            site: site.into(),
            sign_in_fails: Mutex::new(false),
            refuses: Mutex::new(None),
        }
    }

    fn ask(&self) -> Result<(), DeskError> {
        self.refuses.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn edit<T>(&self, patient: &str, change: impl FnOnce(&mut Chart) -> T) -> Result<T, DeskError> {
        let mut charts = self.charts.lock().unwrap();
        let chart = charts
            .iter_mut()
            .find(|c| c.patient.id == patient)
            .ok_or(DeskError::NotFound)?;
        let done = change(chart);
        drop(charts);
        self.changes.send_modify(|seq| *seq += 1);
        Ok(done)
    }
}

fn invalid(field: &'static str, reason: Reason) -> DeskError {
    DeskError::Invalid(vec![FieldProblem { field, reason }])
}

impl Desk for FixtureDesk {
    fn sign_in(&self, secret: &str) -> Result<SignedIn, DeskError> {
        if *self.sign_in_fails.lock().unwrap() {
            return Err(DeskError::Unavailable);
        }
        if secret == TOKEN_OTHER {
            // Of the same name: what tells two people apart is their tokens.
            let principal = Principal {
                holder_id: "h2".into(),
                roles: vec!["clinician".into()],
                ..principal()
            };
            return Ok(SignedIn {
                principal,
                own_token: None,
            });
        }
        let own_token = match secret {
            TOKEN => None,
            ONE_USE => Some(OwnToken(TOKEN.into())),
            _ => return Err(DeskError::SignIn),
        };
        Ok(SignedIn {
            principal: principal(),
            own_token,
        })
    }

    fn sign_out(&self, _: &Principal) {}

    fn still_holds(&self, _: &Principal) -> bool {
        true
    }

    fn patient_search(&self, _: &Principal, text: &str, _: usize) -> Result<PatientList, DeskError> {
        let wanted = text.to_lowercase();
        let charts = self.charts.lock().unwrap();
        let rows = charts
            .iter()
            .map(|c| c.patient.clone())
            .filter(|p| p.name.to_lowercase().contains(&wanted));
        Ok(PatientList {
            rows: rows.collect(),
            more: false,
        })
    }

    fn patient_view(&self, who: &Principal, patient: &str) -> Result<PatientRow, DeskError> {
        self.chart_view(who, patient).map(|chart| chart.patient)
    }

    fn patient_register(
        &self,
        _: &Principal,
        entry: &NewPatient,
        accept: bool,
    ) -> Result<Registration, DeskError> {
        if entry.draft == DRAFT_SAVED {
            return Err(DeskError::Stale);
        }
        let mut problems = Vec::new();
        for (field, text) in [
            ("given", &entry.given),
            ("family", &entry.family),
            ("sex", &entry.sex),
        ] {
            if text.is_empty() && (field == "sex" || !entry.unidentified) {
                problems.push(FieldProblem {
                    field,
                    reason: Reason::Required,
                });
            }
        }
        if entry.birth_date.starts_with('3') {
            problems.push(FieldProblem {
                field: "birth_date",
                reason: Reason::InFuture,
            });
        }
        if !problems.is_empty() {
            return Err(DeskError::Invalid(problems));
        }
        let like = self.patient_search(&principal(), &entry.family, 10)?.rows;
        if !accept && !entry.unidentified && !like.is_empty() {
            return Ok(Registration::PossibleDuplicates(like));
        }
        let id = "new-1".to_owned();
        let name = match entry.unidentified {
            true => entry.temporary_label.clone(),
            false => format!("{} {}", entry.given, entry.family),
        };
        let patient = PatientRow {
            id: id.clone(),
            version: "v1".into(),
            name,
            unidentified: entry.unidentified,
            ..PatientRow::default()
        };
        self.charts.lock().unwrap().push(Chart {
            patient,
            ..Chart::default()
        });
        Ok(Registration::Registered(id))
    }

    fn chart_view(&self, _: &Principal, patient: &str) -> Result<Chart, DeskError> {
        let charts = self.charts.lock().unwrap();
        charts
            .iter()
            .find(|c| c.patient.id == patient)
            .cloned()
            .ok_or(DeskError::NotFound)
    }

    fn phone_change(&self, _: &Principal, change: &PhoneChange) -> Result<(), DeskError> {
        self.ask()?;
        if change.old.is_none() && change.new.is_empty() {
            return Err(invalid("number", Reason::Required));
        }
        self.edit(&change.patient, |chart| {
            let phones = &mut chart.patient.phones;
            match &change.old {
                None => phones.push(change.new.clone()),
                Some(old) if change.new.is_empty() => phones.retain(|p| p != old),
                Some(old) => phones
                    .iter_mut()
                    .filter(|p| *p == old)
                    .for_each(|p| p.clone_from(&change.new)),
            }
        })
    }

    fn allergy_record(&self, who: &Principal, entry: &AllergyEntry) -> Result<(), DeskError> {
        self.ask()?;
        if entry.substance.is_empty() {
            return Err(invalid("substance", Reason::Required));
        }
        let site = self.site.clone();
        let user = who.user.clone();
        self.edit(&entry.patient, |chart| {
            chart.allergies.push(allergy(
                "new",
                &entry.substance,
                Criticality::High,
                &entry.reaction,
                by(&user, &site, 0),
            ));
        })
    }

    fn allergy_change(&self, _: &Principal, change: &AllergyChange) -> Result<(), DeskError> {
        let mut charts = self.charts.lock().unwrap();
        let row = charts
            .iter_mut()
            .flat_map(|c| &mut c.allergies)
            .find(|a| a.record == change.record);
        row.ok_or(DeskError::NotFound)?.active = change.status == "active";
        Ok(())
    }

    fn vitals_record(&self, who: &Principal, entry: &VitalsEntry) -> Result<(), DeskError> {
        if entry.pulse == "900" {
            return Err(invalid("pulse", Reason::Impossible));
        }
        if entry.draft == DRAFT_SAVED {
            return Err(DeskError::Stale);
        }
        let by = by(&who.user, &self.site, 0);
        self.edit(&entry.patient, |chart| {
            chart
                .observations
                .insert(0, vital("Pulse", &entry.pulse, "/min", Flag::Normal, by));
        })
    }

    fn medication_dose_change(&self, who: &Principal, change: &DoseChange) -> Result<(), DeskError> {
        self.ask()?;
        if change.value.parse::<f64>().is_err() {
            return Err(invalid("dose", Reason::Malformed));
        }
        let by = by(&who.user, &self.site, 0);
        let mut charts = self.charts.lock().unwrap();
        let row = charts
            .iter_mut()
            .flat_map(|c| &mut c.medicines)
            .find(|m| m.record == change.record);
        let row = row.ok_or(DeskError::NotFound)?;
        row.instruction = if change.instruction.is_empty() {
            change.words.clone()
        } else {
            change.instruction.clone()
        };
        row.dose_value = change.value.clone();
        row.by = Some(by);
        self.changes.send_modify(|seq| *seq += 1);
        Ok(())
    }

    fn medication_status_change(
        &self,
        _: &Principal,
        change: &MedicineStatusChange,
    ) -> Result<(), DeskError> {
        if change.reason.is_empty() && change.status != "completed" {
            return Err(invalid("reason", Reason::Required));
        }
        let mut charts = self.charts.lock().unwrap();
        let row = charts
            .iter_mut()
            .flat_map(|c| &mut c.medicines)
            .find(|m| m.record == change.record);
        let row = row.ok_or(DeskError::NotFound)?;
        row.active = change.status == "on-hold";
        row.status.clone_from(&change.status);
        row.status_reason.clone_from(&change.reason);
        Ok(())
    }

    fn conflict_count(&self, _: &Principal) -> Result<u64, DeskError> {
        Ok(self.conflicts.lock().unwrap().len() as u64)
    }

    fn conflict_list(&self, _: &Principal, _: usize) -> Result<ConflictList, DeskError> {
        Ok(ConflictList {
            items: self.conflicts.lock().unwrap().clone(),
            more: false,
        })
    }

    fn bundle_allowed(&self, who: &Principal) -> bool {
        who.roles.iter().any(|role| role == "administrator")
    }

    fn conflict_resolve(&self, _: &Principal, resolution: &Resolution) -> Result<(), DeskError> {
        self.ask()?;
        let mut conflicts = self.conflicts.lock().unwrap();
        let seen = conflicts
            .iter()
            .any(|c| c.record == resolution.record && c.version == resolution.version);
        if !seen {
            return Err(DeskError::Stale);
        }
        conflicts.retain(|c| c.record != resolution.record);
        self.changes.send_modify(|seq| *seq += 1);
        Ok(())
    }
}

pub fn principal() -> Principal {
    Principal {
        token_id: "t1".into(),
        holder_id: "h1".into(),
        user: "Ana Quispe".into(),
        roles: vec!["administrator".into(), "clinician".into()],
        grant: String::new(),
    }
}

fn allergy(id: &str, substance: &str, criticality: Criticality, reaction: &str, by: WrittenBy) -> AllergyRow {
    AllergyRow {
        record: format!("AllergyIntolerance/{id}"),
        version: "a1".into(),
        substance: substance.into(),
        criticality,
        reaction: (!reaction.is_empty()).then(|| reaction.into()),
        active: true,
        status: "active".into(),
        none_known: false,
        contradicted: false,
        conflicts: 0,
        by: Some(by),
    }
}

fn vital(name: &str, value: &str, unit: &str, flag: Flag, by: WrittenBy) -> ObservationRow {
    ObservationRow {
        record: format!("Observation/{name}"),
        code: name.into(),
        name: name.into(),
        value: value.into(),
        unit: unit.into(),
        flag,
        vital: true,
        when: jiff::Timestamp::from_millisecond(by.at_ms as i64)
            .unwrap()
            .to_string(),
        conflicts: 0,
        by: Some(by),
    }
}

fn medicine(id: &str, drug: &str, value: &str, unit: &str, times: &str, by: WrittenBy) -> MedicineRow {
    MedicineRow {
        record: format!("MedicationRequest/{id}"),
        version: "m1".into(),
        drug: drug.into(),
        instruction: format!("{value} {unit}, {times} times a day"),
        dose_value: value.into(),
        dose_unit: unit.into(),
        times_per_day: times.into(),
        timing: String::new(),
        active: true,
        status: "active".into(),
        status_reason: String::new(),
        conflicts: 0,
        by: Some(by),
    }
}

fn problem(id: &str, text: &str, onset: &str, by: WrittenBy) -> ProblemRow {
    ProblemRow {
        record: format!("Condition/{id}"),
        text: text.into(),
        active: true,
        onset: Some(onset.into()),
        conflicts: 0,
        by: Some(by),
    }
}

pub fn maria() -> Chart {
    let (here, hub, team) = ("Santa Rosa", "Regional hub", "Mobile team");
    let mut metformin = medicine(
        "met",
        "Metformin 500 mg tablet",
        "500",
        "mg",
        "2",
        by("Luis Mamani", team, 5 * HOUR),
    );
    metformin.conflicts = 1;
    let mut old = medicine(
        "amox",
        "Amoxicillin 250 mg capsule",
        "250",
        "mg",
        "3",
        by("Ana Quispe", here, 200 * DAY),
    );
    (old.active, old.status) = (false, "completed".into());
    let result = |name: &str, value: &str, unit: &str, flag, ago| ObservationRow {
        vital: false,
        ..vital(name, value, unit, flag, by("Rosa Condori", hub, ago))
    };
    Chart {
        patient: PatientRow {
            id: "0192f3a1-7c00-7000-8000-000000000001".into(),
            version: "v1".into(),
            name: "María Huamán Flores".into(),
            name_local: Some("ماريا هوامان".into()),
            sex: Sex::Female,
            birth_date: Some("1971-04-18".into()),
            birth_estimated: false,
            deceased: false,
            identifiers: vec![
                IdentifierShown {
                    label: "Patient number".into(),
                    value: "SR-000412-7".into(),
                },
                IdentifierShown {
                    label: "National id".into(),
                    value: "40 118 223".into(),
                },
            ],
            phones: vec!["+51 984 555 0134".into(), "+51 84 555 0190".into()],
            place: Some("Santa Rosa".into()),
            unidentified: false,
            conflicts: 0,
        },
        allergies: vec![
            allergy(
                "pen",
                "Penicillin",
                Criticality::High,
                "Swelling of the face, trouble breathing",
                by("Ana Quispe", here, 400 * DAY),
            ),
            allergy(
                "ibu",
                "Ibuprofen",
                Criticality::Low,
                "Rash",
                by("Luis Mamani", team, 3 * DAY),
            ),
        ],
        problems: vec![
            problem(
                "dm",
                "Type 2 diabetes mellitus",
                "2014-06",
                by("Rosa Condori", hub, 700 * DAY),
            ),
            problem("ht", "Hypertension", "2018", by("Ana Quispe", here, 500 * DAY)),
        ],
        medicines: vec![
            metformin,
            medicine(
                "enal",
                "Enalapril 10 mg tablet",
                "10",
                "mg",
                "1",
                by("Ana Quispe", here, 30 * DAY),
            ),
            old,
        ],
        observations: vec![
            vital(
                "Blood pressure",
                "158/96",
                "mmHg",
                Flag::High,
                by("Ana Quispe", here, 2 * HOUR),
            ),
            vital(
                "Pulse",
                "82",
                "/min",
                Flag::Normal,
                by("Ana Quispe", here, 2 * HOUR),
            ),
            vital(
                "Temperature",
                "36.8",
                "°C",
                Flag::Normal,
                by("Ana Quispe", here, 2 * HOUR),
            ),
            vital(
                "Oxygen saturation",
                "86",
                "%",
                Flag::CriticalLow,
                by("Ana Quispe", here, 2 * HOUR),
            ),
            vital(
                "Weight",
                "71.5",
                "kg",
                Flag::None,
                by("Luis Mamani", team, 3 * DAY),
            ),
            result("Haemoglobin A1c", "8.4", "%", Flag::High, 12 * DAY),
            result(
                "Creatinine in serum or plasma",
                "0.9",
                "mg/dL",
                Flag::Normal,
                12 * DAY,
            ),
            result("Haemoglobin", "11.2", "g/dL", Flag::Low, 12 * DAY),
        ],
        truncated: false,
        complete_as_of: vec![
            CompleteAsOf {
                site: here.into(),
                at_ms: Some(NOW_MS),
            },
            CompleteAsOf {
                site: hub.into(),
                at_ms: Some(NOW_MS - 4 * 60_000),
            },
            CompleteAsOf {
                site: team.into(),
                at_ms: Some(NOW_MS - 3 * DAY),
            },
        ],
        conflicts: 1,
    }
}

fn yusuf() -> Chart {
    Chart {
        patient: PatientRow {
            id: "p2".into(),
            version: "v1".into(),
            name: "يوسف حسن العلي".into(),
            sex: Sex::Male,
            birth_date: Some("1950".into()),
            birth_estimated: true,
            identifiers: vec![IdentifierShown {
                label: String::new(),
                value: "SR-000388-2".into(),
            }],
            place: Some("حلب".into()),
            ..PatientRow::default()
        },
        ..Chart::default()
    }
}

fn baby() -> Chart {
    Chart {
        patient: PatientRow {
            id: "p3".into(),
            version: "v1".into(),
            name: "Baby of Huamán".into(),
            sex: Sex::Unknown,
            birth_date: Some("2026-11-02".into()),
            conflicts: 1,
            ..PatientRow::default()
        },
        ..Chart::default()
    }
}

pub fn conflicts() -> Vec<ConflictItem> {
    let line = |label: &str, text: &str| (label.to_owned(), text.to_owned());
    let patient = Some((maria().patient.id, maria().patient.name));
    vec![
        ConflictItem {
            record: "MedicationRequest/met".into(),
            version: "m1.m2".into(),
            patient: patient.clone(),
            subject: "Metformin 500 mg tablet".into(),
            path: "prescription".into(),
            kind: ConflictKind::Group,
            critical: true,
            values: vec![
                ConflictValue {
                    lines: vec![
                        line("medication", "Metformin 500 mg tablet"),
                        line("dosageInstruction", "850 mg, 2 times a day"),
                        line("status", "active"),
                    ],
                    removed: false,
                    safer: true,
                    by: by("Ana Quispe", "Santa Rosa", 26 * HOUR),
                },
                ConflictValue {
                    lines: vec![
                        line("medication", "Metformin 500 mg tablet"),
                        line("dosageInstruction", "500 mg, 1 time a day"),
                        line("status", "stopped"),
                    ],
                    removed: false,
                    safer: false,
                    by: by("Luis Mamani", "Mobile team", 5 * HOUR),
                },
            ],
        },
        ConflictItem {
            record: "Patient/p3".into(),
            version: "v1.v2".into(),
            patient: Some(("p3".into(), "Baby of Huamán".into())),
            subject: String::new(),
            path: "birthDate".into(),
            kind: ConflictKind::Element,
            critical: true,
            values: vec![
                ConflictValue {
                    lines: vec![line("", "2026-11-02")],
                    removed: false,
                    safer: false,
                    by: by("Ana Quispe", "Santa Rosa", 9 * HOUR),
                },
                ConflictValue {
                    lines: vec![],
                    removed: true,
                    safer: false,
                    by: by("Rosa Condori", "Regional hub", 8 * HOUR),
                },
            ],
        },
    ]
}

/// A node with everything there is to show.
pub struct FixtureNode {
    pub busy: bool,
    pub changes: watch::Sender<u64>,
    counter: AtomicU64,
}

impl FixtureNode {
    pub fn new(busy: bool, changes: watch::Sender<u64>) -> Self {
        Self {
            busy,
            changes,
            counter: AtomicU64::new(1),
        }
    }
}

fn peer(name: &str, role: &str, ago_ms: u64, connected: bool, in_sync: Option<bool>) -> PeerSummary {
    PeerSummary {
        name: name.into(),
        mark: None,
        site: None,
        role: role.into(),
        last_seen_ms: Some(NOW_MS - ago_ms),
        is_seen_by_file: false,
        standing: if connected {
            SiteStanding::Connected
        } else {
            SiteStanding::Away
        },
        in_sync,
        in_sync_ms: in_sync.map(|_| NOW_MS - ago_ms),
        clock_skew_ms: 0,
        quarantined: 0,
        notes: Vec::new(),
    }
}

impl NodeInfo for FixtureNode {
    fn summary(&self) -> NodeSummary {
        NodeSummary {
            id: "ab12cd34".into(),
            name: "Santa Rosa".into(),
            site: Some("SR".into()),
            test_data: true,
            zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(-5)),
            is_zone_read: true,
            records: 48_213,
            fingerprint: "7f3a 91c2".into(),
        }
    }

    fn peers(&self) -> Vec<PeerSummary> {
        let mut team = peer("Mobile team", "mobile", 3 * DAY, false, None);
        team.clock_skew_ms = -3 * HOUR as i64;
        team.quarantined = if self.busy { 2 } else { 0 };
        let mut far = peer("San Juan", "clinic", 0, false, None);
        (far.last_seen_ms, far.standing) = (None, SiteStanding::NeverMet);
        let twins = ["0a1b2c3d", "f0e1d2c3"].map(|mark| PeerSummary {
            mark: Some(mark.into()),
            ..peer("Posta Ollachea", "clinic", 2 * DAY, false, Some(true))
        });
        let mut peers = vec![peer("Regional hub", "hub", 240_000, true, Some(true)), team];
        peers.extend(twins);
        peers.push(far);
        peers
    }

    fn sites(&self) -> Vec<SiteSummary> {
        sites()
    }

    fn first_sync(&self) -> Option<FirstSync> {
        self.busy.then_some(FirstSync {
            received: 12_400,
            total: 48_213,
        })
    }

    fn nags(&self) -> Vec<Nag> {
        if !self.busy {
            return vec![];
        }
        vec![
            Nag::Revoked { by: "Hub".into() },
            Nag::DiskLow {
                free_bytes: 310_000_000,
            },
            Nag::RootNotExported,
            Nag::Quarantined { records: 2 },
            Nag::Awaiting { changes: 3 },
            Nag::Grant {
                left_ms: Some(12 * 24 * HOUR),
            },
            Nag::ClockBehind { behind_ms: 5 * HOUR },
            Nag::SoleIssuer {
                name: Some("Hub".into()),
                ends_ms: NOW_MS + 300 * 24 * HOUR,
                over: 0,
                untold: vec!["Puno".into()],
            },
            Nag::ClockOff {
                by_ms: 430 * 24 * HOUR,
                is_ahead: true,
                of: "Regional hub".into(),
                is_only: false,
            },
            Nag::Stale { sites: 2 },
            Nag::KeyBesideData,
        ]
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn form_key(&self) -> [u8; 32] {
        [7; 32]
    }

    fn random(&self, bytes: &mut [u8]) {
        let n = self.counter.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        bytes
            .iter_mut()
            .zip(n.iter().cycle())
            .for_each(|(byte, n)| *byte = *n);
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[path = "fixture_sites.rs"]
mod sites;
#[allow(unused_imports)]
pub use sites::{by_way, never_met, site, sites};

#[path = "fixture_bundles.rs"]
mod bundles;
#[allow(unused_imports)]
pub use bundles::{FixtureBundles, LONG_NAME};

#[path = "fixture_demo.rs"]
mod demo;
pub use demo::FixtureDemo;
