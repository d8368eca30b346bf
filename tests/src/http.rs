//! Plain HTTP to a served node.

use std::time::Duration;

use serde_json::Value;
use ureq::http::{Request, Response};

/// A client for one node with one token.
pub struct Http {
    agent: ureq::Agent,
    pub base: String,
    pub token: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }
}

impl Http {
    pub fn new(base: &str, token: &str) -> Http {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Http {
            agent: config.into(),
            base: base.to_owned(),
            token: token.to_owned(),
        }
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let (status, headers, body) = self.fetch(method, path, headers, body);
        Answer {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// As [`Http::send`]: status, headers and the bytes of the body.
    pub fn fetch(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response: Response<ureq::Body> = self.agent.run(request.body(body.to_vec()).unwrap()).unwrap();
        let (parts, mut body) = response.into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_str().unwrap_or("").to_owned()));
        let bytes = body.with_config().limit(256 << 20).read_to_vec().unwrap();
        (parts.status.as_u16(), headers.collect(), bytes)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, json: &Value) -> Answer {
        self.send(
            "POST",
            path,
            &[("content-type", "application/fhir+json")],
            json.to_string().as_bytes(),
        )
    }

    pub fn put(&self, path: &str, json: &Value) -> Answer {
        self.send(
            "PUT",
            path,
            &[("content-type", "application/fhir+json")],
            json.to_string().as_bytes(),
        )
    }
}
