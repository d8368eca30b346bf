//! What every page shares: the node's name, who is signed in, language, menu.
//!
//! [`Visitor`] is anyone; someone signed in is a `Signed` (`signed.rs`).

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use askama::Template;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use chaski_clinic::chart::Rest;
use chaski_clinic::conflict::ConflictRow;

use crate::assets::{self, AssetUrls};
use crate::i18n::{Lang, Texts};
use crate::nag_view::clock_strip;
use crate::node_info::{FirstSync, NodeSummary};
use crate::security::{cookie, local_path};
use crate::session::Session;
use crate::show::Clock;
use crate::state::UiState;
use crate::undecided::{UndecidedView, undecided};
use crate::words::RestView;

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
    /// What is told of this machine's clock, where it may be wrong.
    pub(crate) clock_wrong: Option<String>,
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

    /// What is undecided of a record.
    pub(crate) fn undecided(&self, disputes: &[ConflictRow]) -> Vec<UndecidedView> {
        undecided(&self.clock, disputes)
    }

    /// How certain something is, where that is not the usual.
    pub(crate) fn certainty(&self, code: &str) -> Option<String> {
        match code {
            "" | "confirmed" => None,
            code => Some(
                self.t
                    .maybe(&format!("verification-{code}"))
                    .unwrap_or_else(|| code.to_owned()),
            ),
        }
    }

    /// What a row does not say itself: as many lines as leave the row a row, and whether there is more.
    pub(crate) fn rest(&self, rest: &[Rest]) -> RestView {
        RestView::new(&self.clock, rest)
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
    pub(crate) fn of(parts: &Parts, state: &UiState) -> Self {
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
        let clock = Clock {
            now_ms: self.state.node.now_ms(),
            zone: node.zone.clone(),
            t: self.t(),
        };
        Frame {
            t: self.t(),
            clock_wrong: clock_strip(&clock, self.state.node.clock_nag()),
            clock,
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

impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visitor")
    }
}

impl FromRequestParts<UiState> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &UiState) -> Result<Self, Infallible> {
        Ok(Self::of(parts, state))
    }
}

/// What is shown was typed in a session that has ended, and is not saved.
pub(crate) const FLASH_RESUMED: &str = "flash-resumed";
/// What was typed belonged to somebody else.
pub(crate) const FLASH_NOT_YOURS: &str = "flash-not-yours";

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
