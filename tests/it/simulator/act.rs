//! What people and fate do to a network, one roll of the dice at a time.

use chaski_json::{Json, json};
use chaski_store::{Base, ChangeHash, Choice, Context, RecordKey, Write, Written};
use rand::Rng;

use super::ledger::{self, Entry, check_resolved};
use super::network::pair;
use super::world::World;

const PEOPLE: u32 = 5;

pub fn context() -> Context {
    Context::system("simulation")
}

fn patient_key(n: u32) -> RecordKey {
    format!("Patient/0190f5a0-0000-7000-8000-{n:012x}")
        .parse()
        .unwrap()
}

fn key_of(write: &Write) -> Option<&RecordKey> {
    match write {
        Write::Create { .. } => None,
        Write::Put { key, .. }
        | Write::Delete { key, .. }
        | Write::Resolve { key, .. }
        | Write::SetRemove { key, .. } => Some(key),
    }
}

fn prescription_key(n: u32) -> RecordKey {
    format!("MedicationRequest/0190f5a0-0000-7000-8000-{:012x}", n + 0x100)
        .parse()
        .unwrap()
}

/// Anybody writes about anyone.
pub fn any_write(world: &mut World, node: usize) -> Option<Write> {
    let person = world.person(PEOPLE);
    match world.dice.random_range(0..10) {
        0..=4 => world.edit_patient(node, person),
        5..=7 => world.edit_prescription(node, person),
        8 => Some(Write::Delete {
            key: patient_key(person),
            base: Base::Current,
        }),
        _ => world.resolve_something(node),
    }
}

impl World {
    /// One thing happens.
    pub fn act(&mut self) {
        let node = self.pick_node();
        match self.dice.random_range(0..100) {
            0..=29 => self.write(node),
            30..=33 => self.write_apart(),
            34..=54 => {
                let other = self.pick_node();
                self.sync(node, other);
            }
            55..=63 => self.cut_or_mend(),
            64..=70 => self.crash(node),
            71..=74 => self.clock_jump(node),
            75..=77 => self.back_up(node),
            78..=80 => self.restore(),
            81..=83 => self.clone_disk(node),
            84 => self.revoke(),
            85..=87 => self.disk_ails(node),
            88 => self.slip_in(node),
            _ => self.pass_time(),
        }
        if self.begins_anew && self.dice.random_bool(0.3) {
            let node = self.pick_node();
            self.begin_anew(node);
        }
        let deliveries = self.dice.random_range(0..12);
        for _ in 0..deliveries {
            self.deliver_one();
        }
    }

    fn cut_or_mend(&mut self) {
        let (a, b) = (self.pick_node(), self.pick_node());
        if a == b {
            return;
        }
        if !self.network.cut.remove(&pair(a, b)) {
            self.network.cut.insert(pair(a, b));
            for session in self.network.sessions_between(a, b) {
                self.lose(session);
            }
        }
    }

    fn pass_time(&mut self) {
        let ms = self.dice.random_range(1..40_000);
        self.advance(ms);
    }

    /// Somebody to write about, of so many.
    pub fn person(&mut self, of: u32) -> u32 {
        match self.about {
            Some(about) => about % of,
            None => self.dice.random_range(0..of),
        }
    }

    /// Two people at two nodes write about one.
    fn write_apart(&mut self) {
        self.about = Some(self.dice.random());
        for _ in 0..3 {
            let node = self.pick_node();
            self.write(node);
        }
        self.about = None;
    }

    pub fn write(&mut self, node: usize) {
        if self.nodes[node].up.is_none() {
            return;
        }
        let Some(write) = (self.author)(self, node) else {
            return;
        };
        // A second one had the same record open, and writes to what was read then.
        let second = self
            .dice
            .random_bool(0.15)
            .then(|| (self.author)(self, node))
            .flatten();
        let read_before = second.and_then(|second| self.on_version_read(node, &write, second));
        self.commit(node, write);
        if let Some(second) = read_before {
            self.commit(node, second);
        }
    }

    /// The second of two writes about one record, against the version that is current now.
    fn on_version_read(&self, node: usize, first: &Write, second: Write) -> Option<Write> {
        let version = self.nodes[node]
            .store()
            .read(&context(), key_of(first)?)
            .unwrap()?
            .version;
        match second {
            Write::Put { key, json, .. } if Some(&key) == key_of(first) => Some(Write::Put {
                key,
                json,
                base: Base::Version(version),
                resolution: false,
            }),
            _ => None,
        }
    }

    pub fn current(&self, node: usize, key: &RecordKey) -> Option<Json> {
        let current = self.nodes[node].store().read(&context(), key).unwrap()?;
        (!current.deleted).then_some(current.json)
    }

    fn edit_patient(&mut self, node: usize, person: u32) -> Option<Write> {
        let key = patient_key(person);
        let roll: u32 = self.dice.random();
        let json = match self.current(node, &key) {
            None => json!({
                "resourceType": "Patient", "id": (key.id()),
                "name": [{"family": (format!("Familia{person}"))}], "gender": "female",
            }),
            Some(mut json) => {
                let members = json.as_object_mut()?;
                match roll % 4 {
                    0 => {
                        let phones = members.entry("telecom".to_owned()).or_insert_with(|| json!([]));
                        phones
                            .as_array_mut()?
                            .push(json!({"system": "phone", "value": (format!("555 {roll}"))}));
                    }
                    1 => {
                        members.insert(
                            "birthDate".to_owned(),
                            Json::from(format!(
                                "19{:02}-0{}-1{}",
                                roll % 90,
                                roll / 90 % 9 + 1,
                                roll / 900 % 10
                            )),
                        );
                    }
                    2 => {
                        members.remove("telecom");
                    }
                    _ => {
                        members.insert("language".to_owned(), Json::from(format!("l{roll}")));
                    }
                }
                json
            }
        };
        Some(Write::Put {
            key,
            json,
            base: Base::Current,
            resolution: false,
        })
    }

    fn edit_prescription(&mut self, node: usize, person: u32) -> Option<Write> {
        let key = prescription_key(person);
        let roll: u32 = self.dice.random();
        let mut json = self.current(node, &key).unwrap_or_else(|| {
            json!({
                "resourceType": "MedicationRequest", "id": (key.id()), "status": "active", "intent": "order",
                "subject": {"reference": (patient_key(person).to_string())},
                "medicationCodeableConcept": {"text": "Metformin"},
            })
        });
        let members = json.as_object_mut()?;
        match roll % 3 {
            0 => members.insert(
                "status".to_owned(),
                Json::from(["active", "stopped", "on-hold"][roll as usize % 3]),
            ),
            1 => members.insert(
                "dosageInstruction".to_owned(),
                json!([{"text": (format!("{roll} mg"))}]),
            ),
            _ => members.insert("note".to_owned(), json!([{"text": (format!("note {roll}"))}])),
        };
        Some(Write::Put {
            key,
            json,
            base: Base::Current,
            resolution: false,
        })
    }

    pub fn resolve_something(&mut self, node: usize) -> Option<Write> {
        let page = self.nodes[node].store().conflicts(&context(), None, 10).unwrap();
        let entry = page.entries.first()?;
        let item = entry.items.first()?;
        let choice = Choice::Pick(self.dice.random_range(0..item.values.len()));
        Some(Write::Resolve {
            key: entry.key.clone(),
            path: item.path.clone(),
            listed: entry.version.clone(),
            choice,
        })
    }

    /// A write is acknowledged, or refused with a reason; both are fine, silence is not.
    pub fn commit(&mut self, node: usize, write: Write) {
        let store = self.nodes[node].store().clone();
        let before = key_of(&write).and_then(|key| ledger::shown_at(&store, key, &write));
        let known = key_of(&write).map(|key| store.heads(key).unwrap());
        let Ok(written) = store.commit(&context(), vec![write.clone()]) else {
            return;
        };
        for written in written.iter().filter(|written| !written.unchanged) {
            let heads = store.heads(&written.key).unwrap().into_iter();
            let new: Vec<ChangeHash> = heads
                .filter(|head| known.as_ref().is_none_or(|known| !known.contains(head)))
                .collect();
            assert_eq!(new.len(), 1, "a write is one change");
            self.acknowledged(node, &write, written, new[0], before.clone());
        }
        self.engine_event(node, chaski_net::engine::Event::LocalChange);
    }

    fn acknowledged(
        &mut self,
        node: usize,
        write: &Write,
        written: &Written,
        change: ChangeHash,
        before: Option<Json>,
    ) {
        let store = self.nodes[node].store().clone();
        check_resolved(&store, &context(), write);
        let (life, seq) = store.incarnation().expect("who has written has a life");
        assert!(
            self.nodes[node].heard.get(&life).is_none_or(|heard| *heard < seq),
            "node {node} was told that number {seq} of its life is another's, and gave it to {change}"
        );
        let what = match write {
            Write::Resolve { path, .. } => format!("that decides {path}"),
            Write::Delete { .. } => "that deletes".to_owned(),
            _ => "that edits".to_owned(),
        };
        self.tell(format_args!(
            "node {node} acknowledges {change} of {}, number {seq} of {life:x}, {what}",
            written.key
        ));
        // Of two machines that are one, both may make the same change.
        let machine = &self.nodes[node];
        self.ledger
            .entry(change)
            .or_insert_with(|| Entry::new(write, (written, change), machine, before));
        self.nodes[node].acknowledged.insert(change, written.key.clone());
    }

    fn crash(&mut self, node: usize) {
        let (share, garble) = (self.dice.random_range(0.0..=1.0), self.dice.random_bool(0.3));
        self.stop(node, share, garble);
        if self.dice.random_bool(0.8) {
            self.start(node);
        }
    }

    /// A dead clock battery, or a year ahead.
    fn clock_jump(&mut self, node: usize) {
        const DAY_MS: u64 = 86_400_000;
        let now = self.now_ms;
        let to = match self.dice.random_range(0..4) {
            0 => 0,
            1 => now + 365 * DAY_MS,
            2 => now.saturating_sub(self.dice.random_range(0..900 * DAY_MS)),
            _ => now,
        };
        self.nodes[node].machine.jump_to(to);
    }
}
