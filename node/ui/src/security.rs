//! Response headers, cookies and the origin check.
//!
//! Invariant: no page may load, post to or be framed by anything but this node.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

/// How long a form may take to arrive: a few kilobytes, on whatever line.
pub(crate) const FORM_TIME_MAX: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 60_000 });

const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=()",
    ),
];

/// Refuses posts from elsewhere; adds the headers to whatever is answered.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let mut response = if request.method() != Method::GET && from_elsewhere(request.headers()) {
        StatusCode::FORBIDDEN.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Ends a form that does not come to its end: whoever sends one a byte at a time would hold a connection
/// for ever, without having signed in.
pub(crate) async fn form_in_time(request: Request, next: Next) -> Response {
    let end = Instant::now() + FORM_TIME_MAX;
    let (parts, body) = request.into_parts();
    let pieces = stream::unfold(Some(body.into_data_stream()), move |pieces| async move {
        let mut pieces = pieces?;
        match timeout_at(end, pieces.next()).await {
            Ok(piece) => Some((piece?.map_err(Error::other), Some(pieces))),
            Err(_) => Some((Err(Error::from(ErrorKind::TimedOut)), None)),
        }
    });
    next.run(Request::from_parts(parts, Body::from_stream(pieces)))
        .await
}

/// A browser says where a request comes from; other programs say nothing and carry no cookies of
/// anyone's.
fn from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_none_or(|(_, origin_host)| !origin_host.eq_ignore_ascii_case(host)),
        _ => false,
    }
}

/// Whether the request was made under a loopback name (against DNS rebinding).
pub(crate) fn host_is_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|value| value.to_str().ok()) else {
        return true;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}

/// A `Set-Cookie` header; `max_age_s` 0 removes it.
pub(crate) fn set_cookie(
    name: &str,
    value: &str,
    max_age_s: u64,
    http_only: bool,
    secure: bool,
) -> HeaderValue {
    let http_only = if http_only { "; HttpOnly" } else { "" };
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_s}; SameSite=Strict{http_only}{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A path of this node to go on to: never another host, never a scheme.
pub(crate) fn local_path(next: &str) -> &str {
    const PATH_BYTES_MAX: usize = 512;
    let inside = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/\\")
        && next.len() <= PATH_BYTES_MAX
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if inside { next } else { "/" }
}

/// Compares without telling by time where they differ.
pub(crate) fn same_secret(a: &str, b: &str) -> bool {
    !a.is_empty() && blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn a_path_to_go_on_to_stays_on_this_node() {
        assert_eq!(local_path("/patients/1?x=2"), "/patients/1?x=2");
        for bad in ["//evil", "https://evil", "/\\evil", "javascript:1", "", "/a\nb"] {
            assert_eq!(local_path(bad), "/", "{bad}");
        }
    }

    #[test]
    fn posts_from_elsewhere_are_seen() {
        assert!(from_elsewhere(&headers(&[
            ("origin", "http://evil"),
            ("host", "127.0.0.1:1")
        ])));
        assert!(from_elsewhere(&headers(&[
            ("origin", "null"),
            ("host", "127.0.0.1:1")
        ])));
        assert!(from_elsewhere(&headers(&[("sec-fetch-site", "same-site")])));
        assert!(!from_elsewhere(&headers(&[
            ("origin", "http://127.0.0.1:1"),
            ("host", "127.0.0.1:1")
        ])));
        assert!(!from_elsewhere(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(!from_elsewhere(&headers(&[])));
    }

    #[test]
    fn only_loopback_names_reach_the_demo() {
        assert!(host_is_loopback(&headers(&[("host", "127.0.0.1:80")])));
        assert!(host_is_loopback(&headers(&[("host", "[::1]:80")])));
        assert!(!host_is_loopback(&headers(&[("host", "evil.example")])));
    }

    #[test]
    fn whatever_is_not_plainly_from_here_is_from_elsewhere() {
        for (pairs, is_elsewhere) in [
            (&[("sec-fetch-site", "same-origin")][..], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "Same-Origin")], true),
            (&[("sec-fetch-site", "")], true),
            // What the browser says of the site counts before the origin.
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://a:1"),
                    ("host", "a:1"),
                ],
                true,
            ),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "http://b"),
                    ("host", "a"),
                ],
                false,
            ),
            (&[("origin", "http://a:1"), ("host", "a:1")], false),
            (
                &[("origin", "https://Clinic.Test"), ("host", "clinic.test")],
                false,
            ),
            (&[("origin", "http://a:2"), ("host", "a:1")], true),
            (&[("origin", "http://a"), ("host", "a:1")], true),
            (&[("origin", "http://a.evil"), ("host", "a")], true),
            (&[("origin", "http://evil/a"), ("host", "a")], true),
            (&[("origin", "a"), ("host", "a")], true),
            (&[("origin", ""), ("host", "a")], true),
            (&[("host", "a")], false),
        ] {
            assert_eq!(from_elsewhere(&headers(pairs)), is_elsewhere, "{pairs:?}");
        }
    }

    #[test]
    fn a_name_that_only_looks_like_this_machine_does_not_reach_the_demo() {
        for (host, is_here) in [
            ("localhost", true),
            ("localhost:8080", true),
            ("127.0.0.1", true),
            ("127.0.0.1:8080", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:80", false),
            ("evil.example", false),
            ("evil.example:127", false),
            ("evil.example#localhost", false),
            ("localhost:80x", false),
            ("10.0.0.7:8080", false),
            ("0.0.0.0:8080", false),
            ("", false),
        ] {
            assert_eq!(host_is_loopback(&headers(&[("host", host)])), is_here, "{host}");
        }
        assert!(host_is_loopback(&headers(&[])), "no browser asks without a host");
    }

    #[test]
    fn a_cookie_is_the_one_of_its_own_name() {
        for (sent, value) in [
            (&["a=1"][..], Some("1")),
            (&["b=2; a=1"], Some("1")),
            (&["b=2;a=1 "], Some("1")),
            (&["b=2", "a=1"], Some("1")),
            (&["a=x=y"], Some("x=y")),
            (&["a="], Some("")),
            (&["aa=1; ba=1; A=1"], None),
            (&["b=a=1"], None),
            (&["a"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in sent {
                headers.append(header::COOKIE, HeaderValue::from_static(line));
            }
            assert_eq!(cookie(&headers, "a"), value, "{sent:?}");
        }
        for (http_only, secure) in [(true, true), (true, false), (false, true), (false, false)] {
            let cookie = set_cookie("a", "1", 60, http_only, secure);
            let parts: Vec<&str> = cookie.to_str().unwrap().split("; ").collect();
            assert_eq!(parts[..4], ["a=1", "Path=/", "Max-Age=60", "SameSite=Strict"]);
            assert_eq!(parts.contains(&"HttpOnly"), http_only);
            assert_eq!(parts.contains(&"Secure"), secure);
        }
    }

    #[test]
    fn a_path_to_go_on_to_is_short_and_has_no_signs_that_mean_something_else() {
        let long = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
        assert_eq!(local_path(&long(512)), long(512));
        for bad in [
            long(513),
            "/a b".to_owned(),
            "/\u{e9}".to_owned(),
            "/a\tb".to_owned(),
            "patients".to_owned(),
        ] {
            assert_eq!(local_path(&bad), "/", "{bad}");
        }
        for good in ["/", "/a//b", "/patients?next=//evil", "/a\\b"] {
            assert_eq!(local_path(good), good);
        }
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
}
