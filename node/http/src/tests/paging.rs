use axum::http::Method;
use chaski_json::Json;

use super::server::{PATIENT, Server};

async fn filled(count: usize) -> Server {
    let server = Server::new();
    for index in 0..count {
        let body = PATIENT.replace("Rosa", &format!("Rosa {index:02}"));
        server.create("Patient", &body).await;
    }
    server
}

fn path_of(url: &str) -> String {
    url.strip_prefix("http://clinic.test")
        .expect("our own base")
        .to_owned()
}

#[tokio::test]
async fn pages_follow_next_links_and_miss_nothing() {
    let server = filled(7).await;
    let mut path = "/fhir/Patient?name=quispe&_count=3&_total=accurate".to_owned();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let page = server.get(&path).await;
        assert_eq!(
            (page.status.as_u16(), page.at("/type").as_str()),
            (200, "searchset"),
            "{}",
            page.text
        );
        assert_eq!(page.at("/total"), "7");
        assert_eq!(page.at("/link/0/relation"), "self");
        let json = page.json();
        for entry in json.get("entry").and_then(|e| e.as_array()).expect("entries") {
            assert_eq!(
                entry.pointer("/search/mode").and_then(|m| m.as_str()),
                Some("match")
            );
            let id = entry
                .pointer("/resource/id")
                .and_then(|id| id.as_str())
                .expect("an id")
                .to_owned();
            let full = entry.get("fullUrl").and_then(|url| url.as_str()).expect("a url");
            assert_eq!(full, format!("http://clinic.test/fhir/Patient/{id}"));
            seen.push(id);
        }
        let links = json
            .get("link")
            .and_then(|l| l.as_array())
            .expect("links")
            .clone();
        let next = links
            .iter()
            .find(|link| link.get("relation").and_then(|r| r.as_str()) == Some("next"));
        match next {
            Some(next) => path = path_of(next.get("url").and_then(|url| url.as_str()).expect("a url")),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn counts_only() {
    let server = filled(3).await;
    for query in ["_summary=count", "_count=0", "_count=0&_totalMethod=count"] {
        let reply = server.get(&format!("/fhir/Patient?{query}")).await;
        assert_eq!(
            (reply.status.as_u16(), reply.at("/total").as_str()),
            (200, "3"),
            "{query}: {}",
            reply.text
        );
        assert!(reply.json().get("entry").is_none());
    }
}

#[tokio::test]
async fn search_by_post_and_in_a_compartment() {
    let server = filled(2).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let found = server
        .send(Method::POST, "/fhir/Patient/_search", &form, "name=rosa+01")
        .await;
    assert_eq!(
        (
            found.status.as_u16(),
            found.at("/entry/0/resource/name/0/given/0").as_str()
        ),
        (200, "Rosa 01")
    );
    let id = found.at("/entry/0/resource/id");
    let observation = format!(
        r#"{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4"}}]}},
        "subject":{{"reference":"Patient/{id}"}},"effectiveDateTime":"2026-01-01"}}"#
    );
    let key = server.create("Observation", &observation).await;
    let inner = server
        .get(&format!("/fhir/Patient/{id}/Observation?code=8867-4"))
        .await;
    assert_eq!(inner.status.as_u16(), 200, "{}", inner.text);
    assert_eq!(format!("Observation/{}", inner.at("/entry/0/resource/id")), key);
    let none = server
        .get(&format!("/fhir/Patient/{id}/Observation?code=nothing"))
        .await;
    assert!(none.json().get("entry").is_none());
    let sorted = server
        .get(&format!(
            "/fhir/Observation?patient={id}&code=8867-4&_sort=-date&_count=20"
        ))
        .await;
    assert_eq!(sorted.status.as_u16(), 200, "{}", sorted.text);
    assert_eq!(format!("Observation/{}", sorted.at("/entry/0/resource/id")), key);
}

#[tokio::test]
async fn histories_page_too() {
    let server = filled(4).await;
    let first = server.get("/fhir/Patient/_history?_count=3").await;
    assert_eq!(first.status.as_u16(), 200, "{}", first.text);
    let json = first.json();
    let links = json.get("link").and_then(|l| l.as_array()).expect("links");
    let next = links
        .iter()
        .find(|link| link.get("relation").and_then(|r| r.as_str()) == Some("next"))
        .expect("next");
    let second = server
        .get(&path_of(
            next.get("url").and_then(|url| url.as_str()).expect("a url"),
        ))
        .await;
    assert_eq!(
        second
            .json()
            .get("entry")
            .and_then(|e| e.as_array())
            .map(Vec::len),
        Some(1),
        "{}",
        second.text
    );
    let all = server.get("/fhir/_history").await;
    assert_eq!(
        all.json().get("entry").and_then(|e| e.as_array()).map(Vec::len),
        Some(4)
    );
    let none = server.get("/fhir/_history?_since=2999-01-01T00:00:00Z").await;
    assert!(none.json().get("entry").is_none());
}

#[tokio::test]
async fn unknown_parameters_are_refused_or_left_out() {
    let server = filled(1).await;
    server
        .get("/fhir/Patient?shoe-size=42")
        .await
        .refused(400, "not-supported");
    let lenient = server
        .send(
            Method::GET,
            "/fhir/Patient?shoe-size=42&gender=female",
            &[("prefer", "handling=lenient")],
            "",
        )
        .await;
    assert_eq!(lenient.status.as_u16(), 200);
    assert_eq!(lenient.at("/entry/1/search/mode"), "outcome", "{}", lenient.text);
    assert_eq!(
        lenient.at("/link/0/url"),
        "http://clinic.test/fhir/Patient?gender=female",
        "self says what was used"
    );
}

#[tokio::test]
async fn a_search_out_of_time_answers_a_page_and_where_it_goes_on() {
    let server = Server::without_search_time();
    for weight in ["40", "90", "60", "95", "91"] {
        let body = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"weight"}},
                "valueQuantity":{{"value":{weight},"unit":"kg"}}}}"#
        );
        assert_eq!(server.post("/fhir/Observation", &body).await.status.as_u16(), 201);
    }
    let mut path = "/fhir/Observation?value-quantity=gt80".to_owned();
    let (mut found, mut early) = (Vec::new(), 0);
    for _ in 0..10 {
        let reply = server.get(&path).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
        let page = reply.json();
        let entries = page
            .get("entry")
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default();
        for entry in entries {
            match entry.pointer("/search/mode").and_then(Json::as_str) {
                Some("outcome") => {
                    early += 1;
                    let code = entry.pointer("/resource/issue/0/code");
                    assert_eq!(code.and_then(Json::as_str), Some("incomplete"));
                }
                _ => found.extend(
                    entry
                        .pointer("/resource/valueQuantity/value")
                        .map(Json::canonical),
                ),
            }
        }
        let links = page
            .get("link")
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default();
        let next = links
            .iter()
            .find(|link| link.get("relation").and_then(Json::as_str) == Some("next"))
            .and_then(|link| link.get("url").and_then(Json::as_str));
        match next.and_then(|url| url.strip_prefix("http://clinic.test")) {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    found.sort();
    assert_eq!(found, ["90", "91", "95"]);
    assert!(early > 0, "it was told");
}

/// What a date is near to widens as time goes by: from page to page it is the same question all the same.
#[tokio::test]
async fn a_search_for_what_is_near_to_a_date_goes_on() {
    let server = Server::new();
    for day in 1..=5 {
        let body = format!(r#"{{"resourceType":"Patient","birthDate":"1960-01-0{day}"}}"#);
        server.create("Patient", &body).await;
    }
    let mut path = "/fhir/Patient?birthdate=ap1960&_count=2".to_owned();
    let mut found = 0;
    for _ in 0..3 {
        let reply = server.get(&path).await;
        assert_eq!(reply.status.as_u16(), 200, "{path}: {}", reply.text);
        let json = reply.json();
        found += json
            .get("entry")
            .and_then(|entries| entries.as_array())
            .map_or(0, Vec::len);
        let links = json
            .get("link")
            .and_then(|links| links.as_array())
            .expect("links");
        let relation = |link: &&Json, name: &str| link.get("relation").and_then(Json::as_str) == Some(name);
        let next = links.iter().find(|link| relation(link, "next"));
        match next.and_then(|link| link.get("url")).and_then(Json::as_str) {
            Some(url) => path = path_of(url),
            None => break,
        }
    }
    assert_eq!(found, 5);
}
