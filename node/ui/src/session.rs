//! Who is signed in, in memory only: a restart signs everyone out.
//!
//! Invariants: only hashes of session secrets are kept; every map has a bound;
//! time and randomness are arguments. The lockout counts per address, so that
//! one wrong machine does not shut out the clinic; tokens are too long to guess
//! from many addresses, so there is no lock on everyone that a stranger could pull.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaski_clinic::access::Login;

use crate::parcel::ParcelWritten;

const SESSIONS_MAX: usize = 2_000;
const IDLE_MS_MAX: u64 = 30 * 60 * 1_000;
/// Longest a session lives, however busy.
pub(crate) const SESSION_MS_MAX: u64 = 12 * 60 * 60 * 1_000;
const LINK_MS_MAX: u64 = 2 * 60 * 1_000;
const LINKS_MAX: usize = 100;
const ADDRESSES_MAX: usize = 4_000;
const FAILURES_FREE: u32 = 5;
const LOCK_MS_FIRST: u64 = 30 * 1_000;
const LOCK_MS_MAX: u64 = 15 * 60 * 1_000;

type Hash = [u8; 32];

/// A signed-in browser.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) login: Login,
    pub(crate) csrf: String,
    created_ms: u64,
    seen_ms: u64,
    flash: Option<&'static str>,
    /// The last file that was written in it, and when.
    written: Option<(u64, ParcelWritten)>,
}

#[derive(Default)]
struct Failures {
    count: u32,
    locked_until_ms: u64,
    last_ms: u64,
}

impl Failures {
    fn add(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.last_ms) > LOCK_MS_MAX {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last_ms = now_ms;
        if self.count >= FAILURES_FREE {
            let doublings = (self.count - FAILURES_FREE).min(10);
            self.locked_until_ms = now_ms + (LOCK_MS_FIRST << doublings).min(LOCK_MS_MAX);
        }
    }
}

#[derive(Default)]
struct Inner {
    sessions: HashMap<Hash, Session>,
    links: HashMap<Hash, (u64, String)>,
    failures: HashMap<Option<IpAddr>, Failures>,
}

#[derive(Default)]
pub(crate) struct Sessions {
    inner: Mutex<Inner>,
}

fn hash(secret: &str) -> Hash {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session under `secret`, which only the cookie keeps.
    pub(crate) fn open(&self, secret: &str, csrf: String, login: Login, now_ms: u64) {
        let mut inner = self.lock();
        inner.sessions.retain(|_, session| alive(session, now_ms));
        if inner.sessions.len() >= SESSIONS_MAX {
            let oldest = inner
                .sessions
                .iter()
                .min_by_key(|(_, s)| s.seen_ms)
                .map(|(key, _)| *key);
            oldest.and_then(|key| inner.sessions.remove(&key));
        }
        let session = Session {
            login,
            csrf,
            created_ms: now_ms,
            seen_ms: now_ms,
            flash: None,
            written: None,
        };
        inner.sessions.insert(hash(secret), session);
    }

    /// The session of a cookie, if it is still alive. What a page asks by itself does not keep it
    /// alive: only what its reader does (`by_person`).
    pub(crate) fn find(&self, secret: &str, now_ms: u64, by_person: bool) -> Option<Session> {
        let mut inner = self.lock();
        let key = hash(secret);
        let session = inner.sessions.get_mut(&key)?;
        if !alive(session, now_ms) {
            inner.sessions.remove(&key);
            return None;
        }
        if by_person {
            session.seen_ms = now_ms;
        }
        Some(session.clone())
    }

    pub(crate) fn close(&self, secret: &str) {
        self.lock().sessions.remove(&hash(secret));
    }

    /// Leaves a message for the next page of this session.
    pub(crate) fn flash(&self, secret: &str, key: &'static str) {
        if let Some(session) = self.lock().sessions.get_mut(&hash(secret)) {
            session.flash = Some(key);
        }
    }

    pub(crate) fn take_flash(&self, secret: &str) -> Option<&'static str> {
        self.lock().sessions.get_mut(&hash(secret))?.flash.take()
    }

    /// Notes the last file that was written in this session, at a time.
    pub(crate) fn parcel_written(&self, secret: &str, at_ms: u64, written: ParcelWritten) {
        if let Some(session) = self.lock().sessions.get_mut(&hash(secret)) {
            session.written = Some((at_ms, written));
        }
    }

    /// That file, and when it was written.
    pub(crate) fn parcel_last(&self, secret: &str) -> Option<(u64, ParcelWritten)> {
        self.lock().sessions.get(&hash(secret))?.written.clone()
    }

    /// Keeps a token for one visitor of a link.
    pub(crate) fn link_add(&self, secret: &str, token: String, now_ms: u64) {
        let mut inner = self.lock();
        inner
            .links
            .retain(|_, (made_ms, _)| now_ms.saturating_sub(*made_ms) <= LINK_MS_MAX);
        if inner.links.len() < LINKS_MAX {
            inner.links.insert(hash(secret), (now_ms, token));
        }
    }

    pub(crate) fn link_take(&self, secret: &str, now_ms: u64) -> Option<String> {
        let (made_ms, token) = self.lock().links.remove(&hash(secret))?;
        (now_ms.saturating_sub(made_ms) <= LINK_MS_MAX).then_some(token)
    }

    /// Seconds for which this address may not try, if any.
    pub(crate) fn locked_s(&self, address: Option<IpAddr>, now_ms: u64) -> Option<u64> {
        let inner = self.lock();
        let until = inner
            .failures
            .get(&address)
            .map_or(0, |failures| failures.locked_until_ms);
        (until > now_ms).then(|| (until - now_ms).div_ceil(1_000))
    }

    pub(crate) fn failed(&self, address: Option<IpAddr>, now_ms: u64) {
        let mut inner = self.lock();
        if inner.failures.len() >= ADDRESSES_MAX {
            inner
                .failures
                .retain(|_, failures| now_ms.saturating_sub(failures.last_ms) <= LOCK_MS_MAX);
        }
        if inner.failures.len() < ADDRESSES_MAX || inner.failures.contains_key(&address) {
            inner.failures.entry(address).or_default().add(now_ms);
        }
    }

    pub(crate) fn succeeded(&self, address: Option<IpAddr>) {
        self.lock().failures.remove(&address);
    }
}

fn alive(session: &Session, now_ms: u64) -> bool {
    now_ms.saturating_sub(session.seen_ms) <= IDLE_MS_MAX
        && now_ms.saturating_sub(session.created_ms) <= SESSION_MS_MAX
}

#[cfg(test)]
mod tests {
    use chaski_clinic::access::Principal;
    use chaski_clinic::{Role, Roles};

    use super::*;

    fn login() -> Login {
        Login {
            principal: Principal {
                token_id: "t1".into(),
                user: "Ana".into(),
                roles: Roles::one(Role::Clinician),
                expires_ms: None,
            },
            holder_id: "h1".into(),
            session: String::new(),
            own_token: None,
        }
    }

    #[test]
    fn a_session_ends_when_idle_and_when_old() {
        let sessions = Sessions::default();
        sessions.open("s", "c".into(), login(), 0);
        assert!(sessions.find("s", IDLE_MS_MAX, true).is_some());
        assert!(sessions.find("s", 2 * IDLE_MS_MAX + 1, true).is_none(), "idle");
        sessions.open("s", "c".into(), login(), 0);
        let mut now = 0;
        while now <= SESSION_MS_MAX {
            assert!(sessions.find("s", now, true).is_some());
            now += IDLE_MS_MAX;
        }
        assert!(sessions.find("s", now, true).is_none(), "old");
        assert!(sessions.find("other", 0, true).is_none());
        sessions.open("s", "c".into(), login(), 0);
        assert!(sessions.find("s", IDLE_MS_MAX, false).is_some());
        assert!(
            sessions.find("s", IDLE_MS_MAX + 1, true).is_none(),
            "a page left open does not keep it alive"
        );
    }

    #[test]
    fn repeated_failures_lock_an_address_longer_each_time() {
        let sessions = Sessions::default();
        for _ in 0..FAILURES_FREE - 1 {
            sessions.failed(None, 0);
        }
        assert_eq!(sessions.locked_s(None, 0), None);
        sessions.failed(None, 0);
        assert_eq!(sessions.locked_s(None, 0), Some(30));
        sessions.failed(None, 30_000);
        assert_eq!(sessions.locked_s(None, 30_000), Some(60));
        assert_eq!(
            sessions.locked_s("10.0.0.1".parse().ok(), 0),
            None,
            "another address is free"
        );
        sessions.succeeded(None);
        assert_eq!(sessions.locked_s(None, 30_000), None);
    }

    #[test]
    fn a_link_signs_in_once() {
        let sessions = Sessions::default();
        sessions.link_add("l", "token".into(), 0);
        assert_eq!(sessions.link_take("l", 1).as_deref(), Some("token"));
        assert_eq!(sessions.link_take("l", 1), None);
        sessions.link_add("l", "token".into(), 0);
        assert_eq!(sessions.link_take("l", LINK_MS_MAX + 1), None, "too late");
    }

    #[test]
    fn the_lock_doubles_up_to_a_quarter_of_an_hour_and_is_forgotten_after_as_long() {
        const S: u64 = 1_000;
        let sessions = Sessions::default();
        let mut now = 0;
        for seconds in [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900] {
            sessions.failed(None, now);
            let locked = sessions.locked_s(None, now);
            assert_eq!(locked, Some(seconds).filter(|seconds| *seconds > 0));
            now += seconds * S;
            assert_eq!(sessions.locked_s(None, now), None, "it ends when it says");
        }
        // Whoever comes back after a rest begins anew.
        sessions.failed(None, now + 900 * S + 1);
        assert_eq!(sessions.locked_s(None, now + 900 * S + 1), None);
        sessions.failed(None, 0);
        for _ in 0..70 {
            sessions.failed(None, 0);
        }
        assert_eq!(sessions.locked_s(None, 0), Some(900));
    }

    #[test]
    fn of_too_many_sessions_the_one_longest_unseen_goes() {
        let sessions = Sessions::default();
        for number in 0..SESSIONS_MAX {
            sessions.open(&format!("s{number}"), "c".into(), login(), 0);
        }
        assert!(sessions.find("s0", 5, true).is_some());
        for number in 1..SESSIONS_MAX {
            if number != 7 {
                assert!(sessions.find(&format!("s{number}"), 5, true).is_some());
            }
        }
        sessions.open("new", "c".into(), login(), 6);
        assert!(sessions.find("s7", 6, true).is_none());
        assert!(sessions.find("s0", 6, true).is_some() && sessions.find("new", 6, true).is_some());
    }

    #[test]
    fn strangers_do_not_fill_the_memory_nor_unlock_an_address() {
        let sessions = Sessions::default();
        let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        for _ in 0..FAILURES_FREE {
            sessions.failed(address(0), 0);
        }
        for number in 1..2 * ADDRESSES_MAX as u32 {
            sessions.failed(address(number), 1);
        }
        assert_eq!(sessions.lock().failures.len(), ADDRESSES_MAX);
        assert_eq!(sessions.locked_s(address(0), 1), Some(30), "still locked");
        sessions.failed(address(0), 1);
        assert_eq!(sessions.locked_s(address(0), 1), Some(60), "and still counted");
        for number in 0..2 * LINKS_MAX {
            sessions.link_add(&format!("l{number}"), "token".into(), 0);
        }
        assert_eq!(sessions.lock().links.len(), LINKS_MAX);
        assert!(sessions.link_take("l0", 1).is_some());
    }

    #[test]
    fn a_session_is_left_alone_for_half_an_hour_lasts_half_a_day_and_a_link_two_minutes() {
        const MINUTE: u64 = 60_000;
        let now = 1_000_000_000_000;
        let is_open = |last: u64, at: u64| {
            let sessions = Sessions::default();
            sessions.open("s", "c".into(), login(), now);
            let mut seen = now;
            while seen + 30 * MINUTE <= now + last {
                seen += 30 * MINUTE;
                assert!(sessions.find("s", seen, true).is_some());
            }
            sessions.find("s", now + at, true).is_some()
        };
        for (last, at, expected) in [
            (0, 30 * MINUTE, true),
            (0, 30 * MINUTE + 1, false),
            (60 * MINUTE, 90 * MINUTE, true),
            (60 * MINUTE, 90 * MINUTE + 1, false),
            (720 * MINUTE, 720 * MINUTE, true),
            (720 * MINUTE, 720 * MINUTE + 1, false),
        ] {
            assert_eq!(is_open(last, at), expected, "seen at {last}, asked at {at}");
        }
        for (after, is_taken) in [(0, true), (2 * MINUTE, true), (2 * MINUTE + 1, false)] {
            let sessions = Sessions::default();
            sessions.link_add("l", "token".into(), now);
            // Another link made meanwhile takes nothing from it.
            sessions.link_add("m", "other".into(), now + after);
            assert_eq!(
                sessions.link_take("l", now + after).is_some(),
                is_taken,
                "{after}"
            );
            assert_eq!(sessions.link_take("m", now + after).as_deref(), Some("other"));
        }
    }

    #[test]
    fn no_secret_is_kept_as_it_is() {
        let sessions = Sessions::default();
        sessions.open("secret", "c".into(), login(), 0);
        assert!(
            !sessions
                .lock()
                .sessions
                .keys()
                .any(|key| key.starts_with(b"secret"))
        );
        assert!(
            sessions
                .find(&blake3::hash(b"secret").to_hex(), 0, true)
                .is_none()
        );
        sessions.flash("secret", "done");
        assert_eq!(sessions.take_flash("other"), None);
        assert_eq!(sessions.take_flash("secret"), Some("done"));
        assert_eq!(sessions.take_flash("secret"), None, "told once");
        sessions.close("secret");
        assert!(sessions.find("secret", 0, true).is_none());
    }
}
