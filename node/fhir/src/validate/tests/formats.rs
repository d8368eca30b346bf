//! Where the format of each primitive ends.

use super::*;

#[test]
fn each_primitive_ends_where_its_format_says() {
    let good_and_bad: [(&str, &[&str], &[&str]); 14] = [
        (
            "date",
            &["2024-02-29", "0001"],
            &[
                "2023-02-29",
                "2024-13",
                "2024-00",
                "2024-01-32",
                "2024-01-00",
                " 2024",
            ],
        ),
        (
            "dateTime",
            &["2024-02", "2024-02-29T23:59:59Z", "2024-02-29T00:00:00-11:30"],
            &[
                "2024-02-29T24:00:00Z",
                "2024-02-29T23:60:00Z",
                "2024-02-29T12Z",
                "2024-02-29 12:00:00Z",
            ],
        ),
        (
            "instant",
            &["2024-02-29T12:00:00.5+01:00"],
            &["2024-02-29T12:00:00", "2024-02-29T12:00Z", "2024-02"],
        ),
        (
            "time",
            &["00:00:00", "23:59:59.999"],
            &["24:00:00", "12:60:00", "12:00:00+01:00", "12"],
        ),
        ("code", &["a\tb"], &["a\n\nb", "\ta", "a\r"]),
        ("id", &["0", "-", "."], &["a b", "ä", "a_b"]),
        ("uri", &["a"], &["a\u{a0}b", "a\tb"]),
        ("url", &["http://x/y?z"], &["http://x y"]),
        ("canonical", &["http://x|1.0"], &["http://x| 1"]),
        (
            "oid",
            &["urn:oid:0.0", "urn:oid:2.999"],
            &[
                "urn:oid:",
                "urn:oid:1.",
                "urn:oid:1..2",
                "urn:oid:1.a",
                "urn:uuid:1.2",
            ],
        ),
        (
            "uuid",
            &["urn:uuid:5B0E3C0E-6A7D-5D0C-9B1F-2D7F0C9A4E11"],
            &[
                "urn:uuid:5b0e3c0e6a7d5d0c9b1f2d7f0c9a4e11",
                "urn:uuid:",
                "urn:oid:5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11",
            ],
        ),
        (
            "base64Binary",
            &["A+/9", "AAA=", "AA A=\n"],
            &["A", "AA", "A===", "=AAA", "AA-_", "AAAA===="],
        ),
        ("string", &["\t x", "a\r\n"], &["\n", "\u{0}", "x\u{1f}"]),
        ("markdown", &["# x\n"], &["", "\u{b}"]),
    ];
    for (type_code, good, bad) in good_and_bad {
        for (texts, passes) in [(good, true), (bad, false)] {
            for text in texts {
                let checked = primitive::check(type_code, &json!(*text));
                assert_eq!(checked.is_ok(), passes, "{type_code} {text:?}");
            }
        }
        // A text stands in quotes.
        for other in [json!(1), json!(true), json!({}), Json::Null] {
            assert!(
                primitive::check(type_code, &other).is_err(),
                "{type_code} {other}"
            );
        }
    }
}

#[test]
fn whole_numbers_are_of_32_bits_and_not_below_their_least() {
    for (type_code, least, most) in [
        ("integer", "-2147483648", "2147483647"),
        ("unsignedInt", "0", "2147483647"),
        ("positiveInt", "1", "2147483647"),
    ] {
        let check = |text: &str| primitive::check(type_code, &chaski_json::parse_str(text).unwrap());
        assert_eq!((check(least), check(most)), (Ok(()), Ok(())), "{type_code}");
        let below: i64 = least.parse::<i64>().unwrap() - 1;
        for wrong in [&below.to_string(), "2147483648", "1.5", "1e1", "\"1\"", "true"] {
            assert!(check(wrong).is_err(), "{type_code} {wrong}");
        }
    }
}

#[test]
fn a_text_has_a_greatest_length_and_a_name_that_is_none_is_doubted() {
    // A megabyte of text is the most; of what is coded, the record's own bound holds.
    let long = |bytes: usize| Json::from("a".repeat(bytes));
    let bytes_max = 1024 * 1024;
    for type_code in ["string", "markdown", "uri"] {
        assert_eq!(
            primitive::check(type_code, &long(bytes_max)),
            Ok(()),
            "{type_code}"
        );
        assert!(
            primitive::check(type_code, &long(bytes_max + 1)).is_err(),
            "{type_code}"
        );
    }
    assert_eq!(primitive::check("base64Binary", &long(bytes_max + 4)), Ok(()));
    assert_eq!(primitive::check("id", &long(64)), Ok(()));
    assert!(primitive::check("id", &long(65)).is_err());
    for (text, doubtful) in [
        ("urn:uuid:5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11", false),
        ("urn:uuid:5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11|2", false),
        ("urn:uuid:5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11#x", false),
        ("urn:uuid:x", true),
        ("urn:oid:1.2", false),
        ("urn:oid:1.2|3", false),
        ("urn:oid:1.x", true),
        ("urn:other", false),
    ] {
        for type_code in ["uri", "url", "canonical"] {
            assert_eq!(primitive::doubt(type_code, text).is_some(), doubtful, "{text}");
        }
        assert_eq!(primitive::doubt("string", text), None);
    }
}
