//! A served clinic, and a client that speaks to its router.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chaski_clinic::access::{TokenKind, TokenRequest};
use chaski_clinic::{Clinic, Roles, Settings};
use chaski_json::{Json, parse};
use chaski_store::kv::MemoryKv;
use chaski_store::{Env, Identity, NetworkId, OpenOptions, Store, SystemEnv};
use tower::ServiceExt;

use crate::{HttpSettings, HttpState, Limits, router};

/// A clock that stands until it is moved, and the system's randomness.
pub(super) struct StandingClock(pub(super) AtomicU64);

impl Env for StandingClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn random(&self, out: &mut [u8]) {
        SystemEnv.random(out);
    }
}

pub(super) struct Server {
    router: Router,
    pub(super) clinic: Arc<Clinic>,
    pub(super) token: String,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Json {
        parse(self.text.as_bytes(), &chaski_json::Limits::default()).expect("JSON")
    }

    pub(super) fn at(&self, pointer: &str) -> String {
        let json = self.json();
        let found = json.pointer(pointer);
        found
            .map(|found| found.as_str().map_or_else(|| found.canonical(), str::to_owned))
            .unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Asserts that this is an OperationOutcome with this status and code.
    pub(super) fn refused(&self, status: u16, code: &str) -> &Reply {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.at("/resourceType"), "OperationOutcome", "{}", self.text);
        assert_eq!(self.at("/issue/0/code"), code, "{}", self.text);
        assert!(!self.at("/issue/0/diagnostics").is_empty());
        assert_eq!(
            self.header("content-type"),
            "application/fhir+json; charset=utf-8"
        );
        self
    }
}

impl Server {
    pub(super) fn new() -> Server {
        Server::with(HttpSettings::default())
    }

    /// A server whose searches have no time beyond one walk and one record.
    pub(super) fn without_search_time() -> Server {
        let options = OpenOptions {
            search_ms_max: 0,
            ..OpenOptions::default()
        };
        Server::open(HttpSettings::default(), options, Arc::new(SystemEnv))
    }

    pub(super) fn with_limits(limits: Limits) -> Server {
        Server::with(HttpSettings {
            limits,
            ..HttpSettings::default()
        })
    }

    /// A server whose clock stands until it is moved.
    pub(super) fn with_clock(clock: &Arc<StandingClock>) -> Server {
        Server::open(HttpSettings::default(), OpenOptions::default(), clock.clone())
    }

    pub(super) fn with(settings: HttpSettings) -> Server {
        Server::open(settings, OpenOptions::default(), Arc::new(SystemEnv))
    }

    fn open(settings: HttpSettings, options: OpenOptions, env: Arc<dyn Env>) -> Server {
        let store = Store::create_on(Arc::new(MemoryKv::new()), &[7; 32], env, options).expect("a store");
        Server::furnished(store, settings)
    }

    /// A server of a new store.
    pub(super) fn furnished(store: Store, settings: HttpSettings) -> Server {
        let identity = Identity {
            signing_seed: [1; 32],
            network: NetworkId([2; 32]),
            fingerprint_key: [3; 32],
        };
        store.identity_set(&identity).expect("an identity");
        let mut server = Server::over(store, settings);
        server.token = server.make_token("clinician,administrator", TokenKind::Personal);
        server
    }

    /// A server of a store that is there already, and no token.
    pub(super) fn over(store: Store, settings: HttpSettings) -> Server {
        let clinic = Arc::new(Clinic::new(store, Settings::default()).expect("a clinic"));
        Server {
            router: router(HttpState::new(clinic.clone(), settings)),
            clinic,
            token: String::new(),
        }
    }

    pub(super) fn make_token(&self, roles: &str, kind: TokenKind) -> String {
        self.make_token_for(roles, kind, None)
    }

    pub(super) fn make_token_for(&self, roles: &str, kind: TokenKind, life_ms: Option<u64>) -> String {
        let request = TokenRequest {
            user: "ana".to_owned(),
            roles: Roles::parse(roles).expect("roles"),
            kind,
            life_ms,
        };
        self.clinic
            .token_create(&self.clinic.operator("test"), &request)
            .expect("a token")
            .token
    }

    pub(super) async fn call(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("a reply");
        let status = response.status();
        let headers = response.headers().clone();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        Reply {
            status,
            headers,
            text: String::from_utf8(bytes.to_vec()).expect("UTF-8"),
        }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "clinic.test");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if !body.is_empty()
            && !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            request = request.header("content-type", "application/fhir+json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.call(request.body(Body::from(body.to_owned())).expect("a request"))
            .await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send(Method::POST, path, &[], body).await
    }

    /// Creates a resource and answers its `Type/id`.
    pub(super) async fn create(&self, kind: &str, body: &str) -> String {
        let reply = self.post(&format!("/fhir/{kind}"), body).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
        format!("{kind}/{}", reply.at("/id"))
    }
}

pub(super) const PATIENT: &str = r#"{"resourceType":"Patient","name":[{"family":"Quispe","given":["Rosa"]}],"gender":"female","birthDate":"1980-05-04"}"#;
