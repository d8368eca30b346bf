//! What every page shares: the node's name, who is signed in, language, menu.
//!
//! [`Visitor`] is anyone; [`Signed`] is someone signed in, without whom a page
//! leads to the log-in; [`Posted`] is a form sent by someone signed in whose
//! form token fits (what else is sent comes back as `resume.rs` says).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chaski_clinic::{Caller, Clinic, Origin, Purpose};

use crate::UiState;
use crate::assets::{self, AssetUrls};
use crate::error::{Fault, PageError};
use crate::i18n::{Lang, Texts};
use crate::login;
use crate::node_info::{FirstSync, NodeSummary};
use crate::resume::{Kept, RESUME_FIELD, is_owner};
use crate::security::{cookie, local_path};
use crate::session::Session;
use crate::show::Clock;

/// Which entry of the menu a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nav {
    Home,
    Patients,
    Register,
    Conflicts,
    None,
}

/// What the layout template needs.
pub(crate) struct Frame {
    pub(crate) t: &'static Texts,
    pub(crate) node: NodeSummary,
    pub(crate) clock: Clock,
    pub(crate) assets: &'static AssetUrls,
    pub(crate) nav: Nav,
    /// The name of who is signed in.
    pub(crate) user: Option<String>,
    pub(crate) csrf: String,
    pub(crate) conflicts: u64,
    /// How far a first sync is that is not complete: until then searches miss people.
    pub(crate) first_sync: Option<FirstSync>,
    pub(crate) here: String,
    pub(crate) flash: Option<&'static str>,
    /// The page follows what changes; where the counter stood before the page was read.
    pub(crate) live: Option<u64>,
    /// It is the demo's page, not a node's.
    pub(crate) demo: bool,
}

impl Frame {
    pub(crate) fn at(&self, nav: Nav) -> bool {
        self.nav == nav
    }

    /// The message is that something was *not* done.
    pub(crate) fn flash_warns(&self) -> bool {
        matches!(self.flash, Some(FLASH_RESUMED | FLASH_NOT_YOURS))
    }

    /// A writer's name; what the node itself wrote is told in words.
    pub(crate) fn writer(&self, user: &str) -> String {
        match user {
            "operator" => self.t.s("role-operator"),
            "system" => self.t.s("role-system"),
            name => name.to_owned(),
        }
    }

    /// Languages one can switch to.
    pub(crate) fn others(&self) -> Vec<Lang> {
        Lang::ALL
            .into_iter()
            .filter(|lang| *lang != self.t.lang())
            .collect()
    }

    pub(crate) fn here_escaped(&self) -> String {
        escape_query(&self.here)
    }
}

/// Percent-encodes for a query value.
pub(crate) fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Anyone who asks for a page.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) state: UiState,
    pub(crate) lang: Lang,
    pub(crate) here: String,
    pub(crate) address: Option<IpAddr>,
    /// The session cookie's secret and what it opened.
    pub(crate) session: Option<(String, Session)>,
    pub(crate) pre_csrf: Option<String>,
    /// Where the counter of changes stood when the request came: older than anything the page
    /// shows, so that a change during the reading is told by the first event.
    changes_seen: u64,
    /// Asked by an open page to refresh itself, not by its reader.
    pub(crate) by_page: bool,
}

impl Visitor {
    fn of(parts: &Parts, state: &UiState) -> Self {
        let now_ms = state.node.now_ms();
        let names = state.cookie_names();
        let by_page = parts.headers.contains_key(BY_PAGE) || parts.uri.path() == "/live";
        let session = cookie(&parts.headers, &names.session)
            .and_then(|secret| Some((secret.to_owned(), state.sessions.find(secret, now_ms, !by_page)?)));
        let here = if parts.method == Method::GET {
            parts.uri.path_and_query().map_or("/", |path| path.as_str())
        } else {
            // After a refused post, the page that held the form.
            parts.uri.path()
        };
        Self {
            state: state.clone(),
            lang: language_of(&parts.headers),
            here: local_path(here).to_owned(),
            address: parts
                .extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|info| info.0.ip()),
            session,
            changes_seen: *state.node.changes().borrow(),
            by_page,
            pre_csrf: cookie(&parts.headers, &names.pre).map(str::to_owned),
        }
    }

    pub(crate) fn t(&self) -> &'static Texts {
        self.lang.texts()
    }

    /// A frame without counts that need the store; for errors and the log-in.
    pub(crate) fn bare_frame(&self, nav: Nav) -> Frame {
        let node = self.state.node.summary();
        Frame {
            t: self.t(),
            clock: Clock {
                now_ms: self.state.node.now_ms(),
                zone: node.zone.clone(),
                t: self.t(),
            },
            node,
            assets: assets::urls(),
            nav,
            user: self
                .session
                .as_ref()
                .map(|(_, session)| session.login.principal.user.clone()),
            csrf: self
                .session
                .as_ref()
                .map(|(_, session)| session.csrf.clone())
                .unwrap_or_default(),
            conflicts: 0,
            first_sync: self.state.node.first_sync(),
            here: self.here.clone(),
            flash: None,
            live: self.session.is_some().then_some(self.changes_seen),
            demo: false,
        }
    }
}

/// The cookie's language, else what the browser asks for.
pub(crate) fn language_of(headers: &HeaderMap) -> Lang {
    cookie(headers, LANGUAGE_COOKIE)
        .and_then(Lang::parse)
        .unwrap_or_else(|| {
            let asked = headers
                .get(header::ACCEPT_LANGUAGE)
                .and_then(|value| value.to_str().ok());
            asked.map_or(Lang::En, Lang::negotiate)
        })
}

/// Sent with a page's own refresh.
const BY_PAGE: &str = "x-chaski-live";

/// Remembers the language; shared by all nodes on a host, and no secret.
pub(crate) const LANGUAGE_COOKIE: &str = "chaski-lang";

impl FromRequestParts<UiState> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &UiState) -> Result<Self, Infallible> {
        Ok(Self::of(parts, state))
    }
}

/// Someone signed in whose token still holds.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) visitor: Visitor,
    /// As whom they ask, made of their token as it is now.
    pub(crate) caller: Caller,
    /// What tells them from everybody else, in this session and the next.
    pub(crate) holder_id: String,
    pub(crate) secret: String,
    pub(crate) csrf: String,
}

impl Signed {
    pub(crate) fn t(&self) -> &'static Texts {
        self.visitor.t()
    }

    pub(crate) fn state(&self) -> &UiState {
        &self.visitor.state
    }

    /// Runs a clinical operation on a blocking thread.
    pub(crate) async fn run<T: Send + 'static, E: Into<Fault>>(
        &self,
        work: impl FnOnce(&Clinic, &Caller) -> Result<T, E> + Send + 'static,
    ) -> Result<T, PageError> {
        let (clinic, caller) = (self.state().clinic.clone(), self.caller.clone());
        let done = tokio::task::spawn_blocking(move || work(&clinic, &caller).map_err(Into::into)).await;
        done.unwrap_or(Err(Fault::Unavailable))
            .map_err(|fault| self.error(fault))
    }

    pub(crate) fn error(&self, fault: Fault) -> PageError {
        PageError::new(&self.visitor, fault, self.caller.operation_id())
    }

    /// The frame with its counts and the message left by the last post.
    pub(crate) async fn frame(&self, nav: Nav) -> Frame {
        let counted = self.run(|clinic, caller| clinic.conflict_count(caller)).await;
        let conflicts = counted.ok().flatten().unwrap_or(0);
        // A page that refreshes itself leaves the message to the page that was posted from.
        let flash = if self.visitor.by_page {
            None
        } else {
            self.visitor.state.sessions.take_flash(&self.secret)
        };
        Frame {
            conflicts,
            flash,
            ..self.visitor.bare_frame(nav)
        }
    }

    /// Goes on to `path` with a message.
    pub(crate) fn done(&self, path: &str, flash: &'static str) -> Response {
        self.visitor.state.sessions.flash(&self.secret, flash);
        Redirect::to(local_path(path)).into_response()
    }
}

impl FromRequestParts<UiState> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &UiState) -> Result<Self, Response> {
        let visitor = Visitor::of(parts, state);
        let to_login = || {
            let next = if parts.method == Method::GET {
                escape_query(&visitor.here)
            } else {
                "/".to_owned()
            };
            Redirect::to(&format!("/login?next={next}")).into_response()
        };
        let Some((secret, session)) = visitor.session.clone() else {
            return Err(to_login());
        };
        let Ok(principal) = state.clinic.token_verify(&session.login.session) else {
            state.sessions.close(&secret);
            return Err(to_login());
        };
        Ok(Self {
            visitor,
            caller: principal.caller(state.clinic.operation_id(), &Purpose::Treatment, Origin::Ui),
            holder_id: session.login.holder_id,
            secret,
            csrf: session.csrf,
        })
    }
}

/// Names and texts of a form, bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The most that a form of ours has: a box for each node that a parcel may be for.
    const FIELDS_MAX: usize = 1_100;
    const FIELD_CHARS_MAX: usize = 2_000;

    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        let bounded = pairs.into_iter().take(Self::FIELDS_MAX).map(|(name, text)| {
            let text: String = text.trim().chars().take(Self::FIELD_CHARS_MAX).collect();
            (name, text)
        });
        Self(bounded.collect())
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The text of a field; empty if it was not sent.
    pub(crate) fn text(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

/// A form sent by someone signed in, from a page of ours.
pub(crate) struct Posted {
    pub(crate) signed: Signed,
    pub(crate) fields: Fields,
    /// It was typed in a session that has ended: shown again, filled in, and saved only when its
    /// reader sends it once more.
    pub(crate) resumed: bool,
}

impl Posted {
    /// The status of a form that is only shown again; its page says so.
    pub(crate) fn resumed_status(&self) -> StatusCode {
        let signed = &self.signed;
        signed.state().sessions.flash(&signed.secret, FLASH_RESUMED);
        StatusCode::OK
    }

    /// Where a form of one tap is tapped again.
    pub(crate) fn resume_at(&self, path: &str) -> Response {
        self.signed.done(path, FLASH_RESUMED)
    }
}

const FLASH_RESUMED: &str = "flash-resumed";
/// What was typed belonged to somebody else.
pub(crate) const FLASH_NOT_YOURS: &str = "flash-not-yours";

impl FromRequest<UiState> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &UiState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::of(&parts, state);
        let signed = Signed::from_request_parts(&mut parts, state).await;
        let request = Request::from_parts(parts, body);
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, state)
            .await
            .map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
        let fields = Fields::of(pairs);
        let signed = signed.map_err(|to_login| match Kept::of_post(&visitor.here, &fields) {
            Some(kept) => login::again(&visitor, &kept),
            None => to_login,
        })?;
        let sent = fields.text("csrf");
        let resumed = if same_secret(&sent, &signed.csrf) {
            fields.text(RESUME_FIELD) == "1"
        } else if is_owner(state, &sent, &signed.holder_id) {
            // The same person signed in anew, in another tab perhaps.
            true
        } else {
            return Err(signed.error(Fault::Denied).into_response());
        };
        Ok(Self {
            signed,
            fields,
            resumed,
        })
    }
}

/// Compares without telling by time where they differ.
pub(crate) fn same_secret(a: &str, b: &str) -> bool {
    !a.is_empty() && blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

/// Renders a page under a status.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "page did not render");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Fields {
        Fields::of(
            pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn what_is_typed_is_kept_whole_but_for_what_stands_round_it() {
        let long = "\u{e9}".repeat(2_001);
        let fields = of(&[("a", "  Rosa  Elena\n"), ("b", ""), ("c", &long), ("a", "last")]);
        assert_eq!(fields.text("a"), "last", "as a browser's own rule has it");
        assert_eq!(fields.text("b"), "");
        assert_eq!(fields.text("c"), "\u{e9}".repeat(2_000));
        assert_eq!(fields.text("nowhere"), "");
        assert_eq!(of(&[("a", "  Rosa  Elena\n")]).text("a"), "Rosa  Elena");
        // A box for each of a thousand nodes fits; of more nothing is kept.
        let names: Vec<String> = (0..1_101).map(|number| format!("f{number:04}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let fields = of(&many);
        assert_eq!(fields.iter().count(), 1_100);
        assert_eq!(
            (fields.text("f1099").as_str(), fields.text("f1100").as_str()),
            ("1", "")
        );
    }

    #[test]
    fn a_secret_is_the_same_only_as_itself_and_never_where_there_is_none() {
        for (a, b, is_same) in [
            ("x", "x", true),
            ("x", "y", false),
            ("x", "xx", false),
            ("x", "", false),
            ("", "x", false),
            ("", "", false),
        ] {
            assert_eq!(same_secret(a, b), is_same, "{a} {b}");
        }
    }

    #[test]
    fn the_language_that_was_chosen_counts_before_the_one_that_the_browser_asks_for() {
        for (cookie, asked, lang) in [
            ("chaski-lang=ar", "en", Lang::Ar),
            ("chaski-lang=en", "ar", Lang::En),
            ("chaski-lang=fr", "ar", Lang::Ar),
            ("other=ar", "en", Lang::En),
            ("other=ar", "", Lang::En),
            ("", "ar", Lang::Ar),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            if !asked.is_empty() {
                headers.insert(header::ACCEPT_LANGUAGE, asked.parse().unwrap());
            }
            assert_eq!(language_of(&headers), lang, "{cookie} {asked}");
        }
    }
}
