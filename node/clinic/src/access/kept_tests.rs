//! How many tokens a node keeps, and what it forgets of them.

use super::token::{blob_name, encode, token_hash};
use super::*;
use crate::roles::{Role, Roles};
use crate::testing::{caller, clinic};
use crate::{Clinic, Settings};

fn request(kind: TokenKind) -> TokenRequest {
    TokenRequest {
        user: "eva".to_owned(),
        roles: Roles::one(Role::Clinician),
        kind,
        life_ms: None,
    }
}

fn create(clinic: &Clinic, kind: TokenKind) -> Result<Issued, AccessError> {
    clinic.token_create(&caller("operator"), &request(kind))
}

#[test]
fn only_sessions_that_are_over_are_forgotten() {
    let clinic = clinic();
    let operator = caller("operator");
    let own = create(&clinic, TokenKind::Personal).expect("a token");
    let revoked = create(&clinic, TokenKind::Personal).expect("a token");
    clinic.token_revoke(&operator, &revoked.info.id).expect("revoked");
    let used = create(&clinic, TokenKind::OneUse).expect("a token");
    let kept = clinic
        .token_exchange(1, &used.token, TokenKind::Personal)
        .expect("exchanged");
    let open = clinic
        .token_exchange(1, &own.token, TokenKind::Session)
        .expect("a session");
    for _ in 0..220 {
        let session = clinic.token_exchange(1, &own.token, TokenKind::Session);
        let session = session.expect("a session");
        clinic.session_close(&operator, &session.token).expect("closed");
    }
    let restarted = Clinic::new(clinic.store().clone(), Settings::default()).expect("a clinic");
    for clinic in [&clinic, &restarted] {
        let listed = clinic.token_list(&operator).expect("a list");
        assert!(listed.len() < 120, "{} are kept", listed.len());
        for info in [&own, &revoked, &used, &kept, &open].map(|issued| &issued.info.id) {
            assert!(listed.iter().any(|listed| listed.id == *info), "{info}");
        }
        for open in [&own, &kept, &open] {
            assert!(clinic.token_verify(&open.token).is_ok());
        }
        assert!(clinic.token_verify(&revoked.token).is_err());
        let again = clinic.token_exchange(1, &used.token, TokenKind::Personal);
        assert!(matches!(again, Err(AccessError::Used)), "{again:?}");
        // Newest first.
        assert!(listed.is_sorted_by(|a, b| a.created_ms >= b.created_ms));
    }
}

#[test]
fn what_was_revoked_was_revoked_when_it_was() {
    let clinic = clinic();
    let operator = caller("operator");
    let issued = create(&clinic, TokenKind::Personal).expect("a token");
    let first = clinic.token_revoke(&operator, &issued.info.id).expect("revoked");
    let again = clinic.token_revoke(&operator, &issued.info.id).expect("no error");
    assert!(first.ended_ms.is_some());
    assert_eq!(again.ended_ms, first.ended_ms);
    // A token of a person's own is no session: logging out does not end it.
    let own = create(&clinic, TokenKind::Personal).expect("a token");
    clinic
        .session_close(&operator, &own.token)
        .expect("nothing to do");
    assert!(clinic.token_verify(&own.token).is_ok());
    clinic
        .session_close(&operator, "chk_unknown")
        .expect("nothing to do");
}

#[test]
fn a_node_that_keeps_ten_thousand_tokens_makes_no_more_until_sessions_are_forgotten() {
    let clinic = clinic();
    let own = create(&clinic, TokenKind::Personal).expect("a token");
    let session = |number: usize| {
        let hash = token_hash(&format!("chk_{number}"));
        let info = TokenInfo {
            id: format!("{number:016x}"),
            kind: TokenKind::Session,
            ended_ms: None,
            ..own.info.clone()
        };
        (hash, info)
    };
    // Sessions that are over are forgotten once there are a hundred of them.
    for (over, is_room) in [(0, false), (99, false), (100, true)] {
        let rows: Vec<(String, Option<Vec<u8>>)> = (1..10_000)
            .map(|number| {
                let (hash, mut info) = session(number);
                info.ended_ms = (number <= over).then_some(own.info.created_ms);
                (blob_name(&hash), Some(encode(&info)))
            })
            .collect();
        for some in rows.chunks(1_000) {
            clinic.store().blobs_put(some).expect("stored");
        }
        let full = Clinic::new(clinic.store().clone(), Settings::default()).expect("a clinic");
        assert_eq!(
            full.token_list(&caller("operator")).expect("a list").len(),
            10_000
        );
        let made = create(&full, TokenKind::Personal);
        assert_eq!(made.is_ok(), is_room, "{over} are over");
        if !is_room {
            assert!(matches!(made, Err(AccessError::Full)));
        }
    }
}
