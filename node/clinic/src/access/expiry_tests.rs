//! When what a token opens is over, and that of two who use one at the same time only one gets in.

use std::sync::{Arc, Mutex};

use super::*;
use crate::roles::{Role, Roles};
use crate::testing::{NOW_MS, SteeredEnv, caller, store_with};
use crate::{Clinic, Settings};

const HOUR_MS: u64 = 3_600_000;
/// The longest a session lives.
const SESSION_MS: u64 = 12 * HOUR_MS;

fn steered() -> (Clinic, Arc<SteeredEnv>) {
    let env = SteeredEnv::new();
    let clinic = Clinic::new(store_with(env.clone()), Settings::default()).expect("a clinic");
    (clinic, env)
}

fn issue(clinic: &Clinic, kind: TokenKind, life_ms: Option<u64>) -> Result<Issued, AccessError> {
    let request = TokenRequest {
        user: "ana".to_owned(),
        roles: Roles::one(Role::Clinician),
        kind,
        life_ms,
    };
    clinic.token_create(&caller("operator"), &request)
}

fn is_open(clinic: &Clinic, token: &str) -> bool {
    clinic.token_verify(token).is_ok()
}

/// Tokens of this kind that open something now.
fn live(clinic: &Clinic, kind: TokenKind) -> usize {
    let now_ms = clinic.now_ms();
    let tokens = clinic.token_list(&caller("operator")).expect("a list");
    tokens
        .iter()
        .filter(|info| info.kind == kind && info.is_live(now_ms))
        .count()
}

#[test]
fn a_token_opens_nothing_from_the_moment_it_expires() {
    let (clinic, env) = steered();
    for kind in [TokenKind::Personal, TokenKind::Session, TokenKind::OneUse] {
        env.set(NOW_MS);
        let issued = issue(&clinic, kind, Some(5_000)).expect("a token");
        assert_eq!(issued.info.expires_ms, Some(NOW_MS + 5_000), "{kind:?}");
        let said = |now_ms| {
            env.set(now_ms);
            clinic.token_verify(&issued.token)
        };
        match kind {
            TokenKind::OneUse => assert!(matches!(said(NOW_MS + 4_999), Err(AccessError::OneUse))),
            _ => assert!(said(NOW_MS + 4_999).is_ok(), "{kind:?}"),
        }
        for now_ms in [NOW_MS + 5_000, NOW_MS + 5_001, NOW_MS + 500 * HOUR_MS] {
            assert!(matches!(said(now_ms), Err(AccessError::Invalid)), "{kind:?}");
            for wanted in [TokenKind::Personal, TokenKind::Session, TokenKind::OneUse] {
                let exchanged = clinic.token_exchange(1, &issued.token, wanted);
                assert!(matches!(exchanged, Err(AccessError::Invalid)), "{kind:?}");
            }
            let restarted = Clinic::new(clinic.store().clone(), Settings::default()).expect("a clinic");
            assert!(!is_open(&restarted, &issued.token), "{kind:?} after a restart");
        }
    }
}

#[test]
fn a_token_without_an_end_has_none_and_lives_are_bounded() {
    let (clinic, env) = steered();
    let issued = issue(&clinic, TokenKind::Personal, None).expect("a token");
    env.set(NOW_MS + 1_000 * TOKEN_LIFE_MS_MAX);
    assert!(is_open(&clinic, &issued.token));
    env.set(NOW_MS);
    assert_eq!(TOKEN_LIFE_MS_MAX, 63_244_800_000, "two years");
    for (life_ms, is_taken) in [
        (0, false),
        (999, false),
        (1_000, true),
        (63_244_800_000, true),
        (63_244_800_001, false),
    ] {
        let made = issue(&clinic, TokenKind::Personal, Some(life_ms));
        assert_eq!(made.is_ok(), is_taken, "{life_ms}");
    }
}

#[test]
fn a_session_ends_with_its_token_or_after_half_a_day() {
    let (clinic, env) = steered();
    // What the token has left, and what a session opened with it then has.
    for (token_ms, session_ms) in [
        (None, SESSION_MS),
        (Some(2 * HOUR_MS), 2 * HOUR_MS),
        (Some(SESSION_MS - 1), SESSION_MS - 1),
        (Some(SESSION_MS + 1), SESSION_MS),
        (Some(500 * HOUR_MS), SESSION_MS),
    ] {
        // However it is asked for: only a one-use token gives another to keep.
        for wanted in [TokenKind::Session, TokenKind::Personal, TokenKind::OneUse] {
            env.set(NOW_MS);
            let issued = issue(&clinic, TokenKind::Personal, token_ms).expect("a token");
            let session = clinic
                .token_exchange(1, &issued.token, wanted)
                .expect("a session");
            assert_eq!(session.info.kind, TokenKind::Session);
            assert_eq!(
                session.info.exchanged_from.as_deref(),
                Some(issued.info.id.as_str())
            );
            env.set(NOW_MS + session_ms - 1);
            assert!(is_open(&clinic, &session.token), "{token_ms:?} {wanted:?}");
            env.set(NOW_MS + session_ms);
            assert!(!is_open(&clinic, &session.token), "{token_ms:?} {wanted:?}");
        }
    }
}

#[test]
fn a_session_does_not_prolong_itself_by_opening_another() {
    let (clinic, env) = steered();
    let issued = issue(&clinic, TokenKind::Personal, None).expect("a token");
    let mut session = clinic
        .token_exchange(1, &issued.token, TokenKind::Session)
        .expect("a session");
    for hour in 1..12 {
        env.set(NOW_MS + hour * HOUR_MS);
        session = clinic
            .token_exchange(1, &session.token, TokenKind::Session)
            .expect("another");
        assert_eq!(session.info.expires_ms, Some(NOW_MS + SESSION_MS));
    }
    env.set(NOW_MS + SESSION_MS);
    assert!(!is_open(&clinic, &session.token));
}

#[test]
fn a_token_stands_for_its_own_roles_whatever_it_is_exchanged_for() {
    let (clinic, _) = steered();
    for kind in [TokenKind::Personal, TokenKind::OneUse] {
        let issued = issue(&clinic, kind, None).expect("a token");
        let other = clinic
            .token_exchange(1, &issued.token, TokenKind::Session)
            .expect("a session");
        let holder = clinic.token_verify(&other.token).expect("open");
        assert_eq!(
            (holder.user.as_str(), holder.roles.names().as_str()),
            ("ana", "clinician")
        );
        assert_eq!(holder.expires_ms, other.info.expires_ms);
    }
}

/// Runs `act` while something else is done to its end on another thread, at the `look`th time that
/// `act` looks at the clock: in its middle, and each time at the same place.
fn meanwhile<T>(
    env: &SteeredEnv,
    look: usize,
    other: impl FnOnce() -> bool + Send + 'static,
    act: impl FnOnce() -> T,
) -> (T, bool) {
    let (tell, told) = std::sync::mpsc::channel();
    let seen = Arc::new(Mutex::new(None));
    let heard = seen.clone();
    env.at_look(look, move || {
        std::thread::spawn(move || tell.send(other()));
        let said = told.recv_timeout(std::time::Duration::from_secs(20));
        *heard.lock().expect("no panic") = said.ok();
    });
    let done = act();
    assert!(!env.disarm(), "there is no such look any more: {look}");
    let other = seen.lock().expect("no panic").take();
    (done, other.expect("the other came to its end"))
}

#[test]
fn of_two_who_exchange_one_first_token_at_the_same_time_one_gets_in() {
    // When it has been found, and when it is about to be marked as used.
    for look in [0, 1] {
        let (clinic, env) = steered();
        let issued = issue(&clinic, TokenKind::OneUse, None).expect("a token");
        let (there, token) = (clinic.clone(), issued.token.clone());
        let (first, is_other_in) = meanwhile(
            &env,
            look,
            move || there.token_exchange(2, &token, TokenKind::Personal).is_ok(),
            || clinic.token_exchange(1, &issued.token, TokenKind::Personal),
        );
        assert!(is_other_in, "at look {look}");
        assert!(
            matches!(first, Err(AccessError::Used)),
            "at look {look}: {first:?}"
        );
        assert_eq!(live(&clinic, TokenKind::Personal), 1, "at look {look}");
    }
}

#[test]
fn a_token_revoked_while_it_opens_a_session_leaves_none() {
    // When it has been found, when old sessions are forgotten, and when the new one is made.
    for look in [0, 1, 2] {
        let (clinic, env) = steered();
        let issued = issue(&clinic, TokenKind::Personal, None).expect("a token");
        let (there, id) = (clinic.clone(), issued.info.id.clone());
        let (session, is_revoked) = meanwhile(
            &env,
            look,
            move || there.token_revoke(&caller("operator"), &id).is_ok(),
            || clinic.token_exchange(1, &issued.token, TokenKind::Session),
        );
        assert!(is_revoked && session.is_err(), "at look {look}: {session:?}");
        assert_eq!(live(&clinic, TokenKind::Session), 0, "at look {look}");
        let restarted = Clinic::new(clinic.store().clone(), Settings::default()).expect("a clinic");
        assert_eq!(
            live(&restarted, TokenKind::Session),
            0,
            "at look {look}, after a restart"
        );
        assert_eq!(
            live(&restarted, TokenKind::Personal),
            0,
            "at look {look}, after a restart"
        );
    }
}

#[test]
fn what_is_done_to_tokens_is_entered() {
    let (clinic, _) = steered();
    let first = issue(&clinic, TokenKind::OneUse, None).expect("a token");
    let own = clinic
        .token_exchange(7, &first.token, TokenKind::Personal)
        .expect("exchanged");
    let session = clinic
        .token_exchange(8, &own.token, TokenKind::Session)
        .expect("a session");
    clinic
        .token_revoke(&caller("operator"), &own.info.id)
        .expect("revoked");
    assert!(!is_open(&clinic, &session.token));
    let page = clinic.store().audit_list(None, 50).expect("the log");
    let log: Vec<(&str, &str)> = page
        .entries
        .iter()
        .map(|entry| (entry.action.as_str(), entry.context.role.as_str()))
        .collect();
    for entered in [
        ("token_create", "operator"),
        ("token_exchange", "clinician"),
        ("token_create", "clinician"),
        ("token_revoke", "operator"),
        ("session_close", "operator"),
    ] {
        assert!(log.contains(&entered), "{entered:?} in {log:?}");
    }
}
