//! Found when sought: whoever is here is found by what people type for them.

use super::PatientPage;
use crate::Clinic;
use crate::testing::{clinic, clinician, parsed, put};

fn registered(clinic: &Clinic, village: &str, members: &str) -> String {
    let json = format!(r#"{{"resourceType":"Patient","address":[{{"city":"{village}"}}],{members}}}"#);
    put(clinic, parsed(&json))
}

fn search(clinic: &Clinic, text: &str) -> PatientPage {
    clinic.patient_search(&clinician(), text, 50).expect("found")
}

/// Where the people found live: who is who in these tests.
fn villages(page: &PatientPage) -> Vec<&str> {
    page.rows.iter().map(|row| row.village.as_str()).collect()
}

#[test]
fn a_date_of_birth_finds_who_was_born_then_however_it_is_written() {
    let clinic = clinic();
    registered(&clinic, "born", r#""birthDate":"1994-09-30""#);
    registered(&clinic, "later", r#""birthDate":"1994-10-30""#);
    for text in [
        "1994-09-30",
        "30/09/1994",
        "30.9.1994",
        "30 9 1994",
        "٣٠/٩/١٩٩٤",
        "9/1994",
    ] {
        assert_eq!(villages(&search(&clinic, text)), ["born"], "{text}");
    }
}

#[test]
fn numbers_and_phones_are_found_however_they_are_written() {
    let clinic = clinic();
    for (village, members) in [
        ("dni", r#""identifier":[{"value":"DNI-7731"}]"#),
        ("new", r#""identifier":[{"value":"NEW-9"}]"#),
        ("points", r#""identifier":[{"value":"12.345.678-K"}]"#),
        (
            "abroad",
            r#""telecom":[{"system":"phone","value":"+51 966 333 444"}]"#,
        ),
        ("local", r#""telecom":[{"system":"phone","value":"0612 987650"}]"#),
        ("none", r#""name":[{"family":"Quispe"}]"#),
    ] {
        registered(&clinic, village, members);
    }
    for (text, village) in [
        ("DNI 7731", "dni"),
        ("dni-7731", "dni"),
        ("dni7731", "dni"),
        ("7731", "dni"),
        ("٧٧٣١", "dni"),
        ("NEW-9", "new"),
        ("new 9", "new"),
        ("9", "new"),
        ("12345678k", "points"),
        ("12 345 678", "points"),
        ("+51 966 333 444", "abroad"),
        ("0051966333444", "abroad"),
        ("+51-966-333-444", "abroad"),
        ("966333444", "abroad"),
        ("966 333 444", "abroad"),
        ("٩٦٦٣٣٣٤٤٤", "abroad"),
        ("९६६ ३३३ ४४४", "abroad"),
        ("333444", "abroad"),
        ("3444", "abroad"),
        ("0612987650", "local"),
        ("612 987 650", "local"),
        ("+49 612 987650", "local"),
        ("87650", "local"),
    ] {
        let page = search(&clinic, text);
        // A single digit may begin another number too.
        let found = villages(&page);
        assert!(found.contains(&village), "{text}: {found:?}");
        assert!(text.len() == 1 || found == [village], "{text}: {found:?}");
    }
    for text in [
        "DNI 7732",
        "966333445",
        "+56 966 333 444",
        "NEW-8",
        "!!!",
        "-",
        "' '",
    ] {
        assert_eq!(villages(&search(&clinic, text)), [""; 0], "{text}");
    }
}

#[test]
fn names_are_found_in_any_order_and_spelling() {
    let clinic = clinic();
    for (village, members) in [
        ("luc", r#""name":[{"family":"O’Brien","given":["Jean-Luc"]}]"#),
        ("cruz", r#""name":[{"family":"de la Cruz","given":["Ñusta"]}]"#),
        ("weiss", r#""name":[{"family":"Weiß","given":["Jørgen"]}]"#),
        ("arab", r#""name":[{"text":"فاطمة عبد الرحمن الحسن"}]"#),
        ("han", r#""name":[{"family":"王","given":["小明"]}]"#),
        ("amhara", r#""name":[{"text":"ፀሐይ ኀይሉ"}]"#),
        ("year", r#""name":[{"family":"Huanca"}],"birthDate":"1971""#),
    ] {
        registered(&clinic, village, members);
    }
    for (text, village) in [
        ("obrien jean luc", "luc"),
        ("Jeanluc", "luc"),
        ("o brien", "luc"),
        ("luc o'brien", "luc"),
        ("delacruz", "cruz"),
        ("nusta de la cruz", "cruz"),
        ("cruz nusta", "cruz"),
        ("dela cruz", "cruz"),
        ("weiss joergen", "weiss"),
        ("jorgen", "weiss"),
        ("فاطمه", "arab"),
        ("حسن فاطمة", "arab"),
        ("عبدالرحمن", "arab"),
        ("王小明", "han"),
        ("小明王", "han"),
        ("小明", "han"),
        ("明小王", "han"),
        ("ጸሀይ", "amhara"),
        ("ሃይሉ ፀሀይ", "amhara"),
        ("huanca 1971", "year"),
        ("١٩٧١ huanca", "year"),
    ] {
        assert_eq!(villages(&search(&clinic, text)), [village], "{text}");
    }
    for text in ["huanca 1972", "cruz jean", "王大", "zzz"] {
        assert_eq!(villages(&search(&clinic, text)), [""; 0], "{text}");
    }
}

#[test]
fn who_sounds_alike_stands_in_a_second_list() {
    let clinic = clinic();
    for (village, family, given, more) in [
        ("a", "Muhammad", "Aisha", ""),
        ("b", "Mohamed", "Aisha", ""),
        ("c", "Mohammed", "Aysha", r#","deceasedBoolean":true"#),
        ("d", "Condori", "Aisha", ""),
    ] {
        let members = format!(r#""name":[{{"family":"{family}","given":["{given}"]}}]{more}"#);
        registered(&clinic, village, &members);
    }
    let page = search(&clinic, "aisha mohamed");
    assert_eq!(villages(&page), ["b"]);
    let alike: Vec<&str> = page.alike.iter().map(|row| row.village.as_str()).collect();
    assert_eq!(alike, ["a", "c"], "the dead below the living");
    assert!(search(&clinic, "zzzzz").alike.is_empty());
}

#[test]
fn who_is_replaced_or_dead_is_listed_below_and_leads_to_the_one_that_is_kept() {
    let clinic = clinic();
    let named = r#""name":[{"family":"Flores"}]"#;
    registered(&clinic, "dead", &format!(r#"{named},"deceasedDateTime":"2020""#));
    registered(&clinic, "inactive", &format!(r#"{named},"active":false"#));
    let kept = registered(&clinic, "kept", &format!(r#"{named},"active":true"#));
    let link = format!(r#""link":[{{"type":"replaced-by","other":{{"reference":"Patient/{kept}"}}}}]"#);
    registered(&clinic, "old", &format!(r#"{named},"active":false,{link}"#));
    registered(&clinic, "merged", &format!(r#"{named},{link}"#));
    let page = search(&clinic, "flores");
    let found = villages(&page);
    assert_eq!(
        (found.first(), found.last(), found.len()),
        (Some(&"kept"), Some(&"dead"), 5)
    );
    let mut below: Vec<(&str, Option<&str>, bool)> = page
        .rows
        .iter()
        .map(|row| (row.village.as_str(), row.replaced_by.as_deref(), row.inactive))
        .filter(|(_, kept, inactive)| kept.is_some() || *inactive)
        .collect();
    below.sort_unstable();
    let kept = Some(kept.as_str());
    assert_eq!(
        below,
        [
            ("inactive", None, true),
            ("merged", kept, false),
            ("old", kept, true)
        ]
    );
}
