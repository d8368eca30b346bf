//! Three nodes of the fixture, joined as the demo's are.

use super::*;

/// Three desks that never meet, and their cables.
pub struct FixtureDemo {
    pub desks: Vec<(DemoNode, Arc<FixtureDesk>)>,
    pub links: Mutex<Vec<DemoLink>>,
    pub changes: watch::Sender<u64>,
}

impl FixtureDemo {
    pub fn new() -> Self {
        let changes = watch::Sender::new(1);
        let node = |key: &str, name: &str, role, conflicts| {
            let mut desk = FixtureDesk::new(name);
            desk.changes = changes.clone();
            if conflicts == 0 {
                desk.conflicts.lock().unwrap().clear();
                desk.charts.lock().unwrap()[0].patient.phones.remove(0);
                desk.charts.lock().unwrap()[0].medicines[0].conflicts = 0;
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
            (node, Arc::new(desk))
        };
        let desks = vec![
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
            desks,
            links: Mutex::new(links),
            changes,
        }
    }
}

impl DemoBackend for FixtureDemo {
    fn nodes(&self) -> Vec<DemoNode> {
        self.desks.iter().map(|(node, _)| node.clone()).collect()
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

    fn desk(&self, node: &str) -> Option<DemoDesk> {
        let (_, desk) = self.desks.iter().find(|(known, _)| known.key == node)?;
        Some(DemoDesk {
            desk: desk.clone(),
            who: principal(),
        })
    }

    fn login_url(&self, node: &str) -> Result<String, DemoError> {
        self.desk(node)
            .map(|_| "http://127.0.0.1:8970/".to_owned())
            .ok_or(DemoError::Unknown)
    }

    fn people(&self) -> Vec<String> {
        vec![maria().patient.id, "p2".into(), "p3".into()]
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
