//! Disks that take their time: whatever is read is told late and in any order, and nothing depends on when.

use super::random::{below, step};
use super::repair::{cursor_forget, cursor_overstate};
use super::*;
use crate::read::{Read, ReadDone, ReadJob};
use crate::replica::Replica;
use crate::trust::GRANT_MS;

/// What waits to be read, or was read and waits to be told.
pub(in crate::engine) struct Late {
    rng: ChaCha8Rng,
    reads: Vec<(usize, SessionId, &'static str, Waiting)>,
}

/// Where a read stands.
pub(super) enum Waiting {
    /// It has not begun: it will find what is written until then.
    Job(Box<ReadJob>),
    /// It found what there was when it was asked for.
    Done(Box<ReadDone>),
}

impl Waiting {
    pub(super) fn run(self, replica: &dyn Replica) -> ReadDone {
        match self {
            Waiting::Job(job) => job.run(replica),
            Waiting::Done(done) => *done,
        }
    }
}

/// What a read is of, and how many of that kind a session may have out: the queue is bounded by that.
fn kind(read: &Read) -> (&'static str, usize) {
    match read {
        Read::Feed { .. } => ("the log", 1),
        // To greet it, and once it has said hello.
        Read::Meet(_) => ("what meeting takes", 2),
        Read::Sum(_) => ("a sum", 1),
        Read::Differ(_) => ("what differs", 1),
        Read::Located(_) => ("which records are to be asked for", 1),
        Read::Known { .. } => ("what is known of what is to be asked for", 1),
        Read::Give { .. } => ("what was asked for", 1),
        _ => ("something else", 9),
    }
}

impl Late {
    fn new(seed: u64) -> Late {
        Late {
            rng: ChaCha8Rng::seed_from_u64(seed),
            reads: Vec::new(),
        }
    }

    /// Takes a read, which may begin at once or later.
    pub(super) fn add(&mut self, node: usize, job: ReadJob, replica: &dyn Replica) {
        let (what, most) = kind(&job.read);
        let session = job.session;
        let out = self
            .reads
            .iter()
            .filter(|(at, of, kind, _)| (*at, *of, *kind) == (node, session, what));
        assert!(out.count() < most, "{what} is read twice at a time");
        let waiting = match below(&mut self.rng, 2) {
            0 => Waiting::Job(Box::new(job)),
            _ => Waiting::Done(Box::new(job.run(replica))),
        };
        self.reads.push((node, session, what, waiting));
    }

    /// The read that is told next, if it is a read's turn.
    pub(super) fn take(&mut self, is_idle: bool) -> Option<(usize, Waiting)> {
        let count = self.reads.len();
        if count == 0 || !is_idle && below(&mut self.rng, 4) > 0 {
            return None;
        }
        let at = below(&mut self.rng, count);
        let (node, _, _, waiting) = self.reads.swap_remove(at);
        Some((node, waiting))
    }
}

/// The hub gives the team this panel from now on.
fn grant(bus: &mut Bus, team: usize, panel: &[&str]) {
    let grant = Statement::Grant(Grant {
        node: bus.nodes[team].id(),
        scopes: Scopes::Panels(panel.iter().map(|id| (*id).to_owned()).collect()),
        expires_ms: Some(bus.now_ms + GRANT_MS),
    });
    let now = now_at(bus.now_ms);
    let effects = bus.nodes[0].engine.issue(now, grant).unwrap();
    bus.effects(0, effects);
}

/// One exchange with the hub; dialled once more where a grant was news.
fn meet(bus: &mut Bus, node: usize) -> SyncReport {
    for _ in 0..3 {
        bus.now_ms += 10_000;
        bus.connect(node, 0, Some(1));
        bus.run();
        if let Some(report) = bus.nodes[node].reports.pop() {
            return report.unwrap();
        }
        let ended = bus.nodes[node].closes.iter().chain(&bus.nodes[0].closes);
        assert!(
            ended.clone().any(|reason| *reason == CloseReason::GrantChanged),
            "no report"
        );
    }
    panic!("no exchange comes to its end");
}

/// What the hub and a node may both hold, as each of them holds it.
fn assert_same_for(bus: &Bus, node: usize, seed: u64) {
    let hub = &bus.nodes[0];
    let shared = hub.engine.core.flow_with(&bus.nodes[node].id()).shared;
    let [ours, theirs] = [0, node].map(|node| bus.nodes[node].store.fingerprint(&shared).unwrap().0);
    assert_eq!(ours, theirs, "seed {seed} node {node}");
}

#[test]
fn however_late_anything_is_read_all_end_equal_and_in_sync_is_never_false() {
    for seed in 0..25 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bus = Bus::new(3);
        let panel = Scopes::Panels(BTreeSet::from(["p1".to_owned(), "p2".to_owned()]));
        let team = bus.member_add(3, panel, Some(bus.now_ms + GRANT_MS));
        bus.late = Some(Late::new(seed));
        for _ in 0..70 {
            let (a, b) = (below(&mut rng, 3), below(&mut rng, 3));
            match below(&mut rng, 14) {
                0 if a != b => cursor_overstate(&bus, a, b),
                1 if a != b => cursor_forget(&bus, a, b),
                2 => grant(
                    &mut bus,
                    team,
                    [&["p1", "p2"][..], &["p2", "p3"]][below(&mut rng, 2)],
                ),
                // In the midst of things, something is written or time passes.
                3 => {
                    bus.delivered = 0;
                    bus.deliver_max = Some(u64::from(rng.next_u32() % 6));
                    bus.run();
                    bus.deliver_max = None;
                    bus.give(a, Event::Tick);
                }
                _ => step(&mut bus, &mut rng),
            }
        }
        bus.cut();
        bus.nodes.iter_mut().for_each(|node| node.closes.clear());
        for round in 0..2 {
            for node in 1..bus.nodes.len() {
                let report = meet(&mut bus, node);
                assert!(
                    report.in_sync,
                    "seed {seed} round {round} node {node}: {report:?}"
                );
                assert_same_for(&bus, node, seed);
                bus.cut();
            }
        }
        (1..3).for_each(|node| assert_eq!(bus.nodes[node].fingerprint(), bus.nodes[0].fingerprint()));
    }
}
