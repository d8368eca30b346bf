//! Range reconciliation: messages as they come, and an exchange between two
//! sets in which one message is tampered with; a sketch as it comes.

use chaski_crdt::reconcile::sketch::{self, Decoder, SketchItem};
use chaski_crdt::reconcile::{Initiator, ItemId, Items, MESSAGE_BYTES_MIN, Round, respond};

use crate::Pieces;

const ROUNDS_MAX: usize = 64;

/// Gives the bytes to range reconciliation, as messages of a peer.
pub fn reconcile(bytes: &[u8]) {
    let mut input = Pieces(bytes);
    let (mine, theirs) = (
        items(input.byte(), input.byte()),
        items(input.byte(), input.byte()),
    );
    let _ = respond(&theirs, input.0, MESSAGE_BYTES_MIN);
    sketched(input.0);
    let (mut initiator, mut message) = Initiator::start(&mine, MESSAGE_BYTES_MIN);
    let _ = initiator.clone().receive(&mine, input.0);
    let tampered = usize::from(input.byte());
    for round in 0..ROUNDS_MAX {
        assert!(message.len() <= MESSAGE_BYTES_MIN);
        let Ok(answer) = respond(&theirs, &message, MESSAGE_BYTES_MIN) else {
            assert!(round > tampered);
            return;
        };
        let mut answer = answer.unwrap_or_default();
        assert!(answer.len() <= MESSAGE_BYTES_MIN);
        if round == tampered {
            let at = usize::from(u16::from_be_bytes([input.byte(), input.byte()]));
            answer.splice(
                at.min(answer.len())..(at + 8).min(answer.len()).max(at.min(answer.len())),
                input.0.iter().copied(),
            );
        }
        match initiator.receive(&mine, &answer) {
            Ok(Round::Send(next)) => message = next,
            Ok(Round::Done) => break,
            Err(_) => {
                assert!(round >= tampered);
                return;
            }
        }
        assert!(round + 1 < ROUNDS_MAX, "an exchange ends");
    }
}

/// Symbols as they come, then the rest of an honest sketch: no more is told than was taken.
fn sketched(bytes: &[u8]) {
    let item = |at: u8| SketchItem {
        record: [at; 8],
        state: [at.wrapping_mul(7); 8],
    };
    let ours: Vec<SketchItem> = (0..20).map(item).collect();
    let theirs: Vec<SketchItem> = (10..40).map(item).collect();
    let mut decoder = Decoder::new(5);
    for _ in 0..2 {
        if let Ok(Some(found)) = decoder.add(&ours, bytes) {
            assert!(found.ours.len() + found.theirs.len() <= decoder.taken());
        }
    }
    let from = decoder.taken();
    let _ = decoder.add(&ours, &sketch::symbols(&theirs, 5, from..from + 64));
    let mut parities = [0; sketch::PARITIES_BYTES];
    let known = bytes.len().min(parities.len());
    parities[..known].copy_from_slice(&bytes[..known]);
    let _ = sketch::estimate(&sketch::parities(&ours, 5), &parities);
}

/// `count` evenly spread items beginning with the `first`-th.
pub(crate) fn items(first: u8, count: u8) -> Items {
    Items::new((0..u32::from(count)).map(|at| {
        let number = (u32::from(first) + at).wrapping_mul(2_654_435_761);
        let mut id: ItemId = [0; 32];
        id.iter_mut()
            .enumerate()
            .for_each(|(at, byte)| *byte = (number.rotate_left(at as u32 * 5) & 0xff) as u8);
        id
    }))
}
