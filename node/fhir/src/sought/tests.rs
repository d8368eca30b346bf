//! What is kept and what is typed for it meet.

use chaski_json::parse_str;
use proptest::prelude::*;

use super::*;

/// Whether each word that is typed begins a word of the name, as the box looks for it.
fn finds(name: &str, typed: &str) -> bool {
    let kept = words(name);
    let begins = |word: &String| {
        let is_inside = word.chars().any(is_unspaced);
        kept.iter()
            .any(|kept| kept.starts_with(word) || (is_inside && kept.contains(word.as_str())))
    };
    typed_words(typed).iter().all(begins)
}

#[test]
fn what_is_typed_finds_what_was_written() {
    for (name, typed) in [
        ("José María", "jose maria"),
        ("José María", "MARIA JO"),
        ("Ñahui", "nahui"),
        ("Jean-Luc", "jean luc"),
        ("Jean Luc", "jean-luc"),
        ("Jean‐Luc", "jeanluc"),
        ("O’Hara", "ohara"),
        ("O'Hara", "o hara"),
        ("O'Hara", "hara"),
        ("O Hara", "o'hara"),
        ("Kaʻahumanu", "ka'ahumanu"),
        ("Kaʻahumanu", "kaahumanu"),
        ("N'Diaye", "ndiaye"),
        ("de la Cruz", "delacruz"),
        ("de la Cruz", "cruz de la"),
        ("Weiß", "weiss"),
        ("Weiss", "weiß"),
        ("Æther", "aether"),
        ("Jørgensen", "jorgensen"),
        ("Jørgensen", "joergensen"),
        ("Joergensen", "jørgensen"),
        ("Müller", "mueller"),
        ("Mueller", "müller"),
        ("Åse", "aase"),
        ("Łukasz", "lukasz"),
        ("Þór", "thor"),
        ("Nguyễn", "nguyen"),
        ("Ɗanladi", "danladi"),
        ("ＲＯＳＡ", "rosa"),
        ("فاطمة", "فاطمه"),
        ("هدى", "هدي"),
        ("أحمد إبراهيم", "احمد ابراهيم"),
        ("آمنة", "امنه"),
        ("الحسن", "حسن"),
        ("حسن", "الحسن"),
        ("الحسن", "الح"),
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("عبد الرحمن", "عبدالرحمن"),
        ("کریمی", "كريمي"),
        ("كريمي", "کریمی"),
        ("علاء", "علا"),
        ("ሐና ኀይሉ", "ሀና ሃይሉ"),
        ("ሠላም", "ሰላም"),
        ("ዓለም", "አለም"),
        ("ፀሐይ", "ጸሀይ"),
        ("王小明", "小明"),
        ("王小明", "王"),
        ("タナカ", "たなか"),
        ("ﾀﾅｶ", "タナカ"),
        ("김철수", "철수"),
        ("יוסף כהן", "כהן יוספ"),
        ("Ёлкина", "елкина"),
        ("फ़ातिमा", "फातिमा"),
        ("Unit ٣٥", "35"),
    ] {
        assert!(
            finds(name, typed),
            "{name:?} by {typed:?}: {:?}, {:?}",
            words(name),
            typed_words(typed)
        );
    }
    for (name, typed) in [
        ("Rosa", "osa"),
        ("Rosa Quispe", "rosa mamani"),
        ("王小明", "王明"),
        ("कमल", "कमली"),
        ("が", "か"),
        ("حسن", "حسين"),
    ] {
        assert!(!finds(name, typed), "{name:?} by {typed:?}");
    }
}

#[test]
fn an_identifier_is_its_letters_and_digits() {
    for written in [
        "DNI 4455",
        "DNI-4455",
        "dni-4455",
        "D.N.I. 4455",
        "dni４４５５",
        "DNI ٤٤٥٥",
    ] {
        assert_eq!(bare(written), "dni4455", "{written}");
        assert_eq!(digits_of(written).as_deref(), Some("4455"));
    }
    assert_eq!(
        (bare("NEW-2").as_str(), digits_of("TMP-3").as_deref()),
        ("new2", Some("3"))
    );
    assert_eq!((bare("---").as_str(), digits_of("AB")), ("", None));
}

#[test]
fn a_phone_number_is_the_same_however_it_is_written() {
    let read = |text: &str| Phone::read(text).expect("a number");
    let written = "+51 987 111 222";
    for (other, unknown, peru, chile) in [
        (
            "+51-987-111-222",
            PhoneMatch::Same,
            PhoneMatch::Same,
            PhoneMatch::Same,
        ),
        (
            "0051987111222",
            PhoneMatch::Same,
            PhoneMatch::Same,
            PhoneMatch::Same,
        ),
        (
            "+٥١ ٩٨٧ ١١١ ٢٢٢",
            PhoneMatch::Same,
            PhoneMatch::Same,
            PhoneMatch::Same,
        ),
        (
            "tel:+51987111222",
            PhoneMatch::Same,
            PhoneMatch::Same,
            PhoneMatch::Same,
        ),
        (
            "+51 987 111 222 ext. 4",
            PhoneMatch::Same,
            PhoneMatch::Same,
            PhoneMatch::Same,
        ),
        (
            "987111222",
            PhoneMatch::Ending,
            PhoneMatch::Same,
            PhoneMatch::Ending,
        ),
        (
            "987 111 222",
            PhoneMatch::Ending,
            PhoneMatch::Same,
            PhoneMatch::Ending,
        ),
        (
            "0987111222",
            PhoneMatch::Ending,
            PhoneMatch::Same,
            PhoneMatch::Ending,
        ),
        (
            "7111222",
            PhoneMatch::Ending,
            PhoneMatch::Ending,
            PhoneMatch::Ending,
        ),
        ("111222", PhoneMatch::Other, PhoneMatch::Other, PhoneMatch::Other),
        (
            "+56 987 111 222",
            PhoneMatch::Other,
            PhoneMatch::Other,
            PhoneMatch::Other,
        ),
        (
            "987111223",
            PhoneMatch::Other,
            PhoneMatch::Other,
            PhoneMatch::Other,
        ),
    ] {
        for (own, expected) in [(None, unknown), (Some("51"), peru), (Some("56"), chile)] {
            let (a, b) = (read(written), read(other));
            assert_eq!(a.compare(&b, own), expected, "{other} {own:?}");
            assert_eq!(
                b.compare(&a, own),
                expected,
                "{other} {own:?}, the other way round"
            );
        }
    }
    assert_eq!(
        read("(020) 7946 0958").compare(&read("+44 (0)20 7946 0958"), Some("44")),
        PhoneMatch::Same
    );
    assert_eq!(read("555-0101").compare(&read("5550101"), None), PhoneMatch::Same);
    for (text, country) in [
        ("+1 202 555 0101", "1"),
        ("+7 916 123 45 67", "7"),
        ("+252 61 234567", "252"),
        ("+20 2 2345678", "20"),
    ] {
        assert_eq!(read(text).country.as_deref(), Some(country));
    }
    for none in ["", "12", "rosa", "rosa@example.org", "1234567890123456789", "+00"] {
        assert_eq!(Phone::read(none), None, "{none}");
    }
}

#[test]
fn a_patient_is_found_by_names_numbers_and_phones() {
    let patient = parse_str(
        r#"{"resourceType":"Patient","name":[{"family":"Quispe Mamani","given":["Rosa"],"prefix":["Sra."]},
        {"family":"王","given":["小","明"]},{"text":"روزا"}],
        "identifier":[{"value":"DNI 4455"},{"value":"0190a000-0000-7000-8000-000000000001"},{"value":"TMP-3"}],
        "telecom":[{"system":"phone","value":"+51 987 111 222"},{"system":"email","value":"rosa@example.org"}]}"#,
    );
    let texts = patient_texts(&patient.expect("JSON"));
    for part in [
        " rosa ",
        " quispe ",
        " mamani ",
        " sra ",
        " 王小明 ",
        " 小明王 ",
        " روزا ",
        " dni4455 ",
        " 4455 ",
        " tmp3 ",
        " 3 ",
        " 51987111222 ",
        " 0190a000000070008000000000000001 ",
    ] {
        assert!(
            texts.iter().any(|text| text.contains(part)),
            "{part:?} in {texts:?}"
        );
    }
    assert!(texts.iter().all(|text| text.len() <= 64), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("example")));
}

#[test]
fn names_that_were_heard_or_typed_wrong_are_near() {
    for (a, b) in [
        ("mohamed", "muhammad"),
        ("quispe", "kispe"),
        ("quispe", "qiuspe"),
        ("jimenez", "gimenez"),
        ("hernandez", "ernandes"),
        ("yupanqui", "llupanki"),
        ("vilca", "bilca"),
        ("chokke", "choque"),
        ("hussein", "husayn"),
        ("fatima", "fatma"),
        ("ana", "ane"),
        ("محمود", "محمد"),
        ("ተስፋዬ", "ተስፋየ"),
    ] {
        assert!(
            is_near(a, b) && is_near(b, a),
            "{a} {b}: {:?} {:?}",
            sound(a),
            sound(b)
        );
    }
    for (a, b) in [
        ("rosa", "luz"),
        ("ana", "eva"),
        ("ali", "bo"),
        ("maria", "mamani"),
        ("quispe", "condori"),
        ("mary", "moro"),
    ] {
        assert!(!is_near(a, b), "{a} {b}: {:?} {:?}", sound(a), sound(b));
    }
    assert!(edits("ab", "ba") == 1 && likeness("maria", "maria") > 0.99);
}

proptest! {
    /// Whatever is written finds itself, by each of its words, in any case.
    #[test]
    fn every_text_finds_itself(text in "\\PC{0,24}") {
        let kept = words(&text);
        for word in typed_words(&text) {
            prop_assert!(kept.iter().any(|kept| kept.starts_with(&word)), "{word:?} in {kept:?}");
        }
        for word in &kept {
            prop_assert!(!word.is_empty() && !word.contains(' '));
        }
    }
}
