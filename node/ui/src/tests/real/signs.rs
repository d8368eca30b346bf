//! Vital signs of other systems' records stand among the vital signs, a pressure upper over lower.

use chaski_json::json;

use super::shown::made;
use super::{Real, record};

#[tokio::test]
async fn a_sign_is_known_by_its_code_whoever_wrote_it() {
    for (code, tile) in [
        ("85354-9", Some("Blood pressure")),
        ("55284-4", Some("Blood pressure")),
        ("8480-6", Some("Upper blood pressure")),
        ("8462-4", Some("Lower blood pressure")),
        ("8867-4", Some("Pulse")),
        ("9279-1", Some("Breaths")),
        ("8310-5", Some("Temperature")),
        ("2708-6", Some("Oxygen saturation")),
        ("59408-5", Some("Oxygen saturation")),
        ("29463-7", Some("Weight")),
        ("8302-2", Some("Height")),
        ("718-7", None),
    ] {
        let mut real = Real::new();
        real.patient = record(&real.clinic, made("Patient", "", ""));
        let coding = json!({"system": "http://loinc.org", "code": code}).canonical();
        let is_pressure = tile == Some("Blood pressure");
        let value = if is_pressure {
            // The lower first, and of fewer digits.
            let part = |code: &str, value: u32| {
                json!({
                    "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
                    "valueQuantity": {"value": value, "unit": "mmHg"},
                })
                .canonical()
            };
            format!("\"component\":[{},{}]", part("8462-4", 90), part("8480-6", 130))
        } else {
            r#""valueQuantity":{"value":7351,"unit":"x"}"#.to_owned()
        };
        let more = format!(r#""code":{{"coding":[{coding}]}},{value}"#);
        record(&real.clinic, made("Observation", &real.patient, &more));
        let mut browser = real.signed_in("clinician").await;
        let page = browser.get(&real.fill("/patients/{id}")).await.text;
        let (tiles, results) = page.split_once("id=\"h-results\"").unwrap();
        let shown = if is_pressure { ">130/90<" } else { ">7351<" };
        assert_eq!(tiles.contains(shown), tile.is_some(), "{code}");
        assert_eq!(results.contains(shown), tile.is_none(), "{code}");
        if let Some(tile) = tile {
            let name = format!("<span class=\"tile-name\"><bdi>{tile}</bdi>");
            assert!(tiles.contains(&name), "{code}");
        }
    }
}
