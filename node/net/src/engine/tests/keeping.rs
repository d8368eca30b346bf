//! What is given to be kept: how much of it may wait, and what follows where it could not be kept.

use super::proofs::rested;
use super::*;
use crate::keep::{Keep, KeepDone, Kept};
use crate::limits::PARTIALS_BYTES_MAX;
use crate::wire::Piece;

fn kept(what: Kept, bytes: usize, is_broken: bool) -> Event {
    let failed = is_broken.then(|| "the disk is broken".to_owned());
    Event::Kept(Box::new(KeepDone { what, bytes, failed }))
}

#[test]
fn what_is_known_of_peers_and_could_not_be_kept_is_kept_again() {
    for is_broken in [false, true] {
        let (mut bus, _) = rested();
        let now = now_at(bus.now_ms);
        let engine = &mut bus.nodes[0].engine;
        engine.core.peers.unsaved(engine.core.now_ms, true);
        engine.handle(now, kept(Kept::Peers, 5, is_broken));
        let again = engine.core.peers.unsaved(engine.core.now_ms, true);
        assert_eq!(again.is_some(), is_broken);
    }
}

#[test]
fn what_came_of_a_large_record_and_could_not_be_kept_is_told() {
    for is_broken in [false, true] {
        let (mut bus, _) = rested();
        let peer = bus.nodes[1].id();
        bus.give(0, kept(Kept::Partials(peer), 5, is_broken));
        let told = "what came of a large record could not be kept: the disk is broken";
        assert_eq!(
            bus.nodes[0].notices,
            Vec::from_iter(is_broken.then(|| told.to_owned()))
        );
    }
}

#[test]
fn where_much_waits_to_be_kept_no_more_of_large_records_is_until_it_has_been() {
    let (mut bus, there) = rested();
    let (peer, now) = (bus.nodes[1].id(), now_at(bus.now_ms));
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    let piece = Piece {
        payload: [7; 16],
        total: 90,
        offset: 0,
        bytes: vec![3; 40],
    };
    session.on_piece(&mut engine.core, Priority::Rest, piece).unwrap();
    // As much as may wait, and a byte more.
    engine.core.keeping_bytes = PARTIALS_BYTES_MAX + 1;
    session.pieces_keep(&mut engine.core);
    assert!(engine.core.partials.held(&peer).is_empty() && engine.core.effects.is_empty());
    engine.handle(now, kept(Kept::Peers, 1, false));
    assert_eq!(engine.core.keeping_bytes, PARTIALS_BYTES_MAX);
    let session = engine.sessions.get_mut(&there).unwrap();
    session.pieces_keep(&mut engine.core);
    assert_eq!(engine.core.partials.held(&peer)[0].bytes, 40);
    // It counts with all that is written until that is done, whether it could be or not.
    let effects = std::mem::take(&mut engine.core.effects);
    let [Effect::Keep(job)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let Keep::Documents(changes) = &job.keep else {
        panic!("{job:?}");
    };
    let written: usize = changes.iter().flat_map(|(_, bytes)| bytes).map(Vec::len).sum();
    assert!(written > 40);
    assert_eq!(engine.core.keeping_bytes, PARTIALS_BYTES_MAX + written);
    for is_broken in [false, true] {
        engine.core.keeping_bytes = 1_000 + written;
        engine.handle(now, kept(Kept::Partials(peer), written, is_broken));
        assert_eq!(engine.core.keeping_bytes, 1_000);
    }
}
