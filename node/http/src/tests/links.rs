//! Where the links of a reply lead: over the way the client came, and each to its own page.

use axum::body::Body;
use axum::http::{Method, Request};
use chaski_json::Json;

use super::server::{PATIENT, Reply, Server};
use crate::HttpSettings;

async fn call(server: &Server, method: Method, path: &str, host: Option<&str>, body: &str) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", server.token))
        .header("content-type", "application/fhir+json");
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let request = request.body(Body::from(body.to_owned()));
    server.call(request.expect("a request")).await
}

#[tokio::test]
async fn every_link_begins_with_the_scheme_and_host_of_the_node() {
    let long = "h".repeat(256);
    let fits = "h".repeat(255);
    let own = Some("https://clinic.example/fhir/");
    for (secure, base_url, host, base) in [
        (false, None, Some("clinic.test"), "http://clinic.test/fhir"),
        (true, None, Some("clinic.test"), "https://clinic.test/fhir"),
        (true, None, Some("10.0.0.7:8443"), "https://10.0.0.7:8443/fhir"),
        (false, None, Some("[fe80::1]:8080"), "http://[fe80::1]:8080/fhir"),
        (false, None, Some("posta-2_a"), "http://posta-2_a/fhir"),
        (true, None, None, "https://localhost/fhir"),
        (false, None, Some("evil.test/x?"), "http://localhost/fhir"),
        (false, None, Some("a@evil.test"), "http://localhost/fhir"),
        (false, None, Some(long.as_str()), "http://localhost/fhir"),
        (false, None, Some(fits.as_str()), &format!("http://{fits}/fhir")),
        (false, own, Some("clinic.test"), "https://clinic.example/fhir"),
        (true, own, Some("evil.test"), "https://clinic.example/fhir"),
    ] {
        let server = Server::with(HttpSettings {
            secure,
            base_url: base_url.map(str::to_owned),
            ..HttpSettings::default()
        });
        let said = format!("{secure} {base_url:?} {host:?}");
        let made = call(&server, Method::POST, "/fhir/Patient", host, PATIENT).await;
        assert_eq!(made.status.as_u16(), 201, "{said}: {}", made.text);
        let id = made.at("/id");
        let version = made.at("/meta/versionId");
        let full = format!("{base}/Patient/{id}");
        assert_eq!(
            made.header("location"),
            format!("{full}/_history/{version}"),
            "{said}"
        );

        let found = call(&server, Method::GET, "/fhir/Patient?gender=female", host, "").await;
        assert_eq!(found.at("/entry/0/fullUrl"), full, "{said}");
        let here = format!("{base}/Patient?gender=female");
        assert_eq!(found.at("/link/0/url"), here, "{said}");
        assert_eq!(found.at("/link/1/url"), here, "{said}");

        for of in [
            format!("Patient/{id}/_history"),
            "Patient/_history".into(),
            "_history".into(),
        ] {
            let history = call(&server, Method::GET, &format!("/fhir/{of}"), host, "").await;
            assert_eq!(history.at("/entry/0/fullUrl"), full, "{said}");
            assert_eq!(history.at("/link/0/url"), format!("{base}/{of}"), "{said}");
        }

        let inner = call(
            &server,
            Method::GET,
            &format!("/fhir/Patient/{id}/Observation"),
            host,
            "",
        )
        .await;
        assert_eq!(inner.at("/link/0/url"), format!("{full}/Observation"), "{said}");

        let batch = format!(
            r#"{{"resourceType":"Bundle","type":"batch","entry":[
            {{"request":{{"method":"GET","url":"Patient/{id}"}}}},
            {{"request":{{"method":"GET","url":"Patient?gender=female"}}}},
            {{"request":{{"method":"POST","url":"Patient"}},"resource":{PATIENT}}}]}}"#
        );
        let batch = call(&server, Method::POST, "/fhir", host, &batch).await;
        assert_eq!(batch.at("/entry/0/fullUrl"), full, "{said}: {}", batch.text);
        let second = batch.at("/entry/1/resource/entry/0/fullUrl");
        assert!(
            second.starts_with(&format!("{base}/Patient/")),
            "{said}: {second}"
        );
        let third = batch.at("/entry/2/fullUrl");
        assert!(third.starts_with(&format!("{base}/Patient/")), "{said}: {third}");

        let metadata = call(&server, Method::GET, "/fhir/metadata", host, "").await;
        assert_eq!(metadata.at("/implementation/url"), base, "{said}");

        // What the client was given is taken back as a record of this node.
        let about = format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"{full}"}},"code":{{"text":"Asthma"}}}}"#
        );
        let about = call(&server, Method::POST, "/fhir/Condition", host, &about).await;
        assert_eq!(
            about.at("/subject/reference"),
            format!("Patient/{id}"),
            "{said}: {}",
            about.text
        );
    }
}

#[tokio::test]
async fn a_reference_as_it_was_given_is_the_record_here_through_every_door() {
    const ID: &str = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";
    let put = format!("/fhir/Condition/{ID}");
    let by_number = "/fhir/Condition?identifier=urn:c%7C1";
    // Method and path, whether the record is there before, and the entry of a bundle that it stands in.
    for (method, path, is_there, entry) in [
        (Method::POST, "/fhir/Condition", false, ""),
        (Method::PUT, put.as_str(), false, ""),
        (Method::PUT, &put, true, ""),
        (Method::PUT, by_number, false, ""),
        (Method::PUT, by_number, true, ""),
        (
            Method::POST,
            "/fhir",
            false,
            r#""method":"POST","url":"Condition""#,
        ),
        (
            Method::POST,
            "/fhir",
            true,
            r#""method":"PUT","url":"Condition?identifier=urn:c|1""#,
        ),
        (
            Method::POST,
            "/fhir",
            false,
            r#""method":"PUT","url":"Condition?identifier=urn:c|1""#,
        ),
    ] {
        for bundle in ["batch", "transaction"] {
            let server = Server::new();
            let host = Some("clinic.test");
            let patient = call(&server, Method::POST, "/fhir/Patient", host, PATIENT).await;
            let patient = patient.at("/id");
            let json = |subject: &str, id: &str| {
                format!(
                    r#"{{"resourceType":"Condition",{id}{subject}"code":{{"text":"Asthma"}},"identifier":[{{"system":"urn:c","value":"1"}}]}}"#
                )
            };
            let own_id = format!(r#""id":"{ID}","#);
            if is_there {
                let other = call(&server, Method::POST, "/fhir/Patient", host, PATIENT).await;
                let other = format!(r#""subject":{{"reference":"Patient/{}"}},"#, other.at("/id"));
                let made = call(&server, Method::PUT, &put, host, &json(&other, &own_id)).await;
                assert_eq!(made.status.as_u16(), 201, "{}", made.text);
            }
            let id = if path == put { own_id.as_str() } else { "" };
            let subject =
                format!(r#""subject":{{"reference":"http://clinic.test/fhir/Patient/{patient}"}},"#);
            let body = match entry {
                "" => json(&subject, id),
                request => format!(
                    r#"{{"resourceType":"Bundle","type":"{bundle}","entry":[{{"request":{{{request}}},"resource":{}}}]}}"#,
                    json(&subject, id)
                ),
            };
            let said = format!("{method} {path} {entry} in a {bundle}, there before: {is_there}");
            let done = call(&server, method.clone(), path, host, &body).await;
            assert!(done.status.is_success(), "{said}: {}", done.text);
            let here = format!("Patient/{patient}");
            for search in [
                format!("/fhir/Condition?patient={patient}"),
                format!("/fhir/Condition?subject=Patient/{patient}"),
                format!("/fhir/Patient/{patient}/Condition"),
            ] {
                let found = call(&server, Method::GET, &search, host, "").await;
                assert_eq!(
                    found.at("/entry/0/resource/subject/reference"),
                    here,
                    "{said}: {search}"
                );
            }
        }
    }
}

type Pairs = Vec<(String, String)>;

/// The links of a page: what each leads to, and its parameters.
fn links(page: &Reply) -> Vec<(String, String, Pairs)> {
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    let json = page.json();
    let links = json.get("link").and_then(Json::as_array).into_iter().flatten();
    let text = |link: &Json, name: &str| {
        link.get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    links
        .map(|link| {
            let url = text(link, "url").replace("http://clinic.test", "");
            let query = url.split_once('?').map_or("", |(_, query)| query);
            let pairs = chaski_clinic::text::query_pairs(query).expect("pairs");
            (text(link, "relation"), url, pairs)
        })
        .collect()
}

#[tokio::test]
async fn each_page_links_to_itself_to_the_first_and_to_the_one_after_it() {
    let server = Server::new();
    for _ in 0..7 {
        server
            .create("Patient", &PATIENT.replace("Rosa", "Rosa & Ñusta"))
            .await;
    }
    for (start, others) in [
        (
            "/fhir/Patient?given=rosa%20%26&_count=2",
            vec![("given", "rosa &"), ("_count", "2")],
        ),
        (
            "/fhir/Patient?_sort=family&_count=2",
            vec![("_sort", "family"), ("_count", "2")],
        ),
        (
            "/fhir/Patient/_history?_count=2&_since=2020-01-01T00:00:00%2B05:00",
            vec![("_count", "2"), ("_since", "2020-01-01T00:00:00+05:00")],
        ),
        ("/fhir/_history?_count=2", vec![("_count", "2")]),
    ] {
        let mut url = start.to_owned();
        let mut first = None;
        let mut seen = Vec::new();
        for nth in 1..=4 {
            let page = server.get(&url).await;
            let json = page.json();
            let entries = json
                .get("entry")
                .and_then(Json::as_array)
                .expect("entries")
                .clone();
            assert_eq!(entries.len(), if nth == 4 { 1 } else { 2 }, "{url}");
            seen.extend(
                entries
                    .iter()
                    .filter_map(|entry| entry.get("fullUrl"))
                    .map(Json::canonical),
            );
            first.get_or_insert(entries.clone());
            let links = links(&page);
            let names: Vec<&str> = links.iter().map(|(name, ..)| name.as_str()).collect();
            let expected = ["self", "first", "next"];
            assert_eq!(names, expected[..if nth == 4 { 2 } else { 3 }], "{url}");
            for (name, link, pairs) in &links {
                let cursors = pairs.iter().filter(|(name, _)| name == "_cursor").count();
                let expected = usize::from(name == "next" || (name == "self" && nth > 1));
                assert_eq!(cursors, expected, "{name} of page {nth}: {link}");
                let kept: Vec<(&str, &str)> = pairs
                    .iter()
                    .filter(|(name, _)| name != "_cursor")
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                assert_eq!(kept, others, "{name} of page {nth}: {link}");
            }
            let of = async |nth: usize| server.get(&links[nth].1).await.json().get("entry").cloned();
            assert_eq!(of(0).await, Some(Json::Array(entries)), "{url} is itself");
            assert_eq!(of(1).await, first.clone().map(Json::Array), "the first of {url}");
            if let Some((_, next, _)) = links.get(2) {
                url = next.clone();
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 7, "{start}");
    }
}
