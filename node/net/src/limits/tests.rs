//! Bounds that both ends must agree on, and waits that people notice, by their value: whoever changes one changes
//! what an older node understands, or how long somebody stands at a desk.

use super::*;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

#[test]
fn what_another_node_may_send_is_what_it_was_told() {
    let bounds = [
        (CONTROL_FRAME_BYTES_MAX, MIB),
        (DATA_FRAME_BYTES_MAX, 24 * MIB),
        (BATCH_RAW_BYTES_MAX, 64 * MIB),
        (BATCH_RECORDS_MAX, 4_096),
        (WANT_KEYS_MAX, 512),
        (WANT_HAVE_MAX, 4_096),
        (STATEMENTS_MAX, 2_048),
        (STATEMENT_BYTES_MAX, 66 * KIB),
        (CHAIN_MAX, 256),
        (NAME_BYTES_MAX, 128),
        (KEY_BYTES_MAX, 129),
        (RANGE_BYTES_MAX, 512 * KIB),
        (DIFFER_ITEMS_MAX, 4_096),
        (PARTIALS_MAX, 32),
        (HELLO_FRAME_BYTES_MAX, 256 * KIB),
    ];
    for (bound, value) in bounds {
        assert_eq!(bound, value);
    }
}

#[test]
fn waits_are_as_long_as_somebody_was_told_that_they_are() {
    let waits_ms = [
        (HELLO_MS_MAX, 15_000),
        (STALL_MS_MAX, 90_000),
        (REPLACE_MS, 3_000),
        (REDIAL_MS_MIN, 1_000),
        (REDIAL_MS_MAX, 60_000),
        (REDIAL_SWITCHED_MS_MAX, 3_000),
        (PIECES_KEEP_MS, 10_000),
        (PEERS_SAVE_MS, 5_000),
        (DIAL_MS_MAX, 10_000),
        (FLOOD_WINDOW_MS, 10_000),
        (DOOR_WINDOW_MS, 10_000),
        (CLOCK_SKEW_MS, 86_400_000),
        (TICK_MS, 250),
    ];
    for (wait_ms, value) in waits_ms {
        assert_eq!(wait_ms, value);
    }
}

#[test]
fn what_an_honest_node_sends_is_within_what_another_accepts() {
    // A batch of the usual size, a message of statements, a question, a piece: each fits its frame with room.
    let want_bytes = 5 * WANT_HAVE_MAX * 8 + WANT_KEYS_MAX * KEY_BYTES_MAX;
    let fits = [
        (BATCH_BYTES_TARGET, WINDOW_BYTES_MAX),
        (2 * WINDOW_BYTES_MAX, DATA_FRAME_BYTES_MAX),
        (
            STATEMENTS_MESSAGE_BYTES + STATEMENT_BYTES_MAX,
            CONTROL_FRAME_BYTES_MAX,
        ),
        (DIFFER_ITEMS_MAX * 32, CONTROL_FRAME_BYTES_MAX),
        (RANGE_BYTES_MAX, CONTROL_FRAME_BYTES_MAX),
        (want_bytes, CONTROL_FRAME_BYTES_MAX),
        (PIECE_BYTES, ALONE_BYTES_MIN),
        (ALONE_BYTES_MIN, BATCH_BYTES_TARGET),
        (EAGER_BATCHES_MAX, WINDOW_BATCHES_MAX),
        (2 * DATA_FRAME_BYTES_MAX, PARTIALS_BYTES_MAX),
        (DATA_FRAME_BYTES_MAX, PARTIALS_PEER_BYTES_MAX),
        (PARTIALS_PEER_MAX, PARTIALS_MAX),
        (WANT_HASHES_MAX + WANT_HAVE_MAX - 1, GIVE_HASHES_MAX),
        (SKETCH_SYMBOLS_MIN, SKETCH_SYMBOLS_SLOW),
        (SKETCH_SYMBOLS_SLOW, SKETCH_SYMBOLS_FAST),
        // Strangers take no more than a part of what there is.
        (SESSIONS_UNKNOWN_MAX, SESSIONS_MAX),
        (SESSIONS_UNKNOWN_KEY_MAX, SESSIONS_UNKNOWN_MAX),
        (DOOR_UNPROVEN_MAX, DOOR_ADDRESS_MAX),
        (DOOR_ADDRESS_MAX, DOOR_MAX),
        (EARLY_BYTES_MAX, HELLO_FRAME_BYTES_MAX),
        (EARLY_MESSAGES_MAX, EARLY_DIALLED_MESSAGES_MAX),
    ];
    for (small, large) in fits {
        assert!(small < large, "{small} {large}");
    }
    let values = [
        // What all windows hold may wait for one batch that is late, one larger than a window included.
        (HELD_BATCHES_MAX, 32),
        (HELD_BYTES_MAX, 32 * MIB),
        (WINDOW_BATCHES_MAX, 8),
        (WINDOW_BYTES_MAX, MIB),
        (BATCH_BYTES_TARGET, 64 * KIB),
        (GIVES_MAX, 4_096),
        (PIECE_BYTES, 16 * KIB),
        (REFUSED_MAX, 64),
        (REQUESTS_MAX, 64),
        (TICKETS_MAX, 4_096),
        (PEERS_MAX, 4_096),
        (PEER_ADDRESSES_MAX, 8),
        (REPAIR_ROUNDS_MAX as usize, 4),
        (usize::from(WANT_TRIES_MAX), 3),
    ];
    for (bound, value) in values {
        assert_eq!(bound, value);
    }
}
