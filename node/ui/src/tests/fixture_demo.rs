//! Three nodes of the fixture, joined as the demo's are.

use chaski_json::Json;

use super::*;

/// Three clinics that never meet, and their cables.
pub struct FixtureDemo {
    pub nodes: Vec<(DemoNode, Sample)>,
    pub links: Mutex<Vec<DemoLink>>,
    pub changes: watch::Sender<u64>,
}

impl FixtureDemo {
    pub fn new() -> Self {
        Self::of(false)
    }

    /// As [`FixtureDemo::new`], with all three holding the same.
    pub fn alike() -> Self {
        Self::of(true)
    }

    fn of(is_alike: bool) -> Self {
        let changes = watch::Sender::new(1);
        let node = |key: &str, name: &str, role, conflicts| {
            let sample = Sample::new();
            if is_alike {
                sample.settle();
            } else if conflicts == 0 {
                sample.settle();
                sample.change(&format!("Patient/{MARIA}"), |json| {
                    let phones = json.get_mut("telecom").and_then(Json::as_array_mut);
                    phones.unwrap().remove(0);
                });
            }
            let node = DemoNode {
                key: key.into(),
                name: name.into(),
                role,
                http: "http://127.0.0.1:8970".into(),
                records: 1_284,
                fingerprint: if conflicts == 0 { "19be 04d7" } else { "7f3a 91c2" }.into(),
                conflicts,
            };
            (node, sample)
        };
        let nodes = vec![
            node("clinic", "Santa Rosa clinic", DemoRole::Clinic, 2),
            node("hub", "Regional hub", DemoRole::Hub, 2),
            node("mobile", "Mobile team", DemoRole::Mobile, 0),
        ];
        let link = |a: &str, b: &str, on| DemoLink {
            a: a.into(),
            b: b.into(),
            on,
            connected: on,
        };
        let links = vec![
            link("clinic", "hub", true),
            link("hub", "mobile", false),
            link("clinic", "mobile", false),
        ];
        Self {
            nodes,
            links: Mutex::new(links),
            changes,
        }
    }
}

impl DemoBackend for FixtureDemo {
    fn nodes(&self) -> Vec<DemoNode> {
        self.nodes.iter().map(|(node, _)| node.clone()).collect()
    }

    fn links(&self) -> Vec<DemoLink> {
        self.links.lock().unwrap().clone()
    }

    fn set_link(&self, a: &str, b: &str, on: bool) -> Result<(), DemoError> {
        let mut links = self.links.lock().unwrap();
        let link = links
            .iter_mut()
            .find(|link| link.a == a && link.b == b)
            .ok_or(DemoError::Unknown)?;
        (link.on, link.connected) = (on, on);
        self.changes.send_modify(|seq| *seq += 1);
        Ok(())
    }

    fn clinic(&self, node: &str) -> Option<DemoClinic> {
        let (_, sample) = self.nodes.iter().find(|(known, _)| known.key == node)?;
        Some(DemoClinic {
            clinic: sample.clinic.clone(),
            clinician: sample.clinic.token_verify(TOKEN).unwrap(),
        })
    }

    fn login_url(&self, node: &str) -> Result<String, DemoError> {
        self.clinic(node)
            .map(|_| "http://127.0.0.1:8970/".to_owned())
            .ok_or(DemoError::Unknown)
    }

    fn people(&self) -> Vec<String> {
        [MARIA, YUSUF, BABY].map(str::to_owned).to_vec()
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::UTC
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
