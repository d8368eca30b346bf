//! Page tests: what a visitor would notice, over a clinic in memory.

mod demo;
pub(crate) mod fixture;
mod forms;
mod home;
mod hub;
mod onward;
mod parcel;
mod real;
mod resume;
mod sessions;
mod spoken;
mod texts;
mod told;
mod told_whole;
mod undecided;
mod visitor;

pub(crate) use real::{Door, Who};

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use tower::ServiceExt;

use crate as ui;
use fixture::{FixtureNode, FixtureParcels, Sample, TOKEN};

const HTML: &str = "text/html; charset=utf-8";

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Every hidden field of the first form that has `mark` in its tag, as a browser would send it.
    fn form(&self, mark: &str) -> Vec<(String, String)> {
        let form = self
            .text
            .split("<form")
            .find(|form| form.split('>').next().unwrap_or_default().contains(mark))
            .unwrap_or_else(|| panic!("no form with {mark}"));
        let form = form.split("</form>").next().unwrap_or_default();
        let attribute = |tag: &str, name: &str| {
            let text = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
            Some(
                text.replace("&#38;", "&")
                    .replace("&#39;", "'")
                    .replace("&#34;", "\""),
            )
        };
        form.split("<input")
            .skip(1)
            .map(|tag| tag.split('>').next().unwrap_or_default())
            .filter(|tag| tag.contains("type=\"hidden\""))
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
            .collect()
    }

    /// The value of a hidden field.
    fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let from = self
            .text
            .split(&mark)
            .nth(1)
            .unwrap_or_else(|| panic!("no hidden field {name}"));
        from.split('"').next().unwrap().to_owned()
    }
}

/// A browser without script: keeps cookies, follows nothing by itself.
pub(crate) struct Browser {
    router: Router,
    cookies: Vec<(String, String)>,
    extra: Vec<(header::HeaderName, &'static str)>,
}

impl Browser {
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            cookies: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn with(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.extra.push((name, value));
        self
    }

    async fn send(&mut self, mut request: Request<Body>) -> Answer {
        let jar: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !jar.is_empty() {
            request
                .headers_mut()
                .insert(header::COOKIE, jar.join("; ").parse().unwrap());
        }
        for (name, value) in &self.extra {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
            .headers_mut()
            .insert(header::HOST, "127.0.0.1:8080".parse().unwrap());
        let response = self.router.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !text.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let text = if headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "text/event-stream")
        {
            String::new()
        } else {
            let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            match headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == HTML) {
                // Templates have an element a line: between those nothing is told.
                true => text.lines().map(str::trim).collect(),
                false => text,
            }
        };
        Answer {
            status,
            headers,
            text,
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", crate::frame::escape_query(value)))
            .collect();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.join("&")))
            .unwrap();
        self.send(request).await
    }

    /// Sends a form with a file as a browser does: the fields in the page's order, `csrf` first.
    pub(crate) async fn upload(&mut self, path: &str, csrf: &str, file: Vec<u8>) -> Answer {
        self.upload_named(path, csrf, "x.chaski", file).await
    }

    /// The same with a file of that name: none where nobody chose one.
    pub(crate) async fn upload_named(&mut self, path: &str, csrf: &str, name: &str, file: Vec<u8>) -> Answer {
        let mut body = format!(
            "--mark\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--mark\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend(file);
        body.extend(b"\r\n--mark--\r\n");
        // In pieces, as from a line.
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
            body.chunks(50_000).map(|piece| Ok(piece.to_vec())).collect();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=mark")
            .body(Body::from_stream(futures_util::stream::iter(pieces)))
            .unwrap();
        self.send(request).await
    }

    async fn sign_in(&mut self, token: &str) -> Answer {
        let csrf = self.get("/login").await.hidden("csrf");
        self.post(
            "/login",
            &[("csrf", &csrf), ("token", token), ("next", "/patients")],
        )
        .await
    }
}

pub(crate) fn state(busy: bool) -> (ui::UiState, Sample) {
    state_with(busy, FixtureParcels::default())
}

pub(crate) fn state_with(busy: bool, parcels: FixtureParcels) -> (ui::UiState, Sample) {
    let sample = Sample::new();
    let node = FixtureNode::new(busy, sample.changes.clone());
    let clinic = sample.clinic.clone();
    let state = ui::UiState::new(clinic, Arc::new(node), Arc::new(parcels), false);
    (state, sample)
}

pub(crate) fn browser() -> Browser {
    Browser::new(ui::router(state(false).0))
}

pub(crate) async fn signed_in() -> Browser {
    let mut browser = browser();
    let answer = browser.sign_in(TOKEN).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    browser
}
