//! Whatever is asked, a search finds what looking at every record finds, in that order: of records with more
//! or less of a thing than the index holds, and by every kind of parameter and modifier.

use chaski_fhir::search::{SortKey, extract};
use chaski_json::Json;

use super::index::{found, whole};
use crate::testing::*;

/// Names of few letters and of many words.
const NAMES: &[&str] = &[
    "Li",
    "Ng",
    "Lima",
    "Limachi",
    "Quispe Mamani",
    "de la Cruz",
    "O'Neil",
    "Ñahui",
    "Álvarez",
    "Xi",
    "Y",
];

/// Records with more or fewer of what entries keep than they keep.
fn records() -> Vec<Json> {
    let mut out = Vec::new();
    let mut add = |kind: &str, id: String, members: String| {
        out.push(json(&format!(
            r#"{{"resourceType":"{kind}","id":"{id}"{members}}}"#
        )));
    };
    for kind in ["Patient", "Practitioner", "Person", "RelatedPerson"] {
        for (n, name) in NAMES.iter().enumerate() {
            let given = NAMES[(n * 3 + 1) % NAMES.len()];
            add(
                kind,
                format!("n{n}"),
                format!(
                    r#","name":[{{"family":"{name}","given":["{given}"]}}],"telecom":[{{"system":"email","value":"{n}@posta.pe"}},{{"system":"phone","value":"555-010{n}"}}]"#
                ),
            );
        }
        for (n, count) in [0, 1, 23, 24, 25, 40].into_iter().enumerate() {
            let city = |at| format!(r#"{{"city":"c{at:02}town{}"}}"#, "x".repeat(n * 13));
            let cities: Vec<String> = (0..count).map(city).collect();
            add(
                kind,
                format!("c{n}"),
                format!(r#","address":[{}]"#, cities.join(",")),
            );
        }
    }
    for kind in ["PractitionerRole", "OrganizationAffiliation"] {
        for n in 0..3 {
            let telecom = format!(
                r#","telecom":[{{"system":"email","value":"{n}@posta.pe"}},{{"system":"phone","value":"555-010{n}"}}],"identifier":[{{"system":"urn:x","value":"{n}"}}]"#
            );
            add(kind, format!("r{n}"), telecom);
        }
    }
    for (n, count) in [0, 1, 11, 12, 13, 30].into_iter().enumerate() {
        let day = |at| format!(r#"{{"date":"2020-{:02}-{:02}"}}"#, 1 + at / 28, 1 + at % 28);
        let days: Vec<String> = (0..count).map(day).collect();
        let rest = format!(
            r#","status":"completed","patient":{{"reference":"Patient/n0"}},"occurrenceDateTime":"2019-0{}-01","reaction":[{}]"#,
            n + 1,
            days.join(",")
        );
        add("Immunization", format!("i{n}"), rest);
    }
    let periods = [
        r#","period":{"start":"2020-01-10"}"#,
        r#","period":{"end":"2020-01-20"}"#,
        r#","period":{"start":"2020-01-10","end":"2020-01-20"}"#,
        r#","period":{"start":"1900-01-01"}"#,
        r#","period":{"start":"9000-01-01T00:00:00Z"}"#,
        "",
    ];
    for (n, period) in periods.iter().enumerate() {
        add(
            "Encounter",
            format!("e{n}"),
            format!(r#","status":"planned"{period}"#),
        );
    }
    for (n, count) in [0, 1, 95, 96, 97, 200].into_iter().enumerate() {
        let code = |at| format!(r#"{{"system":"urn:c","code":"c{at}"}}"#);
        let codes: Vec<String> = (0..count).map(code).collect();
        let rest = format!(r#","status":"final","code":{{"coding":[{}]}}"#, codes.join(","));
        add("Observation", format!("o{n}"), rest);
    }
    out
}

fn searches() -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    for kind in ["Patient", "Practitioner", "Person", "RelatedPerson"] {
        let starts = [
            "l", "li", "lim", "lima", "n", "ng", "qui", "mam", "cru", "de", "nah", "alv", "x", "y", "xyz",
        ];
        for start in starts {
            out.push((kind, format!("name={start}")));
            out.push((kind, format!("name:contains={start}&_sort=-name")));
            if matches!(kind, "Patient" | "Practitioner") {
                out.push((kind, format!("family={start}&_sort=family")));
                out.push((kind, format!("given={start},zzz")));
            }
        }
        out.push((kind, "name:exact=Li".to_owned()));
        for city in ["c00", "c00town", "c22town", "c24town", "c39town", "c40town"] {
            out.push((kind, format!("address-city={city}&_sort=address-city")));
            out.push((kind, format!("address-city:contains={}x", &city[1..])));
        }
    }
    for kind in [
        "Patient",
        "Practitioner",
        "Person",
        "RelatedPerson",
        "PractitionerRole",
        "OrganizationAffiliation",
    ] {
        for n in 0..3 {
            out.push((kind, format!("email={n}@posta.pe")));
            out.push((kind, format!("phone=555-010{n}")));
            out.push((kind, format!("telecom={n}@posta.pe")));
            out.push((kind, format!("email={n}@posta.pe,9@posta.pe&phone=555-010{n}")));
            out.push((kind, format!("email:not={n}@posta.pe")));
        }
    }
    for day in [
        "2020-01-01",
        "2020-01-11",
        "2020-01-12",
        "2020-01-13",
        "2020-02-02",
        "2020-03-01",
    ] {
        for prefix in ["", "gt", "lt", "ge", "le", "ne", "sa", "eb"] {
            out.push((
                "Immunization",
                format!("reaction-date={prefix}{day}&_sort=reaction-date"),
            ));
            out.push(("Encounter", format!("date={prefix}{day}&_sort=-date")));
        }
    }
    for text in [
        "reaction-date:missing=true",
        "reaction-date:missing=false&_sort=-reaction-date",
        "patient=n0&_sort=date",
    ] {
        out.push(("Immunization", text.to_owned()));
    }
    for text in [
        "date:missing=true",
        "date=9000",
        "date=lt1900",
        "date=1900",
        "_sort=date",
    ] {
        out.push(("Encounter", text.to_owned()));
    }
    for at in [0, 1, 94, 95, 96, 97, 199, 200] {
        out.push(("Observation", format!("code=urn:c|c{at}")));
        out.push(("Observation", format!("code=c{at},zzz&status=final")));
        out.push(("Observation", format!("code:not=urn:c|c{at}")));
        out.push(("Observation", format!("code:not=urn:c|c{at}&_sort=-status")));
    }
    // By what is there at all, of every kind and parameter.
    for kind in [
        "Patient",
        "Practitioner",
        "Person",
        "RelatedPerson",
        "PractitionerRole",
        "Observation",
        "Encounter",
    ] {
        for param in chaski_fhir::search::params(kind) {
            let is_own = param.is_supported() && !param.code.starts_with('_');
            for missing in [true, false].into_iter().filter(|_| is_own) {
                out.push((kind, format!("{}:missing={missing}", param.code)));
            }
        }
    }
    out
}

/// Asks each of `searches` of a store that holds `all`, and looks at every record for what should come.
fn ask(all: &[Json], searches: &[(&str, String)]) {
    let (store, _) = memory_store(1);
    for result in store.commit_bulk(&ctx(), all.iter().cloned().map(put).collect()) {
        result.unwrap();
    }
    let text_of = |json: &Json, name: &str| json.get(name).and_then(Json::as_str).unwrap().to_owned();
    let mut counts = [0, 0];
    for (kind, text) in searches {
        let query = query(kind, text);
        let own = all.iter().filter(|json| text_of(json, "resourceType") == *kind);
        let mut wanted: Vec<(Vec<SortKey>, String)> = own
            .map(|json| (extract(json), text_of(json, "id")))
            .filter(|(values, _)| query.matches(values))
            .map(|(values, id)| (query.sort_keys(&values), id))
            .collect();
        wanted.sort();
        let wanted: Vec<String> = wanted.into_iter().map(|(_, id)| id).collect();
        counts[usize::from(wanted.is_empty())] += 1;
        for count in [2, 50] {
            assert_eq!(
                found(&store, kind, text, count),
                wanted,
                "{kind}?{text} by {count}"
            );
        }
    }
    assert!(counts[0] > counts[1], "most of them find something: {counts:?}");
    whole(&store, "at the end");
}

#[test]
fn a_search_finds_what_looking_at_every_record_finds_and_in_that_order() {
    ask(&records(), &searches());
}

/// Observations that say what they are about, and what they are, in every way there is.
fn said_in_every_way() -> Vec<Json> {
    let subjects = [
        r#"{"reference":"Patient/x"}"#,
        r#"{"reference":"Group/x"}"#,
        r#"{"reference":"Patient/y","identifier":{"system":"urn:dni","value":"7"}}"#,
        r#"{"identifier":{"system":"urn:dni","value":"7"}}"#,
        r#"{"identifier":{"value":"7"}}"#,
        r#"{"reference":"https://else.where/fhir/Patient/x"}"#,
        r#"{"display":"x"}"#,
    ];
    let codes = [
        r#"{"coding":[{"system":"urn:c","code":"a","display":"Pulse rate"}]}"#,
        r#"{"coding":[{"code":"a"}]}"#,
        r#"{"coding":[{"system":"urn:d","code":"a"},{"system":"urn:c","code":"b"}]}"#,
        r#"{"text":"Pulse"}"#,
        r#"{"coding":[{"system":"urn:c"}]}"#,
    ];
    let metas = [
        r#"{"tag":[{"system":"urn:t","code":"one"}]}"#,
        r#"{"security":[{"system":"urn:t","code":"one"}]}"#,
        r#"{"profile":["urn:p:1"],"source":"urn:s:1"}"#,
        r#"{"source":"urn:s:2"}"#,
    ];
    let values = [
        r#""valueQuantity":{"value":7,"unit":"mg","system":"urn:u","code":"mg"}"#,
        r#""valueCodeableConcept":{"coding":[{"system":"urn:c","code":"a"}]}"#,
        r#""valueString":"Pulse was fine""#,
        r#""valueDateTime":"2020-05-05""#,
        r#""component":[{"code":{"coding":[{"system":"urn:c","code":"b"}]},"valueQuantity":{"value":9}}]"#,
    ];
    let statuses = ["final", "preliminary", "amended"];
    (0..60usize)
        .map(|n| {
            json(&format!(
                r#"{{"resourceType":"Observation","id":"o{n:02}","status":"{}","subject":{},"code":{},"meta":{},{}}}"#,
                statuses[n % statuses.len()],
                subjects[n % subjects.len()],
                codes[n / 2 % codes.len()],
                metas[n / 3 % metas.len()],
                values[n / 5 % values.len()],
            ))
        })
        .collect()
}

#[test]
fn a_search_by_any_kind_of_parameter_finds_what_says_so_and_nothing_else() {
    let texts = [
        "subject=x",
        "subject=Patient/x",
        "subject:Patient=x",
        "subject=Patient/x,Group/x",
        "subject=https://else.where/fhir/Patient/x",
        "subject:identifier=urn:dni|7",
        "subject:identifier=7",
        "subject:identifier=|7",
        "subject:identifier=urn:dni|8",
        "subject:missing=true",
        "patient=x",
        "patient=x,y",
        "patient:missing=false",
        "patient:identifier=urn:dni|7",
        "code=a",
        "code=|a",
        "code=urn:c|a",
        "code=urn:c|",
        "code=urn:c|a,urn:c|b",
        "code:not=a",
        "code:not=urn:c|a",
        "code:not=urn:c|a,urn:c|b",
        "code:text=pulse",
        "code:missing=true",
        "_tag=urn:t|one",
        "_tag=one",
        "_tag:not=one",
        "_security=one",
        "_profile=urn:p:1",
        "_profile:missing=true",
        "_source=urn:s:1",
        "_source=urn:s:1,urn:s:2",
        "_id=o01,o02,none",
        "_id:not=o01",
        "_id=o01&status=final",
        "value-quantity=7",
        "value-quantity=gt7",
        "value-quantity=7|urn:u|mg",
        "value-quantity=7||mg",
        "value-concept=urn:c|a",
        "value-string=pulse",
        "value-string:contains=fine",
        "value-string:exact=Pulse was fine",
        "value-date=2020-05-05",
        "value-date=lt2020-06&status=final",
        "component-code=urn:c|b",
        "combo-code=urn:c|b",
        "combo-code:not=urn:c|b",
        "component-value-quantity=9",
        "code-value-quantity=urn:c|a$7",
        "status=final,amended",
        "status:not=final&code=a",
        "status=final&code=a&subject=x",
        "patient=x&code:not=a",
        "patient=x&_tag=one",
    ];
    let sorts = [
        "",
        "_sort=status",
        "_sort=-status,code",
        "_sort=subject",
        "_sort=-code,_id",
        "_sort=value-date,-status",
        "_sort=-value-string",
    ];
    let mut searches = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        for sort in [sorts[0], sorts[1 + n % (sorts.len() - 1)]] {
            let and = if sort.is_empty() { "" } else { "&" };
            searches.push(("Observation", format!("{text}{and}{sort}")));
        }
    }
    searches.extend(sorts.map(|sort| ("Observation", sort.to_owned())));
    ask(&said_in_every_way(), &searches);
}
