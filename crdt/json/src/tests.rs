//! What is read and what is refused, row by row: two readers of one text must never see two records.

use crate::{Json, Limits, Number, Object, ParseErrorKind, json, parse, parse_str};

fn kind(text: &str) -> ParseErrorKind {
    match parse_str(text) {
        Ok(value) => panic!("{text} is read as {value}"),
        Err(error) => error.kind,
    }
}

#[test]
fn an_escape_stands_for_one_character() {
    for (text, value) in [
        (r#""\"""#, "\""),
        (r#""\\""#, "\\"),
        (r#""\/""#, "/"),
        (r#""\b\f\n\r\t""#, "\u{8}\u{c}\n\r\t"),
        (r#""\u0000\u001f\u0041\u00e9\u00E9""#, "\0\u{1f}Aéé"),
        (r#""\ud7ff\ue000\uffff""#, "\u{d7ff}\u{e000}\u{ffff}"),
        (r#""\ud800\udc00""#, "\u{10000}"),
        (r#""\ud800\udfff""#, "\u{103ff}"),
        (r#""\udbff\udc00""#, "\u{10fc00}"),
        (r#""\udbff\udfff""#, "\u{10ffff}"),
        (r#""a\uD83D\uDE00z""#, "a😀z"),
        ("\"\u{7f}\u{80}\u{2028}/'é😀\"", "\u{7f}\u{80}\u{2028}/'é😀"),
        (r#""""#, ""),
    ] {
        assert_eq!(parse_str(text), Ok(Json::from(value)), "{text}");
    }
}

/// Also as a key, where a name is at stake instead of a value.
#[test]
fn half_a_surrogate_pair_is_refused_whatever_follows_it() {
    for half in [
        r"\ud800",
        r"\udbff",
        r"\udc00",
        r"\udfff",
        r"\ud800\u0041",
        r"\ud800\u0000",
        r"\ud800\ud800",
        r"\udbff\udbff",
        r"\ud800\ue000",
        r"\ud800\uffff",
        r"\udc00\ud800",
        r"\ud800\n",
        r"\ud800\\u",
        r"\ud800x",
        r"\ud800udc00",
        r"\ud83d\ude00\ud83d",
    ] {
        for text in [format!("\"{half}\""), format!("{{\"{half}\":1}}")] {
            assert_eq!(kind(&text), ParseErrorKind::LoneSurrogate, "{text}");
        }
    }
}

#[test]
fn an_escape_that_nobody_knows_is_refused() {
    for text in [
        r#""\u""#,
        r#""\u1""#,
        r#""\u00e""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        r#""\u-123""#,
        r#""\u 123""#,
        r#""\u00é9""#,
        r#""\ud83d\u""#,
        r#""\ud83d\u12""#,
        r#""\u004"#,
    ] {
        let expected = ParseErrorKind::Expected("four hexadecimal digits");
        assert_eq!(kind(text), expected, "{text}");
    }
    for text in [
        r#""\x41""#,
        r#""\0""#,
        r#""\U0041""#,
        r#""\'""#,
        r#""\N""#,
        "\"\\",
        "\"\\\n\"",
    ] {
        assert_eq!(kind(text), ParseErrorKind::Expected("an escape"), "{text}");
    }
    for text in ["\"", "\"a", r#""a\""#, "[\"a]"] {
        assert_eq!(
            kind(text),
            ParseErrorKind::Expected("the end of a string"),
            "{text}"
        );
    }
    for byte in 0..0x20_u8 {
        let text = format!("\"a{}\"", char::from(byte));
        assert_eq!(kind(&text), ParseErrorKind::ControlCharacter, "{byte}");
    }
}

#[test]
fn a_text_that_is_not_all_json_is_refused() {
    let values = "a value";
    for (text, expected) in [
        ("", values),
        (" ", values),
        ("[", values),
        ("[1,]", values),
        ("[,1]", values),
        ("[1,,2]", values),
        ("]", values),
        ("{\"a\":}", values),
        ("{\"a\":,\"b\":1}", values),
        ("tru", values),
        ("True", values),
        ("nulL", values),
        ("fals", values),
        ("NaN", values),
        ("'a'", values),
        ("+1", values),
        (".5", values),
        ("//", values),
        ("\u{b}1", values),
        ("\u{a0}1", values),
        ("\u{feff}\u{feff}1", values),
        ("[1", "',' or ']'"),
        ("[1 2]", "',' or ']'"),
        ("[1}", "',' or ']'"),
        ("[1:2]", "',' or ']'"),
        ("{", "a key in quotes"),
        ("{,}", "a key in quotes"),
        ("{1:2}", "a key in quotes"),
        ("{\"a\":1,}", "a key in quotes"),
        ("{\"a\"}", "':'"),
        ("{\"a\" 1}", "':'"),
        ("{\"a\",1}", "':'"),
        ("{\"a\":1", "',' or '}'"),
        ("{\"a\":1]", "',' or '}'"),
        ("{\"a\":1 \"b\":2}", "',' or '}'"),
        ("-", "a number"),
        ("01", "a number"),
        ("1.", "a number"),
        ("1e", "a number"),
        ("1-2", "a number"),
        ("[-a]", "a number"),
    ] {
        assert_eq!(kind(text), ParseErrorKind::Expected(expected), "{text}");
    }
    for text in [
        "1 2", "{} x", "[] ]", "truex", "null,", "\"a\"b", "{}\u{b}", "1\0",
    ] {
        assert_eq!(kind(text), ParseErrorKind::Trailing, "{text}");
    }
}

#[test]
fn space_may_stand_between_everything_and_nothing_else_counts_as_space() {
    let spaced = " \t\r\n[ 1 ,\n{ \"a\"\t:\r null , \"b\":[ ] , \"c\" : { } } , true , false , \" x \" ] \n";
    let tight = r#"[1,{"a":null,"b":[],"c":{}},true,false," x "]"#;
    assert_eq!(parse_str(spaced).unwrap().canonical(), tight);
    assert_eq!(parse_str(tight), parse_str(spaced));
    // A mark at the beginning, as some editors leave it.
    assert_eq!(parse_str("\u{feff}{}"), Ok(json!({})));
}

/// Which of two values a reader takes would be chance; written otherwise it is the same name.
#[test]
fn a_name_stands_once_in_an_object() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"[{"x":{"a":null,"a":null}}]"#,
    ] {
        let expected = ParseErrorKind::DuplicateKey { key: "a".to_owned() };
        assert_eq!(kind(text), expected, "{text}");
    }
    assert!(parse_str(r#"{"a":{"a":[{"a":1},{"a":2}]},"A":1}"#).is_ok());
    let long = "é".repeat(65);
    let twice = format!("{{\"{long}\":1,\"{long}\":2}}");
    let key = "é".repeat(64);
    assert_eq!(kind(&twice), ParseErrorKind::DuplicateKey { key });
}

#[test]
fn what_is_wrong_is_where_it_is_said_to_be() {
    for (text, offset_bytes, line, column) in [
        ("x", 0, 1, 1),
        ("[1,\n2,\n x]", 8, 3, 2),
        ("\n\n", 2, 3, 1),
        ("{\n\"é\" 1}", 7, 2, 6),
        ("{\"a\":1,\n \"a\":2}", 9, 2, 2),
        ("[1]\n]", 4, 2, 1),
        ("\"a\nb\"", 2, 1, 3),
    ] {
        let error = parse_str(text).unwrap_err();
        let told = (error.offset_bytes, error.line, error.column);
        assert_eq!(told, (offset_bytes, line, column), "{text:?}");
    }
    let error = parse(b"[\n\"\xc3\"]", &Limits::default()).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::NotUtf8);
    assert_eq!((error.offset_bytes, error.line, error.column), (3, 2, 2));
}

#[test]
fn bounds_hold_to_the_byte_and_to_the_level() {
    let limits = |bytes_max, depth_max| Limits { bytes_max, depth_max };
    assert_eq!(Limits::default(), limits(64 << 20, 100));
    assert!(parse(b"123", &limits(3, 0)).is_ok());
    let error = parse(b"1234", &limits(3, 0)).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge { bytes_max: 3 });
    assert_eq!((error.offset_bytes, error.line, error.column), (3, 1, 1));
    for (text, levels) in [
        ("1", 0),
        ("[]", 0),
        ("{}", 0),
        ("[1]", 1),
        ("{\"a\":1}", 1),
        ("[[]]", 1),
        ("[{\"a\":[1]}]", 3),
        ("{\"a\":{\"a\":{\"a\":{}}}}", 3),
        // Side by side is not one inside another.
        ("[[1],[2],{\"a\":3},{\"b\":[]},[]]", 2),
    ] {
        assert!(parse(text.as_bytes(), &limits(100, levels)).is_ok(), "{text}");
        if let Some(fewer) = usize::checked_sub(levels, 1) {
            let error = parse(text.as_bytes(), &limits(100, fewer)).unwrap_err();
            assert_eq!(error.kind, ParseErrorKind::TooDeep { depth_max: fewer }, "{text}");
        }
    }
}

#[test]
fn a_number_is_what_is_written_and_a_whole_one_only_if_written_so() {
    let most = u64::MAX.to_string();
    for (text, signed, unsigned) in [
        ("0", Some(0), Some(0)),
        ("-0", Some(0), None),
        ("-1", Some(-1), None),
        ("7", Some(7), Some(7)),
        ("9223372036854775807", Some(i64::MAX), Some(i64::MAX as u64)),
        ("9223372036854775808", None, Some(1 << 63)),
        ("-9223372036854775808", Some(i64::MIN), None),
        ("-9223372036854775809", None, None),
        (&most, None, Some(u64::MAX)),
        ("18446744073709551616", None, None),
        ("1.0", None, None),
        ("1e2", None, None),
    ] {
        let value = parse_str(text).unwrap();
        assert_eq!((value.as_i64(), value.as_u64()), (signed, unsigned), "{text}");
        assert_eq!(value.canonical(), text);
    }
    for (text, value) in [
        ("0.1", 0.1),
        ("-2.5e-1", -0.25),
        ("1E+2", 100.0),
        ("1.50", 1.5),
        ("1e400", f64::INFINITY),
        ("-1e400", f64::NEG_INFINITY),
    ] {
        assert_eq!(parse_str(text).unwrap().as_f64(), Some(value), "{text}");
    }
    // 1.0 mg was measured less exactly than 1.00 mg.
    assert_ne!(Number::parse("1.0"), Number::parse("1.00"));
    for bad in [
        "-", "--1", "-01", "00", "1.e1", "1.2.3", "1e5.0", "1e5e5", "1e+-5", "e5", "1 ", " 1", "١", "1_0",
        "Infinity", "-.5", "1.5e", "0x1f", "1e5 ",
    ] {
        assert_eq!(Number::parse(bad), None, "{bad}");
    }
    for good in ["0", "-0.0", "0e0", "0.5", "10", "1e05", "9.90E-010"] {
        let number = Number::parse(good).unwrap();
        assert_eq!((number.as_str(), number.to_string().as_str()), (good, good));
        assert_eq!(format!("{number:?}"), good);
    }
    let made = [
        Json::from(i32::MIN),
        Json::from(u32::MAX),
        Json::from(i64::MIN),
        Json::from(u64::MAX),
        Json::from(usize::MAX),
    ];
    let texts = made.each_ref().map(Json::canonical);
    let expected = [
        i32::MIN.to_string(),
        u32::MAX.to_string(),
        i64::MIN.to_string(),
        most.clone(),
        usize::MAX.to_string(),
    ];
    assert_eq!(texts, expected);
}

/// A pointer names one place, whatever signs a name is made of.
#[test]
fn a_pointer_leads_to_the_member_it_names() {
    let value = json!({
        "a~b": 1, "a/b": 2, "~1": 3, "/": 4, "~0": 5, "~": 6, "": 7, "a": {"b": 8, "": 9},
        "x": [10, [20, 21], {"0": 30}], "~01": 11,
    });
    for (pointer, found) in [
        ("/a~0b", Some(1)),
        ("/a~1b", Some(2)),
        ("/~01", Some(3)),
        ("/~1", Some(4)),
        ("/~00", Some(5)),
        ("/~0", Some(6)),
        ("/", Some(7)),
        ("/a/b", Some(8)),
        ("/a/", Some(9)),
        ("/~001", Some(11)),
        ("/x/0", Some(10)),
        ("/x/1/0", Some(20)),
        ("/x/1/1", Some(21)),
        ("/x/2/0", Some(30)),
        ("/x/3", None),
        ("/x/-", None),
        ("/x/-1", None),
        ("/x/0/0", None),
        ("/nothing", None),
        ("a", None),
        ("x/0", None),
        ("/a/b/c", None),
    ] {
        assert_eq!(
            value.pointer(pointer),
            found.map(Json::from).as_ref(),
            "{pointer}"
        );
    }
    assert_eq!(value.pointer(""), Some(&value));
}

#[test]
fn a_value_is_of_one_kind_and_of_no_other() {
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(1),
        json!("a"),
        json!(["a", 2]),
        json!({"a": 1}),
    ];
    for (at, value) in values.iter().enumerate() {
        let mut value = value.clone();
        assert_eq!(value.is_null(), at == 0);
        assert_eq!(
            value.as_bool(),
            [None, Some(true), Some(false)].get(at).copied().flatten()
        );
        assert_eq!(value.as_number().map(Number::as_str), (at == 3).then_some("1"));
        assert_eq!(
            (value.as_i64(), value.as_u64()),
            if at == 3 { (Some(1), Some(1)) } else { (None, None) }
        );
        assert_eq!(value.as_f64(), (at == 3).then_some(1.0));
        assert_eq!(value.as_str(), (at == 4).then_some("a"));
        assert_eq!(value.as_array().map(Vec::len), (at == 5).then_some(2));
        assert_eq!(value.at(1), (at == 5).then_some(&json!(2)));
        assert_eq!((value.at(2), value.get("b")), (None, None));
        assert_eq!(value.as_object().map(Object::len), (at == 6).then_some(1));
        assert_eq!(value.get("a"), (at == 6).then_some(&json!(1)));
        if let Some(items) = value.as_array_mut() {
            items.push(json!(3));
        }
        if let Some(members) = value.as_object_mut() {
            members.insert("b".to_owned(), json!(2));
        }
        if let Some(member) = value.get_mut("a") {
            assert_eq!(member.take(), json!(1));
        }
        let expected = match at {
            5 => json!(["a", 2, 3]),
            6 => json!({"a": null, "b": 2}),
            _ => values[at].clone(),
        };
        assert_eq!(value, expected);
        assert_eq!((value.take(), value), (expected, Json::Null));
    }
}

#[test]
fn what_is_turned_into_json_says_the_same() {
    let text = String::from("a");
    for (value, canonical) in [
        (Json::from("a"), r#""a""#),
        (Json::from(&text), r#""a""#),
        (Json::from(text.clone()), r#""a""#),
        (Json::from(true), "true"),
        (Json::from(Number::parse("1.50").unwrap()), "1.50"),
        (Json::from(Some("a")), r#""a""#),
        (Json::from(None::<&str>), "null"),
        (Json::from(vec![Json::Null, json!(1)]), "[null,1]"),
        (Json::from(&json!([1])), "[1]"),
        (["b", "a"].map(Json::from).into_iter().collect(), r#"["b","a"]"#),
        (
            [("b".to_owned(), json!(1)), ("a".to_owned(), json!(2))]
                .into_iter()
                .collect(),
            r#"{"a":2,"b":1}"#,
        ),
        (
            json!([-1, 1_000.50, -0.5, "x", [], {}, null, [[1]]]),
            r#"[-1,1000.50,-0.5,"x",[],{},null,[[1]]]"#,
        ),
    ] {
        assert_eq!(value.canonical(), canonical);
        assert_eq!(
            (value.to_string(), format!("{value:?}")),
            (canonical.to_owned(), canonical.to_owned())
        );
    }
}

#[test]
fn the_canonical_text_escapes_what_it_must_and_nothing_else() {
    for byte in 0..0x80_u8 {
        let character = char::from(byte);
        let expected = match character {
            '"' => r#"\""#.to_owned(),
            '\\' => r"\\".to_owned(),
            '\n' => r"\n".to_owned(),
            '\r' => r"\r".to_owned(),
            '\t' => r"\t".to_owned(),
            '\u{8}' => r"\b".to_owned(),
            '\u{c}' => r"\f".to_owned(),
            control if byte < 0x20 => format!("\\u{:04x}", u32::from(control)),
            plain => plain.to_string(),
        };
        let text = format!("é{character}😀{character}{character}z");
        let written = format!("\"é{expected}😀{expected}{expected}z\"");
        assert_eq!(Json::from(text.as_str()).canonical(), written);
        let mut object = Object::new();
        object.insert(text, json!(1));
        assert_eq!(Json::from(object).canonical(), format!("{{{written}:1}}"));
    }
    assert_eq!(Json::from("\u{80}\u{2028}").canonical(), "\"\u{80}\u{2028}\"");
    let value = parse_str(r#" {"b":[1.0,{"d":null,"c":true}],"a":false,"B":""} "#).unwrap();
    assert_eq!(
        value.canonical(),
        r#"{"B":"","a":false,"b":[1.0,{"c":true,"d":null}]}"#
    );
}

#[test]
fn the_text_for_people_begins_with_what_they_look_for() {
    let value = json!({
        "active": true, "id": "p1", "name": [{"family": "Quispe", "given": ["Ana", "María"]}, {}], "address": [],
        "meta": {"versionId": "1"}, "resourceType": "Patient", "none": null,
    });
    let expected = r#"{
  "resourceType": "Patient",
  "id": "p1",
  "meta": {
    "versionId": "1"
  },
  "active": true,
  "address": [],
  "name": [
    {
      "family": "Quispe",
      "given": [
        "Ana",
        "María"
      ]
    },
    {}
  ],
  "none": null
}"#;
    assert_eq!(value.pretty(), expected);
    assert_eq!(json!([1, "\n"]).pretty(), "[\n  1,\n  \"\\n\"\n]");
    assert_eq!(json!("a").pretty(), "\"a\"");
}
