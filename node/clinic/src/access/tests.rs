use super::*;
use crate::roles::{Role, Roles};
use crate::testing::{caller, clinic};
use crate::{Clinic, Settings};

fn request(kind: TokenKind) -> TokenRequest {
    TokenRequest {
        user: "first login".to_owned(),
        roles: Roles::bootstrap(),
        kind,
        life_ms: None,
    }
}

#[test]
fn a_token_opens_until_it_is_revoked_and_survives_a_restart() {
    let clinic = clinic();
    let administrator = caller("administrator");
    let issued = clinic
        .token_create(&administrator, &request(TokenKind::Personal))
        .expect("a token");
    let principal = clinic.token_verify(&issued.token).expect("valid");
    assert_eq!(principal.roles, Roles::bootstrap());
    let restarted = Clinic::new(clinic.store().clone(), Settings::default()).expect("a clinic");
    assert!(restarted.token_verify(&issued.token).is_ok());
    clinic
        .token_revoke(&administrator, &issued.info.id)
        .expect("revoked");
    assert!(matches!(
        clinic.token_verify(&issued.token),
        Err(AccessError::Invalid)
    ));
    let restarted = Clinic::new(clinic.store().clone(), Settings::default()).expect("a clinic");
    assert!(restarted.token_verify(&issued.token).is_err());
}

#[test]
fn a_token_is_revoked_by_as_much_of_its_id_as_is_its_own() {
    let clinic = clinic();
    let administrator = caller("administrator");
    let issued: Vec<_> = (0..17)
        .map(|_| {
            clinic
                .token_create(&administrator, &request(TokenKind::Personal))
                .expect("a token")
        })
        .collect();
    assert!(matches!(
        clinic.token_revoke(&administrator, ""),
        Err(AccessError::Unknown)
    ));
    // Two of seventeen begin with the same hex digit.
    let digit = |id: &str| id.get(..1).unwrap_or_default().to_owned();
    let shared = issued
        .iter()
        .map(|one| digit(&one.info.id))
        .find(|first| issued.iter().filter(|one| digit(&one.info.id) == *first).count() > 1)
        .expect("two alike");
    assert!(matches!(
        clinic.token_revoke(&administrator, &shared),
        Err(AccessError::Ambiguous)
    ));
    assert!(issued.iter().all(|one| clinic.token_verify(&one.token).is_ok()));
    let one = &issued[3];
    clinic
        .token_revoke(&administrator, &one.info.id[..12])
        .expect("revoked");
    let open = issued
        .iter()
        .filter(|one| clinic.token_verify(&one.token).is_ok());
    assert_eq!(open.count(), 16);
    assert!(clinic.token_verify(&one.token).is_err());
}

#[test]
fn the_secret_is_not_stored() {
    let clinic = clinic();
    let issued = clinic
        .token_create(&caller("operator"), &request(TokenKind::Personal))
        .expect("a token");
    for (name, row) in clinic.store().blobs("token/").expect("rows") {
        let secret = issued.token.trim_start_matches("chk_");
        assert!(!name.contains(secret) && !String::from_utf8_lossy(&row).contains(secret));
    }
    assert!(!format!("{issued:?}").contains(&issued.token));
}

#[test]
fn a_one_use_token_opens_only_the_exchange_and_once() {
    let clinic = clinic();
    let issued = clinic
        .token_create(&caller("operator"), &request(TokenKind::OneUse))
        .expect("a token");
    assert!(matches!(
        clinic.token_verify(&issued.token),
        Err(AccessError::OneUse)
    ));
    let own = clinic
        .token_exchange(1, &issued.token, TokenKind::Personal)
        .expect("exchanged");
    assert_eq!(own.info.exchanged_from.as_deref(), Some(issued.info.id.as_str()));
    assert_eq!(own.info.kind, TokenKind::Personal);
    assert!(clinic.token_verify(&own.token).is_ok());
    assert!(matches!(
        clinic.token_exchange(1, &issued.token, TokenKind::Personal),
        Err(AccessError::Used)
    ));
}

#[test]
fn a_login_gets_a_session_that_ends() {
    let clinic = clinic();
    let issued = clinic
        .token_create(&caller("operator"), &request(TokenKind::Personal))
        .expect("a token");
    let session = clinic
        .token_exchange(1, &issued.token, TokenKind::Session)
        .expect("a session");
    assert_eq!(session.info.kind, TokenKind::Session);
    assert!(session.info.expires_ms.is_some());
    clinic
        .session_close(&caller("clinician"), &session.token)
        .expect("closed");
    assert!(clinic.token_verify(&session.token).is_err());
    assert!(
        clinic.token_verify(&issued.token).is_ok(),
        "the personal token stays"
    );
}

#[test]
fn a_revoked_token_takes_its_sessions_with_it() {
    let clinic = clinic();
    let operator = caller("operator");
    let issue = || {
        clinic
            .token_create(&operator, &request(TokenKind::Personal))
            .expect("a token")
    };
    let (stolen, other) = (issue(), issue());
    let open = |token: &str| {
        clinic
            .token_exchange(1, token, TokenKind::Session)
            .expect("a session")
            .token
    };
    let session = open(&stolen.token);
    let second = open(&session);
    let others = open(&other.token);
    clinic.token_revoke(&operator, &stolen.info.id).expect("revoked");
    assert!(clinic.token_verify(&session).is_err());
    assert!(clinic.token_verify(&second).is_err(), "one opened with a session");
    assert!(
        clinic.token_verify(&others).is_ok(),
        "another token's session stays"
    );
}

fn restarted(clinic: &Clinic) -> Clinic {
    Clinic::new(clinic.store().clone(), Settings::default()).expect("a clinic")
}

#[test]
fn a_token_revoked_after_a_restart_takes_its_sessions_with_it() {
    let operator = caller("operator");
    let open = |clinic: &Clinic, token: &str| {
        let session = clinic.token_exchange(1, token, TokenKind::Session);
        session.expect("a session").token
    };
    // Restarted before the session was opened from a session, and after.
    for late in [false, true] {
        let before = clinic();
        let create = |kind| before.token_create(&operator, &request(kind)).expect("a token");
        let (stolen, other) = (create(TokenKind::Personal), create(TokenKind::Personal));
        let (session, others) = (open(&before, &stolen.token), open(&before, &other.token));
        let early = open(&before, &session);
        let clinic = restarted(&before);
        let second = if late {
            open(&clinic, &session)
        } else {
            early.clone()
        };
        clinic.token_revoke(&operator, &stolen.info.id).expect("revoked");
        for clinic in [&clinic, &restarted(&clinic)] {
            for token in [&stolen.token, &session, &early, &second] {
                assert!(clinic.token_verify(token).is_err());
            }
            assert!(
                clinic.token_verify(&others).is_ok(),
                "another token's session stays"
            );
        }
    }
}

#[test]
fn all_that_is_known_of_a_token_is_known_after_a_restart() {
    let clinic = clinic();
    let operator = caller("operator");
    for kind in [TokenKind::Personal, TokenKind::Session, TokenKind::OneUse] {
        for life_ms in [None, Some(3_600_000)] {
            for roles in [Roles::bootstrap(), Roles::one(Role::Reader)] {
                let wanted = TokenRequest {
                    user: "Ana Quispe".to_owned(),
                    roles,
                    life_ms,
                    kind,
                };
                let issued = clinic.token_create(&operator, &wanted).expect("a token");
                let open = |token: &str, kind| clinic.token_exchange(1, token, kind).expect("exchanged");
                let session = open(&issued.token, TokenKind::Personal);
                let closed = open(&session.token, TokenKind::Session);
                clinic.session_close(&operator, &closed.token).expect("closed");
            }
        }
    }
    let listed = clinic.token_list(&operator).expect("a list");
    assert_eq!(listed.len(), 36);
    assert!(
        listed.iter().any(|info| info.ended_ms.is_some())
            && listed.iter().any(|info| info.exchanged_from.is_some())
    );
    assert_eq!(restarted(&clinic).token_list(&operator).expect("a list"), listed);
}

#[test]
fn a_stored_token_that_is_not_understood_whole_opens_nothing() {
    for (what, spoil) in [
        (
            "version",
            (|row: &str| row.replacen('\u{1}', "\u{2}", 1)) as fn(&str) -> String,
        ),
        ("kind", |row| row.replace("\"personal\"", "\"master\"")),
        ("no kind", |row| row.replace("\"kind\"", "\"sort\"")),
        ("no roles", |row| row.replace("\"roles\"", "\"parts\"")),
        ("no user", |row| row.replace("\"user\"", "\"name\"")),
        ("cut", |row| row.trim_end_matches('}').to_owned()),
        ("empty", |_| String::new()),
    ] {
        let clinic = clinic();
        let issued = clinic
            .token_create(&caller("operator"), &request(TokenKind::Personal))
            .expect("a token");
        let (name, row) = clinic.store().blobs("token/").expect("rows").remove(0);
        let spoilt = spoil(std::str::from_utf8(&row).expect("text"));
        assert_ne!(spoilt.as_bytes(), row, "{what}");
        clinic.store().blob_put(&name, spoilt.as_bytes()).expect("stored");
        let opened = restarted(&clinic).token_verify(&issued.token);
        assert!(matches!(opened, Err(AccessError::Invalid)), "{what}: {opened:?}");
    }
}

#[test]
fn sessions_that_are_over_are_forgotten() {
    let clinic = clinic();
    let issued = clinic
        .token_create(&caller("operator"), &request(TokenKind::Personal))
        .expect("a token");
    for _ in 0..250 {
        let session = clinic
            .token_exchange(1, &issued.token, TokenKind::Session)
            .expect("a session");
        clinic
            .session_close(&caller("clinician"), &session.token)
            .expect("closed");
    }
    let kept = clinic.token_list(&caller("operator")).expect("a list").len();
    assert!(kept <= 110, "{kept} tokens are kept");
    let restarted = Clinic::new(clinic.store().clone(), Settings::default()).expect("a clinic");
    assert_eq!(
        restarted.token_list(&caller("operator")).expect("a list").len(),
        kept
    );
    assert!(restarted.token_verify(&issued.token).is_ok());
}

#[test]
fn no_token_stands_for_the_operator() {
    let clinic = clinic();
    let mut bad = request(TokenKind::Personal);
    bad.roles = Roles::one(Role::Operator);
    assert!(matches!(
        clinic.token_create(&caller("operator"), &bad),
        Err(AccessError::NoRole)
    ));
}

#[test]
fn requests_out_of_bounds_are_refused() {
    let clinic = clinic();
    let operator = caller("operator");
    let mut bad = request(TokenKind::Personal);
    bad.user = "  ".to_owned();
    assert!(matches!(
        clinic.token_create(&operator, &bad),
        Err(AccessError::UserName)
    ));
    let mut bad = request(TokenKind::Personal);
    bad.roles = Roles::NONE;
    assert!(matches!(
        clinic.token_create(&operator, &bad),
        Err(AccessError::NoRole)
    ));
    let mut bad = request(TokenKind::Personal);
    bad.life_ms = Some(u64::MAX);
    assert!(matches!(
        clinic.token_create(&operator, &bad),
        Err(AccessError::Life)
    ));
    assert!(matches!(
        clinic.token_create(&caller(Role::Clinician.name()), &request(TokenKind::Personal)),
        Err(AccessError::Denied(_))
    ));
    assert!(matches!(clinic.token_verify("chk_00"), Err(AccessError::Invalid)));
}
