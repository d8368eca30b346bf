use super::*;
use crate::limits::UNHEARD_MS;
use crate::report::PeerInfo;

/// A node of which there is something to tell.
pub(crate) fn sample() -> Health {
    Health {
        version: "0.1.0".to_owned(),
        conflicts: 2,
        quarantined: 1,
        awaiting: 3,
        disk_free_bytes: Some(12_000_000_000),
        is_full: false,
        now_ms: 1_800_000_000_000,
        records: 48_213,
    }
}

#[test]
fn what_a_node_says_of_itself_has_a_form_that_never_changes() {
    let bytes = sample().encode();
    let golden = [
        1, 5, b'0', b'.', b'1', b'.', b'0', 2, 1, 3, 1, 0x80, 0xf0, 0x85, 0xda, 0x2c, 0, 0x80, 0xa0, 0xf1,
        0xc2, 0xb1, 0x34, 0xd5, 0xf8, 2,
    ];
    assert_eq!(bytes, golden);
    assert_eq!(Health::decode(&bytes), Ok(sample()));
    assert!(bytes.len() <= 32, "a few dozen bytes with its frame");
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let mut bytes = sample().encode();
    bytes.extend([9, 9, 9]);
    assert_eq!(Health::decode(&bytes), Ok(sample()));
    bytes.resize(HEALTH_BYTES_MAX, 0);
    assert_eq!(Health::decode(&bytes), Ok(sample()));
    bytes.push(0);
    assert_eq!(Health::decode(&bytes), Err(WireError::TooLong("health bytes")));
}

#[test]
fn what_no_node_could_say_is_refused() {
    let at_most = Health {
        version: "9".repeat(VERSION_BYTES_MAX),
        conflicts: HEALTH_COUNT_MAX,
        quarantined: HEALTH_COUNT_MAX,
        awaiting: HEALTH_COUNT_MAX,
        disk_free_bytes: Some(HEALTH_DISK_BYTES_MAX),
        is_full: true,
        now_ms: HEALTH_CLOCK_MS_MAX,
        records: HEALTH_COUNT_MAX,
    };
    assert_eq!(Health::decode(&at_most.encode()), Ok(at_most.clone()));
    let lies: [fn(&mut Health); 9] = [
        |health| health.version.push('9'),
        |health| health.version.clear(),
        |health| health.version = "1.0\u{202e}".to_owned(),
        |health| health.version = "1 0".to_owned(),
        |health| health.conflicts += 1,
        |health| health.quarantined += 1,
        |health| health.awaiting += 1,
        |health| health.records += 1,
        |health| health.now_ms += 1,
    ];
    for (which, lie) in lies.into_iter().enumerate() {
        let mut health = at_most.clone();
        lie(&mut health);
        assert!(Health::decode(&health.encode()).is_err(), "{which}: {health:?}");
    }
    let mut health = at_most.clone();
    health.disk_free_bytes = Some(HEALTH_DISK_BYTES_MAX + 1);
    assert_eq!(Health::decode(&health.encode()), Err(WireError::Malformed));
    let bytes = sample().encode();
    for cut in 0..bytes.len() {
        assert!(Health::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for format in (0..=255).filter(|format| *format != HEALTH_FORMAT) {
        let mut other = bytes.clone();
        other[0] = format;
        assert_eq!(Health::decode(&other), Err(WireError::Malformed));
    }
}

#[test]
fn a_nodes_own_figures_are_never_refused() {
    let odd = Health {
        conflicts: u64::MAX,
        quarantined: u64::MAX,
        awaiting: u64::MAX,
        disk_free_bytes: Some(u64::MAX),
        now_ms: u64::MAX,
        records: u64::MAX,
        ..sample()
    };
    assert!(Health::decode(&odd.encode()).is_err());
    assert!(Health::decode(&odd.bounded().encode()).is_ok());
    assert_eq!(sample().bounded(), sample());
}

#[test]
fn in_sync_is_said_only_of_whom_is_heard() {
    let now_ms = 1_800_000_000_000;
    let peer = |connected, last_seen_ms, in_sync| PeerInfo {
        known: Vec::new(),
        node: chaski_crdt::author::NodeId([1; 32]),
        name: String::new(),
        site: String::new(),
        role: "clinic".to_owned(),
        last_seen_ms,
        in_sync,
        connected,
        is_silent: false,
        enabled: true,
        revoked: false,
        first_sync: None,
        records: 0,
        addresses: Vec::new(),
        problem: None,
        clock_skew_ms: None,
        quarantined: 0,
        grant_ends_ms: None,
        contact: Contact::default(),
    };
    for (connected, heard_ms, in_sync, standing) in [
        (true, now_ms, true, Standing::Connected { in_sync: true }),
        (true, now_ms, false, Standing::Connected { in_sync: false }),
        (
            true,
            now_ms - UNHEARD_MS + 1,
            true,
            Standing::Connected { in_sync: true },
        ),
        (true, now_ms - UNHEARD_MS, true, Standing::Silent),
        (true, now_ms + 1, true, Standing::Connected { in_sync: true }),
        (false, now_ms, true, Standing::Away),
        (false, now_ms - 200 * 24 * 3_600_000, true, Standing::Away),
        (false, 0, false, Standing::NeverMet),
    ] {
        let peer = peer(connected, heard_ms, in_sync);
        assert_eq!(peer.standing(now_ms), standing);
        let is_now = standing == Standing::Connected { in_sync: true };
        assert_eq!(peer.is_in_sync_now(now_ms), is_now);
    }
}
